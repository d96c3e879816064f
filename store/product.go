package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// ProductRef names a product, in the three words that the API of file collections uses.
type ProductRef struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Provider string `json:"provider"`
}

// Key is the reference as folders.product has it: provider/category/id.
func (r ProductRef) Key() string { return r.Provider + "/" + r.Category + "/" + r.ID }

// CategoryKey names the product's category, which workspaces have limits in: provider/category.
func (r ProductRef) CategoryKey() string { return r.Provider + "/" + r.Category }

// Product is a tier of storage that folders are made of: where their bytes lie, what limits they
// have, and what may be done with them. Products come from the configuration; see Products.
type Product struct {
	ProductRef
	Description string
	Volume      string // directory that holds the folders; "" is the data directory
	Priority    int    // place among the products of its category, lowest first

	DefaultMaxBytes, DefaultMaxFiles int64 // of folders that ask for nothing: a limit, or Default for the server's
	MostBytes, MostFiles             int64 // the largest limits that a folder may be given; 0: any
	WorkspaceMaxBytes                int64 // all folders of one workspace in the category together; 0: no limit

	Support     Support
	Maintenance *Maintenance // nil: none
}

// Support says what the storage can do, in the words of the API of file collections.
type Support struct {
	Stats      StatsSupport      `json:"stats"`
	Collection CollectionSupport `json:"collection"`
	Files      FilesSupport      `json:"files"`
}

// StatsSupport says which facts about a file are told.
type StatsSupport struct {
	SizeInBytes                  bool `json:"sizeInBytes"`
	SizeIncludingChildrenInBytes bool `json:"sizeIncludingChildrenInBytes"`
	ModifiedAt                   bool `json:"modifiedAt"`
	CreatedAt                    bool `json:"createdAt"`
	AccessedAt                   bool `json:"accessedAt"`
	UnixPermissions              bool `json:"unixPermissions"`
	UnixOwner                    bool `json:"unixOwner"`
	UnixGroup                    bool `json:"unixGroup"`
}

// CollectionSupport says what users may do with the folders themselves. Administrators' commands are not bound by it.
type CollectionSupport struct {
	ACLModifiable  bool `json:"aclModifiable"`
	UsersCanCreate bool `json:"usersCanCreate"`
	UsersCanDelete bool `json:"usersCanDelete"`
	UsersCanRename bool `json:"usersCanRename"`
}

// FilesSupport says what can be done with the files in them.
type FilesSupport struct {
	ACLModifiable            bool `json:"aclModifiable"`
	TrashSupported           bool `json:"trashSupported"`
	IsReadOnly               bool `json:"isReadOnly"`
	SearchSupported          bool `json:"searchSupported"`
	StreamingSearchSupported bool `json:"streamingSearchSupported"`
	SharesSupported          bool `json:"sharesSupported"`
	OpenInTerminal           bool `json:"openInTerminal"`
}

// FullSupport is what Davit can do. A product's Support may say less, never more.
func FullSupport() Support {
	return Support{
		Stats:      StatsSupport{SizeInBytes: true, SizeIncludingChildrenInBytes: true, ModifiedAt: true, CreatedAt: true, UnixPermissions: true, UnixOwner: true, UnixGroup: true},
		Collection: CollectionSupport{ACLModifiable: true, UsersCanCreate: true, UsersCanDelete: true, UsersCanRename: true},
		Files:      FilesSupport{TrashSupported: true, SearchSupported: true},
	}
}

// Availability says how much a maintenance disturbs.
type Availability string

// The availabilities. Only NoService is enforced; the others are told.
const (
	MinorDisruption Availability = "MINOR_DISRUPTION"
	MajorDisruption Availability = "MAJOR_DISRUPTION"
	NoService       Availability = "NO_SERVICE"
)

// Maintenance is announced work on a product's storage.
type Maintenance struct {
	Description     string
	Availability    Availability
	StartsAt        time.Time
	EstimatedEndsAt time.Time // zero: not known. A NoService goes on until the configuration says otherwise.
}

// Operation is something that a product may not support.
type Operation int

// The operations that Product.May knows.
const (
	OpRead   Operation = iota // the files
	OpWrite                   // files: make, change, delete
	OpCreate                  // a folder of the product
	OpDelete                  // a folder
	OpRename                  // a folder
	OpShare                   // change a folder's access list
)

// Down is the maintenance that keeps the product out of service now, or nil.
func (p *Product) Down(now time.Time) *Maintenance {
	if m := p.Maintenance; m != nil && m.Availability == NoService && !now.Before(m.StartsAt) {
		return m
	}
	return nil
}

// May says whether the product allows an operation now: *MaintenanceError while it is out of service,
// ErrReadOnly, ErrUnsupported. It is the one place that knows (every door asks); who may do it is auth.Rights's matter.
func (p *Product) May(op Operation, now time.Time) error {
	if p.Maintenance != nil {
		if m := p.Down(now); m != nil {
			return &MaintenanceError{Product: p.ProductRef, Maintenance: *m, now: now}
		}
	}
	c := &p.Support.Collection
	switch {
	case op == OpRead:
	case op == OpWrite && p.Support.Files.IsReadOnly:
		return explain(ErrReadOnly, "the storage product %s is read-only", p.ID)
	case op == OpCreate && !c.UsersCanCreate:
		return explain(ErrUnsupported, "folders of the storage product %s are not made by users", p.ID)
	case op == OpDelete && !c.UsersCanDelete:
		return explain(ErrUnsupported, "folders of the storage product %s are not deleted by users", p.ID)
	case op == OpRename && !c.UsersCanRename:
		return explain(ErrUnsupported, "folders of the storage product %s are not renamed by users", p.ID)
	case op == OpShare && !c.ACLModifiable:
		return explain(ErrUnsupported, "access lists of the storage product %s are not changed by users", p.ID)
	}
	return nil
}

// MaintenanceError says that a product is out of service. It is an ErrMaintenance.
type MaintenanceError struct {
	Product     ProductRef
	Maintenance Maintenance
	now         time.Time
}

func (e *MaintenanceError) Error() string {
	text := fmt.Sprintf("the storage product %s is out of service", e.Product.ID)
	if d := e.Maintenance.Description; d != "" {
		text += ": " + d
	}
	if end := e.Maintenance.EstimatedEndsAt; !end.IsZero() {
		text += ", probably until " + end.UTC().Format(time.RFC3339)
	}
	return text
}

// Unwrap makes it an ErrMaintenance.
func (e *MaintenanceError) Unwrap() error { return ErrMaintenance }

// RetryAfter is when to ask again: at the estimated end, but not later than in an hour.
func (e *MaintenanceError) RetryAfter() time.Duration {
	const unknown, soonest, latest = 5 * time.Minute, 30 * time.Second, time.Hour
	if e.Maintenance.EstimatedEndsAt.IsZero() {
		return unknown
	}
	return min(max(e.Maintenance.EstimatedEndsAt.Sub(e.now), soonest), latest)
}

// Effective are the limits of a folder of the product: its own, else its owner's, else the product's, else d; never more
// than the product gives. 0 means none.
func (p *Product) Effective(f Folder, d Defaults) (maxBytes, maxFiles int64) {
	if p.DefaultMaxBytes != Default {
		d.MaxBytes = p.DefaultMaxBytes
	}
	if p.DefaultMaxFiles != Default {
		d.MaxFiles = p.DefaultMaxFiles
	}
	most := func(n, most int64) int64 {
		if most > 0 && (n == 0 || n > most) {
			return most
		}
		return n
	}
	maxBytes, maxFiles = f.Effective(d)
	return most(maxBytes, p.MostBytes), most(maxFiles, p.MostFiles)
}

// CheckLimits returns fs.ErrInvalid for limits that no folder of the product may be given. Default is one
// that may: see Effective.
func (p *Product) CheckLimits(maxBytes, maxFiles int64) error {
	if p.MostBytes > 0 && (maxBytes == 0 || maxBytes > p.MostBytes) {
		return explain(fs.ErrInvalid, "the storage product %s gives a folder at most %d bytes", p.ID, p.MostBytes)
	}
	if p.MostFiles > 0 && (maxFiles == 0 || maxFiles > p.MostFiles) {
		return explain(fs.ErrInvalid, "the storage product %s gives a folder at most %d files", p.ID, p.MostFiles)
	}
	return nil
}

// Products are the tiers that there are. It does not change, and its methods are safe for concurrent use.
type Products struct {
	all   []Product // the first is the default
	byKey map[string]*Product
}

// DefaultProduct is the only one where the configuration names none.
func DefaultProduct() Product {
	return Product{ProductRef: ProductRef{ID: "standard", Category: "standard", Provider: "davit"}, Description: "Standard storage",
		DefaultMaxBytes: Default, DefaultMaxFiles: Default, Support: FullSupport()}
}

// NewProducts checks products; the first is the default one, and none at all means DefaultProduct. The error says
// which product is wrong.
func NewProducts(all []Product) (*Products, error) {
	if len(all) == 0 {
		all = []Product{DefaultProduct()}
	}
	p := &Products{all: slices.Clone(all), byKey: make(map[string]*Product, len(all))}
	quotas := map[string]int64{}
	for i := range p.all {
		one := &p.all[i]
		if p.byKey[one.Key()] != nil {
			return nil, fmt.Errorf("there is a second product %s", one.Key())
		}
		p.byKey[one.Key()] = one
		quota, seen := quotas[one.CategoryKey()]
		if seen && quota != one.WorkspaceMaxBytes {
			return nil, fmt.Errorf("the products of category %s have different quotas of workspaces", one.CategoryKey())
		}
		quotas[one.CategoryKey()] = one.WorkspaceMaxBytes
	}
	if p.all[0].Volume != "" {
		return nil, fmt.Errorf("product %s is the default one and cannot have a volume: folders without a product lie in the data directory", p.all[0].Key())
	}
	return p, nil
}

// Default is the product of folders that name none.
func (p *Products) Default() *Product { return &p.all[0] }

// List gives the products in the order of clients' lists: provider, category, priority, ID.
func (p *Products) List() []*Product {
	list := make([]*Product, len(p.all))
	for i := range p.all {
		list[i] = &p.all[i]
	}
	slices.SortStableFunc(list, func(a, b *Product) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Find returns the product of a reference.
func (p *Products) Find(ref ProductRef) (*Product, bool) {
	one, ok := p.byKey[ref.Key()]
	return one, ok
}

// Named finds a product by what people write: its key, or its ID if no other product has it. "" is the default.
func (p *Products) Named(name string) (*Product, bool) {
	if name == "" {
		return p.Default(), true
	}
	if one := p.byKey[name]; one != nil {
		return one, true
	}
	var found *Product
	for i := range p.all {
		if p.all[i].ID == name {
			if found != nil {
				return nil, false
			}
			found = &p.all[i]
		}
	}
	return found, found != nil
}

// Of is the product of a folder, by its column: "" is the default one. One that is not there any more, which
// only commands beside the server meet, comes back as a product that can do nothing.
func (p *Products) Of(column string) *Product {
	if column == "" {
		return p.Default()
	}
	if one := p.byKey[column]; one != nil {
		return one
	}
	return &Product{ProductRef: ProductRef{ID: column}}
}

// Column is what a folder of the product has in its row: "" for the default one, so that a change of names does not
// strand the folders that never named it.
func (p *Products) Column(one *Product) string {
	if one.Key() == p.Default().Key() {
		return ""
	}
	return one.Key()
}

// HasCategory says whether a product is of the category, given as CategoryKey.
func (p *Products) HasCategory(key string) bool {
	return slices.ContainsFunc(p.all, func(one Product) bool { return one.CategoryKey() == key })
}

// Volumes are the directories that folders lie in, the data directory, "", first.
func (p *Products) Volumes() []string {
	dirs := []string{""}
	for _, one := range p.all {
		if !slices.Contains(dirs, one.Volume) {
			dirs = append(dirs, one.Volume)
		}
	}
	return dirs
}

const productsSetting = "products"

// SaveProducts notes which products the server runs with, for the commands beside it. fs.ErrInvalid, with nothing
// changed, if folders are of a product that is not among them: their bytes would be lost from sight.
func (s *Store) SaveProducts(ctx context.Context, p *Products) error {
	text, err := json.Marshal(p.all)
	if err != nil {
		return err
	}
	return s.write(ctx, durable, func(t tx) error {
		used, err := collect[productUse](t.query(`SELECT product, COUNT(*) FROM folders WHERE product <> '' GROUP BY product ORDER BY product`))(scanProductUse)
		if err != nil {
			return err
		}
		var errs []error
		for _, u := range used {
			if p.byKey[u.product] == nil {
				errs = append(errs, explain(fs.ErrInvalid, "%d folder(s) are of the storage product %s, which the configuration does not name (any more)", u.folders, u.product))
			}
		}
		if errs != nil {
			return errors.Join(errs...)
		}
		_, err = t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE settings.value <> excluded.value`, productsSetting, string(text))
		return err
	})
}

type productUse struct {
	product string
	folders int64
}

func scanProductUse(r row) (u productUse, err error) {
	err = r.Scan(&u.product, &u.folders)
	return u, err
}

// Products returns what SaveProducts noted; before the first start, the default.
func (s *Store) Products(ctx context.Context) (*Products, error) {
	text, err := s.Setting(ctx, productsSetting)
	if errors.Is(err, fs.ErrNotExist) {
		return NewProducts(nil)
	}
	if err != nil {
		return nil, err
	}
	var all []Product
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("noted products: %w", err)
	}
	return NewProducts(all)
}
