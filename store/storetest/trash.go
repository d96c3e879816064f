package storetest

import (
	"io/fs"
	"testing"

	"davit/store"
)

func testTrash(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, g := newFolder(t, s, ann, "f"), newFolder(t, s, ann, "g")
	one := store.Trashed{Identity: store.Identity{Ino: 1<<64 - 1, Birth: 5}, Origin: "a/b", UserID: ann.ID, At: at(1)}
	two := store.Trashed{Identity: store.Identity{Ino: 1<<64 - 1, Birth: 6}, Origin: "c", UserID: "gone", At: at(2)}

	wantErr(t, "trash of no folder", s.AddTrashed(ctx, "none", one), fs.ErrNotExist)
	ok(t, s.AddTrashed(ctx, f.ID, two))
	ok(t, s.AddTrashed(ctx, f.ID, one))
	ok(t, s.AddTrashed(ctx, g.ID, two))
	one.UserName = "ann"
	check := func(what string, want ...store.Trashed) {
		t.Helper()
		got := must(s.Trashed(ctx, f.ID))(t)
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", what, got[i], want[i])
			}
		}
	}
	check("two", one, two)
	if got := must(s.TrashedAs(ctx, f.ID, one.Identity))(t); got != one {
		t.Errorf("one is %v", got)
	}
	_, err := s.TrashedAs(ctx, f.ID, store.Identity{Ino: 1, Birth: 5})
	wantErr(t, "another file", err, fs.ErrNotExist)
	one.Origin, one.At = "d", at(3)
	ok(t, s.AddTrashed(ctx, f.ID, one))
	check("thrown away again", two, one)
	ok(t, s.DropTrashed(ctx, f.ID))
	ok(t, s.DropTrashed(ctx, f.ID, two.Identity, two.Identity))
	check("one", one)
	if got := must(s.Trashed(ctx, g.ID))(t); len(got) != 1 {
		t.Errorf("of the other folder: %v", got)
	}
}
