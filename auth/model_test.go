package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"davit/store"
	"davit/store/storetest"
)

// rules is the rules of D4 in their simplest form: who is what where, and what was given to whom.
type rules struct {
	users    []string // IDs
	folders  map[string]*ruledFolder
	projects map[string]map[string]store.Role // ID → user → role
	groups   map[string]*ruledGroup
}

type ruledFolder struct {
	owner, project string
	members        store.Rights
	users, groups  map[string]store.Rights
}

type ruledGroup struct {
	project string
	in      map[string]bool
}

// rights is what a user may do with a folder, without any token.
func (m *rules) rights(user string, f *ruledFolder) store.Rights {
	role := m.projects[f.project][user]
	if f.project == "" && f.owner == user || role == store.RolePI || role == store.RoleAdmin {
		return store.RightsAll
	}
	if f.project != "" && role == "" {
		return 0
	}
	r := f.users[user]
	if f.project != "" {
		r |= f.members
	}
	for id, given := range f.groups {
		if m.groups[id].in[user] {
			r |= given
		}
	}
	if r&(store.Write|store.Remove) != 0 {
		r |= store.Read // who may change sees what there is
	}
	return r
}

func (m *rules) pis(project string) (n int) {
	for _, r := range m.projects[project] {
		if r == store.RolePI {
			n++
		}
	}
	return n
}

// leave takes a user out of a project.
func (m *rules) leave(project, user string) {
	delete(m.projects[project], user)
	for _, g := range m.groups {
		if g.project == project {
			delete(g.in, user)
		}
	}
}

// TestD4_Model does at random all that changes rights, also behind the server's back, and
// after each step wants all users to see what the rules say. Views are remembered, so this is as much about
// their being forgotten in time.
func TestD4_Model(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { ruledRun(t, seed, 400) })
	}
}

func ruledRun(t *testing.T, seed uint64, steps int) {
	ctx := t.Context()
	path := storetest.Path(t, filepath.Join(t.TempDir(), "davit.db"))
	open := func() *store.Store {
		st, err := store.Open(ctx, store.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}
	here, there := open(), open()
	a := New(here, Options{})
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := &rules{folders: map[string]*ruledFolder{}, projects: map[string]map[string]store.Role{}, groups: map[string]*ruledGroup{}}
	names := map[string]string{}
	addUser := func(st *store.Store, name string) {
		u, err := st.CreateUser(ctx, store.User{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		m.users, names[u.ID] = append(m.users, u.ID), name
	}
	for i := range 6 {
		addUser(here, fmt.Sprint("user", i))
	}

	user := func() string { return m.users[rnd.IntN(len(m.users))] }
	rights := func() store.Rights { return store.Rights(rnd.IntN(16)) }
	roles := []store.Role{store.RolePI, store.RoleAdmin, store.RoleUser, store.RoleUser, store.RoleUser}
	// When it can do something a step returns the store's answer, and whether it should have been a refusal.
	pick := func(keys []string) (string, bool) {
		if len(keys) == 0 {
			return "", false
		}
		slices.Sort(keys)
		return keys[rnd.IntN(len(keys))], true
	}
	folder := func() (string, *ruledFolder) {
		id, _ := pick(slices.Collect(maps.Keys(m.folders)))
		return id, m.folders[id]
	}
	project := func() string { id, _ := pick(slices.Collect(maps.Keys(m.projects))); return id }
	group := func() (string, *ruledGroup) {
		id, _ := pick(slices.Collect(maps.Keys(m.groups)))
		return id, m.groups[id]
	}
	give := func(to map[string]store.Rights, id string, r store.Rights) {
		if to[id] = r; r == 0 {
			delete(to, id)
		}
	}
	drop := func(project string) {
		for id, f := range m.folders {
			if f.project == project {
				delete(m.folders, id)
			}
		}
		for id, g := range m.groups {
			if g.project == project {
				for _, f := range m.folders {
					delete(f.groups, id)
				}
				delete(m.groups, id)
			}
		}
		delete(m.projects, project)
	}

	n := 0
	actions := []struct {
		name string
		do   func(st *store.Store) (err error, refused bool)
	}{
		{"new folder", func(st *store.Store) (error, bool) {
			n++
			f := &ruledFolder{owner: user(), users: map[string]store.Rights{}, groups: map[string]store.Rights{}}
			if p := project(); p != "" && rnd.IntN(2) == 0 {
				f.project, f.members = p, rights()&rights()
			}
			made, err := st.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: f.owner, ProjectID: f.project, MemberRights: f.members, Title: fmt.Sprint("f", n)}})
			m.folders[made.ID] = f
			return err, false
		}},
		{"delete folder", func(st *store.Store) (error, bool) {
			id, f := folder()
			if f == nil || rnd.IntN(3) > 0 {
				return nil, false
			}
			delete(m.folders, id)
			return st.DeleteFolder(ctx, id, time.Now().Add(time.Duration(rnd.IntN(2))*time.Hour)), false
		}},
		{"rights of members", func(st *store.Store) (error, bool) {
			id, f := folder()
			if f == nil {
				return nil, false
			}
			f.members = rights()
			return st.SetFolderOptions(ctx, id, nil, &f.members), false
		}},
		{"grant to a user", func(st *store.Store) (error, bool) {
			id, f := folder()
			if f == nil {
				return nil, false
			}
			u, r := user(), rights()
			refused := f.project == "" && f.owner == u && r != 0
			if !refused {
				give(f.users, u, r)
			}
			return st.SetGrant(ctx, id, u, r), refused
		}},
		{"access list", func(st *store.Store) (error, bool) {
			id, f := folder()
			g, to := group()
			if f == nil || to == nil {
				return nil, false
			}
			r, u := rights(), user()
			refused := f.project != "" && f.project != to.project
			if !refused {
				delete(f.users, u)
				give(f.groups, g, r)
			}
			return st.ChangeGrants(ctx, []store.GrantChange{{FolderID: id, Delete: []store.Entity{{User: names[u]}, {Group: g}},
				Add: []store.EntityRights{{Entity: store.Entity{Group: g, Project: to.project}, Rights: r}}}}), refused
		}},
		{"new project", func(st *store.Store) (error, bool) {
			if len(m.projects) > 4 {
				return nil, false
			}
			n++
			u := user()
			p, err := st.CreateProject(ctx, store.Project{Title: fmt.Sprint("p", n)}, u)
			m.projects[p.ID] = map[string]store.Role{u: store.RolePI}
			return err, false
		}},
		{"delete project", func(st *store.Store) (error, bool) {
			p := project()
			if p == "" || rnd.IntN(5) > 0 {
				return nil, false
			}
			hard, living := rnd.IntN(2) == 0, false
			for _, f := range m.folders {
				living = living || f.project == p
			}
			if hard || !living {
				drop(p)
			}
			return st.DeleteProject(ctx, p, hard), living && !hard
		}},
		{"member", func(st *store.Store) (error, bool) {
			p, u, r := project(), user(), roles[rnd.IntN(len(roles))]
			if p == "" {
				return nil, false
			}
			refused := m.projects[p][u] == store.RolePI && r != store.RolePI && m.pis(p) == 1
			if !refused {
				m.projects[p][u] = r
			}
			return st.SetMember(ctx, p, u, r), refused
		}},
		{"leave", func(st *store.Store) (error, bool) {
			p, u := project(), user()
			if p == "" {
				return nil, false
			}
			role := m.projects[p][u]
			refused := role == "" || role == store.RolePI && m.pis(p) == 1
			if !refused {
				m.leave(p, u)
			}
			return st.RemoveMember(ctx, p, u), refused
		}},
		{"new group", func(st *store.Store) (error, bool) {
			p := project()
			if p == "" || len(m.groups) > 6 {
				return nil, false
			}
			n++
			g, err := st.CreateGroup(ctx, p, fmt.Sprint("g", n))
			m.groups[g.ID] = &ruledGroup{p, map[string]bool{}}
			return err, false
		}},
		{"delete group", func(st *store.Store) (error, bool) {
			id, g := group()
			if g == nil || rnd.IntN(4) > 0 {
				return nil, false
			}
			delete(m.groups, id)
			for _, f := range m.folders {
				delete(f.groups, id)
			}
			return st.DeleteGroup(ctx, id), false
		}},
		{"into a group", func(st *store.Store) (error, bool) {
			id, g := group()
			u := user()
			if g == nil {
				return nil, false
			}
			refused := m.projects[g.project][u] == ""
			if !refused {
				g.in[u] = true
			}
			return st.AddGroupMember(ctx, id, u), refused
		}},
		{"out of a group", func(st *store.Store) (error, bool) {
			id, g := group()
			u := user()
			if g == nil {
				return nil, false
			}
			refused := !g.in[u]
			delete(g.in, u)
			return st.RemoveGroupMember(ctx, id, u), refused
		}},
		{"another owner", func(st *store.Store) (error, bool) {
			id, f := folder()
			if f == nil {
				return nil, false
			}
			u, p := user(), ""
			if rnd.IntN(2) == 0 {
				p = project()
			}
			if f.project != p || p == "" && f.owner != u {
				f.owner, f.project = u, p
				if p == "" {
					delete(f.users, u)
					f.members = 0
				}
				for g := range f.groups {
					if p != "" && m.groups[g].project != p {
						delete(f.groups, g)
					}
				}
			}
			return st.ChangeOwner(ctx, store.NewOwner{FolderID: id, UserID: u, ProjectID: p}), false
		}},
		{"deleted and back", func(st *store.Store) (error, bool) {
			id, f := folder()
			if f == nil {
				return nil, false
			}
			if err := st.DeleteFolder(ctx, id, time.Now().Add(time.Hour)); err != nil {
				return err, false
			}
			if _, err := here.Poll(ctx); err != nil {
				return err, false
			}
			for _, u := range m.users { // who has looked meanwhile must see it again
				if _, err := a.Mount(ctx, store.Principal{UserID: u}, id); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s sees a deleted folder: %v", names[u], err), false
				}
			}
			_, err := st.RestoreFolder(ctx, id, store.Restore{})
			return err, false
		}},
		{"invitation", func(st *store.Store) (error, bool) {
			id, f := folder()
			from, to, r := user(), user(), rights()
			if f == nil || from == to || r == 0 {
				return nil, false
			}
			if f.project == "" && f.owner == to || f.users[to].Has(r) {
				_, _, err := st.Invite(ctx, id, from, []string{to}, r)
				return err, true
			}
			f.users[to] |= r
			all, _, err := st.Invite(ctx, id, from, []string{to}, r)
			if err == nil {
				err = st.AcceptInvitation(ctx, all[0].ID, to)
			}
			return err, false
		}},
		{"user goes", func(st *store.Store) (error, bool) {
			if rnd.IntN(6) > 0 {
				return nil, false
			}
			u, heir := user(), user()
			if u == heir {
				return nil, false
			}
			for p, members := range m.projects {
				if members[u] == store.RolePI && m.pis(p) == 1 {
					members[heir] = store.RolePI
				}
				m.leave(p, u)
			}
			for _, f := range m.folders {
				delete(f.users, u)
				if f.owner == u && f.project == "" {
					f.owner = heir
					delete(f.users, heir)
				}
			}
			m.users = slices.DeleteFunc(m.users, func(id string) bool { return id == u })
			err := st.DeleteUser(ctx, u, heir, false)
			n++
			addUser(st, fmt.Sprint("late", n))
			return err, false
		}},
	}

	for step := range steps {
		action, st := actions[rnd.IntN(len(actions))], here
		if rnd.IntN(5) == 0 {
			st = there // another process, which the server notices by looking
		}
		err, refused := action.do(st)
		if refused != (err != nil) || errors.Is(err, store.ErrBusy) {
			t.Fatalf("step %d, %s: %v, refused by the rules: %v", step, action.name, err, refused)
		}
		if st == there {
			if _, err := here.Poll(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for _, u := range m.users {
			mounts, err := a.Mounts(ctx, store.Principal{UserID: u})
			if err != nil {
				t.Fatal(err)
			}
			got, want := map[string]store.Rights{}, map[string]store.Rights{}
			for _, mount := range mounts {
				got[mount.Folder.ID] = mount.Rights
			}
			for id, f := range m.folders {
				if r := m.rights(u, f); r != 0 {
					want[id] = r
				}
			}
			if !maps.Equal(got, want) {
				t.Fatalf("step %d, after %s: %s sees\n%v, want\n%v", step, action.name, names[u], got, want)
			}
		}
	}
}

// TestViewsOutliveOthers: what one user sees is read again only for changes that can touch it.
func TestViewsOutliveOthers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, bob, eve := w.user("ann", "secret"), w.user("bob", "secret"), w.user("eve", "secret")
	p, err := w.st.CreateProject(ctx, store.Project{Title: "p"}, ann.ID)
	w.do(err)
	q, err := w.st.CreateProject(ctx, store.Project{Title: "q"}, bob.ID)
	w.do(err)
	w.do(w.st.SetMember(ctx, p.ID, eve.ID, store.RoleUser))
	mine, shared, his := w.folder(ann.ID, "mine"), w.folder(bob.ID, "shared"), w.folder(bob.ID, "his")
	w.do(w.st.SetGrant(ctx, shared.ID, ann.ID, store.RightsRO))
	inQ, err := w.st.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: bob.ID, ProjectID: q.ID, Title: "q"}})
	w.do(err)
	staff, err := w.st.CreateGroup(ctx, q.ID, "staff")
	w.do(err)
	row, token := w.newToken(bob.ID, his.ID, false, time.Time{})
	_, annToken := w.newToken(ann.ID, "", false, time.Time{})

	principal := store.Principal{UserID: ann.ID}
	look := func() {
		t.Helper()
		_, err := w.Mounts(ctx, principal)
		w.do(err)
		if status, _ := w.get("/dav", "Bearer "+annToken); status != 200 {
			t.Errorf("status %d", status)
		}
	}
	use := func(name string, again bool, err error) {
		t.Helper()
		w.do(err)
		before := w.st.queries.Load()
		look()
		if asked := w.st.queries.Load() > before; asked != again {
			t.Errorf("%s: rows read again: %v, want %v", name, asked, again)
		}
	}
	look()
	use("nothing", false, nil)
	use("another's password", false, w.st.SetPasswordHash(ctx, bob.ID, "x"))
	_, err = w.st.CreateUser(ctx, store.User{Name: "new"})
	use("new user", false, err)
	more := w.folder(bob.ID, "one more")
	use("another's folder", false, nil)
	use("another's folder made", false, w.st.MarkMade(ctx, his.ID))
	use("another's grant", false, w.st.SetGrant(ctx, his.ID, eve.ID, store.RightsRO))
	use("a foreign project", false, w.st.SetFolderOptions(ctx, inQ.ID, nil, &shared.MemberRights))
	use("a foreign group", false, w.st.AddGroupMember(ctx, staff.ID, bob.ID))
	use("a foreign group gets a folder", false, w.st.ChangeGrants(ctx, []store.GrantChange{{FolderID: his.ID,
		Add: []store.EntityRights{{Entity: store.Entity{Group: staff.ID}, Rights: store.RightsRO}}}}))
	use("another member of the project", false, w.st.SetMember(ctx, p.ID, eve.ID, store.RoleAdmin))
	use("what is refused", false, func() error {
		if err := w.st.RemoveMember(ctx, p.ID, bob.ID); err == nil {
			t.Error("a stranger was removed")
		}
		return nil
	}())
	use("another's folder deleted", false, w.st.DeleteFolder(ctx, his.ID, time.Time{}))

	use("own limits", true, w.st.SetUserLimits(ctx, ann.ID, store.Limits{MaxFolders: 3}))
	use("own folder", true, w.st.SetFolderLimits(ctx, mine.ID, 1, 1))
	use("shared folder", true, w.st.RenameFolders(ctx, []store.Rename{{ID: shared.ID, Title: "other"}}))
	use("limits of whom a folder is shared by", true, w.st.SetUserLimits(ctx, bob.ID, store.Limits{MaxFolders: 3}))
	use("own project", true, func() error {
		_, err := w.st.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: eve.ID, ProjectID: p.ID, Title: "p"}})
		return err
	}())
	use("own membership", true, w.st.SetMember(ctx, q.ID, ann.ID, store.RoleUser))
	use("the project that she came to", true, w.st.SetFolderOptions(ctx, inQ.ID, nil, &shared.MemberRights))
	use("more changes than are remembered", true, func() error {
		for range 4200 {
			if err := w.st.SetFolderOptions(ctx, more.ID, nil, nil); err != nil {
				return err
			}
		}
		return nil
	}())
	use("a user goes", true, w.st.DeleteUser(ctx, eve.ID, "", true))

	// A token goes with its folder, though its owner's row is untouched.
	if status, _ := w.get("/dav", "Bearer "+token); status != 401 {
		t.Errorf("token %s for a deleted folder: status %d, want 401", row.ID, status)
	}
}

// TestRevocationIsSeen: what was taken away is gone at the next request.
func TestRevocationIsSeen(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann := w.user("ann", "secret")
	f := w.folder(ann.ID, "f")
	all, text := w.newToken(ann.ID, "", false, time.Time{})
	_, one := w.newToken(ann.ID, f.ID, false, time.Time{})
	basic := "Basic YW5uOnNlY3JldA=="
	for range 2 {
		for _, header := range []string{"Bearer " + text, "Bearer " + one, basic} {
			if status, _ := w.get("/dav", header); status != 200 {
				t.Fatalf("%s: status %d", header, status)
			}
		}
	}
	gone := func(what, header string, err error) {
		t.Helper()
		w.do(err)
		if status, _ := w.get("/dav", header); status != 401 {
			t.Errorf("%s: status %d, want 401", what, status)
		}
	}
	gone("token deleted", "Bearer "+text, w.st.DeleteToken(ctx, all.ID))
	gone("folder of a token deleted", "Bearer "+one, w.st.DeleteFolder(ctx, f.ID, time.Time{}))
	gone("password changed", basic, w.st.SetPasswordHash(ctx, ann.ID, ""))
	hash, err := w.HashPassword(ctx, "secret")
	w.do(err)
	w.do(w.st.SetPasswordHash(ctx, ann.ID, hash)) // it was refused a moment ago, and counts again
	if status, _ := w.get("/dav", basic); status != 200 {
		t.Errorf("password set again: status %d", status)
	}
	nobody := "Basic ZXZlOnNlY3JldA=="
	gone("unknown user", nobody, nil)
	w.user("eve", "secret")
	if status, _ := w.get("/dav", nobody); status != 200 {
		t.Errorf("user made after a refusal: status %d", status)
	}
	gone("user deleted", basic, w.st.DeleteUser(ctx, ann.ID, "", true))
}

// A folder that changes is read alone, not with all others that its users see, and its name follows.
func TestViewsReadOneFolder(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ann, bob := w.user("ann", "secret"), w.user("bob", "secret")
	var last store.Folder
	for i := range 20 {
		last = w.folder(bob.ID, fmt.Sprintf("f%02d", i))
		w.do(w.st.SetGrant(ctx, last.ID, ann.ID, store.RightsRW))
	}
	names := func() (names []string) {
		t.Helper()
		all, err := w.Mounts(ctx, store.Principal{UserID: ann.ID})
		w.do(err)
		for _, m := range all {
			names = append(names, m.Name)
		}
		return names
	}
	if got := names(); len(got) != 20 || got[19] != "f19" {
		t.Fatalf("names are %q", got)
	}
	one := func(what string, change error) []string {
		t.Helper()
		w.do(change)
		queries, single := w.st.queries.Load(), w.st.single.Load()
		got := names()
		if q, s := w.st.queries.Load()-queries, w.st.single.Load()-single; q != 1 || s != 1 {
			t.Errorf("%s: %d queries, of which %d for one folder", what, q, s)
		}
		return got
	}
	if got := one("renamed", w.st.RenameFolders(ctx, []store.Rename{{ID: last.ID, Title: "f00"}})); len(got) != 20 || got[0] != "f00" || got[1] != "f00 ("+last.ID+")" {
		t.Errorf("names after it was renamed: %q", got)
	}
	if got := one("labelled", w.st.SetLabels(ctx, []store.FolderLabels{{ID: last.ID, Labels: map[string]string{"a": "b"}}})); len(got) != 20 {
		t.Errorf("names after it was labelled: %q", got)
	}
	if got := one("deleted", w.st.DeleteFolder(ctx, last.ID, time.Time{})); len(got) != 19 || got[0] != "f00" || got[1] != "f01" {
		t.Errorf("names after it was deleted: %q", got)
	}
}
