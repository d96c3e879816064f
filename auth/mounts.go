package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"davit/store"

	"golang.org/x/text/unicode/norm"
)

// maxMountName is the longest mount name, in bytes, without the ID behind it (D3).
const maxMountName = 200

// The bounds of what is remembered: principals, and their folders all together, of which each
// takes about half a kilobyte.
const (
	maxViews  = 4096
	maxMounts = 400_000
)

// views remembers which folders principals see. A view counts while nothing changes that it shows.
type views struct {
	mu     sync.RWMutex
	m      map[viewer]*view
	mounts int // in all of m
}

// put remembers a view in place of an older one. What goes for it is left to chance.
func (vs *views) put(who viewer, v *view) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.m == nil {
		vs.m = make(map[viewer]*view)
	}
	if old := vs.m[who]; old != nil {
		if old.epoch.Load() > v.epoch.Load() {
			return // somebody else was later
		}
		vs.mounts -= len(old.mounts)
		delete(vs.m, who)
	}
	for key, old := range vs.m {
		if len(vs.m) < maxViews && vs.mounts+len(v.mounts) <= maxMounts {
			break
		}
		vs.mounts -= len(old.mounts)
		delete(vs.m, key)
	}
	vs.m[who] = v
	vs.mounts += len(v.mounts)
}

// viewer is as much of a principal as decides what it sees.
type viewer struct {
	userID, token string // token: if it is for some folders only
	readOnly      bool
}

func viewerOf(p store.Principal) viewer {
	v := viewer{userID: p.UserID, readOnly: p.ReadOnly}
	if p.Narrowed() {
		v.token = p.KeyID
	}
	return v
}

type view struct {
	epoch    atomic.Uint64 // the rows were read no earlier than this, or have not changed since
	userID   string
	projects []string       // of the user, sorted
	mounts   []store.Mount  // by name
	byID     map[string]int // index into mounts
	byName   map[string]int
}

// Mounts returns the folders that p sees under /dav/, sorted by name. Usage and
// LastUsed in them may be old: they change without a new epoch.
func (a *Auth) Mounts(ctx context.Context, p store.Principal) ([]store.Mount, error) {
	all, err := a.SharedMounts(ctx, p)
	return slices.Clone(all), err
}

// SharedMounts is Mounts without a copy: others hold the list too, so it must not be changed.
func (a *Auth) SharedMounts(ctx context.Context, p store.Principal) ([]store.Mount, error) {
	v, err := a.view(ctx, p)
	if err != nil {
		return nil, err
	}
	return v.mounts, nil
}

// Mount returns the folder that p sees as segment under /dav/: an ID, with or without
// dashes and in either case, or a mount name. An ID wins. If there is none, or none
// for p: fs.ErrNotExist.
func (a *Auth) Mount(ctx context.Context, p store.Principal, segment string) (store.Mount, error) {
	v, err := a.view(ctx, p)
	if err != nil {
		return store.Mount{}, err
	}
	i, ok := v.byID[segment]
	if id, is := store.ParseID(segment); !ok && is {
		i, ok = v.byID[id]
	}
	if !ok {
		i, ok = v.byName[segment]
	}
	if !ok {
		i, ok = v.byName[norm.NFC.String(segment)] // some systems send names decomposed (D24)
	}
	if !ok {
		return store.Mount{}, fs.ErrNotExist
	}
	return v.mounts[i], nil
}

// view returns what p sees, remembered if nothing changed since.
func (a *Auth) view(ctx context.Context, p store.Principal) (*view, error) {
	who := viewerOf(p)
	epoch := a.records.Epoch() // before the rows: a change in between makes the view stale
	a.views.mu.RLock()
	v := a.views.m[who]
	a.views.mu.RUnlock()
	if v != nil {
		now, stale, all := a.stale(v, epoch)
		switch {
		case all:
		case len(stale) == 0:
			return v, nil
		case len(stale) <= mostRefreshed:
			v, err := a.rereadView(ctx, p, v, stale, now)
			if err != nil {
				return nil, err
			}
			a.views.put(who, v)
			return v, nil
		}
	}
	projects, err := a.records.ProjectIDs(ctx, p.UserID)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}

	all, err := a.records.FoldersOf(ctx, p.UserID)
	if err != nil {
		return nil, fmt.Errorf("list folders: %w", err)
	}
	var mounts []store.Mount
	for _, m := range all {
		if m.Rights = a.Rights(p, m.Folder, m.Granted, m.Role); m.Rights != 0 {
			mounts = append(mounts, m)
		}
	}
	slices.Sort(projects)
	v = newView(p.UserID, projects, mounts, epoch)
	a.views.put(who, v)
	return v, nil
}

// newView puts a view together; the mounts are its own from now on.
func newView(userID string, projects []string, mounts []store.Mount, epoch uint64) *view {
	mounts = nameMounts(userID, mounts)
	v := &view{userID: userID, projects: projects, mounts: mounts, byID: make(map[string]int, len(mounts)), byName: make(map[string]int, len(mounts))}
	v.epoch.Store(epoch)
	for i := range mounts {
		v.byID[mounts[i].Folder.ID] = i
		v.byName[mounts[i].Name] = i
	}
	return v
}

// mostRefreshed is how many folders of a view are read one by one when they changed; of more, the whole view is.
const mostRefreshed = 8

// stale says what v no longer shows as it is: some folders, or with all anything. now is the epoch that it speaks of.
func (a *Auth) stale(v *view, epoch uint64) (now uint64, folders []string, all bool) {
	since := v.epoch.Load()
	if since == epoch {
		return epoch, nil, false
	}
	now, changed := a.records.Changed(since, func(t store.Touch) bool {
		switch t.Kind {
		case store.TouchUser:
			all = all || t.ID == v.userID
			return all
		case store.TouchFolder:
			_, ok := v.byID[t.ID]
			if ok && len(folders) <= mostRefreshed && !slices.Contains(folders, t.ID) {
				folders = append(folders, t.ID)
			}
			return ok
		case store.TouchProject:
			_, ok := slices.BinarySearch(v.projects, t.ID)
			all = all || ok
			return ok
		}
		all = true
		return true
	})
	if !changed {
		v.epoch.Store(now)
	}
	return now, folders, all
}

// rereadView is v with some folders read again; epoch is from before that.
func (a *Auth) rereadView(ctx context.Context, p store.Principal, v *view, folders []string, epoch uint64) (*view, error) {
	mounts := slices.Clone(v.mounts)
	for _, id := range folders {
		m, err := a.records.FolderOf(ctx, p.UserID, id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read folder again: %w", err)
		}
		if err == nil {
			m.Rights = a.Rights(p, m.Folder, m.Granted, m.Role)
		}
		mounts[v.byID[id]] = m // without rights if it is not seen any more
	}
	mounts = slices.DeleteFunc(mounts, func(m store.Mount) bool { return m.Rights == 0 })
	return newView(p.UserID, v.projects, mounts, epoch), nil
}

// nameMounts gives every mount its name (D3), and returns them sorted by it. Among equal names the user's own folders
// come first, then those of projects, then older ones; the first keeps the bare name, the others get
// their ID behind it.
func nameMounts(userID string, mounts []store.Mount) []store.Mount {
	order := make([]*store.Mount, len(mounts)) // mounts are large
	for i := range mounts {
		order[i] = &mounts[i]
	}
	slices.SortFunc(order, func(x, y *store.Mount) int {
		if c := cmp.Compare(x.Distance(userID), y.Distance(userID)); c != 0 {
			return c
		}
		return cmp.Or(x.Folder.Created.Compare(y.Folder.Created), strings.Compare(x.Folder.ID, y.Folder.ID))
	})
	taken := make(map[string]bool, len(mounts))
	for _, m := range order {
		m.Name = mountName(m.Folder.Title)
		if taken[m.Name] {
			m.Name += " (" + m.Folder.ID + ")"
		}
		if taken[m.Name] { // somebody's title is made to look like that
			m.Name = m.Folder.ID
		}
		taken[m.Name] = true
	}
	slices.SortFunc(order, func(x, y *store.Mount) int { return strings.Compare(x.Name, y.Name) })
	named := make([]store.Mount, len(order))
	for i, m := range order {
		named[i] = *m
	}
	return named
}

// isMountName says whether a title is a mount name as it is; of plain ones only, so that it is quick.
func isMountName(title string) bool {
	for i := range len(title) {
		if c := title[i]; c < ' ' || c > '~' || strings.IndexByte(`/\:*?"<>|`, c) >= 0 {
			return false
		}
	}
	return title != "" && len(title) <= maxMountName && title[len(title)-1] != '.' && title[len(title)-1] != ' '
}

// misleads says whether r is no character, or changes how those around it read: bidirectional controls, ends of lines
// and paragraphs (D35).
func misleads(r rune) bool {
	return unicode.In(r, unicode.Bidi_Control, unicode.Noncharacter_Code_Point) || r == 0x2028 || r == 0x2029
}

// mountName is the mount name for a title: one path segment that every desktop's
// file system can show (D3).
func mountName(title string) string {
	if isMountName(title) {
		return title
	}
	name := norm.NFC.String(strings.ToValidUTF8(title, "_"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) || misleads(r) {
			return '_'
		}
		return r
	}, name)
	if len(name) > maxMountName {
		n := maxMountName
		for !utf8.RuneStart(name[n]) {
			n--
		}
		name = name[:n]
	}
	bare := strings.TrimRightFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	name = bare + strings.Repeat("_", utf8.RuneCountInString(name[len(bare):]))
	if name == "" {
		return "_"
	}
	return name
}
