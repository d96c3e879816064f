package server

import (
	"strings"
	"testing"

	"davit/store"
)

// TestD23_KeptFolderOverWebDAV: hidden at once, restored with what it had.
func TestD23_KeptFolderOverWebDAV(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("docs")
	if err := h.store.SetGrant(t.Context(), id, bob.user.ID, 1); err != nil {
		t.Fatal(err)
	}
	token := ann.newToken(id, true)
	if a := ann.call("PUT", "/dav/docs/a", "content"); a.status != 201 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	patch := `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><E:colour xmlns:E="urn:e">red</E:colour></D:prop></D:set></D:propertyupdate>`
	if a := ann.call("PROPPATCH", "/dav/docs/a", patch); a.status != 207 {
		t.Fatalf("PROPPATCH: %d", a.status)
	}
	lock := `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>`
	if a := ann.call("LOCK", "/dav/docs/a", lock); a.status != 200 {
		t.Fatalf("LOCK: %d", a.status)
	}
	if err := h.files.TrashFolder(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*caller{ann, bob} {
		for _, path := range []string{"/dav/docs/a", "/dav/" + id + "/a", "/v2/folder/" + id} {
			if a := c.call("GET", path, ""); a.status != 404 {
				t.Errorf("%s gets %s: %d", c.user.Name, path, a.status)
			}
		}
		if a := c.call("PROPFIND", "/dav/", ""); strings.Contains(a.body, "docs") {
			t.Errorf("%s still lists it", c.user.Name)
		}
	}
	other := ann.create("docs") // the title is free
	if _, err := h.files.RestoreFolder(t.Context(), id, store.Restore{}); err != nil {
		t.Fatal(err)
	}
	if a := bob.call("GET", "/dav/"+id+"/a", ""); a.status != 200 || a.body != "content" {
		t.Errorf("the grant after the restore: %d %s", a.status, a.body)
	}
	if a := ann.call("PROPFIND", "/dav/"+id+"/a", ""); !strings.Contains(a.body, "red") || strings.Contains(a.body, "activelock") {
		t.Errorf("properties after the restore: %s", a.body)
	}
	r := h.request("GET", "/dav/"+id+"/a", "")
	r.SetBasicAuth("ann", token)
	if a := h.do(r); a.status != 200 {
		t.Errorf("the token after the restore: %d", a.status)
	}
	if a := ann.call("PUT", "/dav/"+id+"/a", "new"); a.status != 204 {
		t.Errorf("PUT after the restore: %d: the lock must be gone", a.status)
	}
	if a := ann.call("PUT", "/dav/"+other+"/a", "x"); a.status != 201 {
		t.Errorf("the other one: %d", a.status)
	}
}

// TestD23_WhoMayRestore: whoever had the right to delete a folder may bring it back, by the same doors, also where a group
// gave the right.
func TestD23_WhoMayRestore(t *testing.T) {
	h := newHouse(t)
	ann, bob, eve := h.caller("ann"), h.caller("bob"), h.caller("eve")
	ctx := t.Context()
	p, err := h.store.CreateProject(ctx, store.Project{Title: "lab"}, ann.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.store.CreateGroup(ctx, p.ID, "staff")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*caller{bob, eve} {
		if err := h.store.SetMember(ctx, p.ID, c.user.ID, store.RoleUser); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.store.AddGroupMember(ctx, g.ID, bob.user.ID); err != nil {
		t.Fatal(err)
	}
	id := ann.create("docs")
	list := store.GrantChange{FolderID: id, Add: []store.EntityRights{
		{Entity: store.Entity{Group: g.ID}, Rights: store.RightsWD}, {Entity: store.Entity{User: "eve"}, Rights: store.RightsRW}}}
	if err := h.store.ChangeGrants(ctx, []store.GrantChange{list}); err != nil {
		t.Fatal(err)
	}
	own, virtual := "/api/davit/folders/"+id, "/folders/restore-from-trash-bin"
	for _, restore := range []func(*caller) answer{
		func(c *caller) answer { return c.call("POST", own+"/restore", "") },
		func(c *caller) answer { return c.call("POST", virtual, `{"id":"`+id+`"}`) },
	} {
		if a := bob.call("DELETE", own, ""); a.status != 204 {
			t.Fatalf("delete: %d %s", a.status, a.body)
		}
		if a := restore(eve); a.status < 400 {
			t.Errorf("restored by who may not delete it: %d %s", a.status, a.body)
		}
		if a := restore(bob); a.status >= 300 {
			t.Errorf("restore: %d %s", a.status, a.body)
		}
		if a := eve.call("GET", own, ""); a.status != 200 {
			t.Errorf("after the restore: %d %s", a.status, a.body)
		}
	}
}
