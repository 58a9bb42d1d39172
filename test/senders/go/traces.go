package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func newSpanExporter(ctx context.Context, c config) (sdktrace.SpanExporter, error) {
	if c.protocol == "grpc" {
		opts := []otlptracegrpc.Option{otlptracegrpc.WithEndpointURL(c.endpoint)}
		if c.compression == "gzip" {
			opts = append(opts, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	opts := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(c.endpoint + "/v1/traces")}
	if c.compression == "gzip" {
		opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(opts...))
}

// sendSpans sends traces of up to four spans until there are exactly c.spans.
func sendSpans(ctx context.Context, c config, res *resource.Resource) (int, error) {
	exporter, err := newSpanExporter(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("cannot make the span exporter: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributePerEventCountLimit = 4 // so that there are dropped attributes to tell of
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()))
	w := traceWriter{left: c.spans, tracer: provider.Tracer("senders-go/traces", trace.WithInstrumentationVersion("0.1.0"),
		trace.WithSchemaURL("https://opentelemetry.io/schemas/1.40.0"),
		trace.WithInstrumentationAttributes(attribute.String("scope.kind", "test")))}
	for n := 0; w.left > 0; n++ {
		w.write(n)
	}
	err = errors.Join(provider.ForceFlush(ctx), provider.Shutdown(ctx))
	return c.spans, err
}

// traceWriter writes traces: a SERVER root with every attribute type, a failing CLIENT child, an INTERNAL child with events,
// and a CONSUMER grandchild with links.
type traceWriter struct {
	tracer   trace.Tracer
	left     int
	previous trace.SpanContext
}

func (w *traceWriter) write(n int) {
	start := time.Now().Add(-time.Second)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms)*time.Millisecond + 123*time.Nanosecond) }
	ctx := context.Background()
	if n%3 == 1 {
		ctx = trace.ContextWithRemoteSpanContext(ctx, remoteParent(n))
	}
	ctx, root := w.start(ctx, "GET /items/{id}", at(0), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(everyType()...))
	if n%2 == 0 {
		root.SetStatus(codes.Ok, "")
	}
	defer root.End(trace.WithTimestamp(at(500)))
	if w.left > 0 {
		_, client := w.start(ctx, "SELECT items", at(10), trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("db.system.name", "postgresql"), attribute.Int("trace.number", n)))
		client.SetStatus(codes.Error, "connection reset by peer")
		client.End(trace.WithTimestamp(at(110)))
	}
	if w.left > 0 {
		inner, internal := w.start(ctx, "render", at(120))
		internal.AddEvent("cache miss", trace.WithTimestamp(at(130)), trace.WithAttributes(attribute.String("cache.key", "item"), attribute.Int("size", 7)))
		internal.AddEvent("exception", trace.WithTimestamp(at(140)), trace.WithAttributes(
			attribute.String("exception.type", "ValueError"), attribute.String("exception.message", "bad value"),
			attribute.Bool("exception.escaped", false), attribute.Float64("x", 0.5), attribute.Int("dropped.1", 1), attribute.Int("dropped.2", 2)))
		internal.AddEvent("", trace.WithTimestamp(at(150)))
		w.consume(inner, at)
		internal.End(trace.WithTimestamp(at(400)))
	}
	w.previous = root.SpanContext()
}

func (w *traceWriter) consume(ctx context.Context, at func(int) time.Time) {
	if w.left == 0 {
		return
	}
	links := []trace.Link{{SpanContext: remoteParent(7), Attributes: []attribute.KeyValue{attribute.String("link.kind", "remote")}}}
	if w.previous.IsValid() {
		links = append(links, trace.Link{SpanContext: w.previous, Attributes: everyType()[:4]})
	}
	_, consumer := w.start(ctx, "process items", at(200), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...))
	consumer.End(trace.WithTimestamp(at(300)))
}

func (w *traceWriter) start(ctx context.Context, name string, at time.Time, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	w.left--
	return w.tracer.Start(ctx, name, append(opts, trace.WithTimestamp(at))...)
}

// remoteParent is a caller elsewhere, with trace state.
func remoteParent(n int) trace.SpanContext {
	state, err := trace.ParseTraceState("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
	if err != nil {
		panic(err) // a constant
	}
	now := time.Now().UnixNano()
	var id trace.TraceID
	var span trace.SpanID
	for i := range 8 {
		id[i], id[15-i], span[i] = byte(now>>(8*i)), byte(n>>(8*i))+1, byte(now>>(8*i))|1
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
}
