package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// Here a folder is called a virtual folder: the API of a compute platform.

const (
	apiVersion = "v2.20170315"
	maxNameLen = 64
)

var vfolderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// version tells clients what is spoken here, without credentials.
func (s *Server) version(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"version": apiVersion, "manager": Version()})
}

// createFolder makes a folder that belongs to the caller.
func (s *Server) createFolder(c echo.Context, p store.Principal) error {
	name, err := vfolderNameIn(c)
	if err != nil {
		return err
	}
	if p.Narrowed() || p.ReadOnly {
		return fmt.Errorf("%w: this token cannot make folders", fs.ErrPermission) // D30
	}
	limit, err := s.maxFolders(c.Request().Context(), p.UserID)
	if err != nil {
		return err
	}
	f, err := s.files.CreateFolder(c.Request().Context(), store.NewFolder{
		Folder: store.Folder{
			OwnerID: p.UserID, Title: name, MaxBytes: store.Default, MaxFiles: store.Default,
		},
		UniqueTitle: true,
		MaxFolders:  limit,
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"folderId": f.ID})
}

// maxFolders is how many folders a user may have; 0 is any number.
func (s *Server) maxFolders(ctx context.Context, userID string) (int64, error) {
	owner, err := s.store.User(ctx, userID)
	if err != nil {
		return 0, fmt.Errorf("owner of the new folder: %w", hide(err))
	}
	if owner.Limits.MaxFolders == store.Default {
		return s.defaults.MaxFolders, nil
	}
	return owner.Limits.MaxFolders, nil
}

// vfolderNameIn reads {"name": …}.
func vfolderNameIn(c echo.Context) (string, error) {
	in, err := readObject(c)
	if err != nil {
		return "", err
	}
	name := in.text("name")
	switch {
	case len(name) > maxNameLen:
		in.refuse("name", "must have at most %d characters", maxNameLen)
	case !vfolderName.MatchString(name):
		in.refuse("name", "must be letters, digits, - and _, with a letter or digit first")
	}
	return name, in.bad()
}

// vfolder is what GET answers: a superset of what the clients of all versions look for.
type vfolder struct {
	FolderID string `json:"folderId"`
	ID       string `json:"id"`
	Name     string `json:"name"`
	Host     string `json:"host"`

	Created   string  `json:"created"`
	CreatedAt string  `json:"created_at"`
	LastUsed  *string `json:"last_used"`

	NumFiles       int64  `json:"numFiles"`
	NumFilesOld    int64  `json:"num_files"`
	MaxFiles       *int64 `json:"max_files"`
	UsedBytes      int64  `json:"used_bytes"`
	MaxBytes       *int64 `json:"max_bytes"`
	AvailableBytes int64  `json:"available_bytes"`
	UsedMiB        int64  `json:"usedSize"`
	MaxMiB         *int64 `json:"maxSize"`
	MaxMiBOld      *int64 `json:"max_size"`

	IsOwner       bool    `json:"is_owner"`
	Permission    string  `json:"permission"`
	Type          string  `json:"type"`
	OwnershipType string  `json:"ownership_type"`
	User          *string `json:"user"`
	UserEmail     *string `json:"user_email"`
	Group         *string `json:"group"`
	GroupName     *string `json:"group_name"`
	Creator       string  `json:"creator"`
	QuotaScopeID  string  `json:"quota_scope_id"`
	CurKiB        int64   `json:"cur_size"`
	UsageMode     string  `json:"usage_mode"`
	Cloneable     bool    `json:"cloneable"`
	Status        string  `json:"status"`
}

// folder shows one folder with its usage of this moment.
func (s *Server) folder(c echo.Context, p store.Principal) error {
	m, err := s.vfolder(c, p)
	if err != nil {
		return err
	}
	return s.showFolder(c, m, p)
}

// showFolder answers with a folder and its usage of this moment.
func (s *Server) showFolder(c echo.Context, m store.Mount, p store.Principal) error {
	u, err := s.files.Usage(c.Request().Context(), m.Folder)
	if err != nil {
		return fmt.Errorf("usage of folder %s: %w", m.Folder.ID, err)
	}
	row, err := s.store.Folder(c.Request().Context(), m.Folder.ID)
	if err != nil {
		return err
	}
	m.Folder.LastUsed = s.files.LastUse(row) // in a mount it may be old
	return c.JSON(http.StatusOK, s.vfolderOf(m, u, p))
}

func (s *Server) vfolderOf(m store.Mount, u davfs.Usage, p store.Principal) vfolder {
	f := m.Folder
	v := vfolder{
		FolderID: f.ID, ID: f.ID, Name: f.Title, Host: s.hostOf(f),
		Created: isoTime(f.Created), CreatedAt: isoTime(f.Created),
		NumFiles: u.Files, NumFilesOld: u.Files, MaxFiles: limitOf(u.MaxFiles),
		UsedBytes: u.Bytes, MaxBytes: limitOf(u.MaxBytes), AvailableBytes: u.Available,
		UsedMiB: mib(u.Bytes), MaxMiB: limitOf(mib(u.MaxBytes)), MaxMiBOld: limitOf(mib(u.MaxBytes)),
		CurKiB: u.Bytes>>10 + min(1, u.Bytes&(1<<10-1)), Permission: permission(m.Rights),
		Creator: f.OwnerName, UsageMode: f.UsageMode, Cloneable: f.Cloneable, Status: "ready",
	}
	if f.ProjectID == "" {
		v.IsOwner, v.Type, v.User = f.OwnerID == p.UserID, "user", uuidText(f.OwnerID)
		v.UserEmail = &f.OwnerName
	} else {
		v.IsOwner, v.Type, v.Group = m.Role.Manages(), "group", uuidText(f.ProjectID)
		v.GroupName = &f.ProjectTitle
	}
	v.OwnershipType = v.Type
	v.QuotaScopeID = "user:" + f.OwnerID
	if v.User != nil {
		v.QuotaScopeID = "user:" + *v.User
	} else if v.Group != nil {
		v.QuotaScopeID = "project:" + *v.Group
	}
	used := s.files.LastDAVUse(f.ID)
	if !used.IsZero() {
		v.Status = "mounted"
	}
	if used = later(used, f.LastUsed); !used.IsZero() {
		t := isoTime(used)
		v.LastUsed = &t
	}
	return v
}

// deleteFolder is final: contents, locks and access are gone when it returns.
func (s *Server) deleteFolder(c echo.Context, p store.Principal) error {
	m, err := s.vfolder(c, p)
	if err != nil {
		return err
	}
	if !m.Rights.Has(store.Remove) {
		return fmt.Errorf("%w: you may not delete this folder", fs.ErrPermission)
	}
	if err := s.files.DeleteFolder(c.Request().Context(), m.Folder.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// vfolder finds the folder of the route's ID; what the caller may not see does not exist.
func (s *Server) vfolder(c echo.Context, p store.Principal) (store.Mount, error) {
	id, ok := store.ParseID(c.Param("id"))
	if !ok {
		return store.Mount{}, fs.ErrNotExist
	}
	return s.auth.Mount(c.Request().Context(), p, id)
}

func permission(r store.Rights) string {
	switch {
	case r.Has(store.Write | store.Remove): // with Read or without: see auth.Rights
		return "wd"
	case r.Has(store.Write):
		return "rw"
	}
	return "ro"
}

// hide turns a missing thing that the client did not ask for into an internal error.
func hide(err error) error { return errors.New(err.Error()) }

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }

// limitOf is null for no limit.
func limitOf(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// mib rounds up, so that a little is not nothing.
func mib(bytes int64) int64 { return bytes>>20 + min(1, bytes&(1<<20-1)) }

func uuidText(id string) *string {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil
	}
	text := u.String()
	return &text
}
