package tlnats

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/messaging"
)

// ErrPoison says, wrapped in a handler's error, that another delivery would not help: the message is terminated.
var ErrPoison = errors.New("the message cannot be processed, ever")

// JetStreamHandler processes one message of a stream. What it returns decides what becomes of the message: see [JetStream.Process].
type JetStreamHandler func(ctx context.Context, msg jetstream.Msg) error

// JetStreamBatchHandler processes several messages of a stream at once.
type JetStreamBatchHandler func(ctx context.Context, msgs []jetstream.Msg) error

// JetStream publishes to and consumes from streams.
//
//	stream := tlnats.NewJetStream(kit, js)
//	ack, err := stream.Publish(ctx, &nats.Msg{Subject: "orders.created", Data: data})
//	running, err := consumer.Consume(stream.Wrap(handle))
type JetStream struct {
	js  jetstream.JetStream
	ops *messaging.Instrument
}

// NewJetStream prepares the instruments of one JetStream context.
func NewJetStream(kit *throughline.Kit, js jetstream.JetStream) *JetStream {
	return &JetStream{js, instrument(kit, js.Conn())}
}

// Publish sends a message in a PRODUCER span that ends when the stream has stored it.
func (s *JetStream) Publish(ctx context.Context, msg *nats.Msg, opts ...Option) (*jetstream.PubAck, error) {
	ctx, call := s.ops.Send(ctx, newConfig(opts).destination(msg.Subject), outgoing(msg))
	ack, err := s.js.PublishMsg(ctx, msg)
	call.End(err)
	return ack, err
}

// Wrap makes a jetstream.MessageHandler of a handler, for Consumer.Consume.
func (s *JetStream) Wrap(handler JetStreamHandler, opts ...Option) jetstream.MessageHandler {
	return func(msg jetstream.Msg) { _ = s.Process(context.Background(), msg, handler, opts...) }
}

// Process processes one message in a CONSUMER span and then tells the stream: ack when the handler returns nil, term when its error is
// [ErrPoison], nak otherwise, panics included, so that the message is delivered again. Telling is a CLIENT span of its own inside. The
// error is the handler's or, when that is nil and telling failed, telling's.
func (s *JetStream) Process(ctx context.Context, msg jetstream.Msg, handler JetStreamHandler, opts ...Option) error {
	cfg := newConfig(opts)
	d := cfg.destination(msg.Subject())
	return s.ops.Process(ctx, d, message(msg.Headers()), cfg.link, func(ctx context.Context) error {
		return s.settle(ctx, d, []jetstream.Msg{msg}, func() error { return handler(ctx, msg) })
	})
}

// ProcessBatch processes messages, as Consumer.Fetch brings them, in one CONSUMER span with a link to the producer of each, and then
// tells the stream the same of all of them, as [JetStream.Process] does of one.
func (s *JetStream) ProcessBatch(ctx context.Context, subject string, msgs []jetstream.Msg, handler JetStreamBatchHandler, opts ...Option) error {
	d := newConfig(opts).destination(subject)
	batch := make([]messaging.Message, len(msgs))
	for i, msg := range msgs {
		batch[i] = message(msg.Headers())
	}
	return s.ops.ProcessBatch(ctx, d, batch, func(ctx context.Context) error {
		return s.settle(ctx, d, msgs, func() error { return handler(ctx, msgs) })
	})
}

// settle runs work and tells the stream what came of it, a panic too, which then goes on.
func (s *JetStream) settle(ctx context.Context, d messaging.Destination, msgs []jetstream.Msg, work func() error) error {
	panicked := true
	defer func() {
		if panicked {
			_ = s.tell(ctx, d, "nak", msgs, jetstream.Msg.Nak)
		}
	}()
	err := work()
	panicked = false
	// The handler's own error says more than that the stream could not be told; the span of telling has that one.
	switch {
	case err == nil:
		return s.tell(ctx, d, "ack", msgs, jetstream.Msg.Ack)
	case errors.Is(err, ErrPoison):
		_ = s.tell(ctx, d, "term", msgs, jetstream.Msg.Term)
		return err
	default:
		_ = s.tell(ctx, d, "nak", msgs, jetstream.Msg.Nak)
		return err
	}
}

func (s *JetStream) tell(ctx context.Context, d messaging.Destination, name string, msgs []jetstream.Msg, one func(jetstream.Msg) error) error {
	call := s.ops.Settle(ctx, d, name, len(msgs))
	var err error
	for _, msg := range msgs {
		if failed := one(msg); failed != nil && !errors.Is(failed, jetstream.ErrMsgAlreadyAckd) { // the handler may have done it
			err = failed
		}
	}
	call.End(err)
	return err
}
