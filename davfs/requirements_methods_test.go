package davfs

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// OPTIONS tells everybody the same about every path (MET-1, MET-2, MET-3).
func TestMET1_Options(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	first := ""
	for _, target := range []string{"*", "/", "/dav", "/dav/", "/davx", "/elsewhere/x", "/dav/Home", "/dav/Home/", "/dav/Home/f", "/dav/Home/d/", "/dav/Home/none", "/dav/Secret/hidden", "/dav/Nowhere/x", "/dav/Home/a%2Fb", "/dav/Home/../x"} {
		for _, as := range []string{"As: ann", "As: bob", "As: busy", "As: "} {
			a := s.want(t, 200, "OPTIONS", target, "", as)
			a.header.Del("Date")
			if got := fmt.Sprint(a.header, a.body); first == "" {
				first = got
			} else if got != first {
				t.Errorf("%s %s: %s, want %s", target, as, got, first)
			}
		}
	}
	a := s.want(t, 200, "OPTIONS", "/", "", "As: ")
	if a.header.Get("DAV") != davClasses[0] || a.header.Get("MS-Author-Via") != "DAV" || a.header.Get("Content-Length") != "0" {
		t.Errorf("header %v", a.header)
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "OPTIONS"} {
		if !strings.Contains(", "+a.header.Get("Allow")+",", " "+method+",") {
			t.Errorf("Allow %q lacks %s", a.header.Get("Allow"), method)
		}
	}
}

// MET-2: every answer says that this is WebDAV, and without credentials each but OPTIONS is 401.
func TestMET2_Unauthenticated(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "POST"} {
		for _, target := range []string{"/", "/dav/", "/dav/Home", "/dav/Home/f", "/dav/Home/none", "/dav/Nowhere"} {
			a := s.want(t, 401, method, target, "", "As: ", "Destination: /dav/Home/g")
			if a.header.Get("DAV") != davClasses[0] || a.header.Get("MS-Author-Via") != "DAV" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s %s: %v", method, target, a.header)
			}
		}
	}
	if s.read(t, "/dav/Home/f") != "f" {
		t.Error("the file changed")
	}
}

// MET-4: above the folders PROPFIND answers, with as little as there is.
func TestMET4_Above(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, c := range []struct {
		target, depth string
		status        int
		hrefs         int
	}{
		{"/", "0", 207, 1}, {"/", "1", 207, 2}, {"/dav", "0", 207, 1}, {"/dav/", "1", 207, 5}, {"/elsewhere", "0", 404, 0}, {"/davx/", "1", 404, 0}, {"/", "infinity", 403, 0}, {"/dav/Nowhere", "0", 404, 0},
	} {
		a := s.want(t, c.status, "PROPFIND", c.target, "", "Depth: "+c.depth)
		if c.status == 207 && len(a.props(t)) != c.hrefs || strings.Contains(a.body, "Secret") {
			t.Errorf("%s: %s", c.target, a.body)
		}
	}
}

// MET-5: 501 for what is no method of ours, 405 with Allow for what does not fit.
func TestMET5_Methods(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	for _, c := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"FROB", "/dav/Home/f", 501, ""}, {"get", "/dav/Home/f", 501, ""}, {"BIND", "/dav/", 501, ""}, {"FROB", "/dav/Home/none", 501, ""},
		{"POST", "/dav/Home/f", 405, allowFile}, {"POST", "/dav/Home/d", 405, allowCollection}, {"POST", "/dav/Home/", 405, allowCollection}, {"POST", "/dav/Home/none", 405, allowUnmapped},
		{"POST", "/dav/", 405, allowRoot}, {"POST", "/", 405, allowRoot}, {"PATCH", "/dav/", 405, allowRoot}, {"PATCH", "/dav/Home/d", 405, allowCollection},
		{"SEARCH", "/dav/", 405, allowRoot}, {"TRACE", "/dav/Home/f", 405, allowFile}, {"UNLOCK", "/dav/", 405, allowRoot},
		{"PUT", "/dav/Home/d", 405, allowCollection}, {"MKCOL", "/dav/Home/f", 405, allowFile}, {"MKCOL", "/dav/Home/d", 405, allowCollection}, {"MKCOL", "/dav/Home", 405, allowCollection},
		{"PUT", "/dav/", 403, ""}, {"MKCOL", "/dav/Nowhere", 403, ""}, {"LOCK", "/dav/", 403, ""}, {"LOCK", "/dav/Nowhere", 403, ""}, {"DELETE", "/dav/", 403, ""}, // D6
	} {
		a := s.do(t, c.method, c.target, "")
		if a.status != c.status || a.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d %q", c.method, c.target, a.status, a.header.Get("Allow"), c.status, c.allow)
		}
	}
}

// MET-6: headers of Windows and unknown ones change nothing.
func TestMET6_IgnoredHeaders(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	odd := []string{"Translate: f", "Apply-To-Redirect-Ref: T", "X-MSDAVEXT: PROPFIND", "X-Whatever: 1"}
	s.want(t, 201, "PUT", "/dav/Home/f.asp", "source", odd...)
	if a := s.want(t, 200, "GET", "/dav/Home/f.asp", "", odd...); a.body != "source" {
		t.Errorf("%q", a.body)
	}
	s.want(t, 201, "MOVE", "/dav/Home/f.asp", "", append(odd, "Destination: /dav/Home/g")...)
}

// MET-8: errors are XML with the standard's condition, or plain text, and say nothing of the disk (see do).
func TestMET8_ErrorBodies(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.lock(t, "/dav/Home/f", "As: bob")
	for _, c := range []struct {
		method, target, body string
		status               int
		condition            string
		headers              []string
	}{
		{"PUT", "/dav/Shared/x", "x", 403, "need-privileges", nil},
		{"PUT", "/dav/Home/f", "x", 423, "lock-token-submitted><D:href>/dav/Home/f</D:href", nil},
		{"LOCK", "/dav/Home/f", lockBody("exclusive", ""), 423, "no-conflicting-lock><D:href>/dav/Home/f</D:href", nil},
		{"UNLOCK", "/dav/Home/f", "", 409, "lock-token-matches-request-uri", []string{"Lock-Token: <urn:uuid:0>"}},
		{"PROPFIND", "/dav/Home/", "", 403, "propfind-finite-depth", []string{"Depth: infinity"}},
		{"PROPFIND", "/dav/Home/", "", 403, "propfind-finite-depth", nil},
		{"PUT", "/dav/Small/x", strings.Repeat("x", 1001), 507, "quota-not-exceeded", nil},
		{"GET", "/dav/Home/none", "", 404, "", nil}, {"PUT", "/dav/Home/none/x", "", 409, "", nil}, {"MKCOL", "/dav/Home/d", "", 405, "", nil},
		{"GET", "/dav/Home/f", "", 412, "", []string{`If-Match: "x"`}}, {"PROPFIND", "/dav/Home/f", "<x", 400, "", []string{"Depth: 0"}}, {"FROB", "/", "", 501, "", nil},
	} {
		a := s.do(t, c.method, c.target, c.body, c.headers...)
		kind := a.header.Get("Content-Type")
		if a.status != c.status || len(a.body) == 0 {
			t.Errorf("%s %s: %d %q, want %d", c.method, c.target, a.status, a.body, c.status)
		}
		if c.condition == "" {
			if kind != "text/plain; charset=utf-8" {
				t.Errorf("%s %s: %s", c.method, c.target, kind)
			}
			continue
		}
		var e struct {
			XMLName xml.Name `xml:"DAV: error"`
		}
		if err := xml.Unmarshal([]byte(a.body), &e); err != nil || kind != `application/xml; charset="utf-8"` || !strings.Contains(a.body, "<D:"+c.condition) {
			t.Errorf("%s %s: %v %s %s", c.method, c.target, err, kind, a.body)
		}
	}
}

// STA-3: what passes is 503 with Retry-After.
func TestSTA3_Busy(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	for _, method := range []string{"GET", "PUT", "PROPFIND", "LOCK", "DELETE"} {
		if a := s.want(t, 503, method, "/dav/Home/f", "", "As: busy"); a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", method, a.header)
		}
	}
}

// D13, STA-1: a 507 says which limit, and how much is missing; nothing is changed and nothing stays reserved.
func TestSTA1_D13_QuotaBodies(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Small/f", strings.Repeat("f", 900))
	s.want(t, 201, "PUT", "/dav/Home/big", strings.Repeat("b", 950))
	refused := func(words, method, target, body string, headers ...string) {
		t.Helper()
		a := s.want(t, 507, method, target, body, headers...)
		if !strings.Contains(a.body, "quota-not-exceeded") || !strings.Contains(a.body, words) {
			t.Errorf("%s %s: %s, want %q", method, target, a.body, words)
		}
		s.sound(t)
	}
	const limit = "limit of 1000 bytes is reached: 900 used, 0 reserved by running uploads, "
	refused(limit+"101 more needed, 1 missing", "PUT", "/dav/Small/new", strings.Repeat("x", 101))
	refused(`<E:limit xmlns:E="urn:davit:error" kind="folder-bytes" max="1000" used="900" reserved="0" needed="101" missing="1"/>`,
		"PUT", "/dav/Small/new", strings.Repeat("x", 101))
	refused(limit+"200 more needed, 100 missing", "PUT", "/dav/Small/f", strings.Repeat("x", 1100)) // a replacement needs the difference
	refused(limit+"950 more needed, 850 missing", "COPY", "/dav/Home/big", "", "Destination: /dav/Small/big")
	refused(limit+"950 more needed, 850 missing", "MOVE", "/dav/Home/big", "", "Destination: /dav/Small/big")
	refused(limit, "COPY", "/dav/Small/f", "", "Destination: /dav/Small/copy")
	w := s.dial(t)
	w.send("PUT /dav/Small/new", "65\r\n"+strings.Repeat("x", 101)+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
	if a := w.answer("PUT"); a.status != 507 {
		t.Errorf("chunked: %d %s", a.status, a.body)
	}
	for n := range 5 {
		s.want(t, 201, "MKCOL", fmt.Sprint("/dav/Small/d", n), "")
	}
	const files = "limit of 6 files is reached: 6 used, 0 reserved by running uploads, 1 more needed, 1 missing"
	refused(files, "PUT", "/dav/Small/new", "")
	refused(files, "MKCOL", "/dav/Small/new", "")
	refused(files, "LOCK", "/dav/Small/new", lockBody("exclusive", ""))
	refused(files, "COPY", "/dav/Small/d1", "", "Destination: /dav/Small/d0/new")
	s.want(t, 201, "PUT", "/dav/Home/small", "")
	refused(files, "MOVE", "/dav/Home/small", "", "Destination: /dav/Small/d0/new")
	if s.read(t, "/dav/Small/f") != strings.Repeat("f", 900) || s.read(t, "/dav/Home/big") != strings.Repeat("b", 950) {
		t.Error("a refused request changed something")
	}
	// What needs nothing is done at the limit too.
	s.want(t, 204, "PUT", "/dav/Small/f", strings.Repeat("g", 900))
	s.want(t, 204, "COPY", "/dav/Small/d1", "", "Destination: /dav/Small/d2")
	s.want(t, 201, "MOVE", "/dav/Small/f", "", "Destination: /dav/Small/d0/f")
	s.want(t, 204, "MOVE", "/dav/Home/big", "", "Destination: /dav/Small/d0/f")
	s.want(t, 204, "DELETE", "/dav/Small/d0", "")
}

// QUO-1: what an upload announced is taken while it runs, shows in RFC 4331's properties, and comes back when it breaks off.
func TestQUO1_Reserved(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	available := func() string {
		for _, p := range s.want(t, 207, "PROPFIND", "/dav/Small/", propBody("D:quota-available-bytes", "D:quota-used-bytes"), "Depth: 0").props(t) {
			return p["DAV:quota-used-bytes"] + "+" + p["DAV:quota-available-bytes"]
		}
		return ""
	}
	before := s.count()
	w := s.dial(t)
	w.send("PUT /dav/Small/f", "", "Content-Length: 700", "Expect: 100-continue")
	if a := w.answer("PUT"); a.status != 100 {
		t.Fatal(a.status)
	}
	if got := available(); got != "0+300" {
		t.Errorf("used and available %s while 700 are on the way", got)
	}
	a := s.want(t, 507, "PUT", "/dav/Small/g", strings.Repeat("x", 301))
	if !strings.Contains(a.body, "700 reserved by running uploads") {
		t.Errorf("body %s", a.body)
	}
	s.want(t, 201, "PUT", "/dav/Small/g", strings.Repeat("x", 300))
	w.SetLinger(0)
	w.Close()
	s.await(before, 4)
	if got := available(); got != "300+700" {
		t.Errorf("used and available %s after it broke off", got)
	}
	s.want(t, 201, "PUT", "/dav/Small/f", strings.Repeat("x", 700))
}

// QUO-1: parallel uploads fill a folder to its limit and not beyond.
func TestQUO1_Parallel(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	var all sync.WaitGroup
	var stored atomic.Int64
	for n := range 12 {
		all.Go(func() {
			switch a := s.do(t, "PUT", fmt.Sprint("/dav/Small/f", n), strings.Repeat("x", 300)); a.status {
			case 201:
				stored.Add(1)
			case 507:
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if stored.Load() != 3 {
		t.Errorf("%d files of 300 bytes in 1000", stored.Load())
	}
}

// SEC-1: what would cost the server much is refused.
func TestSEC1_Bodies(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	deep := strings.Repeat("<x>", 70) + strings.Repeat("</x>", 70)
	for name, inner := range map[string]string{
		"large": `<D:prop><D:x>` + strings.Repeat("x", 1<<20) + `</D:x></D:prop>`, "deep": "<D:prop>" + deep + "</D:prop>", "elements": "<D:prop>" + strings.Repeat("<D:getetag/>", 2100) + "</D:prop>",
	} {
		for method, root := range map[string]string{"PROPFIND": "propfind", "PROPPATCH": "propertyupdate", "LOCK": "lockinfo"} {
			if method == "PROPPATCH" {
				inner = "<D:set>" + inner + "</D:set>"
			}
			a := s.do(t, method, "/dav/Home/f", `<D:`+root+` xmlns:D="DAV:">`+inner+`</D:`+root+`>`, "Depth: 0")
			if a.status != 413 && a.status != 400 {
				t.Errorf("%s %s: %d", method, name, a.status)
			}
		}
	}
	for _, method := range []string{"PROPFIND", "PROPPATCH", "LOCK"} {
		for _, body := range []string{`<!DOCTYPE x [<!ENTITY a "b">]><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, `<!DOCTYPE x SYSTEM "file:///etc/passwd"><x>&x;</x>`, `<D:propfind><D:allprop/></D:propfind>`} {
			if a := s.do(t, method, "/dav/Home/f", body, "Depth: 0"); a.status != 400 {
				t.Errorf("%s %s: %d", method, body, a.status)
			}
		}
	}
}

// SEC-7: a sender must keep going; how long it takes in all does not matter.
func TestSEC7_Pace(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.h.pacing = pacing{stall: 700 * time.Millisecond, window: 100 * time.Millisecond, bytes: 10}
	for _, c := range []struct {
		name   string
		send   int // bytes at a time
		times  int
		status []int
	}{
		{"nothing after the first byte", 1, 1, []int{400, 408}},
		{"too few", 1, 40, []int{408}},
		{"slow and long", 10, 40, []int{201}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.dial(t)
			w.send("PUT /dav/Home/"+strings.ReplaceAll(c.name, " ", "_"), "", "Content-Length: 400")
			var sender sync.WaitGroup
			sender.Go(func() {
				for range c.times {
					if _, err := io.WriteString(w, strings.Repeat("x", c.send)); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
			})
			a := w.answer("PUT")
			sender.Wait()
			if !strings.Contains(fmt.Sprint(c.status), fmt.Sprint(a.status)) {
				t.Errorf("status %d, want one of %v: %s", a.status, c.status, a.body)
			}
		})
	}
}

// logged is a ResponseWriter of the server's log.
type logged struct {
	*httptest.ResponseRecorder
	user, path, destination string
}

func (l *logged) SetLog(user, path, destination string) {
	l.user, l.path, l.destination = user, path, destination
}

// SEC-8: the log hears who did what to which resource by its canonical name, and no secrets.
func TestSEC8_Log(t *testing.T) {
	var out bytes.Buffer
	s := newSite(t, HandlerOptions{Log: slog.New(slog.NewJSONHandler(&out, nil))}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	token := s.lock(t, "/dav/Home/f")
	for _, c := range []struct{ method, target, destination, path, to string }{
		{"GET", "/dav/Home//f/", "", "/dav/" + s.home.ID + "/f", ""},
		{"COPY", "/dav/Home/%66", "/dav/Other/a%20b", "/dav/" + s.home.ID + "/f", "/dav/" + s.other.ID + "/a b"},
		{"PROPFIND", "/dav/", "", "", ""},
	} {
		l := &logged{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(c.method, c.target, nil)
		r.SetBasicAuth("ann", "secret")
		r.Header.Set("If", "(<"+token+">)")
		if c.destination != "" {
			r.Header.Set("Destination", c.destination)
		}
		s.h.ServeHTTP(l, r)
		if l.user != "ann" || l.path != c.path || l.destination != c.to {
			t.Errorf("%s %s: logged %q %q %q", c.method, c.target, l.user, l.path, l.destination)
		}
	}
	s.want(t, 503, "GET", "/dav/Home/f", "", "As: busy", "If: (<"+token+">)")
	if text := out.String(); !strings.Contains(text, `"status":503`) || strings.Contains(text, token) || strings.Contains(text, "secret") || strings.Contains(text, "Authorization") {
		t.Errorf("log %s", text)
	}
}

// MET-2: chosen clients are asked to sign in already at OPTIONS; others never are.
func TestMET2_ChosenAgentsSignInAtOptions(t *testing.T) {
	s := newSite(t, HandlerOptions{ChallengeAgents: []string{"WebDAVFS/"}}, Options{})
	const finder, other = "User-Agent: WebDAVFS/3.0.0 (03008000) Darwin/21.6.0", "User-Agent: davfs2/1.6.1"
	if a := s.want(t, 401, "OPTIONS", "/dav/", "", "As: ", finder); a.header.Get("DAV") != davClasses[0] || a.header.Get("WWW-Authenticate") == "" {
		t.Errorf("headers %v", a.header)
	}
	s.want(t, 200, "OPTIONS", "/dav/", "", "As: ", other)
	s.want(t, 200, "OPTIONS", "/dav/", "", finder, "Authorization: Basic YW5uOmFubg==")
}

// PRO-13: what a missing Depth means is a setting.
func TestPRO13_MissingDepth(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 403, "PROPFIND", "/dav/Home/", "")
	s = newSite(t, HandlerOptions{MissingDepthOne: true}, Options{})
	s.want(t, 207, "PROPFIND", "/dav/Home/", "")
	s.want(t, 403, "PROPFIND", "/dav/Home/", "", "Depth: infinity")
}

// LCK-7: a condition that is not read must not be taken as true.
func TestLCK7_OneIfHeader(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 400, "PUT", "/dav/Home/f", "f", `If: (["none"])`, `If: (Not ["none"])`)
	s.want(t, 201, "PUT", "/dav/Home/f", "f", `If: (Not ["none"])`)
}
