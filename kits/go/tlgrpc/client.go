package tlgrpc

import (
	"context"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/memo"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/once"
)

type clientHandler struct {
	calls
	on         *throughline.Switch
	propagator propagation.TextMapPropagator
	targets    memo.Memo[string, *target]
}

func newClientHandler(kit *throughline.Kit) *clientHandler {
	return &clientHandler{calls: newCalls(kit, once.Client(kit.Tracer(names.ScopeGRPC), "rpc."), names.RPCClientCallDuration), on: kit.Switch("grpc.client"), propagator: kit.Propagator()}
}

var asClient = trace.WithSpanKind(trace.SpanKindClient)

func (h *clientHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if !h.on.On() {
		return inject(ctx, h.propagator)
	}
	method := methodName(info.FullMethodName)
	if outer := callOf(ctx); outer != nil && !outer.serves && outer.method == method {
		return ctx // the options were given twice
	}
	c := &call{of: &h.calls, started: time.Now(), method: method}
	if to, ok := ctx.Value(targetKey{}).(*target); ok {
		c.server = to.endpoint
	}
	ctx = h.start(ctx, c, asClient, "")
	return context.WithValue(inject(ctx, h.propagator), callKey{}, c)
}

func (h *clientHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	switch event := event.(type) { // first, because there are many events, and contexts are deep
	case *stats.InTrailer:
		if c := h.own(ctx); c != nil {
			c.answered.Store(true)
		}
	case *stats.End:
		if c := h.own(ctx); c != nil {
			h.finish(ctx, c, event, clientFailure)
		}
	}
}

// own gives the call, unless it is another handler's.
func (h *clientHandler) own(ctx context.Context) *call {
	if c := callOf(ctx); c != nil && c.of == &h.calls {
		return c
	}
	return nil
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
