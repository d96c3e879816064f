package davfs

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// nameLocker serialises changes of names (D16): shared on every ancestor, exclusive
// on the named targets. It is held for the check and the rename, never while a body
// streams. With several nodes it becomes a lock in the database, hence the context.
type nameLocker interface {
	// lock waits for the names, until ctx ends. unlock must be called once.
	lock(ctx context.Context, targets ...string) (unlock func(), err error)
}

// nameTable is a nameLocker in memory. Locks are taken in the order of the names,
// so two callers never wait for each other in a circle; on each they are served in turn.
type nameTable struct {
	mu    sync.Mutex
	locks map[string]*nameLock
}

// nameLock is one name that somebody holds or waits for; the table's mutex guards it.
type nameLock struct {
	readers int
	writer  bool
	queue   []*nameWait
}

// nameWait is somebody who waits; granted is closed when the lock is his.
type nameWait struct {
	exclusive bool
	granted   chan struct{}
}

type nameClaim struct {
	name      string
	exclusive bool
}

func (t *nameTable) lock(ctx context.Context, targets ...string) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	claims := make([]nameClaim, 0, 8)
	for _, target := range targets {
		claims = claimName(claims, target, true)
		for dir := target; dir != ""; {
			dir = parentOf(dir)
			claims = claimName(claims, dir, false)
		}
	}
	slices.SortFunc(claims, func(a, b nameClaim) int { return strings.Compare(a.name, b.name) })
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.locks == nil {
		t.locks = make(map[string]*nameLock)
	}
	for i, c := range claims {
		l := t.locks[c.name]
		if l == nil {
			l = new(nameLock)
			t.locks[c.name] = l
		}
		if len(l.queue) == 0 && l.take(c.exclusive) {
			continue
		}
		w := &nameWait{c.exclusive, make(chan struct{})}
		l.queue = append(l.queue, w)
		t.mu.Unlock()
		select {
		case <-w.granted:
			t.mu.Lock()
			continue
		case <-ctx.Done():
		}
		t.mu.Lock()
		if n := slices.Index(l.queue, w); n >= 0 {
			l.queue = slices.Delete(l.queue, n, n+1)
			t.serve(c.name, l) // those behind may go past
		} else {
			t.release(c) // it was granted just now
		}
		for _, held := range claims[:i] {
			t.release(held)
		}
		return nil, ctx.Err()
	}
	return func() { t.unlock(claims) }, nil
}

// take gives the lock if nobody who holds it is in the way.
func (l *nameLock) take(exclusive bool) bool {
	switch {
	case l.writer || exclusive && l.readers > 0:
		return false
	case exclusive:
		l.writer = true
	default:
		l.readers++
	}
	return true
}

func (t *nameTable) release(c nameClaim) {
	l := t.locks[c.name]
	if c.exclusive {
		l.writer = false
	} else {
		l.readers--
	}
	t.serve(c.name, l)
}

// serve grants a lock to the next in its queue, and forgets a lock that nobody wants.
func (t *nameTable) serve(name string, l *nameLock) {
	for len(l.queue) > 0 && l.take(l.queue[0].exclusive) {
		close(l.queue[0].granted)
		l.queue = l.queue[1:]
	}
	if len(l.queue) == 0 && l.readers == 0 && !l.writer {
		delete(t.locks, name)
	}
}

func (t *nameTable) unlock(claims []nameClaim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range claims {
		t.release(c)
	}
}

func claimName(claims []nameClaim, name string, exclusive bool) []nameClaim {
	for i := range claims {
		if claims[i].name == name {
			claims[i].exclusive = claims[i].exclusive || exclusive
			return claims
		}
	}
	return append(claims, nameClaim{name: name, exclusive: exclusive})
}
