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

// UserFilter says which users are wanted; what is empty does not count.
type UserFilter struct {
	Query string // a part of name or e-mail address, in any letter case
	Admin bool   // administrators only
}

const (
	usersWanted = `WHERE name > $1 AND ($2 = '' OR folded LIKE $2 ESCAPE '\' OR lower(email) LIKE $2 ESCAPE '\') AND ($4 = 0 OR admin)
	ORDER BY name LIMIT $3`
	totalsOfUsers = `SELECT owner_id, COUNT(*), SUM(used_bytes), SUM(used_files) FROM folders
	WHERE owner_id IN (SELECT id FROM users ` + usersWanted + `) AND project_id IS NULL AND deleted = 0 GROUP BY owner_id`
)

func (w UserFilter) args(after string, limit int) []any {
	query, admin := w.Query, 0
	if query != "" {
		query = like(foldName(query))
	}
	if w.Admin {
		admin = 1
	}
	return []any{after, query, limit, admin}
}

// SearchUsers returns at most limit users whose names are behind after, ordered by name.
func (s *Store) SearchUsers(ctx context.Context, w UserFilter, after string, limit int) ([]User, error) {
	return collect[User](s.reads.QueryContext(ctx, selectUser+" "+usersWanted, w.args(after, limit)...))(scanUser)
}

// SearchTotals returns what the personal folders of the users that SearchUsers finds are together, by the user's ID. Who
// has none is absent.
func (s *Store) SearchTotals(ctx context.Context, w UserFilter, after string, limit int) (map[string]FolderTotals, error) {
	return s.totals(ctx, totalsOfUsers, w.args(after, limit)...)
}

// totals reads rows of an ID and what there is of it.
func (s *Store) totals(ctx context.Context, query string, args ...any) (map[string]FolderTotals, error) {
	all := map[string]FolderTotals{}
	_, err := collect[string](s.reads.QueryContext(ctx, query, args...))(func(r row) (id string, err error) {
		var t FolderTotals
		err = r.Scan(&id, &t.Folders, &t.Usage.Bytes, &t.Usage.Files)
		all[id] = t
		return id, err
	})
	return all, err
}

// TotalsByProduct returns what the living folders of each product are together, by folders.product.
func (s *Store) TotalsByProduct(ctx context.Context) (map[string]FolderTotals, error) {
	return s.totals(ctx, `SELECT product, COUNT(*), SUM(used_bytes), SUM(used_files) FROM folders WHERE deleted = 0 GROUP BY product`)
}

const completeUser = `SELECT name FROM users WHERE folded >= $1 AND folded < $2 ORDER BY folded LIMIT $3`

// CompleteUser returns at most limit names that begin with prefix, in any letter case.
func (s *Store) CompleteUser(ctx context.Context, prefix string, limit int) ([]string, error) {
	prefix = foldName(prefix)
	return collect[string](s.reads.QueryContext(ctx, completeUser, prefix, prefix+"\U0010FFFF", limit))(scanString)
}

// FolderTotals is what several folders are together, as last written.
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
