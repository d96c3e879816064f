package main

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// floorCommand, as first argument, makes this program the floor.
const floorCommand = "serve-floor"

// serveFloor is what net/http and the file system cost in Go when a server does nothing else: no
// authentication, no rights, no locks, no quota, no properties beyond those that a directory entry has,
// no conditions. It keeps only what is needed to be right: an os.Root, uploads beside the file and a
// rename, one fstatat an entry.
func serveFloor(addr, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	if err := root.Mkdir(floorStaging, 0o755); err != nil {
		return err
	}
	return http.ListenAndServe(addr, &floorHandler{root: root})
}

const floorStaging = ".staging"

type floorHandler struct {
	root *os.Root
	next atomic.Int64
}

var floorBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

func (h *floorHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	if name == "" {
		name = "."
	}
	status, err := http.StatusMethodNotAllowed, error(nil)
	switch r.Method {
	case http.MethodGet:
		status, err = h.get(w, r, name)
	case http.MethodPut:
		status, err = h.put(r, name)
	case "PROPFIND":
		status, err = h.propfind(w, r, name)
	case "MKCOL":
		status, err = http.StatusCreated, h.root.Mkdir(name, 0o755)
	case "MOVE":
		to := r.Header.Get("Destination")
		if _, rest, ok := strings.Cut(to, "://"); ok {
			_, to, _ = strings.Cut(rest, "/")
		}
		status, err = http.StatusCreated, h.root.Rename(name, strings.Trim(to, "/"))
	case http.MethodDelete:
		status, err = http.StatusNoContent, h.root.Remove(name)
	}
	switch {
	case os.IsExist(err):
		status = http.StatusMethodNotAllowed
	case os.IsNotExist(err):
		status = http.StatusNotFound
	case err != nil:
		status = http.StatusInternalServerError
	}
	if status != 0 {
		w.WriteHeader(status)
	}
}

// get sends a file. A status of 0 says that the answer is out.
func (h *floorHandler) get(w http.ResponseWriter, r *http.Request, name string) (int, error) {
	f, err := h.root.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, i.Size(), i.ModTime().UnixNano()))
	http.ServeContent(w, r, name, i.ModTime(), f)
	return 0, nil
}

func (h *floorHandler) put(r *http.Request, name string) (int, error) {
	staged := floorStaging + "/" + strconv.FormatInt(h.next.Add(1), 36)
	f, err := h.root.OpenFile(staged, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	buf := floorBuffers.Get().(*[]byte)
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, r.Body, *buf)
	floorBuffers.Put(buf)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = h.root.Rename(staged, name)
	}
	return http.StatusCreated, err
}

func (h *floorHandler) propfind(w http.ResponseWriter, r *http.Request, name string) (int, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return 0, err
	}
	f, err := h.root.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var x unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &x); err != nil {
		return 0, err
	}
	w.Header().Set("Content-Type", `application/xml; charset="utf-8"`)
	w.WriteHeader(http.StatusMultiStatus)
	buf := floorBuffers.Get().(*[]byte)
	defer floorBuffers.Put(buf)
	b := append((*buf)[:0], `<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">`...)
	b = appendFloor(b, r.URL.Path, "", &x)
	if r.Header.Get("Depth") == "1" && x.Mode&unix.S_IFMT == unix.S_IFDIR {
		names, err := f.Readdirnames(-1)
		if err != nil {
			return 0, nil
		}
		for _, member := range names {
			if unix.Fstatat(int(f.Fd()), member, &x, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue
			}
			if b = appendFloor(b, r.URL.Path, member, &x); len(b) > 32<<10 {
				w.Write(b)
				b = b[:0]
			}
		}
	}
	w.Write(append(b, "</D:multistatus>"...))
	return 0, nil
}

func appendFloor(b []byte, dir, member string, x *unix.Stat_t) []byte {
	b = append(append(append(b, "<D:response><D:href>"...), dir...), member...)
	b = append(b, "</D:href><D:propstat><D:prop>"...)
	if x.Mode&unix.S_IFMT == unix.S_IFDIR {
		b = append(b, "<D:resourcetype><D:collection/></D:resourcetype>"...)
	} else {
		b = append(b, "<D:resourcetype/><D:getcontentlength>"...)
		b = strconv.AppendInt(b, x.Size, 10)
		b = append(b, "</D:getcontentlength><D:getcontenttype>"...)
		b = append(b, mime.TypeByExtension(path.Ext(member))...)
		b = append(b, "</D:getcontenttype>"...)
	}
	b = append(b, "<D:getlastmodified>"...)
	b = time.Unix(x.Mtim.Unix()).UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, `</D:getlastmodified><D:getetag>"`...)
	b = strconv.AppendInt(b, x.Size, 16)
	b = append(b, '-')
	b = strconv.AppendInt(b, x.Mtim.Nano(), 16)
	return append(b, `"</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`...)
}
