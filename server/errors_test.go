package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
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

// The WebDAV door does not know auth.RetryError, and yet says when to come back.
func TestRetryAfterOnWebDAV(t *testing.T) {
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
