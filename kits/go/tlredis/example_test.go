package tlredis_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlredis"
)

// A client connects when it is first used.
func ExampleInstrument() {
	var kit *throughline.Kit // of throughline.Init
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer client.Close()
	tlredis.Instrument(kit, client) // GET, SET, …: CLIENT spans named by the command
	fmt.Println(client.Options().Addr)
	// Output: 127.0.0.1:6379
}
