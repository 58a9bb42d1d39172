// Package redact withholds secrets from telemetry before it leaves the process, by the same rules in every kit
// (spec/vectors/redaction.json). A [Rules] is immutable, so readers need no lock and a new one takes effect at once.
package redact

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// Redacted stands where something was withheld.
const Redacted = "[redacted]"

const (
	rulesMax       = 64 // keys, and values, one may add
	keyBytesMax    = 128
	valueReplaced  = 64 // bytes of a replacement
	cardIntegerMin = 1_000_000_000_000
)

// defaultKeys are always denied.
var defaultKeys = []string{
	"*authorization", "cookie", "cookies", "set_cookie", "*_cookie", "*password*", "*passwd*", "pwd", "*_pwd", "*passphrase*", "*secret*",
	"token", "*_token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "*api_key", "*apikey", "*private_key", "privatekey",
	"*access_key", "accesskey", "awsaccesskeyid", "credential", "credentials", "*_credentials", "jwt", "sig", "signature", "*_signature",
	"card_number", "cardnumber", "cvv", "cvc", "ssn",
}

// Value replaces what a regular expression matches. The expression is of the common subset of RE2 and Rust's regex.
type Value struct {
	Re   string
	With string // default [Redacted]
}

// Rules is what is withheld.
type Rules struct {
	keys   []string
	values []value

	// Telemetry has the same few names over and over, and matching one against every pattern costs more than all the rest.
	judged      sync.Map // name -> whether it is denied
	judgedCount atomic.Int64
}

// judgedMax bounds what is remembered; names beyond it, and longer ones than keyBytesMax, are judged each time.
const judgedMax = 1024

type value struct {
	re   *regexp.Regexp
	with string
}

// Default returns the rules that always hold.
func Default() *Rules {
	r := &Rules{}
	for _, pattern := range defaultKeys {
		r.keys = append(r.keys, normal(pattern))
	}
	return r
}

// With returns r and more; r stays as it is. The error names what cannot be used.
func (r *Rules) With(keys []string, values []Value) (*Rules, error) {
	more := &Rules{keys: slices.Clone(r.keys), values: slices.Clone(r.values)}
	if len(keys) > rulesMax || len(values) > rulesMax {
		return nil, fmt.Errorf("more than %d redaction rules", rulesMax)
	}
	for _, key := range keys {
		if strings.Trim(key, "*") == "" || len(key) > keyBytesMax {
			return nil, fmt.Errorf("redaction key %q is empty, or longer than %d bytes, or matches everything", key, keyBytesMax)
		}
		more.keys = append(more.keys, normal(key))
	}
	for _, v := range values {
		re, err := compile(v.Re)
		if err != nil {
			return nil, fmt.Errorf("redaction rule %q: %w", v.Re, err)
		}
		if len(v.With) > valueReplaced {
			return nil, fmt.Errorf("redaction rule %q: the replacement is longer than %d bytes", v.Re, valueReplaced)
		}
		more.values = append(more.values, value{re, v.With})
	}
	return more, nil
}

// normal is the form names are compared in.
func normal(name string) string {
	b := make([]byte, 0, len(name))
	for _, c := range []byte(name) {
		switch {
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		case c == '-':
			b = append(b, '_')
		case c == '[':
			b = append(b, '.')
		case c == ']':
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// Denied reports whether what has this name is withheld whatever its value.
func (r *Rules) Denied(name string) bool {
	if name == "" {
		return false
	}
	if known, ok := r.judged.Load(name); ok {
		return known.(bool)
	}
	denied := r.judge(normal(name))
	if len(name) <= keyBytesMax && r.judgedCount.Load() < judgedMax {
		r.judged.Store(strings.Clone(name), denied) // a clone: the name may be a part of something large
		r.judgedCount.Add(1)
	}
	return denied
}

func (r *Rules) judge(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, pattern := range r.keys {
		if glob(pattern, last) || len(last) < len(name) && glob(pattern, name) {
			return true
		}
	}
	return false
}

// glob matches the whole of s; each * takes as little as it can and more when that fails, which is linear in practice
// because only the last * is ever tried again.
func glob(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Text returns s without what the rules withhold; s itself when that is nothing.
func (r *Rules) Text(s string) string {
	s = userInfo(s)
	s = webTokens(s)
	s = credentials(s)
	s = r.assignments(s)
	s = cards(s)
	for _, v := range r.values {
		s = v.re.ReplaceAllLiteralString(s, v.with)
	}
	return s
}

// Attribute returns the value of an attribute without what the rules withhold, and whether that changed it.
func (r *Rules) Attribute(kv attribute.KeyValue) (attribute.Value, bool) {
	if r.Denied(string(kv.Key)) {
		return attribute.StringValue(Redacted), true
	}
	return r.Value(kv.Value)
}

// Value is Attribute for what has no name, such as the body of a log record.
func (r *Rules) Value(v attribute.Value) (attribute.Value, bool) {
	switch v.Type() {
	case attribute.STRING:
		before := v.AsString()
		if after := r.Text(before); after != before {
			return attribute.StringValue(after), true
		}
	case attribute.INT64:
		if n := v.AsInt64(); n >= cardIntegerMin && cards(strconv.FormatInt(n, 10)) == Redacted {
			return attribute.StringValue(Redacted), true
		}
	case attribute.STRINGSLICE:
		list, changed := v.AsStringSlice(), false
		for i, before := range list {
			list[i] = r.Text(before)
			changed = changed || list[i] != before
		}
		if changed {
			return attribute.StringSliceValue(list), true
		}
	case attribute.SLICE:
		list, changed := v.AsSlice(), false
		for i, before := range list {
			if after, redacted := r.Value(before); redacted {
				list[i], changed = after, true
			}
		}
		if changed {
			return attribute.SliceValue(list...), true
		}
	case attribute.MAP:
		if list, changed := r.Attributes(v.AsMap()); changed {
			return attribute.MapValue(list...), true
		}
	}
	return v, false
}

// Attributes returns a list without what the rules withhold: a copy when that is something, the same list when not.
func (r *Rules) Attributes(list []attribute.KeyValue) (_ []attribute.KeyValue, changed bool) {
	for i, kv := range list {
		after, redacted := r.Attribute(kv)
		if !redacted {
			continue
		}
		if !changed {
			list, changed = slices.Clone(list), true
		}
		list[i].Value = after
	}
	return list, changed
}
