package storetest

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"davit/store"
)

// file is the identity of the test file number n.
func file(n uint64) store.Identity { return store.Identity{Ino: n, Birth: int64(n) * 1e9} }

func prop(name string) store.Prop {
	return store.Prop{Space: "urn:x", Name: name, XML: fmt.Sprintf("<x:%s xmlns:x='urn:x'/>", name)}
}

func testProps(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	ok(t, s.SetProps(ctx, other.ID, "a", file(9), []store.Prop{prop("other")}, nil))
	big := store.Identity{Ino: math.MaxUint64, Birth: -1}

	for _, step := range []struct {
		name   string
		path   string
		id     store.Identity
		set    []store.Prop
		remove []store.PropName
		want   map[string][]store.Prop
		ids    map[string]store.Identity
	}{
		{"set", "a", file(1), []store.Prop{prop("two"), prop("one")}, nil,
			map[string][]store.Prop{"a": {prop("one"), prop("two")}}, map[string]store.Identity{"a": file(1)}},
		{"replace", "a", file(1), []store.Prop{{Space: "urn:x", Name: "one", XML: "new"}}, nil,
			map[string][]store.Prop{"a": {{Space: "urn:x", Name: "one", XML: "new"}, prop("two")}}, map[string]store.Identity{"a": file(1)}},
		{"remove, and one that is not there", "a", file(1), nil, []store.PropName{{Space: "urn:x", Name: "one"}, {Name: "none"}},
			map[string][]store.Prop{"a": {prop("two")}}, map[string]store.Identity{"a": file(1)}},
		{"same name in no namespace", "a", file(1), []store.Prop{{Name: "two", XML: "<two/>"}}, nil,
			map[string][]store.Prop{"a": {{Name: "two", XML: "<two/>"}, prop("two")}}, map[string]store.Identity{"a": file(1)}},
		{"another file has the name now", "a", big, []store.Prop{prop("three")}, nil,
			map[string][]store.Prop{"a": {prop("three")}}, map[string]store.Identity{"a": big}},
		{"the root", "", file(3), []store.Prop{prop("root")}, nil,
			map[string][]store.Prop{"a": {prop("three")}, "": {prop("root")}}, map[string]store.Identity{"a": big, "": file(3)}},
		{"a path that is not UTF-8", "\xff\xfe/x", file(4), []store.Prop{prop("odd")}, nil,
			map[string][]store.Prop{"a": {prop("three")}, "": {prop("root")}, "\xff\xfe/x": {prop("odd")}},
			map[string]store.Identity{"a": big, "": file(3), "\xff\xfe/x": file(4)}},
	} {
		t.Run(step.name, func(t *testing.T) {
			ok(t, s.SetProps(ctx, f.ID, step.path, step.id, step.set, step.remove))
			equal(t, "properties", must(s.Props(ctx, f.ID, []string{"", "a", "none", "\xff\xfe/x"}))(t), step.want)
			equal(t, "paths", must(s.PropPaths(ctx, f.ID))(t), step.ids)
		})
	}
	equal(t, "of the path asked for alone", must(s.Props(ctx, f.ID, []string{""}))(t), map[string][]store.Prop{"": {prop("root")}})
	equal(t, "of no path", must(s.Props(ctx, f.ID, nil))(t), map[string][]store.Prop{})
	equal(t, "by name", must(s.PropValues(ctx, f.ID, store.PropName{Space: prop("root").Space, Name: prop("root").Name}))(t),
		map[string]string{"": prop("root").XML})
	equal(t, "by a name that nothing has", must(s.PropValues(ctx, f.ID, store.PropName{Name: "none"}))(t), map[string]string{})
	equal(t, "in another folder", must(s.PropPaths(ctx, other.ID))(t), map[string]store.Identity{"a": file(9)})
	wantErr(t, "folder that is gone", s.SetProps(ctx, "none", "a", file(1), []store.Prop{prop("p")}, nil), fs.ErrNotExist)
}

func testManyProps(t *testing.T, s *store.Store) {
	ctx := t.Context()
	f := newFolder(t, s, newUser(t, s, "ann"), "docs")
	var paths []string
	for i := range 3001 {
		paths = append(paths, fmt.Sprint("dir/", i))
	}
	for _, i := range []int{0, 999, 1000, 3000} {
		ok(t, s.SetProps(ctx, f.ID, paths[i], file(1), []store.Prop{prop("p")}, nil))
	}
	ok(t, s.SetProps(ctx, f.ID, "dir", file(2), []store.Prop{prop("p")}, nil))
	got := must(s.Props(ctx, f.ID, paths))(t)
	equal(t, "paths", slices.Sorted(maps.Keys(got)), []string{"dir/0", "dir/1000", "dir/3000", "dir/999"})
}

// tree puts a property named like its path, slashes turned into dots, at each path.
func tree(t *testing.T, s *store.Store, folderID string, paths ...string) {
	t.Helper()
	for i, p := range paths {
		ok(t, s.SetProps(t.Context(), folderID, p, file(uint64(i+1)), []store.Prop{prop("was." + strings.ReplaceAll(p, "/", "."))}, nil))
	}
}

// origins says at which path there are the properties of which path of tree, as
// "path<origin", sorted.
func origins(t *testing.T, s *store.Store, folderID string) []string {
	t.Helper()
	paths := slices.Collect(maps.Keys(must(s.PropPaths(t.Context(), folderID))(t)))
	got := []string{}
	for path, props := range must(s.Props(t.Context(), folderID, paths))(t) {
		for _, p := range props {
			was := strings.TrimPrefix(p.Name, "was.")
			if was == strings.ReplaceAll(path, "/", ".") {
				got = append(got, path)
			} else {
				got = append(got, path+"<"+was)
			}
		}
	}
	slices.Sort(got)
	return got
}

// siblings are paths around "p" that sort close to it, below it, and elsewhere.
var siblings = []string{"p", "p/a", "p/a/b", "p/\xff\xff", "p/é", "p ", "p-", "p.x", "p0", "p0/a", "pp", "o", "q/p", "P"}

func testMoves(t *testing.T, s *store.Store) {
	around := []string{"P", "o", "p ", "p-", "p.x", "p0", "p0/a", "pp", "q/p"}
	for _, test := range []struct {
		name        string
		paths       []string
		moves       []store.Move // with folders left out: the same
		want, other []string
	}{
		{"to a new name", siblings, []store.Move{{From: "p", To: "dir/n"}},
			append([]string{"dir/n/a/b<p.a.b", "dir/n/a<p.a", "dir/n/é<p.é", "dir/n/\xff\xff<p.\xff\xff", "dir/n<p"}, around...), []string{"n"}},
		{"over another", append([]string{"n", "n/a", "n/z", "n0", "n.x"}, "p", "p/a"), []store.Move{{From: "p", To: "n"}},
			[]string{"n.x", "n/a<p.a", "n0", "n<p"}, []string{"n"}},
		{"a name that begins alike", []string{"p", "p/a", "pp"}, []store.Move{{From: "p", To: "p.old"}},
			[]string{"p.old/a<p.a", "p.old<p", "pp"}, []string{"n"}},
		{"a name that is not UTF-8", []string{"\xe9\xff", "\xe9\xff/\xbf"}, []store.Move{{From: "\xe9\xff", To: "n"}},
			[]string{"n/\xbf<\xe9\xff.\xbf", "n<\xe9\xff"}, []string{"n"}},
		{"to another folder", []string{"p", "p/a", "n"}, []store.Move{{From: "p", ToFolder: "other", To: "n"}},
			[]string{"n"}, []string{"n/a<p.a", "n<p"}},
		{"nothing there", []string{"n"}, []store.Move{{From: "p", To: "q"}}, []string{"n"}, []string{"n"}},
		{"onto itself", []string{"p", "p/a"}, []store.Move{{From: "p", To: "p"}}, []string{"p", "p/a"}, []string{"n"}},
		{"in order", []string{"a", "b"}, []store.Move{{From: "a", To: "t"}, {From: "b", To: "a"}, {From: "t", To: "b"}},
			[]string{"a<b", "b<a"}, []string{"n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ann := newUser(t, s, test.name)
			f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
			tree(t, s, f.ID, test.paths...)
			tree(t, s, other.ID, "n")
			for i := range test.moves {
				m := &test.moves[i]
				m.FromFolder = f.ID
				if m.ToFolder == "" {
					m.ToFolder = f.ID
				} else {
					m.ToFolder = other.ID
				}
			}
			ok(t, s.FinishIntent(t.Context(), "", store.RowChange{Moves: test.moves}))
			slices.Sort(test.want)
			equal(t, "rows", origins(t, s, f.ID), test.want)
			equal(t, "rows of the other folder", origins(t, s, other.ID), test.other)
		})
	}

	t.Run("identity and locks", func(t *testing.T) {
		ctx := t.Context()
		f := newFolder(t, s, newUser(t, s, "ann"), "docs")
		tree(t, s, f.ID, "p")
		for _, path := range []string{"p", "p/a", "p0", "n", ""} {
			ok(t, s.SaveLock(ctx, store.Lock{Token: "at " + path, FolderID: f.ID, Path: path}))
		}
		ok(t, s.FinishIntent(ctx, "", store.RowChange{Moves: []store.Move{{FromFolder: f.ID, From: "p", ToFolder: f.ID, To: "n"}}}))
		equal(t, "identity", must(s.PropPaths(ctx, f.ID))(t), map[string]store.Identity{"n": file(1)})
		equal(t, "locks", pluck(must(s.Locks(ctx, f.ID))(t), func(l store.Lock) string { return l.Path }), []string{"", "n", "p0"})
	})
}

func testMovesRefused(t *testing.T, s *store.Store) {
	ctx := t.Context()
	f := newFolder(t, s, newUser(t, s, "ann"), "docs")
	tree(t, s, f.ID, "p", "p/a", "q")
	intent := must(s.AddIntent(ctx, store.Intent{Kind: "move", FolderID: f.ID, Path: "p"}))(t)
	for _, test := range []struct {
		name string
		move store.Move
		want error
	}{
		{"the root", store.Move{FromFolder: f.ID, From: "", ToFolder: f.ID, To: "x"}, fs.ErrInvalid},
		{"onto the root", store.Move{FromFolder: f.ID, From: "p", ToFolder: f.ID, To: ""}, fs.ErrInvalid},
		{"into itself", store.Move{FromFolder: f.ID, From: "p", ToFolder: f.ID, To: "p/a/b"}, fs.ErrInvalid},
		{"onto its parent", store.Move{FromFolder: f.ID, From: "p/a", ToFolder: f.ID, To: "p"}, fs.ErrInvalid},
		{"to a folder that is gone", store.Move{FromFolder: f.ID, From: "p", ToFolder: "none", To: "p"}, fs.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.FinishIntent(ctx, intent.ID, store.RowChange{
				Removes: []store.Place{{FolderID: f.ID, Path: "q"}}, Moves: []store.Move{test.move}})
			wantErr(t, "finish", err, test.want)
			equal(t, "rows", origins(t, s, f.ID), []string{"p", "p/a", "q"})
			equal(t, "intents", must(s.Intents(ctx))(t), []store.Intent{intent})
		})
	}
}

func testRemoveRenew(t *testing.T, s *store.Store) {
	for _, test := range []struct {
		name, path  string
		props, lock []string
	}{
		{"file", "q/p", []string{"P", "o", "p", "p ", "p-", "p.x", "p/a", "p/a/b", "p/é", "p/\xff\xff", "p0", "p0/a", "pp"}, []string{"", "p", "p/a", "p0"}},
		{"directory", "p", []string{"P", "o", "p ", "p-", "p.x", "p0", "p0/a", "pp", "q/p"}, []string{"", "p0"}},
		{"root", "", []string{}, nil},
		{"nothing", "nothing", slices.Sorted(slices.Values(siblings)), []string{"", "p", "p/a", "p0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			ann := newUser(t, s, test.name)
			f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
			tree(t, s, f.ID, siblings...)
			tree(t, s, other.ID, "p")
			for _, path := range []string{"p", "p/a", "p0", ""} {
				ok(t, s.SaveLock(ctx, store.Lock{Token: test.name + " at " + path, FolderID: f.ID, Path: path}))
			}
			ok(t, s.FinishIntent(ctx, "", store.RowChange{Removes: []store.Place{{FolderID: f.ID, Path: test.path}}}))
			slices.Sort(test.props)
			equal(t, "rows", origins(t, s, f.ID), test.props)
			equal(t, "locks", pluck(must(s.Locks(ctx, f.ID))(t), func(l store.Lock) string { return l.Path }), test.lock)
			equal(t, "rows of the other folder", origins(t, s, other.ID), []string{"p"})
		})
	}

	t.Run("renew", func(t *testing.T) {
		ctx := t.Context()
		f := newFolder(t, s, newUser(t, s, "ann"), "docs")
		tree(t, s, f.ID, "p", "p/a")
		ok(t, s.SetProps(ctx, f.ID, "p", file(1), []store.Prop{prop("second")}, nil))
		ok(t, s.FinishIntent(ctx, "", store.RowChange{Renew: []store.Renewal{{FolderID: f.ID, Path: "p", Identity: file(7)}, {FolderID: f.ID, Path: "none"}}}))
		equal(t, "identities", must(s.PropPaths(ctx, f.ID))(t), map[string]store.Identity{"p": file(7), "p/a": file(2)})
		equal(t, "properties", len(must(s.Props(ctx, f.ID, []string{"p"}))(t)["p"]), 2)
	})

	t.Run("removes, then moves, then renewals", func(t *testing.T) {
		ctx := t.Context()
		f := newFolder(t, s, newUser(t, s, "bob"), "docs")
		tree(t, s, f.ID, "old", "new")
		ok(t, s.FinishIntent(ctx, "", store.RowChange{
			Renew:   []store.Renewal{{FolderID: f.ID, Path: "old", Identity: file(8)}},
			Moves:   []store.Move{{FromFolder: f.ID, From: "new", ToFolder: f.ID, To: "old"}},
			Removes: []store.Place{{FolderID: f.ID, Path: "old"}},
		}))
		equal(t, "rows", origins(t, s, f.ID), []string{"old<new"})
		equal(t, "identities", must(s.PropPaths(ctx, f.ID))(t), map[string]store.Identity{"old": file(8)})
	})
}

func testCopyProps(t *testing.T, s *store.Store) {
	for _, test := range []struct {
		name        string
		paths       []string
		src, dst    string
		toOther     bool
		deep        bool
		ids         []string
		want, other []string
	}{
		{"file", []string{"p", "p/a", "p0"}, "p", "n", false, false, []string{"n", "n/a"},
			[]string{"n<p", "p", "p/a", "p0"}, []string{"n"}},
		{"directory", []string{"p", "p/a", "p/b", "p.x", "p0"}, "p", "n", false, true, []string{"n", "n/a"},
			[]string{"n/a<p.a", "n<p", "p", "p.x", "p/a", "p/b", "p0"}, []string{"n"}},
		{"over another", []string{"p", "n", "n/z", "n0"}, "p", "n", false, true, []string{"n"},
			[]string{"n0", "n<p", "p"}, []string{"n"}},
		{"not deep over a directory", []string{"p", "n", "n/z", "n0"}, "p", "n", false, false, []string{"n"},
			[]string{"n0", "n<p", "p"}, []string{"n"}},
		{"source has none", []string{"n", "n/z"}, "p", "n", false, true, []string{"n"}, []string{}, []string{"n"}},
		{"to another folder", []string{"p", "p/a"}, "p", "n", true, true, []string{"n", "n/a"},
			[]string{"p", "p/a"}, []string{"n/a<p.a", "n<p"}},
		{"root into another folder", []string{"", "a", "a/b"}, "", "n", true, true, []string{"n", "n/a", "n/a/b"},
			[]string{"", "a", "a/b"}, []string{"n/a/b<a.b", "n/a<a", "n<"}},
		{"into the root", []string{"p", "p/a"}, "p", "", true, true, []string{"", "a"},
			[]string{"p", "p/a"}, []string{"<p", "a<p.a"}},
		{"onto its parent", []string{"p", "p/a", "p/a/b"}, "p/a", "p", false, true, []string{"p", "p/b"},
			[]string{"p/b<p.a.b", "p<p.a"}, []string{"n"}},
		{"into itself", []string{"p", "p/a"}, "p", "p/n", false, false, []string{"p/n"},
			[]string{"p", "p/a", "p/n<p"}, []string{"n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			ann := newUser(t, s, test.name)
			f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
			tree(t, s, f.ID, test.paths...)
			tree(t, s, other.ID, "n")
			dst := f.ID
			if test.toOther {
				dst = other.ID
			}
			ids := map[string]store.Identity{}
			for i, p := range test.ids {
				ids[p] = file(uint64(100 + i))
			}
			ok(t, s.CopyProps(ctx, f.ID, test.src, dst, test.dst, ids, test.deep))
			equal(t, "rows", origins(t, s, f.ID), test.want)
			equal(t, "rows of the other folder", origins(t, s, other.ID), test.other)
			for p, got := range must(s.PropPaths(ctx, dst))(t) {
				if want, copied := ids[p]; copied {
					equal(t, "identity of "+p, got, want)
				}
			}
		})
	}
	f := newFolder(t, s, newUser(t, s, "ann"), "docs")
	tree(t, s, f.ID, "p")
	wantErr(t, "to a folder that is gone", s.CopyProps(t.Context(), f.ID, "p", "none", "p",
		map[string]store.Identity{"p": file(1)}, false), fs.ErrNotExist)
}

func testIntents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	tree(t, s, f.ID, "a")
	move := must(s.AddIntent(ctx, store.Intent{Kind: "move", FolderID: f.ID, Path: "a", DstFolder: other.ID, DstPath: "b",
		Subject: store.Identity{Ino: math.MaxUint64, Birth: 5}, Displaced: file(6)}))(t)
	remove := must(s.AddIntent(ctx, store.Intent{Kind: "remove", FolderID: f.ID, Path: "c"}))(t)
	equal(t, "intents", must(s.Intents(ctx))(t), []store.Intent{move, remove})
	_, err := s.AddIntent(ctx, store.Intent{Kind: "remove", FolderID: "none"})
	wantErr(t, "folder that is gone", err, fs.ErrNotExist)

	ok(t, s.FinishIntent(ctx, move.ID, store.RowChange{Moves: []store.Move{{FromFolder: f.ID, From: "a", ToFolder: other.ID, To: "b"}}}))
	equal(t, "intents", must(s.Intents(ctx))(t), []store.Intent{remove})
	equal(t, "rows", origins(t, s, other.ID), []string{"b<a"})
	ok(t, s.FinishIntent(ctx, move.ID, store.RowChange{Removes: []store.Place{{FolderID: other.ID, Path: "b"}}}))
	equal(t, "rows changed again without the intent", origins(t, s, other.ID), []string{})
}
