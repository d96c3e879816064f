package davfs

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"davit/store"
)

// CloneFolder makes a folder with a copy of all that src's has: files, their times left out as in every copy, and dead
// properties. The new folder is there when it is whole; if that fails, or ctx ends, nothing is left. What changes in
// src's folder meanwhile is in the copy or not, each file in one version. n.Limits must be those of the new
// folder's workspace, and its product takes files. Errors are those of CreateFolder and Copy.
func (d *FS) CloneFolder(ctx context.Context, src *Tree, n store.NewFolder) (store.Folder, error) {
	if err := src.may(store.Read); err != nil {
		return store.Folder{}, err
	}
	if err := d.mayCreate(ctx, &n.Folder); err != nil {
		return store.Folder{}, err
	}
	if err := d.o.Products.Of(n.Product).May(store.OpWrite, d.now()); err != nil {
		return store.Folder{}, err
	}
	vol := d.volumeOf(n.Folder)
	top, err := src.f.fs.Lstat("")
	if err != nil {
		return store.Folder{}, err
	}
	if free, err := vol.free(); err == nil {
		if wanted := src.f.ledger.current().Bytes; free < wanted {
			return store.Folder{}, &LimitError{Kind: LimitVolume, Limit: free, Wanted: wanted}
		}
	}
	if n.ID, err = d.st.BeginClone(ctx); err != nil {
		return store.Folder{}, err
	}
	f, sums, err := d.clone(ctx, src, n, vol, top)
	if err != nil {
		return store.Folder{}, errors.Join(err, d.dropClone(context.WithoutCancel(ctx), vol, n.ID))
	}
	if opened, err := d.open(ctx, f.ID); err == nil {
		(&transfer{src: src, dst: &Tree{f: opened}}).keepSums(ctx, sums)
		opened.release()
	}
	return f, nil
}

// clone builds the copy as one into a folder that nobody has opened: its place is that of all folders. In its
// workspace it counts from the first byte.
func (d *FS) clone(ctx context.Context, src *Tree, n store.NewFolder, vol *volume, top Info) (f store.Folder, sums []copiedFile, err error) {
	l := &ledger{id: n.ID}
	maxBytes, maxFiles := d.o.Products.Of(n.Product).Effective(n.Folder, d.o.Defaults)
	if maxFiles > 0 && maxFiles < math.MaxInt64 {
		maxFiles++ // for its root, which a copy counts and a folder does not
	}
	l.limit(maxBytes, maxFiles)
	if err := d.attach(ctx, l, n.Folder, false); err != nil {
		return f, nil, err
	}
	defer func() { d.detach(l, err == nil) }()
	if err := l.workspace.wait(ctx); err != nil {
		return f, nil, err
	}
	shell := &rootFS{vol: vol, dir: vol.filesDir, fd: int(vol.filesDir.Fd()), modes: d.o.Modes}
	x := &transfer{src: src, dst: &Tree{f: &folder{d: d, id: n.ID, root: shell, fs: &quotaFS{fileSystem: shell, ledger: l}, ledger: l}, p: src.p, rights: store.RightsAll}}
	made, err := x.build(ctx, top, Info{}, false, false)
	if err != nil {
		return f, nil, err
	}
	defer func() { made.abort() }() // nothing is staged or reserved any more once it is placed
	if err := src.may(store.Read); err != nil {
		return f, nil, err // a deleted folder loses its files one by one: the copy may lack some
	}
	used := made.staged.usage
	used.Files-- // its root
	if _, err := l.settle("", made.reserved, used); err != nil {
		return f, nil, err
	}
	made.reserved = store.Usage{}
	ctx = context.WithoutCancel(ctx)
	if err := rename(int(made.staged.dir.Fd()), made.staged.base, int(vol.filesDir.Fd()), n.ID, unix.RENAME_NOREPLACE); err != nil {
		return f, nil, fmt.Errorf("place the clone: %w", err)
	}
	made.staged = nil
	if d.o.Sync != SyncNone {
		if err := vol.filesDir.Sync(); err != nil {
			return f, nil, err
		}
	}
	f, err = d.st.FinishClone(ctx, n, used, src.f.id, made.props)
	return f, made.copied, err
}

// dropClone removes what there is of a clone without a row.
func (d *FS) dropClone(ctx context.Context, vol *volume, id string) error {
	if err := vol.dropFolder(id, d.o.Sync); err != nil {
		return err
	}
	d.sweepSoon()
	return d.st.EndClone(ctx, id)
}

// dropBegunClones removes the clones that a crash left without their rows.
func (d *FS) dropBegunClones(ctx context.Context) error {
	ids, err := d.st.BegunClones(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		for _, vol := range d.volumes.all {
			if err := vol.dropFolder(id, d.o.Sync); err != nil {
				return fmt.Errorf("remove half a clone: %w", err)
			}
		}
		if err := d.st.EndClone(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
