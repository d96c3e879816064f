package server

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/davfs"
)

// A directory of 100,000 files: each page is one reading of it, and no more of it is kept than the page.
func TestFiles_BrowseOfAHundredThousand(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	const many = 100_000
	dir := h.onDiskPath(id, "many")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range rand.Perm(many) {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("file-%06d", n)), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	begun := time.Now()
	names, next := ann.browse("itemsPerPage=1000&path=/" + id + "/many")
	t.Logf("a page of 1000 of %d took %v", many, time.Since(begun))
	if len(names) != 1000 || names[0] != "file-000000" || names[999] != "file-000999" || next == "" {
		t.Fatalf("first page: %d, %q to %q", len(names), names[0], names[len(names)-1])
	}
	// From somewhere in the middle.
	token := fileToken{By: sortPath, After: fileKey{Fold: "file-059999", Name: "file-059999"}}.String()
	names, _ = ann.browse("itemsPerPage=250&path=/" + id + "/many&next=" + token)
	if len(names) != 250 || names[0] != "file-060000" {
		t.Errorf("middle: %d from %q", len(names), names[0])
	}
	names, next = ann.browse("itemsPerPage=10&sortDirection=descending&path=/" + id + "/many&itemsToSkip=99990")
	if len(names) != 10 || names[9] != "file-000000" || next != "" {
		t.Errorf("end: %q, next %q", names, next)
	}

	// The page's memory does not grow with the directory.
	w := &filesWanted{by: sortPath, size: 50}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	page, more, err := w.pick(func(fn func(davfs.Info) error) error {
		i := davfs.Info{Name: "same name for all, so that only pick itself takes memory"}
		for range 1_000_000 {
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	if len(page) != 50 || !more || err != nil {
		t.Errorf("%d %v %v", len(page), more, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("a page of a million took %d bytes of memory", took)
	}
	a := ann.call("GET", "/api/files/retrieve?includeSizes=true&id=/"+id+"/many", "")
	if !strings.Contains(a.body, `"fileCount":100000`) {
		t.Errorf("sizes: %s", a.body)
	}
}

// Paging through a listing in every order gives each member once, whatever the names are.
func TestFiles_PagesOfEveryOrderAreWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var all []davfs.Info
	for n := range 500 {
		name := fmt.Sprintf("%c%c-%d", "aAbB"[random.IntN(4)], "xXyY"[random.IntN(4)], n)
		all = append(all, davfs.Info{Name: name, Size: int64(random.IntN(5)), MTime: int64(random.IntN(5))})
	}
	for _, by := range []fileSort{sortPath, sortSize, sortModified} {
		for _, descending := range []bool{false, true} {
			w := filesWanted{by: by, descending: descending, size: 7}
			var got []davfs.Info
			for more := true; more; {
				var page []davfs.Info
				var err error
				page, more, err = w.pick(func(fn func(davfs.Info) error) error {
					for _, n := range random.Perm(len(all)) {
						if err := fn(all[n]); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				if more {
					back, ok := parseFileToken(fileToken{w.by, w.descending, w.key(page[len(page)-1])}.String())
					if !ok {
						t.Fatal("a token does not come back")
					}
					w.by, w.descending, w.after = back.By, back.Descending, &back.After
				}
			}
			want := slices.Clone(all)
			slices.SortFunc(want, func(a, b davfs.Info) int { return w.compare(w.key(a), w.key(b)) })
			if !slices.Equal(got, want) {
				t.Errorf("%s %v: %d members, want %d, or another order", by, descending, len(got), len(want))
			}
		}
	}
}

func TestFiles_Paths(t *testing.T) {
	for text, want := range map[string]string{
		"/9041":                             "9041|",
		"/9041/":                            "9041|",
		"//9041//a///b/":                    "9041|a/b",
		"/9041/./a/../b/.":                  "9041|b",
		"/../../9041/a/../../9042/c":        "9042|c",
		"/9041/.ssh/..config/...":           "9041|.ssh/..config/...",
		"/9041/größe %2e%2e ü":              "9041|größe %2e%2e ü",
		"/9041/" + strings.Repeat("x", 255): "9041|" + strings.Repeat("x", 255),
	} {
		p, wrong := parseFilePath(text)
		if wrong != "" || p.folder+"|"+p.name != want {
			t.Errorf("%q: %q %q %s, want %s", text, p.folder, p.name, wrong, want)
		}
	}
	for _, text := range []string{"", "a", "/", "/..", "/a/..", "9041/a", "/9041/a\\b", "/9041/a\x00", "/9041/\x7f", "/9041/\xff", "/9041/\u0085", "/9041/" + strings.Repeat("x", 256)} {
		if p, wrong := parseFilePath(text); wrong == "" {
			t.Errorf("%q is %+v", text, p)
		}
	}
}

func FuzzFilePath(f *testing.F) {
	for _, s := range []string{"/1/a/../b", "//", "/..", "/1/\\", "/1/\xff", "/1/./.", "/é/ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, wrong := parseFilePath(text)
		if wrong != "" {
			return
		}
		if !davfs.LegalName(p.folder) || p.name != "" && !davfs.LegalName(p.name) {
			t.Fatalf("%q is %+v", text, p)
		}
		again, wrong := parseFilePath(fileID(p.folder, p.name))
		if wrong != "" || again != p {
			t.Fatalf("%q is %+v, and that %+v %s", text, p, again, wrong)
		}
	})
}

func FuzzFileToken(f *testing.F) {
	f.Add(fileToken{By: sortSize, Descending: true, After: fileKey{5, "a", "A"}}.String())
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"b":"PATH","a":{"m":"x"}}`)))
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		a, ok := parseFileToken(text)
		if !ok {
			return
		}
		w := filesWanted{by: a.By, descending: a.Descending, after: &a.After, size: 10}
		if _, _, err := w.pick(func(fn func(davfs.Info) error) error { return fn(davfs.Info{Name: "a", Size: 1}) }); err != nil {
			t.Fatal(err)
		}
		if b, ok := parseFileToken(a.String()); !ok || b != a {
			t.Fatalf("%+v comes back as %+v", a, b)
		}
	})
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"..", "C:", "a/b", "\u202e", "\xff", " . "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if safe := safeName(name); safe == "" || !davfs.LegalName(safe) && len(safe) <= 255 || strings.Trim(safe, ". ") == "" || safeName(safe) != safe {
			t.Fatalf("%q is %q", name, safe)
		}
		if a := attachment(name); strings.ContainsAny(a, "\r\n\x00") {
			t.Fatalf("%q", a)
		}
	})
}
