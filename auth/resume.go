package auth

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"davit/store"

	"golang.org/x/crypto/chacha20poly1305"
)

// Resume says whether p, who was authenticated before, would be still: the user is
// there, and so is the key or token. What has changed about the user is brought up to date.
// store.ErrUnauthenticated if not.
func (a *Auth) Resume(ctx context.Context, p store.Principal) (store.Principal, error) {
	gone := func(err error) (store.Principal, error) {
		if errors.Is(err, fs.ErrNotExist) {
			return store.Principal{}, store.ErrUnauthenticated
		}
		return store.Principal{}, fmt.Errorf("resume: %w", err)
	}
	user, err := a.records.User(ctx, p.UserID)
	if err != nil {
		return gone(err)
	}
	p.UserName, p.Admin = user.Name, p.Admin && user.Admin
	owner := p.UserID
	switch {
	case p.KeyID == "":
	case strings.HasPrefix(p.KeyID, accessKeyPrefix):
		k, err := a.records.Key(ctx, p.KeyID)
		if err != nil {
			return gone(err)
		}
		owner = k.UserID
	default:
		t, err := a.records.Token(ctx, p.KeyID)
		if err != nil {
			return gone(err)
		}
		if owner = t.UserID; !t.Expires.IsZero() && !a.now().Before(t.Expires) {
			return gone(fs.ErrNotExist)
		}
	}
	if owner != p.UserID {
		return gone(fs.ErrNotExist)
	}
	return p, nil
}

// Sealer returns a cipher whose key comes from the installation's secret, another for
// each purpose.
func (a *Auth) Sealer(purpose string) (cipher.AEAD, error) {
	if len(a.secret) != secretSize {
		return nil, errors.New("no installation secret")
	}
	key, err := hkdf.Key(sha256.New, a.secret, nil, "davit "+purpose, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.NewX(key)
}
