package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// quotaOf sets the limit of ann's workspace in the default category.
func (w *world) quotaOf(t testing.TB, user store.User, max int64) {
	t.Helper()
	if err := w.SetWorkspaceLimit(t.Context(), user.ID, w.Products().Default().CategoryKey(), max); err != nil {
		t.Fatal(err)
	}
}

// account checks that what the workspace's account says is what its folders hold on the disk, and returns it.
func (w *world) account(t testing.TB, user store.User) int64 {
	t.Helper()
	rows, err := w.st.WorkspaceFolders(context.Background(), user.ID)
	if err != nil {
		t.Fatal(err)
	}
	var onDisk int64
	for _, row := range rows {
		dir, err := openRootFS(w.volumeOf(row), row.ID, w.o.Modes)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		u, err := count(dir, "")
		dir.close()
		if err != nil {
			t.Fatal(err)
		}
		onDisk += u.Bytes
	}
	ws, err := w.workspace(context.Background(), workspaceKey{user.ID, w.Products().Default().CategoryKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.leave(ws)
	if got := ws.taken.Load(); got != onDisk {
		t.Errorf("the workspace's account says %d, its folders hold %d", got, onDisk)
	}
	return onDisk
}

func wantLimit(t testing.TB, err error, kind LimitKind, missing int64) {
	t.Helper()
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Kind != kind || limit.Missing() != missing {
		t.Errorf("%v: want limit %d, %d missing", err, kind, missing)
	}
}

func TestD10_WorkspaceLimit(t *testing.T) {
	w := newWorld(t, Options{KeepDeleted: time.Hour})
	ctx := t.Context()
	a, b := w.folder(t, 0, 0), w.folder(t, 50, 0)
	ta, tb := w.tree(t, a), w.tree(t, b)
	if err := put(ctx, ta, "x", string(make([]byte, 60))); err != nil {
		t.Fatal(err)
	}
	w.quotaOf(t, w.user, 100)
	if u, _ := tb.Usage(); u.Available != 40 {
		t.Errorf("available %d: the workspace has 40 left", u.Available)
	}
	wantLimit(t, put(ctx, tb, "y", string(make([]byte, 51))), LimitFolderBytes, 1)
	wantLimit(t, put(ctx, tb, "y", string(make([]byte, 41))), LimitWorkspace, 1)
	up, err := tb.Create(ctx, "y", Claim{}, 30)
	if err != nil {
		t.Fatal(err)
	}
	wantLimit(t, put(ctx, ta, "z", string(make([]byte, 11))), LimitWorkspace, 1) // what is reserved counts
	up.Abort()
	if err := put(ctx, tb, "y", string(make([]byte, 40))); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, ta, "x", string(make([]byte, 59))); err != nil { // it shrinks
		t.Error(err)
	}
	wantLimit(t, put(ctx, ta, "x", string(make([]byte, 61))), LimitWorkspace, 1)
	// Between two folders of a full workspace everything can be moved, and nothing copied.
	if _, err := ta.Move(ctx, "x", Place{tb, "x"}, true, Claim{}); !errors.Is(err, store.ErrQuota) {
		t.Errorf("moved beyond the folder's own limit: %v", err)
	}
	if _, err := tb.Move(ctx, "y", Place{ta, "y"}, false, Claim{}); err != nil {
		t.Error(err)
	}
	_, err = ta.Copy(ctx, "y", Place{tb, "y"}, false, false, Claim{})
	wantLimit(t, err, LimitWorkspace, 39)
	w.account(t, w.user)

	// A deleted folder counts until it is purged.
	if err := w.TrashFolder(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	wantLimit(t, put(ctx, tb, "y", "12"), LimitWorkspace, 1)
	w.account(t, w.user)
	if err := w.PurgeFolder(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, tb, "y", "12"); err != nil {
		t.Error(err)
	}
	if got := w.account(t, w.user); got != 2 {
		t.Errorf("after the purge %d bytes", got)
	}
	w.quotaOf(t, w.user, 1) // lowered below what is used
	wantLimit(t, put(ctx, tb, "y", "123"), LimitWorkspace, 2)
	if u, _ := tb.Usage(); u.Available != 0 {
		t.Errorf("available %d above the limit", u.Available)
	}
	if err := put(ctx, tb, "y", "1"); err != nil {
		t.Errorf("shrinking above the limit: %v", err)
	}
	w.quotaOf(t, w.user, store.Default)
	if err := put(ctx, tb, "y", string(make([]byte, 50))); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// TestD10_WorkspaceOfAnotherCategory: what a tier holds does not count for another.
func TestD10_WorkspaceOfAnotherCategory(t *testing.T) {
	fast := store.DefaultProduct()
	fast.ProductRef, fast.WorkspaceMaxBytes = store.ProductRef{ID: "fast", Category: "ssd", Provider: "davit"}, 10
	products, err := store.NewProducts([]store.Product{store.DefaultProduct(), fast})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Options{Products: products})
	ctx := t.Context()
	slow := w.folder(t, 0, 0)
	quick, err := w.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: w.user.ID, Title: "q", Product: "fast"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, w.tree(t, slow), "x", "more than ten bytes"); err != nil {
		t.Error(err)
	}
	tree := w.tree(t, quick)
	wantLimit(t, put(ctx, tree, "x", "more than ten bytes"), LimitWorkspace, 9)
	if err := put(ctx, tree, "x", "ten bytes."); err != nil {
		t.Error(err)
	}
	usage, err := w.WorkspaceUsage(ctx, w.user.ID)
	if err != nil || len(usage) != 2 || usage[0].Category != "davit/ssd" || usage[0].Bytes != 10 || usage[0].MaxBytes != 10 || usage[0].OwnLimit || usage[1].Bytes != 19 || usage[1].MaxBytes != 0 {
		t.Errorf("usage %+v, %v", usage, err)
	}
	if err := w.SetWorkspaceLimit(ctx, w.user.ID, "davit/ssd", 0); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, tree, "x", "more than ten bytes"); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// TestD10_WorkspaceFollowsTheOwner: usage goes with the folders that a user leaves to another, open and closed ones.
func TestD10_WorkspaceFollowsTheOwner(t *testing.T) {
	w := newWorld(t, Options{KeepDeleted: time.Hour})
	ctx := t.Context()
	bob, err := w.st.CreateUser(ctx, store.User{Name: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	a, kept, own := w.folder(t, 0, 0), w.folder(t, 0, 0), w.folder(t, 0, 0)
	for _, f := range []store.Folder{a, kept, own} {
		if err := put(ctx, w.tree(t, f), "x", "0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.TrashFolder(ctx, kept.ID); err != nil {
		t.Fatal(err)
	}
	w.quotaOf(t, bob, 30)
	mine, err := w.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: bob.ID, Title: "mine"}})
	if err != nil {
		t.Fatal(err)
	}
	tree := w.tree(t, mine)
	if err := put(ctx, tree, "x", "01"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.st.CreateUser(ctx, store.User{Name: "root", Admin: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.st.DeleteUser(ctx, w.user.ID, bob.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := w.Reconcile(ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.account(t, bob); got != 32 {
		t.Errorf("bob's folders hold %d", got)
	}
	wantLimit(t, put(ctx, tree, "y", "0"), LimitWorkspace, 3)
	if err := w.PurgeFolder(ctx, kept.ID); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, tree, "y", "0"); err != nil {
		t.Error(err)
	}
}

// Workspaces of open folders are read again for what touches them, and not for the changes of others.
func TestWorkspacesFollow(t *testing.T) {
	w := newWorld(t, Options{})
	ctx := t.Context()
	eve, err := w.st.CreateUser(ctx, store.User{Name: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := w.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: eve.ID, Title: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[string]*ledger)
	for _, row := range []store.Folder{w.folder(t, 0, 0), theirs} {
		tree := w.tree(t, row)
		open[row.OwnerID] = tree.f.ledger
	}
	want := func(what, userID string, max int64) {
		t.Helper()
		if got := open[userID].workspace.max.Load(); got != max {
			t.Errorf("%s: the limit is %d, want %d", what, got, max)
		}
	}
	follow := func(err error) {
		t.Helper()
		if err := errors.Join(err, w.Reconcile(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	follow(w.st.SetWorkspaceLimit(ctx, w.user.ID, "", 10)) // as a command does
	want("own", w.user.ID, 10)
	want("other", eve.ID, 0)
	open[w.user.ID].workspace.max.Store(1) // one that is not looked at again stays so
	follow(w.st.SetWorkspaceLimit(ctx, eve.ID, "", 20))
	want("untouched", w.user.ID, 1)
	want("own", eve.ID, 20)
	follow(w.st.DeleteUser(ctx, w.user.ID, eve.ID, false)) // touches everything, and takes the workspace away
	want("of the new owner", w.user.ID, 20)
	if a, b := open[w.user.ID].workspace, open[eve.ID].workspace; a != b {
		t.Error("two folders of one workspace have two accounts")
	}
}

// A folder whose new workspace cannot be read stays in the old one's account, until it can.
func TestWorkspaceMoveIsTriedAgain(t *testing.T) {
	w := newWorld(t, Options{})
	eve, err := w.st.CreateUser(t.Context(), store.User{Name: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	row := w.folder(t, 0, 0)
	l := w.tree(t, row).f.ledger
	row.OwnerID = eve.ID
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.move(ended, l, row); err == nil || l.workspace == nil || l.workspace.key.id != w.user.ID {
		t.Errorf("%v: the folder belongs to %+v", err, l.workspace)
	}
	if err := w.move(t.Context(), l, row); err != nil || l.workspace.key.id != eve.ID {
		t.Errorf("%v: the folder belongs to %+v", err, l.workspace)
	}
}

// TestD10_WorkspaceUnderLoad: many writers at the limit of several folders' workspace, with moves, copies, deletions of files
// and of folders: never a byte more than the limit, and in the end the account is exact.
func TestD10_WorkspaceUnderLoad(t *testing.T) {
	const limit, writers, rounds = 20_000, 8, 120
	w := newWorld(t, Options{KeepDeleted: time.Hour})
	folders := make([]store.Folder, 5)
	for i := range folders {
		folders[i] = w.folder(t, 0, 0)
	}
	w.quotaOf(t, w.user, limit)
	ws, err := w.workspace(t.Context(), workspaceKey{w.user.ID, w.Products().Default().CategoryKey()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.leave(ws)
	tree := func(i int) (*Tree, error) {
		return w.Tree(t.Context(), store.Principal{UserID: w.user.ID}, store.Mount{Folder: folders[i], Rights: store.RightsAll})
	}
	var refused, done sync.Map
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 7))
			for range rounds {
				one, two := rnd.IntN(len(folders)), rnd.IntN(len(folders))
				name, other := fmt.Sprint(rnd.IntN(6)), fmt.Sprint(rnd.IntN(6))
				a, err := tree(one)
				if err == nil {
					var b *Tree
					if b, err = tree(two); err == nil {
						switch rnd.IntN(8) {
						case 0:
							err = a.Remove(t.Context(), name, Claim{})
						case 1:
							_, err = a.Move(t.Context(), name, Place{b, other}, true, Claim{})
						case 2:
							_, err = a.Copy(t.Context(), name, Place{b, other}, true, false, Claim{})
						case 3:
							if n == 0 {
								if err = w.TrashFolder(t.Context(), folders[one].ID); err == nil {
									_, err = w.RestoreFolder(t.Context(), folders[one].ID, store.Restore{})
								}
								break
							}
							err = w.Reconcile(t.Context())
						default:
							err = put(t.Context(), a, name, string(make([]byte, rnd.IntN(3000))))
						}
						b.Close()
					}
					a.Close()
				}
				switch {
				case err == nil:
					done.Store(n, true)
				case errors.Is(err, store.ErrQuota):
					refused.Store(n, true)
				case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, errSame), errors.Is(err, store.ErrBusy):
				default:
					t.Errorf("writer %d: %v", n, err)
				}
				if taken := ws.taken.Load(); taken > limit || taken < 0 {
					t.Errorf("%d bytes taken of %d", taken, limit)
				}
			}
		})
	}
	all.Wait()
	some := false
	refused.Range(func(_, _ any) bool { some = true; return false })
	if !some {
		t.Error("nobody came to the limit")
	}
	if got := w.account(t, w.user); got > limit {
		t.Errorf("%d bytes on the disk, the limit is %d", got, limit)
	}
}

// TestD11_WorkspaceAfterACrash: after an unclean stop nobody writes to a limited workspace before all of its folders
// are counted.
func TestD11_WorkspaceAfterACrash(t *testing.T) {
	dir := t.TempDir()
	var a, b store.Folder
	t.Run("before", func(t *testing.T) {
		w := newWorld(t, Options{Dir: dir})
		a, b = w.folder(t, 0, 0), w.folder(t, 0, 0)
		for _, f := range []store.Folder{a, b} {
			if err := put(t.Context(), w.tree(t, f), "x", "0123456789"); err != nil {
				t.Fatal(err)
			}
		}
		w.quotaOf(t, w.user, 30)
	})
	// As a crash leaves it: a folder's row is dirty and does not tell what it holds.
	st, err := store.Open(t.Context(), store.Options{Path: dir + "/davit.db"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(st.SaveUsage(t.Context(), []store.FolderUsage{{ID: b.ID}}), st.MarkDirty(t.Context(), b.ID), st.Close()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Options{Dir: dir})
	tree := w.tree(t, a)
	wantLimit(t, put(t.Context(), tree, "y", "01234567890"), LimitWorkspace, 1)
	if err := put(t.Context(), tree, "y", "0123456789"); err != nil {
		t.Error(err)
	}
	w.account(t, w.user)
}
