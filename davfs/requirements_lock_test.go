package davfs

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// LCK-1: both scopes and both depths on a file, a collection and a name that nothing has.
func TestLCK1_ScopesAndDepths(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	n := 0
	for _, scope := range []string{"exclusive", "shared"} {
		for _, target := range []string{"/dav/Home/f", "/dav/Home/d", "/dav/Home/d/", "new"} {
			for _, c := range []struct{ header, want string }{{"X: y", "0"}, {"Depth: 0", "0"}, {"Depth: infinity", "infinity"}, {"Depth: Infinity", "infinity"}} {
				at, status := target, 200
				if target == "new" {
					n++
					at, status = fmt.Sprintf("/dav/Home/new%d", n), 201
				}
				if strings.HasPrefix(target, "/dav/Home/d") && c.header == "X: y" {
					c.want = "infinity" // RFC 4918, section 9.10.3
				}
				a := s.want(t, status, "LOCK", at, lockBody(scope, ""), c.header)
				l := readLock(t, []byte(a.body))
				if l.Depth != c.want || (l.Shared != nil) != (scope == "shared") || (l.Exclusive != nil) != (scope == "exclusive") {
					t.Errorf("%s %s %s: %s", scope, at, c.header, a.body)
				}
				// Others: shared goes with shared and nothing else.
				second := s.do(t, "LOCK", at, lockBody("shared", ""), "As: bob")
				if shared := scope == "shared"; (second.status == 200) != shared || (second.status == 423) == shared {
					t.Errorf("%s %s: a shared lock beside it: %d", scope, at, second.status)
				}
				s.want(t, 423, "LOCK", at, lockBody("exclusive", ""), "As: bob")
				if second.status == 200 {
					s.want(t, 204, "UNLOCK", at, "", "As: bob", "Lock-Token: "+second.header.Get("Lock-Token"))
				}
				// Depth 0 leaves members alone, infinity does not.
				if strings.HasPrefix(target, "/dav/Home/d") {
					member := s.do(t, "LOCK", "/dav/Home/d/m", lockBody("exclusive", ""), "As: bob")
					if member.status != 423 {
						t.Errorf("%s %s: a member is made: %d", scope, c.header, member.status)
					}
				}
				s.want(t, 204, "UNLOCK", at, "", "Lock-Token: "+a.header.Get("Lock-Token"))
			}
		}
	}
	s.want(t, 201, "PUT", "/dav/Home/d/m", "m")
	token := s.lock(t, "/dav/Home/d", "Depth: 0")
	s.want(t, 200, "LOCK", "/dav/Home/d/m", lockBody("exclusive", ""), "As: bob")
	s.want(t, 204, "UNLOCK", "/dav/Home/d", "", "Lock-Token: <"+token+">")
}

// LCK-3: a token is never given twice, and the answer has it the same in both places.
func TestLCK3_TokensNeverRepeat(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	seen := map[string]bool{}
	for range 50 {
		a := s.want(t, 200, "LOCK", "/dav/Home/f", lockBody("exclusive", ""))
		token := strings.Trim(a.header.Get("Lock-Token"), "<>")
		if seen[token] || !strings.HasPrefix(token, "urn:uuid:") || readLock(t, []byte(a.body)).Token != token {
			t.Fatalf("token %q, body %s", token, a.body)
		}
		seen[token] = true
		s.want(t, 204, "UNLOCK", "/dav/Home/f", "", "Lock-Token: <"+token+">")
		s.want(t, 409, "UNLOCK", "/dav/Home/f", "", "Lock-Token: <"+token+">")
	}
}

// LCK-7: the If header, evaluated on the wire.
func TestLCK7_IfHeader(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for _, name := range []string{"f", "g", "d/m"} {
		s.want(t, 201, "PUT", "/dav/Home/"+name, name)
	}
	token, other := s.lock(t, "/dav/Home/f"), s.lock(t, "/dav/Home/g")
	for n, c := range []struct {
		header string
		status int // of a PUT to f
	}{
		{"(<TOKEN>)", 204},
		{"(<TOKEN> [ETAG])", 204},
		{`(<TOKEN> ["other"])`, 412},
		{`(["other"]) (<TOKEN>)`, 204},                           // lists are OR-ed
		{`(["other"] <TOKEN>) (Not <TOKEN> [ETAG])`, 412},        // conditions are AND-ed
		{"([ETAG])", 423},                                        // true, but the token is missing
		{"(Not <DAV:no-lock>)", 423},                             // true for everybody
		{"(<DAV:no-lock>)", 412},                                 // never true
		{"(<OTHER>)", 412},                                       // of another resource
		{"(<OTHER>) (Not <DAV:no-lock>)", 423},                   // true, but the wrong token
		{"(<OTHER>) (<TOKEN>)", 204},                             //
		{"(Not <TOKEN>)", 412},                                   //
		{"(<TOKEN>) (Not <TOKEN>)", 204},                         //
		{"</dav/Home/f> (<TOKEN>)", 204},                         // tagged by path
		{"<http://HOST/dav/Home/f> (<TOKEN>)", 204},              // and by URL
		{"<http://HOST/dav/Home/./f> (<TOKEN>)", 412},            // that names nothing
		{"<http://other.example/dav/Home/f> (<TOKEN>)", 412},     // of another server
		{"</dav/Home/g> (<OTHER>)", 423},                         // true, of another resource
		{"</dav/Home/g> (<TOKEN>)", 412},                         // a list is tested against its resource
		{"</dav/Home/g> (<OTHER>) </dav/Home/f> (<TOKEN>)", 204}, //
		{"</dav/Home/g> (<TOKEN>) </dav/Home/f> ([ETAG])", 204},  // naming it submits it (RFC 4918, section 6.5)
		{"</dav/Home/none> (Not [ETAG]) (<TOKEN>)", 204},         // nothing there has a tag
		{"</dav/Home/f> (W/[ETAG])", 400},                        //
		{"(<TOKEN>", 400}, {"<TOKEN>", 400}, {"()", 400}, {"(Not)", 400}, {"(<>)", 400}, {"([\"x)", 400}, {"(<TOKEN>) </dav/Home/f> (<TOKEN>)", 400}, {"x", 400}, {"</dav/Home/f>", 400},
	} {
		etag := s.etag(t, "/dav/Home/f")
		header := strings.NewReplacer("TOKEN", token, "OTHER", other, "ETAG", etag, "HOST", s.host).Replace(c.header)
		body := fmt.Sprint("content ", n)
		a := s.do(t, "PUT", "/dav/Home/f", body, "If: "+header)
		if a.status != c.status {
			t.Errorf("If: %s: %d, want %d\n%s", c.header, a.status, c.status, a.body)
		}
		if got := s.read(t, "/dav/Home/f"); (got == body) != (c.status == 204) {
			t.Errorf("If: %s: the content is %q", c.header, got)
		}
	}
}

// LCK-12: the caps are told with their number and the way out, and locks end without a request.
func TestLCK12_TextsAndExpiry(t *testing.T) {
	t.Parallel()
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	d.write(t, "g", "x")
	for range 32 {
		d.want(t, 200, "ann", "LOCK", "/dav/Home/f", lockBody("shared", ""), "Timeout: Second-10")
	}
	w := d.want(t, 507, "ann", "LOCK", "/dav/Home/f", lockBody("shared", ""))
	if got := w.Body.String(); !strings.Contains(got, "32 shared locks") || !strings.Contains(got, "unlock") || !strings.Contains(got, "expire") {
		t.Errorf("text %q", got)
	}
	d.counts.mu.Lock()
	d.counts.n[d.user.ID] = 1000
	d.counts.mu.Unlock()
	w = d.want(t, 507, "ann", "LOCK", "/dav/Home/g", lockBody("exclusive", ""))
	if got := w.Body.String(); !strings.Contains(got, "1000 locks") || !strings.Contains(got, "unlock") {
		t.Errorf("text %q", got)
	}
	d.want(t, 200, "bob", "LOCK", "/dav/Home/g", lockBody("exclusive", ""), "Timeout: Second-10") // others have their own
	d.counts.mu.Lock()
	d.counts.n[d.user.ID] = 32
	d.counts.mu.Unlock()
	w = d.want(t, 507, "ann", "LOCK", "/dav/Home/g", lockBody("shared", "<D:owner>"+strings.Repeat("x", 4097)+"</D:owner>"))
	if got := w.Body.String(); !strings.Contains(got, "4096") {
		t.Errorf("text %q", got)
	}
	// Past their end and their grace nobody asks, and the rows go.
	d.pass(time.Hour)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left, err := d.st.Locks(t.Context(), d.home.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d locks are still there", len(left))
		}
	}
	d.counts.mu.Lock()
	defer d.counts.mu.Unlock()
	if len(d.counts.n) != 0 {
		t.Errorf("still counted: %v", d.counts.n)
	}
}

// LCK-14: a check looks at the names above the resource only, and can be made while a lock is being saved.
func TestLCK14_ChecksAreCheap(t *testing.T) {
	b := newLockBench(t, lockOptions{maxPerUser: 1 << 20})
	token := b.mustLock("a/b/c", "", "ann")
	const deep = "a/b/c/d/e"
	check := func() (looked int) {
		b.eachCovering(deep, func(*heldLock) { looked++ })
		return looked
	}
	costs := func() float64 {
		return testing.AllocsPerRun(100, func() {
			if err := b.need(deep, needSelf|needMember, []string{token}, "bob"); err != nil {
				t.Fatal(err)
			}
		})
	}
	looked, allocs := check(), costs()
	for i := range 5000 {
		b.mustLock(fmt.Sprintf("a/b/x%d", i), "", "ann")
		b.mustLock(fmt.Sprintf("a/b/c/y%d", i), "", "ann")
	}
	if l, a := check(), costs(); l != looked || a != allocs {
		t.Errorf("with 10 000 other locks a check looks at %d locks and allocates %.0f times; before %d and %.0f", l, a, looked, allocs)
	}
	// The store is slow: nobody else waits for it. A mutex that is held would end this in a deadlock.
	asked := 0
	b.rows.during = func() {
		asked++
		if err := b.need("other", needSelf, nil, "bob"); err != nil {
			t.Error(err)
		}
		b.covering(deep)
		b.lookup("a/b/c", token)
		b.below("a")
		b.taken("other", "bob")
		b.keep([]string{token}, "ann")()
	}
	b.mustLock("saved", "", "ann")
	if _, err := b.refresh(t.Context(), "a/b/c", token, "ann", time.Hour); err != nil || asked != 2 {
		t.Errorf("%d saves, %v", asked, err)
	}
}
