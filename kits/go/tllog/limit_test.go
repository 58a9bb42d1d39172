package tllog

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	throughline "throughline.dev/kits/go"
)

func TestLogRateVectors(t *testing.T) {
	var vectors struct {
		Cases []struct {
			Name      string
			PerSecond int64 `json:"per_s"`
			Records   []struct {
				At       int64 `json:"at_ms"`
				Admitted bool
				Held     int64 `json:"held_back"`
			}
		}
	}
	data, err := os.ReadFile("../../../spec/vectors/log-rate.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 8 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		l := newLimiter(int(c.PerSecond))
		for i, r := range c.Records {
			if held, admitted := l.admit(1, time.UnixMilli(r.At)); held != r.Held || admitted != r.Admitted {
				t.Errorf("%s: record %d: %t after %d", c.Name, i, admitted, held)
			}
		}
	}
}

func TestCallSitesAreLimitedEachAndBounded(t *testing.T) {
	l := newLimiter(1)
	now := time.UnixMilli(0)
	for site := range uintptr(2 * sitesMax) {
		if _, admitted := l.admit(site+1, now); admitted != (site <= sitesMax) {
			t.Fatalf("site %d: %t", site, admitted)
		}
	}
	if len(l.sites) != sitesMax+1 {
		t.Errorf("%d sites are kept", len(l.sites))
	}
}

func TestLinesAreRedactedAndLimited(t *testing.T) {
	var out bytes.Buffer
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint("http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	log := New(kit, WithWriter(&out), WithRateLimit(2))
	for range 5 {
		log.Info("login password=hunter2", "cookie", "a=b", "url", "https://bo:hunter2@db/")
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "a=b") || strings.Count(text, "\n") != 2 ||
		!strings.Contains(text, `"msg":"login password=[redacted]"`) {
		t.Error(text)
	}
}
