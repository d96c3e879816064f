package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"
	"davit/store/storetest"

	"github.com/alecthomas/kong"
	"github.com/labstack/echo/v4"
)

// house is a whole server in a directory of its own, listening.
type house struct {
	t      *testing.T
	dir    string
	url    string
	store  *store.Store
	auth   *auth.Auth
	files  *davfs.FS
	server *Server
	clock  *clock
	log    *bytes.Buffer // read it after stop
	stop   func()
}

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// then is when the test vectors were signed.
var then = time.Date(2017, 3, 20, 9, 30, 0, 0, time.UTC)

// defaultConfig is the configuration without flags.
func defaultConfig(t *testing.T) *Config {
	t.Helper()
	var cfg Config
	parser, err := kong.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--listen", "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

// newHouse starts a server whose configuration change may alter.
func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	return newHouseWith(t, func(*davfs.Options) {}, change...)
}

// newHouseWith is newHouse with other options of the folders' files.
func newHouseWith(t *testing.T, files func(*davfs.Options), change ...func(*Config)) *house {
	t.Helper()
	cfg := defaultConfig(t)
	for _, c := range change {
		c(cfg)
	}
	h := &house{t: t, dir: t.TempDir(), clock: &clock{t: then}, log: &bytes.Buffer{}}
	log := NewLog(h.log, slog.LevelDebug)
	var err error
	storetest.Path(t, filepath.Join(h.dir, databaseFile))
	if h.store, err = OpenStore(t.Context(), h.dir); err != nil {
		t.Fatal(err)
	}
	peers := NewPeers(cfg)
	access := cfg.AuthOptions()
	access.Now, access.Log, access.Secret, access.Client = h.clock.now, log.Logger, bytes.Repeat([]byte{7}, 32), peers.Client
	access.Sleep = func(context.Context, time.Duration) error { return nil } // auth's own tests look at this
	h.auth = auth.New(h.store, access)
	o := davfs.Options{Dir: h.dir, Sync: davfs.SyncNone, Defaults: cfg.Default.Limits(), KeepDeleted: time.Duration(cfg.KeepDeleted), Log: log.Logger}
	files(&o)
	h.files, err = davfs.New(h.store, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.files.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "panic" {
			panic("boom")
		}
		io.WriteString(w, "page")
	})
	h.server = New(h.dir, cfg, Parts{
		Store: h.store, Auth: h.auth, Files: h.files, Peers: peers, Page: page, Log: log, Now: h.clock.now,
	})
	hold(t, h.server.api.(*echo.Echo))
	ctx, cancel := context.WithCancel(context.Background())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- h.server.Run(ctx, func(a net.Addr) { addr <- a }) }()
	select {
	case a := <-addr:
		h.url = "http://" + a.String()
		if cfg.TLSCert != "" {
			h.url = "https://" + a.String()
		}
	case err := <-ended:
		t.Fatal(err)
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := h.files.Close(context.Background()); err != nil {
			t.Errorf("close folders: %v", err)
		}
		h.store.Close()
		log.Close()
	})
	t.Cleanup(h.stop)
	return h
}

// caller is a user with a key and a token.
type caller struct {
	*house
	user   store.User
	key    string
	secret string
	token  string
}

func (h *house) caller(name string) *caller {
	h.t.Helper()
	u, err := h.store.CreateUser(h.t.Context(), store.User{
		Name: name, Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	k, secret, err := h.auth.NewKey(u.ID)
	if err == nil {
		_, err = h.store.CreateKey(h.t.Context(), k)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	c := &caller{house: h, user: u, key: k.AccessKey, secret: secret}
	c.token = c.newToken("", false)
	return c
}

func (c *caller) newToken(folderID string, readOnly bool) string {
	c.t.Helper()
	want := store.Token{UserID: c.user.ID, ReadOnly: readOnly}
	if folderID != "" {
		want.Folders = []store.TokenFolder{{ID: folderID}}
	}
	tok, text, err := c.auth.NewToken(want)
	if err == nil {
		_, err = c.store.CreateToken(c.t.Context(), tok)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	return v
}

// do sends a request as it is.
func (h *house) do(r *http.Request) answer {
	h.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func (h *house) request(method, target, body string) *http.Request {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+target, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// call sends a request with the caller's token.
func (c *caller) call(method, target, body string) answer {
	c.t.Helper()
	r := c.request(method, target, body)
	r.SetBasicAuth(c.user.Name, c.token)
	return c.do(r)
}

// create makes a folder over the API and returns its ID.
func (c *caller) create(name string) string {
	c.t.Helper()
	a := c.call("POST", "/v2/folder/create", `{"name":"`+name+`"}`)
	id, _ := a.json(c.t)["folderId"].(string)
	if a.status != 201 || id == "" {
		c.t.Fatalf("create %s: %d %s", name, a.status, a.body)
	}
	return id
}

// signed describes a signed request.
type signed struct {
	method, target, body string
	host                 string
	date                 string
	contentType          string // "" sends none
	versionHeader        string
	version              string
	scheme               string // "" is BackendAI
	day                  string
}

// signature computes what the API's documents say (sections 3.2 and 3.3).
func (s signed) signature(secret string) string {
	hashed := s.body
	if s.version >= "v4.20181215" {
		hashed = ""
	}
	sum := sha256.Sum256([]byte(hashed))
	mediaType := s.contentType
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	toSign := strings.Join([]string{
		s.method, s.target, s.date, "host:" + s.host, "content-type:" + mediaType,
		strings.ToLower(s.versionHeader) + ":" + s.version, hex.EncodeToString(sum[:]),
	}, "\n")
	mac := func(key []byte, msg string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(msg))
		return m.Sum(nil)
	}
	return hex.EncodeToString(mac(mac(mac([]byte(secret), s.day), s.host), toSign))
}

// sign makes the request that s describes, signed with the caller's key.
func (c *caller) sign(s signed) *http.Request {
	c.t.Helper()
	r := c.request(s.method, s.target, s.body)
	r.Host = s.host
	if s.scheme == "" {
		s.scheme = "BackendAI"
	}
	r.Header.Set("Date", s.date)
	r.Header.Set(s.versionHeader, s.version)
	if s.contentType != "" {
		r.Header.Set("Content-Type", s.contentType)
	}
	r.Header.Set("Authorization", s.scheme+" signMethod=HMAC-SHA256, credential="+c.key+":"+s.signature(c.secret))
	return r
}

// titles are the names of the living folders.
func (h *house) titles() []string {
	h.t.Helper()
	all, err := h.store.Folders(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, f := range all {
		names = append(names, f.Title)
	}
	return names
}

// onDisk says whether the folder has its directory.
func (h *house) onDisk(id string) bool {
	_, err := os.Stat(filepath.Join(h.dir, "files", id))
	return err == nil
}
