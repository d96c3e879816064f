package davfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Two names of one file are made by hand: rename(2) onto each other does nothing and says that all is well.
func TestMoveOntoHardLink(t *testing.T) {
	for _, c := range []struct {
		name  string
		other bool // the second name is in another folder
	}{{"inside a folder", false}, {"between folders", true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			f := w.folder(t, 0, 0)
			g := f
			if c.other {
				g = w.folder(t, 0, 0)
			}
			from, to := w.tree(t, f), w.tree(t, g)
			if err := put(t.Context(), from, "a", "content"); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(w.path(f, "a"), w.path(g, "b")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Scan(t.Context(), g.ID); err != nil {
				t.Fatal(err)
			}
			if created, err := from.Move(t.Context(), "a", Place{to, "b"}, true, Claim{}); err != nil || created {
				t.Fatalf("move: created %v, %v", created, err)
			}
			if _, err := from.Stat("a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the source after the move: %v", err)
			}
			if got, err := read(to, "b"); err != nil || got != "content" {
				t.Errorf("the destination: %q, %v", got, err)
			}
			w.wantUsage(t, f)
			w.wantUsage(t, g)
		})
	}
}

// A name that is taken by what nobody sees (D9) cannot be locked; asking for it must end.
func TestLockHiddenName(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	if err := os.Symlink("elsewhere", d.path(d.home, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(d.path(d.home, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "pipe"} {
		t.Run(name, func(t *testing.T) {
			d.want(t, 405, "ann", "LOCK", "/dav/Home/"+name, lockBody("exclusive", ""))
			d.want(t, 405, "ann", "PUT", "/dav/Home/"+name, "x") // and not 423: no lock was left
		})
	}
	d.wantUsage(t, d.home)
}

// opened calls then at the first file that is opened for reading.
type opened struct {
	fileSystem
	then func()
}

func (o *opened) bottom() *rootFS { return o.fileSystem.(*rootFS) }

func (o *opened) OpenRead(name string) (*os.File, Info, error) {
	if o.then != nil {
		o.then()
		o.then = nil
	}
	return o.fileSystem.OpenRead(name)
}

// A folder that is deleted while it is copied from loses its files one by one: what was copied
// is perhaps a part, and must not appear as a copy.
func TestCopyFromDeletedFolder(t *testing.T) {
	w := newWorld(t, Options{})
	f, g := w.folder(t, 0, 0), w.folder(t, 0, 0)
	from, to := w.tree(t, f), w.tree(t, g)
	if _, err := from.Mkdir(t.Context(), "dir", Claim{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dir/a", "dir/b"} {
		if err := put(t.Context(), from, name, "content"); err != nil {
			t.Fatal(err)
		}
	}
	from.f.fs.fileSystem = &opened{from.f.root, func() {
		if err := w.DeleteFolder(t.Context(), f.ID); err != nil {
			t.Error(err)
		}
	}}
	if _, err := from.Copy(t.Context(), "dir", Place{to, "copy"}, true, false, Claim{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("copy: %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := to.Stat("copy"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy: %v", err)
	}
	w.wantUsage(t, g)
	if u, err := w.Usage(t.Context(), g); err != nil || u.ReservedBytes != 0 || u.ReservedFiles != 0 || u.Usage != (store.Usage{}) {
		t.Errorf("usage of the destination: %+v, %v", u, err)
	}
}

// The log names what the administrator must do something about, a full volume too, and is silent about clients' mistakes.
func TestFailuresInTheLog(t *testing.T) {
	var log bytes.Buffer
	d := newDoor(t, HandlerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	d.write(t, "f", "x")
	small := d.folder(t, 1, 0)
	for _, c := range []struct {
		name, method, destination string
		length                    int64
		home                      bool
		status                    int
		text, logged              string
	}{
		{"full volume", "PUT", "", 1 << 60, true, 507, "bytes free, 1152921504606846976 needed", "the volume is full"},
		{"limit", "PUT", "", 100, false, 507, "limit of 1 bytes", ""},
		{"another server", "COPY", "http://elsewhere/dav/Home/g", 0, true, 502, "another server", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			home := d.home
			if !c.home {
				d.home = small
			}
			defer func() { d.home = home }()
			r := httptest.NewRequest(c.method, "/dav/Home/f", strings.NewReader(""))
			r.ContentLength = c.length
			r.SetBasicAuth("ann", "secret")
			if c.destination != "" {
				r.Header.Set("Destination", c.destination)
			}
			w := httptest.NewRecorder()
			d.h.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("status %d, want %d with %q\n%s", w.Code, c.status, c.text, w.Body)
			}
			if c.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), c.logged) {
				t.Errorf("logged %q, want %q", &log, c.logged)
			}
		})
	}
}

// A count that was asked for is done once, also when the clock was set back in between.
func TestScanWithClockSetBack(t *testing.T) {
	var back atomic.Int64
	w := newWorld(t, Options{Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
	f := w.folder(t, 0, 0)
	if err := os.WriteFile(w.path(f, "by hand"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := w.st.RequestRescan(t.Context(), f.ID); err != nil {
		t.Fatal(err)
	}
	back.Store(int64(time.Hour))
	if _, err := w.Scan(t.Context(), f.ID); err != nil {
		t.Fatal(err)
	}
	row, err := w.st.Folder(t.Context(), f.ID)
	if err != nil {
		t.Fatal(err)
	}
	if row.Rescan.After(row.Scanned) {
		t.Errorf("asked for at %v, counted at %v: it would be counted again and again", row.Rescan, row.Scanned)
	}
	w.wantUsage(t, f)
}

// Rights that we refuse and rights that the disk refuses are told apart, and the log hears of the latter.
func TestRefusedByDisk(t *testing.T) {
	var log bytes.Buffer
	d := newDoor(t, HandlerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, c := range []struct {
		name   string
		err    error
		text   string
		logged bool
	}{
		{"right", fmt.Errorf("no right: %w", fs.ErrPermission), "you have no right", false},
		{"owner", pathError("remove", "f", unix.EACCES), "the server itself may not", true},
		{"immutable", pathError("remove", "f", unix.EPERM), "the server itself may not", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			w := httptest.NewRecorder()
			d.h.fail(&request{w: w, r: httptest.NewRequest("DELETE", "/dav/Home/f", nil)}, c.err)
			if w.Code != 403 || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%d, want 403 with %q\n%s", w.Code, c.text, w.Body)
			}
			if (log.Len() > 0) != c.logged {
				t.Errorf("logged %q", &log)
			}
		})
	}
}

// A folder whose directory is missing from the disk is named in the list of folders, not left out of it.
func TestListOfFoldersNamesBroken(t *testing.T) {
	d := newDoor(t, HandlerOptions{})
	if err := os.Rename(d.path(d.home, ""), filepath.Join(d.dir, "away")); err != nil {
		t.Fatal(err)
	}
	body := d.want(t, 207, "ann", "PROPFIND", "/dav/", "", "Depth: 1").Body.String()
	if !strings.Contains(body, "<D:href>/dav/Home/</D:href><D:status>HTTP/1.1 503 ") {
		t.Errorf("the listing: %s", body)
	}
}

// TestPRO14_UnreadMembers: a directory whose members may be listed and not looked at is not an empty one.
func TestPRO14_UnreadMembers(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	for _, name := range []string{"d", "e"} {
		if _, err := tree.Mkdir(t.Context(), name, Claim{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), tree, "d/f", "content"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{w.dir, filepath.Join(w.dir, "files")} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(w.path(f, "d"), 0o444); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(w.path(f, "d"), 0o755)
	if os.Getuid() == 0 {
		runtime.LockOSThread() // the rights of this thread alone
		defer runtime.UnlockOSThread()
		unix.Setfsuid(65534)
		defer unix.Setfsuid(0)
	}
	var unread *unreadError
	if err := tree.f.root.List("d", func(i Info) error { t.Errorf("told of %s", i.Name); return nil }); !errors.As(err, &unread) {
		t.Errorf("List: %v, want that not all was read", err)
	}
	if _, err := count(tree.f.fs, "d"); err == nil {
		t.Error("what cannot be seen was counted")
	}
}

// TestCM6_ListedWhileReplaced: a listing that is under way when its collection is replaced, and the old one
// swept, never looks whole.
func TestCM6_ListedWhileReplaced(t *testing.T) {
	s := newSite(t, HandlerOptions{}, Options{})
	const members = 2000 // in more than one piece of the directory
	s.want(t, 201, "MKCOL", "/dav/Home/old", "")
	for n := range members {
		if err := os.WriteFile(s.path(s.home, fmt.Sprintf("old/a name that takes some room in the directory %d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.want(t, 201, "MKCOL", "/dav/Home/new", "")
	s.want(t, 201, "PUT", "/dav/Home/new/f", "x")
	tree := s.tree(t, s.home)
	told := 0
	err := tree.List(t.Context(), "old", func(i Info) error {
		if told++; told == 1 {
			s.want(t, 204, "MOVE", "/dav/Home/new", "", "Destination: /dav/Home/old")
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if left, err := os.ReadDir(filepath.Join(s.dir, "trash")); err == nil && len(left) == 0 {
					break
				}
			}
		}
		return nil
	})
	if told == members || !errors.Is(err, errReplaced) {
		t.Errorf("%d members were told of, then %v", told, err)
	}
	told = 0
	if err := tree.List(t.Context(), "old", func(Info) error { told++; return nil }); err != nil || told != 1 {
		t.Errorf("the new one: %d members, %v", told, err)
	}
	if _, err := s.Scan(t.Context(), s.home.ID); err != nil { // what was put there by hand
		t.Error(err)
	}
}
