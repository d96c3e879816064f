package store

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// The kinds of tokens.
const (
	TokenPlain   = "token"   // made by people, for programs and mounts
	TokenSession = "session" // of a sign-in: it buys access tokens, and opens no door itself
	TokenMount   = "mount"   // made for a mount by somebody who started it for the user
)

// Bounds of what one user may have.
const (
	maxTokens       = 1000 // tokens that are no sessions
	maxSessions     = 100  // sessions; the one that was used longest ago makes room
	maxTokenFolders = 1000 // folders of a token
	maxTokenText    = 4096 // bytes of title or description
)

// Token is a random secret that stands for its user: as the password of a
// mount, as Bearer, or to get access tokens for. Only its hash is kept.
type Token struct {
	ID          string // 16 characters of a–z and 2–7
	UserID      string
	UserName    string // filled in by reads
	Hash        []byte // SHA-256 of the secret part
	Kind        string // "" is TokenPlain
	Title       string
	Description string
	Labels      map[string]string // nil if there are none

	Folders   []TokenFolder // the only folders that it opens; nil: all of its user
	ReadOnly  bool          // of everything
	Scopes    Scopes        // nil: everything
	Fixed     bool          // it acts in ProjectID, whatever a request asks for
	ProjectID string        // "" is the user's own workspace

	Created     time.Time
	Expires     time.Time // zero: never
	LastUsed    time.Time
	LastAddress string // where it was last used from, as text
	LastAgent   string // by which program
}

// Used is the last use of a token.
type Used struct {
	At      time.Time
	Address string
	Agent   string
}

const selectToken = `SELECT t.id, t.user_id, u.name, t.hash, t.kind, t.title, t.description, t.labels, t.narrowed, t.read_only,
	t.scopes, t.fixed, COALESCE(t.project_id, ''), t.created, t.expires, t.last_used, t.last_address, t.last_agent
	FROM tokens t JOIN users u ON u.id = t.user_id`

func scanToken(r row) (k Token, err error) {
	var scopes string
	var narrowed bool
	err = r.Scan(&k.ID, &k.UserID, &k.UserName, &k.Hash, &k.Kind, &k.Title, &k.Description, scanLabels{&k.Labels}, &narrowed, &k.ReadOnly,
		&scopes, &k.Fixed, &k.ProjectID, scanTime{&k.Created}, scanTime{&k.Expires}, scanTime{&k.LastUsed}, &k.LastAddress, &k.LastAgent)
	if err != nil {
		return k, err
	}
	if narrowed {
		k.Folders = []TokenFolder{}
	}
	if scopes != "" {
		if k.Scopes, err = ParseScopes(scopes); err != nil {
			return k, fmt.Errorf("token %s: %w", k.ID, err)
		}
	}
	return k, nil
}

type tokenFolderRow struct {
	token string
	TokenFolder
}

const selectTokenFolders = `SELECT f.token_id, f.folder_id, f.read_only FROM token_folders f`

func scanTokenFolder(r row) (f tokenFolderRow, err error) {
	err = r.Scan(&f.token, &f.ID, &f.ReadOnly)
	return f, err
}

// addFolders gives tokens their folders, which are ordered by ID.
func addFolders(tokens []Token, rows []tokenFolderRow) {
	of := make(map[string]*Token, len(tokens))
	for i := range tokens {
		of[tokens[i].ID] = &tokens[i]
	}
	for _, r := range rows {
		if k := of[r.token]; k != nil && k.Folders != nil {
			k.Folders = append(k.Folders, r.TokenFolder)
		}
	}
}

// check brings what a caller made into its one form; fs.ErrInvalid.
func (k *Token) check() error {
	if k.ID == "" || len(k.Hash) == 0 {
		return explain(fs.ErrInvalid, "token without its ID or hash")
	}
	if k.Kind == "" {
		k.Kind = TokenPlain
	}
	if !slices.Contains([]string{TokenPlain, TokenSession, TokenMount}, k.Kind) {
		return explain(fs.ErrInvalid, "no kind of tokens: %q", k.Kind)
	}
	if len(k.Title) > maxTokenText || len(k.Description) > maxTokenText {
		return explain(fs.ErrInvalid, "title or description of a token: at most %d bytes", maxTokenText)
	}
	if k.Folders != nil {
		if len(k.Folders) == 0 || len(k.Folders) > maxTokenFolders {
			return explain(fs.ErrInvalid, "a token is for 1 to %d folders, or for all", maxTokenFolders)
		}
		k.Folders = slices.Clone(k.Folders)
		slices.SortFunc(k.Folders, func(x, y TokenFolder) int { return strings.Compare(x.ID, y.ID) })
		for i, f := range k.Folders[1:] {
			if f.ID == k.Folders[i].ID {
				return explain(fs.ErrInvalid, "folder %s is named twice", f.ID)
			}
		}
	}
	if k.Scopes != nil && len(k.Scopes) == 0 {
		return explain(fs.ErrInvalid, "a token without any scope is good for nothing")
	}
	if !k.Expires.IsZero() {
		k.Expires = k.Expires.UTC().Truncate(time.Microsecond)
	}
	return nil
}

// CreateToken adds a token, of which the caller made ID and Hash, and returns it
// with UserName, with Folders in order, and with Created, unless the caller set that. fs.ErrExist for an ID that is there;
// fs.ErrNotExist for an unknown user, an unknown or deleted folder, or a project that
// the user is no member of; fs.ErrInvalid for what no token can be; ErrTooMany.
// Whether the user has any right on the folders is not asked: that is decided at each use.
func (s *Store) CreateToken(ctx context.Context, k Token) (Token, error) {
	if err := k.check(); err != nil {
		return Token{}, err
	}
	var err error
	if k.Labels, err = checkLabels(k.Labels); err != nil {
		return Token{}, err
	}
	labels, err := labelsText(k.Labels)
	if err != nil {
		return Token{}, err
	}
	if k.Created.IsZero() {
		k.Created = s.now()
	}
	k.Created, k.LastUsed = k.Created.UTC().Truncate(time.Microsecond), time.Time{}
	err = s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, k.UserID)
		u, err := t.user(k.UserID)
		if err != nil {
			return named(convert(err), "user", k.UserID)
		}
		k.UserName = u.Name
		if err := t.roomForToken(ctx, k); err != nil {
			return err
		}
		if k.ProjectID != "" {
			var role string
			err := t.get(`SELECT role FROM members WHERE project_id = $1 AND user_id = $2`, []any{k.ProjectID, k.UserID}, &role)
			if err != nil {
				return named(err, "project", k.ProjectID)
			}
		}
		_, err = t.exec(`INSERT INTO tokens (id, user_id, hash, kind, title, description, labels, narrowed, read_only, scopes,
				fixed, project_id, created, expires, last_used, last_address, last_agent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, $15, $16)`,
			k.ID, k.UserID, k.Hash, k.Kind, k.Title, k.Description, labels, k.Folders != nil, k.ReadOnly, k.Scopes.String(),
			k.Fixed, orNull(k.ProjectID), micros(k.Created), micros(k.Expires), k.LastAddress, k.LastAgent)
		if err != nil {
			return err
		}
		for _, f := range k.Folders {
			if err := t.living(f.ID); err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO token_folders (token_id, folder_id, read_only) VALUES ($1, $2, $3)`,
				k.ID, f.ID, f.ReadOnly); err != nil {
				return err
			}
		}
		return t.note(ctx, tokenEvent("create", k))
	})
	if err != nil {
		return Token{}, named(err, "token", k.ID)
	}
	return k, nil
}

// roomForToken ends the session used longest ago if there are too many, and refuses
// other tokens.
func (t tx) roomForToken(ctx context.Context, k Token) error {
	var n int
	const count = `SELECT COUNT(*) FROM tokens WHERE user_id = $1 AND (kind = 'session') = $2`
	if err := t.get(count, []any{k.UserID, k.Kind == TokenSession}, &n); err != nil {
		return err
	}
	if k.Kind != TokenSession {
		if n >= maxTokens {
			return explain(ErrTooMany, "%s has %d tokens", k.UserName, n)
		}
		return nil
	}
	if n < maxSessions {
		return nil
	}
	const oldest = `SELECT id FROM tokens WHERE user_id = $1 AND kind = 'session'
		ORDER BY CASE WHEN last_used > created THEN last_used ELSE created END, id LIMIT 1`
	var id string
	if err := t.get(oldest, []any{k.UserID}, &id); err != nil {
		return err
	}
	return t.deleteToken(ctx, id)
}

// tokenEvent is what the audit tells about a token.
func tokenEvent(verb string, k Token) event {
	noun := "token."
	if k.Kind == TokenSession {
		noun = "session."
	}
	detail := map[string]any{"user": k.UserName}
	if k.Title != "" {
		detail["title"] = k.Title
	}
	if k.Kind == TokenMount {
		detail["kind"] = k.Kind
	}
	if k.Scopes != nil {
		detail["scopes"] = k.Scopes.String()
	}
	if k.Folders != nil {
		ids := []string{}
		for _, f := range k.Folders {
			ids = append(ids, f.ID)
		}
		detail["folders"] = ids
	}
	e := event{action: noun + verb, project: k.ProjectID, subject: k.ID, detail: detail}
	if len(k.Folders) == 1 {
		e.folder = k.Folders[0].ID
	}
	return e
}

// Token returns a token, an expired one too; fs.ErrNotExist.
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	k, err := scanToken(s.reads.QueryRowContext(ctx, selectToken+` WHERE t.id = $1`, id))
	if err == nil && k.Folders != nil {
		var rows []tokenFolderRow
		rows, err = collect[tokenFolderRow](s.reads.QueryContext(ctx, selectTokenFolders+` WHERE f.token_id = $1 ORDER BY f.folder_id`, id))(scanTokenFolder)
		for _, r := range rows {
			k.Folders = append(k.Folders, r.TokenFolder)
		}
	}
	return k, named(convert(err), "token", id)
}

// Tokens returns the tokens of all users, sessions too, ordered by user name and age.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	all, err := collect[Token](s.reads.QueryContext(ctx, selectToken+` ORDER BY u.name, t.created, t.id`))(scanToken)
	if err != nil {
		return nil, err
	}
	rows, err := collect[tokenFolderRow](s.reads.QueryContext(ctx, selectTokenFolders+` ORDER BY f.folder_id`))(scanTokenFolder)
	addFolders(all, rows)
	return all, err
}

// TokensOf returns the tokens of one user, sessions too, oldest first.
func (s *Store) TokensOf(ctx context.Context, userID string) ([]Token, error) {
	all, err := collect[Token](s.reads.QueryContext(ctx, selectToken+` WHERE t.user_id = $1 ORDER BY t.created, t.id`, userID))(scanToken)
	if err != nil {
		return nil, err
	}
	rows, err := collect[tokenFolderRow](s.reads.QueryContext(ctx, selectTokenFolders+`
		JOIN tokens t ON t.id = f.token_id WHERE t.user_id = $1 ORDER BY f.folder_id`, userID))(scanTokenFolder)
	addFolders(all, rows)
	return all, err
}

// Mounts returns mounts that have not expired at now, oldest or newest first: of one user, or of all for "".
func (s *Store) Mounts(ctx context.Context, userID string, now time.Time, newestFirst bool, part Range) ([]Token, error) {
	order := "t.created, t.id"
	if newestFirst {
		order = "t.created DESC, t.id DESC"
	}
	where := ` WHERE t.kind = '` + TokenMount + `' AND t.expires > $1 AND ($2 = '' OR t.user_id = $2) ORDER BY ` + order + ` LIMIT $3 OFFSET $4`
	args := []any{micros(now), userID, part.limit(), part.Skip}
	all, err := collect[Token](s.reads.QueryContext(ctx, selectToken+where, args...))(scanToken)
	if err != nil {
		return nil, err
	}
	rows, err := collect[tokenFolderRow](s.reads.QueryContext(ctx, selectTokenFolders+
		` WHERE f.token_id IN (SELECT t.id FROM tokens t`+where+`) ORDER BY f.folder_id`, args...))(scanTokenFolder)
	addFolders(all, rows)
	return all, err
}

// SetTokenLabels replaces the labels of tokens of a user, by ID, of all or of none:
// fs.ErrNotExist if one is not the user's, or is a session; fs.ErrInvalid.
func (s *Store) SetTokenLabels(ctx context.Context, userID string, labels map[string]map[string]string) error {
	texts := make(map[string]string, len(labels))
	for id, l := range labels {
		l, err := checkLabels(l)
		if err != nil {
			return err
		}
		if texts[id], err = labelsText(l); err != nil {
			return err
		}
	}
	return s.write(ctx, durable, func(t tx) error {
		for id, text := range texts {
			err := oneRow(t.exec(`UPDATE tokens SET labels = $3 WHERE id = $1 AND user_id = $2 AND kind <> 'session'`, id, userID, text))
			if err != nil {
				return named(convert(err), "token", id)
			}
			if err := t.note(ctx, event{action: "token.labels", subject: id, detail: map[string]any{"labels": labels[id]}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteToken removes a token; fs.ErrNotExist.
func (s *Store) DeleteToken(ctx context.Context, id string) error {
	return named(s.write(ctx, announced, func(t tx) error { return t.deleteToken(ctx, id) }), "token", id)
}

func (t tx) deleteToken(ctx context.Context, id string) error {
	st, err := t.stmt(selectToken + ` WHERE t.id = $1`)
	if err != nil {
		return err
	}
	k, err := scanToken(st.QueryRow(id))
	if err != nil {
		return convert(err)
	}
	t.touch(TouchUser, k.UserID)
	if _, err := t.exec(`DELETE FROM tokens WHERE id = $1`, id); err != nil {
		return err
	}
	k.Folders = nil
	return t.note(ctx, tokenEvent("delete", k))
}

// EndSessions removes the sessions of a user but one, whose ID is keep; "" keeps none.
// It returns their number.
func (s *Store) EndSessions(ctx context.Context, userID, keep string) (n int, err error) {
	err = s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, userID)
		n, err = t.endSessions(ctx, userID, keep)
		return err
	})
	return n, err
}

func (t tx) endSessions(ctx context.Context, userID, keep string) (int, error) {
	ids, err := collect[string](t.query(`SELECT id FROM tokens WHERE user_id = $1 AND kind = 'session' AND id <> $2`, userID, keep))(scanString)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := t.deleteToken(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// Revoke removes all that a user signs in with beside the password: sessions, tokens, those of mounts too, and API
// keys; fs.ErrNotExist.
func (s *Store) Revoke(ctx context.Context, userID string) error {
	return named(s.write(ctx, announced, func(t tx) error {
		t.touch(TouchUser, userID)
		if _, err := t.user(userID); err != nil {
			return err
		}
		tokens, err := collect[string](t.query(`SELECT id FROM tokens WHERE user_id = $1`, userID))(scanString)
		if err != nil {
			return err
		}
		for _, id := range tokens {
			if err := t.deleteToken(ctx, id); err != nil {
				return err
			}
		}
		keys, err := collect[string](t.query(`SELECT access_key FROM keys WHERE user_id = $1`, userID))(scanString)
		if err != nil {
			return err
		}
		for _, id := range keys {
			if err := t.deleteKey(ctx, id); err != nil {
				return err
			}
		}
		return nil
	}), "user", userID)
}

// SweepTokens removes what has come to its end by itself: sessions and mounts that
// have expired, sessions that were not used since idle, tokens whose folders are
// all gone. It says whether there was any.
func (s *Store) SweepTokens(ctx context.Context, now, idle time.Time) (bool, error) {
	const old = ` FROM tokens WHERE kind <> 'token' AND expires <> 0 AND expires <= $1
		OR kind = 'session' AND created <= $2 AND last_used <= $2
		OR narrowed AND NOT EXISTS (SELECT 1 FROM token_folders f WHERE f.token_id = tokens.id)`
	var n int
	if err := s.reads.QueryRowContext(ctx, `SELECT COUNT(*)`+old, micros(now), micros(idle)).Scan(&n); err != nil || n == 0 {
		return false, convert(err)
	}
	return true, s.write(ctx, announced, func(t tx) error {
		owners, err := collect[string](t.query(`DELETE`+old+` RETURNING user_id`, micros(now), micros(idle)))(scanString)
		slices.Sort(owners)
		t.touch(TouchUser, slices.Compact(owners)...)
		return err
	})
}

// TouchTokens notes the last use of tokens, by ID, and so of their users, as TouchKeys does.
func (s *Store) TouchTokens(ctx context.Context, used map[string]Used) error {
	if len(used) == 0 {
		return nil
	}
	return s.write(ctx, relaxed, func(t tx) error {
		for id, u := range used {
			_, err := t.exec(`UPDATE tokens SET last_used = $2, last_address = $3, last_agent = $4 WHERE id = $1 AND last_used < $2`,
				id, micros(u.At), u.Address, u.Agent)
			if err == nil {
				_, err = t.exec(touchUser+`IN (SELECT user_id FROM tokens WHERE id = $1)`, id, micros(u.At))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RenewToken gives a token another end, which must not be zero, and returns it; fs.ErrNotExist.
func (s *Store) RenewToken(ctx context.Context, id string, expires time.Time) (Token, error) {
	if expires.IsZero() {
		return Token{}, explain(fs.ErrInvalid, "a token that is renewed needs an end")
	}
	err := s.write(ctx, announced, func(t tx) error {
		if err := oneRow(t.exec(`UPDATE tokens SET expires = $2 WHERE id = $1`, id, micros(expires))); err != nil {
			return err
		}
		st, err := t.stmt(selectToken + ` WHERE t.id = $1`)
		if err != nil {
			return err
		}
		k, err := scanToken(st.QueryRow(id))
		if err != nil {
			return convert(err)
		}
		t.touch(TouchUser, k.UserID)
		k.Folders = nil
		return t.note(ctx, tokenEvent("renew", k))
	})
	if err != nil {
		return Token{}, named(err, "token", id)
	}
	return s.Token(ctx, id)
}
