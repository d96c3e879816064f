package davfs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// GET-6: the type comes from the name; a listing that tells it opens nothing.
func TestGET6_TypeFromTheName(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	types := map[string]string{
		"a.html": "text/html; charset=utf-8", "A.HTML": "text/html; charset=utf-8", "b.png": "image/png", "c.css": "text/css; charset=utf-8",
		"html": "application/octet-stream", "e.unknown-type": "application/octet-stream", ".html": "text/html; charset=utf-8", "f.": "application/octet-stream",
	}
	for name := range types {
		s.want(t, 201, "PUT", "/dav/Home/"+name, "<!doctype html><script>alert(1)</script>", "Content-Type: text/x-mine")
	}
	f := &faulty{op: "open", err: errors.New("opened")}
	s.under(t, s.home, func(disk fileSystem) fileSystem { f.fileSystem = disk; return f })
	all := s.want(t, 207, "PROPFIND", "/dav/Home/", propBody("D:getcontenttype", "D:owner"), "Depth: 1").props(t)
	f.op = ""
	for name, want := range types {
		if got := all["/dav/Home/"+name]["DAV:getcontenttype"]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if got := s.want(t, 200, method, "/dav/Home/"+name, "").header.Get("Content-Type"); got != want {
				t.Errorf("%s %s is %q, want %q", method, name, got, want)
			}
		}
	}
	if n := f.hits.Load(); n != 0 {
		t.Errorf("the listing opened %d files", n)
	}
}

// SEC-6: what users store is not rendered in the page's origin, and names do not become markup or headers.
func TestSEC6_ContentIsNotRendered(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for _, name := range []string{"x.html", "x.svg", "x.xml", "x.pdf", "x.js", "x", "%3Cimg%20src=x%20onerror=alert(1)%3E.html", "%22quoted%22.txt", "a%E2%80%AEfdp.exe", "d/n"} {
		s.want(t, 201, "PUT", "/dav/Home/"+name, "<script>alert(1)</script>")
		for _, headers := range [][]string{nil, {"Range: bytes=0-3"}, {"Range: bytes=0-1,4-5"}} {
			a := s.do(t, "GET", "/dav/Home/"+name, "", headers...)
			if a.status != 200 && a.status != 206 || a.header.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("Content-Disposition") != "attachment" {
				t.Errorf("%s %q: %d %v", name, headers, a.status, a.header)
			}
		}
	}
	for dest, status := range map[string]int{"script": 403, "style": 403, "worker": 403, "serviceworker": 403, "image": 200, "video": 200, "document": 200, "empty": 200} {
		if a := s.do(t, "GET", "/dav/Home/x.js", "", "Sec-Fetch-Dest: "+dest); a.status != status || status == 403 && strings.Contains(a.body, "alert") {
			t.Errorf("as %s: %d %s", dest, a.status, a.body)
		}
	}
	for _, target := range []string{"/dav/", "/dav/Home/", "/dav/Home/d"} {
		a := s.want(t, 200, "GET", target, "")
		if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %v", target, a.header)
		}
		if strings.Contains(a.body, "<img") || strings.Contains(a.body, "<script") || strings.Contains(a.body, "\u202e") || strings.Contains(a.body, `href="&quot;`) {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	for _, status := range []string{"/dav/Home/none%3Cb%3E", "/dav/Home/%3Cscript%3E/x"} {
		if a := s.want(t, 404, "GET", status, ""); strings.Contains(a.body, "<") {
			t.Errorf("%s: %s", status, fmt.Sprint(a.header, a.body))
		}
	}
	if a := s.want(t, 423, "PUT", "/dav/Home/x", "y", lockedBy(t, s, "/dav/Home/x")); strings.Contains(a.header.Get("Content-Type"), "html") {
		t.Errorf("%v", a.header)
	}
}

// lockedBy has bob lock a file, and gives a header that says nothing.
func lockedBy(t testing.TB, s *site, target string) string {
	t.Helper()
	s.lock(t, target, "As: bob")
	return "X: y"
}
