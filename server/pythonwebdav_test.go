package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The client library that Python programs use.
func TestCI5_PythonWebdavclient(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/lib/python3/dist-packages/webdav3"); err != nil {
		t.Fatalf("the library is missing: apt-get install python3-webdavclient (%v)", err)
	}
	driver, err := filepath.Abs(filepath.Join("..", "testdata", "clients", "drive.py"))
	if err != nil {
		t.Fatal(err)
	}
	s := newProcess(t)
	id := s.folder("python", "--max-bytes", "1MiB")
	python := newTool(t, "python3")
	python.path = "/usr/bin/python3" // Debian's, which has the library
	python.file("tree up/one", "1")
	python.file("tree up/sub/two", "2")
	code, out, errs := python.try("", driver, s.URL+"/dav/"+id, "admin", s.token())
	if code != 0 || out != "done\n" {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	content := strings.Repeat(countedBytes(256), 300)
	s.holds(id, map[string]string{
		"dir/": "", "dir/a file & more.bin": content, "dir/ünter/": "", "moved": content,
		"up/": "", "up/one": "1", "up/sub/": "", "up/sub/two": "2",
	})
}
