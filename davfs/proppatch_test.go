package davfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func patchBody(instructions ...string) string {
	return `<D:propertyupdate xmlns:D="DAV:" xmlns:A="http://apache.org/dav/props/" xmlns:W="urn:schemas-microsoft-com:" xmlns:Z="z:">` +
		strings.Join(instructions, "") + `</D:propertyupdate>`
}

func set(props string) string    { return "<D:set><D:prop>" + props + "</D:prop></D:set>" }
func remove(props string) string { return "<D:remove><D:prop>" + props + "</D:prop></D:remove>" }

func TestPRO7_PRO8_Proppatch(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "12345")
	d.write(t, "dir/g", "x")
	if _, err := d.Scan(t.Context(), d.home.ID); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 60<<10)
	const protected = "403 <D:cannot-modify-protected-property/>"
	// The steps build on each other. after is what a PROPFIND of the names of before and after then gives.
	for _, c := range []struct {
		name, target, body string
		want               map[string]string
		after              map[string]string
	}{
		{"set", "/dav/Home/f", patchBody(set(`<Z:a>1</Z:a><Z:b><Z:c x="y"/>t</Z:b>`)),
			map[string]string{"z:a": "200", "z:b": "200"}, map[string]string{"z:a": "200 1", "z:b": `200 <Z:c x="y"/>t`}},
		{"replace and remove", "/dav/Home/f", patchBody(set("<Z:a>2</Z:a>"), remove("<Z:b/>")),
			map[string]string{"z:a": "200", "z:b": "200"}, map[string]string{"z:a": "200 2", "z:b": "404"}},
		{"document order", "/dav/Home/f", patchBody(remove("<Z:a/>"), set("<Z:a>3</Z:a>"), set("<Z:b>x</Z:b>"), remove("<Z:b/>")),
			map[string]string{"z:a": "200", "z:b": "200"}, map[string]string{"z:a": "200 3", "z:b": "404"}},
		{"remove what is not there", "/dav/Home/f", patchBody(remove("<Z:zz/>")),
			map[string]string{"z:zz": "200"}, map[string]string{"z:a": "200 3"}},
		{"all or nothing", "/dav/Home/f", patchBody(set("<Z:a>4</Z:a>"), set("<D:getetag>x</D:getetag>"), remove("<Z:a/>")),
			map[string]string{"z:a": "424", "DAV:getetag": protected}, map[string]string{"z:a": "200 3"}},
		{"protected removed", "/dav/Home/f", patchBody(remove("<D:resourcetype/>")), map[string]string{"DAV:resourcetype": protected}, nil},
		{"too large", "/dav/Home/f", patchBody(set("<Z:a>" + big + big + "</Z:a>")),
			map[string]string{"z:a": "507 <D:quota-not-exceeded/>"}, map[string]string{"z:a": "200 3"}},
		{"failing twice", "/dav/Home/f", patchBody(set("<Z:a>"+big+big+"</Z:a>"), set("<Z:a>1</Z:a>")),
			map[string]string{"z:a": "507 <D:quota-not-exceeded/>"}, map[string]string{"z:a": "200 3"}},
		{"executable", "/dav/Home/f", patchBody(set("<A:executable>T</A:executable>")),
			map[string]string{apacheSpace + "executable": "200"}, map[string]string{apacheSpace + "executable": "200 T"}},
		{"not executable", "/dav/Home/f", patchBody(set("<A:executable>F</A:executable>")),
			map[string]string{apacheSpace + "executable": "200"}, map[string]string{apacheSpace + "executable": "200 F"}},
		{"neither", "/dav/Home/f", patchBody(set("<Z:a>9</Z:a><A:executable>maybe</A:executable>")),
			map[string]string{apacheSpace + "executable": "409", "z:a": "424"}, map[string]string{apacheSpace + "executable": "200 F", "z:a": "200 3"}},
		{"executable removed", "/dav/Home/f", patchBody(remove("<A:executable/>")), map[string]string{apacheSpace + "executable": protected}, nil},
		{"Windows", "/dav/Home/f", patchBody(set(`<W:Win32CreationTime>Tue, 01 Jan 2019 00:00:00 GMT</W:Win32CreationTime>` +
			`<W:Win32LastAccessTime>x</W:Win32LastAccessTime><W:Win32LastModifiedTime>Wed, 02 Jan 2019 03:04:05 GMT</W:Win32LastModifiedTime><W:Win32FileAttributes>00000000</W:Win32FileAttributes>`)),
			map[string]string{win32Space + "Win32CreationTime": "200", win32Space + "Win32LastAccessTime": "200", win32Space + "Win32LastModifiedTime": "200", win32Space + "Win32FileAttributes": "200"},
			map[string]string{win32Space + "Win32CreationTime": "200 Tue, 01 Jan 2019 00:00:00 GMT", win32Space + "Win32LastAccessTime": "200 x",
				win32Space + "Win32LastModifiedTime": "200 Wed, 02 Jan 2019 03:04:05 GMT", win32Space + "Win32FileAttributes": "200 00000000",
				"DAV:getlastmodified": "200 Wed, 02 Jan 2019 03:04:05 GMT"}},
		{"Windows nonsense", "/dav/Home/f", patchBody(set(`<W:Win32LastModifiedTime>yesterday</W:Win32LastModifiedTime>`)),
			map[string]string{win32Space + "Win32LastModifiedTime": "200"}, map[string]string{"DAV:getlastmodified": "200 Wed, 02 Jan 2019 03:04:05 GMT"}},
		{"collection", "/dav/Home/dir", patchBody(set("<Z:a>1</Z:a><W:Win32LastModifiedTime>Wed, 02 Jan 2019 03:04:05 GMT</W:Win32LastModifiedTime>")),
			map[string]string{"z:a": "200", win32Space + "Win32LastModifiedTime": "200"}, map[string]string{"z:a": "200 1"}},
		{"folder's root", "/dav/Home/", patchBody(set("<Z:a>root</Z:a>")), map[string]string{"z:a": "200"}, map[string]string{"z:a": "200 root"}},
		{"list of folders", "/dav/", patchBody(set("<W:Win32LastModifiedTime>x</W:Win32LastModifiedTime>")), map[string]string{win32Space + "Win32LastModifiedTime": "200"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := readAnswer(t, d.want(t, 207, "ann", "PROPPATCH", c.target, c.body))
			if len(a) != 1 {
				t.Fatalf("answer %v", a)
			}
			href := a.hrefs()[0]
			if fmt.Sprint(a[href]) != fmt.Sprint(c.want) {
				t.Errorf("answer %v, want %v", a[href], c.want)
			}
			var body strings.Builder
			for name := range c.after {
				i := strings.LastIndexByte(name, ':') + 1
				if j := strings.LastIndexByte(name, '/') + 1; j > i {
					i = j
				}
				fmt.Fprintf(&body, `<x:%s xmlns:x="%s"/>`, name[i:], name[:i])
			}
			got := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", c.target, `<propfind xmlns="DAV:"><prop>`+body.String()+`</prop></propfind>`, "Depth: 0"))[href]
			for name, want := range c.after {
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
		})
	}
	if i, err := os.Stat(filepath.Join(d.path(d.home, ""), "f")); err != nil || i.ModTime().Unix() != time.Date(2019, 1, 2, 3, 4, 5, 0, time.UTC).Unix() {
		t.Errorf("file on disk: %v, %v", i.ModTime(), err)
	}
	d.wantUsage(t, d.home)
}

func TestPRO6_Limits(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	value := strings.Repeat("x", 60<<10)
	for i := range 17 {
		d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set(fmt.Sprintf("<Z:p%d>%s</Z:p%d>", i, value, i))))
	}
	last := func(name string) string {
		return readAnswer(t, d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:"+name+">"+value+"</Z:"+name+">"))))["/dav/Home/f"]["z:"+name]
	}
	if got := last("p99"); got != "507 <D:quota-not-exceeded/>" {
		t.Errorf("beyond the limit of a resource: %s", got)
	}
	if got := last("p3"); got != "200" {
		t.Errorf("in place of another: %s", got)
	}
	d.want(t, 413, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:p>"+strings.Repeat("x", 1<<20)+"</Z:p>")))
}

func TestPRO7_STA4_Refused(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	body := patchBody(set("<Z:a>1</Z:a>"))
	d.want(t, 403, "cid", "PROPPATCH", "/dav/Home/f", body)
	d.want(t, 404, "ann", "PROPPATCH", "/dav/Home/none", body)
	d.want(t, 400, "ann", "PROPPATCH", "/dav/Home/f", "<x")
	d.want(t, 400, "ann", "PROPPATCH", "/dav/Home/f", "")
	d.want(t, 412, "ann", "PROPPATCH", "/dav/Home/f", body, `If-Match: "other"`)
	d.want(t, 403, "ann", "PROPPATCH", "/dav/", body)
	token := d.lock(t, "ann", "/dav/Home/f", lockBody("exclusive", ""))
	w := d.want(t, 423, "bob", "PROPPATCH", "/dav/Home/f", body)
	if !strings.Contains(w.Body.String(), "<D:lock-token-submitted><D:href>/dav/Home/f</D:href>") {
		t.Errorf("body %s", w.Body)
	}
	d.want(t, 423, "bob", "PROPPATCH", "/dav/Home/f", body, "If: (<"+token+">)")
	d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/f", body, "If: (<"+token+">)")
}

// TestCM8_PRO5_Follow has the dead properties go where the resource goes (CM-8), and nowhere else.
func TestCM8_PRO5_Follow(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/f", "x")
	value := func(target string) string {
		t.Helper()
		a := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", target, propBody("Z:a"), "Depth: 0"))
		return a[a.hrefs()[0]]["z:a"]
	}
	etag := func() string { return etagOf(d.want(t, 200, "ann", "HEAD", "/dav/Home/dir/f", "")) }
	before := etag()
	d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/dir", patchBody(set("<Z:a>dir</Z:a>")))
	d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/dir/f", patchBody(set("<Z:a>file</Z:a>")))
	if after := etag(); after != before {
		t.Errorf("ETag %s became %s by PROPPATCH", before, after) // PRO-5
	}
	d.want(t, 204, "ann", "PUT", "/dav/Home/dir/f", "new content")
	d.want(t, 201, "ann", "COPY", "/dav/Home/dir", "", "Destination: /dav/Home/copy")
	d.want(t, 201, "ann", "MOVE", "/dav/Home/dir", "", "Destination: /dav/Home/moved")
	for target, want := range map[string]string{"/dav/Home/copy": "200 dir", "/dav/Home/copy/f": "200 file", "/dav/Home/moved": "200 dir", "/dav/Home/moved/f": "200 file"} {
		if got := value(target); got != want {
			t.Errorf("%s has %q, want %q", target, got, want)
		}
	}
	d.want(t, 204, "ann", "DELETE", "/dav/Home/moved", "")
	d.want(t, 201, "ann", "MKCOL", "/dav/Home/moved", "")
	d.want(t, 201, "ann", "PUT", "/dav/Home/moved/f", "x")
	for _, target := range []string{"/dav/Home/moved", "/dav/Home/moved/f"} {
		if got := value(target); got != "404" {
			t.Errorf("%s, made anew, has %q", target, got)
		}
	}
	// Another file that comes under the name behind our back has none either (D15).
	p := filepath.Join(d.path(d.home, ""), "copy/f")
	if err := os.WriteFile(p+".new", []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p+".new", p); err != nil {
		t.Fatal(err)
	}
	if got := value("/dav/Home/copy/f"); got != "404" {
		t.Errorf("a foreign file has %q", got)
	}
}

func TestPRO12_Proppatch(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	w := d.want(t, 200, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>1</Z:a>")), "Prefer: return=minimal")
	if w.Body.Len() != 0 || w.Header().Get("Preference-Applied") != "return=minimal" {
		t.Errorf("header %v, body %s", w.Header(), w.Body)
	}
	a := readAnswer(t, d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set("<D:getetag>1</D:getetag>")), "Prefer: return=minimal"))
	if !strings.HasPrefix(a["/dav/Home/f"]["DAV:getetag"], "403") {
		t.Errorf("answer %v", a)
	}
}
