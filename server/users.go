package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// accountLimits are limits as people gave them, and as they hold.
type accountLimits struct {
	MaxFolders any `json:"maxFolders"`
	MaxBytes   any `json:"maxBytes"`
	MaxFiles   any `json:"maxFiles"`
}

// account is a user as administrators, and users themselves, see it.
type account struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Email       string        `json:"email"`
	Admin       bool          `json:"admin"`
	HasPassword bool          `json:"hasPassword"`
	Limits      accountLimits `json:"limits"`
	Effective   accountLimits `json:"effectiveLimits"`
	Created     string        `json:"created"`
	LastUsed    *string       `json:"lastUsed"`

	Usage    *accountUsage    `json:"usage,omitempty"`
	Projects *[]workspaceJSON `json:"projects,omitempty"` // of one user, not in lists
}

// accountUsage is what the personal folders of a user hold together.
type accountUsage struct {
	Folders int64 `json:"folders"`
	Bytes   int64 `json:"bytes"`
	Files   int64 `json:"files"`
}

func usageOut(t store.FolderTotals) *accountUsage {
	return &accountUsage{t.Folders, t.Usage.Bytes, t.Usage.Files}
}

func (s *Server) accountOf(u store.User) account {
	return account{
		ID: u.ID, Name: u.Name, Email: u.Email, Admin: u.Admin, HasPassword: u.PasswordHash != "",
		Created: timeText(u.Created), LastUsed: isoOrNull(u.LastUsed),
		Limits:    accountLimits{ownLimit(u.Limits.MaxFolders), ownLimit(u.Limits.MaxBytes), ownLimit(u.Limits.MaxFiles)},
		Effective: s.effective(u.Limits),
	}
}

// effective are the limits of a user or project, with the server's where they say nothing.
func (s *Server) effective(l store.Limits) accountLimits {
	or := func(own, above int64) any {
		if own == store.Default {
			own = above
		}
		return limitOf(own)
	}
	return accountLimits{or(l.MaxFolders, s.defaults.MaxFolders), or(l.MaxBytes, s.defaults.MaxBytes), or(l.MaxFiles, s.defaults.MaxFiles)}
}

// users lists the users for administrators, by name.
func (s *Server) users(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	q := queryOf(c)
	query, _ := q.optText("query")
	if utf8.RuneCountInString(query) > 256 || !utf8.ValidString(query) {
		q.refuse("query", "must be UTF-8 of at most 256 characters")
	}
	want := store.UserFilter{Query: query, Admin: q.word("admin", "false", "true") == "true"}
	part := rowsIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	users, err := s.store.SearchUsers(ctx, want, part.after, part.size+1)
	if err != nil {
		return err
	}
	totals, err := s.store.SearchTotals(ctx, want, part.after, part.size+1)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, rowPage(part, users, func(u store.User) string { return u.Name }, func(u store.User) account {
		a := s.accountOf(u)
		a.Usage = usageOut(totals[u.ID])
		return a
	}))
}

// mostFound is how many names a search for somebody to share with gives.
const mostFound = 10

// findUsers completes names for whoever wants to share a folder.
func (s *Server) findUsers(c echo.Context, p store.Principal) error {
	q := queryOf(c)
	query, given := q.optText("query")
	switch {
	case !given:
		q.refuse("query", "is missing")
	case utf8.RuneCountInString(query) > 64 || !utf8.ValidString(query):
		q.refuse("query", "must be UTF-8 of at most 64 characters")
	}
	if err := q.bad(); err != nil {
		return err
	}
	out := struct {
		Names []string `json:"names"`
	}{[]string{}}
	ctx := c.Request().Context()
	exact, err := s.store.UserByAddress(ctx, query) // as an invitation would take it
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.cfg.NoUserDirectory && !p.Admin {
		if err == nil {
			out.Names = append(out.Names, exact.Name)
		}
		return c.JSON(http.StatusOK, out)
	}
	names, err := s.store.CompleteUser(ctx, query, mostFound)
	if err != nil {
		return err
	}
	if exact.Name != "" && !slices.Contains(names, exact.Name) {
		names = append([]string{exact.Name}, names[:min(len(names), mostFound-1)]...)
	}
	out.Names = append(out.Names, names...)
	return c.JSON(http.StatusOK, out)
}

// userInPath is the user that the path names, by name or ID; a name wins. Others than
// administrators see themselves alone: of all others nobody tells them whether they exist.
func (s *Server) userInPath(c echo.Context, p store.Principal) (store.User, error) {
	ref, err := pathText(c, "user")
	if err != nil {
		return store.User{}, err
	}
	ctx := c.Request().Context()
	u, err := s.store.UserByName(ctx, ref)
	if errors.Is(err, fs.ErrNotExist) {
		if id, ok := store.ParseID(ref); ok {
			u, err = s.store.User(ctx, id)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if !p.Admin {
			return u, administrator(p)
		}
		return u, noUser(ref, err)
	}
	if err == nil && u.ID != p.UserID {
		err = administrator(p)
	}
	return u, err
}

func noUser(ref string, err error) error {
	return &refusal{status: http.StatusNotFound, kind: "user-not-found", why: fmt.Sprintf("there is no user %q", fieldName(ref)), err: err}
}

// user shows one user.
func (s *Server) user(c echo.Context, p store.Principal) error {
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	return s.showUser(c, http.StatusOK, u)
}

func (s *Server) showUser(c echo.Context, status int, u store.User) error {
	t, err := s.store.FolderTotals(c.Request().Context(), u.ID)
	if err != nil {
		return err
	}
	a := s.accountOf(u)
	a.Usage = usageOut(t)
	projects, err := s.store.ProjectsOf(c.Request().Context(), u.ID, store.Range{Limit: 1000})
	if err != nil {
		return err
	}
	a.Projects = &[]workspaceJSON{}
	for _, m := range projects {
		*a.Projects = append(*a.Projects, workspaceJSON{m.ID, m.Title, m.Role})
	}
	return c.JSON(status, a)
}

// userIn is what a body says about a user.
func userIn(in *object) (change store.UserChange, password *string) {
	if text, given := in.optText("email"); given {
		change.Email = &text
	}
	if v, given := in.optBool("admin"); given {
		change.Admin = &v
	}
	if text, given := in.optText("password"); given {
		if text == "" {
			in.refuse("password", "must not be empty; null means none")
		}
		password = &text
	} else if in.fields["password"] != nil { // null
		password = new(string)
	}
	limitsIn(in, map[string]**int64{"maxFolders": &change.MaxFolders, "maxBytes": &change.MaxBytes, "maxFiles": &change.MaxFiles})
	return change, password
}

// hashIn puts a password's hash into a change.
func (s *Server) hashIn(c echo.Context, change *store.UserChange, password *string) error {
	if password == nil {
		return nil
	}
	hash := ""
	if *password != "" {
		var err error
		if hash, err = s.auth.HashPassword(c.Request().Context(), *password); err != nil {
			if errors.Is(err, fs.ErrInvalid) {
				return &paramError{"password", err.Error()}
			}
			return err
		}
	}
	change.PasswordHash = &hash
	return nil
}

// userFault names the field that the store refused.
func userFault(err error) error {
	if !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	for prefix, field := range map[string]string{"user name": "name", "e-mail": "email"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return &paramError{field, err.Error()}
		}
	}
	return err
}

// createUser makes a user.
func (s *Server) createUser(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	u := store.User{Name: in.text("name"), Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}}
	change, password := userIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	if change.Admin != nil && *change.Admin && !mayMakeKeys(p) {
		return errNotWhole
	}
	if err := s.hashIn(c, &change, password); err != nil {
		return err
	}
	for _, l := range []struct{ to, from *int64 }{{&u.Limits.MaxFolders, change.MaxFolders}, {&u.Limits.MaxBytes, change.MaxBytes}, {&u.Limits.MaxFiles, change.MaxFiles}} {
		if l.from != nil {
			*l.to = *l.from
		}
	}
	if change.Email != nil {
		u.Email = *change.Email
	}
	u.Admin = change.Admin != nil && *change.Admin
	if change.PasswordHash != nil {
		u.PasswordHash = *change.PasswordHash
	}
	u, err = s.store.CreateUser(c.Request().Context(), u)
	if errors.Is(err, fs.ErrExist) {
		return &refusal{status: http.StatusConflict, kind: "user-already-exists", why: "name: " + err.Error(), err: err}
	}
	if err != nil {
		return userFault(err)
	}
	c.Response().Header().Set("Location", "/api/davit/users/"+url.PathEscape(u.Name))
	return s.showUser(c, http.StatusCreated, u)
}

// changeUser changes what the body names. Users may change their own e-mail address; the rest is for
// administrators.
func (s *Server) changeUser(c echo.Context, p store.Principal) error {
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	if in.has("name") && in.text("name") != u.Name {
		in.refuse("name", "cannot be changed")
	}
	change, password := userIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	if (password != nil || change.Admin != nil && *change.Admin) && !mayMakeKeys(p) {
		return errNotWhole
	}
	if !p.Admin && (change.Admin != nil || password != nil || change.MaxFolders != nil || change.MaxBytes != nil || change.MaxFiles != nil) {
		return fmt.Errorf("only your email can be changed here by yourself: %w", fs.ErrPermission)
	}
	if err := s.hashIn(c, &change, password); err != nil {
		return err
	}
	change.EmailFree = !p.Admin // people share with addresses: nobody calls himself by another's
	u, err = s.store.ChangeUser(c.Request().Context(), u.ID, change)
	if errors.Is(err, fs.ErrExist) {
		return &refusal{status: http.StatusConflict, kind: "user-already-exists", why: "email: " + err.Error(), err: err}
	}
	if err != nil {
		return userFault(err)
	}
	if change.MaxBytes != nil || change.MaxFiles != nil {
		s.reconcile(c) // open folders have limits from here
	}
	if password != nil && u.Name == adminName { // the file would be a lie now (D26)
		if err := os.Remove(filepath.Join(s.dataDir, passwordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Error("remove the first password", "error", err)
		}
	}
	return s.showUser(c, http.StatusOK, u)
}

// deleteUser removes a user (D32).
func (s *Server) deleteUser(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	q := queryOf(c)
	heirName, transfer := q.optText("transferTo")
	deleteFolders := q.word("deleteFolders", "false", "true") == "true"
	if transfer && deleteFolders {
		q.refuse("deleteFolders", "contradicts transferTo")
	}
	if err := q.bad(); err != nil {
		return err
	}
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	heir := ""
	if transfer {
		h, err := s.store.UserByName(ctx, heirName)
		if errors.Is(err, fs.ErrNotExist) {
			return &paramError{"transferTo", fmt.Sprintf("there is no user %q", fieldName(heirName))}
		}
		if err != nil {
			return err
		}
		if h.ID == u.ID {
			return &paramError{"transferTo", "is the user who goes"}
		}
		heir = h.ID
	}
	err = s.store.DeleteUser(ctx, u.ID, heir, deleteFolders)
	if errors.Is(err, fs.ErrInvalid) {
		return &refusal{status: http.StatusConflict, kind: "user-has-folders", why: err.Error() + " (transferTo, deleteFolders)", err: err}
	}
	if err != nil {
		return err
	}
	s.reconcile(c) // locks, and folders that are deleted with the user
	return c.NoContent(http.StatusNoContent)
}

// userSessions lists the sessions of a user, newest first, for administrators; users see their own under /auth.
func (s *Server) userSessions(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	list, err := s.sessionsOf(c, p, u.ID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"sessions": list})
}

// endUserSession ends one session of a user.
func (s *Server) endUserSession(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	if err := s.endSessionOf(c, u.ID, c.Param("id")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "the user has no such session", err: err}
		}
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// revokeUser ends all that a user signs in with but the password.
func (s *Server) revokeUser(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	u, err := s.userInPath(c, p)
	if err != nil {
		return err
	}
	if err := s.store.Revoke(c.Request().Context(), u.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// meJSON is what a caller learns about itself.
type meJSON struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Email      *string         `json:"email"`
	Admin      bool            `json:"admin"`
	Credential credentialJSON  `json:"credential"`
	Workspaces []workspaceJSON `json:"workspaces"`
	Groups     []memberOfJSON  `json:"groups"`
	Limits     *accountLimits  `json:"limits"`
	Usage      *accountUsage   `json:"usage"`
	Folders    folderCounts    `json:"folders"`
	// KeepDeleted is for how many seconds deleted folders can be restored.
	KeepDeleted int64 `json:"keepDeleted"`
	MayProject  bool  `json:"mayCreateProjects"`
}

// credentialJSON says by what a caller has signed in, and what of its user's rights that leaves.
type credentialJSON struct {
	Kind      string            `json:"kind"` // password, key, session, token, mount
	ID        string            `json:"id,omitempty"`
	Whole     bool              `json:"whole"`
	ReadOnly  bool              `json:"readOnly"`
	Folders   []tokenFolderJSON `json:"folders"` // null: all
	Scopes    []string          `json:"scopes"`  // null: all
	Workspace *string           `json:"workspace"`
	Expires   *string           `json:"expires"`
}

// workspaceJSON is a project, or with an empty ID one's own.
type workspaceJSON struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Role  store.Role `json:"role"`
}

// memberOfJSON is a group that the caller is in.
type memberOfJSON struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Title   string `json:"title"`
}

// folderCounts counts the folders that a caller sees.
type folderCounts struct {
	Own     int `json:"own"`
	Project int `json:"project"`
	Shared  int `json:"shared"`
}

// me tells a caller who it is. A token for some folders learns of nothing else (D30).
func (s *Server) me(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	out := meJSON{ID: p.UserID, Name: p.UserName, Admin: p.Admin, Workspaces: []workspaceJSON{}, Groups: []memberOfJSON{}, KeepDeleted: int64(time.Duration(s.cfg.KeepDeleted).Seconds())}
	var err error
	if out.Credential, err = s.credential(c, p); err != nil {
		return err
	}
	mounts, err := s.auth.Mounts(ctx, p)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		switch m.Distance(p.UserID) {
		case 0:
			out.Folders.Own++
		case 1:
			out.Folders.Project++
		default:
			out.Folders.Shared++
		}
	}
	if p.Narrowed() {
		return c.JSON(http.StatusOK, out)
	}
	u, err := s.store.User(ctx, p.UserID)
	if err != nil {
		return hide(err)
	}
	totals, err := s.store.FolderTotals(ctx, p.UserID)
	if err != nil {
		return err
	}
	limits := s.effective(u.Limits)
	out.Email, out.Limits, out.Usage = &u.Email, &limits, usageOut(totals)
	out.MayProject = p.Admin || s.cfg.ProjectsByUsers
	out.Workspaces = append(out.Workspaces, workspaceJSON{Title: u.Name, Role: store.RolePI})
	projects, err := s.store.ProjectsOf(ctx, p.UserID, store.Range{Limit: 1000})
	if err != nil {
		return err
	}
	for _, m := range projects {
		out.Workspaces = append(out.Workspaces, workspaceJSON{m.ID, m.Title, m.Role})
	}
	groups, err := s.store.GroupsOf(ctx, p.UserID, store.Range{Limit: 1000})
	if err != nil {
		return err
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, memberOfJSON{g.ID, g.ProjectID, g.Title})
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Server) credential(c echo.Context, p store.Principal) (credentialJSON, error) {
	out := credentialJSON{Kind: "password", ID: p.KeyID, Whole: p.Whole(), ReadOnly: p.ReadOnly}
	switch t, err := s.store.Token(c.Request().Context(), p.KeyID); {
	case p.KeyID == "":
	case err == nil:
		out.Kind = t.Kind
	case errors.Is(err, fs.ErrNotExist):
		out.Kind = "key"
	default:
		return out, err
	}
	n := p.Narrow
	if n == nil {
		return out, nil
	}
	out.Expires = isoOrNull(n.Expires)
	if n.Folders != nil {
		out.Folders = []tokenFolderJSON{}
		for _, f := range n.Folders {
			out.Folders = append(out.Folders, tokenFolderJSON{f.ID, f.ReadOnly})
		}
	}
	if n.Scopes != nil {
		out.Scopes = n.Scopes.Strings()
	}
	if n.Fixed {
		out.Workspace = &n.ProjectID
	}
	return out, nil
}
