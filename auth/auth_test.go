package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"davit/store"
	"davit/store/storetest"
)

// counting is the store with a count of what is asked of it.
type counting struct {
	*store.Store
	queries   atomic.Int64
	passwords atomic.Int64 // look-ups by name: one for each password that is verified
	single    atomic.Int64 // folders that were read alone
}

func (c *counting) User(ctx context.Context, id string) (store.User, error) {
	c.queries.Add(1)
	return c.Store.User(ctx, id)
}

func (c *counting) UserByName(ctx context.Context, name string) (store.User, error) {
	c.queries.Add(1)
	c.passwords.Add(1)
	return c.Store.UserByName(ctx, name)
}

func (c *counting) Token(ctx context.Context, id string) (store.Token, error) {
	c.queries.Add(1)
	return c.Store.Token(ctx, id)
}

func (c *counting) FoldersOf(ctx context.Context, userID string) ([]store.Mount, error) {
	c.queries.Add(1)
	return c.Store.FoldersOf(ctx, userID)
}

func (c *counting) FolderOf(ctx context.Context, userID, folderID string) (store.Mount, error) {
	c.queries.Add(1)
	c.single.Add(1)
	return c.Store.FolderOf(ctx, userID, folderID)
}

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) add(d time.Duration) { c.set(c.now().Add(d)) }

// world is a server on loopback that answers who it thinks calls.
type world struct {
	*Auth
	t      testing.TB
	st     *counting
	clock  *clock
	url    string
	client atomic.Pointer[Client] // who the server believes is at the other end
	slept  []time.Duration        // what attempts had to wait
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: noon}}
	s, err := store.Open(context.Background(), store.Options{Path: storetest.Path(t, filepath.Join(t.TempDir(), "davit.db")), Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.st = &counting{Store: s}
	w.client.Store(&Client{IP: netip.MustParseAddr("127.0.0.1"), Loopback: true})
	o := Options{
		Now:    w.clock.now,
		Secret: []byte("0123456789abcdef0123456789abcdef"),
		Client: func(*http.Request) Client { return *w.client.Load() },
	}
	for _, c := range change {
		c(&o)
	}
	w.Auth = New(w.st, o)
	var mu sync.Mutex
	w.guard.sleep = func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		w.slept = append(w.slept, d)
		return nil
	}

	srv := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// answer is what the server says: a principal, or what went wrong.
type answer struct {
	store.Principal
	Error string
	Body  string // the request's body as the handler finds it
}

// serve authenticates: on /dav as WebDAV, else as an API.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	authenticate := w.Authenticate
	if r.URL.Path == "/dav" {
		authenticate = w.AuthenticateDAV
	}
	var a answer
	p, err := authenticate(r)
	status := http.StatusOK
	if err != nil {
		a.Error = err.Error()
		var param *ParamError
		switch {
		case errors.Is(err, store.ErrUnauthenticated):
			status = http.StatusUnauthorized
		case errors.Is(err, store.ErrPlain):
			status = http.StatusForbidden
		case errors.As(err, &param):
			status = http.StatusBadRequest
		case errors.Is(err, store.ErrTooMany):
			status = http.StatusTooManyRequests
		case errors.Is(err, store.ErrBusy):
			status = http.StatusServiceUnavailable
		default:
			status = http.StatusInternalServerError
		}
	} else {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			status = http.StatusInternalServerError
		}
		a.Principal, a.Body = p, string(body)
	}
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(a)
}

// send sends a request; the header "Host" sets the host.
func (w *world) send(method, target string, header map[string]string, body io.Reader) (int, answer) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Host = header["Host"]
	req.Header.Del("Host")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var a answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, a
}

// get sends an Authorization header.
func (w *world) get(target, authorization string) (int, answer) {
	w.t.Helper()
	return w.send("GET", target, map[string]string{"Authorization": authorization}, nil)
}

// basic sends Basic credentials.
func (w *world) basic(target, user, password string) (int, answer) {
	w.t.Helper()
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return w.send("GET", target, map[string]string{"Authorization": r.Header.Get("Authorization")}, nil)
}

// bearer sends a Bearer token.
func (w *world) bearer(target, token string) (int, answer) {
	w.t.Helper()
	return w.send("GET", target, map[string]string{"Authorization": "Bearer " + token}, nil)
}

// user makes a user with a password.
func (w *world) user(name, password string) store.User {
	w.t.Helper()
	hash, err := w.HashPassword(context.Background(), password)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := w.st.CreateUser(context.Background(), store.User{Name: name, PasswordHash: hash})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// token makes a token.
func (w *world) newToken(userID, folderID string, readOnly bool, expires time.Time) (store.Token, string) {
	w.t.Helper()
	want := store.Token{UserID: userID, ReadOnly: readOnly, Expires: expires}
	if folderID != "" {
		want.Folders = []store.TokenFolder{{ID: folderID}}
	}
	row, text, err := w.NewToken(want)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.st.CreateToken(context.Background(), row); err != nil {
		w.t.Fatal(err)
	}
	return row, text
}

// folder makes a folder.
func (w *world) folder(ownerID, title string) store.Folder {
	w.t.Helper()
	f, err := w.st.CreateFolder(context.Background(), store.NewFolder{Folder: store.Folder{OwnerID: ownerID, Title: title}})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func want(t *testing.T, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("status %d, want %d", got, want)
	}
}

func TestDoors(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "secret")
	_, token := w.newToken(ann.ID, "", false, time.Time{})
	basic := "Basic YW5uOnNlY3JldA=="
	for _, c := range []struct {
		name, header string
		api, dav     int
	}{
		{"no header", "", 401, 401},
		{"Basic", basic, 200, 200},
		{"Basic in lower case", "basic YW5uOnNlY3JldA==", 200, 200},
		{"Basic with more blanks", "Basic   YW5uOnNlY3JldA==", 200, 200},
		{"Basic with nothing", "Basic", 401, 401},
		{"Basic that is not base64", "Basic signMethod=HMAC-SHA256, credential=A:00", 401, 401},
		{"Basic without a colon", "Basic YW5u", 401, 401},
		{"Basic with a control character in the name", "Basic YQBubjpzZWNyZXQ=", 401, 401},
		{"Bearer", "Bearer " + token, 200, 200},
		{"Bearer in upper case", "BEARER " + token, 200, 200},
		{"empty Bearer", "Bearer", 401, 401},
		{"empty Bearer with a blank", "Bearer ", 401, 401},
		{"Bearer of another form", "Bearer eyJhbGciOiJub25lIn0.e30.", 401, 401},
		{"Bearer with a password", "Bearer secret", 401, 401},
		{"Bearer with another secret", "Bearer " + token[:20] + strings.ReplaceAll("xy", token[20:21], "")[:1] + token[21:], 401, 401},
		{"unknown scheme", "Digest username=ann", 400, 401},
		{"a signature without its parts", "BackendAI x", 400, 401},
		{"no scheme", "x", 400, 401},
		{"long", "Basic " + string(make4k()), 401, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := map[string]string{"Date": noon.Format(http.TimeFormat)}
			if c.header != "" {
				h["Authorization"] = c.header
			}
			got, _ := w.send("GET", "/v2", h, nil)
			want(t, got, c.api)
			got, _ = w.send("GET", "/dav", h, nil)
			want(t, got, c.dav)
		})
	}
	t.Run("two headers", func(t *testing.T) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{basic, basic}
		var param *ParamError
		if _, err := w.Authenticate(r); !errors.As(err, &param) {
			t.Errorf("Authenticate: %v, want a *ParamError", err)
		}
		if _, err := w.AuthenticateDAV(r); err != store.ErrUnauthenticated {
			t.Errorf("AuthenticateDAV: %v, want ErrUnauthenticated", err)
		}
	})
}

func make4k() []byte {
	b := make([]byte, maxCredential)
	for i := range b {
		b[i] = 'A'
	}
	return b
}

func TestSEC2_Basic(t *testing.T) {
	w := newWorld(t)
	ann := w.user("ann", "a:secret:ö")
	zoe := w.user("Zoë", "päss")
	folder := w.folder(ann.ID, "docs")
	_, token := w.newToken(ann.ID, "", false, time.Time{})
	_, scoped := w.newToken(ann.ID, folder.ID, true, time.Time{})
	_, expired := w.newToken(ann.ID, "", false, noon.Add(-time.Second))
	_, expires := w.newToken(ann.ID, "", false, noon.Add(time.Second))
	_, zoes := w.newToken(zoe.ID, "", false, time.Time{})
	looksLike := "ucaaaaaaaaaaaaaaaa-not-a-token"
	w.user("bob", looksLike)
	if _, err := w.st.CreateUser(t.Context(), store.User{Name: "nopass"}); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name, user, password string
		status               int
	}{
		{"password with colons", "ann", "a:secret:ö", 200},
		{"wrong password", "ann", "a", 401},
		{"empty password", "ann", "", 401},
		{"unknown user", "eve", "a:secret:ö", 401},
		{"no user", "", "a:secret:ö", 401},
		{"user without a password", "nopass", "", 401},
		{"names differ in case", "Ann", "a:secret:ö", 401},
		{"name and password composed", "Zo\u00eb", "p\u00e4ss", 200},
		{"name and password decomposed", "Zoe\u0308", "pa\u0308ss", 200},
		{"name in Latin-1", "Zo\xeb", "päss", 401},
		{"token", "ann", token, 200},
		{"token for one folder", "ann", scoped, 200},
		{"token of another", "ann", zoes, 401},
		{"token that will expire", "ann", expires, 200},
		{"token that has expired", "ann", expired, 401},
		{"password that looks like a token", "bob", looksLike, 200},
		{"another that looks like a token", "bob", "ucaaaaaaaaaaaaaaaa-not-a-tokem", 401},
		{"password as long as any header", "ann", string(make4k()[:maxPassword+1]), 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, a := w.basic("/dav", c.user, c.password)
			want(t, got, c.status)
			if got == 200 && a.UserID == "" {
				t.Error("no user")
			}
		})
	}

	t.Run("a token expires", func(t *testing.T) {
		w.clock.add(time.Second)
		got, _ := w.basic("/dav", "ann", expires)
		want(t, got, 401)
	})
}

func TestPrincipal(t *testing.T) {
	w := newWorld(t)
	root, err := w.st.CreateUser(t.Context(), store.User{Name: "root", Admin: true})
	w.do(err)
	hash, err := w.HashPassword(t.Context(), "secret")
	w.do(err)
	w.do(w.st.SetPasswordHash(t.Context(), root.ID, hash))
	f := w.folder(root.ID, "docs")
	full, fullText := w.newToken(root.ID, "", false, time.Time{})
	scoped, scopedText := w.newToken(root.ID, f.ID, false, time.Time{})
	reading, readingText := w.newToken(root.ID, "", true, time.Time{})
	for _, c := range []struct {
		name, password string
		want           store.Principal
	}{
		{"password", "secret", store.Principal{UserID: root.ID, UserName: "root", Admin: true}},
		{"token", fullText, store.Principal{UserID: root.ID, UserName: "root", Admin: true, KeyID: full.ID}},
		{"token for one folder", scopedText, store.Principal{UserID: root.ID, UserName: "root", KeyID: scoped.ID, Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: f.ID}}}}},
		{"token for reading", readingText, store.Principal{UserID: root.ID, UserName: "root", KeyID: reading.ID, ReadOnly: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, a := w.basic("/dav", "root", c.password); !reflect.DeepEqual(a.Principal, c.want) {
				t.Errorf("Basic: %+v, want %+v", a.Principal, c.want)
			}
			if c.password == "secret" {
				return
			}
			if _, a := w.bearer("/v2", c.password); !reflect.DeepEqual(a.Principal, c.want) {
				t.Errorf("Bearer: %+v, want %+v", a.Principal, c.want)
			}
		})
	}
}

func TestSEC2_Plain(t *testing.T) {
	for _, c := range []struct {
		name   string
		client Client
		allow  bool
		status int
	}{
		{"open network", Client{}, false, 403},
		{"allowed", Client{}, true, 200},
		{"TLS", Client{Secure: true}, false, 200},
		{"loopback", Client{Loopback: true}, false, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.AllowPlainBasic = c.allow })
			ann := w.user("ann", "secret")
			_, token := w.newToken(ann.ID, "", false, time.Time{})
			if got, _ := w.basic("/dav", "ann", "secret"); got != 200 {
				t.Fatalf("over loopback: %d", got)
			}
			c.client.IP = netip.MustParseAddr("192.0.2.1")
			w.client.Store(&c.client)
			for _, password := range []string{"secret", "wrong", token} {
				got, a := w.basic("/dav", "ann", password)
				if password == "wrong" && c.status == 200 {
					want(t, got, 401)
					continue
				}
				want(t, got, c.status)
				if got == 403 && a.Error != errPlainBasic.Error() {
					t.Errorf("error %q, want %q", a.Error, errPlainBasic)
				}
			}
			got, _ := w.bearer("/dav", token)
			want(t, got, 200)
		})
	}
}

// TestSEC3_Cache is SEC-3: what is cached costs nothing, and changes take effect at once.
func TestSEC3_Cache(t *testing.T) {
	login := func(t *testing.T, w *world, user, password string, status int) {
		t.Helper()
		got, _ := w.basic("/dav", user, password)
		want(t, got, status)
	}
	t.Run("a hit makes no query", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		_, token := w.newToken(ann.ID, "", false, time.Time{})
		login(t, w, "ann", "secret", 200)
		login(t, w, "ann", token, 200)
		w.st.queries.Store(0)
		for range 3 {
			login(t, w, "ann", "secret", 200)
			login(t, w, "ann", token, 200)
		}
		if n := w.st.queries.Load(); n != 0 {
			t.Errorf("%d queries, want 0", n)
		}
	})
	t.Run("after an unrelated change the password is not hashed again", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		login(t, w, "ann", "secret", 200)
		w.folder(ann.ID, "docs")
		w.st.queries.Store(0)
		w.st.passwords.Store(0)
		login(t, w, "ann", "secret", 200)
		login(t, w, "ann", "secret", 200)
		if n, p := w.st.queries.Load(), w.st.passwords.Load(); n != 1 || p != 0 {
			t.Errorf("%d queries, %d of them for passwords, want 1 and 0", n, p)
		}
	})
	t.Run("after five minutes the password is verified again", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		login(t, w, "ann", "secret", 200)
		w.st.passwords.Store(0)
		w.clock.add(verifiedFor - time.Second)
		w.folder(ann.ID, "docs") // reading the row again must not lengthen the time
		login(t, w, "ann", "secret", 200)
		if n := w.st.passwords.Load(); n != 0 {
			t.Errorf("%d passwords verified before the time, want 0", n)
		}
		w.clock.add(time.Second)
		login(t, w, "ann", "secret", 200)
		if n := w.st.passwords.Load(); n != 1 {
			t.Errorf("%d passwords verified, want 1", n)
		}
		w.clock.add(verifiedFor)
		w.do(w.Flush(t.Context()))
		if n := len(w.verified.good); n != 0 {
			t.Errorf("%d entries after their time, want 0", n)
		}
	})
	t.Run("a changed password", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "old")
		login(t, w, "ann", "old", 200)
		login(t, w, "ann", "new", 401)
		hash, err := w.HashPassword(t.Context(), "new")
		w.do(err)
		w.do(w.st.SetPasswordHash(t.Context(), ann.ID, hash))
		login(t, w, "ann", "old", 401)
		login(t, w, "ann", "new", 200)
		login(t, w, "ann", "new", 200)
	})
	t.Run("a deleted user, and a new one of that name", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		_, token := w.newToken(ann.ID, "", false, time.Time{})
		login(t, w, "ann", "secret", 200)
		login(t, w, "ann", token, 200)
		w.do(w.st.DeleteUser(t.Context(), ann.ID, "", false))
		login(t, w, "ann", "secret", 401)
		login(t, w, "ann", token, 401)
		w.user("ann", "another")
		login(t, w, "ann", "secret", 401)
		login(t, w, "ann", token, 401)
		login(t, w, "ann", "another", 200)
	})
	t.Run("a revoked token", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		row, token := w.newToken(ann.ID, "", false, time.Time{})
		login(t, w, "ann", token, 200)
		got, _ := w.bearer("/v2", token)
		want(t, got, 200)
		w.do(w.st.DeleteToken(t.Context(), row.ID))
		login(t, w, "ann", token, 401)
		got, _ = w.bearer("/v2", token)
		want(t, got, 401)
	})
	t.Run("a token revoked by another process", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "davit.db")
		var stores [2]*store.Store
		for i := range stores {
			s, err := store.Open(t.Context(), store.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			stores[i] = s
		}
		w := newWorld(t)
		w.st.Store = stores[0]
		ann := w.user("ann", "secret")
		row, token := w.newToken(ann.ID, "", false, time.Time{})
		login(t, w, "ann", token, 200)
		w.do(stores[1].DeleteToken(t.Context(), row.ID))
		if changed, err := stores[0].Poll(t.Context()); !changed || err != nil {
			t.Fatalf("Poll: %v, %v", changed, err)
		}
		login(t, w, "ann", token, 401)
	})
	t.Run("clients that come together are verified once", func(t *testing.T) {
		w := newWorld(t)
		w.user("ann", "secret")
		for range hashesAtOnce { // nobody can be hashed until all are there
			w.passwords.slots <- struct{}{}
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, _ := w.basic("/dav", "ann", "secret"); got != 200 {
					t.Errorf("status %d, want 200", got)
				}
			})
		}
		for w.st.passwords.Load() == 0 { // the first has begun
			time.Sleep(time.Millisecond)
		}
		for range hashesAtOnce {
			<-w.passwords.slots
		}
		all.Wait()
		if n := w.st.passwords.Load(); n != 1 {
			t.Errorf("%d passwords verified, want 1", n)
		}
	})
	t.Run("it is bounded", func(t *testing.T) {
		v := newVerified()
		for i := range max(maxVerified, maxRefused) + 10 {
			sum := digest{byte(i), byte(i >> 8)}
			v.put(sum, &entry{verified: noon})
			sum[2] = 1
			v.refuse(sum, "", 1, noon)
		}
		if len(v.good) != maxVerified || len(v.refused) != maxRefused {
			t.Errorf("%d good and %d refused, want %d and %d", len(v.good), len(v.refused), maxVerified, maxRefused)
		}
	})
}

// TestFirstClientLeaves: the work for a credential is done even if its client is gone.
func TestFirstClientLeaves(t *testing.T) {
	w := newWorld(t)
	w.user("ann", "secret")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/dav", nil)
	r.SetBasicAuth("ann", "secret")
	// What others may be waiting for is finished.
	if _, err := w.AuthenticateDAV(r); err != nil {
		t.Errorf("AuthenticateDAV: %v", err)
	}
}

// failing is a store that can't write.
type failing struct {
	records
	err   error
	keys  map[string]time.Time
	token map[string]store.Used
	users map[string]time.Time
}

func (f *failing) TouchUsers(_ context.Context, used map[string]time.Time) error {
	if f.err == nil {
		f.users = maps.Clone(used)
	}
	return f.err
}

func (f *failing) TouchKeys(_ context.Context, used map[string]time.Time) error {
	if f.err == nil {
		f.keys = maps.Clone(used)
	}
	return f.err
}

func (f *failing) TouchTokens(_ context.Context, used map[string]store.Used) error {
	if f.err == nil {
		f.token = maps.Clone(used)
	}
	return f.err
}

func TestFlush(t *testing.T) {
	t.Run("last use is written", func(t *testing.T) {
		w := newWorld(t)
		ann := w.user("ann", "secret")
		row, token := w.newToken(ann.ID, "", false, time.Time{})
		for range 3 {
			w.clock.add(10 * time.Second)
			w.basic("/dav", "ann", token)
		}
		w.do(w.Flush(t.Context()))
		got, err := w.st.Token(t.Context(), row.ID)
		w.do(err)
		if !got.LastUsed.Equal(w.clock.now()) {
			t.Errorf("last used %v, want %v", got.LastUsed, w.clock.now())
		}
		if u, err := w.st.User(t.Context(), ann.ID); err != nil || u.LastUsed.IsZero() || w.clock.now().Sub(u.LastUsed) > time.Minute {
			t.Errorf("the user was last there at %v, %v; now is %v", u.LastUsed, err, w.clock.now())
		}
	})
	t.Run("who comes by password was there", func(t *testing.T) {
		w := newWorld(t)
		ann, bob := w.user("ann", "secret"), w.user("bob", "secret")
		w.basic("/dav", "ann", "secret")
		w.basic("/dav", "bob", "wrong")
		w.do(w.Flush(t.Context()))
		for _, c := range []struct {
			id   string
			want time.Time
		}{{ann.ID, w.clock.now()}, {bob.ID, time.Time{}}} {
			if u, err := w.st.User(t.Context(), c.id); err != nil || !u.LastUsed.Equal(c.want) {
				t.Errorf("%s was last there at %v, %v; want %v", u.Name, u.LastUsed, err, c.want)
			}
		}
	})
	t.Run("what can't be written is kept", func(t *testing.T) {
		f := &failing{err: errors.New("disk on fire")}
		a := New(f, Options{})
		a.used.key("k", noon)
		a.used.token("t", store.Used{At: noon})
		a.used.user("u", noon)
		if err := a.Flush(t.Context()); !errors.Is(err, f.err) {
			t.Fatalf("Flush: %v, want %v", err, f.err)
		}
		a.used.token("t", store.Used{At: noon.Add(-time.Second)}) // never back in time
		f.err = nil
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !f.keys["k"].Equal(noon) || !f.token["t"].At.Equal(noon) || !f.users["u"].Equal(noon) {
			t.Errorf("wrote %v, %v and %v, want %v for all", f.keys, f.token, f.users, noon)
		}
		f.keys = nil
		if err := a.Flush(t.Context()); err != nil || f.keys != nil {
			t.Errorf("third Flush: %v, wrote %v, want nothing", err, f.keys)
		}
	})
}

func TestStoreErrors(t *testing.T) {
	w := newWorld(t)
	w.user("ann", "secret")
	w.st.Close()
	got, a := w.basic("/dav", "ann", "secret")
	if got != 500 {
		t.Errorf("status %d (%s) with the store closed, want 500", got, a.Error)
	}
}

func BenchmarkAuthenticateDAV(b *testing.B) {
	w := newWorld(b)
	ann := w.user("ann", "secret")
	_, token := w.newToken(ann.ID, "", false, time.Time{})
	for _, c := range []struct{ name, password string }{{"password", "secret"}, {"token", token}} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/dav", nil)
			r.SetBasicAuth("ann", c.password)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.AuthenticateDAV(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations holds what BenchmarkAuthenticateDAV shows.
func TestAllocations(t *testing.T) {
	w := newWorld(t)
	w.user("ann", "secret")
	r := httptest.NewRequest("GET", "/dav", nil)
	r.SetBasicAuth("ann", "secret")
	n := testing.AllocsPerRun(1000, func() {
		if _, err := w.AuthenticateDAV(r); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations for a cached credential, want at most 2", n)
	}
}
