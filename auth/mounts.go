package auth

import (
	"cmp"
	"context"
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

// maxViews bounds the number of principals whose folders are remembered.
const maxViews = 4096

// views remembers which folders principals see. A view counts while nothing changes that it shows.
type views struct {
	mu sync.RWMutex
	m  map[viewer]*view
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
	v, err := a.view(ctx, p)
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.mounts), nil
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
	if v != nil && a.shows(v, epoch) {
		return v, nil
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
	nameMounts(p.UserID, mounts)
	slices.SortFunc(mounts, func(x, y store.Mount) int { return strings.Compare(x.Name, y.Name) })
	slices.Sort(projects)
	v = &view{userID: p.UserID, projects: projects, mounts: mounts, byID: make(map[string]int, len(mounts)), byName: make(map[string]int, len(mounts))}
	v.epoch.Store(epoch)
	for i, m := range mounts {
		v.byID[m.Folder.ID] = i
		v.byName[m.Name] = i
	}

	a.views.mu.Lock()
	defer a.views.mu.Unlock()
	if a.views.m == nil {
		a.views.m = make(map[viewer]*view)
	}
	if old := a.views.m[who]; old == nil {
		evict(a.views.m, maxViews)
	} else if old.epoch.Load() > epoch {
		return v, nil // somebody else was later
	}
	a.views.m[who] = v
	return v, nil
}

// shows says whether v still shows what its user sees.
func (a *Auth) shows(v *view, epoch uint64) bool {
	since := v.epoch.Load()
	if since == epoch {
		return true
	}
	now, changed := a.records.Changed(since, func(t store.Touch) bool {
		switch t.Kind {
		case store.TouchUser:
			return t.ID == v.userID
		case store.TouchFolder:
			_, ok := v.byID[t.ID]
			return ok
		case store.TouchProject:
			_, ok := slices.BinarySearch(v.projects, t.ID)
			return ok
		}
		return true
	})
	if !changed {
		v.epoch.Store(now)
	}
	return !changed
}

// nameMounts gives every mount its name (D3). Among equal names the user's own folders
// come first, then those of projects, then older ones; the first keeps the bare name, the others get
// their ID behind it.
func nameMounts(userID string, mounts []store.Mount) {
	slices.SortFunc(mounts, func(x, y store.Mount) int {
		return cmp.Or(cmp.Compare(x.Distance(userID), y.Distance(userID)), x.Folder.Created.Compare(y.Folder.Created), strings.Compare(x.Folder.ID, y.Folder.ID))
	})
	taken := make(map[string]bool, len(mounts))
	for i := range mounts {
		m := &mounts[i]
		m.Name = mountName(m.Folder.Title)
		if taken[m.Name] {
			m.Name += " (" + m.Folder.ID + ")"
		}
		if taken[m.Name] { // somebody's title is made to look like that
			m.Name = m.Folder.ID
		}
		taken[m.Name] = true
	}
}

// mountName is the mount name for a title: one path segment that every desktop's
// file system can show (D3).
func mountName(title string) string {
	name := norm.NFC.String(strings.ToValidUTF8(title, "_"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
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
