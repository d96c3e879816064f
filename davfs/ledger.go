package davfs

import (
	"fmt"
	"sync"

	"davit/store"
)

// QuotaError says which limit of a folder refused a change and how much is missing (D13).
// It is a store.ErrQuota.
type QuotaError struct {
	What                          string // "bytes" or "files"
	Limit, Used, Reserved, Wanted int64
}

func (e *QuotaError) Error() string {
	missing := e.Used + e.Reserved + e.Wanted - e.Limit
	return fmt.Sprintf("the folder's limit of %d %s is reached: %d used, %d reserved by running uploads, %d more needed, %d missing",
		e.Limit, e.What, e.Used, e.Reserved, e.Wanted, missing)
}

// Unwrap makes it a store.ErrQuota.
func (e *QuotaError) Unwrap() error { return store.ErrQuota }

// VolumeError says that the volume, and no limit, has no room for a change. It is a store.ErrNoSpace.
type VolumeError struct{ Free, Wanted int64 }

func (e *VolumeError) Error() string {
	return fmt.Sprintf("the volume is full: %d bytes free, %d needed, %d missing", e.Free, e.Wanted, e.Wanted-e.Free)
}

// Unwrap makes it a store.ErrNoSpace.
func (e *VolumeError) Unwrap() error { return store.ErrNoSpace }

// ledger is the account of one folder: what is on disk, what is reserved for
// uploads that run, and the limits (D10). It is authoritative while the server runs (D20).
//
// Growth is taken before a name changes on disk and shrinking is given back after it,
// so used + reserved never says less than the disk holds.
type ledger struct {
	mu                 sync.Mutex
	used, reserved     store.Usage
	maxBytes, maxFiles int64  // 0: none
	changed            bool   // used differs from what SQL was told
	counts             uint64 // full counts so far
	recount            *recount
}

// recount is a full count that runs beside changes (see folder.countBeside).
type recount struct {
	visited map[string]bool // directories whose members are counted
	extra   store.Usage     // changes in them since
	spoiled bool            // a directory moved, so visited tells nothing
}

// room says whether grow fits beside what is used and reserved. Over the limit only what grows is refused (D12).
func (l *ledger) room(grow store.Usage) error {
	if grow.Bytes > 0 && l.maxBytes > 0 && (l.used.Bytes+l.reserved.Bytes > l.maxBytes-grow.Bytes || grow.Bytes > l.maxBytes) {
		return &QuotaError{What: "bytes", Limit: l.maxBytes, Used: l.used.Bytes, Reserved: l.reserved.Bytes, Wanted: grow.Bytes}
	}
	if grow.Files > 0 && l.maxFiles > 0 && (l.used.Files+l.reserved.Files > l.maxFiles-grow.Files || grow.Files > l.maxFiles) {
		return &QuotaError{What: "files", Limit: l.maxFiles, Used: l.used.Files, Reserved: l.reserved.Files, Wanted: grow.Files}
	}
	return nil
}

// reserve takes room for something that is being received.
func (l *ledger) reserve(grow store.Usage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.room(grow); err != nil {
		return err
	}
	l.reserved.Bytes += grow.Bytes
	l.reserved.Files += grow.Files
	return nil
}

// release gives a reservation back.
func (l *ledger) release(r store.Usage) {
	l.mu.Lock()
	l.reserved.Bytes -= r.Bytes
	l.reserved.Files -= r.Files
	l.mu.Unlock()
}

// settle turns a reservation into delta, the true difference that a change in
// directory dir is about to make. The caller holds the name's lock and calls give (after the change) or
// undo (if the change failed). If delta does not fit any more, nothing is changed and
// the reservation stays.
func (l *ledger) settle(dir string, reserved, delta store.Usage) (*settlement, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved.Bytes -= reserved.Bytes
	l.reserved.Files -= reserved.Files
	if err := l.room(delta); err != nil {
		l.reserved.Bytes += reserved.Bytes
		l.reserved.Files += reserved.Files
		return nil, err
	}
	s := &settlement{ledger: l, dir: dir, reserved: reserved}
	s.now = store.Usage{Bytes: max(delta.Bytes, 0), Files: max(delta.Files, 0)}
	s.later = store.Usage{Bytes: min(delta.Bytes, 0), Files: min(delta.Files, 0)}
	l.add(dir, s.now)
	return s, nil
}

// settlement is a change that is accounted for and about to happen.
type settlement struct {
	ledger               *ledger
	dir                  string
	reserved, now, later store.Usage
}

// give gives back what the change freed.
func (s *settlement) give() {
	if s.later != (store.Usage{}) {
		s.ledger.credit(s.dir, s.later)
	}
}

// undo restores the reservation after a change that did not happen.
func (s *settlement) undo() {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.add(s.dir, store.Usage{Bytes: -s.now.Bytes, Files: -s.now.Files})
	s.ledger.reserved.Bytes += s.reserved.Bytes
	s.ledger.reserved.Files += s.reserved.Files
}

// credit changes used by delta, which happened in directory dir.
func (l *ledger) credit(dir string, delta store.Usage) {
	l.mu.Lock()
	l.add(dir, delta)
	l.mu.Unlock()
}

func (l *ledger) add(dir string, delta store.Usage) {
	l.used.Bytes += delta.Bytes
	l.used.Files += delta.Files
	l.changed = true
	if l.recount != nil && l.recount.visited[dir] {
		l.recount.extra.Bytes += delta.Bytes
		l.recount.extra.Files += delta.Files
	}
}

// spoil tells a running count that a whole directory came, went or moved. It returns how many
// counts there were, for creditOnce.
func (l *ledger) spoil() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recount != nil {
		l.recount.spoiled = true
	}
	return l.counts
}

// creditOnce gives back what a directory held that left the folder when counts was
// what spoil returned, unless the folder was counted since: that count was made without it.
func (l *ledger) creditOnce(counts uint64, u store.Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == counts {
		l.add("", minus(store.Usage{}, u))
	}
}

// counted replaces used by what a full count found.
func (l *ledger) counted(u store.Usage) {
	l.used, l.changed = u, true
	l.counts++
}

// madeDir tells a running count of a new, empty directory: if its parent was counted, so is it.
func (l *ledger) madeDir(name string) {
	l.mu.Lock()
	if l.recount != nil && l.recount.visited[parentOf(name)] {
		l.recount.visited[name] = true
	}
	l.mu.Unlock()
}

// Usage is what a folder holds and may hold, at this moment.
type Usage struct {
	store.Usage
	ReservedBytes int64 // by uploads that run
	ReservedFiles int64
	MaxBytes      int64 // 0: no limit
	MaxFiles      int64
	Available     int64 // bytes, never negative: the least of the folder's rest and the volume's
}

func (l *ledger) usage(free int64) Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := Usage{Usage: l.used, ReservedBytes: l.reserved.Bytes, ReservedFiles: l.reserved.Files, MaxBytes: l.maxBytes, MaxFiles: l.maxFiles, Available: free}
	if l.maxBytes > 0 {
		u.Available = min(free, l.maxBytes-l.used.Bytes-l.reserved.Bytes)
	}
	u.Available = max(u.Available, 0)
	return u
}

func (l *ledger) limit(maxBytes, maxFiles int64) {
	l.mu.Lock()
	l.maxBytes, l.maxFiles = maxBytes, maxFiles
	l.mu.Unlock()
}
