package server

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Listings of directories. Each page is one reading of the directory, of which only the page is kept: a
// token tells after which member it begins, so that pages neither repeat nor miss what was there all
// the time, whatever else changes in between. In the order of paths the names decide, and the disk is
// asked about the page's members alone.

// fileSort is an order of files.
type fileSort string

const (
	sortPath     fileSort = "PATH"
	sortSize     fileSort = "SIZE"
	sortModified fileSort = "MODIFIED_AT"
)

// filesWanted is what a client asks of a listing.
type filesWanted struct {
	by         fileSort
	descending bool
	size       int
	skip       int // at the beginning
	after      *fileKey
	noHidden   bool
	ext        string // without the dot, in lower case; directories have all
}

// fileKey is where a file stands in a listing.
type fileKey struct {
	Number int64  `json:"n,omitempty"` // size or time
	Fold   string `json:"f,omitempty"` // name without letter case
	Name   string `json:"m"`
}

func (a fileKey) compare(b fileKey) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), strings.Compare(a.Fold, b.Fold), strings.Compare(a.Name, b.Name))
}

// fileToken is a token of a page, before it is in base64.
type fileToken struct {
	By         fileSort `json:"b"`
	Descending bool     `json:"d,omitempty"`
	After      fileKey  `json:"a"`
}

// maxSkip bounds itemsToSkip: what is skipped is kept in memory.
const maxSkip = 100_000

func filesWantedIn(in fields) (w filesWanted) {
	w.size = defaultPage
	if n, _ := in.optInt("itemsPerPage"); slices.Contains(pageSizes, n) {
		w.size = int(n)
	}
	skip, _ := in.optInt("itemsToSkip")
	if skip < 0 || skip > maxSkip {
		in.refuse("itemsToSkip", "must be 0 to %d", maxSkip)
	}
	w.skip = int(skip)
	w.by = fileSort(in.word("sortBy", string(sortPath), string(sortSize), string(sortModified)))
	w.descending = in.word("sortDirection", "ascending", "descending") == "descending"
	if next, _ := in.optText("next"); next != "" {
		// As the contract has it, a token that makes no sense is the beginning.
		if t, ok := parseFileToken(next); ok {
			w.by, w.descending, w.after, w.skip = t.By, t.Descending, &t.After, 0
		}
	}
	w.noHidden = in.flag("filterHiddenFiles")
	ext, _ := in.optText("filterByFileExtension")
	w.ext = strings.ToLower(strings.TrimPrefix(ext, "."))
	return w
}

func parseFileToken(text string) (t fileToken, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &t) != nil {
		return t, false
	}
	switch t.By {
	case sortPath, sortSize, sortModified:
		return t, true
	}
	return t, false
}

func (t fileToken) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // texts and numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// admits says whether a file passes the filters.
func (w *filesWanted) admits(i davfs.Info) bool {
	if w.noHidden && strings.HasPrefix(i.Name, ".") {
		return false
	}
	return w.ext == "" || i.Dir || strings.ToLower(extension(i.Name)) == w.ext
}

func (w *filesWanted) key(i davfs.Info) fileKey {
	k := fileKey{Name: i.Name}
	switch w.by {
	case sortSize:
		k.Number = i.Size
	case sortModified:
		k.Number = i.MTime
	default:
		k.Fold = strings.ToLower(i.Name)
	}
	return k
}

// compare is the wanted order.
func (w *filesWanted) compare(a, b fileKey) int {
	if w.descending {
		a, b = b, a
	}
	return a.compare(b)
}

// fileHeap keeps the first members of a listing: its top is the last of those.
type fileHeap struct {
	w    *filesWanted
	keys []fileKey
	all  []davfs.Info
}

func (h *fileHeap) Len() int           { return len(h.keys) }
func (h *fileHeap) Less(i, j int) bool { return h.w.compare(h.keys[i], h.keys[j]) > 0 }
func (h *fileHeap) Push(any)           {}
func (h *fileHeap) Swap(i, j int) {
	h.keys[i], h.keys[j] = h.keys[j], h.keys[i]
	h.all[i], h.all[j] = h.all[j], h.all[i]
}

func (h *fileHeap) Pop() any {
	n := len(h.keys) - 1
	h.keys, h.all = h.keys[:n], h.all[:n]
	return nil
}

// offer takes a member if it is one of the first n.
func (h *fileHeap) offer(n int, k fileKey, i davfs.Info) {
	if len(h.keys) < n {
		h.keys, h.all = append(h.keys, k), append(h.all, i)
		heap.Fix(h, len(h.keys)-1)
		return
	}
	if h.w.compare(k, h.keys[0]) < 0 {
		h.keys[0], h.all[0] = k, i
		heap.Fix(h, 0)
	}
}

// page lists one page of a directory; more says that others follow.
func (w *filesWanted) page(ctx context.Context, tree *davfs.Tree, dir string) (page []davfs.Info, more bool, err error) {
	if w.by == sortPath {
		return w.pickNames(func(offer func(davfs.Info) error, chosen func() []string, fn func(davfs.Info) error) error {
			return tree.ListChosen(ctx, dir, offer, chosen, fn)
		})
	}
	return w.pick(func(fn func(davfs.Info) error) error { return tree.List(ctx, dir, fn) })
}

// whole reads a directory, once more if it was replaced while it was read.
func whole(read func() error) (err error) {
	for range 3 {
		if err = read(); !errors.Is(err, store.ErrBusy) {
			break
		}
	}
	return err
}

// first gives a function that offers h the members that are wanted and come behind after.
func (w *filesWanted) first(h *fileHeap, n int, after *fileKey) func(davfs.Info) error {
	return func(i davfs.Info) error {
		if !w.admits(i) {
			return nil
		}
		k := w.key(i)
		if after == nil || w.compare(k, *after) > 0 {
			h.offer(n, k, i)
		}
		return nil
	}
}

// sorted are the members that h has kept.
func (h *fileHeap) sorted() []davfs.Info {
	slices.SortFunc(h.all, func(a, b davfs.Info) int { return h.w.compare(h.w.key(a), h.w.key(b)) })
	return h.all
}

// cut takes the page off the first members.
func (w *filesWanted) cut(all []davfs.Info) (page []davfs.Info, more bool) {
	if w.skip >= len(all) {
		return nil, false
	}
	page = all[w.skip:]
	if more = len(page) > w.size; more {
		page = page[:w.size]
	}
	return page, more
}

// pick is page for an order that needs all that the disk tells.
func (w *filesWanted) pick(list func(func(davfs.Info) error) error) (page []davfs.Info, more bool, err error) {
	h := &fileHeap{w: w}
	err = whole(func() error {
		h.keys, h.all = h.keys[:0], h.all[:0]
		return list(w.first(h, w.skip+w.size+1, w.after))
	})
	if err != nil {
		return nil, false, err
	}
	page, more = w.cut(h.sorted())
	return page, more, nil
}

// pickNames is page for the order of names. What the names do not tell is that some are not visible: then it reads on.
func (w *filesWanted) pickNames(list func(offer func(davfs.Info) error, chosen func() []string, fn func(davfs.Info) error) error) (page []davfs.Info, more bool, err error) {
	var all []davfs.Info
	after := w.after
	for {
		h, missing, had := &fileHeap{w: w}, w.skip+w.size+1-len(all), len(all)
		err := whole(func() error {
			h.keys, h.all, all = h.keys[:0], h.all[:0], all[:had]
			return list(w.first(h, missing, after), h.names, func(i davfs.Info) error {
				if w.admits(i) { // a directory may have become a file
					all = append(all, i)
				}
				return nil
			})
		})
		if err != nil {
			return nil, false, err
		}
		if len(h.all) < missing || len(all) == had+missing {
			page, more = w.cut(all)
			return page, more, nil
		}
		last := w.key(h.all[len(h.all)-1])
		after = &last
	}
}

// names are those of the members that h has kept, in order.
func (h *fileHeap) names() []string {
	all := h.sorted()
	names := make([]string, len(all))
	for n, i := range all {
		names[n] = i.Name
	}
	return names
}

// browseFiles lists a directory.
func (s *Server) browseFiles(c echo.Context, p store.Principal) error {
	q := queryOf(c)
	w, flags := filesWantedIn(q), collectionFlagsIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	field := "path"
	path, given := q.optText(field)
	if other, also := q.optText("filterPath"); also && !given {
		field, path = "filterPath", other
	}
	trees := s.fileTrees(c, p)
	defer trees.close()
	f, err := trees.at(field, path, 0)
	if err != nil {
		return err
	}
	i, err := f.tree.Stat(f.name)
	if err != nil {
		return f.fault(err)
	}
	if !i.Dir {
		return &paramError{field, "is a file, not a directory"}
	}
	ctx := c.Request().Context()
	out := pageOf[fileJSON]{ItemsPerPage: int64(w.size), Items: []fileJSON{}}
	view, err := s.fileView(ctx, p, f.mount, flags)
	if errors.Is(err, fs.ErrNotExist) {
		return answerJSON(c, out)
	}
	if err != nil {
		return f.fault(err)
	}
	members, more, err := w.page(ctx, f.tree, f.name)
	if err != nil {
		return f.fault(err)
	}
	for _, i := range members {
		name := within(f.name, i.Name)
		shown := view.show(name, i)
		if err := addOrigin(ctx, f, name, i, &shown.Status); err != nil {
			return f.fault(err)
		}
		out.Items = append(out.Items, shown)
	}
	if more {
		next := fileToken{w.by, w.descending, w.key(members[len(members)-1])}.String()
		out.Next = &next
	}
	return answerJSON(c, out)
}
