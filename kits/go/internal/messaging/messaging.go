// Package messaging is one messaging operation as telemetry, shared by tlnats and tlkafka so that they cannot differ.
package messaging

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// Instrument makes operations of one connection.
type Instrument struct {
	kit        *throughline.Kit
	system     string
	server     func() []attribute.KeyValue
	publishing *throughline.Switch
	processing *throughline.Switch
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	operation  metric.Float64Histogram
	process    metric.Float64Histogram
	sent       metric.Int64Counter
	consumed   metric.Int64Counter
}

// New prepares the instruments of one connection. server tells whom it is connected to now.
func New(kit *throughline.Kit, scope, system string, server func() []attribute.KeyValue) *Instrument {
	meter := kit.Meter(scope)
	i := &Instrument{kit: kit, system: system, server: server,
		publishing: kit.Switch(system + ".publish"), processing: kit.Switch(system + ".process"), tracer: kit.Tracer(scope), propagator: kit.Propagator()}
	i.operation, i.process = names.MessagingClientOperationDuration.Duration(meter), names.MessagingProcessDuration.Duration(meter)
	i.sent, i.consumed = names.MessagingClientSentMessages.Counter(meter), names.MessagingClientConsumedMessages.Counter(meter)
	return i
}

// Destination is where messages come from or go to. The template, if there is one, stands for the name in span names and metrics.
type Destination struct {
	Name, Template, Group string
}

func (d Destination) label() string {
	if d.Template != "" {
		return d.Template
	}
	return d.Name
}

// Message is what a span tells of one message.
type Message struct {
	Carrier    propagation.TextMapCarrier
	Attributes []attribute.KeyValue
}

// Call is an operation of a client under way. A nil *Call ends without effect.
type Call struct {
	i       *Instrument
	ctx     context.Context
	span    trace.Span
	started time.Time
	shared  []attribute.KeyValue
	sent    bool
}

// Send starts a PRODUCER span and writes the trace context into the message.
func (i *Instrument) Send(ctx context.Context, d Destination, msg Message) (context.Context, *Call) {
	if !i.publishing.On() {
		i.propagator.Inject(ctx, msg.Carrier)
		return ctx, nil
	}
	c := i.start(ctx, "send", "send", d, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(i.own(d, msg)...))
	c.sent = true
	i.propagator.Inject(c.ctx, msg.Carrier)
	return c.ctx, c
}

// Settle starts a CLIENT span for telling the broker what became of n messages: ack, nak or term.
func (i *Instrument) Settle(ctx context.Context, d Destination, name string, n int) *Call {
	if !i.processing.On() {
		return nil
	}
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
	if n > 1 {
		opts = append(opts, trace.WithAttributes(names.MessagingBatchCount.Int(n)))
	}
	return i.start(ctx, name, "settle", d, opts...)
}

// Received makes the CLIENT span of a receive that began at started and has brought messages, with a link to the producer of each.
func (i *Instrument) Received(ctx context.Context, d Destination, started time.Time, msgs []Message) {
	if !i.processing.On() {
		return
	}
	c := i.start(ctx, "receive", "receive", d, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(started),
		trace.WithLinks(i.producers(msgs)...), trace.WithAttributes(names.MessagingBatchCount.Int(len(msgs))))
	c.started = started
	c.End(nil)
}

func (i *Instrument) start(ctx context.Context, name, kind string, d Destination, opts ...trace.SpanStartOption) *Call {
	c := &Call{i: i, started: time.Now(), shared: i.shared(name, kind, d)}
	c.ctx, c.span = i.tracer.Start(ctx, name+" "+d.label(), append(opts, trace.WithAttributes(c.shared...))...)
	return c
}

// End ends the operation; attrs are for the span alone.
func (c *Call) End(err error, attrs ...attribute.KeyValue) {
	if c == nil {
		return
	}
	c.span.SetAttributes(attrs...)
	c.shared = fail(c.span, c.shared, err)
	if c.sent {
		c.i.sent.Add(c.ctx, 1, metric.WithAttributes(c.shared...))
	}
	c.i.operation.Record(c.ctx, time.Since(c.started).Seconds(), metric.WithAttributes(c.shared...))
	c.span.End()
}

// Process processes one message in a CONSUMER span: in its producer's trace, or in one of its own that is linked to it.
// Panics are contained and become the error.
func (i *Instrument) Process(ctx context.Context, d Destination, msg Message, linked bool, work func(context.Context) error) error {
	remote := i.propagator.Extract(ofNobody(ctx), msg.Carrier)
	producer := trace.SpanContextFromContext(remote)
	start := []trace.SpanStartOption{trace.WithAttributes(i.own(d, msg)...)}
	if linked {
		start = append(start, trace.WithNewRoot())
		if producer.IsRemote() {
			start = append(start, trace.WithLinks(trace.Link{SpanContext: producer}))
		}
	}
	return i.run(remote, d, 1, start, work)
}

// ofNobody keeps ctx's values and cancellation. The span of a loop that consumes is not the parent of what it consumes, and its
// baggage does not belong to the producers.
func ofNobody(ctx context.Context) context.Context {
	return baggage.ContextWithoutBaggage(trace.ContextWithSpanContext(ctx, trace.SpanContext{}))
}

// ProcessBatch processes messages in one CONSUMER span: the root of a new trace, or a child of ctx's span if it has one,
// with a link to the producer of each message.
func (i *Instrument) ProcessBatch(ctx context.Context, d Destination, msgs []Message, work func(context.Context) error) error {
	start := []trace.SpanStartOption{trace.WithLinks(i.producers(msgs)...), trace.WithAttributes(names.MessagingBatchCount.Int(len(msgs)))}
	return i.run(ctx, d, len(msgs), start, work)
}

func (i *Instrument) producers(msgs []Message) []trace.Link {
	links := make([]trace.Link, 0, len(msgs))
	for _, msg := range msgs {
		producer := trace.SpanContextFromContext(i.propagator.Extract(context.Background(), msg.Carrier))
		if producer.IsValid() {
			links = append(links, trace.Link{SpanContext: producer})
		}
	}
	return links
}

func (i *Instrument) run(ctx context.Context, d Destination, n int, start []trace.SpanStartOption,
	work func(context.Context) error,
) (err error) {
	if !i.processing.On() {
		defer func() {
			if v := recover(); v != nil {
				err = i.kit.Contain(ctx, v)
			}
		}()
		return work(ctx)
	}
	started := time.Now()
	shared := i.shared("process", "process", d)
	start = append(start, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(shared...))
	ctx, span := i.tracer.Start(ctx, "process "+d.label(), start...)
	defer func() {
		if v := recover(); v != nil {
			err = i.kit.Contain(ctx, v)
		}
		shared = fail(span, shared, err)
		i.consumed.Add(ctx, int64(n), metric.WithAttributes(shared...))
		i.process.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(shared...))
		span.End()
	}()
	return work(ctx)
}

// shared are the attributes of span and metric: few values only.
func (i *Instrument) shared(name, kind string, d Destination) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		names.MessagingSystem.String(i.system),
		names.MessagingOperationName.String(name),
		names.MessagingOperationType.String(kind),
	}
	if d.Template != "" {
		attrs = append(attrs, names.MessagingTemplate.String(d.Template))
	} else {
		attrs = append(attrs, names.MessagingDestination.String(d.Name))
	}
	if d.Group != "" {
		attrs = append(attrs, names.MessagingConsumerGroup.String(d.Group))
	}
	return append(attrs, i.server()...)
}

// own are the attributes of the span alone.
func (i *Instrument) own(d Destination, msg Message) []attribute.KeyValue {
	if d.Template != "" {
		return append(msg.Attributes[:len(msg.Attributes):len(msg.Attributes)], names.MessagingDestination.String(d.Name))
	}
	return msg.Attributes
}

func fail(span trace.Span, shared []attribute.KeyValue, err error) []attribute.KeyValue {
	if err == nil {
		return shared
	}
	kind, description := throughline.ErrorType(err), err.Error()
	if kind == "canceled" { // nobody waits any more, which is nothing to tell of
		description = ""
	}
	span.SetStatus(codes.Error, description)
	span.SetAttributes(names.ErrorType.String(kind))
	return append(shared, names.ErrorType.String(kind))
}
