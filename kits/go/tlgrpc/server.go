package tlgrpc

import (
	"context"
	"net"
	"time"

	"go.opentelemetry.io/otel/metric"
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
)

type serverHandler struct {
	on         *throughline.Switch
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
}

func newServerHandler(kit *throughline.Kit) *serverHandler {
	return &serverHandler{on: kit.Switch("grpc.server"), tracer: kit.Tracer(names.ScopeGRPC), propagator: kit.Propagator(),
		duration: newDuration(kit, "server")}
}

func (h *serverHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	ctx = h.propagator.Extract(ctx, incomingCarrier{ctx})
	if !h.on.On() {
		return ctx
	}
	c := &call{started: time.Now(), method: methodName(info.FullMethodName)}
	c.answered.Store(true)
	if authority := metadata.ValueFromIncomingContext(ctx, ":authority"); len(authority) == 1 {
		c.server = endpointAttributes(authority[0])
	}
	attrs := append(c.server, names.RPCSystemName.String("grpc"), names.RPCMethod.String(c.method))
	if p, ok := peer.FromContext(ctx); ok {
		if client, _, err := net.SplitHostPort(p.Addr.String()); err == nil {
			attrs = append(attrs, names.ClientAddress.String(client))
		}
	}
	ctx, c.span = h.tracer.Start(ctx, c.method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	return context.WithValue(ctx, callKey{}, c)
}

func (h *serverHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if end, ok := event.(*stats.End); ok {
		if c := callOf(ctx); c != nil {
			c.finish(ctx, end, h.duration, serverFailure)
		}
	}
}

func (h *serverHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
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
