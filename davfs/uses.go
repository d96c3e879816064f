package davfs

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// Who mounts a folder is not known: a mount is only requests. So a folder counts as in use while one
// runs, for some time after the last, and while somebody holds a lock (D23). Only WebDAV counts: who calls
// an API sees its answer, and keeps no files open.

// UsedFor is how long after its last request a WebDAV client counts as using a folder.
const UsedFor = 5 * time.Minute

// Bounds of what is remembered. Clients above them push out those that were silent for longest.
const (
	mostClients  = 64    // of one folder
	mostUses     = 16384 // of all; beyond it a folder has one client that it does not share
	maxUserAgent = 200   // bytes
)

// Use is how one client uses a folder over WebDAV.
type Use struct {
	FolderID string
	UserID   string
	UserName string
	TokenID  string // the token that it came with; "" for a password
	Address  netip.Addr
	Agent    string // User-Agent

	First, Last time.Time // requests, without a pause of more than UsedFor between
	Running     int64     // requests that run now
	Reads       int64     // requests that were granted: GET, HEAD, PROPFIND, REPORT
	Writes      int64     // all others
}

// Activity is what goes on in a folder.
type Activity struct {
	Last  time.Time    // last WebDAV request; zero: none in the last UsedFor
	Uses  []Use        // latest first; of very many clients those that came last
	Locks []store.Lock // WebDAV locks that are held, by path
}

// InUse says whether somebody would miss the folder if it went away now.
func (a Activity) InUse() bool { return !a.Last.IsZero() || len(a.Locks) > 0 }

// folderUses is who uses a folder. It outlives the open folder.
type folderUses struct {
	d       *FS
	id      string
	last    atomic.Int64 // last request, ns since 1970
	running atomic.Int64

	mu      sync.RWMutex
	clients map[useKey]*clientUse
	dropped bool // the folder is no more
}

type useKey struct {
	userID, token, agent string
	address              netip.Addr
}

type clientUse struct {
	userName                            string
	first, last, running, reads, writes atomic.Int64
}

// using is one request that uses a folder.
type using struct {
	folder *folderUses
	client *clientUse
}

// begin notes that a request uses t's folder; end it.
func (h *Handler) begin(q *request, t *Tree) using {
	k := useKey{userID: q.p.UserID, token: q.p.KeyID, agent: q.r.UserAgent()}
	if len(k.agent) > maxUserAgent {
		k.agent = k.agent[:maxUserAgent]
	}
	if h.o.Address != nil {
		k.address = h.o.Address(q.r)
	}
	now := t.f.used.Load() // opening the tree has set it
	u := using{folder: t.f.uses()}
	u.client = u.folder.client(k, q.p.UserName, now)
	for _, n := range []*atomic.Int64{&u.folder.running, &u.client.running} {
		n.Add(1)
	}
	u.folder.last.Store(now)
	u.client.last.Store(now)
	return u
}

// end notes that a request has ended, which was granted or refused. The zero using is none.
func (u using) end(method string, granted bool, now int64) {
	if u.client == nil {
		return
	}
	switch {
	case !granted:
	case method == http.MethodGet, method == http.MethodHead, method == methodPropfind, method == methodReport:
		u.client.reads.Add(1)
	default:
		u.client.writes.Add(1)
	}
	u.folder.last.Store(now)
	u.client.last.Store(now)
	u.client.running.Add(-1)
	u.folder.running.Add(-1)
}

// uses returns the folder's record, which the first use makes.
func (f *folder) uses() *folderUses {
	if u := f.davUses.Load(); u != nil {
		return u
	}
	d := f.d
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.davUses[f.id]
	if u == nil {
		u = &folderUses{d: d, id: f.id, clients: make(map[useKey]*clientUse)}
		d.davUses[f.id] = u
	}
	f.davUses.Store(u)
	return u
}

// client returns the record of a client; a new one if it was silent for long.
func (u *folderUses) client(k useKey, userName string, now int64) *clientUse {
	u.mu.RLock()
	c := u.clients[k]
	u.mu.RUnlock()
	if c != nil && !c.over(now) {
		return c
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.clients[k]; c != nil && !c.over(now) {
		return c
	}
	for k, c := range u.clients {
		if c.over(now) {
			u.remove(k)
		}
	}
	for n := len(u.clients); n >= mostClients || n > 0 && u.d.useCount.Load() >= mostUses; n = len(u.clients) {
		u.evict()
	}
	k.agent = strings.Clone(k.agent) // not the whole header
	c = &clientUse{userName: userName}
	c.first.Store(now)
	c.last.Store(now)
	if u.dropped {
		return c
	}
	u.clients[k] = c
	u.d.useCount.Add(1)
	return c
}

// over says whether the client's use has ended.
func (c *clientUse) over(now int64) bool {
	return c.running.Load() == 0 && now-c.last.Load() >= int64(UsedFor)
}

func (u *folderUses) remove(k useKey) {
	delete(u.clients, k)
	u.d.useCount.Add(-1)
}

// evict forgets the client that was silent for longest, rather one that has no request running.
func (u *folderUses) evict() {
	var oldest useKey
	var found *clientUse
	for k, c := range u.clients {
		if found == nil || cmp.Or(cmp.Compare(min(c.running.Load(), 1), min(found.running.Load(), 1)), cmp.Compare(c.last.Load(), found.last.Load())) < 0 {
			oldest, found = k, c
		}
	}
	u.remove(oldest)
}

// lastUse is when the folder was last used, now if it is; zero if not lately.
func (u *folderUses) lastUse(now time.Time) time.Time {
	switch last := time.Unix(0, u.last.Load()).UTC(); {
	case u.running.Load() > 0:
		return now
	case now.Sub(last) < UsedFor:
		return last
	}
	return time.Time{}
}

// list is everybody who uses the folder, latest first.
func (u *folderUses) list(now time.Time) []Use {
	u.mu.RLock()
	defer u.mu.RUnlock()
	all := make([]Use, 0, len(u.clients))
	for k, c := range u.clients {
		if c.over(now.UnixNano()) {
			continue
		}
		all = append(all, Use{
			FolderID: u.id, UserID: k.userID, UserName: c.userName, TokenID: k.token,
			Address: k.address, Agent: strings.ToValidUTF8(k.agent, "\uFFFD"),
			First: time.Unix(0, c.first.Load()).UTC(), Last: time.Unix(0, c.last.Load()).UTC(),
			Running: c.running.Load(), Reads: c.reads.Load(), Writes: c.writes.Load(),
		})
	}
	slices.SortFunc(all, laterUse)
	return all
}

func laterUse(a, b Use) int {
	return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.FolderID, b.FolderID), strings.Compare(a.UserName, b.UserName),
		strings.Compare(a.TokenID, b.TokenID), a.Address.Compare(b.Address), strings.Compare(a.Agent, b.Agent))
}

// usesOf is the record of a folder; nil if nobody used it lately.
func (d *FS) usesOf(folderID string) *folderUses {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.davUses[folderID]
}

// LastDAVUse is when a folder was last used over WebDAV; zero: not in the last UsedFor, as
// far as this run of the server knows. It needs no SQL.
func (d *FS) LastDAVUse(folderID string) time.Time {
	if u := d.usesOf(folderID); u != nil {
		return u.lastUse(d.now())
	}
	return time.Time{}
}

// Activity says what goes on in a folder, without opening it.
func (d *FS) Activity(ctx context.Context, folderID string) (a Activity, err error) {
	now := d.now()
	if u := d.usesOf(folderID); u != nil {
		a.Last, a.Uses = u.lastUse(now), u.list(now)
	}
	d.mu.Lock()
	f := d.folders[folderID]
	if f != nil {
		f.users++
	}
	d.mu.Unlock()
	if f != nil {
		defer f.release()
		a.Locks = f.locks.all()
		return a, nil
	}
	// A folder with locks stays open, but after a start nobody has opened it yet.
	rows, err := d.st.Locks(ctx, folderID)
	for _, l := range rows {
		if now.Before(l.Expires) {
			a.Locks = append(a.Locks, l)
		}
	}
	return a, err
}

// InUse returns what Activity.InUse says of folders, for many at once: it asks SQL but once, for the locks.
func (d *FS) InUse(ctx context.Context) (func(folderID string) bool, error) {
	locked, err := d.st.LockedFolders(ctx, d.now())
	if err != nil {
		return nil, err
	}
	return func(folderID string) bool {
		_, is := slices.BinarySearch(locked, folderID)
		return is || !d.LastDAVUse(folderID).IsZero()
	}, nil
}

// Uses is who uses any folder over WebDAV, latest first.
func (d *FS) Uses() []Use {
	d.mu.Lock()
	records := make([]*folderUses, 0, len(d.davUses))
	for _, u := range d.davUses {
		records = append(records, u)
	}
	d.mu.Unlock()
	now := d.now()
	all := []Use{}
	for _, u := range records {
		all = append(all, u.list(now)...)
	}
	slices.SortFunc(all, laterUse)
	return all
}

// forgetUses forgets the uses of closed folders that are over. FS.mu is held.
func (d *FS) forgetUses(now time.Time) {
	for id, u := range d.davUses {
		if d.folders[id] != nil || !u.lastUse(now).IsZero() {
			continue
		}
		d.dropUses(id)
	}
}

// dropUses forgets the uses of a folder. FS.mu is held.
func (d *FS) dropUses(id string) {
	u := d.davUses[id]
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	d.useCount.Add(-int64(len(u.clients)))
	clear(u.clients)
	u.dropped = true
	delete(d.davUses, id)
}
