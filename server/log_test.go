package server

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSEC8_Printable(t *testing.T) {
	for in, want := range map[string]string{
		"/dav/a b/é.txt":     "/dav/a b/é.txt",
		"a\nb\x00\x7f":       `a\nb\x00\x7f`,
		"invoice\u202etxt.x": `invoice\u202etxt.x`,
		"zero\u200bwidth":    `zero\u200bwidth`,
		"bad\xff\xc3":        `bad\xff\xc3`,
		"real \ufffd":        "real \ufffd",
		"line\u2028":         `line\u2028`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
	if got := printable(strings.Repeat("ü", 5000)); len(got) > maxLogged+10 {
		t.Errorf("%d bytes of a long path", len(got))
	}
}

func TestRequestIDsSortByTime(t *testing.T) {
	var ids requestIDs
	now := time.Now()
	last := ""
	for i := range 1000 {
		id := ids.next(now.Add(time.Duration(i/10) * time.Microsecond))
		if id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
}

func TestSEC8_LogLine(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	r := ann.request("GET", "/v2/nothing%0a%e2%80%ae%22%5c?token=geheim", "")
	r.Header.Set("Authorization", "Bearer "+ann.token)
	r.Header.Set("Lock-Token", "<urn:uuid:verborgen>")
	a := h.do(r)
	ann.create("mydata")
	h.stop()
	text := h.log.String()
	for _, secret := range []string{"geheim", ann.token, "verborgen", "\u202e"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log contains %q:\n%s", secret, text)
		}
	}
	var lines []map[string]any
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if v["msg"] == "request" {
			lines = append(lines, v)
		}
	}
	if len(lines) != 2 {
		t.Fatalf("%d lines for 2 requests:\n%s", len(lines), text)
	}
	for field, want := range map[string]any{
		"id": a.header.Get("X-Request-Id"), "user": "", "method": "GET", "path": `/v2/nothing\n\u202e"\`,
		"status": 404., "bytes": float64(len(a.body)), "ip": "127.0.0.1",
	} {
		if lines[0][field] != want {
			t.Errorf("%s: %v, want %v", field, lines[0][field], want)
		}
	}
	if lines[1]["user"] != "ann" || lines[1]["status"] != 201. {
		t.Errorf("second line: %v", lines[1])
	}
	if _, ok := lines[1]["duration_ms"].(float64); !ok {
		t.Errorf("duration_ms: %v", lines[1]["duration_ms"])
	}
}

// readerFrom notes whether ReadFrom was called, as net/http's own writer would.
type readerFrom struct {
	*httptest.ResponseRecorder
	from io.Reader
}

func (w *readerFrom) ReadFrom(r io.Reader) (int64, error) {
	w.from = r
	return io.Copy(struct{ io.Writer }{w.ResponseRecorder}, r)
}

func TestGET7_ResponseKeepsSendfile(t *testing.T) {
	f, err := os.Open("log_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	inner := &readerFrom{ResponseRecorder: httptest.NewRecorder()}
	w := &response{ResponseWriter: inner}
	n, err := io.CopyN(w, f, 100)
	if limited, ok := inner.from.(*io.LimitedReader); err != nil || n != 100 || !ok || limited.R != f {
		t.Errorf("copied %d, %v, from %T: want the file handed on as it is", n, err, inner.from)
	}
	if w.bytes != 100 || w.status != 200 {
		t.Errorf("logged %d bytes, status %d", w.bytes, w.status)
	}
	if err := http.NewResponseController(w).Flush(); err != nil || !inner.Flushed {
		t.Errorf("Flush through a ResponseController: %v", err)
	}
}

func TestInformationalStatusIsNotTheAnswer(t *testing.T) {
	w := &response{ResponseWriter: httptest.NewRecorder()}
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusCreated)
	if w.status != 201 {
		t.Errorf("status %d, want 201", w.status)
	}
}

func TestLogIsWrittenInTime(t *testing.T) {
	lines := make(chan string, 10)
	log := NewLog(writerFunc(func(p []byte) (int, error) { lines <- string(bytes.Clone(p)); return len(p), nil }), slog.LevelInfo)
	log.Info("one") // arrives by the ticker
	if got := <-lines; !strings.Contains(got, "one") {
		t.Errorf("got %q", got)
	}
	log.Info("two")
	log.Warn("three") // takes what waits along
	got := <-lines
	if !strings.Contains(got, "three") {
		got += <-lines // the ticker was just in between
	}
	if !strings.Contains(got, "two") || !strings.Contains(got, "three") {
		t.Errorf("got %q", got)
	}
	log.Info("four")
	log.Close()
	if got := <-lines; !strings.Contains(got, "four") {
		t.Errorf("got %q", got)
	}
	log.Info("five")
	if got := <-lines; !strings.Contains(got, "five") {
		t.Errorf("got %q", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
