package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"davit/auth"
	"davit/davfs"
	"davit/store"
)

// adminName is the user that the first start makes.
const adminName = "admin"

// startedSetting is set when the first start is over: an administrator who is
// removed later does not come back.
const startedSetting = "started"

// FirstStart makes the user admin in a new installation, with the given password
// or a random one (D26). A random one is returned if show, for a terminal, else
// it is in the file admin-password.
func FirstStart(ctx context.Context, dir string, st *store.Store, a *auth.Auth, password string, show bool) (first bool, shown string, err error) {
	if _, err := st.Setting(ctx, startedSetting); !errors.Is(err, fs.ErrNotExist) {
		return false, "", err
	}
	random := password == ""
	if random {
		password = rand.Text()
	}
	hash, err := a.HashPassword(ctx, password)
	if err != nil {
		return false, "", err
	}
	file := filepath.Join(dir, passwordFile)
	if random && !show {
		if err := writeFile(dir, passwordFile, password+"\n"); err != nil {
			return false, "", err
		}
	}
	_, err = st.CreateUser(ctx, store.User{
		Name: adminName, Admin: true, PasswordHash: hash,
		Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default},
	})
	exists := errors.Is(err, fs.ErrExist) // made by "davit user add" before
	if exists {
		os.Remove(file)
	} else if err != nil {
		return false, "", fmt.Errorf("make the user %s: %w", adminName, err)
	}
	if err := st.SetSetting(ctx, startedSetting, Version()); err != nil {
		return false, "", err
	}
	if random && show && !exists {
		shown = password
	}
	return true, shown, nil
}

// FirstFolder finds admin's folder of this title; at the first start it makes it.
func FirstFolder(ctx context.Context, st *store.Store, files *davfs.FS, title string, first bool) (store.Folder, error) {
	u, err := st.UserByName(ctx, adminName)
	if err != nil {
		return store.Folder{}, fmt.Errorf("user %s: %w", adminName, err)
	}
	all, err := st.FoldersOf(ctx, u.ID)
	if err != nil {
		return store.Folder{}, err
	}
	for _, m := range all {
		if m.Folder.OwnerID == u.ID && m.Folder.Title == title {
			return m.Folder, nil
		}
	}
	if !first {
		return store.Folder{}, fs.ErrNotExist
	}
	return files.CreateFolder(ctx, store.NewFolder{
		Folder:      store.Folder{OwnerID: u.ID, Title: title, MaxBytes: store.Default, MaxFiles: store.Default},
		UniqueTitle: true,
	})
}

// PasswordHint says in words where admin's password is to be found.
func PasswordHint(dir string) string {
	file := filepath.Join(dir, passwordFile)
	if _, err := os.Stat(file); err == nil {
		return "in the file " + file
	}
	return "as you set it (davit user passwd " + adminName + " sets another)"
}

// MountHelp writes how to mount a folder, ready to paste.
func MountHelp(w io.Writer, cfg *Config, addr net.Addr, f store.Folder, password string) {
	scheme, dav, host := "http", "dav", addr.String()
	if len(cfg.PublicURL) > 0 {
		scheme, host = cfg.PublicURL[0].Scheme, cfg.PublicURL[0].Host
	} else if cfg.TLSCert != "" {
		scheme = "https"
	}
	if scheme == "https" {
		dav = "davs"
	}
	path := "/dav/" + f.ID + "/"
	url := scheme + "://" + host + path
	fmt.Fprintf(w, `
Folder %q of %s:
  %s
Password: %s

Linux, davfs2:   sudo mkdir -p /mnt/davit && sudo mount -t davfs -o username=%[2]s,uid=$(id -u),gid=$(id -g) %[3]s /mnt/davit
                 (kernel 6.16 and newer: first put "buf_size 64" into /etc/davfs2/davfs2.conf)
Linux, GNOME:    gio mount %[5]s://%[2]s@%[6]s%[7]s
Linux, KDE:      dolphin web%[5]s://%[2]s@%[6]s%[7]s
macOS, Finder:   Go > Connect to Server (Cmd-K): %[3]s
Windows:         net use * %[3]s /user:%[2]s *
rclone:          rclone lsf --webdav-url %[3]s --webdav-user %[2]s --webdav-pass "$(rclone obscure 'PASSWORD')" :webdav:

`, printable(f.Title), adminName, url, password, dav, host, path)
}
