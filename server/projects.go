package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"unicode/utf8"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// Projects, their members and their groups: Davit's own routes. Members see their project;
// PI and ADMIN keep members and groups; a PI alone makes or unmakes a PI, and ends the
// project; administrators of the installation may do all that everywhere, and set limits.

func (s *Server) projectRoutes(e *echo.Echo) {
	for _, r := range []struct {
		method, path string
		h            func(echo.Context, store.Principal) error
	}{
		{"GET", "/api/davit/projects", s.listProjects},
		{"POST", "/api/davit/projects", s.createProject},
		{"GET", "/api/davit/projects/:id", s.showProject},
		{"PATCH", "/api/davit/projects/:id", s.changeProject},
		{"DELETE", "/api/davit/projects/:id", s.deleteProject},
		{"GET", "/api/davit/projects/:id/members", s.listMembers},
		{"PUT", "/api/davit/projects/:id/members/:user", s.setMember},
		{"DELETE", "/api/davit/projects/:id/members/:user", s.removeMember},
		{"GET", "/api/davit/projects/:id/groups", s.listGroups},
		{"POST", "/api/davit/projects/:id/groups", s.createGroup},
		{"GET", "/api/davit/groups/:id", s.showGroup},
		{"PATCH", "/api/davit/groups/:id", s.changeGroup},
		{"DELETE", "/api/davit/groups/:id", s.deleteGroup},
		{"GET", "/api/davit/groups/:id/members", s.listGroupMembers},
		{"PUT", "/api/davit/groups/:id/members/:user", s.addGroupMember},
		{"DELETE", "/api/davit/groups/:id/members/:user", s.removeGroupMember},
	} {
		e.Add(r.method, r.path, s.as(func(c echo.Context, p store.Principal) error {
			return projectRefusal(r.h(c, p))
		}))
	}
}

// projectRefusal words the store's errors for these routes; the statuses are problemOf's but for
// what is taken already.
func projectRefusal(err error) error {
	var own *refusal
	switch {
	case errors.As(err, &own):
		return err
	case errors.Is(err, fs.ErrExist):
		return &refusal{status: http.StatusConflict, kind: "already-exists", why: err.Error(), err: err}
	case errors.Is(err, fs.ErrNotExist):
		return &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: err.Error(), err: err}
	}
	return err
}

// projectLimitsIn reads limits over those that are there; whether there are any.
func projectLimitsIn(in *object, l store.Limits) (store.Limits, bool) {
	var folders, bytes, files *int64
	limitsIn(in, map[string]**int64{"maxFolders": &folders, "maxBytes": &bytes, "maxFiles": &files})
	for to, n := range map[*int64]*int64{&l.MaxFolders: folders, &l.MaxBytes: bytes, &l.MaxFiles: files} {
		if n != nil {
			*to = *n
		}
	}
	return l, folders != nil || bytes != nil || files != nil
}

type projectJSON struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Role      *store.Role   `json:"role"` // the caller's
	Limits    accountLimits `json:"limits"`
	Effective accountLimits `json:"effectiveLimits"`
	Created   string        `json:"created"`
	Members   int64         `json:"members"`
	Usage     *accountUsage `json:"usage"`
}

func (s *Server) projectOut(m store.Membership, t store.ProjectTotals) projectJSON {
	p := projectJSON{
		Members: t.Members, Usage: usageOut(t.FolderTotals),
		ID: m.ID, Title: m.Title, Created: timeText(m.Created),
		Limits:    accountLimits{ownLimit(m.Limits.MaxFolders), ownLimit(m.Limits.MaxBytes), ownLimit(m.Limits.MaxFiles)},
		Effective: s.effective(m.Limits),
	}
	if m.Role != "" {
		p.Role = &m.Role
	}
	return p
}

// projectNow is projectOut with what is in the project now.
func (s *Server) projectNow(c echo.Context, status int, m store.Membership) error {
	totals, err := s.store.ProjectTotals(c.Request().Context(), []string{m.ID})
	if err != nil {
		return err
	}
	return c.JSON(status, s.projectOut(m, totals[m.ID]))
}

type memberJSON struct {
	User    string     `json:"user"`
	Role    store.Role `json:"role"`
	Created string     `json:"created"`
}

func memberOut(m store.Member) memberJSON {
	return memberJSON{m.UserName, m.Role, timeText(m.Created)}
}

type groupJSON struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	Title   string `json:"title"`
	Members int    `json:"members"`
	Created string `json:"created"`
}

func groupOut(g store.Group) groupJSON {
	return groupJSON{g.ID, g.ProjectID, g.Title, g.Members, timeText(g.Created)}
}

// answerPage answers the page that the query asks for of a list.
func answerPage[T, J any](c echo.Context, list func(store.Range) ([]T, error), out func(T) J) error {
	q := queryOf(c)
	pg := pageIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	all, err := list(store.Range{Skip: pg.offset, Limit: pg.size + 1})
	if err != nil {
		return err
	}
	part, next := onPage(pg, all)
	answer := pageOf[J]{ItemsPerPage: pg.size, Items: []J{}, Next: next}
	for _, v := range part {
		answer.Items = append(answer.Items, out(v))
	}
	return answerJSON(c, answer)
}

// seat is what the caller may do in a project.
type seat struct {
	store.Membership
	admin bool // of the installation
}

func (s seat) manages() error {
	if s.admin || s.Role.Manages() {
		return nil
	}
	return fmt.Errorf("%w: this needs the role PI or ADMIN in the project", fs.ErrPermission)
}

func (s seat) leads() error {
	if s.admin || s.Role == store.RolePI {
		return nil
	}
	return fmt.Errorf("%w: this needs the role PI in the project", fs.ErrPermission)
}

// seatIn returns the caller's seat in a project, which does not exist for who has none.
func (s *Server) seatIn(ctx context.Context, p store.Principal, projectID string) (seat, error) {
	at := seat{admin: p.Admin}
	m, err := s.store.Member(ctx, projectID, p.UserID)
	switch {
	case err == nil:
		at.Role = m.Role
	case !errors.Is(err, fs.ErrNotExist):
		return at, err
	}
	if err == nil || p.Admin {
		at.Project, err = s.store.Project(ctx, projectID)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return at, &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "no project with this ID is visible to you", err: err}
	}
	return at, err
}

// seatOf is seatIn for the project of the route's ID.
func (s *Server) seatOf(c echo.Context, p store.Principal) (seat, error) {
	id, _ := store.ParseID(c.Param("id"))
	return s.seatIn(c.Request().Context(), p, id)
}

// groupAt finds the group of the route's ID, and the caller's seat in its project.
func (s *Server) groupAt(c echo.Context, p store.Principal) (store.Group, seat, error) {
	id, _ := store.ParseID(c.Param("id"))
	g, err := s.store.Group(c.Request().Context(), id)
	var at seat
	if err == nil {
		at, err = s.seatIn(c.Request().Context(), p, g.ProjectID)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "no group with this ID is visible to you", err: err}
	}
	return g, at, err
}

// userOf finds the user whom the route names.
func (s *Server) userOf(c echo.Context) (store.User, error) {
	name, err := pathText(c, "user")
	if err != nil {
		return store.User{}, err
	}
	return s.store.UserByName(c.Request().Context(), name)
}

// listProjects lists the caller's projects, or all of them for an administrator who asks so.
func (s *Server) listProjects(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	q := queryOf(c)
	all := q.flag("all")
	if all && !p.Admin {
		return fmt.Errorf("%w: only administrators see all projects", fs.ErrPermission)
	}
	title, _ := q.optText("query")
	if utf8.RuneCountInString(title) > 255 || !utf8.ValidString(title) {
		q.refuse("query", "must be UTF-8 of at most 255 characters")
	}
	if err := q.bad(); err != nil {
		return err
	}
	var totals map[string]store.ProjectTotals
	return answerPage(c, func(r store.Range) (list []store.Membership, err error) {
		switch {
		case title != "":
			list, err = s.store.SearchProjects(ctx, p.UserID, title, all, r)
		case all:
			list, err = s.store.Projects(ctx, p.UserID, r)
		default:
			list, err = s.store.ProjectsOf(ctx, p.UserID, r)
		}
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(list))
		for i, m := range list {
			ids[i] = m.ID
		}
		totals, err = s.store.ProjectTotals(ctx, ids)
		return list, err
	}, func(m store.Membership) projectJSON { return s.projectOut(m, totals[m.ID]) })
}

// createProject makes a project whose PI is the caller, or whom an administrator names.
func (s *Server) createProject(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	title := in.text("title")
	name, other := in.optText("pi")
	limits, limited := projectLimitsIn(in, store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default})
	if err := in.bad(); err != nil {
		return err
	}
	switch {
	case p.Admin:
	case !s.cfg.ProjectsByUsers:
		return fmt.Errorf("%w: only administrators make projects", fs.ErrPermission)
	case limited:
		return fmt.Errorf("%w: only administrators set limits", fs.ErrPermission)
	case other && name != p.UserName:
		return fmt.Errorf("%w: only administrators make others PI of a new project", fs.ErrPermission)
	}
	ctx := c.Request().Context()
	pi := p.UserID
	if other {
		u, err := s.store.UserByName(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return &paramError{"pi", "is no user"}
		}
		if err != nil {
			return err
		}
		pi = u.ID
	}
	made, err := s.store.CreateProject(ctx, store.Project{Title: title, Limits: limits}, pi)
	if err != nil {
		return err
	}
	m := store.Membership{Project: made}
	if pi == p.UserID {
		m.Role = store.RolePI
	}
	c.Response().Header().Set("Location", "/api/davit/projects/"+made.ID)
	return s.projectNow(c, http.StatusCreated, m)
}

func (s *Server) showProject(c echo.Context, p store.Principal) error {
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	return s.projectNow(c, http.StatusOK, at.Membership)
}

// changeProject changes the title, and for administrators the limits.
func (s *Server) changeProject(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	var change store.ProjectChange
	if title, given := in.optText("title"); given {
		change.Title = &title
	}
	if limits, given := projectLimitsIn(in, at.Limits); given {
		change.Limits = &limits
	}
	if err := in.bad(); err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	if change.Limits != nil && !at.admin {
		return fmt.Errorf("%w: only administrators set limits", fs.ErrPermission)
	}
	at.Project, err = s.store.ChangeProject(c.Request().Context(), at.ID, change)
	if err != nil {
		return err
	}
	if change.Limits != nil {
		s.reconcile(c) // open folders have limits from here
	}
	return s.projectNow(c, http.StatusOK, at.Membership)
}

// deleteProject ends a project; with deleteFolders=true its folders go with it for good.
func (s *Server) deleteProject(c echo.Context, p store.Principal) error {
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	if err := at.leads(); err != nil {
		return err
	}
	if err := s.store.DeleteProject(c.Request().Context(), at.ID, queryOf(c).flag("deleteFolders")); err != nil {
		return err
	}
	s.reconcile(c) // nobody sees the folders any more; their bytes go now
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) listMembers(c echo.Context, p store.Principal) error {
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	return answerPage(c, func(r store.Range) ([]store.Member, error) {
		return s.store.Members(c.Request().Context(), at.ID, r)
	}, memberOut)
}

// setMember takes somebody into the project, or changes a role.
func (s *Server) setMember(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	role := store.Role(in.text("role"))
	if err := in.bad(); err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	switch role {
	case store.RolePI, store.RoleAdmin, store.RoleUser:
	default:
		return &paramError{"role", "must be PI, ADMIN or USER"}
	}
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	was, err := s.store.Member(ctx, at.ID, u.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if (was.Role == store.RolePI) != (role == store.RolePI) {
		if err := at.leads(); err != nil {
			return err
		}
	}
	if err := s.store.SetMember(ctx, at.ID, u.ID, role); err != nil {
		return err
	}
	m, err := s.store.Member(ctx, at.ID, u.ID)
	if err != nil {
		return err
	}
	return answerJSON(c, memberOut(m))
}

// removeMember takes somebody out of the project; everybody may leave.
func (s *Server) removeMember(c echo.Context, p store.Principal) error {
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if u.ID != p.UserID {
		if err := at.manages(); err != nil {
			return err
		}
		m, err := s.store.Member(ctx, at.ID, u.ID)
		if err != nil {
			return noMember(u, err)
		}
		if m.Role == store.RolePI {
			if err := at.leads(); err != nil {
				return err
			}
		}
	}
	if err := s.store.RemoveMember(ctx, at.ID, u.ID); err != nil {
		return noMember(u, err)
	}
	return c.NoContent(http.StatusNoContent)
}

// noMember words fs.ErrNotExist with a name in place of an ID.
func noMember(u store.User, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is not a member", fs.ErrNotExist, u.Name)
	}
	return err
}

func (s *Server) listGroups(c echo.Context, p store.Principal) error {
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	return answerPage(c, func(r store.Range) ([]store.Group, error) {
		return s.store.Groups(c.Request().Context(), at.ID, r)
	}, groupOut)
}

func (s *Server) createGroup(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	at, err := s.seatOf(c, p)
	if err != nil {
		return err
	}
	title := in.text("title")
	if err := in.bad(); err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	g, err := s.store.CreateGroup(c.Request().Context(), at.ID, title)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/api/davit/groups/"+g.ID)
	return c.JSON(http.StatusCreated, groupOut(g))
}

func (s *Server) showGroup(c echo.Context, p store.Principal) error {
	g, _, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	return answerJSON(c, groupOut(g))
}

// changeGroup changes a group's title.
func (s *Server) changeGroup(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	g, at, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	title, given := in.optText("title")
	if err := in.bad(); err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if given {
		if err := s.store.RenameGroup(ctx, g.ID, title); err != nil {
			return err
		}
		if g, err = s.store.Group(ctx, g.ID); err != nil {
			return err
		}
	}
	return answerJSON(c, groupOut(g))
}

func (s *Server) deleteGroup(c echo.Context, p store.Principal) error {
	g, at, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	if err := s.store.DeleteGroup(c.Request().Context(), g.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) listGroupMembers(c echo.Context, p store.Principal) error {
	g, _, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	return answerPage(c, func(r store.Range) ([]store.Member, error) {
		return s.store.GroupMembers(c.Request().Context(), g.ID, r)
	}, memberOut)
}

// addGroupMember takes a member of the project into the group.
func (s *Server) addGroupMember(c echo.Context, p store.Principal) error {
	g, at, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	if err := at.manages(); err != nil {
		return err
	}
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.store.AddGroupMember(ctx, g.ID, u.ID); err != nil {
		return err
	}
	m, err := s.store.Member(ctx, g.ProjectID, u.ID)
	if err != nil {
		return noMember(u, err)
	}
	return answerJSON(c, memberOut(m))
}

// removeGroupMember takes somebody out of a group; everybody may leave.
func (s *Server) removeGroupMember(c echo.Context, p store.Principal) error {
	g, at, err := s.groupAt(c, p)
	if err != nil {
		return err
	}
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if u.ID != p.UserID {
		if err := at.manages(); err != nil {
			return err
		}
	}
	if err := s.store.RemoveGroupMember(c.Request().Context(), g.ID, u.ID); err != nil {
		return noMember(u, err)
	}
	return c.NoContent(http.StatusNoContent)
}
