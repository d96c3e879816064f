package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"davit/store"
)

// replacing puts another file in the place of each that is opened, times times.
type replacing struct {
	fileSystem
	path  string
	times int
}

func (r *replacing) bottom() *rootFS { return r.fileSystem.(*rootFS) }

func (r *replacing) OpenRead(name string) (*os.File, Info, error) {
	f, i, err := r.fileSystem.OpenRead(name)
	if r.times > 0 {
		r.times--
		tmp := r.path + ".tmp"
		if err := errors.Join(os.WriteFile(tmp, fmt.Appendf(nil, "version %d", r.times), 0o400), os.Rename(tmp, r.path)); err != nil {
			return f, i, err
		}
	}
	return f, i, err
}

// The version that a part is written into is the one that is replaced, even if others come in the
// moment between; when that does not end, the change is refused and nothing stays.
func TestPAR1_TriesAgain(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	for _, c := range []struct {
		times int
		want  string
		err   error
	}{{0, "begin and end", nil}, {1, "version 0 and end", nil}, {amendTries - 1, "version 0 and end", nil}, {amendTries, "version 0", store.ErrBusy}} {
		if err := put(t.Context(), tree, "f", "begin"); err != nil {
			t.Fatal(err)
		}
		tree.f.fs.fileSystem = &replacing{tree.f.root, w.path(f, "f"), c.times}
		up, err := tree.Amend(t.Context(), "f", Claim{}, Part{FromEnd: true, Length: 8, Total: -1})
		if err != nil {
			t.Fatal(err)
		}
		up.Write([]byte(" and end"))
		made, created, err := up.Commit(t.Context(), w.now())
		tree.f.fs.fileSystem = tree.f.root
		if !errors.Is(err, c.err) || created {
			t.Errorf("%d times: %v, %v", c.times, created, err)
		}
		i, err2 := tree.Stat("f")
		if got, _ := read(tree, "f"); got != c.want || err2 != nil || err == nil && (made != i || c.times > 0 && i.Mode != 0o400) {
			t.Errorf("%d times: %q, %+v, returned %+v", c.times, got, i, made)
		}
		if left := unfinished(t, w.dir); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if _, err := w.Scan(t.Context(), f.ID); err != nil { // what came by hand is not counted
			t.Fatal(err)
		}
		w.wantUsage(t, f)
	}
}

// ARC-8: copying what stays of a large file ends when the request does.
func TestPAR1_CancelledCopy(t *testing.T) {
	w := newWorld(t, Options{})
	f := w.folder(t, 0, 0)
	tree := w.tree(t, f)
	if err := put(t.Context(), tree, "f", "begin"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	up, err := tree.Amend(ctx, "f", Claim{}, Part{FromEnd: true, Length: 3, Total: -1})
	if err != nil {
		t.Fatal(err)
	}
	up.Write([]byte("end"))
	tree.f.fs.fileSystem = &opened{tree.f.root, cancel}
	if _, _, err := up.Commit(ctx, w.now()); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if got, _ := read(tree, "f"); got != "begin" {
		t.Errorf("content %q", got)
	}
	w.wantUsage(t, f)
	// Nor does one wait for its turn after that.
	done, err := tree.f.amends.lock(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.f.amends.lock(ctx, "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("turn: %v", err)
	}
	done()
	if len(tree.f.amends.locks) != 0 {
		t.Errorf("turns left: %v", tree.f.amends.locks)
	}
	if _, err := tree.Amend(t.Context(), "none", Claim{}, Part{Total: -1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("amend nothing: %v", err)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-3/10", "bytes 0-3/*", "Bytes 5-5/6", "bytes */10", "bytes 3-0/10", "bytes 0-9223372036854775807/*", "bytes 0-9223372036854775806/9223372036854775807", "lines 1-2/3", "bytes  0-3/10", ""} {
		f.Add(s, int64(0))
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		p, err := parseContentRange(header)
		if err != nil {
			if statusOf(err, "PUT").Status != 400 {
				t.Fatal(err)
			}
			return
		}
		if p.Start < 0 || p.Length < 1 || p.Start+p.Length < 0 || p.FromEnd || p.Total >= 0 && p.Total < p.Start+p.Length {
			t.Fatalf("%q: %+v", header, p)
		}
		checkPlace(t, p, size)
	})
}

func FuzzUpdateRange(f *testing.F) {
	for _, s := range []string{"append", "bytes=0-3", "bytes=4-", "bytes=-4", "bytes=-0", "bytes=3-0", "bytes=-", "bytes=9223372036854775806-", "bytes=0-9223372036854775806", "bytes=0-3,5-8", "chars=1-2", ""} {
		f.Add(s, int64(0), int64(4))
		f.Add(s, int64(10), int64(9223372036854775807))
	}
	f.Fuzz(func(t *testing.T, header string, size, length int64) {
		p, err := parseUpdateRange(header)
		if err != nil {
			if s := statusOf(err, "PATCH").Status; s != 400 && s != 416 {
				t.Fatal(err)
			}
			return
		}
		if p.Start < 0 || p.Length != anyLength && (p.Length < 1 || p.Start+p.Length < 0) || p.Total != -1 || p.Make {
			t.Fatalf("%q: %+v", header, p)
		}
		if p.fit(length) == nil {
			checkPlace(t, p, size)
		}
	})
}

// checkPlace checks that a part lies where it may.
func checkPlace(t *testing.T, p Part, size int64) {
	if size < 0 {
		return
	}
	start, whole, err := p.place(size)
	if err != nil {
		if s := statusOf(err, "PUT").Status; s != 400 && s != 413 && s != 416 {
			t.Fatal(err)
		}
		return
	}
	if start < 0 || start > size || whole < size || whole < start+p.Length || whole != size && whole != start+p.Length {
		t.Fatalf("%+v in %d bytes: %d, %d", p, size, start, whole)
	}
}
