package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// folder is one open folder: everything that its requests share. It is
// authoritative for usage, reservations and locks while it is open (D20).
type folder struct {
	d       *FS
	id      string
	product *store.Product
	root    *rootFS
	fs      *quotaFS
	ledger  *ledger
	names   nameLocker
	amends  nameTable // of those who write parts of files: side by side each would copy for nothing
	locks   *lockTable
	props   *propTable
	syncs   syncGroup
	sums    sumState

	gone  atomic.Bool   // deleted; every further use is fs.ErrNotExist
	kept  time.Time     // with gone: when it was deleted, if it may come back; guarded by FS.mu
	ready chan struct{} // closed when usage is known
	fault error         // why counting failed; after ready guarded by changeMu

	miscounted atomic.Int64 // how often usage went wrong: the folder is to be counted soon

	users              int          // guarded by FS.mu
	ownerID, projectID string       // likewise: whose limits count, as last read
	heeded             uint64       // likewise: the epoch of that
	opened             time.Time    // this time; an epoch of collection ETags
	used               atomic.Int64 // last use by a request, ns since 1970; 0: none since opened

	davUses atomic.Pointer[folderUses] // nil: not used over WebDAV since opened

	changeMu  sync.Mutex
	running   int       // changes that run
	marked    bool      // dirty in SQL
	last      time.Time // end of the last change
	touched   bool      // changed since the last flush
	savedUse  time.Time // last use that SQL was told
	lastStamp int64     // newest modification time given out, in ns
	scanMu    sync.Mutex
	countAt   time.Time     // when to try again after miscounted could not be mended
	countWait time.Duration // before that

	journal   atomic.Pointer[journal] // nil: nobody follows the folder
	journalMu sync.Mutex              // held to begin one

	versionMu   sync.Mutex
	version     uint64            // of the last change below the root
	forgotten   uint64            // version when versions was emptied, for directories not in it
	versions    map[string]uint64 // of the last change below each directory, since then
	announced   map[string]int    // changes that are under way below each directory
	movingTrees int               // of the whole folder's: collections that are on their way
	treeMoves   uint64            // those that have moved
}

// mostVersions bounds the memory for collection ETags: beyond it they all change.
const mostVersions = 100_000

// open returns the folder, opened if it was not; release it. fs.ErrNotExist if
// there is none, or it is deleted.
func (d *FS) open(ctx context.Context, id string) (*folder, error) {
	for {
		d.mu.Lock()
		if f := d.folders[id]; f != nil {
			f.users++
			d.mu.Unlock()
			return f, nil
		}
		wait, busy := d.opening[id]
		if !busy {
			wait = make(chan struct{})
			d.opening[id] = wait
			d.mu.Unlock()
			f, err := d.load(ctx, id)
			d.mu.Lock()
			if err == nil {
				f.users = 1
				d.folders[id] = f
				delete(d.closed, id)
				if f.marked {
					f.users++
					d.background.Go(func() {
						f.countAfterCrash(d.ctx)
						f.release()
					})
				}
			}
			delete(d.opening, id)
			d.mu.Unlock()
			close(wait)
			if err != nil {
				return nil, err
			}
			// A change between reading the row and now found no open folder to tell. Any other
			// error says nothing; then reread makes up for it.
			epoch := d.st.Epoch()
			row, err := d.st.Folder(context.WithoutCancel(ctx), id)
			if errors.Is(err, fs.ErrNotExist) || err == nil && !row.Deleted.IsZero() {
				d.mu.Lock()
				delete(d.folders, id)
				d.mu.Unlock()
				f.retire(context.WithoutCancel(ctx), row.Deleted)
			} else if err == nil {
				f.heed(row, epoch)
				if err := d.move(context.WithoutCancel(ctx), f.ledger, row); err != nil {
					d.log.Warn("count folder for its workspace", "folder", id, "error", err)
				}
			}
			return f, nil
		}
		d.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// release ends a use. A folder that nobody uses any more stays open for the next, unless very many are.
func (f *folder) release() {
	d := f.d
	d.mu.Lock()
	f.users--
	last := f.users == 0 && f.gone.Load()
	if last {
		d.mu.Unlock()
		f.retired()
		return
	}
	if len(d.folders) > d.mostOpen && d.folders[f.id] == f && f.atRest() {
		d.forget(f)
		last = true
	}
	d.mu.Unlock()
	if last {
		f.close()
	}
}

// forget takes a folder at rest out of the open ones. FS.mu is held.
func (d *FS) forget(f *folder) {
	delete(d.folders, f.id)
	f.ledger.mu.Lock()
	d.closed[f.id] = f.ledger.used
	f.ledger.mu.Unlock()
	d.detachLocked(f.ledger, true)
}

// atRest says whether the folder may be closed: nobody uses it, SQL knows all that it knows, and it
// has no locks. FS.mu is held.
func (f *folder) atRest() bool {
	if f.users > 0 || f.locks.held.Load() > 0 || f.locks.unsaved() {
		return false
	}
	f.changeMu.Lock()
	defer f.changeMu.Unlock()
	return !f.marked && !f.touched && f.miscounted.Load() == 0 && f.journal.Load().unsaved(f.d.now()) == nil
}

// use notes that a request uses the folder. Background work does not count.
func (f *folder) use() { f.used.Store(f.d.now().UnixNano()) }

func (f *folder) close() {
	f.root.close()
}

// load reads a folder's rows and opens its directory.
func (d *FS) load(ctx context.Context, id string) (*folder, error) {
	row, err := d.st.Folder(ctx, id)
	if err != nil {
		return nil, err
	}
	if !row.Deleted.IsZero() {
		return nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
	if !row.Made {
		if err := d.make(ctx, row); err != nil {
			return nil, err
		}
	}
	saved, err := d.st.Locks(ctx, id)
	if err != nil {
		return nil, err
	}
	index, err := d.st.PropPaths(ctx, id)
	if err != nil {
		return nil, err
	}
	languages, err := d.st.PropValues(ctx, id, languageName)
	if err != nil {
		return nil, err
	}
	journal, err := d.loadJournal(ctx, row)
	if err != nil {
		return nil, err
	}
	root, err := openRootFS(d.volumeOf(row), id, d.o.Modes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("folder %s: its directory is missing from the disk: %w", id, store.ErrOffline)
	}
	if err != nil {
		return nil, err
	}
	if saved, err = d.standing(ctx, root, saved); err != nil {
		root.close()
		return nil, err
	}
	now := d.now()
	f := &folder{
		d: d, id: id, ownerID: row.OwnerID, projectID: row.ProjectID, product: d.o.Products.Of(row.Product), opened: now, root: root, ledger: &ledger{id: id, used: row.Usage, reserved: d.keptReserve(id)}, names: new(nameTable),
		props: newPropTable(d.st, id, index, languages), ready: make(chan struct{}), marked: row.Dirty,
		lastStamp: now.UnixNano(), versions: make(map[string]uint64), announced: make(map[string]int),
	}
	f.journal.Store(journal)
	f.locks = newLockTable(d.st, saved, lockOptions{now: d.now, counts: d.counts, defaultTimeout: d.o.LockTimeout, maxTimeout: d.o.MaxLockTimeout})
	f.fs = &quotaFS{fileSystem: root, ledger: f.ledger}
	f.ledger.limit(f.product.Effective(row, d.o.Defaults))
	if err := d.attach(ctx, f.ledger, row, row.Dirty); err != nil {
		root.close()
		return nil, err
	}
	if !row.Dirty {
		close(f.ready)
		return f, nil
	}
	return f, nil // open has it counted
}

// standing are the locks whose resources exist. A lock on a new name is in SQL before
// its file is seen, so a crash can leave one without. It is removed: its client has never heard of it.
func (d *FS) standing(ctx context.Context, root *rootFS, saved []store.Lock) ([]store.Lock, error) {
	var stand []store.Lock
	var gone []string
	for _, l := range saved {
		_, err := root.Lstat(l.Path)
		switch {
		case err == nil:
			stand = append(stand, l)
		case errors.Is(err, fs.ErrNotExist):
			gone = append(gone, l.Token)
		default:
			return nil, err
		}
	}
	return stand, d.st.DeleteLocks(ctx, gone...)
}

// countAfterCrash finds the usage of a folder that was being changed when the server ended.
// Nobody writes before it is known.
func (f *folder) countAfterCrash(ctx context.Context) {
	f.d.counting <- struct{}{} // a few at a time
	defer func() { <-f.d.counting }()
	begun := f.d.now()
	var u store.Usage
	err := walkTree(f.root, "", func(_ string, i Info) error {
		u = plus(u, i.usage())
		return ctx.Err()
	})
	if err != nil {
		f.fault = err
		if ctx.Err() == nil {
			f.d.log.Error("count folder", "folder", f.id, "error", err)
		}
	} else {
		f.ledger.mu.Lock()
		f.ledger.counted(u)
		f.ledger.mu.Unlock()
		f.d.log.Info("folder counted after an unclean stop", "folder", f.id, "bytes", u.Bytes, "files", u.Files, "took", f.d.now().Sub(begun))
	}
	f.dropStaleProps(ctx)
	f.ledger.mu.Lock()
	w := f.ledger.workspace
	f.ledger.mu.Unlock()
	w.count(f.id)
	close(f.ready)
}

// dropStaleProps removes the dead properties of resources that are gone: a crash can come
// between a COPY over them and the end of their rows. They count for nothing (D15), but nobody else would remove them.
func (f *folder) dropStaleProps(ctx context.Context) {
	for name, id := range f.props.tree("") {
		i, err := f.root.Lstat(name)
		if err == nil && i.Identity() == id || err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := f.d.st.SetProps(ctx, f.id, name, i.Identity(), nil, nil); err != nil {
			f.d.log.Error("drop stale properties", "folder", f.id, "error", err)
			return
		}
		f.props.note(name, id, false)
	}
}

func (f *folder) errGone(name string) error {
	return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (f *folder) usage() (Usage, error) {
	free, err := f.root.vol.free()
	if err != nil {
		return Usage{}, err
	}
	return f.ledger.usage(free), nil
}

// begin comes before every change: it waits until usage is known and marks the
// folder dirty in SQL if it is not yet (D11). end must follow.
func (f *folder) begin(ctx context.Context) error {
	select {
	case <-f.ready:
	default:
		timer := time.NewTimer(countWait)
		defer timer.Stop()
		select {
		case <-f.ready:
		case <-timer.C:
			return fmt.Errorf("the folder is being counted after an unclean stop: %w", store.ErrBusy)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.d.limited.Load() {
		f.ledger.mu.Lock()
		w := f.ledger.workspace
		f.ledger.mu.Unlock()
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
	f.changeMu.Lock()
	defer f.changeMu.Unlock()
	if f.fault != nil {
		return fmt.Errorf("the folder could not be counted (%w): %w", f.fault, store.ErrBusy)
	}
	if f.gone.Load() {
		return f.errGone("")
	}
	if !f.marked {
		if err := f.d.st.MarkDirty(ctx, f.id); err != nil {
			return fmt.Errorf("mark folder dirty: %w", err)
		}
		f.marked = true
	}
	f.running++
	return nil
}

func (f *folder) end() {
	f.changeMu.Lock()
	f.running--
	f.last = f.d.now()
	f.touched = true
	f.changeMu.Unlock()
}

// stamp is the modification time of a new version of a file: now, or the time that
// the client gave, in whole seconds; its nanoseconds are never given twice in a row of changes (D14).
func (f *folder) stamp(given time.Time) time.Time {
	f.changeMu.Lock()
	defer f.changeMu.Unlock()
	f.lastStamp = max(f.d.now().UnixNano(), f.lastStamp+1)
	if given.IsZero() {
		return time.Unix(0, f.lastStamp)
	}
	return time.Unix(given.Unix(), f.lastStamp%1e9)
}

// changeKind says what became of a name.
type changeKind uint8

const (
	changeFile   changeKind = iota // a file was made or replaced
	changeTree                     // a collection was made or replaced, with all that is in it now
	changeProps                    // properties of what is there
	changeRemove                   // a file is gone
	changeGone                     // a collection is gone or replaced, with all that was in it
)

// changed notes what happened to a name, which is still locked, for the ETags of the collections above it
// and for those who follow the folder. A collection that is replaced is gone first.
func (f *folder) changed(kind changeKind, name string) {
	if j := f.journal.Load(); j != nil {
		j.note(kind, name)
	}
	f.versionMu.Lock()
	defer f.versionMu.Unlock()
	f.version++
	if len(f.versions) > mostVersions {
		f.versions, f.forgotten = make(map[string]uint64), f.version
	}
	if kind == changeTree {
		f.versions[name] = f.version
	}
	for name != "" {
		name = parentOf(name)
		f.versions[name] = f.version
	}
}

// collectionETag is the entity tag of a directory: it changes with every change below
// that goes through Davit, and with the directory itself (D14).
func (f *folder) collectionETag(name string, i Info) string {
	return string(f.appendCollectionETag(make([]byte, 0, 48), name, i))
}

func (f *folder) appendCollectionETag(b []byte, name string, i Info) []byte {
	f.versionMu.Lock()
	v, ok := f.versions[name]
	if !ok {
		v = f.forgotten
	}
	f.versionMu.Unlock()
	b = strconv.AppendUint(append(b, '"'), i.Ino, 16)
	b = strconv.AppendUint(append(b, '-'), uint64(f.opened.UnixNano()), 16)
	b = strconv.AppendUint(append(b, '-'), v, 16)
	return append(b, '"')
}
