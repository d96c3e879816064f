package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"davit/server/servertest"
)

// N uploads at once never take more than the limit, and those that fail leave nothing behind.
func TestParallelUploadsAtTheLimit(t *testing.T) {
	const maxBytes, maxFiles = 2 << 20, 60
	s := newProcess(t, "--sync", "none")
	id := s.folder("limited", "--max-bytes", fmt.Sprint(maxBytes), "--max-files", fmt.Sprint(maxFiles))
	var done atomic.Bool
	var watch sync.WaitGroup
	watch.Go(func() {
		// Nothing is deleted or replaced meanwhile, so a walk counts no byte twice.
		for !done.Load() {
			if bytes, files := s.walk(id); bytes > maxBytes || files > maxFiles {
				t.Errorf("on disk are %d bytes in %d files, the limits are %d and %d", bytes, files, maxBytes, maxFiles)
				return
			}
		}
	})
	var load sync.WaitGroup
	var stored, refused atomic.Int64
	for c := range 8 {
		load.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(c)))
			for n := range 20 {
				var body io.Reader = strings.NewReader(noise(random.IntN(120_000)))
				if random.IntN(2) == 0 {
					body = io.MultiReader(body) // of unknown length
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				breaks := random.IntN(4) == 0
				connection := "keep-alive"
				if breaks {
					body = io.MultiReader(body, &cutOff{cancel})
					connection = "close" // no other request goes down with it
				}
				res, err := s.send(ctx, "PUT", fmt.Sprintf("/dav/%s/%d-%d", id, c, n), body, "Connection", connection)
				cancel()
				switch {
				case err != nil && breaks:
				case err != nil:
					t.Errorf("PUT: %v", err)
				case res.status == 201:
					stored.Add(1)
				case res.status == 507:
					refused.Add(1)
				default:
					t.Errorf("PUT: %d %s", res.status, res.body)
				}
			}
		})
	}
	load.Wait()
	done.Store(true)
	watch.Wait()
	if stored.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d uploads were stored and %d refused: the limit was not met", stored.Load(), refused.Load())
	}
	// No space is lost: what is left can be taken to the last byte.
	servertest.Within(t, 5*time.Second, "the broken uploads give their room back", func() bool {
		bytes, files := s.walk(id)
		u := s.usage(id)
		return u.Bytes == bytes && u.Files == files && u.Available == maxBytes-bytes
	})
	if u := s.usage(id); u.Files < maxFiles {
		s.must(201, "PUT", "/dav/"+id+"/last", noise(int(u.Available)), nil)
		s.must(507, "PUT", "/dav/"+id+"/last", noise(int(u.Available)+1), nil)
	} else {
		s.must(507, "PUT", "/dav/"+id+"/last", "", nil)
	}

	// Replacing at the limit: the sizes change, the sum stays below.
	names := s.files(id)
	for name := range names {
		load.Go(func() {
			for range 5 {
				res, err := s.send(t.Context(), "PUT", "/dav/"+id+"/"+name, strings.NewReader(noise(rand.IntN(2*maxBytes/len(names)))))
				if err != nil || res.status != 204 && res.status != 507 {
					t.Errorf("PUT over %s: %v, %d %s", name, err, res.status, res.body)
				}
				if u := s.usage(id); u.Bytes > maxBytes {
					t.Errorf("used are %d bytes of %d", u.Bytes, maxBytes)
				}
			}
		})
	}
	load.Wait()
	bytes, files := s.walk(id)
	if u := s.usage(id); bytes > maxBytes || u.Bytes != bytes || u.Files != files || u.Available != maxBytes-bytes {
		t.Errorf("on disk are %d bytes in %d files, the API says %+v", bytes, files, u)
	}
	s.Stop()
	if code, out, errs := s.Run("check"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}

// cutOff breaks a request off where its body should end.
type cutOff struct{ cancel context.CancelFunc }

func (c *cutOff) Read([]byte) (int, error) {
	c.cancel()
	return 0, context.Canceled
}

func TestStopLetsAnUploadFinish(t *testing.T) {
	s := newProcess(t)
	id := s.folder("stop")
	body, more := io.Pipe()
	text := noise(400_000)
	answer := make(chan response, 1)
	go func() {
		res, err := s.send(context.Background(), "PUT", "/dav/"+id+"/file", body)
		if err != nil {
			t.Errorf("PUT: %v", err)
		}
		answer <- res
	}()
	io.WriteString(more, text[:200_000])
	servertest.Within(t, 5*time.Second, "the upload has begun", func() bool {
		staged, _ := filepath.Glob(filepath.Join(s.Data, "staging", "*", "*"))
		return len(staged) > 0
	})
	s.Terminate()
	servertest.Within(t, 5*time.Second, "nobody new is let in", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(more, text[200_000:])
	more.Close()
	if res := <-answer; res.status != 201 {
		t.Errorf("PUT: %d %s", res.status, res.body)
	}
	s.Ended()
	s.holds(id, map[string]string{"file": text})
	if code, out, errs := s.Run("check"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}

// tool runs a client to its end, in an environment without anybody's settings.
type tool struct {
	t    testing.TB
	path string
	dir  string // working directory and home
	env  []string
}

func newTool(t testing.TB, name string, env ...string) *tool {
	t.Helper()
	dir := t.TempDir()
	return &tool{t: t, path: servertest.Need(t, name, name), dir: dir, env: servertest.Environment(append(env, "HOME="+dir, "LC_ALL=C.UTF-8")...)}
}

func (c *tool) try(stdin string, args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, c.env, strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func (c *tool) run(args ...string) string {
	c.t.Helper()
	code, out, errs := c.try("", args...)
	if code != 0 {
		c.t.Fatalf("%s %s: exit %d\n%s%s", filepath.Base(c.path), strings.Join(args, " "), code, out, errs)
	}
	return out
}

func (c *tool) file(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *tool) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func TestCI5_Curl(t *testing.T) {
	s := newProcess(t)
	curl := newTool(t, "curl")
	curl.file(".netrc", "machine 127.0.0.1 login admin password "+s.token()+"\n")
	curl.file("5000", noise(5000))
	curl.file("200000", noise(200_000))
	const format = "%{http_code} %{size_upload}"
	flags := []string{"-q", "-n", "-s", "-o", "answer", "-w", format}
	full := s.folder("full", "--max-bytes", "5000")
	id := s.folder("free")
	for _, c := range []struct {
		what string
		args []string
		want string // as of format
	}{
		{"upload", []string{"-T", "5000", s.URL + "/dav/" + full + "/a"}, "201 5000"},
		// The server refuses before it asks for the body.
		{"upload into a full folder", []string{"-T", "200000", "-H", "Expect: 100-continue", "--expect100-timeout", "30", s.URL + "/dav/" + full + "/b"}, "507 0"},
		{"upload of more over less", []string{"-T", "200000", "-H", "Expect: 100-continue", "--expect100-timeout", "30", s.URL + "/dav/" + full + "/a"}, "507 0"},
		{"upload into a place that is not there", []string{"-T", "200000", "-H", "Expect: 100-continue", "--expect100-timeout", "30", s.URL + "/dav/" + full + "/no/b"}, "409 0"},
		{"upload with a failed condition", []string{"-T", "200000", "-H", "Expect: 100-continue", "-H", "If-None-Match: *", "--expect100-timeout", "30", s.URL + "/dav/" + full + "/a"}, "412 0"},
		{"upload when asked", []string{"-T", "200000", "-H", "Expect: 100-continue", "--expect100-timeout", "30", s.URL + "/dav/" + id + "/a"}, "201 200000"},
		{"upload in chunks", []string{"-T", "200000", "-H", "Transfer-Encoding: chunked", s.URL + "/dav/" + id + "/chunked"}, "201 200000"},
	} {
		t.Run(c.what, func(t *testing.T) {
			// curl counts the framing of chunks, too.
			got := curl.run(append(flags, c.args...)...)
			if status, sent, _ := strings.Cut(got, " "); got != c.want && !(strings.HasPrefix(c.want, status+" ") && strings.Contains(c.what, "chunks") && sent > "200000") {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	s.holds(full, map[string]string{"a": curl.read("5000")})
	s.holds(id, map[string]string{"a": curl.read("200000"), "chunked": curl.read("200000")})

	text := curl.read("200000")
	file := s.URL + "/dav/" + id + "/a"
	for _, c := range []struct{ ranges, status, want string }{
		{"0-0", "206", text[:1]},
		{"5-9", "206", text[5:10]},
		{"199990-", "206", text[199_990:]},
		{"-7", "206", text[199_993:]},
		{"100-999999", "206", text[100:]},
		{"200000-", "416", ""},
	} {
		t.Run("range "+c.ranges, func(t *testing.T) {
			got := curl.run("-q", "-n", "-s", "-r", c.ranges, "-o", "part", "-w", "%{http_code}", file)
			if got != c.status || c.want != "" && curl.read("part") != c.want {
				t.Errorf("got %s, %d bytes, want %s, %d bytes", got, len(curl.read("part")), c.status, len(c.want))
			}
		})
	}
	t.Run("an upload goes on", func(t *testing.T) {
		curl.file("longer", text+noise(50_000))
		grown := s.URL + "/dav/" + id + "/grown"
		for _, c := range []struct {
			want string // as of format
			args []string
		}{
			{"201 200000", []string{"-T", "200000", grown}},
			{"204 50000", []string{"-C", "200000", "-T", "longer", grown}},
			{"201 5000", []string{"-C", "-", "-T", "5000", s.URL + "/dav/" + id + "/whole"}}, // all of it, with Content-Range
		} {
			if got := curl.run(append(flags, c.args...)...); got != c.want {
				t.Errorf("%q: got %s, want %s", c.args, got, c.want)
			}
		}
		s.must(200, "GET", "/dav/"+id+"/whole", "", nil)
		if got := s.must(200, "GET", "/dav/"+id+"/grown", "", nil).body; got != curl.read("longer") {
			t.Errorf("the file has %d bytes, want %d", len(got), len(curl.read("longer")))
		}
	})
	t.Run("a download goes on", func(t *testing.T) {
		curl.file("resumed", text[:123_456])
		curl.run("-q", "-n", "-s", "-f", "-C", "-", "-o", "resumed", file)
		if curl.read("resumed") != text {
			t.Error("the file differs")
		}
	})
}

func TestCI5_Cadaver(t *testing.T) {
	s := newProcess(t)
	cadaver := newTool(t, "cadaver")
	cadaver.file(".netrc", "machine 127.0.0.1 login admin password "+s.token()+"\n")
	cadaver.file("local.txt", "from here")
	id := s.folder("cadaver")
	_, out, errs := cadaver.try(strings.Join([]string{
		"mkcol made", "put local.txt", "put local.txt made/two.txt", "ls", "move local.txt made/moved.txt",
		"copy made/two.txt copied.txt", "cd made", "ls", "get two.txt back.txt", "cd ..",
		"propset copied.txt colour blue", "propget copied.txt colour",
		"lock copied.txt", "unlock copied.txt", "delete copied.txt", "put local.txt doomed.txt", "mkcol gone", "rmcol gone",
		"quit",
	}, "\n")+"\n", s.URL+"/dav/"+id+"/")
	if n := strings.Count(out, "succeeded."); n != 15 || strings.Contains(out, "failed") {
		t.Errorf("%d commands succeeded, want 15\n%s%s", n, out, errs)
	}
	for _, want := range []string{"Coll:   made", "local.txt", "moved.txt", "two.txt", "blue"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not shown:\n%s", want, out)
		}
	}
	if got := cadaver.read("back.txt"); got != "from here" {
		t.Errorf("got back %q", got)
	}
	s.holds(id, map[string]string{"made/": "", "made/moved.txt": "from here", "made/two.txt": "from here", "doomed.txt": "from here"})
}
