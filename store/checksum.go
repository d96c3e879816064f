package store

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Checksum is one checksum of one version of a file.
type Checksum struct {
	FolderID  string
	Ino       uint64
	Size      int64 // with Ino and MTime: the version
	MTime     int64 // nanoseconds
	Algorithm string
	Sum       []byte
}

// FileID is a file that had checksums.
type FileID struct {
	FolderID string
	Ino      uint64
}

// SaveChecksums forgets all that is known of the files in gone, then writes set; rows of other
// versions of the same files go. What belongs to a folder that is gone is left out. It
// may be lost with the power.
func (s *Store) SaveChecksums(ctx context.Context, set []Checksum, gone []FileID) error {
	return s.write(ctx, relaxed, func(t tx) error {
		for _, f := range gone {
			if _, err := t.exec(`DELETE FROM checksums WHERE folder_id = $1 AND ino = $2`, f.FolderID, int64(f.Ino)); err != nil {
				return err
			}
		}
		for _, c := range set {
			if _, err := t.exec(`DELETE FROM checksums WHERE folder_id = $1 AND ino = $2 AND (size <> $3 OR mtime <> $4)`,
				c.FolderID, int64(c.Ino), c.Size, c.MTime); err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO checksums (folder_id, ino, algorithm, size, mtime, sum, noted)
				SELECT $1, $2, $3, $4, $5, $6, $7 WHERE EXISTS (SELECT 1 FROM folders WHERE id = $1)
				ON CONFLICT (folder_id, ino, algorithm) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, sum = excluded.sum, noted = excluded.noted`,
				c.FolderID, int64(c.Ino), c.Algorithm, c.Size, c.MTime, c.Sum, micros(s.now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// checksumsAtOnce bounds the length of a query.
const checksumsAtOnce = 1000

// Checksums returns what is kept of files in a folder, by their inodes.
func (s *Store) Checksums(ctx context.Context, folderID string, inos []uint64) ([]Checksum, error) {
	var all []Checksum
	for len(inos) > 0 {
		n := min(len(inos), checksumsAtOnce)
		args := []any{folderID}
		for _, ino := range inos[:n] {
			args = append(args, int64(ino))
		}
		some, err := collect[Checksum](s.reads.QueryContext(ctx, checksumsQuery(n), args...))(func(r row) (c Checksum, err error) {
			var ino int64
			err = r.Scan(&ino, &c.Algorithm, &c.Size, &c.MTime, &c.Sum)
			c.FolderID, c.Ino = folderID, uint64(ino)
			return c, err
		})
		if err != nil {
			return nil, err
		}
		all, inos = append(all, some...), inos[n:]
	}
	return all, nil
}

// checksumsQuery selects the checksums of n files, its arguments after the folder.
func checksumsQuery(n int) string {
	var query strings.Builder
	query.WriteString(`SELECT ino, algorithm, size, mtime, sum FROM checksums WHERE folder_id = $1 AND ino IN ($2`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&query, ",$%d", i+2)
	}
	query.WriteString(`) ORDER BY ino, algorithm`)
	return query.String()
}

const hasChecksums = `SELECT EXISTS (SELECT 1 FROM checksums WHERE folder_id = $1)`

// HasChecksums says whether anything is kept of a folder's files.
func (s *Store) HasChecksums(ctx context.Context, folderID string) (has bool, err error) {
	err = s.reads.QueryRowContext(ctx, hasChecksums, folderID).Scan(&has)
	return has, convert(err)
}

// ChecksumFiles lists the inodes that have rows written before a time.
func (s *Store) ChecksumFiles(ctx context.Context, folderID string, before time.Time) ([]uint64, error) {
	return collect[uint64](s.reads.QueryContext(ctx, `SELECT DISTINCT ino FROM checksums WHERE folder_id = $1 AND noted < $2`,
		folderID, micros(before)))(func(r row) (uint64, error) {
		var ino int64
		err := r.Scan(&ino)
		return uint64(ino), err
	})
}
