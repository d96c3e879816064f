package server_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
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

// curlFiles runs curl as the README shows it and returns the body of the answer.
func (s *process) curlFiles(curl string, args ...string) string {
	s.T.Helper()
	args = append([]string{"-sS", "--fail-with-body"}, args...)
	out, err := exec.CommandContext(s.T.Context(), curl, args...).CombinedOutput()
	if err != nil {
		s.T.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The walk through the API of files that the README has, with curl; and an upload in chunks whose server is killed
// between, and in the middle of, chunks.
func TestFiles_CurlAndKill(t *testing.T) {
	curl := servertest.Need(t, "curl", "curl")
	s := newProcess(t)
	id := s.folder("docs", "--max-bytes", "1000000")
	auth := []string{"-u", "admin:" + servertest.AdminPassword}
	api := func(method, call, body string) string {
		t.Helper()
		args := append([]string{"-X", method, s.URL + "/api/files" + call}, auth...)
		if body != "" {
			args = append(args, "-d", body) // curl says application/x-www-form-urlencoded
		}
		return s.curlFiles(curl, args...)
	}
	api("POST", "/folder", fmt.Sprintf(`{"items":[{"id":"/%s/raw/2026","conflictPolicy":"REPLACE"}]}`, id))

	data := make([]byte, 300_000)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	var up struct {
		Responses []struct{ Endpoint, Protocol, Token string }
	}
	body := api("POST", "/upload", fmt.Sprintf(`{"items":[{"id":"/%s/raw/2026/run.bin","type":"FILE","supportedProtocols":["CHUNKED"],"conflictPolicy":"RENAME"}]}`, id))
	if err := json.Unmarshal([]byte(body), &up); err != nil || len(up.Responses) != 1 {
		t.Fatal(body)
	}
	session := up.Responses[0]
	endpoint := func() string { return s.URL + "/api/davit/chunked" } // the port changes with each start here
	part := filepath.Join(t.TempDir(), "part")
	send := func(from, to int) string {
		t.Helper()
		if err := os.WriteFile(part, data[from:to], 0o600); err != nil {
			t.Fatal(err)
		}
		return s.curlFiles(curl, "-X", "POST", "-H", "Chunked-Upload-Token: "+session.Token, "-H", "Chunked-Upload-Offset: "+strconv.Itoa(from),
			"-H", "Chunked-Upload-Total-Size: 300000", "-H", "content-type: application/octet-stream; charset=utf-8", "--data-binary", "@"+part, endpoint())
	}
	offset := func() (n int) {
		t.Helper()
		var v struct{ Offset int }
		if err := json.Unmarshal([]byte(s.curlFiles(curl, "-H", "Chunked-Upload-Token: "+session.Token, endpoint())), &v); err != nil {
			t.Fatal(err)
		}
		return v.Offset
	}
	send(0, 100_000)
	s.Kill()
	s.Start()
	if n := offset(); n != 100_000 {
		t.Errorf("after a kill: %d", n)
	}
	// In the middle of a chunk: curl sends slowly, the server dies, the client sends the chunk again.
	if err := os.WriteFile(part, data[100_000:200_000], 0o600); err != nil {
		t.Fatal(err)
	}
	slow := exec.CommandContext(t.Context(), curl, "-sS", "--limit-rate", "60000", "-X", "POST", "-H", "Chunked-Upload-Token: "+session.Token,
		"-H", "Chunked-Upload-Offset: 100000", "-H", "Chunked-Upload-Total-Size: 300000", "--data-binary", "@"+part, endpoint())
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	servertest.Within(t, 10*time.Second, "some of the chunk is there", func() bool { n := offset(); return n > 100_000 && n < 200_000 })
	s.Kill()
	if err := slow.Wait(); err == nil {
		t.Error("curl did not notice that the server died")
	}
	s.Start()
	if n := offset(); n < 100_000 || n > 200_000 {
		t.Errorf("after a kill in the middle of a chunk: %d", n)
	}
	send(100_000, 200_000)
	if got, err := os.ReadDir(filepath.Join(s.Data, "files", id, "raw", "2026")); err != nil || len(got) != 0 {
		t.Errorf("the file is to be seen before it is whole: %v %v", got, err)
	}
	send(200_000, 300_000)
	if got := send(200_000, 300_000); !strings.Contains(got, `"done":true`) || !strings.Contains(got, "/"+id+"/raw/2026/run.bin") {
		t.Errorf("the last chunk again: %s", got)
	}
	if got, err := os.ReadFile(filepath.Join(s.Data, "files", id, "raw", "2026", "run.bin")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file differs: %d bytes, %v", len(got), err)
	}
	servertest.Within(t, 10*time.Second, "the folder is counted", func() bool { return s.usage(id).Bytes == 300_000 })

	var page struct{ Items []struct{ ID string } }
	if body := api("GET", "/browse?path=/"+id+"/raw/2026", ""); json.Unmarshal([]byte(body), &page) != nil || len(page.Items) != 1 {
		t.Error(body)
	}
	var down struct{ Responses []struct{ Endpoint string } }
	body = api("POST", "/download", fmt.Sprintf(`{"items":[{"id":"/%s/raw/2026/run.bin"},{"id":"/%s/raw"}]}`, id, id))
	if err := json.Unmarshal([]byte(body), &down); err != nil || len(down.Responses) != 2 {
		t.Fatal(body)
	}
	file := filepath.Join(t.TempDir(), "file")
	s.curlFiles(curl, "-o", file, "-r", "100000-", down.Responses[0].Endpoint)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data[100_000:]) {
		t.Errorf("a range: %d bytes, %v", len(got), err)
	}
	s.curlFiles(curl, "-o", file, down.Responses[1].Endpoint)
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if n := len(z.File); n != 3 || z.File[2].Name != "raw/2026/run.bin" {
		t.Errorf("%d members", n)
	}
	api("POST", "/trash", fmt.Sprintf(`{"items":[{"id":"/%s/raw"}]}`, id))
	if body := api("POST", "/restore", fmt.Sprintf(`{"items":[{"id":"/%s/Trash/raw"}]}`, id)); !strings.Contains(body, `"/`+id+`/raw"`) {
		t.Error(body)
	}
	api("DELETE", "", fmt.Sprintf(`{"items":[{"id":"/%s/raw"}]}`, id))
	api("POST", "/emptyTrash", fmt.Sprintf(`{"items":[{"id":"/%s/Trash"}]}`, id))
	servertest.Within(t, 10*time.Second, "the room is given back", func() bool { u := s.usage(id); return u.Bytes == 0 && u.Files == 1 })
}
