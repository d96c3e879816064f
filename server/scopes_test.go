package server

import (
	"net/http"
	"strings"
	"testing"

	"davit/store"
)

func TestScopeOf(t *testing.T) {
	for _, c := range []struct{ method, route, want string }{
		{"GET", "/api/files/collections/browse", "files.collections.browse:read"},
		{"POST", "/api/files/collections/search", "files.collections.search:read"},
		{"POST", "/api/files/collections", "files.collections:write"},
		{"DELETE", "/api/files/collections", "files.collections:write"},
		{"GET", "/api/files/retrieve", "files.retrieve:read"},
		{"POST", "/api/files/upload", "files.upload:write"},
		{"POST", "/api/files/download", "files.download:read"},
		{"POST", "/api/davit/archive", "files.archive:read"},
		{"POST", "/api/davit/chunked/:token", "files.chunked:write"},
		{"POST", "/folders/:name/request-download", "vfolders.request-download:read"},
		{"PATCH", "/api/davit/uploads/:id", "files.uploads:write"},
		{"DELETE", "/api/davit/projects/:id/members/:name", "davit.projects.members:write"},
		{"GET", "/api/tokens/browse", "tokens.browse:read"},
		{"GET", "/folders", "vfolders:read"},
		{"POST", "/folders/:name/rename", "vfolders.rename:write"},
		{"GET", "/folders/_/hosts", "vfolders.hosts:read"},
		{"POST", "/folders/search", "vfolders.search:read"},
		{"POST", "/v2/folder/create", "vfolders.create:write"},
		{"DELETE", "/v2/folder/:id", "vfolders:write"},
		{"GET", "/metrics", "metrics:read"},
	} {
		if got := scopeOf(c.method, c.route).String(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.route, got, c.want)
		}
	}
}

// Each route's own scope is one that a token can be given.
func TestScopesOfRoutes(t *testing.T) {
	h := newHouse(t)
	for _, r := range h.server.routes(http.NotFoundHandler()).Routes() {
		if r.Path == "/" || r.Path == "" || strings.HasPrefix(r.Path, "/.well-known/") { // public
			continue
		}
		if _, err := store.ParseScope(scopeOf(r.Method, r.Path).String()); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
		}
	}
}
