package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// routes are all routes but the WebDAV door, to which ServeHTTP turns before (see isDAV).
func (s *Server) routes(page http.Handler) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = s.fail

	get := []string{http.MethodGet, http.MethodHead} // probes often ask by HEAD
	e.Match(get, "/", echo.WrapHandler(page))
	e.Match(get, "/assets/*", echo.WrapHandler(page))
	e.Match(get, "/livez", s.livez)
	e.Match(get, "/readyz", s.readyz)
	e.GET("/metrics", s.as(s.showMetrics))
	e.GET("/openapi", s.public(s.showOpenAPIPage))
	e.GET("/openapi.json", s.public(s.showOpenAPI))

	for v := 1; v <= 9; v++ {
		e.GET("/v"+strconv.Itoa(v), s.public(s.version))
		e.GET("/v"+strconv.Itoa(v)+"/", s.public(s.version))
	}
	e.POST("/v2/folder/create", s.as(s.createFolder))
	e.GET("/v2/folder/:id", s.as(s.folder))
	e.DELETE("/v2/folder/:id", s.as(s.deleteFolder))

	s.vfolderRoutes(e)
	s.invitationRoutes(e)

	s.sessionRoutes(e)
	s.tokenRoutes(e)
	s.adminRoutes(e)
	s.uploadRoutes(e)
	s.fileRoutes(e)
	s.collectionRoutes(e)
	s.projectRoutes(e)
	s.mountRoutes(e)
	s.tierRoutes(e)
	s.noteScopes(e)
	return e
}

// as lets only signed-in callers through to h, and not too often, and of tokens those
// whose scopes cover the route (see scopeOf).
func (s *Server) as(h func(echo.Context, store.Principal) error) echo.HandlerFunc {
	return s.scoped("", h)
}

// scoped is as for a route that needs another scope than its path says.
func (s *Server) scoped(text string, h func(echo.Context, store.Principal) error) echo.HandlerFunc {
	var scope store.Scope
	if text != "" {
		var err error
		if scope, err = store.ParseScope(text); err != nil {
			panic(err) // the table of routes is wrong
		}
		s.noteScope(scope)
	}
	return func(c echo.Context) error {
		p, err := s.auth.Authenticate(c.Request())
		caller := addressCaller(s.peers.Client(c.Request()).IP)
		if err == nil {
			caller = "user " + p.UserID
			setLogUser(c.Response().Writer, p.UserName)
		}
		if !s.limits.take(c.Response().Header(), caller) {
			return errRateLimit
		}
		if err != nil {
			return err
		}
		if err := admit(c, p, scope); err != nil {
			return err
		}
		s.actAs(c, p)
		return h(c, p)
	}
}

// actAs puts p into the request's context, as the one whom the audit names, and returns that.
func (s *Server) actAs(c echo.Context, p store.Principal) context.Context {
	r := c.Request()
	ctx := store.WithActor(r.Context(), store.Actor{
		UserID: p.UserID, UserName: p.UserName, Address: s.peers.Client(r).IP.String(), Door: doorOf(r.URL.Path),
	})
	c.SetRequest(r.WithContext(ctx))
	return ctx
}

// doorOf names the API that a path belongs to, as the audit does.
func doorOf(path string) string {
	for _, d := range []struct{ root, door string }{
		{"/api/files/collections", "collections"}, {"/api/files", "files"}, {"/api/tokens", "auth"}, {"/auth", "auth"}, {"/api", "davit"},
	} {
		if rest, ok := strings.CutPrefix(path, d.root); ok && (rest == "" || rest[0] == '/') {
			return d.door
		}
	}
	return "vfolders"
}

// public lets everybody through to h, and not too often.
func (s *Server) public(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.limits.take(c.Response().Header(), addressCaller(s.peers.Client(c.Request()).IP)) {
			return errRateLimit
		}
		return h(c)
	}
}

func setLogUser(w http.ResponseWriter, name string) {
	if l, ok := w.(logged); ok {
		l.SetLog(name, "", "")
	}
}

// logged is what the log's line about a request can be told through: a *response, or what stands before it.
type logged interface {
	SetLog(user, path, destination string)
}
