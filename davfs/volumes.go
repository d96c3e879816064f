package davfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"davit/store"
)

// volumes are the parts of file systems that folders lie on, one for each directory that the products name (D7).
type volumes struct {
	all   []*volume          // the default one, which is the data directory, first
	byDir map[string]*volume // as the products call them; "" is the default one
}

// openVolumes opens the volumes of all products. Two names of one directory are one volume.
func openVolumes(st *store.Store, o Options) (volumes, error) {
	vs := volumes{byDir: make(map[string]*volume)}
	for _, dir := range o.Products.Volumes() {
		if err := vs.open(st, o.Dir, dir); err != nil {
			vs.close()
			return vs, err
		}
	}
	return vs, nil
}

func (vs *volumes) open(st *store.Store, data, dir string) error {
	at := data
	if dir != "" {
		at = dir
		if err := recognize(st, dir); err != nil {
			return err
		}
	}
	v, err := openVolume(at)
	if err != nil {
		return err
	}
	for _, other := range vs.all {
		if sameDir(v.filesDir, other.filesDir) {
			v.close()
			vs.byDir[dir] = other
			return nil
		}
	}
	if dir != "" {
		v.label = dir
	}
	vs.all, vs.byDir[dir] = append(vs.all, v), v
	return nil
}

func sameDir(a, b *os.File) bool {
	var x, y unix.Stat_t
	return unix.Fstat(int(a.Fd()), &x) == nil && unix.Fstat(int(b.Fd()), &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// markFile tells a volume from the empty directory that its disk is mounted on.
const markFile = ".davit-volume"

// recognize checks that dir is the volume that it was when it was first used: without its disk it is an
// empty directory, and folders would be made on the disk below it.
func recognize(st *store.Store, dir string) error {
	ctx := context.Background()
	setting := "volume " + dir
	known, err := st.Setting(ctx, setting)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, markFile))
	mark := strings.TrimSpace(string(text))
	switch {
	case err == nil && known == "" && mark != "":
		return st.SetSetting(ctx, setting, mark)
	case err == nil && mark == known && mark != "":
		return nil
	case err == nil:
		return fmt.Errorf("open volume: %s is another volume than before: its %s does not say what the database does", dir, markFile)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("open volume: %w", err)
	case known != "":
		return fmt.Errorf("open volume: %s has no %s: is its disk not mounted?", dir, markFile)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	mark = rand.Text()
	if err := os.WriteFile(filepath.Join(dir, markFile), []byte(mark+"\n"), 0o600); err != nil {
		return fmt.Errorf("open volume: %w", err)
	}
	return st.SetSetting(ctx, setting, mark)
}

func (vs *volumes) close() {
	for _, v := range vs.all {
		v.close()
	}
}

func (vs *volumes) unlistable() (n int64) {
	for _, v := range vs.all {
		n += v.unlistable.Load()
	}
	return n
}

// volumeOf is where a folder lies.
func (d *FS) volumeOf(row store.Folder) *volume {
	if v := d.volumes.byDir[d.o.Products.Of(row.Product).Volume]; v != nil {
		return v
	}
	return d.volumes.all[0]
}

// volumeFor is volumeOf by a folder's ID.
func (d *FS) volumeFor(ctx context.Context, folderID string) (*volume, error) {
	row, err := d.st.Folder(ctx, folderID)
	if err != nil {
		return nil, err
	}
	return d.volumeOf(row), nil
}

// openRoot opens a folder's directory; fs.ErrNotExist also if there is no such folder.
func (d *FS) openRoot(ctx context.Context, folderID string) (*rootFS, error) {
	vol, err := d.volumeFor(ctx, folderID)
	if err != nil {
		return nil, err
	}
	return openRootFS(vol, folderID, d.o.Modes)
}

// show is a path of the volume for people.
func (v *volume) show(path string) string {
	if v.label == "" {
		return path
	}
	return filepath.Join(v.label, path)
}

// VolumeStats are numbers about one volume.
type VolumeStats struct {
	Dir      string // of the volume; "" is the data directory
	Free     int64  // bytes that it has left for us; -1 if it does not say
	Total    int64  // bytes that it has; 0 if it does not say
	Promised int64  // bytes of unfinished uploads that are still to come
}

// Volumes tells about the volumes, the data directory first.
func (d *FS) Volumes() []VolumeStats {
	all := make([]VolumeStats, len(d.volumes.all))
	for i, v := range d.volumes.all {
		all[i] = v.stats()
	}
	return all
}

// VolumeOf tells about the volume of a product.
func (d *FS) VolumeOf(p *store.Product) VolumeStats {
	return d.volumeOf(store.Folder{Product: d.o.Products.Column(p)}).stats()
}

func (v *volume) stats() VolumeStats {
	free, err := v.free()
	if err != nil {
		free = -1
	}
	return VolumeStats{Dir: v.label, Free: free, Total: v.total(), Promised: v.promised.Load()}
}

// Ready says whether folders can be made and reached on every volume.
func (d *FS) Ready() error {
	for _, v := range d.volumes.all {
		dir := filepath.Join(v.dir, "files")
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR}
		}
		if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
			return &fs.PathError{Op: "access", Path: dir, Err: err}
		}
	}
	return nil
}
