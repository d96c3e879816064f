package store

import (
	"context"
	"io/fs"
	"time"
)

// Key is an API key for signed requests (HMAC).
type Key struct {
	AccessKey string // "AKIA" and 16 base32 characters
	UserID    string
	UserName  string // filled in by reads
	Sealed    []byte // the secret key, encrypted by auth with the installation's secret
	Created   time.Time
	LastUsed  time.Time
}

const selectKey = `SELECT k.access_key, k.user_id, u.name, k.sealed, k.created, k.last_used
	FROM keys k JOIN users u ON u.id = k.user_id`

func scanKey(r row) (k Key, err error) {
	err = r.Scan(&k.AccessKey, &k.UserID, &k.UserName, &k.Sealed, scanTime{&k.Created}, scanTime{&k.LastUsed})
	return k, err
}

// CreateKey adds a key, of which the caller made AccessKey and Sealed, and returns
// it with Created and UserName. fs.ErrExist for an access key that is there,
// fs.ErrNotExist for an unknown user.
func (s *Store) CreateKey(ctx context.Context, k Key) (Key, error) {
	if k.AccessKey == "" || len(k.Sealed) == 0 {
		return Key{}, explain(fs.ErrInvalid, "key without its access key or secret")
	}
	k.Created, k.LastUsed = s.now().UTC().Truncate(time.Microsecond), time.Time{}
	err := s.write(ctx, announced, func(t tx) error {
		u, err := t.user(k.UserID)
		if err != nil {
			return named(convert(err), "user", k.UserID)
		}
		k.UserName = u.Name
		_, err = t.exec(`INSERT INTO keys (access_key, user_id, sealed, created, last_used) VALUES ($1, $2, $3, $4, 0)`,
			k.AccessKey, k.UserID, k.Sealed, micros(k.Created))
		return err
	})
	if err != nil {
		return Key{}, named(err, "key", k.AccessKey)
	}
	return k, nil
}

// Key returns a key; fs.ErrNotExist.
func (s *Store) Key(ctx context.Context, accessKey string) (Key, error) {
	k, err := scanKey(s.reads.QueryRowContext(ctx, selectKey+` WHERE k.access_key = $1`, accessKey))
	return k, named(convert(err), "key", accessKey)
}

// Keys returns the keys of all users, ordered by user name and age.
func (s *Store) Keys(ctx context.Context) ([]Key, error) {
	return collect[Key](s.reads.QueryContext(ctx, selectKey+` ORDER BY u.name, k.created, k.access_key`))(scanKey)
}

// DeleteKey removes a key; fs.ErrNotExist.
func (s *Store) DeleteKey(ctx context.Context, accessKey string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		return oneRow(t.exec(`DELETE FROM keys WHERE access_key = $1`, accessKey))
	}), "key", accessKey)
}

// TouchKeys notes when keys, by access key, were last used. It never turns a time
// back, passes over keys that are gone, and does not raise Epoch.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	return s.touch(ctx, `UPDATE keys SET last_used = $2 WHERE access_key = $1 AND last_used < $2`, used)
}

func (s *Store) touch(ctx context.Context, query string, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.write(ctx, relaxed, func(t tx) error {
		for id, at := range used {
			if _, err := t.exec(query, id, micros(at)); err != nil {
				return err
			}
		}
		return nil
	})
}
