// Package kittest is [tltest] under the name the kit's own tests know it by.
package kittest

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tltest"
)

// Harness is a kit and what it recorded.
type Harness = tltest.Recorder

// New builds a kit for service "test" and shuts it down with the test.
func New(t testing.TB, opts ...throughline.Option) *Harness {
	t.Helper()
	return tltest.New(t, opts...)
}

// Attributes renders attributes as a map for comparison in tests.
func Attributes(attrs []attribute.KeyValue) map[string]any { return tltest.Attributes(attrs) }
