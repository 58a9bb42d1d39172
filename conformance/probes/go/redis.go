package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"throughline.dev/kits/go/tlredis"
)

func init() {
	commands := func(run func(context.Context, *redis.Client)) func(*scene) {
		return func(s *scene) {
			// go-redis tries again by itself; here one attempt is looked at.
			client := redis.NewClient(&redis.Options{Addr: s.backends["redis"], MaxRetries: -1, ContextTimeoutEnabled: true})
			s.cleanup(func() { _ = client.Close() })
			must(client.FlushAll(s.ctx).Err())
			tlredis.Instrument(s.kit, client)
			run(s.ctx, client)
		}
	}
	behaviours["redis-get"] = commands(func(ctx context.Context, c *redis.Client) {
		c.Set(ctx, "customer:ada", "secret", 0)
		c.Get(ctx, "customer:ada")
	})
	behaviours["redis-no-value"] = commands(func(ctx context.Context, c *redis.Client) { c.Get(ctx, "nobody") })
	behaviours["redis-error"] = commands(func(ctx context.Context, c *redis.Client) {
		c.Set(ctx, "customer:ada", "secret", 0)
		c.LPush(ctx, "customer:ada", "x")
	})
	behaviours["redis-pipeline"] = commands(func(ctx context.Context, c *redis.Client) {
		_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "a", "1", 0)
			p.Set(ctx, "b", "2", 0)
			return nil
		})
	})
	behaviours["redis-transaction"] = commands(func(ctx context.Context, c *redis.Client) {
		_, _ = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "a", "1", 0)
			p.Incr(ctx, "a")
			return nil
		})
	})
	behaviours["redis-pipeline-error"] = commands(func(ctx context.Context, c *redis.Client) {
		_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "customer:ada", "secret", 0)
			p.LPush(ctx, "customer:ada", "x")
			return nil
		})
	})
	behaviours["redis-transaction-aborted"] = commands(func(ctx context.Context, c *redis.Client) {
		_, _ = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "a", "1", 0)
			p.Do(ctx, "nosuch")
			return nil
		})
	})
	behaviours["redis-connection-lost"] = func(s *scene) {
		other := redis.NewClient(&redis.Options{Addr: s.backends["redis"]})
		s.cleanup(func() { _ = other.Close() })
		commands(func(ctx context.Context, c *redis.Client) {
			time.AfterFunc(50*time.Millisecond, func() { _ = other.ClientKillByFilter(s.ctx, "TYPE", "normal").Err() })
			c.BLPop(ctx, 0, "nothing")
		})(s)
	}
	behaviours["redis-timeout"] = commands(func(ctx context.Context, c *redis.Client) {
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		c.BLPop(ctx, 0, "nothing")
	})
}
