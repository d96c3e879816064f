package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// The API of files inside of file collections. This file has its routes and how a file is shown;
// filepaths.go what a path means, filebrowse.go listings and search, filechanges.go what changes names,
// filetrash.go the trash, downloads.go and chunked.go how bytes go out and come in.

const (
	filesPath    = "/api/files"
	downloadPath = "/api/davit/download"
	archivePath  = "/api/davit/archive"
	chunkedPath  = "/api/davit/chunked"
)

func (s *Server) fileRoutes(e *echo.Echo) {
	e.GET(filesPath+"/browse", s.as(s.browseFiles))
	e.GET(filesPath+"/retrieve", s.as(s.retrieveFile))
	e.POST(filesPath+"/download", s.scoped("files.download:read", s.createDownload))

	e.POST(archivePath, s.scoped("files.download:read", s.createArchive))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, downloadPath, s.public(s.download))
		e.Add(method, archivePath, s.public(s.archive))
	}
}

// fileJSON is a file as the API shows it.
type fileJSON struct {
	ID            string          `json:"id"`
	Specification fileSpec        `json:"specification"`
	CreatedAt     int64           `json:"createdAt"` // milliseconds, as all times here
	Status        fileStatus      `json:"status"`
	Owner         fileOwner       `json:"owner"`
	Permissions   filePermissions `json:"permissions"`
	Updates       []any           `json:"updates"`
}

type fileSpec struct {
	Collection string           `json:"collection"`
	Product    store.ProductRef `json:"product"`
}

type fileStatus struct {
	Type                         string  `json:"type"` // FILE or DIRECTORY
	Icon                         *string `json:"icon"`
	SizeInBytes                  *int64  `json:"sizeInBytes"`
	SizeIncludingChildrenInBytes *int64  `json:"sizeIncludingChildrenInBytes"`
	FileCount                    *int64  `json:"fileCount"`
	DirectoryCount               *int64  `json:"directoryCount"`
	ModifiedAt                   int64   `json:"modifiedAt"`
	AccessedAt                   *int64  `json:"accessedAt"`
	UnixMode                     uint32  `json:"unixMode"`
	UnixOwner                    int     `json:"unixOwner"`
	UnixGroup                    int     `json:"unixGroup"`
	Metadata                     any     `json:"metadata"`
	ResolvedSupport              any     `json:"resolvedSupport"`
	ResolvedProduct              any     `json:"resolvedProduct"`
}

type fileOwner struct {
	CreatedBy string  `json:"createdBy"`
	Project   *string `json:"project"`
}

type filePermissions struct {
	Myself []string `json:"myself"`
	Others []any    `json:"others"`
}

// trashName is the directory at a folder's root that takes what is thrown away (D22).
const trashName = "Trash"

var trashIcon = "DIRECTORY_TRASH"

// showFile shows what is at a name of a folder.
func (s *Server) showFile(m store.Mount, name string, i davfs.Info) fileJSON {
	f := fileJSON{
		ID:            fileID(m.Folder.ID, name),
		Specification: fileSpec{Collection: m.Folder.ID, Product: s.products.Of(m.Folder.Product).ProductRef},
		Status: fileStatus{
			Type: "FILE", ModifiedAt: i.MTime / 1e6, UnixMode: i.Mode, UnixOwner: os.Getuid(), UnixGroup: os.Getgid(),
		},
		Owner:       fileOwner{CreatedBy: m.Folder.OwnerName},
		Permissions: filePermissions{Myself: []string{}, Others: []any{}},
		Updates:     []any{},
	}
	if m.Folder.ProjectID != "" {
		f.Owner.Project = &m.Folder.ProjectID
	}
	f.CreatedAt = f.Status.ModifiedAt
	if i.Birth > 0 && i.Birth < i.MTime {
		f.CreatedAt = i.Birth / 1e6
	}
	if i.Dir {
		f.Status.Type = "DIRECTORY"
		if name == trashName {
			f.Status.Icon = &trashIcon
		}
	} else {
		f.Status.SizeInBytes = &i.Size
	}
	for _, x := range []struct {
		right store.Rights
		word  string
	}{{store.Admin, "ADMIN"}, {store.Read, "READ"}, {store.Write, "EDIT"}} {
		if m.Rights.Has(x.right) {
			f.Permissions.Myself = append(f.Permissions.Myself, x.word)
		}
	}
	return f
}

// retrieveFile shows one file or directory.
func (s *Server) retrieveFile(c echo.Context, p store.Principal) error {
	trees := s.fileTrees(c, p)
	defer trees.close()
	q := c.QueryParams()
	f, err := trees.at("id", q.Get("id"), 0)
	if err != nil {
		return err
	}
	i, err := f.tree.Stat(f.name)
	if err != nil {
		return f.fault(err)
	}
	out := s.showFile(f.mount, f.name, i)
	if i.Dir && q.Get("includeSizes") == "true" {
		if err := s.addSizes(c.Request().Context(), f, &out.Status); err != nil {
			return f.fault(err)
		}
	}
	return fileAnswer(c, out)
}

// maxMeasured bounds the walk for the size of a directory.
const maxMeasured = 100_000

// addSizes tells how much is in a directory: for a folder's root from the folder's own count, else by a
// walk, unless that would take too long.
func (s *Server) addSizes(ctx context.Context, f fileAt, st *fileStatus) error {
	if f.name == "" {
		u, err := f.tree.Usage()
		if err != nil {
			return err
		}
		st.SizeIncludingChildrenInBytes = &u.Bytes
		if u.Files > maxMeasured {
			return nil
		}
	}
	m, err := f.tree.Measure(ctx, f.name, maxMeasured)
	if errors.Is(err, davfs.ErrTooLarge) {
		return nil
	}
	if err != nil {
		return err
	}
	st.FileCount, st.DirectoryCount = &m.Files, &m.Directories
	if st.SizeIncludingChildrenInBytes == nil {
		st.SizeIncludingChildrenInBytes = &m.Bytes
	}
	return nil
}

// fileAnswer answers 200, as all successes of this API are.
func fileAnswer(c echo.Context, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	c.Response().Header().Set("Content-Type", "application/json; charset=UTF-8")
	return c.JSON(http.StatusOK, v)
}

// extension is what follows the last dot of a name; a name that begins with its only dot is all extension.
func extension(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name[dot+1:]
	}
	return ""
}
