package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// made is the answer to a mount that was made.
type made struct {
	ID, Title, User, Created, Expires string
	Token, Fstab, Script              string
	Folders                           []struct{ ID, Title, Name, Permission, URL, Path, Mount, Umount, Rclone string }
	Davfs2                            struct{ ConfigFile, Config, SecretsFile, Secrets, Mode string }
	Rclone                            struct{ ConfigFile, Config string }
}

// mounts makes a mount, which must succeed.
func (c *caller) mounts(body string) (m made) {
	c.t.Helper()
	a := c.call("POST", mountsPath, body)
	if a.status != 201 {
		c.t.Fatalf("%s: %d %s", body, a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		c.t.Fatal(err)
	}
	if got := a.header.Get("Location"); got != mountsPath+"/"+m.ID || a.header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("Location %q, Cache-Control %q", got, a.header.Get("Cache-Control"))
	}
	return m
}

// titled makes a folder of any title.
func (c *caller) titled(title string) string {
	c.t.Helper()
	f, err := c.files.CreateFolder(c.t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: c.user.ID, Title: title, MaxBytes: store.Default, MaxFiles: store.Default}})
	if err != nil {
		c.t.Fatal(err)
	}
	return f.ID
}

// with sends a WebDAV or other request with a token as the user's password.
func (c *caller) with(token, method, target, body string, header ...string) answer {
	c.t.Helper()
	r := c.request(method, target, body)
	r.SetBasicAuth(c.user.Name, token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return c.do(r)
}

func TestMounts(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	data, models, secret := ann.create("data"), ann.create("models"), ann.create("secret")
	if a := ann.call("MKCOL", "/dav/"+data+"/sub%20dir/", ""); a.status != 201 {
		t.Fatal(a.status)
	}
	m := ann.mounts(`{"folders": [{"name": "data", "subpath": "sub dir"}, {"id": "` + models + `", "readOnly": true, "path": "/srv/models/"}], "lifetime": "12h", "title": "kernel 7"}`)
	if len(m.Token) > 64 || m.Title != "kernel 7" || m.User != "ann" || m.Expires != timeText(then.Add(12*time.Hour)) || m.Created != timeText(then) {
		t.Errorf("%+v", m)
	}
	if len(m.Folders) != 2 {
		t.Fatalf("%+v", m.Folders)
	}
	if f := m.Folders[0]; f.ID != data || f.Permission != "rw" || f.Path != "/home/work/data" || f.URL != h.url+"/dav/"+data+"/sub%20dir/" {
		t.Errorf("%+v", f)
	}
	f := m.Folders[1]
	if f.ID != models || f.Permission != "ro" || f.Path != "/srv/models" || f.URL != h.url+"/dav/"+models+"/" || f.Title != "models" || f.Name != "models" {
		t.Errorf("%+v", f)
	}
	state, sub := "/var/cache/davit/"+m.ID, h.url+"/dav/"+data+"/sub dir/"
	for got, want := range map[string]string{
		f.Mount:         "mount -t davfs -o conf=" + state + "/davfs2.conf,ro '" + f.URL + "' '/srv/models'",
		f.Umount:        "umount '/srv/models'",
		f.Rclone:        "rclone mount --config " + state + "/rclone.conf --vfs-cache-mode writes --daemon --read-only davit2: '/srv/models'",
		m.Davfs2.Config: "buf_size 64\nask_auth 0\nuse_locks 1\nlock_owner \"" + m.ID + "\"\nsecrets \"" + state + "/secrets\"\ncache_dir \"" + state + "/cache\"\n",
		m.Fstab: strings.ReplaceAll(sub, " ", `\040`) + " /home/work/data davfs rw,noauto,_netdev,conf=" + state + "/davfs2.conf 0 0\n" +
			f.URL + " /srv/models davfs ro,noauto,_netdev,conf=" + state + "/davfs2.conf 0 0\n",
		m.Davfs2.Secrets: `"` + sub + `" "ann" "` + m.Token + "\"\n\"" + f.URL + `" "ann" "` + m.Token + "\"\n",
		m.Davfs2.Mode:    "0600",
	} {
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}

	// What the token opens, and what it does not.
	for _, c := range []struct {
		method, target string
		want           int
	}{
		{"PROPFIND", "/dav/" + data + "/", 207}, {"PUT", "/dav/" + data + "/f", 201}, {"PROPFIND", "/dav/" + models + "/", 207},
		{"PUT", "/dav/" + models + "/f", 403}, {"DELETE", "/dav/" + models + "/", 403}, {"PROPFIND", "/dav/" + secret + "/", 404}, {"PUT", "/dav/" + secret + "/f", 404},
		{"POST", mountsPath, 403}, {"GET", mountsPath, 403}, {"GET", mountsPath + "/" + m.ID, 403}, {"DELETE", mountsPath + "/" + m.ID, 403}, {"POST", mountsPath + "/" + m.ID + "/renew", 403},
		{"GET", "/api/davit/folders/" + data + "/uses", 403}, {"POST", "/v2/folder/create", 403}, {"GET", "/v2/folder/" + data, 403}, {"GET", "/folders", 403},
	} {
		body, depth := "{}", "infinity"
		if c.method == "PROPFIND" {
			body, depth = "", "0"
		}
		if a := ann.with(m.Token, c.method, c.target, body, "Depth", depth); a.status != c.want {
			t.Errorf("mount: %s %s: %d, want %d %s", c.method, c.target, a.status, c.want, a.body)
		}
	}
	if list := ann.with(m.Token, "PROPFIND", "/dav/", "", "Depth", "1").body; !strings.Contains(list, "/dav/data/") || !strings.Contains(list, "/dav/models/") || strings.Contains(list, "secret") {
		t.Errorf("under /dav/: %s", list)
	}

	// Where it is shown.
	show := func(c *caller, target string) map[string]any { return c.call("GET", target, "").json(t) }
	if err := h.auth.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := show(ann, mountsPath+"/"+m.ID)
	if one["title"] != "kernel 7" || one["active"] != true || one["lastUsed"] == nil || one["lastAddress"] != "127.0.0.1" || one["lastAgent"] != "Go-http-client/1.1" || one["token"] != nil {
		t.Errorf("%v", one)
	}
	list := show(ann, mountsPath)["items"].([]any)
	if len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(one) {
		t.Errorf("list: %v\none:  %v", list, one)
	}
	ann.mounts(`{"mounts": ["secret"]}`)
	if page := show(ann, mountsPath+"?next=1"); len(page["items"].([]any)) != 1 || page["next"] != nil {
		t.Errorf("the second page: %v", page)
	}
	if got := show(bob, mountsPath)["items"].([]any); len(got) != 0 {
		t.Errorf("bob's list: %v", got)
	}

	// The folder goes: the mount is still there, and says so.
	if a := ann.call("DELETE", "/v2/folder/"+models, ""); a.status != 204 {
		t.Fatal(a.status, a.body)
	}
	if got := show(ann, mountsPath+"/"+m.ID)["folders"].([]any); len(got) > 2 || len(got) == 2 && got[1].(map[string]any)["title"] != nil {
		t.Errorf("after the end of a folder: %v", got)
	}

	// Renewed, revoked.
	h.clock.set(then.Add(11 * time.Hour))
	a := ann.call("POST", mountsPath+"/"+m.ID+"/renew", `{"lifetime": 7200}`)
	if got := a.json(t)["expires"]; a.status != 200 || got != timeText(then.Add(13*time.Hour)) {
		t.Errorf("renewed: %d %s", a.status, a.body)
	}
	h.clock.set(then.Add(12*time.Hour + time.Minute))
	if a := ann.with(m.Token, "PROPFIND", "/dav/"+data+"/", "", "Depth", "0"); a.status != 207 {
		t.Errorf("a renewed mount: %d", a.status)
	}
	if a := bob.call("DELETE", mountsPath+"/"+m.ID, ""); a.status != 204 {
		t.Errorf("bob's DELETE: %d", a.status)
	}
	if a := ann.with(m.Token, "PROPFIND", "/dav/"+data+"/", "", "Depth", "0"); a.status != 207 {
		t.Errorf("bob has ended ann's mount: %d", a.status)
	}
	for range 2 {
		if a := ann.call("DELETE", mountsPath+"/"+m.ID, ""); a.status != 204 {
			t.Errorf("DELETE: %d %s", a.status, a.body)
		}
		if a := ann.with(m.Token, "PROPFIND", "/dav/"+data+"/", "", "Depth", "0"); a.status != 401 {
			t.Errorf("a mount that was revoked: %d", a.status)
		}
	}
	if a := ann.call("POST", mountsPath+"/"+m.ID+"/renew", `{}`); a.status != 404 {
		t.Errorf("renew what was revoked: %d", a.status)
	}
}

// The mounts of all are listed by age, whoever made them.
func TestMountsOfAll(t *testing.T) {
	h := newHouse(t)
	ann, bob, root := h.caller("ann"), h.caller("bob"), h.administrator()
	var made []string
	for i := range 30 {
		who := []*caller{ann, bob}[i%2]
		if i < 2 {
			who.create("data")
		}
		h.clock.set(then.Add(time.Duration(i) * time.Minute))
		made = append(made, who.mounts(`{"mounts": ["data"]}`).ID)
	}
	list := func(query string) (ids []string, next any) {
		t.Helper()
		page := root.wants(200, "GET", mountsPath+"?itemsPerPage=25"+query, "").json(t)
		for _, m := range page["items"].([]any) {
			ids = append(ids, dig(m, "id").(string))
		}
		return ids, page["next"]
	}
	first, next := list("&all=true")
	if second, end := list("&all=true&next=" + fmt.Sprint(next)); !slices.Equal(append(first, second...), made) || next != "25" || end != nil {
		t.Errorf("oldest first: %v, %v, then %v, %v; want %v", first, next, second, end, made)
	}
	slices.Reverse(made)
	if newest, _ := list("&all=true&sortDirection=descending"); !slices.Equal(newest, made[:25]) {
		t.Errorf("newest first: %v, want %v", newest, made[:25])
	}
	if of, next := list("&user=bob"); len(of) != 15 || next != nil {
		t.Errorf("of bob: %v, %v", of, next)
	}
	root.wants(204, "DELETE", mountsPath+"/"+made[0], "")
	if newest, _ := list("&all=true&sortDirection=descending"); !slices.Equal(newest, made[1:26]) {
		t.Errorf("after the newest was revoked: %v, want %v", newest, made[1:26])
	}
}

func TestMountsEndByThemselves(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	m := ann.mounts(`{"folders": [{"name": "data"}], "expiresAt": "` + timeText(then.Add(time.Hour)) + `"}`)
	if a := ann.with(m.Token, "PROPFIND", "/dav/"+id+"/", "", "Depth", "0"); a.status != 207 {
		t.Fatal(a.status)
	}
	h.clock.set(then.Add(time.Hour))
	if a := ann.with(m.Token, "PROPFIND", "/dav/"+id+"/", "", "Depth", "0"); a.status != 401 {
		t.Errorf("after its end: %d", a.status)
	}
	for _, target := range []string{mountsPath + "/" + m.ID, mountsPath + "/" + m.ID + "/renew"} {
		method := "GET"
		if strings.HasSuffix(target, "renew") {
			method = "POST"
		}
		if a := ann.call(method, target, ""); a.status != 404 {
			t.Errorf("%s %s: %d", method, target, a.status)
		}
	}
	if got := ann.call("GET", mountsPath, "").json(t)["items"].([]any); len(got) != 0 {
		t.Errorf("the list has what has ended: %v", got)
	}
	// The default, and the longest.
	if m := ann.mounts(`{"mounts": ["data"]}`); m.Expires != timeText(then.Add(25*time.Hour)) {
		t.Errorf("default end %s", m.Expires)
	}
	if m := ann.mounts(fmt.Sprintf(`{"mounts": ["data"], "expiresAt": %d}`, then.Add(time.Hour+30*24*time.Hour).UnixMilli())); m.Expires != timeText(then.Add(time.Hour+30*24*time.Hour)) {
		t.Errorf("longest end %s", m.Expires)
	}
}

// The words of compute platforms.
func TestMountsAsPlatformsSayIt(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	ids := map[string]string{}
	for _, name := range []string{"mydata", "mypkgs", "more"} {
		ids[name] = ann.create(name)
	}
	shared := bob.create("shared")
	ann.share(shared, ann, store.RightsRO)
	m := ann.mounts(`{"mounts": ["mydata", "mypkgs:.local/lib/python3.13/site-packages", "` + ids["more"] + `", "shared"],
		"mount_map": {"mydata": "/home/work/data", "shared": "/srv/shared"}, "mount_options": {"mypkgs": {"permission": "ro"}, "mydata": {"permission": "rw"}}}`)
	var got []string
	for _, f := range m.Folders {
		got = append(got, f.Title+" "+f.Permission+" "+f.Path)
	}
	want := "mydata rw /home/work/data|mypkgs ro /home/work/.local/lib/python3.13/site-packages|more rw /home/work/more|shared ro /srv/shared"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	m = ann.mounts(`{"mount_ids": ["` + ids["more"] + `"], "mount_id_map": {"` + ids["more"] + `": "here"}, "readOnly": true}`)
	if f := m.Folders[0]; f.Path != "/home/work/here" || f.Permission != "ro" {
		t.Errorf("%+v", f)
	}
	a := ann.call("POST", mountsPath+"?format=sh", `{"mounts": ["mydata"]}`)
	if a.status != 201 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/x-shellscript") || !strings.HasPrefix(a.body, "#!/bin/sh\n") {
		t.Errorf("as a script: %d %s %.40s", a.status, a.header.Get("Content-Type"), a.body)
	}
}

func TestMountsRefused(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Mount.MaxFolders = 3 })
	ann, bob := h.caller("ann"), h.caller("bob")
	for _, name := range []string{"a", "b", "c", "d"} {
		ann.create(name)
	}
	id := ann.create("one")
	ann.titled(".ssh")
	shared := bob.create("shared")
	ann.share(shared, ann, store.RightsRO)
	bob.create("own")
	for _, title := range []string{"twin"} {
		ann.create(title)
		ann.share(bob.titled(title), ann, store.RightsRW)
	}
	for body, want := range map[string]string{
		``:                           "400 invalid-api-params folders: must name",
		`{}`:                         "400 invalid-api-params folders: must name",
		`{"folders": {}}`:            "400 invalid-api-params folders: must be a list",
		`{"folders": ["a"]}`:         "400 invalid-api-params folders[0]: must be an object",
		`{"folders": [{}]}`:          "400 invalid-api-params folders[0].id: or name",
		`{"folders": [{"id": "a"}]}`: "400 invalid-api-params folders[0].id: is not an ID",
		`{"folders": [{"id": "` + id + `", "name": "one"}]}`:                        "400 invalid-api-params folders[0].id: or name",
		`{"folders": [{"name": "none"}]}`:                                           "404 vfolder-not-found folders[0]: no such folder",
		`{"folders": [{"name": "own"}]}`:                                            "404 vfolder-not-found folders[0]: no such folder",
		`{"folders": [{"name": "twin"}]}`:                                           "404 too-many-vfolders several folders",
		`{"mounts": ["a", "b", "c", "d"]}`:                                          "400 invalid-api-params mounts[3]: is more than the 3",
		`{"mounts": ["a", "a"]}`:                                                    "400 invalid-api-params mounts[1]: /home/work/a overlaps",
		`{"mounts": ["a", "a:x"]}`:                                                  "400 invalid-api-params mounts[1]: overlaps",
		`{"mounts": ["a:x", "b:x/y"]}`:                                              "400 invalid-api-params mounts[1]: /home/work/x/y overlaps",
		`{"mounts": ["a"], "mount_map": {"b": "/x"}}`:                               "400 invalid-api-params mount_map.b: is not in mounts",
		`{"mounts": ["a:x"], "mount_map": {"a": "/x"}}`:                             "400 invalid-api-params mount_map.a: has a place",
		`{"mounts": ["a"], "mount_options": {"b": {"permission": "ro"}}}`:           "400 invalid-api-params mount_options.b: is not in mounts",
		`{"mounts": ["a"], "mount_options": {"a": {"permission": "all"}}}`:          "400 invalid-api-params mount_options.a.permission: must be",
		`{"mounts": ["a"], "mount_options": {"a": {}}}`:                             "400 invalid-api-params mount_options.a.permission: is missing",
		`{"mounts": ["shared"], "mount_options": {"shared": {"permission": "rw"}}}`: "400 vfolder-permission-error mounts[0]: ann may only read",
		`{"folders": [{"name": "shared", "readOnly": false}]}`:                      "400 vfolder-permission-error folders[0]: ann may only read",
		`{"mounts": ["shared"], "readOnly": false}`:                                 "400 vfolder-permission-error mounts[0]: ann may only read",
		`{"folders": [{"name": ".ssh"}]}`:                                           "400 invalid-api-params folders[0].path: must be given: /home/work/.ssh is reserved",
		`{"folders": [{"name": "a", "subpath": "none"}]}`:                           "404 vfolder-not-found folders[0]: the folder has no such directory",
		`{"folders": [{"name": "a", "subpath": "../b"}]}`:                           "400 invalid-api-params folders[0].subpath: is not a name",
		`{"mounts": ["a/../b"]}`:                                                    "400 invalid-api-params mounts[0]: is not a name",
		`{"mounts": ["a"], "lifetime": "31d"}`:                                      "400 invalid-api-params lifetime: is too long: mounts end after 30d",
		`{"mounts": ["a"], "lifetime": 0}`:                                          "400 invalid-api-params lifetime: must be in the future",
		`{"mounts": ["a"], "lifetime": -5}`:                                         "400 invalid-api-params lifetime: must be in the future",
		`{"mounts": ["a"], "lifetime": "soon"}`:                                     "400 invalid-api-params lifetime: \"soon\" is not a time",
		`{"mounts": ["a"], "lifetime": 1, "expiresAt": 2}`:                          "400 invalid-api-params lifetime: and expiresAt",
		`{"mounts": ["a"], "expiresAt": "tomorrow"}`:                                "400 invalid-api-params expiresAt: must be a time",
		`{"mounts": ["a"], "expiresAt": 5}`:                                         "400 invalid-api-params expiresAt: must be in the future",
		`{"mounts": ["a"], "expiresAt": "9999-12-31T23:59:59Z"}`:                    "400 invalid-api-params expiresAt: is too long",
		`{"mounts": ["a"], "title": "a\nb"}`:                                        "400 invalid-api-params title: must have",
		`{"mounts": ["a"], "format": "xml"}`:                                        "400 invalid-api-params format: must be json or sh",
		`{"mounts": ["a"], "user": "bob"}`:                                          "403 generic-forbidden permission denied: only administrators",
		`{"folders": [{"name": "a", "path": "` + "/x/../y" + `"}]}`:                 "400 invalid-api-params folders[0].path: must have no empty",
		`{"folders": [{"name": "a", "path": "/etc/x"}]}`:                            "400 invalid-api-params folders[0].path: is a directory of the system",
		`{"folders": [{"name": "a", "path": "/"}]}`:                                 "400 invalid-api-params folders[0].path: must be an absolute path",
		`{"folders": [{"name": "a", "path": "/home/work/"}]}`:                       "400 invalid-api-params folders[0].path: is a directory of the system",
		`{"folders": [{"name": "a", "path": "/home/work/.ssh/x"}]}`:                 "400 invalid-api-params folders[0].path: is reserved",
		`{"folders": [{"name": "a", "path": "/x/` + "\u202e" + `y"}]}`:              "400 invalid-api-params folders[0].path: must have no control",
		`{"folders": [{"name": "a", "path": "/x/'y"}]}`:                             "400 invalid-api-params folders[0].path: must have no single quote",
		`{"folders": [{"name": "a", "path": "/x/\ny"}]}`:                            "400 invalid-api-params folders[0].path: must have no control",
		`{"folders": [{"name": "a", "path": "/` + strings.Repeat("x", 201) + `"}]}`: "400 invalid-api-params folders[0].path: must have at most 200",
	} {
		a := ann.call("POST", mountsPath, body)
		var p struct{ Type, Msg string }
		json.Unmarshal([]byte(a.body), &p)
		got := fmt.Sprint(a.status, " ", strings.TrimPrefix(p.Type, problemBase), " ", p.Msg)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", body, got, want)
		}
	}
	r := ann.request("POST", mountsPath, `{"mounts": ["a"]}`)
	r.SetBasicAuth("ann", ann.token)
	r.Host = "a'b$(x)"
	if a := h.do(r); a.status != 400 || !strings.Contains(a.body, "Host") {
		t.Errorf("a hostile Host: %d %s", a.status, a.body)
	}
	all, err := h.store.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.Kind == store.TokenMount {
			t.Errorf("a refused request made the mount %+v", k)
		}
	}
}

// Who may do what with mounts, and see who uses a folder.
func TestMountsMatrix(t *testing.T) {
	h := newHouse(t)
	ann, ro, rw, foreign, root := h.caller("ann"), h.caller("reader"), h.caller("writer"), h.caller("foreign"), h.administrator()
	id := ann.create("data")
	ann.share(id, ro, store.RightsRO)
	ann.share(id, rw, store.RightsRW)
	if a := ann.call("PUT", "/dav/"+id+"/f", "text"); a.status != 201 {
		t.Fatal(a.status)
	}
	m := ann.mounts(`{"mounts": ["data"]}`)
	wantRO, wantRW := `{"folders": [{"id": "`+id+`"}]}`, `{"folders": [{"id": "`+id+`", "readOnly": false}]}`
	forAnn := `{"folders": [{"id": "` + id + `"}], "user": "ann"}`
	narrow, reading := ann.newToken(id, false), ann.newToken("", true)
	uses, active, one := "/api/davit/folders/"+id+"/uses", mountsPath+"/active", mountsPath+"/"+m.ID
	calls := []struct{ name, method, target, body string }{
		{"make", "POST", mountsPath, wantRO}, {"make rw", "POST", mountsPath, wantRW}, {"make for ann", "POST", mountsPath, forAnn},
		{"list", "GET", mountsPath, ""}, {"list ann's", "GET", mountsPath + "?user=ann", ""}, {"list all", "GET", mountsPath + "?all=true", ""},
		{"show", "GET", one, ""}, {"renew", "POST", one + "/renew", `{}`}, {"uses", "GET", uses, ""}, {"active", "GET", active, ""},
	}
	for _, c := range []struct {
		name  string
		who   *caller
		token string
		want  string
	}{
		{"anonymous", nil, "", "401 401 401 401 401 401 401 401 401 401"},
		{"owner", ann, ann.token, "201 201 201 200 200 403 200 200 200 403"},
		{"reader", ro, ro.token, "201 400 403 200 403 403 404 404 200 403"},
		{"writer", rw, rw.token, "201 201 403 200 403 403 404 404 200 403"},
		{"foreign", foreign, foreign.token, "404 404 403 200 403 403 404 404 404 403"},
		{"administrator", root, root.token, "404 404 201 200 200 200 200 200 200 200"},
		{"token for the folder", ann, narrow, "403 403 403 403 403 403 403 403 403 403"},
		{"token for reading", ann, reading, "403 403 403 200 200 403 200 403 200 403"},
		{"mount", ann, m.Token, "403 403 403 403 403 403 403 403 403 403"},
	} {
		var got []string
		for _, call := range calls {
			r := h.request(call.method, call.target, call.body)
			if c.who != nil {
				r.SetBasicAuth(c.who.user.Name, c.token)
			}
			got = append(got, fmt.Sprint(h.do(r).status))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, strings.Join(got, " "), c.want)
		}
	}

	// What a mount may do is decided at each use.
	mine := rw.mounts(wantRW)
	if a := rw.with(mine.Token, "PUT", "/dav/"+id+"/g", "text"); a.status != 201 {
		t.Errorf("PUT: %d", a.status)
	}
	ann.share(id, rw, store.RightsRO)
	if a := rw.with(mine.Token, "PUT", "/dav/"+id+"/g", "text"); a.status != 403 {
		t.Errorf("PUT after the right was taken: %d", a.status)
	}
	if f := rw.call("GET", mountsPath+"/"+mine.ID, "").json(t)["folders"].([]any)[0].(map[string]any); f["permission"] != "ro" {
		t.Errorf("shown as %v", f)
	}
	ann.share(id, rw, store.RightsRW)

	// Addresses are for who manages the folder, and one's own.
	type seen struct {
		InUse bool
		Uses  []struct {
			User           string
			Address, Token *string
			Writes         int
		}
	}
	look := func(c *caller) (s seen) {
		t.Helper()
		a := c.call("GET", uses, "")
		if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		return s
	}
	for _, c := range []struct {
		who   *caller
		whole func(user string) bool
	}{
		{ann, func(string) bool { return true }}, {root, func(string) bool { return true }}, {ro, func(user string) bool { return user == "reader" }},
		{rw, func(user string) bool { return user == "writer" }},
	} {
		s := look(c.who)
		if !s.InUse || len(s.Uses) != 2 {
			t.Errorf("%s sees %+v", c.who.user.Name, s)
		}
		for _, u := range s.Uses {
			if whole := u.Address != nil && u.Token != nil; whole != c.whole(u.User) {
				t.Errorf("%s sees %+v of %s", c.who.user.Name, u, u.User)
			}
		}
	}
	items := root.call("GET", active, "").json(t)["items"].([]any)
	if len(items) != 2 || items[0].(map[string]any)["folder"].(map[string]any)["title"] != "data" {
		t.Errorf("active: %v", items)
	}
	if a := root.call("DELETE", mountsPath+"/"+mine.ID, ""); a.status != 204 {
		t.Error(a.status)
	}
	if a := rw.with(mine.Token, "GET", "/dav/"+id+"/f", ""); a.status != 401 {
		t.Errorf("after the administrator has revoked it: %d", a.status)
	}
	if a := h.do(h.request("DELETE", one, "")); a.status != 401 {
		t.Errorf("anonymous DELETE: %d", a.status)
	}
}

func TestFolderUses(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	uses := "/api/davit/folders/" + id + "/uses"
	if got := ann.call("GET", uses, ""); got.status != 200 || strings.TrimSpace(got.body) != `{"inUse":false,"last":null,"uses":[],"locks":[]}` {
		t.Errorf("at rest: %d %s", got.status, got.body)
	}
	a := ann.with(ann.token, "LOCK", "/dav/"+id+"/new", `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`, "User-Agent", "evil\u202e\"<agent>")
	if a.status != 201 {
		t.Fatal(a.status, a.body)
	}
	got := ann.call("GET", uses, "").json(t)
	lock, use := got["locks"].([]any)[0].(map[string]any), got["uses"].([]any)[0].(map[string]any)
	if got["inUse"] != true || lock["path"] != "new" || lock["user"] != "ann" || lock["depth"] != "0" || strings.Contains(fmt.Sprint(got), "urn:uuid") {
		t.Errorf("%v", got)
	}
	if use["agent"] != "evil\u202e\"<agent>" || use["writes"] != 1.0 || use["address"] != "127.0.0.1" {
		t.Errorf("%v", use)
	}
	for target, want := range map[string]int{"/api/davit/folders/none/uses": 404, "/api/davit/folders/" + strings.Repeat("0", 32) + "/uses": 404} {
		if a := ann.call("GET", target, ""); a.status != want {
			t.Errorf("%s: %d", target, a.status)
		}
	}
	// The compute platform sees it as well.
	if got := ann.call("GET", "/folders/data", "").json(t); got["status"] != "mounted" || got["last_used"] == nil {
		t.Errorf("status %v, last used %v", got["status"], got["last_used"])
	}
	if a := ann.call("DELETE", "/folders/data", ""); a.status != 400 || !strings.Contains(a.body, "vfolder-deletion-not-allowed") {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	if other := ann.create("unused"); ann.call("GET", "/folders/unused", "").json(t)["status"] != "ready" {
		t.Errorf("%s is in use", other)
	}
}

// hostileTitles are what a shell, a mount table or a terminal could take for something else.
var hostileTitles = []string{
	`$(touch /tmp/pwned)`, "`touch /tmp/pwned`", `'; touch /tmp/pwned; '`, `" && touch "/tmp/pwned`, `-rf`, `--help`, `a b  c`, `tab	tab`, `\`, `\'`, `'\''`, `''''`,
	`$HOME`, `${IFS}`, `%s%n%d`, `!history!`, `#comment`, `a=b`, `~root`, `*`, `?[a-z]`, `{a,b}`, `a|b&c;d<e>f(g)`, "ü \u202egnp.exe", "line\u2028line", `EOF`, `日本語`, `\040`, `,ro,exec`,
}

// Whatever a name holds, a real shell takes it for one word, and the script for text.
func TestMountScriptQuotes(t *testing.T) {
	sh := func(script string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, "sh", append([]string{"-s", "--"}, args...)...)
		c.Stdin = strings.NewReader(script)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("sh: %v\n%s\n%.2000s", err, out, script)
		}
		return string(out)
	}
	words := append([]string{"", "\n", "a\nb\n", "\x01\x7f", "\xff\xfe", "'" + strings.Repeat("''", 500)}, hostileTitles...)
	var script strings.Builder
	for _, w := range words {
		script.WriteString("printf '%s\\0' " + shQuote(w) + "\n")
	}
	if got := sh(script.String()); got != strings.Join(words, "\x00")+"\x00" {
		t.Errorf("echoed: %q", got)
	}
	for _, w := range hostileTitles {
		plan := mountPlan{ID: "abc", User: w, Token: "uc-x", Base: "https://" + w, Expires: then}
		for _, readOnly := range []bool{true, false} {
			plan.Places = append(plan.Places, mountPlace{Title: w, Name: w, URL: davURL("https://dav.example", "id", w), Source: davfsSource("https://dav.example", "id", w), Path: "/home/work/" + w, ReadOnly: readOnly})
		}
		script, err := plan.Script()
		if err != nil {
			t.Fatal(err)
		}
		sh("set -n\n" + script)
		// The functions are replaced by ones that print what they are called with.
		begin, rest, found := strings.Cut(script, "failed=0\n")
		if _, list, ok := strings.Cut(rest, `>"$config"`); found && ok {
			rest = list[:strings.Index(list, "\t;;")]
		}
		_ = begin
		got := sh(`mount_one() { printf '%s\0' "$@"; }` + "\n" + rest)
		u := davfsSource("https://dav.example", "id", w)
		if want := strings.Join([]string{u, "/home/work/" + w, "ro", u, "/home/work/" + w, "rw", ""}, "\x00"); got != want {
			t.Errorf("%q: the script mounts %q", w, got)
		}
		for _, command := range []string{plan.Mount(plan.Places[0]), plan.Umount(plan.Places[0]), plan.RcloneMount(0)} {
			name, _, _ := strings.Cut(command, " ")
			got := sh(name + `() { printf '%s\0' "$@"; }` + "\n" + command)
			if !strings.HasSuffix(got, "\x00/home/work/"+w+"\x00") && !strings.HasPrefix(got, "/home/work/"+w+"\x00") {
				t.Errorf("%s: runs with %q", command, got)
			}
		}
		if fields := strings.FieldsFunc(plan.Fstab(plan.Places[0]), func(r rune) bool { return strings.ContainsRune(" \t\n", r) }); len(fields) != 6 {
			t.Errorf("fstab: %q", fields)
		}
	}
}

func FuzzMountBody(f *testing.F) {
	f.Add(`{"folders": [{"name": "a", "readOnly": true, "path": "/srv/x", "subpath": "a/b"}], "readOnly": false}`)
	f.Add(`{"mounts": ["a", "b:c", "d/e:f"], "mount_map": {"a": "/x"}, "mount_options": {"a": {"permission": "ro"}}}`)
	f.Add(`{"mount_ids": ["a"], "mount_id_map": {"a": "x"}, "lifetime": "1h"}`)
	f.Add(`{"folders": [{"id": "0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", "path": "/home/work/.ssh"}], "expiresAt": 1e3}`)
	s := &Server{cfg: &Config{Mount: MountConfig{Lifetime: Duration(time.Hour), MaxLifetime: Duration(24 * time.Hour), MaxFolders: 5}}, now: func() time.Time { return then }}
	f.Fuzz(func(t *testing.T, body string) {
		fields, err := jsonObject([]byte(body))
		if err != nil {
			return
		}
		in := &object{fields: fields, fault: new(error)}
		all := wantedMounts(in, s.cfg.Mount.MaxFolders)
		end := s.mountEnd(in)
		if in.bad() != nil {
			return
		}
		if len(all) == 0 || len(all) > 5 || !end.After(then) || end.Sub(then) > 24*time.Hour {
			t.Fatalf("%d folders until %v", len(all), end)
		}
		for _, w := range all {
			if w.name == "" || w.path != "" && checkMountPoint(w.path) != "" || strings.Contains("/"+w.sub+"/", "/../") {
				t.Fatalf("%+v", w)
			}
		}
	})
}

// A URL with anything in it leads to the directory that it names, and is one plain word everywhere.
func FuzzDavURL(f *testing.F) {
	for _, w := range hostileTitles {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, name string) {
		u := davURL("http://h:1", "id", name)
		if strings.Trim(u, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%/:-._") != "" {
			t.Fatalf("%q", u)
		}
		r, err := http.NewRequest("GET", u, nil)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for seg := range strings.SplitSeq(name, "/") {
			if seg != "" {
				want = append(want, seg)
			}
		}
		if got := strings.Trim(strings.TrimPrefix(r.URL.Path, "/dav/id"), "/"); got != strings.Join(want, "/") {
			t.Fatalf("%q leads to %q", name, got)
		}
	})
}
