//! A span around a future. The raw SDK is measured twice: a span that is made and ended, which does nothing for what is called inside; and
//! one that is active while a future runs, which is what `Kit::span` does.

use criterion::Criterion;
use futures_util::FutureExt as _;
use opentelemetry::trace::{FutureExt as _, Span as _, SpanBuilder, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Sampler;

use crate::{ThreadCpu, kits, sdk};

pub(crate) fn benches(c: &mut Criterion<ThreadCpu>) {
    let mut group = c.benchmark_group("span");
    // What awaiting takes when there is no span.
    group.bench_function("bare", |b| b.iter(|| async {}.now_or_never()));
    for (name, kit) in kits() {
        group.bench_function(name, |b| {
            b.iter(|| kit.span("charge card").attribute(KeyValue::new("attempt", 1)).observe(async {}).now_or_never());
        });
    }
    let builder = || SpanBuilder::from_name("charge card").with_attributes([KeyValue::new("attempt", 1)]);
    for (state, sampler) in [("unsampled", Sampler::AlwaysOff), ("sampled", Sampler::AlwaysOn)] {
        let provider = sdk(sampler);
        let tracer = provider.tracer("bench");
        group.bench_function(format!("sdk-{state}"), |b| {
            b.iter(|| tracer.build_with_context(builder(), &Context::current()).end());
        });
        group.bench_function(format!("sdk-{state}-active"), |b| {
            b.iter(|| {
                let parent = Context::current();
                let context = parent.with_span(tracer.build_with_context(builder(), &parent));
                let done = async {}.with_context(context.clone()).now_or_never();
                context.span().end();
                done
            });
        });
    }
}
