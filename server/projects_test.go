package server

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"davit/store"
)

// project makes a project over the API, as c, and returns its ID.
func (c *caller) project(title, pi string) string {
	c.t.Helper()
	a := c.call("POST", "/api/davit/projects", fmt.Sprintf(`{"title":%q,"pi":%q}`, title, pi))
	id, _ := a.json(c.t)["id"].(string)
	if a.status != 201 || len(id) != 32 {
		c.t.Fatalf("project %s: %d %s", title, a.status, a.body)
	}
	return id
}

// folderIn makes a folder of a project.
func (c *caller) folderIn(project, title string, members store.Rights) store.Folder {
	c.t.Helper()
	f, err := c.files.CreateFolder(c.t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: c.user.ID, ProjectID: project, Title: title, MaxBytes: store.Default, MaxFiles: store.Default, MemberRights: members}})
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// expect sends a request and wants a status, and the words in the answer.
func (c *caller) expect(status int, method, target, body string, words ...string) answer {
	c.t.Helper()
	a := c.call(method, target, body)
	if a.status != status {
		c.t.Errorf("%s %s %s by %s: %d %s, want %d", method, target, body, c.user.Name, a.status, a.body, status)
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			c.t.Errorf("%s %s %s by %s: %s lacks %q", method, target, body, c.user.Name, a.body, w)
		}
	}
	return a
}

func TestProjectRoutes(t *testing.T) {
	h := newHouse(t)
	root := h.administrator()
	pi, admin, user, stranger := h.caller("pi"), h.caller("admin"), h.caller("user"), h.caller("stranger")
	const projects = "/api/davit/projects"
	id := root.project("physics", "pi")
	at := projects + "/" + id

	pi.expect(403, "POST", projects, `{"title":"mine"}`, "administrators")
	root.expect(409, "POST", projects, `{"title":"physics"}`, "exists")
	root.expect(400, "POST", projects, `{}`, "title: is missing")
	root.expect(400, "POST", projects, `{"title":" "}`, "blank")
	root.expect(400, "POST", projects, `{"title":"x","pi":"nobody"}`, "pi: is no user")
	root.expect(400, "POST", projects, `{"title":"x","limits":{"maxBytes":-1}}`, "limits.maxBytes")
	root.expect(400, "POST", projects, `{"title":"x","limits":{"maxBytes":"big"}}`, "limits.maxBytes")
	root.expect(201, "POST", projects, `{"title":"limited","limits":{"maxBytes":null,"maxFolders":3}}`,
		`"role":"PI"`, `"limits":{"maxFolders":3,"maxBytes":null,"maxFiles":"default"}`, `"effectiveLimits":{"maxFolders":3,"maxBytes":null,"maxFiles":1000}`)

	pi.expect(200, "GET", projects, "", `"title":"physics"`, `"role":"PI"`, `"next":null`, `"itemsPerPage":50`)
	pi.expect(403, "GET", projects+"?all=true", "")
	root.expect(200, "GET", projects+"?all=true", "", `"physics"`, `"limited"`, `"role":null`)
	stranger.expect(200, "GET", projects, "", `"items":[]`)

	pi.expect(200, "PUT", at+"/members/admin", `{"role":"ADMIN"}`, `{"user":"admin","role":"ADMIN"`)
	admin.expect(200, "PUT", at+"/members/user", `{"role":"USER"}`, `"USER"`)
	admin.expect(200, "PUT", at+"/members/user", `{"role":"USER"}`) // a client that tries again
	admin.expect(403, "PUT", at+"/members/user", `{"role":"PI"}`, "role PI")
	admin.expect(403, "PUT", at+"/members/pi", `{"role":"USER"}`, "role PI")
	admin.expect(403, "DELETE", at+"/members/pi", "", "role PI")
	user.expect(403, "PUT", at+"/members/stranger", `{"role":"USER"}`, "PI or ADMIN")
	user.expect(403, "DELETE", at+"/members/admin", "")
	pi.expect(404, "PUT", at+"/members/nobody", `{"role":"USER"}`, "nobody")
	pi.expect(400, "PUT", at+"/members/user", `{"role":"OWNER"}`, "role: must be PI, ADMIN or USER")
	pi.expect(400, "PUT", at+"/members/user", `{}`, "role: is missing")
	pi.expect(400, "PUT", at+"/members/pi", `{"role":"USER"}`, "last PI")
	pi.expect(400, "DELETE", at+"/members/pi", "", "last PI")
	pi.expect(404, "DELETE", at+"/members/stranger", "", "not a member")
	user.expect(200, "GET", at+"/members", "", `"admin"`, `"pi"`, `"user"`)

	user.expect(200, "GET", at, "", `"role":"USER"`)
	user.expect(403, "PATCH", at, `{"title":"x"}`)
	admin.expect(200, "PATCH", at, `{"title":"Physics"}`, `"Physics"`)
	admin.expect(409, "PATCH", at, `{"title":"limited"}`)
	pi.expect(403, "PATCH", at, `{"limits":{"maxBytes":null}}`, "administrators")
	root.expect(200, "PATCH", at, `{"limits":{"maxBytes":5,"maxFiles":null}}`, `{"maxFolders":"default","maxBytes":5,"maxFiles":null}`)
	root.expect(200, "PATCH", at, `{"limits":{"maxFiles":"default"}}`, `{"maxFolders":"default","maxBytes":5,"maxFiles":"default"}`)
	root.expect(200, "GET", projects+"/"+strings.ToUpper(id[:8]+"-"+id[8:12]+"-"+id[12:16]+"-"+id[16:20]+"-"+id[20:]), "", `"Physics"`)

	a := admin.expect(201, "POST", at+"/groups", `{"title":"staff"}`, `"members":0`, `"project":"`+id+`"`)
	group := "/api/davit/groups/" + a.json(t)["id"].(string)
	admin.expect(409, "POST", at+"/groups", `{"title":"staff"}`)
	user.expect(403, "POST", at+"/groups", `{"title":"mine"}`)
	pi.expect(200, "PUT", group+"/members/user", "", `"user":"user"`)
	pi.expect(200, "PUT", group+"/members/user", "")
	pi.expect(400, "PUT", group+"/members/stranger", "", "not a member")
	user.expect(403, "PUT", group+"/members/admin", "")
	user.expect(200, "GET", group, "", `"members":1`)
	user.expect(200, "GET", group+"/members", "", `"user":"user"`)
	user.expect(200, "GET", at+"/groups", "", `"staff"`)
	user.expect(403, "PATCH", group, `{"title":"x"}`)
	pi.expect(200, "PATCH", group, `{"title":"Staff"}`, `"Staff"`)
	user.expect(403, "DELETE", group, "")
	user.expect(204, "DELETE", group+"/members/user", "") // everybody may leave
	pi.expect(404, "DELETE", group+"/members/user", "")

	for _, target := range []string{at, at + "/members", at + "/groups", group, group + "/members", projects + "/" + strings.Repeat("0", 32), projects + "/x"} {
		stranger.expect(404, "GET", target, "", "visible to you")
	}
	for _, c := range [][2]string{{"PATCH", at}, {"DELETE", at}, {"PUT", at + "/members/stranger"}, {"DELETE", at + "/members/stranger"}, {"POST", at + "/groups"},
		{"PATCH", group}, {"DELETE", group}, {"PUT", group + "/members/stranger"}, {"DELETE", group + "/members/user"}} {
		stranger.expect(404, c[0], c[1], `{"title":"x","role":"USER"}`)
	}

	readOnly := *pi
	readOnly.token = pi.newToken("", true)
	readOnly.expect(200, "GET", at, "")
	readOnly.expect(403, "PUT", at+"/members/stranger", `{"role":"USER"}`)
	one := *pi
	one.token = pi.newToken(pi.create("f"), false)
	one.expect(403, "GET", at, "")

	pi.expect(204, "DELETE", group, "")
	pi.expect(404, "GET", group, "")
	user.expect(204, "DELETE", at+"/members/user", "")
	user.expect(404, "GET", at, "")

	f := pi.folderIn(id, "data", 0)
	admin.expect(403, "DELETE", at, "", "role PI")
	pi.expect(400, "DELETE", at, "", "1 folder(s)")
	pi.expect(204, "DELETE", at+"?deleteFolders=true", "")
	pi.expect(404, "GET", at, "")
	if h.onDisk(f.ID) {
		t.Error("the folder's directory is left")
	}
}

func TestUsersCreateProjects(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.ProjectsByUsers = true })
	ann := h.caller("ann")
	h.caller("bob")
	ann.expect(201, "POST", "/api/davit/projects", `{"title":"mine"}`, `"role":"PI"`)
	ann.expect(201, "POST", "/api/davit/projects", `{"title":"mine too","pi":"ann"}`)
	ann.expect(403, "POST", "/api/davit/projects", `{"title":"his","pi":"bob"}`)
	ann.expect(403, "POST", "/api/davit/projects", `{"title":"big","limits":{"maxBytes":null}}`)
}

func TestProjectPages(t *testing.T) {
	h := newHouse(t)
	root := h.administrator()
	for i := range 25 {
		if _, err := h.store.CreateProject(t.Context(), store.Project{Title: fmt.Sprintf("p%02d", i)}, root.user.ID); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for next := ""; ; {
		a := root.expect(200, "GET", "/api/davit/projects?itemsPerPage=10&next="+url.QueryEscape(next), "").json(t)
		for _, item := range a["items"].([]any) {
			got = append(got, item.(map[string]any)["title"].(string))
		}
		if a["next"] == nil {
			break
		}
		next = a["next"].(string)
	}
	if len(got) != 25 || got[0] != "p00" || got[24] != "p24" {
		t.Errorf("pages gave %q", got)
	}
}

// What a project gives and takes away is there at the next request, over WebDAV and over the API.
func TestD4_RevocationOverEveryDoor(t *testing.T) {
	h := newHouse(t)
	root, pi, bob := h.administrator(), h.caller("pi"), h.caller("bob")
	id := root.project("p", "pi")
	f := pi.folderIn(id, "data", 0)
	at := "/api/davit/projects/" + id
	dav := "/dav/" + f.ID + "/"
	// see wants what bob may do: nothing, read, or write too.
	see := func(when, rights string) {
		t.Helper()
		want := map[string][3]int{"": {404, 404, 404}, "r": {200, 200, 403}, "rw": {200, 200, 201}}[rights]
		got := [3]int{
			bob.call("GET", dav, "").status,
			bob.call("GET", "/v2/folder/"+f.ID, "").status,
			bob.call("PUT", dav+when, "x").status,
		}
		if got != want {
			t.Errorf("%s: GET over WebDAV and the API, PUT: %v, want %v", when, got, want)
		}
		list := bob.call("GET", "/dav/", "").body
		if shown := strings.Contains(list, ">data/<"); shown != (rights != "") {
			t.Errorf("%s: listed: %v", when, shown)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	see("stranger", "")
	must(h.store.SetGrant(t.Context(), f.ID, bob.user.ID, store.RightsRW))
	see("stranger-with-grant", "")
	pi.expect(200, "PUT", at+"/members/bob", `{"role":"USER"}`)
	see("member-with-grant", "rw")
	must(h.store.SetGrant(t.Context(), f.ID, bob.user.ID, store.RightsRO))
	see("less", "r")
	must(h.store.SetGrant(t.Context(), f.ID, bob.user.ID, 0))
	see("grant-gone", "")
	all := store.RightsRO
	must(h.store.SetFolderOptions(t.Context(), f.ID, nil, &all))
	see("members-may-read", "r")
	all = 0
	must(h.store.SetFolderOptions(t.Context(), f.ID, nil, &all))
	see("members-may-not", "")
	a := pi.expect(201, "POST", at+"/groups", `{"title":"g"}`)
	group := a.json(t)["id"].(string)
	must(h.store.ChangeGrants(t.Context(), []store.GrantChange{{FolderID: f.ID,
		Add: []store.EntityRights{{Entity: store.Entity{Group: group, Project: id}, Rights: store.RightsRW}}}}))
	see("group-without-bob", "")
	pi.expect(200, "PUT", "/api/davit/groups/"+group+"/members/bob", "")
	see("group-with-bob", "rw")
	pi.expect(204, "DELETE", "/api/davit/groups/"+group+"/members/bob", "")
	see("out-of-the-group", "")
	pi.expect(200, "PUT", "/api/davit/groups/"+group+"/members/bob", "")
	pi.expect(204, "DELETE", at+"/members/bob", "")
	see("out-of-the-project", "")
	pi.expect(200, "PUT", at+"/members/bob", `{"role":"USER"}`)
	see("back-without-the-group", "")
	pi.expect(200, "PUT", at+"/members/bob", `{"role":"ADMIN"}`)
	see("admin", "rw")
	pi.expect(200, "PUT", at+"/members/bob", `{"role":"PI"}`)
	see("second-pi", "rw")
	bob.expect(204, "DELETE", at+"/members/pi", "")
	if got := pi.call("GET", dav, "").status; got != http.StatusNotFound {
		t.Errorf("the maker of the folder, out of the project: %d, want 404", got)
	}
	pi.expect(200, "GET", "/api/davit/projects", "", `"items":[]`)
	bob.expect(204, "DELETE", at+"?deleteFolders=true", "")
	see("project-gone", "")
}

// Collections may have any title. Whatever is in one does no harm where it is shown.
func TestD35_HostileTitles(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	titles := []string{
		"\x1b]0;owned\x07\x1b[31m", "a\tb\rc", "\u202egnp.exe", "../../etc/passwd", "<script>alert(1)</script>", `"&'`, "\u0085\u2028\ufffe",
		" padded ", "..", strings.Repeat("\U0001F642", 16384), "\x7f",
	}
	for _, title := range titles {
		_, err := h.files.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: title}})
		if err != nil {
			t.Fatalf("%q: %v", title, err)
		}
	}
	mounts, err := h.auth.Mounts(t.Context(), store.Principal{UserID: ann.user.ID})
	if err != nil || len(mounts) != len(titles) {
		t.Fatalf("%d mounts, %v", len(mounts), err)
	}
	harmless := func(what, text string) {
		t.Helper()
		for _, r := range text {
			if r != '\n' && r != '\r' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028 || r == 0xfffe) {
				t.Errorf("%s has %q: %.200q", what, r, text)
				return
			}
		}
		if strings.HasPrefix(what, "page") && strings.Contains(text, "<script") {
			t.Errorf("%s has a script", what)
		}
	}
	harmless("page of folders", ann.call("GET", "/dav/", "").body)
	for _, m := range mounts {
		harmless("mount name", m.Name)
		dav := "/dav/" + url.PathEscape(m.Name) + "/"
		a := ann.call("GET", dav, "")
		if a.status != 200 {
			t.Errorf("%q as %q: %d", m.Folder.Title, m.Name, a.status)
		}
		harmless("page of a folder", a.body)
		r := ann.request("PROPFIND", dav, "")
		r.Header.Set("Depth", "0")
		r.SetBasicAuth(ann.user.Name, ann.token)
		a = ann.do(r)
		if err := xml.Unmarshal([]byte(a.body), new(struct{})); a.status != 207 || err != nil {
			t.Errorf("%q: PROPFIND: %d, %v", m.Folder.Title, a.status, err)
		}
	}
	var table bytes.Buffer
	e := &Env{Stdout: &table, Data: h.dir, Context: t.Context()}
	if err := (&folderList{}).Run(e); err != nil {
		t.Fatal(err)
	}
	harmless("davit folder list", table.String())
	if n := strings.Count(table.String(), "\n"); n != len(titles)+1 {
		t.Errorf("davit folder list has %d lines, want %d", n, len(titles)+1)
	}
	h.stop()
	harmless("log", h.log.String())
}
