// Package web is the page at /: scripts and styles that "make web" builds from src into
// dist, embedded. The page is a client of the documented APIs and of WebDAV, and nothing
// more. This package imports nothing of ours but coding.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"davit/coding"
)

//go:embed dist
var dist embed.FS

// policy lets the page run its own scripts and reach its own server, nothing else: no inline script,
// no other origin, no frame around it, and no text that becomes a script on the way (Trusted Types).
// Pictures and media may come from memory (blob:), so that files are shown without being opened.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types davit dompurify"

// asset is a file of the page, ready to send.
type asset struct {
	contentType string
	etag        string
	body        []byte
	zipped      func() []byte // nil: it does not get smaller
}

// Handler serves the page at / and what it loads at /assets/ to GET and HEAD requests. Names of assets carry
// a hash of their content, so browsers keep them; the page itself is asked for each time.
func Handler() http.Handler {
	assets := map[string]*asset{}
	err := fs.WalkDir(dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		assets[strings.TrimPrefix(name, "dist")] = newAsset(name, body)
		return nil
	})
	if err != nil || assets["/index.html"] == nil {
		panic(fmt.Sprint("web: the page was not built: ", err)) // embedded: can't happen in a program that was tested
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		if name == "/" {
			name = "/index.html"
		}
		a := assets[name]
		if a == nil || name != "/index.html" && !strings.HasPrefix(name, "/assets/") {
			http.Error(w, "there is no such file; the page is at /", http.StatusNotFound)
			return
		}
		a.serve(w, r, name == "/index.html")
	})
}

func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	a := &asset{
		contentType: contentType(name), body: body,
		etag: base64.RawURLEncoding.EncodeToString(sum[:12]),
	}
	a.zipped = sync.OnceValue(func() []byte {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		z.Write(body)
		z.Close()
		if b.Len() >= len(body) {
			return nil
		}
		return b.Bytes()
	})
	return a
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs": // whatever the system's table says
		return "text/javascript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(ext)
	}
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request, page bool) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if page {
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	} else if strings.HasSuffix(r.URL.Path, ".txt") {
		h.Set("Cache-Control", "no-cache") // its name has no hash
	}
	h.Set("Vary", "Accept-Encoding")
	body, etag := a.body, `"`+a.etag+`"`
	if zipped := a.zipped(); zipped != nil && coding.AcceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
		body, etag = zipped, `"`+a.etag+`-gzip"`
	}
	h.Set("ETag", etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
