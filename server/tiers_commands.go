package server

import (
	"context"
	"fmt"
	"strconv"

	"davit/auth"
	"davit/store"
)

type quotaFlags struct {
	Size     *Size  `arg:"" optional:"" help:"New limit in bytes, such as 500GB; 0 is no limit, \"default\" what the configuration says."`
	Category string `help:"Category of storage products: its name, or provider/category; without it, of the default product." placeholder:"C"`
	JSON     bool   `name:"json" help:"Print JSON."`
}

type userQuota struct {
	Name string `arg:"" help:"User."`
	quotaFlags
}

// Run changes the limit if one is given, and shows all.
func (c *userQuota) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.Name)
		if err != nil {
			return err
		}
		return c.run(ctx, e, st, u.ID)
	})
}

type projectQuota struct {
	Project string `arg:"" help:"ID or title of the project."`
	quotaFlags
}

// Run changes the limit if one is given, and shows all.
func (c *projectQuota) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		return c.run(ctx, e, st, p.ID)
	})
}

func (c *quotaFlags) run(ctx context.Context, e *Env, st *store.Store, workspace string) error {
	products, err := st.Products(ctx)
	if err != nil {
		return err
	}
	category, ok := products.CategoryNamed(c.Category)
	if !ok {
		return fmt.Errorf("there is no category %q (of the products that the server was last started with)", c.Category)
	}
	if c.Size != nil {
		if err := st.SetWorkspaceLimit(ctx, workspace, products.CategoryColumn(category), int64(*c.Size)); err != nil {
			return err
		}
	}
	limits, err := st.WorkspaceLimits(ctx, workspace)
	if err != nil {
		return err
	}
	folders, err := st.WorkspaceFolders(ctx, workspace)
	if err != nil {
		return err
	}
	all := products.WorkspaceUsage(folders, limits)
	if c.JSON {
		return e.print(quotaOut(workspace, all))
	}
	var rows [][]string
	for _, u := range all {
		if c.Category != "" && u.Category != category {
			continue
		}
		own := "default"
		if u.OwnLimit {
			own = "own"
		}
		rows = append(rows, []string{u.Category, limitText(u.MaxBytes), own, strconv.FormatInt(u.Bytes, 10), strconv.FormatInt(u.Folders, 10), strconv.FormatInt(u.KeptBytes, 10)})
	}
	return e.table("CATEGORY MAX-BYTES LIMIT BYTES FOLDERS DELETED-BYTES", rows)
}
