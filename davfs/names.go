package davfs

import (
	"context"
	"fmt"
	"io/fs"
	"path"
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

// errRefusedName is for names that the administrator has refused (URL-10). It is an fs.ErrPermission.
var errRefusedName = fmt.Errorf("the administrator of this server does not allow this name: %w", fs.ErrPermission)

// foldPatterns checks patterns of names and puts them into lower case.
func foldPatterns(patterns []string) ([]string, error) {
	folded := make([]string, len(patterns))
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || strings.Contains(p, "/") {
			return nil, fmt.Errorf("refused name %q: not a pattern of names such as *.tmp", p)
		}
		folded[i] = strings.ToLower(p)
	}
	return folded, nil
}

// mayName refuses a name that is about to be written if one of its segments matches a refused pattern.
// What is there already can be read and deleted.
func (t *Tree) mayName(name string) error {
	patterns := t.f.d.o.RefuseNames
	if len(patterns) == 0 {
		return nil
	}
	for seg := range strings.SplitSeq(strings.ToLower(name), "/") {
		for _, p := range patterns {
			if ok, _ := path.Match(p, seg); ok { // New has seen that the pattern is good
				return errRefusedName
			}
		}
	}
	return nil
}

// parentOf is the name of the directory that holds name; "" for a member of the root.
func parentOf(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ""
	}
	return name[:i]
}

// baseOf is the last segment of name.
func baseOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// inside says whether name lies below dir.
func inside(name, dir string) bool {
	if dir == "" {
		return name != ""
	}
	return len(name) > len(dir) && name[len(dir)] == '/' && name[:len(dir)] == dir
}

// member is the name of a member of dir.
func member(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}

// pathIndex remembers something per name and knows in O(1) whether there is
// anything at or below a name. Not safe for concurrent use.
type pathIndex[T any] struct {
	at    map[string]T
	below map[string]int // how many names lie below this one
}

func (x *pathIndex[T]) get(name string) (T, bool) { v, ok := x.at[name]; return v, ok }

func (x *pathIndex[T]) set(name string, v T) {
	if x.at == nil {
		x.at, x.below = make(map[string]T), make(map[string]int)
	}
	if _, ok := x.at[name]; !ok {
		x.count(name, 1)
	}
	x.at[name] = v
}

func (x *pathIndex[T]) remove(name string) {
	if _, ok := x.at[name]; ok {
		delete(x.at, name)
		x.count(name, -1)
	}
}

func (x *pathIndex[T]) count(name string, n int) {
	for name != "" {
		name = parentOf(name)
		if x.below[name] += n; x.below[name] == 0 {
			delete(x.below, name)
		}
	}
}

// any says whether something is remembered at or below name.
func (x *pathIndex[T]) any(name string) bool {
	if x.below[name] > 0 {
		return true
	}
	_, ok := x.at[name]
	return ok
}

// tree lists the names at and below name.
func (x *pathIndex[T]) tree(name string) []string {
	if !x.any(name) {
		return nil
	}
	var names []string
	if x.below[name] == 0 {
		return append(names, name)
	}
	for n := range x.at {
		if n == name || inside(n, name) {
			names = append(names, n)
		}
	}
	return names
}
