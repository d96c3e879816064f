package davfs

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"davit/store"
)

// propTable knows, for one folder and without SQL, which resources have dead
// properties (D20). A row counts only for the file that it was made for (D15): where
// the identity differs, the file was replaced behind our back and has none.
type propTable struct {
	st *store.Store
	id string

	mu        sync.RWMutex
	index     pathIndex[store.Identity]
	languages pathIndex[string] // values of getcontentlanguage, for the header of GET
	some      atomic.Bool       // there was a language
}

func newPropTable(st *store.Store, folderID string, saved map[string]store.Identity, languages map[string]string) *propTable {
	t := &propTable{st: st, id: folderID}
	for name, id := range saved {
		t.index.set(name, id)
	}
	for name, element := range languages {
		t.setLanguage(name, languageOf(element))
	}
	return t
}

var languageName = store.PropName{Space: davSpace, Name: "getcontentlanguage"}

// language is what a client has set as the language of a file (RFC 4918, section 15.3), or "".
func (t *propTable) language(name string, id store.Identity) string {
	if !t.some.Load() {
		return "" // as almost always: GET asks each time
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if got, ok := t.index.get(name); !ok || got != id {
		return ""
	}
	l, _ := t.languages.get(name)
	return l
}

func (t *propTable) setLanguage(name, language string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if language == "" {
		t.languages.remove(name)
		return
	}
	t.languages.set(name, language)
	t.some.Store(true)
}

// languageOf is the value of a getcontentlanguage element as the header Content-Language takes it; "" if it
// is none.
func languageOf(element string) string {
	_, value, _ := strings.Cut(element, ">")
	if i := strings.LastIndex(value, "</"); i >= 0 {
		value = value[:i]
	}
	value = strings.TrimSpace(value)
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-, "
	if len(value) > 200 || strings.Trim(value, allowed) != "" {
		return ""
	}
	return value
}

// has says whether the resource at name has dead properties.
func (t *propTable) has(name string, id store.Identity) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	got, ok := t.index.get(name)
	return ok && got == id
}

// identity is that of the resource whose properties are known by name.
func (t *propTable) identity(name string) store.Identity {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, _ := t.index.get(name)
	return id
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
		t.languages.remove(name)
	}
}

// removeTree forgets all at and below name.
func (t *propTable) removeTree(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.index.tree(name) {
		t.index.remove(n)
	}
	for _, n := range t.languages.tree(name) {
		t.languages.remove(n)
	}
}

// moveTree renames all at and below from, in this folder or to another's table.
func (t *propTable) moveTree(from string, to *propTable, toName string) {
	t.mu.Lock()
	moved := make(map[string]store.Identity)
	languages := make(map[string]string)
	for _, n := range t.index.tree(from) {
		moved[n], _ = t.index.get(n)
		t.index.remove(n)
	}
	for _, n := range t.languages.tree(from) {
		languages[n], _ = t.languages.get(n)
		t.languages.remove(n)
	}
	t.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	for n, id := range moved {
		to.index.set(toName+n[len(from):], id)
	}
	for n, language := range languages {
		to.languages.set(toName+n[len(from):], language)
		to.some.Store(true)
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
