package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path string, head ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	w := get(t, "/")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none';", "require-trusted-types-for 'script';"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if inline := regexp.MustCompile(`<script>|<style|\son\w+=|\sstyle=`).FindString(w.Body.String()); inline != "" {
		t.Errorf("the page has %q, which its policy forbids", inline)
	}
	if again := get(t, "/", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("asked again with its ETag: %d", again.Code)
	}
}

// What the page names is there, is kept for ever, and is smaller for clients that unzip.
func TestAssets(t *testing.T) {
	named := regexp.MustCompile(`"(/assets/[^"]*)"`).FindAllStringSubmatch(get(t, "/").Body.String(), -1)
	if len(named) < 2 {
		t.Fatalf("the page names %v", named)
	}
	for _, m := range named {
		plain := get(t, m[1])
		if plain.Code != 200 || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") || plain.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", m[1], plain.Code, plain.Header())
		}
		zipped := get(t, m[1], "Accept-Encoding", "br, gzip;q=0.8")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() >= plain.Body.Len() {
			t.Errorf("%s: encoded as %q, %d bytes of %d", m[1], zipped.Header().Get("Content-Encoding"), zipped.Body.Len(), plain.Body.Len())
			continue
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r); err != nil || string(body) != plain.Body.String() {
			t.Errorf("%s: unzipped it is another file (%v)", m[1], err)
		}
		if refused := get(t, m[1], "Accept-Encoding", "gzip;q=0"); refused.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is zipped for a client that refuses that", m[1])
		}
	}
}

func TestNoOtherFiles(t *testing.T) {
	for _, path := range []string{"/assets/", "/assets/../index.html", "/assets/nothing.js", "/index.html/", "/web.go"} {
		if w := get(t, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
