package davfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"davit/store"
)

// Place is a destination: a name in a folder as a principal may use it.
type Place struct {
	Tree *Tree
	Name string
}

// transfer is what COPY and MOVE have in common.
type transfer struct {
	src       *Tree
	name      string
	dst       *Tree
	to        string
	overwrite bool
	claim     Claim

	away     bool                                      // a move to another volume: the copy keeps times and modes
	onlyFile bool                                      // what overwrite replaces is a file, and by a file
	before   func(context.Context, Info, string) error // is told, under the locks, what is about to come where
}

// names checks the names alone (CM-3): nothing is copied onto or into itself.
func (x *transfer) names() error {
	switch {
	case x.name == "" || x.to == "":
		return errRoot
	case x.src.f != x.dst.f:
		return nil
	case x.name == x.to:
		return errSame
	case inside(x.to, x.name), inside(x.name, x.to):
		return errNested
	}
	return nil
}

// look finds both ends and asks everything that can refuse the transfer (CM-2).
func (x *transfer) look(move bool) (src, old Info, exists bool, err error) {
	if src, err = x.src.f.fs.Lstat(x.name); err != nil {
		return src, old, false, err
	}
	if err = x.claim.check(true, src); err != nil {
		return src, old, false, err
	}
	if err = x.dst.mayName(x.to); err != nil {
		return src, old, false, err
	}
	if old, exists, err = x.dst.lookToMake(x.to); err != nil {
		return src, old, false, err
	}
	if exists && (!x.overwrite || x.onlyFile && (src.Dir || old.Dir)) {
		err = errExists
	}
	if err != nil {
		return src, old, exists, err
	}
	if move {
		if err = x.src.f.locks.need(x.name, needSelf|needTree|needMember, x.claim.Tokens, x.src.p.UserID); err != nil {
			return src, old, exists, err
		}
	}
	need := needSelf | needMember
	if exists {
		need = needSelf | needTree
	}
	return src, old, exists, x.dst.f.locks.need(x.to, need, x.claim.Tokens, x.dst.p.UserID)
}

// arrived notes that what was at the destination, if anything, is replaced.
func (x *transfer) arrived(src, old Info, exists bool) {
	if exists && old.Dir {
		x.dst.f.changed(changeGone, x.to)
	}
	x.dst.f.changed(src.change(), x.to)
}

// errExists is the refusal of Overwrite: F, a failed precondition (RFC 4918, section 10.6).
var errExists = fmt.Errorf("the destination exists and Overwrite is F: %w", store.ErrChanged)

// change runs fn as a change of both folders with both names locked. Folders are
// taken in the order of their IDs, so that two transfers never wait for each other.
func (x *transfer) change(ctx context.Context, fn func() error) error {
	if x.src.f == x.dst.f {
		return x.src.change(ctx, []string{x.name, x.to}, fn)
	}
	first, firstName, second, secondName := x.src, x.name, x.dst, x.to
	if first.f.id > second.f.id {
		first, firstName, second, secondName = second, secondName, first, firstName
	}
	for {
		err := first.changeOnce(ctx, []string{firstName}, func() error {
			return second.changeOnce(ctx, []string{secondName}, fn)
		})
		if err != errOwed {
			return err
		}
		if err := errors.Join(first.f.d.repay(ctx, first.f.id), second.f.d.repay(ctx, second.f.id)); err != nil {
			return err
		}
	}
}

// Move renames a file or a collection, also into another folder. The destination, if
// it exists and overwrite allows it, is replaced in one step: at no moment is it missing (CM-4).
func (t *Tree) Move(ctx context.Context, name string, to Place, overwrite bool, c Claim) (created bool, err error) {
	return (&transfer{src: t, name: name, dst: to.Tree, to: to.Name, overwrite: overwrite, claim: c}).move(ctx)
}

// move does the work of Move.
func (x *transfer) move(ctx context.Context) (created bool, err error) {
	t, name, c := x.src, x.name, x.claim
	if err := errors.Join(t.may(store.Write), x.dst.may(store.Write)); err != nil {
		return false, err
	}
	if err := x.names(); err != nil {
		return false, err
	}
	if x.across() {
		return x.moveAcross(ctx)
	}
	if err := t.f.begin(ctx); err != nil { // until what is displaced is counted
		return false, err
	}
	defer t.f.end()
	var trashed *staged
	var copies []copiedFile // whose checksums follow
	err = x.change(ctx, func() (err error) {
		src, old, exists, err := x.look(true)
		if err != nil {
			return err
		}
		if x.before != nil {
			if err := x.before(ctx, src, x.to); err != nil {
				return err
			}
		}
		rows := t.rows(name)
		rows.needed = rows.needed || x.dst.f.hasRows(x.to)
		in := store.Intent{Kind: intentMove, Path: name, DstFolder: x.dst.f.id, DstPath: x.to, Subject: src.Identity()}
		swap := exists && (src.Dir || old.Dir)
		if swap {
			in.Kind, in.Displaced = intentExchange, old.Identity()
		}
		if err := rows.intend(ctx, in); err != nil {
			return err
		}
		stamped := src
		if !c.MTime.IsZero() { // before the name is changed, for nothing may fail after that
			stamped.MTime = x.dst.f.stamp(c.MTime).UnixNano()
			if err := t.f.fs.Chtimes(name, time.Time{}, stamped.ModTime()); err != nil {
				return rows.cancel(ctx, err)
			}
		}
		moved := false
		defer func() {
			if !moved && stamped != src {
				err = errors.Join(err, t.f.fs.Chtimes(name, time.Time{}, src.ModTime()))
			}
		}()
		if src.Dir || swap {
			defer t.f.moving()()
			defer x.dst.f.moving()()
		}
		if swap {
			err = t.f.fs.Swap(name, x.dst.f.fs, x.to)
		} else {
			err = t.f.fs.Move(name, x.dst.f.fs, x.to, !exists)
		}
		if err != nil {
			return rows.cancel(ctx, err)
		}
		if swap {
			if trashed, err = t.f.fs.Trash(name); err != nil {
				t.f.missed() // for a moment the names were swapped
				x.dst.f.missed()
				if undo := t.f.fs.Swap(name, x.dst.f.fs, x.to); undo != nil {
					return rows.leave(errors.Join(err, undo)) // the intent stays: the old one is taken away later
				}
				return rows.cancel(ctx, err)
			}
		}
		moved, created = true, !exists
		if exists && !swap {
			x.dst.f.d.sums.forget(x.dst.f, old)
		}
		if !src.Dir && (stamped != src || x.src.f != x.dst.f) {
			copies = append(copies, copiedFile{src, stamped})
		}
		x.dst.f.locks.taken(x.to, x.dst.p.UserID)
		t.f.changed(src.removal(), name)
		x.arrived(src, old, exists)
		return rows.moved(ctx, x.dst.f, x.to, exists && !swap)
	})
	t.f.discard(trashed) // also after an error: it is out of the folder
	if err != nil {
		return false, err
	}
	x.dst.count(ctx, 0, 0, 1)
	if t.f != x.dst.f {
		t.count(ctx, 0, 0, 1)
	}
	x.keepSums(ctx, copies)
	if err := x.dst.f.syncDirs(parentOf(x.to)); err != nil {
		return false, err
	}
	return created, t.f.syncDirs(parentOf(name))
}

// Copy copies a file, or a collection: with all that is in it, or if shallow alone. It is built
// out of sight and swapped in, so the destination is the old or the new one, whole (CM-6).
func (t *Tree) Copy(ctx context.Context, name string, to Place, overwrite, shallow bool, c Claim) (created bool, err error) {
	return (&transfer{src: t, name: name, dst: to.Tree, to: to.Name, overwrite: overwrite, claim: c}).copy(ctx, shallow)
}

// copy does the work of Copy.
func (x *transfer) copy(ctx context.Context, shallow bool) (created bool, err error) {
	if err := errors.Join(x.src.may(store.Read), x.dst.may(store.Write)); err != nil {
		return false, err
	}
	if err := x.names(); err != nil {
		return false, err
	}
	src, old, exists, err := x.look(false)
	if err != nil {
		return false, err
	}
	if err := x.dst.f.begin(ctx); err != nil {
		return false, err
	}
	defer x.dst.f.end()
	made, err := x.build(ctx, src, old, exists, shallow)
	for try := 1; errors.Is(err, errReplaced) && try < listTries; try++ { // what takes the old one's place is copied
		if src, old, exists, err = x.look(false); err == nil {
			made, err = x.build(ctx, src, old, exists, shallow)
		}
	}
	if err != nil {
		return false, err
	}
	defer made.abort()
	var displaced *staged
	err = x.dst.change(ctx, []string{x.to}, func() error {
		_, old, exists, err := x.look(false)
		if err == nil {
			err = x.src.may(store.Read) // a deleted folder loses its files one by one: the copy may lack some
		}
		if err != nil {
			return err
		}
		swap := exists && (src.Dir || old.Dir)
		rows, err := x.intendCopy(ctx, made, old, swap)
		if err != nil {
			return err
		}
		if swap {
			defer x.dst.f.moving()()
			err = x.dst.f.fs.exchange(made.staged, x.to, made.reserved)
		} else {
			err = x.dst.f.fs.publish(made.staged, x.to, old, exists, made.reserved)
		}
		if err != nil {
			return rows.cancel(ctx, err)
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
		return rows.copied(ctx, swap)
	})
	if displaced != nil {
		x.dst.f.d.background.Go(func() {
			if err := displaced.drop(); err != nil {
				x.dst.f.d.log.Error("remove what a copy replaced", "error", err)
			}
		})
	}
	if err != nil {
		return false, err
	}
	x.dst.count(ctx, 1, 0, 0)
	x.keepSums(ctx, made.copied)
	return created, x.dst.f.syncDirs(parentOf(x.to))
}

// keepSums keeps for files what is kept of those that they were made from. Without it they have no
// checksums; that is no reason to fail.
func (x *transfer) keepSums(ctx context.Context, files []copiedFile) {
	if err := x.src.f.d.sums.copied(context.WithoutCancel(ctx), x.src.f, x.dst.f, files); err != nil {
		x.src.f.d.log.Error("checksums of a copy", "folder", x.dst.f.id, "error", err)
	}
}

// intendCopy commits what a copy does to rows: the dead properties of the copy are written, to wait for it where
// they belong to nothing; those of what it replaces, and the locks on a replaced tree, will end.
func (x *transfer) intendCopy(ctx context.Context, made *copying, old Info, swap bool) (*rowChange, error) {
	f := x.dst.f
	rows := &rowChange{f: f, name: x.to, needed: len(made.props) > 0 || !f.props.empty(x.to) || swap && f.locks.any(x.to)}
	if !rows.needed {
		return rows, nil
	}
	in := store.Intent{Kind: intentCopy, Path: copiedRows(made.staged), DstFolder: f.id, DstPath: x.to, Subject: made.top}
	if swap {
		in.Displaced = old.Identity()
	}
	waiting := make(map[string]store.Identity, len(made.props))
	for name, id := range made.props {
		waiting[in.Path+name[len(x.to):]] = id
	}
	if len(waiting) > 0 {
		if err := f.d.st.CopyProps(ctx, x.src.f.id, x.name, f.id, in.Path, waiting, true); err != nil {
			return nil, fmt.Errorf("copy properties: %w", err)
		}
	}
	if err := rows.intendWaiting(ctx, in); err != nil {
		return nil, err
	}
	for name, id := range waiting {
		from := x.name + name[len(in.Path):]
		f.props.note(name, id, true)
		f.props.setLanguage(name, x.src.f.props.language(from, x.src.f.props.identity(from)))
	}
	return rows, nil
}

// copying is a copy that is being built in staging, reserved for as it grows.
type copying struct {
	*receiving
	files int
	top   store.Identity
	props map[string]store.Identity // by destination name

	seen map[string]copiedAs // by name below the source, of a move to another volume

	sums   bool // the source may have checksums
	copied []copiedFile
}

// copiedFile is a file and its copy.
type copiedFile struct{ from, made Info }

// note remembers a copy, for its checksums.
func (c *copying) note(from, made Info) {
	if c.sums && from.Size == made.Size {
		c.copied = append(c.copied, copiedFile{from, made})
	}
}

// see remembers what was copied of what is about to move, to know whether it still is the same then.
func (c *copying) see(x *transfer, rel string, from, made Info) {
	if x.away {
		c.seen[rel] = copiedAs{from, made.Identity()}
	}
}

// syncEach is how many files of a copy are synced one by one; more are cheaper by one syncfs.
const syncEach = 32

func (x *transfer) build(ctx context.Context, src, old Info, exists, shallow bool) (*copying, error) {
	c := &copying{props: make(map[string]store.Identity), seen: make(map[string]copiedAs)}
	// Without an answer the copy has no checksums; that is no reason to refuse it.
	c.sums, _ = x.src.f.d.sums.some(ctx, x.src.f)
	if !src.Dir {
		if exists && old.Dir {
			exists = false // the directory's own bytes are settled at the exchange
		}
		in, err := x.dst.f.fs.receive(src.Size, old, exists)
		if err != nil {
			return nil, err
		}
		c.receiving = in
		from, made, err := x.copyFile(ctx, x.name, in)
		if err != nil {
			in.abort()
			return nil, err
		}
		c.top = made.Identity()
		c.see(x, "", from, made)
		c.note(from, made)
		x.noteProps(c, x.name, src, "", c.top)
		return c, nil
	}
	in := &receiving{q: x.dst.f.fs}
	c.receiving = in
	if exists {
		u, err := count(x.dst.f.fs, x.to)
		if err != nil {
			return nil, err
		}
		in.base = u.Bytes
		in.reserved.Files = -u.Files // what the replaced tree gives back counts as room already taken
	}
	if err := x.buildTree(ctx, c, src, shallow); err != nil {
		in.reserved.Files = max(in.reserved.Files, 0)
		in.abort()
		return nil, err
	}
	in.reserved.Files = max(in.reserved.Files, 0)
	return c, nil
}

// noteProps remembers the identity of a copied resource whose original has dead properties.
func (x *transfer) noteProps(c *copying, name string, src Info, rel string, id store.Identity) {
	if !x.src.f.props.has(name, src.Identity()) {
		return
	}
	to := x.to
	if rel != "" {
		to = member(x.to, rel)
	}
	c.props[to] = id
}

// copyFile copies one file's content into in and finishes it.
func (x *transfer) copyFile(ctx context.Context, name string, in *receiving) (from, made Info, err error) {
	f, from, err := x.src.f.fs.OpenRead(name)
	if err != nil {
		return from, Info{}, err
	}
	defer f.Close()
	if err := in.copyFrom(ctx, f, from.Size); err != nil {
		return from, Info{}, err
	}
	made, err = in.finish(x.sync(), from.Mode, x.stamp(from, x.claim.MTime))
	return from, made, err
}

// copyChunk is how much is copied between looks at the context (ARC-8).
const copyChunk = 32 << 20

// copyFrom takes size bytes from f; the kernel copies them, or shares them where it can (CM-10).
func (in *receiving) copyFrom(ctx context.Context, f *os.File, size int64) error {
	dst, ok := in.staged.file.(io.ReaderFrom)
	for left := size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(left, copyChunk)
		if err := in.grow(n); err != nil {
			return err
		}
		var got int64
		var err error
		if ok {
			got, err = dst.ReadFrom(io.LimitReader(f, n))
		} else {
			got, err = io.CopyN(in.staged.file, f, n)
		}
		in.size += got
		left -= got
		if err != nil && err != io.EOF {
			return err
		}
		if got < n {
			break // the file became shorter behind our back
		}
	}
	return nil
}

// buildTree copies a collection into a staged directory.
func (x *transfer) buildTree(ctx context.Context, c *copying, src Info, shallow bool) error {
	q := x.dst.f.fs
	if err := c.reserveFile(); err != nil {
		return err
	}
	var err error
	if c.staged, err = q.Stage(true); err != nil {
		return err
	}
	root, err := q.Enter(c.staged)
	if err != nil {
		return err
	}
	defer root.close()
	dirs := []string{""}
	top, err := root.Lstat("")
	if err != nil {
		return err
	}
	c.top = top.Identity()
	c.see(x, "", src, top)
	x.noteProps(c, x.name, src, "", c.top)
	if !shallow {
		err = walkTree(x.src.f.fs, x.name, func(name string, i Info) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			rel := strings.TrimPrefix(name[len(x.name):], "/") // of the root too, which has no name
			if err := c.reserveFile(); err != nil {
				return err
			}
			if i.Dir {
				if err := root.Mkdir(rel, 0); err != nil {
					return err
				}
				dirs = append(dirs, rel)
				made, err := root.Lstat(rel)
				c.see(x, rel, i, made)
				x.noteProps(c, name, i, rel, made.Identity())
				return err
			}
			return x.copyMember(ctx, c, root, name, rel, i)
		})
		if err != nil {
			return err
		}
	}
	if x.away {
		if err := x.dressDirs(c, root, dirs); err != nil {
			return err
		}
	}
	if !x.claim.MTime.IsZero() {
		if err := root.Chtimes("", time.Time{}, x.dst.f.stamp(x.claim.MTime)); err != nil {
			return err
		}
	}
	c.staged.usage = store.Usage{Bytes: c.size, Files: int64(c.files)}
	switch {
	case x.sync() == SyncNone:
		return nil
	case c.files > syncEach:
		return q.SyncVolume()
	case x.sync() == SyncFull:
		for _, dir := range dirs {
			if err := root.SyncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// reserveFile makes room for one more file or directory of the copy.
func (c *copying) reserveFile() error {
	c.files++
	if c.reserved.Files >= 0 {
		if err := c.q.ledger.reserve(store.Usage{Files: 1}); err != nil {
			return err
		}
	}
	c.reserved.Files++
	return nil
}

func (x *transfer) copyMember(ctx context.Context, c *copying, root hiddenTree, name, rel string, i Info) error {
	f, src, err := x.src.f.fs.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) {
		c.files--
		return nil // deleted since it was listed
	}
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := root.Create(rel)
	if err != nil {
		return err
	}
	one := &receiving{q: c.q, staged: &staged{vol: c.staged.vol, file: out}, base: c.base, size: c.size, reserved: c.reserved}
	defer func() {
		c.size, c.reserved.Bytes = one.size, one.reserved.Bytes
		if one.staged.file != nil {
			one.staged.file.Close()
		}
	}()
	if err := one.copyFrom(ctx, f, src.Size); err != nil {
		return err
	}
	sync := x.sync()
	if c.files > syncEach {
		sync = SyncNone // by syncfs at the end
	}
	made, err := one.finish(sync, src.Mode, x.stamp(src, time.Time{}))
	c.see(x, rel, src, made)
	x.noteProps(c, name, i, rel, made.Identity())
	if err == nil {
		c.note(src, made)
	}
	return err
}
