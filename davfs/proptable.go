package davfs

import (
	"context"
	"sync"

	"davit/store"
)

// propTable knows, for one folder and without SQL, which resources have dead
// properties (D20). A row counts only for the file that it was made for (D15): where
// the identity differs, the file was replaced behind our back and has none.
type propTable struct {
	st *store.Store
	id string

	mu    sync.RWMutex
	index pathIndex[store.Identity]
}

func newPropTable(st *store.Store, folderID string, saved map[string]store.Identity) *propTable {
	t := &propTable{st: st, id: folderID}
	for name, id := range saved {
		t.index.set(name, id)
	}
	return t
}

// has says whether the resource at name has dead properties.
func (t *propTable) has(name string, id store.Identity) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	got, ok := t.index.get(name)
	return ok && got == id
}

// empty says whether no resource at or below name has any.
func (t *propTable) empty(name string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return !t.index.any(name)
}

// read returns the dead properties of one resource.
func (t *propTable) read(ctx context.Context, name string, id store.Identity) ([]store.Prop, error) {
	if !t.has(name, id) {
		return nil, nil
	}
	rows, err := t.st.Props(ctx, t.id, []string{name})
	return rows[name], err
}

// readAll returns the dead properties of many, in one query; of those only that have some.
func (t *propTable) readAll(ctx context.Context, names []string) (map[string][]store.Prop, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return t.st.Props(ctx, t.id, names)
}

// note says that name now has properties, or has none any more.
func (t *propTable) note(name string, id store.Identity, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if some {
		t.index.set(name, id)
	} else {
		t.index.remove(name)
	}
}

// removeTree forgets all at and below name.
func (t *propTable) removeTree(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.index.tree(name) {
		t.index.remove(n)
	}
}

// moveTree renames all at and below from, in this folder or to another's table.
func (t *propTable) moveTree(from string, to *propTable, toName string) {
	t.mu.Lock()
	moved := make(map[string]store.Identity)
	for _, n := range t.index.tree(from) {
		moved[n], _ = t.index.get(n)
		t.index.remove(n)
	}
	t.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	for n, id := range moved {
		to.index.set(toName+n[len(from):], id)
	}
}

// tree lists the names at and below name that have properties, with their identities.
func (t *propTable) tree(name string) map[string]store.Identity {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make(map[string]store.Identity)
	for _, n := range t.index.tree(name) {
		out[n], _ = t.index.get(n)
	}
	return out
}
