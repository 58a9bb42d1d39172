// Command load is both ends of the ingest benchmark: `load send` offers spans at a fixed rate, whatever the receiver does, and
// `load sink` is where the Collector exports to. It is in Go because it must not be the bottleneck: a request is encoded once and only
// what differs from span to span is overwritten in place.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: load send|sink [flags]")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "sink":
		listen := flags.String("listen", "127.0.0.1:0", "address for OTLP/gRPC")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return sink(*listen)
	case "send":
		var o options
		flags.StringVar(&o.transport, "transport", "grpc", "grpc or http")
		flags.StringVar(&o.endpoint, "endpoint", "127.0.0.1:4317", "host:port")
		flags.BoolVar(&o.gzip, "gzip", false, "compress requests")
		flags.Float64Var(&o.rate, "rate", 20_000, "spans a second")
		flags.DurationVar(&o.duration, "duration", 10*time.Second, "how long to send")
		flags.IntVar(&o.spansPerRequest, "spans", 512, "spans a request")
		flags.IntVar(&o.workers, "workers", 32, "requests under way at once, at most")
		flags.IntVar(&o.connections, "connections", 4, "gRPC connections")
		flags.DurationVar(&o.age, "age", 0, "how long ago the spans were, so that their hour has ended")
		flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of ids and values")
		flags.StringVar(&o.probeURL, "probe", "", "API address; traces acknowledged are asked for until they are found")
		flags.DurationVar(&o.probeEvery, "probe-every", time.Second, "one trace in this time")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		report, err := send(o)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return fmt.Errorf("unknown command %q", args[0])
}
