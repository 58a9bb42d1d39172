//! Keeps asking the platform for the document of a service, one request at a time.

use std::time::Duration;

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use reqwest::{Response, StatusCode, Url, header};
use tokio::time::{Instant, sleep, timeout_at};

use super::acceptance::{Acceptance, SIGNATURE_HEADER};
use super::document::{BODY_BYTES_MAX, Document};

/// Where the platform serves documents, below the control endpoint.
const PATH: &str = "/v1/kit/config";
/// Tells the platform which revision is in force.
const REVISION_HEADER: &str = "x-throughline-revision";

/// How long the platform may keep a request that has no news.
const WAIT_MAX: Duration = Duration::from_secs(25);
/// On top of the wait.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Between the beginnings of two requests.
const SPACING: Duration = Duration::from_secs(1);
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// Each pause is up to so much shorter or longer.
const JITTER: f64 = 0.2;

/// What comes of asking.
pub(super) trait Steered {
    /// A document counts from now on; `None`: the last one has outlived its time, the code's own settings count.
    fn apply(&mut self, document: Option<Document>);
    /// A document was not accepted; what was in force stays.
    fn refused(&mut self, problem: &str);
}

pub(super) struct Client<S> {
    pub(super) url: Url,
    pub(super) acceptance: Acceptance,
    pub(super) steered: S,
    pub(super) http: reqwest::Client,
    state: State,
}

#[derive(Default)]
struct State {
    etag: Option<String>,
    current: Option<InForce>,
    /// `etag` names what is in force.
    good: bool,
}

struct InForce {
    revision: i64,
    ttl: Duration,
    expires: Instant,
}

/// How a request ended that was answered.
struct Answer {
    /// What the platform wants before the next.
    pause: Duration,
    failed: bool,
}

/// Builds the URL that is asked. `None` when the endpoint is none.
pub(super) fn url(endpoint: &str, acceptance: &Acceptance, instance: &str, sdk: &str) -> Option<Url> {
    let mut url = Url::parse(&format!("{}{PATH}", endpoint.trim_end_matches('/'))).ok()?;
    url.query_pairs_mut()
        .append_pair("service", &acceptance.service)
        .append_pair("env", &acceptance.environment)
        .append_pair("instance", instance)
        .append_pair("sdk", sdk);
    Some(url)
}

impl<S: Steered> Client<S> {
    pub(super) fn new(url: Url, acceptance: Acceptance, steered: S) -> Result<Self, reqwest::Error> {
        // A redirect could lead documents and headers anywhere.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Client { url, acceptance, steered, http, state: State::default() })
    }

    /// Asks for ever; stop it by dropping it.
    pub(super) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let answer = self.ask().await;
            if self.expire() {
                continue; // what was in force may have ended the request; ask again at once
            }
            let pause = if answer.failed {
                failures = failures.saturating_add(1);
                let backoff = BACKOFF_FIRST.saturating_mul(1 << (failures - 1).min(6));
                answer.pause.max(backoff.min(BACKOFF_MAX))
            } else {
                failures = 0;
                answer.pause.max(SPACING.saturating_sub(began.elapsed()))
            };
            self.sleep(pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance())).await;
        }
    }

    /// Pauses, but not beyond the time of what is in force.
    async fn sleep(&mut self, pause: Duration) {
        let left = self.state.current.as_ref().map(|current| current.expires.saturating_duration_since(Instant::now()));
        sleep(pause.min(left.unwrap_or(pause))).await;
        self.expire();
    }

    /// Goes back to the code's settings when nobody has confirmed the document for its time to live. The revision stays the least that
    /// is accepted, so that an old document cannot be played again.
    fn expire(&mut self) -> bool {
        let over = self.state.current.as_ref().is_some_and(|current| current.expires <= Instant::now());
        if over {
            self.state = State::default();
            self.steered.apply(None);
        }
        over
    }

    /// Makes one request.
    async fn ask(&mut self) -> Answer {
        let failure = Answer { pause: Duration::ZERO, failed: true };
        let wait = self.wait();
        let mut until = Instant::now() + wait + ANSWER_TIME;
        if let Some(current) = &self.state.current {
            until = until.min(current.expires);
        }
        let revision = self.state.current.as_ref().map_or(0, |current| current.revision);
        let mut request = self
            .http
            .get(self.url.clone())
            .header(header::ACCEPT, "application/json")
            .header(REVISION_HEADER, revision.to_string());
        if let Some(etag) = &self.state.etag {
            request = request.header(header::IF_NONE_MATCH, etag).header("prefer", format!("wait={}", wait.as_secs()));
        }
        let Ok(Ok(response)) = timeout_at(until, request.send()).await else {
            return failure;
        };
        let pause = retry_after(&response);
        match response.status() {
            StatusCode::OK => match timeout_at(until, body(response)).await {
                Ok(Some(received)) => {
                    self.receive(received);
                    Answer { pause, failed: false }
                }
                _ => failure,
            },
            StatusCode::NOT_MODIFIED => {
                if let (Some(current), true) = (&mut self.state.current, self.state.good) {
                    current.expires = Instant::now() + current.ttl;
                }
                Answer { pause, failed: false }
            }
            _ => Answer { pause, failed: true },
        }
    }

    /// How long the platform may wait for news: much less than what is in force has to live.
    fn wait(&self) -> Duration {
        let most = self.state.current.as_ref().map_or(WAIT_MAX, |current| current.ttl / 3);
        Duration::from_secs(most.min(WAIT_MAX).as_secs())
    }

    /// Applies a document. The tag of one that is not accepted is kept too, so that it is not sent again and again; what is in force
    /// then lives on for its own time.
    fn receive(&mut self, received: Received) {
        self.state.etag = received.etag;
        self.state.good = false;
        match self.acceptance.read(&received.body, received.signature.as_deref()) {
            Ok(document) => {
                let (revision, ttl) = (document.revision, document.ttl);
                self.state.current = Some(InForce { revision, ttl, expires: Instant::now() + ttl });
                self.state.good = true;
                self.acceptance.applied = revision;
                self.steered.apply(Some(document));
            }
            Err(problem) => self.steered.refused(&problem),
        }
    }
}

struct Received {
    etag: Option<String>,
    signature: Option<String>,
    body: Vec<u8>,
}

/// Reads a body, as far as one byte beyond the limit. `None` when it breaks off.
async fn body(mut response: Response) -> Option<Received> {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (etag, signature) = (text("etag"), text(SIGNATURE_HEADER));
    let mut body = Vec::new();
    while body.len() <= BODY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    Some(Received { etag, signature, body })
}

fn retry_after(response: &Response) -> Duration {
    let value = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = value.and_then(|text| text.parse().ok()).unwrap_or(0);
    Duration::from_secs(seconds).min(RETRY_AFTER_MAX)
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    let [a, b, ..] = TraceId::to_bytes(RandomIdGenerator::default().new_trace_id());
    f64::from(u16::from_be_bytes([a, b])) / f64::from(u16::MAX)
}
