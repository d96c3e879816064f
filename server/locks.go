package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"unicode/utf8"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// lockView is a WebDAV lock (RFC 4918, section 6). The token is shown to who may remove it.
type lockView struct {
	Folder string  `json:"folder"`
	Title  string  `json:"folderTitle,omitempty"` // where locks of several folders are shown
	Path   string  `json:"path"`
	Depth  string  `json:"depth"`
	Shared bool    `json:"shared"`
	User   string  `json:"user"`
	Owner  string  `json:"owner"` // as the client calls it: XML
	Since  string  `json:"since"`
	Until  string  `json:"until"`
	Token  *string `json:"token"`
}

func lockViewOf(l store.Lock, open bool) lockView {
	v := lockView{
		Folder: l.FolderID, Path: l.Path, Depth: "0", Shared: l.Shared, User: l.UserName, Owner: l.OwnerXML,
		Since: timeText(l.Created), Until: timeText(l.Expires),
	}
	if l.Infinite {
		v.Depth = "infinity"
	}
	if open {
		v.Token = &l.Token
	}
	return v
}

// folderLocks shows who locks what in a folder, to everybody who may read it.
func (s *Server) folderLocks(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	if !p.Admin && !m.rights.Has(store.Read) {
		return fmt.Errorf("this needs the right read on the folder: %w", fs.ErrPermission)
	}
	out := struct {
		Locks []lockView `json:"locks"`
	}{[]lockView{}}
	if m.Deleted.IsZero() {
		locks, err := s.files.Locks(c.Request().Context(), m.ID)
		if err != nil {
			return err
		}
		for _, l := range locks {
			out.Locks = append(out.Locks, lockViewOf(l, m.mayBreak(p, l)))
		}
	}
	return c.JSON(http.StatusOK, out)
}

// mayBreak says whether p may remove a lock: its own, where p may write, and any with the right admin.
func (m managed) mayBreak(p store.Principal, l store.Lock) bool {
	return m.admin || l.UserID == p.UserID && m.rights.Has(store.Write)
}

// breakLock removes a lock at once. Its client's next request with it is refused.
func (s *Server) breakLock(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	token, err := pathText(c, "token")
	if err != nil {
		return err
	}
	missing := &refusal{status: http.StatusNotFound, kind: "lock-not-found", why: "there is no such lock in the folder", err: fs.ErrNotExist}
	if !m.Deleted.IsZero() {
		return missing
	}
	ctx := c.Request().Context()
	locks, err := s.files.Locks(ctx, m.ID)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if l.Token != token {
			continue
		}
		if !m.mayBreak(p, l) {
			return fmt.Errorf("the lock is of %s: %w", l.UserName, fs.ErrPermission)
		}
		if err := s.files.BreakLock(ctx, m.ID, token); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return missing
			}
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}
	return missing
}

// allLocks lists the locks of all folders for administrators.
func (s *Server) allLocks(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	q := queryOf(c)
	part := rowsIn(q)
	var w store.LockFilter
	if w.Query, _ = q.optText("query"); utf8.RuneCountInString(w.Query) > 256 || !utf8.ValidString(w.Query) {
		q.refuse("query", "must be UTF-8 of at most 256 characters")
	}
	if folder, given := q.optText("folder"); given {
		id, ok := store.ParseID(folder)
		if w.FolderID = id; !ok {
			q.refuse("folder", "must be the ID of a folder")
		}
	}
	if err := q.bad(); err != nil {
		return err
	}
	locks, err := s.store.AllLocks(c.Request().Context(), w, part.after, part.size+1)
	if err != nil {
		return err
	}
	out := rowPage(part, locks, func(l store.Lock) string { return l.Token }, func(l store.Lock) store.Lock { return l })
	page := rowsJSON[lockView]{ItemsPerPage: out.ItemsPerPage, Items: []lockView{}, Next: out.Next}
	titles := make(map[string]string, len(out.Items))
	for _, l := range out.Items {
		titles[l.FolderID] = l.Folder
	}
	for _, l := range s.files.Holds(out.Items) {
		v := lockViewOf(l, true)
		v.Title = titles[l.FolderID]
		page.Items = append(page.Items, v)
	}
	return c.JSON(http.StatusOK, page)
}

// LockCommands are "davit lock …".
type LockCommands struct {
	List lockList `cmd:"" help:"List the WebDAV locks."`
	Rm   lockRm   `cmd:"" help:"Remove a WebDAV lock, whoever has it."`
}

type lockList struct {
	Folder string `help:"Only those in this folder." placeholder:"ID"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run lists the locks that have not expired.
func (c *lockList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		folder := ""
		if c.Folder != "" {
			f, err := folderNamed(ctx, st, c.Folder)
			if err != nil {
				return err
			}
			folder = f.ID
		}
		out, rows := []lockView{}, [][]string{}
		for after := ""; ; {
			locks, err := st.AllLocks(ctx, store.LockFilter{FolderID: folder}, after, 1000)
			if err != nil {
				return err
			}
			if len(locks) == 0 {
				break
			}
			after = locks[len(locks)-1].Token
			for _, l := range locks {
				v := lockViewOf(l, true)
				out = append(out, v)
				rows = append(rows, []string{v.Folder, "/" + v.Path, v.Depth, v.User, v.Since, v.Until, l.Token})
			}
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("FOLDER PATH DEPTH USER SINCE UNTIL TOKEN", rows)
	})
}

type lockRm struct {
	Token string `arg:"" help:"Token of the lock, as lock list shows it: urn:uuid:…"`
}

// Run removes the lock. A running server notices within a second.
func (c *lockRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		token := c.Token
		if !strings.Contains(token, ":") {
			token = "urn:uuid:" + token
		}
		err := st.BreakLock(ctx, token)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no lock %q", c.Token)
		}
		return err
	})
}
