package store

import (
	"context"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// foldName is a name as it is searched by: letter case does not matter there.
func foldName(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
}

// foldNames gives the users who have none a name to search by.
func (s *Store) foldNames(ctx context.Context) error {
	return s.write(ctx, durable, func(t tx) error {
		names, err := collect[string](t.query(`SELECT name FROM users WHERE folded = ''`))(scanString)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := t.exec(`UPDATE users SET folded = $2 WHERE name = $1`, name, foldName(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// like is a pattern for LIKE … ESCAPE '\' that finds text anywhere.
func like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

const searchUsers = selectUser + `
	WHERE name > $1 AND ($2 = '' OR folded LIKE $2 ESCAPE '\' OR lower(email) LIKE $2 ESCAPE '\')
	ORDER BY name LIMIT $3`

// SearchUsers returns at most limit users whose names are behind after, ordered by name, with query
// in name or e-mail address, in any letter case; "" is in all.
func (s *Store) SearchUsers(ctx context.Context, query, after string, limit int) ([]User, error) {
	if query != "" {
		query = like(foldName(query))
	}
	return collect[User](s.reads.QueryContext(ctx, searchUsers, after, query, limit))(scanUser)
}

const completeUser = `SELECT name FROM users WHERE folded >= $1 AND folded < $2 ORDER BY folded LIMIT $3`

// CompleteUser returns at most limit names that begin with prefix, in any letter case.
func (s *Store) CompleteUser(ctx context.Context, prefix string, limit int) ([]string, error) {
	prefix = foldName(prefix)
	return collect[string](s.reads.QueryContext(ctx, completeUser, prefix, prefix+"\U0010FFFF", limit))(scanString)
}

// FolderTotals is what the personal folders of a user are together, as last written.
type FolderTotals struct {
	Folders int64 // living ones
	Usage   Usage
}

const sumFolders = `SELECT COUNT(*), COALESCE(SUM(used_bytes), 0), COALESCE(SUM(used_files), 0) FROM folders
	WHERE owner_id = $1 AND project_id IS NULL AND deleted = 0`

// FolderTotals sums a user's personal folders up.
func (s *Store) FolderTotals(ctx context.Context, userID string) (t FolderTotals, err error) {
	err = s.reads.QueryRowContext(ctx, sumFolders, userID).Scan(&t.Folders, &t.Usage.Bytes, &t.Usage.Files)
	return t, convert(err)
}
