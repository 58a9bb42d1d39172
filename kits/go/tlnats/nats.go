// Package tlnats instruments NATS publishers and consumers. Trace context and baggage travel in message headers.
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
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// Client publishes and consumes on one connection.
type Client struct {
	kit        *throughline.Kit
	conn       *nats.Conn
	publishing *throughline.Switch
	processing *throughline.Switch
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	operation  metric.Float64Histogram
	process    metric.Float64Histogram
	sent       metric.Int64Counter
	consumed   metric.Int64Counter
}

// New prepares the instruments of one connection.
func New(kit *throughline.Kit, conn *nats.Conn) *Client {
	meter := kit.Meter(names.ScopeNATS)
	buckets := metric.WithExplicitBucketBoundaries(names.DurationBuckets()...)
	c := &Client{kit: kit, conn: conn, publishing: kit.Switch("nats.publish"), processing: kit.Switch("nats.process"), tracer: kit.Tracer(names.ScopeNATS), propagator: kit.Propagator()}
	// Errors are ignored: the names are valid constants, and the API returns working instruments regardless.
	c.operation, _ = meter.Float64Histogram("messaging.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of messaging operations initiated by a client."), buckets)
	c.process, _ = meter.Float64Histogram("messaging.process.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of processing messages."), buckets)
	c.sent, _ = meter.Int64Counter("messaging.client.sent.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Messages a producer tried to send."))
	c.consumed, _ = meter.Int64Counter("messaging.client.consumed.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Messages delivered to the application."))
	return c
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

// WithTemplate names spans and metrics after a template such as "orders.{id}.created" instead of the subject. Subjects
// that contain ids need it: span names and metric attributes must have few values.
func WithTemplate(template string) Option { return func(c *config) { c.template = template } }

// AsChild processes a message in the trace of its producer. This is the default.
func AsChild() Option { return func(c *config) { c.link = false } }

// AsLink processes a message in a new trace that is linked to its producer's.
func AsLink() Option { return func(c *config) { c.link = true } }

// WithQueue subscribes as a member of a queue group: each message goes to one member.
func WithQueue(group string) Option { return func(c *config) { c.queue = group } }

// Publish sends a message in a PRODUCER span and writes the trace context into its headers. NATS buffers: no error means
// that the message is on its way, not that it has arrived.
func (c *Client) Publish(ctx context.Context, msg *nats.Msg, opts ...Option) error {
	cfg := newConfig(opts)
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	if !c.publishing.On() {
		c.propagator.Inject(ctx, headerCarrier(msg.Header))
		return c.conn.PublishMsg(msg)
	}
	started := time.Now()
	shared := c.shared("send", "send", msg.Subject, cfg)
	ctx, span := c.tracer.Start(ctx, "send "+destination(msg.Subject, cfg), trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(append(shared[:len(shared):len(shared)], ofMessage(msg, cfg)...)...))
	defer span.End()
	c.propagator.Inject(ctx, headerCarrier(msg.Header))
	err := c.conn.PublishMsg(msg)
	shared = fail(span, shared, err)
	c.sent.Add(ctx, 1, metric.WithAttributes(shared...))
	c.operation.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(shared...))
	return err
}

// shared are the attributes of span and metric: few values only.
func (c *Client) shared(name, kind, subject string, cfg config) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		names.MessagingSystem.String("nats"),
		names.MessagingOperationName.String(name),
		names.MessagingOperationType.String(kind),
	}
	if cfg.template != "" {
		attrs = append(attrs, names.MessagingTemplate.String(cfg.template))
	} else {
		attrs = append(attrs, names.MessagingDestination.String(subject))
	}
	if cfg.queue != "" {
		attrs = append(attrs, names.MessagingConsumerGroup.String(cfg.queue))
	}
	return append(attrs, c.server()...)
}

func (c *Client) server() []attribute.KeyValue {
	if c.conn == nil {
		return nil
	}
	u, err := url.Parse(c.conn.ConnectedUrl())
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

// ofMessage are the attributes of the span alone.
func ofMessage(msg *nats.Msg, cfg config) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if cfg.template != "" {
		attrs = append(attrs, names.MessagingDestination.String(msg.Subject))
	}
	if id := msg.Header.Get(nats.MsgIdHdr); id != "" {
		attrs = append(attrs, names.MessagingMessageID.String(id))
	}
	return attrs
}

func destination(subject string, cfg config) string {
	if cfg.template != "" {
		return cfg.template
	}
	return subject
}

func fail(span trace.Span, shared []attribute.KeyValue, err error) []attribute.KeyValue {
	if err == nil {
		return shared
	}
	kind := names.ErrorType.String(throughline.ErrorType(err))
	span.SetStatus(codes.Error, err.Error())
	span.SetAttributes(kind)
	return append(shared, kind)
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
