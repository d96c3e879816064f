package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// tokenJSON is a token as Davit's own routes and commands show it.
type tokenJSON struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	User        string            `json:"user"`
	Title       string            `json:"title"`
	Description string            `json:"description,omitempty"`
	Folders     []tokenFolderJSON `json:"folders"` // null: all
	ReadOnly    bool              `json:"readOnly"`
	Scopes      []string          `json:"scopes"` // null: everything
	Workspace   *string           `json:"workspace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Created     string            `json:"created"`
	Expires     string            `json:"expires,omitempty"`
	LastUsed    string            `json:"lastUsed,omitempty"`
	LastAddress string            `json:"lastAddress,omitempty"`
	LastAgent   string            `json:"lastAgent,omitempty"`
	Token       string            `json:"token,omitempty"` // only when it is made
}

type tokenFolderJSON struct {
	ID       string `json:"id"`
	ReadOnly bool   `json:"readOnly"`
}

func tokenOut(t store.Token) tokenJSON {
	j := tokenJSON{
		ID: t.ID, Kind: t.Kind, User: t.UserName, Title: t.Title, Description: t.Description, ReadOnly: t.ReadOnly, Labels: t.Labels,
		Created: timeText(t.Created), Expires: timeText(t.Expires), LastUsed: timeText(t.LastUsed),
		LastAddress: t.LastAddress, LastAgent: t.LastAgent,
	}
	if t.Fixed {
		j.Workspace = &t.ProjectID
	}
	if t.Scopes != nil {
		j.Scopes = t.Scopes.Strings()
	}
	if t.Folders != nil {
		j.Folders = []tokenFolderJSON{}
		for _, f := range t.Folders {
			j.Folders = append(j.Folders, tokenFolderJSON{f.ID, f.ReadOnly})
		}
	}
	return j
}

// errNotWhole is for tokens that may do less than their user: nothing comes of them that may do more (D30).
var errNotWhole = fmt.Errorf("%w: this token may do less than its user; it makes no tokens, keys or administrators, and sets no password", fs.ErrPermission)

const tokensPath = "/api/tokens"

func (s *Server) tokenRoutes(e *echo.Echo) {
	e.POST(tokensPath, s.as(s.createAPIToken))
	e.GET(tokensPath+"/browse", s.as(s.browseAPITokens))
	e.GET(tokensPath+"/retrieveOptions", s.as(s.tokenOptions))
	e.POST(tokensPath+"/revoke", s.as(s.revokeAPIToken))
	e.POST(tokensPath+"/updateLabels", s.as(s.labelAPITokens))

	e.GET("/api/davit/tokens", s.as(s.listTokens))
	e.POST("/api/davit/tokens", s.as(s.createToken))
	e.DELETE("/api/davit/tokens/:id", s.as(s.deleteToken))
	e.GET("/api/davit/keys", s.as(s.listKeys))
	e.POST("/api/davit/keys", s.as(s.createKey))
	e.DELETE("/api/davit/keys/:id", s.as(s.deleteKey))
}

// mint makes a token of a user's that p asks for, and puts it into the store. What comes of
// a token ends no later than that, and stays in its workspace.
func (s *Server) mint(c echo.Context, p store.Principal, want store.Token) (store.Token, string, error) {
	if !p.Whole() {
		return want, "", errNotWhole
	}
	if n := p.Narrow; n != nil {
		if !n.Expires.IsZero() && (want.Expires.IsZero() || want.Expires.After(n.Expires)) {
			return want, "", fmt.Errorf("%w: the new token must end no later than the one that asks for it, at %s", fs.ErrPermission, timeText(n.Expires))
		}
		if n.Fixed {
			want.Fixed, want.ProjectID = true, n.ProjectID
		}
	}
	t, text, err := s.auth.NewToken(want)
	if err != nil {
		return t, "", err
	}
	t, err = s.store.CreateToken(c.Request().Context(), t)
	return t, text, err
}

// apiToken is a token as the API of file collections shows it.
type apiToken struct {
	ID            string          `json:"id"`
	CreatedAt     int64           `json:"createdAt"`
	Updates       []struct{}      `json:"updates"`
	Owner         tokenOwner      `json:"owner"`
	Permissions   tokenPermission `json:"permissions"`
	Specification tokenSpec       `json:"specification"`
	Status        tokenStatus     `json:"status"`
}

type tokenOwner struct {
	CreatedBy string  `json:"createdBy"`
	Project   *string `json:"project"`
}

type tokenPermission struct {
	Myself []string   `json:"myself"`
	Others []struct{} `json:"others"`
}

type tokenSpec struct {
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Provider    *string           `json:"provider"`
	Permissions []scopeJSON       `json:"requestedPermissions"`
	ExpiresAt   *int64            `json:"expiresAt"`
	Labels      map[string]string `json:"labels"`
}

type scopeJSON struct {
	Name   string `json:"name"`
	Action string `json:"action"`
}

type tokenStatus struct {
	Token      *string `json:"token"` // only when it is made
	Server     string  `json:"server"`
	LastUsedAt *int64  `json:"lastUsedAt"`
}

func (s *Server) apiTokenOf(c echo.Context, t store.Token, text string) apiToken {
	a := apiToken{
		ID: t.ID, CreatedAt: t.Created.UnixMilli(), Updates: []struct{}{},
		Owner:       tokenOwner{CreatedBy: t.UserName},
		Permissions: tokenPermission{[]string{"ADMIN", "READ", "EDIT"}, []struct{}{}},
		Specification: tokenSpec{
			Title: t.Title, Description: t.Description, Permissions: []scopeJSON{}, ExpiresAt: milliOrNull(t.Expires), Labels: t.Labels,
		},
		Status: tokenStatus{Server: s.baseURL(c.Request()), LastUsedAt: milliOrNull(t.LastUsed)},
	}
	if t.ProjectID != "" {
		a.Owner.Project = &t.ProjectID
	}
	if t.Labels == nil {
		a.Specification.Labels = map[string]string{}
	}
	if text != "" {
		a.Status.Token = &text
	}
	scopes := t.Scopes
	if scopes == nil {
		scopes = store.Scopes{{Path: "all", Write: true}}
	}
	for _, scope := range scopes {
		j := scopeJSON{scope.Path, "read"}
		if scope.Write {
			j.Action = "write"
		}
		a.Specification.Permissions = append(a.Specification.Permissions, j)
	}
	return a
}

// createAPIToken makes a token that acts in the workspace of the request.
func (s *Server) createAPIToken(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	want := store.Token{UserID: p.UserID, Title: tokenTitle(in), Fixed: true}
	want.Description, _ = in.optText("description")
	if provider, given := in.optText("provider"); given && provider != "" {
		in.refuse("provider", "there is no provider %q: tokens are for this server", provider)
	}
	if ms, given := in.optInt("expiresAt"); given {
		want.Expires = time.UnixMilli(ms)
		if !want.Expires.After(s.now()) {
			in.refuse("expiresAt", "is in the past")
		} else if want.Expires.After(endOfTime) {
			in.refuse("expiresAt", "is too far away; null is for ever")
		}
	}
	in.want("requestedPermissions")
	asked := in.objects("requestedPermissions")
	if in.bad() == nil && len(asked) == 0 {
		in.refuse("requestedPermissions", "is empty")
	}
	for _, o := range asked {
		scope, err := store.ParseScope(o.text("name") + ":" + strings.ToLower(o.text("action")))
		if err == nil {
			err = s.knownScope(scope)
		}
		if err != nil {
			o.refuse("name", "%s", reason(err))
		}
		want.Scopes = append(want.Scopes, scope)
	}
	if err := in.bad(); err != nil {
		return err
	}
	want.ProjectID = s.workspaceOf(c, p)
	t, text, err := s.mint(c, p, want)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: you are not a member of the project that the header Project names", fs.ErrPermission)
	case errors.Is(err, store.ErrTooMany):
		return &refusal{status: http.StatusBadRequest, why: err.Error() + "; revoke one", err: err}
	case err != nil:
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, s.apiTokenOf(c, t, text))
}

// endOfTime is later than any time that a client means.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

const maxTokenTitle = 1024

// tokenTitle reads the title of a new token.
func tokenTitle(in *object) string {
	title := in.text("title")
	switch {
	case in.bad() != nil:
	case strings.TrimSpace(title) == "":
		in.refuse("title", "is blank")
	case len(title) > maxTokenTitle:
		in.refuse("title", "must have at most %d bytes", maxTokenTitle)
	}
	return title
}

// reason is the words of an error without those of its kind.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), fs.ErrInvalid.Error()+": ")
}

// hiddenLabel is the label of tokens that programs made for themselves, which people need not see.
const hiddenLabel = "hidden"

// browseAPITokens lists the caller's tokens in the workspace of the request, newest first.
func (s *Server) browseAPITokens(c echo.Context, p store.Principal) error {
	workspace := s.workspaceOf(c, p)
	all, err := s.store.TokensOf(c.Request().Context(), p.UserID)
	if err != nil {
		return hide404(err)
	}
	slices.Reverse(all)
	list := []apiToken{}
	for _, t := range all {
		if t.Kind == store.TokenSession || t.ProjectID != workspace || c.QueryParam("filterHidden") == "true" && t.Labels[hiddenLabel] == "true" {
			continue
		}
		list = append(list, s.apiTokenOf(c, t, ""))
	}
	return c.JSON(http.StatusOK, listed(c, list))
}

// tokenOptions are the permissions that a token can be given.
func (s *Server) tokenOptions(c echo.Context, p store.Principal) error {
	type option struct {
		Name        string            `json:"name"`
		Title       string            `json:"title"`
		Description string            `json:"description"`
		Actions     map[string]string `json:"actions"`
	}
	list := []option{}
	for _, n := range scopeNames {
		list = append(list, option{n.name, n.title, n.about, map[string]string{"read": "Read", "write": "Read and write"}})
	}
	return c.JSON(http.StatusOK, map[string]any{"byProvider": map[string]any{"": map[string]any{"availablePermissions": list}}})
}

// revokeAPIToken ends a token of the caller's. One that has ended already is no error.
func (s *Server) revokeAPIToken(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	id := in.text("id")
	if err := in.bad(); err != nil {
		return err
	}
	if err := s.endToken(c, p.UserID, id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// endToken removes a token of a user's that is no session; fs.ErrNotExist.
func (s *Server) endToken(c echo.Context, userID, id string) error {
	ctx := c.Request().Context()
	t, err := s.store.Token(ctx, id)
	if err == nil && (t.UserID != userID || t.Kind == store.TokenSession) {
		return fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	return s.store.DeleteToken(ctx, id)
}

// labelAPITokens replaces the labels of tokens of the caller's, of all or of none.
func (s *Server) labelAPITokens(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	in.want("items")
	items := in.objects("items")
	if in.bad() == nil && (len(items) == 0 || len(items) > 1000) {
		in.refuse("items", "must be 1 to 1000")
	}
	labels := map[string]map[string]string{}
	for _, o := range items {
		id := o.text("id")
		given := map[string]*string{}
		o.read("labels", "an object of strings", &given)
		if _, twice := labels[id]; twice {
			o.refuse("id", "is given twice")
		}
		labels[id] = map[string]string{}
		for key, value := range given {
			if value != nil {
				labels[id][key] = *value
			}
		}
	}
	if err := in.bad(); err != nil {
		return err
	}
	err = s.store.SetTokenLabels(c.Request().Context(), p.UserID, labels)
	if errors.Is(err, fs.ErrNotExist) {
		return &refusal{status: http.StatusNotFound, why: err.Error(), err: err}
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

// subject is the user whose tokens or keys are asked about: the caller, or for administrators
// whom the query names.
func (s *Server) subject(c echo.Context, p store.Principal) (id, name string, err error) {
	name = c.QueryParam("user")
	if name == "" || name == p.UserName {
		return p.UserID, p.UserName, nil
	}
	if !p.Admin {
		return "", "", fmt.Errorf("%w: user: only administrators may name another", fs.ErrPermission)
	}
	u, err := s.store.UserByName(c.Request().Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: fmt.Sprintf("there is no user %q", name), err: err}
	}
	return u.ID, u.Name, err
}

// listTokens lists tokens that are no sessions, oldest first.
func (s *Server) listTokens(c echo.Context, p store.Principal) error {
	id, _, err := s.subject(c, p)
	if err != nil {
		return err
	}
	all, err := s.store.TokensOf(c.Request().Context(), id)
	if err != nil {
		return hide404(err)
	}
	list := []tokenJSON{}
	for _, t := range all {
		if t.Kind != store.TokenSession {
			list = append(list, tokenOut(t))
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"tokens": list})
}

// createToken makes a token, perhaps for some folders only.
func (s *Server) createToken(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	userID, userName, err := s.subject(c, p)
	if err != nil {
		return err
	}
	want := store.Token{UserID: userID, Title: tokenTitle(in)}
	want.Description, _ = in.optText("description")
	want.ReadOnly, _ = in.optBool("readOnly")
	for i, word := range in.texts("scopes") {
		scope, err := store.ParseScope(word)
		if err == nil {
			err = s.knownScope(scope)
		}
		if err != nil {
			in.refuse(fmt.Sprintf("scopes[%d]", i), "%s", reason(err))
		}
		want.Scopes = append(want.Scopes, scope)
	}
	if in.has("scopes") && len(want.Scopes) == 0 {
		in.refuse("scopes", "is empty: null is everything")
	}
	want.Expires = s.expiry(in)
	if in.has("folders") {
		of := store.Principal{UserID: userID, UserName: userName}
		for i, o := range in.objects("folders") {
			ref := o.text("id")
			readOnly, _ := o.optBool("readOnly")
			if in.bad() != nil {
				break
			}
			m, err := s.auth.Mount(c.Request().Context(), of, ref)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				o.refuse("id", "no folder %q is visible to %s", ref, userName)
				continue
			case err != nil:
				return err
			}
			if slices.ContainsFunc(want.Folders, func(f store.TokenFolder) bool { return f.ID == m.Folder.ID }) {
				in.refuse(fmt.Sprintf("folders[%d].id", i), "is named twice")
			}
			want.Folders = append(want.Folders, store.TokenFolder{ID: m.Folder.ID, ReadOnly: readOnly})
		}
		if len(want.Folders) == 0 {
			in.refuse("folders", "is empty: null is all folders")
		}
	}
	if raw, ok := in.raw("labels"); ok && json.Unmarshal(raw, &want.Labels) != nil {
		in.refuse("labels", "must be an object of strings")
	}
	if err := in.bad(); err != nil {
		return err
	}
	t, text, err := s.mint(c, p, want)
	if err != nil {
		return hide404(err)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	j := tokenOut(t)
	j.Token = text
	return c.JSON(http.StatusCreated, j)
}

// expiry reads when a token is to end: expires is a time, expiresIn a time from now; neither
// is never.
func (s *Server) expiry(in *object) time.Time {
	at, fixed := in.optText("expires")
	after, relative := in.optText("expiresIn")
	switch {
	case fixed && relative:
		in.refuse("expiresIn", "goes not with expires")
	case fixed:
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			in.refuse("expires", "must be a time such as 2030-01-31T12:00:00Z")
		} else if !t.After(s.now()) {
			in.refuse("expires", "is in the past")
		} else if t.After(endOfTime) {
			in.refuse("expires", "is too far away; null is for ever")
		}
		return t
	case relative:
		var d Duration
		if err := d.UnmarshalText([]byte(after)); err != nil || d <= 0 {
			in.refuse("expiresIn", "must be a time such as 12h or 30d")
		}
		return s.now().Add(time.Duration(d))
	}
	return time.Time{}
}

// deleteToken ends a token.
func (s *Server) deleteToken(c echo.Context, p store.Principal) error {
	userID, _, err := s.subject(c, p)
	if err != nil {
		return err
	}
	err = s.endToken(c, userID, c.Param("id"))
	if errors.Is(err, fs.ErrNotExist) {
		return &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "there is no such token", err: err}
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// keyJSON is an API key as Davit's own routes show it.
type keyJSON struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey,omitempty"` // only when it is made
	User      string `json:"user"`
	Created   string `json:"created"`
	LastUsed  string `json:"lastUsed,omitempty"`
}

func keyOut(k store.Key) keyJSON {
	return keyJSON{AccessKey: k.AccessKey, User: k.UserName, Created: timeText(k.Created), LastUsed: timeText(k.LastUsed)}
}

// listKeys lists API keys, oldest first.
func (s *Server) listKeys(c echo.Context, p store.Principal) error {
	userID, _, err := s.subject(c, p)
	if err != nil {
		return err
	}
	all, err := s.store.KeysOf(c.Request().Context(), userID)
	if err != nil {
		return hide404(err)
	}
	list := []keyJSON{}
	for _, k := range all {
		list = append(list, keyOut(k))
	}
	return c.JSON(http.StatusOK, map[string]any{"keys": list})
}

// mayMakeKeys says whether p may make what has neither an end nor scopes: API keys, others' passwords,
// administrators.
func mayMakeKeys(p store.Principal) bool {
	return p.Whole() && (p.Narrow == nil || p.Narrow.Expires.IsZero() && !p.Narrow.Fixed)
}

// createKey makes an API key. A key has no end and no scopes: only who has neither makes one.
func (s *Server) createKey(c echo.Context, p store.Principal) error {
	userID, _, err := s.subject(c, p)
	if err != nil {
		return err
	}
	if !mayMakeKeys(p) {
		return errNotWhole
	}
	k, secret, err := s.auth.NewKey(userID)
	if err != nil {
		return err
	}
	if k, err = s.store.CreateKey(c.Request().Context(), k); err != nil {
		return hide404(err)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	j := keyOut(k)
	j.SecretKey = secret
	return c.JSON(http.StatusCreated, j)
}

// deleteKey removes an API key.
func (s *Server) deleteKey(c echo.Context, p store.Principal) error {
	userID, _, err := s.subject(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	k, err := s.store.Key(ctx, c.Param("id"))
	if err == nil && k.UserID != userID {
		err = fs.ErrNotExist
	}
	if err == nil {
		err = s.store.DeleteKey(ctx, k.AccessKey)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "there is no such key", err: err}
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
