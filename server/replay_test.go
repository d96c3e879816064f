package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/server/servertest"
)

// Sequences of clients that do not run here, or not in every way that people use them (D39), are
// scripts in testdata/clients. A script is a list of requests with what must be answered:
//
//	# A comment; at the top of each file it says from where the sequence is known.
//	let big = 200000 bytes       a variable of that many letters
//	auth challenged              how requests from here on sign in, see below
//	connect                      the next request comes on a new connection; all others must find theirs open
//	wait 2s                      as the client does
//
//	PUT /dav/{id}/file           a request line; {name} is a variable
//	User-Agent: Client/1.0       headers as they are sent
//	Transfer-Encoding: chunked   sends a body without its length
//	| first line of the body     lines are joined by \n, without one at the end
//	-> 201                       the status; "200, 207" allows both
//	ETag: "(?P<etag>.+)"         a header must be there and match the whole expression; a group sets a variable
//	ETag != {etag}               a header must have another value
//	!Location                    a header must not be there
//	~ expression                 must be found in the body
//	!~ expression                must not be found there
//	= {big}                      the whole body
//
// Variables from the start: id and title of the folder, host (name and port), url (scheme and host).
// Sign-in is one of: none; basic (with each request, the default); challenged (each request is first
// sent without, and answered by 401); bearer (an empty Authorization: Bearer, refused with 401, then Basic).
type script struct {
	t       *testing.T
	file    string
	line    int // of the request at work
	s       *process
	vars    map[string]string
	client  *http.Client
	auth    string
	fresh   bool // the next request may open a connection
	version int  // of HTTP
}

// step is a request and what must be answered.
type step struct {
	line           int
	method, target string
	header         [][2]string
	body           []string
	hasBody        bool
	statuses       []int
	checks         []string
}

// replay runs a script over HTTP/1.1 and over HTTP/2 with TLS.
func replay(t *testing.T, file string, args ...string) {
	t.Run("HTTP1", func(t *testing.T) {
		t.Parallel()
		run(t, newProcess(t, args...), file, &http.Transport{MaxConnsPerHost: 1})
	})
	t.Run("HTTP2", func(t *testing.T) {
		t.Parallel()
		cert, key := certificate(t)
		s := newProcess(t, append(args, "--tls-cert", cert, "--tls-key", key)...)
		run(t, s, file, &http.Transport{
			MaxConnsPerHost: 1, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		})
	})
}

// run plays a script against a server of its own.
func run(t *testing.T, s *process, file string, transport *http.Transport) {
	t.Helper()
	transport.ExpectContinueTimeout = 30 * time.Second
	transport.DisableCompression = true
	t.Cleanup(transport.CloseIdleConnections)
	const title = "Ann's papers ü"
	id := s.folder(title, "--max-bytes", "20MiB")
	c := &script{
		t: t, file: filepath.Join("..", "testdata", "clients", file), s: s, auth: "basic", fresh: true, version: 1,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		vars: map[string]string{
			"id": id, "title": url.PathEscape(title), "url": s.URL, "host": s.URL[strings.Index(s.URL, "//")+2:],
		},
	}
	if transport.ForceAttemptHTTP2 {
		c.version = 2
	}
	text, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	requests := 0
	for n := 0; n < len(lines) && !t.Failed(); {
		c.line = n + 1
		line := strings.TrimRight(lines[n], " ")
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "", line[0] == '#':
			n++
		case word == "let":
			name, value, _ := strings.Cut(rest, " = ")
			length, _, ok := strings.Cut(value, " bytes")
			size, err := strconv.Atoi(length)
			if !ok || err != nil {
				c.fatalf("let needs a number of bytes")
			}
			c.vars[name] = noise(size)
			n++
		case word == "auth":
			c.auth = rest
			n++
		case word == "connect":
			transport.CloseIdleConnections()
			c.fresh = true
			n++
		case word == "wait":
			d, err := time.ParseDuration(rest)
			if err != nil {
				c.fatalf("%v", err)
			}
			time.Sleep(d)
			n++
		default:
			var p step
			p, n = c.parse(lines, n)
			c.play(p)
			requests++
		}
	}
	if requests == 0 {
		t.Errorf("%s has no requests", c.file)
	}
}

func (c *script) fatalf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s:%d: %s", c.file, c.line, fmt.Sprintf(format, args...))
}

func (c *script) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("%s:%d: %s", c.file, c.line, fmt.Sprintf(format, args...))
}

// parse reads the request at lines[n] and gives the line after its last check.
func (c *script) parse(lines []string, n int) (p step, next int) {
	c.t.Helper()
	var ok bool
	p.line = n + 1
	if p.method, p.target, ok = strings.Cut(strings.TrimSpace(lines[n]), " "); !ok || p.method != strings.ToUpper(p.method) {
		c.fatalf("want a request line, have %q", lines[n])
	}
	for n++; n < len(lines); n++ {
		line := lines[n]
		c.line = n + 1
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "-> "):
			for status := range strings.SplitSeq(line[3:], ",") {
				code, err := strconv.Atoi(strings.TrimSpace(status))
				if err != nil {
					c.fatalf("%v", err)
				}
				p.statuses = append(p.statuses, code)
			}
		case strings.TrimSpace(line) == "":
			if p.statuses == nil {
				c.fatalf("a request without \"->\"")
			}
			return p, n + 1
		case p.statuses != nil:
			p.checks = append(p.checks, fmt.Sprint(n+1, "\x00", line))
		case strings.HasPrefix(line, "|"):
			p.body, p.hasBody = append(p.body, strings.TrimPrefix(line[1:], " ")), true
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				c.fatalf("want a header, have %q", line)
			}
			p.header = append(p.header, [2]string{name, strings.TrimSpace(value)})
		}
	}
	return p, n
}

var variable = regexp.MustCompile(`\{([a-z][a-z0-9]*)\}`)

// fill puts variables in; quote protects them in an expression.
func (c *script) fill(text string, quote func(string) string) string {
	c.t.Helper()
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := c.vars[name[1:len(name)-1]]
		if !ok {
			c.fatalf("there is no variable %s", name)
		}
		return quote(value)
	})
}

func plainly(s string) string { return s }

// play sends a request and checks its answer.
func (c *script) play(p step) {
	c.t.Helper()
	c.line = p.line
	switch c.auth {
	case "none":
		c.check(p, c.send(p, ""))
	case "basic":
		c.check(p, c.send(p, "basic"))
	case "challenged", "bearer":
		first := ""
		if c.auth == "bearer" {
			first = "bearer"
		}
		if p.method == http.MethodOptions { // is not asked who it is (MET-2)
			c.check(p, c.send(p, first))
			return
		}
		res := c.send(p, first)
		if res.status != http.StatusUnauthorized || !strings.HasPrefix(res.header.Get("WWW-Authenticate"), "Basic ") {
			c.errorf("without credentials: %d, WWW-Authenticate %q, want 401 and Basic", res.status, res.header.Get("WWW-Authenticate"))
		}
		if res.header.Get("DAV") == "" || res.header.Get("MS-Author-Via") != "DAV" {
			c.errorf("401 without DAV and MS-Author-Via: %v", res.header)
		}
		c.check(p, c.send(p, "basic"))
	default:
		c.fatalf("there is no auth %q", c.auth)
	}
}

func (c *script) send(p step, auth string) response {
	c.t.Helper()
	reused := false
	ctx := httptrace.WithClientTrace(c.t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused },
	})
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var body io.Reader
	if p.hasBody {
		body = strings.NewReader(c.fill(strings.Join(p.body, "\n"), plainly))
	}
	r, err := http.NewRequestWithContext(ctx, p.method, c.s.URL, nil)
	if err != nil {
		c.fatalf("%v", err)
	}
	if p.hasBody {
		length := body.(*strings.Reader).Len()
		r.Body, r.ContentLength = io.NopCloser(body), int64(length)
	}
	r.URL.Opaque = c.fill(p.target, plainly) // as it is, without a look at its escapes
	for _, h := range p.header {
		value := c.fill(h[1], plainly)
		switch http.CanonicalHeaderKey(h[0]) {
		case "Transfer-Encoding":
			r.ContentLength = -1
		case "Content-Length":
			// "0" is said by an empty body; other lengths are the body's.
			if value != fmt.Sprint(r.ContentLength) {
				c.fatalf("Content-Length %s, the body has %d", value, r.ContentLength)
			}
			if value == "0" {
				r.Body = http.NoBody
			}
		default:
			r.Header[h[0]] = append(r.Header[h[0]], value)
		}
	}
	switch auth {
	case "basic":
		r.SetBasicAuth("admin", servertest.AdminPassword)
	case "bearer":
		r.Header["Authorization"] = []string{"Bearer"}
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.fatalf("%v", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.fatalf("reading the answer: %v", err)
	}
	if res.ProtoMajor != c.version {
		c.fatalf("the answer is %s", res.Proto)
	}
	if reused == c.fresh {
		c.errorf("on a connection that was open already: %v, want %v", reused, !c.fresh)
	}
	c.fresh = false
	return response{res.StatusCode, res.Header, string(text)}
}

func (c *script) check(p step, res response) {
	c.t.Helper()
	if !slices.Contains(p.statuses, res.status) {
		c.fatalf("%s %s: %d, want %v\n%v\n%s", p.method, p.target, res.status, p.statuses, res.header, res.body)
	}
	for _, check := range p.checks {
		at, line, _ := strings.Cut(check, "\x00")
		c.line, _ = strconv.Atoi(at)
		kind, rest, _ := strings.Cut(line, " ")
		switch {
		case kind == "=":
			if want := c.fill(rest, plainly); res.body != want {
				c.errorf("the body is %d bytes %.60q, want %d bytes %.60q", len(res.body), res.body, len(want), want)
			}
		case kind == "~":
			c.match(rest, res.body)
		case kind == "!~":
			if c.expression(rest).MatchString(res.body) {
				c.errorf("the body has %s\n%s", rest, res.body)
			}
		case strings.HasPrefix(rest, "!= "):
			before := c.fill(rest[3:], plainly)
			if values := headerValues(res.header, kind); slices.Contains(values, before) {
				c.errorf("%s is %s still", kind, before)
			}
		case strings.HasPrefix(line, "!"):
			if values, there := res.header[http.CanonicalHeaderKey(line[1:])]; there {
				c.errorf("there is %s: %q", line[1:], values)
			}
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				c.fatalf("want a check, have %q", line)
			}
			c.match("^(?:"+strings.TrimSpace(value)+")$", strings.Join(headerValues(res.header, name), ", "))
		}
	}
}

// headerValues are those of a header, in any spelling.
func headerValues(h http.Header, name string) []string {
	for key, values := range maps.All(h) {
		if strings.EqualFold(key, name) {
			return values
		}
	}
	return nil
}

func (c *script) expression(text string) *regexp.Regexp {
	c.t.Helper()
	e, err := regexp.Compile("(?s)" + c.fill(text, regexp.QuoteMeta))
	if err != nil {
		c.fatalf("%v", err)
	}
	return e
}

// match checks text and takes the variables that the expression names.
func (c *script) match(expression, text string) {
	c.t.Helper()
	e := c.expression(expression)
	m := e.FindStringSubmatch(text)
	if m == nil {
		c.errorf("%s does not match\n%s", expression, text)
		return
	}
	for n, name := range e.SubexpNames() {
		if name != "" {
			c.vars[name] = m[n]
		}
	}
}

func TestCLI1_Explorer(t *testing.T) { replay(t, "explorer.txt") }
func TestCLI2_Finder(t *testing.T)   { replay(t, "finder.txt") }
func TestCLI3_Office(t *testing.T) {
	replay(t, "office.txt", "--dav-lock-timeout", "3s", "--dav-max-lock-timeout", "3s")
}
func TestCLI4_PasswordManagers(t *testing.T) { replay(t, "passwords.txt") }
func TestCLI5_ReferenceManager(t *testing.T) { replay(t, "zotero.txt") }
func TestCLI6_NoteApps(t *testing.T)         { replay(t, "notes.txt") }
func TestCLI8_Cyberduck(t *testing.T)        { replay(t, "cyberduck.txt") }
func TestCLI9_GvfsSequence(t *testing.T)     { replay(t, "gvfs.txt") }

// An upload that breaks off leaves what was there, and is resumed from there (CLI-8).
func TestCLI8_InterruptedUpload(t *testing.T) {
	t.Parallel()
	s := newProcess(t)
	id := s.folder("interrupted")
	target := "/dav/" + id + "/film.mov"
	text := noise(600_000)
	length := func() int {
		t.Helper()
		res := s.do("HEAD", target, "", nil)
		n, _ := strconv.Atoi(res.header.Get("Content-Length"))
		if res.status == 404 {
			n = 0
		}
		return n
	}
	for at, tries := 0, 0; at < len(text); tries++ {
		if tries > 10 {
			t.Fatal("the upload never ends")
		}
		part := text[at:min(at+200_000, len(text))]
		span := fmt.Sprintf("bytes %d-%d/%d", at, at+len(part)-1, len(text))
		body := io.Reader(strings.NewReader(part))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		broken := tries%2 == 0
		if broken {
			body = io.MultiReader(strings.NewReader(part[:len(part)/2]), &cutOff{cancel})
		}
		r, err := http.NewRequestWithContext(ctx, "PUT", s.URL+target, body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(part))
		r.SetBasicAuth("admin", servertest.AdminPassword)
		r.Header.Set("Content-Range", span)
		res, err := client.Do(r)
		cancel()
		switch {
		case broken && err == nil:
			t.Errorf("%s: %s, but the connection broke", span, res.Status)
		case !broken && (err != nil || res.StatusCode != 201 && res.StatusCode != 204):
			t.Fatalf("%s: %v %v", span, res, err)
		}
		if err == nil {
			res.Body.Close()
		}
		if got, want := length(), at+len(part); !broken && got != want || broken && got != at {
			t.Fatalf("after %s, broken %v: the file has %d bytes", span, broken, got)
		}
		at = length()
	}
	s.holds(id, map[string]string{"film.mov": text})
}
