package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/server/servertest"
	"davit/store"
)

// TestCI3_Kill kills the server at random moments under load. What was acknowledged
// must be there afterwards; what was not, is there whole or not at all.
func TestCI3_Kill(t *testing.T) {
	kills := 20
	if servertest.Long {
		kills = 200
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newProcess(t)
	if code, _, errs := s.Run("user", "limit", "admin", "--max-folders", "0"); code != 0 {
		t.Fatal(errs)
	}
	id := s.folder("load", "--max-bytes", "0", "--max-files", "0")
	var writers []*writer
	for i := range 4 {
		w := &writer{s: s, id: id, random: rand.New(rand.NewPCG(seed, uint64(i+1))), dir: fmt.Sprint("writer", i)}
		w.is = state{w.dir: {dir: true}}
		s.must(201, "MKCOL", w.url(w.dir), "", nil)
		writers = append(writers, w)
	}
	s.must(201, "MKCOL", "/dav/"+id+"/shared", "", nil)
	owner := &owner{s: s, random: rand.New(rand.NewPCG(seed, 99)), folders: map[string]string{}, deleted: map[string]bool{}}
	steps := 0
	for n := range kills {
		var load sync.WaitGroup
		for _, w := range writers {
			load.Go(w.run)
		}
		for i := range 2 {
			load.Go(func() { crowd(s, id, rand.New(rand.NewPCG(seed, uint64(100*n+i)))) })
		}
		load.Go(owner.run)
		time.Sleep(time.Duration(20+random.IntN(400)) * time.Millisecond)
		s.Kill()
		load.Wait()
		s.Args = []string{"--sync", []string{"none", "full"}[n%2]}
		s.Start()
		for _, w := range writers {
			w.check()
			steps += w.steps
			w.steps = 0
		}
		owner.check()
		checkAfterKill(s, id)
		if t.Failed() {
			t.Fatalf("after kill %d of %d", n+1, kills)
		}
	}
	t.Logf("%d changes were acknowledged", steps)
	if steps < 10*kills {
		t.Errorf("only %d changes in %d runs: that is no load", steps, kills)
	}
	s.Stop()
	if code, out, errs := s.Run("check"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}

// checkAfterKill looks at what is no writer's alone.
func checkAfterKill(s *process, id string) {
	t := s.T
	err := filepath.WalkDir(filepath.Join(s.Data, "staging"), func(name string, e fs.DirEntry, err error) error {
		if lane := filepath.Base(filepath.Dir(name)) == "staging" && e.IsDir(); !lane && e.Name() != "staging" {
			t.Errorf("left in staging: %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	servertest.Within(t, 2*time.Second, "usage is what is on the disk", func() bool {
		bytes, files := s.walk(id)
		u := s.usage(id)
		return u.Bytes == bytes && u.Files == files
	})
	servertest.Within(t, 10*time.Second, "the trash is empty", func() bool {
		left, err := os.ReadDir(filepath.Join(s.Data, "trash"))
		return err == nil && len(left) == 0
	})
	for name, text := range s.files(id) {
		if !strings.HasSuffix(name, "/") && text != "" && !whole(text) {
			t.Errorf("%s is no version that anybody wrote: %d bytes, %.60q", name, len(text), text)
		}
	}
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(s.Data, "davit.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	locks, err := st.Locks(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range locks {
		if _, err := os.Lstat(filepath.Join(s.Data, "files", id, l.Path)); err != nil {
			t.Errorf("a lock on a name that is gone: %v", err)
		}
	}
	servertest.Within(t, 2*time.Second, "no name that is gone has properties", func() bool {
		props, err := st.PropPaths(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for name := range props {
			if _, err := os.Lstat(filepath.Join(s.Data, "files", id, name)); err != nil {
				return false
			}
		}
		return true
	})
	intents, err := st.Intents(t.Context())
	if err != nil || len(intents) > 0 {
		t.Errorf("intents after the start: %v, %v", intents, err)
	}
}

// version is a content that proves to be whole, unlike any other.
func version(random *rand.Rand) string {
	size := random.IntN(4 << 10)
	if random.IntN(30) == 0 {
		size = random.IntN(1 << 20)
	}
	b := make([]byte, size)
	for i := range b {
		b[i] = byte('a' + random.IntN(26))
	}
	return fmt.Sprintf("%d %x\n%s", len(b), sha256.Sum256(b), b)
}

func whole(text string) bool {
	head, body, ok := strings.Cut(text, "\n")
	return ok && head == fmt.Sprintf("%d %x", len(body), sha256.Sum256([]byte(body)))
}

// resource is what a writer knows about a file or directory.
type resource struct {
	dir   bool
	text  string
	prop  string // its dead property "mark"
	token string // of the lock on it
}

// state is all that a writer has, by name in the folder.
type state map[string]resource

// tree lists name and all below it.
func (s state) tree(name string) []string {
	var names []string
	for n := range s {
		if n == name || strings.HasPrefix(n, name+"/") {
			names = append(names, n)
		}
	}
	return names
}

func (s state) remove(name string) {
	for _, n := range s.tree(name) {
		delete(s, n)
	}
}

// writer changes what is in a directory of its own, one request after the other,
// so it knows what must be there.
type writer struct {
	s      *process
	id     string
	dir    string
	random *rand.Rand
	is     state
	steps  int
	done   []string // the last changes, for errors
	doubt  *change  // was sent, and not acknowledged
}

// change is a request and what it makes of the state.
type change struct {
	method, name, to string // to: of COPY and MOVE
	body             string
	part             string // X-Update-Range of a PATCH
	status           int
	after            state
}

func (w *writer) url(name string) string {
	return (&url.URL{Path: "/dav/" + w.id + "/" + name}).EscapedPath()
}

// run goes on until the server is gone.
func (w *writer) run() {
	for {
		c := w.next()
		if c == nil {
			continue
		}
		w.doubt = c
		res, err := w.send(c)
		if err != nil {
			return
		}
		if res.status != c.status || res.status == 207 && strings.Contains(res.body, "HTTP/1.1 4") {
			w.s.T.Errorf("%s %s %s: %d, want %d\n%s\nbefore that:\n%s",
				c.method, c.name, c.to, res.status, c.status, res.body, strings.Join(w.done, "\n"))
			return
		}
		if c.method == "LOCK" {
			r := c.after[c.name]
			r.token = strings.Trim(res.header.Get("Lock-Token"), "<>")
			c.after[c.name] = r
		}
		w.is, w.doubt = c.after, nil
		w.steps++
		if w.done = append(w.done, fmt.Sprintln(c.method, c.name, c.to, res.status)); len(w.done) > 100 {
			w.done = w.done[50:]
		}
	}
}

func (w *writer) send(c *change) (response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var header []string
	conditions := "(Not <DAV:no-lock>)"
	for _, r := range w.is {
		if r.token != "" {
			conditions += " (<" + r.token + ">)"
		}
	}
	switch c.method {
	case "PATCH":
		header = append(header, "Content-Type", "application/x-sabredav-partialupdate", "X-Update-Range", c.part)
	case "MOVE", "COPY":
		header = append(header, "Destination", w.s.URL+w.url(c.to))
	case "UNLOCK":
		header = append(header, "Lock-Token", "<"+w.is[c.name].token+">")
	case "LOCK":
		header = append(header, "Depth", "0", "Timeout", "Second-3600")
	}
	header = append(header, "If", conditions)
	var body io.Reader = strings.NewReader(c.body)
	if len(c.body) > 64<<10 && c.method == "PUT" {
		body = io.MultiReader(body) // of unknown length, in chunks
	}
	return w.s.send(ctx, c.method, w.url(c.name), body, header...)
}

const (
	lockBody = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>w</owner></lockinfo>`
	markBody = `<propertyupdate xmlns="DAV:"><set><prop><mark xmlns="urn:crash">%s</mark></prop></set></propertyupdate>`
)

// next makes up a change, or gives nil if that would not be one.
func (w *writer) next() *change {
	dirs, all := []string{w.dir}, []string{}
	for _, n := range slices.Sorted(maps.Keys(w.is)) {
		if n == w.dir {
			continue
		}
		all = append(all, n)
		if w.is[n].dir && strings.Count(n, "/") < 4 {
			dirs = append(dirs, n)
		}
	}
	some := w.dir // a name that exists, if there is one
	if len(all) > 0 {
		some = all[w.random.IntN(len(all))]
	}
	name := dirs[w.random.IntN(len(dirs))] + "/" + fmt.Sprint("name ", w.random.IntN(5))
	old, exists := w.is[name]
	c := &change{name: name, after: maps.Clone(w.is)}
	put := func(r resource) { c.after[c.name] = r }
	switch kind := w.random.IntN(20); {
	case kind < 6:
		if old.dir {
			return nil
		}
		c.method, c.status, c.body = "PUT", 201, version(w.random)
		if exists {
			c.status = 204
		}
		old.text = c.body
		put(old)
	case kind < 8 && some != w.dir && !w.is[some].dir && w.is[some].text != "":
		// Another version of equal length, by replacing all but the head.
		old = w.is[some]
		head, body, _ := strings.Cut(old.text, "\n")
		if body == "" {
			return nil
		}
		b := []byte(body)
		b[w.random.IntN(len(b))]++
		b[w.random.IntN(len(b))]++
		// The head has the sum of the whole: it is written in the same request, so the part begins at 0.
		next := fmt.Sprintf("%d %x\n%s", len(b), sha256.Sum256(b), b)
		if len(next) != len(head)+1+len(body) {
			return nil
		}
		end := 1 + max(lastDifference(old.text, next), 0)
		c.method, c.status, c.name, c.body, c.part = "PATCH", 204, some, next[:end], fmt.Sprintf("bytes=0-%d", end-1)
		old.text = next
		put(old)
	case kind < 8:
		if exists {
			return nil
		}
		c.method, c.status = "MKCOL", 201
		put(resource{dir: true})
	case kind < 9:
		if some == w.dir {
			return nil
		}
		c.method, c.status, c.name = "DELETE", 204, some
		c.after.remove(some)
	case kind < 14:
		if some == w.dir || some == name || strings.HasPrefix(name, some+"/") || strings.HasPrefix(some, name+"/") {
			return nil
		}
		for _, n := range w.is.tree(name) {
			if w.is[n].token != "" {
				return nil // whether its lock stays is another test's matter
			}
		}
		c.method, c.status, c.name, c.to = "MOVE", 201, some, name
		if exists {
			c.status = 204
		}
		c.after.remove(name)
		for _, n := range w.is.tree(some) {
			r := w.is[n]
			r.token = ""
			c.after[name+strings.TrimPrefix(n, some)] = r
		}
		if kind < 12 {
			c.after.remove(some)
		} else {
			c.method = "COPY"
		}
	case kind < 17:
		if some == w.dir {
			return nil
		}
		old = w.is[some]
		c.method, c.status, c.name = "PROPPATCH", 207, some
		old.prop = fmt.Sprint(w.random.Uint64())
		c.body = fmt.Sprintf(markBody, old.prop)
		put(old)
	case kind < 19:
		if w.random.IntN(2) == 0 && some != w.dir {
			c.name, old, exists = some, w.is[some], true
		}
		if old.token != "" {
			return nil
		}
		c.method, c.status, c.body = "LOCK", 201, lockBody
		if exists {
			c.status = 200
		}
		put(old)
	default:
		old = w.is[some]
		if old.token == "" {
			return nil
		}
		c.method, c.status, c.name = "UNLOCK", 204, some
		old.token = ""
		put(old)
	}
	return c
}

// lastDifference is the index of the last byte in which two texts of equal length differ; -1 if none.
func lastDifference(a, b string) int {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// check compares what is there with what was acknowledged. A change in doubt has
// happened, or it has not; which, is then known.
func (w *writer) check() {
	t := w.s.T
	got := w.look()
	if w.doubt == nil {
		for _, d := range difference(got, w.is) {
			t.Errorf("%s: %s", w.dir, d)
		}
		return
	}
	c := w.doubt
	w.doubt = nil
	if r, ok := got[c.name]; ok && c.method == "LOCK" { // nobody has heard its token
		if a := c.after[c.name]; r.token != "" {
			a.token = r.token
			c.after[c.name] = a
		}
	}
	before, after := difference(got, w.is), difference(got, c.after)
	switch {
	case len(after) == 0:
		w.is = c.after
	case len(before) > 0:
		t.Errorf("%s: %s %s %s was cut off; it has neither happened:\n%s\nnor not happened:\n%s",
			w.dir, c.method, c.name, c.to, strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// difference says in words how what is there differs from what should be.
func difference(got, want state) []string {
	var all []string
	for n, r := range want {
		switch g, ok := got[n]; {
		case !ok:
			all = append(all, n+" is missing")
		case g.dir != r.dir || g.text != r.text:
			all = append(all, fmt.Sprintf("%s has %d bytes %.20q, want %d bytes %.20q", n, len(g.text), g.text, len(r.text), r.text))
		case g.prop != r.prop:
			all = append(all, fmt.Sprintf("%s has the property %q, want %q", n, g.prop, r.prop))
		case g.token != r.token:
			all = append(all, fmt.Sprintf("%s has the lock %q, want %q", n, g.token, r.token))
		}
	}
	for n := range got {
		if _, ok := want[n]; !ok {
			all = append(all, n+" should not be there")
		}
	}
	slices.Sort(all)
	return all
}

type multistatus struct {
	Responses []struct {
		Href  string   `xml:"href"`
		Marks []string `xml:"propstat>prop>mark"`
		Locks []string `xml:"propstat>prop>lockdiscovery>activelock>locktoken>href"`
	} `xml:"response"`
}

// look finds what is there: contents on the disk, the rest through the door.
func (w *writer) look() state {
	t := w.s.T
	got := state{}
	for name, text := range w.s.files(w.id) {
		dir := strings.HasSuffix(name, "/")
		if name = strings.TrimSuffix(name, "/"); name == w.dir || strings.HasPrefix(name, w.dir+"/") {
			got[name] = resource{dir: dir, text: text}
		}
	}
	const body = `<propfind xmlns="DAV:"><prop><lockdiscovery/><mark xmlns="urn:crash"/></prop></propfind>`
	for n, r := range got {
		if !r.dir {
			continue
		}
		res := w.s.must(207, "PROPFIND", w.url(n)+"/", body, map[string]string{"Depth": "1"})
		var m multistatus
		if err := xml.Unmarshal([]byte(res.body), &m); err != nil {
			t.Fatalf("%v: %s", err, res.body)
		}
		for _, one := range m.Responses {
			href, err := url.PathUnescape(one.Href)
			name := strings.TrimPrefix(path.Clean(href), "/dav/"+w.id+"/")
			r, ok := got[name]
			if err != nil || !ok {
				t.Errorf("PROPFIND shows %q, which is not on the disk", one.Href)
				continue
			}
			r.prop, r.token = strings.Join(one.Marks, " "), strings.Join(one.Locks, " ")
			got[name] = r
		}
	}
	return got
}

// crowd changes a few names that others change too.
func crowd(s *process, id string, random *rand.Rand) {
	name := func() string { return fmt.Sprintf("/dav/%s/shared/%d", id, random.IntN(4)) }
	for {
		var res response
		var err error
		switch random.IntN(6) {
		case 0:
			res, err = s.send(context.Background(), "MOVE", name(), nil, "Destination", s.URL+name())
		case 1:
			res, err = s.send(context.Background(), "COPY", name(), nil, "Destination", s.URL+name())
		case 2:
			res, err = s.send(context.Background(), "DELETE", name(), nil)
		default:
			res, err = s.send(context.Background(), "PUT", name(), strings.NewReader(version(random)))
		}
		if err != nil {
			return
		}
		if res.status >= 500 {
			s.T.Errorf("a change of a shared name: %d %s", res.status, res.body)
			return
		}
	}
}

// owner makes and deletes folders over the API.
type owner struct {
	s       *process
	random  *rand.Rand
	folders map[string]string // content of the file in each, by ID
	deleted map[string]bool
	n       int
}

// run goes on until the server is gone.
func (o *owner) run() {
	ctx := context.Background()
	for {
		for id := range o.folders {
			if len(o.folders) < 5 {
				break
			}
			// While its fate is not known it belongs to neither list.
			delete(o.folders, id)
			res, err := o.s.send(ctx, "DELETE", "/v2/folder/"+id, nil)
			if err != nil {
				return
			}
			if res.status != 204 {
				o.s.T.Errorf("DELETE folder %s: %d %s", id, res.status, res.body)
				return
			}
			o.deleted[id] = true
		}
		o.n++
		res, err := o.s.send(ctx, "POST", "/v2/folder/create", strings.NewReader(fmt.Sprintf(`{"name": "folder-%d"}`, o.n)))
		if err != nil {
			return
		}
		var made struct{ FolderID string }
		if err := json.Unmarshal([]byte(res.body), &made); err != nil || res.status != 201 {
			o.s.T.Errorf("create folder: %d %s", res.status, res.body)
			return
		}
		o.folders[made.FolderID] = ""
		text := version(o.random)
		res, err = o.s.send(ctx, "PUT", "/dav/"+made.FolderID+"/file", strings.NewReader(text))
		if err != nil {
			return
		}
		if res.status != 201 {
			o.s.T.Errorf("PUT into a new folder: %d %s", res.status, res.body)
			return
		}
		o.folders[made.FolderID] = text
	}
}

// check finds the folders that are there, and those that were deleted gone.
func (o *owner) check() {
	t := o.s.T
	for id, text := range o.folders {
		o.s.must(200, "GET", "/v2/folder/"+id, "", nil)
		if got := o.s.files(id)["file"]; got != text && text != "" {
			t.Errorf("the file in folder %s has %d bytes, want %d", id, len(got), len(text))
		}
	}
	for id := range o.deleted {
		o.s.must(404, "GET", "/v2/folder/"+id, "", nil)
		servertest.Within(t, 5*time.Second, "a deleted folder is gone from the disk", func() bool {
			_, err := os.Stat(filepath.Join(o.s.Data, "files", id))
			return os.IsNotExist(err)
		})
	}
	clear(o.deleted)
}
