package davfs

import (
	"net/http"
	"strings"

	"golang.org/x/text/unicode/norm"

	"davit/store"
)

// principalsRoot is the collection of principals (RFC 3744, section 2): a resource for each user, which
// the properties owner and current-user-principal name.
const principalsRoot = "/principals"

// servePrincipal answers at and below /principals. A caller finds himself there, and the owners of
// folders that he sees; the collection shows no members, so nobody can list the users.
func (h *Handler) servePrincipal(q *request) error {
	if err := h.findPrincipal(q); err != nil {
		return err
	}
	switch q.r.Method {
	case methodPropfind:
		if _, err := parseDepth(q.r.Header.Get("Depth"), depthInfinity); err != nil {
			return err
		}
		pf, err := h.propfinds.read(q.r.Body)
		if err != nil {
			return err
		}
		return h.describePrincipal(q, pf)
	case methodReport:
		rep, err := readReport(q.r.Body)
		if err != nil {
			return err
		}
		if rep.expand == nil {
			return errReport
		}
		if _, err := parseDepth(q.r.Header.Get("Depth"), depthZero); err != nil {
			return err
		}
		return h.describePrincipal(q, rep.expand)
	}
	return errMethod
}

// findPrincipal says whether the caller may know of the principal that the request is for. It spells
// its name as it is.
func (h *Handler) findPrincipal(q *request) error {
	q.path.User = norm.NFC.String(q.path.User) // as user names are (D32)
	if q.path.User == "" || q.path.User == q.p.UserName {
		return nil
	}
	mounts, err := h.access.Mounts(q.r.Context(), q.p)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if m.Folder.OwnerName == q.path.User {
			return nil
		}
	}
	return errNoResource
}

// describePrincipal answers for a principal or the collection. There is nothing below either, so every
// Depth means the same.
func (h *Handler) describePrincipal(q *request, pf *propfind) error {
	if err := h.checkIf(q); err != nil {
		return err
	}
	d := principalOf(q.path.User, q.p)
	if q.path.User == "" {
		d.Info = Info{Dir: true, MTime: h.d.start, Birth: h.d.start}
		d.title, d.etag = "Principals", `"principals"`
		d.quota = func() (int64, int64, error) { return 0, 0, errNoResource }
	}
	l := h.lister(q, pf)
	defer l.close()
	return l.finished(l.add(d, hrefOf(q.path, d.Dir)))
}

// errNoResource is 404 for what is not there, or not there for this caller.
var errNoResource = &statusError{Status: http.StatusNotFound, Text: "no such resource"}

// principalOf is a user as a resource.
func principalOf(user string, caller store.Principal) described {
	return described{user: user, title: user, rights: store.Read, caller: caller}
}

// appendPrincipal appends the path of a user's principal; of nobody, that of the collection. User names
// may hold what a path segment cannot (D32); that is written as a colon, which they cannot hold, and two
// hex digits.
func appendPrincipal(b []byte, user string) []byte {
	b = append(b, principalsRoot...)
	b = append(b, '/')
	dots := user == "." || user == ".."
	for i := 0; i < len(user); i++ {
		switch c := user[i]; {
		case c < 0x20, c == 0x7f, c == '/', c == '\\', c == ':', c == '.' && dots:
			b = append(b, ':', upperHex[c>>4], upperHex[c&15])
		default:
			b = appendHref(b, "", user[i:i+1], false)
		}
	}
	return b
}

// parsePrincipal reads the rest of a path behind /principals, whose percent-encoding is decoded.
func parsePrincipal(rest string) (user string, ok bool) {
	rest = strings.TrimPrefix(rest, "/")
	var b []byte
	for i := 0; i < len(rest); i++ {
		switch {
		case rest[i] == '/':
			return "", false
		case rest[i] == ':':
			if i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2]) {
				return "", false
			}
			b = append(b, unhex(rest[i+1])<<4|unhex(rest[i+2]))
			i += 2
		default:
			b = append(b, rest[i])
		}
	}
	return string(b), true
}

// appendPrincipalHref names a user as a property does.
func appendPrincipalHref(b []byte, user string) []byte {
	b = append(b, "<D:href>"...)
	b = appendPrincipal(b, user)
	return append(b, "</D:href>"...)
}
