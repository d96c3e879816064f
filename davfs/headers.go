package davfs

import (
	"net/http"
	"strings"
	"time"
)

// statusError is an error that knows its answer: a status and, if the standard
// names one, the condition for the DAV:error body (RFC 4918, section 16).
type statusError struct {
	Status    int
	Condition string // local name of a DAV: element; may be empty
	Text      string // for people
}

func (e *statusError) Error() string { return e.Text }

func badRequest(text string) *statusError {
	return &statusError{Status: http.StatusBadRequest, Text: text}
}

// Values of the Depth header (RFC 4918, section 10.2).
const (
	depthInfinity = -1
	depthZero     = 0
	depthOne      = 1
)

// parseDepth reads a Depth header; missing is what it means when there is none.
// Whether a depth fits the method is the method's matter.
func parseDepth(header string, missing int) (int, error) {
	switch h := strings.Trim(header, " \t"); {
	case h == "":
		return missing, nil
	case h == "0":
		return depthZero, nil
	case h == "1":
		return depthOne, nil
	case strings.EqualFold(h, "infinity"):
		return depthInfinity, nil
	}
	return 0, badRequest("Depth must be 0, 1 or infinity")
}

// parseOverwrite reads an Overwrite header (RFC 4918, section 10.6).
func parseOverwrite(header string) (bool, error) {
	switch strings.Trim(header, " \t") {
	case "", "T", "t":
		return true, nil
	case "F", "f":
		return false, nil
	}
	return false, badRequest("Overwrite must be T or F")
}

// parseTimeout reads a Timeout header (RFC 4918, section 10.7): the first value of
// the list that it understands. Infinite, and a header without such a value, is def.
// The result is at least a second and never beyond most.
func parseTimeout(header string, def, most time.Duration) time.Duration {
	d := def
	for v := range strings.SplitSeq(header, ",") {
		v = strings.Trim(v, " \t")
		if strings.EqualFold(v, "infinite") {
			break
		}
		const second = "second-"
		if len(v) > len(second) && strings.EqualFold(v[:len(second)], second) {
			if n, ok := parseSeconds(v[len(second):], most); ok {
				d = n
				break
			}
		}
	}
	return min(d, most)
}

// parseSeconds reads a positive decimal number of seconds; beyond most it is most.
func parseSeconds(digits string, most time.Duration) (time.Duration, bool) {
	var d time.Duration
	for i := 0; i < len(digits); i++ {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if d < most { // keeps d far from overflow; the rest of the digits is only checked
			d = d*10 + time.Duration(c-'0')*time.Second
		}
	}
	return min(d, most), d > 0
}

// etagListed says whether the lines of an If-Match or If-None-Match header name
// the resource with this ETag: by "*" if it exists, or by an entity tag. Two tags
// compare strongly, or weakly if weak (RFC 9110, section 8.8.3.2). A malformed
// tag matches nothing (GET-2).
func etagListed(lines []string, etag string, exists, weak bool) bool {
	if !exists {
		return false
	}
	for _, line := range lines {
		line = strings.Trim(line, " \t")
		if line == "*" {
			return true
		}
		for line != "" {
			line = strings.TrimLeft(line, " \t,")
			tag, rest, ok := cutETag(line)
			rest = strings.TrimLeft(rest, " \t")
			if !ok || rest != "" && rest[0] != ',' { // malformed: on to the next one
				_, line, _ = strings.Cut(rest, ",")
				continue
			}
			if sameETag(tag, etag, weak) {
				return true
			}
			line = rest
		}
	}
	return false
}

// ETagListed says whether the lines of an If-None-Match header name what is there with this ETag.
func ETagListed(lines []string, etag string) bool { return etagListed(lines, etag, true, true) }

// cutETag takes an entity tag, such as "x" or W/"x", off the front of s. If there
// is none, rest is s.
func cutETag(s string) (tag, rest string, ok bool) {
	i := 0
	if strings.HasPrefix(s, "W/") {
		i = 2
	}
	if i >= len(s) || s[i] != '"' {
		return "", s, false
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], s[i+1:], true
		case c < 0x21 || c == 0x7f:
			return "", s, false
		}
	}
	return "", s, false
}

// sameETag compares two well-formed entity tags.
func sameETag(a, b string, weak bool) bool {
	if weak {
		return strings.TrimPrefix(a, "W/") == strings.TrimPrefix(b, "W/")
	}
	return a == b && !strings.HasPrefix(a, "W/")
}
