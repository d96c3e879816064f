package davfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// otherDisk is a directory on another file system than the tests' own.
func otherDisk(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "davit-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var here, there unix.Stat_t
	if err := errors.Join(unix.Stat(t.TempDir(), &here), unix.Stat(dir, &there)); err != nil {
		t.Fatal(err)
	}
	if here.Dev == there.Dev {
		t.Fatal("/dev/shm is on the same file system as the directory for temporary files")
	}
	return dir
}

// twoVolumes are products on two file systems, of one category.
func twoVolumes(t testing.TB, disk string) *store.Products {
	t.Helper()
	fast := store.DefaultProduct()
	fast.ProductRef, fast.Volume = store.ProductRef{ID: "fast", Category: "standard", Provider: "davit"}, disk
	products, err := store.NewProducts([]store.Product{store.DefaultProduct(), fast})
	if err != nil {
		t.Fatal(err)
	}
	return products
}

func (w *world) fastFolder(t testing.TB, maxBytes int64) store.Folder {
	t.Helper()
	f, err := w.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: w.user.ID, Title: "fast", Product: "fast", MaxBytes: maxBytes}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wantHeld checks what a folder's ledger says against its directory.
func (w *world) wantHeld(t testing.TB, tree *Tree, bytes, files int64) {
	t.Helper()
	u, err := tree.Usage()
	onDisk, err2 := count(tree.f.root, "")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	want := store.Usage{Bytes: bytes, Files: files}
	if u.Usage != want || onDisk != want || u.ReservedBytes != 0 || u.ReservedFiles != 0 {
		t.Errorf("usage %+v, on disk %+v, want %+v", u, onDisk, want)
	}
}

func (w *world) setProp(t testing.TB, tree *Tree, name, value string) {
	t.Helper()
	i, err := tree.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	p := store.Prop{Space: "urn:t", Name: "p", XML: `<p xmlns="urn:t">` + value + `</p>`}
	if err := w.st.SetProps(t.Context(), tree.f.id, name, i.Identity(), []store.Prop{p}, nil); err != nil {
		t.Fatal(err)
	}
	tree.f.props.note(name, i.Identity(), true)
}

func (w *world) prop(t testing.TB, tree *Tree, name string) string {
	t.Helper()
	i, err := tree.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !tree.f.props.has(name, i.Identity()) {
		return ""
	}
	all, err := w.st.PropValues(t.Context(), tree.f.id, store.PropName{Space: "urn:t", Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

func TestD7_FoldersLieOnTheVolumesOfTheirProducts(t *testing.T) {
	disk := otherDisk(t)
	w := newWorld(t, Options{Products: twoVolumes(t, disk), KeepDeleted: time.Hour})
	ctx := t.Context()
	f := w.fastFolder(t, 0)
	tree := w.tree(t, f)
	if err := put(ctx, tree, "a", "content"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(disk, "files", f.ID, "a")); err != nil || string(text) != "content" {
		t.Errorf("on the volume %q, %v", text, err)
	}
	if _, err := os.Stat(w.path(f, "")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in the data directory: %v", err)
	}
	if _, err := tree.BeginPending(ctx, NewPending{Path: "b", Length: 5}); err != nil {
		t.Fatal(err)
	}
	all := w.Volumes()
	if len(all) != 2 || all[0].Dir != "" || all[0].Promised != 0 || all[1].Dir != disk || all[1].Promised != 5 {
		t.Errorf("volumes %+v", all)
	}
	if kept, err := os.ReadDir(filepath.Join(disk, "staging/kept")); err != nil || len(kept) != 1 {
		t.Errorf("unfinished uploads on the volume: %v, %v", kept, err)
	}
	var free unix.Statfs_t
	if err := unix.Statfs(disk, &free); err != nil {
		t.Fatal(err)
	}
	if u, err := tree.Usage(); err != nil || u.Available > int64(free.Bavail)*int64(free.Bsize)+1<<20 {
		t.Errorf("available %d, %v: more than its volume has", u.Available, err)
	}
	if err := os.Mkdir(filepath.Join(disk, "files", "stray"), 0o700); err != nil {
		t.Fatal(err)
	}
	var found []Finding
	if err := w.Check(ctx, false, func(f Finding) {
		if f.Kind != "usage" {
			found = append(found, f)
		}
	}, nil); err != nil || len(found) != 1 || found[0].FolderID != "stray" {
		t.Errorf("check: %+v, %v", found, err)
	}
	if err := w.DeleteFolder(ctx, f.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(disk, "files", f.ID)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the deletion: %v", err)
	}
}

// TestD7_VolumeThatIsNotMounted: an empty directory in its place is not taken for it.
func TestD7_VolumeThatIsNotMounted(t *testing.T) {
	disk := filepath.Join(otherDisk(t), "volume")
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { newWorld(t, Options{Dir: dir, Products: twoVolumes(t, disk)}) })
	t.Run("again", func(t *testing.T) { newWorld(t, Options{Dir: dir, Products: twoVolumes(t, disk)}) })
	if err := errors.Join(os.Rename(disk, disk+"-off"), os.Mkdir(disk, 0o700)); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), store.Options{Path: dir + "/davit.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := New(st, Options{Dir: dir, Products: twoVolumes(t, disk)}); err == nil {
		t.Error("the empty directory was taken")
	}
	if left, err := os.ReadDir(disk); err != nil || len(left) != 0 {
		t.Errorf("left there: %v, %v", left, err)
	}
}

func TestCM5_MoveBetweenVolumes(t *testing.T) {
	w := newWorld(t, Options{Products: twoVolumes(t, otherDisk(t)), Sync: SyncFull})
	ctx := t.Context()
	a, b := w.tree(t, w.folder(t, 0, 0)), w.tree(t, w.fastFolder(t, 100))
	if err := put(ctx, a, "file", "0123456789"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"dir", "dir/sub"} {
		if _, err := a.Mkdir(ctx, dir, Claim{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(put(ctx, a, "dir/one", "1"), put(ctx, a, "dir/sub/two", "22")); err != nil {
		t.Fatal(err)
	}
	w.setProp(t, a, "file", "red")
	w.setProp(t, a, "dir/sub/two", "blue")
	at := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	for _, name := range []string{"file", "dir/sub/two", "dir/sub", "dir"} {
		path := w.path(store.Folder{ID: a.f.id}, name)
		mode := fs.FileMode(0o640)
		if name == "dir" || name == "dir/sub" {
			mode = 0o750
		}
		if err := errors.Join(os.Chmod(path, mode), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	w.wantHeld(t, a, 13, 5)

	if created, err := a.Move(ctx, "file", Place{b, "here"}, false, Claim{}); err != nil || !created {
		t.Fatalf("move: created %v, %v", created, err)
	}
	if created, err := a.Move(ctx, "dir", Place{b, "tree"}, false, Claim{}); err != nil || !created {
		t.Fatalf("move: created %v, %v", created, err)
	}
	told := make(map[string]int64) // to the audit, by folder
	for _, x := range w.tally.take(w.now(), true) {
		told[x.FolderID] += x.Moves
	}
	if told[a.f.id] != 2 || told[b.f.id] != 2 {
		t.Errorf("moves that the audit hears of: %v", told)
	}
	w.wantHeld(t, a, 0, 0)
	w.wantHeld(t, b, 13, 5)
	for name, mode := range map[string]uint32{"here": 0o640, "tree": 0o750, "tree/sub": 0o750, "tree/sub/two": 0o640} {
		if i, err := b.Stat(name); err != nil || i.Mode != mode || !i.ModTime().Equal(at) {
			t.Errorf("%s: mode %o, time %v, %v", name, i.Mode, i.ModTime(), err)
		}
	}
	if got := w.prop(t, b, "here") + w.prop(t, b, "tree/sub/two"); got != `<p xmlns="urn:t">red</p><p xmlns="urn:t">blue</p>` {
		t.Errorf("properties %s", got)
	}
	if text, err := read(b, "tree/sub/two"); err != nil || text != "22" {
		t.Errorf("content %q, %v", text, err)
	}
	if left, err := w.st.Intents(ctx); err != nil || len(left) != 0 {
		t.Errorf("intents %+v, %v", left, err)
	}

	// Back, over what is there: a file over a tree and a tree over a file.
	if _, err := a.Mkdir(ctx, "old", Claim{}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(ctx, a, "old/x", "old"), put(ctx, a, "f", "old")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Move(ctx, "here", Place{a, "old"}, false, Claim{}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("Overwrite F: %v", err)
	}
	if created, err := b.Move(ctx, "here", Place{a, "old"}, true, Claim{}); err != nil || created {
		t.Fatalf("over a tree: created %v, %v", created, err)
	}
	if created, err := b.Move(ctx, "tree", Place{a, "f"}, true, Claim{}); err != nil || created {
		t.Fatalf("over a file: created %v, %v", created, err)
	}
	w.wantHeld(t, a, 13, 5)
	w.wantHeld(t, b, 0, 0)

	// What does not fit leaves both as they were; so does a lock, and what cannot be copied.
	if err := put(ctx, a, "big", string(make([]byte, 101))); err != nil {
		t.Fatal(err)
	}
	_, err := a.Move(ctx, "big", Place{b, "big"}, false, Claim{})
	wantLimit(t, err, LimitFolderBytes, 1)
	if err := os.Symlink("one", w.path(store.Folder{ID: a.f.id}, "f/link")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Move(ctx, "f", Place{b, "f"}, false, Claim{}); err != errHiddenMembers {
		t.Errorf("a collection with a link: %v", err)
	}
	if _, err := os.Lstat(w.path(store.Folder{ID: a.f.id}, "f/link")); err != nil {
		t.Error(err)
	}
	w.wantHeld(t, a, 114, 6)
	w.wantHeld(t, b, 0, 0)

	// COPY goes the same way, with times of its own.
	if _, err := a.Copy(ctx, "f", Place{b, "copy"}, false, false, Claim{}); err != nil {
		t.Fatal(err)
	}
	w.wantHeld(t, b, 3, 4)
	w.account(t, w.user)
}

// TestCM5_MoveBetweenVolumesSeesChanges: what is changed while it is copied is copied again, not lost.
func TestCM5_MoveBetweenVolumesSeesChanges(t *testing.T) {
	w := newWorld(t, Options{Products: twoVolumes(t, otherDisk(t))})
	ctx := t.Context()
	a, b := w.tree(t, w.folder(t, 0, 0)), w.tree(t, w.fastFolder(t, 0))
	if _, err := a.Mkdir(ctx, "dir", Claim{}); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, a, "dir/x", "old"); err != nil {
		t.Fatal(err)
	}
	x := &transfer{src: a, name: "dir", dst: b, to: "dir", away: true}
	for _, step := range []struct {
		what   string
		change func() error
		want   error
	}{
		{"nothing", func() error { return nil }, nil},
		{"a file is replaced", func() error { return put(ctx, a, "dir/x", "new") }, errMovedOn},
		{"a file is added", func() error { return put(ctx, a, "dir/y", "more") }, errMovedOn},
		{"a file is removed", func() error { return a.Remove(ctx, "dir/y", Claim{}) }, errMovedOn},
		{"a property is set", func() error { w.setProp(t, a, "dir/x", "late"); return nil }, nil},
	} {
		src, _, _, err := x.look(true)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x.build(ctx, src, Info{}, false, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if src, _, _, err = x.look(true); err != nil {
			t.Fatal(err)
		}
		if err := x.sameAs(made, src); err != step.want {
			t.Errorf("%s: %v, want %v", step.what, err, step.want)
		}
		if step.what == "a property is set" && len(made.props) != 1 {
			t.Errorf("properties that are copied: %v", made.props)
		}
		made.abort()
	}
	w.wantHeld(t, a, 3, 2)
	w.wantHeld(t, b, 0, 0)
}

// stuckFS refuses to throw things away.
type stuckFS struct {
	fileSystem
	stuck bool
}

func (s *stuckFS) Trash(name string) (*staged, error) {
	if s.stuck {
		return nil, &fs.PathError{Op: "remove", Path: name, Err: syscall.EIO}
	}
	return s.fileSystem.Trash(name)
}

func (s *stuckFS) bottom() *rootFS { return s.fileSystem.(*rootFS) }

// TestCM5_MoveBetweenVolumesIsFinished: if the source cannot be taken away after the copy is there, or the server dies then,
// it goes later; if it dies before, nothing has moved.
func TestCM5_MoveBetweenVolumesIsFinished(t *testing.T) {
	disk, dir := otherDisk(t), t.TempDir()
	var from, to store.Folder
	t.Run("late", func(t *testing.T) {
		w := newWorld(t, Options{Dir: dir, Products: twoVolumes(t, disk)})
		ctx := t.Context()
		from, to = w.folder(t, 0, 0), w.fastFolder(t, 0)
		a, b := w.tree(t, from), w.tree(t, to)
		if err := put(ctx, a, "file", "content"); err != nil {
			t.Fatal(err)
		}
		w.setProp(t, a, "file", "red")
		disk := &stuckFS{a.f.fs.fileSystem, true}
		a.f.fs.fileSystem = disk
		if _, err := a.Move(ctx, "file", Place{b, "file"}, false, Claim{}); !errors.Is(err, syscall.EIO) {
			t.Fatalf("move: %v", err)
		}
		if text, err := read(b, "file"); err != nil || text != "content" {
			t.Errorf("the copy is %q, %v", text, err)
		}
		disk.stuck = false
		if err := w.repay(ctx, ""); err != nil {
			t.Fatal(err)
		}
		w.wantHeld(t, a, 0, 0)
		w.wantHeld(t, b, 7, 1)
		if got := w.prop(t, b, "file"); got != `<p xmlns="urn:t">red</p>` {
			t.Errorf("property %q", got)
		}
		if err := errors.Join(put(ctx, a, "published", "one"), put(ctx, a, "not yet", "two"), put(ctx, b, "published", "one")); err != nil {
			t.Fatal(err)
		}
		// As a server that dies leaves it, after the copy was published and before.
		for _, name := range []string{"published", "not yet"} {
			was, err := a.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			in := store.Intent{Kind: intentAway, FolderID: from.ID, Path: name, DstFolder: to.ID, DstPath: name, Displaced: was.Identity(), Subject: store.Identity{Ino: 1}}
			if i, err := b.Stat(name); err == nil {
				in.Subject = i.Identity()
			}
			if _, err := w.st.AddIntent(ctx, in); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.st.MarkDirty(ctx, from.ID), w.st.MarkDirty(ctx, to.ID)); err != nil {
			t.Fatal(err)
		}
	})
	st, err := store.Open(t.Context(), store.Options{Path: dir + "/davit.db"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.MarkDirty(t.Context(), from.ID), st.MarkDirty(t.Context(), to.ID), st.Close()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Options{Dir: dir, Products: twoVolumes(t, disk)})
	a, b := w.tree(t, from), w.tree(t, to)
	for _, tree := range []*Tree{a, b} {
		if err := tree.f.begin(context.Background()); err != nil { // waits for the count
			t.Fatal(err)
		}
		tree.f.end()
	}
	w.wantHeld(t, a, 3, 1)
	w.wantHeld(t, b, 10, 2)
	if text, err := read(a, "not yet"); err != nil || text != "two" {
		t.Errorf("what was not published is %q, %v", text, err)
	}
	if left, err := w.st.Intents(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("intents %+v, %v", left, err)
	}
}
