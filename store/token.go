package store

import (
	"context"
	"io/fs"
	"time"
)

// Token is a random secret that stands for its user: as the password of a
// mount, or as Bearer. Only its hash is kept.
type Token struct {
	ID       string // 16 characters of a–z and 2–7
	UserID   string
	UserName string // filled in by reads
	Hash     []byte // SHA-256 of the secret part
	FolderID string // if set, the only folder it opens
	ReadOnly bool
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time
}

const selectToken = `SELECT t.id, t.user_id, u.name, t.hash, COALESCE(t.folder_id, ''), t.read_only, t.created, t.expires, t.last_used
	FROM tokens t JOIN users u ON u.id = t.user_id`

func scanToken(r row) (k Token, err error) {
	err = r.Scan(&k.ID, &k.UserID, &k.UserName, &k.Hash, &k.FolderID, &k.ReadOnly,
		scanTime{&k.Created}, scanTime{&k.Expires}, scanTime{&k.LastUsed})
	return k, err
}

// CreateToken adds a token, of which the caller made ID and Hash, and returns it
// with Created and UserName. fs.ErrExist for an ID that is there, fs.ErrNotExist
// for an unknown user, or an unknown or deleted folder. Whether the user has any
// right on the folder is not asked: that is decided at each use.
func (s *Store) CreateToken(ctx context.Context, k Token) (Token, error) {
	if k.ID == "" || len(k.Hash) == 0 {
		return Token{}, explain(fs.ErrInvalid, "token without its ID or hash")
	}
	k.Created, k.LastUsed = s.now().UTC().Truncate(time.Microsecond), time.Time{}
	if !k.Expires.IsZero() {
		k.Expires = k.Expires.UTC().Truncate(time.Microsecond)
	}
	err := s.write(ctx, announced, func(t tx) error {
		u, err := t.user(k.UserID)
		if err != nil {
			return named(convert(err), "user", k.UserID)
		}
		k.UserName = u.Name
		if k.FolderID != "" {
			if err := t.living(k.FolderID); err != nil {
				return err
			}
		}
		_, err = t.exec(`INSERT INTO tokens (id, user_id, hash, folder_id, read_only, created, expires, last_used)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
			k.ID, k.UserID, k.Hash, orNull(k.FolderID), k.ReadOnly, micros(k.Created), micros(k.Expires))
		return err
	})
	if err != nil {
		return Token{}, named(err, "token", k.ID)
	}
	return k, nil
}

// Token returns a token, an expired one too; fs.ErrNotExist.
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	k, err := scanToken(s.reads.QueryRowContext(ctx, selectToken+` WHERE t.id = $1`, id))
	return k, named(convert(err), "token", id)
}

// Tokens returns the tokens of all users, ordered by user name and age.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return collect[Token](s.reads.QueryContext(ctx, selectToken+` ORDER BY u.name, t.created, t.id`))(scanToken)
}

// DeleteToken removes a token; fs.ErrNotExist.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		return oneRow(t.exec(`DELETE FROM tokens WHERE id = $1`, id))
	}), "token", id)
}

// TouchTokens is TouchKeys for tokens, by ID.
func (s *Store) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	return s.touch(ctx, `UPDATE tokens SET last_used = $2 WHERE id = $1 AND last_used < $2`, used)
}
