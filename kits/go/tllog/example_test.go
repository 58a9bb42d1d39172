package tllog_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tllog"
)

// What is logged with the context of a span carries its trace_id and span_id.
func ExampleNew() {
	var kit *throughline.Kit // of throughline.Init
	log := tllog.New(kit, tllog.WithWriter(io.Discard), tllog.WithLevel(slog.LevelDebug))
	log.InfoContext(context.Background(), "order created", "order.id", "o-17", tllog.Event("order.created"))
	log.ErrorContext(context.Background(), "payment failed", tllog.Error(errors.New("card declined")))
	// Output:
}

// The line: what is always there first, then the attributes by name, then the error.
func ExampleNewHandler() {
	var kit *throughline.Kit // of throughline.Init
	handler := tllog.NewHandler(kit, tllog.WithWriter(os.Stdout), tllog.WithScope("orders.payment"))
	record := slog.NewRecord(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), slog.LevelWarn, "payment failed", 0)
	record.AddAttrs(slog.Int("attempt", 2), tllog.Event("payment.failed"), tllog.Error(context.DeadlineExceeded))
	_ = handler.Handle(context.Background(), record)
	// Output: {"ts":"2026-03-01T12:00:00Z","level":"warn","msg":"payment failed","scope":"orders.payment","event":"payment.failed","attrs":{"attempt":2},"error":{"type":"timeout","message":"context deadline exceeded"}}
}
