package tlnats_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlnats"
)

// connect starts a NATS server in this process and connects to it.
func connect(t *testing.T) (conn *nats.Conn, port int64) {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(5 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	conn, err = nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, int64(s.Addr().(*net.TCPAddr).Port)
}

func publish(t *testing.T, h *kittest.Harness, c *tlnats.Client, ctx context.Context, msg *nats.Msg, opts ...tlnats.Option) {
	t.Helper()
	ctx, end := h.Kit.Span(ctx, "request")
	defer end(nil)
	if err := c.Publish(ctx, msg, opts...); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageIsProcessedInItsProducersTrace(t *testing.T) {
	h := kittest.New(t)
	conn, port := connect(t)
	c := tlnats.New(h.Kit, conn)
	tenant := make(chan string, 1)
	_, err := c.Subscribe("orders.created", func(ctx context.Context, msg *nats.Msg) error {
		tenant <- baggage.FromContext(ctx).Member("tenant").Value() + string(msg.Data)
		_, end := h.Kit.Span(ctx, "inside")
		end(nil)
		return nil
	}, tlnats.WithQueue("workers"))
	if err != nil {
		t.Fatal(err)
	}
	member, _ := baggage.NewMember("tenant", "acme")
	bag, _ := baggage.New(member)
	msg := &nats.Msg{Subject: "orders.created", Data: []byte("!"), Header: nats.Header{}}
	msg.Header.Set(nats.MsgIdHdr, "m-7")
	publish(t, h, c, baggage.ContextWithBaggage(t.Context(), bag), msg)
	if got := <-tenant; got != "acme!" {
		t.Errorf("got %q", got)
	}
	request, send, process, inside := h.Span("request"), h.Span("send orders.created"), h.Span("process orders.created"), h.Span("inside")
	if send.Parent.SpanID() != request.SpanContext.SpanID() || process.Parent.SpanID() != send.SpanContext.SpanID() ||
		inside.Parent.SpanID() != process.SpanContext.SpanID() || len(process.Links) != 0 {
		t.Error("the trace is broken")
	}
	if send.SpanKind != trace.SpanKindProducer || process.SpanKind != trace.SpanKindConsumer {
		t.Errorf("kinds are %s and %s", send.SpanKind, process.SpanKind)
	}
	want := map[string]any{"messaging.system": "nats", "messaging.operation.name": "send", "messaging.operation.type": "send",
		"messaging.destination.name": "orders.created", "messaging.message.id": "m-7", "server.address": "127.0.0.1", "server.port": port}
	if got := kittest.Attributes(send.Attributes); !maps.Equal(got, want) {
		t.Errorf("send:\ngot  %v\nwant %v", got, want)
	}
	want["messaging.operation.name"], want["messaging.operation.type"] = "process", "process"
	want["messaging.consumer.group.name"] = "workers"
	if got := kittest.Attributes(process.Attributes); !maps.Equal(got, want) {
		t.Errorf("process:\ngot  %v\nwant %v", got, want)
	}
	if h.Sum("messaging.client.sent.messages") != 1 || h.Sum("messaging.client.consumed.messages") != 1 ||
		h.Histogram("messaging.client.operation.duration")[0].Count != 1 || h.Histogram("messaging.process.duration")[0].Count != 1 {
		t.Error("metrics are missing")
	}
}

func TestAMessageMayBeProcessedInALinkedTrace(t *testing.T) {
	h := kittest.New(t)
	conn, _ := connect(t)
	c := tlnats.New(h.Kit, conn)
	done := make(chan struct{}, 1)
	c.Subscribe("orders.*.created", func(context.Context, *nats.Msg) error { done <- struct{}{}; return nil },
		tlnats.AsLink(), tlnats.WithTemplate("orders.{id}.created"))
	publish(t, h, c, t.Context(), &nats.Msg{Subject: "orders.7.created"}, tlnats.WithTemplate("orders.{id}.created"))
	<-done
	send, process := h.Span("send orders.{id}.created"), h.Span("process orders.{id}.created")
	if process.Parent.IsValid() || process.SpanContext.TraceID() == send.SpanContext.TraceID() {
		t.Error("it is no root")
	}
	if len(process.Links) != 1 || process.Links[0].SpanContext.SpanID() != send.SpanContext.SpanID() {
		t.Errorf("links are %v", process.Links)
	}
	attrs := kittest.Attributes(process.Attributes)
	if attrs["messaging.destination.name"] != "orders.7.created" || attrs["messaging.destination.template"] != "orders.{id}.created" {
		t.Errorf("got %v", attrs)
	}
	point := kittest.Attributes(h.Histogram("messaging.process.duration")[0].Attributes.ToSlice())
	if _, unbounded := point["messaging.destination.name"]; unbounded {
		t.Errorf("the metric has the subject: %v", point)
	}
}

func TestABatchLinksToEachProducer(t *testing.T) {
	h := kittest.New(t)
	conn, _ := connect(t)
	c := tlnats.New(h.Kit, conn)
	sub, err := conn.SubscribeSync("stock")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		publish(t, h, c, t.Context(), &nats.Msg{Subject: "stock"})
	}
	conn.Publish("stock", nil) // from somebody without telemetry
	var batch []*nats.Msg
	for range 4 {
		msg, err := sub.NextMsg(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, msg)
	}
	failure := errors.New("no")
	err = c.ProcessBatch(t.Context(), "stock", batch, func(_ context.Context, msgs []*nats.Msg) error {
		if len(msgs) != 4 {
			t.Errorf("got %d messages", len(msgs))
		}
		return failure
	})
	if err != failure {
		t.Fatal(err)
	}
	span := h.Span("process stock")
	if span.Parent.IsValid() || len(span.Links) != 3 || span.Status.Code != codes.Error {
		t.Errorf("parent %v, %d links, status %v", span.Parent.IsValid(), len(span.Links), span.Status)
	}
	traces := map[trace.TraceID]bool{}
	for _, link := range span.Links {
		traces[link.SpanContext.TraceID()] = true
	}
	if len(traces) != 3 || kittest.Attributes(span.Attributes)["messaging.batch.message_count"] != int64(4) {
		t.Errorf("links to %d traces, attributes %v", len(traces), span.Attributes)
	}
	if h.Sum("messaging.client.consumed.messages") != 4 {
		t.Error("consumed messages are miscounted")
	}
}

func TestAHandlersPanicIsContained(t *testing.T) {
	h := kittest.New(t)
	conn, _ := connect(t)
	c := tlnats.New(h.Kit, conn)
	second := make(chan struct{})
	c.Subscribe("s", func(_ context.Context, msg *nats.Msg) error {
		if len(msg.Data) == 0 {
			panic("ouch")
		}
		close(second)
		return nil
	})
	publish(t, h, c, t.Context(), &nats.Msg{Subject: "s"})
	publish(t, h, c, t.Context(), &nats.Msg{Subject: "s", Data: []byte("x")})
	<-second
	failed := h.Span("process s")
	if failed.Status.Code != codes.Error || kittest.Attributes(failed.Attributes)["error.type"] != "panic" {
		t.Errorf("got %v %v", failed.Status, failed.Attributes)
	}
	if logs := h.Logs(); len(logs) != 1 || logs[0].SpanID() != failed.SpanContext.SpanID() {
		t.Errorf("the panic left %d log records", len(logs))
	}
}

func TestAFailedSendIsAnError(t *testing.T) {
	h := kittest.New(t)
	conn, _ := connect(t)
	c := tlnats.New(h.Kit, conn)
	conn.Close()
	if err := c.Publish(t.Context(), &nats.Msg{Subject: "s"}); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Fatal(err)
	}
	if span := h.Span("send s"); span.Status.Code != codes.Error {
		t.Errorf("got %v", span.Status)
	}
}
