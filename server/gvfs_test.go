package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/server/servertest"
)

// logged is a request in the server's log.
type logged struct {
	Msg    string
	Method string
	Path   string
	Status int
	Took   float64 `json:"duration_ms"`
}

// requests are those that the log has.
func (s *process) requests() []logged {
	s.T.Helper()
	f, err := os.Open(s.LogFile())
	if err != nil {
		s.T.Fatal(err)
	}
	defer f.Close()
	var all []logged
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l logged
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Msg == "request" {
			all = append(all, l)
		}
	}
	return all
}

// settled are all requests until now: the log is written a little later, so a last one is waited for.
func (s *process) settled() []logged {
	s.T.Helper()
	const marks = "/settled/"
	mark := marks + noise(20)
	s.do("HEAD", mark, "", nil)
	var all []logged
	servertest.Within(s.T, 10*time.Second, "the log is written", func() bool {
		all = s.requests()
		return slices.ContainsFunc(all, func(r logged) bool { return r.Path == mark })
	})
	return slices.DeleteFunc(all, func(r logged) bool { return strings.HasPrefix(r.Path, marks) })
}

// newBus starts a message bus of the test's own, on which gvfs runs, and gives a gio that uses it.
func newBus(t *testing.T) *tool {
	t.Helper()
	if _, err := os.Stat("/usr/libexec/gvfsd-dav"); err != nil {
		t.Fatalf("gvfs is missing: apt-get install gvfs-backends (%v)", err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	gio := newTool(t, "gio", "XDG_RUNTIME_DIR="+dir, "GVFS_DISABLE_FUSE=1", "GIO_USE_VOLUME_MONITOR=unix")
	socket := filepath.Join(dir, "bus")
	gio.env = append(gio.env, "DBUS_SESSION_BUS_ADDRESS=unix:path="+socket)
	bus := exec.Command(servertest.Need(t, "dbus-daemon", "dbus-daemon"), "--session", "--nofork", "--nopidfile", "--address=unix:path="+socket)
	bus.Env = gio.env
	if err := bus.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // gvfs ends with its bus
		bus.Process.Kill()
		bus.Wait()
	})
	servertest.Within(t, 10*time.Second, "the message bus runs", func() bool {
		_, err := os.Stat(socket)
		return err == nil
	})
	return gio
}

// attribute is a line of "gio info".
func attribute(t *testing.T, info, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(name) + `:\s+(.*)$`).FindStringSubmatch(info)
	if m == nil {
		t.Fatalf("gio info has no %s:\n%s", name, info)
	}
	return m[1]
}

// GNOME's file access: what Files does, by its command.
func TestCLI9_Gvfs(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	token := s.token()
	gio := newBus(t)
	id := s.folder("gvfs", "--max-bytes", "10MiB")
	root := strings.Replace(s.URL, "http:", "dav:", 1) + "/dav/" + id
	for _, dir := range []string{"a", "a/b", "a/b/deep ü"} {
		s.must(201, "MKCOL", "/dav/"+id+"/"+(&url.URL{Path: dir}).EscapedPath(), "", nil)
	}

	before := len(s.settled())
	mount := func(password string) int {
		code, _, _ := gio.try("admin\n"+password+"\n", "mount", root+"/a/b/deep%20%C3%BC")
		return code
	}
	if mount("wrong") == 0 {
		t.Error("a mount with a wrong password succeeds")
	}
	if mount(token) != 0 {
		t.Fatal("the mount fails")
	}
	seen := s.settled()[before:]
	if !slices.ContainsFunc(seen, func(r logged) bool { return r.Method == "PROPFIND" && r.Path == "/dav/" }) {
		t.Errorf("gvfs does not look above the folder: %+v", seen)
	}
	for _, r := range seen {
		if r.Status == 405 || r.Status >= 500 {
			t.Errorf("on the way up: %s %s: %d", r.Method, r.Path, r.Status)
		}
	}

	deep := root + "/a/b/deep%20%C3%BC"
	text := noise(300_000)
	gio.file("local", text)
	gio.run("copy", "local", deep+"/copied")
	gio.run("mkdir", deep+"/made")
	gio.run("copy", "local", deep+"/made/in it")
	gio.run("rename", deep+"/copied", "renamed ß")
	gio.run("move", deep+"/renamed%20%C3%9F", root+"/moved")
	if got := gio.run("list", "-h", deep); got != "made\n" {
		t.Errorf("list: %q", got)
	}
	if got := gio.run("cat", root+"/moved"); got != text {
		t.Errorf("cat: %d bytes, want %d", len(got), len(text))
	}
	gio.run("copy", root+"/moved", "back")
	if gio.read("back") != text {
		t.Error("the file that comes back differs")
	}

	t.Run("free space", func(t *testing.T) {
		info := gio.run("info", "-f", root)
		u := s.in(t).usage(id)
		for name, want := range map[string]int64{
			"filesystem::size": *u.MaxBytes, "filesystem::free": u.Available, "filesystem::used": u.Bytes,
		} {
			if got := attribute(t, info, name); got != fmt.Sprint(want) {
				t.Errorf("%s is %s, want %d", name, got, want)
			}
		}
	})

	t.Run("replace", func(t *testing.T) {
		info := gio.run("info", root+"/moved")
		if got := attribute(t, info, "standard::size"); got != strconv.Itoa(len(text)) {
			t.Errorf("the size is %s", got)
		}
		etag := attribute(t, info, "etag::value")
		if code, _, errs := gio.try("second", "save", "--etag", etag, root+"/moved"); code != 0 {
			t.Errorf("save over the version that is known: exit %d %s", code, errs)
		}
		if code, _, errs := gio.try("third", "save", "--etag", etag, root+"/moved"); code == 0 || !strings.Contains(errs, "modified") {
			t.Errorf("save over a version that is not known: exit %d %s", code, errs)
		}
		if code, _, errs := gio.try("fourth", "save", "--create", root+"/moved"); code == 0 || !strings.Contains(errs, "exists") {
			t.Errorf("create over a file: exit %d %s", code, errs)
		}
		if got := gio.run("cat", root+"/moved"); got != "second" {
			t.Errorf("the file is %q, want the second version", got)
		}
	})

	t.Run("over the limit", func(t *testing.T) {
		gio.file("large", noise(11<<20))
		if code, _, errs := gio.try("", "copy", "large", root+"/large"); code == 0 {
			t.Errorf("a copy of more than the limit succeeds: %s", errs)
		}
	})

	gio.run("remove", deep+"/made/in it", deep+"/made")
	gio.run("mount", "-u", root)
	s.holds(id, map[string]string{"a/": "", "a/b/": "", "a/b/deep ü/": "", "moved": "second"})
}
