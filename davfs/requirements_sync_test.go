package davfs

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"davit/store"
)

// syncBody is a sync-collection request for ETags; a limit of 0 is none.
func syncBody(token, level string, limit int) string {
	nresults := ""
	if limit > 0 {
		nresults = "<D:limit><D:nresults>" + strconv.Itoa(limit) + "</D:nresults></D:limit>"
	}
	return reportBody("sync-collection", "<D:sync-token>"+token+"</D:sync-token><D:sync-level>"+level+"</D:sync-level>"+nresults+"<D:prop><D:getetag/><D:resourcetype/></D:prop>")
}

// synced is an answer to it, in order.
type synced struct {
	token   string
	cut     bool
	answers []syncAnswer
}

type syncAnswer struct {
	href string
	etag string // "": gone
}

func (a answered) synced(t testing.TB, target string) synced {
	t.Helper()
	var ms struct {
		multistatus
		Token string `xml:"DAV: sync-token"`
	}
	if err := xml.Unmarshal([]byte(a.body), &ms); a.status != 207 || err != nil {
		t.Fatalf("status %d, %v\n%s", a.status, err, a.body)
	}
	s := synced{token: ms.Token}
	seen := make(map[string]bool)
	for _, r := range ms.Responses {
		if seen[r.Href] {
			t.Errorf("%s twice in one answer\n%s", r.Href, a.body)
		}
		seen[r.Href] = true
		switch {
		case strings.Contains(r.Status, " 507 "):
			if s.cut = true; r.Href != target {
				t.Errorf("507 for %s, want %s", r.Href, target)
			}
		case strings.Contains(r.Status, " 404 ") && len(r.Propstats) == 0:
			s.answers = append(s.answers, syncAnswer{href: r.Href})
		case r.Status == "" && len(r.Propstats) == 1 && strings.Contains(r.Propstats[0].Status, " 200 "):
			s.answers = append(s.answers, syncAnswer{r.Href, r.Propstats[0].Prop.Values[0].Inner})
		default:
			t.Errorf("response %+v", r)
		}
	}
	if s.cut && !strings.Contains(a.body, "<D:error><D:number-of-matches-within-limits/></D:error>") {
		t.Errorf("507 without its condition: %s", a.body)
	}
	if _, ok := parseSyncToken(s.token); !ok {
		t.Errorf("token %q", s.token)
	}
	return s
}

// list is the answers as "+name" and "-name", below the target.
func (s synced) list(target string) []string {
	var all []string
	for _, a := range s.answers {
		sign := "+"
		if a.etag == "" {
			sign = "-"
		}
		all = append(all, sign+strings.TrimPrefix(a.href, target))
	}
	return all
}

// follower is a client that keeps a copy of a collection's names and ETags by tokens alone.
type follower struct {
	s             *site
	target, level string
	limit         int

	token   string
	have    map[string]string // by href, without slash at the end
	pages   int
	resyncs int
}

// sync asks until there is no more to be told.
func (c *follower) sync(t testing.TB) {
	t.Helper()
	if c.have == nil {
		c.have = make(map[string]string)
	}
	for n := 0; ; n++ {
		a := c.s.do(t, "REPORT", c.target, syncBody(c.token, c.level, c.limit))
		if a.status == 403 && strings.Contains(a.body, "<D:valid-sync-token/>") && c.token != "" {
			c.token, c.have = "", make(map[string]string)
			c.resyncs++
			continue
		}
		if a.status == 404 || a.status == 403 && strings.Contains(a.body, "<D:supported-report/>") { // gone, or a file
			c.token, c.have = "", make(map[string]string)
			return
		}
		got := a.synced(t, c.target)
		if got.token == c.token && got.cut || n > 5000 {
			t.Fatalf("no progress from %s, cut %v", c.token, got.cut)
		}
		if c.limit > 0 && len(got.answers) > c.limit {
			t.Fatalf("%d answers, limit %d", len(got.answers), c.limit)
		}
		c.token = got.token
		c.pages++
		for _, a := range got.answers {
			name := strings.TrimSuffix(a.href, "/")
			if a.etag == "" {
				delete(c.have, name)
				for other := range c.have {
					if strings.HasPrefix(other, name+"/") {
						delete(c.have, other)
					}
				}
				continue
			}
			c.have[name] = a.etag
		}
		if !got.cut {
			return
		}
	}
}

// compare wants the copy to be what PROPFIND lists.
func (c *follower) compare(t testing.TB) {
	t.Helper()
	depth := map[string]string{"1": "1", "infinite": "infinity"}[c.level]
	a := c.s.do(t, "PROPFIND", c.target, propBody("D:getetag"), "Depth: "+depth)
	want := make(map[string]string)
	if a.status != 404 {
		for href, props := range a.props(t) {
			if href != c.target && strings.HasPrefix(href, c.target) {
				want[strings.TrimSuffix(href, "/")] = props["DAV:getetag"]
			}
		}
	}
	for name, etag := range want {
		if c.have[name] != etag {
			t.Errorf("%s level %s limit %d: %s is %q, want %q", c.target, c.level, c.limit, name, c.have[name], etag)
		}
	}
	for name := range c.have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s level %s limit %d: %s is gone", c.target, c.level, c.limit, name)
		}
	}
}

// changer makes random changes in Home.
type changer struct {
	s      *site
	random *rand.Rand
	n      int
}

// name gives one of few names, so that they meet, in collections that are often there.
func (c *changer) name() string {
	names := []string{"a", "b", "c!", "d e"}
	parts := []string{names[c.random.IntN(len(names))]}
	for c.random.IntN(5) > 1 && len(parts) < 4 {
		parts = append(parts, names[c.random.IntN(len(names))])
	}
	return "/dav/Home/" + strings.ReplaceAll(url.PathEscape(strings.Join(parts, "/")), "%2F", "/")
}

// change makes one, which may be refused.
func (c *changer) change(t testing.TB) {
	c.n++
	target, to := c.name(), "Destination: "+c.name()
	switch c.random.IntN(9) {
	case 0, 1:
		c.s.do(t, "PUT", target, fmt.Sprint(c.n))
	case 2:
		c.s.do(t, "DELETE", target, "")
	case 3, 4:
		c.s.do(t, "MKCOL", target, "")
	case 5:
		c.s.do(t, "MOVE", target, "", to)
	case 6:
		c.s.do(t, "COPY", target, "", to)
	case 7:
		c.s.do(t, "PROPPATCH", target, fmt.Sprintf(`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="z:">%d</a></D:prop></D:set></D:propertyupdate>`, c.n))
	case 8:
		c.s.do(t, "LOCK", target+"-lock", lockBody("exclusive", ""), "Timeout: Second-1")
	}
}

// REP-2: clients that follow by tokens have in the end what PROPFIND lists: at both levels, in one answer or in
// many, of the folder and of a collection that comes and goes.
func TestREP2_Follow(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
	c := &changer{s: s, random: rand.New(rand.NewPCG(seed, 1))}
	var all []*follower
	for _, target := range []string{"/dav/Home/", "/dav/Home/a/", "/dav/Home/a/b/"} {
		for _, level := range []string{"1", "infinite"} {
			for _, limit := range []int{0, 1, 3} {
				all = append(all, &follower{s: s, target: target, level: level, limit: limit})
			}
		}
	}
	for range 60 {
		for range c.random.IntN(12) {
			c.change(t)
		}
		for _, f := range all {
			if c.random.IntN(3) == 0 {
				f.sync(t)
				f.compare(t)
			}
		}
		if t.Failed() {
			return
		}
	}
	resyncs := 0
	for _, f := range all {
		f.sync(t)
		f.compare(t)
		if f.target == "/dav/Home/" {
			resyncs += f.resyncs
		}
	}
	if resyncs > 0 {
		t.Errorf("%d tokens of the folder itself were refused", resyncs)
	}
}

// REP-2: the same while changes go on all the time, and batches are written.
func TestREP2_FollowBesideChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := newSite(t, HandlerOptions{InfiniteDepth: true}, Options{})
	var ended atomic.Int32
	const changers = 3
	for n := range changers {
		c := &changer{s: s, random: rand.New(rand.NewPCG(seed, uint64(n)))}
		go func() {
			defer ended.Add(1)
			for range 250 {
				c.change(t)
			}
		}()
	}
	var all []*follower
	for _, level := range []string{"1", "infinite"} {
		for _, limit := range []int{0, 2} {
			all = append(all, &follower{s: s, target: "/dav/Home/", level: level, limit: limit})
		}
	}
	for ended.Load() < changers {
		for _, f := range all {
			f.sync(t)
		}
		if err := s.flush(context.Background(), false); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range all {
		f.sync(t)
		f.compare(t)
		if f.resyncs > 0 {
			t.Errorf("level %s limit %d: %d tokens were refused", f.level, f.limit, f.resyncs)
		}
	}
}

// REP-2: what one answer tells of each change.
func TestREP2_Changes(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const home = "/dav/Home/"
	put := func(name string) { s.do(t, "PUT", home+name, fmt.Sprint("content of ", name, time.Now().UnixNano())) }
	for _, name := range []string{"d", "d/sub", "e", "old"} {
		s.want(t, 201, "MKCOL", home+name, "")
	}
	for _, name := range []string{"f", "d/x", "d/sub/y", "e/z", "old/o"} {
		put(name)
	}
	first := s.want(t, 207, "REPORT", home, syncBody("", "infinite", 0)).synced(t, home)
	if got, want := first.list(home), []string{"+d/", "+d/sub/", "+d/sub/y", "+d/x", "+e/", "+e/z", "+f", "+old/", "+old/o"}; !slices.Equal(got, want) {
		t.Errorf("all: %v, want %v", got, want)
	}
	if got, want := s.want(t, 207, "REPORT", home, syncBody("", "1", 0)).synced(t, home).list(home), []string{"+d/", "+e/", "+f", "+old/"}; !slices.Equal(got, want) {
		t.Errorf("members: %v, want %v", got, want)
	}
	for _, c := range []struct {
		what                  string
		do                    func()
		infinite, level1, inD []string // inD: of /d/ at level infinite; nil: the token is refused
	}{
		{"nothing", func() {}, nil, nil, []string{}},
		{"a file", func() { put("f") }, []string{"+f"}, []string{"+f"}, []string{}},
		{"a new file", func() { put("g") }, []string{"+g"}, []string{"+g"}, []string{}},
		{"a file deep in", func() { put("d/sub/y") }, []string{"+d/", "+d/sub/", "+d/sub/y"}, []string{"+d/"}, []string{"+sub/", "+sub/y"}},
		{"a file that went", func() { s.want(t, 204, "DELETE", home+"g", "") }, []string{"-g"}, []string{"-g"}, []string{}},
		{"a file that came and went", func() { put("h"); s.want(t, 204, "DELETE", home+"h", "") }, []string{"-h"}, []string{"-h"}, []string{}},
		{"a file that went and came", func() { s.want(t, 204, "DELETE", home+"f", ""); put("f") }, []string{"+f"}, []string{"+f"}, []string{}},
		{"a property", func() {
			s.want(t, 207, "PROPPATCH", home+"f", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="z:">1</a></D:prop></D:set></D:propertyupdate>`)
		}, []string{"+f"}, []string{"+f"}, []string{}},
		{"a collection that moved", func() { s.want(t, 201, "MOVE", home+"d/sub", "", "Destination: "+home+"e/sub") },
			[]string{"+d/", "-d/sub/", "+e/", "+e/sub/", "+e/sub/y"}, []string{"+d/", "+e/"}, []string{"-sub/"}},
		{"a collection that was copied", func() { s.want(t, 201, "COPY", home+"e", "", "Destination: "+home+"copy") },
			[]string{"+copy/", "+copy/sub/", "+copy/sub/y", "+copy/z"}, []string{"+copy/"}, []string{}},
		{"a collection that went", func() { s.want(t, 204, "DELETE", home+"copy", "") }, []string{"-copy/"}, []string{"-copy/"}, []string{}},
		{"changes in a collection that went", func() {
			put("old/o")
			put("old/p")
			s.want(t, 204, "DELETE", home+"old", "")
		}, []string{"-old/"}, []string{"-old/"}, []string{}},
		{"a new collection with members", func() {
			s.want(t, 201, "MKCOL", home+"new", "")
			put("new/a")
			s.want(t, 201, "MKCOL", home+"new/b", "")
		}, []string{"+new/", "+new/a", "+new/b/"}, []string{"+new/"}, []string{}},
		{"a collection in place of a file", func() {
			s.want(t, 204, "COPY", home+"new", "", "Destination: "+home+"f")
		}, []string{"+f/", "+f/a", "+f/b/"}, []string{"+f/"}, []string{}},
		{"the collection itself came anew", func() {
			s.want(t, 204, "COPY", home+"new", "", "Destination: "+home+"d")
		}, []string{"-d/", "", "+d/", "+d/a", "+d/b/"}, []string{"+d/"}, nil},
		{"a property of the collection itself", func() {
			s.want(t, 207, "PROPPATCH", home+"d", `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="z:">1</a></D:prop></D:set></D:propertyupdate>`)
		}, []string{"+d/"}, []string{"+d/"}, []string{}},
	} {
		token := s.want(t, 207, "REPORT", home, syncBody("", "1", 0)).synced(t, home).token
		c.do()
		var got []string
		for at, n := token, 0; n < 3; n++ {
			a := s.want(t, 207, "REPORT", home, syncBody(at, "infinite", 0)).synced(t, home)
			got = append(got, a.list(home)...)
			if at = a.token; !a.cut {
				break
			}
			got = append(got, "") // the next answer
		}
		if !slices.Equal(got, c.infinite) {
			t.Errorf("%s: %q, want %q", c.what, got, c.infinite)
		}
		if got := s.want(t, 207, "REPORT", home, syncBody(token, "1", 0)).synced(t, home).list(home); !slices.Equal(got, c.level1) {
			t.Errorf("%s, level 1: %q, want %q", c.what, got, c.level1)
		}
		a := s.do(t, "REPORT", home+"d/", syncBody(token, "infinite", 0))
		if c.inD == nil {
			if a.status != 403 || !strings.Contains(a.body, "<D:valid-sync-token/>") {
				t.Errorf("%s, in d: %d %s", c.what, a.status, a.body)
			}
		} else if got := a.synced(t, home+"d/").list(home + "d/"); len(got)+len(c.inD) > 0 && !slices.Equal(got, c.inD) {
			t.Errorf("%s, in d: %q, want %q", c.what, got, c.inD)
		}
	}
}

// REP-2: answers are cut at the client's limit or ours, say so, and go on exactly there.
func TestREP2_Limits(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const home = "/dav/Home/"
	s.want(t, 201, "MKCOL", home+"d", "")
	var want []string
	for n := range 25 {
		s.want(t, 201, "PUT", fmt.Sprintf("%sd/%02d", home, n), "")
		want = append(want, fmt.Sprintf("+%02d", n))
	}
	pages := func(token string, limit int) (all []string, last string, n int) {
		for n = 1; ; n++ {
			a := s.want(t, 207, "REPORT", home+"d/", syncBody(token, "infinite", limit)).synced(t, home+"d/")
			all, token = append(all, a.list(home+"d/")...), a.token
			if !a.cut {
				return all, token, n
			}
		}
	}
	s.h.mostSync = 10
	for _, c := range []struct{ limit, pages int }{{0, 3}, {1, 25}, {5, 5}, {7, 4}, {1000, 3}} {
		got, token, n := pages("", c.limit)
		if !slices.Equal(got, want) || n != c.pages {
			t.Errorf("limit %d: %d answers %v, want %d", c.limit, n, got, c.pages)
		}
		for n := range 25 {
			s.want(t, 204, "PUT", fmt.Sprintf("%sd/%02d", home, n), "x")
		}
		if got, _, n = pages(token, c.limit); !slices.Equal(got, want) || n != c.pages {
			t.Errorf("changes, limit %d: %d answers %v, want %d", c.limit, n, got, c.pages)
		}
	}
	// What changes between two answers is told in the end.
	a := s.want(t, 207, "REPORT", home+"d/", syncBody("", "1", 5)).synced(t, home+"d/")
	s.want(t, 204, "DELETE", home+"d/01", "")
	s.want(t, 204, "DELETE", home+"d/20", "")
	s.want(t, 201, "PUT", home+"d/00a", "")
	rest, _, _ := pages(a.token, 0)
	if !slices.Contains(rest, "-01") || slices.Contains(rest, "+20") || !slices.Contains(rest, "+00a") || !slices.Contains(rest, "+24") {
		t.Errorf("the rest: %v", rest)
	}
	if b := s.want(t, 403, "REPORT", home+"d/", strings.Replace(syncBody("", "1", 1), ">1</D:nresults>", ">0</D:nresults>", 1)); !strings.Contains(b.body, "<D:number-of-matches-within-limits/>") {
		t.Error(b.body)
	}
	if b := s.want(t, 403, "REPORT", home, syncBody(a.token, "1", 0)); !strings.Contains(b.body, "<D:valid-sync-token/>") {
		t.Errorf("a position in another collection: %s", b.body)
	}
}

// REP-2: what is asked wrongly, and tokens that are not good.
func TestREP2_Refused(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "PUT", "/dav/Home/f", "f")
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	token := s.want(t, 207, "REPORT", "/dav/Home/", syncBody("", "1", 0)).synced(t, "/dav/Home/").token
	other := s.want(t, 207, "REPORT", "/dav/Other/", syncBody("", "1", 0)).synced(t, "/dav/Other/").token
	good := syncBody("", "1", 0)
	for _, c := range []struct {
		what, target, body, depth string
		status                    int
		condition                 string
	}{
		{"Depth 0", "/dav/Home/", good, "0", 207, ""},
		{"Depth 1", "/dav/Home/", good, "1", 400, ""},
		{"Depth infinity", "/dav/Home/", good, "infinity", 400, ""},
		{"a file", "/dav/Home/f", good, "0", 403, "supported-report"},
		{"the root", "/dav/", good, "0", 403, "supported-report"},
		{"nothing", "/dav/Home/none", good, "0", 404, ""},
		{"no sync-token", "/dav/Home/", reportBody("sync-collection", `<D:sync-level>1</D:sync-level><D:prop/>`), "0", 400, ""},
		{"no level", "/dav/Home/", reportBody("sync-collection", `<D:sync-token/><D:prop/>`), "0", 400, ""},
		{"level 2", "/dav/Home/", syncBody("", "2", 0), "0", 400, ""},
		{"no prop", "/dav/Home/", reportBody("sync-collection", `<D:sync-token/><D:sync-level>1</D:sync-level>`), "0", 400, ""},
		{"odd limit", "/dav/Home/", strings.Replace(syncBody("", "1", 1), ">1</D:nresults>", ">x</D:nresults>", 1), "0", 400, ""},
		{"long token", "/dav/Home/", syncBody(strings.Repeat("x", maxXMLWord+1), "1", 0), "0", 400, ""},
		{"its token", "/dav/Home/", syncBody(token, "1", 0), "0", 207, ""},
		{"its token in a collection", "/dav/Home/d/", syncBody(token, "1", 0), "0", 207, ""},
		{"blanks around it", "/dav/Home/", syncBody("\n "+token+"\n", "1", 0), "0", 207, ""},
		{"another folder's", "/dav/Home/", syncBody(other, "1", 0), "0", 403, "valid-sync-token"},
		{"a future one", "/dav/Home/", syncBody(token+"9", "1", 0), "0", 403, "valid-sync-token"},
		{"nonsense", "/dav/Home/", syncBody("nonsense", "1", 0), "0", 403, "valid-sync-token"},
		{"a lock token", "/dav/Home/", syncBody(otherToken, "1", 0), "0", 403, "valid-sync-token"},
		{"a negative one", "/dav/Home/", syncBody(token[:strings.LastIndex(token, ":")]+":-1", "1", 0), "0", 403, "valid-sync-token"},
		{"another epoch", "/dav/Home/", syncBody(syncTokens+"x:0", "1", 0), "0", 403, "valid-sync-token"},
		{"cut wrongly", "/dav/Home/", syncBody(token+":all:", "1", 0), "0", 403, "valid-sync-token"},
		{"of a folder that nobody follows", "/dav/Small/", syncBody(token, "1", 0), "0", 403, "valid-sync-token"},
	} {
		a := s.do(t, "REPORT", c.target, c.body, "Depth: "+c.depth)
		if a.status != c.status || c.condition != "" && !strings.Contains(a.body, "<D:"+c.condition+"/>") {
			t.Errorf("%s: %d %s, want %d %s", c.what, a.status, a.body, c.status, c.condition)
		}
	}
	// Who only reads may follow; who sees nothing may not know.
	s.want(t, 207, "REPORT", "/dav/Shared/", good)
	s.want(t, 404, "REPORT", "/dav/Secret/", good)
}

// REP-2: the property sync-token, and tokens in If headers (RFC 6578, sections 4 and 5).
func TestREP2_TokenProperty(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.want(t, 201, "MKCOL", "/dav/Home/d", "")
	s.want(t, 201, "PUT", "/dav/Home/d/f", "f")
	token := func(target string) (string, bool) {
		v, ok := s.want(t, 207, "PROPFIND", target, propBody("D:sync-token"), "Depth: 0").props(t)[target]["DAV:sync-token"]
		return v, ok
	}
	if v, ok := token("/dav/Home/d/"); ok {
		t.Errorf("a folder that nobody follows has the token %s", v)
	}
	got := s.want(t, 207, "REPORT", "/dav/Home/d/", syncBody("", "1", 0)).synced(t, "/dav/Home/d/").token
	for _, target := range []string{"/dav/Home/d/", "/dav/Home/"} {
		if v, ok := token(target); !ok || v != got {
			t.Errorf("%s: token %q, want %q", target, v, got)
		}
	}
	for _, target := range []string{"/dav/Home/d/f", "/dav/", "/dav/Other/", "/principals/ann"} {
		if v, ok := token(target); ok {
			t.Errorf("%s: token %s", target, v)
		}
	}
	if a := s.want(t, 207, "PROPFIND", "/dav/Home/d/", allprop, "Depth: 0"); strings.Contains(a.body, "sync-token") {
		t.Error("allprop has the token")
	}
	s.want(t, 201, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/d/> (<"+got+">)")
	s.want(t, 412, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/d/> (<"+got+">)")
	now, _ := token("/dav/Home/d/")
	if now == got {
		t.Errorf("the token is still %s", now)
	}
	s.want(t, 201, "PUT", "/dav/Home/elsewhere", "")
	s.want(t, 204, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/d/> (<"+now+">)") // nothing changed in d
	s.want(t, 412, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/> (<"+now+">)")
	s.want(t, 412, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/d/g> (<"+now+">)")
	s.want(t, 204, "PUT", "/dav/Home/d/g", "", "If: </dav/Home/d/> (Not <"+now+">)")
	if got := s.want(t, 207, "REPORT", "/dav/Home/d/", syncBody(now, "1", 0)).synced(t, "/dav/Home/d/").list("/dav/Home/d/"); !slices.Equal(got, []string{"+g"}) {
		t.Errorf("since the property: %v", got)
	}
}

// reopened closes an FS as a stop does, or as a crash does, and opens the same data again.
func reopened(t *testing.T, dir string, now func() time.Time, use func(w *world)) {
	t.Helper()
	t.Run("run", func(t *testing.T) {
		use(newWorld(t, Options{Dir: dir, Now: now}))
	})
}

// D19, REP-2: a journal begins with the first who asks, outlives a stop, and ends when changes may be missing in it or
// nobody has asked for long.
func TestREP2_Journal(t *testing.T) {
	dir := t.TempDir()
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	var f store.Folder
	plan := func(w *world, token string) (*syncPlan, error) {
		t.Helper()
		tree := w.tree(t, f)
		return tree.f.planSync(t.Context(), "", &syncRequest{token: token, infinite: true})
	}
	paths := func(p *syncPlan) (all []string) {
		for name := range p.spots {
			all = append(all, name)
		}
		slices.Sort(all)
		return all
	}
	token := func(p *syncPlan) string { return string(syncToken{epoch: p.epoch, number: p.upto}.append(nil)) }
	must := func(p *syncPlan, err error) *syncPlan {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	refused := func(what string, w *world, token string) {
		t.Helper()
		if p, err := plan(w, token); err != errSyncToken {
			t.Errorf("%s: %+v, %v; the token should be refused", what, p, err)
		}
	}
	var tok string
	reopened(t, dir, now, func(w *world) {
		f = w.folder(t, 0, 0)
		tree := w.tree(t, f)
		if err := put(t.Context(), tree, "before", "x"); err != nil {
			t.Fatal(err)
		}
		if tree.f.journal.Load() != nil {
			t.Error("nobody follows, and there is a journal")
		}
		if _, err := w.st.Journal(t.Context(), f.ID); err == nil {
			t.Error("nobody follows, and there is a journal in SQL")
		}
		tok = token(must(plan(w, "")))
		if err := put(t.Context(), tree, "a", "x"); err != nil {
			t.Fatal(err)
		}
	})
	reopened(t, dir, now, func(w *world) { // after a clean stop
		p := must(plan(w, tok))
		if got := paths(p); !slices.Equal(got, []string{"a"}) {
			t.Errorf("after a stop: %v", got)
		}
		if err := put(t.Context(), w.tree(t, f), "b", "x"); err != nil {
			t.Fatal(err)
		}
		if got := paths(must(plan(w, tok))); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("after a stop and a change: %v", got)
		}
		tok = token(must(plan(w, tok)))
	})
	reopened(t, dir, now, func(w *world) {
		if got := paths(must(plan(w, tok))); len(got) > 0 {
			t.Errorf("nothing changed, and %v", got)
		}
		// A rescan that finds what was counted changes nothing.
		if _, err := w.Scan(t.Context(), f.ID); err != nil {
			t.Fatal(err)
		}
		must(plan(w, tok))
		// One that finds foreign changes does.
		if err := os.WriteFile(w.path(f, "by hand"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		must(plan(w, tok)) // nobody knows yet
		if _, err := w.Scan(t.Context(), f.ID); err != nil {
			t.Fatal(err)
		}
		refused("after foreign changes", w, tok)
		if _, err := w.st.Journal(t.Context(), f.ID); err == nil {
			t.Error("foreign changes, and the journal is still in SQL")
		}
		next := token(must(plan(w, "")))
		if next == tok {
			t.Errorf("the same token again: %s", next)
		}
		refused("begun anew", w, tok)
		tok = next
	})
	reopened(t, dir, now, func(w *world) {
		must(plan(w, tok))
		if err := w.st.MarkDirty(t.Context(), f.ID); err != nil { // as a crash leaves it
			t.Fatal(err)
		}
	})
	reopened(t, dir, now, func(w *world) {
		refused("after an unclean stop", w, tok)
		tok = token(must(plan(w, "")))
	})
	later.Add(int64(20 * 24 * time.Hour))
	reopened(t, dir, now, func(w *world) { must(plan(w, tok)) })
	later.Add(int64(20 * 24 * time.Hour))
	reopened(t, dir, now, func(w *world) {
		must(plan(w, tok))
		later.Add(int64(31 * 24 * time.Hour)) // while it is open
		if err := w.flush(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		refused("nobody asked for a month", w, tok)
		tok = token(must(plan(w, "")))
	})
	later.Add(int64(31 * 24 * time.Hour))
	reopened(t, dir, now, func(w *world) { refused("nobody asked for a month, and it was closed", w, tok) })
}

// A journal that SQL does not take forgets its oldest changes, not the newest.
func TestJournalForgets(t *testing.T) {
	w := newWorld(t, Options{})
	tree := w.tree(t, w.folder(t, 0, 0))
	j, err := tree.f.follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j.mu.Lock()
	for n := range 2 * store.MostChanges {
		j.number++
		j.waiting[changeID{path: fmt.Sprint("f", n)}] = j.number
	}
	j.mu.Unlock()
	j.note(changeFile, "last")
	if len(j.waiting) != store.MostChanges || j.first != store.MostChanges+1 {
		t.Errorf("%d wait, from %d", len(j.waiting), j.first)
	}
	if _, err := tree.f.since(t.Context(), j, store.MostChanges); !gone(err) {
		t.Errorf("what is forgotten: %v", err)
	}
	if err := w.flush(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	all, err := tree.f.since(t.Context(), j, store.MostChanges+1)
	if err != nil || len(all) != store.MostChanges || len(j.waiting) != 0 {
		t.Errorf("%d changes, %d wait, %v", len(all), len(j.waiting), err)
	}
	if _, err := w.st.Changes(t.Context(), tree.f.id, j.epoch, store.MostChanges); !gone(err) {
		t.Errorf("SQL reaches back further: %v", err)
	}
}

func TestSyncTokens(t *testing.T) {
	for _, want := range []syncToken{
		{epoch: "abc", number: 0}, {epoch: "abc", number: 17},
		{epoch: "x", number: 5, cut: true, from: syncAll, collection: "a:/b", position: "a/b c/:%ü&"},
		{epoch: "x", number: 5, cut: true, from: 5, position: ".."},
	} {
		text := string(want.append(nil))
		if got, ok := parseSyncToken(text); !ok || got != want || strings.ContainsAny(text, "<>& ") {
			t.Errorf("%+v is %s, and read %+v, %v", want, text, got, ok)
		}
	}
}

func FuzzSyncToken(f *testing.F) {
	f.Add(syncTokens + "abc:17")
	f.Add(syncTokens + "abc:17:all:eC95Ly9hL2I")
	f.Add(syncTokens + "abc:17:5:Ly9h")
	f.Fuzz(func(t *testing.T, text string) {
		tok, ok := parseSyncToken(text)
		if !ok {
			return
		}
		if again, ok := parseSyncToken(string(tok.append(nil))); !ok || again != tok {
			t.Fatalf("%q is %+v, written and read %+v", text, tok, again)
		}
	})
}
