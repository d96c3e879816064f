package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// Locks that nobody gives back are removed by hand; the running server follows. The audit says who did what, and
// nothing in it drives a terminal.
func TestLCK12_LockAndAuditCommands(t *testing.T) {
	s := newShell(t)
	r := s.serve()
	s.must("first\n", "user", "add", "ann", "--password-stdin")
	var folder struct{ ID, Title string }
	s.json(&folder, "folder", "add", "evil\u202e\x1b[2J", "--user", "ann", "--json")
	file := "/dav/" + folder.ID + "/a.txt"
	r.within("a new folder", func() bool { return r.status("PUT", file, "ann", "first", "1") == 201 })
	req, err := http.NewRequestWithContext(t.Context(), "LOCK", r.url+file, strings.NewReader(`<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("ann", "first")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("LOCK: %s", res.Status)
	}
	if got := r.status("PUT", file, "ann", "first", "2"); got != 423 {
		t.Errorf("PUT on a locked file: %d", got)
	}
	var locks []struct{ Folder, Path, User, Token string }
	s.json(&locks, "lock", "list", "--folder", folder.ID, "--json")
	if len(locks) != 1 || locks[0].Path != "a.txt" || locks[0].User != "ann" || locks[0].Folder != folder.ID {
		t.Fatalf("%+v", locks)
	}
	if out := s.must("", "lock", "list"); !strings.Contains(out, locks[0].Token) {
		t.Errorf("%s", out)
	}
	s.must("", "lock", "rm", locks[0].Token)
	if code, _, errs := s.run("", "lock", "rm", locks[0].Token); code != 1 || !strings.Contains(errs, "no lock") {
		t.Errorf("a second time: %d %s", code, errs)
	}
	r.within("the end of a lock", func() bool { return r.status("PUT", file, "ann", "first", "3") == 204 })

	out := s.must("", "audit", "--since", "1h", "--folder", folder.ID)
	for _, want := range []string{"lock.delete", "folder.create", "command", `evil\u202e\x1b[2J`, "systemUser"} {
		if !strings.Contains(out, want) {
			t.Errorf("the audit lacks %s:\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\u202e\x1b") {
		t.Errorf("drives the terminal: %q", out)
	}
	if lines := strings.Split(strings.TrimSpace(out), "\n"); !strings.Contains(lines[len(lines)-1], "lock.delete") {
		t.Errorf("the newest is not the last:\n%s", out)
	}
	if got := bytes.Count([]byte(s.must("", "audit", "--json", "--limit", "0", "--action", "user.")), []byte("\n")); got < 1 {
		t.Errorf("%d entries about users", got)
	}
	// Who deleted it? The title is what people know.
	s.must("", "folder", "rm", folder.ID)
	if out := s.must("", "audit", "--folder", folder.Title); !strings.Contains(out, "folder.delete") || !strings.Contains(out, "folder.create") {
		t.Errorf("the audit of a folder that is gone:\n%s", out)
	}
	for _, args := range [][]string{{"audit", "--since", "yesterday"}, {"audit", "--folder", "none"}, {"audit", "--limit", "-1"}} {
		if code, _, _ := s.run("", args...); code == 0 {
			t.Errorf("%v succeeds", args)
		}
	}
}
