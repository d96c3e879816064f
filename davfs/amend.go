package davfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Part is the bytes of a file that an upload brings: Length of them, from Start on. The rest of
// the file stays as it is, and it becomes longer if it must.
type Part struct {
	Start   int64
	FromEnd bool // Start counts back from the end of the file: 0 appends
	Length  int64
	Total   int64 // bytes that the file may have then; -1: not told
	Most    int64 // that the server takes; 0: no limit
	Make    bool  // a file that is not there may be made
}

// place says where in a file of this size the part begins, and how long the file is with it.
func (p Part) place(size int64) (start, whole int64, err error) {
	start = p.Start
	if p.FromEnd {
		start = size - p.Start
	}
	if start < 0 || start > size {
		return 0, 0, &statusError{Status: http.StatusRequestedRangeNotSatisfiable, Text: fmt.Sprintf("the range begins outside of the file, which has %d bytes", size)}
	}
	if p.Length > math.MaxInt64-start {
		return 0, 0, errTooLarge
	}
	whole = max(size, start+p.Length)
	switch {
	case p.Most > 0 && whole > p.Most:
		return 0, 0, errTooLarge
	case p.Total >= 0 && whole > p.Total:
		return 0, 0, badRequest(fmt.Sprintf("the file has %d bytes then, more than Content-Range tells", whole))
	}
	return start, whole, nil
}

// amendment is the part of an Upload that does not bring a whole file. The body is received into the
// staged file at its place; when it is there, the rest is copied from the version that is
// published at that time, and exactly that version is replaced. If another one has come meanwhile,
// the copy is made again: of changes that run side by side none is lost.
type amendment struct {
	Part
	at     int64 // where in the staged file the body begins
	whole  int64 // the length of the file, with base
	base   Info  // the version that is amended
	exists bool
}

// amendTries is how often an amendment is made again because somebody else replaced the file.
// Amendments wait for each other, so it takes as many whole uploads, each within the time of a copy.
const amendTries = 8

// errStale: the version that was amended is not the one at the name any more.
var errStale = errors.New("the file changed while a part of it was written")

// Amend begins an upload of a part of the file at name; see Create. The file is replaced as a whole
// or stays as it is. Beyond Create's errors it is fs.ErrNotExist if there is no file and none may be made.
func (t *Tree) Amend(ctx context.Context, name string, c Claim, p Part) (*Upload, error) {
	return t.receive(ctx, name, c, p.Length, &amendment{Part: p})
}

// begin finds the place of the part in cur.
func (a *amendment) begin(cur Info, exists bool) (err error) {
	if !exists && !a.Make {
		return pathError("open", cur.Name, unix.ENOENT)
	}
	a.base, a.exists = cur, exists
	a.at, a.whole, err = a.place(cur.Size)
	return err
}

// current says whether cur is the version that is amended.
func (a *amendment) current(cur Info, exists bool) bool {
	return exists == a.exists && (!exists || cur.Ino == a.base.Ino && cur.Size == a.base.Size && cur.MTime == a.base.MTime)
}

// amend is Commit for a part. The end of ctx ends the copying, but nothing later.
func (u *Upload) amend(ctx context.Context, commit func(context.Context) error) error {
	done, err := u.t.f.amends.lock(ctx, u.name)
	if err != nil {
		return err
	}
	defer done()
	for range amendTries {
		if err = u.fill(ctx); err == nil {
			err = commit(context.WithoutCancel(ctx))
		}
		if !errors.Is(err, errStale) {
			return err
		}
		if u.staged.file == nil {
			if err := u.t.f.fs.Reopen(u.staged); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w, again and again: %w", errStale, store.ErrBusy)
}

// fill makes the staged file whole: the body and what the current version has around it.
func (u *Upload) fill(ctx context.Context) error {
	a := u.part
	old, cur, err := u.t.f.fs.OpenRead(u.name)
	switch {
	case err == nil:
		defer old.Close()
	case cur.Dir:
		return errIsDir
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	was := a.at
	if err := a.begin(cur, old != nil); err != nil {
		return err
	}
	if a.exists {
		u.mode = cur.Mode
	}
	if err := u.refit(a.whole, cur.Size, a.exists); err != nil {
		return err
	}
	out := u.staged.file
	if err := shift(out, was, a.at, a.Length); err != nil {
		return err
	}
	if err := out.Truncate(a.whole); err != nil { // an earlier version may have been longer
		return err
	}
	u.size = 0
	for _, r := range []byteRange{{0, a.at}, {a.at + a.Length, a.whole - a.at - a.Length}} {
		if r.length == 0 {
			continue
		}
		if _, err := out.Seek(r.start, io.SeekStart); err != nil {
			return err
		}
		if _, err := old.Seek(r.start, io.SeekStart); err != nil {
			return err
		}
		before := u.size
		if err := u.copyFrom(ctx, old, r.length); err != nil {
			return err
		}
		if u.size-before != r.length {
			return errStale // it was cut by hand
		}
	}
	u.size = a.whole
	if u.sums != nil {
		return u.sums.checkWhole(ctx, out, a.whole)
	}
	return nil
}

// refit reserves for a file of another length, in place of one of size old.
func (in *receiving) refit(length, old int64, exists bool) error {
	want := store.Usage{Bytes: max(0, length-old)}
	if !exists {
		want.Files = 1
	}
	more := minus(want, in.reserved)
	if err := in.q.ledger.reserve(store.Usage{Bytes: max(0, more.Bytes), Files: max(0, more.Files)}); err != nil {
		return err
	}
	in.q.ledger.release(store.Usage{Bytes: max(0, -more.Bytes), Files: max(0, -more.Files)})
	in.reserved, in.base = want, old
	return nil
}

// shift moves n bytes of a file to another place in it; the two may overlap.
func shift(f interface {
	io.ReaderAt
	io.WriterAt
}, from, to, n int64) error {
	buf := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buf)
	for done := int64(0); done < n && from != to; {
		piece := min(n-done, int64(len(*buf)))
		at := done
		if to > from { // from behind, so that nothing is overwritten before it was read
			at = n - done - piece
		}
		if _, err := f.ReadAt((*buf)[:piece], from+at); err != nil {
			return err
		}
		if _, err := f.WriteAt((*buf)[:piece], to+at); err != nil {
			return err
		}
		done += piece
	}
	return nil
}
