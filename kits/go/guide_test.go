package throughline_test

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const guidePath = "../../docs/guide-go.md"

// The guide's and the README's code is what people copy, so it is compiled, formatted and, where it is a test, run: in a module that
// depends on the kit as theirs does. Blocks that are not whole files share a package and get their imports from this list.
var guideImports = map[string]string{
	"attribute": "go.opentelemetry.io/otel/attribute", "context": "context", "errors": "errors", "fmt": "fmt", "grpc": "google.golang.org/grpc",
	"http": "net/http", "httptest": "net/http/httptest", "insecure": "google.golang.org/grpc/credentials/insecure",
	"jetstream": "github.com/nats-io/nats.go/jetstream", "kgo": "github.com/twmb/franz-go/pkg/kgo", "metric": "go.opentelemetry.io/otel/metric",
	"nats": "github.com/nats-io/nats.go", "pgxpool": "github.com/jackc/pgx/v5/pgxpool", "propagation": "go.opentelemetry.io/otel/propagation",
	"redis": "github.com/redis/go-redis/v9", "slog": "log/slog", "sql": "database/sql", "testing": "testing", "throughline": "throughline.dev/kits/go",
	"time": "time", "tlgrpc": "throughline.dev/kits/go/tlgrpc", "tlhttp": "throughline.dev/kits/go/tlhttp", "tlkafka": "throughline.dev/kits/go/tlkafka",
	"tllog": "throughline.dev/kits/go/tllog", "tlnats": "throughline.dev/kits/go/tlnats", "tlpgx": "throughline.dev/kits/go/tlpgx",
	"tlredis": "throughline.dev/kits/go/tlredis", "tlruntime": "throughline.dev/kits/go/tlruntime", "tlsql": "throughline.dev/kits/go/tlsql",
	"tltest": "throughline.dev/kits/go/tltest", "trace": "go.opentelemetry.io/otel/trace",
}

func TestTheGuidesCodeCompilesAndRuns(t *testing.T) {
	if _, err := os.Stat(guidePath); err != nil {
		t.Skip("the guide is in the repository, not in the module")
	}
	module := t.TempDir()
	for _, page := range []string{guidePath, "README.md"} {
		writeBlocks(t, filepath.Join(module, strings.TrimSuffix(path.Base(page), ".md")), page)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			content = adopterModule(t, content)
		}
		if err := os.WriteFile(filepath.Join(module, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		command := exec.Command("go", args...)
		command.Dir = module
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// adopterModule is the go.mod of somebody who uses the kit, with the kit's own versions, so that nothing need be looked up.
func adopterModule(t *testing.T, own []byte) []byte {
	t.Helper()
	kit, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	own = regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(own, []byte("module example.com/orders"))
	own = regexp.MustCompile(`(?m)^tool .*$`).ReplaceAll(own, nil)
	return fmt.Appendf(own, "\nrequire throughline.dev/kits/go v0.0.0\nreplace throughline.dev/kits/go => %s\n", kit)
}

var fence = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

func writeBlocks(t *testing.T, folder, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var shared bytes.Buffer
	for i, match := range fence.FindAllSubmatch(text, -1) {
		block := match[1]
		if formatted, err := format.Source(block); err != nil || !bytes.Equal(formatted, block) {
			t.Errorf("%s: block %d is not formatted as gofmt does (%v); it would be\n%s", page, i+1, err, formatted)
		}
		if !bytes.HasPrefix(block, []byte("package ")) {
			shared.Write(block)
			shared.WriteByte('\n')
			continue
		}
		write(t, filepath.Join(folder, fmt.Sprintf("program%d", i+1), "main.go"), block)
	}
	if shared.Len() > 0 {
		write(t, filepath.Join(folder, "blocks_test.go"), append(header(shared.Bytes()), shared.Bytes()...))
	}
}

// header imports the packages that the code names.
func header(code []byte) []byte {
	out := []byte("package guide\n\nimport (\n")
	for _, name := range slices.Sorted(maps.Keys(guideImports)) {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).Match(code) {
			out = fmt.Appendf(out, "\t%s %q\n", name, guideImports[name])
		}
	}
	return append(out, ")\n\n"...)
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
