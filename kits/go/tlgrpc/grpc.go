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
	"sync"
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
	"throughline.dev/kits/go/internal/memo"
	"throughline.dev/kits/go/internal/names"
)

// ServerOptions traces and measures every call a server receives, once, and contains the panics of its methods: the call fails
// with INTERNAL, the span has error.type=panic, the stack is in a log record, and the process lives.
//
// The options include a handler for unknown methods, which answers UNIMPLEMENTED as grpc-go does: without it such calls
// would begin a span and never end it. Pass your own grpc.UnknownServiceHandler after these options to replace it.
func ServerOptions(kit *throughline.Kit) []grpc.ServerOption {
	contain := container{kit}
	if neverRecords(kit) {
		pass := newPassing(kit)
		return []grpc.ServerOption{
			grpc.ChainUnaryInterceptor(pass.serverUnary, contain.unary),
			grpc.ChainStreamInterceptor(pass.serverStream, contain.stream),
		}
	}
	return []grpc.ServerOption{
		grpc.StatsHandler(newServerHandler(kit)),
		grpc.ChainUnaryInterceptor(contain.unary),
		grpc.ChainStreamInterceptor(contain.stream),
		grpc.UnknownServiceHandler(unknownMethod),
	}
}

// DialOptions traces and measures every call made on a connection and passes the trace on in its metadata. Each attempt
// is a span, unless another instrumentation has made it: its options come first.
func DialOptions(kit *throughline.Kit) []grpc.DialOption {
	if neverRecords(kit) {
		pass := newPassing(kit)
		return []grpc.DialOption{grpc.WithChainUnaryInterceptor(pass.clientUnary), grpc.WithChainStreamInterceptor(pass.clientStream)}
	}
	client := newClientHandler(kit)
	return []grpc.DialOption{
		grpc.WithStatsHandler(client),
		grpc.WithChainUnaryInterceptor(client.aimUnary),
		grpc.WithChainStreamInterceptor(client.aimStream),
	}
}

type callKey struct{}

// call is one RPC on one side, between TagRPC and stats.End.
type call struct {
	of       *calls // whose it is: all stats handlers of a connection are told of it
	serves   bool
	span     trace.Span
	started  time.Time
	method   string // pkg.Svc/Method
	server   string // "host:port" or a path
	unknown  bool   // the server has no such method: its name is the caller's invention
	panicked bool
	answered atomic.Bool // the status came from the peer, not from this side's transport
}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// calls makes the telemetry of one side.
type calls struct {
	kit      *throughline.Kit
	tracer   trace.Tracer
	duration metric.Float64Histogram
	begun    memo.Memo[begun, []attribute.KeyValue]
	ended    memo.Memo[ended, *account]
}

// begun is what is known of a call when it starts, of few values.
type begun struct{ method, server string }

// ended is what a call says of itself when it is over. failure is error.type.
type ended struct {
	method, server, failure string
	code                    grpccodes.Code
}

// account is made once for all calls that are alike.
type account struct {
	outcome  []attribute.KeyValue
	measured []metric.RecordOption
}

func newCalls(kit *throughline.Kit, tracer trace.Tracer, duration names.Metric) calls {
	return calls{kit: kit, tracer: tracer, duration: duration.Duration(kit.Meter(names.ScopeGRPC))}
}

// start starts the span of c, and gives it its attributes: at once where sampling needs them, else afterwards, if it is recorded.
func (h *calls) start(ctx context.Context, c *call, kind trace.SpanStartOption, client string) context.Context {
	if h.kit.SamplesByAttributes() {
		attrs := h.appendCall(make([]attribute.KeyValue, 0, attributesMax), c, client)
		ctx, c.span = h.tracer.Start(ctx, c.method, kind, trace.WithAttributes(attrs...))
		return ctx
	}
	ctx, c.span = h.tracer.Start(ctx, c.method, kind)
	if c.span.IsRecording() {
		attrs := spare.Get().(*[]attribute.KeyValue)
		*attrs = h.appendCall((*attrs)[:0], c, client)
		c.span.SetAttributes(*attrs...) // which copies them
		clear(*attrs)
		spare.Put(attrs)
	}
	return ctx
}

// attributesMax is how many attributes a span has when it starts, at most.
const attributesMax = 5

// spare holds the slices attributes are gathered in on their way to a span.
var spare = sync.Pool{New: func() any { return new(make([]attribute.KeyValue, 0, attributesMax)) }}

func (h *calls) appendCall(attrs []attribute.KeyValue, c *call, client string) []attribute.KeyValue {
	attrs = append(attrs, h.begun.Get(begun{c.method, c.server}, attributesOf)...)
	if client != "" {
		attrs = append(attrs, names.ClientAddress.String(client))
	}
	return attrs
}

func attributesOf(b begun) []attribute.KeyValue {
	return append(endpointAttributes(b.server), names.RPCSystemName.String("grpc"), names.RPCMethod.String(b.method))
}

// finish ends the span. isFailure says which status codes are this side's errors.
func (h *calls) finish(ctx context.Context, c *call, end *stats.End, isFailure func(grpccodes.Code) bool) {
	what := ended{method: c.method, server: c.server, code: status.Code(end.Error)}
	if c.unknown {
		what.method = names.Other
		c.span.SetName(names.Other)
		c.span.SetAttributes(names.RPCMethod.String(names.Other), names.RPCMethodOriginal.String(c.method))
	}
	if isFailure(what.code) {
		what.failure = statusName(what.code)
		if c.panicked {
			what.failure = "panic"
		}
		c.span.SetStatus(codes.Error, c.description(end.Error))
	}
	told := h.ended.Get(what, accountOf)
	c.span.SetAttributes(told.outcome...)
	h.duration.Record(ctx, time.Since(c.started).Seconds(), told.measured...)
	c.span.End()
}

func accountOf(what ended) *account {
	a := &account{outcome: []attribute.KeyValue{names.RPCStatusCode.String(statusName(what.code))}}
	if what.failure != "" {
		a.outcome = append(a.outcome, names.ErrorType.String(what.failure))
	}
	set := attribute.NewSet(append(append(endpointAttributes(what.server), names.RPCSystemName.String("grpc"),
		names.RPCMethod.String(what.method)), a.outcome...)...)
	a.measured = []metric.RecordOption{metric.WithAttributeSet(set)}
	return a
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
