package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed sql/*.sql
var migrations embed.FS

// migrate applies the files sql/<number>_<name>.sql that the database has not
// seen, in order, each in a transaction of its own.
func (s *Store) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrations, "sql/*.sql") // sorted
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		done := false
		err := s.write(ctx, announced, func(t tx) error {
			const createVersion = `CREATE TABLE IF NOT EXISTS schema_version (
				version BIGINT NOT NULL PRIMARY KEY, -- of each migration applied
				applied BIGINT NOT NULL
			)`
			if _, err := t.exec(createVersion); err != nil {
				return err
			}
			var have int
			if err := t.get(`SELECT COALESCE(MAX(version), 0) FROM schema_version`, nil, &have); err != nil {
				return err
			}
			if have > len(names) {
				return explain(ErrNewer, "it has schema version %d, written by a newer Davit; this one knows up to %d",
					have, len(names))
			}
			if have == len(names) {
				done = true
				return nil
			}
			return t.migrate(names[have], have+1)
		})
		if err != nil || done {
			return err
		}
	}
}

// migrate applies one file.
func (t tx) migrate(name string, version int) error {
	number, _, _ := strings.Cut(path.Base(name), "_")
	if n, err := strconv.Atoi(number); err != nil || n != version {
		return fmt.Errorf("migration %s should have number %04d", name, version)
	}
	text, err := fs.ReadFile(migrations, name)
	if err != nil {
		return err
	}
	if _, err := t.s.conn.ExecContext(context.Background(), string(text)); err != nil {
		return fmt.Errorf("migration %s: %w", name, convert(err))
	}
	_, err = t.exec(`INSERT INTO schema_version (version, applied) VALUES ($1, $2)`, version, micros(t.s.now()))
	return err
}
