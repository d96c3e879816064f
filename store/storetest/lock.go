package storetest

import (
	"context"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"davit/store"
)

func testLocks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	b := store.Lock{Token: "urn:uuid:b", FolderID: f.ID, Path: "b/c", Infinite: true, OwnerXML: "<D:href>x</D:href>",
		UserID: ann.ID, UserName: "ann", Timeout: 90 * time.Second, Expires: at(90), Created: at(0)}
	a := store.Lock{Token: "urn:uuid:a", FolderID: f.ID, Path: "", Shared: true, UserID: "not a user", Expires: at(1), Created: at(1)}
	for _, l := range []store.Lock{b, a, {Token: "urn:uuid:o", FolderID: other.ID}} {
		ok(t, s.SaveLock(ctx, l))
	}
	equal(t, "locks", must(s.Locks(ctx, f.ID))(t), []store.Lock{a, b})

	b.Expires, b.Timeout = at(200), 200*time.Second
	ok(t, s.RefreshLock(ctx, b.Token, b.Timeout, b.Expires))
	equal(t, "after a refresh", must(s.Locks(ctx, f.ID))(t), []store.Lock{a, b})
	wantErr(t, "folder that is gone", s.SaveLock(ctx, store.Lock{Token: "x", FolderID: "none"}), fs.ErrNotExist)

	ok(t, s.DeleteLocks(ctx))
	ok(t, s.DeleteLocks(ctx, "urn:uuid:a", "unknown"))
	wantErr(t, "refresh of one that is gone", s.RefreshLock(ctx, a.Token, time.Hour, at(300)), fs.ErrNotExist)
	equal(t, "after DeleteLocks", must(s.Locks(ctx, f.ID))(t), []store.Lock{b})
	equal(t, "in another folder", len(must(s.Locks(ctx, other.ID))(t)), 1)
}

// Writes that share a transaction succeed and fail each for itself.
func testParallelLocks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	f := newFolder(t, s, newUser(t, s, "ann"), "docs")
	const n = 200
	errs := inParallel(n, func(i int) error {
		l := store.Lock{Token: fmt.Sprint("l", i), FolderID: f.ID, Path: fmt.Sprint(i)}
		if i%4 == 0 {
			l.FolderID = "none"
		}
		err := s.SaveLock(ctx, l)
		if i%4 == 1 {
			return s.DeleteLocks(ctx, l.Token)
		}
		return err
	})
	wantTally(t, "locks", errs, fs.ErrNotExist, n*3/4)
	equal(t, "locks", len(must(s.Locks(ctx, f.ID))(t)), n/2)
}

func testEndedContext(t *testing.T, s *store.Store) {
	f := newFolder(t, s, newUser(t, s, "ann"), "docs")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "write", s.SaveLock(ctx, store.Lock{Token: "l", FolderID: f.ID}), context.Canceled)
	_, err := s.Folders(ctx)
	wantErr(t, "read", err, context.Canceled)
	equal(t, "locks", must(s.Locks(t.Context(), f.ID))(t), []store.Lock(nil))
}
