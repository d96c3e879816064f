package server

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/auth"
	"davit/davfs"
	"davit/store"
)

// The scale that file collections are made for.
const (
	manyUsers   = 10_000
	manyDrives  = 100_000
	manyVisible = 1_000 // to one user
)

// metropolis is a server with very many folders, reached without a network.
type metropolis struct {
	b      *testing.B
	server *Server
	store  *store.Store
	auth   *auth.Auth
	path   string
	tokens map[int]string
}

func benchID(kind, n int) string { return fmt.Sprintf("0190%04x%024x", kind, n) }

// newMetropolis fills the database by SQL: user 0 sees manyVisible folders, a tenth of which are his own;
// everybody else owns some, and shares some with user 0 or a neighbour.
func newMetropolis(b *testing.B) *metropolis {
	b.Helper()
	dir := b.TempDir()
	st, err := OpenStore(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	m := &metropolis{b: b, store: st, path: filepath.Join(dir, "davit.db"), tokens: map[int]string{}}
	db, err := sql.Open("sqlite", m.path)
	if err != nil {
		b.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	prepare := func(text string) func(args ...any) {
		s, err := tx.Prepare(text)
		if err != nil {
			b.Fatal(err)
		}
		return func(args ...any) {
			if _, err := s.Exec(args...); err != nil {
				b.Fatal(err)
			}
		}
	}
	user := prepare(`INSERT INTO users (id, name, email, admin, password_hash, max_folders, max_bytes, max_files, created) VALUES ($1, $2, '', FALSE, '', 0, -1, -1, $3)`)
	folder := prepare(`INSERT INTO folders (id, owner_id, title, product, max_bytes, max_files, used_bytes, used_files, dirty, made, created, last_used, scanned, rescan, deleted, purge)
		VALUES ($1, $2, $3, '', -1, -1, $4, $5, FALSE, TRUE, $6, 0, 0, 0, 0, 0)`)
	grant := prepare(`INSERT INTO grants (folder_id, user_id, rights) VALUES ($1, $2, $3)`)
	now := time.Now().UnixMicro()
	for u := range manyUsers {
		user(benchID(1, u), fmt.Sprintf("user%05d", u), now)
	}
	for f := range manyDrives {
		owner := f % manyUsers
		if f < manyVisible/10 {
			owner = 0
		}
		folder(benchID(2, f), benchID(1, owner), fmt.Sprintf("Results of run %d, %d", f%977, f), f*1000, f%500, now+int64(f))
		if f >= manyVisible/10 && f < manyVisible && owner != 0 {
			grant(benchID(2, f), benchID(1, 0), 7)
		}
		if f%3 == 0 && (owner+1)%manyUsers != 0 {
			grant(benchID(2, f), benchID(1, (owner+1)%manyUsers), 1)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	if _, err := st.Poll(b.Context()); err != nil {
		b.Fatal(err)
	}
	m.open(dir)
	return m
}

// open makes the server.
func (m *metropolis) open(dir string) {
	b, st := m.b, m.store
	b.Helper()
	cfg := &Config{}
	log := NewLog(&bytes.Buffer{}, slog.LevelError)
	peers := NewPeers(cfg)
	m.auth = auth.New(st, auth.Options{Secret: bytes.Repeat([]byte{7}, 32), Client: peers.Client, AllowPlainBasic: true})
	files, err := davfs.New(st, davfs.Options{Dir: dir, Sync: davfs.SyncNone, Log: log.Logger})
	if err != nil {
		b.Fatal(err)
	}
	m.server = New(dir, cfg, Parts{Store: st, Auth: m.auth, Files: files, Peers: peers, Page: http.NotFoundHandler(), Log: log})
	b.Cleanup(func() {
		files.Close(b.Context())
		st.Close()
		log.Close()
	})
}

// token is one of user u's.
func (m *metropolis) token(u int) string {
	m.b.Helper()
	if m.tokens[u] == "" {
		tok, text, err := m.auth.NewToken(store.Token{UserID: benchID(1, u)})
		if err == nil {
			_, err = m.store.CreateToken(m.b.Context(), tok)
		}
		if err != nil {
			m.b.Fatal(err)
		}
		m.tokens[u] = text
	}
	return m.tokens[u]
}

// call makes a request for collections of user u, and tells how long the server took.
func (m *metropolis) call(u int, method, path, body string) (time.Duration, *httptest.ResponseRecorder) {
	return m.callAt(u, method, collectionsPath+path, body)
}

// callAt is call for any path.
func (m *metropolis) callAt(u int, method, path, body string) (time.Duration, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+m.token(u))
	w := httptest.NewRecorder()
	start := time.Now()
	m.server.ServeHTTP(w, r)
	took := time.Since(start)
	if w.Code != http.StatusOK {
		m.b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return took, w
}

// measure reports the percentiles of a call.
func (m *metropolis) measure(name string, call func(i int) time.Duration) {
	m.b.Run(name, func(b *testing.B) {
		call(0) // whoever calls often is known already
		var all []time.Duration
		for i := 0; b.Loop(); i++ {
			all = append(all, call(i))
		}
		slices.Sort(all)
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
		b.ReportMetric(ms(all[len(all)*99/100]), "p99-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkCollections measures the server's time for what a portal asks, with 100,000 folders of 10,000 users, of which the
// caller sees 1,000: p99 is to stay below 5 ms. "anybody" is another user each time, whom nobody remembers.
func BenchmarkCollections(b *testing.B) {
	m := newMetropolis(b)
	ask := func(method, path, body string) func(int) time.Duration {
		return func(int) time.Duration { took, _ := m.call(0, method, path, body); return took }
	}
	m.measure("browse", ask("GET", "/browse", ""))
	m.measure("browse/250", ask("GET", "/browse?itemsPerPage=250&includeOthers=true&filterMemberFiles=SHOW_ONLY_MINE", ""))
	m.measure("browse/1000", ask("GET", "/browse?itemsPerPage=1000&sortBy=createdAt", ""))
	m.measure("browse/everything", ask("GET", "/browse?includeOthers=true&includeUpdates=true&includeSupport=true&next=500", ""))
	m.measure("search", ask("POST", "/search", `{"flags":{},"query":"RUN 17"}`))
	m.measure("retrieve", ask("GET", "/retrieve?includeOthers=true&id="+benchID(2, 500), ""))
	m.measure("retrieveProducts", ask("GET", "/retrieveProducts", ""))
	m.measure("browse/while others rename", func(i int) time.Duration {
		n := manyDrives/2 + i%1000
		m.call(n%manyUsers, "POST", "/rename", bulk(fmt.Sprintf(`{"id":"%s","newTitle":"renamed %d"}`, benchID(2, n), i)))
		took, _ := m.call(0, "GET", "/browse", "")
		return took
	})
	m.measure("browse/anybody", func(int) time.Duration {
		u := 1 + rand.IntN(manyUsers-1)
		m.token(u)
		took, _ := m.call(u, "GET", "/browse", "")
		return took
	})
	m.measure("browse/after own rename", func(i int) time.Duration {
		m.call(0, "POST", "/rename", bulk(fmt.Sprintf(`{"id":"%s","newTitle":"mine %d"}`, benchID(2, 5), i)))
		took, _ := m.call(0, "GET", "/browse", "")
		return took
	})
}
