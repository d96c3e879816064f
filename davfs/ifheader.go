package davfs

import (
	"strings"

	"golang.org/x/net/webdav"
)

// Bounds of an If header. A request that deletes a collection may carry a token
// for every lock in it.
const (
	maxIfBytes      = 64 << 10
	maxIfConditions = 1024
)

// noLock is a state token that never matches (RFC 4918, section 10.4.8).
const noLock = "DAV:no-lock"

// ifHeader is a parsed If header (RFC 4918, section 10.4). The zero value is a
// request without one; it holds.
type ifHeader []ifList

// ifList is one list: it holds if all of its conditions do.
type ifList struct {
	tag        string // Simple-ref as sent; "" means the request URL
	conditions []webdav.Condition
}

// parseIf reads an If header; an empty one gives nil. The ETag of a condition is
// as sent, with its quotes and W/. An error is a *statusError with 400.
func parseIf(header string) (ifHeader, error) {
	s := strings.Trim(header, " \t")
	if s == "" {
		return nil, nil
	}
	if len(s) > maxIfBytes {
		return nil, badRequest("the If header is too long")
	}
	var (
		h      ifHeader
		tag    string
		count  int
		tagged = s[0] == '<' // the grammar has either kind of list, not both
		open   bool          // a tag waits for its first list
	)
	for s != "" {
		switch {
		case s[0] == '<' && tagged && !open:
			ref, rest, ok := cutCoded(s)
			if !ok {
				return nil, errIfSyntax()
			}
			tag, s, open = ref, rest, true
		case s[0] == '(':
			conditions, rest, err := parseConditions(s[1:], maxIfConditions-count)
			if err != nil {
				return nil, err
			}
			count += len(conditions)
			h = append(h, ifList{tag, conditions})
			s, open = rest, false
		default:
			return nil, errIfSyntax()
		}
		s = strings.TrimLeft(s, " \t")
	}
	if open {
		return nil, errIfSyntax()
	}
	return h, nil
}

func errIfSyntax() error { return badRequest("the If header has a syntax error") }

// parseConditions reads a list behind its opening parenthesis.
func parseConditions(s string, atMost int) (conditions []webdav.Condition, rest string, err error) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s != "" && s[0] == ')' && len(conditions) > 0 {
			return conditions, s[1:], nil
		}
		var c webdav.Condition
		if len(s) >= 3 && strings.EqualFold(s[:3], "not") {
			c.Not = true
			s = strings.TrimLeft(s[3:], " \t")
		}
		ok := false
		switch {
		case s == "":
		case s[0] == '<':
			c.Token, s, ok = cutCoded(s)
		case s[0] == '[':
			c.ETag, s, ok = cutETag(strings.TrimLeft(s[1:], " \t"))
			s = strings.TrimLeft(s, " \t")
			ok = ok && s != "" && s[0] == ']'
			s = strings.TrimPrefix(s, "]")
		}
		if !ok {
			return nil, "", errIfSyntax()
		}
		if conditions = append(conditions, c); len(conditions) > atMost {
			return nil, "", badRequest("the If header has too many conditions")
		}
	}
}

// cutCoded takes a Coded-URL or Resource-Tag, "<…>", off the front of s.
func cutCoded(s string) (uri, rest string, ok bool) {
	uri, rest, ok = strings.Cut(s[1:], ">")
	if !ok || uri == "" {
		return "", s, false
	}
	for i := 0; i < len(uri); i++ {
		if c := uri[i]; c <= 0x20 || c == 0x7f || c == '<' || c == '"' {
			return "", s, false
		}
	}
	return uri, rest, true
}

// tokens gives every state token of the header. Naming it anywhere submits it
// (RFC 4918, section 6.5), also under Not or in a list that is false.
func (h ifHeader) tokens() []string {
	var all []string
	for _, l := range h {
		for _, c := range l.conditions {
			if c.Token != "" && c.Token != noLock {
				all = append(all, c.Token)
			}
		}
	}
	return all
}

// eval says whether the header holds: no header, or one list of which every
// condition is true. match says whether the resource of a tag has the token or ETag
// of a condition, whatever its Not; an error of match ends the evaluation.
func (h ifHeader) eval(match func(tag string, c webdav.Condition) (bool, error)) (bool, error) {
	if len(h) == 0 {
		return true, nil
	}
next:
	for _, l := range h {
		for _, c := range l.conditions {
			ok := false
			if c.Token != noLock {
				var err error
				if ok, err = match(l.tag, c); err != nil {
					return false, err
				}
			}
			if ok == c.Not {
				continue next
			}
		}
		return true, nil
	}
	return false, nil
}
