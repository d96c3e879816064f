package server

import (
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"
)

// What a compute platform or a person needs to mount folders: settings, commands and a script, as text.
// Whatever stands in titles, names and paths is quoted for where it stands.

// mountPlan is everything that the texts speak of.
type mountPlan struct {
	ID      string // of the token
	User    string
	Token   string
	Base    string // URL of the server
	Expires time.Time
	Places  []mountPlace
}

// mountPlace is one folder, or a collection in it, and where it goes.
type mountPlace struct {
	FolderID string
	Title    string
	Name     string // under /dav/ for its user
	URL      string
	Source   string // the same as davfs2 takes it: it escapes by itself
	Path     string // absolute
	ReadOnly bool
}

// Mode is rw or ro, as mount takes it.
func (p mountPlace) Mode() string {
	if p.ReadOnly {
		return "ro"
	}
	return "rw"
}

// davURL is the URL of a folder, or of a collection in it. It ends with a slash.
func davURL(base, folderID, name string) string {
	u := base + "/dav/" + folderID + "/"
	for seg := range strings.SplitSeq(name, "/") {
		if seg != "" {
			u += escapeSegment(seg) + "/"
		}
	}
	return u
}

// escapeSegment escapes more than a URL needs: it must survive shells, mount tables and files of secrets.
func escapeSegment(seg string) string {
	return strings.NewReplacer("$", "%24", "&", "%26", "+", "%2B", "=", "%3D", ":", "%3A", "@", "%40", "~", "%7E").Replace(url.PathEscape(seg))
}

// davfsSource is davURL for davfs2.
func davfsSource(base, folderID, name string) string {
	u := base + "/dav/" + folderID + "/"
	if name != "" {
		u += name + "/"
	}
	return u
}

// State is the directory of the mounts' files on the client.
func (p mountPlan) State() string { return "/var/cache/davit/" + p.ID }

// Until is the end, for people.
func (p mountPlan) Until() string { return timeText(p.Expires) }

// Settings are lines of davfs2.conf that hold for every machine.
func (p mountPlan) Settings() string {
	return strings.Join([]string{
		"buf_size 64", // without it nothing works from Linux 6.16 on
		"ask_auth 0",
		"use_locks 1",
	}, "\n")
}

// Config is a whole davfs2.conf.
func (p mountPlan) Config() string {
	return p.Settings() + "\nlock_owner " + davfsQuote(p.ID) + "\nsecrets " + davfsQuote(p.State()+"/secrets") + "\ncache_dir " + davfsQuote(p.State()+"/cache") + "\n"
}

// Secrets are the lines of davfs2's secrets file.
func (p mountPlan) Secrets() string {
	var lines []string
	for _, m := range p.Places {
		if line := davfsQuote(m.Source) + " " + davfsQuote(p.User) + " " + davfsQuote(p.Token); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Reverse are the places, last first.
func (p mountPlan) Reverse() []mountPlace {
	r := slices.Clone(p.Places)
	slices.Reverse(r)
	return r
}

// Mount is the command that mounts one place, when Config and Secrets are where State says.
func (p mountPlan) Mount(m mountPlace) string {
	return "mount -t davfs -o conf=" + p.State() + "/davfs2.conf," + m.Mode() + " " + shQuote(m.Source) + " " + shQuote(m.Path)
}

// Umount is the command that ends it.
func (p mountPlan) Umount(m mountPlace) string { return "umount " + shQuote(m.Path) }

// Fstab is the line of /etc/fstab.
func (p mountPlan) Fstab(m mountPlace) string {
	return fstabQuote(m.Source) + " " + fstabQuote(m.Path) + " davfs " + m.Mode() + ",noauto,_netdev,conf=" + p.State() + "/davfs2.conf 0 0"
}

// remote is what rclone calls a place.
func (p mountPlan) remote(i int) string { return fmt.Sprintf("davit%d", i+1) }

// RcloneConfig is a whole rclone.conf, with a remote for each place.
func (p mountPlan) RcloneConfig() string {
	var b strings.Builder
	for i, m := range p.Places {
		fmt.Fprintf(&b, "[%s]\ntype = webdav\nurl = %s\nvendor = owncloud\nbearer_token = %s\n", p.remote(i), m.URL, p.Token)
	}
	return b.String()
}

// RcloneMount is the command that mounts a place with rclone, which needs no root.
func (p mountPlan) RcloneMount(i int) string {
	m := p.Places[i]
	c := "rclone mount --config " + p.State() + "/rclone.conf --vfs-cache-mode writes --daemon"
	if m.ReadOnly {
		c += " --read-only"
	}
	return c + " " + p.remote(i) + ": " + shQuote(m.Path)
}

// shQuote makes one word of a POSIX shell of any text without NUL.
func shQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// davfsQuote makes one word of davfs2's files of a text without line breaks.
func davfsQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// fstabQuote makes one field of fstab(5) of a text.
func fstabQuote(s string) string {
	return strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`, "#", `\043`).Replace(s)
}

//go:embed mount.sh
var mountScript string

var mountTemplate = template.Must(template.New("mount.sh").Funcs(template.FuncMap{
	"sh":      shQuote,
	"comment": printable,
}).Parse(mountScript))

// Script does it all in a kernel.
func (p mountPlan) Script() (string, error) {
	var b strings.Builder
	if err := mountTemplate.Execute(&b, p); err != nil {
		return "", fmt.Errorf("mount script: %w", err)
	}
	return b.String(), nil
}
