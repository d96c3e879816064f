package davfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"davit/store"
)

// journal knows what changed in one folder, for clients that follow it by tokens (RFC 6578; D19). It begins when
// the first client asks, so a folder that nobody follows has none, and ends when nobody has asked for
// journalRest. Each change gets the next number once it is on the disk: who reads the number first
// and then the disk sees all changes up to it.
//
// What is new waits in memory for the next batch to SQL. A crash loses it, and with it the journal: its
// epoch, which is part of every token, is not used again.
type journal struct {
	epoch string

	mu       sync.Mutex
	number   int64 // of the last change
	first    int64 // this one and older ones are forgotten
	waiting  map[changeID]int64
	over     bool // it has missed something, or is not wanted any more
	used     time.Time
	savedUse time.Time
}

// changeID is what a change overwrites: of one kind to one name only the last counts.
type changeID struct {
	kind store.ChangeKind
	path string
}

const (
	journalRest = 30 * 24 * time.Hour
	useEvery    = 24 * time.Hour // SQL is told of the use of a journal
)

func newJournal(j store.Journal) *journal {
	return &journal{epoch: j.Epoch, number: j.Number, first: j.First, used: j.Used, savedUse: j.Used, waiting: make(map[changeID]int64)}
}

// note adds a change that is on the disk.
func (j *journal) note(kind changeKind, name string) {
	id := changeID{store.Changed, name}
	switch kind {
	case changeTree:
		id.kind = store.Came
	case changeGone:
		id.kind = store.Went
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return
	}
	j.number++
	j.waiting[id] = j.number
	if len(j.waiting) > 2*store.MostChanges {
		j.forget() // SQL takes nothing
	}
}

// forget drops all waiting changes but the newest.
func (j *journal) forget() {
	numbers := make([]int64, 0, len(j.waiting))
	for _, n := range j.waiting {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	j.first = max(j.first, numbers[len(numbers)-1-store.MostChanges])
	for id, n := range j.waiting {
		if n <= j.first {
			delete(j.waiting, id)
		}
	}
}

// running says whether tokens of the journal are good.
func (j *journal) running() bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.over
}

// end makes all tokens bad. SQL hears of it with the next usage that it hears of.
func (j *journal) end() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
}

// missed notes that names changed without a word to the journal, as by hand: who follows begins anew.
func (f *folder) missed() { f.journal.Load().end() }

// last is the number of the last change.
func (j *journal) last() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.number
}

// unsaved is what SQL does not know; nil: nothing.
func (j *journal) unsaved(now time.Time) *store.JournalBatch {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over = j.over || now.Sub(j.used) >= journalRest; j.over {
		return &store.JournalBatch{Epoch: j.epoch, End: true}
	}
	if len(j.waiting) == 0 {
		return nil
	}
	b := &store.JournalBatch{Epoch: j.epoch, Number: j.number, First: j.first, Changes: make([]store.Change, 0, len(j.waiting))}
	for id, n := range j.waiting {
		b.Changes = append(b.Changes, store.Change{Kind: id.kind, Path: id.path, Number: n})
	}
	return b
}

// saved notes that SQL has what unsaved gave. Until then it was in both places for those who read the journal.
func (f *folder) saved(b *store.JournalBatch) {
	j := f.journal.Load()
	if b == nil || j == nil || j.epoch != b.Epoch {
		return
	}
	if b.End {
		f.journal.CompareAndSwap(j, nil)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range b.Changes {
		if id := (changeID{c.Kind, c.Path}); j.waiting[id] == c.Number {
			delete(j.waiting, id)
		}
	}
}

// loadJournal finds the journal of a folder that is being opened. Of one that was being changed
// when the server ended, nobody knows what is missing.
func (d *FS) loadJournal(ctx context.Context, row store.Folder) (*journal, error) {
	saved, err := d.st.Journal(ctx, row.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if row.Dirty || d.now().Sub(saved.Used) >= journalRest {
		return nil, d.st.EndJournal(ctx, row.ID)
	}
	return newJournal(saved), nil
}

// follow returns the folder's journal, begun if there was none.
func (f *folder) follow(ctx context.Context) (*journal, error) {
	f.journalMu.Lock()
	defer f.journalMu.Unlock()
	if j := f.journal.Load(); j.running() {
		return j, nil
	}
	begun := store.Journal{Epoch: strings.ToLower(rand.Text()), Used: f.d.now()}
	if err := f.d.st.BeginJournal(ctx, f.id, begun.Epoch, begun.Used); err != nil {
		return nil, fmt.Errorf("begin journal: %w", err)
	}
	j := newJournal(begun)
	f.journal.Store(j)
	return j, nil
}

// useJournal notes that somebody follows.
func (f *folder) useJournal(ctx context.Context, j *journal) error {
	now := f.d.now()
	j.mu.Lock()
	j.used = now
	tell := now.Sub(j.savedUse) >= useEvery
	if tell {
		j.savedUse = now
	}
	j.mu.Unlock()
	if !tell {
		return nil
	}
	return f.d.st.UseJournal(ctx, f.id, j.epoch, now)
}

// since returns what changed after a number, in no order: at least all up to the number that last gave
// before. fs.ErrNotExist if the journal does not reach back so far.
func (f *folder) since(ctx context.Context, j *journal, after int64) ([]store.Change, error) {
	// Memory first: what moves from there to SQL meanwhile is seen twice, not never.
	j.mu.Lock()
	known := !j.over && j.first <= after
	latest := make(map[changeID]int64)
	for id, n := range j.waiting {
		if n > after {
			latest[id] = n
		}
	}
	j.mu.Unlock()
	if !known {
		return nil, fs.ErrNotExist
	}
	rows, err := f.d.st.Changes(ctx, f.id, j.epoch, after)
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		id := changeID{c.Kind, c.Path}
		latest[id] = max(latest[id], c.Number)
	}
	all := make([]store.Change, 0, len(latest))
	for id, n := range latest {
		all = append(all, store.Change{Kind: id.kind, Path: id.path, Number: n})
	}
	return all, nil
}
