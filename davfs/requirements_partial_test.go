package davfs

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

const updateBody = "Content-Type: " + updateType

// part are the headers of a PATCH.
func part(spec string, more ...string) []string {
	return append([]string{updateBody, "X-Update-Range: " + spec}, more...)
}

// MET-3: the classes, and what is complete beyond them.
func TestMET3_Classes(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	a := s.want(t, 200, "OPTIONS", "/dav/Home/", "")
	classes := strings.Split(a.header.Get("DAV"), ", ")
	if len(classes) < 2 || classes[0] != "1" || classes[1] != "2" || !slices.Contains(classes, "3") || !slices.Contains(classes, "sabredav-partialupdate") || !slices.Contains(classes, "extended-mkcol") || len(a.header["Dav"]) != 1 {
		t.Errorf("DAV: %q", a.header["Dav"])
	}
	if got := a.header.Get("Accept-Patch"); got != updateType {
		t.Errorf("Accept-Patch: %q", got)
	}
	if !slices.Contains(strings.Split(a.header.Get("Allow"), ", "), "PATCH") {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
}

// PAR-1, PUT-7: what becomes of 1234567890 when ---- is written.
func TestPAR1_Ranges(t *testing.T) {
	s := newSite(t, HandlerOptions{MaxFileSize: 1000}, Options{})
	const old = "1234567890"
	for _, c := range []struct {
		spec   string // of PATCH; of PUT if it begins with "bytes "
		status int
		want   string
	}{
		// The examples of https://sabre.io/dav/http-patch/, but for the one that leaves a gap.
		{"bytes=0-3", 204, "----567890"}, {"bytes=1-4", 204, "1----67890"}, {"bytes=0-", 204, "----567890"}, {"bytes=-4", 204, "123456----"},
		{"bytes=-2", 204, "12345678----"}, {"bytes=2-", 204, "12----7890"}, {"append", 204, "1234567890----"}, {"bytes=12-", 416, ""},
		{"bytes=6-9", 204, "123456----"}, {"bytes=8-11", 204, "12345678----"}, {"bytes=10-13", 204, "1234567890----"}, {"bytes=11-14", 416, ""},
		{"bytes=10-", 204, "1234567890----"}, {"bytes=-10", 204, "----567890"}, {"bytes=-11", 416, ""}, {"bytes=-0", 204, "1234567890----"}, {"APPEND", 204, "1234567890----"},
		{"bytes=0-2", 416, ""}, {"bytes=0-4", 416, ""}, {"bytes=3-0", 416, ""}, {"bytes=0-9223372036854775806", 416, ""}, {"bytes=9223372036854775806-", 416, ""},
		{"", 400, ""}, {"bytes", 400, ""}, {"bytes=", 400, ""}, {"bytes=-", 400, ""}, {"bytes=a-b", 400, ""}, {"bytes=0-3,5-8", 400, ""}, {"bytes 0-3", 400, ""}, {"lines=0-3", 400, ""},
		{"bytes=+0-3", 400, ""}, {"bytes=0 - 3", 400, ""}, {"bytes=9223372036854775808-", 400, ""}, {"prepend", 400, ""},

		{"bytes 0-3/*", 204, "----567890"}, {"bytes 0-3/10", 204, "----567890"}, {"bytes 1-4/10", 204, "1----67890"}, {"bytes 8-11/12", 204, "12345678----"}, {"bytes 10-13/14", 204, "1234567890----"},
		{"Bytes 10-13/100", 204, "1234567890----"}, {"bytes 10-13/*", 204, "1234567890----"}, {"bytes 11-14/*", 416, ""}, {"bytes 11-14/15", 416, ""},
		{"bytes 0-2/10", 416, ""}, {"bytes 0-4/10", 416, ""}, {"bytes 0-3/9", 400, ""}, {"bytes 0-3/3", 400, ""}, {"bytes 0-3/0", 400, ""}, {"bytes */10", 400, ""}, {"bytes 3-0/10", 400, ""},
		{"bytes 0-3", 400, ""}, {"bytes 0-/10", 400, ""}, {"bytes -3/10", 400, ""}, {"bytes 0-3/x", 400, ""}, {"bytes 0-3/-1", 400, ""}, {"bytes ", 400, ""}, {"pages 0-3/10", 400, ""},
		{"bytes 0-3/10, bytes 0-3/10", 400, ""}, {"bytes 0-3/9223372036854775808", 400, ""}, {"bytes 0-9223372036854775807/*", 400, ""},
	} {
		t.Run(c.spec, func(t *testing.T) {
			s.do(t, "PUT", "/dav/Home/f", old)
			e := s.etag(t, "/dav/Home/f")
			method, headers := "PATCH", part(c.spec)
			if strings.Contains(c.spec, "ytes ") && c.spec != "bytes 0-3" || strings.HasPrefix(c.spec, "pages") {
				method, headers = "PUT", []string{"Content-Range: " + c.spec}
			}
			a := s.do(t, method, "/dav/Home/f", "----", headers...)
			if a.status != c.status {
				t.Fatalf("%s: status %d, want %d: %s", method, a.status, c.status, a.body)
			}
			want := c.want
			if c.status != 204 {
				want = old
			}
			if got := s.read(t, "/dav/Home/f"); got != want {
				t.Errorf("%s: %q, want %q", method, got, want)
			}
			now := s.etag(t, "/dav/Home/f")
			if (now == e) != (c.status != 204) || c.status == 204 && a.header.Get("ETag") != now {
				t.Errorf("%s: ETag %s was %s, answered %s", method, now, e, a.header.Get("ETag"))
			}
		})
	}
	s.want(t, 400, "PUT", "/dav/Home/f", "----", "Content-Range: bytes 0-3/10", "Content-Range: bytes 0-3/10")
	s.want(t, 400, "PATCH", "/dav/Home/f", "----", part("append", "X-Update-Range: append")...)
	s.want(t, 400, "PATCH", "/dav/Home/f", "----", updateBody)
	// What has no bytes changes none.
	s.do(t, "PUT", "/dav/Home/f", old)
	s.want(t, 204, "PATCH", "/dav/Home/f", "", part("append", "Content-Length: 0")...)
	if got := s.read(t, "/dav/Home/f"); got != old {
		t.Errorf("after an empty part: %q", got)
	}
	// The limit is on the file, not on the part.
	s.do(t, "PUT", "/dav/Home/f", strings.Repeat("x", 999))
	s.want(t, 413, "PATCH", "/dav/Home/f", "ab", part("append")...)
	s.want(t, 204, "PATCH", "/dav/Home/f", "a", part("append")...)
	s.want(t, 413, "PUT", "/dav/Home/f", "a", "Content-Range: bytes 1000-1000/*")
}

// PAR-1: the type, the length, and what is not there.
func TestPAR1_Refusals(t *testing.T) {
	s := newSite(t, HandlerOptions{MaxFileSize: 50_000_000}, Options{})
	for _, c := range append(s.refusals(t)[:8], []refusal{ // those that are no matter of PUT alone
		{"read only", "/dav/Shared/s", 403, nil},
		{"locked", "/dav/Home/locked", 423, nil},
		{"collection", "/dav/Home/d", 405, nil},
		{"If-Match", "/dav/Home/f", 412, []string{`If-Match: "other"`}},
		{"If-Unmodified-Since", "/dav/Home/f", 412, []string{"If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT"}},
		{"missing", "/dav/Home/none", 404, nil},
		{"another type", "/dav/Home/f", 415, []string{"Content-Type: application/octet-stream"}},
		{"no type", "/dav/Home/f", 415, []string{"Content-Type: "}},
		{"multipart", "/dav/Home/f", 415, []string{"Content-Type: multipart/byteranges; boundary=x"}},
		{"Content-Encoding", "/dav/Home/f", 415, []string{"Content-Encoding: gzip"}},
		{"no length", "/dav/Home/f", 411, []string{"Transfer-Encoding: chunked"}},
		{"X-OC-Mtime", "/dav/Home/f", 400, []string{"X-OC-Mtime: yesterday"}},
		{"too large", "/dav/Home/f", 413, []string{"Content-Length: 100000000"}},
		{"a little too large", "/dav/Home/f", 413, []string{"Content-Length: 49999999"}},
		{"over the folder's bytes", "/dav/Small/f", 507, []string{"Content-Length: 1000"}},
		{"with slash", "/dav/Home/f/", 409, nil},
	}...) {
		switch c.name {
		case "read only, new", "unknown folder", "hidden folder", "new folder", "list of folders", "no parent", "parent is a file":
			continue // PATCH makes nothing
		}
		s.do(t, "PUT", "/dav/Small/f", "x")
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Expect: 100-continue", "X-Update-Range: append"}
			all := strings.Join(c.headers, " ")
			if !strings.Contains(all, "Content-Length") && !strings.Contains(all, "chunked") {
				headers = append(headers, "Content-Length: 4")
			}
			if !strings.Contains(all, "Content-Type") {
				headers = append(headers, updateBody+"; charset=x")
			}
			w := s.dial(t)
			if c.name == "not signed in" {
				io.WriteString(w, "PATCH "+c.target+" HTTP/1.1\r\nHost: x\r\n"+strings.Join(append(headers, c.headers...), "\r\n")+"\r\n\r\n")
			} else {
				w.send("PATCH "+c.target, "", append(headers, c.headers...)...)
			}
			a := w.answer("PATCH")
			if a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if a.status == 415 && c.name != "Content-Encoding" && a.header.Get("Accept-Patch") != updateType {
				t.Errorf("header %v", a.header)
			}
		})
	}
	if s.read(t, "/dav/Home/f") != "content" || s.read(t, "/dav/Shared/s") != "theirs" || s.read(t, "/dav/Home/locked") != "content" {
		t.Error("a refused PATCH changed something")
	}
	s.want(t, 404, "GET", "/dav/Home/none", "")
	w := s.dial(t)
	w.send("PUT /dav/Home/f", "4\r\nmore\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Range: bytes 0-3/*")
	if a := w.answer("PUT"); a.status != 411 {
		t.Errorf("PUT without length: %d", a.status)
	}
	// A chunked body whose length is told in another way has one.
	w = s.dial(t)
	w.send("PUT /dav/Home/f", "4\r\nmore\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "X-Expected-Entity-Length: 4", "Content-Range: bytes 0-3/*")
	if a := w.answer("PUT"); a.status != 204 || s.read(t, "/dav/Home/f") != "moreent" {
		t.Errorf("PUT in chunks: %d, %q", a.status, s.read(t, "/dav/Home/f"))
	}
}

// PAR-1: only a PUT from the first byte on makes a file.
func TestPAR1_PUT7_NewFile(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 416, "PUT", "/dav/Home/f", "abc", "Content-Range: bytes 1-3/*")
	s.want(t, 404, "PATCH", "/dav/Home/f", "abc", part("bytes=0-")...)
	s.want(t, 404, "GET", "/dav/Home/f", "")
	s.want(t, 409, "PUT", "/dav/Home/none/f", "abc", "Content-Range: bytes 0-2/*")
	a := s.want(t, 201, "PUT", "/dav/Home/f", "abc", "Content-Range: bytes 0-2/6", "X-OC-Mtime: 1000000000")
	if s.read(t, "/dav/Home/f") != "abc" || a.header.Get("ETag") != s.etag(t, "/dav/Home/f") || a.header.Get("X-OC-Mtime") != "accepted" || a.header.Get("Last-Modified") != "Sun, 09 Sep 2001 01:46:40 GMT" {
		t.Errorf("made: %q %v", s.read(t, "/dav/Home/f"), a.header)
	}
	s.want(t, 412, "PUT", "/dav/Home/f", "xyz", "Content-Range: bytes 0-2/6", "If-None-Match: *")
	s.want(t, 204, "PUT", "/dav/Home/f", "def", "Content-Range: bytes 3-5/6", "If-Match: "+a.header.Get("ETag"))
	if got := s.read(t, "/dav/Home/f"); got != "abcdef" {
		t.Errorf("%q", got)
	}
}

// PAR-1: mode, dead properties, and other locks are as after a PUT; the token is needed.
func TestPAR1_KeepsTheRest(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "0123456789")
	s.want(t, 207, "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>kept</Z:a>")))
	if err := os.Chmod(s.path(s.home, "f"), 0o640); err != nil {
		t.Fatal(err)
	}
	token := s.lock(t, "/dav/Home/f")
	s.want(t, 423, "PATCH", "/dav/Home/f", "ab", part("append")...)
	s.want(t, 423, "PUT", "/dav/Home/f", "ab", "Content-Range: bytes 0-1/*")
	s.want(t, 423, "PATCH", "/dav/Home/f", "ab", part("append", "As: bob", "If: (<"+token+">)")...)
	s.want(t, 204, "PATCH", "/dav/Home/f", "ab", part("append", "If: (<"+token+">)")...)
	s.want(t, 204, "PUT", "/dav/Home/f", "cd", "Content-Range: bytes 0-1/*", "If: (<"+token+">)")
	if got := s.read(t, "/dav/Home/f"); got != "cd23456789ab" {
		t.Errorf("content %q", got)
	}
	if got := s.dead(t, "/dav/Home/f"); got != "kept" {
		t.Errorf("dead property %q", got)
	}
	if i, err := os.Stat(s.path(s.home, "f")); err != nil || i.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", i.Mode(), err)
	}
	s.want(t, 423, "DELETE", "/dav/Home/f", "") // it is still locked
}

// PAR-1: large files, and parts at every kind of place.
func TestPAR1_Large(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	want := random(5_000_000)
	s.want(t, 201, "PUT", "/dav/Home/f", string(want))
	for _, r := range [][2]int{{0, 4096}, {1, 1}, {4096, 4096}, {4_999_999, 1}, {4_999_999, 2_000_000}, {100, 6_999_899}, {3_000_001, 1_000_003}, {6_999_999, 300_000}} {
		b := random(r[1])
		s.want(t, 204, "PUT", "/dav/Home/f", string(b), fmt.Sprintf("Content-Range: bytes %d-%d/*", r[0], r[0]+r[1]-1))
		want = append(want[:r[0]:r[0]], append(slices.Clone(b), want[min(len(want), r[0]+r[1]):]...)...)
		if got := s.read(t, "/dav/Home/f"); !bytes.Equal([]byte(got), want) {
			t.Fatalf("%v: %d bytes, want %d, or others", r, len(got), len(want))
		}
		s.sound(t)
	}
}

// PAR-1: of parts that come side by side none is lost, and none is torn.
func TestPAR1_ParallelAppends(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, length := range []int{10, 300_000} { // more than one buffer
		target := fmt.Sprint("/dav/Home/f", length)
		s.want(t, 201, "PUT", target, "begin")
		const n = 16
		// All bodies are under way before one of them ends.
		var wires []*wire
		var want []string
		for i := range n {
			body := strings.Repeat(string(rune('a'+i)), length+i)
			want = append(want, body)
			w := s.dial(t)
			w.send("PATCH "+target, "", part("append", fmt.Sprint("Content-Length: ", len(body)), "Expect: 100-continue")...)
			if a := w.answer("PATCH"); a.status != 100 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			io.WriteString(w, body[:len(body)-1])
			wires = append(wires, w)
		}
		var all sync.WaitGroup
		for i, w := range wires {
			all.Go(func() {
				io.WriteString(w, want[i][:1])
				if a := w.answer("PATCH"); a.status != 204 {
					t.Errorf("append %d: %d %s", i, a.status, a.body)
				}
			})
		}
		all.Wait()
		got := s.read(t, target)
		for _, body := range want {
			if strings.Count(got, body) != 1 {
				t.Errorf("%d times %d of %q", strings.Count(got, body), len(body), body[:1])
			}
			got = strings.Replace(got, body, "", 1)
		}
		if got != "begin" {
			t.Errorf("left: %d bytes", len(got))
		}
		s.sound(t)
	}
}

// PAR-1: each of many parts at a place of its own arrives, also between whole versions.
func TestPAR1_ParallelParts(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const n, size = 12, 1000
	s.want(t, 201, "PUT", "/dav/Home/f", strings.Repeat(".", n*size))
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			a := s.do(t, "PUT", "/dav/Home/f", strings.Repeat(string(rune('a'+i)), size), fmt.Sprintf("Content-Range: bytes %d-%d/%d", i*size, i*size+size-1, n*size))
			if a.status != 204 {
				t.Errorf("part %d: %d %s", i, a.status, a.body)
			}
		})
	}
	all.Wait()
	got := s.read(t, "/dav/Home/f")
	for i := range n {
		if got[i*size:(i+1)*size] != strings.Repeat(string(rune('a'+i)), size) {
			t.Errorf("part %d is %.10q", i, got[i*size:])
		}
	}
}

// PAR-1: while the body of a part comes the file is replaced, shortened, removed or changed with a condition.
func TestPAR1_ChangedMeanwhile(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n, c := range []struct {
		name    string
		headers []string
		change  func(target string)
		status  int
		want    string
	}{
		{"replaced", part("bytes=2-3"), func(f string) { s.want(t, 204, "PUT", f, "abcdefghijkl") }, 204, "ab--efghijkl"},
		{"replaced, append", part("append"), func(f string) { s.want(t, 204, "PUT", f, "abc") }, 204, "abc--"},
		{"replaced, from the end", part("bytes=-3"), func(f string) { s.want(t, 204, "PUT", f, "abcdefghijkl") }, 204, "abcdefghi--l"},
		{"appended to, from the end", part("bytes=-1"), func(f string) { s.want(t, 204, "PATCH", f, "abc", part("append")...) }, 204, "1234567890ab--"},
		{"shortened below the part", part("bytes=8-9"), func(f string) { s.want(t, 204, "PUT", f, "abc") }, 416, "abc"},
		{"emptied, append", part("append"), func(f string) { s.want(t, 204, "PUT", f, "") }, 204, "--"},
		{"removed", part("append"), func(f string) { s.want(t, 204, "DELETE", f, "") }, 404, ""},
		{"removed and made", part("bytes=1-2"), func(f string) { s.want(t, 204, "DELETE", f, ""); s.want(t, 201, "PUT", f, "abcd") }, 204, "a--d"},
		{"became a collection", part("append"), func(f string) { s.want(t, 204, "DELETE", f, ""); s.want(t, 201, "MKCOL", f, "") }, 405, ""},
		{"locked", part("append"), func(f string) { s.lock(t, f) }, 423, "1234567890"},
		{"If-Match", part("append", "If-Match: ETAG"), func(f string) { s.want(t, 204, "PUT", f, "abc") }, 412, "abc"},
		{"If-Match holds", part("append", "If-Match: ETAG"), func(f string) {}, 204, "1234567890--"},
		{"other mode", part("append"), func(f string) {
			if err := os.Chmod(s.path(s.home, strings.TrimPrefix(f, "/dav/Home/")), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 204, "1234567890--"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := fmt.Sprint("/dav/Home/f", n)
			s.want(t, 201, "PUT", target, "1234567890")
			headers := slices.Clone(c.headers)
			for i := range headers {
				headers[i] = strings.Replace(headers[i], "ETAG", s.etag(t, target), 1)
			}
			w := s.dial(t)
			w.send("PATCH "+target, "", append(headers, "Content-Length: 2", "Expect: 100-continue")...)
			if a := w.answer("PATCH"); a.status != 100 {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			io.WriteString(w, "-")
			c.change(target)
			io.WriteString(w, "-")
			if a := w.answer("PATCH"); a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if c.want != "" {
				if got := s.read(t, target); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			} else if a := s.do(t, "GET", target, ""); a.status == 200 && strings.Contains(a.body, "--") {
				t.Errorf("there is %q", a.body)
			}
			s.sound(t)
		})
	}
}

// PAR-1: appends beside whole uploads and removals; what is there at the end is a whole of wholes.
func TestPAR1_AppendsBesideUploads(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "[0]")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 8 {
				if a := s.do(t, "PATCH", "/dav/Home/f", fmt.Sprintf("(%d.%d)", i, j), part("append")...); a.status != 204 && a.status != 404 && a.status != 503 {
					t.Errorf("append: %d %s", a.status, a.body)
				}
			}
		})
	}
	all.Go(func() {
		for j := range 8 {
			if a := s.do(t, "PUT", "/dav/Home/f", fmt.Sprintf("[%d]", j)); a.status/100 != 2 {
				t.Errorf("put: %d %s", a.status, a.body)
			}
			if j%4 == 3 {
				s.do(t, "DELETE", "/dav/Home/f", "")
			}
		}
		s.do(t, "PUT", "/dav/Home/f", "[x]")
	})
	all.Wait()
	got := s.read(t, "/dav/Home/f")
	if !strings.HasPrefix(got, "[x]") || strings.Count(got, "[") != 1 || strings.Count(got, "(") != strings.Count(got, ")") {
		t.Errorf("%q", got)
	}
}

// PAR-1: the limit is met to the byte, by parts that come one after the other and side by side.
func TestPAR1_Quota(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Small/f", strings.Repeat("f", 900))
	if a := s.want(t, 507, "PATCH", "/dav/Small/f", strings.Repeat("x", 101), part("append")...); !strings.Contains(a.body, "quota-not-exceeded") || !strings.Contains(a.body, "1 missing") {
		t.Errorf("%s", a.body)
	}
	s.want(t, 507, "PUT", "/dav/Small/f", strings.Repeat("x", 151), "Content-Range: bytes 850-1000/*")
	s.want(t, 204, "PUT", "/dav/Small/f", strings.Repeat("x", 150), "Content-Range: bytes 850-999/*") // now 1000
	s.want(t, 507, "PATCH", "/dav/Small/f", "x", part("append")...)
	s.want(t, 204, "PATCH", "/dav/Small/f", strings.Repeat("y", 1000), part("bytes=0-999")...) // what does not grow needs no room
	s.sound(t)
	s.want(t, 204, "PUT", "/dav/Small/f", "")
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 20 {
		all.Go(func() {
			switch a := s.do(t, "PATCH", "/dav/Small/f", strings.Repeat("z", 90), part("append")...); a.status {
			case 204:
				mu.Lock()
				done++
				mu.Unlock()
			case 507:
			default:
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if got := s.read(t, "/dav/Small/f"); len(got) != 90*done || done == 0 || done > 11 {
		t.Errorf("%d bytes after %d appends", len(got), done)
	}
	// A file that became shorter meanwhile makes the part larger than was reserved for it.
	s.want(t, 204, "PUT", "/dav/Small/f", strings.Repeat("f", 600))
	w := s.dial(t)
	w.send("PATCH /dav/Small/f", strings.Repeat("-", 599), part("bytes=0-599", "Content-Length: 600")...)
	s.want(t, 204, "PUT", "/dav/Small/f", "f")
	s.want(t, 201, "PUT", "/dav/Small/g", strings.Repeat("g", 500))
	io.WriteString(w, "-")
	if a := w.answer("PATCH"); a.status != 507 || s.read(t, "/dav/Small/f") != "f" {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	s.sound(t)
}

// PAR-1: however a part breaks off, the file is as it was.
func TestPAR1_BrokenOff(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "old content")
	e := s.etag(t, "/dav/Home/f")
	for _, c := range []struct {
		name   string
		end    func(*wire)
		status int
	}{
		{"closed", func(w *wire) { w.Close() }, 0},
		{"reset", func(w *wire) { w.SetLinger(0); w.Close() }, 0},
		{"sender's side closed", func(w *wire) { w.CloseWrite() }, 400},
	} {
		for _, request := range []string{"PATCH", "PUT", "PUT new"} {
			t.Run(c.name+" "+request, func(t *testing.T) {
				before := s.count()
				w := s.dial(t)
				switch request {
				case "PATCH":
					w.send("PATCH /dav/Home/f", strings.Repeat("x", 50), part("bytes=0-99", "Content-Length: 100")...)
				case "PUT":
					w.send("PUT /dav/Home/f", strings.Repeat("x", 50), "Content-Range: bytes 4-103/104", "Content-Length: 100")
				default:
					w.send("PUT /dav/Home/new", strings.Repeat("x", 50), "Content-Range: bytes 0-99/*", "Content-Length: 100")
				}
				c.end(w)
				if c.status > 0 {
					if a := w.answer("PUT"); a.status != c.status {
						t.Errorf("status %d, want %d", a.status, c.status)
					}
				}
				s.await(before, 1)
				if got := s.read(t, "/dav/Home/f"); got != "old content" || s.etag(t, "/dav/Home/f") != e {
					t.Errorf("%q", got)
				}
				s.want(t, 404, "GET", "/dav/Home/new", "")
				s.sound(t)
			})
		}
	}
}

// CLI-8: Cyberduck (DAVWriteFeature of iterate-ch/cyberduck) asks HEAD for the size and sends the rest with
// Content-Range "bytes SIZE-LAST/WHOLE" and Expect. It does so after an upload that was interrupted.
func TestCLI8_Cyberduck(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	whole := strings.Repeat("0123456789abcdef", 40_000)
	send := func(target string, from int) answered {
		w := s.dial(t)
		headers := []string{fmt.Sprint("Content-Length: ", len(whole)-from), "Expect: 100-continue"}
		if from > 0 {
			headers = append(headers, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, len(whole)-1, len(whole)))
		}
		w.send("PUT "+target, "", headers...)
		if a := w.answer("PUT"); a.status != 100 {
			return a
		}
		go io.WriteString(w, whole[from:])
		return w.answer("PUT")
	}
	size := func(target string) int {
		a := s.do(t, "HEAD", target, "")
		if a.status == 404 {
			return 0
		}
		var n int
		if _, err := fmt.Sscan(a.header.Get("Content-Length"), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// A PUT that breaks off leaves nothing, so the client begins anew.
	before := s.count()
	w := s.dial(t)
	w.send("PUT /dav/Home/a", whole[:300_000], fmt.Sprint("Content-Length: ", len(whole)))
	w.Close()
	s.await(before, 1)
	if a := send("/dav/Home/a", size("/dav/Home/a")); a.status != 201 || s.read(t, "/dav/Home/a") != whole {
		t.Errorf("begun anew: %d", a.status)
	}
	// What is there in part is continued; a break in the second half changes nothing, and then it is continued again.
	s.want(t, 201, "PUT", "/dav/Home/b", whole[:100_001])
	before = s.count()
	w = s.dial(t)
	w.send("PUT /dav/Home/b", whole[100_001:300_000], fmt.Sprint("Content-Length: ", len(whole)-100_001), fmt.Sprintf("Content-Range: bytes 100001-%d/%d", len(whole)-1, len(whole)))
	w.SetLinger(0)
	w.Close()
	s.await(before, 1)
	if n := size("/dav/Home/b"); n != 100_001 {
		t.Fatalf("%d bytes after a broken part", n)
	}
	if a := send("/dav/Home/b", size("/dav/Home/b")); a.status != 204 || s.read(t, "/dav/Home/b") != whole {
		t.Errorf("continued: %d", a.status)
	}
	// A file that somebody made longer meanwhile is not the one that is continued.
	s.want(t, 204, "PATCH", "/dav/Home/b", "more", part("append")...)
	s.want(t, 400, "PUT", "/dav/Home/b", whole[600_000:], fmt.Sprintf("Content-Range: bytes 600000-%d/%d", len(whole)-1, len(whole)))
}
