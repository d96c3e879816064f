package server

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// A link is a URL that does one thing with one folder's files for somebody who has no other
// credential at hand: a browser's download, an uploader in another page. Its token is sealed with
// the installation's secret and kept nowhere. Who made it, and with what, is asked for again at each
// use: it ends with the user, the key, the rights, the folder, and soon by itself (D30).

// linkKind is what a link is for. A token of one kind is none of another.
type linkKind string

const (
	linkDownload linkKind = "download" // of Paths[0]
	linkArchive  linkKind = "archive"  // of all Paths, in one file
	linkUpload   linkKind = "upload"   // Upload, to Paths[0]
)

// How long links are good for.
const (
	downloadLinkTime = 10 * time.Minute // to begin; what runs is not cut
	uploadLinkTime   = 24 * time.Hour
)

// link is what a token says.
type link struct {
	Kind     linkKind        `json:"k"`
	For      store.Principal `json:"p"`
	FolderID string          `json:"f"`
	Paths    []string        `json:"n,omitempty"`
	Upload   string          `json:"u,omitempty"` // ID of a pending upload
	Size     int64           `json:"s,omitempty"` // of the upload
	Filename string          `json:"a,omitempty"` // that the download is to have; "": its own
	Expires  time.Time       `json:"e"`
}

// linkPurpose tells the key of links from others that come from the same secret.
const linkPurpose = "links 1"

// maxLink bounds a token: the header that it comes in has 64 KiB at most.
const maxLink = 32 << 10

var (
	errLink        = fmt.Errorf("%w: this link is not valid here", fs.ErrPermission)
	errLinkExpired = fmt.Errorf("%w: this link has expired; ask for a new one", fs.ErrPermission)
	errLinkLong    = fmt.Errorf("%w: too many names for one link", fs.ErrInvalid)
)

// links makes and opens tokens. It is safe for concurrent use.
type links struct {
	sealer func(purpose string) (cipher.AEAD, error)
	now    func() time.Time
}

// make returns the token of l, for URLs; errLinkLong if its names are too many.
func (k *links) make(l link) (string, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	aead, err := k.sealer(linkPurpose)
	if err != nil {
		return "", fmt.Errorf("make link: %w", err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce)
	token := base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, text, []byte(l.Kind)))
	if len(token) > maxLink {
		return "", errLinkLong
	}
	return token, nil
}

// open reads a token of a kind. Whether its maker may still do what it says is not asked here:
// see Server.linked.
func (k *links) open(kind linkKind, token string) (link, error) {
	aead, err := k.sealer(linkPurpose)
	if err != nil {
		return link{}, fmt.Errorf("open link: %w", err)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxLink || len(box) < aead.NonceSize() {
		return link{}, errLink
	}
	text, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], []byte(kind))
	if err != nil {
		return link{}, errLink
	}
	var l link
	if err := json.Unmarshal(text, &l); err != nil || l.Kind != kind {
		return link{}, errLink
	}
	if !k.now().Before(l.Expires) {
		return link{}, errLinkExpired
	}
	return l, nil
}

// linked opens a link's folder for whom the link was made, with the rights that this one has now.
// Close the tree.
func (s *Server) linked(c echo.Context, kind linkKind, token string) (link, store.Principal, *davfs.Tree, error) {
	head := c.Response().Header()
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "private, no-store")
	l, err := s.links.open(kind, token)
	if err != nil {
		return l, store.Principal{}, nil, err
	}
	ctx := c.Request().Context()
	p, err := s.auth.Resume(ctx, l.For)
	if err != nil {
		return l, p, nil, err
	}
	ctx = s.actAs(c, p)
	m, err := s.auth.Mount(ctx, p, l.FolderID)
	if err != nil {
		return l, p, nil, err
	}
	if w, ok := c.Response().Writer.(logged); ok {
		path := "/dav/" + m.Folder.ID
		if len(l.Paths) == 1 {
			path += "/" + l.Paths[0]
		}
		w.SetLog(p.UserName, "", path)
	}
	t, err := s.files.Tree(ctx, p, m)
	return l, p, t, err
}

// baseURL is the beginning of URLs that a client of this request can use: what the administrator
// calls the server, or the name that the client has called it by.
func (s *Server) baseURL(r *http.Request) string {
	hosts := s.peers.Hosts(r)
	host := hosts[len(hosts)-1] // what a trusted proxy was asked for, if it says so
	for _, u := range s.cfg.PublicURL {
		if u.Host == host {
			return u.String()
		}
	}
	if len(s.cfg.PublicURL) > 0 {
		return s.cfg.PublicURL[0].String()
	}
	if s.peers.Client(r).Secure {
		return "https://" + host
	}
	return "http://" + host
}

// tusLinks is the path below which the last segment is a link's token.
const tusLinks = "/tus/upload/"

// loggedPath is a request's path as the log may have it: without a token.
func loggedPath(path string) string {
	if i := strings.Index(path, tusLinks); i >= 0 {
		return path[:i+len(tusLinks)] + "…"
	}
	return path
}
