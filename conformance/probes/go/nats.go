package main

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"throughline.dev/kits/go/tlnats"
)

func init() {
	fine := func(context.Context, *nats.Msg) error { return nil }
	processed := func(handler tlnats.Handler, opts ...tlnats.Option) func(*scene) {
		return func(s *scene) {
			n := newMessages(s)
			_ = n.client.Process(s.ctx, n.sent(s), handler, opts...)
		}
	}
	behaviours["nats-child"] = processed(fine, tlnats.WithQueue("mail"))
	behaviours["nats-linked"] = processed(fine, tlnats.AsLink(), tlnats.WithTemplate("orders.{event}"))
	behaviours["nats-handler-error"] = processed(func(context.Context, *nats.Msg) error { return errors.New("no stock") })
	behaviours["nats-handler-panic"] = processed(func(context.Context, *nats.Msg) error { panic("deliberate") })
	behaviours["nats-batch"] = func(s *scene) {
		n := newMessages(s)
		batch := []*nats.Msg{n.sent(s), n.sent(s)}
		_ = n.client.ProcessBatch(s.ctx, "orders.created", batch, func(context.Context, []*nats.Msg) error { return nil })
	}
	behaviours["nats-batch-error"] = func(s *scene) {
		n := newMessages(s)
		_ = n.client.ProcessBatch(s.ctx, "orders.created", []*nats.Msg{n.sent(s)}, func(context.Context, []*nats.Msg) error { return errors.New("no stock") })
	}
	behaviours["nats-left"] = processed(left)
	behaviours["nats-without-producer"] = func(s *scene) {
		n := newMessages(s)
		ctx, end := s.kit.Span(s.ctx, "loop")
		defer end(nil)
		_ = n.client.Process(ctx, &nats.Msg{Subject: "orders.created"}, fine)
	}
}

// left is what a handler ends with that nobody waits for any more.
func left(context.Context, *nats.Msg) error { return context.Canceled }

type messages struct {
	client *tlnats.Client
	inbox  *nats.Subscription
}

func newMessages(s *scene) messages {
	conn, err := nats.Connect(s.backends["nats"])
	must(err)
	s.cleanup(conn.Close)
	inbox, err := conn.SubscribeSync("orders.created")
	must(err)
	must(conn.Flush())
	return messages{tlnats.New(s.kit, conn), inbox}
}

func (n messages) sent(s *scene) *nats.Msg {
	msg := &nats.Msg{Subject: "orders.created", Header: nats.Header{nats.MsgIdHdr: []string{"o-17"}}}
	must(n.client.Publish(s.ctx, msg))
	received, err := n.inbox.NextMsg(patience)
	must(err)
	return received
}
