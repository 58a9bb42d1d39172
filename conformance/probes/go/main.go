// The probe makes what spec/scenarios describes happen, with the Go kit and nothing but its public interface, and exports as any
// service does. The runner (conformance/kits) tells it what to do, one JSON object a line, and reads one line for each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	throughline "throughline.dev/kits/go"
)

// behaviours make one scenario happen each, in the scene they are given.
var behaviours = map[string]func(*scene){}

// scene is where one scenario plays: a kit of its own and what must be taken down afterwards.
type scene struct {
	ctx      context.Context
	kit      *throughline.Kit
	backends map[string]string // addresses of what the runner started: postgres, nats
	lines    lines             // what was logged
	leave    []func()
}

// lines keeps the lines of a log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// cleanup runs f once the telemetry of the scene is complete, the last first.
func (s *scene) cleanup(f func()) { s.leave = append(s.leave, f) }

// must ends the scenario as failed: what it is about could not be made to happen.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("cannot play the scenario: %v", err))
	}
}

// order is what the runner says: begin a scene with these variables, perform a scenario in it, flush, or end it.
type order struct {
	Do        string            `json:"do"`
	Scenario  string            `json:"scenario"`
	Variables map[string]string `json:"variables"`
}

type answer struct {
	Error string           `json:"error,omitempty"`
	Lines []string         `json:"lines,omitempty"`
	Stats map[string]stats `json:"stats,omitempty"`
}

// stats is what became of one signal, as both probes tell it.
type stats struct {
	Created  uint64            `json:"created"`
	Exported uint64            `json:"exported"`
	Queued   uint64            `json:"queued"`
	Dropped  map[string]uint64 `json:"dropped"`
}

func statsOf(s throughline.SignalStats) stats {
	d := s.Dropped
	all := map[string]uint64{"queue_full": d.QueueFull, "byte_limit": d.ByteLimit, "circuit_open": d.CircuitOpen, "timeout": d.Timeout,
		"export_failed": d.ExportFailed, "rejected": d.Rejected, "shutdown": d.Shutdown}
	maps.DeleteFunc(all, func(_ string, n uint64) bool { return n == 0 })
	return stats{Created: s.Created, Exported: s.Exported, Queued: s.Queued, Dropped: all}
}

func main() {
	backends := map[string]string{}
	must(json.Unmarshal([]byte(os.Getenv("PROBE_BACKENDS")), &backends))
	answers := json.NewEncoder(os.Stdout)
	orders := bufio.NewScanner(os.Stdin)
	var current *scene
	for orders.Scan() {
		var o order
		must(json.Unmarshal(orders.Bytes(), &o))
		var a answer
		switch o.Do {
		case "begin":
			current, a = begin(o, backends)
		case "perform":
			a = current.perform(o.Scenario)
		case "flush":
			_ = within(current.kit.Flush) // what could not be sent is the scenario's business
		case "end":
			a = current.end()
		}
		must(answers.Encode(a))
	}
}

// begin makes the scene, with a kit that reads the variables and nothing else.
func begin(o order, backends map[string]string) (*scene, answer) {
	for name, value := range o.Variables {
		must(os.Setenv(name, value))
	}
	kit, err := throughline.Init(context.Background(), throughline.WithService("probe", "1.2.3"), throughline.WithEnvironment("test"))
	for name := range o.Variables {
		must(os.Unsetenv(name))
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &scene{ctx: ctx, kit: kit, backends: backends, leave: []func(){cancel}}
	if err != nil {
		return s, answer{Error: err.Error()}
	}
	return s, answer{}
}

func (s *scene) perform(scenario string) (a answer) {
	behave := behaviours[scenario]
	if behave == nil {
		return answer{Error: "nothing here plays this scenario"}
	}
	defer func() {
		if v := recover(); v != nil {
			a = answer{Error: fmt.Sprint(v)}
		}
	}()
	behave(s)
	return answer{}
}

// end sends what is left before anything is taken down, so that taking down does not show.
func (s *scene) end() answer {
	_ = within(s.kit.Shutdown)
	for i := len(s.leave) - 1; i >= 0; i-- {
		s.leave[i]()
	}
	all := s.kit.Stats()
	return answer{Lines: s.lines.text, Stats: map[string]stats{"spans": statsOf(all.Spans), "logs": statsOf(all.Logs), "metrics": statsOf(all.Metrics)}}
}

func within(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return f(ctx)
}
