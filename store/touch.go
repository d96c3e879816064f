package store

import "sync"

// Touch names a thing that an announced change was about, so that whoever remembers
// something knows whether it is still good (see Store.Changed).
type Touch struct {
	Kind TouchKind
	ID   string
}

// TouchKind is the kind of a thing that a change was about.
type TouchKind uint8

const (
	TouchUser    TouchKind = iota + 1 // the user's row, keys and tokens, and what the user sees: own folders, grants, memberships
	TouchFolder                       // the folder's row
	TouchProject                      // the project's row, its groups, and what its members see because they are members
)

// maxTouches is how many things a change may name before it counts as one of everything,
// and keptTouches how many changes are remembered.
const (
	maxTouches  = 64
	keptTouches = 4096
)

// touches is the memory of the last announced changes. The zero value is empty.
type touches struct {
	mu    sync.RWMutex
	epoch uint64
	ring  [keptTouches][]Touch // of each epoch, at its number modulo the length; nil: everything
}

// raise begins a new epoch, whose change was about all; nothing named means everything.
func (s *Store) raise(all []Touch) {
	s.touches.mu.Lock()
	defer s.touches.mu.Unlock()
	s.touches.epoch++
	s.touches.ring[s.touches.epoch%keptTouches] = all
	s.epoch.Store(s.touches.epoch)
}

// Changed says whether something that mine knows was touched after the epoch since, or
// everything. now is the epoch that it speaks of: what was good in since, and has not changed, is good in now. mine is
// called for all that was touched, and with the zero Touch if that may have been everything; it must not use the Store.
func (s *Store) Changed(since uint64, mine func(Touch) bool) (now uint64, changed bool) {
	s.touches.mu.RLock()
	defer s.touches.mu.RUnlock()
	now = s.touches.epoch
	if now-since > keptTouches { // also where since is not from here
		mine(Touch{})
		return now, true
	}
	for e := since + 1; e <= now; e++ {
		all := s.touches.ring[e%keptTouches]
		if all == nil {
			mine(Touch{})
			return now, true
		}
		for _, t := range all {
			changed = mine(t) || changed
		}
	}
	return now, changed
}

// touch notes what the transaction is about. An announced one that notes nothing is about
// everything. It may be noted before it is known whether anything changes.
func (t tx) touch(kind TouchKind, ids ...string) {
	for _, id := range ids {
		if len(t.job.touched) <= maxTouches {
			t.job.touched = append(t.job.touched, Touch{kind, id})
		}
	}
}

// touchAll makes the transaction one about everything, whatever else it notes.
func (t tx) touchAll() { t.job.touched = make([]Touch, maxTouches+1) }

// touchFolder is touch for a folder that is going, or whose tokens are: their owners must not
// go on with them.
func (t tx) touchFolder(id string) error {
	t.touch(TouchFolder, id)
	owners, err := collect[string](t.query(`SELECT DISTINCT t.user_id FROM token_folders f JOIN tokens t ON t.id = f.token_id WHERE f.folder_id = $1`, id))(scanString)
	t.touch(TouchUser, owners...)
	return err
}
