package davfs

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/store"
)

// The tests in requirements_*_test.go are named after the lines of the list of WebDAV requirements
// (URL-3, PUT-1, CM-6 and so on). They go through a real listener.

// site is a server with two users. ann owns Home, Other and Small (1000 bytes, 6 files), and reads Shared,
// which is bob's; of Secret, also bob's, she knows nothing.
type site struct {
	*world
	t      testing.TB
	h      *Handler
	server *httptest.Server
	host   string
	bob    store.User

	home, other, small, shared, secret store.Folder
	mounts                             map[string][]store.Mount // by user

	mu     sync.Mutex
	ended  *sync.Cond
	served int

	restore []func() // see under
}

// unwrap ends what under has begun.
func (s *site) unwrap() {
	for _, fn := range s.restore {
		fn()
	}
	s.restore = nil
}

func newSite(t testing.TB, ho HandlerOptions, o Options) *site {
	t.Helper()
	s := &site{t: t, world: newWorld(t, o)}
	s.ended = sync.NewCond(&s.mu)
	var err error
	if s.bob, err = s.st.CreateUser(t.Context(), store.User{Name: "bob"}); err != nil {
		t.Fatal(err)
	}
	folder := func(owner store.User, title string, maxBytes, maxFiles int64) store.Folder {
		f, err := s.CreateFolder(t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: owner.ID, Title: title, MaxBytes: maxBytes, MaxFiles: maxFiles}})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	s.home, s.other, s.small = folder(s.user, "Home", 0, 0), folder(s.user, "Other", 0, 0), folder(s.user, "Small", 1000, 6)
	s.shared, s.secret = folder(s.bob, "Shared", 0, 0), folder(s.bob, "Secret", 0, 0)
	all := func(fs ...store.Folder) (ms []store.Mount) {
		for _, f := range fs {
			ms = append(ms, store.Mount{Folder: f, Name: f.Title, Rights: store.RightsAll})
		}
		return ms
	}
	s.mounts = map[string][]store.Mount{
		"ann": append(all(s.home, s.other, s.small), store.Mount{Folder: s.shared, Name: "Shared", Rights: store.RightsRO}),
		"bob": append(all(s.secret, s.shared), store.Mount{Folder: s.home, Name: "Home", Rights: store.RightsRW}),
	}
	s.h = s.FS.Handler(s, ho)
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			s.mu.Lock()
			s.served++
			s.mu.Unlock()
			s.ended.Broadcast()
		}()
		s.h.ServeHTTP(w, r)
	}))
	s.server.Config.DisableGeneralOptionsHandler = true
	s.server.Start()
	s.host = strings.TrimPrefix(s.server.URL, "http://")
	t.Cleanup(func() {
		s.server.Close() // waits for running requests
		s.unwrap()
		s.sound(t)
	})
	return s
}

func (s *site) AuthenticateDAV(r *http.Request) (store.Principal, error) {
	switch name, _, _ := r.BasicAuth(); name {
	case "ann":
		return store.Principal{UserID: s.user.ID, UserName: name}, nil
	case "bob":
		return store.Principal{UserID: s.bob.ID, UserName: name}, nil
	case "busy":
		return store.Principal{}, fmt.Errorf("passwords: %w", store.ErrBusy)
	}
	return store.Principal{}, store.ErrUnauthenticated
}

func (s *site) Mounts(_ context.Context, p store.Principal) ([]store.Mount, error) {
	return s.mounts[p.UserName], nil
}

func (s *site) Mount(_ context.Context, p store.Principal, segment string) (store.Mount, error) {
	for _, m := range s.mounts[p.UserName] {
		if segment == m.Name || segment == m.Folder.ID {
			return m, nil
		}
	}
	return store.Mount{}, fs.ErrNotExist
}

// sound checks what must hold whenever no request runs: usage is what the disk says, nothing is
// reserved, and nothing lies in staging.
func (s *site) sound(t testing.TB) {
	t.Helper()
	for _, f := range []store.Folder{s.home, s.other, s.small, s.shared, s.secret} {
		got, err := s.Usage(context.Background(), f) // the test's own context has ended
		if err != nil {
			t.Fatal(err)
		}
		if want := onDisk(t, s.path(f, "")); got.Usage != want || got.ReservedBytes != 0 || got.ReservedFiles != 0 {
			t.Errorf("%s: usage %+v, on disk %+v", f.Title, got, want)
		}
	}
	// What a copy of a collection replaced is removed in the background.
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		left := unfinished(t, s.dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left in staging: %v", left)
		}
	}
}

// await waits until n requests have ended since before was read.
func (s *site) await(before, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.served < before+n {
		s.ended.Wait()
	}
}

func (s *site) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}

// answered is an answer, read to its end.
type answered struct {
	status int
	header http.Header
	body   string
}

// do sends a request as ann; a header "As: bob" makes it bob's, "As: " nobody's.
func (s *site) do(t testing.TB, method, target, body string, headers ...string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+strings.TrimPrefix(target, "*"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if target == "*" {
		r.URL.Opaque = "*"
	}
	r.SetBasicAuth("ann", "secret")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch {
		case name == "As:" || name == "As" && value == "":
			r.Header.Del("Authorization")
		case name == "As":
			r.SetBasicAuth(value, "secret")
		default:
			r.Header.Add(name, value)
		}
	}
	res, err := s.server.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if strings.Contains(string(b), s.dir) {
		t.Errorf("%s %s tells where the files lie: %s", method, target, b) // MET-8
	}
	return answered{res.StatusCode, res.Header, string(b)}
}

// want sends a request as do does and ends the test if the status is another.
func (s *site) want(t testing.TB, status int, method, target, body string, headers ...string) answered {
	t.Helper()
	a := s.do(t, method, target, body, headers...)
	if a.status != status {
		t.Fatalf("%s %s %q: status %d, want %d\n%s", method, target, headers, a.status, status, a.body)
	}
	return a
}

// etag is the entity tag that HEAD gives.
func (s *site) etag(t testing.TB, target string) string {
	t.Helper()
	return s.want(t, 200, "HEAD", target, "").header.Get("ETag")
}

// read gives the content of a file.
func (s *site) read(t testing.TB, target string) string {
	t.Helper()
	return s.want(t, 200, "GET", target, "").body
}

// lock makes an exclusive lock and gives its token.
func (s *site) lock(t testing.TB, target string, headers ...string) string {
	t.Helper()
	a := s.do(t, "LOCK", target, lockBody("exclusive", ""), headers...)
	if a.status != 200 && a.status != 201 {
		t.Fatalf("LOCK %s: status %d\n%s", target, a.status, a.body)
	}
	return strings.Trim(a.header.Get("Lock-Token"), "<>")
}

// props gives the properties of a PROPFIND answer by href, those with status 200 only.
func (a answered) props(t testing.TB) map[string]map[string]string {
	t.Helper()
	var ms multistatus
	if err := xml.Unmarshal([]byte(a.body), &ms); a.status != 207 || err != nil {
		t.Fatalf("status %d, %v\n%s", a.status, err, a.body)
	}
	all := make(map[string]map[string]string)
	for _, r := range ms.Responses {
		all[r.Href] = make(map[string]string)
		for _, ps := range r.Propstats {
			for _, v := range ps.Prop.Values {
				if strings.Contains(ps.Status, " 200 ") {
					all[r.Href][v.XMLName.Space+v.XMLName.Local] = v.Inner
				}
			}
		}
	}
	return all
}

// failures gives the statuses of a multistatus by href.
func (a answered) failures(t testing.TB) map[string]string {
	t.Helper()
	var ms multistatus
	if err := xml.Unmarshal([]byte(a.body), &ms); a.status != 207 || err != nil {
		t.Fatalf("status %d, %v\n%s", a.status, err, a.body)
	}
	all := make(map[string]string)
	for _, r := range ms.Responses {
		all[r.Href] = r.Status
	}
	return all
}

// dead gives the value of the property z:a of a resource, "" if it has none.
func (s *site) dead(t testing.TB, target string) string {
	t.Helper()
	for _, props := range s.want(t, 207, "PROPFIND", target, propBody("Z:a"), "Depth: 0").props(t) {
		return props["z:a"]
	}
	return ""
}

// wire is a connection on which a test writes what a client library would not.
type wire struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

func (s *site) dial(t testing.TB) *wire {
	t.Helper()
	c, err := net.Dial("tcp", s.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // a hang is a failure
		t.Fatal(err)
	}
	return &wire{c.(*net.TCPConn), t, bufio.NewReader(c)}
}

const basicAnn = "Authorization: Basic YW5uOnNlY3JldA=="

// send writes the head of a request by ann, and then text as it stands.
func (c *wire) send(requestLine, text string, headers ...string) {
	c.t.Helper()
	head := requestLine + " HTTP/1.1\r\nHost: " + c.RemoteAddr().String() + "\r\n" + basicAnn + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"+text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer, interim ones too.
func (c *wire) answer(method string) answered {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%s: no answer: %v", method, err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	return answered{res.StatusCode, res.Header, string(b)}
}
