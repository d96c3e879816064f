// Package auth knows who calls, and what they may do. It turns the credentials of
// a request (Basic, Bearer, signed) into a store.Principal, makes and checks the
// secrets behind them, and decides the rights of a principal on a folder.
//
// It knows no WebDAV and no routes: the server tells it who is at the other end of
// the connection (Options.Client) and turns its errors into answers.
//
// What is cached is cached under store.Epoch: once a user, key, token, folder, grant or
// membership may have changed that an answer depends on (store.Changed), the rows are read
// again before a cached answer counts.
package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"davit/store"

	"golang.org/x/sync/singleflight"
)

// records is what this package needs of the store.
type records interface {
	Epoch() uint64
	Changed(since uint64, mine func(store.Touch) bool) (now uint64, changed bool)
	User(ctx context.Context, id string) (store.User, error)
	UserByName(ctx context.Context, name string) (store.User, error)
	Key(ctx context.Context, accessKey string) (store.Key, error)
	Token(ctx context.Context, id string) (store.Token, error)
	FoldersOf(ctx context.Context, userID string) ([]store.Mount, error)
	FolderOf(ctx context.Context, userID, folderID string) (store.Mount, error)
	ProjectIDs(ctx context.Context, userID string) ([]string, error)
	TouchKeys(ctx context.Context, used map[string]time.Time) error
	TouchTokens(ctx context.Context, used map[string]store.Used) error
	TouchUsers(ctx context.Context, used map[string]time.Time) error
	CreateUser(ctx context.Context, u store.User) (store.User, error)
	NoteSlowed(ctx context.Context, all []store.Slowed) error
	ChangePasswordHash(ctx context.Context, userID, old, hash, keep string) error
	CreateToken(ctx context.Context, k store.Token) (store.Token, error)
	DeleteToken(ctx context.Context, id string) error
	SweepTokens(ctx context.Context, now, idle time.Time) (bool, error)
	SigningKeys(ctx context.Context) ([]store.SigningKey, error)
	AddSigningKey(ctx context.Context, k store.SigningKey, since string, forget time.Time) error
}

// Options are the settings of an Auth. The zero value works for a command that
// only makes passwords and tokens; keys need Secret.
type Options struct {
	Now  func() time.Time // nil: time.Now
	Rand io.Reader        // nil: crypto/rand
	Log  *slog.Logger     // nil: nothing is logged

	// Sleep waits while somebody who may be guessing is slowed; nil: a timer.
	Sleep func(context.Context, time.Duration) error

	Secret []byte // 32 bytes, see LoadSecret; seals the secret keys of API keys

	// Client says who sent a request. Without it every client is unknown and its
	// connection open to all.
	Client func(*http.Request) Client

	AllowPlainBasic bool // accept passwords over connections that anybody may read (D27)
	AllowPlainBody  bool // likewise signed requests whose body no signature covers (D28)

	Issuer      string        // iss of access tokens; "" is DefaultIssuer
	Algorithm   string        // that signs them: EdDSA, which "" is, or RS256
	SessionTime time.Duration // from sign-in to the end of a session; 0 is SessionTime
	SessionIdle time.Duration // unused for so long, a session ends earlier; 0: it does not
	Provider    *Provider     // an outside identity provider; nil: there is none
}

// Client is who sent a request, as far as the connection tells.
type Client struct {
	IP       netip.Addr
	Secure   bool // TLS, or a trusted proxy that says https
	Loopback bool // the listener is on a loopback address
}

// private says whether nobody else can read or change what the client sends.
func (c Client) private() bool { return c.Secure || c.Loopback }

// ParamError is a request whose credentials can't be understood, whatever they are
// worth; Msg is for the client.
type ParamError struct{ Msg string }

func (e *ParamError) Error() string { return e.Msg }

// ScopeError is a refusal because the token is not for that: an fs.ErrPermission.
type ScopeError struct{ Scope store.Scope }

func (e *ScopeError) Error() string { return "this token does not have the scope " + e.Scope.String() }
func (e *ScopeError) Unwrap() error { return fs.ErrPermission }

// RetryError is a refusal that ends by itself: Err is store.ErrBusy, when the server
// has too much to do, or store.ErrTooMany, when the client has tried too often.
type RetryError struct {
	Err   error
	After time.Duration // how long to wait
}

func (e *RetryError) Error() string {
	return fmt.Sprintf("%v: try again after %v", e.Err, e.After)
}

func (e *RetryError) Unwrap() error { return e.Err }

// RetryAfter is how long to wait, for those who do not know this type.
func (e *RetryError) RetryAfter() time.Duration { return e.After }

// Auth answers who calls and what they may do. Make it with New; all methods are
// safe for concurrent use.
type Auth struct {
	records    records
	now        func() time.Time
	rand       io.Reader
	secret     []byte
	client     func(*http.Request) Client
	plainBasic bool
	plainBody  bool

	passwords *passwords
	guard     *guard
	slowed    slowedNotes
	verified  *verified
	flight    singleflight.Group
	replays   replays
	views     views
	used      used

	log         *slog.Logger
	issuer      string
	algorithm   string
	sessionTime time.Duration
	sessionIdle time.Duration
	keyring     keyring
	provider    *provider
	swept       atomic.Int64 // seconds: when tokens were last swept
}

// New returns an Auth over st, which is a *store.Store.
func New(st records, o Options) *Auth {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = func(*http.Request) Client { return Client{} }
	}
	a := &Auth{
		records:    st,
		now:        o.Now,
		rand:       o.Rand,
		secret:     o.Secret,
		client:     o.Client,
		plainBasic: o.AllowPlainBasic,
		plainBody:  o.AllowPlainBody,
		passwords:  newPasswords(),
		guard:      newGuard(o.Now, o.Log),
		verified:   newVerified(),

		log:         o.Log,
		issuer:      cmp.Or(o.Issuer, DefaultIssuer),
		algorithm:   cmp.Or(o.Algorithm, EdDSA),
		sessionTime: cmp.Or(o.SessionTime, SessionTime),
		sessionIdle: o.SessionIdle,
		provider:    newProvider(o.Provider, o.Now, o.Log),
	}
	if o.Sleep != nil {
		a.guard.sleep = o.Sleep
	}
	return a
}

// Authenticate says who sent a request to one of the APIs: by a signature, by Basic
// with a password or a token, or by a Bearer token. A signed body is read and put
// back, so r.Body must not be used before.
//
// Its errors are store.ErrUnauthenticated (no credentials, or wrong ones),
// store.ErrPlain, *ParamError, *RetryError, and what the store returns.
func (a *Auth) Authenticate(r *http.Request) (store.Principal, error) {
	header, err := authorization(r)
	if err != nil {
		return store.Principal{}, err
	}
	scheme, rest := splitScheme(header)
	switch {
	case rest == "" && (scheme == "" || strings.EqualFold(scheme, "Bearer")):
		return store.Principal{}, store.ErrUnauthenticated
	case strings.EqualFold(scheme, "Basic"), strings.EqualFold(scheme, "Bearer"):
		return a.credential(r, header)
	case strings.EqualFold(scheme, "BackendAI"), strings.EqualFold(scheme, "Sorna"):
		return a.signed(r, rest)
	}
	return store.Principal{}, &ParamError{"Authorization: unknown scheme"}
}

// AuthenticateDAV says who sent a WebDAV request: by Basic or Bearer. Anything else,
// and an empty Bearer, counts as no credentials. A token needs the scope webdav:read,
// and without webdav:write it is for reading. Its errors are those of Authenticate,
// without *ParamError, and *ScopeError.
func (a *Auth) AuthenticateDAV(r *http.Request) (store.Principal, error) {
	header, err := authorization(r)
	if err != nil {
		return store.Principal{}, store.ErrUnauthenticated
	}
	scheme, rest := splitScheme(header)
	if rest == "" || !strings.EqualFold(scheme, "Basic") && !strings.EqualFold(scheme, "Bearer") {
		return store.Principal{}, store.ErrUnauthenticated
	}
	p, err := a.credential(r, header)
	if p.Narrow != nil && p.Narrow.Scopes != nil {
		if !p.Narrow.Scopes.Allow(davScope, false) {
			return store.Principal{}, &ScopeError{store.Scope{Path: davScope}}
		}
		p.ReadOnly = p.ReadOnly || !p.Narrow.Scopes.Allow(davScope, true)
	}
	return p, err
}

// davScope is the scope of the WebDAV door.
const davScope = "webdav"

// authorization returns the Authorization header, "" if there is none.
func authorization(r *http.Request) (string, error) {
	switch lines := r.Header["Authorization"]; len(lines) {
	case 0:
		return "", nil
	case 1:
		return lines[0], nil
	}
	return "", &ParamError{"Authorization: sent more than once"}
}

// splitScheme splits an Authorization header at its first blank.
func splitScheme(header string) (scheme, rest string) {
	scheme, rest, _ = strings.Cut(header, " ")
	return scheme, strings.Trim(rest, " ")
}

// maxCredential is longer than any user name and password that anybody types; the tokens
// of identity providers may say more.
const (
	maxCredential = 4096
	maxBearer     = 16384
)

var errPlainBasic = fmt.Errorf("%w: use https, or start the server with --allow-plain-basic", store.ErrPlain)

// credential answers for a Basic or Bearer header, from the cache when it can: then
// without a query and without a password hash (SEC-3).
func (a *Auth) credential(r *http.Request, header string) (store.Principal, error) {
	client := a.client(r)
	scheme, rest := splitScheme(header)
	basic := strings.EqualFold(scheme, "Basic")
	if basic && !client.private() && !a.plainBasic {
		return store.Principal{}, errPlainBasic // before the cache: the answer must not tell a good password
	}
	if len(header) > maxBearer || basic && len(header) > maxCredential {
		return store.Principal{}, store.ErrUnauthenticated
	}
	sum := a.verified.sum(header)
	epoch := a.records.Epoch()
	if e := a.verified.get(sum, a.now()); e != nil && a.current(e, epoch) {
		a.touch(e, r, client.IP)
		return e.principal, nil
	}

	// Clients open several connections at once: what all of them send is verified once.
	// The work goes on if the first client leaves, since others may wait for it. Nobody
	// joins what began before a change that he knows of.
	addr := network(client.IP)
	flight := fmt.Sprintf("%s %s %d", sum, addr, epoch)
	v, err, _ := a.flight.Do(flight, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 30*time.Second)
		defer cancel()
		if basic {
			return a.verifyBasic(ctx, sum, rest, addr)
		}
		return a.verifyBearer(ctx, sum, rest)
	})
	if err != nil {
		return store.Principal{}, err
	}
	e := v.(*entry)
	a.touch(e, r, client.IP)
	return e.principal, nil
}

// principal is the principal that is user, by the key or token keyID.
func principal(user store.User, keyID string) store.Principal {
	return store.Principal{UserID: user.ID, UserName: user.Name, Admin: user.Admin, KeyID: keyID}
}

// used collects when keys and tokens were last used, and when who came without either was last there, until Flush
// writes it.
type used struct {
	mu     sync.Mutex
	keys   map[string]time.Time
	tokens map[string]store.Used
	users  map[string]time.Time
}

func (u *used) key(id string, t time.Time)  { u.note(&u.keys, id, t) }
func (u *used) user(id string, t time.Time) { u.note(&u.users, id, t) }

func (u *used) note(times *map[string]time.Time, id string, t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if *times == nil {
		*times = make(map[string]time.Time)
	}
	if t.After((*times)[id]) {
		(*times)[id] = t
	}
}

func (u *used) token(id string, use store.Used) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tokens == nil {
		u.tokens = make(map[string]store.Used)
	}
	if use.At.After(u.tokens[id].At) {
		u.tokens[id] = use
	}
}

// touch notes that the entry was used, at most once a second.
func (a *Auth) touch(e *entry, r *http.Request, ip netip.Addr) {
	now := a.now()
	sec := now.Unix()
	switch {
	case e.touched.Swap(sec) == sec:
	case e.principal.KeyID == "": // a password, or an outside identity provider
		a.used.user(e.principal.UserID, now)
	default:
		a.used.token(e.principal.KeyID, useOf(r, ip, now))
	}
}

// maxAgent is what is kept of a User-Agent, in bytes.
const maxAgent = 200

// useOf is the use of a token by a request.
func useOf(r *http.Request, ip netip.Addr, now time.Time) store.Used {
	agent := r.UserAgent()
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	u := store.Used{At: now, Agent: strings.ToValidUTF8(agent, "\uFFFD")}
	if ip.IsValid() {
		u.Address = ip.String()
	}
	return u
}

// Flush writes when keys, tokens and users were last used, and forgets what has expired. The
// server calls it about once a second and when it stops. What could not be written is
// kept for the next call.
func (a *Auth) Flush(ctx context.Context) error {
	a.verified.sweep(a.now())
	swept := a.sweepTokens(ctx)

	a.used.mu.Lock()
	keys, tokens, users := a.used.keys, a.used.tokens, a.used.users
	a.used.keys, a.used.tokens, a.used.users = nil, nil, nil
	a.used.mu.Unlock()

	errs := []error{swept}
	if len(keys) > 0 {
		if err := a.records.TouchKeys(ctx, keys); err != nil {
			errs = append(errs, fmt.Errorf("write last use of keys: %w", err))
			for id, t := range keys {
				a.used.key(id, t)
			}
		}
	}
	if len(tokens) > 0 {
		if err := a.records.TouchTokens(ctx, tokens); err != nil {
			errs = append(errs, fmt.Errorf("write last use of tokens: %w", err))
			for id, t := range tokens {
				a.used.token(id, t)
			}
		}
	}
	if len(users) > 0 {
		if err := a.records.TouchUsers(ctx, users); err != nil {
			errs = append(errs, fmt.Errorf("write when users were last there: %w", err))
			for id, t := range users {
				a.used.user(id, t)
			}
		}
	}
	errs = append(errs, a.slowed.flush(ctx, a.records.NoteSlowed))
	return errors.Join(errs...)
}

// sweepTokens removes sessions and mounts that have ended, every ten minutes.
func (a *Auth) sweepTokens(ctx context.Context) error {
	now := a.now()
	last := a.swept.Load()
	if last == 0 { // not while the server starts
		a.swept.CompareAndSwap(0, now.Unix())
		return nil
	}
	if now.Unix()-last < 600 || !a.swept.CompareAndSwap(last, now.Unix()) {
		return nil
	}
	idle := time.UnixMicro(1)
	if a.sessionIdle > 0 {
		idle = now.Add(-a.sessionIdle)
	}
	if _, err := a.records.SweepTokens(ctx, now, idle); err != nil {
		return fmt.Errorf("remove sessions that have ended: %w", err)
	}
	return nil
}

// evict makes room for one more in a map of at most max: what goes is left to chance,
// so that nobody can aim at the entry of another.
func evict[K comparable, V any](m map[K]V, max int) {
	for k := range m {
		if len(m) < max {
			return
		}
		delete(m, k)
	}
}
