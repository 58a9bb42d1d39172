// Command serve is a small service on the Go kit, for the outage benchmark: a request is an HTTP span, a span within it, a log line, and
// some work. bench/kits/rust/examples/serve.rs is the same on the Rust kit. It prints `ready URL`; at its end, on SIGTERM, the books are in the file BOOKS names.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"
)

const (
	workBytes = 64 << 10 // hashed for each request
	noteBytes = 512      // of a text attribute
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	kit, err := throughline.Init(context.Background(), throughline.WithService("serve", ""))
	if err != nil {
		return err
	}
	ctx := kit.HandleSignals(context.Background())
	log := tllog.New(kit, tllog.WithWriter(io.Discard))
	work, note := make([]byte, workBytes), strings.Repeat("x", noteBytes)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		ctx, end := kit.Span(r.Context(), "find order", attribute.String("note", note))
		defer end(nil)
		hash := fnv.New64a()
		_, _ = hash.Write(work)
		log.InfoContext(ctx, "order found", "hash", hash.Sum64()>>1)
		fmt.Fprintf(w, "%x\n", hash.Sum64())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: tlhttp.Handler(kit, mux)}
	go func() { _ = server.Serve(listener) }()
	fmt.Printf("ready http://%s\n", listener.Addr())
	<-ctx.Done()
	_ = server.Shutdown(context.Background())
	_ = kit.Shutdown(ctx)
	stats := kit.Stats()
	books := map[string][4]uint64{} // created, exported, dropped, queued
	for signal, s := range map[string]throughline.SignalStats{"spans": stats.Spans, "logs": stats.Logs} {
		books[signal] = [4]uint64{s.Created, s.Exported, s.Dropped.Total(), s.Queued}
	}
	content, err := json.Marshal(books)
	if err != nil {
		return err
	}
	return os.WriteFile(os.Getenv("BOOKS"), content, 0o600)
}
