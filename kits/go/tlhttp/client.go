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
	"throughline.dev/kits/go/internal/memo"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/once"
)

// Transport traces and measures requests sent through base (nil: http.DefaultTransport) and passes the trace on in their
// headers. The span ends with the response body: at its end, at Close, or when the request's context ends. A call that has a CLIENT span
// for HTTP already, of another instrumentation outside, is measured and gets no second span.
func Transport(kit *throughline.Kit, base http.RoundTripper, opts ...Option) http.RoundTripper {
	if inner, ok := base.(*transport); ok {
		base = inner.base // once is enough
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{config: newConfig(opts), kit: kit, on: kit.Switch("http.client"), base: base, tracer: once.Client(kit.Tracer(names.ScopeHTTP), "http."),
		propagator: kit.Propagator(), duration: names.HTTPClientRequestDuration.Duration(kit.Meter(names.ScopeHTTP))}
}

type transport struct {
	config
	kit        *throughline.Kit
	on         *throughline.Switch
	base       http.RoundTripper
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
	measured   memo.Memo[called, []metric.RecordOption]
}

// called is what a request says of itself when it is over. failure is error.type; status 0 means that no response came.
type called struct {
	method, host, scheme, template, version, failure string
	status                                           int
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.on.On() || t.skip(r) {
		if ctx := r.Context(); trace.SpanContextFromContext(ctx).IsValid() || baggage.FromContext(ctx).Len() > 0 {
			r = t.withHeaders(r, ctx)
		}
		return t.base.RoundTrip(r)
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

// withHeaders copies the request, which a RoundTripper must not change, and injects the trace context.
func (t *transport) withHeaders(r *http.Request, ctx context.Context) *http.Request {
	r = r.Clone(ctx)
	t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return r
}

var asClient = trace.WithSpanKind(trace.SpanKindClient)

func (t *transport) start(r *http.Request) *clientCall {
	method, name := methodOf(r.Method)
	notes := notesOf(r.Context())
	if notes.template != "" {
		name += " " + notes.template
	}
	call := &clientCall{t: t, started: time.Now(), what: called{method: method, host: r.URL.Host, scheme: r.URL.Scheme, template: notes.template}}
	if t.kit.SamplesByAttributes() {
		attrs := appendCall(make([]attribute.KeyValue, 0, attributesMax), r, notes)
		call.ctx, call.span = t.tracer.Start(r.Context(), name, asClient, trace.WithAttributes(attrs...))
		return call
	}
	call.ctx, call.span = t.tracer.Start(r.Context(), name, asClient)
	if call.span.IsRecording() {
		attrs := spare.Get().(*[]attribute.KeyValue)
		*attrs = appendCall((*attrs)[:0], r, notes)
		call.span.SetAttributes(*attrs...) // which copies them
		clear(*attrs)
		spare.Put(attrs)
	}
	return call
}

func appendCall(attrs []attribute.KeyValue, r *http.Request, notes clientNotes) []attribute.KeyValue {
	attrs = append(appendMethod(attrs, r.Method), names.URLFull.String(redactedURL(r.URL)))
	attrs = appendHost(attrs, r.URL.Host, r.URL.Scheme)
	if notes.template != "" {
		attrs = append(attrs, names.URLTemplate.String(notes.template))
	}
	if notes.resend > 0 {
		attrs = append(attrs, names.HTTPResendCount.Int(notes.resend))
	}
	return attrs
}

// clientCall is one request on its way. end may be called from several goroutines; the first wins.
type clientCall struct {
	t       *transport
	ctx     context.Context
	span    trace.Span
	started time.Time
	what    called
	once    sync.Once
	stop    func() bool // unhooks the end from the context
}

// received notes the response head and hooks the end of the call to the end of the body.
func (c *clientCall) received(response *http.Response) {
	c.what.status = response.StatusCode
	c.what.version = protocolVersion(response.ProtoMajor, response.ProtoMinor)
	if c.span.IsRecording() {
		c.span.SetAttributes(names.HTTPStatusCode.Int(c.what.status), names.ProtocolVersion.String(c.what.version))
	}
	if response.Body == nil || response.Body == http.NoBody || response.StatusCode == http.StatusSwitchingProtocols {
		c.end("")
		return
	}
	c.stop = context.AfterFunc(c.ctx, func() { c.end(throughline.ErrorType(c.ctx.Err())) })
	response.Body = &tracedBody{ReadCloser: response.Body, call: c}
}

func (c *clientCall) end(failure string) {
	c.once.Do(func() {
		if failure == "" && c.what.status >= 400 {
			failure = strconv.Itoa(c.what.status)
		}
		if failure != "" {
			c.span.SetStatus(codes.Error, "")
			c.span.SetAttributes(names.ErrorType.String(failure))
		}
		c.what.failure = failure
		c.t.duration.Record(c.ctx, time.Since(c.started).Seconds(), c.t.measured.Get(c.what, measuredOf)...)
		c.span.End()
	})
}

func measuredOf(what called) []metric.RecordOption {
	attrs := appendHost([]attribute.KeyValue{names.HTTPMethod.String(what.method)}, what.host, what.scheme)
	if what.template != "" {
		attrs = append(attrs, names.URLTemplate.String(what.template))
	}
	if what.status != 0 {
		attrs = append(attrs, names.HTTPStatusCode.Int(what.status), names.ProtocolVersion.String(what.version))
	}
	if what.failure != "" {
		attrs = append(attrs, names.ErrorType.String(what.failure))
	}
	return []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
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
