// Remote control: what the platform says while the service runs, and the switches an operator has beside it. Nothing of it
// is ever on the path of a request.

package throughline

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"throughline.dev/kits/go/internal/control"
	"throughline.dev/kits/go/internal/names"
)

// killFileEvery is how often the kill file is looked for.
const killFileEvery = time.Second

// WithControlEndpoint sets the base URL of the platform that steers this kit, such as http://127.0.0.1:4380. Without it nothing is
// asked for. THROUGHLINE_CONTROL_ENDPOINT wins.
func WithControlEndpoint(url string) Option { return func(s *settings) { s.control.endpoint = url } }

// WithControlKey sets the Ed25519 public key, as the base64 of its 32 bytes, that control documents must be signed for.
// THROUGHLINE_CONTROL_KEY wins.
func WithControlKey(key string) Option { return func(s *settings) { s.control.key = key } }

// WithKillFile names a file that switches all telemetry off for as long as it exists. THROUGHLINE_KILL_FILE wins.
func WithKillFile(path string) Option { return func(s *settings) { s.control.killFile = path } }

// controlSettings is what options and environment say about remote control.
type controlSettings struct {
	endpoint, key, killFile string
	publicKey               ed25519.PublicKey
}

// steering is the kit's side of remote control.
type steering struct {
	cancel   context.CancelFunc
	done     sync.WaitGroup
	revision atomic.Int64
	refused  metric.Int64Counter
	followed []func(*control.Document) // told of each document, and of nil when the code's settings count again

	mu       sync.Mutex
	levels   map[string]*LevelSwitch
	ownLevel string // where remote control says nothing, "" when the loggers' own counts
	document *control.Document
}

// startSteering begins to listen. The kill file is looked at before the first span.
func (k *Kit) startSteering(s controlSettings, environment, instance string) {
	ctx, cancel := context.WithCancel(context.Background())
	k.steering.cancel = cancel
	if k.sampler != nil {
		k.steering.followed = append(k.steering.followed, k.sampler.steer)
	}
	k.steering.followed = append(k.steering.followed, func(d *control.Document) {
		k.board.change(func(b *switchboard) { b.document = d })
	}, k.steering.setLevels, k.steerRedaction, k.limits.steer)
	if s.killFile != "" {
		k.lookForKillFile(s.killFile)
		k.steering.done.Go(func() { k.watchKillFile(ctx, s.killFile) })
	}
	if s.endpoint == "" {
		return
	}
	k.observeSteering()
	client := &control.Client{Endpoint: s.endpoint, Instance: instance, SDK: "go/" + Version, Apply: k.steer, Trouble: k.steeringTrouble,
		Acceptance: control.Acceptance{Service: k.service, Environment: environment, Key: s.publicKey, Compile: k.tryRedaction}}
	k.steering.done.Go(func() {
		_ = contained(ctx, func(ctx context.Context) error { client.Run(ctx); return nil })
	})
}

// stopSteering ends both goroutines; a request that waits for news is given up.
func (k *Kit) stopSteering() {
	if k.steering.cancel != nil {
		k.steering.cancel()
		k.steering.done.Wait()
	}
}

func (k *Kit) steer(d *control.Document) {
	for _, follow := range k.steering.followed {
		follow(d)
	}
	revision := int64(0)
	if d != nil {
		revision = d.Revision
	}
	if before := k.steering.revision.Swap(revision); before != revision {
		k.diagnostics.Info("remote control changed", slog.Int64("revision", revision), slog.Int64("before", before))
	}
}

// tryRedaction says whether the rules of a document can be used.
func (k *Kit) tryRedaction(r *control.Redaction) error {
	_, err := k.redact.base.With(r.Keys, values(rulesOf(r)))
	return err
}

// steerRedaction puts a document's rules beside those of the code, in place of those of the document before.
func (k *Kit) steerRedaction(d *control.Document) {
	var r control.Redaction
	if d != nil && d.Redaction != nil {
		r = *d.Redaction
	}
	_ = k.redact.set(r.Keys, rulesOf(&r)) // it was tried before it was accepted
}

func rulesOf(r *control.Redaction) []RedactionRule {
	rules := make([]RedactionRule, len(r.Values))
	for i, v := range r.Values {
		rules[i] = RedactionRule{Regexp: v.Expression, With: v.With}
	}
	return rules
}

func (k *Kit) steeringTrouble(err error, refused bool) {
	if refused {
		k.steering.refused.Add(context.Background(), 1)
		k.diagnostics.Warn("a control document was refused; what was in force stays", slog.String("error", err.Error()))
		return
	}
	k.diagnostics.Debug("remote control cannot be reached", slog.String("error", err.Error()))
}

// observeSteering reports the revision in force: 0 while the code's own settings count.
func (k *Kit) observeSteering() {
	meter, revision := k.Meter(names.ScopeKit), names.KitControlRevision
	// The error is ignored: the name is a valid constant, and the API returns a working instrument regardless.
	_, _ = meter.Int64ObservableGauge(revision.Name, metric.WithUnit(revision.Unit), metric.WithDescription(revision.Description),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(k.steering.revision.Load())
			return nil
		}))
	k.steering.refused = names.KitControlRefused.Counter(meter)
}

func (k *Kit) watchKillFile(ctx context.Context, path string) {
	ticker := time.NewTicker(killFileEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.lookForKillFile(path)
		}
	}
}

// lookForKillFile switches off while the file is there. One that cannot be looked at counts as absent.
func (k *Kit) lookForKillFile(path string) {
	_, err := os.Stat(path)
	killed := err == nil
	if k.board.isKilled() == killed {
		return
	}
	k.board.change(func(b *switchboard) { b.killed = killed })
	k.diagnostics.Warn("the kill file has switched telemetry", slog.Bool("on", !killed), slog.String("file", path))
}

func (b *switchboard) isKilled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.killed
}

// LevelSwitch is the least severe level of a scope's log records, where THROUGHLINE_LOG_LEVEL or, before it, remote control names one.
type LevelSwitch struct{ level atomic.Int64 }

const noLevel = math.MinInt64

// Level is the level, if one is named.
func (l *LevelSwitch) Level() (level slog.Level, named bool) {
	if l == nil {
		return 0, false
	}
	n := l.level.Load()
	return slog.Level(n), n != noLevel
}

// LogLevel returns the level switch of a scope. Loggers made by tllog follow it by themselves.
func (k *Kit) LogLevel(scope string) *LevelSwitch {
	if k == nil {
		return nil
	}
	return k.steering.level(scope)
}

func (s *steering) level(scope string) *LevelSwitch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.levels[scope]; l != nil {
		return l
	}
	l := &LevelSwitch{}
	s.set(l, scope)
	if s.levels == nil {
		s.levels = map[string]*LevelSwitch{}
	}
	if len(s.levels) < switchesMax { // scopes beyond keep the level they begin with
		s.levels[scope] = l
	}
	return l
}

func (s *steering) setLevels(d *control.Document) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document = d
	for scope, l := range s.levels {
		s.set(l, scope)
	}
}

func (s *steering) set(l *LevelSwitch, scope string) {
	name := s.ownLevel
	if s.document != nil {
		if said := s.document.LevelOf(scope); said != "" {
			name = said
		}
	}
	level, named := slogLevel(name)
	if !named {
		level = noLevel
	}
	l.level.Store(int64(level))
}

func slogLevel(name string) (level slog.Level, known bool) {
	switch name {
	case "trace":
		return slog.LevelDebug - 4, true
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return 0, false
}
