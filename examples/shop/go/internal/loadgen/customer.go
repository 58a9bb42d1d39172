package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/shop"
)

const (
	ordersKept  = 200
	faultPeriod = 15 * time.Second
)

// customer does what customers do: 60 % buy, 25 % look around, 15 % ask for an order.
type customer struct {
	target string
	client *http.Client

	mu     sync.Mutex
	orders []string // ids of the latest orders, a ring
	next   int
}

func (c *customer) act(ctx context.Context) (status int, err error) {
	switch n := rand.IntN(100); {
	case n < 60:
		return c.buy(ctx)
	case n < 85:
		return c.ask(ctx, http.MethodGet, "/products", nil, nil)
	default:
		return c.ask(ctx, http.MethodGet, "/orders/"+c.someOrder(), nil, nil)
	}
}

// buy checks out one to three products; one basket in thirty is empty.
func (c *customer) buy(ctx context.Context) (status int, err error) {
	basket := shop.Checkout{Customer: customers[rand.IntN(len(customers))], Items: []shop.Item{}}
	if rand.IntN(30) > 0 {
		for _, n := range rand.Perm(12)[:1+rand.IntN(3)] {
			basket.Items = append(basket.Items, shop.Item{SKU: fmt.Sprintf("sku-%03d", n+1), Quantity: 1 + rand.Int32N(3)})
		}
	}
	var created struct {
		OrderID string `json:"orderId"`
	}
	status, err = c.ask(ctx, http.MethodPost, "/checkout", basket, &created)
	if err == nil && created.OrderID != "" {
		c.remember(created.OrderID)
	}
	return status, err
}

var customers = []string{"ada", "bela", "chidi", "dana", "emeka", "farah", "grete", "hiro"}

func (c *customer) remember(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.orders) < ordersKept {
		c.orders = append(c.orders, id)
		return
	}
	c.orders[c.next] = id
	c.next = (c.next + 1) % ordersKept
}

// someOrder is an id of the latest orders, one time in five an unknown one.
func (c *customer) someOrder() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.orders) == 0 || rand.IntN(5) == 0 {
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", rand.IntN(1_000_000))
	}
	return c.orders[rand.IntN(len(c.orders))]
}

// stirTrouble switches each fault on for a while, one after the other, and the last one off at the end.
func (c *customer) stirTrouble(ctx context.Context) {
	for {
		for _, fault := range faults.All() {
			c.switchFault(ctx, fault, true)
			select {
			case <-time.After(faultPeriod):
			case <-ctx.Done():
			}
			c.switchFault(context.WithoutCancel(ctx), fault, false)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func (c *customer) switchFault(ctx context.Context, fault faults.Fault, on bool) {
	// A gateway that does not answer is counted by the ordinary requests.
	_, _ = c.ask(ctx, http.MethodPost, "/chaos", faults.Change{Fault: fault, On: on}, nil)
}

func (c *customer) ask(ctx context.Context, method, path string, body, into any) (status int, err error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return 0, fmt.Errorf("cannot write the request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.target+path, &payload)
	if err != nil {
		return 0, fmt.Errorf("cannot make the request: %w", err)
	}
	request.Header.Set("User-Agent", "shop-loadgen/1.0")
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && into != nil && response.StatusCode < 300 {
		err = json.Unmarshal(content, into)
	}
	return response.StatusCode, err
}
