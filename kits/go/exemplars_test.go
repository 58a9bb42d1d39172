package throughline_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	throughline "throughline.dev/kits/go"
)

// The Rust kit has the same test.
func TestInstrumentsOfTheServiceKeepExemplarsToo(t *testing.T) {
	r := startReceiver(t)
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(r.httpURL), quiet())
	if err != nil {
		t.Fatal(err)
	}
	meter := kit.MeterProvider().Meter("orders")
	order := metric.WithAttributes(attribute.String("order.kind", "gift"))
	created, _ := meter.Int64Counter("orders.created", metric.WithUnit("{order}"))
	open, _ := meter.Int64UpDownCounter("orders.open")
	price, _ := meter.Float64Gauge("orders.price")
	total, _ := meter.Float64Histogram("orders.total", metric.WithExplicitBucketBoundaries(10, 100))
	items, _ := meter.Int64Histogram("orders.items")
	_, _ = meter.Int64ObservableCounter("orders.seen", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(9)
		return nil
	}))
	ctx, end := kit.Span(t.Context(), "order")
	created.Add(ctx, 3, order)
	open.Add(ctx, -2, order)
	price.Record(ctx, 1.5, order)
	for _, value := range []float64{5, 50, 500} {
		total.Record(ctx, value, order)
	}
	items.Record(ctx, 7, order)
	end(nil)
	if err := kit.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	span := r.spans[0].ScopeSpans[0].Spans[0]
	found := map[string]string{}
	for _, scope := range r.metrics[len(r.metrics)-1].ScopeMetrics {
		if scope.Scope.Name != "orders" {
			continue
		}
		for _, m := range scope.Metrics {
			var values []string
			for _, e := range exemplarsOf(m) {
				if !bytes.Equal(e.SpanId, span.SpanId) || !bytes.Equal(e.TraceId, span.TraceId) {
					t.Errorf("an exemplar of %s is of span %x", m.Name, e.SpanId)
				}
				if value, ok := e.Value.(*metricspb.Exemplar_AsInt); ok {
					values = append(values, fmt.Sprint(value.AsInt))
				} else {
					values = append(values, fmt.Sprint(e.GetAsDouble()))
				}
			}
			slices.SortFunc(values, func(a, b string) int { return len(a) - len(b) })
			found[m.Name] = strings.Join(values, " ")
		}
	}
	want := map[string]string{"orders.created": "3", "orders.items": "7", "orders.open": "-2", "orders.price": "1.5", "orders.seen": "",
		"orders.total": "5 50 500"}
	if !maps.Equal(found, want) {
		t.Errorf("got %v", found)
	}
}

func exemplarsOf(m *metricspb.Metric) []*metricspb.Exemplar {
	switch data := m.Data.(type) {
	case *metricspb.Metric_Sum:
		return data.Sum.DataPoints[0].Exemplars
	case *metricspb.Metric_Gauge:
		return data.Gauge.DataPoints[0].Exemplars
	case *metricspb.Metric_Histogram:
		return data.Histogram.DataPoints[0].Exemplars
	}
	return nil
}
