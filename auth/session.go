package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"davit/store"

	"golang.org/x/text/unicode/norm"
)

// SessionTime is how long a session lives, unless Options say otherwise.
const SessionTime = 30 * 24 * time.Hour

// SignedIn is what somebody gets who signs in, or comes back.
type SignedIn struct {
	User    store.User
	Session store.Token // its row
	Refresh string      // the session's secret; only SignIn fills it in
	CSRF    string      // goes with Refresh when that comes in a cookie
	Access  string      // a JWT for all doors
	Expires time.Time   // of Access
}

// SignIn begins a session with a user's password. Its errors are store.ErrUnauthenticated
// for a wrong one, store.ErrPlain, *RetryError, and what the store returns.
func (a *Auth) SignIn(r *http.Request, name, password string) (SignedIn, error) {
	client := a.client(r)
	if !client.private() && !a.plainBasic {
		return SignedIn{}, errPlainBasic
	}
	ctx := r.Context()
	user, err := a.password(ctx, norm.NFC.String(name), password, r)
	if err != nil {
		return SignedIn{}, err
	}
	use := useOf(r, client.IP, a.now())
	session, refresh, err := a.NewToken(store.Token{
		UserID: user.ID, Kind: store.TokenSession, Expires: a.now().Add(a.sessionTime),
		LastAddress: use.Address, LastAgent: use.Agent,
	})
	if err != nil {
		return SignedIn{}, err
	}
	ctx = store.WithActor(ctx, store.Actor{UserID: user.ID, UserName: user.Name, Address: use.Address, Door: "auth"})
	if session, err = a.records.CreateToken(ctx, session); err != nil {
		return SignedIn{}, fmt.Errorf("sign in: %w", err)
	}
	// A new password ends the sessions that are there. One that begins while it is set, by the old one, must not stay.
	if now, err := a.records.User(ctx, user.ID); err != nil || now.PasswordHash != user.PasswordHash {
		if gone := a.records.DeleteToken(ctx, session.ID); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return SignedIn{}, fmt.Errorf("sign in: %w", err)
		}
		return SignedIn{}, store.ErrUnauthenticated
	}
	in := SignedIn{User: user, Session: session, Refresh: refresh, CSRF: csrf(refresh)}
	in.Access, in.Expires, err = a.accessToken(ctx, user, session)
	return in, err
}

// password verifies the password of a user who is not known from a cache.
func (a *Auth) password(ctx context.Context, name, password string, r *http.Request) (store.User, error) {
	account, addr := a.verified.sum(name), network(a.client(r).IP)
	if err := a.guard.enter(ctx, account, addr); err != nil {
		return store.User{}, err
	}
	user, err := a.records.UserByName(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return store.User{}, fmt.Errorf("authenticate: %w", err)
	}
	good, err := a.passwords.verify(ctx, user.PasswordHash, password)
	if err != nil {
		return store.User{}, err
	}
	if !good {
		a.wrongPassword(account, addr, name)
		return store.User{}, store.ErrUnauthenticated
	}
	a.guard.succeeded(account, addr)
	return user, nil
}

// session returns a session that has not ended, and its user; fs.ErrNotExist.
func (a *Auth) session(ctx context.Context, id string) (store.Token, store.User, error) {
	t, err := a.records.Token(ctx, id)
	if err != nil {
		return t, store.User{}, fmt.Errorf("session: %w", err)
	}
	if !a.SessionLives(t) {
		return t, store.User{}, fs.ErrNotExist
	}
	user, err := a.records.User(ctx, t.UserID)
	if err != nil {
		return t, user, fmt.Errorf("session: %w", err)
	}
	return t, user, nil
}

// SessionLives says whether a token is a session that has not come to its end.
func (a *Auth) SessionLives(t store.Token) bool {
	now := a.now()
	if t.Kind != store.TokenSession || !t.Expires.IsZero() && !now.Before(t.Expires) {
		return false
	}
	last := t.Created
	if t.LastUsed.After(last) {
		last = t.LastUsed
	}
	return a.sessionIdle == 0 || now.Before(last.Add(a.sessionIdle))
}

// refreshed returns the session that a refresh token is of, and its user;
// store.ErrUnauthenticated.
func (a *Auth) refreshed(ctx context.Context, refresh string) (store.Token, store.User, error) {
	id, secret, ok := splitToken(refresh)
	if !ok {
		return store.Token{}, store.User{}, store.ErrUnauthenticated
	}
	_, err := a.tokenRow(ctx, id, secret)
	var t store.Token
	var user store.User
	if err == nil {
		t, user, err = a.session(ctx, id)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = store.ErrUnauthenticated
	}
	return t, user, err
}

// Refresh makes a new access token for a refresh token; store.ErrUnauthenticated if that
// is none, or its session has ended.
func (a *Auth) Refresh(r *http.Request, refresh string) (SignedIn, error) {
	ctx := r.Context()
	session, user, err := a.refreshed(ctx, refresh)
	if err != nil {
		return SignedIn{}, err
	}
	a.used.token(session.ID, useOf(r, a.client(r).IP, a.now()))
	in := SignedIn{User: user, Session: session, CSRF: csrf(refresh)}
	in.Access, in.Expires, err = a.accessToken(ctx, user, session)
	return in, err
}

// SignOut ends the session of a refresh token; store.ErrUnauthenticated if there is none.
func (a *Auth) SignOut(r *http.Request, refresh string) error {
	ctx := r.Context()
	session, user, err := a.refreshed(ctx, refresh)
	if err != nil {
		return err
	}
	ctx = store.WithActor(ctx, store.Actor{UserID: user.ID, UserName: user.Name, Address: a.client(r).IP.String(), Door: "auth"})
	if err := a.records.DeleteToken(ctx, session.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// csrf is the word that a page must send with a refresh token in a cookie: it follows
// from the token, so that only who was given both has it, and tells nothing about it.
func csrf(refresh string) string {
	h := hmac.New(sha256.New, []byte(refresh))
	io.WriteString(h, "davit csrf 1")
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:24])
}

// CheckCSRF says whether word goes with a refresh token. It takes the same time for all words.
func CheckCSRF(refresh, word string) bool {
	return hmac.Equal([]byte(csrf(refresh)), []byte(word))
}

// ChangePassword gives the user of p a new password, if old is the old one, and ends the
// user's sessions but the one that p is of. Its errors are those of SignIn and HashPassword,
// and store.ErrChanged if somebody else was faster.
func (a *Auth) ChangePassword(r *http.Request, p store.Principal, old, password string) error {
	if !a.client(r).private() && !a.plainBasic {
		return errPlainBasic
	}
	ctx := r.Context()
	user, err := a.password(ctx, p.UserName, old, r)
	if err == nil && user.ID != p.UserID {
		err = store.ErrUnauthenticated
	}
	if err != nil {
		return err
	}
	hash, err := a.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	if err := a.records.ChangePasswordHash(ctx, user.ID, user.PasswordHash, hash, p.KeyID); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return nil
}
