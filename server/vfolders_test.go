package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// The tests are those of the list that comes with the API's description.

func TestT1VersionIsPublic(t *testing.T) {
	h := newHouse(t)
	for _, target := range []string{"/v2", "/v1", "/v9", "/v3/"} {
		a := h.do(h.request("GET", target, ""))
		v, _ := a.json(t)["version"].(string)
		if a.status != 200 || !strings.HasPrefix(v, "v2.") || a.json(t)["manager"] == "" {
			t.Errorf("GET %s: %d %s", target, a.status, a.body)
		}
	}
	for _, target := range []string{"/v0", "/v10", "/v22", "/v2/nothing", "/nothing"} {
		if a := h.do(h.request("GET", target, "")); a.status != 404 {
			t.Errorf("GET %s: %d, want 404", target, a.status)
		}
	}
}

// vectors are published examples, with the key and the signature that belong to them.
var vectors = map[string]struct {
	signed
	signature string
}{
	"A": {signed{"POST", "/v2/folder/create", `{"name":"mydata"}`, "api.example.test:8081", "2017-03-20T09:30:00+00:00",
		"application/json", "X-Sorna-Version", "v2.20170315", "Sorna", "20170320"},
		"6e2066c26ab612837e483824269acd8299e62f2574cdeaff9026ba5e98d1d75d"},
	"B": {signed{"POST", "/v2/folder/create", `{"name":"mydata"}`, "api.example.test:8081", "2017-03-20T09:30:00+00:00",
		"application/json", "X-BackendAI-Version", "v2.20170315", "", "20170320"},
		"eb3826af7e786a96240b3d449dd041cc21757ac6b31fc2e0ae6530d4d3d7e64c"},
	"C": {signed{"POST", "/folders", `{"name":"mydata"}`, "api.example.test:8081", "2017-03-20T09:30:00+00:00",
		"application/json", "X-BackendAI-Version", "v4.20190615", "", "20170320"},
		"e6a601c652c171a60c2c6afe4ce641c648c536fc455333d8fe78785b9ed183e6"},
	"D": {signed{"GET", "/v2/folder/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", "", "api.example.test:8081", "Mon, 20 Mar 2017 09:30:00 GMT",
		"application/json", "X-BackendAI-Version", "v2.20170315", "", "20170320"},
		"d8a32b659c98a1d3414927a5205fd39e2b3db96f122245b4fcb974fd3e224b16"},
	"E": {signed{"DELETE", "/v2/folder/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", "", "api.example.test:8081", "20170320T09:30:00Z",
		"", "X-BackendAI-Version", "v2.20170315", "", "20170320"},
		"84f6e35c709e25bcc5768bb3bac9b9adaa98891ad53ff56a67abadf072f9d1ae"},
	"F": {signed{"GET", "/v2/folders/mydata/files?path=a%20b%2Fc", "", "api.example.test:8081", "2017-03-20T09:30:00.000Z",
		"application/json", "X-BackendAI-Version", "v3.20170615", "", "20170320"},
		"dad2f355d0876769da7d619138c4d793f8e46438d196191cc3c5df574a12cc8a"},
}

// vector is a published example, for a path that is served here, and under a name of its own.
func vector(id, name string) signed {
	s := vectors[id].signed
	s.body = strings.ReplaceAll(s.body, "mydata", name)
	switch id {
	case "C":
		s.target = "/v2/folder/create"
	case "F":
		s.target = strings.Replace(s.target, "s/mydata/files", "/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", 1)
	}
	return s
}

func TestT2SignedRequests(t *testing.T) {
	for id, v := range vectors {
		if got := v.signed.signature("v2-test-secret/0123456789+abcdefghijklmn"); got != v.signature {
			t.Fatalf("this test signs %s wrong: %s, want %s", id, got, v.signature)
		}
	}
	h := newHouse(t)
	ann := h.caller("ann")
	for id, want := range map[string]int{"A": 201, "B": 201, "C": 201, "D": 404, "E": 404, "F": 404} {
		t.Run(id, func(t *testing.T) {
			if a := h.do(ann.sign(vector(id, "from"+id))); a.status != want {
				t.Errorf("got %d %s, want %d", a.status, a.body, want)
			}
		})
	}
	flips := map[string]func(*http.Request){
		"A body": func(r *http.Request) { *r = *withBody(r, `{"name":"flipped"}`) },
		"F query": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "%2Fc", "%2Fd", 1)
		},
		"B Host": func(r *http.Request) { r.Host = "api.example.test:8082" },
		"D Date": func(r *http.Request) { r.Header.Set("Date", "Mon, 20 Mar 2017 09:30:01 GMT") },
	}
	for name, flip := range flips {
		t.Run("flipped "+name, func(t *testing.T) {
			r := ann.sign(vector(name[:1], "flip"))
			flip(r)
			if a := h.do(r); a.status != 401 {
				t.Errorf("got %d %s, want 401", a.status, a.body)
			}
		})
	}
	if slices.Contains(h.titles(), "flipped") {
		t.Error("a request with a wrong signature made a folder")
	}
}

func withBody(r *http.Request, body string) *http.Request {
	n, _ := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(body))
	n.Header, n.Host = r.Header, r.Host
	return n
}

func TestT3ClockSkew(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	for i, c := range []struct {
		at   string
		want int
	}{{"09:44:59", 201}, {"09:45:01", 400}, {"09:15:01", 201}, {"09:14:59", 400}} {
		now, _ := time.Parse("15:04:05", c.at)
		h.clock.set(time.Date(2017, 3, 20, now.Hour(), now.Minute(), now.Second(), 0, time.UTC))
		a := h.do(ann.sign(vector("A", fmt.Sprintf("skew%d", i))))
		if a.status != c.want {
			t.Errorf("at %s: %d %s, want %d", c.at, a.status, a.body, c.want)
		}
		if c.want == 400 && !strings.HasSuffix(a.json(t)["type"].(string), "/invalid-auth-params") {
			t.Errorf("at %s: %s", c.at, a.body)
		}
	}
}

func TestT4BodyOfLaterVersionsIsNotSigned(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	if a := h.do(withBody(ann.sign(vector("C", "one")), `{"name":"other"}`)); a.status != 201 {
		t.Errorf("v4 with another body: %d %s, want 201", a.status, a.body)
	}
	if a := h.do(withBody(ann.sign(vector("B", "one")), `{"name":"third"}`)); a.status != 401 {
		t.Errorf("v2 with another body: %d %s, want 401", a.status, a.body)
	}
	if got := h.titles(); !slices.Equal(got, []string{"other"}) {
		t.Errorf("folders %q, want only other", got)
	}
}

func TestT5MalformedCredentials(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
		kind   string
	}{
		"scheme Basic": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Sorna", "Basic", 1))
		}, 401, "auth-failed"},
		"unknown scheme": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Sorna", "Sorba", 1))
		}, 400, "invalid-auth-params"},
		"MD5": {func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "SHA256", "MD5", 1))
		}, 400, "invalid-auth-params"},
		"no version":     {func(r *http.Request) { r.Header.Del("X-Sorna-Version") }, 400, "invalid-auth-params"},
		"no date":        {func(r *http.Request) { r.Header.Del("Date") }, 400, "invalid-auth-params"},
		"no credentials": {func(r *http.Request) { r.Header.Del("Authorization") }, 401, "auth-failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ann.sign(vector("A", "malformed"))
			c.change(r)
			a := h.do(r)
			if kind, _ := a.json(t)["type"].(string); a.status != c.want || kind != problemBase+c.kind {
				t.Errorf("got %d %s, want %d %s", a.status, a.body, c.want, c.kind)
			}
			if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
	if got := h.titles(); len(got) > 0 {
		t.Errorf("folders %q were made", got)
	}
}

func TestT6CreateAndGet(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	dashed := strings.ToUpper(id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:])
	for _, written := range []string{id, dashed, strings.ToUpper(id)} {
		a := ann.call("GET", "/v2/folder/"+written, "")
		if a.status != 200 {
			t.Fatalf("GET %s: %d %s", written, a.status, a.body)
		}
		for field, want := range map[string]any{
			"folderId": id, "id": id, "name": "mydata", "host": "local",
			"numFiles": 0., "num_files": 0., "used_bytes": 0., "usedSize": 0.,
			"max_files": 1000., "max_bytes": float64(1 << 30), "max_size": 1024., "maxSize": 1024.,
			"is_owner": true, "permission": "wd", "type": "user", "ownership_type": "user", "group": nil,
			"usage_mode": "general", "cloneable": false, "status": "ready",
		} {
			if got, ok := a.json(t)[field]; !ok || got != want {
				t.Errorf("%s = %v, want %v", field, got, want)
			}
		}
		created, _ := a.json(t)["created"].(string)
		if _, err := time.Parse(time.RFC3339, created); err != nil || !strings.HasSuffix(created, "+00:00") || created != a.json(t)["created_at"] {
			t.Errorf("created %q, created_at %q", created, a.json(t)["created_at"])
		}
		user, _ := a.json(t)["user"].(string)
		if strings.ReplaceAll(user, "-", "") != ann.user.ID || len(user) != 36 {
			t.Errorf("user %q, want the owner's ID as a UUID", user)
		}
	}
	if !h.onDisk(id) {
		t.Error("the folder has no directory")
	}
}

func TestGetShowsNoLimitAsNull(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	if err := h.store.SetFolderLimits(t.Context(), id, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := h.files.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := ann.call("GET", "/v2/folder/"+id, "").json(t)
	for _, field := range []string{"max_files", "max_bytes", "max_size", "maxSize"} {
		if v, ok := got[field]; !ok || v != nil {
			t.Errorf("%s = %v, want null", field, v)
		}
	}
}

func TestT7BadNames(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("mydata")
	for _, c := range []struct{ body, field string }{
		{`{"name":"-x"}`, "name"}, {`{"name":"_x"}`, "name"}, {`{"name":"a b"}`, "name"}, {`{"name":"ä"}`, "name"},
		{`{"name":""}`, "name"}, {`{}`, "name"}, {`{"Name":"x"}`, "name"}, {`{"name":5}`, "name"}, {`{"name":null}`, "name"},
		{`{"name":["x"]}`, "name"}, {`{"name":"x","name":"y"}`, "name"}, {`{"name":"x\n"}`, "name"}, {`{"name":"a.b"}`, "name"},
		{`{"name":"` + strings.Repeat("x", 65) + `"}`, "name"},
		{`{"name":"0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2"}`, "ID"},
		{`[]`, "body"}, {`"x"`, "body"}, {`{"name":"x",}`, "body"}, {`{"name":"x"} {}`, "body"}, {`{"name":"x"`, "body"},
		{``, "name"}, {`null`, "body"}, {`{'name':'x'}`, "body"}, {`{"name":"mydata"}`, "name"},
	} {
		t.Run(c.body, func(t *testing.T) {
			a := ann.call("POST", "/v2/folder/create", c.body)
			if a.status != 400 || a.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("got %d %s %s, want 400", a.status, a.header.Get("Content-Type"), a.body)
			}
			if msg, _ := a.json(t)["msg"].(string); !strings.Contains(msg, c.field) {
				t.Errorf("msg %q does not name %s", msg, c.field)
			}
		})
	}
	if a := ann.call("POST", "/v2/folder/create", `{"name":"`+strings.Repeat("x", 1<<20)+`"}`); a.status != 413 {
		t.Errorf("a body of more than 1 MiB: %d, want 413", a.status)
	}
	if got := h.titles(); !slices.Equal(got, []string{"mydata"}) {
		t.Errorf("folders %q, want only mydata", got)
	}
	for _, body := range []string{`{"host":"local","name":"fine","x":{"name":1}}`, " \n{\"name\": \"" + strings.Repeat("y", 64) + "\"}\n"} {
		r := ann.request("POST", "/v2/folder/create", body)
		r.SetBasicAuth("ann", ann.token)
		r.Header.Set("Content-Type", "text/plain")
		if a := h.do(r); a.status != 201 {
			t.Errorf("%s: %d %s, want 201", body, a.status, a.body)
		}
	}
}

func TestT8CreateBeyondTheLimit(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Default.MaxFolders = 3 })
	ann, bob := h.caller("ann"), h.caller("bob")
	if err := h.store.SetUserLimits(t.Context(), bob.user.ID, store.Limits{MaxFolders: 1, MaxBytes: store.Default, MaxFiles: store.Default}); err != nil {
		t.Fatal(err)
	}
	for who, limit := range map[*caller]int{ann: 3, bob: 1} {
		var last string
		for i := range limit {
			last = who.create(fmt.Sprintf("f%d", i))
		}
		a := who.call("POST", "/v2/folder/create", `{"name":"more"}`)
		if a.status != 406 || a.json(t)["type"] != problemBase+"quota-exceeded" {
			t.Errorf("%s: %d %s, want 406", who.user.Name, a.status, a.body)
		}
		if msg, _ := a.json(t)["msg"].(string); !strings.Contains(msg, " of at most ") {
			t.Errorf("%s: the refusal does not name the limit: %q", who.user.Name, msg)
		}
		if a := who.call("DELETE", "/v2/folder/"+last, ""); a.status != 204 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		who.create("more")
	}
}

func TestT9ParallelCreates(t *testing.T) {
	for _, target := range []string{"/v2/folder/create", "/folders"} {
		t.Run(target[1:], func(t *testing.T) {
			h := newHouse(t)
			ann := h.caller("ann")
			statuses := make([]int, 8)
			var all sync.WaitGroup
			for i := range statuses {
				all.Go(func() { statuses[i] = ann.call("POST", target, `{"name":"mydata"}`).status })
			}
			all.Wait()
			slices.Sort(statuses)
			if want := []int{201, 400, 400, 400, 400, 400, 400, 400}; !slices.Equal(statuses, want) {
				t.Errorf("got %v, want %v", statuses, want)
			}
			if got := h.titles(); len(got) != 1 {
				t.Errorf("folders %q", got)
			}
		})
	}
}

func TestT10OthersFoldersDoNotExist(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := bob.create("secret")
	for _, method := range []string{"GET", "DELETE"} {
		unknown := ann.call(method, "/v2/folder/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", "")
		others := ann.call(method, "/v2/folder/"+id, "")
		if unknown.status != 404 || others.status != 404 || unknown.body != others.body {
			t.Errorf("%s: %d %s and %d %s, want equal 404", method, unknown.status, unknown.body, others.status, others.body)
		}
		for _, bad := range []string{"..%2f..", "secret", "x", id + "0", id[:31], "%00", "{" + id + "}"} {
			if a := ann.call(method, "/v2/folder/"+bad, ""); a.status != 404 {
				t.Errorf("%s %s: %d, want 404", method, bad, a.status)
			}
		}
	}
	if a := bob.call("GET", "/v2/folder/"+id, ""); a.status != 200 {
		t.Errorf("bob's folder: %d, want 200", a.status)
	}
}

func TestT11Delete(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	file := "/dav/" + id + "/a.txt"
	if a := ann.call("PUT", file, "content"); a.status != 201 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	lock := ann.request("LOCK", file, `<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	lock.SetBasicAuth("ann", ann.token)
	if a := h.do(lock); a.status != 200 {
		t.Fatalf("LOCK: %d %s", a.status, a.body)
	}
	if a := ann.call("DELETE", "/v2/folder/"+id, ""); a.status != 204 || a.body != "" {
		t.Fatalf("DELETE: %d %q, want 204 and nothing", a.status, a.body)
	}
	for _, c := range [][2]string{{"DELETE", "/v2/folder/" + id}, {"GET", "/v2/folder/" + id}, {"GET", file}, {"PUT", file}, {"PROPFIND", "/dav/" + id + "/"}} {
		if a := ann.call(c[0], c[1], ""); a.status != 404 {
			t.Errorf("%s %s after DELETE: %d, want 404", c[0], c[1], a.status)
		}
	}
	again := ann.create("mydata")
	if a := ann.call("GET", "/dav/mydata/a.txt", ""); again == id || a.status != 404 {
		t.Errorf("the new folder %s shows the old one's file: %d", again, a.status)
	}
	locks, err := h.store.Locks(t.Context(), id)
	if err != nil || len(locks) > 0 {
		t.Errorf("locks %v, %v, want none", locks, err)
	}
}

func TestT12RateLimit(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.RateLimit = 5 })
	ann, bob := h.caller("ann"), h.caller("bob")
	for i := range 5 {
		a := ann.call("GET", "/v2/folder/x", "")
		if want := fmt.Sprint(4 - i); a.status != 404 || a.header.Get("X-RateLimit-Remaining") != want || a.header.Get("X-RateLimit-Limit") != "5" {
			t.Errorf("request %d: %d, %q left, want 404 and %s", i+1, a.status, a.header.Get("X-RateLimit-Remaining"), want)
		}
	}
	h.clock.set(then.Add(5 * time.Minute))
	a := ann.call("GET", "/v2/folder/x", "")
	if a.status != 429 || a.json(t)["type"] != problemBase+"rate-limit-exceeded" {
		t.Errorf("request 6: %d %s, want 429", a.status, a.body)
	}
	for name, want := range map[string]string{
		"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600000", "X-RateLimit-Window": "900", "Retry-After": "600",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := bob.call("GET", "/v2/folder/x", ""); a.status != 404 {
		t.Errorf("bob: %d, want 404", a.status)
	}
	if a := ann.call("OPTIONS", "/dav/", ""); a.status != 200 {
		t.Errorf("WebDAV: %d, want 200", a.status)
	}
	for i := range 6 { // without credentials the address counts, also for the router's errors
		a := h.do(h.request("GET", []string{"/v2", "/v2/nothing", "/v2/folder/x"}[i%3], ""))
		if (a.status == 429) != (i == 5) {
			t.Errorf("unsigned request %d: %d", i+1, a.status)
		}
	}
	h.clock.set(then.Add(15 * time.Minute))
	if a := ann.call("GET", "/v2/folder/x", ""); a.status != 404 {
		t.Errorf("after the window: %d, want 404", a.status)
	}
}

func TestT13EveryErrorIsAProblem(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("mydata")
	for _, a := range []answer{
		h.do(h.request("GET", "/v2/nothing", "")),
		h.do(h.request("PUT", "/v2", "")),
		h.do(h.request("PATCH", "/v2/folder/create", "")),
		h.do(h.request("POST", "/v2/folder/create", "")),
		ann.call("POST", "/v2/folder/create", "["),
		ann.call("POST", "/v2/folder/create", `{"name":"mydata"}`),
		ann.call("GET", "/v2/folder/x", ""),
		ann.call("DELETE", "/v2/folder/0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", ""),
	} {
		v := a.json(t)
		kind, _ := v["type"].(string)
		if a.status < 400 || a.header.Get("Content-Type") != "application/problem+json" ||
			!strings.HasPrefix(kind, problemBase) || v["title"] == "" || v["title"] == nil || v["msg"] != v["detail"] || v["msg"] == nil {
			t.Errorf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
		}
		if a.header.Get("X-RateLimit-Limit") == "" || a.header.Get("X-Request-Id") == "" {
			t.Errorf("%d without X-RateLimit-Limit or X-Request-Id: %v", a.status, a.header)
		}
	}
}

func TestT15GetWithABodySigned(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	s := vector("D", "")
	s.target, s.body = "/v2/folder/"+id, `{"all":false}`
	if a := h.do(ann.sign(s)); a.status != 200 {
		t.Errorf("GET with a body: %d %s, want 200", a.status, a.body)
	}
	if a := h.do(withBody(ann.sign(s), `{"all":true}`)); a.status != 401 {
		t.Errorf("GET with another body: %d %s, want 401", a.status, a.body)
	}
}

func TestT16_QUO4_UsageFollowsWebDAV(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	if a := ann.call("PUT", "/dav/"+id+"/a.txt", strings.Repeat("x", 5000)); a.status != 201 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	got := ann.call("GET", "/v2/folder/"+id, "").json(t)
	for field, want := range map[string]float64{"numFiles": 1, "num_files": 1, "used_bytes": 5000, "usedSize": 1} {
		if got[field] != want {
			t.Errorf("%s = %v, want %v", field, got[field], want)
		}
	}
}

func TestSEC4_ScopedTokens(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id, other := ann.create("mydata"), ann.create("other")
	for name, c := range map[string]struct{ token, permission string }{
		"folder":           {ann.newToken(id, false), "rw"},
		"folder, readOnly": {ann.newToken(id, true), "ro"},
		"readOnly":         {ann.newToken("", true), "ro"},
	} {
		t.Run(name, func(t *testing.T) {
			as := *ann
			as.token = c.token
			if a := as.call("POST", "/v2/folder/create", `{"name":"more"}`); a.status != 403 {
				t.Errorf("create: %d, want 403", a.status)
			}
			if a := as.call("GET", "/v2/folder/"+id, ""); a.status != 200 || a.json(t)["permission"] != c.permission {
				t.Errorf("GET: %d %s, want 200 with %s", a.status, a.body, c.permission)
			}
			if a := as.call("DELETE", "/v2/folder/"+id, ""); a.status != 403 || a.json(t)["type"] != problemBase+"generic-forbidden" {
				t.Errorf("DELETE: %d %s, want 403", a.status, a.body)
			}
			if a := as.call("GET", "/v2/folder/"+other, ""); strings.HasPrefix(name, "folder") && a.status != 404 {
				t.Errorf("GET of another folder: %d, want 404", a.status)
			}
		})
	}
}

func TestGrantedFolders(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("mydata")
	for _, c := range []struct {
		rights     store.Rights
		permission string
		deletion   int
	}{{store.RightsRO, "ro", 403}, {store.RightsRW, "rw", 403}, {store.RightsWD, "wd", 204}} {
		if err := h.store.SetGrant(t.Context(), id, bob.user.ID, c.rights); err != nil {
			t.Fatal(err)
		}
		a := bob.call("GET", "/v2/folder/"+id, "")
		if v := a.json(t); a.status != 200 || v["permission"] != c.permission || v["is_owner"] != false {
			t.Errorf("%v: %d %s", c.rights, a.status, a.body)
		}
		if a := bob.call("DELETE", "/v2/folder/"+id, ""); a.status != c.deletion {
			t.Errorf("DELETE with %v: %d %s, want %d", c.rights, a.status, a.body, c.deletion)
		}
	}
}

// The time of last use changes without any other change of the folder.
func TestLastUsedIsFresh(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	f, err := h.files.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: "f"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []any{nil, "2030-01-02T03:04:05+00:00", "2030-01-02T03:04:06+00:00"} {
		if text, ok := want.(string); ok {
			at, err := time.Parse(time.RFC3339, text)
			if err == nil {
				err = h.store.SaveUsage(t.Context(), []store.FolderUsage{{ID: f.ID, LastUsed: at}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := ann.call("GET", "/v2/folder/"+f.ID, "").json(t)["last_used"]; got != want {
			t.Errorf("last_used %v, want %v", got, want)
		}
	}
}
