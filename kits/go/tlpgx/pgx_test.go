package tlpgx_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/internal/pgtest"
	"throughline.dev/kits/go/tlpgx"
)

func open(t *testing.T, h *kittest.Harness, s pgtest.Server) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	tlpgx.Instrument(h.Kit, config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestPgx(t *testing.T) {
	h := kittest.New(t)
	s := pgtest.Start(t)
	pool := open(t, h, s)
	if err := tlpgx.ObservePool(h.Kit, pool, "main"); err != nil {
		t.Fatal(err)
	}
	target := map[string]any{"db.system.name": "postgresql", "db.namespace": "postgres", "server.address": "127.0.0.1", "server.port": int64(s.Port)}
	// step runs work in a span and returns the spans of the database calls it made.
	step := func(work func(ctx context.Context)) tracetest.SpanStubs {
		t.Helper()
		before := len(h.Spans())
		ctx, end := h.Kit.Span(t.Context(), "request")
		work(ctx)
		end(nil)
		spans := h.Spans()[before:]
		for _, span := range spans[1:] {
			if span.Parent.SpanID() != spans[0].SpanContext.SpanID() || span.SpanKind != trace.SpanKindClient {
				t.Errorf("%s: %s, parent %v", span.Name, span.SpanKind, span.Parent)
			}
		}
		return spans[1:]
	}
	expect := func(span tracetest.SpanStub, status codes.Code, name string, want map[string]any) {
		t.Helper()
		want = maps.Clone(want)
		maps.Copy(want, target)
		if got := kittest.Attributes(span.Attributes); !maps.Equal(got, want) || span.Name != name || span.Status.Code != status {
			t.Errorf("%s %v:\ngot  %v\nwant %v", span.Name, span.Status, got, want)
		}
	}

	spans := step(func(ctx context.Context) {
		if _, err := pool.Exec(ctx, "CREATE TABLE items (sku text PRIMARY KEY, n int)"); err != nil {
			t.Fatal(err)
		}
	})
	expect(spans[0], codes.Unset, "CREATE items", map[string]any{"db.operation.name": "CREATE", "db.query.summary": "CREATE items",
		"db.query.text": "CREATE TABLE items (sku text PRIMARY KEY, n int)"})

	spans = step(func(ctx context.Context) {
		if _, err := pool.Exec(ctx, "INSERT INTO items VALUES ('secret', 7), ($1, $2)", "b", 2); err != nil {
			t.Fatal(err)
		}
	})
	insert := map[string]any{"db.operation.name": "INSERT", "db.query.summary": "INSERT items",
		"db.query.text": "INSERT INTO items VALUES (?, ?), ($1, $2)"}
	expect(spans[0], codes.Unset, "INSERT items", insert)

	spans = step(func(ctx context.Context) {
		var n int
		err := pool.QueryRow(ctx, "SELECT n FROM items WHERE sku = $1", "nothing").Scan(&n)
		if !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
	})
	expect(spans[0], codes.Unset, "SELECT items", map[string]any{"db.operation.name": "SELECT", "db.query.summary": "SELECT items",
		"db.query.text": "SELECT n FROM items WHERE sku = $1"})

	spans = step(func(ctx context.Context) {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO items VALUES ($1, 1)", "secret")
			return err
		})
		if err == nil {
			t.Fatal("no error")
		}
	})
	failed := maps.Clone(insert)
	failed["db.query.text"], failed["error.type"], failed["db.response.status_code"] = "INSERT INTO items VALUES ($1, ?)", "23505", "23505"
	if len(spans) != 3 || spans[0].Name != "BEGIN" || spans[2].Name != "ROLLBACK" {
		t.Fatalf("got %d spans: %v", len(spans), names(spans))
	}
	expect(spans[1], codes.Error, "INSERT items", failed)

	spans = step(func(ctx context.Context) {
		batch := &pgx.Batch{}
		batch.Queue("UPDATE items SET n = n + $2 WHERE sku = $1", "b", 1)
		batch.Queue("UPDATE items SET n = n + $2 WHERE sku = $1", "secret", 1)
		if err := pool.SendBatch(ctx, batch).Close(); err != nil {
			t.Fatal(err)
		}
	})
	expect(spans[0], codes.Unset, "BATCH UPDATE items", map[string]any{"db.operation.name": "BATCH UPDATE",
		"db.query.summary": "BATCH UPDATE items", "db.operation.batch.size": int64(2)})

	spans = step(func(ctx context.Context) {
		rows := pgx.CopyFromRows([][]any{{"x", 1}, {"y", 2}})
		if _, err := pool.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"sku", "n"}, rows); err != nil {
			t.Fatal(err)
		}
	})
	expect(spans[len(spans)-1], codes.Unset, "COPY items", map[string]any{"db.operation.name": "COPY", "db.query.summary": "COPY items"})

	spans = step(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := pool.Exec(ctx, "SELECT 1"); err == nil {
			t.Fatal("no error")
		}
	})
	if len(spans) == 1 && kittest.Attributes(spans[0].Attributes)["error.type"] != "canceled" {
		t.Errorf("got %v", spans[0].Attributes)
	}

	for _, point := range h.Histogram("db.client.operation.duration") {
		attrs := kittest.Attributes(point.Attributes.ToSlice())
		if _, unbounded := attrs["db.query.text"]; unbounded || attrs["db.query.summary"] == nil {
			t.Errorf("metric attributes are %v", attrs)
		}
	}
	count, ok := h.Metric("db.client.connection.count").(metricdata.Sum[int64])
	if !ok || len(count.DataPoints) != 2 || h.Sum("db.client.connection.count") < 1 || h.Sum("db.client.connection.max") < 1 {
		t.Errorf("pool metrics are %+v", count)
	}
}

func names(spans tracetest.SpanStubs) []string {
	var list []string
	for _, s := range spans {
		list = append(list, s.Name)
	}
	return list
}
