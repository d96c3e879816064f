package server

import (
	"encoding/json"
	"time"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// How the API of file collections shows storage products.

// productModel is a product in the API's older words: name is what references call id. Davit
// has no prices; quotas are the workspaces'.
type productModel struct {
	Balance                     *int64          `json:"balance"`
	MaxUsableBalance            *int64          `json:"maxUsableBalance"`
	Name                        string          `json:"name"`
	PricePerUnit                int64           `json:"pricePerUnit"`
	Category                    productCategory `json:"category"`
	Description                 string          `json:"description"`
	Priority                    int             `json:"priority"`
	Version                     int             `json:"version"`
	FreeToUse                   bool            `json:"freeToUse"`
	AllowAllocationRequestsFrom string          `json:"allowAllocationRequestsFrom"`
	UnitOfPrice                 string          `json:"unitOfPrice"`
	ChargeType                  string          `json:"chargeType"`
	HiddenInGrantApplications   bool            `json:"hiddenInGrantApplications"`
	ProductType                 string          `json:"productType"`
}

type productCategory struct {
	Name     string `json:"name"`
	Provider string `json:"provider"`
}

// productSupport is what can be done with folders of a product.
type productSupport struct {
	Product store.ProductRef `json:"product"`
	store.Support
	Maintenance *productMaintenance `json:"maintenance"`
}

type productMaintenance struct {
	Description     string             `json:"description"`
	Availability    store.Availability `json:"availability"`
	StartsAt        int64              `json:"startsAt"`
	EstimatedEndsAt *int64             `json:"estimatedEndsAt"`
}

// resolvedSupport is a product with all that is to be known of it. Features says the same as
// support, in the words of newer clients.
type resolvedSupport struct {
	Product  productModel   `json:"product"`
	Support  productSupport `json:"support"`
	Features []string       `json:"features"`
}

// shownProduct is a product, written out: it does not change while the server runs.
type shownProduct struct {
	model, support json.RawMessage
}

func showProduct(p *store.Product) resolvedSupport {
	r := resolvedSupport{
		Product: productModel{
			Name: p.ID, PricePerUnit: 1, Category: productCategory{p.Category, p.Provider}, Description: p.Description,
			Priority: p.Priority, Version: 1, FreeToUse: true, AllowAllocationRequestsFrom: "ALL", UnitOfPrice: "PER_UNIT",
			ChargeType: "DIFFERENTIAL_QUOTA", ProductType: "STORAGE",
		},
		Support:  productSupport{Product: p.ProductRef, Support: p.Support},
		Features: featuresOf(p.Support),
	}
	if m := p.Maintenance; m != nil {
		r.Support.Maintenance = &productMaintenance{m.Description, m.Availability, m.StartsAt.UnixMilli(), millisOrNull(m.EstimatedEndsAt)}
	}
	return r
}

func millisOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// featuresOf gives the names that newer clients know features by.
func featuresOf(s store.Support) []string {
	features := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"drive.stats.size", s.Stats.SizeInBytes},
		{"drive.stats.recursiveSize", s.Stats.SizeIncludingChildrenInBytes},
		{"drive.stats.timestamps", s.Stats.ModifiedAt || s.Stats.CreatedAt || s.Stats.AccessedAt},
		{"drive.stats.unix", s.Stats.UnixPermissions || s.Stats.UnixOwner || s.Stats.UnixGroup},
		{"drive.ops.trash", s.Files.TrashSupported},
		{"drive.ops.readOnly", s.Files.IsReadOnly},
		{"drive.ops.search", s.Files.SearchSupported},
		{"drive.ops.streamingSearch", s.Files.StreamingSearchSupported},
		{"drive.ops.shares", s.Files.SharesSupported},
		{"drive.ops.terminal", s.Files.OpenInTerminal},
		{"drive.acl", s.Collection.ACLModifiable},
		{"drive.management", s.Collection.UsersCanCreate && s.Collection.UsersCanRename},
		{"drive.deletion", s.Collection.UsersCanDelete},
	} {
		if f.has {
			features = append(features, f.name)
		}
	}
	return features
}

// showProducts writes all products out, by key.
func showProducts(products *store.Products) map[string]shownProduct {
	all := make(map[string]shownProduct)
	for _, p := range products.List() {
		all[p.Key()] = writeOut(p)
	}
	return all
}

func writeOut(p *store.Product) shownProduct {
	r := showProduct(p)
	model, err := json.Marshal(r.Product)
	if err != nil {
		panic(err) // texts and numbers
	}
	support, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return shownProduct{model, support}
}

// productFor is the product of a folder.
func (s *Server) productFor(f store.Folder) *store.Product { return s.products.Of(f.Product) }

// retrieveCollectionProducts lists the products, by provider.
func (s *Server) retrieveCollectionProducts(c echo.Context, _ store.Principal) error {
	byProvider := make(map[string][]resolvedSupport)
	for _, p := range s.products.List() {
		byProvider[p.Provider] = append(byProvider[p.Provider], showProduct(p))
	}
	return answerJSON(c, map[string]any{"productsByProvider": byProvider})
}
