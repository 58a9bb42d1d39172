package throughline_test

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

// passedOn is what is written of what was read.
func passedOn(p propagation.TextMapPropagator, headers http.Header) (context.Context, http.Header) {
	ctx := p.Extract(context.Background(), propagation.HeaderCarrier(headers))
	out := http.Header{}
	p.Inject(ctx, propagation.HeaderCarrier(out))
	return ctx, out
}

// FuzzTracestate: what two headers say is read as one list of members that keep their order, or not at all; and what is written of
// it reads the same.
func FuzzTracestate(f *testing.F) {
	for _, seed := range [][2]string{{"foo=1,bar=2", "baz=3"}, {"foo=1", "foo=2"}, {" a=1\t,", ""}, {"A=1", "a=1"}, {"t@s=1", "@s=1"}, {"a==", "a= b"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		headers := http.Header{"Traceparent": {"00-" + traceID + "-" + spanID + "-01"}, "Tracestate": {first, second}}
		ctx, out := passedOn(throughline.Propagator(), headers)
		state := trace.SpanContextFromContext(ctx).TraceState()
		if state.Len() > 32 {
			t.Fatalf("%d members of %q and %q", state.Len(), first, second)
		}
		state.Walk(func(key, value string) bool {
			if !strings.Contains(first+","+second, key+"="+value) {
				t.Fatalf("%s=%s is of nobody: %q and %q", key, value, first, second)
			}
			return true
		})
		again, _ := passedOn(throughline.Propagator(), out)
		if got := trace.SpanContextFromContext(again).TraceState().String(); got != state.String() {
			t.Fatalf("%q became %q", state.String(), got)
		}
	})
}

// FuzzBaggage: what is written of what was read reads the same, and stays within the limits.
func FuzzBaggage(f *testing.F) {
	for _, seed := range []string{"tenant=acme", "a=1;p=2,b=%20", "a", "=1", "a=%zz", "a=1,a=2", " a = 1 ", "a=\"", "ü=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		ctx, out := passedOn(throughline.Propagator(), http.Header{"Baggage": {value}})
		read := baggage.FromContext(ctx)
		if read.Len() > 64 || len(out.Get("baggage")) > 8192 {
			t.Fatalf("%d members in %d bytes", read.Len(), len(out.Get("baggage")))
		}
		again, _ := passedOn(throughline.Propagator(), out)
		values := func(b baggage.Baggage) map[string]string {
			all := map[string]string{}
			for _, member := range b.Members() {
				all[member.Key()] = member.Value()
			}
			return all
		}
		if want, got := values(read), values(baggage.FromContext(again)); !maps.Equal(want, got) {
			t.Fatalf("%q: %v became %v", value, want, got)
		}
	})
}

// FuzzB3: whatever the headers, what is read is a valid context or none, and what is written of it reads the same.
func FuzzB3(f *testing.F) {
	for _, seed := range [][2]string{{traceID + "-" + spanID + "-1", "1"}, {traceID + "-" + spanID + "-d-" + spanID, "d"}, {"0", "0"}, {traceID[16:] + "-" + spanID, "true"}, {"-", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Setenv("OTEL_SDK_DISABLED", "true")
	f.Setenv("OTEL_PROPAGATORS", "b3,b3multi")
	kit, err := throughline.Init(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, single, sampled string) {
		id, rest, _ := strings.Cut(single, "-")
		span, _, _ := strings.Cut(rest, "-")
		for _, headers := range []http.Header{{"B3": {single}}, {"X-B3-Traceid": {id}, "X-B3-Spanid": {span}, "X-B3-Sampled": {sampled}}} {
			ctx, out := passedOn(kit.Propagator(), headers)
			sc := trace.SpanContextFromContext(ctx)
			if !sc.IsValid() && len(out) > 0 {
				t.Fatalf("%v is nothing, of which %v was written", headers, out)
			}
			again, _ := passedOn(kit.Propagator(), out)
			if !trace.SpanContextFromContext(again).Equal(sc) {
				t.Fatalf("%v reads as %+v, written as %v", headers, sc, out)
			}
		}
	})
}

// FuzzEnvironment: whatever the operator writes, there is a kit, and what is wrong is told by the variable's name.
func FuzzEnvironment(f *testing.F) {
	variables := []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_COMPRESSION",
		"OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_PROPAGATORS", "OTEL_RESOURCE_ATTRIBUTES",
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
		"THROUGHLINE_CONTROL_ENDPOINT", "THROUGHLINE_CONTROL_KEY",
	}
	for i, value := range []string{"http://127.0.0.1:4318", "://", "grpc", "gzip", "none", "traceidratio", "1.5", "b3", "a=b,c", "-1", "1e9", "x", "http://", "AAAA"} {
		f.Add(uint8(i), value)
	}
	named := regexp.MustCompile(`(OTEL|THROUGHLINE)_[A-Z_]+|resource`)
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		if strings.ContainsRune(value, 0) {
			t.Skip("no environment has it")
		}
		t.Setenv("OTEL_SDK_DISABLED", "true") // what is asked for is read all the same, and not started
		t.Setenv(variables[int(which)%len(variables)], value)
		kit, err := throughline.Init(t.Context())
		if kit == nil {
			t.Fatal("no kit")
		}
		if err != nil && !named.MatchString(err.Error()) {
			t.Fatalf("%s=%q: whose fault is %v?", variables[int(which)%len(variables)], value, err)
		}
		if got := kit.Propagator().Fields(); slices.Contains(got, "") {
			t.Fatalf("a header has no name: %q", got)
		}
	})
}
