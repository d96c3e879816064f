package storetest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// saveJournal writes a batch for a folder, as the server does it.
func saveJournal(t testing.TB, s *store.Store, folderID string, b store.JournalBatch) {
	t.Helper()
	ok(t, s.SaveUsage(t.Context(), []store.FolderUsage{{ID: folderID, Journal: &b}}))
}

// changes lists a journal's changes by number.
func changes(t testing.TB, s *store.Store, folderID, epoch string, after int64) []store.Change {
	t.Helper()
	all := must(s.Changes(t.Context(), folderID, epoch, after))(t)
	slices.SortFunc(all, func(a, b store.Change) int { return int(a.Number - b.Number) })
	return all
}

func testJournals(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, g := newFolder(t, s, ann, "f"), newFolder(t, s, ann, "g")

	_, err := s.Journal(ctx, f.ID)
	wantErr(t, "journal of a folder that nobody follows", err, fs.ErrNotExist)
	_, err = s.Changes(ctx, f.ID, "one", 0)
	wantErr(t, "changes without a journal", err, fs.ErrNotExist)
	wantErr(t, "journal of no folder", s.BeginJournal(ctx, "none", "one", at(1)), fs.ErrNotExist)
	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "one", Number: 1, Changes: []store.Change{{Path: "a", Number: 1}}})
	_, err = s.Journal(ctx, f.ID)
	wantErr(t, "a batch makes a journal", err, fs.ErrNotExist)

	ok(t, s.BeginJournal(ctx, f.ID, "one", at(1)))
	ok(t, s.BeginJournal(ctx, g.ID, "other", at(1)))
	equal(t, "new journal", must(s.Journal(ctx, f.ID))(t), store.Journal{Epoch: "one", Used: at(1)})
	equal(t, "no changes", len(changes(t, s, f.ID, "one", 0)), 0)

	first := []store.Change{{Path: "a", Number: 1}, {Path: "d", Kind: store.Came, Number: 2}, {Path: "d", Number: 3}}
	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "one", Number: 4, Changes: first})
	equal(t, "changes", changes(t, s, f.ID, "one", 0), first)
	equal(t, "changes of the other", len(changes(t, s, g.ID, "other", 0)), 0)
	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "one", Number: 6, Changes: []store.Change{{Path: "a", Number: 5}, {Path: "d", Kind: store.Went, Number: 6}}})
	equal(t, "a name again", changes(t, s, f.ID, "one", 2), []store.Change{{Path: "d", Number: 3}, {Path: "a", Number: 5}, {Path: "d", Kind: store.Went, Number: 6}})
	equal(t, "number", must(s.Journal(ctx, f.ID))(t).Number, int64(6))
	_, err = s.Changes(ctx, f.ID, "other", 0)
	wantErr(t, "changes of another epoch", err, fs.ErrNotExist)

	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "one", Number: 6, First: 3})
	_, err = s.Changes(ctx, f.ID, "one", 2)
	wantErr(t, "changes that were dropped", err, fs.ErrNotExist)
	equal(t, "changes since", len(changes(t, s, f.ID, "one", 3)), 2)

	ok(t, s.BeginJournal(ctx, f.ID, "two", at(1)))
	_, err = s.Changes(ctx, f.ID, "one", 6)
	wantErr(t, "changes of the last epoch", err, fs.ErrNotExist)
	equal(t, "begun anew", len(changes(t, s, f.ID, "two", 0)), 0)
	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "one", End: true})
	equal(t, "end of the last epoch", must(s.Journal(ctx, f.ID))(t).Epoch, "two")
	saveJournal(t, s, f.ID, store.JournalBatch{Epoch: "two", End: true})
	_, err = s.Journal(ctx, f.ID)
	wantErr(t, "ended journal", err, fs.ErrNotExist)

	ok(t, s.BeginJournal(ctx, f.ID, "three", at(1)))
	ok(t, s.UseJournal(ctx, f.ID, "three", at(2)))
	equal(t, "used", must(s.Journal(ctx, f.ID))(t).Used, at(2))
	ok(t, s.EndJournal(ctx, f.ID))
	ok(t, s.EndJournal(ctx, f.ID))
	_, err = s.Journal(ctx, f.ID)
	wantErr(t, "ended journal", err, fs.ErrNotExist)

	ok(t, s.DeleteFolder(ctx, g.ID, time.Time{}))
	_, err = s.Journal(ctx, g.ID)
	wantErr(t, "journal of a deleted folder", err, fs.ErrNotExist)
	wantErr(t, "new journal of a deleted folder", s.BeginJournal(ctx, g.ID, "x", at(1)), fs.ErrNotExist)
}

// A journal keeps its newest changes, however many come.
func testLongJournals(t *testing.T, s *store.Store) {
	ctx := t.Context()
	f := newFolder(t, s, newUser(t, s, "ann"), "f")
	ok(t, s.BeginJournal(ctx, f.ID, "one", at(1)))
	var number int64
	write := func(n int, path func(i int) string) {
		b := store.JournalBatch{Epoch: "one"}
		for i := range n {
			number++
			b.Changes = append(b.Changes, store.Change{Path: path(i), Number: number})
		}
		b.Number = number
		saveJournal(t, s, f.ID, b)
	}
	write(store.MostChanges, func(i int) string { return fmt.Sprint("f", i) })
	equal(t, "all", len(changes(t, s, f.ID, "one", 0)), store.MostChanges)
	write(1, func(int) string { return "f0" })
	equal(t, "one of them again", len(changes(t, s, f.ID, "one", 0)), store.MostChanges)
	write(10, func(i int) string { return strings.Repeat("g", i+1) })
	_, err := s.Changes(ctx, f.ID, "one", 10)
	wantErr(t, "too old", err, fs.ErrNotExist)
	equal(t, "the newest", len(changes(t, s, f.ID, "one", 11)), store.MostChanges)
	equal(t, "first", must(s.Journal(ctx, f.ID))(t).First, int64(11))
}
