package throughline

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/control"
	"throughline.dev/kits/go/internal/sampling"
)

// Sampling says which traces are recorded. A trace is decided once, where it begins, and followed by all who take part in it.
type Sampling struct {
	// Probability of the traces no rule matches, from 0 to 1.
	Probability float64
	// Rules for operations; the first that matches counts.
	Rules []SamplingRule
	// CeilingPerSecond is how many traces this process begins at most, with bursts of a second's worth. 0: no ceiling.
	CeilingPerSecond float64
	// FloorPerMinute is how many traces of each operation are recorded at least, unless its probability is 0.
	FloorPerMinute int
	// DebugKeys force a trace: who sends one in tracestate, as tl=debug:KEY, has the trace recorded from here on.
	DebugKeys []string
	// IgnoreParent decides each span by itself. Traces then have holes.
	IgnoreParent bool
}

// SamplingRule is the probability of the operations it matches: of all that have everything it names.
type SamplingRule struct {
	Kind        trace.SpanKind       // 0: any
	Name        string               // of the span: "GET /orders/{id}"
	NamePrefix  string               // of the span: "GET /admin/"
	Attributes  []attribute.KeyValue // known when the span starts: texts, booleans, whole numbers
	Probability float64              // from 0, never, to 1, always
}

// WithSampling chooses which traces are recorded. Default: the parent's decision, else all. OTEL_TRACES_SAMPLER wins over it, and
// remote control over both.
func WithSampling(s Sampling) Option { return func(o *settings) { o.sampling = &s } }

func (s Sampling) policy() (sampling.Policy, error) {
	p := sampling.Policy{Independent: s.IgnoreParent, Default: s.Probability, CeilingPerSecond: s.CeilingPerSecond,
		FloorPerMinute: s.FloorPerMinute, DebugKeys: s.DebugKeys}
	for _, r := range s.Rules {
		match := sampling.Match{Kind: r.Kind, Name: r.Name, NamePrefix: r.NamePrefix, Attributes: r.Attributes}
		p.Rules = append(p.Rules, sampling.Rule{Match: match, Probability: r.Probability})
	}
	for _, probability := range append([]float64{s.Probability}, probabilities(p.Rules)...) {
		if !(probability >= 0 && probability <= 1) {
			return p, fmt.Errorf("the sampling option: %v is not a probability between 0 and 1", probability)
		}
	}
	if !(s.CeilingPerSecond >= 0) || s.FloorPerMinute < 0 {
		return p, fmt.Errorf("the sampling option: ceiling %v and floor %d must not be negative", s.CeilingPerSecond, s.FloorPerMinute)
	}
	return p, nil
}

func probabilities(rules []sampling.Rule) []float64 {
	list := make([]float64, len(rules))
	for i, r := range rules {
		list[i] = r.Probability
	}
	return list
}

// steeredSampler decides by what was said remotely, else by the service's own sampler.
type steeredSampler struct {
	own    sdktrace.Sampler
	clock  func() time.Duration
	remote atomic.Pointer[sampling.Sampler]
	named  atomic.Bool // decisions about HTTP servers depend on span names
	noted  atomic.Bool // decisions depend on attributes
}

func newSteeredSampler(own sdktrace.Sampler, policy sampling.Policy) *steeredSampler {
	began := time.Now()
	s := &steeredSampler{own: own, clock: func() time.Duration { return time.Since(began) }}
	if own == nil {
		s.own = sampling.New(policy, s.clock)
	}
	s.steer(nil)
	return s
}

// steer takes the policy of a document. The same policy again keeps its ceiling and its floor as they stand.
func (s *steeredSampler) steer(d *control.Document) {
	current, _ := s.own.(*sampling.Sampler)
	if d == nil || d.Sampling == nil {
		s.remote.Store(nil)
	} else {
		current = s.remote.Load()
		if current == nil || !current.Policy.Equal(d.Sampling) {
			current = sampling.New(*d.Sampling, s.clock)
			s.remote.Store(current)
		}
	}
	s.named.Store(current != nil && current.ByName(trace.SpanKindServer))
	s.noted.Store(current == nil || current.ByAttributes()) // a service's own sampler may look at anything
}

func (s *steeredSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if remote := s.remote.Load(); remote != nil {
		return remote.ShouldSample(p)
	}
	return s.own.ShouldSample(p)
}

func (s *steeredSampler) Description() string { return "throughline" }

// SamplesByName says whether a server should know its route before it starts a span, because sampling depends on it.
func (k *Kit) SamplesByName() bool { return k != nil && k.sampler != nil && k.sampler.named.Load() }

// SamplesByAttributes says whether spans must have their attributes when they start, because sampling may depend on them. When it does
// not, instrumentation had better add them after the start, if the span is recorded: it spares two copies, and spans that are not
// recorded all of the work.
func (k *Kit) SamplesByAttributes() bool {
	return k != nil && k.sampler != nil && k.sampler.noted.Load()
}
