package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// raw sends a request byte for byte and reads the answer.
func (h *house) raw(request string) answer {
	h.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		h.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: strings.Fields(request)[0]})
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}
}

func TestARC5_URL2_Doors(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		line   string
		status int
		dav    bool
	}{
		{"OPTIONS *", 200, true},
		{"OPTIONS /", 200, true},
		{"OPTIONS /dav", 200, true},
		{"OPTIONS /dav/", 200, true},
		{"OPTIONS /dav/nothing/at/all", 200, true},
		{"OPTIONS /else", 200, true},
		{"OPTIONS /v2/folder/create", 204, false},
		{"PROPFIND /dav/", 401, true},
		{"GET /dav", 401, true},
		{"GET /%64av/", 401, true},
		{"MKCOL /dav/x", 401, true},
		{"FROBNICATE /dav/", 501, true},
		{"GET /davx", 404, false},
		{"GET /dav%2f", 400, true},
		{"GET /DAV/", 404, false},
		{"PROPFIND /davx/", 404, false},
		{"GET /", 200, false},
		{"GET /livez", 200, false},
		{"GET /readyz", 200, false},
		{"POST /", 405, false},
		{"GET //dav/", 404, false},
		{"GET /v2/../dav/", 404, false},
	} {
		t.Run(c.line, func(t *testing.T) {
			a := h.raw(c.line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if dav := len(a.header["Dav"]) > 0; a.status != c.status || dav != c.dav {
				t.Errorf("got %d, DAV header %v, want %d, %v\n%s", a.status, dav, c.status, c.dav, a.body)
			}
		})
	}
	// PROPFIND above the prefix: 404 or a listing, never 405 or 5xx (MET-4), once signed in.
	ann := h.caller("ann")
	r := ann.request("PROPFIND", "/", "")
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Depth", "0")
	if a := h.do(r); a.status != 404 && a.status != 207 {
		t.Errorf("PROPFIND /: %d", a.status)
	}
}

func TestSEC5_RequestsOfOtherSites(t *testing.T) {
	public := PublicURL{}
	if err := public.UnmarshalText([]byte("https://files.example.org")); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *Config) { c.PublicURL = []PublicURL{public} })
	ann := h.caller("ann")
	for _, c := range []struct {
		method, target string
		header         map[string]string
		refused        bool
	}{
		{"POST", "/v2/folder/create", map[string]string{"Origin": "https://evil.example"}, true},
		{"POST", "/v2/folder/create", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		{"PUT", "/dav/x/y", map[string]string{"Origin": "https://evil.example"}, true},
		{"PROPFIND", "/dav/", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		{"POST", "/v2/folder/create", map[string]string{"Origin": "https://files.example.org", "Sec-Fetch-Site": "cross-site"}, false},
		{"POST", "/v2/folder/create", map[string]string{"Origin": h.url}, false},
		{"POST", "/v2/folder/create", map[string]string{"Sec-Fetch-Site": "same-origin"}, false},
		{"GET", "/v2/folder/x", map[string]string{"Origin": "https://evil.example"}, false},
	} {
		r := ann.request(c.method, c.target, `{}`)
		r.SetBasicAuth("ann", ann.token)
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		a := h.do(r)
		if (a.status == 403) != c.refused {
			t.Errorf("%s %s with %v: %d", c.method, c.target, c.header, a.status)
		}
		if problem := a.header.Get("Content-Type") == "application/problem+json"; c.refused && problem == strings.HasPrefix(c.target, "/dav") {
			t.Errorf("%s %s: Content-Type %s", c.method, c.target, a.header.Get("Content-Type"))
		}
	}
}

func TestSEC7_ConnectionCap(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.MaxConns = 2 })
	get := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && res.StatusCode != 200 {
			err = errors.New(res.Status)
		}
		return err
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, second := dial(), dial()
	if err := errors.Join(get(first), get(second)); err != nil {
		t.Fatal(err)
	}
	if err := get(dial()); err == nil {
		t.Error("a third connection of one address is served")
	}
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); ; { // the server has to see the close
		if get(dial()) == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a closed connection is never free")
		}
	}
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(
		os.WriteFile(certFile, certPEM, 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	h := newHouse(t, func(c *Config) { c.TLSCert, c.TLSKey = cert, key })
	ann := h.caller("ann")
	client := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer client.CloseIdleConnections()
	for _, target := range []string{"/v2/folder/x", "/dav/"} {
		r := h.request("GET", target, "")
		r.SetBasicAuth("ann", ann.token)
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode == 401 || res.StatusCode == 403 {
			t.Errorf("GET %s: %s %s, want HTTP/2 and the password taken", target, res.Proto, res.Status)
		}
	}
}

func TestSEC2_PasswordsOverOpenConnections(t *testing.T) {
	local := Network{netip.MustParsePrefix("127.0.0.1/32")}
	https := map[string]string{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
	for _, c := range []struct {
		name    string
		change  func(*Config)
		header  map[string]string
		refused bool
	}{
		{"open listener", func(*Config) {}, nil, true},
		{"a stranger says https", func(*Config) {}, https, true},
		{"allowed", func(c *Config) { c.PlainBasic = true }, nil, false},
		{"a proxy says https", func(c *Config) { c.TrustedProxy = []Network{local} }, https, false},
		{"a proxy says nothing", func(c *Config) { c.TrustedProxy = []Network{local} }, map[string]string{"X-Forwarded-For": "192.0.2.1"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, func(cfg *Config) { cfg.Listen = "0.0.0.0:0" }, c.change)
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(h.url, "http://"))
			h.url = "http://127.0.0.1:" + port
			ann := h.caller("ann")
			for _, target := range []string{"/v2/folder/x", "/dav/"} {
				r := ann.request("GET", target, "")
				r.SetBasicAuth("ann", ann.token)
				for k, v := range c.header {
					r.Header.Set(k, v)
				}
				a := h.do(r)
				if (a.status == 403) != c.refused || c.refused && !strings.Contains(a.body, "--allow-plain-basic") {
					t.Errorf("GET %s: %d %s", target, a.status, a.body)
				}
			}
			if a := h.do(ann.sign(vector("D", ""))); a.status != 404 {
				t.Errorf("a signed request: %d %s", a.status, a.body)
			}
		})
	}
}

func TestShutdownLetsUploadsFinish(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("mydata")
	if _, err := os.Stat(filepath.Join(h.dir, addressFile)); err != nil {
		t.Error(err)
	}
	body, feed := io.Pipe()
	r, err := http.NewRequest("PUT", h.url+"/dav/"+id+"/late.txt", body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("ann", ann.token)
	r.Header.Set("Expect", "100-continue")
	got := make(chan string, 1)
	go func() {
		res, err := (&http.Transport{ExpectContinueTimeout: time.Minute}).RoundTrip(r)
		if err != nil {
			got <- err.Error()
			return
		}
		res.Body.Close()
		got <- res.Status
	}()
	io.WriteString(feed, "first half, ") // returns when the server has asked for the body
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	for { // new connections are refused as soon as it stops
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case <-stopped:
		t.Fatal("the server did not wait for the upload")
	default:
	}
	io.WriteString(feed, "second half")
	feed.Close()
	if status := <-got; status != "201 Created" {
		t.Errorf("PUT: %s", status)
	}
	<-stopped
	if text, err := os.ReadFile(filepath.Join(h.dir, "files", id, "late.txt")); string(text) != "first half, second half" {
		t.Errorf("file %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, addressFile)); !os.IsNotExist(err) {
		t.Errorf("%s after the end: %v", addressFile, err)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Shutdown = Duration(50 * time.Millisecond) })
	ann := h.caller("ann")
	id := ann.create("mydata")
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := ann.request("PUT", "/", "")
	r.SetBasicAuth("ann", ann.token)
	fmt.Fprintf(c, "PUT /dav/%s/never.txt HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", id, r.Header.Get("Authorization"))
	if line, err := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	h.stop() // would wait for ever
	if _, err := os.Stat(filepath.Join(h.dir, "files", id, "never.txt")); !os.IsNotExist(err) {
		t.Errorf("half an upload is visible: %v", err)
	}
}

func TestOneServerPerDataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	unlock, err := LockData(dir, "serve")
	if err != nil {
		t.Fatal(err)
	}
	_, err = LockData(dir, "serve")
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d (davit serve)", os.Getpid())) {
		t.Errorf("second lock: %v", err)
	}
	unlock()
	unlock, err = LockData(dir, "check")
	if err != nil {
		t.Errorf("after unlock: %v", err)
	} else {
		unlock()
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v, want mode 0700", info, err)
	}
}

func TestFirstStart(t *testing.T) {
	for _, c := range []struct {
		name, password string
		terminal       bool
		shown, file    bool
	}{
		{"given password", "secret", false, false, false},
		{"terminal", "", true, true, false},
		{"no terminal", "", false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			file := filepath.Join(h.dir, passwordFile)
			start := FirstStart{Dir: h.dir, Password: c.password, Terminal: c.terminal, Folder: "Home"}
			shown, folder, err := start.Run(t.Context(), h.store, h.auth, h.files)
			if err != nil || folder.Title != "Home" || (shown != "") != c.shown {
				t.Fatalf("got %q, %v, %v", shown, folder, err)
			}
			password := c.password + shown
			if text, err := os.ReadFile(file); (err == nil) != c.file {
				t.Errorf("%s: %v", passwordFile, err)
			} else if c.file {
				password = strings.TrimSpace(string(text))
				if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
					t.Errorf("mode %v", info.Mode())
				}
			}
			signIn := func() {
				t.Helper()
				r := h.request("GET", "/v2/folder/"+folder.ID, "")
				r.SetBasicAuth("admin", password)
				if a := h.do(r); a.status != 200 {
					t.Errorf("the folder as admin: %d", a.status)
				}
			}
			signIn()

			again, same, err := start.Run(t.Context(), h.store, h.auth, h.files)
			if err != nil || again != "" || same.ID != folder.ID {
				t.Errorf("second start: %q, %v, %v", again, same, err)
			}
			signIn()
			if err := h.files.DeleteFolder(t.Context(), folder.ID); err != nil {
				t.Fatal(err)
			}
			if _, gone, err := start.Run(t.Context(), h.store, h.auth, h.files); err != nil || gone.ID != "" {
				t.Errorf("a deleted folder came back: %v, %v", gone, err)
			}
		})
	}
}

func TestFirstStartGoesOn(t *testing.T) {
	h := newHouse(t)
	start := FirstStart{Dir: h.dir}
	if _, err := start.admin(t.Context(), h.store, h.auth); err != nil { // and the power went
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(h.dir, passwordFile))
	if err != nil {
		t.Fatal(err)
	}
	start.Folder = "Home"
	if _, folder, err := start.Run(t.Context(), h.store, h.auth, h.files); err != nil || folder.ID == "" {
		t.Errorf("got %v, %v, want the folder", folder, err)
	}
	if after, err := os.ReadFile(filepath.Join(h.dir, passwordFile)); err != nil || string(after) != string(before) {
		t.Errorf("the password file changed from %q to %q, %v", before, after, err)
	}
}

// The password is in its file before there is a user that only it opens.
func TestFirstStartWithoutPasswordFile(t *testing.T) {
	h := newHouse(t)
	start := FirstStart{Dir: filepath.Join(h.dir, "none")}
	if _, _, err := start.Run(t.Context(), h.store, h.auth, h.files); err == nil {
		t.Error("no error")
	}
	if _, err := h.store.UserByName(t.Context(), adminName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the user: %v, want none", err)
	}
}

func TestMountHelp(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	public := PublicURL{}
	if err := public.UnmarshalText([]byte("https://files.example.org")); err != nil {
		t.Fatal(err)
	}
	f := store.Folder{ID: "0b6ee9b5c2d44a6fb0a4f3a5c1f1d7e2", Title: "Home"}
	for _, c := range []struct {
		cfg  Config
		addr string
		want string
	}{
		{Config{}, "127.0.0.1:8080", "http://127.0.0.1:8080/dav/" + f.ID + "/"},
		{Config{TLSCert: "x"}, "127.0.0.1:443", "davs://admin@127.0.0.1:443/dav/" + f.ID + "/"},
		{Config{}, "[::]:8080", "http://" + name + ":8080/dav/" + f.ID + "/"},
		{Config{PublicURL: []PublicURL{public}}, "[::]:8080", "https://files.example.org/dav/" + f.ID + "/"},
	} {
		var out strings.Builder
		addr, err := net.ResolveTCPAddr("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		MountHelp(&out, &c.cfg, addr, f, "secret")
		if !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "%!") {
			t.Errorf("%s: no %s in:\n%s", c.addr, c.want, &out)
		}
	}
}

func TestReadiness(t *testing.T) {
	h := newHouse(t)
	status := func(target string) int {
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		return w.Code
	}
	if live, ready := status("/livez"), status("/readyz"); live != 200 || ready != 200 {
		t.Errorf("running: %d, %d, want 200, 200", live, ready)
	}
	for _, target := range []string{"/", "/livez", "/readyz"} {
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, httptest.NewRequest("HEAD", target, nil))
		if w.Code != 200 {
			t.Errorf("HEAD %s: %d, want 200", target, w.Code)
		}
	}
	files := filepath.Join(h.dir, "files")
	if err := os.Rename(files, files+"-away"); err != nil {
		t.Fatal(err)
	}
	if live, ready := status("/livez"), status("/readyz"); live != 200 || ready != 503 {
		t.Errorf("without the folders' storage: %d, %d, want 200, 503", live, ready)
	}
	if err := os.WriteFile(files, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ready := status("/readyz"); ready != 503 {
		t.Errorf("with a file in its place: %d, want 503", ready)
	}
	if err := errors.Join(os.Remove(files), os.Rename(files+"-away", files)); err != nil {
		t.Fatal(err)
	}
	if ready := status("/readyz"); ready != 200 {
		t.Errorf("with the storage back: %d, want 200", ready)
	}
	h.stop()
	if live, ready := status("/livez"), status("/readyz"); live != 200 || ready != 503 {
		t.Errorf("stopping: %d, %d, want 200, 503", live, ready)
	}
	h.server.stopping.Store(false)
	if ready := status("/readyz"); ready != 503 {
		t.Errorf("without a database: %d, want 503", ready)
	}
}

func TestPanicIsOneRequestsTrouble(t *testing.T) {
	h := newHouse(t)
	a := h.do(h.request("GET", "/?panic", ""))
	if a.status != 500 || strings.Contains(a.body, "boom") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := h.do(h.request("GET", "/", "")); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
	h.stop()
	if text := h.log.String(); !strings.Contains(text, "boom") || !strings.Contains(text, `"status":500`) {
		t.Errorf("the log:\n%s", text)
	}
}

func TestChangesOfOtherProcessesArrive(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	other, err := OpenStore(t.Context(), h.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// Two seconds by D25, and some more for a machine that is busy with other tests.
	within := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("still not: %s", what)
			}
		}
	}
	e := &Env{Context: context.Background(), Data: h.dir, Stdin: os.Stdin, Stdout: io.Discard, Stderr: os.Stderr}
	if err := (&folderAdd{Title: "docs", User: "ann"}).Run(e); err != nil {
		t.Fatal(err)
	}
	f, err := folderNamed(t.Context(), other, "docs")
	if err != nil {
		t.Fatal(err)
	}
	within("a new folder", func() bool { return ann.call("PUT", "/dav/docs/a.txt", "12345").status == 201 })
	if err := other.SetFolderLimits(t.Context(), f.ID, 7, store.Default); err != nil {
		t.Fatal(err)
	}
	n := 0
	within("a limit", func() bool {
		n++
		return ann.call("PUT", fmt.Sprintf("/dav/docs/%d.txt", n), "12345").status == 507
	})
	if err := (&folderRm{Folder: "docs"}).Run(e); err != nil {
		t.Fatal(err)
	}
	within("a deletion", func() bool { return ann.call("GET", "/dav/"+f.ID+"/a.txt", "").status == 404 })
	within("its bytes", func() bool { return !h.onDisk(f.ID) })
	if err := other.DeleteUser(t.Context(), ann.user.ID, "", true); err != nil {
		t.Fatal(err)
	}
	within("a user's removal", func() bool { return ann.call("GET", "/v2/folder/x", "").status == 401 })
}
