package store

import "time"

// Usage is what a folder holds: the sizes of its visible regular files, and the
// number of files and directories below its root (D10).
type Usage struct {
	Bytes int64
	Files int64
}

// Folder is the managed unit: a tree of files with one owner and its limits.
type Folder struct {
	ID        string // UUIDv7 as 32 lower-case hex digits (D1)
	OwnerID   string
	OwnerName string // filled in by reads
	Title     string
	Product   string // storage tier; "" is the default product, on the default volume
	MaxBytes  int64  // Default, 0 (none) or a limit
	MaxFiles  int64
	Limits    Limits // of the owner, filled in by reads; see EffectiveLimits

	Usage    Usage     // as last written; the server's memory is newer (D20)
	Dirty    bool      // Usage may be wrong; count before writing (D11)
	Made     bool      // its directory was made; missing from disk later is a fault, not a new folder
	Created  time.Time
	LastUsed time.Time
	Scanned  time.Time // last full count
	Rescan   time.Time // a count was asked for at this time; done when Scanned is later
	Deleted  time.Time // zero: alive
	Purge    time.Time // with Deleted: when its bytes go
}
