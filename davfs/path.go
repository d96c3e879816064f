package davfs

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// davRoot is the path under which folders are served.
const davRoot = "/dav"

// davPath is what a URL means to us. Every part that is handed a name from a
// client gets it from here (ARC-2).
type davPath struct {
	Mount string // first segment below /dav, decoded; "" is the root collection
	Name  string // the rest, "a/b", decoded and checked; "" is the folder's root
	Slash bool   // the URL ended in a slash
	Above bool   // above /dav: "/"

	Principals bool   // at or below /principals; Mount and Name are empty
	User       string // whose principal it is; "" is the collection of them
}

// parsePath reads the escaped path of a request target, Destination or If tag.
// It decodes once and folds repeated slashes. Every segment is valid UTF-8 of at
// most 255 bytes, has no slash, backslash or control character, and is not "." or "..".
// Errors are *statusError: 400 for a path that nobody may use, 404 for one outside of /dav.
func parsePath(raw string) (davPath, error) {
	if raw == "" || raw[0] != '/' {
		return davPath{}, badRequest("the path must start with a slash")
	}
	buf := make([]byte, 0, 256)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '/':
			if n := len(buf); n > 0 && buf[n-1] == '/' {
				continue
			}
			buf = append(buf, c)
			continue
		case c == '%':
			if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
				return davPath{}, badRequest("the path has a bad percent-encoding")
			}
			c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
			i += 2
		}
		if c == '/' || c == '\\' || c < 0x20 || c == 0x7f {
			return davPath{}, badRequest("the path has a character that names cannot have")
		}
		buf = append(buf, c)
	}
	path := string(buf)
	p := davPath{Slash: path[len(path)-1] == '/'}
	path = strings.Trim(path, "/")
	if path == "" {
		p.Above = true
		return p, nil
	}
	if path == principalsRoot[1:] || inside(path, principalsRoot[1:]) {
		p.Principals = true
		if p.User, p.Principals = parsePrincipal(path[len(principalsRoot)-1:]); !p.Principals {
			return davPath{}, errNoResource
		}
		return p, nil
	}
	for seg := range strings.SplitSeq(path, "/") {
		if !legalSegment(seg) {
			return davPath{}, badRequest("the path has a segment that cannot be a name")
		}
	}
	first, rest, _ := strings.Cut(path, "/")
	if first != davRoot[1:] {
		return davPath{}, errNoResource
	}
	p.Mount, p.Name, _ = strings.Cut(rest, "/")
	return p, nil
}

// legalSegment says whether s can be one segment of a name (URL-1, URL-6).
func legalSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 255 {
		return false
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c == 0x7f || c == '/' || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// LegalName says whether name can be a slash name inside a folder, without a slash at its ends.
func LegalName(name string) bool {
	for seg := range strings.SplitSeq(name, "/") {
		if !legalSegment(seg) {
			return false
		}
	}
	return true
}

// parseDestination reads a Destination header, or the tag of a list in an If
// header: an absolute URL whose host is one of hosts, or an absolute path.
// The scheme is ignored (D29), and so are default ports and letter case of the host.
// Another host is a *statusError with 502; user info, query, fragment or nothing at all 400.
func parseDestination(header string, hosts []string) (davPath, error) {
	ref := strings.Trim(header, " \t")
	if ref == "" {
		return davPath{}, badRequest("the destination is missing")
	}
	if strings.ContainsAny(ref, "?#") {
		return davPath{}, badRequest("the destination has a query or a fragment")
	}
	if ref[0] == '/' {
		if strings.HasPrefix(ref, "//") { // a host without scheme, or a sloppy path: nobody knows
			return davPath{}, badRequest("the destination must be an absolute URL or an absolute path")
		}
		return parsePath(ref)
	}
	scheme, rest, ok := strings.Cut(ref, "://")
	if !ok {
		return davPath{}, badRequest("the destination must be an absolute URL or an absolute path")
	}
	host, path := rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	switch {
	case strings.Contains(host, "@"):
		return davPath{}, badRequest("the destination has user information")
	case host == "":
		return davPath{}, badRequest("the destination has no host")
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "dav", "davs":
		host = bareHost(host)
		for _, h := range hosts {
			if bareHost(h) == host {
				return parsePath(path)
			}
		}
	}
	return davPath{}, &statusError{Status: http.StatusBadGateway, Text: "the destination is on another server"}
}

// bareHost gives a host in the form that two spellings of it share: lower case,
// without default port and without the dot of the DNS root.
func bareHost(h string) string {
	h = strings.ToLower(h)
	for _, port := range []string{":80", ":443", ":"} {
		if s, ok := strings.CutSuffix(h, port); ok && (!strings.Contains(s, ":") || strings.HasSuffix(s, "]")) {
			h = s
			break
		}
	}
	return strings.TrimSuffix(h, ".")
}

// hrefOf gives the absolute path that means p; dir ends it in a slash.
func hrefOf(p davPath, dir bool) string {
	switch {
	case p.Above:
		return "/"
	case p.Principals:
		return string(appendPrincipal(nil, p.User))
	case p.Mount == "":
		return string(appendHref(nil, davRoot, "", dir))
	}
	b := appendHref(nil, davRoot, p.Mount, dir && p.Name == "")
	if p.Name != "" {
		b = append(b, '/')
		b = appendHref(b, "", p.Name, dir)
	}
	return string(b)
}

// appendHref appends the href of name inside of the collection whose href is
// prefix (escaped already, with or without the slash at its end). An empty name is
// the collection itself. The result never needs escaping in XML or HTML.
func appendHref(dst []byte, prefix, name string, dir bool) []byte {
	dst = append(dst, prefix...)
	if name != "" {
		if prefix != "" && prefix[len(prefix)-1] != '/' {
			dst = append(dst, '/')
		}
		for i := 0; i < len(name); i++ {
			if c := name[i]; hrefPlain[c] {
				dst = append(dst, c)
			} else {
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			}
		}
	}
	if n := len(dst); dir && (n == 0 || dst[n-1] != '/') {
		dst = append(dst, '/')
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// hrefPlain are the bytes that stand for themselves in hrefs: the slash and pchar
// (RFC 3986, section 3.3), less "&", "'" and ";", which XML, HTML or old URL parsers treat specially.
var hrefPlain = func() (t [256]bool) {
	for _, c := range []byte("/-._~!$()*+,:=@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// unhex gives the value of a hex digit.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
