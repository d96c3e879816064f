package server

import (
	"net/http"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// productView is a storage product as administrators see it: what the configuration says, and how full it is.
type productView struct {
	store.ProductRef
	Default     bool                `json:"default"` // of folders that name none
	Description string              `json:"description"`
	Priority    int                 `json:"priority"`
	Volume      volumeView          `json:"volume"`
	Limits      productLimits       `json:"limits"`
	Support     store.Support       `json:"support"`
	Maintenance *productMaintenance `json:"maintenance"`
	Usage       *accountUsage       `json:"usage"` // of its living folders
}

// productLimits are the limits of a product; null is none, and for the first two "default" the server's.
type productLimits struct {
	DefaultMaxBytes   any    `json:"defaultMaxBytes"`
	DefaultMaxFiles   any    `json:"defaultMaxFiles"`
	MaxBytes          *int64 `json:"maxBytes"`
	MaxFiles          *int64 `json:"maxFiles"`
	WorkspaceMaxBytes *int64 `json:"workspaceMaxBytes"`
}

// showProductsInUse shows administrators the storage products, and the limits that hold where nobody says another. Both
// are settings: nothing changes them while the server runs.
func (s *Server) showProductsInUse(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	totals, err := s.store.TotalsByProduct(c.Request().Context())
	if err != nil {
		return err
	}
	out := struct {
		Defaults accountLimits `json:"defaults"`
		Products []productView `json:"products"`
	}{s.effective(store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default}), []productView{}}
	for _, one := range s.products.List() {
		vol := s.files.VolumeOf(one)
		v := productView{
			ProductRef: one.ProductRef, Default: one == s.products.Default(), Description: one.Description, Priority: one.Priority,
			Volume:  volumeView{Directory: one.Volume, Promised: vol.Promised},
			Limits:  productLimits{ownLimit(one.DefaultMaxBytes), ownLimit(one.DefaultMaxFiles), limitOf(one.MostBytes), limitOf(one.MostFiles), limitOf(one.WorkspaceMaxBytes)},
			Support: one.Support, Maintenance: showProduct(one).Support.Maintenance, Usage: usageOut(totals[s.products.Column(one)]),
		}
		if vol.Free >= 0 {
			v.Volume.FreeBytes, v.Volume.TotalBytes = &vol.Free, &vol.Total
		}
		out.Products = append(out.Products, v)
	}
	return c.JSON(http.StatusOK, out)
}
