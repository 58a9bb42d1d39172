// Command inventory serves the shop's stock over gRPC.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"throughline.dev/kits/go/tlgrpc"
	"throughline.dev/kits/go/tlnats"

	"throughline.dev/examples/shop/internal/inventory"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
	"throughline.dev/examples/shop/internal/shoppb"
)

func main() { os.Exit(service.Run("inventory", run)) }

func run(ctx context.Context, s *service.Service) error {
	connections, err := strconv.ParseInt(service.Env("SHOP_DATABASE_POOL", "1"), 10, 32)
	if err != nil {
		return fmt.Errorf("SHOP_DATABASE_POOL: %w", err)
	}
	url := service.Env("INVENTORY_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/inventory?sslmode=disable")
	store, err := inventory.OpenStore(ctx, s.Kit, url, int32(connections))
	if err != nil {
		return err
	}
	defer store.Close()
	if err := s.Await(ctx, "the database", store.Ready); err != nil {
		return err
	}
	if err := store.Seed(ctx); err != nil {
		return err
	}
	inv := inventory.New(s, store)
	if _, err := s.Bus.Subscribe(shop.SubjectRestock, inv.Restock, tlnats.AsChild(), tlnats.WithQueue("inventory")); err != nil {
		return fmt.Errorf("cannot listen to %s: %w", shop.SubjectRestock, err)
	}
	return serve(ctx, s, inv)
}

// serve answers calls until ctx ends, then lets those in flight finish for up to 3 s.
func serve(ctx context.Context, s *service.Service, inv *inventory.Inventory) error {
	listener, err := net.Listen("tcp", service.Env("INVENTORY_ADDR", "127.0.0.1:9092"))
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	server := grpc.NewServer(tlgrpc.ServerOptions(s.Kit)...)
	shoppb.RegisterInventoryServer(server, inv)
	context.AfterFunc(ctx, func() {
		force := time.AfterFunc(3*time.Second, server.Stop)
		defer force.Stop()
		server.GracefulStop()
	})
	s.Log.InfoContext(ctx, "listening", "address", listener.Addr().String())
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	return nil
}
