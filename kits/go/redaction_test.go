package throughline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// transcript is what spans and logs, exported by a worker each, write to.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *transcript) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Reset()
}

// everything keeps all that is exported, as text.
type everything struct {
	sdkmetric.Exporter
	told *transcript
}

func (e everything) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Fprintln(e.told, s.Name(), s.Status(), s.Attributes(), s.Events(), s.Links())
	}
	return nil
}

func (e everything) Export(_ context.Context, records []sdklog.Record) error {
	for _, r := range records {
		fmt.Fprint(e.told, r.Body())
		r.WalkAttributes(func(kv attribute.KeyValue) bool { fmt.Fprintln(e.told, kv.Key, kv.Value); return true })
	}
	return nil
}

func (e everything) ForceFlush(context.Context) error { return nil }
func (e everything) Shutdown(context.Context) error   { return nil }

func TestNothingSecretIsExported(t *testing.T) {
	out := everything{told: &transcript{}}
	kit, err := Init(t.Context(), WithSpanExporter(out), WithLogExporter(out), WithMetricReader(sdkmetric.NewManualReader()),
		WithRedaction([]string{"tenant"}, RedactionRule{"ORD-[0-9]+", "[order]"}), WithDiagnostics(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2"
	work := func() {
		_, span := kit.Tracer("test").Start(t.Context(), "GET /?token="+secret, trace.WithLinks(trace.Link{
			SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}),
			Attributes:  []attribute.KeyValue{attribute.String("password", secret)},
		}))
		span.SetAttributes(attribute.String("http.request.header.authorization", secret), attribute.String("tenant", secret),
			attribute.String("note", "ORD-123"), attribute.String("late", "coming-"+secret))
		span.AddEvent("login secret="+secret, trace.WithAttributes(attribute.String("exception.message", "password="+secret)))
		span.SetStatus(codes.Error, "api_key="+secret)
		span.End()
		var record log.Record
		record.SetBody(attribute.MapValue(attribute.String("pwd", secret)))
		record.AddAttributes(attribute.String("exception.message", "cannot use https://bo:"+secret+"@db/"))
		kit.Logger().Emit(t.Context(), record)
	}
	if err := kit.redact.set(nil, []RedactionRule{{"coming-[a-z0-9]+", ""}}); err != nil {
		t.Fatal(err)
	}
	work()
	_ = kit.Flush(t.Context())
	if told := out.told.String(); strings.Contains(told, secret) || !strings.Contains(told, "[order]") || !strings.Contains(told, "GET /?token=[redacted]") {
		t.Error(told)
	}
	if err := kit.redact.set(nil, []RedactionRule{{"(?=x)", ""}}); err == nil {
		t.Error("a rule that is no rule was accepted")
	}
	if err := kit.redact.set(nil, nil); err != nil {
		t.Fatal(err)
	}
	out.told.Reset()
	work()
	_ = kit.Shutdown(t.Context())
	if told := out.told.String(); strings.Count(told, secret) != 1 || !strings.Contains(told, "coming-"+secret) || !strings.Contains(told, "[order]") {
		t.Errorf("rules that were replaced, or the kit's own, do not hold: %s", told)
	}
}

func TestMetricsAreRedacted(t *testing.T) {
	var r redaction
	if err := r.add(nil, nil); err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	secret := metric.WithAttributes(attribute.String("password", "hunter2"), attribute.String("n", "1"))
	sum, _ := meter.Int64Counter("a")
	sum.Add(t.Context(), 1, secret)
	gauge, _ := meter.Float64Gauge("b")
	gauge.Record(t.Context(), 1, secret)
	histogram, _ := meter.Float64Histogram("c")
	histogram.Record(t.Context(), 1, secret)
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	r.metrics(&rm)
	for _, m := range rm.ScopeMetrics[0].Metrics {
		var set attribute.Set
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			set = data.DataPoints[0].Attributes
		case metricdata.Gauge[float64]:
			set = data.DataPoints[0].Attributes
		case metricdata.Histogram[float64]:
			set = data.DataPoints[0].Attributes
		}
		if v, _ := set.Value("password"); v.AsString() != "[redacted]" || set.Len() != 2 {
			t.Errorf("%s: %v", m.Name, set.ToSlice())
		}
	}
}

func TestABadRedactionRuleIsAProblemOfTheConfiguration(t *testing.T) {
	kit, err := Init(t.Context(), WithRedaction(nil, RedactionRule{"(", ""}), WithDiagnostics(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err == nil || kit.Enabled() || kit.RedactText("password=x") != "password=[redacted]" {
		t.Errorf("enabled %t: %v", kit.Enabled(), err)
	}
}
