// The tracestate member ot is parts separated by semicolons: th:c;rv:6e6d1a75832a2f;xy:1. All but th is passed on as it came,
// and a state that needs no change is passed on without a copy.

package sampling

import (
	"strings"

	"go.opentelemetry.io/otel/trace"
)

const (
	vendor       = "ot"
	debugVendor  = "tl"
	debugPrefix  = "debug:"
	valueCharMax = 256 // of a tracestate value
)

// part finds the first part of a name ("th:") and gives what follows the name.
func part(member, name string) (value string, found bool) {
	for member != "" {
		var p string
		p, member, _ = strings.Cut(member, ";")
		if strings.HasPrefix(p, name) {
			return p[len(name):], true
		}
	}
	return "", false
}

// consistent takes the threshold out of a sampled parent's state unless it is one and the randomness reaches it.
func consistent(state trace.TraceState, id trace.TraceID) trace.TraceState {
	member := state.Get(vendor)
	digits, found := part(member, "th:")
	if !found {
		return state
	}
	if threshold, ok := parseThreshold(digits); ok && randomnessOf(member, id) >= threshold {
		return state
	}
	return withThreshold(state, "")
}

// withThreshold puts th:digits where the threshold was, or first; without digits it takes the threshold out. Where the
// threshold does not fit it is not told.
func withThreshold(state trace.TraceState, digits string) trace.TraceState {
	member := state.Get(vendor)
	changed := rewrite(member, digits)
	if len(changed) > valueCharMax {
		changed = rewrite(member, "")
	}
	if changed == member {
		return state
	}
	if changed == "" {
		return state.Delete(vendor)
	}
	inserted, err := state.Insert(vendor, changed)
	if err != nil { // not seen: the parts were valid before
		return state.Delete(vendor)
	}
	return inserted
}

func rewrite(member, digits string) string {
	if digits == "" && !strings.Contains(member, "th:") {
		return member
	}
	var b strings.Builder
	b.Grow(len(member) + len("th:") + len(digits) + 1)
	add := func(p ...string) {
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		for _, s := range p {
			b.WriteString(s)
		}
	}
	if _, found := part(member, "th:"); !found && digits != "" {
		add("th:", digits)
	}
	for p := range strings.SplitSeq(member, ";") {
		if strings.HasPrefix(p, "th:") {
			if digits != "" {
				add("th:", digits)
				digits = "" // a second threshold goes
			}
		} else if p != "" {
			add(p)
		}
	}
	return b.String()
}
