package store

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Scope is one thing that a token may do: use the calls whose dotted name is Path or
// begins with it, to read or also to write. "all" is every call, "webdav" the WebDAV
// door; the others are named by routes (files, files.collections, vfolders, davit, …).
type Scope struct {
	Path  string
	Write bool // covers reading
}

// String is the form in which clients send and tokens keep a scope: path:read or path:write.
func (s Scope) String() string {
	if s.Write {
		return s.Path + ":write"
	}
	return s.Path + ":read"
}

// covers says whether s admits to the call name.
func (s Scope) covers(name string, write bool) bool {
	if write && !s.Write {
		return false
	}
	rest, ok := strings.CutPrefix(name, s.Path)
	return s.Path == "all" || ok && (rest == "" || rest[0] == '.')
}

// Scopes are what a token may do; nil is everything, an empty one nothing.
type Scopes []Scope

// Allow says whether a call may be made.
func (s Scopes) Allow(name string, write bool) bool {
	return s == nil || slices.ContainsFunc(s, func(x Scope) bool { return x.covers(name, write) })
}

// Contain says whether everything that t allows is allowed.
func (s Scopes) Contain(t Scopes) bool {
	if s == nil {
		return true
	}
	if t == nil {
		t = Scopes{{"all", true}}
	}
	for _, x := range t {
		if !slices.ContainsFunc(s, func(y Scope) bool { return (x.Path != "all" || y.Path == "all") && y.covers(x.Path, x.Write) }) {
			return false
		}
	}
	return true
}

// String is the scopes with blanks between; "" for nil.
func (s Scopes) String() string { return strings.Join(s.Strings(), " ") }

// Strings is each scope's String.
func (s Scopes) Strings() []string {
	words := make([]string, len(s))
	for i, x := range s {
		words[i] = x.String()
	}
	return words
}

const maxScopePath = 128

// ParseScope reads path:read or path:write; fs.ErrInvalid.
func ParseScope(text string) (Scope, error) {
	path, action, _ := strings.Cut(text, ":")
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}
	if path == "" || len(path) > maxScopePath || strings.ContainsFunc(path, bad) ||
		slices.Contains(strings.Split(path, "."), "") || action != "read" && action != "write" {
		if len(text) > maxScopePath {
			text = text[:maxScopePath] + "…"
		}
		return Scope{}, explain(fs.ErrInvalid, "%q is not a scope such as files:read or files.collections:write", text)
	}
	return Scope{path, action == "write"}, nil
}

// ParseScopes reads scopes with blanks between; "" is nil, everything.
func ParseScopes(text string) (Scopes, error) {
	var all Scopes
	for word := range strings.FieldsSeq(text) {
		s, err := ParseScope(word)
		if err != nil {
			return nil, fmt.Errorf("scopes: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}
