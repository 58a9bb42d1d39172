package once_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/once"
)

func TestASpanIsMadeOnceByKindAndFamily(t *testing.T) {
	other := sdktrace.NewTracerProvider().Tracer("another library")
	dropped := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("another library")
	kits := sdktrace.NewTracerProvider().Tracer("throughline/http")
	ours := sdktrace.NewTracerProvider().Tracer("ours")
	http := attribute.String("http.request.method", "GET")
	for _, c := range []struct {
		name   string
		active trace.Tracer
		kind   trace.SpanKind
		tracer trace.Tracer
		made   bool
	}{
		{"a server in a server", other, trace.SpanKindServer, once.Server(ours), true},
		{"a gRPC server behind the kit's HTTP server", kits, trace.SpanKindServer, once.Server(ours), false},
		{"a server in work of this process", other, trace.SpanKindInternal, once.Server(ours), false},
		{"a server in a server that is not recorded: there is no span to be seen twice", dropped, trace.SpanKindServer, once.Server(ours), false},
		{"a client in a client of its family", other, trace.SpanKindClient, once.Client(ours, "http."), true},
		{"a client in a client of another: a database that speaks HTTP has both", other, trace.SpanKindClient, once.Client(ours, "db."), false},
		{"a client in a server", other, trace.SpanKindServer, once.Client(ours, "http."), false},
	} {
		ctx, active := c.active.Start(t.Context(), "active", trace.WithSpanKind(c.kind), trace.WithAttributes(http))
		next, span := c.tracer.Start(ctx, "ours")
		span.End()
		if made := next == ctx; made != c.made || made && span.IsRecording() {
			t.Errorf("%s: made is %v", c.name, made)
		}
		if active.SpanContext().IsSampled() != active.IsRecording() {
			t.Errorf("%s: the active span was ended", c.name)
		}
	}
	if once.Served(trace.ContextWithRemoteSpanContext(t.Context(), trace.SpanContext{})) {
		t.Error("a caller's span counts as this process's")
	}
}
