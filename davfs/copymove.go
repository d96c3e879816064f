package davfs

import (
	"net/http"

	"golang.org/x/text/unicode/norm"
)

// serveCopyMove copies or renames (RFC 4918, sections 9.8 and 9.9).
func (h *Handler) serveCopyMove(q *request) (err error) {
	head := q.r.Header
	overwrite, err := parseOverwrite(head.Get("Overwrite"))
	if err != nil {
		return err
	}
	depth, err := parseDepth(head.Get("Depth"), depthInfinity)
	if err != nil {
		return err
	}
	move := q.r.Method == methodMove
	if depth == depthOne || move && depth != depthInfinity {
		return badRequest(q.r.Method + " does not take this Depth")
	}
	mtime, err := clientTime(head)
	if err != nil {
		return err
	}
	to, err := h.resolve(q, head.Get("Destination"))
	if to.path.Mount != "" && to.path.Name == "" {
		to.close()
		return errManaged // a folder is neither made nor replaced here, whether it exists or not
	}
	if err != nil {
		if statusOf(err, "").Status == http.StatusNotFound {
			return errNoParent // the folder of the destination is not there for this caller
		}
		return err
	}
	defer to.close()
	if to.tree == nil {
		return errManaged
	}
	if to.own {
		u := h.begin(q, to.tree)
		defer func() { u.end(q.r.Method, err == nil, to.tree.lastUse()) }()
	}
	q.note(davRoot + "/" + member(to.tree.f.id, to.name))
	place := Place{Tree: to.tree, Name: to.name}
	if base := baseOf(to.path.Name); move && to.tree.f == q.tree.f && to.name == q.name && to.path.Name != q.path.Name && base != baseOf(q.name) {
		place.Name = member(parentOf(q.name), norm.NFC.String(base)) // only the normal form changes (URL-8)
	}
	claim := h.claim(q)
	claim.MTime = mtime
	var created bool
	if move {
		created, err = q.tree.Move(q.r.Context(), q.name, place, overwrite, claim)
	} else {
		created, err = q.tree.Copy(q.r.Context(), q.name, place, overwrite, depth == depthZero, claim)
	}
	if err != nil {
		return err
	}
	acceptTime(q.w.Header(), mtime)
	if created {
		q.w.Header().Set("Content-Length", "0")
		q.w.WriteHeader(http.StatusCreated)
	} else {
		q.w.WriteHeader(http.StatusNoContent)
	}
	return nil
}
