package davfs

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"davit/store"
)

// under puts something between the limits of an open folder and its disk, for the rest of the test.
func (s *site) under(t testing.TB, f store.Folder, wrap func(fileSystem) fileSystem) {
	t.Helper()
	open, err := s.open(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	disk := open.fs.fileSystem
	open.fs.fileSystem = wrap(disk)
	s.restore = append(s.restore, func() {
		open.fs.fileSystem = disk
		open.release()
	})
}

// ARC-7: locks are the folder's, under whatever name a user has it.
func TestARC7_LocksAreThePlaces(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for i := range s.mounts["bob"] {
		if m := &s.mounts["bob"][i]; m.Folder.ID == s.home.ID {
			m.Name = "Home (of ann)"
		}
	}
	const bobs = "/dav/Home%20(of%20ann)/"
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "f")
	token := s.lock(t, "/dav/Home/d")
	for _, root := range []string{bobs, "/dav/" + s.home.ID + "/"} {
		s.want(t, 404, "GET", "/dav/Home/d/f", "", "As: bob")
		a := s.want(t, 423, "PUT", root+"d/f", "x", "As: bob")
		if !strings.Contains(a.body, "<D:href>"+root+"d/</D:href>") {
			t.Errorf("the lock is named as %s", a.body) // as the one who asks knows it
		}
		found := s.want(t, 207, "PROPFIND", root+"d/f", propBody("D:lockdiscovery"), "Depth: 0", "As: bob").body
		if !strings.Contains(found, "<D:lockroot><D:href>"+root+"d/</D:href>") || strings.Contains(found, token) {
			t.Errorf("discovered: %s", found)
		}
	}
	// The maker's token holds under each of his own names for it.
	s.want(t, 204, "PUT", "/dav/"+s.home.ID+"/d/f", "x", "If: </dav/Home/d> (<"+token+">)")
	s.want(t, 204, "UNLOCK", "/dav/"+s.home.ID+"/d/f", "", "Lock-Token: <"+token+">")
	theirs := s.lock(t, bobs+"d/f", "As: bob")
	s.want(t, 423, "DELETE", "/dav/Home/d/f", "")
	s.want(t, 204, "UNLOCK", bobs+"d/f", "", "Lock-Token: <"+theirs+">", "As: bob")
}

// endless is a directory "many" that is never listed to its end; its members are all one file.
type endless struct {
	fileSystem
	listed atomic.Int64
	after  int64
	then   func() // after so many members
}

func (e *endless) bottom() *rootFS { return e.fileSystem.(*rootFS) }

func (e *endless) List(name string, fn func(Info) error) error {
	if name != "many" {
		return e.fileSystem.List(name, fn)
	}
	i, err := e.fileSystem.Lstat("one")
	if err != nil {
		return err
	}
	for {
		n := e.listed.Add(1)
		if n == e.after {
			e.then()
		}
		i.Name = "m" + strings.Repeat("x", int(n%50)) + string(rune('a'+n%26)) + tempName()
		if err := fn(i); err != nil {
			return err
		}
	}
}

func (e *endless) OpenRead(name string) (*os.File, Info, error) {
	if strings.HasPrefix(name, "many/") {
		name = "one"
	}
	return e.fileSystem.OpenRead(name)
}

// ARC-8: a request whose client has gone stops listing, copying and sending. That it ends at all is what
// the test waits for: none of these would by itself.
func TestARC8_CancelledRequestsStop(t *testing.T) {
	for _, c := range []struct{ method, target, depth string }{
		{"PROPFIND", "/dav/Home/many/", "1"},
		{"PROPFIND", "/dav/Home/", "infinity"},
		{"GET", "/dav/Home/many/", ""},
		{"COPY", "/dav/Home/many", "infinity"},
	} {
		t.Run(c.method+" "+c.depth, func(t *testing.T) {
			s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
			s.want(t, 201, "PUT", "/dav/Home/one", "content")
			s.want(t, 201, "MKCOL", "/dav/Home/many", "")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e := &endless{after: 100, then: cancel}
			s.under(t, s.home, func(f fileSystem) fileSystem { e.fileSystem = f; return e })
			before := s.count()
			r, err := http.NewRequestWithContext(ctx, c.method, s.server.URL+c.target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("ann", "secret")
			r.Header.Set("Depth", c.depth)
			r.Header.Set("Destination", "/dav/Home/copy")
			if res, err := s.server.Client().Do(r); err == nil {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			s.await(before, 1)
			s.unwrap()
			s.want(t, 404, "HEAD", "/dav/Home/copy", "")
		})
	}

	t.Run("GET of a file", func(t *testing.T) {
		s := newSite(t, HandlerOptions{}, Options{})
		s.want(t, 201, "PUT", "/dav/Home/f", "")
		if err := os.Truncate(s.path(s.home, "f"), 1<<32); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
			t.Fatal(err)
		}
		before := s.count()
		c := s.dial(t)
		c.send("GET /dav/Home/f", "")
		if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		c.Close()
		s.await(before, 1)
	})

	t.Run("COPY of a file", func(t *testing.T) {
		w := newWorld(t, Options{})
		tree := w.tree(t, w.folder(t, 0, 0))
		if err := put(t.Context(), tree, "f", "x"); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(w.path(store.Folder{ID: tree.f.id}, "f"), 10*copyChunk); err != nil {
			t.Fatal(err)
		}
		in, err := tree.f.fs.receive(-1, Info{}, false)
		if err != nil {
			t.Fatal(err)
		}
		defer in.abort()
		f, i, err := tree.OpenRead("f")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := in.copyFrom(&patience{Context: t.Context(), left: 2}, f, i.Size); err != context.Canceled || in.size != 2*copyChunk {
			t.Errorf("copied %d bytes of %d: %v", in.size, i.Size, err)
		}
		if _, err := w.Scan(t.Context(), tree.f.id); err != nil {
			t.Fatal(err)
		}
	})
}

// patience is a context that is cancelled when it was asked so often.
type patience struct {
	context.Context
	left int
}

func (p *patience) Err() error {
	if p.left--; p.left < 0 {
		return context.Canceled
	}
	return nil
}

// URL-9: what Davit keeps beside the folders' files has no URL, in whatever spelling, for no method.
func TestURL9_InternalAreas(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	w := s.dial(t) // so that there is something in staging
	w.send("PUT /dav/Home/slow", "x", "Content-Length: 2")
	before := s.everything(t)
	for _, target := range []string{
		"/dav/staging/", "/dav/STAGING/x", "/dav/trash", "/dav/files/" + s.secret.ID + "/", "/dav/" + s.secret.ID + "/x", "/dav/davit.db", "/staging/", "/files/" + s.home.ID + "/f",
		"/dav/Home/../staging/", "/dav/Home/%2e%2e/staging/x", "/dav/Home/..%2fstaging", "/dav/./staging/", "/dav/../files/", "/dav/Home/%2e%2E%2F%2e%2e/davit.db", "/dav/Home/..%5cstaging",
	} {
		for _, c := range []struct{ method, at, body, header string }{
			{"GET", target, "", ""}, {"PROPFIND", target, "", ""}, {"PROPPATCH", target, patchBody(set("<Z:a>1</Z:a>")), ""}, {"PUT", target, "x", ""}, {"DELETE", target, "", ""},
			{"MKCOL", target, "", ""}, {"LOCK", target, lockBody("exclusive", ""), ""}, {"COPY", "/dav/Home/f", "", target}, {"MOVE", "/dav/Home/f", "", target}, {"MOVE", target, "", "/dav/Home/stolen"},
		} {
			c2 := s.dial(t)
			headers := []string{"Depth: 0", "Content-Length: " + strconv.Itoa(len(c.body)), "Connection: close"}
			if c.method == "MOVE" {
				headers[0] = "Depth: infinity"
			}
			if c.header != "" {
				headers = append(headers, "Destination: "+c.header)
			}
			c2.send(c.method+" "+c.at, c.body, headers...)
			if a := c2.answer(c.method); a.status < 400 || a.status >= 500 {
				t.Errorf("%s %s %s: %d %s", c.method, c.at, c.header, a.status, a.body)
			}
		}
	}
	for _, target := range []string{"/", "/dav/", "/dav/Home/"} {
		if a := s.want(t, 207, "PROPFIND", target, "", "Depth: 1"); strings.Contains(a.body, "staging") || strings.Contains(a.body, "trash") || strings.Contains(a.body, "slow") {
			t.Errorf("%s lists %s", target, a.body)
		}
	}
	if after := s.everything(t); after != before {
		t.Errorf("the folders were\n%s\nand are\n%s", before, after)
	}
	// In a folder the words are ordinary names.
	for _, name := range []string{"staging", "trash", "files", ".davit", "davit.db"} {
		s.want(t, 201, "MKCOL", "/dav/Home/"+name, "")
	}
	if _, err := io.WriteString(w, "y"); err != nil {
		t.Fatal(err)
	}
	if a := w.answer("PUT"); a.status != 201 {
		t.Errorf("the upload: %d", a.status)
	}
}

// PER-5: clients that have stopped in the middle of an upload and of a download hold nobody up, not even on
// the same name.
func TestPER5_SlowClients(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "")
	if err := os.Truncate(s.path(s.home, "d/f"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
	var slow []*wire
	for range 8 {
		up, down := s.dial(t), s.dial(t)
		up.send("PUT /dav/Home/d/f", "x", "Content-Length: 2")
		down.send("GET /dav/Home/d/f", "")
		if _, err := io.ReadFull(down, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, up)
	}
	for i, c := range []struct {
		method, target, body string
		status               int
		headers              []string
	}{
		{"PUT", "/dav/Home/d/f", "mine", 204, nil},
		{"GET", "/dav/Home/d/f", "", 200, nil},
		{"PROPFIND", "/dav/Home/d", "", 207, []string{"Depth: 1"}},
		{"PROPPATCH", "/dav/Home/d/f", patchBody(set("<Z:a>1</Z:a>")), 207, nil},
		{"COPY", "/dav/Home/d", "", 201, []string{"Destination: /dav/Home/e"}},
		{"MKCOL", "/dav/Home/d/sub", "", 201, nil},
		{"LOCK", "/dav/Home/d/new", lockBody("exclusive", ""), 201, nil},
		{"MOVE", "/dav/Home/d", "", 423, []string{"Destination: /dav/Home/g", "If: (Not <DAV:no-lock>)"}},
		{"MOVE", "/dav/Home/d/f", "", 201, []string{"Destination: /dav/Home/h"}},
		{"DELETE", "/dav/Home/e", "", 204, nil},
	} {
		a := s.do(t, c.method, c.target, c.body, c.headers...)
		if c.method == "MOVE" && c.status == 423 && a.status == 207 {
			continue // a locked member
		}
		if a.status != c.status {
			t.Errorf("%d: %s %s: %d, want %d\n%s", i, c.method, c.target, a.status, c.status, a.body)
		}
	}
	var all sync.WaitGroup
	for _, up := range slow {
		all.Go(func() {
			io.WriteString(up, "y")
			if a := up.answer("PUT"); a.status != 201 && a.status != 204 {
				t.Errorf("the slow upload: %d", a.status)
			}
		})
	}
	all.Wait()
	if got := s.read(t, "/dav/Home/d/f"); got != "xy" {
		t.Errorf("at the end %q", got)
	}
}
