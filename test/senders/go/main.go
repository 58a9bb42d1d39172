// Command senders-go sends one of everything with the plain official OpenTelemetry SDK for Go, so that a test can compare
// what was on the wire with what the platform gives back.
//
//	senders-go -signal all -protocol http/protobuf -compression gzip -endpoint http://127.0.0.1:4318 -spans 100
//
// The endpoint is the base URL for both protocols. On success the only output is one JSON line with what was sent,
// {"spans":N,"logs":N,"metric_points":N}; any export error, a partial success included, is exit code 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

type config struct {
	signal, protocol, compression, endpoint, service, run string
	spans                                                 int
}

type sent struct {
	Spans        int `json:"spans"`
	Logs         int `json:"logs"`
	MetricPoints int `json:"metric_points"`
}

func main() {
	var c config
	flag.StringVar(&c.signal, "signal", "all", "traces, logs, metrics or all")
	flag.StringVar(&c.protocol, "protocol", "http/protobuf", "http/protobuf or grpc")
	flag.StringVar(&c.compression, "compression", "none", "none or gzip")
	flag.StringVar(&c.endpoint, "endpoint", "http://127.0.0.1:4318", "base URL of the OTLP receiver")
	flag.StringVar(&c.service, "service", "senders-go", "service.name")
	flag.StringVar(&c.run, "run", "", "resource attribute test.run, to find the data again")
	flag.IntVar(&c.spans, "spans", 100, "number of spans, and of log records")
	flag.Parse()
	result, err := send(context.Background(), c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "senders-go:", err)
		os.Exit(1)
	}
	line, _ := json.Marshal(result) // three ints
	fmt.Println(string(line))
}

func send(ctx context.Context, c config) (sent, error) {
	if err := c.check(); err != nil {
		return sent{}, err
	}
	var errs errorLog
	otel.SetErrorHandler(&errs) // the SDK reports failed exports here
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	res := newResource(c)
	var result sent
	if c.signal == "all" || c.signal == "traces" {
		n, err := sendSpans(ctx, c, res)
		result.Spans = n
		errs.Handle(err)
	}
	if c.signal == "all" || c.signal == "logs" {
		n, err := sendLogs(ctx, c, res)
		result.Logs = n
		errs.Handle(err)
	}
	if c.signal == "all" || c.signal == "metrics" {
		n, err := sendMetrics(ctx, c, res)
		result.MetricPoints = n
		errs.Handle(err)
	}
	return result, errs.joined()
}

func (c config) check() error {
	switch c.signal {
	case "all", "traces", "logs", "metrics":
	default:
		return fmt.Errorf("-signal: %q is none of all, traces, logs, metrics", c.signal)
	}
	if c.protocol != "http/protobuf" && c.protocol != "grpc" {
		return fmt.Errorf("-protocol: %q is neither http/protobuf nor grpc", c.protocol)
	}
	if c.compression != "none" && c.compression != "gzip" {
		return fmt.Errorf("-compression: %q is neither none nor gzip", c.compression)
	}
	if c.spans < 1 {
		return fmt.Errorf("-spans: %d is less than 1", c.spans)
	}
	return nil
}

func newResource(c config) *resource.Resource {
	attrs := []attribute.KeyValue{
		attribute.String("service.name", c.service),
		attribute.String("service.version", "1.2.3"),
		attribute.String("deployment.environment.name", "test"),
		attribute.Int("process.pid", os.Getpid()),
		attribute.StringSlice("test.list", []string{"a", "b"}),
	}
	if c.run != "" {
		attrs = append(attrs, attribute.String("test.run", c.run))
	}
	return resource.NewWithAttributes("https://opentelemetry.io/schemas/1.41.0", attrs...)
}

// errorLog keeps every error.
type errorLog struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorLog) Handle(err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorLog) joined() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}
