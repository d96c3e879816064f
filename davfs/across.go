package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// A MOVE between folders of different volumes cannot be a rename: what moves is copied out of sight on the
// destination's volume, synced, published, and only then taken out of the source (CM-5). Until the copy is
// published the source is as it was; from then on an intent on the disk says that the source goes. So at every moment the bytes are in
// at least one place, and after a crash in exactly one. While both are there both count: a move needs the room of its copy.

// acrossTries is how often a copy is begun again because its source changed meanwhile.
const acrossTries = 3

var errMovedOn = fmt.Errorf("the source was changed while it was copied to another volume: %w", store.ErrBusy)

// errHiddenMembers refuses to move what a copy would not have.
var errHiddenMembers = &statusError{Status: 403,
	Text: "the collection holds links, devices or names that WebDAV cannot show; they cannot be moved to another storage volume"}

// copiedAs is a resource as it was when it was copied, and the copy.
type copiedAs struct {
	from Info
	made store.Identity
}

// across says whether source and destination lie on different volumes.
func (x *transfer) across() bool { return x.src.f.root.vol != x.dst.f.root.vol }

// moveAcross does the work of move where a rename cannot.
func (x *transfer) moveAcross(ctx context.Context) (created bool, err error) {
	if err := x.src.f.begin(ctx); err != nil {
		return false, err
	}
	defer x.src.f.end()
	if err := x.dst.f.begin(ctx); err != nil {
		return false, err
	}
	defer x.dst.f.end()
	x.away = true
	for range acrossTries {
		if created, err = x.moveCopy(ctx); !errors.Is(err, errMovedOn) {
			break
		}
	}
	return created, err
}

// moveCopy copies, and moves the copy in if the source is still the same.
func (x *transfer) moveCopy(ctx context.Context) (created bool, err error) {
	src, old, exists, err := x.look(true)
	if err != nil {
		return false, err
	}
	made, err := x.build(ctx, src, old, exists, false)
	if err != nil {
		return false, err
	}
	defer made.abort()
	var displaced, trashed *staged
	err = x.change(ctx, func() error {
		src, old, exists, err := x.look(true)
		if err != nil {
			return err
		}
		if err := x.sameAs(made, src); err != nil {
			return err
		}
		if x.before != nil {
			if err := x.before(ctx, src, x.to); err != nil {
				return err
			}
		}
		swap := exists && (src.Dir || old.Dir)
		rows, err := x.intendCopy(ctx, made, old, swap)
		if err != nil {
			return err
		}
		gone := &rowChange{f: x.src.f, name: x.name, needed: true}
		if err := gone.intend(ctx, store.Intent{Kind: intentAway, Path: x.name, DstFolder: x.dst.f.id, DstPath: x.to,
			Subject: made.top, Displaced: src.Identity()}); err != nil {
			return rows.cancel(ctx, err)
		}
		if src.Dir || swap {
			defer x.src.f.moving()()
			defer x.dst.f.moving()()
		}
		if swap {
			err = x.dst.f.fs.exchange(made.staged, x.to, made.reserved)
		} else {
			err = x.dst.f.fs.publish(made.staged, x.to, old, exists, made.reserved)
		}
		if err != nil {
			return gone.cancel(ctx, rows.cancel(ctx, err))
		}
		if swap {
			displaced = made.staged
		}
		made.staged, made.reserved = nil, store.Usage{}
		created = !exists
		if exists && !swap {
			x.dst.f.d.sums.forget(x.dst.f, old)
		}
		x.dst.f.locks.taken(x.to, x.dst.p.UserID)
		x.arrived(src, old, exists)
		if err := x.dst.f.fs.SyncDir(parentOf(x.to)); err != nil {
			return gone.leave(rows.leave(err)) // it is there now: the source goes by and by
		}
		if err := rows.copied(ctx, swap); err != nil {
			return gone.leave(err)
		}
		if trashed, err = x.src.f.fs.Trash(x.name); err != nil {
			return gone.leave(err)
		}
		x.src.f.changed(src.removal(), x.name)
		return gone.removed(ctx)
	})
	x.src.f.discard(trashed) // also after an error: it is out of the folder
	if displaced != nil {
		x.dst.f.d.background.Go(func() {
			if err := displaced.drop(); err != nil {
				x.dst.f.d.log.Error("remove what a move replaced", "error", err)
			}
		})
	}
	if err != nil {
		return created, err
	}
	x.dst.count(ctx, 0, 0, 1)
	x.src.count(ctx, 0, 0, 1)
	x.keepSums(ctx, made.copied)
	return created, x.src.f.syncDirs(parentOf(x.name))
}

// sameAs says whether what was copied is what is there, all of it: errMovedOn, errHiddenMembers. It brings the copy's dead properties
// up to date. The source is locked.
func (x *transfer) sameAs(made *copying, src Info) error {
	made.props = make(map[string]store.Identity)
	left := len(made.seen)
	check := func(rel, name string, i Info) error {
		was, ok := made.seen[rel]
		if !ok || was.from.Ino != i.Ino || was.from.Birth != i.Birth || was.from.Dir != i.Dir || was.from.Size != i.Size || was.from.MTime != i.MTime || was.from.Mode != i.Mode {
			return errMovedOn
		}
		left--
		x.noteProps(made, name, i, rel, was.made)
		if i.Dir {
			return x.src.f.root.showsAll(name)
		}
		return nil
	}
	if err := check("", x.name, src); err != nil {
		return err
	}
	if src.Dir {
		err := walkTree(x.src.f.fs, x.name, func(name string, i Info) error { return check(name[len(x.name)+1:], name, i) })
		if err != nil {
			return err
		}
	}
	if left != 0 {
		return errMovedOn
	}
	return nil
}

// showsAll is errHiddenMembers if a directory has members that List does not tell.
func (r *rootFS) showsAll(name string) error {
	fd, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return pathError("list", name, err)
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	if err != nil {
		return pathError("list", name, err)
	}
	seen := 0
	if err := r.List(name, func(Info) error { seen++; return nil }); err != nil {
		return err
	}
	if seen != len(all) {
		return errHiddenMembers
	}
	return nil
}

// sync is what must be on the disk before the transfer is done. What moves to another volume must be there before it goes
// here, whatever the setting is for what is new.
func (x *transfer) sync() Sync {
	if x.away {
		return SyncFull
	}
	return x.dst.f.d.o.Sync
}

// stamp is the modification time of a copied file: a moved one keeps its own.
func (x *transfer) stamp(from Info, given time.Time) time.Time {
	if x.away && given.IsZero() {
		return from.ModTime()
	}
	return x.dst.f.stamp(given)
}

// dressDirs gives the copied directories the modes and times of their originals, members before parents.
func (x *transfer) dressDirs(made *copying, root hiddenTree, dirs []string) error {
	dirs = slices.Clone(dirs)
	slices.SortFunc(dirs, func(a, b string) int { return strings.Compare(b, a) })
	for _, rel := range dirs {
		from := made.seen[rel].from
		if err := root.Chmod(rel, fs.FileMode(from.Mode)); err != nil {
			return err
		}
		if err := root.Chtimes(rel, time.Time{}, from.ModTime()); err != nil {
			return err
		}
	}
	return nil
}
