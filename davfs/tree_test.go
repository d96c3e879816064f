package davfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"

	"davit/store"
	"davit/store/storetest"
)

// world is an FS on a real disk with one user.
type world struct {
	*FS
	st   *store.Store
	dir  string
	user store.User
}

func newWorld(t testing.TB, o Options) *world {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Sync == "" {
		o.Sync = SyncNone
	}
	st, err := store.Open(t.Context(), store.Options{Path: storetest.Path(t, filepath.Join(o.Dir, "davit.db"))})
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(st, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{FS: d, st: st, dir: o.Dir}
	t.Cleanup(func() {
		if err := d.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w.user, err = st.UserByName(t.Context(), "ann")
	if errors.Is(err, fs.ErrNotExist) {
		w.user, err = st.CreateUser(t.Context(), store.User{Name: "ann", Limits: store.Limits{MaxFolders: 0}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) folder(t testing.TB, maxBytes, maxFiles int64) store.Folder {
	t.Helper()
	f, err := w.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: w.user.ID, Title: "f", MaxBytes: maxBytes, MaxFiles: maxFiles}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) tree(t testing.TB, f store.Folder) *Tree {
	t.Helper()
	tree, err := w.Tree(t.Context(), store.Principal{UserID: w.user.ID, UserName: "ann"}, store.Mount{Folder: f, Rights: store.RightsAll})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tree.Close)
	return tree
}

// path is where a name of a folder lies on the disk.
func (w *world) path(f store.Folder, name string) string {
	return filepath.Join(w.dir, "files", f.ID, name)
}

func put(ctx context.Context, tree *Tree, name, content string) error {
	up, err := tree.Create(ctx, name, Claim{}, int64(len(content)))
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := up.Write([]byte(content)); err != nil {
		return err
	}
	_, _, err = up.Commit(ctx, time.Time{})
	return err
}

func read(tree *Tree, name string) (string, error) {
	f, _, err := tree.OpenRead(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// onDisk counts like an administrator with find(1): regular files and directories below the root.
func onDisk(t testing.TB, dir string) store.Usage {
	t.Helper()
	var u store.Usage
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if p == dir || !d.IsDir() && !d.Type().IsRegular() {
			return nil
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		u.Files++
		if !d.IsDir() {
			u.Bytes += i.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) wantUsage(t testing.TB, f store.Folder) {
	t.Helper()
	got, err := w.Usage(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if want := onDisk(t, w.path(f, "")); got.Usage != want || got.ReservedBytes != 0 || got.ReservedFiles != 0 {
		t.Errorf("usage %+v, on disk %+v", got, want)
	}
}

func TestQUO2_KeepsUsage(t *testing.T) {
	for _, sync := range []Sync{SyncNone, SyncFull} {
		t.Run(string(sync), func(t *testing.T) {
			w := newWorld(t, Options{Sync: sync})
			f, g := w.folder(t, 0, 0), w.folder(t, 0, 0)
			tree, other := w.tree(t, f), w.tree(t, g)
			ctx := t.Context()
			steps := []struct {
				what string
				do   func() error
			}{
				{"put", func() error { return put(ctx, tree, "a", "12345") }},
				{"replace by longer", func() error { return put(ctx, tree, "a", "1234567") }},
				{"replace by shorter", func() error { return put(ctx, tree, "a", "1") }},
				{"mkdir", func() error { _, err := tree.Mkdir(ctx, "d", Claim{}); return err }},
				{"mkdir below", func() error { _, err := tree.Mkdir(ctx, "d/e", Claim{}); return err }},
				{"put below", func() error { return put(ctx, tree, "d/e/x", "xxxx") }},
				{"copy file", func() error { _, err := tree.Copy(ctx, "a", Place{tree, "b"}, true, false, Claim{}); return err }},
				{"copy tree", func() error { _, err := tree.Copy(ctx, "d", Place{tree, "d2"}, true, false, Claim{}); return err }},
				{"copy tree over tree", func() error { _, err := tree.Copy(ctx, "d/e", Place{tree, "d2"}, true, false, Claim{}); return err }},
				{"copy file over tree", func() error { _, err := tree.Copy(ctx, "a", Place{tree, "d2"}, true, false, Claim{}); return err }},
				{"copy tree over file", func() error { _, err := tree.Copy(ctx, "d", Place{tree, "d2"}, true, false, Claim{}); return err }},
				{"copy shallow", func() error { _, err := tree.Copy(ctx, "d", Place{tree, "d3"}, true, true, Claim{}); return err }},
				{"move file over file", func() error { _, err := tree.Move(ctx, "a", Place{tree, "b"}, true, Claim{}); return err }},
				{"move tree", func() error { _, err := tree.Move(ctx, "d2", Place{tree, "d4"}, true, Claim{}); return err }},
				{"move tree over tree", func() error { _, err := tree.Move(ctx, "d4", Place{tree, "d3"}, true, Claim{}); return err }},
				{"move file over tree", func() error { _, err := tree.Move(ctx, "b", Place{tree, "d3"}, true, Claim{}); return err }},
				{"copy tree to other folder", func() error { _, err := tree.Copy(ctx, "d", Place{other, "d"}, true, false, Claim{}); return err }},
				{"move tree to other folder", func() error { _, err := tree.Move(ctx, "d", Place{other, "m"}, true, Claim{}); return err }},
				{"move tree over tree in other folder", func() error { _, err := other.Move(ctx, "m", Place{tree, "m"}, true, Claim{}); return err }},
				{"move file over tree in other folder", func() error { _, err := tree.Move(ctx, "d3", Place{other, "d"}, true, Claim{}); return err }},
				{"delete tree", func() error { return tree.Remove(ctx, "m", Claim{}) }},
				{"delete file", func() error { return other.Remove(ctx, "d", Claim{}) }},
			}
			for _, s := range steps {
				if err := s.do(); err != nil {
					t.Fatalf("%s: %v", s.what, err)
				}
				w.wantUsage(t, f)
				w.wantUsage(t, g)
				if t.Failed() {
					t.Fatalf("after %s", s.what)
				}
			}
			if u := onDisk(t, w.path(f, "")); u != (store.Usage{}) {
				t.Errorf("left over: %+v", u)
			}
		})
	}
}

func TestTreeRefusals(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 100, 6)
	tree := w.tree(t, f)
	ctx := t.Context()
	for _, name := range []string{"d", "d/e"} {
		if _, err := tree.Mkdir(ctx, name, Claim{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"a": "aaaa", "d/x": "xx"} {
		if err := put(ctx, tree, name, content); err != nil {
			t.Fatal(err)
		}
	}
	move := func(from, to string, over bool) error {
		_, err := tree.Move(ctx, from, Place{tree, to}, over, Claim{})
		return err
	}
	cp := func(from, to string, over bool) error {
		_, err := tree.Copy(ctx, from, Place{tree, to}, over, false, Claim{})
		return err
	}
	mkdir := func(name string) error { _, err := tree.Mkdir(ctx, name, Claim{}); return err }
	before := snapshot(t, w.path(f, ""))
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"move onto itself", move("a", "a", true), errSame},
		{"copy onto itself", cp("d", "d", true), errSame},
		{"move into itself", move("d", "d/e/f", true), errNested},
		{"copy into itself", cp("d", "d/e/f", true), errNested},
		{"move onto ancestor", move("d/e", "d", true), errNested},
		{"copy onto ancestor", cp("d/x", "d", true), errNested},
		{"move of missing", move("none", "b", true), fs.ErrNotExist},
		{"copy of missing over file", cp("none", "a", true), fs.ErrNotExist},
		{"move without parent", move("a", "none/b", true), errNoParent},
		{"copy below a file", cp("d", "a/b", true), errNoParent},
		{"move over existing, F", move("a", "d/x", false), store.ErrChanged},
		{"copy over existing, F", cp("a", "d", false), store.ErrChanged},
		{"move of root", move("", "b", true), errRoot},
		{"copy over root", cp("a", "", true), errRoot},
		{"delete of root", tree.Remove(ctx, "", Claim{}), errRoot},
		{"delete of missing", tree.Remove(ctx, "none", Claim{}), fs.ErrNotExist},
		{"mkdir of existing", mkdir("a"), fs.ErrExist},
		{"mkdir without parent", mkdir("none/d"), errNoParent},
		{"put on collection", put(ctx, tree, "d", "x"), errIsDir},
		{"put on root", put(ctx, tree, "", "x"), errIsDir},
		{"put without parent", put(ctx, tree, "none/x", "x"), errNoParent},
		{"put below file", put(ctx, tree, "a/x", "x"), errNoParent},
		{"put beyond the bytes", put(ctx, tree, "b", string(make([]byte, 95))), store.ErrQuota},
		{"replacement beyond the bytes", put(ctx, tree, "a", string(make([]byte, 99))), store.ErrQuota},
		{"copy beyond the files", cp("d", "d2", true), store.ErrQuota},
	} {
		t.Run(c.what, func(t *testing.T) {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%v, want %v", c.err, c.want)
			}
		})
	}
	if got := snapshot(t, w.path(f, "")); got != before {
		t.Errorf("changed by refused requests:\n%s\nbefore:\n%s", got, before)
	}
	w.wantUsage(t, f)
	if left := unfinished(t, w.dir); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

// unfinished lists what lies in staging.
func unfinished(t testing.TB, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "staging", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// snapshot is a folder's content as text.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var b bytes.Buffer
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var content []byte
		if d.Type().IsRegular() {
			if content, err = os.ReadFile(p); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %v %q\n", p[len(dir):], d.Type(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is neither a regular file nor a directory does not exist, on any way in (D9, ARC-4).
func TestTreeHidesOthers(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	ctx := t.Context()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, tree, "real", "r"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.path(f, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"out": secret, "outdir": filepath.Dir(secret), "in": "real", "indir": "dir", "up": "..", "dir/top": "../real"}
	for name, to := range links {
		if err := os.Symlink(to, w.path(f, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(w.path(f, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(w.path(f, "device"), unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3))); err != nil && err != unix.EPERM {
		t.Fatal(err)
	}
	hidden := []string{"out", "outdir", "outdir/secret", "in", "indir", "up", "up/" + f.ID, "dir/top", "pipe", "device"}
	for _, name := range hidden {
		t.Run(name, func(t *testing.T) {
			if _, err := tree.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("stat: %v", err)
			}
			if c, err := read(tree, name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("read: %q, %v", c, err)
			}
			if err := tree.Remove(ctx, name, Claim{}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("remove: %v", err)
			}
			if _, err := tree.Move(ctx, name, Place{tree, "moved"}, true, Claim{}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("move: %v", err)
			}
			if _, err := tree.Copy(ctx, name, Place{tree, "copied"}, true, false, Claim{}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("copy: %v", err)
			}
			if err := put(ctx, tree, name+"/x", "x"); !errors.Is(err, errNoParent) {
				t.Errorf("put below: %v", err)
			}
			chain, ok := tree.f.fs.fileSystem.(afero.Fs)
			if !ok {
				t.Fatal("the chain is not an afero.Fs")
			}
			if _, err := chain.Open(name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("afero open: %v", err)
			}
			if err := chain.Chmod(name, 0o777); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("afero chmod: %v", err)
			}
		})
	}
	var listed []string
	if err := tree.List(ctx, "", func(i Info) error { listed = append(listed, i.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 2 {
		t.Errorf("listed %q, want real and dir", listed)
	}
	u, err := w.Scan(ctx, f.ID)
	if want := (store.Usage{Bytes: 1, Files: 2}); err != nil || u != want {
		t.Errorf("scan: %+v, %v, want %+v", u, err, want)
	}
	// A directory goes with what is invisible in it (D9).
	if err := tree.Remove(ctx, "dir", Claim{}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("outside: %q, %v", b, err)
	}
	w.wantUsage(t, f)
}

// Without openat2 the same rules hold, by one openat a segment.
func TestARC3_WalkFollowsNothing(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	for name, to := range map[string]string{"up": "..", "in": "real"} {
		if err := os.Symlink(to, w.path(f, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(w.path(f, "real/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := w.tree(t, f).f.root
	for name, want := range map[string]bool{"real": true, "real/sub": true, "up": false, "up/" + f.ID: false, "in": false, "in/sub": false, "real/none": false} {
		fd, err := r.walk(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if (err == nil) != want {
			t.Errorf("walk %s: %v, want opened %v", name, err, want)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
}

// While another process swaps a directory for a link in a loop, nothing is read, written or
// deleted outside (ARC-3).
func TestARC3_SwappedLinks(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	ctx := t.Context()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, outside)
	if err := os.Mkdir(w.path(f, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path(f, "d/x"), []byte("inside"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, w.path(f, "link")); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var swapped int
	var swapper sync.WaitGroup
	swapper.Go(func() {
		root := w.path(f, "")
		for !stop.Load() {
			if err := unix.Renameat2(unix.AT_FDCWD, root+"/d", unix.AT_FDCWD, root+"/link", unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
			swapped++
		}
	})
	var met, missed int
	for range 4000 {
		c, err := read(tree, "d/x")
		switch {
		case err == nil && c == "inside":
			met++
		case errors.Is(err, fs.ErrNotExist):
			missed++
		default:
			t.Fatalf("read %q, %v", c, err)
		}
		put(ctx, tree, "d/new", "n")
		tree.Remove(ctx, "d/new", Claim{})
		tree.Mkdir(ctx, "d/sub", Claim{})
		tree.Move(ctx, "d/sub", Place{tree, "d/moved"}, true, Claim{})
		tree.Remove(ctx, "d/moved", Claim{})
		tree.f.fs.Chmod("d/x", 0o600)
	}
	stop.Store(true)
	swapper.Wait()
	if met == 0 || missed == 0 || swapped == 0 {
		t.Fatalf("the race was not on: %d met, %d missed, %d swaps", met, missed, swapped)
	}
	if got := snapshot(t, outside); got != before {
		t.Errorf("outside is now\n%s\nwas\n%s", got, before)
	}
	if i, err := os.Stat(filepath.Join(outside, "x")); err != nil || i.Mode().Perm() != 0o644 {
		t.Errorf("outside: %v, %v", i.Mode(), err)
	}
}

// N parallel uploads never put more on the disk than the limit, and failed ones take nothing.
func TestQUO1_ParallelUploads(t *testing.T) {
	const limit, size, clients = 50_000, 1000, 16
	w := newWorld(t, Options{})
	f := w.folder(t, limit, 40)
	ctx := t.Context()
	var stop atomic.Bool
	var watch sync.WaitGroup
	watch.Go(func() {
		for !stop.Load() {
			var u store.Usage
			entries, err := os.ReadDir(w.path(f, ""))
			if err != nil {
				t.Error(err)
				return
			}
			// Names are only added while the uploads run, and sizes do not shrink, so what is
			// found at different moments was there together at the last of them.
			for _, e := range entries {
				if i, err := e.Info(); err == nil {
					u.Bytes += i.Size()
					u.Files++
				}
			}
			if u.Bytes > limit || u.Files > 40 {
				t.Errorf("on disk %+v", u)
				return
			}
		}
	})
	var clientsDone sync.WaitGroup
	var stored, refused atomic.Int64
	for c := range clients {
		clientsDone.Go(func() {
			tree := w.tree(t, f)
			for n := range 20 {
				length := int64(size * (1 + n%3))
				if n%2 == 1 {
					length = -1
				}
				up, err := tree.Create(ctx, fmt.Sprintf("f%d-%d", c, n), Claim{}, length)
				if err == nil {
					if n%5 == 4 { // breaks off
						up.Write(make([]byte, 10))
						up.Abort()
						continue
					}
					for range 1 + n%3 {
						if _, err = up.Write(make([]byte, size)); err != nil {
							break
						}
					}
					if err == nil {
						_, _, err = up.Commit(ctx, time.Time{})
					}
					up.Abort()
				}
				if err == nil {
					stored.Add(1)
				} else if errors.Is(err, store.ErrQuota) {
					refused.Add(1)
				} else {
					t.Error(err)
				}
			}
		})
	}
	clientsDone.Wait()
	stop.Store(true)
	watch.Wait()
	if stored.Load() == 0 || refused.Load() == 0 {
		t.Fatalf("%d stored, %d refused: the limit was not met", stored.Load(), refused.Load())
	}
	w.wantUsage(t, f)
	// What failed uploads had reserved is free again: the rest can be filled to the last byte.
	u, err := w.Usage(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	tree := w.tree(t, f)
	if u.Files < 40 && u.Available > 0 {
		if err := put(ctx, tree, "rest", string(make([]byte, u.Available))); err != nil {
			t.Errorf("the last %d bytes: %v", u.Available, err)
		}
	}
	w.wantUsage(t, f)
}

// A model of random changes by many clients: usage is exact whenever none runs, also
// while a count goes on (D10, D11).
func TestQUO2_RandomChanges(t *testing.T) {
	w := newWorld(t, Options{})
	f, g := w.folder(t, 200_000, 300), w.folder(t, 50_000, 60)
	ctx := t.Context()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range 6 {
		var all sync.WaitGroup
		for c := range 8 {
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(round*100+c)))
				trees := []*Tree{w.tree(t, f), w.tree(t, g)}
				name := func() string {
					n := string(rune('a' + rnd.IntN(4)))
					for range rnd.IntN(3) {
						n += "/" + string(rune('a'+rnd.IntN(4)))
					}
					return n
				}
				for range 150 {
					tree, to := trees[rnd.IntN(2)], trees[rnd.IntN(2)]
					var err error
					switch rnd.IntN(6) {
					case 0:
						err = put(ctx, tree, name(), string(make([]byte, rnd.IntN(3000))))
					case 1:
						_, err = tree.Mkdir(ctx, name(), Claim{})
					case 2:
						err = tree.Remove(ctx, name(), Claim{})
					case 3:
						_, err = tree.Move(ctx, name(), Place{to, name()}, true, Claim{})
					case 4:
						_, err = tree.Copy(ctx, name(), Place{to, name()}, true, rnd.IntN(4) == 0, Claim{})
					case 5:
						_, err = w.Scan(ctx, tree.f.id)
					}
					if err != nil && statusOf(err, "").Status >= 500 && !errors.Is(err, store.ErrQuota) {
						t.Errorf("%v", err)
					}
				}
			})
		}
		all.Wait()
		w.wantUsage(t, f)
		w.wantUsage(t, g)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// Of parallel creations with the same precondition exactly one succeeds (PUT-3).
func TestPUT3_Atomic(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	ctx := t.Context()
	for round := range 30 {
		name := fmt.Sprint("n", round)
		var won atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				tree := w.tree(t, f)
				c := Claim{Check: func(exists bool, _ Info) error {
					if exists {
						return store.ErrChanged
					}
					return nil
				}}
				up, err := tree.Create(ctx, name, c, 1)
				if err == nil {
					up.Write([]byte("x"))
					_, _, err = up.Commit(ctx, time.Time{})
				}
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, store.ErrChanged):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of 8 created %s", won.Load(), name)
		}
	}
	w.wantUsage(t, f)
}

// Whatever an administrator puts into the directory shows at once, and is counted by a scan.
func TestHandMadeFiles(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 100, 10)
	tree := w.tree(t, f)
	ctx := t.Context()
	if err := os.MkdirAll(w.path(f, "x/y"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path(f, "x/y/z"), make([]byte, 150), 0o644); err != nil {
		t.Fatal(err)
	}
	if i, err := tree.Stat("x/y/z"); err != nil || i.Size != 150 {
		t.Fatalf("stat: %+v, %v", i, err)
	}
	if _, err := w.Scan(ctx, f.ID); err != nil {
		t.Fatal(err)
	}
	w.wantUsage(t, f)
	u, err := w.Usage(ctx, f)
	if err != nil || u.Available != 0 {
		t.Errorf("available %d, %v, want 0 above the limit", u.Available, err)
	}
	// D12: above the limit reading, shrinking, moving and deleting work, growing does not.
	if err := put(ctx, tree, "new", "1"); !errors.Is(err, store.ErrQuota) {
		t.Errorf("growth: %v", err)
	}
	if _, err := tree.Move(ctx, "x/y/z", Place{tree, "z"}, true, Claim{}); err != nil {
		t.Errorf("move: %v", err)
	}
	if err := put(ctx, tree, "z", string(make([]byte, 120))); err != nil {
		t.Errorf("shrink: %v", err)
	}
	if err := tree.Remove(ctx, "z", Claim{}); err != nil {
		t.Errorf("remove: %v", err)
	}
	w.wantUsage(t, f)
}

// A mode that is changed while the body comes is kept like one that was there before (PUT-8).
func TestPUT8_ModeChangedDuringUpload(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	ctx := t.Context()
	if err := put(ctx, tree, "a", "old"); err != nil {
		t.Fatal(err)
	}
	up, err := tree.Create(ctx, "a", Claim{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	up.Write([]byte("new"))
	if err := os.Chmod(w.path(f, "a"), 0o640); err != nil {
		t.Fatal(err)
	}
	made, created, err := up.Commit(ctx, time.Time{})
	if err != nil || created || made.Mode != 0o640 {
		t.Errorf("commit: mode %o, created %v, %v", made.Mode, created, err)
	}
	if i, err := os.Stat(w.path(f, "a")); err != nil || i.Mode().Perm() != 0o640 || i.Size() != 3 {
		t.Errorf("on disk: %v, %v", i, err)
	}
}

// A folder that was being changed when the server ended is counted before it is written again.
func TestQUO3_DirtyFolderIsCounted(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, Options{Dir: dir})
	f := w.folder(t, 1000, 10)
	tree := w.tree(t, f)
	if err := put(t.Context(), tree, "a", "123"); err != nil {
		t.Fatal(err)
	}
	// As after kill -9: the row is dirty and wrong, an upload lies in staging, an intent is open.
	row, err := w.st.Folder(t.Context(), f.ID)
	if err != nil || !row.Dirty {
		t.Fatalf("dirty %v, %v", row.Dirty, err)
	}
	if err := os.WriteFile(w.path(f, "b"), make([]byte, 500), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "staging", "3", "left"), make([]byte, 500), 0o644); err != nil {
		t.Fatal(err)
	}
	again := newWorld(t, Options{Dir: dir})
	tree2 := again.tree(t, f)
	if err := put(t.Context(), tree2, "c", string(make([]byte, 600))); !errors.Is(err, store.ErrQuota) {
		t.Errorf("put beyond the true rest: %v", err)
	}
	again.wantUsage(t, f)
	if left := unfinished(t, dir); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
}

// A deleted folder is gone for those who hold it open, uploads included.
func TestDeletedFolderIsGone(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	ctx := t.Context()
	if err := put(ctx, tree, "a", "1"); err != nil {
		t.Fatal(err)
	}
	up, err := tree.Create(ctx, "b", Claim{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Abort()
	up.Write([]byte("abc"))
	if err := w.DeleteFolder(ctx, f.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := up.Commit(ctx, time.Time{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("commit: %v", err)
	}
	if _, err := read(tree, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read: %v", err)
	}
	if _, err := os.Stat(w.path(f, "")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("on disk: %v", err)
	}
	if err := w.DeleteFolder(ctx, f.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second delete: %v", err)
	}
}

// Every error of the storage has its status (STA-7).
func TestSTA7_StatusOf(t *testing.T) {
	at := func(err error) error { return &fs.PathError{Op: "x", Path: "y", Err: err} }
	for _, c := range []struct {
		err    error
		status int
	}{
		{at(fs.ErrNotExist), 404}, {at(fs.ErrExist), 405}, {at(fs.ErrPermission), 403}, {at(syscall.EROFS), 503},
		{at(syscall.ENOSPC), 507}, {at(syscall.EDQUOT), 507}, {at(&LimitError{}), 507}, {store.ErrQuota, 507}, {store.ErrNoSpace, 507},
		{at(syscall.ENAMETOOLONG), 414}, {at(syscall.EMFILE), 503}, {at(syscall.ENFILE), 503}, {at(syscall.EIO), 500}, {at(syscall.EISDIR), 405},
		{at(syscall.ENOTDIR), 409}, {at(syscall.EINTR), 503}, {errNoParent, 409}, {errIsDir, 405}, {errSame, 403}, {errNested, 403}, {errRoot, 403},
		{store.ErrLocked, 423}, {store.ErrChanged, 412}, {store.ErrBusy, 503}, {store.ErrUnauthenticated, 401}, {store.ErrPlain, 403},
		{store.ErrTooMany, 503}, {store.ErrOffline, 503}, {context.Canceled, 503}, {fs.ErrInvalid, 400}, {errors.New("other"), 500}, {store.ErrNewer, 500}, {errTooLarge, 413},
	} {
		if got := statusOf(c.err, "PUT").Status; got != c.status {
			t.Errorf("%v: %d, want %d", c.err, got, c.status)
		}
		if got := statusOf(fmt.Errorf("wrapped: %w", c.err), "PUT").Status; got != c.status {
			t.Errorf("wrapped %v: %d, want %d", c.err, got, c.status)
		}
	}
}
