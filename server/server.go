// Package server is the house's front door: it listens, tells WebDAV requests
// from API requests, limits and logs them, and stops without breaking uploads
// off. It speaks the management APIs (through echo) and the protocol of resumable
// uploads (uploads.go), tells those who watch it numbers (health.go, metrics.go), and
// holds the commands that work on the same data. It knows HTTP and JSON; bytes, locks
// and WebDAV are davfs's, rights are auth's, rows are the store's.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"
)

// Parts are what a Server puts together.
type Parts struct {
	Store *store.Store
	Auth  *auth.Auth
	Files *davfs.FS
	Peers *Peers
	Page  http.Handler // what is at /
	Log   *Log
	Now   func() time.Time // nil: time.Now
}

// Server answers on every door. It is an http.Handler, safe for concurrent use.
type Server struct {
	cfg      *Config
	dataDir  string
	store    *store.Store
	auth     *auth.Auth
	files    *davfs.FS
	peers    *Peers
	log      *Log
	now      func() time.Time
	defaults store.Limits
	products *store.Products
	shown    map[string]shownProduct
	lists    accessLists

	dav        http.Handler
	api        http.Handler
	cross      *http.CrossOriginProtection
	limits     *rateLimit
	scopePaths map[string]bool // that a token's scope may have
	links      links
	ids        requestIDs

	metrics metrics
	sums    struct {
		sync.Mutex
		until time.Time // last is good enough
		last  store.FolderSums
	}

	checks  checks
	started time.Time
	work    context.Context // of jobs that outlive their request; ends with Run
	endWork context.CancelFunc
	jobs    sync.WaitGroup

	stopping atomic.Bool
	running  sync.WaitGroup // requests
}

// apiBodyTime is how long the body of an API request may take.
const apiBodyTime = 30 * time.Second

// New puts a Server together. It does not listen yet.
func New(dataDir string, cfg *Config, p Parts) *Server {
	s := &Server{
		cfg: cfg, dataDir: dataDir, store: p.Store, auth: p.Auth, files: p.Files,
		peers: p.Peers, log: p.Log, now: p.Now, defaults: cfg.Default.Limits(), products: p.Files.Products(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.started, s.checks.pause = s.now(), settle
	s.work, s.endWork = context.WithCancel(context.Background())
	s.limits = newRateLimit(cfg.RateLimit, s.now)
	s.links = links{sealer: s.auth.Sealer, now: s.now}
	s.shown = showProducts(s.products)
	s.scopePaths = map[string]bool{}
	s.api = s.routes(p.Page)
	s.dav = p.Files.Handler(p.Auth, davfs.HandlerOptions{
		Hosts:         p.Peers.Hosts,
		MaxFileSize:   int64(cfg.DAV.MaxFileSize),
		InfiniteDepth: cfg.DAV.InfiniteDepth, MissingDepthOne: cfg.DAV.MissingDepth1,
		ChallengeAgents: cfg.DAV.Challenge,
		Address:         func(r *http.Request) netip.Addr { return p.Peers.Client(r).IP },
		Log:             p.Log.Logger,
	})
	s.cross = http.NewCrossOriginProtection()
	for _, u := range cfg.PublicURL {
		s.cross.AddTrustedOrigin(u.String()) // checked by PublicURL
	}
	return s
}

// ServeHTTP gives the request an ID, a door and its line in the log.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Done()
	start := time.Now()
	id := s.ids.next(start)
	w.Header()["X-Request-Id"] = []string{id}
	if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 && s.peers.isTrusted(remote(r)) {
		// A proxy that also forwarded a Content-Length, and went by it, would take the rest for
		// the next client's request. net/http does not tell whether there was one, so any chunked
		// request of a proxy is the last on its connection (RFC 9112, section 6.1).
		w.Header().Set("Connection", "close")
	}
	dav := isDAV(r)
	lw := &response{ResponseWriter: w, conn: deadlineOf(r), hasBody: r.Method != http.MethodHead}
	if !dav {
		lw.path = loggedPath(r.URL.Path)
	}
	defer func() {
		err := recover()
		if err != nil && err != http.ErrAbortHandler {
			s.log.Error("panic", "id", id, "error", fmt.Sprint(err), "stack", string(debug.Stack()))
			if lw.status == 0 {
				http.Error(lw, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				err = nil
			}
		}
		s.metrics.request(r, lw, dav, start)
		s.log.request(r, lw, id, s.peers.Client(r).IP.String(), start)
		if err != nil {
			panic(http.ErrAbortHandler) // the client must see that the answer is cut
		}
	}()

	err := s.cross.Check(r) // SEC-5
	switch {
	case err == nil && dav:
		s.dav.ServeHTTP(lw, r)
	case err == nil || isTokenPath(r.URL.EscapedPath()):
		if r.ContentLength != 0 {
			// The API's bodies are small: one that trickles in is cut off. WebDAV's
			// uploads have deadlines that move (SEC-7).
			control := http.NewResponseController(lw)
			control.SetReadDeadline(start.Add(apiBodyTime))
			r.Body = &timedBody{r.Body, control}
		}
		s.api.ServeHTTP(lw, r)
	case dav:
		http.Error(lw, errCrossSite.Error(), http.StatusForbidden)
	default:
		s.refuse(lw, r, errCrossSite)
	}
}

// timedBody is a body whose deadline ends with it. One that passed later would end the request that the body has begun,
// and, for net/http listens for the client's leaving, each that follows on the connection.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// isDAV says whether the WebDAV door answers. Besides everything under /dav it
// answers what WebDAV clients ask above it on their way there (MET-1, MET-4).
func isDAV(r *http.Request) bool {
	p := r.URL.Path
	for _, root := range []string{"/dav", "/principals"} {
		if rest, ok := strings.CutPrefix(p, root); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	switch r.Method {
	case http.MethodOptions:
		return !isAPI(p)
	case "PROPFIND":
		return p == "/" || p == ""
	}
	return false
}

// isAPI says whether a path is one of the management APIs'.
func isAPI(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch first {
	case "livez", "readyz", "metrics", "api", "auth", "folders", "openapi", "openapi.json", "openapi.yaml":
		return true
	}
	return len(first) == 2 && first[0] == 'v' && first[1] >= '0' && first[1] <= '9'
}

// Run listens and answers until ctx ends, then lets running requests finish,
// for at most the configured time. ready, if not nil, is called with the address
// when connections are accepted. What Run was given stays open: the caller closes it.
func (s *Server) Run(ctx context.Context, ready func(addr net.Addr)) error {
	var certs []tls.Certificate
	if s.cfg.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		certs = append(certs, cert)
	}
	inner, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l := &cappedListener{Listener: inner, max: s.cfg.MaxConns, exempt: s.peers.isTrusted, log: s.log.Logger, open: map[netip.Addr]int{}}
	defer l.Close()

	srv := &http.Server{
		Handler: s,
		// No ReadTimeout, no WriteTimeout: they end long transfers (SEC-7).
		ReadHeaderTimeout:            30 * time.Second,
		IdleTimeout:                  5 * time.Minute,
		MaxHeaderBytes:               64 << 10,
		ConnContext:                  withDeadline,
		DisableGeneralOptionsHandler: true, // OPTIONS * is WebDAV's (D29)
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	serve := func() error { return srv.Serve(l) }
	scheme := "http"
	if certs != nil {
		scheme = "https"
		srv.TLSConfig = &tls.Config{Certificates: certs}
		serve = func() error { return srv.ServeTLS(l, "", "") }
	}
	address := inner.Addr().String()
	if err := writeFile(s.dataDir, addressFile, address+"\n"); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(s.dataDir, addressFile))

	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { s.follow(work) })
	background.Go(func() { s.pruneAudit(work) })
	defer s.jobs.Wait()
	defer s.endWork()
	defer background.Wait()
	defer stopWork()

	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	s.log.Info("listening", "address", address, "url", scheme+"://"+address+"/",
		"passwords", s.peers.BasicRule(), "data", s.dataDir, "sync", s.cfg.Sync)
	if ready != nil {
		ready(inner.Addr())
	}

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	timeout := time.Duration(s.cfg.Shutdown)
	s.log.Info("stopping", "timeout", timeout.String())
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		s.log.Warn("requests were still running and are cut off", "error", err)
		srv.Close()
		s.drain(5 * time.Second)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain waits until no handler runs, but not for ever.
func (s *Server) drain(limit time.Duration) {
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// follow takes over what other processes changed (D25), twice a second, and
// writes the last-used times that auth collected, once a second.
func (s *Server) follow(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var seen uint64
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := s.store.Poll(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("look for changes by other processes", "error", err)
		}
		// Now and then also without a change: for folders whose time to be purged has come,
		// and for what failed.
		if epoch := s.store.Epoch(); epoch != seen || n%120 == 119 {
			if err := s.files.Reconcile(ctx); err == nil {
				seen = epoch
			} else if ctx.Err() == nil {
				s.log.Error("take over changes", "error", err)
			}
		}
		if n%2 == 1 {
			if err := s.auth.Flush(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("write last-used times", "error", err)
			}
		}
	}
}

// Version is the version of this program.
func Version() string { return "0.1.0" }
