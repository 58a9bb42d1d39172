// The JSON log line, byte for byte the one of the Rust kit; spec/vectors/log-lines.json is the shared truth:
//
//	{"ts":…,"level":…,"msg":…,"service":…,"trace_id":…,"span_id":…,"trace_flags":…,"scope":…,"event":…,
//	 "attrs":{…sorted…},"error":{"type":…,"message":…}}
//
// A field without a value is left out. encoding/json is not used because it escapes for HTML and keeps no field order.

package tllog

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

type line struct {
	time    time.Time
	level   string
	message string
	service string
	span    trace.SpanContext
	scope   string
	event   string
	attrs   []attribute.KeyValue // any order; the last of equal keys wins
	failure failure
}

type failure struct{ kind, message string }

// appendTo appends the line without a newline.
func (l *line) appendTo(b []byte) []byte {
	b = append(b, `{"ts":"`...)
	b = l.time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, l.level...)
	b = append(b, `","msg":`...)
	b = appendString(b, l.message)
	b = appendField(b, `,"service":`, l.service)
	if l.span.IsValid() {
		b = appendField(b, `,"trace_id":`, l.span.TraceID().String())
		b = appendField(b, `,"span_id":`, l.span.SpanID().String())
		b = appendField(b, `,"trace_flags":`, l.span.TraceFlags().String())
	}
	b = appendField(b, `,"scope":`, l.scope)
	b = appendField(b, `,"event":`, l.event)
	if len(l.attrs) > 0 {
		b = append(b, `,"attrs":`...)
		b = appendMap(b, l.attrs)
	}
	if l.failure != (failure{}) {
		b = append(b, `,"error":{`...)
		from := len(b)
		b = appendField(b, `,"type":`, l.failure.kind)
		b = appendField(b, `,"message":`, l.failure.message)
		b = append(slices.Delete(b, from, from+1), '}') // the first comma
	}
	return append(b, '}')
}

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

func appendMap(b []byte, attrs []attribute.KeyValue) []byte {
	sorted := slices.Clone(attrs)
	slices.SortStableFunc(sorted, func(x, y attribute.KeyValue) int { return strings.Compare(string(x.Key), string(y.Key)) })
	b = append(b, '{')
	first := true
	for i, kv := range sorted {
		if i+1 < len(sorted) && sorted[i+1].Key == kv.Key {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(b, string(kv.Key))
		b = append(b, ':')
		b = appendValue(b, kv.Value)
	}
	return append(b, '}')
}

func appendValue(b []byte, v attribute.Value) []byte {
	switch v.Type() {
	case attribute.BOOL:
		return strconv.AppendBool(b, v.AsBool())
	case attribute.INT64:
		return strconv.AppendInt(b, v.AsInt64(), 10)
	case attribute.FLOAT64:
		return appendFloat(b, v.AsFloat64())
	case attribute.STRING:
		return appendString(b, v.AsString())
	case attribute.BYTESLICE:
		return appendString(b, base64.StdEncoding.EncodeToString(v.AsByteSlice()))
	case attribute.BOOLSLICE:
		return appendList(b, v.AsBoolSlice(), strconv.AppendBool)
	case attribute.INT64SLICE:
		return appendList(b, v.AsInt64Slice(), func(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) })
	case attribute.FLOAT64SLICE:
		return appendList(b, v.AsFloat64Slice(), appendFloat)
	case attribute.STRINGSLICE:
		return appendList(b, v.AsStringSlice(), appendString)
	case attribute.SLICE:
		return appendList(b, v.AsSlice(), appendValue)
	case attribute.MAP:
		return appendMap(b, v.AsMap())
	}
	return append(b, "null"...)
}

func appendList[T any](b []byte, list []T, appendOne func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, v)
	}
	return append(b, ']')
}

// appendFloat writes a double as ECMAScript's Number::toString does; what JSON cannot say is a string.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	case f == 0: // -0 too
		return append(b, '0')
	}
	if size := math.Abs(f); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	// Go pads the exponent to two digits: 1e-07. ECMAScript does not.
	if n := len(b); n-from >= 4 && b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
		b = append(b[:n-2], b[n-1])
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch r {
			case '\u2028':
				b = append(b, `\u2028`...)
			case '\u2029':
				b = append(b, `\u2029`...)
			default:
				b = utf8.AppendRune(b, r)
			}
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
