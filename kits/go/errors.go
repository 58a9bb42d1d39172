package throughline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"throughline.dev/kits/go/internal/names"
)

// PanicError is a panic the kit contained, as an error.
type PanicError struct {
	Value any    // what the code panicked with
	Stack string // of the goroutine, as debug.Stack prints it
}

// Error is "panic: " and the value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ErrorType implements the kit's low-cardinality naming: see [ErrorType].
func (e *PanicError) ErrorType() string { return "panic" }

// Unwrap gives the error the code panicked with, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ErrorType names an error for error.type with few distinct values: what the error's own ErrorType() string method says,
// else "timeout", "canceled", "connection_refused", "connection_reset", "host_not_found", else the innermost Go type that
// says something, else "_OTHER". It is empty for nil.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	var named interface {
		error
		ErrorType() string
	}
	if errors.As(err, &named) {
		return named.ErrorType()
	}
	var network net.Error
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection_reset"
	case errors.As(err, &lookup):
		return "host_not_found"
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		name := strings.TrimPrefix(fmt.Sprintf("%T", inner), "*")
		if !strings.HasPrefix(name, "errors.") && !strings.HasPrefix(name, "fmt.") {
			return name
		}
	}
	return names.Other
}

// Contain turns a recovered panic into an error and reports it: a log record with the stack, in the trace of ctx, and a
// line in the diagnostics. Instrumentation calls it as
//
//	defer func() {
//		if v := recover(); v != nil {
//			err = kit.Contain(ctx, v)
//		}
//	}()
func (k *Kit) Contain(ctx context.Context, value any) *PanicError {
	err := &PanicError{Value: value, Stack: string(debug.Stack())}
	if k == nil {
		return err
	}
	var record log.Record
	record.SetTimestamp(time.Now())
	record.SetEventName("exception")
	record.SetSeverity(log.SeverityError)
	record.SetSeverityText("ERROR")
	record.SetBody(attribute.StringValue(err.Error()))
	record.AddAttributes(names.ExceptionType.String("panic"), names.ExceptionMessage.String(err.Error()),
		names.ExceptionStack.String(err.Stack))
	k.Logger().Emit(ctx, record)
	k.diagnostics.ErrorContext(ctx, "a panic was contained", "panic", fmt.Sprint(value), "stack", err.Stack)
	return err
}
