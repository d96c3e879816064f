package store

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// InvitationState is what became of an invitation. Only a pending one can still change.
type InvitationState string

// The states.
const (
	InvitationPending  InvitationState = "pending"
	InvitationAccepted InvitationState = "accepted"
	InvitationRejected InvitationState = "rejected" // by the invitee
	InvitationCanceled InvitationState = "canceled" // by the inviter
)

// Invitation is an offer of rights on a folder, which the invitee takes or not.
type Invitation struct {
	ID          string
	FolderID    string
	FolderTitle string // filled in by reads, as are the names
	InviterID   string
	InviterName string
	InviteeID   string
	InviteeName string
	Rights      Rights
	State       InvitationState
	Created     time.Time
	Modified    time.Time // zero: never

	// What people call the two: their mail addresses, or names.
	InviterMail, InviteeMail string
}

// Of deleted folders there are none: they come back with the folder.
const selectInvitation = `SELECT i.id, i.folder_id, f.title, i.inviter_id, a.name, i.invitee_id, b.name, i.rights, i.state, i.created, i.modified,
		CASE WHEN a.email = '' THEN a.name ELSE a.email END, CASE WHEN b.email = '' THEN b.name ELSE b.email END
	FROM invitations i JOIN folders f ON f.id = i.folder_id AND f.deleted = 0
	JOIN users a ON a.id = i.inviter_id JOIN users b ON b.id = i.invitee_id`

func scanInvitation(r row) (i Invitation, err error) {
	err = r.Scan(&i.ID, &i.FolderID, &i.FolderTitle, &i.InviterID, &i.InviterName, &i.InviteeID, &i.InviteeName, &i.Rights, &i.State,
		scanTime{&i.Created}, scanTime{&i.Modified}, &i.InviterMail, &i.InviteeMail)
	return i, err
}

func (t tx) invitation(id string) (Invitation, error) {
	st, err := t.stmt(selectInvitation + ` WHERE i.id = $1`)
	if err != nil {
		return Invitation{}, err
	}
	return scanInvitation(st.QueryRow(id))
}

// maxInvitations is how many pending invitations a folder may have.
const maxInvitations = 1000

// Invite offers rights on a folder to users, all of them or none. Who has a pending invitation to it from the same
// inviter is passed over, so a client may try again; all returns the new and the passed ones, in the order of
// inviteeIDs, and fresh the number of new ones. fs.ErrNotExist for an unknown folder or user; fs.ErrExist, in words, for
// who has a grant with all these rights; fs.ErrInvalid for no rights, or such that do not exist, and for the owner; ErrTooMany for very many.
func (s *Store) Invite(ctx context.Context, folderID, inviterID string, inviteeIDs []string, r Rights) (all []Invitation, fresh int, err error) {
	if err := r.check(); err != nil {
		return nil, 0, err
	}
	if r == 0 {
		return nil, 0, explain(fs.ErrInvalid, "an invitation without rights")
	}
	err = s.write(ctx, durable, func(t tx) error {
		all, fresh = nil, 0
		f, err := t.livingFolder(folderID)
		if err != nil {
			return err
		}
		for _, userID := range inviteeIDs {
			i, made, err := t.invite(ctx, f, inviterID, userID, r)
			if err != nil {
				return err
			}
			if made {
				fresh++
			}
			all = append(all, i)
		}
		var pending int
		if err := t.get(`SELECT COUNT(*) FROM invitations WHERE folder_id = $1 AND state = 'pending'`, []any{folderID}, &pending); err != nil {
			return err
		}
		if pending > maxInvitations && fresh > 0 {
			return explain(ErrTooMany, "a folder has at most %d open invitations", maxInvitations)
		}
		return nil
	})
	return all, fresh, named(err, "folder", folderID)
}

func (t tx) invite(ctx context.Context, f Folder, inviterID, userID string, r Rights) (i Invitation, made bool, err error) {
	u, err := t.user(userID)
	if err != nil {
		return i, false, named(convert(err), "user", userID)
	}
	if f.ProjectID == "" && f.OwnerID == u.ID {
		return i, false, explain(fs.ErrInvalid, "%s owns the folder", u.Name)
	}
	var granted int64
	if err := t.get(`SELECT COALESCE(MAX(rights), 0) FROM grants WHERE folder_id = $1 AND user_id = $2`, []any{f.ID, u.ID}, &granted); err != nil {
		return i, false, err
	}
	if Rights(granted).Has(r) {
		return i, false, explain(fs.ErrExist, "%s has these rights already", u.Name)
	}
	var id string
	err = t.get(`SELECT id FROM invitations WHERE folder_id = $1 AND inviter_id = $2 AND invitee_id = $3 AND state = 'pending'`,
		[]any{f.ID, inviterID, u.ID}, &id)
	if err == nil {
		i, err = t.invitation(id)
		return i, false, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return i, false, err
	}
	if id, err = newID(); err != nil {
		return i, false, err
	}
	if _, err := t.exec(`INSERT INTO invitations (id, folder_id, inviter_id, invitee_id, rights, state, created, modified)
		VALUES ($1, $2, $3, $4, $5, 'pending', $6, 0)`, id, f.ID, inviterID, u.ID, r, micros(t.s.now())); err != nil {
		return i, false, err
	}
	if err := t.note(ctx, event{action: "invitation.create", folder: f.ID, subject: u.Name, detail: map[string]string{"rights": r.String()}}); err != nil {
		return i, false, err
	}
	i, err = t.invitation(id)
	return i, true, err
}

// Invitation returns an invitation; fs.ErrNotExist, also if its folder is deleted.
func (s *Store) Invitation(ctx context.Context, id string) (Invitation, error) {
	i, err := scanInvitation(s.reads.QueryRowContext(ctx, selectInvitation+` WHERE i.id = $1`, id))
	return i, named(convert(err), "invitation", id)
}

// InvitationsTo returns the pending invitations to a user, oldest first.
func (s *Store) InvitationsTo(ctx context.Context, userID string) ([]Invitation, error) {
	return collect[Invitation](s.reads.QueryContext(ctx, selectInvitation+` WHERE i.invitee_id = $1 AND i.state = 'pending' ORDER BY i.id`, userID))(scanInvitation)
}

// InvitationsFrom returns the pending invitations by a user, oldest first.
func (s *Store) InvitationsFrom(ctx context.Context, userID string) ([]Invitation, error) {
	return collect[Invitation](s.reads.QueryContext(ctx, selectInvitation+` WHERE i.inviter_id = $1 AND i.state = 'pending' ORDER BY i.id`, userID))(scanInvitation)
}

// changeInvitation runs fn on an invitation that user userID sent or got; fs.ErrNotExist for others.
func (s *Store) changeInvitation(ctx context.Context, k kind, id, userID string, fn func(tx, Invitation) error) error {
	return named(s.write(ctx, k, func(t tx) error {
		i, err := t.invitation(id)
		if err != nil {
			return err
		}
		if i.InviterID != userID && i.InviteeID != userID {
			return fs.ErrNotExist
		}
		return fn(t, i)
	}), "invitation", id)
}

func (t tx) setInvitation(ctx context.Context, i Invitation, action string, r Rights, state InvitationState) error {
	if _, err := t.exec(`UPDATE invitations SET rights = $2, state = $3, modified = $4 WHERE id = $1`, i.ID, r, state, micros(t.s.now())); err != nil {
		return err
	}
	subject := i.InviteeName
	return t.note(ctx, event{action: "invitation." + action, folder: i.FolderID, subject: subject, detail: map[string]string{"rights": r.String(), "by": i.InviterName}})
}

// settled is the refusal of a change to what has an end.
func (i Invitation) settled() error {
	return explain(fs.ErrInvalid, "the invitation is %s already", i.State)
}

// SetInvitationRights changes what a pending invitation offers. fs.ErrNotExist for an unknown one and for who neither
// sent nor got it, fs.ErrPermission for the invitee, fs.ErrInvalid for one that is not pending.
func (s *Store) SetInvitationRights(ctx context.Context, id, inviterID string, r Rights) error {
	if err := r.check(); err != nil {
		return err
	}
	if r == 0 {
		return explain(fs.ErrInvalid, "an invitation without rights")
	}
	return s.changeInvitation(ctx, durable, id, inviterID, func(t tx, i Invitation) error {
		switch {
		case i.InviterID != inviterID:
			return explain(fs.ErrPermission, "only the inviter may change an invitation")
		case i.State != InvitationPending:
			return i.settled()
		case i.Rights == r:
			return nil
		}
		return t.setInvitation(ctx, i, "change", r, i.State)
	})
}

// AcceptInvitation gives the invitee the rights of a pending invitation, beside those that the invitee has. One that is
// accepted already stays so, and nothing is given again: a client may repeat itself. fs.ErrNotExist for an unknown one and
// for who neither sent nor got it, fs.ErrPermission for the inviter, fs.ErrInvalid for a rejected or canceled one.
func (s *Store) AcceptInvitation(ctx context.Context, id, inviteeID string) error {
	return s.changeInvitation(ctx, announced, id, inviteeID, func(t tx, i Invitation) error {
		t.touch(TouchUser, inviteeID)
		switch {
		case i.InviteeID != inviteeID:
			return explain(fs.ErrPermission, "only the invitee may accept an invitation")
		case i.State == InvitationAccepted:
			return nil
		case i.State != InvitationPending:
			return i.settled()
		}
		f, err := t.livingFolder(i.FolderID)
		if err != nil {
			return err
		}
		u, err := t.user(inviteeID)
		if err != nil {
			return err
		}
		var had int64
		if err := t.get(`SELECT COALESCE(MAX(rights), 0) FROM grants WHERE folder_id = $1 AND user_id = $2`, []any{f.ID, u.ID}, &had); err != nil {
			return err
		}
		if err := t.grantUser(ctx, f, u, Rights(had)|i.Rights); err != nil {
			return err
		}
		return t.setInvitation(ctx, i, "accept", i.Rights, InvitationAccepted)
	})
}

// EndInvitation cancels a pending invitation for its inviter, or rejects it for its invitee, and returns what it is
// then. One that has this end already keeps it. fs.ErrNotExist for an unknown one and for who neither sent nor got it,
// fs.ErrInvalid for another end.
func (s *Store) EndInvitation(ctx context.Context, id, userID string) (end InvitationState, err error) {
	err = s.changeInvitation(ctx, durable, id, userID, func(t tx, i Invitation) error {
		action := "reject"
		end = InvitationRejected
		if i.InviterID == userID {
			action, end = "cancel", InvitationCanceled
		}
		switch i.State {
		case end:
			return nil
		case InvitationPending:
			return t.setInvitation(ctx, i, action, i.Rights, end)
		}
		return i.settled()
	})
	return end, err
}

// UserByAddress returns the user with a name or, if nobody has it, with a mail address, in either case, that no
// other has; fs.ErrNotExist.
func (s *Store) UserByAddress(ctx context.Context, text string) (User, error) {
	u, err := s.UserByName(ctx, text)
	if err == nil || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(text, "@") {
		return u, err
	}
	all, err := collect[User](s.reads.QueryContext(ctx, selectUser+` WHERE email <> '' AND LOWER(email) = LOWER($1) LIMIT 2`, norm.NFC.String(text)))(scanUser)
	if err == nil && len(all) != 1 {
		err = explain(fs.ErrNotExist, "no user %q", text)
	}
	if err != nil {
		return User{}, err
	}
	return all[0], nil
}
