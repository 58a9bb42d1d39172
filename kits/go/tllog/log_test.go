package tllog_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tllog"
)

// lineOf logs one record at a fixed time through the handler and returns the line.
func lineOf(t *testing.T, kit *throughline.Kit, ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) string {
	t.Helper()
	var out bytes.Buffer
	handler := tllog.NewHandler(kit, tllog.WithWriter(&out), tllog.WithLevel(tllog.LevelTrace))
	record := slog.NewRecord(time.Unix(0, 1700000000050000000), level, msg, 0)
	record.AddAttrs(attrs...)
	if err := handler.Handle(ctx, record); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func TestTheLineIsExact(t *testing.T) {
	h := kittest.New(t)
	got := lineOf(t, h.Kit, t.Context(), slog.LevelError, "payment failed",
		slog.String("card", "visa"), slog.Float64("amount", 12.5), tllog.Event("payment.failed"),
		tllog.Error(context.DeadlineExceeded), slog.Group("http", slog.Int("status", 503), slog.Duration("took", 1500*time.Millisecond)),
		slog.Time("at", time.Unix(1, 0)), slog.Any("ids", []int{1, 2}), slog.Uint64("big", 1<<63), slog.Any("other", errors.New("x")))
	want := `{"ts":"2023-11-14T22:13:20.05Z","level":"error","msg":"payment failed","service":"test","event":"payment.failed",` +
		`"attrs":{"amount":12.5,"at":"1970-01-01T00:00:01Z","big":"9223372036854775808","card":"visa","http.status":503,` +
		`"http.took":"1.5s","ids":[1,2],"other":"x"},"error":{"type":"timeout","message":"context deadline exceeded"}}`
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestLineAndRecordCarryTheSpan(t *testing.T) {
	h := kittest.New(t)
	var out bytes.Buffer
	logger := tllog.New(h.Kit, tllog.WithWriter(&out), tllog.WithScope("orders.payment")).With("tenant", "acme").WithGroup("order")
	ctx, end := h.Kit.Span(t.Context(), "request")
	logger.WarnContext(ctx, "low stock", "id", 7, tllog.Event("stock.low"))
	logger.DebugContext(ctx, "not shown")
	end(nil)
	span := h.Span("request").SpanContext
	// An attribute inside a group is an attribute, whatever its name.
	want := `"service":"test","trace_id":"` + span.TraceID().String() + `","span_id":"` + span.SpanID().String() +
		`","trace_flags":"01","scope":"orders.payment","attrs":{"order.event":"stock.low","order.id":7,"tenant":"acme"}}` + "\n"
	if !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("got  %s\nwant …%s", out.String(), want)
	}
	records := h.Logs()
	if len(records) != 1 {
		t.Fatalf("got %d records", len(records))
	}
	r := records[0]
	if r.TraceID() != span.TraceID() || r.SpanID() != span.SpanID() || r.Severity() != log.SeverityWarn ||
		r.SeverityText() != "WARN" || r.Body().AsString() != "low stock" || r.InstrumentationScope().Name != "orders.payment" {
		t.Fatalf("got %+v", r)
	}
	if got := recordAttributes(r); got["order.id"] != int64(7) || got["tenant"] != "acme" || len(got) != 3 {
		t.Fatalf("got %v", got)
	}
}

func recordAttributes(r sdklog.Record) map[string]any {
	var attrs []attribute.KeyValue
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		attrs = append(attrs, kv)
		return true
	})
	return kittest.Attributes(attrs)
}

func TestErrorsAreExportedAsExceptions(t *testing.T) {
	h := kittest.New(t)
	line := lineOf(t, h.Kit, t.Context(), slog.LevelInfo, "m", slog.Any("err", context.Canceled), slog.Any("error", nil))
	if !strings.HasSuffix(line, `"service":"test","error":{"type":"canceled","message":"context canceled"}}`) {
		t.Fatalf("got %s", line)
	}
	got := recordAttributes(h.Logs()[0])
	if got["exception.type"] != "canceled" || got["exception.message"] != "context canceled" || len(got) != 2 {
		t.Fatalf("got %v", got)
	}
}

type brokenStringer struct{}

func (*brokenStringer) String() string { panic("no") }

func TestValuesThatPanicDoNotBreakTheService(t *testing.T) {
	var kit *throughline.Kit
	line := lineOf(t, kit, t.Context(), slog.LevelInfo, "m", slog.Any("v", &brokenStringer{}), slog.Any("nil", (*brokenStringer)(nil)))
	if !strings.Contains(line, `"nil":"<nil>"`) || !strings.Contains(line, "PANIC") {
		t.Fatalf("got %s", line)
	}
}

func TestDerivedLoggersDoNotShareAttributes(t *testing.T) {
	var out bytes.Buffer
	base := tllog.New(nil, tllog.WithWriter(&out)).With("a", 1, "b", 2, "c", 3)
	first, second := base.With("d", "first"), base.With("d", "second")
	first.Info("m")
	second.Info("m")
	if !strings.Contains(out.String(), `"d":"first"`) || !strings.Contains(out.String(), `"d":"second"`) {
		t.Fatal(out.String())
	}
}

func TestTheEnvironmentSaysHowLoudLogsAre(t *testing.T) {
	t.Setenv("THROUGHLINE_LOG_LEVEL", "WARN")
	h := kittest.New(t)
	var lines bytes.Buffer
	log := tllog.New(h.Kit, tllog.WithWriter(&lines), tllog.WithLevel(slog.LevelDebug))
	log.InfoContext(t.Context(), "quiet")
	log.WarnContext(t.Context(), "loud")
	if got := lines.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("printed %q", got)
	}
}
