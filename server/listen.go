package server

import (
	"bytes"
	"io"
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
			return &conn{TCPConn: tcp}, nil
		}
		if l.take(ip) {
			return &conn{TCPConn: tcp, release: sync.OnceFunc(func() { l.release(ip) })}, nil
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

// conn is one client's connection. It embeds the *net.TCPConn itself: net/http finds ReadFrom on it, and
// so sendfile.
//
// net/http writes through a buffer of 4 KiB, so that an answer with its header just over that goes out in two
// pieces, each of which costs the server, the client and the kernel as much as a whole one. Such answers
// are gathered.
type conn struct {
	*net.TCPConn
	release func() // nil: not counted

	// Both belong to the goroutine that serves the connection.
	gathering int // length of the body that is on its way; 0: nothing is gathered
	gathered  []byte
}

// Bodies that gather is worth while for. Shorter ones fit into net/http's buffer with their header, and longer
// ones it does not copy.
const gatherFrom, gatherTo = 2 << 10, 32 << 10

// gather says that a header and a body of this length are written next. Both are sent when they are complete.
func (c *conn) gather(length int64) {
	if length >= gatherFrom && length <= gatherTo {
		c.gathering = int(length)
	}
}

var gatherBuffers = sync.Pool{New: func() any { b := make([]byte, 0, gatherTo+8<<10); return &b }}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.gathering == 0 {
		return c.TCPConn.Write(p)
	}
	if c.gathered == nil {
		c.gathered = *gatherBuffers.Get().(*[]byte)
	}
	c.gathered = append(c.gathered, p...)
	if end := bytes.Index(c.gathered, headerEnd); end >= 0 && len(c.gathered) < end+len(headerEnd)+c.gathering {
		return len(p), nil
	}
	return len(p), c.flush() // also what has no header within a buffer of net/http
}

var headerEnd = []byte("\r\n\r\n")

// flush sends what is gathered.
func (c *conn) flush() error {
	c.gathering = 0
	if c.gathered == nil {
		return nil
	}
	b := c.gathered
	c.gathered = nil
	_, err := c.TCPConn.Write(b)
	b = b[:0]
	gatherBuffers.Put(&b)
	return err
}

// ReadFrom is for sendfile.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.TCPConn.ReadFrom(r)
}

// Close does not wait for a body that was not written to its end: who serves it has given up.
func (c *conn) Close() error {
	if c.release != nil {
		c.release()
	}
	return c.TCPConn.Close()
}
