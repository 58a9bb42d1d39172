package edges

import (
	"context"
	"errors"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlnats"
)

func init() {
	fine := func(context.Context, *nats.Msg) error { return nil }
	processed := func(handler tlnats.Handler, opts ...tlnats.Option) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) {
			n := newMessages(t, h)
			_ = n.client.Process(t.Context(), n.sent(t), handler, opts...)
		}
	}
	producers["nats-child"] = processed(fine, tlnats.WithQueue("mail"))
	producers["nats-linked"] = processed(fine, tlnats.AsLink(), tlnats.WithTemplate("orders.{event}"))
	producers["nats-handler-error"] = processed(func(context.Context, *nats.Msg) error { return errors.New("no stock") })
	producers["nats-handler-panic"] = processed(func(context.Context, *nats.Msg) error { panic("deliberate") })
	producers["nats-batch"] = func(t *testing.T, h *kittest.Harness) {
		n := newMessages(t, h)
		batch := []*nats.Msg{n.sent(t), n.sent(t)}
		_ = n.client.ProcessBatch(t.Context(), "orders.created", batch, func(context.Context, []*nats.Msg) error { return nil })
	}
	producers["nats-without-producer"] = func(t *testing.T, h *kittest.Harness) {
		n := newMessages(t, h)
		ctx, end := h.Kit.Span(t.Context(), "loop")
		defer end(nil)
		_ = n.client.Process(ctx, &nats.Msg{Subject: "orders.created"}, fine)
	}
}

type messages struct {
	client *tlnats.Client
	inbox  *nats.Subscription
}

func newMessages(t *testing.T, h *kittest.Harness) messages {
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(5 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	inbox, err := conn.SubscribeSync("orders.created")
	if err != nil {
		t.Fatal(err)
	}
	return messages{tlnats.New(h.Kit, conn), inbox}
}

func (n messages) sent(t *testing.T) *nats.Msg {
	msg := &nats.Msg{Subject: "orders.created", Header: nats.Header{nats.MsgIdHdr: []string{"o-17"}}}
	if err := n.client.Publish(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	received, err := n.inbox.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return received
}
