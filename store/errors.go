package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Besides the io/fs errors (fs.ErrNotExist, fs.ErrExist, fs.ErrPermission,
// fs.ErrInvalid) the store and the packages above it return these. Test with
// errors.Is; any other error is internal and its text stays in the log.
var (
	// ErrUnauthenticated: no credentials, or credentials that are not good.
	ErrUnauthenticated = errors.New("not signed in")
	// ErrPlain: a password came over a connection that anybody may read (D27).
	ErrPlain = errors.New("password over an unencrypted connection")
	// ErrLocked: a WebDAV lock is in the way and its token was not submitted.
	ErrLocked = errors.New("locked")
	// ErrQuota: a folder's own limit, in bytes or in files.
	ErrQuota = errors.New("quota exceeded")
	// ErrNoSpace: the volume is full.
	ErrNoSpace = errors.New("no space on the volume")
	// ErrTooMany: a count is used up: folders of a user, locks, keys.
	ErrTooMany = errors.New("too many")
	// ErrChanged: a precondition does not hold (any more).
	ErrChanged = errors.New("precondition failed")
	// ErrBusy: a passing trouble; the same request may succeed soon.
	ErrBusy = errors.New("busy, try again")
	// ErrOffline: a disk fails, is read-only or is not there. It passes, but not by
	// itself; it is an ErrBusy too, so that clients keep what they have.
	ErrOffline error = &reason{ErrBusy, "the storage is not available"}
	// ErrMaintenance: a storage product is out of service; it is an ErrBusy too. See MaintenanceError.
	ErrMaintenance error = &reason{ErrBusy, "the storage is under maintenance"}
	// ErrReadOnly: nothing in a folder of this storage product is changed; it is an
	// fs.ErrPermission too.
	ErrReadOnly error = &reason{fs.ErrPermission, "the storage is read-only"}
	// ErrUnsupported: the storage product does not allow users to do this; it is an
	// fs.ErrPermission too.
	ErrUnsupported error = &reason{fs.ErrPermission, "the storage product does not support this"}
	// ErrNewer: the database was written by a newer Davit.
	ErrNewer = errors.New("database is from a newer version")
)

var errClosed = errors.New("store is closed")

// reason is an error in words for people; errors.Is finds its kind. The words
// may be shown to the caller.
type reason struct {
	kind error
	text string
}

func (r *reason) Error() string { return r.text }
func (r *reason) Unwrap() error { return r.kind }

// explain makes an error of one of the shared kinds that says what is the matter.
func explain(kind error, format string, args ...any) error {
	return &reason{kind, fmt.Sprintf(format, args...)}
}

// convert gives a driver's error its shared name, by its code. It is the only
// place that knows the driver's errors, and leaves all others as they are.
func convert(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fs.ErrNotExist
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return fs.ErrExist
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fs.ErrNotExist // what the row belongs to is gone
	}
	switch e.Code() & 0xff { // the rest is detail
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w (%v)", ErrBusy, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w (%v)", ErrNoSpace, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%w (%v)", ErrOffline, err)
	}
	return err
}

// named words the errors that convert finds for a thing with a name: "no folder
// x", "folder x exists".
func named(err error, noun, name string) error {
	switch {
	case err == fs.ErrNotExist:
		return explain(fs.ErrNotExist, "no %s %q", noun, name)
	case err == fs.ErrExist:
		return explain(fs.ErrExist, "%s %q exists already", noun, name)
	case err == nil:
		return nil
	}
	if r, ok := errors.AsType[*reason](err); ok && error(r) != ErrOffline {
		return err
	}
	return fmt.Errorf("%s %q: %w", noun, name, err)
}

// ItemError is the error of one item of a bulk, because of which nothing of the bulk was
// done. Its text is that of Err.
type ItemError struct {
	Item int // its place in the bulk
	Err  error
}

func (e *ItemError) Error() string { return e.Err.Error() }
func (e *ItemError) Unwrap() error { return e.Err }

// oneRow makes fs.ErrNotExist of a change that found no row.
func oneRow(n int64, err error) error {
	if err == nil && n == 0 {
		return fs.ErrNotExist
	}
	return err
}
