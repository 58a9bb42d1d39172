// Package names holds the names the kit emits. The list is generated from the registry; what is here gives it a use.
package names

import "go.opentelemetry.io/otel/metric"

// Other replaces values from outside that would make an attribute unbounded.
const Other = "_OTHER"

// Metric is what holds for a metric wherever it is recorded.
type Metric struct{ Name, Unit, Description string }

// Its instruments. Errors are left out: names are valid constants, and the API returns working instruments regardless.

// Duration is a histogram with the buckets all durations have.
func (m Metric) Duration(meter metric.Meter) metric.Float64Histogram {
	h, _ := meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description),
		metric.WithExplicitBucketBoundaries(DurationBuckets()...))
	return h
}

// Counter only rises.
func (m Metric) Counter(meter metric.Meter) metric.Int64Counter {
	c, _ := meter.Int64Counter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
	return c
}

// UpDownCounter rises and falls.
func (m Metric) UpDownCounter(meter metric.Meter) metric.Int64UpDownCounter {
	c, _ := meter.Int64UpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
	return c
}

// ObservedUpDownCounter is read when metrics are collected.
func (m Metric) ObservedUpDownCounter(meter metric.Meter) (metric.Int64ObservableUpDownCounter, error) {
	return meter.Int64ObservableUpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
}
