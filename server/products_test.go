package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"davit/davfs"
	"davit/store"
)

func TestProductsFromTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "davit.yaml")
	text := `
listen: 127.0.0.1:1
products:
  - id: std
    category: disk
    description: Disks, mirrored
    workspace-max-bytes: 1TB
  - id: fast
    category: ssd
    provider: acme
    volume: mnt/fast
    priority: 3
    default-max-bytes: 2GiB
    default-max-files: 0
    max-bytes: 4GiB
    stats: {created-at: false}
    collection:
      users-can-rename: false
    files:
      is-read-only: true
    maintenance:
      description: new disks
      availability: NO_SERVICE
      starts-at: 2026-12-01T06:00:00Z
      estimated-ends-at: "2026-12-01T08:00:00+01:00"
  - id: slow
dav:
  lock-timeout: 10m
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := parse("--config", file)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Serve.Products
	if len(got) != 3 || c.Serve.DAV.LockTimeout != Duration(10*time.Minute) {
		t.Fatalf("products %+v", got)
	}
	if p := got[0]; p.Key() != "davit/disk/std" || p.WorkspaceMaxBytes != 1e12 || p.DefaultMaxBytes != store.Default || p.Support != store.FullSupport() || p.Description != "Disks, mirrored" {
		t.Errorf("the first is %+v", p)
	}
	p := got[1]
	if p.Key() != "acme/ssd/fast" || p.Volume != filepath.Join(filepath.Dir(file), "mnt/fast") || p.Priority != 3 || p.DefaultMaxBytes != 2<<30 || p.DefaultMaxFiles != 0 || p.MostBytes != 4<<30 {
		t.Errorf("the second is %+v", p)
	}
	if p.Support.Stats.CreatedAt || p.Support.Collection.UsersCanRename || !p.Support.Collection.UsersCanCreate || !p.Support.Files.IsReadOnly || !p.Support.Files.TrashSupported {
		t.Errorf("the second supports %+v", p.Support)
	}
	if m := p.Maintenance; m == nil || m.Availability != store.NoService || m.EstimatedEndsAt.Sub(m.StartsAt) != time.Hour {
		t.Errorf("the second's maintenance is %+v", p.Maintenance)
	}
	if got[2].Key() != "davit/slow/slow" {
		t.Errorf("the third is %+v", got[2])
	}
}

func TestWrongProducts(t *testing.T) {
	for text, want := range map[string]string{
		"products: fast":                                                                        ":1: want a list",
		"products:\n- fast":                                                                     ":2: want \"key: value\"",
		"products:\n- category: x":                                                              ":2: a product needs an \"id\"",
		"products:\n- id: a\n  idd: b":                                                          ":3: unknown key \"idd\"; there are category, collection,",
		"products:\n- id: a\n  id: b":                                                           ":3: a second \"id\"",
		"products:\n- id: a/b":                                                                  ":2: id: \"a/b\": want 1 to 64 letters",
		"products:\n- id: a\n  max-bytes: 5XB":                                                  ":3: max-bytes: \"5XB\" is not a size",
		"products:\n- id: a\n  max-files: default":                                              ":3: max-files: there is no default",
		"products:\n- id: a\n  max-bytes: [1]":                                                  ":3: max-bytes: want a plain value",
		"products:\n- id: a\n  max-bytes: 5\n  default-max-bytes: 6":                            ":2: product \"a\": the default limits are larger",
		"products:\n- id: a\n  priority: high":                                                  ":3: priority: ",
		"products:\n- id: a\n  files:\n    is-read-only: maybe":                                 ":4: is-read-only: \"maybe\" is not true or false",
		"products:\n- id: a\n  files:\n    shares-supported: true":                              ":4: shares-supported: Davit cannot do this",
		"products:\n- id: a\n  files: none":                                                     ":3: want \"key: value\"",
		"products:\n- id: a\n- id: a":                                                           ":3: there is a second product davit/a/a",
		"products:\n- id: a\n  volume: /mnt":                                                    ":2: product davit/a/a is the default one and cannot have a volume",
		"products:\n- id: a\n  maintenance: {availability: NEVER}":                              ":3: maintenance: availability is \"NEVER\"",
		"products:\n- id: a\n  maintenance: {availability: NO_SERVICE}":                         ":3: maintenance: \"starts-at\" is missing",
		"products:\n- id: a\n  maintenance:\n    availability: NO_SERVICE\n    starts-at: soon": ":5: starts-at: ",
		"products:\n- id: a\n  category: c\n- id: b\n  category: c\n  workspace-max-bytes: 1G":  ":4: the products of category davit/c have different quotas",
		"products:\n- id: a\n  maintenance: {availability: NO_SERVICE, starts-at: 2026-12-02T00:00:00Z, estimated-ends-at: 2026-12-01T00:00:00Z}": "is before",
	} {
		file := filepath.Join(t.TempDir(), "davit.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := parse("--config", file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := parse("--products", "x"); err == nil || !strings.Contains(err.Error(), "file of --config only") {
		t.Errorf("--products: %v", err)
	}
}

// productOptions gives a house products beside the default one.
func productOptions(t *testing.T, change func(fast *store.Product), more ...store.Product) func(*davfs.Options) {
	t.Helper()
	fast := store.DefaultProduct()
	fast.ProductRef = store.ProductRef{ID: "fast", Category: "ssd", Provider: "davit"}
	change(&fast)
	products, err := store.NewProducts(append([]store.Product{store.DefaultProduct(), fast}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *davfs.Options) { o.Products = products }
}

// folderOf makes a folder of a product for the caller.
func (c *caller) folderOf(title, product string) string {
	c.t.Helper()
	f, err := c.files.CreateFolder(c.t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: c.user.ID, Title: title, Product: product, MaxBytes: store.Default, MaxFiles: store.Default}})
	if err != nil {
		c.t.Fatal(err)
	}
	return f.ID
}

func TestUCL33_ReadOnlyProduct(t *testing.T) {
	h := newHouseWith(t, productOptions(t, func(fast *store.Product) { fast.Support.Files.IsReadOnly = true }))
	ann := h.caller("ann")
	id := ann.folderOf("x", "fast")
	for method, status := range map[string]int{"PUT": 403, "MKCOL": 403, "LOCK": 403, "PROPPATCH": 403, "DELETE": 403, "GET": 404} {
		if a := ann.call(method, "/dav/"+id+"/a", ""); a.status != status || status == 403 && !strings.Contains(a.body, "read-only") {
			t.Errorf("%s: %d %s, want %d", method, a.status, a.body, status)
		}
	}
	other := ann.create("other")
	if a := ann.call("PUT", "/dav/"+other+"/a", "x"); a.status != 201 {
		t.Errorf("PUT into a folder of another product: %d", a.status)
	}
	if a := ann.call("POST", "/folders/"+other+"/clone", `{"target_name":"twin","target_host":"davit:fast"}`); a.status != 403 || !strings.Contains(a.body, "read-only") {
		t.Errorf("a clone with files: %d %s", a.status, a.body)
	}
	if a := ann.call("POST", "/folders/"+id+"/clone", `{"target_name":"out","target_host":"local"}`); a.status != 201 {
		t.Errorf("a clone of what may be read: %d %s", a.status, a.body)
	}
}

func TestUCL33_ProductOutOfService(t *testing.T) {
	options := productOptions(t, func(fast *store.Product) {
		fast.Maintenance = &store.Maintenance{Description: "new disks", Availability: store.NoService, StartsAt: then.Add(time.Hour), EstimatedEndsAt: then.Add(time.Hour + 10*time.Minute)}
	})
	now := &clock{t: then}
	h := newHouseWith(t, func(o *davfs.Options) { options(o); o.Now = now.now })
	ann := h.caller("ann")
	id := ann.folderOf("x", "davit/ssd/fast")
	if a := ann.call("PUT", "/dav/"+id+"/a", "x"); a.status != 201 {
		t.Fatalf("before the maintenance: %d %s", a.status, a.body)
	}
	now.set(then.Add(time.Hour))
	for _, method := range []string{"PUT", "GET", "PROPFIND", "LOCK"} {
		a := ann.call(method, "/dav/"+id+"/a", "")
		if a.status != 503 || a.header.Get("Retry-After") != "600" || !strings.Contains(a.body, "new disks") {
			t.Errorf("%s: %d, Retry-After %q, %s", method, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	if a := ann.call("GET", "/v2/folder/"+ann.create("other"), ""); a.status != 200 {
		t.Errorf("a folder of another product: %d", a.status)
	}
}

func TestUCL45_ProductsThatUsersDoNotManage(t *testing.T) {
	h := newHouseWith(t, productOptions(t, func(fast *store.Product) { fast.Support.Collection = store.CollectionSupport{} }))
	ann := h.caller("ann")
	id := ann.folderOf("x", "fast") // by nobody: a command
	if a := ann.call("DELETE", "/v2/folder/"+id, ""); a.status != 403 || !strings.Contains(a.body, "not deleted by users") {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	ctx := store.WithActor(t.Context(), store.Actor{UserID: ann.user.ID, UserName: "ann", Door: "collections"})
	_, err := h.files.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: ann.user.ID, Title: "y", Product: "fast"}})
	if !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a user makes one: %v", err)
	}
	if got := h.titles(); len(got) != 1 {
		t.Errorf("folders %q", got)
	}
	if status, code := commonOf(err, 403); status != 400 || code != codeUnsupported {
		t.Errorf("collections answer %d %s", status, code)
	}
}
