package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/server/servertest"
)

// litmusSuites are the suites of litmus and how many tests of theirs must pass.
var litmusSuites = []struct {
	name  string
	tests string
}{{"basic", "16"}, {"copymove", "13"}, {"props", "30"}, {"locks", "41"}, {"http", "4"}}

var litmusSummary = regexp.MustCompile("<- summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

func TestCI1_Litmus(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testLitmus(t, newProcess(t), len(litmusSuites)) })
	t.Run("TLS", func(t *testing.T) {
		cert, key := certificate(t)
		s := newProcess(t, "--tls-cert", cert, "--tls-key", key)
		testLitmus(t, s, len(litmusSuites)-1) // http tests what litmus skips over TLS
	})
}

// testLitmus runs the first n suites.
func testLitmus(t *testing.T, s *process, n int) {
	litmus := servertest.Need(t, "litmus", "litmus")
	id := s.folder("litmus")
	for _, suite := range litmusSuites[:n] {
		t.Run(suite.name, func(t *testing.T) {
			out := runLitmus(t, litmus, suite.name, s.URL+"/dav/"+id+"/")
			m := litmusSummary.FindStringSubmatch(out)
			if m == nil || m[1] != suite.name || m[2] != suite.tests || m[3] != suite.tests || m[4] != "0" {
				t.Errorf("not all %s tests ran and passed", suite.tests)
			}
			if strings.Contains(out, "WARNING") || strings.Contains(out, "SKIPPED") || strings.Contains(out, "FAIL") {
				t.Error("a test was skipped, or gave a warning")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// runLitmus runs one suite and gives its output.
func runLitmus(t *testing.T, litmus, suite, url string) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, litmus, url, "admin", servertest.AdminPassword)
	c.Dir = t.TempDir() // for its logs
	c.Env = servertest.Environment("TESTS=" + suite)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("litmus %s: %v", suite, err)
	}
	return string(out)
}

func TestCI1_NewerLitmus(t *testing.T) { replay(t, "conformance.txt") }
func TestCI1_Protected(t *testing.T)   { replay(t, "protected.txt", "--dav-refuse-name", ".DAV") }

// Clients lock and unlock as fast as they can, each its own file.
func TestCI1_Lockbomb(t *testing.T) {
	t.Parallel()
	const clients = 20
	rounds := 50
	if servertest.Long {
		rounds = 5000
	}
	s := newProcess(t)
	id := s.folder("lockbomb")
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			target := fmt.Sprintf("/dav/%s/%d", id, n)
			const info = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`
			seen := map[string]bool{}
			for round := range rounds {
				res, err := s.send(t.Context(), "LOCK", target, strings.NewReader(info), "Depth", "0")
				token := res.header.Get("Lock-Token")
				if want := map[bool]int{true: 201, false: 200}[round == 0]; err != nil || res.status != want || seen[token] {
					t.Errorf("LOCK: %v, %d %s %s", err, res.status, token, res.body)
					return
				}
				seen[token] = true
				if res, err = s.send(t.Context(), "UNLOCK", target, nil, "Lock-Token", token); err != nil || res.status != 204 {
					t.Errorf("UNLOCK: %v, %d %s", err, res.status, res.body)
					return
				}
			}
		})
	}
	wg.Wait()
	res := s.must(207, "PROPFIND", "/dav/"+id+"/", `<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>`, map[string]string{"Depth": "1"})
	if n := strings.Count(res.body, "<D:response>"); n != clients+1 || strings.Contains(res.body, "activelock") {
		t.Errorf("%d resources, want %d without locks:\n%s", n, clients+1, res.body)
	}
}

// A file beyond 4 GiB, of which most are holes: its length and its parts are right on both sides of 2 and 4 GiB.
func TestCI1_LargeFile(t *testing.T) {
	t.Parallel()
	const size = 5<<30 + 11
	s := newProcess(t)
	id := s.folder("large", "--max-bytes", "6GiB")
	s.must(201, "PUT", "/dav/"+id+"/large.bin", "", nil)
	f, err := os.OpenFile(filepath.Join(s.Data, "files", id, "large.bin"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	marks := map[int64]string{0: "begin", 1<<31 - 4: "two GiB", 1<<32 - 4: "four GiB", size - 3: "end"}
	for at, text := range marks {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.must(200, "HEAD", "/dav/"+id+"/large.bin", "", nil).header.Get("Content-Length"); got != fmt.Sprint(size) {
		t.Errorf("HEAD: %s bytes, want %d", got, size)
	}
	if got := s.must(207, "PROPFIND", "/dav/"+id+"/large.bin", "", map[string]string{"Depth": "0"}).body; !strings.Contains(got, fmt.Sprintf("<D:getcontentlength>%d<", size)) {
		t.Errorf("PROPFIND: %s", got)
	}
	for at, text := range marks {
		res := s.must(206, "GET", "/dav/"+id+"/large.bin", "", map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", at, at+int64(len(text))-1)})
		if want := fmt.Sprintf("bytes %d-%d/%d", at, at+int64(len(text))-1, size); res.body != text || res.header.Get("Content-Range") != want {
			t.Errorf("%s: %q, want %q", res.header.Get("Content-Range"), res.body, text)
		}
	}
	s.must(416, "GET", "/dav/"+id+"/large.bin", "", map[string]string{"Range": fmt.Sprintf("bytes=%d-", size)})
	// Lengths of the quota, too. The server looks at the announced length before it asks for the body.
	r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/dav/"+id+"/larger.bin", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 7 << 30
	r.SetBasicAuth("admin", servertest.AdminPassword)
	r.Header.Set("Expect", "100-continue")
	patient := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 30 * time.Second}}
	res, err := patient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 507 {
		t.Errorf("PUT of 7 GiB into 6 GiB: %s", res.Status)
	}
	s.Stop()
	if code, out, errs := s.Run("check", "--repair"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}

// The upload and download of more than 4 GiB, in the long form.
func TestCI1_LargeUpload(t *testing.T) {
	blocks := int64(1000)
	if servertest.Long {
		blocks = 65_544 // 4 GiB and 512 KiB
	}
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i)
	}
	s := newProcess(t, "--sync", "none")
	id := s.folder("upload", "--max-bytes", "5GiB")
	whole := sha256.New()
	for range blocks {
		whole.Write(block)
	}
	readers := make([]io.Reader, blocks)
	for i := range readers {
		readers[i] = bytes.NewReader(block)
	}
	r, err := http.NewRequestWithContext(t.Context(), "PUT", s.URL+"/dav/"+id+"/large.bin", io.MultiReader(readers...))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = blocks * int64(len(block))
	r.SetBasicAuth("admin", servertest.AdminPassword)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 201 {
		t.Fatalf("PUT: %s", res.Status)
	}
	if u := s.usage(id); u.Bytes != r.ContentLength {
		t.Errorf("used are %d bytes, want %d", u.Bytes, r.ContentLength)
	}
	r, err = http.NewRequestWithContext(t.Context(), "GET", s.URL+"/dav/"+id+"/large.bin", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("admin", servertest.AdminPassword)
	if res, err = client.Do(r); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := sha256.New()
	if n, err := io.Copy(got, res.Body); err != nil || n != blocks*int64(len(block)) || !bytes.Equal(got.Sum(nil), whole.Sum(nil)) {
		t.Errorf("GET: %d bytes, %v, or the content differs", n, err)
	}
}
