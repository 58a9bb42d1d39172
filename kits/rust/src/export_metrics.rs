//! How exemplars get into metrics sent over HTTP: under the official exporter, which keeps its retries and headers, where a collection
//! is an OTLP message about to be sent. One collection every ten seconds is read and written once more.

use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;

use crate::exemplars::Exemplars;

/// Sends what it is given with exemplars added.
#[derive(Debug)]
pub(crate) struct WithExemplars {
    exemplars: Arc<Exemplars>,
    client: reqwest::blocking::Client,
}

impl WithExemplars {
    pub(crate) fn new(exemplars: &Arc<Exemplars>, timeout: Duration) -> Result<Self, ExporterBuildError> {
        let failed = |text: String| ExporterBuildError::InternalFailure(text);
        // The blocking client has a runtime of its own, which must not be made inside another one.
        let build = move || reqwest::blocking::Client::builder().timeout(timeout).build();
        let built = thread::Builder::new().spawn(build).map_err(|error| failed(error.to_string()))?.join();
        let client = match built {
            Ok(client) => client.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed("building the HTTP client panicked".into())),
        };
        Ok(WithExemplars { exemplars: Arc::clone(exemplars), client })
    }

    /// The message with exemplars, compressed if it was.
    fn complete(&self, body: &[u8], gzip: bool) -> Result<Vec<u8>, HttpError> {
        if !gzip {
            let mut message = ExportMetricsServiceRequest::decode(body)?;
            self.exemplars.insert(&mut message);
            return Ok(message.encode_to_vec());
        }
        let mut plain = Vec::new();
        GzDecoder::new(body).read_to_end(&mut plain)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.complete(&plain, false)?)?;
        Ok(encoder.finish()?)
    }
}

#[async_trait]
impl HttpClient for WithExemplars {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let gzip = parts.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
        let body = self.complete(&body, gzip)?;
        parts.headers.remove(CONTENT_LENGTH);
        self.client.send_bytes(Request::from_parts(parts, body.into())).await
    }
}
