package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"throughline.dev/kits/go/tlnats"
)

func init() {
	fine := func(context.Context, jetstream.Msg) error { return nil }
	processed := func(handler tlnats.JetStreamHandler, opts ...tlnats.Option) func(*scene) {
		return func(s *scene) {
			stream := newStream(s)
			stream.send(s)
			_ = stream.traced.Process(s.ctx, stream.take(1)[0], handler, opts...)
		}
	}
	behaviours["jetstream-ack"] = processed(fine, tlnats.WithQueue("mail"))
	behaviours["jetstream-linked"] = processed(fine, tlnats.AsLink(), tlnats.WithTemplate("stored.{event}"))
	behaviours["jetstream-nak"] = processed(func(context.Context, jetstream.Msg) error { return errors.New("no stock") })
	behaviours["jetstream-term"] = processed(func(context.Context, jetstream.Msg) error { return fmt.Errorf("not JSON: %w", tlnats.ErrPoison) })
	behaviours["jetstream-panic"] = processed(func(context.Context, jetstream.Msg) error { panic("deliberate") })
	behaviours["jetstream-batch"] = func(s *scene) {
		stream := newStream(s)
		stream.send(s)
		stream.send(s)
		_ = stream.traced.ProcessBatch(s.ctx, "stored.created", stream.take(2), func(context.Context, []jetstream.Msg) error { return nil })
	}
	behaviours["jetstream-batch-nak"] = func(s *scene) {
		stream := newStream(s)
		stream.send(s)
		_ = stream.traced.ProcessBatch(s.ctx, "stored.created", stream.take(1), func(context.Context, []jetstream.Msg) error { return errors.New("no stock") })
	}
	behaviours["jetstream-redelivered"] = func(s *scene) {
		stream := newStream(s)
		stream.send(s)
		_ = stream.traced.Process(s.ctx, stream.take(1)[0], func(context.Context, jetstream.Msg) error { return errors.New("no stock") })
		_ = stream.traced.Process(s.ctx, stream.take(1)[0], fine)
	}
	unsettled := func(handler tlnats.JetStreamHandler) func(*scene) {
		return func(s *scene) {
			stream := newStream(s)
			stream.send(s)
			if stream.traced.Process(s.ctx, toldToNobody{stream.take(1)[0]}, handler) == nil {
				panic("nobody was told, and nobody noticed")
			}
		}
	}
	behaviours["jetstream-ack-fails"] = unsettled(fine)
	behaviours["jetstream-nak-fails"] = unsettled(func(context.Context, jetstream.Msg) error { return errors.New("no stock") })
	behaviours["jetstream-no-stream"] = func(s *scene) {
		if _, err := newStream(s).traced.Publish(s.ctx, &nats.Msg{Subject: "nowhere"}); err == nil {
			panic("published to no stream")
		}
	}
}

// toldToNobody is a message whose stream cannot be told what became of it.
type toldToNobody struct{ jetstream.Msg }

func (toldToNobody) Ack() error { return nats.ErrMsgNoReply }
func (toldToNobody) Nak() error { return nats.ErrMsgNoReply }

type stream struct {
	traced   *tlnats.JetStream
	consumer jetstream.Consumer
}

// newStream begins with an empty stream.
func newStream(s *scene) stream {
	conn, err := nats.Connect(s.backends["nats"])
	must(err)
	s.cleanup(conn.Close)
	js, err := jetstream.New(conn)
	must(err)
	_ = js.DeleteStream(s.ctx, "stored")
	stored, err := js.CreateStream(s.ctx, jetstream.StreamConfig{Name: "stored", Subjects: []string{"stored.*"}, Storage: jetstream.MemoryStorage})
	must(err)
	consumer, err := stored.CreateConsumer(s.ctx, jetstream.ConsumerConfig{Durable: "mail", AckPolicy: jetstream.AckExplicitPolicy})
	must(err)
	return stream{tlnats.NewJetStream(s.kit, js), consumer}
}

func (t stream) send(s *scene) {
	_, err := t.traced.Publish(s.ctx, &nats.Msg{Subject: "stored.created", Data: []byte("{}")})
	must(err)
}

func (t stream) take(n int) []jetstream.Msg {
	batch, err := t.consumer.Fetch(n, jetstream.FetchMaxWait(patience))
	must(err)
	var msgs []jetstream.Msg
	for msg := range batch.Messages() {
		msgs = append(msgs, msg)
	}
	if len(msgs) != n {
		panic(fmt.Sprintf("%d messages came, not %d: %v", len(msgs), n, batch.Error()))
	}
	return msgs
}
