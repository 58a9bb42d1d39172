package tllog

import (
	"sync"
	"time"
)

// sitesMax bounds the call sites told apart; the others share one bucket.
const sitesMax = 1024

// limiter gives every call site a bucket of tokens (spec/vectors/log-rate.json). A nil limiter admits everything.
type limiter struct {
	perSecond int64
	mu        sync.Mutex
	sites     map[uintptr]*bucket
}

// bucket counts in thousandths of a record.
type bucket struct {
	level  int64
	lastMs int64
	held   int64
}

func newLimiter(perSecond int) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{perSecond: int64(perSecond), sites: map[uintptr]*bucket{}}
}

// admit reports whether a record of the site may be logged, and how many were held back before it.
func (l *limiter) admit(site uintptr, now time.Time) (held int64, admitted bool) {
	if l == nil {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.sites[site]
	if b == nil && len(l.sites) >= sitesMax {
		site = 0
		b = l.sites[site]
	}
	nowMs := now.UnixMilli()
	if b == nil {
		b = &bucket{level: l.perSecond * 1000, lastMs: nowMs}
		l.sites[site] = b
	}
	return b.take(l.perSecond, nowMs)
}

func (b *bucket) take(perSecond, nowMs int64) (held int64, admitted bool) {
	full := perSecond * 1000
	if passed := min(nowMs-b.lastMs, 1000); passed > 0 {
		b.level = min(b.level+passed*perSecond, full)
	}
	b.lastMs = max(b.lastMs, nowMs)
	if b.level < 1000 {
		b.held++
		return 0, false
	}
	b.level -= 1000
	held, b.held = b.held, 0
	return held, true
}
