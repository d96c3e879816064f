package server

import (
	"fmt"
	"strings"
	"testing"

	"davit/store"
)

func TestD33_QuotaRoutes(t *testing.T) {
	h := newHouse(t)
	ann, bob, root := h.caller("ann"), h.caller("bob"), h.adminCaller("root")
	id := ann.create("docs")
	if a := ann.call("PUT", "/dav/"+id+"/a", "0123456789"); a.status != 201 {
		t.Fatalf("PUT: %d", a.status)
	}
	path := "/api/davit/workspaces/" + ann.user.ID + "/quota"
	for _, c := range []*caller{ann, root} {
		a := c.call("GET", path, "")
		if a.status != 200 || !strings.Contains(a.body, `"usedBytes":10`) || !strings.Contains(a.body, `"maxBytes":null`) {
			t.Errorf("%s: %d %s", c.user.Name, a.status, a.body)
		}
	}
	if a := bob.call("GET", path, ""); a.status != 404 {
		t.Errorf("somebody else: %d %s", a.status, a.body)
	}
	if a := ann.call("PUT", path, `{"maxBytes":0}`); a.status != 403 {
		t.Errorf("ann sets her own: %d %s", a.status, a.body)
	}
	for body, field := range map[string]string{
		`{}`: "maxBytes", `{"maxBytes":-1}`: "maxBytes", `{"maxBytes":"x"}`: "maxBytes", `{"maxBytes":1,"category":"none"}`: "category",
	} {
		if a := root.call("PUT", path, body); a.status != 400 || !strings.Contains(a.body, field) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := root.call("PUT", path, `{"maxBytes":15,"category":"standard"}`); a.status != 200 || !strings.Contains(a.body, `"availableBytes":5`) || !strings.Contains(a.body, `"ownLimit":true`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := ann.call("PUT", "/dav/"+id+"/b", "012345"); a.status != 507 || !strings.Contains(a.body, "workspace") || !strings.Contains(a.body, "1 missing") {
		t.Errorf("over the quota: %d %s", a.status, a.body)
	}
	if a := ann.call("PROPFIND", "/dav/"+id+"/a", ""); a.status != 207 {
		t.Errorf("PROPFIND: %d", a.status)
	}
	r := h.request("PROPFIND", "/dav/"+id+"/", `<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/></D:prop></D:propfind>`)
	r.Header.Set("Depth", "0")
	r.SetBasicAuth("ann", ann.token)
	if a := h.do(r); !strings.Contains(a.body, ">5<") {
		t.Errorf("RFC 4331: %s", a.body)
	}
	// At the same time from every door.
	if a := root.call("PUT", path, `{"maxBytes":null}`); a.status != 200 || !strings.Contains(a.body, `"ownLimit":false`) {
		t.Errorf("taken away: %d %s", a.status, a.body)
	}
	if a := ann.call("PUT", "/dav/"+id+"/b", "012345"); a.status != 201 {
		t.Errorf("without a quota: %d %s", a.status, a.body)
	}
	if a := root.call("GET", "/api/davit/workspaces/"+id+"/quota", ""); a.status != 404 {
		t.Errorf("a folder's ID: %d %s", a.status, a.body)
	}
	if a := ann.call("GET", "/api/davit/workspaces/me/quota", ""); a.status != 200 {
		t.Errorf("me: %d", a.status)
	}
}

// TestUCL6_WorkspaceQuota: the API of collections answers 402 with its code.
func TestUCL6_WorkspaceQuota(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("docs")
	if err := h.files.SetWorkspaceLimit(t.Context(), ann.user.ID, h.server.products.Default().CategoryKey(), 5); err != nil {
		t.Fatal(err)
	}
	if a := ann.call("PUT", "/dav/"+id+"/a", "0123"); a.status != 201 {
		t.Fatalf("PUT: %d", a.status)
	}
	a := ann.call("POST", "/api/files/copy", fmt.Sprintf(`{"items":[{"oldId":"/%s/a","newId":"/%s/b","conflictPolicy":"REJECT"}]}`, id, id))
	if a.status != 402 || !strings.Contains(a.body, codeQuota) {
		t.Errorf("copy: %d %s", a.status, a.body)
	}
}

// adminCaller is a caller who administers the installation.
func (h *house) adminCaller(name string) *caller {
	h.t.Helper()
	u, err := h.store.CreateUser(h.t.Context(), store.User{Name: name, Admin: true})
	if err != nil {
		h.t.Fatal(err)
	}
	c := &caller{house: h, user: u}
	c.token = c.newToken("", false)
	return c
}
