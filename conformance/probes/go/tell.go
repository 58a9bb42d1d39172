package main

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"throughline.dev/kits/go/tllog"
)

// What a service tells of its own: log records, metrics, and spans with secrets in every place.

const secret = "password=hunter2"

type declinedPayment struct{}

func (declinedPayment) Error() string     { return "card 4111111111111111 declined" }
func (declinedPayment) ErrorType() string { return "declined" }

func init() {
	logged := func(write func(context.Context, *slog.Logger)) func(*scene) {
		return func(s *scene) {
			log := tllog.New(s.kit, tllog.WithWriter(&s.lines), tllog.WithScope("probe.orders"))
			ctx, end := s.kit.Span(s.ctx, "request")
			write(ctx, log)
			end(nil)
		}
	}
	behaviours["log-levels"] = logged(func(ctx context.Context, log *slog.Logger) {
		log.DebugContext(ctx, "too quiet")
		log.InfoContext(ctx, "order created", tllog.Event("order.created"), slog.Int("order.id", 17))
		log.WarnContext(ctx, "stock is low", slog.String("sku", "tea"), slog.Float64("share", 0.5), slog.Bool("ordered", false))
		log.ErrorContext(ctx, "payment failed", tllog.Error(errors.New("timed out")))
	})
	behaviours["log-secret"] = logged(func(ctx context.Context, log *slog.Logger) {
		log.ErrorContext(ctx, "cannot log in with "+secret, tllog.Error(declinedPayment{}), slog.String("authorization", "Basic QWxhZGRpbg=="),
			slog.String("url", "https://api.example.com/v1?token=abc123"))
	})
	behaviours["log-no-span"] = func(s *scene) {
		tllog.New(s.kit, tllog.WithWriter(&s.lines), tllog.WithScope("probe.orders")).InfoContext(s.ctx, "listening", slog.Int("port", 8080))
	}
	behaviours["meter-own"] = measured("tea")
	behaviours["meter-secret"] = measured("Bearer abc123def")
	behaviours["span-secret"] = func(s *scene) {
		_, end := s.kit.Span(s.ctx, "log in with "+secret, attribute.String("password", "hunter2"), attribute.String("note", "card 4111111111111111"),
			attribute.StringSlice("urls", []string{"https://api.example.com/v1?token=abc123"}), attribute.Int64("card", 4111111111111111))
		err := errors.New("cannot log in with " + secret)
		end(&err)
	}
	behaviours["spawn-panic-secret"] = func(s *scene) {
		_ = s.kit.Go(s.ctx, "log in", func(context.Context) error { panic("cannot log in with " + secret) }).Wait()
	}
}

// measured measures something of the service's, outside of any span.
func measured(product string) func(*scene) {
	return func(s *scene) {
		meter := s.kit.MeterProvider().Meter("probe.orders")
		of := metric.WithAttributes(attribute.String("product", product), attribute.String("session.token", "t-1"))
		sold, err := meter.Int64Counter("orders.sold", metric.WithUnit("{order}"), metric.WithDescription("Orders sold."))
		must(err)
		sold.Add(s.ctx, 2, of)
		open, err := meter.Int64UpDownCounter("orders.open", metric.WithUnit("{order}"), metric.WithDescription("Orders not yet sent."))
		must(err)
		open.Add(s.ctx, -1, of)
		worth, err := meter.Float64Histogram("orders.worth", metric.WithUnit("{euro}"), metric.WithDescription("What orders are worth."),
			metric.WithExplicitBucketBoundaries(10, 100))
		must(err)
		worth.Record(s.ctx, 42.5, of)
		warmth, err := meter.Float64Gauge("tea.temperature", metric.WithUnit("Cel"), metric.WithDescription("How warm the tea is."))
		must(err)
		warmth.Record(s.ctx, 61.5, of)
	}
}
