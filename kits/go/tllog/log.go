// Package tllog is log/slog with trace ids. A record goes two ways: as one JSON line to standard output, and as an OTLP log
// record through the kit. Both carry the ids of the span in the context, so use the methods that take one:
//
//	log := tllog.New(kit)
//	log.InfoContext(ctx, "order created", "order.id", id)
//	log.ErrorContext(ctx, "payment failed", tllog.Error(err), tllog.Event("payment.failed"))
package tllog

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// LevelTrace is below slog.LevelDebug.
const LevelTrace = slog.LevelDebug - 4

const (
	keyEvent = "event"
	keyError = "error"
	keyErr   = "err"
)

// Event names what happened, in few distinct words: the line's event field and the record's event name.
func Event(name string) slog.Attr { return slog.String(keyEvent, name) }

// Error puts an error into the line's error field, with its type and its message.
func Error(err error) slog.Attr { return slog.Any(keyError, err) }

// Option changes a logger.
type Option func(*config)

type config struct {
	writer io.Writer
	level  slog.Leveler
	scope  string
	limit  *limiter
}

// WithWriter sends the JSON lines to w instead of standard output. Each line is one Write.
func WithWriter(w io.Writer) Option { return func(c *config) { c.writer = w } }

// WithLevel drops records below level. Default: slog.LevelInfo. A *slog.LevelVar can change it while the service runs.
// THROUGHLINE_LOG_LEVEL wins over it, and remote control over both.
func WithLevel(level slog.Leveler) Option { return func(c *config) { c.level = level } }

// WithScope names the part of the service that logs: the line's scope field and the record's scope.
func WithScope(name string) Option { return func(c *config) { c.scope = name } }

// WithRateLimit lets every call site log so many records a second, and as many at once; default: no limit. What is held back is counted
// in the attribute log.held_back of the site's next record.
func WithRateLimit(perSecond int) Option { return func(c *config) { c.limit = newLimiter(perSecond) } }

// New returns a logger of the kit's service.
func New(kit *throughline.Kit, opts ...Option) *slog.Logger {
	return slog.New(NewHandler(kit, opts...))
}

// NewHandler returns the handler behind New.
func NewHandler(kit *throughline.Kit, opts ...Option) slog.Handler {
	c := config{writer: os.Stdout, level: slog.LevelInfo}
	for _, opt := range opts {
		opt(&c)
	}
	records := kit.Logger()
	if c.scope != "" { // the service's own name, so not the kit's version
		records = kit.LoggerProvider().Logger(c.scope, log.WithSchemaURL(names.SchemaURL))
	}
	return &handler{
		config: c, service: kit.ServiceName(), output: &output{w: c.writer},
		records: records, remote: kit.LogLevel(c.scope), kit: kit,
	}
}

type handler struct {
	config
	service string
	output  *output
	records log.Logger
	remote  *throughline.LevelSwitch
	kit     *throughline.Kit // it knows what is secret
	prefix  string           // of the open groups, "a.b."
	preset  collected
}

// output keeps lines whole.
type output struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

func (o *output) write(l *line) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(l.appendTo(o.buf[:0]), '\n')
	_, err := o.w.Write(o.buf)
	return err
}

// Enabled asks remote control and the environment first.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	if least, named := h.remote.Level(); named {
		return level >= least
	}
	return level >= h.level.Level()
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	copied := *h
	copied.preset.attrs = slices.Clip(h.preset.attrs)
	for _, a := range attrs {
		copied.preset.add(h.prefix, a)
	}
	return &copied
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	copied := *h
	copied.prefix += name + "."
	return &copied
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	all := h.preset
	all.attrs = slices.Clip(all.attrs)
	r.Attrs(func(a slog.Attr) bool {
		all.add(h.prefix, a)
		return true
	})
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if held, admitted := h.limit.admit(r.PC, r.Time); !admitted {
		return nil
	} else if held > 0 {
		all.attrs = append(all.attrs, names.LogHeldBack.Int64(held))
	}
	r.Message = h.kit.RedactText(r.Message)
	all.attrs = h.kit.RedactAttributes(all.attrs)
	all.failure.message = h.kit.RedactText(all.failure.message)
	h.emit(ctx, r, all)
	return h.output.write(&line{
		time: r.Time, level: levelName(r.Level), message: r.Message, service: h.service,
		span: trace.SpanContextFromContext(ctx), scope: h.scope, event: all.event, attrs: all.attrs, failure: all.failure,
	})
}

// emit sends the record to OTLP. The SDK takes the trace ids from ctx.
func (h *handler) emit(ctx context.Context, r slog.Record, all collected) {
	severity := severityOf(r.Level)
	if !h.records.Enabled(ctx, log.EnabledParameters{Severity: severity, EventName: all.event}) {
		return
	}
	var record log.Record
	record.SetTimestamp(r.Time)
	record.SetSeverity(severity)
	record.SetSeverityText(severityText(r.Level))
	record.SetBody(attribute.StringValue(r.Message))
	record.SetEventName(all.event)
	record.AddAttributes(all.attrs...)
	if all.failure.kind != "" {
		record.AddAttributes(names.ExceptionType.String(all.failure.kind))
	}
	if all.failure.message != "" {
		record.AddAttributes(names.ExceptionMessage.String(all.failure.message))
	}
	h.records.Emit(ctx, record)
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "trace"
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}

func severityText(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "TRACE"
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARN"
	}
	return "ERROR"
}

// severityOf maps slog's levels, which are four apart like OpenTelemetry's severities: info is 0 here and 9 there.
func severityOf(l slog.Level) log.Severity {
	return log.Severity(min(max(int(l)+int(log.SeverityInfo), int(log.SeverityTrace)), int(log.SeverityFatal4)))
}
