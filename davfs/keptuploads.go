package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// maxPending is how many unfinished uploads one user may have.
const maxPending = 1000

// maxPast bounds how many uploads that have ended are remembered, maxPastMetadata what of them.
const (
	maxPast         = 4096
	maxPastMetadata = 1 << 10
)

// keptUploads are the pending uploads of all folders, and for a while those that have ended.
type keptUploads struct {
	mu      sync.Mutex
	all     map[string]*pending
	count   map[string]int   // by user, those that begin right now too
	lent    map[string]int64 // by folder, the sum of Base of its uploads, those that begin right now too; in bytes
	past    map[string]pastUpload
	writing atomic.Int64 // requests that send right now
}

type pastUpload struct {
	Pending
	userID string
	until  time.Time
}

// enter counts an upload that begins, unless its user has too many; leave takes it back.
func (k *keptUploads) enter(userID string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count[userID] >= maxPending {
		return false
	}
	k.count[userID]++
	return true
}

// leave counts one less. The caller holds k.mu.
func (k *keptUploads) leave(userID string) {
	if k.count[userID]--; k.count[userID] == 0 {
		delete(k.count, userID)
	}
}

// lend says how much of a file that an upload replaces need not be reserved for it. Both are on the disk until the
// upload ends, perhaps for days, so no room is lent twice: all uploads to a folder together take at most
// what it uses beyond its limit, however often files are moved or replaced meanwhile.
func (k *keptUploads) lend(folderID string, base, used int64) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	base = max(0, min(base, used-k.lent[folderID]))
	k.lent[folderID] += base
	return base
}

// payBack takes back what lend gave. The caller holds k.mu.
func (k *keptUploads) payBack(folderID string, base int64) {
	if k.lent[folderID] -= base; k.lent[folderID] == 0 {
		delete(k.lent, folderID)
	}
}

// Pending describes an upload that p began. One that became a file is remembered for a while,
// for clients that did not get the last answer. fs.ErrNotExist, ErrExpired.
func (d *FS) Pending(p store.Principal, id string) (Pending, error) {
	d.kept.mu.Lock()
	u := d.kept.all[id]
	past, ok := d.kept.past[id]
	d.kept.mu.Unlock()
	now := d.now()
	switch {
	case u != nil && u.userID == p.UserID:
		v := u.view()
		if now.Before(v.Expires) || !d.expirePending(u, now) {
			return v, nil
		}
		return Pending{}, ErrExpired
	case ok && past.userID == p.UserID && now.Before(past.until):
		if past.Done {
			return past.Pending, nil
		}
		return past.Pending, ErrExpired
	}
	return Pending{}, &fs.PathError{Op: "upload", Path: id, Err: fs.ErrNotExist}
}

// PendingOf lists the unfinished uploads of a user, oldest first.
func (d *FS) PendingOf(userID string) []Pending {
	now := d.now()
	var all []Pending
	for _, u := range d.kept.list(func(u *pending) bool { return u.userID == userID }) {
		if v := u.view(); now.Before(v.Expires) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b Pending) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// list gives the uploads that match.
func (k *keptUploads) list(match func(*pending) bool) []*pending {
	k.mu.Lock()
	defer k.mu.Unlock()
	var some []*pending
	for _, u := range k.all {
		if match(u) {
			some = append(some, u)
		}
	}
	return some
}

// endPending ends an upload; the caller has the turn, or knows that nobody else can. f is its folder,
// whose ledger gets the reservation back; nil if there is none. past, if set, is what is told about it for a while.
func (d *FS) endPending(u *pending, f *folder, past *Pending) error {
	d.kept.mu.Lock()
	if d.kept.all[u.id] == u {
		delete(d.kept.all, u.id)
		d.kept.leave(u.userID)
		d.kept.payBack(u.folderID, u.row.Base)
	}
	if past != nil {
		for id := range d.kept.past {
			if len(d.kept.past) < maxPast {
				break
			}
			delete(d.kept.past, id)
		}
		was := pastUpload{*past, u.userID, d.now().Add(d.o.UploadExpiry)}
		if len(was.Metadata) > maxPastMetadata {
			was.Metadata = ""
		}
		d.kept.past[u.id] = was
	}
	d.kept.mu.Unlock()
	u.mu.Lock()
	u.over = true
	u.promise()
	reserved := u.reserved
	u.reserved = store.Usage{}
	u.mu.Unlock()
	err := u.vol.dropKept(u.id)
	d.sweepSoon()
	if f != nil {
		f.ledger.release(reserved)
	}
	return errors.Join(err, d.st.DeleteUpload(context.Background(), u.id))
}

// dropKept removes the bytes of an upload, if there are any.
func (v *volume) dropKept(id string) error {
	err := renameat2(int(v.kept.dir.Fd()), id, int(v.trashDir.Fd()), tempName(), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return pathError("drop upload", id, err)
}

// expirePending ends an upload whose time has come, if nobody sends to it. It says whether the
// upload is over.
func (d *FS) expirePending(u *pending, now time.Time) bool {
	mine := &pendingTurn{stop: func() {}, ended: make(chan struct{})}
	u.mu.Lock()
	if u.over {
		u.mu.Unlock()
		return true
	}
	if u.turn != nil || now.Before(u.row.Expires) {
		u.mu.Unlock()
		return false
	}
	u.turn = mine
	u.mu.Unlock()
	defer u.release(mine)
	v := u.view()
	d.endInFolder(u, &v)
	return true
}

// endInFolder is endPending where the folder is not at hand. Opening it is the way to its ledger:
// what is loaded later no longer finds the upload.
func (d *FS) endInFolder(u *pending, past *Pending) {
	f, err := d.open(d.ctx, u.folderID)
	if err == nil {
		defer f.release()
	}
	if err := d.endPending(u, f, past); err != nil && d.ctx.Err() == nil {
		d.log.Error("end upload", "upload", u.id, "folder", u.folderID, "error", err)
	}
}

// expireKept ends what has expired, and forgets what ended long ago.
func (d *FS) expireKept() {
	now := d.now()
	n := 0
	for _, u := range d.kept.list(func(u *pending) bool { return true }) {
		if v := u.view(); !now.Before(v.Expires) && d.expirePending(u, now) {
			n++
		}
	}
	if n > 0 {
		d.log.Info("uploads expired", "uploads", n)
	}
	d.kept.mu.Lock()
	defer d.kept.mu.Unlock()
	for id, past := range d.kept.past {
		if !now.Before(past.until) {
			delete(d.kept.past, id)
		}
	}
}

// dropPendings ends all uploads to a folder that is gone; f is nil if it was not open.
func (d *FS) dropPendings(ctx context.Context, folderID string, f *folder) {
	for _, u := range d.kept.list(func(u *pending) bool { return u.folderID == folderID }) {
		mine, err := u.take(ctx, func() {}, true)
		if err != nil {
			continue // it ended by itself
		}
		if err := d.endPending(u, f, nil); err != nil {
			d.log.Error("end upload", "upload", u.id, "folder", folderID, "error", err)
		}
		u.release(mine)
	}
}

// followKept ends the uploads whose rows went with their user, or with a folder.
func (d *FS) followKept(ctx context.Context) error {
	all := d.kept.list(func(*pending) bool { return true })
	if len(all) == 0 {
		return nil
	}
	rows, err := d.st.Uploads(ctx) // after the list: whose row is new is not in it
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		known[row.ID] = true
	}
	for _, u := range all {
		if known[u.id] {
			continue
		}
		mine, err := u.take(ctx, func() {}, true)
		if err != nil {
			continue
		}
		d.endInFolder(u, nil)
		u.release(mine)
	}
	return nil
}

// keptReserve is what the pending uploads to a folder reserve.
func (d *FS) keptReserve(folderID string) store.Usage {
	var sum store.Usage
	for _, u := range d.kept.list(func(u *pending) bool { return u.folderID == folderID }) {
		u.mu.Lock()
		sum = plus(sum, u.reserved)
		u.mu.Unlock()
	}
	return sum
}

// loadKept takes over the uploads of the last run. A row without its file is complete, or was
// dropped; a file without its row is one that nobody heard of. Nothing runs yet.
func (d *FS) loadKept(ctx context.Context) error {
	rows, err := d.st.Uploads(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		vol, err := d.volumeFor(ctx, row.FolderID)
		if err != nil {
			return err
		}
		size, err := vol.keptSize(row)
		if errors.Is(err, fs.ErrNotExist) {
			if err := d.st.DeleteUpload(ctx, row.ID); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		known[row.ID] = true
		u := newPending(row, vol)
		u.size = size
		if row.Solid >= 0 {
			u.row.Solid = -1
			if err := d.st.SaveUpload(ctx, u.row, true); err != nil {
				return err
			}
		}
		if row.Fresh {
			u.reserved.Files = 1
		}
		u.reserved.Bytes = max(0, max(row.Length, size)-row.Base)
		u.promise()
		d.kept.all[row.ID] = u
		d.kept.count[row.UserID]++
		d.kept.lent[row.FolderID] += row.Base
	}
	for _, vol := range d.volumes.all {
		onDisk, err := names(vol.kept.root.FS())
		if err != nil {
			return err
		}
		for _, name := range onDisk {
			if !known[name] {
				if err := vol.dropKept(name); err != nil {
					return fmt.Errorf("clear staging: %w", err)
				}
			}
		}
	}
	if len(known) > 0 {
		d.log.Info("unfinished uploads", "uploads", len(known))
	}
	return nil
}

// keptSize is how many bytes of an upload are there, once what does not count is cut off.
func (v *volume) keptSize(row store.Upload) (int64, error) {
	f, err := v.kept.root.OpenFile(row.ID, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := i.Size()
	if row.Length >= 0 {
		size = min(size, row.Length)
	}
	if row.Solid >= 0 {
		size = min(size, row.Solid)
	}
	if size < i.Size() {
		if err := f.Truncate(size); err != nil {
			return 0, err
		}
		return size, f.Sync()
	}
	return size, nil
}
