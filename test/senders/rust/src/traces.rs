//! Spans: every kind, status and attribute type, events, links, parents here and elsewhere, dropped counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, Link, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer, TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};

use crate::Error;
use crate::options::Options;
use crate::values::every_type;

/// Spans between two flushes, so that the queue never overflows.
const FLUSH_EVERY: usize = 400;

pub(crate) fn send(options: &Options, resource: &Resource) -> Result<usize, Error> {
    let exporter = match options.protocol {
        Protocol::Grpc => options.grpc(SpanExporter::builder().with_tonic()).build()?,
        _ => options.http(SpanExporter::builder().with_http(), "traces").build()?,
    };
    let batches = BatchConfigBuilder::default().with_max_queue_size(2048).build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(Sampler::AlwaysOn)
        .with_max_attributes_per_event(4) // so that there are dropped attributes to tell of
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .build();
    let scope = InstrumentationScope::builder("senders-rust/traces")
        .with_version("0.1.0")
        .with_schema_url("https://opentelemetry.io/schemas/1.40.0")
        .with_attributes([KeyValue::new("scope.kind", "test")])
        .build();
    let mut writer = Writer { tracer: provider.tracer_with_scope(scope), left: options.spans, previous: None };
    let (mut trace, mut flushed_at) = (0, options.spans);
    while writer.left > 0 {
        writer.write_trace(trace);
        trace += 1;
        if flushed_at - writer.left >= FLUSH_EVERY {
            provider.force_flush()?;
            flushed_at = writer.left;
        }
    }
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(options.spans)
}

struct Writer {
    tracer: SdkTracer,
    left: usize,
    previous: Option<SpanContext>,
}

impl Writer {
    /// A SERVER root with every attribute type, a failing CLIENT child, an INTERNAL child with events, and below it a CONSUMER with
    /// links and a PRODUCER; fewer when the number of spans runs out.
    fn write_trace(&mut self, number: u64) {
        let start = SystemTime::now() - Duration::from_secs(1);
        let at = |millis: u64| start + Duration::from_millis(millis) + Duration::from_nanos(123);
        let parent = match number % 3 {
            1 => Context::new().with_remote_span_context(remote(number)),
            _ => Context::new(),
        };
        let root = SpanBuilder::from_name("GET /items/{id}").with_kind(SpanKind::Server).with_attributes(every_type());
        let root = self.start(root, at(0), &parent);
        if number.is_multiple_of(2) {
            root.span().set_status(Status::Ok);
        }
        self.child(&root, at(10), at(110), client(number));
        let internal = SpanBuilder::from_name("render").with_events(events(at(130), at(140), at(150)));
        if let Some(internal) = self.child(&root, at(120), at(400), internal) {
            let links = self.links();
            let consumer = SpanBuilder::from_name("process items").with_kind(SpanKind::Consumer).with_links(links);
            self.child(&internal, at(200), at(300), consumer);
            let producer = SpanBuilder::from_name("send items").with_kind(SpanKind::Producer);
            self.child(&internal, at(310), at(320), producer);
        }
        root.span().end_with_timestamp(at(500));
        self.previous = Some(root.span().span_context().clone());
    }

    fn start(&mut self, builder: SpanBuilder, at: SystemTime, parent: &Context) -> Context {
        self.left -= 1;
        parent.with_span(self.tracer.build_with_context(builder.with_start_time(at), parent))
    }

    fn child(&mut self, parent: &Context, from: SystemTime, to: SystemTime, builder: SpanBuilder) -> Option<Context> {
        if self.left == 0 {
            return None;
        }
        let failed = builder.span_kind == Some(SpanKind::Client);
        let cx = self.start(builder, from, parent);
        if failed {
            cx.span().set_status(Status::error("connection reset by peer"));
        }
        cx.span().end_with_timestamp(to);
        Some(cx)
    }

    fn links(&self) -> Vec<Link> {
        let attribute = KeyValue::new("link.kind", "remote");
        let mut links = vec![Link::new(remote(7), vec![attribute], 0)];
        if let Some(previous) = &self.previous {
            links.push(Link::new(previous.clone(), every_type().into_iter().take(4).collect(), 0));
        }
        links
    }
}

fn client(number: u64) -> SpanBuilder {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    SpanBuilder::from_name("SELECT items")
        .with_kind(SpanKind::Client)
        .with_attributes([KeyValue::new("db.system.name", "postgresql"), KeyValue::new("trace.number", number)])
}

fn events(first: SystemTime, second: SystemTime, third: SystemTime) -> Vec<Event> {
    let cache = vec![KeyValue::new("cache.key", "item"), KeyValue::new("size", 7_i64)];
    let exception = vec![
        KeyValue::new("exception.type", "ValueError"),
        KeyValue::new("exception.message", "bad value"),
        KeyValue::new("exception.escaped", false),
        KeyValue::new("x", 0.5),
        KeyValue::new("dropped.1", 1_i64),
        KeyValue::new("dropped.2", 2_i64),
    ];
    vec![
        Event::new("cache miss", first, cache, 0),
        Event::new("exception", second, exception, 0),
        Event::new("", third, Vec::new(), 0),
    ]
}

/// A caller elsewhere, with trace state.
pub(crate) fn remote(number: u64) -> SpanContext {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
    let trace_id = TraceId::from(nanos << 64 | u128::from(number) << 8 | 1);
    let span_id = SpanId::from((number << 32) | 0x1234_5678);
    let state = [("rojo", "00f067aa0ba902b7"), ("congo", "t61rcWkgMzE")];
    let state = TraceState::from_key_value(state).unwrap_or_default();
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, true, state)
}
