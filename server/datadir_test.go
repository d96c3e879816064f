package server

import (
	"errors"
	"io/fs"
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
