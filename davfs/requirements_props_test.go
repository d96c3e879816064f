package davfs

import (
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
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
	// What others would take for the server's word cannot be made up.
	for _, element := range []string{`<x:fileid xmlns:x="` + owncloudSpace + `">1</x:fileid>`, `<x:id xmlns:x="` + owncloudSpace + `">1</x:id>`, "<D:resource-id>1</D:resource-id>", "<D:acl/>"} {
		if got := s.patch(t, "/dav/Home/f", set(element)); got != "403" {
			t.Errorf("%s set: %s", element, got)
		}
	}
}

// PRO-1: the forms of a PROPFIND body, on the wire.
func TestPRO1_Bodies(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.patch(t, "/dav/Home/f", set("<Z:a>1</Z:a>"))
	for _, c := range []struct {
		name, body string
		has, lacks string // names of properties
	}{
		{"none", "", "DAV:getetag DAV:displayname z:a", "DAV:owner"},
		{"blanks", " \r\n", "DAV:getetag z:a", "DAV:owner"},
		{"allprop", allprop, "DAV:getetag DAV:creationdate z:a", "DAV:current-user-principal"},
		{"prop", propBody("D:getetag", "Z:a"), "DAV:getetag z:a", "DAV:displayname"},
		{"empty prop", `<propfind xmlns="DAV:"><prop/></propfind>`, "", "DAV:getetag"},
		{"propname", `<propfind xmlns="DAV:"><propname/></propfind>`, "DAV:getetag z:a DAV:lockdiscovery", "DAV:getcontentlanguage"},
		{"include", `<propfind xmlns="DAV:"><allprop/><include><current-user-principal/></include></propfind>`, "DAV:getetag z:a DAV:current-user-principal", "DAV:supported-report-set"},
		{"include first", `<propfind xmlns="DAV:"><include><current-user-principal/></include><allprop/></propfind>`, "DAV:getetag DAV:current-user-principal", ""},
		{"unknown elements", `<propfind xmlns="DAV:" x="y"><odd><prop><getetag/></prop></odd><x:prop xmlns:x="other:"/><prop><x:getetag xmlns:x="other:"/><getetag><inner/>text</getetag></prop><!-- c --><?pi?></propfind>`, "DAV:getetag", "other:getetag"},
		{"byte order mark", "\ufeff" + allprop, "DAV:getetag", ""},
	} {
		props := s.want(t, 207, "PROPFIND", "/dav/Home/f", c.body, "Depth: 0").props(t)["/dav/Home/f"]
		for name := range strings.FieldsSeq(c.has) {
			if _, ok := props[name]; !ok {
				t.Errorf("%s: no %s in %v", c.name, name, props)
			}
		}
		for name := range strings.FieldsSeq(c.lacks) {
			if _, ok := props[name]; ok {
				t.Errorf("%s: %s in %v", c.name, name, props)
			}
		}
	}
	for _, bad := range []string{
		"x", "<propfind", `<propfind xmlns="DAV:">`, `<propfind xmlns="DAV:"><prop><x:a/></prop></propfind>`, `<propfind xmlns="DAV:"><prop xmlns:x=""><x:a/></prop></propfind>`,
		`<propfind xmlns="DAV:"><prop xmlns:x=""/></propfind>`, `<propfind xmlns="DAV:"/>`, `<propfind xmlns="DAV:"><prop/><allprop/></propfind>`, `<propfind><prop/></propfind>`, `<x xmlns="DAV:"/>`,
		`<propfind xmlns="DAV:"><prop></propfind>`, `<propfind xmlns="DAV:"><prop a="1" a="2"/></propfind>`, `<propfind xmlns="DAV:"><prop/></propfind><x/>`, `<propfind xmlns="DAV:"><prop>&x;</prop></propfind>`, "<propfind xmlns=\"DAV:\"><prop/>\xff</propfind>",
	} {
		s.want(t, 400, "PROPFIND", "/dav/Home/f", bad, "Depth: 0")
	}
}

// PRO-5: a tag tells every version from every other, and stays while the content does.
func TestPRO5_Tags(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "MKCOL", "/dav/Home/d/sub", "")
	s.want(t, 201, "MKCOL", "/dav/Home/beside", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "0")
	seen := map[string]bool{}
	for i := range 200 { // equal size, within one tick, and with one time
		a := s.want(t, 204, "PUT", "/dav/Home/d/f", fmt.Sprint(i%10), "X-OC-Mtime: 1500000000")
		etag := a.header.Get("ETag")
		if seen[etag] || !strings.HasPrefix(etag, `"`) || !strings.HasSuffix(etag, `"`) || strings.ContainsAny(etag, `/\`) || strings.Count(etag, `"`) != 2 {
			t.Fatalf("tag %s", etag)
		}
		seen[etag] = true
	}
	file := s.etag(t, "/dav/Home/d/f")
	if got := strings.ReplaceAll(s.propOf(t, "/dav/Home/d/f", "DAV:", "getetag"), "&#34;", `"`); got != file {
		t.Errorf("PROPFIND says %s, HEAD %s", got, file)
	}
	token := s.lock(t, "/dav/Home/d/f")
	s.want(t, 207, "PROPPATCH", "/dav/Home/d/f", patchBody(set("<Z:a>1</Z:a><A:executable>T</A:executable>")), "If: (<"+token+">)")
	s.want(t, 204, "UNLOCK", "/dav/Home/d/f", "", "Lock-Token: <"+token+">")
	s.read(t, "/dav/Home/d/f")
	if got := s.etag(t, "/dav/Home/d/f"); got != file {
		t.Errorf("the content is the same, the tag was %s and is %s", file, got)
	}

	// A collection's tag changes with everything below it, and with nothing else.
	all := []string{"/dav/Home/", "/dav/Home/d/", "/dav/Home/d/sub/", "/dav/Home/beside/"}
	for _, c := range []struct {
		method, target, body, to string
		changes                  string // which of all
	}{
		{"PUT", "/dav/Home/d/f", "new", "", "0 1"},
		{"PUT", "/dav/Home/d/sub/g", "new", "", "0 1 2"},
		{"PROPPATCH", "/dav/Home/d/sub/g", patchBody(set("<Z:a>1</Z:a>")), "", "0 1 2"},
		{"MKCOL", "/dav/Home/d/sub/new", "", "", "0 1 2"},
		{"COPY", "/dav/Home/d/f", "", "/dav/Home/d/copy", "0 1"},
		{"MOVE", "/dav/Home/d/copy", "", "/dav/Home/beside/moved", "0 1 3"},
		{"DELETE", "/dav/Home/d/sub/new", "", "", "0 1 2"},
		{"GET", "/dav/Home/d/f", "", "", ""},
		{"PROPFIND", "/dav/Home/d/", "", "", ""},
		{"PUT", "/dav/Other/elsewhere", "x", "", ""},
		{"COPY", "/dav/Home/d/f", "", "/dav/Other/copy", ""},
	} {
		var before, changed []string
		for _, target := range all {
			before = append(before, s.propOf(t, target, "DAV:", "getetag"))
		}
		if a := s.do(t, c.method, c.target, c.body, "Destination: "+c.to, "Depth: infinity"); a.status >= 400 && c.method != "PROPFIND" {
			t.Fatalf("%s %s: %d", c.method, c.target, a.status)
		}
		for n, target := range all {
			if s.propOf(t, target, "DAV:", "getetag") != before[n] {
				changed = append(changed, fmt.Sprint(n))
			}
		}
		if got := strings.Join(changed, " "); got != c.changes {
			t.Errorf("%s %s changes %q, want %q", c.method, c.target, got, c.changes)
		}
	}
}

// PRO-6: dead properties come back equal as XML: names with their namespaces, attributes, elements and
// characters. Comments and processing instructions may go (RFC 4918, section 4.3).
func TestPRO6_ComeBackEqual(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	for n, c := range []string{
		`<a xmlns="z:">text</a>`,
		`<a xmlns=""/>`,
		`<a xmlns="z:"/>`,
		`<p:a xmlns:p="z:"><p:b/><c/><d xmlns="other:"><e xmlns=""/></d></p:a>`,
		`<p:a xmlns:p="z:" p:x="1" x="2" xml:lang="de">mixed <p:b>text</p:b> tail</p:a>`,
		`<a xmlns="z:" x="&lt;&amp;&quot;'&#9;&#10;&#13;">&lt;&amp;&gt;]]&gt; "'</a>`,
		"<a xmlns=\"z:\">\U0001F600 \u00e4 \u4e2d\U0010FFFD</a>",
		`<a xmlns="z:"><![CDATA[<b>&amp;</b>]]></a>`,
		"<a xmlns=\"z:\">  blanks\n\tand lines  </a>",
		`<a xmlns="z:"><!-- gone -->kept<?pi gone?></a>`,
		`<a xmlns="z:" xmlns:q="q:" type="q:name">q:value</a>`,
		`<D:unknown xmlns:D="DAV:"><D:href>/x</D:href></D:unknown>`,
		`<a xmlns="&lt;odd&gt;:"/>`,
		"<\u00e4:\u00f6 xmlns:\u00e4=\"\u00fc:\"/>",
	} {
		if got := s.patchRaw(t, `<D:propertyupdate xmlns:D="DAV:"><D:set xml:lang="en"><D:prop>`+c+`</D:prop></D:set></D:propertyupdate>`); got != 1 {
			t.Errorf("%d: %s was not set", n, c)
			continue
		}
		if !strings.Contains(c, "xml:lang") { // it has the one in whose scope it was sent
			head := regexp.MustCompile(`^<[^ />]+`).FindString(c)
			c = head + ` xml:lang="en"` + c[len(head):]
		}
		want, err := infoset(c)
		if err != nil {
			t.Fatal(err)
		}
		token, err := xml.NewDecoder(strings.NewReader(c)).Token()
		if err != nil {
			t.Fatal(err)
		}
		name := token.(xml.StartElement).Name
		for _, body := range []string{"", `<D:propfind xmlns:D="DAV:"><D:prop>` + string(appendEmpty(nil, name)) + `</D:prop></D:propfind>`} {
			a := s.want(t, 207, "PROPFIND", "/dav/Home/f", body, "Depth: 0")
			_, inner, _ := strings.Cut(a.body, "<D:prop>")
			inner, _, _ = strings.Cut(inner, "</D:prop>")
			got, err := infoset(inner)
			if err != nil || !strings.Contains(got, strings.TrimSuffix(strings.TrimPrefix(want, propOpen), propClose)) {
				t.Errorf("%d: set %s, the answer has\n%s\n%v", n, c, inner, err)
			}
		}
	}
}

// What infoset puts around every text.
var propOpen, propClose = func() (string, string) {
	empty, err := infoset("")
	if err != nil {
		panic(err)
	}
	return strings.TrimSuffix(empty, "</>"), "</>"
}()

// patchRaw sends a PROPPATCH and counts what was done.
func (s *site) patchRaw(t testing.TB, body string) int {
	t.Helper()
	return strings.Count(s.want(t, 207, "PROPPATCH", "/dav/Home/f", body).body, "HTTP/1.1 200 OK")
}

// broken breaks listings off.
type broken struct {
	fileSystem
	after int
	err   error
}

func (b *broken) bottom() *rootFS { return b.fileSystem.(*rootFS) }

func (b *broken) List(name string, fn func(Info) error) error {
	n := 0
	err := b.fileSystem.List(name, func(i Info) error {
		if n++; n > b.after {
			return b.err
		}
		return fn(i)
	})
	return err
}

// PRO-14: a document is whole and well-formed, or the connection is cut.
func TestPRO14_NeverHalf(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const n = 400
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for i := range n {
		if err := os.WriteFile(s.path(s.home, fmt.Sprintf("d/f%03d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil {
		t.Fatal(err)
	}
	b := &broken{}
	s.under(t, s.home, func(f fileSystem) fileSystem { b.fileSystem = f; return b })
	list := func() (status int, body string, err error) {
		r, err := http.NewRequestWithContext(t.Context(), "PROPFIND", s.server.URL+"/dav/Home/d", strings.NewReader(propBody("D:displayname", "D:owner"))) // not kept
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("ann", "secret")
		r.Header.Set("Depth", "1")
		res, err := s.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return res.StatusCode, string(text), err
	}
	for _, after := range []int{0, 1, 390} {
		// Entries that cannot be read are left out of a whole document.
		b.after, b.err = after, &unreadError{&fs.PathError{Op: "list", Path: "d/x", Err: syscall.EIO}}
		status, body, err := list()
		if status != 207 || err != nil || strings.Count(body, "<D:response>") != after+1 || !strings.HasSuffix(body, "</D:multistatus>\n") {
			t.Errorf("left out after %d: %d, %v, %d bytes", after, status, err, len(body))
		}
		// A disk that fails before anything is sent is an error, after it an answer that does not end.
		b.err = &fs.PathError{Op: "list", Path: "d", Err: syscall.EIO}
		status, body, err = list()
		if after < 100 && (status != 500 || err != nil) || after > 100 && (status != 207 || err == nil) || strings.Contains(body, "</D:multistatus>") {
			t.Errorf("broken off after %d: %d, %v, %d bytes", after, status, err, len(body))
		}
	}
	// Names that appear and vanish all the time.
	b.after, b.err = 1<<30, nil
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			from, to := s.path(s.home, fmt.Sprintf("d/f%03d", i%n)), s.path(s.home, fmt.Sprintf("d/<&%d\">", i))
			if os.Rename(from, to) != nil || os.Rename(to, from) != nil {
				return
			}
		}
	})
	for range 30 {
		status, body, err := list()
		if status != 207 || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
		if _, err := infoset(strings.TrimPrefix(body, xmlHead)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	all.Wait()
}

// PRO-15: DAV: is D:, declared on the root; no DAV:location; a property is in one propstat.
func TestPRO15_Prefix(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.patch(t, "/dav/Home/f", set(`<Z:a><Z:b/></Z:a><a xmlns="y:"/>`))
	token := s.lock(t, "/dav/Home/d/new")
	for _, c := range []struct {
		method, target, body string
		headers              []string
	}{
		{"PROPFIND", "/dav/Home/", "", []string{"Depth: 1"}},
		{"PROPFIND", "/dav/Home/d/", "", []string{"Depth: 1"}},
		{"PROPFIND", "/dav/", propBody("D:getetag", "D:none", "Z:a", "A:executable", "W:Win32FileAttributes", "D:getetag"), []string{"Depth: 1"}},
		{"PROPFIND", "/dav/Home/f", `<propfind xmlns="DAV:"><propname/></propfind>`, []string{"Depth: 0"}},
		{"PROPFIND", "/dav/Home/f", propBody("D:owner", "D:current-user-principal", "D:current-user-privilege-set", "D:supported-report-set", "D:supportedlock", "D:lockdiscovery"), []string{"Depth: 0"}},
		{"PROPPATCH", "/dav/Home/f", patchBody(set("<Z:q>1</Z:q><Z:q>2</Z:q><D:getetag/>"), remove("<Z:q/><D:getetag/>")), nil},
		{"PROPFIND", "/dav/Home/", "", []string{"Depth: infinity"}},
		{"PUT", "/dav/Home/d/new", "x", nil},
		{"DELETE", "/dav/Home/d", "", []string{"As: bob"}},
		{"LOCK", "/dav/Home/f", lockBody("exclusive", `<D:owner xmlns:q="q:"><q:me>x</q:me></D:owner>`), nil},
		{"LOCK", "/dav/Home/d/new", "", []string{"If: (<" + token + ">)"}},
	} {
		a := s.do(t, c.method, c.target, c.body, c.headers...)
		d := xml.NewDecoder(strings.NewReader(a.body))
		depth, clients := 0, 0
		names := map[string]bool{}
		for {
			token, err := d.RawToken()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s %s: %v in\n%s", c.method, c.target, err, a.body)
			}
			switch token := token.(type) {
			case xml.StartElement:
				depth++
				declares := false
				for _, attr := range token.Attr {
					declares = declares || attr.Value == "DAV:" && attr.Name.Space == "xmlns" && attr.Name.Local == "D"
					if attr.Value == "DAV:" && attr.Name.Space == "" {
						t.Errorf("%s %s: DAV: is the default namespace in\n%s", c.method, c.target, a.body)
					}
				}
				if depth == 1 && !declares {
					t.Errorf("%s %s: the root does not declare D in\n%s", c.method, c.target, a.body)
				}
				if token.Name.Space == "" && clients == 0 && token.Name.Local != "a" {
					t.Errorf("%s %s: <%s> has no prefix in\n%s", c.method, c.target, token.Name.Local, a.body)
				}
				if token.Name.Local == "location" {
					t.Errorf("%s %s: %s", c.method, c.target, a.body)
				}
				if token.Name.Local == "response" {
					names = map[string]bool{}
				}
				if depth == 5 && c.method != "LOCK" { // multistatus, response, propstat, prop
					name := token.Name.Space + ":" + token.Name.Local
					if names[name] && token.Name.Space == "D" {
						t.Errorf("%s %s: %s is there twice in\n%s", c.method, c.target, name, a.body)
					}
					names[name] = true
				}
			case xml.EndElement:
				depth--
			}
		}
		if depth != 0 || a.body == "" {
			t.Errorf("%s %s: %d %s", c.method, c.target, a.status, a.body)
		}
	}
}

// PRO-12: what of Prefer and Brief was understood is said, however it is spelled.
func TestPRO12_Spellings(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	for _, c := range []struct {
		headers         []string
		minimal, noRoot bool
		applied         string
	}{
		{[]string{"Prefer: return=minimal"}, true, false, "return=minimal"},
		{[]string{"Prefer: Return = Minimal"}, true, false, "return=minimal"},
		{[]string{`Prefer: return="minimal"; foo=bar`}, true, false, "return=minimal"},
		{[]string{"Prefer: wait=10, depth-noroot;x, respond-async", "Prefer: return=minimal, return=minimal"}, true, true, "depth-noroot, return=minimal"},
		{[]string{"Prefer: return=representation"}, false, false, ""},
		{[]string{"Prefer: return=representation, return=minimal"}, false, false, ""}, // the first counts (RFC 7240, section 2)
		{[]string{"Prefer: ,;=,return"}, false, false, ""},
		{[]string{"Brief: T"}, true, false, ""},
		{[]string{"Brief: f", "Prefer: return=minimal"}, true, false, "return=minimal"},
	} {
		a := s.want(t, 207, "PROPFIND", "/dav/Home/", propBody("D:getetag", "Z:none"), append(c.headers, "Depth: 1")...)
		if got := a.header.Get("Preference-Applied"); got != c.applied || a.header.Get("Vary") != "Brief, Prefer" {
			t.Errorf("%q: Preference-Applied %q, Vary %q", c.headers, got, a.header.Get("Vary"))
		}
		if strings.Contains(a.body, "none") == c.minimal || strings.Contains(a.body, "<D:href>/dav/Home/</D:href>") == c.noRoot {
			t.Errorf("%q: %s", c.headers, a.body)
		}
	}
	if a := s.want(t, 207, "PROPFIND", "/dav/", "", "Prefer: depth-noroot", "Depth: 1"); strings.Contains(a.body, "<D:href>/dav/</D:href>") || strings.Count(a.body, "<D:response>") != 4 {
		t.Errorf("/dav/: %s", a.body)
	}
	a := s.want(t, 200, "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>1</Z:a>")), "Prefer: return=minimal")
	if a.body != "" || a.header.Get("Preference-Applied") != "return=minimal" || a.header.Get("Vary") != "Brief, Prefer" {
		t.Errorf("PROPPATCH: %v %q", a.header, a.body)
	}
	s.want(t, 200, "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>2</Z:a>")), "Brief: t")
	if got := s.dead(t, "/dav/Home/f"); got != "2" {
		t.Errorf("set %q", got)
	}
}

// The collection that was asked for comes first, also if it has properties that are read from rows: client
// libraries take the first response for it.
func TestCLI6_CollectionFirst(t *testing.T) {
	s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/dir", "")
	s.want(t, 201, "MKCOL", "/dav/Home/dir/sub", "")
	s.want(t, 201, "PUT", "/dav/Home/dir/f", "x")
	for _, target := range []string{"/dav/Home/", "/dav/Home/dir/", "/dav/Home/dir/f"} {
		s.patch(t, target, set("<Z:a>row</Z:a>"))
	}
	for _, target := range []string{"/dav/", "/dav/Home/", "/dav/Home/dir/"} {
		for _, depth := range []string{"1", "infinity"} {
			if target == "/dav/" && depth != "1" {
				continue // is never answered
			}
			for range 3 { // listings that are asked for again may be kept
				a := s.want(t, 207, "PROPFIND", target, "", "Depth: "+depth)
				_, rest, _ := strings.Cut(a.body, "<D:href>")
				if first, _, _ := strings.Cut(rest, "</D:href>"); first != target {
					t.Errorf("Depth %s of %s begins with %s", depth, target, first)
				}
			}
		}
	}
}

// ACL-1: the privileges that are shown are those that the methods grant, each tried.
func TestACL1_PrivilegesAreTrue(t *testing.T) {
	for _, user := range []string{"ann", "bob", "cid", "root", "ann's reading token"} {
		for _, target := range []string{"/dav/", "/dav/Home/", "/dav/Home/dir/", "/dav/Home/dir/f"} {
			d := newDoor(t, HandlerOptions{})
			d.write(t, "dir/f", "x")
			d.write(t, "dir/sub/g", "x")
			if _, err := d.Scan(t.Context(), d.home.ID); err != nil {
				t.Fatal(err)
			}
			shown := readAnswer(t, d.want(t, 207, user, "PROPFIND", target, propBody("D:current-user-privilege-set"), "Depth: 0"))[target]["DAV:current-user-privilege-set"]
			has := func(name string) bool { return strings.Contains(shown, "<D:"+name+"/>") }
			allowed := func(method, at, body string, headers ...string) bool {
				t.Helper()
				w := d.do(t, user, method, at, body, headers...)
				if w.Code != 403 && w.Code >= 400 {
					t.Fatalf("%s: %s %s: %d %s", user, method, at, w.Code, w.Body)
				}
				return w.Code < 400
			}
			dir := strings.HasSuffix(target, "/")
			tries := map[string]bool{
				"read":                            allowed("GET", target, "") && allowed("PROPFIND", target, "", "Depth: 0"),
				"read-current-user-privilege-set": shown != "",
				"write-properties":                allowed("PROPPATCH", target, patchBody(set("<Z:a>1</Z:a>"))),
			}
			if target != "/dav/" {
				// ann's lock: others may take it away only with the privilege.
				at := target + "locked"
				if !dir {
					at = target
				}
				token := d.lock(t, "ann", at, lockBody("exclusive", ""))
				if user != "ann" {
					tries["unlock"] = allowed("UNLOCK", at, "", "Lock-Token: <"+token+">")
				}
				d.do(t, "ann", "UNLOCK", at, "", "Lock-Token: <"+token+">")
			}
			if dir {
				tries["bind"] = allowed("PUT", target+"new", "x")
				for _, other := range []bool{allowed("MKCOL", target+"newdir", ""), allowed("COPY", "/dav/Home/dir/f", "", "Destination: "+target+"copy")} {
					if other != tries["bind"] {
						t.Errorf("%s: not all ways to make a member of %s are alike", user, target)
					}
				}
				if target != "/dav/" {
					d.want(t, 201, "ann", "PUT", target+"gone", "x")
					tries["unbind"] = allowed("DELETE", target+"gone", "")
				} else {
					tries["unbind"] = allowed("DELETE", "/dav/Home/", "")
				}
			} else {
				tries["write-content"] = allowed("PUT", target, "new")
			}
			for name, could := range tries {
				if has(name) != could {
					t.Errorf("%s at %s: %s is shown: %v, is granted: %v (%s)", user, target, name, has(name), could, shown)
				}
			}
			if has("write") != (tries["write-properties"] && (tries["write-content"] || tries["bind"] && tries["unbind"])) {
				t.Errorf("%s at %s: write is shown: %v", user, target, has("write"))
			}
		}
	}
}

// PRO-13: Depth infinity is answered where it is switched on, up to a number of entries and a time; what is
// not listed any more is named.
func TestPRO13_InfinityIsBounded(t *testing.T) {
	s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
	for i := range 10 {
		s.want(t, 201, "MKCOL", fmt.Sprintf("/dav/Home/d%d", i), "")
		for j := range 5 {
			s.want(t, 201, "PUT", fmt.Sprintf("/dav/Home/d%d/f%d", i, j), "")
		}
	}
	for _, c := range []struct {
		bounds  listBounds
		entries int
		cut     bool
	}{
		{infiniteBounds, 61, false},
		{listBounds{20, time.Hour}, 21, true}, // what is begun is listed to its end
		{listBounds{1 << 20, -1}, 0, true},
	} {
		s.h.bounds = c.bounds
		for _, depth := range []string{"Depth: infinity", "X: y"} { // which a missing one means
			a := s.want(t, 207, "PROPFIND", "/dav/Home/", propBody("D:getetag"), depth)
			listed := strings.Count(a.body, "HTTP/1.1 200 OK")
			if cut := strings.Contains(a.body, "<D:status>HTTP/1.1 507 Insufficient Storage</D:status>"); cut != c.cut || listed < c.entries || listed > c.entries+5 {
				t.Errorf("%+v: %d listed, cut %v\n%s", c.bounds, listed, cut, a.body)
			}
			if _, err := infoset(strings.TrimPrefix(a.body, xmlHead)); err != nil {
				t.Error(err)
			}
		}
	}
	s.want(t, 207, "PROPFIND", "/dav/Home/", "", "Depth: 1")
	s.want(t, 403, "PROPFIND", "/dav/", "", "Depth: infinity") // all folders at once never
}
