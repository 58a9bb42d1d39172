// The guard stands between the kit's queues and the exporters: it bounds every export in time, retries within a budget, stops
// trying when the receiver is down, contains panics and counts what was delivered and what was lost. It swallows the errors it
// has counted, because the SDK would print each of them.

package throughline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"throughline.dev/kits/go/internal/breaker"
)

// guard is shared by one exporter of one signal.
type guard struct {
	counts
	signal   string
	timeout  time.Duration // of one export, retries included
	budget   time.Duration // within which retries may begin
	deadline *atomic.Int64 // Unix nanoseconds after which nothing is sent any more; 0 while running
	report   *lossReport
	redact   *redaction
	limits   *steeredLimits
	started  time.Time
	gate     atomic.Int32 // the breaker's state, for readers that must not wait
	inflight atomic.Int64

	mu      sync.Mutex // one export at a time
	breaker *breaker.Breaker
	random  breaker.Random
	stuck   chan struct{} // closed when an export that did not keep its deadline returns
}

func (k *Kit) newGuard(signal string, s settings, report *lossReport) *guard {
	seed := rand.Uint64()
	return &guard{
		signal: signal, timeout: s.exportTimeout, budget: min(s.batchDelay, s.exportTimeout), deadline: &k.deadline, report: report,
		redact: &k.redact, limits: &k.limits, started: time.Now(), breaker: breaker.New(seed), random: breaker.Random(^seed),
	}
}

var (
	errPastShutdown = errors.New("the shutdown budget is spent")
	errCircuitOpen  = errors.New("the receiver is down: the circuit breaker is open")
	errAskedToWait  = errors.New("the receiver asked to wait")
	errTimeout      = errors.New("the export took too long")
)

func (g *guard) nowMs() int64 { return time.Since(g.started).Milliseconds() }

// state moves the breaker with time and publishes it.
func (g *guard) state() breaker.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.publish()
}

func (g *guard) publish() breaker.State {
	state := g.breaker.State(g.nowMs())
	g.gate.Store(int32(state))
	return state
}

// untilHalfOpen is how long an open breaker stays open.
func (g *guard) untilHalfOpen() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Duration(g.breaker.Until()-g.nowMs()) * time.Millisecond
}

// result is what became of a batch. With hold set it is not settled yet: it is to be tried once more after that time.
type result struct {
	err  error
	hold time.Duration
}

// run exports n items, with retries, and counts the outcome. It never panics.
func (g *guard) run(ctx context.Context, n int, held bool, export func(context.Context) error) result {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inflight.Store(int64(n))
	defer g.inflight.Store(0)
	defer g.publish()
	if !g.unstick(ctx) {
		return g.settle(n, shutDown, errPastShutdown)
	}
	began := time.Now()
	until := began.Add(g.timeout)
	if end := g.deadline.Load(); end != 0 && end < until.UnixNano() {
		until = time.Unix(0, end)
		if !began.Before(until) {
			return g.settle(n, shutDown, errPastShutdown)
		}
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for retry := 0; ; retry++ {
		a := g.try(ctx, export)
		if a.outcome != breaker.Retryable {
			return g.conclude(n, a)
		}
		elapsed := time.Since(began).Milliseconds()
		step, wait := breaker.Plan(elapsed, g.budget.Milliseconds(), g.random.RetryWait(retry), a.askedMs, held || g.deadline.Load() != 0)
		switch step {
		case breaker.Hold:
			g.breaker.Failure(g.nowMs(), a.askedMs)
			return result{a.err, time.Duration(wait) * time.Millisecond}
		case breaker.Drop:
			return g.conclude(n, a)
		}
		select {
		case <-time.After(time.Duration(wait) * time.Millisecond):
		case <-ctx.Done():
			return g.conclude(n, a)
		}
	}
}

// try exports once. An exporter that ignores its context is left behind at the deadline, and waited for before the next export.
func (g *guard) try(ctx context.Context, export func(context.Context) error) answer {
	ctx, heard := listen(ctx)
	done := make(chan error, 1)
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		done <- contained(ctx, export)
	}()
	select {
	case err := <-done:
		return heard.conclude(ctx, err)
	case <-ctx.Done():
	}
	select { // the usual exporter returns now
	case err := <-done:
		return heard.conclude(ctx, err)
	case <-time.After(stuckAfter):
		g.stuck = returned
		return answer{outcome: breaker.Failed, timedOut: true, askedMs: -1, err: errTimeout}
	}
}

// stuckAfter is what an exporter may overrun its deadline.
const stuckAfter = 50 * time.Millisecond

// unstick waits for an export that was left behind. False: the time is up.
func (g *guard) unstick(ctx context.Context) bool {
	if g.stuck == nil {
		return true
	}
	select {
	case <-g.stuck:
		g.stuck = nil
		return true
	case <-ctx.Done():
		return false
	}
}

// conclude counts what became of n items that are not tried again.
func (g *guard) conclude(n int, a answer) result {
	now := g.nowMs()
	switch a.outcome {
	case breaker.Delivered:
		g.breaker.Success(now)
		refused := min(int(a.rejected), n)
		g.exported.Add(uint64(n - refused))
		if refused > 0 {
			return g.settle(refused, rejected, a.err)
		}
		return result{}
	case breaker.Rejected:
		g.breaker.Rejected(now)
		return g.settle(n, rejected, a.err)
	}
	g.breaker.Failure(now, a.askedMs)
	if a.timedOut {
		return g.settle(n, timedOut, a.err)
	}
	return g.settle(n, exportFailed, a.err)
}

func (g *guard) settle(n int, why cause, err error) result {
	g.drop(why, n)
	g.report.tell(g.signal, &g.counts, err, false)
	return result{err: err}
}

// contained makes an error of a panic: exporters run in goroutines where a panic ends the process.
func contained(ctx context.Context, f func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("throughline: the exporter panicked: %v", v)
		}
	}()
	return f(ctx)
}

// guardedMetricExporter needs no queue: what a lost collection had is in the next one.
type guardedMetricExporter struct {
	*guard
	sdkmetric.Exporter
}

func (e guardedMetricExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.created.Add(1)
	if e.state() == breaker.Open && e.deadline.Load() == 0 {
		e.settle(1, circuitOpen, errCircuitOpen)
		return nil
	}
	e.redact.metrics(rm)
	r := e.run(ctx, 1, true, func(ctx context.Context) error { return e.Exporter.Export(ctx, rm) })
	return r.err
}

func (e guardedMetricExporter) ForceFlush(ctx context.Context) error {
	return contained(ctx, e.Exporter.ForceFlush)
}

func (e guardedMetricExporter) Shutdown(ctx context.Context) error {
	return contained(ctx, e.Exporter.Shutdown)
}
