package store

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Usage is what a folder holds: the sizes of its visible regular files, and the
// number of files and directories below its root (D10).
type Usage struct {
	Bytes int64
	Files int64
}

// Folder is the managed unit: a tree of files with its limits. It belongs to a
// workspace: that of its owner, or of a project.
type Folder struct {
	ID           string // UUIDv7 as 32 lower-case hex digits (D1)
	OwnerID      string // empty only if the owner was removed after the folder; of a project's folder who made it, which gives no right
	OwnerName    string // filled in by reads
	ProjectID    string // empty for a personal folder
	ProjectTitle string // filled in by reads
	Title        string
	Product      string // storage tier; "" is the default product, on the default volume
	MaxBytes     int64  // Default, 0 (none) or a limit
	MaxFiles     int64
	Limits       Limits // of the workspace, filled in by reads; see Effective

	MemberRights Rights            // of a project's members, without further grants
	UsageMode    string            // "general", "model" or "data": a compute platform's word
	Cloneable    bool              // likewise
	Labels       map[string]string // keys in lower case; nil for none

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
// its owner or project, else d. 0 means none.
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

const folderColumns = `f.id, COALESCE(f.owner_id, ''), COALESCE(u.name, ''), COALESCE(f.project_id, ''), COALESCE(p.title, ''),
	f.title, f.product, f.max_bytes, f.max_files,
	COALESCE(p.max_folders, u.max_folders, -1), COALESCE(p.max_bytes, u.max_bytes, -1), COALESCE(p.max_files, u.max_files, -1),
	f.member_rights, f.usage_mode, f.cloneable, f.labels,
	f.used_bytes, f.used_files, f.dirty, f.made, f.created, f.last_used, f.scanned, f.rescan, f.deleted, f.purge`

const joinFolder = ` LEFT JOIN users u ON u.id = f.owner_id LEFT JOIN projects p ON p.id = f.project_id`

const selectFolder = `SELECT ` + folderColumns + ` FROM folders f` + joinFolder

func scanFolder(r row) (f Folder, err error) {
	err = r.Scan(folderDest(&f)...)
	return f, err
}

// folderDest are the destinations of folderColumns.
func folderDest(f *Folder) []any {
	return []any{&f.ID, &f.OwnerID, &f.OwnerName, &f.ProjectID, &f.ProjectTitle,
		&f.Title, &f.Product, &f.MaxBytes, &f.MaxFiles,
		&f.Limits.MaxFolders, &f.Limits.MaxBytes, &f.Limits.MaxFiles,
		&f.MemberRights, &f.UsageMode, &f.Cloneable, scanLabels{&f.Labels},
		&f.Usage.Bytes, &f.Usage.Files, &f.Dirty, &f.Made, scanTime{&f.Created}, scanTime{&f.LastUsed},
		scanTime{&f.Scanned}, scanTime{&f.Rescan}, scanTime{&f.Deleted}, scanTime{&f.Purge}}
}

// NewFolder is a folder to be made, and the rules that it is made under.
type NewFolder struct {
	// OwnerRights are granted to the owner, who has none by itself in a project's folder.
	OwnerRights Rights
	// Folder gives ID (or none), OwnerID, ProjectID, Title, Product, MaxBytes, MaxFiles,
	// MemberRights, UsageMode ("" is "general"), Cloneable, Labels and Made; the rest does not count.
	Folder
	UniqueTitle bool  // its workspace may not have a living folder of this title (D2)
	FoldTitle   bool  // with UniqueTitle: nor one that differs in letter case alone
	MaxFolders  int64 // how many living folders the workspace may have then; 0: any number
}

// maxTitle is the longest title, in characters.
const maxTitle = 16384

// checkTitle returns fs.ErrInvalid for a title that no folder may have (D2). Titles
// are for people: whoever shows one to a terminal, a page or a file system sees to
// it that none of its characters does harm there.
func checkTitle(title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return explain(fs.ErrInvalid, "title is blank")
	case !utf8.ValidString(title):
		return explain(fs.ErrInvalid, "title is not UTF-8")
	case utf8.RuneCountInString(title) > maxTitle:
		return explain(fs.ErrInvalid, "title is longer than %d characters", maxTitle)
	case strings.Contains(title, "\n"):
		return explain(fs.ErrInvalid, "title contains a new-line")
	case strings.Contains(title, "\x00"):
		return explain(fs.ErrInvalid, "title contains a NUL character") // PostgreSQL has no such text
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

// check brings n into the form of its row, or returns fs.ErrInvalid.
func (n *NewFolder) check() (err error) {
	if err := checkTitle(n.Title); err != nil {
		return err
	}
	if err := (Limits{0, n.MaxBytes, n.MaxFiles}).check(); err != nil {
		return err
	}
	if err := n.MemberRights.check(); err != nil {
		return err
	}
	if err := n.OwnerRights.check(); err != nil {
		return err
	}
	switch n.UsageMode {
	case "":
		n.UsageMode = "general"
	case "general", "model", "data":
	default:
		return explain(fs.ErrInvalid, "usage mode must be general, model or data")
	}
	if n.Labels, err = checkLabels(n.Labels); err != nil {
		return err
	}
	if n.ID == "" {
		n.ID, err = newID()
		return err
	}
	if !isID(n.ID) {
		return explain(fs.ErrInvalid, "folder ID %q is not 32 lower-case hex digits", n.ID)
	}
	return nil
}

// CreateFolder adds a folder, with an ID of its own if it has none, and returns
// it. fs.ErrInvalid says what is wrong with title, ID, limits or labels;
// fs.ErrNotExist for an unknown owner or project; fs.ErrExist for a title that UniqueTitle
// refuses, or an ID that is there; ErrTooMany for more than MaxFolders. Title and
// count are checked where the row is written: of two equal calls at once one succeeds.
func (s *Store) CreateFolder(ctx context.Context, n NewFolder) (Folder, error) {
	made, err := s.CreateFolders(ctx, []NewFolder{n})
	if err != nil {
		if item, ok := errors.AsType[*ItemError](err); ok {
			err = item.Err
		}
		return Folder{}, err
	}
	return made[0], nil
}

// CreateFolders is CreateFolder for several, in their order: all of them are made, or
// none and the error is an *ItemError.
func (s *Store) CreateFolders(ctx context.Context, all []NewFolder) ([]Folder, error) {
	all = slices.Clone(all)
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, &ItemError{i, err}
		}
	}
	made := make([]Folder, len(all))
	err := s.write(ctx, announced, func(t tx) error {
		for i, n := range all {
			if err := t.createFolder(ctx, n); err != nil {
				return &ItemError{i, named(convert(err), "folder", n.ID)}
			}
			var err error
			if made[i], err = t.folder(n.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (t tx) createFolder(ctx context.Context, n NewFolder) error {
	if n.ProjectID != "" {
		t.touch(TouchProject, n.ProjectID)
	} else {
		t.touch(TouchUser, n.OwnerID)
	}
	if _, err := t.user(n.OwnerID); err != nil {
		return named(convert(err), "user", n.OwnerID)
	}
	if n.ProjectID != "" {
		if _, err := t.project(n.ProjectID); err != nil {
			return named(convert(err), "project", n.ProjectID)
		}
	}
	all, same, err := t.countTitles(n.OwnerID, n.ProjectID, n.Title)
	if err != nil {
		return err
	}
	if n.UniqueTitle && n.FoldTitle && same == 0 {
		if same, err = t.countFolded(n.OwnerID, n.ProjectID, n.Title); err != nil {
			return err
		}
	}
	if n.UniqueTitle && same > 0 {
		return explain(fs.ErrExist, "folder %q exists already", n.Title)
	}
	if n.MaxFolders > 0 && all >= n.MaxFolders {
		whose := "owner"
		if n.ProjectID != "" {
			whose = "project"
		}
		return explain(ErrTooMany, "the %s has %d of at most %d folders", whose, all, n.MaxFolders)
	}
	labels, err := labelsText(n.Labels)
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO folders (id, owner_id, project_id, title, product, max_bytes, max_files, used_bytes, used_files,
			dirty, made, created, last_used, scanned, rescan, deleted, purge, member_rights, usage_mode, cloneable, labels)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, FALSE, $8, $9, 0, 0, 0, 0, 0, $10, $11, $12, $13)`,
		n.ID, n.OwnerID, orNull(n.ProjectID), n.Title, n.Product, n.MaxBytes, n.MaxFiles, n.Made, micros(t.s.now()),
		n.MemberRights, n.UsageMode, n.Cloneable, labels); err != nil {
		return err
	}
	if err := t.note(ctx, event{action: "folder.create", folder: n.ID}); err != nil || n.OwnerRights == 0 {
		return err
	}
	f, err := t.folder(n.ID)
	if err != nil {
		return err
	}
	owner, err := t.user(n.OwnerID)
	if err != nil {
		return err
	}
	return t.grantUser(ctx, f, owner, n.OwnerRights)
}

const (
	ownTitles     = `SELECT title FROM folders WHERE owner_id = $1 AND project_id IS NULL AND deleted = 0`
	projectTitles = `SELECT title FROM folders WHERE project_id = $1 AND deleted = 0`
)

// countFolded is countTitles for titles that are the same but for letter case. Databases do not agree on
// what that is.
func (t tx) countFolded(ownerID, projectID, title string) (same int64, err error) {
	query, id := ownTitles, ownerID
	if projectID != "" {
		query, id = projectTitles, projectID
	}
	titles, err := collect[string](t.query(query, id))(scanString)
	for _, other := range titles {
		if strings.EqualFold(norm.NFC.String(other), norm.NFC.String(title)) {
			same++
		}
	}
	return same, err
}

const (
	countOwnTitles = `SELECT COUNT(*), COUNT(CASE WHEN title = $2 THEN 1 END) FROM folders
		WHERE owner_id = $1 AND project_id IS NULL AND deleted = 0`
	countProjectTitles = `SELECT COUNT(*), COUNT(CASE WHEN title = $2 THEN 1 END) FROM folders
		WHERE project_id = $1 AND deleted = 0`
)

// countTitles counts the living folders of a workspace, and those of a title.
func (t tx) countTitles(ownerID, projectID, title string) (all, same int64, err error) {
	query, id := countOwnTitles, ownerID
	if projectID != "" {
		query, id = countProjectTitles, projectID
	}
	err = t.get(query, []any{id, title}, &all, &same)
	return all, same, err
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

// livingFolder is folder without deleted ones.
func (t tx) livingFolder(id string) (Folder, error) {
	f, err := t.folder(id)
	if err == nil && !f.Deleted.IsZero() {
		err = fs.ErrNotExist
	}
	return f, err
}

// Folder returns a folder, a deleted one too until it is purged; fs.ErrNotExist.
func (s *Store) Folder(ctx context.Context, id string) (Folder, error) {
	f, err := scanFolder(s.reads.QueryRowContext(ctx, selectFolder+` WHERE f.id = $1`, id))
	return f, named(convert(err), "folder", id)
}

const selectFoldersIn = selectFolder + ` WHERE f.id IN (` + inList + `)`

// FoldersByID returns folders, deleted ones too, by ID; those that there are not are left out.
func (s *Store) FoldersByID(ctx context.Context, ids []string) (map[string]Folder, error) {
	all := make(map[string]Folder, len(ids))
	for part := range slices.Chunk(ids, inListLen) {
		folders, err := collect[Folder](s.reads.QueryContext(ctx, selectFoldersIn, inArgs(part)...))(scanFolder)
		if err != nil {
			return nil, err
		}
		for _, f := range folders {
			all[f.ID] = f
		}
	}
	return all, nil
}

// Folders returns the living folders of all users, ordered by ID.
func (s *Store) Folders(ctx context.Context) ([]Folder, error) {
	return collect[Folder](s.reads.QueryContext(ctx, selectFolder+` WHERE f.deleted = 0 ORDER BY f.id`))(scanFolder)
}

// What may show a folder to user $1, from four sides; a folder may come from several.
const selectSeen = `WITH seen (id, rights) AS (
	SELECT id, 0 FROM folders WHERE owner_id = $1 AND project_id IS NULL AND deleted = 0
UNION ALL
	SELECT folder_id, rights FROM grants WHERE user_id = $1
UNION ALL
	SELECT g.folder_id, g.rights FROM group_members m JOIN group_grants g ON g.group_id = m.group_id WHERE m.user_id = $1
UNION ALL
	SELECT f.id, 0 FROM members m JOIN folders f ON f.project_id = m.project_id
	WHERE m.user_id = $1 AND f.deleted = 0 AND (f.member_rights <> 0 OR m.role <> 'USER')
)
SELECT ` + folderColumns + `, seen.rights, COALESCE(r.role, '')
FROM seen JOIN folders f ON f.id = seen.id` + joinFolder + ` LEFT JOIN members r ON r.project_id = f.project_id AND r.user_id = $1
WHERE f.deleted = 0 AND (f.project_id IS NULL OR r.role IS NOT NULL)`

const (
	selectMounts = selectSeen + ` ORDER BY f.id`
	selectMount  = selectSeen + ` AND seen.id = $2`
)

// FoldersOf returns the living folders that a user has to do with, each once: personal
// ones of the user first, then those of the user's projects, then those that others share; each by
// ID. Granted is the union of all grants to the user and to groups that the user is in, and Role
// the user's in the folder's project. What rights they make is for auth to say, and Name and Rights are
// left empty. A grant on a project's folder to somebody who is not a member counts for nothing.
func (s *Store) FoldersOf(ctx context.Context, userID string) ([]Mount, error) {
	seen, err := collect[Mount](s.reads.QueryContext(ctx, selectMounts, userID))(scanMount)
	if err != nil {
		return nil, err
	}
	all := seen[:0]
	for _, m := range seen {
		if n := len(all); n > 0 && all[n-1].Folder.ID == m.Folder.ID {
			all[n-1].Granted |= m.Granted
			continue
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(x, y Mount) int { return cmp.Compare(x.Distance(userID), y.Distance(userID)) })
	return all, nil
}

// FolderOf is the one folder of FoldersOf with an ID; fs.ErrNotExist if the user has nothing to do with it.
func (s *Store) FolderOf(ctx context.Context, userID, folderID string) (Mount, error) {
	seen, err := collect[Mount](s.reads.QueryContext(ctx, selectMount, userID, folderID))(scanMount)
	if err != nil {
		return Mount{}, err
	}
	if len(seen) == 0 {
		return Mount{}, explain(fs.ErrNotExist, "no folder %q", folderID)
	}
	for _, m := range seen[1:] {
		seen[0].Granted |= m.Granted
	}
	return seen[0], nil
}

func scanMount(r row) (m Mount, err error) {
	err = r.Scan(append(folderDest(&m.Folder), &m.Granted, &m.Role)...)
	return m, err
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
		t.touch(TouchFolder, id)
		return oneRow(t.exec(query, append([]any{id}, args...)...))
	}), "folder", id)
}

const markMade = `UPDATE folders SET made = TRUE WHERE id = $1`

// MarkMade notes that the folder's directory is on the disk; fs.ErrNotExist.
func (s *Store) MarkMade(ctx context.Context, id string) error {
	return s.changeFolder(ctx, announced, markMade, id)
}

// MarkAllMade is MarkMade for several: all or none.
func (s *Store) MarkAllMade(ctx context.Context, ids []string) error {
	return s.write(ctx, announced, func(t tx) error {
		t.touch(TouchFolder, ids...)
		for _, id := range ids {
			if err := oneRow(t.exec(markMade, id)); err != nil {
				return named(err, "folder", id)
			}
		}
		return nil
	})
}

// SetFolderLimits replaces the folder's own limits; fs.ErrNotExist also for a
// deleted folder, fs.ErrInvalid for a number that is no limit.
func (s *Store) SetFolderLimits(ctx context.Context, id string, maxBytes, maxFiles int64) error {
	if err := (Limits{0, maxBytes, maxFiles}).check(); err != nil {
		return err
	}
	return named(s.write(ctx, announced, func(t tx) error {
		t.touch(TouchFolder, id)
		if err := oneRow(t.exec(`UPDATE folders SET max_bytes = $2, max_files = $3 WHERE id = $1 AND deleted = 0`,
			id, maxBytes, maxFiles)); err != nil {
			return err
		}
		return t.note(ctx, event{action: "folder.limit", folder: id, detail: map[string]any{"maxBytes": limitTold(maxBytes), "maxFiles": limitTold(maxFiles)}})
	}), "folder", id)
}

// Rename is a new title of a folder, and the rule that it is given under.
type Rename struct {
	ID          string
	Title       string
	UniqueTitle bool // no other living folder of its workspace may have the title
}

// RenameFolders gives folders new titles, in their order: all, or none and the error is an *ItemError, of
// fs.ErrNotExist (also for a deleted folder), fs.ErrInvalid (the title) or fs.ErrExist (UniqueTitle).
func (s *Store) RenameFolders(ctx context.Context, all []Rename) error {
	for i, n := range all {
		if err := checkTitle(n.Title); err != nil {
			return &ItemError{i, err}
		}
	}
	return s.write(ctx, announced, func(t tx) error {
		for i, n := range all {
			if err := t.renameFolder(ctx, n); err != nil {
				return &ItemError{i, named(convert(err), "folder", n.ID)}
			}
		}
		return nil
	})
}

func (t tx) renameFolder(ctx context.Context, n Rename) error {
	t.touch(TouchFolder, n.ID)
	f, err := t.livingFolder(n.ID)
	if err != nil {
		return err
	}
	if f.Title == n.Title {
		return nil // a client that tries again
	}
	_, same, err := t.countTitles(f.OwnerID, f.ProjectID, n.Title)
	if err != nil {
		return err
	}
	if n.UniqueTitle && same > 0 {
		return explain(fs.ErrExist, "folder %q exists already", n.Title)
	}
	if _, err := t.exec(`UPDATE folders SET title = $2 WHERE id = $1`, n.ID, n.Title); err != nil {
		return err
	}
	return t.note(ctx, event{action: "folder.rename", folder: n.ID, detail: map[string]string{"from": f.Title}})
}

// SetFolderOptions changes what is not nil; fs.ErrNotExist also for a deleted folder,
// fs.ErrInvalid for rights that do not exist.
func (s *Store) SetFolderOptions(ctx context.Context, id string, cloneable *bool, memberRights *Rights) error {
	if memberRights != nil {
		if err := memberRights.check(); err != nil {
			return err
		}
	}
	return named(s.write(ctx, announced, func(t tx) error {
		f, err := t.livingFolder(id)
		if err != nil {
			return err
		}
		t.touch(TouchFolder, id)
		if f.ProjectID != "" {
			t.touch(TouchProject, f.ProjectID) // members may see it now
		}
		detail := map[string]any{}
		if cloneable != nil && f.Cloneable != *cloneable {
			f.Cloneable, detail["cloneable"] = *cloneable, *cloneable
		}
		if memberRights != nil && f.MemberRights != *memberRights {
			f.MemberRights, detail["memberRights"] = *memberRights, memberRights.String()
		}
		if len(detail) == 0 {
			return nil
		}
		if _, err := t.exec(`UPDATE folders SET cloneable = $2, member_rights = $3 WHERE id = $1`, id, f.Cloneable, f.MemberRights); err != nil {
			return err
		}
		return t.note(ctx, event{action: "folder.options", folder: id, detail: detail})
	}), "folder", id)
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
