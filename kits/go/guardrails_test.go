package throughline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"
)

// ours are the goroutines of the kit and its SDK, by their stacks.
func ours() (stacks []string) {
	buf := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		own := strings.Contains(stack, "throughline.dev/kits/go") || strings.Contains(stack, "go.opentelemetry.io/")
		if own && !strings.Contains(stack, "testing.tRunner") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

func TestNothingRunsAfterShutdown(t *testing.T) {
	r := startReceiver(t)
	before := len(ours())
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		endpoint := r.httpURL
		if protocol == "grpc" {
			endpoint = r.grpcURL
		}
		kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(endpoint), quiet())
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := kit.Span(t.Context(), "work")
		_ = kit.Go(ctx, "child", func(context.Context) error { return nil }).Wait()
		stuck := kit.Detach(ctx, "stuck", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		tllog.New(kit, tllog.WithWriter(io.Discard)).InfoContext(ctx, "hello")
		end(nil)
		if len(ours()) == before {
			t.Fatal("the test does not see the kit's goroutines")
		}
		deadline, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := kit.Shutdown(deadline); err != nil {
			t.Error(err)
		}
		_ = stuck.Wait()
	}
	for range 200 {
		if len(ours()) <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, now:\n%s", before, strings.Join(ours(), "\n\n"))
}

func TestDetachWorksUnderACanceledContext(t *testing.T) {
	h := kittest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	ctx, end := h.Kit.Span(ctx, "request")
	cancel()
	end(nil)
	if err := h.Kit.Detach(ctx, "audit", func(ctx context.Context) error { return ctx.Err() }).Wait(); err != nil {
		t.Fatal(err)
	}
	if audit := h.Span("audit"); len(audit.Links) != 1 || audit.Links[0].SpanContext.SpanID() != h.Span("request").SpanContext.SpanID() {
		t.Errorf("links are %v", audit.Links)
	}
}

func TestASpanEndsOnce(t *testing.T) {
	h := kittest.New(t)
	failure := errors.New("late")
	ctx, end := h.Kit.Span(t.Context(), "work", attribute.Int("n", 1), attribute.Int("n", 2))
	end(nil)
	end(&failure)
	trace.SpanFromContext(ctx).SetAttributes(attribute.Int("n", 3))
	spans := h.Spans()
	if len(spans) != 1 || len(spans[0].Attributes) != 1 || spans[0].Attributes[0].Value.AsInt64() != 2 || spans[0].Status.Description != "" {
		t.Errorf("got %+v", spans)
	}
}

func TestBaggageTravelsAndIsNotExported(t *testing.T) {
	h := kittest.New(t)
	var passedOn string
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { passedOn = r.Header.Get("baggage") }))
	defer backend.Close()
	front := httptest.NewServer(tlhttp.Handler(h.Kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		tllog.New(h.Kit, tllog.WithWriter(io.Discard)).InfoContext(r.Context(), "asking")
		_ = h.Kit.Detach(r.Context(), "audit", func(ctx context.Context) error {
			if baggage.FromContext(ctx).Len() != 1 {
				t.Error("the detached task has lost the baggage")
			}
			return nil
		}).Wait()
		request, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, backend.URL, nil)
		if response, err := (&http.Client{Transport: tlhttp.Transport(h.Kit, nil)}).Do(request); err == nil {
			response.Body.Close()
		}
	})))
	defer front.Close()
	request, _ := http.NewRequest(http.MethodGet, front.URL, nil)
	request.Header.Set("baggage", "tenant=hushhush")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if passedOn != "tenant=hushhush" {
		t.Errorf("passed on %q", passedOn)
	}
	var told strings.Builder
	for _, s := range h.WaitSpans(3) {
		told.WriteString(fmt.Sprint(s.Name, s.Attributes))
	}
	for _, s := range h.Metrics() {
		for _, m := range s.Metrics {
			if histogram, ok := m.Data.(metricdata.Histogram[float64]); ok {
				told.WriteString(fmt.Sprint(histogram.DataPoints[0].Attributes.ToSlice()))
			}
		}
	}
	for _, r := range h.Logs() {
		r.WalkAttributes(func(kv attribute.KeyValue) bool { told.WriteString(kv.Value.String()); return true })
	}
	if strings.Contains(told.String(), "hushhush") {
		t.Error(told.String())
	}
}

// panics is an exporter and a reader that panics whenever it is called.
type panics struct{ sdkmetric.Reader }

func (panics) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { panic("exporter") }
func (panics) Export(context.Context, []sdklog.Record) error              { panic("exporter") }
func (panics) ForceFlush(context.Context) error                           { panic("exporter") }
func (panics) Shutdown(context.Context) error                             { panic("exporter") }

func TestExportersMayPanicWhenever(t *testing.T) {
	kit, err := throughline.Init(t.Context(), throughline.WithSpanExporter(panics{}), throughline.WithLogExporter(panics{}),
		throughline.WithMetricReader(panics{sdkmetric.NewManualReader()}), quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := kit.Span(t.Context(), "work")
	tllog.New(kit, tllog.WithWriter(io.Discard)).InfoContext(ctx, "hello")
	end(nil)
	_ = kit.Flush(t.Context())
	if err := kit.Shutdown(t.Context()); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("got %v", err)
	}
	if stats := kit.Stats(); stats.Spans.Dropped.ExportFailed != 1 || stats.Logs.Dropped.ExportFailed != 1 {
		t.Errorf("stats are %+v", stats)
	}
}
