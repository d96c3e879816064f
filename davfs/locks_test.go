package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// lockRows is a store of lock rows for tests.
type lockRows struct {
	mu     sync.Mutex
	rows   map[string]store.Lock
	fail   error
	during func() // called by SaveLock and RefreshLock, without mu
}

func (r *lockRows) SaveLock(_ context.Context, l store.Lock) error {
	if r.during != nil {
		r.during()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	if r.rows == nil {
		r.rows = make(map[string]store.Lock)
	}
	r.rows[l.Token] = l
	return nil
}

func (r *lockRows) RefreshLock(_ context.Context, token string, timeout time.Duration, expires time.Time) error {
	if r.during != nil {
		r.during()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	l, ok := r.rows[token]
	if !ok {
		return fs.ErrNotExist
	}
	l.Timeout, l.Expires = timeout, expires
	r.rows[token] = l
	return nil
}

func (r *lockRows) BreakLock(ctx context.Context, token string) error {
	return r.DeleteLocks(ctx, token)
}

func (r *lockRows) DeleteLocks(_ context.Context, tokens ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	for _, token := range tokens {
		delete(r.rows, token)
	}
	return nil
}

func (r *lockRows) tokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []string{}
	for token := range r.rows {
		list = append(list, token)
	}
	slices.Sort(list)
	return list
}

// lockBench is a table with a clock and rows to look at.
type lockBench struct {
	*lockTable
	t    *testing.T
	rows *lockRows
	time time.Time
	made int
}

func newLockBench(t *testing.T, o lockOptions) *lockBench {
	b := &lockBench{t: t, rows: new(lockRows), time: time.Unix(1e9, 0)}
	o.now = func() time.Time { return b.time }
	b.lockTable = newLockTable(b.rows, nil, o)
	return b
}

// lock asks for a lock for an hour and gives its token. how has "s" for shared, "i" for depth infinity.
func (b *lockBench) lock(name, how, user string) (string, error) {
	b.made++
	l, err := b.create(b.t.Context(), store.Lock{
		Token: fmt.Sprintf("urn:t:%04d", b.made), Path: name, Timeout: time.Hour, UserID: user, UserName: user,
		Shared: strings.Contains(how, "s"), Infinite: strings.Contains(how, "i"),
	})
	return l.Token, err
}

func (b *lockBench) mustLock(name, how, user string) string {
	b.t.Helper()
	token, err := b.lock(name, how, user)
	if err != nil {
		b.t.Fatalf("lock %q %q for %s: %v", name, how, user, err)
	}
	return token
}

func conflictPaths(t *testing.T, err error) []string {
	t.Helper()
	var c *lockConflict
	if !errors.As(err, &c) || !errors.Is(err, store.ErrLocked) || len(c.Locks) == 0 {
		t.Fatalf("error %v, want a lock conflict", err)
	}
	var paths []string
	for _, l := range c.Locks {
		paths = append(paths, l.Path)
	}
	slices.Sort(paths)
	return paths
}

// below lists the active locks whose roots are strictly below name, in no order.
func (t *lockTable) below(name string) []store.Lock {
	if t.held.Load() == 0 {
		return nil
	}
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	spot := t.find(name)
	if spot == nil {
		return nil
	}
	var found []*heldLock
	spot.eachBelow(func(h *heldLock) {
		if !h.pending && t.active(h, now) {
			found = append(found, h)
		}
	})
	return plain(found)
}

func TestLCK1_Conflicts(t *testing.T) {
	for _, c := range []struct {
		held, heldHow, name, how string
		conflict                 bool
	}{
		{"a", "", "a", "", true},
		{"a", "", "a", "s", true},
		{"a", "s", "a", "", true},
		{"a", "s", "a", "s", false},
		{"a", "", "ab", "", false},
		{"a", "i", "ab", "i", false},
		{"a", "", "a/b", "", false},
		{"a", "i", "a/b", "", true},
		{"a", "i", "a/b/c", "s", true},
		{"a", "si", "a/b", "s", false},
		{"a/b", "", "a", "", false},
		{"a/b", "", "a", "i", true},
		{"a/b/c", "s", "a", "i", true},
		{"a/b/c", "s", "a", "si", false},
		{"", "i", "a/b", "", true},
		{"", "", "a", "", false},
		{"a/b", "", "", "i", true},
		{"a/b", "", "", "", false},
	} {
		t.Run(fmt.Sprintf("%s %s, %s %s", c.held, c.heldHow, c.name, c.how), func(t *testing.T) {
			b := newLockBench(t, lockOptions{})
			token := b.mustLock(c.held, c.heldHow, "ann")
			second, err := b.lock(c.name, c.how, "ann") // the same user is in nobody's favour
			if !c.conflict {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := conflictPaths(t, err); !reflect.DeepEqual(got, []string{c.held}) {
				t.Errorf("in the way: %q, want %q", got, c.held)
			}
			if got := b.rows.tokens(); !reflect.DeepEqual(got, []string{token}) {
				t.Errorf("rows %q, want only %q, not %q", got, token, second)
			}
			if _, err := b.unlock(t.Context(), c.held, token); err != nil {
				t.Fatal(err)
			}
			b.mustLock(c.name, c.how, "bob")
		})
	}
}

func TestLCK8_Need(t *testing.T) {
	b := newLockBench(t, lockOptions{})
	tokens := map[string]string{ // by name and user
		"dir":    b.mustLock("dir", "", "ann"),        // the collection alone
		"deep":   b.mustLock("deep", "i", "ann"),      // with all below
		"x/f":    b.mustLock("x/f", "", "ann"),        //
		"x/d/g":  b.mustLock("x/d/g", "", "bob"),      //
		"sh ann": b.mustLock("sh/f", "s", "ann"),      // shared
		"sh bob": b.mustLock("sh/f", "s", "bob"),      //
		"si ann": b.mustLock("si", "si", "ann"),       // shared, from above
		"si bob": b.mustLock("si/d/f", "s", "bob"),    //
		"odd":    b.mustLock("odd", "s", "ann"),       // shared, the collection alone
		"odd/f":  b.mustLock("odd/f", "", "ann"),      //
		"gone":   b.mustLock("nowhere/f", "", "gone"), // removed again
	}
	b.removeTree("nowhere")
	for _, c := range []struct {
		name string
		how  lockNeed
		sent string // keys of tokens, separated by commas
		user string
		want string // names in the way, separated by commas
	}{
		{"free", needSelf | needTree | needMember, "", "ann", ""},
		{"nowhere/f", needSelf | needTree | needMember, "", "ann", ""},

		{"dir", needSelf, "", "ann", "dir"},
		{"dir", needSelf, "dir", "ann", ""},
		{"dir", needSelf, "dir", "bob", "dir"}, // another's token (LCK-9)
		{"dir", needSelf, "deep", "ann", "dir"},
		{"dir/f", needSelf, "", "ann", ""}, // a member's content is not locked by depth 0
		{"dir/f", needSelf | needMember, "", "ann", "dir"},
		{"dir/f", needSelf | needMember, "dir", "ann", ""},
		{"dir/f/g", needSelf | needMember, "", "ann", ""},

		{"deep/f", needSelf, "", "ann", "deep"},
		{"deep/a/b/c", needMember, "", "ann", "deep"},
		{"deep/a/b/c", needSelf | needTree | needMember, "deep", "ann", ""},
		{"deeper", needSelf, "", "ann", ""},

		{"x", needSelf, "", "ann", ""},
		{"x", needTree, "", "ann", "x/d/g,x/f"},
		{"x", needTree, "x/f", "ann", "x/d/g"},
		{"x", needTree, "x/f,x/d/g", "ann", "x/d/g"},
		{"x", needTree, "x/d/g", "bob", "x/f"},
		{"x/f", needSelf | needTree | needMember, "x/f", "ann", ""},
		{"", needTree, "deep,dir", "ann", "odd,odd/f,sh/f,sh/f,si,si/d/f,x/d/g,x/f"},
		{"", needSelf | needMember, "", "ann", ""},

		{"sh/f", needSelf, "", "ann", "sh/f,sh/f"},
		{"sh/f", needSelf, "sh ann", "ann", ""},
		{"sh/f", needSelf, "sh bob", "ann", "sh/f,sh/f"},
		{"sh/f", needSelf, "sh ann", "cid", "sh/f,sh/f"},
		{"si/d/f", needSelf, "si ann", "ann", ""}, // inherited is enough
		{"si", needTree, "si ann", "ann", ""},
		{"si", needTree, "si bob", "bob", "si"}, // and the other way round it is not
		{"si/d", needTree, "si ann", "ann", ""},
		{"si/d", needTree, "", "ann", "si,si/d/f"},
		{"odd", needTree, "odd", "ann", "odd/f"}, // depth 0 does not reach down
		{"odd", needTree, "odd,odd/f", "ann", ""},
	} {
		t.Run(fmt.Sprintf("%s %03b %s by %s", c.name, c.how, c.sent, c.user), func(t *testing.T) {
			sent := []string{"urn:unknown"}
			for key := range strings.SplitSeq(c.sent, ",") {
				sent = append(sent, tokens[key])
			}
			err := b.need(c.name, c.how, sent, c.user)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got := strings.Join(conflictPaths(t, err), ","); got != c.want {
				t.Errorf("in the way: %s, want %s", got, c.want)
			}
		})
	}
}

func TestLCK10_Lists(t *testing.T) {
	b := newLockBench(t, lockOptions{})
	if b.covering("a") != nil || b.below("") != nil {
		t.Fatal("an empty table lists locks")
	}
	b.mustLock("", "s", "ann")
	b.mustLock("a", "si", "ann")
	b.mustLock("a/b", "s", "bob")
	b.mustLock("a/b/c", "s", "bob")
	b.mustLock("ab", "", "bob")
	paths := func(locks []store.Lock) string {
		var p []string
		for _, l := range locks {
			p = append(p, l.Path)
		}
		return strings.Join(p, ",")
	}
	for name, want := range map[string]string{"": "", "a": "a", "a/b": "a,a/b", "a/b/c": "a,a/b/c", "a/x/y": "a", "ab": "ab", "z": ""} {
		if got := paths(b.covering(name)); got != want {
			t.Errorf("covering %q: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"": "a,a/b,a/b/c,ab", "a": "a/b,a/b/c", "a/b": "a/b/c", "a/b/c": "", "ab": "", "z": ""} {
		got := strings.Split(paths(b.below(name)), ",")
		slices.Sort(got)
		if strings.Join(got, ",") != want {
			t.Errorf("below %q: %q, want %q", name, got, want)
		}
	}
}

func TestLCK6_LCK5_Life(t *testing.T) {
	const name = "d/f"
	start := func(t *testing.T) (*lockBench, string) {
		b := newLockBench(t, lockOptions{})
		return b, b.mustLock(name, "", "ann")
	}
	refresh := func(b *lockBench, name, token, user string) error {
		_, err := b.refresh(b.t.Context(), name, token, user, 2*time.Hour)
		return err
	}
	locked := func(b *lockBench) bool { return b.need(name, needSelf, nil, "bob") != nil }

	t.Run("granted as asked", func(t *testing.T) {
		b, token := start(t)
		l := b.covering(name)[0]
		if !l.Created.Equal(b.time) || !l.Expires.Equal(b.time.Add(time.Hour)) || l.Token != token {
			t.Errorf("lock %+v", l)
		}
		if !reflect.DeepEqual(b.rows.rows[token], l) {
			t.Errorf("row %+v, want %+v", b.rows.rows[token], l)
		}
	})
	t.Run("refresh", func(t *testing.T) {
		b, token := start(t)
		b.time = b.time.Add(59 * time.Minute)
		l, err := b.refresh(t.Context(), name, token, "ann", 2*time.Hour)
		if err != nil || !l.Expires.Equal(b.time.Add(2*time.Hour)) || l.Timeout != 2*time.Hour {
			t.Fatalf("refresh: %+v, %v", l, err)
		}
		if !reflect.DeepEqual(b.rows.rows[token], l) || !reflect.DeepEqual(b.covering(name), []store.Lock{l}) {
			t.Error("row or list differs from the answer")
		}
		b.time = b.time.Add(119 * time.Minute)
		if !locked(b) {
			t.Error("the lock did not last")
		}
	})
	t.Run("refresh refused", func(t *testing.T) {
		b, token := start(t)
		for _, c := range []struct {
			name, token, user string
			want              error
		}{
			{name, token, "bob", fs.ErrPermission},
			{name, "urn:other", "ann", store.ErrChanged},
			{"d", token, "ann", store.ErrChanged},
			{"d/f/g", token, "ann", store.ErrChanged},
		} {
			if err := refresh(b, c.name, c.token, c.user); !errors.Is(err, c.want) {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
	t.Run("refresh from below", func(t *testing.T) {
		b := newLockBench(t, lockOptions{})
		token := b.mustLock("d", "i", "ann")
		if err := refresh(b, "d/e/f", token, "ann"); err != nil {
			t.Error(err)
		}
	})
	t.Run("expiry", func(t *testing.T) {
		b, token := start(t)
		b.time = b.time.Add(time.Hour)
		if locked(b) || b.covering(name) != nil || b.below("") != nil {
			t.Error("an expired lock is in force")
		}
		if !b.tokenMatches(name, token, "ann") || b.tokenMatches(name, token, "bob") {
			t.Error("a lapsed lock's token must be good for its maker alone")
		}
		if err := refresh(b, name, token, "bob"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("refresh by another: %v", err)
		}
		if err := refresh(b, name, token, "ann"); err != nil || !locked(b) {
			t.Errorf("refresh in the grace period: %v", err)
		}
	})
	t.Run("end of the grace", func(t *testing.T) {
		b, token := start(t)
		b.time = b.time.Add(time.Hour + 10*time.Minute)
		if b.tokenMatches(name, token, "ann") {
			t.Error("a dead lock's token is good")
		}
		if err := refresh(b, name, token, "ann"); !errors.Is(err, store.ErrChanged) {
			t.Errorf("refresh: %v", err)
		}
		if _, err := b.unlock(t.Context(), name, token); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("unlock: %v", err)
		}
		if err := b.expire(t.Context()); err != nil || len(b.rows.rows) != 0 || b.held.Load() != 0 {
			t.Errorf("expire: %v, rows %v", err, b.rows.rows)
		}
	})
	t.Run("lapsed, taken by a lock", func(t *testing.T) {
		for _, c := range [][2]string{{"d/f", ""}, {"d/f", "s"}, {"d", "i"}, {"", "i"}} {
			b, token := start(t)
			b.time = b.time.Add(time.Hour)
			other := b.mustLock(c[0], c[1], "bob")
			if err := refresh(b, name, token, "ann"); !errors.Is(err, store.ErrChanged) {
				t.Errorf("%v: refresh: %v", c, err)
			}
			if err := b.expire(t.Context()); err != nil || !reflect.DeepEqual(b.rows.tokens(), []string{other}) {
				t.Errorf("%v: rows %q, %v", c, b.rows.tokens(), err)
			}
		}
	})
	t.Run("lapsed, taken by a change", func(t *testing.T) {
		b, token := start(t)
		b.taken(name, "bob") // an active lock is not taken
		b.time = b.time.Add(time.Hour)
		b.taken(name, "ann")
		b.taken("d", "bob")
		b.taken("d/f/g", "bob")
		if !b.tokenMatches(name, token, "ann") {
			t.Fatal("taken by its own maker, or at another name")
		}
		b.taken(name, "bob")
		if err := refresh(b, name, token, "ann"); !errors.Is(err, store.ErrChanged) {
			t.Errorf("refresh: %v", err)
		}
		if err := b.expire(t.Context()); err != nil || len(b.rows.rows) != 0 {
			t.Errorf("rows %q, %v", b.rows.tokens(), err)
		}
	})
	t.Run("kept while in use", func(t *testing.T) {
		b, token := start(t)
		if release := b.keep([]string{token}, "bob"); !func() bool { release(); return locked(b) }() {
			t.Error("another's use changed the lock")
		}
		release := b.keep([]string{"urn:other", token}, "ann")
		b.time = b.time.Add(5 * time.Hour)
		if err := b.expire(t.Context()); err != nil || !locked(b) {
			t.Errorf("expired in use: %v", err)
		}
		release()
		if locked(b) {
			t.Error("still locked after its use")
		}
		if err := refresh(b, name, token, "ann"); err != nil {
			t.Errorf("refresh right after: %v", err)
		}
	})
	t.Run("unlock", func(t *testing.T) {
		b, token := start(t)
		for _, c := range [][2]string{{"d", token}, {"d/f/g", token}, {name, "urn:other"}} {
			if _, err := b.unlock(t.Context(), c[0], c[1]); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("unlock %q: %v", c, err)
			}
		}
		if l, err := b.unlock(t.Context(), name, token); err != nil || l.Token != token {
			t.Errorf("unlock: %+v, %v", l, err)
		}
		if locked(b) || len(b.rows.rows) != 0 || b.held.Load() != 0 || len(b.root.children) != 0 {
			t.Error("something is left")
		}
	})
	t.Run("removed with its tree", func(t *testing.T) {
		b, token := start(t)
		other := b.mustLock("e", "", "ann")
		if got := b.removeTree("x"); len(got) != 0 {
			t.Errorf("removed %q", got)
		}
		if got := b.removeTree("d"); !reflect.DeepEqual(got, []string{token}) {
			t.Errorf("removed %q, want %q", got, token)
		}
		if locked(b) || !b.tokenMatches("e", other, "ann") {
			t.Error("the wrong lock was removed")
		}
	})
	t.Run("restart", func(t *testing.T) {
		b, token := start(t)
		b.time = b.time.Add(30 * time.Minute)
		saved := []store.Lock{b.rows.rows[token]}
		again := newLockTable(b.rows, saved, b.o)
		if !reflect.DeepEqual(again.covering(name), b.covering(name)) {
			t.Errorf("locks %+v, want %+v", again.covering(name), b.covering(name))
		}
		b.time = b.time.Add(50 * time.Minute)
		if err := again.expire(t.Context()); err != nil || len(b.rows.rows) != 0 {
			t.Errorf("a lock that died while the server was down: rows %q, %v", b.rows.tokens(), err)
		}
	})
}

func TestLCK12_Caps(t *testing.T) {
	counts := new(lockCounts)
	b := newLockBench(t, lockOptions{maxPerUser: 3, maxShared: 2, counts: counts})
	other := newLockBench(t, lockOptions{maxPerUser: 3, maxShared: 2, counts: counts})
	first := b.mustLock("a", "s", "ann")
	b.mustLock("a", "s", "ann")
	if _, err := b.lock("a", "s", "ann"); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("third shared lock: %v", err)
	}
	other.mustLock("a", "", "ann")
	if _, err := b.lock("b", "", "ann"); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("fourth lock of the user: %v", err)
	}
	b.mustLock("b", "", "bob")
	if _, err := b.unlock(t.Context(), "a", first); err != nil {
		t.Fatal(err)
	}
	b.mustLock("c", "", "ann")
	other.removeTree("")
	b.mustLock("d", "", "ann")
	b.time = b.time.Add(2 * time.Hour)
	if err := b.expire(t.Context()); err != nil || len(counts.n) != 0 {
		t.Errorf("expire: %v, still counted: %v", err, counts.n)
	}
}

func TestLockStoreFails(t *testing.T) {
	bad := errors.New("disk on fire")
	b := newLockBench(t, lockOptions{})
	b.rows.fail = bad
	if _, err := b.lock("a", "", "ann"); !errors.Is(err, bad) {
		t.Errorf("create: %v", err)
	}
	if b.covering("a") != nil || b.held.Load() != 0 {
		t.Error("a lock that was not saved is held")
	}
	b.rows.fail = nil
	token := b.mustLock("a", "", "ann")
	b.rows.fail = bad
	if _, err := b.refresh(t.Context(), "a", token, "ann", 5*time.Hour); !errors.Is(err, bad) {
		t.Errorf("refresh: %v", err)
	}
	if _, err := b.unlock(t.Context(), "a", token); !errors.Is(err, bad) {
		t.Errorf("unlock: %v", err)
	}
	if l := b.covering("a"); len(l) != 1 || !l[0].Expires.Equal(b.time.Add(time.Hour)) {
		t.Errorf("after failures: %+v", l)
	}
	b.time = b.time.Add(2 * time.Hour)
	if err := b.expire(t.Context()); !errors.Is(err, bad) {
		t.Errorf("expire: %v", err)
	}
	b.rows.fail = nil
	if err := b.expire(t.Context()); err != nil || len(b.rows.rows) != 0 {
		t.Errorf("expire again: %v, rows %q", err, b.rows.tokens())
	}
}

// TestLockRaces changes the table while a row is being saved.
func TestLockRaces(t *testing.T) {
	t.Run("a lock is not granted before it is saved", func(t *testing.T) {
		b := newLockBench(t, lockOptions{})
		b.rows.during = func() {
			b.rows.during = nil
			if b.covering("a") != nil {
				t.Error("listed already")
			}
			if _, err := b.lock("a", "", "bob"); !errors.Is(err, store.ErrLocked) {
				t.Errorf("a second lock: %v", err)
			}
		}
		b.mustLock("a", "", "ann")
	})
	for _, c := range []struct {
		name string
		gone func(*lockBench, string)
	}{
		{"its tree was removed", func(b *lockBench, _ string) { _ = b.rows.DeleteLocks(b.t.Context(), b.removeTree("")...) }},
		{"it was unlocked", func(b *lockBench, token string) { _, _ = b.unlock(b.t.Context(), "a", token) }},
		{"its row was removed", func(b *lockBench, token string) { _ = b.rows.DeleteLocks(b.t.Context(), token) }},
	} {
		t.Run("refresh while "+c.name, func(t *testing.T) {
			b := newLockBench(t, lockOptions{})
			token := b.mustLock("a", "", "ann")
			b.rows.during = func() { c.gone(b, token) }
			if _, err := b.refresh(t.Context(), "a", token, "ann", time.Hour); !errors.Is(err, store.ErrChanged) {
				t.Errorf("refresh: %v", err)
			}
			if err := b.expire(t.Context()); err != nil || len(b.rows.rows) != 0 {
				t.Errorf("its row came back: %q, %v", b.rows.tokens(), err)
			}
			if b.held.Load() != 0 || len(b.o.counts.n) != 0 {
				t.Errorf("it is still held: %d, counted: %v", b.held.Load(), b.o.counts.n)
			}
		})
	}
	t.Run("create while its tree was removed", func(t *testing.T) {
		b := newLockBench(t, lockOptions{})
		b.rows.during = func() { b.removeTree("") }
		if _, err := b.lock("a", "", "ann"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("create: %v", err)
		}
		if err := b.expire(t.Context()); err != nil || len(b.rows.rows) != 0 {
			t.Errorf("rows %q, %v", b.rows.tokens(), err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		b := newLockBench(t, lockOptions{})
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				user := fmt.Sprint("user", g)
				for i := range 200 {
					l := store.Lock{Token: fmt.Sprintf("urn:%d:%d", g, i), Path: []string{"", "a", "a/b", "a/b/c"}[i%4], Infinite: i%3 == 0, Timeout: time.Hour, UserID: user}
					if _, err := b.create(t.Context(), l); err != nil {
						if !errors.Is(err, store.ErrLocked) {
							t.Error(err)
						}
						continue
					}
					if err := b.need(l.Path, needSelf, []string{l.Token}, user); err != nil {
						t.Error(err)
					}
					if _, err := b.refresh(t.Context(), l.Path, l.Token, user, time.Hour); err != nil {
						t.Error(err)
					}
					if _, err := b.unlock(t.Context(), l.Path, l.Token); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if b.held.Load() != 0 || len(b.rows.rows) != 0 || len(b.root.children) != 0 {
			t.Errorf("left: %d locks, %d rows", b.held.Load(), len(b.rows.rows))
		}
	})
}

// lockModel says by plain loops over a list what a lock table must say.
type lockModel struct {
	locks []store.Lock
	grace time.Duration
}

func within(root, name string) bool {
	return root == "" || name == root || strings.HasPrefix(name, root+"/")
}

func (m *lockModel) scope(l store.Lock, name string) bool {
	return l.Path == name || l.Infinite && within(l.Path, name)
}

func (m *lockModel) overlap(a, b store.Lock) bool { return m.scope(a, b.Path) || m.scope(b, a.Path) }

func (m *lockModel) drop(fn func(store.Lock) bool) { m.locks = slices.DeleteFunc(m.locks, fn) }

func (m *lockModel) find(token string, name string, now time.Time) *store.Lock {
	for i, l := range m.locks {
		if l.Token == token && m.scope(l, name) && now.Before(l.Expires.Add(m.grace)) {
			return &m.locks[i]
		}
	}
	return nil
}

// need is LCK-8 read literally, resource by resource, over every name that there is. Below
// a collection only resources with a lock of their own count: others go with it.
func (m *lockModel) need(names []string, name string, how lockNeed, tokens []string, user string, now time.Time) bool {
	open := func(resource string) bool {
		any := false
		for _, l := range m.locks {
			if m.scope(l, resource) && now.Before(l.Expires) {
				if l.UserID == user && slices.Contains(tokens, l.Token) {
					return true
				}
				any = true
			}
		}
		return !any
	}
	rooted := func(name string) bool {
		return slices.ContainsFunc(m.locks, func(l store.Lock) bool { return l.Path == name && now.Before(l.Expires) })
	}
	for _, other := range names {
		if how&needSelf != 0 && other == name && !open(other) ||
			how&needTree != 0 && within(name, other) && (other == name || rooted(other)) && !open(other) ||
			how&needMember != 0 && name != "" && other == parentOf(name) && !open(other) {
			return false
		}
	}
	return true
}

func TestLCK14_Near(t *testing.T) {
	table := newLockBench(t, lockOptions{})
	if table.near("a") {
		t.Error("without locks there is one near")
	}
	table.mustLock("a/b", "", "ann")
	table.mustLock("c", "i", "ann")
	table.mustLock("d/e/f", "", "ann")
	for name, want := range map[string]bool{
		"": true, "a": true, "a/b": true, "a/b/x": false, "a/x": false, "c": true, "c/x/y": true, "d": true, "d/e": true, "d/x": false, "e": false,
	} {
		if got := table.near(name); got != want {
			t.Errorf("near(%q) = %v", name, got)
		}
	}
}

func TestLockModel(t *testing.T) {
	names := []string{"", "a", "a/b", "a/b/c", "a/d", "ab", "e", "e/f"}
	users := []string{"ann", "bob"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		pick := func(list []string) string { return list[rnd.IntN(len(list))] }
		b := newLockBench(t, lockOptions{maxShared: 100})
		m := &lockModel{grace: 10 * time.Minute}
		var all []string // tokens ever made
		token := func() string {
			if len(all) == 0 {
				return "urn:none"
			}
			return all[max(0, len(all)-1-rnd.IntN(6))]
		}
		for step := range 120 {
			name, user := pick(names), pick(users)
			fail := func(format string, args ...any) {
				t.Fatalf("seed %d, step %d, %q by %s: %s\nmodel: %+v", seed, step, name, user, fmt.Sprintf(format, args...), m.locks)
			}
			switch op := rnd.IntN(10); op {
			case 0, 1, 2:
				l := store.Lock{Token: fmt.Sprint("urn:", len(all)), Path: name, UserID: user, Shared: rnd.IntN(2) == 0, Infinite: rnd.IntN(2) == 0, Timeout: time.Duration(1+rnd.IntN(30)) * time.Minute}
				want := true
				for _, other := range m.locks {
					if m.overlap(l, other) && !(l.Shared && other.Shared) && b.time.Before(other.Expires) {
						want = false
					}
				}
				granted, err := b.create(t.Context(), l)
				if (err == nil) != want {
					fail("create %+v: %v, want %v", l, err, want)
				}
				if err == nil {
					m.drop(func(other store.Lock) bool { return m.overlap(l, other) && !(l.Shared && other.Shared) })
					m.locks = append(m.locks, granted)
					all = append(all, l.Token)
				}
			case 3:
				tok := token()
				l := m.find(tok, name, b.time)
				want := l != nil && l.UserID == user
				got, err := b.refresh(t.Context(), name, tok, user, 10*time.Minute)
				if (err == nil) != want {
					fail("refresh %s: %v, want %v", tok, err, want)
				}
				if want {
					*l = got
				}
			case 4:
				tok := token()
				want := m.find(tok, name, b.time) != nil
				if _, err := b.unlock(t.Context(), name, tok); (err == nil) != want {
					fail("unlock %s: %v, want %v", tok, err, want)
				}
				if want {
					m.drop(func(l store.Lock) bool { return l.Token == tok })
				}
			case 5:
				b.time = b.time.Add(time.Duration(rnd.IntN(8)) * time.Minute)
			case 6:
				b.taken(name, user)
				m.drop(func(l store.Lock) bool {
					return m.scope(l, name) && l.UserID != user && !b.time.Before(l.Expires)
				})
			case 7:
				if rnd.IntN(3) == 0 {
					_ = b.rows.DeleteLocks(t.Context(), b.removeTree(name)...)
					m.drop(func(l store.Lock) bool { return within(name, l.Path) })
				}
			case 8:
				if err := b.expire(t.Context()); err != nil {
					fail("expire: %v", err)
				}
				m.drop(func(l store.Lock) bool { return !b.time.Before(l.Expires.Add(m.grace)) })
				want := []string{}
				for _, l := range m.locks {
					want = append(want, l.Token)
				}
				slices.Sort(want)
				if got := b.rows.tokens(); !reflect.DeepEqual(got, want) {
					fail("rows %q, want %q", got, want)
				}
			}
			var sent []string
			for range rnd.IntN(4) {
				sent = append(sent, token())
			}
			how := lockNeed(1 + rnd.IntN(7))
			if got, want := b.need(name, how, sent, user) == nil, m.need(names, name, how, sent, user, b.time); got != want {
				fail("need %03b with %q: %v, want %v", how, sent, got, want)
			}
			var covering, below []string
			for _, l := range m.locks {
				if b.time.Before(l.Expires) && m.scope(l, name) {
					covering = append(covering, l.Token)
				}
				if b.time.Before(l.Expires) && l.Path != name && within(name, l.Path) {
					below = append(below, l.Token)
				}
			}
			for _, list := range []struct {
				what string
				got  []store.Lock
				want []string
			}{{"covering", b.covering(name), covering}, {"below", b.below(name), below}} {
				var got []string
				for _, l := range list.got {
					got = append(got, l.Token)
				}
				slices.Sort(got)
				slices.Sort(list.want)
				if !reflect.DeepEqual(got, list.want) {
					fail("%s: %q, want %q", list.what, got, list.want)
				}
			}
			tok := token()
			l := m.find(tok, name, b.time)
			if got, want := b.tokenMatches(name, tok, user), l != nil && (l.UserID == user || b.time.Before(l.Expires)); got != want {
				fail("token %s matches: %v, want %v", tok, got, want)
			}
		}
	}
}

func BenchmarkLockNeed(b *testing.B) {
	t := newLockTable(new(lockRows), nil, lockOptions{maxPerUser: 1 << 20})
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			_ = t.need("a/b/c/d", needSelf|needTree|needMember, nil, "ann")
		}
	})
	for i := range 1000 {
		if _, err := t.create(b.Context(), store.Lock{Token: fmt.Sprint(i), Path: fmt.Sprintf("x/%d/f", i), Timeout: time.Hour, UserID: "ann"}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("1000 locks elsewhere", func(b *testing.B) {
		for b.Loop() {
			_ = t.need("a/b/c/d", needSelf|needTree|needMember, nil, "ann")
		}
	})
	b.Run("own lock", func(b *testing.B) {
		for b.Loop() {
			_ = t.need("x/7/f", needSelf|needTree|needMember, []string{"7"}, "ann")
		}
	})
}
