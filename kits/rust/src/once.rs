//! Keeps spans from being made twice: an edge that another instrumentation has made the span of gets none from the kit. An active span
//! tells nothing of itself, so those of other libraries are noted where they pass: at the global provider, when it is the kit's. What
//! stands inside the kit has not begun yet, and is not seen.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, Key, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

/// Those beyond it are not noted, and may be made twice.
const NOTED_MAX: usize = 10_000;

/// The SERVER and CLIENT spans of other libraries that are being recorded.
#[derive(Debug, Default)]
pub(crate) struct Others {
    count: AtomicUsize,
    noted: Mutex<HashMap<SpanId, Edge>>,
}

#[derive(Debug)]
enum Edge {
    Server,
    Client(Vec<Key>),
}

impl Others {
    /// Whether the active span is the SERVER span of another library.
    pub(crate) fn serve_already(&self) -> bool {
        self.is_noted(|edge| matches!(edge, Edge::Server))
    }

    /// Whether the active span is the CLIENT span of another library, with attributes that begin so: `http.`, `rpc.`, `db.`.
    pub(crate) fn call_already(&self, family: &str) -> bool {
        let belongs = |key: &Key| key.as_str().starts_with(family);
        self.is_noted(|edge| matches!(edge, Edge::Client(keys) if keys.iter().any(belongs)))
    }

    /// One atomic load where there are none.
    fn is_noted(&self, fits: impl FnOnce(&Edge) -> bool) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let active = Context::map_current(|active| active.span().span_context().span_id());
        self.lock().get(&active).is_some_and(fits)
    }

    fn note(self: &Arc<Self>, span: &SpanContext, edge: Edge) -> Option<Noted> {
        let mut noted = self.lock();
        if noted.len() >= NOTED_MAX {
            return None;
        }
        noted.insert(span.span_id(), edge);
        self.count.store(noted.len(), Ordering::Relaxed);
        Some(Noted { others: Arc::clone(self), id: span.span_id() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SpanId, Edge>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span that is noted for as long as it is recorded.
#[derive(Debug)]
struct Noted {
    others: Arc<Others>,
    id: SpanId,
}

impl Noted {
    fn learn(&self, key: Key) {
        if let Some(Edge::Client(keys)) = self.others.lock().get_mut(&self.id) {
            keys.push(key);
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut noted = self.others.lock();
        noted.remove(&self.id);
        self.others.count.store(noted.len(), Ordering::Relaxed);
    }
}

/// The kit's provider for other libraries.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) provider: SdkTracerProvider,
    pub(crate) others: Arc<Others>,
}

impl TracerProvider for Watched {
    type Tracer = WatchedTracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> WatchedTracer {
        WatchedTracer { tracer: self.provider.tracer_with_scope(scope), others: Arc::clone(&self.others) }
    }
}

pub(crate) struct WatchedTracer {
    tracer: SdkTracer,
    others: Arc<Others>,
}

impl Tracer for WatchedTracer {
    type Span = WatchedSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> WatchedSpan {
        let edge = match builder.span_kind {
            Some(SpanKind::Server) => Some(Edge::Server),
            Some(SpanKind::Client) => {
                let attributes = builder.attributes.iter().flatten();
                Some(Edge::Client(attributes.map(|attribute| attribute.key.clone()).collect()))
            }
            _ => None,
        };
        let span = self.tracer.build_with_context(builder, parent);
        let edge = edge.filter(|_| span.is_recording());
        let noted = edge.and_then(|edge| self.others.note(span.span_context(), edge));
        WatchedSpan { span, noted }
    }
}

#[derive(Debug)]
pub(crate) struct WatchedSpan {
    span: opentelemetry_sdk::trace::Span,
    noted: Option<Noted>,
}

impl Span for WatchedSpan {
    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.span.add_event_with_timestamp(name, timestamp, attributes);
    }

    fn span_context(&self) -> &SpanContext {
        self.span.span_context()
    }

    fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(noted) = &self.noted {
            noted.learn(attribute.key.clone());
        }
        self.span.set_attribute(attribute);
    }

    fn set_status(&mut self, status: Status) {
        self.span.set_status(status);
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.span.update_name(name);
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.span.add_link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.noted = None;
        self.span.end_with_timestamp(timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> (Arc<Others>, WatchedTracer) {
        let others = Arc::<Others>::default();
        let watched = Watched { provider: SdkTracerProvider::builder().build(), others: Arc::clone(&others) };
        (others, watched.tracer("another library"))
    }

    fn start(tracer: &WatchedTracer, kind: SpanKind) -> Context {
        Context::new().with_span(tracer.build(SpanBuilder::from_name("another").with_kind(kind)))
    }

    #[test]
    fn the_active_span_of_another_library_is_known_by_kind_and_family() {
        let (others, tracer) = watched();
        let server = start(&tracer, SpanKind::Server);
        let client = start(&tracer, SpanKind::Client);
        assert!(!others.serve_already(), "neither is active");
        {
            let _active = server.clone().attach();
            assert!(others.serve_already());
            assert!(!others.call_already("http."));
        }
        let _active = client.clone().attach();
        assert!(!others.call_already("http."), "nothing says what is called");
        client.span().set_attribute(KeyValue::new("http.request.method", "GET"));
        assert!(others.call_already("http."));
        assert!(!others.call_already("db."));
        assert!(!others.serve_already());
    }

    #[test]
    fn spans_are_forgotten_when_they_end_or_are_dropped() {
        let (others, tracer) = watched();
        let (ended, dropped) = (start(&tracer, SpanKind::Server), start(&tracer, SpanKind::Server));
        assert_eq!(others.count.load(Ordering::Relaxed), 2);
        ended.span().end();
        drop(dropped);
        assert_eq!(others.count.load(Ordering::Relaxed), 0);
        let _active = ended.clone().attach();
        assert!(!others.serve_already());
        let _work = start(&tracer, SpanKind::Internal);
        assert!(others.lock().is_empty(), "work of another library is no edge");
    }
}
