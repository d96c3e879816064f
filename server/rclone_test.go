package server_test

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"davit/server/servertest"
)

// newRclone is an rclone whose remote "davit:" is the folder. vendor is the kind of server that it is
// told: with "owncloud" it keeps times, with "other" it does not.
func newRclone(t *testing.T, s *process, vendor, id, token string) *tool {
	t.Helper()
	plain := newTool(t, "rclone")
	return newTool(t, "rclone", "RCLONE_CONFIG=/dev/null",
		"RCLONE_CONFIG_DAVIT_TYPE=webdav", "RCLONE_CONFIG_DAVIT_VENDOR="+vendor, "RCLONE_CONFIG_DAVIT_URL="+s.URL+"/dav/"+id+"/",
		"RCLONE_CONFIG_DAVIT_USER=admin", "RCLONE_CONFIG_DAVIT_PASS="+strings.TrimSpace(plain.run("obscure", token)))
}

// old is a time that no file gets by itself.
var old = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// age sets a file's time.
func (c *tool) age(name string, when time.Time) {
	c.t.Helper()
	if err := os.Chtimes(filepath.Join(c.dir, name), when, when); err != nil {
		c.t.Fatal(err)
	}
}

func TestCLI7_Rclone(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	token := s.token()
	for _, c := range []struct {
		name string
		test func(t *testing.T, s *process, rclone *tool, vendor, id string)
	}{
		{"sync", testRcloneSync},
		{"bisync", testRcloneBisync},
		{"mount", testRcloneMount},
	} {
		for _, vendor := range []string{"other", "owncloud"} {
			if c.name == "bisync" && vendor == "other" {
				continue // rclone refuses: it needs times
			}
			t.Run(c.name+" "+vendor, func(t *testing.T) {
				s := s.in(t)
				id := s.folder(c.name+" "+vendor, "--max-bytes", "20MiB")
				c.test(t, s, newRclone(t, s, vendor, id, token), vendor, id)
			})
		}
	}
}

func testRcloneSync(t *testing.T, s *process, rclone *tool, vendor, id string) {
	want := map[string]string{}
	for n := range 12 {
		name := fmt.Sprintf("dir %d/süb/file %d.bin", n%3, n)
		want[name] = noise(n * n * 1000)
		rclone.file("source/"+name, want[name])
	}
	rclone.age("source/dir 1/süb/file 1.bin", old)
	rclone.run("copy", "source", "davit:tree")
	rclone.run("check", "source", "davit:tree")
	rclone.run("check", "--download", "source", "davit:tree")
	list := rclone.run("lsl", "davit:tree")
	if n := strings.Count(list, "\n"); n != len(want) || !strings.Contains(list, "121000 ") {
		t.Errorf("lsl shows %d files, want %d:\n%s", n, len(want), list)
	}
	if vendor == "owncloud" && !strings.Contains(list, "2001-02-03 04:05:06") {
		t.Errorf("the time of a file is lost:\n%s", list)
	}
	if vendor == "owncloud" { // it sends a checksum with each file, and compares with what the server kept
		const name = "dir 2/süb/file 11.bin"
		sum := fmt.Sprintf("%x", sha1.Sum([]byte(want[name])))
		if out := rclone.run("hashsum", "sha1", "davit:tree/"+name); !strings.HasPrefix(out, sum+" ") {
			t.Errorf("hashsum: %s, want %s", out, sum)
		}
		rclone.file("source/"+name, noise(len(want[name]))) // of the same size
		if code, _, errs := rclone.try("", "check", "source", "davit:tree"); code == 0 || !strings.Contains(errs, "differ") {
			t.Errorf("check of a file that differs: exit %d %s", code, errs)
		}
		rclone.file("source/"+name, want[name])
		rclone.run("sync", "source", "davit:tree")
	}
	if out := rclone.run("lsf", "-R", "--dirs-only", "davit:"); strings.Count(out, "\n") != 7 {
		t.Errorf("directories:\n%s", out)
	}

	var about struct{ Total, Used, Free int64 }
	if err := json.Unmarshal([]byte(rclone.run("about", "--json", "davit:")), &about); err != nil {
		t.Fatal(err)
	}
	if u := s.usage(id); about.Used != u.Bytes || about.Free != u.Available || about.Total != *u.MaxBytes {
		t.Errorf("about: %+v, the API says %+v", about, u)
	}

	// A second sync has nothing to do.
	before := len(s.settled())
	rclone.run("sync", "source", "davit:tree")
	for _, r := range s.settled()[before:] {
		if r.Method != "PROPFIND" && r.Method != "GET" {
			t.Errorf("a sync without changes sends %s %s", r.Method, r.Path)
		}
	}

	// What is gone here goes there, what is moved is moved.
	if err := os.RemoveAll(filepath.Join(rclone.dir, "source/dir 2")); err != nil {
		t.Fatal(err)
	}
	rclone.file("source/new", "new")
	rclone.run("sync", "source", "davit:tree")
	rclone.run("check", "--download", "source", "davit:tree")
	rclone.run("moveto", "davit:tree/new", "davit:moved")
	rclone.run("copyto", "davit:moved", "davit:copied")
	rclone.run("move", "davit:tree/dir 1", "davit:tree/dir 9")
	if got := rclone.run("cat", "davit:copied"); got != "new" {
		t.Errorf("cat: %q", got)
	}
	if code, _, errs := rclone.try("streamed", "rcat", "davit:streamed"); code != 0 {
		t.Errorf("rcat: exit %d %s", code, errs)
	}
	rclone.file("large", noise(21<<20))
	if code, _, errs := rclone.try("", "--retries", "1", "--low-level-retries", "1", "copyto", "large", "davit:large"); code == 0 || !strings.Contains(errs, "507") {
		t.Errorf("more than the limit: exit %d %s", code, errs)
	}
	rclone.run("purge", "davit:tree")
	s.holds(id, map[string]string{"moved": "new", "copied": "new", "streamed": "streamed"})
}

// Both sides change, and each gets what the other has.
func testRcloneBisync(t *testing.T, s *process, rclone *tool, _, id string) {
	rclone.file("here/one", "1")
	rclone.file("here/dir/two", "2")
	s.must(201, "PUT", "/dav/"+id+"/three", "3", nil)
	rclone.run("bisync", "here", "davit:", "--resync")
	s.holds(id, map[string]string{"one": "1", "dir/": "", "dir/two": "2", "three": "3"})

	rclone.file("here/four", "4")
	rclone.file("here/one", "one, longer")
	s.must(201, "PUT", "/dav/"+id+"/dir/five", "5", nil)
	s.must(204, "DELETE", "/dav/"+id+"/three", "", nil)
	rclone.run("bisync", "here", "davit:")
	want := map[string]string{"one": "one, longer", "dir/": "", "dir/two": "2", "dir/five": "5", "four": "4"}
	s.holds(id, want)
	for name, text := range want {
		if !strings.HasSuffix(name, "/") && rclone.read("here/"+name) != text {
			t.Errorf("%s is not %q here", name, text)
		}
	}
	if _, err := os.Stat(filepath.Join(rclone.dir, "here/three")); !os.IsNotExist(err) {
		t.Errorf("what was deleted there is still here: %v", err)
	}
}

// rclone's own mount, with its cache for writes.
func testRcloneMount(t *testing.T, s *process, rclone *tool, _, id string) {
	s.must(201, "PUT", "/dav/"+id+"/there", "before", nil)
	dir := filepath.Join(rclone.dir, "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mount := exec.Command(rclone.path, "mount", "davit:", dir, "--vfs-cache-mode", "writes", "--vfs-write-back", "0s",
		"--dir-cache-time", "0s", "--cache-dir", filepath.Join(rclone.dir, "cache"))
	var errs strings.Builder
	mount.Env, mount.Stderr = rclone.env, &errs
	if err := mount.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mount.Wait() }()
	t.Cleanup(func() {
		mount.Process.Kill()
		exec.Command("umount", "-l", dir).Run()
	})
	servertest.Within(t, 20*time.Second, "rclone mounts", func() bool {
		mounts, _ := os.ReadFile("/proc/self/mounts")
		return strings.Contains(string(mounts), " "+dir+" ")
	})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, text string, flag int) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|flag, 0o644)
		ok(err)
		_, err = f.WriteString(text)
		ok(err)
		ok(f.Close())
	}
	long := noise(400_000)
	put("new ü", "new", os.O_CREATE)
	ok(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
	put("a/b/long", long, os.O_CREATE)
	put("there", "and after", os.O_TRUNC)
	s.arrives(id, "there", "and after")
	put("there", ", and more", os.O_APPEND)
	s.arrives(id, "there", "and after, and more")
	put("there", "AND", 0) // in the middle of what is there
	s.arrives(id, "there", "AND after, and more")
	s.arrives(id, "a/b/long", long)
	s.arrives(id, "new%20%C3%BC", "new")
	ok(os.Rename(filepath.Join(dir, "a/b/long"), filepath.Join(dir, "long")))
	ok(os.Rename(filepath.Join(dir, "a/b"), filepath.Join(dir, "c")))
	ok(os.Remove(filepath.Join(dir, "a")))
	got, err := os.ReadFile(filepath.Join(dir, "long"))
	ok(err)
	if string(got) != long {
		t.Errorf("read back %d bytes, want %d", len(got), len(long))
	}
	var v syscall.Statfs_t
	ok(syscall.Statfs(dir, &v))
	if u := s.usage(id); int64(v.Blocks)*v.Bsize != *u.MaxBytes || int64(v.Bavail)*v.Bsize != u.Available/v.Bsize*v.Bsize {
		t.Errorf("df: %d blocks of %d, %d available; the API says %+v", v.Blocks, v.Bsize, v.Bavail, u)
	}
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v %s", err, out)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("rclone mount: %v\n%s", err, errs.String())
		}
	case <-time.After(30 * time.Second):
		t.Error("rclone does not end after umount")
	}
	s.holds(id, map[string]string{"new ü": "new", "there": "AND after, and more", "long": long, "c/": ""})
}
