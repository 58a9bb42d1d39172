// Package service is what the shop's services have in common: telemetry, the message bus, the fault switches, and an
// orderly end. Run reads as a story: start in order, stop in reverse.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tllog"
	"throughline.dev/kits/go/tlnats"

	"throughline.dev/examples/shop/internal/faults"
)

const version = "1.0.0"

// Service is handed to a service's own code.
type Service struct {
	Kit    *throughline.Kit
	Log    *slog.Logger
	NATS   *nats.Conn
	Bus    *tlnats.Client
	Faults *faults.Switches
}

// Run starts a service, runs main until SIGTERM or SIGINT ends its context, and flushes. main returns when it has drained.
// The result is the process's exit code.
func Run(name string, main func(ctx context.Context, s *Service) error) int {
	kit, err := throughline.Init(context.Background(), throughline.WithService(name, version),
		throughline.WithEnvironment("demo"), throughline.WithMetricInterval(5*time.Second))
	log := tllog.New(kit, tllog.WithScope(name))
	if err != nil {
		log.Error("telemetry is off", tllog.Error(err))
	}
	ctx := kit.HandleSignals(context.Background())
	code := 0
	if err := run(ctx, &Service{Kit: kit, Log: log, Faults: faults.NewSwitches()}, main); err != nil {
		log.Error("the service failed", tllog.Error(err))
		code = 1
	}
	if err := kit.Shutdown(ctx); err != nil {
		log.Warn("telemetry was left behind", tllog.Error(err))
	}
	return code
}

func run(ctx context.Context, s *Service, main func(context.Context, *Service) error) error {
	url := Env("SHOP_NATS_URL", "nats://127.0.0.1:4222")
	err := s.Await(ctx, "nats", func(context.Context) (err error) {
		s.NATS, err = nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond))
		return err
	})
	if err != nil {
		return err
	}
	defer s.NATS.Close()
	s.Bus = tlnats.New(s.Kit, s.NATS)
	if _, err := s.Bus.Subscribe(faults.Subject, s.switchFault); err != nil {
		return fmt.Errorf("cannot listen to %s: %w", faults.Subject, err)
	}
	if err := main(ctx, s); err != nil {
		return err
	}
	s.drainBus()
	return nil
}

func (s *Service) switchFault(ctx context.Context, msg *nats.Msg) error {
	change, err := faults.ParseChange(msg.Data)
	if err != nil {
		return err
	}
	s.Faults.Apply(change)
	s.Log.InfoContext(ctx, "fault switched", "fault", string(change.Fault), "on", change.On)
	return nil
}

// drainBus lets messages that have arrived be processed and those sent go out, for up to 2 s.
func (s *Service) drainBus() {
	closed := make(chan struct{})
	s.NATS.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if s.NATS.Drain() != nil {
		return
	}
	select {
	case <-closed:
	case <-time.After(2 * time.Second):
	}
}

// Await tries until something the service needs is there, for up to 60 s.
func (s *Service) Await(ctx context.Context, what string, try func(context.Context) error) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not come up: %w", what, err)
		}
		s.Log.InfoContext(ctx, "waiting", "for", what, tllog.Error(err))
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopped while waiting for %s: %w", what, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Env reads a variable with a default.
func Env(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
