// What became of telemetry, counted item by item: created = exported + dropped, by cause, + queued. The sum is exact whenever
// nothing is on the move, and always after Shutdown.

package throughline

import "sync/atomic"

// Stats is what became of the telemetry the kit recorded.
type Stats struct {
	Spans   SignalStats // sampled spans that ended
	Logs    SignalStats // log records
	Metrics SignalStats // collections
}

// SignalStats counts the items of one signal since Init: sampled spans that ended, log records, and for metrics collections.
type SignalStats struct {
	Created  uint64 // handed to the kit
	Exported uint64 // taken by the receiver
	Dropped  Drops  // lost, by cause
	Queued   uint64 // waiting, or on their way
	// QueuedBytes is the estimated size of what is queued.
	QueuedBytes uint64
}

// Drops counts dropped items by cause; the causes are the values of error.type in the kit's own metrics.
type Drops struct {
	QueueFull    uint64 // 2048 items were waiting
	ByteLimit    uint64 // 8 MiB were waiting
	CircuitOpen  uint64 // the receiver was known to be down
	Timeout      uint64 // the export took too long
	ExportFailed uint64 // the receiver could not be reached, or had a failure
	Rejected     uint64 // the receiver did not want them
	Shutdown     uint64 // they came after Shutdown, or it had no time for them
}

// Total is the sum of all causes.
func (d Drops) Total() uint64 {
	return d.QueueFull + d.ByteLimit + d.CircuitOpen + d.Timeout + d.ExportFailed + d.Rejected + d.Shutdown
}

// failed is what was lost on the way, not before it.
func (d Drops) failed() uint64 { return d.Timeout + d.ExportFailed + d.Rejected + d.Shutdown }

type cause int

const (
	queueFull cause = iota
	byteLimit
	circuitOpen
	timedOut
	exportFailed
	rejected
	shutDown
	causes int = iota
)

// String is the value of error.type.
func (c cause) String() string {
	return [causes]string{"queue_full", "byte_limit", "circuit_open", "timeout", "export_failed", "rejected", "shutdown"}[c]
}

// onTheWay: lost by the exporter, not by the queue.
func (c cause) onTheWay() bool { return c == timedOut || c == exportFailed || c == rejected }

// counts are the counters of one signal.
type counts struct {
	created, exported   atomic.Uint64
	dropped             [causes]atomic.Uint64
	queued, queuedBytes atomic.Int64
}

func (c *counts) drop(why cause, n int) { c.dropped[why].Add(uint64(n)) }

func (c *counts) stats() SignalStats {
	d := func(why cause) uint64 { return c.dropped[why].Load() }
	return SignalStats{
		Exported: c.exported.Load(),
		Dropped: Drops{
			QueueFull: d(queueFull), ByteLimit: d(byteLimit), CircuitOpen: d(circuitOpen), Timeout: d(timedOut),
			ExportFailed: d(exportFailed), Rejected: d(rejected), Shutdown: d(shutDown),
		},
		Queued: uint64(c.queued.Load()), QueuedBytes: uint64(c.queuedBytes.Load()), Created: c.created.Load(),
	}
}
