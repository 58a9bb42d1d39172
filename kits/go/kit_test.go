package throughline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"
)

func quiet() throughline.Option {
	return throughline.WithDiagnostics(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestAllSignalsArriveByBothProtocols(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			r := startReceiver(t)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=checkout,service.version=9")
			endpoint := r.httpURL + "/base/"
			if protocol == "grpc" {
				endpoint = r.grpcURL
			}
			kit, err := throughline.Init(t.Context(), throughline.WithService("orders", "1.4.2"), throughline.WithEnvironment("test"),
				throughline.WithEndpoint(endpoint), throughline.WithResource(attribute.String("cell", "a")), quiet())
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := kit.Span(t.Context(), "work")
			tllog.New(kit, tllog.WithWriter(io.Discard)).InfoContext(ctx, "hello")
			kit.Go(ctx, "child", func(context.Context) error { return nil }).Wait()
			end(nil)
			if err := kit.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(r.spans) == 0 || len(r.logs) == 0 || len(r.metrics) == 0 {
				t.Fatalf("%d spans, %d logs, %d metrics arrived", len(r.spans), len(r.logs), len(r.metrics))
			}
			res := stringsOf(r.spans[0].Resource.Attributes)
			host, _ := os.Hostname()
			for key, want := range map[string]string{
				"service.name": "orders", "service.version": "9", "deployment.environment.name": "test", "cell": "a", "team": "checkout",
				"telemetry.distro.name": "throughline", "telemetry.distro.version": throughline.Version, "telemetry.sdk.language": "go",
				"host.name": host,
			} {
				if res[key] != want {
					t.Errorf("%s is %q, want %q", key, res[key], want)
				}
			}
			if len(res["service.instance.id"]) != 36 {
				t.Errorf("service.instance.id is %q", res["service.instance.id"])
			}
			record := r.logs[0].ScopeLogs[0].LogRecords[0]
			var workID []byte
			for _, span := range r.spans[0].ScopeSpans[0].Spans {
				if span.Name == "work" {
					workID = span.SpanId
				}
			}
			if !bytes.Equal(record.SpanId, workID) || record.Body.GetStringValue() != "hello" {
				t.Errorf("got %v", record)
			}
			if protocol != "grpc" && (len(r.encodings) != 1 || !r.encodings["application/x-protobuf gzip"]) {
				t.Errorf("encodings are %v", r.encodings)
			}
			want := throughline.SignalStats{Created: 2, Exported: 2}
			if stats := kit.Stats(); stats.Spans != want || stats.Logs.Exported != 1 || stats.Metrics.Dropped.Total() != 0 {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	r := startReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.httpURL)
	t.Setenv("OTEL_SERVICE_NAME", "from-environment")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	kit, err := throughline.Init(t.Context(), throughline.WithService("from-code", ""), throughline.WithEndpoint("http://127.0.0.1:1"),
		throughline.WithSampler(sdktrace.AlwaysSample()), quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := kit.Span(t.Context(), "work")
	tllog.New(kit, tllog.WithWriter(io.Discard)).InfoContext(ctx, "hello")
	end(nil)
	if err := kit.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kit.ServiceName() != "from-environment" || len(r.spans) != 0 || len(r.logs) != 1 || len(r.metrics) != 0 {
		t.Errorf("%s: %d spans, %d logs, %d metrics", kit.ServiceName(), len(r.spans), len(r.logs), len(r.metrics))
	}
	if !r.encodings["application/x-protobuf "] {
		t.Errorf("encodings are %v", r.encodings)
	}
	if kit.Stats().Spans.Created != 0 {
		t.Error("unsampled spans are counted")
	}
}

func TestABrokenConfigurationGivesAWorkingKitAndEveryProblem(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "zip")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "soon")
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json")
	kit, err := throughline.Init(t.Context(), throughline.WithService("orders", ""), quiet())
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{`"not a url"`, `"sometimes"`, `"zip"`, `"soon"`, `"http/json"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is missing in: %v", part, err)
		}
	}
	if n := strings.Count(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT"); n != 1 { // all three signals have it
		t.Errorf("the endpoint is told %d times in: %v", n, err)
	}
	if kit == nil || kit.Enabled() || kit.ServiceName() != "orders" {
		t.Fatalf("got %+v", kit)
	}
	_, end := kit.Span(t.Context(), "work")
	end(nil)
	if err := kit.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// blackhole accepts connections and never answers.
func blackhole(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return "http://" + listener.Addr().String()
}

// Over HTTP, outages have tests of their own: TestOutages.
func TestAnOutageOverGRPCCostsTheServiceNothing(t *testing.T) {
	for _, protocol := range []string{"grpc"} {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		var outages sync.WaitGroup // not parallel subtests, because of Setenv
		for name, endpoint := range map[string]string{"refused": "http://127.0.0.1:1", "black hole": blackhole(t)} {
			started := time.Now()
			kit, err := throughline.Init(t.Context(), throughline.WithService("orders", ""), throughline.WithEndpoint(endpoint), quiet())
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); took > 2*time.Second {
				t.Errorf("%s, %s: Init took %s", protocol, name, took)
			}
			outages.Go(func() { liveThroughOutage(t, protocol+", "+name, kit) })
		}
		outages.Wait()
	}
}

// liveThroughOutage serves more requests than the queues hold and shuts down; the context is dead by then, as it usually is.
func liveThroughOutage(t *testing.T, name string, kit *throughline.Kit) {
	logger := tllog.New(kit, tllog.WithWriter(io.Discard))
	server := httptest.NewServer(tlhttp.Handler(kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "request")
	})))
	defer server.Close()
	const requests = 2500
	started := time.Now()
	for range requests {
		response, err := http.Get(server.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		response.Body.Close()
	}
	if took := time.Since(started); took > 60*time.Second {
		t.Errorf("%s: %d requests took %s", name, requests, took)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	started = time.Now()
	err := kit.Shutdown(canceled)
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("%s: Shutdown took %s", name, took)
	}
	if err == nil {
		t.Errorf("%s: Shutdown says that all was delivered", name)
	}
	if again := kit.Shutdown(t.Context()); !errors.Is(again, err) {
		t.Errorf("%s: the second Shutdown says %v", name, again)
	}
	spans := settled(kit).Spans
	if spans.Created != requests || spans.Exported != 0 || spans.Dropped.Total() != requests || spans.Queued != 0 || spans.QueuedBytes != 0 {
		t.Errorf("%s: stats are %+v", name, spans)
	}
}

func TestShutdownKeepsAShorterDeadline(t *testing.T) {
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(blackhole(t)), quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, end := kit.Span(t.Context(), "work")
	end(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	started := time.Now()
	if err := kit.Shutdown(ctx); err == nil {
		t.Error("no error")
	}
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

type brokenExporter struct{ calls int }

func (e *brokenExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	e.calls++
	if e.calls%2 == 0 {
		panic("exporter")
	}
	return fmt.Errorf("refused %d", e.calls)
}

func (*brokenExporter) Shutdown(context.Context) error { return nil }

func TestLossesAreToldOnceAMinuteAndPanicsOfExportersContained(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	var out bytes.Buffer
	kit, err := throughline.Init(t.Context(), throughline.WithSpanExporter(&brokenExporter{}), throughline.WithEndpoint("http://127.0.0.1:1"),
		throughline.WithMetricInterval(time.Hour), throughline.WithDiagnostics(slog.New(slog.NewJSONHandler(&out, nil))))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, end := kit.Span(t.Context(), "work")
		end(nil)
		kit.Flush(t.Context())
	}
	var line struct {
		Msg, Signal, Cause, Error string
		Lost                      int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "telemetry was lost" || line.Signal != "traces" ||
		line.Cause != "export_failed" || line.Lost != 1 || line.Error != "refused 1" {
		t.Fatalf("%v: %s", err, out.String())
	}
	want := throughline.SignalStats{Created: 3, Dropped: throughline.Drops{ExportFailed: 3}}
	if got := kit.Stats().Spans; got != want {
		t.Errorf("stats are %+v", got)
	}
}

func TestSignalsEndTheContext(t *testing.T) {
	var kit *throughline.Kit
	ctx := kit.HandleSignals(t.Context())
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the signal did not end the context")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	r := startReceiver(t)
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(r.httpURL), quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, end := kit.Span(t.Context(), "work", attribute.String("long", strings.Repeat("x", 100_000)))
	end(nil)
	if err := kit.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(stringsOf(r.spans[0].ScopeSpans[0].Spans[0].Attributes)["long"]); got != 8192 {
		t.Errorf("%s bytes came through", strconv.Itoa(got))
	}
}
