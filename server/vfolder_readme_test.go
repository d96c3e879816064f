package server_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The walk through the virtual folders that the README shows works as it stands there.
func TestT14_ReadmeWalkThrough(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### Virtual folders\n")
	_, walk, found := strings.Cut(section, "```sh\n")
	walk, _, _ = strings.Cut(walk, "```")
	if !found || strings.Count(walk, "curl ") != 9 {
		t.Fatalf("the README's section has changed: %s", walk)
	}
	s := newProcess(t)
	passwords := map[string]string{}
	for _, name := range []string{"ann", "jonas"} {
		code, out, errs := s.Run("user", "add", name)
		if code != 0 {
			t.Fatal(errs)
		}
		passwords[name] = regexp.MustCompile(`password: (\S+)`).FindStringSubmatch(out + errs)[1]
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "train.csv"), []byte("a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What a person puts in: passwords, and IDs from the answers.
	walk = strings.NewReplacer("ann:TOKEN", "ann:"+passwords["ann"], "http://127.0.0.1:8080", s.URL, "-u jonas ", "-u jonas:"+passwords["jonas"]+" ",
		`"INVITATION"`, `"'$(id received)'"`, `"ID"`, `"'$(id made)'"`).Replace(walk)
	lines := strings.Split(strings.TrimSpace(walk), "\n")
	for i, line := range lines {
		switch {
		case strings.Contains(line, `{"name":"data"}`):
			lines[i] = "{ " + strings.Split(line, "  ")[0] + "; } | tee made"
		case strings.Contains(line, "invitations/list"):
			lines[i] = "{ " + strings.Split(line, "  ")[0] + "; } | tee received"
		}
	}
	id := `id() { sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p' "$1" | head -n 1; }`
	answers := s.script("", "cd "+dir+"\n"+id+"\n"+strings.Join(lines, "\n"))
	if len(answers) != 9 {
		t.Fatalf("%d answers: %q", len(answers), answers)
	}
	for i, want := range []string{"201", "201", "201", "200", "200", "200", "200", "204", "204"} {
		if _, status, _ := cutLast(answers[i], "\n"); status != want {
			t.Errorf("answer %d: %s, want %s", i+1, answers[i], want)
		}
	}
	if !strings.Contains(answers[5], "train.csv") || !strings.Contains(answers[6], `"token"`) {
		t.Errorf("files: %s, download: %s", answers[5], answers[6])
	}
}
