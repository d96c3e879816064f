package storetest

import (
	"io/fs"
	"testing"
	"time"

	"davit/store"
)

func testUploads(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	a := store.Upload{ID: "a", FolderID: f.ID, UserID: ann.ID, Path: "x/y", Length: 10, Base: 3, MTime: 7, IfMatch: `"e"`,
		Metadata: "path eC95", Solid: -1, Created: at(1), Expires: at(9)}
	b := store.Upload{ID: "b", FolderID: f.ID, UserID: bob.ID, Path: "z", Length: -1, Fresh: true, MTime: -1, IfNoneMatch: "*",
		Solid: 5, Created: at(0), Expires: at(8)}
	c := store.Upload{ID: "c", FolderID: other.ID, UserID: ann.ID, Path: "z", Created: at(2), Expires: at(8)}
	for _, u := range []store.Upload{a, b, c} {
		ok(t, s.AddUpload(ctx, u))
	}
	equal(t, "uploads", must(s.Uploads(ctx))(t), []store.Upload{b, a, c})
	wantErr(t, "the same ID", s.AddUpload(ctx, a), fs.ErrExist)
	wantErr(t, "no such folder", s.AddUpload(ctx, store.Upload{ID: "d", FolderID: "none", UserID: ann.ID}), fs.ErrNotExist)
	wantErr(t, "no such user", s.AddUpload(ctx, store.Upload{ID: "d", FolderID: f.ID, UserID: "none"}), fs.ErrNotExist)

	b.Length, b.Solid, b.Expires = 20, -1, at(30)
	ok(t, s.SaveUpload(ctx, b, true))
	a.Expires = at(31)
	ok(t, s.SaveUpload(ctx, a, false))
	equal(t, "saved", must(s.Uploads(ctx))(t), []store.Upload{b, a, c})
	wantErr(t, "saved, but gone", s.SaveUpload(ctx, store.Upload{ID: "none"}, true), fs.ErrNotExist)

	ok(t, s.DeleteUser(ctx, bob.ID, "", false))
	equal(t, "without bob", must(s.Uploads(ctx))(t), []store.Upload{a, c})
	ok(t, s.DeleteFolder(ctx, other.ID, time.Time{}))
	equal(t, "without the other folder", must(s.Uploads(ctx))(t), []store.Upload{a})
	wantErr(t, "deleted folder", s.AddUpload(ctx, c), fs.ErrNotExist)
	ok(t, s.DeleteUpload(ctx, "a"))
	ok(t, s.DeleteUpload(ctx, "a"))
	equal(t, "none", must(s.Uploads(ctx))(t), []store.Upload(nil))
}
