package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"
)

// The bounds of the cache of credentials (SEC-3).
const (
	verifiedFor = 5 * time.Minute
	maxVerified = 10000
	maxRefused  = 10000
)

// digest is a keyed hash of something secret. The key lives as long as the process,
// so a copy of its memory or of a log tells nothing about the text.
type digest [sha256.Size]byte

// entry is a verified Authorization header.
type entry struct {
	principal store.Principal
	epoch     atomic.Uint64 // the rows were read no earlier than this, or have not changed since
	verified  time.Time     // in full, with the password hash
	hash      string        // the user's password hash; "" for a token
	expires   time.Time     // of the token; zero: never
	person    *person       // of a JWT: what it says
	touched   atomic.Int64
}

func newEntry(p store.Principal, epoch uint64, verified time.Time) *entry {
	e := &entry{principal: p, verified: verified}
	e.epoch.Store(epoch)
	return e
}

// verified remembers Authorization headers: those that were good, and those that were
// not, so that a client that keeps trying an old password costs nothing and does not
// count as somebody who guesses.
type verified struct {
	key    []byte
	hashes chan *keyedHash // free ones

	mu      sync.RWMutex
	good    map[digest]*entry
	refused map[digest]refusal
	swept   time.Time
}

type refusal struct {
	epoch  uint64
	userID string // whose password it was not; "" if there was no such user
	at     time.Time
}

// keyedHash is a hash with its buffers, so that a request needs no new ones.
type keyedHash struct {
	hash.Hash
	text []byte
	sum  []byte
}

func newVerified() *verified {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails; not Options.Rand, which a test may make predictable
	return &verified{
		key:     key,
		hashes:  make(chan *keyedHash, 16),
		good:    make(map[digest]*entry),
		refused: make(map[digest]refusal),
	}
}

// sum is the keyed hash of text.
func (v *verified) sum(text string) digest {
	var h *keyedHash
	select {
	case h = <-v.hashes:
		h.Reset()
	default:
		h = &keyedHash{Hash: hmac.New(sha256.New, v.key)}
	}
	h.text = append(h.text[:0], text...)
	h.Write(h.text)
	clear(h.text)
	h.sum = h.Sum(h.sum[:0])
	d := digest(h.sum)
	select {
	case v.hashes <- h:
	default:
	}
	return d
}

// current says whether nothing has changed that e depends on.
func (a *Auth) current(e *entry, epoch uint64) bool {
	since := e.epoch.Load()
	if since == epoch {
		return true
	}
	now, changed := a.records.Changed(since, func(t store.Touch) bool {
		return t.Kind == store.TouchUser && t.ID == e.principal.UserID
	})
	if !changed {
		e.epoch.Store(now)
	}
	return !changed
}

// get returns the entry of a header that was verified lately, else nil. The caller
// asks whether it is current.
func (v *verified) get(sum digest, now time.Time) *entry {
	v.mu.RLock()
	e := v.good[sum]
	v.mu.RUnlock()
	if e == nil || now.Sub(e.verified) >= verifiedFor || e.expired(now) {
		return nil
	}
	return e
}

func (e *entry) expired(now time.Time) bool {
	return !e.expires.IsZero() && !now.Before(e.expires)
}

func (v *verified) put(sum digest, e *entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.refused, sum)
	if _, ok := v.good[sum]; !ok {
		evict(v.good, maxVerified)
	}
	v.good[sum] = e
}

// known says whether a header was refused lately, and whether nothing has changed
// since, so that it would be refused again.
func (a *Auth) known(sum digest, now time.Time) (before, still bool) {
	v := a.verified
	v.mu.RLock()
	r, ok := v.refused[sum]
	v.mu.RUnlock()
	if !ok || now.Sub(r.at) >= verifiedFor {
		return false, false
	}
	_, changed := a.records.Changed(r.epoch, func(t store.Touch) bool {
		return t.Kind == store.TouchUser && (r.userID == "" || t.ID == r.userID)
	})
	return true, !changed
}

func (v *verified) refuse(sum digest, userID string, epoch uint64, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.good, sum)
	if _, ok := v.refused[sum]; !ok {
		evict(v.refused, maxRefused)
	}
	v.refused[sum] = refusal{epoch: epoch, userID: userID, at: now}
}

// sweep forgets what is too old to count, once a minute.
func (v *verified) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.swept) < time.Minute {
		return
	}
	v.swept = now
	for sum, e := range v.good {
		if now.Sub(e.verified) >= verifiedFor || e.expired(now) {
			delete(v.good, sum)
		}
	}
	for sum, r := range v.refused {
		if now.Sub(r.at) >= verifiedFor {
			delete(v.refused, sum)
		}
	}
}
