package davfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestURL10_RefusedNames(t *testing.T) {
	const names = ".DS_Store ._x ~$x.docx x.tmp desktop.ini Thumbs.db .hidden"
	s := newSite(t, HandlerOptions{}, Options{})
	for name := range strings.SplitSeq(names, " ") { // ordinary by default
		s.want(t, 201, "PUT", "/dav/Home/"+name, name)
		if got := s.read(t, "/dav/Home/"+name); got != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := s.want(t, 207, "PROPFIND", "/dav/Home/", "", "Depth: 1").body; !strings.Contains(got, "/dav/Home/x.tmp<") || !strings.Contains(got, "/dav/Home/.hidden<") {
		t.Errorf("listing %s", got)
	}

	s = newSite(t, HandlerOptions{}, Options{RefuseNames: []string{"._*", ".DS_Store", "*.TMP", "[ab]?.x", "\u00c4*"}})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/dir", "")
	s.want(t, 201, "MKCOL", "/dav/Home/old", "")
	for _, name := range []string{"._x", ".ds_store", "x.tmp", "X.Tmp", "dir/._", "a1.x", "dir/B2.X", "%C3%84rger", "%C3%A4", "A%CC%88"} {
		target := "/dav/Home/" + name
		for _, c := range []struct{ method, at, body, header string }{
			{"PUT", target, "x", ""},
			{"MKCOL", target, "", ""},
			{"LOCK", target, lockBody("exclusive", ""), ""},
			{"COPY", "/dav/Home/f", "", "Destination: " + target},
			{"MOVE", "/dav/Home/f", "", "Destination: " + target},
			{"MOVE", "/dav/Home/old", "", "Destination: " + target},
			{"COPY", "/dav/Other/", "", "Destination: " + target},
		} {
			headers := []string{"Depth: infinity"}
			if c.header != "" {
				headers = append(headers, c.header)
			}
			if a := s.do(t, c.method, c.at, c.body, headers...); a.status != 403 {
				t.Errorf("%s %s to %s: %d", c.method, c.at, name, a.status)
			} else if c.at != "/dav/Other/" && !strings.Contains(a.body, "administrator") {
				t.Errorf("%s %s: %s", c.method, name, a.body)
			}
		}
		s.want(t, 404, "GET", target, "")
	}
	s.want(t, 201, "PUT", "/dav/Home/tmp", "other names are free")
	s.want(t, 201, "PUT", "/dav/Home/x.tmp.txt", "")

	// What was there before can be read, moved away and deleted, but not written.
	s.plant(t, "old/a.tmp", "before")
	s.plant(t, "d.tmp/f", "before")
	if got := s.read(t, "/dav/Home/old/a.tmp") + s.read(t, "/dav/Home/d.tmp/f"); got != "beforebefore" {
		t.Errorf("read %q", got)
	}
	s.want(t, 403, "PUT", "/dav/Home/old/a.tmp", "x")
	s.want(t, 403, "PUT", "/dav/Home/d.tmp/new", "x")
	s.want(t, 403, "MKCOL", "/dav/Home/d.tmp/new", "")
	s.want(t, 201, "MOVE", "/dav/Home/old/a.tmp", "", "Destination: /dav/Home/old/a.txt")
	s.want(t, 204, "DELETE", "/dav/Home/d.tmp", "")

	for _, bad := range []string{"[", "a/b", `x\`} {
		if _, err := New(s.st, Options{Dir: t.TempDir(), RefuseNames: []string{bad}}); err == nil {
			t.Errorf("pattern %q is taken", bad)
		}
	}
}

func TestURL8_OnlyLetterCase(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/readme", "text")
	s.patch(t, "/dav/Home/readme", set("<Z:a>file</Z:a>"))
	s.want(t, 201, "MOVE", "/dav/Home/readme", "", "Destination: /dav/Home/ReadMe")
	s.want(t, 404, "GET", "/dav/Home/readme", "")
	if got := s.read(t, "/dav/Home/ReadMe") + s.dead(t, "/dav/Home/ReadMe"); got != "textfile" {
		t.Errorf("after the move %q", got)
	}

	// A collection with members, properties and a lock of the mover.
	for _, name := range []string{"dir", "dir/sub"} {
		s.want(t, 201, "MKCOL", "/dav/Home/"+name, "")
		s.patch(t, "/dav/Home/"+name, set("<Z:a>"+name+"</Z:a>"))
	}
	s.want(t, 201, "PUT", "/dav/Home/dir/sub/f", "member")
	token := s.lock(t, "/dav/Home/dir/sub/f", "Depth: 0")
	s.want(t, 207, "MOVE", "/dav/Home/dir", "", "Destination: /dav/Home/DIR") // locked members, nothing moved
	s.want(t, 201, "MOVE", "/dav/Home/dir", "", "Destination: /dav/Home/DIR", "Overwrite: F", "If: </dav/Home/dir/sub/f> (<"+token+">)")
	if got := s.read(t, "/dav/Home/DIR/sub/f") + s.dead(t, "/dav/Home/DIR") + s.dead(t, "/dav/Home/DIR/sub"); got != "memberdirdir/sub" {
		t.Errorf("after the move %q", got)
	}
	s.want(t, 404, "PROPFIND", "/dav/Home/dir", "", "Depth: 0")
	s.want(t, 204, "PUT", "/dav/Home/DIR/sub/f", "its lock is gone") // CM-7

	// Both letter cases: two resources, one replaces the other.
	s.want(t, 201, "PUT", "/dav/Home/readme", "second")
	s.want(t, 412, "MOVE", "/dav/Home/readme", "", "Destination: /dav/Home/README", "Overwrite: F", `If-Match: "x"`)
	s.want(t, 412, "MOVE", "/dav/Home/readme", "", "Destination: /dav/Home/ReadMe", "Overwrite: F")
	s.want(t, 204, "MOVE", "/dav/Home/readme", "", "Destination: /dav/Home/ReadMe")
	if got := s.read(t, "/dav/Home/ReadMe"); got != "second" {
		t.Errorf("replaced by %q", got)
	}
}

func TestURL8_OnlyFormOfACollection(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.plant(t, "a\u0308/f", "member") // decomposed, as put there by hand
	s.want(t, 207, "PROPPATCH", "/dav/Home/%C3%A4/", patchBody(set("<Z:a>dir</Z:a>")))
	s.want(t, 207, "PROPPATCH", "/dav/Home/a%CC%88/f", patchBody(set("<Z:a>file</Z:a>")))
	s.want(t, 201, "MOVE", "/dav/Home/a%CC%88", "", "Destination: /dav/Home/%C3%A4")
	hrefs := s.want(t, 207, "PROPFIND", "/dav/Home/", "", "Depth: 1").props(t)
	if len(hrefs) != 2 || hrefs["/dav/Home/%C3%A4/"] == nil {
		t.Errorf("listing %v", hrefs)
	}
	if got := s.read(t, "/dav/Home/%C3%A4/f") + s.dead(t, "/dav/Home/%C3%A4/") + s.dead(t, "/dav/Home/%C3%A4/f"); got != "memberdirfile" {
		t.Errorf("after the move %q", got)
	}
}

// plant puts a file into Home behind the server's back, and has it counted.
func (s *site) plant(t testing.TB, name, content string) {
	t.Helper()
	p := s.path(s.home, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
}

// Two trees of names that the disk just takes, one moved into the other: all of it can still be reached,
// copied, counted and deleted.
func TestURL6_VeryDeep(t *testing.T) {
	s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
	seg := "/" + strings.Repeat("d", 200)
	deep := strings.Repeat(seg, 18)
	for _, top := range []string{"/dav/Home/a", "/dav/Home/b"} {
		for at := top; len(at) <= len(top+deep); at += seg {
			s.want(t, 201, "MKCOL", at, "")
		}
		s.want(t, 201, "PUT", top+deep+"/leaf", "leaf")
	}
	s.patch(t, "/dav/Home/a"+deep+"/leaf", set("<Z:a>leaf</Z:a>"))
	s.want(t, 201, "MOVE", "/dav/Home/a", "", "Destination: /dav/Home/b"+deep+"/a")
	leaf := deep + "/a" + deep + "/leaf"
	if got := s.read(t, "/dav/Home/b"+leaf) + s.dead(t, "/dav/Home/b"+leaf); got != "leafleaf" {
		t.Errorf("after the move %q", got)
	}
	s.want(t, 204, "PUT", "/dav/Home/b"+leaf, "changed")
	s.want(t, 201, "COPY", "/dav/Home/b", "", "Destination: /dav/Other/copy")
	if got := s.read(t, "/dav/Other/copy"+leaf) + s.dead(t, "/dav/Other/copy"+leaf); got != "changedleaf" {
		t.Errorf("the copy %q", got)
	}
	if got := s.want(t, 207, "PROPFIND", "/dav/Home/b", propBody("D:getetag"), "Depth: infinity").body; !strings.Contains(got, leaf) {
		t.Error("the leaf is not listed")
	}
	if u, err := s.Scan(t.Context(), s.home.ID); err != nil || u.Files != 40 || u.Bytes != 11 {
		t.Errorf("counted %+v, %v", u, err)
	}
	s.want(t, 204, "DELETE", "/dav/Home/b", "")
	s.want(t, 204, "DELETE", "/dav/Other/copy", "")
	for _, f := range []string{"/dav/Home/", "/dav/Other/"} {
		if got := s.propOf(t, f, "DAV:", "quota-used-bytes"); got != "0" {
			t.Errorf("%s uses %s bytes", f, got)
		}
	}
}
