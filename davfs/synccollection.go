package davfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"davit/store"
)

// syncRequest is the body of a sync-collection report (RFC 6578, section 6.1).
type syncRequest struct {
	token    string // "" at first
	infinite bool   // all below the collection, not its members alone
	limit    int    // of responses
	props    propfind
}

// mostSyncAnswers is how many resources one answer tells of (RFC 6578, section 3.6).
const mostSyncAnswers = 10_000

// syncCollection reads the element that was just opened.
func (r *xmlReader) syncCollection() (*syncRequest, error) {
	s := &syncRequest{limit: math.MaxInt}
	var token, level, prop bool
	err := r.children(func(el xmlElement) error {
		var err error
		switch {
		case el.is("sync-token"):
			token = true
			s.token, err = r.word()
		case el.is("sync-level"):
			var v string
			v, err = r.word()
			s.infinite = v == "infinite"
			level = s.infinite || v == "1"
		case el.is("limit"): // RFC 5323, section 5.17
			err = r.children(func(el xmlElement) error {
				if !el.is("nresults") {
					return r.skip()
				}
				v, err := r.word()
				if n, ok := parseNumber(v); err == nil && ok {
					s.limit = int(min(n, math.MaxInt32))
				} else if err == nil {
					err = badRequest("nresults must be a number")
				}
				return err
			})
		case el.is("prop"):
			prop = true
			s.props.kind = propfindProps
			s.props.names, err = r.names()
		default:
			err = r.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !token:
		return nil, badRequest("sync-collection must have a sync-token, which is empty at first")
	case !level:
		return nil, badRequest("sync-collection must have a sync-level of 1 or infinite")
	case !prop:
		return nil, badRequest("sync-collection must have a prop")
	}
	s.props.compile()
	return s, nil
}

// serveSync tells what changed in a collection since a token (RFC 6578).
func (h *Handler) serveSync(q *request, s *syncRequest, depth int) error {
	if q.tree == nil {
		return errReport
	}
	i, err := q.tree.Stat(q.name)
	if err != nil {
		return err
	}
	if !i.Dir {
		return errReport
	}
	if depth != depthZero { // RFC 6578, section 3.3
		return badRequest("Depth must be 0: how deep to look, sync-level says")
	}
	if err := h.checkIf(q); err != nil {
		return err
	}
	p, err := q.tree.f.planSync(q.r.Context(), q.name, s)
	if err != nil {
		return err
	}
	l := h.lister(q, &s.props)
	defer l.close()
	y := &syncLister{l: l, syncPlan: p, infinite: s.infinite, limit: min(s.limit, h.mostSync), href: hrefOf(q.path, true)}
	y.all = l.describe(q.tree, q.mount, q.path.Mount)
	return l.finished(y.tell())
}

// syncPlan is what one answer is to tell: about the folder at the state upto, as far as the disk still has that.
type syncPlan struct {
	collection string
	epoch      string
	from, upto int64               // from is syncAll for a client that has nothing
	more       bool                // there are later changes
	position   string              // in the folder: the last name that was told
	full       bool                // everything in the collection
	spots      map[string]syncSpot // else what is told, by name, and the collections that lead there
	members    map[string][]string // names of spots, by their collections
}

// syncSpot is what is known of a name without a look at the disk.
type syncSpot struct {
	came bool // all that is below is told too
	went bool // it was a collection that went and has not come again until upto
	dir  bool // it is, or was, a collection
}

// planSync reads the journal. The journal's number is read before the disk is, so nothing is missed;
// what changes meanwhile may be told twice.
func (f *folder) planSync(ctx context.Context, collection string, s *syncRequest) (*syncPlan, error) {
	p := &syncPlan{collection: collection, from: syncAll, full: true}
	if s.token == "" {
		j, err := f.follow(ctx)
		if err != nil {
			return nil, err
		}
		p.epoch, p.upto = j.epoch, j.last()
		return p, f.useJournal(ctx, j)
	}
	t, j, err := f.token(s.token)
	if err != nil {
		return nil, err
	}
	if err := f.useJournal(ctx, j); err != nil {
		return nil, err
	}
	p.epoch, p.upto = j.epoch, t.number
	last := j.last()
	if t.cut {
		if t.collection != collection {
			return nil, errSyncToken
		}
		p.position, p.from, p.more = member(collection, t.position), t.from, t.number < last
		if t.from == syncAll {
			return p, nil
		}
	} else {
		p.from = t.number
	}
	p.full = false
	if p.from == last {
		return p, nil
	}
	changes, err := f.since(ctx, j, p.from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errSyncToken
	}
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.Path != collection && !inside(collection, c.Path) {
			continue
		}
		switch c.Kind {
		case store.Went: // nobody knows what was in it
			return nil, errSyncToken
		case store.Came:
			p.full = true // since then; the client cannot have had it before
		}
	}
	if !t.cut {
		p.upto = last
	}
	if p.full {
		return p, nil
	}
	went := p.departures(changes)
	if s.infinite && !t.cut {
		if p.upto, err = f.untilReturn(went, last); err != nil {
			return nil, err
		}
		p.more = p.upto < last
	}
	p.spread(changes, went, s.infinite)
	return p, nil
}

// departure is a collection that went. If something came to its name again at once, a client that was only told
// of that would keep the old members, whose names nobody knows any more.
type departure struct {
	path       string
	went, back int64 // back is when the name, or a collection above it, came again, or never
}

// departures finds them among changes, in order of time.
func (p *syncPlan) departures(changes []store.Change) []departure {
	came, changed := make(map[string]int64), make(map[string]int64)
	var all []departure
	for _, c := range changes {
		switch {
		case !inside(c.Path, p.collection):
		case c.Kind == store.Came:
			came[c.Path] = c.Number
		case c.Kind == store.Changed:
			changed[c.Path] = c.Number
		default:
			all = append(all, departure{path: c.Path, went: c.Number, back: math.MaxInt64})
		}
	}
	for i := range all {
		d := &all[i]
		if n := changed[d.path]; n > d.went { // as a file, perhaps
			d.back = n
		}
		for at := d.path; at != p.collection; at = parentOf(at) {
			if n := came[at]; n > d.went {
				d.back = min(d.back, n)
			}
		}
	}
	slices.SortFunc(all, func(a, b departure) int { return cmp.Compare(a.went, b.went) })
	return all
}

// untilReturn is the latest state, at most last, in which none of the collections that went until then is back: up
// to there they are told of as gone. What came to their names is told of by the next answer.
func (f *folder) untilReturn(all []departure, last int64) (int64, error) {
	back := int64(math.MaxInt64)
	for _, d := range all {
		if d.went >= back {
			break // the next answer's matter
		}
		_, err := f.fs.Lstat(d.path)
		switch {
		case err == nil:
			back = min(back, d.back)
		case !gone(err):
			return 0, err
		}
	}
	return min(last, back-1), nil
}

// spread notes where in the collection the changes are.
func (p *syncPlan) spread(changes []store.Change, went []departure, infinite bool) {
	p.spots, p.members = make(map[string]syncSpot), make(map[string][]string)
	note := func(name string) syncSpot {
		spot, ok := p.spots[name]
		if !ok {
			parent := parentOf(name)
			p.members[parent] = append(p.members[parent], name)
		}
		return spot
	}
	for _, c := range changes {
		if c.Number > p.upto || !inside(c.Path, p.collection) {
			continue
		}
		for name := c.Path; name != p.collection; name = parentOf(name) {
			if !infinite && parentOf(name) != p.collection {
				continue
			}
			spot := note(name)
			spot.dir = spot.dir || name != c.Path || c.Kind != store.Changed
			spot.came = spot.came || name == c.Path && c.Kind == store.Came
			p.spots[name] = spot
		}
	}
	for _, d := range went {
		if spot, ok := p.spots[d.path]; ok && infinite && d.went <= p.upto {
			spot.went = true
			p.spots[d.path] = spot
		}
	}
}

// syncLister walks a plan in the order of names, collections before their members, so that it can stop at the
// limit and go on there. It holds no more names than it may still tell.
type syncLister struct {
	l *propLister
	*syncPlan
	all      described // what the resources have in common
	href     string    // of the collection
	infinite bool
	limit    int

	told  int
	at    string     // told last
	ahead []syncItem // the next one is the last
}

// syncItem is a resource on the way.
type syncItem struct {
	name   string
	info   Info
	absent bool
	dir    bool
	full   bool // with all that is in it
	known  bool // told of before; it leads to the position
}

func (y *syncLister) tell() error {
	if err := y.expand(y.collection, y.full); gone(err) {
		return errNoResource
	} else if err != nil {
		return err
	}
	cut := false
	for len(y.ahead) > 0 {
		at := y.ahead[len(y.ahead)-1]
		y.ahead = y.ahead[:len(y.ahead)-1]
		if !at.known {
			if y.told >= y.limit {
				cut = true
				break
			}
			if err := y.tellOf(at); err != nil {
				return err
			}
		}
		if y.infinite && !at.absent && at.dir && (at.full || len(y.members[at.name]) > 0) {
			err := y.expand(at.name, at.full)
			if y.l.q.r.Context().Err() != nil || err != nil && !gone(err) {
				return err
			}
			// A collection that vanished meanwhile has no members: that it went is the next answer's matter.
		}
	}
	if cut && y.told == 0 {
		return &statusError{Status: http.StatusForbidden, Condition: "number-of-matches-within-limits", Text: "there is more to tell than nothing"}
	}
	return y.conclude(cut)
}

// tellOf tells of one resource.
func (y *syncLister) tellOf(at syncItem) error {
	y.told++
	y.at = at.name
	href := string(appendHref(nil, y.href, y.below(at.name), at.dir))
	if !at.absent {
		d := y.all
		d.Info, d.name = at.info, at.name
		return y.l.add(d, href)
	}
	y.l.b = append(append(append(y.l.b, "<D:response><D:href>"...), href...), "</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>\n"...)
	if len(y.l.b) < sendAt {
		return nil
	}
	return y.l.send()
}

// conclude appends what stands behind the resources: whether that is not all (RFC 6578, section 3.6), and the new token.
func (y *syncLister) conclude(cut bool) error {
	if err := y.l.flushPending(); err != nil {
		return err
	}
	if cut || y.more {
		y.l.b = append(append(append(y.l.b, "<D:response><D:href>"...), y.href...),
			"</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status><D:error><D:number-of-matches-within-limits/></D:error></D:response>\n"...)
	}
	t := syncToken{epoch: y.epoch, number: y.upto}
	if cut {
		t.cut, t.from, t.collection, t.position = true, y.from, y.collection, y.below(y.at)
	}
	y.l.b = t.append(append(y.l.b, "<D:sync-token>"...))
	y.l.b = append(y.l.b, "</D:sync-token>"...)
	return nil
}

// below is a name in the collection as it is relative to it.
func (y *syncLister) below(name string) string {
	if y.collection == "" {
		return name
	}
	return name[len(y.collection)+1:]
}

// expand puts the members of a collection on the way: all, or those that changed or lead to a change.
func (y *syncLister) expand(dir string, full bool) error {
	room := y.limit - y.told + 2 // one to know that there is more, one that leads to the position
	var items []syncItem
	add := func(it syncItem) {
		if y.position != "" && compareNames(it.name, y.position) <= 0 {
			if it.known = it.name == y.position || inside(y.position, it.name); !it.known {
				return
			}
		}
		items = append(items, it)
		if len(items) >= 2*room+1000 {
			items = firstItems(items, room)
		}
	}
	var seen map[string]bool
	if full {
		if len(y.members[dir]) > 0 {
			seen = make(map[string]bool)
		}
		list := func(i Info) error {
			if !legalSegment(i.Name) {
				return nil // nobody could ask for it
			}
			name := member(dir, i.Name)
			if seen != nil && y.spots[name].went {
				return nil
			}
			if seen != nil {
				seen[name] = true
			}
			add(syncItem{name: name, info: i, dir: i.Dir, full: true})
			return nil
		}
		err := y.all.tree.List(y.l.q.r.Context(), dir, list)
		for try := 1; errors.Is(err, errReplaced) && try < listTries; try++ { // the new one is told of instead
			items = items[:0]
			clear(seen)
			err = y.all.tree.List(y.l.q.r.Context(), dir, list)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range y.members[dir] {
		if seen[name] {
			continue
		}
		spot := y.spots[name]
		it := syncItem{name: name, dir: spot.dir, absent: spot.went}
		if !spot.went {
			i, err := y.all.tree.Stat(name)
			switch {
			case err == nil:
				it.info, it.dir, it.full = i, i.Dir, full || spot.came
			case gone(err):
				it.absent = true
			default:
				return err
			}
		}
		add(it)
	}
	items = firstItems(items, room)
	slices.Reverse(items)
	y.ahead = append(y.ahead, items...)
	if over := len(y.ahead) - room; over > 0 {
		y.ahead = append(y.ahead[:0], y.ahead[over:]...)
	}
	return nil
}

// firstItems are the first n by name, sorted.
func firstItems(items []syncItem, n int) []syncItem {
	slices.SortFunc(items, func(a, b syncItem) int { return strings.Compare(a.name, b.name) }) // of one collection
	return items[:min(n, len(items))]
}

// gone says whether an error means that there is nothing at a name, or no collection any more.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// compareNames orders names as a walk does that visits the members of each collection by name, after itself.
func compareNames(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}
