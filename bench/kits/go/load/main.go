// Command load is what the whole-service benchmark needs beside the shop: a receiver that counts, and customers who come at a fixed rate.
//
//	load sink                                                     prints `ready URL`; GET URL/counts tells what came
//	load drive -target URL -rate 60 -for 5s -cpu 4711,4712        one JSON object: how long each took, and the CPU time of those processes
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch command(os.Args) {
	case "sink":
		err = sink()
	case "drive":
		err = drive(os.Args[2:])
	default:
		err = fmt.Errorf("usage: load sink | load drive -target URL -rate N -for 5s -cpu PID,…")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func command(args []string) string {
	if len(args) < 2 {
		return ""
	}
	return args[1]
}
