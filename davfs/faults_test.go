package davfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"

	"davit/store"
)

// longTest asks for the long form of the tests that have one ("make test-long").
var longTest = os.Getenv("DAVIT_TEST_LONG") != ""

// faults fails one call of the file systems that share it, or all from one call on.
type faults struct {
	mu     sync.Mutex
	err    error // nil: nothing fails
	left   int   // calls until then
	sticky bool
	where  string // the first call that failed
}

func (x *faults) arm(err error, n int, sticky bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err, x.left, x.sticky, x.where = err, n, sticky, ""
}

// disarm says which call failed, "" if there were not so many.
func (x *faults) disarm() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = nil
	return x.where
}

func (x *faults) hit(op, name string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		return nil
	}
	if x.left--; x.left > 0 || x.left < 0 && !x.sticky {
		return nil
	}
	if x.where == "" {
		x.where = op + " " + name
	}
	return &fs.PathError{Op: op, Path: name, Err: x.err}
}

// failing is a fileSystem whose calls fail when its faults say so: instead of being done.
type failing struct {
	fileSystem
	x *faults
}

func (f *failing) bottom() *rootFS {
	return f.fileSystem.(interface{ bottom() *rootFS }).bottom()
}

func (f *failing) close() error { return f.bottom().close() }

func (f *failing) Lstat(name string) (Info, error) {
	if err := f.x.hit("stat", name); err != nil {
		return Info{}, err
	}
	return f.fileSystem.Lstat(name)
}

func (f *failing) OpenRead(name string) (*os.File, Info, error) {
	if err := f.x.hit("open", name); err != nil {
		return nil, Info{}, err
	}
	return f.fileSystem.OpenRead(name)
}

// List may fail at its beginning, or when it has told of one member.
func (f *failing) List(name string, fn func(Info) error) error {
	if err := f.x.hit("list", name); err != nil {
		return err
	}
	n := 0
	return f.fileSystem.List(name, func(i Info) error {
		if n++; n == 2 {
			if err := f.x.hit("list on", name); err != nil {
				return err
			}
		}
		return fn(i)
	})
}

func (f *failing) Stage(dir bool) (*staged, error) {
	if err := f.x.hit("stage", ""); err != nil {
		return nil, err
	}
	s, err := f.fileSystem.Stage(dir)
	if err == nil && s.file != nil {
		s.file = &failingFile{s.file.(*os.File), f.x}
	}
	return s, err
}

func (f *failing) Publish(s *staged, name string, noReplace bool) error {
	if err := f.x.hit("publish", name); err != nil {
		return err
	}
	return f.fileSystem.Publish(s, name, noReplace)
}

func (f *failing) Exchange(s *staged, name string) error {
	if err := f.x.hit("exchange", name); err != nil {
		return err
	}
	return f.fileSystem.Exchange(s, name)
}

func (f *failing) Move(name string, to fileSystem, toName string, noReplace bool) error {
	if err := f.x.hit("move", name); err != nil {
		return err
	}
	return f.fileSystem.Move(name, to, toName, noReplace)
}

func (f *failing) Swap(name string, to fileSystem, toName string) error {
	if err := f.x.hit("swap", name); err != nil {
		return err
	}
	return f.fileSystem.Swap(name, to, toName)
}

func (f *failing) Trash(name string) (*staged, error) {
	if err := f.x.hit("trash", name); err != nil {
		return nil, err
	}
	return f.fileSystem.Trash(name)
}

func (f *failing) SyncDir(name string) error {
	if err := f.x.hit("sync directory", name); err != nil {
		return err
	}
	return f.fileSystem.SyncDir(name)
}

func (f *failing) Settle(s *staged, mode uint32, mtime time.Time) (Info, error) {
	if err := f.x.hit("settle", ""); err != nil {
		return Info{}, err
	}
	return f.fileSystem.Settle(s, mode, mtime)
}

func (f *failing) Remode(s *staged, mode uint32) error {
	if err := f.x.hit("remode", ""); err != nil {
		return err
	}
	return f.fileSystem.Remode(s, mode)
}

func (f *failing) Enter(s *staged) (hiddenTree, error) {
	if err := f.x.hit("enter", ""); err != nil {
		return nil, err
	}
	t, err := f.fileSystem.Enter(s)
	if err != nil {
		return nil, err
	}
	return &failing{t, f.x}, nil
}

func (f *failing) Reopen(s *staged) error {
	if err := f.x.hit("reopen", ""); err != nil {
		return err
	}
	err := f.fileSystem.Reopen(s)
	if err == nil {
		s.file = &failingFile{s.file.(*os.File), f.x}
	}
	return err
}

func (f *failing) SyncVolume() error {
	if err := f.x.hit("sync volume", ""); err != nil {
		return err
	}
	return f.fileSystem.SyncVolume()
}

func (f *failing) Mkdir(name string, perm fs.FileMode) error {
	if err := f.x.hit("mkdir", name); err != nil {
		return err
	}
	return f.fileSystem.Mkdir(name, perm)
}

func (f *failing) Remove(name string) error {
	if err := f.x.hit("remove", name); err != nil {
		return err
	}
	return f.fileSystem.Remove(name)
}

func (f *failing) Chmod(name string, mode fs.FileMode) error {
	if err := f.x.hit("chmod", name); err != nil {
		return err
	}
	return f.fileSystem.Chmod(name, mode)
}

func (f *failing) Chtimes(name string, atime, mtime time.Time) error {
	if err := f.x.hit("chtimes", name); err != nil {
		return err
	}
	return f.fileSystem.Chtimes(name, atime, mtime)
}

func (f *failing) Create(name string) (afero.File, error) {
	if err := f.x.hit("create", name); err != nil {
		return nil, err
	}
	file, err := f.fileSystem.Create(name)
	if err != nil {
		return nil, err
	}
	return &failingFile{file.(*os.File), f.x}, nil
}

// failingFile is a staged file. A write that fails has written half, a close that fails has closed.
type failingFile struct {
	*os.File
	x *faults
}

func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.x.hit("write", ""); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *failingFile) ReadFrom(r io.Reader) (int64, error) {
	if err := f.x.hit("copy", ""); err != nil {
		n, _ := io.CopyN(f.File, r, 3)
		return n, err
	}
	return f.File.ReadFrom(r)
}

func (f *failingFile) Sync() error {
	if err := f.x.hit("sync", ""); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *failingFile) Close() error {
	return errors.Join(f.File.Close(), f.x.hit("close", ""))
}

// faultSite is a site whose folders Home and Other fail on command.
type faultSite struct {
	*site
	x     faults
	trees []*Tree
}

func newFaultSite(t testing.TB) *faultSite {
	s := &faultSite{site: newSite(t, HandlerOptions{InfiniteDepth: true}, Options{Sync: SyncFull})}
	for _, f := range []store.Folder{s.home, s.other} {
		tree := s.tree(t, f)
		tree.f.fs.fileSystem = &failing{tree.f.root, &s.x}
		s.trees = append(s.trees, tree)
	}
	return s
}

// snapshot is all that a client can see below a directory of Home and of Other: contents and dead properties.
func (s *faultSite) snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, mount := range []string{"Home", "Other"} {
		root := s.path(s.home, dir)
		if mount == "Other" {
			root = s.path(s.other, dir)
		}
		err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(root, p)
			name := filepath.Join(mount, rel)
			if e.IsDir() {
				all[name] = "collection"
				return nil
			}
			b, err := os.ReadFile(p)
			i, ierr := e.Info()
			if ierr == nil {
				all[name] = fmt.Sprintf("%s %q", i.Mode(), b)
			}
			return errors.Join(err, ierr)
		})
		if err != nil {
			t.Fatal(err)
		}
		target := "/dav/" + mount + "/" + dir + "/"
		for href, props := range s.want(t, 207, "PROPFIND", target, propBody("Z:a"), "Depth: infinity").props(t) {
			if p, err := url.PathUnescape(strings.TrimPrefix(href, target)); err == nil {
				name := filepath.Join(mount, p)
				if _, ok := all[name]; !ok {
					t.Errorf("%s is listed and not on the disk", href)
				}
				if props["z:a"] != "" {
					all[name] += " " + props["z:a"]
				}
			}
		}
	}
	return all
}

func markBody(value string) string {
	return `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="z:">` + value + `</a></D:prop></D:set></D:propertyupdate>`
}

// setUp fills a directory of Home, and one of Other, with what the requests of the tests are about.
func (s *faultSite) setUp(t testing.TB, dir string) {
	t.Helper()
	defer func(was Sync) { s.o.Sync = was }(s.o.Sync)
	s.o.Sync = SyncNone
	for _, m := range []string{"/dav/Home/", "/dav/Other/"} {
		s.want(t, 201, "MKCOL", m+dir, "")
	}
	at := "/dav/Home/" + dir + "/"
	for _, c := range []string{"tree", "tree/sub", "wood", "plain"} {
		s.want(t, 201, "MKCOL", at+c, "")
	}
	for name, mark := range map[string]string{"file": "", "marked": "of marked", "other": "of other", "tree/one": "of one", "tree/sub/two": "", "wood/one": "of wood one",
		"wood/three": "", "plain/leaf": ""} {
		s.want(t, 201, "PUT", at+name, "content of "+name)
		if mark != "" {
			s.want(t, 207, "PROPPATCH", at+name, markBody(mark))
		}
	}
	s.want(t, 207, "PROPPATCH", at+"tree", markBody("of tree"))
}

// faultCase is a request that is tried with every fault.
type faultCase struct {
	name           string
	method, target string // target below the directory in Home
	body           string
	headers        []string // $D is the directory's URL in Home, $O in Other, $T the token of a lock on marked
	lock           bool     // marked is locked
	status         int
	halves         bool // may be half done if also the undoing fails
}

var faultCases = []faultCase{
	{name: "PUT new", method: "PUT", target: "new", body: "new content", status: 201},
	{name: "PUT new empty", method: "PUT", target: "new", status: 201},
	{name: "PUT over", method: "PUT", target: "file", body: "new content", status: 204},
	{name: "PUT over marked", method: "PUT", target: "marked", body: "new", status: 204},
	{name: "PUT chunked", method: "PUT", target: "marked", body: strings.Repeat("chunk ", 50_000), headers: []string{"Chunked: yes"}, status: 204},
	{name: "PUT of a part", method: "PUT", target: "marked", body: "PART", headers: []string{"Content-Range: bytes 3-6/17"}, status: 204},
	{name: "PATCH", method: "PATCH", target: "file", body: "PART", headers: []string{"Content-Type: " + updateType, "X-Update-Range: bytes=-4"}, status: 204},
	{name: "PATCH append", method: "PATCH", target: "marked", body: "PART", headers: []string{"Content-Type: " + updateType, "X-Update-Range: append"}, status: 204},
	{name: "DELETE file", method: "DELETE", target: "file", status: 204},
	{name: "DELETE marked", method: "DELETE", target: "marked", status: 204},
	{name: "DELETE collection", method: "DELETE", target: "tree/", status: 204},
	{name: "DELETE plain collection", method: "DELETE", target: "plain", status: 204},
	{name: "MKCOL", method: "MKCOL", target: "made", status: 201},
	{name: "MKCOL with properties", method: "MKCOL", target: "made", headers: []string{"Content-Type: application/xml"}, status: 201,
		body: `<D:mkcol xmlns:D="DAV:"><D:set><D:prop><D:resourcetype><D:collection/></D:resourcetype><mark xmlns="z:">of made</mark></D:prop></D:set></D:mkcol>`},
	{name: "COPY file", method: "COPY", target: "file", headers: []string{"Destination: $D/new"}, status: 201},
	{name: "COPY marked", method: "COPY", target: "marked", headers: []string{"Destination: $D/new"}, status: 201},
	{name: "COPY over file", method: "COPY", target: "marked", headers: []string{"Destination: $D/other"}, status: 204},
	{name: "COPY plain over marked", method: "COPY", target: "file", headers: []string{"Destination: $D/other"}, status: 204},
	{name: "COPY collection", method: "COPY", target: "tree", headers: []string{"Destination: $D/new"}, status: 201},
	{name: "COPY collection alone", method: "COPY", target: "tree", headers: []string{"Destination: $D/new", "Depth: 0"}, status: 201},
	{name: "COPY collection over collection", method: "COPY", target: "tree", headers: []string{"Destination: $D/wood"}, status: 204},
	{name: "COPY collection over file", method: "COPY", target: "tree", headers: []string{"Destination: $D/other"}, status: 204},
	{name: "COPY file over collection", method: "COPY", target: "marked", headers: []string{"Destination: $D/wood"}, status: 204},
	{name: "COPY to another folder", method: "COPY", target: "tree", headers: []string{"Destination: $O/new"}, status: 201},
	{name: "MOVE file", method: "MOVE", target: "file", headers: []string{"Destination: $D/new"}, status: 201},
	{name: "MOVE marked", method: "MOVE", target: "marked", headers: []string{"Destination: $D/plain/new"}, status: 201},
	{name: "MOVE over file", method: "MOVE", target: "marked", headers: []string{"Destination: $D/other"}, status: 204},
	{name: "MOVE collection", method: "MOVE", target: "tree", headers: []string{"Destination: $D/new"}, status: 201},
	{name: "MOVE collection over collection", method: "MOVE", target: "tree", headers: []string{"Destination: $D/wood"}, status: 204},
	{name: "MOVE plain collection over file", method: "MOVE", target: "plain", headers: []string{"Destination: $D/file"}, status: 204},
	{name: "MOVE file over collection", method: "MOVE", target: "marked", headers: []string{"Destination: $D/wood"}, status: 204},
	{name: "MOVE file to another folder", method: "MOVE", target: "marked", headers: []string{"Destination: $O/new"}, status: 201},
	{name: "MOVE collection to another folder", method: "MOVE", target: "tree", headers: []string{"Destination: $O/new"}, status: 201},
	{name: "PROPPATCH dead", method: "PROPPATCH", target: "file", body: markBody("now"), status: 207},
	{name: "PROPPATCH live", method: "PROPPATCH", target: "file", status: 207, halves: true,
		body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><executable xmlns="http://apache.org/dav/props/">T</executable>` +
			`<Win32LastModifiedTime xmlns="urn:schemas-microsoft-com:">Sat, 21 Nov 2020 10:00:00 GMT</Win32LastModifiedTime><a xmlns="z:">both</a></D:prop></D:set></D:propertyupdate>`},
	{name: "LOCK", method: "LOCK", target: "file", body: lockBody("exclusive", "o"), status: 200},
	{name: "LOCK new", method: "LOCK", target: "new", body: lockBody("exclusive", "o"), status: 201},
	{name: "LOCK collection", method: "LOCK", target: "tree", body: lockBody("exclusive", "o"), status: 200},
	{name: "LOCK refresh", method: "LOCK", target: "marked", lock: true, headers: []string{"If: (<$T>)"}, status: 200},
	{name: "UNLOCK", method: "UNLOCK", target: "marked", lock: true, headers: []string{"Lock-Token: <$T>"}, status: 204},
	{name: "PUT locked", method: "PUT", target: "marked", body: "new", lock: true, headers: []string{"If: (<$T>)"}, status: 204},
	{name: "DELETE locked", method: "DELETE", target: "marked", lock: true, headers: []string{"If: (<$T>)"}, status: 204},
	{name: "MOVE locked", method: "MOVE", target: "marked", lock: true, headers: []string{"If: (<$T>)", "Destination: $D/wood"}, status: 204},
	{name: "GET", method: "GET", target: "marked", status: 200},
	{name: "GET listing", method: "GET", target: "tree", status: 200},
	{name: "PROPFIND 0", method: "PROPFIND", target: "marked", headers: []string{"Depth: 0"}, status: 207},
	{name: "PROPFIND 1", method: "PROPFIND", target: "", headers: []string{"Depth: 1"}, status: 207},
	{name: "PROPFIND infinity", method: "PROPFIND", target: "", headers: []string{"Depth: infinity"}, status: 207},
}

// send sends the request of a case; a connection that breaks is status 0.
func (s *faultSite) send(t testing.TB, c faultCase, dir, token string) answered {
	t.Helper()
	at := "/dav/Home/" + dir
	var body io.Reader = strings.NewReader(c.body)
	r, err := http.NewRequestWithContext(t.Context(), c.method, s.server.URL+at+"/"+c.target, body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", "secret")
	for _, h := range c.headers {
		name, value, _ := strings.Cut(strings.NewReplacer("$D", at, "$O", "/dav/Other/"+dir, "$T", token).Replace(h), ": ")
		if name == "Chunked" {
			r.ContentLength, r.Body = -1, io.NopCloser(body)
			continue
		}
		r.Header.Set(name, value)
	}
	res, err := s.server.Client().Transport.RoundTrip(r)
	if err != nil {
		return answered{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answered{}
	}
	return answered{res.StatusCode, res.Header, string(b)}
}

// settled waits until nothing is under way in the background and checks what must then hold.
func (s *faultSite) settled(t testing.TB, what string) {
	t.Helper()
	var wrong string
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		wrong = ""
		for _, tree := range s.trees {
			names := tree.f.names.(*nameTable)
			names.mu.Lock()
			if len(names.locks) > 0 {
				wrong += fmt.Sprintf("names are locked: %v; ", slices.Collect(maps.Keys(names.locks)))
			}
			names.mu.Unlock()
			got, err := tree.f.usage()
			if err != nil {
				t.Fatal(err)
			}
			if want := onDisk(t, s.path(store.Folder{ID: tree.f.id}, "")); got.Usage != want || got.ReservedBytes != 0 || got.ReservedFiles != 0 {
				wrong += fmt.Sprintf("usage %+v, on disk %+v; ", got, want)
			}
		}
		if left := unfinished(t, s.dir); len(left) > 0 {
			wrong += fmt.Sprintf("left in staging: %v; ", left)
		}
		if intents, err := s.st.Intents(t.Context()); err != nil || len(intents) > 0 {
			wrong += fmt.Sprintf("intents: %+v, %v", intents, err)
		}
		if wrong == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s", what, wrong)
		}
	}
}

// descriptors is how many this process has, of files on the disk: connections come and go by themselves.
func descriptors(t testing.TB, dir string) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if at, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(at, dir) && !strings.Contains(at, "davit.db") {
			n++
		}
	}
	return n
}

// TestSTA7_CI2_Faults fails every call to the disk that a request makes, one after the other, with every error that a
// disk has, alone and with all that follow. Afterwards either nothing has happened, or all.
func TestSTA7_CI2_Faults(t *testing.T) {
	t.Parallel()
	errs := []struct {
		err    error
		status int
	}{{unix.ENOSPC, 507}, {unix.EIO, 500}, {unix.EACCES, 403}, {unix.EMFILE, 503}}
	s := newFaultSite(t)
	runs := 0
	for i, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			open := descriptors(t, s.dir)
			begin := func(dir string) (before map[string]string, token string) {
				s.setUp(t, dir)
				if c.lock {
					token = s.lock(t, "/dav/Home/"+dir+"/marked")
				}
				return s.snapshot(t, dir), token
			}
			end := func(dir string) {
				s.x.disarm()
				for _, name := range []string{"marked", "file", "new", "tree", "other", "wood"} {
					s.freeLocks(name, dir)
				}
				for _, m := range []string{"/dav/Home/", "/dav/Other/"} {
					s.want(t, 204, "DELETE", m+dir, "")
				}
			}
			dir := fmt.Sprintf("done%d", i)
			before, token := begin(dir)
			done := s.send(t, c, dir, token)
			if done.status != c.status {
				t.Fatalf("without a fault: %d %s, want %d", done.status, done.body, c.status)
			}
			after := s.snapshot(t, dir)
			end(dir)
			most := len(errs)
			for _, sticky := range []bool{false, true} {
				for k, e := range errs {
					if sticky && e.err != unix.EIO {
						continue // which error it is makes no difference to what is undone
					}
					for n := 1; ; n++ {
						if !longTest && (!sticky && n%len(errs) != k || sticky && n%3 != 1) {
							if n > most {
								break
							}
							continue // in the long test each call fails in all ways
						}
						dir := fmt.Sprintf("c%d-%v-%v-%d", i, sticky, int(e.err.(unix.Errno)), n)
						_, token := begin(dir)
						followers := s.followers(t, c, dir)
						s.x.arm(e.err, n, sticky)
						got := s.send(t, c, dir, token)
						where := s.x.disarm()
						if where == "" {
							end(dir)
							break
						}
						runs++
						most = max(most, n+len(errs))
						what := fmt.Sprintf("%v at call %d (%s), sticky %v: status %d", e.err, n, where, sticky, got.status)
						if n > 500 {
							t.Fatal("there is no end of calls")
						}
						// What could not be finished is finished before the next change.
						s.change(t, dir)
						now := s.snapshot(t, dir)
						switch {
						case got.status == c.status:
							if !maps.Equal(now, after) {
								t.Errorf("%s, but it has not happened:\n%s", what, differ(now, after))
							}
							// What a listing lacks it must say.
							if strings.Count(got.body, "href") < strings.Count(done.body, "href") && !strings.Contains(got.body, fmt.Sprintf("<D:status>HTTP/1.1 %d ", e.status)) {
								t.Errorf("%s, but the answer is not whole:\n%s", what, got.body)
							}
						case got.status == 0:
							if c.method != "PROPFIND" && c.method != "GET" {
								t.Errorf("%s: the connection broke", what)
							}
						case got.status != e.status:
							t.Errorf("%s, want %d: %s", what, e.status, got.body)
						}
						if !maps.Equal(now, before) && !maps.Equal(now, after) && !(sticky && c.halves) {
							t.Errorf("%s left neither the old nor the new:\nto the old: %s\nto the new: %s", what, differ(now, before), differ(now, after))
						}
						s.settled(t, what)
						for _, f := range followers {
							f.sync(t)
							if f.compare(t); t.Failed() {
								t.Fatalf("%s: it was not told to those who follow", what)
							}
						}
						if maps.Equal(now, before) && !maps.Equal(before, after) && got.status != c.status {
							if again := s.send(t, c, dir, token); again.status != c.status {
								t.Errorf("%s; once more without a fault: %d %s", what, again.status, again.body)
							} else if now := s.snapshot(t, dir); !maps.Equal(now, after) {
								t.Errorf("%s; once more without a fault it is wrong: %s", what, differ(now, after))
							}
						}
						end(dir)
						if t.Failed() {
							t.FailNow()
						}
					}
				}
			}
			for limit := time.Now().Add(5 * time.Second); descriptors(t, s.dir) > open; time.Sleep(time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatalf("%d descriptors, there were %d", descriptors(t, s.dir), open)
				}
			}
		})
	}
	t.Logf("%d faults", runs)
}

// followers are clients that know all that is in the directories of a case.
func (s *faultSite) followers(t testing.TB, c faultCase, dir string) []*follower {
	t.Helper()
	all := []*follower{{s: s.site, target: "/dav/Home/" + dir + "/", level: "infinite"}}
	if strings.Contains(strings.Join(c.headers, " "), "$O") {
		all = append(all, &follower{s: s.site, target: "/dav/Other/" + dir + "/", level: "infinite"})
	}
	for _, f := range all {
		f.sync(t)
	}
	return all
}

// change makes some other change in both folders.
func (s *faultSite) change(t testing.TB, dir string) {
	t.Helper()
	for _, m := range []string{"/dav/Home/", "/dav/Other/"} {
		s.want(t, 201, "PUT", m+dir+"/next", "")
		s.want(t, 204, "DELETE", m+dir+"/next", "")
	}
}

// freeLocks ends the locks on a name, whoever has heard of their tokens.
func (s *faultSite) freeLocks(name, dir string) {
	for _, tree := range s.trees {
		at := member(dir, name)
		for _, l := range append(tree.f.locks.covering(at), tree.f.locks.below(at)...) {
			tree.f.locks.unlock(context.Background(), l.Path, l.Token)
		}
	}
}

// differ says in words how got differs from want.
func differ(got, want map[string]string) string {
	var all []string
	for n, w := range want {
		if g, ok := got[n]; !ok {
			all = append(all, n+" is missing")
		} else if g != w {
			all = append(all, fmt.Sprintf("%s is %.80s, want %.80s", n, g, w))
		}
	}
	for n := range got {
		if _, ok := want[n]; !ok {
			all = append(all, n+" should not be there")
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// TestCI2_RowsFail has the database refuse what a request writes, one table and one kind of statement after the other.
func TestCI2_RowsFail(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "davit.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	failed := 0
	for i, c := range faultCases {
		if c.method == "GET" || c.method == "PROPFIND" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			try := func(n int, refused string) (answered, map[string]string, map[string]string, string, string) {
				dir := fmt.Sprintf("r%d-%d", i, n)
				s.setUp(t, dir)
				token := ""
				if c.lock {
					token = s.lock(t, "/dav/Home/"+dir+"/marked")
				}
				before := s.snapshot(t, dir)
				if refused != "" {
					exec("CREATE TRIGGER refuse BEFORE " + refused + " BEGIN SELECT RAISE(ABORT, 'refused by the test'); END")
				}
				got := s.send(t, c, dir, token)
				if refused != "" {
					exec("DROP TRIGGER refuse")
				}
				s.change(t, dir)
				return got, before, s.snapshot(t, dir), dir, token
			}
			end := func(dir string) {
				for _, name := range []string{"marked", "file", "new", "tree", "other", "wood"} {
					s.freeLocks(name, dir)
				}
				for _, m := range []string{"/dav/Home/", "/dav/Other/"} {
					s.want(t, 204, "DELETE", m+dir, "")
				}
			}
			_, _, after, dir, _ := try(0, "")
			end(dir)
			n := 0
			for _, table := range []string{"intents", "props", "locks"} {
				for _, kind := range []string{"INSERT", "UPDATE", "DELETE"} {
					n++
					got, before, now, dir, token := try(n, kind+" ON "+table)
					what := fmt.Sprintf("%s refused in %s: status %d", kind, table, got.status)
					if got.status == c.status {
						if !maps.Equal(now, after) {
							t.Errorf("%s, but it has not happened: %s", what, differ(now, after))
						}
					} else {
						failed++
						if got.status != 500 && got.status != 503 {
							t.Errorf("%s, want 500 or 503: %s", what, got.body)
						}
						if !maps.Equal(now, before) && !maps.Equal(now, after) {
							t.Errorf("%s left neither the old nor the new:\nto the old: %s\nto the new: %s", what, differ(now, before), differ(now, after))
						}
						if maps.Equal(now, before) && !maps.Equal(before, after) {
							if again := s.send(t, c, dir, token); again.status != c.status {
								t.Errorf("%s; once more without a fault: %d %s", what, again.status, again.body)
							}
						}
					}
					s.settled(t, what)
					end(dir)
				}
			}
		})
	}
	if failed < 20 {
		t.Errorf("only %d requests failed: nothing was tested", failed)
	}
}

// TestNameLockGivesUp: who waits for a name stops waiting when his request ends, and leaves nothing behind.
func TestNameLockGivesUp(t *testing.T) {
	var table nameTable
	unlock, err := table.lock(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 2)
	go func() {
		_, err := table.lock(ctx, "a/b/c", "a") // "a" is wanted for itself, which readers behind wait for
		waiting <- err
	}()
	queued := func(name string, n int) {
		for {
			table.mu.Lock()
			l := table.locks[name]
			ok := l != nil && len(l.queue) == n
			table.mu.Unlock()
			if ok {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	queued("a", 1)
	done := make(chan func())
	go func() {
		u, err := table.lock(t.Context(), "a/x")
		if err != nil {
			t.Error(err)
		}
		done <- u
	}()
	queued("a", 2)
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("lock: %v, want %v", err, context.Canceled)
	}
	(<-done)() // the one behind goes past
	unlock()
	if len(table.locks) > 0 {
		t.Errorf("left: %v", table.locks)
	}
}
