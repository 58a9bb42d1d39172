package tllog

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// vectors is spec/vectors/log-lines.json, which the Rust kit is tested against too.
type vectors struct {
	Cases []struct {
		Name  string
		Input struct {
			TsNs       string `json:"ts_ns"`
			Level      string
			Msg        string
			Service    string
			TraceID    string `json:"trace_id"`
			SpanID     string `json:"span_id"`
			TraceFlags string `json:"trace_flags"`
			Scope      string
			Event      string
			Attrs      []keyValue
			Error      struct{ Type, Message string }
		}
		Line string
	}
}

type keyValue struct {
	Key   string
	Value anyValue
}

// anyValue is OTLP/JSON's AnyValue.
type anyValue struct {
	StringValue *string
	BoolValue   *bool
	IntValue    *string
	DoubleValue json.RawMessage
	BytesValue  *string
	ArrayValue  *struct{ Values []anyValue }
	KvlistValue *struct{ Values []keyValue }
}

func (v anyValue) value(t *testing.T) attribute.Value {
	t.Helper()
	switch {
	case v.StringValue != nil:
		return attribute.StringValue(*v.StringValue)
	case v.BoolValue != nil:
		return attribute.BoolValue(*v.BoolValue)
	case v.IntValue != nil:
		n, err := strconv.ParseInt(*v.IntValue, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return attribute.Int64Value(n)
	case v.DoubleValue != nil:
		special := map[string]float64{`"NaN"`: math.NaN(), `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1)}
		if f, ok := special[string(v.DoubleValue)]; ok {
			return attribute.Float64Value(f)
		}
		f, err := strconv.ParseFloat(string(v.DoubleValue), 64)
		if err != nil {
			t.Fatal(err)
		}
		return attribute.Float64Value(f)
	case v.BytesValue != nil:
		b, err := base64.StdEncoding.DecodeString(*v.BytesValue)
		if err != nil {
			t.Fatal(err)
		}
		return attribute.ByteSliceValue(b)
	case v.ArrayValue != nil:
		var list []attribute.Value
		for _, member := range v.ArrayValue.Values {
			list = append(list, member.value(t))
		}
		return attribute.SliceValue(list...)
	case v.KvlistValue != nil:
		return attribute.MapValue(attributesOf(t, v.KvlistValue.Values)...)
	}
	t.Fatalf("an empty value")
	return attribute.Value{}
}

func attributesOf(t *testing.T, list []keyValue) []attribute.KeyValue {
	t.Helper()
	var attrs []attribute.KeyValue
	for _, kv := range list {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(kv.Key), Value: kv.Value.value(t)})
	}
	return attrs
}

func TestLinesMatchTheSharedVectors(t *testing.T) {
	data, err := os.ReadFile("../../../spec/vectors/log-lines.json")
	if os.IsNotExist(err) {
		t.Skip("the shared vectors are in the repository, not in the module")
	}
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 20 {
		t.Fatalf("only %d cases were read", len(v.Cases))
	}
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			ns, err := strconv.ParseInt(c.Input.TsNs, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			l := line{
				time: time.Unix(0, ns), level: c.Input.Level, message: c.Input.Msg, service: c.Input.Service,
				scope: c.Input.Scope, event: c.Input.Event, attrs: attributesOf(t, c.Input.Attrs),
				failure: failure{c.Input.Error.Type, c.Input.Error.Message},
			}
			if c.Input.TraceID != "" {
				l.span = spanContext(t, c.Input.TraceID, c.Input.SpanID, c.Input.TraceFlags)
			}
			if got := string(l.appendTo(nil)); got != c.Line {
				t.Fatalf("got  %s\nwant %s", got, c.Line)
			}
		})
	}
}

func spanContext(t *testing.T, traceID, spanID, flags string) trace.SpanContext {
	t.Helper()
	id, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		t.Fatal(err)
	}
	span, err := trace.SpanIDFromHex(spanID)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(flags, 16, 8)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(n)})
}

// FuzzLine: whatever is logged, the line is valid JSON and one line.
func FuzzLine(f *testing.F) {
	f.Add("msg", "key", "value", 0.1)
	f.Add("\xff\u2028\n", "\"", "\x00", math.Inf(1))
	f.Fuzz(func(t *testing.T, msg, key, value string, number float64) {
		l := line{level: "info", message: msg, service: value, attrs: []attribute.KeyValue{
			attribute.String(key, value), attribute.Float64("n", number)}}
		b := l.appendTo(nil)
		if !json.Valid(b) {
			t.Fatalf("not JSON: %q", b)
		}
		for _, c := range b {
			if c < 0x20 {
				t.Fatalf("a control character: %q", b)
			}
		}
	})
}
