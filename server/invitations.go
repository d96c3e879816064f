package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// Invitations by folder ID, for whoever knows folders as collections (D33). They are the same ones that
// the calls of virtual folders show.

const invitationsPath = "/api/davit/invitations"

func (s *Server) invitationRoutes(e *echo.Echo) {
	e.GET(invitationsPath, s.as(s.listInvitations))
	e.POST(invitationsPath, s.as(s.createInvitations))
	e.DELETE(invitationsPath+"/:id", s.as(s.deleteInvitation))
	e.POST(invitationsPath+"/:id/accept", s.as(s.takeInvitation))
	e.POST(invitationsPath+"/:id/reject", s.as(s.deleteInvitation))
}

type invitationJSON struct {
	ID         string  `json:"id"`
	FolderID   string  `json:"folderId"`
	Folder     string  `json:"folder"`
	Inviter    string  `json:"inviter"`
	Invitee    string  `json:"invitee"`
	Permission string  `json:"permission"`
	State      string  `json:"state"`
	Created    string  `json:"created"`
	Modified   *string `json:"modified"`
}

func invitationsOut(all []store.Invitation) []invitationJSON {
	out := make([]invitationJSON, len(all))
	for n, i := range all {
		out[n] = invitationJSON{ID: i.ID, FolderID: i.FolderID, Folder: i.FolderTitle, Inviter: i.InviterName, Invitee: i.InviteeName,
			Permission: "READ", State: string(i.State), Created: timeText(i.Created)}
		if i.Rights.Has(store.Write) {
			out[n].Permission = "EDIT"
		}
		if !i.Modified.IsZero() {
			t := timeText(i.Modified)
			out[n].Modified = &t
		}
	}
	return out
}

// listInvitations lists the open ones, received and sent.
func (s *Server) listInvitations(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	to, err := s.store.InvitationsTo(ctx, p.UserID)
	if err != nil {
		return err
	}
	from, err := s.store.InvitationsFrom(ctx, p.UserID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"received": invitationsOut(to), "sent": invitationsOut(from)})
}

// createInvitations invites users, all of them or none; who has an open invitation keeps it.
func (s *Server) createInvitations(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	folder := in.text("folderId")
	names := in.texts("users")
	if len(names) == 0 || len(names) > maxShared {
		in.refuse("users", "must have 1 to %d elements", maxShared)
	}
	rights := store.RightsRO
	switch in.text("permission") {
	case "READ":
	case "EDIT":
		rights = store.RightsWD
	default:
		in.refuse("permission", "must be READ or EDIT")
	}
	id, ok := store.ParseID(folder)
	if !ok {
		in.refuse("folderId", "must be an ID: 32 hex digits, with or without dashes")
	}
	if err := in.bad(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	m, err := s.auth.Mount(ctx, p, id)
	if err != nil {
		return err
	}
	if err := mayManage(m, store.Admin, "share"); err != nil {
		return err
	}
	if err := s.mayShare(ctx, m); err != nil {
		return err
	}
	users := make([]string, len(names))
	for n, name := range names {
		u, err := s.userNamed(ctx, fmt.Sprintf("users[%d]", n), name)
		if err != nil {
			return err
		}
		users[n] = u.ID
	}
	all, _, err := s.store.Invite(ctx, id, p.UserID, users, rights)
	if errors.Is(err, fs.ErrExist) {
		return &refusal{status: http.StatusConflict, kind: "vfolder-grant-already-exists", why: "users: " + err.Error(), err: err}
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]any{"invitations": invitationsOut(all)})
}

// takeInvitation accepts; again is no error. Folders may have equal titles here.
func (s *Server) takeInvitation(c echo.Context, p store.Principal) error {
	id, _ := store.ParseID(c.Param("id"))
	if err := s.acceptInvitation(c.Request().Context(), p, id, false); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// deleteInvitation cancels for the inviter, and rejects for the invitee.
func (s *Server) deleteInvitation(c echo.Context, p store.Principal) error {
	if err := mayDecide(p); err != nil {
		return err
	}
	id, _ := store.ParseID(c.Param("id"))
	if _, err := s.store.EndInvitation(c.Request().Context(), id, p.UserID); err != nil {
		return invitationFault(err)
	}
	return c.NoContent(http.StatusNoContent)
}
