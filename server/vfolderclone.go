package server

import (
	"fmt"
	"io/fs"
	"net/http"

	"davit/store"

	"github.com/google/uuid"
)

// cloneVFolder makes a folder of the caller, or of a project, with a copy of all that is in another. It is there,
// whole, when the answer comes; a client that asks for the task of that ID later has nothing to wait for.
func (s *Server) cloneVFolder(v *vcall) error {
	m, err := s.mount(v)
	if err != nil {
		return err
	}
	name := v.in.vfolderName("target_name", "targetName")
	n := store.NewFolder{Folder: store.Folder{OwnerID: v.p.UserID, Title: name, Product: m.Folder.Product, MaxBytes: store.Default, MaxFiles: store.Default}}
	if host, given := v.in.optWord("target_host", "targetHost"); given && host != "" {
		n.Product = s.productNamed(v.in, v.in.called("target_host", "targetHost"), host)
	}
	s.vfolderOptions(v.in, &n)
	if n.UsageMode == "" {
		n.UsageMode = m.Folder.UsageMode
	}
	group, err := s.groupOf(v, true) // asks in.bad
	if err != nil {
		return err
	}
	if !m.Folder.Cloneable && !m.Rights.Has(store.Admin) {
		return fmt.Errorf("%w: the owner of this folder does not let it be cloned (see update-options)", fs.ErrPermission)
	}
	if err := s.mayMake(v, &n, group); err != nil {
		return err
	}
	ctx := v.Request().Context()
	if group.ID != "" {
		n.Limits = group.Limits
	} else {
		u, err := s.store.User(ctx, v.p.UserID)
		if err != nil {
			return hide(err)
		}
		n.Limits = u.Limits
	}
	t, err := s.files.Tree(ctx, v.p, m)
	if err != nil {
		return err
	}
	defer t.Close()
	f, err := s.files.CloneFolder(ctx, t, n)
	if err != nil {
		return err
	}
	made, err := s.madeMount(ctx, v.p, f.ID)
	if err != nil {
		return err
	}
	u, err := s.files.Usage(ctx, made.Folder)
	if err != nil {
		return err
	}
	return v.JSON(http.StatusCreated, struct {
		vfolder
		Task string `json:"bgtask_id"`
	}{s.vfolderOf(made, u, v.p), uuid.NewString()})
}
