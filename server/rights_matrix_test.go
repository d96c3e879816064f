package server

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// Nobody without the right sees or changes anything: every route that the OpenAPI document
// describes, called for one folder in each role. The rights of each single route are tested beside it; this holds
// for routes to come as well.
//
//   - Without credentials every route but the public ones answers 401.
//   - A stranger, and a token for another folder, get the same answer for the folder as for one that does not
//     exist, nothing of it is in the answer, and it stays as it is.
//   - A reader, and a read-only token of the owner, leave it as it is.
func TestD5_RightsMatrix(t *testing.T) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *Config) { c.RateLimit = 0 })
	owner, reader, stranger := h.caller("olga"), h.caller("rita"), h.caller("sven")
	for _, c := range []*caller{owner, reader, stranger} {
		if err := h.store.SetUserLimits(t.Context(), c.user.ID, store.Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	var works, not []string
	for n, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Value(path).Operations() {
			if strings.HasPrefix(path, "/auth/") || path == "/api/davit/password" {
				continue // about the caller alone
			}
			t.Run(method+" "+path, func(t *testing.T) {
				m := &matrix{t: t, house: h, owner: owner, title: fmt.Sprintf("secret%d%s", n, strings.ToLower(method))}
				m.attack = attack{t: t, c: owner, method: method, path: path, op: op, item: doc.Paths.Value(path)}
				m.make(reader)
				public := op.Security != nil && len(*op.Security) == 0

				if got := m.send(nil, m.folder); !public && got.status != http.StatusUnauthorized {
					t.Errorf("without credentials: %d, want 401", got.status)
				}
				m.unchanged("without credentials")
				for who, c := range map[string]*caller{"a stranger": stranger, "a token for another folder": m.narrowed(owner)} {
					got := m.send(c, m.folder)
					m.unchanged(who)
					for _, secret := range []string{m.title, "top-secret", m.folder} {
						text := got.body
						if secret == m.folder { // which the request may have named
							text = strings.ReplaceAll(text, m.folder, "")
						}
						if strings.Contains(text, secret) {
							t.Errorf("%s is told %s: %s", who, secret, excerpt([]byte(got.body)))
						}
					}
					missing := strings.Repeat("0", 31) + "7"
					other := m.send(c, missing)
					if m.about && (got.status != other.status || strings.ReplaceAll(got.body, m.folder, "ID") != strings.ReplaceAll(other.body, missing, "ID") && got.status >= 400) {
						t.Errorf("%s can tell the folder from none: %d %s, %d %s", who, got.status, excerpt([]byte(got.body)), other.status, excerpt([]byte(other.body)))
					}
				}
				m.send(reader, m.folder)
				m.unchanged("a reader")
				m.send(&caller{house: h, user: owner.user, token: owner.newToken("", true)}, m.folder)
				m.unchanged("a read-only token")
				if got := m.send(owner, m.folder); got.status < 300 {
					works = append(works, method+" "+path)
				} else {
					not = append(not, fmt.Sprintf("%s %s: %d %s", method, path, got.status, excerpt([]byte(got.body))))
				}
			})
		}
	}
	t.Logf("the owner's request succeeded for %d routes; for these it did not, so that they are tested for refusals alone:\n%s", len(works), strings.Join(not, "\n"))
}

// matrix is one folder in the middle of it.
type matrix struct {
	*house
	attack
	t      *testing.T
	owner  *caller
	title  string
	before string
	about  bool // the request names the folder
}

func (m *matrix) make(reader *caller) {
	ctx := m.t.Context()
	f, err := m.files.CreateFolder(ctx, store.NewFolder{Folder: store.Folder{OwnerID: m.owner.user.ID, Title: m.title, MaxBytes: store.Default, MaxFiles: store.Default}})
	if err == nil {
		err = m.store.SetGrant(ctx, f.ID, reader.user.ID, store.Read)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.folder = f.ID
	for _, name := range []string{"x", "b"} {
		if a := m.owner.call("PUT", "/dav/"+f.ID+"/"+name, "top-secret"); a.status != 201 {
			m.t.Fatalf("PUT: %d %s", a.status, a.body)
		}
	}
	m.before = m.state()
}

// narrowed is the owner with a token for another folder.
func (m *matrix) narrowed(owner *caller) *caller {
	f, err := m.files.CreateFolder(m.t.Context(), store.NewFolder{Folder: store.Folder{OwnerID: owner.user.ID, Title: "other", MaxBytes: store.Default, MaxFiles: store.Default}})
	if err != nil {
		m.t.Fatal(err)
	}
	return &caller{house: m.house, user: owner.user, token: owner.newToken(f.ID, false)}
}

// send calls the route for a folder, as c or without credentials.
func (m *matrix) send(c *caller, folder string) answer {
	a := m.attack
	a.folder = folder
	params := append(slices.Clone(a.item.Parameters), a.op.Parameters...)
	u, err := url.ParseRequestURI(m.url + a.target(params, "", ""))
	if err != nil {
		m.t.Fatal(err)
	}
	body := ""
	if b := a.op.RequestBody; b != nil && b.Value.Content["application/json"] != nil {
		body = marshal(m.t, a.sample(b.Value.Content["application/json"].Schema.Value, 0))
	}
	m.about = strings.Contains(u.String()+body, folder)
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, a.method, u.String(), strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Tus-Resumable", tusVersion)
	if c != nil {
		r.SetBasicAuth(c.user.Name, c.token)
	}
	return m.do(r)
}

func (m *matrix) unchanged(after string) {
	m.t.Helper()
	if now := m.state(); now != m.before {
		m.t.Errorf("%s changed the folder:\n%s\nwas\n%s", after, now, m.before)
	}
}

// state is all that there is of the folder: its rows, but for times of use, and its files.
func (m *matrix) state() string {
	db, err := sql.Open("sqlite", filepath.Join(m.dir, "davit.db")+"?mode=ro")
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	var b strings.Builder
	for _, query := range []string{
		`SELECT owner_id, title, product, max_bytes, max_files, deleted, purge, rescan, coalesce(project_id, ''), member_rights, usage_mode, cloneable, labels FROM folders WHERE id = $1`,
		`SELECT * FROM grants WHERE folder_id = $1 ORDER BY 2`, `SELECT * FROM group_grants WHERE folder_id = $1 ORDER BY 2`,
		`SELECT * FROM invitations WHERE folder_id = $1`, `SELECT * FROM locks WHERE folder_id = $1`, `SELECT * FROM props WHERE folder_id = $1`,
		`SELECT id FROM uploads WHERE folder_id = $1`, `SELECT * FROM trashed WHERE folder_id = $1`,
	} {
		rows, err := db.QueryContext(m.t.Context(), query, m.folder)
		if err != nil {
			m.t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				m.t.Fatal(err)
			}
			for _, v := range values {
				fmt.Fprintf(&b, "%v|", *v.(*any))
			}
			b.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			m.t.Fatal(err)
		}
		rows.Close()
	}
	root := filepath.Join(m.dir, "files", m.folder)
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			content, _ := os.ReadFile(path)
			fmt.Fprintf(&b, "%s %x\n", strings.TrimPrefix(path, root), sha256.Sum256(content))
		} else if err == nil {
			fmt.Fprintln(&b, strings.TrimPrefix(path, root))
		}
		return nil
	})
	return b.String()
}
