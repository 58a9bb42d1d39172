// Limits that can be lowered while the service runs: attributes of spans, and the bytes that may wait.

package throughline

import (
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"throughline.dev/kits/go/internal/control"
)

// steeredLimits are what a control document says; 0 where it says nothing.
type steeredLimits struct {
	length, count, queueBytes atomic.Int64
}

func (l *steeredLimits) steer(d *control.Document) {
	var said control.Limits
	if d != nil {
		said = d.Limits
	}
	l.length.Store(int64(said.AttributeLength))
	l.count.Store(int64(said.AttributesPerSpan))
	l.queueBytes.Store(int64(said.QueueBytes))
}

// queueMost is the bound in force where the code's own is most.
func (l *steeredLimits) queueMost(most int64) int64 {
	if said := l.queueBytes.Load(); said > 0 {
		return said
	}
	return most
}

// limitedSpan is a span with fewer and shorter attributes.
type limitedSpan struct {
	sdktrace.ReadOnlySpan
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	dropped    int
}

func (s *limitedSpan) Attributes() []attribute.KeyValue { return s.attributes }
func (s *limitedSpan) Events() []sdktrace.Event         { return s.events }
func (s *limitedSpan) DroppedAttributes() int           { return s.dropped }

// spans applies the limits in the goroutine that exports.
func (l *steeredLimits) spans(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	length, count := int(l.length.Load()), int(l.count.Load())
	if length == 0 && count == 0 {
		return spans
	}
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		limited := &limitedSpan{s, s.Attributes(), s.Events(), s.DroppedAttributes()}
		if count > 0 && len(limited.attributes) > count {
			limited.dropped += len(limited.attributes) - count
			limited.attributes = limited.attributes[:count:count]
		}
		if length > 0 {
			limited.attributes = shortened(limited.attributes, length)
			limited.events = slices.Clone(limited.events)
			for j := range limited.events {
				limited.events[j].Attributes = shortened(limited.events[j].Attributes, length)
			}
		}
		out[i] = limited
	}
	return out
}

// shortened cuts texts after so many characters; the list is copied when one is longer.
func shortened(list []attribute.KeyValue, length int) []attribute.KeyValue {
	copied := false
	for i, kv := range list {
		if kv.Value.Type() != attribute.STRING || utf8.RuneCountInString(kv.Value.AsString()) <= length {
			continue
		}
		if !copied {
			list, copied = slices.Clone(list), true
		}
		text, end := kv.Value.AsString(), 0
		for range length {
			_, size := utf8.DecodeRuneInString(text[end:])
			end += size
		}
		list[i].Value = attribute.StringValue(text[:end])
	}
	return list
}
