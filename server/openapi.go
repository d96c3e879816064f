package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"go.yaml.in/yaml/v3"
)

// The description of all routes: one OpenAPI 3.1 document, kept as a file an area.

//go:embed openapi
var openapiFiles embed.FS

// openapi is the document, as JSON and as a page; made when somebody asks first.
var openapi = sync.OnceValues(func() (document struct{ json, page []byte }, err error) {
	doc, err := openapiDocument()
	if err != nil {
		return document, err
	}
	if document.json, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return document, err
	}
	document.page, err = openapiPage(doc)
	return document, err
})

// openapiDocument puts the files together: base.yaml, and what the others add to its
// paths, components and tags. Nothing may be described twice.
func openapiDocument() (map[string]any, error) {
	entries, err := openapiFiles.ReadDir("openapi")
	if err != nil {
		return nil, err
	}
	doc := map[string]any{}
	files := []string{"base.yaml"}
	for _, e := range entries {
		if name := e.Name(); name != files[0] && strings.HasSuffix(name, ".yaml") {
			files = append(files, name)
		}
	}
	for _, name := range files {
		text, err := openapiFiles.ReadFile("openapi/" + name)
		if err != nil {
			return nil, err
		}
		var part any
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fields, ok := textKeys(part).(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: not a mapping", name)
		}
		if err := mergeInto(doc, fields, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return doc, nil
}

// textKeys makes all keys of a YAML value texts, as JSON has them: 200 is "200".
func textKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = textKeys(e)
		}
		return v
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[fmt.Sprint(k)] = textKeys(e)
		}
		return m
	case []any:
		for i, e := range v {
			v[i] = textKeys(e)
		}
	}
	return v
}

// mergeInto adds the fields of part to doc: mappings are merged, lists appended, anything else must be new.
func mergeInto(doc, part map[string]any, at string) error {
	for k, v := range part {
		old, there := doc[k]
		if !there {
			doc[k] = v
			continue
		}
		switch old := old.(type) {
		case map[string]any:
			if v, ok := v.(map[string]any); ok {
				if err := mergeInto(old, v, at+"/"+k); err != nil {
					return err
				}
				continue
			}
		case []any:
			if v, ok := v.([]any); ok {
				doc[k] = append(old, v...)
				continue
			}
		}
		return fmt.Errorf("%s/%s is there already", at, k)
	}
	return nil
}

// showOpenAPI gives the document to programs.
func (s *Server) showOpenAPI(c echo.Context) error {
	document, err := openapi()
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, document.json)
}

// openapiStyle is the page's style sheet, which its policy names by hash.
const openapiStyle = `
:root { color-scheme: light dark; --line: #8886; --soft: #8881; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1rem }
nav ul { columns: 22rem; padding-left: 1rem } nav a { text-decoration: none }
section > details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .3rem .8rem }
section > details { overflow-x: auto } caption { text-align: left; font-weight: bold; padding-top: .5rem }
summary { cursor: pointer } code, pre { font: .92em ui-monospace, monospace; overflow-wrap: anywhere } td code { overflow-wrap: break-word }
.method { display: inline-block; min-width: 4.5rem; font-weight: bold }
pre { background: var(--soft); padding: .5rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 } th, td { border-bottom: 1px solid var(--line); padding: .2rem .5rem; text-align: left; vertical-align: top }
.status { width: 4.5rem }
`

// showOpenAPIPage gives the document to people.
func (s *Server) showOpenAPIPage(c echo.Context) error {
	document, err := openapi()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(openapiStyle))
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	h.Set("X-Content-Type-Options", "nosniff")
	return c.HTMLBlob(http.StatusOK, document.page)
}

// What the page shows, in its order.
type (
	apiPage struct {
		Title, Description string
		Style              template.CSS
		Tags               []apiTag
	}
	apiTag struct {
		Name, Description string
		Operations        []apiOperation
	}
	apiOperation struct {
		ID, Method, Path, Summary, Description string
		Public                                 bool
		Parameters, Body                       []apiField
		Example                                string
		Answers                                []apiAnswer
	}
	apiAnswer struct {
		Status, Description string
		Fields              []apiField
	}
	apiField struct {
		Name, In, Type, Description string
		Required                    bool
	}
)

var openapiTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{"prose": prose, "paragraphs": paragraphs, "slug": slug, "dotted": dotted}).
	ParseFS(openapiFiles, "openapi/page.html"))

// slug is a name as an ID of HTML, which has no spaces.
func slug(name string) string { return strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-") }

// dotted is the name of a field, which a narrow window breaks behind its dots.
func dotted(name string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(name), ".", ".<wbr>"))
}

// prose is a text of the document as HTML: what stands between backticks is code.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(template.HTMLEscapeString(text), "`") {
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// paragraphs is prose with an empty line between paragraphs; where other lines end says nothing.
func paragraphs(text string) template.HTML {
	var b strings.Builder
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if p != "" {
			b.WriteString("<p>" + string(prose(p)) + "</p>\n")
		}
	}
	return template.HTML(b.String())
}

func openapiPage(doc map[string]any) ([]byte, error) {
	spec := apiSpec(doc)
	info := spec.child("info")
	page := apiPage{Title: info.text("title"), Description: info.text("description"), Style: openapiStyle}
	for _, t := range spec.list("tags") {
		page.Tags = append(page.Tags, apiTag{Name: t.text("name"), Description: t.text("description")})
	}
	paths := spec.child("paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths.child(path)
		for _, method := range []string{"get", "head", "post", "put", "patch", "delete", "options"} {
			op := item.child(method)
			if op == nil {
				continue
			}
			i := slices.IndexFunc(page.Tags, func(t apiTag) bool {
				tags, _ := op["tags"].([]any)
				return len(tags) > 0 && t.Name == tags[0]
			})
			if i < 0 {
				return nil, fmt.Errorf("%s %s has no tag of the document", method, path)
			}
			page.Tags[i].Operations = append(page.Tags[i].Operations, spec.operation(path, method, item, op))
		}
	}
	var b bytes.Buffer
	err := openapiTemplate.Execute(&b, page)
	return b.Bytes(), err
}

// apiSpec is an object of the document.
type apiSpec map[string]any

func (s apiSpec) child(name string) apiSpec {
	m, _ := s[name].(map[string]any)
	return m
}

func (s apiSpec) list(name string) []apiSpec {
	var all []apiSpec
	elements, _ := s[name].([]any)
	for _, e := range elements {
		m, _ := e.(map[string]any)
		all = append(all, m)
	}
	return all
}

func (s apiSpec) text(name string) string {
	t, _ := s[name].(string)
	return t
}

// resolve follows a $ref inside the document s.
func (s apiSpec) resolve(m apiSpec) apiSpec {
	for range 8 {
		ref, ok := strings.CutPrefix(m.text("$ref"), "#/")
		if !ok {
			return m
		}
		m = s
		for part := range strings.SplitSeq(ref, "/") {
			m = m.child(part)
		}
	}
	return m
}

func (s apiSpec) operation(path, method string, item, op apiSpec) apiOperation {
	security, stated := op["security"].([]any)
	o := apiOperation{
		ID: op.text("operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: op.text("summary"), Description: op.text("description"), Public: stated && len(security) == 0,
	}
	for _, p := range append(item.list("parameters"), op.list("parameters")...) {
		p = s.resolve(p)
		required, _ := p["required"].(bool)
		o.Parameters = append(o.Parameters, apiField{
			Name: p.text("name"), In: p.text("in"), Type: s.typeName(p.child("schema")),
			Description: p.text("description"), Required: required,
		})
	}
	body := s.resolve(op.child("requestBody")).child("content")
	for _, kind := range slices.Sorted(maps.Keys(body)) {
		media := body.child(kind)
		o.Body = append(o.Body, s.fields(media.child("schema"), "", 0)...)
		if example, ok := media["example"]; ok {
			if text, err := json.MarshalIndent(example, "", "  "); err == nil {
				o.Example = string(text)
			}
		}
	}
	answers := op.child("responses")
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		a := s.resolve(answers.child(status))
		answer := apiAnswer{Status: status, Description: a.text("description")}
		content := a.child("content")
		for _, kind := range slices.Sorted(maps.Keys(content)) {
			if status < "300" {
				answer.Fields = append(answer.Fields, s.fields(content.child(kind).child("schema"), "", 0)...)
			}
		}
		o.Answers = append(o.Answers, answer)
	}
	return o
}

// fields lists the members of a schema, those of nested objects by path, to some depth.
func (s apiSpec) fields(schema apiSpec, prefix string, depth int) (all []apiField) {
	schema = s.resolve(schema)
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range schema.list(word) {
			all = append(all, s.fields(part, prefix, depth)...)
		}
	}
	if items := schema.child("items"); items != nil {
		return append(all, s.fields(items, prefix+"[].", depth)...)
	}
	required, _ := schema["required"].([]any)
	members := schema.child("properties")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		member := s.resolve(members.child(name))
		all = append(all, apiField{
			Name: prefix + name, Type: s.typeName(member), Description: member.text("description"),
			Required: slices.Contains(required, any(name)),
		})
		if depth < 2 {
			inner := prefix + name + "."
			if member.child("items") != nil {
				inner = prefix + name
			}
			all = append(all, s.fields(member, inner, depth+1)...)
		}
	}
	return all
}

// typeName says in short what a schema allows.
func (s apiSpec) typeName(schema apiSpec) string {
	schema = s.resolve(schema)
	var kinds []string
	switch t := schema["type"].(type) {
	case string:
		kinds = []string{t}
	case []any:
		for _, k := range t {
			kinds = append(kinds, fmt.Sprint(k))
		}
	}
	if values, ok := schema["enum"].([]any); ok {
		kinds = nil
		for _, v := range values {
			if v == nil {
				v = "null"
			}
			kinds = append(kinds, fmt.Sprint(v))
		}
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		for _, part := range schema.list(word) {
			kinds = append(kinds, s.typeName(part))
		}
	}
	name := cmp.Or(strings.Join(slices.Compact(kinds), " or "), "any")
	if items := schema.child("items"); items != nil {
		name = "list of " + s.typeName(items)
	}
	if format := schema.text("format"); format != "" {
		name += " (" + format + ")"
	}
	return name
}
