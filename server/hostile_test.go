package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"davit/server/servertest"
)

// peak gives the most memory that the server has held since the last call, in MiB.
func (s *process) peak() int {
	s.T.Helper()
	proc := fmt.Sprintf("/proc/%d/", s.Cmd.Process.Pid)
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		s.T.Fatal(err)
	}
	if err := os.WriteFile(proc+"clear_refs", []byte("5"), 0); err != nil {
		s.T.Fatal(err)
	}
	var kib int
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		s.T.Fatal(err)
	}
	return kib >> 10
}

// hostile is a server under a load that means it no good, and a client that does.
type hostile struct {
	*process
	id   string
	addr string
}

const adminBasic = "Authorization: Basic YWRtaW46dGhlIHBhc3N3b3JkIG9mIGFkbWlu\r\n"

func (h *hostile) head(method, name string, headers ...string) string {
	return method + " /dav/" + h.id + "/" + name + " HTTP/1.1\r\nHost: " + h.addr + "\r\n" + adminBasic + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func (h *hostile) dial() (*net.TCPConn, error) {
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), c.SetDeadline(time.Now().Add(2 * time.Minute)) // what hangs fails
}

// attack runs load while somebody else works, who must be served all the time. It may take most MiB:
// what must not grow with the load is bounded, but the collector lets garbage stay for a while.
func (h *hostile) attack(t *testing.T, most int, load func(t *testing.T)) {
	t.Helper()
	h.process = h.in(t)
	before := h.peak()
	stop, done := make(chan struct{}), make(chan struct{})
	var slowest time.Duration
	served := 0
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			name := fmt.Sprintf("/dav/%s/bystander%d", h.id, n%3)
			for _, ask := range []struct {
				method string
				want   []int
			}{{"PUT", []int{201, 204}}, {"GET", []int{200}}, {"PROPFIND", []int{207}}} {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				begun := time.Now()
				res, err := h.send(ctx, ask.method, name, strings.NewReader(map[string]string{"PUT": "some content"}[ask.method]), "Depth", "0")
				cancel()
				slowest = max(slowest, time.Since(begun))
				if err != nil || !slices.Contains(ask.want, res.status) {
					t.Errorf("meanwhile %s %s: %d %s %v", ask.method, name, res.status, res.body, err)
					return
				}
				served++
			}
		}
	}()
	load(t)
	close(stop)
	<-done
	during := h.peak()
	t.Logf("peak of memory %d MiB, before %d MiB; somebody else was served %d times, the slowest in %v", during, before, served, slowest.Round(time.Millisecond))
	if during > before+most {
		t.Errorf("the server took %d MiB more, not at most %d", during-before, most)
	}
}

// TestSEC1_SEC7_Hostile loads the server with what would take its memory or its time, while somebody else works (PER-5).
func TestSEC1_SEC7_Hostile(t *testing.T) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	connections, entries := 1000, 20_000
	if servertest.Long {
		connections, entries = 10_000, 100_000
	}
	if files.Cur < uint64(connections+500) {
		t.Fatalf("%d connections need a limit of more than %d open files: ulimit -n", connections, files.Cur)
	}
	s := newProcess(t, "--max-connections", "0", "--sync", "none")
	h := &hostile{process: s, id: s.folder("Load", "--max-bytes", fmt.Sprint(256<<20), "--max-files", "0"), addr: strings.TrimPrefix(s.URL, "http://")}
	s.must(201, "PUT", "/dav/"+h.id+"/file", "content", nil)

	t.Run("XML", func(t *testing.T) { h.attack(t, 400, h.xml) })
	t.Run("endless bodies", func(t *testing.T) { h.attack(t, 200, h.endless) })
	t.Run("idle connections", func(t *testing.T) {
		h.attack(t, 64+connections/20, func(t *testing.T) { h.idle(t, connections) })
	})
	t.Run("slow readers", func(t *testing.T) { h.attack(t, 300, h.slowReaders) })
	t.Run("slow writers", func(t *testing.T) {
		h.attack(t, 200+connections/10, func(t *testing.T) { h.slowWriters(t, connections/2) })
	})
	t.Run("lock flood", func(t *testing.T) { h.attack(t, 200, h.locks) })
	t.Run("large listing", func(t *testing.T) { h.attack(t, 300, func(t *testing.T) { h.listing(t, entries) }) })
	t.Run("PROPFIND burst", func(t *testing.T) { h.attack(t, 300+connections/10, func(t *testing.T) { h.burst(t, connections) }) })
	t.Run("large headers", func(t *testing.T) { h.attack(t, 200, h.headers) })
	t.Run("pipelining", func(t *testing.T) { h.attack(t, 200, h.pipeline) })
	h.process = s.in(t)
	bytes, n := s.walk(h.id)
	servertest.Within(t, 5*time.Second, "usage is what is on the disk", func() bool {
		u := s.usage(h.id)
		return u.Bytes == bytes && u.Files == n
	})
	s.Stop()
}

// xml sends bodies that would be large, deep or many when parsed.
func (h *hostile) xml(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE x [<!ENTITY l0 "lol">`)
	for n := 1; n < 10; n++ {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "%s">`, n, strings.Repeat(fmt.Sprintf("&l%d;", n-1), 10))
	}
	laughs.WriteString(`]><D:propfind xmlns:D="DAV:"><D:prop>&l9;</D:prop></D:propfind>`)
	var spaces strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&spaces, ` xmlns:n%d="%s"`, n, strings.Repeat("u", 900))
	}
	bodies := map[string]string{
		"deep":       `<D:propfind xmlns:D="DAV:">` + strings.Repeat("<x>", 300_000),
		"elements":   `<D:propfind xmlns:D="DAV:"><D:prop>` + strings.Repeat("<x/>", 250_000),
		"attributes": `<D:propfind xmlns:D="DAV:"` + strings.Repeat(` a="b"`, 170_000) + `/>`,
		"huge":       `<D:propfind xmlns:D="DAV:"><D:prop>` + strings.Repeat("x", 64<<20),
		"laughs":     laughs.String(),
		"namespaces": `<D:propfind xmlns:D="DAV:"` + spaces.String() + `><D:prop>` + strings.Repeat("<n1:x/>", 100) + `</D:prop></D:propfind>`,
	}
	var all sync.WaitGroup
	for range 8 {
		for _, method := range []string{"PROPFIND", "PROPPATCH", "LOCK", "REPORT", "MKCOL"} {
			all.Go(func() {
				for name, body := range bodies {
					res, err := h.send(t.Context(), method, "/dav/"+h.id+"/file", strings.NewReader(body), "Depth", "0", "Content-Type", "application/xml")
					if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || err != nil && strings.Contains(err.Error(), "broken pipe") {
						continue // refused, and closed before all was sent
					}
					if err != nil || res.status < 400 || res.status >= 500 {
						if name == "namespaces" && res.status == 207 {
							continue // large, but nothing else is wrong with it
						}
						t.Errorf("%s with %s: %d %.200s %v", method, name, res.status, res.body, err)
					}
				}
			})
		}
	}
	all.Wait()
}

// endless sends bodies of unknown length that do not end. The server must end them.
func (h *hostile) endless(t *testing.T) {
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("<", 64<<10))
	var all sync.WaitGroup
	for _, method := range []string{"OPTIONS", "GET", "HEAD", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "PATCH", "POST", "BREW"} {
		all.Go(func() {
			c, err := h.dial()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := io.WriteString(c, h.head(method, "endless", "Transfer-Encoding: chunked", "Destination: /dav/"+h.id+"/other")); err != nil {
				t.Error(err)
				return
			}
			answer := make(chan string, 1)
			go func() {
				line, _ := bufio.NewReader(c).ReadString('\n')
				answer <- line
			}()
			sent, most := 0, 64<<20 // what sockets hold included
			if method == "PUT" {
				most = 512 << 20 // until the folder's limit
			}
			for ; sent < most; sent += len(chunk) {
				if _, err := io.WriteString(c, chunk); err != nil {
					break
				}
			}
			if sent >= most {
				t.Errorf("%s took %d bytes", method, sent)
			}
			select {
			case line := <-answer:
				if line == "" && method != "PUT" {
					break // reset before it was read; what counts is that it ended
				}
				if method == "PUT" && line != "" && !strings.Contains(line, " 507 ") {
					t.Errorf("PUT: %q, want 507", line)
				}
			case <-time.After(time.Minute):
				t.Errorf("%s is not answered", method)
			}
		})
	}
	all.Wait()
}

// idle holds connections that ask once, and some that never ask, and lets them all be.
func (h *hostile) idle(t *testing.T, n int) {
	var conns []*net.TCPConn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range n {
		c, err := h.dial()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		if i%2 == 0 {
			if _, err := io.WriteString(c, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; i < n; i += 2 { // each is served, and open
		res, err := http.ReadResponse(bufio.NewReaderSize(conns[i], 512), nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("connection %d: %v %v", i, res, err)
		}
	}
}

// slowReaders ask for much and read nothing.
func (h *hostile) slowReaders(t *testing.T) {
	h.must(201, "PUT", "/dav/"+h.id+"/big", strings.Repeat("0123456789abcdef", 4<<20), nil)
	defer h.must(204, "DELETE", "/dav/"+h.id+"/big", "", nil)
	h.must(201, "MKCOL", "/dav/"+h.id+"/many", "", nil)
	defer h.must(204, "DELETE", "/dav/"+h.id+"/many", "", nil)
	for n := range 5000 {
		if err := os.WriteFile(filepath.Join(h.Data, "files", h.id, "many", fmt.Sprintf("a file with a name that is not short %d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := h.Run("folder", "scan", h.id); code != 0 {
		t.Fatal(errs)
	}
	var conns []*net.TCPConn
	for n := range 400 {
		c, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadBuffer(4096)
		text := h.head("GET", "big")
		if n%2 == 0 {
			text = h.head("PROPFIND", "many/", "Depth: 1", "Content-Length: 0")
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for n, c := range conns { // each has begun
		if _, err := io.ReadFull(c, make([]byte, 12)); err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
	}
}

// slowWriters announce much and send a byte.
func (h *hostile) slowWriters(t *testing.T, n int) {
	for i := range n {
		c, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, h.head("PUT", fmt.Sprint("slow", i), "Content-Length: 1000")+"x"); err != nil {
			t.Fatal(err)
		}
	}
	servertest.Within(t, 30*time.Second, "all uploads are under way", func() bool {
		staged, err := filepath.Glob(filepath.Join(h.Data, "staging", "*", "*"))
		return err == nil && len(staged) >= n
	})
}

// locks asks for ten thousand locks; a user may have a thousand.
func (h *hostile) locks(t *testing.T) {
	h.must(201, "MKCOL", "/dav/"+h.id+"/locks", "", nil)
	var all sync.WaitGroup
	var granted, refused atomic.Int64
	var next atomic.Int64
	for range 32 {
		all.Go(func() {
			for n := next.Add(1); n <= 10_000; n = next.Add(1) {
				res, err := h.send(t.Context(), "LOCK", fmt.Sprintf("/dav/%s/locks/%d", h.id, n), strings.NewReader(lockBody), "Depth", "0", "Timeout", "Second-3600")
				switch {
				case err != nil:
					t.Error(err)
					return
				case res.status == 201:
					granted.Add(1)
				case res.status == 507:
					refused.Add(1)
				default:
					t.Errorf("LOCK: %d %s", res.status, res.body)
					return
				}
			}
		})
	}
	all.Wait()
	if granted.Load() != 1000 || refused.Load() != 9000 {
		t.Errorf("%d locks granted and %d refused, want 1000 and 9000", granted.Load(), refused.Load())
	}
	// A refused lock makes no file.
	files, err := os.ReadDir(filepath.Join(h.Data, "files", h.id, "locks"))
	if err != nil || len(files) != 1000 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		name := "/dav/" + h.id + "/locks/" + f.Name()
		for _, part := range strings.Split(h.must(207, "PROPFIND", name, `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`, map[string]string{"Depth": "0"}).body, "<D:locktoken><D:href>")[1:] {
			token, _, _ := strings.Cut(part, "<")
			h.must(204, "UNLOCK", name, "", map[string]string{"Lock-Token": "<" + token + ">"})
		}
	}
	h.must(204, "DELETE", "/dav/"+h.id+"/locks", "", nil)
}

// listing asks for a very large collection, alone and eight times at once.
func (h *hostile) listing(t *testing.T, entries int) {
	dir := filepath.Join(h.Data, "files", h.id, "large")
	h.must(201, "MKCOL", "/dav/"+h.id+"/large", "", nil)
	for n := range entries {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("member number %d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := h.Run("folder", "scan", h.id); code != 0 {
		t.Fatal(errs)
	}
	ask := func() {
		r, err := http.NewRequestWithContext(t.Context(), "PROPFIND", h.URL+"/dav/"+h.id+"/large/", nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.SetBasicAuth("admin", servertest.AdminPassword)
		r.Header.Set("Depth", "1")
		res, err := client.Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		n := 0
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			n += strings.Count(lines.Text(), "</D:response>")
		}
		if err := lines.Err(); err != nil || n != entries+1 {
			t.Errorf("%d responses, want %d; %v", n, entries+1, err)
		}
	}
	h.peak()
	begun := time.Now()
	ask()
	t.Logf("%d members: %v, peak %d MiB", entries, time.Since(begun).Round(time.Millisecond), h.peak())
	var all sync.WaitGroup
	for range 8 {
		all.Go(ask)
	}
	all.Wait()
	h.must(204, "DELETE", "/dav/"+h.id+"/large", "", nil)
	servertest.Within(t, time.Minute, "the deleted is gone from the disk", func() bool {
		left, err := os.ReadDir(filepath.Join(h.Data, "trash"))
		return err == nil && len(left) == 0
	})
}

// burst sends many PROPFIND at the same moment, each on a connection of its own.
func (h *hostile) burst(t *testing.T, n int) {
	h.must(201, "MKCOL", "/dav/"+h.id+"/burst", "", nil)
	for i := range 100 {
		h.must(201, "PUT", fmt.Sprintf("/dav/%s/burst/%d", h.id, i), "x", nil)
	}
	var conns []*net.TCPConn
	for range n {
		c, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	begun := time.Now()
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			if _, err := io.WriteString(c, h.head("PROPFIND", "burst/", "Depth: 1", "Content-Length: 0")); err != nil {
				t.Error(err)
				return
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Error(err)
				return
			}
			b, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 207 || strings.Count(string(b), "</D:response>") != 101 {
				t.Errorf("%d, %d bytes, %v", res.StatusCode, len(b), err)
			}
		})
	}
	all.Wait()
	t.Logf("%d at once: %v", n, time.Since(begun).Round(time.Millisecond))
}

// headers are larger than anybody needs.
func (h *hostile) headers(t *testing.T) {
	for _, large := range []string{"X-Large: " + strings.Repeat("x", 1<<20), "If: " + strings.Repeat("(<urn:x>)", 200_000), strings.Repeat("X-Many: x\r\n", 100_000) + "X: y"} {
		c, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, h.head("GET", "file", large))
		line, _ := bufio.NewReader(c).ReadString('\n')
		if line != "" && !strings.Contains(line, " 431 ") && !strings.Contains(line, " 400 ") {
			t.Errorf("%.30q: %q", large, line)
		}
		c.Close()
	}
}

// pipeline sends many requests without waiting: all are answered, in their order.
func (h *hostile) pipeline(t *testing.T) {
	const n = 300
	c, err := h.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		for i := range n {
			text := fmt.Sprint("content ", i)
			io.WriteString(c, h.head("PUT", "piped", fmt.Sprint("Content-Length: ", len(text)))+text+h.head("GET", "piped"))
		}
	}()
	r := bufio.NewReader(c)
	for i := range n {
		for _, method := range []string{"PUT", "GET"} {
			res, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if want := fmt.Sprint("content ", i); err != nil || res.StatusCode > 204 || method == "GET" && string(b) != want {
				t.Fatalf("%s %d: %d %q, %v, want %q", method, i, res.StatusCode, b, err, want)
			}
		}
	}
}

// TestSEC7_Smuggling: where a request ends is never in doubt. What two servers could read in two ways is refused, or is the last
// on its connection.
func TestSEC7_Smuggling(t *testing.T) {
	s := newProcess(t, "--sync", "none", "--trusted-proxy", "127.0.0.1")
	h := &hostile{process: s, id: s.folder("Load"), addr: strings.TrimPrefix(s.URL, "http://")}
	s.must(201, "PUT", "/dav/"+h.id+"/file", "content", nil)
	inner := h.head("DELETE", "file")
	for name, c := range map[string]struct {
		headers []string
		body    string
	}{
		"length and chunks":        {[]string{"Content-Length: 4", "Transfer-Encoding: chunked"}, "0\r\n\r\n" + inner},
		"chunks and length":        {[]string{"Transfer-Encoding: chunked", "Content-Length: " + fmt.Sprint(5+len(inner))}, "0\r\n\r\n" + inner},
		"two lengths":              {[]string{"Content-Length: 0", "Content-Length: " + fmt.Sprint(len(inner))}, inner},
		"a list of lengths":        {[]string{"Content-Length: 0, " + fmt.Sprint(len(inner))}, inner},
		"a signed length":          {[]string{"Content-Length: +0"}, inner},
		"an octal length":          {[]string{"Content-Length: 0x0"}, inner},
		"chunked twice":            {[]string{"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, "0\r\n\r\n" + inner},
		"chunked and identity":     {[]string{"Transfer-Encoding: chunked, identity"}, "0\r\n\r\n" + inner},
		"identity":                 {[]string{"Transfer-Encoding: identity", "Content-Length: 0"}, inner},
		"a blank before the colon": {[]string{"Transfer-Encoding : chunked", "Content-Length: 0"}, inner},
		"a tab in the coding":      {[]string{"Transfer-Encoding: \tchunked\x0b", "Content-Length: 0"}, inner},
		"a bare line feed":         {[]string{"X-A: b\nContent-Length: " + fmt.Sprint(len(inner)), "Content-Length: 0"}, inner},
		"a chunk of minus one":     {[]string{"Transfer-Encoding: chunked"}, "-1\r\n\r\n" + inner},
		"a chunk too long":         {[]string{"Transfer-Encoding: chunked"}, "10000000000000000\r\n\r\n" + inner},
		"a chunk without its end":  {[]string{"Transfer-Encoding: chunked"}, "1\r\nxx\r\n0\r\n\r\n" + inner},
	} {
		conn, err := h.dial()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, h.head("PROPFIND", "file", append(c.headers, "Depth: 0")...)+c.body); err != nil {
			t.Fatal(err)
		}
		conn.CloseWrite()
		b, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count("\n"+string(b), "\nHTTP/1.1 "); n > 1 {
			t.Errorf("%s: %d answers:\n%s", name, n, b)
		}
		conn.Close()
		if s.do("GET", "/dav/"+h.id+"/file", "", nil).status != 200 {
			t.Errorf("%s: the request in the body was carried out", name)
			s.must(201, "PUT", "/dav/"+h.id+"/file", "content", nil)
		}
	}
}
