package davfs

import (
	"context"
	"io/fs"
	"sync/atomic"
	"time"
)

// staleAfter is how long a request that sends to an upload may be silent before another one,
// probably of the same client on a new connection, takes over; shorter silences make the
// other wait for graceAfter, then refuse it.
const (
	staleAfter = 2 * time.Second
	graceAfter = 250 * time.Millisecond
)

// pendingTurn is one request's use of a pending upload.
type pendingTurn struct {
	last  atomic.Int64 // when a byte came, ns since 1970
	taken atomic.Bool  // somebody else wants it
	stop  func()
	ended chan struct{}
}

// take gets the turn. A request that has it is waited for a little; if it is silent, or force is
// set, it is made to end. ErrWriting; fs.ErrNotExist if the upload is over.
func (u *pending) take(ctx context.Context, stop func(), force bool) (*pendingTurn, error) {
	mine := &pendingTurn{stop: stop, ended: make(chan struct{})}
	mine.last.Store(time.Now().UnixNano())
	begun := time.Now()
	for {
		u.mu.Lock()
		if u.over {
			u.mu.Unlock()
			return nil, &fs.PathError{Op: "upload", Path: u.id, Err: fs.ErrNotExist}
		}
		cur := u.turn
		if cur == nil {
			u.turn = mine
			u.mu.Unlock()
			return mine, nil
		}
		u.mu.Unlock()
		waited := time.Since(begun)
		silent := time.Since(time.Unix(0, cur.last.Load())) > staleAfter
		switch {
		case force || silent && waited < 10*time.Second:
			cur.taken.Store(true)
			u.mu.Lock()
			if u.turn == cur { // else its connection may serve another request already
				cur.stop() // again and again: its body's pacing may have set a new deadline meanwhile
			}
			u.mu.Unlock()
		case waited >= graceAfter:
			return nil, ErrWriting
		}
		wait := time.NewTimer(graceAfter / 5)
		select {
		case <-cur.ended:
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		}
		wait.Stop()
	}
}

func (u *pending) release(mine *pendingTurn) {
	u.mu.Lock()
	u.turn = nil
	u.mu.Unlock()
	close(mine.ended)
}
