package server

import (
	"fmt"
	"net/url"
	"path"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Downloads are two steps: who may read gets a link, and whoever has the link gets the bytes, without
// other credentials, for a while (D30).

// endpointJSON is where a client goes on.
type endpointJSON struct {
	Endpoint string `json:"endpoint"`
}

// createDownload makes a link for each file; for a directory one to an archive of it.
func (s *Server) createDownload(c echo.Context, p store.Principal) error {
	exists := func(f fileAt) error {
		_, err := f.tree.Stat(f.name)
		return err
	}
	return onFiles(s, c, p, store.Read, exists, func(f fileAt) (out endpointJSON, err error) {
		i, err := f.tree.Stat(f.name)
		if err != nil {
			return out, err
		}
		kind, route := linkDownload, downloadPath
		if i.Dir {
			kind, route = linkArchive, archivePath
		}
		out.Endpoint, err = s.downloadLink(c, p, kind, route, f.mount.Folder.ID, []string{f.name}, "")
		return out, err
	})
}

// downloadLink is the URL of a link that expires soon.
func (s *Server) downloadLink(c echo.Context, p store.Principal, kind linkKind, route, folder string, names []string, filename string) (string, error) {
	token, err := s.links.make(link{Kind: kind, For: p, FolderID: folder, Paths: names, Filename: filename, Expires: s.now().Add(downloadLinkTime)})
	if err != nil {
		return "", err
	}
	return s.baseURL(c.Request()) + route + "?token=" + url.QueryEscape(token), nil
}

// createArchive makes a link to an archive of several files and directories of one folder.
func (s *Server) createArchive(c echo.Context, p store.Principal) error {
	in, err := readObjectOf(c, maxFileBulk)
	if err != nil {
		return err
	}
	in.want("ids")
	ids := in.texts("ids")
	filename, _ := in.optText("filename")
	if len(ids) == 0 || len(ids) > maxBulk {
		in.refuse("ids", "must have 1 to %d elements", maxBulk)
	}
	if filename != "" && !davfs.LegalName(filename) {
		in.refuse("filename", "cannot be a name")
	}
	if err := in.bad(); err != nil {
		return err
	}
	trees := s.fileTrees(c, p)
	defer trees.close()
	var first fileAt
	names := make([]string, len(ids))
	for n, id := range ids {
		f, err := trees.at(fmt.Sprintf("ids[%d]", n), id, store.Read)
		if err != nil {
			return err
		}
		if n == 0 {
			first = f
		}
		if f.mount.Folder.ID != first.mount.Folder.ID {
			return &paramError{f.field, "lies in another folder than the first one: an archive is of one folder"}
		}
		if _, err := f.tree.Stat(f.name); err != nil {
			return f.fault(err)
		}
		names[n] = f.name
	}
	endpoint, err := s.downloadLink(c, p, linkArchive, archivePath, first.mount.Folder.ID, names, filename)
	if err != nil {
		return err
	}
	return answerJSON(c, endpointJSON{endpoint})
}

// download answers a link to a file.
func (s *Server) download(c echo.Context) error {
	l, _, t, err := s.linked(c, linkDownload, c.QueryParam("token"))
	if err != nil {
		return linkFault(err)
	}
	defer t.Close()
	name := l.Paths[0]
	filename := l.Filename
	if filename == "" {
		filename = path.Base(name)
	}
	if err := t.ServeFile(c.Response().Writer, c.Request(), t.Resolve(name), attachment(filename)); err != nil {
		return &fileError{"token", "", err}
	}
	return nil
}

// archive answers a link to an archive.
func (s *Server) archive(c echo.Context) error {
	l, p, t, err := s.linked(c, linkArchive, c.QueryParam("token"))
	if err != nil {
		return linkFault(err)
	}
	defer t.Close()
	m, err := s.auth.Mount(c.Request().Context(), p, l.FolderID)
	if err != nil {
		return linkFault(err)
	}
	if err := s.sendArchive(c, t, m.Folder.Title, l.Filename, l.Paths); err != nil {
		return &fileError{"token", "", err}
	}
	return nil
}

// linkFault is why a link does not open. That a token is none, or of the past, is what a missing file is.
func linkFault(err error) error {
	switch err {
	case errLink:
		return &refusal{status: 404, kind: "link-not-found", why: "token: this link is not valid here"}
	case errLinkExpired:
		return &refusal{status: 404, kind: "link-expired", why: "token: this link has expired; ask for a new one"}
	}
	return &fileError{"token", "", err}
}
