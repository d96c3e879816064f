package store

import (
	"context"
	"strconv"
	"strings"
)

// FolderOrder is an order of lists of folders; folders that are alike in it are ordered by ID.
type FolderOrder string

const (
	ByID       FolderOrder = "id" // the age
	ByTitle    FolderOrder = "title"
	ByOwner    FolderOrder = "owner" // or project
	ByBytes    FolderOrder = "bytes"
	ByFiles    FolderOrder = "files"
	ByMaxBytes FolderOrder = "maxBytes" // those without a limit last
	ByShare    FolderOrder = "share"    // how much of the limit that is nearer is taken
	ByLastUsed FolderOrder = "lastUsed"
	ByDeleted  FolderOrder = "deleted"
)

// FolderState is what a folder may need somebody for.
type FolderState string

const (
	StateFull     FolderState = "full"     // at or above one of its limits
	StateNear     FolderState = "near"     // at 90 % of one, and not full
	StateCounting FolderState = "counting" // its files wait to be counted
)

// nearShare is from where on a folder is near its limit.
const nearShare = 0.9

// sqlText is a statement that is put together; only numbers and the constants of this package get into its text.
type sqlText struct{ args []any }

// arg is the placeholder of a value.
func (q *sqlText) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// effective is Product.Effective in SQL, for one of the two limits; 0 means none.
func (q *sqlText) effective(products *Products, limit string, d int64, of func(*Product) (standard, most int64)) string {
	byProduct := func(value func(*Product) int64) string {
		first, same := value(&products.all[0]), true
		for i := range products.all {
			same = same && value(&products.all[i]) == first
		}
		if same {
			return strconv.FormatInt(first, 10)
		}
		text := "CASE f.product WHEN '' THEN " + strconv.FormatInt(first, 10)
		for i := range products.all {
			one := &products.all[i]
			text += " WHEN " + q.arg(one.Key()) + " THEN " + strconv.FormatInt(value(one), 10)
		}
		return text + " ELSE 0 END"
	}
	standard := byProduct(func(p *Product) int64 {
		if own, _ := of(p); own != Default {
			return own
		}
		return max(d, 0)
	})
	most := byProduct(func(p *Product) int64 { _, most := of(p); return most })
	raw := "CASE WHEN f." + limit + " <> -1 THEN f." + limit + " ELSE COALESCE(NULLIF(COALESCE(p." + limit + ", u." + limit + ", -1), -1), " + standard + ") END"
	if most == "0" {
		return "(" + raw + ")"
	}
	return "(CASE WHEN " + most + " > 0 AND (" + raw + " = 0 OR " + raw + " > " + most + ") THEN " + most + " ELSE " + raw + " END)"
}

// limits are the limits that hold, and the share of the nearer one that is taken.
func (q *sqlText) limits(products *Products, d Defaults) (maxBytes, share string) {
	maxBytes = q.effective(products, "max_bytes", d.MaxBytes, func(p *Product) (int64, int64) { return p.DefaultMaxBytes, p.MostBytes })
	maxFiles := q.effective(products, "max_files", d.MaxFiles, func(p *Product) (int64, int64) { return p.DefaultMaxFiles, p.MostFiles })
	part := func(used, limit string) string {
		return "COALESCE(CAST(" + used + " AS DOUBLE PRECISION) / NULLIF(" + limit + ", 0), 0)"
	}
	bytes, files := part("f.used_bytes", maxBytes), part("f.used_files", maxFiles)
	return maxBytes, "(CASE WHEN " + bytes + " > " + files + " THEN " + bytes + " ELSE " + files + " END)"
}

// isCounting says whether a folder waits to be counted.
const isCounting = `(f.deleted = 0 AND f.rescan > f.scanned)`

// FolderList is what a list of folders is made of: which, and in which order.
type FolderList struct {
	FolderFilter
	Query    string // in the title, or the name of owner or project; or the ID
	State    FolderState
	By       FolderOrder
	Down     bool // from the greatest on
	Products *Products
	Defaults Defaults
}

// statement is the query of a page behind the folder whose key and ID are given; "" is the beginning.
func (w FolderList) statement(key any, id string, limit int) (string, []any) {
	q := &sqlText{}
	var maxBytes, share string
	if w.By == ByMaxBytes || w.By == ByShare || w.State == StateFull || w.State == StateNear {
		maxBytes, share = q.limits(w.Products, w.Defaults)
	}
	by := map[FolderOrder]string{
		ByTitle: "lower(f.title)", ByOwner: "lower(COALESCE(p.title, u.name, ''))", ByBytes: "f.used_bytes", ByFiles: "f.used_files",
		ByMaxBytes: "COALESCE(NULLIF(" + maxBytes + ", 0), 9223372036854775807)", ByShare: share, ByLastUsed: "f.last_used", ByDeleted: "f.deleted",
	}[w.By]
	if by == "" {
		by = "f.id"
	}
	conds := []string{"1 = 1"}
	and := func(cond string) { conds = append(conds, cond) }
	if w.OwnerID != "" {
		and("f.owner_id = " + q.arg(w.OwnerID) + " AND f.project_id IS NULL")
	}
	if w.ProjectID != "" {
		and("f.project_id = " + q.arg(w.ProjectID))
	}
	if w.Product != nil {
		and("f.product = " + q.arg(*w.Product))
	}
	if w.Title != "" {
		and("lower(f.title) LIKE lower(" + q.arg(like(w.Title)) + `) ESCAPE '\'`)
	}
	if w.Query != "" {
		text := q.arg(like(w.Query))
		or := "lower(f.title) LIKE lower(" + text + `) ESCAPE '\' OR u.folded LIKE ` + q.arg(like(foldName(w.Query))) + ` ESCAPE '\' AND f.project_id IS NULL` +
			" OR lower(p.title) LIKE lower(" + text + `) ESCAPE '\'`
		if id, ok := ParseID(w.Query); ok {
			or += " OR f.id = " + q.arg(id)
		}
		and("(" + or + ")")
	}
	switch {
	case w.Deleted == nil:
	case *w.Deleted:
		and("f.deleted <> 0")
	default:
		and("f.deleted = 0")
	}
	switch w.State {
	case StateFull:
		and("f.deleted = 0 AND " + share + " >= 1")
	case StateNear:
		and("f.deleted = 0 AND " + share + " >= " + q.arg(nearShare) + " AND " + share + " < 1")
	case StateCounting:
		and(isCounting)
	}
	behind, down := " > ", ""
	if w.Down {
		behind, down = " < ", " DESC"
	}
	if id != "" {
		and("(" + by + ", f.id)" + behind + "(" + q.arg(key) + ", " + q.arg(id) + ")")
	}
	order := by + down + ", f.id" + down
	if by == "f.id" {
		order = by + down
	}
	return "SELECT " + folderColumns + ", " + by + " FROM folders f" + joinFolder + " WHERE " + strings.Join(conds, " AND ") +
		" ORDER BY " + order + " LIMIT " + q.arg(limit), q.args
}

// ListFolders returns at most limit folders of all users, deleted ones that are not purged included. after is
// "" for the first page, then next of the page before; next is "" behind the last.
func (s *Store) ListFolders(ctx context.Context, w FolderList, after string, limit int) (page []Folder, next string, err error) {
	key, id := w.behind(after)
	query, args := w.statement(key, id, limit+1)
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", convert(err)
	}
	defer rows.Close()
	var last string
	for rows.Next() {
		if len(page) == limit {
			return page, last, nil
		}
		var f Folder
		var k any
		if err := rows.Scan(append(folderDest(&f), &k)...); err != nil {
			return nil, "", convert(err)
		}
		page, last = append(page, f), f.ID+keyText(k)
	}
	return page, "", convert(rows.Err())
}

// keyText is a key as behind reads it.
func keyText(k any) string {
	switch k := k.(type) {
	case int64:
		return strconv.FormatInt(k, 10)
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 64)
	case string:
		return k
	case []byte:
		return string(k)
	}
	return ""
}

// behind takes apart where a page begins: an ID and the key of its folder. What makes no sense is the beginning.
func (w FolderList) behind(after string) (key any, id string) {
	if len(after) < 32 {
		return nil, ""
	}
	id, text := after[:32], after[32:]
	switch w.By {
	case ByTitle, ByOwner:
		return text, id
	case ByBytes, ByFiles, ByMaxBytes, ByLastUsed, ByDeleted:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, ""
		}
		return n, id
	case ByShare:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, ""
		}
		return n, id
	}
	return id, id
}

// FolderSums are sums over all folders, as last written.
type FolderSums struct {
	Folders      int64 // living ones, as all but the last two
	Bytes        int64
	Files        int64
	Full         int64
	Near         int64
	Counting     int64
	Deleted      int64 // that can be restored
	DeletedBytes int64
}

// FolderSums sums.
func (s *Store) FolderSums(ctx context.Context, products *Products, d Defaults) (t FolderSums, err error) {
	query, args := sumAllFolders(products, d)
	err = s.reads.QueryRowContext(ctx, query, args...).Scan(&t.Folders, &t.Bytes, &t.Files, &t.Full, &t.Near, &t.Counting, &t.Deleted, &t.DeletedBytes)
	return t, convert(err)
}

func sumAllFolders(products *Products, d Defaults) (string, []any) {
	q := &sqlText{}
	_, share := q.limits(products, d)
	sum := func(cond, what string) string {
		return "COALESCE(SUM(CASE WHEN " + cond + " THEN " + what + " ELSE 0 END), 0)"
	}
	columns := []string{
		sum("deleted = 0", "1"), sum("deleted = 0", "used_bytes"), sum("deleted = 0", "used_files"), sum("deleted = 0 AND share >= 1", "1"),
		sum("deleted = 0 AND share >= "+q.arg(nearShare)+" AND share < 1", "1"), sum("counting", "1"),
		sum("deleted <> 0", "1"), sum("deleted <> 0", "used_bytes"),
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM (SELECT f.deleted, f.used_bytes, f.used_files, " + share + " AS share, " + isCounting +
		" AS counting FROM folders f" + joinFolder + ") AS all_folders", q.args
}

// FolderOrders are all orders, for those who check what clients ask for.
func FolderOrders() []string {
	return []string{string(ByID), string(ByTitle), string(ByOwner), string(ByBytes), string(ByFiles), string(ByMaxBytes), string(ByShare), string(ByLastUsed), string(ByDeleted)}
}

// FolderStates likewise; "" is any.
func FolderStates() []string {
	return []string{"", string(StateFull), string(StateNear), string(StateCounting)}
}
