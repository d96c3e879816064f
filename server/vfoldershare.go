package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"davit/store"
)

// Who else uses a virtual folder: invitations, direct grants, leaving.

// maxShared is how many users one call names.
const maxShared = 1000

// shareable is managed for what gives others rights. Folders that begin with a dot are a user's
// configuration, which platforms mount for that user alone.
func (s *Server) shareable(v *vcall, do string) (store.Mount, error) {
	m, err := s.managed(v, store.Admin, do)
	if err != nil {
		return m, err
	}
	return m, s.mayShare(v.Request().Context(), m)
}

func (s *Server) mayShare(ctx context.Context, m store.Mount) error {
	if strings.HasPrefix(m.Folder.Title, ".") {
		return fmt.Errorf("%w: folders whose name begins with '.' are not shared", fs.ErrPermission)
	}
	return s.files.MayManage(ctx, m.Folder.Product, store.OpShare)
}

// people finds the users that a list names by mail address or name. Who is found twice counts once.
func (s *Server) people(v *vcall, names ...string) ([]store.User, error) {
	field := v.in.called(names...)
	v.in.want(field)
	list := v.in.words(maxShared, field)
	if len(list) == 0 {
		v.in.refuse(field, "is empty")
	}
	if err := v.in.bad(); err != nil {
		return nil, err
	}
	var users []store.User
	for i, text := range list {
		u, err := s.store.UserByAddress(v.Request().Context(), text)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &refusal{status: http.StatusNotFound, kind: "object-not-found", title: "No such user.",
				why: fmt.Sprintf("%s[%d]: there is no user %s", field, i, printable(text)), err: err}
		}
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(users, func(o store.User) bool { return o.ID == u.ID }) {
			users = append(users, u)
		}
	}
	return users, nil
}

// addressOf is what a user is called in this API: the mail address, or the name.
func addressOf(u store.User) string {
	if u.Email != "" {
		return u.Email
	}
	return u.Name
}

// inviteToVFolder offers others rights on a folder. Who has an open invitation keeps it.
func (s *Server) inviteToVFolder(v *vcall) error {
	m, err := s.shareable(v, "share")
	if err != nil {
		return err
	}
	rights, given := v.in.rights("perm", "permission")
	if !given {
		rights = store.RightsRW
	}
	users, err := s.people(v, "emails", "user_ids", "userIDs")
	if err != nil {
		return err
	}
	ids := make([]string, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	all, _, err := s.store.Invite(v.Request().Context(), m.Folder.ID, v.p.UserID, ids, rights)
	if errors.Is(err, fs.ErrExist) {
		return &refusal{status: s.conflict(v), kind: "vfolder-grant-already-exists", title: "The virtual folder is shared already.", why: err.Error(), err: err}
	}
	if err != nil {
		return err
	}
	invited := make([]string, len(all))
	for i, one := range all {
		invited[i] = one.InviteeMail
	}
	return v.JSON(http.StatusCreated, map[string]any{"invited_ids": invited})
}

// conflict is the status of a conflict: for older versions it was a bad request.
func (s *Server) conflict(v *vcall) int {
	if v.era < era2512 {
		return http.StatusBadRequest
	}
	return http.StatusConflict
}

// vinvitation is an invitation as this API shows it.
type vinvitation struct {
	ID         string  `json:"id"`
	Inviter    string  `json:"inviter"`
	Invitee    string  `json:"invitee"`
	Perm       string  `json:"perm"`
	State      string  `json:"state"`
	CreatedAt  string  `json:"created_at"`
	ModifiedAt *string `json:"modified_at"`
	FolderID   string  `json:"vfolder_id"`
	FolderName string  `json:"vfolder_name"`
}

func vinvitationOf(i store.Invitation) vinvitation {
	v := vinvitation{
		ID: i.ID, Inviter: i.InviterMail, Invitee: i.InviteeMail, Perm: permission(i.Rights), State: string(i.State),
		CreatedAt: isoTime(i.Created), FolderID: i.FolderID, FolderName: i.FolderTitle,
	}
	if !i.Modified.IsZero() {
		t := isoTime(i.Modified)
		v.ModifiedAt = &t
	}
	return v
}

func (v *vcall) invitations(all []store.Invitation, err error) error {
	if err != nil {
		return err
	}
	list := make([]vinvitation, len(all))
	for n, i := range all {
		list[n] = vinvitationOf(i)
	}
	return v.JSON(http.StatusOK, map[string]any{"invitations": list})
}

// vinvitationsTo lists what is open for the caller.
func (s *Server) vinvitationsTo(v *vcall) error {
	return v.invitations(s.store.InvitationsTo(v.Request().Context(), v.p.UserID))
}

// vinvitationsFrom lists what the caller has sent and is open.
func (s *Server) vinvitationsFrom(v *vcall) error {
	return v.invitations(s.store.InvitationsFrom(v.Request().Context(), v.p.UserID))
}

// invitationFault words what is wrong with an invitation.
func invitationFault(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &refusal{status: http.StatusNotFound, kind: "vfolder-invitation-not-found", title: "No such virtual folder invitation.",
			why: "you have neither sent nor got an invitation of this ID", err: err}
	}
	return err
}

// mayDecide refuses tokens that may not speak for their user in what the user sees and shares (D30).
func mayDecide(p store.Principal) error {
	if p.ReadOnly || p.Narrowed() {
		return fmt.Errorf("%w: this token may not do this", fs.ErrPermission)
	}
	return nil
}

// updateVInvitation changes what an open invitation offers.
func (s *Server) updateVInvitation(v *vcall) error {
	rights, given := v.in.rights("perm", "permission")
	if !given {
		v.in.refuse("perm", "is missing")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	if err := mayDecide(v.p); err != nil {
		return err
	}
	id, _ := store.ParseID(v.name("id"))
	if err := s.store.SetInvitationRights(v.Request().Context(), id, v.p.UserID, rights); err != nil {
		return invitationFault(err)
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": "the invitation now offers " + permission(rights)})
}

// acceptVInvitation takes an invitation. By name the caller could not tell the folder from another of its
// name, so then it is refused.
func (s *Server) acceptVInvitation(v *vcall) error {
	id := v.in.id("inv_id", "invId")
	if err := v.in.bad(); err != nil {
		return err
	}
	if err := s.acceptInvitation(v.Request().Context(), v.p, id, true); err != nil {
		return err
	}
	status := http.StatusOK
	if v.era < era1906 {
		status = http.StatusCreated
	}
	return v.JSON(status, map[string]string{"msg": "you now see the folder"})
}

// acceptInvitation gives p the rights of an invitation. Who invited must still be allowed to.
func (s *Server) acceptInvitation(ctx context.Context, p store.Principal, id string, unique bool) error {
	if err := mayDecide(p); err != nil {
		return err
	}
	i, err := s.store.Invitation(ctx, id)
	if err != nil {
		return invitationFault(err)
	}
	if i.InviteeID == p.UserID && i.State == store.InvitationPending {
		inviter, err := s.auth.Mount(ctx, store.Principal{UserID: i.InviterID}, i.FolderID)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !inviter.Rights.Has(store.Admin) {
			return fmt.Errorf("%w: who invited you may not share this folder any more", fs.ErrPermission)
		}
		if err != nil {
			return err
		}
		if unique {
			if err := s.freeName(ctx, p, i.FolderTitle, i.FolderID); err != nil {
				return err
			}
		}
	}
	return invitationFault(s.store.AcceptInvitation(ctx, id, p.UserID))
}

// endVInvitation cancels an invitation that the caller has sent, or rejects one that he got.
func (s *Server) endVInvitation(v *vcall) error {
	id := v.in.id("inv_id", "invId")
	if err := v.in.bad(); err != nil {
		return err
	}
	if err := mayDecide(v.p); err != nil {
		return err
	}
	end, err := s.store.EndInvitation(v.Request().Context(), id, v.p.UserID)
	if err != nil {
		return invitationFault(err)
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": "the invitation is " + string(end)})
}

// leaveVFolder gives up what the caller was granted; who manages the folder may name another who is to go.
func (s *Server) leaveVFolder(v *vcall) error {
	m, err := s.mount(v)
	if err != nil {
		return err
	}
	ctx := v.Request().Context()
	userID := v.p.UserID
	if _, given := v.in.optWord("shared_user_uuid", "sharedUserUuid"); given {
		userID = v.in.id("shared_user_uuid", "sharedUserUuid")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	switch {
	case m.Folder.ProjectID != "":
		return &paramError{"name", "is a folder of a project: leave the project instead"}
	case m.Folder.OwnerID == userID:
		return &paramError{"name", "is a folder of your own: delete it, or have its owner changed"}
	case userID != v.p.UserID:
		if err := mayManage(m, store.Admin, "change the access list of"); err != nil {
			return err
		}
	}
	if err := mayDecide(v.p); err != nil {
		return err
	}
	if err := s.store.SetGrant(ctx, m.Folder.ID, userID, 0); err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": ""})
}

// vshared is a grant in the list of all.
type vshared struct {
	FolderID   string  `json:"vfolder_id"`
	FolderName string  `json:"vfolder_name"`
	Owner      string  `json:"owner"`
	SharedBy   string  `json:"shared_by"`
	Type       string  `json:"type"`
	Status     string  `json:"status"`
	SharedTo   vperson `json:"shared_to"`
	Perm       string  `json:"perm"`
}

type vperson struct {
	UUID  *string `json:"uuid"`
	Email string  `json:"email"`
}

// listVShared lists who has been granted what on the folders that the caller manages, or on one of them.
func (s *Server) listVShared(v *vcall) error {
	ctx := v.Request().Context()
	one := ""
	if text, given := v.in.optWord("vfolder_id", "vfolderId", "vfolder"); given && text != "" {
		one = v.in.id("vfolder_id", "vfolderId", "vfolder")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	mounts, err := s.auth.Mounts(ctx, v.p)
	if err != nil {
		return err
	}
	if one != "" {
		m, err := s.auth.Mount(ctx, v.p, one)
		if err != nil {
			return err
		}
		if err := mayManage(m, store.Admin, "see the access list of"); err != nil {
			return err
		}
		mounts = []store.Mount{m}
	}
	managed := map[string]store.Folder{}
	var ids []string
	for _, m := range mounts {
		if m.Rights.Has(store.Admin) {
			managed[m.Folder.ID] = m.Folder
			ids = append(ids, m.Folder.ID)
		}
	}
	grants, err := s.store.GrantsOf(ctx, ids)
	if err != nil {
		return err
	}
	list := []vshared{}
	for _, id := range ids {
		f := managed[id]
		for _, g := range grants[id] {
			if g.UserID == "" {
				continue // groups are the matter of other APIs
			}
			kind := "user"
			if f.ProjectID != "" {
				kind = "group"
			}
			list = append(list, vshared{FolderID: id, FolderName: f.Title, Owner: f.OwnerName, SharedBy: f.OwnerName, Type: kind, Status: "ready",
				SharedTo: vperson{uuidText(g.UserID), g.UserName}, Perm: permission(g.Rights)})
		}
	}
	return v.JSON(http.StatusOK, map[string]any{"shared": list})
}

// userPerm reads what a user shall have: null takes all away.
func (s *Server) userPerm(ctx context.Context, in *vparams, userNames ...string) (store.EntityRights, error) {
	field := in.called(userNames...)
	id := in.id(field)
	var r store.Rights
	if text, given := in.optWord("perm"); given && text != "" {
		r, _ = in.rights("perm")
	} else if _, named := in.fields["perm"]; !named {
		in.refuse("perm", "is missing; null takes the rights away")
	}
	if err := in.bad(); err != nil {
		return store.EntityRights{}, err
	}
	u, err := s.store.User(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return store.EntityRights{}, &paramError{in.at + field, "there is no such user"}
	}
	return store.EntityRights{Entity: store.Entity{User: u.Name}, Rights: r}, err
}

// setVShared changes what one user may do with a folder.
func (s *Server) setVShared(v *vcall) error {
	id := v.in.id("vfolder", "vfolder_id", "vfolderId")
	one, err := s.userPerm(v.Request().Context(), v.in, "user", "user_id", "userId")
	if err != nil {
		return err
	}
	if err := s.setGrants(v, id, []store.EntityRights{one}); err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": ""})
}

// setVSharing is setVShared for several users: all or none.
func (s *Server) setVSharing(v *vcall) error {
	id := v.in.id("vfolder", "vfolder_id", "vfolderId")
	field := v.in.called("user_perm", "user_perm_list", "userPermList")
	v.in.want(field)
	items := v.in.objects(field)
	if len(items) == 0 || len(items) > maxShared {
		v.in.refuse(field, "must have 1 to %d elements", maxShared)
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	var all []store.EntityRights
	for _, item := range items {
		one, err := s.userPerm(v.Request().Context(), &vparams{item}, "user_id", "userId", "user")
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	if err := s.setGrants(v, id, all); err != nil {
		return err
	}
	return v.JSON(http.StatusCreated, map[string]string{"msg": ""})
}

func (s *Server) setGrants(v *vcall, folderID string, all []store.EntityRights) error {
	ctx := v.Request().Context()
	m, err := s.auth.Mount(ctx, v.p, folderID)
	if err != nil {
		return err
	}
	if err := errors.Join(mayManage(m, store.Admin, "share"), s.mayShare(ctx, m)); err != nil {
		return err
	}
	return s.store.ChangeGrants(ctx, []store.GrantChange{{FolderID: folderID, Add: all}})
}

// projectFolder is shareable for the folder of a project.
func (s *Server) projectFolder(v *vcall) (store.Mount, error) {
	m, err := s.shareable(v, "share")
	if err == nil && m.Folder.ProjectID == "" {
		err = &paramError{"name", "is a personal folder: invite people to it instead"}
	}
	return m, err
}

// shareVFolder gives members of the project rights beside those that all members have.
func (s *Server) shareVFolder(v *vcall) error {
	m, err := s.projectFolder(v)
	if err != nil {
		return err
	}
	rights, given := v.in.rights("permission", "perm")
	if !given {
		rights = store.RightsRW
	}
	users, err := s.people(v, "emails")
	if err != nil {
		return err
	}
	ctx := v.Request().Context()
	c := store.GrantChange{FolderID: m.Folder.ID}
	shared := make([]string, len(users))
	for i, u := range users {
		if _, err := s.store.Member(ctx, m.Folder.ProjectID, u.ID); errors.Is(err, fs.ErrNotExist) {
			return &paramError{"emails", printable(addressOf(u)) + " is not a member of the project"}
		} else if err != nil {
			return err
		}
		c.Add = append(c.Add, store.EntityRights{Entity: store.Entity{User: u.Name}, Rights: rights})
		shared[i] = addressOf(u)
	}
	if err := s.store.ChangeGrants(ctx, []store.GrantChange{c}); err != nil {
		return err
	}
	return v.JSON(http.StatusCreated, map[string]any{"shared_emails": shared})
}

// unshareVFolder takes these rights away.
func (s *Server) unshareVFolder(v *vcall) error {
	m, err := s.projectFolder(v)
	if err != nil {
		return err
	}
	users, err := s.people(v, "emails")
	if err != nil {
		return err
	}
	c := store.GrantChange{FolderID: m.Folder.ID}
	unshared := make([]string, len(users))
	for i, u := range users {
		c.Delete = append(c.Delete, store.Entity{User: u.Name})
		unshared[i] = addressOf(u)
	}
	if err := s.store.ChangeGrants(v.Request().Context(), []store.GrantChange{c}); err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]any{"unshared_emails": unshared})
}
