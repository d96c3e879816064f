package davfs

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// errStatus gives the status of an error that has one, and 0 for nil.
func errStatus(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var se *statusError
	if !errors.As(err, &se) {
		t.Fatalf("error %v (%T) has no status", err, err)
	}
	return se.Status
}

func TestURL1_URL2_ParsePath(t *testing.T) {
	long := strings.Repeat("ä", 127) // 254 bytes
	for _, c := range []struct {
		raw    string
		want   davPath
		status int
	}{
		{raw: "/", want: davPath{Above: true, Slash: true}},
		{raw: "//", want: davPath{Above: true, Slash: true}},
		{raw: "/dav", want: davPath{}},
		{raw: "/dav/", want: davPath{Slash: true}},
		{raw: "/dav/Home", want: davPath{Mount: "Home"}},
		{raw: "//dav///Home//", want: davPath{Mount: "Home", Slash: true}},
		{raw: "/dav/Home/a/b", want: davPath{Mount: "Home", Name: "a/b"}},
		{raw: "/dav/Home/a//b/", want: davPath{Mount: "Home", Name: "a/b", Slash: true}},
		{raw: "/dav/Home/a%20b%25c", want: davPath{Mount: "Home", Name: "a b%c"}},
		{raw: "/dav/Home/%2541", want: davPath{Mount: "Home", Name: "%41"}}, // once, not twice
		{raw: "/dav/Home/gr%C3%BC%c3%bc", want: davPath{Mount: "Home", Name: "grüü"}},
		{raw: "/d%61v/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{raw: "/dav/Home/...", want: davPath{Mount: "Home", Name: "..."}},
		{raw: "/dav/Home/a?b", want: davPath{Mount: "Home", Name: "a?b"}},
		{raw: "/dav/Home/" + url.PathEscape(long), want: davPath{Mount: "Home", Name: long}},

		{raw: "/davx", status: 404},
		{raw: "/davx/Home", status: 404},
		{raw: "/DAV/Home", status: 404},
		{raw: "/other", status: 404},

		{raw: "", status: 400},
		{raw: "*", status: 400},
		{raw: "dav/Home", status: 400},
		{raw: "/dav/Home/a%2Fb", status: 400},
		{raw: "/dav/Home/a%2fb", status: 400},
		{raw: "/dav/Home/a%5Cb", status: 400},
		{raw: `/dav/Home/a\b`, status: 400},
		{raw: "/dav/Home/a%00", status: 400},
		{raw: "/dav/Home/a%0Ab", status: 400},
		{raw: "/dav/Home/a%7F", status: 400},
		{raw: "/dav/Home/a%C2%85", status: 400}, // U+0085, a control character
		{raw: "/dav/Home/.", status: 400},
		{raw: "/dav/Home/..", status: 400},
		{raw: "/dav/Home/%2e%2E/x", status: 400},
		{raw: "/dav/..", status: 400},
		{raw: "/../dav/Home", status: 400},
		{raw: "/dav/Home/%FF", status: 400},
		{raw: "/dav/Home/%ED%A0%80", status: 400}, // a surrogate
		{raw: "/dav/Home/%", status: 400},
		{raw: "/dav/Home/%4", status: 400},
		{raw: "/dav/Home/%4g", status: 400},
		{raw: "/dav/Home/" + url.PathEscape(long+"xx"), status: 400},
		{raw: "/dav/" + strings.Repeat("x", 256) + "/a", status: 400},
	} {
		t.Run(c.raw, func(t *testing.T) {
			got, err := parsePath(c.raw)
			if s := errStatus(t, err); s != c.status {
				t.Fatalf("status %d (%v), want %d", s, err, c.status)
			}
			if err == nil && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestURL5_ParseDestination(t *testing.T) {
	hosts := []string{"Files.Example:8443", "127.0.0.1:8080", "[::1]:8080", "plain.example"}
	for _, c := range []struct {
		header string
		want   davPath
		status int
	}{
		{header: "/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: " /dav/Home/x\t", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://127.0.0.1:8080/dav/Home/x/", want: davPath{Mount: "Home", Name: "x", Slash: true}},
		{header: "https://files.example:8443/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "HTTP://FILES.example:8443/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://[::1]:8080/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://plain.example/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "https://plain.example:443/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://plain.example.:80/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://plain.example:/dav/Home/x", want: davPath{Mount: "Home", Name: "x"}},
		{header: "http://plain.example", want: davPath{Above: true, Slash: true}},
		{header: "http://plain.example//dav//Home", want: davPath{Mount: "Home"}},

		{header: "", status: 400},
		{header: "  ", status: 400},
		{header: "dav/Home/x", status: 400},
		{header: "//plain.example/dav/Home/x", status: 400},
		{header: "http:///dav/Home/x", status: 400},
		{header: "http://u:p@plain.example/dav/Home/x", status: 400},
		{header: "http://plain.example/dav/Home/x#f", status: 400},
		{header: "/dav/Home/x?q", status: 400},
		{header: "http://plain.example/dav/Home/%2e%2e/x", status: 400},
		{header: "http://plain.example/davx", status: 404},
		{header: "http://plain.example:81/dav/Home/x", status: 502},
		{header: "http://127.0.0.1/dav/Home/x", status: 502},
		{header: "http://elsewhere.example/dav/Home/x", status: 502},
		{header: "http://plain.example.evil.example/dav/Home/x", status: 502},
		{header: "ftp://plain.example/dav/Home/x", status: 502},
	} {
		t.Run(c.header, func(t *testing.T) {
			got, err := parseDestination(c.header, hosts)
			if s := errStatus(t, err); s != c.status {
				t.Fatalf("status %d (%v), want %d", s, err, c.status)
			}
			if err == nil && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestURL3_Hrefs(t *testing.T) {
	for _, c := range []struct {
		p    davPath
		dir  bool
		want string
	}{
		{davPath{Above: true}, true, "/"},
		{davPath{}, true, "/dav/"},
		{davPath{Mount: "My files"}, true, "/dav/My%20files/"},
		{davPath{Mount: "My files"}, false, "/dav/My%20files"},
		{davPath{Mount: "H", Name: "a b/ü&'\"<>;?#%"}, false, "/dav/H/a%20b/%C3%BC%26%27%22%3C%3E%3B%3F%23%25"},
		{davPath{Mount: "H", Name: "a/b"}, true, "/dav/H/a/b/"},
		{davPath{Mount: "H", Name: "a(1)+b=c,d!$*@:~._-"}, false, "/dav/H/a(1)+b=c,d!$*@:~._-"},
	} {
		if got := hrefOf(c.p, c.dir); got != c.want {
			t.Errorf("hrefOf(%+v, %v) = %q, want %q", c.p, c.dir, got, c.want)
		}
	}
	for _, c := range []struct {
		prefix, name string
		dir          bool
		want         string
	}{
		{"/dav/H/", "", true, "/dav/H/"},
		{"/dav/H", "", true, "/dav/H/"},
		{"/dav/H/", "a b", false, "/dav/H/a%20b"},
		{"/dav/H", "a b", true, "/dav/H/a%20b/"},
		{"/dav/%C3%BC/", "x", false, "/dav/%C3%BC/x"},
	} {
		if got := string(appendHref(nil, c.prefix, c.name, c.dir)); got != c.want {
			t.Errorf("appendHref(%q, %q, %v) = %q, want %q", c.prefix, c.name, c.dir, got, c.want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/", "/dav/Home/a%20b/", "/dav//x/%C3%BC", "/dav/x/%2e", "/dav/x/%00", "*", "/davx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parsePath(raw)
		if err != nil {
			if s := errStatus(t, err); s != 400 && s != 404 {
				t.Fatalf("status %d", s)
			}
			return
		}
		checkPath(t, p)
	})
}

// checkPath checks what every parsed path promises, and that its href comes back as itself.
func checkPath(t *testing.T, p davPath) {
	t.Helper()
	if p.Mount == "" && p.Name != "" || p.Above && p.Mount != "" {
		t.Fatalf("%+v has a name in no folder", p)
	}
	if p.Mount != "" {
		for seg := range strings.SplitSeq(p.Mount+"/"+p.Name, "/") {
			if seg == "" && p.Name == "" {
				continue
			}
			if seg == "" || seg == "." || seg == ".." || len(seg) > 255 || !utf8.ValidString(seg) || strings.ContainsAny(seg, "\x00\\\n") {
				t.Fatalf("%+v has the segment %q", p, seg)
			}
		}
	}
	href := hrefOf(p, p.Slash)
	if strings.Contains(href, "//") || strings.ContainsAny(href, `&<>"'`) {
		t.Fatalf("href %q", href)
	}
	if again, err := parsePath(href); err != nil || again != p {
		t.Fatalf("%+v gives %q, and that %+v, %v", p, href, again, err)
	}
}

func FuzzDestination(f *testing.F) {
	for _, s := range []string{"/dav/Home/a", "http://h:80/dav/x", "https://u@h/dav", "//h/x", "http://[::1]/dav/%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p, err := parseDestination(header, []string{"h", "[::1]:8080"})
		if err != nil {
			if s := errStatus(t, err); s != 400 && s != 404 && s != 502 {
				t.Fatalf("status %d", s)
			}
			return
		}
		checkPath(t, p)
	})
}
