package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// A conn is one keep-alive HTTP/1.1 connection, written by hand: client and
// server share the machine's cores, so what the client costs the server cannot
// have. A conn that a server closed is dialled again at the next request. Not
// safe for concurrent use.
type conn struct {
	addr string
	// fixed holds the header lines that every request carries.
	fixed    string
	deadline time.Time

	nc  net.Conn
	out []byte
	in  []byte // in[r:w] was received and not yet used
	r,
	w int
}

// newConn returns a connection to addr that is dialled when first used. It fails
// at the deadline rather than wait for a server that hangs.
func newConn(addr string, deadline time.Time) *conn {
	basic := base64.StdEncoding.EncodeToString([]byte(userName + ":" + password))
	return &conn{
		addr:     addr,
		fixed:    "Host: " + addr + "\r\nAuthorization: Basic " + basic + "\r\n",
		deadline: deadline,
		in:       make([]byte, 256<<10),
	}
}

// A request is one HTTP request. Its body is body, repeat times over.
type request struct {
	method string
	name   string // path of the URL, with the leading slash
	header string // more header lines, each with its CRLF
	body   []byte
	repeat int
}

// An answer is what a server said: its status, the length of its body after
// chunks were joined, and the one header that a row needs.
type answer struct {
	status    int
	length    int64
	lockToken string
}

var errAnswer = errors.New("malformed answer")

// do sends q, reads the whole answer and hands the parts of its body to sink,
// which may be nil and must not keep them.
func (c *conn) do(q request, sink func([]byte)) (answer, error) {
	a, keep, err := c.roundTrip(q, sink)
	if err != nil || !keep {
		c.close()
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", q.method, err)
	}
	return a, nil
}

func (c *conn) close() {
	if c.nc != nil {
		c.nc.Close()
		c.nc = nil
	}
	c.r, c.w = 0, 0
}

func (c *conn) roundTrip(q request, sink func([]byte)) (a answer, keep bool, err error) {
	if c.nc == nil {
		nc, err := net.DialTimeout("tcp", c.addr, 5*time.Second)
		if err != nil {
			return a, false, err
		}
		nc.SetDeadline(c.deadline)
		c.nc = nc
	}
	// A server may refuse a body before it has read it, so a failed write is
	// only an error if no answer follows.
	werr := c.send(q)
	a, keep, err = c.receive(sink)
	if err != nil && werr != nil {
		err = werr
	}
	return a, keep && werr == nil, err
}

func (c *conn) send(q request) error {
	repeat := max(q.repeat, 1)
	c.out = append(c.out[:0], q.method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, q.name...)
	c.out = append(c.out, " HTTP/1.1\r\n"...)
	c.out = append(c.out, c.fixed...)
	c.out = append(c.out, q.header...)
	if q.body != nil {
		c.out = append(c.out, "Content-Length: "...)
		c.out = strconv.AppendInt(c.out, int64(len(q.body)*repeat), 10)
		c.out = append(c.out, "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	if repeat == 1 {
		// One segment for a small request, as real clients send it.
		c.out = append(c.out, q.body...)
	}
	if _, err := c.nc.Write(c.out); err != nil {
		return err
	}
	if repeat > 1 {
		for range repeat {
			if _, err := c.nc.Write(q.body); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *conn) receive(sink func([]byte)) (a answer, keep bool, err error) {
	keep = true
	length := int64(-1)
	chunked := false
	for first := true; ; first = false {
		line, err := c.line()
		if err != nil {
			return a, false, err
		}
		if first {
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
				return a, false, errAnswer
			}
			if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return a, false, errAnswer
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return a, false, errAnswer
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return a, false, errAnswer
			}
		case is(name, "transfer-encoding"):
			chunked = is(value, "chunked")
		case is(name, "connection"):
			keep = !is(value, "close")
		case is(name, "lock-token"):
			a.lockToken = string(value)
		}
	}
	switch {
	case a.status == 204 || a.status == 304:
	case chunked:
		a.length, err = c.chunks(sink)
	case length >= 0:
		a.length = length
		err = c.body(length, sink)
	default:
		// RFC 9112 6.3: the body ends with the connection. No server here needs it.
		err = errAnswer
	}
	return a, keep, err
}

func is(got []byte, lower string) bool {
	return len(got) == len(lower) && bytes.EqualFold(got, []byte(lower))
}

// line returns the next line without its end. It is valid until the next read.
func (c *conn) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(c.in[c.r:c.w], '\n'); i >= 0 {
			line := c.in[c.r : c.r+i]
			c.r += i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if c.r > 0 {
			c.w = copy(c.in, c.in[c.r:c.w])
			c.r = 0
		}
		if c.w == len(c.in) {
			return nil, errAnswer
		}
		n, err := c.nc.Read(c.in[c.w:])
		c.w += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// body hands the next n bytes to sink.
func (c *conn) body(n int64, sink func([]byte)) error {
	for n > 0 {
		if c.r == c.w {
			k, err := c.nc.Read(c.in)
			if k == 0 && err != nil {
				return err
			}
			c.r, c.w = 0, k
		}
		part := c.in[c.r:c.w]
		if int64(len(part)) > n {
			part = part[:n]
		}
		if sink != nil {
			sink(part)
		}
		c.r += len(part)
		n -= int64(len(part))
	}
	return nil
}

// chunks reads a chunked body and returns the length of what was in it.
func (c *conn) chunks(sink func([]byte)) (int64, error) {
	var total int64
	for {
		line, err := c.line()
		if err != nil {
			return total, err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
		if err != nil {
			return total, errAnswer
		}
		if err := c.body(n, sink); err != nil {
			return total, err
		}
		total += n
		// After a chunk an empty line; after the last one trailers, then an empty line.
		for {
			line, err := c.line()
			if err != nil {
				return total, err
			}
			if len(line) == 0 {
				break
			}
			if n > 0 {
				return total, errAnswer
			}
		}
		if n == 0 {
			return total, nil
		}
	}
}
