package server

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// What administrators see of people: how much is theirs, when they were there, by what they sign in.

// filled writes down that a folder, which nobody has opened, holds one file of so many bytes.
func (h *house) filled(folder string, bytes int64) {
	h.t.Helper()
	if err := h.store.SaveUsage(h.t.Context(), []store.FolderUsage{{ID: folder, Usage: store.Usage{Bytes: bytes, Files: 1}, Clean: true}}); err != nil {
		h.t.Fatal(err)
	}
}

func TestUserList(t *testing.T) {
	h := newHouse(t)
	root, ann := h.runs("root"), h.caller("ann")
	id := ann.create("docs")
	h.filled(id, 5)
	if err := h.auth.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/api/davit/users?query=ANN", "/api/davit/users?admin=false&query=ann"} {
		all := root.wants(200, "GET", target, "").json(t)["items"].([]any)
		if len(all) != 1 || dig(all[0], "usage", "folders") != 1.0 || dig(all[0], "usage", "bytes") != 5.0 || dig(all[0], "usage", "files") != 1.0 || dig(all[0], "lastUsed") == nil {
			t.Errorf("%s: %v", target, all)
		}
	}
	if all := root.wants(200, "GET", "/api/davit/users?admin=true", "").json(t)["items"].([]any); len(all) != 1 || dig(all[0], "name") != "root" || dig(all[0], "usage", "folders") != 0.0 {
		t.Errorf("administrators: %v", all)
	}
	root.wants(400, "GET", "/api/davit/users?admin=perhaps", "", "admin: must be one of")
	h.caller("never")
	root.wants(200, "GET", "/api/davit/users/never", "", `"lastUsed":null`)
	root.wants(200, "GET", "/api/davit/me", "", `"mayCreateProjects":true`)
	ann.wants(200, "GET", "/api/davit/me", "", `"mayCreateProjects":false`)
}

func TestRevokeUser(t *testing.T) {
	h := newHouse(t)
	root, bob := h.runs("root"), h.caller("bob")
	ann := h.person("Änn", false)
	first, second := ann.signIn(), ann.signIn()
	at := "/api/davit/users/" + url.PathEscape("Änn")
	token := h.bearer(first.access, "POST", "/api/davit/tokens", `{"title":"laptop"}`).json(t)["token"].(string)
	key := h.bearer(first.access, "POST", "/api/davit/keys", `{}`)
	if key.status != 201 {
		t.Fatalf("a key: %d %s", key.status, key.body)
	}

	// Sessions are seen and ended by administrators alone, and through the right user.
	list := func() (ids []string) {
		for _, s := range root.wants(200, "GET", at+"/sessions", "").json(t)["sessions"].([]any) {
			ids = append(ids, dig(s, "id").(string))
		}
		return ids
	}
	if ids := list(); len(ids) != 2 {
		t.Fatalf("sessions %v, want 2", ids)
	}
	ended := "" // which of the two is listed first is open: they may be of one millisecond
	for _, s := range h.bearer(second.access, "GET", "/auth/sessions", "").json(t)["items"].([]any) {
		if dig(s, "current").(bool) {
			ended = dig(s, "id").(string)
		}
	}
	for method, target := range map[string]string{"GET": at + "/sessions", "DELETE": at + "/sessions/" + ended} {
		bob.wants(403, method, target, "", "administrators")
		if a := h.bearer(second.access, method, target, ""); a.status != 403 {
			t.Errorf("oneself, %s: %d", method, a.status)
		}
	}
	root.wants(404, "DELETE", "/api/davit/users/bob/sessions/"+ended, "", "no such session")
	root.wants(404, "DELETE", at+"/sessions/none", "", "no such session")
	root.wants(404, "GET", "/api/davit/users/nobody/sessions", "", "user-not-found")
	plain := root.wants(200, "GET", "/api/davit/tokens?user="+url.QueryEscape("Änn"), "").json(t)["tokens"].([]any)
	root.wants(404, "DELETE", at+"/sessions/"+dig(plain[0], "id").(string), "", "no such session") // a token is none
	root.wants(204, "DELETE", at+"/sessions/"+ended, "")
	wantDoors(t, "the session that was ended", h.doors(second.access), shutDoors)
	wantDoors(t, "the other one", h.doors(first.access), openDoors)

	// All at once; the password stays, and others keep theirs.
	bob.wants(403, "DELETE", at+"/credentials", "", "administrators")
	root.wants(404, "DELETE", "/api/davit/users/nobody/credentials", "", "user-not-found")
	root.wants(204, "DELETE", at+"/credentials", "")
	wantDoors(t, "a session", h.doors(first.access), shutDoors)
	wantDoors(t, "a token", h.doors(token), shutDoors)
	root.wants(200, "GET", "/api/davit/keys?user="+url.QueryEscape("Änn"), "", `"keys":[]`)
	if got := list(); len(got) != 0 {
		t.Errorf("sessions %v", got)
	}
	ann.signIn()
	bob.wants(200, "GET", "/api/davit/me", "")

	// A token that may do less than its user administers nothing.
	narrow := &caller{house: h, user: root.user, token: root.newToken("", true)}
	narrow.wants(403, "DELETE", at+"/credentials", "")
	if got := list(); len(got) != 1 {
		t.Errorf("sessions %v, want one", got)
	}
}

// Members are named in paths whatever they are called.
func TestMembersOfAnyName(t *testing.T) {
	h := newHouse(t)
	root := h.runs("root")
	lab := "/api/davit/projects/" + root.project("lab", "root")
	group := root.wants(201, "POST", lab+"/groups", `{"title":"g"}`).json(t)["id"].(string)
	for _, name := range []string{"100%", "%41", "a b+c", "Zoë", "<i>", "q?x#y", "\u202eeve", "..."} {
		h.caller(name)
		at := "/members/" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
		root.wants(200, "PUT", lab+at, `{"role":"USER"}`)
		root.wants(200, "PUT", "/api/davit/groups/"+group+at, "")
		if all, err := h.store.GroupMembers(t.Context(), group, store.Range{}); err != nil || len(all) != 1 || all[0].UserName != name {
			t.Errorf("%q: in the group are %v, %v", name, all, err)
		}
		root.wants(204, "DELETE", lab+at, "")
	}
}

func TestProjectList(t *testing.T) {
	h := newHouse(t)
	root, pi, user := h.runs("root"), h.caller("pi"), h.caller("user")
	lab, club := root.project("Big Lab", "pi"), root.project("club", "root")
	pi.expect(200, "PUT", "/api/davit/projects/"+lab+"/members/user", `{"role":"USER"}`)
	f := pi.folderIn(lab, "data", store.Read)
	h.filled(f.ID, 7)
	const in = `"members":2,"usage":{"folders":1,"bytes":7,"files":1}`
	for c, want := range map[*caller]string{root: "?all=true", pi: "", user: "?query=LAB"} {
		c.wants(200, "GET", "/api/davit/projects"+want, "", lab, in)
	}
	user.wants(200, "GET", "/api/davit/projects/"+lab, "", in)
	for _, c := range []*caller{root, user} {
		c.wants(200, "GET", "/api/davit/users/user", "", `"projects":[{"id":"`+lab+`","title":"Big Lab","role":"USER"}]`)
	}
	pi.wants(403, "GET", "/api/davit/users/user", "")
	root.wants(200, "GET", "/api/davit/projects/"+club, "", `"members":1,"usage":{"folders":0,"bytes":0,"files":0}`)
	for _, c := range []struct {
		who    *caller
		target string
		want   int
	}{
		{root, "?all=true", 2}, {root, "?all=true&query=b", 2}, {root, "?all=true&query=big+l", 1}, {root, "?query=b", 1}, {pi, "?query=club", 0}, {pi, "?query=%25", 0},
	} {
		if got := len(c.who.wants(200, "GET", "/api/davit/projects"+c.target, "").json(t)["items"].([]any)); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.who.user.Name, c.target, got, c.want)
		}
	}
	root.wants(400, "GET", "/api/davit/projects?query="+strings.Repeat("x", 256), "", "query: must be")
}

func TestProductsInUse(t *testing.T) {
	h := newHouseWith(t, productOptions(t, func(fast *store.Product) {
		fast.Description, fast.MostBytes, fast.WorkspaceMaxBytes, fast.DefaultMaxFiles = "for <jobs>", 1<<30, 5<<30, 0
		fast.Support.Files.IsReadOnly = false
		fast.Maintenance = &store.Maintenance{Description: "disks", Availability: store.MinorDisruption, StartsAt: time.UnixMilli(1000)}
	}))
	root, ann := h.runs("root"), h.caller("ann")
	h.filled(ann.folderOf("x", "davit/ssd/fast"), 3)
	v := root.wants(200, "GET", "/api/davit/products", "").json(t)
	if dig(v, "defaults", "maxFolders") != 10.0 || dig(v, "defaults", "maxBytes") != float64(1<<30) || dig(v, "defaults", "maxFiles") != 1000.0 {
		t.Errorf("defaults %v", v["defaults"])
	}
	byID := map[any]any{}
	for _, p := range v["products"].([]any) {
		byID[dig(p, "id")] = p
		if free, _ := dig(p, "volume", "freeBytes").(float64); free <= 0 {
			t.Errorf("no free space told: %v", p)
		}
	}
	fast, standard := byID["fast"], byID["standard"]
	if len(byID) != 2 || dig(standard, "default") != true || dig(standard, "limits", "defaultMaxBytes") != "default" || dig(standard, "maintenance") != nil ||
		dig(standard, "usage", "folders") != 0.0 {
		t.Errorf("standard: %v", standard)
	}
	if dig(fast, "default") != false || dig(fast, "limits", "maxBytes") != float64(1<<30) || dig(fast, "limits", "maxFiles") != nil || dig(fast, "limits", "defaultMaxFiles") != nil ||
		dig(fast, "limits", "workspaceMaxBytes") != float64(5<<30) || dig(fast, "maintenance", "availability") != "MINOR_DISRUPTION" ||
		dig(fast, "usage", "bytes") != 3.0 || dig(fast, "support", "files", "trashSupported") != true {
		t.Errorf("fast: %v", fast)
	}
	ann.wants(403, "GET", "/api/davit/products", "", "administrators")
	narrow := &caller{house: h, user: root.user, token: root.newToken("", true)}
	narrow.wants(403, "GET", "/api/davit/products", "")
}
