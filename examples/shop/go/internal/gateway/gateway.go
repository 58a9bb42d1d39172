// Package gateway is the shop's front door: it prices a basket, places the order, and lists products.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
	"throughline.dev/examples/shop/internal/shoppb"
)

const (
	bodyBytesMax   = 64 << 10
	requestTimeout = 10 * time.Second
)

// Gateway serves the public API.
type Gateway struct {
	service   *service.Service
	pricing   shoppb.PricingClient
	inventory shoppb.InventoryClient
	orders    *ordersClient
}

// New connects the gateway to the services behind it; connections are made when they are first used.
func New(s *service.Service, pricing, inventory grpc.ClientConnInterface, ordersURL string) *Gateway {
	return &Gateway{
		service: s, pricing: shoppb.NewPricingClient(pricing), inventory: shoppb.NewInventoryClient(inventory),
		orders: newOrdersClient(s, ordersURL),
	}
}

// Handler is the instrumented API. Trace context from outside is not trusted: the gateway is the public edge.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /checkout", g.checkout)
	mux.HandleFunc("GET /products", g.products)
	mux.HandleFunc("GET /orders/{id}", g.order)
	mux.HandleFunc("POST /chaos", g.chaos)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		service.Answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	traced := tlhttp.Handler(g.service.Kit, mux, tlhttp.WithPublicEndpoint(), tlhttp.WithSkip(isHealthCheck))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, bodyBytesMax)
		traced.ServeHTTP(w, r.WithContext(ctx))
	})
}

func isHealthCheck(r *http.Request) bool { return r.URL.Path == "/healthz" }

func (g *Gateway) checkout(w http.ResponseWriter, r *http.Request) {
	ctx, log := r.Context(), g.service.Log
	var basket shop.Checkout
	if err := json.NewDecoder(r.Body).Decode(&basket); err != nil {
		service.Refuse(w, http.StatusBadRequest, "the basket is not JSON")
		log.InfoContext(ctx, "checkout refused", tllog.Error(err))
		return
	}
	if why := problemOf(basket); why != "" {
		service.Refuse(w, http.StatusBadRequest, why)
		log.InfoContext(ctx, "checkout refused", "reason", why)
		return
	}
	quote, err := g.pricing.Quote(ctx, &shoppb.QuoteRequest{Customer: basket.Customer, Items: toProto(basket.Items)})
	if err != nil {
		g.failed(ctx, w, "cannot price the basket", err)
		return
	}
	order := shop.NewOrder{Customer: basket.Customer, Items: basket.Items, TotalCents: quote.GetTotalCents()}
	answer, err := g.orders.place(ctx, order)
	if err != nil {
		g.failed(ctx, w, "cannot place the order", err)
		return
	}
	answer.forward(w)
	log.InfoContext(ctx, "checkout done", "customer", basket.Customer, "items", len(basket.Items),
		"total_cents", quote.GetTotalCents(), "status", answer.status)
	g.service.Kit.Detach(ctx, "update recommendations", func(ctx context.Context) error {
		return g.updateRecommendations(ctx, basket)
	})
}

func problemOf(basket shop.Checkout) string {
	if basket.Customer == "" {
		return "the customer is missing"
	}
	if len(basket.Items) == 0 {
		return "the basket is empty"
	}
	for _, item := range basket.Items {
		if item.SKU == "" || item.Quantity < 1 || item.Quantity > 1000 {
			return "an item is malformed"
		}
	}
	return ""
}

// updateRecommendations stands for work that is nobody's wait: it outlives the request in a trace of its own.
func (g *Gateway) updateRecommendations(ctx context.Context, basket shop.Checkout) error {
	select {
	case <-time.After(time.Duration(20+rand.IntN(41)) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	g.service.Log.InfoContext(ctx, "recommendations updated", "customer", basket.Customer, "items", len(basket.Items))
	return nil
}

func (g *Gateway) products(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	products, err := g.listStock(ctx)
	if err != nil {
		g.failed(ctx, w, "cannot list the products", err)
		return
	}
	service.Answer(w, http.StatusOK, map[string]any{"products": products})
	g.service.Log.InfoContext(ctx, "products listed", "count", len(products))
}

func (g *Gateway) listStock(ctx context.Context) ([]shop.Product, error) {
	stream, err := g.inventory.ListStock(ctx, &shoppb.ListStockRequest{})
	if err != nil {
		return nil, err
	}
	products := []shop.Product{}
	for {
		level, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return products, nil
		}
		if err != nil {
			return nil, err
		}
		products = append(products, shop.Product{SKU: level.GetSku(), Name: level.GetName(),
			PriceCents: level.GetPriceCents(), Available: level.GetAvailable()})
	}
}

func (g *Gateway) order(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), r.PathValue("id")
	answer, err := g.orders.find(ctx, id)
	if err != nil {
		g.failed(ctx, w, "cannot find the order", err)
		return
	}
	answer.forward(w)
	g.service.Log.InfoContext(ctx, "order looked up", "order_id", id, "status", answer.status)
}

func (g *Gateway) chaos(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		service.Refuse(w, http.StatusBadRequest, "the body cannot be read")
		return
	}
	change, err := faults.ParseChange(body)
	if err != nil {
		service.Refuse(w, http.StatusBadRequest, err.Error())
		g.service.Log.InfoContext(ctx, "fault refused", tllog.Error(err))
		return
	}
	if err := g.service.Bus.Publish(ctx, &nats.Msg{Subject: faults.Subject, Data: body}); err != nil {
		g.failed(ctx, w, "cannot spread the fault", err)
		return
	}
	service.Answer(w, http.StatusOK, change)
	g.service.Log.WarnContext(ctx, "fault requested", "fault", string(change.Fault), "on", change.On)
}

func (g *Gateway) failed(ctx context.Context, w http.ResponseWriter, what string, err error) {
	code := http.StatusBadGateway
	if status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) {
		code = http.StatusGatewayTimeout
	}
	service.Refuse(w, code, what)
	g.service.Log.ErrorContext(ctx, what, tllog.Error(err))
}

func toProto(items []shop.Item) []*shoppb.Item {
	out := make([]*shoppb.Item, len(items))
	for i, item := range items {
		out[i] = &shoppb.Item{Sku: item.SKU, Quantity: item.Quantity}
	}
	return out
}
