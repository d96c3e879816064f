package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// make asks for a token by one of the two APIs, and gives its text.
func (p *person) make(target, body string, header ...string) (text string, made map[string]any) {
	p.t.Helper()
	a := p.with("POST", target, body, append(header, "Authorization", "Bearer "+p.access)...)
	if a.status != 200 && a.status != 201 {
		p.t.Fatalf("POST %s %s: %d %s", target, body, a.status, a.body)
	}
	made = a.json(p.t)
	if status, ok := made["status"].(map[string]any); ok {
		return status["token"].(string), made
	}
	return made["token"].(string), made
}

func TestAPITokens(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.person("ann", false).signIn(), h.person("bob", false).signIn()
	future := then.Add(time.Hour).UnixMilli()
	body := fmt.Sprintf(`{"title":"backup","description":"nightly","provider":null,"requestedPermissions":[{"name":"files","action":"read"},{"name":"webdav","action":"write"}],"expiresAt":%d}`, future)
	text, made := ann.make("/api/tokens", body, "Content-Type", "content-type: application/json; charset=utf-8")
	id := made["id"].(string)
	if len(text) > 64 || !strings.HasPrefix(text, "uc"+id+"-") {
		t.Errorf("token %q, ID %q", text, id)
	}
	spec := made["specification"].(map[string]any)
	if spec["title"] != "backup" || spec["expiresAt"] != float64(future) || fmt.Sprint(spec["requestedPermissions"]) != "[map[action:read name:files] map[action:write name:webdav]]" {
		t.Errorf("specification %v", spec)
	}
	if server := made["status"].(map[string]any)["server"]; server != h.url {
		t.Errorf("server %v, want %s", server, h.url)
	}
	browse := func(p *person, query string, header ...string) []any {
		t.Helper()
		a := h.with("GET", "/api/tokens/browse?"+query, "", append(header, "Authorization", "Bearer "+p.access)...)
		if a.status != 200 || strings.Contains(a.body, text) {
			t.Fatalf("browse: %d %s", a.status, a.body)
		}
		return a.json(t)["items"].([]any)
	}
	if got := browse(ann, ""); len(got) != 1 || got[0].(map[string]any)["status"].(map[string]any)["token"] != nil {
		t.Errorf("browse: %v", got)
	}
	if got := browse(bob, ""); len(got) != 0 {
		t.Errorf("bob sees %v", got)
	}
	if opts := h.bearer(ann.access, "GET", "/api/tokens/retrieveOptions", "").json(t)["byProvider"].(map[string]any)[""].(map[string]any)["availablePermissions"].([]any); len(opts) < 5 {
		t.Errorf("options %v", opts)
	} else {
		for _, o := range opts { // all that is offered is taken
			ann.make("/api/tokens", fmt.Sprintf(`{"title":"x","requestedPermissions":[{"name":%q,"action":"write"}]}`, o.(map[string]any)["name"]))
		}
	}

	for name, c := range map[string]struct{ body, why string }{
		"expired":                {`{"title":"x","requestedPermissions":[{"name":"all","action":"read"}],"expiresAt":1}`, "expiresAt"},
		"far":                    {`{"title":"x","requestedPermissions":[{"name":"all","action":"read"}],"expiresAt":999999999999999999}`, "expiresAt"},
		"no title":               {`{"requestedPermissions":[{"name":"all","action":"read"}]}`, "title"},
		"blank title":            {`{"title":" ","requestedPermissions":[{"name":"all","action":"read"}]}`, "title"},
		"long title":             {`{"title":"` + strings.Repeat("x", 2000) + `","requestedPermissions":[{"name":"all","action":"read"}]}`, "title"},
		"no permissions":         {`{"title":"x"}`, "requestedPermissions"},
		"empty permissions":      {`{"title":"x","requestedPermissions":[]}`, "requestedPermissions"},
		"unknown permission":     {`{"title":"x","requestedPermissions":[{"name":"jobs","action":"read"}]}`, "requestedPermissions[0]"},
		"no such call":           {`{"title":"x","requestedPermissions":[{"name":"files.nonsense","action":"read"}]}`, "files.nonsense"},
		"half a name":            {`{"title":"x","requestedPermissions":[{"name":"file","action":"read"}]}`, "file"},
		"unknown action":         {`{"title":"x","requestedPermissions":[{"name":"files","action":"delete"}]}`, "requestedPermissions[0]"},
		"scopes in a name":       {`{"title":"x","requestedPermissions":[{"name":"files:read all","action":"write"}]}`, "requestedPermissions[0]"},
		"another provider":       {`{"title":"x","provider":"acme","requestedPermissions":[{"name":"all","action":"read"}]}`, "provider"},
		"permission of no shape": {`{"title":"x","requestedPermissions":["all:write"]}`, "requestedPermissions[0]"},
	} {
		a := h.bearer(ann.access, "POST", "/api/tokens", c.body)
		if a.status != 400 || !strings.Contains(a.json(t)["why"].(string), c.why) {
			t.Errorf("%s: %d %s, want 400 with %q", name, a.status, a.body, c.why)
		}
	}

	// Labels, of all or of none.
	label := func(p *person, body string) answer {
		return h.bearer(p.access, "POST", "/api/tokens/updateLabels", body)
	}
	if a := label(ann, `{"type":"bulk","items":[{"id":"`+id+`","labels":{"Hidden":"true","b":null}}]}`); a.status != 200 || a.body != "{}\n" {
		t.Errorf("updateLabels: %d %s", a.status, a.body)
	}
	n := len(browse(ann, "filterHidden=false"))
	if got := browse(ann, "filterHidden=true"); len(got) != n-1 {
		t.Errorf("%d without hidden ones of %d", len(got), n)
	}
	for _, body := range []string{`{"items":[{"id":"` + id + `","labels":{}},{"id":"aaaaaaaaaaaaaaaa","labels":{}}]}`} {
		if a := label(ann, body); a.status != 404 {
			t.Errorf("labels of a token that is not there: %d %s", a.status, a.body)
		}
		if a := label(bob, body); a.status != 404 {
			t.Errorf("labels of another's: %d %s", a.status, a.body)
		}
	}
	if got := browse(ann, "filterHidden=true"); len(got) != n-1 {
		t.Error("a refused bulk changed labels")
	}
	for _, body := range []string{``, `{}`, `{"items":[]}`, `{"items":[{}]}`, `{"items":[{"id":"` + id + `","labels":[]}]}`, `{"items":[{"id":"` + id + `"},{"id":"` + id + `"}]}`} {
		if a := label(ann, body); a.status != 400 {
			t.Errorf("updateLabels %s: %d %s", body, a.status, a.body)
		}
	}
	if page := browse(ann, "itemsPerPage=10"); len(page) != min(n, 10) {
		t.Errorf("a page of %d", len(page))
	}

	// The end.
	if got := h.bearer(text, "GET", "/api/files/collections/browse", "").status; got != 200 {
		t.Errorf("the token: %d", got)
	}
	revoke := func(p *person) {
		t.Helper()
		if a := h.bearer(p.access, "POST", "/api/tokens/revoke", `{"id":"`+id+`"}`); a.status != 200 || a.body != "{}\n" {
			t.Errorf("revoke: %d %s", a.status, a.body)
		}
	}
	revoke(bob)
	if got := h.bearer(text, "GET", "/api/files/collections/browse", "").status; got != 200 {
		t.Errorf("after bob has revoked it: %d", got)
	}
	revoke(ann)
	revoke(ann)
	if got := h.bearer(text, "GET", "/api/files/collections/browse", "").status; got != 401 {
		t.Errorf("after its end: %d", got)
	}
	if a := h.bearer(ann.access, "POST", "/api/tokens/revoke", `{}`); a.status != 400 {
		t.Errorf("revoke nothing: %d", a.status)
	}
}

// A token made in a project acts there and nowhere else, whatever Project says.
func TestAPITokensHaveAWorkspace(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.person("ann", false).signIn(), h.person("bob", false).signIn()
	limits := store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}
	project, err := h.store.CreateProject(t.Context(), store.Project{Title: "lab", Limits: limits}, ann.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	all := `{"title":"x","requestedPermissions":[{"name":"all","action":"write"}]}`
	inside, made := ann.make("/api/tokens", all, "Project", project.ID)
	if made["owner"].(map[string]any)["project"] != project.ID {
		t.Errorf("owner %v", made["owner"])
	}
	outside, _ := ann.make("/api/tokens", all)
	if a := h.with("POST", "/api/tokens", all, "Project", project.ID, "Authorization", "Bearer "+bob.access); a.status != 403 {
		t.Errorf("bob makes one there: %d %s", a.status, a.body)
	}
	create := func(token, title string, header ...string) {
		t.Helper()
		a := h.with("POST", "/api/files/collections", `{"items":[{"title":"`+title+`","product":`+standardProduct+`}]}`, append(header, "Authorization", "Bearer "+token)...)
		if a.status != 200 {
			t.Fatalf("create %s: %d %s", title, a.status, a.body)
		}
	}
	create(inside, "in the lab")
	create(inside, "also there", "Project", "")
	create(outside, "at home", "Project", project.ID)
	titles := func(token string, header ...string) string {
		t.Helper()
		a := h.with("GET", "/api/files/collections/browse", "", append(header, "Authorization", "Bearer "+token)...)
		var got []string
		for _, item := range a.json(t)["items"].([]any) {
			got = append(got, item.(map[string]any)["specification"].(map[string]any)["title"].(string))
		}
		slices.Sort(got)
		return strings.Join(got, ", ")
	}
	for name, c := range map[string][2]string{
		"inside":                      {titles(inside), "also there, in the lab"},
		"inside, asking for home":     {titles(inside, "Project", strings.Repeat("0", 32)), "also there, in the lab"},
		"outside, asking for the lab": {titles(outside, "Project", project.ID), "at home"},
		"ann, in the lab":             {titles(ann.access, "Project", project.ID), "also there, in the lab"},
		"ann, at home":                {titles(ann.access), "at home"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %q, want %q", name, c[0], c[1])
		}
	}
	// What comes of it stays there.
	a := h.with("POST", "/api/davit/tokens", `{"title":"y"}`, "Authorization", "Bearer "+inside)
	if a.status != 201 || a.json(t)["workspace"] != project.ID {
		t.Errorf("a token by a token: %d %s", a.status, a.body)
	}
	if a := h.bearer(inside, "POST", "/api/davit/keys", ""); a.status != 403 {
		t.Errorf("an API key by a token of a workspace: %d %s", a.status, a.body)
	}
	if a := h.bearer(ann.access, "GET", "/api/tokens/browse", ""); strings.Contains(a.body, made["id"].(string)) {
		t.Errorf("the lab's token is listed at home: %s", a.body)
	}
}

func TestScopes(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false).signIn()
	a := h.bearer(ann.access, "POST", "/v2/folder/create", `{"name":"docs"}`)
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := a.json(t)["folderId"].(string)
	calls := map[string]func(token string) answer{
		"webdav read": func(k string) answer {
			return h.with("PROPFIND", "/dav/"+id+"/", "", "Authorization", "Bearer "+k, "Depth", "0")
		},
		"webdav write": func(k string) answer { return h.bearer(k, "PUT", "/dav/"+id+"/file", "x") },
		"webdav lock": func(k string) answer {
			return h.with("LOCK", "/dav/"+id+"/lock", `<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>`, "Authorization", "Bearer "+k)
		},
		"collection read": func(k string) answer { return h.bearer(k, "GET", "/api/files/collections/browse", "") },
		"collection write": func(k string) answer {
			return h.bearer(k, "POST", "/api/files/collections/rename", `{"items":[{"id":"`+id+`","newTitle":"docs"}]}`)
		},
		"search": func(k string) answer {
			return h.bearer(k, "POST", "/api/files/collections/search", `{"query":"docs","flags":{}}`)
		},
		"file read":    func(k string) answer { return h.bearer(k, "GET", "/api/files/browse?path=/"+id, "") },
		"vfolder read": func(k string) answer { return h.bearer(k, "GET", "/folders", "") },
		"vfolder old":  func(k string) answer { return h.bearer(k, "GET", "/v2/folder/"+id, "") },
		"vfolder write": func(k string) answer {
			return h.bearer(k, "POST", "/folders/docs/mkdir", `{"path":"d","exist_ok":true}`)
		},
		"davit read": func(k string) answer { return h.bearer(k, "GET", "/api/davit/keys", "") },
		"tokens":     func(k string) answer { return h.bearer(k, "GET", "/api/tokens/browse", "") },
		"sessions":   func(k string) answer { return h.bearer(k, "GET", "/auth/sessions", "") },
	}
	for scopes, open := range map[string]string{
		`["all:write"]`:                   "webdav read, webdav write, webdav lock, collection read, collection write, search, file read, vfolder read, vfolder old, vfolder write, davit read, tokens, sessions",
		`["all:read"]`:                    "webdav read, collection read, search, file read, vfolder read, vfolder old, davit read, tokens, sessions",
		`["webdav:read"]`:                 "webdav read",
		`["webdav:write"]`:                "webdav read, webdav write, webdav lock",
		`["files:read"]`:                  "collection read, search, file read",
		`["files.collections:read"]`:      "collection read, search",
		`["files.collections:write"]`:     "collection read, collection write, search",
		`["files.browse:read"]`:           "file read",
		`["vfolders:read","webdav:read"]`: "webdav read, vfolder read, vfolder old",
		`["vfolders:write"]`:              "vfolder read, vfolder old, vfolder write",
		`["davit.keys:read"]`:             "davit read",
		`["tokens:read","auth:read"]`:     "tokens, sessions",
	} {
		text, _ := ann.make("/api/davit/tokens", `{"title":"x","scopes":`+scopes+`}`)
		for name, call := range calls {
			a := call(text)
			want := slices.Contains(strings.Split(open, ", "), name)
			if got := a.status < 300; got != want {
				t.Errorf("%s, %s: %d %.200s", scopes, name, a.status, a.body)
			}
			if want {
				continue
			}
			switch {
			case strings.HasPrefix(name, "webdav"):
				if a.status != 403 {
					t.Errorf("%s, %s: %d, want 403", scopes, name, a.status)
				}
			case name == "collection read" || name == "collection write" || name == "search" || name == "file read" || name == "tokens" || name == "sessions":
				if a.status != 401 || !strings.Contains(a.json(t)["why"].(string), "scope") {
					t.Errorf("%s, %s: %d %s, want 401", scopes, name, a.status, a.body)
				}
			default:
				if a.status != 403 || !strings.Contains(a.json(t)["msg"].(string), "scope") || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
					t.Errorf("%s, %s: %d %s, want 403", scopes, name, a.status, a.body)
				}
			}
		}
	}
	// A narrowed token makes nothing wider.
	text, _ := ann.make("/api/davit/tokens", `{"title":"x","scopes":["davit:write","tokens:write"]}`)
	for target, body := range map[string]string{
		"/api/davit/tokens": `{"title":"y"}`, "/api/davit/keys": ``, "/api/davit/password": `{"old":"x","new":"y"}`,
		"/api/tokens": `{"title":"y","requestedPermissions":[{"name":"all","action":"write"}]}`,
	} {
		if a := h.bearer(text, "POST", target, body); a.status != 403 {
			t.Errorf("POST %s with a narrowed token: %d %s", target, a.status, a.body)
		}
	}
	short, _ := ann.make("/api/davit/tokens", `{"title":"x","expiresIn":"1h"}`)
	for body, status := range map[string]int{`{"title":"y"}`: 403, `{"title":"y","expiresIn":"2h"}`: 403, `{"title":"y","expiresIn":"30m"}`: 201} {
		if a := h.bearer(short, "POST", "/api/davit/tokens", body); a.status != status {
			t.Errorf("%s by a token of one hour: %d %s", body, a.status, a.body)
		}
	}
	if a := h.bearer(short, "POST", "/api/davit/keys", ""); a.status != 403 {
		t.Errorf("a key without end by a token of one hour: %d", a.status)
	}
	h.clock.set(then.Add(time.Hour))
	wantDoors(t, "after the hour", h.doors(short), shutDoors)
}

func TestD30_TokensForFolders(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.person("ann", true).signIn(), h.person("bob", false).signIn()
	ids := map[string]string{}
	for _, title := range []string{"one", "two", "three"} {
		a := h.bearer(ann.access, "POST", "/v2/folder/create", `{"name":"`+title+`"}`)
		ids[title], _ = a.json(t)["folderId"].(string)
		if a := h.bearer(ann.access, "PUT", "/dav/"+title+"/file", title); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	text, made := ann.make("/api/davit/tokens", `{"title":"kernel","folders":[{"id":"one"},{"id":"`+ids["two"]+`","readOnly":true}],"expiresIn":"12h","labels":{"a":"b"}}`)
	id := made["id"].(string)
	list := h.with("PROPFIND", "/dav/", "", "Authorization", "Bearer "+text, "Depth", "1").body
	if !strings.Contains(list, "/dav/one/") || !strings.Contains(list, "/dav/two/") || strings.Contains(list, "three") {
		t.Errorf("/dav/ shows %s", list)
	}
	type call struct {
		method, target, body string
		status               int
	}
	check := func(what, token string, calls ...call) {
		t.Helper()
		for _, c := range calls {
			if a := h.bearer(token, c.method, c.target, c.body); a.status != c.status {
				t.Errorf("%s: %s %s %s: %d %.300s, want %d", what, c.method, c.target, c.body, a.status, a.body, c.status)
			}
		}
	}
	check("narrowed", text,
		call{"GET", "/dav/one/file", "", 200}, call{"PUT", "/dav/one/file", "new", 204}, call{"DELETE", "/dav/one/file", "", 204},
		call{"GET", "/dav/two/file", "", 200}, call{"PUT", "/dav/two/file", "new", 403}, call{"DELETE", "/dav/two/file", "", 403},
		call{"GET", "/dav/three/file", "", 404}, call{"PUT", "/dav/three/new", "x", 404}, call{"GET", "/dav/" + ids["three"] + "/file", "", 404},
		call{"GET", "/v2/folder/" + ids["one"], "", 200}, call{"GET", "/v2/folder/" + ids["three"], "", 404},
		call{"GET", "/api/files/browse?path=/" + ids["two"], "", 200}, call{"GET", "/api/files/collections/retrieve?id=" + ids["three"], "", 404},
		call{"DELETE", "/v2/folder/" + ids["one"], "", 403}, call{"POST", "/folders/one/rename", `{"new_name":"other"}`, 403},
		call{"POST", "/api/files/collections/rename", `{"items":[{"id":"` + ids["one"] + `","newTitle":"x"}]}`, 403},
		call{"POST", "/api/files/collections/updateAcl", `{"items":[{"id":"` + ids["one"] + `","added":[{"entity":{"type":"user","username":"bob"},"permissions":["READ"]}],"deleted":[]}]}`, 403},
		call{"POST", "/v2/folder/create", `{"name":"new"}`, 403}, call{"POST", "/folders", `{"name":"new"}`, 403},
		call{"GET", "/api/davit/tokens", "", 403}, call{"POST", "/api/davit/tokens", `{"title":"x"}`, 403}, call{"DELETE", "/api/davit/tokens/" + id, "", 403},
		call{"GET", "/api/davit/keys", "", 403}, call{"POST", "/api/davit/keys", "", 403}, call{"GET", "/api/tokens/browse", "", 403},
		call{"POST", "/api/tokens", `{"title":"x","requestedPermissions":[{"name":"all","action":"write"}]}`, 403},
		call{"POST", "/api/tokens/revoke", `{"id":"` + id + `"}`, 403},
		call{"POST", "/api/davit/password", `{"old":"` + ann.password + `","new":"x"}`, 403},
		call{"GET", "/auth/sessions", "", 403}, call{"DELETE", "/auth/sessions", "", 403}, call{"GET", "/metrics", "", 403},
		call{"GET", "/api/davit/uploads", "", 200},
	)
	wantDoors(t, "her session goes on", h.doors(ann.access), openDoors)

	// The list tells the last use, and nothing secret.
	if err := h.auth.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := h.bearer(ann.access, "GET", "/api/davit/tokens", "")
	row := a.json(t)["tokens"].([]any)[0].(map[string]any)
	if row["id"] != id || row["lastAddress"] != "127.0.0.1" || row["lastUsed"] == nil || row["lastAgent"] != "Go-http-client/1.1" || len(row["folders"].([]any)) != 2 || row["token"] != nil {
		t.Errorf("listed as %v", row)
	}
	for name, c := range map[string]struct{ body, field string }{
		"a folder of nobody":   {`{"title":"x","folders":[{"id":"none"}]}`, "folders[0].id"},
		"a folder twice":       {`{"title":"x","folders":[{"id":"one"},{"id":"one"}]}`, "folders[1].id"},
		"no folder":            {`{"title":"x","folders":[]}`, "folders"},
		"folders of no shape":  {`{"title":"x","folders":["one"]}`, "folders[0]"},
		"no scope":             {`{"title":"x","scopes":[]}`, "scopes"},
		"a scope of nothing":   {`{"title":"x","scopes":["files:read","nothing:read"]}`, "scopes[1]"},
		"a time that was":      {`{"title":"x","expires":"2001-01-01T00:00:00Z"}`, "expires"},
		"a time of no shape":   {`{"title":"x","expires":"tomorrow"}`, "expires"},
		"two times":            {`{"title":"x","expires":"2030-01-01T00:00:00Z","expiresIn":"1h"}`, "expiresIn"},
		"a time to come":       {`{"title":"x","expiresIn":"soon"}`, "expiresIn"},
		"labels of no shape":   {`{"title":"x","labels":{"a":1}}`, "labels"},
		"read-only of no kind": {`{"title":"x","readOnly":"yes"}`, "readOnly"},
	} {
		a := h.bearer(ann.access, "POST", "/api/davit/tokens", c.body)
		if a.status != 400 || !strings.Contains(a.json(t)["msg"].(string), c.field+":") {
			t.Errorf("%s: %d %s, want 400 with %s", name, a.status, a.body, c.field)
		}
	}
	if a := h.bearer(bob.access, "POST", "/api/davit/tokens", `{"title":"x","folders":[{"id":"`+ids["one"]+`"}]}`); a.status != 400 {
		t.Errorf("for a folder that bob does not see: %d %s", a.status, a.body)
	}

	// When a folder goes the token keeps the other; when all have gone it is good for nothing.
	check("ann", ann.access, call{"DELETE", "/v2/folder/" + ids["one"], "", 204})
	check("without one", text, call{"GET", "/dav/one/", "", 404}, call{"GET", "/dav/two/file", "", 200}, call{"GET", "/dav/three/file", "", 404})
	check("ann", ann.access, call{"DELETE", "/v2/folder/" + ids["two"], "", 204})
	check("without both", text, call{"GET", "/dav/three/file", "", 401})

	// Administrators see and end those of others; nobody else does.
	bobs, made := bob.make("/api/davit/tokens", `{"title":"bob's","readOnly":true}`)
	check("bob", bob.access, call{"GET", "/api/davit/tokens?user=ann", "", 403}, call{"GET", "/api/davit/keys?user=ann", "", 403}, call{"POST", "/api/davit/tokens?user=ann", `{"title":"x"}`, 403},
		call{"DELETE", "/api/davit/tokens/" + id, "", 404})
	check("ann", ann.access, call{"GET", "/api/davit/tokens?user=bob", "", 200}, call{"GET", "/api/davit/tokens?user=eve", "", 404},
		call{"DELETE", "/api/davit/tokens/" + made["id"].(string), "", 404}, call{"DELETE", "/api/davit/tokens/" + made["id"].(string) + "?user=bob", "", 204},
		call{"DELETE", "/api/davit/tokens/" + made["id"].(string) + "?user=bob", "", 404})
	wantDoors(t, "bob's token", h.doors(bobs), shutDoors)
}

func TestKeysOfOnesOwn(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.person("ann", false).signIn(), h.person("bob", false).signIn()
	a := h.bearer(ann.access, "POST", "/api/davit/keys", "")
	if a.status != 201 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var key struct{ AccessKey, SecretKey string }
	if err := json.Unmarshal([]byte(a.body), &key); err != nil {
		t.Fatal(err)
	}
	signer := &caller{house: h, user: ann.user, key: key.AccessKey, secret: key.SecretKey}
	request := func() *http.Request {
		return signer.sign(signed{method: "GET", target: "/folders", host: strings.TrimPrefix(h.url, "http://"), date: then.Format(http.TimeFormat), versionHeader: "X-BackendAI-Version", version: "v4.20170615", day: then.Format("20060102")})
	}
	if a := h.do(request()); a.status != 200 {
		t.Errorf("signed with it: %d %s", a.status, a.body)
	}
	list := h.bearer(ann.access, "GET", "/api/davit/keys", "")
	if !strings.Contains(list.body, key.AccessKey) || strings.Contains(list.body, key.SecretKey) {
		t.Errorf("listed: %s", list.body)
	}
	if a := h.bearer(bob.access, "DELETE", "/api/davit/keys/"+key.AccessKey, ""); a.status != 404 {
		t.Errorf("bob removes it: %d", a.status)
	}
	for _, status := range []int{204, 404} {
		if a := h.bearer(ann.access, "DELETE", "/api/davit/keys/"+key.AccessKey, ""); a.status != status {
			t.Errorf("ann removes it: %d, want %d", a.status, status)
		}
	}
	if a := h.do(request()); a.status != 401 {
		t.Errorf("signed with it after its end: %d", a.status)
	}
}
