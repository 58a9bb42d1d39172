package tlnats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/names"
)

// Handler processes one message. Its error marks the span; what else happens to the message is the handler's business.
type Handler func(ctx context.Context, msg *nats.Msg) error

// BatchHandler processes several messages at once.
type BatchHandler func(ctx context.Context, msgs []*nats.Msg) error

// Subscribe processes each message of a subject in a CONSUMER span, one after the other. Panics are contained: the span
// has error.type=panic, the stack is in a log record, and the next message follows.
func (c *Client) Subscribe(subject string, handler Handler, opts ...Option) (*nats.Subscription, error) {
	cfg := newConfig(opts)
	if cfg.queue != "" {
		return c.conn.QueueSubscribe(subject, cfg.queue, c.Wrap(handler, opts...))
	}
	return c.conn.Subscribe(subject, c.Wrap(handler, opts...))
}

// Wrap makes a nats.MsgHandler of a Handler, for subscriptions made by other means.
func (c *Client) Wrap(handler Handler, opts ...Option) nats.MsgHandler {
	return func(msg *nats.Msg) { _ = c.Process(context.Background(), msg, handler, opts...) }
}

// Process processes one message in a CONSUMER span and returns the handler's error; a panic is a
// *throughline.PanicError.
func (c *Client) Process(ctx context.Context, msg *nats.Msg, handler Handler, opts ...Option) error {
	cfg := newConfig(opts)
	remote := c.propagator.Extract(ofNobody(ctx), headerCarrier(msg.Header))
	producer := trace.SpanContextFromContext(remote)
	start := []trace.SpanStartOption{trace.WithAttributes(ofMessage(msg, cfg)...)}
	if cfg.link {
		start = append(start, trace.WithNewRoot())
		if producer.IsRemote() {
			start = append(start, trace.WithLinks(trace.Link{SpanContext: producer}))
		}
	}
	return c.run(remote, msg.Subject, 1, cfg, start, func(ctx context.Context) error { return handler(ctx, msg) })
}

// ofNobody keeps ctx's values and cancellation. The span of a loop that consumes is not the parent of what it consumes, and its
// baggage does not belong to the producers.
func ofNobody(ctx context.Context) context.Context {
	return baggage.ContextWithoutBaggage(trace.ContextWithSpanContext(ctx, trace.SpanContext{}))
}

// ProcessBatch processes messages in one CONSUMER span: the root of a new trace, or a child of ctx's span if it has one,
// with a link to the producer of each message. The subject names the span; messages may be of several subjects.
func (c *Client) ProcessBatch(ctx context.Context, subject string, msgs []*nats.Msg, handler BatchHandler, opts ...Option) error {
	links := make([]trace.Link, 0, len(msgs))
	for _, msg := range msgs {
		producer := trace.SpanContextFromContext(c.propagator.Extract(context.Background(), headerCarrier(msg.Header)))
		if producer.IsValid() {
			links = append(links, trace.Link{SpanContext: producer})
		}
	}
	start := []trace.SpanStartOption{trace.WithLinks(links...), trace.WithAttributes(names.MessagingBatchCount.Int(len(msgs)))}
	return c.run(ctx, subject, len(msgs), newConfig(opts), start, func(ctx context.Context) error { return handler(ctx, msgs) })
}

func (c *Client) run(ctx context.Context, subject string, n int, cfg config, start []trace.SpanStartOption,
	work func(context.Context) error,
) (err error) {
	if !c.processing.On() {
		defer func() {
			if v := recover(); v != nil {
				err = c.kit.Contain(ctx, v)
			}
		}()
		return work(ctx)
	}
	started := time.Now()
	shared := c.shared("process", "process", subject, cfg)
	start = append(start, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(shared...))
	ctx, span := c.tracer.Start(ctx, "process "+destination(subject, cfg), start...)
	defer func() {
		if v := recover(); v != nil {
			err = c.kit.Contain(ctx, v)
		}
		shared = fail(span, shared, err)
		c.consumed.Add(ctx, int64(n), metric.WithAttributes(shared...))
		c.process.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(shared...))
		span.End()
	}()
	return work(ctx)
}
