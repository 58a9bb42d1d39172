package throughline_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
	"throughline.dev/kits/go/tllog"
)

// platform is a fake that serves one control document and keeps requests waiting for the next.
type platform struct {
	*httptest.Server
	mu       sync.Mutex
	document string
	key      ed25519.PrivateKey
	down     bool
	changed  chan struct{}
	asked    []*http.Request
}

func newPlatform(t *testing.T, document string) *platform {
	t.Helper()
	p := &platform{document: document, changed: make(chan struct{})}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.say("") // lets go of what waits
		p.Close()
	})
	return p
}

func (p *platform) say(document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.document = document
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r)
	document, changed, down := p.document, p.changed, p.down
	p.mu.Unlock()
	etag := fmt.Sprintf("%q", document)
	if down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Header.Get("If-None-Match") == etag && r.Header.Get("Prefer") != "" {
		select {
		case <-changed:
			p.mu.Lock()
			document = p.document
			p.mu.Unlock()
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Second):
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("ETag", fmt.Sprintf("%q", document))
	if p.key != nil {
		message := "throughline-control-v1\n" + r.URL.Query().Get("service") + "\n" + r.URL.Query().Get("env") + "\n" + document
		w.Header().Set("Throughline-Signature", "ed25519="+base64.StdEncoding.EncodeToString(ed25519.Sign(p.key, []byte(message))))
	}
	_, _ = w.Write([]byte(document))
}

func (p *platform) last() *http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[len(p.asked)-1]
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1500 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not come about", what)
}

// revision is what the kit reports as its metric.
func revision(h *kittest.Harness) int64 {
	data, _ := h.Metric("kit.control.revision").(metricdata.Gauge[int64])
	if len(data.DataPoints) != 1 {
		return -1
	}
	return data.DataPoints[0].Value
}

func records(h *kittest.Harness) bool {
	_, span := h.Kit.Tracer("test").Start(context.Background(), "probe")
	defer span.End()
	return span.IsRecording()
}

func TestSamplingFollowsThePlatform(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"sampling":{"default":0}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL+"/"), throughline.WithEnvironment("staging"),
		throughline.WithSampling(throughline.Sampling{Probability: 1}))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 && !records(h) })
	first := p.asked[0]
	if q := first.URL.Query(); first.URL.Path != "/v1/kit/config" || q.Get("service") != "test" || q.Get("env") != "staging" ||
		q.Get("sdk") != "go/"+throughline.Version || len(q.Get("instance")) < 16 || first.Header.Get("X-Throughline-Revision") != "0" {
		t.Errorf("asked %s with %v", first.URL, first.Header)
	}
	eventually(t, "a request that waits", func() bool { return p.last().Header.Get("Prefer") == "wait=25" })
	if r := p.last().Header.Get("X-Throughline-Revision"); r != "7" {
		t.Errorf("revision %s is told", r)
	}
	changed := time.Now()
	p.say(`{"v":1,"revision":8,"sampling":{"default":1}}`)
	eventually(t, "revision 8", func() bool { return revision(h) == 8 && records(h) })
	if took := time.Since(changed); took > 2*time.Second {
		t.Errorf("the change took %s", took)
	}
	p.say(`{"v":1,"revision":9,"sampling":{"default":"none"}}`)
	eventually(t, "the refusal", func() bool { return h.Sum("kit.control.refused") == 1 })
	if revision(h) != 8 || !records(h) {
		t.Error("a refused document changed something")
	}
	p.say(`{"v":1,"revision":10}`)
	eventually(t, "the code's own sampling", func() bool { return revision(h) == 10 && records(h) })
}

func TestWhenThePlatformIsGoneTheLastDocumentLivesOutItsTime(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"ttl_s":2,"sampling":{"default":0}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	down := time.Now()
	if records(h) {
		t.Error("it was given up at once")
	}
	eventually(t, "the code's own settings", func() bool { return revision(h) == 0 && records(h) })
	if lived := time.Since(down); lived < 500*time.Millisecond {
		t.Errorf("it lived %s more", lived)
	}
	p.mu.Lock()
	p.down = false
	p.mu.Unlock()
	eventually(t, "revision 7 again", func() bool { return revision(h) == 7 && !records(h) })
}

func TestOnlySignedDocumentsCountWhereAKeyIsGiven(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlatform(t, `{"v":1,"revision":7,"enabled":false}`)
	t.Setenv("THROUGHLINE_CONTROL_ENDPOINT", p.URL)
	t.Setenv("THROUGHLINE_CONTROL_KEY", base64.StdEncoding.EncodeToString(public))
	h := kittest.New(t)
	eventually(t, "the refusal", func() bool { return h.Sum("kit.control.refused") == 1 })
	if !h.Kit.Enabled() {
		t.Error("an unsigned document was accepted")
	}
	p.mu.Lock()
	p.key = private
	p.mu.Unlock()
	p.say(`{"v":1,"revision":8,"enabled":false}`)
	eventually(t, "the signed document", func() bool { return !h.Kit.Enabled() })
}

func TestTheKillFileSwitchesOffAndOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kill")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := kittest.New(t, throughline.WithKillFile(file))
	if h.Kit.Enabled() || records(h) {
		t.Error("a kill file that is there from the start counts from the start")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "telemetry", func() bool { return h.Kit.Enabled() && records(h) })
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "silence", func() bool { return !h.Kit.Enabled() && !records(h) })
}

func TestThroughlineDisabledIsForGood(t *testing.T) {
	t.Setenv("THROUGHLINE_DISABLED", "1")
	h := kittest.New(t)
	if h.Kit.Enabled() || records(h) {
		t.Error("it records")
	}
}

// What is switched off is called directly: no span, no metric. The trace goes on through it.
func TestASwitchedOffEdgePassesTheTraceOn(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"instrumentations":{"http":false}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	var carried string
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { carried = r.Header.Get("traceparent") }))
	defer backend.Close()
	client := &http.Client{Transport: tlhttp.Transport(h.Kit, nil)}
	handler := tlhttp.Handler(h.Kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		request, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, backend.URL, nil)
		response, err := client.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
	}))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	request.Header.Set("traceparent", parent)
	handler.ServeHTTP(httptest.NewRecorder(), request)
	if carried != parent {
		t.Errorf("carried %q", carried)
	}
	if len(h.Spans()) != 0 || h.Metric("http.server.request.duration") != nil {
		t.Error("something was recorded")
	}
	p.say(`{"v":1,"revision":8,"instrumentations":{"http.client":false}}`)
	eventually(t, "revision 8", func() bool { return revision(h) == 8 })
	handler.ServeHTTP(httptest.NewRecorder(), request)
	if span := h.Span("GET"); span.SpanKind != trace.SpanKindServer || carried[36:52] != span.SpanContext.SpanID().String() {
		t.Errorf("%s, carried %q", span.SpanKind, carried)
	}
}

func TestSignalsAreSwitchedOneByOne(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"signals":{"traces":false,"logs":false}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	var lines strings.Builder
	log := tllog.New(h.Kit, tllog.WithWriter(&lines))
	handler := tlhttp.Handler(h.Kit, http.NotFoundHandler())
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	log.Info("hello")
	if len(h.Spans()) != 0 || len(h.Logs()) != 0 || h.Histogram("http.server.request.duration")[0].Count != 1 || !strings.Contains(lines.String(), "hello") {
		t.Errorf("%d spans, %d logs, lines %q", len(h.Spans()), len(h.Logs()), lines.String())
	}
}

func TestLogLevelsFollowThePlatform(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"logs":{"level":"error","overrides":{"orders.db":"debug"}}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	var lines strings.Builder
	plain := tllog.New(h.Kit, tllog.WithWriter(&lines))
	db := tllog.New(h.Kit, tllog.WithWriter(&lines), tllog.WithScope("orders.db.pool"), tllog.WithLevel(slog.LevelError))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	plain.Info("too quiet")
	db.Debug("loud enough")
	if got := lines.String(); strings.Contains(got, "too quiet") || !strings.Contains(got, "loud enough") {
		t.Errorf("lines %q", got)
	}
}

func TestLimitsFollowThePlatform(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"limits":{"attr_value_len":16,"attrs_per_span":2}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	_, end := h.Kit.Span(t.Context(), "work", attribute.String("text", "żółw 6789abcdefghij"), attribute.Int("n", 1), attribute.Int("m", 1))
	end(nil)
	span := h.Span("work")
	if len(span.Attributes) != 2 || span.DroppedAttributes != 1 || span.Attributes[0].Value.AsString() != "żółw 6789abcdefg" {
		t.Errorf("%v, %d dropped", span.Attributes, span.DroppedAttributes)
	}
}

// A platform that lowers what may wait takes effect while the receiver is away.
func TestQueueBytesFollowThePlatform(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"instrumentations":{"probe":false},"limits":{"queue_bytes":65536}}`)
	kit, err := throughline.Init(t.Context(), throughline.WithControlEndpoint(p.URL), throughline.WithEndpoint(blackhole(t)), quiet())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "revision 7", func() bool { return !kit.Switch("probe").On() })
	time.Sleep(100 * time.Millisecond) // limits are the last to follow
	for range 50 {
		_, end := kit.Span(t.Context(), "work", attribute.String("text", strings.Repeat("x", 4096)))
		end(nil)
	}
	// 4096 bytes of text, 32 + 4 of the attribute, 256 + 4 of the span: 14 of them fit.
	if s := kit.Stats().Spans; s.Queued != 14 || s.Dropped.ByteLimit != 36 {
		t.Errorf("the account is %+v", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = kit.Shutdown(ctx)
}

// Redaction that an incident asks for must not wait for a release, and a rule that cannot be used must not be lost silently.
func TestRedactionFollowsThePlatform(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7,"redact":{"keys":["colour"],"values":[{"re":"o-[0-9]+","with":"[order]"}]}}`)
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL))
	eventually(t, "revision 7", func() bool { return revision(h) == 7 })
	if got := h.Kit.RedactText("order o-17"); got != "order [order]" {
		t.Errorf("got %q", got)
	}
	if got := h.Kit.RedactAttributes([]attribute.KeyValue{attribute.String("colour", "red")})[0].Value.AsString(); got != "[redacted]" {
		t.Errorf("got %q", got)
	}
	p.say(`{"v":1,"revision":8,"redact":{"values":[{"re":"(o-"}]}}`)
	eventually(t, "the refusal", func() bool { return h.Sum("kit.control.refused") == 1 })
	p.say(`{"v":1,"revision":9}`)
	eventually(t, "revision 9", func() bool { return revision(h) == 9 })
	if got := h.Kit.RedactText("order o-17"); got != "order o-17" {
		t.Errorf("got %q", got)
	}
}

// Metrics must not depend on sampling: they say how many and how fast, whatever is recorded of each.
func TestWhatIsNotSampledIsMeasured(t *testing.T) {
	h := kittest.New(t, throughline.WithSampling(throughline.Sampling{}))
	handler := tlhttp.Handler(h.Kit, http.NotFoundHandler())
	for range 10 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	if n := h.Histogram("http.server.request.duration")[0].Count; n != 10 || len(h.Spans()) != 0 {
		t.Errorf("%d requests measured, %d spans", n, len(h.Spans()))
	}
}

// The route is what operators know, so rules about it must work although net/http finds it only after the span has begun.
func TestRulesKnowTheRouteOfTheMux(t *testing.T) {
	h := kittest.New(t, throughline.WithSampling(throughline.Sampling{Probability: 1, Rules: []throughline.SamplingRule{
		{Kind: trace.SpanKindServer, Name: "GET /healthz"}, {NamePrefix: "GET /internal/"}}}))
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /healthz", "GET /internal/{what}", "GET /orders/{id}"} {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	handler := tlhttp.Handler(h.Kit, mux)
	for _, path := range []string{"/healthz", "/internal/stats", "/orders/7"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if spans := h.Spans(); len(spans) != 1 || spans[0].Name != "GET /orders/{id}" || spans[0].SpanContext.TraceState().String() != "ot=th:0" {
		t.Errorf("%d spans", len(spans))
	}
}

func TestOtelSamplersTellTheirThreshold(t *testing.T) {
	for sampler, state := range map[string]string{"always_on": "ot=th:0", "traceidratio": "ot=th:8", "parentbased_traceidratio": "ot=th:8"} {
		t.Run(sampler, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
			h := kittest.New(t, throughline.WithSampling(throughline.Sampling{}))
			for range 64 {
				_, end := h.Kit.Span(t.Context(), "work")
				end(nil)
			}
			spans := h.Spans()
			if len(spans) == 0 || spans[0].SpanContext.TraceState().String() != state {
				t.Errorf("%d spans", len(spans))
			}
			headers := propagation.MapCarrier{}
			h.Kit.Propagator().Inject(trace.ContextWithSpanContext(t.Context(), spans[0].SpanContext), headers)
			if headers["tracestate"] != state {
				t.Errorf("sent %v", headers)
			}
		})
	}
}

func TestShutdownGivesUpARequestThatWaits(t *testing.T) {
	p := newPlatform(t, `{"v":1,"revision":7}`)
	before := runtime.NumGoroutine()
	h := kittest.New(t, throughline.WithControlEndpoint(p.URL), throughline.WithKillFile(filepath.Join(t.TempDir(), "kill")))
	eventually(t, "a request that waits", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.asked) == 2
	})
	began := time.Now()
	if err := h.Kit.Shutdown(context.Background()); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	eventually(t, "an end of all goroutines", func() bool { return runtime.NumGoroutine() <= before+2 }) // the fake's connection may linger
}
