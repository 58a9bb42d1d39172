// Package tlruntime reports what the Go runtime is doing: goroutines, memory, garbage collection, under the names of OpenTelemetry's
// conventions (go.*).
package tlruntime

import (
	"fmt"

	"go.opentelemetry.io/contrib/instrumentation/runtime"
	throughline "throughline.dev/kits/go"
)

// Observe reports the runtime with every collection of metrics. Call it once.
func Observe(kit *throughline.Kit) error {
	if err := runtime.Start(runtime.WithMeterProvider(kit.MeterProvider())); err != nil {
		return fmt.Errorf("tlruntime: cannot observe the runtime: %w", err)
	}
	return nil
}
