package sampling

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

const (
	digitsMax      = 14      // hexadecimal digits of 56 bits
	population     = 1 << 56 // how many values the randomness of a trace has
	digitsOfNumber = 4       // significant digits of a threshold, so that the state stays short
	probabilityMin = 1.0 / population
)

// odds is a probability as it is compared and told.
type odds struct {
	threshold uint64           // keep iff the randomness is at least this
	digits    string           // of ot=th
	never     bool             // probability 0, for which there is no threshold
	state     trace.TraceState // ot=th alone, made once for the many spans that have no other state
}

// oddsOf rounds as the OpenTelemetry Collector does: four digits after the leading zeros and fs.
func oddsOf(probability float64) odds {
	if !(probability >= probabilityMin) {
		return odds{never: true}
	}
	o := odds{threshold: thresholdOf(min(probability, 1))}
	o.digits = formatThreshold(o.threshold)
	o.state, _ = trace.TraceState{}.Insert(vendor, "th:"+o.digits) // valid by construction
	return o
}

func thresholdOf(probability float64) uint64 {
	if probability == 1 {
		return 0
	}
	_, exponent := math.Frexp(probability)
	_, exponentOfRest := math.Frexp(1 - probability)
	digits := min(digitsMax, digitsOfNumber+max(-exponent, -exponentOfRest)/4)
	threshold := population - uint64(math.Round(probability*population))
	if shift := 4 * (digitsMax - digits); shift > 0 {
		threshold = (threshold + 1<<(shift-1)) >> shift << shift
	}
	return threshold
}

func formatThreshold(threshold uint64) string {
	if threshold == 0 {
		return "0"
	}
	zeros := bits.TrailingZeros64(threshold) / 4
	digits := strconv.FormatUint(threshold>>(4*zeros), 16)
	return strings.Repeat("0", digitsMax-zeros-len(digits)) + digits
}

// parseThreshold reads 1 to 14 lower-case digits, which stand for the left of 14.
func parseThreshold(s string) (threshold uint64, ok bool) {
	if s == "" || len(s) > digitsMax {
		return 0, false
	}
	for i := range digitsMax {
		digit := uint64(0)
		if i < len(s) {
			c := s[i]
			switch {
			case '0' <= c && c <= '9':
				digit = uint64(c - '0')
			case 'a' <= c && c <= 'f':
				digit = uint64(c-'a') + 10
			default:
				return 0, false
			}
		}
		threshold = threshold<<4 | digit
	}
	return threshold, true
}

// parseRandomness reads exactly 14 lower-case digits.
func parseRandomness(s string) (uint64, bool) {
	if len(s) != digitsMax {
		return 0, false
	}
	return parseThreshold(s)
}

// randomnessOf is rv where the state has a good one, else the last seven bytes of the trace id.
func randomnessOf(member string, id trace.TraceID) uint64 {
	if rv, found := part(member, "rv:"); found {
		if r, ok := parseRandomness(rv); ok {
			return r
		}
	}
	r := uint64(0)
	for _, b := range id[len(id)-7:] {
		r = r<<8 | uint64(b)
	}
	return r
}
