package davfs

import "net/http"

// serveDelete removes a file or a collection (RFC 4918, section 9.6): all of it or,
// if a lock is in the way, nothing.
func (h *Handler) serveDelete(q *request) error {
	depth, err := parseDepth(q.r.Header.Get("Depth"), depthInfinity)
	if err != nil {
		return err
	}
	if depth != depthInfinity {
		if i, err := q.tree.Stat(q.name); err == nil && i.Dir {
			return badRequest("a collection is deleted with all that is in it: Depth must be infinity")
		}
	}
	if err := q.tree.Remove(q.r.Context(), q.name, h.claim(q)); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
