package davfs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

var uploadBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// servePut replaces or makes a file (RFC 9110, section 9.3.4): whole or not at all.
func (h *Handler) servePut(q *request) error {
	part, err := contentRange(q.r.Header)
	if err != nil {
		return err
	}
	return h.serveUpload(q, part)
}

// serveUpload takes a body and makes it the file, or that part of it.
func (h *Handler) serveUpload(q *request, part *Part) error {
	head := q.r.Header
	length, err := announcedLength(q.r)
	if err != nil {
		return err
	}
	mtime, err := clientTime(head)
	if err != nil {
		return err
	}
	if coding := head.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return &statusError{Status: http.StatusUnsupportedMediaType, Text: "content codings are not taken; send the file as it is"}
	}
	sums, err := readExpected(head, part != nil)
	if err != nil {
		return err
	}
	if h.o.MaxFileSize > 0 && length > h.o.MaxFileSize {
		return errTooLarge
	}
	if q.path.Slash {
		if i, exists, err := q.tree.look(q.name); err != nil {
			return err
		} else if exists && i.Dir {
			return errIsDir
		}
		return &statusError{Status: http.StatusConflict, Text: "the URL ends in a slash; only MKCOL makes collections"}
	}
	ctx := q.r.Context()
	var up *Upload
	if part == nil {
		up, err = q.tree.Create(ctx, q.name, h.claim(q), length)
	} else {
		if err := part.fit(length); err != nil {
			return err
		}
		part.Most = h.o.MaxFileSize
		up, err = q.tree.Amend(ctx, q.name, h.claim(q), *part)
	}
	if err != nil {
		return err
	}
	defer up.Abort()
	up.Expect(sums)
	if err := h.receive(up, q.r.Body, length); err != nil {
		return err
	}
	// All bytes are here: whether the client still listens, or has closed its side, no longer
	// matters. It does where a copy may take long (ARC-8).
	long := part != nil && up.part.whole > copyChunk
	if long {
		allowTime(q, 0) // the copy may take longer than a client may pause
	} else {
		ctx = context.WithoutCancel(ctx)
	}
	made, created, err := up.Commit(ctx, mtime)
	if long {
		allowTime(q, sendDeadline)
	}
	if err != nil {
		return err
	}
	out := q.w.Header()
	out["ETag"] = []string{made.ETag()}
	out["Last-Modified"] = []string{made.ModTime().Format(http.TimeFormat)}
	acceptTime(out, mtime)
	out["Content-Length"] = []string{"0"}
	if created {
		q.w.WriteHeader(http.StatusCreated)
	} else {
		out.Del("Content-Length") // 204 has none (RFC 9110, section 8.6)
		q.w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// acceptTime tells a client that its X-OC-Mtime was heeded.
func acceptTime(h http.Header, mtime time.Time) {
	if !mtime.IsZero() {
		h["X-OC-Mtime"] = []string{"accepted"}
	}
}

// allowTime sets how long the client may take to read the answer; 0: no limit, also on what it still sends.
func allowTime(q *request, d time.Duration) {
	control := http.NewResponseController(q.w)
	if d == 0 {
		// Not every ResponseWriter has deadlines; then the server has none either.
		control.SetReadDeadline(time.Time{})
		control.SetWriteDeadline(time.Time{})
		return
	}
	control.SetWriteDeadline(time.Now().Add(d))
}

var errTooLarge = &statusError{Status: http.StatusRequestEntityTooLarge, Text: "the file is over the server's size limit"}

// errShort: the connection broke, or the length that was announced is not what came (PUT-2).
var errShort = badRequest("the body is not as long as announced; nothing was changed")

// receive takes the body; length is what was announced or -1.
func (h *Handler) receive(up *Upload, body io.Reader, length int64) error {
	buf := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buf)
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if h.o.MaxFileSize > 0 && up.size+int64(n) > h.o.MaxFileSize {
				return errTooLarge
			}
			if length >= 0 && up.size+int64(n) > length {
				return errShort
			}
			if _, err := up.Write((*buf)[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			var known *statusError
			if errors.As(err, &known) {
				return known
			}
			return errShort
		}
	}
	if length >= 0 && up.size != length {
		return errShort
	}
	return nil
}

// announcedLength is the size that the client says the file has, or -1. Finder sends a
// chunked body with X-Expected-Entity-Length, some sync clients OC-Total-Length (PUT-2).
func announcedLength(r *http.Request) (int64, error) {
	length := r.ContentLength
	for _, name := range []string{"X-Expected-Entity-Length", "Oc-Total-Length"} {
		v := r.Header.Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, badRequest(name + " must be a number of bytes")
		}
		if length >= 0 && length != n {
			return 0, badRequest(name + " differs from the length of the body")
		}
		length = n
	}
	return length, nil
}

// clientTime is the modification time that a sync client sets, in whole seconds (PUT-9). A time of
// creation is looked at, but not kept: no file system sets it.
func clientTime(h http.Header) (time.Time, error) {
	if len(h["X-Oc-Ctime"]) > 0 {
		if _, err := seconds("X-OC-CTime", h.Get("X-Oc-Ctime")); err != nil {
			return time.Time{}, err
		}
	}
	if len(h["X-Oc-Mtime"]) == 0 {
		return time.Time{}, nil
	}
	return seconds("X-OC-Mtime", h.Get("X-Oc-Mtime"))
}

func seconds(name, text string) (time.Time, error) {
	sec, err := strconv.ParseUint(text, 10, 33) // until the year 2242
	if err != nil {
		return time.Time{}, badRequest(name + " must be seconds since 1970, digits only")
	}
	return time.Unix(int64(sec), 0), nil
}
