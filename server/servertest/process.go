// Package servertest runs the program as people do, for tests.
package servertest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "davit/server" // whose change makes results of packages that test by this one out of date
)

// Long asks for the long form of the tests that have one ("make test-long").
var Long = os.Getenv("DAVIT_TEST_LONG") != ""

// built is the binary.
var built = struct {
	once sync.Once
	path string
	err  error
}{}

// Program is the path of the program, which the first call builds.
func Program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "davit-test-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "davit")
		if out, err := exec.Command("go", "build", "-o", built.path, "davit").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// Clean removes what Program built; TestMain calls it.
func Clean() {
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
}

// Need fails the test if a program is missing. Debian's package of it is named.
func Need(t testing.TB, tool, debianPackage string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, tool)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: apt-get install %s", tool, debianPackage)
	return ""
}

// Process is the program serving one data directory, perhaps several times in a row.
type Process struct {
	T      testing.TB
	Data   string // its parent is for the test
	Args   []string
	Listen string   // "" chooses a port at each start
	Under  []string // a command that runs the program

	Cmd    *exec.Cmd
	Exited chan struct{} // closed when Cmd is over; nil when nothing runs
	URL    string        // http://127.0.0.1:…
}

// AdminPassword is the password of the user admin.
const AdminPassword = "the password of admin"

// New starts the program on an empty directory; args follow those of the tests.
func New(t testing.TB, args ...string) *Process {
	t.Helper()
	s := Prepare(t, args...)
	s.Start()
	return s
}

// Prepare is New without the start.
func Prepare(t testing.TB, args ...string) *Process {
	t.Helper()
	dir := t.TempDir()
	// Clients that drop their rights must reach what the tests put beside the data.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	s := &Process{T: t, Data: filepath.Join(dir, "data"), Args: args}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			log, _ := os.ReadFile(s.LogFile())
			t.Logf("the end of the server's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return s
}

// LogFile is where the program writes its log.
func (s *Process) LogFile() string { return filepath.Join(filepath.Dir(s.Data), "server.log") }

// Environment is without settings of the program's.
func Environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DAVIT_") && !strings.HasPrefix(strings.ToLower(v), "http_proxy") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// Start serves the data directory and returns when connections are accepted.
func (s *Process) Start() {
	s.T.Helper()
	address := filepath.Join(s.Data, "listen.addr")
	if err := os.Remove(address); err != nil && !os.IsNotExist(err) {
		s.T.Fatal(err)
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.T.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--data", s.Data, "--listen", cmp.Or(s.Listen, "127.0.0.1:0")}, s.Args...)
	line := append(append(slices.Clone(s.Under), Program(s.T)), args...)
	s.Cmd = exec.Command(line[0], line[1:]...)
	s.Cmd.Env = Environment("DAVIT_ADMIN_PASSWORD=" + AdminPassword)
	s.Cmd.Stdout, s.Cmd.Stderr = log, log
	if err := s.Cmd.Start(); err != nil {
		s.T.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { s.Cmd.Wait(); close(exited) }()
	s.Exited = exited
	scheme := "http://"
	for _, arg := range args {
		if strings.HasPrefix(arg, "--tls-cert") {
			scheme = "https://"
		}
	}
	Within(s.T, 20*time.Second, "the server listens", func() bool {
		select {
		case <-exited:
			log, _ := os.ReadFile(s.LogFile())
			s.T.Fatalf("the server ended: %v\n%s", s.Cmd.ProcessState, log)
		default:
		}
		text, err := os.ReadFile(address)
		s.URL = scheme + strings.TrimSpace(string(text))
		return err == nil
	})
}

// Kill ends the server at once, as a crash does.
func (s *Process) Kill() {
	if s.Exited == nil {
		return
	}
	s.Cmd.Process.Kill()
	<-s.Exited
	s.Exited = nil
}

// Stop ends the server as an init system does; it must succeed.
func (s *Process) Stop() {
	s.T.Helper()
	s.Terminate()
	s.Ended()
}

// Terminate tells the server to stop.
func (s *Process) Terminate() { s.Cmd.Process.Signal(syscall.SIGTERM) }

// Ended waits for the end of a server that was told to stop.
func (s *Process) Ended() {
	s.T.Helper()
	select {
	case <-s.Exited:
		s.Exited = nil
	case <-time.After(40 * time.Second):
		s.T.Fatal("the server did not stop")
	}
	if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
		s.T.Errorf("exit %d after SIGTERM", code)
	}
}

// Run runs a command on the data directory to its end.
func (s *Process) Run(args ...string) (code int, stdout, stderr string) {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, Program(s.T), append(args, "--data", s.Data)...)
	c.Env = Environment()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		s.T.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// Within polls until ok, and fails the test if that takes longer than limit.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
