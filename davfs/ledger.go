package davfs

import (
	"fmt"
	"sync"

	"davit/store"
)

// LimitKind says which limit refused a change.
type LimitKind int

// The limits that there are.
const (
	LimitFolderBytes LimitKind = iota
	LimitFolderFiles
	LimitWorkspace // bytes of all folders of a user or project in one category of products
	LimitVolume    // the disk has no room; no limit that somebody set
)

// String is how answers name it.
func (k LimitKind) String() string {
	switch k {
	case LimitFolderFiles:
		return "folder-files"
	case LimitWorkspace:
		return "workspace"
	case LimitVolume:
		return "volume"
	}
	return "folder-bytes"
}

// LimitError says which limit refused a change and how much is missing (D13). It is a store.ErrQuota, or for the
// volume a store.ErrNoSpace.
type LimitError struct {
	Kind                          LimitKind
	Limit, Used, Reserved, Wanted int64 // Used of a workspace has what is reserved in it; the Limit of a volume is what is free
}

// Missing is how much less it would have to be.
func (e *LimitError) Missing() int64 { return e.Used + e.Reserved + e.Wanted - e.Limit }

func (e *LimitError) Error() string {
	switch e.Kind {
	case LimitVolume:
		return fmt.Sprintf("the volume is full: %d bytes free, %d needed, %d missing", e.Limit, e.Wanted, e.Missing())
	case LimitWorkspace:
		return fmt.Sprintf("the workspace's limit of %d bytes in all its folders of this storage category is reached: %d used or reserved, %d more needed, %d missing",
			e.Limit, e.Used, e.Wanted, e.Missing())
	}
	what := "bytes"
	if e.Kind == LimitFolderFiles {
		what = "files"
	}
	return fmt.Sprintf("the folder's limit of %d %s is reached: %d used, %d reserved by running uploads, %d more needed, %d missing",
		e.Limit, what, e.Used, e.Reserved, e.Wanted, e.Missing())
}

// Unwrap makes it a store.ErrQuota, or a store.ErrNoSpace.
func (e *LimitError) Unwrap() error {
	if e.Kind == LimitVolume {
		return store.ErrNoSpace
	}
	return store.ErrQuota
}

// ledger is the account of one folder: what is on disk, what is reserved for
// uploads that run, and the limits (D10). It is authoritative while the server runs (D20).
//
// Growth is taken before a name changes on disk and shrinking is given back after it,
// so used + reserved never says less than the disk holds.
type ledger struct {
	id                 string // of the folder
	mu                 sync.Mutex
	workspace          *workspace // the account that shares every change; nil: none
	attached           *workspace // the one that attach counted the folder in
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
		return &LimitError{Kind: LimitFolderBytes, Limit: l.maxBytes, Used: l.used.Bytes, Reserved: l.reserved.Bytes, Wanted: grow.Bytes}
	}
	if grow.Files > 0 && l.maxFiles > 0 && (l.used.Files+l.reserved.Files > l.maxFiles-grow.Files || grow.Files > l.maxFiles) {
		return &LimitError{Kind: LimitFolderFiles, Limit: l.maxFiles, Used: l.used.Files, Reserved: l.reserved.Files, Wanted: grow.Files}
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
	if err := l.workspace.take(grow.Bytes, grow.Bytes > 0); err != nil {
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
	l.workspace.add(-r.Bytes)
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
	err := l.room(delta)
	if err == nil {
		err = l.workspace.take(max(delta.Bytes, 0)-reserved.Bytes, delta.Bytes > 0)
	}
	if err != nil {
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
	s.ledger.workspace.add(s.reserved.Bytes - s.now.Bytes)
}

// credit changes used by delta, which happened in directory dir.
func (l *ledger) credit(dir string, delta store.Usage) {
	l.mu.Lock()
	l.add(dir, delta)
	l.workspace.add(delta.Bytes)
	l.mu.Unlock()
}

// total is what the workspace's account has of the folder. The ledger is locked.
func (l *ledger) total() int64 { return l.used.Bytes + l.reserved.Bytes }

// carry moves what is at a name to another folder, or swaps two trees: rename does it, and changes what dst holds in
// directory to by delta, and what l holds in directory from by back. Both ledgers are locked meanwhile, so that a workspace
// that has both folders does not see it grow.
func (l *ledger) carry(from string, back store.Usage, dst *ledger, to string, delta store.Usage, rename func() error) error {
	first, second := l, dst
	if first.id > second.id {
		first, second = second, first
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if err := dst.room(delta); err != nil {
		return err
	}
	same := l.workspace == dst.workspace
	if !same {
		if err := dst.workspace.take(max(delta.Bytes, 0), delta.Bytes > 0); err != nil {
			return err
		}
	}
	if err := rename(); err != nil {
		if !same {
			dst.workspace.add(-max(delta.Bytes, 0))
		}
		return err
	}
	dst.add(to, delta)
	l.add(from, back)
	if same {
		l.workspace.add(delta.Bytes + back.Bytes)
	} else {
		dst.workspace.add(min(delta.Bytes, 0))
		l.workspace.add(back.Bytes)
	}
	return nil
}

// add changes used, and nothing of the workspace. The ledger is locked.
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
		// A count that runs has begun after the directory left, or is spoiled: to it this is no change.
		l.used, l.changed = minus(l.used, u), true
		l.workspace.add(-u.Bytes)
	}
}

// counted replaces used by what a full count found.
func (l *ledger) counted(u store.Usage) {
	l.workspace.add(u.Bytes - l.used.Bytes)
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
	Available     int64 // bytes, never negative: the least of the folder's rest, the workspace's and the volume's
}

func (l *ledger) usage(free int64) Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := Usage{Usage: l.used, ReservedBytes: l.reserved.Bytes, ReservedFiles: l.reserved.Files, MaxBytes: l.maxBytes, MaxFiles: l.maxFiles, Available: free}
	if l.maxBytes > 0 {
		u.Available = min(free, l.maxBytes-l.used.Bytes-l.reserved.Bytes)
	}
	if rest, ok := l.workspace.rest(); ok {
		u.Available = min(u.Available, rest)
	}
	u.Available = max(u.Available, 0)
	return u
}

func (l *ledger) limit(maxBytes, maxFiles int64) {
	l.mu.Lock()
	l.maxBytes, l.maxFiles = maxBytes, maxFiles
	l.mu.Unlock()
}
