package redact

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// anyValue reads an OTLP/JSON AnyValue.
func anyValue(t *testing.T, raw json.RawMessage) attribute.Value {
	t.Helper()
	var v struct {
		String *string  `json:"stringValue"`
		Int    *string  `json:"intValue"`
		Double *float64 `json:"doubleValue"`
		Bool   *bool    `json:"boolValue"`
		Bytes  *string  `json:"bytesValue"`
		Array  *struct {
			Values []json.RawMessage
		} `json:"arrayValue"`
		Map *struct {
			Values []struct {
				Key   string
				Value json.RawMessage
			}
		} `json:"kvlistValue"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	switch {
	case v.Int != nil:
		n, err := strconv.ParseInt(*v.Int, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return attribute.Int64Value(n)
	case v.Double != nil:
		return attribute.Float64Value(*v.Double)
	case v.Bool != nil:
		return attribute.BoolValue(*v.Bool)
	case v.Bytes != nil:
		b, err := base64.StdEncoding.DecodeString(*v.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return attribute.ByteSliceValue(b)
	case v.Array != nil:
		var list []attribute.Value
		for _, item := range v.Array.Values {
			list = append(list, anyValue(t, item))
		}
		return attribute.SliceValue(list...)
	case v.Map != nil:
		var list []attribute.KeyValue
		for _, member := range v.Map.Values {
			list = append(list, attribute.KeyValue{Key: attribute.Key(member.Key), Value: anyValue(t, member.Value)})
		}
		return attribute.MapValue(list...)
	}
	return attribute.StringValue(*v.String)
}

func TestRedactionVectors(t *testing.T) {
	type vector struct {
		Name      string
		Key       *string
		Denied    bool
		Text      *string
		Redacted  json.RawMessage
		Attribute *struct {
			Key   string
			Value json.RawMessage
		}
		Rules *struct {
			Keys   []string
			Values []struct {
				Re   string
				With *string
			}
		}
		Re       *string
		Accepted bool
	}
	data, err := os.ReadFile("../../../../spec/vectors/redaction.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []vector }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 200 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		rules := Default()
		if c.Rules != nil {
			var values []Value
			for _, v := range c.Rules.Values {
				with := Redacted
				if v.With != nil {
					with = *v.With
				}
				values = append(values, Value{v.Re, with})
			}
			if rules, err = rules.With(c.Rules.Keys, values); err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
		}
		switch {
		case c.Key != nil:
			if got := rules.Denied(*c.Key); got != c.Denied {
				t.Errorf("%s: denied is %t", c.Name, got)
			}
		case c.Text != nil:
			var want string
			if err := json.Unmarshal(c.Redacted, &want); err != nil {
				t.Fatal(err)
			}
			if got := rules.Text(*c.Text); got != want {
				t.Errorf("%s: %q", c.Name, got)
			}
		case c.Attribute != nil:
			before, want := anyValue(t, c.Attribute.Value), anyValue(t, c.Redacted)
			got, changed := rules.Attribute(attribute.KeyValue{Key: attribute.Key(c.Attribute.Key), Value: before})
			if !reflect.DeepEqual(got, want) || changed == reflect.DeepEqual(before, want) {
				t.Errorf("%s: %s, changed is %t", c.Name, got.String(), changed)
			}
		case c.Re != nil:
			if _, err := rules.With(nil, []Value{{*c.Re, Redacted}}); (err == nil) != c.Accepted {
				t.Errorf("%s: %v", c.Name, err)
			}
		default:
			t.Errorf("%s: unknown kind", c.Name)
		}
	}
}

// FuzzText: whatever the text, redacting twice is redacting once, and nothing panics.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"password=x&a", `{"token":["a"`, "4111 1111 1111 1111", "https://a:b@c/", "Cookie: a\r\n", `\"secret\":\"`, "a=Bearer "} {
		f.Add(seed)
	}
	rules := Default()
	f.Fuzz(func(t *testing.T, s string) {
		once := rules.Text(s)
		if again := rules.Text(once); again != once {
			t.Errorf("%q became %q, then %q", s, once, again)
		}
	})
}

// FuzzPattern: whatever is written as a rule, it is refused, or it is an expression that does not match the empty text.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"o-[0-9]+", "[", "a**", "(?i)x", "\\p{L}", "x{1001}", "[[:alpha:]]", "a|", "\\", "[\\d-z]", "é+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		re, err := compile(pattern)
		if err == nil && (re.MatchString("") || len(pattern) > patternBytesMax) {
			t.Fatalf("%q was accepted", pattern)
		}
	})
}
