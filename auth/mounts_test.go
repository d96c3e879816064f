package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"davit/store"
)

func TestMountName(t *testing.T) {
	for _, c := range []struct{ name, title, want string }{
		{"plain", "My documents", "My documents"},
		{"letters of all kinds", "Größe 数据 🙂", "Größe 数据 🙂"},
		{"reserved characters", `a/b\c:d*e?f"g<h>i|j`, "a_b_c_d_e_f_g_h_i_j"},
		{"control characters", "a\x00b\nc\x7fd\u0085e", "a_b_c_d_e"},
		{"trailing dots", "a..", "a__"},
		{"trailing blanks", "a. .", "a___"},
		{"trailing blank of another kind", "a\u3000", "a_"},
		{"leading dots and blanks stay", " .a", " .a"},
		{"dots in the middle stay", "a . b", "a . b"},
		{"this directory", ".", "_"},
		{"the parent", "..", "__"},
		{"decomposed", "u\u0308ber", "\u00fcber"},
		{"a mark on a reserved character makes another", "a<\u0338b", "a\u226eb"},
		{"not UTF-8", "a\xffb", "a_b"},
		{"text that turns around", "a\u202egnp.exe\u2066\u200f", "a_gnp.exe__"},
		{"ends of lines", "a\u2028b\u2029", "a_b_"},
		{"joined letters stay", "a\u200db", "a\u200db"},
		{"a whole book", strings.Repeat("\x1b", 16384), strings.Repeat("_", 200)},
		{"nothing", "", "_"},
		{"200 bytes", strings.Repeat("a", 200), strings.Repeat("a", 200)},
		{"201 bytes", strings.Repeat("a", 201), strings.Repeat("a", 200)},
		{"cut inside a letter", "a" + strings.Repeat("ä", 127), "a" + strings.Repeat("ä", 99)},
		{"cut before a trailing blank", strings.Repeat("a", 199) + " b", strings.Repeat("a", 199) + "_"},
		{"decomposed fits after all", strings.Repeat("a\u0308", 80), strings.Repeat("\u00e4", 80)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mountName(c.title); got != c.want || !utf8.ValidString(got) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// listing is a store that only has folders.
type listing struct {
	records
	epoch  uint64
	mounts []store.Mount
	err    error
	asked  int
}

func (l *listing) Epoch() uint64 { return l.epoch }

func (l *listing) Changed(since uint64, mine func(store.Touch) bool) (uint64, bool) {
	return l.epoch, since != l.epoch && mine(store.Touch{})
}

func (l *listing) ProjectIDs(context.Context, string) ([]string, error) { return nil, nil }

func (l *listing) FoldersOf(context.Context, string) ([]store.Mount, error) {
	l.asked++
	return slices.Clone(l.mounts), l.err
}

// folderOf makes a folder: its ID is n, and it is n minutes old when it is 0.
func folderOf(n int, owner, title string) store.Folder {
	return store.Folder{ID: fmt.Sprintf("%032x", n), OwnerID: owner, Title: title, Created: noon.Add(time.Duration(n) * time.Minute)}
}

func TestMounts(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("%032x", n) }
	own := func(n int, title string) store.Mount {
		return store.Mount{Folder: folderOf(n, "ann", title)}
	}
	shared := func(n int, title string, r store.Rights) store.Mount {
		return store.Mount{Folder: folderOf(n, "bob", title), Granted: r}
	}
	for _, c := range []struct {
		name   string
		p      store.Principal
		mounts []store.Mount
		want   []string // name=ID
	}{
		{"sorted by name", store.Principal{UserID: "ann"}, []store.Mount{own(1, "b"), own(2, "a"), own(3, "B")},
			[]string{"B=3", "a=2", "b=1"}},
		{"own before shared", store.Principal{UserID: "ann"}, []store.Mount{shared(1, "docs", store.RightsRO), own(2, "docs")},
			[]string{"docs=2", "docs (" + id(1) + ")=1"}},
		{"older first", store.Principal{UserID: "ann"}, []store.Mount{own(3, "docs"), own(1, "docs"), own(2, "docs")},
			[]string{"docs=1", "docs (" + id(2) + ")=2", "docs (" + id(3) + ")=3"}},
		{"equal only as names", store.Principal{UserID: "ann"}, []store.Mount{own(1, "a:b"), own(2, "a?b"), own(3, "A:B")},
			[]string{"A_B=3", "a_b=1", "a_b (" + id(2) + ")=2"}},
		{"a title made to look like another's name", store.Principal{UserID: "ann"},
			[]store.Mount{own(1, "docs ("+id(3)+")"), own(2, "docs"), shared(3, "docs", store.RightsRO)},
			[]string{id(3) + "=3", "docs=2", "docs (" + id(3) + ")=1"}},
		{"the same, later", store.Principal{UserID: "ann"},
			[]store.Mount{own(1, "docs"), own(2, "docs"), own(3, "docs ("+id(2)+")")},
			[]string{"docs=1", "docs (" + id(2) + ")=2", "docs (" + id(2) + ") (" + id(3) + ")=3"}},
		{"no rights, no mount", store.Principal{UserID: "ann"}, []store.Mount{shared(1, "a", 0), shared(2, "b", store.RightsRO)},
			[]string{"b=2"}},
		{"a token for one folder", store.Principal{UserID: "ann", KeyID: "k" + id(2), Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: id(2)}}}}, []store.Mount{own(1, "docs"), own(2, "docs")},
			[]string{"docs=2"}},
		{"none", store.Principal{UserID: "ann"}, nil, nil},
		{"a token for nothing", store.Principal{UserID: "ann", KeyID: "k" + id(9), Narrow: &store.Narrow{Folders: []store.TokenFolder{{ID: id(9)}}}}, []store.Mount{own(1, "docs")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(&listing{mounts: c.mounts}, Options{})
			mounts, err := a.Mounts(t.Context(), c.p)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range mounts {
				got = append(got, m.Name+"="+strings.TrimLeft(m.Folder.ID, "0"))
				if found, err := a.Mount(t.Context(), c.p, m.Name); err != nil || found.Folder.ID != m.Folder.ID {
					t.Errorf("Mount(%q): %s, %v; want %s", m.Name, found.Folder.ID, err, m.Folder.ID)
				}
			}
			slices.Sort(c.want)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !slices.IsSortedFunc(mounts, func(x, y store.Mount) int { return strings.Compare(x.Name, y.Name) }) {
				t.Errorf("not sorted by name: %q", got)
			}
		})
	}
}

func TestMount(t *testing.T) {
	const id = "0196a5b0c1d27e8f90123456789abcde"
	f := folderOf(1, "ann", "Gr\u00f6\u00dfe")
	f.ID = id
	other := folderOf(2, "ann", id) // as a title it is refused, but rows may be old
	l := &listing{mounts: []store.Mount{{Folder: f}, {Folder: other}}}
	a := New(l, Options{})
	ann := store.Principal{UserID: "ann"}
	for _, c := range []struct {
		name, segment string
		want          string
	}{
		{"name", "Gr\u00f6\u00dfe", id},
		{"decomposed name", "Gro\u0308\u00dfe", id},
		{"ID, though another has it as its name", id, id},
		{"ID in upper case", strings.ToUpper(id), id},
		{"ID with dashes", "0196a5b0-c1d2-7e8f-9012-3456789abcde", id},
		{"the other's ID", other.ID, other.ID},
		{"another case", "gr\u00f6\u00dfe", ""},
		{"unknown ID", strings.Repeat("f", 32), ""},
		{"nothing", "", ""},
		{"dots", "..", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := a.Mount(t.Context(), ann, c.segment)
			if m.Folder.ID != c.want || (c.want == "") != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %q, %v; want %q", m.Folder.ID, err, c.want)
			}
		})
	}
	if l.asked != 1 {
		t.Errorf("%d queries without a change, want 1", l.asked)
	}

	t.Run("a change is seen", func(t *testing.T) {
		l.mounts, l.epoch = l.mounts[:1], l.epoch+1
		if _, err := a.Mount(t.Context(), ann, other.ID); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
	})
	t.Run("what comes back may be changed", func(t *testing.T) {
		mounts, err := a.Mounts(t.Context(), ann)
		if err != nil {
			t.Fatal(err)
		}
		mounts[0].Rights = 0
		if m, _ := a.Mount(t.Context(), ann, id); m.Rights != store.RightsAll {
			t.Errorf("rights %v, want all", m.Rights)
		}
	})
	t.Run("principals don't share", func(t *testing.T) {
		m, err := a.Mount(t.Context(), store.Principal{UserID: "ann", ReadOnly: true}, id)
		if m.Rights != store.Read || err != nil {
			t.Errorf("rights %v, %v; want read", m.Rights, err)
		}
	})
	t.Run("an error is not remembered", func(t *testing.T) {
		l.epoch++
		l.err = store.ErrBusy
		if _, err := a.Mount(t.Context(), ann, id); !errors.Is(err, store.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		l.err = nil
		if _, err := a.Mount(t.Context(), ann, id); err != nil {
			t.Error(err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		for i := range maxViews + 10 {
			if _, err := a.Mounts(t.Context(), store.Principal{UserID: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(a.views.m); n != maxViews {
			t.Errorf("%d views, want %d", n, maxViews)
		}
		big := func(n int) *view { return &view{mounts: make([]store.Mount, n)} }
		for i := range 5 {
			a.views.put(viewer{userID: fmt.Sprint("big", i)}, big(maxMounts/3))
		}
		a.views.put(viewer{userID: "big0"}, big(maxMounts/3))
		a.views.put(viewer{userID: "0"}, big(1))
		sum := 0
		for _, v := range a.views.m {
			sum += len(v.mounts)
		}
		if sum != a.views.mounts || sum > maxMounts || a.views.m[viewer{userID: "0"}] == nil {
			t.Errorf("%d folders remembered, counted as %d, want at most %d", sum, a.views.mounts, maxMounts)
		}
	})
}

// TestMountsInStore follows a folder through the real store.
func TestMountsInStore(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.user("ann", "secret"), w.user("bob", "secret")
	f := w.folder(ann.ID, "docs")
	w.folder(bob.ID, "docs")
	p := store.Principal{UserID: bob.ID}
	see := func(want string, rights store.Rights) {
		t.Helper()
		m, err := w.Mount(t.Context(), p, f.ID)
		if m.Name != want || m.Rights != rights || (want == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("bob sees %q with %v, %v; want %q with %v", m.Name, m.Rights, err, want, rights)
		}
	}
	see("", 0)
	w.do(w.st.SetGrant(t.Context(), f.ID, bob.ID, store.RightsRW))
	see("docs ("+f.ID+")", store.RightsRW)
	w.do(w.st.SetGrant(t.Context(), f.ID, bob.ID, store.RightsRO))
	see("docs ("+f.ID+")", store.RightsRO)
	w.do(w.st.DeleteFolder(t.Context(), f.ID, w.clock.now().Add(time.Hour)))
	see("", 0)
}

func BenchmarkMount(b *testing.B) {
	l := &listing{}
	for i := range 100 {
		l.mounts = append(l.mounts, store.Mount{Folder: folderOf(i, "ann", fmt.Sprint("folder ", i))})
	}
	a := New(l, Options{})
	for _, segment := range []string{"folder 50", fmt.Sprintf("%032x", 50)} {
		b.Run(segment, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Mount(b.Context(), store.Principal{UserID: "ann"}, segment); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
