package auth

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"davit/store"

	"golang.org/x/crypto/chacha20poly1305"
)

// secretSize is the size of the installation's secret.
const secretSize = chacha20poly1305.KeySize

// secretFile is the name of the installation's secret in the data directory.
const secretFile = "secret.key"

// LoadSecret returns the installation's secret: env, the value of DAVIT_SECRET_KEY, if
// it is set, else the file secret.key in dataDir, which the first call makes. Whoever
// has the secret and the database can sign as anybody; a database without the secret
// has lost its API keys.
func LoadSecret(dataDir, env string) ([]byte, error) {
	if env != "" {
		secret, err := parseSecret(env)
		if err != nil {
			return nil, fmt.Errorf("DAVIT_SECRET_KEY: %w", err)
		}
		return secret, nil
	}
	name := filepath.Join(dataDir, secretFile)
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(dataDir, name); err != nil {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
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

// NewKey makes an API key of a user. It returns the row, which the caller puts into the
// store, and the secret key, to be shown once: 40 characters.
func (a *Auth) NewKey(userID string) (store.Key, string, error) {
	random := make([]byte, 10+30)
	if _, err := io.ReadFull(a.rand, random); err != nil {
		return store.Key{}, "", fmt.Errorf("make key: %w", err)
	}
	key := store.Key{
		AccessKey: "AKIA" + base32.StdEncoding.EncodeToString(random[:10]),
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
