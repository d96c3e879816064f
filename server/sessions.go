package server

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Signing in: a session has a refresh token, in a cookie that pages can't read or in the
// hands of a program, and gets access tokens for it, which open all doors as Bearer (D34).

const (
	refreshCookie = "refreshToken"
	csrfCookie    = "csrfToken" // for the page to read: it sends it back as X-CSRFToken
	csrfHeader    = "X-CSRFToken"

	maxLoginBody = 16 << 10
)

var (
	errCSRF      = &refusal{status: http.StatusUnauthorized, why: csrfHeader + ": is missing, or does not go with the cookie", err: store.ErrUnauthenticated}
	errNoCookie  = &refusal{status: http.StatusUnauthorized, why: "the cookie " + refreshCookie + " is missing: sign in", err: store.ErrUnauthenticated}
	errNoRefresh = &refusal{status: http.StatusUnauthorized, why: "Authorization: Bearer with the refresh token is missing", err: store.ErrUnauthenticated}
	errPassword  = &refusal{status: http.StatusUnauthorized, why: "user name or password is wrong", err: store.ErrUnauthenticated}
	errEnded     = &refusal{status: http.StatusUnauthorized, why: "the session has ended: sign in", err: store.ErrUnauthenticated}
)

func (s *Server) sessionRoutes(e *echo.Echo) {
	e.POST("/auth/login", s.public(s.login))
	e.POST("/auth/loginServer", s.public(s.loginServer))
	e.POST("/auth/refresh", s.public(s.refresh))
	e.POST("/auth/refresh/web", s.public(s.refreshWeb))
	e.POST("/auth/logout", s.public(s.logout))
	e.POST("/auth/logout/web", s.public(s.logoutWeb))
	e.GET("/auth/sessions", s.as(s.sessions))
	e.DELETE("/auth/sessions", s.as(s.endSessions))
	e.DELETE("/auth/sessions/:id", s.as(s.endSession))
	e.GET("/auth/jwks.json", s.public(s.jwks))
	e.GET("/.well-known/jwks.json", s.public(s.jwks))
	e.POST("/api/davit/password", s.as(s.changePassword))
}

// credentials are what somebody signs in with. service is for the log of other servers.
type credentials struct{ username, password string }

// loginForm reads a form, of either encoding, or a JSON object: scripts send what is at hand.
func loginForm(c echo.Context) (in credentials, err error) {
	r := c.Request()
	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, err := readWhole(c.Response(), r, maxLoginBody)
	if err != nil {
		return in, err
	}
	form := url.Values{}
	switch text := strings.TrimSpace(string(body)); {
	case mediaType == "multipart/form-data" && params["boundary"] != "":
		parts, err := multipart.NewReader(strings.NewReader(string(body)), params["boundary"]).ReadForm(maxLoginBody)
		if err != nil {
			return in, &paramError{"body", "must be a form"}
		}
		defer parts.RemoveAll()
		form = parts.Value
	case strings.HasPrefix(text, "{"):
		fields, err := jsonObject(body)
		if err != nil {
			return in, err
		}
		return loginObject(&object{fields: fields, fault: new(error)})
	default:
		if form, err = url.ParseQuery(text); err != nil {
			return in, &paramError{"body", "must be a form"}
		}
	}
	for name, dest := range map[string]*string{"username": &in.username, "password": &in.password} {
		switch len(form[name]) {
		case 0:
			return in, &paramError{name, "is missing"}
		case 1:
			*dest = form[name][0]
		default:
			return in, &paramError{name, "is given twice"}
		}
	}
	return in, nil
}

func loginObject(o *object) (credentials, error) {
	in := credentials{o.text("username"), o.text("password")}
	return in, o.bad()
}

// signIn is auth.SignIn with the words of this API.
func (s *Server) signIn(c echo.Context, in credentials) (auth.SignedIn, error) {
	c.Response().Header().Set("Cache-Control", "no-store")
	got, err := s.auth.SignIn(c.Request(), in.username, in.password)
	if errors.Is(err, store.ErrUnauthenticated) {
		return got, errPassword
	}
	if err == nil {
		setLogUser(c.Response().Writer, got.User.Name)
	}
	return got, hide404(err)
}

// login signs a browser in. The answer is JSON if the client asks for that, else a
// redirect to the page.
func (s *Server) login(c echo.Context) error {
	in, err := loginForm(c)
	if err != nil {
		return err
	}
	got, err := s.signIn(c, in)
	if err != nil {
		return err
	}
	secure := s.peers.Client(c.Request()).Secure
	c.SetCookie(&http.Cookie{
		Name: refreshCookie, Value: got.Refresh, Path: "/auth", MaxAge: cookieAge(got.Session.Expires, s.now()),
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
	})
	c.SetCookie(&http.Cookie{
		Name: csrfCookie, Value: got.CSRF, Path: "/", MaxAge: cookieAge(got.Session.Expires, s.now()),
		Secure: secure, SameSite: http.SameSiteStrictMode,
	})
	if !wantsJSON(c.Request()) {
		return c.Redirect(http.StatusSeeOther, "/")
	}
	return c.JSON(http.StatusOK, struct {
		Username    string `json:"username"`
		AccessToken string `json:"accessToken"`
		CSRFToken   string `json:"csrfToken"`
		ExpiresAt   int64  `json:"expiresAt"`
	}{got.User.Name, got.Access, got.CSRF, got.Session.Expires.UnixMilli()})
}

func cookieAge(expires, now time.Time) int { return max(1, int(expires.Sub(now)/time.Second)) }

// wantsJSON says whether the client asks for JSON rather than for a page.
func wantsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

// loginServer signs a program in, which keeps the refresh token itself.
func (s *Server) loginServer(c echo.Context) error {
	o, err := readObjectOf(c, maxLoginBody)
	if err != nil {
		return err
	}
	in, err := loginObject(o)
	if err != nil {
		return err
	}
	got, err := s.signIn(c, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Username     string `json:"username"`
		RefreshToken string `json:"refreshToken"`
		AccessToken  string `json:"accessToken"`
		CSRFToken    string `json:"csrfToken"`
		ExpiresAt    int64  `json:"expiresAt"`
	}{got.User.Name, got.Refresh, got.Access, got.CSRF, got.Session.Expires.UnixMilli()})
}

// refreshBearer is the refresh token that a program sends.
func refreshBearer(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header["Authorization"]) > 1 {
		return "", errNoRefresh
	}
	return token, nil
}

// refreshFromCookie is the refresh token that a page's browser sends, if the page proves
// that the request is its own.
func refreshFromCookie(r *http.Request) (string, error) {
	cookies := r.CookiesNamed(refreshCookie)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return "", errNoCookie
	}
	if !auth.CheckCSRF(cookies[0].Value, r.Header.Get(csrfHeader)) {
		return "", errCSRF
	}
	return cookies[0].Value, nil
}

type accessJSON struct {
	AccessToken string `json:"accessToken"`
	CSRFToken   string `json:"csrfToken"`
}

func (s *Server) refresh(c echo.Context) error    { return s.refreshBy(c, refreshBearer) }
func (s *Server) refreshWeb(c echo.Context) error { return s.refreshBy(c, refreshFromCookie) }

func (s *Server) refreshBy(c echo.Context, find func(*http.Request) (string, error)) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	token, err := find(c.Request())
	if err != nil {
		return err
	}
	got, err := s.auth.Refresh(c.Request(), token)
	if errors.Is(err, store.ErrUnauthenticated) {
		return errEnded
	}
	if err != nil {
		return hide404(err)
	}
	setLogUser(c.Response().Writer, got.User.Name)
	return c.JSON(http.StatusOK, accessJSON{got.Access, got.CSRF})
}

// logout ends a session. One that has ended already is no error: clients repeat themselves.
func (s *Server) logout(c echo.Context) error {
	token, err := refreshBearer(c.Request())
	if err != nil {
		return err
	}
	return s.signOut(c, token)
}

func (s *Server) logoutWeb(c echo.Context) error {
	token, err := refreshFromCookie(c.Request())
	if err != nil {
		return err
	}
	secure := s.peers.Client(c.Request()).Secure
	c.SetCookie(&http.Cookie{Name: refreshCookie, Path: "/auth", MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
	c.SetCookie(&http.Cookie{Name: csrfCookie, Path: "/", MaxAge: -1, Secure: secure, SameSite: http.SameSiteStrictMode})
	return s.signOut(c, token)
}

func (s *Server) signOut(c echo.Context, token string) error {
	if err := s.auth.SignOut(c.Request(), token); err != nil && !errors.Is(err, store.ErrUnauthenticated) {
		return hide404(err)
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// sessionJSON is a session as the user's page shows it.
type sessionJSON struct {
	ID         string `json:"id"`
	IPAddress  string `json:"ipAddress"`
	UserAgent  string `json:"userAgent"`
	CreatedAt  int64  `json:"createdAt"`
	LastUsedAt *int64 `json:"lastUsedAt"`
	ExpiresAt  *int64 `json:"expiresAt"`
	Current    bool   `json:"current"`
}

// sessions lists the caller's sessions, newest first.
func (s *Server) sessions(c echo.Context, p store.Principal) error {
	list, err := s.sessionsOf(c, p, p.UserID)
	if err != nil {
		return hide404(err)
	}
	return c.JSON(http.StatusOK, listed(c, list))
}

// sessionsOf are the sessions of a user that live, newest first.
func (s *Server) sessionsOf(c echo.Context, p store.Principal, userID string) ([]sessionJSON, error) {
	all, err := s.store.TokensOf(c.Request().Context(), userID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	list := []sessionJSON{}
	for _, t := range all {
		if s.auth.SessionLives(t) {
			list = append(list, sessionJSON{t.ID, t.LastAddress, t.LastAgent, t.Created.UnixMilli(), milliOrNull(t.LastUsed), milliOrNull(t.Expires), t.ID == p.KeyID})
		}
	}
	return list, nil
}

// endSessions ends all of the caller's sessions, or all others than the one that asks, or the one that the query names.
func (s *Server) endSessions(c echo.Context, p store.Principal) error {
	if id := c.QueryParam("id"); id != "" {
		return s.endOne(c, p, id)
	}
	q := queryOf(c)
	keep := ""
	if q.word("others", "false", "true") == "true" {
		keep = p.KeyID
	}
	if err := q.bad(); err != nil {
		return err
	}
	if _, err := s.store.EndSessions(c.Request().Context(), p.UserID, keep); err != nil {
		return hide404(err)
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func (s *Server) endSession(c echo.Context, p store.Principal) error {
	return s.endOne(c, p, c.Param("id"))
}

func (s *Server) endOne(c echo.Context, p store.Principal, id string) error {
	err := s.endSessionOf(c, p.UserID, id)
	if errors.Is(err, fs.ErrNotExist) {
		return &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "you have no such session", err: err}
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// endSessionOf ends a session of a user's; fs.ErrNotExist for what is none.
func (s *Server) endSessionOf(c echo.Context, userID, id string) error {
	ctx := c.Request().Context()
	t, err := s.store.Token(ctx, id)
	if err == nil && (t.UserID != userID || t.Kind != store.TokenSession) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	return s.store.DeleteToken(ctx, id)
}

// jwks publishes the keys that verify access tokens.
func (s *Server) jwks(c echo.Context) error {
	keys, err := s.auth.PublicKeys(c.Request().Context())
	if err != nil {
		return hide404(err)
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.JSON(http.StatusOK, map[string]any{"keys": keys})
}

// changePassword gives the caller a new password, and ends the caller's other sessions.
func (s *Server) changePassword(c echo.Context, p store.Principal) error {
	in, err := readObjectOf(c, maxLoginBody)
	if err != nil {
		return err
	}
	old, password := in.text("old"), in.text("new")
	if in.bad() == nil && password == "" {
		in.refuse("new", "is empty")
	}
	if err := in.bad(); err != nil {
		return err
	}
	if !p.Whole() {
		return errNotWhole
	}
	switch err := s.auth.ChangePassword(c.Request(), p, old, password); {
	case errors.Is(err, store.ErrUnauthenticated):
		return fmt.Errorf("%w: the old password is wrong", fs.ErrPermission) // not 401: who calls is known
	case errors.Is(err, fs.ErrInvalid):
		return &paramError{"new", strings.TrimPrefix(err.Error(), fs.ErrInvalid.Error()+": ")}
	case err != nil:
		return hide404(err)
	}
	if p.UserName == adminName { // the file would be a lie now (D26)
		if err := os.Remove(filepath.Join(s.dataDir, passwordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Error("remove the file of the first password", "error", err)
		}
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// hide404 keeps a row that has gone meanwhile from looking as if the route's own thing were missing.
func hide404(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return hide(err)
	}
	return err
}

// milliOrNull is a time as the API of file collections has it.
func milliOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// listed is the page of list that the query asks for. A page size or a token that makes no
// sense is as good as none.
func listed[T any](c echo.Context, list []T) pageOf[T] {
	pg := pageIn(queryOf(c))
	items, next := cut(pg, list)
	return pageOf[T]{ItemsPerPage: pg.size, Items: append([]T{}, items...), Next: next}
}
