package tlgrpc_test

import (
	"context"
	"io"
	"maps"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlgrpc"
)

// probe is a health service whose answer is chosen by the name of the service asked for.
type probe struct {
	grpc_health_v1.UnimplementedHealthServer
	kit     *throughline.Kit
	tenant  atomic.Value
	headers atomic.Value
	caller  atomic.Value // the span id in the method's context
}

func (p *probe) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	p.tenant.Store(baggage.FromContext(ctx).Member("tenant").Value())
	md, _ := metadata.FromIncomingContext(ctx)
	p.headers.Store(md)
	p.caller.Store(trace.SpanContextFromContext(ctx).SpanID().String())
	switch r.Service {
	case "unknown":
		return nil, status.Error(grpccodes.NotFound, "no such service")
	case "broken":
		return nil, status.Error(grpccodes.Unavailable, "try later")
	case "panic":
		panic("ouch")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, end := p.kit.Span(ctx, "inside")
	end(nil)
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

// Watch sends three answers and then fails, so that the status is only in the trailers.
func (p *probe) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	p.caller.Store(trace.SpanContextFromContext(stream.Context()).SpanID().String())
	for range 3 {
		if err := stream.Send(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
	}
	switch r.Service {
	case "panic":
		panic("ouch")
	case "endless":
		<-stream.Context().Done()
		return stream.Context().Err()
	case "trailers":
		return status.Error(grpccodes.DataLoss, "the rest is gone")
	}
	return nil
}

func start(t *testing.T, h *kittest.Harness) (*probe, grpc_health_v1.HealthClient, *grpc.ClientConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(tlgrpc.ServerOptions(h.Kit)...)
	p := &probe{kit: h.Kit}
	grpc_health_v1.RegisterHealthServer(server, p)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(),
		append(tlgrpc.DialOptions(h.Kit), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return p, grpc_health_v1.NewHealthClient(conn), conn
}

func expect(t *testing.T, span tracetest.SpanStub, status codes.Code, description string, want map[string]any) {
	t.Helper()
	got := kittest.Attributes(span.Attributes)
	if port, ok := got["server.port"].(int64); !ok || port == 0 {
		t.Errorf("%s %s: server.port is %v", span.SpanKind, span.Name, got["server.port"])
	}
	delete(got, "server.port")
	want = maps.Clone(want)
	want["rpc.system.name"], want["server.address"] = "grpc", "127.0.0.1"
	if span.SpanKind == trace.SpanKindServer {
		want["client.address"] = "127.0.0.1"
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s %s:\ngot  %v\nwant %v", span.SpanKind, span.Name, got, want)
	}
	if span.Status.Code != status || span.Status.Description != description {
		t.Errorf("%s %s: status %+v", span.SpanKind, span.Name, span.Status)
	}
}

const check, watch = "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"

func TestACallIsOneTraceOnBothSides(t *testing.T) {
	h := kittest.New(t)
	p, client, _ := start(t, h)
	member, _ := baggage.NewMember("tenant", "acme")
	bag, _ := baggage.New(member)
	ctx := metadata.AppendToOutgoingContext(baggage.ContextWithBaggage(t.Context(), bag), "own", "header")
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if p.tenant.Load() != "acme" || p.headers.Load().(metadata.MD).Get("own")[0] != "header" {
		t.Error("baggage or the caller's metadata did not arrive")
	}
	spans := h.WaitSpans(3)
	if spans[1].Parent.SpanID() != spans[0].SpanContext.SpanID() || spans[2].Parent.SpanID() != spans[1].SpanContext.SpanID() {
		t.Error("the trace is broken")
	}
	want := map[string]any{"rpc.method": check, "rpc.response.status_code": "OK"}
	expect(t, spans[0], codes.Unset, "", want)
	expect(t, spans[1], codes.Unset, "", want)
	if spans[0].Name != check || spans[0].SpanKind != trace.SpanKindClient || spans[1].SpanKind != trace.SpanKindServer {
		t.Errorf("got %s %s, %s", spans[0].SpanKind, spans[0].Name, spans[1].SpanKind)
	}
	for _, side := range []string{"client", "server"} {
		point := h.Histogram("rpc." + side + ".call.duration")[0]
		attrs := kittest.Attributes(point.Attributes.ToSlice())
		if attrs["rpc.method"] != check || attrs["rpc.response.status_code"] != "OK" || len(attrs) != 5 || point.Bounds[0] != 0.005 {
			t.Errorf("%s: %v", side, attrs)
		}
	}
}

func TestStatusRules(t *testing.T) {
	h := kittest.New(t)
	_, client, _ := start(t, h)
	for _, c := range []struct {
		service, code, message string
		serverStatus           codes.Code
		serverMessage          string
		serverError            any
	}{
		{"unknown", "NOT_FOUND", "no such service", codes.Unset, "", nil},
		{"broken", "UNAVAILABLE", "try later", codes.Error, "try later", "UNAVAILABLE"},
		{"panic", "INTERNAL", "internal error", codes.Error, "", "panic"},
	} {
		before := len(h.Spans())
		if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: c.service}); err == nil {
			t.Fatal("no error")
		}
		spans := h.WaitSpans(before + 2)[before:]
		want := map[string]any{"rpc.method": check, "rpc.response.status_code": c.code, "error.type": c.code}
		expect(t, spans[0], codes.Error, c.message, want)
		delete(want, "error.type")
		if c.serverError != nil {
			want["error.type"] = c.serverError
		}
		expect(t, spans[1], c.serverStatus, c.serverMessage, want)
	}
	if logs := h.Logs(); len(logs) != 1 || logs[0].EventName() != "exception" {
		t.Errorf("the panic left %d log records", len(logs))
	}
}

func TestADeadlineEndsBothSpans(t *testing.T) {
	h := kittest.New(t)
	_, client, _ := start(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "slow"}); status.Code(err) != grpccodes.DeadlineExceeded {
		t.Fatal(err)
	}
	for _, span := range h.WaitSpans(2) {
		code := kittest.Attributes(span.Attributes)["rpc.response.status_code"]
		// The server may learn of the deadline itself or of the client's reset first.
		if code != "DEADLINE_EXCEEDED" && !(span.SpanKind == trace.SpanKindServer && code == "CANCELLED") {
			t.Errorf("%s: %v", span.SpanKind, code)
		}
	}
}

func TestStreamsEndWithTheirTrailers(t *testing.T) {
	h := kittest.New(t)
	_, client, _ := start(t, h)
	for service, code := range map[string]string{"trailers": "DATA_LOSS", "panic": "INTERNAL", "": "OK"} {
		before := len(h.Spans())
		stream, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = stream.Recv()
		}
		if (err == io.EOF) != (code == "OK") {
			t.Errorf("%q: %v", service, err)
		}
		spans := h.WaitSpans(before + 2)[before:]
		if spans[1].Parent.SpanID() != spans[0].SpanContext.SpanID() {
			t.Error("the trace is broken")
		}
		for _, span := range spans {
			attrs := kittest.Attributes(span.Attributes)
			if span.Name != watch || attrs["rpc.response.status_code"] != code || (span.Status.Code == codes.Error) != (code != "OK") {
				t.Errorf("%q %s: %v %v", service, span.SpanKind, span.Status, attrs)
			}
		}
	}
}

func TestAnAbandonedStreamEndsBothSpans(t *testing.T) {
	h := kittest.New(t)
	_, client, _ := start(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "endless"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, span := range h.WaitSpans(2) {
		if code := kittest.Attributes(span.Attributes)["rpc.response.status_code"]; code != "CANCELLED" {
			t.Errorf("%s: %v", span.SpanKind, code)
		}
	}
}

func TestUnknownMethodsEndAndDoNotMultiply(t *testing.T) {
	h := kittest.New(t)
	_, _, conn := start(t, h)
	err := conn.Invoke(t.Context(), "/no.such/Method", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckResponse{})
	if status.Code(err) != grpccodes.Unimplemented {
		t.Fatal(err)
	}
	server := h.WaitSpans(2)[1]
	expect(t, server, codes.Error, "", map[string]any{"rpc.method": "_OTHER",
		"rpc.method_original": "no.such/Method", "rpc.response.status_code": "UNIMPLEMENTED", "error.type": "UNIMPLEMENTED"})
	if server.Name != "_OTHER" {
		t.Errorf("the span is named %q", server.Name)
	}
}

func TestADisabledKitStillPassesTheTraceOn(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	h := kittest.New(t)
	p, client, _ := start(t, h)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := h.Kit.Propagator().Extract(t.Context(), mapCarrier{"traceparent": parent})
	if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := p.headers.Load().(metadata.MD).Get("traceparent"); len(got) != 1 || got[0] != parent {
		t.Errorf("passed on %v", got)
	}
	if got := p.caller.Load(); got != "b7ad6b7169203331" {
		t.Errorf("the method was called by %v", got)
	}
	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "panic"})
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != grpccodes.Internal {
		t.Errorf("a panic gave %v", err)
	}
	if got := p.caller.Swap(""); got != "b7ad6b7169203331" {
		t.Errorf("the stream was called by %v", got)
	}
}

type mapCarrier map[string]string

func (c mapCarrier) Get(key string) string { return c[key] }
func (c mapCarrier) Set(key, value string) { c[key] = value }
func (c mapCarrier) Keys() []string        { return nil }
