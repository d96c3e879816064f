package davfs

import (
	"errors"
	"net/http"

	"davit/store"
)

// ServeFile answers GET or HEAD with a file, for another door than WebDAV: with ranges, preconditions and
// If-Range as there (RFC 9110, sections 13 and 14), and as disposition says. Its errors are those of OpenRead and
// store.ErrChanged for a precondition that does not hold; after them nothing was sent.
func (t *Tree) ServeFile(w http.ResponseWriter, r *http.Request, name, disposition string) error {
	f, i, err := t.OpenRead(name)
	if err != nil {
		return err
	}
	defer f.Close()
	q := &request{w: w, r: r, p: t.p, tree: t, name: name, mount: store.Mount{Folder: store.Folder{ID: t.f.id}, Rights: t.rights}}
	h := &Handler{d: t.f.d, log: t.f.d.log}
	w.Header().Set("Content-Disposition", disposition)
	err = h.sendFile(q, f, i)
	if known := (*statusError)(nil); errors.As(err, &known) { // of a range, or 304
		h.fail(q, err)
		return nil
	}
	return err
}
