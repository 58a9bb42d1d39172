//! gRPC: tower layers for tonic servers and clients. The status is read where gRPC puts it: in the trailers, or in the headers of a
//! response that has nothing else.

use std::any::Any;
use std::error::Error;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Body;
use opentelemetry::trace::{SpanBuilder, SpanKind};
use opentelemetry::{Context, KeyValue};
use pin_project_lite::pin_project;
use tonic::Code;
use tonic::transport::server::TcpConnectInfo;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Ending, Pending, TracedBody};
use crate::core::{Core, Point};
use crate::http_names::{OTHER, push_server, split_host};
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, Outcome};
use crate::propagate::HttpInjector;

const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
const GRPC_TIMEOUT: &str = "grpc-timeout";

impl Kit {
    /// Traces and measures every call a tonic server receives, and contains panics of its methods: the call fails with `INTERNAL`,
    /// the process lives.
    ///
    /// ```
    /// # let kit = throughline::init(throughline::Config::builder("pricing").build()).unwrap();
    /// let server = tonic::transport::Server::builder().layer(kit.grpc_server_layer());
    /// # let _ = server;
    /// ```
    #[must_use]
    pub fn grpc_server_layer(&self) -> GrpcServerLayer {
        GrpcServerLayer { core: Arc::clone(self.core()) }
    }

    /// Traces and measures every call made through a channel and passes the trace on. `target` is what the channel connects to, as
    /// `host:port` or a URL.
    ///
    /// ```no_run
    /// # use tower_layer::Layer;
    /// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
    /// let channel = tonic::transport::Channel::from_static("http://127.0.0.1:9092").connect_lazy();
    /// let channel = kit.grpc_client_layer("127.0.0.1:9092").layer(channel);
    /// // let client = InventoryClient::new(channel);
    /// # let _ = channel;
    /// ```
    #[must_use]
    pub fn grpc_client_layer(&self, target: &str) -> GrpcClientLayer {
        let host = target.split_once("://").map_or(target, |(_, host)| host);
        let host = host.split('/').next().unwrap_or(host);
        GrpcClientLayer { core: Arc::clone(self.core()), server: split_host(host, None).into() }
    }
}

/// Made by [`Kit::grpc_server_layer`].
#[derive(Clone)]
pub struct GrpcServerLayer {
    core: Arc<Core>,
}

/// Made by [`Kit::grpc_client_layer`].
#[derive(Clone)]
pub struct GrpcClientLayer {
    core: Arc<Core>,
    server: Arc<[KeyValue]>,
}

/// A service wrapped by [`GrpcServerLayer`].
#[derive(Clone)]
pub struct GrpcServer<S> {
    inner: S,
    core: Arc<Core>,
}

/// A channel wrapped by [`GrpcClientLayer`].
#[derive(Clone)]
pub struct GrpcClient<S> {
    inner: S,
    layer: GrpcClientLayer,
}

macro_rules! opaque_debug {
    ($($name:ident $(<$parameter:ident>)?),*) => {$(
        impl $(<$parameter>)? std::fmt::Debug for $name $(<$parameter>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
opaque_debug!(GrpcServerLayer, GrpcClientLayer, GrpcServer<S>, GrpcClient<S>, CallFuture<F>);

impl<S> Layer<S> for GrpcServerLayer {
    type Service = GrpcServer<S>;

    fn layer(&self, inner: S) -> GrpcServer<S> {
        GrpcServer { inner, core: Arc::clone(&self.core) }
    }
}

impl<S> Layer<S> for GrpcClientLayer {
    type Service = GrpcClient<S>;

    fn layer(&self, inner: S) -> GrpcClient<S> {
        GrpcClient { inner, layer: self.clone() }
    }
}

impl<S, In, Out> Service<Request<In>> for GrpcServer<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Error: 'static,
    Out: Body + Default,
{
    type Response = Response<TracedBody<Out>>;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let remote = self.core.formats().received(request.headers()).unwrap_or_default();
        let peer = request.extensions().get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        let call = Call {
            core: &self.core,
            side: Side::Server,
            path: request.uri().path(),
            push_server: |attributes: &mut Vec<_>| {
                let authority = request.uri().authority().map_or("", |authority| authority.as_str());
                push_server(attributes, authority, None);
            },
            peer,
            deadline: None,
        };
        let pending = call.start(&remote);
        let _active = pending.operation.activate();
        CallFuture { inner: self.inner.call(request), pending: Some(pending) }
    }
}

impl<S, In, Out> Service<Request<In>> for GrpcClient<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Error: 'static,
    Out: Body + Default,
{
    type Response = Response<TracedBody<Out>>;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        let call = Call {
            core: &self.layer.core,
            side: Side::Client,
            path: request.uri().path(),
            push_server: |attributes: &mut Vec<_>| attributes.extend_from_slice(&self.layer.server),
            peer: None,
            deadline: request
                .headers()
                .get(GRPC_TIMEOUT)
                .and_then(timeout)
                .and_then(|after| Instant::now().checked_add(after)),
        };
        let pending = call.start(&Context::current());
        self.layer.core.inject(pending.operation.context(), &mut HttpInjector(request.headers_mut()));
        let _active = pending.operation.activate();
        CallFuture { inner: self.inner.call(request), pending: Some(pending) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

struct Call<'a, S> {
    core: &'a Arc<Core>,
    side: Side,
    path: &'a str,
    /// Adds the server's address and port.
    push_server: S,
    /// Who calls.
    peer: Option<SocketAddr>,
    /// Until when the caller waits.
    deadline: Option<Instant>,
}

impl<S: FnOnce(&mut Vec<KeyValue>)> Call<'_, S> {
    fn start(self, parent: &Context) -> Box<Pending<GrpcEnding>> {
        let switches = &self.core.switches;
        let (kind, on) = match self.side {
            Side::Server => (SpanKind::Server, &switches.grpc_server),
            Side::Client => (SpanKind::Client, &switches.grpc_client),
        };
        let core = Arc::clone(self.core);
        if !on.is_on() {
            // Panics are contained all the same.
            let ending = GrpcEnding { side: self.side, method: Arc::default(), deadline: None, in_headers: None };
            return Box::new(Pending { core, operation: Operation::idle(parent), ending });
        }
        let method: Arc<str> = self.path.trim_start_matches('/').into();
        let mut measured = Vec::with_capacity(6);
        (self.push_server)(&mut measured);
        measured.push(KeyValue::new(names::RPC_SYSTEM_NAME, "grpc"));
        measured.push(KeyValue::new(names::RPC_METHOD, Arc::clone(&method)));
        let describe = || {
            let mut attributes = Vec::with_capacity(measured.len() + 3);
            attributes.extend_from_slice(&measured);
            attributes.extend(self.peer.map(|peer| KeyValue::new(names::CLIENT_ADDRESS, peer.ip().to_string())));
            SpanBuilder::from_name(method.to_string()).with_attributes(attributes)
        };
        let operation = Operation::start_described(self.core, Point::Grpc, kind, parent, describe);
        let instruments = &self.core.instruments;
        let mut operation = match self.side {
            Side::Server => operation.measured(&instruments.rpc_server_duration, measured),
            Side::Client => operation.measured(&instruments.rpc_client_duration, measured),
        };
        // Whoever drops a call does not want its answer any more; only to the caller that is a failure.
        let canceled = status_name(Code::Cancelled);
        let outcome = match self.side {
            Side::Server => Outcome::Success,
            Side::Client => Outcome::failure(canceled),
        };
        operation.when_abandoned(outcome, Some(KeyValue::new(names::RPC_STATUS_CODE, canceled)));
        let ending = GrpcEnding { side: self.side, method, deadline: self.deadline, in_headers: None };
        Box::new(Pending { core, operation, ending })
    }
}

/// How a call ends: with a status in the headers or in the trailers.
struct GrpcEnding {
    side: Side,
    method: Arc<str>,
    deadline: Option<Instant>,
    in_headers: Option<GrpcStatus>,
}

#[derive(Debug, Clone)]
struct GrpcStatus {
    code: Code,
    message: String,
    /// The server has no such method: tonic answers `UNIMPLEMENTED` without a message.
    unknown_method: bool,
}

impl GrpcStatus {
    fn read(headers: &HeaderMap) -> Option<GrpcStatus> {
        let code = Code::from_bytes(headers.get(GRPC_STATUS)?.as_bytes());
        let message = headers.get(GRPC_MESSAGE).and_then(|value| value.to_str().ok());
        Some(GrpcStatus {
            code,
            message: message.map(percent_decode).unwrap_or_default(),
            unknown_method: code == Code::Unimplemented && message.is_none(),
        })
    }

    fn of(code: Code, message: &str) -> GrpcStatus {
        GrpcStatus { code, message: message.to_owned(), unknown_method: false }
    }
}

/// Reads `grpc-timeout`: up to eight digits and a unit.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let (digits, unit) = value.to_str().ok()?.split_at_checked(value.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// gRPC percent-encodes what is not printable ASCII in messages.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl GrpcEnding {
    fn conclude(&self, operation: &mut Operation, status: &GrpcStatus) -> Outcome {
        // Caller and server watch the same deadline. A server that was first answers CANCELLED, and to the caller that is the deadline.
        let status = match self.deadline {
            Some(deadline) if status.code == Code::Cancelled && Instant::now() >= deadline => {
                &GrpcStatus::of(Code::DeadlineExceeded, "")
            }
            _ => status,
        };
        let code = status_name(status.code);
        operation.set_measured(names::RPC_STATUS_CODE, code);
        if self.side == Side::Server && status.unknown_method {
            // The name is the caller's invention.
            operation.rename(OTHER);
            operation.set_measured(names::RPC_METHOD, OTHER);
            operation.set(names::RPC_METHOD_ORIGINAL, Arc::clone(&self.method));
        }
        if self.is_failure(status.code) {
            Outcome::Failure { kind: code.into(), description: status.message.clone() }
        } else {
            Outcome::Success
        }
    }

    /// To a caller everything but OK is a failure; a server is not to blame for answers such as `NOT_FOUND`.
    fn is_failure(&self, code: Code) -> bool {
        match self.side {
            Side::Client => code != Code::Ok,
            Side::Server => matches!(
                code,
                Code::Unknown
                    | Code::DeadlineExceeded
                    | Code::Unimplemented
                    | Code::Internal
                    | Code::Unavailable
                    | Code::DataLoss
            ),
        }
    }
}

impl Ending for GrpcEnding {
    fn complete(&mut self, operation: &mut Operation, trailers: Option<&HeaderMap>) -> Outcome {
        let status = trailers.and_then(GrpcStatus::read).or_else(|| self.in_headers.take());
        let status = status.unwrap_or_else(|| GrpcStatus::of(Code::Unknown, "the response ended without a status"));
        self.conclude(operation, &status)
    }

    fn broken(&mut self, operation: &mut Operation) -> Outcome {
        let status = self.in_headers.take().unwrap_or_else(|| GrpcStatus::of(Code::Unavailable, ""));
        self.conclude(operation, &status)
    }

    fn ends_with_data(&self) -> bool {
        self.in_headers.is_some()
    }

    fn after_panic(&mut self, operation: &mut Operation) -> Option<HeaderMap> {
        operation.set_measured(names::RPC_STATUS_CODE, status_name(Code::Internal));
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_STATUS, HeaderValue::from(Code::Internal as i32));
        // What was thrown is not for callers.
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static("internal error"));
        (self.side == Side::Server).then_some(headers)
    }
}

pin_project! {
    /// The response to come.
    pub struct CallFuture<F> {
        #[pin]
        inner: F,
        pending: Option<Box<Pending<GrpcEnding>>>,
    }
}

impl<F, B, E> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Default,
    E: 'static,
{
    type Output = Result<Response<TracedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _active = this.pending.as_ref().map(|pending| pending.operation.activate());
        let inner = this.inner;
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                let instead = this.pending.take().and_then(|mut pending| pending.panicked(panic.as_ref()));
                return match instead {
                    Some(status) => Poll::Ready(Ok(only_headers(status))),
                    None => std::panic::resume_unwind(panic),
                };
            }
        };
        let pending = this.pending.take();
        Poll::Ready(match polled {
            Ok(response) => Ok(respond(response, pending)),
            Err(error) => {
                if let Some(mut pending) = pending {
                    let code = if ran_out_of_time(&error) { Code::DeadlineExceeded } else { Code::Unavailable };
                    pending.ending.in_headers = Some(GrpcStatus::of(code, ""));
                    pending.broken();
                }
                Err(error)
            }
        })
    }
}

/// True for a deadline that passed. tonic calls it CANCELLED; gRPC, and the Go kit, DEADLINE_EXCEEDED.
fn ran_out_of_time<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    let boxed = error.downcast_ref::<Box<dyn Error + Send + Sync>>().map(|error| &**error as &(dyn Error + 'static));
    let mut next = boxed.or_else(|| error.downcast_ref::<tonic::transport::Error>().map(|error| error as _));
    while let Some(error) = next {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn respond<B: Body>(response: Response<B>, pending: Option<Box<Pending<GrpcEnding>>>) -> Response<TracedBody<B>> {
    let Some(mut pending) = pending else {
        return response.map(TracedBody::untraced);
    };
    pending.ending.in_headers = GrpcStatus::read(response.headers());
    response.map(|body| TracedBody::new(body, pending))
}

fn only_headers<B: Body + Default>(status: HeaderMap) -> Response<TracedBody<B>> {
    let mut response = Response::new(TracedBody::untraced(B::default()));
    *response.headers_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// The code as the gRPC specification spells it.
fn status_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
