package davfs

import (
	"fmt"
	"net/http"
	"time"

	"golang.org/x/net/webdav"

	"davit/store"
)

// conditional says whether the request has a precondition at all.
func (q *request) conditional() bool {
	h := q.r.Header
	return len(q.ifh) > 0 || len(h["If-Match"]) > 0 || len(h["If-None-Match"]) > 0 || len(h["If-Unmodified-Since"]) > 0
}

func conditionFailed(header string) error {
	return fmt.Errorf("%s: %w", header, store.ErrChanged)
}

// checkConditions evaluates If (RFC 4918, section 10.4) and the preconditions of RFC 9110,
// section 13.2.2, in its order, for what is at the request URL at this moment. For changes it
// is called while the name is locked (PUT-3).
func (h *Handler) checkConditions(q *request, exists bool, cur Info) error {
	if len(q.ifh) > 0 {
		ok, err := q.ifh.eval(func(tag string, c webdav.Condition) (bool, error) { return h.matches(q, tag, c), nil })
		if err != nil {
			return err
		}
		if !ok {
			return conditionFailed("If")
		}
	}
	head := q.r.Header
	etag := ""
	if exists && (len(head["If-Match"]) > 0 || len(head["If-None-Match"]) > 0) {
		etag = q.tree.ETag(q.name, cur)
	}
	if lines := head["If-Match"]; len(lines) > 0 {
		if !etagListed(lines, etag, exists, false) {
			return conditionFailed("If-Match")
		}
	} else if t, ok := headerTime(head, "If-Unmodified-Since"); ok && exists && cur.ModTime().Truncate(time.Second).After(t) {
		return conditionFailed("If-Unmodified-Since")
	}
	if lines := head["If-None-Match"]; len(lines) > 0 && etagListed(lines, etag, exists, true) {
		if q.r.Method == http.MethodGet || q.r.Method == http.MethodHead {
			return errNotModified
		}
		return conditionFailed("If-None-Match")
	}
	return nil
}

// errNotModified is 304 as an error.
var errNotModified = &statusError{Status: http.StatusNotModified}

// headerTime reads a header that is an HTTP date; one that is not is ignored (RFC 9110, section 13.1.4).
func headerTime(h http.Header, name string) (time.Time, bool) {
	v := h.Get(name)
	if v == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(v)
	return t, err == nil
}
