package throughline

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What an item is reckoned to hold in memory, beside its text. The same numbers in every kit.
const (
	spanBytes      = 256
	logBytes       = 192
	eventBytes     = 64 // a link too
	attributeBytes = 32
)

// spanQueue is the processor of sampled spans.
type spanQueue struct {
	*batcher[sdktrace.ReadOnlySpan]
	exporter sdktrace.SpanExporter
}

func newSpanQueue(g *guard, s settings, env environment) spanQueue {
	export := func(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
		return s.spanExporter.ExportSpans(ctx, g.limits.spans(g.redact.spans(spans)))
	}
	return spanQueue{newBatcher(g, s, env.spanDelay, export), s.spanExporter}
}

func (spanQueue) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

func (q spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && q.admits() {
		q.push(s, sizeOfSpan(s))
	}
}

func (q spanQueue) Shutdown(ctx context.Context) error { return q.shutdown(ctx, q.exporter.Shutdown) }

// logQueue is the processor of log records.
type logQueue struct {
	*batcher[sdklog.Record]
	exporter sdklog.Exporter
}

func newLogQueue(g *guard, s settings, env environment) logQueue {
	export := func(ctx context.Context, records []sdklog.Record) error {
		g.redact.logs(records)
		return s.logExporter.Export(ctx, records)
	}
	return logQueue{newBatcher(g, s, env.logDelay, export), s.logExporter}
}

func (logQueue) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (q logQueue) OnEmit(_ context.Context, r *sdklog.Record) error {
	if q.admits() {
		q.push(r.Clone(), sizeOfLog(r))
	}
	return nil
}

func (q logQueue) Shutdown(ctx context.Context) error { return q.shutdown(ctx, q.exporter.Shutdown) }

func sizeOfSpan(s sdktrace.ReadOnlySpan) int64 {
	size := spanBytes + len(s.Name()) + len(s.Status().Description) + sizeOfAttributes(s.Attributes())
	for _, event := range s.Events() {
		size += eventBytes + len(event.Name) + sizeOfAttributes(event.Attributes)
	}
	for _, link := range s.Links() {
		size += eventBytes + sizeOfAttributes(link.Attributes)
	}
	return int64(size)
}

func sizeOfLog(r *sdklog.Record) int64 {
	size := logBytes + len(r.EventName()) + sizeOfValue(r.Body())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		size += attributeBytes + len(kv.Key) + sizeOfValue(kv.Value)
		return true
	})
	return int64(size)
}

func sizeOfAttributes(list []attribute.KeyValue) (size int) {
	for _, kv := range list {
		size += attributeBytes + len(kv.Key) + sizeOfValue(kv.Value)
	}
	return size
}

func sizeOfValue(v attribute.Value) (size int) {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.BYTESLICE:
		return len(v.AsByteSlice())
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			size += attributeBytes + len(s)
		}
		return size
	case attribute.SLICE:
		for _, item := range v.AsSlice() {
			size += attributeBytes + sizeOfValue(item)
		}
		return size
	case attribute.MAP:
		return sizeOfAttributes(v.AsMap())
	case attribute.BOOLSLICE:
		return attributeBytes * len(v.AsBoolSlice())
	case attribute.INT64SLICE:
		return attributeBytes * len(v.AsInt64Slice())
	case attribute.FLOAT64SLICE:
		return attributeBytes * len(v.AsFloat64Slice())
	}
	return 8
}
