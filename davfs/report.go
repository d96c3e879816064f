package davfs

import (
	"encoding/xml"
	"io"
	"net/http"
	"unicode"
	"unicode/utf8"
)

// report is the body of a REPORT request: one of those that Davit knows (REP-1).
type report struct {
	sync   *syncRequest
	expand *propfind // expand-property (RFC 3253, section 3.8)
}

// errReport refuses a report that the resource does not have in its supported-report-set (RFC 3253, section 3.6).
var errReport = &statusError{Status: http.StatusForbidden, Condition: "supported-report", Text: "the resource does not have this report"}

// serveReport answers a REPORT (RFC 3253, section 3.6): which, the body's root element says.
func (h *Handler) serveReport(q *request) error {
	depth, err := parseDepth(q.r.Header.Get("Depth"), depthZero)
	if err != nil {
		return err
	}
	rep, err := readReport(q.r.Body)
	if err != nil {
		return err
	}
	if rep.sync != nil {
		return h.serveSync(q, rep.sync, depth)
	}
	if err := h.checkIf(q); err != nil {
		return err
	}
	l := h.lister(q, rep.expand)
	defer l.close()
	return l.finished(l.answer(depth))
}

// appendReports appends the reports that REPORT takes on the resource (RFC 3253, section 3.1.5).
func (d *described) appendReports(b []byte) []byte {
	if d.tree != nil && d.Dir {
		b = appendReport(b, "sync-collection")
	}
	return appendReport(b, "expand-property")
}

func appendReport(b []byte, name string) []byte {
	b = append(b, "<D:supported-report><D:report><D:"...)
	return append(append(b, name...), "/></D:report></D:supported-report>"...)
}

// readReport reads a REPORT body. Errors are *statusErrors (400, 403, 413) or come from body.
func readReport(body io.Reader) (report, error) {
	data, err := readBody(body, maxXMLBody)
	if err != nil {
		return report{}, err
	}
	return parseReport(data)
}

func parseReport(data []byte) (report, error) {
	var rep report
	r := newXMLReader(data)
	el, err := r.root()
	if err != nil {
		return report{}, err
	}
	unknown := false
	switch {
	case el.is("sync-collection"):
		rep.sync, err = r.syncCollection()
	case el.is("expand-property"):
		count := 0
		rep.expand, err = r.expansion(&count)
	default:
		unknown = true
		err = r.skip()
	}
	if err == nil {
		err = r.end()
	}
	if err == nil && unknown {
		err = errReport
	}
	if err != nil {
		return report{}, err
	}
	return rep, nil
}

// expansion reads the property elements in the element that was just opened. count is of all so far.
func (r *xmlReader) expansion(count *int) (*propfind, error) {
	pf := &propfind{kind: propfindProps, expand: make(map[xml.Name]*propfind)}
	seen := make(map[xml.Name]bool)
	err := r.children(func(el xmlElement) error {
		if !el.is("property") {
			return r.skip()
		}
		if *count++; *count > maxXMLProperties {
			return tooManyProperties()
		}
		name, err := propertyName(el)
		if err != nil {
			return err
		}
		nested, err := r.expansion(count)
		if err != nil || seen[name] {
			return err
		}
		seen[name] = true
		pf.names = append(pf.names, name)
		if len(nested.names) > 0 && liveByName[name].namesPrincipal() {
			pf.expand[name] = nested
		}
		return nil
	})
	pf.compile()
	return pf, err
}

// propertyName is what the attributes of a property element name. It comes back in the answer as an
// element, so it must be able to be one.
func propertyName(el xmlElement) (xml.Name, error) {
	name := davName("")
	for _, a := range el.attrs {
		switch a.Name {
		case xml.Name{Local: "name"}:
			name.Local = a.Value
		case xml.Name{Local: "namespace"}:
			name.Space = a.Value
		}
	}
	if !elementName(name.Local) || name.Space == xmlnsSpace || len(name.Space) > maxXMLNamespace {
		return name, badRequest("a property element does not name a property")
	}
	return name, nil
}

// elementName says whether s can be the local name of an element, by a rule a little stricter than XML's.
func elementName(s string) bool {
	for i, r := range s {
		switch {
		case r == '_', unicode.IsLetter(r):
		case i > 0 && (r == '-' || r == '.' || unicode.IsDigit(r)):
		default:
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

// namesPrincipal says whether the value of the property is the URL of a principal.
func (id liveID) namesPrincipal() bool {
	return id == propOwner || id == propUserPrincipal || id == propPrincipalURL
}

// appendExpanded appends a property whose value names a principal, with the wanted properties of that
// in place of its URL.
func (d *described) appendExpanded(b []byte, w wanted) (_ []byte, ok bool) {
	user := d.user
	switch w.id {
	case propOwner:
		user = d.owner
	case propUserPrincipal:
		user = d.caller.UserName
	}
	if !d.has(w.id) || user == "" {
		return b, false
	}
	p := principalOf(user, d.caller)
	b = append(append(append(b, "<D:"...), w.name.Local...), "><D:response>"...)
	b = appendPrincipalHref(b, user)
	b = p.appendResponse(b, w.expand, nil, true)
	return append(append(append(b, "</D:response></D:"...), w.name.Local...), '>'), true
}
