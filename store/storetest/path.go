package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"davit/store"
)

// Path writes an empty database that has its tables already, unless there is one, and returns its path. Tests that are not about
// the tables' making open it: making them takes most of a second under the race detector.
func Path(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return path
	}
	empty, err := emptyDatabase()
	if err == nil {
		err = os.WriteFile(path, empty, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var emptyDatabase = sync.OnceValues(func() (empty []byte, err error) {
	dir, err := os.MkdirTemp("", "davit-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "davit.db")
	st, err := store.Open(context.Background(), store.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil { // moves the log into the file
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("the closed database has a log")
	}
	return os.ReadFile(path)
})
