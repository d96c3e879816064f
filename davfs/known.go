package davfs

import (
	"math"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// LastKnown is Usage for a list of many folders: of one that is open as it is at this moment, of others
// as row says, which is then right if it was read since they were closed. It opens none. used is when a
// request last used the folder; zero: never.
func (d *FS) LastKnown(row store.Folder) (u Usage, used time.Time, err error) {
	used = row.LastUsed
	d.mu.Lock()
	f := d.folders[row.ID]
	if f != nil {
		f.users++
	}
	d.mu.Unlock()
	if f != nil {
		defer f.release()
		if ns := f.used.Load(); ns > used.UnixNano() || used.IsZero() && ns > 0 {
			used = time.Unix(0, ns).UTC()
		}
		u, err = f.usage()
		return u, used, err
	}
	l := &ledger{used: row.Usage, reserved: d.keptReserve(row.ID)}
	l.limit(d.o.Products.Of(row.Product).Effective(row, d.o.Defaults))
	free, err := d.volumeOf(row).free()
	if err == nil {
		var left int64
		left, err = d.restOf(row, make(map[workspaceKey]int64))
		free = min(free, left)
	}
	return l.usage(free), used, err
}

// VolumeOf tells about the volume of a product, and how large its file system is; 0 where that is not known.
func (d *FS) VolumeOf(p *store.Product) (v VolumeStats, total int64) {
	vol := d.volumes.byDir[p.Volume]
	if vol == nil {
		vol = d.volumes.all[0]
	}
	free, err := vol.free()
	if err != nil {
		free = -1
	}
	v = VolumeStats{Dir: vol.label, Free: free, Promised: vol.promised.Load()}
	var st unix.Statfs_t
	if unix.Fstatfs(int(vol.filesDir.Fd()), &st) == nil && st.Blocks <= math.MaxInt64/uint64(st.Bsize) {
		total = int64(st.Blocks) * int64(st.Bsize)
	}
	return v, total
}
