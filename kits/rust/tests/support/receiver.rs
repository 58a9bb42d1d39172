//! An OTLP/HTTP receiver that keeps what it was sent, and two that misbehave.

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Measured;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What arrived.
#[derive(Default)]
pub struct Inbox {
    pub traces: Vec<ExportTraceServiceRequest>,
    pub metrics: Vec<ExportMetricsServiceRequest>,
    pub logs: Vec<ExportLogsServiceRequest>,
    pub encodings: Vec<String>,
    /// Of the requests that had the header.
    pub authorizations: Vec<String>,
    /// Answers to give instead of taking what comes, the last one first: statuses of HTTP, codes of gRPC.
    pub refusals: Vec<u16>,
}

#[derive(Clone)]
pub struct Receiver {
    pub inbox: Arc<Mutex<Inbox>>,
    pub url: String,
}

impl Receiver {
    /// Serves on a thread of its own, so that tests without a runtime can use it.
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let app = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .route("/v1/logs", post(logs))
            .with_state(Arc::clone(&inbox));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        Receiver { inbox, url }
    }

    pub fn spans(&self) -> Vec<Span> {
        let inbox = self.inbox.lock().unwrap();
        let scopes = inbox.traces.iter().flat_map(|request| &request.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    pub fn logs(&self) -> Vec<LogRecord> {
        let inbox = self.inbox.lock().unwrap();
        let scopes = inbox.logs.iter().flat_map(|request| &request.resource_logs).flat_map(|one| &one.scope_logs);
        scopes.flat_map(|scope| scope.log_records.clone()).collect()
    }

    /// The last values of the kit's own metrics, by name and `error.type`; of breakers by their exporter.
    pub fn own_metrics(&self) -> HashMap<String, i64> {
        let inbox = self.inbox.lock().unwrap();
        let scopes =
            inbox.metrics.iter().flat_map(|request| &request.resource_metrics).flat_map(|one| &one.scope_metrics);
        let mut found = HashMap::new();
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let (points, key) = match &metric.data {
                Some(Data::Sum(sum)) => (&sum.data_points, "error.type"),
                Some(Data::Gauge(gauge)) => (&gauge.data_points, "otel.component.type"),
                _ => continue,
            };
            for point in points {
                let value = point.attributes.iter().find(|kv| kv.key == key).and_then(|kv| kv.value.clone()?.value);
                let Some(Measured::AsInt(number)) = point.value else { continue };
                let detail = match value {
                    Some(Value::StringValue(text)) => text,
                    _ => String::new(),
                };
                found.insert(format!("{} {detail}", metric.name), number);
            }
        }
        found
    }

    /// What came, without ids and times; of metrics the last of the service's own.
    pub fn everything(&self) -> Everything {
        let inbox = self.inbox.lock().unwrap();
        let (mut traces, mut logs) = (inbox.traces.clone(), inbox.logs.clone());
        let mut metrics = inbox.metrics.last().unwrap().clone();
        for group in traces.iter_mut().flat_map(|message| &mut message.resource_spans) {
            tidy(&mut group.resource);
            for span in group.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
                (span.trace_id, span.span_id) = (Vec::new(), Vec::new());
                (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0);
            }
        }
        for group in logs.iter_mut().flat_map(|message| &mut message.resource_logs) {
            tidy(&mut group.resource);
            for record in group.scope_logs.iter_mut().flat_map(|scope| &mut scope.log_records) {
                (record.trace_id, record.span_id) = (Vec::new(), Vec::new());
                (record.time_unix_nano, record.observed_time_unix_nano) = (0, 0);
            }
        }
        for group in &mut metrics.resource_metrics {
            tidy(&mut group.resource);
            group.scope_metrics.retain(|scope| scope.scope.as_ref().is_some_and(|scope| scope.name == "orders"));
            for metric in group.scope_metrics.iter_mut().flat_map(|scope| &mut scope.metrics) {
                let Some(Data::Histogram(histogram)) = &mut metric.data else { continue };
                for point in &mut histogram.data_points {
                    (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                }
            }
        }
        let mut headers = inbox.encodings.clone();
        headers.extend(inbox.authorizations.clone());
        headers.dedup();
        (traces, logs, metrics, headers)
    }

    /// The resource of the first spans, as sorted `key=value`.
    pub fn resource(&self) -> Vec<(String, String)> {
        let inbox = self.inbox.lock().unwrap();
        text(inbox.traces[0].resource_spans[0].resource.as_ref().unwrap())
    }
}

pub type Everything =
    (Vec<ExportTraceServiceRequest>, Vec<ExportLogsServiceRequest>, ExportMetricsServiceRequest, Vec<String>);

/// The order of a resource's attributes, and the instance, are another each time.
fn tidy(resource: &mut Option<Resource>) {
    let attributes = &mut resource.as_mut().unwrap().attributes;
    attributes.retain(|kv| kv.key != "service.instance.id");
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
}

fn text(resource: &Resource) -> Vec<(String, String)> {
    let show = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(int) => int.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |kv: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        let value = kv.value.as_ref().and_then(|value| value.value.as_ref());
        (kv.key.clone(), value.map(show).unwrap_or_default())
    };
    let mut all: Vec<_> = resource.attributes.iter().map(pair).collect();
    all.sort();
    all
}

fn open<M: Message + Default>(inbox: &mut Inbox, headers: &HeaderMap, body: &Bytes) -> Result<M, StatusCode> {
    if let Some(code) = inbox.refusals.pop() {
        return Err(StatusCode::from_u16(code).unwrap());
    }
    let encoding = headers.get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let mut bytes = Vec::new();
    match encoding.as_deref() {
        Some("gzip") => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut bytes).map(|_| ()).unwrap(),
        _ => bytes.extend_from_slice(body),
    }
    inbox.encodings.push(encoding.unwrap_or_default());
    inbox.authorizations.extend(headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()));
    M::decode(&bytes[..]).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn traces(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let mut inbox = inbox.lock().unwrap();
    let request = open(&mut inbox, &headers, &body)?;
    inbox.traces.push(request);
    Ok(())
}

async fn metrics(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let mut inbox = inbox.lock().unwrap();
    let request = open(&mut inbox, &headers, &body)?;
    inbox.metrics.push(request);
    Ok(())
}

async fn logs(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let mut inbox = inbox.lock().unwrap();
    let request = open(&mut inbox, &headers, &body)?;
    inbox.logs.push(request);
    Ok(())
}

/// A port nobody listens on: connections are refused.
pub fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Accepts connections and never answers.
pub fn blackhole() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept() {
            kept.push(connection);
        }
    });
    url
}
