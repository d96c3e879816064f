package server_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whether a file has the time that it had, after it went to the server and after it came back. The table in
// README.md, "Times of files", says the same.
func TestCI5_TimesOfFiles(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	token := s.token()
	id := s.folder("times")
	for _, c := range []struct {
		client   string
		up, down bool // the time is kept
		upload   func(t *testing.T, s *process) error
		download func(t *testing.T, s *process) string // the path of what came back
	}{
		{
			client: "rclone, vendor owncloud", up: true, down: true,
			upload: func(t *testing.T, s *process) error {
				rclone := newRclone(t, s, "owncloud", id, token)
				aged(rclone)
				rclone.run("copyto", "local", "davit:file")
				return nil
			},
			download: func(t *testing.T, s *process) string {
				rclone := newRclone(t, s, "owncloud", id, token)
				rclone.run("copyto", "davit:file", "back")
				return filepath.Join(rclone.dir, "back")
			},
		},
		{
			client: "rclone, vendor other", up: false, down: true,
			upload: func(t *testing.T, s *process) error {
				rclone := newRclone(t, s, "other", id, token)
				aged(rclone)
				rclone.run("copyto", "local", "davit:file")
				return nil
			},
			download: func(t *testing.T, s *process) string {
				rclone := newRclone(t, s, "other", id, token)
				rclone.run("copyto", "davit:file", "back")
				return filepath.Join(rclone.dir, "back")
			},
		},
		{
			client: "curl", up: true, down: true, // with the header, and with -R
			upload: func(t *testing.T, s *process) error {
				curl := newTool(t, "curl")
				aged(curl)
				curl.run("-q", "-s", "-f", "-u", "admin:"+token, "-T", "local", "-H", fmt.Sprint("X-OC-Mtime: ", old.Unix()), s.URL+"/dav/"+id+"/file")
				return nil
			},
			download: func(t *testing.T, s *process) string {
				curl := newTool(t, "curl")
				curl.run("-q", "-s", "-f", "-R", "-u", "admin:"+token, "-o", "back", s.URL+"/dav/"+id+"/file")
				return filepath.Join(curl.dir, "back")
			},
		},
		{
			client: "davfs2", up: false, down: true,
			upload: func(t *testing.T, s *process) error {
				m := newMount(t, s, id, "admin", token, uploadAtOnce)
				defer m.unmount()
				m.put("file", "content")
				s.arrives(id, "file", "content")
				return os.Chtimes(m.path("file"), old, old)
			},
			download: func(t *testing.T, s *process) string {
				m := newMount(t, s, id, "admin", token)
				defer m.unmount()
				to := filepath.Join(t.TempDir(), "back")
				m.command("", "cp", "-p", "file", to)
				return to
			},
		},
		{
			client: "gvfs", up: false, down: true,
			upload: func(t *testing.T, s *process) error {
				gio := newBus(t)
				root := strings.Replace(s.URL, "http:", "dav:", 1) + "/dav/" + id
				gio.try("admin\n"+token+"\n", "mount", root)
				aged(gio)
				gio.run("copy", "--preserve", "local", root+"/file")
				return nil
			},
			download: func(t *testing.T, s *process) string {
				gio := newBus(t)
				root := strings.Replace(s.URL, "http:", "dav:", 1) + "/dav/" + id
				gio.try("admin\n"+token+"\n", "mount", root)
				gio.run("copy", "--preserve", root+"/file", "back")
				return filepath.Join(gio.dir, "back")
			},
		},
	} {
		t.Run(c.client, func(t *testing.T) {
			s := s.in(t)
			s.do("DELETE", "/dav/"+id+"/file", "", nil)
			if err := c.upload(t, s); err != nil {
				t.Logf("setting the time: %v", err)
			}
			modified := s.must(200, "HEAD", "/dav/"+id+"/file", "", nil).header.Get("Last-Modified")
			if got := modified == old.Format("Mon, 02 Jan 2006 15:04:05 GMT"); got != c.up {
				t.Errorf("uploaded: the time is kept: %v, want %v (it is %s)", got, c.up, modified)
			}
			s.do("DELETE", "/dav/"+id+"/file", "", nil)
			s.must(201, "PUT", "/dav/"+id+"/file", "content", map[string]string{"X-OC-Mtime": fmt.Sprint(old.Unix())})
			i, err := os.Stat(c.download(t, s))
			if err != nil {
				t.Fatal(err)
			}
			if got := i.ModTime().Truncate(time.Second).Equal(old); got != c.down {
				t.Errorf("downloaded: the time is kept: %v, want %v (it is %v)", got, c.down, i.ModTime())
			}
		})
	}
}

// aged makes a file "local" with an old time.
func aged(c *tool) {
	c.t.Helper()
	c.file("local", "content")
	c.age("local", old)
}
