package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// folderView is a folder as Davit's own routes show it.
type folderView struct {
	ID        string      `json:"id"`
	Title     string      `json:"title"`
	Owner     *string     `json:"owner"` // null: of a project, or the owner is gone
	Project   *projectRef `json:"project"`
	CreatedBy *string     `json:"createdBy"`
	Product   string      `json:"product"`
	Rights    []string    `json:"rights"` // the caller's
	// MemberRights are those of all members of the project; null: it is of none.
	MemberRights []string          `json:"memberRights"`
	Labels       map[string]string `json:"labels"`
	InUse        bool              `json:"inUse"`
	Limits       sizeLimits        `json:"limits"`
	Usage        folderUsage       `json:"usage"`
	Created      string            `json:"created"`
	LastUsed     *string           `json:"lastUsed"`
	Scanned      *string           `json:"scanned"`
	ScanPending  bool              `json:"scanPending"`
	Deleted      *string           `json:"deleted"`
	Purge        *string           `json:"purge"` // until when it can be restored
}

type projectRef struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type sizeLimits struct {
	MaxBytes any `json:"maxBytes"`
	MaxFiles any `json:"maxFiles"`
}

// folderUsage is what a folder holds, and may; in lists as it was a moment ago.
type folderUsage struct {
	Bytes     int64  `json:"bytes"`
	Files     int64  `json:"files"`
	Reserved  *int64 `json:"reserved,omitempty"`
	Available *int64 `json:"available,omitempty"`
	MaxBytes  *int64 `json:"maxBytes"` // null: none
	MaxFiles  *int64 `json:"maxFiles"`
}

func (s *Server) folderViewOf(f store.Folder, rights store.Rights, inUse bool) folderView {
	product := s.files.Products().Of(f.Product)
	maxBytes, maxFiles := product.Effective(f, s.defaults)
	v := folderView{
		ID: f.ID, Title: f.Title, Product: product.ID, Rights: rightsWords(rights), Labels: f.Labels, InUse: inUse,
		Limits:  sizeLimits{ownLimit(f.MaxBytes), ownLimit(f.MaxFiles)},
		Usage:   folderUsage{Bytes: f.Usage.Bytes, Files: f.Usage.Files, MaxBytes: limitOf(maxBytes), MaxFiles: limitOf(maxFiles)},
		Created: timeText(f.Created), LastUsed: isoOrNull(f.LastUsed), Scanned: isoOrNull(f.Scanned), ScanPending: f.Rescan.After(f.Scanned),
		Deleted: isoOrNull(f.Deleted), Purge: isoOrNull(f.Purge),
	}
	if f.OwnerName != "" {
		v.CreatedBy = &f.OwnerName
	}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	if f.ProjectID != "" {
		v.Project, v.MemberRights = &projectRef{f.ProjectID, f.ProjectTitle}, rightsWords(f.MemberRights)
	} else {
		v.Owner = v.CreatedBy
	}
	return v
}

func rightsWords(r store.Rights) []string {
	if r == 0 {
		return []string{}
	}
	return strings.Split(r.String(), ",")
}

// errNoFolder is about a folder that the path names.
var errNoFolder = &refusal{
	status: http.StatusNotFound, kind: "vfolder-not-found", title: "No such virtual folder.",
	why: "no folder with this ID is visible to you (for a title ask GET /api/davit/folders?title=)", err: fs.ErrNotExist,
}

// managed is a folder that somebody asks about as a managed thing, not for its files: administrators see all, deleted
// ones included; others those that they see anywhere, and the deleted ones that they may bring back.
type managed struct {
	store.Folder
	rights store.Rights // of the caller, by what the caller owns or was granted
	admin  bool         // the caller may do what the right admin is for
}

func (s *Server) managedFolder(c echo.Context, p store.Principal) (managed, error) {
	ctx := c.Request().Context()
	id, ok := store.ParseID(c.Param("id"))
	if !ok {
		return managed{}, errNoFolder
	}
	var m managed
	switch mount, err := s.auth.Mount(ctx, p, id); {
	case err == nil:
		m.rights = mount.Rights
	case !errors.Is(err, fs.ErrNotExist):
		return m, err
	}
	f, err := s.store.Folder(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return m, errNoFolder
	}
	if err != nil {
		return m, err
	}
	m.Folder, m.admin = f, p.Admin || m.rights.Has(store.Admin)
	if m.rights == 0 && !p.Admin {
		mine, err := s.mayRestore(ctx, p, f)
		if err != nil {
			return m, err
		}
		if !mine {
			return m, errNoFolder
		}
	}
	return m, nil
}

// mayRestore says whether p had the right to delete a folder that can still be restored.
func (s *Server) mayRestore(ctx context.Context, p store.Principal, f store.Folder) (bool, error) {
	if !f.Kept() {
		return false, nil
	}
	r, err := s.rightsBefore(ctx, p, f)
	return r.Has(store.Remove), err
}

// needAdmin refuses who has not the right admin on m.
func (m managed) needAdmin() error {
	if !m.admin {
		return fmt.Errorf("this needs the right admin on the folder: %w", fs.ErrPermission)
	}
	return nil
}

// allFolders lists folders: all of everybody for administrators, else those that the caller sees.
func (s *Server) allFolders(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	q := queryOf(c)
	owner, byOwner := q.optText("owner")
	project, byProject := q.optText("project")
	productName, byProduct := q.optText("product")
	title, _ := q.optText("title")
	deletedText := q.word("deleted", "", "true", "false")
	mine := q.word("mine", "false", "true") == "true"
	text, _ := q.optText("query")
	state := q.word("state", store.FolderStates()...)
	by := q.word("sortBy", store.FolderOrders()...)
	down := q.word("sortDirection", "ascending", "descending") == "descending"
	part := rowsIn(q)
	for name, v := range map[string]string{"title": title, "query": text} {
		if utf8.RuneCountInString(v) > 256 || !utf8.ValidString(v) {
			q.refuse(name, "must be UTF-8 of at most 256 characters")
		}
	}
	if byOwner && byProject {
		q.refuse("project", "contradicts owner, whose folders are personal ones")
	}
	w := store.FolderFilter{Title: title}
	if byProject {
		id, ok := store.ParseID(project)
		if w.ProjectID = id; !ok {
			q.refuse("project", "must be the ID of a project")
		}
	}
	if byProduct {
		product, ok := s.files.Products().Named(productName)
		if !ok {
			q.refuse("product", "there is no product %q", fieldName(productName))
		} else {
			column := s.files.Products().Column(product)
			w.Product = &column
		}
	}
	if deletedText != "" {
		deleted := deletedText == "true"
		w.Deleted = &deleted
	}
	if err := q.bad(); err != nil {
		return err
	}
	mounts, err := s.auth.Mounts(ctx, p)
	if err != nil {
		return err
	}
	rights := make(map[string]store.Rights, len(mounts))
	for _, m := range mounts {
		rights[m.Folder.ID] = m.Rights
	}
	inUse, err := s.files.InUse(ctx)
	if err != nil {
		return err
	}
	show := func(f store.Folder) folderView { return s.folderViewOf(f, rights[f.ID], inUse(f.ID)) }
	key := func(f store.Folder) string { return f.ID }
	if p.Admin && !mine {
		if byOwner {
			u, err := s.store.UserByName(ctx, owner)
			if errors.Is(err, fs.ErrNotExist) {
				return &paramError{"owner", fmt.Sprintf("there is no user %q", fieldName(owner))}
			}
			if err != nil {
				return err
			}
			w.OwnerID = u.ID
		}
		list := store.FolderList{
			FolderFilter: w, Query: text, State: store.FolderState(state), By: store.FolderOrder(by), Down: down, Products: s.files.Products(), Defaults: s.defaults,
		}
		all, next, err := s.store.ListFolders(ctx, list, part.after, part.size)
		if err != nil {
			return err
		}
		out := rowPage(part, all, key, show)
		out.Next = nextOf(next)
		return c.JSON(http.StatusOK, out)
	}
	if text != "" || state != "" || by != string(store.ByID) || down {
		return fmt.Errorf("query, state and sortBy are for the list of everybody's folders, which is for administrators: %w", fs.ErrPermission)
	}

	// The caller's own are few: they are in memory already.
	var all []store.Folder
	if deletedText == "true" {
		if all, err = s.restorable(ctx, p); err != nil {
			return err
		}
	} else {
		for _, m := range mounts {
			all = append(all, m.Folder)
		}
	}
	slices.SortFunc(all, func(x, y store.Folder) int { return cmp.Compare(x.ID, y.ID) })
	all = slices.DeleteFunc(all, func(f store.Folder) bool {
		return f.ID <= part.after || byOwner && (f.ProjectID != "" || f.OwnerName != owner) || byProject && f.ProjectID != w.ProjectID ||
			w.Product != nil && f.Product != *w.Product || !strings.Contains(strings.ToLower(f.Title), strings.ToLower(title))
	})
	all = all[:min(len(all), part.size+1)]
	ids := make([]string, len(all))
	for i, f := range all {
		ids[i] = f.ID
	}
	rows, err := s.store.FoldersByID(ctx, ids)
	if err != nil {
		return err
	}
	for i, f := range all { // what is in memory does not know the usage
		if row, ok := rows[f.ID]; ok {
			all[i] = row
		}
	}
	return c.JSON(http.StatusOK, rowPage(part, all, key, show))
}

// restorable are the deleted folders that p could bring back.
func (s *Server) restorable(ctx context.Context, p store.Principal) ([]store.Folder, error) {
	workspaces := []string{p.UserID}
	projects, err := s.store.ProjectsOf(ctx, p.UserID, store.Range{})
	if err != nil {
		return nil, err
	}
	for _, m := range projects {
		if m.Role.Manages() {
			workspaces = append(workspaces, m.ID)
		}
	}
	var all []store.Folder
	for _, id := range workspaces {
		some, err := s.store.DeletedFolders(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// oneFolder shows a folder with its usage of this moment.
func (s *Server) oneFolder(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	return s.showManaged(c, http.StatusOK, m)
}

func (s *Server) showManaged(c echo.Context, status int, m managed) error {
	inUse, err := s.files.InUse(c.Request().Context())
	if err != nil {
		return err
	}
	v := s.folderViewOf(m.Folder, m.rights, inUse(m.ID))
	if m.Deleted.IsZero() {
		u, err := s.files.Usage(c.Request().Context(), m.Folder)
		switch {
		case err == nil:
			v.Usage = folderUsage{Bytes: u.Bytes, Files: u.Files, Reserved: &u.ReservedBytes, Available: &u.Available, MaxBytes: limitOf(u.MaxBytes), MaxFiles: limitOf(u.MaxFiles)}
		case errors.Is(err, store.ErrBusy): // its directory is missing, say: the rest is to be seen all the more
		default:
			return err
		}
	}
	return c.JSON(status, v)
}

// again shows m as it is after a change.
func (s *Server) again(c echo.Context, status int, m managed) error {
	f, err := s.store.Folder(c.Request().Context(), m.ID)
	if err != nil {
		return err
	}
	m.Folder = f
	return s.showManaged(c, status, m)
}

// changeFolder changes limits, which is for administrators alone, and what the members of its project may, for
// who manages the folder.
func (s *Server) changeFolder(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if !in.has("memberRights") || in.has("limits") {
		if err := administrator(p); err != nil {
			return err
		}
	}
	if in.has("memberRights") {
		if err := cmp.Or(m.needAdmin(), s.files.MayManage(ctx, m.Product, store.OpShare)); err != nil {
			return err
		}
	}
	memberRights, given := memberRightsIn(in, m.Folder)
	var maxBytes, maxFiles *int64
	limitsIn(in, map[string]**int64{"maxBytes": &maxBytes, "maxFiles": &maxFiles})
	if err := in.bad(); err != nil {
		return err
	}
	if given {
		if err := s.store.SetFolderOptions(ctx, m.ID, nil, &memberRights); err != nil {
			return err
		}
	}
	if maxBytes == nil && maxFiles == nil {
		return s.again(c, http.StatusOK, m)
	}
	if maxBytes == nil {
		maxBytes = &m.MaxBytes
	}
	if maxFiles == nil {
		maxFiles = &m.MaxFiles
	}
	if err := s.files.Products().Of(m.Product).CheckLimits(*maxBytes, *maxFiles); err != nil {
		return &paramError{"limits", err.Error()}
	}
	if err := s.store.SetFolderLimits(ctx, m.ID, *maxBytes, *maxFiles); err != nil {
		return err
	}
	s.reconcile(c)
	return s.again(c, http.StatusOK, m)
}

// memberRightsIn reads what all members of a folder's project may do in it.
func memberRightsIn(in *object, f store.Folder) (r store.Rights, given bool) {
	if !in.has("memberRights") {
		return 0, false
	}
	if f.ProjectID == "" {
		in.refuse("memberRights", "the folder is of no project")
	}
	for i, word := range in.texts("memberRights") {
		switch word {
		case "read":
			r |= store.Read
		case "write":
			r |= store.Read | store.Write
		case "remove":
			r |= store.Read | store.Remove
		default:
			in.refuse(fmt.Sprintf("memberRights[%d]", i), "must be read, write or remove")
		}
	}
	return r, true
}

// reconcile lets the open folders know at once what was changed in the database. If it fails, it is tried again by follow.
func (s *Server) reconcile(c echo.Context) {
	if err := s.files.Reconcile(context.WithoutCancel(c.Request().Context())); err != nil {
		s.log.Warn("take over changes", "error", err)
	}
}

// scanFolder has the folder counted, in the background: scanPending says when that is done.
func (s *Server) scanFolder(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err == nil {
		err = m.needAdmin()
	}
	if err != nil {
		return err
	}
	if !m.Rescan.After(m.Scanned) { // else it is asked for already
		if err := s.store.RequestRescan(c.Request().Context(), m.ID); err != nil {
			return err
		}
	}
	return s.again(c, http.StatusAccepted, m)
}

// restoreFolder brings a deleted folder back. Administrators are not bound by the limit of folders.
func (s *Server) restoreFolder(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	if m.Deleted.IsZero() {
		if err := m.needAdmin(); err != nil {
			return err
		}
		return s.showManaged(c, http.StatusOK, m) // a client that tries again
	}
	var rule store.Restore
	if !p.Admin {
		rule.MaxFolders = m.Folder.Limits.MaxFolders
		if rule.MaxFolders == store.Default {
			rule.MaxFolders = s.defaults.MaxFolders
		}
	}
	if _, err := s.files.RestoreFolder(c.Request().Context(), m.ID, rule); err != nil {
		return err
	}
	if mount, err := s.auth.Mount(c.Request().Context(), p, m.ID); err == nil {
		m.rights = mount.Rights
	}
	return s.again(c, http.StatusOK, m)
}

// removeFolder deletes a folder: for a while, or with final=true for good.
func (s *Server) removeFolder(c echo.Context, p store.Principal) error {
	q := queryOf(c)
	final := q.word("final", "false", "true") == "true"
	if err := q.bad(); err != nil {
		return err
	}
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	switch {
	case !m.Deleted.IsZero() && final:
		err = s.files.PurgeFolder(ctx, m.ID)
	case !m.Deleted.IsZero(): // a client that tries again
	case !p.Admin && !m.rights.Has(store.Remove):
		err = fmt.Errorf("this needs the right remove on the folder: %w", fs.ErrPermission)
	case final:
		err = s.files.DeleteFolder(ctx, m.ID)
	default:
		err = s.files.TrashFolder(ctx, m.ID)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// giveFolder makes a folder another user's, or a project's.
func (s *Server) giveFolder(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err != nil {
		return err
	}
	if err := administrator(p); err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	name, toUser := in.optText("user")
	project, toProject := in.optText("project")
	switch {
	case !toUser && !toProject:
		in.refuse("user", "is missing, and so is project")
	case toUser && toProject:
		in.refuse("project", "contradicts user")
	}
	if err := in.bad(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	ownerID, projectID := m.OwnerID, ""
	if toUser {
		u, err := s.store.UserByName(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return &paramError{"user", fmt.Sprintf("there is no user %q", fieldName(name))}
		}
		if err != nil {
			return err
		}
		ownerID = u.ID
	} else {
		id, _ := store.ParseID(project)
		to, err := s.store.Project(ctx, id)
		if errors.Is(err, fs.ErrNotExist) {
			to, err = s.store.ProjectByTitle(ctx, project)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return &paramError{"project", fmt.Sprintf("there is no project %q", fieldName(project))}
		}
		if err != nil {
			return err
		}
		projectID = to.ID
	}
	if err := s.store.ChangeOwner(ctx, store.NewOwner{FolderID: m.ID, UserID: ownerID, ProjectID: projectID}); err != nil {
		return err
	}
	s.reconcile(c)
	m.rights = 0
	if mount, err := s.auth.Mount(ctx, p, m.ID); err == nil {
		m.rights = mount.Rights
	}
	return s.again(c, http.StatusOK, m)
}
