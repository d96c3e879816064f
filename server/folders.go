package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"

	"golang.org/x/term"
)

// FolderCommands are "davit folder …".
type FolderCommands struct {
	Add     folderAdd     `cmd:"" help:"Add a folder."`
	List    folderList    `cmd:"" help:"List the folders."`
	Limit   folderLimit   `cmd:"" help:"Show or change a folder's limits."`
	Rm      folderRm      `cmd:"" help:"Delete a folder and all that is in it, at once and for ever, or with --keep for a while."`
	Restore folderRestore `cmd:"" help:"Bring a folder back that was deleted for a while."`
	Scan    folderScan    `cmd:"" help:"Count a folder's files again, after changes by hand."`
}

type folderJSON struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	User     string `json:"user"`
	Project  string `json:"project,omitempty"` // its title
	Product  string `json:"product"`
	Bytes    int64  `json:"bytes"`
	Files    int64  `json:"files"`
	MaxBytes *int64 `json:"maxBytes"`
	MaxFiles *int64 `json:"maxFiles"`
	Created  string `json:"created"`
	LastUsed string `json:"lastUsed,omitempty"`
	Deleted  string `json:"deleted,omitempty"`
	Purge    string `json:"purge,omitempty"`
}

func folderOut(f store.Folder) folderJSON {
	return folderJSON{
		ID: f.ID, Title: f.Title, User: f.OwnerName, Project: f.ProjectTitle, Product: f.Product, Bytes: f.Usage.Bytes, Files: f.Usage.Files,
		MaxBytes: limitJSON(f.MaxBytes), MaxFiles: limitJSON(f.MaxFiles),
		Created: timeText(f.Created), LastUsed: timeText(f.LastUsed), Deleted: timeText(f.Deleted), Purge: timeText(f.Purge),
	}
}

type folderAdd struct {
	Title    string `arg:"" help:"Title of the folder."`
	User     string `required:"" help:"Owner; of a project's folder who made it." placeholder:"NAME"`
	Project  string `help:"Project that it belongs to, by ID or title; without it it is the user's own." placeholder:"PROJECT"`
	Product  string `help:"Storage product: its ID, or provider/category/id; without it the default one." placeholder:"ID"`
	MaxBytes *Size  `help:"Limit of its bytes, such as 500MB or 1GiB; 0 is no limit, without it the owner's default counts." placeholder:"SIZE"`
	MaxFiles *Count `help:"Limit of its files and directories." placeholder:"N"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run adds the folder, whatever the owner's limit of folders. The server makes its directory.
func (c *folderAdd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.User)
		if err != nil {
			return err
		}
		products, err := st.Products(ctx)
		if err != nil {
			return err
		}
		product, ok := products.Named(c.Product)
		if !ok {
			return fmt.Errorf("there is no storage product %q (of those that the server was last started with)", c.Product)
		}
		f := store.Folder{OwnerID: u.ID, Title: c.Title, Product: products.Column(product), MaxBytes: store.Default, MaxFiles: store.Default}
		whose := printable(u.Name)
		if c.Project != "" {
			p, err := projectNamed(ctx, st, c.Project)
			if err != nil {
				return err
			}
			f.ProjectID, whose = p.ID, "project "+printable(p.Title)
		}
		if c.MaxBytes != nil {
			f.MaxBytes = int64(*c.MaxBytes)
		}
		if c.MaxFiles != nil {
			f.MaxFiles = int64(*c.MaxFiles)
		}
		if err := product.CheckLimits(f.MaxBytes, f.MaxFiles); err != nil {
			return err
		}
		f, err = st.CreateFolder(ctx, store.NewFolder{Folder: f, UniqueTitle: true})
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s has a folder %q already", whose, c.Title)
		}
		if err != nil {
			return err
		}
		f.OwnerName = u.Name
		if c.JSON {
			return e.print(folderOut(f))
		}
		fmt.Fprintln(e.Stdout, f.ID)
		return nil
	})
}

type folderList struct {
	User    string `help:"Only folders of this user." placeholder:"NAME"`
	Deleted bool   `help:"The folders that were deleted and can be restored."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run lists the folders, with the usage last written (up to a second old).
func (c *folderList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		if c.User != "" {
			u, err := userNamed(ctx, st, c.User)
			if err != nil {
				return err
			}
			c.User = u.Name
		}
		folders, err := st.Folders(ctx)
		if c.Deleted {
			folders, err = st.DeletedFolders(ctx, "")
		}
		if err != nil {
			return err
		}
		out, rows := []folderJSON{}, [][]string{}
		for _, f := range folders {
			if c.User != "" && f.OwnerName != c.User {
				continue
			}
			out = append(out, folderOut(f))
			if c.Deleted {
				rows = append(rows, []string{f.ID, f.Title, f.OwnerName, strconv.FormatInt(f.Usage.Bytes, 10), strconv.FormatInt(f.Usage.Files, 10), timeText(f.Deleted), timeText(f.Purge)})
				continue
			}
			rows = append(rows, []string{
				f.ID, f.Title, f.OwnerName, strconv.FormatInt(f.Usage.Bytes, 10), limitText(f.MaxBytes),
				strconv.FormatInt(f.Usage.Files, 10), limitText(f.MaxFiles), timeText(f.Created),
			})
		}
		if c.JSON {
			return e.print(out)
		}
		if c.Deleted {
			return e.table("ID TITLE USER BYTES FILES DELETED PURGED-AT", rows)
		}
		return e.table("ID TITLE USER BYTES MAX-BYTES FILES MAX-FILES CREATED", rows)
	})
}

type folderLimit struct {
	Folder   string `arg:"" name:"id" help:"ID of the folder, or its title if no other has it."`
	MaxBytes *Size  `help:"Limit of its bytes; 0 is no limit, \"default\" the owner's." placeholder:"SIZE"`
	MaxFiles *Count `help:"Limit of its files and directories." placeholder:"N"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run changes the limits that are given, and shows both.
func (c *folderLimit) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		f, err := folderNamed(ctx, st, c.Folder)
		if err != nil {
			return err
		}
		if c.MaxBytes != nil {
			f.MaxBytes = int64(*c.MaxBytes)
		}
		if c.MaxFiles != nil {
			f.MaxFiles = int64(*c.MaxFiles)
		}
		if c.MaxBytes != nil || c.MaxFiles != nil {
			products, err := st.Products(ctx)
			if err != nil {
				return err
			}
			if err := products.Of(f.Product).CheckLimits(f.MaxBytes, f.MaxFiles); err != nil {
				return err
			}
			if err := st.SetFolderLimits(ctx, f.ID, f.MaxBytes, f.MaxFiles); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.print(folderOut(f))
		}
		fmt.Fprintf(e.Stdout, "bytes: %s\nfiles: %s\n", limitText(f.MaxBytes), limitText(f.MaxFiles))
		return nil
	})
}

type folderRm struct {
	Folder string `arg:"" name:"id" help:"ID of the folder, or its title if no other has it. One that was deleted for a while goes for good, by its ID."`
	Keep   bool   `help:"Keep it for as long as the server was last told (--keep-deleted); in that time davit folder restore brings it back."`
}

// Run deletes the folder. The server, or its next start, frees the space.
func (c *folderRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		if f, ok, err := deletedFolder(ctx, st, c.Folder); err != nil || ok {
			if err == nil && c.Keep {
				err = fmt.Errorf("folder %s is deleted already, and kept until %s", f.ID, timeText(f.Purge))
			}
			if err != nil {
				return err
			}
			return st.FinishFolder(ctx, f.ID, true)
		}
		f, err := folderNamed(ctx, st, c.Folder)
		if err != nil {
			return err
		}
		purge := time.Now()
		if c.Keep {
			keep, err := keptFor(ctx, st)
			if err != nil {
				return err
			}
			if keep == 0 {
				return errors.New("the server keeps no deleted folders (--keep-deleted is 0)")
			}
			purge = purge.Add(keep)
		}
		return st.DeleteFolder(ctx, f.ID, purge)
	})
}

const keptSetting = "keep-deleted"

// NoteKeepDeleted notes --keep-deleted for the commands beside the server.
func NoteKeepDeleted(ctx context.Context, st *store.Store, c *Config) error {
	return st.SetSetting(ctx, keptSetting, time.Duration(c.KeepDeleted).String())
}

// keptFor is --keep-deleted of the last start of the server.
func keptFor(ctx context.Context, st *store.Store) (time.Duration, error) {
	text, err := st.Setting(ctx, keptSetting)
	if errors.Is(err, fs.ErrNotExist) {
		return 7 * 24 * time.Hour, nil
	}
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(text)
}

// deletedNamed finds a folder that can be restored, by its ID, or its title if it is the only one.
func deletedNamed(ctx context.Context, st *store.Store, text string) (store.Folder, error) {
	unknown := fmt.Errorf("no deleted folder %q can be restored; see davit folder list --deleted", text)
	if f, ok, err := deletedFolder(ctx, st, text); ok || err != nil {
		return f, err
	}
	all, err := st.DeletedFolders(ctx, "")
	if err != nil {
		return store.Folder{}, err
	}
	var found []store.Folder
	var ids []string
	for _, f := range all {
		if f.Title == text {
			found = append(found, f)
			ids = append(ids, f.ID+" of "+f.OwnerName)
		}
	}
	switch len(found) {
	case 0:
		return store.Folder{}, unknown
	case 1:
		return found[0], nil
	}
	return store.Folder{}, fmt.Errorf("%d deleted folders are called %q: use the ID (%s)", len(found), text, strings.Join(ids, ", "))
}

// deletedFolder finds a folder that can be restored, by its ID.
func deletedFolder(ctx context.Context, st *store.Store, text string) (f store.Folder, ok bool, err error) {
	id, ok := store.ParseID(text)
	if !ok {
		return f, false, nil
	}
	f, err = st.Folder(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	return f, err == nil && f.Purge.After(f.Deleted), err
}

type folderRestore struct {
	Folder string `arg:"" name:"id" help:"ID of the folder, or its title if no other deleted one has it; see folder list --deleted."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run brings the folder back, whatever its owner's limit of folders.
func (c *folderRestore) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		f, err := deletedNamed(ctx, st, c.Folder)
		if err != nil {
			return err
		}
		if f, err = st.RestoreFolder(ctx, f.ID, store.Restore{}); err != nil {
			return err
		}
		if c.JSON {
			return e.print(folderOut(f))
		}
		fmt.Fprintf(e.Stdout, "folder %s restored: %s\n", f.ID, printable(f.Title))
		return nil
	})
}

type folderScan struct {
	Folder  string   `arg:"" name:"id" help:"ID of the folder, or its title if no other has it."`
	Timeout Duration `help:"How long to wait for the running server." default:"10m" placeholder:"TIME"`
	JSON    bool     `name:"json" help:"Print JSON."`
}

// Run has the server count, or counts itself if none runs.
func (c *folderScan) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		f, err := folderNamed(ctx, st, c.Folder)
		if err != nil {
			return err
		}
		unlock, err := LockData(e.Data, "folder scan")
		switch {
		case err == nil:
			defer unlock()
			if f.Usage, err = scanHere(ctx, st, e.Data, f.ID); err != nil {
				return err
			}
		case errors.Is(err, ErrInUse):
			if f, err = scanThere(ctx, st, f.ID, time.Duration(c.Timeout), e.Stderr); err != nil {
				return err
			}
		default:
			return err
		}
		if c.JSON {
			return e.print(folderOut(f))
		}
		fmt.Fprintf(e.Stdout, "bytes: %d\nfiles: %d\n", f.Usage.Bytes, f.Usage.Files)
		return nil
	})
}

// scanHere counts while no server runs; the caller holds the lock.
func scanHere(ctx context.Context, st *store.Store, dir, id string) (store.Usage, error) {
	products, err := st.Products(ctx)
	if err != nil {
		return store.Usage{}, err
	}
	files, err := davfs.New(st, davfs.Options{Dir: dir, Products: products, Sync: davfs.SyncFull, Log: quiet()})
	if err != nil {
		return store.Usage{}, err
	}
	if err := files.Start(ctx); err != nil {
		return store.Usage{}, err
	}
	u, err := files.Scan(ctx, id)
	return u, errors.Join(err, files.Close(ctx))
}

// scanThere asks the running server to count, and waits.
func scanThere(ctx context.Context, st *store.Store, id string, timeout time.Duration, dots *os.File) (store.Folder, error) {
	if err := st.RequestRescan(ctx, id); err != nil {
		return store.Folder{}, err
	}
	asked, err := st.Folder(ctx, id)
	if err != nil {
		return asked, err
	}
	terminal := term.IsTerminal(int(dots.Fd()))
	if terminal {
		defer fmt.Fprintln(dots)
	}
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := st.Folder(ctx, id)
		if err != nil {
			return f, err
		}
		if !f.Deleted.IsZero() {
			return f, fmt.Errorf("folder %s is gone", id)
		}
		if !f.Scanned.Before(asked.Rescan) {
			return f, nil
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-limit.C:
			return f, fmt.Errorf("the server has not counted folder %s within %s; it still will", id, timeout)
		case <-tick.C:
			if terminal {
				fmt.Fprint(dots, ".")
			}
		}
	}
}
