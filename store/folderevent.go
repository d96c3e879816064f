package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// FolderEvent is one thing that happened to a folder itself, not to its files, nor to who may use it.
type FolderEvent struct {
	FolderID string
	At       time.Time
	Verb     string // create, rename, labels, limit, …
	UserName string // who did it; "" for the server's own commands
	From     string // of a rename: the title before
}

// selectFolderEvents wants the IDs of inList folders. Of each it gives the newest 50 events.
const selectFolderEvents = `SELECT folder_id, at, action, user_name, detail FROM (
		SELECT id, folder_id, at, action, user_name, detail, ROW_NUMBER() OVER (PARTITION BY folder_id ORDER BY id DESC) AS n
		FROM audit WHERE folder_id IN (` + inList + `) AND action LIKE 'folder.%'
	) AS newest WHERE n <= 50 ORDER BY id`

// FolderEvents returns the newest events of folders as the audit has them, the oldest first, by folder ID.
func (s *Store) FolderEvents(ctx context.Context, folderIDs []string) (map[string][]FolderEvent, error) {
	all := make(map[string][]FolderEvent)
	for ids := range slices.Chunk(folderIDs, inListLen) {
		events, err := collect[FolderEvent](s.reads.QueryContext(ctx, selectFolderEvents, inArgs(ids)...))(func(r row) (e FolderEvent, err error) {
			var action, detail string
			if err = r.Scan(&e.FolderID, scanTime{&e.At}, &action, &e.UserName, &detail); err != nil {
				return e, err
			}
			if _, e.Verb, _ = strings.Cut(action, "."); e.Verb == "rename" {
				var d struct{ From string }
				err = json.Unmarshal([]byte(detail), &d)
				e.From = d.From
			}
			return e, err
		})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			all[e.FolderID] = append(all[e.FolderID], e)
		}
	}
	return all, nil
}
