// Applying the redaction rules to what is exported, in the goroutine that exports.

package throughline

import (
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"throughline.dev/kits/go/internal/redact"
)

// RedactionRule withholds what a regular expression matches. Expressions are the common subset of RE2 and Rust's regex, so that
// both kits read them alike.
type RedactionRule struct {
	Regexp string // the common subset of RE2 and Rust's regex, with ASCII classes
	With   string // stands in its place; "" removes it
}

// redaction holds the rules in force. The defaults and what options add always hold; set replaces what was set before.
type redaction struct {
	mu    sync.Mutex
	base  *redact.Rules
	rules atomic.Pointer[redact.Rules]
}

// add is for options, before anything runs.
func (r *redaction) add(keys []string, rules []RedactionRule) error {
	base, err := redact.Default().With(keys, values(rules))
	if err != nil {
		base = redact.Default()
	}
	r.base = base
	r.rules.Store(base)
	return err
}

// set replaces the rules that came at run time. When one cannot be used, all stay as they were.
func (r *redaction) set(keys []string, rules []RedactionRule) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.base.With(keys, values(rules))
	if err == nil {
		r.rules.Store(next)
	}
	return err
}

func values(rules []RedactionRule) []redact.Value {
	out := make([]redact.Value, len(rules))
	for i, rule := range rules {
		out[i] = redact.Value{Re: rule.Regexp, With: rule.With}
	}
	return out
}

// RedactText returns text without secrets, as the kit's rules have it.
func (k *Kit) RedactText(text string) string {
	if k == nil {
		return text
	}
	return k.redact.rules.Load().Text(text)
}

// RedactAttributes returns attributes without secrets: the same list when there are none in it, else a copy.
func (k *Kit) RedactAttributes(list []attribute.KeyValue) []attribute.KeyValue {
	if k == nil {
		return list
	}
	list, _ = k.redact.rules.Load().Attributes(list)
	return list
}

// redactedSpan is a span with secrets withheld; the SDK's spans are read-only.
type redactedSpan struct {
	sdktrace.ReadOnlySpan
	name       string
	status     sdktrace.Status
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link
}

func (s *redactedSpan) Name() string                     { return s.name }
func (s *redactedSpan) Status() sdktrace.Status          { return s.status }
func (s *redactedSpan) Attributes() []attribute.KeyValue { return s.attributes }
func (s *redactedSpan) Events() []sdktrace.Event         { return s.events }
func (s *redactedSpan) Links() []sdktrace.Link           { return s.links }

func (r *redaction) spans(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	rules := r.rules.Load()
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		out[i] = redactSpan(rules, s)
	}
	return out
}

func redactSpan(rules *redact.Rules, s sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	out := redactedSpan{ReadOnlySpan: s, name: rules.Text(s.Name()), status: s.Status(), events: s.Events(), links: s.Links()}
	out.status.Description = rules.Text(out.status.Description)
	var changed bool
	out.attributes, changed = rules.Attributes(s.Attributes())
	changed = changed || out.name != s.Name() || out.status.Description != s.Status().Description
	copied := false
	for i, event := range out.events {
		name := rules.Text(event.Name)
		attributes, touched := rules.Attributes(event.Attributes)
		if !touched && name == event.Name {
			continue
		}
		if !copied {
			out.events, copied = slices.Clone(out.events), true
		}
		out.events[i].Name, out.events[i].Attributes = name, attributes
	}
	changed, copied = changed || copied, false
	for i, link := range out.links {
		attributes, touched := rules.Attributes(link.Attributes)
		if !touched {
			continue
		}
		if !copied {
			out.links, copied = slices.Clone(out.links), true
		}
		out.links[i].Attributes = attributes
	}
	if !changed && !copied {
		return s
	}
	return &out
}

// logs redacts records in place: they are the queue's own copies.
func (r *redaction) logs(records []sdklog.Record) {
	rules := r.rules.Load()
	for i := range records {
		record := &records[i]
		if body, changed := rules.Value(record.Body()); changed {
			record.SetBody(body)
		}
		attributes := make([]attribute.KeyValue, 0, record.AttributesLen())
		record.WalkAttributes(func(kv attribute.KeyValue) bool {
			attributes = append(attributes, kv)
			return true
		})
		if attributes, changed := rules.Attributes(attributes); changed {
			record.SetAttributes(attributes...)
		}
	}
}

func (r *redaction) metrics(rm *metricdata.ResourceMetrics) { r.rules.Load().Metrics(rm) }
