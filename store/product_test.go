package store

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func products(t *testing.T, all ...Product) *Products {
	t.Helper()
	p, err := NewProducts(all)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func product(id, category string) Product {
	p := DefaultProduct()
	p.ProductRef = ProductRef{ID: id, Category: category, Provider: "davit"}
	return p
}

func TestProducts(t *testing.T) {
	none := products(t)
	if got := none.Default().Key(); got != "davit/standard/standard" || len(none.List()) != 1 {
		t.Errorf("without configuration %q, %d products", got, len(none.List()))
	}
	late, early := product("b", "x"), product("z", "x")
	late.Priority = 5
	p := products(t, product("std", "x"), late, early, product("a", "c"))
	var order []string
	for _, one := range p.List() {
		order = append(order, one.Category+"/"+one.ID)
	}
	if got := strings.Join(order, " "); got != "c/a x/std x/z x/b" {
		t.Errorf("listed %s: want by category, priority, ID", got)
	}
	if one, ok := p.Find(ProductRef{ID: "b", Category: "x", Provider: "davit"}); !ok || one.Priority != 5 || p.Column(one) != "davit/x/b" {
		t.Errorf("found %+v, %v", one, ok)
	}
	if one, ok := p.Named("std"); !ok || p.Column(one) != "" || p.Of("") != p.Default() || p.Of("davit/x/std") != one {
		t.Errorf("the default product is %+v, %v", one, ok)
	}
	if _, ok := p.Named("nothing"); ok {
		t.Error("a product that there is not was found")
	}
	other := product("std2", "x")
	other.WorkspaceMaxBytes = 7
	away := product("far", "x")
	away.Volume = "/mnt"
	for _, bad := range [][]Product{{product("a", "x"), product("a", "x")}, {product("a", "x"), other}, {away}} {
		if _, err := NewProducts(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestProductMay(t *testing.T) {
	now := time.Unix(1000, 0)
	p := product("p", "p")
	for op := OpRead; op <= OpShare; op++ {
		if err := p.May(op, now); err != nil {
			t.Errorf("operation %d: %v", op, err)
		}
	}
	p.Support.Files.IsReadOnly, p.Support.Collection = true, CollectionSupport{}
	for op, want := range map[Operation]error{OpRead: nil, OpWrite: ErrReadOnly, OpCreate: ErrUnsupported, OpDelete: ErrUnsupported, OpRename: ErrUnsupported, OpShare: ErrUnsupported} {
		if err := p.May(op, now); !errors.Is(err, want) {
			t.Errorf("operation %d: %v, want %v", op, err, want)
		}
	}
	p.Maintenance = &Maintenance{Availability: MajorDisruption, StartsAt: now}
	if err := p.May(OpRead, now); err != nil {
		t.Errorf("during a disruption: %v", err)
	}
	p.Maintenance = &Maintenance{Availability: NoService, StartsAt: now, EstimatedEndsAt: now.Add(10 * time.Minute)}
	if err := p.May(OpRead, now.Add(-time.Second)); err != nil {
		t.Errorf("before the maintenance: %v", err)
	}
	err := p.May(OpRead, now)
	var down *MaintenanceError
	if !errors.Is(err, ErrMaintenance) || !errors.Is(err, ErrBusy) || !errors.As(err, &down) || down.RetryAfter() != 10*time.Minute {
		t.Errorf("while out of service: %v", err)
	}
	if err := p.May(OpRead, now.Add(time.Hour)); !errors.Is(err, ErrMaintenance) {
		t.Errorf("after the estimated end: %v; it is only an estimate", err)
	}
}

func TestProductLimits(t *testing.T) {
	p := product("p", "p")
	d := Limits{MaxBytes: 100, MaxFiles: 10}
	f := Folder{MaxBytes: Default, MaxFiles: Default, Limits: Limits{MaxBytes: Default, MaxFiles: 7}}
	check := func(wantBytes, wantFiles int64) {
		t.Helper()
		if b, n := p.Effective(f, d); b != wantBytes || n != wantFiles {
			t.Errorf("limits %d, %d, want %d, %d", b, n, wantBytes, wantFiles)
		}
	}
	check(100, 7)
	p.DefaultMaxBytes = 50
	check(50, 7)
	p.MostFiles = 5
	check(50, 5)
	f.MaxBytes = 0
	p.MostBytes = 80
	check(80, 5)
	for bytes, want := range map[int64]bool{Default: true, 80: true, 81: false, 0: false} {
		if err := p.CheckLimits(bytes, 5); (err == nil) != want || err != nil && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a limit of %d: %v", bytes, err)
		}
	}
}

func TestSaveProducts(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fast := product("fast", "ssd")
	fast.Volume, fast.Maintenance = "/mnt/fast", &Maintenance{Availability: NoService, StartsAt: time.Unix(5, 0).UTC()}
	if err := s.SaveProducts(t.Context(), products(t, product("std", "std"), fast)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Products(t.Context())
	if err != nil || got.Of("davit/ssd/fast").Volume != "/mnt/fast" || *got.Of("davit/ssd/fast").Maintenance != *fast.Maintenance {
		t.Fatalf("read back %+v, %v", got, err)
	}
	u, err := s.CreateUser(t.Context(), User{Name: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateFolder(t.Context(), NewFolder{Folder: Folder{OwnerID: u.ID, Title: "x", Product: "davit/ssd/fast"}}); err != nil {
		t.Fatal(err)
	}
	err = s.SaveProducts(t.Context(), products(t))
	if !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), "1 folder(s) are of the storage product davit/ssd/fast") {
		t.Errorf("a product in use was given up: %v", err)
	}
	if got, err := s.Products(t.Context()); err != nil || len(got.List()) != 2 {
		t.Errorf("after the refusal %v, %v", got, err)
	}
}
