package store

import (
	"context"
	"io/fs"
	"slices"

	"golang.org/x/text/unicode/norm"
)

// Entity is whom an access list names: a user, or a group of a project.
type Entity struct {
	User    string // name
	Group   string // ID; if set, User does not count
	Project string // ID of the group's project; "" asks nothing
}

// Grant is one entry of a folder's access list.
type Grant struct {
	FolderID string
	Rights   Rights

	UserID, UserName string // of a user

	GroupID, GroupTitle string // of a group
	ProjectID           string
}

// EntityRights are what an entity shall have.
type EntityRights struct {
	Entity
	Rights Rights // 0: nothing
}

// GrantChange changes the access list of one folder: first all that is granted to the
// entities of Delete goes, then those of Add get their rights, in place of what they had.
type GrantChange struct {
	FolderID string
	Delete   []Entity
	Add      []EntityRights
}

// SetGrant gives a user rights on a folder, in place of those given before; 0
// takes them away. fs.ErrNotExist for an unknown user and an unknown or deleted
// folder, fs.ErrInvalid for rights that do not exist and for the owner of a personal folder, who has
// them all.
func (s *Store) SetGrant(ctx context.Context, folderID, userID string, r Rights) error {
	if err := r.check(); err != nil {
		return err
	}
	return named(s.write(ctx, announced, func(t tx) error {
		f, err := t.livingFolder(folderID)
		if err != nil {
			return err
		}
		u, err := t.user(userID)
		if err != nil {
			return named(convert(err), "user", userID)
		}
		return t.grantUser(ctx, f, u, r)
	}), "folder", folderID)
}

// ChangeGrants changes the access lists of folders in the order of all, or nothing. Its error is an *ItemError: fs.ErrNotExist for
// an unknown or deleted folder; fs.ErrInvalid, in words that name the entity, for rights that do not exist and for what
// cannot get any: an unknown user, the owner of a personal folder, an unknown group, a group
// of another project than its Project or the folder's. Deleting what has nothing is no error, so a client may try again.
func (s *Store) ChangeGrants(ctx context.Context, all []GrantChange) error {
	return s.write(ctx, announced, func(t tx) error {
		for i, c := range all {
			if err := t.changeGrants(ctx, c); err != nil {
				return &ItemError{i, named(convert(err), "folder", c.FolderID)}
			}
		}
		return nil
	})
}

func (t tx) changeGrants(ctx context.Context, c GrantChange) error {
	t.touch(TouchFolder, c.FolderID) // also if nothing is changed: that is not one of everything
	f, err := t.livingFolder(c.FolderID)
	if err != nil {
		return err
	}
	for _, e := range c.Delete {
		if err := t.dropGrant(ctx, f, e); err != nil {
			return err
		}
	}
	for _, e := range c.Add {
		if err := e.Rights.check(); err != nil {
			return err
		}
		if e.Group == "" {
			u, err := t.userByName(e.User)
			if convert(err) == fs.ErrNotExist {
				return explain(fs.ErrInvalid, "no user %q", e.User)
			}
			if err != nil {
				return err
			}
			if err := t.grantUser(ctx, f, u, e.Rights); err != nil {
				return err
			}
			continue
		}
		g, err := t.group(e.Group)
		switch {
		case convert(err) == fs.ErrNotExist, err == nil && e.Project != "" && g.ProjectID != e.Project:
			return explain(fs.ErrInvalid, "no group %q in the project", e.Group)
		case err != nil:
			return err
		case f.ProjectID != "" && f.ProjectID != g.ProjectID:
			return explain(fs.ErrInvalid, "group %q is of another project than the folder", e.Group)
		}
		if err := t.grantGroup(ctx, f, g, e.Rights); err != nil {
			return err
		}
	}
	return nil
}

// dropGrant takes all away that an entity has been granted.
func (t tx) dropGrant(ctx context.Context, f Folder, e Entity) error {
	if e.Group != "" {
		g, err := t.group(e.Group)
		if convert(err) == fs.ErrNotExist {
			return nil
		}
		if err != nil {
			return err
		}
		return t.grantGroup(ctx, f, g, 0)
	}
	u, err := t.userByName(e.User)
	if convert(err) == fs.ErrNotExist {
		return nil
	}
	if err != nil {
		return err
	}
	return t.grantUser(ctx, f, u, 0)
}

func (t tx) userByName(name string) (User, error) {
	st, err := t.stmt(selectUser + ` WHERE name = $1`)
	if err != nil {
		return User{}, err
	}
	return scanUser(st.QueryRow(norm.NFC.String(name)))
}

func (t tx) grantUser(ctx context.Context, f Folder, u User, r Rights) error {
	t.touch(TouchUser, u.ID)
	t.touch(TouchFolder, f.ID)
	var n int64
	var err error
	switch {
	case r == 0:
		n, err = t.exec(`DELETE FROM grants WHERE folder_id = $1 AND user_id = $2`, f.ID, u.ID)
	case f.ProjectID == "" && f.OwnerID == u.ID:
		return explain(fs.ErrInvalid, "%s owns the folder and has all rights anyway", u.Name)
	default:
		n, err = t.exec(`INSERT INTO grants (folder_id, user_id, rights) VALUES ($1, $2, $3)
			ON CONFLICT (folder_id, user_id) DO UPDATE SET rights = excluded.rights WHERE grants.rights <> excluded.rights`, f.ID, u.ID, r)
	}
	if err != nil || n == 0 {
		return err
	}
	return t.noteGrant(ctx, f, u.Name, r, nil)
}

func (t tx) grantGroup(ctx context.Context, f Folder, g Group, r Rights) error {
	t.touch(TouchProject, g.ProjectID)
	t.touch(TouchFolder, f.ID)
	var n int64
	var err error
	if r == 0 {
		n, err = t.exec(`DELETE FROM group_grants WHERE folder_id = $1 AND group_id = $2`, f.ID, g.ID)
	} else {
		n, err = t.exec(`INSERT INTO group_grants (folder_id, group_id, rights) VALUES ($1, $2, $3)
			ON CONFLICT (folder_id, group_id) DO UPDATE SET rights = excluded.rights WHERE group_grants.rights <> excluded.rights`, f.ID, g.ID, r)
	}
	if err != nil || n == 0 {
		return err
	}
	return t.noteGrant(ctx, f, g.Title, r, map[string]string{"group": g.ID, "project": g.ProjectID})
}

func (t tx) noteGrant(ctx context.Context, f Folder, subject string, r Rights, detail map[string]string) error {
	e := event{action: "grant.delete", folder: f.ID, subject: subject}
	if r != 0 {
		if detail == nil {
			detail = map[string]string{}
		}
		e.action, detail["rights"] = "grant.set", r.String()
	}
	if detail != nil {
		e.detail = detail
	}
	return t.note(ctx, e)
}

// selectGrants wants the IDs of inList folders.
const selectGrants = `SELECT g.folder_id, g.rights, g.user_id, u.name AS name, '' AS group_id, '' AS title, '' AS project_id, 0 AS kind
	FROM grants g JOIN users u ON u.id = g.user_id WHERE g.folder_id IN (` + inList + `)
UNION ALL
	SELECT g.folder_id, g.rights, '', '', g.group_id, o.title, o.project_id, 1
	FROM group_grants g JOIN project_groups o ON o.id = g.group_id WHERE g.folder_id IN (` + inList + `)
ORDER BY 1, kind, name, title`

// Grants returns the access list of a folder: users by name, then groups by title. Who
// has rights without it, by owning the folder or by a role, is not in it.
func (s *Store) Grants(ctx context.Context, folderID string) ([]Grant, error) {
	all, err := s.GrantsOf(ctx, []string{folderID})
	return all[folderID], err
}

const selectGranted = `SELECT rights FROM grants WHERE user_id = $1 AND folder_id = $2
UNION ALL
	SELECT g.rights FROM group_members m JOIN group_grants g ON g.group_id = m.group_id WHERE m.user_id = $1 AND g.folder_id = $2`

// Granted is the union of what a folder's access list gives a user, and groups that the user is in. It asks neither whether the
// folder is deleted, nor for memberships of its project: see FolderOf.
func (s *Store) Granted(ctx context.Context, userID, folderID string) (r Rights, err error) {
	all, err := collect[Rights](s.reads.QueryContext(ctx, selectGranted, userID, folderID))(func(r row) (one Rights, err error) {
		err = r.Scan(&one)
		return one, err
	})
	for _, one := range all {
		r |= one
	}
	return r, err
}

// GrantsOf is Grants for many folders, by folder ID.
func (s *Store) GrantsOf(ctx context.Context, folderIDs []string) (map[string][]Grant, error) {
	all := make(map[string][]Grant, len(folderIDs))
	for ids := range slices.Chunk(folderIDs, inListLen) {
		grants, err := collect[Grant](s.reads.QueryContext(ctx, selectGrants, inArgs(ids)...))(func(r row) (g Grant, err error) {
			var kind int
			err = r.Scan(&g.FolderID, &g.Rights, &g.UserID, &g.UserName, &g.GroupID, &g.GroupTitle, &g.ProjectID, &kind)
			return g, err
		})
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			all[g.FolderID] = append(all[g.FolderID], g)
		}
	}
	return all, nil
}
