// Package coding knows what a client says of the content codings that it takes (RFC 9110, section 12.5.3). It
// imports nothing of ours, and any package may import it.
package coding

import (
	"net/http"
	"strings"
)

// AcceptsGzip says whether a client takes answers that are packed by gzip, as far as browsers and curl say so: "*" is
// not looked at, for nobody who wants gzip leaves it to that.
func AcceptsGzip(h http.Header) bool {
	for _, line := range h["Accept-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				q, is := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
				return !is || strings.Trim(q, "0.") != ""
			}
		}
	}
	return false
}
