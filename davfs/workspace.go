package davfs

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// workspace is the account of all folders of one workspace in one category of products: open ones, closed ones, and those
// that are deleted and kept (D23). Every change of a folder's ledger changes it in the same step, so that its limit is as
// exact as a folder's (D10). It lives while one of its folders is open; what is not open comes from SQL.
//
// A ledger takes and gives with atomic operations alone. Which ledgers belong to it changes under mu.
type workspace struct {
	key   workspaceKey
	users int // open folders, and who is about to open one; guarded by FS.mu

	max   atomic.Int64 // bytes; 0: no limit
	taken atomic.Int64 // bytes used and reserved, of all its folders
	dirty atomic.Int32 // len(uncounted)

	loading sync.Mutex // held while the rows are read for the first time
	loaded  bool

	mu        sync.Mutex
	open      map[string]*ledger
	closed    map[string]int64 // what those hold that are not open
	uncounted map[string]bool  // folders that were being changed at a crash (D11)
	counted   chan struct{}    // closed when there are none left
	moves     uint64           // how often a folder came to open or to closed
}

type workspaceKey struct{ id, category string }

// take adds n bytes, of which some grow the workspace if grows is set: then its limit must allow that. A nil workspace
// has no limit.
func (w *workspace) take(n int64, grows bool) error {
	if w == nil || n == 0 && !grows {
		return nil
	}
	for {
		taken := w.taken.Load()
		if max := w.max.Load(); grows && max > 0 && (taken > max-n || n > max) {
			return &LimitError{Kind: LimitWorkspace, Limit: max, Used: taken, Wanted: n}
		}
		if w.taken.CompareAndSwap(taken, taken+n) {
			return nil
		}
	}
}

// add is take for what needs no leave.
func (w *workspace) add(n int64) {
	if w != nil {
		w.taken.Add(n)
	}
}

// rest is what the workspace may still take; ok is false if it has no limit.
func (w *workspace) rest() (n int64, ok bool) {
	if w == nil {
		return 0, false
	}
	max := w.max.Load()
	return max - w.taken.Load(), max > 0
}

// keyOf is the account that a folder belongs to.
func (d *FS) keyOf(row store.Folder) workspaceKey {
	return workspaceKey{row.WorkspaceID(), d.o.Products.Of(row.Product).CategoryKey()}
}

// workspace gives the account of a folder, loaded; leave must follow.
func (d *FS) workspace(ctx context.Context, key workspaceKey) (*workspace, error) {
	d.mu.Lock()
	w := d.workspaces[key]
	if w == nil {
		w = &workspace{key: key, open: make(map[string]*ledger), closed: make(map[string]int64), uncounted: make(map[string]bool)}
		d.workspaces[key] = w
	}
	w.users++
	d.mu.Unlock()
	w.loading.Lock()
	defer w.loading.Unlock()
	if w.loaded {
		return w, nil
	}
	if err := d.refresh(ctx, w); err != nil {
		d.leave(w)
		return nil, err
	}
	w.loaded = true
	return w, nil
}

func (d *FS) leave(w *workspace) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaveLocked(w)
}

// leaveLocked is leave for who holds FS.mu.
func (d *FS) leaveLocked(w *workspace) {
	if w.users--; w.users == 0 && d.workspaces[w.key] == w {
		delete(d.workspaces, w.key)
	}
}

// refresh reads what SQL knows about a workspace: its limit, and the folders that are not open.
func (d *FS) refresh(ctx context.Context, w *workspace) error {
	for {
		w.mu.Lock()
		moves := w.moves
		w.mu.Unlock()
		limits, err := d.st.WorkspaceLimits(ctx, w.key.id)
		if err != nil {
			return fmt.Errorf("limits of workspace %s: %w", w.key.id, err)
		}
		rows, err := d.st.WorkspaceFolders(ctx, w.key.id)
		if err != nil {
			return fmt.Errorf("folders of workspace %s: %w", w.key.id, err)
		}
		reserved := d.keptReserves()
		d.mu.Lock()
		retiring := maps.Clone(d.retiring)
		d.mu.Unlock()
		w.mu.Lock()
		if w.moves != moves { // a folder was opened or closed meanwhile: its row may be of before
			w.mu.Unlock()
			continue
		}
		w.max.Store(d.o.Products.WorkspaceMax(limits, w.key.category))
		seen := make(map[string]bool, len(rows))
		for _, row := range rows {
			if d.keyOf(row) != w.key || w.open[row.ID] != nil {
				continue
			}
			seen[row.ID] = true
			w.close(row.ID, row.Usage.Bytes+reserved[row.ID].Bytes)
			if row.Dirty && !w.uncounted[row.ID] && retiring[row.ID] == 0 { // its usage was just written, and will be again
				w.uncount(row.ID)
				if row.Deleted.IsZero() { // else followDeletion counts it
					d.background.Go(func() { d.countFor(w, row.ID) })
				}
			}
		}
		for id := range w.closed {
			if !seen[id] {
				w.forget(id)
			}
		}
		w.mu.Unlock()
		return nil
	}
}

// countFor has a folder counted that was being changed at a crash. One that cannot be opened cannot grow either.
func (d *FS) countFor(w *workspace, id string) {
	f, err := d.open(d.ctx, id) // begins the count, and count tells w
	if err != nil {
		w.count(id)
		return
	}
	f.release()
}

// close notes what a folder holds that is not open. w.mu is held.
func (w *workspace) close(id string, bytes int64) {
	w.taken.Add(bytes - w.closed[id])
	w.closed[id] = bytes
}

// forget: the folder does not belong here. w.mu is held.
func (w *workspace) forget(id string) {
	w.taken.Add(-w.closed[id])
	delete(w.closed, id)
	w.countLocked(id)
}

// uncount notes that what a folder holds is not known. w.mu is held.
func (w *workspace) uncount(id string) {
	if len(w.uncounted) == 0 {
		w.counted = make(chan struct{})
	}
	w.uncounted[id] = true
	w.dirty.Store(int32(len(w.uncounted)))
}

// count notes that what the folder holds is known, or will not be.
func (w *workspace) count(id string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.countLocked(id)
}

func (w *workspace) countLocked(id string) {
	if !w.uncounted[id] {
		return
	}
	delete(w.uncounted, id)
	w.dirty.Store(int32(len(w.uncounted)))
	if len(w.uncounted) == 0 {
		close(w.counted)
	}
}

// wait waits until all folders of a limited workspace are counted after a crash (D11), but not for long: store.ErrBusy.
func (w *workspace) wait(ctx context.Context) error {
	if w == nil || w.dirty.Load() == 0 || w.max.Load() == 0 {
		return nil
	}
	w.mu.Lock()
	counted := w.counted
	w.mu.Unlock()
	timer := time.NewTimer(countWait)
	defer timer.Stop()
	select {
	case <-counted:
		return nil
	case <-timer.C:
		return fmt.Errorf("folders of the workspace are being counted after an unclean stop: %w", store.ErrBusy)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attach makes an open folder part of its workspace's account; detach must follow. uncounted says that what it holds is
// not known yet.
func (d *FS) attach(ctx context.Context, l *ledger, row store.Folder, uncounted bool) error {
	w, err := d.workspace(ctx, d.keyOf(row))
	if err == nil {
		w.attach(l, uncounted)
	}
	return err
}

// attach is FS.attach for who holds the workspace: from now on the folder does.
func (w *workspace) attach(l *ledger, uncounted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moves++
	if old := w.open[l.id]; old != nil { // of a folder that was deleted and restored while a request still holds it
		old.mu.Lock()
		w.taken.Add(-old.total())
		old.workspace = nil
		old.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.open[l.id], l.workspace, l.attached = l, w, w
	w.taken.Add(l.total() - w.closed[l.id])
	delete(w.closed, l.id)
	switch {
	case uncounted && !w.uncounted[l.id]:
		w.uncount(l.id)
	case !uncounted:
		w.countLocked(l.id)
	}
}

// detachLocked ends what attach began; its bytes count on if stays is set. FS.mu is held.
func (d *FS) detachLocked(l *ledger, stays bool) {
	l.mu.Lock()
	w := l.attached
	l.attached = nil
	l.mu.Unlock()
	if w == nil {
		return
	}
	w.mu.Lock()
	if w.open[l.id] == l {
		w.moves++
		delete(w.open, l.id)
		l.mu.Lock()
		w.taken.Add(-l.total())
		if stays {
			w.close(l.id, l.total())
		} else {
			w.countLocked(l.id)
		}
		l.workspace = nil
		l.mu.Unlock()
	}
	w.mu.Unlock()
	d.leaveLocked(w)
}

func (d *FS) detach(l *ledger, stays bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.detachLocked(l, stays)
}

// drop takes a folder that is deleted for good out of its workspace's account, open or not.
func (d *FS) drop(row store.Folder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.workspaces[d.keyOf(row)]
	if w == nil {
		return
	}
	w.mu.Lock()
	l := w.open[row.ID]
	if l == nil {
		w.moves++
		w.forget(row.ID)
	}
	w.mu.Unlock()
	if l != nil {
		d.detachLocked(l, false)
	}
}

// move brings an open folder to the workspace that its row says now.
func (d *FS) move(ctx context.Context, l *ledger, row store.Folder) error {
	l.mu.Lock()
	w := l.workspace
	l.mu.Unlock()
	if w == nil || w.key == d.keyOf(row) {
		return nil
	}
	to, err := d.workspace(ctx, d.keyOf(row)) // before it leaves the other: if this fails, it stays there
	if err != nil {
		return err
	}
	w.mu.Lock()
	uncounted := w.uncounted[l.id]
	w.mu.Unlock()
	d.detach(l, false)
	to.attach(l, uncounted)
	return nil
}

// refreshTouched reads again what SQL knows about the workspaces of open folders that changes were about, or about all.
func (d *FS) refreshTouched(ctx context.Context, touched map[store.Touch]bool, all bool) error {
	var folders []string
	for t := range touched {
		if t.Kind == store.TouchFolder {
			folders = append(folders, t.ID)
		}
	}
	d.mu.Lock()
	held := make([]*workspace, 0, len(d.workspaces))
	for _, w := range d.workspaces {
		if all || touched[store.Touch{Kind: store.TouchUser, ID: w.key.id}] || touched[store.Touch{Kind: store.TouchProject, ID: w.key.id}] || w.hasClosed(folders) {
			w.users++
			held = append(held, w)
		}
	}
	d.mu.Unlock()
	var err error
	for _, w := range held {
		if err == nil {
			err = d.refresh(ctx, w)
		}
		d.leave(w)
	}
	return err
}

// hasClosed says whether one of some folders belongs to the workspace and is not open: of open ones SQL knows nothing
// that counts here.
func (w *workspace) hasClosed(ids []string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(ids, func(id string) bool { _, ok := w.closed[id]; return ok })
}

// SetWorkspaceLimit is store.SetWorkspaceLimit, by a category's key, and holds when it returns.
func (d *FS) SetWorkspaceLimit(ctx context.Context, workspaceID, category string, maxBytes int64) error {
	if err := d.st.SetWorkspaceLimit(ctx, workspaceID, d.o.Products.CategoryColumn(category), maxBytes); err != nil {
		return err
	}
	d.limited.Store(true)
	d.mu.Lock()
	w := d.workspaces[workspaceKey{workspaceID, category}]
	if w != nil {
		w.users++
	}
	d.mu.Unlock()
	if w == nil {
		return nil
	}
	defer d.leave(w)
	return d.refresh(context.WithoutCancel(ctx), w)
}

// WorkspaceUsage is what a workspace holds and may hold at this moment, by category.
func (d *FS) WorkspaceUsage(ctx context.Context, workspaceID string) ([]store.CategoryUsage, error) {
	limits, err := d.st.WorkspaceLimits(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	rows, err := d.st.WorkspaceFolders(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	now, err := d.Usages(rows)
	if err != nil {
		return nil, err
	}
	reserved := make(map[string]int64)
	for i := range rows {
		rows[i].Usage = now[i].Usage
		reserved[d.o.Products.Of(rows[i].Product).CategoryKey()] += now[i].ReservedBytes
	}
	all := d.o.Products.WorkspaceUsage(rows, limits)
	for i := range all {
		all[i].Reserved = reserved[all[i].Category]
	}
	return all, nil
}

// restOf is rest for a folder that need not be open; a workspace without a limit has as much as there can be. What it
// found out it keeps in known.
func (d *FS) restOf(row store.Folder, known map[workspaceKey]int64) (int64, error) {
	key := d.keyOf(row)
	if n, ok := known[key]; ok {
		return n, nil
	}
	n := int64(math.MaxInt64)
	if d.limited.Load() {
		w, err := d.workspace(d.ctx, key)
		if err != nil {
			return 0, err
		}
		if rest, ok := w.rest(); ok {
			n = rest
		}
		d.leave(w)
	}
	known[key] = n
	return n, nil
}

// noteLimited finds out whether any workspace may have a limit.
func (d *FS) noteLimited(ctx context.Context) error {
	for _, p := range d.o.Products.List() {
		if p.WorkspaceMaxBytes > 0 {
			d.limited.Store(true)
			return nil
		}
	}
	limited, err := d.st.AnyWorkspaceLimit(ctx)
	if err == nil {
		d.limited.Store(limited)
	}
	return err
}
