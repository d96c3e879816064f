package store

import "context"

// Intent is a change on disk that rows must follow. It is committed before the
// change and removed with the rows' own change; what start-up finds is finished or
// undone by looking at the disk (D15).
type Intent struct {
	ID        string
	Kind      string // what the caller calls it; see davfs
	FolderID  string
	Path      string // the source, or the one name
	DstFolder string
	DstPath   string
	Subject   Identity // what is moved, or what is published at Path
	Displaced Identity // what was at the destination, if anything
}

// AddIntent adds an intent and returns it with its ID; it is on the disk then.
// fs.ErrNotExist if a folder is gone.
func (s *Store) AddIntent(ctx context.Context, i Intent) (Intent, error) {
	var err error
	if i.ID, err = newID(); err != nil {
		return Intent{}, err
	}
	err = s.write(ctx, durable, func(t tx) error {
		_, err := t.exec(`INSERT INTO intents (id, kind, folder_id, path, dst_folder_id, dst_path,
				subject_ino, subject_birth, displaced_ino, displaced_birth)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			i.ID, i.Kind, i.FolderID, i.Path, orNull(i.DstFolder), i.DstPath,
			int64(i.Subject.Ino), i.Subject.Birth, int64(i.Displaced.Ino), i.Displaced.Birth)
		return err
	})
	if err != nil {
		return Intent{}, named(err, "folder", i.FolderID)
	}
	return i, nil
}

// Intents returns the intents that are not finished, oldest first.
func (s *Store) Intents(ctx context.Context) ([]Intent, error) {
	return collect[Intent](s.reads.QueryContext(ctx, `SELECT id, kind, folder_id, path, COALESCE(dst_folder_id, ''), dst_path,
		subject_ino, subject_birth, displaced_ino, displaced_birth FROM intents ORDER BY id`))(func(r row) (i Intent, err error) {
		var subject, displaced int64
		err = r.Scan(&i.ID, &i.Kind, &i.FolderID, &i.Path, &i.DstFolder, &i.DstPath,
			&subject, &i.Subject.Birth, &displaced, &i.Displaced.Birth)
		i.Subject.Ino, i.Displaced.Ino = uint64(subject), uint64(displaced)
		return i, err
	})
}

// FinishIntent changes the rows and removes the intent, both or neither. Without
// an ID, or if the intent is gone, it only changes the rows. fs.ErrInvalid for a
// move that no disk can make, fs.ErrNotExist if a destination's folder is gone.
//
// It need not be on the disk when the call returns: an intent that comes back
// after a power failure is finished once more, with the same result.
func (s *Store) FinishIntent(ctx context.Context, id string, c RowChange) error {
	return named(s.write(ctx, relaxed, func(t tx) error {
		if err := t.change(c); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM intents WHERE id = $1`, id)
		return err
	}), "intent", id)
}
