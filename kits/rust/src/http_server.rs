//! HTTP servers: a tower layer for axum, and for any service over `http::Request`.
//!
//! The span covers the response body too, as in the Go kit: it ends when the body has been sent, fails, or is dropped because the
//! client went away. An axum route is known when the layer is added with `Router::layer` (or `route_layer`).

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use axum::extract::{ConnectInfo, MatchedPath};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use opentelemetry::trace::{Link, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Ending, Pending, TracedBody};
use crate::core::{Core, Point};
use crate::http_names::{host_attributes, method_of, protocol_version};
use crate::kit::Kit;
use crate::names;
use crate::operation::{CANCELED, Operation, Outcome, error_type};
use crate::propagate::HttpExtractor;

/// `error.type` of a response the client did not get whole.
const BROKEN: &str = "broken_response";

impl Kit {
    /// Traces and measures the requests of an HTTP server.
    ///
    /// ```
    /// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
    ///     .layer(kit.http_layer());
    /// # let _ = app;
    /// ```
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        HttpLayer { core: Arc::clone(self.core()), public: false }
    }
}

/// Made by [`Kit::http_layer`].
#[derive(Clone)]
pub struct HttpLayer {
    core: Arc<Core>,
    public: bool,
}

impl std::fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpLayer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl HttpLayer {
    /// For servers on the open internet: callers' trace context is linked to, not continued, and their baggage is ignored.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, layer: self.clone() }
    }
}

/// A service wrapped by [`HttpLayer`].
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    layer: HttpLayer,
}

impl<S, In, Out> Service<Request<In>> for HttpService<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    Out: Body,
{
    type Response = Response<TracedBody<Out>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        if !self.layer.core.switches.http_server.is_on() {
            let context = self.layer.passed_on(&request);
            let _active = context.clone().map(Context::attach);
            return ResponseFuture { inner: self.inner.call(request), context, pending: None };
        }
        let core = Arc::clone(&self.layer.core);
        let pending =
            Pending { core, operation: self.layer.start(&request), ending: Box::new(ServerEnding(StatusCode::OK)) };
        let context = pending.operation.context().clone();
        let _active = context.clone().attach();
        ResponseFuture { inner: self.inner.call(request), context: Some(context), pending: Some(pending) }
    }
}

impl HttpLayer {
    /// The caller's context, when nothing is recorded; none when the caller sent none, so that nothing need be made active.
    fn passed_on<B>(&self, request: &Request<B>) -> Option<Context> {
        let carrier = HttpExtractor(request.headers());
        (!self.public && self.core.is_carried(&carrier)).then(|| self.core.extract(&carrier))
    }

    fn start<B>(&self, request: &Request<B>) -> Operation {
        let remote = self.core.extract(&HttpExtractor(request.headers()));
        let (method, span_method) = method_of(request.method());
        let scheme = request.uri().scheme_str().unwrap_or("http").to_owned();
        let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
        let version = protocol_version(request.version());

        let mut measured =
            vec![KeyValue::new(names::HTTP_METHOD, method), KeyValue::new(names::URL_SCHEME, scheme.clone())];
        let active = measured.clone();
        measured.push(KeyValue::new(names::PROTOCOL_VERSION, version));
        let mut name = span_method.to_owned();
        if let Some(route) = route {
            name = format!("{span_method} {route}");
            measured.push(KeyValue::new(names::HTTP_ROUTE, route));
        }
        let mut attributes = measured.clone();
        attributes.extend(describe(request, method, &scheme));

        let mut builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let mut parent = remote;
        if self.public {
            let caller = parent.span().span_context().clone();
            parent = Context::new();
            if caller.is_valid() {
                builder = builder.with_links(vec![Link::new(caller, Vec::new(), 0)]);
            }
        }
        let instruments = &self.core.instruments;
        let mut operation = Operation::start(&self.core, Point::Http, builder, &parent)
            .measured(&instruments.http_server_duration, measured)
            .counted(&instruments.http_server_active, active);
        operation.when_abandoned(Outcome::failure(CANCELED), None);
        operation
    }
}

/// The span's attributes that are too many-valued for a metric.
fn describe<B>(request: &Request<B>, method: &'static str, scheme: &str) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(names::URL_PATH, request.uri().path().to_owned())];
    if method == crate::http_names::OTHER {
        attributes.push(KeyValue::new(names::HTTP_METHOD_ORIGINAL, request.method().to_string()));
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(host) = authority.or_else(|| text(header::HOST)) {
        attributes.extend(host_attributes(host, scheme));
    }
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        attributes.push(KeyValue::new(names::CLIENT_ADDRESS, peer.ip().to_string()));
    }
    if let Some(agent) = text(header::USER_AGENT) {
        attributes.push(KeyValue::new(names::USER_AGENT_ORIGINAL, agent.to_owned()));
    }
    attributes
}

pin_project! {
    /// The response to come.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        context: Option<Context>,
        pending: Option<Pending>,
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<TracedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _active = this.context.clone().map(Context::attach);
        let inner = this.inner;
        // A panic is told and goes on to the server, which closes the connection: what net/http does under the Go kit.
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                this.pending.take().map(|pending| pending.panicked(panic.as_ref()));
                std::panic::resume_unwind(panic);
            }
        };
        let pending = this.pending.take();
        Poll::Ready(match polled {
            Ok(response) => Ok(respond(response, pending)),
            Err(error) => {
                if let Some(pending) = pending {
                    pending.operation.end(Outcome::failure(error_type::<E>()));
                }
                Err(error)
            }
        })
    }
}

fn respond<B: Body>(response: Response<B>, pending: Option<Pending>) -> Response<TracedBody<B>> {
    let status = response.status();
    let pending = pending.map(|mut pending| {
        pending.operation.set_measured(names::HTTP_STATUS_CODE, i64::from(status.as_u16()));
        pending.operation.when_abandoned(Outcome::failure(BROKEN), None);
        pending.ending = Box::new(ServerEnding(status));
        pending
    });
    response.map(|body| TracedBody::new(body, pending))
}

/// The status the request was answered with.
struct ServerEnding(StatusCode);

impl Ending for ServerEnding {
    /// Only the server's own failures are errors.
    fn complete(&mut self, _: &mut Operation, _: Option<&HeaderMap>) -> Outcome {
        if self.0.is_server_error() { Outcome::failure(self.0.as_u16().to_string()) } else { Outcome::Success }
    }

    fn broken(&mut self, _: &mut Operation) -> Outcome {
        Outcome::failure(BROKEN)
    }

    fn ends_with_data(&self) -> bool {
        true
    }

    fn after_panic(&mut self, _: &mut Operation) -> Option<HeaderMap> {
        None
    }
}
