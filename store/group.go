package store

import (
	"context"
	"io/fs"
	"time"
)

// Group is some members of a project, to whom folders may be granted together.
type Group struct {
	ID        string // as a folder's
	ProjectID string
	Title     string // as a project's; no two groups of a project have the same
	Members   int    // how many, filled in by reads
	Created   time.Time
}

const selectGroup = `SELECT g.id, g.project_id, g.title, (SELECT COUNT(*) FROM group_members m WHERE m.group_id = g.id), g.created FROM project_groups g`

func scanGroup(r row) (g Group, err error) {
	err = r.Scan(&g.ID, &g.ProjectID, &g.Title, &g.Members, scanTime{&g.Created})
	return g, err
}

func (t tx) group(id string) (Group, error) {
	st, err := t.stmt(selectGroup + ` WHERE g.id = $1`)
	if err != nil {
		return Group{}, err
	}
	return scanGroup(st.QueryRow(id))
}

// CreateGroup adds a group without members to a project and returns it. fs.ErrNotExist for an unknown
// project, fs.ErrInvalid for a title that may not be, fs.ErrExist for one that the project has.
func (s *Store) CreateGroup(ctx context.Context, projectID, title string) (Group, error) {
	title, err := checkName("group", title)
	if err != nil {
		return Group{}, err
	}
	g := Group{ProjectID: projectID, Title: title, Created: s.now().UTC().Truncate(time.Microsecond)}
	if g.ID, err = newID(); err != nil {
		return Group{}, err
	}
	err = s.write(ctx, announced, func(t tx) error {
		t.touch(TouchProject, projectID)
		if _, err := t.project(projectID); err != nil {
			return named(convert(err), "project", projectID)
		}
		if _, err := t.exec(`INSERT INTO project_groups (id, project_id, title, created) VALUES ($1, $2, $3, $4)`,
			g.ID, g.ProjectID, g.Title, micros(g.Created)); err != nil {
			return err
		}
		return t.note(ctx, event{action: "group.create", project: projectID, subject: title})
	})
	if err != nil {
		return Group{}, named(err, "group", title)
	}
	return g, nil
}

// Group returns a group; fs.ErrNotExist.
func (s *Store) Group(ctx context.Context, id string) (Group, error) {
	g, err := scanGroup(s.reads.QueryRowContext(ctx, selectGroup+` WHERE g.id = $1`, id))
	return g, named(convert(err), "group", id)
}

// Groups returns the groups of a project, ordered by title; none for an unknown one.
func (s *Store) Groups(ctx context.Context, projectID string, part Range) ([]Group, error) {
	return collect[Group](s.reads.QueryContext(ctx, selectGroup+` WHERE g.project_id = $1 ORDER BY g.title LIMIT $3 OFFSET $2`,
		projectID, part.Skip, part.limit()))(scanGroup)
}

// GroupsOf returns the groups that a user is in, ordered by project and title.
func (s *Store) GroupsOf(ctx context.Context, userID string, part Range) ([]Group, error) {
	return collect[Group](s.reads.QueryContext(ctx, selectGroup+` JOIN group_members me ON me.group_id = g.id AND me.user_id = $1
		ORDER BY g.project_id, g.title LIMIT $3 OFFSET $2`, userID, part.Skip, part.limit()))(scanGroup)
}

// changeGroup runs fn, which is about userID or else about all members, for a group that is there, and notes
// what fn did: nothing, if its action is "".
func (s *Store) changeGroup(ctx context.Context, id, userID string, fn func(tx, Group) (event, error)) error {
	return named(s.write(ctx, announced, func(t tx) error {
		g, err := t.group(id)
		if err != nil {
			return err
		}
		if userID != "" {
			t.touch(TouchUser, userID)
		} else {
			t.touch(TouchProject, g.ProjectID)
		}
		e, err := fn(t, g)
		if err != nil || e.action == "" {
			return err
		}
		e.project = g.ProjectID
		return t.note(ctx, e)
	}), "group", id)
}

// RenameGroup gives a group another title; errors as in CreateGroup.
func (s *Store) RenameGroup(ctx context.Context, id, title string) error {
	title, err := checkName("group", title)
	if err != nil {
		return err
	}
	return s.changeGroup(ctx, id, "", func(t tx, g Group) (event, error) {
		if g.Title == title {
			return event{}, nil
		}
		_, err := t.exec(`UPDATE project_groups SET title = $2 WHERE id = $1`, id, title)
		return event{action: "group.rename", subject: title, detail: map[string]string{"from": g.Title}}, named(err, "group", title)
	})
}

// DeleteGroup removes a group and what was granted to it; fs.ErrNotExist.
func (s *Store) DeleteGroup(ctx context.Context, id string) error {
	return s.changeGroup(ctx, id, "", func(t tx, g Group) (event, error) {
		_, err := t.exec(`DELETE FROM project_groups WHERE id = $1`, id)
		return event{action: "group.delete", subject: g.Title}, err
	})
}

// GroupMembers returns the members of a group with their roles in the project, ordered by name.
func (s *Store) GroupMembers(ctx context.Context, groupID string, part Range) ([]Member, error) {
	return collect[Member](s.reads.QueryContext(ctx, `SELECT m.project_id, m.user_id, u.name, m.role, m.created
		FROM group_members g JOIN project_groups o ON o.id = g.group_id
			JOIN members m ON m.project_id = o.project_id AND m.user_id = g.user_id JOIN users u ON u.id = m.user_id
		WHERE g.group_id = $1 ORDER BY u.name LIMIT $3 OFFSET $2`, groupID, part.Skip, part.limit()))(scanMember)
}

// AddGroupMember takes a member of the group's project into the group; one who is in it stays.
// fs.ErrNotExist for an unknown group or user, fs.ErrInvalid for a user who is not a member of the project.
func (s *Store) AddGroupMember(ctx context.Context, groupID, userID string) error {
	return s.changeGroup(ctx, groupID, userID, func(t tx, g Group) (event, error) {
		u, err := t.user(userID)
		if err != nil {
			return event{}, named(convert(err), "user", userID)
		}
		role, err := t.role(g.ProjectID, userID)
		if err != nil {
			return event{}, err
		}
		if role == "" {
			return event{}, explain(fs.ErrInvalid, "%s is not a member of the project", u.Name)
		}
		n, err := t.exec(`INSERT INTO group_members (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, groupID, userID)
		if err != nil || n == 0 {
			return event{}, err
		}
		return event{action: "group.add", subject: g.Title, detail: map[string]string{"user": u.Name}}, nil
	})
}

// RemoveGroupMember takes a user out of a group; fs.ErrNotExist for one who is not in it.
func (s *Store) RemoveGroupMember(ctx context.Context, groupID, userID string) error {
	return s.changeGroup(ctx, groupID, userID, func(t tx, g Group) (event, error) {
		u, err := t.user(userID)
		if err != nil {
			return event{}, named(convert(err), "user", userID)
		}
		err = oneRow(t.exec(`DELETE FROM group_members WHERE group_id = $1 AND user_id = $2`, groupID, userID))
		return event{action: "group.remove", subject: g.Title, detail: map[string]string{"user": u.Name}}, named(err, "member", u.Name)
	})
}
