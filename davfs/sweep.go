package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"davit/store"
)

// recover finishes or undoes what a crash left half done. Nothing runs yet.
func (d *FS) recover(ctx context.Context) error {
	if err := d.dropBegunClones(ctx); err != nil {
		return err
	}
	intents, err := d.st.Intents(ctx)
	if err != nil {
		return err
	}
	for _, in := range intents {
		if err := d.settleIntent(ctx, in); err != nil {
			// It stays, and is tried again at the next start: one folder's trouble keeps no other away.
			d.log.Error("finish what a crash cut off", "folder", in.FolderID, "kind", in.Kind, "path", in.Path, "error", err)
		}
	}
	left := 0
	for _, vol := range d.volumes.all {
		for _, b := range vol.benches { // no upload outlives its server
			all, err := names(b.root.FS())
			if err != nil {
				return err
			}
			for _, name := range all {
				if err := renameat2(int(b.dir.Fd()), name, int(vol.trashDir.Fd()), tempName(), 0); err != nil {
					return fmt.Errorf("clear staging: %w", err)
				}
			}
			left += len(all)
		}
	}
	if len(intents)+left > 0 {
		d.log.Info("recovered from an unclean stop", "intents", len(intents), "unfinished", left)
	}
	return nil
}

// settleIntent finishes or undoes what an intent of the last run says (D15).
func (d *FS) settleIntent(ctx context.Context, in store.Intent) error {
	src, err := d.openRoot(ctx, in.FolderID)
	if errors.Is(err, fs.ErrNotExist) {
		return d.st.FinishIntent(ctx, in.ID, store.RowChange{})
	}
	if err != nil {
		return err
	}
	defer src.close()
	dst := src
	if in.DstFolder != "" && in.DstFolder != in.FolderID {
		dst, err = d.openRoot(ctx, in.DstFolder)
		if errors.Is(err, fs.ErrNotExist) {
			return d.st.FinishIntent(ctx, in.ID, store.RowChange{})
		}
		if err != nil {
			return err
		}
		defer dst.close()
	}
	change, displaced, err := verdict(in, src, dst)
	if err != nil {
		return err
	}
	if displaced != nil {
		displaced.letGo()
		if err := src.SyncDir(parentOf(in.Path)); err != nil {
			return err
		}
	}
	return d.st.FinishIntent(ctx, in.ID, change)
}

// verdict looks at the disk: a rename happened or it did not, and says how the rows follow. What an
// exchange left at the source's name, or a move to another volume, goes to the trash.
func verdict(in store.Intent, src, dst fileSystem) (change store.RowChange, displaced *staged, err error) {
	is := func(f fileSystem, name string, id store.Identity) bool {
		i, lerr := f.Lstat(name)
		if lerr != nil && !errors.Is(lerr, fs.ErrNotExist) {
			err = lerr // that it cannot be seen says nothing
		}
		return lerr == nil && i.Identity() == id
	}
	switch in.Kind {
	case intentRemove, intentMake:
		if !is(src, in.Path, in.Subject) {
			change.Removes = []store.Place{{FolderID: in.FolderID, Path: in.Path}}
		}
	case intentReplace:
		if is(src, in.Path, in.Subject) {
			change.Renew = []store.Renewal{{FolderID: in.FolderID, Path: in.Path, Identity: in.Subject}}
		}
	case intentCopy:
		if !is(dst, in.DstPath, in.Subject) {
			change.Removes = []store.Place{{FolderID: in.FolderID, Path: in.Path}}
			break
		}
		change.Moves = []store.Move{{FromFolder: in.FolderID, From: in.Path, ToFolder: in.DstFolder, To: in.DstPath}}
		if in.Displaced != (store.Identity{}) {
			change.Removes = []store.Place{{FolderID: in.DstFolder, Path: in.DstPath}}
		}
	case intentAway:
		if !is(dst, in.DstPath, in.Subject) {
			break
		}
		if is(src, in.Path, in.Displaced) {
			if err = dst.SyncDir(parentOf(in.DstPath)); err != nil {
				return store.RowChange{}, nil, err
			}
			if displaced, err = src.Trash(in.Path); err != nil {
				return store.RowChange{}, nil, err
			}
		}
		change.Removes = []store.Place{{FolderID: in.FolderID, Path: in.Path}}
	case intentMove, intentExchange:
		if !is(dst, in.DstPath, in.Subject) {
			break
		}
		if in.Kind == intentExchange && is(src, in.Path, in.Displaced) {
			if displaced, err = src.Trash(in.Path); err != nil {
				return store.RowChange{}, nil, err
			}
		}
		change.Moves = []store.Move{{FromFolder: in.FolderID, From: in.Path, ToFolder: in.DstFolder, To: in.DstPath}}
		if in.Kind == intentExchange {
			change.Removes = []store.Place{{FolderID: in.DstFolder, Path: in.DstPath}}
		}
	}
	return change, displaced, err
}

func names(f fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(f, ".")
	if err != nil {
		return nil, err
	}
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = e.Name()
	}
	return all, nil
}

// sweepSoon wakes the sweep: there is something in the trash.
func (d *FS) sweepSoon() {
	select {
	case d.sweep <- struct{}{}:
	default:
	}
}

// sweepLoop removes what lies in the trash: at start what the last run left, then
// whenever something is thrown away.
func (d *FS) sweepLoop() {
	for {
		for _, vol := range d.volumes.all {
			all, err := names(vol.trash.FS())
			if err != nil {
				d.log.Error("sweep", "error", err)
			}
			for _, name := range all {
				if d.ctx.Err() != nil {
					return
				}
				if vol.held(name) {
					continue // being counted; it will be asked for again
				}
				if err := vol.trash.RemoveAll(name); err != nil {
					d.log.Error("sweep", "trash", name, "error", err)
				}
			}
		}
		select {
		case <-d.ctx.Done():
			return
		case <-d.sweep:
		}
	}
}

// flushLoop writes usage to SQL, lets locks expire and closes folders at rest.
func (d *FS) flushLoop() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.flush(d.ctx, false); err != nil && d.ctx.Err() == nil {
			d.log.Error("write usage", "error", err)
		}
		if err := d.saveTally(d.ctx, false); err != nil && d.ctx.Err() == nil {
			d.log.Error("write audit of changes", "error", err)
		}
		d.listings.expire(time.Now())
		if err := d.repay(d.ctx, ""); err != nil && d.ctx.Err() == nil {
			d.log.Error("rows of changes on disk", "error", err)
		}
		d.countAgain()
		if n%10 == 0 {
			d.expireLocks()
			d.expireKept()
			d.closeIdle()
		}
	}
}

// flush writes the usage of folders that changed, and marks folders clean: those at rest,
// or when the server closes all in which nothing runs.
func (d *FS) flush(ctx context.Context, closing bool) error {
	var batch []store.FolderUsage
	var journals []func() // that are to hear that the batch was written
	var errs []error
	for _, f := range d.openFolders() {
		u, some, err := f.toSave(ctx, closing)
		if err != nil {
			errs = append(errs, err)
		}
		if some {
			batch = append(batch, u)
		}
		if some && u.Journal != nil {
			journals = append(journals, func() { f.saved(u.Journal) })
		}
		f.release()
	}
	if len(batch) > 0 {
		err := d.st.SaveUsage(ctx, batch)
		if err == nil {
			for _, saved := range journals {
				saved()
			}
		}
		errs = append(errs, err)
	}
	errs = append(errs, d.sums.flush(ctx))
	return errors.Join(errs...)
}

// toSave says what SQL should hear of the folder. A folder that comes to rest is written
// here, while no change can begin: a dirty mark must not be cleared after it was set anew.
func (f *folder) toSave(ctx context.Context, closing bool) (u store.FolderUsage, some bool, err error) {
	select {
	case <-f.ready:
	default:
		return u, false, nil
	}
	f.changeMu.Lock()
	defer f.changeMu.Unlock()
	if f.gone.Load() || f.fault != nil {
		return u, false, nil
	}
	f.ledger.mu.Lock()
	u = store.FolderUsage{ID: f.id, Usage: f.ledger.used, LastUsed: f.lastUse()}
	changed := f.ledger.changed
	f.ledger.changed = false
	f.ledger.mu.Unlock()
	u.Journal = f.journal.Load().unsaved(f.d.now()) // after usage: a journal that a count has ended must not outlive what it found
	if f.marked && f.running == 0 && len(f.d.debts(f.id)) == 0 && f.miscounted.Load() == 0 && (closing || f.d.now().Sub(f.last) >= restBefore) {
		u.Clean = true
		if err := f.d.st.SaveUsage(ctx, []store.FolderUsage{u}); err != nil {
			return u, false, err
		}
		f.saved(u.Journal)
		f.marked = false
		f.touched = false
		return u, false, nil
	}
	some = changed || f.touched || u.Journal != nil || u.LastUsed.Sub(f.savedUse) > time.Minute
	f.touched = false
	if some {
		f.savedUse = u.LastUsed
	}
	return u, some, nil
}

// lastUse is when a request last used the folder since it was opened; zero: none did.
func (f *folder) lastUse() time.Time {
	if ns := f.used.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

func (d *FS) expireLocks() {
	for _, f := range d.openFolders() {
		if err := f.locks.expire(d.ctx); err != nil && d.ctx.Err() == nil {
			d.log.Error("expire locks", "folder", f.id, "error", err)
		}
		f.release()
	}
}

// closeIdle closes folders that nobody uses, so that the number of open directories stays small.
func (d *FS) closeIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for _, f := range d.folders {
		if now.Sub(f.lastUse()) >= idleBefore && now.Sub(f.opened) >= idleBefore && f.atRest() {
			d.forget(f)
			f.close()
		}
	}
	d.forgetUses(now)
}

// Finding is one thing that Check found wrong.
type Finding struct {
	FolderID string `json:"folderId,omitempty"`
	Title    string `json:"title,omitempty"`
	Kind     string `json:"kind"` // "usage", "directory missing", "directory unknown", "unfinished"
	Detail   string `json:"detail"`
	Repaired bool   `json:"repaired"`
}

// Looked is how far a check is.
type Looked struct {
	Folders int   `json:"folders"`
	Of      int   `json:"of"`
	Files   int64 `json:"files"` // and collections, that were found
	Bytes   int64 `json:"bytes"`
}

// Check compares the database with the disk and calls report for each difference, and looked, if it is not nil, after
// each folder. It reads only, unless repair is true: then no server may run on the data. Unknown directories are
// never removed: they may be the only copy of somebody's work.
func (d *FS) Check(ctx context.Context, repair bool, report func(Finding), looked func(Looked)) error {
	rows, err := d.st.Folders(ctx)
	if err != nil {
		return err
	}
	pending, err := d.st.PendingFolders(ctx)
	if err != nil {
		return err
	}
	kept, err := d.st.DeletedFolders(ctx, "")
	if err != nil {
		return err
	}
	known := make(map[string]*volume)
	for _, row := range pending {
		known[row.ID] = d.volumeOf(row) // deleted ones wait for the server
	}
	rows = append(rows, kept...)
	far := Looked{Of: len(rows)}
	for _, row := range rows {
		known[row.ID] = d.volumeOf(row)
		if err := ctx.Err(); err != nil {
			return err
		}
		u, err := d.checkFolder(ctx, row, repair, report)
		if err != nil {
			return err
		}
		far.Folders++
		far.Files += u.Files
		far.Bytes += u.Bytes
		if looked != nil {
			looked(far)
		}
	}
	for _, vol := range d.volumes.all {
		onDisk, err := names(vol.files.FS())
		if err != nil {
			return err
		}
		for _, name := range onDisk {
			if known[name] != vol {
				report(Finding{FolderID: name, Kind: "directory unknown", Detail: vol.show("files/"+name) + " belongs to no folder in the database; it is left as it is"})
			}
		}
	}
	intents, err := d.st.Intents(ctx)
	if err != nil {
		return err
	}
	for _, in := range intents {
		f := Finding{FolderID: in.FolderID, Kind: "unfinished", Detail: in.Kind + " of " + in.Path + " was cut off"}
		if repair {
			if err := d.settleIntent(ctx, in); err != nil {
				return err
			}
			f.Repaired = true
		}
		report(f)
	}
	return nil
}

// checkFolder gives what is on the disk.
func (d *FS) checkFolder(ctx context.Context, row store.Folder, repair bool, report func(Finding)) (store.Usage, error) {
	found := Finding{FolderID: row.ID, Title: row.Title}
	vol := d.volumeOf(row)
	dir, err := openRootFS(vol, row.ID, d.o.Modes)
	if errors.Is(err, fs.ErrNotExist) {
		if !row.Made {
			return store.Usage{}, nil // the server makes it when it starts or notices
		}
		found.Kind, found.Detail = "directory missing", vol.show("files/"+row.ID)+" is not on the disk; restore it from a backup, or remove the folder"
		report(found)
		return store.Usage{}, nil
	}
	if err != nil {
		return store.Usage{}, err
	}
	defer dir.close()
	u, err := count(dir, "")
	if err != nil {
		return store.Usage{}, err
	}
	if u == row.Usage {
		return u, nil
	}
	found.Kind = "usage"
	found.Detail = fmt.Sprintf("on disk %d bytes in %d files, in the database %d bytes in %d files", u.Bytes, u.Files, row.Usage.Bytes, row.Usage.Files)
	if row.Dirty {
		found.Detail += "; the folder was being changed when this was written and is counted at the next start"
	}
	if repair {
		if err := d.st.EndJournal(ctx, row.ID); err != nil { // what it lacks, nobody knows
			return u, err
		}
		if err := d.st.SaveUsage(ctx, []store.FolderUsage{{ID: row.ID, Usage: u, Clean: true, Scanned: d.now()}}); err != nil {
			return u, err
		}
		found.Repaired = true
	}
	report(found)
	return u, nil
}

// hold keeps the sweep from a trash entry that is still to be counted.
func (v *volume) hold(base string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = append(v.holding, base)
}

func (v *volume) unhold(base string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holding = slices.DeleteFunc(v.holding, func(b string) bool { return b == base })
}

func (v *volume) held(base string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.holding, base)
}
