package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

func newLogExporter(ctx context.Context, c config) (sdklog.Exporter, error) {
	if c.protocol == "grpc" {
		opts := []otlploggrpc.Option{otlploggrpc.WithEndpointURL(c.endpoint)}
		if c.compression == "gzip" {
			opts = append(opts, otlploggrpc.WithCompressor("gzip"))
		}
		return otlploggrpc.New(ctx, opts...)
	}
	opts := []otlploghttp.Option{otlploghttp.WithEndpointURL(c.endpoint + "/v1/logs")}
	if c.compression == "gzip" {
		opts = append(opts, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	return otlploghttp.New(ctx, opts...)
}

// sendLogs sends as many records as spans, in turn one of each body type.
func sendLogs(ctx context.Context, c config, res *resource.Resource) (int, error) {
	exporter, err := newLogExporter(ctx, c)
	if err != nil {
		return 0, fmt.Errorf("cannot make the log exporter: %w", err)
	}
	const queue = 512
	provider := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithAttributeCountLimit(len(everyType())),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter, sdklog.WithMaxQueueSize(2*queue))))
	logger := provider.Logger("senders-go/logs", log.WithInstrumentationVersion("0.1.0"))
	var errs []error
	for n := range c.spans {
		record, recordCtx := newRecord(ctx, n)
		logger.Emit(recordCtx, record)
		if n%queue == queue-1 { // a full queue would drop the oldest
			errs = append(errs, provider.ForceFlush(ctx))
		}
	}
	errs = append(errs, provider.ForceFlush(ctx), provider.Shutdown(ctx))
	return c.spans, errors.Join(errs...)
}

func newRecord(ctx context.Context, n int) (log.Record, context.Context) {
	bodies := []attribute.Value{
		attribute.StringValue("plain text ü"), attribute.Int64Value(-7), attribute.Float64Value(0.1), attribute.BoolValue(true),
		attribute.ByteSliceValue([]byte{0xde, 0xad}), attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("two")),
		attribute.MapValue(attribute.String("k", "v"), attribute.Map("inner", attribute.Int("n", 1))), {},
	}
	severities := []log.Severity{log.SeverityTrace, log.SeverityDebug, log.SeverityInfo, log.SeverityWarn, log.SeverityError, log.SeverityFatal4, log.SeverityUndefined}
	var r log.Record
	r.SetTimestamp(time.Now().Add(-time.Second))
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(severities[n%len(severities)])
	r.SetSeverityText(severities[n%len(severities)].String())
	r.SetBody(bodies[n%len(bodies)])
	r.AddAttributes(attribute.Int("record.number", n))
	switch n % 4 {
	case 0:
		r.AddAttributes(everyType()...) // one more than the limit: one is dropped
		ctx = trace.ContextWithSpanContext(ctx, remoteParent(n))
	case 1:
		r.SetEventName("order.created")
		ctx = trace.ContextWithSpanContext(ctx, remoteParent(n).WithTraceFlags(0))
	}
	return r, ctx
}
