// Package tlsql instruments database/sql by wrapping its driver.
//
//	db, err := tlsql.Open(kit, "pgx", dsn, tlsql.Target{System: "postgresql", Namespace: "orders"})
//
// Calls to the database are CLIENT spans named after the query's summary. Rows are read after the span has ended.
package tlsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/dbcall"
)

// Target says what the driver cannot be asked: which database the calls go to. Empty fields are left out of telemetry.
type Target struct {
	System    string // db.system.name: postgresql, mysql, sqlite…
	Namespace string // the database's name
	Address   string // server.address: a host name, an IP address, or the path of a socket
	Port      int    // server.port
}

// Open is sql.Open with telemetry. Like sql.Open it does not connect.
func Open(kit *throughline.Kit, driverName, dsn string, target Target) (*sql.DB, error) {
	plain, err := sql.Open(driverName, dsn) // the only way to a registered driver
	if err != nil {
		return nil, fmt.Errorf("tlsql: cannot open %s: %w", driverName, err)
	}
	d := plain.Driver()
	if err := plain.Close(); err != nil {
		return nil, fmt.Errorf("tlsql: cannot close the probe of %s: %w", driverName, err)
	}
	connector, err := connectorOf(d, dsn)
	if err != nil {
		return nil, fmt.Errorf("tlsql: cannot open %s: %w", driverName, err)
	}
	return sql.OpenDB(Connector(kit, connector, target)), nil
}

func connectorOf(d driver.Driver, dsn string) (driver.Connector, error) {
	if dc, ok := d.(driver.DriverContext); ok {
		return dc.OpenConnector(dsn)
	}
	return dsnConnector{d, dsn}, nil
}

// dsnConnector serves drivers that have no connector of their own.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c dsnConnector) Driver() driver.Driver { return c.driver }

// Connector wraps a connector for sql.OpenDB.
func Connector(kit *throughline.Kit, connector driver.Connector, target Target) driver.Connector {
	return &tracedConnector{connector, dbcall.New(kit, dbcall.Target{System: target.System, Namespace: target.Namespace, Address: target.Address, Port: target.Port})}
}

// ObservePool reports the connections of a pool at each collection: db.client.connection.count by state, and
// db.client.connection.max if it has a limit. The pool's name must be unique in the process.
func ObservePool(kit *throughline.Kit, db *sql.DB, name string) error {
	err := dbcall.ObservePool(kit, name, func() dbcall.Pool {
		stats := db.Stats()
		return dbcall.Pool{Idle: int64(stats.Idle), Used: int64(stats.InUse), Max: int64(stats.MaxOpenConnections)}
	})
	if err != nil {
		return fmt.Errorf("tlsql: cannot observe pool %q: %w", name, err)
	}
	return nil
}

type tracedConnector struct {
	driver.Connector
	calls *dbcall.Instrument
}

func (c *tracedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &tracedConn{conn, c.calls}, nil
}

// Close closes connectors that want it, as sql.DB would.
func (c *tracedConnector) Close() error {
	if closer, ok := c.Connector.(interface{ Close() error }); ok {
		return closer.Close()
	}
	return nil
}

// failureOf takes the status code from drivers that tell it in one of the usual ways. The driver's message stays out of
// telemetry: it may quote values.
func failureOf(err error) dbcall.Failure {
	f := dbcall.Failure{Err: err}
	var sqlState interface{ SQLState() string }
	if errors.As(err, &sqlState) {
		f.Code = sqlState.SQLState()
	}
	return f
}
