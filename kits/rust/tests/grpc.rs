//! gRPC servers and clients over a real connection. OTLP's own trace service is the guinea pig: unary, and already generated.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_sdk::trace::SpanData;
use support::{Bench, attribute, attributes, is_child, status, until};
use throughline::GrpcClient;
use throughline::opentelemetry::trace::SpanKind;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::Layer;

const METHOD: &str = "opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Answers by the number of resources it is sent.
struct Guinea;

#[tonic::async_trait]
impl TraceService for Guinea {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        match request.get_ref().resource_spans.len() {
            0 => Ok(Response::new(ExportTraceServiceResponse::default())),
            1 => Err(Status::not_found("no such thing: ü")),
            2 => Err(Status::internal("disk full")),
            3 => panic!("deliberate"),
            _ => std::future::pending().await,
        }
    }
}

type Client = TraceServiceClient<GrpcClient<Channel>>;

async fn start(bench: &Bench) -> (Client, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = Server::builder().layer(bench.kit.grpc_server_layer()).add_service(TraceServiceServer::new(Guinea));
    tokio::spawn(async move { server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap() });
    (TraceServiceClient::new(channel(bench, &address)), address)
}

fn channel(bench: &Bench, address: &str) -> GrpcClient<Channel> {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    bench.kit.grpc_client_layer(address).layer(channel)
}

fn ask(resources: usize) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans::default(); resources] }
}

fn of_kind(bench: &Bench, kind: SpanKind) -> SpanData {
    let mut found: Vec<_> = bench.spans().into_iter().filter(|span| span.span_kind == kind).collect();
    assert_eq!(found.len(), 1, "{kind:?}");
    found.remove(0)
}

#[tokio::test]
async fn a_call_is_one_trace_of_client_and_server() {
    let bench = Bench::new();
    let (mut client, address) = start(&bench).await;
    client.export(ask(0)).await.unwrap();
    let (call, served) = (of_kind(&bench, SpanKind::Client), of_kind(&bench, SpanKind::Server));
    assert!(is_child(&served, &call));
    assert_eq!((call.name.as_ref(), served.name.as_ref()), (METHOD, METHOD));
    let port = address.rsplit(':').next().unwrap();
    let mut expected = vec![
        format!("rpc.method={METHOD}"),
        "rpc.response.status_code=OK".to_owned(),
        "rpc.system.name=grpc".to_owned(),
        "server.address=127.0.0.1".to_owned(),
        format!("server.port={port}"),
    ];
    assert_eq!(attributes(&call), expected);
    expected.insert(0, "client.address=127.0.0.1".to_owned());
    assert_eq!(attributes(&served), expected);
    assert_eq!((status(&call).as_str(), status(&served).as_str()), ("unset", "unset"));
    for metric in ["rpc.client.call.duration", "rpc.server.call.duration"] {
        assert_eq!(bench.point(metric, &[("rpc.response.status_code", "OK")]), Some(1.0));
    }
}

#[tokio::test]
async fn every_status_but_ok_fails_the_client_and_six_fail_the_server() {
    let bench = Bench::new();
    let (mut client, _) = start(&bench).await;
    assert_eq!(client.export(ask(1)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.export(ask(2)).await.unwrap_err().code(), Code::Internal);
    let spans = bench.spans();
    let find = |kind: SpanKind, code: &str| {
        let code = Some(code.to_owned());
        let mut all = spans.iter();
        all.find(|span| span.span_kind == kind && attribute(span, "rpc.response.status_code") == code).unwrap()
    };
    let call = find(SpanKind::Client, "NOT_FOUND");
    assert_eq!(status(call), "error: no such thing: ü");
    assert_eq!(attribute(call, "error.type").as_deref(), Some("NOT_FOUND"));
    let served = find(SpanKind::Server, "NOT_FOUND");
    assert_eq!((status(served).as_str(), attribute(served, "error.type")), ("unset", None));
    for kind in [SpanKind::Client, SpanKind::Server] {
        let span = find(kind, "INTERNAL");
        assert_eq!(
            (status(span).as_str(), attribute(span, "error.type").as_deref()),
            ("error: disk full", Some("INTERNAL"))
        );
    }
}

#[tokio::test]
async fn a_panic_fails_its_call_and_nothing_else() {
    let bench = Bench::new();
    let (mut client, _) = start(&bench).await;
    let error = client.export(ask(3)).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
    client.export(ask(0)).await.unwrap();
    let spans = bench.spans();
    let mut served = spans.iter().filter(|span| span.span_kind == SpanKind::Server);
    let failed = served.find(|span| attribute(span, "error.type").as_deref() == Some("panic")).unwrap();
    assert_eq!(attribute(failed, "rpc.response.status_code").as_deref(), Some("INTERNAL"));
    assert_eq!(status(failed), "error: ");
}

#[tokio::test]
async fn names_callers_invent_do_not_become_names() {
    let bench = Bench::new();
    let (_, address) = start(&bench).await;
    let mut stranger = LogsServiceClient::new(channel(&bench, &address));
    assert_eq!(stranger.export(tonic::Request::new(Default::default())).await.unwrap_err().code(), Code::Unimplemented);
    let served = of_kind(&bench, SpanKind::Server);
    assert_eq!(served.name, "_OTHER");
    assert_eq!(
        attribute(&served, "rpc.method_original").unwrap(),
        "opentelemetry.proto.collector.logs.v1.LogsService/Export"
    );
    assert_eq!(bench.point("rpc.server.call.duration", &[("rpc.method", "_OTHER")]), Some(1.0));
}

#[tokio::test]
async fn a_call_given_up_is_canceled_on_both_sides() {
    let bench = Bench::new();
    let (mut client, _) = start(&bench).await;
    let call = client.export(ask(4));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    until("both spans", || bench.spans().len() == 2).await;
    for span in bench.spans() {
        assert_eq!(attribute(&span, "rpc.response.status_code").as_deref(), Some("CANCELLED"));
    }
    assert_eq!(status(&of_kind(&bench, SpanKind::Client)), "error: ");
    assert_eq!(status(&of_kind(&bench, SpanKind::Server)), "unset");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let bench = Bench::new();
    let refused = support::receiver::refusing();
    let mut client = TraceServiceClient::new(channel(&bench, refused.strip_prefix("http://").unwrap()));
    assert_eq!(client.export(ask(0)).await.unwrap_err().code(), Code::Unavailable);
    let call = of_kind(&bench, SpanKind::Client);
    assert_eq!(attribute(&call, "error.type").as_deref(), Some("UNAVAILABLE"));
}
