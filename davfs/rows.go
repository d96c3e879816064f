package davfs

import (
	"context"
	"errors"
	"fmt"

	"davit/store"
)

// Kinds of store.Intent.
const (
	intentRemove   = "remove"   // Path with identity Subject goes away
	intentReplace  = "replace"  // a file with identity Subject comes to Path
	intentMove     = "move"     // Path with identity Subject goes to DstPath
	intentExchange = "exchange" // the same, and what was at DstPath (Displaced) comes to Path and goes to the trash
)

// rowChange keeps a folder's rows (dead properties, locks) in step with one change of
// names on disk (D15). Where no rows are concerned it costs nothing. The names are
// locked by the caller from intend to the end.
type rowChange struct {
	f      *folder
	name   string
	needed bool
	intent store.Intent
}

// rows prepares for a change of all at and below name.
func (t *Tree) rows(name string) *rowChange {
	return &rowChange{f: t.f, name: name, needed: t.f.hasRows(name)}
}

// hasRows says whether there are dead properties or locks at or below name.
func (f *folder) hasRows(name string) bool { return !f.props.empty(name) || f.locks.any(name) }

// intend commits what is about to happen, so that start-up can finish it.
func (r *rowChange) intend(ctx context.Context, in store.Intent) error {
	if !r.needed && in.Kind != intentExchange {
		return nil
	}
	in.FolderID = r.f.id
	var err error
	if r.intent, err = r.f.d.st.AddIntent(ctx, in); err != nil {
		return fmt.Errorf("note intent: %w", err)
	}
	return nil
}

// cancel takes the intent back because the change failed with err.
func (r *rowChange) cancel(ctx context.Context, err error) error {
	if r.intent.ID == "" {
		return err
	}
	return errors.Join(err, r.f.d.st.FinishIntent(context.WithoutCancel(ctx), r.intent.ID, store.RowChange{}))
}

// finish applies the rows' part and removes the intent, whatever becomes of the client. The
// names are on the disk before: rows that outlive a power failure which undoes the rename
// would belong to nothing, with no intent left to tell.
func (r *rowChange) finish(ctx context.Context, change store.RowChange) error {
	if r.intent.ID != "" {
		if err := r.f.syncDirs(parentOf(r.name)); err != nil {
			return err
		}
	}
	if err := r.f.d.st.FinishIntent(context.WithoutCancel(ctx), r.intent.ID, change); err != nil {
		return fmt.Errorf("properties follow names: %w", err)
	}
	return nil
}

// removed: all at and below the name is gone.
func (r *rowChange) removed(ctx context.Context) error {
	if !r.needed {
		return nil
	}
	r.f.locks.removeTree(r.name)
	r.f.props.removeTree(r.name)
	return r.finish(ctx, store.RowChange{Removes: []store.Place{{FolderID: r.f.id, Path: r.name}}})
}

// replaced: another file has come to the name; its properties are now that file's.
func (r *rowChange) replaced(ctx context.Context, id store.Identity) error {
	if r.intent.ID == "" {
		return nil
	}
	r.f.props.note(r.name, id, true)
	return r.finish(ctx, store.RowChange{Renew: []store.Renewal{{FolderID: r.f.id, Path: r.name, Identity: id}}})
}

// moved: all at and below the name is now at toName of to; what was there is gone. Locks
// never move; one on the destination itself stays if keepLock (RFC 4918, section 7.6 has it protect the URL).
func (r *rowChange) moved(ctx context.Context, to *folder, toName string, keepLock bool) error {
	if !r.needed && r.intent.ID == "" {
		return nil
	}
	if r.intent.ID != "" {
		if err := to.syncDirs(parentOf(toName)); err != nil {
			return err
		}
	}
	r.f.locks.removeTree(r.name) // their rows end with the move
	change := store.RowChange{Moves: []store.Move{{FromFolder: r.f.id, From: r.name, ToFolder: to.id, To: toName}}}
	if !keepLock {
		to.locks.removeTree(toName)
		change.Removes = []store.Place{{FolderID: to.id, Path: toName}}
	}
	to.props.removeTree(toName)
	r.f.props.moveTree(r.name, to.props, toName)
	return r.finish(ctx, change)
}

// unsaved says whether rows of locks that are gone still wait to be deleted.
func (t *lockTable) unsaved() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.stale) > 0
}

// any says whether a lock is held at or below name; inherited ones do not count.
func (t *lockTable) any(name string) bool {
	if t.held.Load() == 0 {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.find(name) != nil
}
