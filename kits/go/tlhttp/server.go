// Package tlhttp instruments net/http servers and clients.
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /orders/{id}", getOrder)
//	server := &http.Server{Handler: tlhttp.Handler(kit, mux)}
//	client := &http.Client{Transport: tlhttp.Transport(kit, nil)}
package tlhttp

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// Middleware is [Handler] in the shape routers expect.
func Middleware(kit *throughline.Kit, opts ...Option) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return Handler(kit, next, opts...) }
}

// Handler traces and measures the requests next serves. The span is named after the pattern http.ServeMux matched and
// ends when next returns, which it should soon after its request context ends because the client has gone.
//
// A panic of next marks the span (error.type=panic), is reported with its stack as a log record, and goes on up: net/http
// then closes the connection, and outer middleware sees it as without the kit. http.ErrAbortHandler is not an error.
func Handler(kit *throughline.Kit, next http.Handler, opts ...Option) http.Handler {
	meter := kit.Meter(names.ScopeHTTP)
	// Errors are ignored: the names are valid constants, and the API returns working instruments regardless.
	duration, _ := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP server requests."), metric.WithExplicitBucketBoundaries(names.DurationBuckets()...))
	active, _ := meter.Int64UpDownCounter("http.server.active_requests", metric.WithUnit("{request}"),
		metric.WithDescription("Number of active HTTP server requests."))
	mux, _ := next.(router)
	return &handler{kit: kit, next: next, mux: mux, on: kit.Switch("http.server"), config: newConfig(opts), tracer: kit.Tracer(names.ScopeHTTP),
		propagator: kit.Propagator(), duration: duration, active: active}
}

type handler struct {
	config
	kit        *throughline.Kit
	next       http.Handler
	mux        router // next, when it can tell a route beforehand
	on         *throughline.Switch
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
	active     metric.Int64UpDownCounter
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if !h.public && carriesContext(r.Header) {
		ctx = h.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	if !h.on.On() || h.skip(r) {
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		h.next.ServeHTTP(w, r)
		return
	}
	started := time.Now()
	method, spanName := methodOf(r.Method)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	opts := h.startOptions(r, scheme)
	if route := h.routeToCome(r); route != "" {
		spanName += " " + route
		opts = append(opts, trace.WithAttributes(names.HTTPRoute.String(route)))
	}
	ctx, span := h.tracer.Start(ctx, spanName, opts...)
	activeAttrs := activeAttributes(method, scheme)
	h.active.Add(ctx, 1, activeAttrs)

	recorder, wrapped := record(w)
	r = r.WithContext(ctx)
	finish := func(panicked bool) {
		h.active.Add(ctx, -1, activeAttrs)
		h.finish(ctx, span, r, recorder, panicked, time.Since(started), scheme)
	}
	defer func() {
		v := recover()
		switch v {
		case nil:
			finish(false)
			return
		case http.ErrAbortHandler:
			recorder.broken = true
			finish(false)
		default:
			h.kit.Contain(ctx, v)
			finish(true)
		}
		panic(v)
	}()
	h.next.ServeHTTP(wrapped, r)
}

// activeAttributes are made once: there are not many.
func activeAttributes(method, scheme string) metric.MeasurementOption {
	key := [2]string{method, scheme}
	if known, ok := activeSets.Load(key); ok {
		return known.(metric.MeasurementOption)
	}
	made := metric.WithAttributeSet(attribute.NewSet(names.HTTPMethod.String(method), names.URLScheme.String(scheme)))
	activeSets.Store(key, made)
	return made
}

// activeSets is bounded by the methods there are (see methodOf) times two schemes.
var activeSets sync.Map

// How many attributes a span has at its start, and how many a measurement has, at most; spares slices from growing.
const (
	attributesMax = 10
	sharedMax     = 7
)

// carriesContext spares requests from outside the work of looking closely. net/http has brought the names into this form.
func carriesContext(header http.Header) bool {
	return header["Traceparent"] != nil || header["Baggage"] != nil || header["B3"] != nil || header["X-B3-Traceid"] != nil
}

func (h *handler) startOptions(r *http.Request, scheme string) []trace.SpanStartOption {
	attrs := append(appendMethod(make([]attribute.KeyValue, 0, attributesMax), r.Method),
		names.URLScheme.String(scheme),
		names.URLPath.String(r.URL.Path),
		names.ProtocolVersion.String(protocolVersion(r.ProtoMajor, r.ProtoMinor)))
	attrs = appendHost(attrs, r.Host, scheme)
	if client, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		attrs = append(attrs, names.ClientAddress.String(client))
	}
	if agent := r.UserAgent(); agent != "" {
		attrs = append(attrs, names.UserAgentOriginal.String(agent))
	}
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...)}
	if h.public {
		opts = append(opts, trace.WithNewRoot())
		remote := h.propagator.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		if caller := trace.SpanContextFromContext(remote); caller.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
		}
	}
	return opts
}

// router is what http.ServeMux can do beside serving.
type router interface {
	Handler(*http.Request) (http.Handler, string)
}

// routeToCome asks the mux for the route it is going to take, where sampling depends on span names: matching twice has its price.
func (h *handler) routeToCome(r *http.Request) string {
	if h.mux == nil || !h.kit.SamplesByName() {
		return ""
	}
	_, pattern := h.mux.Handler(r)
	return pathOf(pattern)
}

// finish ends the span and records the duration. Only the server's own failures are errors: 5xx, a panic, or a response
// the client did not get ("canceled" when the client left before the response began, "broken_response" later).
func (h *handler) finish(ctx context.Context, span trace.Span, r *http.Request, w *responseRecorder, panicked bool,
	took time.Duration, scheme string,
) {
	method, spanName := methodOf(r.Method)
	shared := append(make([]attribute.KeyValue, 0, sharedMax), names.HTTPMethod.String(method), names.URLScheme.String(scheme),
		names.ProtocolVersion.String(protocolVersion(r.ProtoMajor, r.ProtoMinor)))
	outcome := shared[len(shared):] // what follows is told by the span too, which has the rest since its start
	if route := h.route(r); route != "" {
		span.SetName(spanName + " " + route)
		outcome = append(outcome, names.HTTPRoute.String(route))
	}
	failure := ""
	switch {
	case panicked:
		failure = "panic"
	case w.broken:
		failure = "broken_response"
	case ctx.Err() != nil && w.status == 0:
		failure = "canceled"
	case w.status >= 500:
		failure = strconv.Itoa(w.status)
	}
	switch {
	case w.status != 0:
		outcome = append(outcome, names.HTTPStatusCode.Int(w.status))
	case failure == "":
		outcome = append(outcome, names.HTTPStatusCode.Int(http.StatusOK)) // what net/http sends for a silent handler
	}
	if failure != "" {
		span.SetStatus(codes.Error, "")
		outcome = append(outcome, names.ErrorType.String(failure))
	}
	span.SetAttributes(outcome...)
	h.duration.Record(ctx, took.Seconds(), metric.WithAttributeSet(attribute.NewSet(append(shared, outcome...)...)))
	span.End()
}
