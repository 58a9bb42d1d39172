// Package faults holds the switches of the faults the shop can have on demand, set by messages on NATS.
package faults

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
)

// Subject carries Change messages to every service.
const Subject = "shop.chaos"

// Fault names one fault.
type Fault string

const (
	SlowQuery     Fault = "slow_query"     // inventory: the database takes 0.4 s more
	NPlusOne      Fault = "n_plus_one"     // inventory: one query per product
	Panic         Fault = "panic"          // pricing, notifier: about 1 in 10 requests panics
	RetryStorm    Fault = "retry_storm"    // notifier: the mail API always fails, and is tried up to 10 times
	DroppedHeader Fault = "dropped_header" // gateway: orders is called without trace headers
)

// All lists every fault, in the order the chaos profile of the load generator uses them.
func All() []Fault { return []Fault{SlowQuery, NPlusOne, Panic, RetryStorm, DroppedHeader} }

// Change switches one fault on or off.
type Change struct {
	Fault Fault `json:"fault"`
	On    bool  `json:"on"`
}

// ParseChange reads a Change and checks that the fault exists.
func ParseChange(data []byte) (Change, error) {
	var c Change
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("cannot read the change: %w", err)
	}
	for _, f := range All() {
		if f == c.Fault {
			return c, nil
		}
	}
	return c, fmt.Errorf("there is no fault %q", c.Fault)
}

// Switches are the faults that are on. Reading one is an atomic load.
type Switches struct{ on map[Fault]*atomic.Bool }

// NewSwitches returns switches that are all off.
func NewSwitches() *Switches {
	s := &Switches{on: map[Fault]*atomic.Bool{}}
	for _, f := range All() {
		s.on[f] = new(atomic.Bool)
	}
	return s
}

// On tells whether a fault is on.
func (s *Switches) On(f Fault) bool { return s.on[f].Load() }

// Apply makes a change.
func (s *Switches) Apply(c Change) { s.on[c.Fault].Store(c.On) }
