// Package davfs is the bytes of the folders and the WebDAV door to them (RFC 4918).
//
// A folder is a directory of plain files. Every door reaches it through the same
// chain: the volume's os.Root, a fileSystem over one folder's directory that never
// leaves it and never follows a link (rootfs.go), the same with the folder's
// limits (quotafs.go), and a Tree, which is one folder as one principal may use it
// in one request: rights, locks, preconditions, durability (tree.go, upload.go, transfer.go,
// amend.go for parts of files).
// The handler (handler.go, then one file per method or topic) speaks WebDAV on top. Uploads that outlive
// their request (pending.go) are the tree's as well, but their protocol is another door's.
//
// What an open folder knows beside the disk is in memory first: usage (ledger.go), locks (locks.go), which
// resources have dead properties (proptable.go), which checksums (sumtable.go), what changed for those who
// follow it (journal.go).
//
// Every answer tells what is on the disk at that moment, with one exception: a listing that is asked for
// again and again comes from memory for up to a second (listings.go), but never after a change that was made
// through Davit; so only what others change on the disk behind it is listed up to a second late.
//
// It knows RFC 4918 and the disk; it does not know who may sign in (Access tells
// it), no router, and no SQL: rows are package store's.
package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Sync says what is on the disk before a change is acknowledged (D18).
type Sync string

// SyncFull: content and names, also of MKCOL, COPY, MOVE and DELETE. SyncFile: the
// content of uploads. SyncNone: nothing is waited for.
const (
	SyncFull Sync = "full"
	SyncFile Sync = "file"
	SyncNone Sync = "none"
)

// ParseSync reads the value of --sync.
func ParseSync(s string) (Sync, error) {
	switch v := Sync(s); v {
	case SyncFull, SyncFile, SyncNone:
		return v, nil
	}
	return "", fmt.Errorf("sync is %q: must be full, file or none", s)
}

// Options are the settings of an FS.
type Options struct {
	Dir      string          // the default volume
	Sync     Sync            // "" is SyncFull
	Defaults store.Limits    // of folders whose owner has none of his own
	Products *store.Products // tiers of storage; nil: the default one alone
	Modes    Modes           // zero: 0644 and 0755, the server's own user
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now

	// FixedTimes refuses PROPPATCH of lastmodified and getlastmodified, which else set the time of
	// modification (PRO-10).
	FixedTimes bool
	// RefuseNames are patterns, as path.Match knows them, of names that nobody may make (URL-10). Letter
	// case does not matter.
	RefuseNames []string

	// LockTimeout is what a lock gets that asks for none or for ever, MaxLockTimeout the
	// most it gets; zero: an hour and a day.
	LockTimeout, MaxLockTimeout time.Duration

	// UploadExpiry is how long a pending upload waits for its next byte; zero: a day.
	UploadExpiry time.Duration

	// KeepDeleted is how long a folder that was deleted for a while can be restored; zero: not at all (D23).
	KeepDeleted time.Duration
}

// Times of the background work.
const (
	flushEvery  = 500 * time.Millisecond // usage to SQL
	restBefore  = 60 * time.Second       // without a change before a folder is marked clean (D11)
	idleBefore  = 10 * time.Minute       // without a use before a folder is closed
	rescanEvery = 24 * time.Hour
	rereadEvery = 10 * time.Minute // the rows of all open folders, whether or not they changed
	countWait   = 10 * time.Second // that a write waits for a count after a crash
)

// FS is all folders' bytes. Its methods are safe for concurrent use.
//
// Who holds one of these may take those that stand behind it, never one before it:
//
//  1. FS.reconcile, folder.scanMu, folder.journalMu, sumTable.flushing: one piece of work at a time
//  2. the turn of a pending upload (pending.take), then that of a name (folder.amends)
//  3. names of a folder (folder.names), sorted; of two folders in the order of their IDs
//  4. workspace.loading
//  5. FS.mu
//  6. folder.changeMu
//  7. pending.mu
//  8. workspace.mu
//  9. ledger.mu; of two folders in the order of their IDs
//  10. journal.mu
//
// Every other mutex is the last one that is taken, but lockTable.mu, under which lockCounts.mu is. SQL
// is waited for under 1 to 4, and under folder.changeMu by begin and toSave: they use the
// folder, and who holds FS.mu looks at changeMu only where nobody does (atRest).
type FS struct {
	st       *store.Store
	o        Options
	log      *slog.Logger
	now      func() time.Time
	volumes  volumes
	counts   *lockCounts
	sums     *sumTable
	listings listingCache
	start    int64 // of this run, ns since 1970

	useCount atomic.Int64 // clients in davUses

	mu         sync.Mutex
	folders    map[string]*folder          // open ones
	closed     map[string]store.Usage      // of folders that were open since the start: newer than rows that somebody remembers
	davUses    map[string]*folderUses      // by folder ID; also of folders that were closed lately
	retiring   map[string]int              // folders that are deleted and still in use
	workspaces map[workspaceKey]*workspace // of the open folders
	opening    map[string]chan struct{}
	mostOpen   int // folders that stay open without a use: each is a descriptor, and uploads need some too

	oweMu sync.Mutex
	owed  []store.Intent // of changes whose rows could not follow yet
	owing atomic.Int32   // how many

	limited atomic.Bool // some workspace may have a limit

	background sync.WaitGroup
	stop       context.CancelFunc
	ctx        context.Context // ends with Close
	sweep      chan struct{}   // there is trash
	counting   chan struct{}   // counts after a crash that run
	reconcile  sync.Mutex
	followed   uint64    // store.Epoch whose changes the open folders know; guarded by reconcile
	rereadAll  time.Time // when all were last looked at; likewise
	scanning   sync.Map  // IDs of folders that scanAsked counts
	kept       keptUploads
	counters   counters
	tally      tally
}

// New opens the volume and makes its directories. Nothing runs until Start.
func New(st *store.Store, o Options) (*FS, error) {
	if o.Sync == "" {
		o.Sync = SyncFull
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Modes == (Modes{}) {
		o.Modes = Modes{File: 0o644, Dir: 0o755, UID: -1, GID: -1}
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = time.Hour
	}
	if o.MaxLockTimeout == 0 {
		o.MaxLockTimeout = 24 * time.Hour
	}
	refused, err := foldPatterns(o.RefuseNames)
	if err != nil {
		return nil, err
	}
	o.RefuseNames = refused
	if o.UploadExpiry == 0 {
		o.UploadExpiry = 24 * time.Hour
	}
	if o.Products == nil {
		if o.Products, err = store.NewProducts(nil); err != nil {
			return nil, err
		}
	}
	all, err := openVolumes(st, o)
	if err != nil {
		return nil, err
	}
	d := &FS{
		st: st, o: o, log: o.Log, now: o.Now, volumes: all, counts: new(lockCounts), sums: newSumTable(st), start: o.Now().UnixNano(),
		folders: make(map[string]*folder), closed: make(map[string]store.Usage), opening: make(map[string]chan struct{}), retiring: make(map[string]int), workspaces: make(map[workspaceKey]*workspace), davUses: make(map[string]*folderUses),
		sweep: make(chan struct{}, 1), counting: make(chan struct{}, 2), mostOpen: openFiles() / 4,
		kept: keptUploads{all: make(map[string]*pending), count: make(map[string]int), lent: make(map[string]int64), past: make(map[string]pastUpload)},
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

// openFiles is how many descriptors this process may have.
func openFiles() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}

// Start makes the folders right that a crash left half done, and begins the
// background work: counting dirty folders, removing trash, writing usage. It returns when requests may come.
func (d *FS) Start(ctx context.Context) error {
	if err := d.recover(ctx); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if err := d.loadKept(ctx); err != nil {
		return fmt.Errorf("recover uploads: %w", err)
	}
	if err := d.Reconcile(ctx); err != nil {
		return err
	}
	d.background.Go(d.flushLoop)
	d.background.Go(d.sweepLoop)
	d.background.Go(d.rescanLoop)
	return nil
}

// Close ends the background work, writes usage and marks folders clean that no
// change is running in.
func (d *FS) Close(ctx context.Context) error {
	d.stop()
	d.background.Wait()
	err := errors.Join(d.flush(ctx, true), d.saveTally(ctx, true))
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, f := range d.folders {
		if f.users > 0 {
			continue // a request that was not waited for still uses its descriptor; the process ends soon
		}
		f.close()
		delete(d.folders, id)
	}
	if len(d.folders) == 0 {
		d.volumes.close()
	}
	return err
}

// Products are the tiers of storage that folders are made of.
func (d *FS) Products() *store.Products { return d.o.Products }

// MayManage asks the folder's product whether a user may do op with the folder itself (see store.Product.May). What the
// server does by itself, for no user, is not bound by what users may.
func (d *FS) MayManage(ctx context.Context, product string, op store.Operation) error {
	if store.ActorOf(ctx).UserID == "" {
		op = store.OpRead
	}
	return d.o.Products.Of(product).May(op, d.now())
}

// CreateFolder makes a folder: its row, and its directory, durable. Errors are those of store.CreateFolder,
// and of MayManage; fs.ErrInvalid for a product that there is not, or limits that it does not give.
func (d *FS) CreateFolder(ctx context.Context, n store.NewFolder) (store.Folder, error) {
	made, err := d.CreateFolders(ctx, []store.NewFolder{n})
	if err != nil {
		return store.Folder{}, oneOf(err)
	}
	return made[0], nil
}

// CreateFolders is CreateFolder for several, in their order: all are made, or none. The error of one of them is
// a *store.ItemError.
func (d *FS) CreateFolders(ctx context.Context, all []store.NewFolder) ([]store.Folder, error) {
	all = slices.Clone(all)
	for i := range all {
		if err := d.mayCreate(ctx, &all[i].Folder); err != nil {
			return nil, &store.ItemError{Item: i, Err: err}
		}
	}
	made, err := d.st.CreateFolders(ctx, all)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(made))
	for i := range made {
		ids[i] = made[i].ID
		if err = d.volumeOf(made[i]).makeFolder(ids[i], d.o.Sync); err != nil {
			break
		}
		made[i].Made = true
	}
	if err == nil {
		err = d.st.MarkAllMade(ctx, ids)
	}
	if err != nil {
		// Without its directory none must stand: the caller is told that nothing was made.
		errs := []error{err}
		for _, f := range made {
			errs = append(errs, d.st.DeleteFolder(context.WithoutCancel(ctx), f.ID, d.now()))
		}
		return nil, errors.Join(errs...)
	}
	return made, nil
}

// mayCreate refuses a folder that its product does not allow, and gives it the product's one spelling.
func (d *FS) mayCreate(ctx context.Context, f *store.Folder) error {
	product, ok := d.o.Products.Named(f.Product)
	if !ok {
		return fmt.Errorf("there is no storage product %q: %w", f.Product, fs.ErrInvalid)
	}
	f.Product = d.o.Products.Column(product)
	if err := d.MayManage(ctx, f.Product, store.OpCreate); err != nil {
		return err
	}
	return product.CheckLimits(f.MaxBytes, f.MaxFiles)
}

func (d *FS) make(ctx context.Context, f store.Folder) error {
	if err := d.volumeOf(f).makeFolder(f.ID, d.o.Sync); err != nil {
		return err
	}
	return d.st.MarkMade(ctx, f.ID)
}

// Usage is what a folder holds at this moment; after a crash, until it is counted, what
// was last written. store.ErrBusy if its directory is missing.
func (d *FS) Usage(ctx context.Context, row store.Folder) (Usage, error) {
	f, err := d.open(ctx, row.ID)
	if err != nil {
		return Usage{}, err
	}
	defer f.release()
	return f.usage()
}

// Reconcile acts on what changed in the database behind the server: folders made
// or deleted, limits, counts that were asked for.
func (d *FS) Reconcile(ctx context.Context) error {
	d.reconcile.Lock()
	defer d.reconcile.Unlock()
	pending, err := d.st.PendingFolders(ctx)
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	for _, row := range pending {
		switch {
		case !row.Deleted.IsZero():
			if err := d.followDeletion(ctx, row); err != nil {
				d.log.Error("delete folder", "folder", row.ID, "error", err)
			}
		case !row.Made:
			if err := d.make(ctx, row); err != nil {
				d.log.Error("make folder", "folder", row.ID, "error", err)
			}
		case row.Dirty:
			// Opening a dirty folder begins its count.
			f, err := d.open(ctx, row.ID)
			if err != nil {
				d.log.Error("count folder", "folder", row.ID, "error", err)
				break
			}
			f.release()
		}
		if row.Deleted.IsZero() && row.Rescan.After(row.Scanned) {
			if _, running := d.scanning.LoadOrStore(row.ID, true); !running {
				d.background.Go(func() { d.scanAsked(row.ID) })
			}
		}
	}
	return errors.Join(d.followKept(ctx), d.follow(ctx), d.noteLimited(ctx))
}

// follow takes over what changes were about, for the open folders and their workspaces. Now and then it looks at
// all, for what failed when a folder was opened.
func (d *FS) follow(ctx context.Context) error {
	touched := make(map[store.Touch]bool)
	epoch, all := d.st.Changed(d.followed, func(t store.Touch) bool {
		touched[t] = true
		return false
	})
	now := d.now()
	if full := d.rereadAll.Add(rereadEvery); all || now.After(full) {
		all, d.rereadAll = true, now
	}
	if err := errors.Join(d.reread(ctx, touched, all, epoch), d.refreshTouched(ctx, touched, all)); err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	d.followed = epoch
	return nil
}

// reread brings the limits, workspaces and locks up to date of the open folders that changes until epoch were
// about, and closes those that are no more.
func (d *FS) reread(ctx context.Context, touched map[store.Touch]bool, all bool, epoch uint64) error {
	open := d.heldFolders(func(f *folder) bool {
		return all || touched[store.Touch{Kind: store.TouchFolder, ID: f.id}] ||
			touched[store.Touch{Kind: store.TouchUser, ID: f.ownerID}] || touched[store.Touch{Kind: store.TouchProject, ID: f.projectID}]
	})
	ids := make([]string, len(open))
	for i, f := range open {
		ids[i] = f.id
	}
	rows, err := d.st.FoldersByID(ctx, ids)
	for _, f := range open {
		if row, ok := rows[f.id]; err == nil && ok && row.Deleted.IsZero() {
			f.heed(row, epoch)
			if err = d.move(ctx, f.ledger, row); err == nil {
				err = f.locks.follow(func() ([]string, error) { return d.st.LockTokens(ctx, f.id) })
			}
		} else if err == nil {
			d.mu.Lock()
			if d.folders[f.id] == f {
				delete(d.folders, f.id)
			}
			d.mu.Unlock()
			f.retire(ctx, row.Deleted)
		}
		f.release()
	}
	return err
}

// heed takes over a folder's row that was read in an epoch of the store, or later, unless a newer one was.
func (f *folder) heed(row store.Folder, epoch uint64) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if epoch < f.heeded {
		return
	}
	f.heeded, f.ownerID, f.projectID = epoch, row.OwnerID, row.ProjectID
	f.ledger.limit(f.product.Effective(row, f.d.o.Defaults))
}

// openFolders lists the open folders, each held; release them.
func (d *FS) openFolders() []*folder {
	return d.heldFolders(func(*folder) bool { return true })
}

// heldFolders is openFolders for some of them.
func (d *FS) heldFolders(wanted func(*folder) bool) []*folder {
	d.mu.Lock()
	defer d.mu.Unlock()
	var open []*folder
	for _, f := range d.folders {
		if wanted(f) {
			f.users++
			open = append(open, f)
		}
	}
	return open
}
