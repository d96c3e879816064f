package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"davit/auth"
	"davit/store"
)

// TokenCommands are "davit token …".
type TokenCommands struct {
	Add  tokenAdd  `cmd:"" help:"Make a token: a password for mounts, and Bearer for the APIs."`
	List tokenList `cmd:"" help:"List the tokens."`
	Rm   tokenRm   `cmd:"" help:"Remove a token."`
}

type tokenAdd struct {
	User     string   `required:"" help:"User that the token stands for." placeholder:"NAME"`
	Folder   []string `help:"A folder that the token opens, and no other but these; with \":ro\" behind it for reading alone. Repeatable." placeholder:"ID" sep:"none"`
	ReadOnly bool     `help:"The token cannot change anything."`
	Scope    []string `help:"What the token may be used for, such as webdav:read, files:write or all:write; without it, everything. Repeatable." placeholder:"SCOPE"`
	Title    string   `help:"What the token is for, for lists." placeholder:"TEXT"`
	Expires  Duration `help:"How long it lives, such as 12h or 30d; without it, for ever." placeholder:"TIME"`
	JSON     bool     `name:"json" help:"Print JSON."`
}

// Run makes the token. It is shown this once.
func (c *tokenAdd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, a *auth.Auth) error {
		u, err := userNamed(ctx, st, c.User)
		if err != nil {
			return err
		}
		want := store.Token{UserID: u.ID, Title: c.Title, ReadOnly: c.ReadOnly}
		if want.Scopes, err = parseScopes(c.Scope); err != nil {
			return err
		}
		if c.Expires > 0 {
			want.Expires = time.Now().Add(time.Duration(c.Expires))
		}
		for _, name := range c.Folder {
			name, readOnly := strings.CutSuffix(name, ":ro")
			m, err := a.Mount(ctx, store.Principal{UserID: u.ID, UserName: u.Name, Admin: u.Admin}, name)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s sees no folder %q", printable(u.Name), name)
			}
			if err != nil {
				return err
			}
			want.Folders = append(want.Folders, store.TokenFolder{ID: m.Folder.ID, ReadOnly: readOnly})
		}
		t, secret, err := a.NewToken(want)
		if err != nil {
			return err
		}
		if t, err = st.CreateToken(ctx, t); err != nil {
			return err
		}
		if c.JSON {
			return e.print(struct {
				ID    string `json:"id"`
				Token string `json:"token"`
			}{t.ID, secret})
		}
		fmt.Fprintf(e.Stdout, "id: %s\ntoken: %s\n", t.ID, secret)
		return nil
	})
}

// parseScopes reads scopes, each one that a route has; nil for none.
func parseScopes(words []string) (scopes store.Scopes, err error) {
	for _, word := range words {
		s, err := store.ParseScope(word)
		if err == nil {
			err = knownScope(s)
		}
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, s)
	}
	return scopes, nil
}

type tokenList struct {
	User string `help:"Only tokens of this user." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists the tokens, without their secrets. Sessions are listed by "session list".
func (c *tokenList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		tokens, err := tokensListed(ctx, st, c.User)
		if err != nil {
			return err
		}
		out, rows := []tokenJSON{}, [][]string{}
		for _, t := range tokens {
			if t.Kind == store.TokenSession {
				continue
			}
			j := tokenOut(t)
			out = append(out, j)
			var folders []string
			for _, f := range j.Folders {
				if f.ReadOnly {
					f.ID += ":ro"
				}
				folders = append(folders, f.ID)
			}
			rows = append(rows, []string{j.ID, j.User, j.Title, strings.Join(folders, ","), strconv.FormatBool(j.ReadOnly),
				strings.Join(j.Scopes, " "), j.Created, j.Expires, j.LastUsed, j.LastAddress})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("ID USER TITLE FOLDERS READ-ONLY SCOPES CREATED EXPIRES LAST-USED FROM", rows)
	})
}

// tokensListed are the tokens and sessions of a user, or of all.
func tokensListed(ctx context.Context, st *store.Store, user string) ([]store.Token, error) {
	if user == "" {
		return st.Tokens(ctx)
	}
	u, err := userNamed(ctx, st, user)
	if err != nil {
		return nil, err
	}
	return st.TokensOf(ctx, u.ID)
}

type tokenRm struct {
	ID string `arg:"" help:"ID of the token, as token list shows it."`
}

// Run removes the token.
func (c *tokenRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		err := st.DeleteToken(ctx, c.ID)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no token %q", c.ID)
		}
		return err
	})
}

// SessionCommands are "davit session …".
type SessionCommands struct {
	List sessionList `cmd:"" help:"List who is signed in."`
	Rm   sessionRm   `cmd:"" help:"End a session, or all of a user."`
}

type sessionList struct {
	User string `help:"Only sessions of this user." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists the sessions.
func (c *sessionList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		tokens, err := tokensListed(ctx, st, c.User)
		if err != nil {
			return err
		}
		type sessionJSON struct {
			ID       string `json:"id"`
			User     string `json:"user"`
			Created  string `json:"created"`
			Expires  string `json:"expires,omitempty"`
			LastUsed string `json:"lastUsed,omitempty"`
			Address  string `json:"address,omitempty"`
			Agent    string `json:"agent,omitempty"`
		}
		out, rows := []sessionJSON{}, [][]string{}
		for _, t := range tokens {
			if t.Kind != store.TokenSession {
				continue
			}
			j := sessionJSON{t.ID, t.UserName, timeText(t.Created), timeText(t.Expires), timeText(t.LastUsed), t.LastAddress, t.LastAgent}
			out = append(out, j)
			rows = append(rows, []string{j.ID, j.User, j.Created, j.Expires, j.LastUsed, j.Address, j.Agent})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("ID USER CREATED EXPIRES LAST-USED FROM PROGRAM", rows)
	})
}

type sessionRm struct {
	ID   string `arg:"" optional:"" help:"ID of the session."`
	User string `help:"End all sessions of this user." placeholder:"NAME"`
}

// Validate wants one of both. kong calls it.
func (c *sessionRm) Validate() error {
	if (c.ID == "") == (c.User == "") {
		return errors.New("name a session by its ID, or a user (--user)")
	}
	return nil
}

// Run ends the sessions.
func (c *sessionRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		if c.User != "" {
			u, err := userNamed(ctx, st, c.User)
			if err != nil {
				return err
			}
			n, err := st.EndSessions(ctx, u.ID, "")
			if err == nil {
				fmt.Fprintf(e.Stdout, "%d ended\n", n)
			}
			return err
		}
		t, err := st.Token(ctx, c.ID)
		if errors.Is(err, fs.ErrNotExist) || err == nil && t.Kind != store.TokenSession {
			return fmt.Errorf("no session %q", c.ID)
		}
		if err != nil {
			return err
		}
		return st.DeleteToken(ctx, c.ID)
	})
}
