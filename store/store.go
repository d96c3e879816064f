// Package store keeps everything about folders but their bytes: users, keys,
// tokens, folders, grants, limits, locks, dead properties, checksums, the journals
// of those who follow a folder, how unfinished uploads stand. It knows SQL; it does
// not know HTTP, and it never touches a file of a folder.
//
// It also holds the domain's types and errors, the words that every other
// package shares.
//
// Reads go to a pool of connections. Writes go to one connection, and those that
// arrive while another commits share the next transaction (see Store.write).
// There may be several processes on one database: see Store.Poll.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Options say where the database is.
type Options struct {
	Path string           // of the SQLite file; made, readable by its owner alone, if there is none
	Now  func() time.Time // nil: time.Now
}

// Store is an open database. All methods are safe for concurrent use; a write
// that has returned is seen by every read that begins later.
//
// A method whose context ends while it waits for its turn returns the context's
// error and has done nothing; once begun, a write is not broken off.
// Besides the errors that a method names, each may return ErrBusy (another
// process kept the database for seconds), ErrOffline and ErrNoSpace.
type Store struct {
	now     func() time.Time
	reads   *sql.DB
	epoch   atomic.Uint64 // that of touches, to be read without its lock
	touches touches

	mu    sync.Mutex // guards queue
	queue []*job

	gate chan struct{} // holds one element while somebody uses what follows

	writes  *sql.DB
	conn    *sql.Conn            // the only connection of writes
	stmts   map[string]*sql.Stmt // prepared on conn, by their text
	full    bool                 // PRAGMA synchronous of conn is FULL, not NORMAL
	version int64                // PRAGMA data_version of conn, as last seen

	lastNote int64 // time of the last entry of the audit

	noted, counted, audited atomic.Int64 // entries written by this process; that when they were last counted; how many there are about
}

// Open opens the database and brings its tables up to date. A database that was
// written by a newer Davit is left alone: an error wrapping ErrNewer.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{now: o.Now, gate: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}, full: true}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(ctx, o.Path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", o.Path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	// SQLite gives its companion files the mode of the database. An existing file
	// is not opened here: closing it would drop the locks that SQLite holds on it
	// elsewhere in this process.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}

	// An Exec'ed pragma would reach one connection of a pool only.
	dsn := func(pragmas ...string) string {
		pragmas = append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "foreign_keys(1)"}, pragmas...)
		u := url.URL{Scheme: "file", OmitHost: true, Path: path,
			RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode()}
		return u.String()
	}
	if s.writes, err = sql.Open("sqlite", dsn("synchronous(FULL)", "journal_size_limit(67108864)")); err != nil {
		return err
	}
	s.writes.SetMaxOpenConns(1)
	if s.conn, err = s.writes.Conn(ctx); err != nil {
		return convert(err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.foldNames(ctx); err != nil {
		return err
	}
	if _, err := s.Poll(ctx); err != nil {
		return err
	}

	if s.reads, err = sql.Open("sqlite", dsn("query_only(1)")); err != nil {
		return err
	}
	n := max(4, runtime.GOMAXPROCS(0))
	s.reads.SetMaxOpenConns(n)
	s.reads.SetMaxIdleConns(n)
	return s.Ping(ctx)
}

// Close waits for the writes that have begun and closes the database.
func (s *Store) Close() error {
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	var errs []error
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	clear(s.stmts)
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
		s.conn = nil
	}
	if s.writes != nil {
		errs = append(errs, s.writes.Close()) // the last one: SQLite moves the log into the file
	}
	return errors.Join(errs...)
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return convert(s.reads.QueryRowContext(ctx, `SELECT 1`).Scan(&one))
}

// Epoch is a number that rises whenever users, keys, tokens, folders, grants or
// limits may have changed; usage, dirty marks and times of last use do not count.
// A change made through this Store has raised it when the changing call returns,
// one by another process when Poll has seen it. What was read after a call of
// Epoch is good for as long as Epoch returns the same, or Changed says so.
func (s *Store) Epoch() uint64 { return s.epoch.Load() }

// Poll says whether another process has changed the database since the last
// call, and raises Epoch if so.
func (s *Store) Poll(ctx context.Context) (changed bool, err error) {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if s.conn == nil {
		return false, errClosed
	}
	// On this connection the number does not change for its own commits, which are
	// all those of this Store.
	var v int64
	if err := s.conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&v); err != nil {
		return false, convert(err)
	}
	changed = v != s.version
	s.version = v
	if changed {
		s.raise(nil)
	}
	return changed, nil
}

// kind says what a write promises.
type kind uint8

const (
	relaxed   kind = iota // survives the end of the process; may be lost with the power
	durable               // on the disk when the call returns
	announced             // durable, and raises Epoch; says by tx.touch what it is about
)

// job is one caller's write, waiting for its turn.
type job struct {
	kind kind
	one  bool // fn is one statement, which undoes itself if it fails
	fn   func(tx) error
	err  error
	done chan struct{} // closed when err is final

	touched []Touch
}

// write runs fn in a transaction and commits if fn returns nil. Every write uses
// it. Calls that wait while another commits are run one after the other in one
// transaction, so that they share its commit; an error of fn undoes what that fn
// did and nothing else. fn must not keep its tx, nor use the Store.
func (s *Store) write(ctx context.Context, k kind, fn func(tx) error) error {
	return s.run(ctx, &job{kind: k, fn: fn, done: make(chan struct{})})
}

// writeOne is write for an fn that is a single statement.
func (s *Store) writeOne(ctx context.Context, k kind, fn func(tx) error) error {
	return s.run(ctx, &job{kind: k, one: true, fn: fn, done: make(chan struct{})})
}

func (s *Store) run(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	s.queue = append(s.queue, j)
	s.mu.Unlock()
	select {
	case s.gate <- struct{}{}:
		s.flush()
	case <-j.done: // somebody else had the gate and took ours along
	case <-ctx.Done():
		if s.withdraw(j) {
			return ctx.Err()
		}
	}
	<-j.done
	return j.err
}

// withdraw takes a job out of the queue; false if it has begun.
func (s *Store) withdraw(j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, j)
	if i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	return i >= 0
}

// flush runs all jobs that wait, and opens the gate again.
func (s *Store) flush() {
	defer func() { <-s.gate }()
	// Callers that are about to write come first, so that they share the commit: it costs
	// more than all that it commits.
	runtime.Gosched()
	s.mu.Lock()
	jobs := s.queue
	s.queue = nil
	s.mu.Unlock()

	err := errors.New("write broken off") // stays if a job panics
	defer func() {
		for _, j := range jobs {
			// What refused by itself was undone. After an error of the commit nobody knows for sure.
			if j.kind == announced && j.err == nil {
				if len(j.touched) > maxTouches {
					j.touched = nil
				}
				s.raise(j.touched)
			}
			if j.err == nil {
				j.err = err
			}
			close(j.done)
		}
	}()
	err = s.commit(jobs)
}

// commit runs the jobs in one transaction. An error is that of all jobs that
// have none of their own.
func (s *Store) commit(jobs []*job) error {
	if len(jobs) == 0 {
		return nil
	}
	if s.conn == nil {
		return errClosed
	}
	if err := s.setFull(slices.ContainsFunc(jobs, func(j *job) bool { return j.kind != relaxed })); err != nil {
		return err
	}
	t := tx{s: s}
	if _, err := t.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			t.exec(`ROLLBACK`) // fails if SQLite did it already, as it does when the disk is full
		}
	}()
	for _, j := range jobs {
		t.job = j
		if j.one {
			j.err = convert(j.fn(t))
			if j.err != nil && !errors.Is(j.err, fs.ErrNotExist) && !errors.Is(j.err, fs.ErrExist) {
				return j.err // worse than a refused row: SQLite may have ended the transaction
			}
			continue
		}
		if len(jobs) == 1 {
			if j.err = convert(j.fn(t)); j.err != nil {
				return j.err
			}
			continue
		}
		if _, err := t.exec(`SAVEPOINT job`); err != nil {
			return err
		}
		if j.err = convert(j.fn(t)); j.err != nil {
			if _, err := t.exec(`ROLLBACK TO SAVEPOINT job`); err != nil {
				return j.err // it was bad enough to end the whole transaction
			}
		}
		if _, err := t.exec(`RELEASE SAVEPOINT job`); err != nil {
			return err
		}
	}
	if _, err := t.exec(`COMMIT`); err != nil {
		return err
	}
	committed = true
	return nil
}

// setFull makes the next commits sync the log, or not (D18).
func (s *Store) setFull(full bool) error {
	if s.full == full {
		return nil
	}
	pragma := `PRAGMA synchronous = NORMAL`
	if full {
		pragma = `PRAGMA synchronous = FULL`
	}
	// Not through tx: the pragma acts while it is compiled, so a prepared one
	// would act once.
	if _, err := s.conn.ExecContext(context.Background(), pragma); err != nil {
		return convert(err)
	}
	s.full = full
	return nil
}

// tx is a write transaction, as a job sees it. Its statements are prepared once
// and kept, so their texts must be constants. It has no context: writes are
// short, and one caller's end must not break off what others wait for.
type tx struct {
	s   *Store
	job *job
}

func (t tx) stmt(query string) (*sql.Stmt, error) {
	if st := t.s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, convert(err)
	}
	t.s.stmts[query] = st
	return st, nil
}

// exec returns the number of rows changed.
func (t tx) exec(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, convert(err)
	}
	return res.RowsAffected()
}

func (t tx) query(query string, args ...any) (*sql.Rows, error) {
	st, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(context.Background(), args...)
}

// get scans the one row of a query; fs.ErrNotExist if there is none.
func (t tx) get(query string, args []any, dest ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	return convert(st.QueryRowContext(context.Background(), args...).Scan(dest...))
}

// row is a *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

// collect scans all rows of a query.
func collect[T any](rows *sql.Rows, err error) func(scan func(row) (T, error)) ([]T, error) {
	return func(scan func(row) (T, error)) ([]T, error) {
		if err != nil {
			return nil, convert(err)
		}
		defer rows.Close()
		var all []T
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return nil, convert(err)
			}
			all = append(all, v)
		}
		return all, convert(rows.Err())
	}
}

// newID makes a time-ordered ID: a UUIDv7 as 32 lower-case hex digits (D1).
func newID() (string, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(u.String(), "-", ""), nil
}

// micros is a time as the tables have it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// scanTime is a destination for Scan: microseconds into a time.
type scanTime struct{ t *time.Time }

func (d scanTime) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("time is a %T", v)
	}
	*d.t = time.Time{}
	if n != 0 {
		*d.t = time.UnixMicro(n).UTC()
	}
	return nil
}

// orNull is a text, or NULL if it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// inList is a list of parameters for IN, from $1 on. Statements have constant texts, so
// their lists have one length.
const (
	inListLen = 50
	inList    = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
		$26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50`
)

// inArgs are the arguments for inList: at most inListLen, and one at least.
func inArgs(ids []string) []any {
	args := make([]any, inListLen)
	for i := range args {
		args[i] = ids[min(i, len(ids)-1)] // what is in the list already changes nothing
	}
	return args
}
