package davfs

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"davit/store"
)

// reportBody is a body of REPORT with D as DAV:.
func reportBody(root, inner string) string {
	return `<?xml version="1.0"?><D:` + root + ` xmlns:D="DAV:">` + inner + `</D:` + root + `>`
}

const expandOwner = `<D:property name="owner"><D:property name="displayname"/><D:property name="none"/><D:property name="principal-URL"><D:property name="resourcetype"/></D:property></D:property>` +
	`<D:property name="getcontentlength"/><D:property name="x" namespace="z:"/>`

// REP-1: the body's root element says which report is meant; what a resource does not have is refused, and
// supported-report-set tells neither more nor less.
func TestREP1_Dispatch(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	reports := map[string]string{
		"expand-property":        reportBody("expand-property", `<D:property name="displayname"/>`),
		"sync-collection":        reportBody("sync-collection", `<D:sync-token/><D:sync-level>1</D:sync-level><D:prop/>`),
		"version-tree":           reportBody("version-tree", ""),
		"acl-principal-prop-set": reportBody("acl-principal-prop-set", ""),
	}
	for _, target := range []string{"/dav/Home/f", "/dav/Home/d/", "/dav/Home/", "/dav/", "/", "/principals/ann", "/principals/"} {
		all := s.want(t, 207, "PROPFIND", target, propBody("D:supported-report-set"), "Depth: 0").props(t)
		set := all[target]["DAV:supported-report-set"]
		for name, body := range reports {
			a := s.do(t, "REPORT", target, body)
			listed := strings.Contains(set, "<D:supported-report><D:report><D:"+name+"/></D:report></D:supported-report>")
			refused := a.status == 403 && strings.Contains(a.body, "<D:supported-report/>")
			if listed == refused || listed && a.status != 207 {
				t.Errorf("%s: %s is listed: %v, and gets %d %s", target, name, listed, a.status, a.body)
			}
		}
		if !strings.Contains(set, "expand-property") {
			t.Errorf("%s: supported-report-set %s", target, set)
		}
	}
	for _, c := range []struct {
		target, body, depth string
		status              int
	}{
		{"/dav/Home/f", "", "0", 400}, {"/dav/Home/f", "<", "0", 400}, {"/dav/Home/f", `<a:b/>`, "0", 400},
		{"/dav/Home/f", `<expand-property xmlns="z:"/>`, "0", 403},
		{"/dav/Home/f", `<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav"/>`, "0", 403},
		{"/dav/Home/f", `<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav">`, "0", 400},
		{"/dav/Home/none", reports["expand-property"], "0", 404}, {"/dav/Nowhere", reports["expand-property"], "0", 404},
		{"/dav/Secret/", reports["expand-property"], "0", 404},
		{"/dav/Home/f", reports["expand-property"], "2", 400}, {"/dav/Home/", reports["expand-property"], "infinity", 403},
		{"/dav/Home/f", strings.Repeat(" ", maxXMLBody+1), "0", 413},
	} {
		if a := s.do(t, "REPORT", c.target, c.body, "Depth: "+c.depth); a.status != c.status {
			t.Errorf("%s %.60q Depth %s: %d %s, want %d", c.target, c.body, c.depth, a.status, a.body, c.status)
		}
	}
	s.want(t, 401, "REPORT", "/dav/Home/", reports["expand-property"], "As: ")
	for _, target := range []string{"/dav/Home/f", "/dav/Home/d", "/dav/", "/principals/", "/principals/ann"} {
		if a := s.do(t, "POST", target, ""); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "REPORT") {
			t.Errorf("%s: %d, Allow %q", target, a.status, a.header.Get("Allow"))
		}
		if a := s.want(t, 200, "OPTIONS", target, ""); !strings.Contains(a.header.Get("Allow"), "REPORT") {
			t.Errorf("OPTIONS %s: Allow %q", target, a.header.Get("Allow"))
		}
	}
}

// REP-3: properties whose values name principals are expanded, to any depth of the request.
func TestREP3_ExpandProperty(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Shared/f", "12345", "As: bob")
	const nested = `<D:response><D:href>/principals/bob</D:href><D:propstat><D:prop><D:displayname>bob</D:displayname><D:principal-URL><D:response><D:href>/principals/bob</D:href>` +
		`<D:propstat><D:prop><D:resourcetype><D:principal/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:principal-URL></D:prop>` +
		`<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><D:none/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>`
	all := s.want(t, 207, "REPORT", "/dav/Shared/", reportBody("expand-property", expandOwner), "Depth: 1").props(t)
	if len(all) != 2 || all["/dav/Shared/"]["DAV:owner"] != nested || all["/dav/Shared/f"]["DAV:owner"] != nested || all["/dav/Shared/f"]["DAV:getcontentlength"] != "5" {
		t.Errorf("%v", all)
	}
	me := reportBody("expand-property", `<D:property name="current-user-principal"><D:property name="displayname"/></D:property>`)
	for _, target := range []string{"/dav/Shared/f", "/dav/", "/", "/principals/", "/principals/ann"} {
		a := s.want(t, 207, "REPORT", target, me)
		if !strings.Contains(a.body, "<D:displayname>ann</D:displayname>") {
			t.Errorf("%s: %s", target, a.body)
		}
	}
	if a := s.want(t, 207, "REPORT", "/dav/", reportBody("expand-property", expandOwner)); !strings.Contains(a.body, "<D:owner/>") {
		t.Errorf("/dav/ has an owner: %s", a.body)
	}
	for _, bad := range []string{`<D:property/>`, `<D:property name=""/>`, `<D:property name="a b"/>`, `<D:property name="a:b"/>`, `<D:property name="x/&gt;&lt;y"/>`,
		`<D:property name="1"/>`, `<D:property name="a" namespace="http://www.w3.org/2000/xmlns/"/>`} {
		s.want(t, 400, "REPORT", "/dav/Home/", reportBody("expand-property", bad))
	}
	s.want(t, 413, "REPORT", "/dav/Home/", reportBody("expand-property", strings.Repeat(`<D:property name="a"/>`, maxXMLProperties+1)))
}

// REP-3, PRO-2: the URL of a principal answers, for whoever may know of it.
func TestREP3_Principals(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, depth := range []string{"0", "1", "infinity"} {
		all := s.want(t, 207, "PROPFIND", "/principals/ann", propBody("D:displayname", "D:resourcetype", "D:principal-URL", "D:current-user-principal", "D:alternate-URI-set",
			"D:group-membership", "D:getetag"), "Depth: "+depth).props(t)
		got, ok := all["/principals/ann"]
		want := map[string]string{"DAV:displayname": "ann", "DAV:resourcetype": "<D:principal/>", "DAV:principal-URL": "<D:href>/principals/ann</D:href>",
			"DAV:current-user-principal": "<D:href>/principals/ann</D:href>", "DAV:alternate-URI-set": "", "DAV:group-membership": ""}
		for name, value := range want {
			if v, has := got[name]; !ok || !has || v != value {
				t.Errorf("%s is %q, want %q", name, v, value)
			}
		}
		if len(got) != len(want) || len(all) != 1 {
			t.Errorf("Depth %s: %v", depth, all)
		}
	}
	if all := s.want(t, 207, "PROPFIND", "/principals", allprop, "Depth: 1").props(t); len(all) != 1 || all["/principals/"]["DAV:resourcetype"] != "<D:collection/>" {
		t.Errorf("/principals: %v", all)
	}
	for _, c := range []struct {
		as, method, target string
		status             int
	}{
		{"ann", "PROPFIND", "/principals/bob", 207}, // of Shared, which she sees
		{"bob", "PROPFIND", "/principals/ann", 207},
		{"ann", "PROPFIND", "/principals/an%6e", 207},
		{"ann", "PROPFIND", "/principals/eve", 404},
		{"ann", "REPORT", "/principals/eve", 404},
		{"ann", "PROPFIND", "/principals/ann/x", 404},
		{"ann", "PROPFIND", "/principals/:", 404},
		{"ann", "PROPFIND", "/principals/:zz", 404},
		{"ann", "PROPFIND", "/principalsx", 404},
		{"ann", "GET", "/principals/ann", 405},
		{"ann", "PUT", "/principals/ann", 405},
		{"ann", "GET", "/principals/eve", 404},
		{"ann", "DELETE", "/principals/", 405},
		{"", "PROPFIND", "/principals/ann", 401},
	} {
		a := s.do(t, c.method, c.target, "", "As: "+c.as)
		if a.status != c.status || c.status == 405 && a.header.Get("Allow") != allowPrincipal {
			t.Errorf("%s %s by %q: %d, Allow %q, want %d", c.method, c.target, c.as, a.status, a.header.Get("Allow"), c.status)
		}
	}
	s.want(t, 201, "PUT", "/dav/Home/f", "")
	s.want(t, 403, "COPY", "/dav/Home/f", "", "Destination: /principals/f")
}

// Every user name has a URL of its own that leads back to it, also such that no path segment can be.
func TestREP3_PrincipalNames(t *testing.T) {
	for _, name := range []string{"ann", ".", "..", "...", `dom\ann`, "a b", "a%2Fb", "50% :2F", "a:b", "a/b", "Zoë", "x\x01\x7f", "~", "&<>\"';", strings.Repeat("\U0001F600", 64), "a.b"} {
		href := string(appendPrincipal(nil, name))
		p, err := parsePath(href)
		if err != nil || !p.Principals || p.User != name {
			t.Errorf("%q: %s is %+v, %v", name, href, p, err)
		}
		if strings.HasSuffix(href, "/.") || strings.HasSuffix(href, "/..") || strings.ContainsAny(href, `&<>"' \`) || hrefOf(p, false) != href {
			t.Errorf("%q: href %s", name, href)
		}
	}
	// Through the door, with a name that needs it.
	d := newDoor(t, HandlerOptions{})
	d.home.OwnerName = `corp\ann`
	all := readAnswer(t, d.want(t, 207, "bob", "PROPFIND", "/dav/Home/", propBody("D:owner"), "Depth: 0"))
	href := strings.TrimSuffix(strings.TrimPrefix(all["/dav/Home/"]["DAV:owner"], "200 <D:href>"), "</D:href>")
	got := readAnswer(t, d.want(t, 207, "bob", "PROPFIND", href, propBody("D:displayname"), "Depth: 0"))
	if got[href]["DAV:displayname"] != `200 corp\ann` {
		t.Errorf("%s: %v", href, got)
	}
}

func FuzzPrincipal(f *testing.F) {
	f.Add("ann")
	f.Add(`..:2F\`)
	f.Fuzz(func(t *testing.T, name string) {
		p, err := parsePath(string(appendPrincipal(nil, name)))
		if err != nil || !p.Principals || p.User != name {
			t.Fatalf("%q: %+v, %v", name, p, err)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(reportBody("expand-property", expandOwner)))
	f.Add([]byte(reportBody("version-tree", "")))
	f.Add([]byte(syncBody(syncTokens+"abc:17:5:Ly9h", "infinite", 10)))
	f.Fuzz(func(t *testing.T, body []byte) {
		rep, err := parseReport(body)
		if err != nil {
			if status := errStatus(t, err); status != http.StatusBadRequest && status != http.StatusForbidden && status != http.StatusRequestEntityTooLarge {
				t.Fatalf("status %d", status)
			}
			return
		}
		if rep.expand != nil {
			// The names come back as elements: the answer must stay XML.
			d := described{Info: Info{Dir: true}, owner: "ann", caller: store.Principal{UserName: "bob"}}
			b := d.appendResponse([]byte(`<x xmlns:D="DAV:">`), rep.expand, nil, true)
			if _, err := infoset(string(b) + "</x>"); err != nil && utf8.Valid(body) {
				t.Fatalf("%v: %s", err, b)
			}
		}
	})
}
