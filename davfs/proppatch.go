package davfs

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"davit/store"
)

// Limits of dead properties (PRO-6).
const (
	maxPropBytes     = 64 << 10 // one property
	maxResourceProps = 1 << 20  // all of a resource
)

// serveProppatch changes properties in document order, all or nothing (RFC 4918,
// section 9.2).
func (h *Handler) serveProppatch(q *request) error {
	if q.tree != nil {
		if err := q.tree.may(store.Write); err != nil {
			return err
		}
	}
	changes, err := readProppatch(q.r.Body)
	if err != nil {
		return err
	}
	if q.tree == nil {
		return patchRoot(q, changes)
	}
	results, i, err := q.tree.Patch(q.r.Context(), q.name, changes, h.claim(q))
	if err != nil {
		return err
	}
	writeResults(q, hrefOf(q.path, i.Dir), changes, results)
	return nil
}

// patchRoot lets Windows set its times on /dav/ and keeps nothing (D6).
func patchRoot(q *request, changes []propChange) error {
	results := make([]propResult, len(changes))
	for i, c := range changes {
		if c.Name.Space != win32Space {
			return errManaged
		}
		results[i] = propResult{status: http.StatusOK}
	}
	writeResults(q, hrefOf(q.path, true), changes, results)
	return nil
}

// propResult is what became of one instruction.
type propResult struct {
	status    int
	condition string // of DAV:error
}

var (
	resultOK        = propResult{status: http.StatusOK}
	resultProtected = propResult{http.StatusForbidden, "cannot-modify-protected-property"}
	resultConflict  = propResult{status: http.StatusConflict} // a value that the property cannot have
	resultTooMuch   = propResult{http.StatusInsufficientStorage, "quota-not-exceeded"}
	resultType      = propResult{http.StatusForbidden, "valid-resourcetype"} // RFC 5689, section 3.3
	resultDependent = propResult{status: http.StatusFailedDependency}
)

// patch is the sum of the instructions of a PROPPATCH.
type patch struct {
	dead    map[store.PropName]string // all dead properties afterwards
	changed map[store.PropName]bool
	mode    uint32
	mtime   time.Time // zero: as it is
	making  bool      // of a new collection
	fixed   bool      // lastmodified and getlastmodified are protected
}

// Patch carries out changes of properties on a resource, all of them or none; results
// say for each what became of it. The error is for what refuses the request as a whole.
func (t *Tree) Patch(ctx context.Context, name string, changes []propChange, c Claim) (results []propResult, i Info, err error) {
	if err := t.may(store.Write); err != nil {
		return nil, Info{}, err
	}
	if _, err := t.f.fs.Lstat(name); err != nil {
		return nil, Info{}, err
	}
	err = t.change(ctx, []string{name}, func() error {
		if i, err = t.f.fs.Lstat(name); err != nil {
			return err
		}
		if err := c.check(true, i); err != nil {
			return err
		}
		if err := t.f.locks.need(name, needSelf, c.Tokens, t.p.UserID); err != nil {
			return err
		}
		dead, err := t.f.props.read(ctx, name, i.Identity())
		if err != nil {
			return fmt.Errorf("read properties: %w", err)
		}
		p := patch{dead: make(map[store.PropName]string), changed: make(map[store.PropName]bool), mode: i.Mode, fixed: t.f.d.o.FixedTimes}
		total := 0
		for _, d := range dead {
			p.dead[store.PropName{Space: d.Space, Name: d.Name}] = d.XML
			total += len(d.XML)
		}
		var ok bool
		if results, ok = p.applyAll(changes, i.Dir, total); !ok {
			return nil
		}
		return t.apply(ctx, name, i, &p)
	})
	return results, i, err
}

// applyAll adds instructions to the patch; ok is false if one is refused, and the others then
// depend on it. total is the size of all dead properties before.
func (p *patch) applyAll(changes []propChange, dir bool, total int) (results []propResult, ok bool) {
	ok = true
	for _, change := range changes {
		r := p.apply(change, dir, &total)
		results = append(results, r)
		ok = ok && r == resultOK
	}
	if !ok {
		for n := range results {
			if results[n] == resultOK {
				results[n] = resultDependent
			}
		}
	}
	return results, ok
}

// apply adds one instruction to the patch. total is the size of all dead properties.
func (p *patch) apply(c propChange, dir bool, total *int) propResult {
	id := liveByName[c.Name]
	switch {
	case id == propResourcetype && p.making:
		if c.Text != "collection" {
			return resultType
		}
		return resultOK
	case id == propExecutable && !dir:
		switch value := strings.TrimSpace(c.Text); {
		case c.Remove:
			return resultProtected
		case value == "T":
			p.mode |= p.mode >> 2 & 0o111 // for all who may read
		case value == "F":
			p.mode &^= 0o111
		default:
			return resultConflict
		}
		return resultOK
	case id == propWin32Modified:
		// Windows takes any failure here for a failed upload (PRO-8).
		if t, err := http.ParseTime(strings.TrimSpace(c.Text)); err == nil && !dir && !c.Remove {
			p.mtime = t
		}
		return resultOK
	case (id == propLastmodified || id == propGetlastmodified) && !p.fixed && !c.Remove:
		at, ok := givenTime(c.Text)
		if !ok {
			return resultConflict
		}
		p.mtime = at
		return resultOK
	case id == propLanguage && !c.Remove && languageOf(c.XML) == "":
		return resultConflict
	case id != notLive && !liveProps[id].stored:
		return resultProtected
	}
	name := store.PropName{Space: c.Name.Space, Name: c.Name.Local}
	old, had := p.dead[name]
	if !c.Remove && (len(c.XML) > maxPropBytes || *total-len(old)+len(c.XML) > maxResourceProps) {
		return resultTooMuch
	}
	*total -= len(old)
	switch {
	case !c.Remove:
		*total += len(c.XML)
		p.dead[name] = c.XML
		p.changed[name] = true
	case had:
		delete(p.dead, name)
		p.changed[name] = true
	}
	return resultOK
}

// givenTime reads a time of modification as clients write it: in seconds since 1970, or as an HTTP date.
// Fractions of a second are dropped.
func givenTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if t, err := http.ParseTime(text); err == nil && t.Unix() >= 0 {
		return t, true
	}
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseUint(whole, 10, 33) // until the year 2242
	return time.Unix(int64(sec), 0), err == nil && digits(fraction)
}

// apply makes a patch true: on disk what is live, in rows what is dead. If the rows
// fail, the disk is put back.
func (t *Tree) apply(ctx context.Context, name string, i Info, p *patch) (err error) {
	if p.mode != i.Mode {
		if err := t.f.fs.Chmod(name, fs.FileMode(p.mode)); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, t.f.fs.Chmod(name, fs.FileMode(i.Mode)))
			}
		}()
	}
	if !p.mtime.IsZero() {
		at := t.f.stamp(p.mtime)
		if err := t.f.fs.Chtimes(name, time.Time{}, at); err != nil {
			return err
		}
		if !i.Dir { // the content is the same
			later := i
			later.MTime = at.UnixNano()
			if err := t.f.d.sums.copied(ctx, t.f, t.f, []copiedFile{{i, later}}); err != nil {
				t.f.d.log.Error("checksums of a file with another time", "folder", t.f.id, "error", err)
			}
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, t.f.fs.Chtimes(name, time.Time{}, i.ModTime()))
			}
		}()
	}
	t.f.locks.taken(name, t.p.UserID)
	if len(p.changed) == 0 {
		if p.mode != i.Mode || !p.mtime.IsZero() {
			t.f.changed(changeProps, name)
		}
		return nil
	}
	var set []store.Prop
	var remove []store.PropName
	for n := range p.changed {
		if x, ok := p.dead[n]; ok {
			set = append(set, store.Prop{Space: n.Space, Name: n.Name, XML: x})
		} else {
			remove = append(remove, n)
		}
	}
	// From here the client's going away must not leave rows and memory apart.
	if err := t.f.d.st.SetProps(context.WithoutCancel(ctx), t.f.id, name, i.Identity(), set, remove); err != nil {
		return fmt.Errorf("write properties: %w", err)
	}
	t.f.props.note(name, i.Identity(), len(p.dead) > 0)
	t.f.props.setLanguage(name, languageOf(p.dead[languageName]))
	t.f.changed(changeProps, name)
	return nil
}

// writeResults answers a PROPPATCH; a client that asked for little gets nothing when all
// went well (RFC 8144, section 2.2).
func writeResults(q *request, href string, changes []propChange, results []propResult) {
	l := propLister{missing: true}
	l.prefer(q.r.Header)
	head := q.w.Header()
	head["Vary"] = varyPrefer
	if !l.missing {
		ok := true
		for _, r := range results {
			ok = ok && r == resultOK
		}
		if ok {
			if len(l.applied) > 0 {
				head.Set("Preference-Applied", "return=minimal")
			}
			head.Set("Content-Length", "0")
			q.w.WriteHeader(http.StatusOK)
			return
		}
	}
	b := append(make([]byte, 0, 1024), xmlHead...)
	b = append(append(append(b, `<D:multistatus xmlns:D="DAV:"><D:response><D:href>`...), href...), "</D:href>"...)
	b = appendResults(b, changes, results)
	b = append(b, "</D:response></D:multistatus>\n"...)
	writeXML(q, http.StatusMultiStatus, b)
}

// appendResults appends propstat elements, one for each kind of result.
func appendResults(b []byte, changes []propChange, results []propResult) []byte {
	var done []propResult
	for _, r := range results {
		if slices.Contains(done, r) {
			continue
		}
		done = append(done, r)
		var names []xml.Name
		for i, c := range changes {
			if results[i] == r && !slices.Contains(names, c.Name) && !namedElsewhere(changes, results, i) {
				names = append(names, c.Name)
			}
		}
		if len(names) == 0 {
			continue
		}
		b = append(b, "<D:propstat><D:prop>"...)
		for _, name := range names {
			b = appendEmpty(b, name)
		}
		b = append(b, "</D:prop><D:status>HTTP/1.1 "...)
		b = strconv.AppendInt(b, int64(r.status), 10)
		b = append(append(append(b, ' '), http.StatusText(r.status)...), "</D:status>"...)
		if r.condition != "" {
			b = append(append(append(b, "<D:error><D:"...), r.condition...), "/></D:error>"...)
		}
		b = append(b, "</D:propstat>"...)
	}
	return b
}

// namedElsewhere says whether instruction i is on a property that another instruction failed on,
// while i itself only fell with it: a property is in one propstat (PRO-15).
func namedElsewhere(changes []propChange, results []propResult, i int) bool {
	if results[i] != resultDependent {
		return false
	}
	for j, c := range changes {
		if c.Name == changes[i].Name && results[j] != resultDependent {
			return true
		}
	}
	return false
}
