package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The client library that web and node programs use. It asks for all levels of a tree at once, so it
// runs with and without --dav-infinite-depth.
func TestCI5_NPMWebdav(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("..", "testdata", "clients", "npm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "webdav")); err != nil {
		t.Fatalf("the npm package is missing: sh testdata/setup.sh (%v)", err)
	}
	for _, infinite := range []bool{false, true} {
		name, args := "default", []string(nil)
		if infinite {
			name, args = "infinite depth", []string{"--dav-infinite-depth"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newProcess(t, args...)
			id := s.folder("npm", "--max-bytes", "1MiB")
			node := newTool(t, "node")
			code, out, errs := node.try("", filepath.Join(dir, "drive.js"), s.URL+"/dav/"+id, "admin", s.token(), map[bool]string{true: "true"}[infinite])
			if code != 0 || out != "done\n" {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
			s.holds(id, map[string]string{
				"a/": "", "a/b ü/": "", "a/b ü/moved.txt": "third", "copy ß.txt": "free",
				"a/b ü/c#d/": "", "a/b ü/c#d/100% & <bytes>.bin": countedBytes(70000),
			})
		})
	}
}

// countedBytes are those that drive.js makes.
func countedBytes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte(byte(i))
	}
	return b.String()
}
