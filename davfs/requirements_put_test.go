package davfs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// However an upload breaks off, the old version stays, with its ETag, and nothing is left over (PUT-1, PUT-2).
func TestPUT1_PUT2_BrokenOff(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/old", "old content")
	e := s.etag(t, "/dav/Home/old")
	const chunked = "Transfer-Encoding: chunked"
	for _, c := range []struct {
		name    string
		headers []string
		body    string
		end     func(*wire)
		status  int // 0: nobody hears the answer
	}{
		{"connection closed", []string{"Content-Length: 100"}, "half", func(c *wire) { c.Close() }, 0},
		{"connection reset", []string{"Content-Length: 100"}, "half", func(c *wire) { c.SetLinger(0); c.Close() }, 0},
		{"reset before the first byte", []string{"Content-Length: 100"}, "", func(c *wire) { c.SetLinger(0); c.Close() }, 0},
		{"sender's side closed", []string{"Content-Length: 100"}, "half", func(c *wire) { c.CloseWrite() }, 400},
		{"large body cut", []string{"Content-Length: 9000000"}, strings.Repeat("x", 3_000_000), func(c *wire) { c.CloseWrite() }, 400},
		{"chunks without end", []string{chunked}, "4\r\nhalf\r\n", func(c *wire) { c.CloseWrite() }, 400},
		{"chunks without end, closed", []string{chunked}, "4\r\nhalf\r\n", func(c *wire) { c.Close() }, 0},
		{"chunk cut", []string{chunked}, "ff\r\nhalf", func(c *wire) { c.CloseWrite() }, 400},
		{"last chunk without its line", []string{chunked}, "4\r\nhalf\r\n0", func(c *wire) { c.CloseWrite() }, 400},
		{"bad chunk length", []string{chunked}, "4\r\nhalf\r\nxyz\r\n", nil, 400},
		{"chunk longer than it says", []string{chunked}, "4\r\nhalf and more\r\n0\r\n\r\n", nil, 400},
		{"fewer than expected", []string{chunked, "X-Expected-Entity-Length: 5"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"more than expected", []string{chunked, "X-Expected-Entity-Length: 3"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"expected none", []string{chunked, "X-Expected-Entity-Length: 0"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"fewer than the total", []string{chunked, "OC-Total-Length: 5"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"total unlike length", []string{"Content-Length: 4", "OC-Total-Length: 5"}, "half", nil, 400},
		{"expected unlike length", []string{"Content-Length: 4", "X-Expected-Entity-Length: 3"}, "half", nil, 400},
		{"expected is no number", []string{chunked, "X-Expected-Entity-Length: many"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"expected is negative", []string{chunked, "X-Expected-Entity-Length: -4"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
		{"expected, two ways", []string{chunked, "X-Expected-Entity-Length: 4", "OC-Total-Length: 5"}, "4\r\nhalf\r\n0\r\n\r\n", nil, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, target := range []string{"/dav/Home/old", "/dav/Home/new"} {
				before := s.count()
				w := s.dial(t)
				w.send("PUT "+target, c.body, c.headers...)
				if c.end != nil {
					c.end(w)
				}
				if c.status > 0 {
					if a := w.answer("PUT"); a.status != c.status {
						t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
					}
				}
				s.await(before, 1)
			}
			if got := s.read(t, "/dav/Home/old"); got != "old content" || s.etag(t, "/dav/Home/old") != e {
				t.Errorf("the old version is %q, %s", got, s.etag(t, "/dav/Home/old"))
			}
			s.want(t, 404, "GET", "/dav/Home/new", "")
			s.sound(t)
		})
	}
}

// PUT-1: until the last byte is there everybody sees the old version.
func TestPUT1_OldUntilComplete(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/old", "old content")
	e := s.etag(t, "/dav/Home/old")
	listed := func() string { return s.want(t, 207, "PROPFIND", "/dav/Home/", propBody("D:getetag"), "Depth: 1").body }
	before := listed()
	for _, target := range []string{"/dav/Home/old", "/dav/Home/new"} {
		c := s.dial(t)
		c.send("PUT "+target, "", "Content-Length: 11", "Expect: 100-continue")
		if a := c.answer("PUT"); a.status != 100 { // the upload has begun
			t.Fatalf("status %d", a.status)
		}
		io.WriteString(c, "new conten")
		if s.read(t, "/dav/Home/old") != "old content" || s.etag(t, "/dav/Home/old") != e || listed() != before {
			t.Errorf("an unfinished PUT of %s shows", target)
		}
		s.want(t, 404, "GET", "/dav/Home/new", "")
		c.SetLinger(0)
		c.Close()
	}
}

// PUT-2: what comes in chunks is taken, with or without a length that is right.
func TestPUT2_Chunked(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n, headers := range [][]string{nil, {"X-Expected-Entity-Length: 8"}, {"OC-Total-Length: 8"}, {"X-Expected-Entity-Length: 8", "OC-Total-Length: 8"}} {
		c := s.dial(t)
		target := fmt.Sprint("/dav/Home/f", n)
		c.send("PUT "+target, "4\r\nhalf\r\n4\r\nmore\r\n0\r\n\r\n", append(headers, "Transfer-Encoding: chunked")...)
		if a := c.answer("PUT"); a.status != 201 || s.read(t, target) != "halfmore" {
			t.Errorf("%v: %d %s", headers, a.status, a.body)
		}
	}
	c := s.dial(t)
	c.send("PUT /dav/Home/empty", "0\r\n\r\n", "Transfer-Encoding: chunked")
	if a := c.answer("PUT"); a.status != 201 || s.read(t, "/dav/Home/empty") != "" {
		t.Errorf("empty: %d", a.status)
	}
}

// A client that has sent everything and closes its side still gets its file and its answer.
func TestPUT1_SenderClosesAfterLastByte(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n := range 20 {
		c := s.dial(t)
		target := fmt.Sprint("/dav/Home/f", n)
		c.send("PUT "+target, "whole", "Content-Length: 5")
		c.CloseWrite()
		if a := c.answer("PUT"); a.status != 201 {
			t.Fatalf("%d: %d %s", n, a.status, a.body)
		}
	}
}

// PUT-3: of parallel requests with the same condition exactly one changes the file.
func TestPUT3_ConditionsRace(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for round := range 12 {
		target := fmt.Sprint("/dav/Home/f", round)
		condition, won := "If-None-Match: *", 201
		if round%2 == 1 {
			e := s.want(t, 201, "PUT", target, "first").header.Get("ETag")
			condition, won = "If-Match: "+e, 204
			if round%4 == 3 {
				condition = "If: ([" + e + "])"
			}
		}
		var all sync.WaitGroup
		var done atomic.Int64
		for n := range 8 {
			all.Go(func() {
				switch a := s.do(t, "PUT", target, fmt.Sprint("version ", n), condition); a.status {
				case won:
					done.Add(1)
					if got := s.read(t, target); got != fmt.Sprint("version ", n) {
						t.Errorf("%s: %q was written, %q is there", condition, fmt.Sprint("version ", n), got)
					}
				case 412:
				default:
					t.Errorf("%s: %d %s", condition, a.status, a.body)
				}
			})
		}
		all.Wait()
		if done.Load() != 1 {
			t.Errorf("%s: %d of 8 succeeded", condition, done.Load())
		}
	}
}

// PUT-3: a condition that held when the upload began, and no longer does at its end, refuses it.
func TestPUT3_ConditionAtTheEnd(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	e := s.want(t, 201, "PUT", "/dav/Home/f", "first").header.Get("ETag")
	for _, c := range []struct{ target, condition string }{{"/dav/Home/f", "If-Match: " + e}, {"/dav/Home/new", "If-None-Match: *"}} {
		w := s.dial(t)
		w.send("PUT "+c.target, "", "Content-Length: 4", "Expect: 100-continue", c.condition)
		if a := w.answer("PUT"); a.status != 100 {
			t.Fatalf("%s: %d", c.condition, a.status)
		}
		s.do(t, "PUT", c.target, "between")
		io.WriteString(w, "late")
		if a := w.answer("PUT"); a.status != 412 || s.read(t, c.target) != "between" {
			t.Errorf("%s: %d, content %q", c.condition, a.status, s.read(t, c.target))
		}
	}
}

// What changes while an upload runs is asked again before the file becomes visible.
func TestPUT3_LockAndParentAtTheEnd(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, c := range []struct {
		name, target string
		between      func()
		status       int
	}{
		{"locked", "/dav/Home/f", func() { s.lock(t, "/dav/Home/f", "As: bob") }, 423},
		{"parent locked", "/dav/Home/l/new", func() { s.lock(t, "/dav/Home/l", "As: bob", "Depth: 0") }, 423},
		{"parent gone", "/dav/Home/p/new", func() { s.want(t, 204, "DELETE", "/dav/Home/p", "") }, 409},
		{"parent now a file", "/dav/Home/q/new", func() {
			s.want(t, 204, "DELETE", "/dav/Home/q", "")
			s.want(t, 201, "PUT", "/dav/Home/q", "")
		}, 409},
		{"now a collection", "/dav/Home/c", func() { s.want(t, 201, "MKCOL", "/dav/Home/c", "") }, 405},
	} {
		for _, dir := range []string{"l", "p", "q"} {
			s.do(t, "MKCOL", "/dav/Home/"+dir, "")
		}
		w := s.dial(t)
		w.send("PUT "+c.target, "", "Content-Length: 4", "Expect: 100-continue")
		if a := w.answer("PUT"); a.status != 100 {
			t.Fatalf("%s: %d", c.name, a.status)
		}
		c.between()
		io.WriteString(w, "late")
		if a := w.answer("PUT"); a.status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, a.status, c.status, a.body)
		}
		if a := s.do(t, "GET", c.target, ""); a.body == "late" {
			t.Errorf("%s: written all the same", c.name)
		}
	}
}

// refusal is a PUT that must be refused before its body is read.
type refusal struct {
	name, target string
	status       int
	headers      []string
}

func (s *site) refusals(t *testing.T) []refusal {
	s.want(t, 201, "PUT", "/dav/Home/f", "content")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/locked", "content")
	s.want(t, 201, "MKCOL", "/dav/Home/lockdir", "")
	s.want(t, 201, "PUT", "/dav/Shared/s", "theirs", "As: bob")
	s.lock(t, "/dav/Home/locked", "As: bob")
	s.lock(t, "/dav/Home/lockdir", "As: bob", "Depth: 0")
	return []refusal{
		{"not signed in", "/dav/Home/f", 401, []string{"Authorization: Basic eDp5"}},
		{"read only", "/dav/Shared/s", 403, nil},
		{"read only, new", "/dav/Shared/new", 403, nil},
		{"unknown folder", "/dav/Nowhere/f", 404, nil},
		{"hidden folder", "/dav/Secret/f", 404, nil},
		{"new folder", "/dav/Nowhere", 403, nil},
		{"list of folders", "/dav/", 403, nil},
		{"no parent", "/dav/Home/none/f", 409, nil},
		{"parent is a file", "/dav/Home/f/f", 409, nil},
		{"collection", "/dav/Home/d", 405, nil},
		{"collection with slash", "/dav/Home/d/", 405, nil},
		{"new with slash", "/dav/Home/new/", 409, nil},
		{"locked", "/dav/Home/locked", 423, nil},
		{"member of a locked collection", "/dav/Home/lockdir/f", 423, nil},
		{"If-Match", "/dav/Home/f", 412, []string{`If-Match: "other"`}},
		{"If-Match of nothing", "/dav/Home/new", 412, []string{"If-Match: *"}},
		{"If-None-Match", "/dav/Home/f", 412, []string{"If-None-Match: *"}},
		{"If-Unmodified-Since", "/dav/Home/f", 412, []string{"If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT"}},
		{"If", "/dav/Home/f", 412, []string{"If: (<urn:uuid:none>)"}},
		{"If with an error", "/dav/Home/f", 400, []string{"If: (<urn:uuid:none>"}},
		{"Content-Range, bad", "/dav/Home/f", 400, []string{"Content-Range: bytes 0-/10"}},
		{"Content-Range, past the end", "/dav/Home/f", 416, []string{"Content-Range: bytes 8-11/*"}},
		{"Content-Range, other length", "/dav/Home/f", 416, []string{"Content-Range: bytes 0-4/10"}},
		{"Content-Range, multipart", "/dav/Home/f", 415, []string{"Content-Range: bytes 0-3/10", "Content-Type: multipart/byteranges; boundary=x"}},
		{"Content-Encoding", "/dav/Home/f", 415, []string{"Content-Encoding: gzip"}},
		{"X-OC-Mtime", "/dav/Home/f", 400, []string{"X-OC-Mtime: yesterday"}},
		{"X-OC-Mtime, negative", "/dav/Home/f", 400, []string{"X-OC-Mtime: -1"}},
		{"X-OC-Mtime, fraction", "/dav/Home/f", 400, []string{"X-OC-Mtime: 1.5"}},
		{"too large", "/dav/Home/f", 413, []string{"Content-Length: 100000000"}},
		{"over the folder's bytes", "/dav/Small/f", 507, []string{"Content-Length: 1001"}},
		{"name", "/dav/Home/a%2Fb", 400, nil},
		{"name too long", "/dav/Home/" + strings.Repeat("n", 256), 400, nil},
		{"expected length", "/dav/Home/f", 400, []string{"X-Expected-Entity-Length: 5"}},
	}
}

// PUT-6: a client that waits for 100 gets the final status instead, and the file is as it was.
func TestPUT6_RefusedBeforeTheBody(t *testing.T) {
	s := newSite(t, HandlerOptions{MaxFileSize: 50_000_000}, Options{})
	for _, c := range s.refusals(t) {
		t.Run(c.name, func(t *testing.T) {
			headers := append([]string{"Expect: 100-continue"}, c.headers...)
			if !strings.Contains(strings.Join(c.headers, " "), "Content-Length") {
				headers = append(headers, "Content-Length: 4")
			}
			w := s.dial(t)
			if strings.HasPrefix(c.name, "not signed in") {
				io.WriteString(w, "PUT "+c.target+" HTTP/1.1\r\nHost: x\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n")
			} else {
				w.send("PUT "+c.target, "", headers...)
			}
			a := w.answer("PUT")
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			if a.header["Dav"] == nil || a.header["Ms-Author-Via"] == nil {
				t.Errorf("header %v", a.header) // MET-2
			}
			if c.status == 401 && a.header.Get("WWW-Authenticate") == "" || c.status == 405 && a.header.Get("Allow") == "" {
				t.Errorf("header %v", a.header)
			}
		})
	}
	if s.read(t, "/dav/Home/f") != "content" || s.read(t, "/dav/Shared/s") != "theirs" || s.read(t, "/dav/Home/locked") != "content" {
		t.Error("a refused PUT changed something")
	}
	s.want(t, 404, "GET", "/dav/Home/new", "")
	// And one that is taken gets 100 first.
	w := s.dial(t)
	w.send("PUT /dav/Home/f", "", "Expect: 100-continue", "Content-Length: 4")
	if a := w.answer("PUT"); a.status != 100 {
		t.Fatalf("status %d, want 100", a.status)
	}
	io.WriteString(w, "next")
	if a := w.answer("PUT"); a.status != 204 {
		t.Errorf("status %d", a.status)
	}
}

// PUT-6: after a refusal the connection serves the next request.
func TestPUT6_ConnectionAfterRefusal(t *testing.T) {
	s := newSite(t, HandlerOptions{MaxFileSize: 50_000_000}, Options{})
	w := s.dial(t)
	for _, c := range s.refusals(t) {
		if strings.Contains(strings.Join(c.headers, " "), "Content-Length") || c.status == 401 {
			continue
		}
		w.send("PUT "+c.target, strings.Repeat("x", 5000), append(c.headers, "Content-Length: 5000")...)
		if a := w.answer("PUT"); a.status != c.status {
			t.Fatalf("%s: %d", c.name, a.status)
		}
		w.send("GET /dav/Home/f", "")
		if a := w.answer("GET"); a.status != 200 || a.body != "content" {
			t.Fatalf("after %s: %d %q", c.name, a.status, a.body)
		}
	}
	// What is too long to be read for nothing ends the connection, after an answer that can be read.
	w = s.dial(t)
	w.send("PUT /dav/Shared/s", "", "Content-Length: 20000000")
	var sender sync.WaitGroup
	sender.Go(func() { w.Write(make([]byte, 20_000_000)) })
	defer sender.Wait()
	if a := w.answer("PUT"); a.status != 403 {
		t.Errorf("status %d", a.status)
	}
}

// PUT-8: the mode of a replaced file is kept, a new one has the configured mode.
func TestPUT8_Mode(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{Modes: Modes{File: 0o640, Dir: 0o750, UID: -1, GID: -1}})
	mode := func(name string) os.FileMode {
		i, err := os.Stat(s.path(s.home, name))
		if err != nil {
			t.Fatal(err)
		}
		return i.Mode().Perm()
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "1")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	if mode("f") != 0o640 || mode("d") != 0o750 {
		t.Errorf("modes %v, %v", mode("f"), mode("d"))
	}
	if err := os.Chmod(s.path(s.home, "f"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.want(t, 204, "PUT", "/dav/Home/f", "2")
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/g")
	s.want(t, 201, "MOVE", "/dav/Home/f", "", "Destination: /dav/Other/h")
	i, err := os.Stat(s.path(s.other, "h"))
	if err != nil || i.Mode().Perm() != 0o755 || mode("g") != 0o755 {
		t.Errorf("moved %v, %v, copied %v", i.Mode(), err, mode("g"))
	}
}

func TestPUT9_ClientTime(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	a := s.want(t, 201, "PUT", "/dav/Home/f", "1", "X-OC-Mtime: 1000000000")
	if a.header.Get("X-OC-Mtime") != "accepted" || a.header.Get("Last-Modified") != "Sun, 09 Sep 2001 01:46:40 GMT" {
		t.Errorf("header %v", a.header)
	}
	if i, err := os.Stat(s.path(s.home, "f")); err != nil || i.ModTime().Unix() != 1_000_000_000 {
		t.Errorf("on disk %v, %v", i.ModTime(), err)
	}
}

// PUT-11: a lock does not expire while an upload with its token runs.
func TestPUT11_LockLastsForTheUpload(t *testing.T) {
	var skipped atomic.Int64
	s := newSite(t, HandlerOptions{}, Options{Now: func() time.Time { return time.Now().Add(time.Duration(skipped.Load())) }})
	token := s.lock(t, "/dav/Home/f", "Timeout: Second-60")
	w := s.dial(t)
	w.send("PUT /dav/Home/f", "", "Expect: 100-continue", "Content-Length: 4", "If: (<"+token+">)")
	if a := w.answer("PUT"); a.status != 100 {
		t.Fatal(a.status)
	}
	skipped.Store(int64(3 * time.Hour))
	s.expireLocks()
	s.want(t, 423, "PUT", "/dav/Home/f", "theirs", "As: bob")
	io.WriteString(w, "mine")
	if a := w.answer("PUT"); a.status != 204 || s.read(t, "/dav/Home/f") != "mine" {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

// STA-2: a chunked body that grows over the limit is refused when it does.
// A PUT may name its lock in Lock-Token, as Office does. It opens what the token in If would, and no more.
func TestCLI3_PutWithLockToken(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "old")
	token := s.lock(t, "/dav/Home/f")
	other := s.lock(t, "/dav/Home/other")
	foreign := s.lock(t, "/dav/Home/foreign", "As: bob")
	for _, c := range []struct {
		name, target string
		status       int
		headers      []string
	}{
		{"another file's", "/dav/Home/f", 412, []string{"Lock-Token: <" + other + ">"}},
		{"unknown", "/dav/Home/f", 412, []string{"Lock-Token: <urn:uuid:00000000-0000-4000-8000-000000000000>"}},
		{"no token", "/dav/Home/f", 423, []string{"Lock-Token: " + token}},
		{"another user's", "/dav/Home/foreign", 423, []string{"Lock-Token: <" + foreign + ">"}},
		{"If counts", "/dav/Home/f", 412, []string{"Lock-Token: <" + token + ">", "If: (<" + other + ">)"}},
		{"right", "/dav/Home/f", 204, []string{"Lock-Token: <" + token + ">"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.want(t, c.status, "PUT", c.target, "new", c.headers...)
		})
	}
	if got := s.read(t, "/dav/Home/f"); got != "new" {
		t.Errorf("the file is %q", got)
	}
	s.want(t, 423, "DELETE", "/dav/Home/f", "", "Lock-Token: <"+token+">")
}

func TestSTA2_SizeLimit(t *testing.T) {
	s := newSite(t, HandlerOptions{MaxFileSize: 100}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", strings.Repeat("x", 100))
	s.want(t, 413, "PUT", "/dav/Home/f", strings.Repeat("y", 101))
	w := s.dial(t)
	w.send("PUT /dav/Home/f", "65\r\n"+strings.Repeat("y", 101)+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
	if a := w.answer("PUT"); a.status != 413 {
		t.Errorf("status %d", a.status)
	}
	if s.read(t, "/dav/Home/f") != strings.Repeat("x", 100) {
		t.Error("the file changed")
	}
}
