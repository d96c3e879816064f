package store

import (
	"context"
	"fmt"
	"time"
)

// Trashed says where something in a folder's trash came from.
type Trashed struct {
	Identity Identity // of the file or directory, which may have any name by now
	Origin   string   // the name in the folder that it had
	UserID   string   // who put it there
	UserName string   // filled in by reads; empty if the user is gone
	At       time.Time
}

// AddTrashed notes where something came from that is about to be thrown away. It need not be on the disk when the
// call returns. fs.ErrNotExist for an unknown folder.
func (s *Store) AddTrashed(ctx context.Context, folderID string, x Trashed) error {
	return named(s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`INSERT INTO trashed (folder_id, ino, birth, origin, user_id, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (folder_id, ino, birth) DO UPDATE SET origin = excluded.origin, user_id = excluded.user_id, at = excluded.at`,
			folderID, int64(x.Identity.Ino), x.Identity.Birth, x.Origin, x.UserID, micros(x.At))
		return err
	}), "folder", folderID)
}

const selectTrashed = `SELECT t.ino, t.birth, t.origin, t.user_id, COALESCE(u.name, ''), t.at
	FROM trashed t LEFT JOIN users u ON u.id = t.user_id WHERE t.folder_id = $1`

func scanTrashed(r row) (x Trashed, err error) {
	var ino int64
	err = r.Scan(&ino, &x.Identity.Birth, &x.Origin, &x.UserID, &x.UserName, scanTime{&x.At})
	x.Identity.Ino = uint64(ino)
	return x, err
}

// TrashedAs returns what AddTrashed noted about one; fs.ErrNotExist.
func (s *Store) TrashedAs(ctx context.Context, folderID string, id Identity) (Trashed, error) {
	x, err := scanTrashed(s.reads.QueryRowContext(ctx, selectTrashed+` AND t.ino = $2 AND t.birth = $3`, folderID, int64(id.Ino), id.Birth))
	return x, named(convert(err), "trashed file", fmt.Sprint(id.Ino))
}

// Trashed returns what AddTrashed noted for a folder, oldest first. Whether it is still there is not known here.
func (s *Store) Trashed(ctx context.Context, folderID string) ([]Trashed, error) {
	return collect[Trashed](s.reads.QueryContext(ctx, selectTrashed+` ORDER BY t.at, t.ino`, folderID))(scanTrashed)
}

// DropTrashed forgets where things came from. What is not there is no error, and it need not be on the disk when the
// call returns.
func (s *Store) DropTrashed(ctx context.Context, folderID string, gone ...Identity) error {
	if len(gone) == 0 {
		return nil
	}
	return named(s.write(ctx, relaxed, func(t tx) error {
		for _, id := range gone {
			if _, err := t.exec(`DELETE FROM trashed WHERE folder_id = $1 AND ino = $2 AND birth = $3`, folderID, int64(id.Ino), id.Birth); err != nil {
				return err
			}
		}
		return nil
	}), "folder", folderID)
}
