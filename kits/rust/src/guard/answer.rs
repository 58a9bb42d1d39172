//! What a receiver answered, overheard on the wire: the official exporters give an error, which has no status and no Retry-After.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use prost::Message;

use super::backoff::{Outcome, retry_after};

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

    fn read(response: &Response<Bytes>) -> Self {
        let status = response.status();
        let mut answer = Answer::of(Outcome::of_http(status.as_u16()), format!("the receiver answered {status}"));
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        match answer.outcome {
            Outcome::Retryable => {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                answer.asked = header(RETRY_AFTER).and_then(|text| retry_after(text, now));
            }
            Outcome::Delivered if header(CONTENT_TYPE) != Some("application/json") => {
                // The three responses have the same shape: field 1 of field 1 counts what was rejected.
                match ExportTraceServiceResponse::decode(response.body().clone()) {
                    Ok(read) => {
                        let rejected = read.partial_success.map_or(0, |partial| partial.rejected_spans);
                        answer.rejected = rejected.try_into().unwrap_or(0);
                    }
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
            (None, Err(error)) => {
                let error = error.to_string();
                Answer::of(grpc_outcome(&error), error)
            }
        }
    }
}

/// The official gRPC exporters tell their status only as text, `… gRPC code: Unavailable…`.
fn grpc_outcome(error: &str) -> Outcome {
    #[cfg(feature = "grpc-export")]
    if let Some((_, after)) = error.split_once("gRPC code: ") {
        let name = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let code = (0..=16).find(|code| format!("{:?}", tonic::Code::from_i32(*code)) == name);
        return code.and_then(|code| code.try_into().ok()).map_or(Outcome::Failed, Outcome::of_grpc);
    }
    let _ = error;
    Outcome::Failed
}

/// The HTTP client of the exporters: it notes the answers on their way, and follows no redirects, because the headers may hold
/// credentials.
#[derive(Debug)]
pub(crate) struct Overheard {
    client: reqwest::Client,
    heard: Arc<Heard>,
}

impl Overheard {
    pub(crate) fn new(heard: &Arc<Heard>) -> Result<Self, ExporterBuildError> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| ExporterBuildError::InternalFailure(error.to_string()))?;
        Ok(Overheard { client, heard: Arc::clone(heard) })
    }
}

#[async_trait]
impl HttpClient for Overheard {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.client.send_bytes(request).await;
        self.heard.note(match &response {
            Ok(response) => Answer::read(response),
            Err(error) => Answer::of(Outcome::Retryable, chain(error.as_ref())),
        });
        response
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
