package server

import (
	"errors"
	"io/fs"
	"strings"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Paths of the API of files: "/ID/step/step", where ID is a folder's. A path is the file's ID, too.

// filePath is such a path, normalised.
type filePath struct {
	folder string // as the client wrote it: an ID, or a mount name
	name   string // in the folder; "" is its root
}

// parseFilePath reads a path: empty steps and "." are left out, ".." takes the step before it away, or
// nothing at the root. What is wrong is told in words, "" is nothing.
func parseFilePath(text string) (p filePath, wrong string) {
	switch {
	case text == "":
		return p, "is missing"
	case text[0] != '/':
		return p, "must begin with a slash and the ID of a folder"
	}
	var steps []string
	for step := range strings.SplitSeq(text, "/") {
		switch step {
		case "", ".":
		case "..":
			steps = steps[:max(0, len(steps)-1)]
		default:
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return p, "names no folder"
	}
	for _, step := range steps {
		if !davfs.LegalName(step) {
			return p, "has a step that cannot be a name: names are UTF-8 of at most 255 bytes, without backslashes and control characters"
		}
	}
	return filePath{steps[0], strings.Join(steps[1:], "/")}, ""
}

// fileAt is a file that a client named, or a name where one is to be.
type fileAt struct {
	field, path string // where the client named it, and how
	mount       store.Mount
	tree        *davfs.Tree // shared by all of one request
	name        string      // in the tree, spelled as on disk
}

// id is the file's ID in answers.
func (f fileAt) id() string { return fileID(f.mount.Folder.ID, f.name) }

func fileID(folder, name string) string {
	if name == "" {
		return "/" + folder
	}
	return "/" + folder + "/" + name
}

// fault tells what went wrong with the file.
func (f fileAt) fault(err error) error {
	if err == nil {
		return nil
	}
	path := f.path
	if member := (*davfs.MemberError)(nil); errors.As(err, &member) {
		path, err = fileID(f.mount.Folder.ID, member.Name), member.Err
	}
	return &fileError{f.field, path, err}
}

// fileTrees opens the folders of one request's paths, each once. Close it.
type fileTrees struct {
	s    *Server
	c    echo.Context
	p    store.Principal
	open map[string]*davfs.Tree
}

func (s *Server) fileTrees(c echo.Context, p store.Principal) *fileTrees {
	return &fileTrees{s: s, c: c, p: p, open: map[string]*davfs.Tree{}}
}

func (t *fileTrees) close() {
	for _, tree := range t.open {
		tree.Close()
	}
}

// at finds what a path means. What the caller may not see does not exist; what he may see but not
// change, where need says so, is fs.ErrPermission (D5).
func (t *fileTrees) at(field, text string, need store.Rights) (fileAt, error) {
	f := fileAt{field: field, path: text}
	path, wrong := parseFilePath(text)
	if wrong != "" {
		return f, &paramError{field, wrong}
	}
	ctx := t.c.Request().Context()
	var err error
	if f.mount, err = t.s.auth.Mount(ctx, t.p, path.folder); err != nil {
		return f, f.fault(err)
	}
	if !f.mount.Rights.Has(store.Read) {
		return f, f.fault(fs.ErrNotExist)
	}
	if missing := need &^ f.mount.Rights; missing != 0 {
		return f, f.fault(&noRight{missing})
	}
	f.tree = t.open[f.mount.Folder.ID]
	if f.tree == nil {
		if f.tree, err = t.s.files.Tree(ctx, t.p, f.mount); err != nil {
			return f, f.fault(err)
		}
		t.open[f.mount.Folder.ID] = f.tree
	}
	f.name = f.tree.Resolve(path.name)
	if l, ok := t.c.Response().Writer.(logged); ok {
		l.SetLog("", "/dav/"+f.mount.Folder.ID+"/"+f.name, "")
	}
	return f, nil
}

// noRight is a refusal that says which right is missing.
type noRight struct{ missing store.Rights }

func (e *noRight) Error() string {
	return "you have no right to " + e.missing.String() + " in this folder"
}
func (e *noRight) Unwrap() error { return fs.ErrPermission }
