package tlsql

import (
	"context"
	"database/sql/driver"
	"errors"

	"throughline.dev/kits/go/internal/dbcall"
)

// tracedConn offers every optional interface and answers driver.ErrSkip, or does what database/sql would, where the
// driver's connection has none.
type tracedConn struct {
	driver.Conn
	calls *dbcall.Instrument
}

func (c *tracedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	execer, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(ctx, c.calls, query, func(ctx context.Context) (driver.Result, error) { return execer.ExecContext(ctx, query, args) })
}

func (c *tracedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	queryer, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(ctx, c.calls, query, func(ctx context.Context) (driver.Rows, error) { return queryer.QueryContext(ctx, query, args) })
}

func (c *tracedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var stmt driver.Stmt
	var err error
	if preparer, ok := c.Conn.(driver.ConnPrepareContext); ok {
		stmt, err = preparer.PrepareContext(ctx, query)
	} else {
		stmt, err = c.Conn.Prepare(query)
	}
	if err != nil {
		return nil, err
	}
	return &tracedStmt{stmt, c, query}, nil
}

func (c *tracedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begun, call := c.calls.Operation(ctx, "BEGIN", "BEGIN")
	tx, err := c.beginTx(begun, opts)
	call.End(begun, failureOf(err))
	if err != nil {
		return nil, err
	}
	return &tracedTx{tx, c.calls, ctx}, nil
}

func (c *tracedConn) beginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if beginner, ok := c.Conn.(driver.ConnBeginTx); ok {
		return beginner.BeginTx(ctx, opts)
	}
	if opts.Isolation != 0 || opts.ReadOnly {
		return nil, errors.New("tlsql: the driver supports neither isolation levels nor read-only transactions")
	}
	//lint:ignore SA1019 the only way with such a driver
	return c.Conn.Begin()
}

func (c *tracedConn) Ping(ctx context.Context) error {
	if pinger, ok := c.Conn.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

func (c *tracedConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c *tracedConn) IsValid() bool {
	validator, ok := c.Conn.(driver.Validator)
	return !ok || validator.IsValid()
}

func (c *tracedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Raw gives sql.Conn.Raw users the driver's own connection.
func (c *tracedConn) Raw() driver.Conn { return c.Conn }

// tracedTx ends in the context the transaction began in: Commit and Rollback have none of their own.
type tracedTx struct {
	driver.Tx
	calls *dbcall.Instrument
	ctx   context.Context
}

func (t *tracedTx) Commit() error { return t.end("COMMIT", t.Tx.Commit) }

func (t *tracedTx) Rollback() error { return t.end("ROLLBACK", t.Tx.Rollback) }

func (t *tracedTx) end(operation string, run func() error) error {
	ctx, call := t.calls.Operation(t.ctx, operation, operation)
	err := run()
	call.End(ctx, failureOf(err))
	return err
}

type tracedStmt struct {
	driver.Stmt
	conn  *tracedConn
	query string
}

func (s *tracedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return call(ctx, s.conn.calls, s.query, func(ctx context.Context) (driver.Result, error) {
		if execer, ok := s.Stmt.(driver.StmtExecContext); ok {
			return execer.ExecContext(ctx, args)
		}
		values, err := positional(args)
		if err != nil {
			return nil, err
		}
		//lint:ignore SA1019 the only way with such a driver
		return s.Stmt.Exec(values)
	})
}

func (s *tracedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return call(ctx, s.conn.calls, s.query, func(ctx context.Context) (driver.Rows, error) {
		if queryer, ok := s.Stmt.(driver.StmtQueryContext); ok {
			return queryer.QueryContext(ctx, args)
		}
		values, err := positional(args)
		if err != nil {
			return nil, err
		}
		//lint:ignore SA1019 the only way with such a driver
		return s.Stmt.Query(values)
	})
}

// CheckNamedValue asks the statement first and its connection then, as database/sql does.
func (s *tracedStmt) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

func positional(args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("tlsql: the driver does not support named arguments")
		}
		values[i] = a.Value
	}
	return values, nil
}

// call runs one query in a span. driver.ErrSkip only means that database/sql takes another way: that span is never ended,
// and so never exported.
func call[T any](ctx context.Context, calls *dbcall.Instrument, query string, run func(context.Context) (T, error)) (T, error) {
	ctx, c := calls.Query(ctx, query)
	result, err := run(ctx)
	if errors.Is(err, driver.ErrSkip) {
		return result, err
	}
	c.End(ctx, failureOf(err))
	return result, err
}
