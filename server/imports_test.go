package server

import (
	"os/exec"
	"strings"
	"testing"
)

// banned says which imports a package may not have itself; what its imports import
// is their matter. Package coding, which imports nothing of ours, is for all.
var banned = map[string][]string{
	"davit/store":  {"davit/server", "davit/davfs", "davit/auth", "davit/web", "net/http", "github.com/labstack/echo"},
	"davit/auth":   {"davit/server", "davit/davfs", "davit/web", "github.com/labstack/echo", "golang.org/x/net/webdav", "database/sql"},
	"davit/davfs":  {"davit/server", "davit/auth", "davit/web", "github.com/labstack/echo", "github.com/golang-jwt", "database/sql"},
	"davit/web":    {"davit/"},
	"davit/coding": {"davit/"},
	"davit/server": {"davit/web", "database/sql"},
}

func TestImports(t *testing.T) {
	for pkg, bans := range banned {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", pkg, err)
		}
		for imported := range strings.Lines(string(out)) {
			imported = strings.TrimSpace(imported)
			for _, ban := range bans {
				if imported != "davit/coding" && (imported == ban || strings.HasPrefix(imported, strings.TrimSuffix(ban, "/")+"/")) {
					t.Errorf("%s imports %s", pkg, imported)
				}
			}
		}
	}
}
