package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"davit/store"
)

// faulty fails one kind of call.
type faulty struct {
	fileSystem
	op   string
	err  error
	hits atomic.Int64
}

func (f *faulty) bottom() *rootFS { return f.fileSystem.(*rootFS) }

func (f *faulty) fail(op, name string) error {
	if op != f.op {
		return nil
	}
	f.hits.Add(1)
	return &fs.PathError{Op: op, Path: name, Err: f.err}
}

func (f *faulty) Stage(dir bool) (*staged, error) {
	if err := f.fail("stage", ""); err != nil {
		return nil, err
	}
	return f.fileSystem.Stage(dir)
}

func (f *faulty) Publish(s *staged, name string, noReplace bool) error {
	if err := f.fail("publish", name); err != nil {
		return err
	}
	return f.fileSystem.Publish(s, name, noReplace)
}

func (f *faulty) Exchange(s *staged, name string) error {
	if err := f.fail("exchange", name); err != nil {
		return err
	}
	return f.fileSystem.Exchange(s, name)
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.fail("mkdir", name); err != nil {
		return err
	}
	return f.fileSystem.Mkdir(name, perm)
}

func (f *faulty) Move(name string, to fileSystem, toName string, noReplace bool) error {
	if err := f.fail("move", name); err != nil {
		return err
	}
	return f.fileSystem.Move(name, to, toName, noReplace)
}

func (f *faulty) Swap(name string, to fileSystem, toName string) error {
	if err := f.fail("swap", name); err != nil {
		return err
	}
	return f.fileSystem.Swap(name, to, toName)
}

func (f *faulty) Trash(name string) (*staged, error) {
	if err := f.fail("trash", name); err != nil {
		return nil, err
	}
	return f.fileSystem.Trash(name)
}

func (f *faulty) Remove(name string) error {
	if err := f.fail("remove", name); err != nil {
		return err
	}
	return f.fileSystem.Remove(name)
}

func (f *faulty) Chmod(name string, mode fs.FileMode) error {
	if err := f.fail("chmod", name); err != nil {
		return err
	}
	return f.fileSystem.Chmod(name, mode)
}

func (f *faulty) OpenRead(name string) (*os.File, Info, error) {
	if err := f.fail("open", name); err != nil {
		return nil, Info{}, err
	}
	return f.fileSystem.OpenRead(name)
}

func (f *faulty) List(name string, fn func(Info) error) error {
	if err := f.fail("list", name); err != nil {
		return err
	}
	return f.fileSystem.List(name, fn)
}

// TestSTA7_CI2_STA1_STA3_StorageErrors has every step on the disk fail with every error of the table: the
// status is the table's in every method, and nothing has changed.
func TestSTA7_CI2_STA1_STA3_StorageErrors(t *testing.T) {
	errs := []struct {
		name   string
		err    error
		status int
	}{
		{"not found", syscall.ENOENT, 404},
		{"exists", syscall.EEXIST, 405},
		{"permission", syscall.EACCES, 403},
		{"not permitted", syscall.EPERM, 403},
		{"read-only", syscall.EROFS, 503},
		{"no space", syscall.ENOSPC, 507},
		{"disk quota", syscall.EDQUOT, 507},
		{"quota", &LimitError{Limit: 1, Wanted: 2}, 507},
		{"volume", &LimitError{Kind: LimitVolume, Wanted: 1}, 507},
		{"name too long", syscall.ENAMETOOLONG, 414},
		{"too many open files", syscall.EMFILE, 503},
		{"too many in the system", syscall.ENFILE, 503},
		{"I/O error", syscall.EIO, 500},
		{"is a directory", syscall.EISDIR, 405},
		{"not a directory", syscall.ENOTDIR, 409},
		{"cross-device", syscall.EXDEV, 500},
		{"interrupted", syscall.EINTR, 503},
		{"try again", syscall.EAGAIN, 503},
		{"stale handle", syscall.ESTALE, 503},
		{"out of memory", syscall.ENOMEM, 503},
		{"offline", store.ErrOffline, 503},
		{"another", errors.New("something else"), 500},
	}
	steps := []struct {
		op, method, target, body string
		headers                  []string
	}{
		{"stage", "PUT", "/dav/Home/f", "new", nil},
		{"publish", "PUT", "/dav/Home/f", "new", nil},
		{"publish", "PUT", "/dav/Home/n", "new", nil},
		{"publish", "LOCK", "/dav/Home/n", lockBody("exclusive", ""), nil},
		{"mkdir", "MKCOL", "/dav/Home/n", "", nil},
		{"remove", "DELETE", "/dav/Home/f", "", nil},
		{"trash", "DELETE", "/dav/Home/d", "", nil},
		{"move", "MOVE", "/dav/Home/f", "", []string{"Destination: /dav/Home/g"}},
		{"move", "MOVE", "/dav/Home/d", "", []string{"Destination: /dav/Other/n"}},
		{"swap", "MOVE", "/dav/Home/d", "", []string{"Destination: /dav/Home/e"}},
		{"swap", "MOVE", "/dav/Home/f", "", []string{"Destination: /dav/Home/e"}},
		{"trash", "MOVE", "/dav/Home/d", "", []string{"Destination: /dav/Home/e"}},
		{"open", "COPY", "/dav/Home/f", "", []string{"Destination: /dav/Home/g"}},
		{"publish", "COPY", "/dav/Home/f", "", []string{"Destination: /dav/Home/g"}},
		{"publish", "COPY", "/dav/Home/d", "", []string{"Destination: /dav/Home/n"}},
		{"exchange", "COPY", "/dav/Home/d", "", []string{"Destination: /dav/Home/e"}},
		{"list", "COPY", "/dav/Home/d", "", []string{"Destination: /dav/Home/n"}},
		{"chmod", "PROPPATCH", "/dav/Home/f", patchBody(set("<Z:a>new</Z:a><A:executable>T</A:executable>")), nil},
		{"open", "GET", "/dav/Home/f", "", nil},
		{"list", "GET", "/dav/Home/d", "", nil},
		{"list", "PROPFIND", "/dav/Home/d", "", []string{"Depth: 1"}},
	}
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	for _, name := range []string{"f", "d", "d/1", "e"} {
		s.patch(t, "/dav/Home/"+name, set("<Z:a>"+name+"</Z:a>"))
	}
	before := s.everything(t)
	f := &faulty{}
	s.under(t, s.home, func(disk fileSystem) fileSystem { f.fileSystem = disk; return f })
	for _, step := range steps {
		for _, e := range errs {
			if step.method == "COPY" && step.op == "open" && e.status == 404 {
				continue // a source that is deleted meanwhile is the source that is not found
			}
			name := fmt.Sprintf("%s %s (%s: %s)", step.method, step.target, step.op, e.name)
			f.op, f.err = step.op, e.err
			f.hits.Store(0)
			a := s.do(t, step.method, step.target, step.body, step.headers...)
			if f.hits.Load() == 0 {
				t.Fatalf("%s: the step was not taken", name)
			}
			f.op = ""
			if a.status != e.status {
				t.Errorf("%s: %d, want %d\n%s", name, a.status, e.status, a.body)
			}
			switch condition := ""; e.status {
			case 507:
				if condition = "sufficient-disk-space"; e.name == "quota" {
					condition = "quota-not-exceeded"
				}
				if !strings.Contains(a.body, "<D:"+condition+"/>") {
					t.Errorf("%s: %s", name, a.body)
				}
			case 503:
				if a.header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", name)
				}
			case 405:
				if a.header.Get("Allow") == "" {
					t.Errorf("%s: no Allow", name)
				}
			}
		}
		if after := s.everything(t); after != before {
			t.Fatalf("after %s %s (%s) the folders were\n%s\nand are\n%s", step.method, step.target, step.op, before, after)
		}
		for _, name := range []string{"f", "d", "d/1", "e"} {
			if got := s.dead(t, "/dav/Home/"+name); got != name {
				t.Errorf("after %s %s (%s) %s has the property %q", step.method, step.target, step.op, name, got)
			}
		}
		s.want(t, 404, "HEAD", "/dav/Home/n", "")
		s.want(t, 204, "DELETE", "/dav/Home/"+"locked"+s.touch(t, "locked"), "") // and no lock is left in the way
	}
}

// touch makes a file and gives "".
func (s *site) touch(t testing.TB, name string) string {
	t.Helper()
	s.want(t, 201, "PUT", "/dav/Home/"+name, "")
	return ""
}

// STA-6: of an operation on many resources that fails for some, the answer lists those and no others.
func TestSTA6_OnlyTheFailures(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.lock(t, "/dav/Home/d/sub/2", "As: bob")
	s.lock(t, "/dav/Home/d/1", "As: bob")
	before := s.everything(t)
	for _, c := range []struct {
		method, target, body, destination string
	}{
		{"DELETE", "/dav/Home/d", "", ""},
		{"MOVE", "/dav/Home/d", "", "/dav/Home/n"},
		{"MOVE", "/dav/Home/d", "", "/dav/Other/n"},
		{"LOCK", "/dav/Home/d", lockBody("exclusive", ""), ""},
	} {
		a := s.do(t, c.method, c.target, c.body, "Destination: "+c.destination)
		var hrefs []string
		for href, status := range a.failures(t) {
			hrefs = append(hrefs, href)
			if status != "HTTP/1.1 423 Locked" {
				t.Errorf("%s: %s has %s", c.method, href, status)
			}
		}
		slices.Sort(hrefs)
		if got := strings.Join(hrefs, " "); got != "/dav/Home/d/1 /dav/Home/d/sub/2" {
			t.Errorf("%s %s lists %s", c.method, c.target, got)
		}
	}
	// Members of the destination are no part of the request URL (RFC 4918, section 9.9.4): 423, which names them.
	for _, source := range []string{"/dav/Home/e", "/dav/Other/x"} {
		for _, method := range []string{"COPY", "MOVE"} {
			a := s.want(t, 423, method, source, "", "Destination: /dav/Home/d")
			if strings.Count(a.body, "<D:href>") != 2 || !strings.Contains(a.body, "/d/sub/2</D:href>") || !strings.Contains(a.body, "/d/1</D:href>") {
				t.Errorf("%s %s: %s", method, source, a.body)
			}
		}
	}
	// What fails as a whole has its status and no list.
	s.want(t, 423, "DELETE", "/dav/Home/d/1", "")
	s.want(t, 423, "PUT", "/dav/Home/d/1", "x")
	s.want(t, 403, "DELETE", "/dav/Shared/r", "")
	s.want(t, 404, "DELETE", "/dav/Home/none", "")
	if after := s.everything(t); after != before {
		t.Errorf("the folders were\n%s\nand are\n%s", before, after)
	}
}

// STA-4: each refusal has its own number, in each method.
func TestSTA4_Refusals(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.want(t, 201, "PUT", "/dav/Home/mine", "m")
	s.lock(t, "/dav/Home/mine", "As: bob")
	before := s.everything(t)
	to := func(at string) string { return "Destination: " + at }
	props := patchBody(set("<Z:a>1</Z:a>"))
	lock := lockBody("exclusive", "")
	for _, c := range []struct {
		status               int
		condition            string
		method, target, body string
		headers              []string
	}{
		// No right: 403 with the condition.
		{403, "need-privileges", "PUT", "/dav/Shared/r", "x", nil},
		{403, "need-privileges", "PUT", "/dav/Shared/n", "x", nil},
		{403, "need-privileges", "MKCOL", "/dav/Shared/n", "", nil},
		{403, "need-privileges", "DELETE", "/dav/Shared/r", "", nil},
		{403, "need-privileges", "LOCK", "/dav/Shared/r", lock, nil},
		{403, "need-privileges", "PROPPATCH", "/dav/Shared/r", props, nil},
		{403, "need-privileges", "UNLOCK", "/dav/Shared/r", "", []string{"Lock-Token: <urn:uuid:0>"}},
		{403, "need-privileges", "MOVE", "/dav/Shared/r", "", []string{to("/dav/Home/n")}},
		{403, "need-privileges", "MOVE", "/dav/Home/f", "", []string{to("/dav/Shared/n")}},
		{403, "need-privileges", "COPY", "/dav/Home/f", "", []string{to("/dav/Shared/n")}},
		// Not visible: 404, as if it were not there; as a destination its parent is missing.
		{404, "", "GET", "/dav/Secret/hidden", "", nil},
		{404, "", "PUT", "/dav/Secret/hidden", "x", nil},
		{404, "", "DELETE", "/dav/Secret/hidden", "", nil},
		{404, "", "PROPFIND", "/dav/" + s.secret.ID + "/", "", []string{"Depth: 0"}},
		{404, "", "COPY", "/dav/Secret/hidden", "", []string{to("/dav/Home/n")}},
		{409, "", "COPY", "/dav/Home/f", "", []string{to("/dav/Secret/hidden")}},
		{404, "", "GET", "/dav/Home/none", "", nil},
		{404, "", "PROPPATCH", "/dav/Home/none", props, nil},
		{404, "", "MOVE", "/dav/Home/none", "", []string{to("/dav/Home/n")}},
		// Locked.
		{423, "lock-token-submitted", "PUT", "/dav/Home/mine", "x", nil},
		{423, "lock-token-submitted", "DELETE", "/dav/Home/mine", "", nil},
		{423, "lock-token-submitted", "PROPPATCH", "/dav/Home/mine", props, nil},
		{423, "lock-token-submitted", "COPY", "/dav/Home/f", "", []string{to("/dav/Home/mine")}},
		{423, "no-conflicting-lock", "LOCK", "/dav/Home/mine", lock, nil},
		// A precondition.
		{412, "", "PUT", "/dav/Home/f", "x", []string{`If-Match: "x"`}},
		{412, "", "PUT", "/dav/Home/f", "x", []string{"If-None-Match: *"}},
		{412, "", "DELETE", "/dav/Home/f", "", []string{`If: (["x"])`}},
		{412, "", "COPY", "/dav/Home/f", "", []string{to("/dav/Home/g"), "Overwrite: F"}},
		{412, "", "MKCOL", "/dav/Home/n", "", []string{`If-Match: *`}},
		{412, "", "LOCK", "/dav/Home/f", lock, []string{"If-None-Match: *"}},
		// No parent.
		{409, "", "PUT", "/dav/Home/none/n", "x", nil},
		{409, "", "PUT", "/dav/Home/f/n", "x", nil},
		{409, "", "MKCOL", "/dav/Home/none/n", "", nil},
		{409, "", "MKCOL", "/dav/Home/f/n", "", nil},
		{409, "", "LOCK", "/dav/Home/none/n", lock, nil},
		{409, "", "LOCK", "/dav/Home/f/n", lock, nil},
		{409, "", "COPY", "/dav/Home/f", "", []string{to("/dav/Home/none/n")}},
		{409, "", "MOVE", "/dav/Home/f", "", []string{to("/dav/Home/g/n")}},
		// There already.
		{405, "", "MKCOL", "/dav/Home/f", "", nil},
		{405, "", "MKCOL", "/dav/Home/d", "", nil},
		{405, "", "MKCOL", "/dav/Home/", "", nil},
	} {
		a := s.do(t, c.method, c.target, c.body, c.headers...)
		if a.status != c.status || c.condition != "" && !strings.Contains(a.body, "<D:"+c.condition) {
			t.Errorf("%s %s %q: %d %s, want %d %s", c.method, c.target, c.headers, a.status, a.body, c.status, c.condition)
		}
	}
	if after := s.everything(t); after != before {
		t.Errorf("the folders were\n%s\nand are\n%s", before, after)
	}
}

// CM-5: there is one volume, so a MOVE between folders is a rename too: the file keeps its identity, times,
// mode and properties. If the disk calls it another device all the same, both sides stay as they are.
func TestCM5_BetweenFolders(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	s.fill(t)
	s.patch(t, "/dav/Home/d", set("<Z:a>d</Z:a>"))
	s.patch(t, "/dav/Home/d/1", set("<Z:a>1</Z:a><D:lastmodified>1500000000</D:lastmodified><A:executable>T</A:executable>"))
	state := func(name string) string {
		i, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(i.Sys().(*syscall.Stat_t).Ino, i.Mode(), i.ModTime(), i.Size())
	}
	was, etag := state(s.path(s.home, "d/1")), s.etag(t, "/dav/Home/d/1")
	before := s.everything(t)
	f := &faulty{op: "move", err: syscall.EXDEV}
	s.under(t, s.home, func(disk fileSystem) fileSystem { f.fileSystem = disk; return f })
	s.want(t, 500, "MOVE", "/dav/Home/d", "", "Destination: /dav/Other/moved")
	if after := s.everything(t); after != before || s.dead(t, "/dav/Home/d/1") != "1" {
		t.Errorf("the folders were\n%s\nand are\n%s", before, after)
	}
	f.op = ""
	s.want(t, 201, "MOVE", "/dav/Home/d", "", "Destination: /dav/Other/moved")
	if got := state(s.path(s.other, "moved/1")); got != was || s.etag(t, "/dav/Other/moved/1") != etag {
		t.Errorf("the file was %s and is %s", was, got)
	}
	if got := s.dead(t, "/dav/Other/moved") + s.dead(t, "/dav/Other/moved/1"); got != "d1" {
		t.Errorf("properties %q", got)
	}
	s.want(t, 404, "GET", "/dav/Home/d/1", "")
}

// CM-10: the kernel copies; the bytes do not pass through the server.
func TestCM10_TheKernelCopies(t *testing.T) {
	w := newWorld(t, Options{})
	tree := w.tree(t, w.folder(t, 0, 0))
	const size = 64 << 20
	if err := put(t.Context(), tree, "f", strings.Repeat("x", size)); err != nil {
		t.Fatal(err)
	}
	calls := func() (n int) {
		text, err := os.ReadFile("/proc/self/io")
		if err != nil {
			t.Fatal(err)
		}
		var read, written int
		for line := range strings.Lines(string(text)) {
			fmt.Sscanf(line, "syscr: %d", &read)
			fmt.Sscanf(line, "syscw: %d", &written)
		}
		return read + written
	}
	before := calls()
	if _, err := tree.Copy(context.WithoutCancel(t.Context()), "f", Place{tree, "g"}, true, false, Claim{}); err != nil {
		t.Fatal(err)
	}
	if n := calls() - before; n > 200 {
		t.Errorf("%d calls of read and write for a copy of %d bytes", n, size)
	}
	if got, err := read(tree, "g"); err != nil || len(got) != size || strings.Trim(got, "x") != "" {
		t.Errorf("the copy has %d bytes, %v", len(got), err)
	}
}
