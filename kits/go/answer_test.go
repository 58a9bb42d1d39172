package throughline

import "testing"

// FuzzAnswer: whatever a receiver answers, as many items are taken to be rejected as a batch may have lost, never less than none.
func FuzzAnswer(f *testing.F) {
	for _, seed := range [][]byte{nil, {10, 2, 8, 1}, {10, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, {8, 1}, {10, 255}, []byte("<html>")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rejected, valid := rejectedItems(body)
		if int64(rejected) < 0 || !valid && rejected > 0 {
			t.Fatalf("%d items were rejected by %x", rejected, body)
		}
	})
}
