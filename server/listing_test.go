package server

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"davit/store"
)

// listedMember is a member as the listing tells it.
type listedMember struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Size     *int64 `json:"size"`
	Modified int64  `json:"modified"`
	ETag     string `json:"etag"`
	Locked   bool   `json:"locked"`
}

// readListing checks the form of a listing.
func readListing(t testing.TB, text string) (head listingHead, members map[string]listedMember) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	strict := func(line string, v any) {
		t.Helper()
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(v); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	if len(lines) < 3 || lines[len(lines)-1] != "" {
		t.Fatalf("not a listing: %q", text)
	}
	strict(lines[0], &head)
	members = map[string]listedMember{}
	for _, line := range lines[1 : len(lines)-2] {
		var m listedMember
		strict(line, &m)
		if m.Type != "dir" && m.Type != "file" || (m.Type == "file") != (m.Size != nil) || m.ETag == "" || m.Name == "" {
			t.Errorf("member %s", line)
		}
		members[m.Name] = m
	}
	var end listingEnd
	strict(lines[len(lines)-2], &end)
	if !end.End || end.Members != len(lines)-3 || end.Members != len(members) {
		t.Errorf("end %+v after %d members", end, len(members))
	}
	return head, members
}

// listing lists a directory, as the page does.
func (c *caller) listing(folder, path string) (listingHead, map[string]listedMember, answer) {
	c.t.Helper()
	a := c.call("GET", listingURL(folder, path), "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		c.t.Fatalf("%s: %d %v %s", path, a.status, a.header, a.body)
	}
	head, members := readListing(c.t, a.body)
	return head, members, a
}

func listingURL(folder, path string) string {
	return "/api/davit/folders/" + folder + "/files?" + url.Values{"path": {path}}.Encode()
}

// A listing tells the same as PROPFIND, of all names that there can be.
func TestListing_Members(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	head, members, _ := ann.listing(id, "")
	if head.Path != "/" || len(members) != 0 || !slices.Equal(head.Rights, []string{"read", "write", "remove", "admin"}) || !head.Writable || head.Locked {
		t.Errorf("an empty folder: %+v %v", head, members)
	}
	names := []string{
		"a.txt", `quo"te`, "sub/deep.txt", "ümlaut ß", "日本語.md", "<img src=x onerror=alert(1)>", "right\u202eto\u2066left", "%2F..%2f", " blank ", "line\u2028end",
		"'&amp;", "e\u0301", strings.Repeat("long", 63), "😀", ".hidden", "null", "...",
	}
	for n, name := range names {
		if strings.Contains(name, "/") {
			ann.mkdir(id, "sub")
		}
		ann.put(id, name, strings.Repeat("x", n))
	}
	ann.mkdir(id, "dir")
	for what, err := range map[string]error{ // none of these is there for anybody
		"link":       os.Symlink("a.txt", h.onDiskPath(id, "link")),
		"pipe":       syscall.Mkfifo(h.onDiskPath(id, "pipe"), 0o644),
		"no UTF-8":   os.WriteFile(h.onDiskPath(id, "\xff"), nil, 0o644),
		"a new line": os.WriteFile(h.onDiskPath(id, "two\nlines"), nil, 0o644),
		"backslash":  os.WriteFile(h.onDiskPath(id, `back\slash`), nil, 0o644),
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for _, path := range []string{"", "/", "/sub/..", "/./"} {
		head, members, _ = ann.listing(id, path)
		if head.Path != "/" || len(members) != len(names)+1 {
			t.Errorf("%q: %+v, %d members: %q", path, head, len(members), slices.Sorted(maps.Keys(members)))
		}
	}
	r := ann.request("PROPFIND", "/dav/"+id+"/", `<propfind xmlns="DAV:"><prop><getetag/><getcontentlength/><getlastmodified/><resourcetype/></prop></propfind>`)
	r.Header.Set("Depth", "1")
	r.SetBasicAuth("ann", ann.token)
	var status struct {
		Responses []struct {
			Href string `xml:"href"`
			Prop struct {
				ETag     string  `xml:"getetag"`
				Length   *int64  `xml:"getcontentlength"`
				Modified string  `xml:"getlastmodified"`
				Dir      *string `xml:"resourcetype>collection"`
			} `xml:"propstat>prop"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal([]byte(h.do(r).body), &status); err != nil {
		t.Fatal(err)
	}
	for n, response := range status.Responses {
		name, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(response.Href, "/dav/"+id+"/"), "/"))
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if head.ETag != response.Prop.ETag {
				t.Errorf("the directory: %s, want %s", head.ETag, response.Prop.ETag)
			}
			continue
		}
		m := members[name]
		if m.ETag != response.Prop.ETag || (m.Type == "dir") != (response.Prop.Dir != nil) || m.Size != nil && (response.Prop.Length == nil || *m.Size != *response.Prop.Length) ||
			time.UnixMilli(m.Modified).UTC().Format(http.TimeFormat) != response.Prop.Modified {
			t.Errorf("%q: %+v, want %+v", name, m, response.Prop)
		}
		delete(members, name)
	}
	if len(members) > 0 {
		t.Errorf("PROPFIND does not know %v", members)
	}
	if head, members, _ := ann.listing(id, "sub"); head.Path != "/sub" || len(members) != 1 || members["deep.txt"].Type != "file" {
		t.Errorf("sub: %+v %v", head, members)
	}
	for path, want := range map[string]struct {
		status int
		kind   string
	}{
		"/none":        {404, "file-not-found"},
		"/sub/none/x":  {404, "file-not-found"},
		"/link":        {404, "file-not-found"},
		"/a.txt":       {400, "invalid-api-params"},
		"/a.txt/x":     {404, "file-not-found"},
		"/..":          {400, "invalid-api-params"},
		"/../" + id:    {200, ""},
		"/\x00":        {400, "invalid-api-params"},
		"/two\nlines":  {400, "invalid-api-params"},
		"/..%2f..%2fa": {404, "file-not-found"},
	} {
		if a := ann.call("GET", listingURL(id, path), ""); a.status != want.status || !strings.Contains(a.body, want.kind) || a.status != 200 && a.header.Get("ETag") != "" {
			t.Errorf("%q: %d %s, want %+v", path, a.status, a.body, want)
		}
	}
	for _, folder := range []string{"data", strings.Repeat("0", 32), "..", "%2e%2e"} {
		if a := ann.call("GET", listingURL(folder, "/"), ""); a.status != 404 {
			t.Errorf("the folder %s: %d %s", folder, a.status, a.body)
		}
	}
}

// Who may list, and what each is told that he may do.
func TestD5_Listing(t *testing.T) {
	k := newCast(t)
	k.owner.mkdir(k.shared, "sub")
	if err := k.store.SetGrant(t.Context(), k.shared, k.member.user.ID, store.RightsRW); err != nil {
		t.Fatal(err)
	}
	with := func(c *caller, folder string, readOnly bool) *caller {
		return &caller{house: k.house, user: c.user, token: c.newToken(folder, readOnly)}
	}
	for who, x := range map[string]struct {
		c    *caller
		want string
	}{
		"the owner":                        {k.owner, "200 read,write,remove,admin true"},
		"who may read":                     {k.reader, "200 read false"},
		"who may write":                    {k.member, "200 read,write true"},
		"a stranger":                       {k.stranger, "404"},
		"an administrator":                 {k.root, "404"},
		"the owner's token for reading":    {with(k.owner, "", true), "200 read false"},
		"the owner's token for it":         {with(k.owner, k.shared, false), "200 read,write true"},
		"the owner's token for another":    {with(k.owner, k.owner.create("other"), false), "404"},
		"the reader's token for the owner": {with(k.reader, k.shared, false), "200 read false"},
	} {
		for _, path := range []string{"/", "/sub"} {
			a := x.c.call("GET", listingURL(k.shared, path), "")
			got := fmt.Sprint(a.status)
			if a.status == 200 {
				head, _ := readListing(t, a.body)
				got += fmt.Sprintf(" %s %t", strings.Join(head.Rights, ","), head.Writable)
			}
			if got != x.want {
				t.Errorf("%s, %s: %s, want %s\n%s", who, path, got, x.want, a.body)
			}
		}
		if a := x.c.call("GET", listingURL(k.shared, "/none"), ""); a.status != 404 {
			t.Errorf("%s, a missing directory: %d", who, a.status)
		}
	}
	if a := k.do(k.request("GET", listingURL(k.shared, "/"), "")); a.status != 401 {
		t.Errorf("nobody: %d", a.status)
	}
	if err := k.files.TrashFolder(t.Context(), k.shared); err != nil {
		t.Fatal(err)
	}
	k.owner.wants(404, "GET", listingURL(k.shared, "/"), "", "vfolder-not-found")
}

// Who asks again with the tag that he had gets nothing, until something is another.
func TestListing_Conditions(t *testing.T) {
	h := newHouse(t)
	ann, ben := h.caller("ann"), h.caller("ben")
	id := ann.create("data")
	ann.mkdir(id, "a")
	ann.mkdir(id, "a/b")
	ann.share(id, ben, store.RightsRW)
	etag := ""
	ask := func(tag string) answer {
		r := ben.request("GET", listingURL(id, "/a"), "")
		r.SetBasicAuth("ben", ben.token)
		r.Header.Set("If-None-Match", tag)
		return h.do(r)
	}
	renew := func(what string) map[string]listedMember {
		t.Helper()
		a := ask(etag)
		if a.status != 200 || a.header.Get("ETag") == etag || a.header.Get("ETag") == "" {
			t.Fatalf("after %s: %d, tag %s", what, a.status, a.header.Get("ETag"))
		}
		etag = a.header.Get("ETag")
		for _, tag := range []string{etag, `"x", ` + etag, strings.TrimPrefix(etag, "W/"), "*"} {
			if a := ask(tag); a.status != 304 || a.body != "" || a.header.Get("ETag") != etag {
				t.Errorf("%s: %d %s, want 304", tag, a.status, a.body)
			}
		}
		_, members := readListing(t, a.body)
		return members
	}
	renew("nothing was there")
	ann.put(id, "a/f", "1")
	renew("a new file")
	ann.put(id, "a/f", "2")
	renew("another content")
	ann.put(id, "a/b/deep", "1")
	renew("a file below")
	token := ann.lock("/dav/" + id + "/a/f")
	if m := renew("a lock"); !m["f"].Locked || m["b"].Locked {
		t.Errorf("locked: %v", m)
	}
	unlock := func(path, token string) {
		t.Helper()
		r := ann.request("UNLOCK", path, "")
		r.SetBasicAuth("ann", ann.token)
		r.Header.Set("Lock-Token", "<"+token+">")
		if a := h.do(r); a.status != 204 {
			t.Fatalf("UNLOCK: %d %s", a.status, a.body)
		}
	}
	unlock("/dav/"+id+"/a/f", token)
	if m := renew("its end"); m["f"].Locked {
		t.Errorf("locked: %v", m)
	}
	deep := ann.lock("/dav/" + id + "/a/b/deep")
	if a := ask(etag); a.status != 304 {
		t.Errorf("a lock further below: %d %s", a.status, a.body)
	}
	unlock("/dav/"+id+"/a/b/deep", deep)
	token = ann.lock("/dav/" + id + "/a/")
	if m := renew("a lock on all"); !m["f"].Locked || !m["b"].Locked {
		t.Errorf("locked: %v", m)
	}
	head, members, _ := ann.listing(id, "/a/b")
	if !head.Locked || !members["deep"].Locked {
		t.Errorf("below what is locked: %+v %v", head, members)
	}
	unlock("/dav/"+id+"/a/", token)
	renew("its end")
	if err := os.WriteFile(h.onDiskPath(id, "a/by hand"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if m := renew("a file by hand"); m["by hand"].Type != "file" {
		t.Errorf("%v", m)
	}
	ann.share(id, ben, store.RightsRO)
	renew("another right")
	ann.put(id, "c", "1")
	if a := ask(etag); a.status != 304 {
		t.Errorf("a change elsewhere: %d", a.status)
	}
	if a := ask(`"other"`); a.status != 200 {
		t.Errorf("another tag: %d", a.status)
	}
	// Who reads may know who holds a lock, but not its token.
	ann.lock("/dav/" + id + "/a/f")
	a := ben.wants(200, "GET", "/api/davit/folders/"+id+"/locks", "", `"user":"ann"`, `"path":"a/f"`, `"token":null`, `"since":"`)
	if strings.Contains(a.body, "urn:uuid") {
		t.Errorf("the token is shown: %s", a.body)
	}
}

func TestListing_Gzip(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	for n := range 1000 {
		if err := os.WriteFile(h.onDiskPath(id, fmt.Sprintf("file-%04d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for accept, packed := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "deflate, gzip;q=0": false, "gzip; q=0.0": false, "identity": false, "x-gzipped": false} {
		r := ann.request("GET", listingURL(id, "/"), "")
		r.SetBasicAuth("ann", ann.token)
		r.Header.Set("Accept-Encoding", accept)
		a := h.do(r)
		body := a.body
		if got := a.header.Get("Content-Encoding") == "gzip"; got != packed || !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s: packed %t, want %t; %v", accept, got, packed, a.header)
			continue
		}
		if packed {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			if len(body)*4 > len(text) {
				t.Errorf("%d bytes of %d", len(body), len(text))
			}
			body = string(text)
		}
		if _, members := readListing(t, body); len(members) != 1000 {
			t.Errorf("%s: %d members", accept, len(members))
		}
	}
}

// A listing whose directory is replaced while it is sent breaks off: it never looks whole.
func TestListing_BrokenOff(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Default.MaxFiles = 0 })
	ann := h.caller("ann")
	id := ann.create("data")
	// More than all buffers on the way hold.
	dir := h.onDiskPath(id, "many")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const many = 60_000
	for n := range many {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%06d-%s", n, strings.Repeat("x", 240))), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	ann.mkdir(id, "other")
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := ann.request("GET", listingURL(id, "/many"), "")
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Accept-Encoding", "identity")
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 10)
	if _, err := io.ReadFull(res.Body, first); err != nil || !strings.HasPrefix(string(first), `{"path"`) {
		t.Fatalf("%q %v", first, err)
	}
	m := ann.request("MOVE", "/dav/"+id+"/other", "")
	m.SetBasicAuth("ann", ann.token)
	m.Header.Set("Destination", h.url+"/dav/"+id+"/many")
	if a := h.do(m); a.status != 204 {
		t.Fatalf("MOVE: %d %s", a.status, a.body)
	}
	rest, err := io.ReadAll(res.Body)
	if err == nil || strings.Contains(string(rest), `{"end":true`) {
		t.Errorf("%d bytes more, then %v: it looks whole", len(rest), err)
	}
}

// A hundred thousand members are told in one answer, whose memory does not grow with them but for their names.
func TestListing_OfAHundredThousand(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	count := map[string]int{"few": 1000, "many": 100_000}
	for name, n := range count {
		dir := h.onDiskPath(id, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for n := range n {
			f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("file-%06d", n)), os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	_, members, _ := ann.listing(id, "many")
	if len(members) != count["many"] || members["file-099999"].Type != "file" {
		t.Errorf("%d members", len(members))
	}

	// Without the test's copy of answers.
	plain := New(h.dir, h.server.cfg, Parts{Store: h.store, Auth: h.auth, Files: h.files, Peers: NewPeers(h.server.cfg), Page: http.NotFoundHandler(), Log: NewLog(io.Discard, slog.LevelError), Now: h.clock.now})
	took := func(name string) (mallocs, bytes uint64) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", listingURL(id, name), nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.SetBasicAuth("ann", ann.token)
		r.Header.Set("Accept-Encoding", "gzip")
		w := &nowhereWriter{head: http.Header{}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plain.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if w.n < count[name] || w.status != 200 {
			t.Fatalf("%s: %d, %d bytes", name, w.status, w.n)
		}
		return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
	}
	took("few")
	fewMallocs, fewBytes := took("few")
	mallocs, bytes := took("many")
	more := float64(count["many"] - count["few"])
	perMember, bytesPerMember := float64(mallocs-fewMallocs)/more, float64(bytes-fewBytes)/more
	t.Logf("%.2f allocations and %.1f bytes for each member", perMember, bytesPerMember)
	if perMember > 2.1 || bytesPerMember > 40 { // the name, and once more for the kernel
		t.Errorf("%.2f allocations and %.1f bytes for each member, want the name alone", perMember, bytesPerMember)
	}
}

// nowhereWriter takes an answer and forgets it.
type nowhereWriter struct {
	head   http.Header
	status int
	n      int
}

func (w *nowhereWriter) Header() http.Header         { return w.head }
func (w *nowhereWriter) WriteHeader(status int)      { w.status = status }
func (w *nowhereWriter) Write(b []byte) (int, error) { w.n += len(b); return len(b), nil }
