package tlhttp

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// Transport traces and measures requests sent through base (nil: http.DefaultTransport) and passes the trace on in their
// headers. The span ends with the response body: at its end, at Close, or when the request's context ends.
func Transport(kit *throughline.Kit, base http.RoundTripper, opts ...Option) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	// The error is ignored: the name is a valid constant, and the API returns a working instrument regardless.
	duration, _ := kit.Meter(names.ScopeHTTP).Float64Histogram("http.client.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of HTTP client requests."), metric.WithExplicitBucketBoundaries(names.DurationBuckets()...))
	return &transport{config: newConfig(opts), on: kit.Switch("http.client"), base: base, tracer: kit.Tracer(names.ScopeHTTP),
		propagator: kit.Propagator(), duration: duration}
}

type transport struct {
	config
	on         *throughline.Switch
	base       http.RoundTripper
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.on.On() || t.skip(r) {
		return t.base.RoundTrip(t.withHeaders(r, r.Context()))
	}
	call := t.start(r)
	response, err := t.base.RoundTrip(t.withHeaders(r, call.ctx))
	if err != nil {
		call.end(throughline.ErrorType(err))
		return response, err
	}
	call.received(response)
	return response, nil
}

// withHeaders copies the request, which a RoundTripper must not change, and injects the trace context. Where there is nothing to
// inject the request goes on as it is.
func (t *transport) withHeaders(r *http.Request, ctx context.Context) *http.Request {
	if ctx == r.Context() && !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
		return r
	}
	r = r.Clone(ctx)
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return r
}

func (t *transport) start(r *http.Request) *clientCall {
	method, name := methodOf(r.Method)
	notes := notesOf(r.Context())
	shared := appendHost(append(make([]attribute.KeyValue, 0, sharedMax), names.HTTPMethod.String(method)), r.URL.Host, r.URL.Scheme)
	attrs := append(appendMethod(make([]attribute.KeyValue, 0, attributesMax), r.Method), names.URLFull.String(redactedURL(r.URL)))
	attrs = append(attrs, shared[1:]...)
	if notes.template != "" {
		name += " " + notes.template
		attrs = append(attrs, names.URLTemplate.String(notes.template))
		shared = append(shared, names.URLTemplate.String(notes.template))
	}
	if notes.resend > 0 {
		attrs = append(attrs, names.HTTPResendCount.Int(notes.resend))
	}
	call := &clientCall{started: time.Now(), shared: shared, duration: t.duration}
	call.ctx, call.span = t.tracer.Start(r.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return call
}

// clientCall is one request on its way. end may be called from several goroutines; the first wins.
type clientCall struct {
	ctx      context.Context
	span     trace.Span
	started  time.Time
	shared   []attribute.KeyValue
	duration metric.Float64Histogram
	once     sync.Once
	stop     func() bool // unhooks the end from the context
	status   int
}

// received notes the response head and hooks the end of the call to the end of the body.
func (c *clientCall) received(response *http.Response) {
	c.status = response.StatusCode
	attrs := []attribute.KeyValue{
		names.HTTPStatusCode.Int(response.StatusCode),
		names.ProtocolVersion.String(protocolVersion(response.ProtoMajor, response.ProtoMinor)),
	}
	c.span.SetAttributes(attrs...)
	c.shared = append(c.shared, attrs...)
	if response.Body == nil || response.Body == http.NoBody || response.StatusCode == http.StatusSwitchingProtocols {
		c.end("")
		return
	}
	c.stop = context.AfterFunc(c.ctx, func() { c.end(throughline.ErrorType(c.ctx.Err())) })
	response.Body = &tracedBody{ReadCloser: response.Body, call: c}
}

func (c *clientCall) end(failure string) {
	c.once.Do(func() {
		if failure == "" && c.status >= 400 {
			failure = strconv.Itoa(c.status)
		}
		if failure != "" {
			c.span.SetStatus(codes.Error, "")
			c.span.SetAttributes(names.ErrorType.String(failure))
			c.shared = append(c.shared, names.ErrorType.String(failure))
		}
		c.duration.Record(c.ctx, time.Since(c.started).Seconds(), metric.WithAttributes(c.shared...))
		c.span.End()
	})
}

// tracedBody ends the call with the body.
type tracedBody struct {
	io.ReadCloser
	call *clientCall
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.finish("")
	} else if err != nil {
		b.finish(b.failureOf(err))
	}
	return n, err
}

// failureOf names what cut the body short: the caller's own context, or the other side.
func (b *tracedBody) failureOf(err error) string {
	if b.call.ctx.Err() != nil {
		return throughline.ErrorType(err)
	}
	return "broken_response"
}

func (b *tracedBody) Close() error {
	b.finish("")
	return b.ReadCloser.Close()
}

func (b *tracedBody) finish(failure string) {
	b.call.stop()
	b.call.end(failure)
}
