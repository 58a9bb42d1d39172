//! A unary call to a tonic service, without the network: from the request's head to the response's trailers. The community's layer makes
//! spans through `tracing`; it has no metrics, and reads the status of the response's head, while the kit reads the trailers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use criterion::Criterion;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::Sampler;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tonic_tracing_opentelemetry::middleware::server::OtelGrpcLayer;
use tower::{Layer, Service};
use tracing_subscriber::layer::SubscriberExt;

use crate::{ThreadCpu, kits, sdk};

/// What tonic's generated code does for a service of one method.
#[derive(Clone)]
struct Echo;

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<(), ()>::default()).unary(Answer, request).await) })
    }
}

struct Answer;

impl Service<tonic::Request<()>> for Answer {
    type Response = tonic::Response<()>;
    type Error = tonic::Status;
    type Future = Ready<Result<tonic::Response<()>, tonic::Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), tonic::Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        ready(Ok(tonic::Response::new(())))
    }
}

fn request() -> Request<Body> {
    let empty_message = Full::new(bytes::Bytes::from_static(&[0; 5]));
    let request = Request::post("http://shop:9092/shop.Orders/Take").header("content-type", "application/grpc");
    request.body(Body::new(empty_message)).unwrap()
}

fn call<S, B>(service: &S)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    // tonic clones a service for each call, too.
    let response = service.clone().call(request()).now_or_never().unwrap().unwrap();
    let answer = response.into_body().collect().now_or_never().unwrap().unwrap();
    assert!(answer.trailers().is_some());
}

pub(crate) fn benches(c: &mut Criterion<ThreadCpu>) {
    let mut group = c.benchmark_group("unary");
    group.bench_function("bare", |b| b.iter(|| call(&Echo)));
    for (name, kit) in kits() {
        let service = kit.grpc_server_layer().layer(Echo);
        group.bench_function(name, |b| b.iter(|| call(&service)));
    }
    for (name, sampler) in [("tonic-unsampled", Sampler::AlwaysOff), ("tonic-sampled", Sampler::AlwaysOn)] {
        let provider = sdk(sampler);
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let service = OtelGrpcLayer::default().layer(Echo);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(spans), || {
            group.bench_function(name, |b| b.iter(|| call(&service)));
        });
    }
}
