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

// maxKeys bounds the keys of one user.
const maxKeys = 1000

const selectKey = `SELECT k.access_key, k.user_id, u.name, k.sealed, k.created, k.last_used
	FROM keys k JOIN users u ON u.id = k.user_id`

func scanKey(r row) (k Key, err error) {
	err = r.Scan(&k.AccessKey, &k.UserID, &k.UserName, &k.Sealed, scanTime{&k.Created}, scanTime{&k.LastUsed})
	return k, err
}

// CreateKey adds a key, of which the caller made AccessKey and Sealed, and returns
// it with Created and UserName. fs.ErrExist for an access key that is there,
// fs.ErrNotExist for an unknown user, ErrTooMany.
func (s *Store) CreateKey(ctx context.Context, k Key) (Key, error) {
	if k.AccessKey == "" || len(k.Sealed) == 0 {
		return Key{}, explain(fs.ErrInvalid, "key without its access key or secret")
	}
	k.Created, k.LastUsed = s.now().UTC().Truncate(time.Microsecond), time.Time{}
	err := s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, k.UserID)
		u, err := t.user(k.UserID)
		if err != nil {
			return named(convert(err), "user", k.UserID)
		}
		k.UserName = u.Name
		var n int
		if err := t.get(`SELECT COUNT(*) FROM keys WHERE user_id = $1`, []any{k.UserID}, &n); err != nil {
			return err
		}
		if n >= maxKeys {
			return explain(ErrTooMany, "%s has %d API keys", u.Name, n)
		}
		if _, err = t.exec(`INSERT INTO keys (access_key, user_id, sealed, created, last_used) VALUES ($1, $2, $3, $4, 0)`,
			k.AccessKey, k.UserID, k.Sealed, micros(k.Created)); err != nil {
			return err
		}
		return t.note(ctx, event{action: "key.create", subject: k.AccessKey, detail: map[string]string{"user": u.Name}})
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

// KeysOf returns the keys of one user, oldest first.
func (s *Store) KeysOf(ctx context.Context, userID string) ([]Key, error) {
	return collect[Key](s.reads.QueryContext(ctx, selectKey+` WHERE k.user_id = $1 ORDER BY k.created, k.access_key`, userID))(scanKey)
}

// Keys returns the keys of all users, ordered by user name and age.
func (s *Store) Keys(ctx context.Context) ([]Key, error) {
	return collect[Key](s.reads.QueryContext(ctx, selectKey+` ORDER BY u.name, k.created, k.access_key`))(scanKey)
}

// DeleteKey removes a key; fs.ErrNotExist.
func (s *Store) DeleteKey(ctx context.Context, accessKey string) error {
	return named(s.write(ctx, announced, func(t tx) error { return t.deleteKey(ctx, accessKey) }), "key", accessKey)
}

func (t tx) deleteKey(ctx context.Context, accessKey string) error {
	var user, userID string
	err := t.get(`SELECT u.name, u.id FROM keys k JOIN users u ON u.id = k.user_id WHERE k.access_key = $1`, []any{accessKey}, &user, &userID)
	if err != nil {
		return err
	}
	t.touch(TouchUser, userID)
	if _, err := t.exec(`DELETE FROM keys WHERE access_key = $1`, accessKey); err != nil {
		return err
	}
	return t.note(ctx, event{action: "key.delete", subject: accessKey, detail: map[string]string{"user": user}})
}

// TouchKeys notes when keys, by access key, and so their users, were last used. It never turns a time
// back, passes over keys that are gone, and does not raise Epoch.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	return s.touch(ctx, used, `UPDATE keys SET last_used = $2 WHERE access_key = $1 AND last_used < $2`,
		touchUser+`IN (SELECT user_id FROM keys WHERE access_key = $1)`)
}

// touch runs the queries with each ID and time.
func (s *Store) touch(ctx context.Context, used map[string]time.Time, queries ...string) error {
	if len(used) == 0 {
		return nil
	}
	return s.write(ctx, relaxed, func(t tx) error {
		for id, at := range used {
			for _, query := range queries {
				if _, err := t.exec(query, id, micros(at)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
