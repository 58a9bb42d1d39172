package tlkafka_test

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlkafka"
)

// What both kits must agree on is played by conformance/kits; here is what is the Go kit's own.

func client(t *testing.T, kit *throughline.Kit, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("orders"), tlkafka.New(kit).Hooks())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRecordsThatShareHeadersKeepTheirOwnContexts(t *testing.T) {
	h := kittest.New(t)
	c := client(t, h.Kit)
	shared := make([]kgo.RecordHeader, 1, 8)
	shared[0] = kgo.RecordHeader{Key: "tenant", Value: []byte("acme")}
	records := []*kgo.Record{{Topic: "orders", Headers: shared}, {Topic: "orders", Headers: shared}}
	if err := c.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range records {
		for _, header := range r.Headers {
			if header.Key == "traceparent" {
				seen[string(header.Value)] = true
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("two records carry the contexts %v", seen)
	}
}

func TestAKitThatIsOffPassesTheContextOn(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	off, err := throughline.Init(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_SDK_DISABLED", "")
	h := kittest.New(t)
	c := client(t, off)
	ctx, end := h.Kit.Span(t.Context(), "request")
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "orders"}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	end(nil)
	for _, r := range tlkafka.New(off).Poll(t.Context(), c, 1).Records() {
		_ = tlkafka.New(h.Kit).Process(t.Context(), r, func(context.Context, *kgo.Record) error { return nil })
	}
	if request, process := h.Span("request"), h.Span("process orders"); process.Parent.SpanID() != request.SpanContext.SpanID() {
		t.Error("the trace is broken")
	}
}
