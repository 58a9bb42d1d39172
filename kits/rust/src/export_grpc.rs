//! OTLP over gRPC. The official exporters tell a failure as text, which has no RetryInfo, and have no place where a collection of metrics
//! is a message already; so these send the official messages themselves, and note what the receiver answered.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::exemplars::Exemplars;
use crate::guard::{ExportRuntime, Guard, Heard};
use crate::redact::Redaction;
use crate::resource::KIT_VERSION;
use crate::targets::Target;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// The connection of one signal; it is made by the first export.
pub(crate) struct Link {
    channel: Channel,
    gzip: bool,
    metadata: MetadataMap,
    heard: Arc<Heard>,
}

impl Link {
    pub(crate) fn new(
        target: &Target,
        gzip: bool,
        runtime: &ExportRuntime,
        guard: &Guard,
    ) -> Result<Self, ExporterBuildError> {
        let broken = |error: &dyn std::error::Error| {
            ExporterBuildError::InternalFailure(format!("{}: {}", target.url, crate::guard::chain(error)))
        };
        let endpoint = Endpoint::from_shared(target.url.clone()).map_err(|error| broken(&error))?;
        let endpoint =
            endpoint.user_agent(format!("throughline-rust/{KIT_VERSION}")).map_err(|error| broken(&error))?;
        let unusable = |error| target.certificates.unusable(&crate::guard::chain(&error));
        let endpoint = secured(endpoint, target).map_err(unusable)?;
        let _entered = runtime.handle.enter(); // channels need one
        let metadata = metadata(&target.headers);
        Ok(Link { channel: endpoint.connect_lazy(), gzip, metadata, heard: Arc::clone(&guard.heard) })
    }

    /// Sends a message, and notes the answer for the guard.
    async fn send(&self, path: &'static str, message: impl Message + 'static) -> OTelSdkResult {
        let answer = self.call(path, message).await;
        let result = answer.as_ref().map_or_else(|status| Err(failure(status)), |_| Ok(()));
        self.heard.note_grpc(answer);
        result
    }

    /// The three responses have the same shape: field 1 of field 1 counts what was rejected.
    async fn call(
        &self,
        path: &'static str,
        message: impl Message + 'static,
    ) -> Result<ExportTraceServiceResponse, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        if self.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        client.ready().await.map_err(|error| Status::unavailable(crate::guard::chain(&error)))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        let codec: ProstCodec<_, ExportTraceServiceResponse> = ProstCodec::default();
        Ok(client.unary(request, PathAndQuery::from_static(path), codec).await?.into_inner())
    }
}

fn failure(status: &Status) -> OTelSdkError {
    OTelSdkError::InternalFailure(status.to_string())
}

#[cfg(not(feature = "tls"))]
fn secured(endpoint: Endpoint, _: &Target) -> Result<Endpoint, tonic::transport::Error> {
    Ok(endpoint) // an address that needs more was refused
}

#[cfg(feature = "tls")]
fn secured(endpoint: Endpoint, target: &Target) -> Result<Endpoint, tonic::transport::Error> {
    use tonic::transport::{Certificate, ClientTlsConfig, Identity};
    if !target.is_secure() {
        return Ok(endpoint);
    }
    let tls = match &target.certificates.authority {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match &target.certificates.client {
        Some((certificate, key)) => endpoint.tls_config(tls.identity(Identity::from_pem(certificate, key))),
        None => endpoint.tls_config(tls),
    }
}

/// What cannot be a header is left out, as the official exporters do.
fn metadata(headers: &[(String, String)]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for (key, value) in headers {
        if let (Ok(key), Ok(value)) = (key.to_ascii_lowercase().parse::<MetadataKey<_>>(), value.parse()) {
            metadata.insert(key, value);
        }
    }
    metadata
}

/// Spans or log records over gRPC.
pub(crate) struct OverGrpc {
    link: Link,
    resource: ResourceAttributesWithSchema,
}

impl OverGrpc {
    pub(crate) fn new(link: Link) -> Self {
        OverGrpc { link, resource: ResourceAttributesWithSchema::default() }
    }
}

impl std::fmt::Debug for OverGrpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OverGrpc")
    }
}

impl SpanExporter for OverGrpc {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        self.link.send(TRACES, ExportTraceServiceRequest { resource_spans })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl LogExporter for OverGrpc {
    fn export(&self, batch: LogBatch<'_>) -> impl Future<Output = OTelSdkResult> + Send {
        let resource_logs = group_logs_by_resource_and_scope(&batch, &self.resource);
        self.link.send(LOGS, ExportLogsServiceRequest { resource_logs })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// Collections of metrics over gRPC, with exemplars added and secrets withheld.
pub(crate) struct MetricsOverGrpc {
    pub(crate) link: Link,
    pub(crate) temporality: Temporality,
    pub(crate) exemplars: Arc<Exemplars>,
    pub(crate) redaction: Arc<Redaction>,
}

impl std::fmt::Debug for MetricsOverGrpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsOverGrpc")
    }
}

impl PushMetricExporter for MetricsOverGrpc {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        let mut message = ExportMetricsServiceRequest::from(metrics);
        self.exemplars.insert(&mut message);
        self.redaction.rules().metrics(&mut message);
        self.link.send(METRICS, message)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}
