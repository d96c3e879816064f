package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"davit/server/servertest"
)

// mount is a folder mounted by davfs2 into the kernel.
type mount struct {
	t         testing.TB
	s         *process
	url       string
	dir       string // mount point
	conf      string
	cache     string
	daemon    int  // process ID, 0 while it is not mounted
	mayKeep   bool // lost+found need not be empty (D38)
	mountTool string
}

// uploadAtOnce makes davfs2 upload when a file is closed, not seconds later.
const uploadAtOnce = "delay_upload 0"

// newMount mounts /dav/ID/ with a token as password. settings are lines of davfs2.conf
// beyond what every mount needs.
func newMount(t testing.TB, s *process, id, name, token string, settings ...string) *mount {
	t.Helper()
	tool := servertest.Need(t, "mount.davfs", "davfs2")
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		t.Fatalf("mounting needs root and /dev/fuse: %v", err)
	}
	base, err := os.MkdirTemp(filepath.Dir(s.Data), "mount-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o711); err != nil { // the daemon gives its rights up
		t.Fatal(err)
	}
	m := &mount{
		t: t, s: s, mountTool: tool, url: s.URL + "/dav/" + id + "/",
		dir: filepath.Join(base, "mnt"), conf: filepath.Join(base, "davfs2.conf"), cache: filepath.Join(base, "cache"),
	}
	secrets := filepath.Join(base, "secrets")
	m.write(secrets, fmt.Sprintf("%s %q %q\n", m.url, name, token), 0o600)
	m.write(m.conf, strings.Join(append([]string{
		"buf_size 64", // without it nothing works from Linux 6.16 on
		"ask_auth 0", "use_locks 1", "secrets " + secrets, "cache_dir " + m.cache,
	}, settings...), "\n")+"\n", 0o644)
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m.newCache()
	t.Cleanup(func() {
		if m.daemon != 0 {
			m.unmount()
		}
	})
	m.mount()
	return m
}

func (m *mount) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

// newCache takes the cache away, as the end of a container does.
func (m *mount) newCache() {
	m.t.Helper()
	group, err := user.LookupGroup("davfs2")
	if err != nil {
		m.t.Fatal(err)
	}
	gid, _ := strconv.Atoi(group.Gid)
	m.ok(errors.Join(os.RemoveAll(m.cache), os.Mkdir(m.cache, 0o700),
		os.Chown(m.cache, 0, gid), os.Chmod(m.cache, 0o770)))
}

func (m *mount) pidFile() string {
	return "/run/mount.davfs/" + strings.ReplaceAll(strings.TrimPrefix(m.dir, "/"), "/", "-") + ".pid"
}

// tryMount mounts and gives what the tool says.
func (m *mount) tryMount() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, m.mountTool, m.url, m.dir, "-o", "conf="+m.conf)
	c.Env = servertest.Environment("LC_ALL=C.UTF-8")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = 5 * time.Second // the daemon may hold the output
	if err := c.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return out.String(), err
	}
	servertest.Within(m.t, 5*time.Second, "davfs2 writes its process ID", func() bool {
		pid, _ := os.ReadFile(m.pidFile())
		m.daemon, _ = strconv.Atoi(strings.TrimSpace(string(pid)))
		return m.daemon != 0
	})
	// A call into a mount whose daemon hangs cannot be interrupted, but the daemon can be ended.
	daemon := m.daemon
	time.AfterFunc(2*time.Minute, func() {
		if m.isDaemon(daemon) {
			syscall.Kill(daemon, syscall.SIGKILL)
		}
	})
	return out.String(), nil
}

func (m *mount) mount() {
	m.t.Helper()
	if out, err := m.tryMount(); err != nil {
		m.t.Fatalf("mount.davfs: %v\n%s", err, out)
	}
}

// isDaemon says whether the process still is the mount's.
func (m *mount) isDaemon(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(line), m.dir)
}

var backup = regexp.MustCompile(`(?s)<d:backup>.*</d:backup>`)

// unmount waits until davfs2 uploaded all it had, and sees that it kept nothing back.
func (m *mount) unmount() {
	m.t.Helper()
	pid := m.daemon
	// -i: without davfs2's own umount, which looks every three seconds only.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command("umount", "-i", m.dir).CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			m.t.Errorf("umount: %v %s", err, out)
			m.kill()
			return
		}
	}
	for deadline := time.Now().Add(30 * time.Second); m.isDaemon(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Error("davfs2 does not end after umount")
			m.kill()
			return
		}
	}
	m.daemon = 0
	indexes, err := filepath.Glob(filepath.Join(m.cache, "*", "index"))
	if err != nil || len(indexes) != 1 {
		m.t.Fatalf("indexes of the cache: %q, %v", indexes, err)
	}
	index, err := os.ReadFile(indexes[0])
	if err != nil {
		m.t.Fatal(err)
	}
	if kept := backup.Find(index); !m.mayKeep && bytes.Contains(kept, []byte("<d:reg>")) {
		m.t.Errorf("lost+found is not empty:\n%s", kept)
	}
}

// kill ends the daemon at once, as the end of a container does.
func (m *mount) kill() {
	m.t.Helper()
	if m.isDaemon(m.daemon) {
		syscall.Kill(m.daemon, syscall.SIGKILL)
	}
	if out, err := exec.Command("umount", "-i", "-l", m.dir).CombinedOutput(); err != nil {
		m.t.Errorf("umount -l: %v %s", err, out)
	}
	os.Remove(m.pidFile())
	m.daemon = 0
}

func (m *mount) path(name string) string { return filepath.Join(m.dir, name) }

// put writes a file as a program does: create or truncate, write, fsync, close.
func (m *mount) put(name, text string) {
	m.t.Helper()
	if err := m.tryPut(name, text, os.O_CREATE|os.O_TRUNC); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) tryPut(name, text string, flag int) error {
	f, err := os.OpenFile(m.path(name), os.O_WRONLY|flag, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func (m *mount) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// command runs a program in a directory, of the mount if dir is relative; it must succeed.
func (m *mount) command(dir string, name string, args ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	if c.Dir = dir; !filepath.IsAbs(dir) {
		c.Dir = m.path(dir)
	}
	c.Env = servertest.Environment("HOME="+filepath.Dir(m.dir), "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8")
	out, err := c.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// files are the names and contents in the folder on the server's disk. A directory
// has its slash and no content.
func (s *process) files(id string) map[string]string {
	s.T.Helper()
	root := filepath.Join(s.Data, "files", id)
	all := map[string]string{}
	err := filepath.Walk(root, func(path string, i os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if i.IsDir() {
			all[name+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		all[name] = string(text)
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return all
}

// arrives waits until the file has the content on the server.
func (s *process) arrives(id, name, text string) {
	s.T.Helper()
	servertest.Within(s.T, 30*time.Second, name+" arrives", func() bool {
		res := s.do("GET", "/dav/"+id+"/"+name, "", nil)
		return res.status == 200 && res.body == text
	})
}

// holds checks that the folder holds just these files.
func (s *process) holds(id string, want map[string]string) {
	s.T.Helper()
	got := s.files(id)
	for name, text := range want {
		if have, there := got[name]; !there || have != text {
			s.T.Errorf("%s on the server: %v, %d bytes %.40q, want %d bytes %.40q", name, there, len(have), have, len(text), text)
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			s.T.Errorf("%s on the server should not be there", name)
		}
	}
}

// noise is text that no other call gives.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.IntN(26))
	}
	return string(b)
}

// davfs2 is a server, and what mounts folders of it. davfs2 waits much, so the tests run side by side.
func davfs2(t *testing.T) (*process, openMount) {
	t.Helper()
	t.Parallel()
	s := newProcess(t)
	token := s.token()
	return s, func(t *testing.T, id string, settings ...string) *mount {
		return newMount(t, s, id, "admin", token, settings...)
	}
}

type openMount func(t *testing.T, id string, settings ...string) *mount

func TestDFS1_UploadedAtOnce(t *testing.T) { testFiles(t, uploadAtOnce) }
func TestDFS1_UploadedLater(t *testing.T)  { testFiles(t) }

func testFiles(t *testing.T, settings ...string) {
	s, open := davfs2(t)
	id := s.folder("files")
	m := open(t, id, settings...)
	long := noise(300_000)
	m.put("first.txt", "one\n")
	m.ok(m.tryPut("first.txt", "two\n", os.O_APPEND))
	m.put("empty", "")
	m.put("über öl.txt", "ü")
	m.put("large", long)
	m.put("victim", "old")
	m.ok(os.MkdirAll(m.path("a/b/c"), 0o755))
	m.put("a/b/c/deep", "deep")
	for name, want := range map[string]string{"first.txt": "one\ntwo\n", "empty": "", "large": long} {
		if got, err := os.ReadFile(m.path(name)); err != nil || string(got) != want {
			t.Errorf("%s read back: %.40q, %v", name, got, err)
		}
	}
	m.put("early", "early")
	m.ok(os.Rename(m.path("early"), m.path("early 2"))) // perhaps not uploaded yet
	for name, text := range map[string]string{
		"first.txt": "one\ntwo\n", "large": long, "victim": "old", "a/b/c/deep": "deep", "early%202": "early",
	} {
		s.arrives(id, name, text)
	}
	m.ok(os.Rename(m.path("first.txt"), m.path("second.txt")))
	m.ok(m.tryPut("second.txt", "three\n", os.O_APPEND))
	m.put("winner", "new")
	m.ok(os.Rename(m.path("winner"), m.path("victim")))
	m.ok(os.Rename(m.path("large"), m.path("a/large")))
	m.ok(os.Rename(m.path("a/b"), m.path("moved")))
	m.put("doomed", "doomed")
	m.ok(os.Remove(m.path("doomed")))
	m.ok(os.MkdirAll(m.path("tree/x/y"), 0o755))
	m.put("tree/x/y/z", "z")
	m.ok(os.RemoveAll(m.path("tree")))
	m.unmount()
	want := map[string]string{
		"second.txt": "one\ntwo\nthree\n", "empty": "", "über öl.txt": "ü", "early 2": "early", "victim": "new",
		"a/": "", "a/large": long, "moved/": "", "moved/c/": "", "moved/c/deep": "deep",
	}
	s.holds(id, want)

	m.mount()
	for name, text := range want {
		if got, err := os.ReadFile(m.path(name)); !strings.HasSuffix(name, "/") && (err != nil || string(got) != text) {
			t.Errorf("%s after mounting again: %.40q, %v", name, got, err)
		}
	}
	m.unmount()
	bytes, files := s.walk(id)
	if used := s.usage(id); used.Bytes != bytes || used.Files != files || files != int64(len(want)) {
		t.Errorf("usage: %+v, on disk %d bytes in %d files", used, bytes, files)
	}
}

func TestDFS2_ExistingName(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("exclusive")
	s.must(201, "PUT", "/dav/"+id+"/known", "1", nil)
	m := open(t, id, uploadAtOnce)
	if err := m.tryPut("known", "2", os.O_CREATE|os.O_EXCL); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("O_EXCL of a name that exists: %v, want EEXIST", err)
	}
	m.list("")
	s.must(201, "PUT", "/dav/"+id+"/unknown", "1", nil)
	// davfs2 trusts a listing for a second, and does not ask for a new name in its LOCK:
	// earlier it would learn of the other's file only from its upload.
	time.Sleep(2 * time.Second)
	if err := m.tryPut("unknown", "2", os.O_CREATE|os.O_EXCL); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("O_EXCL of a name that somebody else made: %v, want EEXIST", err)
	}
	m.unmount()
	s.holds(id, map[string]string{"known": "1", "unknown": "1"})
}

// Davfs2 tells its locks from others' by their owner.
func TestDFS2_TwoMounts(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("conflict")
	s.must(201, "PUT", "/dav/"+id+"/shared", "old", nil)
	first := open(t, id, uploadAtOnce, "lock_owner first")
	second := open(t, id, uploadAtOnce, "lock_owner second")
	f, err := os.OpenFile(first.path("shared"), os.O_WRONLY|os.O_TRUNC, 0)
	first.ok(err)
	_, err = f.WriteString("first")
	first.ok(err)
	if err := second.tryPut("shared", "second", os.O_TRUNC); !errors.Is(err, syscall.EACCES) {
		t.Errorf("writing a file that the other mount writes: %v, want EACCES", err)
	}
	first.ok(f.Close())
	s.arrives(id, "shared", "first")
	servertest.Within(t, 10*time.Second, "the second can write when the first is done", func() bool {
		return second.tryPut("shared", "second", os.O_TRUNC) == nil
	})
	s.arrives(id, "shared", "second")
	first.unmount()
	second.unmount()
	s.holds(id, map[string]string{"shared": "second"})
}

// By default the owner is the user, and davfs2 takes a lock of the same owner for
// its own. Who comes last must not win, and must not lose what he wrote.
func TestDFS2_TwoMountsOfOneOwner(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("one owner")
	s.must(201, "PUT", "/dav/"+id+"/shared", "old", nil)
	first, second := open(t, id, uploadAtOnce), open(t, id, uploadAtOnce)
	first.mayKeep = true
	f, err := os.OpenFile(first.path("shared"), os.O_WRONLY|os.O_TRUNC, 0)
	first.ok(err)
	_, err = f.WriteString("first")
	first.ok(err)
	second.put("shared", "second")
	s.arrives(id, "shared", "second")
	first.ok(f.Close())
	first.arrivesInLostAndFound("first")
	first.unmount()
	second.unmount()
	s.holds(id, map[string]string{"shared": "second"})
}

// arrivesInLostAndFound waits until davfs2 keeps what the server refused.
func (m *mount) arrivesInLostAndFound(text string) {
	m.t.Helper()
	servertest.Within(m.t, 30*time.Second, "davfs2 keeps what the server refused", func() bool {
		for _, name := range m.list("lost+found") {
			if kept, err := os.ReadFile(m.path("lost+found/" + name)); err == nil && string(kept) == text {
				return true
			}
		}
		return false
	})
}

func TestDFS3_Git(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("git")
	m := open(t, id)
	source := filepath.Join(t.TempDir(), "source")
	m.ok(os.Mkdir(source, 0o755))
	git := func(dir string, args ...string) string {
		t.Helper()
		return m.command(dir, servertest.Need(t, "git", "git"), append([]string{"-c", "user.name=Ann", "-c", "user.email=ann@example.org"}, args...)...)
	}
	for i := range 3 {
		for n := range 8 {
			m.write(filepath.Join(source, fmt.Sprintf("file%d.txt", n)), noise(500*n), 0o644)
		}
		if i == 0 {
			git(source, "init", "-q")
		}
		git(source, "add", ".")
		git(source, "commit", "-q", "-m", fmt.Sprint("change ", i))
	}
	git("", "clone", "-q", "file://"+source, "clone")
	m.put("clone/new.txt", "new")
	git("clone", "add", "new.txt")
	git("clone", "mv", "file1.txt", "renamed.txt")
	git("clone", "commit", "-q", "-m", "on the mount")
	git("clone", "fsck", "--strict", "--full")
	head := git("clone", "rev-parse", "HEAD")
	m.unmount()

	m.newCache()
	m.mount()
	if got := git("clone", "rev-parse", "HEAD"); got != head {
		t.Errorf("HEAD is %s after mounting again, want %s", got, head)
	}
	git("clone", "fsck", "--strict", "--full")
	if out := git("clone", "status", "--porcelain"); out != "" {
		t.Errorf("git status after mounting again: %s", out)
	}
	m.unmount()
	// On the server's disk it is a repository too.
	git(filepath.Join(s.Data, "files", id, "clone"), "fsck", "--strict", "--full")
}

// A package of many small files is unpacked onto the mount, and its program runs there.
func TestDFS3_Package(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("package")
	m := open(t, id)
	dpkg := servertest.Need(t, "dpkg-deb", "dpkg")
	build := filepath.Join(t.TempDir(), "hello")
	want := map[string]string{"usr/": "", "usr/bin/": "", "usr/share/": "", "usr/share/hello/": "", "usr/bin/hello": "#!/bin/sh\ncat \"$(dirname \"$0\")\"/../share/hello/file7\n"}
	for n := range 60 {
		want[fmt.Sprint("usr/share/hello/file", n)] = noise(300 * n)
	}
	for name, text := range want {
		if !strings.HasSuffix(name, "/") {
			m.ok(os.MkdirAll(filepath.Dir(filepath.Join(build, name)), 0o755))
			m.write(filepath.Join(build, name), text, 0o755)
		}
	}
	m.ok(os.Mkdir(filepath.Join(build, "DEBIAN"), 0o755))
	m.write(filepath.Join(build, "DEBIAN", "control"), "Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: Ann <ann@example.org>\nDescription: a test\n", 0o644)
	m.command(build, dpkg, "--root-owner-group", "--build", ".", "../hello.deb")
	m.command(build, dpkg, "-x", "../hello.deb", m.dir)
	if got := m.command("usr/bin", "./hello"); got != want["usr/share/hello/file7"] {
		t.Errorf("the program says %.40q", got)
	}
	m.unmount()
	s.holds(id, want)
	m.newCache()
	m.mount()
	// davfs2 tells the server of x bits that are set after the upload, not of those that a file is made with.
	if got := m.command("usr/bin", "sh", "hello"); got != want["usr/share/hello/file7"] {
		t.Errorf("after mounting again the program says %.40q", got)
	}
	m.unmount()
}

func TestDFS3_Editors(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("editors")
	s.must(201, "PUT", "/dav/"+id+"/gedit", "old", nil)
	s.must(201, "PUT", "/dav/"+id+"/vim", "old", nil)
	m := open(t, id)
	// A temporary file takes the place of the old one.
	m.put(".goutputstream", "new")
	m.ok(os.Rename(m.path(".goutputstream"), m.path("gedit")))
	// The old one steps aside, and goes when the new one is written.
	m.put(".vim.swp", "swap")
	m.ok(os.Rename(m.path("vim"), m.path("vim~")))
	m.ok(m.tryPut("vim", "new", os.O_CREATE|os.O_EXCL))
	m.ok(os.Remove(m.path("vim~")))
	m.ok(os.Remove(m.path(".vim.swp")))
	m.unmount()
	s.holds(id, map[string]string{"gedit": "new", "vim": "new"})
}

func TestDFS4_Executable(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("programs")
	m := open(t, id, uploadAtOnce)
	m.put("on", "#!/bin/sh\necho it runs\n")
	m.put("off", "#!/bin/sh\n")
	s.arrives(id, "on", "#!/bin/sh\necho it runs\n")
	s.arrives(id, "off", "#!/bin/sh\n")
	m.ok(os.Chmod(m.path("on"), 0o755))
	m.ok(os.Chmod(m.path("off"), 0o755))
	m.ok(os.Chmod(m.path("off"), 0o644))
	m.unmount()
	m.newCache()
	m.mount()
	if out := m.command("", "./on"); out != "it runs\n" {
		t.Errorf("the script says %q", out)
	}
	if i, err := os.Stat(m.path("off")); err != nil || i.Mode()&0o111 != 0 {
		t.Errorf("a file that lost its x bits has mode %v, %v", i.Mode(), err)
	}
	m.unmount()
}

// df checks that df shows what the API says, in the blocks of davfs2.
func (m *mount) df(id string) {
	m.t.Helper()
	u := m.s.in(m.t).usage(id)
	var v syscall.Statfs_t
	m.ok(syscall.Statfs(m.dir, &v))
	if got, want := int64(v.Bavail), u.Available/v.Bsize; got != want {
		m.t.Errorf("df: %d blocks available, want %d: %+v", got, want, u)
	}
	if got, want := int64(v.Blocks-v.Bfree), u.Bytes/v.Bsize; got != want {
		m.t.Errorf("df: %d blocks used, want %d: %+v", got, want, u)
	}
	if u.MaxBytes != nil && u.Available != max(0, *u.MaxBytes-u.Bytes) {
		m.t.Errorf("available is not what is left: %+v", u)
	}
}

func TestDFS5_Df(t *testing.T) {
	s, open := davfs2(t)
	t.Run("with a limit", func(t *testing.T) {
		s := s.in(t)
		id := s.folder("df", "--max-bytes", "10MiB")
		s.must(201, "PUT", "/dav/"+id+"/a", noise(1<<20+5), nil)
		m := open(t, id, uploadAtOnce)
		m.df(id)
		text := noise(2<<20 - 7)
		m.put("b", text)
		s.arrives(id, "b", text)
		m.list("")
		m.df(id)
		m.ok(os.Remove(m.path("a")))
		m.df(id)
		m.unmount()
	})
	t.Run("without", func(t *testing.T) {
		s := s.in(t)
		id := s.folder("df without", "--max-bytes", "0")
		s.must(201, "PUT", "/dav/"+id+"/a", noise(100_000), nil)
		m := open(t, id)
		var v, disk syscall.Statfs_t
		m.ok(syscall.Statfs(m.dir, &v))
		m.ok(syscall.Statfs(s.Data, &disk))
		got, want := float64(v.Bavail)*float64(v.Bsize), float64(disk.Bavail)*float64(disk.Bsize)
		if got < 0.9*want || got > 1.1*want {
			t.Errorf("df: %.0f bytes available, the volume has %.0f", got, want)
		}
		m.unmount()
	})
}

// A limit is reached: creating fails, and what does not grow goes on.
func TestDFS5_D38_Full(t *testing.T) {
	s, open := davfs2(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"bytes", []string{"--max-bytes", "20000"}},
		{"files", []string{"--max-files", "2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			id := s.folder("full of "+c.name, c.args...)
			m := open(t, id, uploadAtOnce)
			a, b := noise(12_000), noise(8_000)
			m.put("a", a)
			m.put("b", b)
			s.arrives(id, "a", a)
			s.arrives(id, "b", b)
			if err := m.tryPut("c", "", os.O_CREATE); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("creating a file: %v, want ENOSPC", err)
			}
			if c.name == "files" {
				if err := os.Mkdir(m.path("d"), 0o755); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("creating a directory: %v, want ENOSPC", err)
				}
			}
			m.df(id)
			// What does not grow goes on.
			m.put("b", "smaller")
			s.arrives(id, "b", "smaller")
			m.ok(os.Rename(m.path("a"), m.path("renamed")))
			m.ok(os.Remove(m.path("renamed")))
			m.put("c", "there is room again")
			m.unmount()
			s.holds(id, map[string]string{"b": "smaller", "c": "there is room again"})
		})
	}
}

// A file outgrows what is left: the old version stays, davfs2 keeps the new one.
func TestDFS5_D38_Outgrow(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("outgrow", "--max-bytes", "100000")
	old := noise(50_000)
	s.must(201, "PUT", "/dav/"+id+"/file", old, nil)
	for _, settings := range [][]string{{uploadAtOnce}, nil} {
		m := open(t, id, settings...)
		m.mayKeep = true
		large := noise(100_001)
		m.put("file", large) // succeeds: davfs2 uploads after the close
		m.arrivesInLostAndFound(large)
		s.holds(id, map[string]string{"file": old})
		servertest.Within(t, 10*time.Second, "the mount shows the old version again", func() bool {
			got, err := os.ReadFile(m.path("file"))
			return err == nil && string(got) == old
		})
		m.df(id)
		m.unmount()
	}
	s.must(204, "PUT", "/dav/"+id+"/file", noise(100_000), nil) // nothing stayed locked or reserved
}

func TestDFS6_Killed(t *testing.T) {
	s, open := davfs2(t)
	for _, c := range []struct {
		name string
		end  func(m *mount)
	}{
		{"with its cache", func(m *mount) { m.kill(); m.newCache() }},
		{"alone", func(m *mount) { m.kill(); m.mayKeep = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			id := s.folder("killed " + c.name)
			s.must(201, "PUT", "/dav/"+id+"/old", "old", nil)
			m := open(t, id)
			for _, name := range []string{"old", "new"} {
				f, err := os.OpenFile(m.path(name), os.O_CREATE|os.O_WRONLY, 0o644)
				m.ok(err)
				defer f.Close() // after the end of its mount, with an error
				_, err = f.WriteString("never to be seen")
				m.ok(err)
			}
			c.end(m)
			m.mount()
			m.put("old", "again")
			m.put("new", "again")
			m.unmount()
			s.holds(id, map[string]string{"old": "again", "new": "again"})
			s.must(204, "PUT", "/dav/"+id+"/old", "free", nil)
			s.must(204, "PUT", "/dav/"+id+"/new", "free", nil)
		})
	}
}

// Davfs2 tries again, and its locks are still there.
func TestDFS7_ServerRestarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(s *process)
	}{
		{"stopped", (*process).Stop},
		{"killed", (*process).Kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newProcess(t)
			s.Listen = strings.TrimPrefix(s.URL, "http://")
			id := s.folder("restart")
			m := newMount(t, s, id, "admin", s.token(), "delay_upload 1", "retry 1")
			want := map[string]string{}
			for n := range 8 {
				name := fmt.Sprint("file", n)
				want[name] = noise(100_000)
				m.put(name, want[name])
			}
			c.end(s)
			s.Start()
			for name, text := range want {
				s.arrives(id, name, text)
			}
			m.unmount()
			s.holds(id, want)
			for name := range want {
				s.must(204, "DELETE", "/dav/"+id+"/"+name, "", nil) // nothing stayed locked
			}
		})
	}
}

func TestDFS8_LongName(t *testing.T) {
	s, _ := davfs2(t)
	name := strings.Repeat("ö", 32) + strings.Repeat("x", 32)
	var u struct{ Name string }
	s.json(&u, "user", "add", name)
	var f struct{ ID string }
	s.json(&f, "folder", "add", "mine", "--user", name)
	var tok struct{ Token string }
	s.json(&tok, "token", "add", "--user", name, "--folder", f.ID)
	if len(tok.Token) > 64 {
		t.Errorf("a token has %d characters, want at most 64", len(tok.Token))
	}
	servertest.Within(t, 5*time.Second, "the new folder is there", func() bool {
		_, err := os.Stat(filepath.Join(s.Data, "files", f.ID))
		return err == nil
	})
	m := newMount(t, s, f.ID, name, tok.Token, uploadAtOnce)
	m.put("file", "mine")
	m.unmount()
	s.holds(f.ID, map[string]string{"file": "mine"})
}

func TestDFS8_ReadOnlyToken(t *testing.T) {
	s, _ := davfs2(t)
	id := s.folder("read-only")
	s.must(201, "PUT", "/dav/"+id+"/file", "there", nil)
	s.must(201, "MKCOL", "/dav/"+id+"/dir", "", nil)
	m := newMount(t, s, id, "admin", s.token("--folder", id, "--read-only"))
	if got, err := os.ReadFile(m.path("file")); err != nil || string(got) != "there" {
		t.Errorf("reading: %q, %v", got, err)
	}
	m.df(id)
	for _, c := range []struct {
		what string
		err  error
	}{
		{"creating", m.tryPut("new", "new", os.O_CREATE)},
		{"overwriting", m.tryPut("file", "new", os.O_TRUNC)},
		{"mkdir", os.Mkdir(m.path("new"), 0o755)},
		{"remove", os.Remove(m.path("file"))},
		{"rmdir", os.Remove(m.path("dir"))},
		{"rename", os.Rename(m.path("file"), m.path("other"))},
	} {
		// davfs2's word for 403 is EINVAL, for a rename EIO.
		if !errors.Is(c.err, syscall.EINVAL) && !errors.Is(c.err, syscall.EIO) {
			t.Errorf("%s: %v, want EINVAL or EIO", c.what, c.err)
		}
	}
	m.unmount()
	s.holds(id, map[string]string{"file": "there", "dir/": ""})
}

func TestDFS_FolderDeleted(t *testing.T) {
	s, open := davfs2(t)
	id := s.folder("deleted")
	s.must(201, "PUT", "/dav/"+id+"/file", "there", nil)
	s.must(201, "PUT", "/dav/"+id+"/unread", "there", nil)
	m := open(t, id, uploadAtOnce)
	m.list("")
	s.must(204, "DELETE", "/v2/folder/"+id, "", nil)
	begun := time.Now()
	if text, err := os.ReadFile(m.path("unread")); !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EIO) {
		t.Errorf("reading a file: %q, %v, want ENOENT or EIO", text, err)
	}
	if err := m.tryPut("new", "new", os.O_CREATE); err == nil {
		t.Error("creating a file succeeds")
	}
	if err := os.Mkdir(m.path("dir"), 0o755); err == nil {
		t.Error("creating a directory succeeds")
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the errors took %v", took)
	}
	m.unmount()
}

// list reads a directory of the mount.
func (m *mount) list(name string) []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.path(name))
	m.ok(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// tenThousand makes a folder with 10,000 files in one directory.
func tenThousand(s *process) (id string) {
	s.T.Helper()
	id = s.folder("ten thousand", "--max-files", "0")
	for n := range 10_000 {
		if err := os.WriteFile(filepath.Join(s.Data, "files", id, fmt.Sprintf("a file of many, number %d.txt", n)), []byte("content"), 0o644); err != nil {
			s.T.Fatal(err)
		}
	}
	return id
}

// listLong does what "ls -l" does.
func (m *mount) listLong() int {
	m.t.Helper()
	names := m.list("")
	seen := 0
	for _, name := range names {
		i, err := os.Lstat(m.path(name))
		m.ok(err)
		if i.Mode().IsRegular() && i.Size() == int64(len("content")) {
			seen++
		}
	}
	return seen
}

// A listing of 10,000 files is a few requests, none of which comes near the time after which davfs2 gives up.
func TestDFS9_TenThousandFiles(t *testing.T) {
	s, open := davfs2(t)
	id := tenThousand(s)
	before := len(s.settled())
	m := open(t, id)
	if n := m.listLong(); n != 10_000 {
		t.Errorf("ls -l shows %d files", n)
	}
	requests := s.settled()[before:]
	if len(requests) > 20 {
		t.Errorf("a listing took %d requests", len(requests))
	}
	for _, r := range requests {
		if r.Status >= 400 && r.Status != 401 || r.Took > 25_000 {
			t.Errorf("%s %s: %d after %.0f ms", r.Method, r.Path, r.Status, r.Took)
		}
	}
	m.put("one more", "x")
	m.unmount()
	if _, files := s.walk(id); files != 10_001 {
		t.Errorf("there are %d files on the server", files)
	}
}

// The first "ls -l" of 10,000 files after mounting (DFS-9: under 2 s).
func BenchmarkDFS9_TenThousandFiles(b *testing.B) {
	s := newProcess(b)
	id := tenThousand(s)
	m := newMount(b, s, id, "admin", s.token())
	for b.Loop() {
		b.StopTimer()
		m.unmount()
		m.newCache()
		m.mount()
		b.StartTimer()
		if n := m.listLong(); n != 10_000 {
			b.Fatalf("ls -l shows %d files", n)
		}
	}
}
