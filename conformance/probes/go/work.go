package main

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
)

type declined struct{}

func (declined) Error() string { return "card declined" }

func init() {
	spanned := func(fail func() error) func(*scene) {
		return func(s *scene) {
			defer func() { _ = recover() }()
			var err error
			_, end := s.kit.Span(s.ctx, "charge card", attribute.Int("attempt", 1))
			defer end(&err)
			err = fail()
		}
	}
	type start func(*throughline.Kit, context.Context, string, func(context.Context) error) *throughline.Task
	task := func(how start, name string, work func() error) func(*scene) {
		return func(s *scene) {
			ctx, end := s.kit.Span(s.ctx, "request")
			running := how(s.kit, ctx, name, func(context.Context) error { return work() })
			_ = running.Wait()
			end(nil)
		}
	}
	ok := func() error { return nil }
	failed := func() error { return declined{} }
	late := func() error { return context.DeadlineExceeded }
	panicked := func() error { panic("deliberate") }
	behaviours["span-ok"] = spanned(ok)
	behaviours["span-error"] = spanned(failed)
	behaviours["span-timeout"] = spanned(late)
	behaviours["span-panic"] = spanned(panicked)
	behaviours["spawn-ok"] = task((*throughline.Kit).Go, "send mail", ok)
	behaviours["spawn-error"] = task((*throughline.Kit).Go, "send mail", failed)
	behaviours["spawn-panic"] = task((*throughline.Kit).Go, "send mail", panicked)
	behaviours["detach-ok"] = task((*throughline.Kit).Detach, "audit", ok)
	behaviours["detach-error"] = task((*throughline.Kit).Detach, "audit", failed)
	behaviours["detach-panic"] = task((*throughline.Kit).Detach, "audit", panicked)
	gone := func() error { return context.Canceled }
	behaviours["span-canceled"] = spanned(gone)
	behaviours["spawn-timeout"] = task((*throughline.Kit).Go, "send mail", late)
	behaviours["spawn-canceled"] = task((*throughline.Kit).Go, "send mail", gone)
	behaviours["detach-timeout"] = task((*throughline.Kit).Detach, "audit", late)
	behaviours["detach-canceled"] = task((*throughline.Kit).Detach, "audit", gone)
	// In Go a goroutine may block; in Rust such work has threads of its own.
	behaviours["spawn-blocking"] = task((*throughline.Kit).Go, "resize", ok)
	behaviours["spawn-blocking-panic"] = task((*throughline.Kit).Go, "resize", panicked)
	type worker func(*throughline.Kit, context.Context, throughline.Origin, string, func(context.Context) error) error
	job := func(how worker, work func() error) func(*scene) {
		return func(s *scene) {
			queue := make(chan throughline.Origin, 1)
			ctx, end := s.kit.Span(s.ctx, "request")
			queue <- throughline.OriginOf(ctx)
			end(nil)
			_ = how(s.kit, s.ctx, <-queue, "resize", func(context.Context) error { return work() })
		}
	}
	behaviours["job-child"] = job((*throughline.Kit).Work, ok)
	behaviours["job-linked"] = job((*throughline.Kit).WorkLinked, ok)
	behaviours["job-error"] = job((*throughline.Kit).Work, failed)
	behaviours["job-canceled"] = job((*throughline.Kit).Work, gone)
	behaviours["job-linked-timeout"] = job((*throughline.Kit).WorkLinked, late)
	behaviours["job-panic"] = job((*throughline.Kit).Work, panicked)
}
