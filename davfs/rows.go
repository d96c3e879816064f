package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"davit/store"
)

// Kinds of store.Intent.
const (
	intentRemove   = "remove"   // Path with identity Subject goes away
	intentReplace  = "replace"  // a file with identity Subject comes to Path
	intentMove     = "move"     // Path with identity Subject goes to DstPath
	intentExchange = "exchange" // the same, and what was at DstPath (Displaced) comes to Path and goes to the trash
	intentMake     = "make"     // a collection with identity Subject comes to Path, where its properties are already
	intentAway     = "away"     // a copy with identity Subject comes to DstPath on another volume, then Path with identity Displaced goes away
	intentCopy     = "copy"     // a copy with identity Subject comes to DstPath; its properties wait at Path, see copiedRows
)

// copiedRows is where the dead properties of a copy wait for it: no file has such a name.
func copiedRows(s *staged) string { return "\x01" + s.base }

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

// intendWaiting is intend for rows that wait already at the intent's Path.
func (r *rowChange) intendWaiting(ctx context.Context, in store.Intent) error {
	err := r.intend(ctx, in)
	if err == nil {
		return nil
	}
	// Until the intent is there a crash leaves rows that belong to nothing; the count after it drops them.
	gone := store.RowChange{Removes: []store.Place{{FolderID: r.f.id, Path: in.Path}}}
	return errors.Join(err, r.f.d.st.FinishIntent(context.WithoutCancel(ctx), "", gone))
}

// cancel takes the intent back because the change failed with err.
func (r *rowChange) cancel(ctx context.Context, err error) error {
	if r.intent.ID == "" {
		return err
	}
	var none store.RowChange
	if r.intent.Kind == intentCopy || r.intent.Kind == intentMake {
		none.Removes = []store.Place{{FolderID: r.f.id, Path: r.intent.Path}}
	}
	if undo := r.f.d.st.FinishIntent(context.WithoutCancel(ctx), r.intent.ID, none); undo != nil {
		r.f.d.owe(r.intent)
		return errors.Join(err, undo)
	}
	follow(none, r.f)
	return err
}

// leave is for a change that is neither done nor undone: what is on the disk decides, by and by.
func (r *rowChange) leave(err error) error {
	if r.intent.ID != "" {
		r.f.d.owe(r.intent)
	}
	return err
}

// finish applies the rows' part and removes the intent, whatever becomes of the client. The
// names are on the disk before: rows that outlive a power failure which undoes the rename
// would belong to nothing, with no intent left to tell. What fails here is owed.
func (r *rowChange) finish(ctx context.Context, change store.RowChange, to *folder, toName string) error {
	if r.intent.ID == "" {
		return nil
	}
	if err := to.syncDirs(parentOf(toName)); err != nil {
		return r.leave(err)
	}
	if r.f != to || parentOf(r.name) != parentOf(toName) {
		if err := r.f.syncDirs(parentOf(r.name)); err != nil {
			return r.leave(err)
		}
	}
	if err := r.f.d.st.FinishIntent(context.WithoutCancel(ctx), r.intent.ID, change); err != nil {
		return r.leave(fmt.Errorf("properties follow names: %w", err))
	}
	follow(change, r.f, to)
	return nil
}

// follow brings what is in memory to where the rows are; in has the folders of the change.
func follow(change store.RowChange, in ...*folder) {
	find := func(id string) *folder {
		for _, f := range in {
			if f.id == id {
				return f
			}
		}
		return nil
	}
	for _, p := range change.Removes {
		f := find(p.FolderID)
		f.locks.removeTree(p.Path)
		f.props.removeTree(p.Path)
	}
	for _, m := range change.Moves {
		from, to := find(m.FromFolder), find(m.ToFolder)
		from.locks.removeTree(m.From) // their rows end with the move
		to.props.removeTree(m.To)
		from.props.moveTree(m.From, to.props, m.To)
	}
	for _, n := range change.Renew {
		find(n.FolderID).props.note(n.Path, n.Identity, true)
	}
}

// removed: all at and below the name is gone.
func (r *rowChange) removed(ctx context.Context) error {
	return r.finish(ctx, store.RowChange{Removes: []store.Place{{FolderID: r.f.id, Path: r.name}}}, r.f, r.name)
}

// replaced: another file has come to the name; its properties are now that file's.
func (r *rowChange) replaced(ctx context.Context, id store.Identity) error {
	return r.finish(ctx, store.RowChange{Renew: []store.Renewal{{FolderID: r.f.id, Path: r.name, Identity: id}}}, r.f, r.name)
}

// moved: all at and below the name is now at toName of to; what was there is gone. Locks
// never move; one on the destination itself stays if keepLock (RFC 4918, section 7.6 has it protect the URL).
func (r *rowChange) moved(ctx context.Context, to *folder, toName string, keepLock bool) error {
	change := store.RowChange{Moves: []store.Move{{FromFolder: r.f.id, From: r.name, ToFolder: to.id, To: toName}}}
	if !keepLock {
		change.Removes = []store.Place{{FolderID: to.id, Path: toName}}
	}
	return r.finish(ctx, change, to, toName)
}

// copied: a copy has come to the name, and the properties that waited for it follow. All rows of
// what was there are gone if it was swapped out, else its properties.
func (r *rowChange) copied(ctx context.Context, swapped bool) error {
	change := store.RowChange{Moves: []store.Move{{FromFolder: r.f.id, From: r.intent.Path, ToFolder: r.f.id, To: r.name}}}
	if swapped {
		change.Removes = []store.Place{{FolderID: r.f.id, Path: r.name}}
	}
	return r.finish(ctx, change, r.f, r.name)
}

// owe remembers an intent that could be neither finished nor taken back. Nothing changes in its
// folders before it is settled: a later change of the same names would take it for its own.
func (d *FS) owe(in store.Intent) {
	d.oweMu.Lock()
	d.owed = append(d.owed, in)
	d.owing.Store(int32(len(d.owed)))
	d.oweMu.Unlock()
}

// debts are the intents that are owed in a folder; of "" in all.
func (d *FS) debts(folderID string) []store.Intent {
	if d.owing.Load() == 0 {
		return nil
	}
	d.oweMu.Lock()
	defer d.oweMu.Unlock()
	var some []store.Intent
	for _, in := range d.owed {
		if folderID == "" || in.FolderID == folderID || in.DstFolder == folderID {
			some = append(some, in)
		}
	}
	return some
}

// repay settles what is owed in a folder, as start-up would, or in all for "". The caller holds no name.
func (d *FS) repay(ctx context.Context, folderID string) error {
	var errs []error
	for _, in := range d.debts(folderID) {
		if err := d.repayOne(ctx, in); err != nil {
			errs = append(errs, fmt.Errorf("finish what failed before (%s of %q): %w: %w", in.Kind, in.Path, err, store.ErrBusy))
		}
	}
	return errors.Join(errs...)
}

func (d *FS) repayOne(ctx context.Context, in store.Intent) error {
	src, err := d.open(ctx, in.FolderID)
	if errors.Is(err, fs.ErrNotExist) {
		return d.repaid(ctx, in, store.RowChange{})
	}
	if err != nil {
		return err
	}
	defer src.release()
	dst := src
	if in.DstFolder != "" && in.DstFolder != in.FolderID {
		if dst, err = d.open(ctx, in.DstFolder); errors.Is(err, fs.ErrNotExist) {
			return d.repaid(ctx, in, store.RowChange{})
		}
		if err != nil {
			return err
		}
		defer dst.release()
	}
	if err := src.begin(ctx); err != nil {
		return err
	}
	defer src.end()
	if dst != src {
		if err := dst.begin(ctx); err != nil {
			return err
		}
		defer dst.end()
	}
	first, second := src, dst
	firstNames, secondNames := []string{in.Path}, []string{in.DstPath}
	if src == dst && in.DstPath != "" {
		firstNames = append(firstNames, in.DstPath)
	} else if src.id > dst.id {
		first, second, firstNames, secondNames = second, first, secondNames, firstNames
	}
	unlock, err := first.names.lock(ctx, firstNames...)
	if err != nil {
		return err
	}
	defer unlock()
	if second != first {
		unlock, err := second.names.lock(ctx, secondNames...)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if !slices.Contains(d.debts(in.FolderID), in) {
		return nil // somebody else was faster
	}
	defer src.moving()()
	defer dst.moving()()
	change, displaced, err := verdict(in, src.fs, dst.fs)
	if displaced != nil {
		src.missed()
	}
	src.discard(displaced)
	if err != nil {
		return err
	}
	if err := errors.Join(src.syncDirs(parentOf(in.Path)), dst.syncDirs(parentOf(in.DstPath))); err != nil {
		return err
	}
	if err := d.repaid(ctx, in, change); err != nil {
		return err
	}
	follow(change, src, dst)
	return nil
}

func (d *FS) repaid(ctx context.Context, in store.Intent, change store.RowChange) error {
	if err := d.st.FinishIntent(context.WithoutCancel(ctx), in.ID, change); err != nil {
		return err
	}
	d.oweMu.Lock()
	defer d.oweMu.Unlock()
	d.owed = slices.DeleteFunc(d.owed, func(o store.Intent) bool { return o.ID == in.ID })
	d.owing.Store(int32(len(d.owed)))
	return nil
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
