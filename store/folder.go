package store

import (
	"context"
	"io/fs"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Usage is what a folder holds: the sizes of its visible regular files, and the
// number of files and directories below its root (D10).
type Usage struct {
	Bytes int64
	Files int64
}

// Folder is the managed unit: a tree of files with one owner and its limits.
type Folder struct {
	ID        string // UUIDv7 as 32 lower-case hex digits (D1)
	OwnerID   string // empty only if the owner was removed after the folder
	OwnerName string // filled in by reads
	Title     string
	Product   string // storage tier; "" is the default product, on the default volume
	MaxBytes  int64  // Default, 0 (none) or a limit
	MaxFiles  int64
	Limits    Limits // of the owner, filled in by reads; see Effective

	Usage    Usage // as last written; the server's memory is newer (D20)
	Dirty    bool  // Usage may be wrong; count before writing (D11)
	Made     bool  // its directory was made; missing from disk later is a fault, not a new folder
	Created  time.Time
	LastUsed time.Time
	Scanned  time.Time // last full count
	Rescan   time.Time // a count was asked for at this time; done when Scanned is not before it
	Deleted  time.Time // zero: alive
	Purge    time.Time // with Deleted: when its bytes go
}

// Effective returns the limits that hold for the folder: its own, else those of
// its owner, else d. 0 means none.
func (f Folder) Effective(d Defaults) (maxBytes, maxFiles int64) {
	first := func(limits ...int64) int64 {
		for _, l := range limits {
			if l != Default {
				return l
			}
		}
		return 0
	}
	return first(f.MaxBytes, f.Limits.MaxBytes, d.MaxBytes), first(f.MaxFiles, f.Limits.MaxFiles, d.MaxFiles)
}

const folderColumns = `f.id, COALESCE(f.owner_id, ''), COALESCE(u.name, ''), f.title, f.product, f.max_bytes, f.max_files,
	COALESCE(u.max_folders, -1), COALESCE(u.max_bytes, -1), COALESCE(u.max_files, -1),
	f.used_bytes, f.used_files, f.dirty, f.made, f.created, f.last_used, f.scanned, f.rescan, f.deleted, f.purge`

const selectFolder = `SELECT ` + folderColumns + ` FROM folders f LEFT JOIN users u ON u.id = f.owner_id`

func scanFolder(r row) (f Folder, err error) {
	err = r.Scan(folderDest(&f)...)
	return f, err
}

// folderDest are the destinations of folderColumns.
func folderDest(f *Folder) []any {
	return []any{&f.ID, &f.OwnerID, &f.OwnerName, &f.Title, &f.Product, &f.MaxBytes, &f.MaxFiles,
		&f.Limits.MaxFolders, &f.Limits.MaxBytes, &f.Limits.MaxFiles,
		&f.Usage.Bytes, &f.Usage.Files, &f.Dirty, &f.Made, scanTime{&f.Created}, scanTime{&f.LastUsed},
		scanTime{&f.Scanned}, scanTime{&f.Rescan}, scanTime{&f.Deleted}, scanTime{&f.Purge}}
}

// NewFolder is a folder to be made, and the rules that it is made under.
type NewFolder struct {
	Folder            // of which ID (or none), OwnerID, Title, Product, MaxBytes, MaxFiles, Made are taken
	UniqueTitle bool  // the owner may not have a living folder of this title (D2)
	MaxFolders  int64 // how many living folders the owner may have then; 0: any number
}

// checkTitle returns fs.ErrInvalid for a title that no folder may have (D2).
func checkTitle(title string) error {
	switch {
	case title == "":
		return explain(fs.ErrInvalid, "title is empty")
	case len(title) > 255:
		return explain(fs.ErrInvalid, "title is longer than 255 bytes")
	case !utf8.ValidString(title):
		return explain(fs.ErrInvalid, "title is not UTF-8")
	case strings.ContainsFunc(title, unicode.IsControl):
		return explain(fs.ErrInvalid, "title contains a control character")
	}
	if _, ok := ParseID(title); ok {
		return explain(fs.ErrInvalid, "title looks like an ID")
	}
	return nil
}

// ParseID reads a folder's ID as people and clients write it: with or without
// dashes, in either case (D1).
func ParseID(text string) (id string, ok bool) {
	if len(text) < 32 { // most of what is asked about, in listings and on each request
		return "", false
	}
	if id = strings.ToLower(strings.ReplaceAll(text, "-", "")); !isID(id) {
		return "", false
	}
	return id, true
}

// isID says whether s has the one form that the tables and the disk have.
func isID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// CreateFolder adds a folder, with an ID of its own if it has none, and returns
// it. fs.ErrInvalid says what is wrong with title, ID or limits; fs.ErrNotExist
// for an unknown owner; fs.ErrExist for a title that UniqueTitle refuses, or an
// ID that is there; ErrTooMany for more than MaxFolders. Title and count are
// checked where the row is written: of two equal calls at once one succeeds.
func (s *Store) CreateFolder(ctx context.Context, n NewFolder) (Folder, error) {
	if err := checkTitle(n.Title); err != nil {
		return Folder{}, err
	}
	if err := (Limits{0, n.MaxBytes, n.MaxFiles}).check(); err != nil {
		return Folder{}, err
	}
	if n.ID == "" {
		var err error
		if n.ID, err = newID(); err != nil {
			return Folder{}, err
		}
	}
	if !isID(n.ID) {
		return Folder{}, explain(fs.ErrInvalid, "folder ID %q is not 32 lower-case hex digits", n.ID)
	}
	var made Folder
	err := s.write(ctx, announced, func(t tx) error {
		if _, err := t.user(n.OwnerID); err != nil {
			return named(convert(err), "user", n.OwnerID)
		}
		var all, same int64
		if err := t.get(`SELECT COUNT(*), COUNT(CASE WHEN title = $2 THEN 1 END) FROM folders
			WHERE owner_id = $1 AND deleted = 0`, []any{n.OwnerID, n.Title}, &all, &same); err != nil {
			return err
		}
		if n.UniqueTitle && same > 0 {
			return explain(fs.ErrExist, "folder %q exists already", n.Title)
		}
		if n.MaxFolders > 0 && all >= n.MaxFolders {
			return explain(ErrTooMany, "the owner has %d of at most %d folders", all, n.MaxFolders)
		}
		_, err := t.exec(`INSERT INTO folders (id, owner_id, title, product, max_bytes, max_files, used_bytes, used_files,
				dirty, made, created, last_used, scanned, rescan, deleted, purge)
			VALUES ($1, $2, $3, $4, $5, $6, 0, 0, FALSE, $7, $8, 0, 0, 0, 0, 0)`,
			n.ID, n.OwnerID, n.Title, n.Product, n.MaxBytes, n.MaxFiles, n.Made, micros(s.now()))
		if err != nil {
			return err
		}
		made, err = t.folder(n.ID)
		return err
	})
	if err != nil {
		return Folder{}, named(err, "folder", n.ID)
	}
	return made, nil
}

func (t tx) folder(id string) (Folder, error) {
	st, err := t.stmt(selectFolder + ` WHERE f.id = $1`)
	if err != nil {
		return Folder{}, err
	}
	return scanFolder(st.QueryRow(id))
}

// living returns fs.ErrNotExist if a folder is unknown or deleted.
func (t tx) living(id string) error {
	var one int
	return named(t.get(`SELECT 1 FROM folders WHERE id = $1 AND deleted = 0`, []any{id}, &one), "folder", id)
}

// Folder returns a folder, a deleted one too until it is purged; fs.ErrNotExist.
func (s *Store) Folder(ctx context.Context, id string) (Folder, error) {
	f, err := scanFolder(s.reads.QueryRowContext(ctx, selectFolder+` WHERE f.id = $1`, id))
	return f, named(convert(err), "folder", id)
}

// Folders returns the living folders of all users, ordered by ID.
func (s *Store) Folders(ctx context.Context) ([]Folder, error) {
	return collect[Folder](s.reads.QueryContext(ctx, selectFolder+` WHERE f.deleted = 0 ORDER BY f.id`))(scanFolder)
}

const selectMounts = `
	SELECT ` + folderColumns + `, 0 AS shared, CAST($2 AS BIGINT) AS rights, f.id AS ordering
	FROM folders f JOIN users u ON u.id = f.owner_id
	WHERE f.owner_id = $1 AND f.deleted = 0
UNION ALL
	SELECT ` + folderColumns + `, 1, g.rights, f.id
	FROM grants g JOIN folders f ON f.id = g.folder_id JOIN users u ON u.id = f.owner_id
	WHERE g.user_id = $1 AND f.deleted = 0
ORDER BY shared, ordering`

// FoldersOf returns the living folders that a user owns or has a grant on, with
// the user's rights: own ones first, then by ID. Mount.Name is left empty.
func (s *Store) FoldersOf(ctx context.Context, userID string) ([]Mount, error) {
	return collect[Mount](s.reads.QueryContext(ctx, selectMounts, userID, RightsAll))(func(r row) (m Mount, err error) {
		var shared int
		var ordering string
		err = r.Scan(append(folderDest(&m.Folder), &shared, &m.Rights, &ordering)...)
		return m, err
	})
}

// The first line is that of the index folders_pending.
const selectPending = selectFolder + `
	WHERE (NOT made OR deleted <> 0 OR rescan > scanned OR dirty)
	AND (NOT made OR rescan > scanned OR dirty OR purge <= $1)
	ORDER BY f.id`

// PendingFolders returns the folders that the server must do something about,
// ordered by ID: those not Made, those Deleted whose time to be purged has come,
// those whose Rescan is later than Scanned, those Dirty.
func (s *Store) PendingFolders(ctx context.Context) ([]Folder, error) {
	return collect[Folder](s.reads.QueryContext(ctx, selectPending, micros(s.now())))(scanFolder)
}

// changeFolder runs a statement about the folder $1, with more arguments; no row
// changed means fs.ErrNotExist.
func (s *Store) changeFolder(ctx context.Context, k kind, query, id string, args ...any) error {
	return named(s.write(ctx, k, func(t tx) error {
		return oneRow(t.exec(query, append([]any{id}, args...)...))
	}), "folder", id)
}

// MarkMade notes that the folder's directory is on the disk; fs.ErrNotExist.
func (s *Store) MarkMade(ctx context.Context, id string) error {
	return s.changeFolder(ctx, announced, `UPDATE folders SET made = TRUE WHERE id = $1`, id)
}

// SetFolderLimits replaces the folder's own limits; fs.ErrNotExist also for a
// deleted folder, fs.ErrInvalid for a number that is no limit.
func (s *Store) SetFolderLimits(ctx context.Context, id string, maxBytes, maxFiles int64) error {
	if err := (Limits{0, maxBytes, maxFiles}).check(); err != nil {
		return err
	}
	return s.changeFolder(ctx, announced,
		`UPDATE folders SET max_bytes = $2, max_files = $3 WHERE id = $1 AND deleted = 0`, id, maxBytes, maxFiles)
}

// RequestRescan asks for a full count of the folder; fs.ErrNotExist also for a
// deleted folder.
func (s *Store) RequestRescan(ctx context.Context, id string) error {
	// Later than the last count in any case, also when the clock was set back.
	return s.changeFolder(ctx, announced, `UPDATE folders SET rescan = CASE WHEN scanned < $2 THEN $2 ELSE scanned + 1 END
		WHERE id = $1 AND deleted = 0`, id, micros(s.now()))
}

// MarkDirty notes that the folder's usage may be wrong from now on; it is on the
// disk when the call returns. fs.ErrNotExist also for a deleted folder. It does
// not raise Epoch.
func (s *Store) MarkDirty(ctx context.Context, id string) error {
	return s.changeFolder(ctx, durable, `UPDATE folders SET dirty = TRUE WHERE id = $1 AND deleted = 0`, id)
}

// FolderUsage is what the server learned about a folder since it last said so.
type FolderUsage struct {
	ID       string
	Usage    Usage
	LastUsed time.Time // if set, and later than what is there
	Clean    bool      // Usage is right and stays so until MarkDirty
	Scanned  time.Time // if set: when the count began that Usage comes from
	Journal  *JournalBatch
}

// SaveUsage writes the usage of folders and what is new in their journals, all or none. It passes over folders that
// are gone, and does not raise Epoch.
func (s *Store) SaveUsage(ctx context.Context, all []FolderUsage) error {
	if len(all) == 0 {
		return nil
	}
	return s.write(ctx, relaxed, func(t tx) error {
		for _, u := range all {
			if _, err := t.exec(`UPDATE folders SET used_bytes = $2, used_files = $3,
					last_used = CASE WHEN last_used < $4 THEN $4 ELSE last_used END,
					dirty = dirty AND NOT $5,
					scanned = CASE WHEN scanned < $6 THEN $6 ELSE scanned END
				WHERE id = $1`,
				u.ID, u.Usage.Bytes, u.Usage.Files, micros(u.LastUsed), u.Clean, micros(u.Scanned)); err != nil {
				return err
			}
			if u.Journal != nil {
				if err := t.saveJournal(u.ID, u.Journal); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// DeleteFolder hides a folder until its bytes are purged, at the time purge or
// soon after. If that is not in the future, all that belongs to it goes at once:
// locks, dead properties, grants, tokens for it. fs.ErrNotExist if it is unknown
// or deleted already.
func (s *Store) DeleteFolder(ctx context.Context, id string, purge time.Time) error {
	return named(s.write(ctx, announced, func(t tx) error {
		now := s.now()
		if purge.Before(now) {
			purge = now // also where it is zero, which would read as "not set"
		}
		if err := oneRow(t.exec(`UPDATE folders SET deleted = $2, purge = $3 WHERE id = $1 AND deleted = 0`,
			id, micros(now), micros(purge))); err != nil {
			return err
		}
		if purge.After(now) {
			return nil // it may be restored
		}
		return t.emptyFolder(id)
	}), "folder", id)
}

// emptyFolder removes the rows that belong to a folder, but not its own.
func (t tx) emptyFolder(id string) error {
	for _, query := range []string{
		`DELETE FROM locks WHERE folder_id = $1`,
		`DELETE FROM props WHERE folder_id = $1`,
		`DELETE FROM journals WHERE folder_id = $1`,
		`DELETE FROM grants WHERE folder_id = $1`,
		`DELETE FROM tokens WHERE folder_id = $1`,
		`DELETE FROM uploads WHERE folder_id = $1`,
	} {
		if _, err := t.exec(query, id); err != nil {
			return err
		}
	}
	return nil
}

// PurgeFolder removes the row of a deleted folder, and all rows that belong to
// it, once its bytes are gone. fs.ErrNotExist if there is none or it is alive.
func (s *Store) PurgeFolder(ctx context.Context, id string) error {
	return s.changeFolder(ctx, announced, `DELETE FROM folders WHERE id = $1 AND deleted <> 0`, id)
}
