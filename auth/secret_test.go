package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"davit/store"
	"davit/store/storetest"
)

func newStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{Path: storetest.Path(t, filepath.Join(t.TempDir(), "davit.db"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func TestLoadSecret(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcde\xff")
	for _, c := range []struct {
		name, env string
		ok        bool
	}{
		{"hex", hex.EncodeToString(secret), true},
		{"upper-case hex", strings.ToUpper(hex.EncodeToString(secret)), true},
		{"base64", base64.StdEncoding.EncodeToString(secret), true},
		{"base64 without padding", base64.RawStdEncoding.EncodeToString(secret), true},
		{"base64url", base64.URLEncoding.EncodeToString(secret), true},
		{"with a line end", hex.EncodeToString(secret) + "\n", true},
		{"too short", hex.EncodeToString(secret[:31]), false},
		{"too long", base64.StdEncoding.EncodeToString(append(secret, 1)), false},
		{"a word", "secret", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			got, err := LoadSecret(t.Context(), newStore(t), dir, c.env, false)
			switch {
			case c.ok && (err != nil || !bytes.Equal(got, secret)):
				t.Errorf("got %x, %v; want %x", got, err, secret)
			case !c.ok && (err == nil || !strings.Contains(err.Error(), "DAVIT_SECRET_KEY") || strings.Contains(err.Error(), c.env)):
				t.Errorf("error %v, want one that names the variable and not its value", err)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("%d files made, want none", len(left))
			}
		})
	}

	t.Run("made on first use, by one of many", func(t *testing.T) {
		dir, st := t.TempDir(), newStore(t)
		got := make([][]byte, 8)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				var err error
				if got[i], err = LoadSecret(t.Context(), st, dir, "", i%2 == 0); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, g := range got {
			if !bytes.Equal(g, got[0]) || len(g) != secretSize {
				t.Fatalf("secrets differ: %x", got)
			}
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 {
			t.Fatalf("%d files, %v; want one", len(left), err)
		}
		info, err := left[0].Info()
		if err != nil || info.Name() != secretFile || info.Mode().Perm() != 0o600 {
			t.Errorf("%s %v, %v; want %s 0600", info.Name(), info.Mode(), err, secretFile)
		}
	})
	t.Run("readable by others", func(t *testing.T) {
		dir := t.TempDir()
		name := filepath.Join(dir, secretFile)
		if err := os.WriteFile(name, []byte(hex.EncodeToString(secret)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadSecret(t.Context(), newStore(t), dir, "", false); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("got %x, %v; want %x", got, err, secret)
		}
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSecret(t.Context(), newStore(t), dir, "", false); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("error %v, want advice", err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, secretFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSecret(t.Context(), newStore(t), dir, "", false); err == nil {
			t.Error("an empty file is a secret")
		}
	})
	t.Run("no directory", func(t *testing.T) {
		if _, err := LoadSecret(t.Context(), newStore(t), filepath.Join(t.TempDir(), "none"), "", false); err == nil {
			t.Error("no error")
		}
	})
}

// A second secret would make two kinds of keys, of which one is dead.
func TestLoadSecretIsAlwaysTheSame(t *testing.T) {
	one, other := strings.Repeat("01", secretSize), strings.Repeat("02", secretSize)
	for _, c := range []struct {
		name        string
		first       string // environment of the first call
		key, legacy bool   // a key is made then; the database has no fingerprint
		lose        bool   // the file is removed
		env         string // environment of the second call
		command     bool   // a command may load it
		alone       bool   // the server, which is alone, may
	}{
		{name: "same file", key: true, command: true, alone: true},
		{name: "same environment", first: one, env: one, key: true, command: true, alone: true},
		{name: "environment forgotten", first: one, alone: true},
		{name: "environment forgotten, with keys", first: one, key: true},
		{name: "environment changed", first: one, env: other, key: true},
		{name: "environment beside a file", env: other, key: true},
		{name: "file lost", key: true, lose: true},
		{name: "file lost, no keys", lose: true, alone: true},
		{name: "environment changed, no keys", first: one, env: other, alone: true},
		{name: "no fingerprint", key: true, legacy: true, command: true, alone: true},
		{name: "no fingerprint, file lost", key: true, legacy: true, lose: true},
		{name: "no fingerprint, environment changed", first: one, env: other, key: true, legacy: true},
	} {
		for _, alone := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/alone %v", c.name, alone), func(t *testing.T) {
				dir, st, want := t.TempDir(), newStore(t), c.command
				if alone {
					want = c.alone
				}
				first := st
				if c.legacy {
					first = newStore(t)
				}
				secret, err := LoadSecret(t.Context(), first, dir, c.first, true)
				if err != nil {
					t.Fatal(err)
				}
				if c.key {
					u, err := st.CreateUser(t.Context(), store.User{Name: "ann", PasswordHash: "x"})
					if err != nil {
						t.Fatal(err)
					}
					k, _, err := New(st, Options{Secret: secret}).NewKey(u.ID)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := st.CreateKey(t.Context(), k); err != nil {
						t.Fatal(err)
					}
				}
				file := filepath.Join(dir, secretFile)
				if c.lose {
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				}
				_, before := os.Stat(file)
				got, err := LoadSecret(t.Context(), st, dir, c.env, alone)
				if (err == nil) != want {
					t.Fatalf("error %v, want success: %v", err, want)
				}
				if want {
					if again, err := LoadSecret(t.Context(), st, dir, c.env, false); err != nil || !bytes.Equal(again, got) {
						t.Errorf("once more: %x, %v; want %x", again, err, got)
					}
					return
				}
				if text := err.Error(); !strings.Contains(text, "set DAVIT_SECRET_KEY") || !strings.Contains(text, file) {
					t.Errorf("error %q does not say what to do", text)
				}
				if _, after := os.Stat(file); before != nil && after == nil {
					t.Error("a new secret was made")
				}
			})
		}
	}
}

func TestSeal(t *testing.T) {
	a := New(nil, Options{Secret: []byte("0123456789abcdef0123456789abcdef")})
	box, err := a.seal("AKIA", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.unseal("AKIA", box); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if again, _ := a.seal("AKIA", "secret"); bytes.Equal(again, box) || bytes.Contains(box, []byte("secret")) {
		t.Error("the box tells what is in it")
	}
	for i := range box {
		bad := bytes.Clone(box)
		bad[i] ^= 1
		if _, err := a.unseal("AKIA", bad); err == nil {
			t.Errorf("opens with byte %d changed", i)
		}
	}
	for _, n := range []int{0, 1, 25, len(box) - 1} {
		if _, err := a.unseal("AKIA", box[:n]); err == nil {
			t.Errorf("opens cut to %d bytes", n)
		}
	}
	if _, _, err := New(nil, Options{}).NewKey("u"); err == nil {
		t.Error("NewKey without a secret gives no error")
	}
}

func TestSEC4_NewToken(t *testing.T) {
	a := New(nil, Options{Rand: bytes.NewReader(bytes.Repeat([]byte{0xfe}, 42))})
	row, text, err := a.NewToken(store.Token{UserID: "u", Title: "t", ReadOnly: true, Expires: noon})
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxTokenLen || !strings.HasPrefix(text, "uc"+row.ID+"-") || len(row.ID) != tokenIDLen {
		t.Errorf("token %q with the ID %q", text, row.ID)
	}
	id, secret, ok := splitToken(text)
	if !ok || id != row.ID || !bytes.Equal(hashSecret(secret), row.Hash) {
		t.Errorf("splits into %q, %q, %v", id, secret, ok)
	}
	if row.UserID != "u" || row.Title != "t" || row.Kind != store.TokenPlain || !row.ReadOnly || !row.Expires.Equal(noon) {
		t.Errorf("row %+v", row)
	}
	if _, _, err := a.NewToken(store.Token{UserID: "u"}); err == nil {
		t.Error("no error without randomness")
	}
	for _, text := range []string{"", "uc", "uc-x", "ucaaaaaaaaaaaaaaaa-", "ucaaaaaaaaaaaaaaaax", "ucaaaaaaaaaaaaaaa-x", "ucaaaaaaaaaaaaaaaA-x",
		"ucaaaaaaaaaaaaaaa1-x", "UCaaaaaaaaaaaaaaaa-x", "ucaaaaaaaaaaaaaaaa-" + strings.Repeat("x", 46)} {
		if _, _, ok := splitToken(text); ok {
			t.Errorf("%q is a token", text)
		}
	}
}
