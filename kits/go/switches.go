// What is switched on and off while the service runs. Whoever asks pays one atomic load.

package throughline

import (
	"context"
	"sync"
	"sync/atomic"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"throughline.dev/kits/go/internal/control"
)

// Switch is an instrumentation that can be switched off while the service runs. The zero value is off.
type Switch struct{ on atomic.Bool }

// On says whether to record. When it is off an instrumentation calls what it wraps directly and passes the context on.
func (s *Switch) On() bool { return s.on.Load() }

var alwaysOff Switch

// Switch returns the switch of an instrumentation, such as "http.server". Names have dots: whoever switches "http" off means all that
// begins with "http." too. Use it for instrumentation of your own; the kit's has its switches built in.
func (k *Kit) Switch(instrumentation string) *Switch {
	if k == nil {
		return &alwaysOff
	}
	return k.board.get(instrumentation)
}

// switchesMax bounds the board. Instrumentations beyond it share a switch that only obeys what is said about everything.
const (
	switchesMax   = 128
	switchesOther = ""
)

// switchboard sets all switches when something changes.
type switchboard struct {
	all                   Switch // everything
	traces, metrics, logs Switch // the signals

	mu       sync.Mutex
	switches map[string]*Switch
	live     bool // the kit records at all
	killed   bool // the local emergency switch
	document *control.Document
}

func (b *switchboard) get(name string) *Switch {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.switches[name]; s != nil {
		return s
	}
	if len(b.switches) >= switchesMax {
		name = switchesOther
		if s := b.switches[name]; s != nil {
			return s
		}
	}
	s := &Switch{}
	s.on.Store(b.isOn(name))
	if b.switches == nil {
		b.switches = map[string]*Switch{}
	}
	b.switches[name] = s
	return s
}

func (b *switchboard) isOn(name string) bool {
	return b.live && !b.killed && (b.document == nil || b.document.On(name))
}

// change changes what the switches follow, and all of them with it.
func (b *switchboard) change(change func(*switchboard)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
	d := b.document
	on := b.isOn(switchesOther)
	b.all.on.Store(on)
	b.traces.on.Store(on && (d == nil || d.Traces))
	b.metrics.on.Store(on && (d == nil || d.Metrics))
	b.logs.on.Store(on && (d == nil || d.Logs))
	for name, s := range b.switches {
		s.on.Store(b.isOn(name))
	}
}

// switchedProvider makes the spans of any library obey the switch of traces. A span that is off passes its parent on.
type switchedProvider struct {
	trace.TracerProvider
	on *Switch
}

func (p switchedProvider) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return &switchedTracer{next: p.TracerProvider.Tracer(name, opts...), on: p.on}
}

type switchedTracer struct {
	embedded.Tracer
	next trace.Tracer
	on   *Switch
}

func (t *switchedTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !t.on.On() {
		return nooptrace.Tracer{}.Start(ctx, name, opts...)
	}
	return t.next.Start(ctx, name, opts...)
}

// switchedMetrics holds metrics back. They go on being summed up, so nothing is missing when they are sent again.
type switchedMetrics struct {
	sdkmetric.Exporter
	on *Switch
}

func (e switchedMetrics) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if !e.on.On() {
		return nil
	}
	return e.Exporter.Export(ctx, rm)
}

// switchedLogs makes no OTLP records; lines are printed all the same.
type switchedLogs struct {
	sdklog.Processor
	on *Switch
}

func (p switchedLogs) Enabled(ctx context.Context, param sdklog.EnabledParameters) bool {
	return p.on.On() && p.Processor.Enabled(ctx, param)
}

func (p switchedLogs) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if !p.on.On() {
		return nil
	}
	return p.Processor.OnEmit(ctx, r)
}
