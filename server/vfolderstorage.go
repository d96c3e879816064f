package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"

	"davit/davfs"
	"davit/store"
)

// Where virtual folders lie, how much is in them and may be, whose they are. A host is a storage product.

const defaultHost = "local"

// hostOf is what the API calls the storage of a folder.
func (s *Server) hostOf(f store.Folder) string {
	if f.Product == "" {
		return defaultHost
	}
	return s.hostName(s.products.Of(f.Product))
}

// hostName is "local" for the default product, else provider:id, with the category between if another
// product is called so as well.
func (s *Server) hostName(p *store.Product) string {
	if s.products.Column(p) == "" {
		return defaultHost
	}
	if p.Provider == "" {
		return p.ID // it is not configured any more
	}
	for _, other := range s.products.List() {
		if other.Provider == p.Provider && other.ID == p.ID && other.Category != p.Category {
			return p.Provider + ":" + p.Category + ":" + p.ID
		}
	}
	return p.Provider + ":" + p.ID
}

// productNamed is the product that a client calls host, as a folder's row has it, or refuses the field.
func (s *Server) productNamed(in *vparams, field, host string) string {
	for _, p := range s.products.List() {
		if host == s.hostName(p) {
			return s.products.Column(p)
		}
	}
	in.refuse(field, "there is no such host; see /folders/_/hosts")
	return ""
}

// vhosts is the answer about hosts.
type vhosts struct {
	Default string              `json:"default"`
	Allowed []string            `json:"allowed"`
	Volumes map[string]vhostUse `json:"volume_info,omitempty"`
}

type vhostUse struct {
	Backend      string   `json:"backend"`
	Capabilities []string `json:"capabilities"`
	Usage        vusage   `json:"usage"`
	Scaling      []string `json:"sftp_scaling_groups"`
}

// vusage is how full a file system is; null where it does not say.
type vusage struct {
	Percentage *float64 `json:"percentage"`
	Used       *int64   `json:"used"`
	Total      *int64   `json:"total"`
}

// hosts are those that admit says yes to.
func (s *Server) hosts(admit func(*store.Product) bool) vhosts {
	h := vhosts{Default: defaultHost, Allowed: []string{}, Volumes: map[string]vhostUse{}}
	for _, p := range s.products.List() {
		if !admit(p) {
			continue
		}
		name := s.hostName(p)
		h.Allowed = append(h.Allowed, name)
		use := vhostUse{Backend: "vfs", Capabilities: []string{"vfolder", "quota", "metric"}, Scaling: []string{}}
		if v := s.files.VolumeOf(p); v.Total > 0 && v.Free >= 0 {
			used := max(0, v.Total-v.Free)
			percent := math.Round(float64(used)/float64(v.Total)*1000) / 10
			use.Usage = vusage{&percent, &used, &v.Total}
		}
		h.Volumes[name] = use
	}
	return h
}

// vfolderHosts tells where the caller may make folders.
func (s *Server) vfolderHosts(v *vcall) error {
	if _, err := s.groupOf(v, false); err != nil {
		return err
	}
	return v.JSON(http.StatusOK, s.hosts(func(p *store.Product) bool { return p.Support.Collection.UsersCanCreate }))
}

// allVFolderHosts tells all, to administrators.
func (s *Server) allVFolderHosts(v *vcall) error {
	if !v.p.Admin {
		return errAdminsOnly
	}
	h := s.hosts(func(*store.Product) bool { return true })
	h.Volumes = nil
	return v.JSON(http.StatusOK, h)
}

var errAdminsOnly = fmt.Errorf("%w: this is for administrators", fs.ErrPermission)

// vfolderTypes tells whom folders can belong to.
func (s *Server) vfolderTypes(v *vcall) error {
	return v.JSON(http.StatusOK, []string{"user", "group"})
}

// vfolderID tells the ID of a name.
func (s *Server) vfolderID(v *vcall) error {
	name := v.in.word("vfolder_name", "vfolderName", "name")
	if err := v.in.bad(); err != nil {
		return err
	}
	m, err := s.vmount(v.Request().Context(), v.p, name)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]string{"id": m.Folder.ID, "name": m.Folder.Title})
}

// optionsVFolder changes whether a folder may be cloned, and what members of its project may do in it.
func (s *Server) optionsVFolder(v *vcall) error {
	m, err := s.managed(v, store.Admin, "change the options of")
	if err != nil {
		return err
	}
	var cloneable *bool
	var rights *store.Rights
	if c, given := v.in.flag("cloneable"); given {
		cloneable = &c
	}
	if r, given := v.in.rights("permission"); given {
		rights = &r
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	if m.Folder.ProjectID == "" {
		rights = nil // nobody has rights on a personal folder but by grants
	}
	if err := s.store.SetFolderOptions(v.Request().Context(), m.Folder.ID, cloneable, rights); err != nil {
		return err
	}
	return v.done(http.StatusCreated)
}

// counted finds the folder that a call about usage and limits names, which an administrator need not see.
func (s *Server) counted(v *vcall) (store.Mount, davfs.Usage, error) {
	id := v.in.id(vfolderIDs...)
	host, hosted := v.in.optWord("folder_host", "folderHost")
	if err := v.in.bad(); err != nil {
		return store.Mount{}, davfs.Usage{}, err
	}
	ctx := v.Request().Context()
	m, err := s.auth.Mount(ctx, v.p, id)
	if errors.Is(err, fs.ErrNotExist) && v.p.Admin {
		if m.Folder, err = s.store.Folder(ctx, id); err == nil && !m.Folder.Deleted.IsZero() {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return m, davfs.Usage{}, err
	}
	if hosted && host != "" && host != s.hostOf(m.Folder) {
		return m, davfs.Usage{}, &paramError{v.in.called("folder_host", "folderHost"), "the folder is on " + s.hostOf(m.Folder)}
	}
	u, err := s.files.Usage(ctx, m.Folder)
	return m, u, err
}

// vfolderQuota tells how many bytes a folder may have; 0, or null for later versions, is any number.
func (s *Server) vfolderQuota(v *vcall) error {
	_, u, err := s.counted(v)
	if err != nil {
		return err
	}
	if v.era < era2512 {
		return v.JSON(http.StatusOK, u.MaxBytes)
	}
	return v.JSON(http.StatusOK, map[string]any{"data": limitOf(u.MaxBytes)})
}

// setVFolderQuota sets how many bytes a folder may have: 0 is what its owner's folders may. Owners cannot
// go beyond that, administrators can.
func (s *Server) setVFolderQuota(v *vcall) error {
	in := v.in
	if in.has("input") {
		in = &vparams{v.in.object.object("input")}
	}
	in.want("size_bytes")
	size, _ := in.size("size_bytes")
	if err := in.bad(); err != nil {
		return err
	}
	m, _, err := s.counted(v)
	if err != nil {
		return err
	}
	if !v.p.Admin {
		if err := mayManage(m, store.Admin, "change the limits of"); err != nil {
			return err
		}
	}
	ctx := v.Request().Context()
	limit := store.Default
	if size > 0 {
		if limit, err = s.cappedQuota(v, m.Folder, size); err != nil {
			return err
		}
	}
	if err := s.store.SetFolderLimits(ctx, m.Folder.ID, limit, m.Folder.MaxFiles); err != nil {
		return err
	}
	if err := s.files.Reconcile(ctx); err != nil { // it holds from now on
		return err
	}
	row, err := s.store.Folder(ctx, m.Folder.ID)
	if err != nil {
		return err
	}
	now, err := s.files.Usage(ctx, row)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]int64{"size_bytes": now.MaxBytes})
}

// cappedQuota is the limit in bytes that the caller may give a folder: at most what its owner or
// project, and its product, give a folder that has no limit of its own.
func (s *Server) cappedQuota(v *vcall, f store.Folder, size int64) (int64, error) {
	ctx := v.Request().Context()
	f.MaxBytes = store.Default
	var err error
	switch {
	case v.p.Admin:
		f.MaxBytes = 0
	case f.ProjectID != "":
		var p store.Project
		p, err = s.store.Project(ctx, f.ProjectID)
		f.Limits = p.Limits
	default:
		var u store.User
		u, err = s.store.User(ctx, f.OwnerID)
		f.Limits = u.Limits
	}
	if err != nil {
		return 0, hide(err)
	}
	if most, _ := s.products.Of(f.Product).Effective(f, s.defaults); most > 0 {
		size = min(size, most)
	}
	return size, nil
}

// vfolderUsage tells what a folder holds.
func (s *Server) vfolderUsage(v *vcall) error {
	_, u, err := s.counted(v)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]int64{"file_count": u.Files, "used_bytes": u.Bytes})
}

// vfolderUsedBytes is vfolderUsage in fewer words.
func (s *Server) vfolderUsedBytes(v *vcall) error {
	_, u, err := s.counted(v)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, map[string]int64{"used_bytes": u.Bytes})
}

// changeVFolderOwner gives a personal folder to another user.
func (s *Server) changeVFolderOwner(v *vcall) error {
	id := v.in.id("vfolder", "vfolder_id", "vfolderId")
	address := v.in.word("user_email", "userEmail")
	if err := v.in.bad(); err != nil {
		return err
	}
	if !v.p.Admin {
		return errAdminsOnly
	}
	ctx := v.Request().Context()
	u, err := s.userNamed(ctx, v.in.called("user_email", "userEmail"), address)
	if err != nil {
		return err
	}
	most, err := s.maxFolders(ctx, u.ID)
	if err != nil {
		return err
	}
	f, err := s.store.Folder(ctx, id)
	if err != nil {
		return err
	}
	if f.ProjectID != "" {
		return &paramError{v.in.called("vfolder", "vfolder_id", "vfolderId"), "the folder belongs to a project"}
	}
	if err := s.store.ChangeOwner(ctx, store.NewOwner{FolderID: id, UserID: u.ID, UniqueTitle: true, MaxFolders: most}); err != nil {
		return err
	}
	if err := s.files.Reconcile(ctx); err != nil { // the new owner's limits
		return err
	}
	return v.JSON(http.StatusOK, map[string]string{})
}

// userNamed finds a user by name or mail address, which field of the request says.
func (s *Server) userNamed(ctx context.Context, field, text string) (store.User, error) {
	u, err := s.store.UserByAddress(ctx, text)
	if errors.Is(err, fs.ErrNotExist) {
		return u, &paramError{field, fmt.Sprintf("there is no user %s", printable(text))}
	}
	return u, err
}
