package tlnats

import (
	"context"

	"github.com/nats-io/nats.go"
	"throughline.dev/kits/go/internal/messaging"
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
	return c.ops.Process(ctx, cfg.destination(msg.Subject), message(msg.Header), cfg.link,
		func(ctx context.Context) error { return handler(ctx, msg) })
}

// ProcessBatch processes messages in one CONSUMER span: the root of a new trace, or a child of ctx's span if it has one,
// with a link to the producer of each message. The subject names the span; messages may be of several subjects.
func (c *Client) ProcessBatch(ctx context.Context, subject string, msgs []*nats.Msg, handler BatchHandler, opts ...Option) error {
	batch := make([]messaging.Message, len(msgs))
	for i, msg := range msgs {
		batch[i] = message(msg.Header)
	}
	return c.ops.ProcessBatch(ctx, newConfig(opts).destination(subject), batch,
		func(ctx context.Context) error { return handler(ctx, msgs) })
}
