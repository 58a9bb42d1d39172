//! HTTP servers: a tower layer for axum, and for any service over `http::Request`.
//!
//! The span covers the response body too, as in the Go kit: it ends when the body has been sent, fails, or is dropped because the
//! client went away. An axum route is known when the layer is added with `Router::layer` (or `route_layer`).

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use axum::extract::{ConnectInfo, MatchedPath};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt};
use opentelemetry::{Context, ContextGuard, KeyValue, StringValue};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Ending, Pending, TracedBody};
use crate::core::{Core, Point};
use crate::http_bodies::{AnyBody, Axum, Bodies};
use crate::http_names::{method_of, protocol_version, push_host};
use crate::kit::Kit;
use crate::names;
use crate::operation::{CANCELED, Operation, Outcome, error_type};
use crate::propagate::Formats;

/// Among the extensions of a request: a layer of the kit further out sees to it already.
#[derive(Clone, Copy)]
struct SeenTo;

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
        let core = self.core();
        let kept = core.switches.live.then(|| Arc::clone(core));
        HttpLayer { core: kept, formats: core.formats(), public: false, bodies: PhantomData }
    }
}

/// Made by [`Kit::http_layer`], for [`Axum`]'s bodies or for [`AnyBody`].
pub struct HttpLayer<W = Axum> {
    /// None for a kit that never records, so that axum, which clones layers for each request, has nothing to count.
    core: Option<Arc<Core>>,
    formats: Formats,
    public: bool,
    bodies: PhantomData<fn() -> W>,
}

impl<W> Clone for HttpLayer<W> {
    fn clone(&self) -> Self {
        HttpLayer { core: self.core.clone(), formats: self.formats, public: self.public, bodies: PhantomData }
    }
}

impl<W> std::fmt::Debug for HttpLayer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpLayer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl HttpLayer {
    /// For services whose bodies are not axum's: hyper's, tower-http's, one's own.
    #[must_use]
    pub fn any_body(self) -> HttpLayer<AnyBody> {
        let HttpLayer { core, formats, public, .. } = self;
        HttpLayer { core, formats, public, bodies: PhantomData }
    }
}

impl<W> HttpLayer<W> {
    /// For servers on the open internet: callers' trace context is linked to, not continued, and their baggage is ignored.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }
}

impl<S, W> Layer<S> for HttpLayer<W> {
    type Service = HttpService<S, W>;

    fn layer(&self, inner: S) -> HttpService<S, W> {
        HttpService { inner, layer: self.clone() }
    }
}

/// A service wrapped by [`HttpLayer`].
#[derive(Debug)]
pub struct HttpService<S, W = Axum> {
    inner: S,
    layer: HttpLayer<W>,
}

impl<S: Clone, W> Clone for HttpService<S, W> {
    fn clone(&self) -> Self {
        HttpService { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, In, Out, W> Service<Request<In>> for HttpService<S, W>
where
    S: Service<Request<In>, Response = Response<Out>>,
    Out: Body,
    W: Bodies<Out>,
{
    type Response = Response<W::Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, W>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        let layer = &self.layer;
        let watched = match layer.core.as_ref().filter(|core| core.switches.http_server.is_on()) {
            Some(_) if request.extensions().get::<SeenTo>().is_some() => Watched::Not,
            Some(core) => {
                let pending = layer.start(core, &request);
                request.extensions_mut().insert(SeenTo);
                Watched::Recorded(pending)
            }
            None => layer.passed_on(&request).map_or(Watched::Not, Watched::PassedOn),
        };
        let _active = watched.activate();
        ResponseFuture { inner: self.inner.call(request), watched, bodies: PhantomData }
    }
}

impl<W> HttpLayer<W> {
    /// The caller's context, when nothing is recorded; none when the caller sent none, so that nothing need be made active.
    fn passed_on<B>(&self, request: &Request<B>) -> Option<Context> {
        if self.public { None } else { self.formats.received(request.headers()) }
    }

    fn start<B>(&self, core: &Arc<Core>, request: &Request<B>) -> Box<Pending<ServerEnding>> {
        let remote = self.formats.received(request.headers()).unwrap_or_default();
        let (method, span_method) = method_of(request.method());
        let scheme = scheme_of(request);
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);

        // Room for the status and a kind of error.
        let mut measured = Vec::with_capacity(6);
        measured.push(KeyValue::new(names::HTTP_METHOD, method));
        measured.push(KeyValue::new(names::URL_SCHEME, scheme));
        let counted = measured.len();
        measured.push(KeyValue::new(names::PROTOCOL_VERSION, protocol_version(request.version())));
        measured.extend(route.map(|route| KeyValue::new(names::HTTP_ROUTE, Arc::<str>::from(route))));

        let caller = self.public.then(|| remote.span().span_context().clone());
        let parent = if self.public { Context::new() } else { remote };
        let describe = || {
            let name = route.map_or(Cow::Borrowed(span_method), |route| [span_method, " ", route].concat().into());
            let mut builder = SpanBuilder::from_name(name).with_attributes(describe(request, method, &measured));
            if let Some(caller) = caller.filter(SpanContext::is_valid) {
                builder = builder.with_links(vec![Link::new(caller, Vec::new(), 0)]);
            }
            builder
        };
        let instruments = &core.instruments;
        let operation = Operation::start_described(core, Point::Http, SpanKind::Server, &parent, describe);
        let mut operation = operation
            .measured(&instruments.http_server_duration, measured)
            .counted(&instruments.http_server_active, counted);
        operation.when_abandoned(Outcome::failure(CANCELED), None);
        Box::new(Pending { core: Arc::clone(core), operation, ending: ServerEnding(StatusCode::OK) })
    }
}

fn scheme_of<B>(request: &Request<B>) -> StringValue {
    match request.uri().scheme_str() {
        None | Some("http") => "http".into(),
        Some("https") => "https".into(),
        Some(other) => other.to_owned().into(),
    }
}

/// The attributes of the span: those of the metric, and those that are too many-valued for it.
fn describe<B>(request: &Request<B>, method: &'static str, measured: &[KeyValue]) -> Vec<KeyValue> {
    // With room for the status and a kind of error.
    let mut attributes = Vec::with_capacity(measured.len() + 8);
    attributes.extend_from_slice(measured);
    attributes.push(KeyValue::new(names::URL_PATH, request.uri().path().to_owned()));
    if method == crate::http_names::OTHER {
        attributes.push(KeyValue::new(names::HTTP_METHOD_ORIGINAL, request.method().to_string()));
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(host) = authority.or_else(|| text(header::HOST)) {
        push_host(&mut attributes, host, request.uri().scheme_str().unwrap_or("http"));
    }
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        attributes.push(KeyValue::new(names::CLIENT_ADDRESS, peer.ip().to_string()));
    }
    if let Some(agent) = text(header::USER_AGENT) {
        attributes.push(KeyValue::new(names::USER_AGENT_ORIGINAL, agent.to_owned()));
    }
    attributes
}

/// What is known of a request while its response is awaited.
enum Watched {
    /// Nothing is recorded, and the caller sent no context: the service is called as if there were no layer.
    Not,
    /// Nothing is recorded.
    PassedOn(Context),
    Recorded(Box<Pending<ServerEnding>>),
}

impl Watched {
    /// Makes active what is to be while the service works.
    fn activate(&self) -> Option<ContextGuard> {
        match self {
            Watched::Not => None,
            Watched::PassedOn(context) => Some(context.clone().attach()),
            Watched::Recorded(pending) => pending.operation.activate(),
        }
    }
}

pin_project! {
    /// The response to come.
    pub struct ResponseFuture<F, W = Axum> {
        #[pin]
        inner: F,
        watched: Watched,
        bodies: PhantomData<fn() -> W>,
    }
}

impl<F, W> std::fmt::Debug for ResponseFuture<F, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, B, E, W> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    W: Bodies<B>,
{
    type Output = Result<Response<W::Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        if let Watched::Not = this.watched {
            return inner.poll(cx).map_ok(|response| response.map(W::untraced));
        }
        let _active = this.watched.activate();
        let Watched::Recorded(pending) = this.watched else {
            return inner.poll(cx).map_ok(|response| response.map(W::untraced));
        };
        // A panic is told and goes on to the server, which closes the connection: what net/http does under the Go kit.
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                pending.panicked(panic.as_ref());
                std::panic::resume_unwind(panic);
            }
        };
        Poll::Ready(match (polled, std::mem::replace(this.watched, Watched::Not)) {
            (Ok(response), Watched::Recorded(pending)) => Ok(respond(response, pending).map(W::traced)),
            (Ok(response), _) => Ok(response.map(W::untraced)),
            (Err(error), mut watched) => {
                if let Watched::Recorded(pending) = &mut watched {
                    pending.operation.finish(Outcome::failure(error_type::<E>()));
                }
                Err(error)
            }
        })
    }
}

fn respond<B: Body>(response: Response<B>, mut pending: Box<Pending<ServerEnding>>) -> Response<TracedBody<B>> {
    let status = response.status();
    pending.operation.set_measured(names::HTTP_STATUS_CODE, i64::from(status.as_u16()));
    pending.operation.when_abandoned(Outcome::failure(BROKEN), None);
    pending.ending = ServerEnding(status);
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
