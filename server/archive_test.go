package server

import (
	"archive/zip"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// archive downloads an archive and takes it apart: content by name.
func (c *caller) archive(link string) (map[string]string, []string, answer) {
	c.t.Helper()
	a := c.do(c.request("GET", link, ""))
	if a.status != 200 {
		c.t.Fatalf("archive: %d %s", a.status, a.body)
	}
	z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil {
		c.t.Fatal(err)
	}
	content, names := map[string]string{}, []string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			c.t.Fatal(err)
		}
		b, err := io.ReadAll(r) // checks the checksum
		if err != nil {
			c.t.Fatalf("%s: %v", f.Name, err)
		}
		if _, twice := content[f.Name]; twice {
			c.t.Errorf("%q is in the archive twice", f.Name)
		}
		content[f.Name], names = string(b), append(names, f.Name)
	}
	return content, names, a
}

func TestSEC9_ArchiveIsWholeAndItsNamesAreClean(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	dir := h.onDiskPath(id, "")
	random := make([]byte, 300<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	nfd := norm.NFD.String("größe")
	files := map[string]string{
		"d/a.txt":                "a",
		"d/empty":                "",
		"d/text.txt":             strings.Repeat("all work and no play ", 50_000),
		"d/random":               string(random),
		"d/photo.JPG":            strings.Repeat("j", 5000),
		"d/größe.txt":            "composed",
		"d/" + nfd + ".txt":      "decomposed", // the same name for people: both must be there
		"d/..." + "/x":           "dots",
		"d/C:/evil":              "drive",
		"d/.. /y":                "dots and a blank",
		"d/..%2f..%2fetc":        "escaped",
		"d/\u202egpj.exe":        "turned around",
		"d/sub/deep/er/leaf":     "leaf",
		"d/-rf":                  "dash",
		"d/\"quotes\" & <b>.txt": "quotes",
	}
	for name, content := range files { // by hand: names that no door would make
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(dir, "d/none"), 0o755)
	os.WriteFile(filepath.Join(dir, "d/control\x01.txt"), []byte("never"), 0o644)
	os.WriteFile(filepath.Join(dir, `d/..\..\windows`), []byte("never"), 0o644)
	os.WriteFile(filepath.Join(dir, "d/latin\xe9"), []byte("never"), 0o644)
	os.Symlink("/etc/passwd", filepath.Join(dir, "d/link"))
	os.Symlink("sub", filepath.Join(dir, "d/inner"))

	content, names, a := ann.archive(ann.link("/" + id + "/d"))
	if a.header.Get("Content-Type") != "application/zip" || a.header.Get("Content-Disposition") != `attachment; filename="d.zip"; filename*=UTF-8''d.zip` {
		t.Errorf("%v", a.header)
	}
	var want, got []string
	for _, c := range files {
		want = append(want, c)
	}
	for name, c := range content {
		for seg := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
			if seg == "" || seg == "." || seg == ".." || strings.ContainsAny(seg, "\\\x00\u202e") || !utf8.ValidString(seg) || !norm.NFC.IsNormalString(seg) ||
				len(seg) > 1 && seg[1] == ':' || strings.TrimRight(seg, ". ") == "" {
				t.Errorf("name %q in the archive", name)
			}
		}
		if !strings.HasPrefix(name, "d/") {
			t.Errorf("name %q lies outside of the directory", name)
		}
		if !strings.HasSuffix(name, "/") {
			got = append(got, c)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d files in the archive, want %d: %q", len(got), len(want), names)
	}
	for _, name := range []string{"d/a.txt", "d/größe.txt", "d/größe(1).txt", "d/none/", "d/sub/deep/er/leaf", "d/..%2f..%2fetc"} {
		if _, ok := content[name]; !ok {
			t.Errorf("no %q in %q", name, names)
		}
	}
	path := filepath.Join(t.TempDir(), "d.zip")
	if err := os.WriteFile(path, []byte(a.body), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("unzip", "-t", path).CombinedOutput(); err != nil {
		t.Errorf("unzip -t: %v\n%s", err, out)
	}

	// A selection, and the whole folder under its title.
	post := ann.call("POST", "/api/davit/archive", `{"ids":["/`+id+`/d/a.txt","/`+id+`/d/sub"],"filename":"two.zip"}`)
	link, _ := post.json(t)["endpoint"].(string)
	if a := h.do(h.request("HEAD", strings.TrimPrefix(link, h.url), "")); a.status != 200 || a.body != "" || a.header.Get("Content-Type") != "application/zip" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	content, names, a = ann.archive(strings.TrimPrefix(link, h.url))
	if len(names) != 5 || content["a.txt"] != "a" || content["sub/deep/er/leaf"] != "leaf" || !strings.Contains(a.header.Get("Content-Disposition"), `"two.zip"`) {
		t.Errorf("selection: %q %v", names, a.header)
	}
	content, _, a = ann.archive(ann.link("/" + id))
	if content["data/d/a.txt"] != "a" || !strings.Contains(a.header.Get("Content-Disposition"), `"data.zip"`) {
		t.Errorf("folder: %v", a.header)
	}
}

// An archive that is not whole must not look so.
func TestSEC9_ArchiveBreaksOffWithTheConnection(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	ann.mkdir(id, "d")
	big := h.onDiskPath(id, "d/big.zip") // it is stored as it is, so more than all buffers hold
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 256<<20); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(h.url + ann.link("/"+id+"/d"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	if err := os.Truncate(big, 1<<20); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil {
		t.Errorf("an archive of a file that became shorter ended well after %d bytes", n)
	}
}

// What was deleted since it was listed is left out. Of a folder that is deleted that would be all the rest.
func TestSEC9_ArchiveBreaksOffWithItsFolder(t *testing.T) {
	for name, remove := range map[string]func(c *caller, id string) answer{
		"final": func(c *caller, id string) answer { return c.call("DELETE", "/v2/folder/"+id, "") },
		"kept": func(c *caller, id string) answer {
			return c.call("DELETE", "/api/files/collections", `{"items":[{"id":"`+id+`"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			ann := h.caller("ann")
			id := ann.create("data")
			ann.mkdir(id, "d")
			big := h.onDiskPath(id, "d/big.zip") // more than all buffers hold
			if err := os.WriteFile(big, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(big, 64<<20); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(h.onDiskPath(id, "d/later"), []byte("later"), 0o644); err != nil {
				t.Fatal(err)
			}
			res, err := http.Get(h.url + ann.link("/"+id+"/d"))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != 200 {
				t.Fatal(res.Status)
			}
			if a := remove(ann, id); a.status/100 != 2 {
				t.Fatalf("delete: %d %s", a.status, a.body)
			}
			n, err := io.Copy(io.Discard, res.Body)
			if err == nil {
				t.Errorf("an archive of a folder that was deleted ended well after %d bytes", n)
			}
		})
	}
}

func TestAttachment(t *testing.T) {
	for name, want := range map[string]string{
		"a b.zip":           `attachment; filename="a b.zip"; filename*=UTF-8''a%20b.zip`,
		"ü\"\\;%.zip":       `attachment; filename="_____.zip"; filename*=UTF-8''%C3%BC%22_%3B%25.zip`,
		"x\r\nSet-Cookie:1": `attachment; filename="x__Set-Cookie:1"; filename*=UTF-8''x__Set-Cookie%3A1`,
		"..":                `attachment; filename="_.."; filename*=UTF-8''_..`,
	} {
		if got := attachment(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
