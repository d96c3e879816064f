package auth

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"davit/store"

	"golang.org/x/crypto/chacha20poly1305"
)

// secretSize is the size of the installation's secret.
const secretSize = chacha20poly1305.KeySize

// secretFile is the name of the installation's secret in the data directory.
const secretFile = "secret.key"

// secretSetting is the fingerprint of the installation's secret in the database. It
// tells a lost or a wrong secret before keys are encrypted with two of them.
const secretSetting = "secret-fingerprint"

// settings is what LoadSecret needs of the store.
type settings interface {
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
	KeepSetting(ctx context.Context, name, value string) (kept string, err error)
	Keys(ctx context.Context) ([]store.Key, error)
}

// LoadSecret returns the installation's secret: env, the value of DAVIT_SECRET_KEY, if
// it is set, else the file secret.key in dataDir, which the first call makes. Whoever
// has the secret and the database can sign as anybody; a database without the secret
// has lost its API keys.
//
// A secret that is not the one of the first call is refused, and none is made in the
// place of a lost one. Only alone, with no other process at work on dataDir, and
// while there are no keys, does a new secret take the old one's place.
func LoadSecret(ctx context.Context, st settings, dataDir, env string, alone bool) ([]byte, error) {
	known, err := st.Setting(ctx, secretSetting)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keys, err := st.Keys(ctx)
	if err != nil {
		return nil, err
	}
	renew := alone && len(keys) == 0
	from, secret := "DAVIT_SECRET_KEY", []byte(nil)
	if env != "" {
		if secret, err = parseSecret(env); err != nil {
			return nil, fmt.Errorf("DAVIT_SECRET_KEY: %w", err)
		}
	} else {
		from = filepath.Join(dataDir, secretFile)
		if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
			if known != "" && !renew || len(keys) > 0 {
				return nil, secretError("DAVIT_SECRET_KEY is not set, and there is no "+from, dataDir)
			}
			if err := makeSecret(dataDir, from); err != nil {
				return nil, fmt.Errorf("make %s: %w", from, err)
			}
		}
		if secret, err = readSecret(from); err != nil {
			return nil, err
		}
	}
	mark := fingerprint(secret)
	switch {
	case known == mark:
		return secret, nil
	case renew:
		return secret, st.SetSetting(ctx, secretSetting, mark)
	case known == "" && !opensAny(secret, keys):
		return nil, secretError("API keys were made with another secret than "+from, dataDir)
	case known == "":
		if known, err = st.KeepSetting(ctx, secretSetting, mark); err != nil {
			return nil, err
		}
	}
	if known != mark {
		return nil, secretError("the installation has another secret than "+from, dataDir)
	}
	return secret, nil
}

// secretError says what is wrong, and the ways out.
func secretError(what, dataDir string) error {
	return fmt.Errorf("%s: API keys can be neither used nor made; set DAVIT_SECRET_KEY as it was, or restore %s from a backup; "+
		"if the secret is lost, remove all keys (davit key list, davit key rm) and start the server",
		what, filepath.Join(dataDir, secretFile))
}

// fingerprint tells secrets apart and tells nothing about them.
func fingerprint(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	io.WriteString(h, "davit secret fingerprint")
	return hex.EncodeToString(h.Sum(nil))
}

// opensAny says whether secret encrypted one of keys, or there are none.
func opensAny(secret []byte, keys []store.Key) bool {
	a := &Auth{secret: secret}
	return len(keys) == 0 || slices.ContainsFunc(keys, func(k store.Key) bool {
		_, err := a.unseal(k.AccessKey, k.Sealed)
		return err == nil
	})
}

// readSecret reads a file that only its owner may read.
func readSecret(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others can read it: chmod 600 it", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	secret, err := parseSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return secret, nil
}

// parseSecret reads the secret as hex or as base64, of either alphabet.
func parseSecret(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if b, err := hex.DecodeString(text); err == nil && len(b) == secretSize {
		return b, nil
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	if b, err := base64.RawStdEncoding.DecodeString(text); err == nil && len(b) == secretSize {
		return b, nil
	}
	return nil, fmt.Errorf("need hex or base64 of %d bytes", secretSize)
}

// makeSecret writes a random secret. The file appears whole or not at all, and of two
// processes that start together one wins.
func makeSecret(dir, name string) error {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	f, err := os.CreateTemp(dir, secretFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, hex.EncodeToString(secret))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// accessKeyPrefix begins every access key, and no ID of a token.
const accessKeyPrefix = "AKIA"

// NewKey makes an API key of a user. It returns the row, which the caller puts into the
// store, and the secret key, to be shown once: 40 characters.
func (a *Auth) NewKey(userID string) (store.Key, string, error) {
	random := make([]byte, 10+30)
	if _, err := io.ReadFull(a.rand, random); err != nil {
		return store.Key{}, "", fmt.Errorf("make key: %w", err)
	}
	key := store.Key{
		AccessKey: accessKeyPrefix + base32.StdEncoding.EncodeToString(random[:10]),
		UserID:    userID,
		Created:   a.now(),
	}
	secret := base64.RawURLEncoding.EncodeToString(random[10:])
	var err error
	key.Sealed, err = a.seal(key.AccessKey, secret)
	if err != nil {
		return store.Key{}, "", fmt.Errorf("make key: %w", err)
	}
	return key, secret, nil
}

// sealedV1 is the first byte of a sealed secret: XChaCha20-Poly1305, then the nonce and
// the box, with the access key as additional data so that rows can't be swapped.
const sealedV1 = 1

func (a *Auth) seal(accessKey, secret string) ([]byte, error) {
	aead, err := a.aead()
	if err != nil {
		return nil, err
	}
	box := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(secret)+aead.Overhead())
	box[0] = sealedV1
	if _, err := io.ReadFull(a.rand, box[1:]); err != nil {
		return nil, err
	}
	return aead.Seal(box, box[1:], []byte(secret), []byte(accessKey)), nil
}

func (a *Auth) unseal(accessKey string, box []byte) ([]byte, error) {
	aead, err := a.aead()
	if err != nil {
		return nil, err
	}
	if len(box) < 1+aead.NonceSize() || box[0] != sealedV1 {
		return nil, fmt.Errorf("key %s: unknown form of its secret", accessKey)
	}
	nonce, text := box[1:1+aead.NonceSize()], box[1+aead.NonceSize():]
	secret, err := aead.Open(nil, nonce, text, []byte(accessKey))
	if err != nil {
		return nil, fmt.Errorf("key %s: its secret was encrypted with another %s or DAVIT_SECRET_KEY", accessKey, secretFile)
	}
	return secret, nil
}

func (a *Auth) aead() (cipher.AEAD, error) {
	if len(a.secret) != secretSize {
		return nil, errors.New("no installation secret to encrypt keys with")
	}
	return chacha20poly1305.NewX(a.secret)
}
