package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

const problemBase = "https://api.backend.ai/probs/"

// problem is the body of an error answer (RFC 7807). Clients branch on Type;
// Msg is what newer ones show, Detail what the standard calls it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Msg    string `json:"msg,omitempty"`
	Detail string `json:"detail,omitempty"`
	Data   any    `json:"data,omitempty"`
}

// commonError is the body of an error answer in the API of file collections: Why is for
// people, ErrorCode for programs.
type commonError struct {
	Why       string  `json:"why"`
	ErrorCode *string `json:"errorCode"`
}

// missingJSON is the data of a problem that tells of a limit, in bytes or files.
type missingJSON struct {
	Limit    string `json:"limit"` // folder-bytes, folder-files, workspace, volume
	Max      int64  `json:"max"`   // of a volume: what is free
	Used     int64  `json:"used"`
	Reserved int64  `json:"reserved"`
	Needed   int64  `json:"needed"`
	Missing  int64  `json:"missing"`
}

// A refusal is an error that a handler words itself, because a contract asks for something
// that the shared errors do not say. Each contract takes the fields that it knows.
type refusal struct {
	status int
	kind   string // of a problem
	title  string // of a problem; "" is the status text
	code   string // errorCode; "" is none
	why    string // for people
	data   any    // of a problem
	err    error  // wrapped; may be nil
}

func (e *refusal) Error() string { return e.why }
func (e *refusal) Unwrap() error { return e.err }

// The errorCodes of the API of file collections.
const (
	codeUnsupported = "FEATURE_NOT_SUPPORTED_BY_PROVIDER"
	codeQuota       = "NOT_ENOUGH_STORAGE_QUOTA"
	codeMaintenance = "MAINTENANCE"
)

// Errors that only the API knows.
var (
	errRateLimit = errors.New("too many requests in the last 15 minutes")
	errTooLarge  = errors.New("the body is too large")
	errCrossSite = errors.New("requests from other sites' pages are refused")
	errOnlyReads = fmt.Errorf("%w: this token is for reading only", fs.ErrPermission)
	errNarrowed  = fmt.Errorf("%w: this token is for some folders only", fs.ErrPermission)
)

// paramError is a request that says something wrong about one field.
type paramError struct{ field, what string }

func (e *paramError) Error() string { return e.field + ": " + e.what }

// fileError is an error about a file: where the client named it, and how.
type fileError struct {
	field string // such as "path", or "items[2].newId"
	path  string // as the client wrote it
	err   error
}

func (e *fileError) Error() string {
	return e.field + " " + strconv.Quote(e.path) + ": " + e.err.Error()
}
func (e *fileError) Unwrap() error { return e.err }

// problemOf is the one table from errors to API answers.
func problemOf(err error) (status int, kind, title string) {
	var auths *auth.ParamError
	var params *paramError
	var retry *auth.RetryError
	var routed *echo.HTTPError
	var own *refusal
	if status, kind, title := vfolderProblem(err); status != 0 {
		return status, kind, title
	}
	if status, kind, title := uploadProblem(err); status != 0 {
		return status, kind, title
	}
	if status, kind, _ := fileProblem(err); status != 0 {
		return status, kind, http.StatusText(status)
	}
	switch {
	case errors.As(err, &own):
		return own.status, cmp.Or(own.kind, "generic-bad-request"), cmp.Or(own.title, http.StatusText(own.status))
	case errors.As(err, &auths):
		return 400, "invalid-auth-params", "Missing or invalid authorization parameters."
	case errors.As(err, &params):
		return 400, "invalid-api-params", "Missing or invalid API parameters."
	case errors.Is(err, errRateLimit):
		return 429, "rate-limit-exceeded", "You have reached your API query rate limit."
	case errors.Is(err, errTooLarge):
		return 413, "invalid-api-params", "The request body is too large."
	case errors.Is(err, store.ErrUnauthenticated):
		return 401, "auth-failed", "Credential/signature mismatch."
	case errors.Is(err, store.ErrPlain), errors.Is(err, errCrossSite):
		return 403, "generic-forbidden", "Forbidden operation."
	case errors.Is(err, store.ErrTooMany) && errors.As(err, &retry):
		return 429, "rate-limit-exceeded", "Too many failed attempts."
	case errors.Is(err, store.ErrTooMany), errors.Is(err, store.ErrQuota):
		return 406, "quota-exceeded", "You have reached your resource limit."
	case errors.Is(err, store.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 503, "service-unavailable", "Service unavailable."
	case errors.Is(err, store.ErrNoSpace):
		return 507, "vfolder-creation-failed", "The storage is full."
	case errors.Is(err, store.ErrLocked):
		return 400, "vfolder-operation-failed", "Virtual folder operation has failed."
	case errors.Is(err, store.ErrChanged):
		return 412, "generic-bad-request", "Precondition failed."
	case errors.Is(err, fs.ErrNotExist):
		return 404, "vfolder-not-found", "No such virtual folder."
	case errors.Is(err, fs.ErrExist):
		return 400, "vfolder-already-exists", "The virtual folder already exists with the same name."
	case errors.Is(err, fs.ErrPermission):
		return 403, "generic-forbidden", "Forbidden operation."
	case errors.Is(err, fs.ErrInvalid):
		return 400, "invalid-api-params", "Missing or invalid API parameters."
	case errors.As(err, &routed):
		switch routed.Code {
		case 404:
			return 404, "generic-not-found", "Unknown URL path."
		case 405:
			return 405, "method-not-allowed", "HTTP Method Not Allowed."
		}
		if routed.Code < 500 {
			return routed.Code, "generic-bad-request", "Bad request."
		}
	}
	return 500, "internal-server-error", "Internal server error."
}

// isCommon says whether the errors under a path are commonErrors.
func isCommon(path string) bool {
	for _, root := range []string{"/api/files", "/api/tokens", "/auth", downloadPath, chunkedPath} {
		if rest, ok := strings.CutPrefix(path, root); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// commonOf is the table from errors to the answers of the API of file collections, where it differs
// from problemOf's status.
func commonOf(err error, status int) (int, string) {
	var own *refusal
	var retry *auth.RetryError
	var scope *auth.ScopeError
	file, _, _ := fileProblem(err)
	switch {
	case errors.As(err, &own):
		return own.status, own.code
	case errors.As(err, &scope):
		return 401, ""
	case file != 0 && file != 402:
		return file, ""
	case errors.Is(err, store.ErrQuota), errors.Is(err, store.ErrTooMany) && !errors.As(err, &retry):
		return 402, codeQuota
	case errors.Is(err, store.ErrMaintenance):
		return 502, codeMaintenance
	case errors.Is(err, store.ErrUnsupported), errors.Is(err, store.ErrReadOnly):
		return 400, codeUnsupported
	case errors.Is(err, store.ErrLocked):
		return 409, ""
	case errors.Is(err, fs.ErrExist):
		return 409, ""
	}
	return status, ""
}

// uploadProblem is problemOf for what has another answer if an upload is concerned; status 0 for
// all else.
func uploadProblem(err error) (status int, kind, title string) {
	up := (*uploadError)(nil)
	if !errors.As(err, &up) {
		return 0, "", ""
	}
	var offset *davfs.OffsetError
	var routed *echo.HTTPError
	switch {
	case errors.Is(err, errTusVersion):
		return 412, "tus-version", "Another version of the tus protocol."
	case errors.Is(err, errChunkType):
		return 415, "unsupported-media-type", "Unsupported media type."
	case errors.As(err, &offset):
		return 409, "upload-offset", "The upload stands at another offset."
	case errors.Is(err, davfs.ErrChecksum):
		return 460, "checksum-mismatch", "Checksum mismatch."
	case errors.Is(err, davfs.ErrExpired):
		return 410, "upload-expired", "The upload has expired."
	case errors.Is(err, davfs.ErrWriting):
		return 423, "upload-busy", "The upload is in use."
	case errors.Is(err, davfs.ErrBroken):
		return 408, "upload-broken", "The body ended early."
	case errors.Is(err, davfs.ErrTooLong):
		return 413, "upload-too-long", "The body or the file is too large."
	case errors.Is(err, davfs.ErrLength):
		return 400, "invalid-api-params", "Missing or invalid API parameters."
	case errors.Is(err, store.ErrTooMany) && !errors.As(err, new(*auth.RetryError)):
		return 429, "too-many-uploads", "Too many unfinished uploads."
	case errors.Is(err, store.ErrQuota):
		return 507, "quota-exceeded", "The folder's limit is reached."
	case davfs.OutOfSpace(err):
		return 507, "storage-full", "The storage is full."
	case davfs.Passing(err) && !errors.As(err, new(*auth.RetryError)):
		return 503, "service-unavailable", "Service unavailable."
	case errors.Is(err, store.ErrLocked):
		return 423, "locked", "The file is locked."
	case errors.Is(err, store.ErrChanged):
		return 412, "precondition-failed", "Precondition failed."
	case errors.Is(err, davfs.ErrNoParent):
		return 409, "no-parent", "The collection of the file does not exist."
	case errors.Is(err, davfs.ErrIsCollection):
		return 409, "is-collection", "There is a collection at this name."
	case errors.Is(err, syscall.ENAMETOOLONG):
		return 400, "invalid-api-params", "Missing or invalid API parameters."
	case errors.Is(err, fs.ErrNotExist) && !errors.As(err, &routed):
		return 404, "upload-not-found", "No such upload or folder."
	}
	return 0, "", ""
}

// fileProblem is problemOf for what a fileError tells of, in the API of files and its relatives: there a full folder
// is 402, and whatever is in the way 409. why is in words for people; status 0 for all else.
func fileProblem(err error) (status int, kind, why string) {
	var file *fileError
	var own *refusal
	var params *paramError
	if !errors.As(err, &file) || errors.As(err, &own) || errors.As(err, &params) ||
		errors.Is(err, store.ErrMaintenance) || errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrUnsupported) {
		return 0, "", "" // these are said alike everywhere
	}
	status, kind, why = fileTrouble(file.err)
	at := file.field
	if file.path != "" {
		at += " " + strconv.Quote(file.path)
	}
	return status, kind, at + ": " + why
}

func fileTrouble(err error) (status int, kind, why string) {
	var retry *auth.RetryError
	var limit *davfs.LimitError
	var offset *davfs.OffsetError
	switch {
	case errors.As(err, &offset):
		return 409, "upload-offset", err.Error()
	case errors.Is(err, davfs.ErrExpired):
		return 404, "upload-expired", err.Error()
	case errors.Is(err, davfs.ErrWriting):
		return 409, "upload-busy", err.Error()
	case errors.Is(err, davfs.ErrBroken):
		return 400, "upload-broken", err.Error()
	case errors.Is(err, davfs.ErrTooLong):
		return 413, "upload-too-long", err.Error()
	case errors.Is(err, davfs.ErrLength):
		return 400, "invalid-api-params", err.Error()
	case errors.Is(err, store.ErrUnauthenticated):
		return 401, "auth-failed", "who made this is not known any more"
	case errors.Is(err, store.ErrTooMany) && !errors.As(err, &retry):
		return 429, "too-many-uploads", err.Error()
	case errors.As(err, &limit) && limit.Kind == davfs.LimitVolume:
		return 507, "storage-full", limit.Error()
	case errors.As(err, &limit):
		return 402, "quota-exceeded", limit.Error()
	case errors.Is(err, store.ErrQuota):
		return 402, "quota-exceeded", err.Error()
	case davfs.OutOfSpace(err):
		return 507, "storage-full", "the volume is full"
	case errors.Is(err, store.ErrLocked):
		return 409, "locked", err.Error()
	case errors.Is(err, store.ErrOffline):
		return 503, "service-unavailable", "the storage of this folder is not available; see the server's log"
	case davfs.Passing(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return 503, "service-unavailable", "the storage is busy; the same request may succeed soon"
	case errors.Is(err, store.ErrChanged):
		return 412, "precondition-failed", "it has changed"
	case errors.Is(err, davfs.ErrNoParent), errors.Is(err, syscall.ENOTDIR):
		return 404, "no-parent", "the directory that it should be in does not exist"
	case errors.Is(err, davfs.ErrIsCollection), errors.Is(err, syscall.EISDIR):
		return 409, "is-directory", "there is a directory at this name"
	case errors.Is(err, davfs.ErrSame), errors.Is(err, davfs.ErrNested), errors.Is(err, davfs.ErrRoot):
		return 400, "invalid-api-params", err.Error()
	case errors.Is(err, syscall.ENAMETOOLONG):
		return 400, "invalid-api-params", "the name is too long for the storage"
	case errors.Is(err, davfs.ErrMismatch):
		return 409, "file-exists", davfs.ErrMismatch.Error()
	case errors.Is(err, fs.ErrExist):
		return 409, "file-exists", "there is something at this name already"
	case errors.Is(err, fs.ErrNotExist):
		return 404, "file-not-found", "there is no such file or directory, or you may not see it"
	case davfs.RefusedByDisk(err):
		return 403, "generic-forbidden", "the server itself may not do this on its disk: its administrator must change the owner or the mode of the file"
	case errors.Is(err, fs.ErrPermission):
		return 403, "generic-forbidden", err.Error()
	case errors.Is(err, fs.ErrInvalid):
		return 400, "invalid-api-params", err.Error()
	}
	return 500, "internal-server-error", http.StatusText(500)
}

// message is what the client is told beside the title. An internal error's text stays in the log.
func message(err error, status int) string {
	var params *paramError
	var auths *auth.ParamError
	var own *refusal
	if errors.As(err, &own) {
		return own.why
	}
	if item := (*store.ItemError)(nil); errors.As(err, &item) {
		at := fmt.Sprintf("items[%d]", item.Item)
		if errors.As(item.Err, &params) {
			return at + "." + params.Error()
		}
		return strings.TrimSuffix(at+": "+message(item.Err, status), ": ")
	}
	if known, _, why := fileProblem(err); why != "" {
		return why
	} else if known != 0 {
		return http.StatusText(known)
	}
	if text, ok := vfolderMessage(err); ok {
		return text
	}
	if known, _, _ := uploadProblem(err); known != 0 {
		switch known {
		case 404:
			return "you have no such upload, or see no such folder"
		case 503:
			return "the storage is busy or offline; the same request may succeed soon"
		case 507:
			if full := (*davfs.LimitError)(nil); !errors.Is(err, store.ErrQuota) && !errors.As(err, &full) {
				return "the volume is full"
			}
		}
		return err.Error()
	}
	switch {
	case errors.As(err, &params):
		return params.Error()
	case errors.As(err, &auths):
		return auths.Error()
	case errors.Is(err, errRateLimit), errors.Is(err, errTooLarge), errors.Is(err, errCrossSite):
		return err.Error()
	case errors.Is(err, store.ErrUnauthenticated):
		return "no credentials, or credentials that are not good"
	case errors.Is(err, store.ErrPlain), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrInvalid),
		errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrQuota), errors.Is(err, store.ErrMaintenance):
		return err.Error()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no folder with this name or ID is visible to you"
	case errors.Is(err, fs.ErrExist):
		return "you have a folder of this name already"
	case status == 404:
		return "nothing is found at this path"
	case status == 405:
		return "the path does not take this method"
	case errors.Is(err, store.ErrTooMany) && !errors.As(err, new(*auth.RetryError)):
		return err.Error() + "; delete one, or ask the administrator for more"
	case status == 406:
		return "you may not have more folders"
	case errors.Is(err, store.ErrOffline):
		return "the storage of this folder is not available; see the server's log"
	case status == 503:
		return "the server is busy; the same request may succeed soon"
	}
	return ""
}

// fail is echo's HTTPErrorHandler.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		s.log.Warn("error after the answer began", "id", c.Response().Header().Get("X-Request-Id"), "error", err)
		return
	}
	s.refuse(c.Response(), c.Request(), err)
}

// refuse answers an API request with the problem of err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	if !s.limits.counted(h) && !s.limits.take(h, addressCaller(s.peers.Client(r).IP)) {
		err = errRateLimit // refusals before the handlers count as well
	}
	if errors.Is(err, store.ErrQuota) {
		s.metrics.quotaRefusals.Add(1)
	}
	status, kind, title := problemOf(err)
	common, code := isCommon(r.URL.Path), ""
	if common {
		status, code = commonOf(err, status)
	}
	switch {
	case status == 503 && r.Context().Err() != nil: // the client has gone
	case errors.Is(err, store.ErrMaintenance): // it was announced
	case status == 503:
		s.log.Warn("request put off", "id", h.Get("X-Request-Id"), "error", err)
	case errors.Is(err, store.ErrQuota): // a limit is the owner's matter, a full volume the administrator's
	case status >= 500:
		s.log.Error("request failed", "id", h.Get("X-Request-Id"), "error", err)
	}
	if scope := (*auth.ScopeError)(nil); status == 403 && errors.As(err, &scope) { // RFC 6750, section 3.1
		h.Set("WWW-Authenticate", `Bearer realm="Davit", error="insufficient_scope", scope="`+scope.Scope.String()+`"`)
	}
	switch status {
	case 401:
		h["WWW-Authenticate"] = challenges(r)
	case 423, 429, 503:
		var retry interface{ RetryAfter() time.Duration } // *auth.RetryError, *store.MaintenanceError
		if errors.As(err, &retry) && retry.RetryAfter() > 0 {
			h.Set("Retry-After", strconv.FormatInt(int64((retry.RetryAfter()+time.Second-1)/time.Second), 10))
		} else if h.Get("Retry-After") == "" {
			h.Set("Retry-After", "1")
		}
	}
	msg := message(err, status)
	var own *refusal
	errors.As(err, &own)
	var answer any
	if common {
		if msg == "" {
			msg = http.StatusText(status)
		}
		e := commonError{Why: msg}
		if code != "" {
			e.ErrorCode = &code
		}
		answer = e
		h.Set("Davit-Problem", kind) // the contract's codes do not tell a lock from a name that is taken
		h.Set("Content-Type", "application/json; charset=UTF-8")
	} else {
		p := problem{Type: problemBase + kind, Title: title, Msg: msg, Detail: msg}
		full := (*davfs.LimitError)(nil)
		switch {
		case own != nil:
			p.Data = own.data
		case status == http.StatusInsufficientStorage && errors.As(err, &full):
			p.Data = missingJSON{full.Kind.String(), full.Limit, full.Used, full.Reserved, full.Wanted, full.Missing()}
		}
		answer = p
		h.Set("Content-Type", "application/problem+json")
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // texts
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}

// challenges say how to sign in. A browser whose page sent a token, or signs in by itself,
// must not ask its user for a password of its own accord: no Basic there. Of a token that
// was sent, RFC 6750 wants to hear that it is not good.
func challenges(r *http.Request) []string {
	const bearer = `Bearer realm="Davit"`
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return []string{bearer + `, error="invalid_token"`}
	case strings.HasPrefix(r.URL.Path, "/auth/"):
		return []string{bearer}
	}
	return []string{"BackendAI", `Basic realm="Davit", charset="UTF-8"`, bearer}
}
