package bench

import (
	"syscall"
	"testing"
)

// measure runs the loop of a benchmark and reports, beside the wall time Go reports, the CPU time of the whole process: batches, garbage
// collection and all. On a machine with other work to do it is the number that means something.
func measure(b *testing.B, body func()) {
	b.Helper()
	b.ReportAllocs()
	body() // what is made at first use is not measured
	before := cpuNanos()
	for b.Loop() {
		body()
	}
	b.ReportMetric(float64(cpuNanos()-before)/float64(b.N), "cpu-ns/op")
}

func cpuNanos() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
