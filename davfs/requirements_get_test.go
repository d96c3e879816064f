package davfs

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// GET-1 and PUT-5: one answer about a file, whoever is asked.
func TestGET1_PUT5_SameValidatorsEverywhere(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	seen := make(map[string]string)
	for n, c := range []struct {
		name, content, kind string
		headers             []string
	}{
		{"a.html", "<p>", "text/html; charset=utf-8", nil},
		{"a.html", "<q>", "text/html; charset=utf-8", nil}, // of equal size, in the same tick
		{"a.html", "<r>", "text/html; charset=utf-8", nil},
		{"a.html", "<s>", "text/html; charset=utf-8", []string{"X-OC-Mtime: 1000000000"}},
		{"a.html", "<t>", "text/html; charset=utf-8", []string{"X-OC-Mtime: 1000000000"}}, // with a restored time
		{"empty.bin", "", "application/octet-stream", nil},
		{"none", "x", "application/octet-stream", nil},
		{"A.JPEG", "x", "image/jpeg", nil},
	} {
		target := "/dav/Home/" + c.name
		made := s.do(t, "PUT", target, c.content, c.headers...)
		if made.status != 201 && made.status != 204 {
			t.Fatalf("PUT: %d", made.status)
		}
		etag := made.header.Get("ETag")
		if strings.ContainsAny(strings.Trim(etag, `"`), `/\"`) || len(etag) < 3 || etag[0] != '"' {
			t.Errorf("ETag %s", etag)
		}
		if old := seen[etag]; old != "" {
			t.Errorf("ETag %s of %s was that of %s", etag, c.content, old) // PRO-5
		}
		seen[etag] = fmt.Sprint(n, c.content)
		get, head := s.want(t, 200, "GET", target, ""), s.want(t, 200, "HEAD", target, "")
		if get.body != c.content || head.body != "" {
			t.Errorf("%s: GET %q, HEAD %q", c.name, get.body, head.body)
		}
		props := s.want(t, 207, "PROPFIND", target, allprop, "Depth: 0").props(t)[target]
		for header, want := range map[string]string{
			"ETag": etag, "Last-Modified": made.header.Get("Last-Modified"), "Content-Type": c.kind,
			"Content-Length": fmt.Sprint(len(c.content)), "Accept-Ranges": "bytes",
		} {
			if g, h := get.header.Get(header), head.header.Get(header); g != want || h != want {
				t.Errorf("%s: %s is %q by GET, %q by HEAD, want %q", c.name, header, g, h, want)
			}
		}
		for prop, want := range map[string]string{
			"getetag": etag, "getlastmodified": made.header.Get("Last-Modified"), "getcontenttype": c.kind, "getcontentlength": fmt.Sprint(len(c.content)),
		} {
			if got := strings.ReplaceAll(props["DAV:"+prop], "&#34;", `"`); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, prop, got, want)
			}
		}
	}
}

// HEAD answers with the header of GET, for files, collections and what is not there (GET-1, MET-7).
func TestGET1_HeadIsGetWithoutBody(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f.txt", "content")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for _, target := range []string{"/dav/Home/f.txt", "/dav/Home/f.txt/", "/dav/Home/d", "/dav/Home/d/", "/dav/Home/", "/dav/", "/dav", "/", "/dav/Home/none", "/dav/none", "/davx"} {
		get, head := s.do(t, "GET", target, ""), s.do(t, "HEAD", target, "")
		get.header.Del("Date")
		head.header.Del("Date")
		if get.status != head.status || fmt.Sprint(get.header) != fmt.Sprint(head.header) || head.body != "" {
			t.Errorf("%s: GET %d %v, HEAD %d %v %q", target, get.status, get.header, head.status, head.header, head.body)
		}
	}
}

func TestGET2_Conditions(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "0123456789", "X-OC-Mtime: 1000000000")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	e := s.etag(t, "/dav/Home/f")
	dir := s.etag(t, "/dav/Home/d")
	const (
		when   = "Sun, 09 Sep 2001 01:46:40 GMT"
		before = "Sun, 09 Sep 2001 01:46:39 GMT"
		after  = "Sun, 09 Sep 2001 01:46:41 GMT"
		rfc850 = "Sunday, 09-Sep-01 01:46:40 GMT"
	)
	for _, c := range []struct {
		target  string
		headers []string
		status  int
	}{
		{"f", []string{"If-None-Match: " + e}, 304},
		{"f", []string{"If-None-Match: W/" + e}, 304},
		{"f", []string{`If-None-Match: "a", ` + e + `, "b"`}, 304},
		{"f", []string{`If-None-Match: "a"`, "If-None-Match: " + e}, 304},
		{"f", []string{"If-None-Match: *"}, 304},
		{"f", []string{`If-None-Match: "other"`}, 200},
		{"f", []string{"If-None-Match: " + strings.Trim(e, `"`)}, 200}, // malformed: does not match
		{"f", []string{"If-None-Match: " + strings.Trim(e, `"`) + ", " + e}, 304},
		{"f", []string{"If-Match: " + e}, 200},
		{"f", []string{"If-Match: *"}, 200},
		{"f", []string{`If-Match: "other", ` + e}, 200},
		{"f", []string{"If-Match: W/" + e}, 412}, // compared strongly
		{"f", []string{`If-Match: "other"`}, 412},
		{"f", []string{"If-Match: " + strings.Trim(e, `"`)}, 412},
		{"f", []string{"If-Modified-Since: " + when}, 304},
		{"f", []string{"If-Modified-Since: " + rfc850}, 304},
		{"f", []string{"If-Modified-Since: " + after}, 304},
		{"f", []string{"If-Modified-Since: " + before}, 200},
		{"f", []string{"If-Modified-Since: yesterday"}, 200},
		{"f", []string{"If-Unmodified-Since: " + when}, 200},
		{"f", []string{"If-Unmodified-Since: " + before}, 412},
		{"f", []string{"If-Unmodified-Since: yesterday"}, 200},
		{"f", []string{"If-Match: " + e, "If-Unmodified-Since: " + before}, 200},     // the date is not asked
		{"f", []string{`If-None-Match: "other"`, "If-Modified-Since: " + when}, 200}, // nor here
		{"f", []string{`If-Match: "other"`, "If-None-Match: " + e}, 412},             // If-Match comes first
		{"f", []string{"If-Unmodified-Since: " + before, "If-None-Match: " + e}, 412},
		{"f", []string{"Range: bytes=1-2", "If-None-Match: " + e}, 304},
		{"f", []string{"Range: bytes=1-2", `If-Match: "other"`}, 412},
		{"f", []string{"Range: bytes=99-", "If-None-Match: " + e}, 304},
		{"f", []string{"Range: bytes=1-2", "If-Range: " + e}, 206},
		{"f", []string{"Range: bytes=1-2", "If-Range: W/" + e}, 200},
		{"f", []string{"Range: bytes=1-2", `If-Range: "other"`}, 200},
		{"f", []string{"Range: bytes=99-", `If-Range: "other"`}, 200},
		{"f", []string{"Range: bytes=1-2", "If-Range: " + when}, 206},
		{"f", []string{"Range: bytes=1-2", "If-Range: " + after}, 200},
		{"f", []string{"Range: bytes=1-2", "If-Range: nonsense"}, 200},
		{"f", []string{"If: ([" + e + "])"}, 200},
		{"f", []string{`If: (["other"])`}, 412},
		{"f", []string{`If: (["other"`}, 400},
		{"d", []string{"If-None-Match: " + dir}, 304},
		{"d", []string{`If-Match: "other"`}, 412},
		{"none", []string{"If-None-Match: *"}, 404},
		{"none", []string{"If-Match: *"}, 404},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			status := c.status
			if method == "HEAD" && status == 206 {
				status = 200
			}
			a := s.do(t, method, "/dav/Home/"+c.target, "", c.headers...)
			if a.status != status {
				t.Errorf("%s %s %q: %d, want %d", method, c.target, c.headers, a.status, status)
			}
			if a.status == 304 && (a.header.Get("ETag") == "" || a.body != "" || a.header.Get("Content-Length") != "") {
				t.Errorf("%s %s %q: header of 304: %v", method, c.target, c.headers, a.header) // RFC 9110, section 15.4.5
			}
		}
	}
}

func TestGET3_Ranges(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	big := make([]byte, 200<<10) // longer than what is sent from a buffer
	for i := range big {
		big[i] = byte(i * 7 >> 3)
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "0123456789")
	s.want(t, 201, "PUT", "/dav/Home/big", string(big))
	s.want(t, 201, "PUT", "/dav/Home/empty", "")
	n := len(big)
	for _, c := range []struct {
		target, spec string
		status       int
		content      string // of Content-Range
		body         string
	}{
		{"f", "bytes=0-0", 206, "bytes 0-0/10", "0"},
		{"f", "bytes=2-4", 206, "bytes 2-4/10", "234"},
		{"f", "bytes=9-", 206, "bytes 9-9/10", "9"},
		{"f", "bytes=0-", 206, "bytes 0-9/10", "0123456789"},
		{"f", "bytes=5-999", 206, "bytes 5-9/10", "56789"},
		{"f", "bytes=-3", 206, "bytes 7-9/10", "789"},
		{"f", "bytes=-99", 206, "bytes 0-9/10", "0123456789"},
		{"f", "bytes=3-99999999999999999999999", 206, "bytes 3-9/10", "3456789"},
		{"f", "bytes=10-", 416, "bytes */10", ""},
		{"f", "bytes=10-10", 416, "bytes */10", ""},
		{"f", "bytes=99999999999999999999999-", 416, "bytes */10", ""},
		{"f", "bytes=-0", 416, "bytes */10", ""},
		{"f", "bytes=20-30, 40-50", 416, "bytes */10", ""},
		{"f", "bytes=20-30, 4-5", 206, "bytes 4-5/10", "45"},
		{"f", "bytes=4-3", 200, "", "0123456789"}, // a syntax error is no range (RFC 9110, section 14.2)
		{"f", "bytes=a-b", 200, "", "0123456789"},
		{"f", "bytes=", 200, "", "0123456789"},
		{"f", "bytes=-", 200, "", "0123456789"},
		{"f", "bytes=+1-2", 200, "", "0123456789"},
		{"f", "bytes=1-2-3", 200, "", "0123456789"},
		{"f", "lines=1-2", 200, "", "0123456789"},
		{"f", "bytes=0-5, 3-8", 200, "", "0123456789"}, // overlapping: the whole (GET-4)
		{"f", "bytes=0-0" + strings.Repeat(",1-1", 16), 200, "", "0123456789"},
		{"empty", "bytes=0-0", 416, "bytes */0", ""},
		{"empty", "", 200, "", ""},
		{"big", fmt.Sprintf("bytes=1-%d", n-2), 206, fmt.Sprintf("bytes 1-%d/%d", n-2, n), string(big[1 : n-1])},
		{"big", "bytes=100000-100009", 206, fmt.Sprintf("bytes 100000-100009/%d", n), string(big[100000:100010])},
		{"big", "bytes=-50000", 206, fmt.Sprintf("bytes %d-%d/%d", n-50000, n-1, n), string(big[n-50000:])},
		{"big", "", 200, "", string(big)},
	} {
		var headers []string
		if c.spec != "" {
			headers = []string{"Range: " + c.spec}
		}
		a := s.do(t, "GET", "/dav/Home/"+c.target, "", headers...)
		if a.status != c.status || a.header.Get("Content-Range") != c.content {
			t.Errorf("%s %s: %d %q, want %d %q", c.target, c.spec, a.status, a.header.Get("Content-Range"), c.status, c.content)
		}
		if a.status < 300 && (a.body != c.body || a.header.Get("Content-Length") != fmt.Sprint(len(c.body))) {
			t.Errorf("%s %s: %d bytes, length %s, want %d", c.target, c.spec, len(a.body), a.header.Get("Content-Length"), len(c.body))
		}
		if a := s.want(t, 200, "HEAD", "/dav/Home/"+c.target, "", headers...); a.header.Get("Content-Range") != "" {
			t.Errorf("HEAD %s %s: %v", c.target, c.spec, a.header)
		}
	}
}

func TestGET4_SeveralRanges(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f.txt", "0123456789")
	a := s.want(t, 206, "GET", "/dav/Home/f.txt", "", "Range: bytes=8-, 0-1,,4-4, 77-")
	kind, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if kind != "multipart/byteranges" || err != nil || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
		t.Fatalf("header %v, %d bytes", a.header, len(a.body))
	}
	var got []string
	for r := multipart.NewReader(strings.NewReader(a.body), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Header.Get("Content-Range")+" "+p.Header.Get("Content-Type")+" "+string(b))
	}
	if want := "[bytes 8-9/10 text/plain; charset=utf-8 89 bytes 0-1/10 text/plain; charset=utf-8 01 bytes 4-4/10 text/plain; charset=utf-8 4]"; fmt.Sprint(got) != want {
		t.Errorf("parts %v, want %s", got, want)
	}
}

// GET-5, PUT-4, CM-4: whoever reads meets one whole version at every moment, by GET, ranges and COPY, while many replace
// the file by PUT and MOVE.
func TestGET5_PUT4_WholeVersions(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	version := func(n int) string { return strings.Repeat(string(rune('a'+n)), 40_000+n) }
	whole := func(b string) bool {
		return b != "" && b == strings.Repeat(b[:1], len(b)) && len(b) == 40_000+int(b[0]-'a')
	}
	s.want(t, 201, "PUT", "/dav/Home/f", version(0))
	var writers, readers sync.WaitGroup
	var stop atomic.Bool
	for n := range 4 {
		writers.Go(func() {
			for range 25 {
				if a := s.do(t, "PUT", "/dav/Home/f", version(n)); a.status != 204 { // never 423 or 201
					t.Errorf("PUT: %d %s", a.status, a.body)
				}
				tmp := fmt.Sprint("/dav/Home/tmp", n)
				s.do(t, "PUT", tmp, version(n+4))
				if a := s.do(t, "MOVE", tmp, "", "Destination: /dav/Home/f"); a.status != 204 {
					t.Errorf("MOVE: %d %s", a.status, a.body)
				}
			}
		})
	}
	for n := range 3 {
		readers.Go(func() {
			for !stop.Load() {
				if a := s.do(t, "GET", "/dav/Home/f", ""); a.status != 200 || !whole(a.body) {
					t.Errorf("GET: %d, %d bytes", a.status, len(a.body))
				}
				if n == 0 {
					if a := s.do(t, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/copy"); a.status != 201 && a.status != 204 {
						t.Errorf("COPY: %d %s", a.status, a.body)
					}
					if a := s.do(t, "GET", "/dav/Home/copy", ""); a.status != 200 || !whole(a.body) {
						t.Errorf("GET of the copy: %d, %d bytes", a.status, len(a.body))
					}
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}

// A reader that is slow gets the version that it began with, though it is replaced and deleted meanwhile.
func TestGET5_SlowReader(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	old := strings.Repeat("old ", 2<<20)
	for _, change := range []struct{ method, body, header string }{{"PUT", "new", "As: bob"}, {"DELETE", "", "As: bob"}, {"MOVE", "", "Destination: /dav/Home/elsewhere"}} {
		s.do(t, "PUT", "/dav/Home/f", old)
		c := s.dial(t)
		c.send("GET /dav/Home/f", "")
		if _, err := c.r.Peek(1); err != nil {
			t.Fatal(err)
		}
		if a := s.do(t, change.method, "/dav/Home/f", change.body, change.header); a.status >= 300 {
			t.Fatalf("%s: %d", change.method, a.status)
		}
		if a := c.answer("GET"); a.body != old {
			t.Errorf("during %s: %d bytes, want the old version", change.method, len(a.body))
		}
	}
}

// MET-7, SEC-6: the page of a collection runs nothing and escapes names.
func TestMET7_CollectionPage(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/%3Cscript%3Ealert(1)%3C%22'&.html", "x")
	s.want(t, 201, "MKCOL", "/dav/Home/d%20d", "")
	a := s.want(t, 200, "GET", "/dav/Home", "")
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("header %v", a.header)
	}
	if strings.Contains(a.body, "<script") || !strings.Contains(a.body, `href="/dav/Home/%3Cscript%3E`) || !strings.Contains(a.body, `href="/dav/Home/d%20d/"`) {
		t.Errorf("page %s", a.body)
	}
	if a := s.want(t, 200, "GET", "/dav/Home/%3Cscript%3Ealert(1)%3C%22'&.html", ""); !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("file's header %v", a.header)
	}
	if a := s.want(t, 200, "GET", "/dav/", ""); !strings.Contains(a.body, `href="/dav/Home/"`) || strings.Contains(a.body, "Secret") {
		t.Errorf("folders: %s", a.body)
	}
}

// GET-8: nothing is coded on the way, so the ETag is of the bytes.
func TestGET8_NoCoding(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f.txt", strings.Repeat("a", 10_000))
	e := s.etag(t, "/dav/Home/f.txt")
	a := s.want(t, 200, "GET", "/dav/Home/f.txt", "", "Accept-Encoding: gzip, br")
	if a.header.Get("Content-Encoding") != "" || a.header.Get("ETag") != e || len(a.body) != 10_000 {
		t.Errorf("header %v, %d bytes", a.header, len(a.body))
	}
}

// A client that breaks a download off leaves nothing behind: the folder can be closed, and deleted for good.
func TestGET_BrokenOff(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/big", strings.Repeat("x", 24<<20))
	before := s.count()
	for range 3 {
		c := s.dial(t)
		c.send("GET /dav/Home/big", "")
		if _, err := io.ReadFull(c.r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		c.SetLinger(0)
		c.Close()
	}
	s.await(before, 3)
	users := func() int {
		s.FS.mu.Lock()
		defer s.FS.mu.Unlock()
		return s.folders[s.home.ID].users
	}
	for end := time.Now().Add(5 * time.Second); users() > 0; time.Sleep(time.Millisecond) { // background work may hold it for a moment
		if time.Now().After(end) {
			t.Fatalf("after all requests have ended %d of them hold the folder", users())
		}
	}
}

// A file that shrinks behind our back while it is sent ends the connection: a short body never looks whole.
func TestGET_Shrinks(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", strings.Repeat("x", 24<<20))
	c := s.dial(t)
	c.send("GET /dav/Home/f", "")
	res, err := http.ReadResponse(c.r, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.path(s.home, "f"), 1000); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes arrived and seem to be all", n)
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
}

func FuzzRange(f *testing.F) {
	for _, spec := range []string{"bytes=0-0", "bytes=-5", "bytes=5-", "bytes=1-2,4-5", "bytes=-", "bytes=9-1", "bytes=99999999999999999999-", "x=1-2"} {
		f.Add(spec, int64(10))
	}
	f.Fuzz(func(t *testing.T, spec string, size int64) {
		if size < 0 {
			return
		}
		ranges, err := parseRanges(spec, size)
		if err != nil && len(ranges) > 0 || len(ranges) > mostRanges {
			t.Fatalf("%d ranges, %v", len(ranges), err)
		}
		for _, r := range ranges {
			if r.start < 0 || r.length <= 0 || r.start+r.length > size || r.start+r.length < 0 {
				t.Errorf("range %+v of %d bytes", r, size)
			}
		}
	})
}
