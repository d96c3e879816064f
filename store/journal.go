package store

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Journal says where the journal of a folder's changes stands. A folder has one while
// clients follow it.
type Journal struct {
	Epoch  string // of this journal; no other ever has it
	Number int64  // of the last change
	First  int64  // older changes, and this one, were dropped
	Used   time.Time
}

// ChangeKind says what a change did to a name.
type ChangeKind uint8

// What became of a name. Whether there is a file, a collection or nothing now, the disk
// says.
const (
	Changed ChangeKind = iota // it was made, replaced or removed, or its properties changed
	Came                      // a collection was made here, or came with all that is in it
	Went                      // a collection was here and is gone, with all that was in it
)

// Change is one row of a journal: the last change of its kind to a name.
type Change struct {
	Kind   ChangeKind
	Path   string
	Number int64
}

// JournalBatch is what is new about a journal since it was last written.
type JournalBatch struct {
	Epoch   string
	Number  int64
	First   int64
	Changes []Change
	End     bool // it ends; the rest does not count
}

// MostChanges is how many changes of a folder are kept.
const MostChanges = 10_000

// Journal returns the folder's journal; fs.ErrNotExist if it has none.
func (s *Store) Journal(ctx context.Context, folderID string) (j Journal, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT epoch, number, first, used FROM journals WHERE folder_id = $1`, folderID).
		Scan(&j.Epoch, &j.Number, &j.First, scanTime{&j.Used})
	return j, named(convert(err), "journal of folder", folderID)
}

// BeginJournal gives the folder an empty journal in place of what it has;
// fs.ErrNotExist without such a folder.
func (s *Store) BeginJournal(ctx context.Context, folderID, epoch string, used time.Time) error {
	return named(s.write(ctx, relaxed, func(t tx) error {
		if err := t.living(folderID); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM journals WHERE folder_id = $1`, folderID); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO journals (folder_id, epoch, number, first, used) VALUES ($1, $2, 0, 0, $3)`,
			folderID, epoch, micros(used))
		return err
	}), "folder", folderID)
}

// UseJournal notes that the journal was asked for.
func (s *Store) UseJournal(ctx context.Context, folderID, epoch string, used time.Time) error {
	return s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`UPDATE journals SET used = $3 WHERE folder_id = $1 AND epoch = $2`, folderID, epoch, micros(used))
		return err
	})
}

// EndJournal removes the folder's journal, if it has one.
func (s *Store) EndJournal(ctx context.Context, folderID string) error {
	return s.writeOne(ctx, relaxed, func(t tx) error {
		_, err := t.exec(`DELETE FROM journals WHERE folder_id = $1`, folderID)
		return err
	})
}

// saveJournal writes a batch; batches may overtake each other. One for a journal that the folder no longer has changes
// nothing.
func (t tx) saveJournal(folderID string, b *JournalBatch) error {
	if b.End {
		_, err := t.exec(`DELETE FROM journals WHERE folder_id = $1 AND epoch = $2`, folderID, b.Epoch)
		return err
	}
	n, err := t.exec(`UPDATE journals SET number = CASE WHEN number < $3 THEN $3 ELSE number END, first = CASE WHEN first < $4 THEN $4 ELSE first END
		WHERE folder_id = $1 AND epoch = $2`, folderID, b.Epoch, b.Number, b.First)
	if n == 0 || err != nil {
		return err
	}
	for _, c := range b.Changes {
		if _, err := t.exec(`INSERT INTO changes (folder_id, path, kind, number) VALUES ($1, $2, $3, $4)
			ON CONFLICT (folder_id, path, kind) DO UPDATE SET number = excluded.number WHERE changes.number < excluded.number`,
			folderID, c.Path, c.Kind, c.Number); err != nil {
			return err
		}
	}
	if b.Number <= MostChanges {
		return nil // there cannot be more
	}
	var first int64
	err = t.get(nthChange, []any{folderID, MostChanges}, &first)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE journals SET first = $2 WHERE folder_id = $1 AND first < $2`, folderID, first); err != nil {
		return err
	}
	_, err = t.exec(deleteChanges, folderID, first)
	return err
}

const deleteChanges = `DELETE FROM changes WHERE folder_id = $1 AND number <= $2`

// nthChange is the number of the change $2 places before the last.
const nthChange = `SELECT number FROM changes WHERE folder_id = $1 ORDER BY number DESC LIMIT 1 OFFSET $2`

// The first column tells the row of the journal itself.
const selectChanges = `SELECT -1, '', first FROM journals WHERE folder_id = $1 AND epoch = $2
UNION ALL
	SELECT kind, path, number FROM changes WHERE folder_id = $1 AND number > $3`

// Changes returns the changes with numbers above after, as far as they were written, in no
// order. fs.ErrNotExist if the folder has no journal of this epoch, or it does not
// reach back that far.
func (s *Store) Changes(ctx context.Context, folderID, epoch string, after int64) ([]Change, error) {
	known := false
	all, err := collect[Change](s.reads.QueryContext(ctx, selectChanges, folderID, epoch, after))(func(r row) (c Change, err error) {
		var kind int
		if err = r.Scan(&kind, &c.Path, &c.Number); kind < 0 {
			known = c.Number <= after
			kind = 0
		}
		c.Kind = ChangeKind(kind)
		return c, err
	})
	if err != nil {
		return nil, named(err, "journal of folder", folderID)
	}
	if !known {
		return nil, named(fs.ErrNotExist, "journal of folder", folderID)
	}
	// Less the row of the journal, which has no name and no number above after.
	changes := all[:0]
	for _, c := range all {
		if c.Number > after {
			changes = append(changes, c)
		}
	}
	return changes, nil
}
