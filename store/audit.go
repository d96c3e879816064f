package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Actor is who makes a change, for the audit.
type Actor struct {
	UserID   string
	UserName string
	Address  string // of the client, as text
	Door     string // webdav, collections, vfolders, files, davit, auth, command, server
	System   string // of a command: the user of the operating system
}

type actorKey struct{}

// WithActor is ctx for changes that a makes.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns the actor of ctx; none is the server by itself.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Door: "server"}
}

// event is one entry of the audit, as the change knows it: what was done to what.
type event struct {
	action  string // noun.verb
	folder  string // ID; title and project are looked up
	project string // if there is no folder
	subject string // a user's name, a token's ID, a group's title
	detail  any    // marshalled into an object; nil for nothing to tell
}

// note writes e in the transaction of the change that it tells about, so that
// neither is there without the other.
func (t tx) note(ctx context.Context, e event) error {
	detail := []byte("{}")
	if e.detail != nil {
		var err error
		if detail, err = json.Marshal(e.detail); err != nil {
			return fmt.Errorf("audit %s: %w", e.action, err)
		}
	}
	a := ActorOf(ctx)
	if a.System != "" {
		system, err := json.Marshal(a.System)
		if err != nil {
			return fmt.Errorf("audit %s: %w", e.action, err)
		}
		rest := strings.TrimPrefix(string(detail), "{")
		if rest != "}" {
			rest = "," + rest
		}
		detail = []byte(`{"systemUser":` + string(system) + rest)
	}
	id, at, err := t.s.auditID()
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO audit (id, at, action, user_id, user_name, folder_id, folder, project_id, subject, address, door, detail)
		VALUES ($1, $2, $3, $4, $5, $6, COALESCE((SELECT title FROM folders WHERE id = $6), ''),
			COALESCE((SELECT project_id FROM folders WHERE id = $6), $7), $8, $9, $10, $11)`,
		id, at, e.action, a.UserID, a.UserName, e.folder, e.project, e.subject, a.Address, a.Door, string(detail))
	t.s.noted.Add(1)
	return err
}

// limitTold is a limit as people read it.
func limitTold(n int64) any {
	switch n {
	case Default:
		return "default"
	case 0:
		return "none"
	}
	return n
}

// auditID makes the ID of an entry from its time, microseconds since 1970: so IDs are in the order of
// time and a range of times is one of IDs. Within this process no two entries have the same time.
func (s *Store) auditID() (id string, at int64, err error) {
	at = max(micros(s.now()), s.lastNote+1)
	s.lastNote = at
	random, err := newID()
	return auditTime(at) + random[16:], at, err
}

// auditTime is what the IDs of all entries from then on are not less than.
func auditTime(at int64) string { return fmt.Sprintf("%016x", max(at, 0)) }

// Entry is one entry of the audit: who did what to what. Names are those of its time.
type Entry struct {
	ID        string // in order of time
	At        time.Time
	Action    string // noun.verb
	UserID    string // who did it; "" for a command, and the server itself
	UserName  string
	FolderID  string // "" where no folder is concerned
	Folder    string // its title
	ProjectID string
	Subject   string // what else it was done to: a user, a token, a group
	Address   string
	Door      string
	Detail    json.RawMessage // an object
}

// AuditFilter says which entries are wanted; what is empty does not count.
type AuditFilter struct {
	UserID    string // who did it
	UserName  string // the same, for users who are gone
	FolderID  string
	Folder    string // a title that the folder had then; with FolderID, those of either
	ProjectID string
	Action    string // or the beginning of one
	Door      string
	Text      string    // in any of an entry's texts, in any letter case
	Since     time.Time // at this time or later
	Until     time.Time // before
}

func (f AuditFilter) matches(e Entry) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	folder := is(f.FolderID, e.FolderID)
	if f.Folder != "" {
		folder = e.Folder == f.Folder || f.FolderID != "" && folder
	}
	return is(f.UserID, e.UserID) && is(f.UserName, e.UserName) && folder && is(f.ProjectID, e.ProjectID) &&
		strings.HasPrefix(e.Action, f.Action) && is(f.Door, e.Door) && (f.Text == "" || e.contains(foldName(f.Text)))
}

// contains says whether one of an entry's texts has a folded one in it; of the detail, one of its values.
func (e Entry) contains(folded string) bool {
	in := func(text string) bool { return strings.Contains(foldName(text), folded) }
	if in(e.Action) || in(e.UserName) || in(e.Folder) || in(e.Subject) || in(e.Address) || e.FolderID == folded || e.UserID == folded {
		return true
	}
	var detail any
	return json.Unmarshal(e.Detail, &detail) == nil && anyValue(detail, in)
}

// anyValue says whether a text of a JSON value is one that is looked for.
func anyValue(v any, is func(string) bool) bool {
	switch v := v.(type) {
	case string:
		return is(v)
	case float64:
		return is(strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return anyValue(one, is) })
	case map[string]any:
		for _, one := range v {
			if anyValue(one, is) {
				return true
			}
		}
	}
	return false
}

// bounds are the IDs between which the entries are.
func (f AuditFilter) bounds() (above, below string) {
	above, below = "", "g" // behind every hex digit
	if !f.Since.IsZero() {
		above = auditTime(micros(f.Since))
	}
	if !f.Until.IsZero() {
		below = auditTime(micros(f.Until))
	}
	return above, below
}

// Each of these is a range of one index, in its order.
const (
	selectAudit = `SELECT id, at, action, user_id, user_name, folder_id, folder, project_id, subject, address, door, detail
	FROM audit WHERE id > $1 AND id < $2`
	auditOfFolder  = ` AND folder_id = $4`
	auditOfUser    = ` AND user_id = $4`
	auditOfProject = ` AND project_id = $4`
	auditOfAction  = ` AND action = $4`
	newestFirst    = ` ORDER BY id DESC LIMIT $3`
	oldestFirst    = ` ORDER BY id LIMIT $3`
)

// query is the statement for the entries of f, or for more of which matches chooses; action is the only one
// that begins with f.Action, if there is no other.
func (f AuditFilter) query(order, action string) (query string, key []any) {
	of := func(cond, key string) (string, []any) { return selectAudit + cond + order, []any{key} }
	switch {
	case f.FolderID != "" && f.Folder == "":
		return of(auditOfFolder, f.FolderID)
	case f.UserID != "":
		return of(auditOfUser, f.UserID)
	case f.ProjectID != "":
		return of(auditOfProject, f.ProjectID)
	case action != "":
		return of(auditOfAction, action)
	}
	return selectAudit + order, nil
}

// onlyAction is the one action in the audit that begins with prefix; "" if there are several.
func (s *Store) onlyAction(ctx context.Context, prefix string) (string, error) {
	var first, second string
	const from = `SELECT COALESCE(MIN(action), '') FROM audit WHERE action >= $1`
	if err := s.reads.QueryRowContext(ctx, from, prefix).Scan(&first); err != nil {
		return "", convert(err)
	}
	if !strings.HasPrefix(first, prefix) {
		return prefix, nil // there are no entries
	}
	const after = `SELECT COALESCE(MIN(action), '') FROM audit WHERE action > $1`
	if err := s.reads.QueryRowContext(ctx, after, first).Scan(&second); err != nil || strings.HasPrefix(second, prefix) {
		return "", convert(err)
	}
	return first, nil
}

// auditScan bounds what one call reads: a rare kind of entries is found in several.
const auditScan = 5000

// Audit returns at most limit entries, newest first, that are older than the one with the ID before,
// which is "" for the first call. next is what to ask with for those that follow, "" for none: a page
// may be short, or empty, before the end.
func (s *Store) Audit(ctx context.Context, f AuditFilter, before string, limit int) (page []Entry, next string, err error) {
	above, below := f.bounds()
	if before != "" {
		below = min(below, before)
	}
	return s.audit(ctx, f, newestFirst, above, below, limit)
}

// AuditOldest is Audit from the oldest entry on, for those that are newer than the one with the ID after.
func (s *Store) AuditOldest(ctx context.Context, f AuditFilter, after string, limit int) (page []Entry, next string, err error) {
	above, below := f.bounds()
	return s.audit(ctx, f, oldestFirst, max(above, after), below, limit)
}

func (s *Store) audit(ctx context.Context, f AuditFilter, order, above, below string, limit int) (page []Entry, next string, err error) {
	action := ""
	if f.Action != "" {
		if action, err = s.onlyAction(ctx, f.Action); err != nil {
			return nil, "", err
		}
	}
	query, key := f.query(order, action)
	rows, err := s.reads.QueryContext(ctx, query, append([]any{above, below, auditScan + 1}, key...)...)
	if err != nil {
		return nil, "", convert(err)
	}
	defer rows.Close()
	last := ""
	for n := 0; rows.Next(); n++ {
		if n == auditScan || len(page) == limit {
			return page, last, nil
		}
		var e Entry
		var detail string
		if err := rows.Scan(&e.ID, scanTime{&e.At}, &e.Action, &e.UserID, &e.UserName, &e.FolderID, &e.Folder, &e.ProjectID,
			&e.Subject, &e.Address, &e.Door, &detail); err != nil {
			return nil, "", convert(err)
		}
		e.Detail, last = json.RawMessage(detail), e.ID
		if f.matches(e) {
			page = append(page, e)
		}
	}
	return page, "", convert(rows.Err())
}

// pruneBatch is how many entries go in one transaction: others wait for it.
const pruneBatch = 500

const pruneAudit = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)`

// PruneAudit removes some of the entries that are older than before (zero: none are too old), else some of
// the oldest beyond most (0: any number may stay), and says how many. Call it again until there are none.
func (s *Store) PruneAudit(ctx context.Context, before time.Time, most int64) (removed int64, err error) {
	prune := func(below string, n int64) error {
		return s.writeOne(ctx, relaxed, func(t tx) (err error) {
			removed, err = t.exec(pruneAudit, below, min(n, pruneBatch))
			s.audited.Add(-removed)
			return err
		})
	}
	if !before.IsZero() {
		if err := prune(auditTime(micros(before)), pruneBatch); err != nil || removed > 0 {
			return removed, err
		}
	}
	if most <= 0 {
		return 0, nil
	}
	// To count is to read the whole index: only after many new ones.
	if noted := s.noted.Load(); s.audited.Load() == 0 || noted-s.counted.Load() >= 1000 {
		var n int64
		if err := s.reads.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit`).Scan(&n); err != nil {
			return 0, convert(err)
		}
		s.audited.Store(n)
		s.counted.Store(noted)
	}
	if over := s.audited.Load() - most; over > 0 {
		return removed, prune("g", over)
	}
	return 0, nil
}

// FileChanges is what one user changed in one folder, from one address through one door, in a while.
type FileChanges struct {
	Actor    Actor
	FolderID string
	Since    time.Time
	Writes   int64 // files and collections made or replaced, properties changed
	Deletes  int64
	Moves    int64
}

// NoteFileChanges tells the audit of changes of files, which are too many to be told one by one.
func (s *Store) NoteFileChanges(ctx context.Context, all []FileChanges) error {
	if len(all) == 0 {
		return nil
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(x, y FileChanges) int {
		return cmp.Or(x.Since.Compare(y.Since), strings.Compare(x.FolderID, y.FolderID), strings.Compare(x.Actor.UserID, y.Actor.UserID))
	})
	return s.write(ctx, relaxed, func(t tx) error {
		for _, c := range all {
			detail := map[string]any{"writes": c.Writes, "deletes": c.Deletes, "moves": c.Moves, "since": c.Since.UTC().Format(time.RFC3339)}
			if err := t.note(WithActor(ctx, c.Actor), event{action: "files.change", folder: c.FolderID, detail: detail}); err != nil {
				return err
			}
		}
		return nil
	})
}

// CheckDone is a comparison of database and disk that has ended.
type CheckDone struct {
	Failed      bool
	Repair      bool // it was to count again what differs
	Folders     int  // that were looked at, with files of so many bytes
	Files       int64
	Bytes       int64
	Differences int
	Repaired    int
	InUse       int // folders that changed all the time
	Took        time.Duration
}

// NoteCheck tells the audit of it.
func (s *Store) NoteCheck(ctx context.Context, c CheckDone) error {
	return s.write(ctx, relaxed, func(t tx) error {
		return t.note(ctx, event{action: "check.end", detail: map[string]any{
			"failed": c.Failed, "repair": c.Repair, "folders": c.Folders, "files": c.Files, "bytes": c.Bytes,
			"differences": c.Differences, "repaired": c.Repaired, "inUse": c.InUse, "seconds": c.Took.Round(time.Millisecond).Seconds(),
		}})
	})
}

// Slowed is an address whose sign-ins the guard slows, because of wrong passwords.
type Slowed struct {
	Address string
	User    string // whose password was tried last, if there is such a user
	Others  int64  // more of the kind that are not told one by one
}

// NoteSlowed tells the audit of them. The caller sees to it that they are few.
func (s *Store) NoteSlowed(ctx context.Context, all []Slowed) error {
	if len(all) == 0 {
		return nil
	}
	return s.write(ctx, relaxed, func(t tx) error {
		for _, w := range all {
			e := event{action: "signin.slowed"}
			if w.User != "" {
				u, err := t.userByName(w.User)
				if err == nil {
					e.subject = u.Name // what is no user's name may be a password in the wrong field
				}
			}
			if w.Others > 0 {
				e.detail = map[string]int64{"others": w.Others}
			}
			if err := t.note(WithActor(ctx, Actor{Address: w.Address, Door: "auth"}), e); err != nil {
				return err
			}
		}
		return nil
	})
}
