package server

import (
	"strings"
	"testing"
	"time"
)

// What a token is narrowed to, it does not get around by making, changing or removing something else (D30).

func TestD30_ReadingTokensChangeNothing(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false).signIn()
	ro, _ := ann.make("/api/davit/tokens", `{"title":"reads","readOnly":true}`)
	_, other := ann.make("/api/davit/tokens", `{"title":"other"}`)
	id := other["id"].(string)
	_, mount := ann.make("/api/davit/mounts", `{"folders":[{"id":"`+ann.folder("docs")+`"}]}`)
	key := h.bearer(ann.access, "POST", "/api/davit/keys", "").json(t)["accessKey"].(string)
	session := h.bearer(ann.access, "GET", "/auth/sessions", "").json(t)["items"].([]any)[0].(map[string]any)["id"].(string)
	for _, call := range [][3]string{
		{"POST", "/api/tokens/revoke", `{"id":"` + id + `"}`},
		{"POST", "/api/tokens/updateLabels", `{"items":[{"id":"` + id + `","labels":{"hidden":"true"}}]}`},
		{"DELETE", "/api/davit/tokens/" + id, ""},
		{"DELETE", "/api/davit/keys/" + key, ""},
		{"DELETE", "/auth/sessions/" + session, ""},
		{"DELETE", "/auth/sessions", ""},
		{"DELETE", "/api/davit/mounts/" + mount["id"].(string), ""},
		{"POST", "/api/davit/mounts/" + mount["id"].(string) + "/renew", `{}`},
		{"PATCH", "/api/davit/users/ann", `{"email":"a@example.org"}`},
	} {
		if a := h.bearer(ro, call[0], call[1], call[2]); a.status != 403 {
			t.Errorf("%s %s by a token for reading: %d %s", call[0], call[1], a.status, a.body)
		}
	}
	for _, target := range []string{"/api/davit/tokens", "/api/davit/keys", "/auth/sessions", "/api/davit/mounts", "/api/davit/me", "/api/tokens/browse"} {
		if a := h.bearer(ro, "GET", target, ""); a.status != 200 || strings.Contains(a.body, `"hidden"`) {
			t.Errorf("GET %s by a token for reading: %d %s", target, a.status, a.body)
		}
	}
	if a := h.bearer(ann.access, "GET", "/api/davit/tokens", ""); a.status != 200 || !strings.Contains(a.body, id) {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

func TestD30_MountsAreNotWiderThanTheirToken(t *testing.T) {
	h := newHouse(t)
	ann, boss := h.person("ann", false).signIn(), h.person("boss", true).signIn()
	id := ann.folder("docs")
	want := func(readOnly, more string) string {
		return `{"folders":[{"id":"` + id + `","readOnly":` + readOnly + `}]` + more + `}`
	}
	for _, c := range []struct {
		token, body string
		status      int
	}{
		{`"scopes":["davit.mounts:write"]`, want("false", ""), 403},
		{`"scopes":["davit:write"]`, want("true", ""), 403},
		{`"scopes":["davit.mounts:write","webdav:read"]`, want("false", ""), 403},
		{`"scopes":["davit.mounts:write","webdav:read"]`, want("true", ""), 201},
		{`"scopes":["davit.mounts:write","webdav:write"]`, want("false", ""), 201},
		{`"expiresIn":"1h"`, want("false", `,"lifetime":"2h"`), 403},
		{`"expiresIn":"1h"`, want("false", `,"lifetime":"30m"`), 201},
	} {
		text, _ := ann.make("/api/davit/tokens", `{"title":"x",`+c.token+`}`)
		if a := h.bearer(text, "POST", "/api/davit/mounts", c.body); a.status != c.status {
			t.Errorf("a mount %s by a token with %s: %d %s", c.body, c.token, a.status, a.body)
		}
		text, _ = boss.make("/api/davit/tokens", `{"title":"x",`+c.token+`}`)
		if a := h.bearer(text, "POST", "/api/davit/mounts", strings.Replace(c.body, "{", `{"user":"ann",`, 1)); a.status != c.status {
			t.Errorf("a mount %s for another by a token with %s: %d %s", c.body, c.token, a.status, a.body)
		}
	}
	_, mount := ann.make("/api/davit/mounts", want("false", `,"lifetime":"1h"`))
	short, _ := ann.make("/api/davit/tokens", `{"title":"x","expiresIn":"2h"}`)
	renew := "/api/davit/mounts/" + mount["id"].(string) + "/renew"
	for lifetime, status := range map[string]int{"3h": 403, "90m": 200} {
		if a := h.bearer(short, "POST", renew, `{"lifetime":"`+lifetime+`"}`); a.status != status {
			t.Errorf("%s more by a token of two hours: %d %s", lifetime, a.status, a.body)
		}
	}
	// A new end that is nearer counts at once, also for who is known already.
	text := mount["token"].(string)
	at := func() int {
		return h.with("PROPFIND", "/dav/", "", "Authorization", "Bearer "+text, "Depth", "0").status
	}
	if status := at(); status != 207 {
		t.Fatalf("the mount: %d", status)
	}
	if a := h.bearer(ann.access, "POST", renew, `{"lifetime":"10s"}`); a.status != 200 {
		t.Fatalf("shorten: %d %s", a.status, a.body)
	}
	h.clock.set(then.Add(11 * time.Second))
	if status := at(); status != 401 {
		t.Errorf("a mount that was cut short: %d", status)
	}
}

func TestD30_NarrowTokensSetNoPasswordAndMakeNoAdministrator(t *testing.T) {
	h := newHouse(t)
	boss, _ := h.person("boss", true).signIn(), h.person("bob", false)
	for _, narrowed := range []string{`"scopes":["davit.users:write"]`, `"scopes":["davit:write"]`, `"expiresIn":"1h"`} {
		text, _ := boss.make("/api/davit/tokens", `{"title":"x",`+narrowed+`}`)
		for body, status := range map[string]int{
			`{"password":"a new password"}`: 403, `{"password":null}`: 403, `{"admin":true}`: 403,
			`{"admin":false}`: 200, `{"limits":{"maxFolders":7}}`: 200, `{"email":"bob@example.org"}`: 200,
		} {
			if a := h.bearer(text, "PATCH", "/api/davit/users/bob", body); a.status != status {
				t.Errorf("%s of another by a token with %s: %d %s", body, narrowed, a.status, a.body)
			}
		}
		if a := h.bearer(text, "PATCH", "/api/davit/users/boss", `{"password":"a new password"}`); a.status != 403 {
			t.Errorf("the own password without the old one by a token with %s: %d %s", narrowed, a.status, a.body)
		}
		if a := h.bearer(text, "POST", "/api/davit/users", `{"name":"eve","admin":true,"password":"a new password"}`); a.status != 403 {
			t.Errorf("an administrator by a token with %s: %d %s", narrowed, a.status, a.body)
		}
	}
	text, _ := boss.make("/api/davit/tokens", `{"title":"x","scopes":["davit.users:write"]}`)
	if a := h.bearer(text, "POST", "/api/davit/users", `{"name":"new","password":"a new password"}`); a.status != 201 {
		t.Errorf("a user by a token for users: %d %s", a.status, a.body)
	}
	if a := h.bearer(boss.access, "PATCH", "/api/davit/users/bob", `{"admin":true,"password":"a new password"}`); a.status != 200 {
		t.Errorf("by a session: %d %s", a.status, a.body)
	}
}

// folder makes a folder and returns its ID.
func (p *person) folder(title string) string {
	p.t.Helper()
	a := p.bearer(p.access, "POST", "/v2/folder/create", `{"name":"`+title+`"}`)
	if a.status != 201 {
		p.t.Fatalf("folder %s: %d %s", title, a.status, a.body)
	}
	return a.json(p.t)["folderId"].(string)
}

// People share with addresses, and see them as names: nobody may call himself by another's.
func TestNobodyTakesAnothersAddress(t *testing.T) {
	h := newHouse(t)
	ann, mal := h.person("ann", false).signIn(), h.person("mal", false).signIn()
	h.person("bob@example.com", false)
	for _, address := range []string{"ann@example.org", "ANN@Example.org", "ann", "Ann", "bob@example.com", "Bob@example.com"} {
		if a := h.bearer(mal.access, "PATCH", "/api/davit/users/mal", `{"email":"`+address+`"}`); a.status != 409 || !strings.Contains(a.body, "email:") {
			t.Errorf("%s: %d %s", address, a.status, a.body)
		}
	}
	for _, address := range []string{"mal@example.org", "MAL@example.org", "mal", "", "free@example.org"} {
		if a := h.bearer(mal.access, "PATCH", "/api/davit/users/mal", `{"email":"`+address+`"}`); a.status != 200 {
			t.Errorf("%q: %d %s", address, a.status, a.body)
		}
	}
	id := ann.folder("docs")
	if a := h.bearer(ann.access, "POST", "/folders/"+id+"/invite", `{"emails":["free@example.org"]}`); a.status != 201 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAudit_LabelsOfTokens(t *testing.T) {
	h := newHouse(t)
	ann, boss := h.person("ann", false).signIn(), h.person("boss", true).signIn()
	_, made := ann.make("/api/davit/tokens", `{"title":"x"}`)
	id := made["id"].(string)
	if a := h.bearer(ann.access, "POST", "/api/tokens/updateLabels", `{"items":[{"id":"`+id+`","labels":{"hidden":"true"}}]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := h.bearer(boss.access, "GET", "/api/davit/audit?action=token.labels", ""); !strings.Contains(a.body, id) || !strings.Contains(a.body, "hidden") {
		t.Errorf("the audit does not tell of it: %d %s", a.status, a.body)
	}
}

// The script of a mount runs as root: where it mounts, nothing may be that root runs or believes.
func TestMountsOverNothingThatRootRuns(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false).signIn()
	id := ann.folder("docs")
	for path, status := range map[string]int{
		"/usr/bin/x": 400, "/usr/lib/x": 400, "/usr/lib64": 400, "/usr/libexec/x": 400, "/usr/local": 400, "/usr/local/bin": 400, "/usr/local/sbin/x": 400,
		"/usr/local/lib/python3/dist-packages": 400, "/var/run/x": 400, "/var/lock/x": 400, "/var/spool/cron/crontabs": 400, "/var/cache/davit/x": 400,
		"/root/.ssh": 400, "/root/.bashrc": 400, "/home/ann/.ssh/x": 400, "/home/ann/.bash_profile": 400, "/home/work/.ssh": 400, "/home/ann": 201,
		"/usr/local/data": 201, "/usr/share/data": 201, "/usr/binary": 201, "/var/lib/data": 201, "/root/data": 201, "/home/ann/.cache": 201, "/home/ann/x/.ssh": 201,
	} {
		if a := h.bearer(ann.access, "POST", "/api/davit/mounts", `{"folders":[{"id":"`+id+`","path":"`+path+`"}]}`); a.status != status {
			t.Errorf("%s: %d %.300s", path, a.status, a.body)
		}
	}
}
