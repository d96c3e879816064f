package davfs

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"davit/store"
)

// leaving is a context that ends when it has been asked for its end some times.
type leaving struct {
	context.Context
	left atomic.Int64
	end  context.CancelFunc
}

func leaveAfter(ctx context.Context, asked int) *leaving {
	l := &leaving{}
	l.Context, l.end = context.WithCancel(ctx)
	l.left.Store(int64(asked))
	return l
}

func (l *leaving) count() {
	if l.left.Add(-1) < 0 {
		l.end()
	}
}

func (l *leaving) Done() <-chan struct{} { l.count(); return l.Context.Done() }
func (l *leaving) Err() error            { l.count(); return l.Context.Err() }

// A client that leaves while its request opens a folder takes the folder from nobody.
func TestOpenOutlivesClient(t *testing.T) {
	w := newWorld(t, Options{})
	opened := 0
	for asked := range 60 {
		f := w.folder(t, 0, 0)
		ctx := leaveAfter(t.Context(), asked)
		m := store.Mount{Folder: f, Rights: store.RightsAll}
		p := store.Principal{UserID: w.user.ID}
		if tree, err := w.Tree(ctx, p, m); err == nil {
			opened++
			tree.Close()
		}
		ctx.end()
		tree, err := w.Tree(t.Context(), p, m)
		if err != nil {
			t.Fatalf("the client left after %d questions: the next one gets %v", asked, err)
		}
		if _, err := tree.Stat(""); err != nil {
			t.Errorf("the client left after %d questions: %v", asked, err)
		}
		tree.Close()
	}
	if opened == 0 || opened == 60 {
		t.Errorf("%d of 60 clients stayed until the folder was open: the test misses the moment", opened)
	}
}

// Folders that nobody uses are closed, though background work looks at them all the time, and
// an ETag of a collection never means two states of it.
func TestIdleFoldersAreClosed(t *testing.T) {
	var later atomic.Int64
	w := newWorld(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	f := w.folder(t, 0, 0)
	open := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.folders[f.ID] != nil
	}
	etags := make(map[string]string)
	for round := range 3 {
		tree, err := w.Tree(t.Context(), store.Principal{UserID: w.user.ID}, store.Mount{Folder: f, Rights: store.RightsAll})
		if err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), tree, fmt.Sprint("f", round), "x"); err != nil {
			t.Fatal(err)
		}
		i, err := tree.Stat("")
		if err != nil {
			t.Fatal(err)
		}
		etag := tree.ETag("", i)
		if was, ok := etags[etag]; ok {
			t.Errorf("round %d has the ETag of %s", round, was)
		}
		etags[etag] = fmt.Sprint("round ", round)
		later.Add(int64(2 * idleBefore))
		w.closeIdle()
		if !open() {
			t.Fatal("a folder in use was closed")
		}
		tree.Close()
		w.closeIdle()
		if !open() {
			t.Error("a folder that was used just now was closed")
		}
		later.Add(int64(2 * idleBefore))
		if err := w.flush(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		w.closeIdle()
		if open() {
			t.Error("a folder that nobody uses stays open")
		}
	}
}

// Very many folders, each looked at once, must not use all descriptors up.
func TestManyFoldersStayFew(t *testing.T) {
	w := newWorld(t, Options{})
	w.mostOpen = 5
	open := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.folders)
	}
	busy := w.folder(t, 0, 0)
	if err := put(t.Context(), w.tree(t, busy), "x", "content"); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		f := w.folder(t, 0, 0)
		for range 2 { // opened, and opened again
			if _, err := w.Usage(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := open(); n > 5 {
		t.Errorf("%d folders are open, want at most 5", n)
	}
	if got, err := read(w.tree(t, busy), "x"); err != nil || got != "content" {
		t.Errorf("the folder in use: %q, %v", got, err)
	}
	w.wantUsage(t, busy)
}

func TestPRO5_ForgottenVersions(t *testing.T) {
	w := newWorld(t, Options{})
	tree := w.tree(t, w.folder(t, 0, 0))
	f := tree.f
	dir := Info{Dir: true, Ino: 7}
	before := f.collectionETag("dir", dir)
	f.changed(changeFile, "dir/a")
	after := f.collectionETag("dir", dir)
	for n := range mostVersions + 2 {
		f.changed(changeFile, fmt.Sprint("other", n, "/a"))
	}
	if now := f.collectionETag("dir", dir); now == before || before == after {
		t.Errorf("ETags %s, after a change %s, when versions were forgotten %s", before, after, now)
	}
}
