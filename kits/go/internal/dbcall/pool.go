package dbcall

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/names"
)

// Pool is the state of a pool of connections; Max is 0 where it has no limit.
type Pool struct{ Idle, Used, Max int64 }

// ObservePool reports a pool at each collection.
func ObservePool(kit *throughline.Kit, name string, state func() Pool) error {
	meter := kit.Meter(names.ScopeSQL)
	count, err1 := names.DBClientConnectionCount.ObservedUpDownCounter(meter)
	limit, err2 := names.DBClientConnectionMax.ObservedUpDownCounter(meter)
	poolName := names.DBPoolName.String(name)
	idle := metric.WithAttributes(poolName, names.DBPoolState.String("idle"))
	used := metric.WithAttributes(poolName, names.DBPoolState.String("used"))
	_, err3 := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		pool := state()
		o.ObserveInt64(count, pool.Idle, idle)
		o.ObserveInt64(count, pool.Used, used)
		if pool.Max > 0 {
			o.ObserveInt64(limit, pool.Max, metric.WithAttributes(poolName))
		}
		return nil
	}, count, limit)
	return errors.Join(err1, err2, err3)
}
