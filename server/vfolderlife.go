package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"davit/store"

	"golang.org/x/text/unicode/norm"
)

// The life of a virtual folder: list, create, show, rename, delete.

// reservedNames would be configuration or system directories where platforms mount folders.
var reservedNames = []string{".terminfo", ".jupyter", ".tmux.conf", ".ssh"}

// checkVFolderName says what is wrong with a name for a folder; "" for nothing.
func checkVFolderName(name string) string {
	bare := strings.TrimPrefix(name, ".") // one in front is for folders that platforms mount by themselves
	first, _ := utf8.DecodeRuneInString(bare)
	last, _ := utf8.DecodeLastRuneInString(bare)
	word := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r))
	}
	switch {
	case name == "":
		return "is empty"
	case utf8.RuneCountInString(name) > maxNameLen:
		return fmt.Sprintf("must have at most %d characters", maxNameLen)
	case strings.ContainsFunc(bare, func(r rune) bool { return !word(r) && !strings.ContainsRune("._-", r) }):
		return "must be letters, digits, '.', '_' and '-'"
	case !word(first) || !word(last):
		return "must begin with a letter or digit (one '.' may stand before it) and end with one"
	case strings.Contains(name, "..") || strings.Contains(name, "__") || strings.Contains(name, "--"):
		return "must not have '.', '_' or '-' twice in a row"
	case slices.Contains(reservedNames, name), isDotFile(name):
		return "is reserved: programs look for their configuration there"
	}
	if _, ok := store.ParseID(name); ok {
		return "looks like an ID"
	}
	return ""
}

// isDotFile is for .bashrc and .bash_profile, and what is called like them.
func isDotFile(name string) bool {
	bare, dot := strings.CutPrefix(name, ".")
	rc, isRC := strings.CutSuffix(bare, "rc")
	profile, isProfile := strings.CutSuffix(bare, "_profile")
	plain := func(s string) bool { return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == "" }
	return dot && (isRC && plain(rc) || isProfile && plain(profile))
}

// vfolderName returns a name for a folder that must be there.
func (p *vparams) vfolderName(names ...string) string {
	field := p.called(names...)
	name := norm.NFC.String(p.text(field))
	if wrong := checkVFolderName(name); wrong != "" {
		p.refuse(field, "%s", wrong)
	}
	return name
}

// vmatch is a folder in the answer to a name that means several.
type vmatch struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Host    string  `json:"host"`
	User    string  `json:"user"`
	UserID  *string `json:"user_id"`
	Group   *string `json:"group"`
	GroupID *string `json:"group_id"`
}

// vmount finds a folder that p sees by its ID, with or without dashes, or by its title. A name that
// several have is refused: the caller must say which (D2).
func (s *Server) vmount(ctx context.Context, p store.Principal, name string) (store.Mount, error) {
	if id, ok := store.ParseID(name); ok {
		return s.auth.Mount(ctx, p, id)
	}
	all, err := s.auth.Mounts(ctx, p)
	if err != nil {
		return store.Mount{}, err
	}
	found := titled(all, name)
	switch len(found) {
	case 0:
		return store.Mount{}, fs.ErrNotExist
	case 1:
		return found[0], nil
	}
	matches := make([]vmatch, len(found))
	for i, m := range found {
		f := m.Folder
		matches[i] = vmatch{ID: f.ID, Name: f.Title, Host: s.hostOf(f), User: f.OwnerName, UserID: uuidText(f.OwnerID), GroupID: uuidText(f.ProjectID)}
		if f.ProjectID != "" {
			matches[i].Group = &f.ProjectTitle
		}
	}
	return store.Mount{}, &refusal{
		status: http.StatusNotFound, kind: "too-many-vfolders", title: "There are two or more matching vfolders.",
		why: "several folders that you see have this name; use the ID of one", data: map[string]any{"matches": matches},
	}
}

// titled are the mounts whose folder has a title.
func titled(all []store.Mount, title string) []store.Mount {
	title = norm.NFC.String(title)
	return slices.DeleteFunc(slices.Clone(all), func(m store.Mount) bool {
		return m.Folder.Title != title && norm.NFC.String(m.Folder.Title) != title
	})
}

// mount finds the folder of the route.
func (s *Server) mount(v *vcall) (store.Mount, error) {
	return s.vmount(v.Request().Context(), v.p, v.name("name"))
}

// managed is mount for what changes the folder itself, which needs the right r; do says what.
func (s *Server) managed(v *vcall, r store.Rights, do string) (store.Mount, error) {
	m, err := s.mount(v)
	if err != nil {
		return m, err
	}
	return m, mayManage(m, r, do)
}

func mayManage(m store.Mount, r store.Rights, do string) error {
	if !m.Rights.Has(r) {
		return fmt.Errorf("%w: you may not %s this folder", fs.ErrPermission, do)
	}
	return nil
}

// listVFolders answers with a bare list: the caller's folders, and what others share.
func (s *Server) listVFolders(v *vcall) error {
	if all, _ := v.in.flag("all"); all {
		v.in.refuse("all", "is not possible: this call shows your own view")
	}
	if deleted, _ := v.in.flag("deleted"); deleted {
		return s.listTrashed(v)
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	ctx := v.Request().Context()
	group, err := s.groupOf(v, false)
	if err != nil {
		return err
	}
	mounts, err := s.auth.Mounts(ctx, v.p)
	if err != nil {
		return err
	}
	rows, err := s.store.FoldersOf(ctx, v.p.UserID) // with usage that is newer than the mounts'
	if err != nil {
		return err
	}
	fresh := make(map[string]store.Folder, len(rows))
	for _, m := range rows {
		fresh[m.Folder.ID] = m.Folder
	}
	shown := make([]store.Mount, 0, len(mounts))
	folders := make([]store.Folder, 0, len(mounts))
	for _, m := range mounts {
		f, ok := fresh[m.Folder.ID]
		if !ok || group.ID != "" && f.ProjectID != group.ID {
			continue
		}
		m.Folder = f
		m.Folder.LastUsed = s.files.LastUse(f)
		shown, folders = append(shown, m), append(folders, f)
	}
	usages, err := s.files.Usages(folders)
	if err != nil {
		return err
	}
	list := make([]vfolder, len(shown))
	for i, m := range shown {
		list[i] = s.vfolderOf(m, usages[i], v.p)
	}
	return v.JSON(http.StatusOK, list)
}

// groupOf is the project that a call names, by ID or title; an empty one if it names none. It must be one that
// the caller is a member of; with manage, in which the caller may make folders.
func (s *Server) groupOf(v *vcall, manage bool) (store.Membership, error) {
	field := v.in.called("group_id", "groupId", "group")
	name, _ := v.in.optText(field)
	if err := v.in.bad(); err != nil {
		return store.Membership{}, err
	}
	if fixed := v.p.Workspace(name); manage && fixed != name {
		// The caller's token acts in one workspace alone.
		if name != "" {
			return store.Membership{}, fmt.Errorf("%w: this token makes folders in its own workspace alone", fs.ErrPermission)
		}
		name = fixed
	}
	if name == "" {
		return store.Membership{}, nil
	}
	ctx := v.Request().Context()
	unknown := &paramError{field, "you are in no project of this ID or title"}
	var m store.Membership
	var err error
	if id, ok := store.ParseID(name); ok {
		m.Project, err = s.store.Project(ctx, id)
	} else {
		m.Project, err = s.store.ProjectByTitle(ctx, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return m, unknown
	}
	if err != nil {
		return m, err
	}
	member, err := s.store.Member(ctx, m.ID, v.p.UserID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	m.Role = member.Role
	switch {
	case m.Role == "" && !v.p.Admin:
		return m, unknown
	case manage && !m.Role.Manages() && !v.p.Admin:
		return m, &refusal{status: http.StatusForbidden, kind: "insufficient-privilege", title: "Insufficient privilege.",
			why: "folders of a project are made by its PI and its administrators", err: fs.ErrPermission}
	}
	return m, nil
}

// createVFolder makes a folder of the caller.
func (s *Server) createVFolder(v *vcall) error {
	name := v.in.vfolderName("name")
	if path, given := v.in.optWord("unmanaged_path", "unmanagedPath"); given && path != "" {
		v.in.refuse("unmanaged_path", "is not possible: every folder is kept by this server")
	}
	n := store.NewFolder{
		Folder: store.Folder{OwnerID: v.p.UserID, Title: name, MaxBytes: store.Default, MaxFiles: store.Default},
	}
	if host, given := v.in.optWord("host", "folder_host"); given && host != "" {
		n.Product = s.productNamed(v.in, v.in.called("host", "folder_host"), host)
	}
	quota, _ := v.in.size("quota")
	s.vfolderOptions(v.in, &n)
	group, err := s.groupOf(v, true) // asks in.bad
	if err != nil {
		return err
	}
	if err := s.mayMake(v, &n, group); err != nil {
		return err
	}
	if quota > 0 {
		if n.MaxBytes, err = s.cappedQuota(v, n.Folder, quota); err != nil {
			return err
		}
	}
	f, err := s.files.CreateFolder(v.Request().Context(), n)
	if err != nil {
		return err
	}
	return s.showMade(v, f.ID)
}

// vfolderOptions reads what calls that make a folder say about it, beside its name and place.
func (s *Server) vfolderOptions(in *vparams, n *store.NewFolder) {
	if mode, given := in.optWord("usage_mode", "usageMode"); given {
		if n.UsageMode = mode; mode != "general" && mode != "model" && mode != "data" {
			in.refuse("usage_mode", "must be general, model or data")
		}
	}
	n.Cloneable, _ = in.flag("cloneable")
	var given bool
	if n.MemberRights, given = in.rights("permission"); !given {
		n.MemberRights = store.RightsRW
	}
}

// mayMake asks everything that can refuse a new folder, and says in n how many there may be.
func (s *Server) mayMake(v *vcall, n *store.NewFolder, group store.Membership) error {
	ctx := v.Request().Context()
	if v.p.Narrowed() || v.p.ReadOnly {
		return errNoMaker
	}
	if err := s.freeName(ctx, v.p, n.Title, ""); err != nil {
		return err
	}
	n.UniqueTitle = true
	if group.ID == "" {
		n.MemberRights = 0
		var err error
		n.MaxFolders, err = s.maxFolders(ctx, v.p.UserID)
		return err
	}
	if strings.HasPrefix(n.Title, ".") && n.Title != ".local" {
		return &paramError{"name", "must not begin with '.' in a project"}
	}
	n.ProjectID, n.MaxFolders = group.ID, group.Limits.MaxFolders
	if n.MaxFolders == store.Default {
		n.MaxFolders = s.defaults.MaxFolders
	}
	return nil
}

// showMade answers with a folder that was just made.
func (s *Server) showMade(v *vcall, id string) error {
	m, err := s.madeMount(v.Request().Context(), v.p, id)
	if err != nil {
		return err
	}
	u, err := s.files.Usage(v.Request().Context(), m.Folder)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusCreated, s.vfolderOf(m, u, v.p))
}

// madeMount is a folder that p has just made, as p sees it; as its row is if p made it for a project and
// is not in that.
func (s *Server) madeMount(ctx context.Context, p store.Principal, id string) (store.Mount, error) {
	m, err := s.auth.Mount(ctx, p, id)
	if errors.Is(err, fs.ErrNotExist) {
		m.Folder, err = s.store.Folder(ctx, id)
	}
	if err != nil {
		return m, hide(err)
	}
	return m, nil
}

// freeName refuses a name that a folder which p sees has, other than the folder except: by names
// the caller could not tell them apart.
func (s *Server) freeName(ctx context.Context, p store.Principal, name, except string) error {
	all, err := s.auth.Mounts(ctx, p)
	if err != nil {
		return err
	}
	for _, m := range titled(all, name) {
		if m.Folder.ID != except {
			return fmt.Errorf("%w: you see a folder %q already", fs.ErrExist, name)
		}
	}
	return nil
}

// showVFolder shows a folder with its usage of this moment.
func (s *Server) showVFolder(v *vcall) error {
	m, err := s.mount(v)
	if err != nil {
		return err
	}
	return s.showFolder(v, m, v.p)
}

// renameVFolder gives a folder another name.
func (s *Server) renameVFolder(v *vcall) error {
	m, err := s.managed(v, store.Remove, "rename")
	if err != nil {
		return err
	}
	name := v.in.vfolderName("new_name", "newName")
	if err := v.in.bad(); err != nil {
		return err
	}
	ctx := v.Request().Context()
	if err := s.files.MayManage(ctx, m.Folder.Product, store.OpRename); err != nil {
		return err
	}
	if err := s.freeName(ctx, v.p, name, m.Folder.ID); err != nil {
		return err
	}
	if err := s.store.RenameFolders(ctx, []store.Rename{{ID: m.Folder.ID, Title: name, UniqueTitle: true}}); err != nil {
		return err
	}
	return v.done(http.StatusCreated)
}

// done answers a change with no news: with status and without a body, or as later versions do.
func (v *vcall) done(status int) error {
	if v.era < era2512 {
		return v.NoContent(status)
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": ""})
}
