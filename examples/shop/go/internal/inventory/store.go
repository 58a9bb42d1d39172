package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlpgx"

	"throughline.dev/examples/shop/internal/shop"
)

// Store is the stock in PostgreSQL, or in PGlite behind a socket: then one connection, and no named statements.
type Store struct {
	kit  *throughline.Kit
	pool *pgxpool.Pool
}

// OpenStore connects lazily.
func OpenStore(ctx context.Context, kit *throughline.Kit, url string, connectionsMax int32) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("cannot read the database URL: %w", err)
	}
	config.MaxConns = connectionsMax
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	tlpgx.Instrument(kit, config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot open the database: %w", err)
	}
	if err := tlpgx.ObservePool(kit, pool, "inventory"); err != nil {
		return nil, err
	}
	return &Store{kit, pool}, nil
}

// Close waits for connections in use and closes all.
func (s *Store) Close() { s.pool.Close() }

// use runs work on a connection. Waiting for one ends with ctx; a statement that has begun is finished, because cancelling
// it costs the connection, and PGlite has only one.
func (s *Store) use(ctx context.Context, work func(context.Context, *pgxpool.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("cannot get a connection: %w", err)
	}
	defer conn.Release()
	return work(context.WithoutCancel(ctx), conn)
}

// Ready connects, so that waiting for the database leaves no failed traces.
func (s *Store) Ready(ctx context.Context) error {
	return s.use(ctx, func(context.Context, *pgxpool.Conn) error { return nil })
}

// Seed creates the products table and fills it once.
func (s *Store) Seed(ctx context.Context) (err error) {
	ctx, end := s.kit.Span(ctx, "seed stock")
	defer end(&err)
	return s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS products (
			sku text PRIMARY KEY, name text NOT NULL, price_cents bigint NOT NULL, available integer NOT NULL)`)
		if err != nil {
			return fmt.Errorf("cannot create the products: %w", err)
		}
		for _, p := range catalogue {
			_, err := conn.Exec(ctx, `INSERT INTO products (sku, name, price_cents, available) VALUES ($1, $2, $3, $4)
				ON CONFLICT (sku) DO NOTHING`, p.SKU, p.Name, p.PriceCents, p.Available)
			if err != nil {
				return fmt.Errorf("cannot seed %s: %w", p.SKU, err)
			}
		}
		return nil
	})
}

var errNotReserved = errors.New("not reserved")

// Reserve takes all items or none. The reason is for people; it is empty when the items were taken. Items are locked in
// the order of their skus, so that two orders cannot wait for each other.
func (s *Store) Reserve(ctx context.Context, items []shop.Item) (reason string, err error) {
	items = slices.SortedFunc(slices.Values(items), func(a, b shop.Item) int { return strings.Compare(a.SKU, b.SKU) })
	err = s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, item := range items {
				if reason, err = take(ctx, tx, item); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if errors.Is(err, errNotReserved) {
		return reason, nil
	}
	return "", err
}

func take(ctx context.Context, tx pgx.Tx, item shop.Item) (reason string, err error) {
	var available int32
	err = tx.QueryRow(ctx, `SELECT available FROM products WHERE sku = $1 FOR UPDATE`, item.SKU).Scan(&available)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "there is no " + item.SKU, errNotReserved
	case err != nil:
		return "", fmt.Errorf("cannot look up %s: %w", item.SKU, err)
	case available < item.Quantity:
		return fmt.Sprintf("only %d of %s are left", available, item.SKU), errNotReserved
	}
	_, err = tx.Exec(ctx, `UPDATE products SET available = available - $2 WHERE sku = $1`, item.SKU, item.Quantity)
	if err != nil {
		return "", fmt.Errorf("cannot take %s: %w", item.SKU, err)
	}
	return "", nil
}

// SlowDown keeps the database busy for d, like a query without its index.
func (s *Store) SlowDown(ctx context.Context, d time.Duration) error {
	return s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, `SELECT pg_sleep($1)`, d.Seconds()); err != nil {
			return fmt.Errorf("cannot sleep: %w", err)
		}
		return nil
	})
}

// List returns all products by sku, in one query.
func (s *Store) List(ctx context.Context) (products []shop.Product, err error) {
	err = s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, `SELECT sku, name, price_cents, available FROM products ORDER BY sku`)
		if err != nil {
			return fmt.Errorf("cannot list the products: %w", err)
		}
		products, err = pgx.CollectRows(rows, pgx.RowToStructByPos[shop.Product])
		if err != nil {
			return fmt.Errorf("cannot read the products: %w", err)
		}
		return nil
	})
	return products, err
}

// ListOneByOne returns the same as List the way no one should: one query for the skus and one for each of them.
func (s *Store) ListOneByOne(ctx context.Context) (products []shop.Product, err error) {
	err = s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, `SELECT sku FROM products ORDER BY sku`)
		if err != nil {
			return fmt.Errorf("cannot list the skus: %w", err)
		}
		skus, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("cannot read the skus: %w", err)
		}
		for _, sku := range skus {
			var p shop.Product
			err := conn.QueryRow(ctx, `SELECT sku, name, price_cents, available FROM products WHERE sku = $1`, sku).
				Scan(&p.SKU, &p.Name, &p.PriceCents, &p.Available)
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", sku, err)
			}
			products = append(products, p)
		}
		return nil
	})
	return products, err
}

// Restock adds to the stock, all items in one batch.
func (s *Store) Restock(ctx context.Context, items []shop.Item) error {
	return s.use(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		batch := &pgx.Batch{}
		for _, item := range items {
			batch.Queue(`UPDATE products SET available = available + $2 WHERE sku = $1`, item.SKU, item.Quantity)
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("cannot restock: %w", err)
		}
		return nil
	})
}

var catalogue = []shop.Product{
	{SKU: "sku-001", Name: "Brass compass", PriceCents: 4900, Available: 200},
	{SKU: "sku-002", Name: "Canvas rucksack", PriceCents: 8900, Available: 150},
	{SKU: "sku-003", Name: "Wool blanket", PriceCents: 5900, Available: 180},
	{SKU: "sku-004", Name: "Enamel mug", PriceCents: 1200, Available: 400},
	{SKU: "sku-005", Name: "Storm lantern", PriceCents: 3400, Available: 160},
	{SKU: "sku-006", Name: "Pocket knife", PriceCents: 2800, Available: 220},
	{SKU: "sku-007", Name: "Oilskin coat", PriceCents: 15900, Available: 60},
	{SKU: "sku-008", Name: "Rope, 20 m", PriceCents: 1900, Available: 300},
	{SKU: "sku-009", Name: "Map case", PriceCents: 2200, Available: 140},
	{SKU: "sku-010", Name: "Field notebook", PriceCents: 900, Available: 500},
	{SKU: "sku-011", Name: "Signal whistle", PriceCents: 700, Available: 350},
	{SKU: "sku-012", Name: "Folding stool", PriceCents: 4400, Available: 90},
}
