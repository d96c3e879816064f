package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/unicode/norm"
)

// FuzzBasic compares with net/http's own reader of the same header.
func FuzzBasic(f *testing.F) {
	for _, s := range []string{"ann:secret", "a:b:c", ":", "", "ann", "Zo\u0308e:x", "\xff:x", "a\nb:c"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(s)))
	}
	f.Add("!")
	f.Fuzz(func(t *testing.T, text string) {
		user, password, ok := parseBasic(text)
		r := http.Request{Header: http.Header{"Authorization": {"Basic " + text}}}
		wantUser, wantPassword, wantOK := r.BasicAuth()
		if ok && (!wantOK || user != norm.NFC.String(wantUser) || password != wantPassword) {
			t.Errorf("%q: %q, %q; want %q, %q, %v", text, user, password, wantUser, wantPassword, wantOK)
		}
	})
}

// FuzzAuthorization sends any header to both doors of an empty server: nobody gets in.
func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"Basic YW5uOnNlY3JldA==", "Bearer x", "Bearer ", "bearer ucaaaaaaaaaaaaaaaa-x",
		"BackendAI signMethod=HMAC-SHA256, credential=A:00", "Sorna ,=,credential=::", " ", "x"} {
		f.Add(s)
	}
	a := New(&empty{}, Options{Now: func() time.Time { return noon }, AllowPlainBasic: true, Secret: make([]byte, secretSize)})
	a.passwords.dummy = phc{8, 1, 1, make([]byte, 8), make([]byte, 16)}.String() // cheap
	f.Fuzz(func(t *testing.T, header string) {
		a.guard = newGuard(a.now, slog.New(slog.DiscardHandler)) // nobody waits
		r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
		r.Header["Authorization"] = []string{header}
		r.Header.Set("Date", noon.Format(http.TimeFormat))
		r.Header.Set("X-BackendAI-Version", "v2")
		if p, err := a.Authenticate(r); err == nil {
			t.Errorf("Authenticate lets %q in as %+v", header, p)
		}
		if p, err := a.AuthenticateDAV(r); err == nil {
			t.Errorf("AuthenticateDAV lets %q in as %+v", header, p)
		}
		if s, err := parseSignature(header); err == nil && (s.accessKey == "" || s.newHash == nil) {
			t.Errorf("%q parses as %+v", header, s)
		}
	})
}

// FuzzDate: what is a date stays the same date in any form.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"Mon, 20 Mar 2017 09:30:00 GMT", "Monday, 20-Mar-17 09:30:00 GMT", "Mon Mar 20 09:30:00 2017",
		"2017-03-20T09:30:00.123456+00:00", "20170320T093000Z", "20160930T01:23:45Z", "2017-03-21T00:30:00+09", "1490002200"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := parseDate(text)
		if !ok {
			return
		}
		if strings.Trim(text, "0123456789.") == "" {
			t.Errorf("the number %q is a date", text)
		}
		if y := d.Year(); y < 0 || y > 9999 {
			t.Fatalf("%q is in the year %d", text, y)
		}
		again, ok := parseDate(d.Format("2006-01-02T15:04:05.999999999Z07:00"))
		if _, offset := d.Zone(); offset%60 == 0 && (!ok || !again.Equal(d)) {
			t.Errorf("%q is %v, and again %v, %v", text, d, again, ok)
		}
	})
}

// empty is a store with nothing in it.
type empty struct{ records }

func (empty) Epoch() uint64 { return 1 }

func (empty) Changed(uint64, func(store.Touch) bool) (uint64, bool) { return 1, true }

func (empty) UserByName(context.Context, string) (store.User, error) {
	return store.User{}, fs.ErrNotExist
}

func (empty) Key(context.Context, string) (store.Key, error) {
	return store.Key{}, fs.ErrNotExist
}

func (empty) Token(context.Context, string) (store.Token, error) {
	return store.Token{}, fs.ErrNotExist
}

func (empty) User(context.Context, string) (store.User, error) {
	return store.User{}, fs.ErrNotExist
}

// FuzzBearer sends any token to a server with signing keys and an outside provider that has
// keys: nobody gets in but with the one token that is good.
func FuzzBearer(f *testing.F) {
	st, err := store.Open(f.Context(), store.Options{Path: f.TempDir() + "/davit.db"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { st.Close() })
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	a := New(st, Options{Now: func() time.Time { return noon }, AllowPlainBasic: true, Secret: make([]byte, secretSize),
		Provider: &Provider{Issuer: "https://outside.example", KeysURL: "http://127.0.0.1:1/", Audiences: []string{"davit"}}})
	a.provider.keys = map[string]outsideKey{"k": {public, []string{EdDSA}}}
	a.provider.fetched, a.provider.tried = noon, noon
	user, err := st.CreateUser(f.Context(), store.User{Name: "ann"})
	if err != nil {
		f.Fatal(err)
	}
	session, refresh, err := a.NewToken(store.Token{UserID: user.ID, Kind: store.TokenSession, Expires: noon.Add(time.Hour)})
	if err == nil {
		session, err = st.CreateToken(f.Context(), session)
	}
	if err != nil {
		f.Fatal(err)
	}
	own, _, err := a.accessToken(f.Context(), user, session)
	if err != nil {
		f.Fatal(err)
	}
	sign := func(claims jwt.MapClaims) string {
		t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
		t.Header["kid"] = "k"
		text, err := t.SignedString(private)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	outside := sign(jwt.MapClaims{"iss": "https://outside.example", "sub": "ann", "aud": "davit", "exp": noon.Add(time.Hour).Unix()})
	good := map[string]bool{own: true, outside: true}
	for _, s := range []string{own, outside, refresh, sign(jwt.MapClaims{"iss": "davit", "sub": "ann"}), "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.",
		own[:len(own)-1], own + ".", "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL291dHNpZGUuZXhhbXBsZSJ9.AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{"Bearer " + token}
		for name, authenticate := range map[string]func(*http.Request) (store.Principal, error){"Authenticate": a.Authenticate, "AuthenticateDAV": a.AuthenticateDAV} {
			p, err := authenticate(r)
			if (err == nil) != good[strings.Trim(token, " ")] {
				t.Errorf("%s of %q: %+v, %v", name, token, p, err)
			}
		}
	})
}

// FuzzKeySet: of a set of keys only what verifies signatures is taken.
func FuzzKeySet(f *testing.F) {
	for _, s := range []string{`{"keys":[]}`, `{}`, `[]`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","kid":"e","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, _, err := parseKeySet(text)
		if err != nil && len(keys) > 0 || len(keys) > maxKeys {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for kid, k := range keys {
			if kid == "" || k.public == nil || len(k.algorithms) == 0 {
				t.Errorf("%q: %+v", kid, k)
			}
			for _, alg := range k.algorithms {
				if alg == "none" || strings.HasPrefix(alg, "HS") {
					t.Errorf("%q may be used with %s", kid, alg)
				}
			}
		}
	})
}

// FuzzScopes: what is read is written as it was, and allows nothing that it does not say.
func FuzzScopes(f *testing.F) {
	for _, s := range []string{"files:read", "files.collections:write all:read", "", "a", ":read", "a..b:read", "all.x:write", "files:read\nall:write"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := store.ParseScopes(text)
		if err != nil {
			return
		}
		again, err := store.ParseScopes(scopes.String())
		if err != nil || !slices.Equal(scopes, again) {
			t.Errorf("%q is %v, and again %v, %v", text, scopes, again, err)
		}
		if scopes != nil && scopes.Contain(nil) && !strings.Contains(text, "all:write") {
			t.Errorf("%q is everything", text)
		}
		if scopes != nil && scopes.Allow("davit.tokens", true) && !strings.Contains(text, "all:write") && !strings.Contains(text, "davit") {
			t.Errorf("%q allows davit.tokens", text)
		}
	})
}
