package server

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

// contract is the OpenAPI document, as the tests hold the server to it.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	document, err := openapi()
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(document.json)
})

func TestOpenAPIIsValid(t *testing.T) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("version %s, want 3.1", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

// described are the routes that the document knows, as "GET /a/{}".
func described(doc *openapi3.T) map[string]*openapi3.Operation {
	all := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all[method+" "+parameter.ReplaceAllString(path, "{}")] = op
		}
	}
	return all
}

var (
	parameter     = regexp.MustCompile(`\{[^}]*\}|:[A-Za-z_]+|\*`)
	version       = regexp.MustCompile(`^/v[1-9](/folders(?:/|$))`)
	versionAnswer = regexp.MustCompile(`^/v[1-9]/?$`)
)

// canonical is the one of several spellings of a route that the document describes: the
// API of virtual folders is reached with and without version and slash, with _ and with -.
func canonical(method, route string, known map[string]*openapi3.Operation) (name string, op *openapi3.Operation) {
	path := parameter.ReplaceAllString(route, "{}")
	if versionAnswer.MatchString(path) {
		path = "/v{}"
	}
	if version.MatchString(path) {
		path = path[3:]
	}
	for _, p := range []string{path, strings.TrimSuffix(path, "/")} {
		for _, p := range []string{p, strings.ReplaceAll(p, "_", "-"), strings.ReplaceAll(strings.ReplaceAll(p, "_", "-"), "/-/", "/_/")} {
			if op := known[method+" "+p]; op != nil {
				return method + " " + p, op
			}
		}
	}
	return method + " " + path, nil
}

// Every route of the server is described, and nothing else is.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	known := described(doc)
	left := maps.Clone(known)
	h := newHouse(t)
	for _, r := range h.server.api.(*echo.Echo).Routes() {
		if r.Method == echo.RouteNotFound || r.Path == "/" || r.Path == "/assets/*" { // the page is no API
			continue
		}
		name, op := canonical(r.Method, r.Path, known)
		if op == nil {
			t.Errorf("%s %s is not described in server/openapi", r.Method, r.Path)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("%s is described, and there is no such route", name)
	}
}

// seen are the routes that this run of the tests has called, with the statuses that they answered.
var seen = struct {
	sync.Mutex
	routes map[string]map[int]string // status → the first test that saw it
}{routes: map[string]map[int]string{}}

// hold checks every answer of the API against the document, as long as the test runs.
func hold(t testing.TB, e *echo.Echo) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	known := described(doc)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			rec := &recorder{ResponseWriter: c.Response().Writer}
			c.Response().Writer = rec
			if err := next(c); err != nil {
				c.Error(err)
			}
			c.Response().Writer = rec.ResponseWriter
			name, op := canonical(c.Request().Method, c.Path(), known)
			if op == nil || c.Path() == "" {
				return nil // there is no such route: the next test says so if there should be
			}
			seen.Lock()
			if seen.routes[name] == nil {
				seen.routes[name] = map[int]string{}
			}
			if seen.routes[name][rec.status] == "" {
				seen.routes[name][rec.status] = t.Name()
			}
			seen.Unlock()
			if err := fits(op, c.Request().Method, rec); err != nil {
				t.Errorf("%s answered %d against its description: %v\n%s", name, rec.status, err, excerpt(rec.body.Bytes()))
			}
			return nil
		}
	})
}

// fits says how an answer differs from what its operation promises.
func fits(op *openapi3.Operation, method string, rec *recorder) error {
	answer := op.Responses.Value(strconv.Itoa(rec.status))
	if answer == nil {
		answer = op.Responses.Default()
	}
	if answer == nil {
		return fmt.Errorf("the status is not described")
	}
	content := answer.Value.Content
	if method == http.MethodHead || rec.long {
		return nil
	}
	if rec.body.Len() == 0 {
		if len(content) > 0 && content["application/x-ndjson"] == nil && rec.status != http.StatusNoContent {
			return fmt.Errorf("no body, where one is described")
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", rec.Header().Get("Content-Type"), err)
	}
	media := content[kind]
	if media == nil {
		media = content["*/*"]
	}
	if media == nil {
		return fmt.Errorf("the media type %s is not described", kind)
	}
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") || media.Schema == nil {
		return nil
	}
	var body any
	dec := json.NewDecoder(bytes.NewReader(rec.body.Bytes()))
	if err := dec.Decode(&body); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return media.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}

// recorder keeps a copy of what is answered, unless it is long.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	long   bool
}

func (r *recorder) WriteHeader(status int) {
	if status >= 200 && r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.long = r.long || r.body.Len()+len(b) > 8<<20; !r.long {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// SetLog is the log's (see response).
func (r *recorder) SetLog(user, path, destination string) {
	if l, ok := r.ResponseWriter.(logged); ok {
		l.SetLog(user, path, destination)
	}
}

func excerpt(b []byte) string {
	if len(b) > 2000 {
		return string(b[:2000]) + "…"
	}
	return string(b)
}

// EveryRouteTested fails a whole run of the tests that has not seen every route succeed, and writes
// which test saw which into the file of DAVIT_TEST_ROUTES.
func EveryRouteTested(code int) int {
	doc, err := contract()
	if err != nil || code != 0 {
		return max(code, 1)
	}
	var report strings.Builder
	var missing []string
	known := described(doc)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		statuses := seen.routes[name]
		good := slices.ContainsFunc(slices.Collect(maps.Keys(statuses)), func(s int) bool { return s < 300 })
		if !good {
			missing = append(missing, name)
		}
		fmt.Fprintf(&report, "%s:", name)
		for _, s := range slices.Sorted(maps.Keys(statuses)) {
			fmt.Fprintf(&report, " %d %s", s, statuses[s])
		}
		report.WriteByte('\n')
	}
	if file := os.Getenv("DAVIT_TEST_ROUTES"); file != "" {
		if err := os.WriteFile(file, []byte(report.String()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && flag.Lookup("test.list").Value.String() == ""
	if whole && len(missing) > 0 && !testing.Short() {
		fmt.Fprintf(os.Stderr, "no test has seen these routes succeed:\n%s\n", strings.Join(missing, "\n"))
		return 1
	}
	return code
}

// The page for people shows every route, and its policy allows its style sheet.
func TestOpenAPIPage(t *testing.T) {
	h := newHouse(t)
	for path, want := range map[string]string{"/openapi": "/api/davit/uploads/{id}", "/openapi.json": `"openapi": "3.1.0"`} {
		res, err := http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.ReadFrom(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %d without %s", path, res.StatusCode, want)
		}
	}
}
