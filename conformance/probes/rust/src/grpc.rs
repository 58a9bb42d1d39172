//! gRPC: a health service by hand that does what the name of the service asked for says, unary and streaming.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::uri::PathAndQuery;
use axum::http::{self};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use throughline::GrpcClient;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, ServerStreamingService, StreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Layer, Service};

use crate::Scene;
use crate::http::refusing;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ask {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Answer {
    #[prost(int32, tag = "1")]
    status: i32,
}

async fn behave(name: &str) -> Result<Answer, Status> {
    match name {
        "not found" => Err(Status::not_found("no such order: ü")),
        "internal" => Err(Status::internal("disk full")),
        "secret" => Err(Status::internal("no login with password=hunter2")),
        "panic" => panic!("deliberate"),
        "wait" | "wait for ever" => std::future::pending().await,
        _ => Ok(Answer::default()),
    }
}

/// Told of each call of a unary method: its metadata, and whether to go on once it was told.
pub(crate) type Witness = Arc<dyn Fn(&MetadataMap) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Health(Witness);

impl Health {
    pub(crate) fn told(witness: impl Fn(&MetadataMap) + Send + Sync + 'static) -> Self {
        Health(Arc::new(witness))
    }
}

impl NamedService for Health {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl UnaryService<Ask> for Health {
    type Response = Answer;
    type Future = BoxFuture<'static, Result<Response<Answer>, Status>>;

    fn call(&mut self, request: Request<Ask>) -> Self::Future {
        (self.0)(request.metadata());
        Box::pin(async move { behave(&request.get_ref().service).await.map(Response::new) })
    }
}

/// Answers each request until the last, which says how to end.
impl StreamingService<Ask> for Health {
    type Response = Answer;
    type ResponseStream = BoxStream<'static, Result<Answer, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<Ask>>) -> Self::Future {
        let answers = request.into_inner().then(|ask| async move { behave(&ask?.service).await });
        Box::pin(async move { Ok(Response::new(answers.boxed())) })
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
        let health = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Answer, Ask>::default());
            Ok(match request.uri().path() {
                "/grpc.health.v1.Health/Check" => grpc.unary(health, request).await,
                "/grpc.health.v1.Health/Talk" => grpc.streaming(health, request).await,
                _ => grpc.server_streaming(health, request).await,
            })
        })
    }
}

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let address = match scenario {
        "grpc-client-refused" => refusing().trim_start_matches("http://").to_owned(),
        // The server's span is not of interest: who ends first is chance.
        "grpc-client-deadline" => serve_plainly(Health::told(|_| {})).await,
        "grpc-client-canceled" | "grpc-server-left" => return left(scenario, scene).await,
        _ => serve(scene, Health::told(|_| {})).await,
    };
    match scenario {
        "grpc-unary-ok" | "grpc-client-refused" => unary(scene, &address, "").await,
        "grpc-unary-not-found" => unary(scene, &address, "not found").await,
        "grpc-unary-internal" => unary(scene, &address, "internal").await,
        "grpc-unary-panic" => unary(scene, &address, "panic").await,
        "grpc-client-deadline" => unary(scene, &address, "wait").await,
        "grpc-secret" => unary(scene, &address, "secret").await,
        "grpc-talk-ok" => talk(scene, &address, "").await,
        "grpc-talk-not-found" => talk(scene, &address, "not found").await,
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

/// The caller goes away while the method waits.
async fn left(scenario: &str, scene: &Scene) -> bool {
    let begun = Arc::new(Notify::new());
    let told = Arc::clone(&begun);
    let health = Health::told(move |_| told.notify_one());
    if scenario == "grpc-client-canceled" {
        let address = serve_plainly(health).await;
        tokio::select! {
            () = unary(scene, &address, "wait for ever") => {}
            () = begun.notified() => {}
        }
    } else {
        let address = serve(scene, health).await;
        tokio::select! {
            () = plain_unary(&address, ask("wait for ever")) => {}
            () = begun.notified() => {}
        }
    }
    true
}

pub(crate) async fn plain_unary(address: &str, request: Request<Ask>) {
    let mut client = Client::new(endpoint(address));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let _ = client.unary(request, path, ProstCodec::<Ask, Answer>::default()).await;
}

/// Sends two requests, each after the answer to the one before, and ends.
async fn talk(scene: &Scene, address: &str, last: &str) {
    let (asks, requests) = tokio::sync::mpsc::unbounded_channel();
    let requests = stream::unfold(requests, |mut requests| async move { Some((requests.recv().await?, requests)) });
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Talk");
    let mut client = client(scene, address).await;
    asks.send(Ask::default()).unwrap();
    let codec = ProstCodec::<Ask, Answer>::default();
    let mut answers = client.streaming(Request::new(requests), path, codec).await.unwrap().into_inner();
    answers.message().await.unwrap();
    asks.send(Ask { service: last.to_owned() }).unwrap();
    if answers.message().await.is_ok() {
        drop(asks);
        assert!(answers.message().await.unwrap().is_none());
    }
}

pub(crate) async fn serve(scene: &Scene, health: Health) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().layer(scene.kit.grpc_server_layer()).add_service(health);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    address
}

pub(crate) async fn serve_plainly(health: Health) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().add_service(health);
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    address
}

fn endpoint(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

pub(crate) fn ask(service: &str) -> Request<Ask> {
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

pub(crate) async fn unary(scene: &Scene, address: &str, service: &str) {
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
