package server

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// auditEntry is one entry of the audit. What was empty or gone is "".
type auditEntry struct {
	ID        string          `json:"id"`
	At        string          `json:"at"`
	Action    string          `json:"action"`
	User      string          `json:"user"`
	UserID    string          `json:"userId"`
	Folder    string          `json:"folder"`
	FolderID  string          `json:"folderId"`
	ProjectID string          `json:"projectId"`
	Subject   string          `json:"subject"`
	Address   string          `json:"address"`
	Door      string          `json:"door"`
	Detail    json.RawMessage `json:"detail"`
}

func auditEntryOf(e store.Entry) auditEntry {
	return auditEntry{
		ID: e.ID, At: e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), Action: e.Action, User: e.UserName, UserID: e.UserID,
		Folder: e.Folder, FolderID: e.FolderID, ProjectID: e.ProjectID, Subject: e.Subject, Address: e.Address, Door: e.Door, Detail: e.Detail,
	}
}

// auditFilterIn reads the parameters that choose entries.
func (s *Server) auditFilterIn(ctx context.Context, q *queryFields) (f store.AuditFilter, err error) {
	text := func(name string) string {
		v, _ := q.optText(name)
		if utf8.RuneCountInString(v) > 256 || !utf8.ValidString(v) {
			q.refuse(name, "must be UTF-8 of at most 256 characters")
		}
		return v
	}
	id := func(name string) string {
		v, given := q.optText(name)
		id, ok := store.ParseID(v)
		if given && !ok {
			q.refuse(name, "must be an ID")
		}
		return id
	}
	at := func(name string) time.Time {
		v, given := q.optText(name)
		if !given {
			return time.Time{}
		}
		t, err := parseTime(v)
		if err != nil {
			q.refuse(name, "must be a time such as 2026-11-22T08:30:00Z, or a day such as 2026-11-22")
		}
		return t
	}
	folder := text("folder") // of one that is gone the title is all that people know
	f = store.AuditFilter{ProjectID: id("project"), Action: text("action"), Door: text("door"), Text: text("text"), Since: at("since"), Until: at("until")}
	if id, ok := store.ParseID(folder); ok {
		f.FolderID = id
	} else {
		f.Folder = folder
	}
	name := text("user")
	if err := q.bad(); err != nil || name == "" {
		return f, err
	}
	return f, auditUser(ctx, s.store, name, &f)
}

// auditUser makes f one for a user, by name; of one who is gone by the name of that time, or the ID.
func auditUser(ctx context.Context, st *store.Store, name string, f *store.AuditFilter) error {
	switch u, err := st.UserByName(ctx, name); {
	case err == nil:
		f.UserID = u.ID
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if id, ok := store.ParseID(name); ok {
			f.UserID = id
		} else {
			f.UserName = name
		}
	}
	return nil
}

// auditFolder makes f one for a folder, by ID; or by title: what was done to a folder while it was called
// so, for it may be gone, and all that was done to the one that is called so now.
func auditFolder(ctx context.Context, st *store.Store, ref string, f *store.AuditFilter) error {
	id, ok := store.ParseID(ref)
	if ok {
		f.FolderID = id
		return nil
	}
	f.Folder = ref
	all, err := st.Folders(ctx)
	if err != nil {
		return err
	}
	for _, folder := range all {
		if folder.Title != ref {
			continue
		}
		if f.FolderID != "" { // several: of each the time when it was called so
			f.FolderID = ""
			return nil
		}
		f.FolderID = folder.ID
	}
	return nil
}

// parseTime reads a time, or a day in UTC.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	if err == nil && (t.Year() < 1970 || t.Year() > 9999) {
		err = errors.New("no such year")
	}
	return t, err
}

// audit lists entries for administrators, newest first.
func (s *Server) audit(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	return s.auditPage(c, "")
}

// folderAudit is audit for one folder, for those who have the right admin on it.
func (s *Server) folderAudit(c echo.Context, p store.Principal) error {
	m, err := s.managedFolder(c, p)
	if err == nil {
		err = m.needAdmin()
	}
	if err != nil {
		return err
	}
	return s.auditPage(c, m.ID)
}

func (s *Server) auditPage(c echo.Context, folderID string) error {
	ctx := c.Request().Context()
	q := queryOf(c)
	part := rowsIn(q)
	f, err := s.auditFilterIn(ctx, q)
	if err != nil {
		return err
	}
	if folderID != "" {
		f.FolderID, f.Folder = folderID, ""
	}
	entries, next, err := s.store.Audit(ctx, f, part.after, part.size)
	if err != nil {
		return err
	}
	page := rowsJSON[auditEntry]{ItemsPerPage: part.size, Items: []auditEntry{}, Next: nextOf(next)}
	for _, e := range entries {
		page.Items = append(page.Items, auditEntryOf(e))
	}
	return c.JSON(http.StatusOK, page)
}

// exportChunk is how many entries are in memory at a time.
const exportChunk = 500

// auditColumns are the columns of an export as CSV.
var auditColumns = []string{"id", "at", "action", "user", "userId", "folder", "folderId", "projectId", "subject", "address", "door", "detail"}

// auditRow is an entry as a line of CSV. What a program for spreadsheets would take for a formula gets a ' before it:
// names are other people's.
func auditRow(e auditEntry) []string {
	row := []string{e.ID, e.At, e.Action, e.User, e.UserID, e.Folder, e.FolderID, e.ProjectID, e.Subject, e.Address, e.Door, string(e.Detail)}
	for i, text := range row {
		if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
			row[i] = "'" + text
		}
	}
	return row
}

// exportAudit streams entries for administrators, oldest first: one JSON object a line, or CSV.
func (s *Server) exportAudit(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	ctx := c.Request().Context()
	q := queryOf(c)
	csvWanted := q.word("format", "ndjson", "csv") == "csv"
	f, err := s.auditFilterIn(ctx, q)
	if err != nil {
		return err
	}
	// What comes later is not in it: else an export that is slower than the server is busy has no end.
	newest, _, err := s.store.Audit(ctx, store.AuditFilter{}, "", 1)
	if err != nil {
		return err
	}
	if len(newest) > 0 && (f.Until.IsZero() || f.Until.After(newest[0].At)) {
		f.Until = newest[0].At.Add(time.Microsecond)
	}
	entries, next, err := s.store.AuditOldest(ctx, f, "", exportChunk)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", `attachment; filename="davit-audit.ndjson"`)
	if csvWanted {
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="davit-audit.csv"`)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	c.Response().WriteHeader(http.StatusOK)
	out := bufio.NewWriter(c.Response())
	flush := out.Flush
	write := func(e auditEntry) error {
		line, err := json.Marshal(e)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		return err
	}
	if csvWanted {
		table := csv.NewWriter(out)
		table.UseCRLF = true // RFC 4180
		write = func(e auditEntry) error { return table.Write(auditRow(e)) }
		flush = func() error {
			table.Flush()
			if err := table.Error(); err != nil {
				return err
			}
			return out.Flush()
		}
		if err := table.Write(auditColumns); err != nil {
			return s.cut("audit export", err)
		}
	}
	for {
		for _, e := range entries {
			if err := write(auditEntryOf(e)); err != nil {
				return s.cut("audit export", err)
			}
		}
		if next == "" {
			break
		}
		if entries, next, err = s.store.AuditOldest(ctx, f, next, exportChunk); err != nil {
			return s.cut("audit export", err)
		}
	}
	if err := flush(); err != nil {
		return s.cut("audit export", err)
	}
	return nil
}

// cut ends an answer that has begun so that the client sees that it is not whole.
func (s *Server) cut(what string, err error) error {
	s.log.Warn("answer cut off", "what", what, "error", err)
	panic(http.ErrAbortHandler)
}

// pruneAudit keeps the audit within its bounds, a little at a time.
func (s *Server) pruneAudit(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		var before time.Time
		if keep := time.Duration(s.cfg.AuditKeep); keep > 0 {
			before = s.now().Add(-keep)
		}
		removed, err := s.store.PruneAudit(ctx, before, int64(s.cfg.AuditMax))
		if err != nil && ctx.Err() == nil {
			s.log.Warn("prune the audit", "error", err)
		}
		wait := tick.C
		if removed > 0 && err == nil {
			wait = time.After(20 * time.Millisecond) // others want to write, too
		}
		select {
		case <-ctx.Done():
			return
		case <-wait:
		}
	}
}

// AuditCommand is "davit audit".
type AuditCommand struct {
	Since   string `help:"Entries from this time on: 2026-11-22T08:30:00Z, 2026-11-22, or 24h, 7d ago." placeholder:"TIME"`
	Until   string `help:"Entries before this time." placeholder:"TIME"`
	User    string `help:"What this user did." placeholder:"NAME"`
	Folder  string `help:"What was done to this folder, by ID or title; also one that is gone." placeholder:"ID"`
	Project string `help:"What was done to this project." placeholder:"TITLE"`
	Action  string `help:"Actions that begin so, such as folder. or lock.delete." placeholder:"TEXT"`
	Door    string `help:"How: webdav, collections, vfolders, files, davit, auth, command, server." placeholder:"NAME"`
	Text    string `help:"Entries with this text in a name, the subject, the address or the detail." placeholder:"TEXT"`
	Limit   int    `help:"At most so many, the newest; 0 is all." default:"100" placeholder:"N"`
	JSON    bool   `name:"json" help:"Print JSON lines."`
}

// Run prints entries, the newest last.
func (c *AuditCommand) Run(e *Env) error {
	return e.open(func(ctx context.Context, st *store.Store, _ *auth.Auth) error {
		f, err := c.filter(ctx, st)
		if err != nil {
			return err
		}
		if c.Limit < 0 {
			return errors.New("--limit is negative")
		}
		if c.Limit > 0 {
			// The newest are read first, then shown the other way round.
			var all []store.Entry
			for next := ""; ; {
				page, more, err := st.Audit(ctx, f, next, c.Limit-len(all))
				if err != nil {
					return err
				}
				all = append(all, page...)
				if next = more; next == "" || len(all) >= c.Limit {
					break
				}
			}
			for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
				all[i], all[j] = all[j], all[i]
			}
			return c.show(e, all, true)
		}
		for next, first := "", true; ; first = false {
			page, more, err := st.AuditOldest(ctx, f, next, 1000)
			if err != nil {
				return err
			}
			if err := c.show(e, page, first); err != nil {
				return err
			}
			if next = more; next == "" {
				return nil
			}
		}
	})
}

func (c *AuditCommand) filter(ctx context.Context, st *store.Store) (f store.AuditFilter, err error) {
	f = store.AuditFilter{Action: c.Action, Door: c.Door, Text: c.Text}
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"since", c.Since, &f.Since}, {"until", c.Until, &f.Until}} {
		if t.text == "" {
			continue
		}
		var ago Duration
		if at, err := parseTime(t.text); err == nil {
			*t.to = at
		} else if ago.UnmarshalText([]byte(t.text)) == nil {
			*t.to = time.Now().Add(-time.Duration(ago))
		} else {
			return f, fmt.Errorf("--%s: %q is not a time such as 2026-11-22T08:30:00Z, 2026-11-22, 24h or 7d", t.flag, t.text)
		}
	}
	if c.Folder != "" {
		if err := auditFolder(ctx, st, c.Folder, &f); err != nil {
			return f, err
		}
		for next, found := "", f.FolderID != ""; !found; { // a slip of the pen is not "nothing was done"
			page, more, err := st.Audit(ctx, store.AuditFilter{Folder: f.Folder}, next, 1)
			if err != nil {
				return f, err
			}
			if found, next = len(page) > 0, more; !found && next == "" {
				return f, fmt.Errorf("no folder %q, and none in the audit", c.Folder)
			}
		}
	}
	if c.Project != "" {
		if id, ok := store.ParseID(c.Project); ok {
			f.ProjectID = id
		} else {
			project, err := st.ProjectByTitle(ctx, c.Project)
			if err != nil {
				return f, err
			}
			f.ProjectID = project.ID
		}
	}
	if c.User != "" {
		err = auditUser(ctx, st, c.User, &f)
	}
	return f, err
}

func (c *AuditCommand) show(e *Env, entries []store.Entry, head bool) error {
	if c.JSON {
		enc := json.NewEncoder(e.Stdout)
		for _, x := range entries {
			if err := enc.Encode(auditEntryOf(x)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(entries) == 0 && !head {
		return nil
	}
	var rows [][]string
	for _, x := range entries {
		folder := x.Folder
		if folder == "" {
			folder = x.FolderID
		}
		rows = append(rows, []string{timeText(x.At), x.Action, x.UserName, folder, x.Subject, x.Address, x.Door, string(x.Detail)})
	}
	return e.table("AT ACTION USER FOLDER SUBJECT ADDRESS DOOR DETAIL", rows)
}

// commandActor is who runs a command, for the audit.
func commandActor() store.Actor {
	a := store.Actor{Door: "command", System: "uid " + strconv.Itoa(os.Getuid())}
	if u, err := user.Current(); err == nil && u.Username != "" {
		a.System = u.Username
	}
	return a
}
