//! Metrics over gRPC with exemplars. The official exporter has no place where a collection is a message already, so this one sends it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use tonic::Request;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};

use crate::exemplars::Exemplars;
use crate::redact::Redaction;

/// Sends collections of metrics with exemplars added and secrets withheld.
pub(crate) struct MetricsOverGrpc {
    client: MetricsServiceClient<Channel>,
    metadata: MetadataMap,
    temporality: Temporality,
    exemplars: Arc<Exemplars>,
    redaction: Arc<Redaction>,
}

impl std::fmt::Debug for MetricsOverGrpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsOverGrpc")
    }
}

impl MetricsOverGrpc {
    /// Needs the runtime to be entered.
    pub(crate) fn new(
        temporality: Temporality,
        url: &str,
        gzip: bool,
        exemplars: &Arc<Exemplars>,
        redaction: &Arc<Redaction>,
    ) -> Result<Self, ExporterBuildError> {
        let endpoint = Endpoint::from_shared(url.to_owned());
        let endpoint = endpoint.map_err(|error| ExporterBuildError::InternalFailure(error.to_string()))?;
        let mut client = MetricsServiceClient::new(endpoint.connect_lazy());
        if gzip {
            client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        Ok(MetricsOverGrpc {
            client,
            metadata: headers(),
            temporality,
            exemplars: Arc::clone(exemplars),
            redaction: Arc::clone(redaction),
        })
    }
}

impl PushMetricExporter for MetricsOverGrpc {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut message = ExportMetricsServiceRequest::from(metrics);
        self.exemplars.insert(&mut message);
        self.redaction.rules().metrics(&mut message);
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        // The guard reads the code from the text, as the official exporters word it.
        let failed = |status: tonic::Status| {
            let text = format!("export failed with gRPC code: {:?}: {}", status.code(), status.message());
            OTelSdkError::InternalFailure(text)
        };
        self.client.clone().export(request).await.map(|_| ()).map_err(failed)
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

/// `OTEL_EXPORTER_OTLP_METRICS_HEADERS`, or those of all signals, as the official exporter reads them: `key=value` pairs between
/// commas, values percent-encoded.
fn headers() -> MetadataMap {
    let all = std::env::var("OTEL_EXPORTER_OTLP_METRICS_HEADERS")
        .or_else(|_| std::env::var("OTEL_EXPORTER_OTLP_HEADERS"))
        .unwrap_or_default();
    let mut metadata = MetadataMap::new();
    for (key, value) in all.split(',').filter_map(|pair| pair.split_once('=')) {
        let key = key.trim().to_ascii_lowercase().parse::<MetadataKey<_>>();
        let value = crate::baggage::decode(value.trim()).unwrap_or_else(|| value.trim().to_owned());
        if let (Ok(key), Ok(value)) = (key, value.parse()) {
            metadata.insert(key, value);
        }
    }
    metadata
}
