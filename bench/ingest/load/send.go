package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// A request not answered within this time counts as failed.
const requestTimeout = 30 * time.Second

type options struct {
	transport, endpoint, probeURL string
	gzip                          bool
	rate                          float64
	duration, probeEvery, age     time.Duration
	spansPerRequest, workers      int
	connections                   int
	seed                          uint64
}

type report struct {
	Offered      int64   `json:"offered"`
	Acknowledged int64   `json:"acknowledged"`
	Failed       int64   `json:"failed"`
	FirstError   string  `json:"first_error,omitempty"`
	Seconds      float64 `json:"seconds"`
	// From the moment a request was due, not from when a connection was free for it.
	AckP50Ms float64 `json:"ack_p50_ms"`
	AckP99Ms float64 `json:"ack_p99_ms"`
	AckMaxMs float64 `json:"ack_max_ms"`
	// From the acknowledgement until the API shows the whole trace; polled, so up to one poll too long.
	Probes          int     `json:"probes"`
	ProbesMissing   int     `json:"probes_missing"`
	SearchableP50Ms float64 `json:"searchable_p50_ms"`
	SearchableP99Ms float64 `json:"searchable_p99_ms"`
	BytesPerSpan    float64 `json:"wire_bytes_per_span"`
	CPUMicros       float64 `json:"generator_cpu_us_per_span"`
}

type sender func(ctx context.Context, body []byte) error

type worker struct {
	send      sender
	random    *rand.Rand
	age       time.Duration
	templates []*template
	latencies []float64
	acked     int64
	failed    int64
	bytes     int64
	firstErr  error
}

func send(o options) (*report, error) {
	senders, closeAll, err := openSenders(o)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	workers := make([]*worker, o.workers)
	for i := range workers {
		w := &worker{send: senders[i%len(senders)], age: o.age, random: rand.New(rand.NewPCG(o.seed, uint64(i)))}
		for s := range 4 {
			w.templates = append(w.templates, newTemplate(w.random, (i*4+s)%services, o.spansPerRequest))
		}
		workers[i] = w
	}
	probes := newProbes(o)
	before := cpuTime()
	began := time.Now()
	due := pace(o, began)
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { w.run(due, o.spansPerRequest, probes) })
	}
	group.Wait()
	took := time.Since(began)
	used := cpuTime() - before
	return summarise(o, workers, probes, took, used), nil
}

// Emits the moments requests are due. The channel holds all that may come, so that a slow receiver does not slow the offer.
func pace(o options, began time.Time) <-chan time.Time {
	every := time.Duration(float64(o.spansPerRequest) / o.rate * float64(time.Second))
	count := int(o.duration / every)
	due := make(chan time.Time, count)
	go func() {
		defer close(due)
		for i := range count {
			at := began.Add(time.Duration(i) * every)
			time.Sleep(time.Until(at))
			due <- at
		}
	}()
	return due
}

func (w *worker) run(due <-chan time.Time, spans int, probes *probes) {
	turn := 0
	for at := range due {
		t := w.templates[turn%len(w.templates)]
		turn++
		first := t.renew(w.random, time.Now().Add(-w.age))
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		err := w.send(ctx, t.body)
		cancel()
		if err != nil {
			w.failed += int64(spans)
			if w.firstErr == nil {
				w.firstErr = err
			}
			continue
		}
		w.latencies = append(w.latencies, time.Since(at).Seconds()*1000)
		w.acked += int64(spans)
		w.bytes += int64(len(t.body))
		probes.offer(first)
	}
}

func openSenders(o options) ([]sender, func(), error) {
	if o.transport == "http" {
		transport := &http.Transport{MaxIdleConnsPerHost: o.workers, DisableCompression: true}
		client := &http.Client{Transport: transport}
		url := "http://" + o.endpoint + "/v1/traces"
		return []sender{func(ctx context.Context, body []byte) error { return post(ctx, client, url, body, o.gzip) }}, transport.CloseIdleConnections, nil
	}
	if err := grpcgzip.SetLevel(gzip.BestSpeed); err != nil {
		return nil, nil, err
	}
	var senders []sender
	var connections []*grpc.ClientConn
	for range o.connections {
		connection, err := grpc.NewClient(o.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, err
		}
		connections = append(connections, connection)
		callOptions := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
		if o.gzip {
			callOptions = append(callOptions, grpc.UseCompressor(grpcgzip.Name))
		}
		senders = append(senders, func(ctx context.Context, body []byte) error {
			var answer []byte
			if err := connection.Invoke(ctx, exportMethod, &body, &answer, callOptions...); err != nil {
				return err
			}
			return refusedSome(answer)
		})
	}
	return senders, func() {
		for _, connection := range connections {
			_ = connection.Close()
		}
	}, nil
}

var writers = sync.Pool{New: func() any {
	writer, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return writer
}}

func post(ctx context.Context, client *http.Client, url string, body []byte, compress bool) error {
	if compress {
		var out bytes.Buffer
		writer := writers.Get().(*gzip.Writer)
		writer.Reset(&out)
		_, _ = writer.Write(body)
		_ = writer.Close()
		writers.Put(writer)
		body = out.Bytes()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/x-protobuf")
	if compress {
		request.Header.Set("content-encoding", "gzip")
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return refusedSome(answer)
}

// A partial_success with a count is loss; an empty one, as the Collector sends, is not.
func refusedSome(answer []byte) error {
	if len(answer) > 2 {
		return fmt.Errorf("partial success: %x", answer)
	}
	return nil
}

func summarise(o options, workers []*worker, probes *probes, took time.Duration, cpu time.Duration) *report {
	r := &report{Seconds: took.Seconds()}
	var latencies []float64
	var bytesSent int64
	for _, w := range workers {
		latencies = append(latencies, w.latencies...)
		r.Acknowledged += w.acked
		r.Failed += w.failed
		bytesSent += w.bytes
		if w.firstErr != nil && r.FirstError == "" {
			r.FirstError = w.firstErr.Error()
		}
	}
	r.Offered = r.Acknowledged + r.Failed
	r.AckP50Ms, r.AckP99Ms, r.AckMaxMs = quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 1)
	if r.Acknowledged > 0 {
		r.BytesPerSpan = float64(bytesSent) / float64(r.Acknowledged)
		r.CPUMicros = float64(cpu.Microseconds()) / float64(r.Acknowledged)
	}
	searchable, missing := probes.finish()
	r.Probes, r.ProbesMissing = len(searchable)+missing, missing
	r.SearchableP50Ms, r.SearchableP99Ms = quantile(searchable, 0.5), quantile(searchable, 0.99)
	return r
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
