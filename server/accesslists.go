package server

import (
	"context"
	"sync"

	"davit/store"
)

// accessLists remembers who else may use folders: a portal's page asks for hundreds of lists at once.
// The zero value is empty.
type accessLists struct {
	mu    sync.Mutex
	epoch uint64 // what is here was good then
	lists map[string][]aclEntry
}

// mostLists bounds the memory.
const mostLists = 100_000

// grantReader is what accessLists needs of the store.
type grantReader interface {
	Epoch() uint64
	Changed(since uint64, mine func(store.Touch) bool) (now uint64, changed bool)
	GrantsOf(ctx context.Context, folderIDs []string) (map[string][]store.Grant, error)
}

// of returns the lists of folders, by ID; a folder that nobody else may use has none. They are shared,
// and must not be changed.
func (a *accessLists) of(ctx context.Context, st grantReader, folderIDs []string) (map[string][]aclEntry, error) {
	found := make(map[string][]aclEntry, len(folderIDs))
	var missing []string
	a.mu.Lock()
	a.catchUp(st)
	epoch := a.epoch
	for _, id := range folderIDs {
		if list, ok := a.lists[id]; ok {
			found[id] = list
		} else {
			missing = append(missing, id)
		}
	}
	a.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	grants, err := st.GrantsOf(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, id := range missing {
		list := make([]aclEntry, 0, len(grants[id]))
		for _, g := range grants[id] {
			list = append(list, aclEntry{entityOf(g), grantedPermissions(g.Rights)})
		}
		found[id] = list
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.catchUp(st)
	if a.epoch != epoch {
		return found, nil // something changed meanwhile, perhaps these: they are read again
	}
	if len(a.lists)+len(missing) > mostLists {
		clear(a.lists)
	}
	for _, id := range missing {
		a.lists[id] = found[id]
	}
	return found, nil
}

// catchUp forgets what has changed. a.mu is held.
func (a *accessLists) catchUp(st grantReader) {
	if a.lists == nil {
		a.lists, a.epoch = make(map[string][]aclEntry), st.Epoch()
		return
	}
	if a.epoch == st.Epoch() {
		return
	}
	a.epoch, _ = st.Changed(a.epoch, func(t store.Touch) bool {
		switch t.Kind {
		case store.TouchUser: // what is granted is the folder's matter
		case store.TouchFolder:
			delete(a.lists, t.ID)
		default: // a group may be gone
			clear(a.lists)
		}
		return true
	})
}
