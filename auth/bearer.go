package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"davit/store"
)

// A token is "uc", its ID, "-" and its secret: at most 64 characters, for davfs2 cuts
// passwords at 255 and people paste them (D26).
const (
	tokenPrefix  = "uc"
	tokenIDLen   = 16
	maxTokenLen  = 64
	tokenIDBytes = 10 // 16 characters of base32
	secretBytes  = 32 // 43 characters of base64url
)

// base32Lower makes text that survives file systems, cases and eyes.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// splitToken splits what has the form of a token.
func splitToken(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) > maxTokenLen || len(rest) < tokenIDLen+2 || rest[tokenIDLen] != '-' {
		return "", "", false
	}
	id, secret = rest[:tokenIDLen], rest[tokenIDLen+1:]
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", "", false
		}
	}
	return id, secret, true
}

// NewToken makes a token of a user, for one folder if folderID is set; expires may be
// zero for never. It returns the row, which the caller puts into the store, and the
// token's text, which exists nowhere else.
func (a *Auth) NewToken(userID, folderID string, readOnly bool, expires time.Time) (store.Token, string, error) {
	random := make([]byte, tokenIDBytes+secretBytes)
	if _, err := io.ReadFull(a.rand, random); err != nil {
		return store.Token{}, "", fmt.Errorf("make token: %w", err)
	}
	id := base32Lower.EncodeToString(random[:tokenIDBytes])
	secret := base64.RawURLEncoding.EncodeToString(random[tokenIDBytes:])
	return store.Token{
		ID:       id,
		UserID:   userID,
		Hash:     hashSecret(secret),
		FolderID: folderID,
		ReadOnly: readOnly,
		Created:  a.now(),
		Expires:  expires,
	}, tokenPrefix + id + "-" + secret, nil
}

// hashSecret is what is kept of a token's secret. One round is enough: there is
// nothing to guess in 256 random bits.
func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// errUnusable is a token that is genuine but has expired.
var errUnusable = errors.New("token not usable")

// token returns a fresh entry for a token: fs.ErrNotExist if there is no such token,
// errUnusable if it has expired.
func (a *Auth) token(ctx context.Context, id, secret string) (*entry, error) {
	epoch := a.records.Epoch() // before the rows: a change in between makes the entry stale
	t, err := a.records.Token(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	if subtle.ConstantTimeCompare(t.Hash, hashSecret(secret)) != 1 {
		return nil, fs.ErrNotExist
	}
	user, err := a.records.User(ctx, t.UserID)
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	e := &entry{principal: principal(user, t.ID), epoch: epoch, verified: a.now(), expires: t.Expires}
	if e.expired(e.verified) {
		return nil, errUnusable
	}
	e.principal.ReadOnly = t.ReadOnly
	if t.FolderID != "" {
		e.principal.Narrow = &store.Narrow{Folders: []store.TokenFolder{{ID: t.FolderID, ReadOnly: t.ReadOnly}}}
	}
	if t.FolderID != "" || t.ReadOnly {
		e.principal.Admin = false // a narrowed token administers nothing (D30)
	}
	return e, nil
}

// verifyBearer verifies what came as Bearer in a header that has the hash sum.
func (a *Auth) verifyBearer(ctx context.Context, sum digest, text string) (*entry, error) {
	id, secret, ok := splitToken(text)
	if !ok {
		return nil, store.ErrUnauthenticated
	}
	e, err := a.token(ctx, id, secret)
	switch {
	case err == nil:
		a.verified.put(sum, e)
		return e, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errUnusable):
		return nil, store.ErrUnauthenticated
	}
	return nil, err
}
