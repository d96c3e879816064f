package davfs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/text/unicode/norm"
)

// ARC-2: nothing but ServeHTTP's one call of parsePath, and parseDestination, reads a URL.
func TestARC2_OnePlaceReadsURLs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				switch n.Sel.Name {
				case "URL", "RequestURI", "RawPath", "EscapedPath", "PathUnescape", "QueryUnescape":
					found[name+" "+n.Sel.Name]++
				}
			case *ast.BasicLit:
				if n.Value == `"Destination"` {
					found[name+" "+n.Value]++
				}
			}
			return true
		})
	}
	if want := map[string]int{"handler.go URL": 1, "handler.go EscapedPath": 1, `copymove.go "Destination"`: 1}; fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("URLs are read by %v, want %v", found, want)
	}
}

// ARC-4, D9: what is neither a file nor a directory is not there, for any method, and what it points to stays.
func TestARC4_LinksAndPipes(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": outside, "up": "..", "inner": "f"} {
		if err := os.Symlink(to, s.path(s.home, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(s.path(s.home, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "up", "inner", "pipe"} {
		target := "/dav/Home/" + name
		for method, status := range map[string]int{"GET": 404, "HEAD": 404, "PROPFIND": 404, "DELETE": 404, "COPY": 404, "MOVE": 404, "PROPPATCH": 404, "UNLOCK": 409} {
			body := ""
			if method == "PROPPATCH" {
				body = patchBody(set("<Z:a>1</Z:a>"))
			}
			if a := s.do(t, method, target, body, "Destination: /dav/Home/new", "Depth: infinity", "Lock-Token: <urn:x>"); a.status != status {
				t.Errorf("%s %s: %d, want %d", method, name, a.status, status)
			}
		}
		// As a target of what makes something it is refused: it must not be replaced unseen.
		for _, c := range [][]string{{"PUT", target, "x"}, {"MKCOL", target, ""}, {"COPY", "/dav/Home/f", "", "Destination: " + target}, {"MOVE", "/dav/Home/f", "", "Destination: " + target}} {
			if a := s.do(t, c[0], c[1], c[2], c[3:]...); a.status != 405 {
				t.Errorf("%s to %s: %d %s", c[0], name, a.status, a.body)
			}
		}
		s.want(t, 404, "GET", target+"/outside", "")
		s.want(t, 409, "PUT", target+"/new", "x")
	}
	got := s.want(t, 207, "PROPFIND", "/dav/Home/", allprop, "Depth: 1").props(t)
	if len(got) != 2 || got["/dav/Home/f"] == nil {
		t.Errorf("listed %v", got)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "outside" {
		t.Errorf("outside: %q, %v", b, err)
	}
}

func TestURL1_Paths(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "content")
	s.want(t, 201, "PUT", "/dav/Home/d/%2541", "once") // the name is %41, not A
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/dav/Home/d/f", 200, "content"}, {"//dav///Home//d/f", 200, "content"}, {"/dav/Home/d/f/", 200, "content"}, {"/dav/Home/d/f//", 200, "content"},
		{"/%64av/Home/%64/%66", 200, "content"}, {"/dav/Home/d/f?query=x", 200, "content"}, {"/dav/Home/d/%2541", 200, "once"}, {"/dav/Home/d/A", 404, ""},
		{"http://whatever/dav/Home/d/f", 200, "content"},
		{"/dav/Home/d%2Ff", 400, ""}, {"/dav/Home%2fd/f", 400, ""}, {"/dav%2FHome/d/f", 400, ""}, {"/dav/Home/d%5Cf", 400, ""}, {`/dav/Home/d\f`, 400, ""},
		{"/dav/Home/d/f%00", 400, ""}, {"/dav/Home/d/%0a", 400, ""}, {"/dav/Home/d/%7f", 400, ""}, {"/dav/Home/d/%C2%85", 400, ""},
		{"/dav/Home/./d/f", 400, ""}, {"/dav/Home/d/../d/f", 400, ""}, {"/dav/Home/d/%2e%2E/d/f", 400, ""}, {"/dav/Home/%2e/d/f", 400, ""}, {"/dav/Home/d/..", 400, ""},
		{"/dav/../etc/passwd", 400, ""}, {"/dav/Home/../../../../../../etc/passwd", 400, ""}, {"/../dav/Home/d/f", 400, ""},
		{"/dav/Home/%ff", 400, ""}, {"/dav/Home/%c3%28", 400, ""}, {"/dav/Home/%ed%a0%80", 400, ""}, {"/dav/Home/%c0%af", 400, ""},
		{"/dav/Home/%", 400, ""}, {"/dav/Home/%4", 400, ""}, {"/dav/Home/%zz", 400, ""}, {"/dav/Home/%u0041", 400, ""},
		{"/dav/Home/" + strings.Repeat("n", 255), 404, ""}, {"/dav/Home/" + strings.Repeat("n", 256), 400, ""}, {"/dav/Home/" + strings.Repeat("%C3%BC", 128), 400, ""},
		{"/dav/Home" + strings.Repeat("/n", 3000), 404, ""}, // long, but nothing is too long for the storage
		{"/dav/Home/staging", 404, ""}, {"/dav/Home/.davit", 404, ""}, {"/staging/", 404, ""}, {"/files/" + s.home.ID + "/d/f", 404, ""}, {"/dav/files", 404, ""},
		{"/davx/Home/d/f", 404, ""}, {"/dav.", 404, ""}, {"/DAV/Home/d/f", 404, ""}, {"/dav/home/d/f", 404, ""}, // URL-2
	} {
		w := s.dial(t)
		w.send("GET "+c.path, "", "Connection: close")
		a := w.answer("GET")
		if a.status != c.status || c.body != "" && a.body != c.body {
			t.Errorf("%.60s: %d %q, want %d %q", c.path, a.status, a.body, c.status, c.body)
		}
		if strings.Contains(a.body, s.dir) || strings.Contains(a.body, "root:") {
			t.Errorf("%s: %s", c.path, a.body)
		}
		if a.status == 301 || a.status == 308 {
			t.Errorf("%s is redirected", c.path)
		}
	}
}

// awkward are names that clients really use.
var awkward = []string{"a b", "a#b", "a?b", "100%", "%41", "a&b", `"quoted"`, "it's", "a;b", "a+b", "a=b,c", "<tag>", "a:b", "*", "|", "~$doc.docx", "._x", ".DS_Store", "x.tmp",
	"ümlaut", "日本語", "🦊.txt", "trailing.", " leading", "trailing ", "a\u202egnp.exe", "é\u0301", "{}[]^`", strings.Repeat("ü", 127)}

// URL-3, URL-10: every name comes back as it was sent, and the href of a listing leads to it.
func TestURL3_NamesRoundTrip(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, dir := range []bool{false, true} {
		for _, name := range awkward {
			if dir {
				s.want(t, 201, "MKCOL", "/dav/Home/d-"+url.PathEscape(strings.TrimSuffix(name, "ü")), "")
			} else {
				s.want(t, 201, "PUT", "/dav/Home/"+url.PathEscape(name), name)
			}
		}
	}
	for _, root := range []string{"/dav/Home", "/dav/Home/", "/dav/" + s.home.ID, "//dav//Home//"} {
		w := s.dial(t)
		w.send("PROPFIND "+root, "", "Depth: 1", "Connection: close")
		props := w.answer("PROPFIND").props(t)
		if len(props) != 2*len(awkward)+1 {
			t.Fatalf("%s: %d responses, want %d", root, len(props), 2*len(awkward)+1)
		}
		prefix := strings.TrimSuffix(strings.ReplaceAll(root, "//", "/"), "/") + "/"
		var names []string
		for href, p := range props {
			collection := strings.Contains(p["DAV:resourcetype"], "collection")
			if !strings.HasPrefix(href, prefix) || strings.Contains(href, "//") || collection != strings.HasSuffix(href, "/") || strings.ContainsAny(href, " #?\"<>") {
				t.Errorf("href %q of %v", href, p["DAV:resourcetype"])
			}
			name, err := url.PathUnescape(strings.Trim(strings.TrimPrefix(href, prefix), "/"))
			if err != nil {
				t.Error(err)
			}
			if collection {
				s.want(t, 207, "PROPFIND", href, "", "Depth: 0")
				continue
			}
			names = append(names, name)
			if got := s.read(t, href); got != name && got != norm.NFC.String(name) && norm.NFC.String(got) != name {
				t.Errorf("%q holds %q", name, got)
			}
			// The resource itself has the href that was asked for.
			if self := s.want(t, 207, "PROPFIND", href, "", "Depth: 0").props(t); self[href] == nil {
				t.Errorf("%s answers for %v", href, self)
			}
		}
		for _, name := range awkward {
			if !slices.Contains(names, norm.NFC.String(name)) {
				t.Errorf("%q is not listed", name)
			}
		}
	}
	for _, name := range awkward { // as Destination, there and back
		at := "/dav/Home/" + url.PathEscape(name)
		s.want(t, 201, "MOVE", at, "", "Destination: "+s.server.URL+"/dav/Other/"+url.PathEscape(name))
		s.want(t, 201, "COPY", "/dav/Other/"+url.PathEscape(name), "", "Destination: "+at)
		if got := s.read(t, at); got != name {
			t.Errorf("%q holds %q", name, got)
		}
	}
}

// URL-4: nothing is redirected, a slash at the end of a file's URL is forgiven to those who read.
func TestURL4_Slashes(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/dav/Home/d", "", 200}, {"GET", "/dav/Home", "", 200}, {"GET", "/dav", "", 200}, {"PROPFIND", "/dav", "", 207}, {"PROPFIND", "/dav/Home/d", "", 207},
		{"GET", "/dav/Home/f/", "", 200}, {"HEAD", "/dav/Home/f/", "", 200}, {"PROPFIND", "/dav/Home/f/", "", 207}, {"PROPPATCH", "/dav/Home/f/", patchBody(set("<Z:a>1</Z:a>")), 207},
		{"PUT", "/dav/Home/f/", "x", 409}, {"PUT", "/dav/Home/new/", "x", 409}, {"PUT", "/dav/Home/d/", "x", 405}, {"PUT", "/dav/Home/d", "x", 405},
	} {
		a := s.do(t, c.method, c.target, c.body, "Depth: 0")
		if a.status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.target, a.status, c.status)
		}
		if c.target == "/dav/Home/f/" && a.status == 207 && !strings.Contains(a.body, "<D:href>/dav/Home/f</D:href>") {
			t.Errorf("%s: %s", c.method, a.body)
		}
	}
	if s.read(t, "/dav/Home/f") != "f" {
		t.Error("the file changed")
	}
}

const (
	nfc = "%C3%BC"  // ü
	nfd = "u%CC%88" // the same, decomposed
)

// URL-7, D24: names are stored in NFC, and found in either form.
func TestURL7_NormalForms(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	onDisk := func(dir string) string {
		var names []string
		entries, err := os.ReadDir(s.path(s.home, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, url.PathEscape(e.Name()))
		}
		return strings.Join(names, " ")
	}
	s.want(t, 201, "MKCOL", "/dav/Home/"+nfd, "")
	s.want(t, 201, "PUT", "/dav/Home/"+nfd+"/"+nfd, "1")
	s.want(t, 204, "PUT", "/dav/Home/"+nfc+"/"+nfc, "2")
	s.want(t, 204, "PUT", "/dav/Home/"+nfd+"/"+nfc, "3")
	s.want(t, 405, "MKCOL", "/dav/Home/"+nfc, "")
	if onDisk("") != nfc || onDisk("ü") != nfc {
		t.Errorf("on disk %s, %s", onDisk(""), onDisk("ü"))
	}
	// The href is the path that was asked for (URL-3).
	if props := s.want(t, 207, "PROPFIND", "/dav/Home/"+nfd, "", "Depth: 0").props(t); props["/dav/Home/"+nfd+"/"] == nil {
		t.Errorf("answers for %v", props)
	}
	token := s.lock(t, "/dav/Home/"+nfd+"/"+nfd)
	s.want(t, 423, "PUT", "/dav/Home/"+nfc+"/"+nfc, "x") // one resource, one lock
	s.want(t, 204, "UNLOCK", "/dav/Home/"+nfc+"/"+nfc, "", "Lock-Token: <"+token+">")
	s.want(t, 204, "DELETE", "/dav/Home/"+nfd, "")

	// What an administrator put there decomposed stays so, and beside it the other form can exist.
	for _, name := range []string{"u\u0308", "ü"} {
		if err := os.WriteFile(s.path(s.home, name), []byte(url.PathEscape(name)), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := s.read(t, "/dav/Home/"+nfd); got != nfd {
			t.Errorf("decomposed: %s", got)
		}
	}
	if s.read(t, "/dav/Home/"+nfc) != nfc || s.read(t, "/dav/Home/"+nfd) != nfd {
		t.Error("two files that differ in form are confused")
	}
	if got := s.want(t, 207, "PROPFIND", "/dav/Home/", "", "Depth: 1").props(t); len(got) != 3 {
		t.Errorf("listed %v", got)
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
}

// URL-8: a MOVE that changes only letter case or normal form works and loses nothing.
func TestURL8_OnlyForm(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for name, content := range map[string]string{"u\u0308": "root", "Dir-u\u0308/u\u0308": "below"} {
		s.plant(t, name, content)
	}
	for _, c := range []struct {
		from, to string
		status   int
		disk     string // what is there afterwards
		content  string
	}{
		{nfd, nfd, 403, "u\u0308", "root"},
		{nfc, nfc, 403, "u\u0308", "root"},
		{nfd, nfc, 201, "ü", "root"},
		{nfc, nfd, 403, "ü", "root"}, // stored composed already
		{"Dir-" + nfd + "/" + nfd, "Dir-" + nfc + "/" + nfc, 201, "Dir-u\u0308/ü", "below"},
		{"Dir-" + nfc + "/" + nfc, "Dir-" + nfd + "/" + nfc, 403, "Dir-u\u0308/ü", "below"},
		{"Dir-" + nfd + "/" + nfc, "Dir-" + nfc + "/" + nfc, 403, "Dir-u\u0308/ü", "below"},
		{"Dir-" + nfd, "dir-" + nfc, 201, "dir-ü/ü", "below"},
		{"dir-" + nfc, "DIR-" + nfc, 201, "DIR-ü/ü", "below"},
	} {
		a := s.do(t, "MOVE", "/dav/Home/"+c.from, "", "Destination: /dav/Home/"+c.to)
		b, err := os.ReadFile(s.path(s.home, c.disk))
		if a.status != c.status || err != nil || string(b) != c.content {
			t.Errorf("%s to %s: %d %s; %q, %v", c.from, c.to, a.status, a.body, b, err)
		}
	}
	s.want(t, 201, "PUT", "/dav/Home/Case", "1")
	s.want(t, 201, "MOVE", "/dav/Home/Case", "", "Destination: /dav/Home/case", "Overwrite: F")
	if s.read(t, "/dav/Home/case") != "1" {
		t.Error("lost")
	}
}

// URL-6: names on the disk that are not UTF-8 are not listed, and harm nothing.
func TestURL6_ForeignNames(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "f")
	for _, name := range []string{"\xff", "a\\b", "a\nb"} {
		if err := os.WriteFile(s.path(s.home, "d/"+name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.want(t, 207, "PROPFIND", "/dav/Home/d", "", "Depth: 1").props(t); len(got) != 2 {
		t.Errorf("listed %v", got)
	}
	s.want(t, 200, "GET", "/dav/Home/d", "")
	s.want(t, 201, "MOVE", "/dav/Home/d", "", "Destination: /dav/Home/e")
	s.want(t, 204, "DELETE", "/dav/Home/e", "")
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
}
