package store

import (
	"context"
	"io/fs"
)

// SetGrant gives a user rights on a folder, in place of those given before; 0
// takes them away. fs.ErrNotExist for an unknown user and an unknown or deleted
// folder, fs.ErrInvalid for rights that do not exist and for the owner, who has
// them all.
func (s *Store) SetGrant(ctx context.Context, folderID, userID string, r Rights) error {
	if r&^RightsAll != 0 {
		return explain(fs.ErrInvalid, "no such rights: %#x", uint8(r))
	}
	return named(s.write(ctx, announced, func(t tx) error {
		if err := t.living(folderID); err != nil {
			return err
		}
		if _, err := t.user(userID); err != nil {
			return named(convert(err), "user", userID)
		}
		if r == 0 {
			_, err := t.exec(`DELETE FROM grants WHERE folder_id = $1 AND user_id = $2`, folderID, userID)
			return err
		}
		n, err := t.exec(`INSERT INTO grants (folder_id, user_id, rights)
			SELECT id, $2, $3 FROM folders WHERE id = $1 AND owner_id <> $2
			ON CONFLICT (folder_id, user_id) DO UPDATE SET rights = excluded.rights`, folderID, userID, r)
		if err == nil && n == 0 {
			return explain(fs.ErrInvalid, "the owner has all rights anyway")
		}
		return err
	}), "folder", folderID)
}
