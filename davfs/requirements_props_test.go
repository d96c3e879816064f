package davfs

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// propOf gives one property of a resource from a PROPFIND of Depth 0: its value, or "none".
func (s *site) propOf(t testing.TB, target, space, name string, headers ...string) string {
	t.Helper()
	body := `<D:propfind xmlns:D="DAV:"><D:prop><x:` + name + ` xmlns:x="` + space + `"/></D:prop></D:propfind>`
	for _, props := range s.want(t, 207, "PROPFIND", target, body, append(headers, "Depth: 0")...).props(t) {
		if v, ok := props[space+name]; ok {
			return v
		}
	}
	return "none"
}

// patch sends a PROPPATCH and gives the status of the only response's only propstat, and its error.
func (s *site) patch(t testing.TB, target, instructions string, headers ...string) string {
	t.Helper()
	a := s.want(t, 207, "PROPPATCH", target, patchBody(instructions), headers...)
	var status []string
	for _, part := range strings.Split(a.body, "<D:status>HTTP/1.1 ")[1:] {
		status = append(status, part[:3])
	}
	return strings.Join(status, " ")
}

func TestPRO2_Language(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/dir", "")
	s.want(t, 201, "PUT", "/dav/Home/dir/f", "x")
	language := func(target string) string {
		t.Helper()
		header := s.want(t, 200, "HEAD", target, "").header.Get("Content-Language")
		if get := s.want(t, 200, "GET", target, "").header.Get("Content-Language"); get != header {
			t.Errorf("%s: GET says %q, HEAD %q", target, get, header)
		}
		if prop := s.propOf(t, target, "DAV:", "getcontentlanguage"); prop != header && !(prop == "none" && header == "") {
			t.Errorf("%s: the property is %q, the header %q", target, prop, header)
		}
		return header
	}
	if got := language("/dav/Home/dir/f"); got != "" {
		t.Errorf("unset it is %q", got)
	}
	etag := s.etag(t, "/dav/Home/dir/f")
	if got := s.patch(t, "/dav/Home/dir/f", set("<D:getcontentlanguage> de, en-GB </D:getcontentlanguage>")); got != "200" {
		t.Errorf("set: %s", got)
	}
	s.want(t, 207, "PROPPATCH", "/dav/Home/dir/f", patchBody(set("<Z:a>1</Z:a>"))) // another does not take it away
	const want = "de, en-GB"
	if got := s.want(t, 200, "HEAD", "/dav/Home/dir/f", "").header.Get("Content-Language"); got != want {
		t.Errorf("set it is %q", got)
	}
	if got := strings.TrimSpace(s.propOf(t, "/dav/Home/dir/f", "DAV:", "getcontentlanguage")); got != want {
		t.Errorf("the property is %q", got)
	}
	if s.etag(t, "/dav/Home/dir/f") != etag {
		t.Error("the ETag changed")
	}
	all := s.want(t, 207, "PROPFIND", "/dav/Home/dir/f", "", "Depth: 0").props(t)["/dav/Home/dir/f"]
	if strings.TrimSpace(all["DAV:getcontentlanguage"]) != want {
		t.Errorf("allprop %v", all)
	}
	for _, bad := range []string{"", "d\u00e4", "a<D:b/>", "x:y", strings.Repeat("a", 300)} {
		if got := s.patch(t, "/dav/Home/dir/f", set("<D:getcontentlanguage>"+bad+"</D:getcontentlanguage>")); got != "409" {
			t.Errorf("%q: %s", bad, got)
		}
	}
	s.patch(t, "/dav/Home/dir/f", set("<D:getcontentlanguage>fr</D:getcontentlanguage>"))
	s.want(t, 204, "PUT", "/dav/Home/dir/f", "new content")
	s.want(t, 201, "COPY", "/dav/Home/dir", "", "Destination: /dav/Other/copy")
	s.want(t, 201, "MOVE", "/dav/Home/dir", "", "Destination: /dav/Home/moved")
	for _, target := range []string{"/dav/Other/copy/f", "/dav/Home/moved/f"} {
		if got := language(target); got != "fr" {
			t.Errorf("%s: %q", target, got)
		}
	}
	s.want(t, 201, "COPY", "/dav/Home/moved/f", "", "Destination: /dav/Home/f")
	s.want(t, 204, "DELETE", "/dav/Home/moved", "")
	s.want(t, 201, "MKCOL", "/dav/Home/moved", "")
	s.want(t, 201, "PUT", "/dav/Home/moved/f", "x")
	if got := language("/dav/Home/moved/f"); got != "" {
		t.Errorf("made anew it is %q", got)
	}
	if got := s.patch(t, "/dav/Other/copy/f", remove("<D:getcontentlanguage/>")); got != "200" || language("/dav/Other/copy/f") != "" {
		t.Errorf("removed: %s", got)
	}

	// A server that starts again knows it.
	d, err := New(s.st, Options{Dir: s.dir, Sync: SyncNone})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(t.Context())
	tree, err := d.Tree(t.Context(), store.Principal{UserID: s.user.ID}, store.Mount{Folder: s.home, Rights: store.RightsAll})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	i, err := tree.Stat("f")
	if got := tree.f.props.language("f", i.Identity()); err != nil || got != "fr" {
		t.Errorf("after a restart %q, %v", got, err)
	}
}

func TestPRO9_Executable(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{Modes: Modes{File: 0o640, Dir: 0o750, UID: -1, GID: -1}})
	s.want(t, 201, "PUT", "/dav/Home/f", "#!/bin/sh")
	mode := func() os.FileMode {
		i, err := os.Stat(s.path(s.home, "f"))
		if err != nil {
			t.Fatal(err)
		}
		return i.Mode()
	}
	for _, c := range []struct {
		value, status, after string
		mode                 os.FileMode
	}{
		{"T", "200", "T", 0o750}, // for those who may read
		{"yes", "409", "T", 0o750},
		{" F ", "200", "F", 0o640},
		{"T", "200", "T", 0o750},
	} {
		etag := s.etag(t, "/dav/Home/f")
		if got := s.patch(t, "/dav/Home/f", set("<A:executable>"+c.value+"</A:executable>")); got != c.status {
			t.Errorf("%q: %s, want %s", c.value, got, c.status)
		}
		if got := s.propOf(t, "/dav/Home/f", apacheSpace, "executable"); got != c.after || mode() != c.mode {
			t.Errorf("after %q it is %s, the mode %o", c.value, got, mode())
		}
		if s.etag(t, "/dav/Home/f") != etag {
			t.Errorf("%q changed the ETag", c.value) // PRO-5
		}
	}
	s.want(t, 204, "PUT", "/dav/Home/f", "new") // it is the file's, not the version's (PUT-8)
	if got := s.propOf(t, "/dav/Home/f", apacheSpace, "executable"); got != "T" {
		t.Errorf("after PUT it is %s", got)
	}
	if got := s.patch(t, "/dav/Home/f", remove("<A:executable/>")); got != "403" {
		t.Errorf("removed: %s", got)
	}
	if got := s.propOf(t, "/dav/Home/", apacheSpace, "executable"); got != "none" {
		t.Errorf("of a collection it is %s", got)
	}
	if all := s.want(t, 207, "PROPFIND", "/dav/Home/f", "", "Depth: 0").body; strings.Contains(all, "executable") {
		t.Errorf("allprop has it: %s", all)
	}
}

func TestPRO10_LastModified(t *testing.T) {
	const stamp = 1_500_000_000
	date := time.Unix(stamp, 0).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		name, element string
		ok            bool
	}{
		{"seconds", "<D:lastmodified>1500000000</D:lastmodified>", true},
		{"fraction", "<D:lastmodified> 1500000000.25 </D:lastmodified>", true},
		{"date", "<D:lastmodified>" + date + "</D:lastmodified>", true},
		{"getlastmodified", "<D:getlastmodified>" + date + "</D:getlastmodified>", true},
		{"getlastmodified in seconds", "<D:getlastmodified>1500000000</D:getlastmodified>", true},
		{"a word", "<D:lastmodified>now</D:lastmodified>", false},
		{"nothing", "<D:lastmodified/>", false},
		{"negative", "<D:lastmodified>-5</D:lastmodified>", false},
		{"too large", "<D:getlastmodified>99999999999999999999</D:getlastmodified>", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, HandlerOptions{}, Options{})
			s.want(t, 201, "PUT", "/dav/Home/f", "x")
			s.want(t, 201, "MKCOL", "/dav/Home/dir", "")
			for _, target := range []string{"/dav/Home/f", "/dav/Home/dir/"} {
				before := s.want(t, 200, "HEAD", target, "").header
				status, dead := s.patch(t, target, set(c.element+"<Z:a>1</Z:a>")), s.dead(t, target)
				after := s.want(t, 200, "HEAD", target, "").header
				if !c.ok {
					if !strings.Contains(status, "409") || !strings.Contains(status, "424") || dead != "" || after.Get("Last-Modified") != before.Get("Last-Modified") {
						t.Errorf("%s: %s, property %q, %v", target, status, dead, after)
					}
					continue
				}
				if status != "200" || dead != "1" || after.Get("Last-Modified") != date {
					t.Errorf("%s: %s, property %q, %v", target, status, dead, after)
				}
				if got := s.propOf(t, target, "DAV:", "getlastmodified"); got != date {
					t.Errorf("%s: getlastmodified %s", target, got)
				}
				if got := s.propOf(t, target, "DAV:", "lastmodified"); got != fmt.Sprint(stamp) {
					t.Errorf("%s: lastmodified %s", target, got)
				}
			}
			if c.ok {
				// The old tag must not come back with the old time (PRO-5).
				etag := s.etag(t, "/dav/Home/f")
				s.want(t, 204, "PUT", "/dav/Home/f", "y")
				s.patch(t, "/dav/Home/f", set(c.element))
				if s.etag(t, "/dav/Home/f") == etag {
					t.Error("another content has the same ETag")
				}
			}
		})
	}
	s := newSite(t, HandlerOptions{}, Options{FixedTimes: true})
	s.want(t, 201, "PUT", "/dav/Home/f", "x")
	for _, name := range []string{"lastmodified", "getlastmodified"} {
		a := s.want(t, 207, "PROPPATCH", "/dav/Home/f", patchBody(set("<D:"+name+">"+date+"</D:"+name+">")))
		if !strings.Contains(a.body, "403") || !strings.Contains(a.body, "<D:cannot-modify-protected-property/>") {
			t.Errorf("%s where it is fixed: %s", name, a.body)
		}
		if s.want(t, 200, "HEAD", "/dav/Home/f", "").header.Get("Last-Modified") == date {
			t.Errorf("%s was set", name)
		}
	}
}

func TestPRO11_OwnCloud(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for i := range s.mounts["ann"] {
		m := &s.mounts["ann"][i]
		m.Folder.OwnerName = map[string]string{s.user.ID: "ann", s.bob.ID: "bob"}[m.Folder.OwnerID]
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "12345")
	s.want(t, 201, "MKCOL", "/dav/Home/dir", "")
	s.want(t, 201, "PUT", "/dav/Home/dir/g", "123")
	s.want(t, 201, "PUT", "/dav/Shared/h", "1", "As: bob")
	for target, want := range map[string][3]string{
		"/dav/Home/":    {"8", "GCK", "ann"},
		"/dav/Home/f":   {"5", "GDNVW", "ann"},
		"/dav/Home/dir": {"none", "GDNVCK", "ann"},
		"/dav/Shared/":  {"1", "SG", "bob"},
		"/dav/Shared/h": {"1", "SG", "bob"},
		"/dav/":         {"8", "G", "none"}, // what she owns
	} {
		for n, name := range []string{"size", "permissions", "owner-display-name"} {
			if got := s.propOf(t, target, owncloudSpace, name); got != want[n] {
				t.Errorf("%s of %s is %q, want %q", name, target, got, want[n])
			}
		}
		// Without a file index there is none that stays through a PUT (D19).
		for _, name := range []string{"id", "fileid"} {
			if got := s.propOf(t, target, owncloudSpace, name); got != "none" {
				t.Errorf("%s of %s is %q", name, target, got)
			}
		}
		if all := s.want(t, 207, "PROPFIND", target, "", "Depth: 0").body; strings.Contains(all, owncloudSpace) {
			t.Errorf("allprop of %s has them: %s", target, all)
		}
	}
	if got := s.patch(t, "/dav/Home/f", set(`<oc:size xmlns:oc="`+owncloudSpace+`">1</oc:size>`)); got != "403" {
		t.Errorf("size set: %s", got)
	}
}
