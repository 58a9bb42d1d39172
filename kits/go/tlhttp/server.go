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
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/memo"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/once"
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
//
// A request that has a SERVER span already, of another instrumentation outside, is measured and gets no second span; inside another
// Handler of the kit it is passed on.
func Handler(kit *throughline.Kit, next http.Handler, opts ...Option) http.Handler {
	meter := kit.Meter(names.ScopeHTTP)
	mux, _ := next.(router)
	return &handler{kit: kit, next: next, mux: mux, on: kit.Switch("http.server"), config: newConfig(opts), tracer: once.Server(kit.Tracer(names.ScopeHTTP)),
		propagator: kit.Propagator(), duration: names.HTTPServerRequestDuration.Duration(meter),
		active: names.HTTPServerActiveRequests.UpDownCounter(meter)}
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
	counted    memo.Memo[request, []metric.AddOption]
	measured   memo.Memo[served, *account]
}

// request is what is known of a request when it comes, of few values.
type request struct{ method, scheme string }

// served is what is known when it has been served. failure is error.type; status 0 means that none was sent.
type served struct {
	request
	version, route, failure string
	status                  int
}

// account is what a served request says of itself: made once for all that are alike.
type account struct {
	spanName string // empty: the method's, as it was
	outcome  []attribute.KeyValue
	measured []metric.RecordOption
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	on := h.on.On()
	again := on && isRecorded(w)
	if !again && !h.public && carriesContext(r.Header) && !once.Served(ctx) {
		ctx = h.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	if again || !on || h.skip(r) {
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		h.next.ServeHTTP(w, r)
		return
	}
	started := time.Now()
	kind := request{scheme: "http"}
	if r.TLS != nil {
		kind.scheme = "https"
	}
	var spanName string
	kind.method, spanName = methodOf(r.Method)
	ctx, span := h.start(ctx, r, spanName, kind)
	active := h.counted.Get(kind, activeOptions)
	h.active.Add(ctx, 1, active...)

	recorder, wrapped := record(w)
	r = r.WithContext(ctx)
	defer func() {
		v := recover()
		panicked := v != nil && v != http.ErrAbortHandler
		if panicked {
			h.kit.Contain(ctx, v)
		} else if v != nil {
			recorder.broken = true
		}
		h.active.Add(ctx, -1, active...)
		h.finish(ctx, span, r, recorder, panicked, time.Since(started), kind)
		if v != nil {
			panic(v)
		}
	}()
	h.next.ServeHTTP(wrapped, r)
}

func activeOptions(r request) []metric.AddOption {
	set := attribute.NewSet(names.HTTPMethod.String(r.method), names.URLScheme.String(r.scheme))
	return []metric.AddOption{metric.WithAttributeSet(set)}
}

// carriesContext spares requests from outside the work of looking closely. net/http has brought the names into this form.
func carriesContext(header http.Header) bool {
	return header["Traceparent"] != nil || header["Baggage"] != nil || header["B3"] != nil || header["X-B3-Traceid"] != nil
}

var asServer = trace.WithSpanKind(trace.SpanKindServer)

// start starts the span, and gives it its attributes: at once where sampling needs them, else afterwards, if it is recorded.
func (h *handler) start(ctx context.Context, r *http.Request, name string, kind request) (context.Context, trace.Span) {
	opts := append(make([]trace.SpanStartOption, 0, startOptionsMax), asServer)
	if h.public {
		opts = append(opts, trace.WithNewRoot())
		remote := h.propagator.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		if caller := trace.SpanContextFromContext(remote); caller.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: caller}))
		}
	}
	route := h.routeToCome(r)
	if route != "" {
		name += " " + route
	}
	if !h.kit.SamplesByAttributes() {
		ctx, span := h.tracer.Start(ctx, name, opts...)
		if span.IsRecording() {
			attrs := spare.Get().(*[]attribute.KeyValue)
			*attrs = appendRequest((*attrs)[:0], r, kind, route)
			span.SetAttributes(*attrs...) // which copies them
			clear(*attrs)
			spare.Put(attrs)
		}
		return ctx, span
	}
	attrs := appendRequest(make([]attribute.KeyValue, 0, attributesMax), r, kind, route)
	return h.tracer.Start(ctx, name, append(opts, trace.WithAttributes(attrs...))...)
}

// How many attributes a span has when it starts, and how many options, at most; spares slices from growing.
const (
	attributesMax   = 10
	startOptionsMax = 4
)

// spare holds the slices attributes are gathered in on their way to a span.
var spare = sync.Pool{New: func() any { return new(make([]attribute.KeyValue, 0, attributesMax)) }}

func appendRequest(attrs []attribute.KeyValue, r *http.Request, kind request, route string) []attribute.KeyValue {
	attrs = append(appendMethod(attrs, r.Method),
		names.URLScheme.String(kind.scheme),
		names.URLPath.String(r.URL.Path),
		names.ProtocolVersion.String(protocolVersion(r.ProtoMajor, r.ProtoMinor)))
	attrs = appendHost(attrs, r.Host, kind.scheme)
	if client, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		attrs = append(attrs, names.ClientAddress.String(client))
	}
	if agent := r.UserAgent(); agent != "" {
		attrs = append(attrs, names.UserAgentOriginal.String(agent))
	}
	if route != "" {
		attrs = append(attrs, names.HTTPRoute.String(route))
	}
	return attrs
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
	took time.Duration, kind request,
) {
	what := served{request: kind, version: protocolVersion(r.ProtoMajor, r.ProtoMinor), route: h.route(r), status: w.status}
	if what.route == "" && w.status == http.StatusMethodNotAllowed {
		what.route = h.routeOfOtherMethod(r, w.Header().Get("Allow"))
	}
	switch {
	case panicked:
		what.failure = "panic"
	case w.broken:
		what.failure = "broken_response"
	case ctx.Err() != nil && w.status == 0:
		what.failure = "canceled"
	case w.status >= 500:
		what.failure = strconv.Itoa(w.status)
	case w.status == 0:
		what.status = http.StatusOK // what net/http sends for a silent handler
	}
	told := h.measured.Get(what, accountOf)
	if span.IsRecording() {
		if told.spanName != "" {
			span.SetName(told.spanName)
		}
		if what.failure != "" {
			span.SetStatus(codes.Error, "")
		}
		span.SetAttributes(told.outcome...)
	}
	h.duration.Record(ctx, took.Seconds(), told.measured...)
	span.End()
}

// routeOfOtherMethod asks the mux for the route whose method did not match; it said which methods would have.
func (h *handler) routeOfOtherMethod(r *http.Request, allowed string) string {
	method, _, _ := strings.Cut(allowed, ",")
	if h.mux == nil || method == "" {
		return ""
	}
	other := r.Clone(r.Context())
	other.Method = method
	_, pattern := h.mux.Handler(other)
	return pathOf(pattern)
}

func accountOf(what served) *account {
	a := &account{}
	if what.route != "" {
		_, spanName := methodOf(what.method)
		a.spanName = spanName + " " + what.route
		a.outcome = append(a.outcome, names.HTTPRoute.String(what.route))
	}
	if what.status != 0 {
		a.outcome = append(a.outcome, names.HTTPStatusCode.Int(what.status))
	}
	if what.failure != "" {
		a.outcome = append(a.outcome, names.ErrorType.String(what.failure))
	}
	set := attribute.NewSet(append([]attribute.KeyValue{names.HTTPMethod.String(what.method), names.URLScheme.String(what.scheme),
		names.ProtocolVersion.String(what.version)}, a.outcome...)...)
	a.measured = []metric.RecordOption{metric.WithAttributeSet(set)}
	return a
}
