package store

import "context"

// FolderFilter says which folders are wanted; what is empty does not count.
type FolderFilter struct {
	OwnerID   string // personal folders of this user
	ProjectID string
	Product   *string // "" is the default product
	Title     string  // a part of the title; of ASCII letters the case does not matter
	Deleted   *bool
}

// Both are ordered by ID, of which the first is a range.
const (
	searchFolders = selectFolder + `
	WHERE f.id > $1 AND ($2 = '' OR lower(f.title) LIKE lower($2) ESCAPE '\') AND ($3 < 0 OR ($3 = 1) = (f.deleted <> 0))
	AND ($4 = '*' OR f.product = $4)`
	searchFoldersOfOwner   = searchFolders + ` AND f.owner_id = $6 AND f.project_id IS NULL ORDER BY f.id LIMIT $5`
	searchFoldersOfProject = searchFolders + ` AND f.project_id = $6 ORDER BY f.id LIMIT $5`
	searchAllFolders       = searchFolders + ` ORDER BY f.id LIMIT $5`
)

// SearchFolders returns at most limit folders of all users, deleted ones that are not purged included, ordered
// by ID, whose IDs are behind after.
func (s *Store) SearchFolders(ctx context.Context, w FolderFilter, after string, limit int) ([]Folder, error) {
	title, product, deleted := "", "*", -1 // no product is called *
	if w.Title != "" {
		title = like(w.Title)
	}
	if w.Product != nil {
		product = *w.Product
	}
	if w.Deleted != nil {
		deleted = 0
		if *w.Deleted {
			deleted = 1
		}
	}
	query, args := searchAllFolders, []any{after, title, deleted, product, limit}
	switch {
	case w.OwnerID != "":
		query, args = searchFoldersOfOwner, append(args, w.OwnerID)
	case w.ProjectID != "":
		query, args = searchFoldersOfProject, append(args, w.ProjectID)
	}
	return collect[Folder](s.reads.QueryContext(ctx, query, args...))(scanFolder)
}

// Counts are numbers of rows, for those who watch the installation.
type Counts struct {
	Users, Admins, Projects, Folders, Deleted, Locks, Uploads, Tokens, Keys int64
}

// Counts counts.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM users WHERE admin),
		(SELECT COUNT(*) FROM projects), (SELECT COUNT(*) FROM folders WHERE deleted = 0), (SELECT COUNT(*) FROM folders WHERE deleted <> 0),
		(SELECT COUNT(*) FROM locks WHERE expires > $1), (SELECT COUNT(*) FROM uploads), (SELECT COUNT(*) FROM tokens), (SELECT COUNT(*) FROM keys)`,
		micros(s.now())).Scan(&c.Users, &c.Admins, &c.Projects, &c.Folders, &c.Deleted, &c.Locks, &c.Uploads, &c.Tokens, &c.Keys)
	return c, convert(err)
}
