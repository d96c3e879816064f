package server

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// What clients of file collections may ask for: pages, sorting, and the flags that fill, keep
// or hide. A query has them flattened, the body of a search in an object of their own.

// pageSizes are taken as they are; everything else means defaultPage.
var pageSizes = []int64{10, 25, 50, 100, 250, 1000}

const defaultPage = 50

// fields are the named values of a query, or of a body. What is absent or null is "" or 0; what
// is wrong is kept and told by bad.
type fields interface {
	optText(name string) (text string, given bool)
	optInt(name string) (n int64, given bool)
	flag(name string) bool
	// word is one of words, in any letter case; the first one if it is absent.
	word(name string, words ...string) string
	labels(name string) map[string]string
	refuse(name, format string, args ...any)
	bad() error
}

// queryFields are the parameters behind the question mark. Scripts in pages send a null as the
// text "null".
type queryFields struct {
	values url.Values
	fault  error
}

func queryOf(c echo.Context) *queryFields { return queryFieldsOf(c.Request().URL.RawQuery) }

func queryFieldsOf(query string) *queryFields {
	q := &queryFields{}
	var err error
	if q.values, err = url.ParseQuery(query); err != nil {
		q.fault = &paramError{"query", "is not well-formed"}
	}
	return q
}

func (q *queryFields) bad() error { return q.fault }

func (q *queryFields) refuse(name, format string, args ...any) {
	if q.fault == nil {
		q.fault = &paramError{name, fmt.Sprintf(format, args...)}
	}
}

func (q *queryFields) optText(name string) (string, bool) {
	v := q.values.Get(name)
	return v, v != "" && v != "null"
}

func (q *queryFields) optInt(name string) (int64, bool) {
	text, given := q.optText(name)
	if !given {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		q.refuse(name, "must be a whole number of at most 18 digits")
		return 0, false
	}
	return n, true
}

// flag is true for the text "true" only; nothing else is an error.
func (q *queryFields) flag(name string) bool { return q.values.Get(name) == "true" }

func (q *queryFields) word(name string, words ...string) string {
	text, given := q.optText(name)
	if !given {
		return words[0]
	}
	for _, w := range words {
		if strings.EqualFold(w, text) {
			return w
		}
	}
	q.refuse(name, "must be one of %s", strings.Join(words, ", "))
	return words[0]
}

// labels are the parameters name.KEY=VALUE.
func (q *queryFields) labels(name string) map[string]string {
	var all map[string]string
	for key, values := range q.values {
		if key, ok := strings.CutPrefix(key, name+"."); ok {
			if all == nil {
				all = make(map[string]string)
			}
			all[strings.ToLower(key)] = values[0]
		}
	}
	return all
}

// bodyFields are the fields of an object, and beside it those of the objects around it, which
// some clients fill instead.
type bodyFields struct {
	*object
	outer *object
}

func (b bodyFields) of(name string) *object {
	if b.outer != nil && !b.object.has(name) {
		return b.outer
	}
	return b.object
}

func (b bodyFields) optText(name string) (string, bool) {
	text, _ := b.of(name).optText(name)
	return text, text != ""
}

func (b bodyFields) optInt(name string) (int64, bool) { return b.of(name).optInt(name) }

func (b bodyFields) flag(name string) bool {
	v, _ := b.of(name).optBool(name)
	return v
}

// word takes an unknown word for the first one: in bodies, the contract says, constants that a
// server does not know fall back to the field's default.
func (b bodyFields) word(name string, words ...string) string {
	text, _ := b.of(name).optText(name)
	for _, w := range words {
		if strings.EqualFold(w, text) {
			return w
		}
	}
	return words[0]
}

func (b bodyFields) labels(name string) map[string]string {
	all, _ := optLabels(b.of(name), name)
	return all
}

// optLabels reads an object of texts whose keys count in lower case.
func optLabels(in *object, name string) (map[string]string, bool) {
	if !in.has(name) {
		return nil, false
	}
	o := in.object(name)
	all := make(map[string]string, len(o.fields))
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		lower := strings.ToLower(key)
		if _, twice := all[lower]; twice {
			o.refuse(fieldName(key), "is given twice: keys are in lower case")
		}
		all[lower] = o.text(key)
	}
	return all, true
}

// collectionFlags say what of a collection is shown, and which collections are.
type collectionFlags struct {
	others, updates, support, product bool

	createdBy     string // part of the name
	after, before int64  // milliseconds, both included
	only, hide    store.ProductRef
	ids           map[string]bool // nil: all
	providerIDs   bool            // asks for IDs that no folder has
	labels        map[string]string
	memberFiles   string
}

// collectionFlagNames are all flags, by which a search is known that has them beside its query.
var collectionFlagNames = []string{
	"includeOthers", "includeUpdates", "includeSupport", "includeProduct", "filterCreatedBy", "filterCreatedAfter",
	"filterCreatedBefore", "filterProvider", "filterProductId", "filterProductCategory", "hideProvider", "hideProductId",
	"hideProductCategory", "filterIds", "filterProviderIds", "filterMemberFiles", "filterLabels",
}

// The words of filterMemberFiles.
const (
	allFiles    = "DONT_FILTER_COLLECTIONS"
	mineOnly    = "SHOW_ONLY_MINE"
	membersOnly = "SHOW_ONLY_MEMBER_FILES"
)

func collectionFlagsIn(in fields) collectionFlags {
	text := func(name string) string {
		if t, given := in.optText(name); given {
			return t
		}
		return ""
	}
	f := collectionFlags{
		others: in.flag("includeOthers"), updates: in.flag("includeUpdates"),
		support: in.flag("includeSupport"), product: in.flag("includeProduct"),
		createdBy:   text("filterCreatedBy"),
		only:        store.ProductRef{ID: text("filterProductId"), Category: text("filterProductCategory"), Provider: text("filterProvider")},
		hide:        store.ProductRef{ID: text("hideProductId"), Category: text("hideProductCategory"), Provider: text("hideProvider")},
		labels:      in.labels("filterLabels"),
		memberFiles: in.word("filterMemberFiles", allFiles, mineOnly, membersOnly),
		before:      math.MaxInt64,
		after:       math.MinInt64,
	}
	if n, given := in.optInt("filterCreatedAfter"); given {
		f.after = n
	}
	if n, given := in.optInt("filterCreatedBefore"); given {
		f.before = n
	}
	if list, given := in.optText("filterIds"); given {
		f.ids = make(map[string]bool)
		for part := range strings.SplitSeq(list, ",") {
			if id, ok := store.ParseID(strings.TrimSpace(part)); ok {
				f.ids[id] = true
			}
		}
	}
	_, f.providerIDs = in.optText("filterProviderIds")
	return f
}

// admits says whether a folder passes all filters but that of member files, which is not for single folders.
func (f *collectionFlags) admits(m *store.Folder, ref store.ProductRef) bool {
	created := m.Created.UnixMilli()
	differs := func(want, got string) bool { return want != "" && want != got }
	hides := func(hidden, got string) bool { return hidden != "" && hidden == got }
	switch {
	case f.providerIDs,
		f.ids != nil && !f.ids[m.ID],
		created < f.after || created > f.before,
		!strings.Contains(m.OwnerName, f.createdBy),
		differs(f.only.ID, ref.ID), differs(f.only.Category, ref.Category), differs(f.only.Provider, ref.Provider),
		hides(f.hide.ID, ref.ID), hides(f.hide.Category, ref.Category), hides(f.hide.Provider, ref.Provider):
		return false
	}
	for key, value := range f.labels {
		if got, ok := m.Labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// memberFilesTitle begins the titles of the folders that a project gives each of its members;
// they are known by it alone.
const memberFilesTitle = "Member Files: "

// admitsMember is the filter of member files.
func (f *collectionFlags) admitsMember(m *store.Folder, user string) bool {
	whose, is := strings.CutPrefix(m.Title, memberFilesTitle)
	switch f.memberFiles {
	case mineOnly:
		return !is || whose == user
	case membersOnly:
		return is
	}
	return true
}

// page is which part of a list is asked for, in which order.
type page struct {
	size       int64
	offset     int64
	by         string
	descending bool
}

func pageIn(in fields) page {
	p := page{size: defaultPage, by: "title"}
	if n, _ := in.optInt("itemsPerPage"); slices.Contains(pageSizes, n) {
		p.size = n
	}
	in.word("consistency", "PREFER", "REQUIRE") // old, and without effect
	next, _ := in.optText("next")
	if n, err := strconv.ParseInt(next, 10, 64); err == nil && n > 0 {
		p.offset = n
	}
	if skip, _ := in.optInt("itemsToSkip"); skip < 0 {
		in.refuse("itemsToSkip", "Invalid offset")
	} else if p.offset += skip; p.offset < 0 {
		p.offset = math.MaxInt64 // behind every end
	}
	by, _ := in.optText("sortBy")
	for _, known := range []string{"createdAt", "createdBy"} {
		if strings.EqualFold(by, known) {
			p.by = known
		}
	}
	p.descending = in.word("sortDirection", "ascending", "descending") == "descending"
	return p
}

// cut is the asked part of a sorted list, and how to ask for what follows; nil at the end.
func cut[T any](p page, list []T) (items []T, next *string) {
	if p.offset >= int64(len(list)) {
		return nil, nil
	}
	return onPage(p, list[p.offset:])
}

// onPage is cut for a list that begins with the page, and is longer than it if more follows.
func onPage[T any](p page, list []T) (items []T, next *string) {
	if int64(len(list)) <= p.size {
		return list, nil
	}
	token := strconv.FormatInt(p.offset+p.size, 10)
	return list[:p.size], &token
}
