package tlgrpc

import (
	"context"
	"net"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/once"
)

type serverHandler struct {
	calls
	on         *throughline.Switch
	propagator propagation.TextMapPropagator
}

func newServerHandler(kit *throughline.Kit) *serverHandler {
	return &serverHandler{calls: newCalls(kit, once.Server(kit.Tracer(names.ScopeGRPC)), names.RPCServerCallDuration), on: kit.Switch("grpc.server"), propagator: kit.Propagator()}
}

var asServer = trace.WithSpanKind(trace.SpanKindServer)

func (h *serverHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if callOf(ctx) != nil {
		return ctx // the options were given twice
	}
	if !once.Served(ctx) {
		ctx = h.propagator.Extract(ctx, incomingCarrier{ctx})
	}
	if !h.on.On() {
		return ctx
	}
	c := &call{of: &h.calls, serves: true, started: time.Now(), method: methodName(info.FullMethodName)}
	c.answered.Store(true)
	if authority := metadata.ValueFromIncomingContext(ctx, ":authority"); len(authority) == 1 {
		c.server = authority[0]
	}
	ctx = h.start(ctx, c, asServer, clientOf(ctx))
	return context.WithValue(ctx, callKey{}, c)
}

type clientKey struct{}

// TagConn notes the client's address once for all calls of a connection.
func (h *serverHandler) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return context.WithValue(ctx, clientKey{}, hostOf(info.RemoteAddr))
}

// clientOf gives the client's address. Servers behind net/http do not tag connections.
func clientOf(ctx context.Context) string {
	if host, ok := ctx.Value(clientKey{}).(string); ok {
		return host
	}
	if p, ok := peer.FromContext(ctx); ok {
		return hostOf(p.Addr)
	}
	return ""
}

func hostOf(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return host
}

func (h *serverHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if end, ok := event.(*stats.End); ok {
		if c := callOf(ctx); c != nil && c.of == &h.calls {
			h.finish(ctx, c, end, serverFailure)
		}
	}
}

func (h *serverHandler) HandleConn(context.Context, stats.ConnStats) {}

// serverFailure tells the server's own failures from answers a caller may well expect, such as NOT_FOUND.
func serverFailure(code grpccodes.Code) bool {
	switch code {
	case grpccodes.Unknown, grpccodes.DeadlineExceeded, grpccodes.Unimplemented, grpccodes.Internal,
		grpccodes.Unavailable, grpccodes.DataLoss:
		return true
	}
	return false
}

// container turns panics of methods into INTERNAL.
type container struct{ kit *throughline.Kit }

func (c container) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.contained(ctx, v)
		}
	}()
	return next(ctx, req)
}

func (c container) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.contained(ss.Context(), v)
		}
	}()
	return next(srv, ss)
}

func (c container) contained(ctx context.Context, value any) error {
	if call := callOf(ctx); call != nil {
		call.panicked = true
	}
	c.kit.Contain(ctx, value)
	return status.Error(grpccodes.Internal, "internal error") // what was thrown is not for callers
}

func unknownMethod(_ any, ss grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(ss)
	if c := callOf(ss.Context()); c != nil {
		c.unknown = true
	}
	return status.Errorf(grpccodes.Unimplemented, "unknown method %s", method)
}

// incomingCarrier reads the metadata of a call without the copy metadata.FromIncomingContext makes.
type incomingCarrier struct{ ctx context.Context }

func (c incomingCarrier) Get(key string) string {
	if values := c.Values(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c incomingCarrier) Values(key string) []string {
	return metadata.ValueFromIncomingContext(c.ctx, key)
}

func (incomingCarrier) Set(string, string) {} // it is read only

func (c incomingCarrier) Keys() []string {
	md, _ := metadata.FromIncomingContext(c.ctx)
	return metadataCarrier(md).Keys()
}

// metadataCarrier reads and writes gRPC metadata, whose keys are lower case.
type metadataCarrier metadata.MD

func (c metadataCarrier) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c metadataCarrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

func (c metadataCarrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
