package bench

import (
	"context"
	"net"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlgrpc"
)

// BenchmarkUnary is one call through memory; both ends are instrumented.
func BenchmarkUnary(b *testing.B) {
	type options struct {
		server []grpc.ServerOption
		dial   []grpc.DialOption
	}
	ours := func(k *throughline.Kit) options { return options{tlgrpc.ServerOptions(k), tlgrpc.DialOptions(k)} }
	for _, c := range []struct {
		name    string
		options func(*testing.B) options
	}{
		{"bare", func(*testing.B) options { return options{} }},
		{"kit-disabled", func(b *testing.B) options { return ours(disabled(b)) }},
		{"kit-sampled", func(b *testing.B) options { return ours(kit(b, always)) }},
		{"otelgrpc-sampled", func(b *testing.B) options {
			tracers, meters := sdk(b, sdktrace.AlwaysSample())
			own := []otelgrpc.Option{otelgrpc.WithTracerProvider(tracers), otelgrpc.WithMeterProvider(meters),
				otelgrpc.WithPropagators(throughline.Propagator())}
			return options{[]grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(own...))},
				[]grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(own...))}}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.options(b)
			listener := bufconn.Listen(1 << 20)
			server := grpc.NewServer(o.server...)
			grpc_health_v1.RegisterHealthServer(server, health.NewServer())
			go func() { _ = server.Serve(listener) }()
			b.Cleanup(server.Stop)
			conn, err := grpc.NewClient("passthrough:///memory", append(o.dial, grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			client := grpc_health_v1.NewHealthClient(conn)
			ctx := context.Background()
			measure(b, func() {
				if _, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
