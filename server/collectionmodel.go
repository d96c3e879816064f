package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// How the API of file collections shows a folder.

type collection struct {
	ID                  string                `json:"id"`
	Specification       collectionSpec        `json:"specification"`
	CreatedAt           int64                 `json:"createdAt"` // milliseconds, as all times here
	Status              collectionStatus      `json:"status"`
	Updates             []collectionUpdate    `json:"updates"`
	Owner               collectionOwner       `json:"owner"`
	Permissions         collectionPermissions `json:"permissions"`
	ProviderGeneratedID *string               `json:"providerGeneratedId"`
}

type collectionSpec struct {
	Title   string            `json:"title"`
	Product store.ProductRef  `json:"product"`
	Labels  map[string]string `json:"labels"`
}

type collectionStatus struct {
	ResolvedSupport json.RawMessage `json:"resolvedSupport"`
	ResolvedProduct json.RawMessage `json:"resolvedProduct"`
	PreferredDrive  bool            `json:"preferredDrive"`
	Usage           collectionUsage `json:"usage"`
}

// collectionUsage is Davit's own part of the answer (D33). A limit of null means that there is none.
type collectionUsage struct {
	Bytes     int64  `json:"bytes"`
	Files     int64  `json:"files"`
	Reserved  int64  `json:"reserved"`
	MaxBytes  *int64 `json:"maxBytes"`
	MaxFiles  *int64 `json:"maxFiles"`
	Available int64  `json:"available"`
}

type collectionUpdate struct {
	Timestamp int64  `json:"timestamp"`
	Status    string `json:"status"`
}

type collectionOwner struct {
	CreatedBy string  `json:"createdBy"`
	Project   *string `json:"project"`
}

type collectionPermissions struct {
	Myself []string   `json:"myself"`
	Others []aclEntry `json:"others"`
}

type aclEntry struct {
	Entity      aclEntity `json:"entity"`
	Permissions []string  `json:"permissions"`
}

// aclEntity is a user, or a group of a project.
type aclEntity struct {
	Type      string `json:"type"`
	Username  string `json:"username,omitempty"`
	ProjectID string `json:"projectId,omitempty"`
	Group     string `json:"group,omitempty"`
}

// pageOf is a part of a list.
type pageOf[T any] struct {
	ItemsPerPage int64   `json:"itemsPerPage"`
	Items        []T     `json:"items"`
	Next         *string `json:"next"`
}

// responses answer a bulk, one for each item.
type responses[T any] struct {
	Responses []T `json:"responses"`
}

// nothing is the answer of what has nothing to say.
type nothing struct{}

type idOnly struct {
	ID string `json:"id"`
}

// answerJSON answers 200, as all successes of this API are.
func answerJSON(c echo.Context, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return answerRaw(c, body)
}

// answerRaw is answerJSON for what is JSON already.
func answerRaw(c echo.Context, body []byte) error {
	h := c.Response().Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, "application/json; charset=UTF-8", body)
}

// The permissions of the API. An EDIT that was given without READ lets read all the same (D4).
const (
	permRead  = "READ"
	permEdit  = "EDIT"
	permAdmin = "ADMIN"

	rightsEdit = store.Write | store.Remove // of EDIT alone
)

// permissionsOf shows rights in the API's words. Who may write but not rename the folder, as a
// grant of another door may say, has EDIT too: clients take its absence for read-only.
func permissionsOf(r store.Rights) []string {
	list := make([]string, 0, 3)
	if r.Has(store.Admin) {
		list = append(list, permAdmin)
	}
	if r.Has(store.Read) {
		list = append(list, permRead)
	}
	if r.Has(store.Write) {
		list = append(list, permEdit)
	}
	return list
}

// grantedPermissions shows a grant as it was given: EDIT alone is not shown as READ too.
func grantedPermissions(r store.Rights) []string {
	if list := permissionsOf(r &^ store.Admin); len(list) > 0 {
		return list
	}
	return []string{permRead}
}

// entityOf is whom a grant is for.
func entityOf(g store.Grant) aclEntity {
	if g.GroupID != "" {
		return aclEntity{Type: "project_group", ProjectID: g.ProjectID, Group: g.GroupID}
	}
	return aclEntity{Type: "user", Username: g.UserName}
}

// showCollections shows some folders as p sees them. What the rows do not have is looked up for
// all at once.
func (s *Server) showCollections(ctx context.Context, p store.Principal, mounts []store.Mount, f collectionFlags) ([]collection, error) {
	folders := make([]store.Folder, len(mounts))
	for i, m := range mounts {
		folders[i] = m.Folder
	}
	usages, err := s.files.Usages(folders)
	if err != nil {
		return nil, fmt.Errorf("usage of folders: %w", err)
	}
	var granted map[string][]aclEntry
	if f.others {
		if granted, err = s.lists.of(ctx, s.store, folderIDs(mounts)); err != nil {
			return nil, fmt.Errorf("access lists: %w", err)
		}
	}
	var told map[string][]store.FolderEvent
	if f.updates {
		if told, err = s.store.FolderEvents(ctx, folderIDs(mounts)); err != nil {
			return nil, fmt.Errorf("updates: %w", err)
		}
	}
	list := make([]collection, len(mounts))
	for i, m := range mounts {
		u := usages[i]
		product := s.productFor(m.Folder)
		list[i] = collection{
			ID: m.Folder.ID,
			Specification: collectionSpec{
				Title: m.Folder.Title, Product: product.ProductRef, Labels: m.Folder.Labels,
			},
			CreatedAt: m.Folder.Created.UnixMilli(),
			Status: collectionStatus{
				PreferredDrive: isPreferred(p, m.Folder),
				Usage: collectionUsage{
					Bytes: u.Bytes, Files: u.Files, Reserved: u.ReservedBytes,
					MaxBytes: limitOf(u.MaxBytes), MaxFiles: limitOf(u.MaxFiles), Available: u.Available,
				},
			},
			Updates:     []collectionUpdate{},
			Owner:       collectionOwner{CreatedBy: m.Folder.OwnerName, Project: textOrNull(m.Folder.ProjectID)},
			Permissions: collectionPermissions{Myself: permissionsOf(m.Rights), Others: []aclEntry{}},
		}
		c := &list[i]
		if c.Specification.Labels == nil {
			c.Specification.Labels = map[string]string{}
		}
		if f.support || f.product {
			shown, ok := s.shown[product.Key()]
			if !ok { // the product is not configured any more
				shown = writeOut(product)
			}
			c.Status.ResolvedProduct = shown.model
			if f.support {
				c.Status.ResolvedSupport = shown.support
			}
		}
		for _, e := range told[m.Folder.ID] {
			c.Updates = append(c.Updates, collectionUpdate{e.At.UnixMilli(), eventText(e)})
		}
		if others := granted[m.Folder.ID]; others != nil {
			c.Permissions.Others = others
		}
	}
	return list, nil
}

// homeTitle is the title of the folder that a user has for everything, as init makes it.
const homeTitle = "Home"

// isPreferred says whether a folder is the caller's own home, or own part of a project.
func isPreferred(p store.Principal, f store.Folder) bool {
	if f.OwnerID != p.UserID {
		return false
	}
	if f.ProjectID == "" {
		return f.Title == homeTitle
	}
	return f.Title == memberFilesTitle+p.UserName
}

// eventText words what happened to a folder.
func eventText(e store.FolderEvent) string {
	text := cmp.Or(map[string]string{
		"create": "Created", "rename": "Renamed", "limit": "Limits changed", "labels": "Labels changed",
		"options": "Options changed", "delete": "Deleted", "restore": "Restored",
	}[e.Verb], "Changed")
	if e.UserName != "" {
		text += " by " + visible(e.UserName)
	}
	if e.From != "" {
		text += ", was " + visible(e.From)
	}
	return text
}

// visible is a text among others: what would hide or turn its neighbours is escaped (D35).
func visible(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsFunc(s, isBidiControl) {
		return strconv.Quote(s)
	}
	return s
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
