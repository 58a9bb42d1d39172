// Command notifier mails customers about their orders.
package main

import (
	"context"
	"fmt"
	"os"

	"throughline.dev/kits/go/tlnats"

	"throughline.dev/examples/shop/internal/notifier"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
)

func main() { os.Exit(service.Run("notifier", run)) }

func run(ctx context.Context, s *service.Service) error {
	mail := service.Env("NOTIFIER_MAIL_ADDR", "127.0.0.1:8084")
	n := notifier.New(s, "http://"+mail+"/mails")
	if _, err := s.Bus.Subscribe(shop.SubjectOrderCreated, n.OrderCreated, tlnats.AsChild(), tlnats.WithQueue("notifier")); err != nil {
		return fmt.Errorf("cannot listen to %s: %w", shop.SubjectOrderCreated, err)
	}
	return s.ServeHTTP(ctx, mail, notifier.FakeMail(s.Faults))
}
