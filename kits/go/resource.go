package throughline

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"throughline.dev/kits/go/internal/names"
)

// Version is the kit's own version: telemetry.distro.version and the version of every scope it creates.
const Version = "0.1.0"

// newResource says who is speaking. Later sources win: what is detected, what the options say, what the environment says.
func newResource(ctx context.Context, s settings) (*resource.Resource, error) {
	attrs := []attribute.KeyValue{
		attribute.String("telemetry.distro.name", "throughline"),
		attribute.String("telemetry.distro.version", Version),
		attribute.String("service.instance.id", uuid.NewString()),
		attribute.String("service.name", "unknown_service:go"),
	}
	if s.service != "" {
		attrs = append(attrs, attribute.String("service.name", s.service))
	}
	if s.version != "" {
		attrs = append(attrs, attribute.String("service.version", s.version))
	}
	if s.environment != "" {
		attrs = append(attrs, attribute.String("deployment.environment.name", s.environment))
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithProcessPID(),
		resource.WithAttributes(append(attrs, s.resource...)...),
		resource.WithFromEnv(),
	)
	if res == nil {
		return nil, err
	}
	// The SDK's detectors follow an older version of the conventions, in which these attributes are the same.
	return resource.NewWithAttributes(names.SchemaURL, res.Attributes()...), err
}

func attributeOf(res *resource.Resource, key attribute.Key) string {
	v, _ := res.Set().Value(key)
	return v.AsString()
}
