package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// auditRows makes n entries, one a second from noon on, of three folders and two users.
func auditRows(t testing.TB, s *Store, n int) {
	t.Helper()
	err := s.write(t.Context(), relaxed, func(tx tx) error {
		for i := range n {
			ctx := WithActor(t.Context(), Actor{UserID: fmt.Sprint("u", i%2), UserName: fmt.Sprint("user", i%2), Door: "davit", Address: "192.0.2.1"})
			if err := tx.note(ctx, event{action: []string{"folder.create", "folder.limit", "grant.set"}[i%3], folder: fmt.Sprint("f", i%3), project: "p", subject: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every entry comes once, in order, in pages of any size, in both directions, and whatever is filtered.
func TestAuditPages(t *testing.T) {
	s := openNew(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	const n = 3*auditScan + 17
	auditRows(t, s, n)
	for _, c := range []struct {
		name   string
		filter AuditFilter
		want   int
	}{
		{"all", AuditFilter{}, n},
		{"folder", AuditFilter{FolderID: "f1"}, 5006},
		{"user", AuditFilter{UserID: "u1"}, n / 2},
		{"name", AuditFilter{UserName: "user1"}, n / 2},
		{"project", AuditFilter{ProjectID: "p"}, n},
		{"action", AuditFilter{Action: "grant.set"}, 5005},
		{"prefix of one", AuditFilter{Action: "gr"}, 5005},
		{"prefix of two", AuditFilter{Action: "folder."}, 10012},
		{"no such action", AuditFilter{Action: "folder.x"}, 0},
		{"folder and user", AuditFilter{FolderID: "f1", UserID: "u1"}, 2503},
		{"door", AuditFilter{Door: "webdav"}, 0},
		{"since", AuditFilter{Since: time.Date(2026, 11, 22, 12, 0, 11, 0, time.UTC)}, n - 10},
		{"until", AuditFilter{Until: time.Date(2026, 11, 22, 12, 0, 11, 0, time.UTC)}, 10},
		{"before all", AuditFilter{Until: time.Unix(0, 0)}, 0},
	} {
		for _, limit := range []int{1000, 7} {
			if limit == 7 && c.want > 3000 {
				continue
			}
			for name, page := range map[string]func(next string) ([]Entry, string, error){
				"newest": func(next string) ([]Entry, string, error) { return s.Audit(t.Context(), c.filter, next, limit) },
				"oldest": func(next string) ([]Entry, string, error) { return s.AuditOldest(t.Context(), c.filter, next, limit) },
			} {
				got, next, last := 0, "", ""
				for calls := 0; ; calls++ {
					all, more, err := page(next)
					if err != nil || calls > n {
						t.Fatal(err)
					}
					if len(all) > limit {
						t.Fatalf("%s: a page of %d, want %d", c.name, len(all), limit)
					}
					for _, e := range all {
						if last != "" && (name == "newest") != (e.ID < last) || !c.filter.matches(e) {
							t.Fatalf("%s, %s: %+v after %s", c.name, name, e, last)
						}
						last = e.ID
						got++
					}
					if next = more; next == "" {
						break
					}
				}
				if got != c.want {
					t.Errorf("%s, %s, by %d: %d entries, want %d", c.name, name, limit, got, c.want)
				}
			}
		}
	}
}

// Entries have the order in which they were made, whatever the clock does.
func TestAuditOrder(t *testing.T) {
	s := openNew(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(-time.Hour); return at }
	auditRows(t, s, 10)
	all, _, err := s.AuditOldest(t.Context(), AuditFilter{}, "", 100)
	if err != nil || len(all) != 10 {
		t.Fatal(len(all), err)
	}
	for i, e := range all {
		if e.Subject != fmt.Sprint(i) {
			t.Errorf("%d: %+v", i, e)
		}
	}
}

func TestPruneAudit(t *testing.T) {
	s := openNew(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	const n = 3000
	auditRows(t, s, n)
	left := func() int {
		t.Helper()
		var left int
		if err := s.reads.QueryRow(`SELECT COUNT(*) FROM audit`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left
	}
	prune := func(before time.Time, most int64) (rounds int) {
		t.Helper()
		for ; ; rounds++ {
			removed, err := s.PruneAudit(t.Context(), before, most)
			if err != nil || removed > pruneBatch {
				t.Fatal(removed, err)
			}
			if removed == 0 {
				return rounds
			}
		}
	}
	if prune(time.Time{}, 0) != 0 || left() != n {
		t.Errorf("without bounds: %d left", left())
	}
	if rounds := prune(time.Date(2026, 11, 22, 12, 0, 1, 0, time.UTC).Add(700*time.Second), 0); rounds != 2 || left() != n-700 {
		t.Errorf("by age: %d rounds, %d left", rounds, left())
	}
	if rounds := prune(time.Time{}, 1000); rounds != 3 || left() != 1000 {
		t.Errorf("by number: %d rounds, %d left", rounds, left())
	}
	oldest, _, err := s.AuditOldest(t.Context(), AuditFilter{}, "", 1)
	if err != nil || oldest[0].Subject != "2000" {
		t.Errorf("the oldest is %+v, %v", oldest, err)
	}
	auditRows(t, s, 1500) // counted again only after many
	if prune(time.Time{}, 1000); left() != 1000 {
		t.Errorf("later: %d left", left())
	}
}

// What administrators ask for reads no more of a long table than it shows.
func TestAuditUsesIndexes(t *testing.T) {
	s := openNew(t)
	for _, c := range []struct {
		filter AuditFilter
		want   string
	}{
		{AuditFilter{}, "sqlite_autoindex_audit_1 (id>? AND id<?)"},
		{AuditFilter{FolderID: "f", UserID: "u"}, "audit_folder (folder_id=? AND id>? AND id<?)"},
		{AuditFilter{UserID: "u", ProjectID: "p"}, "audit_user (user_id=? AND id>? AND id<?)"},
		{AuditFilter{ProjectID: "p"}, "audit_project (project_id=? AND id>? AND id<?)"},
		{AuditFilter{Action: "a.b"}, "audit_action (action=? AND id>? AND id<?)"},
	} {
		for _, order := range []string{newestFirst, oldestFirst} {
			query, key := c.filter.query(order, c.filter.Action)
			explains(t, s, query, append([]any{"", "g", 10}, key...), c.want)
		}
	}
	explains(t, s, pruneAudit, []any{"g", 10}, "sqlite_autoindex_audit_1 (id<?)")
	explains(t, s, selectUser+" "+usersWanted, []any{"a", "%x%", 10, 0}, "sqlite_autoindex_users_2 (name>?)")
	explains(t, s, completeUser, []any{"a", "b", 10}, "users_folded (folded>? AND folded<?)")
	products, err := NewProducts(nil)
	if err != nil {
		t.Fatal(err)
	}
	for by, want := range map[FolderOrder]string{ByID: "sqlite_autoindex_folders_1", ByTitle: "folders_by_title"} {
		for _, down := range []bool{false, true} {
			query, args := FolderList{By: by, Down: down, Products: products}.statement("a", strings.Repeat("0", 32), 10)
			explains(t, s, query, args, want)
		}
	}
	explains(t, s, selectAllLocks, []any{"a", 0, 10, "", "", ""}, "sqlite_autoindex_locks_1 (token>?)")
}

// explains fails if a query sorts, or does not look things up as wanted.
func explains(t *testing.T, s *Store, query string, args []any, want string) {
	t.Helper()
	rows, err := s.reads.Query(`EXPLAIN QUERY PLAN `+query, args...)
	steps, err := collect[string](rows, err)(func(r row) (step string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &step)
		return step, err
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(steps, "\n")
	if !strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("want %q and no sorting:\n%s\nof %s", want, plan, query)
	}
}

// Users from before there were searches are found.
func TestFoldNames(t *testing.T) {
	s := openNew(t)
	if _, err := s.CreateUser(t.Context(), User{Name: "Ärger"}); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), durable, func(tx tx) error {
		_, err := tx.exec(`UPDATE users SET folded = ''`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if names, err := s.CompleteUser(t.Context(), "är", 10); err != nil || len(names) != 0 {
		t.Fatal(names, err)
	}
	if err := s.foldNames(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names, err := s.CompleteUser(t.Context(), "är", 10); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
}

// What goes to another user when its owner is deleted is told folder by folder.
func TestAuditOfHeirs(t *testing.T) {
	st, err := Open(t.Context(), Options{Path: t.TempDir() + "/davit.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var users []User
	for _, name := range []string{"ann", "bob"} {
		u, err := st.CreateUser(t.Context(), User{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	f, err := st.CreateFolder(t.Context(), NewFolder{Folder: Folder{OwnerID: users[0].ID, Title: "docs"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.DeleteUser(t.Context(), users[0].ID, users[1].ID, false); err != nil {
		t.Fatal(err)
	}
	page, _, err := st.Audit(t.Context(), AuditFilter{FolderID: f.ID, Action: "folder.owner"}, "", 10)
	if err != nil || len(page) != 1 || page[0].Subject != "bob" || string(page[0].Detail) != `{"fromUser":"ann"}` {
		t.Errorf("%+v, %v", page, err)
	}
}
