package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"davit/store"
)

// Conditions of a folder's limit and of a full volume (RFC 4331, section 6).
const (
	conditionQuota = "quota-not-exceeded"
	conditionSpace = "sufficient-disk-space"
)

// statusOf is the one table from errors to WebDAV statuses (STA-7). method matters
// where RFC 4918 gives the same trouble another number.
func statusOf(err error, method string) *statusError {
	var known *statusError
	if errors.As(err, &known) {
		return known
	}
	say := func(status int, condition string) *statusError {
		return &statusError{Status: status, Condition: condition, Text: err.Error()}
	}
	plain := func(status int, text string) *statusError { return &statusError{Status: status, Text: text} }
	switch {
	case errors.Is(err, store.ErrUnauthenticated):
		return plain(http.StatusUnauthorized, "sign in with a user name and password, or a token as the password")
	case errors.Is(err, store.ErrPlain):
		return say(http.StatusForbidden, "")
	case errors.Is(err, store.ErrTooMany) && method != methodLock:
		return say(http.StatusServiceUnavailable, "") // a 4xx makes mounts give files up (STA-3)
	case errors.Is(err, store.ErrQuota):
		return say(http.StatusInsufficientStorage, conditionQuota)
	case errors.Is(err, store.ErrTooMany):
		return say(http.StatusInsufficientStorage, "")
	case OutOfSpace(err):
		text := "the volume is full"
		if full := (*LimitError)(nil); errors.As(err, &full) {
			text = full.Error()
		}
		return &statusError{Status: http.StatusInsufficientStorage, Condition: conditionSpace, Text: text}
	case errors.Is(err, store.ErrLocked):
		return say(http.StatusLocked, "lock-token-submitted")
	case errors.Is(err, store.ErrChanged):
		return say(http.StatusPreconditionFailed, "")
	case errors.Is(err, store.ErrMaintenance):
		return say(http.StatusServiceUnavailable, "")
	case Passing(err):
		return plain(http.StatusServiceUnavailable, "the storage is busy or offline; try again")
	case errors.Is(err, errNoParent), errors.Is(err, syscall.ENOTDIR):
		return plain(http.StatusConflict, errNoParent.Error())
	case errors.Is(err, errIsDir), errors.Is(err, syscall.EISDIR):
		return plain(http.StatusMethodNotAllowed, errIsDir.Error())
	case errors.Is(err, errSame), errors.Is(err, errNested):
		return say(http.StatusForbidden, "")
	case errors.Is(err, errRoot):
		return errManaged
	case errors.Is(err, syscall.ENAMETOOLONG):
		return plain(http.StatusRequestURITooLong, "the name is too long for the storage")
	case errors.Is(err, fs.ErrNotExist):
		return plain(http.StatusNotFound, "no such resource")
	case errors.Is(err, fs.ErrExist):
		return plain(http.StatusMethodNotAllowed, "there is something at this name already")
	case RefusedByDisk(err):
		return plain(http.StatusForbidden, "the server itself may not do this on its disk: its administrator must change the owner or the mode of the file")
	case errors.Is(err, errRefusedName):
		return plain(http.StatusForbidden, "the administrator of this server does not allow this name")
	case errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrUnsupported):
		return say(http.StatusForbidden, "")
	case errors.Is(err, fs.ErrPermission):
		return &statusError{Status: http.StatusForbidden, Condition: "need-privileges", Text: "you have no right to do this here"}
	case errors.Is(err, fs.ErrInvalid):
		return plain(http.StatusBadRequest, "the request makes no sense")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return plain(http.StatusServiceUnavailable, "the request was given up")
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return plain(http.StatusRequestEntityTooLarge, "the body is too large")
	}
	return plain(http.StatusInternalServerError, http.StatusText(http.StatusInternalServerError))
}

// Passing says whether the storage is busy or offline: the same request may succeed later.
func Passing(err error) bool {
	return errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrOffline) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOMEM) ||
		errors.Is(err, syscall.ESTALE)
}

// OutOfSpace says whether the disk, and no limit of a folder, refused.
func OutOfSpace(err error) bool {
	return errors.Is(err, store.ErrNoSpace) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// RefusedByDisk says whether the operating system refused, and not our own rights: files put there by
// hand may belong to somebody else than the server.
func RefusedByDisk(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

// fail answers a request with an error: the status, the condition's element where the
// standard names one, and a text for people (MET-8). The cause of a 500 goes to the log alone.
func (h *Handler) fail(q *request, err error) {
	s := statusOf(err, q.r.Method)
	if s.Condition == conditionQuota {
		h.d.counters.quotaRefusals.Add(1)
	}
	head := q.w.Header()
	switch s.Status {
	case http.StatusUnauthorized:
		head["WWW-Authenticate"] = []string{`Basic realm="Davit", charset="UTF-8"`} // RFC 7617, section 2.1
	case http.StatusServiceUnavailable:
		after := 2 * time.Second
		var retry interface{ RetryAfter() time.Duration } // such as auth.RetryError
		if errors.As(err, &retry) {
			after = retry.RetryAfter()
		}
		head.Set("Retry-After", strconv.Itoa(int(max(1, (after+time.Second-1)/time.Second))))
	case http.StatusMethodNotAllowed:
		head.Set("Allow", h.allow(q))
	case http.StatusNotModified:
		q.w.WriteHeader(s.Status)
		return
	}
	ours := s.Status >= 500 && !errors.Is(err, store.ErrMaintenance) || RefusedByDisk(err)
	switch s.Status {
	case http.StatusNotImplemented, http.StatusBadGateway: // the client's wish
		ours = false
	case http.StatusInsufficientStorage: // a limit is the owner's matter, a full volume the administrator's
		ours = s.Condition == conditionSpace
	}
	if ours && q.r.Context().Err() == nil {
		h.log.LogAttrs(q.r.Context(), slog.LevelError, "webdav request failed", slog.String("method", q.r.Method),
			slog.String("path", q.canonical(q.name)), slog.Int("status", s.Status), slog.Any("error", err))
	}
	var conflict *lockConflict
	errors.As(err, &conflict)
	if conflict != nil && s.Condition == "lock-token-submitted" && q.membersOnly(conflict) {
		writeLockedMembers(q, s.Condition, conflict)
		return
	}
	if s.Condition == "" {
		writePlain(q, s)
		return
	}
	b := append(make([]byte, 0, 512), xmlHead...)
	b = append(b, `<D:error xmlns:D="DAV:">`...)
	if conflict == nil {
		b = append(b, "<D:"+s.Condition+"/>"...)
	} else {
		b = append(b, "<D:"+s.Condition+">"...)
		for _, l := range conflict.Locks {
			b = q.appendLockHref(b, l)
		}
		b = append(b, "</D:"+s.Condition+">"...)
	}
	b = append(b, `<E:text xmlns:E="urn:davit:error">`...)
	b = appendText(b, s.Text)
	b = append(b, "</E:text>"...)
	if full := (*LimitError)(nil); errors.As(err, &full) {
		b = fmt.Appendf(b, `<E:limit xmlns:E="urn:davit:error" kind="%s" max="%d" used="%d" reserved="%d" needed="%d" missing="%d"/>`,
			full.Kind, full.Limit, full.Used, full.Reserved, full.Wanted, full.Missing())
	}
	b = append(b, "</D:error>\n"...)
	writeXML(q, s.Status, b)
}

const xmlHead = `<?xml version="1.0" encoding="utf-8"?>` + "\n"

func writePlain(q *request, s *statusError) {
	head := q.w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Content-Length", strconv.Itoa(len(s.Text)+1))
	q.w.WriteHeader(s.Status)
	if q.r.Method != http.MethodHead {
		q.w.Write(append([]byte(s.Text), '\n'))
	}
}

var xmlType = []string{`application/xml; charset="utf-8"`}

// writeXML sends a complete XML answer.
func writeXML(q *request, status int, body []byte) {
	head := q.w.Header()
	head["Content-Type"] = xmlType
	head.Set("Content-Length", strconv.Itoa(len(body)))
	q.w.WriteHeader(status)
	if q.r.Method != http.MethodHead {
		q.w.Write(body)
	}
}

// membersOnly says whether a DELETE, COPY or MOVE is refused only because of locks below the
// resource that it names: then the answer lists them (D17; RFC 4918, section 9.6.1).
func (q *request) membersOnly(c *lockConflict) bool {
	switch q.r.Method {
	case http.MethodDelete, methodMove, methodCopy:
	default:
		return false
	}
	for _, l := range c.Locks {
		if l.FolderID != q.mount.Folder.ID || !inside(l.Path, q.name) {
			return false
		}
	}
	return len(c.Locks) > 0
}

// writeLockedMembers answers 207 with the locked members, each with the condition that it
// breaks; nothing was changed.
func writeLockedMembers(q *request, condition string, c *lockConflict) {
	b := append(make([]byte, 0, 1024), xmlHead...)
	b = append(b, `<D:multistatus xmlns:D="DAV:">`...)
	for _, l := range c.Locks {
		b = append(b, "<D:response>"...)
		b = q.appendLockHref(b, l)
		b = append(b, "<D:status>HTTP/1.1 423 Locked</D:status><D:error><D:"+condition+">"...)
		b = q.appendLockHref(b, l)
		b = append(b, "</D:"+condition+"></D:error></D:response>"...)
	}
	b = append(b, "</D:multistatus>\n"...)
	writeXML(q, http.StatusMultiStatus, b)
}

// appendLockHref names the root of a lock, as the caller sees it: in another folder than the
// request's by its ID.
func (q *request) appendLockHref(b []byte, l store.Lock) []byte {
	mount := q.path.Mount
	if l.FolderID != q.mount.Folder.ID {
		mount = l.FolderID
	}
	dir := l.Path == ""
	if q.tree != nil && l.FolderID == q.mount.Folder.ID {
		if i, err := q.tree.f.fs.Lstat(l.Path); err == nil {
			dir = i.Dir
		}
	}
	b = append(b, "<D:href>"...)
	b = appendText(b, hrefOf(davPath{Mount: mount, Name: l.Path}, dir))
	return append(b, "</D:href>"...)
}

// allow is what the request's resource takes.
func (h *Handler) allow(q *request) string {
	if q.path.Principals {
		return allowPrincipal
	}
	if q.tree == nil {
		return allowRoot
	}
	i, exists, err := q.tree.look(q.name)
	switch {
	case err != nil:
		return allowAll
	case !exists:
		return allowUnmapped
	case i.Dir:
		return allowCollection
	}
	return allowFile
}
