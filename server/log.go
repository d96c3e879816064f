package server

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxLogged bounds what a client can make us write about one path.
const maxLogged = 2048

// Log is where the log goes: JSON lines, collected in memory and written at
// least every 200 ms, and at once from warnings on.
type Log struct {
	*slog.Logger
	out *flusher
}

// NewLog starts a log. Close it to have every line written.
func NewLog(w io.Writer, level slog.Leveler) *Log {
	out := &flusher{buf: bufio.NewWriterSize(w, 64<<10), stop: make(chan struct{})}
	go out.loop()
	return &Log{
		Logger: slog.New(flushingHandler{slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}), out}),
		out:    out,
	}
}

// Close writes what is left. Later lines are written at once.
func (l *Log) Close() { l.out.close() }

// flusher is a buffered writer that does not keep lines for long.
type flusher struct {
	mu     sync.Mutex
	buf    *bufio.Writer
	closed bool
	stop   chan struct{}
}

func (f *flusher) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.buf.Write(p)
	if f.closed {
		f.buf.Flush()
	}
	return n, err
}

func (f *flusher) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf.Flush()
}

func (f *flusher) loop() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.flush()
		case <-f.stop:
			return
		}
	}
}

func (f *flusher) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf.Flush()
	if !f.closed {
		f.closed = true
		close(f.stop)
	}
}

type flushingHandler struct {
	slog.Handler
	out *flusher
}

func (h flushingHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.out.flush()
	}
	return err
}

func (h flushingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return flushingHandler{h.Handler.WithAttrs(attrs), h.out}
}

func (h flushingHandler) WithGroup(name string) slog.Handler {
	return flushingHandler{h.Handler.WithGroup(name), h.out}
}

// requestIDs makes short names for requests that sort by time: the microsecond
// of arrival in base 36, never the same twice in one process.
type requestIDs struct{ last atomic.Int64 }

func (ids *requestIDs) next(now time.Time) string {
	for {
		last := ids.last.Load()
		id := max(now.UnixMicro(), last+1)
		if ids.last.CompareAndSwap(last, id) {
			return strconv.FormatInt(id, 36)
		}
	}
}

// response watches an answer for the log. It hides nothing of the writer that
// it stands for: sendfile (io.ReaderFrom) and http.ResponseController still work.
type response struct {
	http.ResponseWriter
	conn    *connDeadline
	status  int
	bytes   int64
	hasBody bool // the method's answers have one

	user, path, destination string
}

// SetLog tells the log who asked, and for what; empty texts change nothing.
// The WebDAV handler calls it with canonical paths, the API with the user.
func (w *response) SetLog(user, path, destination string) {
	if user != "" {
		w.user = user
	}
	if path != "" {
		w.path = path
	}
	if destination != "" {
		w.destination = destination
	}
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.ok()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

func (w *response) WriteString(s string) (int, error) {
	w.ok()
	n, err := io.WriteString(w.ResponseWriter, s)
	w.bytes += int64(n)
	return n, err
}

func (w *response) ReadFrom(r io.Reader) (int64, error) {
	w.ok()
	n, err := io.Copy(w.ResponseWriter, r) // HTTP/1.1: its own ReadFrom, so sendfile
	w.bytes += n
	return n, err
}

func (w *response) ok() {
	if w.status == 0 {
		w.begin(http.StatusOK)
	}
}

// answerTime is how long a client may leave an answer untaken before the connection ends
// (SEC-7). Who sends a long one moves the deadline as it goes.
const answerTime = 2 * time.Minute

func (w *response) begin(status int) {
	w.status = status
	now := time.Now()
	if w.conn != nil {
		if w.conn.plain != nil && w.hasBody && status != http.StatusNoContent && status != http.StatusNotModified {
			if length := w.Header()["Content-Length"]; len(length) == 1 {
				n, _ := strconv.ParseInt(length[0], 10, 64)
				w.conn.plain.gather(n)
			}
		}
		if now.Sub(w.conn.set) < answerTime/4 {
			return
		}
		w.conn.set = now
	}
	// An error means that this writer has no deadlines.
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(now.Add(answerTime))
}

// connDeadline is when an HTTP/1 connection last got its deadline: requests that follow each other
// closely share one. Only the goroutine that serves the connection uses it.
type connDeadline struct {
	set   time.Time
	plain *conn // nil under TLS
}

type connDeadlineKey struct{}

// withDeadline is the server's ConnContext.
func withDeadline(ctx context.Context, c net.Conn) context.Context {
	plain, _ := c.(*conn)
	return context.WithValue(ctx, connDeadlineKey{}, &connDeadline{plain: plain})
}

// deadlineOf gives the connection of a request; nil for HTTP/2, whose streams have deadlines of their own.
func deadlineOf(r *http.Request) *connDeadline {
	if r.ProtoMajor != 1 {
		return nil
	}
	c, _ := r.Context().Value(connDeadlineKey{}).(*connDeadline)
	return c
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for code that asks for http.Flusher.
func (w *response) Flush() { http.NewResponseController(w.ResponseWriter).Flush() }

// request writes the one line of a request. Nothing in it is a credential: no header but the
// Destination, no query. The line has the form of slog's JSON, but is put together here:
// through slog it costs as much as all else that the server does for a small file.
func (l *Log) request(r *http.Request, w *response, id, ip string, start time.Time) {
	if !l.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	path := w.path
	if path == "" {
		path = r.URL.Path
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	now := time.Now()
	line := lines.Get().(*[]byte)
	defer lines.Put(line)
	b := append((*line)[:0], `{"time":"`...)
	b = now.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"INFO","msg":"request"`...)
	b = appendField(b, "id", id)
	b = appendField(b, "user", w.user)
	b = appendField(b, "method", r.Method)
	b = appendField(b, "path", path)
	if w.destination != "" {
		b = appendField(b, "destination", w.destination)
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, w.bytes, 10)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(now.Sub(start).Microseconds())/1000, 'f', -1, 64)
	b = appendField(b, "ip", ip)
	b = append(b, "}\n"...)
	l.out.Write(b)
	*line = b
}

var lines = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// appendField appends a member of a JSON object. printable leaves only quotes and backslashes to escape.
func appendField(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	value = printable(value)
	for i := 0; i < len(value); i++ {
		if c := value[i]; c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, value[i])
	}
	return append(b, '"')
}

// printable makes control, bidirectional and other invisible characters, and
// bytes that are no UTF-8, visible as escapes (D35).
func printable(s string) string {
	if len(s) > maxLogged {
		s = s[:maxLogged] + "…"
	}
	plain := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
