package server_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/server/servertest"
)

const uploadsURL = "/api/davit/uploads"

// tus is send for requests of the protocol.
func (s *process) tus(method, path string, body io.Reader, header ...string) (response, error) {
	header = append([]string{"Tus-Resumable", "1.0.0"}, header...)
	if method == "PATCH" {
		header = append(header, "Content-Type", "application/offset+octet-stream")
	}
	return s.send(context.Background(), method, path, body, header...)
}

// mustTus is tus for a request that has to give this status.
func (s *process) mustTus(status int, method, path, body string, header ...string) response {
	s.T.Helper()
	res, err := s.tus(method, path, strings.NewReader(body), header...)
	if err != nil {
		s.T.Fatal(err)
	}
	if res.status != status {
		s.T.Fatalf("%s %s: %d, want %d: %s", method, path, res.status, status, res.body)
	}
	return res
}

func uploadMeta(folder, path string) string {
	b64 := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	return "folder " + b64(folder) + ",path " + b64(path)
}

// unfinishedUpload is one of the list.
type unfinishedUpload struct {
	URL, Path      string
	Length, Offset int64
}

func (s *process) unfinished() []unfinishedUpload {
	s.T.Helper()
	var list struct{ Uploads []unfinishedUpload }
	if err := json.Unmarshal([]byte(s.must(200, "GET", uploadsURL, "", nil).body), &list); err != nil {
		s.T.Fatal(err)
	}
	return list.Uploads
}

// wantRoom checks what a folder with a limit holds, and what is left beside unfinished uploads.
func (s *process) wantRoom(id string, used, available int64) {
	s.T.Helper()
	if u := s.usage(id); u.Bytes != used || u.Available != available {
		s.T.Errorf("%d used, %d available; want %d, %d", u.Bytes, u.Available, used, available)
	}
}

// An upload goes on after the server was stopped, and after it was killed, with curl.
func TestPAR2_RestartAndCurl(t *testing.T) {
	curl := servertest.Need(t, "curl", "curl")
	s := newProcess(t)
	id := s.folder("docs", "--max-bytes", "1000000")
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	dir := t.TempDir()
	// run runs curl and gives the status and one header of the answer.
	run := func(header string, args ...string) (status, value string) {
		t.Helper()
		args = append([]string{"-sS", "-o", filepath.Join(dir, "body"), "-w", "%{http_code} %header{" + header + "}",
			"-u", "admin:" + servertest.AdminPassword, "-H", "Tus-Resumable: 1.0.0"}, args...)
		out, err := exec.CommandContext(t.Context(), curl, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl: %v\n%s", err, out)
		}
		status, value, _ = strings.Cut(string(out), " ")
		return status, value
	}
	send := func(url string, from, to int) {
		t.Helper()
		part := filepath.Join(dir, "part")
		if err := os.WriteFile(part, data[from:to], 0o600); err != nil {
			t.Fatal(err)
		}
		status, offset := run("upload-offset", "-X", "PATCH", "-H", "Content-Type: application/offset+octet-stream",
			"-H", "Upload-Offset: "+strconv.Itoa(from), "--data-binary", "@"+part, s.URL+url)
		if status != "204" || offset != strconv.Itoa(to) {
			t.Fatalf("PATCH: %s, offset %s, want %d", status, offset, to)
		}
	}
	stands := func(url string, want int) {
		t.Helper()
		if status, offset := run("upload-offset", "-I", s.URL+url); status != "200" || offset != strconv.Itoa(want) {
			t.Errorf("HEAD: %s, offset %s; want %d", status, offset, want)
		}
		s.wantRoom(id, 0, 700_000)
	}

	status, url := run("location", "-X", "POST", "-H", "Content-Length: 0", "-H", "Upload-Length: 300000",
		"-H", "Upload-Metadata: "+uploadMeta(id, "big.bin"), s.URL+uploadsURL)
	if status != "201" {
		t.Fatal(status)
	}
	stands(url, 0)
	send(url, 0, 100_000)
	stands(url, 100_000)
	s.Stop()
	s.Start()
	stands(url, 100_000)
	send(url, 100_000, 150_000)
	s.Kill()
	s.Start()
	servertest.Within(t, 10*time.Second, "the folder is counted", func() bool { return s.usage(id).Files == 0 })
	stands(url, 150_000)
	// Below what is reserved: it stays reserved, also over a restart, and nothing is left.
	var limits struct{ MaxBytes int64 }
	s.json(&limits, "folder", "limit", id, "--max-bytes", "200000")
	s.Stop()
	s.Start()
	s.wantRoom(id, 0, 0)
	s.json(&limits, "folder", "limit", id, "--max-bytes", "1000000")
	servertest.Within(t, 5*time.Second, "the limit is followed", func() bool { return s.usage(id).Available == 700_000 })

	// What no row knows, and rows without their file, end with the next start.
	lost := s.mustTus(201, "POST", uploadsURL, "", "Upload-Length", "1000", "Upload-Metadata", uploadMeta(id, "lost")).header.Get("Location")
	kept := filepath.Join(s.Data, "staging", "kept")
	if err := os.Remove(filepath.Join(kept, filepath.Base(lost))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(kept, "unknown"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Start()
	stands(url, 150_000)
	s.mustTus(404, "HEAD", lost, "")
	if left, err := os.ReadDir(kept); err != nil || len(left) != 1 {
		t.Errorf("in staging: %v, %v", left, err)
	}

	send(url, 150_000, 300_000)
	if got := s.must(200, "GET", "/dav/"+id+"/big.bin", "", nil).body; got != string(data) {
		t.Errorf("%d bytes came, and they differ", len(got))
	}
	s.wantRoom(id, 300_000, 700_000)
	if left, err := os.ReadDir(kept); err != nil || len(left) != 0 {
		t.Errorf("in staging: %v, %v", left, err)
	}
	s.Stop()
	if code, out, errs := s.Run("check"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}

// TestPAR2_Kill kills the server amid uploads: what was acknowledged is there, each upload can go on or is a
// whole file, and the room is right.
func TestPAR2_Kill(t *testing.T) {
	kills := 8
	if servertest.Long {
		kills = 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const limit = 1 << 30
	s := newProcess(t)
	id := s.folder("load", "--max-bytes", strconv.Itoa(limit), "--max-files", "0")

	// upload is what a client knows of one.
	type upload struct {
		name        string
		data        []byte
		url         string
		acked, sent int
		whole       bool
	}
	files, chunks := map[string]*upload{}, 0
	// goOn sends the rest of an upload in chunks until the server does not answer.
	goOn := func(u *upload, r *rand.Rand) bool {
		for u.acked < len(u.data) {
			next := min(len(u.data), u.acked+1+r.IntN(40_000))
			chunk := u.data[u.acked:next]
			header := []string{"Upload-Offset", strconv.Itoa(u.acked)}
			if r.IntN(2) == 0 {
				sum := sha1.Sum(chunk)
				header = append(header, "Upload-Checksum", "sha1 "+base64.StdEncoding.EncodeToString(sum[:]))
			}
			u.sent = next
			res, err := s.tus("PATCH", u.url, bytes.NewReader(chunk), header...)
			if err != nil {
				return false
			}
			if res.status != 204 || res.header.Get("Upload-Offset") != strconv.Itoa(next) {
				t.Errorf("PATCH: %d %s", res.status, res.body)
				return false
			}
			u.acked = next
			chunks++
		}
		u.whole = true
		return true
	}
	n := 0
	for range kills {
		s.Args = []string{"--sync", []string{"none", "full"}[random.IntN(2)]}
		var last *upload
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				n++
				u := &upload{name: fmt.Sprint("f", n%7), data: make([]byte, 1+random.IntN(200_000))}
				for i := range u.data {
					u.data[i] = byte(random.Uint32())
				}
				last = u
				res, err := s.tus("POST", uploadsURL, nil, "Upload-Length", strconv.Itoa(len(u.data)), "Upload-Metadata", uploadMeta(id, u.name))
				if err != nil {
					return
				}
				if res.status != 201 {
					t.Errorf("POST: %d %s", res.status, res.body)
					return
				}
				u.url = res.header.Get("Location")
				if !goOn(u, random) {
					return
				}
				files[u.name] = u
			}
		}()
		time.Sleep(time.Duration(20+rand.IntN(300)) * time.Millisecond)
		s.Kill()
		<-done
		s.Start()
		servertest.Within(t, 10*time.Second, "usage is what is on the disk", func() bool {
			bytes, count := s.walk(id)
			u := s.usage(id)
			return u.Bytes == bytes && u.Files == count
		})
		used, _ := s.walk(id)
		var reserved int64
		for _, u := range s.unfinished() {
			reserved += u.Length
			if old := files[u.Path]; old != nil {
				reserved = reserved - u.Length + max(0, u.Length-int64(len(old.data)))
			}
		}
		s.wantRoom(id, used, limit-used-reserved)
		if last.url != "" && !last.whole {
			res, err := s.tus("HEAD", last.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch offset, _ := strconv.Atoi(res.header.Get("Upload-Offset")); {
			case res.status == 200 && offset >= last.acked && offset <= last.sent:
				last.acked = offset
				if offset == len(last.data) { // the last byte had come, the commit had not
					s.mustTus(204, "PATCH", last.url, "", "Upload-Offset", strconv.Itoa(offset))
				}
				if !goOn(last, random) {
					t.Error("the upload does not go on")
				}
				files[last.name] = last
			case res.status == 404 && last.sent == len(last.data): // complete, but for the answer
				files[last.name] = last
			default:
				t.Errorf("HEAD: %d, offset %d; %d were acknowledged, %d of %d sent", res.status, offset, last.acked, last.sent, len(last.data))
			}
		}
		for _, u := range s.unfinished() { // whose beginning was not answered
			s.mustTus(204, "DELETE", u.URL, "")
		}
		for name, u := range files {
			if got := s.must(200, "GET", "/dav/"+id+"/"+name, "", nil).body; got != string(u.data) {
				t.Errorf("%s has %d bytes, not the %d that were sent", name, len(got), len(u.data))
			}
		}
		used, _ = s.walk(id)
		s.wantRoom(id, used, limit-used)
		if left, err := os.ReadDir(filepath.Join(s.Data, "staging", "kept")); err != nil || len(left) != 0 {
			t.Errorf("in staging: %v, %v", left, err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d chunks of %d uploads were acknowledged", chunks, n)
	if chunks < 3*kills {
		t.Errorf("only %d chunks in %d runs: that is no load", chunks, kills)
	}
}

// Over HTTP/2 requests share a connection: that one of them has fallen silent must end it alone.
func TestPAR2_TakeOverWithHTTP2(t *testing.T) {
	cert, key := certificate(t)
	s := newProcess(t, "--tls-cert", cert, "--tls-key", key)
	id := s.folder("docs")
	url := s.mustTus(201, "POST", uploadsURL, "", "Upload-Length", "10", "Upload-Metadata", uploadMeta(id, "f")).header.Get("Location")
	body, writer := io.Pipe()
	defer writer.Close()
	first := make(chan response, 1)
	go func() {
		res, _ := s.tus("PATCH", url, body, "Upload-Offset", "0")
		first <- res
	}()
	io.WriteString(writer, "01234")
	servertest.Within(t, 10*time.Second, "the first bytes are there", func() bool {
		return s.mustTus(200, "HEAD", url, "").header.Get("Upload-Offset") == "5"
	})
	servertest.Within(t, 20*time.Second, "a new PATCH takes over", func() bool {
		res, err := s.tus("PATCH", url, strings.NewReader("56789"), "Upload-Offset", "5")
		if err != nil || res.status != 204 && res.status != 423 {
			t.Fatalf("PATCH: %d %s, %v", res.status, res.body, err)
		}
		return res.status == 204
	})
	if res := <-first; res.status != 423 {
		t.Errorf("the first PATCH: %d %s", res.status, res.body)
	}
	if got := s.must(200, "GET", "/dav/"+id+"/f", "", nil).body; got != "0123456789" {
		t.Errorf("GET: %q", got)
	}
}

// What a PATCH acknowledges is on the disk before, unless nothing is to be waited for.
func TestPAR2_ChunksAreDurable(t *testing.T) {
	for sync, want := range map[string]int{"full": 1, "file": 1, "none": 0} {
		t.Run(sync, func(t *testing.T) {
			s := newTraced(t, "--sync", sync)
			id := s.folder("docs")
			url := s.mustTus(201, "POST", uploadsURL, "", "Upload-Length", "10", "Upload-Metadata", uploadMeta(id, "f")).header.Get("Location")
			from := s.mark(id)
			s.mustTus(204, "PATCH", url, "01234", "Upload-Offset", "0")
			calls := s.calls(from, s.mark(id))
			if n := len(calls["fsync"]) + len(calls["fdatasync"]); n != want {
				t.Errorf("%d syncs, want %d: %q", n, want, calls)
			}
		})
	}
}
