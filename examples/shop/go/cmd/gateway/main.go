// Command gateway is the shop's public HTTP API.
package main

import (
	"context"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"throughline.dev/kits/go/tlgrpc"

	"throughline.dev/examples/shop/internal/gateway"
	"throughline.dev/examples/shop/internal/service"
)

func main() { os.Exit(service.Run("gateway", run)) }

func run(ctx context.Context, s *service.Service) error {
	pricing, err := dial(s, service.Env("PRICING_ADDR", "127.0.0.1:9093"))
	if err != nil {
		return err
	}
	defer pricing.Close()
	inventory, err := dial(s, service.Env("INVENTORY_ADDR", "127.0.0.1:9092"))
	if err != nil {
		return err
	}
	defer inventory.Close()
	g := gateway.New(s, pricing, inventory, service.Env("ORDERS_URL", "http://127.0.0.1:8081"))
	return s.ServeHTTP(ctx, service.Env("GATEWAY_ADDR", "127.0.0.1:8080"), g.Handler())
}

func dial(s *service.Service, address string) (*grpc.ClientConn, error) {
	options := append(tlgrpc.DialOptions(s.Kit), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot dial %s: %w", address, err)
	}
	return conn, nil
}
