package storetest

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

func testSettings(t *testing.T, s *store.Store) {
	ctx := t.Context()
	_, err := s.Setting(ctx, "color")
	wantErr(t, "unknown setting", err, fs.ErrNotExist)
	for _, want := range []string{"red", "", "blue"} {
		ok(t, s.SetSetting(ctx, "color", want))
		equal(t, "setting", must(s.Setting(ctx, "color"))(t), want)
	}
	equal(t, "kept", must(s.KeepSetting(ctx, "color", "green"))(t), "blue")
	equal(t, "new", must(s.KeepSetting(ctx, "size", "small"))(t), "small")
	equal(t, "setting", must(s.Setting(ctx, "color"))(t)+must(s.Setting(ctx, "size"))(t), "bluesmall")
}

func testUsers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	before := time.Now().Add(-time.Second)
	bob, err := s.CreateUser(ctx, store.User{Name: "bob", Email: "bob@example.org", Admin: true, PasswordHash: "$argon2id$",
		Limits: store.Limits{MaxFolders: 3, MaxBytes: store.Default, MaxFiles: 0}})
	ok(t, err)
	ann := newUser(t, s, "ann")

	equal(t, "created", bob, store.User{ID: bob.ID, Name: "bob", Email: "bob@example.org", Admin: true, PasswordHash: "$argon2id$",
		Limits: store.Limits{MaxFolders: 3, MaxBytes: store.Default, MaxFiles: 0}, Created: bob.Created})
	if len(bob.ID) != 32 || bob.Created.Before(before) {
		t.Errorf("ID %q, created %v", bob.ID, bob.Created)
	}
	equal(t, "by ID", must(s.User(ctx, bob.ID))(t), bob)
	equal(t, "by name", must(s.UserByName(ctx, "bob"))(t), bob)
	equal(t, "all", must(s.Users(ctx))(t), []store.User{ann, bob})

	_, err = s.CreateUser(ctx, store.User{Name: "ann"})
	wantErr(t, "second ann", err, fs.ErrExist)
	_, err = s.User(ctx, "nobody")
	wantErr(t, "unknown ID", err, fs.ErrNotExist)
	_, err = s.UserByName(ctx, "nobody")
	wantErr(t, "unknown name", err, fs.ErrNotExist)
	_, err = s.CreateUser(ctx, store.User{Name: "carl", Limits: store.Limits{MaxBytes: -2}})
	wantErr(t, "limit -2", err, fs.ErrInvalid)
}

func testUserNames(t *testing.T, s *store.Store) {
	for _, test := range []struct {
		name, input, want string // want "": refused
	}{
		{"plain", "ann", "ann"},
		{"blank and at", "Ann O'Neil@example.org", "Ann O'Neil@example.org"},
		{"decomposed", "Jose\u0301", "Jos\u00e9"},
		{"64 characters", strings.Repeat("\u00e9", 64), strings.Repeat("\u00e9", 64)},
		{"64 characters once composed", strings.Repeat("u\u0308", 64), strings.Repeat("\u00fc", 64)},
		{"65 characters", strings.Repeat("x", 65), ""},
		{"empty", "", ""},
		{"dot", ".", ""},
		{"dots", "..", ""},
		{"three dots", "...", "..."},
		{"colon", "a:b", ""},
		{"slash", "a/b", ""},
		{"newline", "a\nb", ""},
		{"delete", "a\x7fb", ""},
		{"C1 control", "a\u0085b", ""},
		{"not UTF-8", "a\xffb", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := s.CreateUser(t.Context(), store.User{Name: test.input})
			if test.want == "" {
				wantErr(t, "create", err, fs.ErrInvalid)
				return
			}
			ok(t, err)
			equal(t, "name", u.Name, test.want)
			equal(t, "found by the name as it was typed", must(s.UserByName(t.Context(), test.input))(t).ID, u.ID)
		})
	}
}

func testChangeUser(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	ok(t, s.SetPasswordHash(ctx, ann.ID, "new"))
	ok(t, s.SetUserLimits(ctx, ann.ID, store.Limits{MaxFolders: 1, MaxBytes: 2, MaxFiles: 0}))
	ann.PasswordHash, ann.Limits = "new", store.Limits{MaxFolders: 1, MaxBytes: 2, MaxFiles: 0}
	equal(t, "user", must(s.User(ctx, ann.ID))(t), ann)

	wantErr(t, "password of nobody", s.SetPasswordHash(ctx, "nobody", "x"), fs.ErrNotExist)
	wantErr(t, "limits of nobody", s.SetUserLimits(ctx, "nobody", inherit), fs.ErrNotExist)
	wantErr(t, "limit -2", s.SetUserLimits(ctx, ann.ID, store.Limits{MaxFiles: -2}), fs.ErrInvalid)
}

func testDeleteUser(t *testing.T, s *store.Store) {
	ctx := t.Context()
	root := must(s.CreateUser(ctx, store.User{Name: "root", Admin: true}))(t)
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	kept, trashed := newFolder(t, s, ann, "kept"), newFolder(t, s, ann, "trashed")
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	ok(t, s.DeleteFolder(ctx, trashed.ID, later))
	ok(t, s.SetGrant(ctx, kept.ID, bob.ID, store.RightsRO))
	ok(t, s.SetGrant(ctx, kept.ID, eve.ID, store.RightsRW))
	must(s.CreateKey(ctx, store.Key{AccessKey: "AKIA1", UserID: ann.ID, Sealed: []byte("x")}))(t)
	must(s.CreateToken(ctx, store.Token{ID: "tok1", UserID: ann.ID, Hash: []byte("x")}))(t)
	ok(t, s.SaveLock(ctx, store.Lock{Token: "l1", FolderID: kept.ID, UserID: ann.ID}))

	for _, test := range []struct {
		name, user, transferTo string
		deleteFolders          bool
		want                   error
	}{
		{"unknown", "nobody", "", false, fs.ErrNotExist},
		{"owner, with no word about the folders", ann.ID, "", false, fs.ErrInvalid},
		{"both ways", ann.ID, bob.ID, true, fs.ErrInvalid},
		{"to nobody", ann.ID, "nobody", false, fs.ErrNotExist},
		{"to the same", ann.ID, ann.ID, false, fs.ErrInvalid},
		{"last administrator", root.ID, "", false, fs.ErrPermission},
		{"last administrator, with folders deleted", root.ID, "", true, fs.ErrPermission},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantErr(t, "delete", s.DeleteUser(ctx, test.user, test.transferTo, test.deleteFolders), test.want)
			equal(t, "users", len(must(s.Users(ctx))(t)), 4)
			equal(t, "grants left", len(must(s.FoldersOf(ctx, bob.ID))(t)), 1)
		})
	}

	t.Run("transfer", func(t *testing.T) {
		ok(t, s.DeleteUser(ctx, ann.ID, bob.ID, false))
		_, err := s.User(ctx, ann.ID)
		wantErr(t, "user", err, fs.ErrNotExist)
		_, err = s.Key(ctx, "AKIA1")
		wantErr(t, "key", err, fs.ErrNotExist)
		_, err = s.Token(ctx, "tok1")
		wantErr(t, "token", err, fs.ErrNotExist)
		equal(t, "locks", must(s.Locks(ctx, kept.ID))(t), []store.Lock(nil))

		mounts := must(s.FoldersOf(ctx, bob.ID))(t)
		if len(mounts) != 1 || mounts[0].Granted != 0 || mounts[0].Folder.OwnerName != "bob" {
			t.Errorf("folders of bob: %+v", mounts)
		}
		equal(t, "eve's grant", must(s.FoldersOf(ctx, eve.ID))(t)[0].Granted, store.RightsRW)
		equal(t, "owner of the deleted folder", must(s.Folder(ctx, trashed.ID))(t).OwnerID, bob.ID)
	})

	t.Run("delete folders", func(t *testing.T) {
		ok(t, s.DeleteUser(ctx, bob.ID, "", true))
		equal(t, "living folders", must(s.Folders(ctx))(t), []store.Folder(nil))
		equal(t, "eve's grant", must(s.FoldersOf(ctx, eve.ID))(t), []store.Mount(nil))
		for _, id := range []string{kept.ID, trashed.ID} {
			f := must(s.Folder(ctx, id))(t)
			if f.OwnerID != "" || f.OwnerName != "" || f.Deleted.IsZero() || f.Purge.After(time.Now()) {
				t.Errorf("folder of a deleted user: %+v", f)
			}
			equal(t, "limits without an owner", f.Limits, inherit)
		}
		ok(t, s.PurgeFolder(ctx, kept.ID))
	})

	t.Run("only deleted folders", func(t *testing.T) {
		f := newFolder(t, s, eve, "old")
		ok(t, s.DeleteFolder(ctx, f.ID, later))
		ok(t, s.DeleteUser(ctx, eve.ID, "", false))
		equal(t, "purge stays", must(s.Folder(ctx, f.ID))(t).Purge, later)
	})

	t.Run("administrator, not the last", func(t *testing.T) {
		must(s.CreateUser(ctx, store.User{Name: "second", Admin: true}))(t)
		ok(t, s.DeleteUser(ctx, root.ID, "", false))
	})
}

func testKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	b := must(s.CreateKey(ctx, store.Key{AccessKey: "AKIAB", UserID: bob.ID, Sealed: []byte{0, 1, 0xff}}))(t)
	a1 := must(s.CreateKey(ctx, store.Key{AccessKey: "AKIAA1", UserID: ann.ID, Sealed: []byte("s")}))(t)
	if b.UserName != "bob" || b.Created.IsZero() {
		t.Errorf("created %+v", b)
	}
	equal(t, "key", must(s.Key(ctx, "AKIAB"))(t), b)
	equal(t, "keys", must(s.Keys(ctx))(t), []store.Key{a1, b})

	_, err := s.CreateKey(ctx, store.Key{AccessKey: "AKIAB", UserID: ann.ID, Sealed: []byte("s")})
	wantErr(t, "same key", err, fs.ErrExist)
	_, err = s.CreateKey(ctx, store.Key{AccessKey: "AKIAC", UserID: "nobody", Sealed: []byte("s")})
	wantErr(t, "key of nobody", err, fs.ErrNotExist)
	_, err = s.CreateKey(ctx, store.Key{UserID: ann.ID, Sealed: []byte("s")})
	wantErr(t, "no access key", err, fs.ErrInvalid)
	_, err = s.Key(ctx, "AKIAX")
	wantErr(t, "unknown", err, fs.ErrNotExist)

	ok(t, s.TouchKeys(ctx, nil))
	ok(t, s.TouchKeys(ctx, map[string]time.Time{"AKIAB": at(5), "AKIAX": at(5)}))
	equal(t, "touched", must(s.Key(ctx, "AKIAB"))(t).LastUsed, at(5))
	ok(t, s.TouchKeys(ctx, map[string]time.Time{"AKIAB": at(4)}))
	equal(t, "not turned back", must(s.Key(ctx, "AKIAB"))(t).LastUsed, at(5))

	equal(t, "its user was there", must(s.User(ctx, bob.ID))(t).LastUsed, at(5))
	ok(t, s.TouchUsers(ctx, map[string]time.Time{bob.ID: at(5).Add(time.Minute), "nobody": at(5)}))
	equal(t, "of the same minute", must(s.User(ctx, bob.ID))(t).LastUsed, at(5))
	ok(t, s.TouchUsers(ctx, map[string]time.Time{bob.ID: at(5).Add(time.Minute + time.Microsecond)}))
	equal(t, "later", must(s.User(ctx, bob.ID))(t).LastUsed, at(5).Add(time.Minute+time.Microsecond))
	ok(t, s.TouchKeys(ctx, map[string]time.Time{"AKIAB": at(6)}))
	equal(t, "not turned back by a key", must(s.User(ctx, bob.ID))(t).LastUsed, at(5).Add(time.Minute+time.Microsecond))

	ok(t, s.DeleteKey(ctx, "AKIAB"))
	wantErr(t, "delete again", s.DeleteKey(ctx, "AKIAB"), fs.ErrNotExist)
}

func testTokens(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	f, gone := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "gone")
	ok(t, s.DeleteFolder(ctx, gone.ID, time.Now().Add(time.Hour)))
	b := must(s.CreateToken(ctx, store.Token{ID: "b", UserID: bob.ID, Hash: []byte{0, 0xff}, Folders: []store.TokenFolder{{ID: f.ID, ReadOnly: true}}, ReadOnly: true, Expires: at(1)}))(t)
	a := must(s.CreateToken(ctx, store.Token{ID: "a", UserID: ann.ID, Hash: []byte("h")}))(t)
	equal(t, "token", must(s.Token(ctx, "b"))(t), b)
	equal(t, "user name", b.UserName, "bob")
	equal(t, "expires", b.Expires, at(1))
	equal(t, "tokens", must(s.Tokens(ctx))(t), []store.Token{a, b})

	for _, test := range []struct {
		name  string
		token store.Token
		want  error
	}{
		{"same ID", store.Token{ID: "a", UserID: ann.ID, Hash: []byte("h")}, fs.ErrExist},
		{"of nobody", store.Token{ID: "c", UserID: "nobody", Hash: []byte("h")}, fs.ErrNotExist},
		{"for no folder", store.Token{ID: "c", UserID: ann.ID, Hash: []byte("h"), Folders: []store.TokenFolder{{ID: "none"}}}, fs.ErrNotExist},
		{"for a deleted folder", store.Token{ID: "c", UserID: ann.ID, Hash: []byte("h"), Folders: []store.TokenFolder{{ID: gone.ID}}}, fs.ErrNotExist},
		{"without hash", store.Token{ID: "c", UserID: ann.ID}, fs.ErrInvalid},
		{"without ID", store.Token{UserID: ann.ID, Hash: []byte("h")}, fs.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.CreateToken(ctx, test.token)
			wantErr(t, "create", err, test.want)
		})
	}

	ok(t, s.TouchTokens(ctx, map[string]store.Used{"a": {At: at(7), Address: "192.0.2.1", Agent: "curl"}, "none": {At: at(7)}}))
	equal(t, "touched", must(s.Token(ctx, "a"))(t).LastUsed, at(7))
	equal(t, "its user was there", must(s.User(ctx, ann.ID))(t).LastUsed, at(7))
	ok(t, s.DeleteToken(ctx, "a"))
	wantErr(t, "delete again", s.DeleteToken(ctx, "a"), fs.ErrNotExist)
	_, err := s.Token(ctx, "a")
	wantErr(t, "deleted", err, fs.ErrNotExist)

	// All that one user signs in with, and nothing of others.
	for _, k := range []store.Token{{ID: "s", Kind: store.TokenSession}, {ID: "m", Kind: store.TokenMount}, {ID: "p"}} {
		k.UserID, k.Hash = ann.ID, []byte("h")
		must(s.CreateToken(ctx, k))(t)
	}
	for id, u := range map[string]store.User{"AKIAANN": ann, "AKIABOB": bob} {
		must(s.CreateKey(ctx, store.Key{AccessKey: id, UserID: u.ID, Sealed: []byte("s")}))(t)
	}
	ok(t, s.Revoke(ctx, ann.ID))
	equal(t, "tokens of ann", len(must(s.TokensOf(ctx, ann.ID))(t)), 0)
	equal(t, "keys of ann", len(must(s.KeysOf(ctx, ann.ID))(t)), 0)
	equal(t, "tokens of bob", len(must(s.TokensOf(ctx, bob.ID))(t)), 1)
	equal(t, "keys of bob", len(must(s.KeysOf(ctx, bob.ID))(t)), 1)
	wantErr(t, "of nobody", s.Revoke(ctx, "nobody"), fs.ErrNotExist)
}

func testUserTotals(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, carl := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "Carl")
	one, two, gone := newFolder(t, s, ann, "one"), newFolder(t, s, ann, "two"), newFolder(t, s, ann, "gone")
	p := newProject(t, s, "lab", ann)
	shared := must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, ProjectID: p.ID, Title: "of all"}}))(t)
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleUser))
	var used []store.FolderUsage
	for i, f := range []store.Folder{one, two, gone, shared} {
		used = append(used, store.FolderUsage{ID: f.ID, Usage: store.Usage{Bytes: 1 << i, Files: 1}})
	}
	ok(t, s.SaveUsage(ctx, used))
	ok(t, s.DeleteFolder(ctx, gone.ID, time.Now().Add(time.Hour)))
	of := store.FolderTotals{Folders: 2, Usage: store.Usage{Bytes: 3, Files: 2}}
	equal(t, "all", must(s.SearchTotals(ctx, store.UserFilter{}, "", 10))(t), map[string]store.FolderTotals{ann.ID: of})
	equal(t, "behind", must(s.SearchTotals(ctx, store.UserFilter{}, "ann", 10))(t), map[string]store.FolderTotals{})
	equal(t, "others", must(s.SearchTotals(ctx, store.UserFilter{Query: "CARL"}, "", 10))(t), map[string]store.FolderTotals{})
	equal(t, "of products", must(s.TotalsByProduct(ctx))(t), map[string]store.FolderTotals{"": {Folders: 3, Usage: store.Usage{Bytes: 11, Files: 3}}})

	yes := true
	must(s.ChangeUser(ctx, carl.ID, store.UserChange{Admin: &yes}))(t)
	name := func(u store.User) string { return u.Name }
	equal(t, "administrators", pluck(must(s.SearchUsers(ctx, store.UserFilter{Admin: true}, "", 10))(t), name), []string{"Carl"})
	equal(t, "found", pluck(must(s.SearchUsers(ctx, store.UserFilter{Query: "A"}, "", 10))(t), name), []string{"Carl", "ann"})

	in := store.ProjectTotals{Members: 2, FolderTotals: store.FolderTotals{Folders: 1, Usage: store.Usage{Bytes: 8, Files: 1}}}
	equal(t, "project", must(s.ProjectTotals(ctx, []string{p.ID}))(t), map[string]store.ProjectTotals{p.ID: in})
	other := newProject(t, s, "mab", bob)
	between := newProject(t, s, "lac", bob)
	equal(t, "both", must(s.ProjectTotals(ctx, []string{other.ID, p.ID, "gone"}))(t), map[string]store.ProjectTotals{p.ID: in, other.ID: {Members: 1}})
	many := append(slices.Repeat([]string{"gone"}, 120), between.ID) // more than one statement takes
	equal(t, "many", must(s.ProjectTotals(ctx, many))(t), map[string]store.ProjectTotals{between.ID: {Members: 1}})
	equal(t, "no project", must(s.ProjectTotals(ctx, nil))(t), map[string]store.ProjectTotals{})
	titled := func(m store.Membership) string { return m.Title + string(m.Role) }
	equal(t, "of ann", pluck(must(s.SearchProjects(ctx, ann.ID, "AB", false, store.Range{}))(t), titled), []string{"labPI"})
	equal(t, "of all", pluck(must(s.SearchProjects(ctx, ann.ID, "AB", true, store.Range{}))(t), titled), []string{"labPI", "mab"})
	equal(t, "second", pluck(must(s.SearchProjects(ctx, ann.ID, "AB", true, store.Range{Skip: 1, Limit: 1}))(t), titled), []string{"mab"})
	equal(t, "none", len(must(s.SearchProjects(ctx, ann.ID, "%", true, store.Range{}))(t)), 0)
}
