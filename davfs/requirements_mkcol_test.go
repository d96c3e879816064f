package davfs

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

const xmlBody = "Content-Type: application/xml; charset=utf-8"

// mkcolBodyOf is an extended MKCOL with these properties besides the type.
func mkcolBodyOf(props string) string {
	return `<D:mkcol xmlns:D="DAV:" xmlns:A="http://apache.org/dav/props/" xmlns:W="urn:schemas-microsoft-com:" xmlns:Z="z:">` +
		set("<D:resourcetype><D:collection/></D:resourcetype>"+props) + `</D:mkcol>`
}

// mkcolFailures gives the statuses of a mkcol-response by property.
func mkcolFailures(t testing.TB, a answered) map[string]string {
	t.Helper()
	var r struct {
		XMLName   xml.Name `xml:"DAV: mkcol-response"`
		Propstats []struct {
			Prop struct {
				Values []struct{ XMLName xml.Name } `xml:",any"`
			} `xml:"DAV: prop"`
			Status string `xml:"DAV: status"`
			Error  struct {
				Inner string `xml:",innerxml"`
			} `xml:"DAV: error"`
		} `xml:"DAV: propstat"`
	}
	if err := xml.Unmarshal([]byte(a.body), &r); err != nil {
		t.Fatalf("%d, %v\n%s", a.status, err, a.body)
	}
	all := make(map[string]string)
	for _, ps := range r.Propstats {
		for _, v := range ps.Prop.Values {
			all[v.XMLName.Space+v.XMLName.Local] = strings.TrimPrefix(ps.Status, "HTTP/1.1 ") + strings.Trim(ps.Error.Inner, "<>/")
		}
	}
	return all
}

// CM-13: properties are there with the collection.
func TestCM13_Extended(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n, c := range []struct {
		body, value string
	}{
		{mkcolBodyOf("<Z:a>one</Z:a>"), "one"},
		{mkcolBodyOf("<Z:a>one</Z:a><Z:a>two</Z:a>"), "two"},
		{mkcolBodyOf("<Z:b>other</Z:b>"), ""},
		{mkcolBodyOf(""), ""},
		{mkcolBodyOf("<W:Win32CreationTime>Thu, 01 Jan 2015 00:00:00 GMT</W:Win32CreationTime><W:Win32LastModifiedTime>x</W:Win32LastModifiedTime><Z:a>win</Z:a>"), "win"},
		{`<mkcol xmlns="DAV:"><set><prop><a xmlns="z:">late</a></prop></set><other/><set><prop><resourcetype><collection/></resourcetype></prop></set></mkcol>`, "late"},
	} {
		target := fmt.Sprint("/dav/Home/d", n)
		a := s.want(t, 201, "MKCOL", target, c.body, xmlBody)
		if a.header.Get("Cache-Control") != "no-cache" || a.body != "" {
			t.Errorf("%d: %v %q", n, a.header, a.body)
		}
		if got := s.dead(t, target); got != c.value {
			t.Errorf("%d: %q, want %q", n, got, c.value)
		}
		s.want(t, 201, "PUT", target+"/f", "x")
	}
	props := s.want(t, 207, "PROPFIND", "/dav/Home/d4", propBody("W:Win32CreationTime"), "Depth: 0").props(t)["/dav/Home/d4/"]
	if props[win32Space+"Win32CreationTime"] != "Thu, 01 Jan 2015 00:00:00 GMT" {
		t.Errorf("%v", props)
	}
	// They are like any others: they move, are copied, and vanish.
	s.want(t, 201, "MOVE", "/dav/Home/d0", "", "Destination: /dav/Home/m")
	s.want(t, 201, "COPY", "/dav/Home/m", "", "Destination: /dav/Other/c")
	if a, b := s.dead(t, "/dav/Home/m"), s.dead(t, "/dav/Other/c"); a != "one" || b != "one" {
		t.Errorf("moved %q, copied %q", a, b)
	}
	s.want(t, 204, "DELETE", "/dav/Home/m", "")
	s.want(t, 201, "MKCOL", "/dav/Home/m", "")
	if got := s.dead(t, "/dav/Home/m"); got != "" {
		t.Errorf("inherited %q", got)
	}
	s.noneWaiting(t)
	if intents, err := s.st.Intents(t.Context()); err != nil || len(intents) > 0 {
		t.Errorf("left: %v, %v", intents, err)
	}
}

// noneWaiting checks that no rows of Home are left at a name that nothing has.
func (s *site) noneWaiting(t testing.TB) {
	t.Helper()
	paths, err := s.st.PropPaths(t.Context(), s.home.ID)
	if err != nil {
		t.Fatal(err)
	}
	for path := range paths {
		if _, err := os.Stat(s.path(s.home, path)); err != nil {
			t.Errorf("rows of %q: %v", path, err)
		}
	}
}

// CM-13: if a property is refused there is no collection, and the answer says why.
func TestCM13_ExtendedRefused(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const protected = "403 Forbidden" + "D:cannot-modify-protected-property"
	other := func(types string) string {
		return `<D:mkcol xmlns:D="DAV:" xmlns:Z="z:">` + set(`<D:resourcetype>`+types+`</D:resourcetype><Z:a/>`) + `</D:mkcol>`
	}
	for n, c := range []struct {
		body   string
		status int
		want   map[string]string // nil: another answer
	}{
		{mkcolBodyOf("<Z:a>one</Z:a><D:displayname>x</D:displayname>"), 403, map[string]string{"DAV:resourcetype": "424 Failed Dependency", "z:a": "424 Failed Dependency", "DAV:displayname": protected}},
		{mkcolBodyOf("<D:getetag>x</D:getetag>"), 403, map[string]string{"DAV:resourcetype": "424 Failed Dependency", "DAV:getetag": protected}},
		{mkcolBodyOf("<Z:a>" + strings.Repeat("x", maxPropBytes) + "</Z:a>"), 507, map[string]string{"DAV:resourcetype": "424 Failed Dependency", "z:a": "507 Insufficient StorageD:quota-not-exceeded"}},
		{other(""), 403, map[string]string{"DAV:resourcetype": "403 ForbiddenD:valid-resourcetype", "z:a": "424 Failed Dependency"}},
		{other("<Z:addressbook/>"), 403, map[string]string{"DAV:resourcetype": "403 ForbiddenD:valid-resourcetype", "z:a": "424 Failed Dependency"}},
		{other("<D:collection/><Z:addressbook/>"), 403, map[string]string{"DAV:resourcetype": "403 ForbiddenD:valid-resourcetype", "z:a": "424 Failed Dependency"}},
		{`<D:mkcol xmlns:D="DAV:"><D:set><D:prop><Z:a xmlns:Z="z:"/></D:prop></D:set></D:mkcol>`, 400, nil},
		{`<D:mkcol xmlns:D="DAV:"/>`, 400, nil},
		{`<D:mkcol xmlns:D="DAV:">`, 400, nil},
		{`<D:propfind xmlns:D="DAV:"/>`, 415, nil},
		{`<mkcol/>`, 415, nil},
		{" ", 400, nil},
		{mkcolBodyOf(strings.Repeat("<Z:a/>", maxXMLProperties)), 413, nil},
		{strings.Repeat(" ", maxXMLBody+1), 413, nil},
	} {
		target := fmt.Sprint("/dav/Home/d", n)
		a := s.want(t, c.status, "MKCOL", target, c.body, xmlBody)
		if c.want != nil {
			if got := mkcolFailures(t, a); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: %v, want %v", target, got, c.want)
			}
		}
		s.want(t, 404, "HEAD", target, "")
	}
	good := mkcolBodyOf("<Z:a>one</Z:a>")
	for _, kind := range []string{"text/plain", "application/json", "application/x-www-form-urlencoded", ""} {
		s.want(t, 415, "MKCOL", "/dav/Home/d", good, "Content-Type: "+kind)
	}
	w := s.dial(t)
	w.send("MKCOL /dav/Home/d", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(good), good), "Transfer-Encoding: chunked", "Content-Type: text/xml")
	if a := w.answer("MKCOL"); a.status != 201 || s.dead(t, "/dav/Home/d") != "one" {
		t.Errorf("in chunks: %d %q", a.status, s.dead(t, "/dav/Home/d"))
	}
	// What refuses a MKCOL refuses an extended one, before its properties.
	s.want(t, 405, "MKCOL", "/dav/Home/d", mkcolBodyOf("<D:displayname/>"), xmlBody)
	s.want(t, 405, "MKCOL", "/dav/Home", good, xmlBody)
	s.want(t, 409, "MKCOL", "/dav/Home/none/d", good, xmlBody)
	s.want(t, 403, "MKCOL", "/dav/Shared/d", good, xmlBody)
	s.want(t, 412, "MKCOL", "/dav/Home/x", good, xmlBody, "If-Match: *")
	token := s.lock(t, "/dav/Home/d", "Depth: infinity")
	s.want(t, 423, "MKCOL", "/dav/Home/d/e", good, xmlBody)
	s.want(t, 201, "MKCOL", "/dav/Home/d/e", good, xmlBody, "If: (<"+token+">)")
	for n := range 6 { // Small takes 6 files
		s.want(t, 201, "MKCOL", fmt.Sprint("/dav/Small/d", n), good, xmlBody)
	}
	s.want(t, 507, "MKCOL", "/dav/Small/d6", good, xmlBody)
	s.want(t, 404, "HEAD", "/dav/Small/d6", "")
	paths, err := s.st.PropPaths(t.Context(), s.small.ID)
	if err != nil || len(paths) != 6 {
		t.Errorf("rows of %v, %v", paths, err)
	}
	s.noneWaiting(t)
}

// CM-13: who looks on never sees the collection without its properties; of many who make it one does.
func TestCM13_ExtendedAtOnce(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n := range 20 {
		target := fmt.Sprint("/dav/Home/d", n)
		done := make(chan struct{})
		var looking, making sync.WaitGroup
		looking.Go(func() {
			for {
				a := s.do(t, "PROPFIND", target, propBody("Z:a"), "Depth: 0")
				if a.status == 207 && !strings.Contains(a.body, "one") {
					t.Errorf("without: %s", a.body)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
		var mu sync.Mutex
		var statuses []int
		for range 4 {
			making.Go(func() {
				a := s.do(t, "MKCOL", target, mkcolBodyOf("<Z:a>one</Z:a>"), xmlBody)
				mu.Lock()
				statuses = append(statuses, a.status)
				mu.Unlock()
			})
		}
		making.Wait()
		close(done)
		looking.Wait()
		if slices.Sort(statuses); !slices.Equal(statuses, []int{201, 405, 405, 405}) {
			t.Errorf("statuses %v", statuses)
		}
	}
	s.noneWaiting(t)
}

// unpublished refuses what is staged a place in the folder.
type unpublished struct{ fileSystem }

func (u unpublished) bottom() *rootFS { return u.fileSystem.(*rootFS) }

func (u unpublished) Publish(*staged, string, bool) error { return os.ErrPermission }

// CM-13: if the disk refuses, no rows stay, and no room is taken.
func TestCM13_ExtendedUndone(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	changes, err := readMkcol([]byte(mkcolBodyOf("<Z:a>one</Z:a>")))
	if err != nil {
		t.Fatal(err)
	}
	tree.f.fs.fileSystem = unpublished{tree.f.root}
	if _, _, err := tree.MkdirWith(t.Context(), "d", Claim{}, changes); err == nil {
		t.Error("no error")
	}
	tree.f.fs.fileSystem = tree.f.root
	if paths, err := w.st.PropPaths(t.Context(), f.ID); err != nil || len(paths) > 0 || !tree.f.props.empty("") {
		t.Errorf("rows of %v, %v", paths, err)
	}
	if intents, err := w.st.Intents(t.Context()); err != nil || len(intents) > 0 {
		t.Errorf("intents %v, %v", intents, err)
	}
	if left := unfinished(t, w.dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	w.wantUsage(t, f)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := tree.MkdirWith(ended, "d", Claim{}, changes); err == nil {
		t.Error("no error of an ended request")
	}
	if _, _, err := tree.MkdirWith(t.Context(), "d", Claim{}, changes); err != nil {
		t.Error(err)
	}
	// A count that runs beside finds it.
	if u, err := w.Scan(t.Context(), f.ID); err != nil || u != (store.Usage{Files: 1}) {
		t.Errorf("counted %+v, %v", u, err)
	}
}

// PUT-9: X-OC-Mtime sets the time of what MKCOL, COPY and MOVE make; its nanoseconds stay unique.
func TestPUT9_Methods(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const header, seconds, want = "X-OC-Mtime: 1000000000", 1000000000, "Sun, 09 Sep 2001 01:46:40 GMT"
	seen := make(map[int64]string)
	modified := func(target string) {
		t.Helper()
		for _, props := range s.want(t, 207, "PROPFIND", target, propBody("D:getlastmodified"), "Depth: 0").props(t) {
			if props["DAV:getlastmodified"] != want {
				t.Errorf("%s: %s", target, props["DAV:getlastmodified"])
			}
		}
		i, err := os.Stat(s.path(s.home, strings.TrimPrefix(target, "/dav/Home/")))
		if err != nil {
			t.Fatal(err)
		}
		ns := i.ModTime().UnixNano()
		if other := seen[ns]; other != "" || i.ModTime().Unix() != seconds {
			t.Errorf("%s has the time %v, as %q", target, i.ModTime(), other)
		}
		seen[ns] = target
	}
	accepted := func(status int, method, target string, headers ...string) {
		t.Helper()
		if a := s.want(t, status, method, target, "", append(headers, header)...); a.header.Get("X-OC-Mtime") != "accepted" || a.header["X-Oc-Ctime"] != nil {
			t.Errorf("%s: %v", method, a.header)
		}
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "content")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/member", "member")
	if a := s.want(t, 201, "MKCOL", "/dav/Home/plain", ""); a.header["X-Oc-Mtime"] != nil {
		t.Errorf("not asked for: %v", a.header)
	}
	accepted(201, "MKCOL", "/dav/Home/new", "X-OC-CTime: 900000000")
	modified("/dav/Home/new")
	accepted(201, "COPY", "/dav/Home/f", "Destination: /dav/Home/copy")
	modified("/dav/Home/copy")
	accepted(204, "COPY", "/dav/Home/f", "Destination: /dav/Home/copy")
	modified("/dav/Home/copy")
	accepted(201, "COPY", "/dav/Home/d", "Destination: /dav/Home/dcopy")
	modified("/dav/Home/dcopy")
	accepted(201, "COPY", "/dav/Home/d", "Destination: /dav/Home/shallow", "Depth: 0")
	modified("/dav/Home/shallow")
	accepted(201, "MOVE", "/dav/Home/copy", "Destination: /dav/Home/moved")
	modified("/dav/Home/moved")
	accepted(204, "MOVE", "/dav/Home/moved", "Destination: /dav/Home/f")
	modified("/dav/Home/f")
	accepted(201, "MOVE", "/dav/Home/d", "Destination: /dav/Home/dmoved")
	modified("/dav/Home/dmoved")
	if got := s.read(t, "/dav/Home/dcopy/member"); got != "member" {
		t.Errorf("member of the copy: %q", got)
	}
	if i, err := os.Stat(s.path(s.home, "dcopy/member")); err != nil || i.ModTime().Unix() == seconds {
		t.Errorf("member of the copy: %v, %v", i.ModTime(), err)
	}
	accepted(201, "MOVE", "/dav/Home/f", "Destination: /dav/Other/f")
	if got := s.want(t, 200, "HEAD", "/dav/Other/f", "").header.Get("Last-Modified"); got != want {
		t.Errorf("in the other folder: %s", got)
	}

	// What is no number is refused before anything happens; so is what is refused otherwise.
	s.want(t, 201, "PUT", "/dav/Home/g", "content")
	e := s.etag(t, "/dav/Home/g")
	for _, bad := range []string{"X-OC-Mtime: yesterday", "X-OC-Mtime: -1", "X-OC-Mtime: 1700000000.5", "X-OC-Mtime: ", "X-OC-Mtime: 0x10", "X-OC-Mtime: 99999999999999999999", "X-OC-CTime: yesterday"} {
		s.want(t, 400, "MKCOL", "/dav/Home/none", "", bad)
		s.want(t, 400, "COPY", "/dav/Home/g", "", bad, "Destination: /dav/Home/none")
		s.want(t, 400, "MOVE", "/dav/Home/g", "", bad, "Destination: /dav/Home/none")
		s.want(t, 400, "PUT", "/dav/Home/none", "", bad)
		s.want(t, 404, "HEAD", "/dav/Home/none", "")
	}
	s.want(t, 412, "MOVE", "/dav/Home/g", "", header, "Destination: /dav/Home/dcopy", "Overwrite: F")
	s.want(t, 409, "MOVE", "/dav/Home/g", "", header, "Destination: /dav/Home/none/g")
	s.want(t, 507, "MOVE", "/dav/Home/g", "", header, "Destination: /dav/Small/g", "As: ann", "X-None: "+s.fillSmall(t))
	if got := s.etag(t, "/dav/Home/g"); got != e {
		t.Errorf("a refused MOVE changed %s to %s", e, got)
	}
}

// fillSmall leaves no room in Small.
func (s *site) fillSmall(t testing.TB) string {
	t.Helper()
	s.want(t, 201, "PUT", "/dav/Small/full", strings.Repeat("x", 1000))
	return "x"
}

// PUT-9, PUT-10: another time is not another content.
func TestPUT9_KeepsChecksums(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	content := sumsOf("some content")
	s.want(t, 201, "PUT", "/dav/Home/f", string(content), "OC-Checksum: "+content.oc("SHA1"))
	s.want(t, 201, "MOVE", "/dav/Home/f", "", "Destination: /dav/Home/g", "X-OC-Mtime: 1000000000")
	s.want(t, 207, "PROPPATCH", "/dav/Home/g", patchBody(set("<D:lastmodified>1100000000</D:lastmodified>")))
	s.want(t, 201, "MOVE", "/dav/Home/g", "", "Destination: /dav/Other/g")
	for range 2 {
		if got := s.kept(t, "/dav/Other/g"); !strings.Contains(got, content.oc("SHA1")) {
			t.Errorf("kept %q", got)
		}
		s.atRest(t)
	}
	if got := s.want(t, 200, "HEAD", "/dav/Other/g", "").header.Get("Last-Modified"); got != time.Unix(1100000000, 0).UTC().Format(http.TimeFormat) {
		t.Errorf("modified %s", got)
	}
}

func FuzzMkcol(f *testing.F) {
	for _, s := range []string{mkcolBodyOf(""), mkcolBodyOf("<Z:a>one</Z:a>"), mkcolBodyOf("<D:displayname>x</D:displayname>"), `<mkcol xmlns="DAV:"><set><prop><resourcetype/></prop></set></mkcol>`,
		`<D:mkcol xmlns:D="DAV:"/>`, `<D:propfind xmlns:D="DAV:"/>`, `<D:mkcol xmlns:D="DAV:"><D:remove><D:prop><D:resourcetype/></D:prop></D:remove></D:mkcol>`, "\xff\xfe<\x00", "x", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		changes, err := readMkcol(data)
		if err != nil {
			if s := statusOf(err, "MKCOL").Status; s != 400 && s != 413 && s != 415 {
				t.Fatal(err)
			}
			return
		}
		typed := false
		for _, c := range changes {
			if c.Remove {
				t.Fatalf("%+v", c)
			}
			typed = typed || c.Name == davName("resourcetype")
			if c.Name != davName("resourcetype") && xml.Unmarshal([]byte(c.XML), new(struct{})) != nil {
				t.Fatalf("%q is not XML by itself", c.XML)
			}
		}
		if !typed {
			t.Fatalf("%q has no type", data)
		}
	})
}

// CM-13: a crash leaves the collection with its properties, or neither.
func TestCM13_ExtendedCutOff(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	made, err := tree.Mkdir(t.Context(), "d", Claim{})
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"d": true, "never": false} {
		prop := store.Prop{Space: "z:", Name: "a", XML: `<a xmlns="z:"/>`}
		if err := w.st.SetProps(t.Context(), f.ID, name, made.Identity(), []store.Prop{prop}, nil); err != nil {
			t.Fatal(err)
		}
		in, err := w.st.AddIntent(t.Context(), store.Intent{FolderID: f.ID, Kind: intentMake, Path: name, Subject: made.Identity()})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.settleIntent(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if paths, err := w.st.PropPaths(t.Context(), f.ID); err != nil || (paths[name] == made.Identity()) != there {
			t.Errorf("%s: rows of %v, %v", name, paths, err)
		}
	}
	if intents, err := w.st.Intents(t.Context()); err != nil || len(intents) > 0 {
		t.Errorf("intents %v, %v", intents, err)
	}
}
