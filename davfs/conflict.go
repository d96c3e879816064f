package davfs

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// mostNumbered is how many names are tried before a change gives up to find a free one.
const mostNumbered = 9999

// maxNameBytes is the longest segment that a name may have.
const maxNameBytes = 255

// NumberedName is the n-th name that is tried in place of a file's that is taken: a(1).txt. A name that is
// too long with its number loses some of its end before that.
func NumberedName(name string, n int) string {
	stem, ext := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name)-dot <= 32 {
		stem, ext = name[:dot], name[dot:]
	}
	return numbered(stem, ext, n)
}

func numbered(stem, ext string, n int) string {
	number := "(" + strconv.Itoa(n) + ")"
	for len(stem)+len(number)+len(ext) > maxNameBytes {
		_, size := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-size]
	}
	return stem + number + ext
}
