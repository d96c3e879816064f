package store

import (
	"context"
	"fmt"
	"io/fs"
	"time"
)

// SigningKey is what access tokens are signed with.
type SigningKey struct {
	ID        string // the kid
	Algorithm string
	Sealed    []byte // the private key, encrypted by auth with the installation's secret
	Created   time.Time
	Retired   time.Time // zero: not yet
}

// SigningKeys returns all signing keys, newest first; the unretired one before others.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	const query = `SELECT id, algorithm, sealed, created, retired FROM signing_keys
		ORDER BY CASE WHEN retired = 0 THEN 0 ELSE 1 END, created DESC, id DESC`
	return collect[SigningKey](s.reads.QueryContext(ctx, query))(func(r row) (k SigningKey, err error) {
		err = r.Scan(&k.ID, &k.Algorithm, &k.Sealed, scanTime{&k.Created}, scanTime{&k.Retired})
		return k, err
	})
}

// AddSigningKey adds a key, which the caller made, and retires all others.
// Those that were retired before forget are removed. since is the newest unretired key that
// the caller knows, "" for none: if there is another, somebody was faster, and nothing changes: ErrChanged.
func (s *Store) AddSigningKey(ctx context.Context, k SigningKey, since string, forget time.Time) error {
	if k.ID == "" || len(k.Sealed) == 0 || k.Created.IsZero() {
		return explain(fs.ErrInvalid, "signing key without its ID or secret")
	}
	return s.write(ctx, announced, func(t tx) error {
		var newest string
		err := t.get(`SELECT COALESCE((SELECT id FROM signing_keys WHERE retired = 0 ORDER BY created DESC, id DESC LIMIT 1), '')`, nil, &newest)
		if err != nil {
			return err
		}
		if since != AnySigningKey && newest != since {
			return fmt.Errorf("signing key %s: %w", newest, ErrChanged)
		}
		now := micros(k.Created)
		if _, err := t.exec(`DELETE FROM signing_keys WHERE retired <> 0 AND retired < $1`, micros(forget)); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE signing_keys SET retired = $1 WHERE retired = 0`, now); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO signing_keys (id, algorithm, sealed, created, retired) VALUES ($1, $2, $3, $4, 0)`,
			k.ID, k.Algorithm, k.Sealed, now); err != nil {
			return err
		}
		return t.note(ctx, event{action: "signingkey.create", subject: k.ID, detail: map[string]string{"algorithm": k.Algorithm}})
	})
}

// AnySigningKey is the since of AddSigningKey that does not ask.
const AnySigningKey = "*"
