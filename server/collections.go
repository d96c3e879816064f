package server

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"davit/store"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"
)

// Here a folder is called a file collection: the API of a portal for research data. This file
// has its routes and what only reads; collectionchanges.go what changes.

const collectionsPath = "/api/files/collections"

func (s *Server) collectionRoutes(e *echo.Echo) {
	e.GET(collectionsPath+"/browse", s.as(s.browseCollections))
	e.GET(collectionsPath+"/retrieve", s.as(s.retrieveCollection))
	e.GET(collectionsPath+"/retrieveProducts", s.as(s.retrieveCollectionProducts))
	e.POST(collectionsPath+"/search", s.as(s.searchCollections))
	e.POST(collectionsPath, s.as(s.createCollections))
	e.DELETE(collectionsPath, s.as(s.deleteCollections))
	e.POST(collectionsPath+"/init", s.as(s.initCollections))
	e.POST(collectionsPath+"/rename", s.as(s.renameCollections))
	e.POST(collectionsPath+"/updateAcl", s.as(s.shareCollections))
	e.POST(collectionsPath+"/updateLabels", s.as(s.labelCollections))
}

// browseCollections lists the folders of the active workspace that the caller may read.
func (s *Server) browseCollections(c echo.Context, p store.Principal) error {
	q := queryOf(c)
	flags, page := collectionFlagsIn(q), pageIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	return s.listCollections(c, p, flags, page, "")
}

// searchCollections is browse for those whose title contains a text, in any letter case.
func (s *Server) searchCollections(c echo.Context, p store.Principal) error {
	in, err := readLenient(c)
	if err != nil {
		return err
	}
	query, flags, page := collectionSearchIn(in)
	if err := in.bad(); err != nil {
		return err
	}
	return s.listCollections(c, p, flags, page, query)
}

// collectionSearchIn reads the body of a search, with the flags in an object of their own or beside the query.
func collectionSearchIn(in *object) (string, collectionFlags, page) {
	query := in.text("query")
	if !in.has("flags") && !slices.ContainsFunc(collectionFlagNames, in.has) {
		in.want("flags")
	}
	return query, collectionFlagsIn(bodyFields{in.object("flags"), in}), pageIn(bodyFields{in, nil})
}

// listCollections answers one page. Filters and sorting need only what auth remembers of the
// folders that the caller sees; everything else is looked up for the page.
func (s *Server) listCollections(c echo.Context, p store.Principal, f collectionFlags, pg page, query string) error {
	ctx := c.Request().Context()
	all, err := s.auth.SharedMounts(ctx, p)
	if err != nil {
		return err
	}
	project := s.workspaceOf(c, p)
	query = foldCase(query)
	type hit struct {
		m   *store.Mount
		key string
	}
	var hits []hit
	for i := range all {
		m := &all[i]
		if m.Folder.ProjectID != project || !m.Rights.Has(store.Read) ||
			!f.admits(&m.Folder, s.productFor(m.Folder).ProductRef) || !f.admitsMember(&m.Folder, p.UserName) {
			continue
		}
		h := hit{m: m}
		if query != "" || pg.by == "title" {
			h.key = foldCase(m.Folder.Title)
			if !strings.Contains(h.key, query) {
				continue
			}
		}
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b hit) int {
		x, y := &a.m.Folder, &b.m.Folder
		order := 0
		switch pg.by {
		case "title":
			order = cmp.Or(strings.Compare(a.key, b.key), strings.Compare(x.Title, y.Title))
		case "createdAt":
			order = x.Created.Compare(y.Created)
		case "createdBy":
			order = strings.Compare(x.OwnerName, y.OwnerName)
		}
		if order = cmp.Or(order, strings.Compare(x.ID, y.ID)); pg.descending {
			return -order
		}
		return order
	})
	hits, next := cut(pg, hits)
	mounts := make([]store.Mount, len(hits))
	for i, h := range hits {
		mounts[i] = *h.m
	}
	items, err := s.showCollections(ctx, p, mounts, f)
	if err != nil {
		return err
	}
	return answerRaw(c, appendPage(make([]byte, 0, 1024*(len(items)+1)), pageOf[collection]{pg.size, items, next}))
}

// foldCase is a text without its letter case, for comparing.
func foldCase(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return strings.ToLower(norm.NFC.String(s))
		}
	}
	return strings.ToLower(s)
}

// retrieveCollection shows one folder of any workspace.
func (s *Server) retrieveCollection(c echo.Context, p store.Principal) error {
	q := queryOf(c)
	id, given := q.optText("id")
	if !given {
		q.refuse("id", "is missing")
	}
	flags := collectionFlagsIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	m, err := s.collection(c, p, id)
	if err != nil {
		return err
	}
	if !flags.admits(&m.Folder, s.productFor(m.Folder).ProductRef) {
		return fs.ErrNotExist
	}
	items, err := s.showCollections(ctx, p, []store.Mount{m}, flags)
	if err != nil {
		return err
	}
	return answerRaw(c, items[0].appendJSON(nil))
}

// collection finds a folder that the caller may see; fs.ErrNotExist.
func (s *Server) collection(c echo.Context, p store.Principal, text string) (store.Mount, error) {
	id, ok := store.ParseID(text)
	if !ok {
		return store.Mount{}, fs.ErrNotExist
	}
	m, err := s.auth.Mount(c.Request().Context(), p, id)
	if err == nil && m.Folder.ID != id { // another folder's title
		return store.Mount{}, fs.ErrNotExist
	}
	return m, err
}
