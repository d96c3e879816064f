package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// want sends a request that must give a status, and reads its JSON.
func (c *caller) want(status int, method, target, body string, headers ...string) map[string]any {
	c.t.Helper()
	a := c.send(method, target, body, headers...)
	if a.status != status {
		c.t.Fatalf("%s %s %s: %d, want %d: %s", method, target, body, a.status, status, a.body)
	}
	if a.status >= 400 && a.status != 422 {
		isProblem(c.t, a)
	}
	var v map[string]any
	json.Unmarshal([]byte(a.body), &v)
	return v
}

// send is call with headers, "Name: value".
func (c *caller) send(method, target, body string, headers ...string) answer {
	c.t.Helper()
	r := c.request(method, target, body)
	r.SetBasicAuth(c.user.Name, c.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return c.do(r)
}

// refused is want for a problem of a kind, whose text has all of words.
func (c *caller) refused(status int, kind, method, target, body string, words ...string) answer {
	c.t.Helper()
	a := c.send(method, target, body)
	isProblem(c.t, a)
	got, _ := a.json(c.t)["type"].(string)
	msg, _ := a.json(c.t)["msg"].(string)
	if a.status != status || got != problemBase+kind {
		c.t.Errorf("%s %s %s: %d %s, want %d %s", method, target, body, a.status, a.body, status, kind)
	}
	for _, w := range words {
		if !strings.Contains(msg, w) {
			c.t.Errorf("%s %s %s: %q lacks %q", method, target, body, msg, w)
		}
	}
	return a
}

func isProblem(t *testing.T, a answer) {
	t.Helper()
	var p struct{ Type, Title, Msg string }
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" ||
		!strings.HasPrefix(p.Type, problemBase) || p.Title == "" || p.Msg == "" && a.status != 500 {
		t.Errorf("%d is no problem: %q %s", a.status, a.header.Get("Content-Type"), a.body)
	}
}

// list is the names in GET /folders.
func (c *caller) list(target string) (names []string) {
	c.t.Helper()
	a := c.call("GET", target, "")
	var all []struct{ Name string }
	if err := json.Unmarshal([]byte(a.body), &all); err != nil || a.status != 200 {
		c.t.Fatalf("GET %s: %d %s", target, a.status, a.body)
	}
	for _, f := range all {
		names = append(names, f.Name)
	}
	return names
}

// TestT14_PluralFlow is the flow of real clients, in every spelling of the paths.
func TestT14_PluralFlow(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	roots := []string{"/folders"}
	for n := 1; n <= 9; n++ {
		roots = append(roots, fmt.Sprintf("/v%d/folders", n))
	}
	for _, root := range roots {
		for _, slash := range []string{"", "/"} {
			v := ann.want(201, "POST", root+slash, `{"name":"mydata"}`)
			id, _ := v["id"].(string)
			if len(id) != 32 || v["name"] != "mydata" || v["host"] != "local" {
				t.Fatalf("create at %s%s: %v", root, slash, v)
			}
			if got := ann.list(root + slash); len(got) != 1 || got[0] != "mydata" {
				t.Errorf("list at %s%s: %q", root, slash, got)
			}
			for _, name := range []string{"mydata", id, strings.ToUpper(id[:8]) + "-" + id[8:]} {
				v = ann.want(200, "GET", root+"/"+name+slash, "")
				if v["id"] != id || v["numFiles"] != 0. || v["created"] == "" || v["is_owner"] != true || v["permission"] != "wd" {
					t.Errorf("info: %v", v)
				}
			}
			ann.want(204, "DELETE", root+"/mydata"+slash, "", "X-BackendAI-Version: v3.20170615")
			ann.refused(404, "vfolder-not-found", "GET", root+"/mydata"+slash, "")
			ann.refused(404, "vfolder-not-found", "DELETE", root+"/"+id+slash, "")
			if got := ann.list(root + slash); len(got) != 0 {
				t.Errorf("list after delete: %q", got)
			}
		}
	}
}

func TestT15_ParametersInBodyOrQuery(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("data")
	ann.want(200, "POST", "/folders/data/mkdir", `{"path":"sub"}`)
	ann.put("data", "sub/a.txt", "abc")
	for _, target := range []string{"/folders/data/files?path=sub", "/folders/data/files?path=./sub/", "/folders/data/files?path=x"} {
		body := ""
		if strings.HasSuffix(target, "x") {
			body = `{"path":"sub"}` // wins
		}
		v := ann.want(200, "GET", target, body)
		items, _ := v["items"].([]any)
		if len(items) != 1 || items[0].(map[string]any)["name"] != "a.txt" || items[0].(map[string]any)["size"] != 3. {
			t.Errorf("GET %s: %v", target, v)
		}
		var old []oldVFile
		if err := json.Unmarshal([]byte(v["files"].(string)), &old); err != nil || len(old) != 1 || old[0].Filename != "a.txt" ||
			old[0].Mode != "-rw-r--r--" || old[0].MTime == 0 {
			t.Errorf("files %q: %v", v["files"], err)
		}
	}
	// Signed, as the Python client sends it: the body of an early version is covered.
	r := ann.sign(signed{method: "GET", target: "/v3/folders/data/files", body: `{"path":"sub"}`, host: "api.example.test",
		date: "2017-03-20T09:30:00+00:00", contentType: "application/json", versionHeader: "X-BackendAI-Version", version: "v3.20170615", day: "20170320"})
	if a := h.do(r); a.status != 200 || !strings.Contains(a.body, "a.txt") {
		t.Errorf("signed GET with a body: %d %s", a.status, a.body)
	}
}

func TestT7_PluralNames(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Default.MaxFolders = 100 })
	ann := h.caller("ann")
	for _, good := range []string{"a", "A-1", "data.v2", "x_y", ".local", "이름", "ä", strings.Repeat("n", 64), ".a.b"} {
		body, _ := json.Marshal(map[string]string{"name": good})
		ann.want(201, "POST", "/folders", string(body))
		ann.want(200, "GET", "/folders/"+url.PathEscape(good), "")
	}
	before := len(h.titles())
	for _, bad := range []string{"", "-x", "_x", "x-", "x.", "..x", "a..b", "a--b", "a b", "a/b", `a\\b`, "a\\u0000b", "a\\nb", ".ssh", ".bashrc",
		".bash_profile", "/bin", "..", ".", strings.Repeat("n", 65), strings.Repeat("ä", 65), "0123456789abcdef0123456789abcdef", "a"} {
		kind := "invalid-api-params"
		if bad == "a" {
			kind = "vfolder-already-exists"
		}
		a := ann.refused(400, kind, "POST", "/folders", `{"name":"`+bad+`"}`)
		if kind == "invalid-api-params" && !strings.HasPrefix(a.json(t)["msg"].(string), "name: ") {
			t.Errorf("%q: %s does not name the field", bad, a.body)
		}
	}
	for _, body := range []string{``, `{}`, `[]`, `{"name":5}`, `{"name":null}`, `{"name":"b",}`, `{"name":"b","name":"c"}`, `"b"`, `{"name":["b"]}`,
		`{"name":"b","cloneable":7}`, `{"name":"b","quota":-1}`, `{"name":"b","quota":1e400}`, `{"name":"b","usage_mode":"x"}`, `{"name":"b","permission":"x"}`,
		`{"name":"b","host":"nowhere"}`, `{"name":"b","group":"nobody"}`, `{"name":"b","unmanaged_path":"/etc"}`, strings.Repeat("[", 100_000)} {
		ann.refused(400, "invalid-api-params", "POST", "/folders", body)
	}
	if got := len(h.titles()); got != before {
		t.Errorf("%d folders, want %d: a refused call made one", got, before)
	}
}

func TestT8_PluralLimit(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Default.MaxFolders = 1 })
	ann := h.caller("ann")
	ann.want(201, "POST", "/folders", `{"name":"one"}`)
	ann.refused(400, "invalid-api-params", "POST", "/folders", `{"name":"two"}`, "1 of at most 1")
	if a := ann.call("POST", "/v2/folder/create", `{"name":"two"}`); a.status != 406 {
		t.Errorf("the first form: %d, want 406", a.status)
	}
}

func TestVFoldersRename(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("one")
	ann.create("two")
	ann.put("one", "f", "x")
	ann.want(201, "POST", "/folders/one/rename", `{"new_name":"three"}`, "X-BackendAI-Version: v6.20200815")
	if v := ann.want(200, "GET", "/folders/three", ""); v["id"] != id {
		t.Errorf("renamed: %v", v)
	}
	if a := ann.call("GET", "/dav/three/f", ""); a.body != "x" {
		t.Errorf("over WebDAV: %d %s", a.status, a.body)
	}
	if v := ann.want(200, "POST", "/folders/three/rename", `{"new_name":"three"}`); v["msg"] != "" {
		t.Errorf("renamed to the same: %v", v)
	}
	ann.refused(400, "vfolder-already-exists", "POST", "/folders/three/rename", `{"new_name":"two"}`)
	ann.refused(400, "invalid-api-params", "POST", "/folders/three/rename", `{"new_name":"a/b"}`, "new_name: ")
	ann.refused(400, "invalid-api-params", "POST", "/folders/three/rename", `{}`, "new_name: is missing")
	bob.refused(404, "vfolder-not-found", "POST", "/folders/"+id+"/rename", `{"new_name":"mine"}`)
}

func TestVFoldersMkdir(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("d")
	ann.put("d", "file", "x")
	old, v8 := "X-BackendAI-Version: v6.20200815", "X-BackendAI-Version: v8.20240315"
	results := func(v map[string]any) (good, bad int) {
		r := v["results"].(map[string]any)
		return len(r["success"].([]any)), len(r["failed"].([]any))
	}
	if a := ann.send("POST", "/folders/d/mkdir", `{"path":"a/b/c"}`, old); a.status != 201 || a.body != "" {
		t.Errorf("old mkdir: %d %q", a.status, a.body)
	}
	ann.want(400, "POST", "/folders/d/mkdir", `{"path":"a/b/c"}`, old)
	ann.want(201, "POST", "/folders/d/mkdir", `{"path":"a/b/c","exist_ok":true}`, old)
	ann.want(201, "POST", "/folders/d/mkdir", `{"path":"a/b/c"}`, "X-BackendAI-Version: v4.20190615")
	ann.want(400, "POST", "/folders/d/mkdir", `{"path":"no/such","parents":false}`, old)
	ann.want(400, "POST", "/folders/d/mkdir", `{"path":"file/sub"}`, old)
	for _, c := range []struct {
		body, version    string
		status, good, no int
	}{
		{`{"path":["x","y/z"]}`, v8, 200, 2, 0},
		{`{"path":["x","w"]}`, v8, 207, 1, 1},
		{`{"path":["x","file"],"exist_ok":true}`, v8, 207, 1, 1},
		{`{"path":["x"]}`, v8, 422, 0, 1},
		{`{"path":["x"]}`, "X-BackendAI-Version: v9.20250722", 200, 0, 1},
	} {
		v := ann.want(c.status, "POST", "/folders/d/mkdir", c.body, c.version)
		if good, bad := results(v); good != c.good || bad != c.no {
			t.Errorf("%s: %v", c.body, v)
		}
	}
	for _, bad := range []string{`{}`, `{"path":""}`, `{"path":"."}`, `{"path":"../x"}`, `{"path":"a/../../x"}`, `{"path":"/etc"}`, `{"path":"a\u0000b"}`, `{"path":"a\nb"}`,
		`{"path":5}`, `{"path":[5]}`, `{"path":[]}`, `{"path":["x",".."]}`, `{"path":"x","parents":"maybe"}`, `{"path":"` + strings.Repeat("x", 256) + `"}`,
		`{"path":"` + strings.Repeat("x/", 3000) + `"}`, `{"path":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 51), ",") + `]}`} {
		ann.refused(400, "invalid-api-params", "POST", "/folders/d/mkdir", bad)
	}
	ann.want(413, "POST", "/folders/d/mkdir", `{"path":"`+strings.Repeat("x", 2<<20)+`"}`)
	h.caller("bob").refused(404, "vfolder-not-found", "POST", "/folders/d/mkdir", `{"path":"q"}`)
}

func TestVFoldersSpellings(t *testing.T) {
	for _, c := range []struct {
		method, path, want string
		version            int
		ok                 bool
	}{
		{"GET", "/folders", "/folders", 0, true},
		{"GET", "/v2/folders/", "/folders", 2, true},
		{"GET", "/v9/folders/a_b/delete_files/", "/folders/a_b/delete-files", 9, true},
		{"GET", "/folders/_/all_hosts", "/folders/_/all-hosts", 0, true},
		{"POST", "/folders/delete_from_trash_bin", "/folders/delete-from-trash-bin", 0, true},
		{"GET", "/folders/a_b", "/folders/a_b", 0, true},
		{"PATCH", "/folders/_/tus/upload/a_b-c", "/folders/_/tus/upload/a_b-c", 0, true},
		{"GET", "/folders/a%2Fb/files", "/folders/a%2Fb/files", 0, true},
		{"GET", "/v0/folders", "", 0, false},
		{"GET", "/v10/folders", "", 0, false},
		{"GET", "/foldersx", "", 0, false},
		{"GET", "/v2/folder/x", "", 0, false},
		{"GET", "/", "", 0, false},
	} {
		got, version, ok := plainVFolderPath(c.method, c.path)
		if ok != c.ok || ok && (got != c.want || version != c.version) {
			t.Errorf("%s %s: %q %d %v", c.method, c.path, got, version, ok)
		}
	}
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("data")
	if a := ann.send("POST", "/folders/data/", "", "X-Method-Override: get"); a.status != 200 {
		t.Errorf("GET by POST: %d %s", a.status, a.body)
	}
	for _, c := range []struct{ method, override string }{{"GET", "DELETE"}, {"POST", "PROPFIND"}, {"POST", "TRACE"}} {
		if a := ann.send(c.method, "/folders/data", "", "X-Method-Override: "+c.override); a.status == 204 || a.status == 207 {
			t.Errorf("%s with %s: %d", c.method, c.override, a.status)
		}
	}
	for _, method := range []string{"DELETE", "POST"} { // which of the two a client signs is not documented
		s := signed{method: method, target: "/v4/folders/data", host: "api.example.test", date: "2017-03-20T09:30:00+00:00",
			contentType: "application/json", versionHeader: "X-BackendAI-Version", version: "v4.20190615", day: "20170320"}
		r := ann.sign(s)
		r.Method = "POST"
		r.Header.Set("X-Method-Override", "DELETE")
		if a := h.do(r); a.status != 204 {
			t.Errorf("DELETE by POST, signed as %s: %d %s", method, a.status, a.body)
		}
		ann.create("data")
	}
	r := ann.sign(signed{method: http.MethodGet, target: "/folders/data", host: "api.example.test", date: "2017-03-20T09:30:00+00:00",
		versionHeader: "X-BackendAI-Version", version: "v4.20190615", day: "20170320"})
	r.Header.Set("X-Method-Override", "DELETE")
	if a := h.do(r); a.status != 200 {
		t.Errorf("a signed GET cannot be made a DELETE: %d", a.status)
	}
}
