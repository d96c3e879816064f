package server

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"davit/davfs"
	"davit/store"
)

// What is in a virtual folder: list, make directories, rename, move, delete. Bytes are in
// vfoldertransfer.go.

// vfile is an entry of a list, as later versions have it.
type vfile struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // FILE or DIRECTORY
	Size     int64  `json:"size"`
	Mode     string `json:"mode"` // octal
	Created  string `json:"created"`
	Modified string `json:"modified"`
}

// oldVFile is the same for earlier ones, which get the list as JSON text in a string.
type oldVFile struct {
	Filename string  `json:"filename"`
	Mode     string  `json:"mode"` // -rw-r--r--
	Size     int64   `json:"size"`
	CTime    float64 `json:"ctime"`
	MTime    float64 `json:"mtime"`
	ATime    float64 `json:"atime"`
}

func vfileOf(i davfs.Info) (vfile, oldVFile) {
	birth := i.Birth
	if birth == 0 {
		birth = i.MTime
	}
	mode, kind := fs.FileMode(i.Mode)&0o777, "FILE"
	if i.Dir {
		mode, kind = mode|fs.ModeDir, "DIRECTORY"
	}
	return vfile{
			Name: i.Name, Type: kind, Size: i.Size, Mode: fmt.Sprintf("%o", i.Mode&0o777),
			Created: isoTime(time.Unix(0, birth)), Modified: isoTime(i.ModTime()),
		}, oldVFile{
			Filename: i.Name, Mode: mode.String(), Size: i.Size, CTime: float64(birth) / 1e9, MTime: float64(i.MTime) / 1e9,
		}
}

// vtree opens the folder of the route. Close it.
func (s *Server) vtree(v *vcall) (*davfs.Tree, store.Mount, error) {
	m, err := s.mount(v)
	if err != nil {
		return nil, m, err
	}
	t, err := s.files.Tree(v.Request().Context(), v.p, m)
	return t, m, err
}

// listVFiles lists a directory, in the order of names. It is not cut: a list that ends early is
// taken for the whole.
func (s *Server) listVFiles(v *vcall) error {
	name := v.in.path("path")
	if err := v.in.bad(); err != nil {
		return err
	}
	t, _, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	name = t.Resolve(name)
	i, err := t.Stat(name)
	if err != nil {
		return &vfileError{name, err}
	}
	if !i.Dir {
		return vfailed(name, "it is not a directory")
	}
	all, err := members(v.Request().Context(), t, name)
	if err != nil {
		return &vfileError{name, err}
	}
	head := v.Response().Header()
	head.Set("Content-Type", "application/json")
	v.Response().WriteHeader(http.StatusOK)
	w := bufio.NewWriterSize(v.Response(), 32<<10)
	w.WriteString(`{"items":[`)
	for n, i := range all {
		item, _ := vfileOf(i)
		writeItem(w, n, item)
	}
	w.WriteString(`],"files":"[`)
	quoted := bufio.NewWriter(jsonQuoted{w})
	for n, i := range all {
		_, item := vfileOf(i)
		writeItem(quoted, n, item)
	}
	quoted.Flush()
	w.WriteString(`]"}` + "\n")
	w.Flush() // if the client is gone, nobody is there to be told
	return nil
}

func writeItem(w *bufio.Writer, n int, item any) {
	if n > 0 {
		w.WriteByte(',')
	}
	text, err := json.Marshal(item)
	if err != nil {
		panic(err) // texts and numbers
	}
	w.Write(text)
}

// jsonQuoted writes JSON as the inside of a JSON string. All that JSON has is in it as it is, or
// escaped already, but quotes and backslashes.
type jsonQuoted struct{ w *bufio.Writer }

func (q jsonQuoted) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == '"' || c == '\\' {
			q.w.WriteByte('\\')
		}
		q.w.WriteByte(c)
	}
	return len(p), nil
}

// members lists a directory, by name.
func members(ctx context.Context, t *davfs.Tree, name string) ([]davfs.Info, error) {
	for try := 1; ; try++ {
		var all []davfs.Info
		err := t.List(ctx, name, func(i davfs.Info) error {
			all = append(all, i)
			return nil
		})
		if errors.Is(err, store.ErrBusy) && try < 3 {
			continue // it was replaced while it was read
		}
		slices.SortFunc(all, func(a, b davfs.Info) int { return cmp.Compare(a.Name, b.Name) })
		return all, err
	}
}

// maxVDirs is how many directories one call makes.
const maxVDirs = 50

// vresult is what became of one item of a call for several.
type vresult struct {
	Item string `json:"item"`
	Msg  string `json:"msg"`
}

// makeVDirs makes a directory, or several.
func (s *Server) makeVDirs(v *vcall) error {
	v.in.want("path")
	texts := v.in.words(maxVDirs, "path")
	names := v.in.members(maxVDirs, "path")
	parents, given := v.in.flag("parents")
	if !given {
		parents = true
	}
	existOK, given := v.in.flag("exist_ok", "existOk")
	if !given {
		existOK = v.era < era2009 // it was as mkdir -p
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	t, _, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	good, bad := []vresult{}, []vresult{}
	var first error
	for i, name := range names {
		switch err := makeVDir(v.Request().Context(), t, name, parents, existOK); {
		case err == nil:
			good = append(good, vresult{texts[i], ""})
		case v.Request().Context().Err() != nil, isFault(err):
			return err
		default:
			first = cmp.Or(first, err)
			bad = append(bad, vresult{texts[i], message(&vfolderError{err}, 0)})
		}
	}
	if v.era < era2403 {
		if first != nil {
			return first
		}
		return v.NoContent(http.StatusCreated)
	}
	status := http.StatusOK
	switch {
	case v.era >= era2512 || len(bad) == 0:
	case len(good) > 0:
		status = http.StatusMultiStatus
	default:
		status = http.StatusUnprocessableEntity
	}
	return v.JSON(status, map[string]any{"results": map[string]any{"success": good, "failed": bad}})
}

// makeVDir makes one directory; with parents those above it that are missing, too.
func makeVDir(ctx context.Context, t *davfs.Tree, name string, parents, existOK bool) error {
	if parents {
		if err := makeParents(ctx, t, name); err != nil {
			return err
		}
	}
	return makeOneDir(ctx, t, name, existOK)
}

// makeParents makes the directories above a name that are missing.
func makeParents(ctx context.Context, t *davfs.Tree, name string) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if i, err := t.Stat(t.Resolve(name[:i])); err == nil && i.Dir {
			continue
		}
		if err := makeOneDir(ctx, t, name[:i], true); err != nil {
			return err
		}
	}
	return nil
}

func makeOneDir(ctx context.Context, t *davfs.Tree, name string, existOK bool) error {
	name = t.Resolve(name)
	_, err := t.Mkdir(ctx, name, davfs.Claim{})
	if existOK && errors.Is(err, fs.ErrExist) {
		i, statErr := t.Stat(name)
		if statErr == nil && i.Dir {
			return nil
		}
	}
	if err != nil {
		return &vfileError{name, err}
	}
	return nil
}

// parentDir is the directory of a name; "" for the root.
func parentDir(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '/'))]
}

// renameVFile gives a file or directory another name in its directory.
func (s *Server) renameVFile(v *vcall) error {
	name := v.in.member("target_path", "targetPath")
	base := v.in.member("new_name", "newName")
	if strings.Contains(base, "/") {
		v.in.refuse(v.in.called("new_name", "newName"), "must be a name without a slash; see move-file")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	return s.moveInFolder(v, name, within(parentDir(name), base), false)
}

// moveVFile moves a file or directory inside its folder, as mv does: into a directory that is there, else to
// the name. A file takes the place of a file.
func (s *Server) moveVFile(v *vcall) error {
	from, to := v.in.member("src"), v.in.path("dst")
	v.in.want("dst")
	if err := v.in.bad(); err != nil {
		return err
	}
	return s.moveInFolder(v, from, to, true)
}

func (s *Server) moveInFolder(v *vcall, from, to string, asMv bool) error {
	t, _, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	from, to = t.Resolve(from), t.Resolve(to)
	i, err := t.Stat(from)
	if err != nil {
		return &vfileError{from, err}
	}
	overwrite := false
	if asMv {
		if at, err := t.Stat(to); err == nil && at.Dir && to != from {
			to = t.Resolve(within(to, i.Name))
		}
		if at, err := t.Stat(to); err == nil && at.Dir != i.Dir {
			return vfailed(to, "is there already, and one of the two is a directory")
		}
		overwrite = !i.Dir
	}
	if to == from {
		return vfailed(to, "is its name already")
	}
	if _, err := t.Move(v.Request().Context(), from, davfs.Place{Tree: t, Name: to}, overwrite, davfs.Claim{}); err != nil {
		if errors.Is(err, store.ErrChanged) {
			return vfailed(to, "exists already")
		}
		return &vfileError{to, err}
	}
	return v.JSON(http.StatusOK, map[string]string{})
}

// maxVDeletions is how many files one call deletes.
const maxVDeletions = 10_000

// deleteVFiles deletes files, and with recursive directories. All that can refuse is asked before the first
// is deleted. What is not there is deleted already.
func (s *Server) deleteVFiles(v *vcall) error {
	names := v.in.members(maxVDeletions, "files")
	recursive, _ := v.in.flag("recursive")
	if err := v.in.bad(); err != nil {
		return err
	}
	t, _, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	ctx := v.Request().Context()
	for n, name := range names {
		names[n] = t.Resolve(name)
		i, err := t.Stat(names[n])
		if err == nil && i.Dir && !recursive {
			return vfailed(name, "is a directory; send recursive: true to delete it with all that is in it")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &vfileError{name, err}
		}
		if n%256 == 255 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, name := range names {
		claim := davfs.Claim{Check: func(_ bool, cur davfs.Info) error {
			if cur.Dir && !recursive {
				return vfailed(name, "has become a directory")
			}
			return nil
		}}
		if err := t.Remove(ctx, name, claim); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &vfileError{name, err}
		}
	}
	if v.era < era2512 {
		return v.JSON(http.StatusOK, map[string]string{})
	}
	return v.JSON(http.StatusOK, map[string]string{"msg": ""})
}
