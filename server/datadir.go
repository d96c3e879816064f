package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"davit/store"

	"golang.org/x/sys/unix"
)

// Names of files in the data directory, and of the directory that davfs keeps the
// folders in (D7).
const (
	databaseFile = "davit.db"
	lockFile     = "lock"
	addressFile  = "listen.addr"
	passwordFile = "admin-password"
)

// ErrInUse says that another process holds the lock of the data directory.
var ErrInUse = errors.New("in use")

// OpenStore makes the data directory if it is missing, readable for its owner
// only, and opens its database.
func OpenStore(ctx context.Context, dir string) (*store.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return store.Open(ctx, store.Options{Path: filepath.Join(dir, databaseFile)})
}

// LockData makes this process the one that may touch the folders' bytes (D25).
// Another holder gives an error wrapping ErrInUse that names it. The lock ends
// with unlock, or with the process.
func LockData(dir, command string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		holder := make([]byte, 64)
		n, _ := f.ReadAt(holder, 0)
		pid, what, _ := strings.Cut(strings.TrimSpace(string(holder[:n])), " ")
		return nil, fmt.Errorf("data directory %s is %w by process %s (davit %s)", dir, ErrInUse, pid, what)
	}
	// The address that a killed server left is no longer true, and scripts wait for the file.
	err = os.Remove(filepath.Join(dir, addressFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d %s\n", os.Getpid(), command)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("take the data directory: %w", err)
	}
	return func() { f.Close() }, nil
}

// CloseData takes away the rights that others have on the data directory (D7): it
// may have been made by hand, or by a package. It says so in the log. The directory
// of somebody else, as containers get theirs, stays as it is.
func CloseData(dir string, log *slog.Logger) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	err = os.Chmod(dir, mode&0o700)
	if errors.Is(err, fs.ErrPermission) {
		log.Warn("others have rights on the data directory, and the server may not take them away", "data", dir, "mode", fmt.Sprintf("%04o", mode))
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	log.Warn("others had rights on the data directory, and have none now", "data", dir,
		"was", fmt.Sprintf("%04o", mode), "mode", fmt.Sprintf("%04o", mode&0o700))
	return nil
}

// writeFile replaces a small file of the data directory in one step. It is on the
// disk when writeFile returns.
func writeFile(dir, name, text string) error {
	tmp, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
