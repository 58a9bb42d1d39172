package notifier_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"throughline.dev/examples/shop/internal/faults"
	"throughline.dev/examples/shop/internal/notifier"
	"throughline.dev/examples/shop/internal/service"
	"throughline.dev/examples/shop/internal/shop"
)

// notify processes one order with a mail API that fails the first so many times, and returns how often it was asked.
func notify(t *testing.T, switches *faults.Switches, failures int32) (asked int32, err error) {
	t.Helper()
	var count atomic.Int32
	mail := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if count.Add(1) <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer mail.Close()
	n := notifier.New(&service.Service{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Faults: switches}, mail.URL)
	data, _ := json.Marshal(shop.OrderCreated{OrderID: "o-1", Customer: "ada"})
	err = n.OrderCreated(t.Context(), &nats.Msg{Data: data})
	return count.Load(), err
}

func TestMailIsTriedThreeTimes(t *testing.T) {
	if asked, err := notify(t, faults.NewSwitches(), 2); asked != 3 || err != nil {
		t.Errorf("asked %d times: %v", asked, err)
	}
	if asked, err := notify(t, faults.NewSwitches(), 99); asked != 3 || err == nil {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestARetryStormTriesTenTimes(t *testing.T) {
	switches := faults.NewSwitches()
	switches.Apply(faults.Change{Fault: faults.RetryStorm, On: true})
	if asked, err := notify(t, switches, 99); asked != 10 || err == nil {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestWhatIsNotAnOrderIsAnError(t *testing.T) {
	n := notifier.New(&service.Service{Faults: faults.NewSwitches()}, "http://127.0.0.1:1")
	if err := n.OrderCreated(t.Context(), &nats.Msg{Data: []byte("what")}); err == nil {
		t.Error("no error")
	}
}
