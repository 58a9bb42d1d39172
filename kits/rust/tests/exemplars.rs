//! Metrics lead to traces: measurements of sampled spans leave exemplars, over both transports, compressed or not.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use support::receiver::Receiver;
use throughline::{Config, Kit, Protocol};
use tonic::transport::server::TcpIncoming;

const AMPLE: Duration = Duration::from_secs(10);

async fn tasks(kit: &Kit) {
    let _ = kit.spawn("quick", async {}).await;
    let _ = kit.spawn("slow", async { tokio::time::sleep(Duration::from_millis(15)).await }).await;
}

/// Of the last collection.
fn points(messages: &[ExportMetricsServiceRequest]) -> Vec<HistogramDataPoint> {
    let scopes =
        messages.last().into_iter().flat_map(|message| &message.resource_metrics).flat_map(|one| &one.scope_metrics);
    let data = scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref());
    data.flat_map(|data| match data {
        Data::Histogram(histogram) => histogram.data_points.clone(),
        _ => Vec::new(),
    })
    .collect()
}

#[tokio::test]
async fn a_measurement_of_a_sampled_span_leads_to_its_trace() {
    for compression in ["gzip", "none"] {
        let receiver = Receiver::start();
        let variables = [("OTEL_EXPORTER_OTLP_COMPRESSION", compression)];
        let kit =
            throughline::init(Config::builder("test").endpoint(&receiver.url).variables(variables).build()).unwrap();
        tasks(&kit).await;
        kit.shutdown(AMPLE).unwrap();
        let spans = receiver.spans();
        let inbox = receiver.inbox.lock().unwrap();
        assert!(inbox.encodings.iter().all(|one| one.is_empty() == (compression == "none")), "{:?}", inbox.encodings);
        let points = points(&inbox.metrics);
        assert_eq!(points.len(), 2, "one series for each task");
        for point in points {
            let [exemplar] = point.exemplars.as_slice() else { panic!("{point:?}") };
            let Some(Value::AsDouble(value)) = exemplar.value else { panic!("{exemplar:?}") };
            assert_eq!(Some(value), point.sum, "the one measurement");
            assert!(exemplar.time_unix_nano > point.start_time_unix_nano);
            let span = spans.iter().find(|span| span.span_id == exemplar.span_id).unwrap();
            assert_eq!(span.trace_id, exemplar.trace_id);
            let of_series =
                point.attributes.iter().any(|one| format!("{:?}", one.value).contains(&format!("{:?}", span.name)));
            assert!(of_series, "{} measured for {:?}", span.name, point.attributes);
            assert!(span.name != "slow" || value >= 0.015, "{value}");
        }
    }
}

#[tokio::test]
async fn a_span_that_is_not_sampled_is_measured_and_is_no_exemplar() {
    let receiver = Receiver::start();
    let variables = [("OTEL_TRACES_SAMPLER", "always_off")];
    let kit = throughline::init(Config::builder("test").endpoint(&receiver.url).variables(variables).build()).unwrap();
    tasks(&kit).await;
    kit.shutdown(AMPLE).unwrap();
    let points = points(&receiver.inbox.lock().unwrap().metrics);
    assert_eq!(points.iter().map(|point| (point.count, point.exemplars.len())).collect::<Vec<_>>(), [(1, 0), (1, 0)]);
}

type Kept = Arc<Mutex<Vec<ExportMetricsServiceRequest>>>;

struct Grpc(Kept, Mutex<u32>);

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        let mut refusals = self.1.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(tonic::Status::unavailable("not yet"));
        }
        self.0.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tokio::test]
async fn grpc_carries_exemplars_too_and_tries_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Kept::default();
    let service = MetricsServiceServer::new(Grpc(Arc::clone(&kept), Mutex::new(1)))
        .accept_compressed(tonic::codec::CompressionEncoding::Gzip);
    // On a thread of its own: shutting down below blocks this one.
    let listener = listener.into_std().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
            tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
    });
    let config =
        Config::builder("test").endpoint(&url).protocol(Protocol::Grpc).variables([("OTEL_LOGS_EXPORTER", "none")]);
    let kit = throughline::init(config.build()).unwrap();
    tasks(&kit).await;
    let _ = kit.shutdown(AMPLE); // the receiver has no service for spans
    let points = points(&kept.lock().unwrap());
    assert_eq!(points.iter().map(|point| point.exemplars.len()).collect::<Vec<_>>(), [1, 1]);
}
