package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
)

// patience is how long a scenario waits for what must happen, on however busy a machine.
const patience = 20 * time.Second

func init() {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	served := func(method, path string, handler http.HandlerFunc, opts ...tlhttp.Option) func(*scene) {
		return func(s *scene) { request(s.ctx, server(s, handler, opts...), method, path) }
	}
	behaviours["http-server-200"] = served("GET", "/orders/17?card=4111", status(200))
	behaviours["http-server-404"] = served("GET", "/orders/17", status(404))
	behaviours["http-server-500"] = served("GET", "/orders/17", status(500))
	behaviours["http-server-panic"] = served("GET", "/orders/17", func(http.ResponseWriter, *http.Request) { panic("deliberate") })
	behaviours["http-server-unknown-method"] = served("BREW", "/orders/17", status(200))
	behaviours["http-server-no-route"] = served("GET", "/nowhere", status(200))
	behaviours["http-server-method-not-allowed"] = func(s *scene) {
		mux := http.NewServeMux()
		mux.Handle("POST /orders/{id}", status(200))
		mux.Handle("PUT /orders/{id}", status(200))
		request(s.ctx, listen(s, tlhttp.Handler(s.kit, mux).ServeHTTP), "DELETE", "/orders/17")
	}
	behaviours["http-server-public"] = served("GET", "/orders/17", status(200), tlhttp.WithPublicEndpoint())
	behaviours["http-server-left-before-response"] = func(s *scene) {
		ctx, leave := context.WithCancel(s.ctx)
		url := server(s, func(_ http.ResponseWriter, r *http.Request) {
			leave()
			<-r.Context().Done()
		})
		request(ctx, url, "GET", "/orders/17")
	}
	behaviours["http-server-left-in-body"] = served("GET", "/orders/17", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	behaviours["http-server-time-limit"] = served("GET", "/orders/17", http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}), 50*time.Millisecond, "").ServeHTTP)
	behaviours["http-server-twice"] = func(s *scene) {
		mux := http.NewServeMux()
		mux.Handle("/orders/{id}", status(200))
		inner := tlhttp.Handler(s.kit, mux)
		request(s.ctx, listen(s, tlhttp.Handler(s.kit, inner).ServeHTTP), "GET", "/orders/17")
	}
	behaviours["http-server-stream"] = served("GET", "/orders/17", chunks)
	behaviours["http-server-panic-in-body"] = served("GET", "/orders/17", func(w http.ResponseWriter, r *http.Request) {
		chunks(w, r)
		panic("deliberate")
	})
	behaviours["http-server-left-detached"] = func(s *scene) {
		ctx, leave := context.WithCancel(s.ctx)
		audited := make(chan *throughline.Task, 1)
		request(ctx, server(s, func(_ http.ResponseWriter, r *http.Request) {
			audited <- s.kit.Detach(r.Context(), "audit", func(ctx context.Context) error {
				<-r.Context().Done()
				return ctx.Err() // of the task, which goes on
			})
			leave()
			<-r.Context().Done()
		}), "GET", "/orders/17")
		_ = (<-audited).Wait()
	}
	behaviours["http-server-debug"] = func(s *scene) {
		requestWith(s.ctx, server(s, status(200)), "GET", "/orders/17", http.Header{
			"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, "Tracestate": {"tl=debug:incident-42"}})
	}
	behaviours["http-server-secret"] = served("GET", "/orders/4111111111111111?token=abc", status(200))
	behaviours["http-client-secret"] = func(s *scene) { call(s.ctx, s, listen(s, status(200))+"/orders/4111111111111111?token=abc") }
	behaviours["http-client-stream"] = func(s *scene) { call(s.ctx, s, listen(s, chunks)+"/orders/17") }
	behaviours["http-client-body-dropped"] = func(s *scene) {
		if response, err := do(s.ctx, s, listen(s, status(200))+"/orders/17"); err == nil {
			response.Body.Close()
		}
	}
	behaviours["http-client-canceled"] = func(s *scene) {
		ctx, cancel := context.WithCancel(s.ctx)
		call(ctx, s, listen(s, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})+"/orders/17")
	}
	behaviours["http-client-200"] = func(s *scene) {
		ctx := tlhttp.WithResendCount(tlhttp.WithURLTemplate(s.ctx, "/orders/{id}"), 2)
		call(ctx, s, listen(s, status(200))+"/orders/17?card=4111#me")
	}
	behaviours["http-client-404"] = func(s *scene) { call(s.ctx, s, listen(s, status(404))) }
	behaviours["http-client-refused"] = func(s *scene) { call(s.ctx, s, refusing()) }
	behaviours["http-client-unknown-host"] = func(s *scene) { call(s.ctx, s, "http://no-such-host.invalid:8080/") }
	behaviours["http-client-timeout"] = func(s *scene) {
		ctx, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
		defer cancel()
		call(ctx, s, listen(s, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	}
	behaviours["http-client-broken-body"] = func(s *scene) {
		call(s.ctx, s, listen(s, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			conn.Close()
		}))
	}
}

func listen(s *scene, handler http.HandlerFunc) string {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	s.cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

func server(s *scene, handler http.HandlerFunc, opts ...tlhttp.Option) string {
	mux := http.NewServeMux()
	mux.Handle("/orders/{id}", handler)
	return listen(s, tlhttp.Handler(s.kit, mux, opts...).ServeHTTP)
}

// request is made by a client without telemetry that reads at most 1 MiB and goes away with its context.
func request(ctx context.Context, url, method, path string) {
	requestWith(ctx, url, method, path, http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
}

func requestWith(ctx context.Context, url, method, path string, header http.Header) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url+path, nil)
	must(err)
	r.Header = header
	r.Header.Set("User-Agent", "edges")
	if response, err := http.DefaultClient.Do(r); err == nil {
		_, _ = io.CopyN(io.Discard, response.Body, 1<<20)
		response.Body.Close()
	}
}

// chunks writes three times.
func chunks(w http.ResponseWriter, _ *http.Request) {
	for range 3 {
		_, _ = w.Write([]byte("chunk"))
		_ = http.NewResponseController(w).Flush()
	}
}

func do(ctx context.Context, s *scene, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(err)
	return (&http.Client{Transport: tlhttp.Transport(s.kit, nil)}).Do(r)
}

func call(ctx context.Context, s *scene, url string) {
	if response, err := do(ctx, s, url); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func refusing() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer listener.Close()
	return "http://" + listener.Addr().String()
}
