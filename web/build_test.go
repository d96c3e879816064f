package web

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// free are licences that let us give a package away with ours.
var free = []string{"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"}

// node runs a command of Node's in dir, with its output in one text.
func node(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: sh testdata/setup.sh", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What "make web" makes of the sources and the lock file is what is committed; all texts are where texts belong, and are said; and
// everything that others wrote is named, with a licence that lets us give it away.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "build.mjs", "texts.mjs", "tsconfig.json"} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"src", "testdata"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := node(t, dir, "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}

	t.Run("dist", func(t *testing.T) {
		if out, err := node(t, dir, "node", "build.mjs"); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		made, committed := filesIn(t, filepath.Join(dir, "dist")), filesIn(t, "dist")
		for name, body := range made {
			if !bytes.Equal(committed[name], body) {
				t.Errorf("dist/%s is not what the sources make: run make web", name)
			}
			delete(committed, name)
		}
		for name := range committed {
			t.Errorf("dist/%s is of other sources: run make web", name)
		}
	})

	t.Run("types and texts", func(t *testing.T) {
		if out, err := node(t, dir, "npm", "run", "--silent", "check"); err != nil {
			t.Errorf("npm run check: %v\n%s", err, out)
		}
		out, err := node(t, dir, "node", "texts.mjs", "testdata/texts")
		if want := `src/a.tsx:3: "Close"
src/a.tsx:3: "Open it"
src/a.tsx:4: "Hello"
src/a.tsx:5: "there"
src/a.tsx:6: "yes"
src/a.tsx:6: "no …"
src/a.tsx:11: "Delete"
src/a.tsx:12: "Something went wrong here"
src/texts/en: common.shut is never said
src/texts/en: a.c is never said
src/texts/en: list.two.three is never said
`; err == nil || out != want {
			t.Errorf("in texts that are misplaced or left over: %v\n%s\nwant\n%s", err, out, want)
		}
	})

	t.Run("licences", func(t *testing.T) {
		// By the build tool's own account of what went in.
		out, err := node(t, dir, "node", "--input-type=module", "-e", `
			import { build } from "esbuild";
			const { metafile } = await build({ entryPoints: ["src/main.tsx", "src/styles/main.css"], bundle: true, splitting: true, format: "esm", target: "es2023",
				minify: true, jsx: "automatic", jsxImportSource: "preact", outdir: "out", write: false, metafile: true, loader: { ".svg": "file", ".woff2": "file" } });
			console.log(JSON.stringify(Object.keys(metafile.inputs)));`)
		var inputs []string
		if err == nil {
			err = json.Unmarshal([]byte(out), &inputs)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		packages := map[string]bool{}
		for _, input := range inputs {
			if m := regexp.MustCompile(`^(.*node_modules/(?:@[^/]+/)?[^/]+)/`).FindStringSubmatch(input); m != nil {
				packages[m[1]] = true
			}
		}
		if len(packages) < 3 || !packages["node_modules/preact"] {
			t.Fatalf("the page is made of %v", packages)
		}
		notice, err := os.ReadFile("dist/assets/licences.txt")
		if err != nil {
			t.Fatal(err)
		}
		for at := range packages {
			var about struct{ Name, Version, License string }
			text, err := os.ReadFile(filepath.Join(dir, at, "package.json"))
			if err == nil {
				err = json.Unmarshal(text, &about)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(notice), "\n"+about.Name+" "+about.Version+" ("+about.License+")\n") {
				t.Errorf("%s %s is not named in licences.txt", about.Name, about.Version)
			}
			choice := strings.Split(strings.Trim(about.License, "()"), " OR ")
			if !slices.ContainsFunc(choice, func(l string) bool { return slices.Contains(free, l) }) {
				t.Errorf("%s %s: the licence %q is not one of those that are known to let us give it away", about.Name, about.Version, about.License)
			}
		}
		if strings.Contains(string(notice), "has no file with the text of its licence") {
			t.Error("licences.txt lacks the text of a licence")
		}
	})
}

// filesIn are the files below dir.
func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
