package server

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// vparams are the parameters of a call. Clients of one family send them as a JSON body, also with
// GET, those of another as a query; some have two names for one thing. Methods take all names of a
// parameter, and read the first that is there. As in object, what is wrong first is told by bad.
type vparams struct{ *object }

// readVParams reads the body and the query. A parameter that both have is the body's.
func readVParams(c echo.Context) (*vparams, error) {
	in, err := readObject(c)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, &paramError{"query", "has a bad percent-encoding"}
	}
	if in.fields == nil {
		in.fields = make(map[string]json.RawMessage, len(query))
	}
	for name, values := range query {
		if _, ok := in.fields[name]; ok {
			continue
		}
		var value any = values
		if len(values) == 1 {
			value = values[0]
		}
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return nil, &paramError{fieldName(name), "must be UTF-8"}
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		in.fields[name] = raw
	}
	return &vparams{in}, nil
}

// called returns which of the names the client has used, the first if none.
func (p *vparams) called(names ...string) string {
	for _, n := range names {
		if p.has(n) {
			return n
		}
	}
	return names[0]
}

// word returns a text that must be there.
func (p *vparams) word(names ...string) string { return p.text(p.called(names...)) }

// optWord returns a text, and whether there is one.
func (p *vparams) optWord(names ...string) (string, bool) { return p.optText(p.called(names...)) }

// unquoted is the text of a value that came as a query's text does, or a body's number in quotes.
func unquoted(raw json.RawMessage) (text string, ok bool) {
	return text, raw[0] == '"' && json.Unmarshal(raw, &text) == nil
}

// flag returns true or false, and whether it is given.
func (p *vparams) flag(names ...string) (v, given bool) {
	name := p.called(names...)
	raw, ok := p.raw(name)
	if !ok {
		return false, false
	}
	text, quoted := unquoted(raw)
	if !quoted {
		return p.optBool(name)
	}
	v, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		p.refuse(name, "must be true or false")
		return false, false
	}
	return v, true
}

// count returns a whole number that is not negative, and whether there is one.
func (p *vparams) count(names ...string) (n int64, given bool) {
	name := p.called(names...)
	raw, ok := p.raw(name)
	if !ok {
		return 0, false
	}
	text, quoted := unquoted(raw)
	if !quoted {
		text = string(raw)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		p.refuse(name, "must be a whole number from 0 on")
		return 0, false
	}
	return n, true
}

// size returns a number of bytes, which may be a text with a unit such as 10G, and whether there is one.
func (p *vparams) size(names ...string) (n int64, given bool) {
	name := p.called(names...)
	raw, ok := p.raw(name)
	if !ok {
		return 0, false
	}
	text, quoted := unquoted(raw)
	if !quoted {
		return p.count(name)
	}
	var size Size
	if err := size.UnmarshalText([]byte(text)); err != nil || size < 0 {
		p.refuse(name, "must be a number of bytes, or one with a unit such as 10G")
		return 0, false
	}
	return int64(size), true
}

// words returns a list of at most most texts; one text is a list of one. nil if there is none.
func (p *vparams) words(most int, names ...string) []string {
	name := p.called(names...)
	raw, ok := p.raw(name)
	if !ok {
		return nil
	}
	var list []string
	if text, one := unquoted(raw); !one {
		list = p.texts(name)
	} else if inner := json.RawMessage(text); strings.HasPrefix(text, "[") && json.Valid(inner) {
		p.fields[name] = inner // a list in a query
		list = p.texts(name)
	} else {
		list = []string{text}
	}
	if len(list) > most {
		p.refuse(name, "has %d elements, at most %d are allowed", len(list), most)
		return nil
	}
	return list
}

// id returns an ID that must be there, in its one form.
func (p *vparams) id(names ...string) string {
	name := p.called(names...)
	text := p.text(name)
	id, ok := store.ParseID(text)
	if !ok {
		p.refuse(name, "must be an ID: 32 hex digits, with or without dashes")
	}
	return id
}

// maxPath is the longest path in a folder, in bytes.
const maxPath = 4096

// path returns a path in a folder as a Tree takes it; "" is the root, as are "." and nothing.
func (p *vparams) path(names ...string) string {
	name := p.called(names...)
	text, _ := p.optText(name)
	return p.cleaned(name, text)
}

// member is path for what cannot be the root.
func (p *vparams) member(names ...string) string {
	name := p.called(names...)
	p.want(name)
	path := p.path(name)
	if path == "" {
		p.refuse(name, "must name something in the folder")
	}
	return path
}

// members is member for a list that must have an element.
func (p *vparams) members(most int, names ...string) []string {
	name := p.called(names...)
	p.want(name)
	list := p.words(most, name)
	if len(list) == 0 {
		p.refuse(name, "is empty")
	}
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", name, i)
		if list[i] = p.cleaned(at, text); list[i] == "" {
			p.refuse(at, "must name something in the folder")
		}
	}
	return list
}

// cleaned brings a path into its one form, or refuses the field.
func (p *vparams) cleaned(field, text string) string {
	name, wrong := cleanPath(text)
	if wrong != "" {
		p.refuse(field, "%s", wrong)
	}
	return name
}

// cleanPath reads a path relative to a folder's root: "a/b", "./a//b/", "." for the root. wrong says
// what is wrong with it.
func cleanPath(text string) (name, wrong string) {
	if len(text) > maxPath {
		return "", fmt.Sprintf("is longer than %d bytes", maxPath)
	}
	if strings.HasPrefix(text, "/") {
		return "", "must be relative to the folder, without a slash in front"
	}
	var segments []string
	for seg := range strings.SplitSeq(text, "/") {
		switch seg {
		case "", ".":
			continue
		case "..":
			return "", "must not have .. in it"
		}
		segments = append(segments, seg)
	}
	if name = strings.Join(segments, "/"); name != "" && !davfs.LegalName(name) {
		return "", "has a segment that cannot be a name: no control characters, no backslash, at most 255 bytes of UTF-8"
	}
	return name, ""
}

// rights returns ro, rw or wd, and whether it is given.
func (p *vparams) rights(names ...string) (r store.Rights, given bool) {
	name := p.called(names...)
	text, given := p.optText(name)
	switch text {
	case "ro":
		return store.RightsRO, given
	case "rw":
		return store.RightsRW, given
	case "wd":
		return store.RightsWD, given
	}
	if given {
		p.refuse(name, "must be ro, rw or wd")
	}
	return 0, false
}
