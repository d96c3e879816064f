package store

import "errors"

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
	// ErrNewer: the database was written by a newer Davit.
	ErrNewer = errors.New("database is from a newer version")
)
