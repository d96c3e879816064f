package davfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const listingBody = `<propfind xmlns="DAV:"><prop><getetag/><getcontentlength/><displayname/></prop></propfind>`

// list reads a collection's listing.
func (s *site) list(t testing.TB, target, body string) string {
	t.Helper()
	return s.want(t, 207, "PROPFIND", target, body, "Depth: 1").body
}

// A listing that is asked for over and over comes from memory: a change behind the server is not seen at
// once, but soon.
func TestListingKeptAndForgotten(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/a", "content")
	byHand := filepath.Join(s.path(s.home, "d"), "by hand")
	for kept := false; !kept; { // a machine that is very slow may ask too late
		first := s.list(t, "/dav/Home/d/", listingBody)
		second := s.list(t, "/dav/Home/d/", listingBody)
		if err := os.WriteFile(byHand, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		third := s.list(t, "/dav/Home/d/", listingBody)
		if first != second {
			t.Fatalf("two listings differ:\n%s\n%s", first, second)
		}
		kept = third == second
		for limit := time.Now().Add(10 * listingAge); !strings.Contains(s.list(t, "/dav/Home/d/", listingBody), "by%20hand"); {
			if time.Now().After(limit) {
				t.Fatal("a file that was put there by hand is not listed")
			}
		}
		if err := os.Remove(byHand); err != nil {
			t.Fatal(err)
		}
		s.want(t, 204, "PUT", "/dav/Home/d/a", "content")
	}
}

// What a kept listing leaves out is asked for each time: other properties, locks, quotas, other users' rights.
func TestListingsAreNotMixed(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "MKCOL", "/dav/Home/d/c", "")
	s.want(t, 201, "PUT", "/dav/Home/d/a", "content")
	hot := func() {
		for range 3 {
			s.list(t, "/dav/Home/d/", "")
			s.list(t, "/dav/Home/d/", listingBody)
		}
	}
	hot()
	if got := s.list(t, "/dav/Home/d/", `<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>`); strings.Contains(got, "getetag") {
		t.Errorf("other properties: %s", got)
	}
	if got := s.list(t, "/dav/"+s.home.ID+"/d/", listingBody); strings.Contains(got, "/dav/Home/") {
		t.Errorf("hrefs of another path: %s", got)
	}
	token := s.lock(t, "/dav/Home/d/a")
	if got := s.list(t, "/dav/Home/d/", ""); !strings.Contains(got, token) {
		t.Errorf("a lock is missing: %s", got)
	}
	s.want(t, 204, "UNLOCK", "/dav/Home/d/a", "", "Lock-Token: <"+token+">")
	if got := s.list(t, "/dav/Home/d/", ""); strings.Contains(got, token) {
		t.Errorf("a lock is still there: %s", got)
	}
	hot()
	s.want(t, 207, "PROPPATCH", "/dav/Home/d/a", `<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">v</x></prop></set></propertyupdate>`)
	if got := s.list(t, "/dav/Home/d/", ""); !strings.Contains(got, "urn:x") {
		t.Errorf("a dead property is missing: %s", got)
	}
	const quota = `<propfind xmlns="DAV:"><prop><quota-used-bytes/></prop></propfind>`
	for range 3 {
		s.list(t, "/dav/Home/d/", quota)
	}
	s.want(t, 201, "PUT", "/dav/Home/b", "more")
	if got := s.list(t, "/dav/Home/d/", quota); !strings.Contains(got, ">11<") {
		t.Errorf("quota-used-bytes after 11 bytes: %s", got)
	}
}

// Whatever changes through Davit is in the next listing, however often others list meanwhile. The trees
// move too, to and fro, so that names mean one collection and then another.
func TestListingsFollowChanges(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, dir := range []string{"", "/0", "/1"} {
		s.want(t, 201, "MKCOL", "/dav/Home/t"+dir, "")
		s.want(t, 201, "MKCOL", "/dav/Home/t"+dir+"/in", "")
	}
	var done atomic.Bool
	var readers sync.WaitGroup
	for _, dir := range []string{"t", "t/0", "t/1", "t/0/in", "t/1/in", "t/in"} {
		readers.Go(func() {
			for !done.Load() {
				s.do(t, "PROPFIND", "/dav/Home/"+dir+"/", listingBody, "Depth: 1")
			}
		})
	}
	rounds := 150
	if os.Getenv("DAVIT_TEST_LONG") != "" {
		rounds = 3000
	}
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() { // each has names of its own
			random := rand.New(rand.NewPCG(uint64(w), 1))
			size := map[string]int{}
			for n := range rounds {
				dir := "/dav/Home/t/" + strconv.Itoa(random.IntN(2)) + "/in/"
				name := fmt.Sprintf("%s%d-%d", dir, w, random.IntN(3))
				switch random.IntN(4) {
				case 0:
					if size[name] > 0 {
						s.want(t, 204, "DELETE", name, "")
						delete(size, name)
					}
				case 1:
					to := fmt.Sprintf("/dav/Home/t/%d/in/%d-%d", random.IntN(2), w, random.IntN(3))
					if size[name] > 0 && to != name {
						s.do(t, "MOVE", name, "", "Destination: "+to)
						size[to] = size[name]
						delete(size, name)
					}
				default:
					size[name] = n + 1
					s.do(t, "PUT", name, strings.Repeat("x", n+1))
				}
				for _, in := range []string{"/dav/Home/t/0/in/", "/dav/Home/t/1/in/"} {
					got := s.list(t, in, listingBody)
					for i := range 3 {
						name := fmt.Sprintf("%s%d-%d", in, w, i)
						response := fmt.Sprintf("<D:href>%s</D:href>", name)
						_, rest, there := strings.Cut(got, response)
						rest, _, _ = strings.Cut(rest, "</D:response>")
						if there != (size[name] > 0) || there && !strings.Contains(rest, fmt.Sprintf("<D:getcontentlength>%d<", size[name])) {
							t.Errorf("round %d: %s has %d bytes, but is listed as %q", n, name, size[name], rest)
							return
						}
					}
				}
			}
		})
	}
	writers.Wait()
	// One goes on alone: collections change places, and come back changed.
	for n := range rounds / 5 {
		a, b := "/dav/Home/t/0", "/dav/Home/t/1"
		for range 2 {
			s.list(t, a+"/in/", listingBody)
		}
		s.want(t, 201, "MOVE", a, "", "Destination: "+"/dav/Home/u")
		s.want(t, 201, "MOVE", b, "", "Destination: "+a)
		s.do(t, "PUT", "/dav/Home/u/in/moved", strings.Repeat("y", n+1))
		s.want(t, 201, "MOVE", a, "", "Destination: "+b)
		s.want(t, 201, "MOVE", "/dav/Home/u", "", "Destination: "+a)
		if got := s.list(t, a+"/in/", listingBody); !strings.Contains(got, "moved</D:href><D:propstat><D:prop><D:getetag>") ||
			!strings.Contains(got, fmt.Sprintf("<D:getcontentlength>%d<", n+1)) {
			t.Fatalf("round %d: after a tree went and came back with another file: %s", n, got)
		}
	}
	done.Store(true)
	readers.Wait()
	if kept := s.listings.size; kept < 0 {
		t.Errorf("%d bytes are kept", kept)
	}
}

func TestListingCacheIsBounded(t *testing.T) {
	var c listingCache
	now := time.Now()
	pf := new(propfind)
	body := make([]byte, 100_000)
	var slow []*listing // somebody sends these for ever
	refused := 0
	for n := range 3 * maxListingCount {
		key := listingKey{name: strconv.Itoa(n), pf: pf}
		if !c.room(len(body)) {
			refused++
			continue
		}
		l := &listing{read: now, body: body}
		if n%3 == 0 {
			l.users++
			slow = append(slow, l)
		}
		c.put(key, l)
		if c.size > maxListings || len(c.entries) > maxListingCount {
			t.Fatalf("%d entries of %d bytes", len(c.entries), c.size)
		}
	}
	if refused == 0 {
		t.Error("answers that are still being sent count for nothing")
	}
	c.expire(now.Add(listingAge))
	if c.size != len(slow)*len(body) || len(c.entries) != 0 {
		t.Errorf("%d entries of %d bytes have outlived their time", len(c.entries), c.size)
	}
	for _, l := range slow {
		c.sent(l)
	}
	if c.size != 0 {
		t.Errorf("%d bytes of nothing", c.size)
	}
}

// A collection with a dead property of its own, asked for again and again: one answer is like the other.
func TestPER1_KeptListingOfMarkedCollection(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "x")
	s.want(t, 207, "PROPPATCH", "/dav/Home/d", markBody("of d"))
	body := propBody("Z:a")
	for n := range 5 {
		a := s.want(t, 207, "PROPFIND", "/dav/Home/d/", body, "Depth: 1")
		if props := a.props(t); strings.Count(a.body, "<D:response>") != 2 || len(props) != 2 || props["/dav/Home/d/"]["z:a"] != "of d" {
			t.Errorf("asked for time %d: %s", n+1, a.body)
		}
	}
}
