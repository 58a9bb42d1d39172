package edges

import (
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
)

// telemetry in the canonical form of edges.json: ids are places in the list of spans, ports and language types are placeholders,
// times are gone.
type telemetry struct {
	Spans   []span   `json:"spans"`
	Metrics []point  `json:"metrics"`
	Logs    []record `json:"logs,omitempty"`
}

type span struct {
	Scope      string         `json:"scope"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Parent     any            `json:"parent,omitempty"` // nil for a root, a place, or "remote"
	Links      []any          `json:"links,omitempty"`
	Events     []string       `json:"events,omitempty"`
	Attributes map[string]any `json:"attributes"`
	Status     string         `json:"status,omitempty"` // unset is left out
}

type point struct {
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes"`
	Count      *uint64        `json:"count,omitempty"` // of histograms
	Value      *int64         `json:"value,omitempty"` // of sums
}

type record struct {
	Scope      string         `json:"scope"`
	Event      string         `json:"event"`
	Severity   string         `json:"severity"`
	Body       string         `json:"body"`
	Attributes map[string]any `json:"attributes"`
	Span       any            `json:"span"`
}

func canonical(h *kittest.Harness) telemetry {
	spans := h.Spans()
	t := telemetry{Spans: []span{}, Metrics: points(h)}
	for _, s := range spans {
		c := span{Scope: s.InstrumentationScope.Name, Name: s.Name, Kind: s.SpanKind.String(), Attributes: attributes(s.Attributes)}
		if s.Parent.IsValid() {
			c.Parent = place(spans, s.Parent)
			if s.Parent.TraceID() != s.SpanContext.TraceID() {
				c.Parent = "of another trace"
			}
		}
		for _, link := range s.Links {
			c.Links = append(c.Links, place(spans, link.SpanContext))
		}
		for _, event := range s.Events {
			c.Events = append(c.Events, event.Name)
		}
		if s.Status.Code == codes.Error {
			c.Status = strings.TrimSuffix("error: "+s.Status.Description, ": ")
		}
		t.Spans = append(t.Spans, c)
	}
	for _, r := range h.Logs() {
		c := record{Scope: r.InstrumentationScope().Name, Event: r.EventName(), Severity: r.SeverityText(), Body: r.Body().AsString()}
		var list []attribute.KeyValue
		r.WalkAttributes(func(kv attribute.KeyValue) bool {
			if kv.Key != "exception.stacktrace" { // Rust has none after the fact
				list = append(list, kv)
			}
			return true
		})
		c.Attributes = attributes(list)
		c.Span = place(spans, trace.NewSpanContext(trace.SpanContextConfig{TraceID: r.TraceID(), SpanID: r.SpanID()}))
		t.Logs = append(t.Logs, c)
	}
	return t
}

func place(spans tracetest.SpanStubs, sc trace.SpanContext) any {
	i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.SpanContext.SpanID() == sc.SpanID() })
	if i < 0 {
		return "remote"
	}
	return i
}

var (
	portOfURL = regexp.MustCompile(`^(http://127\.0\.0\.1):[0-9]+`)
	// The values error.type may have in every language: a status, a SQLSTATE, or one of the kits' own words.
	sharedErrorType = regexp.MustCompile(`^([0-9]{3}|[0-9A-Z]{5}|[A-Z_]+|timeout|canceled|connection_refused|connection_reset|host_not_found|broken_response|panic)$`)
)

func attributes(list []attribute.KeyValue) map[string]any {
	found := kittest.Attributes(list)
	for key, value := range found {
		switch text, _ := value.(string); {
		case key == "server.port" && value.(int64) > 0:
			found[key] = "<port>"
		case key == "url.full":
			found[key] = portOfURL.ReplaceAllString(text, "$1:<port>")
		case key == "error.type" && !sharedErrorType.MatchString(text):
			found[key] = "<type>"
		}
	}
	return found
}

func points(h *kittest.Harness) []point {
	list := []point{}
	for _, s := range h.Metrics() {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					list = append(list, point{Name: m.Name, Attributes: attributes(p.Attributes.ToSlice()), Count: &p.Count})
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					list = append(list, point{Name: m.Name, Attributes: attributes(p.Attributes.ToSlice()), Value: &p.Value})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b point) int {
		return strings.Compare(a.Name+oneLine(a.Attributes), b.Name+oneLine(b.Attributes))
	})
	return list
}

func describe(data metricdata.Aggregation) (kind string, buckets []float64) {
	switch data := data.(type) {
	case metricdata.Histogram[float64]:
		return "histogram", data.DataPoints[0].Bounds
	case metricdata.Sum[int64]:
		if data.IsMonotonic {
			return "counter", nil
		}
		return "updown counter", nil
	}
	return "unknown", nil
}
