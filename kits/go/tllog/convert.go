package tllog

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
)

// collected are the attributes of a record, groups flattened to dotted keys as OpenTelemetry writes them, and the two that
// have fields of their own.
type collected struct {
	attrs   []attribute.KeyValue
	event   string
	failure failure
}

func (c *collected) add(prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return
	}
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			c.add(prefix, member)
		}
		return
	}
	if prefix == "" && c.takeField(a.Key, value) {
		return
	}
	c.attrs = append(c.attrs, attribute.KeyValue{Key: attribute.Key(prefix + a.Key), Value: convert(value)})
}

func (c *collected) takeField(key string, value slog.Value) bool {
	switch key {
	case keyEvent:
		if value.Kind() == slog.KindString {
			c.event = value.String()
			return true
		}
	case keyError, keyErr:
		if value.Kind() != slog.KindAny {
			return false
		}
		err, ok := value.Any().(error)
		if ok {
			c.failure = failure{kind: throughline.ErrorType(err), message: fmt.Sprint(err)}
		}
		return ok || value.Any() == nil // a nil error says nothing
	}
	return false
}

// convert keeps the types OpenTelemetry has; durations and times become text, the rest what fmt makes of it.
func convert(v slog.Value) attribute.Value {
	switch v.Kind() {
	case slog.KindString:
		return attribute.StringValue(v.String())
	case slog.KindInt64:
		return attribute.Int64Value(v.Int64())
	case slog.KindUint64:
		if n := v.Uint64(); n > math.MaxInt64 {
			return attribute.StringValue(strconv.FormatUint(n, 10))
		}
		return attribute.Int64Value(int64(v.Uint64()))
	case slog.KindFloat64:
		return attribute.Float64Value(v.Float64())
	case slog.KindBool:
		return attribute.BoolValue(v.Bool())
	case slog.KindDuration:
		return attribute.StringValue(v.Duration().String())
	case slog.KindTime:
		return attribute.StringValue(v.Time().UTC().Format(time.RFC3339Nano))
	}
	switch x := v.Any().(type) {
	case attribute.Value:
		return x
	case []byte:
		return attribute.ByteSliceValue(x)
	case []string:
		return attribute.StringSliceValue(x)
	case []int:
		return attribute.IntSliceValue(x)
	case []int64:
		return attribute.Int64SliceValue(x)
	case []float64:
		return attribute.Float64SliceValue(x)
	case []bool:
		return attribute.BoolSliceValue(x)
	case error, fmt.Stringer: // fmt survives their panics
		return attribute.StringValue(fmt.Sprint(x))
	}
	return attribute.StringValue(fmt.Sprintf("%+v", v.Any()))
}
