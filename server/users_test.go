package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"davit/store"
)

// runs is a caller who runs the installation.
func (h *house) runs(name string) *caller {
	h.t.Helper()
	c := h.caller(name)
	yes := true
	var err error
	if c.user, err = h.store.ChangeUser(h.t.Context(), c.user.ID, store.UserChange{Admin: &yes}); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// wants calls, and fails unless the answer has this status, and text in its body.
func (c *caller) wants(status int, method, target, body string, text ...string) answer {
	c.t.Helper()
	a := c.call(method, target, body)
	if a.status != status {
		c.t.Errorf("%s: %s %s %s: %d %s, want %d", c.user.Name, method, target, body, a.status, a.body, status)
	}
	for _, want := range text {
		if !strings.Contains(a.body, want) {
			c.t.Errorf("%s: %s %s %s: %s lacks %s", c.user.Name, method, target, body, a.body, want)
		}
	}
	return a
}

// dig is a value in a JSON answer.
func dig(v any, path ...string) any {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func TestD33_Users(t *testing.T) {
	h := newHouse(t)
	root := h.runs("root")
	ann := h.caller("ann")

	// Made, seen, changed.
	a := root.wants(201, "POST", "/api/davit/users", `{"name":"Zoë","email":"z@example.org","password":"first secret","limits":{"maxFolders":3,"maxBytes":null}}`)
	z := a.json(t)
	if z["name"] != "Zoë" || dig(z, "limits", "maxFolders") != 3.0 || dig(z, "limits", "maxBytes") != nil || dig(z, "limits", "maxFiles") != "default" ||
		dig(z, "effectiveLimits", "maxFiles") != 1000.0 || z["hasPassword"] != true || z["admin"] != false {
		t.Errorf("made %s", a.body)
	}
	if got, want := a.header.Get("Location"), "/api/davit/users/Zo%C3%AB"; got != want {
		t.Errorf("Location %s, want %s", got, want)
	}
	root.wants(200, "GET", a.header.Get("Location"), "", `"z@example.org"`)
	root.wants(200, "GET", "/api/davit/users/"+z["id"].(string), "", `"Zoë"`)
	root.wants(409, "POST", "/api/davit/users", `{"name":"Zoë"}`, "user-already-exists", "name:")
	root.wants(404, "GET", "/api/davit/users/nobody", "", "user-not-found")

	// A password signs in on every door; a changed one ends that at the next request.
	signIn := func(password string) int {
		r := h.request("GET", "/api/davit/me", "")
		r.SetBasicAuth("Zoë", password)
		status := h.do(r).status
		dav := h.request("PROPFIND", "/dav/", "")
		dav.Header.Set("Depth", "0")
		dav.SetBasicAuth("Zoë", password)
		if got := h.do(dav).status; (got == 207) != (status == 200) {
			t.Errorf("WebDAV says %d, the API %d", got, status)
		}
		return status
	}
	if got := signIn("first secret"); got != 200 {
		t.Errorf("sign in: %d", got)
	}
	root.wants(200, "PATCH", "/api/davit/users/Zo%C3%AB", `{"password":"second secret"}`)
	if got := signIn("first secret"); got != 401 {
		t.Errorf("sign in with the old password: %d", got)
	}
	if got := signIn("second secret"); got != 200 {
		t.Errorf("sign in with the new password: %d", got)
	}
	root.wants(200, "PATCH", "/api/davit/users/Zo%C3%AB", `{"password":null}`, `"hasPassword":false`)
	if got := signIn("second secret"); got != 401 {
		t.Errorf("sign in without a password: %d", got)
	}

	// Limits: absent is unchanged.
	a = root.wants(200, "PATCH", "/api/davit/users/Zo%C3%AB", `{"limits":{"maxFolders":"default","maxFiles":7}}`)
	if v := a.json(t); dig(v, "limits", "maxFolders") != "default" || dig(v, "limits", "maxBytes") != nil || dig(v, "limits", "maxFiles") != 7.0 {
		t.Errorf("limits %s", a.body)
	}

	// What is wrong is named.
	for body, want := range map[string]string{
		`{}`:                                         "name: is missing",
		`{"name":7}`:                                 "name: must be a string",
		`{"name":""}`:                                "name: user name is empty",
		`{"name":"a:b"}`:                             "name: user name contains",
		`{"name":"x\u0000"}`:                         "name: user name contains a control",
		`{"name":"x","email":"a\nb"}`:                "email: e-mail",
		`{"name":"x","password":""}`:                 "password: must not be empty",
		`{"name":"x","admin":"yes"}`:                 "admin: must be true or false",
		`{"name":"x","limits":5}`:                    "limits: must be an object",
		`{"name":"x","limits":{"maxBytes":-1}}`:      "limits.maxBytes: must be",
		`{"name":"x","limits":{"maxBytes":1.5}}`:     "limits.maxBytes: must be",
		`{"name":"x","limits":{"maxSomething":1}}`:   "limits.maxSomething: is no limit",
		`{"name":"x","limits":{"maxBytes":"much"}}`:  "limits.maxBytes: must be",
		`{"name":"x","name":"y"}`:                    "name: is given twice",
		`[]`:                                         "body: must be a JSON object",
		`{"name":"` + strings.Repeat("x", 65) + `"}`: "name: user name is longer",
	} {
		root.wants(400, "POST", "/api/davit/users", body, want)
	}
	root.wants(400, "PATCH", "/api/davit/users/ann", `{"name":"anna"}`, "name: cannot be changed")

	// Oneself.
	ann.wants(200, "GET", "/api/davit/users/ann", "", `"ann"`)
	ann.wants(200, "PATCH", "/api/davit/users/ann", `{"email":"ann@example.org"}`, "ann@example.org")
	ann.wants(403, "PATCH", "/api/davit/users/ann", `{"admin":true}`)
	ann.wants(403, "PATCH", "/api/davit/users/ann", `{"limits":{"maxBytes":null}}`)
	ann.wants(403, "PATCH", "/api/davit/users/ann", `{"password":"other"}`)
	for _, other := range []string{"root", "nobody", z["id"].(string)} {
		ann.wants(403, "GET", "/api/davit/users/"+url.PathEscape(other), "", "administrators")
	}

	// The last administrator stays.
	root.wants(403, "PATCH", "/api/davit/users/root", `{"admin":false}`, "last administrator")
	root.wants(403, "DELETE", "/api/davit/users/root", "", "last administrator")
	root.wants(200, "PATCH", "/api/davit/users/ann", `{"admin":true}`, `"admin":true`)
	ann.wants(200, "PATCH", "/api/davit/users/root", `{"admin":false}`, `"admin":false`)
	root.wants(403, "GET", "/api/davit/users", "")
}

// The first password's file would be a lie after a change.
func TestD26_FirstPasswordFile(t *testing.T) {
	h := newHouse(t)
	admin := h.runs("admin")
	file := filepath.Join(h.dir, passwordFile)
	if err := os.WriteFile(file, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin.wants(200, "PATCH", "/api/davit/users/admin", `{"email":"a@example.org"}`)
	if _, err := os.Stat(file); err != nil {
		t.Errorf("after a change of the e-mail address: %v", err)
	}
	admin.wants(200, "PATCH", "/api/davit/users/admin", `{"password":"another one"}`)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("after a change of the password: %v", err)
	}
}

func TestD32_DeleteUser(t *testing.T) {
	h := newHouse(t)
	root, ann, bob, carl := h.runs("root"), h.caller("ann"), h.caller("bob"), h.caller("carl")
	kept, gone := ann.create("kept"), bob.create("gone")

	root.wants(409, "DELETE", "/api/davit/users/ann", "", "user-has-folders", "1 folder")
	root.wants(400, "DELETE", "/api/davit/users/ann?transferTo=carl&deleteFolders=true", "", "deleteFolders: contradicts")
	root.wants(400, "DELETE", "/api/davit/users/ann?transferTo=nobody", "", "transferTo: there is no user")
	root.wants(400, "DELETE", "/api/davit/users/ann?transferTo=ann", "", "transferTo")
	root.wants(400, "DELETE", "/api/davit/users/ann?deleteFolders=perhaps", "", "deleteFolders: must be one of")
	root.wants(204, "DELETE", "/api/davit/users/ann?transferTo=carl", "")
	carl.wants(200, "GET", "/dav/"+kept+"/", "")
	if a := ann.call("GET", "/dav/", ""); a.status != 401 {
		t.Errorf("who is gone is answered %d", a.status)
	}
	root.wants(204, "DELETE", "/api/davit/users/bob?deleteFolders=true", "")
	root.wants(404, "DELETE", "/api/davit/users/bob?deleteFolders=true", "")
	if f, err := h.store.Folder(t.Context(), gone); err == nil && f.Deleted.IsZero() {
		t.Errorf("the folder of who is gone is there: %+v", f)
	}
	root.wants(204, "DELETE", "/api/davit/users/"+carl.user.ID+"?deleteFolders=true", "")
}

func TestD33_UserSearch(t *testing.T) {
	h := newHouse(t)
	root, ann := h.runs("root"), h.caller("Änne")
	for n := range 24 {
		if _, err := h.store.CreateUser(t.Context(), store.User{Name: fmt.Sprintf("guest%02d", n), Email: fmt.Sprintf("g%d@Example.org", n)}); err != nil {
			t.Fatal(err)
		}
	}
	names := func(query string) (all []string, pages int) {
		t.Helper()
		for next := ""; ; pages++ {
			a := root.wants(200, "GET", "/api/davit/users?itemsPerPage=10&query="+url.QueryEscape(query)+"&next="+next, "")
			v := a.json(t)
			for _, u := range v["items"].([]any) {
				all = append(all, dig(u, "name").(string))
			}
			if v["next"] == nil {
				return all, pages + 1
			}
			next = v["next"].(string)
		}
	}
	if all, pages := names(""); len(all) != 26 || pages != 3 || all[0] != "guest00" {
		t.Errorf("all: %d in %d pages, %v", len(all), pages, all)
	}
	for query, want := range map[string]int{"GUEST1": 10, "@example.ORG": 24, "änn": 1, "NNE": 1, "%": 0, "_": 0, "g5@": 1, "nobody": 0, `\`: 0} {
		if all, _ := names(query); len(all) != want {
			t.Errorf("%q: %v, want %d", query, all, want)
		}
	}
	root.wants(200, "GET", "/api/davit/users?itemsPerPage=7&next=%21%21", "", `"itemsPerPage":50`, "guest00")
	root.wants(400, "GET", "/api/davit/users?itemsPerPage=many", "", "itemsPerPage")
	root.wants(400, "GET", "/api/davit/users?query="+strings.Repeat("x", 257), "", "query")
	root.wants(200, "GET", "/api/davit/users?next="+base64.RawURLEncoding.EncodeToString([]byte("guest22")), "", "guest23")
	ann.wants(403, "GET", "/api/davit/users", "")

	// To share, everybody finds the beginnings of names.
	found := func(c *caller, query string) int {
		t.Helper()
		a := c.wants(200, "GET", "/api/davit/users/find?query="+url.QueryEscape(query), "")
		if strings.Contains(a.body, "@") {
			t.Errorf("an e-mail address is told: %s", a.body)
		}
		return len(a.json(t)["names"].([]any))
	}
	for query, want := range map[string]int{"Guest": 10, "guest2": 4, "äN": 1, "uest": 0, "guest07": 1, "G7@example.org": 1, "g7@": 0} {
		if got := found(ann, query); got != want {
			t.Errorf("find %q: %d, want %d", query, got, want)
		}
	}
	ann.wants(400, "GET", "/api/davit/users/find", "", "query: is missing")
	ann.wants(400, "GET", "/api/davit/users/find?query="+strings.Repeat("x", 65), "", "query")

	closed := newHouse(t, func(c *Config) { c.NoUserDirectory = true })
	bob, chief := closed.caller("bob"), closed.runs("chief")
	chief.wants(200, "PATCH", "/api/davit/users/chief", `{"email":"chief@example.org"}`)
	for query, want := range map[string]int{"bo": 0, "chief": 1, "CHIEF": 0, "chief@example.org": 1, "chief@": 0} {
		if got := found(bob, query); got != want {
			t.Errorf("find %q without a directory: %d, want %d", query, got, want)
		}
	}
	if got := found(chief, "bo"); got != 1 {
		t.Errorf("an administrator finds %d", got)
	}
}

func TestD33_Me(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	none := newHouse(t, func(c *Config) { c.KeepDeleted = 0 })
	none.caller("ann").wants(200, "GET", "/api/davit/me", "", `"keepDeleted":0`)
	id := ann.create("docs")
	project, err := h.store.CreateProject(t.Context(), store.Project{Title: "Lab", Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}}, bob.user.ID)
	if err == nil {
		err = h.store.SetMember(t.Context(), project.ID, ann.user.ID, store.RoleAdmin)
	}
	group, groupErr := h.store.CreateGroup(t.Context(), project.ID, "Night shift")
	_, othersErr := h.store.CreateGroup(t.Context(), project.ID, "Day shift")
	if err = errors.Join(err, groupErr, othersErr, h.store.AddGroupMember(t.Context(), group.ID, ann.user.ID)); err != nil {
		t.Fatal(err)
	}
	v := ann.wants(200, "GET", "/api/davit/me", "").json(t)
	if v["name"] != "ann" || v["admin"] != false || dig(v, "credential", "kind") != "token" || dig(v, "credential", "whole") != true ||
		v["keepDeleted"] != 604800.0 || dig(v, "folders", "own") != 1.0 || dig(v, "usage", "folders") != 1.0 || dig(v, "limits", "maxFolders") != 10.0 {
		t.Errorf("%v", v)
	}
	if all := v["workspaces"].([]any); len(all) != 2 || dig(all[1], "id") != project.ID || dig(all[1], "role") != "ADMIN" {
		t.Errorf("workspaces %v", all)
	}
	if all := v["groups"].([]any); len(all) != 1 || dig(all[0], "id") != group.ID || dig(all[0], "project") != project.ID || dig(all[0], "title") != "Night shift" {
		t.Errorf("groups %v", all)
	}
	narrow := &caller{house: h, user: ann.user, token: ann.newToken(id, true)}
	v = narrow.wants(200, "GET", "/api/davit/me", "").json(t)
	folders, _ := dig(v, "credential", "folders").([]any)
	if len(folders) != 1 || dig(folders[0], "id") != id || dig(v, "credential", "whole") != false || dig(v, "credential", "readOnly") != true ||
		v["email"] != nil || v["usage"] != nil || len(v["workspaces"].([]any)) != 0 || len(v["groups"].([]any)) != 0 {
		t.Errorf("narrowed: %v", v)
	}
	// A signed request says that it is a key.
	r := ann.sign(signed{method: "GET", target: "/api/davit/me", host: strings.TrimPrefix(h.url, "http://"), date: "20170320T093000Z", day: "20170320",
		versionHeader: "X-BackendAI-Version", version: "v4.20170315"})
	r.Header.Set("Date", "20170320T093000Z")
	if a := h.do(r); a.status != http.StatusOK || dig(a.json(t), "credential", "kind") != "key" {
		t.Errorf("signed: %d %s", a.status, a.body)
	}
}
