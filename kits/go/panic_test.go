package throughline_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	throughline "throughline.dev/kits/go"
)

// TestPanicProcess is the process under test, not a test.
func TestPanicProcess(t *testing.T) {
	endpoint := os.Getenv("PANIC_ENDPOINT")
	if endpoint == "" {
		t.Skip("it is started by TestAPanicIsToldBeforeItEndsTheProcess")
	}
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint(endpoint), throughline.WithBatchDelay(time.Hour), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer kit.FlushOnPanic()
	_, end := kit.Span(context.Background(), "work")
	end(nil)
	panic("deliberate")
}

func TestAPanicIsToldBeforeItEndsTheProcess(t *testing.T) {
	r := startReceiver(t)
	process := exec.Command(os.Args[0], "-test.run=^TestPanicProcess$")
	process.Env = append(os.Environ(), "PANIC_ENDPOINT="+r.httpURL)
	out, err := process.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: deliberate") || !strings.Contains(string(out), "TestPanicProcess(") {
		t.Errorf("%v: %s", err, out)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spans) != 1 || len(r.logs) != 1 || !strings.Contains(r.logs[0].String(), "deliberate") {
		t.Errorf("%d spans, %d logs came", len(r.spans), len(r.logs))
	}
}

func TestWithoutAPanicNothingIsShutDown(t *testing.T) {
	kit, err := throughline.Init(t.Context(), throughline.WithEndpoint("http://127.0.0.1:1"), quiet())
	if err != nil {
		t.Fatal(err)
	}
	func() { defer kit.FlushOnPanic() }()
	_, end := kit.Span(t.Context(), "work")
	end(nil)
	if kit.Stats().Spans.Created != 1 {
		t.Error("the kit has been shut down")
	}
}
