package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/metadata"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlgrpc"
	"throughline.dev/kits/go/tlkafka"
	"throughline.dev/kits/go/tlnats"
)

// What comes from the caller goes on, in whatever state the kit is: its trace and its baggage.
var fromCaller = map[string]string{
	"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"baggage":     "tenant=acme",
}

func (s *scene) called() context.Context {
	return s.kit.Propagator().Extract(s.ctx, propagation.MapCarrier(fromCaller))
}

// relayed ends the scenario as failed unless headers tell of the caller.
func relayed(get func(string) string) {
	if !strings.HasPrefix(get("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-") {
		panic("the caller's trace is lost: " + get("traceparent"))
	}
	relayedBaggage(get)
}

func relayedBaggage(get func(string) string) {
	if get("baggage") != "tenant=acme" {
		panic("the caller's baggage is lost: " + get("baggage"))
	}
}

// inside is what a call made in ctx would carry.
func (s *scene) inside(ctx context.Context) func(string) string {
	carrier := propagation.MapCarrier{}
	s.kit.Propagator().Inject(ctx, carrier)
	return carrier.Get
}

func init() {
	behaviours["relay-http-client"] = func(s *scene) {
		headers := make(chan http.Header, 1)
		call(s.called(), s, listen(s, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header }))
		relayed((<-headers).Get)
	}
	behaviours["relay-http-server"] = func(s *scene) {
		carried := make(chan func(string) string, 1)
		url := server(s, func(_ http.ResponseWriter, r *http.Request) { carried <- s.inside(r.Context()) })
		header := http.Header{}
		for key, value := range fromCaller {
			header.Set(key, value)
		}
		requestWith(s.ctx, url, "GET", "/orders/17", header)
		relayed(<-carried)
	}
	behaviours["relay-grpc-client"] = func(s *scene) {
		seen := newWitness(nil)
		check(s.called(), dial(s, rpcServer(s, nil, seen.see), tlgrpc.DialOptions(s.kit)), "")
		relayed(<-seen.carried)
	}
	behaviours["relay-grpc-server"] = func(s *scene) {
		seen := newWitness(s)
		check(metadata.NewOutgoingContext(s.ctx, metadata.New(fromCaller)), dial(s, rpcServer(s, s.kit, seen.see), nil), "")
		relayed(<-seen.carried)
	}
	behaviours["relay-nats"] = func(s *scene) {
		n := newMessages(s)
		msg := &nats.Msg{Subject: "orders.created"}
		must(n.client.Publish(s.called(), msg))
		received, err := n.inbox.NextMsg(patience)
		must(err)
		relayed(received.Header.Get)
		must(n.client.Process(s.ctx, received, func(ctx context.Context, _ *nats.Msg) error {
			relayed(s.inside(ctx))
			return nil
		}))
	}
	behaviours["relay-jetstream"] = func(s *scene) {
		stream := newStream(s)
		_, err := stream.traced.Publish(s.called(), &nats.Msg{Subject: "stored.created"})
		must(err)
		received := stream.take(1)[0]
		relayed(received.Headers().Get)
		must(stream.traced.Process(s.ctx, received, func(ctx context.Context, _ jetstream.Msg) error {
			relayed(s.inside(ctx))
			return nil
		}, tlnats.AsChild()))
	}
	behaviours["relay-kafka"] = func(s *scene) {
		kafka := tlkafka.New(s.kit)
		results := client(s, kafka.Hooks()).ProduceSync(s.called(), &kgo.Record{Topic: "orders", Value: []byte("{}")})
		must(results.FirstErr())
		fetches := consumer(s, results[0].Record.Offset).PollRecords(s.ctx, 1)
		must(fetches.Err())
		received := fetches.Records()[0]
		relayed(func(key string) string {
			for _, header := range received.Headers {
				if header.Key == key {
					return string(header.Value)
				}
			}
			return ""
		})
		must(kafka.Process(s.ctx, received, func(ctx context.Context, _ *kgo.Record) error {
			relayed(s.inside(ctx))
			return nil
		}))
	}
	behaviours["relay-spawn"] = func(s *scene) {
		must(s.kit.Go(s.called(), "send mail", func(ctx context.Context) error {
			relayed(s.inside(ctx))
			return nil
		}).Wait())
	}
	behaviours["relay-detach"] = func(s *scene) {
		must(s.kit.Detach(s.called(), "audit", func(ctx context.Context) error {
			relayedBaggage(s.inside(ctx))
			return nil
		}).Wait())
	}
	behaviours["relay-job"] = func(s *scene) {
		must(s.kit.Work(s.ctx, throughline.OriginOf(s.called()), "resize", func(ctx context.Context) error {
			relayed(s.inside(ctx))
			return nil
		}))
	}
}

// witness tells what a gRPC method was called with: the metadata that came, or what a call from inside the method would carry.
type witness struct {
	inside  *scene
	carried chan func(string) string
}

func newWitness(inside *scene) witness { return witness{inside, make(chan func(string) string, 1)} }

func (w witness) see(ctx context.Context) {
	if w.inside != nil {
		w.carried <- w.inside.inside(ctx)
		return
	}
	md, _ := metadata.FromIncomingContext(ctx)
	w.carried <- func(key string) string { return strings.Join(md.Get(key), ",") }
}
