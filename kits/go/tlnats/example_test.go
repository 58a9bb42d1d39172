package tlnats_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlnats"
)

// A publisher and a subscriber in one trace.
func Example() {
	var kit *throughline.Kit // of throughline.Init; nil works too, and records nothing
	broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	broker.Start()
	defer broker.Shutdown()
	broker.ReadyForConnections(5 * time.Second)
	conn, err := nats.Connect(broker.ClientURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	bus, done := tlnats.New(kit, conn), make(chan string)
	_, err = bus.Subscribe("orders.created", func(_ context.Context, msg *nats.Msg) error { // CONSUMER "process orders.created"
		done <- string(msg.Data)
		return nil // an error marks the span
	}, tlnats.WithQueue("mail"))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = bus.Publish(context.Background(), &nats.Msg{Subject: "orders.created", Data: []byte("o-17")}) // PRODUCER "send orders.created"
	fmt.Println(<-done, err)
	// Output: o-17 <nil>
}

// What a handler returns decides what becomes of the message.
func ExampleJetStream_Wrap() {
	var (
		kit      *throughline.Kit    // of throughline.Init
		js       jetstream.JetStream // of jetstream.New
		consumer jetstream.Consumer
	)
	_ = func() (jetstream.ConsumeContext, error) {
		stream := tlnats.NewJetStream(kit, js)
		return consumer.Consume(stream.Wrap(func(_ context.Context, msg jetstream.Msg) error {
			switch {
			case len(msg.Data()) == 0:
				return fmt.Errorf("an empty order: %w", tlnats.ErrPoison) // term
			case len(msg.Data()) > 1<<20:
				return errors.New("not now") // nak: it is delivered again
			}
			return nil // ack
		}))
	}
}
