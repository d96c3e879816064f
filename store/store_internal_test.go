package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openAt(tb testing.TB, path string) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), Options{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func openNew(tb testing.TB) *Store { return openAt(tb, filepath.Join(tb.TempDir(), "davit.db")) }

// newDocs makes the user ann with a folder.
func newDocs(tb testing.TB, s *Store) (User, Folder) {
	tb.Helper()
	u, err := s.CreateUser(tb.Context(), User{Name: "ann"})
	if err != nil {
		tb.Fatal(err)
	}
	f, err := s.CreateFolder(tb.Context(), NewFolder{Folder: Folder{OwnerID: u.ID, Title: "docs"}})
	if err != nil {
		tb.Fatal(err)
	}
	return u, f
}

func TestOpen(t *testing.T) {
	t.Run("odd path", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a b?c#d%20é&_pragma=x.db")
		s := openAt(t, path)
		newDocs(t, s)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("mode of database%s is %v, want 0600", suffix, info.Mode())
			}
		}
	})

	t.Run("relative path", func(t *testing.T) {
		t.Chdir(t.TempDir())
		newDocs(t, openAt(t, "davit.db"))
		if _, err := os.Stat("davit.db"); err != nil {
			t.Error(err)
		}
	})

	t.Run("no directory", func(t *testing.T) {
		_, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "none", "davit.db")})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open: %v, want fs.ErrNotExist", err)
		}
	})

	t.Run("not a database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "davit.db")
		text := strings.Repeat("not a database ", 1000)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), Options{Path: path}); err == nil {
			s.Close()
			t.Error("Open of a text file succeeded")
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("the file was changed (%v)", err)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "davit.db")
		errs := make(chan error)
		for range 8 {
			go func() {
				s, err := Open(context.WithoutCancel(t.Context()), Options{Path: path})
				if err == nil {
					err = errors.Join(s.SetSetting(context.WithoutCancel(t.Context()), "a", "b"), s.Close())
				}
				errs <- err
			}()
		}
		for range 8 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("again", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "davit.db")
		first := openAt(t, path)
		_, f := newDocs(t, first)
		if err := first.SaveLock(t.Context(), Lock{Token: "l", FolderID: f.ID}); err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the log is left after Close (%v)", err)
		}
		second := openAt(t, path)
		if got, err := second.Folder(t.Context(), f.ID); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("folder %+v, %v; want %+v", got, err, f)
		}
		if locks, err := second.Locks(t.Context(), f.ID); err != nil || len(locks) != 1 {
			t.Errorf("locks %+v, %v", locks, err)
		}
	})

	// What a process leaves that was killed: no Close, the log beside the database.
	t.Run("after a kill", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "davit.db")
		_, f := newDocs(t, openAt(t, path))
		copied := filepath.Join(t.TempDir(), "davit.db")
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := openAt(t, copied).Folder(t.Context(), f.ID); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("folder %+v, %v; want %+v", got, err, f)
		}
	})
}

func TestClock(t *testing.T) {
	now := time.Date(2031, 2, 3, 4, 5, 6, 7_000, time.UTC)
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "davit.db"), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, f := newDocs(t, s)
	if !u.Created.Equal(now) || !f.Created.Equal(now) {
		t.Errorf("created at %v and %v, want %v", u.Created, f.Created, now)
	}
	if err := errors.Join(s.MarkMade(t.Context(), f.ID), s.DeleteFolder(t.Context(), f.ID, now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {time.Hour - time.Microsecond, 0}, {time.Microsecond, 1}} {
		now = now.Add(test.after)
		pending, err := s.PendingFolders(t.Context())
		if err != nil || len(pending) != test.want {
			t.Errorf("at %v: %d folders pending, %v; want %d", now, len(pending), err, test.want)
		}
	}
}

func TestNewerDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "davit.db")
	s := openAt(t, path)
	var have int
	if err := s.reads.QueryRow(`SELECT MAX(version) FROM schema_version`).Scan(&have); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), durable, func(t tx) error {
		_, err := t.exec(`INSERT INTO schema_version (version, applied) VALUES ($1, 0)`, have+6)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: path})
	if !errors.Is(err, ErrNewer) {
		t.Fatalf("Open: %v, want ErrNewer", err)
	}
	for _, want := range []string{path, fmt.Sprintf("version %d,", have+6), fmt.Sprintf("up to %d", have)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestClosed(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, pollErr := s.Poll(t.Context())
	_, readErr := s.Folders(t.Context())
	for name, err := range map[string]error{
		"write": s.MarkMade(t.Context(), f.ID), "Poll": pollErr, "read": readErr, "Ping": s.Ping(t.Context())} {
		if err == nil {
			t.Errorf("%s works after Close", name)
		}
	}
}

func TestPoll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "davit.db")
	server, command := openAt(t, path), openAt(t, path)
	_, f := newDocs(t, command)
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"what the other made before", func() error { return nil }, true},
		{"nothing", func() error { return nil }, false},
		{"our own write", func() error { return server.MarkMade(t.Context(), f.ID) }, false},
		{"the other's write", func() error { return command.SetFolderLimits(t.Context(), f.ID, 7, 7) }, true},
		{"nothing any more", func() error { return nil }, false},
		{"the other's, then ours", func() error {
			return errors.Join(command.MarkDirty(t.Context(), f.ID), server.MarkDirty(t.Context(), f.ID))
		}, true},
		{"our reads", func() error { _, err := server.Folders(t.Context()); return err }, false},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			before := server.Epoch()
			changed, err := server.Poll(t.Context())
			if err != nil || changed != step.want {
				t.Errorf("Poll: %v, %v; want %v", changed, err, step.want)
			}
			if risen := server.Epoch() > before; risen != step.want {
				t.Errorf("Epoch has risen: %v, want %v", risen, step.want)
			}
		})
	}
	if f, err := server.Folder(t.Context(), f.ID); err != nil || f.MaxBytes != 7 {
		t.Errorf("folder after Poll: %+v, %v", f, err)
	}
}

func TestSynchronous(t *testing.T) {
	s := openNew(t)
	u, f := newDocs(t, s)
	const normal, full = 1, 2
	ctx := t.Context()
	for _, test := range []struct {
		name string
		do   func() error
		want int
	}{
		{"MarkDirty", func() error { return s.MarkDirty(ctx, f.ID) }, full},
		{"SaveUsage", func() error { return s.SaveUsage(ctx, []FolderUsage{{ID: f.ID}}) }, normal},
		{"SetUserLimits", func() error { return s.SetUserLimits(ctx, u.ID, Limits{}) }, full},
		{"SaveLock", func() error { return s.SaveLock(ctx, Lock{Token: "l", FolderID: f.ID}) }, normal},
		{"DeleteLocks", func() error { return s.DeleteLocks(ctx, "l") }, normal},
		{"AddIntent", func() error { _, err := s.AddIntent(ctx, Intent{FolderID: f.ID}); return err }, full},
		{"SetProps", func() error { return s.SetProps(ctx, f.ID, "a", Identity{}, nil, nil) }, normal},
		{"SetGrant", func() error { return s.SetGrant(ctx, f.ID, u.ID, 0) }, full},
		{"TouchKeys", func() error { return s.TouchKeys(ctx, map[string]time.Time{"k": {}}) }, normal},
		{"CreateKey", func() error {
			_, err := s.CreateKey(ctx, Key{AccessKey: "k", UserID: u.ID, Sealed: []byte("s")})
			return err
		}, full},
		{"TouchTokens", func() error { return s.TouchTokens(ctx, map[string]Used{"k": {}}) }, normal},
		{"TouchUsers", func() error { return s.TouchUsers(ctx, map[string]time.Time{"k": {}}) }, normal},
		{"CreateToken", func() error {
			_, err := s.CreateToken(ctx, Token{ID: "t", UserID: u.ID, Hash: []byte("h")})
			return err
		}, full},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.do(); err != nil {
				t.Fatal(err)
			}
			var got int
			if err := s.conn.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("PRAGMA synchronous was %d, want %d", got, test.want)
			}
		})
	}
}

// hold takes the gate, so that writes wait, and returns what lets them go.
func (s *Store) hold() (release func()) {
	s.gate <- struct{}{}
	return func() { <-s.gate }
}

// waitFor waits until n writes are in the queue.
func (s *Store) waitFor(n int) {
	for {
		s.mu.Lock()
		waiting := len(s.queue)
		s.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// frames is the number of pages in the log; every commit adds at least one.
func frames(t *testing.T, s *Store) int {
	t.Helper()
	var busy, log, done int
	if err := s.conn.QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &log, &done); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestGroupCommit(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	before := frames(t, s)
	release := s.hold()
	const n = 50
	errs := make(chan error)
	for i := range n {
		go func() { errs <- s.SaveLock(t.Context(), Lock{Token: fmt.Sprint(i), FolderID: f.ID}) }()
	}
	s.waitFor(n)
	release()
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if locks, err := s.Locks(t.Context(), f.ID); err != nil || len(locks) != n {
		t.Errorf("%d locks, %v; want %d", len(locks), err, n)
	}
	// Each commit alone would write a page of the table and of two indexes.
	if used := frames(t, s) - before; used >= n {
		t.Errorf("%d writes at once took %d pages of the log", n, used)
	}
}

// Writes that share a transaction fail each for itself, also in the middle.
func TestGroupRollback(t *testing.T) {
	insert := func(name string) func(tx) error {
		return func(t tx) error {
			_, err := t.exec(`INSERT INTO settings (name, value) VALUES ($1, '')`, name)
			return err
		}
	}
	then := func(fns ...func(tx) error) func(tx) error {
		return func(t tx) error {
			for _, fn := range fns {
				if err := fn(t); err != nil {
					return err
				}
			}
			return nil
		}
	}
	fail := func(tx) error { return ErrChanged }
	// What SQLite does by itself in the worst cases.
	end := func(t tx) error { return errors.Join(second(t.exec(`ROLLBACK`)), ErrNoSpace) }

	for _, test := range []struct {
		name string
		jobs []func(tx) error
		errs []error
		want []string
	}{
		{"none fails", []func(tx) error{insert("a"), insert("b")}, []error{nil, nil}, []string{"a", "b"}},
		{"alone", []func(tx) error{then(insert("a"), fail)}, []error{ErrChanged}, nil},
		{"first", []func(tx) error{then(insert("a"), fail), insert("b")}, []error{ErrChanged, nil}, []string{"b"}},
		{"in the middle", []func(tx) error{insert("a"), then(insert("b"), fail), insert("c")}, []error{nil, ErrChanged, nil}, []string{"a", "c"}},
		{"last", []func(tx) error{insert("a"), then(insert("b"), fail)}, []error{nil, ErrChanged}, []string{"a"}},
		{"by a statement", []func(tx) error{insert("a"), then(insert("b"), insert("a")), insert("c")}, []error{nil, fs.ErrExist, nil}, []string{"a", "c"}},
		{"the name that another has failed to take", []func(tx) error{then(insert("a"), fail), insert("a")}, []error{ErrChanged, nil}, []string{"a"}},
		{"all", []func(tx) error{then(insert("a"), fail), then(insert("b"), fail)}, []error{ErrChanged, ErrChanged}, nil},
		{"with the whole transaction", []func(tx) error{insert("a"), end, insert("c")}, []error{ErrNoSpace, ErrNoSpace, ErrNoSpace}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openNew(t)
			release := s.hold()
			errs := make([]chan error, len(test.jobs))
			for i, fn := range test.jobs {
				errs[i] = make(chan error, 1)
				go func() { errs[i] <- s.write(t.Context(), durable, fn) }()
				s.waitFor(i + 1)
			}
			release()
			for i, want := range test.errs {
				if err := <-errs[i]; !errors.Is(err, want) {
					t.Errorf("write %d: %v, want %v", i, err, want)
				}
			}
			rows, err := s.reads.Query(`SELECT name FROM settings ORDER BY name`)
			got, err := collect[string](rows, err)(scanString)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("rows %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestWaitingWrites(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	save := func(ctx context.Context, token string) error {
		return s.SaveLock(ctx, Lock{Token: token, FolderID: f.ID})
	}

	t.Run("one gives up", func(t *testing.T) {
		release := s.hold()
		ctx, cancel := context.WithCancel(t.Context())
		gone, stays := make(chan error, 1), make(chan error, 1)
		go func() { gone <- save(ctx, "gone") }()
		go func() { stays <- save(t.Context(), "stays") }()
		s.waitFor(2)
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("write that gave up: %v", err)
		}
		release()
		if err := <-stays; err != nil {
			t.Errorf("write that waited: %v", err)
		}
		locks, err := s.Locks(t.Context(), f.ID)
		if err != nil || len(locks) != 1 || locks[0].Token != "stays" {
			t.Errorf("locks %+v, %v", locks, err)
		}
	})

	t.Run("one panics", func(t *testing.T) {
		release := s.hold()
		type result struct {
			err      error
			panicked bool
		}
		results := make(chan result)
		run := func(fn func() error) {
			r := result{panicked: true}
			defer func() {
				recover()
				results <- r
			}()
			r.err = fn()
			r.panicked = false
		}
		go run(func() error {
			return s.write(t.Context(), announced, func(t tx) error {
				t.exec(`DELETE FROM locks`)
				panic("oops")
			})
		})
		go run(func() error { return save(t.Context(), "other") })
		s.waitFor(2)
		release()
		// Whoever has the gate runs both, so either may meet the panic.
		if a, b := <-results, <-results; a.panicked == b.panicked || a.err == nil && b.err == nil {
			t.Errorf("results %+v and %+v, want a panic and an error", a, b)
		}
		if err := save(t.Context(), "later"); err != nil {
			t.Errorf("write after a panic: %v", err)
		}
		if locks, err := s.Locks(t.Context(), f.ID); err != nil || len(locks) != 2 {
			t.Errorf("locks %+v, %v; want the one of before and the later one", locks, err)
		}
	})
}

func TestFull(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	var pages, most int
	if err := s.conn.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		if err := s.conn.QueryRowContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)).Scan(&most); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	big := Lock{Token: "big", FolderID: f.ID, OwnerXML: strings.Repeat("x", 1<<20)}
	if err := s.SaveLock(t.Context(), big); !errors.Is(err, ErrNoSpace) {
		t.Errorf("SaveLock: %v, want ErrNoSpace", err)
	}

	// Among others in one transaction: nobody may be told that a write is there
	// which is not.
	release := s.hold()
	type result struct {
		token string
		err   error
	}
	results := make(chan result)
	for i := range 9 {
		l := Lock{Token: fmt.Sprint(i), FolderID: f.ID}
		if i == 4 {
			l.OwnerXML = big.OwnerXML
		}
		go func() { results <- result{l.Token, s.SaveLock(t.Context(), l)} }()
	}
	s.waitFor(9)
	release()
	var want []string
	for range 9 {
		switch r := <-results; {
		case r.err == nil:
			want = append(want, r.token)
		case !errors.Is(r.err, ErrNoSpace):
			t.Errorf("SaveLock: %v, want ErrNoSpace", r.err)
		}
	}
	slices.Sort(want)
	locks, err := s.Locks(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range locks {
		got = append(got, l.Token)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("locks %v, but success was reported for %v", got, want)
	}

	limit(1 << 20)
	if err := s.SaveLock(t.Context(), big); err != nil {
		t.Errorf("SaveLock once there is space again: %v", err)
	}
}

func TestBusy(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	if _, err := s.conn.ExecContext(t.Context(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	var path string
	if err := s.reads.QueryRow(`SELECT file FROM pragma_database_list`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if err := s.MarkMade(t.Context(), f.ID); !errors.Is(err, ErrBusy) {
		t.Errorf("write while another process writes: %v, want ErrBusy", err)
	}
	if _, err := s.Folder(t.Context(), f.ID); err != nil {
		t.Errorf("read while another process writes: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := s.MarkMade(t.Context(), f.ID); err != nil {
		t.Errorf("write afterwards: %v", err)
	}
}

// A disk that fails is no reason for a client to give its data up.
func TestOffline(t *testing.T) {
	s := openNew(t)
	_, f := newDocs(t, s)
	big := Lock{Token: "big", FolderID: f.ID, OwnerXML: strings.Repeat("x", 1<<20)}
	refused := func(t *testing.T, detail string) {
		t.Helper()
		err := s.SaveLock(t.Context(), big)
		if !errors.Is(err, ErrOffline) || !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), detail) {
			t.Errorf("SaveLock: %v, want ErrOffline and ErrBusy with %s", err, detail)
		}
		if err := s.SetSetting(t.Context(), "big", big.OwnerXML); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), `setting "big"`) {
			t.Errorf("SetSetting: %v, want ErrOffline and what for", err)
		}
	}
	t.Run("read-only", func(t *testing.T) {
		for _, on := range []string{"ON", "OFF"} {
			if _, err := s.conn.ExecContext(t.Context(), `PRAGMA query_only = `+on); err != nil {
				t.Fatal(err)
			}
			if on == "ON" {
				refused(t, "readonly database (8)")
			}
		}
	})
	t.Run("writes fail", func(t *testing.T) {
		var path string
		if err := s.reads.QueryRow(`SELECT file FROM pragma_database_list`).Scan(&path); err != nil {
			t.Fatal(err)
		}
		wal, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		signal.Ignore(unix.SIGXFSZ)
		defer signal.Reset(unix.SIGXFSZ)
		var old unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		limit := unix.Rlimit{Cur: uint64(wal.Size()), Max: old.Max}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		refused(t, "(778)")
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	})
	if err := s.SaveLock(t.Context(), big); err != nil {
		t.Errorf("SaveLock once the disk is back: %v", err)
	}
}

// Every query that runs often, or over tables that grow, must find its rows
// through an index.
func TestQueriesUseIndexes(t *testing.T) {
	s := openNew(t)
	for _, test := range []struct {
		query string
		args  []any
		want  []string
	}{
		{selectUser + ` WHERE name = $1`, []any{""}, []string{"SEARCH users USING INDEX sqlite_autoindex_users_2"}},
		{selectUser + ` ORDER BY name`, nil, []string{"SCAN users USING INDEX sqlite_autoindex_users_2"}},
		{selectFolder + ` WHERE f.id = $1`, []any{""}, []string{"SEARCH f USING INDEX sqlite_autoindex_folders_1 (id=?)"}},
		{selectFolder + ` WHERE f.deleted = 0 ORDER BY f.id`, nil, []string{"SCAN f USING INDEX sqlite_autoindex_folders_1"}},
		{selectPending, []any{0}, []string{"USING INDEX folders_pending"}},
		{selectMounts, []any{""}, []string{
			"SEARCH folders USING INDEX folders_owner (owner_id=?)", "SEARCH grants USING INDEX grants_user (user_id=?)",
			"SEARCH m USING INDEX group_members_user (user_id=?)", "SEARCH g USING INDEX group_grants_group (group_id=?)",
			"SEARCH m USING INDEX members_user (user_id=?)", "SEARCH f USING INDEX folders_project (project_id=?)",
			"SEARCH f USING INDEX sqlite_autoindex_folders_1 (id=?)",
		}},
		{selectFoldersIn, inArgs([]string{""}), []string{"SEARCH f USING INDEX sqlite_autoindex_folders_1 (id=?)"}},
		{countOwnTitles, []any{"", ""}, []string{"SEARCH folders USING INDEX folders_owner (owner_id=?"}},
		{countProjectTitles, []any{"", ""}, []string{"SEARCH folders USING INDEX folders_project (project_id=?"}},
		{selectGrants, inArgs([]string{""}), []string{"SEARCH g USING INDEX sqlite_autoindex_grants_1 (folder_id=?)", "SEARCH g USING INDEX sqlite_autoindex_group_grants_1 (folder_id=?)"}},
		{selectProjectsOf, []any{"", 0, 1}, []string{"SEARCH m USING INDEX members_user (user_id=?)"}},
		{selectProjects, []any{"", 0, 1}, []string{"SCAN p USING INDEX sqlite_autoindex_projects_2"}},
		{selectKey + ` WHERE k.access_key = $1`, []any{""}, []string{"SEARCH k USING INDEX sqlite_autoindex_keys_1"}},
		{selectToken + ` WHERE t.id = $1`, []any{""}, []string{"SEARCH t USING INDEX sqlite_autoindex_tokens_1"}},
		{selectLocks, []any{""}, []string{"SEARCH l USING INDEX locks_folder (folder_id=?)"}},
		{selectPropValues, []any{"", "", ""}, []string{"SEARCH props USING INDEX sqlite_autoindex_props_1 (folder_id=?)"}},
		{selectPropPaths, []any{""}, []string{"SEARCH props USING INDEX sqlite_autoindex_props_1 (folder_id=?)"}},
		{propsQuery(2), []any{"", "a", "b"}, []string{"SEARCH props USING INDEX sqlite_autoindex_props_1 (folder_id=? AND path=?)"}},
		{`DELETE FROM props WHERE` + under("p"), []any{"", "p"}, []string{"(folder_id=? AND path>? AND path<?)"}},
		{`DELETE FROM locks WHERE` + under("p"), []any{"", "p"}, []string{"(folder_id=? AND path>? AND path<?)"}},
		{`DELETE FROM props WHERE` + under(""), []any{"", ""}, []string{"SEARCH props USING", "(folder_id=?)"}},
		{checksumsQuery(2), []any{"", 1, 2}, []string{"SEARCH checksums USING INDEX sqlite_autoindex_checksums_1 (folder_id=? AND ino=?)"}},
		{hasChecksums, []any{""}, []string{"sqlite_autoindex_checksums_1 (folder_id=?)"}},
		{nthChange, []any{"", 10}, []string{"SEARCH changes USING COVERING INDEX changes_number (folder_id=?)"}},
		{deleteChanges, []any{"", 10}, []string{"INDEX changes_number (folder_id=? AND number<?)"}},
		{selectChanges, []any{"", "", 10}, []string{"SEARCH journals USING INDEX", "SEARCH changes USING INDEX changes_number (folder_id=? AND number>?)"}},
		{moveProps, []any{"", "p", "", "q"}, []string{"(folder_id=? AND path>? AND path<?)"}},
	} {
		rows, err := s.reads.Query(`EXPLAIN QUERY PLAN `+test.query, test.args...)
		steps, err := collect[string](rows, err)(func(r row) (step string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &step)
			return step, err
		})
		if err != nil {
			t.Errorf("%v\n%s", err, test.query)
			continue
		}
		plan := strings.Join(steps, "\n")
		for _, line := range steps {
			if strings.HasPrefix(line, "SCAN folders") || strings.HasPrefix(line, "SCAN f ") && !strings.Contains(line, "INDEX") {
				t.Errorf("all folders are looked at:\n%s\nof %s", plan, test.query)
			}
		}
		for _, want := range test.want {
			if !strings.Contains(plan, want) {
				t.Errorf("plan lacks %q:\n%s\nof %s", want, plan, test.query)
			}
		}
	}
}
