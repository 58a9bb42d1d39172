package main

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
	"throughline.dev/kits/go/tlkafka"
)

func init() {
	fine := func(context.Context, *kgo.Record) error { return nil }
	processed := func(handler tlkafka.Handler, opts ...tlkafka.Option) func(*scene) {
		return func(s *scene) {
			fetches := consumer(s, sent(s, 1)).PollRecords(s.ctx, 1)
			must(fetches.Err())
			_ = tlkafka.New(s.kit, opts...).Process(s.ctx, fetches.Records()[0], handler)
		}
	}
	behaviours["kafka-child"] = processed(fine, tlkafka.WithGroup("mail"))
	behaviours["kafka-linked"] = processed(fine, tlkafka.AsLink())
	behaviours["kafka-handler-error"] = processed(func(context.Context, *kgo.Record) error { return errors.New("no stock") })
	behaviours["kafka-handler-panic"] = processed(func(context.Context, *kgo.Record) error { panic("deliberate") })
	behaviours["kafka-batch"] = func(s *scene) {
		kafka := tlkafka.New(s.kit)
		fetches := kafka.Poll(s.ctx, consumer(s, sent(s, 2)), 10)
		must(fetches.Err())
		_ = kafka.ProcessBatch(s.ctx, "orders", fetches.Records(), func(context.Context, []*kgo.Record) error { return nil })
	}
	behaviours["kafka-batch-panic"] = func(s *scene) {
		kafka := tlkafka.New(s.kit)
		fetches := consumer(s, sent(s, 1)).PollRecords(s.ctx, 1)
		must(fetches.Err())
		_ = kafka.ProcessBatch(s.ctx, "orders", fetches.Records(), func(context.Context, []*kgo.Record) error { panic("deliberate") })
	}
	behaviours["kafka-left"] = processed(func(context.Context, *kgo.Record) error { return context.Canceled })
	behaviours["kafka-refused"] = func(s *scene) {
		_ = client(s, tlkafka.New(s.kit).Hooks(), kgo.UnknownTopicRetries(0)).
			ProduceSync(s.ctx, &kgo.Record{Topic: "nowhere", Value: []byte("{}")}).FirstErr()
	}
	behaviours["kafka-without-producer"] = func(s *scene) {
		ctx, end := s.kit.Span(s.ctx, "loop")
		defer end(nil)
		_ = tlkafka.New(s.kit).Process(ctx, &kgo.Record{Topic: "orders"}, fine)
	}
}

func client(s *scene, opts ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.backends["kafka"]))...)
	must(err)
	s.cleanup(client.Close)
	return client
}

// sent sends records with telemetry, all in one request, and returns the offset of the first.
func sent(s *scene, n int) int64 {
	var records []*kgo.Record
	for range n {
		records = append(records, &kgo.Record{Topic: "orders", Key: []byte("ada"), Value: []byte("{}")})
	}
	results := client(s, tlkafka.New(s.kit).Hooks(), kgo.ProducerLinger(patience/400)).ProduceSync(s.ctx, records...)
	must(results.FirstErr())
	return results[0].Record.Offset
}

func consumer(s *scene, offset int64) *kgo.Client {
	return client(s, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(offset)}}))
}
