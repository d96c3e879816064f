package davfs

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func lockBody(scope, owner string) string {
	return `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:` + scope + `/></D:lockscope><D:locktype><D:write/></D:locktype>` + owner + `</D:lockinfo>`
}

// lock makes a lock and gives its token, whose two places must agree (LCK-3).
func (d *door) lock(t testing.TB, user, target, body string, headers ...string) string {
	t.Helper()
	w := d.do(t, user, "LOCK", target, body, headers...)
	if w.Code != 200 && w.Code != 201 {
		t.Fatalf("LOCK %s by %s: status %d\n%s", target, user, w.Code, w.Body)
	}
	token := strings.Trim(w.Header().Get("Lock-Token"), "<>")
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(token) {
		t.Fatalf("token %q", token)
	}
	if l := readLock(t, w.Body.Bytes()); l.Token != token {
		t.Fatalf("token %q in the header, %q in the body", token, l.Token)
	}
	return token
}

// activeLock is what a LOCK answers, as another program reads it.
type activeLock struct {
	Exclusive *struct{} `xml:"DAV: lockdiscovery>activelock>lockscope>exclusive"`
	Shared    *struct{} `xml:"DAV: lockdiscovery>activelock>lockscope>shared"`
	Depth     string    `xml:"DAV: lockdiscovery>activelock>depth"`
	Timeout   string    `xml:"DAV: lockdiscovery>activelock>timeout"`
	Token     string    `xml:"DAV: lockdiscovery>activelock>locktoken>href"`
	Root      string    `xml:"DAV: lockdiscovery>activelock>lockroot>href"`
	Owner     struct {
		Inner string `xml:",innerxml"`
	} `xml:"DAV: lockdiscovery>activelock>owner"`
}

func readLock(t testing.TB, body []byte) activeLock {
	t.Helper()
	var l activeLock
	if err := xml.Unmarshal(body, &l); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return l
}

func TestLCK3_LCK4_LCK5_Answer(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/ü&.txt", "x")
	for _, c := range []struct {
		target, scope, owner string
		headers              []string
		status               int
		want                 activeLock
	}{
		{"/dav/Home/dir/%C3%BC&.txt", "exclusive", "", nil, 200, activeLock{Depth: "0", Timeout: "Second-3600", Root: "/dav/Home/dir/%C3%BC%26.txt"}},
		{"/dav/Home/dir/%C3%BC&.txt", "shared", "<D:owner>a &lt; b</D:owner>", []string{"Depth: infinity", "Timeout: Second-60"}, 200,
			activeLock{Depth: "infinity", Timeout: "Second-60", Root: "/dav/Home/dir/%C3%BC%26.txt"}},
		{"/dav/Home/dir", "exclusive", "<D:owner><D:href>http://x/</D:href></D:owner>", []string{"Timeout: Infinite, Second-4100000000"}, 200,
			activeLock{Depth: "infinity", Timeout: "Second-3600", Root: "/dav/Home/dir/"}},
		{"/dav/Home/dir/", "exclusive", "", []string{"Depth: 0", "Timeout: Second-4100000000"}, 200, activeLock{Depth: "0", Timeout: "Second-86400", Root: "/dav/Home/dir/"}},
		{"/dav/" + d.home.ID + "/new", "exclusive", "", nil, 201, activeLock{Depth: "0", Timeout: "Second-3600", Root: "/dav/" + d.home.ID + "/new"}},
	} {
		t.Run(c.target, func(t *testing.T) {
			w := d.want(t, c.status, "ann", "LOCK", c.target, lockBody(c.scope, c.owner), c.headers...)
			if ct := w.Header().Get("Content-Type"); ct != `application/xml; charset="utf-8"` {
				t.Errorf("type %q", ct)
			}
			got := readLock(t, w.Body.Bytes())
			if got.Depth != c.want.Depth || got.Timeout != c.want.Timeout || got.Root != c.want.Root || (got.Shared != nil) != (c.scope == "shared") || (got.Exclusive != nil) != (c.scope == "exclusive") {
				t.Errorf("lock %+v, want %+v", got, c.want)
			}
			if c.owner != "" && strings.ReplaceAll(got.Owner.Inner, ` xmlns:D="DAV:"`, "") != strings.TrimSuffix(strings.TrimPrefix(c.owner, "<D:owner>"), "</D:owner>") {
				t.Errorf("owner %q, want %q", got.Owner.Inner, c.owner)
			}
			d.want(t, 204, "ann", "UNLOCK", c.target, "", "Lock-Token: <"+got.Token+">")
			d.want(t, 409, "ann", "UNLOCK", c.target, "", "Lock-Token: <"+got.Token+">")
		})
	}
}

func TestLCK2_Unmapped(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	w := d.want(t, 201, "ann", "LOCK", "/dav/Home/new", lockBody("exclusive", ""))
	token := strings.Trim(w.Header().Get("Lock-Token"), "<>")
	if i, err := os.Stat(filepath.Join(d.path(d.home, ""), "new")); err != nil || i.Size() != 0 {
		t.Fatalf("file %v, %v", i, err)
	}
	d.wantUsage(t, d.home)
	d.want(t, 423, "bob", "PUT", "/dav/Home/new", "theirs")
	d.want(t, 204, "ann", "PUT", "/dav/Home/new", "mine", "If: (<"+token+">)", "If-Match: "+etagOf(w))
	d.want(t, 412, "ann", "LOCK", "/dav/Home/new", lockBody("exclusive", ""), "If-None-Match: *")
	d.want(t, 409, "ann", "LOCK", "/dav/Home/no/parent", lockBody("exclusive", ""))
	d.want(t, 409, "ann", "LOCK", "/dav/Home/slash/", lockBody("exclusive", ""))
	d.want(t, 403, "cid", "LOCK", "/dav/Home/reader", lockBody("exclusive", ""))
	for _, name := range []string{"no", "slash", "reader"} {
		if _, err := os.Stat(filepath.Join(d.path(d.home, ""), name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// After its file is gone a lock is gone (CM-7).
	d.want(t, 204, "ann", "DELETE", "/dav/Home/new", "", "If: (<"+token+">)")
	d.want(t, 201, "bob", "PUT", "/dav/Home/new", "theirs")
}

func TestLCK2_STA1_UnmappedAtLimit(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.home = d.folder(t, 0, 1)
	d.want(t, 201, "ann", "PUT", "/dav/Home/f", "x")
	d.want(t, 507, "ann", "LOCK", "/dav/Home/new", lockBody("exclusive", "")) // D38
	d.want(t, 404, "ann", "HEAD", "/dav/Home/new", "")
	d.wantUsage(t, d.home)
}

func TestLCK9_LCK11_Refused(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/f", "x")
	for _, c := range []struct {
		target, body string
		headers      []string
		status       int
	}{
		{"/dav/Home/dir/f", lockBody("exclusive", ""), []string{"Depth: 1"}, 400},
		{"/dav/Home/dir/f", lockBody("exclusive", ""), []string{"Depth: x"}, 400},
		{"/dav/Home/dir/f", lockBody("none", ""), nil, 400},
		{"/dav/Home/dir/f", "<x", nil, 400},
		{"/dav/Home/dir/f", lockBody("exclusive", "<D:owner>"+strings.Repeat("x", 5<<10)+"</D:owner>"), nil, 507},
		{"/dav/Home/dir/f", lockBody("exclusive", "<D:owner>"+strings.Repeat("x", 300<<10)+"</D:owner>"), nil, 413},
		{"/dav/Home/dir/f", "", nil, 400},
		{"/dav/Home/dir/f", "", []string{"If: (<urn:a>)(<urn:b>)"}, 400},
		{"/dav/Home/dir/f", "", []string{"If: (<urn:a>)"}, 412},
		{"/dav/Home/dir/f", lockBody("exclusive", ""), []string{`If-Match: "x"`}, 412},
		{"/dav/Home/dir/f", lockBody("exclusive", ""), []string{`If: (["x"])`}, 412},
		{"/dav/Home", lockBody("exclusive", ""), nil, 403},
		{"/dav/Other", lockBody("exclusive", ""), nil, 403},
		{"/dav/", lockBody("exclusive", ""), nil, 403},
	} {
		d.want(t, c.status, "ann", "LOCK", c.target, c.body, c.headers...)
	}
	for _, header := range []string{"", "urn:x y", "<urn:x", "<>", "<urn:x>y"} {
		d.want(t, 400, "ann", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: "+header)
	}

	token := d.lock(t, "ann", "/dav/Home/dir/f", lockBody("exclusive", ""))
	w := d.want(t, 423, "bob", "LOCK", "/dav/Home/dir/f", lockBody("shared", ""))
	if !strings.Contains(w.Body.String(), "<D:no-conflicting-lock><D:href>/dav/Home/dir/f</D:href></D:no-conflicting-lock>") {
		t.Errorf("body %s", w.Body)
	}
	a := readAnswer(t, d.want(t, 207, "bob", "LOCK", "/dav/Home/dir", lockBody("exclusive", "")))
	if a["/dav/Home/dir/f"][""] != "423" || len(a) != 1 {
		t.Errorf("answer %v", a)
	}
	d.want(t, 403, "bob", "LOCK", "/dav/Home/dir/f", "", "If: (<"+token+">)")
	d.want(t, 403, "bob", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: <"+token+">")
	d.want(t, 403, "ann's reading token", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: <"+token+">") // changes nothing
	w = d.want(t, 409, "ann", "UNLOCK", "/dav/Home/dir", "", "Lock-Token: <"+token+">")
	if !strings.Contains(w.Body.String(), "<D:lock-token-matches-request-uri/>") {
		t.Errorf("body %s", w.Body)
	}
	d.want(t, 204, "root", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: <"+token+">") // an administrator may

	deep := d.lock(t, "ann", "/dav/Home/dir", lockBody("exclusive", ""))
	w = d.want(t, 423, "bob", "LOCK", "/dav/Home/dir/new", lockBody("exclusive", ""))
	if !strings.Contains(w.Body.String(), "<D:no-conflicting-lock><D:href>/dav/Home/dir/</D:href>") {
		t.Errorf("body %s", w.Body)
	}
	d.want(t, 404, "ann", "HEAD", "/dav/Home/dir/new", "")
	d.want(t, 204, "ann", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: <"+deep+">") // from inside of its scope
	bare := d.lock(t, "ann", "/dav/Home/dir/f", lockBody("exclusive", ""))
	d.want(t, 409, "ann", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: urn:x")
	d.want(t, 204, "ann", "UNLOCK", "/dav/Home/dir/f", "", "Lock-Token: "+bare)
}

func TestLCK6_RefreshAndExpiry(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/f", "x")
	token := d.lock(t, "ann", "/dav/Home/dir", lockBody("exclusive", ""), "Timeout: Second-100")
	d.pass(60 * time.Second)
	left := func() string {
		a := readAnswer(t, d.want(t, 207, "ann", "PROPFIND", "/dav/Home/dir/f", propBody("D:lockdiscovery"), "Depth: 0"))
		m := regexp.MustCompile(`Second-\d+`).FindString(a["/dav/Home/dir/f"]["DAV:lockdiscovery"])
		return m
	}
	if got := left(); got != "Second-40" {
		t.Errorf("left %s", got)
	}
	// Any resource in the scope; a body may be announced (LCK-6).
	w := d.want(t, 200, "ann", "LOCK", "/dav/Home/dir/f", "", "If: (<"+token+">)", "Timeout: Second-200", "Content-Type: application/xml")
	if l := readLock(t, w.Body.Bytes()); l.Timeout != "Second-200" || l.Root != "/dav/Home/dir/" || l.Token != token || w.Header().Get("Lock-Token") != "" {
		t.Errorf("refreshed %+v, header %v", l, w.Header())
	}
	d.pass(199 * time.Second)
	d.want(t, 423, "bob", "PUT", "/dav/Home/dir/f", "x")
	d.pass(time.Second)
	if got := left(); got != "" {
		t.Errorf("after its end %s", got)
	}
	// Lapsed, its maker may still use it; until somebody else takes the resource.
	d.want(t, 204, "ann", "PUT", "/dav/Home/dir/f", "mine", "If: (<"+token+">)")
	d.want(t, 200, "ann", "LOCK", "/dav/Home/dir", "", "If: (<"+token+">)", "Timeout: Second-10")
	d.pass(time.Minute)
	d.want(t, 204, "bob", "PUT", "/dav/Home/dir/f", "theirs")
	d.want(t, 412, "ann", "PUT", "/dav/Home/dir/f", "mine", "If: (<"+token+">)")
	d.want(t, 412, "ann", "LOCK", "/dav/Home/dir", "", "If: (<"+token+">)")
}

func TestLCK10_Discovery(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/f", "x")
	above := d.lock(t, "ann", "/dav/Home/dir", lockBody("shared", "<D:owner>Ann</D:owner>"))
	own := d.lock(t, "bob", "/dav/Home/dir/f", lockBody("shared", ""))
	discover := func(user string) string {
		return readAnswer(t, d.want(t, 207, user, "PROPFIND", "/dav/Home/dir/f", propBody("D:lockdiscovery"), "Depth: 0"))["/dav/Home/dir/f"]["DAV:lockdiscovery"]
	}
	for user, want := range map[string][2]bool{"ann": {true, false}, "bob": {false, true}, "cid": {false, false}} {
		got := discover(user)
		if strings.Count(got, "<D:activelock>") != 2 || strings.Contains(got, above) != want[0] || strings.Contains(got, own) != want[1] || !strings.Contains(got, "<D:owner>Ann</D:owner>") {
			t.Errorf("%s sees %s", user, got)
		}
	}
	// Of two shared locks one token is enough, if it is one's own.
	d.want(t, 423, "root", "LOCK", "/dav/Home/dir/f", lockBody("exclusive", ""), "If: (<"+own+">)")
	d.want(t, 204, "bob", "PUT", "/dav/Home/dir/f", "x", "If: (<"+own+">)")
	d.want(t, 423, "ann", "PUT", "/dav/Home/dir/f", "x", "If: (<"+own+">)")
}

// TestLCK2_Once has many clients make one file by LOCK: one gets it, and the others make nothing.
func TestLCK2_Once(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	for _, name := range []string{"a", "b", "c"} {
		var wg sync.WaitGroup
		codes := make([]int, 16)
		for i := range codes {
			wg.Go(func() {
				codes[i] = d.do(t, []string{"ann", "bob"}[i%2], "LOCK", "/dav/Home/"+name, lockBody("exclusive", "")).Code
			})
		}
		wg.Wait()
		slices.Sort(codes)
		if codes[0] != 201 || codes[1] != 423 || codes[15] != 423 {
			t.Errorf("statuses %d", codes)
		}
	}
	d.wantUsage(t, d.home)
}

// TestLCK8_Members holds locks on a collection itself against changes of its members (LCK-8).
func TestLCK8_Members(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "dir/f", "x")
	d.write(t, "other/f", "x")
	token := d.lock(t, "ann", "/dav/Home/dir", lockBody("exclusive", ""), "Depth: 0")
	submit := "If: </dav/Home/dir> (<" + token + ">)"
	for _, c := range []struct {
		method, target, body, header string
		status                       int // without the token; with it, it must succeed
	}{
		{"PUT", "/dav/Home/dir/f", "changed", "", 204}, // not a change of the collection
		{"PUT", "/dav/Home/dir/new", "x", "", 423},
		{"MKCOL", "/dav/Home/dir/sub", "", "", 423},
		{"LOCK", "/dav/Home/dir/locked", lockBody("shared", ""), "", 423},
		{"COPY", "/dav/Home/other/f", "", "Destination: /dav/Home/dir/copy", 423},
		{"COPY", "/dav/Home/dir/f", "", "Destination: /dav/Home/other/copy", 201},
		{"MOVE", "/dav/Home/other/f", "", "Destination: /dav/Home/dir/moved", 423},
		{"MOVE", "/dav/Home/dir/f", "", "Destination: /dav/Home/other/moved", 423},
		{"DELETE", "/dav/Home/dir/new", "", "", 423},
		{"DELETE", "/dav/Home/dir", "", "", 423},
	} {
		headers := []string{"X: y"}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		d.want(t, c.status, "ann", c.method, c.target, c.body, headers...)
		if c.status != 423 {
			continue
		}
		d.want(t, c.status, "bob", c.method, c.target, c.body, append(headers, submit)...)
		w := d.do(t, "ann", c.method, c.target, c.body, append(headers, submit)...)
		if w.Code != 201 && w.Code != 204 {
			t.Errorf("%s %s with the token: %d\n%s", c.method, c.target, w.Code, w.Body)
		}
		if c.method == "LOCK" {
			d.want(t, 204, "ann", "UNLOCK", c.target, "", "Lock-Token: "+w.Header().Get("Lock-Token"))
		}
	}
	d.want(t, 201, "bob", "MKCOL", "/dav/Home/dir", "") // the lock went with its collection
}

// TestLCK13_ARC6_LocksSurvive closes the server and opens it again (LCK-13).
func TestLCK13_ARC6_LocksSurvive(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	d.write(t, "f", "x")
	token := d.lock(t, "ann", "/dav/Home/f", lockBody("exclusive", "<D:owner>Ann</D:owner>"), "Timeout: Second-500")
	d.want(t, 207, "ann", "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>kept</Z:a>")), "If: (<"+token+">)")
	body := propBody("D:lockdiscovery", "Z:a")
	before := d.want(t, 207, "ann", "PROPFIND", "/dav/Home/f", body, "Depth: 0").Body.String()
	again, err := New(d.st, Options{Dir: d.dir, Sync: SyncNone, Now: d.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	second := &door{world: &world{FS: again, st: d.st, dir: d.dir, user: d.user}, home: d.home}
	second.h = again.Handler(second, HandlerOptions{})
	if after := second.want(t, 207, "ann", "PROPFIND", "/dav/Home/f", body, "Depth: 0").Body.String(); after != before {
		t.Errorf("locks and properties were\n%s\nand are\n%s", before, after)
	} else if !strings.Contains(after, token) || !strings.Contains(after, "kept") {
		t.Errorf("answer %s", after)
	}
	second.want(t, 423, "bob", "PUT", "/dav/Home/f", "x")
	second.want(t, 204, "ann", "PUT", "/dav/Home/f", "x", "If: (<"+token+">)")
}
