package auth

import (
	"context"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"davit/store"

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
