package server

import (
	"archive/zip"
	"bufio"
	"cmp"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"
)

// Archives (SEC-9): a folder, a part of it, or a selection as one zip file that is made while it is
// sent. Nothing of it is ever on the disk, and none of it is in memory but the list of names that a zip
// file ends with. There is no way back: Davit takes no archives apart.

// maxArchived is how many files and directories one archive may have. The list at its end is kept until
// then, some 500 bytes for each.
const maxArchived = 200_000

// archiveTime is how long a client may take for archiveChunk bytes.
const (
	archiveTime  = 4 * time.Minute
	archiveChunk = 1 << 20
)

// sendArchive answers with a zip file of what is at the names in t: files, and directories with all that is
// visible in them; "" is the whole folder. title is what the folder is called, filename what the
// archive is to be called; "" is its only name, or the folder's title.
//
// What can be refused is refused before the answer begins. Later the connection is broken off, so that
// an archive that is not whole never looks so.
func (s *Server) sendArchive(c echo.Context, t *davfs.Tree, title, filename string, names []string) error {
	z := &zipper{t: t, ctx: c.Request().Context(), used: map[string]bool{}}
	type top struct {
		name string
		info davfs.Info
	}
	var tops []top
	for _, name := range names {
		name = t.Resolve(name)
		i, err := t.Stat(name)
		if err != nil {
			return err
		}
		tops = append(tops, top{name, i})
	}
	if err := z.fits(names); err != nil {
		return err
	}
	if filename == "" {
		filename = title
		if len(tops) == 1 && tops[0].name != "" {
			filename = tops[0].info.Name
		}
		filename += ".zip"
	}
	head := c.Response().Header()
	head.Set("Content-Type", "application/zip")
	head.Set("Content-Disposition", attachment(filename))
	head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "private, no-store")
	head.Set("Accept-Ranges", "none")
	c.Response().WriteHeader(http.StatusOK)
	if c.Request().Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriterSize(&pacedWriter{w: c.Response().Writer, control: http.NewResponseController(c.Response().Writer)}, 64<<10)
	z.w = zip.NewWriter(out)
	z.w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		d := deflaters.Get().(*flate.Writer)
		d.Reset(w)
		return pooledDeflater{d}, nil
	})
	err := func() error {
		for _, top := range tops {
			as := top.info.Name
			if top.name == "" {
				as = title
			}
			if err := z.add(top.name, z.free("", as), top.info); err != nil {
				return err
			}
		}
		// What is gone is left out, but of a folder that was deleted all is.
		if _, err := t.Stat(""); err != nil {
			return err
		}
		return errors.Join(z.w.Close(), out.Flush())
	}()
	if err != nil {
		if c.Request().Context().Err() == nil {
			s.log.Warn("archive broken off", "id", head.Get("X-Request-Id"), "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// zipper puts what is in a tree into a zip file.
type zipper struct {
	t     *davfs.Tree
	ctx   context.Context
	w     *zip.Writer
	used  map[string]bool // names at the top of the archive
	count int
}

// fits says whether the archive has few enough members. The folder's own count tells for most.
func (z *zipper) fits(names []string) error {
	u, err := z.t.Usage()
	if err != nil {
		return err
	}
	if u.Files*int64(len(names)) <= maxArchived {
		return nil
	}
	for _, name := range names {
		_, err := z.t.Measure(z.ctx, name, maxArchived)
		if errors.Is(err, davfs.ErrTooLarge) {
			return fmt.Errorf("an archive has at most %d files and directories: %w", maxArchived, fs.ErrInvalid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add puts what is at name into the archive as as.
func (z *zipper) add(name, as string, i davfs.Info) error {
	if z.count++; z.count > maxArchived {
		return errors.New("more files than an archive may have")
	}
	if !i.Dir {
		return z.addFile(name, as)
	}
	h := &zip.FileHeader{Name: as + "/", Modified: i.ModTime()}
	h.SetMode(fs.ModeDir | fs.FileMode(i.Mode)&0o777 | 0o700)
	if _, err := z.w.CreateHeader(h); err != nil {
		return err
	}
	members, err := z.members(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since it was listed
	}
	if err != nil {
		return err
	}
	used := make(map[string]bool, len(members))
	for _, m := range members {
		if err := z.add(within(name, m.Name), as+"/"+freeName(used, safeName(m.Name)), m); err != nil {
			return err
		}
	}
	return nil
}

// members lists a directory, sorted.
func (z *zipper) members(name string) ([]davfs.Info, error) {
	for try := 1; ; try++ {
		var all []davfs.Info
		err := z.t.List(z.ctx, name, func(i davfs.Info) error {
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

// addFile copies a file into the archive: the version that is there now, whole.
func (z *zipper) addFile(name, as string) error {
	f, i, err := z.t.OpenRead(name)
	if errors.Is(err, fs.ErrNotExist) || i.Dir {
		return nil // deleted or replaced since it was listed
	}
	if err != nil {
		return err
	}
	defer f.Close()
	buf := archiveBuffers.Get().(*[]byte)
	defer archiveBuffers.Put(buf)
	n, err := io.ReadFull(f, (*buf)[:min(int64(len(*buf)), i.Size)])
	if err != nil {
		return fmt.Errorf("read %q: %w", name, err)
	}
	start := (*buf)[:n]
	h := &zip.FileHeader{Name: as, Modified: i.ModTime(), Method: zip.Store}
	if deflates(i.Name, start) {
		h.Method = zip.Deflate
	}
	h.SetMode(fs.FileMode(i.Mode) & 0o777)
	w, err := z.w.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(start); err != nil {
		return err
	}
	for left := i.Size - int64(n); left > 0; {
		if err := z.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(f, (*buf)[:min(int64(len(*buf)), left)])
		if err != nil {
			return fmt.Errorf("read %q: %w", name, err) // it became shorter behind our back, or the disk fails
		}
		if _, err := w.Write((*buf)[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

// free gives a member of the archive's top its name.
func (z *zipper) free(dir, name string) string { return freeName(z.used, safeName(name)) }

// freeName marks a name as used, or another one if it is used: two names may have become the same.
func freeName(used map[string]bool, name string) string {
	free := name
	for n := 1; used[free]; n++ {
		free = davfs.NumberedName(name, n)
	}
	used[free] = true
	return free
}

// safeName is a name that no program that takes archives apart understands as another: one segment
// that is neither "." nor "..", without what separates segments or drives anywhere, in NFC, and as it
// looks (D35).
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/', r == '\\', r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return '_'
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(name, "_")))
	if len(name) > 1 && name[1] == ':' { // a drive of Windows
		name = name[:1] + "_" + name[2:]
	}
	if strings.Trim(name, ". ") == "" { // also "." and "..", and what Windows makes these of
		return "_" + name
	}
	return name
}

// compressed are the extensions of files that do not become smaller.
var compressed = func() map[string]bool {
	m := map[string]bool{}
	for _, ext := range strings.Fields(`7z aac apk avif br bz2 cab crx deb docx epub flac gif gz heic heif ico jar jpeg jpg jxl lz lz4 lzma
		m4a m4v mkv mov mp3 mp4 mpeg mpg odp ods odt ogg opus parquet png pptx rar rpm sqsh tbz tgz txz war webm webp whl wma wmv woff woff2
		xlsx xpi xz z zip zst`) {
		m["."+ext] = true
	}
	return m
}()

// deflates says whether it pays to compress a file that begins with start.
func deflates(name string, start []byte) bool {
	if len(start) < 128 || compressed[strings.ToLower(path.Ext(name))] {
		return false
	}
	var n counter
	d := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(d)
	d.Reset(&n)
	d.Write(start[:min(len(start), 16<<10)]) // a counter takes everything
	d.Close()
	return int(n) < min(len(start), 16<<10)*9/10
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

var archiveBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// deflaters compress fast: archives are sent as quickly as the line takes them.
var deflaters = sync.Pool{New: func() any {
	d, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // a level that does not exist
	}
	return d
}}

type pooledDeflater struct{ *flate.Writer }

func (p pooledDeflater) Close() error {
	err := p.Writer.Close()
	deflaters.Put(p.Writer)
	return err
}

// pacedWriter gives the client time for each part of the answer, but not for ever (SEC-7).
type pacedWriter struct {
	w       io.Writer
	control *http.ResponseController
	left    int
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left <= 0 {
		p.left = archiveChunk
		p.control.SetWriteDeadline(time.Now().Add(archiveTime)) // a writer without deadlines needs none
	}
	return p.w.Write(b)
}

// attachment is a Content-Disposition that saves under name: in ASCII for old clients, and as it is
// (RFC 6266, section 4.3; RFC 8187).
func attachment(name string) string {
	name = safeName(name)
	var plain, full strings.Builder
	for _, r := range name {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\%;`, r) {
			r = '_'
		}
		plain.WriteRune(r)
	}
	const hex = "0123456789ABCDEF"
	for i := range len(name) {
		c := name[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			full.WriteByte(c)
		} else {
			full.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		}
	}
	return `attachment; filename="` + plain.String() + `"; filename*=UTF-8''` + full.String()
}

// within is the name of a member of a directory.
func within(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
