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
