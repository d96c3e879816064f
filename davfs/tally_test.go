package davfs

import (
	"fmt"
	"testing"
	"time"

	"davit/store"
)

// What is counted is bounded, and nothing is lost beyond that but the names.
func TestTallyIsBounded(t *testing.T) {
	var y tally
	now := time.Unix(1e9, 0)
	const n = 3 * mostTally
	for i := range n {
		y.add(store.Actor{UserID: fmt.Sprint(i), Door: "webdav"}, "f", now, 1, 0, 0)
	}
	if len(y.all) > mostTally+1 {
		t.Errorf("%d entries", len(y.all))
	}
	if due := y.take(now.Add(tallyFor-1), false); len(due) != 0 {
		t.Errorf("%d entries too early", len(due))
	}
	var writes int64
	for _, c := range y.take(now.Add(tallyFor), false) {
		writes += c.Writes
	}
	if writes != n || len(y.all) != 0 {
		t.Errorf("%d writes of %d, %d left", writes, n, len(y.all))
	}
}

// BenchmarkTally is what the audit costs a change.
func BenchmarkTally(b *testing.B) {
	var y tally
	by := store.Actor{UserID: "019a2b6f3c1d7e5f8a9b0c1d2e3f4a5b", UserName: "ann", Address: "192.0.2.1", Door: "webdav"}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		y.add(by, "019a2b6f3c1d7e5f8a9b0c1d2e3f4a5c", now, 1, 0, 0)
	}
}
