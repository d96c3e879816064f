package server

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

const (
	rateWindow = 15 * time.Minute
	// maxCallers bounds the memory of a rateLimit; beyond it a caller is
	// forgotten, which favours the caller and never refuses anybody.
	maxCallers = 50_000
)

// rateHeaders are written as the API's documents have them, not as net/http would.
var rateHeaders = [...]string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Window"}

// rateLimit counts API requests of each caller in windows of 15 minutes that
// begin with the caller's first request (D31). It is safe for concurrent use.
type rateLimit struct {
	limit int // 0: none
	now   func() time.Time

	mu      sync.Mutex
	callers map[string]*window
}

type window struct {
	ends time.Time
	used int
}

func newRateLimit(limit int, now func() time.Time) *rateLimit {
	return &rateLimit{limit: limit, now: now, callers: map[string]*window{}}
}

// take counts one request of caller and writes the X-RateLimit headers. False
// means that the caller has had its share, until a later time that Retry-After names.
func (l *rateLimit) take(h http.Header, caller string) bool {
	if l.limit == 0 {
		return true
	}
	now := l.now()
	l.mu.Lock()
	w := l.callers[caller]
	if w == nil || !now.Before(w.ends) {
		if w == nil && len(l.callers) >= maxCallers {
			l.forget(now)
		}
		w = &window{ends: now.Add(rateWindow)}
		l.callers[caller] = w
	}
	w.used++
	used, reset := w.used, w.ends.Sub(now)
	l.mu.Unlock()

	for i, n := range []int64{int64(l.limit), int64(max(0, l.limit-used)), reset.Milliseconds(), int64(rateWindow / time.Second)} {
		h[rateHeaders[i]] = []string{strconv.FormatInt(n, 10)}
	}
	if used > l.limit {
		h.Set("Retry-After", strconv.FormatInt(int64((reset+time.Second-1)/time.Second), 10))
		return false
	}
	return true
}

// counted says whether take has seen the request that h answers.
func (l *rateLimit) counted(h http.Header) bool {
	return l.limit == 0 || h[rateHeaders[0]] != nil
}

// forget makes room: windows that have ended, else any tenth.
func (l *rateLimit) forget(now time.Time) {
	for caller, w := range l.callers {
		if !now.Before(w.ends) {
			delete(l.callers, caller)
		}
	}
	if len(l.callers) < maxCallers {
		return
	}
	n := maxCallers / 10
	for caller := range l.callers {
		if n == 0 {
			return
		}
		delete(l.callers, caller)
		n--
	}
}

// addressCaller names callers without credentials. An IPv6 client owns a whole /64.
func addressCaller(ip netip.Addr) string {
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}
