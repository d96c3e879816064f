package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"davit/server/servertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servertest.Clean()
	os.Exit(code)
}

// shell runs commands on one data directory.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T) *shell {
	return &shell{t: t, dir: filepath.Join(t.TempDir(), "data")}
}

// command has an environment without settings.
func (s *shell) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(s.t.Context(), servertest.Program(s.t), args...)
	c.Env = servertest.Environment(append([]string{"DAVIT_DATA=" + s.dir}, s.env...)...)
	c.Dir = filepath.Dir(s.dir)
	return c
}

// run runs a command to its end.
func (s *shell) run(stdin string, args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	c := s.command(args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// must runs a command that has to succeed, without a word on stderr.
func (s *shell) must(stdin string, args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(stdin, args...)
	if code != 0 || errs != "" {
		s.t.Fatalf("davit %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// json is must for a command that prints JSON.
func (s *shell) json(v any, args ...string) {
	s.t.Helper()
	out := s.must("", args...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		s.t.Fatalf("davit %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// running is a server as a process.
type running struct {
	*shell
	cmd    *exec.Cmd
	url    string
	stdout bytes.Buffer
	lines  []map[string]any // of the log, up to listening
	log    *bufio.Scanner
}

func (s *shell) serve(args ...string) *running {
	s.t.Helper()
	r := &running{shell: s, cmd: s.command(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)}
	r.cmd.Stdout = &r.stdout
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.cmd.Process.Kill(); r.cmd.Wait() })
	r.log = bufio.NewScanner(stderr)
	for r.log.Scan() {
		var line map[string]any
		if err := json.Unmarshal(r.log.Bytes(), &line); err != nil {
			s.t.Fatalf("log line %q: %v", r.log.Text(), err)
		}
		r.lines = append(r.lines, line)
		if line["msg"] == "listening" {
			address, err := os.ReadFile(filepath.Join(s.dir, "listen.addr"))
			if err != nil || strings.TrimSpace(string(address)) != line["address"] {
				s.t.Fatalf("listen.addr is %q, %v, the log says %v", address, err, line["address"])
			}
			r.url = "http://" + strings.TrimSpace(string(address))
			return r
		}
	}
	s.t.Fatalf("the server ended: %v", r.cmd.Wait())
	return nil
}

// stop ends the server as an init system does, and gives its exit code.
func (r *running) stop() int {
	r.t.Helper()
	r.cmd.Process.Signal(syscall.SIGTERM)
	for r.log.Scan() {
	}
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

// status is what a request is answered with; token as password, or Bearer without a user.
func (r *running) status(method, path, user, password, body string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	} else {
		req.Header.Set("Authorization", "Bearer "+password)
	}
	req.Header.Set("Depth", "0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// within checks that something is so soon: two seconds by D25, and some more for
// a machine that is busy with other tests.
func (r *running) within(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("still not: %s", what)
		}
	}
}

func TestExitCodes(t *testing.T) {
	s := newShell(t)
	s.must("secret\n", "user", "add", "ann", "--password-stdin")
	folder := strings.TrimSpace(s.must("", "folder", "add", "docs", "--user", "ann"))
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("\nrate-limt: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string // in stderr, or in stdout for code 0
	}{
		{"--help", 0, "Commands:"},
		{"user --help", 0, "user passwd"},
		{"serve --help", 0, "127.0.0.1:8080"},
		{"version", 0, "davit "},
		{"frobnicate", 2, "frobnicate"},
		{"user", 2, "expected"},
		{"user add", 2, "<name>"},
		{"user add x --frob", 2, "--frob"},
		{"key add", 2, "--user"},
		{"folder add x --user ann --max-bytes 5XB", 2, "5XB"},
		{"token add --user ann --expires soon", 2, "soon"},
		{"serve --sync half", 2, "half"},
		{"user rm ann --transfer-to bob --delete-folders", 2, "--transfer-to"},
		{"serve --config " + bad, 1, bad + `:2: unknown key "rate-limt"`},
		{"user list --config " + bad, 1, "rate-limt"},
		{"user add ann --password-stdin", 1, "exists already"},
		{"user add a:b --password-stdin", 1, "davit: "},
		{"user passwd nobody", 1, `no user "nobody"`},
		{"user rm ann", 1, "folder"},
		{"user rm ann --transfer-to nobody", 1, `no user "nobody"`},
		{"key add --user nobody", 1, `no user "nobody"`},
		{"key rm AKIANOBODY", 1, "AKIANOBODY"},
		{"token rm nothing", 1, "nothing"},
		{"token add --user ann --folder nothing", 1, "nothing"},
		{"folder add docs --user ann", 1, "already"},
		{"folder add " + folder + " --user ann", 1, "davit: "},
		{"folder rm nothing", 1, "nothing"},
		{"folder limit 0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", 1, "0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2"},
		{"folder scan nothing", 1, "nothing"},
		{"serve --listen 999.0.0.1:0", 1, "davit: "},
		{"serve --tls-cert /none --tls-key /none --listen 127.0.0.1:0", 1, "/none"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, out, errs := s.run("secret\n", strings.Fields(c.args)...)
			text := errs
			if c.code == 0 {
				text = out
			} else if !strings.Contains(errs, "davit: ") || out != "" {
				t.Errorf("stdout %q, stderr %q: want the error on stderr only", out, errs)
			}
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, %q, want %d, %q", code, text, c.code, c.want)
			}
		})
	}
}

func TestCommandsWithoutServer(t *testing.T) {
	s := newShell(t)
	var user struct{ ID, Name, Password string }
	s.json(&user, "user", "add", "ann", "--email", "ann@example.org", "--json")
	if user.Name != "ann" || len(user.Password) < 16 || user.ID == "" {
		t.Errorf("user %+v", user)
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v, want mode 0700", info, err)
	}
	if out := s.must("secret\n", "user", "add", "bob", "--admin", "--password-stdin"); strings.Contains(out, "secret") {
		t.Errorf("the given password is printed: %s", out)
	}
	var key struct{ AccessKey, SecretKey string }
	s.json(&key, "key", "add", "--user", "ann", "--json")
	if !strings.HasPrefix(key.AccessKey, "AKIA") || len(key.AccessKey) != 20 || len(key.SecretKey) != 40 {
		t.Errorf("key %+v", key)
	}
	var folder struct{ ID, Title string }
	s.json(&folder, "folder", "add", "My docs", "--user", "ann", "--max-bytes", "1GiB", "--max-files", "1000", "--json")
	var token struct{ ID, Token string }
	s.json(&token, "token", "add", "--user", "ann", "--folder", folder.ID, "--read-only", "--expires", "30d", "--json")
	if token.ID == "" || len(token.Token) > 64 || !strings.HasPrefix(token.Token, "uc"+token.ID+"-") {
		t.Errorf("token %+v", token)
	}
	s.json(&token, "token", "add", "--user", "ann", "--folder", "My docs", "--json")

	var users []struct {
		Name, Email string
		Admin       bool
		MaxFolders  *int64
	}
	s.must("", "user", "limit", "ann", "--max-folders", "5", "--max-bytes", "0")
	s.json(&users, "user", "list", "--json")
	if len(users) != 2 || users[0].Name != "ann" || users[0].Admin || !users[1].Admin || users[0].MaxFolders == nil || *users[0].MaxFolders != 5 || users[1].MaxFolders != nil {
		t.Errorf("users %+v", users)
	}
	s.must("", "user", "limit", "ann", "--max-folders", "default")
	var limits map[string]any
	s.json(&limits, "user", "limit", "ann", "--json")
	if limits["maxFolders"] != nil || limits["maxBytes"] != 0. || limits["maxFiles"] != nil {
		t.Errorf("limits %v, want only maxBytes", limits)
	}
	var folders []struct {
		ID, Title, User    string
		MaxBytes, MaxFiles *int64
	}
	s.must("", "folder", "limit", "My docs", "--max-bytes", "500MB", "--max-files", "default")
	s.json(&folders, "folder", "list", "--json")
	if len(folders) != 1 || folders[0].ID != folder.ID || folders[0].User != "ann" || *folders[0].MaxBytes != 500e6 || folders[0].MaxFiles != nil {
		t.Errorf("folders %+v", folders)
	}
	var keys, tokens []map[string]any
	s.json(&keys, "key", "list", "--json")
	s.json(&tokens, "token", "list", "--json")
	if len(keys) != 1 || keys[0]["accessKey"] != key.AccessKey || len(tokens) != 2 {
		t.Errorf("keys %v, tokens %v", keys, tokens)
	}
	for _, list := range []string{"user", "key", "token", "folder"} {
		if out := s.must("", list, "list"); !strings.Contains(out, "ann") || strings.Contains(out, key.SecretKey) || strings.Contains(out, token.Token) {
			t.Errorf("%s list:\n%s", list, out)
		}
	}
	if out := s.must("", "folder", "scan", folder.ID); !strings.Contains(out, "bytes: 0") {
		t.Errorf("scan: %s", out)
	}
	var check struct {
		OK       bool
		Findings []any
	}
	s.json(&check, "check", "--json")
	if !check.OK || len(check.Findings) > 0 {
		t.Errorf("check: %+v", check)
	}
	s.must("", "key", "rm", key.AccessKey)
	s.must("", "token", "rm", token.ID)
	if code, _, errs := s.run("", "user", "rm", "bob"); code != 1 || !strings.Contains(errs, "last administrator") {
		t.Errorf("removing the last administrator: exit %d, %s", code, errs)
	}
	s.must("", "user", "rm", "ann", "--delete-folders")
	s.json(&folders, "folder", "list", "--json")
	if len(folders) > 0 {
		t.Errorf("folders of a removed user: %+v", folders)
	}
}

// A mistyped data directory is an error, not a new installation.
func TestNoInstallation(t *testing.T) {
	s := newShell(t)
	for _, args := range []string{"user list", "user passwd ann", "user limit ann", "user rm ann", "key add --user ann", "key list", "key rm x",
		"token add --user ann", "token list", "token rm x", "session list", "session rm x", "jwt rotate", "jwt list", "folder add x --user ann", "folder list", "folder limit x", "folder rm x", "folder scan x",
		"check", "check --repair"} {
		code, out, errs := s.run("", strings.Fields(args)...)
		if code != 1 || out != "" || !strings.Contains(errs, s.dir) {
			t.Errorf("davit %s: exit %d, %q, %q, want 1 and the name of the directory", args, code, out, errs)
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Fatalf("davit %s made the directory (%v)", args, err)
		}
	}
	s.must("secret\n", "user", "add", "ann", "--password-stdin")
	for _, args := range []string{"folder add x --user ann", "token add --user ann", "key add --user ann"} {
		s.must("", strings.Fields(args)...)
	}
}

// Keys made with another secret than the server's would never work.
func TestSecretIsTheServers(t *testing.T) {
	s := newShell(t)
	s.env = []string{"DAVIT_SECRET_KEY=" + strings.Repeat("5a", 32)}
	r := s.serve()
	env := s.env
	s.env = nil
	if code, _, errs := s.run("", "key", "add", "--user", "admin"); code != 1 || !strings.Contains(errs, "set DAVIT_SECRET_KEY") {
		t.Errorf("key add without the secret: exit %d, %s", code, errs)
	}
	s.must("", "token", "add", "--user", "admin")
	if _, err := os.Stat(filepath.Join(s.dir, "secret.key")); !os.IsNotExist(err) {
		t.Errorf("secret.key: %v, want none", err)
	}
	s.env = env
	s.must("", "key", "add", "--user", "admin")
	r.stop()
	s.env = nil
	code, _, errs := s.run("", "serve", "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(errs, "set DAVIT_SECRET_KEY") {
		t.Errorf("serve without the secret: exit %d, %s", code, errs)
	}
}

func TestCommandsBesideAServer(t *testing.T) {
	s := newShell(t)
	r := s.serve()
	s.must("first\n", "user", "add", "ann", "--password-stdin")
	r.within("a new user", func() bool { return r.status("PROPFIND", "/dav/", "ann", "first", "") != 401 })
	s.must("second\n", "user", "passwd", "ann", "--password-stdin")
	r.within("a new password", func() bool {
		return r.status("PROPFIND", "/dav/", "ann", "second", "") != 401 && r.status("PROPFIND", "/dav/", "ann", "first", "") == 401
	})

	var folder struct{ ID string }
	s.json(&folder, "folder", "add", "docs", "--user", "ann", "--max-bytes", "1000", "--json")
	file := "/dav/" + folder.ID + "/a.txt"
	r.within("a new folder", func() bool { return r.status("PUT", file, "ann", "second", "123") == 201 })

	var token, scoped struct{ ID, Token string }
	s.json(&token, "token", "add", "--user", "ann", "--json")
	s.json(&scoped, "token", "add", "--user", "ann", "--folder", folder.ID, "--read-only", "--json")
	r.within("a new token", func() bool { return r.status("GET", file, "", token.Token, "") == 200 })
	if got := r.status("GET", file, "ann", scoped.Token, ""); got != 200 {
		t.Errorf("GET with a scoped token: %d", got)
	}
	if got := r.status("PUT", file, "ann", scoped.Token, "4"); got != 403 {
		t.Errorf("PUT with a read-only token: %d, want 403", got)
	}
	s.must("", "token", "rm", token.ID)
	r.within("a token's end", func() bool { return r.status("GET", file, "", token.Token, "") == 401 })

	n := 0
	s.must("", "folder", "limit", "docs", "--max-bytes", "5")
	r.within("a lower limit", func() bool {
		n++
		return r.status("PUT", file+strings.Repeat("x", n), "ann", "second", "12345") == 507
	})

	// What an administrator puts there by hand is counted by a scan.
	if err := os.WriteFile(filepath.Join(s.dir, "files", folder.ID, "byhand.txt"), make([]byte, 10000), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, _ := s.run("", "check", "--json")
	if code != 1 || !strings.Contains(out, folder.ID) {
		t.Errorf("check with a file put there by hand: exit %d, %s", code, out)
	}
	var usage struct{ Bytes, Files int64 }
	s.json(&usage, "folder", "scan", folder.ID, "--json")
	if usage.Bytes < 10003 || usage.Files < 2 {
		t.Errorf("scan: %+v", usage)
	}
	s.must("", "check")

	s.must("", "folder", "rm", folder.ID)
	r.within("a folder's end", func() bool { return r.status("GET", file, "ann", "second", "") == 404 })
	r.within("its bytes' end", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "files", folder.ID))
		return os.IsNotExist(err)
	})
	if code, _, errs := s.run("", "serve", "--listen", "127.0.0.1:0"); code != 1 || !strings.Contains(errs, "in use by process") {
		t.Errorf("a second server: exit %d, %s", code, errs)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d after SIGTERM", code)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "listen.addr")); !os.IsNotExist(err) {
		t.Errorf("listen.addr after the end: %v", err)
	}
}

func TestCheckRepairs(t *testing.T) {
	for _, c := range []struct {
		name   string
		beside bool
	}{{"without a server", false}, {"beside a server", true}} {
		t.Run(c.name, func(t *testing.T) {
			s := newShell(t)
			r := s.serve()
			s.must("secret\n", "user", "add", "ann", "--password-stdin")
			var folder struct{ ID string }
			s.json(&folder, "folder", "add", "docs", "--user", "ann", "--json")
			r.within("a new folder", func() bool { return r.status("PUT", "/dav/docs/a.txt", "ann", "secret", "123") == 201 })
			if !c.beside {
				if code := r.stop(); code != 0 {
					t.Fatalf("exit %d", code)
				}
			}
			if err := os.WriteFile(filepath.Join(s.dir, "files", folder.ID, "byhand.txt"), make([]byte, 10000), 0o644); err != nil {
				t.Fatal(err)
			}
			if code, out, errs := s.run("", "check"); code != 1 || !strings.Contains(out, folder.ID) || !strings.Contains(errs, "davit: check") {
				t.Errorf("check: exit %d\n%s%s", code, out, errs)
			}
			var check struct {
				OK       bool
				Findings []struct{ Repaired bool }
			}
			s.json(&check, "check", "--repair", "--json")
			if !check.OK || len(check.Findings) != 1 || !check.Findings[0].Repaired {
				t.Errorf("check --repair: %+v", check)
			}
			s.must("", "check")
		})
	}
}

func TestFirstStart(t *testing.T) {
	t.Run("random password", func(t *testing.T) {
		s := newShell(t)
		r := s.serve("--first-folder", "Home")
		file := filepath.Join(s.dir, "admin-password")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		password := strings.TrimSpace(string(text))
		if got := r.status("PUT", "/dav/Home/a.txt", "admin", password, "x"); got != 201 {
			t.Errorf("PUT as admin: %d", got)
		}
		s.must("other\n", "user", "passwd", "admin", "--password-stdin")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s after user passwd: %v", file, err)
		}
		if code := r.stop(); code != 0 {
			t.Errorf("exit %d", code)
		}
		out := r.stdout.String()
		if !strings.Contains(out, "mount -t davfs") || !strings.Contains(out, r.url+"/dav/") || !strings.Contains(out, file) || strings.Contains(out, password) {
			t.Errorf("mount help:\n%s", out)
		}
		r = s.serve("--first-folder", "Home")
		if got := r.status("GET", "/dav/Home/a.txt", "admin", "other", ""); got != 200 {
			t.Errorf("GET after a restart: %d", got)
		}
		r.stop()
		var folders []any
		if s.json(&folders, "folder", "list", "--json"); len(folders) != 1 {
			t.Errorf("%d folders after a restart, want 1", len(folders))
		}
	})
	t.Run("password from the environment", func(t *testing.T) {
		s := newShell(t)
		s.env = []string{"DAVIT_ADMIN_PASSWORD=secret"}
		r := s.serve()
		if got := r.status("PROPFIND", "/dav/", "admin", "secret", ""); got == 401 || got == 403 {
			t.Errorf("signing in as admin: %d", got)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "admin-password")); !os.IsNotExist(err) {
			t.Errorf("admin-password: %v", err)
		}
	})
	t.Run("after user add admin", func(t *testing.T) {
		s := newShell(t)
		s.must("mine\n", "user", "add", "admin", "--admin", "--password-stdin")
		r := s.serve()
		if got := r.status("PROPFIND", "/dav/", "admin", "mine", ""); got == 401 || got == 403 {
			t.Errorf("signing in as admin: %d", got)
		}
	})
}

func TestServeClosesTheDataDirectory(t *testing.T) {
	s := newShell(t)
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	r := s.serve()
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v, want mode 0700", info, err)
	}
	if !slices.ContainsFunc(r.lines, func(line map[string]any) bool { return line["was"] == "0755" && line["data"] == s.dir }) {
		t.Errorf("the log does not say so: %v", r.lines)
	}
}

func TestSettingsFile(t *testing.T) {
	s := newShell(t)
	file := filepath.Join(t.TempDir(), "davit.yaml")
	if err := os.WriteFile(file, []byte("default-max-folders: 1\nsync: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"DAVIT_CONFIG=" + file, "DAVIT_ADMIN_PASSWORD=secret"}
	r := s.serve("--first-folder", "Home")
	if last := r.lines[len(r.lines)-1]; last["sync"] != "none" || last["passwords"] == "" {
		t.Errorf("listening: %v", last)
	}
	if got := r.status("POST", "/v2/folder/create", "admin", "secret", `{"name":"second"}`); got != 406 {
		t.Errorf("a second folder: %d, want 406", got)
	}
}

// Tokens with all that narrows them, sessions, and keys of access tokens, beside a server.
func TestTokensAndSessionsByCommand(t *testing.T) {
	s := newShell(t)
	r := s.serve()
	s.must("secret\n", "user", "add", "ann", "--password-stdin")
	var one, two struct{ ID string }
	s.json(&one, "folder", "add", "one", "--user", "ann", "--json")
	s.json(&two, "folder", "add", "two", "--user", "ann", "--json")
	var token struct{ ID, Token string }
	s.json(&token, "token", "add", "--user", "ann", "--folder", "one", "--folder", two.ID+":ro", "--scope", "webdav:write", "--title", "laptop, of ann", "--expires", "30d", "--json")
	r.within("a new token", func() bool { return r.status("PUT", "/dav/one/a", "", token.Token, "x") == 201 })
	for _, c := range []struct {
		method, path string
		status       int
	}{{"PROPFIND", "/dav/two/", 207}, {"PUT", "/dav/two/a", 403}, {"GET", "/folders", 403}, {"GET", "/api/files/collections/browse", 401}} {
		if got := r.status(c.method, c.path, "", token.Token, ""); got != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.status)
		}
	}
	if out := s.must("", "token", "list", "--user", "ann"); !strings.Contains(out, "laptop, of ann") || !strings.Contains(out, two.ID+":ro") || !strings.Contains(out, "webdav:write") {
		t.Errorf("token list:\n%s", out)
	}
	for _, args := range []string{"--scope files", "--scope nothing:read", "--folder none", "--folder one --folder one"} {
		if code, _, errs := s.run("", append([]string{"token", "add", "--user", "ann"}, strings.Fields(args)...)...); code != 1 || errs == "" {
			t.Errorf("token add %s: exit %d, %s", args, code, errs)
		}
	}

	signIn := func() (refresh, access string) {
		t.Helper()
		res, err := http.Post(r.url+"/auth/loginServer", "application/json", strings.NewReader(`{"username":"ann","password":"secret","service":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var in struct{ RefreshToken, AccessToken string }
		if err := json.NewDecoder(res.Body).Decode(&in); err != nil || res.StatusCode != 200 {
			t.Fatalf("sign in: %d, %v", res.StatusCode, err)
		}
		return in.RefreshToken, in.AccessToken
	}
	refresh, access := signIn()
	_, other := signIn()
	old := s.must("", "jwt", "list")
	kid := strings.TrimSpace(s.must("", "jwt", "rotate"))
	if list := s.must("", "jwt", "list"); !strings.Contains(list, kid) || strings.Contains(old, kid) {
		t.Errorf("jwt list:\n%s", list)
	}
	r.within("the new key", func() bool {
		res, err := http.Get(r.url + "/auth/jwks.json")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return strings.Contains(string(body), kid)
	})
	if got := r.status("GET", "/folders", "", access, ""); got != 200 {
		t.Errorf("an access token of the old key: %d", got)
	}
	list := s.must("", "session", "list", "--user", "ann")
	if strings.Count(list, "Go-http-client") != 2 || strings.Contains(list, refresh) {
		t.Errorf("session list:\n%s", list)
	}
	s.must("", "session", "rm", refresh[2:18])
	r.within("the end of a session", func() bool { return r.status("GET", "/folders", "", access, "") == 401 })
	if got := r.status("GET", "/folders", "", other, ""); got != 200 {
		t.Errorf("the other session: %d", got)
	}
	if out := s.must("", "session", "rm", "--user", "ann"); out != "1 ended\n" {
		t.Errorf("session rm --user: %q", out)
	}
	r.within("the end of all", func() bool { return r.status("GET", "/folders", "", other, "") == 401 })
	if code, _, errs := s.run("", "session", "rm", token.ID); code != 1 || !strings.Contains(errs, "no session") {
		t.Errorf("session rm of a token: exit %d, %s", code, errs)
	}
}

// TestD23_KeptFoldersByCommand: folders are deleted for a while, listed and restored, and quotas are set, without a server.
func TestD23_KeptFoldersByCommand(t *testing.T) {
	s := newShell(t)
	s.must("secret\n", "user", "add", "ann", "--password-stdin")
	id := strings.TrimSpace(s.must("", "folder", "add", "docs", "--user", "ann"))
	s.must("", "folder", "rm", "docs", "--keep")
	if out := s.must("", "folder", "list"); strings.Contains(out, id) {
		t.Errorf("folder list: %s", out)
	}
	if out := s.must("", "folder", "list", "--deleted"); !strings.Contains(out, id) {
		t.Errorf("folder list --deleted: %s", out)
	}
	s.must("", "folder", "add", "docs", "--user", "ann") // the title is free
	var f struct{ ID, Title, Deleted string }
	s.json(&f, "folder", "restore", id, "--json")
	if f.ID != id || f.Title != "docs" || f.Deleted != "" {
		t.Errorf("restored %+v", f)
	}
	if code, _, errs := s.run("", "folder", "restore", id); code != 1 || !strings.Contains(errs, "no deleted folder") {
		t.Errorf("restored again: %d %s", code, errs)
	}
	s.must("", "folder", "rm", id, "--keep")
	s.must("", "folder", "restore", "docs") // whatever living folder has the title
	s.must("", "folder", "rm", id, "--keep")
	s.must("", "folder", "rm", id) // for good now
	if out := s.must("", "folder", "list", "--deleted"); strings.Contains(out, id) {
		t.Errorf("folder list --deleted after the end: %s", out)
	}

	type quota struct {
		Categories []struct {
			Category string
			MaxBytes *int64
			OwnLimit bool
		}
	}
	var q quota
	s.json(&q, "user", "quota", "ann", "5GB", "--json")
	if len(q.Categories) != 1 || q.Categories[0].Category != "davit/standard" || *q.Categories[0].MaxBytes != 5e9 || !q.Categories[0].OwnLimit {
		t.Errorf("quota %+v", q)
	}
	q = quota{}
	s.json(&q, "user", "quota", "ann", "default", "--json")
	if q.Categories[0].MaxBytes != nil || q.Categories[0].OwnLimit {
		t.Errorf("quota %+v", q)
	}
	if code, _, errs := s.run("", "user", "quota", "ann", "1", "--category", "none"); code != 1 || !strings.Contains(errs, "no category") {
		t.Errorf("a category that there is not: %d %s", code, errs)
	}
	s.must("", "project", "add", "lab", "--pi", "ann")
	if out := s.must("", "project", "quota", "lab", "0"); !strings.Contains(out, "none") || !strings.Contains(out, "own") {
		t.Errorf("project quota: %s", out)
	}
}

// TestD7_ProductInUseIsNotGivenUp: the server does not start without the products that folders are of.
func TestD7_ProductInUseIsNotGivenUp(t *testing.T) {
	s := newShell(t)
	file := filepath.Join(t.TempDir(), "davit.yaml")
	if err := os.WriteFile(file, []byte("products:\n- id: std\n- id: fast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.serve("--config", file)
	s.must("secret\n", "user", "add", "ann", "--password-stdin")
	s.must("", "folder", "add", "docs", "--user", "ann", "--product", "fast")
	if code, _, errs := s.run("", "folder", "add", "x", "--user", "ann", "--product", "slow"); code != 1 || !strings.Contains(errs, `no storage product "slow"`) {
		t.Errorf("a product that there is not: %d %s", code, errs)
	}
	r.stop()
	if code, _, errs := s.run("", "serve", "--listen", "127.0.0.1:0"); code != 1 || !strings.Contains(errs, "1 folder(s) are of the storage product davit/fast/fast") {
		t.Errorf("without the product: %d %s", code, errs)
	}
}
