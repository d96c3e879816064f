package davfs

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// errMkcolBody refuses a body that is no extended MKCOL (RFC 4918, section 9.3).
var errMkcolBody = &statusError{Status: http.StatusUnsupportedMediaType, Text: "MKCOL takes no body, or XML with the root element mkcol"}

// serveMkcol makes a collection (RFC 4918, section 9.3), perhaps with properties (RFC 5689).
func (h *Handler) serveMkcol(q *request) error {
	mtime, err := clientTime(q.r.Header)
	if err != nil {
		return err
	}
	changes, err := mkcolBody(q.r)
	if err != nil {
		return err
	}
	if q.name == "" {
		return errMethod
	}
	claim := h.claim(q)
	claim.MTime = mtime
	_, results, err := q.tree.MkdirWith(q.r.Context(), q.name, claim, changes)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		q.w.Header().Set("Cache-Control", "no-cache") // RFC 5689, section 3
	}
	if i := slices.IndexFunc(results, func(r propResult) bool { return r != resultOK && r != resultDependent }); i >= 0 {
		b := append(make([]byte, 0, 1024), xmlHead...)
		b = append(b, `<D:mkcol-response xmlns:D="DAV:">`...)
		b = appendResults(b, changes, results)
		b = append(b, "</D:mkcol-response>\n"...)
		writeXML(q, results[i].status, b)
		return nil
	}
	acceptTime(q.w.Header(), mtime)
	q.w.Header().Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusCreated)
	return nil
}

// mkcolBody reads what an extended MKCOL sets; nil without a body.
func mkcolBody(r *http.Request) ([]propChange, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	xml := kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml")
	if r.ContentLength > 0 && !xml {
		return nil, errMkcolBody // without asking for it, and also if it never comes
	}
	most := maxXMLBody
	if !xml {
		most = 0
	}
	data, err := readBody(r.Body, most)
	if err != nil {
		var known *statusError
		switch {
		case !errors.As(err, &known):
			return nil, errShort
		case !xml && known.Status == http.StatusRequestEntityTooLarge:
			return nil, errMkcolBody
		}
		return nil, err
	}
	if len(data) == 0 {
		return nil, nil
	}
	return readMkcol(data)
}
