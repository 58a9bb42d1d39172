package throughline_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"
)

// A service from start to orderly end.
func ExampleInit() {
	kit, err := throughline.Init(context.Background(), throughline.WithService("orders", "1.4.2"))
	if err != nil {
		log.Print("telemetry is off: ", err) // the kit works, and records nothing
	}
	defer kit.Shutdown(context.Background())
	ctx := kit.HandleSignals(context.Background())
	logger := tllog.New(kit)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "order created")
		w.WriteHeader(http.StatusCreated)
	})
	server := &http.Server{Addr: "127.0.0.1:8081", Handler: tlhttp.Handler(kit, mux)}
	go server.ListenAndServe()
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = server.Shutdown(drain)
}

func ExampleKit_Span() {
	var kit *throughline.Kit // of Init
	charge := func(ctx context.Context) (err error) {
		ctx, end := kit.Span(ctx, "charge card")
		defer end(&err)
		return ctx.Err()
	}
	fmt.Println(charge(context.Background()))
	// Output: <nil>
}

func ExampleKit_Detach() {
	var kit *throughline.Kit // of Init
	requestCtx, done := context.WithCancel(context.Background())
	task := kit.Detach(requestCtx, "reindex", func(ctx context.Context) error {
		return ctx.Err() // still alive when the request is over
	})
	done()
	fmt.Println(task.Wait())
	// Output: <nil>
}
