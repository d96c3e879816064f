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
	Folder   string        // title of the folder, filled in by AllLocks
	Timeout  time.Duration // as granted
	Expires  time.Time
	Created  time.Time
}

const lockColumns = `SELECT l.token, l.folder_id, l.path, l.infinite, l.shared, l.owner_xml, l.user_id,
		COALESCE(u.name, ''), l.timeout, l.expires, l.created
	FROM locks l LEFT JOIN users u ON u.id = l.user_id`

const (
	selectLocks = lockColumns + ` WHERE l.folder_id = $1 ORDER BY l.path, l.created, l.token`
	selectLock  = lockColumns + ` WHERE l.token = $1`
)

func scanLock(r row) (l Lock, err error) {
	var timeout int64
	err = r.Scan(&l.Token, &l.FolderID, &l.Path, &l.Infinite, &l.Shared, &l.OwnerXML, &l.UserID,
		&l.UserName, &timeout, scanTime{&l.Expires}, scanTime{&l.Created})
	l.Timeout = time.Duration(timeout) * time.Microsecond
	return l, err
}

// Locks returns the locks in a folder, expired ones too, ordered by path and age.
func (s *Store) Locks(ctx context.Context, folderID string) ([]Lock, error) {
	return collect[Lock](s.reads.QueryContext(ctx, selectLocks, folderID))(scanLock)
}

// SaveLock writes a new lock. fs.ErrNotExist if its folder is gone. Whether locks conflict is not asked.
func (s *Store) SaveLock(ctx context.Context, l Lock) error {
	return named(s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`INSERT INTO locks (token, folder_id, path, infinite, shared, owner_xml, user_id, timeout, expires, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			l.Token, l.FolderID, l.Path, l.Infinite, l.Shared, l.OwnerXML, l.UserID,
			l.Timeout.Microseconds(), micros(l.Expires), micros(l.Created))
		return err
	}), "folder", l.FolderID)
}

// RefreshLock gives a lock more time; fs.ErrNotExist if it was removed.
func (s *Store) RefreshLock(ctx context.Context, token string, timeout time.Duration, expires time.Time) error {
	return named(s.writeOne(ctx, relaxed, func(t tx) error {
		return oneRow(t.exec(`UPDATE locks SET timeout = $2, expires = $3 WHERE token = $1`, token, timeout.Microseconds(), micros(expires)))
	}), "lock", token)
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

const selectAllLocks = `SELECT l.token, l.folder_id, l.path, l.infinite, l.shared, l.owner_xml, l.user_id,
		COALESCE(u.name, ''), l.timeout, l.expires, l.created, f.title
	FROM locks l LEFT JOIN users u ON u.id = l.user_id JOIN folders f ON f.id = l.folder_id
	WHERE l.token > $1 AND l.expires > $2 AND ($4 = '' OR l.folder_id = $4)
	AND ($5 = '' OR u.folded LIKE $6 ESCAPE '\' OR lower(l.path) LIKE lower($5) ESCAPE '\' OR lower(f.title) LIKE lower($5) ESCAPE '\' OR lower(l.owner_xml) LIKE lower($5) ESCAPE '\')
	ORDER BY l.token LIMIT $3`

// LockFilter says which locks are wanted; what is empty does not count.
type LockFilter struct {
	FolderID string
	Query    string // in the path, the folder's title, the user's name or what the client says; of ASCII letters the case does not matter
}

// AllLocks returns at most limit locks of all folders that have not expired, ordered by token, whose tokens are behind after.
func (s *Store) AllLocks(ctx context.Context, w LockFilter, after string, limit int) ([]Lock, error) {
	query, user := "", ""
	if w.Query != "" {
		query, user = like(w.Query), like(foldName(w.Query))
	}
	rows, err := s.reads.QueryContext(ctx, selectAllLocks, after, micros(s.now()), limit, w.FolderID, query, user)
	return collect[Lock](rows, err)(func(r row) (l Lock, err error) {
		var timeout int64
		err = r.Scan(&l.Token, &l.FolderID, &l.Path, &l.Infinite, &l.Shared, &l.OwnerXML, &l.UserID,
			&l.UserName, &timeout, scanTime{&l.Expires}, scanTime{&l.Created}, &l.Folder)
		l.Timeout = time.Duration(timeout) * time.Microsecond
		return l, err
	})
}

// LockedFolders returns the IDs of the folders with locks that end after now, sorted.
func (s *Store) LockedFolders(ctx context.Context, now time.Time) ([]string, error) {
	return collect[string](s.reads.QueryContext(ctx, `SELECT DISTINCT folder_id FROM locks WHERE expires > $1 ORDER BY folder_id`, micros(now)))(scanString)
}

// Lock returns the lock with a token, an expired one too; fs.ErrNotExist.
func (s *Store) Lock(ctx context.Context, token string) (Lock, error) {
	l, err := scanLock(s.reads.QueryRowContext(ctx, selectLock, token))
	return l, named(convert(err), "lock", token)
}

// LockTokens returns the tokens of the locks in a folder, expired ones too.
func (s *Store) LockTokens(ctx context.Context, folderID string) ([]string, error) {
	return collect[string](s.reads.QueryContext(ctx, `SELECT token FROM locks WHERE folder_id = $1`, folderID))(scanString)
}

// BreakLock removes a lock for somebody who did not make it, or not over WebDAV; fs.ErrNotExist.
func (s *Store) BreakLock(ctx context.Context, token string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		st, err := t.stmt(selectLock)
		if err != nil {
			return err
		}
		l, err := scanLock(st.QueryRow(token))
		if err != nil {
			return err
		}
		t.touch(TouchFolder, l.FolderID) // so that the folder's memory follows
		if _, err := t.exec(`DELETE FROM locks WHERE token = $1`, token); err != nil {
			return err
		}
		return t.note(ctx, event{action: "lock.delete", folder: l.FolderID, subject: l.UserName,
			detail: map[string]string{"path": l.Path, "created": l.Created.Format(time.RFC3339)}})
	}), "lock", token)
}
