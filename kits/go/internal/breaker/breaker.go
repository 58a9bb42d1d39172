// Package breaker decides when an export is tried, tried again, or not worth trying: pure functions of time and outcomes, the
// same in every kit (spec/vectors/breaker.json and backoff.json). Times are milliseconds since any fixed moment.
package breaker

// State says whether telemetry is let through. Its numbers are the values of the metric throughline.exporter.breaker.state.
type State int32

// The states of a circuit breaker.
const (
	Closed   State = iota // all passes
	HalfOpen              // one small batch passes, and decides
	Open                  // nothing passes until the wait is over
)

func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

const (
	failuresInARow = 3
	window         = 20 // outcomes; more than half of them failing opens
	openFirstMs    = 1000
	openMaxMs      = 60_000
	doublingsMax   = 10
)

// Breaker is the circuit breaker of one exporter. It is not safe for concurrent use.
type Breaker struct {
	random Random
	state  State
	row    int    // failures in a row
	recent uint32 // one bit an outcome, 1 is a failure, the newest is the lowest
	seen   int    // outcomes in recent, up to window
	opened int    // how often in a row
	until  int64
}

// New returns a closed breaker whose jitter comes from seed.
func New(seed uint64) *Breaker { return &Breaker{random: Random(seed)} }

// State is the state at the time now.
func (b *Breaker) State(now int64) State {
	if b.state == Open && now >= b.until {
		b.state = HalfOpen
	}
	return b.state
}

// Until is when an open breaker becomes half open.
func (b *Breaker) Until() int64 { return b.until }

// Success counts an export that was delivered.
func (b *Breaker) Success(now int64) {
	switch b.State(now) {
	case HalfOpen:
		b.close()
	case Closed:
		b.row = 0
		b.note(0)
	}
}

// Rejected tells that the receiver is well and did not want the batch.
func (b *Breaker) Rejected(now int64) {
	if b.State(now) == HalfOpen {
		b.close()
	}
}

// Failure counts an export that was not delivered. retryAfter is how long the receiver asked for silence, or less than 0.
func (b *Breaker) Failure(now, retryAfter int64) {
	switch b.State(now) {
	case HalfOpen:
		b.open(now, retryAfter)
	case Closed:
		b.row++
		b.note(1)
		if b.row >= failuresInARow || b.seen == window && failures(b.recent) > window/2 {
			b.open(now, retryAfter)
		}
	}
}

func (b *Breaker) note(failure uint32) {
	b.recent = (b.recent<<1 | failure) & (1<<window - 1)
	b.seen = min(b.seen+1, window)
}

func failures(recent uint32) (n int) {
	for ; recent != 0; recent &= recent - 1 {
		n++
	}
	return n
}

func (b *Breaker) open(now, retryAfter int64) {
	wait := b.random.UpTo(min(openMaxMs, int64(openFirstMs)<<min(b.opened, doublingsMax)))
	b.state, b.until = Open, now+max(wait, retryAfter)
	b.opened++
}

func (b *Breaker) close() {
	b.state, b.row, b.recent, b.seen, b.opened = Closed, 0, 0, 0, 0
}
