package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"davit/store"
)

// The rules of signed requests. They are those of Backend.AI (formerly Sorna), with the
// restrictions of D28.
const (
	maxSkew       = 15 * time.Minute
	maxSignedBody = 1 << 20

	// From this version on, compared as text, signatures do not cover the body.
	unhashedFrom = "v4.20181215"
)

var errPlainBody = fmt.Errorf("%w: a signature of this version does not cover the body: use https, or start the server with --allow-plain-body", store.ErrPlain)

// signature is a parsed Authorization header of a signed request.
type signature struct {
	newHash   func() hash.Hash
	accessKey string
	mac       []byte
}

// parseSignature reads "signMethod=HMAC-SHA256, credential=KEY:HEX", in any order.
// Unknown parameters are ignored.
func parseSignature(text string) (signature, error) {
	var s signature
	var method, credential string
	for param := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(param), "=")
		if !ok {
			return signature{}, &ParamError{"Authorization: a parameter has no value"}
		}
		switch strings.TrimSpace(name) {
		case "signMethod":
			method = strings.TrimSpace(value)
		case "credential":
			credential = strings.TrimSpace(value)
		}
	}
	switch strings.ToUpper(method) {
	case "HMAC-SHA256":
		s.newHash = sha256.New
	case "HMAC-SHA384":
		s.newHash = sha512.New384
	case "HMAC-SHA512":
		s.newHash = sha512.New
	case "":
		return signature{}, &ParamError{"Authorization: signMethod is missing"}
	default:
		return signature{}, &ParamError{"Authorization: signMethod must be HMAC-SHA256, HMAC-SHA384 or HMAC-SHA512"}
	}
	key, mac, ok := strings.Cut(credential, ":")
	if !ok || key == "" {
		return signature{}, &ParamError{"Authorization: credential must be an access key, a colon and a signature"}
	}
	s.accessKey = key
	s.mac, _ = hex.DecodeString(mac) // what is not hex matches nothing
	return s, nil
}

// signedDate is a date header: signed as it was sent, and understood.
type signedDate struct {
	text string
	time time.Time // in the header's own zone
}

// dates returns the date headers by which the signature may have been made, those
// within maxSkew: Date, or what browsers send since they can't set Date. Both count if
// both are there, for a proxy may have added Date.
func dates(h http.Header, now time.Time) ([]signedDate, error) {
	var texts []string
	if date := h.Get("Date"); date != "" {
		texts = append(texts, date)
	}
	if date := cmp.Or(h.Get("X-BackendAI-Date"), h.Get("X-Sorna-Date")); date != "" {
		texts = append(texts, date)
	}
	if len(texts) == 0 {
		return nil, &ParamError{"Date: the header is missing"}
	}
	var good []signedDate
	problem := "Date: not a date"
	for _, text := range texts {
		t, ok := parseDate(text)
		if !ok {
			continue
		}
		if now.Sub(t).Abs() > maxSkew {
			problem = "Date: more than 15 minutes away from the server's time, " + now.UTC().Format(time.RFC3339)
			continue
		}
		good = append(good, signedDate{text, t})
	}
	if len(good) == 0 {
		return nil, &ParamError{problem}
	}
	return good, nil
}

// signed verifies a signed request. Its steps have the order that clients expect of
// their errors: what is malformed is told before who is unknown.
func (a *Auth) signed(r *http.Request, params string) (store.Principal, error) {
	now := a.now()
	candidates, err := dates(r.Header, now)
	if err != nil {
		return store.Principal{}, err
	}
	sig, err := parseSignature(params)
	if err != nil {
		return store.Principal{}, err
	}
	versionName, version := "x-backendai-version", r.Header.Get("X-BackendAI-Version")
	if version == "" {
		versionName, version = "x-sorna-version", r.Header.Get("X-Sorna-Version")
	}
	if version == "" {
		return store.Principal{}, &ParamError{"X-BackendAI-Version: the header is missing"}
	}
	mediaType := signedMediaType(r.Header)
	hashed := version < unhashedFrom && mediaType != "multipart/form-data"
	if !hashed && r.ContentLength != 0 && !a.plainBody && !a.client(r).private() {
		return store.Principal{}, errPlainBody
	}

	user, secret, err := a.keyOwner(r.Context(), sig.accessKey)
	known := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return store.Principal{}, err
	}
	h := sig.newHash()
	if hashed && known {
		if err := hashBody(r, h); err != nil {
			return store.Principal{}, err
		}
	}
	bodyHash := hex.EncodeToString(h.Sum(nil))

	// Who may only POST, and says what it stands for, has signed the one or the other.
	methods := []string{r.Method}
	if r.Header.Get("X-Method-Override") != "" && r.Method != http.MethodPost {
		methods = append(methods, http.MethodPost)
	}
	for _, date := range candidates {
		text := strings.Join([]string{
			r.RequestURI,
			date.text,
			"host:" + r.Host,
			"content-type:" + mediaType,
			versionName + ":" + version,
			bodyHash,
		}, "\n")
		// The documents say the UTC day, the original server takes the header's own.
		days := []string{date.time.Format("20060102"), date.time.UTC().Format("20060102")}
		if days[0] == days[1] {
			days = days[:1]
		}
		for _, day := range days {
			for _, method := range methods {
				if !hmac.Equal(sign(sig.newHash, secret, day, r.Host, method+"\n"+text), sig.mac) || !known {
					continue
				}
				if unsafe(method) {
					if err := a.replays.add(sig, now, date.time.Add(maxSkew)); err != nil {
						return store.Principal{}, err
					}
				}
				a.used.key(sig.accessKey, now)
				return principal(user, sig.accessKey), nil
			}
		}
	}
	return store.Principal{}, store.ErrUnauthenticated
}

// sign computes a signature: the key is derived by day and host, in this order.
func sign(newHash func() hash.Hash, secret []byte, day, host, text string) []byte {
	mac := func(key []byte, msg string) []byte {
		h := hmac.New(newHash, key)
		io.WriteString(h, msg)
		return h.Sum(nil)
	}
	return mac(mac(mac(secret, day), host), text)
}

// keyOwner returns the user of an access key and its secret key. For an unknown one it
// returns fs.ErrNotExist and a secret to spend time on.
func (a *Auth) keyOwner(ctx context.Context, accessKey string) (store.User, []byte, error) {
	nobody := make([]byte, 40)
	key, err := a.records.Key(ctx, accessKey)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return store.User{}, nobody, fmt.Errorf("authenticate: %w", err)
	}
	// Asked for also when there is no key: nobody has the ID "", and it takes its time.
	user, err := a.records.User(ctx, key.UserID)
	if err != nil {
		return store.User{}, nobody, fmt.Errorf("authenticate: %w", err)
	}
	secret, err := a.unseal(accessKey, key.Sealed)
	if err != nil {
		return store.User{}, nobody, fmt.Errorf("authenticate: %w", err)
	}
	return user, secret, nil
}

// hashBody reads the body into h and puts it back for the handler.
func hashBody(r *http.Request, h hash.Hash) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if r.ContentLength > maxSignedBody {
		return &ParamError{"body: signed bodies have at most 1 MiB"}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSignedBody+1))
	if err != nil {
		return fmt.Errorf("read signed body: %w", err)
	}
	if len(body) > maxSignedBody {
		return &ParamError{"body: signed bodies have at most 1 MiB"}
	}
	h.Write(body)
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), r.Body}
	return nil
}

// signedMediaType is the content type as it is signed: without parameters, in lower
// case, and with a default for none and another for nonsense.
func signedMediaType(h http.Header) string {
	lines := h["Content-Type"]
	if len(lines) == 0 {
		return "application/octet-stream"
	}
	text, _, _ := strings.Cut(lines[0], ";")
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.Count(text, "/") != 1 {
		return "text/plain"
	}
	return text
}

// unsafe says whether a method may change something (RFC 9110, section 9.2.1).
func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// The numbers of signatures that are remembered: of one key as many as the API's rate
// limit lets through twice over, in all what takes some 20 MB.
const (
	maxReplays     = 1 << 18
	maxReplaysEach = 1 << 16
)

// replays remembers the signatures of unsafe requests for as long as they would be
// accepted, so that none counts twice (D28). It does not outlive the process.
type replays struct {
	mu    sync.Mutex
	seen  map[digest]replay
	each  map[string]int
	swept time.Time
}

type replay struct {
	accessKey string
	until     time.Time
}

// add remembers a signature that is good until then: store.ErrUnauthenticated if it is
// there already, *RetryError if there is no room for it.
func (p *replays) add(sig signature, now, until time.Time) error {
	sum := sha256.Sum256(append([]byte(sig.accessKey+":"), sig.mac...))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen, p.each = make(map[digest]replay), make(map[string]int)
	}
	if now.Sub(p.swept) >= time.Minute {
		p.swept = now
		for sum, r := range p.seen {
			if now.After(r.until) {
				delete(p.seen, sum)
				if p.each[r.accessKey]--; p.each[r.accessKey] == 0 {
					delete(p.each, r.accessKey)
				}
			}
		}
	}
	if r, ok := p.seen[sum]; ok && !now.After(r.until) {
		return store.ErrUnauthenticated
	}
	switch {
	case p.each[sig.accessKey] >= maxReplaysEach:
		return &RetryError{Err: store.ErrTooMany, After: time.Minute}
	case len(p.seen) >= maxReplays:
		return &RetryError{Err: store.ErrBusy, After: time.Minute}
	}
	p.seen[sum] = replay{sig.accessKey, until}
	p.each[sig.accessKey]++
	return nil
}
