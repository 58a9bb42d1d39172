// Package tlkafka instruments Kafka producers and consumers that use franz-go. Trace context and baggage travel in record headers.
//
//	kafka := tlkafka.New(kit, tlkafka.WithGroup("mail"))
//	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kafka.Hooks()) // what it produces is traced
//	for {
//		for _, record := range kafka.Poll(ctx, client, 100).Records() {
//			err := kafka.Process(ctx, record, handle)
//		}
//	}
package tlkafka

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/messaging"
	"throughline.dev/kits/go/internal/names"
)

// Handler processes one record. Its error marks the span; committing is the caller's business.
type Handler func(ctx context.Context, record *kgo.Record) error

// BatchHandler processes several records at once.
type BatchHandler func(ctx context.Context, records []*kgo.Record) error

// Kafka instruments one client.
type Kafka struct {
	ops *messaging.Instrument
	cfg config
}

// Option changes how records are consumed.
type Option func(*config)

type config struct {
	group string
	link  bool
}

// WithGroup names the consumer group.
func WithGroup(name string) Option { return func(c *config) { c.group = name } }

// AsChild processes a record in the trace of its producer. This is the default.
func AsChild() Option { return func(c *config) { c.link = false } }

// AsLink processes a record in a new trace that is linked to its producer's.
func AsLink() Option { return func(c *config) { c.link = true } }

// New prepares the instruments of one client.
func New(kit *throughline.Kit, opts ...Option) *Kafka {
	k := &Kafka{ops: messaging.New(kit, names.ScopeKafka, "kafka", func() []attribute.KeyValue { return nil })}
	for _, opt := range opts {
		opt(&k.cfg)
	}
	return k
}

// Hooks makes a client trace what it produces: a PRODUCER span for each record, from Produce to the broker's answer, as a child of
// the span in Produce's context.
func (k *Kafka) Hooks() kgo.Opt { return kgo.WithHooks((*producing)(k)) }

type producing Kafka

type callKey struct{}

var (
	_ kgo.HookProduceRecordBuffered   = (*producing)(nil)
	_ kgo.HookProduceRecordUnbuffered = (*producing)(nil)
)

// OnProduceRecordBuffered starts the span.
func (k *producing) OnProduceRecordBuffered(r *kgo.Record) {
	ctx := r.Context
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, call := k.ops.Send(ctx, messaging.Destination{Name: r.Topic}, messaging.Message{Carrier: carrier{r}})
	r.Context = context.WithValue(ctx, callKey{}, call)
}

// OnProduceRecordUnbuffered ends it.
func (k *producing) OnProduceRecordUnbuffered(r *kgo.Record, err error) {
	call, _ := r.Context.Value(callKey{}).(*messaging.Call)
	if err != nil {
		call.End(told(err))
		return
	}
	call.End(nil, position(r)...)
}

// Poll is client.PollRecords with a CLIENT span for each topic records came from, linked to their producers. A poll that brings
// nothing makes no span.
func (k *Kafka) Poll(ctx context.Context, client *kgo.Client, recordsMax int) kgo.Fetches {
	started := time.Now()
	fetches := client.PollRecords(ctx, recordsMax)
	byTopic := map[string][]messaging.Message{}
	fetches.EachRecord(func(r *kgo.Record) {
		byTopic[r.Topic] = append(byTopic[r.Topic], messaging.Message{Carrier: carrier{r}})
	})
	for topic, msgs := range byTopic {
		k.ops.Received(ctx, k.destination(topic), started, msgs)
	}
	return fetches
}

// Process processes one record in a CONSUMER span and returns the handler's error; a panic is contained and is a
// *throughline.PanicError.
func (k *Kafka) Process(ctx context.Context, record *kgo.Record, handler Handler) error {
	msg := messaging.Message{Carrier: carrier{record}, Attributes: position(record)}
	return k.ops.Process(ctx, k.destination(record.Topic), msg, k.cfg.link,
		func(ctx context.Context) error { return handler(ctx, record) })
}

// ProcessBatch processes records of one topic in one CONSUMER span: the root of a new trace, or a child of ctx's span if it has one,
// with a link to the producer of each record.
func (k *Kafka) ProcessBatch(ctx context.Context, topic string, records []*kgo.Record, handler BatchHandler) error {
	batch := make([]messaging.Message, len(records))
	for i, record := range records {
		batch[i] = messaging.Message{Carrier: carrier{record}}
	}
	return k.ops.ProcessBatch(ctx, k.destination(topic), batch, func(ctx context.Context) error { return handler(ctx, records) })
}

func (k *Kafka) destination(topic string) messaging.Destination {
	return messaging.Destination{Name: topic, Group: k.cfg.group}
}

// position is where a record lies. Its key stays out: it may be anybody's name.
func position(r *kgo.Record) []attribute.KeyValue {
	return []attribute.KeyValue{
		names.MessagingPartition.String(strconv.Itoa(int(r.Partition))),
		names.MessagingKafkaOffset.Int64(r.Offset),
	}
}

// told gives a broker's error the name the protocol has for it.
func told(err error) error {
	var broker *kerr.Error
	if errors.As(err, &broker) {
		return brokerError(broker.Message)
	}
	return err
}

type brokerError string

func (e brokerError) ErrorType() string { return string(e) }

func (e brokerError) Error() string { return string(e) }

// carrier reads and writes record headers.
type carrier struct{ record *kgo.Record }

func (c carrier) Get(key string) string {
	for _, h := range c.record.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (c carrier) Values(key string) []string {
	var values []string
	for _, h := range c.record.Headers {
		if h.Key == key {
			values = append(values, string(h.Value))
		}
	}
	return values
}

// Set replaces the header. The slice may be the caller's, shared by records, so it is never written into.
func (c carrier) Set(key, value string) {
	rest := slices.DeleteFunc(slices.Clone(c.record.Headers), func(h kgo.RecordHeader) bool { return h.Key == key })
	c.record.Headers = append(rest, kgo.RecordHeader{Key: key, Value: []byte(value)})
}

func (c carrier) Keys() []string {
	keys := make([]string, len(c.record.Headers))
	for i, h := range c.record.Headers {
		keys[i] = h.Key
	}
	return keys
}
