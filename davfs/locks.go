package davfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// lockRecords is what the lock table needs from the store: rows that survive a
// restart. All methods are safe for concurrent use; DeleteLocks ignores tokens that have no row. RefreshLock
// changes the time of a row, BreakLock deletes one and tells the audit; both are fs.ErrNotExist if there is none.
type lockRecords interface {
	SaveLock(context.Context, store.Lock) error
	RefreshLock(ctx context.Context, token string, timeout time.Duration, expires time.Time) error
	DeleteLocks(context.Context, ...string) error
	BreakLock(context.Context, string) error
}

// lockOptions are the settings of lock tables. A zero number means its default.
type lockOptions struct {
	now            func() time.Time // time.Now if nil
	defaultTimeout time.Duration    // when a client names none, or Infinite: 1 h
	maxTimeout     time.Duration    // cap: 24 h
	grace          time.Duration    // how long a lapsed lock is remembered: 10 min
	maxPerUser     int              // 1000
	maxShared      int              // shared locks on one resource: 32
	counts         *lockCounts      // of all folders together; the table's own if nil
}

func (o lockOptions) withDefaults() lockOptions {
	if o.now == nil {
		o.now = time.Now
	}
	if o.defaultTimeout == 0 {
		o.defaultTimeout = time.Hour
	}
	if o.maxTimeout == 0 {
		o.maxTimeout = 24 * time.Hour
	}
	if o.grace == 0 {
		o.grace = 10 * time.Minute
	}
	if o.maxPerUser == 0 {
		o.maxPerUser = 1000
	}
	if o.maxShared == 0 {
		o.maxShared = 32
	}
	if o.counts == nil {
		o.counts = new(lockCounts)
	}
	return o
}

// lockCounts counts the locks of each user over all folders (LCK-12). The zero
// value is ready; it is safe for concurrent use.
type lockCounts struct {
	mu sync.Mutex
	n  map[string]int
}

// add counts one more lock of a user, unless that would be more than most.
func (c *lockCounts) add(userID string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[userID] >= most {
		return false
	}
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[userID]++
	return true
}

func (c *lockCounts) drop(userID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[userID]--; c.n[userID] <= 0 {
		delete(c.n, userID)
	}
}

// lockConflict is the error for locks in the way. It is store.ErrLocked.
type lockConflict struct {
	Locks []store.Lock // those whose token was not submitted, or that exclude a new one
}

func (e *lockConflict) Error() string {
	return fmt.Sprintf("%v by %s", store.ErrLocked, e.Locks[0].UserName)
}

func (e *lockConflict) Unwrap() error { return store.ErrLocked }

// lockNeed says what of a resource a request changes, and so which locks it must
// hold (LCK-8). Values may be combined.
type lockNeed uint8

const (
	needSelf   lockNeed = 1 << iota // the resource: PUT, PATCH, PROPPATCH, LOCK
	needTree                        // it and all below: DELETE, source of MOVE, overwritten destination
	needMember                      // its being a member of its collection: created, deleted, renamed
)

// lockTable holds the WebDAV locks of one folder in memory, written through to
// the store. Names are on-disk names inside the folder.
//
// A lock is active until it expires. For the grace period after that it is
// lapsed: nobody sees it and it excludes nobody, but the user who made it can still
// use or refresh its token, unless somebody else has taken the resource (LCK-6).
// Then it is dead and waits for expire.
//
// The table is safe for concurrent use. Its mutex is not held during a call of
// the store. Checks cost O(depth of the name), next to nothing when there are no locks.
type lockTable struct {
	rec lockRecords
	o   lockOptions

	held atomic.Int64  // locks in the table, dead ones too
	made atomic.Uint64 // locks that ever were

	mu      sync.RWMutex
	root    lockSpot
	byToken map[string]*heldLock
	stale   []string // tokens gone from memory whose rows expire deletes
}

// heldLock is a lock in the table; the table's mutex guards it.
type heldLock struct {
	store.Lock
	spot    *lockSpot
	pending bool // not saved yet: excludes others, but is not granted
	leaving bool // its row is being deleted: excludes others, but is not refreshed
	uses    int  // requests that keep it from expiring
}

// lockSpot is a name that has locks at or below it.
type lockSpot struct {
	parent   *lockSpot
	segment  string
	children map[string]*lockSpot
	locks    []*heldLock
}

// newLockTable makes the table of a folder with the locks that the store had.
func newLockTable(rec lockRecords, saved []store.Lock, o lockOptions) *lockTable {
	t := &lockTable{rec: rec, o: o.withDefaults(), byToken: make(map[string]*heldLock)}
	for _, l := range saved {
		t.o.counts.add(l.UserID, math.MaxInt) // a cap that was lowered takes no lock away
		t.insert(&heldLock{Lock: l})
	}
	return t
}

// timeout gives what a Timeout header is granted (LCK-5).
func (t *lockTable) timeout(header string) time.Duration {
	return parseTimeout(header, t.o.defaultTimeout, t.o.maxTimeout)
}

// create grants a lock: it sets Created and Expires from the clock and Timeout, and
// returns when the row is saved. Locks in the way are a *lockConflict; too many locks
// of the user or on the resource store.ErrTooMany.
func (t *lockTable) create(ctx context.Context, l store.Lock) (store.Lock, error) {
	now := t.o.now()
	l.Created, l.Expires = now, now.Add(l.Timeout)
	h := &heldLock{Lock: l, pending: true}
	if err := t.reserve(h, now); err != nil {
		return store.Lock{}, err
	}
	err := t.rec.SaveLock(ctx, l)
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.spot == nil { // its tree was removed meanwhile
		t.stale = append(t.stale, l.Token)
		return store.Lock{}, fmt.Errorf("lock %q: %w", l.Path, fs.ErrNotExist)
	}
	if err != nil {
		t.forget(h)
		t.stale = append(t.stale, l.Token) // perhaps it was saved all the same
		return store.Lock{}, fmt.Errorf("save lock: %w", err)
	}
	h.pending = false
	return l, nil
}

// reserve puts a pending lock into the table if nothing is in its way.
func (t *lockTable) reserve(h *heldLock, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var (
		active, lapsed []*heldLock // that h would exclude
		shared         int
	)
	look := func(other *heldLock) {
		switch {
		case t.active(other, now) && !(h.Shared && other.Shared):
			active = append(active, other)
		case t.active(other, now):
			if covers(other, h.Path) {
				shared++
			}
		case !(h.Shared && other.Shared):
			lapsed = append(lapsed, other)
		}
	}
	spot := t.eachCovering(h.Path, look)
	if spot != nil && h.Infinite {
		spot.eachBelow(look)
	}
	if len(active) > 0 {
		return &lockConflict{plain(active)}
	}
	if shared >= t.o.maxShared {
		return fmt.Errorf("the resource has %d shared locks, the most that it may have; unlock one, or wait until one expires: %w", shared, store.ErrTooMany)
	}
	if !t.o.counts.add(h.UserID, t.o.maxPerUser) {
		return fmt.Errorf("%s has %d locks, the most that one user may have; unlock some, or wait until they expire: %w", h.UserName, t.o.maxPerUser, store.ErrTooMany)
	}
	for _, other := range lapsed { // the resource is taken now
		t.forget(other)
		t.stale = append(t.stale, other.Token)
	}
	t.insert(h)
	return nil
}

// refresh makes the lock with this token, active or lapsed, last for timeout from
// now. The resource at name must be in its scope, else store.ErrChanged; only the
// user who made it may, else fs.ErrPermission.
func (t *lockTable) refresh(ctx context.Context, name, token, userID string, timeout time.Duration) (store.Lock, error) {
	unknown := fmt.Errorf("refresh lock: no such lock on %q: %w", name, store.ErrChanged)
	if t.held.Load() == 0 {
		return store.Lock{}, unknown
	}
	now := t.o.now()
	t.mu.RLock()
	h := t.byToken[token]
	if h == nil || h.pending || h.leaving || t.dead(h, now) || !covers(h, name) {
		t.mu.RUnlock()
		return store.Lock{}, unknown
	}
	l := h.Lock
	t.mu.RUnlock()
	if l.UserID != userID {
		return store.Lock{}, fmt.Errorf("refresh lock of %s: %w", l.UserName, fs.ErrPermission)
	}
	l.Timeout, l.Expires = timeout, now.Add(timeout)
	err := t.rec.RefreshLock(ctx, token, timeout, l.Expires)
	t.mu.Lock()
	defer t.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) { // an administrator removed it, and follow has not come round yet
		t.forget(h)
		return store.Lock{}, unknown
	}
	if err != nil {
		return store.Lock{}, fmt.Errorf("save lock: %w", err)
	}
	if h.spot == nil || h.leaving { // gone meanwhile
		return store.Lock{}, unknown
	}
	h.Timeout, h.Expires = l.Timeout, l.Expires
	return l, nil
}

// unlock removes the lock with this token. The resource at name must be in its
// scope, else fs.ErrNotExist. Who may do it is the caller's question; see lookup.
func (t *lockTable) unlock(ctx context.Context, name, token string) (store.Lock, error) {
	l, err := t.end(token, func(h *heldLock) bool { return covers(h, name) }, func() error { return t.rec.DeleteLocks(ctx, token) })
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("unlock: no such lock on %q: %w", name, fs.ErrNotExist)
	}
	return l, err
}

// end removes a lock that is meant, and its row; else fs.ErrNotExist.
func (t *lockTable) end(token string, meant func(*heldLock) bool, drop func() error) (store.Lock, error) {
	now := t.o.now()
	t.mu.Lock()
	h := t.byToken[token]
	if h == nil || h.pending || h.leaving || t.dead(h, now) || !meant(h) {
		t.mu.Unlock()
		return store.Lock{}, fs.ErrNotExist
	}
	h.leaving = true
	t.mu.Unlock()

	err := drop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		h.leaving = false
		return store.Lock{}, fmt.Errorf("delete lock: %w", err)
	}
	t.forget(h)
	return h.Lock, nil
}

// lookup gives the active or lapsed lock with this token whose scope includes name.
func (t *lockTable) lookup(name, token string) (store.Lock, bool) {
	if t.held.Load() == 0 {
		return store.Lock{}, false
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	h := t.byToken[token]
	if h == nil || h.pending || t.dead(h, now) || !covers(h, name) {
		return store.Lock{}, false
	}
	return h.Lock, true
}

// tokenMatches says whether a state token of an If header is true for the resource
// at name: it is in the scope of the lock. Whether it helps the user who sent it
// is for need to say; a lapsed lock is known to its maker only.
func (t *lockTable) tokenMatches(name, token, userID string) bool {
	l, ok := t.lookup(name, token)
	return ok && (l.UserID == userID || t.o.now().Before(l.Expires))
}

// covering lists the active locks whose scope includes the resource at name, those of
// collections above it first.
func (t *lockTable) covering(name string) []store.Lock {
	if t.held.Load() == 0 {
		return nil
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []*heldLock
	t.eachCovering(name, func(h *heldLock) {
		if !h.pending && t.active(h, now) {
			found = append(found, h)
		}
	})
	return plain(found)
}

// need says whether a user who submits these tokens may change the resource at
// name as how says. If not, it is a *lockConflict with the locks that are in the way.
// Only the tokens of the user's own locks count (LCK-9). Of several shared locks on
// a resource one token is enough (RFC 4918, section 6.2); below a collection only
// resources with a lock of their own are asked about.
func (t *lockTable) need(name string, how lockNeed, tokens []string, userID string) error {
	if t.held.Load() == 0 {
		return nil
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	ours := make(map[*heldLock]bool, len(tokens))
	for _, token := range tokens {
		if h := t.byToken[token]; h != nil && h.UserID == userID {
			ours[h] = true
		}
	}
	var missing []*heldLock
	resource := func(name string) (spot *lockSpot, inherited bool) {
		var found []*heldLock
		open := false
		spot = t.eachCovering(name, func(h *heldLock) {
			if t.active(h, now) {
				found = append(found, h)
				open = open || ours[h]
				inherited = inherited || ours[h] && h.Infinite
			}
		})
		if !open {
			for _, h := range found {
				missing = appendNew(missing, h)
			}
		}
		return spot, inherited
	}
	if how&needMember != 0 && name != "" {
		resource(parentOf(name))
	}
	if how&(needSelf|needTree) != 0 {
		spot, inherited := resource(name)
		if how&needTree != 0 && spot != nil {
			for _, child := range spot.children {
				missing = t.treeMissing(child, inherited, now, ours, missing)
			}
		}
	}
	if len(missing) > 0 {
		return &lockConflict{plain(missing)}
	}
	return nil
}

// treeMissing appends the locks at and below spot that ours does not open.
// inherited says that one of ours reaches down from above.
func (t *lockTable) treeMissing(spot *lockSpot, inherited bool, now time.Time, ours map[*heldLock]bool, missing []*heldLock) []*heldLock {
	open := inherited
	for _, h := range spot.locks {
		if ours[h] && t.active(h, now) {
			open = true
			inherited = inherited || h.Infinite
		}
	}
	if !open {
		for _, h := range spot.locks {
			if t.active(h, now) {
				missing = appendNew(missing, h)
			}
		}
	}
	for _, child := range spot.children {
		missing = t.treeMissing(child, inherited, now, ours, missing)
	}
	return missing
}

// taken is told that a user changes the resource at name without the tokens of
// lapsed locks on it: those of other users can no longer be refreshed.
func (t *lockTable) taken(name, userID string) {
	if t.held.Load() == 0 {
		return
	}
	now := t.o.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []*heldLock
	t.eachCovering(name, func(h *heldLock) {
		if h.UserID != userID && !h.leaving && !t.active(h, now) {
			gone = append(gone, h)
		}
	})
	for _, h := range gone {
		t.forget(h)
		t.stale = append(t.stale, h.Token)
	}
}

// keep holds off the expiry of a user's locks with these tokens, active or lapsed,
// until release is called, which must happen exactly once (PUT-11).
func (t *lockTable) keep(tokens []string, userID string) (release func()) {
	if len(tokens) == 0 || t.held.Load() == 0 {
		return func() {}
	}
	now := t.o.now()
	var kept []*heldLock
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, token := range tokens {
		if h := t.byToken[token]; h != nil && h.UserID == userID && !t.dead(h, now) {
			h.uses++
			kept = append(kept, h)
		}
	}
	return func() {
		now := t.o.now()
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, h := range kept {
			if h.uses--; h.uses == 0 && h.Expires.Before(now) {
				h.Expires = now // lapsed just now, not long dead
			}
		}
	}
}

// removeTree forgets all locks at and below name, which was deleted or moved away
// (CM-7), and returns their tokens. Their rows are the caller's, in the transaction
// that follows the change.
func (t *lockTable) removeTree(name string) []string {
	if t.held.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	spot := t.find(name)
	if spot == nil {
		return nil
	}
	gone := append([]*heldLock(nil), spot.locks...)
	spot.eachBelow(func(h *heldLock) { gone = append(gone, h) })
	tokens := make([]string, len(gone))
	for i, h := range gone {
		tokens[i] = h.Token
		t.forget(h)
	}
	return tokens
}

// expire forgets dead locks and deletes the rows of all that are gone. It is to be
// called every few seconds; a row that could not be deleted is tried again by the next call.
func (t *lockTable) expire(ctx context.Context) error {
	now := t.o.now()
	t.mu.Lock()
	for _, h := range t.byToken {
		if !h.pending && !h.leaving && t.dead(h, now) {
			t.forget(h)
			t.stale = append(t.stale, h.Token)
		}
	}
	stale := t.stale
	t.stale = nil
	t.mu.Unlock()
	if len(stale) == 0 {
		return nil
	}
	if err := t.rec.DeleteLocks(ctx, stale...); err != nil {
		t.mu.Lock()
		t.stale = append(t.stale, stale...)
		t.mu.Unlock()
		return fmt.Errorf("delete expired locks: %w", err)
	}
	return nil
}

// active says whether h excludes others.
func (t *lockTable) active(h *heldLock, now time.Time) bool {
	return now.Before(h.Expires) || h.uses > 0
}

// dead says whether h is past its grace.
func (t *lockTable) dead(h *heldLock, now time.Time) bool {
	return h.uses == 0 && !now.Before(h.Expires.Add(t.o.grace))
}

// covers says whether name is in the scope of h.
func covers(h *heldLock, name string) bool {
	if h.Path == name {
		return true
	}
	return h.Infinite && (h.Path == "" || strings.HasPrefix(name, h.Path) && name[len(h.Path)] == '/')
}

// eachCovering calls fn for the locks whose scope includes name, from the root down,
// and returns the spot of name if there is one.
func (t *lockTable) eachCovering(name string, fn func(*heldLock)) *lockSpot {
	spot := &t.root
	for name != "" {
		for _, h := range spot.locks {
			if h.Infinite {
				fn(h)
			}
		}
		var segment string
		segment, name, _ = strings.Cut(name, "/")
		if spot = spot.children[segment]; spot == nil {
			return nil
		}
	}
	for _, h := range spot.locks {
		fn(h)
	}
	return spot
}

// all returns the locks that are held, by path.
func (t *lockTable) all() []store.Lock {
	if t.held.Load() == 0 {
		return nil
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	var locks []store.Lock
	for _, h := range t.byToken {
		if t.active(h, now) && !h.pending {
			locks = append(locks, h.Lock)
		}
	}
	slices.SortFunc(locks, func(a, b store.Lock) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), a.Created.Compare(b.Created), strings.Compare(a.Token, b.Token))
	})
	return locks
}

// near says whether a lock, active or not, may cover the collection at name or anything below it.
func (t *lockTable) near(name string) bool {
	if t.held.Load() == 0 {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	covered := false
	spot := t.eachCovering(name, func(*heldLock) { covered = true })
	return covered || spot != nil
}

// in says which members of the collection at name have active locks of their own; all: one from above, or on
// the collection, holds everything in it.
func (t *lockTable) in(name string) (all bool, members map[string]bool) {
	if t.held.Load() == 0 {
		return false, nil
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	holds := func(h *heldLock) bool { return !h.pending && t.active(h, now) }
	spot := t.eachCovering(name, func(h *heldLock) { all = all || h.Infinite && holds(h) })
	if spot == nil {
		return all, nil
	}
	for segment, child := range spot.children {
		if slices.ContainsFunc(child.locks, holds) {
			if members == nil {
				members = make(map[string]bool)
			}
			members[segment] = true
		}
	}
	return all, members
}

// find gives the spot of name, or nil.
func (t *lockTable) find(name string) *lockSpot {
	spot := &t.root
	for name != "" && spot != nil {
		var segment string
		segment, name, _ = strings.Cut(name, "/")
		spot = spot.children[segment]
	}
	return spot
}

// eachBelow calls fn for the locks strictly below s.
func (s *lockSpot) eachBelow(fn func(*heldLock)) {
	for _, child := range s.children {
		for _, h := range child.locks {
			fn(h)
		}
		child.eachBelow(fn)
	}
}

// insert puts h, which is counted already, into the table.
func (t *lockTable) insert(h *heldLock) {
	spot := &t.root
	for name := h.Path; name != ""; {
		var segment string
		segment, name, _ = strings.Cut(name, "/")
		next := spot.children[segment]
		if next == nil {
			next = &lockSpot{parent: spot, segment: segment}
			if spot.children == nil {
				spot.children = make(map[string]*lockSpot)
			}
			spot.children[segment] = next
		}
		spot = next
	}
	spot.locks = append(spot.locks, h)
	h.spot = spot
	t.byToken[h.Token] = h
	t.made.Add(1)
	t.held.Add(1)
}

// forget takes h out of the table, if it is still there.
func (t *lockTable) forget(h *heldLock) {
	spot := h.spot
	if spot == nil {
		return
	}
	for i, other := range spot.locks {
		if other == h {
			spot.locks = append(spot.locks[:i:i], spot.locks[i+1:]...)
			break
		}
	}
	for parent := spot.parent; parent != nil; spot, parent = parent, parent.parent {
		if len(spot.children) > 0 || len(spot.locks) > 0 {
			break
		}
		delete(parent.children, spot.segment)
	}
	h.spot = nil
	delete(t.byToken, h.Token)
	t.held.Add(-1)
	t.o.counts.drop(h.UserID)
}

func plain(held []*heldLock) []store.Lock {
	if len(held) == 0 {
		return nil
	}
	locks := make([]store.Lock, len(held))
	for i, h := range held {
		locks[i] = h.Lock
	}
	return locks
}

func appendNew(list []*heldLock, h *heldLock) []*heldLock {
	for _, other := range list {
		if other == h {
			return list
		}
	}
	return append(list, h)
}
