package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"davit/server"
)

// Tests with the program as people run it, and the clients that they use. Each
// has a data directory of its own.

// long asks for the long form of the tests that have one ("make test-long").
var long = os.Getenv("DAVIT_TEST_LONG") != ""

// program is the built binary.
var program = struct {
	once sync.Once
	path string
	err  error
}{}

func TestMain(m *testing.M) {
	code := server.EveryRouteTested(m.Run())
	if program.path != "" {
		os.RemoveAll(filepath.Dir(program.path))
	}
	os.Exit(code)
}

// davit is the path of the program, which the first call builds.
func davit(t testing.TB) string {
	t.Helper()
	program.once.Do(func() {
		dir, err := os.MkdirTemp("", "davit-test-")
		if err != nil {
			program.err = err
			return
		}
		program.path = filepath.Join(dir, "davit")
		if out, err := exec.Command("go", "build", "-o", program.path, "davit").CombinedOutput(); err != nil {
			program.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// need fails the test if a program is missing. Debian's package of it is named.
func need(t testing.TB, tool, debianPackage string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, tool)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: apt-get install %s", tool, debianPackage)
	return ""
}

// process is the program serving one data directory, perhaps several times in a row.
type process struct {
	t      testing.TB
	data   string // its parent is for the test
	args   []string
	listen string   // "" chooses a port at each start
	under  []string // a command that runs the program

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd is over
	url    string        // http://127.0.0.1:…
}

const adminPassword = "the password of admin"

// newProcess starts the program on an empty directory; args follow those of the tests.
func newProcess(t testing.TB, args ...string) *process {
	t.Helper()
	s := prepareProcess(t, args...)
	s.start()
	return s
}

// prepareProcess is newProcess without the start.
func prepareProcess(t testing.TB, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	// Clients that drop their rights must reach what the tests put beside the data.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	s := &process{t: t, data: filepath.Join(dir, "data"), args: args}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			log, _ := os.ReadFile(s.logFile())
			t.Logf("the end of the server's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return s
}

// in is the same server, for a subtest.
func (s *process) in(t testing.TB) *process {
	other := *s
	other.t = t
	return &other
}

func (s *process) logFile() string { return filepath.Join(filepath.Dir(s.data), "server.log") }

// environment is without settings of the program's.
func environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DAVIT_") && !strings.HasPrefix(strings.ToLower(v), "http_proxy") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// start serves the data directory and returns when connections are accepted.
func (s *process) start() {
	s.t.Helper()
	address := filepath.Join(s.data, "listen.addr")
	if err := os.Remove(address); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--data", s.data, "--listen", cmp.Or(s.listen, "127.0.0.1:0")}, s.args...)
	line := append(append(slices.Clone(s.under), davit(s.t)), args...)
	s.cmd = exec.Command(line[0], line[1:]...)
	s.cmd.Env = environment("DAVIT_ADMIN_PASSWORD=" + adminPassword)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { s.cmd.Wait(); close(exited) }()
	s.exited = exited
	scheme := "http://"
	for _, arg := range args {
		if strings.HasPrefix(arg, "--tls-cert") {
			scheme = "https://"
		}
	}
	within(s.t, 20*time.Second, "the server listens", func() bool {
		select {
		case <-exited:
			log, _ := os.ReadFile(s.logFile())
			s.t.Fatalf("the server ended: %v\n%s", s.cmd.ProcessState, log)
		default:
		}
		text, err := os.ReadFile(address)
		s.url = scheme + strings.TrimSpace(string(text))
		return err == nil
	})
}

// kill ends the server at once, as a crash does.
func (s *process) kill() {
	if s.exited == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.exited
	s.exited = nil
}

// stop ends the server as an init system does; it must succeed.
func (s *process) stop() {
	s.t.Helper()
	s.terminate()
	s.ended()
}

func (s *process) terminate() { s.cmd.Process.Signal(syscall.SIGTERM) }

// ended waits for the end of a server that was told to stop.
func (s *process) ended() {
	s.t.Helper()
	select {
	case <-s.exited:
		s.exited = nil
	case <-time.After(40 * time.Second):
		s.t.Fatal("the server did not stop")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("exit %d after SIGTERM", code)
	}
}

// run runs a command on the data directory to its end.
func (s *process) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, davit(s.t), append(args, "--data", s.data)...)
	c.Env = environment()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		s.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// json runs a command that must succeed and print JSON.
func (s *process) json(v any, args ...string) {
	s.t.Helper()
	code, out, errs := s.run(append(args, "--json")...)
	if code != 0 {
		s.t.Fatalf("davit %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		s.t.Fatalf("davit %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// folder makes a folder of admin's that the server already shows, and gives its ID.
func (s *process) folder(title string, args ...string) string {
	s.t.Helper()
	var f struct{ ID string }
	s.json(&f, append([]string{"folder", "add", title, "--user", "admin"}, args...)...)
	within(s.t, 5*time.Second, "the new folder is there", func() bool {
		return s.do("GET", "/v2/folder/"+f.ID, "", nil).status == 200
	})
	return f.ID
}

// token makes a token of admin's that the server already takes.
func (s *process) token(args ...string) string {
	s.t.Helper()
	var tok struct{ ID, Token string }
	s.json(&tok, append([]string{"token", "add", "--user", "admin"}, args...)...)
	within(s.t, 5*time.Second, "the new token is taken", func() bool {
		r, err := http.NewRequest("PROPFIND", s.url+"/dav/", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		r.SetBasicAuth("admin", tok.Token)
		r.Header.Set("Depth", "0")
		res, err := client.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == 207
	})
	return tok.Token
}

// certificate writes a certificate for 127.0.0.1 that nobody knows, and its key.
func certificate(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	pair := lender.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

// client takes any certificate: what the tests look at is not whom it is for.
var client = &http.Client{Transport: &http.Transport{
	TLSClientConfig:     &tls.Config{InsecureSkipVerify: true},
	ForceAttemptHTTP2:   true,
	MaxIdleConnsPerHost: 32,
}}

// response is a response, read.
type response struct {
	status int
	header http.Header
	body   string
}

// send sends a request as admin. header are names and values in turn. An error is
// one of the connection.
func (s *process) send(ctx context.Context, method, path string, body io.Reader, header ...string) (response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return response{}, err
	}
	r.SetBasicAuth("admin", adminPassword)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(text)}, err
}

// do is send for a server that answers.
func (s *process) do(method, path, body string, header map[string]string) response {
	s.t.Helper()
	var list []string
	for k, v := range header {
		list = append(list, k, v)
	}
	res, err := s.send(context.Background(), method, path, strings.NewReader(body), list...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

// must is do for a request that has to give this status.
func (s *process) must(status int, method, path, body string, header map[string]string) response {
	s.t.Helper()
	res := s.do(method, path, body, header)
	if res.status != status {
		s.t.Fatalf("%s %s: %d, want %d\n%s", method, path, res.status, status, res.body)
	}
	return res
}

// usage is what the API says about a folder.
type usage struct {
	Bytes     int64  `json:"used_bytes"`
	Files     int64  `json:"numFiles"`
	MaxBytes  *int64 `json:"max_bytes"`
	MaxFiles  *int64 `json:"max_files"`
	Available int64  `json:"available_bytes"`
}

func (s *process) usage(id string) usage {
	s.t.Helper()
	res := s.must(200, "GET", "/v2/folder/"+id, "", nil)
	var u usage
	if err := json.Unmarshal([]byte(res.body), &u); err != nil {
		s.t.Fatalf("%v: %s", err, res.body)
	}
	return u
}

// walk counts what lies in the folder on the disk.
func (s *process) walk(id string) (bytes, files int64) {
	s.t.Helper()
	root := filepath.Join(s.data, "files", id)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) && path != root {
			return nil // gone while we looked
		}
		if err != nil || path == root {
			return err
		}
		files++
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() {
			bytes += i.Size()
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return bytes, files
}

// within polls until ok, and fails the test if that takes longer than limit.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
