package davfs

import (
	"io/fs"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Info describes one visible resource: a regular file or a directory (D9).
type Info struct {
	Name  string // last segment as it is on disk; "" for a folder's root
	Dir   bool
	Size  int64  // 0 for a directory
	Mode  uint32 // permission bits
	MTime int64  // nanoseconds since 1970
	Birth int64  // the same; 0 where the file system does not know
	Ino   uint64
}

// Identity tells this file from an earlier or later one of the same name.
func (i Info) Identity() store.Identity { return store.Identity{Ino: i.Ino, Birth: i.Birth} }

// ModTime is MTime as a time in UTC.
func (i Info) ModTime() time.Time { return time.Unix(0, i.MTime).UTC() }

// ETag is the strong entity tag of a file (D14): inode, size and modification
// time. Davit never gives one folder's files the same nanoseconds twice, so equal
// sizes and a restored time do not repeat a tag.
func (i Info) ETag() string { return string(i.appendETag(make([]byte, 0, 48))) }

func (i Info) appendETag(b []byte) []byte {
	b = append(b, '"')
	b = strconv.AppendUint(b, i.Ino, 16)
	b = append(b, '-')
	b = strconv.AppendInt(b, i.Size, 16)
	b = append(b, '-')
	b = strconv.AppendInt(b, i.MTime, 16)
	return append(b, '"')
}

// change is what to call its coming to a name.
func (i Info) change() changeKind {
	if i.Dir {
		return changeTree
	}
	return changeFile
}

// removal is what to call its leaving a name.
func (i Info) removal() changeKind {
	if i.Dir {
		return changeGone
	}
	return changeRemove
}

// usage is what the resource itself adds to its folder's usage (D10).
func (i Info) usage() store.Usage {
	if i.Dir {
		return store.Usage{Files: 1}
	}
	return store.Usage{Bytes: i.Size, Files: 1}
}

// fileInfo shows an Info as an fs.FileInfo, for afero.
type fileInfo struct{ Info }

func (f fileInfo) Name() string       { return f.Info.Name }
func (f fileInfo) Size() int64        { return f.Info.Size }
func (f fileInfo) ModTime() time.Time { return f.Info.ModTime() }
func (f fileInfo) IsDir() bool        { return f.Dir }
func (f fileInfo) Sys() any           { return f.Info }
func (f fileInfo) Mode() fs.FileMode {
	m := fs.FileMode(f.Info.Mode)
	if f.Dir {
		m |= fs.ModeDir
	}
	return m
}

// infoOf reads a statx answer. ok is false for what is not visible: neither a
// regular file nor a directory, or on another file system than dev.
func infoOf(name string, x *unix.Statx_t, dev uint64) (i Info, ok bool) {
	kind := x.Mode & unix.S_IFMT
	if kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return Info{}, false
	}
	if unix.Mkdev(x.Dev_major, x.Dev_minor) != dev || x.Attributes&x.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && name != "" {
		return Info{}, false
	}
	i = Info{
		Name:  name,
		Dir:   kind == unix.S_IFDIR,
		Mode:  uint32(x.Mode & 0o777),
		MTime: x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec),
		Ino:   x.Ino,
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		i.Birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	if !i.Dir {
		i.Size = int64(x.Size)
	}
	return i, true
}
