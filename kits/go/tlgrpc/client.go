package tlgrpc

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/memo"
	"throughline.dev/kits/go/internal/names"
)

type clientHandler struct {
	calls
	on         *throughline.Switch
	propagator propagation.TextMapPropagator
	targets    memo.Memo[string, *target]
}

func newClientHandler(kit *throughline.Kit) *clientHandler {
	return &clientHandler{calls: newCalls(kit, names.RPCClientCallDuration), on: kit.Switch("grpc.client"), propagator: kit.Propagator()}
}

var asClient = trace.WithSpanKind(trace.SpanKindClient)

func (h *clientHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if !h.on.On() {
		if !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
			return ctx
		}
		return h.inject(ctx)
	}
	c := &call{started: time.Now(), method: methodName(info.FullMethodName)}
	if to, ok := ctx.Value(targetKey{}).(*target); ok {
		c.server = to.endpoint
	}
	ctx = h.start(ctx, c, asClient, "")
	return context.WithValue(h.inject(ctx), callKey{}, c)
}

// inject adds to the metadata of the call. Where there is some already it writes to a copy: the caller may share it between calls.
func (h *clientHandler) inject(ctx context.Context) context.Context {
	if md, ok := metadata.FromOutgoingContext(ctx); ok { // already a copy
		h.propagator.Inject(ctx, metadataCarrier(md))
		return metadata.NewOutgoingContext(ctx, md)
	}
	added := make(pairs, 0, pairsMax)
	h.propagator.Inject(ctx, &added)
	return metadata.AppendToOutgoingContext(ctx, added...)
}

// pairs gathers keys and values where there are none yet. It is not read.
type pairs []string

// pairsMax is room for traceparent, tracestate and baggage.
const pairsMax = 6

func (p *pairs) Get(string) string     { return "" }
func (p *pairs) Set(key, value string) { *p = append(*p, key, value) }
func (p *pairs) Keys() []string        { return nil }

func (h *clientHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	switch event := event.(type) {
	case *stats.InTrailer:
		c.answered.Store(true)
	case *stats.End:
		h.finish(ctx, c, event, clientFailure)
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

type target struct{ endpoint string }

func (h *clientHandler) aim(ctx context.Context, cc *grpc.ClientConn) context.Context {
	if !h.on.On() {
		return ctx
	}
	return context.WithValue(ctx, targetKey{}, h.targets.Get(cc.CanonicalTarget(), targetOf))
}

func (h *clientHandler) aimUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	return invoke(h.aim(ctx, cc), method, req, reply, cc, opts...)
}

func (h *clientHandler) aimStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer,
	opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return stream(h.aim(ctx, cc), desc, cc, method, opts...)
}

func targetOf(canonical string) *target { return &target{endpointOf(canonical)} }

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
