// Package control steers a kit at run time: the document an operator writes, its rules of acceptance, and the client that keeps
// asking for it. It is tested with spec/vectors/control.json, as its twin in Rust is.
package control

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/sampling"
)

// Document is what an operator asks of a kit. Nothing said means that the code's own settings count.
type Document struct {
	Revision              int64
	TTL                   time.Duration
	Enabled               bool
	Traces, Metrics, Logs bool
	Instrumentations      map[string]bool // only those that are said to be on or off
	Sampling              *sampling.Policy
	Redaction             *Redaction
	Limits                Limits
	Level                 string
	Levels                map[string]string // by scope
}

// Redaction are rules beside those of the code.
type Redaction struct {
	Keys   []string
	Values []Replacement
}

// Replacement replaces what matches an expression.
type Replacement struct{ Expression, With string }

// Limits are 0 where nothing is said.
type Limits struct{ AttributeLength, AttributesPerSpan, QueueBytes int }

// The bounds of a document.
const (
	BodyBytesMax        = 64 << 10
	revisionMax         = 1<<53 - 1
	ttlDefault          = 900
	ttlMax              = 7 * 24 * 3600
	instrumentationsMax = 64
	rulesMax            = 100
	attributesMax       = 8
	textBytesMax        = 256
	keysMax             = 16
	keyBytesMax         = 64
	floorMax            = 1000
	redactKeysMax       = 100
	redactKeyBytesMax   = 128
	redactValuesMax     = 32
	replacementBytesMax = 64
	overridesMax        = 64
	replacementDefault  = "[redacted]"
)

var levels = []string{"trace", "debug", "info", "warn", "error"}

var kinds = map[string]trace.SpanKind{
	"SERVER": trace.SpanKindServer, "CLIENT": trace.SpanKindClient, "PRODUCER": trace.SpanKindProducer,
	"CONSUMER": trace.SpanKindConsumer, "INTERNAL": trace.SpanKindInternal,
}

// KindOf reads a span kind as documents write it; anything else is unspecified.
func KindOf(name string) trace.SpanKind { return kinds[name] }

// Parse reads a document. The error holds every problem.
func Parse(body []byte) (*Document, error) {
	if len(body) > BodyBytesMax {
		return nil, fmt.Errorf("the document has more than %d bytes", BodyBytesMax)
	}
	tree, err := decode(body)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	o := object{r, "", tree}
	d := &Document{}
	if o.values["v"] != 1.0 {
		r.problem("v", "is not 1, the one version this kit knows")
	}
	if o.values["revision"] == nil {
		r.problem("revision", "is missing")
	}
	d.Revision = int64(o.whole("revision", 1, revisionMax, 1))
	d.TTL = time.Duration(o.whole("ttl_s", 1, ttlMax, ttlDefault)) * time.Second
	d.Enabled = o.flag("enabled", true)
	signals := o.object("signals")
	d.Traces, d.Metrics, d.Logs = signals.flag("traces", true), signals.flag("metrics", true), signals.flag("logs", true)
	d.Instrumentations = instrumentationsOf(o.object("instrumentations"))
	if o.has("sampling") {
		d.Sampling = policyOf(o.object("sampling"))
	}
	if o.has("redact") {
		d.Redaction = redactionOf(o.object("redact"))
	}
	limits := o.object("limits")
	d.Limits = Limits{limits.whole("attr_value_len", 16, 65536, 0), limits.whole("attrs_per_span", 1, 1024, 0),
		limits.whole("queue_bytes", 64<<10, 1<<30, 0)}
	d.Level, d.Levels = levelsOf(o.object("logs"))
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return d, nil
}

// On says whether an instrumentation is switched on: by its own name, else by the nearest family (http of http.server).
func (d *Document) On(name string) bool {
	if !d.Enabled {
		return false
	}
	for {
		if on, said := d.Instrumentations[name]; said {
			return on
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return true
		}
		name = name[:i]
	}
}

// LevelOf is the least severe level of a scope, "" where the document says nothing.
func (d *Document) LevelOf(scope string) string {
	level, longest := d.Level, -1
	for name, l := range d.Levels {
		rest, covers := strings.CutPrefix(scope, name)
		covers = covers && (rest == "" || rest[0] == '.' || rest[0] == '/' || strings.HasPrefix(rest, "::"))
		if covers && len(name) > longest {
			level, longest = l, len(name)
		}
	}
	return level
}

func instrumentationsOf(o object) map[string]bool {
	switches := map[string]bool{}
	o.count("", len(o.values), instrumentationsMax)
	for name, value := range o.values {
		switch value := value.(type) {
		case nil:
		case bool:
			switches[name] = value
		case map[string]any:
			own := object{o.r, o.at(name), value}
			if own.has("enabled") {
				switches[name] = own.flag("enabled", true)
			}
		default:
			o.r.problem(o.at(name), "is neither true, false nor an object")
		}
		if name == "" {
			o.r.problem(o.at(name), "has no name")
		}
	}
	return switches
}

func policyOf(o object) *sampling.Policy {
	p := &sampling.Policy{
		Independent:      !o.flag("parent_based", true),
		Default:          o.number("default", 0, 1, 1),
		CeilingPerSecond: o.number("ceiling_per_s", sampling.RateMin, sampling.RateMax, 0),
		FloorPerMinute:   o.whole("floor_per_min", 0, floorMax, 0),
	}
	for i, key := range o.list("debug_keys", keysMax) {
		at := fmt.Sprintf("%s[%d]", o.at("debug_keys"), i)
		text := o.r.text(at, key, keyBytesMax, false)
		if strings.ContainsFunc(text, func(c rune) bool { return !isKeyRune(c) }) {
			o.r.problem(at, "has more than letters, digits, - and _")
		}
		p.DebugKeys = append(p.DebugKeys, text)
	}
	for i, value := range o.list("rules", rulesMax) {
		rule := o.r.object(fmt.Sprintf("%s[%d]", o.at("rules"), i), value)
		if !rule.has("p") {
			o.r.problem(rule.at("p"), "is missing")
		}
		p.Rules = append(p.Rules, sampling.Rule{Match: matchOf(rule.object("match")), Probability: rule.number("p", 0, 1, 0)})
	}
	return p
}

func isKeyRune(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func matchOf(o object) sampling.Match {
	m := sampling.Match{Name: o.text("name", textBytesMax), NamePrefix: o.text("name_prefix", textBytesMax)}
	if kind := o.text("kind", textBytesMax); kind != "" {
		if m.Kind = KindOf(kind); m.Kind == trace.SpanKindUnspecified {
			o.r.problem(o.at("kind"), "is not one of SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL")
		}
	}
	attributes := o.object("attributes")
	attributes.count("", len(attributes.values), attributesMax)
	for _, key := range slices.Sorted(maps.Keys(attributes.values)) {
		switch value := attributes.values[key].(type) {
		case string:
			m.Attributes = append(m.Attributes, attribute.String(key, o.r.text(attributes.at(key), value, textBytesMax, true)))
		case bool:
			m.Attributes = append(m.Attributes, attribute.Bool(key, value))
		case float64:
			m.Attributes = append(m.Attributes, attribute.Int64(key, int64(attributes.whole(key, -revisionMax, revisionMax, 0))))
		default:
			o.r.problem(attributes.at(key), "is neither text, number, true nor false")
		}
	}
	return m
}

func redactionOf(o object) *Redaction {
	red := &Redaction{}
	for i, key := range o.list("keys", redactKeysMax) {
		red.Keys = append(red.Keys, o.r.text(fmt.Sprintf("%s[%d]", o.at("keys"), i), key, redactKeyBytesMax, false))
	}
	for i, value := range o.list("values", redactValuesMax) {
		v := o.r.object(fmt.Sprintf("%s[%d]", o.at("values"), i), value)
		re := Replacement{Expression: o.r.text(v.at("re"), v.values["re"], textBytesMax, false), With: replacementDefault}
		if v.has("with") {
			re.With = v.text("with", replacementBytesMax)
		}
		red.Values = append(red.Values, re)
	}
	return red
}

func levelsOf(o object) (level string, overrides map[string]string) {
	read := func(at string, value any) string {
		text := o.r.text(at, value, textBytesMax, false)
		if text != "" && !slices.Contains(levels, text) {
			o.r.problem(at, "is not one of "+strings.Join(levels, ", "))
		}
		return text
	}
	if o.has("level") {
		level = read(o.at("level"), o.values["level"])
	}
	overrides = map[string]string{}
	scopes := o.object("overrides")
	scopes.count("", len(scopes.values), overridesMax)
	for scope, value := range scopes.values {
		if scope == "" {
			o.r.problem(scopes.at(scope), "has no name")
		}
		overrides[scope] = read(scopes.at(scope), value)
	}
	return level, overrides
}
