package tltest_test

import (
	"context"
	"testing"

	"throughline.dev/kits/go/tltest"
)

// In a test of yours; the guide has one with an HTTP server.
func ExampleRecorder_AssertTree() {
	_ = func(t *testing.T) {
		rec := tltest.New(t)
		failure := context.DeadlineExceeded
		ctx, endOrder := rec.Kit.Span(t.Context(), "order")
		_, endCard := rec.Kit.Span(ctx, "charge card")
		endCard(&failure)
		endOrder(nil)
		rec.AssertTree("order\n  charge card ! timeout\n")
	}
}
