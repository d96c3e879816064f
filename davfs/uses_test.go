package davfs

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// from reads the address of a request from a header of the tests.
func from(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddr(r.Header.Get("From-Address"))
	return a
}

func TestUses(t *testing.T) {
	s := newSite(t, HandlerOptions{Address: from}, Options{})
	uses := func(f store.Folder) []Use {
		t.Helper()
		a, err := s.Activity(t.Context(), f.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.LastDAVUse(f.ID); got.IsZero() != (len(a.Uses) == 0) || !got.Equal(a.Last) {
			t.Errorf("%s: last use %v, activity %+v", f.Title, got, a)
		}
		return a.Uses
	}
	if got := uses(s.home); len(got) != 0 {
		t.Fatalf("before the first request: %+v", got)
	}
	agent := "User-Agent: davfs2/1.7 " + strings.Repeat("x", maxUserAgent)
	expect := func(status int, method, target, body string, headers ...string) answered {
		t.Helper()
		before := s.count()
		a := s.do(t, method, target, body, append(headers, "From-Address: 192.0.2.7")...)
		s.await(before, 1)
		if a.status != status {
			t.Fatalf("%s %s: %d, want %d", method, target, a.status, status)
		}
		return a
	}
	expect(201, "PUT", "/dav/Home/a", "text", agent)
	etag := expect(200, "GET", "/dav/Home/a", "", agent).header.Get("ETag")
	expect(304, "GET", "/dav/Home/a", "", agent, "If-None-Match: "+etag)
	expect(404, "GET", "/dav/Home/none", "", agent)
	expect(412, "PUT", "/dav/Home/a", "more", agent, "If-None-Match: *")
	expect(207, "PROPFIND", "/dav/Home/", "", agent, "Depth: 1")
	expect(207, "PROPFIND", "/dav/", "", agent, "Depth: 1") // no folder's use
	expect(201, "PUT", "/dav/Home/b", "text", "As: bob", "User-Agent: rclone/1.60")
	expect(403, "PUT", "/dav/Shared/b", "text") // ann only reads it

	home := uses(s.home)
	if len(home) != 2 {
		t.Fatalf("uses of Home: %+v", home)
	}
	bob, ann := home[0], home[1] // the latest first
	if bob.UserName != "bob" || bob.UserID != s.bob.ID || bob.Agent != "rclone/1.60" || bob.Writes != 1 || bob.Reads != 0 {
		t.Errorf("bob's use: %+v", bob)
	}
	if ann.UserName != "ann" || ann.Reads != 3 || ann.Writes != 1 || ann.Running != 0 || ann.Address != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("ann's use: %+v", ann)
	}
	if len(ann.Agent) != maxUserAgent || !strings.HasPrefix(ann.Agent, "davfs2/1.7 xxx") {
		t.Errorf("agent %q", ann.Agent)
	}
	if ann.First.IsZero() || ann.Last.Before(ann.First) {
		t.Errorf("times: %v to %v", ann.First, ann.Last)
	}
	if got := uses(s.shared); len(got) != 1 || got[0].Reads+got[0].Writes != 0 {
		t.Errorf("what was refused counts: %+v", got)
	}

	// A copy uses both folders.
	expect(201, "COPY", "/dav/Home/a", "", agent, "Destination: /dav/Other/a")
	if got := uses(s.other); len(got) != 1 || got[0].Writes != 1 || got[0].Running != 0 {
		t.Errorf("uses of the destination: %+v", got)
	}
	if got := s.Uses(); len(got) != 4 || got[0].FolderID != s.home.ID && got[0].FolderID != s.other.ID {
		t.Errorf("all uses: %+v", got)
	}
}

func TestUsesWhileARequestRuns(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a", "text")
	body, sender := io.Pipe()
	done := make(chan int)
	r := httptest.NewRequestWithContext(t.Context(), "PUT", "/dav/Home/b", body)
	r.SetBasicAuth("ann", "secret")
	go func() {
		w := &discardWriter{head: make(http.Header)}
		d.h.ServeHTTP(w, r)
		done <- w.status
	}()
	io.WriteString(sender, "begun")
	d.pass(2 * UsedFor)
	d.mu.Lock()
	now := d.clock
	d.mu.Unlock()
	a, err := d.Activity(t.Context(), d.home.ID)
	if err != nil || !a.Last.Equal(now) || len(a.Uses) != 1 || a.Uses[0].Running != 1 || !a.InUse() {
		t.Errorf("while it runs: %+v, %v", a, err)
	}
	sender.Close()
	if status := <-done; status != 201 {
		t.Fatalf("PUT: %d", status)
	}
	d.pass(UsedFor - time.Second)
	if d.LastDAVUse(d.home.ID).IsZero() {
		t.Error("not in use soon after")
	}
	d.pass(time.Second)
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || a.InUse() || len(a.Uses) != 0 {
		t.Errorf("%v after: %+v, %v", UsedFor, a, err)
	}
	d.get(t, "a")
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || len(a.Uses) != 1 || a.Uses[0].Reads != 1 || a.Uses[0].Writes != 0 {
		t.Errorf("counts of an earlier use are kept: %+v, %v", a, err)
	}
}

// get reads a file as ann.
func (d *door) get(t testing.TB, name string, agent ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/dav/Home/"+name, nil)
	r.SetBasicAuth("ann", "secret")
	for _, a := range agent {
		r.Header.Set("User-Agent", a)
	}
	d.h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("GET %s: %d", name, w.Code)
	}
}

func TestUsesAreBounded(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a", "text")
	for n := range mostClients + 10 {
		d.get(t, "a", fmt.Sprint("agent ", n))
		d.pass(time.Second)
	}
	a, err := d.Activity(t.Context(), d.home.ID)
	if err != nil || len(a.Uses) != mostClients {
		t.Fatalf("%d uses, %v", len(a.Uses), err)
	}
	if first, last := a.Uses[0].Agent, a.Uses[mostClients-1].Agent; first != fmt.Sprint("agent ", mostClients+9) || last != "agent 10" {
		t.Errorf("from %s to %s", first, last)
	}
	if n := d.useCount.Load(); n != mostClients {
		t.Errorf("counts %d clients", n)
	}
	d.useCount.Add(mostUses) // those of other folders
	d.get(t, "a", "one more")
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || len(a.Uses) != 1 || a.Uses[0].Agent != "one more" {
		t.Errorf("above the bound of all: %d uses, %v", len(a.Uses), err)
	}
	d.useCount.Add(-mostUses)

	// A folder that is closed is still in use for a while, then forgotten.
	d.FS.mu.Lock()
	f := d.folders[d.home.ID]
	delete(d.folders, d.home.ID)
	d.FS.mu.Unlock()
	f.close()
	if d.LastDAVUse(d.home.ID).IsZero() {
		t.Error("closing the folder ends its use")
	}
	d.closeIdle()
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || len(a.Uses) != 1 {
		t.Errorf("after closing: %d uses, %v", len(a.Uses), err)
	}
	d.pass(UsedFor)
	d.closeIdle()
	d.FS.mu.Lock()
	left := len(d.davUses)
	d.FS.mu.Unlock()
	if n := d.useCount.Load(); left != 0 || n != 0 {
		t.Errorf("%d folders and %d clients are remembered", left, n)
	}
}

func TestActivityHasLocks(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a", "text")
	r := httptest.NewRequestWithContext(t.Context(), "LOCK", "/dav/Home/a", strings.NewReader(
		`<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>me</owner></lockinfo>`))
	r.SetBasicAuth("ann", "secret")
	r.Header.Set("Timeout", "Second-3600")
	w := httptest.NewRecorder()
	if d.h.ServeHTTP(w, r); w.Code != 200 {
		t.Fatalf("LOCK: %d %s", w.Code, w.Body)
	}
	d.pass(2 * UsedFor)
	look := func(when string) {
		t.Helper()
		a, err := d.Activity(t.Context(), d.home.ID)
		if err != nil || len(a.Uses) != 0 || len(a.Locks) != 1 || a.Locks[0].Path != "a" || a.Locks[0].UserName != "ann" || !a.InUse() {
			t.Errorf("%s: %+v, %v", when, a, err)
		}
		if inUse, err := d.InUse(t.Context()); err != nil || !inUse(d.home.ID) || inUse("another") {
			t.Errorf("%s: among all: %v", when, err)
		}
	}
	look("open")
	d.FS.mu.Lock()
	f := d.folders[d.home.ID]
	delete(d.folders, d.home.ID)
	d.FS.mu.Unlock()
	look("not opened since the start")
	d.FS.mu.Lock()
	d.folders[d.home.ID] = f
	d.FS.mu.Unlock()
	d.pass(time.Hour)
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || a.InUse() {
		t.Errorf("after the lock's end: %+v, %v", a, err)
	}
	if inUse, err := d.InUse(t.Context()); err != nil || inUse(d.home.ID) {
		t.Errorf("after the lock's end, among all: %v", err)
	}
	d.get(t, "a")
	if inUse, err := d.InUse(t.Context()); err != nil || !inUse(d.home.ID) {
		t.Errorf("after a request, among all: %v", err)
	}
}

// A client that was seen a moment ago costs no memory.
func TestUseOfAKnownClientAllocatesNothing(t *testing.T) {
	d := newDoor(t, HandlerOptions{Address: func(*http.Request) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }})
	d.write(t, "a", "text")
	tree, err := d.Tree(t.Context(), store.Principal{UserID: d.user.ID, UserName: "ann"}, store.Mount{Folder: d.home, Rights: store.RightsAll})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/dav/Home/a", nil)
	r.Header.Set("User-Agent", "davfs2/1.7.0 neon/0.32.5")
	q := &request{r: r, p: store.Principal{UserID: d.user.ID, UserName: "ann", KeyID: "abcdefghijklmnop"}, tree: tree}
	if n := testing.AllocsPerRun(100, func() { d.h.begin(q, tree).end("GET", true, tree.lastUse()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestUsesSideBySide(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "a", "text")
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 50 {
				d.get(t, "a", fmt.Sprint("agent ", (n+i)%(mostClients+8)))
				if i%10 == 0 {
					d.Uses()
					d.pass(UsedFor / 4)
					d.closeIdle()
				}
			}
		})
	}
	all.Wait()
	if a, err := d.Activity(t.Context(), d.home.ID); err != nil || len(a.Uses) == 0 {
		t.Errorf("%+v, %v", a, err)
	} else {
		for _, u := range a.Uses {
			if u.Running != 0 {
				t.Errorf("%s has %d requests running", u.Agent, u.Running)
			}
		}
	}
	d.FS.mu.Lock()
	defer d.FS.mu.Unlock()
	if u := d.davUses[d.home.ID]; int64(len(u.clients)) != d.useCount.Load() || u.running.Load() != 0 {
		t.Errorf("%d clients, %d counted, %d requests running", len(u.clients), d.useCount.Load(), u.running.Load())
	}
}

// BenchmarkHotPath is a request of a small file, without network.
func BenchmarkHotPath(b *testing.B) {
	d := newDoor(b, HandlerOptions{})
	d.write(b, "a", "text")
	for _, method := range []string{"GET", "PUT"} {
		b.Run(method, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), method, "/dav/Home/a", strings.NewReader("text"))
				r.SetBasicAuth("ann", "secret")
				r.Header.Set("User-Agent", "davfs2/1.7.0 neon/0.32.5")
				d.h.ServeHTTP(&discardWriter{head: make(http.Header)}, r)
			}
		})
	}
}

// BenchmarkUse is what noting a use adds to a request.
func BenchmarkUse(b *testing.B) {
	d := newDoor(b, HandlerOptions{})
	tree, err := d.Tree(b.Context(), store.Principal{UserID: d.user.ID, UserName: "ann"}, store.Mount{Folder: d.home, Rights: store.RightsAll})
	if err != nil {
		b.Fatal(err)
	}
	defer tree.Close()
	r := httptest.NewRequestWithContext(b.Context(), "GET", "/dav/Home/a", nil)
	r.Header.Set("User-Agent", "davfs2/1.7.0 neon/0.32.5")
	q := &request{r: r, p: store.Principal{UserID: d.user.ID, UserName: "ann", KeyID: "abcdefghijklmnop"}, tree: tree}
	b.ReportAllocs()
	for b.Loop() {
		d.h.begin(q, tree).end("GET", true, tree.lastUse())
	}
}
