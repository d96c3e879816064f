package server

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Who works in a folder over WebDAV: nobody should find his files gone because somebody else
// tidied up.

// useJSON is how one client uses a folder. Address and token are for those who manage the folder.
type useJSON struct {
	Folder  *useFolderJSON `json:"folder,omitempty"`
	User    string         `json:"user"`
	Agent   string         `json:"agent"`
	Address *string        `json:"address"`
	Token   *string        `json:"token"` // ID of the token or mount
	First   string         `json:"first"`
	Last    string         `json:"last"`
	Running int64          `json:"running"`
	Reads   int64          `json:"reads"`
	Writes  int64          `json:"writes"`
}

type useFolderJSON struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type heldLockJSON struct {
	Path    string `json:"path"`
	User    string `json:"user"`
	Shared  bool   `json:"shared"`
	Depth   string `json:"depth"`
	Created string `json:"created"`
	Expires string `json:"expires"`
}

type folderUsesJSON struct {
	InUse bool           `json:"inUse"`
	Last  *string        `json:"last"`
	Uses  []useJSON      `json:"uses"`
	Locks []heldLockJSON `json:"locks"`
}

func useOut(u davfs.Use, whole bool) useJSON {
	j := useJSON{
		User: u.UserName, Agent: u.Agent, First: timeText(u.First), Last: timeText(u.Last),
		Running: u.Running, Reads: u.Reads, Writes: u.Writes,
	}
	if whole && u.Address.IsValid() {
		address := u.Address.String()
		j.Address = &address
	}
	if whole && u.TokenID != "" {
		j.Token = &u.TokenID
	}
	return j
}

// folderUses shows who uses a folder to who may read it; from where, to who manages it, and to
// everybody his own. Administrators see it of every folder.
func (s *Server) folderUses(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	m, err := s.vfolder(c, p)
	if errors.Is(err, fs.ErrNotExist) && p.Admin {
		if id, ok := store.ParseID(c.Param("id")); ok {
			m.Folder, err = s.store.Folder(ctx, id)
		}
	}
	if err == nil && !m.Folder.Deleted.IsZero() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	a, err := s.files.Activity(ctx, m.Folder.ID)
	if err != nil {
		return err
	}
	manages := p.Admin || m.Rights.Has(store.Admin)
	out := folderUsesJSON{InUse: a.InUse(), Uses: []useJSON{}, Locks: []heldLockJSON{}}
	if !a.Last.IsZero() {
		last := timeText(a.Last)
		out.Last = &last
	}
	for _, u := range a.Uses {
		out.Uses = append(out.Uses, useOut(u, manages || u.UserID == p.UserID))
	}
	for _, l := range a.Locks {
		depth := "0"
		if l.Infinite {
			depth = "infinity"
		}
		out.Locks = append(out.Locks, heldLockJSON{l.Path, l.UserName, l.Shared, depth, timeText(l.Created), timeText(l.Expires)})
	}
	return answerJSON(c, out)
}

// maxActive bounds one answer.
const maxActive = 1000

// activeMounts shows administrators who uses any folder, latest first.
func (s *Server) activeMounts(c echo.Context, p store.Principal) error {
	if !p.Admin {
		return fmt.Errorf("%w: only administrators see who uses the folders of all", fs.ErrPermission)
	}
	uses := s.files.Uses()
	out := struct {
		Items []useJSON `json:"items"`
		More  int       `json:"more"` // that are not shown
	}{Items: []useJSON{}}
	titles := map[string]string{}
	for i, u := range uses {
		if i == maxActive {
			out.More = len(uses) - i
			break
		}
		title, known := titles[u.FolderID]
		if !known {
			f, err := s.store.Folder(c.Request().Context(), u.FolderID)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			title, titles[u.FolderID] = f.Title, f.Title
		}
		j := useOut(u, true)
		j.Folder = &useFolderJSON{u.FolderID, title}
		out.Items = append(out.Items, j)
	}
	return answerJSON(c, out)
}

// later is the later of two times; SQL knows of the last use up to a minute late.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
