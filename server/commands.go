package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"davit/auth"
	"davit/store"

	"golang.org/x/term"
)

// Env is what a command works with: where the data is, and the terminal or
// script that it talks to.
type Env struct {
	Context context.Context
	Data    string
	Stdin   *os.File
	Stdout  io.Writer
	Stderr  *os.File
}

// open gives fn the database and what hashes. Commands work beside a running
// server, which follows (D25). A data directory without a database is an error: a
// mistyped name must not look like an installation without users and folders.
func (e *Env) open(fn func(ctx context.Context, st *store.Store, a *auth.Auth) error) error {
	_, err := os.Stat(filepath.Join(e.Data, databaseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no installation in %s: name its data directory (--data, DAVIT_DATA), or make one (davit serve, davit user add)", e.Data)
	}
	if err != nil {
		return err
	}
	return e.make(fn)
}

// make is open for commands that may come before the first start of the server.
func (e *Env) make(fn func(ctx context.Context, st *store.Store, a *auth.Auth) error) error {
	st, err := OpenStore(e.Context, e.Data)
	if err != nil {
		return err
	}
	defer st.Close()
	return fn(store.WithActor(e.Context, commandActor()), st, auth.New(st, auth.Options{}))
}

// print writes v as one JSON document.
func (e *Env) print(v any) error {
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes rows in columns, with all that could drive a terminal escaped.
func (e *Env) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		for i := range row {
			if row[i] = printable(row[i]); row[i] == "" {
				row[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// password reads a new password: a line of standard input, or typed twice at a
// terminal, or made up here where there is nobody to ask.
func (e *Env) password(fromStdin bool) (password string, generated bool, err error) {
	if fromStdin {
		line, err := bufio.NewReader(e.Stdin).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", false, fmt.Errorf("read the password: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return "", false, errors.New("the password on standard input is empty")
		}
		return line, false, nil
	}
	if !term.IsTerminal(int(e.Stdin.Fd())) {
		return rand.Text(), true, nil
	}
	var typed [2]string
	for i, prompt := range []string{"New password: ", "The same again: "} {
		fmt.Fprint(e.Stderr, prompt)
		text, err := term.ReadPassword(int(e.Stdin.Fd()))
		fmt.Fprintln(e.Stderr)
		if err != nil {
			return "", false, fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] == "" || typed[0] != typed[1] {
		return "", false, errors.New("the passwords are empty or differ")
	}
	return typed[0], false, nil
}

// limitText shows a limit: "default", "none" or the number.
func limitText(n int64) string {
	switch n {
	case store.Default:
		return "default"
	case 0:
		return "none"
	}
	return strconv.FormatInt(n, 10)
}

// limitJSON is null for the default, 0 for no limit.
func limitJSON(n int64) *int64 {
	if n == store.Default {
		return nil
	}
	return &n
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// userNamed is UserByName with an error that people understand.
func userNamed(ctx context.Context, st *store.Store, name string) (store.User, error) {
	u, err := st.UserByName(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return u, fmt.Errorf("no user %q", name)
	}
	return u, err
}

// folderNamed finds a living folder by its ID, or by its title if only one has it.
func folderNamed(ctx context.Context, st *store.Store, ref string) (store.Folder, error) {
	if id, ok := store.ParseID(ref); ok {
		f, err := st.Folder(ctx, id)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !f.Deleted.IsZero() {
			return f, fmt.Errorf("no folder %s", id)
		}
		return f, err
	}
	all, err := st.Folders(ctx)
	if err != nil {
		return store.Folder{}, err
	}
	var found []store.Folder
	var ids []string
	for _, f := range all {
		if f.Title == ref {
			found = append(found, f)
			ids = append(ids, f.ID+" of "+f.OwnerName)
		}
	}
	switch len(found) {
	case 0:
		return store.Folder{}, fmt.Errorf("no folder %q", ref)
	case 1:
		return found[0], nil
	}
	return store.Folder{}, fmt.Errorf("several folders are called %q, name one by its ID: %s", ref, strings.Join(ids, ", "))
}

// UserCommands are "davit user …".
type UserCommands struct {
	Add    userAdd    `cmd:"" help:"Add a user."`
	List   userList   `cmd:"" help:"List the users."`
	Passwd userPasswd `cmd:"" help:"Set a user's password."`
	Limit  userLimit  `cmd:"" help:"Show or change a user's limits."`
	Quota  userQuota  `cmd:"" help:"Show or change how much all personal folders of a user may hold together."`
	Rm     userRm     `cmd:"" help:"Remove a user."`
}

type userJSON struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Email      string `json:"email"`
	Admin      bool   `json:"admin"`
	MaxFolders *int64 `json:"maxFolders"`
	MaxBytes   *int64 `json:"maxBytes"`
	MaxFiles   *int64 `json:"maxFiles"`
	Created    string `json:"created"`
	Password   string `json:"password,omitempty"`
}

func userOut(u store.User) userJSON {
	return userJSON{
		ID: u.ID, Name: u.Name, Email: u.Email, Admin: u.Admin, Created: timeText(u.Created),
		MaxFolders: limitJSON(u.Limits.MaxFolders), MaxBytes: limitJSON(u.Limits.MaxBytes), MaxFiles: limitJSON(u.Limits.MaxFiles),
	}
}

type userAdd struct {
	Name          string `arg:"" help:"Name to sign in with: 1 to 64 characters, no \":\" or \"/\"."`
	Admin         bool   `help:"Make the user an administrator."`
	Email         string `help:"E-mail address." placeholder:"E"`
	PasswordStdin bool   `help:"Read the password from standard input. Without it you are asked, or, without a terminal, a random one is made and shown."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

// Run adds the user.
func (c *userAdd) Run(e *Env) error {
	return e.make(func(ctx context.Context, st *store.Store, a *auth.Auth) error {
		password, generated, err := e.password(c.PasswordStdin)
		if err != nil {
			return err
		}
		hash, err := a.HashPassword(ctx, password)
		if err != nil {
			return err
		}
		u, err := st.CreateUser(ctx, store.User{
			Name: c.Name, Email: c.Email, Admin: c.Admin, PasswordHash: hash,
			Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default},
		})
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("user %q exists already", c.Name)
		}
		if err != nil {
			return err
		}
		out := userOut(u)
		if generated {
			out.Password = password
		}
		if c.JSON {
			return e.print(out)
		}
		fmt.Fprintf(e.Stdout, "user %s added\n", printable(u.Name))
		if generated {
			fmt.Fprintf(e.Stdout, "password: %s\n", password)
		}
		return nil
	})
}

type userList struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the users.
func (c *userList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		users, err := st.Users(ctx)
		if err != nil {
			return err
		}
		out, rows := []userJSON{}, [][]string{}
		for _, u := range users {
			out = append(out, userOut(u))
			rows = append(rows, []string{
				u.Name, strconv.FormatBool(u.Admin), u.Email,
				limitText(u.Limits.MaxFolders), limitText(u.Limits.MaxBytes), limitText(u.Limits.MaxFiles), timeText(u.Created),
			})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("NAME ADMIN EMAIL MAX-FOLDERS MAX-BYTES MAX-FILES CREATED", rows)
	})
}

type userPasswd struct {
	Name          string `arg:"" help:"User."`
	PasswordStdin bool   `help:"Read the password from standard input. Without it you are asked, or, without a terminal, a random one is made and shown."`
}

// Run sets the password.
func (c *userPasswd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, a *auth.Auth) error {
		u, err := userNamed(ctx, st, c.Name)
		if err != nil {
			return err
		}
		password, generated, err := e.password(c.PasswordStdin)
		if err != nil {
			return err
		}
		hash, err := a.HashPassword(ctx, password)
		if err != nil {
			return err
		}
		if err := st.SetPasswordHash(ctx, u.ID, hash); err != nil {
			return err
		}
		if u.Name == adminName { // the file would be a lie now (D26)
			if err := os.Remove(filepath.Join(e.Data, passwordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if generated {
			fmt.Fprintf(e.Stdout, "password: %s\n", password)
		}
		return nil
	})
}

type userLimit struct {
	Name       string `arg:"" help:"User."`
	MaxFolders *Count `help:"Folders of the user; 0 is no limit, \"default\" the server's." placeholder:"N"`
	MaxBytes   *Size  `help:"Bytes in each folder without a limit of its own." placeholder:"B"`
	MaxFiles   *Count `help:"Files and directories in each folder without a limit of its own." placeholder:"N"`
	JSON       bool   `name:"json" help:"Print JSON."`
}

// Run changes the limits that are given, and shows all.
func (c *userLimit) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.Name)
		if err != nil {
			return err
		}
		if c.MaxFolders != nil {
			u.Limits.MaxFolders = int64(*c.MaxFolders)
		}
		if c.MaxBytes != nil {
			u.Limits.MaxBytes = int64(*c.MaxBytes)
		}
		if c.MaxFiles != nil {
			u.Limits.MaxFiles = int64(*c.MaxFiles)
		}
		if c.MaxFolders != nil || c.MaxBytes != nil || c.MaxFiles != nil {
			if err := st.SetUserLimits(ctx, u.ID, u.Limits); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.print(userOut(u))
		}
		fmt.Fprintf(e.Stdout, "folders: %s\nbytes in each: %s\nfiles in each: %s\n",
			limitText(u.Limits.MaxFolders), limitText(u.Limits.MaxBytes), limitText(u.Limits.MaxFiles))
		return nil
	})
}

type userRm struct {
	Name          string `arg:"" help:"User."`
	TransferTo    string `help:"Give the user's folders to this user." xor:"folders" placeholder:"NAME"`
	DeleteFolders bool   `help:"Delete the user's folders with all that is in them." xor:"folders"`
}

// Run removes the user, with keys, tokens and grants.
func (c *userRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.Name)
		if err != nil {
			return err
		}
		heir := ""
		if c.TransferTo != "" {
			h, err := userNamed(ctx, st, c.TransferTo)
			if err != nil {
				return err
			}
			heir = h.ID
		}
		return st.DeleteUser(ctx, u.ID, heir, c.DeleteFolders)
	})
}

// KeyCommands are "davit key …".
type KeyCommands struct {
	Add  keyAdd  `cmd:"" help:"Make an API key for signed requests."`
	List keyList `cmd:"" help:"List the API keys."`
	Rm   keyRm   `cmd:"" help:"Remove an API key."`
}

type keyAdd struct {
	User string `required:"" help:"User that the key stands for." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run makes the key. Its secret is shown this once.
func (c *keyAdd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.User)
		if err != nil {
			return err
		}
		sealing, err := auth.LoadSecret(ctx, st, e.Data, os.Getenv("DAVIT_SECRET_KEY"), false)
		if err != nil {
			return err
		}
		key, secret, err := auth.New(st, auth.Options{Secret: sealing}).NewKey(u.ID)
		if err != nil {
			return err
		}
		if key, err = st.CreateKey(ctx, key); err != nil {
			return err
		}
		if c.JSON {
			return e.print(struct {
				AccessKey string `json:"accessKey"`
				SecretKey string `json:"secretKey"`
			}{key.AccessKey, secret})
		}
		fmt.Fprintf(e.Stdout, "access key: %s\nsecret key: %s\n", key.AccessKey, secret)
		return nil
	})
}

type keyList struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the keys, without their secrets.
func (c *keyList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		keys, err := st.Keys(ctx)
		if err != nil {
			return err
		}
		type keyJSON struct {
			AccessKey string `json:"accessKey"`
			User      string `json:"user"`
			Created   string `json:"created"`
			LastUsed  string `json:"lastUsed"`
		}
		out, rows := []keyJSON{}, [][]string{}
		for _, k := range keys {
			out = append(out, keyJSON{k.AccessKey, k.UserName, timeText(k.Created), timeText(k.LastUsed)})
			rows = append(rows, []string{k.AccessKey, k.UserName, timeText(k.Created), timeText(k.LastUsed)})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("ACCESS-KEY USER CREATED LAST-USED", rows)
	})
}

type keyRm struct {
	AccessKey string `arg:"" help:"Access key."`
}

// Run removes the key.
func (c *keyRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		err := st.DeleteKey(ctx, c.AccessKey)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("no key %q", c.AccessKey)
		}
		return err
	})
}
