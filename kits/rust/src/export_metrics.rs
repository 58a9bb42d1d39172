//! How exemplars get into metrics sent over HTTP, and secrets out of them: under the official exporter, which keeps its headers, where a
//! collection is an OTLP message about to be sent. One collection every ten seconds is read and written once more.

use std::io::{Read, Write};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;

use crate::exemplars::Exemplars;
use crate::guard::Overheard;
use crate::redact::Redaction;

/// Sends what it is given with exemplars added and secrets withheld.
#[derive(Debug)]
pub(crate) struct Completed {
    exemplars: Arc<Exemplars>,
    redaction: Arc<Redaction>,
    client: Overheard,
}

impl Completed {
    pub(crate) fn new(exemplars: &Arc<Exemplars>, redaction: &Arc<Redaction>, client: Overheard) -> Self {
        Completed { exemplars: Arc::clone(exemplars), redaction: Arc::clone(redaction), client }
    }

    /// The message as it is to be sent, compressed if it was.
    fn complete(&self, body: &[u8], gzip: bool) -> Result<Vec<u8>, HttpError> {
        if !gzip {
            let mut message = ExportMetricsServiceRequest::decode(body)?;
            self.exemplars.insert(&mut message);
            self.redaction.rules().metrics(&mut message);
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
impl HttpClient for Completed {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let gzip = parts.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
        let body = self.complete(&body, gzip)?;
        parts.headers.remove(CONTENT_LENGTH);
        self.client.send_bytes(Request::from_parts(parts, body.into())).await
    }
}
