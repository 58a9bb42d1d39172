// B3, the headers of Zipkin and of many meshes, beside W3C's: https://github.com/openzipkin/b3-propagation

package throughline

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Header names are in lower case: HTTP does not care, and gRPC and message headers want them so.
const (
	headerB3        = "b3"
	headerB3Trace   = "x-b3-traceid"
	headerB3Span    = "x-b3-spanid"
	headerB3Sampled = "x-b3-sampled"
	headerB3Flags   = "x-b3-flags"
)

// formats are the names OTEL_PROPAGATORS knows, and which headers each stands for.
var formats = map[string]propagation.TextMapPropagator{
	"tracecontext": traceContext{}, "baggage": propagation.Baggage{}, "b3": b3Single{}, "b3multi": b3Multi{},
}

// newPropagator writes all formats it is given and reads the first that is there, in the order tracecontext, b3, b3multi.
func newPropagator(names []string) (propagation.TextMapPropagator, error) {
	chosen := map[string]bool{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		if formats[name] == nil && name != "none" && name != "" {
			return nil, fmt.Errorf("%q is not one of tracecontext, baggage, b3, b3multi, none", name)
		}
		chosen[name] = true
	}
	var p propagators
	for _, name := range []string{"tracecontext", "b3", "b3multi"} {
		if chosen[name] {
			p.contexts = append(p.contexts, formats[name])
		}
	}
	if chosen["baggage"] {
		p.baggage = formats["baggage"]
	}
	return p, nil
}

type propagators struct {
	contexts []propagation.TextMapPropagator
	baggage  propagation.TextMapPropagator // nil: none
}

func (p propagators) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	for _, format := range p.contexts {
		format.Inject(ctx, carrier)
	}
	if p.baggage != nil {
		p.baggage.Inject(ctx, carrier)
	}
}

func (p propagators) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	for _, format := range p.contexts {
		if found := format.Extract(ctx, carrier); found != ctx {
			ctx = found
			break
		}
	}
	if p.baggage != nil {
		ctx = p.baggage.Extract(ctx, carrier)
	}
	return ctx
}

func (p propagators) Fields() []string {
	var fields []string
	for _, format := range p.contexts {
		fields = append(fields, format.Fields()...)
	}
	if p.baggage != nil {
		fields = append(fields, p.baggage.Fields()...)
	}
	return fields
}

// b3Single is one header:
//
//	trace-id "-" span-id [ "-" sampled [ "-" parent-span-id ] ]
//	16/32hex     16hex          0 1 d         16hex             lower case
type b3Single struct{}

func (b3Single) Fields() []string { return []string{headerB3} }

func (b3Single) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		carrier.Set(headerB3, sc.TraceID().String()+"-"+sc.SpanID().String()+"-"+b3Sampled(sc))
	}
}

func (b3Single) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	value, ok := onlyValue(carrier, headerB3)
	parts := strings.Split(value, "-")
	if !ok || len(parts) < 2 || len(parts) > 4 {
		return ctx // "0", "1" and "d" alone name no trace to go on with
	}
	sampled := ""
	if len(parts) > 2 {
		sampled = parts[2]
		if sampled != "0" && sampled != "1" && sampled != "d" {
			return ctx
		}
	}
	if len(parts) == 4 && (len(parts[3]) != 16 || !decodeLower(make([]byte, 8), parts[3])) {
		return ctx
	}
	return b3Context(ctx, parts[0], parts[1], sampled == "1" || sampled == "d")
}

// b3Multi is a header for each part; the parent's id is not read.
type b3Multi struct{}

func (b3Multi) Fields() []string {
	return []string{headerB3Trace, headerB3Span, headerB3Sampled, headerB3Flags}
}

func (b3Multi) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		carrier.Set(headerB3Trace, sc.TraceID().String())
		carrier.Set(headerB3Span, sc.SpanID().String())
		carrier.Set(headerB3Sampled, b3Sampled(sc))
	}
}

func (b3Multi) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	traceID, one := onlyValue(carrier, headerB3Trace)
	spanID, two := onlyValue(carrier, headerB3Span)
	sampled, three := onlyValue(carrier, headerB3Sampled)
	flags, four := onlyValue(carrier, headerB3Flags)
	if !one || !two || !three || !four {
		return ctx
	}
	switch sampled {
	case "", "0", "1", "false", "true": // the words are older than the digits
	default:
		return ctx
	}
	return b3Context(ctx, traceID, spanID, sampled == "1" || sampled == "true" || flags == "1")
}

// onlyValue is the header's value, empty when there is none; not ok when there are several, of which none can be trusted.
func onlyValue(carrier propagation.TextMapCarrier, name string) (value string, ok bool) {
	values := valuesOf(carrier, name)
	switch len(values) {
	case 0:
		return "", true
	case 1:
		return strings.Trim(values[0], " \t"), true
	}
	return "", false
}

// b3Context returns ctx itself when the ids are malformed. A trace id of 64 bits is the lower half of one of 128.
func b3Context(ctx context.Context, traceID, spanID string, sampled bool) context.Context {
	var cfg trace.SpanContextConfig
	if len(traceID) == 16 {
		traceID = strings.Repeat("0", 16) + traceID
	}
	if len(traceID) != hex.EncodedLen(len(cfg.TraceID)) || len(spanID) != hex.EncodedLen(len(cfg.SpanID)) ||
		!decodeLower(cfg.TraceID[:], traceID) || !decodeLower(cfg.SpanID[:], spanID) || !cfg.TraceID.IsValid() || !cfg.SpanID.IsValid() {
		return ctx
	}
	cfg.TraceFlags = cfg.TraceFlags.WithSampled(sampled)
	cfg.Remote = true
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(cfg))
}

func b3Sampled(sc trace.SpanContext) string {
	if sc.IsSampled() {
		return "1"
	}
	return "0"
}
