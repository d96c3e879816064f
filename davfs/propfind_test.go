package davfs

import (
	"context"
	"encoding/xml"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// door is a WebDAV handler over one folder "Home" of ann, which bob may write and cid may read.
type door struct {
	*world
	h     *Handler
	home  store.Folder
	mu    sync.Mutex
	clock time.Time
}

func newDoor(t testing.TB, o HandlerOptions) *door {
	t.Helper()
	d := &door{clock: time.Now()}
	d.world = newWorld(t, Options{Now: func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.clock
	}})
	d.home = d.folder(t, 0, 0)
	d.home.OwnerName = "ann"
	d.h = d.FS.Handler(d, o)
	return d
}

func (d *door) pass(span time.Duration) {
	d.mu.Lock()
	d.clock = d.clock.Add(span)
	d.mu.Unlock()
}

// AuthenticateDAV takes any password.
func (d *door) AuthenticateDAV(r *http.Request) (store.Principal, error) {
	name, _, ok := r.BasicAuth()
	if !ok {
		return store.Principal{}, store.ErrUnauthenticated
	}
	if name == "ann" || name == "ann's reading token" {
		return store.Principal{UserID: d.user.ID, UserName: name}, nil
	}
	return store.Principal{UserID: "id-of-" + name, UserName: name, Admin: name == "root"}, nil
}

func (d *door) Mounts(_ context.Context, p store.Principal) ([]store.Mount, error) {
	m, err := d.Mount(context.Background(), p, "Home")
	return []store.Mount{m}, err
}

func (d *door) Mount(_ context.Context, p store.Principal, segment string) (store.Mount, error) {
	if segment != "Home" && segment != d.home.ID {
		return store.Mount{}, fs.ErrNotExist
	}
	rights := map[string]store.Rights{"ann": store.RightsAll, "bob": store.RightsRW, "root": store.RightsRW, "cid": store.Read, "ann's reading token": store.Read}[p.UserName]
	return store.Mount{Folder: d.home, Name: "Home", Rights: rights}, nil
}

// do sends a request by user; headers are "Name: value".
func (d *door) do(t testing.TB, user, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.SetBasicAuth(user, "secret")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

// want fails the test if a request does not have the status.
func (d *door) want(t testing.TB, status int, user, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := d.do(t, user, method, target, body, headers...)
	if w.Code != status {
		t.Fatalf("%s %s %q by %s: status %d, want %d\n%s", method, target, headers, user, w.Code, status, w.Body)
	}
	return w
}

// etagOf is the ETag of an answer, whose name is in the header as it is sent.
func etagOf(w *httptest.ResponseRecorder) string {
	for name, values := range w.Header() {
		if strings.EqualFold(name, "ETag") {
			return strings.Join(values, ", ")
		}
	}
	return ""
}

func (d *door) write(t testing.TB, name, content string) {
	t.Helper()
	p := filepath.Join(d.path(d.home, ""), name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// multistatus is a 207 body as another program reads it.
type multistatus struct {
	Responses []struct {
		Href      string `xml:"DAV: href"`
		Status    string `xml:"DAV: status"`
		Propstats []struct {
			Prop struct {
				Values []propValue `xml:",any"`
			} `xml:"DAV: prop"`
			Status string `xml:"DAV: status"`
			Error  struct {
				Inner string `xml:",innerxml"`
			} `xml:"DAV: error"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

type propValue struct {
	XMLName xml.Name
	Inner   string `xml:",innerxml"`
}

// answer is a multistatus by href, then by property: "status value".
type answer map[string]map[string]string

func readAnswer(t testing.TB, w *httptest.ResponseRecorder) answer {
	t.Helper()
	if ct := w.Header().Get("Content-Type"); w.Code != 207 || ct != `application/xml; charset="utf-8"` {
		t.Fatalf("status %d, type %q\n%s", w.Code, ct, w.Body)
	}
	var ms multistatus
	if err := xml.Unmarshal(w.Body.Bytes(), &ms); err != nil {
		t.Fatalf("%v in\n%s", err, w.Body)
	}
	a := make(answer)
	for _, r := range ms.Responses {
		if a[r.Href] != nil {
			t.Fatalf("two responses for %q", r.Href)
		}
		props := make(map[string]string)
		a[r.Href] = props
		if r.Status != "" {
			props[""] = strings.Fields(r.Status)[1]
		}
		for _, ps := range r.Propstats {
			status := strings.Fields(ps.Status)[1]
			if len(ps.Prop.Values) == 0 {
				props["nothing"] = status
			}
			for _, v := range ps.Prop.Values {
				name := v.XMLName.Space + v.XMLName.Local
				if _, twice := props[name]; twice {
					t.Fatalf("%s: %s is in two propstats\n%s", r.Href, name, w.Body)
				}
				props[name] = strings.TrimSpace(status + " " + v.Inner + ps.Error.Inner)
			}
		}
	}
	return a
}

func (a answer) hrefs() []string {
	var list []string
	for h := range a {
		list = append(list, h)
	}
	slices.Sort(list)
	return list
}

func propBody(names ...string) string {
	return `<D:propfind xmlns:D="DAV:" xmlns:A="http://apache.org/dav/props/" xmlns:W="urn:schemas-microsoft-com:" xmlns:Z="z:"><D:prop><` +
		strings.Join(names, "/><") + `/></D:prop></D:propfind>`
}

const allprop = `<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`

func TestPRO13_Depth(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a b&c.txt", "12345")
	d.write(t, "sub/f.html", "x")
	d.write(t, "sub/deep/g", "x")
	for _, c := range []struct {
		target, depth string
		status        int
		want          string
	}{
		{"/dav/Home", "0", 207, "/dav/Home/"},
		{"/dav/Home/", "0", 207, "/dav/Home/"},
		{"/dav/Home/", "1", 207, "/dav/Home/ /dav/Home/a%20b%26c.txt /dav/Home/sub/"},
		{"/dav/Home/sub", "1", 207, "/dav/Home/sub/ /dav/Home/sub/deep/ /dav/Home/sub/f.html"},
		{"//dav//Home//sub//", "1", 207, "/dav/Home/sub/ /dav/Home/sub/deep/ /dav/Home/sub/f.html"},
		{"/dav/" + d.home.ID + "/sub/f.html/", "1", 207, "/dav/" + d.home.ID + "/sub/f.html"},
		{"/dav/Home/sub/f.html", "infinity", 207, "/dav/Home/sub/f.html"},
		{"/dav", "1", 207, "/dav/ /dav/Home/"},
		{"/dav/", "0", 207, "/dav/"},
		{"/", "0", 207, "/"},
		{"/", "1", 207, "/ /dav/"},
		{"/dav/Home/", "", 403, ""},
		{"/dav/Home/", "infinity", 403, ""},
		{"/dav/", "infinity", 403, ""},
		{"/dav/Home/", "2", 400, ""},
		{"/dav/Home/missing", "0", 404, ""},
		{"/dav/Other/", "0", 404, ""},
	} {
		t.Run(c.target+" "+c.depth, func(t *testing.T) {
			w := d.want(t, c.status, "cid", "PROPFIND", c.target, "", "Depth: "+c.depth)
			if c.status == 403 && !strings.Contains(w.Body.String(), "<D:propfind-finite-depth/>") {
				t.Errorf("body %s", w.Body)
			}
			if c.status != 207 {
				return
			}
			if got := strings.Join(readAnswer(t, w).hrefs(), " "); got != c.want {
				t.Errorf("hrefs %s, want %s", got, c.want)
			}
		})
	}
	t.Run("infinity where it is allowed", func(t *testing.T) {
		h := d.FS.Handler(d, HandlerOptions{InfiniteDepth: true})
		open := &door{world: d.world, h: h, home: d.home}
		got := readAnswer(t, open.want(t, 207, "ann", "PROPFIND", "/dav/Home/", "")).hrefs()
		want := []string{"/dav/Home/", "/dav/Home/a%20b%26c.txt", "/dav/Home/sub/", "/dav/Home/sub/deep/", "/dav/Home/sub/deep/g", "/dav/Home/sub/f.html"}
		if !slices.Equal(got, want) {
			t.Errorf("hrefs %q, want %q", got, want)
		}
	})
}

func TestPRO2_PRO3_PRO4_Values(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a&b.txt", "12345")
	d.write(t, "run", "x")
	if err := os.Chmod(filepath.Join(d.path(d.home, ""), "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.path(d.home, ""), "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	mtime := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(d.path(d.home, ""), "a&b.txt"), mtime, mtime); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Scan(t.Context(), d.home.ID); err != nil {
		t.Fatal(err)
	}
	get := d.want(t, 200, "ann", "GET", "/dav/Home/a&b.txt", "")
	all := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/", allprop, "Depth: 1"))
	file, dir := all["/dav/Home/a%26b.txt"], all["/dav/Home/dir/"]
	for name, want := range map[string]string{
		"DAV:displayname":      "200 a&amp;b.txt",
		"DAV:getcontentlength": "200 5",
		"DAV:getcontenttype":   "200 " + get.Header().Get("Content-Type"),
		"DAV:getetag":          "200 " + etagOf(get),
		"DAV:getlastmodified":  "200 Mon, 03 Feb 2020 04:05:06 GMT",
		"DAV:resourcetype":     "200",
		"DAV:lockdiscovery":    "200",
		"DAV:supportedlock":    "200 " + supportedLocks,
	} {
		if file[name] != want {
			t.Errorf("%s is %q, want %q", name, file[name], want)
		}
	}
	if len(file) != 9 || len(dir) != 7 {
		t.Errorf("allprop has %d properties of a file and %d of a collection: %v, %v", len(file), len(dir), file, dir)
	}
	if dir["DAV:resourcetype"] != "200 <D:collection/>" {
		t.Errorf("resourcetype %q", dir["DAV:resourcetype"])
	}
	for _, a := range []map[string]string{file, dir} {
		if _, err := time.Parse(time.RFC3339, strings.TrimPrefix(a["DAV:creationdate"], "200 ")); err != nil {
			t.Error(err)
		}
	}
	if got := all["/dav/Home/"]["DAV:displayname"]; got != "200 f" { // the folder's title
		t.Errorf("displayname of the folder %q", got)
	}

	names := []string{"D:quota-available-bytes", "D:quota-used-bytes", "D:quota", "D:quotaused", "D:owner", "D:current-user-principal",
		"D:current-user-privilege-set", "D:supported-report-set", "A:executable", "W:Win32FileAttributes", "W:Win32LastModifiedTime",
		"W:Win32CreationTime", "W:Win32LastAccessTime", "D:getcontentlength", "Z:none", "D:none"}
	some := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/", propBody(names...), "Depth: 1"))
	used := func(a map[string]string, name string) (n int64) {
		if _, err := fmt.Sscanf(a[name], "200 %d", &n); err != nil {
			t.Errorf("%s is %q", name, a[name])
		}
		return n
	}
	dir, file = some["/dav/Home/dir/"], some["/dav/Home/a%26b.txt"]
	if used(dir, "DAV:quota-used-bytes") != 6 || used(dir, "DAV:quotaused") != 6 || used(dir, "DAV:quota-available-bytes") <= 0 ||
		used(dir, "DAV:quota")-used(dir, "DAV:quota-available-bytes") != 6 {
		t.Errorf("quota %v", dir)
	}
	for name, want := range map[string]string{
		"DAV:quota-available-bytes":              "404",
		"DAV:none":                               "404",
		"z:none":                                 "404",
		"DAV:owner":                              "200 <D:href>/principals/ann</D:href>",
		"DAV:current-user-principal":             "200 <D:href>/principals/ann</D:href>",
		"http://apache.org/dav/props/executable": "200 F",
		win32Space + "Win32FileAttributes":       "200 00000020",
		win32Space + "Win32LastModifiedTime":     "200 Mon, 03 Feb 2020 04:05:06 GMT",
		"DAV:getcontentlength":                   "200 5",
	} {
		if file[name] != want {
			t.Errorf("%s is %q, want %q", name, file[name], want)
		}
	}
	if len(file) != len(names) || len(dir) != len(names) {
		t.Errorf("asked for %d, got %d and %d", len(names), len(file), len(dir))
	}
	if got := some["/dav/Home/run"]["http://apache.org/dav/props/executable"]; got != "200 T" {
		t.Errorf("executable of an executable is %q", got)
	}
	if got := dir["http://apache.org/dav/props/executable"]; got != "404" {
		t.Errorf("executable of a collection is %q", got)
	}
	cid := readAnswer(t, d.want(t, 207, "cid", "PROPFIND", "/dav/Home/dir", propBody("D:current-user-privilege-set"), "Depth: 0"))
	if got := cid["/dav/Home/dir/"]["DAV:current-user-privilege-set"]; !strings.Contains(got, "<D:read/>") || strings.Contains(got, "write") {
		t.Errorf("privileges of a reader %q", got)
	}

	propnames := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/run", `<propfind xmlns="DAV:"><propname/></propfind>`, "Depth: 0"))["/dav/Home/run"]
	if propnames["DAV:getetag"] != "200" || propnames["DAV:owner"] != "200" || propnames["DAV:quota-used-bytes"] != "" {
		t.Errorf("propname %v", propnames)
	}
	include := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/dir",
		`<propfind xmlns="DAV:"><allprop/><include><quota-used-bytes/><getetag/><nothing/></include></propfind>`, "Depth: 0"))["/dav/Home/dir/"]
	if len(include) != 9 || include["DAV:quota-used-bytes"] != "200 6" || include["DAV:nothing"] != "404" {
		t.Errorf("allprop with include %v", include)
	}

	for _, target := range []string{"/dav/", "/"} { // RFC 4331 answers on every collection (PRO-3)
		a := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", target, propBody("D:quota-available-bytes", "D:quota-used-bytes", "D:getetag"), "Depth: 0"))[target]
		if used(a, "DAV:quota-used-bytes") != 6 || used(a, "DAV:quota-available-bytes") <= 0 || !strings.HasPrefix(a["DAV:getetag"], `200 "`) {
			t.Errorf("%s: %v", target, a)
		}
	}
}

func TestPRO4_Dates(t *testing.T) {
	for _, ns := range []int64{0, -1, 1, math.MinInt64, math.MaxInt64, 951782400e9, 1e18, 1709164799e9, 1709164800e9, -86400e9 * 365} {
		at := time.Unix(0, ns).UTC()
		if got, want := string(appendHTTPDate(nil, ns)), at.Format(http.TimeFormat); got != want {
			t.Errorf("HTTP date of %d is %q, want %q", ns, got, want)
		}
		if got, want := string(appendISODate(nil, ns)), at.Format("2006-01-02T15:04:05Z"); got != want {
			t.Errorf("ISO date of %d is %q, want %q", ns, got, want)
		}
	}
}

func TestPRO12_Preferences(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	body := propBody("D:getetag", "Z:none")
	for _, c := range []struct {
		header, applied string
		missing, root   bool
	}{
		{"X: y", "", true, true},
		{"Prefer: return=minimal", "return=minimal", false, true},
		{"Brief: t", "", false, true},
		{"Brief: f", "", true, true},
		{"Prefer: depth-noroot, return=minimal", "depth-noroot, return=minimal", false, false},
	} {
		t.Run(c.header, func(t *testing.T) {
			w := d.want(t, 207, "ann", "PROPFIND", "/dav/Home/", body, "Depth: 1", c.header)
			a := readAnswer(t, w)
			if _, missing := a["/dav/Home/f"]["z:none"]; missing != c.missing || (a["/dav/Home/"] != nil) != c.root {
				t.Errorf("answer %v", a)
			}
			if got := w.Header().Get("Preference-Applied"); got != c.applied || w.Header().Get("Vary") != "Brief, Prefer" {
				t.Errorf("Preference-Applied %q, Vary %q", got, w.Header().Get("Vary"))
			}
		})
	}
	a := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/f", propBody("Z:none"), "Depth: 0", "Prefer: return=minimal"))
	if got := a["/dav/Home/f"]["nothing"]; got != "200" {
		t.Errorf("with nothing left: %v", a)
	}
}

func TestPropfindConditions(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	etag := etagOf(d.want(t, 200, "ann", "HEAD", "/dav/Home/f", ""))
	d.want(t, 207, "ann", "PROPFIND", "/dav/Home/f", "", "Depth: 0", "If: (["+etag+"])")
	d.want(t, 412, "ann", "PROPFIND", "/dav/Home/f", "", "Depth: 0", `If: (["other"])`)
	d.want(t, 400, "ann", "PROPFIND", "/dav/Home/f", "", "Depth: 0", "If: (")
	d.want(t, 207, "ann", "PROPFIND", "/dav/Home/f", "", "Depth: 0", "If-None-Match: unquoted")
}

// TestPropfindLarge lists more than is sent at once, with dead properties in between.
func TestPropfindLarge(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	const n = 1500
	for i := range n {
		d.write(t, fmt.Sprintf("big/f%04d", i), "x")
	}
	for i := 0; i < n; i += 3 {
		d.want(t, 207, "ann", "PROPPATCH", fmt.Sprintf("/dav/Home/big/f%04d", i), patchBody(set(fmt.Sprintf("<Z:p>v%d</Z:p>", i))))
	}
	a := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/big", propBody("D:getetag", "Z:p"), "Depth: 1"))
	if len(a) != n+1 {
		t.Fatalf("%d responses, want %d", len(a), n+1)
	}
	for i := range n {
		want := "404"
		if i%3 == 0 {
			want = fmt.Sprintf("200 v%d", i)
		}
		if got := a[fmt.Sprintf("/dav/Home/big/f%04d", i)]["z:p"]; got != want {
			t.Fatalf("file %d has %q, want %q", i, got, want)
		}
	}
	d.want(t, 204, "ann", "DELETE", "/dav/Home/big", "")
}

// TestPER3_Allocations counts allocations per member of a listing without dead properties (PER-3).
func TestPER3_Allocations(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	const n = 1000
	for i := range n {
		d.write(t, fmt.Sprintf("f%04d.txt", i), "x")
	}
	body := propBody("D:resourcetype", "D:getcontentlength", "D:getlastmodified", "D:getetag", "D:getcontenttype", "A:executable")
	r := httptest.NewRequestWithContext(t.Context(), "PROPFIND", "/dav/Home/", nil)
	r.SetBasicAuth("ann", "secret")
	r.Header.Set("Depth", "1")
	allocs := testing.AllocsPerRun(5, func() {
		again := r.Clone(t.Context())
		again.Body = http.NoBody
		again.Body = readCloser{strings.NewReader(body)}
		w := &discardWriter{head: make(http.Header)}
		d.h.ServeHTTP(w, again)
		if w.status != 207 || w.n < n*100 {
			t.Fatalf("status %d, %d bytes", w.status, w.n)
		}
	})
	if perEntry := allocs / n; perEntry > 10 {
		t.Errorf("%.1f allocations per entry", perEntry)
	} else {
		t.Logf("%.1f allocations per entry", perEntry)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

type discardWriter struct {
	head   http.Header
	status int
	n      int
}

func (w *discardWriter) Header() http.Header         { return w.head }
func (w *discardWriter) WriteHeader(status int)      { w.status = status }
func (w *discardWriter) Write(p []byte) (int, error) { w.n += len(p); return len(p), nil }

func BenchmarkPropfind(b *testing.B) {
	d := newDoor(b, HandlerOptions{})
	const n = 1000
	for i := range n {
		d.write(b, fmt.Sprintf("f%04d.txt", i), "x")
	}
	named := propBody("D:resourcetype", "D:getcontentlength", "D:getlastmodified", "D:getetag", "A:executable")
	for _, c := range []struct{ name, depth, body string }{{"one", "0", named}, {"1000 named", "1", named}, {"1000 all", "1", ""}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), "PROPFIND", "/dav/Home/", strings.NewReader(c.body))
				r.SetBasicAuth("ann", "secret")
				r.Header.Set("Depth", c.depth)
				d.h.ServeHTTP(&discardWriter{head: make(http.Header)}, r)
			}
		})
	}
}
