package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"davit/store"
)

// A folder is deleted for good, or kept for a while (D23). Either way it is gone on every door when the call
// returns: open requests and uploads end at their next look at it. The directory of a kept one stays where it is,
// and its bytes go on to count for its workspace; that of the other goes to the trash, and is removed in the background.

// DeleteFolder removes a folder for good. fs.ErrNotExist if there is none, and the errors of MayManage.
func (d *FS) DeleteFolder(ctx context.Context, id string) error {
	return oneOf(d.DeleteFolders(ctx, []string{id}, false))
}

// TrashFolder removes a folder so that RestoreFolder can bring it back for as long as Options.KeepDeleted says. Errors as
// of DeleteFolder.
func (d *FS) TrashFolder(ctx context.Context, id string) error {
	return oneOf(d.DeleteFolders(ctx, []string{id}, true))
}

// oneOf is the error of a bulk of one.
func oneOf(err error) error {
	if item, ok := errors.AsType[*store.ItemError](err); ok {
		return item.Err
	}
	return err
}

// DeleteFolders removes folders, all or none: with keep as TrashFolder, else as DeleteFolder. An *store.ItemError says
// which one is not to be deleted.
func (d *FS) DeleteFolders(ctx context.Context, ids []string, keep bool) error {
	rows := make([]store.Folder, len(ids))
	for i, id := range ids {
		var err error
		if rows[i], err = d.st.Folder(ctx, id); err == nil {
			err = d.MayManage(ctx, rows[i].Product, store.OpDelete)
		}
		if err != nil {
			return &store.ItemError{Item: i, Err: err}
		}
	}
	purge := d.now()
	keep = keep && d.o.KeepDeleted > 0
	if keep {
		purge = purge.Add(d.o.KeepDeleted)
	}
	if err := d.st.DeleteFolders(ctx, ids, purge); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, row := range rows {
		if !keep {
			errs = append(errs, d.bury(ctx, row))
			continue
		}
		row, err := d.st.Folder(ctx, row.ID)
		if err == nil && !row.Deleted.IsZero() {
			d.hide(ctx, row)
			d.log.Info("folder deleted, to be kept for a while", "folder", row.ID, "until", row.Purge)
		}
	}
	return errors.Join(errs...)
}

// RestoreFolder brings back a folder that TrashFolder removed. Errors are those of store.RestoreFolder.
func (d *FS) RestoreFolder(ctx context.Context, id string, r store.Restore) (store.Folder, error) {
	f, err := d.st.RestoreFolder(ctx, id, r)
	if err == nil {
		d.log.Info("folder restored", "folder", id)
	}
	return f, err
}

// PurgeFolder ends the waiting of a folder that TrashFolder removed: it is gone for good. fs.ErrNotExist if it is
// not deleted.
func (d *FS) PurgeFolder(ctx context.Context, id string) error {
	if err := d.st.FinishFolder(ctx, id, true); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	row, err := d.st.Folder(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.bury(ctx, row)
}

// DeletedFolders lists the folders that could be restored, of a workspace (a user's ID, or a project's) or of all for "".
func (d *FS) DeletedFolders(ctx context.Context, workspaceID string) ([]store.Folder, error) {
	return d.st.DeletedFolders(ctx, workspaceID)
}

// followDeletion does what is to be done about a deleted folder: its time has come, or a crash left it uncounted.
func (d *FS) followDeletion(ctx context.Context, row store.Folder) error {
	if !d.now().Before(row.Purge) {
		err := d.st.FinishFolder(ctx, row.ID, false)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // restored a moment ago
		}
		if err != nil {
			return err
		}
		return d.bury(ctx, row)
	}
	d.mu.Lock()
	busy := d.folders[row.ID] != nil || d.retiring[row.ID] > 0
	d.mu.Unlock()
	if busy || !row.Dirty {
		return nil
	}
	return d.countDeleted(ctx, row)
}

// countDeleted finds the usage of a kept folder that was being changed when the server ended. Nothing changes in it.
func (d *FS) countDeleted(ctx context.Context, row store.Folder) error {
	dir, err := openRootFS(d.volumeOf(row), row.ID, d.o.Modes)
	if err != nil {
		return err
	}
	defer dir.close()
	u, err := count(dir, "")
	if err != nil {
		return err
	}
	return d.saveDeleted(ctx, row.ID, row.Deleted, u)
}

// saveDeleted notes what a kept folder holds: it is right from now on.
func (d *FS) saveDeleted(ctx context.Context, id string, deleted time.Time, u store.Usage) error {
	if err := d.st.SaveDeleted(ctx, id, deleted, u); err != nil {
		return err
	}
	row, err := d.st.Folder(ctx, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !row.Deleted.Equal(deleted) {
		return nil // purged or restored meanwhile
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	w := d.workspaces[d.keyOf(row)]
	d.mu.Unlock()
	if w != nil {
		w.mu.Lock()
		if w.open[id] == nil {
			w.moves++
			w.close(id, u.Bytes)
			w.countLocked(id)
		}
		w.mu.Unlock()
	}
	return nil
}

// hide takes a deleted folder off the doors.
func (d *FS) hide(ctx context.Context, row store.Folder) {
	d.mu.Lock()
	f := d.folders[row.ID]
	delete(d.folders, row.ID)
	delete(d.closed, row.ID)
	d.dropUses(row.ID)
	if f != nil {
		f.users++
	}
	d.mu.Unlock()
	if f != nil {
		f.retire(ctx, row.Deleted)
		defer f.release()
	}
	d.dropPendings(ctx, row.ID, f)
	if f != nil && !row.Deleted.IsZero() {
		// Not as right for good yet: requests that still hold it may have moved something to the trash that is not counted.
		if err := d.st.SaveUsage(ctx, []store.FolderUsage{{ID: row.ID, Usage: f.ledger.current(), LastUsed: f.lastUse()}}); err != nil {
			d.log.Error("write usage", "folder", row.ID, "error", err)
		}
	}
}

// bury takes a folder that was deleted for good off the doors and the disk, then removes its row.
func (d *FS) bury(ctx context.Context, row store.Folder) error {
	row.Deleted = time.Time{} // its usage is nobody's any more
	d.hide(ctx, row)
	d.drop(row)
	if err := d.volumeOf(row).dropFolder(row.ID, d.o.Sync); err != nil {
		return err
	}
	// A deletion and Reconcile, which notices it, may both come here: the second finds no row.
	if err := d.st.PurgeFolder(ctx, row.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.log.Info("folder deleted", "folder", row.ID)
	d.sweepSoon()
	return nil
}

// retire ends a deleted folder: requests that hold it get fs.ErrNotExist from now on. kept is when it was deleted if it
// is kept for a while, else zero.
func (f *folder) retire(ctx context.Context, kept time.Time) {
	// The root's name lock waits for changes that are past their check.
	unlock, err := f.names.lock(ctx, "")
	f.d.mu.Lock()
	if !f.gone.Swap(true) {
		f.kept = kept
		f.d.retiring[f.id]++
	}
	f.d.mu.Unlock()
	if err == nil {
		unlock()
	}
	f.locks.removeTree("")
}

// retired is the end of a folder that is gone, when nobody uses it any more.
func (f *folder) retired() {
	ctx := context.WithoutCancel(f.d.ctx)
	f.changeMu.Lock()
	unsaved := f.marked && f.fault == nil && f.miscounted.Load() == 0
	f.changeMu.Unlock()
	f.d.detach(f.ledger, !f.kept.IsZero())
	if !f.kept.IsZero() && unsaved {
		select {
		case <-f.ready:
			// What is deleted later is counted now: nothing in the folder has changed since it was retired, but the room
			// of what it had in the trash was given back.
			if err := f.d.saveDeleted(ctx, f.id, f.kept, f.ledger.current()); err != nil {
				f.d.log.Error("write usage", "folder", f.id, "error", fmt.Errorf("of a deleted folder: %w", err))
			}
		default:
		}
	}
	f.close()
	f.d.mu.Lock()
	if f.d.retiring[f.id]--; f.d.retiring[f.id] == 0 {
		delete(f.d.retiring, f.id)
	}
	f.d.mu.Unlock()
}
