package edges

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/internal/pgtest"
	"throughline.dev/kits/go/tlpgx"
)

func init() {
	const insert = "INSERT INTO orders (id, note) VALUES ($1, 'secret')"
	query := func(sql string, args ...any) func(*testing.T, *kittest.Harness) {
		return database(func(ctx context.Context, conn *pgx.Conn) {
			rows, _ := conn.Query(ctx, sql, args...)
			rows.Close()
		})
	}
	producers["sql-ok"] = query("SELECT * FROM orders WHERE id = $1 AND note <> 'secret'", 1)
	producers["sql-no-rows"] = database(func(ctx context.Context, conn *pgx.Conn) {
		var id int
		_ = conn.QueryRow(ctx, "SELECT id FROM orders WHERE id = $1", 404).Scan(&id)
	})
	producers["sql-duplicate"] = query(insert, 1)
	producers["sql-error-that-quotes-a-value"] = query("SELECT 'secret'::int FROM orders")
	producers["sql-transaction"] = database(func(ctx context.Context, conn *pgx.Conn) {
		_ = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, insert, 2)
			return err
		})
	})
}

// database runs work on a real PostgreSQL with a table of one order. Without PostgreSQL the test is skipped.
func database(work func(context.Context, *pgx.Conn)) func(*testing.T, *kittest.Harness) {
	return func(t *testing.T, h *kittest.Harness) {
		config, err := pgx.ParseConfig(pgtest.Start(t).URL)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Exec(t.Context(), "CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'first')")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
		tlpgx.Instrument(h.Kit, config)
		if conn, err = pgx.ConnectConfig(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		work(t.Context(), conn)
	}
}
