package main

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlgrpc"
)

// health is a health service that does what the name of the service asked for says.
type health struct {
	grpc_health_v1.UnimplementedHealthServer
	called func(context.Context) // nil, or told of each Check
}

func behave(ctx context.Context, name string) error {
	switch name {
	case "not found":
		return status.Error(codes.NotFound, "no such order: ü")
	case "internal":
		return status.Error(codes.Internal, "disk full")
	case "panic":
		panic("deliberate")
	case "secret":
		return status.Error(codes.Internal, "no login with password=hunter2")
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (h health) Check(ctx context.Context, r *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	if h.called != nil {
		h.called(ctx)
	}
	return &grpc_health_v1.HealthCheckResponse{}, behave(ctx, r.Service)
}

// answerAll answers each request until the last, which says how to end.
func answerAll(_ any, stream grpc.ServerStream) error {
	for {
		var r grpc_health_v1.HealthCheckRequest
		if err := stream.RecvMsg(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := behave(stream.Context(), r.Service); err != nil {
			return err
		}
		if err := stream.SendMsg(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
	}
}

// talk sends two requests, each after the answer to the one before, and ends.
func talk(s *scene, last string) {
	conn := dial(s, rpcServer(s, s.kit), tlgrpc.DialOptions(s.kit))
	stream, err := conn.NewStream(s.ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/grpc.health.v1.Health/Talk")
	must(err)
	for _, service := range []string{"", last} {
		must(stream.SendMsg(&grpc_health_v1.HealthCheckRequest{Service: service}))
		if stream.RecvMsg(&grpc_health_v1.HealthCheckResponse{}) != nil {
			return
		}
	}
	must(stream.CloseSend())
	_ = stream.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
}

func (health) Watch(r *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	for range 2 {
		if err := stream.Send(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
	}
	return behave(stream.Context(), r.Service)
}

func init() {
	unary := func(service string) func(*scene) {
		return func(s *scene) {
			check(s.ctx, dial(s, rpcServer(s, s.kit), tlgrpc.DialOptions(s.kit)), service)
		}
	}
	stream := func(service string) func(*scene) {
		return func(s *scene) {
			watch(s.ctx, dial(s, rpcServer(s, s.kit), tlgrpc.DialOptions(s.kit)), service, 9)
		}
	}
	behaviours["grpc-unary-ok"] = unary("")
	behaviours["grpc-unary-not-found"] = unary("not found")
	behaviours["grpc-unary-internal"] = unary("internal")
	behaviours["grpc-unary-panic"] = unary("panic")
	behaviours["grpc-stream-ok"] = stream("")
	behaviours["grpc-stream-fails-in-trailers"] = stream("internal")
	behaviours["grpc-stream-panic"] = stream("panic")
	behaviours["grpc-stream-abandoned"] = func(s *scene) {
		watch(s.ctx, dial(s, rpcServer(s, s.kit), tlgrpc.DialOptions(s.kit)), "wait", 1)
	}
	behaviours["grpc-server-unknown-method"] = func(s *scene) {
		conn := dial(s, rpcServer(s, s.kit), nil)
		_ = conn.Invoke(s.ctx, "/no.such/Method", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckResponse{})
	}
	behaviours["grpc-client-canceled"] = func(s *scene) {
		called, leave := context.WithCancel(s.ctx)
		check(called, dial(s, rpcServer(s, nil, func(context.Context) { leave() }), tlgrpc.DialOptions(s.kit)), "wait")
	}
	behaviours["grpc-server-left"] = func(s *scene) {
		called, leave := context.WithCancel(s.ctx)
		check(called, dial(s, rpcServer(s, s.kit, func(context.Context) { leave() }), nil), "wait")
	}
	behaviours["grpc-talk-ok"] = func(s *scene) { talk(s, "") }
	behaviours["grpc-talk-not-found"] = func(s *scene) { talk(s, "not found") }
	behaviours["grpc-secret"] = unary("secret")
	behaviours["grpc-client-refused"] = func(s *scene) {
		check(s.ctx, dial(s, refusing()[len("http://"):], tlgrpc.DialOptions(s.kit)), "")
	}
	behaviours["grpc-client-deadline"] = func(s *scene) {
		ctx, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
		defer cancel()
		// The server has no kit, for its span is not of interest: who ends first is chance.
		check(ctx, dial(s, rpcServer(s, nil), tlgrpc.DialOptions(s.kit)), "wait")
	}
}

func rpcServer(s *scene, kit *throughline.Kit, called ...func(context.Context)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer(tlgrpc.ServerOptions(kit)...)
	service := grpc_health_v1.Health_ServiceDesc
	service.Streams = append(slices.Clone(service.Streams),
		grpc.StreamDesc{StreamName: "Talk", Handler: answerAll, ServerStreams: true, ClientStreams: true})
	var h health
	if len(called) > 0 {
		h.called = called[0]
	}
	server.RegisterService(&service, h)
	go func() { _ = server.Serve(listener) }()
	s.cleanup(server.Stop)
	return listener.Addr().String()
}

func dial(s *scene, address string, opts []grpc.DialOption) *grpc.ClientConn {
	conn, err := grpc.NewClient(address, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	must(err)
	s.cleanup(func() { conn.Close() })
	return conn
}

func check(ctx context.Context, conn *grpc.ClientConn, service string) {
	_, _ = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
}

// watch reads at most so many answers and then goes away.
func watch(ctx context.Context, conn *grpc.ClientConn, service string, answers int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	for ; err == nil && answers > 0; answers-- {
		_, err = stream.Recv()
	}
}
