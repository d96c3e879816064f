package server

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestRequirementsAreTested holds the list of requirements against the names of the tests: no number without
// a test that carries it.
func TestRequirementsAreTested(t *testing.T) {
	tested := testedNumbers(t, "..")
	known := map[string]bool{}
	list, err := os.Open("../testdata/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	for s := bufio.NewScanner(list); s.Scan(); {
		line, excuse, excused := strings.Cut(s.Text(), " -- ")
		if strings.HasPrefix(line, "#") {
			continue
		}
		number, title, ok := strings.Cut(line, " ")
		group, n, dashed := strings.Cut(number, "-")
		_, err := strconv.Atoi(n)
		name := group + n
		switch {
		case !ok || title == "" || !dashed || err != nil || excused && excuse == "":
			t.Errorf("not a number and a title: %q", s.Text())
		case known[name]:
			t.Errorf("%s is in the list twice", number)
		case len(tested[name]) == 0 && !excused:
			t.Errorf("%s (%s) has no test with Test%s in its name", number, title, name)
		case len(tested[name]) > 0 && excused:
			t.Errorf("%s is excused (%s), but %s carries it", number, excuse, tested[name][0])
		}
		known[name] = true
	}
	for name, tests := range tested {
		if !known[name] {
			t.Errorf("%s carries %s, which is not in the list", tests[0], name)
		}
	}
}

// numbered is a name that begins with the numbers of requirements.
var numbered = regexp.MustCompile(`^(?:(?:ARC|URL|MET|STA|GET|PUT|PAR|CM|PRO|LCK|DFS|CLI|REP|ACL|QUO|SEC|PER|CI)[0-9]+(?:_|$))+`)

// testedNumbers reads the names of tests, benchmarks and fuzz targets, and the texts that may name a
// sub-test, for the numbers in them.
func testedNumbers(t *testing.T, root string) map[string][]string {
	t.Helper()
	tested := map[string][]string{}
	note := func(name, rest string) {
		for number := range strings.SplitSeq(strings.TrimSuffix(numbered.FindString(rest), "_"), "_") {
			if number != "" {
				tested[number] = append(tested[number], name)
			}
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				for _, kind := range []string{"Test", "Benchmark", "Fuzz"} {
					if rest, ok := strings.CutPrefix(n.Name.Name, kind); ok && n.Recv == nil {
						if i := strings.IndexByte(rest, '_'); i > 0 && regexp.MustCompile(`^[TD][0-9]+$`).MatchString(rest[:i]) {
							rest = rest[i+1:] // tests of the API, and of decisions, have numbers of their own
						}
						note(n.Name.Name, rest)
					}
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING && path != filepath.Join(root, "server", "requirements_test.go") {
					if s, err := strconv.Unquote(n.Value); err == nil && strings.Contains(s, "_") {
						note(fmt.Sprintf("%s: %q", path, s), s)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tested
}

// SEC-11: what parses a client's text is fuzzed. "make fuzz" finds the targets by their names.
func TestSEC11_FuzzTargets(t *testing.T) {
	files, err := filepath.Glob("../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	for _, target := range []string{
		"FuzzIf", "FuzzTimeout", "FuzzDepth", "FuzzDestination", "FuzzRange", "FuzzUpdateRange", "FuzzContentRange", "FuzzBasic", "FuzzAuthorization",
		"FuzzPropfind", "FuzzProppatch", "FuzzLockinfo", "FuzzReport", "FuzzParsePath",
	} {
		if !found[target] {
			t.Errorf("no %s", target)
		}
	}
}

// ARC-1: of the stock WebDAV package the program uses a type of its vocabulary and none of its code.
func TestARC1_NotTheStockHandler(t *testing.T) {
	const stock = "golang.org/x/net/webdav"
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, filepath.Join("..", "testdata")) {
			return err // the benchmark measures beside it
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		name := ""
		for _, spec := range file.Imports {
			if strings.Trim(spec.Path.Value, `"`) == stock {
				if name = "webdav"; spec.Name != nil {
					name = spec.Name.Name
				}
			}
		}
		if name == "" {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && x.Obj == nil && sel.Sel.Name != "Condition" {
					t.Errorf("%s uses %s.%s", path, stock, sel.Sel.Name)
				}
			}
			return true
		})
		if name == "." || name == "_" {
			t.Errorf("%s imports %s as %s", path, stock, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
