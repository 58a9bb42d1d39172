// Package sampling decides which traces are recorded: OpenTelemetry's consistent probability sampling, rules per operation, a
// ceiling, a floor, and traces that are forced. It is tested with spec/vectors/sampling.json, as its twin in Rust is.
package sampling

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Policy is what a sampler decides by.
type Policy struct {
	Independent      bool // decide without regard to the parent
	Default          float64
	Rules            []Rule
	CeilingPerSecond float64 // 0: none
	FloorPerMinute   int     // 0: none
	DebugKeys        []string
}

// Rule is the probability of the roots it matches.
type Rule struct {
	Match       Match
	Probability float64
}

// Match matches spans that have all it names. Empty fields match all.
type Match struct {
	Kind       trace.SpanKind
	Name       string
	NamePrefix string
	Attributes []attribute.KeyValue // known when the span starts
}

// ByName says whether decisions of the policy depend on the names of spans of that kind.
func (p *Policy) ByName(kind trace.SpanKind) bool {
	return p.FloorPerMinute > 0 || slices.ContainsFunc(p.Rules, func(r Rule) bool {
		return (r.Match.Kind == trace.SpanKindUnspecified || r.Match.Kind == kind) && (r.Match.Name != "" || r.Match.NamePrefix != "")
	})
}

// ByAttributes says whether decisions of the policy depend on attributes.
func (p *Policy) ByAttributes() bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return len(r.Match.Attributes) > 0 })
}

// Reason says what decided.
type Reason string

// The reasons, in the order they are asked.
const (
	Parent      Reason = "parent"
	Probability Reason = "probability"
	Ceiling     Reason = "ceiling"
	Floor       Reason = "floor"
	Force       Reason = "force"
)

// Sampler applies a policy. It implements sdktrace.Sampler.
type Sampler struct {
	Policy
	now     func() time.Duration
	odds    odds
	ofRules []odds
	ceiling *ceiling
	floor   *floor
}

// New makes a sampler; now is a monotonic clock.
func New(policy Policy, now func() time.Duration) *Sampler {
	s := &Sampler{Policy: policy, now: now, odds: oddsOf(policy.Default)}
	for _, r := range policy.Rules {
		s.ofRules = append(s.ofRules, oddsOf(r.Probability))
	}
	if policy.CeilingPerSecond > 0 {
		s.ceiling = newCeiling(policy.CeilingPerSecond)
	}
	if policy.FloorPerMinute > 0 {
		s.floor = newFloor(policy.FloorPerMinute)
	}
	return s
}

// Description implements sdktrace.Sampler.
func (s *Sampler) Description() string { return "throughline" }

// ShouldSample implements sdktrace.Sampler.
func (s *Sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	keep, _, state := s.Decide(p)
	if keep {
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: state}
}

// Decide says whether a span is kept, why, and the state it carries.
func (s *Sampler) Decide(p sdktrace.SamplingParameters) (keep bool, why Reason, state trace.TraceState) {
	parent := trace.SpanContextFromContext(p.ParentContext)
	state = parent.TraceState()
	if parent.IsValid() && !s.Independent {
		if parent.IsSampled() {
			return true, Parent, consistent(state, p.TraceID)
		}
		if s.forced(state) {
			return true, Force, withThreshold(state, "")
		}
		return false, Parent, withThreshold(state, "")
	}
	o := s.oddsOf(p)
	keep = !o.never && randomnessOf(state.Get(vendor), p.TraceID) >= o.threshold
	why = Probability
	if s.ceiling != nil && keep {
		var limiting bool
		if keep, limiting = s.ceiling.take(s.now()); limiting {
			why = Ceiling
		}
	}
	if s.floor != nil && !o.never && s.floor.raise(kindOf(p), p.Name, keep, s.now()) {
		keep, why = true, Floor
	}
	if !keep && s.forced(state) {
		keep, why = true, Force
	}
	if keep && why == Probability {
		if state.Len() == 0 {
			return keep, why, o.state
		}
		return keep, why, withThreshold(state, o.digits)
	}
	return keep, why, withThreshold(state, "")
}

// oddsOf gives the odds of the first rule that matches, else the default.
func (s *Sampler) oddsOf(p sdktrace.SamplingParameters) *odds {
	for i := range s.Rules {
		if s.Rules[i].Match.matches(p) {
			return &s.ofRules[i]
		}
	}
	return &s.odds
}

func (m *Match) matches(p sdktrace.SamplingParameters) bool {
	if (m.Kind != trace.SpanKindUnspecified && m.Kind != kindOf(p)) || (m.Name != "" && m.Name != p.Name) ||
		!strings.HasPrefix(p.Name, m.NamePrefix) {
		return false
	}
	for _, want := range m.Attributes {
		if !slices.Contains(p.Attributes, want) {
			return false
		}
	}
	return true
}

func kindOf(p sdktrace.SamplingParameters) trace.SpanKind {
	if p.Kind == trace.SpanKindUnspecified {
		return trace.SpanKindInternal
	}
	return p.Kind
}

// forced says whether the state carries a key of the policy: tl=debug:KEY.
func (s *Sampler) forced(state trace.TraceState) bool {
	if len(s.DebugKeys) == 0 {
		return false
	}
	key, found := strings.CutPrefix(state.Get(debugVendor), debugPrefix)
	return found && slices.Contains(s.DebugKeys, key)
}

// Equal says whether two policies ask for the same.
func (p *Policy) Equal(other *Policy) bool { return reflect.DeepEqual(p, other) }
