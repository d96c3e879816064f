package server

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Resumable uploads: the tus protocol 1.0.0 with the extensions creation,
// creation-with-upload, creation-defer-length, checksum, termination and expiration.
// What an upload is, and what becomes of it, is davfs's (davfs.Pending).

const (
	uploadsPath = "/api/davit/uploads"
	tusVersion  = "1.0.0"
	tusExtends  = "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration"
	chunkType   = "application/offset+octet-stream"

	// maxMetadata bounds Upload-Metadata: a path of 4096 bytes in base64, and more. It bounds conditions too.
	maxMetadata = 8 << 10
)

// checksums are the algorithms of Upload-Checksum.
var checksums = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "md5": md5.New}

const checksumNames = "sha1,sha256,md5"

// Errors that only uploads know, beside those of davfs.
var (
	errTusVersion = errors.New("this server speaks tus " + tusVersion + ": send Tus-Resumable: " + tusVersion)
	errChunkType  = errors.New("the Content-Type of a chunk must be " + chunkType)
)

// uploadError is an error of an upload: its own routes answer with other codes than those that
// follow an older API (D21).
type uploadError struct{ err error }

func (e *uploadError) Error() string { return e.err.Error() }
func (e *uploadError) Unwrap() error { return e.err }

func (s *Server) uploadRoutes(e *echo.Echo) {
	one := uploadsPath + "/:id"
	e.OPTIONS(uploadsPath, s.uploadOptions)
	e.OPTIONS(one, s.uploadOptions)
	e.GET(uploadsPath, uploading(s.as(s.uploads)))
	e.POST(uploadsPath, s.tus(s.as(s.createUpload)))
	e.HEAD(one, s.tus(s.as(s.upload)))
	e.PATCH(one, s.tus(s.as(s.appendUpload)))
	e.DELETE(one, s.tus(s.as(s.deleteUpload)))
	// For clients behind proxies that know few methods. Only POST may stand for another: the others
	// would get past the check for requests of foreign pages.
	e.POST(one, s.tus(s.as(func(c echo.Context, p store.Principal) error {
		switch c.Request().Header.Get("X-HTTP-Method-Override") {
		case http.MethodHead:
			return s.upload(c, p)
		case http.MethodPatch:
			return s.appendUpload(c, p)
		case http.MethodDelete:
			return s.deleteUpload(c, p)
		}
		return echo.ErrMethodNotAllowed
	})))
}

// uploading marks the errors of h as those of an upload.
func uploading(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := h(c); err != nil {
			return &uploadError{err}
		}
		return nil
	}
}

// tus lets requests of this version of the protocol through to h.
func (s *Server) tus(h echo.HandlerFunc) echo.HandlerFunc {
	return uploading(func(c echo.Context) error {
		head := c.Response().Header()
		head.Set("Tus-Resumable", tusVersion)
		if c.Request().Header.Get("Tus-Resumable") != tusVersion {
			head.Set("Tus-Version", tusVersion)
			return errTusVersion
		}
		err := h(c)
		if offset := (*davfs.OffsetError)(nil); errors.As(err, &offset) {
			head.Set("Upload-Offset", strconv.FormatInt(offset.Offset, 10))
		}
		return err
	})
}

// uploadOptions says what is spoken here, to anybody.
func (s *Server) uploadOptions(c echo.Context) error {
	head := c.Response().Header()
	head.Set("Tus-Resumable", tusVersion)
	head.Set("Tus-Version", tusVersion)
	head.Set("Tus-Extension", tusExtends)
	head.Set("Tus-Checksum-Algorithm", checksumNames)
	if max := s.cfg.DAV.MaxFileSize; max > 0 {
		head.Set("Tus-Max-Size", strconv.FormatInt(int64(max), 10))
	}
	allow := "OPTIONS, GET, POST"
	if c.Param("id") != "" {
		allow = "OPTIONS, HEAD, PATCH, POST, DELETE"
	}
	head.Set("Allow", allow)
	return c.NoContent(http.StatusNoContent)
}

// uploadJSON is an unfinished upload in a list.
type uploadJSON struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Folder  string `json:"folder"`
	Path    string `json:"path"`
	Length  *int64 `json:"length"` // null: not yet known
	Offset  int64  `json:"offset"`
	Created string `json:"created"`
	Expires string `json:"expires"`
}

// uploads lists the caller's unfinished uploads.
func (s *Server) uploads(c echo.Context, p store.Principal) error {
	list := []uploadJSON{}
	for _, up := range s.files.PendingOf(p.UserID) {
		m, err := s.auth.Mount(c.Request().Context(), p, up.FolderID)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !m.Rights.Has(store.Write) {
			continue
		}
		if err != nil {
			return err
		}
		u := uploadJSON{ID: up.ID, URL: uploadsPath + "/" + up.ID, Folder: up.FolderID, Path: up.Path, Offset: up.Offset,
			Created: timeText(up.Created), Expires: timeText(up.Expires)}
		if up.Length >= 0 {
			u.Length = &up.Length
		}
		list = append(list, u)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, map[string]any{"uploads": list})
}

// uploadTree opens the folder of an upload for p, named by ID or mount name.
func (s *Server) uploadTree(c echo.Context, p store.Principal, folder, path string) (*davfs.Tree, error) {
	m, err := s.auth.Mount(c.Request().Context(), p, folder)
	if err != nil {
		return nil, err
	}
	if l, ok := c.Response().Writer.(logged); ok {
		l.SetLog("", "", "/dav/"+m.Folder.ID+"/"+path)
	}
	return s.files.Tree(c.Request().Context(), p, m)
}

// found opens the upload of a request, and its folder. Close the tree.
func (s *Server) found(c echo.Context, p store.Principal) (davfs.Pending, *davfs.Tree, error) {
	up, err := s.files.Pending(p, c.Param("id"))
	if err != nil {
		return up, nil, err
	}
	t, err := s.uploadTree(c, p, up.FolderID, up.Path)
	return up, t, err
}

// createUpload begins an upload, with its first bytes if the client sends some along.
func (s *Server) createUpload(c echo.Context, p store.Principal) error {
	r := c.Request()
	head := r.Header
	up := davfs.NewPending{Length: -1, IfMatch: head["If-Match"], IfNoneMatch: head["If-None-Match"]}
	var err error
	switch length, later := head.Get("Upload-Length"), head.Get("Upload-Defer-Length"); {
	case length == "" && later == "":
		return &paramError{"Upload-Length", "is missing"}
	case length != "" && later != "":
		return &paramError{"Upload-Defer-Length", "comes with an Upload-Length"}
	case length == "" && later != "1":
		return &paramError{"Upload-Defer-Length", "must be 1"}
	case length != "":
		if up.Length, err = byteCount("Upload-Length", length); err != nil {
			return err
		}
	}
	for _, name := range []string{"If-Match", "If-None-Match"} { // they are kept until the upload ends, for each of many
		if len(strings.Join(head[name], ",")) > maxMetadata {
			return &paramError{name, fmt.Sprintf("is longer than %d bytes", maxMetadata)}
		}
	}
	max := int64(s.cfg.DAV.MaxFileSize)
	withBody := r.ContentLength != 0
	if withBody && !isChunk(r) {
		return errChunkType
	}
	if max > 0 && up.Length > max || up.Length >= 0 && r.ContentLength > up.Length {
		return davfs.ErrTooLong
	}
	chunk, err := s.chunk(c, 0)
	if err != nil {
		return err
	}
	up.Metadata = strings.Join(head.Values("Upload-Metadata"), ",")
	meta, err := parseMetadata(up.Metadata)
	if err != nil {
		return err
	}
	folder, err := meta.apply(&up)
	if err != nil {
		return err
	}
	if folder == "" {
		if folder = p.OnlyFolder(); folder == "" { // of a token that opens one folder
			return &paramError{"Upload-Metadata", "folder is missing: the ID or the mount name of the folder"}
		}
	}
	t, err := s.uploadTree(c, p, folder, up.Path)
	if err != nil {
		return err
	}
	defer t.Close()
	made, err := t.BeginPending(r.Context(), up)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Location", uploadsPath+"/"+made.ID)
	if withBody || up.Length == 0 {
		id := made.ID
		made, err = appendPending(c, t, id, chunk)
		if errors.Is(err, davfs.ErrChecksum) || errors.Is(err, davfs.ErrTooLong) {
			c.Response().Header().Del("Location")
			return errors.Join(err, t.DropPending(r.Context(), id))
		}
		if err != nil {
			return err
		}
	}
	uploadState(c, made)
	return c.NoContent(http.StatusCreated)
}

// uploadState writes where an upload stands.
func uploadState(c echo.Context, up davfs.Pending) {
	head := c.Response().Header()
	head.Set("Upload-Offset", strconv.FormatInt(up.Offset, 10))
	if !up.Done {
		head.Set("Upload-Expires", up.Expires.UTC().Format(http.TimeFormat))
	}
}

// upload answers HEAD.
func (s *Server) upload(c echo.Context, p store.Principal) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	up, t, err := s.found(c, p)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	uploadState(c, up)
	head := c.Response().Header()
	if up.Length >= 0 {
		head.Set("Upload-Length", strconv.FormatInt(up.Length, 10))
	} else {
		head.Set("Upload-Defer-Length", "1")
	}
	if up.Metadata != "" {
		head.Set("Upload-Metadata", up.Metadata)
	}
	return c.NoContent(http.StatusOK)
}

// appendUpload answers PATCH.
func (s *Server) appendUpload(c echo.Context, p store.Principal) error {
	r := c.Request()
	if !isChunk(r) {
		return errChunkType
	}
	offset, err := byteCount("Upload-Offset", r.Header.Get("Upload-Offset"))
	if err != nil {
		return err
	}
	chunk, err := s.chunk(c, offset)
	if err != nil {
		return err
	}
	if text := r.Header.Get("Upload-Length"); text != "" {
		if chunk.Length, err = byteCount("Upload-Length", text); err != nil {
			return err
		}
	}
	_, t, err := s.found(c, p)
	if err != nil {
		return err
	}
	defer t.Close()
	up, err := appendPending(c, t, c.Param("id"), chunk)
	if err != nil {
		return err
	}
	uploadState(c, up)
	return c.NoContent(http.StatusNoContent)
}

// deleteUpload answers DELETE.
func (s *Server) deleteUpload(c echo.Context, p store.Principal) error {
	_, t, err := s.found(c, p)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.DropPending(c.Request().Context(), c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// chunk is the body of a request, and what its headers say about it.
func (s *Server) chunk(c echo.Context, offset int64) (davfs.Chunk, error) {
	r := c.Request()
	control := http.NewResponseController(c.Response().Writer)
	chunk := davfs.Chunk{
		Offset: offset, Length: -1, Announced: r.ContentLength, Max: int64(s.cfg.DAV.MaxFileSize),
		Body: s.files.PacedBody(c.Response().Writer, r),
		Stop: func() { control.SetReadDeadline(time.Unix(1, 0)) },
	}
	if text := r.Header.Get("Upload-Checksum"); text != "" {
		name, sum, _ := strings.Cut(text, " ")
		make := checksums[name]
		if make == nil {
			return chunk, &paramError{"Upload-Checksum", "the algorithm must be one of " + checksumNames}
		}
		chunk.Hash = make()
		var err error
		if chunk.Sum, err = base64.StdEncoding.DecodeString(sum); err != nil || len(chunk.Sum) != chunk.Hash.Size() {
			return chunk, &paramError{"Upload-Checksum", "is not " + name + " in base64"}
		}
	}
	return chunk, nil
}

// appendPending is davfs.Tree.AppendPending. Who was made to stop may have been at the end of its body already: then the
// deadline has ended the whole connection for net/http, and every request that followed on it would seem to be given up.
func appendPending(c echo.Context, t *davfs.Tree, id string, chunk davfs.Chunk) (davfs.Pending, error) {
	var stopped atomic.Bool
	stop := chunk.Stop
	chunk.Stop = func() {
		stopped.Store(true)
		stop()
	}
	up, err := t.AppendPending(c.Request().Context(), id, chunk)
	if stopped.Load() {
		c.Response().Header().Set("Connection", "close")
	}
	return up, err
}

func isChunk(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == chunkType
}

// byteCount reads a number of bytes from a header.
func byteCount(header, text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, &paramError{header, "must be a number of bytes"}
	}
	return int64(n), nil
}

// metadata are the values of Upload-Metadata that mean something here, by key.
type metadata map[string]string

// parseMetadata reads "key base64,key base64,…". Other keys than ours may hold anything.
func parseMetadata(header string) (metadata, error) {
	bad := func(format string, args ...any) (metadata, error) {
		return nil, &paramError{"Upload-Metadata", fmt.Sprintf(format, args...)}
	}
	if len(header) > maxMetadata {
		return bad("is longer than %d bytes", maxMetadata)
	}
	m := metadata{}
	for pair := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.Trim(pair, " "), " ")
		switch key {
		case "folder", "path", "filename", "mtime":
		default:
			continue
		}
		if _, twice := m[key]; twice {
			return bad("%s comes twice", key)
		}
		text, err := base64.StdEncoding.DecodeString(strings.Trim(value, " "))
		if err != nil {
			return bad("%s is not in base64", key)
		}
		m[key] = string(text)
	}
	return m, nil
}

// apply tells up what the metadata say, and gives the folder. Names in up are legal then.
func (m metadata) apply(up *davfs.NewPending) (folder string, err error) {
	bad := func(what string) (string, error) { return "", &paramError{"Upload-Metadata", what} }
	if text, ok := m["mtime"]; ok {
		sec, err := strconv.ParseUint(text, 10, 33) // until the year 2242
		if err != nil {
			return bad("mtime must be seconds since 1970, digits only")
		}
		up.MTime = time.Unix(int64(sec), 0)
	}
	path, file := strings.TrimLeft(m["path"], "/"), m["filename"]
	if file != "" && (strings.Contains(file, "/") || !davfs.LegalName(file)) {
		return bad("filename cannot be a name")
	}
	if dir := strings.TrimRight(path, "/"); dir != path {
		if file == "" {
			return bad("path ends in a slash: filename is missing")
		}
		path, file = dir+"/"+file, "" // if there is no such collection, that is said
	}
	if path == "" && file == "" {
		return bad("path or filename is missing")
	}
	if path != "" && !davfs.LegalName(path) {
		return bad("path cannot be a name in a folder")
	}
	up.Path, up.Filename = path, file
	return m["folder"], nil
}
