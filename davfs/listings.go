package davfs

import (
	"sync"
	"time"

	"davit/store"
)

// listingCache keeps what PROPFIND said of the members of collections, as it was sent, because clients
// ask for the same again and again: a mount in each of a hundred kernels, for one.
//
// Its rule: an answer comes from memory only while nothing that it says was changed through Davit. A change
// first announces itself on the collection and all above it (folder.announce), is carried out, moves their versions
// on (folder.changed), and then takes the announcement back; an answer is kept, and given out, only if no
// change is announced, and the version is that of before the disk was read. Trees that move as a whole are
// announced for all of the folder (folder.moving). What is changed on the disk by somebody else is seen
// after at most listingAge.
//
// Only what was asked for twice within listingAge is kept, so that a walk over a large tree costs no memory.
// It is safe for concurrent use.
type listingCache struct {
	mu      sync.Mutex
	entries map[listingKey]*listing
	size    int // of all bodies: those in entries, those that are made, those that are being sent; in bytes
}

const (
	listingAge      = time.Second
	maxListing      = 8 << 20  // one body, in bytes
	maxListings     = 64 << 20 // all of them
	maxListingCount = 4096
)

// listingKey is what an answer depends on besides the collection. Two requests with the same body have
// the same pf, see bodyCache.
type listingKey struct {
	f       *folder
	name    string // of the collection
	href    string // of the collection, as the client wrote it
	pf      *propfind
	missing bool
}

// listing is one answer, or, without a body, the memory that it was asked for.
type listing struct {
	state collectionState
	id    store.Identity // of the collection
	read  time.Time      // when the disk began to be read
	body  []byte         // response elements of all members
	count int            // of them

	// Guarded by listingCache.mu:
	making bool // without a body: somebody makes one
	users  int  // who send it; those who read slowly keep it in memory when it is long forgotten
	gone   bool // from the cache
}

// collectionState tells whether something changed below a collection: it is another one afterwards.
type collectionState struct{ version, trees, locks uint64 }

// get returns the answer for key if it is true now; sent must follow. chosen says that key was asked for a
// moment ago, so that the answer is worth keeping, and that nobody else makes it; keep or giveUp must follow.
func (c *listingCache) get(key listingKey, id store.Identity, now time.Time) (kept *listing, chosen bool) {
	c.mu.Lock()
	l := c.entries[key]
	fresh := l != nil && now.Sub(l.read) < listingAge
	if !fresh || l.body == nil {
		if !fresh || !l.making {
			c.put(key, &listing{read: now, making: fresh})
			chosen = fresh
		}
		c.mu.Unlock()
		return nil, chosen
	}
	l.users++
	c.mu.Unlock()
	if state, still := key.f.collectionState(key.name, key.pf.locks); !still || state != l.state || l.id != id {
		c.sent(l)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.entries[key] == l {
			c.put(key, &listing{read: now, making: true})
			chosen = true
		}
		return nil, chosen
	}
	return l, false
}

// giveUp lets somebody else make the answer for key, if it is not made.
func (c *listingCache) giveUp(key listingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.entries[key]; l != nil {
		l.making = false
	}
}

// sent ends the use of what get returned.
func (c *listingCache) sent(l *listing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.users--; l.users == 0 && l.gone {
		c.size -= len(l.body)
	}
}

// room takes room for n more bytes of an answer that is being made; false if there is none.
func (c *listingCache) room(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, l := range c.entries { // in no order: what is asked for now is in use as well
		if c.size+n <= maxListings {
			break
		}
		if l.body != nil && l.users == 0 {
			c.remove(key)
		}
	}
	if c.size+n > maxListings {
		return false
	}
	c.size += n
	return true
}

// drop gives back the room of an answer that is not kept.
func (c *listingCache) drop(n int) {
	c.mu.Lock()
	c.size -= n
	c.mu.Unlock()
}

// keep remembers an answer, which has its room, if all is as it was before it was read.
func (c *listingCache) keep(key listingKey, l *listing) {
	if state, still := key.f.collectionState(key.name, key.pf.locks); !still || state != l.state {
		c.drop(len(l.body))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, l)
}

func (c *listingCache) put(key listingKey, l *listing) {
	if c.entries == nil {
		c.entries = make(map[listingKey]*listing)
	}
	c.remove(key)
	if len(c.entries) >= maxListingCount {
		c.expireBefore(l.read.Add(-listingAge))
	}
	for other := range c.entries {
		if len(c.entries) < maxListingCount {
			break
		}
		c.remove(other)
	}
	c.entries[key] = l
}

func (c *listingCache) remove(key listingKey) {
	if l := c.entries[key]; l != nil {
		if l.gone = true; l.users == 0 {
			c.size -= len(l.body)
		}
		delete(c.entries, key)
	}
}

// expire forgets what is too old to be used.
func (c *listingCache) expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireBefore(now.Add(-listingAge))
}

func (c *listingCache) expireBefore(limit time.Time) {
	for key, l := range c.entries {
		if !l.read.After(limit) {
			c.remove(key)
		}
	}
}

// collectionState says in which state the collection is, with or without its locks; ok is false while a
// change is under way there.
func (f *folder) collectionState(name string, locks bool) (s collectionState, ok bool) {
	if locks {
		s.locks = f.locks.made.Load()
	}
	f.versionMu.Lock()
	defer f.versionMu.Unlock()
	s.trees, s.version, ok = f.treeMoves, f.forgotten, f.movingTrees == 0 && f.announced[name] == 0
	if v, known := f.versions[name]; known {
		s.version = v
	}
	return s, ok
}

// announce says that these names are about to change (n is 1) or no longer are (-1).
func (f *folder) announce(n int, names ...string) {
	f.versionMu.Lock()
	defer f.versionMu.Unlock()
	for _, name := range names {
		for name != "" {
			name = parentOf(name)
			if f.announced[name] += n; f.announced[name] == 0 {
				delete(f.announced, name)
			}
		}
	}
}

// moving says that a collection is about to go or come with all below it, where its members' own
// versions tell nothing. done ends that.
func (f *folder) moving() (done func()) {
	f.versionMu.Lock()
	defer f.versionMu.Unlock()
	f.movingTrees++
	return func() {
		f.versionMu.Lock()
		defer f.versionMu.Unlock()
		f.movingTrees--
		f.treeMoves++
	}
}

// listMembers is members, from memory where that is true.
func (l *propLister) listMembers(dir described, href string) error {
	f := dir.tree.f
	if !l.pf.cacheable || l.pf.locks && f.locks.near(dir.name) {
		return l.members(dir, href, nil)
	}
	now := time.Now()
	key := listingKey{f: f, name: dir.name, href: href, pf: l.pf, missing: l.missing}
	listings := &l.h.d.listings
	kept, chosen := listings.get(key, dir.Identity(), now)
	if kept != nil {
		defer listings.sent(kept)
		if err := l.flushPending(); err != nil { // the collection's own response comes before its members
			return err
		}
		l.entries += kept.count
		return l.sendKept(kept.body)
	}
	if !chosen {
		return l.members(dir, href, nil)
	}
	defer listings.giveUp(key)
	state, still := f.collectionState(dir.name, l.pf.locks)
	if !still {
		return l.members(dir, href, nil)
	}
	if err := l.flushPending(); err != nil { // what is kept is the members alone
		return err
	}
	l.keeping, l.keptFrom = true, len(l.b)
	defer l.letGo()
	entries := l.entries
	if err := l.members(dir, href, nil); err != nil {
		return err
	}
	l.keep()
	if l.keeping && !(l.pf.locks && f.locks.near(dir.name)) {
		listings.keep(key, &listing{state: state, id: dir.Identity(), read: now, body: l.kept, count: l.entries - entries})
		l.kept = nil
	}
	return nil
}

// keep takes what was written since the last call.
func (l *propLister) keep() {
	if !l.keeping {
		return
	}
	part := l.b[l.keptFrom:]
	l.keptFrom = 0
	if len(l.kept)+len(part) > maxListing || !l.h.d.listings.room(len(part)) {
		l.letGo()
		return
	}
	l.kept = append(l.kept, part...)
}

// letGo ends the keeping; what was kept and not handed over is forgotten.
func (l *propLister) letGo() {
	l.h.d.listings.drop(len(l.kept))
	l.keeping, l.kept = false, nil
}

// sendPiece is how much of a kept answer is sent under one deadline.
const sendPiece = 512 << 10

// sendKept sends the members of a collection, whose own response is in l.b or is not wanted, and the
// end of the answer, the length of which is known for once.
func (l *propLister) sendKept(body []byte) error {
	l.length = len(l.b) + len(body) + len(multistatusEnd)
	if err := l.send(); err != nil {
		return err
	}
	for len(body) > 0 {
		n := min(len(body), sendPiece)
		if err := l.write(body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

// keepable are the live properties that say nothing but what a resource's directory entry and version tell;
// with lockdiscovery while there are no locks near.
var keepable = [len(liveProps)]bool{
	propCreationdate: true, propDisplayname: true, propGetcontentlength: true, propGetcontenttype: true,
	propGetetag: true, propGetlastmodified: true, propLockdiscovery: true, propResourcetype: true,
	propSupportedlock: true, propExecutable: true, propWin32Created: true, propWin32Accessed: true,
	propWin32Modified: true, propWin32Attributes: true,
}

// canKeep says whether answers to pf may be kept, and whether only while there are no locks.
func (pf *propfind) canKeep() (ok, noLocks bool) {
	noLocks = pf.kind == propfindAll
	for _, w := range pf.wants {
		if w.id != notLive && !keepable[w.id] {
			return false, false
		}
		noLocks = noLocks || w.id == propLockdiscovery
	}
	return true, noLocks
}
