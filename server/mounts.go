package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"davit/auth"
	"davit/store"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/unicode/norm"
)

// Mounts in compute kernels: a platform that starts a kernel for a user asks once, and gets a token
// that opens the wanted folders and nothing else, for a while, and everything to mount them with.

const mountsPath = "/api/davit/mounts"

func (s *Server) mountRoutes(e *echo.Echo) {
	e.POST(mountsPath, s.as(s.createMount))
	e.GET(mountsPath, s.as(s.listMounts))
	e.GET(mountsPath+"/active", s.as(s.activeMounts))
	e.GET(mountsPath+"/:id", s.as(s.showMount))
	e.DELETE(mountsPath+"/:id", s.as(s.deleteMount))
	e.POST(mountsPath+"/:id/renew", s.as(s.renewMount))
	e.GET("/api/davit/folders/:id/uses", s.as(s.folderUses))
}

// kernelHome is where compute platforms mount folders that name no place.
const kernelHome = "/home/work"

// Bounds of what a client may say.
const (
	maxMountTitle = 255
	maxMountPath  = 200 // davfs2 makes a file name of it
)

// wantedMount is a folder as a request asks for it.
type wantedMount struct {
	at       string // field that asks, for errors
	pathAt   string // field that says where it goes
	name     string // ID or title
	sub      string // collection in it; "" is all
	path     string // where it goes, absolute; "" is below kernelHome, under its mount name
	readOnly *bool  // nil: as the rights are
}

// wantedMounts reads what to mount, in the forms of this API (folders) and of compute platforms
// (mounts, mount_map, mount_options, and the same by ID). It refuses more than most.
func wantedMounts(in *object, most int) (all []wantedMount) {
	add := func(w wantedMount) {
		if len(all) == most {
			in.refuse(w.at, "is more than the %d folders that one mount may have", most)
			return
		}
		all = append(all, w)
	}
	readOnly, given := in.optBool("readOnly")
	everywhere := &readOnly
	if !given {
		everywhere = nil
	}
	for i, o := range in.objects("folders") {
		w := wantedMount{at: fmt.Sprintf("folders[%d]", i), readOnly: everywhere}
		id, byID := o.optText("id")
		name, byName := o.optText("name")
		switch {
		case byID == byName:
			o.refuse("id", "or name must be given, not both")
		case byID:
			if _, ok := store.ParseID(id); !ok {
				o.refuse("id", "is not an ID of a folder")
			}
			w.name = id
		default:
			w.name = name
			o.checkFolderName("name", name)
		}
		if sub, given := o.optText("subpath"); given {
			w.sub = o.subpath("subpath", sub)
		}
		if path, given := o.optText("path"); given {
			w.path, w.pathAt = o.mountPoint("path", path), w.at+".path"
		}
		if ro, given := o.optBool("readOnly"); given {
			w.readOnly = &ro
		}
		add(w)
	}
	options := in.object("mount_options")
	lowered := map[string]*bool{}
	for _, name := range sortedFields(options) {
		word := options.object(name).text("permission")
		if word != "ro" && word != "rw" && word != "wd" {
			options.refuse(fieldName(name)+".permission", "must be ro, rw or wd")
		}
		ro := word == "ro"
		lowered[name] = &ro
	}
	for _, form := range []struct{ list, paths string }{{"mounts", "mount_map"}, {"mount_ids", "mount_id_map"}} {
		paths := in.object(form.paths)
		known := map[string]bool{}
		for i, text := range in.texts(form.list) {
			w := wantedMount{at: fmt.Sprintf("%s[%d]", form.list, i), readOnly: everywhere}
			source, alias, aliased := strings.Cut(text, ":")
			known[source] = true
			name, sub, _ := strings.Cut(source, "/")
			in.checkFolderName(w.at, name)
			w.name, w.sub = name, in.subpath(w.at, sub)
			if aliased {
				w.path, w.pathAt = in.mountPoint(w.at, alias), w.at
			}
			if path, given := paths.optText(source); given {
				if aliased {
					paths.refuse(fieldName(source), "has a place in %s already", w.at)
				}
				w.path, w.pathAt = paths.mountPoint(source, path), form.paths+"."+fieldName(source)
			}
			if ro := lowered[source]; ro != nil {
				w.readOnly = ro
				delete(lowered, source)
			}
			add(w)
		}
		for _, name := range sortedFields(paths) {
			if !known[name] {
				paths.refuse(fieldName(name), "is not in %s", form.list)
			}
		}
	}
	for _, name := range sortedFields(options) {
		if lowered[name] != nil {
			options.refuse(fieldName(name), "is not in mounts")
		}
	}
	if len(all) == 0 {
		in.refuse("folders", "must name at least one folder")
	}
	return all
}

// sortedFields are the names of an object's fields, so that of several errors always the same is told.
func sortedFields(o *object) []string {
	names := make([]string, 0, len(o.fields))
	for name := range o.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (o *object) checkFolderName(field, name string) {
	switch {
	case name == "":
		o.refuse(field, "must name a folder")
	case len(name) > 4*maxMountTitle:
		o.refuse(field, "is too long")
	}
}

// subpath is a collection inside a folder: a relative slash name.
func (o *object) subpath(field, text string) string {
	text = strings.Trim(text, "/")
	if text == "" {
		return ""
	}
	for seg := range strings.SplitSeq(text, "/") {
		if seg == "" || seg == "." || seg == ".." || len(seg) > 255 || strings.ContainsFunc(seg, unicode.IsControl) {
			o.refuse(field, "is not a name of a directory in the folder")
			return ""
		}
	}
	return text
}

// mountPoint is where a folder goes: absolute, or below kernelHome.
func (o *object) mountPoint(field, text string) string {
	path := strings.TrimSuffix(text, "/")
	if path != "" && path[0] != '/' {
		path = kernelHome + "/" + path
	}
	if wrong := checkMountPoint(path); wrong != "" {
		o.refuse(field, "%s", wrong)
	}
	return path
}

// systemDirs may neither be mounted over nor hold mounts: what is in them runs as root, or is believed by what
// does. busyDirs may hold some.
var (
	systemDirs = []string{
		"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
		"/usr/bin", "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32", "/usr/sbin",
		"/usr/local/bin", "/usr/local/etc", "/usr/local/lib", "/usr/local/libexec", "/usr/local/sbin",
		"/var/cache/davit", "/var/lib/dpkg", "/var/lock", "/var/run", "/var/spool",
	}
	busyDirs = []string{"/home", kernelHome, "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/local", "/usr/share", "/var", "/var/cache", "/var/lib", "/var/tmp"}
)

// checkMountPoint says what is wrong with the path of a mount; "" for nothing.
func checkMountPoint(path string) string {
	switch {
	case path == "" || path[0] != '/':
		return "must be an absolute path"
	case len(path) > maxMountPath:
		return fmt.Sprintf("must have at most %d bytes", maxMountPath)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	}):
		return "must have no control characters"
	}
	if strings.Contains(path, "'") {
		return "must have no single quote: umount.davfs would run what follows as a command"
	}
	segments := strings.Split(path[1:], "/")
	for _, seg := range segments {
		if seg == "" || seg == "." || seg == ".." {
			return "must have no empty, '.' or '..' segments"
		}
	}
	within := func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	if slices.ContainsFunc(systemDirs, within) || slices.Contains(busyDirs, path) {
		return "is a directory of the system"
	}
	inHome := segments[1:] // of root
	if segments[0] == "home" {
		inHome = segments[min(2, len(segments)):]
	}
	if (segments[0] == "home" || segments[0] == "root") && len(inHome) > 0 && (slices.Contains(reservedNames, inHome[0]) || isDotFile(inHome[0])) {
		return "is reserved: programs look for their configuration there"
	}
	return ""
}

// overlaps says whether one of two slash names lies in the other, or is it.
func overlaps(a, b string) bool {
	return a == b || a == "" || b == "" || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// place finds what is wanted among what p sees, and decides with which rights it is mounted.
func (s *Server) place(ctx context.Context, p store.Principal, base string, w wantedMount) (mountPlace, error) {
	m, err := s.vmount(ctx, p, w.name)
	if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*refusal)) {
		return mountPlace{}, &refusal{status: http.StatusNotFound, kind: "vfolder-not-found", title: "No such virtual folder.",
			why: w.at + ": no such folder is visible to " + p.UserName, err: err}
	}
	if err != nil {
		return mountPlace{}, err
	}
	out := mountPlace{FolderID: m.Folder.ID, Title: m.Folder.Title, Name: m.Name, Path: w.path, ReadOnly: !m.Rights.Has(store.Write)}
	if w.readOnly != nil {
		if !*w.readOnly && out.ReadOnly {
			return mountPlace{}, &refusal{status: http.StatusBadRequest, kind: "vfolder-permission-error", title: "The virtual folder does not permit the specified permission.",
				why: w.at + ": " + p.UserName + " may only read this folder", err: fs.ErrPermission}
		}
		out.ReadOnly = *w.readOnly
	}
	if w.sub != "" {
		t, err := s.files.Tree(ctx, p, m)
		if err != nil {
			return mountPlace{}, err
		}
		defer t.Close()
		w.sub = t.Resolve(w.sub)
		if i, err := t.Stat(w.sub); err != nil || !i.Dir {
			return mountPlace{}, &refusal{status: http.StatusNotFound, kind: "vfolder-not-found", title: "No such virtual folder.",
				why: w.at + ": the folder has no such directory", err: fs.ErrNotExist}
		}
	}
	out.URL, out.Source = davURL(base, m.Folder.ID, w.sub), davfsSource(base, m.Folder.ID, w.sub)
	if out.Path == "" {
		out.Path = kernelHome + "/" + strings.ReplaceAll(m.Name, "'", "_") // see checkMountPoint
		if wrong := checkMountPoint(out.Path); wrong != "" {
			return mountPlace{}, &paramError{w.at + ".path", "must be given: " + out.Path + " " + wrong}
		}
	}
	return out, nil
}

// places finds all that is wanted. Nothing may lie in anything else, neither here nor there.
func (s *Server) places(ctx context.Context, p store.Principal, base string, wanted []wantedMount) ([]mountPlace, []store.TokenFolder, error) {
	var all []mountPlace
	var folders []store.TokenFolder
	for _, w := range wanted {
		place, err := s.place(ctx, p, base, w)
		if err != nil {
			return nil, nil, err
		}
		known := false
		for j, other := range all {
			if overlaps(place.Path, other.Path) {
				at := w.pathAt
				if at == "" {
					at = w.at
				}
				return nil, nil, &paramError{at, fmt.Sprintf("%s overlaps with the place of %s", place.Path, wanted[j].at)}
			}
			if other.FolderID != place.FolderID {
				continue
			}
			known = true
			if overlaps(strings.TrimSuffix(place.URL, "/"), strings.TrimSuffix(other.URL, "/")) {
				return nil, nil, &paramError{w.at, "overlaps with " + wanted[j].at}
			}
			if other.ReadOnly != place.ReadOnly {
				return nil, nil, &paramError{w.at, fmt.Sprintf("is of the same folder as %s, and must be %s as well", wanted[j].at, other.Mode())}
			}
		}
		if all = append(all, place); !known {
			folders = append(folders, store.TokenFolder{ID: place.FolderID, ReadOnly: place.ReadOnly})
		}
	}
	return all, folders, nil
}

// mountEnd reads when a mount ends: expiresAt, or lifetime from now on. It is never later than
// the settings allow.
func (s *Server) mountEnd(in *object) time.Time {
	now := s.now()
	end := now.Add(time.Duration(s.cfg.Mount.Lifetime))
	field := "lifetime"
	if raw, given := in.raw("lifetime"); given {
		if in.has("expiresAt") {
			in.refuse("lifetime", "and expiresAt must not both be given")
		}
		var d Duration
		if text, is := strings.CutPrefix(string(raw), `"`); is {
			if err := d.UnmarshalText([]byte(strings.TrimSuffix(text, `"`))); err != nil {
				in.refuse("lifetime", "%v", err)
			}
		} else if n, err := strconv.ParseInt(string(raw), 10, 32); err != nil {
			in.refuse("lifetime", "must be seconds, or a time such as 12h")
		} else {
			d = Duration(n) * Duration(time.Second)
		}
		end = now.Add(time.Duration(d))
	} else if raw, given := in.raw("expiresAt"); given {
		field = "expiresAt"
		if raw[0] == '"' {
			text, _ := in.optText("expiresAt")
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				in.refuse("expiresAt", "must be a time such as 2030-01-31T12:00:00Z, or milliseconds since 1970")
			}
			end = t.UTC()
		} else {
			ms, _ := in.optInt("expiresAt")
			end = time.UnixMilli(ms).UTC()
		}
	}
	longest := time.Duration(s.cfg.Mount.MaxLifetime)
	switch {
	case !end.After(now):
		in.refuse(field, "must be in the future")
	case end.Sub(now) > longest:
		in.refuse(field, "is too long: mounts end after %s at most", timeSpan(longest))
	}
	return end
}

// timeSpan is a duration as people write it.
func timeSpan(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// mountBase is the URL of this server for texts that a shell reads.
func (s *Server) mountBase(r *http.Request) (string, error) {
	base := s.baseURL(r)
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || strings.Trim(u.Host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != "" {
		return "", &paramError{"Host", "is not a name that a mount can use"}
	}
	return base, nil
}

// mountFor is for whom a request makes mounts or asks for them: the caller, or whom an administrator names.
func (s *Server) mountFor(ctx context.Context, p store.Principal, name string) (store.Principal, error) {
	name = norm.NFC.String(name)
	if name == "" || name == p.UserName {
		return p, nil
	}
	if !p.Admin {
		return p, fmt.Errorf("%w: only administrators do this for others", fs.ErrPermission)
	}
	u, err := s.store.UserByName(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return p, &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "user: there is no such user", err: err}
	}
	return store.Principal{UserID: u.ID, UserName: u.Name}, err
}

// mountJSON is a mount as this API shows it.
type mountJSON struct {
	ID          string            `json:"id"`
	Title       string            `json:"title"`
	User        string            `json:"user"`
	Folders     []mountFolderJSON `json:"folders"`
	Created     string            `json:"created"`
	Expires     string            `json:"expires"`
	LastUsed    *string           `json:"lastUsed"`
	LastAddress *string           `json:"lastAddress"`
	LastAgent   *string           `json:"lastAgent"`
	Active      bool              `json:"active"` // used in the last minutes
}

type mountFolderJSON struct {
	ID         string  `json:"id"`
	Title      *string `json:"title"` // null: the user does not see it any more
	Permission *string `json:"permission"`
	URL        string  `json:"url"`
}

// newMountJSON is a mount that was just made, with its secret and all texts.
type newMountJSON struct {
	mountJSON
	Folders []newMountFolderJSON `json:"folders"`
	Token   string               `json:"token"`
	Davfs2  davfs2JSON           `json:"davfs2"`
	Rclone  rcloneJSON           `json:"rclone"`
	Fstab   string               `json:"fstab"`
	Script  string               `json:"script"`
}

type newMountFolderJSON struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	Name       string `json:"name"`
	Permission string `json:"permission"`
	URL        string `json:"url"`
	Path       string `json:"path"`
	Mount      string `json:"mount"`
	Umount     string `json:"umount"`
	Rclone     string `json:"rclone"`
}

type davfs2JSON struct {
	ConfigFile  string `json:"configFile"`
	Config      string `json:"config"`
	SecretsFile string `json:"secretsFile"`
	Secrets     string `json:"secrets"`
	Mode        string `json:"mode"`
}

type rcloneJSON struct {
	ConfigFile string `json:"configFile"`
	Config     string `json:"config"`
}

func newMountOut(plan mountPlan, m mountJSON) (newMountJSON, error) {
	script, err := plan.Script()
	out := newMountJSON{
		mountJSON: m, Token: plan.Token, Script: script,
		Davfs2: davfs2JSON{plan.State() + "/davfs2.conf", plan.Config(), plan.State() + "/secrets", plan.Secrets() + "\n", "0600"},
		Rclone: rcloneJSON{plan.State() + "/rclone.conf", plan.RcloneConfig()},
	}
	for i, p := range plan.Places {
		out.Folders = append(out.Folders, newMountFolderJSON{
			ID: p.FolderID, Title: p.Title, Name: p.Name, Permission: p.Mode(), URL: p.URL, Path: p.Path,
			Mount: plan.Mount(p), Umount: plan.Umount(p), Rclone: plan.RcloneMount(i),
		})
		out.Fstab += plan.Fstab(p) + "\n"
	}
	return out, err
}

// createMount makes a token for the wanted folders and answers with everything to mount them, or
// with the script alone.
func (s *Server) createMount(c echo.Context, p store.Principal) error {
	in, err := readObject(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	wanted := wantedMounts(in, s.cfg.Mount.MaxFolders)
	end := s.mountEnd(in)
	title, _ := in.optText("title")
	if len(title) > maxMountTitle || strings.ContainsFunc(title, unicode.IsControl) {
		in.refuse("title", "must have at most %d bytes, and no control characters", maxMountTitle)
	}
	user, _ := in.optText("user")
	form, given := in.optText("format")
	if q := c.QueryParams(); !given && q.Has("format") {
		form, given = q.Get("format"), true
	}
	if given && form != "json" && form != "sh" {
		in.refuse("format", "must be json or sh")
	}
	if err := in.bad(); err != nil {
		return err
	}
	who, err := s.mountFor(ctx, p, user)
	if err != nil {
		return err
	}
	base, err := s.mountBase(c.Request())
	if err != nil {
		return err
	}
	places, folders, err := s.places(ctx, who, base, wanted)
	if err != nil {
		return err
	}
	readOnly := !slices.ContainsFunc(folders, func(f store.TokenFolder) bool { return !f.ReadOnly })
	if err := mayMount(p, !readOnly, end); err != nil {
		return err
	}
	row, token, err := s.auth.NewToken(store.Token{
		UserID: who.UserID, Kind: store.TokenMount, Title: title, Folders: folders, ReadOnly: readOnly,
		Scopes: store.Scopes{{Path: "webdav", Write: !readOnly}}, Expires: end,
	})
	if err != nil {
		return err
	}
	if row, err = s.store.CreateToken(ctx, row); err != nil {
		return err
	}
	plan := mountPlan{ID: row.ID, User: row.UserName, Token: token, Base: base, Expires: row.Expires, Places: places}
	out, err := newMountOut(plan, mountOut(row))
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Location", mountsPath+"/"+row.ID)
	h.Set("Cache-Control", "no-store")
	if form == "sh" {
		return c.Blob(http.StatusCreated, "text/x-shellscript; charset=UTF-8", []byte(out.Script))
	}
	return c.JSON(http.StatusCreated, out)
}

// mayMount says whether p's token may make, or keep alive, a mount that ends then: one that could do more over
// WebDAV than the token itself, or longer, would be a way around what the token is narrowed to (D30).
func mayMount(p store.Principal, write bool, end time.Time) error {
	scope := store.Scope{Path: "webdav", Write: write}
	if !p.Allow(scope.Path, scope.Write) {
		return &auth.ScopeError{Scope: scope}
	}
	if n := p.Narrow; n != nil && !n.Expires.IsZero() && end.After(n.Expires) {
		return fmt.Errorf("%w: the mount must end no later than the token that asks for it, at %s", fs.ErrPermission, timeText(n.Expires))
	}
	return nil
}

// mountOut is a mount without its folders.
func mountOut(t store.Token) mountJSON {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return mountJSON{
		ID: t.ID, Title: t.Title, User: t.UserName, Created: timeText(t.Created), Expires: timeText(t.Expires),
		LastUsed: text(timeText(t.LastUsed)), LastAddress: text(t.LastAddress), LastAgent: text(t.LastAgent),
	}
}

// showMounts adds to mounts what they open now, and whether they are in use.
func (s *Server) showMounts(c echo.Context, tokens []store.Token) ([]mountJSON, error) {
	base, err := s.mountBase(c.Request())
	if err != nil {
		return nil, err
	}
	active := map[string]bool{}
	for _, u := range s.files.Uses() {
		active[u.TokenID] = true
	}
	all := make([]mountJSON, 0, len(tokens))
	for _, t := range tokens {
		// Only whether each folder is still there for the user: this says nothing that the token itself would not.
		as := store.Principal{UserID: t.UserID, UserName: t.UserName, KeyID: t.ID, ReadOnly: t.ReadOnly, Narrow: &store.Narrow{Folders: t.Folders}}
		m := mountOut(t)
		m.Folders, m.Active = []mountFolderJSON{}, active[t.ID]
		for _, f := range t.Folders {
			out := mountFolderJSON{ID: f.ID, URL: davURL(base, f.ID, "")}
			seen, err := s.auth.Mount(c.Request().Context(), as, f.ID)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			if err == nil {
				word := mountPlace{ReadOnly: !seen.Rights.Has(store.Write)}.Mode()
				out.Title, out.Permission = &seen.Folder.Title, &word
			}
			m.Folders = append(m.Folders, out)
		}
		all = append(all, m)
	}
	return all, nil
}

// listMounts lists mounts that have not expired: the caller's own, or for administrators those of
// another, or of all.
func (s *Server) listMounts(c echo.Context, p store.Principal) error {
	ctx := c.Request().Context()
	q := queryOf(c)
	user, named := q.optText("user")
	everybody := q.flag("all")
	newest := q.word("sortDirection", "ascending", "descending") == "descending"
	if everybody && named {
		q.refuse("all", "and user must not both be given")
	}
	pg := pageIn(q)
	if err := q.bad(); err != nil {
		return err
	}
	if everybody && !p.Admin {
		return fmt.Errorf("%w: only administrators see the mounts of all", fs.ErrPermission)
	}
	of := ""
	if !everybody {
		who, err := s.mountFor(ctx, p, user)
		if err != nil {
			return err
		}
		of = who.UserID
	}
	tokens, err := s.store.Mounts(ctx, of, s.now(), newest, store.Range{Skip: pg.offset, Limit: pg.size + 1})
	if err != nil {
		return err
	}
	part, next := onPage(pg, tokens)
	answer := pageOf[mountJSON]{ItemsPerPage: pg.size, Next: next}
	if answer.Items, err = s.showMounts(c, part); err != nil {
		return err
	}
	return answerJSON(c, answer)
}

// isMount says whether a token is a mount that has not expired.
func (s *Server) isMount(t store.Token) bool {
	return t.Kind == store.TokenMount && s.now().Before(t.Expires)
}

var errNoMount = &refusal{status: http.StatusNotFound, kind: "generic-not-found", why: "you have no such mount; perhaps it has expired", err: fs.ErrNotExist}

// mountOf finds the mount of the route's ID among those that p may manage: his own; an administrator, all.
func (s *Server) mountOf(c echo.Context, p store.Principal) (store.Token, error) {
	t, err := s.store.Token(c.Request().Context(), c.Param("id"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!s.isMount(t) || t.UserID != p.UserID && !p.Admin) {
		return store.Token{}, errNoMount
	}
	return t, err
}

// showMount shows one mount.
func (s *Server) showMount(c echo.Context, p store.Principal) error {
	t, err := s.mountOf(c, p)
	if err != nil {
		return err
	}
	return s.answerMount(c, t)
}

func (s *Server) answerMount(c echo.Context, t store.Token) error {
	all, err := s.showMounts(c, []store.Token{t})
	if err != nil {
		return err
	}
	return answerJSON(c, all[0])
}

// deleteMount revokes a mount: its next request is refused. A mount that is not there, or not the
// caller's, is 204 as well, so that a platform may repeat this until it was heard.
func (s *Server) deleteMount(c echo.Context, p store.Principal) error {
	t, err := s.mountOf(c, p)
	if err == nil {
		err = s.store.DeleteToken(c.Request().Context(), t.ID)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// renewMount gives a mount another end.
func (s *Server) renewMount(c echo.Context, p store.Principal) error {
	t, err := s.mountOf(c, p)
	if err != nil {
		return err
	}
	in, err := readObject(c)
	if err != nil {
		return err
	}
	end := s.mountEnd(in)
	if err := in.bad(); err != nil {
		return err
	}
	if err := mayMount(p, !t.ReadOnly, end); err != nil {
		return err
	}
	if t, err = s.store.RenewToken(c.Request().Context(), t.ID, end); errors.Is(err, fs.ErrNotExist) {
		return errNoMount
	} else if err != nil {
		return err
	}
	return s.answerMount(c, t)
}
