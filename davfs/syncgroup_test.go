package davfs

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Every change is followed by a sync that began after it.
func TestSyncsFollowChanges(t *testing.T) {
	var g syncGroup
	var changes, durable atomic.Int64
	var wg sync.WaitGroup
	const clients, rounds = 32, 200
	for range clients {
		wg.Go(func() {
			for range rounds {
				mine := changes.Add(1)
				if err := g.do("dir", func() error {
					seen := changes.Load()
					for range 1000 { // others come meanwhile
						changes.Load()
					}
					for old := durable.Load(); old < seen && !durable.CompareAndSwap(old, seen); old = durable.Load() {
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
				if durable.Load() < mine {
					t.Errorf("change %d is not durable, only %d are", mine, durable.Load())
				}
			}
		})
	}
	wg.Wait()
	if len(g.runs) > 0 {
		t.Errorf("%d runs are left", len(g.runs))
	}
}

// Who comes while a sync runs waits for the next, which is one for all of them, and so is its error.
func TestSyncsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g syncGroup
		begin := make(chan struct{})
		go g.do("dir", func() error { <-begin; return nil })
		synctest.Wait()
		broken := errors.New("broken")
		var calls, failed, others atomic.Int64
		const late = 5
		for range late {
			go func() {
				if errors.Is(g.do("dir", func() error { calls.Add(1); return broken }), broken) {
					failed.Add(1)
				}
			}()
			go g.do("other", func() error { others.Add(1); return nil })
			synctest.Wait()
		}
		if calls.Load() != 0 || others.Load() != late {
			t.Errorf("while a sync ran: %d syncs of the same directory, %d of another", calls.Load(), others.Load())
		}
		close(begin)
		synctest.Wait()
		if failed.Load() != late || calls.Load() != 1 {
			t.Errorf("%d of %d heard of the error, of %d syncs", failed.Load(), late, calls.Load())
		}
	})
}
