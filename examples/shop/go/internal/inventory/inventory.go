// Package inventory serves the stock over gRPC and refills it from NATS.
package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"throughline.dev/kits/go/tllog"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
	"throughline.dev/examples/shop/internal/shoppb"
)

// The slow query fault takes 40 % of the database's one connection: enough to be seen, not enough to bring the shop down.
const (
	slowQuery       = 400 * time.Millisecond
	slowQueryPeriod = time.Second
)

// Inventory implements shop.v1.Inventory.
type Inventory struct {
	shoppb.UnimplementedInventoryServer
	service  *service.Service
	store    *Store
	lastSlow atomic.Int64 // Unix nanoseconds
}

// New makes the service on a store.
func New(s *service.Service, store *Store) *Inventory { return &Inventory{service: s, store: store} }

// Reserve implements shop.v1.Inventory.Reserve and tells the worker.
func (i *Inventory) Reserve(ctx context.Context, r *shoppb.ReserveRequest) (*shoppb.ReserveResponse, error) {
	log := i.service.Log.With("order_id", r.GetOrderId())
	if i.slowNow() {
		if err := i.store.SlowDown(ctx, slowQuery); err != nil {
			return nil, i.failed(ctx, "cannot reserve", err)
		}
	}
	items := make([]shop.Item, len(r.GetItems()))
	for n, item := range r.GetItems() {
		items[n] = shop.Item{SKU: item.GetSku(), Quantity: item.GetQuantity()}
	}
	reason, err := i.store.Reserve(ctx, items)
	if err != nil {
		return nil, i.failed(ctx, "cannot reserve", err)
	}
	if reason != "" {
		log.WarnContext(ctx, "not reserved", "reason", reason)
		return &shoppb.ReserveResponse{Reason: reason}, nil
	}
	if err := i.announce(ctx, shop.Reserved{OrderID: r.GetOrderId(), Items: items}); err != nil {
		log.ErrorContext(ctx, "cannot announce the reservation", tllog.Error(err)) // the goods are taken nevertheless
	}
	log.InfoContext(ctx, "reserved", "items", len(items))
	return &shoppb.ReserveResponse{Reserved: true}, nil
}

// slowNow tells whether this reservation is to be a slow one.
func (i *Inventory) slowNow() bool {
	now, last := time.Now().UnixNano(), i.lastSlow.Load()
	return i.service.Faults.On(faults.SlowQuery) && now-last >= int64(slowQueryPeriod) && i.lastSlow.CompareAndSwap(last, now)
}

func (i *Inventory) announce(ctx context.Context, reserved shop.Reserved) error {
	data, err := json.Marshal(reserved)
	if err != nil {
		return fmt.Errorf("cannot write the message: %w", err)
	}
	msg := &nats.Msg{Subject: shop.SubjectReserved, Data: data, Header: nats.Header{}}
	msg.Header.Set(nats.MsgIdHdr, reserved.OrderID)
	return i.service.Bus.Publish(ctx, msg)
}

// ListStock implements shop.v1.Inventory.ListStock.
func (i *Inventory) ListStock(_ *shoppb.ListStockRequest, stream grpc.ServerStreamingServer[shoppb.StockLevel]) error {
	ctx := stream.Context()
	list := i.store.List
	if i.service.Faults.On(faults.NPlusOne) {
		list = i.store.ListOneByOne
	}
	products, err := list(ctx)
	if err != nil {
		return i.failed(ctx, "cannot list the stock", err)
	}
	for _, p := range products {
		level := &shoppb.StockLevel{Sku: p.SKU, Name: p.Name, PriceCents: p.PriceCents, Available: p.Available}
		if err := stream.Send(level); err != nil {
			return err
		}
	}
	i.service.Log.InfoContext(ctx, "stock listed", "count", len(products))
	return nil
}

// Restock processes inventory.restock.
func (i *Inventory) Restock(ctx context.Context, msg *nats.Msg) error {
	var restock shop.Restock
	if err := json.Unmarshal(msg.Data, &restock); err != nil {
		return fmt.Errorf("cannot read the message: %w", err)
	}
	if len(restock.Items) == 0 {
		return nil
	}
	if err := i.store.Restock(ctx, restock.Items); err != nil {
		i.service.Log.ErrorContext(ctx, "cannot restock", tllog.Error(err))
		return err
	}
	i.service.Log.InfoContext(ctx, "restocked", "items", len(restock.Items))
	return nil
}

// failed logs the cause and gives callers what they may know.
func (i *Inventory) failed(ctx context.Context, what string, err error) error {
	i.service.Log.ErrorContext(ctx, what, tllog.Error(err))
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	return status.Error(codes.Internal, what)
}
