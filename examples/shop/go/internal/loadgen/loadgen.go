// Package loadgen plays the shop's customers: the edge of the world, so it is not instrumented.
package loadgen

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	inFlightMax   = 64
	summaryPeriod = 10 * time.Second
)

// Config is what the command line says.
type Config struct {
	Target   string
	Profile  string  // steady, burst or chaos
	Rate     float64 // requests per second
	Duration time.Duration
}

// Run sends traffic until ctx ends or the duration has passed, and tells of it on out every 10 s.
func Run(ctx context.Context, c Config, out io.Writer) error {
	pace, ok := profiles[c.Profile]
	if !ok {
		return fmt.Errorf("there is no profile %q: steady, burst or chaos", c.Profile)
	}
	if c.Rate <= 0 {
		return fmt.Errorf("a rate of %v makes no traffic", c.Rate)
	}
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	g := &generator{customer: customer{target: c.Target, client: &http.Client{Timeout: 15 * time.Second}}, out: out}
	fmt.Fprintf(out, "loadgen: %s against %s, %g requests/s\n", c.Profile, c.Target, c.Rate)
	var background sync.WaitGroup
	background.Go(func() { g.report(ctx) })
	if c.Profile == "chaos" {
		background.Go(func() { g.customer.stirTrouble(ctx) })
	}
	g.send(ctx, func(elapsed time.Duration) float64 { return c.Rate * pace(elapsed) })
	background.Wait()
	g.summary()
	return nil
}

// profiles give the factor on the rate after so much time.
var profiles = map[string]func(elapsed time.Duration) float64{
	"steady": func(time.Duration) float64 { return 1 },
	"chaos":  func(time.Duration) float64 { return 1 },
	// Five seconds in every twenty are six times as busy.
	"burst": func(elapsed time.Duration) float64 {
		if elapsed%(20*time.Second) < 5*time.Second {
			return 6
		}
		return 0.6
	},
}

type generator struct {
	customer customer
	out      io.Writer

	ok, refused, failed, skipped atomic.Int64
	tookNanos                    atomic.Int64
}

// send keeps to the rate; a request that would be one too many in flight is skipped and counted.
func (g *generator) send(ctx context.Context, rate func(time.Duration) float64) {
	slots := make(chan struct{}, inFlightMax)
	var inFlight sync.WaitGroup
	defer inFlight.Wait()
	started := time.Now()
	next := started
	for {
		next = next.Add(time.Duration(float64(time.Second) / rate(time.Since(started))))
		if behind := time.Since(next); behind > time.Second {
			next = time.Now() // after a stall, no burst to catch up
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		select {
		case slots <- struct{}{}:
			inFlight.Go(func() {
				defer func() { <-slots }()
				g.one(context.WithoutCancel(ctx))
			})
		default:
			g.skipped.Add(1)
		}
	}
}

func (g *generator) one(ctx context.Context) {
	started := time.Now()
	status, err := g.customer.act(ctx)
	g.tookNanos.Add(int64(time.Since(started)))
	switch {
	case err != nil || status >= 500:
		g.failed.Add(1)
	case status >= 400:
		g.refused.Add(1)
	default:
		g.ok.Add(1)
	}
}

func (g *generator) report(ctx context.Context) {
	tick := time.NewTicker(summaryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.summary()
		}
	}
}

// summary tells of the time since the last summary.
func (g *generator) summary() {
	ok, refused, failed, skipped := g.ok.Swap(0), g.refused.Swap(0), g.failed.Swap(0), g.skipped.Swap(0)
	mean := time.Duration(0)
	if n := ok + refused + failed; n > 0 {
		mean = time.Duration(g.tookNanos.Swap(0) / n)
	}
	fmt.Fprintf(g.out, "loadgen: %d ok, %d refused (4xx), %d failed, %d skipped, mean %s\n",
		ok, refused, failed, skipped, mean.Round(100*time.Microsecond))
}
