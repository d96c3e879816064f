package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"davit/store"
)

// maxLockOwner bounds the owner element of a lock (LCK-12).
const maxLockOwner = 4 << 10

// serveLock makes or refreshes a lock (RFC 4918, section 9.10). On an unmapped URL it
// makes an empty file (section 7.3).
func (h *Handler) serveLock(q *request) error {
	if q.name == "" {
		return errManaged // D6
	}
	if err := q.tree.may(store.Write); err != nil {
		return err
	}
	info, err := h.lockinfos.read(q.r.Body)
	if err != nil {
		return err
	}
	timeout := q.tree.f.locks.timeout(strings.Join(q.r.Header["Timeout"], ","))
	if info.Refresh {
		return h.refreshLock(q, timeout)
	}
	if len(info.OwnerXML) > maxLockOwner {
		return &statusError{Status: http.StatusInsufficientStorage, Text: fmt.Sprintf("the owner element has %d bytes; the most is %d", len(info.OwnerXML), maxLockOwner)}
	}
	const missing = -2
	depth, err := parseDepth(q.r.Header.Get("Depth"), missing)
	if err != nil {
		return err
	}
	if depth == depthOne {
		return badRequest("a lock's Depth must be 0 or infinity")
	}
	i, exists, err := q.tree.look(q.name)
	if err != nil {
		return err
	}
	if depth == missing { // infinity by section 9.10.3, which for a file is the same as 0 (LCK-1)
		depth = depthZero
		if exists && i.Dir {
			depth = depthInfinity
		}
	}
	if !exists && q.path.Slash {
		return &statusError{Status: http.StatusConflict, Text: "the URL ends in a slash; only MKCOL makes collections"}
	}
	granted, i, created, err := q.tree.Lock(q.r.Context(), store.Lock{
		Token:    "urn:uuid:" + uuid.NewString(),
		FolderID: q.tree.f.id,
		Path:     q.name,
		Infinite: depth == depthInfinity,
		Shared:   info.Shared,
		OwnerXML: info.OwnerXML,
		UserID:   q.p.UserID,
		UserName: q.p.UserName,
		Timeout:  timeout,
	}, h.claim(q))
	var held *lockHeld
	if errors.As(err, &held) {
		return h.refuseLock(q, held.conflict)
	}
	if err != nil {
		return err
	}
	head := q.w.Header()
	head["Lock-Token"] = []string{"<" + granted.Token + ">"}
	status := http.StatusOK
	if created {
		head["ETag"] = []string{q.tree.ETag(q.name, i)}
		status = http.StatusCreated
	}
	h.writeLock(q, status, granted, i)
	return nil
}

// refreshLock gives a lock more time (RFC 4918, section 9.10.2).
func (h *Handler) refreshLock(q *request, timeout time.Duration) error {
	if len(q.tokens) == 0 {
		return badRequest("a LOCK without a body refreshes a lock: its token must be in the If header")
	}
	for _, token := range q.tokens[1:] {
		if token != q.tokens[0] {
			return badRequest("one lock is refreshed at a time: there must be one token in the If header")
		}
	}
	i, exists, err := q.tree.look(q.name)
	if err != nil {
		return err
	}
	if err := h.checkConditions(q, exists, i); err != nil {
		return err
	}
	l, err := q.tree.f.locks.refresh(q.r.Context(), q.name, q.tokens[0], q.p.UserID, timeout)
	if errors.Is(err, store.ErrChanged) {
		return &statusError{Status: http.StatusPreconditionFailed, Condition: "lock-token-matches-request-uri", Text: "there is no such lock here"}
	}
	if err != nil {
		return err
	}
	h.writeLock(q, http.StatusOK, l, i)
	return nil
}

// writeLock answers with what was granted (LCK-4).
func (h *Handler) writeLock(q *request, status int, l store.Lock, i Info) {
	d := described{Info: i, tree: q.tree, name: q.name, mount: q.path.Mount, caller: q.p, now: h.d.now()}
	b := append(make([]byte, 0, 1024), xmlHead...)
	b = append(b, `<D:prop xmlns:D="DAV:"><D:lockdiscovery>`...)
	b = d.appendActiveLock(b, l)
	b = append(b, "</D:lockdiscovery></D:prop>\n"...)
	writeXML(q, status, b)
}

// refuseLock answers 423 for locks on or above the resource. If only members are in the way of
// Depth infinity, it is 207 and names them (RFC 4918, section 9.10.9).
func (h *Handler) refuseLock(q *request, c *lockConflict) error {
	for _, l := range c.Locks {
		if !inside(l.Path, q.name) {
			return errors.Join(&statusError{Status: http.StatusLocked, Condition: "no-conflicting-lock", Text: c.Error()}, c)
		}
	}
	writeLockedMembers(q, "no-conflicting-lock", c)
	return nil
}

// lockHeld is a conflict of a new lock with others, unlike a lockConflict of the change that
// making a file is. It is a store.ErrLocked.
type lockHeld struct{ conflict *lockConflict }

func (e *lockHeld) Error() string { return e.conflict.Error() }
func (e *lockHeld) Unwrap() error { return e.conflict }

// lockTries is how often a new file is tried to be made for a lock. That it is there each time but
// cannot be seen means that a link or a pipe has the name (D9).
const lockTries = 10

// Lock grants l on what is at its Path, or on a new empty file there. Locks in the way are a *lockHeld.
func (t *Tree) Lock(ctx context.Context, l store.Lock, c Claim) (granted store.Lock, i Info, created bool, err error) {
	if err := t.may(store.Write); err != nil {
		return store.Lock{}, Info{}, false, err
	}
	for try := 1; ; try++ {
		_, exists, err := t.look(l.Path)
		if err != nil {
			return store.Lock{}, Info{}, false, err
		}
		if exists {
			granted, i, err = t.lockThere(ctx, l, c)
			if errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil && !t.f.gone.Load() {
				continue // deleted meanwhile
			}
			return granted, i, false, err
		}
		granted, i, err = t.lockNew(ctx, l, c)
		if errors.Is(err, fs.ErrExist) && ctx.Err() == nil && try < lockTries {
			continue // made meanwhile
		}
		return granted, i, err == nil, err
	}
}

// grant asks the lock table. The caller holds the name lock.
func (t *Tree) grant(ctx context.Context, l store.Lock) (store.Lock, error) {
	granted, err := t.f.locks.create(ctx, l)
	var conflict *lockConflict
	if errors.As(err, &conflict) {
		return store.Lock{}, &lockHeld{conflict}
	}
	return granted, err
}

func (t *Tree) lockThere(ctx context.Context, l store.Lock, c Claim) (granted store.Lock, i Info, err error) {
	err = t.change(ctx, []string{l.Path}, func() error {
		if i, err = t.f.fs.Lstat(l.Path); err != nil {
			return err
		}
		if err := c.check(true, i); err != nil {
			return err
		}
		granted, err = t.grant(ctx, l)
		return err
	})
	return granted, i, err
}

// lockNew makes an empty file that is locked from the moment it can be seen.
func (t *Tree) lockNew(ctx context.Context, l store.Lock, c Claim) (granted store.Lock, made Info, err error) {
	// A lock from above is named as one that conflicts, not as one whose token is missing (LCK-11).
	if covering := t.f.locks.covering(l.Path); len(covering) > 0 && !(l.Shared && covering[0].Shared) {
		return store.Lock{}, Info{}, &lockHeld{&lockConflict{covering}}
	}
	// Room for a byte, though the file is empty: who locks a name is about to write there, and davfs2
	// can tell its program about a full folder only now (D38).
	up, err := t.Create(ctx, l.Path, c, 1)
	if err != nil {
		return store.Lock{}, Info{}, err
	}
	defer up.Abort()
	if made, err = up.finish(t.f.d.o.Sync, uint32(t.f.root.modes.File.Perm()), t.f.stamp(time.Time{})); err != nil {
		return store.Lock{}, Info{}, err
	}
	made.Name = baseOf(l.Path)
	err = t.change(ctx, []string{l.Path}, func() error {
		cur, exists, err := t.lookToMake(l.Path)
		if err != nil {
			return err
		}
		if exists {
			return fs.ErrExist
		}
		if err := t.mayPut(l.Path, c, exists, cur); err != nil {
			return err
		}
		if granted, err = t.grant(ctx, l); err != nil {
			return err
		}
		if err := up.publish(l.Path, cur, false); err != nil {
			_, undo := t.f.locks.unlock(context.WithoutCancel(ctx), l.Path, l.Token)
			return errors.Join(err, undo)
		}
		t.f.changed(changeFile, l.Path)
		return nil
	})
	if err != nil {
		return store.Lock{}, Info{}, err
	}
	t.count(ctx, 1, 0, 0)
	return granted, made, t.f.syncDirs(parentOf(l.Path))
}

// mayUnlock says whether p may end locks of other users.
func mayUnlock(p store.Principal, rights store.Rights) bool { return p.Admin && rights.Has(store.Read) }

// serveUnlock ends a lock (RFC 4918, section 9.11).
func (h *Handler) serveUnlock(q *request) error {
	header := strings.Trim(q.r.Header.Get("Lock-Token"), " \t")
	if header != "" && header[0] != '<' { // client libraries leave its brackets to their users, who forget them
		header = "<" + header + ">"
	}
	if header == "" {
		return badRequest("UNLOCK needs a Lock-Token")
	}
	token, rest, ok := cutCoded(header)
	if !ok || rest != "" {
		return badRequest("Lock-Token must be a token in angle brackets")
	}
	noSuchLock := &statusError{Status: http.StatusConflict, Condition: "lock-token-matches-request-uri", Text: "there is no such lock here"}
	need, others := store.Write, mayUnlock(q.p, q.tree.rights) // also for one's own lock: a token may be for reading only
	if others {
		need = store.Read
	}
	if err := q.tree.may(need); err != nil {
		return err
	}
	l, ok := q.tree.f.locks.lookup(q.name, token)
	if !ok {
		return noSuchLock
	}
	if l.UserID != q.p.UserID && !others {
		return fmt.Errorf("unlock a lock of %s: %w", l.UserName, fs.ErrPermission)
	}
	if q.conditional() {
		i, exists, err := q.tree.look(q.name)
		if err != nil {
			return err
		}
		if err := h.checkConditions(q, exists, i); err != nil {
			return err
		}
	}
	var err error
	if l.UserID == q.p.UserID {
		_, err = q.tree.f.locks.unlock(q.r.Context(), q.name, token)
	} else { // the audit tells who did it (LCK-12)
		err = q.tree.f.locks.breakLock(store.WithActor(q.r.Context(), *q.tree.by), token)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return noSuchLock
	}
	if err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
