package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"davit/auth"
)

// Peers knows who is at the other end of a request: the client itself, or a
// reverse proxy that speaks for one. Headers count only from trusted proxies
// (D29). It is safe for concurrent use.
type Peers struct {
	trusted  []netip.Prefix
	public   []string
	loopback bool // the listener is
	tls      bool
	plain    bool
}

// NewPeers reads the settings that it needs.
func NewPeers(cfg *Config) *Peers {
	p := &Peers{tls: cfg.TLSCert != "", plain: cfg.PlainBasic}
	for _, t := range cfg.TrustedProxy {
		p.trusted = append(p.trusted, t.Prefix)
	}
	for _, u := range cfg.PublicURL {
		p.public = append(p.public, u.Host)
	}
	host, _, _ := net.SplitHostPort(cfg.Listen)
	addr, err := netip.ParseAddr(host)
	p.loopback = host == "localhost" || err == nil && addr.IsLoopback()
	return p
}

// Client says who sent the request.
func (p *Peers) Client(r *http.Request) auth.Client {
	c := auth.Client{IP: remote(r), Secure: r.TLS != nil, Loopback: p.loopback}
	if len(p.trusted) == 0 || !p.isTrusted(c.IP) {
		return c
	}
	fwd := forwardedBy(r.Header)
	if len(fwd.clients) > 0 || fwd.proto != "" {
		// Behind the proxy is somebody else: that it runs on this machine proves
		// nothing about the way from there, only its word does.
		c.Loopback = false
		c.Secure = fwd.proto == "https"
	}
	for i := len(fwd.clients) - 1; i >= 0; i-- { // the last that no trusted proxy vouches to be a proxy
		if !fwd.clients[i].IsValid() {
			break
		}
		if c.IP = fwd.clients[i]; !p.isTrusted(c.IP) {
			break
		}
	}
	return c
}

// Hosts gives the names, host or host:port, under which the client may mean this server.
func (p *Peers) Hosts(r *http.Request) []string {
	hosts := append(p.public[:len(p.public):len(p.public)], r.Host)
	if len(p.trusted) > 0 && p.isTrusted(remote(r)) {
		if h := forwardedBy(r.Header).host; h != "" {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// BasicRule says in words when passwords are taken (D27).
func (p *Peers) BasicRule() string {
	switch {
	case p.plain:
		return "always, also unencrypted (--allow-plain-basic)"
	case p.tls:
		return "over TLS"
	case p.loopback && len(p.trusted) > 0:
		return "from this machine, and from trusted proxies that say https"
	case p.loopback:
		return "from this machine (loopback listener)"
	case len(p.trusted) > 0:
		return "from trusted proxies that say https"
	}
	return "never: no TLS, no loopback, no trusted proxy (see --tls-cert, --trusted-proxy, --allow-plain-basic)"
}

func (p *Peers) isTrusted(ip netip.Addr) bool {
	for _, t := range p.trusted {
		if t.Contains(ip) {
			return true
		}
	}
	return false
}

// remote is the address at the other end of the connection.
func remote(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap().WithZone("")
}

// forwarded is what proxies say about a request, nearest proxy last.
type forwarded struct {
	clients []netip.Addr // invalid where the text is no address
	proto   string
	host    string
}

// forwardedBy reads X-Forwarded-…, or, where there is none, Forwarded (RFC 7239).
// Of a list of protocols or hosts the last was written by the nearest proxy.
func forwardedBy(h http.Header) (f forwarded) {
	list := func(name string) []string {
		if text := strings.Join(h.Values(name), ","); text != "" {
			return strings.Split(text, ",")
		}
		return nil
	}
	last := func(words []string) string {
		if len(words) == 0 {
			return ""
		}
		return strings.TrimSpace(words[len(words)-1])
	}
	for _, word := range list("X-Forwarded-For") {
		f.clients = append(f.clients, forwardedAddr(word))
	}
	f.proto = strings.ToLower(last(list("X-Forwarded-Proto")))
	f.host = last(list("X-Forwarded-Host"))
	if f.clients != nil || f.proto != "" || f.host != "" {
		return f
	}
	for _, element := range list("Forwarded") {
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				f.clients = append(f.clients, forwardedAddr(value))
			case "proto":
				f.proto = strings.ToLower(value)
			case "host":
				f.host = value
			}
		}
	}
	return f
}

// forwardedAddr reads 192.0.2.1, 192.0.2.1:8080, 2001:db8::1 and [2001:db8::1]:8080.
func forwardedAddr(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, _ := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap().WithZone("")
}
