package davfs

import (
	"fmt"
	"testing"

	"davit/store"
)

// Open folders follow their limits, whosever they are, without being read again for the changes of others.
func TestOpenFoldersFollow(t *testing.T) {
	w := newWorld(t, Options{})
	ctx := t.Context()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := w.st.CreateProject(ctx, store.Project{Title: "p", Limits: store.Limits{MaxFolders: -1, MaxBytes: -1, MaxFiles: -1}}, w.user.ID)
	do(err)
	eve, err := w.st.CreateUser(ctx, store.User{Name: "eve"})
	do(err)
	var rows []store.Folder
	for i, project := range []string{"", p.ID, ""} {
		n := store.NewFolder{Folder: store.Folder{OwnerID: w.user.ID, ProjectID: project, Title: fmt.Sprint("x", i), MaxBytes: store.Default, MaxFiles: store.Default}}
		if i == 2 {
			n.OwnerID = eve.ID
		}
		row, err := w.CreateFolder(ctx, n)
		do(err)
		rows = append(rows, row)
		if _, err := w.Usage(ctx, row); err != nil { // opens it
			t.Fatal(err)
		}
	}
	want := func(what string, maxBytes ...int64) {
		t.Helper()
		do(w.Reconcile(ctx))
		for i, row := range rows {
			u, err := w.Usage(ctx, row)
			do(err)
			if u.MaxBytes != maxBytes[i] {
				t.Errorf("%s: limit of folder %d is %d, want %d", what, i, u.MaxBytes, maxBytes[i])
			}
		}
	}
	do(w.st.SetUserLimits(ctx, w.user.ID, store.Limits{MaxBytes: 11, MaxFiles: -1}))
	do(w.st.SetUserLimits(ctx, eve.ID, store.Limits{MaxBytes: 33, MaxFiles: -1}))
	_, err = w.st.ChangeProject(ctx, p.ID, store.ProjectChange{Limits: &store.Limits{MaxBytes: 22, MaxFiles: -1}})
	do(err)
	want("levels above", 11, 22, 33)
	do(w.st.SetFolderLimits(ctx, rows[1].ID, 44, -1))
	want("own", 11, 44, 33)
	do(w.st.SetFolderLimits(ctx, rows[1].ID, -1, -1))
	do(w.st.DeleteUser(ctx, eve.ID, w.user.ID, false)) // touches everything
	want("new owner", 11, 22, 11)
	do(w.st.SetUserLimits(ctx, w.user.ID, store.Limits{MaxBytes: 55, MaxFiles: -1}))
	want("limits of the new owner", 55, 22, 55)

	for _, row := range rows { // a row that nothing touched is not looked at: then it would be set right
		w.mu.Lock()
		w.folders[row.ID].ledger.limit(1, 1)
		w.mu.Unlock()
	}
	do(w.st.SetFolderLimits(ctx, rows[2].ID, 66, -1))
	want("one of three", 1, 1, 66)
}

// A PROPFIND of the root sums up folders without opening them.
func TestOwnedUsageOpensNothing(t *testing.T) {
	w := newWorld(t, Options{})
	var mounts []store.Mount
	for i := range 5 {
		row, err := w.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: w.user.ID, Title: fmt.Sprint("x", i), MaxBytes: 100, MaxFiles: 0}})
		if err != nil {
			t.Fatal(err)
		}
		row.Usage = store.Usage{Bytes: 10}
		mounts = append(mounts, store.Mount{Folder: row})
	}
	w.mu.Lock()
	before := len(w.folders)
	w.mu.Unlock()
	used, available, err := w.ownedUsage(t.Context(), store.Principal{UserID: w.user.ID}, mounts)
	w.mu.Lock()
	defer w.mu.Unlock()
	if used != 50 || available != 450 || err != nil || len(w.folders) != before {
		t.Errorf("used %d, available %d, %v; %d folders opened", used, available, err, len(w.folders)-before)
	}
}
