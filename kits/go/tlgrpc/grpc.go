// Package tlgrpc instruments grpc-go servers and clients, unary and streaming. Status comes from where gRPC puts it, the
// trailers.
//
//	server := grpc.NewServer(tlgrpc.ServerOptions(kit)...)
//	conn, err := grpc.NewClient(target, append(tlgrpc.DialOptions(kit), grpc.WithTransportCredentials(creds))...)
package tlgrpc

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// ServerOptions traces and measures every call a server receives and contains the panics of its methods: the call fails
// with INTERNAL, the span has error.type=panic, the stack is in a log record, and the process lives.
//
// The options include a handler for unknown methods, which answers UNIMPLEMENTED as grpc-go does: without it such calls
// would begin a span and never end it. Pass your own grpc.UnknownServiceHandler after these options to replace it.
func ServerOptions(kit *throughline.Kit) []grpc.ServerOption {
	contain := container{kit}
	return []grpc.ServerOption{
		grpc.StatsHandler(newServerHandler(kit)),
		grpc.ChainUnaryInterceptor(contain.unary),
		grpc.ChainStreamInterceptor(contain.stream),
		grpc.UnknownServiceHandler(unknownMethod),
	}
}

// DialOptions traces and measures every call made on a connection and passes the trace on in its metadata. Each attempt
// is a span.
func DialOptions(kit *throughline.Kit) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithStatsHandler(newClientHandler(kit)),
		grpc.WithChainUnaryInterceptor(rememberTargetUnary),
		grpc.WithChainStreamInterceptor(rememberTargetStream),
	}
}

func newDuration(kit *throughline.Kit, side string) metric.Float64Histogram {
	// The error is ignored: the name is a valid constant, and the API returns a working instrument regardless.
	duration, _ := kit.Meter(names.ScopeGRPC).Float64Histogram("rpc."+side+".call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of RPCs."), metric.WithExplicitBucketBoundaries(names.DurationBuckets()...))
	return duration
}

type callKey struct{}

// call is one RPC on one side, between TagRPC and stats.End.
type call struct {
	span     trace.Span
	started  time.Time
	method   string // pkg.Svc/Method
	server   []attribute.KeyValue
	unknown  bool // the server has no such method: its name is the caller's invention
	panicked bool
	answered atomic.Bool // the status came from the peer, not from this side's transport
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// finish ends the span. isFailure says which status codes are this side's errors.
func (c *call) finish(ctx context.Context, end *stats.End, duration metric.Float64Histogram, isFailure func(grpccodes.Code) bool) {
	code := status.Code(end.Error)
	method := c.method
	attrs := []attribute.KeyValue{names.RPCStatusCode.String(statusName(code))}
	if c.unknown {
		method = names.Other
		c.span.SetName(names.Other)
		c.span.SetAttributes(names.RPCMethod.String(method), names.RPCMethodOriginal.String(c.method))
	}
	if isFailure(code) {
		failure := statusName(code)
		if c.panicked {
			failure = "panic"
		}
		attrs = append(attrs, names.ErrorType.String(failure))
		c.span.SetStatus(codes.Error, c.description(end.Error))
	}
	c.span.SetAttributes(attrs...)
	attrs = append(attrs, names.RPCSystemName.String("grpc"), names.RPCMethod.String(method))
	duration.Record(ctx, time.Since(c.started).Seconds(), metric.WithAttributes(append(attrs, c.server...)...))
	c.span.End()
}

// description is what the method said about its failure. What this side's transport says holds addresses and ports, what is
// said about an unknown method holds its name, and a panic is in the logs.
func (c *call) description(err error) string {
	if c.panicked || c.unknown || !c.answered.Load() {
		return ""
	}
	s, _ := status.FromError(err)
	return s.Message()
}

// endpointAttributes splits "host:port" and unix paths.
func endpointAttributes(endpoint string) []attribute.KeyValue {
	if endpoint == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return []attribute.KeyValue{names.ServerAddress.String(endpoint)}
	}
	attrs := []attribute.KeyValue{names.ServerAddress.String(host)}
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, names.ServerPort.Int(n))
	}
	return attrs
}

// statusName is the code as the gRPC specification spells it: NOT_FOUND, not NotFound. Codes it does not know are numbers.
func statusName(code grpccodes.Code) string {
	if int(code) < len(statusNames) {
		return statusNames[code]
	}
	return strconv.Itoa(int(code))
}

var statusNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED",
}

// methodName is "/pkg.Svc/Method" without its slash: the span name and rpc.method.
func methodName(full string) string { return strings.TrimPrefix(full, "/") }
