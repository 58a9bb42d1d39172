package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"throughline.dev/kits/go/tlpgx"
)

func init() {
	const insert = "INSERT INTO orders (id, note) VALUES ($1, 'secret')"
	query := func(sql string, args ...any) func(*scene) {
		return database(func(ctx context.Context, conn *pgx.Conn) {
			rows, _ := conn.Query(ctx, sql, args...)
			rows.Close()
		})
	}
	behaviours["sql-ok"] = query("SELECT * FROM orders WHERE id = $1 AND note <> 'secret'", 1)
	behaviours["sql-no-rows"] = database(func(ctx context.Context, conn *pgx.Conn) {
		var id int
		_ = conn.QueryRow(ctx, "SELECT id FROM orders WHERE id = $1", 404).Scan(&id)
	})
	behaviours["sql-duplicate"] = query(insert, 1)
	behaviours["sql-error-that-quotes-a-value"] = query("SELECT 'secret'::int FROM orders")
	behaviours["sql-statement-timeout"] = database(func(ctx context.Context, conn *pgx.Conn) {
		_, _ = conn.Exec(ctx, "SET statement_timeout = 50")
		_, _ = conn.Exec(ctx, "SELECT pg_sleep(20)")
	})
	behaviours["sql-canceled"] = database(func(ctx context.Context, conn *pgx.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(50*time.Millisecond, cancel)
		_, _ = conn.Exec(ctx, "SELECT pg_sleep(20)")
	})
	behaviours["sql-connection-lost"] = query("SELECT pg_terminate_backend(pg_backend_pid())")
	behaviours["sql-rollback"] = database(func(ctx context.Context, conn *pgx.Conn) {
		_ = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insert, 1)
			return err
		})
	})
	behaviours["sql-pool"] = func(s *scene) {
		config, err := pgxpool.ParseConfig(s.backends["postgres"])
		must(err)
		config.MaxConns = 4
		pool, err := pgxpool.NewWithConfig(s.ctx, config)
		must(err)
		s.cleanup(pool.Close)
		must(pool.Ping(s.ctx))
		must(tlpgx.ObservePool(s.kit, pool, "orders"))
	}
	behaviours["sql-transaction"] = database(func(ctx context.Context, conn *pgx.Conn) {
		_ = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insert, 2)
			return err
		})
	})
}

// database runs work on a PostgreSQL with a table of one order.
func database(work func(context.Context, *pgx.Conn)) func(*scene) {
	return func(s *scene) {
		config, err := pgx.ParseConfig(s.backends["postgres"])
		must(err)
		config.RuntimeParams["search_path"] = "probe_go" // the other probe has a schema of its own
		plain, err := pgx.ConnectConfig(s.ctx, config)
		must(err)
		_, err = plain.Exec(s.ctx, `DROP SCHEMA IF EXISTS probe_go CASCADE; CREATE SCHEMA probe_go; CREATE TABLE orders (id int PRIMARY KEY, note text);
			INSERT INTO orders VALUES (1, 'first')`)
		must(err)
		must(plain.Close(s.ctx))
		tlpgx.Instrument(s.kit, config)
		conn, err := pgx.ConnectConfig(s.ctx, config)
		must(err)
		defer conn.Close(s.ctx)
		work(s.ctx, conn)
	}
}
