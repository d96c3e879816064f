package davfs

import (
	"time"

	"davit/store"
)

// Usages is Usage for several folders at once, without opening those that are closed: they
// hold what was last written, as the rows say or as it was when they were closed.
func (d *FS) Usages(rows []store.Folder) ([]Usage, error) {
	free := make(map[*volume]int64)
	for _, row := range rows {
		vol := d.volumeOf(row)
		if _, ok := free[vol]; ok {
			continue
		}
		var err error
		if free[vol], err = vol.free(); err != nil {
			return nil, err
		}
	}
	all := make([]Usage, len(rows))
	open := make([]*ledger, len(rows))
	d.mu.Lock()
	for i, row := range rows {
		if f := d.folders[row.ID]; f != nil {
			open[i] = f.ledger
		} else if u, ok := d.closed[row.ID]; ok {
			all[i].Usage = u
		} else {
			all[i].Usage = row.Usage
		}
	}
	d.mu.Unlock()
	rests := make(map[workspaceKey]int64)
	var kept map[string]store.Usage
	for i, l := range open {
		if l == nil {
			if kept == nil {
				kept = d.keptReserves()
			}
			l = &ledger{used: all[i].Usage, reserved: kept[rows[i].ID]}
			l.limit(d.o.Products.Of(rows[i].Product).Effective(rows[i], d.o.Defaults))
			left, err := d.restOf(rows[i], rests)
			if err != nil {
				return nil, err
			}
			all[i] = l.usage(min(left, free[d.volumeOf(rows[i])]))
			continue
		}
		all[i] = l.usage(free[d.volumeOf(rows[i])])
	}
	return all, nil
}

// LastUse is when a request last used a folder; zero: never. It needs no SQL: what row says was written up to a
// minute late, and is right for a folder that is not open.
func (d *FS) LastUse(row store.Folder) time.Time {
	d.mu.Lock()
	f := d.folders[row.ID]
	d.mu.Unlock()
	if f != nil {
		if used := f.lastUse(); used.After(row.LastUsed) {
			return used.UTC()
		}
	}
	return row.LastUsed
}

// keptReserves is what pending uploads reserve, by folder.
func (d *FS) keptReserves() map[string]store.Usage {
	sums := make(map[string]store.Usage)
	for _, u := range d.kept.list(func(*pending) bool { return true }) {
		u.mu.Lock()
		sums[u.folderID] = plus(sums[u.folderID], u.reserved)
		u.mu.Unlock()
	}
	return sums
}
