package sampling

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// FuzzTracestate: any member is rewritten to one that says the threshold, where it fits, and can be rewritten to one that does not.
func FuzzTracestate(f *testing.F) {
	for _, seed := range [][2]string{{"th:c;rv:6e6d1a75832a2f", "8"}, {"", "0"}, {"th:", ""}, {";;", "f"}, {"xy:1;th:c;th:d", "0"}, {strings.Repeat("x", 256), "8"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, member, digits string) {
		if threshold, ok := parseThreshold(digits); !ok || formatThreshold(threshold) == "" {
			digits = ""
		}
		_, _ = parseRandomness(member)
		state, err := trace.ParseTraceState("ot=" + member)
		if err != nil {
			return
		}
		told := withThreshold(state, digits)
		if got, found := part(told.Get(vendor), "th:"); found && got != digits {
			t.Fatalf("%q says %q, not %q", told.Get(vendor), got, digits)
		}
		if silent := withThreshold(told, ""); strings.Contains(";"+silent.Get(vendor), ";th:") {
			t.Fatalf("%q still says a threshold", silent.Get(vendor))
		}
	})
}
