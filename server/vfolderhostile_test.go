package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"davit/davfs"

	"github.com/labstack/echo/v4"
)

// FuzzVParams: whatever comes, parameters are read or refused in words; what is taken as a path is one.
func FuzzVParams(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"path":"a/b"}`, `{"path":["a","../b"]}`, `{"path":5,"size":"10G"}`, `{"files":"[\"a\"]","recursive":"True"}`,
		`{"id":"0b6ee9b5-c2d4-4a6f-b0a4-f3a5c1f1d7e2","perm":null}`, `{"name":"a","name":"b"}`, `[1]`, `{"path":"\ud800"}`} {
		f.Add(body, "path=x&size=1&files=a&files=b")
	}
	f.Fuzz(func(t *testing.T, body, query string) {
		r := httptest.NewRequest(http.MethodPost, "/folders", strings.NewReader(body))
		r.URL = &url.URL{Path: "/folders", RawQuery: query}
		in, err := readVParams(echo.New().NewContext(r, httptest.NewRecorder()))
		if err != nil {
			if wrong := (*paramError)(nil); !errors.As(err, &wrong) && err != errTooLarge {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		name, names := in.path("path", "file"), in.members(100, "files")
		flag, _ := in.flag("recursive")
		size, _ := in.size("size")
		in.rights("perm")
		in.id("id")
		title := in.vfolderName("name")
		if in.bad() != nil {
			if msg := in.bad().Error(); !utf8.ValidString(msg) || strings.ContainsAny(msg, "\n\x00") {
				t.Errorf("the refusal %q has raw text in it", msg)
			}
			return
		}
		for _, n := range append(names, name) {
			if n != "" && !davfs.LegalName(n) {
				t.Errorf("%q passed as a path", n)
			}
		}
		if size < 0 || checkVFolderName(title) != "" {
			t.Errorf("passed: %d %q %v", size, title, flag)
		}
	})
}

// Hostile bodies at every call get a 4xx problem, never a 500.
func TestVFoldersHostileInput(t *testing.T) {
	h := newHouse(t)
	ann := h.caller("ann")
	ann.create("d")
	ann.put("d", "f", "x")
	bodies := []string{`null`, `5`, `[]`, `"x"`, `{"a":`, strings.Repeat(`{"a":`, 20_000), strings.Repeat("[", 100_000), `{"id":{}}`, `{"id":"` + strings.Repeat("f", 10_000) + `"}`,
		`{"path":1e999,"size":1e999,"name":[],"new_name":{},"files":{"a":1},"emails":7,"inv_id":true,"target_name":null,"src":[],"dst":{},"target_path":9,"perm":5,"user_perm":"x","vfolder":[],"user":{},"input":[],"group":[],"host":3}`,
		"{\"path\":\"\xff\xfe\",\"name\":\"\xff\"}", `{"path":"\u0000","name":"\u0000","target_name":"\u202e","new_name":"\u0007","emails":["\u0000"],"files":["\u0000"],"src":"\u0000","dst":"a","target_path":"\u0000","id":"\u0000","inv_id":"\u0000"}`,
		`{"path":"a","path":"b"}`, `{"group":"\u0000","name":"ok","host":"\u0000"}`}
	queries := []string{"", "?path=%ff", "?path=%", "?path=../../etc&file=..%2f..&id=..&name=%00", "?files=[1,2]&size=-5&token=%ff"}
	for _, r := range vroutes {
		for _, name := range []string{"d", "%00", "..", "%2e%2e%2f", "a%2fb", strings.Repeat("x", 5000), "%ff"} {
			target := strings.NewReplacer(":name", name, ":id", name).Replace(foldersRoot + r.path)
			for i, body := range bodies {
				if name != "d" && i > 1 {
					break
				}
				for _, q := range queries {
					a := ann.send(r.method, target+q, body)
					if a.status >= 500 || a.status < 200 {
						t.Errorf("%s %s %.60q: %d %.200s", r.method, target+q, body, a.status, a.body)
					}
					if a.status >= 400 && a.status != 422 && r.method != "HEAD" && a.status != 416 {
						isProblem(t, a)
					}
				}
			}
		}
		if ann.call("GET", "/folders/d", "").status == 404 { // the route deletes
			ann.call("POST", "/v2/folder/create", `{"name":"d"}`)
		}
	}
}
