package store

import (
	"context"
	"io/fs"
)

// NewOwner is whom a folder is given to, and the rules that it goes under.
type NewOwner struct {
	FolderID    string
	UserID      string // whose own it becomes; with ProjectID who is noted as having made it
	ProjectID   string // the project that it becomes one of; "" is none
	UniqueTitle bool   // the new workspace may not have a living folder of its title
	MaxFolders  int64  // how many living folders the new workspace may have then; 0: any number
}

// ChangeOwner gives a folder to another workspace, with all that is in it. Its access list goes along, but for grants to the
// new owner and to groups of other projects than the new one; pending invitations are canceled: who invited has nothing to
// give any more. One that is in the workspace already stays as it is. fs.ErrNotExist for an unknown or deleted folder, an unknown user or project;
// fs.ErrExist and ErrTooMany as CreateFolder.
func (s *Store) ChangeOwner(ctx context.Context, n NewOwner) error {
	return named(s.write(ctx, announced, func(t tx) error {
		f, err := t.livingFolder(n.FolderID)
		if err != nil {
			return err
		}
		to, err := t.user(n.UserID)
		if err != nil {
			return named(convert(err), "user", n.UserID)
		}
		if err := t.touchFolder(f.ID); err != nil {
			return err
		}
		t.touch(TouchUser, f.OwnerID, to.ID)
		detail, subject := map[string]string{"fromUser": f.OwnerName}, to.Name
		if f.ProjectID != "" {
			detail = map[string]string{"fromProject": f.ProjectTitle}
		}
		if n.ProjectID != "" {
			p, err := t.project(n.ProjectID)
			if err != nil {
				return named(convert(err), "project", n.ProjectID)
			}
			subject, detail["toProject"] = p.Title, p.ID
		}
		if f.ProjectID == n.ProjectID && (n.ProjectID != "" || f.OwnerID == to.ID) {
			return nil
		}
		if f.ProjectID != "" || n.ProjectID != "" {
			t.touchAll() // grants to who is no member of its project count for nothing, and may count now
		}
		all, same, err := t.countTitles(to.ID, n.ProjectID, f.Title)
		if err != nil {
			return err
		}
		if n.UniqueTitle && same > 0 {
			return explain(fs.ErrExist, "%s has a folder %q already", subject, f.Title)
		}
		if n.MaxFolders > 0 && all >= n.MaxFolders {
			return explain(ErrTooMany, "%s has %d of at most %d folders", subject, all, n.MaxFolders)
		}
		const (
			give       = `UPDATE folders SET owner_id = $2, project_id = $3, member_rights = CASE WHEN $4 THEN member_rights ELSE 0 END WHERE id = $1`
			dropOwn    = `DELETE FROM grants WHERE folder_id = $1 AND user_id = $2`
			dropGroups = `DELETE FROM group_grants WHERE folder_id = $1 AND group_id NOT IN (SELECT id FROM project_groups WHERE project_id = $2)`
			cancel     = `UPDATE invitations SET state = 'canceled', modified = $2 WHERE folder_id = $1 AND state = 'pending'`
		)
		if _, err := t.exec(give, f.ID, to.ID, orNull(n.ProjectID), n.ProjectID != ""); err != nil {
			return err
		}
		if n.ProjectID == "" {
			_, err = t.exec(dropOwn, f.ID, to.ID)
		} else {
			_, err = t.exec(dropGroups, f.ID, n.ProjectID)
		}
		if err != nil {
			return err
		}
		if _, err := t.exec(cancel, f.ID, micros(t.s.now())); err != nil {
			return err
		}
		return t.note(ctx, event{action: "folder.owner", folder: f.ID, subject: subject, detail: detail})
	}), "folder", n.FolderID)
}
