package auth

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"davit/store"
)

// The guard slows the guessing of passwords (D31, SEC-3): three wrong ones are free,
// then each attempt waits, longer and longer; a minute without failure takes one back.
const (
	guardFree    = 3
	guardFirst   = 250 * time.Millisecond
	guardLongest = 5 * time.Second
	guardForget  = time.Minute
	guardMost    = 10 // more failures than this change nothing

	maxMarks        = 16384 // failures and successes remembered, each
	maxSleepers     = 128   // attempts that wait at one time
	maxSleepersEach = 8     // of one address
)

// guard makes attempts wait; it locks nobody out. An attempt is slowed by the failures
// of its address and by those of its account, from wherever they came, but where the
// account has signed in before from that address only by the failures of that pair: so
// strangers elsewhere, or others behind the same address, can't slow its owner there.
// And since attempts wait instead of being refused, the right password always gets in,
// within guardLongest; only an address that has too many of them waiting is refused.
//
// Only passwords are counted. Tokens and keys have 240 random bits or more, and are
// never slowed; nor is a credential that is still in the cache.
type guard struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	log   *slog.Logger

	mu       sync.Mutex
	failures map[mark]failures
	homes    map[mark]struct{} // pairs that have signed in
	sleepers map[netip.Addr]int
	sleeping int
}

// mark is what failures are counted for: an account, an address, or (both set) a pair.
type mark struct {
	account digest
	addr    netip.Addr
}

type failures struct {
	count int
	last  time.Time
}

func newGuard(now func() time.Time, log *slog.Logger) *guard {
	return &guard{
		now:      now,
		sleep:    sleep,
		log:      log,
		failures: make(map[mark]failures),
		homes:    make(map[mark]struct{}),
		sleepers: make(map[netip.Addr]int),
	}
}

// network is the address that failures are counted for: of IPv6 the /64, for that is
// what one subscriber has at least.
func network(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// enter waits until account may be tried from addr. It returns a *RetryError with
// store.ErrTooMany if too many others wait already, or the context's error.
func (g *guard) enter(ctx context.Context, account digest, addr netip.Addr) error {
	g.mu.Lock()
	d := g.delay(account, addr)
	if d == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.sleeping >= maxSleepers || g.sleepers[addr] >= maxSleepersEach {
		g.mu.Unlock()
		return &RetryError{Err: store.ErrTooMany, After: d}
	}
	g.sleeping++
	g.sleepers[addr]++
	g.mu.Unlock()

	err := g.sleep(ctx, d)

	g.mu.Lock()
	defer g.mu.Unlock()
	g.sleeping--
	if g.sleepers[addr]--; g.sleepers[addr] == 0 {
		delete(g.sleepers, addr)
	}
	return err
}

// delay is how long an attempt must wait; g.mu is held.
func (g *guard) delay(account digest, addr netip.Addr) time.Duration {
	pair := mark{account, addr}
	n := 0
	if _, home := g.homes[pair]; home {
		n = g.count(pair)
	} else {
		n = max(g.count(mark{addr: addr}), g.count(mark{account: account}))
	}
	if n < guardFree {
		return 0
	}
	return min(guardFirst<<(n-guardFree), guardLongest)
}

// count is the number of failures that are not forgotten yet; g.mu is held.
func (g *guard) count(m mark) int {
	f, ok := g.failures[m]
	if !ok {
		return 0
	}
	n := f.count - int(g.now().Sub(f.last)/guardForget)
	if n <= 0 {
		delete(g.failures, m)
		return 0
	}
	return n
}

// failed counts a wrong password, and says whether that begins to slow the address or the account.
func (g *guard) failed(account digest, addr netip.Addr) (slows bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range []mark{{account, addr}, {addr: addr}, {account: account}} {
		n := g.count(m)
		if n == 0 {
			evict(g.failures, maxMarks)
		}
		g.failures[m] = failures{count: min(n+1, guardMost), last: g.now()}
		if n+1 == guardFree && m != (mark{account, addr}) {
			slows = true
		}
		if n+1 == guardFree && m == (mark{addr: addr}) {
			g.log.Warn("sign-ins are slowed after wrong passwords", "address", addr)
		}
	}
	return slows
}

// succeeded makes addr a home of account.
func (g *guard) succeeded(account digest, addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pair := mark{account, addr}
	delete(g.failures, pair)
	if _, ok := g.homes[pair]; !ok {
		evict(g.homes, maxMarks)
	}
	g.homes[pair] = struct{}{}
}

// sleep waits, or returns the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
