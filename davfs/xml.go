package davfs

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of request bodies (SEC-1).
const (
	maxXMLBody       = 1 << 20
	maxLockBody      = 256 << 10
	maxXMLDepth      = 64
	maxXMLElements   = 2000
	maxXMLAttributes = 256 // of one element
	maxXMLBindings   = 256 // namespace declarations in scope at one place
	maxXMLProperties = 500
	maxXMLWord       = 64 << 10  // bytes of a text that is kept, such as a sync token
	maxXMLNamespace  = 4 << 10   // bytes of a namespace or a language
	maxXMLAdded      = 256 << 10 // bytes of declarations that captured elements need from outside
)

const (
	davSpace   = "DAV:"
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

func badXML(text string) error { return badRequest("the body is not good XML: " + text) }

// xmlReader reads a small XML document with namespaces. encoding/xml's own
// handling of them accepts prefixes that nobody declared and loses the prefixes that
// captured content needs, so this one has its own stack over RawToken.
type xmlReader struct {
	d         *xml.Decoder
	open      []xmlElement
	bindings  []nsBinding
	elements  int
	begun     bool       // something was read
	otherRoot bool       // than document was to read
	added     int        // bytes that inherited gave
	got       xmlElement // of the last start token
	text      []byte     // of the last text token
}

// xmlElement is an open element.
type xmlElement struct {
	name  xml.Name   // with the namespace
	raw   xml.Name   // with the prefix
	attrs []xml.Attr // with prefixes
	scope int        // how many bindings the reader had outside of it
	lang  string     // xml:lang in force
}

// is says whether e is this element of the DAV: namespace.
func (e xmlElement) is(local string) bool {
	return e.name.Local == local && e.name.Space == davSpace
}

// nsBinding declares a prefix; "" is the default namespace, and without URI there is none.
type nsBinding struct{ prefix, uri string }

type xmlToken uint8

const (
	xmlStart xmlToken = iota
	xmlEnd
	xmlText
)

func newXMLReader(data []byte) *xmlReader {
	r := &xmlReader{d: xml.NewDecoder(&attrBound{data: toUTF8(data)})}
	r.d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(charset) {
		case "utf-16", "us-ascii":
			return in, nil
		}
		return nil, errors.ErrUnsupported
	}
	return r
}

// toUTF8 takes the byte order mark off a body, and turns UTF-16, which must be
// understood too (RFC 4918, section 19), into UTF-8.
func toUTF8(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for data = data[2:]; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return []byte(string(utf16.Decode(units)))
}

// attrBound feeds a decoder and ends a tag that has absurdly many attributes
// before the decoder has built them all: their structures take 20 times their text.
type attrBound struct {
	data []byte
	tag  bool
	n    int
}

var errAttributes = errors.New("an element has too many attributes")

func (b *attrBound) ReadByte() (byte, error) {
	if len(b.data) == 0 {
		return 0, io.EOF
	}
	c := b.data[0]
	b.data = b.data[1:]
	switch c {
	case '<':
		b.tag = len(b.data) > 0 && b.data[0] != '!' && b.data[0] != '?'
		b.n = 0
	case '>':
		b.tag = false
	case '=':
		if b.n++; b.tag && b.n > maxXMLAttributes {
			return 0, errAttributes
		}
	}
	return c, nil
}

// Read is there for xml.NewDecoder, which prefers ReadByte.
func (b *attrBound) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// document reads a whole document whose root is this DAV: element, and calls fn for each
// of the root's children; fn must read the child to its end.
func (r *xmlReader) document(root string, fn func(xmlElement) error) error {
	el, err := r.root()
	if err != nil {
		return err
	}
	if !el.is(root) {
		r.otherRoot = true
		return badRequest("the body's root element must be " + root + " of the namespace DAV:")
	}
	if err := r.children(fn); err != nil {
		return err
	}
	return r.end()
}

// root opens the root element.
func (r *xmlReader) root() (xmlElement, error) {
	for {
		tok, err := r.next()
		if err == io.EOF {
			return xmlElement{}, badXML("it has no root element")
		}
		if err != nil {
			return xmlElement{}, err
		}
		if tok == xmlStart {
			return r.got, nil
		}
	}
}

// end reads what is behind the root element: nothing that counts.
func (r *xmlReader) end() error {
	for {
		tok, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if tok == xmlStart {
			return badXML("it has a second root element")
		}
	}
}

// children calls fn for each child of the element that was just opened, up to and with its end.
// fn must read the child to its end.
func (r *xmlReader) children(fn func(xmlElement) error) error {
	for {
		tok, err := r.inner()
		if err != nil {
			return err
		}
		switch tok {
		case xmlStart:
			if err := fn(r.got); err != nil {
				return err
			}
		case xmlEnd:
			return nil
		}
	}
}

// skip reads up to and with the end of the element that was just opened.
func (r *xmlReader) skip() error {
	for outside := len(r.open) - 1; len(r.open) > outside; {
		if _, err := r.inner(); err != nil {
			return err
		}
	}
	return nil
}

// names reads the names of the children, each once.
func (r *xmlReader) names() ([]xml.Name, error) {
	var list []xml.Name
	seen := make(map[xml.Name]bool)
	err := r.children(func(el xmlElement) error {
		if !seen[el.name] {
			if len(list) == maxXMLProperties {
				return tooManyProperties()
			}
			seen[el.name] = true
			list = append(list, el.name)
		}
		return r.skip()
	})
	return list, err
}

// word reads the text of the element that was just opened, which is short, without blanks around it.
func (r *xmlReader) word() (string, error) {
	var b []byte
	for {
		tok, err := r.inner()
		if err != nil {
			return "", err
		}
		switch tok {
		case xmlEnd:
			return string(bytes.TrimSpace(b)), nil
		case xmlText:
			if b = append(b, r.text...); len(b) > maxXMLWord {
				return "", badRequest("the text of an element is too long")
			}
		case xmlStart:
			if err := r.skip(); err != nil {
				return "", err
			}
		}
	}
}

// content reads the element that was just opened and gives what is in it, in a
// form that is valid inside of any element.
func (r *xmlReader) content() (string, error) {
	var b []byte
	for {
		tok, err := r.inner()
		if err != nil {
			return "", err
		}
		switch tok {
		case xmlEnd:
			return string(b), nil
		case xmlText:
			b = appendText(b, r.text)
		case xmlStart:
			child, _, err := r.capture(r.got)
			if err != nil {
				return "", err
			}
			b = append(b, child...)
		}
	}
}

// capture reads el, which was just opened, to its end and gives it as XML that is
// valid in any document: the namespaces and the language that it has from outside
// are declared on it. Comments and processing instructions are left out. text is its
// own character data, or nothing if that is long.
func (r *xmlReader) capture(el xmlElement) (whole, text string, err error) {
	const maxText = 256
	var (
		outside  = len(r.open) - 1
		b        = appendRawName([]byte{'<'}, el.raw)
		head     = len(b) // where declarations from outside go
		own      []byte   // direct character data
		bare     bool     // an element has the default namespace from outside, or none
		unclosed = true   // the tag at the end of b has no '>' yet
	)
	b = appendAttrs(b, el.attrs)
	bare = el.raw.Space == "" && r.binding("") < el.scope
	for len(r.open) > outside {
		tok, err := r.inner()
		if err != nil {
			return "", "", err
		}
		if tok == xmlEnd && unclosed {
			b = append(b, '/', '>')
			unclosed = false
			continue
		}
		if unclosed {
			b = append(b, '>')
			unclosed = false
		}
		switch tok {
		case xmlStart:
			b = appendAttrs(appendRawName(append(b, '<'), r.got.raw), r.got.attrs)
			bare = bare || r.got.raw.Space == "" && r.binding("") < el.scope
			unclosed = true
		case xmlText:
			b = appendText(b, r.text)
			if len(r.open)-1 == outside && len(own) <= maxText {
				own = append(own, r.text[:min(len(r.text), maxText+1)]...)
			}
		case xmlEnd:
			b = append(appendRawName(append(b, '<', '/'), r.got.raw), '>')
		}
	}
	if len(own) > maxText {
		own = nil
	}
	add := r.inherited(el, b, bare)
	if r.added += len(add); r.added > maxXMLAdded {
		return "", "", badXML("its namespaces are too long")
	}
	return string(b[:head]) + string(add) + string(b[head:]), string(own), nil
}

// inherited gives the declarations that el, captured as b, needs from outside. A
// prefix may also be used in text, so one is needed if it can be found anywhere.
func (r *xmlReader) inherited(el xmlElement, b []byte, bare bool) []byte {
	var add []byte
	declared := make(map[string]bool)
	for _, a := range el.attrs {
		if a.Name.Space == "xmlns" {
			declared[a.Name.Local] = true
		}
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			declared[""] = true
		}
	}
	for i := el.scope - 1; i >= 0; i-- {
		ns := r.bindings[i]
		if declared[ns.prefix] {
			continue
		}
		declared[ns.prefix] = true
		if ns.prefix == "" && bare {
			add = appendAttr(add, xml.Name{Local: "xmlns"}, ns.uri)
		}
		if ns.prefix != "" && bytes.Contains(b, []byte(ns.prefix+":")) {
			add = appendAttr(add, xml.Name{Space: "xmlns", Local: ns.prefix}, ns.uri)
		}
	}
	if bare && !declared[""] {
		add = append(add, ` xmlns=""`...)
	}
	for _, a := range el.attrs {
		if a.Name.Space == "xml" && a.Name.Local == "lang" {
			return add
		}
	}
	if el.lang != "" {
		add = appendAttr(add, xml.Name{Space: "xml", Local: "lang"}, el.lang)
	}
	return add
}

// inner is next where the document cannot end.
func (r *xmlReader) inner() (xmlToken, error) {
	tok, err := r.next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // next has seen to it; a caller of inner never gets a bare EOF
	}
	return tok, err
}

// next reads the next start or end tag or text. It is io.EOF behind the whole document.
func (r *xmlReader) next() (xmlToken, error) {
	for {
		tok, err := r.d.RawToken()
		if err != nil {
			return 0, r.failed(err)
		}
		first := !r.begun
		r.begun = true
		switch tok := tok.(type) {
		case xml.StartElement:
			return xmlStart, r.start(tok)
		case xml.EndElement:
			n := len(r.open) - 1
			if n < 0 || r.open[n].raw != tok.Name {
				return 0, badXML("an end tag does not match its start tag")
			}
			r.got = r.open[n]
			r.open = r.open[:n]
			r.bindings = r.bindings[:r.got.scope]
			return xmlEnd, nil
		case xml.CharData:
			if len(r.open) > 0 {
				r.text = tok
				return xmlText, nil
			}
			if !blank(tok) {
				return 0, badXML("it has text outside of its root element")
			}
		case xml.ProcInst:
			if strings.EqualFold(tok.Target, "xml") && !first {
				return 0, badXML("the XML declaration is not at its start")
			}
		case xml.Directive:
			return 0, badXML("document types are not allowed")
		}
	}
}

// failed turns an error of the decoder into ours.
func (r *xmlReader) failed(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case err == io.EOF && len(r.open) == 0:
		return err
	case err == io.EOF:
		return badXML("it ends inside of an element")
	case err == errAttributes:
		return &statusError{Status: http.StatusRequestEntityTooLarge, Text: err.Error()}
	case errors.As(err, &syntax):
		return badXML(syntax.Msg)
	}
	return badXML("its encoding is not UTF-8")
}

// start opens an element: it declares its prefixes and resolves its names.
func (r *xmlReader) start(tok xml.StartElement) error {
	if r.elements++; r.elements > maxXMLElements {
		return &statusError{Status: http.StatusRequestEntityTooLarge, Text: "the XML body has too many elements"}
	}
	if len(r.open) == maxXMLDepth {
		return badXML("its elements are nested too deep")
	}
	el := xmlElement{raw: tok.Name, attrs: tok.Attr, scope: len(r.bindings)}
	if n := len(r.open); n > 0 {
		el.lang = r.open[n-1].lang
	}
	for _, a := range tok.Attr {
		var err error
		switch {
		case a.Name.Space == "xmlns":
			err = r.declare(a.Name.Local, a.Value)
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			err = r.declare("", a.Value)
		case a.Name.Space == "xml" && a.Name.Local == "lang":
			el.lang = a.Value
			if len(el.lang) > maxXMLNamespace {
				err = badXML("a language is too long")
			}
		}
		if err != nil {
			return err
		}
	}
	var err error
	if el.name, err = r.resolve(tok.Name, false); err != nil {
		return err
	}
	seen := make([]xml.Name, 0, 8)
	for _, a := range tok.Attr {
		name, err := r.resolve(a.Name, true)
		if err != nil {
			return err
		}
		for _, other := range seen {
			if other == name {
				return badXML("an attribute is given twice")
			}
		}
		seen = append(seen, name)
	}
	r.open = append(r.open, el)
	r.got = el
	return nil
}

// declare binds a prefix for the element that is being opened.
func (r *xmlReader) declare(prefix, uri string) error {
	switch {
	case prefix == "xml" && uri == xmlSpace:
		return nil
	case prefix == "xml" || prefix == "xmlns" || uri == xmlSpace || uri == xmlnsSpace:
		return badXML("a reserved namespace prefix is declared")
	case prefix != "" && uri == "":
		return badXML("a namespace prefix is bound to nothing")
	case strings.Contains(prefix, ":"):
		return badXML("a name has more than one colon")
	case len(uri) > maxXMLNamespace:
		return badXML("a namespace is too long")
	case len(r.bindings) == maxXMLBindings:
		return badXML("it declares too many namespaces")
	}
	r.bindings = append(r.bindings, nsBinding{prefix, uri})
	return nil
}

// binding gives the index of the binding of a prefix that is in force, or -1.
func (r *xmlReader) binding(prefix string) int {
	for i := len(r.bindings) - 1; i >= 0; i-- {
		if r.bindings[i].prefix == prefix {
			return i
		}
	}
	return -1
}

// resolve puts the namespace in the place of the prefix.
func (r *xmlReader) resolve(raw xml.Name, attribute bool) (xml.Name, error) {
	name := xml.Name{Local: raw.Local}
	switch {
	case strings.Contains(raw.Local, ":"):
		return name, badXML("a name has a colon at the wrong place")
	case raw.Space == "" && attribute:
		return name, nil
	case raw.Space == "xmlns" && attribute:
		name.Space = xmlnsSpace
		return name, nil
	case raw.Space == "xml":
		name.Space = xmlSpace
		return name, nil
	}
	i := r.binding(raw.Space)
	if i < 0 && raw.Space != "" {
		return name, badXML("a namespace prefix is not declared")
	}
	if i >= 0 {
		name.Space = r.bindings[i].uri
	}
	return name, nil
}

func appendRawName(dst []byte, name xml.Name) []byte {
	if name.Space != "" {
		dst = append(dst, name.Space...)
		dst = append(dst, ':')
	}
	return append(dst, name.Local...)
}

func appendAttrs(dst []byte, attrs []xml.Attr) []byte {
	for _, a := range attrs {
		dst = appendAttr(dst, a.Name, a.Value)
	}
	return dst
}

// appendAttr appends an attribute, with a blank before it. The name's space is a prefix.
func appendAttr(dst []byte, name xml.Name, value string) []byte {
	dst = append(dst, ' ')
	dst = append(appendRawName(dst, name), '=', '"')
	return append(appendEscaped(dst, value, true), '"')
}

// appendEmpty appends the empty element of this name, whose space is a namespace,
// to a document whose root declares D as DAV:.
func appendEmpty(dst []byte, name xml.Name) []byte {
	dst = append(dst, '<')
	switch name.Space {
	case davSpace:
		dst = append(dst, 'D', ':')
		dst = append(dst, name.Local...)
	case "":
		dst = append(dst, name.Local...)
	case xmlSpace:
		dst = append(dst, "xml:"...)
		dst = append(dst, name.Local...)
	default:
		dst = append(dst, "x:"...)
		dst = append(dst, name.Local...)
		dst = appendAttr(dst, xml.Name{Space: "xmlns", Local: "x"}, name.Space)
	}
	return append(dst, '/', '>')
}

// appendText appends s escaped as text. What XML cannot hold, invalid UTF-8 and most
// control characters, becomes U+FFFD.
func appendText[T string | []byte](dst []byte, s T) []byte {
	return appendEscaped(dst, s, false)
}

func appendEscaped[T string | []byte](dst []byte, s T, attribute bool) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '"' {
			i++
			continue
		}
		size, escaped := 1, ""
		switch {
		case c == '&':
			escaped = "&amp;"
		case c == '<':
			escaped = "&lt;"
		case c == '>':
			escaped = "&gt;"
		case c == '\r': // a bare one would be read as a line feed
			escaped = "&#13;"
		case attribute && c == '"':
			escaped = "&quot;"
		case attribute && c == '\n':
			escaped = "&#10;"
		case attribute && c == '\t':
			escaped = "&#9;"
		case c == '"' || c == '\n' || c == '\t':
		case c < utf8.RuneSelf:
			escaped = "\uFFFD"
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				escaped = "\uFFFD"
			}
		}
		if escaped != "" {
			dst = append(append(dst, s[from:i]...), escaped...)
			from = i + size
		}
		i += size
	}
	return append(dst, s[from:]...)
}
