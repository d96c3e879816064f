package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"davit/store"
)

// The trash of files (D22) is an ordinary directory at the folder's root, made on first use and counted as any other.
// Rows say where what is in it came from; they are found by the identity of the file, so that they follow it through
// renames, and mean nothing once it is gone. WebDAV's DELETE does not come here.

// TrashName is the name of the trash, at the folder's root.
const TrashName = "Trash"

// ErrInTrash is the refusal to throw away the trash, or what is in it.
var ErrInTrash = fmt.Errorf("it is the trash or in it already: delete it, or empty the trash: %w", fs.ErrInvalid)

// ErrNotInTrash is the refusal to restore what is not in the trash.
var ErrNotInTrash = fmt.Errorf("it is not in the trash: %w", fs.ErrInvalid)

// Discard moves what is at a name to the trash, with another name if it must, and returns the name that it has there.
func (t *Tree) Discard(ctx context.Context, name string) (string, error) {
	switch {
	case name == "":
		return "", errRoot
	case name == TrashName || inside(name, TrashName):
		return "", ErrInTrash
	}
	if err := t.MayRemove(name); err != nil {
		return "", err
	}
	if _, err := t.MakeDir(ctx, TrashName, Replace); err != nil {
		return "", &MemberError{TrashName, err}
	}
	b := &bringing{how: Rename, move: true, before: func(ctx context.Context, i Info, _ string) error {
		// Before the move: a row that means nothing does no harm.
		return t.f.d.st.AddTrashed(ctx, t.f.id, store.Trashed{Identity: i.Identity(), Origin: name, UserID: t.p.UserID, At: t.f.d.now()})
	}}
	return b.bring(ctx, t, name, Place{t, member(TrashName, baseOf(name))})
}

// Origin says where something in the trash came from; fs.ErrNotExist if nobody noted it.
func (t *Tree) Origin(ctx context.Context, i Info) (store.Trashed, error) {
	if err := t.may(store.Read); err != nil {
		return store.Trashed{}, err
	}
	return t.f.d.st.TrashedAs(ctx, t.f.id, i.Identity())
}

// Restore moves something in the trash to where it came from, and returns the name that it has there: another one if
// the old is taken. Directories that are gone are made again. What came to the trash by another way than Discard goes
// to the folder's root; a part of a directory goes to its place in that directory.
func (t *Tree) Restore(ctx context.Context, name string) (string, error) {
	if err := t.may(store.Write); err != nil {
		return "", err
	}
	if !inside(name, TrashName) {
		return "", ErrNotInTrash
	}
	i, err := t.f.fs.Lstat(name)
	if err != nil {
		return "", err
	}
	to, err := t.origin(ctx, name, i)
	if err != nil {
		return "", err
	}
	if err := t.makeParents(ctx, to); err != nil {
		if !errors.Is(err, ErrMismatch) {
			return "", err
		}
		to = baseOf(name) // a file is where its directory was
	}
	to, err = t.MoveTo(ctx, name, Place{t, to}, Rename)
	if err != nil {
		return "", err
	}
	if err := t.f.d.st.DropTrashed(context.WithoutCancel(ctx), t.f.id, i.Identity()); err != nil {
		t.f.d.log.Error("forget an origin", "folder", t.f.id, "error", err) // it means nothing any more
	}
	return to, nil
}

// origin is where something in the trash belongs.
func (t *Tree) origin(ctx context.Context, name string, i Info) (string, error) {
	rest := ""
	for at := name; at != TrashName; at = parentOf(at) {
		if at != name {
			var err error
			if i, err = t.f.fs.Lstat(at); err != nil {
				return "", err
			}
		}
		x, err := t.f.d.st.TrashedAs(ctx, t.f.id, i.Identity())
		if err == nil && x.Origin != TrashName && !inside(x.Origin, TrashName) {
			return x.Origin + rest, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		rest = "/" + baseOf(at) + rest
	}
	return strings.TrimPrefix(rest, "/"), nil
}

// EmptyTrash removes all that is in the trash, at once; its bytes are removed in the background. No trash is an
// empty one.
func (t *Tree) EmptyTrash(ctx context.Context) error {
	err := t.clear(ctx, TrashName, func(ctx context.Context) error {
		rows, err := t.f.d.st.Trashed(ctx, t.f.id)
		if err != nil {
			return err
		}
		ids := make([]store.Identity, len(rows))
		for n, x := range rows {
			ids[n] = x.Identity
		}
		return t.f.d.st.DropTrashed(ctx, t.f.id, ids...)
	})
	if errors.Is(err, fs.ErrNotExist) && t.may(store.Write) == nil {
		return nil
	}
	return err
}

// clear takes everything out of a directory by one exchange with an empty one. after is called when that is done,
// while the name is still locked; its error is logged.
func (t *Tree) clear(ctx context.Context, name string, after func(context.Context) error) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	if err := t.f.begin(ctx); err != nil { // until what is removed is counted
		return err
	}
	defer t.f.end()
	var old *staged
	err := t.change(ctx, []string{name}, func() error {
		cur, err := t.f.fs.Lstat(name)
		if err != nil {
			return err
		}
		if !cur.Dir {
			return ErrMismatch
		}
		if err := t.f.locks.need(name, needSelf|needTree, nil, t.p.UserID); err != nil {
			return err
		}
		if t.empty(name) == nil {
			return nil
		}
		s, err := t.f.fs.Stage(true)
		if err != nil {
			return err
		}
		defer func() { s.drop() }() // nil once it is exchanged
		dir, err := t.f.fs.Enter(s)
		if err != nil {
			return err
		}
		top, err := dir.Lstat("")
		if err = errors.Join(err, dir.close()); err != nil {
			return err
		}
		x := &transfer{src: t, dst: t, to: name}
		rows, err := x.intendCopy(ctx, &copying{receiving: &receiving{staged: s}, top: top.Identity()}, cur, true)
		if err != nil {
			return err
		}
		defer t.f.moving()()
		if old, err = t.f.fs.replaceTree(s, name); err != nil {
			return rows.cancel(ctx, err)
		}
		s = nil
		t.f.locks.taken(name, t.p.UserID)
		t.f.changed(changeGone, name)
		t.f.changed(changeTree, name)
		if err := after(context.WithoutCancel(ctx)); err != nil {
			t.f.d.log.Error("forget origins", "folder", t.f.id, "error", err)
		}
		return rows.copied(ctx, true)
	})
	t.f.discard(old)
	if err != nil {
		return err
	}
	if old != nil {
		t.count(ctx, 0, 1, 0)
	}
	return t.f.syncDirs(parentOf(name))
}

// forgetTrashed drops the rows of what is not in the trash any more; nothing newer than since.
func (f *folder) forgetTrashed(ctx context.Context, since time.Time) error {
	rows, err := f.d.st.Trashed(ctx, f.id)
	if err != nil || len(rows) == 0 {
		return err
	}
	there := make(map[store.Identity]bool)
	err = f.fs.List(TrashName, func(i Info) error {
		there[i.Identity()] = true
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var gone []store.Identity
	for _, x := range rows {
		if !there[x.Identity] && x.At.Before(since) {
			gone = append(gone, x.Identity)
		}
	}
	return f.d.st.DropTrashed(ctx, f.id, gone...)
}
