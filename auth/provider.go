package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"davit/store"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

// Provider is an outside identity provider, whose tokens are taken as Bearer.
type Provider struct {
	Issuer    string   // iss of its tokens, exactly
	KeysURL   string   // of its JWK set: https, or http on this machine
	Audiences []string // aud of tokens that are for this server: one of these
	UserClaim string   // whose value is the user's name here; "" is sub

	CreateUsers    bool // who is not known here becomes a user
	Administrators bool // its tokens may administer, if the user here is an administrator
}

// Bounds of what a provider is asked for and believed.
const (
	fetchTime     = 5 * time.Second
	maxKeySet     = 256 << 10
	maxKeys       = 100
	keysFresh     = 15 * time.Minute // then the set is fetched again
	keysGood      = 24 * time.Hour   // so long it counts while the provider can't be reached
	fetchPause    = 30 * time.Second // between fetches for unknown keys
	retryPause    = 5 * time.Second  // after a fetch that failed
	outsideLeeway = time.Minute      // between two clocks
	complainPause = time.Minute
	minRSA        = 2048
	maxRSA        = 8192
)

// CheckProviderURL refuses a URL of keys that others could answer for.
func CheckProviderURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not a URL", text)
	}
	return trusted(u)
}

// trusted refuses a URL that is neither https nor on this machine.
func trusted(u *url.URL) error {
	if u.Scheme == "https" {
		return nil
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if u.Scheme == "http" && (host == "localhost" || err == nil && addr.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s must be https: whoever is on the way could make up keys", u.Redacted())
}

// provider verifies the tokens of a Provider. Safe for concurrent use.
type provider struct {
	o      Provider
	now    func() time.Time
	log    *slog.Logger
	client *http.Client
	flight singleflight.Group

	mu         sync.Mutex
	keys       map[string]outsideKey // by kid
	fetched    time.Time             // when keys were
	tried      time.Time             // last fetch, good or not
	failed     error                 // of the last fetch
	complained time.Time
}

// outsideKey is a public key with the algorithms that it is for (RFC 8725, section 3.1).
type outsideKey struct {
	public     crypto.PublicKey
	algorithms []string
}

func newProvider(o *Provider, now func() time.Time, log *slog.Logger) *provider {
	if o == nil {
		return nil
	}
	p := &provider{o: *o, now: now, log: log}
	if p.o.UserClaim == "" {
		p.o.UserClaim = "sub"
	}
	p.client = &http.Client{
		Timeout: fetchTime,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: fetchTime}).DialContext,
			TLSHandshakeTimeout:    fetchTime,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           1,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("too many redirects")
			}
			return trusted(r.URL)
		},
	}
	return p
}

// outsideMethods are the algorithms that any key of a provider may have: none with a
// shared secret, and not "none".
var outsideMethods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// verify verifies a token: store.ErrUnauthenticated for one that is not good, *RetryError
// with store.ErrBusy if its key can't be asked for.
func (p *provider) verify(ctx context.Context, text string) (*person, error) {
	claims := jwt.MapClaims{}
	var busy error
	_, err := jwt.NewParser(
		jwt.WithValidMethods(outsideMethods), jwt.WithExpirationRequired(), jwt.WithIssuer(p.o.Issuer), jwt.WithAudience(p.o.Audiences...),
		jwt.WithLeeway(outsideLeeway), jwt.WithTimeFunc(p.now), jwt.WithStrictDecoding(),
	).ParseWithClaims(text, claims, func(t *jwt.Token) (any, error) {
		kid, err := plainHeader(t)
		if err != nil {
			return nil, err
		}
		key, err := p.key(ctx, kid)
		if err != nil {
			if errors.Is(err, store.ErrBusy) {
				busy = err
			}
			return nil, err
		}
		if !slices.Contains(key.algorithms, t.Method.Alg()) {
			return nil, fmt.Errorf("%s is no algorithm of the key", t.Method.Alg())
		}
		return key.public, nil
	})
	if busy != nil {
		return nil, busy
	}
	if err != nil {
		p.complain("a token of the identity provider is refused", "reason", err)
		return nil, store.ErrUnauthenticated
	}
	end, err := claims.GetExpirationTime()
	name, ok := claims[p.o.UserClaim].(string)
	if err != nil || end == nil || !ok || name == "" {
		p.complain("a token of the identity provider does not name its user", "claim", p.o.UserClaim)
		return nil, store.ErrUnauthenticated
	}
	who := &person{name: name, expires: end.Add(outsideLeeway)}
	if verified, ok := claims["email_verified"].(bool); !ok || verified {
		who.email, _ = claims["email"].(string)
	}
	return who, nil
}

// complain logs why tokens are refused, not more often than once a minute: clients repeat themselves.
func (p *provider) complain(message string, args ...any) {
	now := p.now()
	p.mu.Lock()
	quiet := now.Sub(p.complained) < complainPause && !p.complained.IsZero()
	if !quiet {
		p.complained = now
	}
	p.mu.Unlock()
	if !quiet {
		p.log.Warn(message, append([]any{"issuer", p.o.Issuer}, args...)...)
	}
}

var errUnknownKey = errors.New("the provider has no key with this kid")

// key returns the provider's key with an ID. A set that has become old, or does not have
// the key, is fetched again, but not too often: anybody can make up IDs.
func (p *provider) key(ctx context.Context, kid string) (outsideKey, error) {
	find := func() (key outsideKey, known, due bool, failed error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		now := p.now()
		age := now.Sub(p.fetched)
		if p.keys != nil && age < keysGood {
			key, known = p.keys[kid]
		}
		pause := fetchPause
		if p.failed != nil {
			pause = retryPause
		}
		stale := p.keys == nil || !known || age >= keysFresh
		return key, known, stale && (p.tried.IsZero() || now.Sub(p.tried) >= pause), p.failed
	}
	key, known, due, failed := find()
	if due {
		p.flight.Do("", func() (any, error) {
			if _, _, due, _ := find(); due {
				p.fetch(ctx)
			}
			return nil, nil
		})
		key, known, _, failed = find()
	}
	switch {
	case known:
		return key, nil
	case failed != nil:
		return key, &RetryError{Err: fmt.Errorf("%w: the keys of the identity provider can't be fetched", store.ErrBusy), After: retryPause}
	}
	return key, errUnknownKey
}

// fetch asks for the keys.
func (p *provider) fetch(ctx context.Context) {
	keys, skipped, err := p.download(ctx)
	p.mu.Lock()
	p.tried = p.now()
	p.failed = err
	if err == nil {
		p.keys, p.fetched = keys, p.tried
	}
	p.mu.Unlock()
	switch {
	case err != nil:
		p.log.Error("the keys of the identity provider can't be fetched", "url", p.o.KeysURL, "error", err)
	case skipped != nil:
		p.log.Warn("a key of the identity provider is not used", "url", p.o.KeysURL, "error", skipped)
	}
}

func (p *provider) download(ctx context.Context) (keys map[string]outsideKey, skipped, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime) // others wait for it too
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.o.KeysURL, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := trusted(r.URL); err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := p.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxKeySet {
		return nil, nil, fmt.Errorf("the answer has more than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}

// parseKeySet reads a JWK set (RFC 7517, section 5). Keys that can't be used here are
// passed over; skipped says why the last of them was.
func parseKeySet(text []byte) (keys map[string]outsideKey, skipped, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, nil, fmt.Errorf("the answer is no JWK set: %w", err)
	}
	if set.Keys == nil {
		return nil, nil, errors.New("the answer is no JWK set: it has no keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, nil, fmt.Errorf("the answer has more than %d keys", maxKeys)
	}
	keys = make(map[string]outsideKey, len(set.Keys))
	twice := map[string]bool{}
	for _, raw := range set.Keys {
		kid, key, err := parseKey(raw)
		if err != nil {
			skipped = fmt.Errorf("key %.80q: %w", kid, err)
			continue
		}
		if _, ok := keys[kid]; ok {
			twice[kid] = true // which one is meant, nobody knows
		}
		keys[kid] = key
	}
	for kid := range twice {
		delete(keys, kid)
		skipped = fmt.Errorf("key %.80q: there are two of this name", kid)
	}
	return keys, skipped, nil
}

// parseKey reads a JWK that signs (RFC 7517, RFC 7518 section 6, RFC 8037).
func parseKey(raw []byte) (kid string, key outsideKey, err error) {
	var j struct {
		Type       string   `json:"kty"`
		ID         string   `json:"kid"`
		Use        string   `json:"use"`
		Operations []string `json:"key_ops"`
		Algorithm  string   `json:"alg"`
		Curve      string   `json:"crv"`
		X          string   `json:"x"`
		Y          string   `json:"y"`
		N          string   `json:"n"`
		E          string   `json:"e"`
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return "", key, err
	}
	switch {
	case j.ID == "" || len(j.ID) > maxKid:
		return j.ID, key, errors.New("it has no kid, or a long one")
	case j.Use != "" && j.Use != "sig", j.Operations != nil && !slices.Contains(j.Operations, "verify"):
		return j.ID, key, errors.New("it is not for signatures")
	}
	number := func(name, text string) []byte {
		b, e := base64.RawURLEncoding.Strict().DecodeString(text)
		if e != nil || len(b) == 0 || len(b) > maxRSA/8 {
			err = fmt.Errorf("%s is not a number in base64url", name)
		}
		return b
	}
	switch j.Type {
	case "RSA":
		n, e := number("n", j.N), number("e", j.E)
		if err != nil {
			return j.ID, key, err
		}
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
		exponent := new(big.Int).SetBytes(e)
		if bits := public.N.BitLen(); bits < minRSA || public.N.Bit(0) == 0 {
			return j.ID, key, fmt.Errorf("an RSA key of %d bits", bits)
		}
		if exponent.BitLen() > 31 || exponent.Bit(0) == 0 || exponent.Int64() < 3 {
			return j.ID, key, errors.New("an RSA key with a strange exponent")
		}
		public.E = int(exponent.Int64())
		key = outsideKey{public, []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}}
	case "EC":
		curves := map[string]struct {
			curve     elliptic.Curve
			algorithm string
		}{"P-256": {elliptic.P256(), "ES256"}, "P-384": {elliptic.P384(), "ES384"}, "P-521": {elliptic.P521(), "ES512"}}
		c, ok := curves[j.Curve]
		if !ok {
			return j.ID, key, fmt.Errorf("the curve %q is not known here", j.Curve)
		}
		x, y := number("x", j.X), number("y", j.Y)
		if err != nil {
			return j.ID, key, err
		}
		size := (c.curve.Params().BitSize + 7) / 8
		if len(x) != size || len(y) != size {
			return j.ID, key, errors.New("a point of the wrong size")
		}
		public, err := ecdsa.ParseUncompressedPublicKey(c.curve, slices.Concat([]byte{4}, x, y))
		if err != nil {
			return j.ID, key, err // not on the curve
		}
		key = outsideKey{public, []string{c.algorithm}}
	case "OKP":
		if j.Curve != "Ed25519" {
			return j.ID, key, fmt.Errorf("the curve %q is not known here", j.Curve)
		}
		x := number("x", j.X)
		if err != nil {
			return j.ID, key, err
		}
		if len(x) != ed25519.PublicKeySize {
			return j.ID, key, errors.New("a point of the wrong size")
		}
		key = outsideKey{ed25519.PublicKey(x), []string{"EdDSA"}}
	default:
		return j.ID, key, fmt.Errorf("keys of type %q are not known here", j.Type)
	}
	if j.Algorithm != "" {
		if !slices.Contains(key.algorithms, j.Algorithm) {
			return j.ID, key, fmt.Errorf("its algorithm %q does not go with it", j.Algorithm)
		}
		key.algorithms = []string{j.Algorithm}
	}
	return j.ID, key, nil
}

// maxEmail bounds what is taken over from a provider.
const maxEmail = 254

// outsider returns the user here whom the provider speaks of, and makes one if that is wanted.
func (a *Auth) outsider(ctx context.Context, who *person) (store.User, error) {
	user, err := a.records.UserByName(ctx, who.name)
	if errors.Is(err, fs.ErrNotExist) && a.provider.o.CreateUsers {
		user = store.User{Name: who.name, Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}}
		if len(who.email) <= maxEmail {
			user.Email = who.email
		}
		made, failed := a.records.CreateUser(store.WithActor(ctx, store.Actor{Door: "auth"}), user)
		switch {
		case failed == nil:
			a.log.Info("a user of the identity provider is new here", "user", made.Name, "issuer", a.provider.o.Issuer)
			return made, nil
		case errors.Is(failed, fs.ErrExist): // somebody was faster
			user, err = a.records.UserByName(ctx, who.name)
		case errors.Is(failed, fs.ErrInvalid):
			a.provider.complain("a user of the identity provider has a name that is none here", "error", failed)
			return user, store.ErrUnauthenticated
		default:
			return user, fmt.Errorf("make user: %w", failed)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		a.provider.complain("a user of the identity provider is not known here", "user", who.name)
		return user, store.ErrUnauthenticated
	}
	if err != nil {
		return user, fmt.Errorf("authenticate: %w", err)
	}
	return user, nil
}
