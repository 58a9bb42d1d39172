package tltest_test

import (
	"context"
	"errors"
	"testing"

	"throughline.dev/kits/go/tltest"
)

func TestTheTreeShowsWhoCalledWhomAndWhatFailed(t *testing.T) {
	rec := tltest.New(t)
	ctx, end := rec.Kit.Span(t.Context(), "order")
	rec.Kit.Go(ctx, "charge card", func(context.Context) error { return errors.New("declined") }).Wait()
	mail, endMail := rec.Kit.Span(ctx, "send mail")
	_, endTemplate := rec.Kit.Span(mail, "read template")
	endTemplate(nil)
	endMail(nil)
	rec.Kit.Detach(ctx, "audit", func(context.Context) error { return nil }).Wait()
	end(nil)
	rec.AssertTree("order\n  charge card ! _OTHER\n  send mail\n    read template\naudit\n")
	if rec.Sum("kit.task.active") != 0 || len(rec.Histogram("kit.task.duration")) != 2 {
		t.Error("metrics are missing")
	}
}

func TestAWrongTreeAndAFailedSpanFailTheTest(t *testing.T) {
	rec := tltest.New(t)
	_, end := rec.Kit.Span(t.Context(), "order")
	end(func() *error { err := errors.New("declined"); return &err }())
	fake := &failures{TB: t}
	seen := rec.With(fake)
	seen.AssertTree("other\n")
	seen.AssertNoErrors()
	if fake.count != 2 {
		t.Errorf("%d assertions failed, want 2", fake.count)
	}
}

// failures counts what would fail a test.
type failures struct {
	testing.TB
	count int
}

func (f *failures) Errorf(string, ...any) { f.count++ }
