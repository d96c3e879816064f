package auth

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"davit/store"
)

// elsewhere is the key in a hash of "password" among the tests of the reference
// implementation of Argon2.
const elsewhere = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestHashPassword(t *testing.T) {
	a := New(nil, Options{})
	hash, err := a.HashPassword(t.Context(), "pa\u0308ss")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", hash)
	}
	again, err := a.HashPassword(t.Context(), "pa\u0308ss")
	if err != nil || again == hash {
		t.Errorf("second hash %q, %v; want another salt", again, err)
	}
	for _, c := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"right", hash, "pa\u0308ss", true},
		{"composed", hash, "p\u00e4ss", true},
		{"wrong", hash, "pass", false},
		{"empty", hash, "", false},
		{"no hash", "", "", false},
		{"made by the reference implementation", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$" + elsewhere, "password", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := a.passwords.verify(t.Context(), c.hash, c.password)
			if got != c.want || err != nil {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
	for _, password := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := a.HashPassword(t.Context(), password); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("HashPassword with %d bytes: %v, want fs.ErrInvalid", len(password), err)
		}
	}
}

func TestParsePHC(t *testing.T) {
	a := New(nil, Options{})
	if h, err := parsePHC(a.passwords.dummy); err != nil || h.String() != a.passwords.dummy {
		t.Errorf("the dummy reads as %q, %v", h, err)
	}
	for _, text := range []string{
		"", "secret", "$2y$10$abcdefghijklmnopqrstuv", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=19$m=64,t=1,p=300$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=19$m=4000000000,t=1,p=1$c29tZXNhbHQ$" + elsewhere,
		"$argon2id$v=19$m=64,t=1,p=1$c2FsdA$" + elsewhere,
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c2hvcnQ",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$!",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := parsePHC(text); !errors.Is(err, errPHC) {
				t.Errorf("got %v, want errPHC", err)
			}
		})
	}
}

// TestPasswordQueue: two at once, some wait, the rest come again (D26).
func TestPasswordQueue(t *testing.T) {
	a := New(nil, Options{})
	for range hashesAtOnce {
		a.passwords.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range cap(a.passwords.queue) {
		a.passwords.queue <- struct{}{}
	}
	var retry *RetryError
	if _, err := a.HashPassword(ctx, "x"); !errors.As(err, &retry) || !errors.Is(err, store.ErrBusy) || retry.After <= 0 {
		t.Errorf("with a full queue: %v, want ErrBusy and a wait", err)
	}
	<-a.passwords.queue
	go func() {
		_, err := a.HashPassword(ctx, "x")
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("one that waited and left: %v, want context.Canceled", err)
	}
	if n := len(a.passwords.queue); n != cap(a.passwords.queue)-1 {
		t.Errorf("%d in the queue, want %d", n, cap(a.passwords.queue)-1)
	}
}
