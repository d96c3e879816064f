package server

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// The calls of virtual folders under /folders, as compute platforms have made them since
// 2017. One call has many spellings: with or without a version in front (/v1 … /v9), with or
// without a slash at its end, with _ or - between its words, DELETE as itself or as POST with
// X-Method-Override. plainFolders brings all of them into one, so that there is one table of routes.

const foldersRoot = "/folders"

// vcall is one call: who makes it, with which parameters, in which generation of the API.
type vcall struct {
	echo.Context
	p   store.Principal
	in  *vparams
	era era
}

// vroute is a line of the table. reads says that a token that may only read may make the call,
// though it is a POST.
type vroute struct {
	method, path string
	reads        bool
	h            func(*Server, *vcall) error
}

var vroutes = []vroute{
	{"GET", "", true, (*Server).listVFolders},
	{"POST", "", false, (*Server).createVFolder},
	{"GET", "/:name", true, (*Server).showVFolder},
	{"DELETE", "/:name", false, (*Server).trashVFolder},
	{"POST", "/:name/rename", false, (*Server).renameVFolder},
	{"POST", "/:name/update-options", false, (*Server).optionsVFolder},
	{"POST", "/:name/clone", false, (*Server).cloneVFolder},
	{"DELETE", "", false, (*Server).trashVFolderByID},
	{"POST", "/delete", false, (*Server).trashVFolderByID},
	{"DELETE", "/:name/force", false, (*Server).forceVFolder},
	{"POST", "/delete-from-trash-bin", false, (*Server).purgeVFolder},
	{"POST", "/restore-from-trash-bin", false, (*Server).restoreVFolder},
	{"POST", "/purge", false, (*Server).purgeVFolder},

	{"GET", "/_/id", true, (*Server).vfolderID},
	{"GET", "/_/hosts", true, (*Server).vfolderHosts},
	{"GET", "/_/all-hosts", true, (*Server).allVFolderHosts},
	{"GET", "/_/allowed-types", true, (*Server).vfolderTypes},
	{"GET", "/_/quota", true, (*Server).vfolderQuota},
	{"POST", "/_/quota", false, (*Server).setVFolderQuota},
	{"GET", "/_/usage", true, (*Server).vfolderUsage},
	{"GET", "/_/used-bytes", true, (*Server).vfolderUsedBytes},
	{"POST", "/_/change-ownership", false, (*Server).changeVFolderOwner},

	{"POST", "/:name/invite", false, (*Server).inviteToVFolder},
	{"GET", "/invitations/list", true, (*Server).vinvitationsTo},
	{"GET", "/invitations/list-sent", true, (*Server).vinvitationsFrom},
	{"POST", "/invitations/update/:id", false, (*Server).updateVInvitation},
	{"POST", "/invitations/accept", false, (*Server).acceptVInvitation},
	{"DELETE", "/invitations/delete", false, (*Server).endVInvitation},
	{"POST", "/invitations/delete", false, (*Server).endVInvitation},
	{"POST", "/:name/leave", false, (*Server).leaveVFolder},
	{"GET", "/_/shared", true, (*Server).listVShared},
	{"POST", "/_/shared", false, (*Server).setVShared},
	{"POST", "/_/sharing", false, (*Server).setVSharing},
	{"POST", "/:name/share", false, (*Server).shareVFolder},
	{"DELETE", "/:name/unshare", false, (*Server).unshareVFolder},
	{"POST", "/:name/unshare", false, (*Server).unshareVFolder},

	{"GET", "/:name/files", true, (*Server).listVFiles},
	{"POST", "/:name/mkdir", false, (*Server).makeVDirs},
	{"POST", "/:name/rename-file", false, (*Server).renameVFile},
	{"POST", "/:name/move-file", false, (*Server).moveVFile},
	{"DELETE", "/:name/delete-files", false, (*Server).deleteVFiles},
	{"POST", "/:name/delete-files", false, (*Server).deleteVFiles},

	{"GET", "/:name/download", true, (*Server).downloadVFiles},
	{"GET", "/:name/download-single", true, (*Server).downloadVFile},
	{"HEAD", "/:name/download-single", true, (*Server).downloadVFile},
	{"POST", "/:name/request-download", true, (*Server).requestVDownload},
	{"POST", "/:name/request-download-archive", true, (*Server).requestVArchive},
	{"POST", "/:name/create-upload-session", false, (*Server).requestVUpload},
	{"POST", "/:name/request-upload", false, (*Server).requestVUpload},
}

// vfolderRoutes registers the table.
func (s *Server) vfolderRoutes(e *echo.Echo) {
	e.Pre(plainFolders)
	s.vfolderStreams(e)
	for _, r := range vroutes {
		scope := scopeOf(r.method, foldersRoot+r.path)
		scope.Write = !r.reads
		e.Add(r.method, foldersRoot+r.path, vfolderErrors(s.scoped(scope.String(), func(c echo.Context, p store.Principal) error {
			in, err := readVParams(c)
			if err != nil {
				return err
			}
			// What follows may take longer than a body: from now on no clock ends the request.
			http.NewResponseController(c.Response().Writer).SetReadDeadline(time.Time{})
			return r.h(s, &vcall{c, p, in, eraOf(c)})
		})))
	}
}

// vfolderStreams registers what has no parameters, or no caller.
func (s *Server) vfolderStreams(e *echo.Echo) {
	e.POST(foldersRoot+"/:name/upload", vfolderErrors(s.as(s.uploadVFiles)))
	download := vfolderErrors(s.public(s.openVDownload))
	e.GET(vdownloadPath, download)
	e.HEAD(vdownloadPath, download)
	s.vtusRoutes(e)
}

// plainFolders gives requests below /folders the one spelling of their path and method that
// has a route. The signature of a request covers what the client sent, which stays in RequestURI.
func plainFolders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		path, version, ok := plainVFolderPath(r.Method, r.URL.EscapedPath())
		if !ok {
			return next(c)
		}
		if version != 0 {
			c.Set(pathVersion, version)
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			return echo.ErrBadRequest
		}
		// The request itself is changed: echo looks at the one that it was given. By RawPath, so
		// that a name may have an escaped slash.
		r.URL.Path, r.URL.RawPath = plain, path
		if method := r.Header.Get("X-Method-Override"); method != "" && r.Method == http.MethodPost {
			// Only POST may stand for another: the others would get past the check for requests of foreign pages.
			switch method = strings.ToUpper(method); method {
			case http.MethodGet, http.MethodDelete, http.MethodHead, http.MethodPatch, http.MethodPost:
				r.Method = method
			default:
				return echo.ErrMethodNotAllowed
			}
		}
		return next(c)
	}
}

// pathVersion is the key of the N of /vN, an int, in a request's context.
const pathVersion = "version"

// plainVFolderPath is the one spelling of an escaped path below /folders, and the version in
// front of it, 0 for none. ok is false for other paths.
func plainVFolderPath(method, path string) (plain string, version int, ok bool) {
	if len(path) > 3 && path[0] == '/' && path[1] == 'v' && '1' <= path[2] && path[2] <= '9' && path[3] == '/' {
		version, path = int(path[2]-'0'), path[3:]
	}
	rest, ok := strings.CutPrefix(path, foldersRoot)
	if !ok || rest != "" && rest[0] != '/' {
		return "", 0, false
	}
	if rest = strings.TrimSuffix(rest, "/"); rest == "" {
		return foldersRoot, version, true
	}
	segments := strings.Split(rest[1:], "/")
	switch {
	case len(segments) > 1: // the first is a folder's name; those behind the second are IDs and tokens
		segments[1] = strings.ReplaceAll(segments[1], "_", "-")
	case method == http.MethodPost: // a call; there is none with a folder's name alone
		segments[0] = strings.ReplaceAll(segments[0], "_", "-")
	}
	return foldersRoot + "/" + strings.Join(segments, "/"), version, true
}

// name is a parameter of the route's path.
func (v *vcall) name(param string) string {
	text, err := url.PathUnescape(v.Param(param))
	if err != nil {
		return ""
	}
	return text
}

// era is a generation of the API: the date in its version. Later ones answer some calls otherwise.
type era int

// The dates at which an answer changed that clients depend on.
const (
	era1906   era = 20190615
	era2009   era = 20200815
	era2403   era = 20240315
	era2512   era = 20250722
	eraNewest era = 99999999
)

// firstOf is the newest version that each number stands for.
var firstOf = [...]era{1: 20160915, 2: 20170315, 3: 20170615, 4: 20190615, 5: 20191215, 6: 20230315, 7: 20230615, 8: 20240915, 9: 20250722}

// eraOf is the generation that a request speaks, as its header says (v6.20200815), or the version in
// its path; who says nothing gets the newest.
func eraOf(c echo.Context) era {
	text := c.Request().Header.Get("X-BackendAI-Version")
	if text == "" {
		text = c.Request().Header.Get("X-Sorna-Version")
	}
	if _, date, ok := strings.Cut(text, "."); ok && len(date) == 8 {
		if n, err := strconv.ParseUint(date, 10, 32); err == nil {
			return era(n)
		}
	}
	if n, ok := c.Get(pathVersion).(int); ok {
		return firstOf[n]
	}
	return eraNewest
}
