package server

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Pages of file collections are written out by hand: a page may have a thousand, and reflection takes more time
// than all else. What is written is what encoding/json makes of the same types; a test says so.

// appendJSON writes a collection.
func (c *collection) appendJSON(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = appendText(b, c.ID)
	b = append(b, `,"specification":{"title":`...)
	b = appendText(b, c.Specification.Title)
	b = append(b, `,"product":{"id":`...)
	b = appendText(b, c.Specification.Product.ID)
	b = append(b, `,"category":`...)
	b = appendText(b, c.Specification.Product.Category)
	b = append(b, `,"provider":`...)
	b = appendText(b, c.Specification.Product.Provider)
	b = append(b, `},"labels":{`...)
	for i, key := range slices.Sorted(maps.Keys(c.Specification.Labels)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, key)
		b = append(b, ':')
		b = appendText(b, c.Specification.Labels[key])
	}
	b = append(b, `}},"createdAt":`...)
	b = strconv.AppendInt(b, c.CreatedAt, 10)
	b = append(b, `,"status":{"resolvedSupport":`...)
	b = appendRaw(b, c.Status.ResolvedSupport)
	b = append(b, `,"resolvedProduct":`...)
	b = appendRaw(b, c.Status.ResolvedProduct)
	b = append(b, `,"preferredDrive":`...)
	b = strconv.AppendBool(b, c.Status.PreferredDrive)
	u := &c.Status.Usage
	b = append(b, `,"usage":{"bytes":`...)
	b = strconv.AppendInt(b, u.Bytes, 10)
	b = append(b, `,"files":`...)
	b = strconv.AppendInt(b, u.Files, 10)
	b = append(b, `,"reserved":`...)
	b = strconv.AppendInt(b, u.Reserved, 10)
	b = append(b, `,"maxBytes":`...)
	b = appendNumber(b, u.MaxBytes)
	b = append(b, `,"maxFiles":`...)
	b = appendNumber(b, u.MaxFiles)
	b = append(b, `,"available":`...)
	b = strconv.AppendInt(b, u.Available, 10)
	b = append(b, `}},"updates":[`...)
	for i, up := range c.Updates {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"timestamp":`...)
		b = strconv.AppendInt(b, up.Timestamp, 10)
		b = append(b, `,"status":`...)
		b = appendText(b, up.Status)
		b = append(b, '}')
	}
	b = append(b, `],"owner":{"createdBy":`...)
	b = appendText(b, c.Owner.CreatedBy)
	b = append(b, `,"project":`...)
	b = appendTextOrNull(b, c.Owner.Project)
	b = append(b, `},"permissions":{"myself":`...)
	b = appendTexts(b, c.Permissions.Myself)
	b = append(b, `,"others":[`...)
	for i, e := range c.Permissions.Others {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"entity":{"type":`...)
		b = appendText(b, e.Entity.Type)
		for _, f := range [...]struct{ name, value string }{{`,"username":`, e.Entity.Username}, {`,"projectId":`, e.Entity.ProjectID}, {`,"group":`, e.Entity.Group}} {
			if f.value != "" {
				b = append(b, f.name...)
				b = appendText(b, f.value)
			}
		}
		b = append(b, `},"permissions":`...)
		b = appendTexts(b, e.Permissions)
		b = append(b, '}')
	}
	b = append(b, `]},"providerGeneratedId":`...)
	b = appendTextOrNull(b, c.ProviderGeneratedID)
	return append(b, '}')
}

// appendPage writes a page of collections.
func appendPage(b []byte, p pageOf[collection]) []byte {
	b = append(b, `{"itemsPerPage":`...)
	b = strconv.AppendInt(b, p.ItemsPerPage, 10)
	b = append(b, `,"items":[`...)
	for i := range p.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.Items[i].appendJSON(b)
	}
	b = append(b, `],"next":`...)
	b = appendTextOrNull(b, p.Next)
	return append(b, '}')
}

// appendText quotes a text; most need nothing but the quotes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // of a string
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendTextOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendText(b, *s)
}

func appendNumber(b []byte, n *int64) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, *n, 10)
}

func appendRaw(b []byte, raw json.RawMessage) []byte {
	if raw == nil {
		return append(b, "null"...)
	}
	return append(b, raw...)
}
