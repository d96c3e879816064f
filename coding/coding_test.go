package coding

import (
	"net/http"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"identity"}, false},
		{[]string{"x-gzip, br"}, false},
		{[]string{"gzip"}, true},
		{[]string{"br, GZIP ; q=0.8"}, true},
		{[]string{"gzip;q=0.001"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000, br"}, false},
		{[]string{"br", "deflate, gzip"}, true},
	} {
		if got := AcceptsGzip(http.Header{"Accept-Encoding": c.lines}); got != c.want {
			t.Errorf("%q: %t, want %t", c.lines, got, c.want)
		}
	}
}
