package tlkafka_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlkafka"
)

// A producer and a consumer in one trace.
func Example() {
	var kit *throughline.Kit // of throughline.Init; nil works too, and records nothing
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()
	kafka := tlkafka.New(kit, tlkafka.WithGroup("mail"))
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("orders"), kafka.Hooks())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	sent := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("o-17")}) // PRODUCER "send orders"
	if sent.FirstErr() != nil {
		fmt.Println(sent.FirstErr())
		return
	}
	for _, record := range kafka.Poll(ctx, client, 100).Records() { // CLIENT "receive orders"
		err := kafka.Process(ctx, record, func(_ context.Context, record *kgo.Record) error { // CONSUMER "process orders"
			fmt.Println(string(record.Value))
			return nil
		})
		fmt.Println(err)
	}
	// Output:
	// o-17
	// <nil>
}
