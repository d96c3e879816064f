package store

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyFolders makes n folders of three users and a project with limits, titles and contents of all kinds.
func manyFolders(tb testing.TB, s *Store, products *Products, n int) {
	tb.Helper()
	ctx := tb.Context()
	r := rand.New(rand.NewPCG(1, 2))
	limit := func() int64 { return []int64{Default, 0, 1, 100, 1 << 40}[r.IntN(5)] }
	var users []User
	for _, name := range []string{"Ann", "bob", "cleo"} {
		u, err := s.CreateUser(ctx, User{Name: name, Limits: Limits{MaxFolders: 0, MaxBytes: limit(), MaxFiles: limit()}})
		if err != nil {
			tb.Fatal(err)
		}
		users = append(users, u)
	}
	project, err := s.CreateProject(ctx, Project{Title: "Beehive", Limits: Limits{MaxFolders: 0, MaxBytes: limit(), MaxFiles: limit()}}, users[0].ID)
	if err != nil {
		tb.Fatal(err)
	}
	var all []NewFolder
	for i := range n {
		f := Folder{
			OwnerID: users[r.IntN(3)].ID, Title: fmt.Sprintf("%s %d", []string{"Data", "data", "50%_off", "Ärzte"}[r.IntN(4)], i/3),
			Product: products.Column(products.List()[r.IntN(len(products.all))]), MaxBytes: limit(), MaxFiles: limit(),
		}
		if r.IntN(4) == 0 {
			f.ProjectID = project.ID
		}
		all = append(all, NewFolder{Folder: f})
	}
	made, err := s.CreateFolders(ctx, all)
	if err != nil {
		tb.Fatal(err)
	}
	var usages []FolderUsage
	for _, f := range made {
		usages = append(usages, FolderUsage{ID: f.ID, Usage: Usage{Bytes: r.Int64N(200), Files: r.Int64N(200)}, LastUsed: time.Unix(r.Int64N(9)+1e9, 0)})
	}
	if err := s.SaveUsage(ctx, usages); err != nil {
		tb.Fatal(err)
	}
	for i, f := range made[:min(n, 400)] {
		switch i % 10 {
		case 3:
			err = s.RequestRescan(ctx, f.ID)
		case 7:
			err = s.DeleteFolder(ctx, f.ID, time.Now().Add(time.Hour))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func twoProducts(tb testing.TB) *Products {
	fast := DefaultProduct()
	fast.ID, fast.DefaultMaxBytes, fast.MostBytes, fast.MostFiles, fast.Volume = "fast", 150, 120, 90, "/fast"
	products, err := NewProducts([]Product{DefaultProduct(), fast})
	if err != nil {
		tb.Fatal(err)
	}
	return products
}

// Every folder comes once, in every order, in both directions, in pages; and limits are those of Product.Effective.
func TestListFolders(t *testing.T) {
	s := openNew(t)
	ctx := t.Context()
	products, d := twoProducts(t), Defaults{MaxFolders: 10, MaxBytes: 130, MaxFiles: 170}
	manyFolders(t, s, products, 400)
	maxBytes := func(f Folder) int64 {
		n, _ := products.Of(f.Product).Effective(f, d)
		if n == 0 {
			return math.MaxInt64
		}
		return n
	}
	share := func(f Folder) float64 {
		bytes, files := products.Of(f.Product).Effective(f, d)
		part := func(used, limit int64) float64 {
			if limit == 0 {
				return 0
			}
			return float64(used) / float64(limit)
		}
		return max(part(f.Usage.Bytes, bytes), part(f.Usage.Files, files))
	}
	compare := map[FolderOrder]func(x, y Folder) int{
		ByID:    func(x, y Folder) int { return 0 },
		ByTitle: func(x, y Folder) int { return cmp.Compare(lowerASCII(x.Title), lowerASCII(y.Title)) },
		ByOwner: func(x, y Folder) int {
			return cmp.Compare(lowerASCII(cmp.Or(x.ProjectTitle, x.OwnerName)), lowerASCII(cmp.Or(y.ProjectTitle, y.OwnerName)))
		},
		ByBytes:    func(x, y Folder) int { return cmp.Compare(x.Usage.Bytes, y.Usage.Bytes) },
		ByFiles:    func(x, y Folder) int { return cmp.Compare(x.Usage.Files, y.Usage.Files) },
		ByMaxBytes: func(x, y Folder) int { return cmp.Compare(maxBytes(x), maxBytes(y)) },
		ByShare:    func(x, y Folder) int { return cmp.Compare(share(x), share(y)) },
		ByLastUsed: func(x, y Folder) int { return x.LastUsed.Compare(y.LastUsed) },
		ByDeleted:  func(x, y Folder) int { return x.Deleted.Compare(y.Deleted) },
	}
	list := func(w FolderList, limit int) (all []Folder) {
		t.Helper()
		w.Products, w.Defaults = products, d
		for after := ""; ; {
			page, next, err := s.ListFolders(ctx, w, after, limit)
			if err != nil || len(page) > limit || next != "" && len(page) < limit {
				t.Fatalf("%+v: %d folders, next %q, %v", w, len(page), next, err)
			}
			all = append(all, page...)
			if after = next; after == "" {
				return all
			}
		}
	}
	ids := func(all []Folder) (ids []string) {
		for _, f := range all {
			ids = append(ids, f.ID)
		}
		return ids
	}
	whole := list(FolderList{}, 1000)
	if len(whole) != 400 {
		t.Fatalf("%d folders", len(whole))
	}
	for _, name := range FolderOrders() {
		by := compare[FolderOrder(name)]
		if by == nil {
			t.Fatalf("order %s is not tested", name)
		}
		want := slices.Clone(whole)
		slices.SortFunc(want, func(x, y Folder) int { return cmp.Or(by(x, y), cmp.Compare(x.ID, y.ID)) })
		for _, limit := range []int{1000, 7} {
			if got := list(FolderList{By: FolderOrder(name)}, limit); !slices.Equal(ids(got), ids(want)) {
				t.Errorf("by %s, %d a page: another order", name, limit)
			}
			back := list(FolderList{By: FolderOrder(name), Down: true}, limit)
			slices.Reverse(back)
			if !slices.Equal(ids(back), ids(want)) {
				t.Errorf("by %s down, %d a page: another order", name, limit)
			}
		}
	}
	// Filters.
	yes, no := true, false
	column := products.Column(products.List()[0])
	for name, c := range map[string]struct {
		w    FolderList
		want func(Folder) bool
	}{
		"full":     {FolderList{State: StateFull}, func(f Folder) bool { return f.Deleted.IsZero() && share(f) >= 1 }},
		"near":     {FolderList{State: StateNear}, func(f Folder) bool { return f.Deleted.IsZero() && share(f) >= nearShare && share(f) < 1 }},
		"counting": {FolderList{State: StateCounting}, func(f Folder) bool { return f.Deleted.IsZero() && f.Rescan.After(f.Scanned) }},
		"deleted":  {FolderList{FolderFilter: FolderFilter{Deleted: &yes}, By: ByDeleted}, func(f Folder) bool { return !f.Deleted.IsZero() }},
		"living":   {FolderList{FolderFilter: FolderFilter{Deleted: &no}}, func(f Folder) bool { return f.Deleted.IsZero() }},
		"title":    {FolderList{FolderFilter: FolderFilter{Title: "DATA"}}, func(f Folder) bool { return strings.HasPrefix(lowerASCII(f.Title), "data") }},
		"product":  {FolderList{FolderFilter: FolderFilter{Product: &column}}, func(f Folder) bool { return f.Product == column }},
		"query":    {FolderList{Query: "50%_"}, func(f Folder) bool { return strings.HasPrefix(f.Title, "50%_") }},
		"owner":    {FolderList{Query: "ANN"}, func(f Folder) bool { return f.ProjectID == "" && f.OwnerName == "Ann" }},
		"project":  {FolderList{Query: "beeh"}, func(f Folder) bool { return f.ProjectID != "" }},
		"ID":       {FolderList{Query: whole[9].ID}, func(f Folder) bool { return f.ID == whole[9].ID }},
		"none":     {FolderList{Query: "zzz"}, func(Folder) bool { return false }},
	} {
		var want []Folder
		for _, f := range whole {
			if c.want(f) {
				want = append(want, f)
			}
		}
		got := list(c.w, 7)
		slices.SortFunc(got, func(x, y Folder) int { return cmp.Compare(x.ID, y.ID) })
		if !slices.Equal(ids(got), ids(want)) || len(want) == 0 && name != "none" {
			t.Errorf("%s: %d folders, want %d", name, len(got), len(want))
		}
	}
	// A page that begins nowhere is the first.
	for _, by := range FolderOrders() {
		if page, _, err := s.ListFolders(ctx, FolderList{By: FolderOrder(by), Products: products}, "x", 3); err != nil || len(page) != 3 {
			t.Errorf("by %s: %d, %v", by, len(page), err)
		}
	}
	// Sums.
	var want FolderSums
	for _, f := range whole {
		if !f.Deleted.IsZero() {
			want.Deleted++
			want.DeletedBytes += f.Usage.Bytes
			continue
		}
		want.Folders++
		want.Bytes += f.Usage.Bytes
		want.Files += f.Usage.Files
		if share(f) >= 1 {
			want.Full++
		} else if share(f) >= nearShare {
			want.Near++
		}
		if f.Rescan.After(f.Scanned) {
			want.Counting++
		}
	}
	if got, err := s.FolderSums(ctx, products, d); err != nil || got != want {
		t.Errorf("sums %+v, %v, want %+v", got, err, want)
	}
}

func BenchmarkListFolders(b *testing.B) {
	s := openNew(b)
	products, d := twoProducts(b), Defaults{MaxFolders: 0, MaxBytes: 130, MaxFiles: 170}
	manyFolders(b, s, products, 10000)
	for _, by := range []FolderOrder{ByTitle, ByOwner, ByBytes, ByShare} {
		b.Run(string(by), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := s.ListFolders(b.Context(), FolderList{By: by, Down: true, Products: products, Defaults: d}, "", 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("sums", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.FolderSums(b.Context(), products, d); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// lowerASCII is lower() of SQLite.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
