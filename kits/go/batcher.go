// The queue of one signal and the goroutine that empties it. The SDK's own batchers bound their queues by count alone, differ
// between spans and logs in what they drop, and do not say how much that was.

package throughline

import (
	"context"
	"errors"
	"sync"
	"time"

	"throughline.dev/kits/go/internal/breaker"
)

// probeItemsMax is how many items are let through to find out whether the receiver is back.
const probeItemsMax = 64

// batcher queues items in order and exports them in batches, one at a time. What does not fit is dropped, the newest first.
type batcher[T any] struct {
	*guard
	itemsMax, batchMax int
	bytesMax           int64
	delay              time.Duration
	export             func(context.Context, []T) error

	mutex   sync.Mutex
	queue   []queued[T]
	ended   bool // the worker is gone, or about to go
	wake    chan struct{}
	flushes chan flushRequest
	stop    chan struct{}
	done    chan struct{}

	stopOnce sync.Once
	context  context.Context // of exports; it ends when the time for shutting down is up
	cancel   context.CancelFunc
}

type queued[T any] struct {
	item  T
	bytes int64
	at    time.Time
}

type flushRequest struct {
	ctx  context.Context
	done chan error
}

func newBatcher[T any](g *guard, s settings, delay time.Duration, export func(context.Context, []T) error) *batcher[T] {
	ctx, cancel := context.WithCancel(context.Background())
	b := &batcher[T]{
		guard: g, itemsMax: queueItemsMax, batchMax: batchItemsMax, bytesMax: s.queueBytes, delay: delay, export: export,
		wake: make(chan struct{}, 1), flushes: make(chan flushRequest), stop: make(chan struct{}), done: make(chan struct{}),
		context: ctx, cancel: cancel,
	}
	b.budget = min(delay, b.timeout)
	go b.work()
	return b
}

// admits is what a request pays when the receiver is down: a count and an atomic load.
func (b *batcher[T]) admits() bool {
	b.created.Add(1)
	if breaker.State(b.gate.Load()) != breaker.Open {
		return true
	}
	b.drop(circuitOpen, 1)
	return false
}

// push queues what was admitted.
func (b *batcher[T]) push(item T, bytes int64) {
	limit := int64(b.itemsMax)
	why := queueFull
	if breaker.State(b.gate.Load()) == breaker.HalfOpen {
		limit, why = probeItemsMax, circuitOpen
	}
	b.mutex.Lock()
	waiting := b.queued.Load()
	switch {
	case b.ended:
		why = shutDown
	case waiting >= limit:
	case b.queuedBytes.Load()+bytes > b.guard.limits.queueMost(b.bytesMax):
		why = byteLimit
	default:
		b.queue = append(b.queue, queued[T]{item, bytes, time.Now()})
		b.queued.Add(1)
		b.queuedBytes.Add(bytes)
		n := len(b.queue)
		b.mutex.Unlock()
		if n == 1 || n == b.batchMax || limit == probeItemsMax {
			b.signalWorker()
		}
		return
	}
	b.mutex.Unlock()
	b.drop(why, 1)
}

func (b *batcher[T]) signalWorker() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// batch is what is exported together.
type batch[T any] struct {
	items []T
	bytes int64
}

func (b *batcher[T]) take(most int) batch[T] {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	n := min(most, len(b.queue))
	out := batch[T]{items: make([]T, n)}
	for i, q := range b.queue[:n] {
		out.items[i] = q.item
		out.bytes += q.bytes
	}
	rest := copy(b.queue, b.queue[n:])
	clear(b.queue[rest:])
	b.queue = b.queue[:rest]
	return out
}

// release takes a settled batch off the books.
func (b *batcher[T]) release(done batch[T]) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.queued.Add(-int64(len(done.items)))
	b.queuedBytes.Add(-done.bytes)
}

func (b *batcher[T]) waiting() (n int, oldest time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.queue) == 0 {
		return 0, oldest
	}
	return len(b.queue), b.queue[0].at
}

// work exports until stop: a batch when it is full or old enough, all on a flush, a small one when the breaker is half open.
func (b *batcher[T]) work() {
	defer close(b.done)
	var held *batch[T] // the receiver asked to have it later
	var heldUntil time.Time
	send := func(most int) error {
		next, again := batch[T]{}, held != nil
		if again {
			next, held = *held, nil
		} else if next = b.take(most); len(next.items) == 0 {
			return nil
		}
		r := b.run(b.context, len(next.items), again, func(ctx context.Context) error { return b.export(ctx, next.items) })
		if r.hold > 0 {
			held, heldUntil = &next, time.Now().Add(r.hold)
			return r.err
		}
		b.release(next)
		return r.err
	}
	for {
		state := b.state()
		n, oldest := b.waiting()
		pause := idle
		switch {
		case state == breaker.Open:
			pause = b.untilHalfOpen()
		case held != nil:
			pause = time.Until(heldUntil)
		case n > 0:
			pause = b.delay - time.Since(oldest)
			if n >= b.batchMax || state == breaker.HalfOpen && n >= probeItemsMax {
				pause = 0
			}
		}
		if pause > 0 {
			select {
			case <-b.wake:
				continue
			case <-time.After(pause):
				continue
			case f := <-b.flushes:
				f.done <- b.flushNow(f.ctx, send, func() bool { return held != nil })
				continue
			case <-b.stop:
				b.drain(send, &held)
				return
			}
		}
		select {
		case <-b.stop:
			b.drain(send, &held)
			return
		default:
		}
		if state == breaker.HalfOpen {
			_ = send(probeItemsMax)
		} else {
			_ = send(b.batchMax)
		}
	}
}

// idle is how long the worker sleeps when nothing is to be done.
const idle = time.Hour

// flushNow exports what is queued at this moment.
func (b *batcher[T]) flushNow(ctx context.Context, send func(int) error, holding func() bool) error {
	n, _ := b.waiting()
	var first error
	for {
		switch {
		case holding():
			return errors.Join(first, errAskedToWait)
		case n <= 0:
			return first
		case ctx.Err() != nil:
			return ctx.Err()
		case b.state() == breaker.Open:
			return errors.Join(first, errCircuitOpen)
		}
		if err := send(b.batchMax); first == nil {
			first = err
		}
		n -= b.batchMax
	}
}

// drain is the last chance: it goes on until the queue is empty, the time is up, or the receiver is known to be down.
func (b *batcher[T]) drain(send func(int) error, held **batch[T]) {
	var err error
	for *held != nil || !b.endIfEmpty() {
		if err = send(b.batchMax); err != nil && b.state() != breaker.Closed {
			break
		}
	}
	b.mutex.Lock()
	b.ended = true
	b.mutex.Unlock()
	rest := b.take(b.itemsMax)
	if *held != nil {
		rest.items = append(rest.items, (*held).items...)
		rest.bytes += (*held).bytes
	}
	b.drop(shutDown, len(rest.items))
	b.release(rest)
	b.report.tell(b.signal, &b.counts, err, true)
}

// endIfEmpty closes the queue when nothing waits in it.
func (b *batcher[T]) endIfEmpty() bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.ended = len(b.queue) == 0
	return b.ended
}

// ForceFlush exports what is queued now.
func (b *batcher[T]) ForceFlush(ctx context.Context) error {
	f := flushRequest{ctx, make(chan error, 1)}
	select {
	case b.flushes <- f:
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shutdown exports what is queued and ends the worker, both before ctx ends, whatever the exporter does.
func (b *batcher[T]) shutdown(ctx context.Context, exporter func(context.Context) error) error {
	b.stopOnce.Do(func() { close(b.stop) })
	defer b.cancel()
	if end, ok := ctx.Deadline(); ok {
		spare := min(time.Until(end)/10, shutdownSpare)
		defer time.AfterFunc(time.Until(end)-spare, b.cancel).Stop()
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return contained(ctx, exporter)
}

// shutdownSpare is kept of the time for shutting down, to settle the books.
const shutdownSpare = 200 * time.Millisecond
