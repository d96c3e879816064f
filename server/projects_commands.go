package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"davit/auth"
	"davit/store"
)

// ProjectCommands are "davit project …".
type ProjectCommands struct {
	Add    projectAdd     `cmd:"" help:"Add a project."`
	List   projectList    `cmd:"" help:"List the projects."`
	Limit  projectLimit   `cmd:"" help:"Show or change a project's limits."`
	Quota  projectQuota   `cmd:"" help:"Show or change how much all folders of a project may hold together."`
	Rm     projectRm      `cmd:"" help:"Remove a project."`
	Member MemberCommands `cmd:"" help:"Manage the members of a project."`
}

// MemberCommands are "davit project member …".
type MemberCommands struct {
	List memberList `cmd:"" help:"List the members."`
	Set  memberSet  `cmd:"" help:"Take a user in, or change a role."`
	Rm   memberRm   `cmd:"" help:"Take a member out of the project and its groups."`
}

// GroupCommands are "davit group …".
type GroupCommands struct {
	Add    groupAdd            `cmd:"" help:"Add a group to a project."`
	List   groupList           `cmd:"" help:"List the groups of a project."`
	Rm     groupRm             `cmd:"" help:"Remove a group, and what was granted to it."`
	Member GroupMemberCommands `cmd:"" help:"Manage the members of a group."`
}

// GroupMemberCommands are "davit group member …".
type GroupMemberCommands struct {
	List groupMemberList `cmd:"" help:"List the members."`
	Add  groupMemberAdd  `cmd:"" help:"Take a member of the project into the group."`
	Rm   groupMemberRm   `cmd:"" help:"Take a member out of the group."`
}

// projectNamed finds a project by its ID or title.
func projectNamed(ctx context.Context, st *store.Store, ref string) (p store.Project, err error) {
	if id, ok := store.ParseID(ref); ok {
		p, err = st.Project(ctx, id)
	} else {
		p, err = st.ProjectByTitle(ctx, ref)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("no project %q", ref)
	}
	return p, err
}

// groupNamed finds a group by its ID, or by its title in a project.
func groupNamed(ctx context.Context, st *store.Store, project, ref string) (store.Group, error) {
	if id, ok := store.ParseID(ref); ok {
		g, err := st.Group(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			return g, fmt.Errorf("no group %s", id)
		}
		return g, err
	}
	if project == "" {
		return store.Group{}, fmt.Errorf("say by --project which project's group %q is meant, or give the group's ID", ref)
	}
	p, err := projectNamed(ctx, st, project)
	if err != nil {
		return store.Group{}, err
	}
	groups, err := st.Groups(ctx, p.ID, store.Range{})
	if err != nil {
		return store.Group{}, err
	}
	for _, g := range groups {
		if g.Title == ref {
			return g, nil
		}
	}
	return store.Group{}, fmt.Errorf("project %q has no group %q", p.Title, ref)
}

type projectRow struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	MaxFolders *int64 `json:"maxFolders"`
	MaxBytes   *int64 `json:"maxBytes"`
	MaxFiles   *int64 `json:"maxFiles"`
	Created    string `json:"created"`
}

func projectRowOf(p store.Project) projectRow {
	return projectRow{p.ID, p.Title, limitJSON(p.Limits.MaxFolders), limitJSON(p.Limits.MaxBytes), limitJSON(p.Limits.MaxFiles), timeText(p.Created)}
}

// limitFlags are the limits of a project or user on the command line.
type limitFlags struct {
	MaxFolders *Count `help:"Folders of the project; 0 is no limit, \"default\" the server's." placeholder:"N"`
	MaxBytes   *Size  `help:"Bytes in each folder without a limit of its own." placeholder:"SIZE"`
	MaxFiles   *Count `help:"Files and directories in each folder without a limit of its own." placeholder:"N"`
}

// over gives the limits that are set in place of those of l, and says whether there are any.
func (f limitFlags) over(l store.Limits) (store.Limits, bool) {
	if f.MaxFolders != nil {
		l.MaxFolders = int64(*f.MaxFolders)
	}
	if f.MaxBytes != nil {
		l.MaxBytes = int64(*f.MaxBytes)
	}
	if f.MaxFiles != nil {
		l.MaxFiles = int64(*f.MaxFiles)
	}
	return l, f.MaxFolders != nil || f.MaxBytes != nil || f.MaxFiles != nil
}

type projectAdd struct {
	Title  string     `arg:"" help:"Title of the project; no other has it."`
	PI     string     `name:"pi" required:"" help:"User who leads it." placeholder:"NAME"`
	Limits limitFlags `embed:""`
	JSON   bool       `name:"json" help:"Print JSON."`
}

// Run adds the project.
func (c *projectAdd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		u, err := userNamed(ctx, st, c.PI)
		if err != nil {
			return err
		}
		limits, _ := c.Limits.over(store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default})
		p, err := st.CreateProject(ctx, store.Project{Title: c.Title, Limits: limits}, u.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.print(projectRowOf(p))
		}
		fmt.Fprintln(e.Stdout, p.ID)
		return nil
	})
}

type projectList struct {
	User string `help:"Only projects that this user is a member of." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run lists the projects.
func (c *projectList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		list, user := st.Projects, ""
		if c.User != "" {
			u, err := userNamed(ctx, st, c.User)
			if err != nil {
				return err
			}
			list, user = st.ProjectsOf, u.ID
		}
		projects, err := list(ctx, user, store.Range{})
		if err != nil {
			return err
		}
		out, rows := []projectRow{}, [][]string{}
		for _, p := range projects {
			out = append(out, projectRowOf(p.Project))
			rows = append(rows, []string{p.ID, p.Title, limitText(p.Limits.MaxFolders), limitText(p.Limits.MaxBytes), limitText(p.Limits.MaxFiles), timeText(p.Created)})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("ID TITLE MAX-FOLDERS MAX-BYTES MAX-FILES CREATED", rows)
	})
}

type projectLimit struct {
	Project string     `arg:"" help:"ID or title of the project."`
	Limits  limitFlags `embed:""`
	JSON    bool       `name:"json" help:"Print JSON."`
}

// Run changes the limits that are given, and shows all.
func (c *projectLimit) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		if limits, given := c.Limits.over(p.Limits); given {
			if p, err = st.ChangeProject(ctx, p.ID, store.ProjectChange{Limits: &limits}); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.print(projectRowOf(p))
		}
		fmt.Fprintf(e.Stdout, "folders: %s\nbytes: %s\nfiles: %s\n", limitText(p.Limits.MaxFolders), limitText(p.Limits.MaxBytes), limitText(p.Limits.MaxFiles))
		return nil
	})
}

type projectRm struct {
	Project       string `arg:"" help:"ID or title of the project."`
	DeleteFolders bool   `help:"Delete its folders with it, at once and for ever."`
}

// Run removes the project. The server, or its next start, frees the space.
func (c *projectRm) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		return st.DeleteProject(ctx, p.ID, c.DeleteFolders)
	})
}

// printMembers shows members as a table or JSON.
func (e *Env) printMembers(members []store.Member, json bool) error {
	out, rows := []memberJSON{}, [][]string{}
	for _, m := range members {
		out = append(out, memberOut(m))
		rows = append(rows, []string{m.UserName, string(m.Role), timeText(m.Created)})
	}
	if json {
		return e.print(out)
	}
	return e.table("USER ROLE CREATED", rows)
}

type memberList struct {
	Project string `arg:"" help:"ID or title of the project."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run lists the members.
func (c *memberList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		members, err := st.Members(ctx, p.ID, store.Range{})
		if err != nil {
			return err
		}
		return e.printMembers(members, c.JSON)
	})
}

type memberSet struct {
	Project string `arg:"" help:"ID or title of the project."`
	User    string `arg:"" help:"User."`
	Role    string `arg:"" help:"PI, ADMIN or USER; the first two have all rights in the project's folders." enum:"PI,ADMIN,USER" default:"USER"`
}

// Run sets the role.
func (c *memberSet) Run(e *Env) error {
	return e.withMember(c.Project, c.User, func(ctx context.Context, st *store.Store, p store.Project, u store.User) error {
		return st.SetMember(ctx, p.ID, u.ID, store.Role(c.Role))
	})
}

type memberRm struct {
	Project string `arg:"" help:"ID or title of the project."`
	User    string `arg:"" help:"User."`
}

// Run takes the user out.
func (c *memberRm) Run(e *Env) error {
	return e.withMember(c.Project, c.User, func(ctx context.Context, st *store.Store, p store.Project, u store.User) error {
		err := st.RemoveMember(ctx, p.ID, u.ID)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is not a member of %q", printable(u.Name), p.Title)
		}
		return err
	})
}

func (e *Env) withMember(project, user string, fn func(context.Context, *store.Store, store.Project, store.User) error) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, project)
		if err != nil {
			return err
		}
		u, err := userNamed(ctx, st, user)
		if err != nil {
			return err
		}
		return fn(ctx, st, p, u)
	})
}

type groupAdd struct {
	Title   string `arg:"" help:"Title of the group; no other of the project has it."`
	Project string `required:"" help:"ID or title of the project." placeholder:"PROJECT"`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run adds the group.
func (c *groupAdd) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		g, err := st.CreateGroup(ctx, p.ID, c.Title)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.print(groupOut(g))
		}
		fmt.Fprintln(e.Stdout, g.ID)
		return nil
	})
}

type groupList struct {
	Project string `arg:"" help:"ID or title of the project."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run lists the groups of the project.
func (c *groupList) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		p, err := projectNamed(ctx, st, c.Project)
		if err != nil {
			return err
		}
		groups, err := st.Groups(ctx, p.ID, store.Range{})
		if err != nil {
			return err
		}
		out, rows := []groupJSON{}, [][]string{}
		for _, g := range groups {
			out = append(out, groupOut(g))
			rows = append(rows, []string{g.ID, g.Title, strconv.Itoa(g.Members), timeText(g.Created)})
		}
		if c.JSON {
			return e.print(out)
		}
		return e.table("ID TITLE MEMBERS CREATED", rows)
	})
}

// groupRef is how the commands name a group.
type groupRef struct {
	Group   string `arg:"" help:"ID of the group, or its title with --project."`
	Project string `help:"ID or title of the project that the group is in." placeholder:"PROJECT"`
}

func (r groupRef) open(e *Env, fn func(context.Context, *store.Store, store.Group) error) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		g, err := groupNamed(ctx, st, r.Project, r.Group)
		if err != nil {
			return err
		}
		return fn(ctx, st, g)
	})
}

type groupRm struct {
	groupRef `embed:""`
}

// Run removes the group.
func (c *groupRm) Run(e *Env) error {
	return c.open(e, func(ctx context.Context, st *store.Store, g store.Group) error { return st.DeleteGroup(ctx, g.ID) })
}

type groupMemberList struct {
	groupRef `embed:""`
	JSON     bool `name:"json" help:"Print JSON."`
}

// Run lists the members of the group.
func (c *groupMemberList) Run(e *Env) error {
	return c.open(e, func(ctx context.Context, st *store.Store, g store.Group) error {
		members, err := st.GroupMembers(ctx, g.ID, store.Range{})
		if err != nil {
			return err
		}
		return e.printMembers(members, c.JSON)
	})
}

type groupMemberAdd struct {
	groupRef `embed:""`
	User     string `arg:"" help:"User, a member of the project."`
}

// Run takes the user into the group.
func (c *groupMemberAdd) Run(e *Env) error {
	return c.open(e, func(ctx context.Context, st *store.Store, g store.Group) error {
		u, err := userNamed(ctx, st, c.User)
		if err != nil {
			return err
		}
		return st.AddGroupMember(ctx, g.ID, u.ID)
	})
}

type groupMemberRm struct {
	groupRef `embed:""`
	User     string `arg:"" help:"User."`
}

// Run takes the user out of the group.
func (c *groupMemberRm) Run(e *Env) error {
	return c.open(e, func(ctx context.Context, st *store.Store, g store.Group) error {
		u, err := userNamed(ctx, st, c.User)
		if err != nil {
			return err
		}
		return st.RemoveGroupMember(ctx, g.ID, u.ID)
	})
}
