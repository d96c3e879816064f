package davfs

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// sumTable keeps the checksums of versions of files: the latest in memory, all in SQL, written in
// batches. What is lost in between is made again when it is asked for. It is safe for concurrent use.
type sumTable struct {
	st      *store.Store
	hashing chan struct{} // one element for each file that is read for its checksum

	flushing sync.Mutex // one flush at a time

	mu      sync.Mutex
	known   map[store.FileID]knownSums
	unsaved map[store.FileID]bool // false: all of the file is to be forgotten
	saving  map[store.FileID]bool // those that a flush is writing
}

// knownSums belong to the version of a file that has this size and time.
type knownSums struct {
	size, mtime int64
	sums        checksums
}

// Bounds of the memory.
const (
	mostKnownSums   = 4096
	mostUnsavedSums = 16384
)

func newSumTable(st *store.Store) *sumTable {
	return &sumTable{st: st, hashing: make(chan struct{}, mostHashing), known: make(map[store.FileID]knownSums), unsaved: make(map[store.FileID]bool)}
}

// sumState says whether a folder has checksums at all: who uses none pays nothing for them.
type sumState struct{ atomic.Int32 }

const (
	sumsUnknown = iota // SQL was not asked yet
	sumsNone
	sumsSome
)

// some says whether anything may be kept of f's files.
func (t *sumTable) some(ctx context.Context, f *folder) (bool, error) {
	if s := f.sums.Load(); s != sumsUnknown {
		return s == sumsSome, nil
	}
	has := false
	t.mu.Lock()
	for _, some := range []map[store.FileID]bool{t.unsaved, t.saving} { // SQL may not know of them yet
		for key, there := range some {
			has = has || there && key.FolderID == f.id
		}
	}
	t.mu.Unlock()
	if !has {
		var err error
		if has, err = t.st.HasChecksums(ctx, f.id); err != nil {
			return false, err
		}
	}
	if has {
		f.sums.Store(sumsSome)
	} else {
		f.sums.CompareAndSwap(sumsUnknown, sumsNone) // not if one was noted meanwhile
	}
	return f.sums.Load() == sumsSome, nil
}

// note keeps checksums of a file, beside those that it has.
func (t *sumTable) note(f *folder, i Info, c checksums) {
	if c.empty() {
		return
	}
	f.sums.Store(sumsSome)
	t.mu.Lock()
	defer t.mu.Unlock()
	key := store.FileID{FolderID: f.id, Ino: i.Ino}
	t.know(key, i, c)
	if len(t.unsaved) < mostUnsavedSums {
		t.unsaved[key] = true
	}
}

// know puts checksums into memory. mu is held.
func (t *sumTable) know(key store.FileID, i Info, c checksums) {
	k, ok := t.known[key]
	if !ok || k.size != i.Size || k.mtime != i.MTime {
		k = knownSums{size: i.Size, mtime: i.MTime}
	}
	for a, sum := range c {
		if sum != nil {
			k.sums[a] = sum
		}
	}
	if !ok && len(t.known) >= mostKnownSums {
		for other := range t.known { // any that is in SQL
			if !t.unsaved[other] && !t.saving[other] {
				delete(t.known, other)
				if len(t.known) < mostKnownSums*3/4 {
					break
				}
			}
		}
	}
	if !ok && len(t.known) >= mostUnsavedSums {
		return
	}
	t.known[key] = k
}

// forget drops what is kept of a file that is gone.
func (t *sumTable) forget(f *folder, i Info) {
	if i.Dir || f.sums.Load() != sumsSome {
		return // what SQL may have is found by a scan
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := store.FileID{FolderID: f.id, Ino: i.Ino}
	delete(t.known, key)
	if len(t.unsaved) < mostUnsavedSums {
		t.unsaved[key] = false
	}
}

// find returns what is kept of a version of a file.
func (t *sumTable) find(ctx context.Context, f *folder, i Info) (checksums, error) {
	all, err := t.findAll(ctx, f, []Info{i})
	return all[i.Ino], err
}

// findAll returns what is kept of files, by inode, with at most two queries.
func (t *sumTable) findAll(ctx context.Context, f *folder, files []Info) (map[uint64]checksums, error) {
	if some, err := t.some(ctx, f); !some {
		return nil, err
	}
	all := make(map[uint64]checksums, len(files))
	versions := make(map[uint64]Info)
	var ask []uint64
	t.mu.Lock()
	for _, i := range files {
		if k, ok := t.known[store.FileID{FolderID: f.id, Ino: i.Ino}]; ok && k.size == i.Size && k.mtime == i.MTime {
			all[i.Ino] = k.sums
		} else {
			versions[i.Ino] = i
			ask = append(ask, i.Ino)
		}
	}
	t.mu.Unlock()
	rows, err := t.st.Checksums(ctx, f.id, ask)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		i, ok := versions[row.Ino]
		a := slices.Index(algorithmNames[:], row.Algorithm)
		if !ok || a < 0 || row.Size != i.Size || row.MTime != i.MTime {
			continue
		}
		c := all[row.Ino]
		c[a] = row.Sum
		all[row.Ino] = c
	}
	return all, nil
}

// get returns one checksum of an open file: what is kept, else it is made and kept. nil if the file is too large for that.
func (t *sumTable) get(ctx context.Context, f *folder, file *os.File, i Info, a algorithm) ([]byte, error) {
	kept, err := t.find(ctx, f, i)
	if err != nil || kept[a] != nil || i.Size > mostHashed {
		return kept[a], err
	}
	select {
	case t.hashing <- struct{}{}:
		defer func() { <-t.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if kept, err = t.find(ctx, f, i); err != nil || kept[a] != nil { // somebody else made it meanwhile
		return kept[a], err
	}
	var h hasher
	h[a] = newHash(a)
	if err := hashFile(ctx, file, i.Size, &h); err != nil {
		return nil, err
	}
	now, err := file.Stat()
	if err != nil || now.Size() != i.Size || now.ModTime().UnixNano() != i.MTime {
		return nil, err // it was changed by hand meanwhile
	}
	kept[a] = h[a].Sum(nil)
	t.note(f, i, kept)
	return kept[a], nil
}

// copied keeps for copies what is kept of the files that they were made from.
func (t *sumTable) copied(ctx context.Context, from, to *folder, files []copiedFile) error {
	for some := range slices.Chunk(files, 1000) {
		infos := make([]Info, len(some))
		for n := range some {
			infos[n] = some[n].from
		}
		kept, err := t.findAll(ctx, from, infos)
		if err != nil {
			return err
		}
		for _, c := range some {
			t.note(to, c.made, kept[c.from.Ino])
		}
	}
	return nil
}

// flush writes to SQL what it has not heard of.
func (t *sumTable) flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	if len(t.unsaved) == 0 {
		t.mu.Unlock()
		return nil
	}
	batch := t.unsaved
	t.unsaved, t.saving = make(map[store.FileID]bool), batch
	var set []store.Checksum
	var gone []store.FileID
	for key, there := range batch {
		if !there {
			gone = append(gone, key)
			continue
		}
		k, ok := t.known[key]
		if !ok {
			continue
		}
		for a, sum := range k.sums {
			if sum != nil {
				set = append(set, store.Checksum{FolderID: key.FolderID, Ino: key.Ino, Size: k.size, MTime: k.mtime, Algorithm: algorithmNames[a], Sum: sum})
			}
		}
	}
	t.mu.Unlock()
	err := t.st.SaveChecksums(ctx, set, gone)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.saving = nil
	if err != nil {
		maps.Copy(batch, t.unsaved) // what is newer wins
		if len(batch) < mostUnsavedSums {
			t.unsaved = batch
		}
		return fmt.Errorf("write checksums: %w", err)
	}
	return nil
}

// sweep forgets files of f that are gone, as far as their rows are older than begun.
func (t *sumTable) sweep(ctx context.Context, f *folder, begun time.Time) error {
	if some, err := t.some(ctx, f); !some {
		return err
	}
	inos, err := t.st.ChecksumFiles(ctx, f.id, begun)
	if err != nil || len(inos) == 0 {
		return err
	}
	left := make(map[uint64]bool, len(inos))
	for _, ino := range inos {
		left[ino] = true
	}
	err = walkTree(f.fs, "", func(_ string, i Info) error {
		delete(left, i.Ino)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for ino := range left {
		key := store.FileID{FolderID: f.id, Ino: ino}
		if _, ok := t.unsaved[key]; !ok && len(t.unsaved) < mostUnsavedSums {
			delete(t.known, key)
			t.unsaved[key] = false
		}
	}
	return nil
}
