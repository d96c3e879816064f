package davfs

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// everything is the content of all folders as text.
func (s *site) everything(t testing.TB) string {
	t.Helper()
	return snapshot(t, s.path(s.home, "")) + snapshot(t, s.path(s.other, "")) + snapshot(t, s.path(s.small, "")) +
		snapshot(t, s.path(s.shared, "")) + snapshot(t, s.path(s.secret, ""))
}

// fill makes what the tests of COPY and MOVE work on.
func (s *site) fill(t testing.TB) {
	t.Helper()
	for _, dir := range []string{"Home/d", "Home/d/sub", "Home/e", "Home/e/sub", "Other/x"} {
		s.want(t, 201, "MKCOL", "/dav/"+dir, "")
	}
	for name, content := range map[string]string{"Home/f": "f", "Home/g": "g", "Home/d/1": "d1", "Home/d/sub/2": "d2", "Home/e/1": "e1", "Home/e/only": "e", "Home/e/sub/3": "e3", "Other/x/o": "o", "Small/s": "s"} {
		s.want(t, 201, "PUT", "/dav/"+name, content)
	}
	s.want(t, 201, "PUT", "/dav/Home/big", strings.Repeat("b", 2000))
	for name, content := range map[string]string{"Shared/r": "read me", "Secret/hidden": "secret"} {
		s.want(t, 201, "PUT", "/dav/"+name, content, "As: bob")
	}
}

// empty deletes all that fill and a test made.
func (s *site) empty(t testing.TB) {
	t.Helper()
	for folder, user := range map[string]string{"Home": "ann", "Other": "ann", "Small": "ann", "Shared": "bob", "Secret": "bob"} {
		root := "/dav/" + folder + "/"
		for href := range s.want(t, 207, "PROPFIND", root, propBody("D:resourcetype"), "Depth: 1", "As: "+user).props(t) {
			if href != root {
				s.want(t, 204, "DELETE", href, "", "As: "+user)
			}
		}
	}
}

// What must be refused is refused before anything is touched (CM-1, CM-2, CM-3, CM-9, CM-12, URL-5, STA-4).
func TestCM1_CM2_CM3_CM9_Refused(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 201, "PUT", "/dav/Home/kept", "k")
	s.want(t, 201, "MKCOL", "/dav/Home/keptdir", "")
	s.want(t, 201, "PUT", "/dav/Home/keptdir/m", "m")
	s.want(t, 201, "MKCOL", "/dav/Home/closed", "")
	s.lock(t, "/dav/Home/kept", "As: bob")
	s.lock(t, "/dav/Home/keptdir/m", "As: bob")
	s.lock(t, "/dav/Home/closed", "As: bob", "Depth: 0")
	id := "/dav/" + s.home.ID
	before := s.everything(t)
	const both, move, copyOnly = "COPY MOVE", "MOVE", "COPY"
	for _, c := range []struct {
		name, methods, from, to string
		status                  int
		headers                 []string
	}{
		{"onto itself", both, "/dav/Home/f", "/dav/Home/f", 403, nil},
		{"onto itself, F", both, "/dav/Home/f", "/dav/Home/f", 403, []string{"Overwrite: F"}},
		{"onto itself, with slashes", both, "/dav/Home/d", "/dav/Home//d/", 403, nil},
		{"onto itself, encoded", both, "/dav/Home/d", "/dav/Home/%64", 403, nil},
		{"onto itself, by ID", both, "/dav/Home/d", id + "/d", 403, nil},
		{"onto itself, from ID", both, id + "/f", "/dav/Home/f", 403, nil},
		{"into itself", both, "/dav/Home/d", "/dav/Home/d/new", 403, nil},
		{"into itself, deep", both, "/dav/Home/d", "/dav/Home/d/sub/new", 403, nil},
		{"into itself, over a member", both, "/dav/Home/d", "/dav/Home/d/1", 403, nil},
		{"into itself, by ID", both, "/dav/Home/d", id + "/d/sub/new", 403, nil},
		{"onto its parent", both, "/dav/Home/d/sub", "/dav/Home/d", 403, nil},
		{"onto an ancestor", both, "/dav/Home/d/sub/2", "/dav/Home/d", 403, nil},
		{"onto its parent, by ID", both, "/dav/Home/d/sub", id + "/d/", 403, nil},
		{"Overwrite F, file", both, "/dav/Home/f", "/dav/Home/g", 412, []string{"Overwrite: F"}},
		{"Overwrite F, collection", both, "/dav/Home/d", "/dav/Home/e", 412, []string{"Overwrite: F"}},
		{"Overwrite f, file over collection", both, "/dav/Home/f", "/dav/Home/e", 412, []string{"Overwrite: f"}},
		{"Overwrite nonsense", both, "/dav/Home/f", "/dav/Home/g", 400, []string{"Overwrite: yes"}},
		{"Depth 1", both, "/dav/Home/d", "/dav/Home/new", 400, []string{"Depth: 1"}},
		{"Depth nonsense", both, "/dav/Home/d", "/dav/Home/new", 400, []string{"Depth: x"}},
		{"Depth 0", move, "/dav/Home/d", "/dav/Home/new", 400, []string{"Depth: 0"}},
		{"source missing", both, "/dav/Home/none", "/dav/Home/g", 404, nil},
		{"source missing, over a collection", both, "/dav/Home/none", "/dav/Home/d", 404, nil},
		{"source's parent missing", both, "/dav/Home/none/f", "/dav/Home/d", 404, nil},
		{"no parent", both, "/dav/Home/f", "/dav/Home/none/f", 409, nil},
		{"no parent, collection", both, "/dav/Home/d", "/dav/Home/none/d", 409, nil},
		{"parent is a file", both, "/dav/Home/f", "/dav/Home/g/f", 409, nil},
		{"no Destination", both, "/dav/Home/f", "", 400, nil},
		{"Destination with user", both, "/dav/Home/f", "http://ann:secret@HOST/dav/Home/new", 400, nil},
		{"Destination with fragment", both, "/dav/Home/f", "http://HOST/dav/Home/new#x", 400, nil},
		{"Destination with query", both, "/dav/Home/f", "http://HOST/dav/Home/new?x", 400, nil},
		{"Destination relative", both, "/dav/Home/f", "new", 400, nil},
		{"Destination with encoded slash", both, "/dav/Home/f", "/dav/Home/a%2Fb", 400, nil},
		{"Destination with NUL", both, "/dav/Home/f", "/dav/Home/a%00", 400, nil},
		{"Destination with dots", both, "/dav/Home/f", "/dav/Home/d/../new", 400, nil},
		{"Destination with encoded dots", both, "/dav/Home/f", "/dav/Home/%2e%2e/new", 400, nil},
		{"Destination not UTF-8", both, "/dav/Home/f", "/dav/Home/%ff", 400, nil},
		{"Destination with bad encoding", both, "/dav/Home/f", "/dav/Home/%zz", 400, nil},
		{"other host", both, "/dav/Home/f", "http://elsewhere.example/dav/Home/new", 502, nil},
		{"other port", both, "/dav/Home/f", "http://127.0.0.1:1/dav/Home/new", 502, nil},
		{"other scheme", both, "/dav/Home/f", "ftp://HOST/dav/Home/new", 502, nil},
		{"folder's root away", both, "/dav/Home", "/dav/Other/home", 403, nil},
		{"over a folder", both, "/dav/Home/f", "/dav/Other", 403, nil},
		{"over a folder that one cannot see", both, "/dav/Home/f", "/dav/Secret", 403, nil},
		{"to a new folder", both, "/dav/Home/d", "/dav/Nowhere", 403, nil},
		{"over the list of folders", both, "/dav/Home/d", "/dav/", 403, nil},
		{"above", both, "/dav/Home/d", "/", 403, nil},
		{"from the list of folders", both, "/dav/", "/dav/Home/new", 403, nil},
		{"into an unknown folder", both, "/dav/Home/f", "/dav/Nowhere/f", 409, nil},
		{"into a hidden folder", both, "/dav/Home/f", "/dav/Secret/new", 409, nil},
		{"over a hidden file", both, "/dav/Home/f", "/dav/Secret/hidden", 409, nil},
		{"over a hidden file, by ID, F", both, "/dav/Home/f", "/dav/" + s.secret.ID + "/hidden", 409, []string{"Overwrite: F"}},
		{"from an unknown folder", both, "/dav/Nowhere/f", "/dav/Home/new", 404, nil},
		{"from a hidden folder", both, "/dav/Secret/hidden", "/dav/Home/new", 404, nil},
		{"into a folder to read", both, "/dav/Home/f", "/dav/Shared/new", 403, nil},
		{"over a file to read", both, "/dav/Home/f", "/dav/Shared/r", 403, nil},
		{"out of a folder to read", move, "/dav/Shared/r", "/dav/Home/new", 403, nil},
		{"inside a folder to read", both, "/dav/Shared/r", "/dav/Shared/new", 403, nil},
		{"over the bytes", both, "/dav/Home/big", "/dav/Small/new", 507, nil},
		{"over the bytes, in place of a file", both, "/dav/Home/big", "/dav/Small/s", 507, nil},
		{"over the files", both, "/dav/Home/e", "/dav/Small/new", 507, nil}, // five beside one: six are allowed; see fill
		{"destination locked", both, "/dav/Home/f", "/dav/Home/kept", 423, nil},
		{"destination's member locked", both, "/dav/Home/d", "/dav/Home/keptdir", 423, nil},
		{"file over a collection with a locked member", both, "/dav/Home/f", "/dav/Home/keptdir", 423, nil},
		{"into a locked collection", both, "/dav/Home/f", "/dav/Home/closed/f", 423, nil},
		{"source locked", move, "/dav/Home/kept", "/dav/Home/new", 423, nil},
		{"If false", both, "/dav/Home/f", "/dav/Home/g", 412, []string{"If: (<urn:uuid:none>)"}},
		{"If for the destination false", both, "/dav/Home/f", "/dav/Home/g", 412, []string{`If: </dav/Home/g> (["other"])`}},
		{"If-Match", both, "/dav/Home/f", "/dav/Home/g", 412, []string{`If-Match: "other"`}},
		{"If with an error", both, "/dav/Home/f", "/dav/Home/g", 400, []string{"If: x"}},
		{"locked, the token somebody else's", copyOnly, "/dav/Home/f", "/dav/Home/kept", 412, []string{"If: <HOSTURL/dav/Home/kept> (<urn:uuid:11111111-1111-4111-8111-111111111111>)"}},
	} {
		for method := range strings.FieldsSeq(c.methods) {
			t.Run(method+" "+c.name, func(t *testing.T) {
				if c.name == "over the files" {
					s.want(t, 201, "MKCOL", "/dav/Small/a", "")
					s.want(t, 201, "MKCOL", "/dav/Small/b", "")
					defer s.want(t, 204, "DELETE", "/dav/Small/b", "")
					defer s.want(t, 204, "DELETE", "/dav/Small/a", "")
				}
				headers := append([]string{}, c.headers...)
				if c.to != "" {
					headers = append(headers, "Destination: "+c.to)
				}
				for i := range headers {
					headers[i] = strings.ReplaceAll(strings.ReplaceAll(headers[i], "HOSTURL", s.server.URL), "HOST", s.host)
				}
				a := s.do(t, method, c.from, "", headers...)
				if a.status != c.status {
					t.Errorf("status %d, want %d: %s", a.status, c.status, a.body)
				}
				if a.status == 423 && !strings.Contains(a.body, "lock-token-submitted") || a.status == 507 && !strings.Contains(a.body, "quota-not-exceeded") {
					t.Errorf("body %s", a.body)
				}
			})
		}
	}
	if got := s.everything(t); got != before {
		t.Errorf("refused requests changed\n%s\nto\n%s", before, got)
	}
	s.sound(t)
}

// What nobody may know of looks the same as what is not there (D5).
func TestCM2_NothingLeaks(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 201, "PUT", "/dav/Secret/locked", "x", "As: bob")
	s.lock(t, "/dav/Secret/locked", "As: bob")
	for _, hidden := range []string{"/dav/Secret", "/dav/Secret/", "/dav/Secret/hidden", "/dav/Secret/locked", "/dav/" + s.secret.ID, "/dav/" + s.secret.ID + "/hidden"} {
		unknown := strings.Replace(strings.Replace(hidden, "Secret", "Unknow", 1), s.secret.ID, strings.Repeat("0", 32), 1)
		blank := func(a answered) string {
			a.header.Del("Date")
			return fmt.Sprint(a.status, a.header, strings.NewReplacer("Secret", "Unknow", s.secret.ID, strings.Repeat("0", 32)).Replace(a.body))
		}
		same := func(method, body string, at func(string) (target string, headers []string)) {
			t.Helper()
			target, headers := at(hidden)
			a := blank(s.do(t, method, target, body, headers...))
			target, headers = at(unknown)
			if b := blank(s.do(t, method, target, body, headers...)); a != b {
				t.Errorf("%s %s: %s\nunknown: %s", method, hidden, a, b)
			}
		}
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "MKCOL", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "POST", "COPY", "MOVE", "OPTIONS"} {
			same(method, "", func(p string) (string, []string) { return p, []string{"Destination: /dav/Home/new", "Depth: 0"} })
			same(method, "", func(p string) (string, []string) {
				return p, []string{"Destination: /dav/Home/new", "If-None-Match: *", "If: (<urn:uuid:none>)"}
			})
		}
		for _, method := range []string{"COPY", "MOVE"} {
			same(method, "", func(p string) (string, []string) { return "/dav/Home/f", []string{"Destination: " + p, "Overwrite: F"} })
			same(method, "", func(p string) (string, []string) { return "/dav/Home/d", []string{"Destination: " + p} })
		}
		same("GET", "", func(p string) (string, []string) { return "/dav/Home/f", []string{`If: <` + p + `> (Not ["x"])`} })
	}
}

// What COPY and MOVE may do, they do whole, with 201 or 204 (STA-5, CM-1, CM-6, URL-5).
func TestCM1_CM6_Done(t *testing.T) {
	s := newSite(t, HandlerOptions{Hosts: func(r *http.Request) []string { return []string{r.Host, "files.example.org"} }}, Options{})
	for _, c := range []struct {
		name, from, to string
		created        bool
		want           map[string]string // content afterwards; "/" a collection, "" nothing
		headers        []string
	}{
		{"file", "/dav/Home/f", "/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"file, F", "/dav/Home/f", "/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, []string{"Overwrite: F"}},
		{"over a file", "/dav/Home/f", "/dav/Home/g", false, map[string]string{"/dav/Home/g": "f"}, nil},
		{"over a file, T", "/dav/Home/f", "/dav/Home/g", false, map[string]string{"/dav/Home/g": "f"}, []string{"Overwrite: T"}},
		{"collection", "/dav/Home/d", "/dav/Home/new", true, map[string]string{"/dav/Home/new/1": "d1", "/dav/Home/new/sub/2": "d2"}, nil},
		{"collection with slashes", "/dav/Home/d/", "/dav/Home/new/", true, map[string]string{"/dav/Home/new/1": "d1", "/dav/Home/new/sub/2": "d2"}, nil},
		{"over a collection", "/dav/Home/d", "/dav/Home/e", false, map[string]string{"/dav/Home/e/1": "d1", "/dav/Home/e/sub/2": "d2", "/dav/Home/e/sub/3": "", "/dav/Home/e/only": ""}, nil},
		{"file over a collection", "/dav/Home/f", "/dav/Home/e", false, map[string]string{"/dav/Home/e": "f"}, nil},
		{"collection over a file", "/dav/Home/d", "/dav/Home/g", false, map[string]string{"/dav/Home/g/1": "d1", "/dav/Home/g": "/"}, nil},
		{"into a collection", "/dav/Home/f", "/dav/Home/d/sub/f", true, map[string]string{"/dav/Home/d/sub/f": "f"}, nil},
		{"to another folder", "/dav/Home/f", "/dav/Other/f", true, map[string]string{"/dav/Other/f": "f"}, nil},
		{"collection to another folder", "/dav/Home/d", "/dav/Other/x", false, map[string]string{"/dav/Other/x/sub/2": "d2", "/dav/Other/x/o": ""}, nil},
		{"to another folder by ID", "/dav/Home/f", "ID/x/f", true, map[string]string{"/dav/Other/x/f": "f"}, nil},
		{"absolute URL", "/dav/Home/f", "http://HOST/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"https behind a proxy", "/dav/Home/f", "https://HOST/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"davs", "/dav/Home/f", "davs://HOST/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"public name, letter case", "/dav/Home/f", "HTTP://Files.Example.ORG/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"public name, default port", "/dav/Home/f", "https://files.example.org:443/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"public name, dot", "/dav/Home/f", "http://files.example.org.:80/dav/Home/new", true, map[string]string{"/dav/Home/new": "f"}, nil},
		{"encoded", "/dav/Home/f", "http://HOST/dav/Home/a%20b%23%3F%25", true, map[string]string{"/dav/Home/a%20b%23%3F%25": "f"}, nil},
		{"condition holds", "/dav/Home/f", "/dav/Home/g", false, map[string]string{"/dav/Home/g": "f"}, []string{"If-Match: *"}},
		{"letter case", "/dav/Home/f", "/dav/Home/F", true, map[string]string{"/dav/Home/F": "f"}, nil},
	} {
		for _, method := range []string{"COPY", "MOVE"} {
			t.Run(method+" "+c.name, func(t *testing.T) {
				s.empty(t)
				s.fill(t)
				to := strings.Replace(strings.Replace(c.to, "HOST", s.host, 1), "ID", "/dav/"+s.other.ID, 1)
				status := 204
				if c.created {
					status = 201
				}
				s.want(t, status, method, c.from, "", append(c.headers, "Destination: "+to)...)
				for target, want := range c.want {
					a := s.do(t, "GET", target, "")
					switch {
					case want == "" && a.status != 404, want == "/" && !strings.Contains(a.body, "<!doctype"), want != "" && want != "/" && a.body != want:
						t.Errorf("%s: %d %q, want %q", target, a.status, a.body, want)
					}
				}
				if a := s.do(t, "GET", c.from, ""); (a.status == 404) != (method == "MOVE") {
					t.Errorf("the source: %d", a.status)
				}
			})
		}
	}
}

// CM-6: Depth 0 copies a collection without its members, over another too.
func TestCM6_Depth0(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 207, "PROPPATCH", "/dav/Home/d", patchBody(set("<Z:a>dir</Z:a>")))
	for _, c := range []struct {
		to     string
		status int
	}{{"/dav/Home/new", 201}, {"/dav/Home/e", 204}} {
		s.want(t, c.status, "COPY", "/dav/Home/d", "", "Depth: 0", "Destination: "+c.to)
		if got := s.want(t, 207, "PROPFIND", c.to, allprop, "Depth: 1").props(t); len(got) != 1 || s.dead(t, c.to) != "dir" {
			t.Errorf("%s: %v", c.to, got)
		}
	}
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Depth: 0", "Destination: /dav/Home/ff")
}

// CM-4, CM-6: at no moment is a destination missing that is replaced.
func TestCM4_CM6_NeverMissing(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 201, "COPY", "/dav/Home/d", "", "Destination: /dav/Home/target")
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/file")
	var stop atomic.Bool
	var readers sync.WaitGroup
	for _, target := range []string{"/dav/Home/target/1", "/dav/Home/target/sub/", "/dav/Home/target/", "/dav/Home/file"} {
		readers.Go(func() {
			for !stop.Load() {
				if a := s.do(t, "HEAD", target, ""); a.status != 200 {
					t.Errorf("%s: %d", target, a.status)
					return
				}
			}
		})
	}
	for n := range 25 {
		from := []string{"/dav/Home/d", "/dav/Home/e"}[n%2]
		s.want(t, 204, "COPY", from, "", "Destination: /dav/Home/target")
		s.want(t, 201, "COPY", from, "", "Destination: /dav/Home/tmp")
		s.want(t, 204, "MOVE", "/dav/Home/tmp", "", "Destination: /dav/Home/target")
		s.want(t, 201, "COPY", "/dav/Home/g", "", "Destination: /dav/Home/tmp")
		s.want(t, 204, "MOVE", "/dav/Home/tmp", "", "Destination: /dav/Home/file")
	}
	stop.Store(true)
	readers.Wait()
}

// CM-7, LCK-8: locks stay where they are, and a change needs the tokens of what it changes.
func TestCM7_Locks(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	discovered := func(target string) bool {
		t.Helper()
		for _, p := range s.want(t, 207, "PROPFIND", target, propBody("D:lockdiscovery"), "Depth: 0").props(t) {
			return strings.Contains(p["DAV:lockdiscovery"], "activelock")
		}
		return false
	}
	// A copy of what is locked is not, and needs no token.
	f := s.lock(t, "/dav/Home/f")
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/copy", "As: bob")
	if discovered("/dav/Home/copy") || !discovered("/dav/Home/f") {
		t.Error("a lock was copied")
	}
	// The source's token is enough for MOVE; the lock does not go along, nor is it left behind.
	s.want(t, 423, "MOVE", "/dav/Home/f", "", "Destination: /dav/Home/moved")
	s.want(t, 423, "MOVE", "/dav/Home/f", "", "Destination: /dav/Home/moved", "As: bob", "If: (<"+f+">)")
	s.want(t, 201, "MOVE", "/dav/Home/f", "", "Destination: /dav/Home/moved", "If: (<"+f+">)")
	if discovered("/dav/Home/moved") {
		t.Error("a lock was moved")
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "free", "As: bob")
	s.want(t, 409, "UNLOCK", "/dav/Home/f", "", "Lock-Token: <"+f+">")
	// A locked destination needs its token, by a tagged list or an untagged one that is true.
	g := s.lock(t, "/dav/Home/g")
	s.want(t, 423, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/g")
	s.want(t, 412, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/g", "If: (<"+g+">)") // not true of the source
	s.want(t, 204, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/g", "If: </dav/Home/g> (<"+g+">)")
	s.want(t, 204, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/g", "If: <"+s.server.URL+"/dav/Home/g> (<"+g+">)")
	if s.read(t, "/dav/Home/g") != "free" || !discovered("/dav/Home/g") {
		t.Error("a copy over a locked file took its lock or did not happen")
	}
	s.want(t, 423, "PUT", "/dav/Home/g", "theirs", "As: bob")
	// Locked members are named, the rest of what is refused is not (STA-6), and nothing is changed.
	one, two := s.lock(t, "/dav/Home/d/1"), s.lock(t, "/dav/Home/d/sub", "Depth: 0")
	before := s.everything(t)
	for _, headers := range [][]string{{"DELETE"}, {"MOVE", "Destination: /dav/Home/d2"}, {"DELETE", "As: bob"}} {
		a := s.want(t, 207, headers[0], "/dav/Home/d", "", headers[1:]...)
		if got := fmt.Sprint(a.failures(t)); got != "map[/dav/Home/d/1:HTTP/1.1 423 Locked /dav/Home/d/sub/:HTTP/1.1 423 Locked]" {
			t.Errorf("%s: %s", headers, got)
		}
	}
	a := s.want(t, 207, "DELETE", "/dav/Home/d", "", "If: </dav/Home/d/1> (<"+one+">)")
	if got := fmt.Sprint(a.failures(t)); got != "map[/dav/Home/d/sub/:HTTP/1.1 423 Locked]" {
		t.Errorf("with one token of two: %s", got)
	}
	s.want(t, 423, "DELETE", "/dav/Home/d/sub/2", "") // a member of a locked collection
	s.want(t, 423, "MOVE", "/dav/Home/d/sub/2", "", "Destination: /dav/Home/2")
	s.want(t, 423, "PUT", "/dav/Home/d/sub/new", "x")
	s.want(t, 423, "MKCOL", "/dav/Home/d/sub/new", "")
	s.want(t, 423, "COPY", "/dav/Home/g", "", "Destination: /dav/Home/d/sub/new")
	if got := s.everything(t); got != before {
		t.Errorf("changed:\n%s\nwas\n%s", got, before)
	}
	s.want(t, 204, "PUT", "/dav/Home/d/sub/2", "content is not membership")
	s.want(t, 204, "DELETE", "/dav/Home/d", "", "If: </dav/Home/d/1> (<"+one+">) </dav/Home/d/sub> (<"+two+">)")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/1", "free", "As: bob")
	if discovered("/dav/Home/d/1") {
		t.Error("a lock outlived its resource")
	}
	// A deep lock covers what comes into its collection, and lets go what leaves it.
	e := s.lock(t, "/dav/Home/e", "Depth: infinity")
	s.want(t, 423, "COPY", "/dav/Home/g", "", "Destination: /dav/Home/e/only", "As: bob")
	s.want(t, 201, "COPY", "/dav/Home/f", "", "Destination: /dav/Home/e/new", "If: </dav/Home/e/> (<"+e+">)")
	if !discovered("/dav/Home/e/new") {
		t.Error("a new member is not covered")
	}
	s.want(t, 201, "MOVE", "/dav/Home/e/sub", "", "Destination: /dav/Other/sub", "If: (<"+e+">)")
	if discovered("/dav/Other/sub/3") {
		t.Error("an inherited lock was moved")
	}
}

// CM-8: dead properties go where the resource goes; what is overwritten loses its own.
func TestCM8_Properties(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for n, c := range []struct {
		method, from, to string // kinds: file, dir; of the destination also none
		src, dst, want   string
	}{
		{"COPY", "file", "none", "s", "", "s"}, {"COPY", "file", "file", "s", "d", "s"}, {"COPY", "file", "file", "", "d", ""},
		{"COPY", "file", "dir", "s", "d", "s"}, {"COPY", "file", "dir", "", "d", ""}, {"COPY", "dir", "dir", "s", "d", "s"},
		{"COPY", "dir", "dir", "", "d", ""}, {"COPY", "dir", "file", "", "d", ""}, {"COPY", "dir", "file", "s", "", "s"},
		{"MOVE", "file", "none", "s", "", "s"}, {"MOVE", "file", "file", "s", "d", "s"}, {"MOVE", "file", "file", "", "d", ""},
		{"MOVE", "file", "dir", "s", "d", "s"}, {"MOVE", "file", "dir", "", "d", ""}, {"MOVE", "dir", "dir", "s", "d", "s"},
		{"MOVE", "dir", "dir", "", "d", ""}, {"MOVE", "dir", "file", "", "d", ""}, {"MOVE", "dir", "file", "s", "", "s"},
	} {
		for _, folder := range []string{"Home", "Other"} {
			t.Run(fmt.Sprint(c.method, " ", c.from, " ", c.to, " ", n, " ", folder), func(t *testing.T) {
				from, to := fmt.Sprint("/dav/Home/s", folder, n), fmt.Sprint("/dav/", folder, "/t", n)
				make := func(kind, target, value string) {
					switch kind {
					case "file":
						s.want(t, 201, "PUT", target, value)
					case "dir":
						s.want(t, 201, "MKCOL", target, "")
						s.want(t, 201, "PUT", target+"/m", "m")
						if value != "" {
							s.want(t, 207, "PROPPATCH", target+"/m", patchBody(set("<Z:a>"+value+"m</Z:a>")))
						}
					}
					if kind != "none" && value != "" {
						s.want(t, 207, "PROPPATCH", target, patchBody(set("<Z:a>"+value+"</Z:a>")))
					}
				}
				make(c.from, from, c.src)
				make(c.to, to, c.dst)
				if a := s.do(t, c.method, from, "", "Destination: "+to); a.status >= 300 {
					t.Fatalf("status %d %s", a.status, a.body)
				}
				// Another property must not bring rows of what was replaced back.
				s.want(t, 207, "PROPPATCH", to, patchBody(set("<Z:b>x</Z:b>")))
				if got := s.dead(t, to); got != c.want {
					t.Errorf("property %q, want %q", got, c.want)
				}
				if c.from == "dir" {
					want := c.want
					if want != "" {
						want += "m"
					}
					s.want(t, 207, "PROPPATCH", to+"/m", patchBody(set("<Z:b>x</Z:b>")))
					if got := s.dead(t, to+"/m"); got != want {
						t.Errorf("the member's property %q, want %q", got, want)
					}
				}
				if c.method == "COPY" && s.dead(t, from) != c.src {
					t.Errorf("the source has %q", s.dead(t, from))
				}
				if c.method == "MOVE" {
					make(c.from, from, "")
					if got := s.dead(t, from); got != "" {
						t.Errorf("what is new at the source has %q", got)
					}
				}
				s.want(t, 204, "DELETE", to, "")
				make(c.from, to, "")
				if got := s.dead(t, to); got != "" {
					t.Errorf("what is made after DELETE has %q", got)
				}
			})
		}
	}
	// PUT keeps them: the resource is the same one.
	s.want(t, 201, "PUT", "/dav/Home/p", "1")
	s.want(t, 207, "PROPPATCH", "/dav/Home/p", patchBody(set("<Z:a>kept</Z:a>")))
	s.want(t, 204, "PUT", "/dav/Home/p", "2")
	if got := s.dead(t, "/dav/Home/p"); got != "kept" {
		t.Errorf("after PUT %q", got)
	}
}

// CM-12: the folder itself stays.
func TestCM12_RootStays(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	before := s.everything(t)
	for _, target := range []string{"/dav/Home", "/dav/Home/", "/dav//Home//", "/dav/" + s.home.ID, "/dav/", "/dav", "/"} {
		for _, method := range []string{"DELETE", "MOVE", "COPY"} {
			a := s.want(t, 403, method, target, "", "Destination: /dav/Other/y")
			if !strings.Contains(a.body, "/v2/folder") {
				t.Errorf("%s %s does not say where folders are managed: %s", method, target, a.body) // D6
			}
		}
	}
	if got := s.everything(t); got != before {
		t.Errorf("changed:\n%s", got)
	}
}

func TestCM13_MkcolBody(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "x")
	for name, c := range map[string]struct {
		target, body string
		status       int
		headers      []string
	}{
		"none":             {"/dav/Home/a", "", 201, nil},
		"slash":            {"/dav/Home/b/", "", 201, nil},
		"empty":            {"/dav/Home/c", "", 201, []string{"Content-Length: 0", "Content-Type: text/xml"}},
		"empty chunks":     {"/dav/Home/d", "0\r\n\r\n", 201, []string{"Transfer-Encoding: chunked"}},
		"xml":              {"/dav/Home/n", "<x/>", 415, []string{"Content-Length: 4", "Content-Type: text/xml"}},
		"text":             {"/dav/Home/n", "text", 415, []string{"Content-Length: 4"}},
		"chunks":           {"/dav/Home/n", "1\r\nx\r\n0\r\n\r\n", 415, []string{"Transfer-Encoding: chunked"}},
		"body not sent":    {"/dav/Home/n", "", 415, []string{"Content-Length: 4", "Expect: 100-continue"}},
		"body cut":         {"/dav/Home/n", "CUT", 415, []string{"Content-Length: 400"}},
		"chunks cut":       {"/dav/Home/n", "CUT", 400, []string{"Transfer-Encoding: chunked"}},
		"existing":         {"/dav/Home/f", "", 405, nil},
		"existing, slash":  {"/dav/Home/f/", "", 405, nil},
		"no parent":        {"/dav/Home/none/n", "", 409, nil},
		"parent is a file": {"/dav/Home/f/n", "", 409, nil},
		"read only":        {"/dav/Shared/n", "", 403, nil},
		"folder":           {"/dav/Nowhere", "", 403, nil},
		"condition":        {"/dav/Home/n", "", 412, []string{"If-Match: *"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.dial(t)
			w.send("MKCOL "+c.target, strings.TrimPrefix(c.body, "CUT"), c.headers...)
			if c.body == "CUT" {
				w.CloseWrite()
			}
			a := w.answer("MKCOL")
			if a.status != c.status || a.status == 405 && a.header.Get("Allow") == "" {
				t.Errorf("%d %v, want %d", a.status, a.header, c.status)
			}
		})
	}
	if _, err := os.Stat(s.path(s.home, "n")); !os.IsNotExist(err) {
		t.Errorf("a refused MKCOL made it: %v", err)
	}
}

// DELETE takes a collection whole, and only with Depth infinity; a second one finds nothing.
func TestSTA5_Delete(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 400, "DELETE", "/dav/Home/d", "", "Depth: 0")
	s.want(t, 400, "DELETE", "/dav/Home/d", "", "Depth: 1")
	s.want(t, 412, "DELETE", "/dav/Home/d", "", `If-Match: "other"`)
	s.want(t, 204, "DELETE", "/dav/Home/d", "", "If-Match: "+s.etag(t, "/dav/Home/d"))
	s.want(t, 404, "DELETE", "/dav/Home/d", "")
	s.want(t, 404, "DELETE", "/dav/Home/d/sub/2", "")
	s.want(t, 204, "DELETE", "/dav/Home/f", "", "Depth: 0")
	s.want(t, 403, "DELETE", "/dav/Shared/r", "")
	s.sound(t)
}
