package sampling

import (
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// ceiling is a token bucket over all roots. It counts in whole numbers, so that both kits come to the same: a credit is 10^12 parts, of
// which a rate of 10^-6 a second earns one in a microsecond.
type ceiling struct {
	rate     uint64 // parts a microsecond
	capacity uint64 // parts: a second's worth, at least one credit

	mu      sync.Mutex
	parts   uint64
	last    time.Duration // when parts was counted
	refused time.Duration
	hasSaid bool // refused is set
}

const (
	credit = 1e12
	// RateMax is the highest ceiling, in spans a second; a bucket of it has 10^18 parts.
	RateMax = 1e6
	// RateMin is the lowest ceiling.
	RateMin = 1e-6
	// After a refusal the spans let through stand for an unknown number of others, for this long.
	unknownFor = time.Minute
)

func newCeiling(perSecond float64) *ceiling {
	rate := uint64(min(max(perSecond, RateMin), RateMax)*1e6 + 0.5)
	c := &ceiling{rate: rate, capacity: max(credit, rate*1e6)}
	c.parts = c.capacity
	return c
}

// take spends a credit. limiting says that a credit was spent while the ceiling holds spans back.
func (c *ceiling) take(now time.Duration) (ok, limiting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if passed := uint64(max(now-c.last, 0) / time.Microsecond); passed > 0 {
		if passed >= c.capacity/c.rate {
			c.parts = c.capacity
		} else {
			c.parts = min(c.capacity, c.parts+passed*c.rate)
		}
		c.last += time.Duration(passed) * time.Microsecond
	}
	if c.parts < credit {
		c.refused, c.hasSaid = now, true
		return false, true
	}
	c.parts -= credit
	return true, c.hasSaid && now-c.refused < unknownFor
}

// floor keeps at least so many roots of each operation in a minute, which begins with the operation's first root.
type floor struct {
	least int

	mu         sync.Mutex
	operations map[operation]*minute
	swept      time.Duration
}

type operation struct {
	kind trace.SpanKind
	name string
}

type minute struct {
	began time.Duration
	kept  int
}

const (
	// operationsMax bounds the floor's memory; operations beyond it, and names longer than nameBytesMax, have no floor.
	operationsMax = 256
	nameBytesMax  = 256
	sweepEvery    = time.Second
)

func newFloor(least int) *floor { return &floor{least: least, operations: map[operation]*minute{}} }

// raise notes a root and says whether the floor keeps what would be dropped.
func (f *floor) raise(kind trace.SpanKind, name string, kept bool, now time.Duration) bool {
	if len(name) > nameBytesMax {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.operations[operation{kind, name}]
	if m == nil {
		if !f.room(now) {
			return false
		}
		m = &minute{began: now}
		f.operations[operation{kind, strings.Clone(name)}] = m
	} else if now-m.began >= time.Minute {
		m.began, m.kept = now, 0
	}
	if kept || m.kept < f.least {
		m.kept++
		return !kept
	}
	return false
}

// room makes place for one more operation by forgetting those whose minute is over, and looks for them once a second.
func (f *floor) room(now time.Duration) bool {
	if len(f.operations) < operationsMax {
		return true
	}
	if now-f.swept < sweepEvery {
		return false
	}
	f.swept = now
	for key, m := range f.operations {
		if now-m.began >= time.Minute {
			delete(f.operations, key)
		}
	}
	return len(f.operations) < operationsMax
}
