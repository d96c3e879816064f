package store

import (
	"context"
	"io/fs"
	"slices"
	"strings"
)

// A workspace is a user's personal one, or a project: its ID is the user's or the project's. All folders of a
// workspace in one category of products share a quota, beside the limits of each.

// WorkspaceID is the workspace that a folder belongs to; "" if its owner was removed.
func (f Folder) WorkspaceID() string {
	if f.ProjectID != "" {
		return f.ProjectID
	}
	return f.OwnerID
}

// Kept says whether the folder is deleted and can be restored: its bytes still count for its workspace.
func (f Folder) Kept() bool { return !f.Deleted.IsZero() && f.Purge.After(f.Deleted) }

// SetWorkspaceLimit sets how many bytes all folders of a workspace in a category, as Products.CategoryColumn names it,
// may hold together; 0: no limit, Default: what the category's products say. fs.ErrNotExist for an unknown workspace,
// fs.ErrInvalid for a number that is no limit.
func (s *Store) SetWorkspaceLimit(ctx context.Context, workspaceID, category string, maxBytes int64) error {
	if maxBytes < Default {
		return explain(fs.ErrInvalid, "a limit is less than nothing")
	}
	return named(s.write(ctx, announced, func(t tx) error {
		var name, project string
		err := t.get(`SELECT name, '' FROM users WHERE id = $1 UNION ALL SELECT title, id FROM projects WHERE id = $1`, []any{workspaceID}, &name, &project)
		if err != nil {
			return err
		}
		if project != "" {
			t.touch(TouchProject, workspaceID)
		} else {
			t.touch(TouchUser, workspaceID)
		}
		if maxBytes == Default {
			_, err = t.exec(`DELETE FROM workspace_limits WHERE workspace_id = $1 AND category = $2`, workspaceID, category)
		} else {
			_, err = t.exec(`INSERT INTO workspace_limits (workspace_id, category, max_bytes) VALUES ($1, $2, $3)
				ON CONFLICT (workspace_id, category) DO UPDATE SET max_bytes = excluded.max_bytes`, workspaceID, category, maxBytes)
		}
		if err != nil {
			return err
		}
		return t.note(ctx, event{action: "workspace.limit", project: project, subject: name, detail: map[string]any{"category": category, "maxBytes": maxBytes}})
	}), "workspace", workspaceID)
}

// WorkspaceLimits returns what SetWorkspaceLimit set, by category.
func (s *Store) WorkspaceLimits(ctx context.Context, workspaceID string) (map[string]int64, error) {
	type limit struct {
		category string
		max      int64
	}
	all, err := collect[limit](s.reads.QueryContext(ctx, `SELECT category, max_bytes FROM workspace_limits WHERE workspace_id = $1`, workspaceID))(func(r row) (l limit, err error) {
		err = r.Scan(&l.category, &l.max)
		return l, err
	})
	limits := make(map[string]int64, len(all))
	for _, l := range all {
		limits[l.category] = l.max
	}
	return limits, err
}

// AnyWorkspaceLimit says whether some workspace has a limit of its own.
func (s *Store) AnyWorkspaceLimit(ctx context.Context) (any bool, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM workspace_limits)`).Scan(&any)
	return any, convert(err)
}

// Two queries, so that each goes by its index.
const selectWorkspace = selectFolder + ` WHERE f.owner_id = $1 AND f.project_id IS NULL AND (f.deleted = 0 OR f.purge > f.deleted)
UNION ALL
	` + selectFolder + ` WHERE f.project_id = $1 AND (f.deleted = 0 OR f.purge > f.deleted)`

// WorkspaceFolders returns the folders whose bytes count for a workspace: the living ones, and those that were deleted
// and can be restored.
func (s *Store) WorkspaceFolders(ctx context.Context, workspaceID string) ([]Folder, error) {
	return collect[Folder](s.reads.QueryContext(ctx, selectWorkspace, workspaceID))(scanFolder)
}

// CategoryColumn is how workspace_limits names a category given as CategoryKey: "" for the default product's, so that the
// limits outlive a change of its name.
func (p *Products) CategoryColumn(key string) string {
	if key == p.Default().CategoryKey() {
		return ""
	}
	return key
}

// CategoryNamed finds a category by what people write: its key, or its name if one provider has it alone. "" is that of
// the default product.
func (p *Products) CategoryNamed(name string) (key string, ok bool) {
	if name == "" {
		return p.Default().CategoryKey(), true
	}
	if p.HasCategory(name) {
		return name, true
	}
	for _, one := range p.all {
		if one.Category == name {
			if key != "" && key != one.CategoryKey() {
				return "", false
			}
			key = one.CategoryKey()
		}
	}
	return key, key != ""
}

// WorkspaceMax is the limit of a workspace in a category, in bytes; 0: none. limits are those of the workspace.
func (p *Products) WorkspaceMax(limits map[string]int64, category string) int64 {
	if max, ok := limits[p.CategoryColumn(category)]; ok {
		return max
	}
	for _, one := range p.all {
		if one.CategoryKey() == category {
			return one.WorkspaceMaxBytes
		}
	}
	return 0
}

// CategoryUsage is what a workspace holds in one category of products.
type CategoryUsage struct {
	Category     string // CategoryKey
	Folders      int64  // living ones
	Usage               // of all folders, those that are deleted and kept included
	KeptFolders  int64  // that are deleted and can be restored
	KeptBytes    int64
	Reserved     int64 // bytes of uploads that run; the server knows
	MaxBytes     int64 // 0: none
	OwnLimit     bool  // MaxBytes was set for this workspace
	DefaultBytes int64 // what holds without a limit of its own; 0: none
}

// WorkspaceUsage sums up the folders of a workspace, as WorkspaceFolders gives them, by category: all that there
// are, in order.
func (p *Products) WorkspaceUsage(folders []Folder, limits map[string]int64) []CategoryUsage {
	byKey := make(map[string]*CategoryUsage)
	var all []*CategoryUsage
	for _, one := range p.all {
		key := one.CategoryKey()
		if byKey[key] != nil {
			continue
		}
		c := &CategoryUsage{Category: key, MaxBytes: p.WorkspaceMax(limits, key), DefaultBytes: one.WorkspaceMaxBytes}
		_, c.OwnLimit = limits[p.CategoryColumn(key)]
		byKey[key], all = c, append(all, c)
	}
	for _, f := range folders {
		c := byKey[p.Of(f.Product).CategoryKey()]
		if c == nil {
			continue
		}
		c.Bytes += f.Usage.Bytes
		c.Files += f.Usage.Files
		if f.Kept() {
			c.KeptFolders++
			c.KeptBytes += f.Usage.Bytes
		} else {
			c.Folders++
		}
	}
	slices.SortFunc(all, func(a, b *CategoryUsage) int { return strings.Compare(a.Category, b.Category) })
	usage := make([]CategoryUsage, len(all))
	for i, c := range all {
		usage[i] = *c
	}
	return usage
}
