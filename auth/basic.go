package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"davit/store"

	"golang.org/x/text/unicode/norm"
)

// parseBasic reads the credentials of the Basic scheme (RFC 7617): base64 of the user
// name, in NFC here, a colon, and the password. The text is UTF-8.
func parseBasic(text string) (user, password string, ok bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !utf8.Valid(b) {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(b), ":")
	if !ok || strings.ContainsFunc(user, unicode.IsControl) {
		return "", "", false
	}
	return norm.NFC.String(user), password, true
}

// verifyBasic verifies Basic credentials whose header has the hash sum. The password
// may be the user's, or a token of that same user.
func (a *Auth) verifyBasic(ctx context.Context, sum digest, text string, addr netip.Addr) (*entry, error) {
	name, password, ok := parseBasic(text)
	if !ok {
		return nil, store.ErrUnauthenticated
	}
	if id, secret, ok := splitToken(password); ok {
		// A token can't be guessed: it is not slowed, and needs no slow hash.
		e, err := a.token(ctx, id, secret)
		switch {
		case err == nil && e.principal.UserName == name:
			a.verified.put(sum, e)
			return e, nil
		case err == nil || errors.Is(err, errUnusable):
			return nil, store.ErrUnauthenticated
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}

	epoch := a.records.Epoch() // before the rows: a change in between makes the entry stale
	now := a.now()
	if e := a.verified.get(sum, now); e != nil && e.hash != "" {
		user, err := a.records.User(ctx, e.principal.UserID)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("authenticate: %w", err)
		}
		if err == nil && user.Name == name && user.PasswordHash == e.hash {
			e = newEntry(principal(user, ""), epoch, e.verified)
			e.hash = user.PasswordHash
			a.verified.put(sum, e)
			return e, nil
		}
	}
	before, still := a.known(sum, now)
	if still {
		return nil, store.ErrUnauthenticated
	}

	account := a.verified.sum(name)
	if err := a.guard.enter(ctx, account, addr); err != nil {
		return nil, err
	}
	epoch = a.records.Epoch()
	user, err := a.records.UserByName(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	good, err := a.passwords.verify(ctx, user.PasswordHash, password)
	if err != nil {
		return nil, err
	}
	if !good {
		if !before {
			a.wrongPassword(account, addr, name)
		}
		a.verified.refuse(sum, user.ID, epoch, a.now())
		return nil, store.ErrUnauthenticated
	}
	a.guard.succeeded(account, addr)
	e := newEntry(principal(user, ""), epoch, a.now())
	e.hash = user.PasswordHash
	a.verified.put(sum, e)
	return e, nil
}

// wrongPassword counts one, and has the audit told if that slows the next.
func (a *Auth) wrongPassword(account digest, addr netip.Addr, name string) {
	if a.guard.failed(account, addr) {
		a.slowed.add(addr, name, a.now())
	}
}
