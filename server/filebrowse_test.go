package server

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"davit/davfs"
	"davit/store"
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

// What names do not tell, that a member is not visible, or is another than it was, neither shows nor shortens pages.
func TestFiles_PagesOfNamesWithHiddenOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 200 {
		var names, visible []davfs.Info
		hidden := make(map[string]bool)
		for n := range random.IntN(60) {
			i := davfs.Info{Name: fmt.Sprintf("%c%d%s", "aAbB"[random.IntN(4)], n, []string{".txt", ".md"}[random.IntN(2)]), Dir: random.IntN(4) == 0}
			names = append(names, i)
			if hidden[i.Name] = random.IntN(3) == 0; !hidden[i.Name] {
				visible = append(visible, i)
			}
		}
		w := filesWanted{by: sortPath, descending: round%2 == 0, size: 1 + random.IntN(9), skip: random.IntN(12), ext: []string{"", "txt"}[random.IntN(2)]}
		want := slices.DeleteFunc(visible, func(i davfs.Info) bool { return !w.admits(i) })
		slices.SortFunc(want, func(a, b davfs.Info) int { return w.compare(w.key(a), w.key(b)) })
		want = want[min(w.skip, len(want)):]
		var got []davfs.Info
		for more := true; more; {
			page, rest, err := w.pickNames(func(offer func(davfs.Info) error, chosen func() []string, fn func(davfs.Info) error) error {
				byName := make(map[string]davfs.Info)
				for _, n := range random.Perm(len(names)) {
					byName[names[n].Name] = names[n]
					if err := offer(names[n]); err != nil {
						return err
					}
				}
				for _, name := range chosen() {
					if !hidden[name] {
						if err := fn(byName[name]); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if rest && len(page) != w.size {
				t.Fatalf("a page of %d, want %d", len(page), w.size)
			}
			got = append(got, page...)
			if more = rest; more {
				k := w.key(page[len(page)-1])
				w.after, w.skip = &k, 0
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v:\n%v, want\n%v", w, got, want)
		}
	}
}

// In each order a listing has files and directories alone, with what the disk says of them; filters see names.
func TestFiles_BrowseHidesTheSameInEveryOrder(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	id := ann.create("data")
	at := func(name string) string { return h.onDiskPath(id, name) }
	for name, size := range map[string]int{"b.TXT": 3, "a.txt": 5, ".hidden.txt": 1, "c.md": 7} {
		if err := os.WriteFile(at(name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Mkdir(at("dir.md"), 0o755), os.Symlink("a.txt", at("a-link.txt")), os.Symlink("dir.md", at("d-link")),
		os.Symlink("/etc", at("outside")), unix.Mkfifo(at("pipe.txt"), 0o644), os.WriteFile(at("not\xfftext.txt"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{
		"":                           ".hidden.txt a.txt b.TXT c.md dir.md",
		"&sortDirection=descending":  "dir.md c.md b.TXT a.txt .hidden.txt",
		"&sortBy=SIZE":               "dir.md .hidden.txt b.TXT a.txt c.md",
		"&filterHiddenFiles=true":    "a.txt b.TXT c.md dir.md",
		"&filterByFileExtension=txt": ".hidden.txt a.txt b.TXT dir.md",
		"&filterByFileExtension=md&filterHiddenFiles=true": "c.md dir.md",
		"&itemsToSkip=3":                   "c.md dir.md",
		"&sortBy=PATH&includeMetadata=yes": ".hidden.txt a.txt b.TXT c.md dir.md",
	} {
		names, _ := ann.browse("itemsPerPage=10&path=/" + id + query)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	ann.wants(200, "GET", "/api/files/browse?path=/"+id, "", `"sizeInBytes":7`, `"type":"DIRECTORY"`)
}

// BenchmarkFilesBrowse measures the server's time for a page of a directory with 100,000 members.
func BenchmarkFilesBrowse(b *testing.B) {
	dir := b.TempDir()
	st, err := OpenStore(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	m := &metropolis{b: b, store: st, tokens: map[int]string{}}
	ann, err := st.CreateUser(b.Context(), store.User{Name: "ann"})
	if err != nil {
		b.Fatal(err)
	}
	m.open(dir)
	tok, text, err := m.auth.NewToken(store.Token{UserID: ann.ID})
	if err == nil {
		_, err = st.CreateToken(b.Context(), tok)
	}
	if err != nil {
		b.Fatal(err)
	}
	m.tokens[0] = text
	_, w := m.callAt(0, "POST", "/api/files/collections", bulk(driveSpec("many")))
	id := regexp.MustCompile(`[0-9a-f]{32}`).FindString(w.Body.String())
	for n := range 100_000 {
		if err := os.WriteFile(filepath.Join(dir, "files", id, fmt.Sprintf("file-%06d", n)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, query := range []string{"itemsPerPage=50", "itemsPerPage=1000", "itemsPerPage=50&sortBy=SIZE"} {
		m.measure(query, func(int) time.Duration {
			took, _ := m.callAt(0, "GET", "/api/files/browse?path=/"+id+"&"+query, "")
			return took
		})
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
