package throughline

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"
)

// Flush sends what is queued now, bounded by ctx and by 5 s.
func (k *Kit) Flush(ctx context.Context) error {
	if k == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownBudget)
	defer cancel()
	defer context.AfterFunc(k.ending, cancel)()
	return k.each(ctx, func(s stage) error { return s.flush(ctx) })
}

// Shutdown waits a little for detached tasks, sends what is queued and stops. It takes at most 5 s: cancellation of ctx is
// ignored, because it is usually why the service stops, but a shorter deadline is kept. The error says what could not be
// delivered. Calls after the first return the same.
func (k *Kit) Shutdown(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.stopOnce.Do(func() { k.stopErr = k.shutdown(ctx) })
	return k.stopErr
}

func (k *Kit) shutdown(ctx context.Context) error {
	until := time.Now().Add(shutdownBudget)
	if d, ok := ctx.Deadline(); ok && d.After(time.Now()) && d.Before(until) {
		until = d
	}
	k.deadline.Store(until.UnixNano())
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()

	k.stopSteering()
	k.tasks.drain(time.Now().Add(min(taskDrainBudget, time.Until(until)/2)))
	before := k.Stats()
	k.end()
	err := k.each(ctx, func(s stage) error { return s.stop(ctx) })
	after := k.Stats()
	lost := []error{err}
	for _, signal := range []struct {
		name          string
		before, after SignalStats
	}{{"spans", before.Spans, after.Spans}, {"log records", before.Logs, after.Logs}} {
		failed, sent := signal.after.Dropped.failed()-signal.before.Dropped.failed(), signal.after.Exported-signal.before.Exported
		if failed > 0 {
			lost = append(lost, fmt.Errorf("throughline: %d of the last %d %s were not delivered", failed, failed+sent, signal.name))
		}
	}
	return errors.Join(lost...)
}

// each runs f for all stages at once and waits for them until ctx ends, even if one does not listen to ctx.
func (k *Kit) each(ctx context.Context, f func(stage) error) error {
	results := make(chan error, len(k.stages))
	for _, s := range k.stages {
		go func() { results <- contained(ctx, func(context.Context) error { return f(s) }) }()
	}
	var problems []error
	for range k.stages {
		select {
		case err := <-results:
			problems = append(problems, err)
		case <-ctx.Done():
			return errors.Join(append(problems, fmt.Errorf("throughline: cannot flush in time: %w", ctx.Err()))...)
		}
	}
	return errors.Join(problems...)
}

// HandleSignals returns a context that ends at the first SIGTERM or SIGINT, so that main can stop accepting, drain, and
// call Shutdown. What is queued at the signal is sent at once, in case draining takes longer than the process has. A second signal kills
// the process as usual.
func (k *Kit) HandleSignals(ctx context.Context) context.Context {
	outer := ctx
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, func() {
		stop()
		if outer.Err() == nil {
			_ = k.Flush(context.WithoutCancel(outer))
		}
	})
	return ctx
}

// panicFlushBudget is short: whoever restarts the process is waiting.
const panicFlushBudget = 2 * time.Second

// FlushOnPanic is to be deferred at the top of main, and of goroutines that are not the kit's. When they panic it tells of the panic in a
// log record, sends what is queued within 2 s, and panics on, so that the process ends as it would have:
//
//	defer kit.FlushOnPanic()
func (k *Kit) FlushOnPanic() {
	v := recover()
	if v == nil {
		return
	}
	if k != nil {
		_ = k.Contain(context.Background(), v)
		ctx, cancel := context.WithTimeout(context.Background(), panicFlushBudget)
		defer cancel()
		_ = k.Shutdown(ctx)
	}
	panic(v)
}
