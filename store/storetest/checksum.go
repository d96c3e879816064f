package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"davit/store"
)

func testChecksums(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ann := newUser(t, s, "ann")
	f, other := newFolder(t, s, ann, "docs"), newFolder(t, s, ann, "other")
	sum := func(folder store.Folder, ino uint64, size int64, algorithm string) store.Checksum {
		return store.Checksum{FolderID: folder.ID, Ino: ino, Size: size, MTime: size * 7, Algorithm: algorithm, Sum: []byte{byte(size), byte(ino), 0}}
	}
	has := func(folder store.Folder, want bool) {
		t.Helper()
		if got, err := s.HasChecksums(ctx, folder.ID); err != nil || got != want {
			t.Errorf("has: %v, %v; want %v", got, err, want)
		}
	}
	want := func(folder store.Folder, inos []uint64, want ...store.Checksum) {
		t.Helper()
		got, err := s.Checksums(ctx, folder.ID, inos)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, %v; want %v", inos, got, err, want)
		}
	}
	const big = math.MaxUint64
	has(f, false)
	want(f, []uint64{1, 2})
	ok(t, s.SaveChecksums(ctx, []store.Checksum{sum(f, 1, 10, "SHA1"), sum(f, 1, 10, "MD5"), sum(f, big, 20, "SHA1"), sum(other, 1, 30, "SHA1")}, nil))
	has(f, true)
	want(f, []uint64{1, 2, big}, sum(f, big, 20, "SHA1"), sum(f, 1, 10, "MD5"), sum(f, 1, 10, "SHA1"))
	want(other, []uint64{1, 2}, sum(other, 1, 30, "SHA1"))

	// Another version drops those of the old one, more of the same adds to them.
	ok(t, s.SaveChecksums(ctx, []store.Checksum{sum(f, 1, 11, "SHA1")}, nil))
	ok(t, s.SaveChecksums(ctx, []store.Checksum{sum(f, 1, 11, "ADLER32"), sum(f, 1, 11, "SHA1")}, nil))
	want(f, []uint64{1}, sum(f, 1, 11, "ADLER32"), sum(f, 1, 11, "SHA1"))

	future := time.Now().AddDate(100, 0, 0)
	if got, err := s.ChecksumFiles(ctx, f.ID, future); err != nil || len(got) != 2 {
		t.Errorf("files: %v, %v", got, err)
	}
	if got, err := s.ChecksumFiles(ctx, f.ID, time.UnixMicro(1)); err != nil || len(got) != 0 {
		t.Errorf("files: %v, %v", got, err)
	}
	// Gone comes before set; a folder that is not there is left out.
	none := store.Folder{ID: "none"}
	ok(t, s.SaveChecksums(ctx, []store.Checksum{sum(none, 1, 1, "SHA1"), sum(f, big, 21, "MD5")}, []store.FileID{{FolderID: f.ID, Ino: 1}, {FolderID: f.ID, Ino: big}, {FolderID: none.ID, Ino: 1}}))
	want(f, []uint64{1, big}, sum(f, big, 21, "MD5"))
	has(none, false)

	ok(t, s.DeleteFolder(ctx, f.ID, time.Now()))
	ok(t, s.PurgeFolder(ctx, f.ID))
	has(f, false)
	has(other, true)

	inos := make([]uint64, 2500) // more than one query
	for i := range inos {
		inos[i] = uint64(i)
	}
	want(other, inos, sum(other, 1, 30, "SHA1"))
}
