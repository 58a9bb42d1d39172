// Package throughline instruments Go services with OpenTelemetry so that a Go service and a Rust service doing the same
// thing report the same thing: same span names, kinds, attributes, status rules and metrics.
//
// [Init] returns a [Kit]. It never waits for the network and never makes the service fail: with a broken configuration it
// returns a kit that records nothing, together with the error. The kit is passed to the instrumentation packages:
//
//   - tlhttp: net/http servers and clients
//   - tlgrpc: grpc-go servers and clients
//   - tlpgx, tlsql: pgx v5 and database/sql
//   - tlnats, tlkafka: NATS with JetStream, and Kafka by franz-go
//   - tlredis: go-redis
//   - tllog: log/slog with trace ids, to standard output and to OTLP
//   - tlruntime: goroutines, memory, garbage collection
//   - tltest: telemetry kept in memory, for tests of instrumented services
//
// Work of the service itself is traced with [Kit.Span], [Kit.Go] (a child task) and [Kit.Detach] (work that outlives the
// request: a new trace, linked to the request's).
//
// The guide, docs/guide-go.md in the repository, begins with ten lines for a service that exists, and has what to do when there are
// no traces. Times are time.Duration; durations of metrics are seconds; sizes are bytes.
//
// The kit keeps no package state. A nil *Kit is valid and does nothing but propagate context.
package throughline
