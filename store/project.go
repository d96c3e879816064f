package store

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Project is a workspace that several users share: its folders belong to all of them.
type Project struct {
	ID      string // as a folder's
	Title   string // NFC, 1–255 characters, no control characters; no two projects have the same
	Limits  Limits // of its folders, in place of a user's
	Created time.Time
}

// Role is what a user is in a project.
type Role string

// What the roles may do beyond what folders and groups give: RolePI and RoleAdmin
// everything in all folders of the project, and its members and groups are theirs to
// keep; only a RolePI makes or unmakes a RolePI, of which a project has one at least.
const (
	RolePI    Role = "PI"
	RoleAdmin Role = "ADMIN"
	RoleUser  Role = "USER"
)

// Manages says whether the role has all rights in the project.
func (r Role) Manages() bool { return r == RolePI || r == RoleAdmin }

func (r Role) check() error {
	switch r {
	case RolePI, RoleAdmin, RoleUser:
		return nil
	}
	return explain(fs.ErrInvalid, "role must be PI, ADMIN or USER")
}

// Member is a user in a project.
type Member struct {
	ProjectID string
	UserID    string
	UserName  string // filled in by reads
	Role      Role
	Created   time.Time
}

// Membership is a project and what one user is in it.
type Membership struct {
	Project
	Role Role // "" for none
}

// Range is a part of a long list: so many elements are passed over, so many at
// most returned. The zero value is the whole list.
type Range struct{ Skip, Limit int64 }

// limit is Limit as SQL wants it.
func (r Range) limit() int64 {
	if r.Limit <= 0 {
		return math.MaxInt64
	}
	return r.Limit
}

// checkName brings the title of a project or group into its one form, or says
// what is wrong with it.
func checkName(noun, title string) (string, error) {
	if !utf8.ValidString(title) {
		return "", explain(fs.ErrInvalid, "title of the %s is not UTF-8", noun)
	}
	title = norm.NFC.String(title)
	switch n := utf8.RuneCountInString(title); {
	case strings.TrimSpace(title) == "":
		return "", explain(fs.ErrInvalid, "title of the %s is blank", noun)
	case n > 255:
		return "", explain(fs.ErrInvalid, "title of the %s is longer than 255 characters", noun)
	case strings.ContainsFunc(title, unicode.IsControl):
		return "", explain(fs.ErrInvalid, "title of the %s contains a control character", noun)
	}
	if _, ok := ParseID(title); ok {
		return "", explain(fs.ErrInvalid, "title of the %s looks like an ID", noun)
	}
	return title, nil
}

const selectProject = `SELECT p.id, p.title, p.max_folders, p.max_bytes, p.max_files, p.created FROM projects p`

func projectDest(p *Project) []any {
	return []any{&p.ID, &p.Title, &p.Limits.MaxFolders, &p.Limits.MaxBytes, &p.Limits.MaxFiles, scanTime{&p.Created}}
}

func scanProject(r row) (p Project, err error) {
	err = r.Scan(projectDest(&p)...)
	return p, err
}

func (t tx) project(id string) (Project, error) {
	st, err := t.stmt(selectProject + ` WHERE p.id = $1`)
	if err != nil {
		return Project{}, err
	}
	return scanProject(st.QueryRow(id))
}

// CreateProject adds a project, of which Title and Limits are taken, with the user piID
// as its first RolePI, and returns it. fs.ErrInvalid for a title or limit that may not be, fs.ErrExist for
// a title that is taken, fs.ErrNotExist for an unknown user.
func (s *Store) CreateProject(ctx context.Context, p Project, piID string) (Project, error) {
	var err error
	if p.Title, err = checkName("project", p.Title); err != nil {
		return Project{}, err
	}
	if err := p.Limits.check(); err != nil {
		return Project{}, err
	}
	if p.ID, err = newID(); err != nil {
		return Project{}, err
	}
	p.Created = s.now().UTC().Truncate(time.Microsecond)
	err = s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, piID)
		pi, err := t.user(piID)
		if err != nil {
			return named(convert(err), "user", piID)
		}
		if _, err := t.exec(`INSERT INTO projects (id, title, max_folders, max_bytes, max_files, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.ID, p.Title, p.Limits.MaxFolders, p.Limits.MaxBytes, p.Limits.MaxFiles, micros(p.Created)); err != nil {
			return err
		}
		if _, err := t.exec(setMember, p.ID, piID, RolePI, micros(p.Created)); err != nil {
			return err
		}
		return t.note(ctx, event{action: "project.create", project: p.ID, subject: p.Title, detail: map[string]string{"pi": pi.Name}})
	})
	if err != nil {
		return Project{}, named(err, "project", p.Title)
	}
	return p, nil
}

// Project returns a project; fs.ErrNotExist.
func (s *Store) Project(ctx context.Context, id string) (Project, error) {
	p, err := scanProject(s.reads.QueryRowContext(ctx, selectProject+` WHERE p.id = $1`, id))
	return p, named(convert(err), "project", id)
}

// ProjectByTitle returns a project, by its title in any normal form; fs.ErrNotExist.
func (s *Store) ProjectByTitle(ctx context.Context, title string) (Project, error) {
	p, err := scanProject(s.reads.QueryRowContext(ctx, selectProject+` WHERE p.title = $1`, norm.NFC.String(title)))
	return p, named(convert(err), "project", title)
}

const selectMembership = `SELECT p.id, p.title, p.max_folders, p.max_bytes, p.max_files, p.created, COALESCE(m.role, '')`

func scanMembership(r row) (m Membership, err error) {
	err = r.Scan(append(projectDest(&m.Project), &m.Role)...)
	return m, err
}

const (
	selectProjects   = selectMembership + ` FROM projects p LEFT JOIN members m ON m.project_id = p.id AND m.user_id = $1 ORDER BY p.title LIMIT $3 OFFSET $2`
	selectProjectsOf = selectMembership + ` FROM members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = $1 ORDER BY p.title LIMIT $3 OFFSET $2`
)

// Projects returns all projects, ordered by title, with the role that a user, who may be "", has in each.
func (s *Store) Projects(ctx context.Context, userID string, part Range) ([]Membership, error) {
	return collect[Membership](s.reads.QueryContext(ctx, selectProjects, userID, part.Skip, part.limit()))(scanMembership)
}

// ProjectsOf returns the projects that a user is a member of, ordered by title.
func (s *Store) ProjectsOf(ctx context.Context, userID string, part Range) ([]Membership, error) {
	return collect[Membership](s.reads.QueryContext(ctx, selectProjectsOf, userID, part.Skip, part.limit()))(scanMembership)
}

const (
	titled           = ` AND lower(p.title) LIKE lower($4) ESCAPE '\' ORDER BY p.title LIMIT $3 OFFSET $2`
	searchProjects   = selectMembership + ` FROM projects p LEFT JOIN members m ON m.project_id = p.id AND m.user_id = $1 WHERE TRUE` + titled
	searchProjectsOf = selectMembership + ` FROM members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = $1` + titled
)

// SearchProjects is ProjectsOf, or with all Projects, for those with title in their title; of ASCII letters the case does
// not matter.
func (s *Store) SearchProjects(ctx context.Context, userID, title string, all bool, part Range) ([]Membership, error) {
	query := searchProjectsOf
	if all {
		query = searchProjects
	}
	return collect[Membership](s.reads.QueryContext(ctx, query, userID, part.Skip, part.limit(), like(title)))(scanMembership)
}

// ProjectTotals says how much there is in a project.
type ProjectTotals struct {
	Members int64
	FolderTotals
}

const totalsOfProjects = `SELECT p.id, (SELECT COUNT(*) FROM members m WHERE m.project_id = p.id),
	COUNT(f.id), COALESCE(SUM(f.used_bytes), 0), COALESCE(SUM(f.used_files), 0)
	FROM projects p LEFT JOIN folders f ON f.project_id = p.id AND f.deleted = 0 WHERE p.id IN (` + inList + `) GROUP BY p.id`

// ProjectTotals returns what is in projects, by ID; those that are gone are absent.
func (s *Store) ProjectTotals(ctx context.Context, ids []string) (map[string]ProjectTotals, error) {
	all := make(map[string]ProjectTotals, len(ids))
	for part := range slices.Chunk(ids, inListLen) {
		_, err := collect[string](s.reads.QueryContext(ctx, totalsOfProjects, inArgs(part)...))(func(r row) (id string, err error) {
			var t ProjectTotals
			err = r.Scan(&id, &t.Members, &t.Folders, &t.Usage.Bytes, &t.Usage.Files)
			all[id] = t
			return id, err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ProjectIDs returns the IDs of the projects that a user is a member of.
func (s *Store) ProjectIDs(ctx context.Context, userID string) ([]string, error) {
	return collect[string](s.reads.QueryContext(ctx, `SELECT project_id FROM members WHERE user_id = $1`, userID))(scanString)
}

// ProjectChange is what to change about a project; nil leaves a thing as it is.
type ProjectChange struct {
	Title  *string
	Limits *Limits
}

// ChangeProject changes a project, and returns it as it is then; fs.ErrNotExist, fs.ErrInvalid and
// fs.ErrExist as in CreateProject.
func (s *Store) ChangeProject(ctx context.Context, id string, c ProjectChange) (Project, error) {
	var title string
	if c.Title != nil {
		var err error
		if title, err = checkName("project", *c.Title); err != nil {
			return Project{}, err
		}
	}
	if c.Limits != nil {
		if err := c.Limits.check(); err != nil {
			return Project{}, err
		}
	}
	var p Project
	err := s.write(ctx, announced, func(t tx) error {
		t.touch(TouchProject, id)
		var err error
		if p, err = t.project(id); err != nil {
			return err
		}
		was := p
		if c.Title != nil {
			p.Title = title
		}
		if c.Limits != nil {
			p.Limits = *c.Limits
		}
		if p == was {
			return nil
		}
		if _, err := t.exec(`UPDATE projects SET title = $2, max_folders = $3, max_bytes = $4, max_files = $5 WHERE id = $1`,
			id, p.Title, p.Limits.MaxFolders, p.Limits.MaxBytes, p.Limits.MaxFiles); err != nil {
			return named(convert(err), "project", p.Title)
		}
		if p.Title != was.Title {
			if err := t.note(ctx, event{action: "project.rename", project: id, subject: p.Title, detail: map[string]string{"from": was.Title}}); err != nil {
				return err
			}
		}
		if p.Limits == was.Limits {
			return nil
		}
		return t.note(ctx, event{action: "project.limit", project: id, subject: p.Title,
			detail: map[string]any{"maxFolders": limitTold(p.Limits.MaxFolders), "maxBytes": limitTold(p.Limits.MaxBytes), "maxFiles": limitTold(p.Limits.MaxFiles)}})
	})
	return p, named(err, "project", id)
}

// DeleteProject removes a project with its members and groups. With deleteFolders its folders
// are deleted for good, those included that could still be restored; else a project that has living folders stays:
// fs.ErrInvalid. fs.ErrNotExist for an unknown one.
func (s *Store) DeleteProject(ctx context.Context, id string, deleteFolders bool) error {
	return named(s.write(ctx, announced, func(t tx) error {
		p, err := t.project(id)
		if err != nil {
			return err
		}
		t.touchAll()
		if deleteFolders {
			ids, err := collect[string](t.query(`SELECT id FROM folders WHERE project_id = $1`, id))(scanString)
			if err != nil {
				return err
			}
			if err := t.deleteForGood(ctx, ids); err != nil {
				return err
			}
		}
		var n int
		if err := t.get(`SELECT COUNT(*) FROM folders WHERE project_id = $1 AND deleted = 0`, []any{id}, &n); err != nil {
			return err
		}
		if n > 0 {
			return explain(fs.ErrInvalid, "the project has %d folder(s): delete them first", n)
		}
		if err := t.note(ctx, event{action: "project.delete", project: id, subject: p.Title}); err != nil {
			return err
		}
		for _, query := range []string{
			// What waits for its end belongs to nobody now: it must not become its maker's.
			`UPDATE folders SET project_id = NULL, owner_id = NULL WHERE project_id = $1`,
			`DELETE FROM workspace_limits WHERE workspace_id = $1`,
			`DELETE FROM projects WHERE id = $1`, // takes members, groups and tokens along
		} {
			if _, err := t.exec(query, id); err != nil {
				return err
			}
		}
		return nil
	}), "project", id)
}

const (
	selectMember = `SELECT m.project_id, m.user_id, u.name, m.role, m.created FROM members m JOIN users u ON u.id = m.user_id`
	setMember    = `INSERT INTO members (project_id, user_id, role, created) VALUES ($1, $2, $3, $4)
		ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role`
)

func scanMember(r row) (m Member, err error) {
	err = r.Scan(&m.ProjectID, &m.UserID, &m.UserName, &m.Role, scanTime{&m.Created})
	return m, err
}

// Members returns the members of a project, ordered by name; none for an unknown one.
func (s *Store) Members(ctx context.Context, projectID string, part Range) ([]Member, error) {
	return collect[Member](s.reads.QueryContext(ctx, selectMember+` WHERE m.project_id = $1 ORDER BY u.name LIMIT $3 OFFSET $2`,
		projectID, part.Skip, part.limit()))(scanMember)
}

// Member returns what a user is in a project; fs.ErrNotExist for one who is no member of it.
func (s *Store) Member(ctx context.Context, projectID, userID string) (Member, error) {
	m, err := scanMember(s.reads.QueryRowContext(ctx, selectMember+` WHERE m.project_id = $1 AND m.user_id = $2`, projectID, userID))
	return m, named(convert(err), "member", userID)
}

// role returns what a user is in a project, "" for nothing.
func (t tx) role(projectID, userID string) (Role, error) {
	roles, err := collect[string](t.query(`SELECT role FROM members WHERE project_id = $1 AND user_id = $2`, projectID, userID))(scanString)
	if err != nil || len(roles) == 0 {
		return "", err
	}
	return Role(roles[0]), nil
}

// keepPI returns fs.ErrInvalid if a project has no RolePI beside a user.
func (t tx) keepPI(projectID string, user User) error {
	var others int
	if err := t.get(`SELECT COUNT(*) FROM members WHERE project_id = $1 AND role = 'PI' AND user_id <> $2`, []any{projectID, user.ID}, &others); err != nil {
		return err
	}
	if others == 0 {
		return explain(fs.ErrInvalid, "%s is the last PI of the project: make another member PI first", user.Name)
	}
	return nil
}

// SetMember takes a user into a project, or changes the role of one who is in it. fs.ErrNotExist for
// an unknown project or user; fs.ErrInvalid for an unknown role, and for another role of the last RolePI.
func (s *Store) SetMember(ctx context.Context, projectID, userID string, role Role) error {
	if err := role.check(); err != nil {
		return err
	}
	return s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, userID)
		if _, err := t.project(projectID); err != nil {
			return named(convert(err), "project", projectID)
		}
		u, err := t.user(userID)
		if err != nil {
			return named(convert(err), "user", userID)
		}
		was, err := t.role(projectID, userID)
		if err != nil || was == role {
			return err
		}
		if was == RolePI {
			if err := t.keepPI(projectID, u); err != nil {
				return err
			}
		}
		if _, err := t.exec(setMember, projectID, userID, role, micros(t.s.now())); err != nil {
			return err
		}
		return t.note(ctx, event{action: "member.set", project: projectID, subject: u.Name, detail: map[string]Role{"role": role, "from": was}})
	})
}

// RemoveMember takes a user out of a project and its groups. fs.ErrNotExist for one who is no
// member; fs.ErrInvalid for the last RolePI.
func (s *Store) RemoveMember(ctx context.Context, projectID, userID string) error {
	return s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, userID)
		role, err := t.role(projectID, userID)
		if err != nil {
			return err
		}
		if role == "" {
			return explain(fs.ErrNotExist, "no member %q", userID)
		}
		u, err := t.user(userID)
		if err != nil {
			return err
		}
		if role == RolePI {
			if err := t.keepPI(projectID, u); err != nil {
				return err
			}
		}
		for _, query := range []string{
			`DELETE FROM group_members WHERE user_id = $2 AND group_id IN (SELECT id FROM project_groups WHERE project_id = $1)`,
			`DELETE FROM members WHERE project_id = $1 AND user_id = $2`,
		} {
			if _, err := t.exec(query, projectID, userID); err != nil {
				return err
			}
		}
		return t.note(ctx, event{action: "member.delete", project: projectID, subject: u.Name, detail: map[string]Role{"from": role}})
	})
}

// leaveProjects prepares for the end of a user: the projects' folders that the user made
// are put down to a PI, and a project whose last PI the user is gets heir as one; without an heir
// that is fs.ErrInvalid.
func (t tx) leaveProjects(ctx context.Context, u User, heir string) error {
	last, err := collect[Project](t.query(selectProject+` JOIN members m ON m.project_id = p.id AND m.user_id = $1 AND m.role = 'PI'
		WHERE NOT EXISTS (SELECT 1 FROM members o WHERE o.project_id = p.id AND o.role = 'PI' AND o.user_id <> $1)
		ORDER BY p.title`, u.ID))(scanProject)
	if err != nil {
		return err
	}
	if len(last) > 0 && heir == "" {
		return explain(fs.ErrInvalid, "%s is the last PI of the project %q: make another member PI first", u.Name, last[0].Title)
	}
	for _, p := range last {
		if _, err := t.exec(setMember, p.ID, heir, RolePI, micros(t.s.now())); err != nil {
			return fmt.Errorf("hand on project %s: %w", p.ID, err)
		}
		to, err := t.user(heir)
		if err != nil {
			return err
		}
		if err := t.note(ctx, event{action: "member.set", project: p.ID, subject: to.Name,
			detail: map[string]string{"role": string(RolePI), "after": u.Name}}); err != nil {
			return err
		}
	}
	_, err = t.exec(`UPDATE folders SET owner_id = (SELECT MIN(m.user_id) FROM members m
			WHERE m.project_id = folders.project_id AND m.role = 'PI' AND m.user_id <> $1)
		WHERE owner_id = $1 AND project_id IS NOT NULL`, u.ID)
	return err
}
