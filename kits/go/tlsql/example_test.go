package tlsql_test

import (
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlsql"
)

// Like sql.Open it does not connect.
func ExampleOpen() {
	var kit *throughline.Kit // of throughline.Init
	target := tlsql.Target{System: "postgresql", Namespace: "orders", Address: "127.0.0.1", Port: 5432}
	db, err := tlsql.Open(kit, "pgx", "postgres://127.0.0.1/orders", target)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	fmt.Println(tlsql.ObservePool(kit, db, "orders"), db.Stats().OpenConnections)
	// Output: <nil> 0
}
