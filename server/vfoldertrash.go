package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"davit/davfs"
	"davit/store"
)

// The end of a virtual folder: it is hidden at once on every door and kept for a while, then gone; or
// at once for good (D23).

// errInUse is a deletion of what somebody is working in.
var errInUse = errors.New("the folder was used over WebDAV in the last 5 minutes, or files in it are locked")

// trashVFolder deletes the folder of the route.
func (s *Server) trashVFolder(v *vcall) error {
	m, err := s.managed(v, store.Remove, "delete")
	if err != nil {
		return err
	}
	return s.trash(v, m)
}

// trashVFolderByID deletes the folder that the parameters name by its ID.
func (s *Server) trashVFolderByID(v *vcall) error {
	id := v.in.id(vfolderIDs...)
	if err := v.in.bad(); err != nil {
		return err
	}
	m, err := s.auth.Mount(v.Request().Context(), v.p, id)
	if err != nil {
		return err
	}
	if err := mayManage(m, store.Remove, "delete"); err != nil {
		return err
	}
	return s.trash(v, m)
}

// vfolderIDs are the names that clients have for a folder's ID.
var vfolderIDs = []string{"id", "vfolder_id", "vfolderId"}

func (s *Server) trash(v *vcall, m store.Mount) error {
	force, _ := v.in.flag("force")
	if err := v.in.bad(); err != nil {
		return err
	}
	ctx := v.Request().Context()
	if !force {
		a, err := s.files.Activity(ctx, m.Folder.ID)
		if err != nil {
			return err
		}
		if a.InUse() {
			return inUse(a)
		}
	}
	if err := s.files.TrashFolder(ctx, m.Folder.ID); err != nil {
		return err
	}
	return v.NoContent(http.StatusNoContent)
}

// inUse is errInUse with who it is.
func inUse(a davfs.Activity) error {
	who := ""
	switch {
	case len(a.Uses) > 0:
		who = " (last by " + printable(a.Uses[0].UserName) + ")"
	case len(a.Locks) > 0:
		who = " (by " + printable(a.Locks[0].UserName) + ")"
	}
	return fmt.Errorf("%w%s", errInUse, who)
}

// forceVFolder deletes a folder for good, in use or not, from the trash too.
func (s *Server) forceVFolder(v *vcall) error {
	ctx := v.Request().Context()
	m, err := s.managed(v, store.Remove, "delete")
	if err == nil {
		err = s.files.DeleteFolder(ctx, m.Folder.ID)
	} else if errors.Is(err, fs.ErrNotExist) {
		var f store.Folder
		id, _ := store.ParseID(v.name("name")) // a name says nothing about what is deleted
		if f, err = s.trashed(ctx, v.p, id); err == nil {
			err = s.files.PurgeFolder(ctx, f.ID)
		}
	}
	if err != nil {
		return err
	}
	return v.NoContent(http.StatusNoContent)
}

// trashed finds a folder that is deleted and can be restored, and that p may restore or finish.
func (s *Server) trashed(ctx context.Context, p store.Principal, id string) (store.Folder, error) {
	f, err := s.store.Folder(ctx, id)
	if err != nil {
		return f, err
	}
	if f.Deleted.IsZero() {
		if _, err := s.auth.Mount(ctx, p, id); err != nil {
			return f, err
		}
		return f, &refusal{status: http.StatusBadRequest, kind: "vfolder-filter-status-failed", title: "Virtual folder is in a wrong state.",
			why: "the folder is not in the trash"}
	}
	if !f.Kept() {
		return f, fs.ErrNotExist
	}
	r, err := s.rightsBefore(ctx, p, f)
	switch {
	case err != nil:
		return f, err
	case r == 0 && !p.Admin:
		return f, fs.ErrNotExist
	case !r.Has(store.Remove) && !p.Admin:
		return f, fmt.Errorf("%w: you may not delete or restore this folder", fs.ErrPermission)
	}
	return f, nil
}

// rightsBefore are the rights that p had on a deleted folder, and has again once it is restored.
func (s *Server) rightsBefore(ctx context.Context, p store.Principal, f store.Folder) (store.Rights, error) {
	f.Deleted = time.Time{}
	granted, err := s.store.Granted(ctx, p.UserID, f.ID)
	if err != nil {
		return 0, err
	}
	var role store.Role
	if f.ProjectID != "" {
		m, err := s.store.Member(ctx, f.ProjectID, p.UserID)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		role = m.Role
	}
	return s.auth.Rights(p, f, granted, role), nil
}

// inTrash is trashed for the folder that the parameters name.
func (s *Server) inTrash(v *vcall) (store.Folder, error) {
	id := v.in.id(vfolderIDs...)
	if err := v.in.bad(); err != nil {
		return store.Folder{}, err
	}
	return s.trashed(v.Request().Context(), v.p, id)
}

// purgeVFolder ends the waiting of a deleted folder: it is gone for good.
func (s *Server) purgeVFolder(v *vcall) error {
	f, err := s.inTrash(v)
	if err != nil {
		return err
	}
	if err := s.files.PurgeFolder(v.Request().Context(), f.ID); err != nil {
		return err
	}
	return v.NoContent(http.StatusNoContent)
}

// restoreVFolder brings a deleted folder back, with all that it had.
func (s *Server) restoreVFolder(v *vcall) error {
	f, err := s.inTrash(v)
	if err != nil {
		return err
	}
	ctx := v.Request().Context()
	if err := s.freeName(ctx, v.p, f.Title, f.ID); err != nil {
		return err
	}
	r := store.Restore{UniqueTitle: true}
	if f.ProjectID == "" {
		r.MaxFolders, err = s.maxFolders(ctx, f.OwnerID)
	} else {
		var project store.Project
		if project, err = s.store.Project(ctx, f.ProjectID); err == nil {
			if r.MaxFolders = project.Limits.MaxFolders; r.MaxFolders == store.Default {
				r.MaxFolders = s.defaults.MaxFolders
			}
		}
	}
	if err != nil {
		return hide(err)
	}
	if _, err := s.files.RestoreFolder(ctx, f.ID, r); err != nil {
		return err
	}
	return v.NoContent(http.StatusNoContent)
}

// listTrashed lists the folders that the caller could restore, those deleted last first.
func (s *Server) listTrashed(v *vcall) error {
	ctx := v.Request().Context()
	group, err := s.groupOf(v, false)
	if err != nil {
		return err
	}
	workspaces := []string{v.p.UserID}
	if group.ID != "" {
		workspaces = []string{group.ID}
	} else {
		projects, err := s.store.ProjectsOf(ctx, v.p.UserID, store.Range{})
		if err != nil {
			return err
		}
		for _, m := range projects {
			workspaces = append(workspaces, m.ID)
		}
	}
	list := []vfolder{}
	for _, w := range workspaces {
		folders, err := s.files.DeletedFolders(ctx, w)
		if err != nil {
			return err
		}
		for _, f := range folders {
			r, err := s.rightsBefore(ctx, v.p, f)
			if err != nil {
				return err
			}
			if !r.Has(store.Remove) {
				continue
			}
			u, err := s.files.Usages([]store.Folder{f})
			if err != nil {
				return err
			}
			one := s.vfolderOf(store.Mount{Folder: f, Rights: r, Role: group.Role}, u[0], v.p)
			one.Status = "delete-pending"
			list = append(list, one)
		}
	}
	return v.JSON(http.StatusOK, list)
}
