package store

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Default as a limit of a user or of a folder means: what the level above says
// (folder → its owner → the server's settings). 0 means no limit.
const Default int64 = -1

// Limits are the limits of a user's folders; each may be Default or 0 (none). Mind
// that the zero value is no limits at all.
type Limits struct {
	MaxFolders int64 // folders of the user
	MaxBytes   int64 // bytes in each folder
	MaxFiles   int64 // files and directories in each folder
}

// Defaults are the server's own limits, for all that is Default elsewhere.
type Defaults = Limits

// check returns fs.ErrInvalid for a number that means nothing.
func (l Limits) check() error {
	if l.MaxFolders < Default || l.MaxBytes < Default || l.MaxFiles < Default {
		return explain(fs.ErrInvalid, "a limit is less than nothing")
	}
	return nil
}

// User is somebody who can sign in.
type User struct {
	ID           string
	Name         string // NFC, 1–64 characters, no ':' '/' or control characters, not "." or ".."
	Email        string
	Admin        bool
	PasswordHash string // argon2id in PHC form, "" for no password
	Limits       Limits
	Created      time.Time
	LastUsed     time.Time // to a minute, by whatever the user signs in with; zero: never
}

// userName brings a name into its one form, or says what is wrong with it (D32).
func userName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", explain(fs.ErrInvalid, "user name is not UTF-8")
	}
	name = norm.NFC.String(name)
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", explain(fs.ErrInvalid, "user name is empty")
	case n > 64:
		return "", explain(fs.ErrInvalid, "user name is longer than 64 characters")
	case name == "." || name == "..":
		return "", explain(fs.ErrInvalid, "user name is %q, which no address can name", name)
	case strings.ContainsAny(name, ":/"):
		return "", explain(fs.ErrInvalid, "user name contains ':' or '/'")
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", explain(fs.ErrInvalid, "user name contains a control character")
	}
	return name, nil
}

// checkEmail returns fs.ErrInvalid for what is no line of text. Whether anybody gets mail there is not asked.
func checkEmail(email string) error {
	switch {
	case !utf8.ValidString(email):
		return explain(fs.ErrInvalid, "e-mail address is not UTF-8")
	case len(email) > 320: // RFC 3696, erratum 1690, has 254
		return explain(fs.ErrInvalid, "e-mail address is longer than 320 bytes")
	case strings.ContainsFunc(email, unicode.IsControl):
		return explain(fs.ErrInvalid, "e-mail address contains a control character")
	}
	return nil
}

const selectUser = `SELECT id, name, email, admin, password_hash, max_folders, max_bytes, max_files, created, last_used FROM users`

func scanUser(r row) (u User, err error) {
	err = r.Scan(&u.ID, &u.Name, &u.Email, &u.Admin, &u.PasswordHash,
		&u.Limits.MaxFolders, &u.Limits.MaxBytes, &u.Limits.MaxFiles, scanTime{&u.Created}, scanTime{&u.LastUsed})
	return u, err
}

// CreateUser adds a user and returns it with ID, Created, and its name in NFC.
// fs.ErrExist if the name is taken, fs.ErrInvalid for a name, e-mail address or limit that may
// not be.
func (s *Store) CreateUser(ctx context.Context, u User) (User, error) {
	var err error
	if u.Name, err = userName(u.Name); err != nil {
		return User{}, err
	}
	if err := u.Limits.check(); err != nil {
		return User{}, err
	}
	if u.ID, err = newID(); err != nil {
		return User{}, err
	}
	if err := checkEmail(u.Email); err != nil {
		return User{}, err
	}
	u.Created, u.LastUsed = s.now().UTC().Truncate(time.Microsecond), time.Time{}
	err = s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, u.ID)
		if _, err := t.exec(`INSERT INTO users (id, name, folded, email, admin, password_hash, max_folders, max_bytes, max_files, created)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, u.ID, u.Name, foldName(u.Name), u.Email, u.Admin, u.PasswordHash,
			u.Limits.MaxFolders, u.Limits.MaxBytes, u.Limits.MaxFiles, micros(u.Created)); err != nil {
			return err
		}
		return t.note(ctx, event{action: "user.create", subject: u.Name, detail: map[string]any{"admin": u.Admin, "password": u.PasswordHash != ""}})
	})
	if err != nil {
		return User{}, named(err, "user", u.Name)
	}
	return u, nil
}

// User returns the user with an ID; fs.ErrNotExist.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	u, err := scanUser(s.reads.QueryRowContext(ctx, selectUser+` WHERE id = $1`, id))
	return u, named(convert(err), "user", id)
}

// UserByName returns the user with a name, in any normal form; fs.ErrNotExist.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.reads.QueryRowContext(ctx, selectUser+` WHERE name = $1`, norm.NFC.String(name)))
	return u, named(convert(err), "user", name)
}

// Users returns all users, ordered by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	return collect[User](s.reads.QueryContext(ctx, selectUser+` ORDER BY name`))(scanUser)
}

// TouchUsers notes when users, by ID, were last there, to a minute. It is for those who came by nothing that
// TouchKeys and TouchTokens know of; as these, it never turns a time back and does not raise Epoch.
func (s *Store) TouchUsers(ctx context.Context, used map[string]time.Time) error {
	return s.touch(ctx, used, touchUser+`= $1`)
}

// touchUser is to be followed by whose time it is.
const touchUser = `UPDATE users SET last_used = $2 WHERE last_used < $2 - 60000000 AND id `

// SetPasswordHash replaces a user's password and ends the user's sessions;
// fs.ErrNotExist.
func (s *Store) SetPasswordHash(ctx context.Context, userID, hash string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		return t.setPassword(ctx, userID, hash, "")
	}), "user", userID)
}

// ChangePasswordHash replaces the password hash old of a user and ends the user's
// sessions but the one whose ID is keep; fs.ErrNotExist, ErrChanged if old is not the
// hash any more.
func (s *Store) ChangePasswordHash(ctx context.Context, userID, old, hash, keep string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		u, err := t.user(userID)
		if err != nil {
			return err
		}
		if u.PasswordHash != old {
			return ErrChanged
		}
		return t.setPassword(ctx, userID, hash, keep)
	}), "user", userID)
}

func (t tx) setPassword(ctx context.Context, userID, hash, keep string) error {
	t.touch(TouchUser, userID)
	u, err := t.user(userID)
	if err != nil {
		return convert(err)
	}
	if _, err := t.exec(`UPDATE users SET password_hash = $2 WHERE id = $1`, userID, hash); err != nil {
		return err
	}
	if _, err := t.endSessions(ctx, userID, keep); err != nil {
		return err
	}
	return t.note(ctx, event{action: "user.password", subject: u.Name})
}

// SetUserLimits replaces a user's limits; fs.ErrNotExist, fs.ErrInvalid.
func (s *Store) SetUserLimits(ctx context.Context, userID string, l Limits) error {
	if err := l.check(); err != nil {
		return err
	}
	_, err := s.ChangeUser(ctx, userID, UserChange{MaxFolders: &l.MaxFolders, MaxBytes: &l.MaxBytes, MaxFiles: &l.MaxFiles})
	return err
}

// UserChange is what to change about a user; nil leaves a thing as it is.
type UserChange struct {
	Email                          *string
	EmailFree                      bool // Email must not be what another is called: an address or a name; else fs.ErrExist
	Admin                          *bool
	PasswordHash                   *string // "" for no password
	MaxFolders, MaxBytes, MaxFiles *int64
}

// ChangeUser changes a user, all or nothing, and returns it as it is then. A new password ends the user's
// sessions. fs.ErrNotExist; fs.ErrExist, see EmailFree; fs.ErrInvalid for what may not be; fs.ErrPermission for the last administrator, who
// stays one.
func (s *Store) ChangeUser(ctx context.Context, userID string, c UserChange) (User, error) {
	var u User
	err := s.write(ctx, announced, func(t tx) (err error) {
		t.touch(TouchUser, userID)
		if u, err = t.user(userID); err != nil {
			return err
		}
		was := u
		for _, l := range []struct{ to, from *int64 }{{&u.Limits.MaxFolders, c.MaxFolders}, {&u.Limits.MaxBytes, c.MaxBytes}, {&u.Limits.MaxFiles, c.MaxFiles}} {
			if l.from != nil {
				*l.to = *l.from
			}
		}
		if err := u.Limits.check(); err != nil {
			return err
		}
		if c.Email != nil {
			u.Email = *c.Email
			if err := checkEmail(u.Email); err != nil {
				return err
			}
			if c.EmailFree && u.Email != "" && u.Email != was.Email {
				var others int64
				const taken = `SELECT COUNT(*) FROM users WHERE id <> $1 AND (LOWER(email) = LOWER($2) OR folded = $3)`
				if err := t.get(taken, []any{userID, u.Email, foldName(u.Email)}, &others); err != nil {
					return err
				}
				if others > 0 {
					return explain(fs.ErrExist, "e-mail address %q is somebody else's", u.Email)
				}
			}
		}
		if c.Admin != nil {
			u.Admin = *c.Admin
		}
		if was.Admin && !u.Admin {
			if err := t.keepAdmin(was); err != nil {
				return err
			}
		}
		if _, err := t.exec(`UPDATE users SET email = $2, admin = $3, max_folders = $4, max_bytes = $5, max_files = $6 WHERE id = $1`,
			userID, u.Email, u.Admin, u.Limits.MaxFolders, u.Limits.MaxBytes, u.Limits.MaxFiles); err != nil {
			return err
		}
		if c.PasswordHash != nil {
			u.PasswordHash = *c.PasswordHash
			if err := t.setPassword(ctx, userID, u.PasswordHash, ""); err != nil {
				return err
			}
		}
		if u.Email != was.Email || u.Admin != was.Admin {
			detail := map[string]any{}
			if u.Email != was.Email {
				detail["email"] = u.Email
			}
			if u.Admin != was.Admin {
				detail["admin"] = u.Admin
			}
			if err := t.note(ctx, event{action: "user.change", subject: u.Name, detail: detail}); err != nil {
				return err
			}
		}
		if u.Limits == was.Limits {
			return nil
		}
		folders, err := collect[string](t.query(`SELECT id FROM folders WHERE owner_id = $1`, userID))(scanString)
		if err != nil {
			return err
		}
		t.touch(TouchFolder, folders...) // others who see them remember these limits
		return t.note(ctx, event{action: "user.limit", subject: u.Name,
			detail: map[string]any{"maxFolders": limitTold(u.Limits.MaxFolders), "maxBytes": limitTold(u.Limits.MaxBytes), "maxFiles": limitTold(u.Limits.MaxFiles)}})
	})
	return u, named(err, "user", userID)
}

// keepAdmin returns fs.ErrPermission if there is no administrator beside u.
func (t tx) keepAdmin(u User) error {
	var others int
	if err := t.get(`SELECT COUNT(*) FROM users WHERE admin AND id <> $1`, []any{u.ID}, &others); err != nil {
		return err
	}
	if others == 0 {
		return explain(fs.ErrPermission, "%s is the last administrator", u.Name)
	}
	return nil
}

// DeleteUser removes a user with keys, tokens, grants, memberships and locks. The personal
// folders go to the user transferTo, deleted ones that could still be restored included, or
// with deleteFolders are deleted for good. A user who has some goes in no other
// way: fs.ErrInvalid; so do both wishes at once. Folders of projects stay with their project,
// and their owner is then a PI of it. The last PI of a project goes only if transferTo becomes PI
// instead: else fs.ErrInvalid. fs.ErrPermission for the last administrator; fs.ErrNotExist for an
// unknown user, or unknown transferTo.
func (s *Store) DeleteUser(ctx context.Context, userID, transferTo string, deleteFolders bool) error {
	if transferTo != "" && deleteFolders {
		return explain(fs.ErrInvalid, "the folders cannot be both transferred and deleted")
	}
	if transferTo == userID {
		return explain(fs.ErrInvalid, "the folders cannot stay with the user who goes")
	}
	return named(s.write(ctx, announced, func(t tx) error {
		u, err := t.user(userID)
		if err != nil {
			return err
		}
		t.touchAll()
		if u.Admin {
			if err := t.keepAdmin(u); err != nil {
				return err
			}
		}
		if transferTo != "" {
			if _, err := t.user(transferTo); err != nil {
				return named(convert(err), "user", transferTo)
			}
		}
		if err := t.leaveProjects(ctx, u, transferTo); err != nil {
			return err
		}
		switch {
		case transferTo != "":
			err = t.transferFolders(ctx, u, transferTo)
		case deleteFolders:
			err = t.deleteFoldersOf(ctx, userID)
		default:
			var n int
			err = t.get(`SELECT COUNT(*) FROM folders WHERE owner_id = $1 AND project_id IS NULL AND deleted = 0`, []any{userID}, &n)
			if err == nil && n > 0 {
				err = explain(fs.ErrInvalid, "%s owns %d folder(s): transfer or delete them", u.Name, n)
			}
		}
		if err != nil {
			return err
		}
		if err := t.note(ctx, event{action: "user.delete", subject: u.Name}); err != nil {
			return err
		}
		for _, query := range []string{
			`UPDATE folders SET owner_id = NULL WHERE owner_id = $1 AND deleted <> 0`,
			`DELETE FROM locks WHERE user_id = $1`,
			`DELETE FROM workspace_limits WHERE workspace_id = $1`,
			`DELETE FROM users WHERE id = $1`, // takes keys, tokens, grants and memberships along
		} {
			if _, err := t.exec(query, userID); err != nil {
				return err
			}
		}
		return nil
	}), "user", userID)
}

func (t tx) user(id string) (User, error) {
	st, err := t.stmt(selectUser + ` WHERE id = $1`)
	if err != nil {
		return User{}, err
	}
	return scanUser(st.QueryRow(id))
}

// transferFolders gives all folders of one user, who has left all projects, to another, who needs no grants
// on them any more.
func (t tx) transferFolders(ctx context.Context, from User, heir string) error {
	to, err := t.user(heir)
	if err != nil {
		return err
	}
	const dropGrants = `DELETE FROM grants WHERE user_id = $2
		AND folder_id IN (SELECT id FROM folders WHERE owner_id = $1)`
	if _, err := t.exec(dropGrants, from.ID, to.ID); err != nil {
		return fmt.Errorf("transfer grants: %w", err)
	}
	ids, err := collect[string](t.query(`UPDATE folders SET owner_id = $2 WHERE owner_id = $1 RETURNING id`, from.ID, to.ID))(scanString)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := t.note(ctx, event{action: "folder.owner", folder: id, subject: to.Name, detail: map[string]string{"fromUser": from.Name}}); err != nil {
			return err
		}
	}
	return nil
}

// deleteFoldersOf deletes all folders of a user, who has left all projects, for good.
func (t tx) deleteFoldersOf(ctx context.Context, userID string) error {
	ids, err := collect[string](t.query(`SELECT id FROM folders WHERE owner_id = $1`, userID))(scanString)
	if err != nil {
		return err
	}
	return t.deleteForGood(ctx, ids)
}

// deleteForGood deletes folders at once, those too that were deleted but kept for a while.
func (t tx) deleteForGood(ctx context.Context, ids []string) error {
	now := micros(t.s.now())
	for _, id := range ids {
		if err := t.note(ctx, event{action: "folder.delete", folder: id, detail: map[string]bool{"final": true}}); err != nil {
			return err
		}
		const mark = `UPDATE folders SET deleted = $2, purge = $2 WHERE id = $1`
		if _, err := t.exec(mark, id, now); err != nil {
			return err
		}
		if err := t.emptyFolder(id); err != nil {
			return err
		}
	}
	return nil
}

func scanString(r row) (v string, err error) {
	err = r.Scan(&v)
	return v, err
}
