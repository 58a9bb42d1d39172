// Package tlnats instruments NATS publishers and consumers, core and JetStream. Trace context and baggage travel in message headers.
//
//	client := tlnats.New(kit, conn)
//	err := client.Publish(ctx, &nats.Msg{Subject: "orders.created", Data: data})
//	sub, err := client.Subscribe("orders.created", handle, tlnats.AsChild())
package tlnats

import (
	"context"
	"net"
	"net/url"
	"strconv"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/messaging"
	"throughline.dev/kits/go/internal/names"
)

// Client publishes and consumes on one connection.
type Client struct {
	conn *nats.Conn
	ops  *messaging.Instrument
}

// New prepares the instruments of one connection.
func New(kit *throughline.Kit, conn *nats.Conn) *Client {
	return &Client{conn, instrument(kit, conn)}
}

func instrument(kit *throughline.Kit, conn *nats.Conn) *messaging.Instrument {
	return messaging.New(kit, names.ScopeNATS, "nats", func() []attribute.KeyValue { return serverOf(conn) })
}

// Option changes one publish or one subscription.
type Option func(*config)

type config struct {
	template string
	link     bool
	queue    string
}

func newConfig(opts []Option) config {
	var c config
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

func (c config) destination(subject string) messaging.Destination {
	return messaging.Destination{Name: subject, Template: c.template, Group: c.queue}
}

// WithTemplate names spans and metrics after a template such as "orders.{id}.created" instead of the subject. Subjects
// that contain ids need it: span names and metric attributes must have few values.
func WithTemplate(template string) Option { return func(c *config) { c.template = template } }

// AsChild processes a message in the trace of its producer. This is the default.
func AsChild() Option { return func(c *config) { c.link = false } }

// AsLink processes a message in a new trace that is linked to its producer's.
func AsLink() Option { return func(c *config) { c.link = true } }

// WithQueue names the queue group, or JetStream's consumer, that shares the messages; [Client.Subscribe] joins it.
func WithQueue(group string) Option { return func(c *config) { c.queue = group } }

// Publish sends a message in a PRODUCER span and writes the trace context into its headers. NATS buffers: no error means
// that the message is on its way, not that it has arrived.
func (c *Client) Publish(ctx context.Context, msg *nats.Msg, opts ...Option) error {
	_, call := c.ops.Send(ctx, newConfig(opts).destination(msg.Subject), outgoing(msg))
	err := c.conn.PublishMsg(msg)
	call.End(err)
	return err
}

func outgoing(msg *nats.Msg) messaging.Message {
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	return message(msg.Header)
}

func message(header nats.Header) messaging.Message {
	m := messaging.Message{Carrier: headerCarrier(header)}
	if id := header.Get(nats.MsgIdHdr); id != "" {
		m.Attributes = []attribute.KeyValue{names.MessagingMessageID.String(id)}
	}
	return m
}

func serverOf(conn *nats.Conn) []attribute.KeyValue {
	if conn == nil {
		return nil
	}
	u, err := url.Parse(conn.ConnectedUrl())
	if err != nil || u.Host == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		return []attribute.KeyValue{names.ServerAddress.String(u.Host)}
	}
	attrs := []attribute.KeyValue{names.ServerAddress.String(host)}
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, names.ServerPort.Int(n))
	}
	return attrs
}

// headerCarrier reads and writes message headers, whose keys NATS leaves as they are.
type headerCarrier nats.Header

func (c headerCarrier) Get(key string) string { return nats.Header(c).Get(key) }

func (c headerCarrier) Values(key string) []string { return nats.Header(c).Values(key) }

func (c headerCarrier) Set(key, value string) { nats.Header(c).Set(key, value) }

func (c headerCarrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
