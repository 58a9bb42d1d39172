// Package memo keeps what is dear to make and needed again for every request: attribute sets of measurements, whose making sorts and
// hashes, and span names.
package memo

import (
	"maps"
	"sync"
	"sync/atomic"
)

// entriesMax bounds a memo: routes and peers may come from outside. What comes later is made each time.
const entriesMax = 256

// Memo maps keys to what was made for them. Reading costs one atomic load and a look-up; each new key copies the map, of which there
// are entriesMax at most. The zero value is empty.
type Memo[K comparable, V any] struct {
	known atomic.Pointer[map[K]V]
	mu    sync.Mutex
}

// Get returns what make gives for the key, the first time or now.
func (m *Memo[K, V]) Get(key K, make func(K) V) V {
	if known := m.known.Load(); known != nil {
		if value, ok := (*known)[key]; ok {
			return value
		}
		if len(*known) >= entriesMax {
			return make(key)
		}
	}
	value := make(key)
	m.add(key, value)
	return value
}

func (m *Memo[K, V]) add(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[K]V{}
	if known := m.known.Load(); known != nil {
		if len(*known) >= entriesMax {
			return
		}
		maps.Copy(next, *known)
	}
	next[key] = value
	m.known.Store(&next)
}
