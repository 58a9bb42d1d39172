package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// settle is how long the work a request leaves behind (an audit, a message) may take; its CPU time belongs to the request.
const settle = 300 * time.Millisecond

// result is what one window of traffic showed.
type result struct {
	Targets []seen `json:"targets"`
	// CPU time of each process of -cpu.
	CPUMs []float64 `json:"cpuMs"`
}

// seen is what the customers of one target saw.
type seen struct {
	Micros []int64 `json:"micros"` // how long each request took, the shortest first
	Failed int     `json:"failed"`
	Why    string  `json:"why,omitempty"` // one of the failures
}

// drive sends requests at a fixed rate, whatever becomes of them, to each target in turn. A request's time runs from the moment it was
// due, so a server that stalls does not hide the requests it kept from being sent.
func drive(args []string) error {
	flags := flag.NewFlagSet("drive", flag.ExitOnError)
	targets := flags.String("target", "http://127.0.0.1:8080", "URLs of shops' gateways, or of other services with -get, with commas")
	get := flags.String("get", "", "path to get; empty: check out")
	rate := flags.Float64("rate", 60, "requests per second, of all targets together")
	duration := flags.Duration("for", 5*time.Second, "how long")
	processes := flags.String("cpu", "", "process ids whose CPU time is told, with commas")
	_ = flags.Parse(args) // it exits
	pids, err := numbers(*processes)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	one := func(target string, i int) error { return checkout(client, target, i) }
	if *get != "" {
		one = func(target string, _ int) error { return ask(client.Get(target + *get)) }
	}
	before, err := cpuTimes(pids)
	if err != nil {
		return err
	}
	r := result{Targets: send(one, strings.Split(*targets, ","), *rate, *duration), CPUMs: []float64{}}
	time.Sleep(settle)
	after, err := cpuTimes(pids)
	if err != nil {
		return err
	}
	for i := range pids {
		r.CPUMs = append(r.CPUMs, float64(after[i]-before[i])/1e6)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func send(one func(target string, i int) error, targets []string, rate float64, duration time.Duration) []seen {
	n := int(rate*duration.Seconds()) / len(targets) * len(targets)
	took := make([]time.Duration, n)
	failed := make([]error, n)
	started := time.Now()
	var all sync.WaitGroup
	for i := range n {
		due := started.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		all.Go(func() {
			failed[i] = one(targets[i%len(targets)], i/len(targets))
			took[i] = time.Since(due)
		})
	}
	all.Wait()
	each := make([]seen, len(targets))
	for i := range n {
		s := &each[i%len(targets)]
		s.Micros = append(s.Micros, took[i].Microseconds())
		if failed[i] != nil {
			s.Failed++
			s.Why = failed[i].Error()
		}
	}
	for _, s := range each {
		slices.Sort(s.Micros)
	}
	return each
}

const products = 12

// checkout buys two of the catalogue's products, each time others, so that orders do not wait for the same rows.
func checkout(client *http.Client, target string, i int) error {
	body := fmt.Appendf(nil, `{"customer":"ada","items":[{"sku":"sku-%03d","quantity":1},{"sku":"sku-%03d","quantity":2}]}`,
		1+i%products, 1+(i+5)%products)
	return ask(client.Post(target+"/checkout", "application/json", bytes.NewReader(body)))
}

// ask reads the answer, which must be a good one.
func ask(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

func numbers(list string) (pids []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		pid, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a process id", text)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// cpuTimes reads the CPU clocks of processes: user and system time, of ended threads too, in nanoseconds. /proc/PID/stat has the same in
// ticks of 10 ms, which is what a hundred requests cost.
func cpuTimes(pids []int) ([]int64, error) {
	times := make([]int64, len(pids))
	for i, pid := range pids {
		clock := ^pid<<3 | 2 // CPUCLOCK_SCHED of the whole process, see clock_getcpuclockid(3)
		var t syscall.Timespec
		if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
			return nil, fmt.Errorf("cannot read the CPU clock of process %d: %w", pid, errno)
		}
		times[i] = t.Nano()
	}
	return times, nil
}
