package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// The API of files inside of file collections. This file has its routes and how a file is shown;
// filepaths.go what a path means, filebrowse.go listings, filesearch.go search, filebulk.go what bulks have in
// common, filechanges.go what changes names and the trash, downloads.go and chunked.go how bytes go out and come in.

const (
	filesPath    = "/api/files"
	downloadPath = "/api/davit/download"
	archivePath  = "/api/davit/archive"
	chunkedPath  = "/api/davit/chunked"
)

func (s *Server) fileRoutes(e *echo.Echo) {
	e.GET(filesPath+"/browse", s.as(s.browseFiles))
	e.GET(filesPath+"/retrieve", s.as(s.retrieveFile))
	e.GET(filesPath+"/retrieveProducts", s.as(s.retrieveCollectionProducts))
	e.POST(filesPath+"/search", s.as(s.searchFiles))
	e.POST(filesPath+"/move", s.as(s.moveFiles))
	e.POST(filesPath+"/copy", s.as(s.copyFiles))
	e.POST(filesPath+"/folder", s.as(s.makeFolders))
	e.DELETE(filesPath, s.as(s.deleteFiles))
	e.POST(filesPath+"/trash", s.as(s.trashFiles))
	e.POST(filesPath+"/emptyTrash", s.as(s.emptyTrash))
	e.POST(filesPath+"/restore", s.as(s.restoreFiles))
	e.POST(filesPath+"/upload", s.as(s.createUploads))
	e.POST(filesPath+"/download", s.scoped("files.download:read", s.createDownload))

	e.GET("/api/davit/folders/:id/files", s.scoped("files.list:read", s.listDirectory))

	e.POST(chunkedPath, s.public(s.receiveChunk))
	e.GET(chunkedPath, s.public(s.showChunked))
	e.DELETE(chunkedPath, s.public(s.dropChunked))

	e.POST(archivePath, s.scoped("files.download:read", s.createArchive))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		e.Add(method, downloadPath, s.public(s.download))
		e.Add(method, archivePath, s.public(s.archive))
	}
}

// fileJSON is a file as the API shows it. What is its folder's is the same in all of them.
type fileJSON struct {
	ID            string                `json:"id"`
	Specification fileSpec              `json:"specification"`
	CreatedAt     int64                 `json:"createdAt"` // milliseconds, as all times here
	Status        fileStatus            `json:"status"`
	Owner         collectionOwner       `json:"owner"`
	Permissions   collectionPermissions `json:"permissions"`
	Updates       []collectionUpdate    `json:"updates"`
}

type fileSpec struct {
	Collection string           `json:"collection"`
	Product    store.ProductRef `json:"product"`
}

type fileStatus struct {
	Type                         string          `json:"type"` // FILE or DIRECTORY
	Icon                         *string         `json:"icon"`
	SizeInBytes                  *int64          `json:"sizeInBytes"`
	SizeIncludingChildrenInBytes *int64          `json:"sizeIncludingChildrenInBytes"`
	FileCount                    *int64          `json:"fileCount"`
	DirectoryCount               *int64          `json:"directoryCount"`
	ModifiedAt                   int64           `json:"modifiedAt"`
	AccessedAt                   *int64          `json:"accessedAt"`
	UnixMode                     uint32          `json:"unixMode"`
	UnixOwner                    int             `json:"unixOwner"`
	UnixGroup                    int             `json:"unixGroup"`
	Metadata                     *struct{}       `json:"metadata"`
	ResolvedSupport              json.RawMessage `json:"resolvedSupport"`
	ResolvedProduct              json.RawMessage `json:"resolvedProduct"`

	Trashed *trashedJSON `json:"trashed"` // Davit's own
}

// trashedJSON says where something in the trash came from.
type trashedJSON struct {
	Origin string  `json:"origin"` // the ID that it had
	At     int64   `json:"at"`
	By     *string `json:"by"` // null if that user is gone
}

var trashIcon = "DIRECTORY_TRASH"

// fileView shows the files of one folder.
type fileView struct {
	folder collection
}

// fileView is how p sees the files of a folder; fs.ErrNotExist if the filters hide it.
func (s *Server) fileView(ctx context.Context, p store.Principal, m store.Mount, f collectionFlags) (*fileView, error) {
	if !f.admits(&m.Folder, s.productFor(m.Folder).ProductRef) {
		return nil, fs.ErrNotExist
	}
	f.updates = false // they are the folder's
	folders, err := s.showCollections(ctx, p, []store.Mount{m}, f)
	if err != nil {
		return nil, err
	}
	return &fileView{folders[0]}, nil
}

// show shows what is at a name of the folder.
func (v *fileView) show(name string, i davfs.Info) fileJSON {
	f := fileJSON{
		ID:            fileID(v.folder.ID, name),
		Specification: fileSpec{Collection: v.folder.ID, Product: v.folder.Specification.Product},
		Status: fileStatus{
			Type: "FILE", ModifiedAt: i.MTime / 1e6, UnixMode: i.Mode, UnixOwner: os.Getuid(), UnixGroup: os.Getgid(),
			ResolvedSupport: v.folder.Status.ResolvedSupport, ResolvedProduct: v.folder.Status.ResolvedProduct,
		},
		Owner: v.folder.Owner, Permissions: v.folder.Permissions, Updates: []collectionUpdate{},
	}
	f.CreatedAt = f.Status.ModifiedAt
	if i.Birth > 0 && i.Birth < i.MTime {
		f.CreatedAt = i.Birth / 1e6
	}
	if i.Dir {
		f.Status.Type = "DIRECTORY"
		if name == davfs.TrashName {
			f.Status.Icon = &trashIcon
		}
	} else {
		f.Status.SizeInBytes = &i.Size
	}
	return f
}

// addOrigin tells where something in the trash came from.
func addOrigin(ctx context.Context, f fileAt, name string, i davfs.Info, out *fileStatus) error {
	if !below(name, davfs.TrashName) || name == davfs.TrashName {
		return nil
	}
	x, err := f.tree.Origin(ctx, i)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		out.Trashed = &trashedJSON{fileID(f.mount.Folder.ID, x.Origin), x.At.UnixMilli(), textOrNull(x.UserName)}
	}
	return err
}

// retrieveFile shows one file or directory.
func (s *Server) retrieveFile(c echo.Context, p store.Principal) error {
	trees := s.fileTrees(c, p)
	defer trees.close()
	q := queryOf(c)
	id, _ := q.optText("id")
	flags := collectionFlagsIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	f, err := trees.at("id", id, 0)
	if err != nil {
		return err
	}
	i, err := f.tree.Stat(f.name)
	if err != nil {
		return f.fault(err)
	}
	ctx := c.Request().Context()
	view, err := s.fileView(ctx, p, f.mount, flags)
	if err != nil {
		return f.fault(err)
	}
	out := view.show(f.name, i)
	if i.Dir && q.flag("includeSizes") {
		if err := addSizes(ctx, f, &out.Status); err != nil {
			return f.fault(err)
		}
	}
	if err := addOrigin(ctx, f, f.name, i, &out.Status); err != nil {
		return f.fault(err)
	}
	return answerJSON(c, out)
}

// maxMeasured bounds the walk for the size of a directory.
const maxMeasured = 100_000

// addSizes tells how much is in a directory: for a folder's root from the folder's own count, else by a
// walk, unless that would take too long.
func addSizes(ctx context.Context, f fileAt, st *fileStatus) error {
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

// extension is what follows the last dot of a name; a name that begins with its only dot is all extension.
func extension(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		return name[dot+1:]
	}
	return ""
}
