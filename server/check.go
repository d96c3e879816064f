package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"
)

// Beside a running server, which writes what it counted with a little delay
// (D20), a difference must last this long; so often is it looked at.
const (
	settle       = 3 * time.Second
	settleRounds = 5
)

// CheckCommand is "davit check".
type CheckCommand struct {
	Repair bool `help:"Put right what can be put right."`
	JSON   bool `name:"json" help:"Print JSON."`
}

// Run compares the database with the disk, and says what differs. Something
// left wrong is an error.
func (c *CheckCommand) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		unlock, err := LockData(e.Data, "check")
		beside := errors.Is(err, ErrInUse)
		if err != nil && !beside {
			return err
		}
		if !beside {
			defer unlock()
		}
		products, err := st.Products(ctx)
		if err != nil {
			return err
		}
		files, err := davfs.New(st, davfs.Options{Dir: e.Data, Products: products, Sync: davfs.SyncFull, Log: quiet()})
		if err != nil {
			return err
		}
		found, err := findings(ctx, files, c.Repair && !beside, nil)
		if err == nil && beside && len(found) > 0 {
			found, err = c.checkBeside(ctx, e, st, files, found)
		}
		if err != nil {
			return err
		}
		wrong := 0
		for _, f := range found {
			if !f.Repaired {
				wrong++
			}
		}
		if err := c.report(e, found, wrong); err != nil {
			return err
		}
		if wrong > 0 {
			return fmt.Errorf("check: %d wrong", wrong)
		}
		return nil
	})
}

// checkBeside looks again at what differed, because a server runs. To repair a difference,
// that counts again; other faults wait until it is stopped.
func (c *CheckCommand) checkBeside(ctx context.Context, e *Env, st *store.Store, files *davfs.FS, before []davfs.Finding) ([]davfs.Finding, error) {
	found, moving, err := settled(ctx, settle, files, before, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range moving {
		fmt.Fprintf(e.Stderr, "davit: folder %s is in use and was not checked\n", f.FolderID)
	}
	for i, f := range found {
		if c.Repair && f.Kind == "usage" {
			if _, err := scanThere(ctx, st, f.FolderID, 10*time.Minute, e.Stderr); err != nil {
				return nil, err
			}
			found[i].Repaired = true
		}
	}
	return found, nil
}

func (c *CheckCommand) report(e *Env, found []davfs.Finding, wrong int) error {
	if c.JSON {
		return e.print(struct {
			OK       bool            `json:"ok"`
			Findings []davfs.Finding `json:"findings"`
		}{wrong == 0, found})
	}
	for _, f := range found {
		state := ""
		if f.Repaired {
			state = " (repaired)"
		}
		fmt.Fprintf(e.Stdout, "%s %s: %s: %s%s\n", f.FolderID, printable(f.Title), f.Kind, printable(f.Detail), state)
	}
	if len(found) == 0 {
		fmt.Fprintln(e.Stdout, "database and disk agree")
	}
	return nil
}

// findings are what a check finds; looked is told how far it is, if it is not nil.
func findings(ctx context.Context, files *davfs.FS, repair bool, looked func(davfs.Looked)) ([]davfs.Finding, error) {
	found := []davfs.Finding{}
	err := files.Check(ctx, repair, func(f davfs.Finding) { found = append(found, f) }, looked)
	return found, err
}

// quiet is the log of commands: what matters they return as an error.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
