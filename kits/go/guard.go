// The guard stands between the SDK's batchers and the exporters: it bounds every export in time, contains panics, counts
// what was delivered and what was lost, and tells of losses at most once a minute. It swallows the errors it has counted,
// because the SDK would print each of them.

package throughline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// SignalStats counts the items of one signal since Init. After Shutdown, Created - Exported - Failed is what the bounded
// queue turned away. For metrics an item is one collection and Created is what was handed to the exporter.
type SignalStats struct {
	Created, Exported, Failed uint64
}

// Stats is what became of the telemetry the kit recorded.
type Stats struct {
	Spans, Logs, Metrics SignalStats
}

// guard is shared by one exporter of one signal.
type guard struct {
	signal   string
	timeout  time.Duration
	deadline *atomic.Int64 // Unix nanoseconds after which nothing is sent any more; 0 while running
	lost     *lossReport

	created, exported, failed atomic.Uint64
}

var errPastShutdown = errors.New("the shutdown budget is spent")

// run exports n items with the guard's time limit. It never panics and returns no error; the outcome is in the counters.
func (g *guard) run(ctx context.Context, n int, export func(context.Context) error) {
	err := g.attempt(ctx, export)
	if err == nil {
		g.exported.Add(uint64(n))
		return
	}
	g.failed.Add(uint64(n))
	g.lost.add(g.signal, n, err)
}

func (g *guard) attempt(ctx context.Context, export func(context.Context) error) (err error) {
	until := time.Now().Add(g.timeout)
	if end := g.deadline.Load(); end != 0 && end < until.UnixNano() {
		until = time.Unix(0, end)
		if !time.Now().Before(until) {
			return errPastShutdown
		}
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return contained(ctx, export)
}

func (g *guard) stats() SignalStats {
	s := SignalStats{Exported: g.exported.Load(), Failed: g.failed.Load(), Created: g.created.Load()}
	if g.signal == "metrics" {
		s.Created = s.Exported + s.Failed
	}
	return s
}

// lossReport gathers losses and logs them at most once per interval, with the number lost since the last line.
type lossReport struct {
	logger   *slog.Logger
	interval time.Duration
	now      func() time.Time

	mu   sync.Mutex
	last time.Time
	lost map[string]int
}

func newLossReport(logger *slog.Logger) *lossReport {
	return &lossReport{logger: logger, interval: time.Minute, now: time.Now, lost: map[string]int{}}
}

func (r *lossReport) add(signal string, n int, err error) {
	r.mu.Lock()
	r.lost[signal] += n
	now := r.now()
	if !r.last.IsZero() && now.Sub(r.last) < r.interval {
		r.mu.Unlock()
		return
	}
	r.last = now
	lost := r.lost
	r.lost = map[string]int{}
	r.mu.Unlock()

	attrs := []any{slog.String("error", err.Error())}
	for _, s := range append(signals[:], "sdk") {
		if lost[s] > 0 {
			attrs = append(attrs, slog.Int("lost_"+s, lost[s]))
		}
	}
	r.logger.Warn("telemetry was lost", attrs...)
}

// Handle implements otel.ErrorHandler for WithGlobals.
func (r *lossReport) Handle(err error) { r.add("sdk", 1, err) }

type guardedSpanExporter struct {
	*guard
	next sdktrace.SpanExporter
}

func (e guardedSpanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.run(ctx, len(spans), func(ctx context.Context) error { return e.next.ExportSpans(ctx, spans) })
	return nil
}

func (e guardedSpanExporter) Shutdown(ctx context.Context) error {
	return contained(ctx, e.next.Shutdown)
}

type guardedLogExporter struct {
	*guard
	next sdklog.Exporter
}

func (e guardedLogExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.run(ctx, len(records), func(ctx context.Context) error { return e.next.Export(ctx, records) })
	return nil
}

func (e guardedLogExporter) Shutdown(ctx context.Context) error {
	return contained(ctx, e.next.Shutdown)
}

func (e guardedLogExporter) ForceFlush(ctx context.Context) error {
	return contained(ctx, e.next.ForceFlush)
}

type guardedMetricExporter struct {
	*guard
	sdkmetric.Exporter
}

func (e guardedMetricExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.run(ctx, 1, func(ctx context.Context) error { return e.Exporter.Export(ctx, rm) })
	return nil
}

// contained makes an error of a panic: the SDK calls exporters in goroutines of its own, where a panic ends the process.
func contained(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("throughline: the exporter panicked: %v", v)
		}
	}()
	return f(ctx)
}

// countedSpans counts the sampled spans that end before they reach the queue.
type countedSpans struct {
	sdktrace.SpanProcessor
	guard *guard
}

func (p countedSpans) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		p.guard.created.Add(1)
	}
	p.SpanProcessor.OnEnd(s)
}

// countedLogs counts the log records before they reach the queue.
type countedLogs struct {
	sdklog.Processor
	guard *guard
}

func (p countedLogs) OnEmit(ctx context.Context, r *sdklog.Record) error {
	p.guard.created.Add(1)
	return p.Processor.OnEmit(ctx, r)
}
