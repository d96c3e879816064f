package davfs

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// quotaFS is a fileSystem that keeps the folder's ledger: what would grow the folder
// beyond its limits is refused before anything changes (decision 8, D10).
//
// The methods that change names expect the caller to hold the names' locks, so that
// what they find at a name is still there when they replace it.
type quotaFS struct {
	fileSystem
	ledger *ledger
}

func (q *quotaFS) bottom() *rootFS {
	return q.fileSystem.(interface{ bottom() *rootFS }).bottom()
}

// Mkdir implements afero.Fs.
func (q *quotaFS) Mkdir(name string, perm fs.FileMode) error {
	s, err := q.ledger.settle(parentOf(name), store.Usage{}, store.Usage{Files: 1})
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	if err := q.fileSystem.Mkdir(name, perm); err != nil {
		s.undo()
		return err
	}
	q.ledger.madeDir(name)
	return nil
}

// MkdirAll implements afero.Fs.
func (q *quotaFS) MkdirAll(name string, perm fs.FileMode) error { return mkdirAll(q, name, perm) }

// Publish implements fileSystem. reserved is turned into what the change really adds.
func (q *quotaFS) Publish(s *staged, name string, noReplace bool) error {
	if noReplace {
		return q.publish(s, name, Info{}, false, store.Usage{})
	}
	old, err := q.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return q.publish(s, name, old, err == nil, store.Usage{})
}

// publish is Publish for who knows what is at the name, which is locked.
func (q *quotaFS) publish(s *staged, name string, old Info, exists bool, reserved store.Usage) error {
	delta := s.usage
	if exists {
		delta = minus(delta, old.usage())
	}
	account, err := q.ledger.settle(parentOf(name), reserved, delta)
	if err != nil {
		return &fs.PathError{Op: "publish", Path: name, Err: err}
	}
	empty := s.tree && s.usage == store.Usage{Files: 1}
	if s.tree && !empty {
		q.ledger.spoil()
	}
	if err := q.fileSystem.Publish(s, name, !exists); err != nil {
		account.undo()
		return err
	}
	if empty {
		q.ledger.madeDir(name)
	}
	account.give()
	return nil
}

// Exchange implements fileSystem. The old tree is counted first, so it is for
// replacements that involve a directory.
func (q *quotaFS) Exchange(s *staged, name string) error { return q.exchange(s, name, store.Usage{}) }

func (q *quotaFS) exchange(s *staged, name string, reserved store.Usage) error {
	old, err := count(q.fileSystem, name)
	if err != nil {
		return err
	}
	account, err := q.ledger.settle(parentOf(name), reserved, minus(s.usage, old))
	if err != nil {
		return &fs.PathError{Op: "publish", Path: name, Err: err}
	}
	q.ledger.spoil()
	if err := q.fileSystem.Exchange(s, name); err != nil {
		account.undo()
		return err
	}
	account.give()
	s.usage = old
	return nil
}

// Move implements fileSystem, inside one folder and between two.
func (q *quotaFS) Move(name string, to fileSystem, toName string, noReplace bool) error {
	dst, ok := to.(*quotaFS)
	if !ok {
		return pathError("move", name, unix.EXDEV)
	}
	src, err := q.Lstat(name)
	if err != nil {
		return err
	}
	var old Info
	replaced := store.Usage{}
	if !noReplace {
		if old, err = dst.Lstat(toName); err == nil {
			replaced = old.usage()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	moved := src.usage()
	if !src.Dir && old.Identity() == src.Identity() {
		// Two names of one file, linked by hand: rename(2) would leave both and say that all is well.
		if err := q.fileSystem.Remove(name); err != nil {
			return err
		}
		q.ledger.credit(parentOf(name), minus(store.Usage{}, moved))
		return nil
	}
	if src.Dir {
		q.ledger.spoil()
		dst.ledger.spoil()
		if dst.ledger != q.ledger {
			if moved, err = count(q.fileSystem, name); err != nil {
				return err
			}
		}
	}
	if dst.ledger == q.ledger {
		if err := q.fileSystem.Move(name, dst.fileSystem, toName, noReplace); err != nil {
			return err
		}
		q.ledger.credit(parentOf(name), minus(store.Usage{}, moved))
		q.ledger.credit(parentOf(toName), minus(moved, replaced))
		return nil
	}
	return carried(toName, q.ledger.carry(parentOf(name), minus(store.Usage{}, moved), dst.ledger, parentOf(toName), minus(moved, replaced), func() error {
		return q.fileSystem.Move(name, dst.fileSystem, toName, noReplace)
	}))
}

// Swap implements fileSystem, inside one folder and between two.
func (q *quotaFS) Swap(name string, to fileSystem, toName string) error {
	dst, ok := to.(*quotaFS)
	if !ok {
		return pathError("swap", name, unix.EXDEV)
	}
	q.ledger.spoil()
	dst.ledger.spoil()
	if dst.ledger == q.ledger {
		return q.fileSystem.Swap(name, dst.fileSystem, toName)
	}
	here, err := count(q.fileSystem, name)
	if err != nil {
		return err
	}
	there, err := count(dst.fileSystem, toName)
	if err != nil {
		return err
	}
	// What comes here goes into the trash next; it needs no room here.
	return carried(toName, q.ledger.carry(parentOf(name), minus(there, here), dst.ledger, parentOf(toName), minus(here, there), func() error {
		return q.fileSystem.Swap(name, dst.fileSystem, toName)
	}))
}

// carried gives the refusal of a limit the name that it is about.
func carried(name string, err error) error {
	if errors.Is(err, store.ErrQuota) {
		return &fs.PathError{Op: "move", Path: name, Err: err}
	}
	return err
}

// Trash implements fileSystem. A file is credited at once; a directory when the caller,
// having let its locks go, calls credit.
func (q *quotaFS) Trash(name string) (*staged, error) {
	i, err := q.Lstat(name)
	if err != nil {
		return nil, err
	}
	var counts uint64
	if i.Dir {
		counts = q.ledger.spoil()
	}
	s, err := q.fileSystem.Trash(name)
	if err != nil {
		return nil, err
	}
	s.counts, s.tree = counts, i.Dir
	if !i.Dir {
		s.letGo()
		q.ledger.credit(parentOf(name), minus(store.Usage{}, i.usage()))
	}
	return s, nil
}

// replaceTree puts the staged directory, which is empty, in the place of the directory at name, and moves that out of
// the folder as Trash does. The new one takes the room of the old one's own.
func (q *quotaFS) replaceTree(s *staged, name string) (*staged, error) {
	counts := q.ledger.spoil()
	if err := q.fileSystem.Exchange(s, name); err != nil {
		return nil, err
	}
	old := &staged{vol: s.vol, dir: s.vol.trashDir, root: s.vol.trash, base: tempName(), tree: true, counts: counts, stays: 1}
	s.vol.hold(old.base)
	if err := renameat2(int(s.dir.Fd()), s.base, int(old.dir.Fd()), old.base, 0); err != nil {
		s.vol.unhold(old.base)
		return nil, errors.Join(pathError("remove", name, err), q.fileSystem.Exchange(s, name))
	}
	return old, nil
}

// credit counts a directory that Trash took out and gives its room back. For a file that is done.
func (q *quotaFS) credit(s *staged) error {
	if !s.tree {
		return nil // and the sweep may have removed it already
	}
	defer s.letGo()
	dir, err := q.Enter(s)
	if err != nil {
		return err
	}
	defer dir.close()
	u, err := count(dir, "")
	if err != nil {
		return err
	}
	u.Files += 1 - s.stays // the directory itself, which has become a root here
	q.ledger.creditOnce(s.counts, u)
	return nil
}

// Remove implements afero.Fs: a file or an empty directory.
func (q *quotaFS) Remove(name string) error {
	i, err := q.Lstat(name)
	if err != nil {
		return err
	}
	if err := q.fileSystem.Remove(name); err != nil {
		return err
	}
	q.ledger.credit(parentOf(name), minus(store.Usage{}, i.usage()))
	return nil
}

// RemoveAll implements afero.Fs.
func (q *quotaFS) RemoveAll(name string) error {
	s, err := q.Trash(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(q.credit(s), s.drop())
}

// Rename implements afero.Fs.
func (q *quotaFS) Rename(from, to string) error { return q.Move(from, q, to, false) }

// count is the usage of what is at name, all of it; of the root, what is below it.
func count(f fileSystem, name string) (store.Usage, error) {
	var u store.Usage
	if name != "" {
		i, err := f.Lstat(name)
		if err != nil {
			return u, err
		}
		u = i.usage()
		if !i.Dir {
			return u, nil
		}
	}
	err := walkTree(f, name, func(_ string, i Info) error {
		u = plus(u, i.usage())
		return nil
	})
	return u, err
}

// walkTree calls fn for everything visible below dir, parents before members. What vanishes
// during the walk is left out.
func walkTree(f fileSystem, dir string, fn func(name string, i Info) error) error {
	dirs := []string{dir}
	for len(dirs) > 0 {
		d := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		err := f.List(d, func(i Info) error {
			name := member(d, i.Name)
			if i.Dir {
				dirs = append(dirs, name)
			}
			return fn(name, i)
		})
		if err != nil && (d == dir || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

func plus(a, b store.Usage) store.Usage {
	return store.Usage{Bytes: a.Bytes + b.Bytes, Files: a.Files + b.Files}
}

func minus(a, b store.Usage) store.Usage {
	return store.Usage{Bytes: a.Bytes - b.Bytes, Files: a.Files - b.Files}
}

// receiving is a file that is being received: hidden, and reserved for as it grows.
// It is used by one goroutine. A failed write is remembered and publish refuses.
type receiving struct {
	q        *quotaFS
	staged   *staged
	reserved store.Usage
	base     int64 // bytes that the file it replaces already uses
	size     int64
	err      error
}

// reserveStep is what a file of unknown length reserves at a time.
const reserveStep = 1 << 20

// receive begins a file. length is its announced size, or -1; old is what is at its
// name now, if exists. The room it needs is taken here when the length is known.
func (q *quotaFS) receive(length int64, old Info, exists bool) (*receiving, error) {
	in := &receiving{q: q}
	if exists {
		in.base = old.Size
	} else {
		in.reserved.Files = 1
	}
	if length >= 0 {
		in.reserved.Bytes = max(0, length-in.base)
	}
	if err := q.ledger.reserve(in.reserved); err != nil {
		return nil, err
	}
	if length > 0 {
		if free, err := q.bottom().vol.free(); err == nil && free < length {
			q.ledger.release(in.reserved)
			return nil, &LimitError{Kind: LimitVolume, Limit: free, Wanted: length}
		}
	}
	var err error
	if in.staged, err = q.Stage(false); err != nil {
		q.ledger.release(in.reserved)
		return nil, err
	}
	return in, nil
}

// grow makes sure that n more bytes are reserved.
func (in *receiving) grow(n int64) error {
	need := in.size + n - in.base - in.reserved.Bytes
	if need <= 0 {
		return nil
	}
	step := max(need, reserveStep)
	if in.q.ledger.reserve(store.Usage{Bytes: step}) == nil {
		in.reserved.Bytes += step
		return nil
	}
	if err := in.q.ledger.reserve(store.Usage{Bytes: need}); err != nil {
		return err
	}
	in.reserved.Bytes += need
	return nil
}

// Write implements io.Writer.
func (in *receiving) Write(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	if in.err = in.grow(int64(len(p))); in.err != nil {
		return 0, in.err
	}
	n, err := in.staged.file.Write(p)
	in.size += int64(n)
	in.err = err
	return n, err
}

// finish makes the content durable, with its mode and modification time, and closes it.
func (in *receiving) finish(sync Sync, mode uint32, mtime time.Time) (Info, error) {
	if in.err != nil {
		return Info{}, in.err
	}
	i, err := in.q.Settle(in.staged, mode, mtime)
	if err != nil {
		return Info{}, err
	}
	i.Size = in.size
	if sync != SyncNone {
		if err := in.staged.file.Sync(); err != nil {
			return Info{}, err
		}
	}
	err = in.staged.file.Close()
	in.staged.file = nil
	in.staged.usage = store.Usage{Bytes: in.size, Files: 1}
	return i, err
}

// publish makes the finished file visible in the place of old, if exists. The caller holds the name's lock.
func (in *receiving) publish(name string, old Info, exists bool) error {
	if err := in.q.publish(in.staged, name, old, exists, in.reserved); err != nil {
		return err
	}
	in.staged, in.reserved = nil, store.Usage{}
	return nil
}

// abort drops what was received. After publish it does nothing.
func (in *receiving) abort() {
	in.staged.drop()
	in.staged = nil
	in.q.ledger.release(in.reserved)
	in.reserved = store.Usage{}
}
