package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxJSONBody is what the body of a request may have, unless its route allows more.
const maxJSONBody = 1 << 20

// object is a JSON object that a client sent, read field by field. What is wrong first
// is kept and told by bad; after that all fields read as absent. Fields that nobody asks
// for are ignored: they are for other versions of the API.
//
//	in, err := readObject(c)
//	title := in.text("title")
//	quota, given := in.optInt("quota")
//	if err := in.bad(); err != nil { … }
type object struct {
	at     string // where it is in the body: "" or "items[3]."
	fields map[string]json.RawMessage
	fault  *error // of the whole body
}

// readObject reads a body of at most maxJSONBody that is one JSON object, whatever its
// Content-Type says.
func readObject(c echo.Context) (*object, error) { return readObjectOf(c, maxJSONBody) }

// readObjectOf is readObject for bodies of at most max bytes. No body at all is an empty object.
func readObjectOf(c echo.Context, max int64) (*object, error) {
	body, err := readWhole(c.Response(), c.Request(), max)
	if err != nil {
		return nil, err
	}
	o := &object{fault: new(error)}
	if len(bytes.TrimSpace(body)) == 0 {
		return o, nil
	}
	o.fields, err = jsonObject(body)
	return o, err
}

// readWhole reads a body of at most max bytes.
func readWhole(w http.ResponseWriter, r *http.Request, max int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, max))
	if err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return nil, errTooLarge
		}
		return nil, &paramError{"body", "broke off"}
	}
	return body, nil
}

// jsonObject splits one JSON object into its fields. Stricter than
// json.Unmarshal: names are compared exactly, and none may come twice.
func jsonObject(body []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if !json.Valid(body) {
		return nil, &paramError{"body", "must be one JSON object"}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, &paramError{"body", "must be a JSON object"}
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, &paramError{"body", "must be a JSON object"}
		}
		if _, twice := fields[key]; twice {
			return nil, &paramError{fieldName(key), "is given twice"}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, &paramError{fieldName(key), "must be a JSON value"}
		}
		fields[key] = value
	}
	return fields, nil
}

// fieldName shows a name that a client made up, which may be as long as the body.
func fieldName(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return printable(name)
}

// bad is what was wrong with the fields that were read; nil for nothing.
func (o *object) bad() error { return *o.fault }

// refuse notes what is wrong with a field.
func (o *object) refuse(name, format string, args ...any) {
	if *o.fault == nil {
		*o.fault = &paramError{o.at + name, fmt.Sprintf(format, args...)}
	}
}

// has says whether a field is there and not null.
func (o *object) has(name string) bool {
	raw, ok := o.fields[name]
	return ok && string(raw) != "null"
}

// raw returns a field that is there and not null.
func (o *object) raw(name string) (json.RawMessage, bool) {
	if *o.fault != nil || !o.has(name) {
		return nil, false
	}
	return o.fields[name], true
}

// read unmarshals a field; false if it is absent, null, or not what the words say.
func (o *object) read(name, what string, dest any) bool {
	raw, ok := o.raw(name)
	if !ok {
		return false
	}
	if json.Unmarshal(raw, dest) != nil {
		o.refuse(name, "must be %s", what)
		return false
	}
	return true
}

// want refuses a body without the field.
func (o *object) want(name string) {
	if !o.has(name) {
		o.refuse(name, "is missing")
	}
}

// optText returns a text, and whether there is one.
func (o *object) optText(name string) (text string, given bool) {
	raw, ok := o.raw(name)
	if !ok {
		return "", false
	}
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		o.refuse(name, "must be a string")
		return "", false
	}
	if strings.ContainsRune(text, utf8.RuneError) && !utf8.Valid(raw) {
		o.refuse(name, "must be UTF-8")
		return "", false
	}
	return text, true
}

// text returns a text that must be there.
func (o *object) text(name string) string {
	o.want(name)
	text, _ := o.optText(name)
	return text
}

// optInt returns a whole number, and whether there is one.
func (o *object) optInt(name string) (n int64, given bool) {
	raw, ok := o.raw(name)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		o.refuse(name, "must be a whole number of at most 18 digits")
		return 0, false
	}
	return n, true
}

// int returns a whole number that must be there.
func (o *object) int(name string) int64 {
	o.want(name)
	n, _ := o.optInt(name)
	return n
}

// optBool returns true or false, and whether it is given.
func (o *object) optBool(name string) (v, given bool) {
	given = o.read(name, "true or false", &v)
	return v, given
}

// texts returns a list of texts; nil if there is none.
func (o *object) texts(name string) (list []string) {
	for i, raw := range o.list(name) {
		var text *string
		if json.Unmarshal(raw, &text) != nil || text == nil {
			o.refuse(fmt.Sprintf("%s[%d]", name, i), "must be a string")
			return nil
		}
		list = append(list, *text)
	}
	return list
}

// list returns the elements of a list; nil if there is none.
func (o *object) list(name string) (list []json.RawMessage) {
	o.read(name, "a list", &list)
	return list
}

// object returns a nested object, an empty one if there is none.
func (o *object) object(name string) *object {
	raw, ok := o.raw(name)
	if !ok {
		return &object{at: o.at + name + ".", fault: o.fault}
	}
	return o.nested(name, raw)
}

// objects returns a list of objects; nil if there is none.
func (o *object) objects(name string) (list []*object) {
	for i, raw := range o.list(name) {
		list = append(list, o.nested(fmt.Sprintf("%s[%d]", name, i), raw))
	}
	return list
}

func (o *object) nested(name string, raw json.RawMessage) *object {
	n := &object{at: o.at + name + ".", fault: o.fault}
	fields, err := jsonObject(raw)
	if wrong := (*paramError)(nil); errors.As(err, &wrong) {
		if wrong.field == "body" {
			o.refuse(name, "must be an object")
		} else {
			n.refuse(wrong.field, "%s", wrong.what)
		}
	}
	n.fields = fields
	return n
}
