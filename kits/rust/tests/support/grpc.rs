//! The receiver over gRPC, and one that gives the same answer to everything.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::receiver::{Inbox, Receiver};

/// Keeps what comes, unless it has a failure to answer.
#[derive(Clone, Default)]
struct Services {
    failure: Option<Status>,
    inbox: Arc<Mutex<Inbox>>,
}

impl Services {
    fn keep<M, R: Default>(
        &self,
        request: Request<M>,
        place: fn(&mut Inbox) -> &mut Vec<M>,
    ) -> Result<Response<R>, Status> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut inbox = self.inbox.lock().unwrap();
        if let Some(code) = inbox.refusals.pop() {
            return Err(Status::new(Code::from_i32(code.into()), "refused"));
        }
        let header = |name: &str| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned());
        inbox.encodings.push(header("grpc-encoding").unwrap_or_default());
        inbox.authorizations.extend(header("authorization"));
        place(&mut inbox).push(request.into_inner());
        Ok(Response::new(R::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(request, |inbox| &mut inbox.traces)
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep(request, |inbox| &mut inbox.metrics)
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.keep(request, |inbox| &mut inbox.logs)
    }
}

/// A receiver that keeps what it was sent.
pub fn start() -> Receiver {
    let inbox = Arc::<Mutex<Inbox>>::default();
    let services = Services { failure: None, inbox: Arc::clone(&inbox) };
    Receiver { inbox, url: format!("http://{}", serve_with(Server::builder(), services)) }
}

/// A failure that says when to come back.
pub fn failure(code: Code, after: Option<Duration>) -> Status {
    match after {
        Some(after) => Status::with_error_details(code, "not now", ErrorDetails::with_retry_info(Some(after))),
        None => Status::new(code, "not now"),
    }
}

/// The URL of a receiver that always answers this.
pub fn failing(failure: Status) -> String {
    let services = Services { failure: Some(failure), ..Services::default() };
    format!("http://{}", serve_with(Server::builder(), services))
}

#[cfg(feature = "tls")]
pub fn start_tls(tls: tonic::transport::ServerTlsConfig) -> String {
    format!("https://{}", serve_with(Server::builder().tls_config(tls).unwrap(), Services::default()))
}

/// On a thread of its own, so that tests without a runtime can use it.
fn serve_with(mut server: Server, services: Services) -> SocketAddr {
    const MESSAGE_BYTES_MAX: usize = 64 << 20;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let traces = TraceServiceServer::new(services.clone()).accept_compressed(CompressionEncoding::Gzip);
    let metrics = MetricsServiceServer::new(services.clone()).accept_compressed(CompressionEncoding::Gzip);
    let logs = LogsServiceServer::new(services).accept_compressed(CompressionEncoding::Gzip);
    let server = server
        .add_service(traces.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(metrics.max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(logs.max_decoding_message_size(MESSAGE_BYTES_MAX));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    address
}
