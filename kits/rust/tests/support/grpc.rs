//! An OTLP/gRPC receiver that gives one answer to everything.

use std::net::SocketAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// `None` takes what comes.
#[derive(Clone, Default)]
struct Answer(Option<Status>);

impl Answer {
    fn give<R: Default>(&self) -> Result<Response<R>, Status> {
        self.0.clone().map_or_else(|| Ok(Response::new(R::default())), Err)
    }
}

#[tonic::async_trait]
impl TraceService for Answer {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.give()
    }
}

#[tonic::async_trait]
impl LogsService for Answer {
    async fn export(
        &self,
        _: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.give()
    }
}

/// A failure that says when to come back.
pub fn failure(code: Code, after: Option<Duration>) -> Status {
    match after {
        Some(after) => Status::with_error_details(code, "not now", ErrorDetails::with_retry_info(Some(after))),
        None => Status::new(code, "not now"),
    }
}

/// Serves traces and logs on a thread of its own; gives the URL.
pub fn serve(answer: Option<Status>) -> String {
    format!("http://{}", serve_with(Server::builder(), answer))
}

#[cfg(feature = "tls")]
pub fn serve_tls(answer: Option<Status>, tls: tonic::transport::ServerTlsConfig) -> String {
    format!("https://{}", serve_with(Server::builder().tls_config(tls).unwrap(), answer))
}

fn serve_with(mut server: Server, answer: Option<Status>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Answer(answer);
    let traces = TraceServiceServer::new(answer.clone()).accept_compressed(CompressionEncoding::Gzip);
    let logs = LogsServiceServer::new(answer).accept_compressed(CompressionEncoding::Gzip);
    let server = server
        .add_service(traces.max_decoding_message_size(64 << 20))
        .add_service(logs.max_decoding_message_size(64 << 20));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    address
}
