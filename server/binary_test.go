package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/server"
	"davit/server/servertest"
)

// Tests with the program as people run it, and the clients that they use. Each
// has a data directory of its own.

func TestMain(m *testing.M) {
	code := server.EveryRouteTested(m.Run())
	servertest.Clean()
	os.Exit(code)
}

// process is the program, with what tests ask of it.
type process struct{ *servertest.Process }

func newProcess(t testing.TB, args ...string) *process {
	t.Helper()
	return &process{servertest.New(t, args...)}
}

// in is the same server, for a subtest.
func (s *process) in(t testing.TB) *process {
	other := *s.Process
	other.T = t
	return &process{&other}
}

// json runs a command that must succeed and print JSON.
func (s *process) json(v any, args ...string) {
	s.T.Helper()
	code, out, errs := s.Run(append(args, "--json")...)
	if code != 0 {
		s.T.Fatalf("davit %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		s.T.Fatalf("davit %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// folder makes a folder of admin's that the server already shows, and gives its ID.
func (s *process) folder(title string, args ...string) string {
	s.T.Helper()
	var f struct{ ID string }
	s.json(&f, append([]string{"folder", "add", title, "--user", "admin"}, args...)...)
	servertest.Within(s.T, 5*time.Second, "the new folder is there", func() bool {
		return s.do("GET", "/v2/folder/"+f.ID, "", nil).status == 200
	})
	return f.ID
}

// token makes a token of admin's that the server already takes.
func (s *process) token(args ...string) string {
	s.T.Helper()
	var tok struct{ ID, Token string }
	s.json(&tok, append([]string{"token", "add", "--user", "admin"}, args...)...)
	servertest.Within(s.T, 5*time.Second, "the new token is taken", func() bool {
		r, err := http.NewRequest("PROPFIND", s.URL+"/dav/", nil)
		if err != nil {
			s.T.Fatal(err)
		}
		r.SetBasicAuth("admin", tok.Token)
		r.Header.Set("Depth", "0")
		res, err := client.Do(r)
		if err != nil {
			s.T.Fatal(err)
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
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return response{}, err
	}
	r.SetBasicAuth("admin", servertest.AdminPassword)
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
	s.T.Helper()
	var list []string
	for k, v := range header {
		list = append(list, k, v)
	}
	res, err := s.send(context.Background(), method, path, strings.NewReader(body), list...)
	if err != nil {
		s.T.Fatalf("%s %s: %v", method, path, err)
	}
	return res
}

// must is do for a request that has to give this status.
func (s *process) must(status int, method, path, body string, header map[string]string) response {
	s.T.Helper()
	res := s.do(method, path, body, header)
	if res.status != status {
		s.T.Fatalf("%s %s: %d, want %d\n%s", method, path, res.status, status, res.body)
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
	s.T.Helper()
	res := s.must(200, "GET", "/v2/folder/"+id, "", nil)
	var u usage
	if err := json.Unmarshal([]byte(res.body), &u); err != nil {
		s.T.Fatalf("%v: %s", err, res.body)
	}
	return u
}

// walk counts what lies in the folder on the disk.
func (s *process) walk(id string) (bytes, files int64) {
	s.T.Helper()
	root := filepath.Join(s.Data, "files", id)
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
		s.T.Fatal(err)
	}
	return bytes, files
}
