package tlgrpc

import (
	"context"

	"go.opentelemetry.io/otel/baggage"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	throughline "throughline.dev/kits/go"
)

// passing is all that is left of instrumentation when the kit will never record anything: the context is passed on. A stats handler
// could do so too, but grpc-go makes the events of every call for it, which costs more than all else here.
type passing struct {
	propagator propagation.TextMapPropagator
	fields     []string
}

func newPassing(kit *throughline.Kit) passing {
	return passing{kit.Propagator(), kit.Propagator().Fields()}
}

// neverRecords says that the kit was not started: OTEL_SDK_DISABLED, no kit, or a configuration that cannot be used.
func neverRecords(kit *throughline.Kit) bool {
	_, noTraces := kit.TracerProvider().(nooptrace.TracerProvider)
	_, noMetrics := kit.MeterProvider().(noopmetric.MeterProvider)
	return noTraces && noMetrics
}

func (p passing) extract(ctx context.Context) context.Context {
	for _, field := range p.fields {
		if len(metadata.ValueFromIncomingContext(ctx, field)) > 0 {
			return p.propagator.Extract(ctx, incomingCarrier{ctx})
		}
	}
	return ctx
}

func (p passing) serverUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	return next(p.extract(ctx), req)
}

func (p passing) serverStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if ctx := p.extract(ss.Context()); ctx != ss.Context() {
		ss = streamWithin{ss, ctx}
	}
	return next(srv, ss)
}

type streamWithin struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamWithin) Context() context.Context { return s.ctx }

func (p passing) clientUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	return invoke(inject(ctx, p.propagator), method, req, reply, cc, opts...)
}

func (p passing) clientStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer,
	opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return stream(inject(ctx, p.propagator), desc, cc, method, opts...)
}

// inject adds the trace context, if there is any, to the metadata of a call. Where there is metadata already it writes to a copy: the
// caller may share it between calls.
func inject(ctx context.Context, propagator propagation.TextMapPropagator) context.Context {
	if !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
		return ctx
	}
	if md, ok := metadata.FromOutgoingContext(ctx); ok { // already a copy
		propagator.Inject(ctx, metadataCarrier(md))
		return metadata.NewOutgoingContext(ctx, md)
	}
	added := make(pairs, 0, pairsMax)
	propagator.Inject(ctx, &added)
	return metadata.AppendToOutgoingContext(ctx, added...)
}

// pairs gathers keys and values where there are none yet. It is not read.
type pairs []string

// pairsMax is room for traceparent, tracestate and baggage.
const pairsMax = 6

func (p *pairs) Get(string) string     { return "" }
func (p *pairs) Set(key, value string) { *p = append(*p, key, value) }
func (p *pairs) Keys() []string        { return nil }
