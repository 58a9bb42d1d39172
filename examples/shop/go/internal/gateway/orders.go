package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"throughline.dev/kits/go/tlhttp"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
)

// ordersClient speaks HTTP to the orders service.
type ordersClient struct {
	base   string
	client *http.Client
}

func newOrdersClient(s *service.Service, base string) *ordersClient {
	wire := headerDropper{next: http.DefaultTransport, faults: s.Faults}
	return &ordersClient{base: base, client: &http.Client{Transport: tlhttp.Transport(s.Kit, wire)}}
}

// answer is the response of orders, small enough to hold.
type answer struct {
	status int
	body   []byte
}

func (a answer) forward(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (c *ordersClient) place(ctx context.Context, order shop.NewOrder) (answer, error) {
	body, err := json.Marshal(order)
	if err != nil {
		return answer{}, fmt.Errorf("cannot write the order: %w", err)
	}
	return c.send(tlhttp.WithURLTemplate(ctx, "/orders"), http.MethodPost, "/orders", body)
}

func (c *ordersClient) find(ctx context.Context, id string) (answer, error) {
	return c.send(tlhttp.WithURLTemplate(ctx, "/orders/{id}"), http.MethodGet, "/orders/"+url.PathEscape(id), nil)
}

// send returns any answer below 500, and an error for the rest.
func (c *ordersClient) send(ctx context.Context, method, path string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("cannot ask orders: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("cannot ask orders: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, bodyBytesMax))
	if err != nil {
		return answer{}, fmt.Errorf("cannot read the answer of orders: %w", err)
	}
	if response.StatusCode >= 500 {
		return answer{}, fmt.Errorf("orders answered %d", response.StatusCode)
	}
	return answer{response.StatusCode, content}, nil
}

// headerDropper plays the proxy that loses trace headers, while the fault is on.
type headerDropper struct {
	next   http.RoundTripper
	faults *faults.Switches
}

func (d headerDropper) RoundTrip(r *http.Request) (*http.Response, error) {
	if d.faults.On(faults.DroppedHeader) {
		r = r.Clone(r.Context())
		for _, name := range []string{"traceparent", "tracestate", "baggage"} {
			r.Header.Del(name)
		}
	}
	return d.next.RoundTrip(r)
}
