package storetest

import (
	"io/fs"
	"testing"
	"time"

	"davit/store"
)

func testSessions(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	one, two := newFolder(t, s, ann, "one"), newFolder(t, s, ann, "two")
	add := func(k store.Token) store.Token {
		t.Helper()
		k.Hash = []byte("h")
		return must(s.CreateToken(ctx, k))(t)
	}
	narrow := add(store.Token{ID: "n", UserID: ann.ID, Kind: store.TokenMount, Title: "kernel 7", Description: "d",
		Labels: map[string]string{"a": "b"}, Scopes: store.Scopes{{Path: "webdav", Write: true}, {Path: "files"}}, Fixed: true,
		Folders: []store.TokenFolder{{ID: two.ID, ReadOnly: true}, {ID: one.ID}}, Created: at(3), Expires: at(9)})
	equal(t, "folders in order", narrow.Folders[0].ID < narrow.Folders[1].ID, true)
	equal(t, "token", must(s.Token(ctx, "n"))(t), narrow)
	for _, id := range []string{"s1", "s2", "s3"} {
		add(store.Token{ID: id, UserID: ann.ID, Kind: store.TokenSession, Created: at(1), Expires: at(20)})
	}
	bobs := add(store.Token{ID: "sb", UserID: bob.ID, Kind: store.TokenSession, Created: at(1), Expires: at(20)})
	equal(t, "of bob", must(s.TokensOf(ctx, bob.ID))(t), []store.Token{bobs})
	equal(t, "of ann", len(must(s.TokensOf(ctx, ann.ID))(t)), 4)
	equal(t, "with its folders", must(s.TokensOf(ctx, ann.ID))(t)[3], narrow)

	later := add(store.Token{ID: "m", UserID: bob.ID, Kind: store.TokenMount, Folders: []store.TokenFolder{{ID: one.ID}}, Created: at(4), Expires: at(8)})
	mounts := func(userID string, now int, newestFirst bool, part store.Range) []store.Token {
		t.Helper()
		return must(s.Mounts(ctx, userID, at(now), newestFirst, part))(t)
	}
	equal(t, "all mounts", mounts("", 5, false, store.Range{}), []store.Token{narrow, later})
	equal(t, "newest first", mounts("", 5, true, store.Range{}), []store.Token{later, narrow})
	equal(t, "a part", mounts("", 5, true, store.Range{Skip: 1, Limit: 1}), []store.Token{narrow})
	equal(t, "of one", mounts(bob.ID, 5, false, store.Range{}), []store.Token{later})
	equal(t, "not expired", mounts("", 8, false, store.Range{}), []store.Token{narrow})
	ok(t, s.DeleteToken(ctx, "m"))

	for name, k := range map[string]store.Token{
		"no folder at all": {Folders: []store.TokenFolder{}},
		"a folder twice":   {Folders: []store.TokenFolder{{ID: one.ID}, {ID: one.ID}}},
		"no scope":         {Scopes: store.Scopes{}},
		"unknown kind":     {Kind: "x"},
		"long title":       {Title: string(make([]byte, 5000))},
		"long labels":      {Labels: map[string]string{"a": string(make([]byte, 5000))}},
	} {
		k.ID, k.UserID, k.Hash = "x", ann.ID, []byte("h")
		_, err := s.CreateToken(ctx, k)
		wantErr(t, name, err, fs.ErrInvalid)
	}
	_, err := s.CreateToken(ctx, store.Token{ID: "x", UserID: ann.ID, Hash: []byte("h"), Fixed: true, ProjectID: "none"})
	wantErr(t, "in a project that is not there", err, fs.ErrNotExist)

	wantErr(t, "labels of a session", s.SetTokenLabels(ctx, ann.ID, map[string]map[string]string{"n": {}, "s1": {"x": "y"}}), fs.ErrNotExist)
	wantErr(t, "labels of another's", s.SetTokenLabels(ctx, bob.ID, map[string]map[string]string{"n": {}}), fs.ErrNotExist)
	equal(t, "labels", must(s.Token(ctx, "n"))(t).Labels, narrow.Labels)
	ok(t, s.SetTokenLabels(ctx, ann.ID, map[string]map[string]string{"n": {"c": "d"}}))
	equal(t, "new labels", must(s.Token(ctx, "n"))(t).Labels, map[string]string{"c": "d"})

	ok(t, s.TouchTokens(ctx, map[string]store.Used{"s1": {At: at(5), Address: "192.0.2.7", Agent: "curl/8"}}))
	touched := must(s.Token(ctx, "s1"))(t)
	equal(t, "last use", []string{touched.LastAddress, touched.LastAgent}, []string{"192.0.2.7", "curl/8"})
	equal(t, "nothing to sweep", must(s.SweepTokens(ctx, at(8), at(0)))(t), false)
	equal(t, "swept: s2 and s3, idle", must(s.SweepTokens(ctx, at(8), at(4)))(t), true)
	equal(t, "left", len(must(s.TokensOf(ctx, ann.ID))(t)), 2)
	_, err = s.Token(ctx, "sb")
	wantErr(t, "bob's too", err, fs.ErrNotExist)

	add(store.Token{ID: "s4", UserID: ann.ID, Kind: store.TokenSession, Created: at(6)})
	wantErr(t, "another hash", s.ChangePasswordHash(ctx, ann.ID, "old", "new", "s4"), store.ErrChanged)
	ok(t, s.ChangePasswordHash(ctx, ann.ID, "", "new", "s4"))
	_, err = s.Token(ctx, "s1")
	wantErr(t, "ended by the new password", err, fs.ErrNotExist)
	equal(t, "the one kept", must(s.EndSessions(ctx, ann.ID, ""))(t), 1)

	// A token that loses one folder keeps the other; with the last one it goes.
	ok(t, s.DeleteFolder(ctx, one.ID, time.Time{}))
	equal(t, "folders", must(s.Token(ctx, "n"))(t).Folders, []store.TokenFolder{{ID: two.ID, ReadOnly: true}})
	ok(t, s.DeleteFolder(ctx, two.ID, time.Time{}))
	_, err = s.Token(ctx, "n")
	wantErr(t, "without folders", err, fs.ErrNotExist)
}

func testSigningKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	key := func(id string, n int) store.SigningKey {
		return store.SigningKey{ID: id, Algorithm: "EdDSA", Sealed: []byte("x"), Created: at(n)}
	}
	ok(t, s.AddSigningKey(ctx, key("a", 1), "", at(0)))
	wantErr(t, "another was faster", s.AddSigningKey(ctx, key("b", 2), "", at(0)), store.ErrChanged)
	ok(t, s.AddSigningKey(ctx, key("b", 2), "a", at(0)))
	ok(t, s.AddSigningKey(ctx, key("c", 3), store.AnySigningKey, at(0)))
	all := must(s.SigningKeys(ctx))(t)
	equal(t, "keys", []string{all[0].ID, all[1].ID, all[2].ID}, []string{"c", "b", "a"})
	equal(t, "retired", []time.Time{all[0].Retired, all[1].Retired, all[2].Retired}, []time.Time{{}, at(3), at(2)})
	ok(t, s.AddSigningKey(ctx, key("d", 9), store.AnySigningKey, at(3)))
	equal(t, "the oldest is gone", len(must(s.SigningKeys(ctx))(t)), 3)
}
