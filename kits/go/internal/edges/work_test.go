package edges

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
)

type declined struct{}

func (declined) Error() string { return "card declined" }

func init() {
	spanned := func(fail func() error) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) {
			defer func() { _ = recover() }()
			var err error
			_, end := h.Kit.Span(t.Context(), "charge card", attribute.Int("attempt", 1))
			defer end(&err)
			err = fail()
		}
	}
	type start func(*throughline.Kit, context.Context, string, func(context.Context) error) *throughline.Task
	task := func(how start, name string, work func() error) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) {
			ctx, end := h.Kit.Span(t.Context(), "request")
			running := how(h.Kit, ctx, name, func(context.Context) error { return work() })
			_ = running.Wait()
			end(nil)
		}
	}
	ok := func() error { return nil }
	failed := func() error { return declined{} }
	late := func() error { return context.DeadlineExceeded }
	panicked := func() error { panic("deliberate") }
	producers["span-ok"] = spanned(ok)
	producers["span-error"] = spanned(failed)
	producers["span-timeout"] = spanned(late)
	producers["span-panic"] = spanned(panicked)
	producers["spawn-ok"] = task((*throughline.Kit).Go, "send mail", ok)
	producers["spawn-error"] = task((*throughline.Kit).Go, "send mail", failed)
	producers["spawn-panic"] = task((*throughline.Kit).Go, "send mail", panicked)
	producers["detach-ok"] = task((*throughline.Kit).Detach, "audit", ok)
	producers["detach-error"] = task((*throughline.Kit).Detach, "audit", failed)
	producers["detach-panic"] = task((*throughline.Kit).Detach, "audit", panicked)
}
