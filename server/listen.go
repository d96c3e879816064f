package server

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// cappedListener closes connections of an address that holds too many (D31).
// Trusted proxies speak for many clients and are not capped.
type cappedListener struct {
	net.Listener
	max    int
	exempt func(netip.Addr) bool
	log    *slog.Logger

	mu     sync.Mutex
	open   map[netip.Addr]int
	warned time.Time // by Accept, which one goroutine calls
}

// warnEvery is how often the log tells of connections that were refused: clients try on and on.
const warnEvery = time.Minute

func (l *cappedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		ap, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		ip := ap.Addr().Unmap()
		if l.max == 0 || l.exempt(ip) {
			return c, nil
		}
		if l.take(ip) {
			return &cappedConn{TCPConn: tcp, release: sync.OnceFunc(func() { l.release(ip) })}, nil
		}
		c.Close()
		if now := time.Now(); now.Sub(l.warned) >= warnEvery {
			l.warned = now
			l.log.Warn("connections are refused: their address holds as many as it may", "address", ip.String(), "limit", l.max,
				"way_out", "--max-connections, or --trusted-proxy for a proxy that speaks for many")
		}
	}
}

func (l *cappedListener) take(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[ip] >= l.max {
		return false
	}
	l.open[ip]++
	return true
}

func (l *cappedListener) release(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[ip]--; l.open[ip] == 0 {
		delete(l.open, ip)
	}
}

// cappedConn embeds the *net.TCPConn itself: net/http finds ReadFrom on it, and
// so sendfile.
type cappedConn struct {
	*net.TCPConn
	release func()
}

func (c *cappedConn) Close() error {
	c.release()
	return c.TCPConn.Close()
}
