package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"davit/store"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a new password hash: what OWASP asks of argon2id at least.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// At most hashesAtOnce passwords are hashed at a time, for each takes argonMemory and
// a processor; hashesWaiting more may wait for their turn (D26).
const (
	hashesAtOnce  = 2
	hashesWaiting = 32
)

// maxPassword bounds what a password costs before it is hashed.
const maxPassword = 1024

// passwords makes and verifies password hashes, in PHC form.
type passwords struct {
	queue chan struct{} // everybody who waits or hashes
	slots chan struct{} // everybody who hashes
	dummy string        // a hash of no password, as dear as any
}

func newPasswords() *passwords {
	random := make([]byte, argonSalt+argonKey)
	rand.Read(random)
	return &passwords{
		queue: make(chan struct{}, hashesAtOnce+hashesWaiting),
		slots: make(chan struct{}, hashesAtOnce),
		dummy: phc{argonMemory, argonTime, argonThreads, random[:argonSalt], random[argonSalt:]}.String(),
	}
}

// HashPassword returns the hash of a password for store.User.PasswordHash. Errors:
// fs.ErrInvalid with a reason for one that is empty or too long, *RetryError with
// store.ErrBusy.
func (a *Auth) HashPassword(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", fmt.Errorf("%w: the password is empty", fs.ErrInvalid)
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("%w: the password has more than %d bytes", fs.ErrInvalid, maxPassword)
	}
	h := phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, argonSalt)}
	if _, err := io.ReadFull(a.rand, h.salt); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	var err error
	h.key, err = a.passwords.hash(ctx, h, argonKey, password)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// verify says whether password has the hash. An empty hash, of an unknown user or of
// one without a password, is never right and takes as long as any other.
func (p *passwords) verify(ctx context.Context, hash, password string) (bool, error) {
	possible := hash != "" && len(password) <= maxPassword
	if !possible {
		hash, password = p.dummy, ""
	}
	h, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	key, err := p.hash(ctx, h, len(h.key), password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && possible, nil
}

// hash waits for its turn and hashes. The password is taken in NFC: keyboards differ
// in how they send the same letters (RFC 8265, section 4.2).
func (p *passwords) hash(ctx context.Context, h phc, size int, password string) ([]byte, error) {
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return nil, &RetryError{Err: store.ErrBusy, After: time.Second}
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), h.salt, h.time, h.memory, h.threads, uint32(size)), nil
}

// phc is an argon2id hash with its parameters, written as in the PHC string format.
type phc struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

var errPHC = errors.New("not an argon2id hash that this version can verify")

// parsePHC reads a stored hash. Costs that would stop the server are refused.
func parsePHC(text string) (phc, error) {
	var h phc
	var version int
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return phc{}, errPHC
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return phc{}, errPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return phc{}, errPHC
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case err1 != nil, err2 != nil,
		h.time < 1, h.time > 64, h.threads < 1, h.memory > 1<<20,
		len(h.salt) < 8, len(h.key) < 16, len(h.key) > 128:
		return phc{}, errPHC
	}
	return h, nil
}
