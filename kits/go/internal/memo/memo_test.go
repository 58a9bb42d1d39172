package memo

import (
	"strconv"
	"sync"
	"testing"
)

// A memo that grew with what strangers send would be a leak.
func TestMemoIsBoundedAndStillAnswers(t *testing.T) {
	var m Memo[int, string]
	for i := range 3 * entriesMax {
		if got := m.Get(i, strconv.Itoa); got != strconv.Itoa(i) {
			t.Fatalf("%d gave %s", i, got)
		}
	}
	if n := len(*m.known.Load()); n != entriesMax {
		t.Fatalf("%d entries, want %d", n, entriesMax)
	}
}

func TestMemoMakesOnce(t *testing.T) {
	var m Memo[string, *int]
	made := func(string) *int { return new(int) }
	first := m.Get("a", made)
	m.Get("b", made)
	if m.Get("a", made) != first {
		t.Fatal("made twice")
	}
}

func TestMemoFromManyGoroutines(t *testing.T) {
	var m Memo[int, string]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				if got := m.Get(i, strconv.Itoa); got != strconv.Itoa(i) {
					t.Errorf("%d gave %s", i, got)
				}
			}
		})
	}
	all.Wait()
}
