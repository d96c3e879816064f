package davfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"davit/store"
)

// Conflict says what becomes of something whose name is taken.
type Conflict uint8

// The conflicts. Where a file meets a directory, only those that rename go on.
const (
	Reject  Conflict = iota // fs.ErrExist
	Rename                  // the next name that is free: a(1).txt
	Replace                 // a file takes a file's place; what is in a directory goes into the directory that is there
	Merge                   // as Replace, but nothing is replaced: a file whose name is taken is renamed
)

// renames says whether a file whose name is taken gets another.
func (c Conflict) renames() bool { return c == Rename || c == Merge }

// ErrMismatch is the fs.ErrExist where a file meets a directory that it cannot replace, or the other way round.
var ErrMismatch = fmt.Errorf("a file and a directory have the same name: %w", fs.ErrExist)

// errNoFreeName: a(9999).txt is taken, too.
var errNoFreeName = fmt.Errorf("there is no free name left to give: %w", fs.ErrInvalid)

// MemberError is an error of a directory's member, in a change of the whole directory. What came before it has
// happened.
type MemberError struct {
	Name string
	Err  error
}

func (e *MemberError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *MemberError) Unwrap() error { return e.Err }

// mostNumbered is how many names are tried before a change gives up to find a free one.
const mostNumbered = 9999

// maxNameBytes is the longest segment that a name may have.
const maxNameBytes = 255

// NumberedName is the n-th name that is tried in place of a file's that is taken: a(1).txt. A name that is
// too long with its number loses some of its end before that.
func NumberedName(name string, n int) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name)-dot <= 32 {
		return numbered(name[:dot], name[dot:], n)
	}
	return numbered(name, "", n)
}

// candidate is the n-th name that is tried for something that is to be called name; the 0th is name. A
// directory's name has no extension.
func candidate(name string, dir bool, n int) string {
	if n == 0 {
		return name
	}
	base := baseOf(name)
	if dir {
		base = numbered(base, "", n)
	} else {
		base = NumberedName(base, n)
	}
	return member(parentOf(name), base)
}

func numbered(stem, ext string, n int) string {
	number := "(" + strconv.Itoa(n) + ")"
	for len(stem)+len(number)+len(ext) > maxNameBytes {
		_, size := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-size]
	}
	return stem + number + ext
}

// free calls try with one name after the other that nothing has, from name on, until it returns anything else than
// fs.ErrExist or errExists: then somebody was faster. It gives the name that was tried last.
func (t *Tree) free(name string, dir bool, try func(name string) error) (string, error) {
	for n := 0; n <= mostNumbered; n++ {
		at := candidate(name, dir, n)
		_, exists, err := t.lookToMake(at)
		if err != nil {
			return at, err
		}
		if exists {
			continue
		}
		if err := try(at); !errors.Is(err, errExists) && !errors.Is(err, fs.ErrExist) {
			return at, err
		}
	}
	return name, errNoFreeName
}

// MoveTo is Move that heeds how. It returns the name that what was moved has then. A directory that is moved into
// one that is there goes member by member: an error, perhaps a *MemberError, leaves the rest where it was.
func (t *Tree) MoveTo(ctx context.Context, name string, to Place, how Conflict) (string, error) {
	return (&bringing{how: how, move: true}).bring(ctx, t, name, to)
}

// CopyTo is Copy of all that is at a name, as MoveTo is Move. A copy onto itself, with Rename, is a second one beside
// it.
func (t *Tree) CopyTo(ctx context.Context, name string, to Place, how Conflict) (string, error) {
	return (&bringing{how: how}).bring(ctx, t, name, to)
}

// MayBring says what would refuse MoveTo, or CopyTo, at this moment, as far as that can be told without doing it: names
// and kinds, rights and locks, but no limits.
func (t *Tree) MayBring(ctx context.Context, name string, to Place, how Conflict, move bool) error {
	b := &bringing{how: how, move: move}
	src, err := b.ends(t, name, to)
	if err != nil {
		return err
	}
	if move {
		if err := t.f.locks.need(name, needSelf|needTree|needMember, nil, t.p.UserID); err != nil {
			return err
		}
	}
	cur, exists, err := to.Tree.lookToMake(to.Name)
	switch {
	case err != nil:
		return err
	case !exists || how == Rename || how == Merge && !(src.Dir && cur.Dir):
		return to.Tree.f.locks.need(to.Name, needMember, nil, to.Tree.p.UserID)
	case how == Reject:
		return fs.ErrExist
	case src.Dir != cur.Dir:
		return ErrMismatch
	case src.Dir && t.f == to.Tree.f && inside(name, to.Name):
		return errNested
	case src.Dir:
		return b.fits(ctx, t, name, to)
	}
	return to.Tree.f.locks.need(to.Name, needSelf, nil, to.Tree.p.UserID)
}

// bringing is a move or a copy that heeds a Conflict.
type bringing struct {
	how    Conflict
	move   bool
	before func(context.Context, Info, string) error
}

// lookTries is how often a change looks at its destination again because somebody changed that meanwhile.
const lookTries = 100

// ends looks at both ends of a move or copy, as far as their names and the rights tell.
func (b *bringing) ends(t *Tree, name string, to Place) (src Info, err error) {
	need := store.Read
	if b.move {
		need = store.Write
	}
	if err := errors.Join(t.may(need), to.Tree.may(store.Write)); err != nil {
		return src, err
	}
	if src, err = t.f.fs.Lstat(name); err != nil {
		return src, err
	}
	same := t.f == to.Tree.f
	switch {
	case name == "" || to.Name == "":
		return src, errRoot
	case same && name == to.Name && (b.move || b.how != Rename):
		return src, errSame
	case same && name != to.Name && inside(to.Name, name):
		return src, errNested
	}
	return src, to.Tree.mayName(to.Name)
}

func (b *bringing) bring(ctx context.Context, t *Tree, name string, to Place) (string, error) {
	src, err := b.ends(t, name, to)
	if err != nil {
		return "", err
	}
	same := t.f == to.Tree.f
	for range lookTries {
		cur, exists, err := to.Tree.lookToMake(to.Name)
		switch {
		case err != nil:
			return "", err
		case !exists:
			err = b.one(ctx, t, name, to, false)
		case b.how == Rename || b.how == Merge && !(src.Dir && cur.Dir):
			return to.Tree.free(to.Name, src.Dir, func(at string) error {
				return b.one(ctx, t, name, Place{to.Tree, at}, false)
			})
		case b.how == Reject:
			return "", fs.ErrExist
		case src.Dir != cur.Dir:
			return "", ErrMismatch
		case same && inside(name, to.Name):
			return "", errNested
		case src.Dir:
			return to.Name, b.merge(ctx, t, name, to)
		default:
			err = b.one(ctx, t, name, to, true)
		}
		if !errors.Is(err, errExists) {
			return to.Name, err
		}
	}
	return "", fmt.Errorf("others change the same name again and again: %w", store.ErrBusy)
}

// one moves or copies what is at a name as a whole; errExists if another thing is at the destination than a file that
// overwrite allows to replace.
func (b *bringing) one(ctx context.Context, t *Tree, name string, to Place, overwrite bool) error {
	x := &transfer{src: t, name: name, dst: to.Tree, to: to.Name, overwrite: overwrite, onlyFile: true, before: b.before}
	var err error
	if b.move {
		_, err = x.move(ctx)
	} else {
		_, err = x.copy(ctx, false)
	}
	return err
}

// merge brings the members of a directory into another.
func (b *bringing) merge(ctx context.Context, t *Tree, name string, to Place) error {
	if err := b.fits(ctx, t, name, to); err != nil {
		return err
	}
	members, err := t.sorted(ctx, name)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := ctx.Err(); err != nil {
			return err
		}
		from := member(name, m)
		_, err := b.bring(ctx, t, from, Place{to.Tree, member(to.Name, m)})
		if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoParent) {
			if _, exists, _ := t.look(from); !exists {
				continue // deleted meanwhile
			}
		}
		var deeper *MemberError
		if err != nil && !errors.As(err, &deeper) {
			err = &MemberError{from, err}
		}
		if err != nil {
			return err
		}
	}
	if !b.move {
		return nil
	}
	err = t.Remove(ctx, name, Claim{Check: func(bool, Info) error { return t.empty(name) }})
	if errors.Is(err, errNotEmpty) || errors.Is(err, fs.ErrNotExist) {
		return nil // somebody put something new into it: that stays
	}
	return err
}

// fits looks for what would stop a merge midway: a file that meets a directory, and locks.
func (b *bringing) fits(ctx context.Context, t *Tree, name string, to Place) error {
	if b.move {
		if err := t.f.locks.need(name, needSelf|needTree|needMember, nil, t.p.UserID); err != nil {
			return err
		}
	}
	dst := to.Tree.f
	n := 0
	return walkTree(t.f.fs, name, func(from string, i Info) error {
		if n++; n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		at := to.Name + from[len(name):]
		cur, exists, err := to.Tree.look(at)
		if err != nil || !exists || cur.Dir && i.Dir {
			return err
		}
		if b.how != Replace {
			return nil // it will have another name
		}
		if cur.Dir != i.Dir {
			return &MemberError{from, ErrMismatch}
		}
		if err := dst.locks.need(at, needSelf, nil, to.Tree.p.UserID); err != nil {
			return &MemberError{at, err}
		}
		return nil
	})
}

// sorted are the names of a directory's members.
func (t *Tree) sorted(ctx context.Context, name string) ([]string, error) {
	for try := 1; ; try++ {
		var all []string
		err := t.List(ctx, name, func(i Info) error {
			all = append(all, i.Name)
			return nil
		})
		if errors.Is(err, errReplaced) && try < listTries {
			continue
		}
		slices.Sort(all)
		return all, err
	}
}

var errNotEmpty = errors.New("the directory is not empty")

// empty is errNotEmpty if a directory has a visible member.
func (t *Tree) empty(name string) error {
	return t.f.fs.List(name, func(Info) error { return errNotEmpty })
}

// MakeDir makes a directory, and those above it that are missing. It returns its name; with Replace and Merge one
// that is there will do.
func (t *Tree) MakeDir(ctx context.Context, name string, how Conflict) (string, error) {
	if err := t.may(store.Write); err != nil {
		return "", err
	}
	if name == "" {
		if how == Reject || how == Rename {
			return "", fs.ErrExist
		}
		return "", nil
	}
	if err := t.makeParents(ctx, name); err != nil {
		return "", err
	}
	for range lookTries {
		cur, exists, err := t.lookToMake(name)
		switch {
		case err != nil:
			return "", err
		case !exists:
			_, err = t.Mkdir(ctx, name, Claim{})
		case how == Rename || how == Merge && !cur.Dir:
			return t.free(name, true, func(at string) error {
				_, err := t.Mkdir(ctx, at, Claim{})
				return err
			})
		case how == Reject:
			return "", fs.ErrExist
		case !cur.Dir:
			return "", ErrMismatch
		default:
			return name, nil
		}
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
	return "", fs.ErrExist // something that nobody sees
}

// MakeParents makes the directories above name that are missing.
func (t *Tree) MakeParents(ctx context.Context, name string) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	return t.makeParents(ctx, name)
}

func (t *Tree) makeParents(ctx context.Context, name string) error {
	var missing []string
	for dir := parentOf(name); dir != ""; dir = parentOf(dir) {
		cur, exists, err := t.look(dir)
		if err != nil && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
		if exists && !cur.Dir {
			return &MemberError{dir, ErrMismatch}
		}
		if exists {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		if _, err := t.Mkdir(ctx, dir, Claim{}); err != nil && !errors.Is(err, fs.ErrExist) {
			return &MemberError{dir, err}
		}
	}
	return nil
}
