package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"davit/store"
)

// Scan counts what a folder really holds, with what was put there by hand, and
// makes that its usage. Changes go on meanwhile.
func (d *FS) Scan(ctx context.Context, id string) (store.Usage, error) {
	f, err := d.open(ctx, id)
	if err != nil {
		return store.Usage{}, err
	}
	defer f.release()
	f.scanMu.Lock()
	defer f.scanMu.Unlock()
	select {
	case <-f.ready:
	case <-ctx.Done():
		return store.Usage{}, ctx.Err()
	}
	row, err := d.st.Folder(ctx, id)
	if err != nil {
		return store.Usage{}, err
	}
	begun := d.now()
	was := f.ledger.current()
	u, err := f.recount(ctx)
	if err != nil {
		return store.Usage{}, err
	}
	f.changeMu.Lock()
	f.fault = nil // a count after a crash may have failed; this one did not
	f.changeMu.Unlock()
	if err := d.sums.sweep(ctx, f, begun); err != nil {
		return store.Usage{}, fmt.Errorf("checksums: %w", err)
	}
	if err := f.forgetTrashed(ctx, begun); err != nil {
		return store.Usage{}, fmt.Errorf("trash: %w", err)
	}
	// Not Clean: a change may have begun since, and its mark must stay.
	saved := store.FolderUsage{ID: id, Usage: f.ledger.current(), Scanned: begun}
	saved.Journal = f.journal.Load().unsaved(d.now())
	if row.Rescan.After(begun) { // the clock was set back since; what was asked for is done all the same
		saved.Scanned = row.Rescan
	}
	if err := d.st.SaveUsage(ctx, []store.FolderUsage{saved}); err != nil {
		return store.Usage{}, err
	}
	f.saved(saved.Journal)
	d.log.Info("folder scanned", "folder", id, "bytes", u.Bytes, "files", u.Files, "was_bytes", was.Bytes, "was_files", was.Files, "took", d.now().Sub(begun))
	return u, nil
}

// countAgain counts the folders whose usage may be wrong, until that succeeds; after a failure it waits
// longer and longer.
func (d *FS) countAgain() {
	for _, f := range d.openFolders() {
		if f.miscounted.Load() > 0 {
			d.background.Go(func() {
				if err := f.mendCount(d.ctx); err != nil && d.ctx.Err() == nil {
					d.log.Error("scan folder", "folder", f.id, "error", err)
				}
				f.release()
			})
			continue
		}
		f.release()
	}
}

func (f *folder) mendCount(ctx context.Context) error {
	f.changeMu.Lock()
	if f.d.now().Before(f.countAt) {
		f.changeMu.Unlock()
		return nil
	}
	f.countWait = min(max(2*f.countWait, flushEvery), time.Hour)
	f.countAt = f.d.now().Add(f.countWait)
	f.changeMu.Unlock()
	times := f.miscounted.Load()
	if _, err := f.d.Scan(ctx, f.id); err != nil {
		return err
	}
	f.changeMu.Lock()
	f.countAt, f.countWait = time.Time{}, 0
	f.changeMu.Unlock()
	f.miscounted.CompareAndSwap(times, 0) // else it went wrong once more meanwhile
	return nil
}

// scanAsked counts a folder until no count is wanted that had not begun when it was asked for.
func (d *FS) scanAsked(id string) {
	for running := false; !running; _, running = d.scanning.LoadOrStore(id, true) {
		_, err := d.Scan(d.ctx, id)
		d.scanning.Delete(id) // before the look at the row: who asks later finds that none runs
		var row store.Folder
		if err == nil {
			row, err = d.st.Folder(d.ctx, id)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && d.ctx.Err() == nil {
			d.log.Error("scan folder", "folder", id, "error", err)
		}
		if err != nil || !row.Rescan.After(row.Scanned) {
			return
		}
	}
}

// recountTries is how often a count is begun again because a directory moved, before
// it holds all changes up.
const recountTries = 3

func (f *folder) recount(ctx context.Context) (store.Usage, error) {
	for range recountTries {
		u, ok, err := f.countBeside(ctx)
		if ok || err != nil {
			return u, err
		}
	}
	unlock, err := f.names.lock(ctx, "")
	if err != nil {
		return store.Usage{}, err
	}
	defer unlock()
	u, err := count(f.fs, "")
	if err != nil {
		return store.Usage{}, err
	}
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	f.recounted(u)
	return u, nil
}

// recounted takes what a count of a folder in use found; the ledger is locked. If that is news, somebody has changed
// files by hand.
func (f *folder) recounted(u store.Usage) {
	if u != f.ledger.used {
		f.missed()
	}
	f.ledger.counted(u)
}

// countBeside counts directory by directory, each while its members hold still. A change in
// a directory that was counted is added by the ledger; if a directory moved, ok is
// false and the count worth nothing.
func (f *folder) countBeside(ctx context.Context) (u store.Usage, ok bool, err error) {
	l := f.ledger
	r := &recount{visited: make(map[string]bool)}
	l.mu.Lock()
	l.recount = r
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.recount = nil
		if ok = err == nil && !r.spoiled; ok {
			u = plus(u, r.extra)
			f.recounted(u)
		}
	}()
	dirs := []string{""}
	for len(dirs) > 0 {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		unlock, err := f.names.lock(ctx, dir)
		if err != nil {
			return u, false, err
		}
		l.mu.Lock()
		known := r.visited[dir] // made after its parent was counted
		r.visited[dir] = true
		l.mu.Unlock()
		if !known {
			err = f.fs.List(dir, func(i Info) error {
				u = plus(u, i.usage())
				if i.Dir {
					dirs = append(dirs, member(dir, i.Name))
				}
				return nil
			})
		}
		unlock()
		if errors.Is(err, fs.ErrNotExist) {
			return u, false, nil
		}
		if err != nil {
			return u, false, err
		}
	}
	return u, true, nil
}

func (l *ledger) current() store.Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// rescanLoop counts every folder once in rescanEvery, for what changed by hand.
func (d *FS) rescanLoop() {
	tick := time.NewTicker(rescanEvery / 24)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		rows, err := d.st.Folders(d.ctx)
		if err != nil {
			d.log.Error("rescan", "error", err)
			continue
		}
		for _, row := range rows {
			if d.ctx.Err() != nil {
				return
			}
			last := row.Scanned
			if last.IsZero() {
				last = row.Created
			}
			if d.now().Sub(last) < rescanEvery {
				continue
			}
			if _, err := d.Scan(d.ctx, row.ID); err != nil && d.ctx.Err() == nil {
				d.log.Error("rescan", "folder", row.ID, "error", err)
			}
		}
	}
}
