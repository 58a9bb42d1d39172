package tlgrpc

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

type clientHandler struct {
	on         *throughline.Switch
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	duration   metric.Float64Histogram
}

func newClientHandler(kit *throughline.Kit) *clientHandler {
	return &clientHandler{on: kit.Switch("grpc.client"), tracer: kit.Tracer(names.ScopeGRPC), propagator: kit.Propagator(),
		duration: newDuration(kit, "client")}
}

func (h *clientHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if !h.on.On() {
		if !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
			return ctx
		}
		return h.inject(ctx)
	}
	c := &call{started: time.Now(), method: methodName(info.FullMethodName)}
	if target, ok := ctx.Value(targetKey{}).(string); ok {
		c.server = endpointAttributes(endpointOf(target))
	}
	attrs := append(c.server, names.RPCSystemName.String("grpc"), names.RPCMethod.String(c.method))
	ctx, c.span = h.tracer.Start(ctx, c.method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return context.WithValue(h.inject(ctx), callKey{}, c)
}

// inject writes to a copy: the caller may share its metadata between calls.
func (h *clientHandler) inject(ctx context.Context) context.Context {
	md, ok := metadata.FromOutgoingContext(ctx) // already a copy
	if !ok {
		md = metadata.MD{}
	}
	h.propagator.Inject(ctx, metadataCarrier(md))
	return metadata.NewOutgoingContext(ctx, md)
}

func (h *clientHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	switch event := event.(type) {
	case *stats.InTrailer:
		c.answered.Store(true)
	case *stats.End:
		c.finish(ctx, event, h.duration, clientFailure)
	}
}

func (h *clientHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (h *clientHandler) HandleConn(context.Context, stats.ConnStats) {}

// clientFailure: whoever calls wanted an answer.
func clientFailure(code grpccodes.Code) bool { return code != grpccodes.OK }

// A stats handler does not learn where a call goes; interceptors run before it and do.
type targetKey struct{}

func rememberTargetUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	return invoke(context.WithValue(ctx, targetKey{}, cc.CanonicalTarget()), method, req, reply, cc, opts...)
}

func rememberTargetStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer,
	opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return stream(context.WithValue(ctx, targetKey{}, cc.CanonicalTarget()), desc, cc, method, opts...)
}

// endpointOf takes "host:port" out of a target such as dns:///host:port, or a path out of unix:///path.
func endpointOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	if u.Scheme == "unix" {
		return u.Path
	}
	return strings.TrimPrefix(u.Path, "/")
}
