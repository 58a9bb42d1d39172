package throughline

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"throughline.dev/kits/go/internal/names"
)

// Span starts an INTERNAL span around a piece of work and returns the function that ends it. end sets status and
// error.type from the error it is pointed at, and marks a panic on its way up:
//
//	func (s *Shop) charge(ctx context.Context, card Card) (err error) {
//		ctx, end := s.kit.Span(ctx, "charge card")
//		defer end(&err)
//		...
//	}
//
// end must be deferred directly to see panics. end(nil) ends the span without an error.
func (k *Kit) Span(ctx context.Context, name string, attrs ...attribute.KeyValue) (spanCtx context.Context, end func(*error)) {
	if k == nil || !k.board.traces.On() {
		return ctx, endNothing
	}
	return k.span(ctx, name, attrs)
}

// span is apart so that Span is small enough to become part of its caller.
func (k *Kit) span(ctx context.Context, name string, attrs []attribute.KeyValue) (spanCtx context.Context, end func(*error)) {
	if k.own == nil {
		return ctx, endNothing
	}
	// Copies, so that the caller's attributes may stay on its stack when nothing is recorded.
	var span trace.Span
	if len(attrs) > 0 && k.SamplesByAttributes() {
		spanCtx, span = k.own.Start(ctx, name, trace.WithAttributes(slices.Clone(attrs)...))
		attrs = nil
	} else {
		spanCtx, span = k.own.Start(ctx, name)
	}
	if !span.IsRecording() {
		return spanCtx, endNothing
	}
	if len(attrs) > 0 {
		span.SetAttributes(slices.Clone(attrs)...)
	}
	return spanCtx, func(err *error) {
		if v := recover(); v != nil {
			failSpan(span, &PanicError{Value: v})
			span.End()
			panic(v)
		}
		if err != nil {
			failSpan(span, *err)
		}
		span.End()
	}
}

// endNothing lets panics pass: it does not recover them.
func endNothing(*error) {}

func failSpan(span trace.Span, err error) {
	if err == nil {
		return
	}
	kind, description := ErrorType(err), err.Error()
	if kind == "canceled" { // nobody waits any more, which is nothing to tell of
		description = ""
	}
	span.SetStatus(codes.Error, description)
	span.SetAttributes(names.ErrorType.String(kind))
}

// Task is work started with Go or Detach.
type Task struct {
	done chan struct{}
	err  error
}

// Wait returns when the work is done, with its error; a panic is a *PanicError.
func (t *Task) Wait() error {
	<-t.done
	return t.err
}

// Done is closed when the work is done.
func (t *Task) Done() <-chan struct{} { return t.done }

// Go runs fn in a goroutine, in a child span of ctx's. A panic is contained and is the task's error. The span should end
// before its parent: whoever starts the task waits for it. For work that outlives the request use [Kit.Detach].
func (k *Kit) Go(ctx context.Context, name string, fn func(context.Context) error) *Task {
	on := k.taskSwitch().On()
	ctx, span := k.taskTracer(on).Start(ctx, name, trace.WithAttributes(names.TaskName.String(name)))
	t := &Task{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		t.err = k.runTask(ctx, span, on, taskAttributes(name, false), fn)
	}()
	return t
}

// Detach runs fn in a goroutine that outlives the request: in a new trace whose root span is linked to ctx's span, with
// ctx's baggage, without ctx's cancellation and deadline, and without its values, so nothing of the request is kept
// alive. The name must come from a small set. Shutdown waits up to 2 s for detached tasks and then cancels their contexts.
func (k *Kit) Detach(ctx context.Context, name string, fn func(context.Context) error) *Task {
	t := &Task{done: make(chan struct{})}
	base, finished := k.detachedContext()
	base = baggage.ContextWithBaggage(base, baggage.FromContext(ctx))
	opts := []trace.SpanStartOption{trace.WithNewRoot(),
		trace.WithAttributes(names.TaskName.String(name), names.TaskDetached.Bool(true))}
	if caller := trace.SpanContextFromContext(ctx); caller.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	on := k.taskSwitch().On()
	base, span := k.taskTracer(on).Start(base, name, opts...)
	go func() {
		defer finished()
		defer close(t.done)
		t.err = k.runTask(base, span, on, taskAttributes(name, true), fn)
	}()
	return t
}

func (k *Kit) taskSwitch() *Switch {
	if k == nil {
		return &alwaysOff
	}
	return k.tasks.on
}

func (k *Kit) taskTracer(on bool) trace.Tracer {
	if !on {
		return nooptrace.Tracer{}
	}
	return k.Tracer(names.ScopeKit)
}

func taskAttributes(name string, detached bool) []attribute.KeyValue {
	return []attribute.KeyValue{names.TaskName.String(name), names.TaskDetached.Bool(detached)}
}

// runTask runs fn, contains its panic, measures it if the switch was on when it started, and ends its span.
func (k *Kit) runTask(ctx context.Context, span trace.Span, on bool, attrs []attribute.KeyValue, fn func(context.Context) error) (err error) {
	started := time.Now()
	duration, active := k.taskInstruments(on)
	set := metric.WithAttributes(attrs...)
	active.Add(ctx, 1, set)
	defer func() {
		if v := recover(); v != nil {
			err = k.Contain(ctx, v)
		}
		failSpan(span, err)
		active.Add(ctx, -1, set)
		if err != nil {
			set = metric.WithAttributes(append(attrs, names.ErrorType.String(ErrorType(err)))...)
		}
		duration.Record(ctx, time.Since(started).Seconds(), set)
		span.End()
	}()
	return fn(ctx)
}

func (k *Kit) taskInstruments(on bool) (metric.Float64Histogram, metric.Int64UpDownCounter) {
	if !on {
		return noopmetric.Float64Histogram{}, noopmetric.Int64UpDownCounter{}
	}
	k.tasks.once.Do(func() {
		meter := k.Meter(names.ScopeKit)
		k.tasks.duration, k.tasks.active = names.KitTaskDuration.Duration(meter), names.KitTaskActive.UpDownCounter(meter)
	})
	return k.tasks.duration, k.tasks.active
}

func (k *Kit) detachedContext() (ctx context.Context, finished func()) {
	if k == nil {
		return context.Background(), func() {}
	}
	return k.tasks.enter()
}

// taskSet knows the detached tasks that run, so that Shutdown can wait for them and then cancel them.
type taskSet struct {
	on       *Switch
	once     sync.Once
	duration metric.Float64Histogram
	active   metric.Int64UpDownCounter

	base   context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	count  int
	idle   chan struct{} // closed when count falls to 0; nil unless somebody waits
}

func (s *taskSet) init() { s.base, s.cancel = context.WithCancel(context.Background()) }

func (s *taskSet) enter() (ctx context.Context, finished func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return s.base, s.leave
}

func (s *taskSet) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	if s.count == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// drain waits until no task runs or the time has come, then cancels those left and gives them a moment to end.
func (s *taskSet) drain(until time.Time) {
	defer s.cancel()
	s.mu.Lock()
	if s.count == 0 {
		s.mu.Unlock()
		return
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-idle:
		return
	case <-timer.C:
	}
	s.cancel()
	timer.Reset(canceledTaskBudget)
	select { // those that listen end now, and their spans can still be sent
	case <-idle:
	case <-timer.C:
	}
}

const canceledTaskBudget = 100 * time.Millisecond
