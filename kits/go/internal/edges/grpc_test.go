package edges

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlgrpc"
)

// probe is a health service that does what the name of the service asked for says.
type probe struct {
	grpc_health_v1.UnimplementedHealthServer
}

func behave(ctx context.Context, name string) error {
	switch name {
	case "not found":
		return status.Error(codes.NotFound, "no such order: ü")
	case "internal":
		return status.Error(codes.Internal, "disk full")
	case "panic":
		panic("deliberate")
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (probe) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{}, behave(ctx, r.Service)
}

func (probe) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	for range 2 {
		if err := stream.Send(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
	}
	return behave(stream.Context(), r.Service)
}

func init() {
	unary := func(service string) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) {
			check(t.Context(), dial(t, rpcServer(t, h), tlgrpc.DialOptions(h.Kit)), service)
		}
	}
	stream := func(service string) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) {
			watch(t, dial(t, rpcServer(t, h), tlgrpc.DialOptions(h.Kit)), service, 9)
		}
	}
	producers["grpc-unary-ok"] = unary("")
	producers["grpc-unary-not-found"] = unary("not found")
	producers["grpc-unary-internal"] = unary("internal")
	producers["grpc-unary-panic"] = unary("panic")
	producers["grpc-stream-ok"] = stream("")
	producers["grpc-stream-fails-in-trailers"] = stream("internal")
	producers["grpc-stream-panic"] = stream("panic")
	producers["grpc-stream-abandoned"] = func(t *testing.T, h *kittest.Harness) {
		watch(t, dial(t, rpcServer(t, h), tlgrpc.DialOptions(h.Kit)), "wait", 1)
	}
	producers["grpc-server-unknown-method"] = func(t *testing.T, h *kittest.Harness) {
		conn := dial(t, rpcServer(t, h), nil)
		_ = conn.Invoke(t.Context(), "/no.such/Method", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckResponse{})
	}
	producers["grpc-client-refused"] = func(t *testing.T, h *kittest.Harness) {
		check(t.Context(), dial(t, refusing(t)[len("http://"):], tlgrpc.DialOptions(h.Kit)), "")
	}
	producers["grpc-client-deadline"] = func(t *testing.T, h *kittest.Harness) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		silent := kittest.New(t) // the server's span is not of interest: who ends first is chance
		check(ctx, dial(t, rpcServer(t, silent), tlgrpc.DialOptions(h.Kit)), "wait")
	}
}

func rpcServer(t *testing.T, h *kittest.Harness) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(tlgrpc.ServerOptions(h.Kit)...)
	grpc_health_v1.RegisterHealthServer(s, probe{})
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

func dial(t *testing.T, address string, opts []grpc.DialOption) *grpc.ClientConn {
	conn, err := grpc.NewClient(address, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func check(ctx context.Context, conn *grpc.ClientConn, service string) {
	_, _ = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
}

// watch reads at most so many answers and then goes away.
func watch(t *testing.T, conn *grpc.ClientConn, service string, answers int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	for ; err == nil && answers > 0; answers-- {
		_, err = stream.Recv()
	}
}
