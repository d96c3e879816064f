package server

import (
	"errors"
	"io/fs"
	"net/http"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// Davit's own routes about workspaces (a user's own, by the user's ID or "me", and projects): their
// quota in each category of storage products.

func (s *Server) tierRoutes(e *echo.Echo) {
	e.GET("/api/davit/workspaces/:workspace/quota", s.as(s.quota))
	e.PUT("/api/davit/workspaces/:workspace/quota", s.as(s.setQuota))
}

// workspaceIn finds the workspace of the route, if p is its user, one of its members, or an administrator; for others it
// does not exist (D5).
func (s *Server) workspaceIn(c echo.Context, p store.Principal) (id string, err error) {
	unknown := &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "no such workspace is visible to you"}
	id, ok := store.ParseID(c.Param("workspace"))
	if c.Param("workspace") == "me" || ok && id == p.UserID {
		return p.UserID, nil
	}
	ctx := c.Request().Context()
	if !ok && p.Admin {
		u, err := s.store.UserByName(ctx, c.Param("workspace"))
		if err == nil {
			return u.ID, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if !ok {
		return "", unknown
	}
	if p.Admin {
		_, err = s.store.Project(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = s.store.User(ctx, id)
		}
	} else {
		_, err = s.store.Member(ctx, id, p.UserID)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = unknown
	}
	return id, err
}

type quotaJSON struct {
	Workspace  string              `json:"workspace"`
	Categories []categoryQuotaJSON `json:"categories"`
}

type categoryQuotaJSON struct {
	Category        string `json:"category"`
	MaxBytes        *int64 `json:"maxBytes"` // null: no limit
	OwnLimit        bool   `json:"ownLimit"`
	DefaultMaxBytes *int64 `json:"defaultMaxBytes"`
	UsedBytes       int64  `json:"usedBytes"`
	ReservedBytes   int64  `json:"reservedBytes"`
	AvailableBytes  *int64 `json:"availableBytes"`
	Files           int64  `json:"files"`
	Folders         int64  `json:"folders"`
	DeletedFolders  int64  `json:"deletedFolders"`
	DeletedBytes    int64  `json:"deletedBytes"`
}

func quotaOut(workspace string, all []store.CategoryUsage) quotaJSON {
	out := quotaJSON{Workspace: workspace, Categories: []categoryQuotaJSON{}}
	for _, u := range all {
		c := categoryQuotaJSON{
			Category: u.Category, MaxBytes: limitOf(u.MaxBytes), OwnLimit: u.OwnLimit, DefaultMaxBytes: limitOf(u.DefaultBytes),
			UsedBytes: u.Bytes, ReservedBytes: u.Reserved, Files: u.Files, Folders: u.Folders, DeletedFolders: u.KeptFolders, DeletedBytes: u.KeptBytes,
		}
		if u.MaxBytes > 0 {
			rest := max(0, u.MaxBytes-u.Bytes-u.Reserved)
			c.AvailableBytes = &rest
		}
		out.Categories = append(out.Categories, c)
	}
	return out
}

// quota shows what a workspace holds and may hold in each category.
func (s *Server) quota(c echo.Context, p store.Principal) error {
	id, err := s.workspaceIn(c, p)
	if err != nil {
		return err
	}
	return s.showQuota(c, id)
}

func (s *Server) showQuota(c echo.Context, id string) error {
	all, err := s.files.WorkspaceUsage(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, quotaOut(id, all))
}

// setQuota sets the limit of a workspace in one category; null takes it away, so that the category's own holds.
func (s *Server) setQuota(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	id, err := s.workspaceIn(c, p)
	if err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	name, _ := in.optText("category")
	max := store.Default
	if n, given := in.optInt("maxBytes"); given {
		max = n
	}
	if _, there := in.fields["maxBytes"]; !there {
		in.refuse("maxBytes", "is missing: a number of bytes, 0 for no limit, or null for the category's own")
	}
	if max < store.Default || in.has("maxBytes") && max < 0 {
		in.refuse("maxBytes", "must not be negative")
	}
	category, ok := s.products.CategoryNamed(name)
	if !ok {
		in.refuse("category", "is no category of the storage products: see GET /api/davit/workspaces/me/quota")
	}
	if err := in.bad(); err != nil {
		return err
	}
	if err := s.files.SetWorkspaceLimit(c.Request().Context(), id, category, max); err != nil {
		return err
	}
	return s.showQuota(c, id)
}
