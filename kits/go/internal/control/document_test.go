package control_test

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"throughline.dev/kits/go/internal/control"
	"throughline.dev/kits/go/internal/sampling"
)

type vector struct {
	Name        string
	Document    json.RawMessage
	Text        string
	Bytes       int
	AppendHex   string `json:"append_hex"`
	Accepted    bool
	Applied     int64
	Effective   map[string]any
	On          map[string]bool
	Levels      map[string]string
	Service     string
	Environment string
	PublicKey   string `json:"public_key"`
	Signature   string
}

func (v vector) body(t *testing.T) []byte {
	t.Helper()
	body := []byte(v.Text)
	if v.Document != nil {
		body = v.Document
	}
	for len(body) < v.Bytes {
		body = append(body, ' ')
	}
	tail, err := hex.DecodeString(v.AppendHex)
	if err != nil {
		t.Fatal(err)
	}
	return append(body, tail...)
}

func TestControlVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "spec", "vectors", "control.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []vector }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < 180 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		t.Run(c.Name, func(t *testing.T) {
			acceptance := control.Acceptance{Service: c.Service, Environment: c.Environment, Applied: c.Applied}
			if c.PublicKey != "" {
				if acceptance.Key, err = control.ParseKey(c.PublicKey); err != nil {
					t.Fatal(err)
				}
			}
			document, err := acceptance.Read(c.body(t), c.Signature)
			if (err == nil) != c.Accepted {
				t.Fatalf("accepted %t: %v", err == nil, err)
			}
			if err != nil {
				return
			}
			all := effective(t, document)
			for key, want := range c.Effective {
				if !reflect.DeepEqual(all[key], want) {
					t.Errorf("%s: %v, want %v", key, all[key], want)
				}
			}
			for name, want := range c.On {
				if document.On(name) != want {
					t.Errorf("%s on: %t", name, !want)
				}
			}
			for scope, want := range c.Levels {
				if level := document.LevelOf(scope); level != want {
					t.Errorf("level of %q: %q, want %q", scope, level, want)
				}
			}
		})
	}
}

// effective is a document as the vectors write it.
func effective(t *testing.T, d *control.Document) map[string]any {
	t.Helper()
	tree := map[string]any{
		"revision": d.Revision, "ttl_s": d.TTL / time.Second, "enabled": d.Enabled,
		"signals": map[string]bool{"traces": d.Traces, "metrics": d.Metrics, "logs": d.Logs},
		"limits": map[string]int{"attr_value_len": d.Limits.AttributeLength, "attrs_per_span": d.Limits.AttributesPerSpan,
			"queue_bytes": d.Limits.QueueBytes},
		"logs": map[string]any{"level": d.Level, "overrides": d.Levels}, "sampling": nil, "redact": nil,
	}
	if p := d.Sampling; p != nil {
		rules := []any{}
		for _, r := range p.Rules {
			kind := ""
			for _, name := range []string{"SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"} {
				if r.Match.Kind == control.KindOf(name) {
					kind = name
				}
			}
			attributes := map[string]any{}
			maps.Insert(attributes, func(yield func(string, any) bool) {
				for _, kv := range r.Match.Attributes {
					yield(string(kv.Key), kv.Value.AsInterface())
				}
			})
			rules = append(rules, map[string]any{"kind": kind, "name": r.Match.Name, "name_prefix": r.Match.NamePrefix,
				"attributes": attributes, "p": r.Probability})
		}
		tree["sampling"] = map[string]any{"default": p.Default, "parent_based": !p.Independent, "ceiling_per_s": p.CeilingPerSecond,
			"floor_per_min": p.FloorPerMinute, "debug_keys": append([]string{}, p.DebugKeys...), "rules": rules}
	}
	if red := d.Redaction; red != nil {
		values := []any{}
		for _, v := range red.Values {
			values = append(values, map[string]string{"re": v.Expression, "with": v.With})
		}
		tree["redact"] = map[string]any{"keys": append([]string{}, red.Keys...), "values": values}
	}
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	return again
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"v":1,"revision":412,"sampling":{"default":0.05,"rules":[{"match":{"kind":"SERVER","attributes":{"a":1}},"p":0}]}}`))
	f.Add([]byte(`{"v":1,"revision":1,"logs":{"level":"info","overrides":{"a":"debug"}},"x":"\ud83e\udd80"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		document, err := control.Parse(body)
		if err != nil {
			return
		}
		if document.Revision < 1 || document.TTL < time.Second || len(document.Instrumentations) > 64 {
			t.Errorf("accepted %+v", document)
		}
		if document.Sampling != nil && slices.ContainsFunc(document.Sampling.Rules, func(r sampling.Rule) bool {
			return !(r.Probability >= 0 && r.Probability <= 1)
		}) {
			t.Errorf("accepted %+v", document.Sampling)
		}
	})
}
