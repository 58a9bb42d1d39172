//! HTTP clients: requests sent with `reqwest` through the kit.

use std::sync::Arc;

use http::HeaderMap;
use opentelemetry::trace::{FutureExt as _, SpanBuilder, SpanKind};
use opentelemetry::{Context, KeyValue};
use reqwest::{Body, Request, RequestBuilder, Response, ResponseBuilderExt, Url};

use crate::body::{Ending, Pending, TracedBody};
use crate::core::{Core, Point};
use crate::http_names::{OTHER, method_of, protocol_version, push_host};
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, Outcome, transport_error};
use crate::propagate::HttpInjector;

/// A request about to be sent. Nothing happens before [`run`](Send::run).
#[must_use = "a request is sent when run() is awaited"]
pub struct Send {
    core: Arc<Core>,
    request: RequestBuilder,
    template: Option<&'static str>,
    resend_count: u32,
}

impl std::fmt::Debug for Send {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Send").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Kit {
    /// Sends a request under a CLIENT span and passes the trace on in its headers. The span ends with the response's body:
    /// at its end, or when it is dropped.
    ///
    /// ```no_run
    /// # async fn example(kit: throughline::Kit, client: reqwest::Client) -> Result<(), reqwest::Error> {
    /// let request = client.get("http://127.0.0.1:8081/orders/17");
    /// let response = kit.send(request).template("/orders/{id}").run().await?;
    /// # let _ = response; Ok(())
    /// # }
    /// ```
    pub fn send(&self, request: RequestBuilder) -> Send {
        Send { core: Arc::clone(self.core()), request, template: None, resend_count: 0 }
    }
}

impl Send {
    /// The URL's path with names for its variable parts, such as `/orders/{id}`: part of the span's name.
    pub fn template(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }

    /// Which retry this is: 0 for the first try.
    pub fn resend_count(mut self, count: u32) -> Self {
        self.resend_count = count;
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// As `reqwest::RequestBuilder::send`. A status of 400 and above is an error of the span only.
    pub async fn run(self) -> Result<Response, reqwest::Error> {
        let Send { core, request, template, resend_count } = self;
        let (client, request) = request.build_split();
        let mut request = request?;
        let mut operation = start(&core, &request, template, resend_count);
        let context = operation.context().clone();
        core.inject(&context, &mut HttpInjector(request.headers_mut()));
        match client.execute(request).with_context(context).await {
            Ok(response) => {
                let status = response.status().as_u16();
                operation.set_measured(names::HTTP_STATUS_CODE, i64::from(status));
                operation.set_measured(names::PROTOCOL_VERSION, protocol_version(response.version()));
                let ending = ClientEnding(status);
                operation.when_abandoned(ending.outcome(), None);
                Ok(trace_body(response, Box::new(Pending { core, operation, ending })))
            }
            Err(error) => {
                operation.end(Outcome::failure(kind_of(&error)));
                Err(error)
            }
        }
    }
}

/// Puts a body that ends the span into the response, which keeps its URL.
fn trace_body(response: Response, pending: Box<Pending>) -> Response {
    let url = response.url().clone();
    let (head, body) = http::Response::<Body>::from(response).into_parts();
    let body = Body::wrap(TracedBody::new(body, pending));
    let Ok(with_url) = http::Response::builder().url(url).body(()) else {
        return Response::from(http::Response::from_parts(head, body));
    };
    let mut response = http::Response::from_parts(head, body);
    response.extensions_mut().extend(with_url.into_parts().0.extensions);
    Response::from(response)
}

/// The status the request was answered with.
struct ClientEnding(u16);

impl ClientEnding {
    fn outcome(&self) -> Outcome {
        if self.0 >= 400 { Outcome::failure(self.0.to_string()) } else { Outcome::Success }
    }
}

impl Ending for ClientEnding {
    fn complete(&mut self, _: &mut Operation, _: Option<&HeaderMap>) -> Outcome {
        self.outcome()
    }

    fn broken(&mut self, _: &mut Operation) -> Outcome {
        Outcome::failure("broken_response")
    }

    fn ends_with_data(&self) -> bool {
        true
    }

    fn after_panic(&mut self, _: &mut Operation) -> Option<HeaderMap> {
        None
    }
}

fn start(core: &Arc<Core>, request: &Request, template: Option<&'static str>, resend_count: u32) -> Operation {
    if !core.switches.http_client.is_on() {
        return Operation::idle(&Context::current());
    }
    let (method, span_method) = method_of(request.method());
    let mut measured = vec![KeyValue::new(names::HTTP_METHOD, method)];
    let authority = request.url().authority();
    push_host(&mut measured, authority, request.url().scheme());
    let mut name = span_method.to_owned();
    if let Some(template) = template {
        name = format!("{span_method} {template}");
        measured.push(KeyValue::new(names::URL_TEMPLATE, template));
    }
    let mut attributes = measured.clone();
    attributes.push(KeyValue::new(names::URL_FULL, redacted(request.url())));
    if method == OTHER {
        attributes.push(KeyValue::new(names::HTTP_METHOD_ORIGINAL, request.method().to_string()));
    }
    if resend_count > 0 {
        attributes.push(KeyValue::new(names::HTTP_RESEND_COUNT, i64::from(resend_count)));
    }
    let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
    Operation::start(core, Point::Http, builder, &Context::current())
        .measured(&core.instruments.http_client_duration, measured)
}

/// Drops what may identify people or open doors: user information, query and fragment.
fn redacted(url: &Url) -> String {
    let mut plain = url.clone();
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.set_query(None);
    plain.set_fragment(None);
    plain.into()
}

fn kind_of(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    transport_error(error).unwrap_or("reqwest::Error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_tell_nothing_private() {
        let url = Url::parse("http://ann:pw@shop.example:8080/orders/17?token=x#me").expect("URL");
        assert_eq!(redacted(&url), "http://shop.example:8080/orders/17");
    }
}
