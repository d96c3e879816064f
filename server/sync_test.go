package server_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/server/servertest"
)

// report is a client's question for changes: names below the folder that changed, "-" before those that are gone.
// ok is false if the token is refused.
func (s *process) changesSince(id, token string) (names []string, next string, ok bool) {
	s.T.Helper()
	res := s.do("REPORT", "/dav/"+id+"/", `<sync-collection xmlns="DAV:"><sync-token>`+token+
		`</sync-token><sync-level>infinite</sync-level><prop><getetag/></prop></sync-collection>`, nil)
	if res.status == 403 && strings.Contains(res.body, "<D:valid-sync-token/>") {
		return nil, "", false
	}
	var ms struct {
		Responses []struct {
			Href   string `xml:"DAV: href"`
			Status string `xml:"DAV: status"`
		} `xml:"DAV: response"`
		Token string `xml:"DAV: sync-token"`
	}
	if err := xml.Unmarshal([]byte(res.body), &ms); res.status != 207 || err != nil {
		s.T.Fatalf("REPORT: %d %v\n%s", res.status, err, res.body)
	}
	for _, r := range ms.Responses {
		name := strings.TrimPrefix(r.Href, "/dav/"+id+"/")
		if strings.Contains(r.Status, " 404 ") {
			name = "-" + name
		}
		names = append(names, name)
	}
	return names, ms.Token, true
}

// REP-2: tokens outlive a clean stop; after a kill, and after a scan that finds what was done by hand, they
// are refused rather than that a change is missed.
func TestREP2_TokensOverRestarts(t *testing.T) {
	s := newProcess(t, "--sync", "none")
	id := s.folder("synced", "--max-files", "0")
	put := func(name string) { s.must(201, "PUT", "/dav/"+id+"/"+name, "content", nil) }
	want := func(what, token string, names ...string) string {
		t.Helper()
		got, next, ok := s.changesSince(id, token)
		if !ok || !slices.Equal(got, names) {
			t.Errorf("%s: %v, token good: %v; want %v", what, got, ok, names)
		}
		return next
	}
	refused := func(what, token string) {
		t.Helper()
		if names, _, ok := s.changesSince(id, token); ok {
			t.Errorf("%s: the token is taken, changes %v", what, names)
		}
	}
	put("first")
	token := want("all", "", "first")
	put("a")
	s.Stop()
	s.Start()
	put("b")
	want("over a stop", token, "a", "b")
	s.must(204, "DELETE", "/dav/"+id+"/a", "", nil)
	s.Stop()
	s.Start()
	token = want("over two stops", token, "-a", "b")
	s.Stop()
	s.Start()
	want("nothing changed", token)

	put("c") // and the server dies before, or after, it has written that down
	s.Kill()
	s.Start()
	refused("after a kill", token)
	token = want("anew", "", "b", "c", "first")
	s.Kill() // while the folder is still marked as being changed
	s.Start()
	refused("after a second kill", token)

	token = want("anew", "", "b", "c", "first")
	if err := os.WriteFile(filepath.Join(s.Data, "files", id, "by hand"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	want("nobody has told", token)
	if code, _, errs := s.Run("folder", "scan", id); code != 0 {
		t.Fatalf("scan: %d %s", code, errs)
	}
	servertest.Within(t, 20*time.Second, "the scan refuses the token", func() bool {
		_, _, ok := s.changesSince(id, token)
		return !ok
	})
	token = want("after a scan", "", "b", "by%20hand", "c", "first")
	if code, _, errs := s.Run("folder", "scan", id); code != 0 {
		t.Fatalf("scan: %d %s", code, errs)
	}
	s.Stop() // the scan that was asked for is done now or at the next start
	s.Start()
	servertest.Within(t, 20*time.Second, "the scan is over", func() bool {
		log, err := os.ReadFile(s.LogFile())
		return err == nil && strings.Count(string(log), `"folder scanned"`) >= 2
	})
	put("d")
	want("a scan that finds nothing", token, "d")

	// "davit check --repair" makes a folder clean that a crash has left: its journal is not believed either.
	_, token, _ = s.changesSince(id, token)
	put("e")
	s.Kill()
	if err := os.Remove(filepath.Join(s.Data, "files", id, "b")); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := s.Run("check", "--repair"); code != 0 && code != 1 {
		t.Fatalf("check: %d %s%s", code, out, errs)
	}
	s.Start()
	refused("after a repair", token)
}
