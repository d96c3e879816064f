package davfs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/webdav"

	"davit/store"
)

// listBounds end a PROPFIND with Depth infinity, where it is allowed (PRO-13).
type listBounds struct {
	entries int
	time    time.Duration
}

var infiniteBounds = listBounds{100_000, 30 * time.Second}

// servePropfind answers the properties of a resource and of its members (RFC 4918,
// section 9.1). It works for /dav/ and above too.
func (h *Handler) servePropfind(q *request) error {
	missing := depthInfinity // RFC 4918, section 9.1
	if h.o.MissingDepthOne {
		missing = depthOne
	}
	depth, err := parseDepth(q.r.Header.Get("Depth"), missing)
	if err != nil {
		return err
	}
	pf, err := h.propfinds.read(q.r.Body)
	if err != nil {
		return err
	}
	if err := h.checkIf(q); err != nil {
		return err
	}
	l := h.lister(q, pf)
	defer l.close()
	return l.finished(l.answer(depth))
}

// checkIf evaluates If for the methods that only read properties: the conditions of RFC 9110 are for
// methods on a representation.
func (h *Handler) checkIf(q *request) error {
	if len(q.ifh) == 0 {
		return nil
	}
	ok, err := q.ifh.eval(func(tag string, c webdav.Condition) (bool, error) { return h.matches(q, tag, c), nil })
	if err == nil && !ok {
		err = conditionFailed("If")
	}
	return err
}

// errFiniteDepth refuses Depth infinity (RFC 4918, section 9.1.1).
var errFiniteDepth = &statusError{Status: http.StatusForbidden, Condition: "propfind-finite-depth", Text: "only Depth 0 and 1 are answered here"}

// propLister writes one multistatus. It sends what it has when that is enough for a
// packet or two, so a listing takes no memory for its length.
type propLister struct {
	h       *Handler
	q       *request
	pf      *propfind
	missing bool // name the properties that a resource does not have
	noRoot  bool
	applied []string // preferences

	buf    *[]byte // of listBuffers; b begins in it
	b      []byte
	begun  bool // the header is out
	length int  // of the whole answer; 0: not known

	keeping  bool // members are kept as they are written: what is in kept, and l.b from keptFrom on
	kept     []byte
	keptFrom int

	pending []pendingResponse
	entries int
}

// pendingResponse waits for its dead properties, to read many in one query.
type pendingResponse struct {
	d    described
	href string
}

const (
	sendAt          = 32 << 10
	queryAtOnce     = 100
	sendListTime    = 2 * time.Minute // for one piece of sendAt bytes (SEC-7)
	initialBuffer   = sendAt + 4<<10
	maxPooledBuffer = 4 * sendAt // one that large properties made larger is not kept
)

var listBuffers = sync.Pool{New: func() any { b := make([]byte, 0, initialBuffer); return &b }}

// lister begins a multistatus; close it.
func (h *Handler) lister(q *request, pf *propfind) *propLister {
	l := &propLister{h: h, q: q, pf: pf, missing: true, buf: listBuffers.Get().(*[]byte)}
	l.prefer(q.r.Header)
	l.b = append((*l.buf)[:0], xmlHead...)
	l.b = append(l.b, `<D:multistatus xmlns:D="DAV:">`...)
	return l
}

func (l *propLister) close() {
	if cap(l.b) <= maxPooledBuffer {
		*l.buf = l.b[:0]
		listBuffers.Put(l.buf)
	}
}

// finished ends the answer, or does what is left to do when it cannot be: err says why.
func (l *propLister) finished(err error) error {
	if err == nil {
		err = l.end()
	}
	if err != nil && l.begun {
		// A listing that breaks off must not look whole (PRO-14).
		l.h.log.Warn("multistatus broke off", "method", l.q.r.Method, "path", l.q.canonical(l.q.name), "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// answer answers for the request's resource, whatever it is, and for what is below it.
func (l *propLister) answer(depth int) error {
	if l.q.tree == nil {
		return l.roots(depth)
	}
	return l.resources(depth)
}

// prefer reads Prefer (RFC 7240, RFC 8144) and its older form Brief. Of a preference that is given twice the
// first counts.
func (l *propLister) prefer(head http.Header) {
	returns := false
	for _, line := range head["Prefer"] {
		for p := range strings.SplitSeq(line, ",") {
			p, _, _ = strings.Cut(p, ";") // its parameters
			name, value, _ := strings.Cut(p, "=")
			switch strings.ToLower(strings.Trim(name, " \t")) {
			case "return":
				if !returns && strings.EqualFold(strings.Trim(value, " \t\""), "minimal") {
					l.missing = false
					l.applied = append(l.applied, "return=minimal")
				}
				returns = true
			case "depth-noroot":
				if !l.noRoot {
					l.applied = append(l.applied, "depth-noroot")
				}
				l.noRoot = true
			}
		}
	}
	if strings.EqualFold(strings.Trim(head.Get("Brief"), " \t"), "t") {
		l.missing = false
	}
}

// resources answers for the request's resource and what is below it.
func (l *propLister) resources(depth int) error {
	q := l.q
	i, err := q.tree.Stat(q.name)
	if err != nil {
		return err
	}
	if !i.Dir {
		depth = depthZero
	}
	if depth == depthInfinity && !l.h.o.InfiniteDepth {
		return errFiniteDepth
	}
	self := l.describe(q.tree, q.mount, q.path.Mount)
	self.Info, self.name = i, q.name
	if q.name == "" {
		self.title = q.mount.Folder.Title
	}
	href := hrefOf(q.path, i.Dir)
	if !l.noRoot {
		if err := l.add(self, href); err != nil {
			return err
		}
		if err := l.flushPending(); err != nil { // client libraries take the first response for the collection itself
			return err
		}
	}
	switch depth {
	case depthZero:
		return nil
	case depthOne:
		return l.listMembers(self, href)
	}
	return l.walk(self, href)
}

// members answers for the members of a collection; sub is told of collections among them.
func (l *propLister) members(dir described, href string, sub func(name, href string)) error {
	begin, entries := len(l.b), l.entries
	var pending []pendingResponse
	if len(l.pending) > 0 {
		pending = slices.Clone(l.pending)
	}
	for try := 1; ; try++ {
		err := l.membersOnce(dir, href, sub)
		if err != nil && (!errors.Is(err, errReplaced) || l.begun || sub != nil || try == listTries) {
			return err
		}
		if err == nil {
			return l.flushPending()
		}
		// Nothing is sent yet: the new one is told of instead.
		l.b, l.pending, l.entries = l.b[:begin], append(l.pending[:0], pending...), entries
	}
}

// listTries is how often a collection is listed anew because it was replaced meanwhile.
const listTries = 5

func (l *propLister) membersOnce(dir described, href string, sub func(name, href string)) error {
	d := dir
	d.title = ""
	return dir.tree.List(l.q.r.Context(), dir.name, func(i Info) error {
		if !legalSegment(i.Name) {
			return nil // nobody could ask for it
		}
		d.Info, d.name = i, member(dir.name, i.Name)
		if sub != nil && i.Dir {
			sub(d.name, string(appendHref(nil, href, i.Name, true)))
		}
		if l.needsQuery(&d) {
			l.keeping = false
			return l.add(d, string(appendHref(nil, href, i.Name, i.Dir)))
		}
		l.b = append(l.b, "<D:response><D:href>"...)
		l.b = appendHref(l.b, href, i.Name, i.Dir)
		return l.finish(&d, nil)
	})
}

// walk answers for everything below a collection, up to the bounds.
func (l *propLister) walk(dir described, href string) error {
	type place struct{ name, href string }
	begun := time.Now()
	for todo := []place{{dir.name, href}}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if l.entries > l.h.bounds.entries || time.Since(begun) > l.h.bounds.time {
			l.b = append(append(append(l.b, "<D:response><D:href>"...), at.href...),
				"</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status><D:responsedescription>too much to list</D:responsedescription></D:response>"...)
			continue
		}
		dir.name = at.name
		err := l.members(dir, at.href, func(name, href string) { todo = append(todo, place{name, href}) })
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist) && at.name != l.q.name: // a collection that vanished meanwhile has no members (PRO-14)
		case l.q.r.Context().Err() != nil || at.name == l.q.name:
			return err
		default: // said, because programs that keep two places alike would take what is left out for deleted
			l.h.log.Warn("collection cannot be listed", "path", l.q.canonical(at.name), "error", err)
			s := statusOf(err, l.q.r.Method).Status
			l.b = append(append(append(l.b, "<D:response><D:href>"...), at.href...), "</D:href><D:status>HTTP/1.1 "...)
			l.b = append(strconv.AppendInt(l.b, int64(s), 10), " "+http.StatusText(s)+"</D:status></D:response>\n"...)
		}
	}
	return nil
}

// describe gives what the resources of a tree have in common.
func (l *propLister) describe(t *Tree, m store.Mount, segment string) described {
	var (
		once  sync.Once
		usage Usage
		err   error
	)
	return described{
		tree: t, mount: segment, owner: m.Folder.OwnerName, rights: m.Rights, caller: l.q.p, now: l.h.d.now(),
		quota: func() (int64, int64, error) {
			once.Do(func() { usage, err = t.Usage() })
			return usage.Bytes, usage.Available, err
		},
	}
}

// needsQuery says whether what rows have of the resource is wanted and there may be some.
func (l *propLister) needsQuery(d *described) bool {
	return l.needsDead(d) || l.needsSums(d)
}

func (l *propLister) needsDead(d *described) bool {
	return l.pf.dead && d.tree != nil && d.tree.f.props.has(d.name, d.Identity())
}

func (l *propLister) needsSums(d *described) bool {
	return l.pf.sums && d.tree != nil && !d.Dir && d.tree.f.sums.Load() != sumsNone
}

// add answers for one resource, now or with others that need a query.
func (l *propLister) add(d described, href string) error {
	if l.needsQuery(&d) {
		l.pending = append(l.pending, pendingResponse{d, href})
		if len(l.pending) < queryAtOnce {
			return nil
		}
		return l.flushPending()
	}
	l.b = append(append(l.b, "<D:response><D:href>"...), href...)
	return l.finish(&d, nil)
}

// flushPending reads the dead properties and checksums of what waits, all of one tree, and answers for it.
func (l *propLister) flushPending() error {
	if len(l.pending) == 0 {
		return nil
	}
	var names []string
	var files []Info
	for i := range l.pending {
		d := &l.pending[i].d
		if l.needsDead(d) {
			names = append(names, d.name)
		}
		if l.needsSums(d) {
			files = append(files, d.Info)
		}
	}
	f := l.pending[0].d.tree.f
	dead, err := f.props.readAll(l.q.r.Context(), names)
	if err != nil {
		return fmt.Errorf("read properties: %w", err)
	}
	if len(files) > 0 {
		sums, err := f.d.sums.findAll(l.q.r.Context(), f, files)
		if err != nil {
			return fmt.Errorf("read checksums: %w", err)
		}
		for i := range l.pending {
			if c, ok := sums[l.pending[i].d.Ino]; ok && !l.pending[i].d.Dir {
				l.pending[i].d.sums = &c
			}
		}
	}
	for i := range l.pending {
		p := &l.pending[i]
		l.b = append(append(l.b, "<D:response><D:href>"...), p.href...)
		if err := l.finish(&p.d, dead[p.d.name]); err != nil {
			return err
		}
	}
	l.pending = l.pending[:0]
	return nil
}

// finish appends the rest of a response whose href is out, and sends what is ready.
func (l *propLister) finish(d *described, dead []store.Prop) error {
	l.b = append(l.b, "</D:href>"...)
	l.b = d.appendResponse(l.b, l.pf, dead, l.missing)
	l.b = append(l.b, "</D:response>\n"...)
	l.entries++
	if len(l.b) < sendAt {
		return nil
	}
	return l.send()
}

func (l *propLister) send() error {
	if !l.begun {
		l.begun = true
		l.header()
		l.q.w.WriteHeader(http.StatusMultiStatus)
	}
	l.keep()
	err := l.write(l.b)
	l.b = l.b[:0]
	return err
}

// write sends b under a deadline of its own.
func (l *propLister) write(b []byte) error {
	// Not every ResponseWriter has deadlines; then the server has none either.
	_ = http.NewResponseController(l.q.w).SetWriteDeadline(time.Now().Add(sendListTime))
	_, err := l.q.w.Write(b)
	return err
}

func (l *propLister) header() {
	head := l.q.w.Header()
	head["Content-Type"] = xmlType
	head["Vary"] = varyPrefer
	if l.length > 0 {
		head["Content-Length"] = []string{strconv.Itoa(l.length)}
	}
	if len(l.applied) > 0 {
		head.Set("Preference-Applied", strings.Join(l.applied, ", "))
	}
}

var varyPrefer = []string{"Brief, Prefer"}

func (l *propLister) end() error {
	if err := l.flushPending(); err != nil {
		return err
	}
	l.b = append(l.b, multistatusEnd...)
	if !l.begun {
		l.length = len(l.b)
	}
	return l.send()
}

const multistatusEnd = "</D:multistatus>\n"

// roots answers for /dav/, whose members are the caller's folders, and for "/" above it.
func (l *propLister) roots(depth int) error {
	if depth == depthInfinity {
		return errFiniteDepth
	}
	q := l.q
	mounts, err := l.h.access.Mounts(q.r.Context(), q.p)
	if err != nil {
		return err
	}
	root := l.describeRoot(mounts)
	if q.path.Above {
		top := root
		top.title = ""
		if !l.noRoot {
			if err := l.add(top, "/"); err != nil {
				return err
			}
		}
		if depth == depthOne {
			return l.add(root, davRoot+"/")
		}
		return nil
	}
	if !l.noRoot {
		if err := l.add(root, davRoot+"/"); err != nil {
			return err
		}
	}
	if depth == depthZero {
		return nil
	}
	for _, m := range mounts {
		if err := l.mountRoot(m); err != nil {
			return err
		}
	}
	return nil
}

// mountRoot answers for the root of one folder. One that cannot be opened is named with its status: were
// it left out, programs that keep two places alike would take it for deleted.
func (l *propLister) mountRoot(m store.Mount) error {
	ctx := l.q.r.Context()
	t, err := l.h.d.Tree(ctx, l.q.p, m)
	if err == nil {
		defer t.Close()
		d := l.describe(t, m, m.Name)
		d.title = m.Folder.Title
		if d.Info, err = t.Stat(""); err == nil {
			if err := l.add(d, hrefOf(davPath{Mount: m.Name}, true)); err != nil {
				return err
			}
			return l.flushPending() // before the tree is closed
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	}
	l.h.log.Warn("folder cannot be listed", "folder", m.Folder.ID, "error", err)
	l.b = append(l.b, "<D:response><D:href>"...)
	l.b = append(l.b, hrefOf(davPath{Mount: m.Name}, true)...)
	l.b = append(l.b, "</D:href><D:status>HTTP/1.1 503 Service Unavailable</D:status></D:response>\n"...)
	return nil
}

// describeRoot makes up the collection of the caller's folders. Its times and its ETag change
// only with them.
func (l *propLister) describeRoot(mounts []store.Mount) described {
	hash := fnv.New64a()
	d := described{Info: Info{Dir: true}, title: "Folders", rights: store.Read, caller: l.q.p, now: l.h.d.now()}
	d.MTime, d.Birth = l.h.d.start, l.h.d.start
	for i, m := range mounts {
		created := m.Folder.Created.UnixNano()
		if i == 0 {
			d.MTime, d.Birth = created, created
		}
		d.MTime, d.Birth = max(d.MTime, created), min(d.Birth, created)
		fmt.Fprintf(hash, "%s %s\n", m.Folder.ID, m.Name)
	}
	d.etag = fmt.Sprintf(`"%x"`, hash.Sum64())
	d.quota = func() (used, available int64, err error) {
		return l.h.d.ownedUsage(l.q.r.Context(), l.q.p, mounts)
	}
	return d
}

// ownedUsage sums what the caller's own folders hold and may still take, which together
// cannot be more than the volumes have (D13).
func (d *FS) ownedUsage(ctx context.Context, p store.Principal, mounts []store.Mount) (used, available int64, err error) {
	var own []store.Folder
	for _, m := range mounts {
		if m.Distance(p.UserID) == 0 {
			own = append(own, m.Folder)
		}
	}
	usages, err := d.Usages(own)
	if err != nil {
		return 0, 0, err
	}
	rest := make(map[*volume]int64) // what is left of each volume
	for i, u := range usages {
		used += u.Bytes
		vol := d.volumeOf(own[i])
		left, ok := rest[vol]
		if !ok {
			if left, err = vol.free(); err != nil {
				return 0, 0, err
			}
		}
		take := min(u.Available, left)
		available += take
		rest[vol] = left - take
	}
	return used, available, nil
}
