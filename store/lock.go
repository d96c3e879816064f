package store

import (
	"context"
	"time"
)

// Lock is a WebDAV write lock (RFC 4918, section 6).
type Lock struct {
	Token    string // "urn:uuid:…"
	FolderID string
	Path     string // on-disk name of the lock root inside the folder; "" is the folder's root
	Infinite bool   // depth infinity; else 0
	Shared   bool
	OwnerXML string        // content of the owner element, well-formed by itself
	UserID   string        // who made it
	UserName string        // filled in by reads
	Timeout  time.Duration // as granted
	Expires  time.Time
	Created  time.Time
}

const selectLocks = `SELECT l.token, l.folder_id, l.path, l.infinite, l.shared, l.owner_xml, l.user_id,
		COALESCE(u.name, ''), l.timeout, l.expires, l.created
	FROM locks l LEFT JOIN users u ON u.id = l.user_id
	WHERE l.folder_id = $1 ORDER BY l.path, l.created, l.token`

// Locks returns the locks in a folder, expired ones too, ordered by path and age.
func (s *Store) Locks(ctx context.Context, folderID string) ([]Lock, error) {
	return collect[Lock](s.reads.QueryContext(ctx, selectLocks, folderID))(func(r row) (l Lock, err error) {
		var timeout int64
		err = r.Scan(&l.Token, &l.FolderID, &l.Path, &l.Infinite, &l.Shared, &l.OwnerXML, &l.UserID,
			&l.UserName, &timeout, scanTime{&l.Expires}, scanTime{&l.Created})
		l.Timeout = time.Duration(timeout) * time.Microsecond
		return l, err
	})
}

// SaveLock writes a lock, in place of one with the same token. fs.ErrNotExist if
// its folder is gone. Whether locks conflict is not asked.
func (s *Store) SaveLock(ctx context.Context, l Lock) error {
	return named(s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`INSERT INTO locks (token, folder_id, path, infinite, shared, owner_xml, user_id, timeout, expires, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (token) DO UPDATE SET folder_id = excluded.folder_id, path = excluded.path,
				infinite = excluded.infinite, shared = excluded.shared, owner_xml = excluded.owner_xml,
				user_id = excluded.user_id, timeout = excluded.timeout, expires = excluded.expires,
				created = excluded.created`,
			l.Token, l.FolderID, l.Path, l.Infinite, l.Shared, l.OwnerXML, l.UserID,
			l.Timeout.Microseconds(), micros(l.Expires), micros(l.Created))
		return err
	}), "folder", l.FolderID)
}

// DeleteLocks removes locks by their tokens, all or none; those that are gone
// already are no error.
func (s *Store) DeleteLocks(ctx context.Context, tokens ...string) error {
	if len(tokens) == 0 {
		return nil
	}
	write := s.write
	if len(tokens) == 1 {
		write = s.writeOne
	}
	return write(ctx, relaxed, func(t tx) error {
		for _, token := range tokens {
			if _, err := t.exec(`DELETE FROM locks WHERE token = $1`, token); err != nil {
				return err
			}
		}
		return nil
	})
}
