package store

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
)

// Identity tells two files apart that had the same name one after the other.
type Identity struct {
	Ino   uint64
	Birth int64 // nanoseconds; 0 where the file system does not know
}

// Prop is one dead property (RFC 4918, section 4).
type Prop struct {
	Space, Name string // of the element
	XML         string // the whole element, well-formed by itself, namespaces declared
}

// PropName is the name of a dead property.
type PropName struct{ Space, Name string }

// Paths are names inside a folder, as they are on the disk: "a/b", without
// slashes at the ends; "" is the folder's root. They compare bytewise, so what is
// below p are the paths from p + "/" up to, and without, p + "0", the next byte.
//
// These are conditions on the columns folder_id and path; their arguments $1 and
// $2 are the folder and the path. The first two comparisons are what the index
// looks up; between p and p + "/" there are a few others, like "p.x".
const (
	atOrBelow = ` folder_id = $1 AND path >= $2 AND path < $2 || '0' AND (path = $2 OR path >= $2 || '/')`
	anywhere  = ` folder_id = $1 AND $2 = ''` // for the root
)

// under returns the condition for a path and all below it.
func under(path string) string {
	if path == "" {
		return anywhere
	}
	return atOrBelow
}

// inside says whether path is p or below it.
func inside(path, p string) bool {
	return p == "" || path == p || strings.HasPrefix(path, p+"/")
}

const selectPropPaths = `SELECT DISTINCT path, ino, birth FROM props WHERE folder_id = $1`

// PropPaths returns every path in a folder that has dead properties, and which
// file they were set on.
func (s *Store) PropPaths(ctx context.Context, folderID string) (map[string]Identity, error) {
	rows, err := s.reads.QueryContext(ctx, selectPropPaths, folderID)
	paths := map[string]Identity{}
	_, err = collect[struct{}](rows, err)(func(r row) (none struct{}, err error) {
		var path string
		var ino, birth int64
		err = r.Scan(&path, &ino, &birth)
		paths[path] = Identity{uint64(ino), birth}
		return none, err
	})
	return paths, err
}

const selectPropValues = `SELECT path, xml FROM props WHERE folder_id = $1 AND space = $2 AND name = $3`

// PropValues returns one dead property, as XML, by the paths in a folder that have it.
func (s *Store) PropValues(ctx context.Context, folderID string, name PropName) (map[string]string, error) {
	rows, err := s.reads.QueryContext(ctx, selectPropValues, folderID, name.Space, name.Name)
	values := map[string]string{}
	_, err = collect[struct{}](rows, err)(func(r row) (none struct{}, err error) {
		var path, element string
		err = r.Scan(&path, &element)
		values[path] = element
		return none, err
	})
	return values, err
}

// propPathsAtOnce bounds the length of a query.
const propPathsAtOnce = 1000

// Props returns the dead properties of paths, each ordered by namespace and name;
// a path without any is absent.
func (s *Store) Props(ctx context.Context, folderID string, paths []string) (map[string][]Prop, error) {
	props := map[string][]Prop{}
	for len(paths) > 0 {
		n := min(len(paths), propPathsAtOnce)
		if err := s.addProps(ctx, props, folderID, paths[:n]); err != nil {
			return nil, err
		}
		paths = paths[n:]
	}
	return props, nil
}

func (s *Store) addProps(ctx context.Context, props map[string][]Prop, folderID string, paths []string) error {
	args := []any{folderID}
	for _, p := range paths {
		args = append(args, p)
	}
	rows, err := s.reads.QueryContext(ctx, propsQuery(len(paths)), args...)
	_, err = collect[struct{}](rows, err)(func(r row) (none struct{}, err error) {
		var path string
		var p Prop
		err = r.Scan(&path, &p.Space, &p.Name, &p.XML)
		props[path] = append(props[path], p)
		return none, err
	})
	return err
}

// propsQuery selects the properties of n paths, its arguments after the folder.
func propsQuery(n int) string {
	var query strings.Builder
	query.WriteString(`SELECT path, space, name, xml FROM props WHERE folder_id = $1 AND path IN ($2`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&query, ",$%d", i+2)
	}
	query.WriteString(`) ORDER BY path, space, name`)
	return query.String()
}

const insertProp = `INSERT INTO props (folder_id, path, space, name, xml, ino, birth) VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (folder_id, path, space, name) DO UPDATE SET xml = excluded.xml, ino = excluded.ino, birth = excluded.birth`

// SetProps removes and sets dead properties of the file id at path, in this order.
// Properties that another file has left there are dropped. fs.ErrNotExist if the
// folder is gone.
func (s *Store) SetProps(ctx context.Context, folderID, path string, id Identity, set []Prop, remove []PropName) error {
	return named(s.write(ctx, relaxed, func(t tx) error {
		if _, err := t.exec(`DELETE FROM props WHERE folder_id = $1 AND path = $2 AND (ino <> $3 OR birth <> $4)`,
			folderID, path, int64(id.Ino), id.Birth); err != nil {
			return err
		}
		for _, n := range remove {
			if _, err := t.exec(`DELETE FROM props WHERE folder_id = $1 AND path = $2 AND space = $3 AND name = $4`,
				folderID, path, n.Space, n.Name); err != nil {
				return err
			}
		}
		for _, p := range set {
			if _, err := t.exec(insertProp, folderID, path, p.Space, p.Name, p.XML, int64(id.Ino), id.Birth); err != nil {
				return err
			}
		}
		return nil
	}), "folder", folderID)
}

// CopyProps replaces the dead properties at and below dstPath by those of
// srcPath, with deep also by those below it, each at the like path. ids are the
// new files by their path; what would go to another path is not copied.
// fs.ErrNotExist if the destination's folder is gone.
func (s *Store) CopyProps(ctx context.Context, srcFolder, srcPath, dstFolder, dstPath string, ids map[string]Identity, deep bool) error {
	return named(s.write(ctx, relaxed, func(t tx) error {
		return t.copyProps(srcFolder, srcPath, dstFolder, dstPath, ids, deep)
	}), "folder", dstFolder)
}

func (t tx) copyProps(srcFolder, srcPath, dstFolder, dstPath string, ids map[string]Identity, deep bool) error {
	type copied struct {
		path string
		Prop
	}
	where := ` folder_id = $1 AND path = $2`
	if deep {
		where = under(srcPath)
	}
	// All are read before any is removed: the paths may lie in one another.
	all, err := collect[copied](t.query(`SELECT path, space, name, xml FROM props WHERE`+where,
		srcFolder, srcPath))(func(r row) (c copied, err error) {
		err = r.Scan(&c.path, &c.Space, &c.Name, &c.XML)
		return c, err
	})
	if err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM props WHERE`+under(dstPath), dstFolder, dstPath); err != nil {
		return err
	}
	for _, c := range all {
		path := rebase(c.path, srcPath, dstPath)
		if id, ok := ids[path]; ok {
			if _, err := t.exec(insertProp, dstFolder, path, c.Space, c.Name, c.XML, int64(id.Ino), id.Birth); err != nil {
				return err
			}
		}
	}
	return nil
}

// rebase turns a path at or below from into the like path at or below to.
func rebase(path, from, to string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(path, from), "/")
	if rest == "" || to == "" {
		return to + rest
	}
	return to + "/" + rest
}

// RowChange is how locks and dead properties follow a change on the disk. It is
// applied in the order of its fields, and within a field in the order given.
type RowChange struct {
	Removes []Place
	Moves   []Move
	Renew   []Renewal
}

// Place is a path that is gone, with all below it: so are its dead properties and
// its locks.
type Place struct{ FolderID, Path string }

// Move is a path that was renamed. The dead properties at and below it move, in
// place of any that are at or below the destination. Locks do not move: those at
// and below From end, as their roots are unmapped (RFC 4918, section 6.1), those
// at the destination stay.
type Move struct{ FromFolder, From, ToFolder, To string }

// Renewal says that the file at a path, not those below it, was replaced by
// another whose dead properties are the same.
type Renewal struct {
	FolderID, Path string
	Identity       Identity
}

func (t tx) change(c RowChange) error {
	for _, p := range c.Removes {
		if err := t.remove("props", p.FolderID, p.Path); err != nil {
			return err
		}
		if err := t.remove("locks", p.FolderID, p.Path); err != nil {
			return err
		}
	}
	for _, m := range c.Moves {
		if err := t.move(m); err != nil {
			return err
		}
	}
	for _, r := range c.Renew {
		if _, err := t.exec(`UPDATE props SET ino = $3, birth = $4 WHERE folder_id = $1 AND path = $2`,
			r.FolderID, r.Path, int64(r.Identity.Ino), r.Identity.Birth); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the rows of a table at and below a path.
func (t tx) remove(table, folderID, path string) error {
	_, err := t.exec(`DELETE FROM `+table+` WHERE`+under(path), folderID, path)
	return err
}

// Both lengths are counted by the database, so it does not matter how it counts
// bytes that are not UTF-8.
const moveProps = `UPDATE props SET folder_id = $3, path = $4 || substr(path, length($2) + 1) WHERE` + atOrBelow

func (t tx) move(m Move) error {
	if m.FromFolder == m.ToFolder && m.From == m.To {
		return nil
	}
	if m.From == "" || m.To == "" {
		return explain(fs.ErrInvalid, "a folder's root cannot be moved")
	}
	if m.FromFolder == m.ToFolder && (inside(m.From, m.To) || inside(m.To, m.From)) {
		return explain(fs.ErrInvalid, "%q and %q lie in one another", m.From, m.To)
	}
	if err := t.remove("locks", m.FromFolder, m.From); err != nil {
		return err
	}
	if err := t.remove("props", m.ToFolder, m.To); err != nil {
		return err
	}
	_, err := t.exec(moveProps, m.FromFolder, m.From, m.ToFolder, m.To)
	return err
}
