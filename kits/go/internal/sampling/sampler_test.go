package sampling_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/control"
	"throughline.dev/kits/go/internal/sampling"
)

type span struct {
	AtMs    int64  `json:"at_ms"`
	TraceID string `json:"trace_id"`
	Parent  *struct {
		Sampled    bool
		Tracestate string
	}
	Kind, Name string
	Attributes map[string]any
	Keep       bool
	Why        sampling.Reason
	Tracestate string
}

func (s span) parameters(t *testing.T) sdktrace.SamplingParameters {
	t.Helper()
	p := sdktrace.SamplingParameters{ParentContext: context.Background(), Name: s.Name, Kind: control.KindOf(s.Kind)}
	var err error
	if p.TraceID, err = trace.TraceIDFromHex(s.TraceID); err != nil {
		t.Fatal(err)
	}
	if s.Parent != nil {
		cfg := trace.SpanContextConfig{TraceID: p.TraceID, SpanID: trace.SpanID{7}, Remote: true}
		if cfg.TraceState, err = trace.ParseTraceState(s.Parent.Tracestate); err != nil {
			t.Fatal(err)
		}
		if s.Parent.Sampled {
			cfg.TraceFlags = trace.FlagsSampled
		}
		p.ParentContext = trace.ContextWithRemoteSpanContext(p.ParentContext, trace.NewSpanContext(cfg))
	}
	for key, value := range s.Attributes {
		switch value := value.(type) {
		case string:
			p.Attributes = append(p.Attributes, attribute.String(key, value))
		case bool:
			p.Attributes = append(p.Attributes, attribute.Bool(key, value))
		case float64:
			p.Attributes = append(p.Attributes, attribute.Int64(key, int64(value)))
		}
	}
	return p
}

func TestSamplingVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "spec", "vectors", "sampling.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Name   string
			Policy json.RawMessage
			Spans  []span
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 130 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		t.Run(c.Name, func(t *testing.T) {
			document, err := control.Parse(fmt.Appendf(nil, `{"v":1,"revision":1,"sampling":%s}`, c.Policy))
			if err != nil {
				t.Fatal(err)
			}
			var now time.Duration
			sampler := sampling.New(*document.Sampling, func() time.Duration { return now })
			for i, s := range c.Spans {
				now = time.Duration(s.AtMs) * time.Millisecond
				keep, why, state := sampler.Decide(s.parameters(t))
				if keep != s.Keep || why != s.Why || state.String() != s.Tracestate {
					t.Errorf("span %d: kept %t by %s with %q", i, keep, why, state)
				}
			}
		})
	}
}

// The first bucket of operations must not be pushed out by names that never come again, nor grow with them.
func TestFloorForgetsOperationsWhoseMinuteIsOver(t *testing.T) {
	var now time.Duration
	sampler := sampling.New(sampling.Policy{Default: 1e-9, FloorPerMinute: 1}, func() time.Duration { return now })
	kept := func(name string) bool {
		keep, _, _ := sampler.Decide(sdktrace.SamplingParameters{ParentContext: context.Background(), Name: name})
		return keep
	}
	for i := range 256 {
		if !kept(fmt.Sprint("operation ", i)) {
			t.Fatalf("operation %d has no floor", i)
		}
	}
	if kept("one too many") {
		t.Error("the table grows")
	}
	now = 59 * time.Second
	if kept("one too many") {
		t.Error("an operation whose minute runs was forgotten")
	}
	now = 60 * time.Second
	if !kept("one too many") {
		t.Error("nothing was forgotten")
	}
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	policy := sampling.Policy{Default: 0.5, CeilingPerSecond: 1e6, FloorPerMinute: 1, DebugKeys: []string{"k"},
		Rules: []sampling.Rule{{Match: sampling.Match{NamePrefix: "POST", Attributes: []attribute.KeyValue{attribute.String("a", "b")}}}}}
	sampler := sampling.New(policy, func() time.Duration { return time.Second })
	state, _ := trace.ParseTraceState("a=1,ot=th:c,b=2")
	for _, sampled := range []trace.TraceFlags{0, trace.FlagsSampled} {
		for _, low := range []byte{0, 0xff} {
			id := trace.TraceID{1, 9: low}
			root := sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id, Name: "POST /orders",
				Attributes: []attribute.KeyValue{attribute.String("a", "c")}}
			child := root
			cfg := trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: sampled}
			if sampled != 0 && low == 0xff {
				cfg.TraceState = state
			}
			child.ParentContext = trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(cfg))
			for _, p := range []sdktrace.SamplingParameters{root, child} {
				sampler.ShouldSample(p)
				if n := testing.AllocsPerRun(100, func() { sampler.ShouldSample(p) }); n != 0 {
					t.Errorf("%v allocations for sampled %v, trace id %s", n, sampled, id)
				}
			}
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	sampler := sampling.New(sampling.Policy{Default: 0.1, CeilingPerSecond: 200, FloorPerMinute: 1,
		Rules: []sampling.Rule{{Match: sampling.Match{Name: "GET /healthz"}}}}, func() time.Duration { return time.Second })
	p := sdktrace.SamplingParameters{ParentContext: context.Background(), Name: "GET /orders", TraceID: trace.TraceID{1}}
	b.ReportAllocs()
	for b.Loop() {
		sampler.ShouldSample(p)
	}
}
