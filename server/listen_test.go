package server

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
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
