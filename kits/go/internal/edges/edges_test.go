// Package edges proves that this kit emits what spec/scenarios/edges.json expects of every kit: each behaviour is produced over
// real connections, and all its spans, metrics and logs are compared. The Rust kit has the same test.
package edges

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
)

// producers make the behaviour of an edge happen, with the kit of the harness.
var producers = map[string]func(*testing.T, *kittest.Harness){}

type specification struct {
	Scope   scope
	Buckets []float64
	Metrics map[string]definition
	Edges   []edge
}

type scope struct {
	SchemaURL  string         `json:"schema_url"`
	Attributes map[string]any `json:"attributes"`
}

type definition struct{ Scope, Kind, Unit, Description string }

type edge struct {
	ID        string `json:"id"`
	Behaviour string `json:"behaviour"`
	telemetry
}

func TestEveryEdgeEmitsWhatIsExpectedOfAllKits(t *testing.T) {
	data, err := os.ReadFile("../../../../spec/scenarios/edges.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec specification
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range spec.Edges {
		known[e.ID] = true
		produce := producers[e.ID]
		if produce == nil {
			t.Errorf("%s: nothing produces it", e.ID)
			continue
		}
		t.Run(e.ID, func(t *testing.T) {
			h := kittest.New(t)
			produce(t, h)
			compare(t, e, settle(h, len(e.Spans)))
			checkDefinitions(t, spec, h)
		})
	}
	for id := range producers {
		if !known[id] {
			t.Errorf("%s is not in edges.json", id)
		}
	}
}

// settle waits for the spans that end after the peer has its answer, then a little for any that should not be there.
func settle(h *kittest.Harness, spans int) telemetry {
	h.WaitSpans(spans)
	time.Sleep(20 * time.Millisecond)
	return canonical(h)
}

func compare(t *testing.T, want edge, got telemetry) {
	t.Helper()
	if os.Getenv("EDGES_PRINT") != "" {
		fmt.Printf("%s\t%s\n", want.ID, oneLine(got))
	}
	for _, part := range []struct{ name, got, want string }{
		{"spans", oneLine(got.Spans), oneLine(want.Spans)},
		{"metrics", oneLine(got.Metrics), oneLine(want.Metrics)},
		{"logs", oneLine(got.Logs), oneLine(want.Logs)},
	} {
		if !matches(part.got, part.want) {
			t.Errorf("%s\n got %s\nwant %s", part.name, part.got, part.want)
		}
	}
}

// oneLine is JSON with sorted keys.
func oneLine(v any) string {
	var plain any
	data, _ := json.Marshal(v)
	_ = json.Unmarshal(data, &plain)
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(plain)
	return strings.TrimSpace(out.String())
}

// matches lets <text> in want stand for anything a language words its own way.
func matches(got, want string) bool {
	parts := strings.Split(want, "<text>")
	if len(parts) == 1 {
		return got == want
	}
	for i, part := range parts {
		at := strings.Index(got, part)
		if at < 0 || (i == 0 && at > 0) || strings.Contains(got[:at], `":`) && i > 0 {
			return false
		}
		got = got[at+len(part):]
	}
	return got == ""
}

// checkDefinitions holds scopes, units and buckets, which are the same wherever a metric appears, against the specification.
func checkDefinitions(t *testing.T, spec specification, h *kittest.Harness) {
	t.Helper()
	for _, s := range h.Metrics() {
		got := scope{s.Scope.SchemaURL, kittest.Attributes(s.Scope.Attributes.ToSlice())}
		if oneLine(got) != oneLine(spec.Scope) || s.Scope.Version != throughline.Version {
			t.Errorf("scope %s is %s %s", s.Scope.Name, s.Scope.Version, oneLine(got))
		}
		for _, m := range s.Metrics {
			kind, buckets := describe(m.Data)
			if got := (definition{s.Scope.Name, kind, m.Unit, m.Description}); got != spec.Metrics[m.Name] {
				t.Errorf("%s is %+v, want %+v", m.Name, got, spec.Metrics[m.Name])
			}
			if buckets != nil && oneLine(buckets) != oneLine(spec.Buckets) {
				t.Errorf("%s has buckets %v", m.Name, buckets)
			}
		}
	}
	for _, s := range h.Spans() {
		found := s.InstrumentationScope
		got := scope{found.SchemaURL, kittest.Attributes(found.Attributes.ToSlice())}
		if oneLine(got) != oneLine(spec.Scope) || found.Version != throughline.Version {
			t.Errorf("span %s is of scope %s %s", s.Name, found.Version, oneLine(got))
		}
	}
}
