package breaker

import (
	"math/bits"
	"strings"
	"time"
)

const (
	retryFirstMs = 100
	retryMaxMs   = 1000
	askedMaxMs   = 300_000 // a longer Retry-After is cut to this
	heldMaxMs    = 30_000  // a batch is not kept in memory for longer
)

// Random is SplitMix64: small, seeded, and the same in every language.
type Random uint64

func (r *Random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// UpTo is full jitter: a number from 0 to most.
func (r *Random) UpTo(most int64) int64 {
	high, _ := bits.Mul64(r.next(), uint64(most)+1)
	return int64(high)
}

// RetryWait is the jitter before a retry, in milliseconds; the first retry is number 0.
func (r *Random) RetryWait(retry int) int64 {
	return r.UpTo(min(retryMaxMs, int64(retryFirstMs)<<min(retry, doublingsMax)))
}

// Outcome is what became of one try to export.
type Outcome int

// The outcomes. Only Failed and Retryable count for the breaker.
const (
	Delivered Outcome = iota
	Rejected          // the receiver is well and will never want this
	Failed
	Retryable
)

func (o Outcome) String() string {
	return [...]string{"delivered", "rejected", "failed", "retryable"}[o]
}

// OfHTTP is the outcome an HTTP status means.
func OfHTTP(status int) Outcome {
	switch status {
	case 400, 401, 403, 404, 413:
		return Rejected
	case 429, 502, 503, 504:
		return Retryable
	}
	if status >= 200 && status <= 299 {
		return Delivered
	}
	return Failed
}

// OfGRPC is the outcome a gRPC code means, and how long the status asks to wait, or -1. Without a RetryInfo, nil, an exhausted resource is
// not asked again.
func OfGRPC(code uint32, told *time.Duration) (Outcome, int64) {
	switch code {
	case 0:
		return Delivered, -1
	case 3, 5, 7, 12, 16: // INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED
		return Rejected, -1
	case 8: // RESOURCE_EXHAUSTED
		if told == nil {
			return Failed, -1
		}
	case 1, 4, 10, 11, 14, 15: // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS
	default:
		return Failed, -1
	}
	if told == nil {
		return Retryable, -1
	}
	return Retryable, askedMs(*told)
}

// RetryAfter reads the header of that name: milliseconds to wait from now, or -1 when it says nothing.
func RetryAfter(header string, now time.Time) int64 {
	header = strings.Trim(header, " \t")
	if header == "" {
		return -1
	}
	if strings.Trim(header, "0123456789") == "" {
		var seconds int64
		for _, digit := range []byte(header) {
			seconds = min(seconds*10+int64(digit-'0'), askedMaxMs/1000)
		}
		return seconds * 1000
	}
	const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"
	date, err := time.Parse(imfFixdate, header)
	if err != nil || len(header) != len(imfFixdate) {
		return -1
	}
	return askedMs(date.Sub(now))
}

func askedMs(d time.Duration) int64 { return min(max(d.Milliseconds(), 0), askedMaxMs) }

// Step is what to do with a batch after a retryable failure.
type Step int

// The steps.
const (
	Drop  Step = iota
	Retry      // after the wait, within the same export
	Hold       // after the wait, as an export of its own
)

// Plan decides about a batch whose export began elapsed ago. asked is what Retry-After said, or less than 0.
func Plan(elapsed, budget, jitter, asked int64, held bool) (Step, int64) {
	if wait := max(jitter, asked); elapsed+wait <= budget {
		return Retry, wait
	}
	if asked >= 0 && asked <= heldMaxMs && !held {
		return Hold, asked
	}
	return Drop, 0
}
