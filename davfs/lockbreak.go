package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"davit/store"
)

// Locks lists the locks of a folder that exclude others at this moment, by path and age. fs.ErrNotExist for an
// unknown or deleted folder.
func (d *FS) Locks(ctx context.Context, folderID string) ([]store.Lock, error) {
	f, err := d.open(ctx, folderID)
	if err != nil {
		return nil, err
	}
	defer f.release()
	return f.locks.all(), nil
}

// Holds says which of some locks, as the store has them, exclude others at this moment.
func (d *FS) Holds(locks []store.Lock) []store.Lock {
	held := make([]store.Lock, 0, len(locks))
	for _, l := range locks {
		d.mu.Lock()
		f := d.folders[l.FolderID]
		d.mu.Unlock()
		if f == nil { // nobody has it in memory, so the row is right
			held = append(held, l)
			continue
		}
		if l, ok := f.locks.get(l.Token); ok {
			held = append(held, l)
		}
	}
	return held
}

// BreakLock removes a lock, whoever made it, and tells the audit (RFC 4918, section 6.4, leaves to the server who may ask for that; here
// it is the caller's question). Its client learns of it by its next request, which is refused. fs.ErrNotExist for an unknown folder or lock.
func (d *FS) BreakLock(ctx context.Context, folderID, token string) error {
	f, err := d.open(ctx, folderID)
	if err != nil {
		return err
	}
	defer f.release()
	return f.locks.breakLock(ctx, token)
}

// get gives the lock with a token, if it excludes others.
func (t *lockTable) get(token string) (store.Lock, bool) {
	now := t.o.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	h := t.byToken[token]
	if h == nil || h.pending || !t.active(h, now) {
		return store.Lock{}, false
	}
	return h.Lock, true
}

// breakLock is unlock for somebody else than the client that has the lock.
func (t *lockTable) breakLock(ctx context.Context, token string) error {
	_, err := t.end(token, func(*heldLock) bool { return true }, func() error {
		err := t.rec.BreakLock(ctx, token)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return err
}

// follow forgets the locks whose rows somebody has deleted: rows gives the tokens that have one.
func (t *lockTable) follow(rows func() ([]string, error)) error {
	if t.held.Load() == 0 {
		return nil
	}
	var had []*heldLock // before the rows are read: what comes later has a row that rows may not know
	t.mu.RLock()
	for _, h := range t.byToken {
		if !h.pending && !h.leaving {
			had = append(had, h)
		}
	}
	t.mu.RUnlock()
	tokens, err := rows()
	if err != nil {
		return fmt.Errorf("follow locks: %w", err)
	}
	there := make(map[string]bool, len(tokens))
	for _, token := range tokens {
		there[token] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range had {
		if !there[h.Token] {
			t.forget(h) // does nothing if it went by itself
		}
	}
	return nil
}
