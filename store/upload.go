package store

import (
	"context"
	"time"
)

// Upload is a file that is received over several requests (PAR-2), without its bytes.
type Upload struct {
	ID          string
	FolderID    string
	UserID      string
	Path        string // the name in the folder that the file will have
	Length      int64  // bytes; -1: not yet known
	Base        int64  // bytes of the file that it replaces, as far as no room is reserved for them
	Fresh       bool   // it replaces none
	MTime       int64  // seconds since 1970 that the client gave; -1: none
	IfMatch     string // conditions that must hold when it is complete; "": none
	IfNoneMatch string
	Metadata    string // as the client sent it
	Conflict    int64  // what becomes of it if its name is taken in the end: 0, IfMatch and IfNoneMatch tell; else one more than a davfs.Conflict
	Solid       int64  // bytes of the file that count; -1: all
	Created     time.Time
	Expires     time.Time
}

// AddUpload writes a new upload, whose ID the caller made; it is on the disk then.
// fs.ErrNotExist if its folder or user is gone, fs.ErrExist for an ID that is there.
func (s *Store) AddUpload(ctx context.Context, u Upload) error {
	return named(s.write(ctx, durable, func(t tx) error {
		if err := t.living(u.FolderID); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO uploads (id, folder_id, user_id, path, length, base, fresh, mtime,
				if_match, if_none_match, metadata, solid, created, expires, conflict)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			u.ID, u.FolderID, u.UserID, u.Path, u.Length, u.Base, u.Fresh, u.MTime,
			u.IfMatch, u.IfNoneMatch, u.Metadata, u.Solid, micros(u.Created), micros(u.Expires), u.Conflict)
		return err
	}), "upload", u.ID)
}

// Uploads returns all uploads that are not complete, expired ones too, oldest first.
func (s *Store) Uploads(ctx context.Context) ([]Upload, error) {
	return collect[Upload](s.reads.QueryContext(ctx, `SELECT id, folder_id, user_id, path, length, base, fresh, mtime,
		if_match, if_none_match, metadata, solid, created, expires, conflict FROM uploads ORDER BY created, id`))(func(r row) (u Upload, err error) {
		err = r.Scan(&u.ID, &u.FolderID, &u.UserID, &u.Path, &u.Length, &u.Base, &u.Fresh, &u.MTime,
			&u.IfMatch, &u.IfNoneMatch, &u.Metadata, &u.Solid, scanTime{&u.Created}, scanTime{&u.Expires}, &u.Conflict)
		return u, err
	})
}

// SaveUpload writes what changes while an upload goes on: Length, Solid and Expires. It is on
// the disk when the call returns if sure. fs.ErrNotExist.
func (s *Store) SaveUpload(ctx context.Context, u Upload, sure bool) error {
	k := relaxed
	if sure {
		k = durable
	}
	return named(s.writeOne(ctx, k, func(t tx) error {
		return oneRow(t.exec(`UPDATE uploads SET length = $2, solid = $3, expires = $4 WHERE id = $1`,
			u.ID, u.Length, u.Solid, micros(u.Expires)))
	}), "upload", u.ID)
}

// DeleteUpload removes an upload; one that is gone already is no error. It need not be on the
// disk when the call returns: without its file a row means nothing.
func (s *Store) DeleteUpload(ctx context.Context, id string) error {
	return named(s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`DELETE FROM uploads WHERE id = $1`, id)
		return err
	}), "upload", id)
}
