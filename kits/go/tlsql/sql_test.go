package tlsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/codes"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/internal/pgtest"
	"throughline.dev/kits/go/tlsql"
)

func TestDatabaseSQLWithPostgreSQL(t *testing.T) {
	h := kittest.New(t)
	s := pgtest.Start(t)
	db, err := tlsql.Open(h.Kit, "pgx", s.URL, tlsql.Target{System: "postgresql", Namespace: "postgres", Address: "127.0.0.1", Port: s.Port})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(3)
	if err := tlsql.ObservePool(h.Kit, db, "main"); err != nil {
		t.Fatal(err)
	}
	ctx, end := h.Kit.Span(t.Context(), "request")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.PingContext(ctx))
	_, err = db.ExecContext(ctx, "CREATE TABLE items (sku text PRIMARY KEY, tags text[])")
	must(err)
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	must(err)
	// A []string reaches PostgreSQL only if the wrapper asks the driver about values.
	_, err = tx.ExecContext(ctx, "INSERT INTO items VALUES ('secret', $1)", []string{"a", "b"})
	must(err)
	must(tx.Commit())
	stmt, err := db.PrepareContext(ctx, "SELECT sku FROM items WHERE sku = $1")
	must(err)
	var sku string
	must(stmt.QueryRowContext(ctx, "secret").Scan(&sku))
	if err := stmt.QueryRowContext(ctx, "nothing").Scan(&sku); !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	must(stmt.Close())
	if _, err := db.ExecContext(ctx, "INSERT INTO items VALUES ('secret')"); err == nil {
		t.Fatal("no error")
	}
	end(nil)
	if count, limit := h.Sum("db.client.connection.count"), h.Sum("db.client.connection.max"); count != 1 || limit != 3 {
		t.Errorf("the pool has %d connections of %d", count, limit)
	}

	spans := h.Spans()
	var names []string
	for _, span := range spans[1:] {
		names = append(names, span.Name)
		if span.Parent.SpanID() != spans[0].SpanContext.SpanID() {
			t.Errorf("%s lost its parent", span.Name)
		}
	}
	want := []string{"CREATE items", "BEGIN", "INSERT items", "COMMIT", "SELECT items", "SELECT items", "INSERT items"}
	if !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	last := spans[len(spans)-1]
	attrs := kittest.Attributes(last.Attributes)
	if last.Status.Code != codes.Error || attrs["error.type"] != "23505" || attrs["db.query.text"] != "INSERT INTO items VALUES (?)" {
		t.Errorf("got %v %v", last.Status, attrs)
	}
}

// oldDriver has only what database/sql/driver demanded in Go 1.0.
type oldDriver struct{ log *[]string }

func (d oldDriver) Open(string) (driver.Conn, error)             { return d, nil }
func (d oldDriver) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d oldDriver) Driver() driver.Driver                        { return d }
func (d oldDriver) Prepare(query string) (driver.Stmt, error)    { return oldStmt{d, query}, nil }
func (d oldDriver) Close() error                                 { return nil }
func (d oldDriver) Begin() (driver.Tx, error)                    { return d, nil }
func (d oldDriver) Commit() error                                { return nil }
func (d oldDriver) Rollback() error                              { return errors.New("it is gone") }

type oldStmt struct {
	driver oldDriver
	query  string
}

func (s oldStmt) Close() error  { return nil }
func (s oldStmt) NumInput() int { return -1 }
func (s oldStmt) Exec(args []driver.Value) (driver.Result, error) {
	*s.driver.log = append(*s.driver.log, s.query)
	return driver.RowsAffected(len(args)), nil
}
func (s oldStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("no") }

func TestOldDriversWorkAsBefore(t *testing.T) {
	h := kittest.New(t)
	var log []string
	db := sql.OpenDB(tlsql.Connector(h.Kit, oldDriver{&log}, tlsql.Target{System: "other_sql"}))
	defer db.Close()
	result, err := db.ExecContext(t.Context(), "UPDATE a SET b = ?", 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.RowsAffected(); n != 1 || len(log) != 1 {
		t.Errorf("the driver saw %q", log)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE a SET b = :b", sql.Named("b", 1)); err == nil {
		t.Error("named arguments went through")
	}
	if _, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true}); err == nil {
		t.Error("a read-only transaction went through")
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	tx.Rollback()
	var names []string
	for _, span := range h.Spans() {
		names = append(names, span.Name)
	}
	if want := []string{"UPDATE a", "UPDATE a", "BEGIN", "BEGIN", "ROLLBACK"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
