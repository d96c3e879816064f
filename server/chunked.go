package server

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Uploads of the API of files are two steps: who may write gets a session, whose token lets anybody send the file's
// bytes, chunk by chunk. A session is a pending upload of davfs, as those of tus are: it survives restarts, its bytes
// are reserved, and with the last one the file appears whole.

const (
	maxChunk         = 32_000_000
	chunkSessionTime = 48 * time.Hour
)

const (
	headToken  = "Chunked-Upload-Token"
	headOffset = "Chunked-Upload-Offset"
	headTotal  = "Chunked-Upload-Total-Size"
)

// The protocols of uploads that are spoken here.
const (
	protocolChunked = "CHUNKED"
	protocolTus     = "TUS"
)

// uploadSessionJSON is where and how a client uploads.
type uploadSessionJSON struct {
	Endpoint string `json:"endpoint"`
	Protocol string `json:"protocol"`
	Token    string `json:"token"`
}

// createUploads begins an upload for each item.
func (s *Server) createUploads(c echo.Context, p store.Principal) error {
	b, err := s.fileBulk(c, p)
	if err != nil {
		return err
	}
	defer b.close()
	type session struct {
		f        fileAt
		how      davfs.Conflict
		protocol string
	}
	sessions := make([]session, len(b.items))
	for n, item := range b.items {
		f, ok := b.file(n, "id", rightsChange)
		sessions[n] = session{f, conflictIn(item), protocolIn(item)}
		if f.name == "" && ok {
			b.refuse(n, f, davfs.ErrRoot)
		} else if ok && b.in.bad() == nil {
			b.refuse(n, f, mayMake(f, sessions[n].how, false))
		}
	}
	if err := b.refusal(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	out := responses[uploadSessionJSON]{make([]uploadSessionJSON, len(sessions))}
	var begun []string
	for n, x := range sessions {
		var up davfs.Pending
		err := x.f.tree.MakeParents(ctx, x.f.name)
		if err == nil {
			up, err = x.f.tree.BeginPending(ctx, davfs.NewPending{Path: x.f.name, Length: -1, Conflict: &x.how})
		}
		if err != nil {
			for i, id := range begun { // nobody will hear of them
				if err := sessions[i].f.tree.DropPending(ctx, id); err != nil {
					s.log.Error("give an upload up", "upload", id, "error", err)
				}
			}
			return x.f.fault(err)
		}
		begun = append(begun, up.ID)
		if out.Responses[n], err = s.uploadSession(c, p, x.protocol, up); err != nil {
			return err
		}
	}
	return answerJSON(c, out)
}

// protocolIn chooses the first protocol of the client's that is spoken here.
func protocolIn(in *object) string {
	if kind, given := in.optText("type"); given && !strings.EqualFold(kind, "FILE") {
		in.refuse("type", "must be FILE: directories are uploaded file by file, missing ones are made")
	}
	if !in.has("supportedProtocols") {
		return protocolChunked
	}
	for _, name := range in.texts("supportedProtocols") {
		if name == protocolChunked || name == protocolTus {
			return name
		}
	}
	in.refuse("supportedProtocols", "has none that is spoken here: %s, %s", protocolChunked, protocolTus)
	return ""
}

func (s *Server) uploadSession(c echo.Context, p store.Principal, protocol string, up davfs.Pending) (out uploadSessionJSON, err error) {
	out = uploadSessionJSON{Endpoint: s.baseURL(c.Request()) + chunkedPath, Protocol: protocol}
	if protocol == protocolTus {
		out.Endpoint = s.baseURL(c.Request()) + uploadsPath + "/" + up.ID
	}
	out.Token, err = s.links.make(link{Kind: linkUpload, For: p, FolderID: up.FolderID, Paths: []string{up.Path}, Upload: up.ID,
		Expires: s.now().Add(chunkSessionTime)})
	return out, err
}

// chunkedJSON is how far a session is. A client that knows the contract only ignores it.
type chunkedJSON struct {
	Offset    int64   `json:"offset"`
	TotalSize *int64  `json:"totalSize"` // null: not yet known
	Done      bool    `json:"done"`
	ID        *string `json:"id"` // of the file, once it is there
}

func showSession(up davfs.Pending) chunkedJSON {
	out := chunkedJSON{Offset: up.Offset, Done: up.Done}
	if up.Length >= 0 {
		out.TotalSize = &up.Length
	}
	if up.Done {
		id := fileID(up.FolderID, up.Path)
		out.ID = &id
	}
	return out
}

// chunkSession opens the session of a request's token. Close the tree.
func (s *Server) chunkSession(c echo.Context) (up davfs.Pending, t *davfs.Tree, err error) {
	token := c.Request().Header.Get(headToken)
	if token == "" {
		return up, nil, &paramError{headToken, "is missing"}
	}
	l, p, t, err := s.linked(c, linkUpload, token)
	if err != nil {
		return up, nil, linkFault(err)
	}
	up, err = s.files.Pending(p, l.Upload)
	if err != nil {
		t.Close()
		return up, nil, &fileError{headToken, "", err}
	}
	return up, t, nil
}

// receiveChunk takes a part of a file. One that comes twice, because its answer was lost, is taken twice.
func (s *Server) receiveChunk(c echo.Context) error {
	r := c.Request()
	offset, err := strconv.ParseInt(r.Header.Get(headOffset), 10, 64)
	if err != nil || offset < -1 {
		return &paramError{headOffset, "must be the byte that the chunk begins at, or -1 to append"}
	}
	total, err := byteCount(headTotal, r.Header.Get(headTotal))
	if err != nil {
		return err
	}
	switch {
	case r.ContentLength < 0:
		return &paramError{"Content-Length", "is missing"}
	case r.ContentLength > maxChunk:
		return &refusal{status: http.StatusRequestEntityTooLarge, kind: "upload-too-long", why: "a chunk has at most 32,000,000 bytes"}
	case s.cfg.DAV.MaxFileSize > 0 && total > int64(s.cfg.DAV.MaxFileSize):
		return &fileError{headTotal, "", davfs.ErrTooLong}
	}
	up, t, err := s.chunkSession(c)
	if err != nil {
		return err
	}
	defer t.Close()
	again := offset >= 0
	if !again {
		offset = up.Offset
	}
	chunk, err := s.chunk(c, offset)
	if err != nil {
		return err
	}
	chunk.Length, chunk.Again = total, again && chunk.Hash == nil
	up, err = appendPending(c, t, up.ID, chunk)
	if stands := (*davfs.OffsetError)(nil); errors.As(err, &stands) {
		c.Response().Header().Set(headOffset, strconv.FormatInt(stands.Offset, 10))
	}
	if err != nil {
		return &fileError{"the upload", fileID(up.FolderID, up.Path), err}
	}
	return answerJSON(c, showSession(up))
}

// showChunked says how far a session is.
func (s *Server) showChunked(c echo.Context) error {
	up, t, err := s.chunkSession(c)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.MayWrite(); err != nil {
		return &fileError{headToken, "", err}
	}
	return answerJSON(c, showSession(up))
}

// dropChunked gives a session up.
func (s *Server) dropChunked(c echo.Context) error {
	up, t, err := s.chunkSession(c)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.DropPending(c.Request().Context(), up.ID); err != nil {
		return &fileError{headToken, "", err}
	}
	return answerJSON(c, nothing{})
}
