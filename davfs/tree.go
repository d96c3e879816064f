package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/text/unicode/norm"

	"davit/store"
)

// Tree is one folder as one principal may use it in one request. Every door to the
// files goes through it (D21). Close it when the request ends.
//
// Names are slash names inside the folder, "" is its root. Errors: fs.ErrNotExist,
// fs.ErrExist, fs.ErrPermission, errNoParent, errIsDir, errNested, errSame, store.ErrLocked,
// store.ErrQuota, store.ErrNoSpace, store.ErrChanged (from a Claim's Check),
// store.ErrBusy; anything else is a fault of the disk.
type Tree struct {
	f      *folder
	by     *store.Actor // who changes files, for the audit; nil: the context of the change tells
	p      store.Principal
	rights store.Rights
}

// Errors about names in relation to each other.
var (
	errNoParent = errors.New("the parent collection does not exist")
	errIsDir    = errors.New("there is a collection at this name")
	errSame     = errors.New("source and destination are the same resource")
	errNested   = errors.New("one of source and destination lies inside the other")
	errRoot     = errors.New("the folder itself is not changed here")
)

// The same for other doors.
var (
	ErrNoParent     = errNoParent
	ErrIsCollection = errIsDir
	ErrSame         = errSame
	ErrNested       = errNested
	ErrRoot         = errRoot
)

// Claim is what a request brings to a change: the lock tokens that it submitted,
// the preconditions that must hold at the moment of the change, and a time.
type Claim struct {
	Tokens []string
	// Check is asked with what is at the request's name, while that name is locked; nil
	// is no condition. It must not change anything.
	Check func(exists bool, cur Info) error
	// MTime is the modification time of what Mkdir, Copy and Move bring to a name; zero: none was given.
	MTime time.Time
}

func (c Claim) check(exists bool, cur Info) error {
	if c.Check == nil {
		return nil
	}
	return c.Check(exists, cur)
}

// Tree opens a mounted folder for p. fs.ErrNotExist if it is gone, store.ErrMaintenance if its product is out of service.
func (d *FS) Tree(ctx context.Context, p store.Principal, m store.Mount) (*Tree, error) {
	f, err := d.open(ctx, m.Folder.ID)
	if err != nil {
		return nil, err
	}
	if f.gone.Load() {
		f.release()
		return nil, f.errGone("")
	}
	if err := f.product.May(store.OpRead, d.now()); err != nil {
		f.release()
		return nil, err
	}
	f.use()
	return &Tree{f: f, p: p, rights: m.Rights}, nil
}

// Close ends the use of the folder. A nil Tree is closed.
func (t *Tree) Close() {
	if t != nil {
		t.f.use()
		t.f.release()
	}
}

// lastUse is when a request last used the folder, in ns since 1970.
func (t *Tree) lastUse() int64 {
	if t == nil {
		return 0
	}
	return t.f.used.Load()
}

// Resolve finds the spelling on disk of a name (D24): only a segment that is not ASCII and
// missing is tried in the other normal forms. What does not exist comes back in NFC, as new names are stored.
func (t *Tree) Resolve(name string) string {
	if isASCII(name) {
		return name
	}
	if _, err := t.f.fs.Lstat(name); err == nil {
		return name
	}
	found := ""
	segments := strings.Split(name, "/")
	for i, seg := range segments {
		at, ok := t.spelling(found, seg)
		if !ok {
			for _, rest := range segments[i:] {
				found = member(found, norm.NFC.String(rest))
			}
			return found
		}
		found = at
	}
	return found
}

func (t *Tree) spelling(dir, seg string) (string, bool) {
	forms := []string{seg}
	if !isASCII(seg) {
		forms = append(forms, norm.NFC.String(seg), norm.NFD.String(seg))
	}
	for _, form := range forms {
		if _, err := t.f.fs.Lstat(member(dir, form)); err == nil {
			return member(dir, form), true
		}
	}
	return "", false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Stat describes a resource.
func (t *Tree) Stat(name string) (Info, error) {
	if err := t.may(store.Read); err != nil {
		return Info{}, err
	}
	return t.f.fs.Lstat(name)
}

// OpenRead opens a file for reading: one version from open to end.
func (t *Tree) OpenRead(name string) (*os.File, Info, error) {
	if err := t.may(store.Read); err != nil {
		return nil, Info{}, err
	}
	return t.f.fs.OpenRead(name)
}

// List calls fn for each member of a collection until ctx ends. What the disk would not
// describe is left out, and logged (PRO-14).
func (t *Tree) List(ctx context.Context, name string, fn func(Info) error) error {
	if err := t.may(store.Read); err != nil {
		return err
	}
	return t.listed(t.f.fs.List(name, untilDone(ctx, fn)))
}

// ListChosen is List for who looks at names first: offer is called for each member, of which it is told the name and whether it
// is a collection, and fn then for those that chosen returns, in that order. Some that were offered may not be there for fn.
func (t *Tree) ListChosen(ctx context.Context, name string, offer func(Info) error, chosen func() []string, fn func(Info) error) error {
	if err := t.may(store.Read); err != nil {
		return err
	}
	return t.listed(t.f.fs.ListChosen(name, untilDone(ctx, offer), chosen, untilDone(ctx, fn)))
}

// untilDone is fn that fails when ctx has ended.
func untilDone(ctx context.Context, fn func(Info) error) func(Info) error {
	n := 0
	return func(i Info) error {
		if n++; n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(i)
	}
}

// listed takes the result of a listing.
func (t *Tree) listed(err error) error {
	var unread *unreadError
	if errors.As(err, &unread) {
		t.f.d.log.Error("left out of a listing", "folder", t.f.id, "error", err)
		return nil
	}
	return err
}

// ETag is the entity tag of a file or a collection.
func (t *Tree) ETag(name string, i Info) string {
	if i.Dir {
		return t.f.collectionETag(name, i)
	}
	return i.ETag()
}

// AppendETag is ETag, appended to b.
func (t *Tree) AppendETag(b []byte, name string, i Info) []byte {
	if i.Dir {
		return t.f.appendCollectionETag(b, name, i)
	}
	return i.appendETag(b)
}

// Locked says whether a lock holds the resource at name: one of its own, or one from above.
func (t *Tree) Locked(name string) bool { return len(t.f.locks.covering(name)) > 0 }

// LocksIn says which members of the collection at name have locks of their own; all: a lock holds it with everything in it.
func (t *Tree) LocksIn(name string) (all bool, members map[string]bool) { return t.f.locks.in(name) }

// Usage is what the folder holds at this moment.
func (t *Tree) Usage() (Usage, error) { return t.f.usage() }

// MayWrite says whether the tree's principal may change anything: fs.ErrPermission, fs.ErrNotExist.
func (t *Tree) MayWrite() error { return t.may(store.Write) }

func (t *Tree) may(r store.Rights) error {
	if t.f.gone.Load() {
		return t.f.errGone("")
	}
	if !t.rights.Has(r) {
		return fmt.Errorf("you have no right to %s here: %w", r, fs.ErrPermission)
	}
	if r == store.Write && t.f.product.Support.Files.IsReadOnly {
		return t.f.product.May(store.OpWrite, t.f.d.now())
	}
	return nil
}

// look says what is at name.
func (t *Tree) look(name string) (i Info, exists bool, err error) {
	i, err = t.f.fs.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, false, nil
	}
	return i, err == nil, err
}

// lookToMake is look for a name where something is to be: errNoParent if its parent is no collection.
func (t *Tree) lookToMake(name string) (i Info, exists bool, err error) {
	i, err = t.f.fs.Lstat(name)
	switch {
	case errors.Is(err, errNowhere):
		return Info{}, false, errNoParent
	case errors.Is(err, fs.ErrNotExist):
		return Info{}, false, nil
	}
	return i, err == nil, err
}

// change runs fn between begin and end of a change, with names locked, the folder known to be
// there and nothing owed in it.
func (t *Tree) change(ctx context.Context, names []string, fn func() error) error {
	for {
		err := t.changeOnce(ctx, names, fn)
		if err != errOwed {
			return err
		}
		if err := t.f.d.repay(ctx, t.f.id); err != nil {
			return err
		}
	}
}

// errOwed is what changeOnce returns, without having called fn, while rows of an earlier change have
// yet to follow it.
var errOwed = errors.New("an earlier change is not finished")

func (t *Tree) changeOnce(ctx context.Context, names []string, fn func() error) error {
	if err := t.f.begin(ctx); err != nil {
		return err
	}
	defer t.f.end()
	unlock, err := t.f.names.lock(ctx, names...)
	if err != nil {
		return err
	}
	defer unlock()
	if t.f.gone.Load() {
		return t.f.errGone("")
	}
	if len(t.f.d.debts(t.f.id)) > 0 {
		return errOwed
	}
	t.f.announce(1, names...)
	defer t.f.announce(-1, names...)
	return fn()
}

// Mkdir makes a collection.
func (t *Tree) Mkdir(ctx context.Context, name string, c Claim) (Info, error) {
	made, _, err := t.MkdirWith(ctx, name, c, nil)
	return made, err
}

// MkdirWith makes a collection with properties: at no moment it is there without them. results say
// for each what became of it; if one is refused, nothing is made.
func (t *Tree) MkdirWith(ctx context.Context, name string, c Claim, changes []propChange) (made Info, results []propResult, err error) {
	if err := t.may(store.Write); err != nil {
		return Info{}, nil, err
	}
	var p patch
	ok := true
	if len(changes) > 0 {
		p = patch{dead: make(map[store.PropName]string), changed: make(map[store.PropName]bool), making: true, fixed: t.f.d.o.FixedTimes}
		results, ok = p.applyAll(changes, true, 0)
	}
	if !c.MTime.IsZero() {
		p.mtime = c.MTime
	}
	err = t.change(ctx, []string{name}, func() error {
		cur, exists, err := t.lookToMake(name)
		if err != nil {
			return err
		}
		if err := c.check(exists, cur); err != nil {
			return err
		}
		if exists {
			return fs.ErrExist
		}
		if err := t.mayName(name); err != nil {
			return err
		}
		if err := t.f.locks.need(name, needSelf|needMember, c.Tokens, t.p.UserID); err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if p.mtime.IsZero() && len(p.dead) == 0 {
			if err = t.f.fs.Mkdir(name, 0); err == nil {
				t.madeDir(name)
			}
		} else {
			err = t.mkdirStaged(ctx, name, &p)
		}
		if err != nil {
			return err
		}
		made, err = t.f.fs.Lstat(name)
		return err
	})
	if err != nil || !ok {
		return Info{}, results, err
	}
	t.count(ctx, 1, 0, 0)
	return made, results, t.f.syncDirs(name, parentOf(name))
}

// madeDir notes that there is a new collection.
func (t *Tree) madeDir(name string) {
	t.f.locks.taken(name, t.p.UserID)
	t.f.changed(changeTree, name)
}

// mkdirStaged makes a collection out of sight, with its time, and moves it to its name. Its rows
// are there before it: while nothing has the name, they belong to nothing.
func (t *Tree) mkdirStaged(ctx context.Context, name string, p *patch) error {
	s, err := t.f.fs.Stage(true)
	if err != nil {
		return err
	}
	defer func() { s.drop() }() // nil once it is published
	dir, err := t.f.fs.Enter(s)
	if err != nil {
		return err
	}
	defer dir.close()
	if !p.mtime.IsZero() {
		if err := dir.Chtimes("", time.Time{}, t.f.stamp(p.mtime)); err != nil {
			return err
		}
	}
	top, err := dir.Lstat("")
	if err != nil {
		return err
	}
	rows := &rowChange{f: t.f, name: name, needed: len(p.dead) > 0}
	if rows.needed {
		set := make([]store.Prop, 0, len(p.dead))
		for n, x := range p.dead {
			set = append(set, store.Prop{Space: n.Space, Name: n.Name, XML: x})
		}
		if err := t.f.d.st.SetProps(ctx, t.f.id, name, top.Identity(), set, nil); err != nil {
			return fmt.Errorf("write properties: %w", err)
		}
		if err := rows.intendWaiting(ctx, store.Intent{Kind: intentMake, Path: name, Subject: top.Identity()}); err != nil {
			return err
		}
		t.f.props.note(name, top.Identity(), true)
		t.f.props.setLanguage(name, languageOf(p.dead[languageName]))
	}
	if t.f.d.o.Sync == SyncFull { // before its name can be on the disk, which is as soon as rows follow
		if err := dir.SyncDir(""); err != nil {
			return rows.cancel(ctx, err)
		}
	}
	s.usage = store.Usage{Files: 1}
	if err := t.f.fs.publish(s, name, Info{}, false, store.Usage{}); err != nil {
		return rows.cancel(ctx, err)
	}
	s = nil
	t.madeDir(name) // it is there, also if what follows fails
	return rows.finish(ctx, store.RowChange{}, t.f, name)
}

// syncDirs makes names in directories durable if the setting asks for it. A directory that is
// gone meanwhile needs no sync.
func (f *folder) syncDirs(dirs ...string) error {
	if f.d.o.Sync != SyncFull {
		return nil
	}
	for _, dir := range dirs {
		if err := f.syncs.do(dir, func() error { return f.fs.SyncDir(dir) }); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
	}
	return nil
}

// Remove deletes a file, or a collection with all that is in it (D17): it is gone at once and
// whole, its bytes are removed in the background.
func (t *Tree) Remove(ctx context.Context, name string, c Claim) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	if name == "" {
		return errRoot
	}
	if err := t.f.begin(ctx); err != nil { // until what is deleted is counted
		return err
	}
	defer t.f.end()
	var trashed *staged
	err := t.change(ctx, []string{name}, func() error {
		cur, err := t.f.fs.Lstat(name)
		if err != nil {
			return err
		}
		if err := c.check(true, cur); err != nil {
			return err
		}
		if err := t.f.locks.need(name, needSelf|needTree|needMember, c.Tokens, t.p.UserID); err != nil {
			return err
		}
		rows := t.rows(name)
		if err := rows.intend(ctx, store.Intent{Kind: intentRemove, Path: name, Subject: cur.Identity()}); err != nil {
			return err
		}
		if cur.Dir {
			defer t.f.moving()()
		}
		if !cur.Dir && cur.Size < unlinkAtOnce {
			err = t.f.fs.Remove(name)
		} else if trashed, err = t.f.fs.Trash(name); err == nil && !cur.Dir {
			t.f.d.sweepSoon()
		}
		if err != nil {
			return rows.cancel(ctx, err)
		}
		t.f.locks.taken(name, t.p.UserID)
		t.f.changed(cur.removal(), name)
		t.f.d.sums.forget(t.f, cur)
		return rows.removed(ctx)
	})
	t.f.discard(trashed) // also after an error: it is out of the folder
	if err != nil {
		return err
	}
	t.count(ctx, 0, 1, 0)
	return t.f.syncDirs(parentOf(name))
}

// MayRemove says what would refuse to take away what is at a name, at this moment: rights, locks, or that nothing is
// there.
func (t *Tree) MayRemove(name string) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	if _, err := t.f.fs.Lstat(name); err != nil {
		return err
	}
	if name == "" {
		return errRoot
	}
	return t.f.locks.need(name, needSelf|needTree|needMember, nil, t.p.UserID)
}

// discard gives back the room of what Trash took out, and has it removed. If it cannot be counted,
// the folder is.
func (f *folder) discard(trashed *staged) {
	if trashed == nil {
		return
	}
	if err := f.fs.credit(trashed); err != nil {
		f.d.log.Error("count what was deleted", "folder", f.id, "error", err)
		f.miscounted.Add(1)
	}
	f.d.sweepSoon()
}

// unlinkAtOnce is the size up to which a file is removed in the request: beyond it freeing the
// blocks may take long.
const unlinkAtOnce = 64 << 20
