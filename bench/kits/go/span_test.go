package bench

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

// BenchmarkSpan is one span with one attribute, started and ended.
func BenchmarkSpan(b *testing.B) {
	raw := func(b *testing.B, sampler sdktrace.Sampler) {
		tracers, _ := sdk(b, sampler)
		tracer := tracers.Tracer("bench")
		ctx := context.Background()
		measure(b, func() {
			_, span := tracer.Start(ctx, "charge card", trace.WithAttributes(attribute.Int("attempt", 1)))
			span.End()
		})
	}
	ours := func(b *testing.B, k *throughline.Kit) {
		ctx := context.Background()
		measure(b, func() {
			_, end := k.Span(ctx, "charge card", attribute.Int("attempt", 1))
			end(nil)
		})
	}
	b.Run("kit-disabled", func(b *testing.B) { ours(b, disabled(b)) })
	b.Run("sdk-unsampled", func(b *testing.B) { raw(b, sdktrace.NeverSample()) })
	b.Run("kit-unsampled", func(b *testing.B) { ours(b, kit(b, never)) })
	b.Run("sdk-sampled", func(b *testing.B) { raw(b, sdktrace.AlwaysSample()) })
	b.Run("kit-sampled", func(b *testing.B) { ours(b, kit(b, always)) })
}
