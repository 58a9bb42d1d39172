package tlruntime_test

import (
	"testing"

	"throughline.dev/kits/go/tlruntime"
	"throughline.dev/kits/go/tltest"
)

func TestTheRuntimeIsInTheMetrics(t *testing.T) {
	rec := tltest.New(t)
	if err := tlruntime.Observe(rec.Kit); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.goroutine.count", "go.memory.used", "go.memory.allocated"} {
		if rec.Sum(name) <= 0 {
			t.Errorf("%s is %d", name, rec.Sum(name))
		}
	}
}
