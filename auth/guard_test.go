package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"davit/store"
)

// newTestGuard returns a guard that notes how long attempts wait, and its clock.
func newTestGuard() (*guard, *clock, *[]time.Duration) {
	c := &clock{t: noon}
	g := newGuard(c.now, slog.New(slog.DiscardHandler))
	var slept []time.Duration
	g.sleep = func(_ context.Context, d time.Duration) error {
		slept = append(slept, d)
		return nil
	}
	return g, c, &slept
}

var (
	annAccount = digest{'a'}
	bobAccount = digest{'b'}
	here       = netip.MustParseAddr("192.0.2.1")
	there      = netip.MustParseAddr("198.51.100.1")
)

// waits returns what an attempt has to wait now.
func waits(t *testing.T, g *guard, slept *[]time.Duration, account digest, addr netip.Addr) time.Duration {
	t.Helper()
	*slept = nil
	if err := g.enter(t.Context(), account, addr); err != nil {
		t.Fatal(err)
	}
	if len(*slept) == 0 {
		return 0
	}
	return (*slept)[0]
}

func TestSEC3_GuardDelays(t *testing.T) {
	g, clock, slept := newTestGuard()
	var got []time.Duration
	for range 10 {
		got = append(got, waits(t, g, slept, annAccount, here))
		g.failed(annAccount, here)
	}
	ms := time.Millisecond
	delays := []time.Duration{0, 0, 0, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}
	if !slices.Equal(got, delays) {
		t.Errorf("waits %v, want %v", got, delays)
	}
	clock.add(guardForget)
	if got := waits(t, g, slept, annAccount, here); got != 5*time.Second {
		t.Errorf("after a minute: %v, want 5s", got)
	}
	clock.add(3 * guardForget)
	if got := waits(t, g, slept, annAccount, here); got != time.Second*2 {
		t.Errorf("after four minutes: %v, want 2s", got)
	}
	clock.add(10 * guardForget)
	if got := waits(t, g, slept, annAccount, here); got != 0 || len(g.failures) > 1 {
		t.Errorf("in the end: %v with %d marks, want 0 and those of the pair at most", got, len(g.failures))
	}
}

func TestSEC3_GuardWhom(t *testing.T) {
	longest := guardLongest
	for _, c := range []struct {
		name    string
		before  func(g *guard)
		account digest
		addr    netip.Addr
		want    time.Duration
	}{
		{"the attacker", nil, annAccount, here, longest},
		{"the attacker, another account", nil, bobAccount, here, longest},
		{"the account, from elsewhere", nil, annAccount, there, longest},
		{"others elsewhere", nil, bobAccount, there, 0},
		{"the owner where she was before", func(g *guard) { g.succeeded(annAccount, there) }, annAccount, there, 0},
		{"somebody who was behind the attacker's address before", func(g *guard) { g.succeeded(bobAccount, here) }, bobAccount, here, 0},
		{"the owner, attacked from her own address", func(g *guard) { g.succeeded(annAccount, here) }, annAccount, here, longest},
		{"an attacker with an account of his own", func(g *guard) { g.succeeded(digest{'e'}, here) }, annAccount, here, longest},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _, slept := newTestGuard()
			if c.before != nil {
				c.before(g)
			}
			for range 20 {
				g.failed(annAccount, here)
			}
			if got := waits(t, g, slept, c.account, c.addr); got != c.want {
				t.Errorf("waits %v, want %v", got, c.want)
			}
		})
	}
}

func TestGuardSleepers(t *testing.T) {
	g, _, _ := newTestGuard()
	entered, leave := make(chan struct{}), make(chan struct{})
	g.sleep = func(context.Context, time.Duration) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	done := make(chan error)
	sleep := func(addr netip.Addr) {
		go func() { done <- g.enter(context.Background(), annAccount, addr) }()
		<-entered
	}
	for range guardMost {
		g.failed(annAccount, here)
	}
	for range maxSleepersEach {
		sleep(here)
	}
	var retry *RetryError
	if err := g.enter(t.Context(), annAccount, here); !errors.As(err, &retry) || !errors.Is(err, store.ErrTooMany) || retry.After != guardLongest {
		t.Errorf("one more of an address: %v, want ErrTooMany for 5s", err)
	}
	for i := range maxSleepers - maxSleepersEach {
		sleep(netip.MustParseAddr(fmt.Sprintf("198.51.100.%d", i+1)))
	}
	if err := g.enter(t.Context(), annAccount, netip.MustParseAddr("203.0.113.1")); !errors.Is(err, store.ErrTooMany) {
		t.Errorf("one more of all: %v, want ErrTooMany", err)
	}
	if err := g.enter(t.Context(), bobAccount, there.Next().Next()); err != nil {
		t.Errorf("an account that nobody attacks: %v", err)
	}
	close(leave)
	for range maxSleepers {
		if err := <-done; err != nil {
			t.Errorf("after its wait: %v", err)
		}
	}
	if g.sleeping != 0 || len(g.sleepers) != 0 {
		t.Errorf("%d and %d sleepers left, want none", g.sleeping, len(g.sleepers))
	}
}

func TestGuardMemory(t *testing.T) {
	g, _, _ := newTestGuard()
	for i := range maxMarks {
		account := digest{byte(i), byte(i >> 8), 1}
		g.failed(account, here)
		g.succeeded(account, there)
	}
	g.succeeded(annAccount, here)
	if len(g.failures) > maxMarks || len(g.homes) > maxMarks {
		t.Errorf("%d failures and %d homes, want at most %d", len(g.failures), len(g.homes), maxMarks)
	}
}

func TestSleep(t *testing.T) {
	if err := sleep(t.Context(), time.Nanosecond); err != nil {
		t.Errorf("sleep: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sleep(ctx, time.Hour); err != context.Canceled {
		t.Errorf("sleep: %v, want %v", err, context.Canceled)
	}
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct{ ip, want string }{
		{"192.0.2.1", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"2001:db8:1:2::9", "2001:db8:1:2::"},
		{"fe80::1%eth0", "fe80::"},
	} {
		if got := network(netip.MustParseAddr(c.ip)); got.String() != c.want {
			t.Errorf("network(%s) = %v, want %s", c.ip, got, c.want)
		}
	}
	if got := network(netip.Addr{}); got.IsValid() {
		t.Errorf("network of no address: %v", got)
	}
}

// TestSEC3_Guessing goes through the door.
func TestSEC3_Guessing(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "secret")
	_, token := w.newToken(ann.ID, "", false, time.Time{})
	attacker, stranger := Client{IP: here, Loopback: true}, Client{IP: there, Loopback: true}

	// A client that keeps sending one old password guesses nothing, and costs nothing.
	w.client.Store(&attacker)
	for range 10 {
		got, _ := w.basic("/dav", "ann", "old")
		want(t, got, 401)
	}
	if n := w.st.passwords.Load(); n != 1 || len(w.slept) > 0 {
		t.Errorf("the same wrong password: verified %d times, waits %v; want once, and none", n, w.slept)
	}
	w.st.SetUserLimits(t.Context(), ann.ID, store.Limits{}) // after a change it may be right
	got, _ := w.basic("/dav", "ann", "old")
	want(t, got, 401)
	if n := w.st.passwords.Load(); n != 2 || len(w.slept) > 0 {
		t.Errorf("after a change: verified %d times, waits %v; want twice, and none", n, w.slept)
	}

	for i := range 9 {
		got, _ := w.basic("/dav", "ann", fmt.Sprint("guess", i))
		want(t, got, 401)
	}
	if len(w.slept) != 7 || w.slept[6] != guardLongest {
		t.Errorf("guesses waited %v, want 7 waits, the last of 5s", w.slept)
	}

	w.client.Store(&stranger)
	w.slept = nil
	got, _ = w.basic("/dav", "ann", "secret") // never refused, whatever others do
	want(t, got, 200)
	if !slices.Equal(w.slept, []time.Duration{guardLongest}) {
		t.Errorf("the owner waited %v, want 5s once", w.slept)
	}
	w.slept = nil
	w.clock.add(verifiedFor) // the cache has forgotten her, the guard has not
	got, _ = w.basic("/dav", "ann", "secret")
	want(t, got, 200)
	w.client.Store(&attacker)
	got, _ = w.basic("/dav", "ann", token)
	want(t, got, 200)
	if len(w.slept) != 0 {
		t.Errorf("the owner waited %v, want nothing", w.slept)
	}
}
