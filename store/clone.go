package store

import "context"

// A clone is a new folder whose files are on the disk before its row: it is seen whole or not at all. In between
// the settings remember it, so that what a crash leaves is known to be nobody's.

const cloneSetting = "clone "

// BeginClone makes the ID of a clone, whose directory may then be made.
func (s *Store) BeginClone(ctx context.Context) (folderID string, err error) {
	if folderID, err = newID(); err != nil {
		return "", err
	}
	return folderID, s.SetSetting(ctx, cloneSetting+folderID, "")
}

const endClone = `DELETE FROM settings WHERE name = $1`

// EndClone forgets a clone that does not come to be.
func (s *Store) EndClone(ctx context.Context, folderID string) error {
	return s.write(ctx, durable, func(t tx) error {
		_, err := t.exec(endClone, cloneSetting+folderID)
		return err
	})
}

// BegunClones are the IDs of clones that have neither come to be nor ended.
func (s *Store) BegunClones(ctx context.Context) ([]string, error) {
	return collect[string](s.reads.QueryContext(ctx, `SELECT SUBSTR(name, 7) FROM settings WHERE name >= 'clone ' AND name < 'clone!'`))(scanString)
}

// FinishClone is CreateFolder for a clone, whose ID is n.ID: with its usage, and with the dead properties of the folder
// fromID that belong to the files of ids, which has the new files by their names.
func (s *Store) FinishClone(ctx context.Context, n NewFolder, u Usage, fromID string, ids map[string]Identity) (f Folder, err error) {
	if err := n.check(); err != nil {
		return Folder{}, err
	}
	n.Made = true
	err = s.write(ctx, announced, func(t tx) error {
		if err := t.createFolder(ctx, n); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE folders SET used_bytes = $2, used_files = $3 WHERE id = $1`, n.ID, u.Bytes, u.Files); err != nil {
			return err
		}
		if len(ids) > 0 {
			if err := t.copyProps(fromID, "", n.ID, "", ids, true); err != nil {
				return err
			}
		}
		if _, err := t.exec(endClone, cloneSetting+n.ID); err != nil {
			return err
		}
		if err := t.note(ctx, event{action: "folder.clone", folder: n.ID, detail: map[string]string{"from": fromID}}); err != nil {
			return err
		}
		f, err = t.folder(n.ID)
		return err
	})
	return f, named(err, "folder", n.ID)
}
