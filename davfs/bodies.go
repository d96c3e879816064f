package davfs

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"sync"
)

// propfindKind is what a PROPFIND asks for.
type propfindKind uint8

const (
	propfindAll   propfindKind = iota // all properties of RFC 4918, and the names
	propfindNames                     // only which there are
	propfindProps                     // the names
)

// propfind is the body of a PROPFIND request. No name is in it twice.
type propfind struct {
	kind  propfindKind
	names []xml.Name

	expand map[xml.Name]*propfind // of an expand-property report: what is wanted of those that a value names

	wants []wanted // the names, see compile
	sums  bool     // oc:checksums is asked for
	dead  bool     // dead properties are asked for, or may be

	cacheable, locks bool // see listingCache: answers may be kept; but not while there are locks
}

// propChange is one instruction of a PROPPATCH.
type propChange struct {
	Remove bool
	Name   xml.Name
	XML    string // set: the whole element, well-formed by itself, valid in any document
	Text   string // set: the character data directly in it, if that is at most 256 bytes
}

// lockInfo is the body of a LOCK request.
type lockInfo struct {
	Refresh  bool // there was no body
	Shared   bool
	OwnerXML string // content of the owner element, valid in any document
}

// parsePropfind reads the body of a PROPFIND; none means allprop. Errors of all that reads bodies here are
// *statusErrors (400, 413, 415) or come from the body.
func parsePropfind(data []byte) (propfind, error) {
	if blank(data) {
		pf := propfind{kind: propfindAll}
		pf.compile()
		return pf, nil
	}
	var (
		pf      propfind
		include []xml.Name
		kinds   int
	)
	r := newXMLReader(data)
	err := r.document("propfind", func(el xmlElement) error {
		var err error
		switch {
		case el.is("prop"):
			kinds++
			pf.kind = propfindProps
			pf.names, err = r.names()
		case el.is("include"):
			include, err = r.names()
		case el.is("allprop"):
			kinds++
			pf.kind = propfindAll
			err = r.skip()
		case el.is("propname"):
			kinds++
			pf.kind = propfindNames
			err = r.skip()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return propfind{}, err
	}
	if kinds != 1 {
		return propfind{}, badRequest("propfind must have one of prop, propname and allprop")
	}
	if pf.kind == propfindAll {
		pf.names = include
	}
	pf.compile()
	return pf, nil
}

// readProppatch reads the changes of a PROPPATCH body in document order.
func readProppatch(body io.Reader) ([]propChange, error) {
	data, err := readBody(body, maxXMLBody)
	if err != nil {
		return nil, err
	}
	var changes []propChange
	r := newXMLReader(data)
	err = r.document("propertyupdate", func(el xmlElement) error {
		remove := el.is("remove")
		if !remove && !el.is("set") {
			return r.skip()
		}
		return r.propChanges(&changes, func(el xmlElement, c *propChange) (err error) {
			if c.Remove = remove; remove {
				return r.skip()
			}
			c.XML, c.Text, err = r.capture(el)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, badRequest("propertyupdate names no property")
	}
	return changes, nil
}

// propChanges reads the prop elements of a set or remove element: read is called for each property.
func (r *xmlReader) propChanges(changes *[]propChange, read func(xmlElement, *propChange) error) error {
	return r.children(func(el xmlElement) error {
		if !el.is("prop") {
			return r.skip()
		}
		return r.children(func(el xmlElement) error {
			if len(*changes) == maxXMLProperties {
				return tooManyProperties()
			}
			c := propChange{Name: el.name}
			err := read(el, &c)
			*changes = append(*changes, c)
			return err
		})
	})
}

// readMkcol reads the body of an extended MKCOL (RFC 5689, section 3): the properties of the new
// collection in document order. The Text of its resourcetype is "collection" if it is nothing else.
func readMkcol(data []byte) ([]propChange, error) {
	var changes []propChange
	typed := false
	r := newXMLReader(data)
	err := r.document("mkcol", func(el xmlElement) error {
		if !el.is("set") {
			return r.skip()
		}
		return r.propChanges(&changes, func(el xmlElement, c *propChange) (err error) {
			if !el.is("resourcetype") {
				c.XML, c.Text, err = r.capture(el)
				return err
			}
			types, err := r.names()
			typed = true
			if len(types) == 1 && types[0] == davName("collection") {
				c.Text = "collection"
			}
			return err
		})
	})
	switch {
	case r.otherRoot:
		return nil, errMkcolBody
	case err != nil:
		return nil, err
	case !typed:
		return nil, badRequest("mkcol must say that the resourcetype is a collection") // RFC 5689, section 3
	}
	return changes, nil
}

// parseLockinfo reads the body of a LOCK; none is a refresh.
func parseLockinfo(data []byte) (lockInfo, error) {
	if blank(data) {
		return lockInfo{Refresh: true}, nil
	}
	var (
		info                     lockInfo
		exclusive, shared, write bool
	)
	r := newXMLReader(data)
	err := r.document("lockinfo", func(el xmlElement) error {
		switch {
		case el.is("lockscope"):
			return r.children(func(el xmlElement) error {
				exclusive = exclusive || el.is("exclusive")
				shared = shared || el.is("shared")
				return r.skip()
			})
		case el.is("locktype"):
			return r.children(func(el xmlElement) error {
				write = write || el.is("write")
				return r.skip()
			})
		case el.is("owner"):
			var err error
			info.OwnerXML, err = r.content()
			return err
		}
		return r.skip()
	})
	if err != nil {
		return lockInfo{}, err
	}
	if exclusive == shared || !write {
		return lockInfo{}, badRequest("lockinfo must ask for an exclusive or a shared write lock")
	}
	info.Shared = shared
	return info, nil
}

// bodyCache keeps small bodies parsed: clients send the same few over and over. It is safe for
// concurrent use. What it returns is shared and must not be changed.
type bodyCache[T any] struct {
	limit int // bytes of a body
	parse func(data []byte) (T, error)

	mu     sync.RWMutex
	parsed map[string]*T
}

const (
	maxCachedBody  = 4 << 10
	maxCachedCount = 256
)

func (c *bodyCache[T]) read(body io.Reader) (*T, error) {
	data, err := readBody(body, c.limit)
	if err != nil {
		return nil, err
	}
	c.mu.RLock()
	known := c.parsed[string(data)]
	c.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	parsed, err := c.parse(data)
	if err != nil {
		return nil, err
	}
	if len(data) <= maxCachedBody {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.parsed == nil || len(c.parsed) >= maxCachedCount {
			c.parsed = make(map[string]*T) // the few in use are back at once
		}
		c.parsed[string(data)] = &parsed
	}
	return &parsed, nil
}

// readBody reads all of a body of at most limit bytes.
func readBody(body io.Reader, limit int) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	data := make([]byte, 0, 1024)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := body.Read(data[len(data):min(cap(data), limit+1)])
		data = data[:len(data)+n]
		if len(data) > limit {
			return nil, &statusError{Status: http.StatusRequestEntityTooLarge, Text: "the XML body is too large"}
		}
		if err == io.EOF {
			return data, nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, badRequest("the XML body broke off")
		}
		if err != nil {
			return nil, err
		}
	}
}

func blank(data []byte) bool { return len(bytes.TrimSpace(data)) == 0 }

func tooManyProperties() error {
	return &statusError{Status: http.StatusRequestEntityTooLarge, Text: "the XML body has too many properties"}
}
