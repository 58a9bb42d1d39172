// Package dbcall is one database call as telemetry, shared by tlpgx and tlsql so that they cannot differ.
package dbcall

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/once"
	"throughline.dev/kits/go/internal/sqltext"
)

// Instrument makes calls to one database.
type Instrument struct {
	on       *throughline.Switch
	system   string
	tracer   trace.Tracer
	duration metric.Float64Histogram
	target   []attribute.KeyValue // db.system.name, db.namespace, server.address, server.port
}

// Target is the database calls go to. Empty fields are left out.
type Target struct {
	System    string // db.system.name, such as postgresql
	Namespace string
	Address   string
	Port      int
	Scope     string // SQL's when empty
}

// New prepares the instruments of one database.
func New(kit *throughline.Kit, t Target) *Instrument {
	scope := t.Scope
	if scope == "" {
		scope = names.ScopeSQL
	}
	duration := names.DBClientOperationDuration.Duration(kit.Meter(scope))
	i := &Instrument{on: kit.Switch(strings.TrimPrefix(scope, names.ScopeKit+"/")), system: t.System, tracer: once.Client(kit.Tracer(scope), "db."), duration: duration}
	i.target = append(i.target, names.DBSystemName.String(t.System))
	if t.Namespace != "" {
		i.target = append(i.target, names.DBNamespace.String(t.Namespace))
	}
	if t.Address != "" {
		i.target = append(i.target, names.ServerAddress.String(t.Address))
	}
	if t.Port != 0 {
		i.target = append(i.target, names.ServerPort.Int(t.Port))
	}
	return i
}

// Call is one call under way. A nil *Call ends without effect.
type Call struct {
	i       *Instrument
	span    trace.Span
	started time.Time
	shared  []attribute.KeyValue
}

// Query starts the call of one SQL text.
func (i *Instrument) Query(ctx context.Context, sql string) (context.Context, *Call) {
	if !i.on.On() {
		return ctx, nil
	}
	stmt := sqltext.Parse(i.system, sql)
	if strings.EqualFold(stmt.Text, stmt.Operation) {
		return i.start(ctx, stmt.Summary, stmt.Operation) // BEGIN says no more as a text
	}
	return i.start(ctx, stmt.Summary, stmt.Operation, names.DBQueryText.String(stmt.Text))
}

// Operation starts a call that has no SQL text, such as BEGIN or COPY. The summary names the span.
func (i *Instrument) Operation(ctx context.Context, operation, summary string, attrs ...attribute.KeyValue) (context.Context, *Call) {
	if !i.on.On() {
		return ctx, nil
	}
	return i.start(ctx, summary, operation, attrs...)
}

// Command starts a call that is named by its operation alone, as in databases whose commands are no texts.
func (i *Instrument) Command(ctx context.Context, operation string, attrs ...attribute.KeyValue) (context.Context, *Call) {
	if !i.on.On() {
		return ctx, nil
	}
	return i.begin(ctx, operation, "", operation, attrs)
}

func (i *Instrument) start(ctx context.Context, summary, operation string, attrs ...attribute.KeyValue) (context.Context, *Call) {
	name := summary
	if name == "" {
		name = i.system
	}
	return i.begin(ctx, name, summary, operation, attrs)
}

func (i *Instrument) begin(ctx context.Context, name, summary, operation string, attrs []attribute.KeyValue) (context.Context, *Call) {
	c := &Call{i: i, started: time.Now(), shared: append(make([]attribute.KeyValue, 0, len(i.target)+4), i.target...)}
	if summary != "" {
		c.shared = append(c.shared, names.DBQuerySummary.String(summary))
	}
	if operation != "" {
		c.shared = append(c.shared, names.DBOperationName.String(operation))
	}
	ctx, c.span = i.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(append(c.shared[:len(c.shared):len(c.shared)], attrs...)...))
	return ctx, c
}

// Failure is what went wrong in the words of the database: its status code if it gave one, and a message without values.
type Failure struct {
	Err     error
	Code    string
	Message string
}

// End ends the call; f.Err is nil when it went well.
func (c *Call) End(ctx context.Context, f Failure) {
	if c == nil {
		return
	}
	if f.Err != nil {
		kind := f.Code
		if kind == "" {
			kind = throughline.ErrorType(f.Err)
		} else {
			status := names.DBStatusCode.String(f.Code)
			c.span.SetAttributes(status)
			c.shared = append(c.shared, status)
		}
		c.span.SetAttributes(names.ErrorType.String(kind))
		c.span.SetStatus(codes.Error, f.Message)
		c.shared = append(c.shared, names.ErrorType.String(kind))
	}
	c.i.duration.Record(ctx, time.Since(c.started).Seconds(), metric.WithAttributes(c.shared...))
	c.span.End()
}
