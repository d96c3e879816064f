package server

import (
	"errors"
	"net/http"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// The statuses of the calls under /folders, where they are others than those of problemOf: this
// API answers a full folder, a lock, and too many folders with 400 (D21).

// vfolderError is an error of one of these calls.
type vfolderError struct{ err error }

func (e *vfolderError) Error() string { return e.err.Error() }
func (e *vfolderError) Unwrap() error { return e.err }

// vfolderErrors marks the errors of h.
func vfolderErrors(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := h(c); err != nil {
			return &vfolderError{err}
		}
		return nil
	}
}

// vfileError is an error about a file in a folder. What the disk says has its place on the disk in
// it, so the words for the client are our own.
type vfileError struct {
	name string
	err  error
}

func (e *vfileError) Error() string { return e.name + ": " + e.err.Error() }
func (e *vfileError) Unwrap() error { return e.err }

// vfailed refuses what a call wants to do to a file.
func vfailed(name, why string) error {
	return &refusal{status: 400, kind: "vfolder-operation-failed", title: "Virtual folder operation has failed.", why: printable(name) + ": " + why}
}

// isFault says whether an error is the server's, not the request's.
func isFault(err error) bool {
	status, _, _ := problemOf(&vfolderError{err})
	return status >= 500
}

// vfolderProblem is problemOf for the calls under /folders; status 0 where that one's answer is theirs.
func vfolderProblem(err error) (status int, kind, title string) {
	if !errors.As(err, new(*vfolderError)) || errors.As(err, new(*refusal)) || errors.As(err, new(*paramError)) {
		return 0, "", ""
	}
	const failed, failedTitle = "vfolder-operation-failed", "Virtual folder operation has failed."
	var file *vfileError
	switch {
	case errors.As(err, &file):
		status, kind, _ = fileTrouble(file.err)
		switch {
		case status == 402, status == 409, kind == "no-parent":
			return 400, failed, failedTitle
		case status == 404:
			return 404, "storage/file-not-found", "No such file or directory."
		}
		return status, kind, http.StatusText(status)
	case errors.As(err, new(*auth.RetryError)):
		return 0, "", ""
	case errors.Is(err, store.ErrQuota), errors.Is(err, store.ErrLocked):
		return 400, failed, failedTitle
	case errors.Is(err, store.ErrTooMany):
		return 400, "invalid-api-params", "Missing or invalid API parameters."
	case errors.Is(err, errInUse):
		return 400, "vfolder-deletion-not-allowed", "The virtual folder is in use."
	}
	return 0, "", ""
}

// vfolderMessage is message for the same; false where that one has the words.
func vfolderMessage(err error) (string, bool) {
	var file *vfileError
	if !errors.As(err, new(*vfolderError)) || errors.As(err, new(*refusal)) || errors.As(err, new(*paramError)) {
		return "", false
	}
	if errors.As(err, &file) {
		_, _, why := fileTrouble(file.err)
		if why == "" {
			return "", false
		}
		name := printable(file.name)
		if name == "" {
			name = "the root"
		}
		return name + ": " + why, true
	}
	switch {
	case errors.Is(err, errInUse):
		return err.Error() + "; wait, or delete it with force", true
	case errors.Is(err, store.ErrTooMany) && !errors.As(err, new(*auth.RetryError)):
		return err.Error() + "; delete one, or ask the administrator for more", true
	}
	return "", false
}
