package throughline

import (
	"context"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/names"
)

// Origin is what a job in a queue remembers of the request that put it there: the identity of its span, and its baggage. It keeps
// neither the request's context alive nor its span, so it may wait as long as the queue is.
//
//	queue <- job{throughline.OriginOf(ctx), order}               // in the request
//	for j := range queue {                                       // in a worker
//		err := kit.Work(ctx, j.origin, "resize", func(ctx context.Context) error { … })
//	}
type Origin struct {
	span trace.SpanContext
	bag  baggage.Baggage
}

// OriginOf is the origin of a job that is queued in ctx.
func OriginOf(ctx context.Context) Origin {
	return Origin{trace.SpanContextFromContext(ctx), baggage.FromContext(ctx)}
}

// Work does a job in a worker: in the trace of its origin, as a child of the span that queued it, whether that has ended or not. ctx
// is the worker's, for cancellation. A panic is contained and is the error, a *PanicError, so the worker goes on.
func (k *Kit) Work(ctx context.Context, origin Origin, name string, fn func(context.Context) error) error {
	on := k.taskSwitch().On()
	ctx = baggage.ContextWithBaggage(trace.ContextWithSpanContext(ctx, origin.span), origin.bag)
	ctx, span := k.taskTracer(on).Start(ctx, name, trace.WithAttributes(names.TaskName.String(name)))
	return k.runTask(ctx, span, on, taskAttributes(name, false), fn)
}

// WorkLinked is like [Kit.Work], in a new trace that is linked to the origin's: for jobs that may wait longer than anybody looks at
// the request's trace.
func (k *Kit) WorkLinked(ctx context.Context, origin Origin, name string, fn func(context.Context) error) error {
	on := k.taskSwitch().On()
	ctx = baggage.ContextWithBaggage(ctx, origin.bag)
	opts := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithAttributes(names.TaskName.String(name), names.TaskDetached.Bool(true))}
	if origin.span.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: origin.span}))
	}
	ctx, span := k.taskTracer(on).Start(ctx, name, opts...)
	return k.runTask(ctx, span, on, taskAttributes(name, true), fn)
}
