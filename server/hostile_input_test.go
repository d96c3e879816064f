package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"davit/store"

	"github.com/getkin/kin-openapi/openapi3"
)

// hostileValues are what a field may hold that was meant for something else, as JSON.
var hostileValues = []string{
	`null`, `true`, `-1`, `0.5`, `1e400`, `99999999999999999999999`, `""`, `" "`, `[]`, `{}`, `[null]`, `[{}]`, `{"":null}`,
	`"\u0000"`, `"\ud800"`, `"a\nb"`, `"\u202egnp.exe"`, `"' OR 1=1; DROP TABLE folders; --"`, `"../../../../etc/passwd"`, `"..%2f..%2fetc"`,
	`"/etc/passwd"`, `"a\\..\\b"`, `"%"`, `"_"`, `"create"`, `"-1"`, `"NaN"`, `"` + strings.Repeat("x", 1<<20-4096) + `"`,
	strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
	"[" + strings.Repeat(`{"id":"x"},`, 9999) + `{"id":"x"}]`, "[" + strings.Repeat(`"x",`, 9999) + `"x"]`,
}

// notJSON are bodies that no route can take.
var notJSON = []string{`{`, `{"a":}`, `[1,2`, `"x"`, `17`, `[]`, `{} {}`, "{\"a\":\"\xff\xfe\"", strings.Repeat(`{"a":`, 20000), strings.Repeat("[", 200000)}

// Whatever a client sends, the answer is never the server's fault, fits its description, and a refusal of a
// body names the field. Every route and every field that the OpenAPI document knows is tried.
func TestHostileInput(t *testing.T) {
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *Config) { c.RateLimit = 0 })
	root := h.administrator()
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		for method, op := range doc.Paths.Value(path).Operations() {
			t.Run(method+" "+path, func(t *testing.T) {
				hostile := attack{t: t, c: root, method: method, path: path, op: op, item: doc.Paths.Value(path)}
				hostile.run()
			})
		}
	}
	h.stop()
	for line := range strings.SplitSeq(h.log.String(), "\n") {
		if strings.Contains(line, `"msg":"panic"`) || strings.Contains(line, `"msg":"request failed"`) {
			t.Errorf("log: %s", excerpt([]byte(line)))
		}
	}
}

var wordsOf = regexp.MustCompile(`[A-Z]?[a-z]+`)

// attack is one route under attack.
type attack struct {
	t      *testing.T
	c      *caller
	method string
	path   string
	op     *openapi3.Operation
	item   *openapi3.PathItem

	folder string
	names  int
	weak   bool // the body is refused as it is, with 400
}

func (a *attack) run() {
	folder, err := a.c.files.CreateFolder(a.t.Context(), store.NewFolder{Folder: store.Folder{
		OwnerID: a.c.user.ID, Title: fmt.Sprintf("target-%d", time.Now().UnixNano()), MaxBytes: store.Default, MaxFiles: store.Default,
	}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.folder = folder.ID
	params := append(slices.Clone(a.item.Parameters), a.op.Parameters...)
	good := a.target(params, "", "")
	for _, p := range params {
		for _, text := range []string{"", "%00", "..", "%2e%2e%2f%2e%2e%2fetc", "-1", "99999999999999999999", "null", "%F0%9F%92%A9", "%FF", "' OR 1=1--", "a%0d%0ab", strings.Repeat("9", 4000)} {
			text = strings.ReplaceAll(text, " ", "%20")
			if p.Value.In == "header" {
				continue // net/http refuses most of these before the server sees them
			}
			a.send(a.target(params, p.Value.Name, text), "", false)
		}
	}
	body := a.op.RequestBody
	if body == nil || body.Value.Content["application/json"] == nil {
		return
	}
	schema := body.Value.Content["application/json"].Schema.Value
	for _, text := range notJSON {
		a.send(good, text, true)
	}
	whole, _ := a.sample(schema, 0).(map[string]any)
	if example, ok := body.Value.Content["application/json"].Example.(map[string]any); ok {
		for k, v := range example {
			if _, there := whole[k]; !there {
				whole[k] = v
			}
		}
	}
	a.weak = a.send(good, marshal(a.t, whole), false).status == http.StatusBadRequest
	a.fields(good, whole, whole, nil)
}

// fields tries every hostile value in every field of part, which is at path in whole.
func (a *attack) fields(target string, whole, part map[string]any, path []string) {
	for _, name := range slices.Sorted(maps.Keys(part)) {
		old := part[name]
		names := append(slices.Clone(path), name)
		if members, ok := old.(map[string]any); ok { // which are missing then
			names = slices.AppendSeq(names, maps.Keys(members))
		}
		for _, value := range hostileValues {
			part[name] = json.RawMessage(value)
			a.send(target, marshal(a.t, whole), false, names...)
		}
		part[name] = old
		twice := strings.TrimSuffix(marshal(a.t, part), "}") + "," + marshal(a.t, name) + ":" + marshal(a.t, old) + "}"
		if len(path) == 0 {
			a.send(target, twice, true, name)
		}
		switch old := old.(type) {
		case map[string]any:
			a.fields(target, whole, old, append(slices.Clone(path), name))
		case []any:
			if len(old) > 0 {
				if first, ok := old[0].(map[string]any); ok {
					a.fields(target, whole, first, append(slices.Clone(path), name))
				}
			}
		}
	}
}

func marshal(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// target is the URL with a parameter of the given name set to text, escaped already.
func (a *attack) target(params openapi3.Parameters, name, text string) string {
	target, query := a.path, url.Values{}
	raw := ""
	for _, p := range params {
		value := url.PathEscape(fmt.Sprint(a.value(p.Value.Name, p.Value.Schema)))
		if p.Value.Name == name {
			value = text
		}
		switch p.Value.In {
		case "path":
			target = strings.ReplaceAll(target, "{"+p.Value.Name+"}", value)
		case "query":
			switch {
			case p.Value.Name == name:
				raw = url.QueryEscape(name) + "=" + text
			case p.Value.Required, slices.Contains([]string{"path", "file", "files", "id", "folder"}, p.Value.Name):
				query.Set(p.Value.Name, fmt.Sprint(a.value(p.Value.Name, p.Value.Schema)))
			}
		}
	}
	if q := query.Encode(); q != "" || raw != "" {
		target += "?" + strings.Trim(q+"&"+raw, "&")
	}
	return target
}

// value is something that a field of this name and schema may hold.
func (a *attack) value(name string, schema *openapi3.SchemaRef) any {
	if schema == nil {
		return "x"
	}
	return a.named(name, schema.Value, 0)
}

func (a *attack) named(name string, s *openapi3.Schema, depth int) any {
	files := strings.HasPrefix(a.path, "/api/files") && !strings.HasPrefix(a.path, "/api/files/collections") || strings.HasSuffix(a.path, "/archive")
	at := a.folder // of the folder, or of a file in it
	if files {
		at = "/" + a.folder
	}
	one := s.Type == nil || s.Type.Includes("string")
	switch name {
	case "id", "folder", "folderId", "vfolder", "vfolder_id", "vfolder_name", "oldId", "newId":
		if strings.Contains(a.path, "/uploads/") || strings.HasPrefix(a.path, "/api/davit/projects") || strings.HasPrefix(a.path, "/api/davit/users") ||
			strings.HasPrefix(a.path, "/api/davit/groups") || strings.HasPrefix(a.path, "/api/tokens") || strings.HasPrefix(a.path, "/api/davit/mounts/") {
			break
		}
		if files && (name == "oldId" || name == "newId" || a.method != http.MethodGet && !strings.HasSuffix(a.path, "/emptyTrash")) {
			at += "/x"
		}
		if name == "newId" || strings.HasSuffix(a.path, "/folder") || strings.HasSuffix(a.path, "/upload") {
			at += "y"
		}
		if one {
			return at
		}
	case "name", "title", "new_name", "newTitle", "target_name":
		if strings.HasPrefix(a.path, "/folders/{name}") && name == "name" {
			return a.folder
		}
		a.names++
		return fmt.Sprintf("fresh%d-%d", time.Now().UnixNano(), a.names)
	case "path", "file", "target_path", "src", "dst":
		if !one {
			break
		}
		switch {
		case files:
			return at
		case name == "dst" || strings.HasSuffix(a.path, "/mkdir") || strings.Contains(a.path, "upload"):
			return "y"
		case strings.HasSuffix(a.path, "/files"):
			return ""
		}
		return "x"
	case "ids":
		return []any{at + "/x"}
	case "files":
		return []any{"x"}
	case "product":
		return map[string]any{"id": "standard", "category": "standard", "provider": "davit"}
	case "host", "folder_host", "target_host":
		return "local"
	case "username", "user":
		if one {
			return "rita"
		}
	case "pi":
		return "root"
	case "supportedProtocols":
		return []any{protocolChunked}
	case "currentFolder":
		return "/" + a.folder
	case "permissions":
		return []any{"READ"}
	case "major":
		return 2
	}
	return a.sample(s, depth)
}

// sample makes a value of a schema.
func (a *attack) sample(s *openapi3.Schema, depth int) any {
	if depth > 6 {
		return nil
	}
	all := map[string]any{}
	for _, part := range s.AllOf {
		if m, ok := a.sample(part.Value, depth+1).(map[string]any); ok {
			maps.Copy(all, m)
		}
	}
	for _, list := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(list) > 0 {
			v := a.sample(list[0].Value, depth+1)
			if m, ok := v.(map[string]any); ok {
				maps.Copy(all, m)
			} else if len(s.Properties) == 0 {
				return v
			}
		}
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	switch {
	case len(s.Properties) > 0 || len(all) > 0:
		for name, p := range s.Properties {
			all[name] = a.named(name, p.Value, depth+1)
		}
		return all
	case s.Type == nil:
		return "x"
	case s.Type.Includes("array"):
		if s.Items == nil {
			return []any{}
		}
		return []any{a.sample(s.Items.Value, depth+1)}
	case s.Type.Includes("object"):
		return map[string]any{}
	case s.Type.Includes("integer"), s.Type.Includes("number"):
		return 1
	case s.Type.Includes("boolean"):
		return false
	}
	return "x"
}

// send sends a request. wrong: it must be refused. fields: a field and those that it is in, of which a refusal
// with 400 names one.
func (a *attack) send(target, body string, wrong bool, fields ...string) answer {
	u, err := url.ParseRequestURI(a.c.url + target)
	if err != nil {
		return answer{} // no client can send it
	}
	r := (&http.Request{Method: a.method, URL: u, Header: http.Header{}, Host: u.Host}).WithContext(a.t.Context())
	if body != "" {
		text := a.c.request(a.method, "/", body)
		r.Body, r.ContentLength = text.Body, text.ContentLength
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Tus-Resumable", tusVersion)
	r.SetBasicAuth(a.c.user.Name, a.c.token)
	got := a.c.do(r)
	if got.status == http.StatusUnauthorized && !strings.HasPrefix(a.path, "/auth") {
		a.c.token = a.c.newToken("", false) // the attack has ended its own credentials
		return got
	}
	named := func(field string) bool { // also by its last word, and file for path, which is an older name of the same
		words := wordsOf.FindAllString(field, -1)
		return strings.Contains(got.body, field) || len(words) > 0 && strings.Contains(got.body, strings.ToLower(words[len(words)-1])) ||
			field == "path" && strings.Contains(got.body, "file")
	}
	switch {
	case got.status == http.StatusInternalServerError || got.status == http.StatusGatewayTimeout:
		a.t.Errorf("%s %s %s: %d %s", a.method, excerpt([]byte(target)), excerpt([]byte(body)), got.status, excerpt([]byte(got.body)))
	case wrong && got.status < 400:
		a.t.Errorf("%s %s %s: %d, want a refusal", a.method, target, excerpt([]byte(body)), got.status)
	case got.status == 400 && len(fields) > 0 && !a.weak && !slices.ContainsFunc(fields, named):
		a.t.Errorf("%s %s with %s: the refusal names none of %v: %s", a.method, target, excerpt([]byte(body)), fields, excerpt([]byte(got.body)))
	}
	return got
}
