package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"davit/store"
)

func newProject(t testing.TB, s *store.Store, title string, pi store.User) store.Project {
	t.Helper()
	return must(s.CreateProject(t.Context(), store.Project{Title: title, Limits: inherit}, pi.ID))(t)
}

// newProjectFolder makes a folder of a project, by one of its members.
func newProjectFolder(t testing.TB, s *store.Store, p store.Project, maker store.User, title string, members store.Rights) store.Folder {
	t.Helper()
	return must(s.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: maker.ID, ProjectID: p.ID, Title: title, MaxBytes: store.Default, MaxFiles: store.Default, MemberRights: members}}))(t)
}

// members is the members of a project as "name ROLE".
func members(t testing.TB, s *store.Store, projectID string) []string {
	return pluck(must(s.Members(t.Context(), projectID, store.Range{}))(t), func(m store.Member) string { return m.UserName + " " + string(m.Role) })
}

// seen is the folders that a user has to do with, as "title granted role".
func seen(t testing.TB, s *store.Store, u store.User) []string {
	return pluck(must(s.FoldersOf(t.Context(), u.ID))(t), func(m store.Mount) string {
		return strings.TrimSpace(m.Folder.Title + " " + m.Granted.String() + " " + string(m.Role))
	})
}

func testProjects(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob := newUser(t, s, "ann"), newUser(t, s, "bob")
	limits := store.Limits{MaxFolders: 3, MaxBytes: 1000, MaxFiles: store.Default}
	p := must(s.CreateProject(ctx, store.Project{Title: "u\u0308ber", Limits: limits}, ann.ID))(t)
	equal(t, "created", p, store.Project{ID: p.ID, Title: "\u00fcber", Limits: limits, Created: p.Created})
	equal(t, "project", must(s.Project(ctx, p.ID))(t), p)
	equal(t, "by title", must(s.ProjectByTitle(ctx, "u\u0308ber"))(t), p)
	other := newProject(t, s, "a first one", bob)
	equal(t, "all", must(s.Projects(ctx, ann.ID, store.Range{}))(t), []store.Membership{{Project: other}, {Project: p, Role: store.RolePI}})
	equal(t, "second page", must(s.Projects(ctx, "", store.Range{Skip: 1, Limit: 5}))(t), []store.Membership{{Project: p}})
	equal(t, "first page", must(s.Projects(ctx, "", store.Range{Limit: 1}))(t), []store.Membership{{Project: other}})
	equal(t, "of ann", must(s.ProjectsOf(ctx, ann.ID, store.Range{}))(t), []store.Membership{{Project: p, Role: store.RolePI}})

	for _, test := range []struct {
		name, title string
		limits      store.Limits
		pi          string
		want        error
	}{
		{"title taken", "\u00fcber", inherit, ann.ID, fs.ErrExist},
		{"blank", " ", inherit, ann.ID, fs.ErrInvalid},
		{"control character", "a\tb", inherit, ann.ID, fs.ErrInvalid},
		{"like an ID", p.ID, inherit, ann.ID, fs.ErrInvalid},
		{"256 characters", strings.Repeat("x", 256), inherit, ann.ID, fs.ErrInvalid},
		{"limit -2", "x", store.Limits{MaxBytes: -2}, ann.ID, fs.ErrInvalid},
		{"PI unknown", "x", inherit, "nobody", fs.ErrNotExist},
	} {
		_, err := s.CreateProject(ctx, store.Project{Title: test.title, Limits: test.limits}, test.pi)
		wantErr(t, test.name, err, test.want)
	}

	title := "new"
	p.Title, p.Limits = title, inherit
	equal(t, "changed", must(s.ChangeProject(ctx, p.ID, store.ProjectChange{Title: &title, Limits: &inherit}))(t), p)
	equal(t, "read", must(s.Project(ctx, p.ID))(t), p)
	_, err := s.ChangeProject(ctx, p.ID, store.ProjectChange{Title: &other.Title})
	wantErr(t, "rename to another's title", err, fs.ErrExist)
	_, err = s.ChangeProject(ctx, "none", store.ProjectChange{Title: &title})
	wantErr(t, "change none", err, fs.ErrNotExist)
	_, err = s.ChangeProject(ctx, p.ID, store.ProjectChange{Limits: &store.Limits{MaxBytes: -2}})
	wantErr(t, "limit -2", err, fs.ErrInvalid)

	f := newProjectFolder(t, s, p, ann, "data", 0)
	wantErr(t, "delete with a folder", s.DeleteProject(ctx, p.ID, false), fs.ErrInvalid)
	kept := newProjectFolder(t, s, p, ann, "kept", 0)
	ok(t, s.DeleteFolder(ctx, kept.ID, time.Now().Add(time.Hour)))
	ok(t, s.DeleteProject(ctx, p.ID, true))
	wantErr(t, "delete again", s.DeleteProject(ctx, p.ID, false), fs.ErrNotExist)
	for _, id := range []string{f.ID, kept.ID} {
		g := must(s.Folder(ctx, id))(t)
		if g.Deleted.IsZero() || g.Purge.After(time.Now()) || g.OwnerID != "" || g.ProjectID != "" {
			t.Errorf("folder of a deleted project: %+v", g)
		}
	}
	equal(t, "nobody inherits", seen(t, s, ann), []string(nil))

	g := newProjectFolder(t, s, other, bob, "kept", 0)
	ok(t, s.DeleteFolder(ctx, g.ID, time.Now().Add(time.Hour)))
	ok(t, s.DeleteProject(ctx, other.ID, false)) // what is deleted already does not hold it
	if g := must(s.Folder(ctx, g.ID))(t); g.OwnerID != "" {
		t.Errorf("a folder of a deleted project became its maker's: %+v", g)
	}
}

func testMembers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	p := newProject(t, s, "p", ann)
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleUser))
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleAdmin))
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleAdmin))
	equal(t, "members", members(t, s, p.ID), []string{"ann PI", "bob ADMIN"})
	equal(t, "page", pluck(must(s.Members(ctx, p.ID, store.Range{Skip: 1, Limit: 1}))(t), func(m store.Member) string { return m.UserName }), []string{"bob"})
	m := must(s.Member(ctx, p.ID, bob.ID))(t)
	equal(t, "member", m, store.Member{ProjectID: p.ID, UserID: bob.ID, UserName: "bob", Role: store.RoleAdmin, Created: m.Created})
	_, err := s.Member(ctx, p.ID, eve.ID)
	wantErr(t, "no member", err, fs.ErrNotExist)

	for name, c := range map[string][2]error{
		"last PI, other role": {s.SetMember(ctx, p.ID, ann.ID, store.RoleAdmin), fs.ErrInvalid},
		"last PI leaves":      {s.RemoveMember(ctx, p.ID, ann.ID), fs.ErrInvalid},
		"unknown role":        {s.SetMember(ctx, p.ID, bob.ID, "OWNER"), fs.ErrInvalid},
		"unknown user":        {s.SetMember(ctx, p.ID, "nobody", store.RoleUser), fs.ErrNotExist},
		"unknown project":     {s.SetMember(ctx, "none", bob.ID, store.RoleUser), fs.ErrNotExist},
		"remove a stranger":   {s.RemoveMember(ctx, p.ID, eve.ID), fs.ErrNotExist},
	} {
		wantErr(t, name, c[0], c[1])
	}
	equal(t, "members after refusals", members(t, s, p.ID), []string{"ann PI", "bob ADMIN"})

	t.Run("two PIs who leave at once", func(t *testing.T) {
		ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RolePI))
		errs := inParallel(2, func(i int) error { return s.RemoveMember(ctx, p.ID, []string{ann.ID, bob.ID}[i]) })
		wantTally(t, "leave", errs, fs.ErrInvalid, 1)
		equal(t, "members", len(members(t, s, p.ID)), 1)
	})
}

func testGroups(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	p := newProject(t, s, "p", ann)
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleUser))
	g := must(s.CreateGroup(ctx, p.ID, "staff"))(t)
	equal(t, "group", must(s.Group(ctx, g.ID))(t), store.Group{ID: g.ID, ProjectID: p.ID, Title: "staff", Created: g.Created})
	h := must(s.CreateGroup(ctx, p.ID, "guests"))(t)
	ok(t, s.AddGroupMember(ctx, g.ID, bob.ID))
	ok(t, s.AddGroupMember(ctx, g.ID, bob.ID))
	ok(t, s.AddGroupMember(ctx, g.ID, ann.ID))
	g.Members = 2
	equal(t, "groups", must(s.Groups(ctx, p.ID, store.Range{}))(t), []store.Group{h, g})
	in := func(id string) []string {
		return pluck(must(s.GroupMembers(ctx, id, store.Range{}))(t), func(m store.Member) string { return m.UserName + " " + string(m.Role) })
	}
	equal(t, "members", in(g.ID), []string{"ann PI", "bob USER"})

	_, err := s.CreateGroup(ctx, p.ID, "staff")
	wantErr(t, "title taken", err, fs.ErrExist)
	_, err = s.CreateGroup(ctx, "none", "x")
	wantErr(t, "unknown project", err, fs.ErrNotExist)
	_, err = s.CreateGroup(ctx, p.ID, "")
	wantErr(t, "no title", err, fs.ErrInvalid)
	for name, c := range map[string][2]error{
		"rename to another's": {s.RenameGroup(ctx, g.ID, "guests"), fs.ErrExist},
		"rename none":         {s.RenameGroup(ctx, "none", "x"), fs.ErrNotExist},
		"add a stranger":      {s.AddGroupMember(ctx, g.ID, eve.ID), fs.ErrInvalid},
		"add nobody":          {s.AddGroupMember(ctx, g.ID, "nobody"), fs.ErrNotExist},
		"add to none":         {s.AddGroupMember(ctx, "none", bob.ID), fs.ErrNotExist},
		"remove a stranger":   {s.RemoveGroupMember(ctx, g.ID, eve.ID), fs.ErrNotExist},
		"remove from none":    {s.RemoveGroupMember(ctx, "none", bob.ID), fs.ErrNotExist},
		"delete none":         {s.DeleteGroup(ctx, "none"), fs.ErrNotExist},
	} {
		wantErr(t, name, c[0], c[1])
	}

	ok(t, s.RenameGroup(ctx, g.ID, "all"))
	ok(t, s.RemoveGroupMember(ctx, g.ID, ann.ID))
	equal(t, "members", in(g.ID), []string{"bob USER"})
	f := newFolder(t, s, ann, "docs")
	ok(t, s.ChangeGrants(ctx, []store.GrantChange{{FolderID: f.ID, Add: []store.EntityRights{{Entity: store.Entity{Group: g.ID}, Rights: store.RightsRW}}}}))
	equal(t, "bob sees", seen(t, s, bob), []string{"docs read,write"})
	ok(t, s.RemoveMember(ctx, p.ID, bob.ID)) // who leaves the project leaves its groups
	equal(t, "bob sees, out of the project", seen(t, s, bob), []string(nil))
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleUser))
	equal(t, "bob sees, back in the project", seen(t, s, bob), []string(nil))
	ok(t, s.AddGroupMember(ctx, g.ID, bob.ID))
	ok(t, s.DeleteGroup(ctx, g.ID))
	equal(t, "bob sees, without the group", seen(t, s, bob), []string(nil))
	equal(t, "access list", must(s.Grants(ctx, f.ID))(t), []store.Grant(nil))
}

func testProjectFolders(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	p := must(s.CreateProject(ctx, store.Project{Title: "p", Limits: store.Limits{MaxFolders: 2, MaxBytes: 50, MaxFiles: store.Default}}, ann.ID))(t)
	ok(t, s.SetMember(ctx, p.ID, bob.ID, store.RoleUser))
	f := must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: bob.ID, ProjectID: p.ID, Title: "data",
		MaxBytes: store.Default, MaxFiles: 7, MemberRights: store.RightsRO, UsageMode: "model", Cloneable: true,
		Labels: map[string]string{"Team": "A"}}, MaxFolders: 2, UniqueTitle: true}))(t)
	equal(t, "created", f, store.Folder{ID: f.ID, OwnerID: bob.ID, OwnerName: "bob", ProjectID: p.ID, ProjectTitle: "p", Title: "data",
		MaxBytes: store.Default, MaxFiles: 7, Limits: p.Limits, MemberRights: store.RightsRO, UsageMode: "model", Cloneable: true,
		Labels: map[string]string{"team": "A"}, Created: f.Created})
	b, n := f.Effective(store.Defaults{MaxBytes: 1, MaxFiles: 1})
	equal(t, "limits of the project", []int64{b, n}, []int64{50, 7})

	_, err := s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, ProjectID: p.ID, Title: "data"}, UniqueTitle: true})
	wantErr(t, "title that the project has", err, fs.ErrExist)
	must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: bob.ID, Title: "data"}, UniqueTitle: true, MaxFolders: 1}))(t) // the maker's own are counted apart
	must(s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, ProjectID: p.ID, Title: "more"}, MaxFolders: 2}))(t)
	_, err = s.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, ProjectID: p.ID, Title: "too many"}, MaxFolders: 2})
	wantErr(t, "one more than the project may have", err, store.ErrTooMany)

	equal(t, "bob sees", seen(t, s, bob), []string{"data", "data  USER"})
	equal(t, "the PI sees", seen(t, s, ann), []string{"data  PI", "more  PI"})
	ok(t, s.SetGrant(ctx, f.ID, eve.ID, store.RightsRW))
	equal(t, "a grant to a stranger counts for nothing", seen(t, s, eve), []string(nil))
	ok(t, s.SetMember(ctx, p.ID, eve.ID, store.RoleUser))
	equal(t, "it does once she is a member", seen(t, s, eve), []string{"data read,write USER"})
	ok(t, s.SetGrant(ctx, f.ID, bob.ID, store.RightsRW)) // who made a project's folder may need one
	ok(t, s.SetFolderOptions(ctx, f.ID, nil, new(store.Rights)))
	f = must(s.Folder(ctx, f.ID))(t)
	equal(t, "options", []any{f.Cloneable, f.MemberRights}, []any{true, store.Rights(0)})
	ok(t, s.SetFolderOptions(ctx, f.ID, new(bool), nil))
	equal(t, "options", must(s.Folder(ctx, f.ID))(t).Cloneable, false)
	wantErr(t, "options of none", s.SetFolderOptions(ctx, "none", new(bool), nil), fs.ErrNotExist)
	odd := store.Rights(16)
	wantErr(t, "odd rights", s.SetFolderOptions(ctx, f.ID, nil, &odd), fs.ErrInvalid)

	t.Run("delete users", func(t *testing.T) {
		ok(t, s.DeleteUser(ctx, bob.ID, "", true))
		g := must(s.Folder(ctx, f.ID))(t)
		equal(t, "owner, deleted", []any{g.OwnerName, g.Deleted.IsZero()}, []any{"ann", true})
		wantErr(t, "last PI", s.DeleteUser(ctx, ann.ID, "", true), fs.ErrInvalid)
		equal(t, "folder of a user who stays", must(s.Folder(ctx, f.ID))(t).Deleted.IsZero(), true)
		ok(t, s.DeleteUser(ctx, ann.ID, eve.ID, false))
		equal(t, "members", members(t, s, p.ID), []string{"eve PI"})
		equal(t, "owner", must(s.Folder(ctx, f.ID))(t).OwnerName, "eve")
		equal(t, "eve's own", must(s.FoldersOf(ctx, eve.ID))(t)[0].Role, store.RolePI)
	})
}

func testBulk(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	item := func(what string, err error, n int, kind error) {
		t.Helper()
		wantErr(t, what, err, kind)
		if e, ok := errors.AsType[*store.ItemError](err); !ok || e.Item != n {
			t.Errorf("%s: %v, want an error of item %d", what, err, n)
		}
	}
	rename := func(id, title string, unique bool) store.Rename {
		return store.Rename{ID: id, Title: title, UniqueTitle: unique}
	}
	label := func(id string, labels map[string]string) store.FolderLabels {
		return store.FolderLabels{ID: id, Labels: labels}
	}
	folder := func(title string) store.NewFolder {
		return store.NewFolder{Folder: store.Folder{OwnerID: ann.ID, Title: title}, UniqueTitle: true, MaxFolders: 3}
	}
	all := must(s.CreateFolders(ctx, []store.NewFolder{folder("b"), folder("a")}))(t)
	equal(t, "in order", titles(all), []string{"b", "a"})
	_, err := s.CreateFolders(ctx, []store.NewFolder{folder("c"), folder("a")})
	item("second title taken", err, 1, fs.ErrExist)
	_, err = s.CreateFolders(ctx, []store.NewFolder{folder("c"), folder("c")})
	item("same title twice", err, 1, fs.ErrExist)
	_, err = s.CreateFolders(ctx, []store.NewFolder{folder("c"), folder("d")})
	item("too many", err, 1, store.ErrTooMany)
	_, err = s.CreateFolders(ctx, []store.NewFolder{folder("c"), folder("\n")})
	item("bad title", err, 1, fs.ErrInvalid)
	equal(t, "none was made", len(must(s.Folders(ctx))(t)), 2)
	if _, err := s.CreateFolder(ctx, folder("a")); !errors.Is(err, fs.ErrExist) || errors.As(err, new(*store.ItemError)) {
		t.Errorf("CreateFolder: %v", err)
	}

	a, b := all[1].ID, all[0].ID
	now := func() []string { return []string{must(s.Folder(ctx, a))(t).Title, must(s.Folder(ctx, b))(t).Title} }
	ok(t, s.RenameFolders(ctx, []store.Rename{rename(a, "x", true), rename(b, "a", true), rename(b, "a", true)}))
	equal(t, "renamed", now(), []string{"x", "a"})
	ok(t, s.RenameFolders(ctx, []store.Rename{rename(a, "a", false)}))
	equal(t, "same title, allowed", now(), []string{"a", "a"})
	ok(t, s.RenameFolders(ctx, []store.Rename{rename(a, "x", false)}))
	item("rename to a title taken", s.RenameFolders(ctx, []store.Rename{rename(b, "y", true), rename(a, "y", true)}), 1, fs.ErrExist)
	item("rename none", s.RenameFolders(ctx, []store.Rename{rename(b, "y", true), rename("none", "z", true)}), 1, fs.ErrNotExist)
	item("rename to nothing", s.RenameFolders(ctx, []store.Rename{rename(b, "y", true), rename(a, " ", true)}), 1, fs.ErrInvalid)
	equal(t, "none was renamed", now(), []string{"x", "a"})

	labels := func() map[string]string { return must(s.Folder(ctx, a))(t).Labels }
	ok(t, s.SetLabels(ctx, []store.FolderLabels{label(a, map[string]string{"Team": "X \u00fc\"", "b": ""}), label(b, nil)}))
	equal(t, "labels", labels(), map[string]string{"team": "X \u00fc\"", "b": ""})
	for name, bad := range map[string]map[string]string{
		"twice": {"a": "1", "A": "2"}, "no key": {"": "1"}, "long key": {strings.Repeat("k", 257): ""},
		"long value": {"k": strings.Repeat("v", 5000)}, "not text": {"k": "\xff"}, "NUL": {"k": "\x00"},
	} {
		item("labels: "+name, s.SetLabels(ctx, []store.FolderLabels{label(a, nil), label(b, bad)}), 1, fs.ErrInvalid)
	}
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint(i)] = ""
	}
	item("too many labels", s.SetLabels(ctx, []store.FolderLabels{label(a, many)}), 0, fs.ErrInvalid)
	item("labels of none", s.SetLabels(ctx, []store.FolderLabels{label(a, nil), label("none", nil)}), 1, fs.ErrNotExist)
	equal(t, "labels stay", len(labels()), 2)
	ok(t, s.SetLabels(ctx, []store.FolderLabels{label(a, map[string]string{})}))
	equal(t, "no labels", labels(), map[string]string(nil))
}

func testChangeGrants(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann, bob, eve := newUser(t, s, "ann"), newUser(t, s, "bob"), newUser(t, s, "eve")
	p, q := newProject(t, s, "p", ann), newProject(t, s, "q", ann)
	g, h := must(s.CreateGroup(ctx, p.ID, "g"))(t), must(s.CreateGroup(ctx, q.ID, "h"))(t)
	f, own := newProjectFolder(t, s, p, bob, "data", 0), newFolder(t, s, ann, "own")
	user := func(name string) store.Entity { return store.Entity{User: name} }
	group := func(g store.Group) store.Entity { return store.Entity{Group: g.ID, Project: g.ProjectID} }
	add := func(e store.Entity, r store.Rights) []store.EntityRights {
		return []store.EntityRights{{Entity: e, Rights: r}}
	}
	list := func(id string) []string {
		return pluck(must(s.Grants(ctx, id))(t), func(g store.Grant) string { return g.UserName + g.GroupTitle + " " + g.Rights.String() })
	}

	ok(t, s.ChangeGrants(ctx, []store.GrantChange{
		{FolderID: f.ID, Add: append(add(group(g), store.RightsRO), add(user("eve"), store.RightsRW)...)},
		{FolderID: own.ID, Add: append(add(group(h), store.RightsRO), add(user("bob"), store.RightsAll)...)},
	}))
	all := must(s.GrantsOf(ctx, []string{f.ID, own.ID, "none"}))(t)
	equal(t, "lists", all, map[string][]store.Grant{
		f.ID: {{FolderID: f.ID, Rights: store.RightsRW, UserID: eve.ID, UserName: "eve"},
			{FolderID: f.ID, Rights: store.RightsRO, GroupID: g.ID, GroupTitle: "g", ProjectID: p.ID}},
		own.ID: {{FolderID: own.ID, Rights: store.RightsAll, UserID: bob.ID, UserName: "bob"},
			{FolderID: own.ID, Rights: store.RightsRO, GroupID: h.ID, GroupTitle: "h", ProjectID: q.ID}},
	})
	equal(t, "none", must(s.GrantsOf(ctx, nil))(t), map[string][]store.Grant{})

	// Delete comes first, whatever the entity had; what has nothing is no error.
	ok(t, s.ChangeGrants(ctx, []store.GrantChange{{FolderID: f.ID,
		Delete: []store.Entity{user("eve"), group(g), user("nobody"), user("bob"), {Group: "none"}},
		Add:    add(user("eve"), store.RightsRO)}}))
	equal(t, "list", list(f.ID), []string{"eve read"})
	ok(t, s.ChangeGrants(ctx, []store.GrantChange{{FolderID: f.ID, Add: add(user("eve"), store.RightsWD)}}))
	equal(t, "replaced", list(f.ID), []string{"eve read,write,remove"})
	ok(t, s.ChangeGrants(ctx, []store.GrantChange{{FolderID: own.ID, Add: add(group(h), 0)}}))
	equal(t, "nothing left", list(own.ID), []string{"bob read,write,remove,admin"})

	for _, test := range []struct {
		name   string
		change store.GrantChange
		kind   error
		text   string
	}{
		{"unknown user", store.GrantChange{FolderID: f.ID, Add: add(user("nobody"), store.RightsRO)}, fs.ErrInvalid, "nobody"},
		{"unknown group", store.GrantChange{FolderID: f.ID, Add: add(store.Entity{Group: "none"}, store.RightsRO)}, fs.ErrInvalid, "none"},
		{"group of another project than said", store.GrantChange{FolderID: own.ID, Add: add(store.Entity{Group: g.ID, Project: q.ID}, store.RightsRO)}, fs.ErrInvalid, g.ID},
		{"group of another project than the folder", store.GrantChange{FolderID: f.ID, Add: add(group(h), store.RightsRO)}, fs.ErrInvalid, h.ID},
		{"owner", store.GrantChange{FolderID: own.ID, Add: add(user("ann"), store.RightsRO)}, fs.ErrInvalid, "ann"},
		{"odd rights", store.GrantChange{FolderID: f.ID, Add: add(user("eve"), 16)}, fs.ErrInvalid, "rights"},
		{"unknown folder", store.GrantChange{FolderID: "none"}, fs.ErrNotExist, "none"},
	} {
		err := s.ChangeGrants(ctx, []store.GrantChange{{FolderID: own.ID, Delete: []store.Entity{user("bob")}}, test.change})
		e, is := errors.AsType[*store.ItemError](err)
		if !errors.Is(err, test.kind) || !is || e.Item != 1 || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	equal(t, "nothing was changed", list(own.ID), []string{"bob read,write,remove,admin"})

	many := []string{own.ID}
	for i := range 120 {
		m := newFolder(t, s, ann, fmt.Sprint("many ", i))
		many = append(many, m.ID)
		ok(t, s.SetGrant(ctx, m.ID, bob.ID, store.RightsRO))
	}
	equal(t, "of many", len(must(s.GrantsOf(ctx, many))(t)), 121)
}
