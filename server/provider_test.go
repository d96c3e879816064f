package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"davit/store"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is an outside identity provider, on a real listener.
type issuer struct {
	t       *testing.T
	srv     *httptest.Server
	fetches atomic.Int64

	mu   sync.Mutex
	keys map[string]issuerKey
	body string // in place of the keys
	down bool
}

type issuerKey struct {
	private crypto.Signer
	method  jwt.SigningMethod
	jwk     map[string]string
}

const issuerName = "https://login.example.org/realms/x"

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, keys: map[string]issuerKey{}}
	i.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		if i.body != "" {
			w.Write([]byte(i.body))
			return
		}
		list := []map[string]string{}
		for kid, k := range i.keys {
			jwk := map[string]string{"kid": kid}
			for n, v := range k.jwk {
				jwk[n] = v
			}
			list = append(list, jwk)
		}
		json.NewEncoder(w).Encode(map[string]any{"keys": list})
	}))
	t.Cleanup(i.srv.Close)
	return i
}

// configure makes a server take the issuer's tokens.
func (i *issuer) configure(c *Config) {
	c.OIDC.JWKSURL, c.OIDC.Issuer, c.OIDC.Audience = i.srv.URL+"/keys", issuerName, []string{"davit-files"}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// key makes a key of a kind: EdDSA, ES256, ES384, RS256.
func (i *issuer) key(kid, kind string) {
	i.t.Helper()
	k := issuerKey{method: jwt.GetSigningMethod(kind)}
	switch kind {
	case "EdDSA":
		public, private, _ := ed25519.GenerateKey(rand.Reader)
		k.private, k.jwk = private, map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}
	case "ES256", "ES384":
		curve, name := elliptic.P256(), "P-256"
		if kind == "ES384" {
			curve, name = elliptic.P384(), "P-384"
		}
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			i.t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			i.t.Fatal(err)
		}
		n := (len(point) - 1) / 2
		k.private, k.jwk = private, map[string]string{"kty": "EC", "crv": name, "x": b64(point[1 : 1+n]), "y": b64(point[1+n:])}
	default:
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			i.t.Fatal(err)
		}
		k.private, k.jwk = private, map[string]string{"kty": "RSA", "use": "sig", "n": b64(private.N.Bytes()), "e": b64(big.NewInt(int64(private.E)).Bytes())}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[kid] = k
}

func (i *issuer) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// token signs claims that are good but for change.
func (i *issuer) token(kid string, change jwt.MapClaims) string {
	i.t.Helper()
	claims := jwt.MapClaims{"iss": issuerName, "sub": "ann", "aud": []string{"other", "davit-files"},
		"exp": then.Add(5 * time.Minute).Unix(), "iat": then.Unix()}
	for k, v := range change {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	i.mu.Lock()
	k := i.keys[kid]
	i.mu.Unlock()
	tok := jwt.NewWithClaims(k.method, claims)
	tok.Header["kid"] = kid
	text, err := tok.SignedString(k.private)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

func TestSEC4_OutsideProvider(t *testing.T) {
	i := newIssuer(t)
	for _, kind := range []string{"EdDSA", "ES256", "ES384", "RS256"} {
		i.key(kind, kind)
	}
	h := newHouse(t, i.configure)
	h.person("ann", true)
	for _, kind := range []string{"EdDSA", "ES256", "ES384", "RS256"} {
		wantDoors(t, kind, h.doors(i.token(kind, nil)), openDoors)
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches of the keys, want 1", n)
	}
	if a := h.bearer(i.token("EdDSA", nil), "GET", "/metrics", ""); a.status != 403 {
		t.Errorf("an administrator by the provider's word: %d", a.status)
	}
	soon := i.token("EdDSA", jwt.MapClaims{"jti": "soon"})
	ps256 := func() string {
		tok := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{"iss": issuerName, "sub": "ann", "aud": "davit-files", "exp": then.Add(time.Minute).Unix()})
		tok.Header["kid"] = "RS256"
		text, _ := tok.SignedString(i.keys["RS256"].private)
		return text
	}()
	wantDoors(t, "another algorithm of the same kind of key", h.doors(ps256), openDoors)

	ownPublic := h.with("GET", "/auth/jwks.json", "").json(t)["keys"].([]any)[0].(map[string]any)
	own := h.person("bob", false).signIn()
	rsaPublic := i.keys["RS256"].jwk["n"]
	parts := strings.Split(i.token("EdDSA", nil), ".")
	header := func(h map[string]any) string {
		b, _ := json.Marshal(h)
		return b64(b)
	}
	hs := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": issuerName, "sub": "ann", "aud": "davit-files", "exp": then.Add(time.Minute).Unix()})
	hs.Header["kid"] = "RS256"
	hsText, _ := hs.SignedString([]byte(rsaPublic))
	other, evil := newIssuer(t), newIssuer(t)
	evil.key("EdDSA", "EdDSA")
	other.key(ownPublic["kid"].(string), "EdDSA")
	for name, token := range map[string]string{
		"for another service":              i.token("EdDSA", jwt.MapClaims{"aud": "other"}),
		"for nobody":                       i.token("EdDSA", jwt.MapClaims{"aud": nil}),
		"for a list of others":             i.token("EdDSA", jwt.MapClaims{"aud": []string{"davit", "files"}}),
		"of another issuer":                i.token("EdDSA", jwt.MapClaims{"iss": issuerName + "/"}),
		"of no issuer":                     i.token("EdDSA", jwt.MapClaims{"iss": nil}),
		"without an end":                   i.token("EdDSA", jwt.MapClaims{"exp": nil}),
		"after its end":                    i.token("EdDSA", jwt.MapClaims{"exp": then.Add(-2 * time.Minute).Unix()}),
		"before its beginning":             i.token("EdDSA", jwt.MapClaims{"nbf": then.Add(2 * time.Minute).Unix()}),
		"without a user":                   i.token("EdDSA", jwt.MapClaims{"sub": nil}),
		"with a number for a user":         i.token("EdDSA", jwt.MapClaims{"sub": 7}),
		"of a user who is not known":       i.token("EdDSA", jwt.MapClaims{"sub": "eve"}),
		"with another's key":               evil.token("EdDSA", nil),
		"that says it is ours":             i.token("EdDSA", jwt.MapClaims{"iss": "davit", "publicSessionReference": own.refresh[2:18], "aud": "all:write"}),
		"ours, by a key of our kid":        other.token(ownPublic["kid"].(string), jwt.MapClaims{"iss": "davit", "sub": "bob"}),
		"ours, as if it were the issuer's": strings.Join(append(strings.Split(own.access, ".")[:1], parts[1], strings.Split(own.access, ".")[2]), "."),
		"alg none":                         header(map[string]any{"alg": "none", "kid": "EdDSA"}) + "." + parts[1] + ".",
		"HS256 with the public key":        hsText,
		"the key of another algorithm":     header(map[string]any{"alg": "ES256", "kid": "EdDSA"}) + "." + parts[1] + "." + parts[2],
		"an RSA algorithm with an EC key":  header(map[string]any{"alg": "RS256", "kid": "ES256"}) + "." + parts[1] + "." + parts[2],
		"a kid that leads elsewhere":       header(map[string]any{"alg": "EdDSA", "kid": "../keys/EdDSA"}) + "." + parts[1] + "." + parts[2],
		"a kid that is an address":         header(map[string]any{"alg": "EdDSA", "kid": evil.srv.URL + "/keys"}) + "." + parts[1] + "." + parts[2],
		"an address for its keys":          header(map[string]any{"alg": "EdDSA", "kid": "x", "jku": evil.srv.URL + "/keys"}) + "." + parts[1] + "." + parts[2],
		"no kid":                           header(map[string]any{"alg": "EdDSA"}) + "." + parts[1] + "." + parts[2],
		"critical parts":                   header(map[string]any{"alg": "EdDSA", "kid": "EdDSA", "crit": []string{"b64"}, "b64": true}) + "." + parts[1] + "." + parts[2],
		"a changed text":                   parts[0] + "." + parts[1][:len(parts[1])-4] + "AAAA." + parts[2],
		"the length of a novel":            i.token("EdDSA", jwt.MapClaims{"x": strings.Repeat("x", 20000)}),
	} {
		if got := h.doors(token); !slices.Equal(got, shutDoors) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if n := evil.fetches.Load(); n != 0 {
		t.Errorf("a token made the server ask another address, %d times", n)
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches of the keys: anybody can make the server ask", n)
	}
	groups := i.token("EdDSA", jwt.MapClaims{"groups": strings.Repeat("a group, ", 700)})
	wantDoors(t, "a token of 8 KiB", h.doors(groups), openDoors)

	// The cache does not outlive the token, beyond the leeway between clocks.
	h.clock.set(then.Add(6*time.Minute - time.Second))
	wantDoors(t, "within the leeway", h.doors(soon), openDoors)
	h.clock.set(then.Add(6 * time.Minute))
	wantDoors(t, "after its end", h.doors(soon), shutDoors)
	h.stop()
	if log := h.log.String(); !strings.Contains(log, "a token of the identity provider is refused") {
		t.Errorf("the log does not say why tokens are refused:\n%.2000s", log)
	}
}

func TestSEC4_OutsideProviderRotates(t *testing.T) {
	i := newIssuer(t)
	i.key("one", "EdDSA")
	h := newHouse(t, i.configure)
	h.person("ann", false)
	open := func(token string) int { return h.bearer(token, "GET", "/folders", "").status }
	step := func(d time.Duration) { h.clock.set(h.clock.now().Add(d)) }
	long := jwt.MapClaims{"exp": then.Add(48 * time.Hour).Unix()}

	if got := open(i.token("one", long)); got != 200 {
		t.Fatalf("the first key: %d", got)
	}
	i.key("two", "ES256")
	second := i.token("two", long)
	if got := open(second); got != 401 {
		t.Errorf("a new key at once: %d, want 401: the set was fetched just now", got)
	}
	step(31 * time.Second)
	if got := open(second); got != 200 {
		t.Errorf("a new key: %d", got)
	}
	// What the provider withdraws is not good for long.
	gone := i.token("one", jwt.MapClaims{"exp": then.Add(48 * time.Hour).Unix(), "jti": "gone"})
	if got := open(gone); got != 200 {
		t.Errorf("the old key while it is there: %d", got)
	}
	i.set(func() { delete(i.keys, "one") })
	step(21 * time.Minute)
	if got := open(gone); got != 401 {
		t.Errorf("a key that was withdrawn: %d", got)
	}

	// The provider is away: known keys go on for a day, unknown ones can't be judged.
	i.key("three", "EdDSA")
	third := i.token("three", long)
	i.set(func() { i.down = true })
	step(20 * time.Minute)
	if got := open(second); got != 200 {
		t.Errorf("a known key while the provider is away: %d", got)
	}
	a := h.bearer(third, "GET", "/folders", "")
	if a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("an unknown key while the provider is away: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	if a := h.with("PROPFIND", "/dav/", "", "Authorization", "Bearer "+third); a.status != 503 {
		t.Errorf("over WebDAV: %d", a.status)
	}
	before := i.fetches.Load()
	for range 5 {
		open(third)
	}
	if n := i.fetches.Load() - before; n > 1 {
		t.Errorf("%d fetches at once from a provider that is away", n)
	}
	i.set(func() { i.down = false })
	step(6 * time.Second)
	if got := open(third); got != 200 {
		t.Errorf("when the provider is back: %d", got)
	}
	i.set(func() { i.down = true })
	step(25 * time.Hour)
	if got := open(second); got != 503 {
		t.Errorf("a key that was seen a day ago: %d", got)
	}

	// Answers that are no keys, or too much.
	good := h.clock.now()
	for name, body := range map[string]string{
		"no JSON":    "<html>",
		"no keys":    `{}`,
		"long":       `{"keys":[{"kty":"` + strings.Repeat("x", 300<<10) + `"}]}`,
		"many":       `{"keys":[` + strings.Repeat(`{},`, 200) + `{}]}`,
		"not a list": `{"keys":{"one":1}}`,
	} {
		good = good.Add(time.Minute)
		h.clock.set(good)
		i.set(func() { i.down, i.body = false, body })
		if got := open(second); got != 503 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// Of a set with bad keys, the good one counts.
	one, _ := json.Marshal(i.keys["two"].jwk)
	bad := []string{
		`{"kty":"oct","kid":"two-oct","k":"AAAA"}`, `{"kty":"RSA","kid":"small","n":"AQAB","e":"AQAB"}`, `{"kty":"EC","kid":"off","crv":"P-256","x":"` + b64(make([]byte, 32)) + `","y":"` + b64(make([]byte, 32)) + `"}`,
		`{"kty":"OKP","crv":"X25519","kid":"x","x":"` + b64(make([]byte, 32)) + `"}`, `{"kty":"OKP","crv":"Ed25519","kid":"short","x":"AAAA"}`, `7`, `{"kid":"","kty":"OKP"}`,
		`{"kty":"OKP","crv":"Ed25519","kid":"enc","use":"enc","x":"` + b64(make([]byte, 32)) + `"}`,
	}
	h.clock.set(good.Add(time.Minute))
	i.set(func() {
		i.body = `{"keys":[` + strings.Join(bad, ",") + `,` + strings.Replace(string(one), "{", `{"kid":"two",`, 1) + `]}`
	})
	if got := open(second); got != 200 {
		t.Errorf("a good key among bad ones: %d", got)
	}
	h.stop()
	log := h.log.String()
	for _, want := range []string{"502 Bad Gateway", "no JWK set", "more than", "a key of the identity provider is not used"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestSEC4_OutsideUsers(t *testing.T) {
	i := newIssuer(t)
	i.key("k", "EdDSA")
	h := newHouse(t, i.configure, func(c *Config) {
		c.OIDC.CreateUsers, c.OIDC.AllowAdmins, c.OIDC.UserClaim = true, true, "preferred_username"
	})
	root := h.person("root", true)
	who := func(name any, more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"preferred_username": name}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	if a := h.bearer(i.token("k", who("root", nil)), "GET", "/metrics", ""); a.status != 200 {
		t.Errorf("an administrator, as allowed: %d", a.status)
	}
	wantDoors(t, "a new user", h.doors(i.token("k", who("zoe@example.org", jwt.MapClaims{"email": "zoe@example.org", "email_verified": true}))), openDoors)
	zoe, err := h.store.UserByName(t.Context(), "zoe@example.org")
	if err != nil || zoe.Admin || zoe.PasswordHash != "" || zoe.Email != "zoe@example.org" || zoe.Limits.MaxFolders != store.Default {
		t.Errorf("zoe: %+v, %v", zoe, err)
	}
	h.bearer(i.token("k", who("joe", jwt.MapClaims{"email": "root@example.org", "email_verified": false})), "GET", "/folders", "")
	if joe, err := h.store.UserByName(t.Context(), "joe"); err != nil || joe.Email != "" {
		t.Errorf("joe with an address that is not verified: %+v, %v", joe, err)
	}
	// Decomposed and composed are one.
	h.bearer(i.token("k", who("Zoe\u0308", nil)), "GET", "/folders", "")
	h.bearer(i.token("k", who("Zo\u00eb", nil)), "GET", "/folders", "")
	for _, name := range []any{"a:b", "a/b", "", "x\ny", strings.Repeat("x", 65), 7, []string{"root"}, map[string]any{"name": "root"}} {
		if a := h.bearer(i.token("k", who(name, nil)), "GET", "/folders", ""); a.status != 401 {
			t.Errorf("user %q: %d", name, a.status)
		}
	}
	all, err := h.store.Users(t.Context())
	if err != nil || len(all) != 4 {
		t.Errorf("users %v, %v", all, err)
	}
	// A password can't be set without one.
	a := h.bearer(i.token("k", who("joe", nil)), "POST", "/api/davit/password", `{"old":"","new":"x"}`)
	if a.status != 403 {
		t.Errorf("a password for who has none: %d %s", a.status, a.body)
	}
	_ = root
	var several sync.WaitGroup
	token := i.token("k", who("many", nil))
	for range 8 {
		several.Go(func() {
			r, _ := http.NewRequest("GET", h.url+"/folders", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			res, err := http.DefaultClient.Do(r)
			if err != nil || res.StatusCode != 200 {
				t.Errorf("at once: %v %v", res, err)
				return
			}
			res.Body.Close()
		})
	}
	several.Wait()
}
