package server

import (
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// readFunc is an io.Reader.
type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// Who was made to stop sending to an upload loses the connection: for net/http that has ended, if the body had.
func TestPAR2_StoppedSenderLosesItsConnection(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	p := store.Principal{UserID: ann.user.ID, UserName: "ann"}
	m, err := h.server.auth.Mount(t.Context(), p, id)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := h.files.Tree(t.Context(), p, m)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	up, err := tree.BeginPending(t.Context(), davfs.NewPending{Path: "f", Length: 9})
	if err != nil {
		t.Fatal(err)
	}
	c := echo.New().NewContext(httptest.NewRequest("PATCH", "/", nil), httptest.NewRecorder())
	var dropped sync.WaitGroup
	stopped := make(chan struct{})
	chunk := davfs.Chunk{Length: -1, Announced: 1, Stop: sync.OnceFunc(func() { close(stopped) }), Body: readFunc(func([]byte) (int, error) {
		dropped.Go(func() { tree.DropPending(t.Context(), up.ID) })
		<-stopped
		return 0, io.EOF
	})}
	appendPending(c, tree, up.ID, chunk)
	dropped.Wait()
	if got := c.Response().Header().Get("Connection"); got != "close" {
		t.Errorf("Connection: %q", got)
	}
}

// deadlined is a ResponseWriter that remembers its deadlines.
type deadlined struct {
	*httptest.ResponseRecorder
	reads []time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error { d.reads = append(d.reads, t); return nil }
func (d *deadlined) SetWriteDeadline(time.Time) error  { return nil }

// The time that a body may take is not that of the work which follows.
func TestSEC7_DeadlineOfABodyEndsWithIt(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	for _, call := range [][3]string{
		{"POST", "/api/files/folder", `{"items":[{"id":"/` + id + `/d"}]}`},
		{"PUT", "/dav/" + id + "/f", "content"},
	} {
		r := httptest.NewRequest(call[0], h.url+call[1], strings.NewReader(call[2]))
		r.RemoteAddr = "127.0.0.1:1"
		r.SetBasicAuth("ann", ann.token)
		w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
		h.server.ServeHTTP(w, r)
		first := slices.IndexFunc(w.reads, func(t time.Time) bool { return !t.IsZero() })
		if w.Code/100 != 2 || first < 0 || !w.reads[len(w.reads)-1].IsZero() {
			t.Errorf("%s %s: %d %s, deadlines %v", call[0], call[1], w.Code, w.Body, w.reads)
		}
	}
}
