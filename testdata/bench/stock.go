package main

import (
	"crypto/subtle"
	"net/http"

	"golang.org/x/net/webdav"
)

// serveStock is what most Go file servers are at heart: the stock handler over a
// directory with locks in memory, behind Basic authentication. It compares the
// password in clear, so it pays for no hash, and knows no rights and no quotas.
func serveStock(addr, dir string) error {
	dav := &webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		if user != userName || subtle.ConstantTimeCompare([]byte(pass), []byte(password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="bench"`)
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		dav.ServeHTTP(w, r)
	}))
}
