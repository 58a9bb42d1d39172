// Command loadgen sends the shop traffic: loadgen -target http://127.0.0.1:8080 -profile steady -rate 10 -duration 1m
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"throughline.dev/examples/shop/internal/loadgen"
)

func main() {
	var c loadgen.Config
	flag.StringVar(&c.Target, "target", "http://127.0.0.1:8080", "URL of the gateway")
	flag.StringVar(&c.Profile, "profile", "steady", "steady, burst or chaos")
	flag.Float64Var(&c.Rate, "rate", 10, "requests per second")
	flag.DurationVar(&c.Duration, "duration", 0, "how long; 0: until a signal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := loadgen.Run(ctx, c, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}
