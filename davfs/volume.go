package davfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// volume is the part of one file system that holds folders (D7):
//
//	files/<ID>/  a folder's files, plain
//	staging/N/   uploads and copies that are not yet complete, and end with their request
//	staging/kept/ uploads that outlive their requests, by ID
//	trash/       what was deleted and waits to be removed
//
// Everything becomes visible or vanishes by one rename between these.
type volume struct {
	dir                   string
	label                 string // what the configuration calls it; "" is the data directory
	files, staging, trash *os.Root
	filesDir              *os.File // the same directories, for the *at calls that os.Root lacks
	stagingDir, trashDir  *os.File
	benches               [stagingBenches]bench
	kept                  bench
	next                  atomic.Uint32
	unlistable            atomic.Int64 // see Stats
	promised              atomic.Int64 // bytes that unfinished uploads have announced and not yet sent
	dev                   uint64

	mu      sync.Mutex
	holding []string // trash that is still to be counted
}

// bench is one of the directories in staging: uploads that begin at the same time begin in
// different ones, because the kernel changes a directory for one caller at a time.
type bench struct {
	root *os.Root
	dir  *os.File
}

const stagingBenches = 16

// bench gives the directory for something to be staged.
func (v *volume) bench() bench { return v.benches[v.next.Add(1)%stagingBenches] }

// openVolume opens dir as a volume and makes its three directories if they are
// missing. It fails if they lie on different file systems.
func openVolume(dir string) (*volume, error) {
	v := &volume{dir: dir}
	for _, part := range []struct {
		name string
		root **os.Root
		dir  **os.File
	}{{"files", &v.files, &v.filesDir}, {"staging", &v.staging, &v.stagingDir}, {"trash", &v.trash, &v.trashDir}} {
		path := filepath.Join(dir, part.name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("open volume: %w", err)
		}
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, fmt.Errorf("open volume: %w", err)
		}
		*part.root = root
		if *part.dir, err = root.Open("."); err != nil {
			return nil, fmt.Errorf("open volume: %w", err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(int((*part.dir).Fd()), &st); err != nil {
			return nil, fmt.Errorf("open volume: %s: %w", path, err)
		}
		if v.dev == 0 {
			v.dev = st.Dev
		}
		if st.Dev != v.dev {
			return nil, fmt.Errorf("open volume: %s is on another file system than files/; a rename must be able to publish uploads", path)
		}
	}
	spread(v.stagingDir)
	for i := range v.benches {
		if err := v.openBench(strconv.Itoa(i), &v.benches[i]); err != nil {
			return nil, err
		}
	}
	if err := v.openBench("kept", &v.kept); err != nil {
		return nil, err
	}
	return v, nil
}

// openBench opens a directory in staging, made if it is missing.
func (v *volume) openBench(name string, b *bench) error {
	if err := v.staging.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("open volume: %w", err)
	}
	var err error
	if b.root, err = v.staging.OpenRoot(name); err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	if b.dir, err = b.root.Open("."); err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	return nil
}

// spread asks ext4 to put the directories that will be made in dir into groups of their own, as it does at
// the top of a file system. A new file takes an inode of its directory's group, one caller at a time, and
// inodes that were freed in the last minute are passed over one by one: each upload frees the one that it
// replaces. Other file systems refuse, which does no harm.
func spread(dir *os.File) {
	const topOfHierarchy = 0x00020000 // FS_TOPDIR_FL, see ioctl_iflags(2)
	flags, err := unix.IoctlGetInt(int(dir.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil && flags&topOfHierarchy == 0 {
		unix.IoctlSetPointerInt(int(dir.Fd()), unix.FS_IOC_SETFLAGS, flags|topOfHierarchy)
	}
}

func (v *volume) close() {
	for _, b := range append(v.benches[:], v.kept) {
		b.dir.Close()
		b.root.Close()
	}
	for _, c := range []interface{ Close() error }{v.filesDir, v.stagingDir, v.trashDir, v.files, v.staging, v.trash} {
		c.Close()
	}
}

// free is the space that the volume has left for us, in bytes: without what is promised.
func (v *volume) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(v.filesDir.Fd()), &st); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	const most = 1<<63 - 1
	free := int64(most)
	if st.Bavail <= most/uint64(st.Bsize) {
		free = int64(st.Bavail) * int64(st.Bsize)
	}
	return max(0, free-v.promised.Load()), nil
}

// total is the size of the file system, in bytes.
func (v *volume) total() int64 {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(v.filesDir.Fd()), &st); err != nil {
		return 0
	}
	return int64(min(st.Blocks, (1<<63-1)/uint64(st.Bsize))) * st.Bsize
}

// tempName is a name for staging or trash that nobody else uses.
func tempName() string { return rand.Text() }

// makeFolder makes the directory of a folder and syncs its name.
func (v *volume) makeFolder(id string, sync Sync) error {
	if err := v.files.Mkdir(id, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder %s: %w", id, err)
	}
	if sync == SyncFull {
		return v.filesDir.Sync()
	}
	return nil
}

// dropFolder moves a folder's directory into the trash. A missing one is no error.
func (v *volume) dropFolder(id string, sync Sync) error {
	err := renameat2(int(v.filesDir.Fd()), id, int(v.trashDir.Fd()), "folder-"+id+"-"+tempName(), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("drop folder %s: %w", id, err)
	}
	if sync == SyncFull {
		return v.filesDir.Sync()
	}
	return nil
}

// renameat2 is the system call; where flags are not supported by the file system it
// returns unix.EINVAL.
func renameat2(fromDir int, from string, toDir int, to string, flags uint) error {
	for {
		err := unix.Renameat2(fromDir, from, toDir, to, flags)
		if err == unix.EINTR {
			continue
		}
		return err
	}
}
