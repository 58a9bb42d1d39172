// Package notifier tells customers about their orders, through a mail API that often fails.
package notifier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
)

const (
	triesMax      = 3
	triesMaxStorm = 10
	retryPause    = 40 * time.Millisecond
)

// Notifier consumes orders.created.
type Notifier struct {
	service *service.Service
	client  *http.Client
	mailURL string
}

// New makes a notifier that posts mails to mailURL.
func New(s *service.Service, mailURL string) *Notifier {
	return &Notifier{service: s, mailURL: mailURL,
		client: &http.Client{Transport: tlhttp.Transport(s.Kit, nil), Timeout: 2 * time.Second}}
}

// OrderCreated processes one order: it sends a mail in a child task and waits for it.
func (n *Notifier) OrderCreated(ctx context.Context, msg *nats.Msg) error {
	var order shop.OrderCreated
	if err := json.Unmarshal(msg.Data, &order); err != nil {
		return fmt.Errorf("cannot read the message: %w", err)
	}
	log := n.service.Log.With("order_id", order.OrderID)
	if n.service.Faults.On(faults.Panic) && rand.IntN(10) == 0 {
		panic("the mail template is broken")
	}
	task := n.service.Kit.Go(ctx, "send mail", func(ctx context.Context) error { return n.sendMail(ctx, order) })
	if err := task.Wait(); err != nil {
		log.ErrorContext(ctx, "customer not notified", "customer", order.Customer, tllog.Error(err))
		return err
	}
	log.InfoContext(ctx, "customer notified", "customer", order.Customer)
	return nil
}

func (n *Notifier) sendMail(ctx context.Context, order shop.OrderCreated) error {
	body, err := json.Marshal(map[string]any{"to": order.Customer, "orderId": order.OrderID})
	if err != nil {
		return fmt.Errorf("cannot write the mail: %w", err)
	}
	tries := triesMax
	if n.service.Faults.On(faults.RetryStorm) {
		tries = triesMaxStorm
	}
	for try := range tries {
		if try > 0 {
			time.Sleep(retryPause)
		}
		if err = n.post(tlhttp.WithResendCount(ctx, try), body); err == nil {
			return nil
		}
		n.service.Log.WarnContext(ctx, "mail failed", "try", try+1, tllog.Error(err))
	}
	return fmt.Errorf("gave up after %d tries: %w", tries, err)
}

func (n *Notifier) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.mailURL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cannot ask the mail API: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := n.client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot ask the mail API: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return &mailError{response.StatusCode}
	}
	return nil
}

// mailError is an answer of the mail API other than 202.
type mailError struct{ status int }

func (e *mailError) Error() string { return fmt.Sprintf("the mail API answered %d", e.status) }

// ErrorType implements the kit's naming of errors.
func (e *mailError) ErrorType() string { return fmt.Sprint(e.status) }
