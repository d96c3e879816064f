package web_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"davit/server/servertest"
)

// The page in a browser: scripts in testdata/browser, one an area, that harness.mjs there explains.

func TestMain(m *testing.M) {
	code := m.Run()
	servertest.Clean()
	os.Exit(code)
}

const browserScripts = "../testdata/browser"

// browserArea is how long the scenarios of one area may take together.
const browserArea = 8 * time.Minute

// browser is Chromium as a program that has no windows, which takes two thirds of the time of the other; the long tests
// take the one with windows.
func browser() string {
	if servertest.Long {
		return "chromium"
	}
	return "chromium-headless-shell"
}

// TestBrowser runs all areas, as many at a time as there are processors. "-run TestBrowser/files/upload" runs the
// scenarios of files.mjs that match, with DAVIT_TEST_SHOTS=dir the pictures that they take are kept.
func TestBrowser(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(browserScripts, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	areas := 0
	var ran atomic.Int64
	t.Cleanup(func() { // when all areas have ended
		if asked := scenariosAsked(); asked != "" && ran.Load() == 0 {
			t.Errorf("no scenario matches %q", asked)
		}
	})
	for _, script := range scripts {
		area := strings.TrimSuffix(filepath.Base(script), ".mjs")
		if area == "harness" {
			continue
		}
		areas++
		t.Run(area, func(t *testing.T) {
			t.Parallel()
			for _, s := range runInBrowser(t, script, scenariosAsked()) {
				ran.Add(1)
				t.Run(s.Name, func(t *testing.T) {
					t.Logf("%.1f s", float64(s.Milliseconds)/1000)
					if !s.OK {
						t.Error(s.Error)
					}
				})
			}
		})
	}
	if areas == 0 {
		t.Error("no areas")
	}
}

// scenariosAsked is the part of -run that names scenarios.
func scenariosAsked() string {
	parts := strings.SplitN(flag.Lookup("test.run").Value.String(), "/", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

// scenario is what became of a scenario.
type scenario struct {
	Name         string `json:"name"`
	OK           bool   `json:"ok"`
	Error        string `json:"error"`
	Milliseconds int64  `json:"ms"`
}

// runInBrowser runs a script on a server of its own. A script that breaks off adds a scenario that has failed.
func runInBrowser(t *testing.T, script, scenarios string) []scenario {
	t.Helper()
	if _, err := os.Stat("../testdata/clients/npm/node_modules/playwright-core"); err != nil {
		t.Fatalf("npm packages are missing: sh testdata/setup.sh (%v)", err)
	}
	return runScript(t, script, scenarios, browserArea)
}

// serveArgs are what a script asks for in a line "// serve: …" at its beginning.
var serveArgs = regexp.MustCompile(`(?m)\A(?://.*\n)*?// serve: (.*)$`)

func runScript(t *testing.T, script, scenarios string, limit time.Duration) []scenario {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	if m := serveArgs.FindSubmatch(text); m != nil {
		args = strings.Fields(string(m[1]))
	}
	s := servertest.New(t, args...)
	_, s.Listen, _ = strings.Cut(s.URL, "://") // the same after a restart

	// What scripts order is done here: only the test's own goroutine may fail it.
	orders := make(chan browserOrder)
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := browserOrder{strings.TrimPrefix(r.URL.Path, "/"), make(chan error, 1)}
		select {
		case orders <- o:
		case <-r.Context().Done():
			return
		}
		if err := <-o.done; err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	defer control.Close()

	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, servertest.Need(t, "node", "nodejs"), filepath.Join(browserScripts, "harness.mjs"), script)
	cmd.Env = servertest.Environment(
		"HOME="+t.TempDir(), "DAVIT_TEST_SCRATCH="+t.TempDir(), "LC_ALL=C.UTF-8", "DAVIT_TEST_URL="+s.URL, "DAVIT_TEST_ADMIN_PASSWORD="+servertest.AdminPassword,
		"DAVIT_TEST_DATA="+s.Data, "DAVIT_TEST_CONTROL="+control.URL, "DAVIT_TEST_PROGRAM="+servertest.Program(t), "DAVIT_TEST_SCENARIO="+scenarios,
		"DAVIT_TEST_BROWSER="+servertest.Need(t, browser(), browser()),
		"DAVIT_TEST_SHOTS="+os.Getenv("DAVIT_TEST_SHOTS"),
		"DAVIT_TEST_FAILURES="+cmp.Or(os.Getenv("DAVIT_TEST_SHOTS"), filepath.Join(os.TempDir(), "davit-failed-scenarios")),
	)
	// The script ends when this pipe does, and the browser with it: also if this program is no more.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = 5 * time.Second
	var errs bytes.Buffer
	cmd.Stderr = &errs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	lines := make(chan []byte)
	go func() {
		defer close(lines)
		r := bufio.NewReader(stdout)
		for {
			line, err := r.ReadBytes('\n')
			if len(bytes.TrimSpace(line)) > 0 {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()

	var results []scenario
	begun, died, ended := "", "", -1
	for open := true; open; {
		select {
		case o := <-orders:
			o.done <- obey(s, o.what)
		case line, ok := <-lines:
			if open = ok; !ok {
				break
			}
			var told struct {
				scenario
				Begin string `json:"begin"`
				Died  string `json:"died"`
				End   *int   `json:"end"`
			}
			switch err := json.Unmarshal(line, &told); {
			case err != nil:
				t.Logf("%s", line) // what a script prints while somebody writes it
			case told.End != nil:
				ended = *told.End
			case told.Died != "":
				died = told.Died
			case told.Begin != "":
				begun = told.Begin
			default:
				results, begun = append(results, told.scenario), ""
			}
		}
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		died = fmt.Sprintf("not done after %s. %s", limit, died)
	case err == nil && died == "" && ended == len(results) && ended > 0:
		return results
	case ended == 0 && scenarios != "":
		t.Skipf("no scenario matches %q", scenarios) // one of another area may: see TestBrowser
	case ended == 0:
		died = "the script has no scenarios"
	}
	return append(results, scenario{
		Name:  cmp.Or(begun, filepath.Base(script)),
		Error: fmt.Sprintf("the script broke off (%v). %s\n%s", err, died, errs.String()),
	})
}

// browserOrder is what a script wants done with its server.
type browserOrder struct {
	what string
	done chan error
}

func obey(s *servertest.Process, what string) error {
	running := s.Exited != nil
	switch {
	case what == "restart" && running:
		s.Stop()
		s.Start()
	case what == "kill" && running:
		s.Kill()
		s.Start()
	case what == "stop" && running:
		s.Stop()
	case what == "start" && !running:
		s.Start()
	default:
		return fmt.Errorf("%s: not known, or not now", what)
	}
	return nil
}

// What scenarios must not get away with, in scripts that are there to fail.
func TestFaultsOfPagesAreFound(t *testing.T) {
	faults := filepath.Join(browserScripts, "faults")
	failed := func(list []scenario) (names []string) {
		for _, s := range list {
			if !s.OK {
				names = append(names, s.Name)
			}
		}
		return names
	}
	t.Setenv("DAVIT_TEST_SHOTS", t.TempDir())
	t.Run("scenarios", func(t *testing.T) {
		want := map[string]string{
			"a check fails":                            "as it should",
			"axe finds a button without a name":        "button-name (light)",
			"axe finds a small target":                 "target-size (light)",
			"axe finds text that is faint in the dark": "color-contrast (dark)",
			"a request to outside":                     "request to outside: GET http://127.0.0.1:9/x.png",
			"an error in the console":                  "console: so it goes",
			"a script that throws":                     "script: Error: thrown later",
			"a dialog":                                 "dialog: alert over here",
			"what the policy forbids":                  "Content Security Policy",
			"a text that becomes a script":             "requires 'TrustedScript'",
			"a page that is missing":                   "answer 404: GET ",
			"takes too long":                           "takes longer than 0.1 s",
			"an element that never comes":              "getByRole('button', { name: 'nowhere' })",
		}
		got := runInBrowser(t, filepath.Join(faults, "fail.mjs"), "")
		for _, s := range got {
			text, fails := want[s.Name]
			delete(want, s.Name)
			if s.OK == fails || !strings.Contains(s.Error, text) {
				t.Errorf("%s: ok %t, want an error with %q\n%s", s.Name, s.OK, text, s.Error)
			}
			if path := regexp.MustCompile(`: (/.*\.png)\n?`).FindStringSubmatch(s.Error); fails && path == nil {
				t.Errorf("%s: no picture in %s", s.Name, s.Error)
			} else if fails {
				if _, err := os.Stat(path[1]); err != nil {
					t.Error(err)
				}
			}
		}
		if len(want) > 0 {
			t.Errorf("missing: %v", want)
		}
	})
	for script, want := range map[string]struct {
		failed []string
		text   string
	}{
		"die":    {[]string{"the second"}, "broke off (<nil>)"},
		"throw":  {[]string{"throw.mjs"}, "between scenarios"},
		"forget": {[]string{"the first"}, "not awaited: locator.click"},
		"hang":   {[]string{"hang.mjs"}, "not done after"},
		"empty":  {[]string{"empty.mjs"}, "has no scenarios"},
	} {
		t.Run(script, func(t *testing.T) {
			limit := browserArea
			if script == "hang" {
				limit = 2 * time.Second
			}
			got := runScript(t, filepath.Join(faults, script+".mjs"), "", limit)
			if names := failed(got); !slices.Equal(names, want.failed) || !strings.Contains(got[len(got)-1].Error, want.text) {
				t.Errorf("got %+v, want %v failed with %q", got, want.failed, want.text)
			}
		})
	}
}
