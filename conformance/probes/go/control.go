package main

import (
	"time"

	"go.opentelemetry.io/otel/trace"
)

func init() { behaviours["control-follow"] = follow }

// follow makes spans until sampling has been off, on and off again. test/end-to-end/control.test.ts changes it meanwhile.
func follow(s *scene) {
	phases := []bool{false, true, false}
	for until := time.Now().Add(time.Minute); len(phases) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			panic("sampling was not changed as it should")
		}
		ctx, end := s.kit.Span(s.ctx, "tick")
		if trace.SpanFromContext(ctx).IsRecording() == phases[0] {
			phases = phases[1:]
		}
		end(nil)
	}
}
