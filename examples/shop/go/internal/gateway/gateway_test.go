package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlgrpc"
	"throughline.dev/kits/go/tlnats"
	"throughline.dev/kits/go/tltest"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/gateway"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shoppb"
)

// world is a gateway with fakes of what is behind it: pricing and inventory by gRPC, orders by HTTP, a real NATS.
type world struct {
	url     string
	service *service.Service
	rec     *tltest.Recorder
	orders  chan http.Header // of each request orders got
}

type fakePricing struct {
	shoppb.UnimplementedPricingServer
}

func (fakePricing) Quote(context.Context, *shoppb.QuoteRequest) (*shoppb.QuoteResponse, error) {
	return &shoppb.QuoteResponse{TotalCents: 1234}, nil
}

type fakeInventory struct {
	shoppb.UnimplementedInventoryServer
}

func (fakeInventory) ListStock(_ *shoppb.ListStockRequest, stream grpc.ServerStreamingServer[shoppb.StockLevel]) error {
	return stream.Send(&shoppb.StockLevel{Sku: "sku-001", Name: "Brass compass", PriceCents: 4900, Available: 3})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{rec: tltest.New(t), orders: make(chan http.Header, 10)}
	kit := w.rec.Kit
	conn := connectNATS(t)
	w.service = &service.Service{Kit: kit, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), NATS: conn,
		Bus: tlnats.New(kit, conn), Faults: faults.NewSwitches()}

	orders := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.orders <- r.Header
		if r.Method == http.MethodGet {
			service.Refuse(rw, http.StatusNotFound, "no such order")
			return
		}
		service.Answer(rw, http.StatusCreated, map[string]any{"orderId": "o-1", "totalCents": 1234})
	}))
	t.Cleanup(orders.Close)
	backend := dialBackend(t, kit)
	front := httptest.NewServer(gateway.New(w.service, backend, backend, orders.URL).Handler())
	t.Cleanup(front.Close)
	w.url = front.URL
	return w
}

func connectNATS(t *testing.T) *nats.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(5 * time.Second) {
		t.Fatal("NATS did not start")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func dialBackend(t *testing.T, kit *throughline.Kit) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	shoppb.RegisterPricingServer(g, fakePricing{})
	shoppb.RegisterInventoryServer(g, fakeInventory{})
	go g.Serve(listener)
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(),
		append(tlgrpc.DialOptions(kit), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) ask(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(content))
}

const basket = `{"customer":"ada","items":[{"sku":"sku-001","quantity":2}]}`

func TestCheckoutGoesThroughPricingToOrders(t *testing.T) {
	w := newWorld(t)
	status, body := w.ask(t, "POST", "/checkout", basket)
	if status != 201 || body != `{"orderId":"o-1","totalCents":1234}` {
		t.Fatalf("%d %s", status, body)
	}
	traceparent := (<-w.orders).Get("traceparent")
	w.rec.AssertTree("POST /checkout\n  shop.v1.Pricing/Quote\n  POST /orders\nupdate recommendations\n")
	w.rec.AssertNoErrors()
	if !strings.Contains(traceparent, w.rec.Span("POST /orders").SpanContext.SpanID().String()) {
		t.Errorf("orders got %q", traceparent)
	}
	links, root := w.rec.Span("update recommendations").Links, w.rec.Span("POST /checkout").SpanContext
	if len(links) != 1 || !links[0].SpanContext.Equal(root) {
		t.Errorf("the recommendations have links %v, the request is %v", links, root)
	}
}

func TestADroppedHeaderLosesTheTraceNotTheOrder(t *testing.T) {
	w := newWorld(t)
	w.service.Faults.Apply(faults.Change{Fault: faults.DroppedHeader, On: true})
	if status, body := w.ask(t, "POST", "/checkout", basket); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	if header := <-w.orders; header.Get("traceparent") != "" {
		t.Errorf("orders got %v", header)
	}
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/healthz", "", 200, `{"status":"ok"}`},
		{"GET", "/products", "", 200, `{"products":[{"sku":"sku-001","name":"Brass compass","priceCents":4900,"available":3}]}`},
		{"GET", "/orders/unknown", "", 404, `{"error":"no such order"}`},
		{"POST", "/checkout", `{"customer":"ada","items":[]}`, 400, `{"error":"the basket is empty"}`},
		{"POST", "/checkout", `{"customer":"ada","items":[{"sku":"a","quantity":-1}]}`, 400, `{"error":"an item is malformed"}`},
		{"POST", "/checkout", `what`, 400, `{"error":"the basket is not JSON"}`},
		{"POST", "/chaos", `{"fault":"earthquake","on":true}`, 400, `{"error":"there is no fault \"earthquake\""}`},
		{"POST", "/chaos", `{"fault":"panic","on":true}`, 200, `{"fault":"panic","on":true}`},
	} {
		if status, answer := w.ask(t, c.method, c.path, c.body); status != c.status || answer != c.answer {
			t.Errorf("%s %s %s: got %d %s", c.method, c.path, c.body, status, answer)
		}
	}
}

func TestChaosReachesEveryService(t *testing.T) {
	w := newWorld(t)
	sub, err := w.service.NATS.SubscribeSync(faults.Subject)
	if err != nil {
		t.Fatal(err)
	}
	w.ask(t, "POST", "/chaos", `{"fault":"slow_query","on":true}`)
	msg, err := sub.NextMsg(2 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if change, err := faults.ParseChange(msg.Data); err != nil || change != (faults.Change{Fault: faults.SlowQuery, On: true}) {
		t.Errorf("got %s: %v", msg.Data, err)
	}
}
