package store

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// A deleted folder keeps its row, hidden from every door. One that may be restored has a time to be
// purged that is later than that of its deletion, and keeps its access list, tokens and dead properties. Once both times
// are the same it is final: all that belongs to it is gone, and the row goes after the bytes.

// DeleteFolder is DeleteFolders for one.
func (s *Store) DeleteFolder(ctx context.Context, id string, purge time.Time) error {
	err := s.DeleteFolders(ctx, []string{id}, purge)
	if item, ok := errors.AsType[*ItemError](err); ok {
		return item.Err
	}
	return err
}

// DeleteFolders hides folders until their bytes are purged, at the time purge or soon after: all of them, or
// none and the error is an *ItemError, of fs.ErrNotExist for one that is unknown, deleted already or given
// twice. Their locks and unfinished uploads end. If purge is not in the future, all that belongs to the folders goes at
// once: dead properties, grants, tokens for them.
func (s *Store) DeleteFolders(ctx context.Context, ids []string, purge time.Time) error {
	return s.write(ctx, announced, func(t tx) error {
		now := s.now()
		if purge.Before(now) {
			purge = now // also where it is zero, which would read as "not set"
		}
		for i, id := range ids {
			if err := t.deleteFolder(ctx, id, now, purge); err != nil {
				return &ItemError{i, named(convert(err), "folder", id)}
			}
		}
		return nil
	})
}

func (t tx) deleteFolder(ctx context.Context, id string, now, purge time.Time) error {
	if err := t.touchFolder(id); err != nil {
		return err
	}
	if err := oneRow(t.exec(`UPDATE folders SET deleted = $2, purge = $3 WHERE id = $1 AND deleted = 0`,
		id, micros(now), micros(purge))); err != nil {
		return err
	}
	final := micros(purge) <= micros(now)
	if err := t.note(ctx, event{action: "folder.delete", folder: id, detail: map[string]bool{"final": final}}); err != nil {
		return err
	}
	if final {
		return t.emptyFolder(id)
	}
	for _, query := range []string{
		`DELETE FROM locks WHERE folder_id = $1`,
		`DELETE FROM journals WHERE folder_id = $1`,
		`DELETE FROM uploads WHERE folder_id = $1`,
	} {
		if _, err := t.exec(query, id); err != nil {
			return err
		}
	}
	return nil
}

// Restore says under which rules a deleted folder comes back.
type Restore struct {
	UniqueTitle bool  // its workspace may not have a living folder of its title
	MaxFolders  int64 // how many living folders the workspace may have then; 0: any number
}

// RestoreFolder brings a deleted folder back, with all that it had but locks. fs.ErrNotExist if
// it is unknown, alive or final, fs.ErrInvalid if its owner is gone; fs.ErrExist and ErrTooMany as CreateFolder.
func (s *Store) RestoreFolder(ctx context.Context, id string, r Restore) (f Folder, err error) {
	err = s.write(ctx, announced, func(t tx) error {
		t.touchAll() // who will see it does not know it yet
		if f, err = t.folder(id); err != nil {
			return err
		}
		if f.OwnerID == "" {
			return explain(fs.ErrInvalid, "the owner of the folder is gone")
		}
		all, same, err := t.countTitles(f.OwnerID, f.ProjectID, f.Title)
		if err != nil {
			return err
		}
		if err := oneRow(t.exec(`UPDATE folders SET deleted = 0, purge = 0 WHERE id = $1 AND deleted <> 0 AND purge > deleted`, id)); err != nil {
			return err
		}
		if r.UniqueTitle && same > 0 {
			return explain(fs.ErrExist, "there is a folder %q again", f.Title)
		}
		if r.MaxFolders > 0 && all >= r.MaxFolders {
			return explain(ErrTooMany, "there are %d of at most %d folders", all, r.MaxFolders)
		}
		f.Deleted, f.Purge = time.Time{}, time.Time{}
		return t.note(ctx, event{action: "folder.restore", folder: id})
	})
	if err != nil {
		return Folder{}, named(err, "folder", id)
	}
	return f, nil
}

// DeletedFolders returns the folders that could still be restored, of one workspace (a user's ID, or a
// project's) or of all for "", those deleted last first.
func (s *Store) DeletedFolders(ctx context.Context, workspaceID string) ([]Folder, error) {
	return collect[Folder](s.reads.QueryContext(ctx, selectFolder+` WHERE f.deleted <> 0 AND f.purge > f.deleted
		AND ($1 = '' OR COALESCE(f.project_id, f.owner_id) = $1) ORDER BY f.deleted DESC, f.id`, workspaceID))(scanFolder)
}

// FinishFolder makes the deletion of a folder final, because its time has come or, with now, before that.
// fs.ErrNotExist if it is unknown, alive, or its time has not come: somebody restored it.
func (s *Store) FinishFolder(ctx context.Context, id string, now bool) error {
	return named(s.write(ctx, announced, func(t tx) error {
		if err := t.touchFolder(id); err != nil {
			return err
		}
		f, err := t.folder(id)
		if err != nil {
			return err
		}
		if final := f.Deleted.Equal(f.Purge); final && !f.Deleted.IsZero() {
			return nil
		}
		if err := oneRow(t.exec(`UPDATE folders SET purge = deleted WHERE id = $1 AND deleted <> 0 AND (purge <= $2 OR $3)`, id, micros(s.now()), now)); err != nil {
			return err
		}
		if err := t.note(ctx, event{action: "folder.purge", folder: id}); err != nil {
			return err
		}
		return t.emptyFolder(id)
	}), "folder", id)
}

// SaveDeleted writes the usage of a folder that was deleted at the given time; it is right from then on. If the
// folder was restored since, nothing changes.
func (s *Store) SaveDeleted(ctx context.Context, id string, deleted time.Time, u Usage) error {
	return named(s.write(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`UPDATE folders SET used_bytes = $3, used_files = $4, dirty = FALSE WHERE id = $1 AND deleted = $2`,
			id, micros(deleted), u.Bytes, u.Files)
		return err
	}), "folder", id)
}

// deleteTokensFor removes the tokens that are for the folder $1 and for no other.
const deleteTokensFor = `DELETE FROM tokens WHERE id IN (SELECT token_id FROM token_folders WHERE folder_id = $1)
	AND NOT EXISTS (SELECT 1 FROM token_folders f WHERE f.token_id = tokens.id AND f.folder_id <> $1)`

// emptyFolder removes the rows that belong to a folder, but not its own.
func (t tx) emptyFolder(id string) error {
	for _, query := range []string{
		`DELETE FROM locks WHERE folder_id = $1`,
		`DELETE FROM props WHERE folder_id = $1`,
		`DELETE FROM journals WHERE folder_id = $1`,
		`DELETE FROM grants WHERE folder_id = $1`,
		`DELETE FROM group_grants WHERE folder_id = $1`,
		`DELETE FROM invitations WHERE folder_id = $1`,
		deleteTokensFor,
		`DELETE FROM token_folders WHERE folder_id = $1`,
		`DELETE FROM uploads WHERE folder_id = $1`,
	} {
		if _, err := t.exec(query, id); err != nil {
			return err
		}
	}
	return nil
}

// PurgeFolder removes the row of a deleted folder, and all rows that belong to
// it, once its bytes are gone. fs.ErrNotExist if there is none or it is alive.
func (s *Store) PurgeFolder(ctx context.Context, id string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		if err := t.touchFolder(id); err != nil {
			return err
		}
		if err := oneRow(t.exec(`UPDATE folders SET purge = purge WHERE id = $1 AND deleted <> 0`, id)); err != nil {
			return err
		}
		if _, err := t.exec(deleteTokensFor, id); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM folders WHERE id = $1`, id)
		return err
	}), "folder", id)
}
