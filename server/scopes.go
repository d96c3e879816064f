package server

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Every route has a scope: the dotted name of its call, and whether it reads or writes.
// A route says it (scoped), or it follows from the route's path and method (scopeOf).

// scopeOf is the scope of a route that says none:
//
//	/api/files/collections/browse   files.collections.browse
//	/api/files/upload               files.upload
//	/api/davit/projects/:id         davit.projects
//	/api/davit/uploads/:id          files.uploads
//	/folders/:name/files            vfolders.files
//	/v2/folder/create               vfolders.create
//	/metrics                        metrics
//
// GET, HEAD, and calls whose last word begins with browse, retrieve, search or download read,
// as do those that make links to read by.
func scopeOf(method, route string) store.Scope {
	var name []string
	for word := range strings.SplitSeq(route, "/") {
		if word != "" && word != "_" && word[0] != ':' && word[0] != '*' {
			name = append(name, word)
		}
	}
	switch {
	case len(name) > 1 && name[0] == "api":
		name = name[1:]
		if len(name) > 1 && name[0] == "davit" && slices.Contains(fileRoutes[:], name[1]) {
			name[0] = "files"
		}
	case len(name) > 0 && name[0] == "folders":
		name[0] = "vfolders"
	case len(name) > 1 && isVersion(name[0]):
		if name = name[1:]; name[0] == "folder" || name[0] == "folders" {
			name[0] = "vfolders"
		}
	}
	scope := store.Scope{Path: strings.Join(name, "."), Write: true}
	if method == http.MethodGet || method == http.MethodHead {
		scope.Write = false
	} else if len(name) > 1 && method == http.MethodPost {
		for _, verb := range []string{"browse", "retrieve", "search", "download", "archive", "request-download"} {
			if strings.HasPrefix(name[len(name)-1], verb) {
				scope.Write = false
			}
		}
	}
	return scope
}

// fileRoutes are those under /api/davit that are about files of folders.
var fileRoutes = [...]string{"uploads", "chunked", "archive", "download"}

// isVersion says whether a segment of a path is v1, v2, ….
func isVersion(word string) bool {
	return len(word) == 2 && word[0] == 'v' && word[1] >= '0' && word[1] <= '9'
}

// admit says whether p's token covers the route of c; scope "" is that of scopeOf. A
// token for some folders has no business with what is its user's alone, and one for reading does not change
// that (D30); what either may do with folders and files is said by its rights in them.
func admit(c echo.Context, p store.Principal, scope store.Scope) error {
	if p.Narrow == nil && !p.ReadOnly || c.Path() == "/api/davit/me" { // what a token is for, it may always ask
		return nil
	}
	if scope.Path == "" {
		scope = scopeOf(c.Request().Method, c.Path())
	}
	if !p.Allow(scope.Path, scope.Write) {
		return &auth.ScopeError{Scope: scope}
	}
	switch area, _, _ := strings.Cut(scope.Path, "."); {
	case area == "files" || area == "vfolders":
	case p.Narrowed():
		return errNarrowed
	case p.ReadOnly && scope.Write:
		return errOnlyReads
	}
	return nil
}

// scopeNames are the scopes that people choose from; a token may have finer ones too,
// which begin with one of these.
var scopeNames = []struct{ name, title, about string }{
	{"all", "Everything", "All that the user may do, over every door."},
	{"webdav", "Mounts", "Folders as WebDAV clients see them. Without write, for reading alone."},
	{"files", "Files", "Files in folders, and all of files.collections."},
	{"files.collections", "Collections", "File collections: make, rename, share, delete."},
	{"vfolders", "Virtual folders", "Folders as a compute platform sees them."},
	{"davit", "Own routes", "Projects, groups, limits, tokens, keys and the audit of this server."},
	{"tokens", "API tokens", "The user's API tokens."},
	{"auth", "Sessions", "The user's sessions."},
	{"metrics", "Metrics", "The server's numbers, for administrators."},
}

// knownScope refuses a scope that covers no route of this server.
func (s *Server) knownScope(scope store.Scope) error {
	if scope.Path == "all" || scope.Path == "webdav" || s.scopePaths[scope.Path] {
		return nil
	}
	return fmt.Errorf("%w: there is no scope %q", fs.ErrInvalid, scope.Path)
}

// noteScopes remembers the scopes of all routes, and what they begin with.
func (s *Server) noteScopes(e *echo.Echo) {
	for _, r := range e.Routes() {
		s.noteScope(scopeOf(r.Method, r.Path))
	}
}

func (s *Server) noteScope(scope store.Scope) {
	path := scope.Path
	for {
		s.scopePaths[path] = true
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return
		}
		path = path[:i]
	}
}

// knownScope refuses a scope that covers nothing: none of scopeNames, nor finer.
func knownScope(s store.Scope) error {
	for _, known := range scopeNames {
		if rest, ok := strings.CutPrefix(s.Path, known.name); ok && (rest == "" || rest[0] == '.' && known.name != "all") {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no scope %q", fs.ErrInvalid, s.Path)
}
