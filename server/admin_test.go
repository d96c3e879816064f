package server

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/davfs"
	"davit/store"
)

// cast is everybody who may ask about a folder.
type cast struct {
	*house
	root, owner, chief, member, reader, stranger *caller
	folder, shared                               string // of the project; of the owner, shared with reader
	project                                      store.Project
}

func newCast(t *testing.T) *cast {
	t.Helper()
	h := newHouse(t)
	k := &cast{house: h, root: h.runs("root"), owner: h.caller("owner"), chief: h.caller("chief"), member: h.caller("member"), reader: h.caller("reader"), stranger: h.caller("stranger")}
	ctx := t.Context()
	var err error
	limits := store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}
	if k.project, err = h.store.CreateProject(ctx, store.Project{Title: "Lab", Limits: limits}, k.owner.user.ID); err != nil {
		t.Fatal(err)
	}
	for user, role := range map[*caller]store.Role{k.chief: store.RoleAdmin, k.member: store.RoleUser} {
		if err := h.store.SetMember(ctx, k.project.ID, user.user.ID, role); err != nil {
			t.Fatal(err)
		}
	}
	f, err := h.files.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: k.owner.user.ID, ProjectID: k.project.ID, Title: "results",
		MaxBytes: store.Default, MaxFiles: store.Default, MemberRights: store.RightsRW}})
	if err != nil {
		t.Fatal(err)
	}
	k.folder = f.ID
	k.shared = k.owner.create("shared")
	if err := h.store.SetGrant(ctx, k.shared, k.reader.user.ID, store.RightsRO); err != nil {
		t.Fatal(err)
	}
	return k
}

// lock takes a WebDAV lock and returns its token.
func (c *caller) lock(path string) string {
	c.t.Helper()
	r := c.request("LOCK", path, `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>`+c.user.Name+`</owner></lockinfo>`)
	r.SetBasicAuth(c.user.Name, c.token)
	a := c.do(r)
	token := strings.Trim(a.header.Get("Lock-Token"), "<>")
	if a.status != 201 && a.status != 200 || token == "" {
		c.t.Fatalf("LOCK %s: %d %s", path, a.status, a.body)
	}
	return token
}

// Who may call what. The columns: nobody, a stranger, who may read, a member, a project's ADMIN, the owner, an
// administrator, an administrator's token for a folder, and one for reading.
func TestD33_Matrix(t *testing.T) {
	k := newCast(t)
	narrow := &caller{house: k.house, user: k.root.user, token: k.root.newToken(k.root.create("own"), false)}
	reading := &caller{house: k.house, user: k.root.user, token: k.root.newToken("", true)}
	callers := []*caller{nil, k.stranger, k.reader, k.member, k.chief, k.owner, k.root, narrow, reading}
	for _, row := range []struct {
		method, target, body string
		want                 []int
	}{
		{"GET", "/api/davit/me", "", []int{401, 200, 200, 200, 200, 200, 200, 200, 200}},
		{"GET", "/api/davit/users", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"POST", "/api/davit/users", `{}`, []int{401, 403, 403, 403, 403, 403, 400, 403, 403}},
		{"GET", "/api/davit/users/find?query=me", "", []int{401, 200, 200, 200, 200, 200, 200, 403, 200}},
		{"GET", "/api/davit/users/member", "", []int{401, 403, 403, 200, 403, 403, 200, 403, 403}},
		{"PATCH", "/api/davit/users/member", `{"admin":false}`, []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"PATCH", "/api/davit/users/root", `{"email":"r@example.org"}`, []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"DELETE", "/api/davit/users/nobody", "", []int{401, 403, 403, 403, 403, 403, 404, 403, 403}},
		{"GET", "/api/davit/folders", "", []int{401, 200, 200, 200, 200, 200, 200, 403, 200}},
		// A folder of a project.
		{"GET", "/api/davit/folders/" + k.folder, "", []int{401, 404, 404, 200, 200, 200, 200, 403, 404}},
		{"PATCH", "/api/davit/folders/" + k.folder, `{"limits":{"maxFiles":100}}`, []int{401, 404, 404, 403, 403, 403, 200, 403, 403}},
		{"POST", "/api/davit/folders/" + k.folder + "/scan", "", []int{401, 404, 404, 403, 202, 202, 202, 403, 403}},
		{"POST", "/api/davit/folders/" + k.folder + "/restore", "", []int{401, 404, 404, 403, 200, 200, 200, 403, 403}},
		{"POST", "/api/davit/folders/" + k.folder + "/owner", `{}`, []int{401, 404, 404, 403, 403, 403, 400, 403, 403}},
		{"GET", "/api/davit/folders/" + k.folder + "/locks", "", []int{401, 404, 404, 200, 200, 200, 200, 403, 404}},
		{"DELETE", "/api/davit/folders/" + k.folder + "/locks/urn:uuid:0", "", []int{401, 404, 404, 404, 404, 404, 404, 403, 403}},
		{"GET", "/api/davit/folders/" + k.folder + "/audit", "", []int{401, 404, 404, 403, 200, 200, 200, 403, 404}},
		{"DELETE", "/api/davit/folders/" + k.folder + "?final=perhaps", "", []int{401, 400, 400, 400, 400, 400, 400, 403, 403}},
		// A user's own, shared for reading.
		{"GET", "/api/davit/folders/" + k.shared, "", []int{401, 404, 200, 404, 404, 200, 200, 403, 404}},
		{"PATCH", "/api/davit/folders/" + k.shared, `{}`, []int{401, 404, 403, 404, 404, 403, 200, 403, 403}},
		{"POST", "/api/davit/folders/" + k.shared + "/scan", "", []int{401, 404, 403, 404, 404, 202, 202, 403, 403}},
		{"GET", "/api/davit/folders/" + k.shared + "/locks", "", []int{401, 404, 200, 404, 404, 200, 200, 403, 404}},
		{"GET", "/api/davit/folders/" + k.shared + "/audit", "", []int{401, 404, 403, 404, 404, 200, 200, 403, 404}},
		{"GET", "/api/davit/folders/nonsense", "", []int{401, 404, 404, 404, 404, 404, 404, 403, 404}},
		{"GET", "/api/davit/locks", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"GET", "/api/davit/audit", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"GET", "/api/davit/audit/export", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"GET", "/api/davit/status", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"GET", "/api/davit/check", "", []int{401, 403, 403, 403, 403, 403, 200, 403, 403}},
		{"POST", "/api/davit/check", `{"repair":"no"}`, []int{401, 403, 403, 403, 403, 403, 400, 403, 403}},
	} {
		for i, c := range callers {
			var got answer
			name := "nobody"
			if c == nil {
				got = k.do(k.request(row.method, row.target, row.body))
			} else {
				got, name = c.call(row.method, row.target, row.body), c.user.Name
			}
			if got.status != row.want[i] {
				t.Errorf("%d %s: %s %s %s: %d %s, want %d", i, name, row.method, row.target, row.body, got.status, got.body, row.want[i])
			}
		}
	}
}

func TestD33_Folders(t *testing.T) {
	k := newCast(t)
	ids := func(c *caller, query string) string {
		t.Helper()
		var all []string
		for next := ""; ; {
			v := c.wants(200, "GET", "/api/davit/folders?itemsPerPage=10&"+query+"&next="+next, "").json(t)
			for _, f := range v["items"].([]any) {
				all = append(all, dig(f, "title").(string))
			}
			if v["next"] == nil {
				return strings.Join(all, " ")
			}
			next = v["next"].(string)
		}
	}
	m0 := ""
	for n := range 12 {
		if n == 9 {
			break // that many a user may have
		}
		id := k.member.create(fmt.Sprintf("m%02d", n))
		if n == 0 {
			m0 = id
		}
	}
	for _, c := range []struct {
		who         *caller
		query, want string
	}{
		{k.root, "owner=owner", "shared"},
		{k.root, "project=" + k.project.ID, "results"},
		{k.root, "title=SHAR", "shared"},
		{k.root, "title=%25", ""},
		{k.root, "deleted=true", ""},
		{k.root, "mine=true", ""},
		{k.root, "product=default&owner=owner", "shared"},
		{k.root, "", "results shared m00 m01 m02 m03 m04 m05 m06 m07 m08"},
		{k.member, "", "results m00 m01 m02 m03 m04 m05 m06 m07 m08"},
		{k.member, "owner=member&title=M03", "m03"},
		{k.member, "project=" + k.project.ID, "results"},
		{k.reader, "", "shared"},
		{k.stranger, "", ""},
	} {
		if c.query == "product=default&owner=owner" {
			c.query = "owner=owner&product=" + url.QueryEscape(k.files.Products().Default().ID)
		}
		if got := ids(c.who, c.query); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.who.user.Name, c.query, got, c.want)
		}
	}
	for query, want := range map[string]string{"owner=nobody": "owner: there is no user", "project=x": "project: must be the ID", "product=gold": "product: there is no product",
		"deleted=1": "deleted: must be one of", "owner=a&project=" + k.project.ID: "project: contradicts", "title=" + strings.Repeat("x", 257): "title"} {
		k.root.wants(400, "GET", "/api/davit/folders?"+query, "", want)
	}

	// Labels, what members may, and whether it is in use.
	k.member.wants(200, "POST", "/api/files/collections/updateLabels", `{"items":[{"id":"`+m0+`","labels":{"team":"a"}}]}`)
	k.member.wants(200, "GET", "/api/davit/folders/"+m0, "", `"labels":{"team":"a"}`, `"memberRights":null`, `"inUse":false`)
	k.member.wants(201, "PUT", "/dav/"+m0+"/a", "a")
	for _, target := range []string{"/api/davit/folders/" + m0, "/api/davit/folders?title=m00"} {
		k.member.wants(200, "GET", target, "", `"labels":{"team":"a"}`, `"inUse":true`)
	}
	k.member.wants(200, "GET", "/api/davit/folders?title=m01", "", `"labels":{}`, `"inUse":false`)
	k.member.wants(200, "GET", "/api/davit/folders?title=results", "", `"memberRights":["read","write"]`)

	// What all members may is for who manages the folder.
	results := "/api/davit/folders/" + k.folder
	k.member.wants(403, "PATCH", results, `{"memberRights":[]}`, "right admin")
	k.chief.wants(200, "PATCH", results, `{"memberRights":["read","write","remove"]}`, `"memberRights":["read","write","remove"]`)
	k.member.wants(200, "GET", results, "", `"rights":["read","write","remove"]`)
	k.chief.wants(200, "PATCH", results, `{"memberRights":[]}`, `"memberRights":[]`)
	k.member.wants(404, "GET", results, "")
	k.chief.wants(400, "PATCH", results, `{"memberRights":["admin"]}`, "memberRights[0]: must be")
	k.chief.wants(403, "PATCH", results, `{"memberRights":["read"],"limits":{"maxBytes":1}}`, "administrator")
	k.chief.wants(403, "PATCH", results, `{}`, "administrator")
	k.owner.wants(400, "PATCH", "/api/davit/folders/"+k.shared, `{"memberRights":[]}`, "memberRights: the folder is of no project")
	k.chief.wants(200, "PATCH", results, `{"memberRights":["write"]}`, `"memberRights":["read","write"]`)
	k.member.wants(200, "GET", results, "", `"rights":["read","write"]`)

	// Limits hold at once.
	one := "/api/davit/folders/" + k.shared
	v := k.root.wants(200, "PATCH", one, `{"limits":{"maxBytes":10,"maxFiles":null}}`).json(t)
	if dig(v, "limits", "maxBytes") != 10.0 || dig(v, "limits", "maxFiles") != nil || dig(v, "usage", "maxBytes") != 10.0 || dig(v, "usage", "available") != 10.0 || dig(v, "usage", "maxFiles") != nil {
		t.Errorf("%v", v)
	}
	if a := k.owner.call("PUT", "/dav/"+k.shared+"/a", "eleven byte"); a.status != 507 {
		t.Errorf("PUT above the limit: %d", a.status)
	}
	k.root.wants(200, "PATCH", one, `{"limits":{"maxBytes":"default"}}`, `"maxBytes":"default"`)
	k.owner.wants(201, "PUT", "/dav/"+k.shared+"/a", "eleven byte")
	k.root.wants(400, "PATCH", one, `{"limits":{"maxBytes":-5}}`, "limits.maxBytes")
	k.root.wants(400, "PATCH", one, `{"limits":{"maxFolders":5}}`, "limits.maxFolders: is no limit here")
	// Those of a user, too.
	k.root.wants(200, "PATCH", "/api/davit/users/owner", `{"limits":{"maxBytes":12}}`)
	if a := k.owner.call("PUT", "/dav/"+k.shared+"/b", "more"); a.status != 507 {
		t.Errorf("PUT above the user's limit: %d", a.status)
	}

	// Deleted, restored, deleted for good.
	k.reader.wants(403, "DELETE", one, "")
	k.owner.wants(204, "DELETE", one, "")
	k.owner.wants(404, "GET", "/dav/"+k.shared+"/a", "")
	k.reader.wants(404, "GET", one, "")
	k.owner.wants(204, "DELETE", one, "")
	if got := ids(k.owner, "deleted=true"); got != "" && got != "shared" {
		t.Errorf("deleted: %q", got)
	}
	if h := k.owner.call("POST", one+"/restore", ""); h.status == 200 {
		k.owner.wants(200, "GET", "/dav/"+k.shared+"/a", "", "eleven byte")
		k.owner.wants(200, "POST", one+"/restore", "")
		k.root.wants(204, "DELETE", one+"?final=true", "")
		k.root.wants(404, "POST", one+"/restore", "")
	} else {
		t.Errorf("restore: %d %s", h.status, h.body)
	}

	// Another owner.
	give := "/api/davit/folders/" + k.folder + "/owner"
	k.chief.wants(403, "POST", give, `{"user":"chief"}`)
	k.root.wants(400, "POST", give, `{"user":"nobody"}`, "user: there is no user")
	k.root.wants(400, "POST", give, `{"project":"none"}`, "project: there is no project")
	k.root.wants(400, "POST", give, `{"user":"owner","project":"Lab"}`, "project: contradicts")
	k.root.wants(200, "POST", give, `{"user":"stranger"}`, `"owner":"stranger"`)
	k.stranger.wants(201, "PUT", "/dav/"+k.folder+"/mine", "x")
	k.chief.wants(404, "GET", "/dav/"+k.folder+"/mine", "")
	k.root.wants(200, "POST", give, `{"project":"Lab"}`, `"title":"Lab"`)
	k.root.wants(200, "POST", give, `{"project":"`+k.project.ID+`"}`)
	k.stranger.wants(404, "GET", "/dav/"+k.folder+"/mine", "")
	k.chief.wants(200, "GET", "/dav/"+k.folder+"/mine", "", "x")
}

func TestLCK12_LocksOverAPI(t *testing.T) {
	k := newCast(t)
	at := "/api/davit/folders/" + k.folder + "/locks"
	token := k.member.lock("/dav/" + k.folder + "/draft.txt")
	tokens := func(c *caller) string {
		t.Helper()
		v := c.wants(200, "GET", at, "").json(t)
		var all []string
		for _, l := range v["locks"].([]any) {
			if dig(l, "user") != "member" || dig(l, "path") != "draft.txt" || dig(l, "depth") != "0" || dig(l, "owner") != "member" {
				t.Errorf("%v", l)
			}
			all = append(all, fmt.Sprint(dig(l, "token")))
		}
		return strings.Join(all, " ")
	}
	// A second member sees that, not the token.
	other := k.caller("other")
	if err := k.store.SetMember(t.Context(), k.project.ID, other.user.ID, store.RoleUser); err != nil {
		t.Fatal(err)
	}
	for c, want := range map[*caller]string{k.member: token, k.chief: token, k.root: token, other: "<nil>"} {
		if got := tokens(c); got != want {
			t.Errorf("%s sees %s", c.user.Name, got)
		}
	}
	k.root.wants(200, "GET", "/api/davit/locks", "", token, `"path":"draft.txt"`, `"folderTitle":`)
	for query, want := range map[string]int{"query=RAFT": 1, "query=Member": 1, "query=x%25": 0, "folder=" + k.folder: 1, "folder=" + k.shared: 0, "folder=" + k.folder + "&query=zzz": 0} {
		if v := k.root.wants(200, "GET", "/api/davit/locks?"+query, "").json(t); len(v["items"].([]any)) != want {
			t.Errorf("%s: %v, want %d", query, v["items"], want)
		}
	}
	k.root.wants(400, "GET", "/api/davit/locks?folder=x", "", "folder")
	k.root.wants(400, "GET", "/api/davit/locks?query="+strings.Repeat("x", 257), "", "query")

	// Whoever may not remove it; then its maker does, and WebDAV knows at once.
	other.wants(403, "DELETE", at+"/"+token, "", "of member")
	if a := other.call("PUT", "/dav/"+k.folder+"/draft.txt", "x"); a.status != 423 {
		t.Errorf("PUT on a locked file: %d", a.status)
	}
	k.member.wants(204, "DELETE", at+"/"+token, "")
	k.member.wants(404, "DELETE", at+"/"+token, "", "lock-not-found")
	if a := other.call("PUT", "/dav/"+k.folder+"/draft.txt", "x"); a.status != 204 {
		t.Errorf("PUT after the lock is gone: %d", a.status)
	}
	// By the project's ADMIN, and by an administrator; who did it is in the audit.
	for _, c := range []*caller{k.chief, k.root} {
		token := k.member.lock("/dav/" + k.folder + "/draft.txt")
		c.wants(204, "DELETE", at+"/"+url.PathEscape(token), "")
		k.root.wants(200, "GET", "/api/davit/audit?action=lock.&user="+c.user.Name, "", `"action":"lock.delete"`, `"subject":"member"`, `"path":"draft.txt"`)
	}
	if got := tokens(k.root); got != "" {
		t.Errorf("left: %s", got)
	}
	// One that the row of is removed, as the command does: the server follows.
	token = k.member.lock("/dav/" + k.folder + "/draft.txt")
	if err := k.store.BreakLock(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := k.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := other.call("PUT", "/dav/"+k.folder+"/draft.txt", "y"); a.status != 204 {
		t.Errorf("PUT after the lock's row is gone: %d", a.status)
	}
	// A refresh that comes before the server followed does not bring it back.
	token = k.member.lock("/dav/" + k.folder + "/draft.txt")
	if err := k.store.BreakLock(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	again := k.request("LOCK", "/dav/"+k.folder+"/draft.txt", "")
	again.Header.Set("If", "(<"+token+">)")
	again.SetBasicAuth("member", k.member.token)
	if a := k.do(again); a.status != 412 || !strings.Contains(a.body, "lock-token-matches-request-uri") {
		t.Errorf("refresh of a lock whose row is gone: %d %s", a.status, a.body)
	}
	if _, err := k.store.Lock(t.Context(), token); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock's row after the refresh: %v", err)
	}
	if a := other.call("PUT", "/dav/"+k.folder+"/draft.txt", "z"); a.status != 204 {
		t.Errorf("PUT after the refresh was refused: %d", a.status)
	}
	// An administrator who may read ends others' locks over WebDAV; the audit tells of that as well.
	token = k.owner.lock("/dav/" + k.shared + "/a")
	if err := k.store.SetGrant(t.Context(), k.shared, k.root.user.ID, store.RightsRO); err != nil {
		t.Fatal(err)
	}
	r := k.request("UNLOCK", "/dav/"+k.shared+"/a", "")
	r.Header.Set("Lock-Token", "<"+token+">")
	r.SetBasicAuth("root", k.root.token)
	if a := k.do(r); a.status != 204 {
		t.Errorf("UNLOCK: %d %s", a.status, a.body)
	}
	k.root.wants(200, "GET", "/api/davit/audit?action=lock.delete&door=webdav", "", `"user":"root"`, `"subject":"owner"`, `"address":"127.0.0.1"`)
}

func (c *caller) actions(query string) []string {
	c.t.Helper()
	var all []string
	for next := ""; ; {
		v := c.wants(200, "GET", "/api/davit/audit?itemsPerPage=10&"+query+"&next="+next, "").json(c.t)
		for _, e := range v["items"].([]any) {
			all = append(all, dig(e, "action").(string))
		}
		if v["next"] == nil {
			return all
		}
		next = v["next"].(string)
	}
}

func TestD33_Audit(t *testing.T) {
	k := newCast(t)
	k.root.wants(201, "POST", "/api/davit/users", `{"name":"new","password":"a good password"}`)
	k.root.wants(200, "PATCH", "/api/davit/users/new", `{"admin":true,"limits":{"maxFiles":5},"password":"a better password"}`)
	k.root.wants(204, "DELETE", "/api/davit/users/new", "")
	k.root.wants(200, "PATCH", "/api/davit/folders/"+k.shared, `{"limits":{"maxFiles":5}}`)
	k.root.wants(200, "POST", "/api/davit/folders/"+k.shared+"/owner", `{"user":"reader"}`)
	got := strings.Join(k.root.actions("user=root"), " ")
	if want := "folder.owner folder.limit user.delete user.limit user.change user.password user.create"; got != want {
		t.Errorf("root did %s, want %s", got, want)
	}
	// Each filter, alone and with others.
	for query, want := range map[string]string{
		"folder=" + k.shared:                             "folder.owner folder.limit grant.set folder.create",
		"folder=" + k.shared + "&user=root":              "folder.owner folder.limit",
		"folder=" + k.shared + "&action=grant":           "grant.set",
		"folder=" + k.shared + "&user=owner":             "folder.create",
		"project=" + k.project.ID + "&action=project":    "project.create",
		"action=user.pass":                               "user.password",
		"action=user.password&door=webdav":               "",
		"action=folder.owner&until=2020-01-01":           "",
		"action=folder.owner&since=2020-01-01":           "folder.owner",
		"action=folder.owner&since=2999-01-01T00:00:00Z": "",
		"user=nobody":                             "",
		"door=command":                            "",
		"text=BETTER":                             "",
		"text=New&action=user.p":                  "user.password",
		"text=reader&action=folder.owner":         "folder.owner",
		"text=" + k.shared + "&user=root":         "folder.owner folder.limit",
		"text=127.0.0.&user=root&action=folder.l": "folder.limit",
		"text=nobody's":                           "",
	} {
		if got := strings.Join(k.root.actions(query), " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{"since=yesterday": "since: must be a time", "until=0": "until", "folder=" + strings.Repeat("x", 257): "folder", "project=x": "project", "text=" + strings.Repeat("x", 257): "text",
		"user=" + strings.Repeat("x", 257): "user", "action=%ff": "action", "since=0001-01-01": "since"} {
		k.root.wants(400, "GET", "/api/davit/audit?"+query, "", want)
	}
	// A folder that is gone is found by the title that it had.
	gone := k.owner.create("gone")
	k.root.wants(204, "DELETE", "/api/davit/folders/"+gone+"?final=true", "")
	if got, want := strings.Join(k.root.actions("folder=gone"), " "), "folder.delete folder.create"; got != want {
		t.Errorf("of a folder that is gone: %q, want %q", got, want)
	}
	if got := k.root.actions("folder=Gone"); len(got) != 0 {
		t.Errorf("of a title that no folder had: %q", got)
	}
	// The folder's own, for who has the right admin there.
	k.reader.wants(200, "GET", "/api/davit/folders/"+k.shared+"/audit?folder="+k.folder, "", "folder.owner")
	if a := k.chief.wants(200, "GET", "/api/davit/folders/"+k.folder+"/audit", ""); strings.Contains(a.body, k.shared) {
		t.Errorf("another folder's: %s", a.body)
	}
	// Passwords and hashes are nowhere.
	a := k.root.wants(200, "GET", "/api/davit/audit/export", "")
	for _, secret := range []string{"good password", "better password", "argon2"} {
		if strings.Contains(a.body, secret) {
			t.Errorf("the audit has %q", secret)
		}
	}
	if a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("type %v", a.header)
	}
	var last string
	lines := strings.Split(strings.TrimSuffix(a.body, "\n"), "\n")
	for _, line := range lines {
		var e struct{ ID, Action string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID <= last {
			t.Fatalf("%s after %s: %v", line, last, err)
		}
		last = e.ID
	}
	if all := k.root.actions(""); len(all) != len(lines) || len(all) < 20 {
		t.Errorf("%d entries, %d exported", len(all), len(lines))
	}
	one := k.root.wants(200, "GET", "/api/davit/audit/export?action=folder.owner", "")
	if n := strings.Count(one.body, "\n"); n != 1 {
		t.Errorf("exported %d: %s", n, one.body)
	}
	// As a table. What is a formula to spreadsheets is none any more.
	k.root.wants(201, "POST", "/api/davit/users", `{"name":"=HYPERLINK(\"A1\"), and more"}`)
	table := k.root.wants(200, "GET", "/api/davit/audit/export?format=csv&action=user.create&text=hyperlink", "")
	rows, err := csv.NewReader(strings.NewReader(table.body)).ReadAll()
	if err != nil || len(rows) != 2 || !slices.Equal(rows[0], auditColumns) || rows[1][2] != "user.create" || rows[1][8] != `'=HYPERLINK("A1"), and more` ||
		rows[1][3] != "root" || !json.Valid([]byte(rows[1][11])) {
		t.Errorf("%q, %v", rows, err)
	}
	if kind := table.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv; charset=utf-8") || !strings.Contains(table.header.Get("Content-Disposition"), `"davit-audit.csv"`) {
		t.Errorf("%v", table.header)
	}
	k.root.wants(400, "GET", "/api/davit/audit/export?format=xml", "", "format")
}

// The list of everybody's folders: in order, in pages, and what needs somebody.
func TestD33_ListOfFolders(t *testing.T) {
	k := newCast(t)
	for _, title := range []string{"c", "B", "a"} {
		k.owner.create(title)
	}
	titles := func(query string) string {
		t.Helper()
		var all []string
		for next := ""; ; {
			v := k.root.wants(200, "GET", "/api/davit/folders?itemsPerPage=10&"+query+"&next="+next, "").json(t)
			for _, f := range v["items"].([]any) {
				all = append(all, dig(f, "title").(string))
			}
			var more bool
			if next, more = v["next"].(string); !more {
				return strings.Join(all, " ")
			}
		}
	}
	all := titles("sortBy=title")
	if want := "a B c "; !strings.HasPrefix(all, want) {
		t.Errorf("by title: %s", all)
	}
	words := strings.Fields(titles("sortBy=title&sortDirection=descending"))
	slices.Reverse(words)
	if got := strings.Join(words, " "); got != all {
		t.Errorf("backwards: %s, forwards %s", got, all)
	}
	if got := titles("query=owner&sortBy=title"); !strings.HasPrefix(got, "a B c") {
		t.Errorf("of the owner: %s", got)
	}
	writeFileIn(t, k.dir, k.shared, "by-hand", "12345")
	k.root.wants(200, "PATCH", "/api/davit/folders/"+k.shared, `{"limits":{"maxBytes":5}}`)
	if got := titles("state=counting"); got != "" {
		t.Errorf("counting: %s", got)
	}
	k.root.wants(202, "POST", "/api/davit/folders/"+k.shared+"/scan", "")
	if got := titles("state=counting"); got != "shared" {
		t.Errorf("counting: %s", got)
	}
	if _, err := k.files.Scan(t.Context(), k.shared); err != nil {
		t.Fatal(err)
	}
	if got := titles("state=full"); got != "shared" {
		t.Errorf("full: %s", got)
	}
	if got := titles("sortBy=share&sortDirection=descending"); !strings.HasPrefix(got, "shared ") {
		t.Errorf("by share: %s", got)
	}
	k.server.sums.until = time.Time{}
	v := k.root.wants(200, "GET", "/api/davit/status", "").json(t)
	if dig(v, "folders", "full") != 1.0 || dig(v, "folders", "bytes") != 5.0 {
		t.Errorf("status %v", v["folders"])
	}
	if n := k.root.metrics()["davit_stored_bytes"]; n != 5 {
		t.Errorf("stored bytes %v", n)
	}
	for query, want := range map[string]string{"sortBy=colour": "sortBy", "sortDirection=up": "sortDirection", "state=happy": "state", "query=" + strings.Repeat("x", 257): "query"} {
		k.root.wants(400, "GET", "/api/davit/folders?"+query, "", want)
	}
	for _, query := range []string{"sortBy=bytes", "query=x", "state=full", "sortDirection=descending"} {
		k.owner.wants(403, "GET", "/api/davit/folders?"+query, "", "for administrators")
		k.root.wants(403, "GET", "/api/davit/folders?mine=true&"+query, "", "everybody")
	}
}

// Changes of files are told in sums: by whom, where from, in which folder.
func TestD33_AuditOfFiles(t *testing.T) {
	k := newCast(t)
	at := "/dav/" + k.folder + "/"
	k.member.wants(201, "PUT", at+"a", "1")
	k.member.wants(204, "PUT", at+"a", "2")
	k.member.wants(201, "MKCOL", at+"d", "")
	r := k.request("MOVE", at+"a", "")
	r.Header.Set("Destination", at+"d/a")
	r.SetBasicAuth("member", k.member.token)
	if a := k.do(r); a.status != 201 {
		t.Fatalf("MOVE: %d", a.status)
	}
	k.member.wants(204, "DELETE", at+"d", "")
	k.chief.wants(201, "PUT", at+"c", "3")
	k.member.wants(200, "GET", at+"c", "")
	up := k.reader.session("/"+k.reader.create("mine")+"/d", "REJECT")
	if a := k.chunk(up, 0, 1, "4"); a.status != 200 {
		t.Fatalf("chunk: %d %s", a.status, a.body)
	}
	if err := k.files.Close(t.Context()); err != nil { // writes what has been counted
		t.Fatal(err)
	}
	entries, _, err := k.store.Audit(t.Context(), store.AuditFilter{FolderID: k.folder, Action: "files."}, "", 10)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	// Who uploads by a link is who asked for it, from where the bytes come.
	if of, _, err := k.store.Audit(t.Context(), store.AuditFilter{Folder: "mine", Action: "files."}, "", 10); err != nil || len(of) != 1 ||
		of[0].UserName != "reader" || of[0].Address != "127.0.0.1" || of[0].Door != "davit" {
		t.Errorf("by a link: %+v, %v", of, err)
	}
	for _, e := range entries {
		var got struct{ Writes, Deletes, Moves int64 }
		if err := json.Unmarshal(e.Detail, &got); err != nil {
			t.Fatal(err)
		}
		want := struct{ Writes, Deletes, Moves int64 }{1, 0, 0}
		if e.UserName == "member" {
			want = struct{ Writes, Deletes, Moves int64 }{3, 1, 1}
		}
		if got != want || e.Action != "files.change" || e.Door != "webdav" || e.Address != "127.0.0.1" || e.Folder != "results" {
			t.Errorf("%+v: %+v, want %+v", e, got, want)
		}
	}
}

func TestD33_StatusAndCheck(t *testing.T) {
	k := newCast(t)
	k.server.checks.pause = time.Millisecond
	v := k.root.wants(200, "GET", "/api/davit/status", "").json(t)
	if v["ready"] != true || len(v["problems"].([]any)) != 0 || dig(v, "counts", "folders") != 2.0 || dig(v, "counts", "administrators") != 1.0 || dig(v, "check", "state") != "never" {
		t.Errorf("%v", v)
	}
	volumes := v["volumes"].([]any)
	if len(volumes) != 1 || dig(volumes[0], "directory") != "" || dig(volumes[0], "totalBytes").(float64) < dig(volumes[0], "freeBytes").(float64) {
		t.Errorf("volumes %v", volumes)
	}
	if dig(v, "database", "bytes").(float64) < 1000 {
		t.Errorf("database %v", v["database"])
	}
	check := func(body string) map[string]any {
		t.Helper()
		k.root.wants(202, "POST", "/api/davit/check", body)
		k.server.jobs.Wait()
		return k.root.wants(200, "GET", "/api/davit/check", "").json(t)
	}
	if v := check(""); v["state"] != "done" || v["ok"] != true || v["total"] != 0.0 || v["round"] != 1.0 || dig(v, "looked", "folders") != 2.0 || dig(v, "looked", "of") != 2.0 {
		t.Errorf("all is well: %v", v)
	}
	// A file that came by hand.
	writeFileIn(t, k.dir, k.shared, "by-hand", "12345")
	v = check("")
	if v["ok"] != false || v["total"] != 1.0 || dig(v["findings"].([]any)[0], "kind") != "usage" || dig(v["findings"].([]any)[0], "folderId") != k.shared {
		t.Errorf("changed by hand: %v", v)
	}
	k.root.wants(200, "GET", "/api/davit/status", "", "the last check found differences")
	if v := check(`{"repair":true}`); v["ok"] != true || dig(v["findings"].([]any)[0], "repaired") != true {
		t.Errorf("repaired: %v", v)
	}
	if v := check(""); v["total"] != 0.0 {
		t.Errorf("after that: %v", v)
	}
	// The audit remembers them all.
	v = k.root.wants(200, "GET", "/api/davit/audit?action=check.", "").json(t)
	ended := v["items"].([]any)
	if len(ended) != 4 || dig(ended[1], "detail", "repaired") != 1.0 || dig(ended[1], "detail", "repair") != true || dig(ended[2], "detail", "differences") != 1.0 ||
		dig(ended[2], "detail", "files") != 1.0 || dig(ended[0], "user") != "root" || dig(ended[0], "detail", "folders") != 2.0 {
		t.Errorf("history %v", ended)
	}
	// While one runs, no other begins.
	if !k.server.checks.begin(time.Now(), false) || k.server.checks.begin(time.Now(), false) {
		t.Error("two at once")
	}
	k.root.wants(202, "POST", "/api/davit/check", "", `"state":"running"`)
	k.server.checks.end(time.Now(), nil, nil, http.ErrAbortHandler)
	k.root.wants(200, "GET", "/api/davit/check", "", `"state":"failed"`, `"ok":null`)
	// What is found is bounded.
	if k.server.checks.begin(time.Now(), false) {
		k.server.checks.end(time.Now(), make([]davfs.Finding, mostFindings+7), nil, nil)
	}
	if v := k.server.checks.view(); len(v.Findings) != mostFindings || v.Total != mostFindings+7 {
		t.Errorf("%d findings of %d", len(v.Findings), v.Total)
	}
	// What the audit is told is not.
	found := slices.Repeat([]davfs.Finding{{Repaired: true}}, mostFindings+7)
	k.server.noteCheck(t.Context(), time.Now(), found, found[:mostFindings+3])
	v = k.root.wants(200, "GET", "/api/davit/audit?action=check.", "").json(t)
	if last := v["items"].([]any)[0]; dig(last, "detail", "repaired") != mostFindings+7.0 || dig(last, "detail", "inUse") != mostFindings+3.0 {
		t.Errorf("many: %v", last)
	}
}

// writeFileIn puts a file into a folder behind the server's back.
func writeFileIn(t *testing.T, dir, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "files", folder, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
