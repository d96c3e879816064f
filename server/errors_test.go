package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

func TestProblemOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{store.ErrUnauthenticated, 401, "auth-failed"},
		{store.ErrPlain, 403, "generic-forbidden"},
		{store.ErrLocked, 400, "vfolder-operation-failed"},
		{store.ErrQuota, 406, "quota-exceeded"},
		{store.ErrNoSpace, 507, "vfolder-creation-failed"},
		{store.ErrTooMany, 406, "quota-exceeded"},
		{store.ErrChanged, 412, "generic-bad-request"},
		{store.ErrBusy, 503, "service-unavailable"},
		{store.ErrOffline, 503, "service-unavailable"},
		{store.ErrNewer, 500, "internal-server-error"},
		{fs.ErrNotExist, 404, "vfolder-not-found"},
		{fs.ErrExist, 400, "vfolder-already-exists"},
		{fs.ErrPermission, 403, "generic-forbidden"},
		{fs.ErrInvalid, 400, "invalid-api-params"},
		{&auth.ParamError{Msg: "x"}, 400, "invalid-auth-params"},
		{&auth.RetryError{Err: store.ErrTooMany}, 429, "rate-limit-exceeded"},
		{&auth.RetryError{Err: store.ErrBusy}, 503, "service-unavailable"},
		{&paramError{"name", "x"}, 400, "invalid-api-params"},
		{errRateLimit, 429, "rate-limit-exceeded"},
		{errTooLarge, 413, "invalid-api-params"},
		{context.Canceled, 503, "service-unavailable"},
		{echo.ErrNotFound, 404, "generic-not-found"},
		{echo.ErrMethodNotAllowed, 405, "method-not-allowed"},
		{echo.ErrBadRequest, 400, "generic-bad-request"},
		{echo.ErrBadGateway, 500, "internal-server-error"},
		{hide(fs.ErrNotExist), 500, "internal-server-error"},
		{errors.New("disk on fire at /srv/data"), 500, "internal-server-error"},
	} {
		err := fmt.Errorf("while testing: %w", c.err)
		status, kind, title := problemOf(err)
		if status != c.status || kind != c.kind || title == "" {
			t.Errorf("%v: %d %s %q, want %d %s", c.err, status, kind, title, c.status, c.kind)
		}
		if msg := message(err, status); status == 500 && msg != "" {
			t.Errorf("%v: the client is told %q", c.err, msg)
		}
	}
}

// The log says why a request is put off; the client is not told that a folder whose
// directory is missing comes back by itself.
func TestPutOff(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("docs")
	h.files.Close(t.Context()) // so that the folder is not open
	files, err := davfs.New(h.store, davfs.Options{Dir: h.dir})
	if err != nil {
		t.Fatal(err)
	}
	h.server.files = files
	if err := os.Rename(filepath.Join(h.dir, "files", id), filepath.Join(h.dir, "away")); err != nil {
		t.Fatal(err)
	}
	a := ann.call("GET", "/v2/folder/"+id, "")
	if a.status != 503 || !strings.Contains(a.body, "the storage of this folder is not available; see the server's log") || strings.Contains(a.body, h.dir) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w := httptest.NewRecorder()
	h.server.refuse(w, httptest.NewRequest("GET", "/v2/folder/"+id, nil), fmt.Errorf("reading rows: %w", store.ErrBusy))
	if !strings.Contains(w.Body.String(), "may succeed soon") {
		t.Errorf("busy: %s", w.Body)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.server.refuse(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, "GET", "/v2/folder/"+id, nil), fmt.Errorf("nobody waits: %w", context.Canceled))
	h.stop()
	log := h.log.String()
	for text, want := range map[string]bool{"its directory is missing": true, "reading rows": true, "nobody waits": false} {
		if strings.Contains(log, text) != want {
			t.Errorf("%q in the log: want %v\n%s", text, want, log)
		}
	}
}

// The WebDAV door does not know auth.RetryError, and yet says when to come back.
func TestSTA3_RetryAfter(t *testing.T) {
	files, err := davfs.New(nil, davfs.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]string{0: "1", 250 * time.Millisecond: "1", 4500 * time.Millisecond: "5"} {
		w := httptest.NewRecorder()
		door := files.Handler(busy{err: &auth.RetryError{Err: store.ErrTooMany, After: after}}, davfs.HandlerOptions{})
		door.ServeHTTP(w, httptest.NewRequest("GET", "/dav/", nil))
		if got := w.Header().Get("Retry-After"); w.Code != 503 || got != want {
			t.Errorf("after %v: %d with Retry-After %q, want 503 with %q", after, w.Code, got, want)
		}
	}
}

// busy is a davfs.Access that lets nobody in.
type busy struct {
	davfs.Access
	err error
}

func (b busy) AuthenticateDAV(*http.Request) (store.Principal, error) {
	return store.Principal{}, b.err
}
