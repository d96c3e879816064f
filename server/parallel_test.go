package server_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/server/servertest"
)

// File managers copy many files at once, each first without credentials: the 401 comes early, and then it
// works, on the same connection or a new one. Some read the answer while they send, some wait for it, some read
// only when they have sent all: what the server reads for nothing is bounded, so of a large body these may
// see the connection end instead.
func TestCLI10_ParallelPutsWithoutCredentials(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name, args := "HTTP", []string{"--sync", "none"}
		if secure {
			cert, key := certificate(t)
			name, args = "TLS", append(args, "--tls-cert", cert, "--tls-key", key)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newProcess(t, args...)
			for _, c := range []struct {
				name   string
				size   int
				expect bool
				late   bool // the answer is read when all is sent
			}{
				{"small", 3_000, false, false},
				{"small, read late", 200_000, false, true},
				{"large", 3_000_000, false, false},
				{"large, read late", 3_000_000, false, true},
				{"large, asked first", 3_000_000, true, false},
			} {
				t.Run(c.name, func(t *testing.T) {
					s := s.in(t)
					id := s.folder(c.name, "--max-bytes", "100MiB")
					want := map[string]string{}
					var wg sync.WaitGroup
					for n := range 12 {
						file, text := fmt.Sprintf("file%d", n), strings.Repeat(noise(1000), c.size/1000)
						want[file] = text
						wg.Go(func() {
							if err := uploadUnasked(s, secure, "/dav/"+id+"/"+file, text, c.expect, c.late); err != nil {
								t.Errorf("%s: %v", file, err)
							}
						})
					}
					wg.Wait()
					s.holds(id, want)
				})
			}
		})
	}
}

// uploadUnasked sends a PUT without credentials, which must be refused with 401, and then with them.
func uploadUnasked(s *process, secure bool, target, text string, expect, late bool) error {
	host := s.URL[strings.Index(s.URL, "//")+2:]
	dial := func() (net.Conn, *bufio.Reader, error) {
		conn, err := net.Dial("tcp", host)
		if err == nil && secure {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		if err != nil {
			return nil, nil, err
		}
		return conn, bufio.NewReader(conn), conn.SetDeadline(time.Now().Add(30 * time.Second))
	}
	head := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Files\r\nContent-Length: %d\r\n", target, host, len(text))
	login := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+servertest.AdminPassword)) + "\r\n"
	wait := ""
	if expect {
		wait = "Expect: 100-continue\r\n"
	}
	conn, r, err := dial()
	if err != nil {
		return err
	}
	defer func() { conn.Close() }()

	sent := make(chan error, 1)
	if _, err := io.WriteString(conn, head+wait+"\r\n"); err != nil {
		return err
	}
	if !expect {
		go func() { _, err := io.WriteString(conn, text); sent <- err }()
		if late {
			err = <-sent
		}
	}
	var res *http.Response
	if err == nil {
		res, err = http.ReadResponse(r, &http.Request{Method: "PUT"})
	}
	closed := err != nil && late && len(text) > 256<<10
	if err != nil && !closed {
		return fmt.Errorf("a PUT without credentials: %w", err)
	}
	if !closed {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic ") {
			return fmt.Errorf("without credentials: %s, %q", res.Status, res.Header.Get("WWW-Authenticate"))
		}
		closed = res.Close
		if !expect && !late {
			if err := <-sent; err != nil && !closed {
				return fmt.Errorf("the connection is kept, but %w", err)
			}
		}
	}
	if closed {
		conn.Close()
		if conn, r, err = dial(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(conn, head+login+"\r\n"+text); err != nil {
		return err
	}
	if res, err = http.ReadResponse(r, &http.Request{Method: "PUT"}); err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		return errors.New(res.Status)
	}
	return nil
}
