package redact

import (
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Metrics withholds secrets from the attributes of data points and exemplars, in place. Points that become alike are made one, as
// spec/vectors/metric-points.json says.
func (r *Rules) Metrics(rm *metricdata.ResourceMetrics) {
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			metric := &rm.ScopeMetrics[i].Metrics[j]
			metric.Data = r.aggregation(metric.Data)
		}
	}
}

func (r *Rules) aggregation(data metricdata.Aggregation) metricdata.Aggregation {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		data.DataPoints = numbers(r, data.DataPoints, add[int64])
		return data
	case metricdata.Sum[float64]:
		data.DataPoints = numbers(r, data.DataPoints, add[float64])
		return data
	case metricdata.Gauge[int64]:
		data.DataPoints = numbers(r, data.DataPoints, last[int64])
		return data
	case metricdata.Gauge[float64]:
		data.DataPoints = numbers(r, data.DataPoints, last[float64])
		return data
	case metricdata.Histogram[int64]:
		data.DataPoints = histograms(r, data.DataPoints)
		return data
	case metricdata.Histogram[float64]:
		data.DataPoints = histograms(r, data.DataPoints)
		return data
	case metricdata.ExponentialHistogram[int64]:
		data.DataPoints = exponentials(r, data.DataPoints)
		return data
	case metricdata.ExponentialHistogram[float64]:
		data.DataPoints = exponentials(r, data.DataPoints)
		return data
	}
	return data
}

func numbers[N int64 | float64](r *Rules, points []metricdata.DataPoint[N], absorb func(a *metricdata.DataPoint[N], b metricdata.DataPoint[N]) bool) []metricdata.DataPoint[N] {
	return distinct(r, points, func(p *metricdata.DataPoint[N]) *attribute.Set {
		exemplars(r, p.Exemplars)
		return &p.Attributes
	}, absorb)
}

func histograms[N int64 | float64](r *Rules, points []metricdata.HistogramDataPoint[N]) []metricdata.HistogramDataPoint[N] {
	return distinct(r, points, func(p *metricdata.HistogramDataPoint[N]) *attribute.Set {
		exemplars(r, p.Exemplars)
		return &p.Attributes
	}, addHistogram)
}

func exponentials[N int64 | float64](r *Rules, points []metricdata.ExponentialHistogramDataPoint[N]) []metricdata.ExponentialHistogramDataPoint[N] {
	return distinct(r, points, func(p *metricdata.ExponentialHistogramDataPoint[N]) *attribute.Set {
		exemplars(r, p.Exemplars)
		return &p.Attributes
	}, addExponential)
}

func exemplars[N int64 | float64](r *Rules, list []metricdata.Exemplar[N]) {
	for i := range list {
		list[i].FilteredAttributes, _ = r.Attributes(list[i].FilteredAttributes)
	}
}

// distinct redacts the attributes open finds in each point, and then lets points absorb later ones that have the same. What absorb
// refuses stays a point.
func distinct[P any](r *Rules, points []P, open func(*P) *attribute.Set, absorb func(a *P, b P) bool) []P {
	touched := false
	for i := range points {
		set := open(&points[i])
		if list, changed := r.Attributes(set.ToSlice()); changed {
			*set = attribute.NewSet(list...)
			touched = true
		}
	}
	if !touched {
		return points
	}
	out := make([]P, 0, len(points))
	seen := map[attribute.Distinct][]int{}
	for _, p := range points {
		key := open(&p).Equivalent()
		if !slices.ContainsFunc(seen[key], func(i int) bool { return absorb(&out[i], p) }) {
			seen[key] = append(seen[key], len(out))
			out = append(out, p)
		}
	}
	return out
}

// exemplarsMax is how many exemplars a merged point keeps.
const exemplarsMax = 20

func join[N int64 | float64](a, b []metricdata.Exemplar[N]) []metricdata.Exemplar[N] {
	all := slices.Concat(a, b)
	return all[:min(len(all), exemplarsMax)]
}

func span(start, end *time.Time, otherStart, otherEnd time.Time) {
	if otherStart.Before(*start) {
		*start = otherStart
	}
	if otherEnd.After(*end) {
		*end = otherEnd
	}
}

func add[N int64 | float64](a *metricdata.DataPoint[N], b metricdata.DataPoint[N]) bool {
	a.Value += b.Value
	span(&a.StartTime, &a.Time, b.StartTime, b.Time)
	a.Exemplars = join(a.Exemplars, b.Exemplars)
	return true
}

func last[N int64 | float64](a *metricdata.DataPoint[N], b metricdata.DataPoint[N]) bool {
	if !b.Time.Before(a.Time) {
		*a = b
	}
	return true
}

func addHistogram[N int64 | float64](a *metricdata.HistogramDataPoint[N], b metricdata.HistogramDataPoint[N]) bool {
	if !slices.Equal(a.Bounds, b.Bounds) || len(a.BucketCounts) != len(b.BucketCounts) {
		return false
	}
	a.BucketCounts = slices.Clone(a.BucketCounts) // the SDK's own, perhaps
	for i, n := range b.BucketCounts {
		a.BucketCounts[i] += n
	}
	a.Count += b.Count
	a.Sum += b.Sum
	extremes(&a.Min, &a.Max, b.Min, b.Max)
	span(&a.StartTime, &a.Time, b.StartTime, b.Time)
	a.Exemplars = join(a.Exemplars, b.Exemplars)
	return true
}

func extremes[N int64 | float64](least, most *metricdata.Extrema[N], otherLeast, otherMost metricdata.Extrema[N]) {
	if value, ok := otherLeast.Value(); ok {
		if own, known := least.Value(); !known || value < own {
			*least = otherLeast
		}
	}
	if value, ok := otherMost.Value(); ok {
		if own, known := most.Value(); !known || value > own {
			*most = otherMost
		}
	}
}

func addExponential[N int64 | float64](a *metricdata.ExponentialHistogramDataPoint[N], b metricdata.ExponentialHistogramDataPoint[N]) bool {
	scale := min(a.Scale, b.Scale)
	for !fit(a.PositiveBucket, a.Scale, b.PositiveBucket, b.Scale, scale) || !fit(a.NegativeBucket, a.Scale, b.NegativeBucket, b.Scale, scale) {
		scale--
	}
	a.PositiveBucket = sumOf(a.PositiveBucket, a.Scale, b.PositiveBucket, b.Scale, scale)
	a.NegativeBucket = sumOf(a.NegativeBucket, a.Scale, b.NegativeBucket, b.Scale, scale)
	a.Scale = scale
	a.Count += b.Count
	a.Sum += b.Sum
	a.ZeroCount += b.ZeroCount
	a.ZeroThreshold = max(a.ZeroThreshold, b.ZeroThreshold)
	extremes(&a.Min, &a.Max, b.Min, b.Max)
	span(&a.StartTime, &a.Time, b.StartTime, b.Time)
	a.Exemplars = join(a.Exemplars, b.Exemplars)
	return true
}

// bucketsMax is the SDK's own bound on the buckets of one side of a point.
const bucketsMax = 160

// at gives the counts by index, at a scale that is not finer than the buckets' own.
func at(buckets metricdata.ExponentialBucket, own, scale int32) map[int32]uint64 {
	counts := map[int32]uint64{}
	for i, n := range buckets.Counts {
		if n > 0 {
			counts[(buckets.Offset+int32(i))>>(own-scale)] += n
		}
	}
	return counts
}

// both adds the counts of two points up and tells between which indexes they are.
func both(a metricdata.ExponentialBucket, aScale int32, b metricdata.ExponentialBucket, bScale, scale int32) (counts map[int32]uint64, first, end int32) {
	counts = at(a, aScale, scale)
	for i, n := range at(b, bScale, scale) {
		counts[i] += n
	}
	if len(counts) == 0 {
		return counts, 0, 0
	}
	indexes := slices.Collect(maps.Keys(counts))
	return counts, slices.Min(indexes), slices.Max(indexes) + 1
}

func fit(a metricdata.ExponentialBucket, aScale int32, b metricdata.ExponentialBucket, bScale, scale int32) bool {
	_, first, end := both(a, aScale, b, bScale, scale)
	return end-first <= bucketsMax
}

func sumOf(a metricdata.ExponentialBucket, aScale int32, b metricdata.ExponentialBucket, bScale, scale int32) metricdata.ExponentialBucket {
	counts, first, end := both(a, aScale, b, bScale, scale)
	out := metricdata.ExponentialBucket{Offset: first, Counts: make([]uint64, end-first)}
	for i, n := range counts {
		out.Counts[i-first] = n
	}
	return out
}
