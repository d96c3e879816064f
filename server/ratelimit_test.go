package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestRateLimitForgets(t *testing.T) {
	c := &clock{t: then}
	l := newRateLimit(1, c.now)
	for i := range maxCallers + 1 {
		if !l.take(http.Header{}, fmt.Sprint(i)) {
			t.Fatalf("caller %d is refused", i)
		}
	}
	if n := len(l.callers); n > maxCallers {
		t.Errorf("%d callers are remembered", n)
	}
	c.set(then.Add(time.Hour))
	for i := range maxCallers/10 + 1 {
		l.take(http.Header{}, fmt.Sprint("late", i))
	}
	if n := len(l.callers); n > maxCallers/5 {
		t.Errorf("%d callers are remembered, though most windows have ended", n)
	}
}

func TestAddressCaller(t *testing.T) {
	one, two := netip.MustParseAddr("2001:db8:1:2:3::4"), netip.MustParseAddr("2001:db8:1:2:5::6")
	if addressCaller(one) != addressCaller(two) {
		t.Error("two addresses of one /64 are two callers")
	}
	if addressCaller(netip.MustParseAddr("192.0.2.1")) == addressCaller(netip.MustParseAddr("192.0.2.2")) {
		t.Error("two IPv4 addresses are one caller")
	}
}
