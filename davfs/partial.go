package davfs

import (
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// updateType is the media type of PATCH (https://sabre.io/dav/http-patch/).
const updateType = "application/x-sabredav-partialupdate"

// servePatch writes a part of a file (RFC 5789), whole or not at all.
func (h *Handler) servePatch(q *request) error {
	if i, exists, err := q.tree.look(q.name); err != nil {
		return err
	} else if exists && i.Dir {
		return errIsDir
	}
	head := q.r.Header
	if kind, _, err := mime.ParseMediaType(head.Get("Content-Type")); err != nil || kind != updateType {
		q.w.Header().Set("Accept-Patch", updateType) // RFC 5789, section 2.2
		return &statusError{Status: http.StatusUnsupportedMediaType, Text: "PATCH takes bodies of the type " + updateType}
	}
	lines := head["X-Update-Range"]
	if len(lines) != 1 {
		return badRequest("PATCH needs one X-Update-Range header")
	}
	p, err := parseUpdateRange(lines[0])
	if err != nil {
		return err
	}
	return h.serveUpload(q, &p)
}

// contentRange is what a PUT with Content-Range brings; nil without one (RFC 9110, section 14.5).
func contentRange(h http.Header) (*Part, error) {
	lines := h["Content-Range"]
	switch {
	case len(lines) == 0:
		return nil, nil
	case strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "multipart/"):
		return nil, &statusError{Status: http.StatusUnsupportedMediaType, Text: "multipart bodies are not taken with Content-Range"}
	case len(lines) > 1:
		return nil, badRequest("there is more than one Content-Range header")
	}
	p, err := parseContentRange(lines[0])
	return &p, err
}

var errContentRange = badRequest("Content-Range must be: bytes FIRST-LAST/LENGTH, or * as the length")

// parseContentRange reads a Content-Range header (RFC 9110, section 14.4).
func parseContentRange(header string) (Part, error) {
	unit, spec, ok := strings.Cut(strings.Trim(header, " \t"), " ")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return Part{}, errContentRange
	}
	spec, total, ok := strings.Cut(spec, "/")
	if !ok {
		return Part{}, errContentRange
	}
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return Part{}, errContentRange
	}
	p := Part{Make: true, Total: -1}
	p.Start, ok = offset(first)
	end, ok2 := offset(last)
	if !ok || !ok2 || end < p.Start {
		return Part{}, errContentRange
	}
	p.Length = end - p.Start + 1
	if total != "*" {
		if p.Total, ok = offset(total); !ok || p.Total <= end {
			return Part{}, errContentRange
		}
	}
	return p, nil
}

// anyLength is the Length of a Part whose header leaves it to the body.
const anyLength = -1

// parseUpdateRange reads an X-Update-Range header: append, or bytes=FIRST-LAST, bytes=FIRST- and
// bytes=-N, where N counts back from the end of the file and the body may go beyond it.
func parseUpdateRange(header string) (Part, error) {
	bad := badRequest("X-Update-Range must be append, or bytes= with FIRST-LAST, FIRST- or -N")
	p := Part{Length: anyLength, Total: -1}
	spec := strings.Trim(header, " \t")
	if strings.EqualFold(spec, "append") {
		p.FromEnd = true
		return p, nil
	}
	unit, spec, ok := strings.Cut(spec, "=")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return Part{}, bad
	}
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return Part{}, bad
	}
	if first == "" {
		p.FromEnd = true
		if p.Start, ok = offset(last); !ok {
			return Part{}, bad
		}
		return p, nil
	}
	if p.Start, ok = offset(first); !ok {
		return Part{}, bad
	}
	if last == "" {
		return p, nil
	}
	end, ok := offset(last)
	if !ok {
		return Part{}, bad
	}
	if end < p.Start {
		return Part{}, &statusError{Status: http.StatusRequestedRangeNotSatisfiable, Text: "the range ends before it begins"}
	}
	p.Length = end - p.Start + 1
	return p, nil
}

// offset reads digits; what is beyond any file is not one.
func offset(s string) (int64, bool) {
	if s == "" || !digits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n < math.MaxInt64
}

// fit makes the body's length that of the part: both must be told, and agree.
func (p *Part) fit(length int64) error {
	switch {
	case length < 0:
		return &statusError{Status: http.StatusLengthRequired, Text: "a part of a file needs Content-Length"}
	case p.Length == anyLength:
		p.Length = length
	case p.Length != length:
		return &statusError{Status: http.StatusRequestedRangeNotSatisfiable, Text: "the body is not as long as the range"}
	}
	return nil
}
