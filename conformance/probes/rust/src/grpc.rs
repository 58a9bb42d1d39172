//! gRPC: a health service by hand that does what the name of the service asked for says, unary and streaming.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{self};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use throughline::GrpcClient;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Layer, Service};

use crate::Scene;
use crate::http::refusing;

#[derive(Clone, PartialEq, prost::Message)]
struct Ask {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(int32, tag = "1")]
    status: i32,
}

async fn behave(name: &str) -> Result<Answer, Status> {
    match name {
        "not found" => Err(Status::not_found("no such order: ü")),
        "internal" => Err(Status::internal("disk full")),
        "panic" => panic!("deliberate"),
        "wait" => std::future::pending().await,
        _ => Ok(Answer::default()),
    }
}

#[derive(Clone)]
struct Health;

impl NamedService for Health {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl UnaryService<Ask> for Health {
    type Response = Answer;
    type Future = BoxFuture<'static, Result<Response<Answer>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        Box::pin(async move { behave(&request.get_ref().service).await.map(Response::new) })
    }
}

impl ServerStreamingService<Ask> for Health {
    type Response = Answer;
    type ResponseStream = BoxStream<'static, Result<Answer, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        let answers = stream::iter([Ok(Answer::default()), Ok(Answer::default())]);
        let end = stream::once(async move { behave(&request.get_ref().service).await }).filter(|end| {
            let failed = end.is_err();
            async move { failed }
        });
        Box::pin(async move { Ok(Response::new(answers.chain(end).boxed())) })
    }
}

impl Service<http::Request<Body>> for Health {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Answer, Ask>::default());
            Ok(match request.uri().path() {
                "/grpc.health.v1.Health/Check" => grpc.unary(Health, request).await,
                _ => grpc.server_streaming(Health, request).await,
            })
        })
    }
}

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let address = match scenario {
        "grpc-client-refused" => refusing().trim_start_matches("http://").to_owned(),
        // The server's span is not of interest: who ends first is chance.
        "grpc-client-deadline" => serve_plainly().await,
        _ => serve(scene).await,
    };
    match scenario {
        "grpc-unary-ok" | "grpc-client-refused" => unary(scene, &address, "").await,
        "grpc-unary-not-found" => unary(scene, &address, "not found").await,
        "grpc-unary-internal" => unary(scene, &address, "internal").await,
        "grpc-unary-panic" => unary(scene, &address, "panic").await,
        "grpc-client-deadline" => unary(scene, &address, "wait").await,
        "grpc-stream-ok" => streaming(scene, &address, "", 9).await,
        "grpc-stream-fails-in-trailers" => streaming(scene, &address, "internal", 9).await,
        "grpc-stream-panic" => streaming(scene, &address, "panic", 9).await,
        "grpc-stream-abandoned" => streaming(scene, &address, "wait", 1).await,
        "grpc-server-unknown-method" => {
            let mut client = Client::new(endpoint(&address));
            client.ready().await.unwrap();
            let path = PathAndQuery::from_static("/no.such/Method");
            let codec = ProstCodec::<Ask, Answer>::default();
            client.unary(Request::new(Ask::default()), path, codec).await.unwrap_err();
        }
        _ => return false,
    }
    true
}

async fn serve(scene: &Scene) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().layer(scene.kit.grpc_server_layer()).add_service(Health);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    address
}

async fn serve_plainly() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().add_service(Health);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    address
}

fn endpoint(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

fn ask(service: &str) -> Request<Ask> {
    let mut request = Request::new(Ask { service: service.to_owned() });
    if service == "wait" {
        request.set_timeout(Duration::from_millis(50));
    }
    request
}

async fn client(scene: &Scene, address: &str) -> Client<GrpcClient<Channel>> {
    let mut client = Client::new(scene.kit.grpc_client_layer(address).layer(endpoint(address)));
    client.ready().await.unwrap();
    client
}

async fn unary(scene: &Scene, address: &str, service: &str) {
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<Ask, Answer>::default();
    let _ = client(scene, address).await.unary(ask(service), path, codec).await;
}

/// Reads at most so many answers and then goes away.
async fn streaming(scene: &Scene, address: &str, service: &str, answers: usize) {
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
    let codec = ProstCodec::<Ask, Answer>::default();
    let request = Request::new(Ask { service: service.to_owned() });
    let mut stream = client(scene, address).await.server_streaming(request, path, codec).await.unwrap().into_inner();
    for _ in 0..answers {
        if !matches!(stream.message().await, Ok(Some(_))) {
            return;
        }
    }
}
