package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"strings"
	"sync"
	"time"

	"davit/store"

	"github.com/golang-jwt/jwt/v5"
)

// Access tokens are JWTs (RFC 7519) that a session buys, for ten minutes each. They are
// signed with keys that are kept sealed in the database, and verified by the rules of
// RFC 8725: the algorithm is that of the key, the key that of the kid, issuer, type and
// end are asked for. Behind each stands its session's row: without it the token is void.

// The algorithms that access tokens may be signed with.
const (
	EdDSA = "EdDSA"
	RS256 = "RS256"
)

const (
	accessTime = 10 * time.Minute
	accessType = "at+jwt" // the header typ (RFC 9068, section 2.1)

	// accessLeeway is for the clocks of several servers over one database.
	accessLeeway = 2 * time.Second

	signingPurpose = "jwt signing keys 1"
	rsaBits        = 2048

	// DefaultIssuer is the iss of access tokens if the server has no public URL.
	DefaultIssuer = "davit"
)

// accessClaims are the claims of an access token. aud are its scopes.
type accessClaims struct {
	jwt.RegisteredClaims
	Role          string   `json:"role"`          // USER or ADMIN
	PrincipalType string   `json:"principalType"` // password
	FirstNames    string   `json:"firstNames"`
	LastName      string   `json:"lastName"`
	Email         string   `json:"email"`
	OrgID         string   `json:"orgId"`
	TwoFactor     bool     `json:"twoFactorAuthentication"`
	License       bool     `json:"serviceLicenseAgreement"` // accepted: there is none
	Session       string   `json:"publicSessionReference"`
	ExtendedBy    []string `json:"extendedByChain"`
}

// signingKey is a store.SigningKey, opened.
type signingKey struct {
	id        string
	algorithm string
	private   crypto.Signer
	retired   time.Time
}

func (k *signingKey) method() jwt.SigningMethod {
	if k.algorithm == RS256 {
		return jwt.SigningMethodRS256
	}
	return jwt.SigningMethodEdDSA
}

// keyring remembers the signing keys. It counts while they do not change.
type keyring struct {
	mu     sync.Mutex
	loaded bool
	epoch  uint64
	keys   []*signingKey          // newest first
	newest string                 // ID of the newest that is not retired, opened or not
	opened map[string]*signingKey // by ID and sealed text
}

// signingKeys returns the keys that sign or still verify, newest first, and the ID of
// the newest that is not retired.
func (a *Auth) signingKeys(ctx context.Context) (keys []*signingKey, newest string, err error) {
	r := &a.keyring
	r.mu.Lock()
	defer r.mu.Unlock()
	epoch := a.records.Epoch()        // before the rows
	if r.loaded && r.epoch != epoch { // what changes about users and folders does not matter
		if now, changed := a.records.Changed(r.epoch, func(store.Touch) bool { return false }); !changed {
			r.epoch, epoch = now, now
		}
	}
	if !r.loaded || r.epoch != epoch {
		rows, err := a.records.SigningKeys(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("read signing keys: %w", err)
		}
		opened := make(map[string]*signingKey, len(rows))
		r.keys, r.newest = nil, ""
		for _, row := range rows {
			if row.Retired.IsZero() {
				r.newest = cmp.Or(r.newest, row.ID)
			}
			mark := row.ID + " " + string(row.Sealed)
			k := &signingKey{id: row.ID, algorithm: row.Algorithm, retired: row.Retired}
			if old := r.opened[mark]; old != nil {
				k.private = old.private
			} else if k.private, err = a.openSigningKey(row); err != nil {
				a.log.Warn("a signing key cannot be used", "kid", row.ID, "error", err)
				continue
			}
			opened[mark] = k
			r.keys = append(r.keys, k)
		}
		r.opened, r.epoch, r.loaded = opened, epoch, true
	}
	for _, k := range r.keys {
		if k.retired.IsZero() || a.now().Before(k.retired.Add(accessTime+accessLeeway)) {
			keys = append(keys, k)
		}
	}
	return keys, r.newest, nil
}

func (a *Auth) openSigningKey(row store.SigningKey) (crypto.Signer, error) {
	aead, err := a.Sealer(signingPurpose)
	if err != nil {
		return nil, err
	}
	if len(row.Sealed) < aead.NonceSize() {
		return nil, errors.New("unknown form of its secret")
	}
	der, err := aead.Open(nil, row.Sealed[:aead.NonceSize()], row.Sealed[aead.NonceSize():], []byte(row.Algorithm+" "+row.ID))
	if err != nil {
		return nil, fmt.Errorf("it was encrypted with another %s or DAVIT_SECRET_KEY", secretFile)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		if row.Algorithm == EdDSA {
			return k, nil
		}
	case *rsa.PrivateKey:
		if row.Algorithm == RS256 {
			return k, nil
		}
	}
	return nil, fmt.Errorf("no key for %q", row.Algorithm)
}

// newSigningKey makes a key and puts it into the store in the place of the key since.
func (a *Auth) newSigningKey(ctx context.Context, algorithm, since string) (kid string, err error) {
	var private any
	switch algorithm {
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return "", fmt.Errorf("%w: access tokens are signed with %s or %s", fs.ErrInvalid, EdDSA, RS256)
	}
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	aead, err := a.Sealer(signingPurpose)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	random := make([]byte, tokenIDBytes+aead.NonceSize())
	if _, err := io.ReadFull(a.rand, random); err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	kid, nonce := base32Lower.EncodeToString(random[:tokenIDBytes]), random[tokenIDBytes:]
	row := store.SigningKey{
		ID: kid, Algorithm: algorithm, Created: a.now(),
		Sealed: aead.Seal(nonce[:len(nonce):len(nonce)], nonce, der, []byte(algorithm+" "+kid)),
	}
	return kid, a.records.AddSigningKey(ctx, row, since, a.now().Add(-time.Hour))
}

// RotateSigningKey makes a new key for access tokens, of an algorithm, "" for the one in
// use. The old one verifies until the tokens that it signed have expired.
func (a *Auth) RotateSigningKey(ctx context.Context, algorithm string) (kid string, err error) {
	if algorithm == "" {
		algorithm = a.algorithm
		rows, err := a.records.SigningKeys(ctx)
		if err != nil {
			return "", err
		}
		if len(rows) > 0 {
			algorithm = rows[0].Algorithm
		}
	}
	return a.newSigningKey(ctx, algorithm, store.AnySigningKey)
}

// signer returns the key that signs, and makes it if there is none.
func (a *Auth) signer(ctx context.Context) (*signingKey, error) {
	for range 3 {
		keys, newest, err := a.signingKeys(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if k.id == newest && k.algorithm == a.algorithm {
				return k, nil
			}
		}
		if _, err := a.newSigningKey(ctx, a.algorithm, newest); err != nil && !errors.Is(err, store.ErrChanged) {
			return nil, err
		}
	}
	return nil, errors.New("the signing keys change too fast")
}

// accessToken makes an access token for a session.
func (a *Auth) accessToken(ctx context.Context, user store.User, session store.Token) (text string, expires time.Time, err error) {
	key, err := a.signer(ctx)
	if err != nil {
		return "", expires, err
	}
	now := a.now().Truncate(time.Second)
	expires = now.Add(accessTime)
	if !session.Expires.IsZero() && session.Expires.Before(expires) {
		expires = session.Expires
	}
	claims := accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: a.issuer, Subject: user.Name, Audience: jwt.ClaimStrings{"all:write"},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Role: "USER", PrincipalType: "password", FirstNames: user.Name, Email: user.Email, License: true,
		Session: session.ID, ExtendedBy: []string{},
	}
	if user.Admin {
		claims.Role = "ADMIN"
	}
	t := jwt.NewWithClaims(key.method(), claims)
	t.Header["kid"], t.Header["typ"] = key.id, accessType
	text, err = t.SignedString(key.private)
	if err != nil {
		return "", expires, fmt.Errorf("sign access token: %w", err)
	}
	return text, expires, nil
}

// verifyJWT verifies a token of the form of a JWT: one of ours, or of the outside provider.
// Which of the two is decided by iss, and each has its own verifier with its own keys.
func (a *Auth) verifyJWT(ctx context.Context, sum digest, text string) (*entry, error) {
	epoch := a.records.Epoch() // before the rows: a change in between makes the entry stale
	now := a.now()
	if e := a.verified.get(sum, now); e != nil && e.person != nil {
		return a.admit(ctx, sum, epoch, e.verified, e.person) // only rows have changed
	}
	if strings.Count(text, ".") != 2 {
		return nil, store.ErrUnauthenticated
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(text, &claims); err != nil {
		return nil, store.ErrUnauthenticated
	}
	var who *person
	var err error
	switch {
	case claims.Issuer == a.issuer:
		who, err = a.own(ctx, text)
	case a.provider != nil && claims.Issuer == a.provider.o.Issuer:
		who, err = a.provider.verify(ctx, text)
	default:
		return nil, store.ErrUnauthenticated
	}
	if err != nil {
		return nil, err
	}
	return a.admit(ctx, sum, epoch, now, who)
}

// person is what a verified JWT says, as far as it counts here.
type person struct {
	name    string
	email   string
	session string // of our own tokens
	scopes  store.Scopes
	expires time.Time
}

// own verifies an access token of ours.
func (a *Auth) own(ctx context.Context, text string) (*person, error) {
	keys, _, err := a.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	var claims accessClaims
	_, err = jwt.NewParser(
		jwt.WithValidMethods([]string{EdDSA, RS256}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithIssuer(a.issuer),
		jwt.WithLeeway(accessLeeway), jwt.WithTimeFunc(a.now), jwt.WithStrictDecoding(),
	).ParseWithClaims(text, &claims, func(t *jwt.Token) (any, error) {
		kid, err := plainHeader(t)
		if err != nil {
			return nil, err
		}
		if typ, _ := t.Header["typ"].(string); typ != accessType {
			return nil, errors.New("of another type")
		}
		for _, k := range keys {
			if k.id == kid && k.algorithm == t.Method.Alg() {
				return k.private.Public(), nil
			}
		}
		return nil, errors.New("unknown key")
	})
	if err != nil || claims.Session == "" || len(claims.Audience) == 0 {
		return nil, store.ErrUnauthenticated
	}
	who := &person{name: claims.Subject, session: claims.Session, expires: claims.ExpiresAt.Time}
	if who.scopes, err = store.ParseScopes(strings.Join(claims.Audience, " ")); err != nil {
		return nil, store.ErrUnauthenticated
	}
	if who.scopes.Contain(nil) {
		who.scopes = nil
	}
	return who, nil
}

// plainHeader returns the kid of a token whose header asks for nothing that is not
// understood here (RFC 7515, section 4.1.11).
func plainHeader(t *jwt.Token) (kid string, err error) {
	if _, ok := t.Header["crit"]; ok {
		return "", errors.New("the header has critical parts")
	}
	kid, ok := t.Header["kid"].(string)
	if !ok || kid == "" || len(kid) > maxKid {
		return "", errors.New("the header has no kid")
	}
	return kid, nil
}

const maxKid = 256

// admit finds the user of a verified JWT, and of ours the session.
func (a *Auth) admit(ctx context.Context, sum digest, epoch uint64, verified time.Time, who *person) (*entry, error) {
	e := newEntry(store.Principal{}, epoch, verified)
	e.expires, e.person = who.expires, who
	if who.session == "" {
		user, err := a.outsider(ctx, who)
		if err != nil {
			return nil, err
		}
		e.principal = principal(user, "")
		e.principal.Admin = user.Admin && a.provider.o.Administrators
	} else {
		session, user, err := a.session(ctx, who.session)
		if err == nil && user.Name != who.name {
			err = fs.ErrNotExist
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, store.ErrUnauthenticated
		}
		if err != nil {
			return nil, err
		}
		e.principal = principal(user, session.ID)
		if !session.Expires.IsZero() && session.Expires.Before(e.expires) {
			e.expires = session.Expires
		}
		if who.scopes != nil {
			e.principal.Narrow = &store.Narrow{Scopes: who.scopes, Expires: e.expires}
		}
	}
	if e.expired(a.now()) {
		return nil, store.ErrUnauthenticated
	}
	a.verified.put(sum, e)
	return e, nil
}

// JWK is a public key as others read it (RFC 7517).
type JWK struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

// PublicKeys returns the keys that verify access tokens, newest first. The first call makes one.
func (a *Auth) PublicKeys(ctx context.Context) ([]JWK, error) {
	if _, err := a.signer(ctx); err != nil {
		return nil, err
	}
	keys, _, err := a.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	text := base64.RawURLEncoding.EncodeToString
	list := []JWK{}
	for _, k := range keys {
		j := JWK{ID: k.id, Use: "sig", Algorithm: k.algorithm}
		switch public := k.private.Public().(type) {
		case ed25519.PublicKey: // RFC 8037
			j.Type, j.Curve, j.X = "OKP", "Ed25519", text(public)
		case *rsa.PublicKey:
			j.Type, j.N, j.E = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
		}
		list = append(list, j)
	}
	return list, nil
}
