package davfs

import (
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// serveGet sends a file, or a listing of a collection for people (RFC 9110, section 9.3.1).
func (h *Handler) serveGet(q *request) error {
	if q.path.Above {
		return &statusError{Status: http.StatusNotFound, Text: "no such resource"}
	}
	if q.tree == nil {
		return h.listMounts(q)
	}
	f, i, err := q.tree.OpenRead(q.name)
	if i.Dir || q.name == "" {
		return h.listCollection(q)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return h.sendFile(q, f, i)
}

// contentSafety keeps a browser from running what a user stored, in the page's origin (SEC-6).
var contentSafety = struct{ policy, sniff, disposition []string }{[]string{"default-src 'none'; sandbox"}, []string{"nosniff"}, []string{"attachment"}}

var acceptRanges = []string{"bytes"}

// runsAs are the uses of a file in a page, as its browser tells them (Fetch Metadata, Sec-Fetch-Dest), that would make what
// a user stored a part of the page: it comes from the page's own origin, so that the page's policy allows it.
var runsAs = map[string]bool{
	"audioworklet": true, "paintworklet": true, "script": true, "serviceworker": true, "sharedworker": true, "style": true, "worker": true, "xslt": true,
}

var errRunsAs = &statusError{Status: http.StatusForbidden, Text: "a stored file is no script and no style sheet of a page"}

func (h *Handler) sendFile(q *request, f *os.File, i Info) error {
	if dest := q.r.Header["Sec-Fetch-Dest"]; len(dest) > 0 && runsAs[dest[0]] {
		return errRunsAs
	}
	head := q.w.Header()
	etag := i.ETag()
	head["ETag"] = []string{etag}
	head["Last-Modified"] = []string{i.ModTime().Format(http.TimeFormat)}
	head["Accept-Ranges"] = acceptRanges
	head["Content-Security-Policy"] = contentSafety.policy
	head["X-Content-Type-Options"] = contentSafety.sniff
	if len(head["Content-Disposition"]) == 0 {
		head["Content-Disposition"] = contentSafety.disposition // under the name that the URL has
	}
	if q.conditional() {
		if err := h.checkConditions(q, true, i); err != nil {
			return err
		}
	}
	if len(q.r.Header["If-None-Match"]) == 0 {
		if t, ok := headerTime(q.r.Header, "If-Modified-Since"); ok && !i.ModTime().Truncate(time.Second).After(t) {
			return errNotModified
		}
	}
	head["Content-Type"] = []string{contentType(i.Name)}
	if language := q.tree.f.props.language(q.name, i.Identity()); language != "" {
		head["Content-Language"] = []string{language}
	}
	spec := q.r.Header.Get("Range")
	if q.r.Method == http.MethodHead || spec != "" && !rangeApplies(q.r.Header, etag, i) {
		spec = "" // GET-3: HEAD with Range is 200
	}
	ranges, err := parseRanges(spec, i.Size)
	if err != nil {
		head.Set("Content-Range", "bytes */"+strconv.FormatInt(i.Size, 10))
		return err
	}
	if len(ranges) > 1 {
		return sendParts(q, f, i, ranges)
	}
	at, length, status := int64(0), i.Size, http.StatusOK
	if len(ranges) == 1 {
		at, length, status = ranges[0].start, ranges[0].length, http.StatusPartialContent
		head["Content-Range"] = []string{ranges[0].contentRange(i.Size)}
	}
	if len(q.r.Header["Want-Repr-Digest"]) > 0 || len(q.r.Header["Want-Content-Digest"]) > 0 {
		h.addDigest(q, f, i, status)
	}
	head["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	q.w.WriteHeader(status)
	if q.r.Method == http.MethodHead || length == 0 {
		return nil
	}
	sendRange(q, f, at, length)
	return nil
}

// smallFile is the length up to which a file is read and written rather than sent by the kernel: one
// system call less.
const smallFile = 32 << 10

var smallBuffers = sync.Pool{New: func() any { b := make([]byte, smallFile); return &b }}

// sendChunk is how much is sent under one deadline; with sendDeadline it is the least rate.
const (
	sendChunk    = 4 << 20
	sendDeadline = 4 * time.Minute
)

// sendRange sends bytes of f. The header is out: what goes wrong now can only end the connection,
// which the missing bytes do by themselves.
func sendRange(q *request, f *os.File, at, length int64) {
	if length <= smallFile {
		buf := smallBuffers.Get().(*[]byte)
		defer smallBuffers.Put(buf)
		n, err := f.ReadAt((*buf)[:length], at)
		q.w.Write((*buf)[:n])
		if err != nil && err != io.EOF || int64(n) < length {
			panic(http.ErrAbortHandler) // never a short body that looks whole
		}
		return
	}
	if at > 0 {
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	control := http.NewResponseController(q.w)
	for length > 0 {
		n := min(length, sendChunk)
		control.SetWriteDeadline(time.Now().Add(sendDeadline))
		// A limited *os.File under the bare ResponseWriter is sent by sendfile (GET-7).
		sent, err := io.CopyN(q.w, f, n)
		length -= sent
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// byteRange is one range of a file.
type byteRange struct{ start, length int64 }

func (r byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.start, r.start+r.length-1, size)
}

// mostRanges is how many ranges are answered one by one (GET-4).
const mostRanges = 16

// parseRanges reads a Range header (RFC 9110, section 14.1.2) for a file of the given size. None
// means the whole file: no header, another unit, a syntax error, or more and overlapping
// ranges than are worth it. Ranges that all lie past the end are 416.
func parseRanges(header string, size int64) ([]byteRange, error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return nil, nil
	}
	var ranges []byteRange
	sets := 0
	for part := range strings.SplitSeq(spec, ",") {
		part = strings.Trim(part, " \t")
		if part == "" {
			continue
		}
		if sets++; sets > mostRanges {
			return nil, nil
		}
		first, last, ok := strings.Cut(part, "-")
		if !ok || !digits(first) || !digits(last) || first == "" && last == "" {
			return nil, nil
		}
		r := byteRange{}
		if first == "" { // suffix
			n := atoi(last)
			r.length = min(n, size)
			r.start = size - r.length
			if n == 0 || size == 0 {
				continue
			}
		} else {
			r.start = atoi(first)
			end := size - 1
			if last != "" {
				end = min(end, atoi(last))
				if atoi(last) < r.start {
					return nil, nil
				}
			}
			if r.start >= size {
				continue
			}
			r.length = end - r.start + 1
		}
		ranges = append(ranges, r)
	}
	if sets == 0 {
		return nil, nil
	}
	if len(ranges) == 0 {
		return nil, &statusError{Status: http.StatusRequestedRangeNotSatisfiable, Text: "the range lies past the end of the file"}
	}
	sorted := append([]byteRange(nil), ranges...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].start < sorted[j].start })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].start < sorted[i-1].start+sorted[i-1].length {
			return nil, nil
		}
	}
	return ranges, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// atoi reads digits; more than fit are the largest number.
func atoi(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1
	}
	return n
}

// rangeApplies evaluates If-Range (RFC 9110, section 13.1.5).
func rangeApplies(h http.Header, etag string, i Info) bool {
	v := h.Get("If-Range")
	if v == "" {
		return true
	}
	if t, err := http.ParseTime(v); err == nil {
		return i.ModTime().Truncate(time.Second).Equal(t)
	}
	return sameETag(strings.Trim(v, " \t"), etag, false)
}

// sendParts answers several ranges as multipart/byteranges (RFC 9110, section 14.6).
func sendParts(q *request, f *os.File, i Info, ranges []byteRange) error {
	boundary := tempName()
	kind := contentType(i.Name)
	heads := make([]string, len(ranges))
	end := "\r\n--" + boundary + "--\r\n"
	total := int64(len(end))
	for n, r := range ranges {
		heads[n] = "\r\n--" + boundary + "\r\nContent-Type: " + kind + "\r\nContent-Range: " + r.contentRange(i.Size) + "\r\n\r\n"
		total += int64(len(heads[n])) + r.length
	}
	head := q.w.Header()
	head.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	head.Set("Content-Length", strconv.FormatInt(total, 10))
	q.w.WriteHeader(http.StatusPartialContent)
	for n, r := range ranges {
		io.WriteString(q.w, heads[n])
		sendRange(q, f, r.start, r.length)
	}
	io.WriteString(q.w, end)
	return nil
}

// contentType comes from the name alone (GET-6).
func contentType(name string) string {
	if t := mime.TypeByExtension(strings.ToLower(path.Ext(name))); t != "" {
		return t
	}
	return "application/octet-stream"
}

// listCollection answers GET on a collection with a small page (MET-7).
func (h *Handler) listCollection(q *request) error {
	i, err := q.tree.Stat(q.name)
	if err != nil {
		return err
	}
	if !i.Dir {
		return pathError("open", q.name, unix.ENOENT) // it changed its kind since it was opened
	}
	q.w.Header()["ETag"] = []string{q.tree.ETag(q.name, i)} // of 304 too (RFC 9110, section 15.4.5)
	q.w.Header().Set("Last-Modified", i.ModTime().Format(http.TimeFormat))
	if q.conditional() {
		if err := h.checkConditions(q, true, i); err != nil {
			return err
		}
	}
	var rows []string
	for try := 1; ; try++ {
		rows = rows[:0]
		err = q.tree.List(q.r.Context(), q.name, func(m Info) error {
			rows = append(rows, pageRow(q.href(member(q.name, m.Name), m.Dir), m.Name, m.Dir, m.Size, m.ModTime()))
			return nil
		})
		if !errors.Is(err, errReplaced) || try == listTries {
			break
		}
	}
	if err != nil {
		return err
	}
	title := baseOf(q.name)
	if q.name == "" {
		title = q.mount.Folder.Title
	}
	sendPage(q, title, rows)
	return nil
}

// listMounts is the page of /dav/: the caller's folders.
func (h *Handler) listMounts(q *request) error {
	mounts, err := h.access.Mounts(q.r.Context(), q.p)
	if err != nil {
		return err
	}
	rows := make([]string, len(mounts))
	for n, m := range mounts {
		rows[n] = pageRow(hrefOf(davPath{Mount: m.Name}, true), m.Name, true, 0, m.Folder.Created)
	}
	sendPage(q, "Folders", rows)
	return nil
}

func pageRow(href, name string, dir bool, size int64, mtime time.Time) string {
	amount := strconv.FormatInt(size, 10)
	if dir {
		name += "/"
		amount = ""
	}
	return `<tr><td><a href="` + html.EscapeString(href) + `">` + html.EscapeString(visible(name)) + "</a></td><td>" + amount +
		"</td><td>" + mtime.UTC().Format(time.DateTime) + "</td></tr>\n"
}

// visible shows what would change how a name reads, or drive a terminal: bidirectional and other controls (D35).
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Noncharacter_Code_Point) || r == 0x2028 || r == 0x2029 {
			return '\ufffd'
		}
		return r
	}, name)
}

func sendPage(q *request, title string, rows []string) {
	sort.Strings(rows)
	title = html.EscapeString(visible(title))
	var b strings.Builder
	b.WriteString("<!doctype html><html lang=en><meta charset=utf-8><title>" + title + "</title><h1>" + title +
		"</h1>\n<table><thead><tr><th>Name<th>Bytes<th>Modified (UTC)</thead>\n")
	for _, row := range rows {
		b.WriteString(row)
	}
	b.WriteString("</table></html>\n")
	head := q.w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Length", strconv.Itoa(b.Len()))
	head["Content-Security-Policy"] = contentSafety.policy
	head["X-Content-Type-Options"] = contentSafety.sniff
	q.w.WriteHeader(http.StatusOK)
	if q.r.Method != http.MethodHead {
		io.WriteString(q.w, b.String())
	}
}
