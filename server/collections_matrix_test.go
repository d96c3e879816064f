package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"davit/store"
)

// The matrix of the contract of file collections (section 12), with the answers of D5.
func TestUCL12_Matrix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b, pi, m := h.portal("a"), h.portal("b"), h.portal("p1"), h.portal("m")
	p := pi.project("P", map[*portal]store.Role{m: store.RoleUser})
	g := h.group(p, "g", m)
	one, two := a.drive("1"), pi.drive("2", p)
	group := `{"type":"project_group","projectId":"` + p + `","group":"` + g + `"}`
	pi.ok(&responses[nothing]{}, "POST", "/updateAcl", bulk(`{"id":"`+two+`","added":[{"entity":`+group+`,"permissions":["READ"]}],"deleted":[]}`))

	b.refused(404, "GET", "/retrieve?id="+one, "") // B retrieves 1
	a.share(one, "b", "READ")
	if got := b.retrieve(one, "").Permissions.Myself; !slices.Equal(got, []string{"READ"}) {
		t.Errorf("B with READ: myself is %v", got)
	}
	b.refused(403, "POST", "/rename", bulk(`{"id":"`+one+`","newTitle":"x"}`))
	b.refused(403, "DELETE", "", bulk(`{"id":"`+one+`"}`))
	a.share(one, "b", "READ", "EDIT")
	b.ok(&nothing{}, "POST", "/rename", bulk(`{"id":"`+one+`","newTitle":"x"}`))
	b.refused(403, "POST", "/updateAcl", bulk(`{"id":"`+one+`","added":[],"deleted":[]}`))
	page := m.browse("", p)
	if m.wantTitles(page, "2"); len(page.Items) == 1 && !slices.Equal(page.Items[0].Permissions.Myself, []string{"READ"}) {
		t.Errorf("M: myself is %v", page.Items[0].Permissions.Myself)
	}
	m.checkRefusal(m.drives("POST", "", bulk(driveSpec("x")), p), 403, "M creates in P", "PI or ADMIN")
	b.wantTitles(b.browse("", p))
	b.checkRefusal(b.drives("POST", "", bulk(driveSpec("x")), p), 403, "B creates in P", "not a member")
	pi.ok(&responses[nothing]{}, "DELETE", "", bulk(`{"id":"`+two+`"}`))
	r := h.request("GET", collectionsPath+"/browse", "")
	b.checkRefusal(h.do(r), http.StatusUnauthorized, "no token")
	m.wantTitles(m.browse("", p))
}

// Each kind of caller, and what each call answers: the same rule on all of them.
func TestUCL12_CallersAndCalls(t *testing.T) {
	t.Parallel()
	h := newHouse(t, manyFolders)
	owner, pi, admin, plain, left := h.portal("owner"), h.portal("pi"), h.portal("admin"), h.portal("plain"), h.portal("left")
	reader, editor, writer, stranger := h.portal("reader"), h.portal("editor"), h.portal("writer"), h.portal("stranger")
	grouped, maker := h.portal("grouped"), h.portal("maker")
	p := pi.project("P", map[*portal]store.Role{admin: store.RoleAdmin, plain: store.RoleUser, left: store.RoleUser, grouped: store.RoleUser, maker: store.RoleAdmin,
		reader: store.RoleUser, editor: store.RoleUser, writer: store.RoleUser})
	g := h.group(p, "g", grouped, left)
	grant := func(id string) {
		t.Helper()
		for c, r := range map[*portal]store.Rights{reader: store.RightsRO, editor: store.RightsWD, writer: store.RightsRW, left: store.RightsWD} {
			if err := h.store.SetGrant(t.Context(), id, c.user.ID, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	narrowed := func(c *portal, folder string, readOnly bool) *portal {
		d := *c.caller
		d.token = c.newToken(folder, readOnly)
		return &portal{&d}
	}
	groupRead := func(id string) {
		t.Helper()
		if err := h.store.ChangeGrants(t.Context(), []store.GrantChange{{FolderID: id, Add: []store.EntityRights{{Entity: store.Entity{Group: g, Project: p}, Rights: store.RightsRO}}}}); err != nil {
			t.Fatal(err)
		}
	}

	// What a caller may do: see, write files and labels, rename and delete, share.
	type may struct{ read, write, edit, share bool }
	var (
		none = may{}
		read = may{read: true}
		rw   = may{read: true, write: true}
		edit = may{true, true, true, false}
		all  = may{true, true, true, true}
	)
	for _, workspace := range []string{"personal", "project"} {
		rows := []struct {
			name string
			who  func(id string) *portal
			may  may
		}{
			{"reader", func(string) *portal { return reader }, read},
			{"editor", func(string) *portal { return editor }, edit},
			{"writer", func(string) *portal { return writer }, rw},
			{"stranger", func(string) *portal { return stranger }, none},
		}
		if workspace == "personal" {
			rows = append(rows, []struct {
				name string
				who  func(id string) *portal
				may  may
			}{
				{"owner", func(string) *portal { return owner }, all},
				{"owner's read-only token", func(string) *portal { return narrowed(owner, "", true) }, read},
				{"owner's token for the folder", func(id string) *portal { return narrowed(owner, id, false) }, rw},
				{"owner's token for another folder", func(string) *portal { return narrowed(owner, owner.drive("other"), false) }, none},
				{"PI", func(string) *portal { return pi }, none},
			}...)
		} else {
			rows = append(rows, []struct {
				name string
				who  func(id string) *portal
				may  may
			}{
				{"PI", func(string) *portal { return pi }, all},
				{"ADMIN", func(string) *portal { return admin }, all},
				{"USER", func(string) *portal { return plain }, none},
				{"member of a group with READ", func(string) *portal { return grouped }, read},
				{"who has left, with a grant and a group", func(string) *portal { return left }, none},
				{"who made it and is USER now", func(string) *portal { return maker }, none},
				{"PI's token for the folder", func(id string) *portal { return narrowed(pi, id, false) }, rw},
			}...)
		}
		for _, row := range rows {
			t.Run(workspace+"/"+row.name, func(t *testing.T) {
				var id string
				if workspace == "personal" {
					id = owner.drive("drive")
				} else {
					if err := h.store.SetMember(t.Context(), p, maker.user.ID, store.RoleAdmin); err != nil {
						t.Fatal(err)
					}
					id = maker.drive("drive", p)
					if err := h.store.SetMember(t.Context(), p, maker.user.ID, store.RoleUser); err != nil {
						t.Fatal(err)
					}
					groupRead(id)
				}
				grant(id)
				if err := h.store.RemoveMember(t.Context(), p, left.user.ID); err == nil {
					defer func() {
						if err := h.store.SetMember(t.Context(), p, left.user.ID, store.RoleUser); err != nil {
							t.Fatal(err)
						}
					}()
				}
				who := row.who(id)
				status := func(allowed bool) int {
					switch {
					case allowed:
						return 200
					case row.may.read:
						return 403
					}
					return 404
				}
				project := []string{}
				if workspace == "project" {
					project = []string{p}
				}
				page := who.browse("filterIds="+id, project...)
				if got := len(page.Items) == 1; got != row.may.read {
					t.Errorf("browse shows it: %v", got)
				}
				var found pageOf[collection]
				who.ok(&found, "POST", "/search", `{"flags":{"filterIds":"`+id+`"},"query":"DRIVE"}`, project...)
				if got := len(found.Items) == 1; got != row.may.read {
					t.Errorf("search shows it: %v", got)
				}
				if row.may.read {
					myself := page.Items[0].Permissions.Myself
					if slices.Contains(myself, "ADMIN") != row.may.share || slices.Contains(myself, "EDIT") != row.may.write || !slices.Contains(myself, "READ") {
						t.Errorf("myself is %v", myself)
					}
				}
				calls := []struct {
					what    string
					a       answer
					allowed bool
				}{
					{"retrieve", who.drives("GET", "/retrieve?includeOthers=true&id="+id, ""), row.may.read},
					{"updateLabels", who.drives("POST", "/updateLabels", bulk(`{"id":"`+id+`","labels":{"a":"b"}}`)), row.may.write},
					{"updateAcl", who.drives("POST", "/updateAcl", bulk(`{"id":"`+id+`","added":[],"deleted":[]}`)), row.may.share},
					{"rename", who.drives("POST", "/rename", bulk(`{"id":"`+id+`","newTitle":"drive"}`)), row.may.edit},
					{"delete", who.drives("DELETE", "", bulk(`{"id":"`+id+`"}`)), row.may.edit},
				}
				for _, c := range calls {
					if want := status(c.allowed); c.a.status != want {
						t.Errorf("%s: %d %s, want %d", c.what, c.a.status, c.a.body, want)
					} else if want == 403 && !strings.Contains(c.a.body, "items[0]") {
						t.Errorf("%s: %s does not say which item", c.what, c.a.body)
					}
				}
				if gone := owner.drives("GET", "/retrieve?id="+id, "").status == 404; workspace == "personal" && gone != row.may.edit {
					t.Errorf("gone: %v", gone)
				}
			})
		}
	}
}

// A token for one folder, or for reading, makes none.
func TestUCL12_NarrowTokensMakeNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.portal("ann")
	id := ann.drive("a")
	for name, token := range map[string]string{"read-only": ann.newToken("", true), "one folder": ann.newToken(id, false)} {
		d := *ann.caller
		d.token = token
		c := &portal{&d}
		c.refused(403, "POST", "", bulk(driveSpec("b")), "token")
		c.ok(&nothing{}, "POST", "/init", "")
		if got := titlesOf(ann.browse("")); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s: folders are %q", name, got)
		}
	}
}
