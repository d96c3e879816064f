package davfs

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// modelTest is what the phases of TestCI4_Model share: names, versions that tell themselves, clients that
// do not wait for ever.
type modelTest struct {
	*site
	t      testing.TB
	seed   uint64
	client *http.Client
	next   atomic.Uint32
}

// Names of the phases: files in collections.
var (
	modelDirs  = []string{"m0", "m1", "m1/in"}
	modelNames = []string{"m0/a", "m0/b", "m0/c", "m1/a", "m1/b", "m1/in/a", "m1/in/b", "m1/in/c", "m0/d", "m1/d"}
)

// versionBlock is what a version consists of, so that each part of it tells which it is.
const versionBlock = 16

// version makes a content that was never there before; it has a length of its own.
func (m *modelTest) version() string {
	id := m.next.Add(1)
	return strings.Repeat(fmt.Sprintf("version %07d\n", id), versionBlocks(int(id)))
}

func versionBlocks(id int) int {
	if id%50 == 0 {
		return 1 + id*7919%10_000 // up to 160 kB
	}
	return 1 + id*31%300
}

// versionOf says of which version text is a part, and how long that is; ok if it is a part of one at all.
func versionOf(text string) (id, length int, ok bool) {
	if _, err := fmt.Sscanf(text, "version %07d\n", &id); err != nil || len(text)%versionBlock != 0 {
		return 0, 0, false
	}
	block := text[:versionBlock]
	return id, versionBlock * versionBlocks(id), text == strings.Repeat(block, len(text)/versionBlock)
}

// ask sends a request as ann. One that takes a minute hangs.
func (m *modelTest) ask(method, name, body string, headers ...string) answered {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, m.server.URL+"/dav/Home/"+name, strings.NewReader(body))
	if err != nil {
		m.t.Error(err)
		return answered{}
	}
	r.SetBasicAuth("ann", "secret")
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		r.Header.Set(key, value)
	}
	res, err := m.client.Do(r)
	if err != nil {
		m.t.Errorf("%s %s %q: %v", method, name, headers, err)
		return answered{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Errorf("%s %s %q: %v", method, name, headers, err)
	}
	if res.StatusCode >= 500 && res.StatusCode != 507 {
		m.t.Errorf("%s %s %q: %d %s", method, name, headers, res.StatusCode, b)
	}
	return answered{res.StatusCode, res.Header, string(b)}
}

// want is ask for a request that must give one of statuses.
func (m *modelTest) expect(statuses []int, method, name, body string, headers ...string) answered {
	a := m.ask(method, name, body, headers...)
	if !slices.Contains(statuses, a.status) {
		m.t.Errorf("%s %s %q: %d, want one of %v\n%s", method, name, headers, a.status, statuses, a.body)
	}
	return a
}

// crowd runs 64 clients until time is up.
func (m *modelTest) crowd(phase uint64, d time.Duration, step func(client int, random *rand.Rand)) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(m.seed, phase<<8|uint64(n)))
			for time.Now().Before(end) && !m.t.Failed() {
				step(n, random)
			}
		})
	}
	all.Wait()
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// TestCI4_Model runs random requests against a model: one client exactly, 64 clients by what must hold whatever the order.
func TestCI4_Model(t *testing.T) {
	t.Parallel()
	seed, length := uint64(time.Now().UnixNano()), 1500*time.Millisecond
	if longTest {
		length = 40 * time.Second
	}
	t.Logf("seed %d", seed)
	for _, phase := range []struct {
		name string
		run  func(*modelTest, time.Duration)
	}{{"one client", (*modelTest).sequence}, {"registers", (*modelTest).registers}, {"locks and trees", (*modelTest).locksAndTrees}, {"tokens", (*modelTest).tokens}} {
		t.Run(phase.name, func(t *testing.T) {
			m := &modelTest{site: newSite(t, HandlerOptions{InfiniteDepth: true}, Options{}), t: t, seed: seed}
			m.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer m.client.CloseIdleConnections()
			phase.run(m, length)
			m.atRest()
		})
	}
}

// atRest checks what must hold when nobody asks any more; that usage is what is on the disk, site checks.
func (m *modelTest) atRest() {
	tree := m.tree(m.t, m.home)
	if n := tree.f.locks.held.Load(); n > 0 {
		m.t.Errorf("%d locks are left", n)
	}
	names := tree.f.names.(*nameTable)
	names.mu.Lock()
	if len(names.locks) > 0 {
		m.t.Errorf("names are locked: %v", slices.Collect(maps.Keys(names.locks)))
	}
	names.mu.Unlock()
	listed := m.want(m.t, 207, "PROPFIND", "/dav/Home/", propBody("getcontentlength"), "Depth: infinity").props(m.t)
	onDisk := map[string]bool{}
	root := m.path(m.home, "")
	err := filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := "/dav/Home" + strings.TrimSuffix(strings.TrimPrefix(p, filepath.Clean(root)), "/")
		if e.IsDir() {
			rel += "/"
		}
		onDisk[rel] = true
		if _, ok := listed[rel]; !ok {
			m.t.Errorf("%s is on the disk and not listed", rel)
		}
		return nil
	})
	if err != nil {
		m.t.Error(err)
	}
	for href := range listed {
		if !onDisk[href] {
			m.t.Errorf("%s is listed and not on the disk", href)
		}
	}
	if intents, err := m.st.Intents(context.Background()); err != nil || len(intents) > 0 {
		m.t.Errorf("intents: %v %v", intents, err)
	}
}

// modelNode is a resource of the model.
type modelNode struct {
	dir           bool
	content, mark string
	token         string
}

// folderModel is a folder as the RFC has it: what there is, by name.
type folderModel map[string]modelNode

func (f folderModel) tree(name string) (names []string) {
	for n := range f {
		if n == name || inside(n, name) {
			names = append(names, n)
		}
	}
	return names
}

func (f folderModel) remove(name string) {
	for _, n := range f.tree(name) {
		delete(f, n)
	}
}

func (f folderModel) parentMissing(name string) bool {
	p := parentOf(name)
	return p != "" && !f[p].dir
}

// locked is the status for locks in the way of taking all at and below name away; 0 if there are none.
func (f folderModel) locked(name, request string) int {
	status := 0
	for _, n := range f.tree(name) {
		if f[n].token != "" {
			if !inside(n, request) {
				return 423
			}
			status = 207
		}
	}
	return status
}

// sequence is one client, whose every answer the model knows.
func (m *modelTest) sequence(d time.Duration) {
	random := rand.New(rand.NewPCG(m.seed, 0))
	is := folderModel{}
	all := append(append([]string{}, modelNames...), modelDirs...)
	end := time.Now().Add(d)
	steps := 0
	for ; time.Now().Before(end) && !m.t.Failed(); steps++ {
		name := pick(random, all)
		old, exists := is[name]
		switch random.IntN(14) {
		case 0, 1, 2:
			body := m.version()
			var headers []string
			want := 201
			switch {
			case old.dir:
				want = 405
			case !exists && is.parentMissing(name):
				want = 409
			case old.token != "" && random.IntN(2) == 0:
				headers, want = []string{"If: (<" + old.token + ">)"}, 204
			case random.IntN(4) == 0:
				headers = []string{"If-None-Match: *"}
				if exists {
					want = 412
				}
			case old.token != "":
				want = 423
			case exists:
				want = 204
			}
			m.expect([]int{want}, "PUT", name, body, headers...)
			if want < 300 {
				old.content = body
				is[name] = old
			}
		case 3:
			want := 204
			switch {
			case !exists:
				want = 404
			default:
				if s := is.locked(name, name); s != 0 {
					want = s
				}
			}
			m.expect([]int{want}, "DELETE", name, "")
			if want == 204 {
				is.remove(name)
			}
		case 4, 5:
			if !slices.Contains(modelDirs, name) {
				continue
			}
			want := 201
			if exists {
				want = 405
			} else if is.parentMissing(name) {
				want = 409
			}
			m.expect([]int{want}, "MKCOL", name, "")
			if want == 201 {
				is[name] = modelNode{dir: true}
			}
		case 6, 7, 8:
			to := pick(random, all)
			method, overwrite := pick(random, []string{"COPY", "MOVE"}), pick(random, []string{"T", "F"})
			_, there := is[to]
			want := 201
			switch {
			case name == to || inside(name, to) || inside(to, name):
				want = 403
			case !exists:
				want = 404
			case !there && is.parentMissing(to):
				want = 409
			case there && overwrite == "F":
				want = 412
			default:
				if method == "MOVE" {
					want = is.locked(name, name)
				} else {
					want = 0
				}
				if want == 0 && there {
					want = is.locked(to, name)
				}
				if want == 0 {
					want = 201
					if there {
						want = 204
					}
				}
			}
			m.expect([]int{want}, method, name, "", "Destination: /dav/Home/"+to, "Overwrite: "+overwrite)
			if want != 201 && want != 204 {
				continue
			}
			is.remove(to)
			for _, n := range is.tree(name) {
				node := is[n]
				node.token = ""
				is[to+n[len(name):]] = node
			}
			if method == "MOVE" {
				is.remove(name)
			}
		case 9:
			want := 207
			if !exists {
				want = 404
			} else if old.token != "" {
				want = 423
			}
			mark := fmt.Sprint("mark", steps)
			m.expect([]int{want}, "PROPPATCH", name, markBody(mark))
			if want == 207 {
				old.mark = mark
				is[name] = old
			}
		case 10:
			if old.dir {
				continue
			}
			if old.token != "" {
				m.expect([]int{204}, "UNLOCK", name, "", "Lock-Token: <"+old.token+">")
				old.token = ""
				is[name] = old
				continue
			}
			want := 200
			if !exists {
				if want = 201; is.parentMissing(name) {
					want = 409
				}
			}
			a := m.expect([]int{want}, "LOCK", name, lockBody("exclusive", ""), "Depth: 0")
			if want < 300 {
				old.token = strings.Trim(a.header.Get("Lock-Token"), "<>")
				is[name] = old
			}
		case 11:
			at := pick(random, append([]string{""}, modelDirs...))
			if at != "" && !is[at].dir {
				m.ask("PROPFIND", at, "", "Depth: 1")
				continue
			}
			got := map[string]string{}
			slash := "/"
			if at == "" {
				slash = ""
			}
			for href, props := range m.expect([]int{207}, "PROPFIND", at+slash, propBody("Z:a"), "Depth: 1").props(m.t) {
				got[strings.Trim(strings.TrimPrefix(href, "/dav/Home"), "/")] = props["z:a"]
			}
			want := map[string]string{at: is[at].mark}
			for n, node := range is {
				if parentOf(n) == at {
					want[n] = node.mark
				}
			}
			if !maps.Equal(got, want) {
				m.t.Errorf("listing of %q: %v, want %v", at, got, want)
			}
		default:
			switch {
			case !exists:
				m.expect([]int{404}, "GET", name, "")
			case !old.dir:
				a := m.expect([]int{200}, "GET", name, "")
				if a.body != old.content {
					m.t.Errorf("GET %s: %d bytes %.40q, want %d bytes %.40q", name, len(a.body), a.body, len(old.content), old.content)
				}
			}
		}
	}
	m.t.Logf("%d steps", steps)
	for name, node := range is {
		if node.token != "" {
			m.expect([]int{204}, "UNLOCK", name, "", "Lock-Token: <"+node.token+">")
		}
	}
}

// access is one request on a register, with when it began and ended. Versions are positive, 0 is "no file".
type access struct {
	begin, end int64
	wrote      int // -1: nothing
	read       int // -1: not said; -2: some file
}

// register is the history of one name.
type register struct {
	mu       sync.Mutex
	accesses []access
}

func (r *register) add(a access) {
	r.mu.Lock()
	r.accesses = append(r.accesses, a)
	r.mu.Unlock()
}

// check finds what no order of the accesses explains: something read before it was begun to be written,
// or after it was surely overwritten.
func (r *register) check(t testing.TB, name string) {
	var writes []access
	for _, a := range r.accesses {
		if a.wrote >= 0 {
			writes = append(writes, a)
		}
	}
	for _, a := range r.accesses {
		if a.read == -1 {
			continue
		}
		fits := func(w access) bool { return w.wrote == a.read || a.read == -2 && w.wrote > 0 }
		explained := false
		for _, w := range append([]access{{begin: -2, end: -1, wrote: 0}}, writes...) {
			if !fits(w) || w.begin > a.end || w == a {
				continue
			}
			over := slices.ContainsFunc(writes, func(later access) bool { return later.begin > w.end && later.end < a.begin })
			if !over {
				explained = true
				break
			}
		}
		if !explained {
			t.Errorf("%s: at %d to %d version %d was read (wrote %d), which no order of the %d writes explains", name, a.begin, a.end, a.read, a.wrote, len(writes))
		}
	}
}

// registers is 64 clients that write, read and delete ten names, with and without conditions. Each answer tells
// something of what was there; all must fit together.
func (m *modelTest) registers(d time.Duration) {
	for _, dir := range modelDirs {
		m.expect([]int{201}, "MKCOL", dir, "")
	}
	regs := make(map[string]*register)
	for _, n := range modelNames {
		regs[n] = &register{}
	}
	etags := sync.Map{} // version by ETag
	won := sync.Map{}   // ETags whose conditional PUT has succeeded
	begun := time.Now()
	now := func() int64 { return int64(time.Since(begun)) }
	m.crowd(1, d, func(_ int, random *rand.Rand) {
		name := pick(random, modelNames)
		r := regs[name]
		a := access{wrote: -1, read: -1, begin: now()}
		switch random.IntN(12) {
		case 0, 1, 2: // nothing but a write
			text := m.version()
			id, _, _ := versionOf(text)
			res := m.expect([]int{201, 204}, "PUT", name, text)
			a.end, a.wrote, a.read = now(), id, -2
			if res.status == 201 {
				a.read = 0
			}
			etags.Store(res.header.Get("ETag"), id)
		case 3: // only if there is none
			text := m.version()
			id, _, _ := versionOf(text)
			res := m.expect([]int{201, 412}, "PUT", name, text, "If-None-Match: *")
			a.end, a.read = now(), -2
			if res.status == 201 {
				a.wrote, a.read = id, 0
				etags.Store(res.header.Get("ETag"), id)
			}
		case 4, 5: // only if it is still what was read
			res := m.expect([]int{200, 404}, "HEAD", name, "")
			etag := res.header.Get("ETag")
			if etag == "" {
				return
			}
			text := m.version()
			id, _, _ := versionOf(text)
			a.begin = now()
			put := m.expect([]int{204, 412}, "PUT", name, text, "If-Match: "+etag)
			if a.end = now(); put.status != 204 {
				return
			}
			etags.Store(put.header.Get("ETag"), id)
			if _, twice := won.LoadOrStore(etag, true); twice {
				m.t.Errorf("PUT %s: two with If-Match %s succeeded", name, etag)
			}
			a.wrote, a.read = id, -2
			if was, ok := etags.Load(etag); ok {
				a.read = was.(int)
			}
		case 6:
			res := m.expect([]int{204, 404}, "DELETE", name, "")
			if a.end = now(); res.status == 404 {
				a.read = 0
			} else {
				a.wrote, a.read = 0, -2
			}
		case 7: // a part
			res := m.expect([]int{206, 404, 416}, "GET", name, "", fmt.Sprintf("Range: bytes=%d-", versionBlock*random.IntN(20)))
			switch a.end = now(); res.status {
			case 404:
				a.read = 0
			case 416:
				a.read = -2
			default:
				id, length, ok := versionOf(res.body)
				if !ok || !strings.HasSuffix(res.header.Get("Content-Range"), fmt.Sprintf("-%d/%d", length-1, length)) {
					m.t.Errorf("GET %s: %s is a part of no version: %.60q", name, res.header.Get("Content-Range"), res.body)
				}
				a.read = id
			}
		default:
			res := m.expect([]int{200, 404}, "GET", name, "")
			a.end = now()
			if a.read = 0; res.status == 200 {
				id, length, ok := versionOf(res.body)
				if !ok || length != len(res.body) {
					m.t.Errorf("GET %s: %d bytes are no version: %.60q", name, len(res.body), res.body)
				}
				a.read = id
			}
		}
		r.add(a)
	})
	total := 0
	for name, r := range regs {
		a := access{begin: now(), wrote: -1}
		if res := m.expect([]int{200, 404}, "GET", name, ""); res.status == 200 {
			a.read, _, _ = versionOf(res.body)
		}
		a.end = now()
		r.add(a)
		total += len(r.accesses)
		r.check(m.t, name)
	}
	m.t.Logf("%d accesses", total)
}

// locksAndTrees is 64 clients that do everything to ten names and the collections that they are in. Whoever has locked a name
// finds there what he wrote himself.
func (m *modelTest) locksAndTrees(d time.Duration) {
	any := []int{200, 201, 204, 207, 404, 405, 409, 412, 423}
	var held, requests atomic.Int64
	content := func(name string, a answered) {
		if a.status == 200 && !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && a.body != "" {
			if _, length, ok := versionOf(a.body); !ok || length != len(a.body) {
				m.t.Errorf("GET %s: %d bytes are no version: %.60q", name, len(a.body), a.body)
			}
		}
	}
	m.crowd(2, d, func(_ int, random *rand.Rand) {
		requests.Add(1)
		name := pick(random, modelNames)
		switch random.IntN(16) {
		case 0, 1, 2:
			a := m.expect(any, "LOCK", name, lockBody("exclusive", "x"), "Depth: 0", "Timeout: Second-600")
			if a.status != 200 && a.status != 201 {
				return
			}
			token := strings.Trim(a.header.Get("Lock-Token"), "<>")
			held.Add(1)
			mine, with := m.version(), "If: (<"+token+">)"
			if g := m.expect([]int{200}, "GET", name, ""); a.status == 201 && g.body != "" {
				m.t.Errorf("%s was made by LOCK and has %d bytes", name, len(g.body))
			}
			m.expect([]int{204}, "PUT", name, mine, with)
			m.expect([]int{207}, "PROPPATCH", name, markBody(token), with)
			for range 2 {
				if g := m.expect([]int{200}, "GET", name, ""); g.body != mine {
					m.t.Errorf("%s is locked and was changed: %.40q, want %.40q", name, g.body, mine)
				}
			}
			for _, props := range m.expect([]int{207}, "PROPFIND", name, propBody("Z:a"), "Depth: 0").props(m.t) {
				if props["z:a"] != token {
					m.t.Errorf("%s is locked and its property was changed: %q, want %q", name, props["z:a"], token)
				}
			}
			if random.IntN(4) == 0 {
				m.expect([]int{204}, "DELETE", name, "", with)
				return
			}
			m.expect([]int{204}, "UNLOCK", name, "", "Lock-Token: <"+token+">")
		case 3, 4:
			m.expect(any, "PUT", name, m.version())
		case 5:
			m.expect(any, "DELETE", pick(random, append(modelNames, modelDirs...)), "")
		case 6, 7:
			m.expect(any, "MKCOL", pick(random, modelDirs), "")
		case 8, 9:
			to := pick(random, modelNames)
			if to != name {
				m.expect(any, pick(random, []string{"MOVE", "COPY"}), name, "", "Destination: /dav/Home/"+to, "Overwrite: "+pick(random, []string{"T", "F"}))
			}
		case 10:
			m.expect(any, pick(random, []string{"MOVE", "COPY"}), "m0", "", "Destination: /dav/Home/m1", "Overwrite: "+pick(random, []string{"T", "T", "F"}))
		case 11:
			m.expect(any, pick(random, []string{"MOVE", "COPY"}), "m1/in", "", "Destination: /dav/Home/m0")
		case 12:
			m.expect(any, "PROPPATCH", pick(random, append(modelNames, modelDirs...)), markBody("somebody's"))
		case 13:
			m.expect([]int{207, 404}, "PROPFIND", pick(random, append(modelNames, modelDirs...)), propBody("Z:a"), "Depth: 1")
		default:
			content(name, m.expect([]int{200, 404}, "GET", name, ""))
		}
	})
	m.t.Logf("%d requests, %d locks were held", requests.Load(), held.Load())
	if held.Load() < 10 {
		m.t.Errorf("only %d locks were held: nothing was tested", held.Load())
	}
}

// tokens is 64 clients that move files about and never overwrite one: at the end each is there once, with its property.
func (m *modelTest) tokens(d time.Duration) {
	for _, dir := range modelDirs {
		m.expect([]int{201}, "MKCOL", dir, "")
	}
	const tokens = 5
	for n := range tokens {
		m.expect([]int{201}, "PUT", modelNames[n], fmt.Sprint("token ", n))
		m.expect([]int{207}, "PROPPATCH", modelNames[n], markBody(fmt.Sprint("of token ", n)))
	}
	var moved atomic.Int64
	swap := []string{"m1/in", "m1/out"} // a collection that wanders too
	m.crowd(3, d, func(_ int, random *rand.Rand) {
		from, to := pick(random, modelNames), pick(random, modelNames)
		switch random.IntN(8) {
		case 0:
			if a := m.expect([]int{200, 404}, "GET", from, ""); a.status == 200 && !strings.HasPrefix(a.body, "token ") {
				m.t.Errorf("GET %s: %q", from, a.body)
			}
		case 1:
			n := random.IntN(2)
			m.expect([]int{201, 404, 412}, "MOVE", swap[n], "", "Destination: /dav/Home/"+swap[1-n], "Overwrite: F")
		default:
			if from != to && m.expect([]int{201, 404, 409, 412}, "MOVE", from, "", "Destination: /dav/Home/"+to, "Overwrite: F").status == 201 {
				moved.Add(1)
			}
		}
	})
	found := map[string]int{}
	listed := m.want(m.t, 207, "PROPFIND", "/dav/Home/", propBody("Z:a"), "Depth: infinity").props(m.t)
	for href, props := range listed {
		if !strings.HasSuffix(href, "/") {
			text := m.read(m.t, href)
			found[text]++
			if props["z:a"] != "of "+text {
				m.t.Errorf("%s, which is %s, has the property %q", href, text, props["z:a"])
			}
		}
	}
	for n := range tokens {
		if found[fmt.Sprint("token ", n)] != 1 {
			m.t.Errorf("token %d is there %d times: %v", n, found[fmt.Sprint("token ", n)], found)
		}
	}
	if m.t.Logf("%d moves", moved.Load()); moved.Load() < 20 {
		m.t.Errorf("only %d moves: nothing was tested", moved.Load())
	}
}
