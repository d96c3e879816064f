package web

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
		t.Errorf("policy %q lets scripts run", csp)
	}
	if strings.Contains(w.Body.String(), "<script") {
		t.Error("the page has a script")
	}
}

func TestPageNamesPartsOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`by heading: (.*?)\.`).FindSubmatch(index)
	if list == nil {
		t.Fatal("the page names no headings")
	}
	for heading := range strings.SplitSeq(string(list[1]), ", ") {
		if !strings.Contains(string(readme), "\n## "+heading+"\n") {
			t.Errorf("the README has no part %q", heading)
		}
	}
}
