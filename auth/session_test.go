package auth

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"davit/store"
)

// changesPassword is a store in which a user gets a new password just before a session of his is written.
type changesPassword struct {
	*store.Store
	hash string
}

func (c changesPassword) CreateToken(ctx context.Context, k store.Token) (store.Token, error) {
	if k.Kind == store.TokenSession && c.hash != "" {
		if err := c.SetPasswordHash(ctx, k.UserID, c.hash); err != nil {
			return store.Token{}, err
		}
	}
	return c.Store.CreateToken(ctx, k)
}

// A new password ends all sessions of the old one, also one that begins while it is set.
func TestD26_NoSessionByAPasswordThatIsChangedMeanwhile(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "the old password")
	hash, err := w.HashPassword(t.Context(), "the new password")
	w.do(err)
	raced := New(changesPassword{w.st.Store, hash}, Options{
		Now: w.clock.now, Secret: []byte("0123456789abcdef0123456789abcdef"), AllowPlainBasic: true,
	})
	r := httptest.NewRequest("POST", "/auth/loginServer", nil)
	if in, err := raced.SignIn(r, "ann", "the old password"); !errors.Is(err, store.ErrUnauthenticated) {
		t.Errorf("signed in by the old password: %+v, %v", in.Session.ID, err)
	}
	if all, err := w.st.TokensOf(t.Context(), ann.ID); err != nil || len(all) != 0 {
		t.Errorf("sessions afterwards: %+v, %v", all, err)
	}
	if _, err := raced.SignIn(r, "ann", "the new password"); err != nil {
		t.Errorf("by the new password: %v", err) // the hash is set again, and is the same
	}
}
