// Package once keeps spans from being made twice: an edge that another instrumentation has made the span of gets none from the kit.
// It sees what is active in the context, so what stands outside the kit; what stands inside has not begun yet.
package once

import (
	"context"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"throughline.dev/kits/go/internal/names"
)

// Server makes a tracer whose SERVER spans are made once.
func Server(next trace.Tracer) trace.Tracer { return &tracer{next: next, made: Served} }

// Client makes a tracer whose CLIENT spans are made once; family is how the attributes of such spans begin: "http.", "rpc.", "db.".
func Client(next trace.Tracer, family string) trace.Tracer {
	return &tracer{next: next, made: func(ctx context.Context) bool { return isCalled(ctx, family) }}
}

type tracer struct {
	embedded.Tracer
	next trace.Tracer
	made func(context.Context) bool
}

// Start gives what is active and a span that does nothing, so that nobody sets, or ends, what is not theirs.
func (t *tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	if t.made(ctx) {
		return ctx, nooptrace.Span{}
	}
	return t.next.Start(ctx, name, opts...)
}

// Served says whether a SERVER span of this process is being recorded that is not the kit's, whose servers know each other. It is asked
// before the caller's context is extracted, which hides what is active. A span of another SDK does not tell its kind; at the door of a
// server it can only be that.
func Served(ctx context.Context) bool {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return false
	}
	known, ok := span.(sdktrace.ReadOnlySpan)
	return !ok || known.SpanKind() == trace.SpanKindServer && !strings.HasPrefix(known.InstrumentationScope().Name, names.ScopeKit)
}

func isCalled(ctx context.Context, family string) bool {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return false
	}
	known, ok := span.(sdktrace.ReadOnlySpan)
	if !ok || known.SpanKind() != trace.SpanKindClient {
		return false
	}
	for _, attr := range known.Attributes() {
		if strings.HasPrefix(string(attr.Key), family) {
			return true
		}
	}
	return false
}
