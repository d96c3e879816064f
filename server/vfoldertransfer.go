package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// The bytes of virtual folders: uploads in one request, resumable ones (tus), downloads with
// credentials, and by links for who has none.

// maxVUploads is how many files one multipart request brings.
const maxVUploads = 10

// uploadVFiles takes a multipart body: each part src is a file, its file name the path in the folder.
// The files appear when all have come; what is at their names is replaced.
func (s *Server) uploadVFiles(c echo.Context, p store.Principal) error {
	r := c.Request()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return &paramError{"Content-Type", "must be multipart/form-data"}
	}
	t, _, err := s.vtree(&vcall{Context: c, p: p})
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	var all []*vupload
	defer func() {
		for _, u := range all {
			u.Abort()
		}
	}()
	parts := multipart.NewReader(s.files.PacedBody(c.Response().Writer, r), params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return &paramError{"body", "broke off, or is not multipart/form-data"}
		}
		_, disposition, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil || disposition["name"] != "src" {
			continue // fields for other servers
		}
		if len(all) == maxVUploads {
			return &paramError{"src", fmt.Sprintf("at most %d files in one request", maxVUploads)}
		}
		u, err := s.receiveVFile(r, t, fmt.Sprintf("src[%d]", len(all)), disposition["filename"], part)
		if err != nil {
			return err
		}
		all = append(all, u)
	}
	if len(all) == 0 {
		return &paramError{"src", "is missing: the parts that are files must have this name"}
	}
	for _, u := range all {
		if _, _, err := u.Commit(r.Context(), time.Time{}); err != nil {
			return &vfileError{u.name, err}
		}
	}
	return c.NoContent(http.StatusCreated)
}

// vupload is a file that has come, and is not yet published.
type vupload struct {
	*davfs.Upload
	name string
}

func (s *Server) receiveVFile(r *http.Request, t *davfs.Tree, field, filename string, body io.Reader) (*vupload, error) {
	name, wrong := cleanPath(filename)
	if wrong == "" && name == "" {
		wrong = "has no file name"
	}
	if wrong != "" {
		return nil, &paramError{field, wrong}
	}
	if err := makeParents(r.Context(), t, name); err != nil {
		return nil, err
	}
	name = t.Resolve(name)
	up, err := t.Create(r.Context(), name, davfs.Claim{}, -1)
	if err != nil {
		return nil, &vfileError{name, err}
	}
	max := int64(s.cfg.DAV.MaxFileSize)
	if max > 0 {
		body = io.LimitReader(body, max+1)
	}
	in := &readErrors{Reader: body}
	n, err := io.Copy(up, in)
	switch {
	case max > 0 && n > max:
		err = &vfileError{name, davfs.ErrTooLong}
	case in.err != nil:
		err = &paramError{"body", "broke off, or came too slowly"}
	case err != nil:
		err = &vfileError{name, err}
	}
	if err != nil {
		up.Abort()
		return nil, err
	}
	return &vupload{up, name}, nil
}

// readErrors tells errors of the client's side from those of the disk.
type readErrors struct {
	io.Reader
	err error
}

func (r *readErrors) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// downloadVFile sends one file, with ranges; a directory as an archive.
func (s *Server) downloadVFile(v *vcall) error {
	name := v.in.path("file", "path")
	archive, _ := v.in.flag("archive")
	if name == "" && !archive {
		v.in.refuse(v.in.called("file", "path"), "must name a file")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	t, m, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	return s.sendVFile(v, t, m, name, archive, "")
}

// sendVFile answers with a file, or with archive with a directory.
func (s *Server) sendVFile(c echo.Context, t *davfs.Tree, m store.Mount, name string, archive bool, filename string) error {
	name = t.Resolve(name)
	i, err := t.Stat(name)
	if err != nil {
		return &vfileError{name, err}
	}
	if i.Dir {
		if !archive {
			return vfailed(name, "is a directory; ask for it with archive=true")
		}
		if err := s.sendArchive(c, t, m.Folder.Title, filename, []string{name}); err != nil {
			return &vfileError{name, err}
		}
		return nil
	}
	if filename == "" {
		filename = path.Base(name)
	}
	if err := t.ServeFile(c.Response().Writer, c.Request(), name, attachment(filename)); err != nil {
		return &vfileError{name, err}
	}
	return nil
}

// maxVDownloads is how many files one multipart answer has.
const maxVDownloads = 1000

// downloadVFiles sends several files as multipart/mixed.
func (s *Server) downloadVFiles(v *vcall) error {
	names := v.in.members(maxVDownloads, "files")
	if err := v.in.bad(); err != nil {
		return err
	}
	t, _, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	total := int64(0)
	for n, name := range names {
		names[n] = t.Resolve(name)
		i, err := t.Stat(names[n])
		if err != nil {
			return &vfileError{name, err}
		}
		if i.Dir {
			return vfailed(name, "is a directory; download it as an archive")
		}
		total += i.Size
	}
	w := v.Response()
	parts := multipart.NewWriter(&pacedWriter{w: w.Writer, control: http.NewResponseController(w.Writer)})
	head := w.Header()
	head.Set("Content-Type", "multipart/mixed; boundary="+parts.Boundary())
	head.Set("X-TOTAL-PAYLOADS-LENGTH", strconv.FormatInt(total, 10))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "private, no-store")
	w.WriteHeader(http.StatusOK)
	for _, name := range names {
		if err := sendVPart(parts, t, name); err != nil {
			if v.Request().Context().Err() == nil {
				s.log.Warn("download broken off", "id", head.Get("X-Request-Id"), "error", err)
			}
			panic(http.ErrAbortHandler) // it must not look whole
		}
	}
	if parts.Close() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func sendVPart(parts *multipart.Writer, t *davfs.Tree, name string) error {
	f, i, err := t.OpenRead(name)
	if err != nil {
		return err
	}
	defer f.Close()
	part, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":        {"application/octet-stream"},
		"Content-Encoding":    {"identity"},
		"Content-Length":      {strconv.FormatInt(i.Size, 10)},
		"Content-Disposition": {attachment(path.Base(name))},
	})
	if err != nil {
		return err
	}
	_, err = io.CopyN(part, f, i.Size)
	return err
}

// Where links lead.
const (
	vdownloadPath = foldersRoot + "/_/download-with-token"
	vuploadPath   = foldersRoot + "/_/tus/upload"
)

// vlink answers with a link's token, and the URL that takes it as the query token.
func (s *Server) vlink(v *vcall, path string, l link) error {
	token, err := s.links.make(l)
	if errors.Is(err, errLinkLong) {
		return &paramError{v.in.called("files", "path", "file"), "is too long for one link"}
	}
	if err != nil {
		return err
	}
	v.Response().Header().Set("Cache-Control", "no-store")
	return v.JSON(http.StatusOK, map[string]string{"token": token, "url": s.baseURL(v.Request()) + path})
}

// requestVDownload makes a link to a file or, with archive, a directory.
func (s *Server) requestVDownload(v *vcall) error {
	name := v.in.path("file", "path")
	archive, _ := v.in.flag("archive")
	if name == "" && !archive {
		v.in.refuse(v.in.called("file", "path"), "must name a file")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	t, m, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	name = t.Resolve(name)
	i, err := t.Stat(name)
	if err != nil {
		return &vfileError{name, err}
	}
	l := link{Kind: linkDownload, For: v.p, FolderID: m.Folder.ID, Paths: []string{name}, Expires: s.now().Add(downloadLinkTime)}
	if i.Dir && archive {
		l.Kind = linkArchive
	}
	return s.vlink(v, vdownloadPath, l)
}

// requestVArchive makes a link to an archive of several files and directories.
func (s *Server) requestVArchive(v *vcall) error {
	names := v.in.members(maxVDownloads, "files")
	filename, _ := v.in.optWord("filename")
	if filename != "" && (strings.Contains(filename, "/") || !davfs.LegalName(filename)) {
		v.in.refuse("filename", "cannot be a name")
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	t, m, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	for n, name := range names {
		names[n] = t.Resolve(name)
		if _, err := t.Stat(names[n]); err != nil {
			return &vfileError{name, err}
		}
	}
	return s.vlink(v, vdownloadPath, link{Kind: linkArchive, For: v.p, FolderID: m.Folder.ID, Paths: names, Filename: filename,
		Expires: s.now().Add(downloadLinkTime)})
}

// openVDownload answers a link to a file or an archive.
func (s *Server) openVDownload(c echo.Context) error {
	in, err := readVParams(c)
	if err != nil {
		return err
	}
	token := in.word("token")
	archive, _ := in.flag("archive")
	if err := in.bad(); err != nil {
		return err
	}
	anyOrigin(c)
	l, p, t, err := s.linked(c, linkDownload, token)
	if err == errLink {
		l, p, t, err = s.linked(c, linkArchive, token)
	}
	if err != nil {
		return vlinkFault(err)
	}
	defer t.Close()
	m, err := s.auth.Mount(c.Request().Context(), p, l.FolderID)
	if err != nil {
		return vlinkFault(err)
	}
	if l.Kind == linkArchive {
		if err := s.sendArchive(c, t, m.Folder.Title, l.Filename, l.Paths); err != nil {
			return &vfileError{"the archive", err}
		}
		return nil
	}
	return s.sendVFile(c, t, m, l.Paths[0], archive, "")
}

// vlinkFault is why a link does not open.
func vlinkFault(err error) error {
	if err == errLink || err == errLinkExpired || errors.Is(err, store.ErrUnauthenticated) || errors.Is(err, fs.ErrNotExist) {
		why := "token: this link is not valid here"
		if err == errLinkExpired {
			why = "token: this link has expired; ask for a new one"
		}
		return &refusal{status: 404, kind: "storage/no-such-upload-session", title: "No such session.", why: why, err: err}
	}
	return err
}

// requestVUpload begins a resumable upload, and makes its link. An empty file is there at once: its
// client sends nothing more.
func (s *Server) requestVUpload(v *vcall) error {
	name := v.in.member("path")
	v.in.want("size")
	size, _ := v.in.count("size")
	max := int64(s.cfg.DAV.MaxFileSize)
	if max > 0 && size > max {
		v.in.refuse("size", "is more than a file may have: %d bytes", max)
	}
	if err := v.in.bad(); err != nil {
		return err
	}
	t, m, err := s.vtree(v)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return err
	}
	ctx := v.Request().Context()
	if err := makeParents(ctx, t, name); err != nil {
		return err
	}
	name = t.Resolve(name)
	up, err := t.BeginPending(ctx, davfs.NewPending{Path: name, Length: size})
	if err != nil {
		return &vfileError{name, err}
	}
	if size == 0 {
		if _, err := t.AppendPending(ctx, up.ID, davfs.Chunk{Length: -1, Body: http.NoBody, Stop: func() {}}); err != nil {
			return &vfileError{name, errors.Join(err, t.DropPending(ctx, up.ID))}
		}
	}
	return s.vlink(v, vuploadPath, link{Kind: linkUpload, For: v.p, FolderID: m.Folder.ID, Paths: []string{name}, Upload: up.ID, Size: size,
		Expires: s.now().Add(uploadLinkTime)})
}

// vtusRoutes are the calls of tus that a link opens: the token is their only credential, in the path
// or in the query.
func (s *Server) vtusRoutes(e *echo.Echo) {
	for _, at := range []string{vuploadPath, vuploadPath + "/:token"} {
		e.OPTIONS(at, s.vtusOptions)
		e.HEAD(at, s.vtus(s.vtusState))
		e.PATCH(at, s.vtus(s.vtusAppend))
	}
}

// isTokenPath says whether a path is of calls that look at no other credential than the token in
// them: pages of other sites can do no harm there.
func isTokenPath(path string) bool {
	plain, _, ok := plainVFolderPath(http.MethodPatch, path)
	return ok && (plain == vuploadPath || len(plain) > len(vuploadPath) && plain[:len(vuploadPath)+1] == vuploadPath+"/")
}

// anyOrigin lets pages of other sites, such as a platform's console, use a link.
func anyOrigin(c echo.Context) {
	head := c.Response().Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Access-Control-Expose-Headers", "Content-Disposition, Content-Length, Upload-Offset, Upload-Length, Tus-Resumable, Tus-Version, Tus-Max-Size, X-Request-Id")
}

func (s *Server) vtusOptions(c echo.Context) error {
	anyOrigin(c)
	head := c.Response().Header()
	head.Set("Access-Control-Allow-Methods", "OPTIONS, HEAD, PATCH")
	head.Set("Access-Control-Allow-Headers", "Content-Type, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Metadata, X-Method-Override, X-HTTP-Method-Override")
	head.Set("Access-Control-Max-Age", "86400")
	head.Set("Tus-Resumable", tusVersion)
	head.Set("Tus-Version", tusVersion)
	head.Set("Tus-Max-Size", strconv.FormatInt(s.tusMax(), 10))
	head.Set("Allow", "OPTIONS, HEAD, PATCH")
	return c.NoContent(http.StatusOK)
}

// tusMax is the largest file; without a limit, as large as the number's clients can think of.
func (s *Server) tusMax() int64 {
	if max := int64(s.cfg.DAV.MaxFileSize); max > 0 {
		return max
	}
	return 1<<53 - 1
}

// vtus opens the link of a request for h.
func (s *Server) vtus(h func(echo.Context, link, *davfs.Tree) (davfs.Pending, error)) echo.HandlerFunc {
	return vfolderErrors(uploading(s.public(func(c echo.Context) error {
		anyOrigin(c)
		r, head := c.Request(), c.Response().Header()
		head.Set("Tus-Resumable", tusVersion)
		if v := r.Header.Get("Tus-Resumable"); v != "" && v != tusVersion {
			head.Set("Tus-Version", tusVersion)
			return errTusVersion
		}
		token := c.Param("token")
		if token == "" {
			token = c.QueryParam("token")
		}
		l, _, t, err := s.linked(c, linkUpload, token)
		head.Set("Cache-Control", "no-store")
		if err != nil {
			return vlinkFault(err)
		}
		defer t.Close()
		up, err := h(c, l, t)
		if offset := (*davfs.OffsetError)(nil); errors.As(err, &offset) {
			head.Set("Upload-Offset", strconv.FormatInt(offset.Offset, 10))
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, davfs.ErrExpired) {
			return &refusal{status: 404, kind: "storage/no-such-upload-session", title: "No such upload session.",
				why: "the upload is not known here any more; begin again"}
		}
		if err != nil {
			return err
		}
		head.Set("Upload-Offset", strconv.FormatInt(up.Offset, 10))
		head.Set("Upload-Length", strconv.FormatInt(l.Size, 10))
		if r.Method == http.MethodHead {
			return c.NoContent(http.StatusOK)
		}
		return c.NoContent(http.StatusNoContent)
	})))
}

func (s *Server) vtusState(c echo.Context, l link, t *davfs.Tree) (davfs.Pending, error) {
	if err := t.MayWrite(); err != nil {
		return davfs.Pending{}, err
	}
	return s.files.Pending(l.For, l.Upload)
}

func (s *Server) vtusAppend(c echo.Context, l link, t *davfs.Tree) (davfs.Pending, error) {
	r := c.Request()
	if !isChunk(r) {
		return davfs.Pending{}, errChunkType
	}
	offset, err := byteCount("Upload-Offset", r.Header.Get("Upload-Offset"))
	if err != nil {
		return davfs.Pending{}, err
	}
	chunk, err := s.chunk(c, offset)
	if err != nil {
		return davfs.Pending{}, err
	}
	return appendPending(c, t, l.Upload, chunk)
}
