package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// kernel is a machine on which a platform mounts folders for a user: a directory in place of its root.
type kernel struct {
	t   *testing.T
	s   *process
	dir string
}

// kernelMount is what the API answers.
type kernelMount struct {
	ID, Token, Script string
	Folders           []struct{ ID, URL, Path, Mount, Umount, Rclone string }
	Davfs2            struct{ ConfigFile, Config, SecretsFile, Secrets string }
	Rclone            struct{ ConfigFile, Config string }
}

func newKernel(t *testing.T, s *process) *kernel {
	t.Helper()
	servertest.Need(t, "mount.davfs", "davfs2")
	dir, err := os.MkdirTemp(filepath.Dir(s.Data), "kernel-")
	if err == nil {
		err = os.Chmod(dir, 0o711) // the program that mounts gives its rights up
	}
	if err != nil {
		t.Fatal(err)
	}
	return &kernel{t: t, s: s, dir: dir}
}

// ask has the API make a mount.
func (k *kernel) ask(body map[string]any) (m kernelMount) {
	k.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	res := k.s.do("POST", "/api/davit/mounts", string(text), nil)
	if res.status != 201 {
		k.t.Fatalf("%s: %d %s", text, res.status, res.body)
	}
	if err := json.Unmarshal([]byte(res.body), &m); err != nil {
		k.t.Fatal(err)
	}
	for _, f := range m.Folders {
		k.t.Cleanup(func() { exec.Command("umount", "-i", "-l", f.Path).Run() })
	}
	return m
}

// sh runs a script in the kernel's directory, and gives its exit code and all that it says.
func (k *kernel) sh(script string, env []string, args ...string) (int, string) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", append([]string{"-s", "--"}, args...)...)
	c.Dir, c.Stdin = k.dir, strings.NewReader(script)
	c.Env = servertest.Environment(append([]string{"MOUNT_STATE=" + filepath.Join(k.dir, "var", "state"), "LC_ALL=C.UTF-8"}, env...)...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = 10 * time.Second
	err := c.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		k.t.Errorf("something keeps the output of the script open")
	}
	if c.ProcessState == nil {
		k.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String()
}

// run is sh for what must succeed.
func (k *kernel) run(script string, args ...string) string {
	k.t.Helper()
	code, out := k.sh(script, nil, args...)
	if code != 0 {
		k.t.Fatalf("script %q: exit %d\n%s", args, code, out)
	}
	return out
}

// mountedAt counts the mounts at a path.
func mountedAt(t *testing.T, path string) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	path = strings.NewReplacer(`\`, `\134`, " ", `\040`).Replace(path)
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); f[1] == path {
			n++
		}
	}
	return n
}

// A platform asks once, runs what it gets, and the folders are there.
func TestKernelMounts(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	ids := []string{s.folder(`it's "$(touch pwned)" ü\`), s.folder("`touch pwned`; exit 1 #"), s.folder("plain")}
	s.must(201, "MKCOL", "/dav/"+ids[2]+"/a%20dir%2C%20%231%20(100%25)/", "", nil)
	for i, id := range ids {
		s.must(201, "PUT", "/dav/"+id+"/known", fmt.Sprint("text ", i), nil)
	}
	s.must(201, "PUT", "/dav/"+ids[2]+"/a%20dir%2C%20%231%20(100%25)/inner", "inner", nil)
	home := filepath.Join(k.dir, "home")
	rw, ro, sub := filepath.Join(home, `work "$(touch pwned)" \ ü`), filepath.Join(home, "-rf *"), filepath.Join(home, "deep/er/sub")
	m := k.ask(map[string]any{"title": `'"$(touch pwned)`, "folders": []any{
		map[string]any{"id": ids[0], "path": rw},
		map[string]any{"id": ids[1], "path": ro, "readOnly": true},
		map[string]any{"name": "plain", "path": sub, "subpath": "a dir, #1 (100%)"},
	}})
	out := k.run(m.Script)
	for path, mode := range map[string]string{rw: "rw", ro: "ro", sub: "rw"} {
		if !strings.Contains(out, path+" is mounted ("+mode+")") || mountedAt(t, path) != 1 {
			t.Fatalf("%s: %d times\n%s", path, mountedAt(t, path), out)
		}
	}
	if leaked, _ := filepath.Glob(filepath.Join(k.dir, "*pwned*")); len(leaked) != 0 {
		t.Errorf("a name was run: %q", leaked)
	}
	for path, want := range map[string]string{rw + "/known": "text 0", ro + "/known": "text 1", sub + "/inner": "inner"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for name, mode := range map[string]os.FileMode{"davfs2.conf": 0o600, "secrets": 0o600, "": 0o711 | os.ModeDir} {
		if i, err := os.Stat(filepath.Join(k.dir, "var/state", name)); err != nil || i.Mode() != mode {
			t.Errorf("%q: %v, %v", name, i, err)
		}
	}
	if err := os.WriteFile(rw+"/new", []byte("from the kernel"), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(ro+"/new", []byte("x"), 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing what is for reading: %v, want EROFS", err)
	}

	// The server refuses as well what the client should not try.
	for path, want := range map[string]int{"/dav/" + ids[0] + "/other": 201, "/dav/" + ids[1] + "/other": 403} {
		res, err := s.send(t.Context(), "PUT", path, strings.NewReader("x"), "Authorization", "Bearer "+m.Token)
		if err != nil || res.status != want {
			t.Errorf("PUT %s: %d, want %d, %v", path, res.status, want, err)
		}
	}

	// Once more: nothing changes.
	out = k.run(m.Script)
	if strings.Count(out, "is mounted already") != 3 || mountedAt(t, rw) != 1 {
		t.Errorf("the second time:\n%s", out)
	}

	// Somebody looks who is there.
	var uses struct {
		InUse bool
		Uses  []struct{ User, Agent, Token, Address string }
	}
	res := s.must(200, "GET", "/api/davit/folders/"+ids[1]+"/uses", "", nil)
	if err := json.Unmarshal([]byte(res.body), &uses); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, u := range uses.Uses {
		found = found || u.Token == m.ID && strings.HasPrefix(u.Agent, "davfs2/") && u.Address == "127.0.0.1" && u.User == "admin"
	}
	if !found || !uses.InUse {
		t.Errorf("uses: %s", res.body)
	}

	// What is mounted is not deleted by the way.
	if res := s.do("DELETE", "/folders/"+ids[1], "", nil); res.status != 400 || !strings.Contains(res.body, "vfolder-deletion-not-allowed") {
		t.Errorf("deleting a folder that is mounted: %d %s", res.status, res.body)
	}

	out = k.run(m.Script, "umount")
	if strings.Count(out, "is not mounted any more") != 3 || mountedAt(t, rw)+mountedAt(t, ro)+mountedAt(t, sub) != 0 {
		t.Errorf("umount:\n%s", out)
	}
	if got := s.must(200, "GET", "/dav/"+ids[0]+"/new", "", nil).body; got != "from the kernel" {
		t.Errorf("uploaded: %q", got)
	}
	if out := k.run(m.Script, "umount"); out != "" {
		t.Errorf("umount again:\n%s", out)
	}

	// Revoked: nothing is mounted, and the script says why.
	s.must(204, "DELETE", "/api/davit/mounts/"+m.ID, "", nil)
	code, out := k.sh(m.Script, nil)
	if code != 1 || strings.Count(out, "expired or was revoked") != 3 || mountedAt(t, rw) != 0 {
		t.Errorf("after it was revoked: exit %d\n%s", code, out)
	}
}

// A mount that ends while it is there refuses from then on.
func TestKernelMountExpires(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	id := s.folder("data")
	dir := filepath.Join(k.dir, "data")
	m := k.ask(map[string]any{"folders": []any{map[string]any{"id": id, "path": dir}}, "lifetime": 10})
	k.run(m.Script)
	servertest.Within(t, 30*time.Second, "the mount ends", func() bool {
		res, err := s.send(t.Context(), "PROPFIND", "/dav/"+id+"/", nil, "Authorization", "Bearer "+m.Token, "Depth", "0")
		return err == nil && res.status == 401
	})
	if f, err := os.Create(dir + "/late"); err == nil {
		f.Close()
		t.Error("a file could be made after the end of the mount")
	}
	k.run(m.Script, "umount")
	if code, out := k.sh(m.Script, nil); code != 1 || !strings.Contains(out, "expired or was revoked") {
		t.Errorf("mounting again: exit %d\n%s", code, out)
	}
}

// Where the script goes by itself: below /home/work, which here is a place of its own.
func TestKernelMountsAtHome(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	id := s.folder("my 'da\"ta")
	s.must(201, "PUT", "/dav/"+id+"/known", "text", nil)
	m := k.ask(map[string]any{"mounts": []string{"my 'da\"ta"}})
	script := filepath.Join(k.dir, "mount.sh")
	if err := os.WriteFile(script, []byte(m.Script), 0o600); err != nil {
		t.Fatal(err)
	}
	out := k.run(fmt.Sprintf(`set -e
		exec unshare -m sh -c 'set -e
			mount -t tmpfs -o mode=755 none /home
			mkdir -m 755 /home/work
			chown 1000:1000 /home/work
			sh %[1]s
			cat "/home/work/my _da_ta/known"
			stat -c " %%u:%%g" "/home/work/my _da_ta/known"
			sh %[1]s umount'`, script))
	if !strings.Contains(out, "text 1000:1000\n") || !strings.Contains(out, "/home/work/my _da_ta is not mounted any more") {
		t.Errorf("got\n%s", out)
	}
}

// Whoever owns a directory on the way does not lead root elsewhere.
func TestKernelMountsFollowNobodysLinks(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	id := s.folder("data")
	home, system := filepath.Join(k.dir, "home"), filepath.Join(k.dir, "system")
	for _, dir := range []string{home, system} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(home, "link")
	if err := os.Symlink(system, link); err != nil {
		t.Fatal(err)
	}
	m := k.ask(map[string]any{"folders": []any{map[string]any{"id": id, "path": filepath.Join(link, "cron.d", "data")}}})
	if err := os.Lchown(link, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	if code, out := k.sh(m.Script, nil); code != 1 || !strings.Contains(out, link+", a symbolic link that is not root's") {
		t.Errorf("through another's link: exit %d\n%s", code, out)
	}
	if all, err := os.ReadDir(system); err != nil || len(all) != 0 {
		t.Errorf("made there: %v, %v", all, err)
	}
	// Root's own are how the system is laid out.
	if err := os.Lchown(link, 0, 0); err != nil {
		t.Fatal(err)
	}
	k.run(m.Script)
	if _, err := os.Stat(filepath.Join(system, "cron.d", "data", "lost+found")); err != nil {
		t.Errorf("through root's link: %v", err)
	}
	k.run(m.Script, "umount")
}

// What is missing is named, and what is in the way stays.
func TestKernelMountsRefuse(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	id := s.folder("data")
	dir := filepath.Join(k.dir, "data")
	m := k.ask(map[string]any{"folders": []any{map[string]any{"id": id, "path": dir}}})
	if code, out := k.sh(m.Script, nil, "nonsense"); code != 1 || !strings.Contains(out, "usage") {
		t.Errorf("a wrong argument: %d %s", code, out)
	}
	// A PATH without mount.davfs; the script adds /usr/sbin and /sbin, so they are hidden.
	bin := filepath.Join(k.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(m.Script, ":/usr/sbin:/sbin", "")
	if err := os.Symlink(servertest.Need(t, "id", "coreutils"), filepath.Join(bin, "id")); err != nil {
		t.Fatal(err)
	}
	sh := servertest.Need(t, "sh", "dash")
	c := exec.CommandContext(t.Context(), sh, "-s")
	c.Dir, c.Env, c.Stdin = k.dir, []string{"PATH=" + bin}, strings.NewReader(script)
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "mount.davfs is missing: install davfs2") {
		t.Errorf("without davfs2: %v %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(k.dir, "var")); err == nil {
		t.Error("secrets were written for nothing")
	}
	// A link in the mount's place, and another mount.
	if err := os.Symlink("/", dir); err != nil {
		t.Fatal(err)
	}
	if code, out := k.sh(m.Script, nil); code != 1 || !strings.Contains(out, "is a symbolic link") {
		t.Errorf("a link: %d %s", code, out)
	}
	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "other", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if code, out := k.sh(m.Script, nil); code != 1 || !strings.Contains(out, "something else is mounted at "+dir+": other") || mountedAt(t, dir) != 1 {
		t.Errorf("another mount: %d %s", code, out)
	}
	k.run(m.Script, "umount")
	if mountedAt(t, dir) != 1 {
		t.Error("umount took another mount away")
	}
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}

	// The program of a mount was killed: the script mounts anew.
	k.run(m.Script)
	pidFile := "/run/mount.davfs/" + strings.ReplaceAll(strings.TrimPrefix(dir, "/"), "/", "-") + ".pid"
	var pid int
	servertest.Within(t, 10*time.Second, "davfs2 writes its process ID", func() bool {
		text, _ := os.ReadFile(pidFile)
		fmt.Sscan(string(text), &pid)
		return pid > 1
	})
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil || !strings.Contains(string(line), dir) {
		t.Fatalf("process %d: %q, %v", pid, line, err)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	servertest.Within(t, 10*time.Second, "it ends", func() bool { return syscall.Kill(pid, 0) != nil })
	os.Remove(pidFile)
	if out := k.run(m.Script); !strings.Contains(out, "is mounted (rw)") || mountedAt(t, dir) != 1 {
		t.Errorf("after it was killed:\n%s", out)
	}
	k.run(m.Script, "umount")
}

// The commands and files for davfs2 and rclone work as they stand.
func TestKernelMountCommands(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	k := newKernel(t, s)
	id := s.folder("it's data")
	s.must(201, "PUT", "/dav/"+id+"/known", "text", nil)
	dir := filepath.Join(k.dir, "it is $here")
	m := k.ask(map[string]any{"folders": []any{map[string]any{"id": id, "path": dir, "readOnly": true}}})
	f := m.Folders[0]
	state := filepath.Dir(m.Davfs2.ConfigFile)
	if err := errors.Join(os.MkdirAll(state+"/cache", 0o711), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(state) })
	for name, text := range map[string]string{m.Davfs2.ConfigFile: m.Davfs2.Config, m.Davfs2.SecretsFile: m.Davfs2.Secrets, m.Rclone.ConfigFile: m.Rclone.Config} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k.run("chgrp davfs2 " + state + "/cache && chmod 770 " + state + "/cache && chmod 711 " + filepath.Dir(state))
	servertest.Need(t, "rclone", "rclone")
	for _, mount := range []string{f.Mount + " >/dev/null 2>&1", f.Rclone + " >/dev/null 2>&1"} {
		k.run(mount)
		if got, err := os.ReadFile(dir + "/known"); err != nil || string(got) != "text" || mountedAt(t, dir) != 1 {
			t.Errorf("%s: %q, %v", mount, got, err)
		}
		if err := os.WriteFile(dir+"/new", nil, 0o644); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: writing: %v, want EROFS", mount, err)
		}
		servertest.Within(t, 10*time.Second, "umount", func() bool { code, _ := k.sh(f.Umount, nil); return code == 0 })
	}
}
