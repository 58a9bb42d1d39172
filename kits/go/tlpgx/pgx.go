// Package tlpgx instruments pgx v5: queries, transactions, batches and COPY, and the state of pools.
//
//	config, err := pgxpool.ParseConfig(url)
//	tlpgx.Instrument(kit, config.ConnConfig)
//	pool, err := pgxpool.NewWithConfig(ctx, config)
//	tlpgx.ObservePool(kit, pool, "orders")
package tlpgx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/dbcall"
	"throughline.dev/kits/go/internal/names"
	"throughline.dev/kits/go/internal/sqltext"
)

const system = "postgresql"

// Instrument adds the kit's tracer to a connection's configuration, beside a tracer that is already there. Query texts are
// reported without their literals, arguments never.
func Instrument(kit *throughline.Kit, config *pgx.ConnConfig) {
	t := &tracer{calls: dbcall.New(kit, dbcall.Target{System: system, Namespace: config.Database,
		Address: config.Host, Port: int(config.Port)})}
	if config.Tracer == nil {
		config.Tracer = t
		return
	}
	config.Tracer = multitracer.New(config.Tracer, t)
}

// tracer implements pgx.QueryTracer, BatchTracer and CopyFromTracer. BEGIN, COMMIT and ROLLBACK are queries to pgx.
type tracer struct{ calls *dbcall.Instrument }

type callKey struct{}

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return remember(t.calls.Query(ctx, data.SQL))
}

func (t *tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	finish(ctx, data.Err)
}

// TraceBatchStart names the batch after what it holds: "BATCH INSERT orders" when all texts are alike, else "BATCH".
func (t *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	operation, summary := "BATCH", "BATCH"
	if queued := data.Batch.QueuedQueries; len(queued) > 0 {
		first := sqltext.Parse(system, queued[0].SQL)
		alike := true
		for _, q := range queued[1:] {
			alike = alike && (q.SQL == queued[0].SQL || sqltext.Parse(system, q.SQL).Summary == first.Summary)
		}
		if alike {
			operation, summary = "BATCH "+first.Operation, "BATCH "+first.Summary
		}
	}
	return remember(t.calls.Operation(ctx, operation, summary, names.DBBatchSize.Int(data.Batch.Len())))
}

func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t *tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	finish(ctx, data.Err)
}

func (t *tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return remember(t.calls.Operation(ctx, "COPY", "COPY "+strings.Join(data.TableName, ".")))
}

func (t *tracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	finish(ctx, data.Err)
}

func remember(ctx context.Context, c *dbcall.Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// finish ends the call of ctx. No rows is an answer, not an error.
func finish(ctx context.Context, err error) {
	c, _ := ctx.Value(callKey{}).(*dbcall.Call)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	f := dbcall.Failure{Err: err}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		f.Code, f.Message = server.Code, tellable(server)
	}
	c.End(ctx, f)
}

// tellable is the server's message where it names constraints and resources. In other classes of SQLSTATE, such as 22 (data
// exceptions) and 42 (syntax errors), it may quote values and parts of the statement.
func tellable(err *pgconn.PgError) string {
	if len(err.Code) == 5 && strings.Contains(" 08 23 25 40 53 55 57 ", " "+err.Code[:2]+" ") {
		return err.Message
	}
	return ""
}

// ObservePool reports the connections of a pool at each collection: db.client.connection.count by state, and
// db.client.connection.max. The pool's name must be unique in the process.
func ObservePool(kit *throughline.Kit, pool *pgxpool.Pool, name string) error {
	err := dbcall.ObservePool(kit, name, func() dbcall.Pool {
		stat := pool.Stat()
		return dbcall.Pool{Idle: int64(stat.IdleConns()), Used: int64(stat.AcquiredConns()), Max: int64(stat.MaxConns())}
	})
	if err != nil {
		return fmt.Errorf("tlpgx: cannot observe pool %q: %w", name, err)
	}
	return nil
}
