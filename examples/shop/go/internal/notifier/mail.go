package notifier

import (
	"math/rand/v2"
	"net/http"
	"time"

	"throughline.dev/examples/shop/internal/faults"
)

// FakeMail plays somebody else's mail API: not instrumented, takes 5 to 25 ms, and fails 15 % of the time; always while the
// retry storm is on.
func FakeMail(switches *faults.Switches) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /mails", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(5+rand.IntN(21)) * time.Millisecond)
		if switches.On(faults.RetryStorm) || rand.IntN(100) < 15 {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}
