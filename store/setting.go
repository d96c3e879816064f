package store

import "context"

// Setting returns what SetSetting stored; fs.ErrNotExist if nothing.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	var value string
	err := s.reads.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	return value, named(convert(err), "setting", name)
}

// SetSetting stores a text that the installation remembers about itself.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	return named(s.write(ctx, durable, func(t tx) error {
		_, err := t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
		return err
	}), "setting", name)
}

// KeepSetting stores a text unless there is one of this name, and returns the one
// that is there then: of two processes, both get what the first one stored.
func (s *Store) KeepSetting(ctx context.Context, name, value string) (kept string, err error) {
	err = s.write(ctx, durable, func(t tx) error {
		_, err := t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
		if err != nil {
			return err
		}
		return t.get(`SELECT value FROM settings WHERE name = $1`, []any{name}, &kept)
	})
	return kept, named(err, "setting", name)
}
