package server

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// One process holds the data directory; the next is told which, and takes it over with nothing of the old one in it.
func TestLockData(t *testing.T) {
	dir := t.TempDir()
	address := filepath.Join(dir, addressFile)
	unlock, err := LockData(dir, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(address, []byte("127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LockData(dir, "check"); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "davit serve") {
		t.Errorf("a second holder: %v", err)
	}
	if _, err := os.Stat(address); err != nil {
		t.Errorf("the running server's address: %v", err)
	}
	unlock() // as the kernel does when a process is killed
	unlock, err = LockData(dir, "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := os.Stat(address); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the address of a server that is no more: %v", err)
	}
}

// Whoever can list the data directory can read the names of all folders' files.
func TestCloseData(t *testing.T) {
	for _, c := range []struct {
		mode, want os.FileMode
		logged     bool
	}{
		{0o755, 0o700, true},
		{0o770, 0o700, true},
		{0o701, 0o700, true},
		{0o700, 0o700, false},
		{0o500, 0o500, false},
	} {
		t.Run(c.mode.String(), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, c.mode); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			if err := CloseData(dir, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != c.want {
				t.Errorf("mode %v, %v, want %v", info.Mode(), err, c.want)
			}
			if got := strings.Contains(log.String(), "data="+dir); got != c.logged {
				t.Errorf("logged: %v, want %v: %s", got, c.logged, &log)
			}
		})
	}
	if err := CloseData(filepath.Join(t.TempDir(), "none"), slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}
