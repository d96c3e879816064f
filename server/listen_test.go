package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// An address gets its number of connections and no more, the log says why, and says it once.
func TestCappedListener(t *testing.T) {
	for _, c := range []struct {
		name   string
		max    int
		exempt bool
		want   int // of five
	}{{"capped", 2, false, 2}, {"no limit", 0, false, 5}, {"trusted proxy", 2, true, 5}} {
		t.Run(c.name, func(t *testing.T) {
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			l := &cappedListener{
				Listener: inner, max: c.max, exempt: func(netip.Addr) bool { return c.exempt },
				log: slog.New(slog.NewTextHandler(&log, nil)), open: map[netip.Addr]int{},
			}
			accepted, ended := 0, make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					accepted++
					conn.Write([]byte("x"))
				}
			}()
			served := 0
			for range 5 {
				conn, err := net.Dial("tcp", inner.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if n, _ := conn.Read(make([]byte, 1)); n == 1 {
					served++
				}
			}
			l.Close()
			<-ended
			if served != c.want || accepted != c.want {
				t.Errorf("%d of 5 connections were served, %d accepted, want %d", served, accepted, c.want)
			}
			warnings := 0
			if c.want < 5 {
				warnings = 1
			}
			if n := strings.Count(log.String(), "max-connections"); n != warnings {
				t.Errorf("%d warnings, want %d:\n%s", n, warnings, &log)
			}
		})
	}
}

// Answers that are sent in one piece are the same as those that are not: on one connection, one after the
// other, with and without a body, and broken off.
func TestGatheredAnswers(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &cappedListener{Listener: inner, exempt: func(netip.Addr) bool { return false }, open: map[netip.Addr]int{}}
	sizes := []int{0, 1, gatherFrom - 1, gatherFrom, 4096, 5000, gatherTo, gatherTo + 1, 100_000}
	srv := &http.Server{ConnContext: withDeadline, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lw := &response{ResponseWriter: w, conn: deadlineOf(r), hasBody: r.Method != http.MethodHead}
		size, _ := strconv.Atoi(r.URL.Path[1:])
		if r.URL.Query().Has("long") { // a header that does not fit into a buffer
			lw.Header().Set("X-Long", strings.Repeat("y", 6000))
		}
		lw.Header().Set("Content-Length", strconv.Itoa(size))
		if r.URL.Query().Has("same") {
			lw.WriteHeader(http.StatusNotModified)
			return
		}
		lw.WriteHeader(http.StatusOK)
		if r.URL.Query().Has("short") {
			size--
		}
		for n := 0; n < size && r.Method != http.MethodHead; n += 3000 { // in pieces of any kind
			lw.Write(bytes.Repeat([]byte{'x'}, min(3000, size-n)))
		}
	})}
	go srv.Serve(l)
	defer srv.Close()
	base := "http://" + inner.Addr().String() + "/"
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for _, size := range sizes {
		for _, query := range []string{"", "?long"} {
			for _, method := range []string{"GET", "HEAD", "GET"} {
				r, _ := http.NewRequestWithContext(t.Context(), method, base+strconv.Itoa(size)+query, nil)
				a, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(a.Body)
				a.Body.Close()
				want := size
				if method == "HEAD" {
					want = 0
				}
				if err != nil || len(body) != want || bytes.Count(body, []byte{'x'}) != want || a.ContentLength != int64(size) {
					t.Errorf("%s of %d bytes%s: got %d, Content-Length %d, %v", method, size, query, len(body), a.ContentLength, err)
				}
			}
			a, err := client.Get(base + strconv.Itoa(size) + "?same")
			if err != nil || a.StatusCode != http.StatusNotModified {
				t.Fatalf("304: %v %v", a, err)
			}
			a.Body.Close()
		}
		if size == 0 {
			continue
		}
		a, err := client.Get(base + strconv.Itoa(size) + "?short")
		if err == nil {
			_, err = io.ReadAll(a.Body)
			a.Body.Close()
		}
		if err == nil {
			t.Errorf("an answer of %d bytes that lacks one looks whole", size)
		}
	}
}
