// Strict W3C Trace Context. The official propagator looks at the first of several headers only; here a duplicated
// traceparent is no traceparent, several tracestate headers are one list, and unknown flags are not passed on.

package throughline

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const (
	headerTraceparent = "traceparent"
	headerTracestate  = "tracestate"
	traceparentLength = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	knownFlags        = trace.FlagsSampled | trace.FlagsRandom
)

// Propagator returns the strict W3C propagator for trace context and baggage.
func Propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(traceContext{}, propagation.Baggage{})
}

type traceContext struct{}

func (traceContext) Fields() []string { return []string{headerTraceparent, headerTracestate} }

// Inject writes traceparent, and tracestate unless it is empty. Without a valid span context it writes nothing.
func (traceContext) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return
	}
	carrier.Set(headerTraceparent, formatTraceparent(sc))
	if state := sc.TraceState().String(); state != "" {
		carrier.Set(headerTracestate, state)
	}
}

// Extract reads the remote span context. A malformed traceparent starts a new trace; a malformed tracestate is dropped
// and the traceparent kept, as the specification says.
func (traceContext) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	parents := valuesOf(carrier, headerTraceparent)
	if len(parents) != 1 {
		return ctx
	}
	cfg, ok := parseTraceparent(strings.Trim(parents[0], " \t"))
	if !ok {
		return ctx
	}
	if state, err := trace.ParseTraceState(joinMembers(valuesOf(carrier, headerTracestate))); err == nil {
		cfg.TraceState = state
	}
	cfg.Remote = true
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(cfg))
}

// joinMembers makes one list of several tracestate headers, without the empty members the specification allows. The first of
// a repeated key counts.
func joinMembers(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	if len(headers) == 1 && strings.IndexByte(headers[0], ',') < 0 {
		return strings.Trim(headers[0], " \t")
	}
	var members []string
	var seen map[string]bool // most requests have no tracestate
	for _, header := range headers {
		for member := range strings.SplitSeq(header, ",") {
			member = strings.Trim(member, " \t")
			key, _, isPair := strings.Cut(member, "=")
			if member == "" || (isPair && seen[key]) {
				continue
			}
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[key] = true
			members = append(members, member)
		}
	}
	return strings.Join(members, ",")
}

func valuesOf(carrier propagation.TextMapCarrier, key string) []string {
	if many, ok := carrier.(propagation.ValuesGetter); ok {
		return many.Values(key)
	}
	if v := carrier.Get(key); v != "" {
		return []string{v}
	}
	return nil
}

// parseTraceparent reads
//
//	version "-" trace-id "-" parent-id "-" trace-flags
//	  2hex        32hex        16hex         2hex       lower case
//
// Version ff and all-zero ids are invalid. A version above 00 may have more fields after another "-".
func parseTraceparent(s string) (cfg trace.SpanContextConfig, ok bool) {
	if len(s) < traceparentLength || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return cfg, false
	}
	var version, flags [1]byte
	if !decodeLower(version[:], s[0:2]) || !decodeLower(cfg.TraceID[:], s[3:35]) ||
		!decodeLower(cfg.SpanID[:], s[36:52]) || !decodeLower(flags[:], s[53:55]) {
		return cfg, false
	}
	longer := len(s) > traceparentLength
	if version[0] == 0xff || (version[0] == 0 && longer) || (longer && s[traceparentLength] != '-') {
		return cfg, false
	}
	cfg.TraceFlags = trace.TraceFlags(flags[0]) & knownFlags
	return cfg, cfg.TraceID.IsValid() && cfg.SpanID.IsValid()
}

func formatTraceparent(sc trace.SpanContext) string {
	id, span := sc.TraceID(), sc.SpanID()
	b := make([]byte, 0, traceparentLength)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, span[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, []byte{byte(sc.TraceFlags() & knownFlags)})
	return string(b)
}

// decodeLower decodes lower-case hex of exactly twice dst's length.
func decodeLower(dst []byte, s string) bool {
	for i := range dst {
		high, low := nibble(s[2*i]), nibble(s[2*i+1])
		if high > 15 || low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}
