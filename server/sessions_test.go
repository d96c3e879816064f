package server

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/auth"
	"davit/store"

	"github.com/golang-jwt/jwt/v5"
)

// person is a user with a password, and what signing in gave.
type person struct {
	*house
	user                          store.User
	password                      string
	refresh, csrf, access, cookie string
}

func (h *house) person(name string, admin bool) *person {
	h.t.Helper()
	p := &person{house: h, password: "the password of " + name}
	hash, err := h.auth.HashPassword(h.t.Context(), p.password)
	if err == nil {
		p.user, err = h.store.CreateUser(h.t.Context(), store.User{
			Name: name, Admin: admin, Email: name + "@example.org", PasswordHash: hash,
			Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default},
		})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// with sends a request with headers: names and values in turn.
func (h *house) with(method, target, body string, header ...string) answer {
	h.t.Helper()
	r := h.request(method, target, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return h.do(r)
}

// signIn signs p in as a program.
func (p *person) signIn() *person {
	p.t.Helper()
	got := *p
	body, _ := json.Marshal(map[string]string{"username": p.user.Name, "password": p.password, "service": "x"})
	a := p.with("POST", "/auth/loginServer", string(body), "User-Agent", "test/1")
	if a.status != 200 {
		p.t.Fatalf("loginServer: %d %s", a.status, a.body)
	}
	in := a.json(p.t)
	got.refresh, got.csrf, got.access = in["refreshToken"].(string), in["csrfToken"].(string), in["accessToken"].(string)
	return &got
}

// as sends a request with a Bearer token.
func (h *house) bearer(token, method, target, body string) answer {
	h.t.Helper()
	return h.with(method, target, body, "Authorization", "Bearer "+token)
}

// doors asks every door whether it takes a Bearer token.
func (h *house) doors(token string) []int {
	h.t.Helper()
	return []int{
		h.with("PROPFIND", "/dav/", "", "Authorization", "Bearer "+token, "Depth", "0").status,
		h.bearer(token, "GET", "/folders", "").status,
		h.bearer(token, "GET", "/v2/folder/00000000000000000000000000000000", "").status,
		h.bearer(token, "GET", "/api/files/collections/browse", "").status,
		h.bearer(token, "GET", "/api/tokens/browse", "").status,
		h.bearer(token, "GET", "/api/davit/uploads", "").status,
		h.bearer(token, "GET", "/auth/sessions", "").status,
	}
}

var (
	openDoors = []int{207, 200, 404, 200, 200, 200, 200}
	shutDoors = []int{401, 401, 401, 401, 401, 401, 401}
)

func wantDoors(t *testing.T, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var claims map[string]any
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestD34_SessionOfAProgram(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false).signIn()
	wantDoors(t, "access token", h.doors(ann.access), openDoors)
	wantDoors(t, "refresh token", h.doors(ann.refresh), shutDoors)
	r := h.request("PROPFIND", "/dav/", "")
	r.SetBasicAuth("ann", ann.refresh)
	if a := h.do(r); a.status != 401 {
		t.Errorf("the refresh token as a password: %d", a.status)
	}
	r.SetBasicAuth("ann", ann.access)
	if a := h.do(r); a.status != 401 {
		t.Errorf("the access token as a password: %d", a.status)
	}

	claims := claimsOf(t, ann.access)
	for name, want := range map[string]any{"sub": "ann", "iss": "davit", "role": "USER", "principalType": "password", "email": "ann@example.org",
		"iat": float64(then.Unix()), "exp": float64(then.Unix() + 600)} {
		if claims[name] != want {
			t.Errorf("claim %s: %v, want %v", name, claims[name], want)
		}
	}
	if aud, _ := claims["aud"].([]any); len(aud) != 1 || aud[0] != "all:write" {
		t.Errorf("aud: %v", claims["aud"])
	}
	if chain, ok := claims["extendedByChain"].([]any); !ok || len(chain) != 0 {
		t.Errorf("extendedByChain: %v, want []", claims["extendedByChain"])
	}
	if len(ann.refresh) > 64 || !strings.HasPrefix(ann.refresh, "uc"+claims["publicSessionReference"].(string)+"-") {
		t.Errorf("refresh token %q, publicSessionReference %v", ann.refresh, claims["publicSessionReference"])
	}

	h.clock.set(then.Add(10 * time.Minute))
	wantDoors(t, "after ten minutes", h.doors(ann.access), shutDoors)
	a := h.bearer(ann.refresh, "POST", "/auth/refresh", "")
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("refresh: %d %s", a.status, a.body)
	}
	fresh := a.json(t)["accessToken"].(string)
	wantDoors(t, "the new one", h.doors(fresh), openDoors)
	for _, bad := range []string{fresh, "", "x", ann.refresh + "x", "uc" + strings.Repeat("a", 16) + "-x"} {
		if a := h.bearer(bad, "POST", "/auth/refresh", ""); a.status != 401 || a.json(t)["why"] == nil {
			t.Errorf("refresh with %q: %d %s", bad, a.status, a.body)
		}
	}
	if err := h.auth.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var row map[string]any
	list := h.bearer(fresh, "GET", "/auth/sessions", "").json(t)["items"].([]any)
	if row, _ = list[0].(map[string]any); len(list) != 1 || row["current"] != true || row["ipAddress"] != "127.0.0.1" || row["lastUsedAt"] == nil {
		t.Errorf("sessions: %v", list)
	}

	for range 2 { // clients repeat themselves
		if a := h.bearer(ann.refresh, "POST", "/auth/logout", ""); a.status != 200 || a.body != "{}\n" {
			t.Errorf("logout: %d %q", a.status, a.body)
		}
		wantDoors(t, "after logout", h.doors(fresh), shutDoors)
	}
	if a := h.bearer(ann.refresh, "POST", "/auth/refresh", ""); a.status != 401 {
		t.Errorf("refresh after logout: %d", a.status)
	}
}

// Wrong credentials, forms of all kinds, fields that are missing.
func TestD34_SignInForms(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false)
	form := url.Values{"username": {"ann"}, "password": {ann.password}, "service": {"web"}}.Encode()
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	w.WriteField("username", "ann")
	w.WriteField("password", ann.password)
	w.Close()
	for _, c := range []struct {
		name, target, body, kind string
		status                   int
		why                      string
	}{
		{"form", "/auth/login", form, "application/x-www-form-urlencoded", 200, ""},
		{"form of a page's script", "/auth/login", parts.String(), w.FormDataContentType(), 200, ""},
		{"form without its type", "/auth/login", form, "", 200, ""},
		{"form with the documents' odd type", "/auth/login", form, "content-type: application/json; charset=utf-8", 200, ""},
		{"JSON", "/auth/login", `{"username":"ann","password":"` + ann.password + `"}`, "application/json", 200, ""},
		{"wrong password", "/auth/login", "username=ann&password=x", "", 401, "wrong"},
		{"unknown user", "/auth/login", "username=eve&password=x", "", 401, "wrong"},
		{"no password", "/auth/login", "username=ann", "", 400, "password"},
		{"no user", "/auth/login", "password=x", "", 400, "username"},
		{"two users", "/auth/login", form + "&username=bob", "", 400, "username"},
		{"no form", "/auth/login", "username=%zz", "", 400, "body"},
		{"broken parts", "/auth/login", "x", w.FormDataContentType(), 400, "body"},
		{"too long", "/auth/login", "username=" + strings.Repeat("x", 17<<10), "", 413, ""},
		{"server: wrong password", "/auth/loginServer", `{"username":"ann","password":"x"}`, "", 401, "wrong"},
		{"server: no password", "/auth/loginServer", `{"username":"ann"}`, "", 400, "password"},
		{"server: a number", "/auth/loginServer", `{"username":1,"password":"x"}`, "", 400, "username"},
		{"server: no JSON", "/auth/loginServer", `username=ann`, "", 400, "body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.with("POST", c.target, c.body, "Content-Type", c.kind, "Accept", "application/json")
			if a.status != c.status {
				t.Fatalf("%d %s, want %d", a.status, a.body, c.status)
			}
			if why, _ := a.json(t)["why"].(string); c.status != 200 && !strings.Contains(why, c.why) {
				t.Errorf("why %q, want %q in it", why, c.why)
			}
			if challenge := strings.Join(a.header.Values("WWW-Authenticate"), ", "); strings.Contains(challenge, "Basic") {
				t.Errorf("a browser would ask for a password: %s", challenge)
			}
		})
	}
	if a := h.with("POST", "/auth/login", form, "Accept", "text/html,*/*"); a.status != 303 || a.header.Get("Location") != "/" || len(a.header.Values("Set-Cookie")) != 2 {
		t.Errorf("a browser's form: %d to %q, cookies %q", a.status, a.header.Get("Location"), a.header.Values("Set-Cookie"))
	}
	if a := h.with("POST", "/auth/login", form, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); a.status != 403 || len(a.header.Values("Set-Cookie")) != 0 {
		t.Errorf("from another site's page: %d", a.status)
	}
}

func TestD34_SessionOfAPage(t *testing.T) {
	cert, key, pool := certificate(t)
	local := Network{netip.MustParsePrefix("127.0.0.1/32")}
	for _, c := range []struct {
		name   string
		change func(*Config)
		header []string
		secure bool
	}{
		{"TLS", func(c *Config) { c.TLSCert, c.TLSKey = cert, key }, nil, true},
		{"a proxy says https", func(c *Config) { c.TrustedProxy = []Network{local} }, []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, true},
		{"loopback", func(*Config) {}, nil, false},
		{"a stranger says https", func(*Config) {}, []string{"X-Forwarded-Proto", "https"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.change)
			ann := h.person("ann", false)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
			defer transport.CloseIdleConnections()
			send := func(method, target, body string, header ...string) *http.Response {
				r := h.request(method, target, body)
				header = append(header, c.header...)
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				res, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { res.Body.Close() })
				return res
			}
			decode := func(res *http.Response) map[string]string {
				t.Helper()
				var v map[string]any
				if err := json.NewDecoder(res.Body).Decode(&v); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				text := map[string]string{}
				for k, x := range v {
					text[k], _ = x.(string)
				}
				return text
			}
			res := send("POST", "/auth/login", url.Values{"username": {"ann"}, "password": {ann.password}, "service": {"web"}}.Encode(), "Accept", "application/json")
			in := decode(res)
			if res.StatusCode != 200 || in["accessToken"] == "" || in["refreshToken"] != "" {
				t.Fatalf("login: %d %v", res.StatusCode, in)
			}
			var refresh, csrf *http.Cookie
			for _, k := range res.Cookies() {
				switch k.Name {
				case "refreshToken":
					refresh = k
				case "csrfToken":
					csrf = k
				}
			}
			if refresh == nil || !refresh.HttpOnly || refresh.Secure != c.secure || refresh.SameSite != http.SameSiteStrictMode || refresh.Path != "/auth" || refresh.MaxAge != 30*24*3600 {
				t.Errorf("cookie %v", refresh)
			}
			if csrf == nil || csrf.HttpOnly || csrf.Secure != c.secure || csrf.SameSite != http.SameSiteStrictMode || csrf.Value != in["csrfToken"] {
				t.Errorf("cookie %v, csrfToken %s", csrf, in["csrfToken"])
			}
			cookie := "refreshToken=" + refresh.Value
			for name, header := range map[string][]string{
				"no cookie":           {"X-CSRFToken", in["csrfToken"]},
				"no word":             {"Cookie", cookie},
				"an empty word":       {"Cookie", cookie, "X-CSRFToken", ""},
				"another word":        {"Cookie", cookie, "X-CSRFToken", string(in["csrfToken"][0]^1) + in["csrfToken"][1:]},
				"another cookie":      {"Cookie", cookie + "x", "X-CSRFToken", in["csrfToken"]},
				"the cookie's secret": {"Cookie", cookie, "X-CSRFToken", refresh.Value},
			} {
				for _, target := range []string{"/auth/refresh/web", "/auth/logout/web"} {
					if res := send("POST", target, "", header...); res.StatusCode != 401 || decode(res)["why"] == "" {
						t.Errorf("%s with %s: %d", target, name, res.StatusCode)
					}
				}
			}
			// A cookie opens no door by itself.
			if res := send("PROPFIND", "/dav/", "", "Cookie", cookie); res.StatusCode != 401 {
				t.Errorf("WebDAV with the cookie: %d", res.StatusCode)
			}
			res = send("POST", "/auth/refresh/web", "", "Cookie", cookie, "X-CSRFToken", in["csrfToken"])
			again := decode(res)
			if res.StatusCode != 200 || again["csrfToken"] != in["csrfToken"] {
				t.Fatalf("refresh: %d %v", res.StatusCode, again)
			}
			if res := send("GET", "/folders", "", "Authorization", "Bearer "+again["accessToken"]); res.StatusCode != 200 {
				t.Errorf("with the new access token: %d", res.StatusCode)
			}
			res = send("POST", "/auth/logout/web", "", "Cookie", cookie, "X-CSRFToken", in["csrfToken"])
			if res.StatusCode != 200 || len(res.Cookies()) != 2 || res.Cookies()[0].MaxAge >= 0 || res.Cookies()[1].MaxAge >= 0 {
				t.Errorf("logout: %d, cookies %v", res.StatusCode, res.Cookies())
			}
			if res := send("GET", "/folders", "", "Authorization", "Bearer "+again["accessToken"]); res.StatusCode != 401 {
				t.Errorf("after logout: %d", res.StatusCode)
			}
		})
	}
}

func TestD34_SessionsEnd(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.SessionIdle = Duration(7 * 24 * time.Hour) })
	ann, bob := h.person("ann", false), h.person("bob", false).signIn()
	one, two, three := ann.signIn(), ann.signIn(), ann.signIn()
	id := func(p *person) string { return p.refresh[2:18] }

	if a := h.bearer(bob.access, "DELETE", "/auth/sessions/"+id(one), ""); a.status != 404 {
		t.Errorf("bob ends ann's session: %d %s", a.status, a.body)
	}
	if a := h.bearer(two.access, "DELETE", "/auth/sessions/"+id(one), ""); a.status != 200 {
		t.Errorf("ann ends another session of hers: %d %s", a.status, a.body)
	}
	wantDoors(t, "the one that was ended", h.doors(one.access), shutDoors)
	wantDoors(t, "another", h.doors(two.access), openDoors)

	// A new password ends the others.
	change := func(p *person, old, new string) answer {
		body, _ := json.Marshal(map[string]string{"old": old, "new": new})
		return h.bearer(p.access, "POST", "/api/davit/password", string(body))
	}
	if a := change(two, "wrong", "better"); a.status != 403 || !strings.Contains(a.body, "old password") {
		t.Errorf("with a wrong old password: %d %s", a.status, a.body)
	}
	if a := change(two, ann.password, ""); a.status != 400 || !strings.Contains(a.body, "new") {
		t.Errorf("an empty password: %d %s", a.status, a.body)
	}
	if a := change(two, ann.password, strings.Repeat("x", 2000)); a.status != 400 || !strings.Contains(a.body, "new") {
		t.Errorf("a long password: %d %s", a.status, a.body)
	}
	wantDoors(t, "nothing has changed", h.doors(three.access), openDoors)
	if a := change(two, ann.password, "better"); a.status != 200 {
		t.Fatalf("new password: %d %s", a.status, a.body)
	}
	wantDoors(t, "the session that changed it", h.doors(two.access), openDoors)
	wantDoors(t, "the other", h.doors(three.access), shutDoors)
	if a := h.with("POST", "/auth/login", url.Values{"username": {"ann"}, "password": {ann.password}}.Encode()); a.status != 401 {
		t.Errorf("the old password: %d", a.status)
	}

	// All others, then all at once, by herself.
	ann.password = "better"
	four := ann.signIn()
	if a := h.bearer(four.access, "DELETE", "/auth/sessions?others=yes", ""); a.status != 400 {
		t.Errorf("others=yes: %d %q", a.status, a.body)
	}
	wantDoors(t, "nothing has ended", h.doors(two.access), openDoors)
	if a := h.bearer(four.access, "DELETE", "/auth/sessions?others=true", ""); a.status != 200 || a.body != "{}\n" {
		t.Errorf("end others: %d %q", a.status, a.body)
	}
	wantDoors(t, "ended as another", h.doors(two.access), shutDoors)
	wantDoors(t, "the one that ended the others", h.doors(four.access), openDoors)
	two = ann.signIn()
	if a := h.bearer(four.access, "DELETE", "/auth/sessions", ""); a.status != 200 || a.body != "{}\n" {
		t.Errorf("end all: %d %q", a.status, a.body)
	}
	wantDoors(t, "ended with all", h.doors(two.access), shutDoors)
	wantDoors(t, "ended with all, itself", h.doors(four.access), shutDoors)
	wantDoors(t, "bob's", h.doors(bob.access), openDoors)

	// By rest: bob uses his for a while, and then not.
	for day := 6; day <= 24; day += 6 {
		h.clock.set(then.Add(time.Duration(day) * 24 * time.Hour))
		if a := h.bearer(bob.refresh, "POST", "/auth/refresh", ""); a.status != 200 {
			t.Fatalf("after %d days: %d %s", day, a.status, a.body)
		}
		if err := h.auth.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.set(then.Add(30*24*time.Hour - time.Minute))
	a := h.bearer(bob.refresh, "POST", "/auth/refresh", "")
	if a.status != 200 {
		t.Fatalf("a minute before its end: %d %s", a.status, a.body)
	}
	access := a.json(t)["accessToken"].(string)
	if exp := claimsOf(t, access)["exp"].(float64); int64(exp) > then.Add(30*24*time.Hour).Unix() {
		t.Errorf("the access token outlives its session")
	}
	h.clock.set(then.Add(30 * 24 * time.Hour))
	if a := h.bearer(bob.refresh, "POST", "/auth/refresh", ""); a.status != 401 {
		t.Errorf("after 30 days: %d", a.status)
	}
	wantDoors(t, "and its access token", h.doors(access), shutDoors)
	idle := bob.signIn()
	h.clock.set(then.Add((30+7)*24*time.Hour - time.Second))
	if a := h.bearer(idle.refresh, "POST", "/auth/refresh", ""); a.status != 200 {
		t.Errorf("a second before a week's rest: %d", a.status)
	}
	h.clock.set(then.Add((30 + 20) * 24 * time.Hour))
	if a := h.bearer(idle.refresh, "POST", "/auth/refresh", ""); a.status != 401 {
		t.Errorf("after a week's rest: %d", a.status)
	}

	// With the user.
	eve := h.person("eve", false).signIn()
	wantDoors(t, "eve", h.doors(eve.access), openDoors)
	if err := h.store.DeleteUser(t.Context(), eve.user.ID, "", false); err != nil {
		t.Fatal(err)
	}
	wantDoors(t, "eve is gone", h.doors(eve.access), shutDoors)
}

// The file of admin's first password goes when the password does (D26).
func TestD26_PasswordFile(t *testing.T) {
	h := newHouse(t)
	admin := h.person("admin", true).signIn()
	file := filepath.Join(h.dir, "admin-password")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]string{"old": admin.password, "new": "better"})
	if a := h.bearer(admin.access, "POST", "/api/davit/password", string(body)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// Passwords are taken in the same places as Basic (D27).
func TestD27_SignInOverOpenConnections(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Listen = "0.0.0.0:0" })
	h.url = "http://127.0.0.1" + h.url[strings.LastIndex(h.url, ":"):]
	ann := h.person("ann", false)
	if a := h.with("POST", "/auth/login", url.Values{"username": {"ann"}, "password": {ann.password}}.Encode()); a.status != 403 || !strings.Contains(a.body, "--allow-plain-basic") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Keys rotate, and the tokens of the old one stay good for their time.
func TestSEC4_KeysRotate(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "RS256"} {
		t.Run(algorithm, func(t *testing.T) {
			h := newHouse(t, func(c *Config) { c.JWTAlgorithm = algorithm })
			ann := h.person("ann", false).signIn()
			keys := func() []string {
				var kids []string
				a := h.with("GET", "/auth/jwks.json", "")
				if b := h.with("GET", "/.well-known/jwks.json", ""); a.body != b.body {
					t.Errorf("two places, two sets: %s, %s", a.body, b.body)
				}
				for _, k := range a.json(t)["keys"].([]any) {
					k := k.(map[string]any)
					if k["alg"] != algorithm || k["use"] != "sig" {
						t.Errorf("key %v", k)
					}
					kids = append(kids, k["kid"].(string))
				}
				return kids
			}
			old := keys()
			if len(old) != 1 {
				t.Fatalf("keys %v", old)
			}
			kid, err := h.auth.RotateSigningKey(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if got := keys(); !slices.Equal(got, []string{kid, old[0]}) {
				t.Errorf("keys %v, want the new one and the old one", got)
			}
			again := ann.signIn()
			wantDoors(t, "a token of the old key", h.doors(ann.access), openDoors)
			wantDoors(t, "a token of the new key", h.doors(again.access), openDoors)
			if header, _, _ := jwt.NewParser().ParseUnverified(again.access, jwt.MapClaims{}); header.Header["kid"] != kid {
				t.Errorf("signed with %v", header.Header["kid"])
			}
			h.clock.set(then.Add(11 * time.Minute))
			if got := keys(); !slices.Equal(got, []string{kid}) {
				t.Errorf("keys %v, when no token of the old one can be good any more", got)
			}
			// Another installation's keys, or a lost secret: the server goes on with new ones.
			other := auth.New(h.store, auth.Options{Secret: bytes.Repeat([]byte{9}, 32), Now: h.clock.now, Algorithm: algorithm})
			if keys, err := other.PublicKeys(t.Context()); err != nil || len(keys) != 1 || keys[0].ID == kid {
				t.Errorf("with another secret: %v, %v", keys, err)
			}
		})
	}
}

// Tokens that are made to look like ours are refused, for every trick of RFC 8725.
func TestSEC4_ForgedAccessTokens(t *testing.T) {
	h := newHouse(t)
	ann := h.person("ann", false).signIn()
	wantDoors(t, "the real one", h.doors(ann.access), openDoors)
	real := claimsOf(t, ann.access)
	head, _, _ := jwt.NewParser().ParseUnverified(ann.access, jwt.MapClaims{})
	kid := head.Header["kid"].(string)
	public := h.with("GET", "/auth/jwks.json", "").json(t)["keys"].([]any)[0].(map[string]any)
	x, _ := base64.RawURLEncoding.DecodeString(public["x"].(string))

	encode := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	parts := strings.Split(ann.access, ".")
	hmacToken := func(key []byte, header map[string]any) string {
		tok := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(real))
		for k, v := range header {
			tok.Header[k] = v
		}
		text, err := tok.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	changed := jwt.MapClaims{}
	for k, v := range real {
		changed[k] = v
	}
	changed["sub"] = "admin"
	for name, token := range map[string]string{
		"alg none":                      encode(map[string]any{"alg": "none", "typ": "at+jwt", "kid": kid}) + "." + parts[1] + ".",
		"alg None":                      encode(map[string]any{"alg": "None", "typ": "at+jwt", "kid": kid}) + "." + parts[1] + "." + parts[2],
		"no alg":                        encode(map[string]any{"typ": "at+jwt", "kid": kid}) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key":     hmacToken(x, map[string]any{"kid": kid, "typ": "at+jwt"}),
		"HS256 with nothing":            hmacToken([]byte{0}, map[string]any{"kid": kid, "typ": "at+jwt"}),
		"another subject":               parts[0] + "." + encode(changed) + "." + parts[2],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"another's signature":           parts[0] + "." + parts[1] + "." + parts[2][:10] + "AAAA" + parts[2][14:],
		"no kid":                        encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt"}) + "." + parts[1] + "." + parts[2],
		"a path for a kid":              encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "../../../../dev/null"}) + "." + parts[1] + "." + parts[2],
		"SQL for a kid":                 encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "' OR 1=1 --"}) + "." + parts[1] + "." + parts[2],
		"a number for a kid":            encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": 1}) + "." + parts[1] + "." + parts[2],
		"a key of its own":              encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid, "jwk": public}) + "." + parts[1] + "." + parts[2],
		"critical parts":                encode(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid, "crit": []string{"x"}, "x": 1}) + "." + parts[1] + "." + parts[2],
		"padding":                       ann.access + "=",
		"five parts":                    ann.access + "..",
		"two parts":                     parts[0] + "." + parts[1],
		"a blank in it":                 parts[0] + ". " + parts[1] + "." + parts[2],
		"long":                          ann.access + strings.Repeat("A", 20000),
		"an issuer that nobody knows":   parts[0] + "." + encode(map[string]any{"iss": "https://evil.example", "sub": "ann"}) + "." + parts[2],
		"claims that are none":          parts[0] + "." + encode([]int{1}) + "." + parts[2],
		"the signature of another text": parts[0] + "." + parts[1] + "A." + parts[2],
	} {
		if got := h.doors(token); !slices.Equal(got, shutDoors) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := h.bearer("x.y.z", "GET", "/folders", ""); !strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("WWW-Authenticate: %q", got.header.Values("WWW-Authenticate"))
	}
}
