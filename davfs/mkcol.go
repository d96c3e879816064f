package davfs

import (
	"io"
	"net/http"
)

// serveMkcol makes a collection (RFC 4918, section 9.3).
func (h *Handler) serveMkcol(q *request) error {
	errBody := &statusError{Status: http.StatusUnsupportedMediaType, Text: "MKCOL takes no body here"}
	if q.r.ContentLength > 0 {
		return errBody // without asking for it, and also if it never comes
	}
	switch n, err := io.ReadFull(q.r.Body, make([]byte, 1)); {
	case n > 0:
		return errBody
	case err != io.EOF:
		return errShort
	}
	if q.name == "" {
		return errMethod
	}
	if _, err := q.tree.Mkdir(q.r.Context(), q.name, h.claim(q)); err != nil {
		return err
	}
	q.w.Header().Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusCreated)
	return nil
}
