//! What a receiver answered, overheard on the wire: the official exporters give an error, which has no status and no Retry-After.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, Uri};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use prost::Message;

use super::backoff::{Outcome, retry_after};
use crate::targets::Target;

/// The outcome of one try.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// What Retry-After said, in milliseconds.
    pub(super) asked: Option<u64>,
    /// Items of a batch that was otherwise taken.
    pub(super) rejected: u64,
    pub(super) timed_out: bool,
    pub(super) error: String,
}

impl Answer {
    fn of(outcome: Outcome, error: String) -> Self {
        Answer { outcome, asked: None, rejected: 0, timed_out: false, error }
    }

    pub(super) fn failed(error: &str) -> Self {
        Answer::of(Outcome::Failed, error.to_owned())
    }

    fn delivered(response: &ExportTraceServiceResponse) -> Self {
        let rejected = response.partial_success.as_ref().map_or(0, |partial| partial.rejected_spans);
        Answer { rejected: rejected.try_into().unwrap_or(0), ..Answer::of(Outcome::Delivered, String::new()) }
    }

    fn read(address: &Uri, response: &Response<Bytes>) -> Self {
        let status = response.status();
        let mut answer = Answer::of(Outcome::of_http(status.as_u16()), format!("{address} answered {status}"));
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        match answer.outcome {
            Outcome::Retryable => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                answer.asked = header(RETRY_AFTER).and_then(|text| retry_after(text, now));
            }
            Outcome::Delivered if header(CONTENT_TYPE) != Some("application/json") => {
                // The three responses have the same shape: field 1 of field 1 counts what was rejected.
                match ExportTraceServiceResponse::decode(response.body().clone()) {
                    Ok(read) => answer = Answer::delivered(&read),
                    Err(_) => answer = Answer::failed("the answer is not one of an OTLP receiver"),
                }
            }
            _ => {}
        }
        answer
    }
}

/// What was overheard of the export under way; nothing of an exporter that is the caller's own.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Option<Answer>>);

impl Heard {
    /// What came over gRPC.
    #[cfg(feature = "grpc-export")]
    pub(crate) fn note_grpc(&self, answer: Result<ExportTraceServiceResponse, tonic::Status>) {
        use tonic_types::StatusExt;
        self.note(match answer {
            Ok(response) => Answer::delivered(&response),
            Err(status) => {
                let told = status.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default());
                // A connection that broke is UNKNOWN to tonic; to gRPC it is UNAVAILABLE.
                let broken = status.source().is_some_and(<dyn Error>::is::<tonic::transport::Error>);
                let code = if broken { tonic::Code::Unavailable } else { status.code() };
                let (outcome, asked) = Outcome::of_grpc(u64::try_from(i32::from(code)).unwrap_or_default(), told);
                let error = match status.source() {
                    Some(cause) => format!("no answer: {}", chain(cause)),
                    None => format!("the receiver answered {:?}: {}", status.code(), status.message()),
                };
                Answer { asked, ..Answer::of(outcome, error) }
            }
        });
    }

    fn note(&self, answer: Answer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Joins what was overheard with what the exporter says.
    pub(super) fn conclude(&self, result: OTelSdkResult) -> Answer {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (heard, result) {
            (Some(answer), _) => answer,
            (None, Ok(())) => Answer::of(Outcome::Delivered, String::new()),
            (None, Err(OTelSdkError::Timeout(_))) => {
                Answer { timed_out: true, ..Answer::failed("the export took too long") }
            }
            (None, Err(error)) => Answer::failed(&error.to_string()),
        }
    }
}

/// The HTTP client of the exporters: it notes the answers on their way, and follows no redirects, because the headers may hold
/// credentials.
#[derive(Debug)]
pub(crate) struct Overheard {
    client: reqwest::Client,
    heard: Arc<Heard>,
}

impl Overheard {
    pub(crate) fn new(heard: &Arc<Heard>, target: &Target) -> Result<Self, ExporterBuildError> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = secured(client, target).and_then(reqwest::ClientBuilder::build);
        let client = client.map_err(|error| target.certificates.unusable(&chain(&error)))?;
        Ok(Overheard { client, heard: Arc::clone(heard) })
    }
}

#[cfg(not(feature = "tls"))]
fn secured(client: reqwest::ClientBuilder, _: &Target) -> reqwest::Result<reqwest::ClientBuilder> {
    Ok(client) // an address that needs more was refused
}

#[cfg(feature = "tls")]
fn secured(mut client: reqwest::ClientBuilder, target: &Target) -> reqwest::Result<reqwest::ClientBuilder> {
    let certificates = &target.certificates;
    if let Some(pem) = &certificates.authority {
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    if let Some((certificate, key)) = &certificates.client {
        client = client.identity(reqwest::Identity::from_pem(&[certificate.as_slice(), key].concat())?);
    }
    Ok(client)
}

#[async_trait]
impl HttpClient for Overheard {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let address = request.uri().clone();
        let response = self.client.send_bytes(request).await;
        self.heard.note(match &response {
            Ok(response) => Answer::read(&address, response),
            Err(error) => Answer::of(Outcome::Retryable, chain(error.as_ref())),
        });
        response
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(status in 200u16..600, body: Vec<u8>, asked in "[ -~]*") {
            let response = Response::builder().status(status).header(RETRY_AFTER, asked).body(Bytes::from(body));
            let _ = Answer::read(&Uri::from_static("http://127.0.0.1:4318"), &response.expect("response"));
        }
    }

    #[test]
    fn less_than_nothing_was_not_rejected() {
        let body = Bytes::from_static(&[10, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        let answer = Answer::read(&Uri::from_static("http://127.0.0.1:4318"), &Response::new(body));
        assert_eq!((answer.outcome, answer.rejected), (Outcome::Delivered, 0));
    }
}
