// Package kittest gives tests a kit whose telemetry stays in memory.
package kittest

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	throughline "throughline.dev/kits/go"
)

// Harness is a kit and what it recorded.
type Harness struct {
	Kit    *throughline.Kit
	t      testing.TB
	spans  *spanSink
	logs   *logSink
	reader *sdkmetric.ManualReader
}

// New builds a kit for service "test" and shuts it down with the test.
func New(t testing.TB, opts ...throughline.Option) *Harness {
	t.Helper()
	h := &Harness{t: t, spans: &spanSink{}, logs: &logSink{}, reader: sdkmetric.NewManualReader()}
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

// Spans flushes and returns all spans ended so far, in order of their start.
func (h *Harness) Spans() tracetest.SpanStubs {
	h.t.Helper()
	if err := h.Kit.Flush(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.spans.mu.Lock()
	defer h.spans.mu.Unlock()
	spans := slices.Clone(h.spans.stubs)
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	return spans
}

// WaitSpans waits until n spans have ended, which may be after the peer has its answer, and returns them all.
func (h *Harness) WaitSpans(n int) tracetest.SpanStubs {
	h.t.Helper()
	var spans tracetest.SpanStubs
	for range 200 {
		if spans = h.Spans(); len(spans) >= n {
			return spans
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, s := range spans {
		h.t.Logf("span %q %s", s.Name, s.SpanKind)
	}
	h.t.Fatalf("%d spans ended, want %d", len(spans), n)
	return nil
}

// Span waits for the one span of that name and kind ("" for any name is not supported).
func (h *Harness) Span(name string) tracetest.SpanStub {
	h.t.Helper()
	for range 200 {
		for _, s := range h.Spans() {
			if s.Name == name {
				return s
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, s := range h.Spans() {
		h.t.Logf("span %q %s", s.Name, s.SpanKind)
	}
	h.t.Fatalf("no span %q ended", name)
	return tracetest.SpanStub{}
}

// Logs flushes and returns the log records exported so far.
func (h *Harness) Logs() []sdklog.Record {
	h.t.Helper()
	if err := h.Kit.Flush(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.logs.mu.Lock()
	defer h.logs.mu.Unlock()
	return slices.Clone(h.logs.records)
}

// Metric collects and returns the data of one metric, nil when it does not exist.
func (h *Harness) Metric(name string) metricdata.Aggregation {
	h.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := h.reader.Collect(context.Background(), &rm); err != nil {
		h.t.Fatal(err)
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
func (h *Harness) Metrics() []metricdata.ScopeMetrics {
	h.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := h.reader.Collect(context.Background(), &rm); err != nil {
		h.t.Fatal(err)
	}
	return rm.ScopeMetrics
}

// Histogram returns the points of a float64 histogram; it fails the test when there is none.
func (h *Harness) Histogram(name string) []metricdata.HistogramDataPoint[float64] {
	h.t.Helper()
	data, ok := h.Metric(name).(metricdata.Histogram[float64])
	if !ok {
		h.t.Fatalf("there is no histogram %q", name)
	}
	return data.DataPoints
}

// Sum returns the total over all points of an int64 sum; 0 when it does not exist.
func (h *Harness) Sum(name string) int64 {
	h.t.Helper()
	data, _ := h.Metric(name).(metricdata.Sum[int64])
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
