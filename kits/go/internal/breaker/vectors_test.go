package breaker

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// cases fails the test unless the file has at least so many: an empty list would prove nothing.
func cases[T any](t *testing.T, name string, casesMin int) []T {
	t.Helper()
	data, err := os.ReadFile("../../../../spec/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []T }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < casesMin {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	return vectors.Cases
}

func TestBreakerVectors(t *testing.T) {
	type vector struct {
		Name  string
		Seed  uint64 `json:",string"`
		Steps []struct {
			At         int64 `json:"at_ms"`
			Event      string
			RetryAfter *int64 `json:"retry_after_ms"`
			State      string
			Until      int64 `json:"until_ms"`
		}
	}
	for _, c := range cases[vector](t, "breaker.json", 20) {
		b := New(c.Seed)
		for i, s := range c.Steps {
			switch s.Event {
			case "success":
				b.Success(s.At)
			case "rejected":
				b.Rejected(s.At)
			case "failure":
				asked := int64(-1)
				if s.RetryAfter != nil {
					asked = *s.RetryAfter
				}
				b.Failure(s.At, asked)
			case "tick":
			default:
				t.Fatalf("%s: unknown event %q", c.Name, s.Event)
			}
			state := b.State(s.At)
			if state.String() != s.State || state == Open && b.Until() != s.Until {
				t.Errorf("%s: step %d: %s until %d, want %s until %d", c.Name, i, state, b.Until(), s.State, s.Until)
			}
		}
	}
}

func TestBackoffVectors(t *testing.T) {
	type vector struct {
		Name       string
		Seed       *uint64 `json:",string"`
		Waits      []int64 `json:"waits_ms"`
		RetryAfter *string `json:"retry_after"`
		Now        string
		Wait       *int64  `json:"wait_ms"`
		HTTP       *int    `json:"http_status"`
		GRPC       *uint32 `json:"grpc_code"`
		RetryInfo  *int64  `json:"retry_info_ms"`
		Outcome    string
		Plan       *struct {
			Elapsed    int64  `json:"elapsed_ms"`
			Budget     int64  `json:"budget_ms"`
			Jitter     int64  `json:"jitter_ms"`
			RetryAfter *int64 `json:"retry_after_ms"`
			Held       bool
		}
		Then string
	}
	orNone := func(ms *int64) int64 {
		if ms == nil {
			return -1
		}
		return *ms
	}
	for _, c := range cases[vector](t, "backoff.json", 70) {
		switch {
		case c.Seed != nil:
			random, got := Random(*c.Seed), []int64{}
			for retry := range c.Waits {
				got = append(got, random.RetryWait(retry))
			}
			if !slices.Equal(got, c.Waits) {
				t.Errorf("%s: %v", c.Name, got)
			}
		case c.RetryAfter != nil:
			now, _ := time.Parse(http.TimeFormat, c.Now)
			if got := RetryAfter(*c.RetryAfter, now); got != orNone(c.Wait) {
				t.Errorf("%s: %d", c.Name, got)
			}
		case c.HTTP != nil:
			if got := OfHTTP(*c.HTTP); got.String() != c.Outcome {
				t.Errorf("%s: %s", c.Name, got)
			}
		case c.GRPC != nil:
			var told *time.Duration
			if c.RetryInfo != nil {
				told = new(time.Duration(*c.RetryInfo) * time.Millisecond)
			}
			if got, asked := OfGRPC(*c.GRPC, told); got.String() != c.Outcome || asked != orNone(c.Wait) {
				t.Errorf("%s: %s after %d", c.Name, got, asked)
			}
		case c.Plan != nil:
			p := c.Plan
			step, wait := Plan(p.Elapsed, p.Budget, p.Jitter, orNone(p.RetryAfter), p.Held)
			if got := [...]string{"drop", "retry", "hold"}[step]; got != c.Then || wait != orNone(c.Wait) {
				t.Errorf("%s: %s after %d", c.Name, got, wait)
			}
		default:
			t.Errorf("%s: unknown kind", c.Name)
		}
	}
}

// FuzzRetryAfter: whatever the header says, nobody waits longer than is reasonable, or into the past.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "", "99999999999999999999", "Fri, 27 Nov 2026 10:00:00 GMT", "Fri, 27 Nov 1026 10:00:00 GMT", " 7\t", "-1", "1.5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if ms := RetryAfter(header, time.Unix(1_795_838_000, 0)); ms < -1 || ms > askedMaxMs {
			t.Fatalf("%q asks for %d ms", header, ms)
		}
	})
}
