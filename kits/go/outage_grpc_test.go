package throughline_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	throughline "throughline.dev/kits/go"
)

// misbehaveOverGRPC starts a gRPC receiver for each outage and gives their URLs. The Rust kit lives through the same.
func misbehaveOverGRPC(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"healthy":     startReceiver(t).grpcURL,
		"refuses":     "http://127.0.0.1:1",
		"blackholes":  blackhole(t),
		"resets":      serveRaw(t, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1000)); _ = conn.(*net.TCPConn).SetLinger(0) }),
		"unavailable": answerGRPC(t, codes.Unavailable, time.Second),
		"exhausted":   answerGRPC(t, codes.ResourceExhausted, time.Second),
		"trickles": serveRaw(t, func(conn net.Conn) {
			// Settings, and then a frame of 100 bytes that no version of HTTP/2 knows, byte by byte.
			_, _ = conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 100, 0x42, 0, 0, 0, 0, 0})
			for range 100 {
				time.Sleep(200 * time.Millisecond)
				if _, err := conn.Write([]byte{0}); err != nil {
					return
				}
			}
		}),
		"talks garbage": serveRaw(t, func(conn net.Conn) { _, _ = conn.Write([]byte("\x16\x03\x01 220 smtp ready\r\n\r\n")) }),
	}
}

// answerGRPC answers every call with a failure that says when to come back; 0 says nothing.
func answerGRPC(t *testing.T, code codes.Code, after time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failure := status.New(code, "not now")
	if after > 0 {
		if failure, err = failure.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err != nil {
			t.Fatal(err)
		}
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return failure.Err() }))
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

// An exhausted receiver that does not say when to come back is not asked again; one that does, is.
func TestRetryInfoOverGRPC(t *testing.T) {
	for name, c := range map[string]struct {
		code  codes.Code
		after time.Duration
		held  uint64
	}{
		"exhausted for good":          {codes.ResourceExhausted, 0, 0},
		"exhausted for ten seconds":   {codes.ResourceExhausted, 10 * time.Second, 1},
		"unavailable for ten seconds": {codes.Unavailable, 10 * time.Second, 1},
		"invalid whatever it says":    {codes.InvalidArgument, 10 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
			t.Setenv("OTEL_LOGS_EXPORTER", "none")
			t.Setenv("OTEL_METRICS_EXPORTER", "none")
			kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(answerGRPC(t, c.code, c.after)), quiet())
			if err != nil {
				t.Fatal(err)
			}
			_, end := kit.Span(t.Context(), "work")
			end(nil)
			_ = kit.Flush(t.Context())
			s := kit.Stats().Spans
			if s.Queued != c.held || s.Dropped.ExportFailed+s.Dropped.Rejected != 1-c.held {
				t.Errorf("the account is %+v", s)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = kit.Shutdown(ctx)
			if s := settled(kit).Spans; s.Created != 1 || s.Dropped.Total() != 1 || s.Queued != 0 {
				t.Errorf("at the end the account is %+v", s)
			}
		})
	}
}
