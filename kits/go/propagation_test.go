package throughline_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func extract(headers http.Header) trace.SpanContext {
	ctx := throughline.Propagator().Extract(context.Background(), propagation.HeaderCarrier(headers))
	return trace.SpanContextFromContext(ctx)
}

func TestTraceparentIsReadStrictly(t *testing.T) {
	good := "00-" + traceID + "-" + spanID + "-01"
	for name, c := range map[string]struct {
		headers []string
		valid   bool
		flags   trace.TraceFlags
	}{
		"sampled":                        {[]string{good}, true, 1},
		"not sampled":                    {[]string{"00-" + traceID + "-" + spanID + "-00"}, true, 0},
		"the random flag is kept":        {[]string{"00-" + traceID + "-" + spanID + "-03"}, true, 3},
		"unknown flags are cleared":      {[]string{"00-" + traceID + "-" + spanID + "-ff"}, true, 3},
		"white space around":             {[]string{" \t" + good + " "}, true, 1},
		"a future version":               {[]string{"cc-" + traceID + "-" + spanID + "-01"}, true, 1},
		"a future version with more":     {[]string{"cc-" + traceID + "-" + spanID + "-01-what-comes"}, true, 1},
		"a future version run together":  {[]string{"cc-" + traceID + "-" + spanID + "-01.what"}, false, 0},
		"version 00 with more":           {[]string{good + "-x"}, false, 0},
		"version 00 with a dash":         {[]string{good + "-"}, false, 0},
		"version ff":                     {[]string{"ff-" + traceID + "-" + spanID + "-01"}, false, 0},
		"two headers":                    {[]string{good, good}, false, 0},
		"upper case":                     {[]string{strings.ToUpper(good)}, false, 0},
		"version of one digit":           {[]string{"0-" + traceID + "-" + spanID + "-01"}, false, 0},
		"version of three digits":        {[]string{"000-" + traceID + "-" + spanID + "-01"}, false, 0},
		"trace id too short":             {[]string{"00-" + traceID[1:] + "-" + spanID + "-01"}, false, 0},
		"trace id all zero":              {[]string{"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01"}, false, 0},
		"span id all zero":               {[]string{"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, false, 0},
		"span id too long":               {[]string{"00-" + traceID + "-" + spanID + "0-01"}, false, 0},
		"flags of one digit":             {[]string{"00-" + traceID + "-" + spanID + "-1"}, false, 0},
		"signs are not digits":           {[]string{"+0-" + traceID + "-" + spanID + "-01"}, false, 0},
		"another character for the dash": {[]string{strings.ReplaceAll(good, "-", "_")}, false, 0},
		"empty":                          {[]string{""}, false, 0},
		"none":                           {nil, false, 0},
		"letters beyond f":               {[]string{"00-" + strings.Replace(traceID, "a", "g", 1) + "-" + spanID + "-01"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			sc := extract(http.Header{"Traceparent": c.headers})
			if sc.IsValid() != c.valid || sc.TraceFlags() != c.flags {
				t.Fatalf("got valid=%t flags=%s, want valid=%t flags=%s", sc.IsValid(), sc.TraceFlags(), c.valid, c.flags)
			}
			if c.valid && (sc.TraceID().String() != traceID || sc.SpanID().String() != spanID || !sc.IsRemote()) {
				t.Fatalf("got %+v", sc)
			}
		})
	}
}

func TestTracestateOfSeveralHeadersIsOneList(t *testing.T) {
	parent := []string{"00-" + traceID + "-" + spanID + "-01"}
	for name, c := range map[string]struct {
		states []string
		want   string
	}{
		"one":                          {[]string{"a=1,b=2"}, "a=1,b=2"},
		"several headers":              {[]string{"a=1", "b=2"}, "a=1,b=2"},
		"empty members and space":      {[]string{"a=1, ,b=2", ""}, "a=1,b=2"},
		"malformed drops it, not more": {[]string{"a=1,=2"}, ""},
		"33 members":                   {[]string{manyMembers(33)}, ""},
		"32 members":                   {[]string{manyMembers(32)}, manyMembers(32)},
	} {
		t.Run(name, func(t *testing.T) {
			sc := extract(http.Header{"Traceparent": parent, "Tracestate": c.states})
			if !sc.IsValid() || sc.TraceState().String() != c.want {
				t.Fatalf("got valid=%t state=%q, want %q", sc.IsValid(), sc.TraceState(), c.want)
			}
		})
	}
}

func manyMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = "k" + strings.Repeat("a", i+1) + "=v"
	}
	return strings.Join(members, ",")
}

func TestInjectWritesNoEmptyHeaders(t *testing.T) {
	headers := http.Header{}
	throughline.Propagator().Inject(context.Background(), propagation.HeaderCarrier(headers))
	if len(headers) != 0 {
		t.Fatalf("without a span: %v", headers)
	}
	sc := extract(http.Header{"Traceparent": {"00-" + traceID + "-" + spanID + "-03"}})
	throughline.Propagator().Inject(trace.ContextWithSpanContext(context.Background(), sc), propagation.HeaderCarrier(headers))
	if got := headers.Get("traceparent"); got != "00-"+traceID+"-"+spanID+"-03" || len(headers) != 1 {
		t.Fatalf("got %v", headers)
	}
}

func TestBaggageTravels(t *testing.T) {
	member, _ := baggage.NewMember("tenant", "acme")
	bag, _ := baggage.New(member)
	headers := http.Header{}
	throughline.Propagator().Inject(baggage.ContextWithBaggage(context.Background(), bag), propagation.HeaderCarrier(headers))
	ctx := throughline.Propagator().Extract(context.Background(), propagation.HeaderCarrier(headers))
	if got := baggage.FromContext(ctx).Member("tenant").Value(); got != "acme" {
		t.Fatalf("got %q from %v", got, headers)
	}
}

// FuzzTraceparent: what is accepted is written back unchanged but for unknown flags and versions, and for version 00 with
// known flags the official propagator agrees on what is acceptable.
func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{"00-" + traceID + "-" + spanID + "-01", "ff-" + traceID + "-" + spanID + "-01",
		"cc-" + traceID + "-" + spanID + "-01-x", "00-" + strings.ToUpper(traceID) + "-" + spanID + "-01", "", "-", "00--"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		trimmed := strings.Trim(value, " \t")
		headers := http.Header{"Traceparent": {value}}
		sc := extract(headers)
		if !sc.IsValid() {
			official := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(headers))
			if trace.SpanContextFromContext(official).IsValid() {
				t.Fatalf("%q is valid to the official propagator", value)
			}
			return
		}
		out := http.Header{}
		throughline.Propagator().Inject(trace.ContextWithSpanContext(context.Background(), sc), propagation.HeaderCarrier(out))
		written := out.Get("traceparent")
		if written[3:53] != trimmed[3:53] {
			t.Fatalf("%q became %q", value, written)
		}
		if again := extract(http.Header{"Traceparent": {written}}); !again.Equal(sc) {
			t.Fatalf("%q reads as %+v, then as %+v", value, sc, again)
		}
	})
}
