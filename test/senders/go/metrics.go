package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

func newMetricExporter(ctx context.Context, c config) (sdkmetric.Exporter, error) {
	if c.protocol == "grpc" {
		opts := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpointURL(c.endpoint)}
		if c.compression == "gzip" {
			opts = append(opts, otlpmetricgrpc.WithCompressor("gzip"))
		}
		return otlpmetricgrpc.New(ctx, opts...)
	}
	opts := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpointURL(c.endpoint + "/v1/metrics")}
	if c.compression == "gzip" {
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	return otlpmetrichttp.New(ctx, opts...)
}

// sendMetrics sends one collection with every kind of instrument; histograms and counters carry exemplars.
func sendMetrics(ctx context.Context, c config, res *resource.Resource) (int, error) {
	exporter, err := newMetricExporter(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("cannot make the metric exporter: %w", err)
	}
	counting := &countingExporter{Exporter: exporter}
	exponential := sdkmetric.NewView(sdkmetric.Instrument{Name: "test.exponential"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithView(exponential),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(counting, sdkmetric.WithInterval(time.Hour))))
	meter := provider.Meter("senders-go/metrics", metric.WithInstrumentationVersion("0.1.0"))
	err = record(trace.ContextWithSpanContext(ctx, remoteParent(1)), meter)
	err = errors.Join(err, provider.ForceFlush(ctx), exporter.Shutdown(ctx)) // provider.Shutdown would collect once more
	return counting.points, err
}

func record(ctx context.Context, meter metric.Meter) error {
	counter, err1 := meter.Int64Counter("test.counter", metric.WithUnit("{thing}"), metric.WithDescription("Things counted."))
	fraction, err2 := meter.Float64Counter("test.counter.float", metric.WithUnit("s"))
	upDown, err3 := meter.Int64UpDownCounter("test.updown")
	gauge, err4 := meter.Float64Gauge("test.gauge", metric.WithUnit("Cel"))
	histogram, err5 := meter.Float64Histogram("test.histogram", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.1, 1, 10))
	exponential, err6 := meter.Float64Histogram("test.exponential", metric.WithUnit("By"))
	_, err7 := meter.Int64ObservableGauge("test.observed", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(9, metric.WithAttributes(attribute.Bool("async", true)))
		return nil
	}))
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return fmt.Errorf("cannot make the instruments: %w", err)
	}
	for i := range 100 {
		value := float64(i*i) / 500
		series := metric.WithAttributes(attribute.String("route", []string{"/a", "/b"}[i%2]), attribute.Int("shard", i%2))
		counter.Add(ctx, int64(i), series)
		fraction.Add(ctx, value, series)
		upDown.Add(ctx, int64(1-i%3), series)
		gauge.Record(ctx, value-5, series)
		histogram.Record(ctx, value, series)
		exponential.Record(ctx, value*1000, series)
	}
	exponential.Record(ctx, 0, metric.WithAttributes(attribute.String("route", "/zero")))
	exponential.Record(ctx, -3, metric.WithAttributes(attribute.String("route", "/negative")))
	return nil
}

// countingExporter counts the data points it passes on.
type countingExporter struct {
	sdkmetric.Exporter
	points int
}

func (e *countingExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				e.points += len(data.DataPoints)
			case metricdata.Sum[float64]:
				e.points += len(data.DataPoints)
			case metricdata.Gauge[int64]:
				e.points += len(data.DataPoints)
			case metricdata.Gauge[float64]:
				e.points += len(data.DataPoints)
			case metricdata.Histogram[float64]:
				e.points += len(data.DataPoints)
			case metricdata.ExponentialHistogram[float64]:
				e.points += len(data.DataPoints)
			}
		}
	}
	return e.Exporter.Export(ctx, rm)
}
