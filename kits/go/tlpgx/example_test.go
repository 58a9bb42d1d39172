package tlpgx_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlpgx"
)

// A pool connects when it is first used.
func ExampleInstrument() {
	var kit *throughline.Kit // of throughline.Init
	config, err := pgxpool.ParseConfig("postgres://127.0.0.1/orders?pool_max_conns=4")
	if err != nil {
		fmt.Println(err)
		return
	}
	tlpgx.Instrument(kit, config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	fmt.Println(tlpgx.ObservePool(kit, pool, "orders"), pool.Stat().MaxConns())
	// Output: <nil> 4
}
