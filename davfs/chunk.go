package davfs

import (
	"context"
	"crypto/subtle"
	"errors"
	"hash"
	"io"
	"io/fs"
	"math"
	"time"

	"davit/store"
)

// Chunk is what one request sends to a pending upload.
type Chunk struct {
	Offset    int64
	Length    int64 // of the whole upload, if the client tells it now; else -1
	Announced int64 // bytes in Body; -1: not known
	Body      io.Reader
	Stop      func()    // makes a Read of Body that waits return, soon; called from other goroutines
	Hash      hash.Hash // with Sum, the checksum of Body; nil: none
	Sum       []byte
	Max       int64 // bytes that a file may have; 0: any

	// Again says that the client may send again what it has sent before: it cannot ask how far the upload is. Such bytes
	// are written over those that are there, and a chunk that is there already is none too many. Without Hash only.
	Again bool
}

// AppendPending takes a chunk of an upload that the tree's principal began. With the last byte the
// file is published; if that is refused the upload stays as it is, and a chunk of no bytes at
// its end tries again. Errors, besides those of Upload.Commit: fs.ErrNotExist, ErrExpired, ErrWriting,
// ErrLength, ErrTooLong, ErrChecksum, ErrBroken, *OffsetError.
func (t *Tree) AppendPending(ctx context.Context, id string, c Chunk) (Pending, error) {
	if was, err := t.f.d.Pending(t.p, id); err != nil {
		return Pending{}, err
	} else if was.Done {
		return was, t.again(was, c)
	}
	u, err := t.pending(id)
	if err != nil {
		return Pending{}, err
	}
	mine, err := u.take(ctx, c.Stop, false)
	if errors.Is(err, fs.ErrNotExist) { // it was completed while we waited
		if was, err := t.f.d.Pending(t.p, id); err == nil && was.Done {
			return was, t.again(was, c)
		}
	}
	if err != nil {
		return Pending{}, err
	}
	t.f.d.kept.writing.Add(1)
	defer t.f.d.kept.writing.Add(-1)
	defer u.release(mine)
	return t.append(ctx, u, mine, c)
}

// again answers a chunk for an upload that is complete: nothing more can come.
func (t *Tree) again(was Pending, c Chunk) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	if c.Again && c.Offset <= was.Offset && c.Announced >= 0 && c.Announced <= was.Offset-c.Offset {
		return nil // it has come, though its answer was lost
	}
	if c.Offset != was.Offset {
		return &OffsetError{was.Offset}
	}
	if c.Announced != 0 {
		return ErrTooLong
	}
	return nil
}

// append does the work of AppendPending, in turn.
func (t *Tree) append(ctx context.Context, u *pending, mine *pendingTurn, c Chunk) (Pending, error) {
	d := t.f.d
	if c.Offset != u.size && !(c.Again && c.Offset < u.size) {
		return u.view(), &OffsetError{u.size}
	}
	changed := u.row
	if c.Length >= 0 && c.Length != changed.Length {
		if changed.Length >= 0 || c.Length < u.size {
			return u.view(), ErrLength
		}
		if c.Max > 0 && c.Length > c.Max {
			return u.view(), ErrTooLong
		}
		if err := u.reserve(t.f.ledger, c.Length); err != nil {
			return u.view(), err
		}
		changed.Length = c.Length
		err := d.promiseRest(u, c.Length)
		if err == nil {
			err = d.savePending(ctx, u, changed, d.o.Sync != SyncNone)
		}
		if err != nil { // it is as long as it was said to be before: not known
			u.mu.Lock()
			u.promise()
			u.mu.Unlock()
			return u.view(), errors.Join(err, u.reserve(t.f.ledger, u.size))
		}
	}
	most := c.Max // that the file may have when this chunk is in; 0: any
	if changed.Length >= 0 {
		most = changed.Length
	}
	bounded := c.Max > 0 || changed.Length >= 0
	if bounded && c.Announced > most-c.Offset {
		return u.view(), ErrTooLong
	}
	s, size, err := t.f.fs.Keep(changed.ID, false)
	if err != nil {
		return u.view(), err
	}
	defer func() {
		if s.file != nil {
			s.file.Close()
		}
	}()
	if size != u.size { // a chunk that broke off left a rest behind what counts
		if err := s.file.Truncate(u.size); err != nil {
			return u.view(), err
		}
	}
	if !bounded {
		most = math.MaxInt64
	}
	fault := t.receivePending(ctx, u, mine, s, c, most)
	if mine.taken.Load() && fault != nil {
		fault = ErrWriting
	}
	full := u.size == u.row.Length
	if full && fault == nil {
		return t.complete(ctx, u, s)
	}
	return u.view(), fault
}

// receivePending takes the body, until most bytes are there, and makes durable what it keeps of it.
func (t *Tree) receivePending(ctx context.Context, u *pending, mine *pendingTurn, s *staged, c Chunk, most int64) (fault error) {
	d := t.f.d
	start, size, old := c.Offset, c.Offset, u.size // more than start is old if the client sends something again
	sure := d.o.Sync != SyncNone
	row := u.row
	if c.Hash != nil && c.Announced != 0 {
		// Were the server to end amid the chunk, the file's size would count bytes that nobody has checked.
		row.Solid = start
		if err := d.savePending(ctx, u, row, sure); err != nil {
			return err
		}
	}
	if _, err := s.file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	buf := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buf)
	for fault == nil && c.Announced != 0 {
		n, err := c.Body.Read(*buf)
		mine.last.Store(time.Now().UnixNano())
		if mine.taken.Load() || t.f.gone.Load() {
			fault = ErrWriting
			break
		}
		part := (*buf)[:n]
		switch {
		case int64(n) > most-size:
			fault = ErrTooLong
		case n > 0:
			if row.Length < 0 {
				if fault = u.reserve(t.f.ledger, max(old, size+int64(n))); fault != nil {
					break
				}
			}
			if c.Hash != nil {
				c.Hash.Write(part)
			}
			var wrote int
			wrote, fault = s.file.Write(part)
			size += int64(wrote)
			if c.Hash == nil && size > old {
				u.mu.Lock()
				u.size = size
				u.promise()
				u.mu.Unlock()
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil && fault == nil {
			fault = ErrBroken
		}
	}
	if c.Announced >= 0 && size-start != c.Announced && fault == nil {
		fault = ErrBroken
	}
	keep := max(size, old)
	size = keep
	switch {
	case errors.Is(fault, ErrTooLong):
		keep = old
	case c.Hash == nil:
	case fault != nil:
		keep = old
	case subtle.ConstantTimeCompare(c.Hash.Sum(nil), c.Sum) != 1:
		fault, keep = ErrChecksum, old
	}
	if keep < size {
		if err := s.file.Truncate(keep); err != nil {
			return errors.Join(fault, err)
		}
	}
	if row.Length < 0 {
		if err := u.reserve(t.f.ledger, keep); err != nil { // it shrinks or stays
			return errors.Join(fault, err)
		}
	}
	if full := keep == row.Length && fault == nil; (keep > old || start < old) && sure && (!full || c.Hash != nil) { // else its commit syncs it
		if err := s.file.Sync(); err != nil {
			return errors.Join(fault, err)
		}
	}
	u.mu.Lock()
	u.size = keep
	u.promise()
	u.mu.Unlock()
	if keep > old || start < old || row.Solid >= 0 {
		wasSolid := row.Solid >= 0
		row.Solid = -1
		if keep > old || start < old {
			row.Expires = d.now().UTC().Truncate(time.Microsecond).Add(d.o.UploadExpiry)
		}
		if err := d.savePending(ctx, u, row, sure && wasSolid); err != nil {
			return errors.Join(fault, err)
		}
	}
	return fault
}

// complete publishes an upload whose last byte is there. s is its file, open.
func (t *Tree) complete(ctx context.Context, u *pending, s *staged) (Pending, error) {
	ctx = context.WithoutCancel(ctx) // whether the client still listens no longer matters
	d := t.f.d
	name := t.Resolve(u.row.Path)
	cur, exists, err := t.lookToMake(name)
	if err != nil {
		if d.o.Sync != SyncNone { // else finish would
			err = errors.Join(err, s.file.Sync())
		}
		return u.view(), err
	}
	how := conflictOf(u.row)
	renames := how != nil && how.renames()
	mode := uint32(t.f.root.modes.File.Perm())
	if exists && !renames {
		mode = cur.Mode // PUT-8
	}
	var mtime time.Time
	if u.row.MTime >= 0 {
		mtime = time.Unix(u.row.MTime, 0)
	}
	up := &Upload{t: t, name: name, claim: pendingClaim(u.row),
		receiving: &receiving{q: t.f.fs, staged: s, reserved: u.reserved, base: u.row.Base, size: u.size}}
	made, err := up.finish(d.o.Sync, mode, t.f.stamp(mtime))
	if err != nil {
		return u.view(), err
	}
	if renames {
		name, err = t.free(name, false, func(at string) error {
			up.name = at
			_, err := up.place(ctx, &made)
			return err
		})
	} else {
		_, err = up.place(ctx, &made)
	}
	if err != nil && up.staged != nil {
		return u.view(), err // nothing was changed
	}
	u.mu.Lock()
	u.reserved = up.reserved // settled
	u.mu.Unlock()
	v := u.view()
	v.Done, v.Path = true, name
	past := &v
	if err != nil {
		past = nil // the file is there, but perhaps not for good: nobody may be told that all is well
	}
	if rowErr := d.endPending(u, nil, past); rowErr != nil {
		d.log.Error("forget upload", "upload", v.ID, "error", rowErr) // the next start does it
	}
	return v, err
}
