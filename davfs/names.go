package davfs

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// errRefusedName is for names that the administrator has refused (URL-10). It is an fs.ErrPermission.
var errRefusedName = fmt.Errorf("the administrator of this server does not allow this name: %w", fs.ErrPermission)

// foldPatterns checks patterns of names and puts them into lower case.
func foldPatterns(patterns []string) ([]string, error) {
	folded := make([]string, len(patterns))
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || strings.Contains(p, "/") {
			return nil, fmt.Errorf("refused name %q: not a pattern of names such as *.tmp", p)
		}
		folded[i] = strings.ToLower(p)
	}
	return folded, nil
}

// mayName refuses a name that is about to be written if one of its segments matches a refused pattern.
// What is there already can be read and deleted.
func (t *Tree) mayName(name string) error {
	patterns := t.f.d.o.RefuseNames
	if len(patterns) == 0 {
		return nil
	}
	for seg := range strings.SplitSeq(strings.ToLower(name), "/") {
		for _, p := range patterns {
			if ok, _ := path.Match(p, seg); ok { // New has seen that the pattern is good
				return errRefusedName
			}
		}
	}
	return nil
}

// parentOf is the name of the directory that holds name; "" for a member of the root.
func parentOf(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ""
	}
	return name[:i]
}

// baseOf is the last segment of name.
func baseOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// inside says whether name lies below dir.
func inside(name, dir string) bool {
	if dir == "" {
		return name != ""
	}
	return len(name) > len(dir) && name[len(dir)] == '/' && name[:len(dir)] == dir
}

// member is the name of a member of dir.
func member(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}
