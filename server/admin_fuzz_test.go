package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// Whatever a body or a query says, limits are in their range, times in theirs, pages too.
func FuzzAdminInput(f *testing.F) {
	for _, body := range []string{`{"name":"a","limits":{"maxBytes":null,"maxFiles":"default","maxFolders":3}}`, `{"limits":5}`, `{"limits":{"maxBytes":-1}}`, `{"password":null}`, `{"admin":1}`} {
		f.Add(body, "itemsPerPage=10&next=eA&since=2026-11-22&until=2026-11-22T08:30:00Z&folder=0&action=folder.")
	}
	f.Fuzz(func(t *testing.T, body, query string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		c := echo.New().NewContext(r, httptest.NewRecorder())
		if in, err := readObject(c); err == nil {
			change, password := userIn(in)
			if in.bad() == nil {
				for _, n := range []*int64{change.MaxFolders, change.MaxBytes, change.MaxFiles} {
					if n != nil && *n < store.Default {
						t.Errorf("limit %d of %q", *n, body)
					}
				}
				if password != nil && *password == "" && !strings.Contains(body, "null") {
					t.Errorf("an empty password of %q", body)
				}
			}
		}
		q := queryOf(c)
		if part := rowsIn(q); part.size < 1 || part.size > 1000 {
			t.Errorf("a page of %d", part.size)
		}
		if at, err := parseTime(q.values.Get("since")); err == nil && (at.Year() < 1970 || at.Year() > 9999) {
			t.Errorf("since %v", at)
		}
	})
}
