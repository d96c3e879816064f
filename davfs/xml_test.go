package davfs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"testing"
	"testing/iotest"
)

// readWhole reads a body as the handler does.
func readWhole[T any](body io.Reader, limit int, parse func([]byte) (T, error)) (T, error) {
	parsed, err := (&bodyCache[T]{limit: limit, parse: parse}).read(body)
	if err != nil {
		return *new(T), err
	}
	return *parsed, nil
}

func readPropfind(body io.Reader) (propfind, error) {
	return readWhole(body, maxXMLBody, parsePropfind)
}

func readLockinfo(body io.Reader) (lockInfo, error) {
	return readWhole(body, maxLockBody, parseLockinfo)
}

func dav(local string) xml.Name { return xml.Name{Space: "DAV:", Local: local} }

func TestPRO1_ReadPropfind(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		b.WriteString(`<propfind xmlns="DAV:"><prop>`)
		for i := range n {
			fmt.Fprintf(&b, "<p%d/>", i)
		}
		return b.String() + `</prop></propfind>`
	}
	for _, c := range []struct {
		name, body string
		kind       propfindKind
		names      []xml.Name
		status     int
	}{
		{name: "empty", kind: propfindAll},
		{name: "blank", body: " \r\n", kind: propfindAll},
		{name: "allprop", body: `<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`, kind: propfindAll},
		{name: "allprop with include", body: `<propfind xmlns="DAV:"><allprop/><include><a/><b xmlns="u"/></include></propfind>`,
			kind: propfindAll, names: []xml.Name{dav("a"), {Space: "u", Local: "b"}}},
		{name: "include first", body: `<propfind xmlns="DAV:"><include><a/></include><allprop/></propfind>`, kind: propfindAll, names: []xml.Name{dav("a")}},
		{name: "propname", body: `<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`, kind: propfindNames},
		{name: "prop", body: `<a:propfind xmlns:a="DAV:"><a:prop xmlns:R="http://r/"><R:bigbox/><a:getetag/><none/></a:prop></a:propfind>`,
			kind: propfindProps, names: []xml.Name{{Space: "http://r/", Local: "bigbox"}, dav("getetag"), {Local: "none"}}},
		{name: "no properties", body: `<propfind xmlns="DAV:"><prop/></propfind>`, kind: propfindProps},
		{name: "the same twice", body: `<propfind xmlns="DAV:"><prop><a/><b/><a/></prop></propfind>`, kind: propfindProps, names: []xml.Name{dav("a"), dav("b")}},
		{name: "redeclared prefix", body: `<D:propfind xmlns:D="DAV:"><D:prop><D:a xmlns:D="u"/><D:b/></D:prop></D:propfind>`,
			kind: propfindProps, names: []xml.Name{{Space: "u", Local: "a"}, dav("b")}},
		{name: "undeclared default", body: `<propfind xmlns="DAV:"><prop><a xmlns=""/></prop></propfind>`, kind: propfindProps, names: []xml.Name{{Local: "a"}}},
		{name: "unknown elements", body: `<propfind xmlns="DAV:" xmlns:E="e:"><E:x><E:y>t</E:y></E:x><leave-out/><prop><a><deep/></a></prop></propfind>`,
			kind: propfindProps, names: []xml.Name{dav("a")}},
		{name: "comments, instructions, CDATA", body: `<!-- a --><?x y?><propfind xmlns="DAV:"><!-- b --><prop><?x y?><a><![CDATA[<]]></a></prop></propfind><!-- c -->`,
			kind: propfindProps, names: []xml.Name{dav("a")}},
		{name: "byte order mark", body: "\xef\xbb\xbf" + `<?xml version="1.0"?><propfind xmlns="DAV:"><propname/></propfind>`, kind: propfindNames},
		{name: "UTF-16", body: utf16Text(`<?xml version="1.0" encoding="UTF-16"?><propfind xmlns="DAV:"><prop><ä/></prop></propfind>`),
			kind: propfindProps, names: []xml.Name{dav("ä")}},
		{name: "as many as allowed", body: many(500), kind: propfindProps, names: func() (n []xml.Name) {
			for i := range 500 {
				n = append(n, dav(fmt.Sprintf("p%d", i)))
			}
			return n
		}()},
		{name: "xml prefix declared as it is", body: `<propfind xmlns="DAV:" xmlns:xml="http://www.w3.org/XML/1998/namespace"><propname/></propfind>`, kind: propfindNames},

		{name: "text", body: "propfind", status: 400},
		{name: "cut off", body: `<propfind xmlns="DAV:"><prop>`, status: 400},
		{name: "cut off in a tag", body: `<propfind xmlns="DAV:"><pro`, status: 400},
		{name: "wrong end tag", body: `<propfind xmlns="DAV:"><prop></propname></propfind>`, status: 400},
		{name: "wrong end prefix", body: `<D:propfind xmlns:D="DAV:" xmlns:E="DAV:"><D:prop></E:prop></D:propfind>`, status: 400},
		{name: "only an end tag", body: `</propfind>`, status: 400},
		{name: "two roots", body: `<propfind xmlns="DAV:"><propname/></propfind><x/>`, status: 400},
		{name: "text behind", body: `<propfind xmlns="DAV:"><propname/></propfind>x`, status: 400},
		{name: "other namespace", body: `<propfind xmlns="DAV"><propname/></propfind>`, status: 400},
		{name: "other root", body: `<propertyupdate xmlns="DAV:"><propname/></propertyupdate>`, status: 400},
		{name: "undeclared prefix", body: `<D:propfind xmlns:D="DAV:"><D:prop><bar:foo/></D:prop></D:propfind>`, status: 400},
		{name: "undeclared prefix of an attribute", body: `<D:propfind xmlns:D="DAV:"><D:prop bar:x="1"/></D:propfind>`, status: 400},
		{name: "prefix out of scope", body: `<D:propfind xmlns:D="DAV:"><D:prop><a xmlns:b="u"/><b:c/></D:prop></D:propfind>`, status: 400},
		{name: "empty-bound prefix", body: `<D:propfind xmlns:D="DAV:"><D:prop><bar:foo xmlns:bar=""/></D:prop></D:propfind>`, status: 400},
		{name: "reserved prefix", body: `<propfind xmlns="DAV:" xmlns:xml="u"><propname/></propfind>`, status: 400},
		{name: "reserved namespace", body: `<propfind xmlns="DAV:" xmlns:a="http://www.w3.org/2000/xmlns/"><propname/></propfind>`, status: 400},
		{name: "two colons", body: `<propfind xmlns="DAV:"><prop><a:b:c/></prop></propfind>`, status: 400},
		{name: "colon at the end", body: `<propfind xmlns="DAV:"><prop><a:/></prop></propfind>`, status: 400},
		{name: "attribute twice", body: `<propfind xmlns="DAV:"><prop a="1" a="2"/></propfind>`, status: 400},
		{name: "attribute twice by namespace", body: `<propfind xmlns="DAV:" xmlns:a="u" xmlns:b="u"><prop a:x="1" b:x="2"/></propfind>`, status: 400},
		{name: "prop and allprop", body: `<propfind xmlns="DAV:"><prop><a/></prop><allprop/></propfind>`, status: 400},
		{name: "propname and allprop", body: `<propfind xmlns="DAV:"><propname/><allprop/></propfind>`, status: 400},
		{name: "nothing known", body: `<propfind xmlns="DAV:"><expired-props/></propfind>`, status: 400},
		{name: "document type", body: `<!DOCTYPE propfind [<!ENTITY a "b">]><propfind xmlns="DAV:"><propname/></propfind>`, status: 400},
		{name: "document type without more", body: `<!DOCTYPE propfind><propfind xmlns="DAV:"><propname/></propfind>`, status: 400},
		{name: "unknown entity", body: `<propfind xmlns="DAV:"><prop>&a;</prop></propfind>`, status: 400},
		{name: "control character", body: "<propfind xmlns=\"DAV:\"><prop>\x01</prop></propfind>", status: 400},
		{name: "control character by reference", body: `<propfind xmlns="DAV:"><prop>&#1;</prop></propfind>`, status: 400},
		{name: "invalid UTF-8", body: "<propfind xmlns=\"DAV:\"><prop>\xff</prop></propfind>", status: 400},
		{name: "other encoding", body: `<?xml version="1.0" encoding="koi8-r"?><propfind xmlns="DAV:"><propname/></propfind>`, status: 400},
		{name: "late declaration", body: `<propfind xmlns="DAV:"><?xml version="1.0"?><propname/></propfind>`, status: 400},
		{name: "too deep", body: `<propfind xmlns="DAV:"><prop>` + strings.Repeat("<a>", 63) + strings.Repeat("</a>", 63) + `</prop></propfind>`, status: 400},
		{name: "too many properties", body: many(501), status: 413},
		{name: "too many elements", body: `<propfind xmlns="DAV:"><x>` + strings.Repeat("<a/>", 2000) + `</x><propname/></propfind>`, status: 413},
		{name: "too many attributes", body: `<propfind xmlns="DAV:"><x` + strings.Repeat(" a='1'", 300) + `/><propname/></propfind>`, status: 413},
		{name: "too large", body: `<propfind xmlns="DAV:"><propname/></propfind>` + strings.Repeat(" ", maxXMLBody), status: 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			pf, err := readPropfind(strings.NewReader(c.body))
			if s := errStatus(t, err); s != c.status {
				t.Fatalf("status %d (%v), want %d", s, err, c.status)
			}
			if err == nil && (pf.kind != c.kind || !reflect.DeepEqual(pf.names, c.names)) {
				t.Errorf("got %+v, want kind %d, names %v", pf, c.kind, c.names)
			}
		})
	}
	t.Run("as deep as allowed", func(t *testing.T) {
		body := `<propfind xmlns="DAV:"><prop>` + strings.Repeat("<a>", 62) + strings.Repeat("</a>", 62) + `</prop></propfind>`
		if _, err := readPropfind(strings.NewReader(body)); err != nil {
			t.Error(err)
		}
	})
	t.Run("broken body", func(t *testing.T) {
		if _, err := readPropfind(io.MultiReader(strings.NewReader("<prop"), iotest.ErrReader(errBroken))); !errors.Is(err, errBroken) {
			t.Errorf("error %v, want the reader's", err)
		}
		short := io.MultiReader(strings.NewReader("<prop"), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := readPropfind(short); errStatus(t, err) != 400 {
			t.Errorf("a body that broke off: %v", err)
		}
	})
}

var errBroken = errors.New("broken")

func utf16Text(s string) string {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

func TestPRO6_ReadProppatch(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []propChange
		status     int
	}{
		{
			name: "document order",
			body: `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="z:"><D:set><D:prop><Z:a>1</Z:a><Z:b/></D:prop></D:set><D:remove><D:prop><Z:a/></D:prop></D:remove><D:set><D:prop><Z:a>2</Z:a></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{
				{Name: xml.Name{Space: "z:", Local: "a"}, XML: `<Z:a xmlns:Z="z:">1</Z:a>`, Text: "1"},
				{Name: xml.Name{Space: "z:", Local: "b"}, XML: `<Z:b xmlns:Z="z:"/>`},
				{Remove: true, Name: xml.Name{Space: "z:", Local: "a"}},
				{Name: xml.Name{Space: "z:", Local: "a"}, XML: `<Z:a xmlns:Z="z:">2</Z:a>`, Text: "2"},
			},
		},
		{
			name: "default namespace and nesting",
			body: `<propertyupdate xmlns="DAV:"><set><prop><x xmlns="u"><y>t</y><z xmlns="DAV:"/></x><href>h</href></prop></set></propertyupdate>`,
			want: []propChange{
				{Name: xml.Name{Space: "u", Local: "x"}, XML: `<x xmlns="u"><y>t</y><z xmlns="DAV:"/></x>`},
				{Name: dav("href"), XML: `<href xmlns="DAV:">h</href>`, Text: "h"},
			},
		},
		{
			name: "namespaces used only inside or in text",
			body: `<D:propertyupdate xmlns:D="DAV:" xmlns:a="a:" xmlns:b="b:" xmlns:c="c:" xmlns:d="d:" xmlns="e:"><D:set><D:prop><a:x t="c:int"><b:y/><f/></a:x></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{{Name: xml.Name{Space: "a:", Local: "x"},
				XML: `<a:x xmlns="e:" xmlns:c="c:" xmlns:b="b:" xmlns:a="a:" t="c:int"><b:y/><f/></a:x>`}},
		},
		{
			name: "no namespace",
			body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x/><y xmlns="">t</y></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{
				{Name: xml.Name{Local: "x"}, XML: `<x xmlns=""/>`},
				{Name: xml.Name{Local: "y"}, XML: `<y xmlns="">t</y>`, Text: "t"},
			},
		},
		{
			name: "language",
			body: `<D:propertyupdate xmlns:D="DAV:" xml:lang="en"><D:set><D:prop xml:lang="de"><x xmlns="u"/><x xmlns="u" xml:lang="fr"/></D:prop></D:set><D:set><D:prop><x xmlns="u"/></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{
				{Name: xml.Name{Space: "u", Local: "x"}, XML: `<x xml:lang="de" xmlns="u"/>`},
				{Name: xml.Name{Space: "u", Local: "x"}, XML: `<x xmlns="u" xml:lang="fr"/>`},
				{Name: xml.Name{Space: "u", Local: "x"}, XML: `<x xml:lang="en" xmlns="u"/>`},
			},
		},
		{
			name: "text of all kinds",
			body: "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><D:x a=\"&quot;&lt;&#9;&#10;'\"> a&amp;b<D:y/>&lt;c&gt;<![CDATA[<d>]]>\r\n&#13;\U0001F600<!-- gone --></D:x></D:prop></D:set></D:propertyupdate>",
			want: []propChange{{Name: dav("x"),
				XML:  "<D:x xmlns:D=\"DAV:\" a=\"&quot;&lt;&#9;&#10;'\"> a&amp;b<D:y/>&lt;c&gt;&lt;d&gt;\n&#13;\U0001F600</D:x>",
				Text: " a&b<c><d>\n\r\U0001F600"}},
		},
		{
			name: "others ignored",
			body: `<D:propertyupdate xmlns:D="DAV:"><D:other/><D:set><D:junk>x</D:junk><D:prop>text<D:a/></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{{Name: dav("a"), XML: `<D:a xmlns:D="DAV:"/>`}},
		},
		{
			name: "long text is only in the XML",
			body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:a>` + strings.Repeat("x", 257) + `</D:a></D:prop></D:set></D:propertyupdate>`,
			want: []propChange{{Name: dav("a"), XML: `<D:a xmlns:D="DAV:">` + strings.Repeat("x", 257) + `</D:a>`}},
		},
		{name: "nothing", body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop/></D:set></D:propertyupdate>`, status: 400},
		{name: "empty", body: ``, status: 400},
		{name: "undeclared inside", body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:a><q:b/></D:a></D:prop></D:set></D:propertyupdate>`, status: 400},
		{name: "undeclared inside of a removal", body: `<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><D:a><q:b/></D:a></D:prop></D:remove></D:propertyupdate>`, status: 400},
		{name: "too many", body: `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>` + strings.Repeat("<D:a/>", 501) + `</D:prop></D:set></D:propertyupdate>`, status: 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readProppatch(strings.NewReader(c.body))
			if s := errStatus(t, err); s != c.status {
				t.Fatalf("status %d (%v), want %d", s, err, c.status)
			}
			if err == nil && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%+v, want\n%+v", got, c.want)
			}
		})
	}
}

func TestLCK4_ReadLockinfo(t *testing.T) {
	info := func(scope, owner string) string {
		return `<D:lockinfo xmlns:D="DAV:"><D:lockscope>` + scope + `</D:lockscope><D:locktype><D:write/></D:locktype>` + owner + `</D:lockinfo>`
	}
	for _, c := range []struct {
		name, body string
		want       lockInfo
		status     int
	}{
		{name: "refresh", want: lockInfo{Refresh: true}},
		{name: "exclusive", body: info("<D:exclusive/>", ""), want: lockInfo{}},
		{name: "shared", body: info("<D:shared/>", ""), want: lockInfo{Shared: true}},
		{name: "owner text", body: info("<D:shared/>", "<D:owner> Ann &amp; Bob </D:owner>"), want: lockInfo{Shared: true, OwnerXML: " Ann &amp; Bob "}},
		{name: "owner elements", body: info("<D:exclusive/>", `<D:owner>x<D:href>mailto:a</D:href><b:c xmlns:b="u"/>y</D:owner>`),
			want: lockInfo{OwnerXML: `x<D:href xmlns:D="DAV:">mailto:a</D:href><b:c xmlns:b="u"/>y`}},
		{name: "no scope", body: info("", ""), status: 400},
		{name: "both scopes", body: info("<D:shared/><D:exclusive/>", ""), status: 400},
		{name: "no type", body: `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope></D:lockinfo>`, status: 400},
		{name: "too large", body: info("<D:shared/>", "<D:owner>"+strings.Repeat("x", maxLockBody)+"</D:owner>"), status: 413},
		{name: "no XML", body: "x", status: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readLockinfo(strings.NewReader(c.body))
			if s := errStatus(t, err); s != c.status {
				t.Fatalf("status %d (%v), want %d", s, err, c.status)
			}
			if err == nil && got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAppendText(t *testing.T) {
	for _, c := range []struct{ in, text, attr string }{
		{"plain", "plain", "plain"},
		{`<a b="c">&'`, `&lt;a b="c"&gt;&amp;'`, `&lt;a b=&quot;c&quot;&gt;&amp;'`},
		{"\t\n\r", "\t\n&#13;", "&#9;&#10;&#13;"},
		{"ü\U0001F600\u2028", "ü\U0001F600\u2028", "ü\U0001F600\u2028"},
		{"a\x00\x1b\x7fb", "a\uFFFD\uFFFD\x7fb", "a\uFFFD\uFFFD\x7fb"},
		{"a\xffb\xc3", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		{"\uFFFE\uFFFF\uFFFD", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"},
		{"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"},
	} {
		if got := string(appendText(nil, c.in)); got != c.text {
			t.Errorf("appendText(%q) = %q, want %q", c.in, got, c.text)
		}
		if got := string(appendEscaped(nil, []byte(c.in), true)); got != c.attr {
			t.Errorf("attribute %q = %q, want %q", c.in, got, c.attr)
		}
	}
}

func TestAppendEmpty(t *testing.T) {
	for _, c := range []struct {
		name xml.Name
		want string
	}{
		{dav("getetag"), `<D:getetag/>`},
		{xml.Name{Local: "x"}, `<x/>`},
		{xml.Name{Space: `a"<&`, Local: "x"}, `<x:x xmlns:x="a&quot;&lt;&amp;"/>`},
		{xml.Name{Space: xmlSpace, Local: "y"}, `<xml:y/>`},
	} {
		if got := string(appendEmpty(nil, c.name)); got != c.want {
			t.Errorf("appendEmpty(%v) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPropfindCache(t *testing.T) {
	c := bodyCache[propfind]{limit: maxXMLBody, parse: parsePropfind}
	body := func(i int) io.Reader {
		return strings.NewReader(fmt.Sprintf(`<propfind xmlns="DAV:"><prop><p%d/></prop></propfind>`, i))
	}
	first, err := c.read(body(1))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.read(body(1)); err != nil || again != first {
		t.Errorf("the same body: %p, %v, want %p", again, err, first)
	}
	for i := range 3 * maxCachedCount {
		pf, err := c.read(body(i))
		if err != nil || !reflect.DeepEqual(pf.names, []xml.Name{dav(fmt.Sprintf("p%d", i))}) {
			t.Fatalf("body %d: %+v, %v", i, pf, err)
		}
	}
	if n := len(c.parsed); n > maxCachedCount {
		t.Errorf("%d cached bodies", n)
	}
	if _, err := c.read(strings.NewReader("<x")); errStatus(t, err) != 400 {
		t.Errorf("bad body: %v", err)
	}
	large := `<propfind xmlns="DAV:"><propname/></propfind>` + strings.Repeat(" ", maxCachedBody)
	n := len(c.parsed)
	if _, err := c.read(strings.NewReader(large)); err != nil || len(c.parsed) != n {
		t.Errorf("a large body: %v, %d cached, want %d", err, len(c.parsed), n)
	}
}

// TestSEC1_XMLMemory feeds the bodies that make the largest structures for their size (SEC-1).
func TestSEC1_XMLMemory(t *testing.T) {
	fill := func(head, unit, tail string) string {
		return head + strings.Repeat(unit, (maxXMLBody-len(head)-len(tail))/len(unit)) + tail
	}
	set := `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>`
	var namespaces, prefixes string
	for i := range 100 {
		namespaces += fmt.Sprintf(` xmlns:n%d='%s'`, i, strings.Repeat(`"`, 4000))
		prefixes += fmt.Sprintf("n%d:", i)
	}
	for name, body := range map[string]string{
		"attributes":      fill(set+`<a`, ` b=''`, `/>`),
		"elements":        fill(set, `<a/>`, ``),
		"nesting":         fill(set, `<a>`, ``),
		"entities":        fill(set+`<a>`, `&lt;`, `</a></D:prop></D:set></D:propertyupdate>`),
		"text":            fill(set+`<a>`, `x`, `</a></D:prop></D:set></D:propertyupdate>`),
		"comments":        fill(set+`<a>`, `<!---->`, `</a></D:prop></D:set></D:propertyupdate>`),
		"properties":      fill(set, `<a b='' c='' d='' e='' f='' g='' h='' i='' j='' k='' l='' m='' n='' o=''/>`, ``),
		"long name":       fill(set+`<a`, `a`, `/>`),
		"long namespace":  fill(`<D:propertyupdate xmlns:D="DAV:" xmlns:a="`, `u`, `"><D:set><D:prop>`+strings.Repeat(`<a:b/>`, 400)+`</D:prop></D:set></D:propertyupdate>`),
		"many namespaces": `<D:propertyupdate xmlns:D="DAV:"` + namespaces + `><D:set><D:prop>` + strings.Repeat(`<D:b>`+prefixes+`</D:b>`, 400) + `</D:prop></D:set></D:propertyupdate>`,
		"declaration":     fill(`<?xml version="1.0"`, ` `, `?>`),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := readProppatch(strings.NewReader(body))
			runtime.ReadMemStats(&after)
			if err != nil {
				errStatus(t, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 20*maxXMLBody {
				t.Errorf("%d bytes allocated for a body of %d", used, len(body))
			}
		})
	}
}

// infoset gives a canonical text of the element that doc is, as encoding/xml understands it
// inside of a response of ours: resolved names, sorted attributes, joined text.
func infoset(doc string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(`<D:prop xmlns:D="DAV:">` + doc + `</D:prop>`))
	var b strings.Builder
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			fmt.Fprintf(&b, "<%q", tok.Name)
			var attrs []string
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					attrs = append(attrs, fmt.Sprintf(" %q=%q", a.Name, a.Value))
				}
			}
			sort.Strings(attrs)
			b.WriteString(strings.Join(attrs, "") + ">")
		case xml.EndElement:
			b.WriteString("</>")
		case xml.CharData:
			b.WriteString(strings.Trim(fmt.Sprintf("%q", tok), `"`))
		}
	}
}

func FuzzPropfind(f *testing.F) {
	f.Add([]byte(`<D:propfind xmlns:D="DAV:"><D:prop><D:a/><x xmlns="u"/></D:prop></D:propfind>`))
	f.Add([]byte(`<propfind xmlns="DAV:"><allprop/><include><a/></include></propfind>`))
	f.Add([]byte(`<!DOCTYPE a><a:b:c xmlns:a=""/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		pf, err := parsePropfind(body)
		if err != nil {
			errStatus(t, err)
			return
		}
		var b []byte
		for _, name := range pf.names {
			b = appendEmpty(b, name)
		}
		again, err := parsePropfind([]byte(`<D:propfind xmlns:D="DAV:"><D:prop>` + string(b) + `</D:prop></D:propfind>`))
		if err != nil || len(again.names) != len(pf.names) || len(pf.names) > 0 && !reflect.DeepEqual(again.names, pf.names) {
			t.Fatalf("%v written out as %s gives %v, %v", pf.names, b, again.names, err)
		}
	})
}

func FuzzProppatch(f *testing.F) {
	f.Add([]byte(`<D:propertyupdate xmlns:D="DAV:" xml:lang="en" xmlns:a="a:"><D:set><D:prop><a:x b="c:d" a:y="&quot;"><a>t&amp;<![CDATA[<]]></a></a:x></D:prop></D:set></D:propertyupdate>`))
	f.Add([]byte(`<propertyupdate xmlns="DAV:"><set><prop><x xmlns=""><y xmlns="u"/></x><z/></prop></set></propertyupdate>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		changes, err := readProppatch(strings.NewReader(string(body)))
		if err != nil {
			errStatus(t, err)
			return
		}
		for _, c := range changes {
			if c.Remove {
				continue
			}
			// What is stored means the same wherever it is put, and reading it again changes nothing.
			want, err := infoset(c.XML)
			if err != nil {
				t.Fatalf("%q: %v", c.XML, err)
			}
			again, err := readProppatch(strings.NewReader(`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>` + c.XML + `</D:prop></D:set></D:propertyupdate>`))
			if err != nil || len(again) != 1 || again[0].Name != c.Name || again[0].Text != c.Text {
				t.Fatalf("%q read again: %+v, %v", c.XML, again, err)
			}
			if got, err := infoset(again[0].XML); err != nil || got != want {
				t.Fatalf("%q read again is %q: %s, %v, want %s", c.XML, again[0].XML, got, err, want)
			}
		}
	})
}

func FuzzLockinfo(f *testing.F) {
	f.Add([]byte(`<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner>x<D:href>y</D:href></D:owner></D:lockinfo>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		info, err := readLockinfo(strings.NewReader(string(body)))
		if err != nil {
			errStatus(t, err)
			return
		}
		if _, err := infoset(info.OwnerXML); err != nil {
			t.Fatalf("owner %q: %v", info.OwnerXML, err)
		}
	})
}
