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

// NewToken makes a token that is like want: for a user, of a kind, for some folders, with
// scopes, with an end, as the fields of store.Token say. It returns the row, which the
// caller puts into the store, and the token's text, which exists nowhere else.
func (a *Auth) NewToken(want store.Token) (store.Token, string, error) {
	random := make([]byte, tokenIDBytes+secretBytes)
	if _, err := io.ReadFull(a.rand, random); err != nil {
		return store.Token{}, "", fmt.Errorf("make token: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(random[tokenIDBytes:])
	want.ID = base32Lower.EncodeToString(random[:tokenIDBytes])
	want.Hash = hashSecret(secret)
	want.Created = a.now()
	if want.Kind == "" {
		want.Kind = store.TokenPlain
	}
	return want, tokenPrefix + want.ID + "-" + secret, nil
}

// hashSecret is what is kept of a token's secret. One round is enough: there is
// nothing to guess in 256 random bits.
func hashSecret(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// errUnusable is a token that is genuine but has expired.
var errUnusable = errors.New("token not usable")

// tokenRow returns the token that has an ID and a secret; fs.ErrNotExist.
func (a *Auth) tokenRow(ctx context.Context, id, secret string) (store.Token, error) {
	t, err := a.records.Token(ctx, id)
	if err != nil {
		return t, fmt.Errorf("authenticate: %w", err)
	}
	if subtle.ConstantTimeCompare(t.Hash, hashSecret(secret)) != 1 {
		return store.Token{}, fs.ErrNotExist
	}
	return t, nil
}

// token returns a fresh entry for a token: fs.ErrNotExist if there is no such token,
// errUnusable if it has expired, or is a session's: that opens no door itself.
func (a *Auth) token(ctx context.Context, id, secret string) (*entry, error) {
	epoch := a.records.Epoch() // before the rows: a change in between makes the entry stale
	t, err := a.tokenRow(ctx, id, secret)
	if err != nil {
		return nil, err
	}
	if t.Kind == store.TokenSession {
		return nil, errUnusable
	}
	user, err := a.records.User(ctx, t.UserID)
	if err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	e := newEntry(tokenPrincipal(user, t), epoch, a.now())
	e.expires = t.Expires
	if e.expired(e.verified) {
		return nil, errUnusable
	}
	return e, nil
}

// tokenPrincipal is the principal that is user by the token t. One that is narrowed in
// what it may do with folders administers nothing (D30).
func tokenPrincipal(user store.User, t store.Token) store.Principal {
	p := principal(user, t.ID)
	p.ReadOnly = t.ReadOnly
	if t.Folders != nil || t.Scopes != nil || t.Fixed || !t.Expires.IsZero() {
		p.Narrow = &store.Narrow{Folders: t.Folders, Scopes: t.Scopes, Expires: t.Expires, Fixed: t.Fixed, ProjectID: t.ProjectID}
	}
	if t.ReadOnly || t.Folders != nil {
		p.Admin = false
	}
	return p
}

// verifyBearer verifies what came as Bearer in a header that has the hash sum.
func (a *Auth) verifyBearer(ctx context.Context, sum digest, text string) (*entry, error) {
	id, secret, ok := splitToken(text)
	if !ok {
		return a.verifyJWT(ctx, sum, text)
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
