package tlgrpc_test

import (
	"context"
	"net"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlgrpc"
)

// another stands for an instrumentation that is not the kit's, a stats handler as otelgrpc is: its options come first.
type another struct {
	tracer trace.Tracer
	kind   trace.SpanKind
}

func (a another) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	ctx, _ = a.tracer.Start(ctx, info.FullMethodName, trace.WithSpanKind(a.kind), trace.WithAttributes(attribute.String("rpc.system", "grpc")))
	return ctx
}

func (another) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, ended := event.(*stats.End); ended {
		trace.SpanFromContext(ctx).End()
	}
}

func (another) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (another) HandleConn(context.Context, stats.ConnStats) {}

// call makes one call between a server and a client with these options before, or after, the kit's.
func call(t *testing.T, h *kittest.Harness, server []grpc.ServerOption, client []grpc.DialOption) *probe {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{kit: h.Kit}
	s := grpc.NewServer(append(server, tlgrpc.ServerOptions(h.Kit)...)...)
	grpc_health_v1.RegisterHealthServer(s, p)
	go s.Serve(listener)
	defer s.GracefulStop() // the server measures after the client has its answer
	options := append(client, tlgrpc.DialOptions(h.Kit)...)
	conn, err := grpc.NewClient(listener.Addr().String(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestACallThatHasASpanGetsNoSecondOne(t *testing.T) {
	h := kittest.New(t)
	tracer := sdktrace.NewTracerProvider().Tracer("another library")
	call(t, h, []grpc.ServerOption{grpc.StatsHandler(another{tracer, trace.SpanKindServer})},
		[]grpc.DialOption{grpc.WithStatsHandler(another{tracer, trace.SpanKindClient})})
	h.AssertTree("inside\n")
	for _, side := range []string{"client", "server"} {
		if n := h.Histogram("rpc." + side + ".call.duration")[0].Count; n != 1 {
			t.Errorf("%d calls of the %s were measured", n, side)
		}
	}
}

func TestOptionsGivenTwiceAreOne(t *testing.T) {
	h := kittest.New(t)
	server := tlgrpc.ServerOptions(h.Kit)
	call(t, h, server[:len(server)-1], tlgrpc.DialOptions(h.Kit)) // two handlers for unknown methods are refused by grpc-go
	h.AssertTree("grpc.health.v1.Health/Check\n  grpc.health.v1.Health/Check\n    inside\n")
	for _, side := range []string{"client", "server"} {
		if n := h.Histogram("rpc." + side + ".call.duration")[0].Count; n != 1 {
			t.Errorf("%d calls of the %s were measured", n, side)
		}
	}
}
