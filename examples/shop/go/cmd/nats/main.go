// Command nats runs the official NATS server in this process, so that the shop needs nothing installed.
package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"throughline.dev/examples/shop/internal/service"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(log); err != nil {
		log.Error("nats failed", "error", err.Error())
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	host, portText, err := net.SplitHostPort(service.Env("NATS_ADDR", "127.0.0.1:4222"))
	if err != nil {
		return fmt.Errorf("NATS_ADDR: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("NATS_ADDR: %w", err)
	}
	nats, err := server.NewServer(&server.Options{Host: host, Port: port, ServerName: "shop", NoSigs: true, NoLog: true})
	if err != nil {
		return fmt.Errorf("cannot make the server: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	nats.Start()
	if !nats.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("%s:%d cannot be listened on", host, port)
	}
	log.Info("listening", "address", nats.Addr().String())
	<-stop
	nats.Shutdown()
	nats.WaitForShutdown()
	return nil
}
