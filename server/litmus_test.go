package server_test

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// litmusSuites are the suites of litmus and how many tests of theirs must pass.
var litmusSuites = []struct {
	name  string
	tests string
}{{"basic", "16"}, {"copymove", "13"}, {"props", "30"}, {"locks", "41"}, {"http", "4"}}

var litmusSummary = regexp.MustCompile("<- summary for `(\\w+)': of (\\d+) tests run: (\\d+) passed, (\\d+) failed")

func TestCI1_Litmus(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testLitmus(t, newProcess(t), len(litmusSuites)) })
	t.Run("TLS", func(t *testing.T) {
		cert, key := certificate(t)
		s := newProcess(t, "--tls-cert", cert, "--tls-key", key)
		testLitmus(t, s, len(litmusSuites)-1) // http tests what litmus skips over TLS
	})
}

// testLitmus runs the first n suites.
func testLitmus(t *testing.T, s *process, n int) {
	litmus := need(t, "litmus", "litmus")
	id := s.folder("litmus")
	for _, suite := range litmusSuites[:n] {
		t.Run(suite.name, func(t *testing.T) {
			out := runLitmus(t, litmus, suite.name, s.url+"/dav/"+id+"/")
			m := litmusSummary.FindStringSubmatch(out)
			if m == nil || m[1] != suite.name || m[2] != suite.tests || m[3] != suite.tests || m[4] != "0" {
				t.Errorf("not all %s tests ran and passed", suite.tests)
			}
			if strings.Contains(out, "WARNING") || strings.Contains(out, "SKIPPED") || strings.Contains(out, "FAIL") {
				t.Error("a test was skipped, or gave a warning")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// runLitmus runs one suite and gives its output.
func runLitmus(t *testing.T, litmus, suite, url string) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, litmus, url, "admin", adminPassword)
	c.Dir = t.TempDir() // for its logs
	c.Env = environment("TESTS=" + suite)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("litmus %s: %v", suite, err)
	}
	return string(out)
}
