package server

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"davit/coding"
	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// A directory in one answer, however long it is: JSON lines that are sent while it is read, for a page that
// sorts and filters all of it. As PROPFIND with Depth 1 it is one reading of the directory and one statx a member;
// nothing is opened, the database is not asked about members, and none of it stays in memory.

// listingHead is the first line: the directory itself.
type listingHead struct {
	Path     string   `json:"path"` // in the folder; its root is "/"
	ETag     string   `json:"etag"`
	Modified int64    `json:"modified"`
	Rights   []string `json:"rights"`   // the caller's
	Writable bool     `json:"writable"` // by the caller, and the folder's product
	Locked   bool     `json:"locked"`
}

// listingEnd is the last line: without it the listing is not whole.
type listingEnd struct {
	End     bool `json:"end"`
	Members int  `json:"members"`
}

// listDirectory sends all members of a directory, in no order.
func (s *Server) listDirectory(c echo.Context, p store.Principal) error {
	id, ok := store.ParseID(c.Param("id"))
	if !ok {
		return errNoFolder
	}
	path := c.QueryParam("path")
	at, wrong := parseFilePath("/" + id + "/" + path)
	switch {
	case wrong != "":
		return &paramError{"path", wrong}
	case at.folder != id:
		return &paramError{"path", "leads out of the folder"}
	}
	ctx := c.Request().Context()
	mount, err := s.auth.Mount(ctx, p, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !mount.Rights.Has(store.Read) {
		return errNoFolder
	}
	if err != nil {
		return err
	}
	tree, err := s.files.Tree(ctx, p, mount)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoFolder
	}
	if err != nil {
		return err
	}
	defer tree.Close()
	f := fileAt{"path", path, mount, tree, tree.Resolve(at.name)}
	if l, ok := c.Response().Writer.(logged); ok {
		l.SetLog("", "/dav/"+id+"/"+f.name, "")
	}
	return s.sendListing(c, f)
}

func (s *Server) sendListing(c echo.Context, f fileAt) error {
	r, head := c.Request(), c.Response().Header()
	dir, err := f.tree.Stat(f.name)
	if err != nil {
		return f.fault(err)
	}
	if !dir.Dir {
		return &paramError{f.field, "is a file, not a directory"}
	}
	// All that the tag is made of is read before the members: a change meanwhile makes it another one for the next who asks.
	l := &dirListing{f: f, w: c.Response(), gzip: coding.AcceptsGzip(r.Header)}
	l.all, l.locked = f.tree.LocksIn(f.name)
	first := listingHead{
		Path: "/" + f.name, ETag: f.tree.ETag(f.name, dir), Modified: dir.MTime / 1e6, Rights: rightsWords(f.mount.Rights),
		Writable: f.tree.MayWrite() == nil, Locked: l.all || f.tree.Locked(f.name),
	}
	if l.first, err = json.Marshal(first); err != nil {
		return err
	}
	etag := l.etag(dir)
	head.Set("ETag", etag)
	head.Set("Cache-Control", "private, no-cache")
	head.Set("Vary", "Accept-Encoding, Authorization")
	if davfs.ETagListed(r.Header["If-None-Match"], etag) {
		return c.NoContent(http.StatusNotModified)
	}
	err = l.send(r.Context())
	switch {
	case err == nil:
		return nil
	case l.w.Committed && r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // nobody reads it any more
	case l.w.Committed:
		return s.cut("listing of a directory", err)
	}
	for _, name := range []string{"ETag", "Cache-Control", "Content-Encoding"} {
		head.Del(name)
	}
	return f.fault(err)
}

// dirListing writes a listing, a piece at a time.
type dirListing struct {
	f      fileAt
	first  []byte
	all    bool            // the directory is locked with all in it
	locked map[string]bool // members that are locked themselves

	w       *echo.Response
	gzip    bool
	begun   bool
	out     io.Writer
	packer  *gzip.Writer
	buf     *listingBuffer
	members int
}

// etag is the tag of the whole answer. It is a weak one, for what is packed is the same.
func (l *dirListing) etag(dir davfs.Info) string {
	h := fnv.New64a()
	h.Write(l.first)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(dir.MTime))) // files that come and go without Davit change it
	for _, name := range slices.Sorted(maps.Keys(l.locked)) {
		h.Write([]byte(name + "/"))
	}
	return `W/"` + strconv.FormatUint(h.Sum64(), 16) + `"`
}

// listingPiece is how much is gathered before it is sent.
const listingPiece = 32 << 10

// listingBuffer is what listings reuse.
type listingBuffer struct {
	b, etag []byte
	packer  *gzip.Writer
}

var listingBuffers = sync.Pool{New: func() any {
	packer, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one
	}
	return &listingBuffer{b: make([]byte, 0, listingPiece+8<<10), packer: packer}
}}

func (l *dirListing) send(ctx context.Context) error {
	l.buf = listingBuffers.Get().(*listingBuffer)
	defer func() {
		l.buf.packer.Reset(nil)
		listingBuffers.Put(l.buf)
	}()
	err := whole(func() error {
		if l.begun { // a part of another directory is out
			return errors.New("the directory was replaced while it was listed")
		}
		l.buf.b, l.members = append(append(l.buf.b[:0], l.first...), '\n'), 0
		return l.f.tree.List(ctx, l.f.name, l.member)
	})
	if err != nil {
		return err
	}
	last, err := json.Marshal(listingEnd{true, l.members})
	if err != nil {
		return err
	}
	l.buf.b = append(append(l.buf.b, last...), '\n')
	if err := l.flush(); err != nil || l.packer == nil {
		return err
	}
	return l.packer.Close()
}

// member adds the line of a member.
func (l *dirListing) member(i davfs.Info) error {
	l.members++
	b := append(l.buf.b, `{"name":`...)
	b = appendText(b, i.Name)
	if i.Dir {
		b = append(b, `,"type":"dir"`...)
	} else {
		b = append(b, `,"type":"file","size":`...)
		b = strconv.AppendInt(b, i.Size, 10)
	}
	b = append(b, `,"modified":`...)
	b = strconv.AppendInt(b, i.MTime/1e6, 10)
	b = append(b, `,"etag":`...)
	name := l.f.name // that of a file does not matter
	if i.Dir {
		name = within(name, i.Name)
	}
	etag := l.f.tree.AppendETag(l.buf.etag[:0], name, i)
	l.buf.etag = etag
	b = append(append(append(b, `"\"`...), etag[1:len(etag)-1]...), `\""`...) // nothing but its quotes is to be escaped
	if l.all || l.locked[i.Name] {
		b = append(b, `,"locked":true`...)
	}
	l.buf.b = append(b, '}', '\n')
	if len(l.buf.b) < listingPiece {
		return nil
	}
	return l.flush()
}

// flush sends what is gathered. The first piece goes out whole, so that something can be shown.
func (l *dirListing) flush() error {
	first := !l.begun
	if first {
		l.begin()
	}
	_, err := l.out.Write(l.buf.b)
	l.buf.b = l.buf.b[:0]
	if err == nil && first && l.packer != nil {
		err = l.packer.Flush()
	}
	return err
}

func (l *dirListing) begin() {
	l.begun = true
	head := l.w.Header()
	head.Set("Content-Type", "application/x-ndjson")
	head.Set("X-Content-Type-Options", "nosniff")
	l.out = &pacedWriter{w: l.w, control: http.NewResponseController(l.w)}
	if l.gzip {
		head.Set("Content-Encoding", "gzip")
		l.packer = l.buf.packer
		l.packer.Reset(l.out)
		l.out = l.packer
	}
	l.w.WriteHeader(http.StatusOK)
}
