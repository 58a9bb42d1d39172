package throughline_test

import (
	"maps"
	"strings"
	"testing"

	throughline "throughline.dev/kits/go"
)

// What an outage of traces cost is told by metrics, which have a receiver and a breaker of their own. The Rust kit has the same test.
func TestAnOutageIsToldByMetrics(t *testing.T) {
	r := startReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
	kit, err := throughline.Init(t.Context(), throughline.WithService("orders", ""), throughline.WithEndpoint(r.httpURL), quiet())
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // the breaker opens at the third failure in a row
		_, end := kit.Span(t.Context(), "work")
		end(nil)
		_ = kit.Flush(t.Context())
	}
	if err := kit.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := r.self()
	want := map[string]int64{
		"otel.sdk.processor.span.processed ":             3,
		"otel.sdk.processor.span.processed circuit_open": 1,
		"otel.sdk.exporter.span.exported ":               0,
		"otel.sdk.exporter.span.exported export_failed":  3,
		"otel.sdk.exporter.span.inflight ":               0,
		"otel.sdk.processor.span.queue.size ":            0,
		"otel.sdk.processor.span.queue.capacity ":        2048,
		"throughline.processor.span.queue.bytes ":        0,
		"throughline.processor.span.queue.bytes_limit ":  8 << 20,
		"throughline.exporter.breaker.state span":        2,
		"throughline.exporter.breaker.state log":         0,
		"throughline.exporter.breaker.state metric":      0,
	}
	maps.DeleteFunc(got, func(name string, _ int64) bool { _, wanted := want[name]; return !wanted })
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// self are the last values of the kit's own metrics, by name and error.type; of breakers by their signal.
func (r *receiver) self() map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := map[string]int64{}
	for _, resource := range r.metrics {
		for _, scope := range resource.ScopeMetrics {
			for _, metric := range scope.Metrics {
				for _, point := range metric.GetSum().GetDataPoints() {
					values[metric.Name+" "+stringsOf(point.Attributes)["error.type"]] = point.GetAsInt()
				}
				for _, point := range metric.GetGauge().GetDataPoints() {
					_, component, _ := strings.Cut(stringsOf(point.Attributes)["otel.component.type"], "_")
					values[metric.Name+" "+strings.TrimSuffix(component, "_exporter")] = point.GetAsInt()
				}
			}
		}
	}
	return values
}
