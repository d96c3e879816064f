package davfs

import (
	"context"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Upload is a file being received: hidden until Commit, which replaces the old file
// by one rename or leaves it as it is. One goroutine uses it.
type Upload struct {
	*receiving
	t     *Tree
	name  string
	claim Claim
	part  *amendment // nil: the body is the whole file
	sums  *expected  // nil: nothing to check
	mode  uint32
	done  bool
	keep  func() // lets locks expire again
}

// Create begins an upload to name. Everything that can refuse it is asked now, before
// a byte is read: rights, parent, locks, preconditions, the limits if length
// (bytes; -1: unknown) tells; and once more at Commit.
func (t *Tree) Create(ctx context.Context, name string, c Claim, length int64) (*Upload, error) {
	return t.receive(ctx, name, c, length, nil)
}

func (t *Tree) receive(ctx context.Context, name string, c Claim, length int64, part *amendment) (*Upload, error) {
	if err := t.may(store.Write); err != nil {
		return nil, err
	}
	cur, exists, err := t.lookToMake(name)
	if err != nil {
		return nil, err
	}
	if part != nil && !exists && !part.Make {
		return nil, pathError("open", name, unix.ENOENT)
	}
	if err := t.mayPut(name, c, exists, cur); err != nil {
		return nil, err
	}
	if part != nil {
		if err := part.begin(cur, exists); err != nil {
			return nil, err
		}
		length = part.whole
	}
	if err := t.f.begin(ctx); err != nil {
		return nil, err
	}
	in, err := t.f.fs.receive(length, cur, exists)
	if err != nil {
		t.f.end()
		return nil, err
	}
	if part != nil && part.at > 0 {
		if _, err := in.staged.file.Seek(part.at, io.SeekStart); err != nil {
			in.abort()
			t.f.end()
			return nil, err
		}
	}
	mode := uint32(t.f.root.modes.File.Perm())
	if exists {
		mode = cur.Mode // PUT-8
	}
	t.f.d.counters.uploads.Add(1)
	return &Upload{receiving: in, t: t, name: name, claim: c, part: part, mode: mode, keep: t.f.locks.keep(c.Tokens, t.p.UserID)}, nil
}

// mayPut is what must hold at the beginning of an upload and at its end.
func (t *Tree) mayPut(name string, c Claim, exists bool, cur Info) error {
	need := needSelf
	if name == "" || exists && cur.Dir {
		return errIsDir
	}
	if err := t.mayName(name); err != nil {
		return err
	}
	if !exists {
		need |= needMember
	}
	if err := c.check(exists, cur); err != nil {
		return err
	}
	return t.f.locks.need(name, need, c.Tokens, t.p.UserID)
}

// Expect has the content checked at Commit, against the checksums that the client sent. It
// comes before the first Write.
func (u *Upload) Expect(e *expected) { u.sums = e }

// Write implements io.Writer.
func (u *Upload) Write(p []byte) (int, error) {
	n, err := u.receiving.Write(p)
	if u.sums != nil {
		u.sums.hash.Write(p[:n])
	}
	return n, err
}

// Commit makes what was written the file at the name, durably. mtime is a time that
// the client gave, or zero. created says that there was no file before. After an
// error the old file is as it was.
func (u *Upload) Commit(ctx context.Context, mtime time.Time) (made Info, created bool, err error) {
	defer u.Abort()
	commit := func(ctx context.Context) (err error) {
		made, created, err = u.commit(ctx, mtime)
		return err
	}
	if u.sums != nil {
		if err := u.sums.check(u.part != nil); err != nil {
			return Info{}, false, err
		}
	}
	if u.part != nil {
		err = u.amend(ctx, commit)
	} else {
		err = commit(ctx)
	}
	if err == nil && u.sums != nil {
		u.t.f.d.sums.note(u.t.f, made, u.sums.found)
	}
	return made, created, err
}

func (u *Upload) commit(ctx context.Context, mtime time.Time) (made Info, created bool, err error) {
	t := u.t
	if made, err = u.finish(t.f.d.o.Sync, u.mode, t.f.stamp(mtime)); err != nil {
		return Info{}, false, err
	}
	created, err = u.place(ctx, &made)
	return made, created, err
}

// place makes the finished file the one at the name, durably; what it is is in made. After an
// error the old file is as it was, unless nothing is staged any more.
func (u *Upload) place(ctx context.Context, made *Info) (created bool, err error) {
	t := u.t
	made.Name = baseOf(u.name)
	err = t.change(ctx, []string{u.name}, func() error {
		cur, exists, err := t.lookToMake(u.name)
		if err != nil {
			return err
		}
		if err := t.mayPut(u.name, u.claim, exists, cur); err != nil {
			return err
		}
		if u.part != nil && !u.part.current(cur, exists) {
			return errStale
		}
		if exists && cur.Mode != made.Mode { // changed while the body came (PUT-8)
			if err := t.f.fs.Remode(u.staged, cur.Mode); err != nil {
				return err
			}
			made.Mode = cur.Mode
		}
		rows := &rowChange{f: t.f, name: u.name, needed: exists && t.f.props.has(u.name, cur.Identity())}
		if err := rows.intend(ctx, store.Intent{Kind: intentReplace, Path: u.name, Subject: made.Identity()}); err != nil {
			return err
		}
		if err := u.publish(u.name, cur, exists); err != nil {
			return rows.cancel(ctx, err)
		}
		created = !exists
		if exists {
			t.f.d.sums.forget(t.f, cur)
		}
		t.f.locks.taken(u.name, t.p.UserID)
		t.f.changed(changeFile, u.name)
		return rows.replaced(ctx, made.Identity())
	})
	if err != nil {
		return created, err
	}
	t.count(ctx, 1, 0, 0)
	return created, t.f.syncDirs(parentOf(u.name))
}

// Abort drops what was received. After Commit it does nothing.
func (u *Upload) Abort() {
	if u.done {
		return
	}
	u.done = true
	u.t.f.d.counters.uploads.Add(-1)
	u.abort()
	u.keep()
	u.t.f.end()
}
