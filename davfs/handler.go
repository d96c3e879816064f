package davfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/webdav"

	"davit/store"
)

// Access is what the handler needs to know about callers. All methods are safe for
// concurrent use; none may do SQL when nothing has changed since the last call (decision 10).
type Access interface {
	// AuthenticateDAV says who sent a request: store.ErrUnauthenticated, store.ErrPlain, store.ErrBusy, store.ErrTooMany.
	AuthenticateDAV(*http.Request) (store.Principal, error)
	// Mounts lists the folders that p sees, sorted by name.
	Mounts(context.Context, store.Principal) ([]store.Mount, error)
	// Mount finds one by ID or mount name; fs.ErrNotExist.
	Mount(ctx context.Context, p store.Principal, segment string) (store.Mount, error)
}

// HandlerOptions are the settings of the WebDAV door.
type HandlerOptions struct {
	// Hosts are this server's public names, as host or host:port, for a request's
	// Destination (D29); nil: the request's own Host.
	Hosts func(*http.Request) []string
	// MaxFileSize refuses larger uploads with 413 (STA-2); 0: no limit.
	MaxFileSize int64
	// InfiniteDepth allows PROPFIND of Depth infinity (PRO-13).
	InfiniteDepth bool
	// MissingDepthOne takes a PROPFIND without Depth as Depth 1, not as infinity.
	MissingDepthOne bool
	// ChallengeAgents are parts of User-Agent headers: whose OPTIONS come without
	// credentials, gets 401 (MET-2). Some clients sign in only when asked so early.
	ChallengeAgents []string
	// Address says where a request comes from; nil: that is not noted.
	Address func(*http.Request) netip.Addr
	Log     *slog.Logger
}

// Handler serves WebDAV for everything at and below /dav, the principals at /principals, and
// answers OPTIONS and PROPFIND above them. It is safe for concurrent use.
type Handler struct {
	d         *FS
	access    Access
	o         HandlerOptions
	log       *slog.Logger
	propfinds bodyCache[propfind]
	lockinfos bodyCache[lockInfo]
	pacing    pacing
	bounds    listBounds
	mostSync  int // see mostSyncAnswers
}

// Handler makes the WebDAV door to d's folders.
func (d *FS) Handler(a Access, o HandlerOptions) *Handler {
	if o.Hosts == nil {
		o.Hosts = func(r *http.Request) []string { return []string{r.Host} }
	}
	if o.Log == nil {
		o.Log = d.log
	}
	return &Handler{
		d: d, access: a, o: o, log: o.Log, pacing: bodyPacing, mostSync: mostSyncAnswers,
		bounds:    infiniteBounds,
		propfinds: bodyCache[propfind]{limit: maxXMLBody, parse: parsePropfind},
		lockinfos: bodyCache[lockInfo]{limit: maxLockBody, parse: parseLockinfo},
	}
}

// request is one request on its way: what it addresses, who sent it, what it submitted.
type request struct {
	w      http.ResponseWriter
	r      *http.Request
	p      store.Principal
	path   davPath
	mount  store.Mount // zero for /dav/ and above
	tree   *Tree       // nil for /dav/ and above
	name   string      // in the tree, spelled as on disk
	ifh    ifHeader
	tokens []string
	using  using
}

// methods are those that Davit knows (RFC 9110, RFC 4918).
const (
	methodPropfind  = "PROPFIND"
	methodProppatch = "PROPPATCH"
	methodMkcol     = "MKCOL"
	methodCopy      = "COPY"
	methodMove      = "MOVE"
	methodLock      = "LOCK"
	methodUnlock    = "UNLOCK"
	methodReport    = "REPORT"
)

// Values of Allow by what a URL names.
const (
	allowRoot       = "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, REPORT"
	allowPrincipal  = "OPTIONS, PROPFIND, REPORT"
	allowFile       = "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK, REPORT"
	allowCollection = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK, REPORT"
	allowUnmapped   = "OPTIONS, PUT, MKCOL, LOCK"
	allowAll        = "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK, REPORT"
)

var (
	davClasses = []string{"1, 2, 3, sabredav-partialupdate, extended-mkcol"} // RFC 4918, section 18; RFC 5689, section 3.1
	authorVia  = []string{"DAV"}
)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head["DAV"] = davClasses // as clients spell it; the map key is sent as it stands
	head["MS-Author-Via"] = authorVia
	q := request{w: w, r: r}
	if r.Method == http.MethodOptions {
		if h.challenges(r) {
			h.fail(&q, store.ErrUnauthenticated)
			return
		}
		h.serveOptions(w)
		return
	}
	granted := false
	defer func() { // also when a broken download ends in a panic
		q.tree.Close()
		q.using.end(r.Method, granted, q.tree.lastUse())
	}()
	err := h.serve(&q)
	if err != nil {
		h.fail(&q, err)
	}
	granted = err == nil || errors.Is(err, errNotModified)
}

// actor is who makes the request, for the audit.
func (h *Handler) actor(q *request) *store.Actor {
	a := &store.Actor{UserID: q.p.UserID, UserName: q.p.UserName, Door: "webdav"}
	if h.o.Address != nil {
		a.Address = h.o.Address(q.r).String()
	}
	return a
}

// serveOptions answers alike for every path, without a look at the store (MET-1, MET-2).
func (h *Handler) serveOptions(w http.ResponseWriter) {
	w.Header().Set("Allow", allowAll)
	w.Header().Set("Accept-Patch", updateType) // RFC 5789, section 3.1
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// challenges says whether an OPTIONS request is to sign in first.
func (h *Handler) challenges(r *http.Request) bool {
	if len(h.o.ChallengeAgents) == 0 || r.Header.Get("Authorization") != "" {
		return false
	}
	agent := r.UserAgent()
	return slices.ContainsFunc(h.o.ChallengeAgents, func(part string) bool { return strings.Contains(agent, part) })
}

func (h *Handler) serve(q *request) (err error) {
	r := q.r
	if !known(r.Method) {
		return &statusError{Status: http.StatusNotImplemented, Text: "no such method"}
	}
	if q.path, err = parsePath(r.URL.EscapedPath()); err != nil {
		return err
	}
	if q.p, err = h.access.AuthenticateDAV(r); err != nil {
		return err
	}
	if r.Body != nil && r.Body != http.NoBody {
		// In a copy: net/http looks at its own request's Body to know whether the client waits for a
		// 100, and would else read a body that is not sent before it lets the answer out (PUT-6).
		r = r.WithContext(r.Context())
		r.Body = &pacedBody{ReadCloser: r.Body, pacing: h.pacing, control: http.NewResponseController(q.w), received: &h.d.counters.received}
		q.r = r
	}
	if lines := r.Header["If"]; len(lines) > 0 {
		if len(lines) > 1 {
			return badRequest("there is more than one If header")
		}
		if q.ifh, err = parseIf(r.Header.Get("If")); err != nil {
			return err
		}
		q.tokens = q.ifh.tokens()
	} else if r.Method == http.MethodPut && r.Header.Get("Lock-Token") != "" {
		// Office may send the token of its lock here (CLI-3). It means what it would in If: the lock must be
		// there. What is no token is ignored, as in other methods.
		if h, err := parseIf("(" + r.Header.Get("Lock-Token") + ")"); err == nil {
			q.ifh, q.tokens = h, h.tokens()
		}
	}
	if q.path.Mount != "" {
		q.mount, err = h.access.Mount(r.Context(), q.p, q.path.Mount)
		switch {
		case errors.Is(err, fs.ErrNotExist) && q.path.Name == "" && makesName(r.Method):
			return errManaged
		case err != nil:
			return err
		}
		if q.tree, err = h.d.Tree(r.Context(), q.p, q.mount); err != nil {
			return err
		}
		q.using = h.begin(q, q.tree)
		q.name = q.tree.Resolve(q.path.Name)
	}
	q.note("")
	if q.path.Principals {
		return h.servePrincipal(q)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return h.serveGet(q)
	case methodPropfind:
		return h.servePropfind(q)
	case methodReport:
		return h.serveReport(q)
	}
	if q.tree == nil {
		switch r.Method {
		case http.MethodPut, http.MethodDelete, methodMkcol, methodCopy, methodMove, methodLock:
			return errManaged
		case methodProppatch:
			return h.serveProppatch(q)
		}
		return errMethod
	}
	q.tree.by = h.actor(q)
	switch r.Method {
	case http.MethodPut:
		return h.servePut(q)
	case http.MethodPatch:
		return h.servePatch(q)
	case http.MethodDelete:
		return h.serveDelete(q)
	case methodMkcol:
		return h.serveMkcol(q)
	case methodCopy, methodMove:
		return h.serveCopyMove(q)
	case methodProppatch:
		return h.serveProppatch(q)
	case methodLock:
		return h.serveLock(q)
	case methodUnlock:
		return h.serveUnlock(q)
	}
	return errMethod // POST and the like: known, but nothing here takes them
}

// errManaged refuses what would make, remove or rename a folder (D6).
var errManaged = &statusError{Status: http.StatusForbidden,
	Text: "folders are not made, renamed or removed over WebDAV; use POST /v2/folder/create, DELETE /v2/folder/<id> or the davit folder commands"}

// errMethod is 405; the answer's Allow tells what the resource takes.
var errMethod = &statusError{Status: http.StatusMethodNotAllowed, Text: "the resource does not take this method"}

// makesName says whether a method would make something at a name that is unmapped.
func makesName(method string) bool {
	return method == http.MethodPut || method == methodMkcol || method == methodLock
}

func known(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, methodPropfind, methodProppatch, methodMkcol, methodCopy,
		methodMove, methodLock, methodUnlock, http.MethodPost, http.MethodPatch, http.MethodTrace, http.MethodConnect, methodReport, "SEARCH", "ACL":
		return true
	}
	return false
}

// note tells the server's log what the request is about (SEC-8).
func (q *request) note(destination string) {
	for w := q.w; ; {
		if l, ok := w.(interface {
			SetLog(user, path, destination string)
		}); ok {
			l.SetLog(q.p.UserName, q.canonical(q.name), destination)
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}

// canonical is a name in the request's folder as the log shows it: by the folder's ID.
func (q *request) canonical(name string) string {
	if q.tree == nil {
		return ""
	}
	return davRoot + "/" + member(q.mount.Folder.ID, name)
}

// href of a name in the request's folder, under the path that the client used (URL-3).
func (q *request) href(name string, dir bool) string {
	return hrefOf(davPath{Mount: q.path.Mount, Name: name}, dir)
}

// claim is what the request brings to a change of its own URL.
func (h *Handler) claim(q *request) Claim {
	c := Claim{Tokens: q.tokens}
	if q.conditional() {
		c.Check = func(exists bool, cur Info) error { return h.checkConditions(q, exists, cur) }
	}
	return c
}

// named is a tree and a name that a second URL of a request means: a Destination, or a tag
// of an If header.
type named struct {
	tree *Tree
	path davPath
	name string
	own  bool // close the tree
}

func (n named) close() {
	if n.own {
		n.tree.Close()
	}
}

// resolve finds what a second URL means for the caller.
func (h *Handler) resolve(q *request, ref string) (named, error) {
	p, err := parseDestination(ref, h.o.Hosts(q.r))
	if err != nil {
		return named{}, err
	}
	if p.Mount == "" {
		return named{path: p}, nil
	}
	if p.Mount == q.path.Mount && q.tree != nil {
		return named{tree: q.tree, path: p, name: q.tree.Resolve(p.Name)}, nil
	}
	m, err := h.access.Mount(q.r.Context(), q.p, p.Mount)
	if err != nil {
		return named{path: p}, err
	}
	t, err := h.d.Tree(q.r.Context(), q.p, m)
	if err != nil {
		return named{path: p}, err
	}
	if q.tree != nil {
		t.by = q.tree.by
	}
	return named{tree: t, path: p, name: t.Resolve(p.Name), own: true}, nil
}

// matches says whether the resource of an If list has a state token or an entity tag
// (RFC 4918, section 10.4.4). What cannot be resolved matches nothing.
func (h *Handler) matches(q *request, tag string, c webdav.Condition) bool {
	at := named{tree: q.tree, name: q.name}
	if tag != "" {
		var err error
		if at, err = h.resolve(q, tag); err != nil {
			return false
		}
		defer at.close()
	}
	if at.tree == nil {
		return false
	}
	if strings.HasPrefix(c.Token, syncTokens) {
		same, err := at.tree.f.unchanged(q.r.Context(), at.name, c.Token)
		return err == nil && same
	}
	if c.Token != "" {
		return at.tree.f.locks.tokenMatches(at.name, c.Token, q.p.UserID)
	}
	i, err := at.tree.f.fs.Lstat(at.name)
	return err == nil && sameETag(c.ETag, at.tree.ETag(at.name, i), false)
}

// pacing bounds how slowly a client may send (SEC-7).
type pacing struct {
	stall  time.Duration // without a byte, beyond a window
	window time.Duration
	bytes  int64 // that must come in a window
}

// bodyPacing is that of all doors.
var bodyPacing = pacing{stall: 60 * time.Second, window: 30 * time.Second, bytes: 16 << 10}

// PacedBody is the body of a request to another door than WebDAV's, with the moving deadlines that
// uploads have here. Read it in place of r.Body, which net/http looks at itself.
func (d *FS) PacedBody(w http.ResponseWriter, r *http.Request) io.Reader {
	return &pacedBody{ReadCloser: r.Body, pacing: bodyPacing, control: http.NewResponseController(w), received: &d.counters.received}
}

// pacedBody is a request body whose sender must keep going. There is no limit on how long
// an upload takes, only on how slow it is.
type pacedBody struct {
	io.ReadCloser
	pacing
	control  *http.ResponseController
	received *atomic.Int64
	begun    time.Time     // of the window
	got      int64         // in the window
	waited   time.Duration // for the sender, in the window; the rest was our disk's
}

// errSlow ends a body that comes too slowly.
var errSlow = &statusError{Status: http.StatusRequestTimeout, Text: "the body came too slowly"}

func (b *pacedBody) Read(p []byte) (int, error) {
	now := time.Now()
	if b.begun.IsZero() || now.Sub(b.begun) > b.window {
		if !b.begun.IsZero() && b.got < b.bytes && b.waited > b.window/2 {
			return 0, errSlow
		}
		b.begun, b.got, b.waited = now, 0, 0
		// Not every ResponseWriter has deadlines; then the server has none either.
		b.control.SetReadDeadline(now.Add(b.stall + b.window))
		b.control.SetWriteDeadline(now.Add(2 * (b.stall + b.window)))
	}
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	b.received.Add(int64(n))
	b.waited += time.Since(now)
	if err == io.EOF {
		b.control.SetReadDeadline(time.Time{}) // else it would end what follows, for net/http listens on
	}
	return n, err
}
