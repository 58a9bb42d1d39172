package throughline

import (
	"log/slog"
	"sync"
	"time"
)

const lossInterval = time.Minute

// lossReport tells of losses, each signal's every cause at most once a minute, with the number lost since it was last told.
// It reads counters when an export is over, so nothing is told, and no lock taken, where a request waits.
type lossReport struct {
	logger *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	told map[lossKey]*lossTold
}

type lossKey struct{ signal, cause string }

type lossTold struct {
	at    time.Time
	count uint64
}

func newLossReport(logger *slog.Logger) *lossReport {
	return &lossReport{logger: logger, now: time.Now, told: map[lossKey]*lossTold{}}
}

// tell looks at what a signal has lost. At the end everything is told, however short ago the last line was.
func (r *lossReport) tell(signal string, c *counts, err error, end bool) {
	for why := range causes {
		r.count(lossKey{signal, cause(why).String()}, c.dropped[why].Load(), err, end)
	}
}

func (r *lossReport) count(key lossKey, total uint64, err error, end bool) {
	if total == 0 {
		return
	}
	r.mu.Lock()
	told := r.told[key]
	if told == nil {
		told = &lossTold{}
		r.told[key] = told
	}
	now := r.now()
	lost := total - told.count
	if lost == 0 || !end && !told.at.IsZero() && now.Sub(told.at) < lossInterval {
		r.mu.Unlock()
		return
	}
	told.at, told.count = now, total
	r.mu.Unlock()
	attrs := []any{slog.String("signal", key.signal), slog.String("cause", key.cause), slog.Uint64("lost", lost)}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	r.logger.Warn("telemetry was lost", attrs...)
}

// sdkErrors implements otel.ErrorHandler for WithGlobals: what the SDK complains about, at most once a minute.
type sdkErrors struct {
	report *lossReport
	mu     sync.Mutex
	n      uint64
}

func (h *sdkErrors) Handle(err error) {
	h.mu.Lock()
	h.n++
	n := h.n
	h.mu.Unlock()
	h.report.count(lossKey{"sdk", "error"}, n, err, false)
}
