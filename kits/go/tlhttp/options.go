package tlhttp

import (
	"context"
	"net/http"
)

// Option changes a Handler or a Transport.
type Option func(*config)

type config struct {
	public bool
	route  func(*http.Request) string
	skip   func(*http.Request) bool
}

func newConfig(opts []Option) config {
	c := config{route: patternRoute, skip: func(*http.Request) bool { return false }}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// WithPublicEndpoint makes a Handler distrust trace context from outside: each request starts a new trace, linked to the
// caller's, and the caller's baggage is dropped.
func WithPublicEndpoint() Option { return func(c *config) { c.public = true } }

// WithRoute tells a Handler the route template of a request it has served, for routers other than http.ServeMux and for
// middleware that copies the request before the mux sees it. An empty route leaves http.route out.
func WithRoute(route func(*http.Request) string) Option {
	return func(c *config) { c.route = route }
}

// WithSkip leaves requests out of all telemetry, such as health checks. Context still propagates.
func WithSkip(skip func(*http.Request) bool) Option { return func(c *config) { c.skip = skip } }

type clientKey struct{}

// clientNotes is what a caller tells the Transport through the request's context.
type clientNotes struct {
	template string
	resend   int
}

// WithURLTemplate names the client spans of requests made with the context: "GET /orders/{id}", url.template.
func WithURLTemplate(ctx context.Context, template string) context.Context {
	notes := notesOf(ctx)
	notes.template = template
	return context.WithValue(ctx, clientKey{}, notes)
}

// WithResendCount says that a request made with the context is the nth repetition: http.request.resend_count. 0 is the
// first try and sets nothing.
func WithResendCount(ctx context.Context, n int) context.Context {
	notes := notesOf(ctx)
	notes.resend = n
	return context.WithValue(ctx, clientKey{}, notes)
}

func notesOf(ctx context.Context) clientNotes {
	notes, _ := ctx.Value(clientKey{}).(clientNotes)
	return notes
}
