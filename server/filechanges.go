package server

import (
	"errors"
	"fmt"
	"io/fs"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

const rightsChange = store.Read | store.Write // of files

func (s *Server) moveFiles(c echo.Context, p store.Principal) error {
	return s.bringFiles(c, p, true)
}

func (s *Server) copyFiles(c echo.Context, p store.Principal) error {
	return s.bringFiles(c, p, false)
}

// bringFiles moves or copies files and directories, also between folders.
func (s *Server) bringFiles(c echo.Context, p store.Principal, move bool) error {
	b, err := s.fileBulk(c, p)
	if err != nil {
		return err
	}
	defer b.close()
	need := store.Read
	if move {
		need = rightsChange
	}
	ctx := c.Request().Context()
	type step struct {
		from, to fileAt
		how      davfs.Conflict
	}
	steps := make([]step, len(b.items))
	for n, item := range b.items {
		from, ok := b.file(n, "oldId", need)
		to, ok2 := b.file(n, "newId", rightsChange)
		steps[n] = step{from, to, conflictIn(item)}
		if ok && ok2 && b.in.bad() == nil && b.settled(from) && b.settled(to) {
			err := from.tree.MayBring(ctx, from.name, davfs.Place{Tree: to.tree, Name: to.name}, steps[n].how, move)
			b.refuse(n, bringFault(from, to, err), err)
		}
		b.touched = append(b.touched, from, to)
	}
	if err := b.refusal(); err != nil {
		return err
	}
	out := responses[doneJSON]{make([]doneJSON, len(steps))}
	for n, x := range steps {
		to := davfs.Place{Tree: x.to.tree, Name: x.to.name}
		var name string
		if move {
			name, err = x.from.tree.MoveTo(ctx, x.from.name, to, x.how)
		} else {
			name, err = x.from.tree.CopyTo(ctx, x.from.name, to, x.how)
		}
		if err != nil {
			return b.broken(n, bringFault(x.from, x.to, err).fault(err))
		}
		out.Responses[n] = done(x.to, name)
	}
	return answerJSON(c, out)
}

// bringFault is the end that an error is about.
func bringFault(from, to fileAt, err error) fileAt {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, davfs.ErrNoParent) {
		return from
	}
	return to
}

// makeFolders makes directories, and those above them that are missing.
func (s *Server) makeFolders(c echo.Context, p store.Principal) error {
	b, err := s.fileBulk(c, p)
	if err != nil {
		return err
	}
	defer b.close()
	files, hows := make([]fileAt, len(b.items)), make([]davfs.Conflict, len(b.items))
	for n, item := range b.items {
		f, ok := b.file(n, "id", rightsChange)
		files[n], hows[n] = f, conflictIn(item)
		if ok && b.in.bad() == nil && b.settled(f) {
			b.refuse(n, f, mayMake(f, hows[n], true))
		}
		b.touched = append(b.touched, f)
	}
	if err := b.refusal(); err != nil {
		return err
	}
	out := responses[doneJSON]{make([]doneJSON, len(files))}
	for n, f := range files {
		name, err := f.tree.MakeDir(c.Request().Context(), f.name, hows[n])
		if err != nil {
			return b.broken(n, f.fault(err))
		}
		out.Responses[n] = done(f, name)
	}
	return answerJSON(c, out)
}

// mayMake says what is in the way of something that is to be made at a name, with the directories above it.
func mayMake(f fileAt, how davfs.Conflict, dir bool) error {
	i, err := f.tree.Stat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case how == davfs.Reject:
		return fs.ErrExist
	case how == davfs.Replace && i.Dir != dir:
		return davfs.ErrMismatch
	}
	return nil
}

// onFiles does something with every file of a bulk of IDs. check, unless it is nil, looks at each before.
func onFiles[T any](s *Server, c echo.Context, p store.Principal, need store.Rights, check func(fileAt) error, do func(fileAt) (T, error)) error {
	b, err := s.fileBulk(c, p)
	if err != nil {
		return err
	}
	defer b.close()
	files := make([]fileAt, len(b.items))
	for n := range b.items {
		f, ok := b.file(n, "id", need)
		files[n] = f
		if ok && b.in.bad() == nil && b.settled(f) {
			b.refuse(n, f, check(f))
		}
		b.touched = append(b.touched, f)
	}
	if err := b.refusal(); err != nil {
		return err
	}
	out := responses[T]{make([]T, len(files))}
	for n, f := range files {
		if out.Responses[n], err = do(f); err != nil {
			return b.broken(n, f.fault(err))
		}
	}
	return answerJSON(c, out)
}

// mayRemove is a check: the file is there, and may be taken away.
func mayRemove(f fileAt) error { return f.tree.MayRemove(f.name) }

// deleteFiles removes files and directories for good.
func (s *Server) deleteFiles(c echo.Context, p store.Principal) error {
	return onFiles(s, c, p, rightsChange, mayRemove, func(f fileAt) (nothing, error) {
		return nothing{}, f.tree.Remove(c.Request().Context(), f.name, davfs.Claim{})
	})
}

// trashFiles moves files and directories into the trash of their folder.
func (s *Server) trashFiles(c echo.Context, p store.Principal) error {
	check := func(f fileAt) error {
		if err := s.mayTrash(f); err != nil {
			return err
		}
		if below(f.name, davfs.TrashName) && f.name != "" {
			return davfs.ErrInTrash
		}
		return mayRemove(f)
	}
	return onFiles(s, c, p, rightsChange, check, func(f fileAt) (doneJSON, error) {
		name, err := f.tree.Discard(c.Request().Context(), f.name)
		return done(f, name), err
	})
}

// mayTrash says whether the folder's product has a trash.
func (s *Server) mayTrash(f fileAt) error {
	if product := s.productFor(f.mount.Folder); !product.Support.Files.TrashSupported {
		return fmt.Errorf("folders of the storage product %s have no trash: %w", product.ID, store.ErrUnsupported)
	}
	return nil
}

// emptyTrash removes all that is in folders' trash for good.
func (s *Server) emptyTrash(c echo.Context, p store.Principal) error {
	check := func(f fileAt) error {
		if f.name != davfs.TrashName {
			return fmt.Errorf("it is no trash: that is /%s/%s: %w", f.mount.Folder.ID, davfs.TrashName, fs.ErrInvalid)
		}
		return s.mayTrash(f)
	}
	return onFiles(s, c, p, rightsChange, check, func(f fileAt) (doneJSON, error) {
		return done(f, f.name), f.tree.EmptyTrash(c.Request().Context())
	})
}

// restoreFiles moves what is in the trash to where it came from.
func (s *Server) restoreFiles(c echo.Context, p store.Principal) error {
	check := func(f fileAt) error {
		if !below(f.name, davfs.TrashName) || f.name == davfs.TrashName {
			return davfs.ErrNotInTrash
		}
		return mayRemove(f)
	}
	return onFiles(s, c, p, rightsChange, check, func(f fileAt) (doneJSON, error) {
		name, err := f.tree.Restore(c.Request().Context(), f.name)
		return done(f, name), err
	})
}
