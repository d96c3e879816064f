package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

func testFolders(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := must(s.CreateUser(ctx, store.User{Name: "ann", Limits: store.Limits{MaxFolders: 4, MaxBytes: 5, MaxFiles: 6}}))(t)
	f, err := s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{
		OwnerID: ann.ID, Title: "docs", Product: "fast", MaxBytes: 0, MaxFiles: 7}})
	ok(t, err)
	equal(t, "created", f, store.Folder{ID: f.ID, OwnerID: ann.ID, OwnerName: "ann", Title: "docs", Product: "fast",
		MaxFiles: 7, Limits: ann.Limits, UsageMode: "general", Created: f.Created})
	if len(f.ID) != 32 || f.Created.IsZero() {
		t.Errorf("ID %q, created %v", f.ID, f.Created)
	}
	equal(t, "folder", must(s.Folder(ctx, f.ID))(t), f)

	const id = "0123456789abcdef0123456789abcdef"
	g := must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{ID: id, OwnerID: ann.ID, Title: "docs", Made: true}}))(t)
	equal(t, "given ID", g.ID, id)
	equal(t, "given Made", g.Made, true)
	if g.ID > f.ID {
		f, g = g, f
	}
	equal(t, "folders", must(s.Folders(ctx))(t), []store.Folder{g, f})

	ok(t, s.SetFolderLimits(ctx, id, 10, store.Default))
	ok(t, s.MarkMade(ctx, id))
	g = must(s.Folder(ctx, id))(t)
	if g.MaxBytes != 10 || g.MaxFiles != store.Default || !g.Made {
		t.Errorf("changed folder: %+v", g)
	}
	wantErr(t, "limit -2", s.SetFolderLimits(ctx, id, -2, 0), fs.ErrInvalid)
	for name, err := range map[string]error{
		"SetFolderLimits":       s.SetFolderLimits(ctx, "none", 1, 1),
		"MarkMade":              s.MarkMade(ctx, "none"),
		"MarkDirty":             s.MarkDirty(ctx, "none"),
		"RequestRescan":         s.RequestRescan(ctx, "none"),
		"DeleteFolder":          s.DeleteFolder(ctx, "none", time.Time{}),
		"PurgeFolder":           s.PurgeFolder(ctx, "none"),
		"purge of a living one": s.PurgeFolder(ctx, id),
	} {
		wantErr(t, name, err, fs.ErrNotExist)
	}
	_, err = s.Folder(ctx, "none")
	wantErr(t, "Folder", err, fs.ErrNotExist)
}

func testFoldersRefused(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	docs := newFolder(t, s, ann, "docs")
	old := newFolder(t, s, ann, "old")
	ok(t, s.DeleteFolder(ctx, old.ID, time.Now().Add(time.Hour)))
	for _, test := range []struct {
		name   string
		folder store.NewFolder
		want   error // nil: accepted
	}{
		{"empty title", store.NewFolder{}, fs.ErrInvalid},
		{"blanks", store.NewFolder{Folder: store.Folder{Title: " \t\u00a0"}}, fs.ErrInvalid},
		{"16384 characters", store.NewFolder{Folder: store.Folder{Title: strings.Repeat("\u00e4", 16384)}}, nil},
		{"16385 characters", store.NewFolder{Folder: store.Folder{Title: strings.Repeat("x", 16385)}}, fs.ErrInvalid},
		{"control characters and slash", store.NewFolder{Folder: store.Folder{Title: " a\t\r\x1b[31m\u202e/b "}}, nil},
		{"new-line", store.NewFolder{Folder: store.Folder{Title: "a\nb"}}, fs.ErrInvalid},
		{"NUL", store.NewFolder{Folder: store.Folder{Title: "a\x00b"}}, fs.ErrInvalid},
		{"unknown project", store.NewFolder{Folder: store.Folder{Title: "x", ProjectID: "none"}}, fs.ErrNotExist},
		{"unknown usage", store.NewFolder{Folder: store.Folder{Title: "x", UsageMode: "other"}}, fs.ErrInvalid},
		{"unknown rights of members", store.NewFolder{Folder: store.Folder{Title: "x", MemberRights: 16}}, fs.ErrInvalid},
		{"label given twice", store.NewFolder{Folder: store.Folder{Title: "x", Labels: map[string]string{"a": "1", "A": "2"}}}, fs.ErrInvalid},
		{"not UTF-8", store.NewFolder{Folder: store.Folder{Title: "a\xff"}}, fs.ErrInvalid},
		{"like an ID", store.NewFolder{Folder: store.Folder{Title: strings.Repeat("0a", 16)}}, fs.ErrInvalid},
		{"like an ID with dashes", store.NewFolder{Folder: store.Folder{Title: "0190C5A0-7A3B-7F00-8000-0123456789AB"}}, fs.ErrInvalid},
		{"31 hex digits", store.NewFolder{Folder: store.Folder{Title: strings.Repeat("0", 31)}}, nil},
		{"32 letters", store.NewFolder{Folder: store.Folder{Title: strings.Repeat("g", 32)}}, nil},
		{"title again", store.NewFolder{Folder: store.Folder{Title: "docs"}}, nil},
		{"title again, unique", store.NewFolder{Folder: store.Folder{Title: "docs"}, UniqueTitle: true}, fs.ErrExist},
		{"other case, unique", store.NewFolder{Folder: store.Folder{Title: "Docs"}, UniqueTitle: true}, nil},
		{"title of another user, unique", store.NewFolder{Folder: store.Folder{Title: "docs", OwnerID: bob.ID}, UniqueTitle: true}, nil},
		{"title of a deleted folder, unique", store.NewFolder{Folder: store.Folder{Title: "old"}, UniqueTitle: true}, nil},
		{"unknown owner", store.NewFolder{Folder: store.Folder{Title: "x", OwnerID: "nobody"}}, fs.ErrNotExist},
		{"limit -2", store.NewFolder{Folder: store.Folder{Title: "x", MaxBytes: -2}}, fs.ErrInvalid},
		{"ID again", store.NewFolder{Folder: store.Folder{Title: "x", ID: docs.ID}}, fs.ErrExist},
		{"odd ID", store.NewFolder{Folder: store.Folder{Title: "x", ID: "../../etc"}}, fs.ErrInvalid},
		{"count reached", store.NewFolder{Folder: store.Folder{Title: "x"}, MaxFolders: 1}, store.ErrTooMany},
		{"count not reached: deleted ones are free", store.NewFolder{Folder: store.Folder{Title: "y", OwnerID: bob.ID}, MaxFolders: 2}, nil},
		{"count reached by it", store.NewFolder{Folder: store.Folder{Title: "z", OwnerID: bob.ID}, MaxFolders: 2}, store.ErrTooMany},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.folder.OwnerID == "" {
				test.folder.OwnerID = ann.ID
			}
			before := len(must(s.Folders(ctx))(t))
			_, err := s.CreateFolder(ctx, test.folder)
			if test.want == nil {
				ok(t, err)
				return
			}
			wantErr(t, "create", err, test.want)
			equal(t, "folders", len(must(s.Folders(ctx))(t)), before)
		})
	}
}

func testParallelCreates(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	errs := inParallel(16, func(int) error {
		_, err := s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, Title: "docs"}, UniqueTitle: true})
		return err
	})
	wantTally(t, "one title", errs, fs.ErrExist, 1)
	errs = inParallel(16, func(i int) error {
		_, err := s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: bob.ID, Title: fmt.Sprint("f", i)}, MaxFolders: 5})
		return err
	})
	wantTally(t, "up to a count", errs, store.ErrTooMany, 5)
	errs = inParallel(16, func(int) error {
		_, err := s.CreateUser(ctx, store.User{Name: "eve"})
		return err
	})
	wantTally(t, "one user name", errs, fs.ErrExist, 1)
	equal(t, "folders", len(must(s.Folders(ctx))(t)), 6)
}

func testFoldersOf(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	var own, others []store.Folder
	for i := range 3 { // in turns, so that the order of IDs is not the one wanted
		others = append(others, newFolder(t, s, bob, fmt.Sprint("bob", i)))
		own = append(own, newFolder(t, s, ann, fmt.Sprint("ann", i)))
	}
	ok(t, s.SetGrant(ctx, others[2].ID, ann.ID, store.RightsRW))
	ok(t, s.SetGrant(ctx, others[0].ID, ann.ID, store.RightsRO))
	ok(t, s.SetGrant(ctx, others[1].ID, eve.ID, store.RightsRO))
	ok(t, s.DeleteFolder(ctx, own[1].ID, time.Now().Add(time.Hour)))

	equal(t, "of ann", must(s.FoldersOf(ctx, ann.ID))(t), []store.Mount{
		{Folder: own[0]},
		{Folder: own[2]},
		{Folder: others[0], Granted: store.RightsRO},
		{Folder: others[2], Granted: store.RightsRW},
	})
	ok(t, s.DeleteFolder(ctx, others[1].ID, time.Now().Add(time.Hour)))
	equal(t, "of eve", must(s.FoldersOf(ctx, eve.ID))(t), []store.Mount(nil))
	equal(t, "of nobody", must(s.FoldersOf(ctx, "nobody"))(t), []store.Mount(nil))
}

func testPending(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	made := func(title string) store.Folder {
		f := newFolder(t, s, ann, title)
		ok(t, s.MarkMade(ctx, f.ID))
		return f
	}
	made("idle")
	newFolder(t, s, ann, "not made")
	ok(t, s.MarkDirty(ctx, made("dirty").ID))
	ok(t, s.RequestRescan(ctx, made("rescan").ID))
	ok(t, s.DeleteFolder(ctx, made("to purge").ID, time.Time{}))
	ok(t, s.DeleteFolder(ctx, made("kept").ID, time.Now().Add(time.Hour)))

	clean := made("made clean")
	ok(t, s.MarkDirty(ctx, clean.ID))
	ok(t, s.SaveUsage(ctx, []store.FolderUsage{{ID: clean.ID, Clean: true}}))
	scanned := made("scanned")
	ok(t, s.SaveUsage(ctx, []store.FolderUsage{{ID: scanned.ID, Scanned: time.Now().Add(-time.Hour)}}))
	ok(t, s.RequestRescan(ctx, scanned.ID))
	ok(t, s.SaveUsage(ctx, []store.FolderUsage{{ID: scanned.ID, Scanned: time.Now()}}))
	again := made("scanned by a clock ahead")
	ok(t, s.SaveUsage(ctx, []store.FolderUsage{{ID: again.ID, Scanned: time.Now().Add(time.Hour)}}))
	ok(t, s.RequestRescan(ctx, again.ID))

	equal(t, "pending", titles(must(s.PendingFolders(ctx))(t)),
		[]string{"not made", "dirty", "rescan", "to purge", "scanned by a clock ahead"})
}

func testUsage(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	ok(t, s.MarkDirty(ctx, f.ID))
	f.Dirty = true
	equal(t, "marked", must(s.Folder(ctx, f.ID))(t), f)

	for _, test := range []struct {
		name   string
		save   store.FolderUsage
		change func(*store.Folder)
	}{
		{"usage", store.FolderUsage{Usage: store.Usage{Bytes: 1 << 40, Files: 3}, LastUsed: at(9)}, func(f *store.Folder) {
			f.Usage, f.LastUsed = store.Usage{Bytes: 1 << 40, Files: 3}, at(9)
		}},
		{"last use is not turned back", store.FolderUsage{LastUsed: at(8)}, func(f *store.Folder) { f.Usage = store.Usage{} }},
		{"clean", store.FolderUsage{Clean: true}, func(f *store.Folder) { f.Dirty = false }},
		{"clean again", store.FolderUsage{Clean: true}, func(f *store.Folder) {}},
		{"not clean is not dirty", store.FolderUsage{}, func(f *store.Folder) {}},
		{"scanned", store.FolderUsage{Scanned: at(2)}, func(f *store.Folder) { f.Scanned = at(2) }},
		{"scanned stays", store.FolderUsage{}, func(f *store.Folder) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.save.ID = f.ID
			ok(t, s.SaveUsage(ctx, []store.FolderUsage{{ID: "gone"}, test.save}))
			test.change(&f)
			equal(t, "folder", must(s.Folder(ctx, f.ID))(t), f)
			equal(t, "other", must(s.Folder(ctx, other.ID))(t), other)
		})
	}
	ok(t, s.SaveUsage(ctx, nil))
}

func testDeleteFolder(t *testing.T, s *store.Store) {
	for _, test := range []struct {
		name  string
		purge time.Time
		final bool
	}{
		{"at once", time.Time{}, true},
		{"since a while", time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond), true},
		{"later", time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			ann, bob := newUser(t, s, "ann "+test.name), newUser(t, s, "bob "+test.name)
			token := "t" + test.name
			f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
			for i, id := range []string{f.ID, other.ID} {
				ok(t, s.SetGrant(ctx, id, bob.ID, store.RightsRO))
				ok(t, s.SaveLock(ctx, store.Lock{Token: fmt.Sprint(test.name, i), FolderID: id, UserID: bob.ID}))
				ok(t, s.SetProps(ctx, id, "a", store.Identity{Ino: 1}, []store.Prop{{Name: "p"}}, nil))
				must(s.CreateToken(ctx, store.Token{ID: fmt.Sprint(token, i), UserID: bob.ID, Hash: []byte("h"), Folders: []store.TokenFolder{{ID: id}}}))(t)
			}
			has := func(id string, i int) []bool {
				_, err := s.Token(ctx, fmt.Sprint(token, i))
				granted := slices.ContainsFunc(must(s.FoldersOf(ctx, bob.ID))(t), func(m store.Mount) bool { return m.Folder.ID == id })
				return []bool{granted, len(must(s.Locks(ctx, id))(t)) > 0, len(must(s.PropPaths(ctx, id))(t)) > 0, err == nil}
			}

			ok(t, s.DeleteFolder(ctx, f.ID, test.purge))
			wantErr(t, "delete again", s.DeleteFolder(ctx, f.ID, test.purge), fs.ErrNotExist)
			equal(t, "living", slices.Contains(titles(must(s.Folders(ctx))(t)), "docs"), false)
			equal(t, "grant, locks, properties, token", has(f.ID, 0), []bool{false, false, !test.final, !test.final})
			equal(t, "those of another folder", has(other.ID, 1), []bool{true, true, true, true})
			g := must(s.Folder(ctx, f.ID))(t)
			if g.Deleted.IsZero() || g.Purge.IsZero() || !test.final && !g.Purge.Equal(test.purge) {
				t.Errorf("deleted %v, purge %v", g.Deleted, g.Purge)
			}
			for name, err := range map[string]error{
				"SetFolderLimits": s.SetFolderLimits(ctx, f.ID, 1, 1),
				"MarkDirty":       s.MarkDirty(ctx, f.ID),
				"RequestRescan":   s.RequestRescan(ctx, f.ID),
				"SetGrant":        s.SetGrant(ctx, f.ID, bob.ID, store.RightsRO),
			} {
				wantErr(t, name, err, fs.ErrNotExist)
			}

			ok(t, s.PurgeFolder(ctx, f.ID))
			_, err := s.Folder(ctx, f.ID)
			wantErr(t, "purged", err, fs.ErrNotExist)
			equal(t, "rows of the purged", has(f.ID, 0), []bool{false, false, false, false})
			ok(t, s.DeleteFolder(ctx, other.ID, time.Time{}))
			ok(t, s.PurgeFolder(ctx, other.ID))
		})
	}
}

func testGrants(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	f := newFolder(t, s, ann, "docs")
	for _, r := range []store.Rights{store.RightsRO, store.RightsAll, store.RightsRW, 0, 0} {
		ok(t, s.SetGrant(ctx, f.ID, bob.ID, r))
		var want []store.Rights
		if r != 0 {
			want = []store.Rights{r}
		}
		equal(t, "rights", pluck(must(s.FoldersOf(ctx, bob.ID))(t), func(m store.Mount) store.Rights { return m.Granted }), want)
	}
	wantErr(t, "owner", s.SetGrant(ctx, f.ID, ann.ID, store.RightsRO), fs.ErrInvalid)
	wantErr(t, "unknown right", s.SetGrant(ctx, f.ID, bob.ID, 16), fs.ErrInvalid)
	wantErr(t, "unknown user", s.SetGrant(ctx, f.ID, "nobody", store.RightsRO), fs.ErrNotExist)
	wantErr(t, "unknown folder", s.SetGrant(ctx, "none", bob.ID, store.RightsRO), fs.ErrNotExist)
}

func testEffective(t *testing.T, s *store.Store) {
	ctx := t.Context()
	server := store.Defaults{MaxBytes: 100, MaxFiles: 10}
	for _, test := range []struct {
		name                string
		owner               store.Limits
		bytes, files        int64
		wantBytes, wantFile int64
	}{
		{"server's", inherit, store.Default, store.Default, 100, 10},
		{"owner's", store.Limits{MaxBytes: 50, MaxFiles: 200}, store.Default, store.Default, 50, 200},
		{"owner has none", store.Limits{MaxBytes: 0, MaxFiles: store.Default}, store.Default, store.Default, 0, 10},
		{"folder's", store.Limits{MaxBytes: 50, MaxFiles: 5}, 1000, 0, 1000, 0},
		{"one of each", store.Limits{MaxBytes: store.Default, MaxFiles: 5}, 7, store.Default, 7, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := must(s.CreateUser(ctx, store.User{Name: test.name, Limits: test.owner}))(t)
			f := must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{
				OwnerID: u.ID, Title: "f", MaxBytes: test.bytes, MaxFiles: test.files}}))(t)
			b, n := f.Effective(server)
			equal(t, "limits", []int64{b, n}, []int64{test.wantBytes, test.wantFile})
		})
	}
	b, n := store.Folder{MaxBytes: store.Default, MaxFiles: store.Default, Limits: inherit}.Effective(inherit)
	equal(t, "no word anywhere", []int64{b, n}, []int64{0, 0})
}

func testEpoch(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	f := newFolder(t, s, ann, "docs")
	lock := store.Lock{Token: "l", FolderID: f.ID}
	for _, test := range []struct {
		name  string
		rises bool
		do    func() error
	}{
		{"CreateUser", true, func() error { _, err := s.CreateUser(ctx, store.User{Name: "eve"}); return err }},
		{"SetPasswordHash", true, func() error { return s.SetPasswordHash(ctx, ann.ID, "x") }},
		{"SetUserLimits", true, func() error { return s.SetUserLimits(ctx, ann.ID, inherit) }},
		{"CreateKey", true, func() error {
			_, err := s.CreateKey(ctx, store.Key{AccessKey: "k", UserID: ann.ID, Sealed: []byte("s")})
			return err
		}},
		{"TouchKeys", false, func() error { return s.TouchKeys(ctx, map[string]time.Time{"k": at(1)}) }},
		{"DeleteKey", true, func() error { return s.DeleteKey(ctx, "k") }},
		{"CreateToken", true, func() error {
			_, err := s.CreateToken(ctx, store.Token{ID: "t", UserID: ann.ID, Hash: []byte("h")})
			return err
		}},
		{"TouchTokens", false, func() error { return s.TouchTokens(ctx, map[string]store.Used{"t": {At: at(1)}}) }},
		{"TouchUsers", false, func() error { return s.TouchUsers(ctx, map[string]time.Time{ann.ID: at(1)}) }},
		{"Revoke", true, func() error { return s.Revoke(ctx, bob.ID) }},
		{"DeleteToken", true, func() error { return s.DeleteToken(ctx, "t") }},
		{"CreateFolder", true, func() error {
			_, err := s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, Title: "x"}})
			return err
		}},
		{"MarkMade", true, func() error { return s.MarkMade(ctx, f.ID) }},
		{"SetFolderLimits", true, func() error { return s.SetFolderLimits(ctx, f.ID, 1, 1) }},
		{"RequestRescan", true, func() error { return s.RequestRescan(ctx, f.ID) }},
		{"SetGrant", true, func() error { return s.SetGrant(ctx, f.ID, bob.ID, store.RightsRO) }},
		{"MarkDirty", false, func() error { return s.MarkDirty(ctx, f.ID) }},
		{"SaveUsage", false, func() error { return s.SaveUsage(ctx, []store.FolderUsage{{ID: f.ID, Clean: true}}) }},
		{"SaveLock", false, func() error { return s.SaveLock(ctx, lock) }},
		{"DeleteLocks", false, func() error { return s.DeleteLocks(ctx, "l") }},
		{"SetProps", false, func() error { return s.SetProps(ctx, f.ID, "a", store.Identity{}, []store.Prop{{Name: "p"}}, nil) }},
		{"FinishIntent", false, func() error { return s.FinishIntent(ctx, "", store.RowChange{}) }},
		{"reads", false, func() error {
			_, err1 := s.Users(ctx)
			_, err2 := s.Folders(ctx)
			return errors.Join(err1, err2)
		}},
		{"DeleteFolder", true, func() error { return s.DeleteFolder(ctx, f.ID, time.Time{}) }},
		{"PurgeFolder", true, func() error { return s.PurgeFolder(ctx, f.ID) }},
		{"DeleteUser", true, func() error { return s.DeleteUser(ctx, bob.ID, "", false) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := s.Epoch()
			ok(t, test.do())
			equal(t, "risen", s.Epoch() > before, test.rises)
			if changed := must(s.Poll(ctx))(t); changed {
				t.Error("Poll took our own change for one by another process")
			}
		})
	}
}
