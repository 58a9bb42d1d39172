package throughline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
)

func TestSpanTellsOfItsError(t *testing.T) {
	h := kittest.New(t)
	work := func(ctx context.Context) (err error) {
		_, end := h.Kit.Span(ctx, "charge card")
		defer end(&err)
		return fmt.Errorf("charging: %w", context.DeadlineExceeded)
	}
	if err := work(t.Context()); err == nil {
		t.Fatal("the error is gone")
	}
	s := h.Span("charge card")
	attrs := kittest.Attributes(s.Attributes)
	if s.Status.Code != codes.Error || attrs["error.type"] != "timeout" || s.SpanKind != trace.SpanKindInternal {
		t.Fatalf("got %v %v", s.Status, attrs)
	}
	scope := s.InstrumentationScope
	if v, _ := scope.Attributes.Value("throughline.contract"); v.AsInt64() != 1 || scope.Version != throughline.Version {
		t.Fatalf("scope is %+v", scope)
	}
}

func TestSpanMarksAPanicAndLetsItPass(t *testing.T) {
	h := kittest.New(t)
	func() {
		defer func() {
			if v := recover(); v != "ouch" {
				t.Errorf("recovered %v", v)
			}
		}()
		var err error
		_, end := h.Kit.Span(t.Context(), "risky")
		defer end(&err)
		panic("ouch")
	}()
	s := h.Span("risky")
	if s.Status.Code != codes.Error || kittest.Attributes(s.Attributes)["error.type"] != "panic" || len(s.Events) != 0 {
		t.Fatalf("got %+v", s)
	}
}

func TestGoIsAChildAndContainsPanics(t *testing.T) {
	h := kittest.New(t)
	ctx, end := h.Kit.Span(t.Context(), "request")
	task := h.Kit.Go(ctx, "send mail", func(ctx context.Context) error {
		_, end := h.Kit.Span(ctx, "inside the goroutine")
		end(nil)
		panic(errors.New("boom"))
	})
	err := task.Wait()
	end(nil)
	var contained *throughline.PanicError
	if !errors.As(err, &contained) || contained.Stack == "" {
		t.Fatalf("got %v", err)
	}
	request, mail, inside := h.Span("request"), h.Span("send mail"), h.Span("inside the goroutine")
	if mail.Parent.SpanID() != request.SpanContext.SpanID() || inside.Parent.SpanID() != mail.SpanContext.SpanID() {
		t.Fatal("the goroutine lost its parent")
	}
	if mail.Status.Code != codes.Error || kittest.Attributes(mail.Attributes)["error.type"] != "panic" {
		t.Fatalf("got %+v", mail)
	}
	logs := h.Logs()
	if len(logs) != 1 || logs[0].EventName() != "exception" || logs[0].Severity() != log.SeverityError ||
		logs[0].SpanID() != mail.SpanContext.SpanID() {
		t.Fatalf("got %d log records: %+v", len(logs), logs)
	}
	if points := h.Histogram("kit.task.duration"); len(points) != 1 || points[0].Count != 1 {
		t.Fatalf("got %+v", points)
	}
	if h.Sum("kit.task.active") != 0 {
		t.Fatal("a task that panicked counts as active")
	}
}

func TestDetachIsALinkedRootThatOutlivesItsCaller(t *testing.T) {
	h := kittest.New(t)
	member, _ := baggage.NewMember("tenant", "acme")
	bag, _ := baggage.New(member)
	type key struct{}
	ctx, cancel := context.WithCancel(baggage.ContextWithBaggage(context.WithValue(t.Context(), key{}, "request"), bag))
	ctx, end := h.Kit.Span(ctx, "request")
	var caller = trace.SpanFromContext(ctx)
	release := make(chan struct{})
	task := h.Kit.Detach(ctx, "reindex", func(ctx context.Context) error {
		<-release
		if ctx.Err() != nil {
			t.Error("cancellation came through")
		}
		if trace.SpanFromContext(ctx) == caller || ctx.Value(key{}) != nil {
			t.Error("the request is kept alive")
		}
		if baggage.FromContext(ctx).Member("tenant").Value() != "acme" {
			t.Error("the baggage is gone")
		}
		_, end := h.Kit.Span(ctx, "inside")
		end(nil)
		return nil
	})
	end(nil)
	cancel()
	close(release)
	if err := task.Wait(); err != nil {
		t.Fatal(err)
	}
	request, reindex, inside := h.Span("request"), h.Span("reindex"), h.Span("inside")
	if reindex.Parent.IsValid() || reindex.SpanContext.TraceID() == request.SpanContext.TraceID() {
		t.Fatalf("it is no root: %+v", reindex)
	}
	if len(reindex.Links) != 1 || reindex.Links[0].SpanContext.SpanID() != request.SpanContext.SpanID() {
		t.Fatalf("links are %+v", reindex.Links)
	}
	if inside.Parent.SpanID() != reindex.SpanContext.SpanID() {
		t.Fatal("children of the detached task are lost")
	}
	attrs := kittest.Attributes(reindex.Attributes)
	if attrs["task.name"] != "reindex" || attrs["task.detached"] != true || len(attrs) != 2 {
		t.Fatalf("got %v", attrs)
	}
}

func TestShutdownWaitsForDetachedTasksThenCancelsThem(t *testing.T) {
	h := kittest.New(t)
	quick := h.Kit.Detach(t.Context(), "quick", func(context.Context) error { time.Sleep(50 * time.Millisecond); return nil })
	stuck := h.Kit.Detach(t.Context(), "stuck", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithTimeout(context.Background(), 600*time.Millisecond)
	defer cancel()
	if err := h.Kit.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if quick.Wait() != nil || !errors.Is(stuck.Wait(), context.Canceled) {
		t.Fatalf("quick: %v, stuck: %v", quick.Wait(), stuck.Wait())
	}
}

func TestANilKitWorks(t *testing.T) {
	var kit *throughline.Kit
	ctx, end := kit.Span(t.Context(), "x")
	end(nil)
	if err := kit.Go(ctx, "x", func(context.Context) error { panic("x") }).Wait(); throughline.ErrorType(err) != "panic" {
		t.Fatal(err)
	}
	if err := kit.Detach(ctx, "x", func(context.Context) error { return io.EOF }).Wait(); err != io.EOF {
		t.Fatal(err)
	}
	if kit.Enabled() || kit.Flush(ctx) != nil || kit.Shutdown(ctx) != nil || kit.Stats() != (throughline.Stats{}) || kit.ServiceName() != "" {
		t.Fatal("a nil kit does something")
	}
}

type namedError struct{}

func (namedError) Error() string     { return "named" }
func (namedError) ErrorType() string { return "card_declined" }

func TestErrorTypesHaveFewValues(t *testing.T) {
	_, notFound := os.Open("/does/not/exist")
	for want, err := range map[string]error{
		"":              nil,
		"card_declined": fmt.Errorf("order 7: %w", namedError{}),
		"canceled":      fmt.Errorf("x: %w", context.Canceled),
		"timeout":       context.DeadlineExceeded,
		"panic":         &throughline.PanicError{Value: 1},
		"_OTHER":        fmt.Errorf("order 7: %w", errors.New("x")),
		"fs.PathError":  fmt.Errorf("reading: %w", notFound),
	} {
		if got := throughline.ErrorType(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}
