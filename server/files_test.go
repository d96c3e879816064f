package server

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"davit/store"
)

// put stores a file over WebDAV.
func (c *caller) put(folder, name, content string) {
	c.t.Helper()
	if a := c.call("PUT", "/dav/"+folder+"/"+(&url.URL{Path: name}).EscapedPath(), content); a.status != 201 && a.status != 204 {
		c.t.Fatalf("PUT %s: %d %s", name, a.status, a.body)
	}
}

// mkdir makes a directory over WebDAV.
func (c *caller) mkdir(folder, name string) {
	c.t.Helper()
	if a := c.call("MKCOL", "/dav/"+folder+"/"+(&url.URL{Path: name}).EscapedPath(), ""); a.status != 201 {
		c.t.Fatalf("MKCOL %s: %d %s", name, a.status, a.body)
	}
}

// share gives another user rights on a folder.
func (c *caller) share(folder string, with *caller, r store.Rights) {
	c.t.Helper()
	if err := c.store.SetGrant(c.t.Context(), folder, with.user.ID, r); err != nil {
		c.t.Fatal(err)
	}
}

// wantFault checks an answer that is an error: its status, its shape, and words in it.
func (a answer) wantFault(t *testing.T, status int, words ...string) {
	t.Helper()
	var e commonError
	if a.status != status || json.Unmarshal([]byte(a.body), &e) != nil || e.Why == "" || !strings.Contains(a.body, `"errorCode":`) {
		t.Errorf("got %d %s, want %d", a.status, a.body, status)
	}
	for _, w := range words {
		if !strings.Contains(e.Why, w) {
			t.Errorf("%q does not say %q", e.Why, w)
		}
	}
}

// browse lists one page and returns its names and the token of the next.
func (c *caller) browse(query string) (names []string, next string) {
	c.t.Helper()
	a := c.call("GET", "/api/files/browse?"+query, "")
	if a.status != 200 {
		c.t.Fatalf("browse?%s: %d %s", query, a.status, a.body)
	}
	var page pageOf[fileJSON]
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		c.t.Fatal(err)
	}
	for _, f := range page.Items {
		names = append(names, filepath.Base(f.ID))
	}
	if page.Next != nil {
		next = *page.Next
	}
	return names, next
}

func TestFiles_RetrieveShowsAFileWhole(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.mkdir(id, "raw")
	ann.put(id, "raw/run 3.csv", "12345")
	ann.share(id, bob, store.RightsRO)
	a := ann.call("GET", "/api/files/retrieve?id=/"+id+"/raw/./x/..//run%203.csv", "")
	want := []string{"id", "specification", "createdAt", "status", "owner", "permissions", "updates"}
	got := a.json(t)
	for _, field := range want {
		if _, ok := got[field]; !ok {
			t.Errorf("no %s in %s", field, a.body)
		}
	}
	status := got["status"].(map[string]any)
	for _, field := range strings.Fields(`type icon sizeInBytes sizeIncludingChildrenInBytes modifiedAt accessedAt unixMode unixOwner unixGroup
		metadata resolvedSupport resolvedProduct`) {
		if _, ok := status[field]; !ok {
			t.Errorf("no status.%s in %s", field, a.body)
		}
	}
	if got["id"] != "/"+id+"/raw/run 3.csv" || status["type"] != "FILE" || status["sizeInBytes"] != 5.0 || status["unixMode"] != float64(0o644) ||
		a.header.Get("Content-Type") != "application/json; charset=UTF-8" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if owner := got["owner"].(map[string]any); owner["createdBy"] != "ann" || owner["project"] != nil {
		t.Errorf("owner %v", owner)
	}
	if myself := fmt.Sprint(got["permissions"].(map[string]any)["myself"]); myself != "[ADMIN READ EDIT]" {
		t.Errorf("ann's permissions: %s", myself)
	}
	got = bob.call("GET", "/api/files/retrieve?id=/"+id+"/raw", "").json(t)
	if myself := fmt.Sprint(got["permissions"].(map[string]any)["myself"]); myself != "[READ]" || got["status"].(map[string]any)["type"] != "DIRECTORY" {
		t.Errorf("bob sees %v", got)
	}
	status = ann.call("GET", "/api/files/retrieve?includeSizes=true&id=/"+id, "").json(t)["status"].(map[string]any)
	if status["sizeIncludingChildrenInBytes"] != 5.0 || status["fileCount"] != 1.0 || status["directoryCount"] != 1.0 {
		t.Errorf("sizes of the folder: %v", status)
	}
	status = ann.call("GET", "/api/files/retrieve?includeSizes=true&id=/"+id+"/raw", "").json(t)["status"].(map[string]any)
	if status["sizeIncludingChildrenInBytes"] != 5.0 || status["fileCount"] != 1.0 || status["directoryCount"] != 0.0 {
		t.Errorf("sizes of raw: %v", status)
	}
}

func TestFiles_Refusals(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.put(id, "a.txt", "a")
	other := bob.create("secret")
	for _, x := range []struct {
		method, target, body string
		status               int
		words                string
	}{
		{"GET", "/api/files/browse", "", 400, "path: is missing"},
		{"GET", "/api/files/browse?path=a", "", 400, "path"},
		{"GET", "/api/files/browse?path=/", "", 400, "path"},
		{"GET", "/api/files/browse?path=/" + id + "/a.txt", "", 400, "path: is a file"},
		{"GET", "/api/files/browse?path=/" + id + "/none", "", 404, `path "/` + id + `/none"`},
		{"GET", "/api/files/browse?path=/" + other, "", 404, ""},
		{"GET", "/api/files/browse?path=/nosuch", "", 404, ""},
		{"GET", "/api/files/browse?itemsPerPage=x&path=/" + id, "", 400, "itemsPerPage"},
		{"GET", "/api/files/browse?itemsToSkip=-1&path=/" + id, "", 400, "itemsToSkip"},
		{"GET", "/api/files/browse?sortBy=colour&path=/" + id, "", 400, "sortBy"},
		{"GET", "/api/files/browse?path=/" + id + "/%00", "", 400, "path"},
		{"GET", "/api/files/browse?path=/" + id + "/%ff", "", 400, "path"},
		{"GET", "/api/files/retrieve", "", 400, "id: is missing"},
		{"GET", "/api/files/retrieve?id=/" + id + "/none", "", 404, "id"},
		{"GET", "/api/files/retrieve?id=/" + other, "", 404, "id"},
		{"POST", "/api/files/download", `{}`, 400, "items"},
		{"POST", "/api/files/download", `{"items":[]}`, 400, "items"},
		{"POST", "/api/files/download", `{"items":[{}]}`, 400, "items[0].id"},
		{"POST", "/api/files/download", `{"items":[{"id":7}]}`, 400, "items[0].id"},
		{"POST", "/api/files/download", `[`, 400, "body"},
		{"POST", "/api/files/download", `{"items":[{"id":"/` + id + `/a.txt"},{"id":"/` + id + `/b.txt"}]}`, 404, `items[1].id "/` + id + `/b.txt"`},
		{"GET", "/api/davit/download?token=x", "", 404, "token"},
	} {
		ann.call(x.method, x.target, x.body).wantFault(t, x.status, x.words)
	}
	a := h.do(h.request("GET", "/api/files/browse?path=/"+id, ""))
	a.wantFault(t, 401)
}

func TestFiles_BrowsePagesSortsAndFilters(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	for n := range 23 {
		ann.put(id, fmt.Sprintf("f%02d.txt", n), strings.Repeat("x", 30-n))
	}
	ann.put(id, ".hidden", "")
	ann.put(id, "F05.CSV", "csv")
	ann.mkdir(id, "dir")
	path := "path=/" + id
	var all []string
	for next := "start"; next != ""; {
		query := path + "&itemsPerPage=10"
		if next != "start" {
			query += "&next=" + next
		}
		var names []string
		names, next = ann.browse(query)
		if len(names) != 10 && next != "" {
			t.Errorf("a page of %d", len(names))
		}
		all = append(all, names...)
		if len(all) == 10 { // what comes and goes between pages moves nothing
			ann.put(id, "a-new", "")
			ann.call("DELETE", "/dav/"+id+"/f00.txt", "")
		}
	}
	if got := strings.Join(all, " "); len(all) != 26 || !strings.HasPrefix(got, ".hidden dir f00.txt f01.txt f02.txt f03.txt f04.txt F05.CSV f05.txt f06.txt f07.txt") {
		t.Errorf("%d: %s", len(all), got)
	}
	for query, want := range map[string]string{
		"&itemsPerPage=10&sortBy=SIZE&sortDirection=descending":             "f01.txt f02.txt f03.txt f04.txt f05.txt f06.txt f07.txt f08.txt f09.txt f10.txt",
		"&filterByFileExtension=.csv&filterHiddenFiles=true":                "dir F05.CSV",
		"&filterByFileExtension=hidden":                                     ".hidden dir",
		"&itemsPerPage=7&itemsToSkip=23&sortDirection=descending&next=null": "a-new .hidden",
		"&sortBy=MODIFIED_AT&sortDirection=descending&itemsPerPage=10":      "a-new",
	} {
		names, _ := ann.browse(path + query)
		got := strings.Join(names, " ")
		if got != want && !(want == "a-new" && names[0] == want) && !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	a := ann.call("GET", "/api/files/browse?itemsPerPage=7&next=garbage&"+path, "")
	if got := a.json(t); got["itemsPerPage"] != 50.0 || got["next"] != nil || len(got["items"].([]any)) != 26 {
		t.Errorf("itemsPerPage=7: %s", a.body)
	}
}

// link asks for a download and returns where it is.
func (c *caller) link(id string) string {
	c.t.Helper()
	a := c.call("POST", "/api/files/download", `{"items":[{"id":`+quoted(id)+`}]}`)
	var out struct{ Responses []endpointJSON }
	if json.Unmarshal([]byte(a.body), &out) != nil || len(out.Responses) != 1 || !strings.HasPrefix(out.Responses[0].Endpoint, c.url) {
		c.t.Fatalf("download of %s: %d %s", id, a.status, a.body)
	}
	return strings.TrimPrefix(out.Responses[0].Endpoint, c.url)
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestFiles_DownloadByLink(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.caller("ann"), h.caller("bob")
	id := ann.create("data")
	ann.put(id, "größe.html", "0123456789")
	ann.share(id, bob, store.RightsRO)
	link := bob.link("/" + id + "/größe.html")
	get := func(method string, header ...string) answer {
		r := h.request(method, link, "")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return h.do(r)
	}
	a := get("GET")
	if a.status != 200 || a.body != "0123456789" || a.header.Get("Content-Length") != "10" ||
		a.header.Get("Content-Disposition") != `attachment; filename="gr__e.html"; filename*=UTF-8''gr%C3%B6%C3%9Fe.html` ||
		!strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("X-Content-Type-Options") != "nosniff" ||
		a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	// Of the page's own origin, and all the same no part of the page.
	if a := get("GET", "Sec-Fetch-Dest", "script"); a.status != 403 || strings.Contains(a.body, "0123") {
		t.Errorf("as a script: %d %s", a.status, a.body)
	}
	etag := a.header.Get("ETag")
	for _, x := range []struct {
		method, name, value string
		name2, value2       string
		status              int
		body                string
	}{
		{"HEAD", "X", "", "X", "", 200, ""},
		{"GET", "Range", "bytes=2-4", "X", "", 206, "234"},
		{"GET", "Range", "bytes=-3", "If-Range", etag, 206, "789"},
		{"GET", "Range", "bytes=-3", "If-Range", `"old"`, 200, "0123456789"},
		{"GET", "If-None-Match", etag, "X", "", 304, ""},
	} {
		if a := get(x.method, x.name, x.value, x.name2, x.value2); a.status != x.status || a.body != x.body {
			t.Errorf("%s with %s %s: %d %q, want %d %q", x.method, x.name, x.value, a.status, a.body, x.status, x.body)
		}
	}
	if a := get("GET", "Range", "bytes=99-"); a.status != 416 || a.header.Get("Content-Range") != "bytes */10" {
		t.Errorf("Range past the end: %d %v", a.status, a.header)
	}
	get("GET", "If-Match", `"old"`).wantFault(t, 412)

	// The link is bob's, and ends with his right.
	ann.share(id, bob, 0)
	get("GET").wantFault(t, 404)
	ann.share(id, bob, store.RightsRO)
	if a := get("GET"); a.status != 200 {
		t.Errorf("with the right again: %d %s", a.status, a.body)
	}
	ann.call("DELETE", "/dav/"+id+"/gr%C3%B6%C3%9Fe.html", "")
	get("GET").wantFault(t, 404)
	h.clock.set(then.Add(downloadLinkTime))
	get("GET").wantFault(t, 404, "expired")
	h.stop()
	if token := strings.TrimPrefix(link, "/api/davit/download?token="); strings.Contains(h.log.String(), token[:40]) {
		t.Error("the token is in the log")
	}
}

// onDiskPath is where a name of a folder lies.
func (h *house) onDiskPath(folder, name string) string {
	return filepath.Join(h.dir, "files", folder, name)
}
