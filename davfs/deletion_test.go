package davfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"davit/store"
)

// deleted are the IDs of the folders that could be restored.
func (w *world) deleted(t testing.TB) []string {
	t.Helper()
	all, err := w.DeletedFolders(t.Context(), w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestD23_KeptFolder(t *testing.T) {
	w := newWorld(t, Options{KeepDeleted: time.Hour})
	ctx := t.Context()
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	if err := put(ctx, tree, "a", "content"); err != nil {
		t.Fatal(err)
	}
	if err := w.st.SetProps(ctx, f.ID, "a", store.Identity{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	up, err := tree.Create(ctx, "b", Claim{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	if _, err := up.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	pending, err := tree.BeginPending(ctx, NewPending{Path: "c", Length: 100})
	if err != nil {
		t.Fatal(err)
	}

	if err := w.TrashFolder(ctx, f.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Stat("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an open request still sees it: %v", err)
	}
	if _, _, err := up.Commit(ctx, time.Time{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an upload that ran: %v", err)
	}
	if _, err := w.Pending(store.Principal{UserID: w.user.ID}, pending.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished upload: %v", err)
	}
	if _, err := w.Tree(ctx, store.Principal{UserID: w.user.ID}, store.Mount{Folder: f, Rights: store.RightsAll}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new request: %v", err)
	}
	if got := w.deleted(t); !slices.Equal(got, []string{f.ID}) {
		t.Errorf("deleted folders %q", got)
	}
	if err := w.TrashFolder(ctx, f.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("once more: %v", err)
	}
	if _, err := os.Stat(w.path(f, "a")); err != nil {
		t.Errorf("its bytes: %v", err)
	}

	got, err := w.RestoreFolder(ctx, f.ID, store.Restore{UniqueTitle: true, MaxFolders: 1})
	if err != nil || !got.Deleted.IsZero() {
		t.Fatalf("restored %+v, %v", got, err)
	}
	again := w.tree(t, f)
	if text, err := read(again, "a"); err != nil || text != "content" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if u, err := again.Usage(); err != nil || u.Usage != (store.Usage{Bytes: 7, Files: 1}) || u.ReservedBytes != 0 {
		t.Errorf("usage %+v, %v", u, err)
	}
	if err := put(ctx, again, "b", "more"); err != nil {
		t.Error(err)
	}
	if len(w.deleted(t)) != 0 {
		t.Error("it is still among the deleted ones")
	}
	if _, err := w.RestoreFolder(ctx, f.ID, store.Restore{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("restored twice: %v", err)
	}
}

func TestD23_RestoreRules(t *testing.T) {
	w := newWorld(t, Options{KeepDeleted: time.Hour})
	ctx := t.Context()
	f := w.folder(t, 0, 0)
	if err := w.TrashFolder(ctx, f.ID); err != nil {
		t.Fatal(err)
	}
	g := w.folder(t, 0, 0) // title and count are free
	if _, err := w.RestoreFolder(ctx, f.ID, store.Restore{UniqueTitle: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("beside a folder of its title: %v", err)
	}
	if _, err := w.RestoreFolder(ctx, f.ID, store.Restore{MaxFolders: 1}); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := w.RestoreFolder(ctx, f.ID, store.Restore{MaxFolders: 2}); err != nil {
		t.Error(err)
	}
	// A bulk is done whole or not at all.
	err := w.DeleteFolders(ctx, []string{g.ID, f.ID, g.ID}, true)
	var item *store.ItemError
	if !errors.As(err, &item) || item.Item != 2 || len(w.deleted(t)) != 0 {
		t.Errorf("the same folder twice: %v, deleted %q", err, w.deleted(t))
	}
	if err := w.DeleteFolders(ctx, []string{g.ID, f.ID}, true); err != nil || len(w.deleted(t)) != 2 {
		t.Errorf("a bulk: %v, deleted %q", err, w.deleted(t))
	}
	if err := w.PurgeFolder(ctx, g.ID); err != nil || len(w.deleted(t)) != 1 {
		t.Errorf("purged: %v, deleted %q", err, w.deleted(t))
	}
	if _, err := w.RestoreFolder(ctx, g.ID, store.Restore{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("restored after the purge: %v", err)
	}
	if _, err := os.Stat(w.path(g, "")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its directory: %v", err)
	}
}

// TestD23_KeptFoldersOutliveTheServer: also one that was being changed when the server died, and their end comes
// after a restart.
func TestD23_KeptFoldersOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	clock := time.Now()
	o := Options{Dir: dir, KeepDeleted: time.Hour, Now: func() time.Time { return clock }}
	var f store.Folder
	t.Run("before", func(t *testing.T) {
		w := newWorld(t, o)
		f = w.folder(t, 0, 0)
		if err := put(t.Context(), w.tree(t, f), "a", "content"); err != nil {
			t.Fatal(err)
		}
		if err := w.TrashFolder(t.Context(), f.ID); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("after", func(t *testing.T) {
		w := newWorld(t, o)
		row, err := w.st.Folder(t.Context(), f.ID)
		if err != nil || row.Usage != (store.Usage{Bytes: 7, Files: 1}) || row.Dirty {
			t.Errorf("usage %+v, %v", row, err)
		}
		var found []Finding
		if err := w.Check(t.Context(), false, func(f Finding) { found = append(found, f) }, nil); err != nil || found != nil {
			t.Errorf("check: %+v, %v", found, err)
		}
		// As if it had been deleted while it was dirty, and then the power had failed.
		if _, err := w.RestoreFolder(t.Context(), f.ID, store.Restore{}); err != nil {
			t.Fatal(err)
		}
		if err := w.st.MarkDirty(t.Context(), f.ID); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.path(f, "late"), []byte("bytes"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.st.DeleteFolder(t.Context(), f.ID, clock.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("counted", func(t *testing.T) {
		w := newWorld(t, o)
		row, err := w.st.Folder(t.Context(), f.ID)
		if err != nil || row.Usage != (store.Usage{Bytes: 12, Files: 2}) || row.Dirty {
			t.Errorf("usage %+v, %v", row, err)
		}
	})
	// The database's own clock goes by the real time; so does the row's time.
	st, err := store.Open(t.Context(), store.Options{Path: dir + "/davit.db", Now: func() time.Time { return clock.Add(2 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	o.Now = func() time.Time { return clock.Add(2 * time.Hour) }
	d, err := New(st, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	if _, err := st.Folder(t.Context(), f.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the row after its time: %v", err)
	}
	if _, err := os.Stat(dir + "/files/" + f.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory after its time: %v", err)
	}
}

func TestD23_KeepNothing(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	if err := w.TrashFolder(t.Context(), f.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.st.Folder(t.Context(), f.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its row: %v", err)
	}
}
