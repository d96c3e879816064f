package store_test

import (
	"path/filepath"
	"testing"

	"davit/store"
	"davit/store/storetest"
)

func open(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), store.Options{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(tb testing.TB) *store.Store {
		return open(tb, storetest.Path(tb, filepath.Join(tb.TempDir(), "davit.db")))
	})
}
