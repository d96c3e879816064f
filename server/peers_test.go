package server

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"davit/auth"
)

func TestSEC10_Client(t *testing.T) {
	trusted := []Network{{netip.MustParsePrefix("10.0.0.0/8")}, {netip.MustParsePrefix("127.0.0.1/32")}, {netip.MustParsePrefix("2001:db8::/32")}}
	for _, c := range []struct {
		name, listen, remote string
		header               map[string]string
		tls                  bool
		want                 auth.Client
	}{
		{"loopback listener", "127.0.0.1:0", "127.0.0.1:5", nil, false, auth.Client{IP: netip.MustParseAddr("127.0.0.1"), Loopback: true}},
		{"localhost", "localhost:0", "[::1]:5", nil, false, auth.Client{IP: netip.MustParseAddr("::1"), Loopback: true}},
		{"open listener, local client", "0.0.0.0:0", "127.0.0.1:5", nil, false, auth.Client{IP: netip.MustParseAddr("127.0.0.1")}},
		{"all addresses", ":0", "192.0.2.1:5", nil, false, auth.Client{IP: netip.MustParseAddr("192.0.2.1")}},
		{"TLS", ":0", "192.0.2.1:5", nil, true, auth.Client{IP: netip.MustParseAddr("192.0.2.1"), Secure: true}},
		{"mapped IPv4", ":0", "[::ffff:192.0.2.1]:5", nil, false, auth.Client{IP: netip.MustParseAddr("192.0.2.1")}},
		{"headers of a stranger", ":0", "192.0.2.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "Forwarded": "for=1.2.3.4;proto=https"}, false,
			auth.Client{IP: netip.MustParseAddr("192.0.2.1")}},
		{"trusted proxy", ":0", "10.0.0.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}, false,
			auth.Client{IP: netip.MustParseAddr("1.2.3.4"), Secure: true}},
		{"trusted proxy says http", "127.0.0.1:0", "127.0.0.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "http"}, true,
			auth.Client{IP: netip.MustParseAddr("1.2.3.4")}},
		{"local proxy without a word on the protocol", "127.0.0.1:0", "127.0.0.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4"}, false,
			auth.Client{IP: netip.MustParseAddr("1.2.3.4")}},
		{"forged first entries", ":0", "10.0.0.1:5", map[string]string{"X-Forwarded-For": "9.9.9.9, 1.2.3.4, 10.0.0.7", "X-Forwarded-Proto": "https, http"}, false,
			auth.Client{IP: netip.MustParseAddr("1.2.3.4")}},
		{"nonsense in the list", ":0", "10.0.0.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4, unknown, 10.0.0.7"}, false,
			auth.Client{IP: netip.MustParseAddr("10.0.0.7")}},
		{"Forwarded", ":0", "[2001:db8::1]:5", map[string]string{"Forwarded": `for=1.1.1.1;proto=http, For="[2001:db9::2]:80";Proto=HTTPS`}, false,
			auth.Client{IP: netip.MustParseAddr("2001:db9::2"), Secure: true}},
		{"Forwarded beside X-Forwarded", ":0", "10.0.0.1:5", map[string]string{"X-Forwarded-For": "1.2.3.4", "Forwarded": "for=6.6.6.6;proto=https"}, false,
			auth.Client{IP: netip.MustParseAddr("1.2.3.4")}},
		{"proxy itself", "127.0.0.1:0", "127.0.0.1:5", nil, false, auth.Client{IP: netip.MustParseAddr("127.0.0.1"), Loopback: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := NewPeers(&Config{Listen: c.listen, TrustedProxy: trusted}).Client(r); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSEC10_URL5_Hosts(t *testing.T) {
	var public PublicURL
	if err := public.UnmarshalText([]byte("https://files.example.org/")); err != nil {
		t.Fatal(err)
	}
	p := NewPeers(&Config{Listen: ":0", PublicURL: []PublicURL{public}, TrustedProxy: []Network{{netip.MustParsePrefix("10.0.0.0/8")}}})
	for remote, want := range map[string][]string{
		"192.0.2.1:5": {"files.example.org", "inner:8080"},
		"10.0.0.1:5":  {"files.example.org", "inner:8080", "outer.example.org"},
	} {
		r := &http.Request{RemoteAddr: remote, Host: "inner:8080", Header: http.Header{"X-Forwarded-Host": {"outer.example.org"}}}
		if got := p.Hosts(r); !slices.Equal(got, want) {
			t.Errorf("from %s: %q, want %q", remote, got, want)
		}
	}
}
