package server

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Search by name: below a directory, or in all folders of a workspace. Nothing is indexed (D19), so it is a walk, and
// bounded: what was not looked at is not found, and the answer says so.

const (
	maxSearched = 200_000          // files and directories that one search looks at
	searchTime  = 10 * time.Second // and how long
)

// foundPage is one page of what was found. Complete says that all was looked at that is up to the page's end.
type foundPage struct {
	pageOf[fileJSON]
	Complete bool `json:"complete"`
}

// fileSearch is a search that runs.
type fileSearch struct {
	w        *filesWanted
	words    []string
	skip     int
	found    []fileJSON
	looked   int
	deadline time.Time
}

var errSearchEnds = errors.New("enough was found, or looked at")

// searchFiles finds files and directories whose name has one of the words, breadth first.
func (s *Server) searchFiles(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	b := bodyFields{in.object("flags"), in}
	in.want("query")
	query, _ := in.optText("query")
	w, flags := filesWantedIn(bodyFields{b.object, nil}), collectionFlagsIn(b)
	pg := pageIn(bodyFields{in, nil})
	field := "path"
	path, given := b.optText(field)
	if other, also := in.optText("currentFolder"); also && !given {
		field, path = "currentFolder", other
	}
	if err := in.bad(); err != nil {
		return err
	}
	trees := s.fileTrees(c, p)
	defer trees.close()
	ctx := c.Request().Context()
	var starts []fileAt
	if path != "" {
		f, err := trees.at(field, path, 0)
		if err != nil {
			return err
		}
		if _, err := f.tree.Stat(f.name); err != nil {
			return f.fault(err)
		}
		if !s.productFor(f.mount.Folder).Support.Files.SearchSupported {
			return f.fault(store.ErrUnsupported)
		}
		starts = append(starts, f)
	} else if starts, err = s.searchable(c, p, trees); err != nil {
		return err
	}
	x := &fileSearch{w: &w, words: strings.Fields(foldCase(query)), skip: int(min(pg.offset, maxSearched)), deadline: time.Now().Add(searchTime)}
	enough := int(pg.size) + 1
	complete := true
	for _, f := range starts {
		view, err := s.fileView(ctx, p, f.mount, flags)
		if errors.Is(err, fs.ErrNotExist) {
			continue // hidden by a filter
		}
		if err == nil {
			err = x.walk(ctx, f, view, enough)
		}
		if errors.Is(err, errSearchEnds) {
			complete = len(x.found) >= enough
			break
		}
		if err != nil {
			return f.fault(err)
		}
	}
	out := foundPage{pageOf[fileJSON]{ItemsPerPage: pg.size, Items: x.found}, complete}
	if out.Items == nil {
		out.Items = []fileJSON{}
	}
	if len(out.Items) == enough {
		out.Items = out.Items[:pg.size]
		next := strconv.FormatInt(pg.offset+pg.size, 10)
		out.Next = &next
	}
	return answerJSON(c, out)
}

// searchable are the roots of the folders in the request's workspace, by title.
func (s *Server) searchable(c echo.Context, p store.Principal, trees *fileTrees) (starts []fileAt, err error) {
	all, err := s.auth.Mounts(c.Request().Context(), p)
	if err != nil {
		return nil, err
	}
	project := s.workspaceOf(c, p)
	for _, m := range all {
		if m.Folder.ProjectID != project || !m.Rights.Has(store.Read) || !s.productFor(m.Folder).Support.Files.SearchSupported {
			continue
		}
		f, err := trees.at("folder", "/"+m.Folder.ID, 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrBusy) {
			continue // deleted, or out of service: the others are searched all the same
		}
		if err != nil {
			return nil, err
		}
		starts = append(starts, f)
	}
	return starts, nil
}

// walk looks below a directory, until enough is found; errSearchEnds if that was not all.
func (x *fileSearch) walk(ctx context.Context, start fileAt, view *fileView, enough int) error {
	dirs := []string{start.name}
	for len(dirs) > 0 {
		dir := dirs[0]
		dirs = dirs[1:]
		var members []davfs.Info
		err := start.tree.List(ctx, dir, func(i davfs.Info) error {
			if x.looked++; x.looked > maxSearched || x.looked%1024 == 0 && time.Now().After(x.deadline) {
				return errSearchEnds
			}
			members = append(members, i)
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrBusy) {
			continue // it went away
		}
		slices.SortFunc(members, func(a, b davfs.Info) int { return strings.Compare(a.Name, b.Name) })
		for _, i := range members {
			name := within(dir, i.Name)
			if i.Dir {
				dirs = append(dirs, name)
			}
			if !x.matches(i.Name) || !x.w.admits(i) {
				continue
			}
			if x.skip > 0 {
				x.skip--
				continue
			}
			shown := view.show(name, i)
			if err := addOrigin(ctx, start, name, i, &shown.Status); err != nil {
				return err
			}
			if x.found = append(x.found, shown); len(x.found) == enough {
				return errSearchEnds
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// matches says whether a name has one of the words; without words every name does.
func (x *fileSearch) matches(name string) bool {
	if len(x.words) == 0 {
		return true
	}
	name = foldCase(name)
	return slices.ContainsFunc(x.words, func(w string) bool { return strings.Contains(name, w) })
}
