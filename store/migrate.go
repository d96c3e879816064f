package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed sql/*.sql
var migrations embed.FS

// migrate applies the files sql/<number>_<name>.sql that the database has not
// seen, in order, each in a transaction of its own. A number may be missing: what
// counts is which ones the database has.
func (s *Store) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrations, "sql/*.sql") // sorted
	if err != nil {
		return err
	}
	numbers := make([]int, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		if numbers[i], err = strconv.Atoi(number); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		if i > 0 && numbers[i] == numbers[i-1] { // the second would never be applied
			return fmt.Errorf("migrations %s and %s have the same number", names[i-1], name)
		}
	}
	for done := false; !done; {
		err := s.write(ctx, announced, func(t tx) error {
			const createVersion = `CREATE TABLE IF NOT EXISTS schema_version (
				version BIGINT NOT NULL PRIMARY KEY, -- of each migration applied
				applied BIGINT NOT NULL
			)`
			if _, err := t.exec(createVersion); err != nil {
				return err
			}
			have, err := collect[int](t.query(`SELECT version FROM schema_version ORDER BY version`))(func(r row) (v int, err error) {
				err = r.Scan(&v)
				return v, err
			})
			if err != nil {
				return err
			}
			for _, v := range have {
				if !slices.Contains(numbers, v) {
					return explain(ErrNewer, "it has schema version %d, written by a newer Davit; this one knows up to %d",
						v, numbers[len(numbers)-1])
				}
			}
			for i, number := range numbers {
				if !slices.Contains(have, number) {
					return t.migrate(names[i], number)
				}
			}
			done = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// migrate applies one file.
func (t tx) migrate(name string, version int) error {
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
