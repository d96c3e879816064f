package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"davit/auth"
	"davit/davfs"
	"davit/store"
)

// adminName is the user that the first start makes.
const adminName = "admin"

// startedSetting is set when the first start is over: an administrator or a
// folder that is removed later does not come back.
const startedSetting = "started"

// FirstStart is what a new installation gets: the user admin, and a folder of it.
type FirstStart struct {
	Dir      string // data directory
	Password string // of admin; "" makes a random one (D26)
	Terminal bool   // a random password can be shown, and need not be in a file
	Folder   string // title of the folder; "" for none
}

// Run makes what is missing, once: broken off, it goes on at the next start. It
// returns a password that is to be shown, and the folder, also at later starts; its
// ID is empty if there is none.
func (f FirstStart) Run(ctx context.Context, st *store.Store, a *auth.Auth, files *davfs.FS) (show string, folder store.Folder, err error) {
	_, err = st.Setting(ctx, startedSetting)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return "", folder, err
	}
	if first {
		if show, err = f.admin(ctx, st, a); err != nil {
			return "", folder, fmt.Errorf("make the user %s: %w", adminName, err)
		}
	}
	if f.Folder != "" {
		if folder, err = f.folder(ctx, st, files, first); err != nil {
			return "", folder, fmt.Errorf("first folder: %w", err)
		}
	}
	if first {
		err = st.SetSetting(ctx, startedSetting, Version())
	}
	return show, folder, err
}

func (f FirstStart) admin(ctx context.Context, st *store.Store, a *auth.Auth) (show string, err error) {
	if _, err := st.UserByName(ctx, adminName); !errors.Is(err, fs.ErrNotExist) {
		return "", err // made by "davit user add", or by a start that broke off
	}
	password := f.Password
	if password == "" {
		password = rand.Text()
		if f.Terminal {
			show = password
		} else if err := writeFile(f.Dir, passwordFile, password+"\n"); err != nil {
			return "", err // before the user is there: afterwards nobody would know the password
		}
	}
	hash, err := a.HashPassword(ctx, password)
	if err != nil {
		return "", err
	}
	_, err = st.CreateUser(ctx, store.User{
		Name: adminName, Admin: true, PasswordHash: hash,
		Limits: store.Limits{MaxFolders: store.Default, MaxBytes: store.Default, MaxFiles: store.Default},
	})
	return show, err
}

// folder finds admin's folder; at the first start it makes it.
func (f FirstStart) folder(ctx context.Context, st *store.Store, files *davfs.FS, first bool) (store.Folder, error) {
	u, err := st.UserByName(ctx, adminName)
	if errors.Is(err, fs.ErrNotExist) && !first {
		return store.Folder{}, nil // removed since
	}
	if err != nil {
		return store.Folder{}, err
	}
	all, err := st.FoldersOf(ctx, u.ID)
	if err != nil {
		return store.Folder{}, err
	}
	for _, m := range all {
		if m.Distance(u.ID) == 0 && m.Folder.Title == f.Folder {
			return m.Folder, nil
		}
	}
	if !first {
		return store.Folder{}, nil // renamed or deleted since
	}
	return files.CreateFolder(ctx, store.NewFolder{
		Folder:      store.Folder{OwnerID: u.ID, Title: f.Folder, MaxBytes: store.Default, MaxFiles: store.Default},
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
	if ap, err := netip.ParseAddrPort(host); err == nil && ap.Addr().IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = net.JoinHostPort(name, strconv.Itoa(int(ap.Port())))
		}
	}
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
