// Package tltest gives tests of instrumented services a kit whose telemetry stays in memory, and ways to look at it.
//
//	func TestAnOrderIsOneTrace(t *testing.T) {
//		rec := tltest.New(t)
//		service := NewService(rec.Kit)
//		service.Order(t.Context())
//		rec.AssertTree("POST /orders\n  INSERT orders\n  send orders.created\n")
//		rec.AssertNoErrors()
//	}
package tltest

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

// Recorder is a kit and what it recorded.
type Recorder struct {
	Kit    *throughline.Kit // for the code under test
	t      testing.TB
	spans  *spanSink
	logs   *logSink
	reader *sdkmetric.ManualReader
}

// New builds a kit for service "test" and shuts it down with the test.
func New(t testing.TB, opts ...throughline.Option) *Recorder {
	t.Helper()
	h := &Recorder{t: t, spans: &spanSink{}, logs: &logSink{}, reader: sdkmetric.NewManualReader()}
	kit, err := throughline.Init(t.Context(), append([]throughline.Option{
		throughline.WithService("test", "0.0.0"),
		throughline.WithSpanExporter(h.spans), throughline.WithLogExporter(h.logs), throughline.WithMetricReader(h.reader),
		throughline.WithDiagnostics(slog.New(slog.NewTextHandler(io.Discard, nil))),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Shutdown(context.Background()) })
	h.Kit = kit
	return h
}

// With is the same recorder, telling its failures to another test, such as a subtest.
func (r *Recorder) With(t testing.TB) *Recorder {
	other := *r
	other.t = t
	return &other
}

// Spans flushes and returns all spans ended so far, in order of their start.
func (r *Recorder) Spans() tracetest.SpanStubs {
	r.t.Helper()
	if err := r.Kit.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.spans.mu.Lock()
	defer r.spans.mu.Unlock()
	spans := slices.Clone(r.spans.stubs)
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	return spans
}

// WaitSpans waits until n spans have ended, which may be after the peer has its answer, and returns them all.
func (r *Recorder) WaitSpans(n int) tracetest.SpanStubs {
	r.t.Helper()
	var spans tracetest.SpanStubs
	for range 200 {
		if spans = r.Spans(); len(spans) >= n {
			return spans
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, s := range spans {
		r.t.Logf("span %q %s", s.Name, s.SpanKind)
	}
	r.t.Fatalf("%d spans ended, want %d", len(spans), n)
	return nil
}

// Span waits for a span of that name.
func (r *Recorder) Span(name string) tracetest.SpanStub {
	r.t.Helper()
	for range 200 {
		for _, s := range r.Spans() {
			if s.Name == name {
				return s
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, s := range r.Spans() {
		r.t.Logf("span %q %s", s.Name, s.SpanKind)
	}
	r.t.Fatalf("no span %q ended", name)
	return tracetest.SpanStub{}
}

// Tree draws the traces ended so far: a span a line, in order of start, children under their parents by two blanks, then "!" and
// error.type where it failed. Spans that are linked to, but are no parents, begin at the margin.
func (r *Recorder) Tree() string {
	r.t.Helper()
	spans := r.Spans()
	var out strings.Builder
	var draw func(parent trace.SpanID, depth int)
	draw = func(parent trace.SpanID, depth int) {
		for _, s := range spans {
			if above := s.Parent.SpanID(); above != parent && (parent.IsValid() || known(spans, above)) {
				continue
			}
			out.WriteString(strings.Repeat("  ", depth) + s.Name)
			if s.Status.Code == codes.Error {
				out.WriteString(" ! " + text(s.Attributes, "error.type"))
			}
			out.WriteByte('\n')
			draw(s.SpanContext.SpanID(), depth+1)
		}
	}
	draw(trace.SpanID{}, 0)
	return out.String()
}

// AssertTree waits until the traces look like want, see [Recorder.Tree], and fails the test when they do not in time.
func (r *Recorder) AssertTree(want string) {
	r.t.Helper()
	r.WaitSpans(strings.Count(want, "\n"))
	if got := r.Tree(); got != want {
		r.t.Errorf("the traces are\n%swant\n%s", got, want)
	}
}

// AssertNoErrors fails the test for each span ended so far whose status is an error.
func (r *Recorder) AssertNoErrors() {
	r.t.Helper()
	for _, s := range r.Spans() {
		if s.Status.Code == codes.Error {
			r.t.Errorf("span %q failed: %s %s", s.Name, text(s.Attributes, "error.type"), s.Status.Description)
		}
	}
}

func known(spans tracetest.SpanStubs, id trace.SpanID) bool {
	return slices.ContainsFunc(spans, func(s tracetest.SpanStub) bool { return s.SpanContext.SpanID() == id })
}

func text(attrs []attribute.KeyValue, key attribute.Key) string {
	for _, kv := range attrs {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

// Logs flushes and returns the log records exported so far.
func (r *Recorder) Logs() []sdklog.Record {
	r.t.Helper()
	if err := r.Kit.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	return slices.Clone(r.logs.records)
}

// Metric collects and returns the data of one metric, nil when it does not exist.
func (r *Recorder) Metric(name string) metricdata.Aggregation {
	r.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &rm); err != nil {
		r.t.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == name {
				return m.Data
			}
		}
	}
	return nil
}

// Metrics collects everything measured so far.
func (r *Recorder) Metrics() []metricdata.ScopeMetrics {
	r.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &rm); err != nil {
		r.t.Fatal(err)
	}
	return rm.ScopeMetrics
}

// Histogram returns the points of a float64 histogram; it fails the test when there is none.
func (r *Recorder) Histogram(name string) []metricdata.HistogramDataPoint[float64] {
	r.t.Helper()
	data, ok := r.Metric(name).(metricdata.Histogram[float64])
	if !ok {
		r.t.Fatalf("there is no histogram %q", name)
	}
	return data.DataPoints
}

// Sum returns the total over all points of an int64 sum; 0 when it does not exist.
func (r *Recorder) Sum(name string) int64 {
	r.t.Helper()
	data, _ := r.Metric(name).(metricdata.Sum[int64])
	var total int64
	for _, p := range data.DataPoints {
		total += p.Value
	}
	return total
}

// Attributes renders attributes as a map for comparison in tests.
func Attributes(attrs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range attrs {
		if _, twice := m[string(kv.Key)]; twice {
			m[string(kv.Key)+" (duplicate)"] = true
		}
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

type spanSink struct {
	mu    sync.Mutex
	stubs tracetest.SpanStubs
}

func (s *spanSink) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stubs = append(s.stubs, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (*spanSink) Shutdown(context.Context) error { return nil }

type logSink struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (s *logSink) Export(_ context.Context, records []sdklog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		s.records = append(s.records, records[i].Clone())
	}
	return nil
}

func (*logSink) Shutdown(context.Context) error   { return nil }
func (*logSink) ForceFlush(context.Context) error { return nil }
