package davfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"

	"davit/store"
)

// fileSystem is one folder's bytes: afero's operations, and what afero has no word
// for. Names are slash names inside the folder, "" is its root. Errors are bare
// *fs.PathError values with the name as given. All methods are safe for concurrent
// use; none takes a name lock or knows a quota.
type fileSystem interface {
	afero.Fs

	// Lstat describes a visible resource; anything else is fs.ErrNotExist, and errNowhere as well if it is
	// the parent that is missing.
	Lstat(name string) (Info, error)
	// OpenRead opens a visible regular file. The Info is of the opened file.
	OpenRead(name string) (*os.File, Info, error)
	// List calls fn for each visible member of a directory, in no order; *unreadError if that
	// was not all.
	List(name string, fn func(Info) error) error
	// ListChosen calls offer for each member of a directory that may be visible, with its name and whether it is a directory,
	// in no order, and then fn for those that chosen names and that are visible, in that order; *unreadError as List.
	ListChosen(name string, offer func(Info) error, chosen func() []string, fn func(Info) error) error
	// Stage begins a file, or a directory, that nobody sees until Publish.
	Stage(dir bool) (*staged, error)
	// Keep opens the file of the pending upload id at its beginning, or makes it; size is what it holds.
	Keep(id string, create bool) (s *staged, size int64, err error)
	// Publish moves what is staged to name: atomically, replacing a file that is there.
	// With noReplace an existing name is fs.ErrExist.
	Publish(s *staged, name string, noReplace bool) error
	// Exchange swaps what is staged with what is at name, so that the staged name then holds the old.
	Exchange(s *staged, name string) error
	// Move renames inside the volume; see Publish for noReplace.
	Move(name string, to fileSystem, toName string, noReplace bool) error
	// Swap exchanges two names, of this folder and of to.
	Swap(name string, to fileSystem, toName string) error
	// Trash moves name out of the folder; what is returned is no longer visible. The sweep
	// leaves it alone until letGo.
	Trash(name string) (*staged, error)
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error

	// Settle gives a staged file that is still open its permission bits and modification time.
	Settle(s *staged, mode uint32, mtime time.Time) (Info, error)
	// Remode changes the permission bits of a staged file that is closed already.
	Remode(s *staged, mode uint32) error
	// Reopen opens a staged file that is closed already for another try.
	Reopen(s *staged) error
	// Enter gives a directory in staging or trash as a fileSystem of its own.
	Enter(s *staged) (hiddenTree, error)
	// SyncVolume makes all that was written to the volume durable.
	SyncVolume() error
}

// hiddenTree is a directory that nobody sees. Unlike in a folder, files are made where they
// stay, by Create. Close it.
type hiddenTree interface {
	fileSystem
	close() error
}

// rootFS is a fileSystem over one directory of a volume. The volume's os.Root
// opens that directory; below it every path is resolved by openat2 with
// RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_XDEV, because os.Root alone
// would still follow links that stay inside (D9). The last segment is only ever
// named in *at calls that do not follow.
type rootFS struct {
	vol    *volume
	dir    *os.File
	fd     int // of dir
	modes  Modes
	hidden bool // a hiddenTree
	// swaps counts the trees that were replaced or taken away whole. A walk that was inside of the old one when it was
	// removed misses what is there in the new one; it tells by the count that it must look again.
	swaps atomic.Uint64
}

// Modes are the permission bits of new files and directories, and their owner.
type Modes struct {
	File, Dir fs.FileMode
	UID, GID  int // -1: the server's own
}

const resolveInside = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS

func openRootFS(v *volume, id string, m Modes) (*rootFS, error) {
	dir, err := v.files.OpenFile(id, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &rootFS{vol: v, dir: dir, fd: int(dir.Fd()), modes: m}, nil
}

func (r *rootFS) close() error { return r.dir.Close() }

// Name is part of afero.Fs.
func (r *rootFS) Name() string { return "folder" }

// pathError gives a system call's error the client's name, and hides what D9 hides.
func pathError(op, name string, err error) error {
	switch err {
	case nil:
		return nil
	case unix.ELOOP, unix.EXDEV, unix.ENXIO:
		err = unix.ENOENT // a link, another file system, a pipe: not there
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// renameError is pathError for renames. Between two names that could be opened "another file system" means
// that the volume is not set up right; hidden, it would tell the client that there is no such file.
func renameError(op, name string, err error) error {
	if err == unix.EXDEV {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return pathError(op, name, err)
}

// open resolves all of name without following anything.
func (r *rootFS) open(name string, flags int, mode uint32) (int, error) {
	if name == "" {
		name = "."
	}
	if len(name) >= unix.PathMax {
		return r.walk(name, flags, mode) // trees that are moved into one another become as deep as they like
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW), Mode: uint64(mode), Resolve: resolveInside}
	for range 64 { // EAGAIN: a rename raced with the walk
		fd, err := unix.Openat2(r.fd, name, &how)
		switch err {
		case unix.EINTR, unix.EAGAIN:
			continue
		case unix.ENOSYS, unix.EPERM:
			return r.walk(name, flags, mode)
		}
		return fd, err
	}
	return -1, unix.EAGAIN
}

// walk does what open does for names that are too long for the kernel, and where it, or a container's
// filter, has no openat2: one openat with O_NOFOLLOW per segment.
func (r *rootFS) walk(name string, flags int, mode uint32) (int, error) {
	at, own := r.fd, false
	for {
		seg, rest, more := strings.Cut(name, "/")
		f, m := unix.O_PATH|unix.O_DIRECTORY, uint32(0)
		if !more {
			f, m = flags, mode
		}
		fd, err := unix.Openat(at, seg, f|unix.O_CLOEXEC|unix.O_NOFOLLOW, m)
		for err == unix.EINTR {
			fd, err = unix.Openat(at, seg, f|unix.O_CLOEXEC|unix.O_NOFOLLOW, m)
		}
		if own {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Dev != r.vol.dev {
			unix.Close(fd)
			if err == nil {
				err = unix.EXDEV
			}
			return -1, err
		}
		if !more {
			return fd, nil
		}
		at, own, name = fd, true, rest
	}
}

// at opens the directory that holds name and returns it with name's last segment.
// done must be called with the descriptor.
func (r *rootFS) at(name string) (dirFD int, base string, err error) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return r.fd, name, nil
	}
	fd, err := r.open(name[:i], unix.O_PATH|unix.O_DIRECTORY, 0)
	return fd, name[i+1:], err
}

func (r *rootFS) done(dirFD int) {
	if dirFD != r.fd && dirFD >= 0 {
		unix.Close(dirFD)
	}
}

const statxMask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_INO | unix.STATX_BTIME

func statx(dirFD int, base string, flags int, x *unix.Statx_t) error {
	for {
		err := unix.Statx(dirFD, base, flags|unix.AT_SYMLINK_NOFOLLOW, statxMask, x)
		if err != unix.EINTR {
			return err
		}
	}
}

var errNotVisible = unix.ENOENT

// errNowhere is the fs.ErrNotExist of a name whose parent is no visible directory.
var errNowhere error = nowhere{}

type nowhere struct{}

func (nowhere) Error() string        { return "no such directory" }
func (nowhere) Is(target error) bool { return target == fs.ErrNotExist }

// Lstat implements fileSystem.
func (r *rootFS) Lstat(name string) (Info, error) {
	for {
		before := r.swaps.Load()
		i, err := r.lstat(name)
		if err == nil || r.swaps.Load() == before {
			return i, err
		}
	}
}

func (r *rootFS) lstat(name string) (Info, error) {
	var x unix.Statx_t
	if name == "" {
		if err := statx(r.fd, "", unix.AT_EMPTY_PATH, &x); err != nil {
			return Info{}, pathError("stat", name, err)
		}
		i, _ := infoOf("", &x, r.vol.dev)
		return i, nil
	}
	fd, base, err := r.at(name)
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV:
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: errNowhere}
	default:
		return Info{}, pathError("stat", name, err)
	}
	err = statx(fd, base, 0, &x)
	r.done(fd)
	if err != nil {
		return Info{}, pathError("stat", name, err)
	}
	i, ok := infoOf(base, &x, r.vol.dev)
	if !ok {
		return Info{}, pathError("stat", name, errNotVisible)
	}
	return i, nil
}

// OpenRead implements fileSystem. O_NONBLOCK, because opening a pipe blocks.
func (r *rootFS) OpenRead(name string) (*os.File, Info, error) {
	for {
		before := r.swaps.Load()
		f, i, err := r.openRead(name)
		if err == nil || r.swaps.Load() == before {
			return f, i, err
		}
	}
}

func (r *rootFS) openRead(name string) (*os.File, Info, error) {
	if _, err := r.Lstat(name); err != nil { // before opening: opening a device may do things
		return nil, Info{}, err
	}
	fd, err := r.open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, Info{}, pathError("open", name, err)
	}
	var x unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &x); err != nil {
		unix.Close(fd)
		return nil, Info{}, pathError("open", name, err)
	}
	i, ok := infoOf(path.Base(name), &x, r.vol.dev)
	if !ok || i.Dir {
		unix.Close(fd)
		if i.Dir {
			return nil, i, pathError("open", name, unix.EISDIR)
		}
		return nil, i, pathError("open", name, errNotVisible)
	}
	unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0) // O_NONBLOCK off, as os.Open leaves regular files: no poller
	return os.NewFile(uintptr(fd), name), i, nil
}

var dirents = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// List implements fileSystem: one read of the directory, one statx an entry. A member that
// vanishes meanwhile is left out; so are names that no URL can have (URL-6).
func (r *rootFS) List(name string, fn func(Info) error) error {
	var unread error
	err := r.listing(name, func(fd int, begun *bool) error {
		return r.entries(name, fd, begun, func(member string, _ byte) error {
			return r.describe(name, fd, member, &unread, fn)
		})
	})
	if err != nil {
		return err
	}
	return unread
}

// ListChosen implements fileSystem: one read of the directory, one statx for each that is chosen.
func (r *rootFS) ListChosen(name string, offer func(Info) error, chosen func() []string, fn func(Info) error) error {
	var unread error
	err := r.listing(name, func(fd int, begun *bool) error {
		err := r.entries(name, fd, begun, func(member string, kind byte) error {
			if kind == unix.DT_UNKNOWN { // not every file system tells it
				return r.describe(name, fd, member, &unread, offer)
			}
			return offer(Info{Name: member, Dir: kind == unix.DT_DIR})
		})
		if err != nil {
			return err
		}
		for _, member := range chosen() {
			if err := r.describe(name, fd, member, &unread, fn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return unread
}

// listing calls fn with the opened directory, again if that was replaced before fn had begun: had read something.
func (r *rootFS) listing(name string, fn func(fd int, begun *bool) error) error {
	for {
		before, begun := r.swaps.Load(), false
		err := r.listingOnce(name, before, func(fd int) error { return fn(fd, &begun) })
		if begun || err == nil || r.swaps.Load() == before {
			return err
		}
	}
}

func (r *rootFS) listingOnce(name string, before uint64, fn func(fd int) error) error {
	fd, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return pathError("list", name, err)
	}
	defer unix.Close(fd)
	if err := fn(fd); err != nil {
		return err
	}
	return r.whole(name, fd, before)
}

// errReplaced ends a listing whose directory was taken away while it was read: what was told of it may
// not be all. It is passing.
var errReplaced = fmt.Errorf("the collection was replaced while it was listed: %w", store.ErrBusy)

// whole says whether what was read of fd, opened as name when swaps was before, is all that was there: the
// sweep takes a tree that was replaced apart, also while somebody reads it.
func (r *rootFS) whole(name string, fd int, before uint64) error {
	if r.swaps.Load() == before {
		return nil
	}
	var x unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &x); err != nil {
		return pathError("list", name, err)
	}
	if i, err := r.lstat(name); err != nil || i.Ino != x.Ino {
		return errReplaced
	}
	return nil
}

// entries calls fn for the entries of the directory fd, opened as name, that may be visible, and tells in begun that
// it has read something.
func (r *rootFS) entries(name string, fd int, begun *bool, fn func(member string, kind byte) error) error {
	buf := dirents.Get().(*[]byte)
	defer dirents.Put(buf)
	for {
		n, err := unix.Getdents(fd, *buf)
		if err == unix.EINTR {
			continue
		}
		if n == 0 && err == nil || err == unix.ENOENT && *begun { // the end, or the directory was removed meanwhile
			return nil
		}
		if err != nil {
			return pathError("list", name, err)
		}
		*begun = true
		for b := (*buf)[:n]; len(b) > 0; {
			base, kind, rest := cutDirent(b)
			b = rest
			if kind != unix.DT_REG && kind != unix.DT_DIR && kind != unix.DT_UNKNOWN {
				continue
			}
			member := string(base)
			if !legalSegment(member) {
				if member != "." && member != ".." {
					r.vol.unlistable.Add(1)
				}
				continue
			}
			if err := fn(member, kind); err != nil {
				return err
			}
		}
	}
}

// describe calls fn for a member of the directory fd, opened as name, if it is visible. If the disk would not say, it
// notes that in unread, unless something is there already.
func (r *rootFS) describe(name string, fd int, member string, unread *error, fn func(Info) error) error {
	var x unix.Statx_t
	switch err := statx(fd, member, 0, &x); err {
	case nil:
	case unix.ENOENT:
		return nil
	default:
		if *unread == nil {
			*unread = &unreadError{pathError("list", path.Join(name, member), err)}
		}
		return nil
	}
	if i, ok := infoOf(member, &x, r.vol.dev); ok {
		return fn(i)
	}
	return nil
}

// unreadError is what List returns when it has called fn for all members but those that the disk
// would not describe; the first of these.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// cutDirent takes the first struct linux_dirent64 off b: ino u64, off i64, reclen u16, type u8, name, NUL.
func cutDirent(b []byte) (name []byte, kind byte, rest []byte) {
	reclen := int(binary.NativeEndian.Uint16(b[16:]))
	kind = b[18]
	name = b[19:reclen]
	for i, c := range name {
		if c == 0 {
			name = name[:i]
			break
		}
	}
	return name, kind, b[reclen:]
}

// staged is something complete or not that lies in staging or trash of a volume,
// visible to nobody. Exactly one goroutine owns it.
type staged struct {
	vol   *volume
	dir   *os.File // of staging or trash
	root  *os.Root // the same directory
	base  string
	file  afero.File // of a staged file, open for writing
	tree  bool       // a directory
	usage store.Usage

	counts uint64 // of trash: see ledger.spoil
	stays  int64  // of trash: 1 if a directory stays in its place, see quotaFS.replaceTree
}

// drop removes it, whatever it is. A nil staged is nothing.
func (s *staged) drop() error {
	if s == nil {
		return nil
	}
	if s.file != nil {
		s.file.Close()
	}
	if !s.tree && unix.Unlinkat(int(s.dir.Fd()), s.base, 0) == nil {
		return nil
	}
	return s.root.RemoveAll(s.base)
}

// letGo lets the sweep remove what Trash returned.
func (s *staged) letGo() { s.vol.unhold(s.base) }

// Stage implements fileSystem.
func (r *rootFS) Stage(dir bool) (*staged, error) {
	b := r.vol.bench()
	s := &staged{vol: r.vol, dir: b.dir, root: b.root, base: tempName(), tree: dir}
	at := int(s.dir.Fd())
	if dir {
		if err := unix.Mkdirat(at, s.base, uint32(r.modes.Dir.Perm())); err != nil {
			return nil, pathError("stage", s.base, err)
		}
		if r.modes.UID >= 0 || r.modes.GID >= 0 {
			if err := unix.Fchownat(at, s.base, r.modes.UID, r.modes.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return nil, errors.Join(pathError("stage", s.base, err), s.drop())
			}
		}
		return s, nil
	}
	fd, err := createAt(at, s.base, r.modes)
	if err != nil {
		return nil, pathError("stage", s.base, err)
	}
	s.file = os.NewFile(uintptr(fd), s.base)
	return s, nil
}

// Keep implements fileSystem.
func (r *rootFS) Keep(id string, create bool) (*staged, int64, error) {
	b := r.vol.kept
	s := &staged{vol: r.vol, dir: b.dir, root: b.root, base: id}
	if create {
		fd, err := createAt(int(b.dir.Fd()), id, r.modes)
		if err != nil {
			return nil, 0, pathError("stage", id, err)
		}
		s.file = os.NewFile(uintptr(fd), id)
		return s, 0, nil
	}
	f, err := b.root.OpenFile(id, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, 0, err
	}
	i, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	s.file = f
	return s, i.Size(), nil
}

// createAt makes a new regular file, with the folder's mode and owner.
func createAt(dirFD int, base string, m Modes) (int, error) {
	for {
		fd, err := unix.Openat(dirFD, base, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW, uint32(m.File.Perm()))
		if err == unix.EINTR {
			continue
		}
		if err == nil && (m.UID >= 0 || m.GID >= 0) {
			if err = unix.Fchown(fd, m.UID, m.GID); err != nil {
				unix.Close(fd)
			}
		}
		return fd, err
	}
}

// Settle implements fileSystem.
func (r *rootFS) Settle(s *staged, mode uint32, mtime time.Time) (Info, error) {
	f, ok := s.file.(interface{ Fd() uintptr })
	if !ok {
		return Info{}, pathError("finish", s.base, unix.EBADF)
	}
	fd := int(f.Fd())
	var x unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &x); err != nil {
		return Info{}, pathError("finish", s.base, err)
	}
	i, _ := infoOf("", &x, r.vol.dev)
	if i.Mode != mode {
		if err := unix.Fchmod(fd, mode); err != nil {
			return Info{}, pathError("finish", s.base, err)
		}
		i.Mode = mode
	}
	if err := futimes(fd, time.Time{}, mtime); err != nil {
		return Info{}, pathError("finish", s.base, err)
	}
	i.MTime = mtime.UnixNano()
	return i, nil
}

// Remode implements fileSystem.
func (r *rootFS) Remode(s *staged, mode uint32) error {
	return pathError("chmod", s.base, unix.Fchmodat(int(s.dir.Fd()), s.base, mode, 0))
}

// Reopen implements fileSystem.
func (r *rootFS) Reopen(s *staged) error {
	if err := r.Remode(s, 0o600); err != nil { // the mode that it got may forbid writing
		return err
	}
	fd, err := unix.Openat(int(s.dir.Fd()), s.base, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return pathError("open", s.base, err)
	}
	s.file = os.NewFile(uintptr(fd), s.base)
	return nil
}

// Enter implements fileSystem.
func (r *rootFS) Enter(s *staged) (hiddenTree, error) {
	dir, err := s.root.OpenFile(s.base, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &rootFS{vol: s.vol, dir: dir, fd: int(dir.Fd()), modes: r.modes, hidden: true}, nil
}

// SyncVolume implements fileSystem.
func (r *rootFS) SyncVolume() error { return pathError("sync", "", unix.Syncfs(r.fd)) }

// Publish implements fileSystem.
func (r *rootFS) Publish(s *staged, name string, noReplace bool) error {
	fd, base, err := r.at(name)
	if err != nil {
		return pathError("publish", name, err)
	}
	defer r.done(fd)
	var flags uint
	if noReplace {
		flags = unix.RENAME_NOREPLACE
	}
	return renameError("publish", name, rename(int(s.dir.Fd()), s.base, fd, base, flags))
}

// rename is renameat2 that does without RENAME_NOREPLACE where the file system has no
// such thing (some network file systems); the caller holds the name's lock, so only a change behind
// our back could come between the look and the rename.
func rename(fromDir int, from string, toDir int, to string, flags uint) error {
	err := renameat2(fromDir, from, toDir, to, flags)
	if err == unix.EINVAL && flags == unix.RENAME_NOREPLACE {
		var x unix.Statx_t
		if statx(toDir, to, 0, &x) == nil {
			return unix.EEXIST
		}
		return renameat2(fromDir, from, toDir, to, 0)
	}
	return err
}

// Exchange implements fileSystem.
func (r *rootFS) Exchange(s *staged, name string) error {
	fd, base, err := r.at(name)
	if err != nil {
		return pathError("exchange", name, err)
	}
	defer r.done(fd)
	err = exchange(int(s.dir.Fd()), s.base, fd, base, r.vol)
	r.swaps.Add(1)
	return renameError("exchange", name, err)
}

// exchange swaps two names at once; where the file system cannot, in three renames
// through the staging area, undone if one fails.
func exchange(aDir int, a string, bDir int, b string, v *volume) error {
	err := renameat2(aDir, a, bDir, b, unix.RENAME_EXCHANGE)
	if err != unix.EINVAL {
		return err
	}
	stage, tmp := int(v.stagingDir.Fd()), tempName()
	if err := renameat2(bDir, b, stage, tmp, 0); err != nil {
		return err
	}
	if err := renameat2(aDir, a, bDir, b, 0); err != nil {
		return errors.Join(err, renameat2(stage, tmp, bDir, b, 0))
	}
	return renameat2(stage, tmp, aDir, a, 0)
}

// Move implements fileSystem.
func (r *rootFS) Move(name string, to fileSystem, toName string, noReplace bool) error {
	var flags uint
	if noReplace {
		flags = unix.RENAME_NOREPLACE
	}
	return r.both("move", name, to, toName, func(fd int, base string, toFD int, toBase string) error {
		return rename(fd, base, toFD, toBase, flags)
	})
}

// Swap implements fileSystem.
func (r *rootFS) Swap(name string, to fileSystem, toName string) error {
	defer r.swaps.Add(1)
	if t, ok := to.(interface{ bottom() *rootFS }); ok {
		defer t.bottom().swaps.Add(1)
	}
	return r.both("swap", name, to, toName, func(fd int, base string, toFD int, toBase string) error {
		return exchange(fd, base, toFD, toBase, r.vol)
	})
}

// both opens the parents of two names for fn.
func (r *rootFS) both(op, name string, to fileSystem, toName string, fn func(int, string, int, string) error) error {
	t, ok := to.(interface{ bottom() *rootFS })
	if !ok {
		return pathError(op, toName, unix.EXDEV)
	}
	dst := t.bottom()
	fd, base, err := r.at(name)
	if err != nil {
		return pathError(op, name, err)
	}
	defer r.done(fd)
	toFD, toBase, err := dst.at(toName)
	if err != nil {
		return pathError(op, toName, err)
	}
	defer dst.done(toFD)
	return renameError(op, name, fn(fd, base, toFD, toBase))
}

// bottom finds the rootFS under the wrappers.
func (r *rootFS) bottom() *rootFS { return r }

// Trash implements fileSystem.
func (r *rootFS) Trash(name string) (*staged, error) {
	fd, base, err := r.at(name)
	if err != nil {
		return nil, pathError("remove", name, err)
	}
	defer r.done(fd)
	s := &staged{vol: r.vol, dir: r.vol.trashDir, root: r.vol.trash, base: tempName()}
	r.vol.hold(s.base)
	if err := renameat2(fd, base, int(s.dir.Fd()), s.base, 0); err != nil {
		r.vol.unhold(s.base)
		return nil, pathError("remove", name, err)
	}
	r.swaps.Add(1)
	return s, nil
}

// SyncDir implements fileSystem.
func (r *rootFS) SyncDir(name string) error {
	if name == "" {
		return pathError("sync", name, fsync(r.fd))
	}
	fd, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return pathError("sync", name, err)
	}
	defer unix.Close(fd)
	return pathError("sync", name, fsync(fd))
}

func fsync(fd int) error {
	for {
		if err := unix.Fsync(fd); err != unix.EINTR {
			return err
		}
	}
}

// Mkdir implements afero.Fs. perm is ignored: directories have the folder's mode and owner.
func (r *rootFS) Mkdir(name string, _ fs.FileMode) error {
	fd, base, err := r.at(name)
	if err != nil {
		return pathError("mkdir", name, err)
	}
	defer r.done(fd)
	if base == "" {
		return pathError("mkdir", name, unix.EEXIST)
	}
	if err := unix.Mkdirat(fd, base, uint32(r.modes.Dir.Perm())); err != nil {
		return pathError("mkdir", name, err)
	}
	if r.modes.UID >= 0 || r.modes.GID >= 0 {
		err = unix.Fchownat(fd, base, r.modes.UID, r.modes.GID, unix.AT_SYMLINK_NOFOLLOW)
	}
	return pathError("mkdir", name, err)
}

// MkdirAll implements afero.Fs.
func (r *rootFS) MkdirAll(name string, perm fs.FileMode) error { return mkdirAll(r, name, perm) }

func mkdirAll(f fileSystem, name string, perm fs.FileMode) error {
	for i := 0; i < len(name); i++ {
		j := strings.IndexByte(name[i:], '/')
		if j < 0 {
			break
		}
		i += j
		if err := f.Mkdir(name[:i], perm); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	err := f.Mkdir(name, perm)
	if errors.Is(err, fs.ErrExist) {
		if i, serr := f.Lstat(name); serr != nil || !i.Dir {
			return pathError("mkdir", name, unix.ENOTDIR)
		}
		return nil
	}
	return err
}

// Remove implements afero.Fs: a file or an empty directory.
func (r *rootFS) Remove(name string) error {
	i, err := r.Lstat(name)
	if err != nil {
		return err
	}
	fd, base, err := r.at(name)
	if err != nil {
		return pathError("remove", name, err)
	}
	defer r.done(fd)
	flags := 0
	if i.Dir {
		flags = unix.AT_REMOVEDIR
	}
	return pathError("remove", name, unix.Unlinkat(fd, base, flags))
}

// RemoveAll implements afero.Fs.
func (r *rootFS) RemoveAll(name string) error {
	s, err := r.Trash(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.letGo()
	return s.drop()
}

// Rename implements afero.Fs.
func (r *rootFS) Rename(from, to string) error { return r.Move(from, r, to, false) }

// Stat implements afero.Fs.
func (r *rootFS) Stat(name string) (fs.FileInfo, error) {
	i, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	return fileInfo{i}, nil
}

// Open implements afero.Fs: a file for reading, or a directory whose members are the visible ones.
func (r *rootFS) Open(name string) (afero.File, error) {
	i, err := r.Lstat(name)
	if err != nil {
		return nil, err
	}
	if i.Dir {
		fd, err := r.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, pathError("open", name, err)
		}
		return &openDir{File: os.NewFile(uintptr(fd), name), fs: r, name: name}, nil
	}
	f, _, err := r.OpenRead(name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile implements afero.Fs for reading. Files are written by staging and Publish
// only: what a client can see is complete (decision 7 of the architecture).
func (r *rootFS) OpenFile(name string, flag int, _ fs.FileMode) (afero.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 {
		return nil, pathError("open", name, unix.EROFS)
	}
	return r.Open(name)
}

// Create implements afero.Fs: only a hiddenTree takes files so, see OpenFile. A name that
// exists is fs.ErrExist.
func (r *rootFS) Create(name string) (afero.File, error) {
	if !r.hidden {
		return nil, pathError("create", name, unix.EROFS)
	}
	dir, base, err := r.at(name)
	if err != nil {
		return nil, pathError("create", name, err)
	}
	defer r.done(dir)
	fd, err := createAt(dir, base, r.modes)
	if err != nil {
		return nil, pathError("create", name, err)
	}
	return os.NewFile(uintptr(fd), base), nil
}

// Chmod implements afero.Fs.
func (r *rootFS) Chmod(name string, mode fs.FileMode) error {
	return r.change("chmod", name, func(fd int) error { return unix.Fchmod(fd, uint32(mode.Perm())) })
}

// Chown implements afero.Fs.
func (r *rootFS) Chown(name string, uid, gid int) error {
	return r.change("chown", name, func(fd int) error { return unix.Fchown(fd, uid, gid) })
}

// Chtimes implements afero.Fs; a zero time stays as it is.
func (r *rootFS) Chtimes(name string, atime, mtime time.Time) error {
	return r.change("chtimes", name, func(fd int) error { return futimes(fd, atime, mtime) })
}

// change opens a visible resource, following nothing, and applies fn to the descriptor.
func (r *rootFS) change(op, name string, fn func(fd int) error) error {
	if _, err := r.Lstat(name); err != nil {
		return err
	}
	fd, err := r.open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return pathError(op, name, err)
	}
	defer unix.Close(fd)
	var x unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &x); err != nil {
		return pathError(op, name, err)
	}
	if _, ok := infoOf(path.Base(name), &x, r.vol.dev); !ok {
		return pathError(op, name, errNotVisible)
	}
	return pathError(op, name, fn(fd))
}

// futimes sets times through a descriptor.
func futimes(fd int, atime, mtime time.Time) error {
	ts := func(t time.Time) unix.Timespec {
		if t.IsZero() {
			return unix.Timespec{Nsec: unix.UTIME_OMIT}
		}
		return unix.NsecToTimespec(t.UnixNano())
	}
	times := [2]unix.Timespec{ts(atime), ts(mtime)}
	// utimensat without a path is futimens(3); AT_EMPTY_PATH would need Linux 5.8.
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// openDir is a directory as afero reads it: only what is visible.
type openDir struct {
	*os.File
	fs   *rootFS
	name string
	left []fs.FileInfo
	read bool
}

// Readdir implements afero.File.
func (d *openDir) Readdir(n int) ([]fs.FileInfo, error) {
	if !d.read {
		d.read = true
		err := d.fs.List(d.name, func(i Info) error { d.left = append(d.left, fileInfo{i}); return nil })
		if err != nil {
			return nil, err
		}
	}
	if n <= 0 {
		out := d.left
		d.left = nil
		return out, nil
	}
	if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	out := d.left[:n]
	d.left = d.left[n:]
	return out, nil
}

// Readdirnames implements afero.File.
func (d *openDir) Readdirnames(n int) ([]string, error) {
	infos, err := d.Readdir(n)
	names := make([]string, len(infos))
	for i := range infos {
		names[i] = infos[i].Name()
	}
	return names, err
}
