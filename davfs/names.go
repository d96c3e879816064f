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
	// lock waits for the names. unlock must be called once.
	lock(ctx context.Context, targets ...string) (unlock func(), err error)
}

// nameTable is a nameLocker in memory. Locks are taken in the order of the names,
// so two callers never wait for each other in a circle.
type nameTable struct {
	mu    sync.Mutex
	locks map[string]*nameLock
}

type nameLock struct {
	sync.RWMutex
	users int // guarded by nameTable.mu
}

type nameClaim struct {
	name      string
	exclusive bool
	lock      *nameLock
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
	if t.locks == nil {
		t.locks = make(map[string]*nameLock)
	}
	for i := range claims {
		l := t.locks[claims[i].name]
		if l == nil {
			l = new(nameLock)
			t.locks[claims[i].name] = l
		}
		l.users++
		claims[i].lock = l
	}
	t.mu.Unlock()
	for _, c := range claims {
		if c.exclusive {
			c.lock.Lock()
		} else {
			c.lock.RLock()
		}
	}
	return func() { t.unlock(claims) }, nil
}

func (t *nameTable) unlock(claims []nameClaim) {
	for _, c := range claims {
		if c.exclusive {
			c.lock.Unlock()
		} else {
			c.lock.RUnlock()
		}
	}
	t.mu.Lock()
	for _, c := range claims {
		if c.lock.users--; c.lock.users == 0 {
			delete(t.locks, c.name)
		}
	}
	t.mu.Unlock()
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
