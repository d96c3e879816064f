package davfs

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"davit/store"
)

// However often the database changes while a folder is counted, it is counted once.
func TestScanAskedOnce(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, "davit.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var log bytes.Buffer
	d, err := New(st, Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}) // not started: only the scans run
	if err != nil {
		t.Fatal(err)
	}
	user, err := st.CreateUser(t.Context(), store.User{Name: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	row, err := d.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: user.ID, Title: "f"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.open(t.Context(), row.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.release()
	for asked := 1; asked <= 2; asked++ {
		if err := st.RequestRescan(t.Context(), row.ID); err != nil {
			t.Fatal(err)
		}
		f.scanMu.Lock() // the scan takes its time
		for range 5 {
			if err := d.Reconcile(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f.scanMu.Unlock()
		d.background.Wait()
		if got := strings.Count(log.String(), "folder scanned"); got != asked {
			t.Errorf("asked for %d times, scanned %d times", asked, got)
		}
	}
	if now, err := st.Folder(t.Context(), row.ID); err != nil || now.Rescan.After(now.Scanned) {
		t.Errorf("a scan is still wanted: %+v, %v", now, err)
	}
}

// A collection that left before a count began is not taken off what that counts, when its room is given back (D10).
func TestQUO2_CountAfterRemoval(t *testing.T) {
	w := newWorld(t, Options{})
	row := w.folder(t, 0, 0)
	ctx := t.Context()
	tree := w.tree(t, row)
	for _, dir := range []string{"gone", "kept"} {
		if _, err := tree.Mkdir(ctx, dir, Claim{}); err != nil {
			t.Fatal(err)
		}
		if err := put(ctx, tree, dir+"/file", strings.Repeat("x", 100)); err != nil {
			t.Fatal(err)
		}
	}
	f := tree.f
	trashed, err := f.fs.Trash("gone")
	if err != nil {
		t.Fatal(err)
	}
	// As countBeside does, which has looked at the root now.
	count := &recount{visited: map[string]bool{"": true}}
	f.ledger.mu.Lock()
	f.ledger.recount = count
	f.ledger.mu.Unlock()
	f.discard(trashed)
	f.ledger.mu.Lock()
	f.ledger.recount = nil
	f.ledger.mu.Unlock()
	if count.extra != (store.Usage{}) {
		t.Errorf("the count adds %+v to what it found", count.extra)
	}
	w.wantUsage(t, row)
}
