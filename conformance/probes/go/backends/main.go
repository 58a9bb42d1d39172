// The backends the scenarios need and a machine need not have, in one process: started by the runner, one for each probe. It prints
// their addresses as one JSON object and serves until standard input ends.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	folder, err := os.MkdirTemp("", "throughline-backends")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	nats, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: folder})
	if err != nil {
		return err
	}
	nats.Start()
	defer nats.Shutdown()
	if !nats.ReadyForConnections(time.Minute) {
		return errors.New("the NATS server did not start")
	}
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		return err
	}
	defer kafka.Close()
	addresses := map[string]string{"nats": nats.ClientURL(), "kafka": kafka.ListenAddrs()[0]}
	redis, stopRedis, err := startRedis(folder)
	if err != nil {
		return err
	}
	defer stopRedis()
	if redis != "" {
		addresses["redis"] = redis
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
