package server

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// statusView is how the server is, for an administrator who has to know soon.
type statusView struct {
	Version  string       `json:"version"`
	Go       string       `json:"go"`
	Now      string       `json:"now"`
	Started  string       `json:"started"`
	Uptime   int64        `json:"uptimeSeconds"`
	Ready    bool         `json:"ready"`
	Problems []string     `json:"problems"` // why it is not ready, and what is wrong else
	Database databaseView `json:"database"`
	Volumes  []volumeView `json:"volumes"`
	Counts   countsView   `json:"counts"`
	Folders  foldersView  `json:"folders"`
	Locks    int64        `json:"locks"`
	Uploads  uploadCounts `json:"uploads"`
	Open     int64        `json:"openFolders"`
	Memory   int64        `json:"memoryBytes"`
	Check    checkView    `json:"check"`
}

type databaseView struct {
	Bytes int64 `json:"bytes"` // with what is not yet moved into it
}

type volumeView struct {
	Directory  string `json:"directory"` // "" is the data directory
	TotalBytes *int64 `json:"totalBytes"`
	FreeBytes  *int64 `json:"freeBytes"`
	Promised   int64  `json:"promisedBytes"`
}

type countsView struct {
	Users    int64 `json:"users"`
	Admins   int64 `json:"administrators"`
	Projects int64 `json:"projects"`
	Folders  int64 `json:"folders"`
	Deleted  int64 `json:"deletedFolders"`
	Tokens   int64 `json:"tokens"`
	Keys     int64 `json:"keys"`
}

// foldersView are sums over the living folders, of a moment ago.
type foldersView struct {
	Bytes        int64 `json:"bytes"`
	Files        int64 `json:"files"`
	Full         int64 `json:"full"`     // at or above one of their limits
	Near         int64 `json:"near"`     // at 90 % of one
	Counting     int64 `json:"counting"` // wait to be counted
	DeletedBytes int64 `json:"deletedBytes"`
}

type uploadCounts struct {
	Running    int64 `json:"running"`
	Unfinished int64 `json:"unfinished"`
}

// showStatus answers as much as it can: what does not answer is a problem, not an error.
func (s *Server) showStatus(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	ctx := c.Request().Context()
	files := s.files.Stats()
	v := statusView{
		Version: Version(), Go: runtime.Version(), Now: timeText(s.now()), Started: timeText(s.started), Uptime: int64(s.now().Sub(s.started).Seconds()),
		Ready: true, Problems: []string{}, Volumes: []volumeView{}, Locks: files.Locks, Open: files.Folders,
		Uploads: uploadCounts{files.Uploads, files.Pending}, Check: s.checks.view(),
	}
	v.Memory, _ = residentBytes()
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(s.dataDir, databaseFile+suffix)); err == nil {
			v.Database.Bytes += info.Size()
		}
	}
	trouble := func(what string, err error) {
		if err != nil {
			s.log.Warn("status", "what", what, "error", err)
			v.Problems = append(v.Problems, what)
			v.Ready = false
		}
	}
	if s.stopping.Load() {
		v.Ready, v.Problems = false, append(v.Problems, "the server is stopping")
	}
	counts, err := s.store.Counts(ctx)
	trouble("the database does not answer", err)
	v.Counts = countsView{counts.Users, counts.Admins, counts.Projects, counts.Folders, counts.Deleted, counts.Tokens, counts.Keys}
	v.Locks = max(v.Locks, counts.Locks)
	sums, err := s.folderSums(ctx)
	trouble("the folders cannot be summed up", err)
	v.Folders = foldersView{sums.Bytes, sums.Files, sums.Full, sums.Near, sums.Counting, sums.DeletedBytes}
	trouble("the storage of the folders is not available", s.files.Ready())
	for _, vol := range s.files.Volumes() {
		view := volumeView{Directory: vol.Dir, Promised: vol.Promised}
		if vol.Free >= 0 {
			view.FreeBytes, view.TotalBytes = &vol.Free, &vol.Total
		} else {
			v.Ready, v.Problems = false, append(v.Problems, "a volume does not answer: "+vol.Dir)
		}
		v.Volumes = append(v.Volumes, view)
	}
	if f := v.Check.Findings; v.Check.State == checkDone && len(f) > 0 {
		v.Problems = append(v.Problems, "the last check found differences")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, v)
}

// The states of a check.
const (
	checkNever   = "never"
	checkRunning = "running"
	checkDone    = "done"
	checkFailed  = "failed"
)

// mostFindings is how many findings of a check are kept; the rest is counted.
const mostFindings = 1000

// checkView is a check that runs, or the last one.
type checkView struct {
	State    string          `json:"state"`
	Started  *string         `json:"started"`
	Finished *string         `json:"finished"`
	OK       *bool           `json:"ok"`       // null until one has finished
	Total    int             `json:"total"`    // differences
	Findings []davfs.Finding `json:"findings"` // the first of them
	InUse    []string        `json:"inUse"`    // IDs of folders that changed all the time, and were not checked
	Repair   bool            `json:"repair"`   // whether it counts again what differs
	Round    int             `json:"round"`    // 1, then more: what differed is looked at again
	Looked   davfs.Looked    `json:"looked"`   // in this round
}

// checks runs one check of database and disk at a time.
type checks struct {
	mu    sync.Mutex
	last  checkView
	pause time.Duration // between two looks at what differs
}

func (k *checks) view() checkView {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.last
	if v.State == "" {
		v.State = checkNever
	}
	v.Findings, v.InUse = append([]davfs.Finding{}, v.Findings...), append([]string{}, v.InUse...)
	return v
}

// looked notes how far the running check is.
func (k *checks) looked(l davfs.Looked) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.Folders <= 1 { // an installation without folders is in its first round
		k.last.Round++
	}
	k.last.Looked = l
}

// begin says whether no other runs.
func (k *checks) begin(now time.Time, repair bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last.State == checkRunning {
		return false
	}
	k.last = checkView{State: checkRunning, Started: isoOrNull(now), Repair: repair}
	return true
}

func (k *checks) end(now time.Time, found []davfs.Finding, moving []davfs.Finding, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last.Finished = isoOrNull(now)
	if err != nil {
		k.last.State = checkFailed
		return
	}
	wrong := slices.ContainsFunc(found, func(f davfs.Finding) bool { return !f.Repaired })
	ok := !wrong
	k.last.State, k.last.OK, k.last.Total = checkDone, &ok, len(found)
	k.last.Findings = found[:min(len(found), mostFindings)]
	for _, f := range moving[:min(len(moving), mostFindings)] {
		k.last.InUse = append(k.last.InUse, f.FolderID)
	}
}

// showCheck tells of the check that runs, or the last one.
func (s *Server) showCheck(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.checks.view())
}

// startCheck compares the database with the disk in the background, as "davit check" does beside a running
// server. While one runs, no other begins.
func (s *Server) startCheck(c echo.Context, p store.Principal) error {
	if err := administrator(p); err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	repair, _ := in.optBool("repair")
	if err := in.bad(); err != nil {
		return err
	}
	if began := s.now(); s.checks.begin(began, repair) {
		work := store.WithActor(s.work, store.ActorOf(c.Request().Context()))
		s.jobs.Go(func() {
			found, moving, err := s.check(work, repair)
			if err != nil && s.work.Err() == nil {
				s.log.Error("check", "error", err)
			}
			s.checks.end(s.now(), found, moving, err)
			s.noteCheck(work, began, found, moving)
		})
	}
	return c.JSON(http.StatusAccepted, s.checks.view())
}

// noteCheck tells the audit of the check that has ended: that is where one learns of those before the last.
func (s *Server) noteCheck(ctx context.Context, began time.Time, found, moving []davfs.Finding) {
	if s.work.Err() != nil {
		return // the server stops, and so did the check
	}
	v := s.checks.view()
	repaired := 0
	for _, f := range found {
		if f.Repaired {
			repaired++
		}
	}
	err := s.store.NoteCheck(ctx, store.CheckDone{
		Failed: v.State == checkFailed, Folders: v.Looked.Folders, Files: v.Looked.Files, Bytes: v.Looked.Bytes, Differences: v.Total,
		Repaired: repaired, InUse: len(moving), Repair: v.Repair, Took: s.now().Sub(began),
	})
	if err != nil {
		s.log.Warn("check", "what", "audit", "error", err)
	}
}

func (s *Server) check(ctx context.Context, repair bool) (found, moving []davfs.Finding, err error) {
	if found, err = findings(ctx, s.files, false, s.checks.looked); err != nil || len(found) == 0 {
		return found, nil, err
	}
	if found, moving, err = settled(ctx, s.checks.pause, s.files, found, s.checks.looked); err != nil || !repair {
		return found, moving, err
	}
	for i, f := range found {
		if f.Kind == "usage" {
			if _, err := s.files.Scan(ctx, f.FolderID); err != nil {
				return nil, nil, err
			}
			found[i].Repaired = true
		}
	}
	return found, moving, nil
}

// settled looks again at what differed: in folders that are in use a difference counts if it stays the
// same, for those that are written to differ all the time. moving are the others.
func settled(ctx context.Context, pause time.Duration, files *davfs.FS, before []davfs.Finding, looked func(davfs.Looked)) (found, moving []davfs.Finding, err error) {
	found, moving = []davfs.Finding{}, before
	for range settleRounds {
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(pause):
		}
		now, err := findings(ctx, files, false, looked)
		if err != nil {
			return nil, nil, err
		}
		found, moving = []davfs.Finding{}, nil
		for _, f := range now {
			if slices.Contains(before, f) {
				found = append(found, f)
			} else {
				moving = append(moving, f)
			}
		}
		if len(moving) == 0 {
			break
		}
		before = now
	}
	return found, moving, nil
}
