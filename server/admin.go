package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"time"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// Davit's own routes for those who run an installation: users (users.go), all folders (adminfolders.go), locks
// (locks.go), the audit (audit.go), how the server is (status.go). What of it concerns
// oneself or one's own folders is for everybody.

func (s *Server) adminRoutes(e *echo.Echo) {
	e.GET("/api/davit/me", s.as(s.me))
	e.GET("/api/davit/users", s.as(s.users))
	e.POST("/api/davit/users", s.as(s.createUser))
	e.GET("/api/davit/users/find", s.as(s.findUsers))
	e.GET("/api/davit/users/:user", s.as(s.user))
	e.PATCH("/api/davit/users/:user", s.as(s.changeUser))
	e.DELETE("/api/davit/users/:user", s.as(s.deleteUser))
	e.GET("/api/davit/users/:user/sessions", s.as(s.userSessions))
	e.DELETE("/api/davit/users/:user/sessions/:id", s.as(s.endUserSession))
	e.DELETE("/api/davit/users/:user/credentials", s.as(s.revokeUser))
	e.GET("/api/davit/products", s.as(s.showProductsInUse))

	e.GET("/api/davit/folders", s.as(s.allFolders))
	e.GET("/api/davit/folders/:id", s.as(s.oneFolder))
	e.PATCH("/api/davit/folders/:id", s.as(s.changeFolder))
	e.DELETE("/api/davit/folders/:id", s.as(s.removeFolder))
	e.POST("/api/davit/folders/:id/scan", s.as(s.scanFolder))
	e.POST("/api/davit/folders/:id/restore", s.as(s.restoreFolder))
	e.POST("/api/davit/folders/:id/owner", s.as(s.giveFolder))

	e.GET("/api/davit/folders/:id/locks", s.as(s.folderLocks))
	e.DELETE("/api/davit/folders/:id/locks/:token", s.as(s.breakLock))
	e.GET("/api/davit/locks", s.as(s.allLocks))

	e.GET("/api/davit/folders/:id/audit", s.as(s.folderAudit))
	e.GET("/api/davit/audit", s.as(s.audit))
	e.GET("/api/davit/audit/export", s.as(s.exportAudit))

	e.GET("/api/davit/status", s.as(s.showStatus))
	e.GET("/api/davit/check", s.as(s.showCheck))
	e.POST("/api/davit/check", s.as(s.startCheck))
}

// administrator refuses all others. A token that is narrowed administers nothing, whoever's it is (D30).
func administrator(p store.Principal) error {
	if !p.Admin {
		return fmt.Errorf("this is for administrators: %w", fs.ErrPermission)
	}
	return nil
}

// pathText is a parameter of the path, as the client meant it: echo leaves it escaped if something in the path was
// escaped that need not be.
func pathText(c echo.Context, name string) (string, error) {
	text := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return text, nil
	}
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", &paramError{name, "is not well-formed"}
	}
	return text, nil
}

// rows is the part of a long list that is asked for: at most size elements behind the one that after
// names. The contract of pages is that of file collections.
type rows struct {
	size  int
	after string
}

// rowsIn reads itemsPerPage and next. A next that makes no sense is the beginning.
func rowsIn(q *queryFields) rows {
	r := rows{size: defaultPage}
	if n, _ := q.optInt("itemsPerPage"); slices.Contains(pageSizes, n) {
		r.size = int(n)
	}
	text, _ := q.optText("next")
	if b, err := base64.RawURLEncoding.DecodeString(text); err == nil {
		r.after = string(b)
	}
	return r
}

// rowsJSON is a page of a list.
type rowsJSON[T any] struct {
	ItemsPerPage int     `json:"itemsPerPage"`
	Items        []T     `json:"items"`
	Next         *string `json:"next"`
}

// rowPage is what is answered: all are at most one more than was asked for, key is what the next page begins behind.
func rowPage[R, T any](r rows, all []R, key func(R) string, show func(R) T) rowsJSON[T] {
	out := rowsJSON[T]{ItemsPerPage: r.size, Items: []T{}}
	if len(all) > r.size {
		all = all[:r.size]
		out.Next = nextOf(key(all[r.size-1]))
	}
	for _, x := range all {
		out.Items = append(out.Items, show(x))
	}
	return out
}

// nextOf is the opaque form of what the next page begins behind; "" is the end.
func nextOf(key string) *string {
	if key == "" {
		return nil
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(key))
	return &text
}

// limitsIn reads the limits in the object "limits" of a body: a number, null for none, "default" for what the level
// above says. What is absent is left alone.
func limitsIn(in *object, dest map[string]**int64) {
	if !in.has("limits") {
		if in.fields["limits"] != nil {
			in.refuse("limits", "must be an object")
		}
		return
	}
	limits := in.object("limits")
	for _, name := range slices.Sorted(maps.Keys(limits.fields)) {
		if dest[name] == nil {
			limits.refuse(fieldName(name), "is no limit here")
		}
	}
	for name, to := range dest {
		raw, given := limits.fields[name]
		if !given || limits.bad() != nil {
			continue
		}
		n := int64(0)
		switch text := string(raw); text {
		case "null":
		case `"default"`:
			n = store.Default
		default:
			if json.Unmarshal(raw, &n) != nil || n < 0 {
				limits.refuse(name, `must be a whole number, null for no limit, or "default"`)
				continue
			}
		}
		*to = &n
	}
}

// ownLimit shows a limit as limitsIn reads it.
func ownLimit(n int64) any {
	switch n {
	case store.Default:
		return "default"
	case 0:
		return nil
	}
	return n
}

// isoOrNull is a time, or null for none.
func isoOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := timeText(t)
	return &text
}
