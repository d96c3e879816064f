package server

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"davit/store"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// ProductsConfig are the storage products: the section "products:" of the file. They have no flag.
type ProductsConfig []store.Product

// Decode is part of kong: it takes what the file's section was read into.
func (p *ProductsConfig) Decode(ctx *kong.DecodeContext) error {
	t, err := ctx.Scan.PopValue("products")
	if err != nil {
		return err
	}
	read, ok := t.Value.(ProductsConfig)
	if !ok {
		return errors.New("products are set in the file of --config only")
	}
	*p = read
	return nil
}

// readProducts reads the list of the section "products:". Relative directories are meant from
// that of the file. Errors say where.
func readProducts(file string, list *yaml.Node) (ProductsConfig, error) {
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("%s:%d: want a list of products, each \"- id: …\"", file, list.Line)
	}
	var all ProductsConfig
	for _, node := range list.Content {
		p, err := readProduct(file, node)
		if err == nil {
			all = append(all, p)
			_, err = store.NewProducts(all) // here, where the line of the one that is too much is known
			if err != nil {
				err = fmt.Errorf("%s:%d: %w", file, node.Line, err)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func readProduct(file string, node *yaml.Node) (store.Product, error) {
	p := store.DefaultProduct()
	p.ProductRef, p.Description = store.ProductRef{Provider: "davit"}, ""
	able := store.FullSupport()
	fields := yamlFields{
		"id":                  productWord(&p.ID),
		"category":            productWord(&p.Category),
		"provider":            productWord(&p.Provider),
		"description":         yamlLine(&p.Description),
		"volume":              yamlPath(file, &p.Volume),
		"default-max-bytes":   yamlText((*Size)(&p.DefaultMaxBytes)),
		"default-max-files":   yamlText((*Count)(&p.DefaultMaxFiles)),
		"max-bytes":           yamlLimit((*Size)(&p.MostBytes)),
		"max-files":           yamlLimit((*Count)(&p.MostFiles)),
		"workspace-max-bytes": yamlLimit((*Size)(&p.WorkspaceMaxBytes)),
		"priority":            func(n *yaml.Node) error { return n.Decode(&p.Priority) },
		"stats": yamlFields{
			"size-in-bytes":                    yamlAble(&p.Support.Stats.SizeInBytes, able.Stats.SizeInBytes),
			"size-including-children-in-bytes": yamlAble(&p.Support.Stats.SizeIncludingChildrenInBytes, able.Stats.SizeIncludingChildrenInBytes),
			"modified-at":                      yamlAble(&p.Support.Stats.ModifiedAt, able.Stats.ModifiedAt),
			"created-at":                       yamlAble(&p.Support.Stats.CreatedAt, able.Stats.CreatedAt),
			"accessed-at":                      yamlAble(&p.Support.Stats.AccessedAt, able.Stats.AccessedAt),
			"unix-permissions":                 yamlAble(&p.Support.Stats.UnixPermissions, able.Stats.UnixPermissions),
			"unix-owner":                       yamlAble(&p.Support.Stats.UnixOwner, able.Stats.UnixOwner),
			"unix-group":                       yamlAble(&p.Support.Stats.UnixGroup, able.Stats.UnixGroup),
		}.read,
		"collection": yamlFields{
			"acl-modifiable":   yamlAble(&p.Support.Collection.ACLModifiable, able.Collection.ACLModifiable),
			"users-can-create": yamlAble(&p.Support.Collection.UsersCanCreate, able.Collection.UsersCanCreate),
			"users-can-delete": yamlAble(&p.Support.Collection.UsersCanDelete, able.Collection.UsersCanDelete),
			"users-can-rename": yamlAble(&p.Support.Collection.UsersCanRename, able.Collection.UsersCanRename),
		}.read,
		"files": yamlFields{
			"acl-modifiable":             yamlAble(&p.Support.Files.ACLModifiable, able.Files.ACLModifiable),
			"trash-supported":            yamlAble(&p.Support.Files.TrashSupported, able.Files.TrashSupported),
			"is-read-only":               yamlAble(&p.Support.Files.IsReadOnly, true), // a restriction, no ability
			"search-supported":           yamlAble(&p.Support.Files.SearchSupported, able.Files.SearchSupported),
			"streaming-search-supported": yamlAble(&p.Support.Files.StreamingSearchSupported, able.Files.StreamingSearchSupported),
			"shares-supported":           yamlAble(&p.Support.Files.SharesSupported, able.Files.SharesSupported),
			"open-in-terminal":           yamlAble(&p.Support.Files.OpenInTerminal, able.Files.OpenInTerminal),
		}.read,
		"maintenance": func(n *yaml.Node) error { return readMaintenance(n, &p) },
	}
	err := fields.read(node)
	if err == nil && p.ID == "" {
		err = &yamlError{node.Line, "a product needs an \"id\""}
	}
	if p.Category == "" {
		p.Category = p.ID
	}
	if err == nil && (p.CheckLimits(p.DefaultMaxBytes, p.DefaultMaxFiles) != nil) {
		err = &yamlError{node.Line, fmt.Sprintf("product %q: the default limits are larger than the largest ones", p.ID)}
	}
	var at *yamlError
	if errors.As(err, &at) {
		return p, fmt.Errorf("%s:%d: %s", file, at.line, at.text)
	}
	return p, err
}

func readMaintenance(node *yaml.Node, p *store.Product) error {
	var m store.Maintenance
	var availability string
	err := yamlFields{
		"description":       yamlLine(&m.Description),
		"availability":      yamlLine(&availability),
		"starts-at":         yamlText(&m.StartsAt),
		"estimated-ends-at": yamlText(&m.EstimatedEndsAt),
	}.read(node)
	if err != nil {
		return err
	}
	m.Availability = store.Availability(availability)
	switch m.Availability {
	case store.MinorDisruption, store.MajorDisruption, store.NoService:
	default:
		return fmt.Errorf("availability is %q: must be MINOR_DISRUPTION, MAJOR_DISRUPTION or NO_SERVICE", availability)
	}
	switch {
	case m.StartsAt.IsZero():
		return errors.New("\"starts-at\" is missing, a time such as 2026-12-01T06:00:00Z")
	case !m.EstimatedEndsAt.IsZero() && m.EstimatedEndsAt.Before(m.StartsAt):
		return errors.New("\"estimated-ends-at\" is before \"starts-at\"")
	}
	p.Maintenance = &m
	return nil
}

// yamlError is what is wrong with a line.
type yamlError struct {
	line int
	text string
}

func (e *yamlError) Error() string { return e.text }

// yamlFields reads a mapping whose keys are known.
type yamlFields map[string]func(*yaml.Node) error

func (f yamlFields) read(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return &yamlError{node.Line, "want \"key: value\" lines"}
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := f[key.Value]
		switch {
		case field == nil:
			return &yamlError{key.Line, fmt.Sprintf("unknown key %q; there are %s", key.Value, strings.Join(slices.Sorted(maps.Keys(f)), ", "))}
		case seen[key.Value]:
			return &yamlError{key.Line, fmt.Sprintf("a second %q", key.Value)}
		}
		seen[key.Value] = true
		var inner *yamlError
		if err := field(value); errors.As(err, &inner) {
			return err
		} else if err != nil {
			return &yamlError{key.Line, key.Value + ": " + strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  ")}
		}
	}
	return nil
}

// yamlText reads a plain value as a flag of this type would.
func yamlText(to encoding.TextUnmarshaler) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode {
			return errors.New("want a plain value")
		}
		return to.UnmarshalText([]byte(n.Value))
	}
}

// yamlLimit is yamlText for a limit that has no default above it.
func yamlLimit[T Size | Count](to *T) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Value == "default" {
			return errors.New("there is no default above it; leave it out, or 0, for no limit")
		}
		return yamlText(any(to).(encoding.TextUnmarshaler))(n)
	}
}

// yamlLine reads one line of text.
func yamlLine(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		switch {
		case n.Kind != yaml.ScalarNode:
			return errors.New("want a plain value")
		case strings.ContainsFunc(n.Value, unicode.IsControl):
			return errors.New("want one line without control characters")
		}
		*to = n.Value
		return nil
	}
}

// productWord reads a part of a product's reference: clients put it into URLs and keys.
func productWord(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := yamlLine(to)(n); err != nil {
			return err
		}
		ok := *to != "" && len(*to) <= 64 && !strings.ContainsFunc(*to, func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r))
		})
		if !ok {
			return fmt.Errorf("%q: want 1 to 64 letters, digits, '-', '_' and '.'", *to)
		}
		return nil
	}
}

// yamlPath reads a directory, relative to that of the file.
func yamlPath(file string, to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		err := yamlLine(to)(n)
		if err != nil || *to == "" {
			return err
		}
		if !filepath.IsAbs(*to) {
			*to = filepath.Join(filepath.Dir(file), *to)
		}
		*to, err = filepath.Abs(*to)
		return err
	}
}

// yamlAble reads true or false of something that Davit can do, or cannot: then true would be a promise to clients that
// nothing keeps.
func yamlAble(to *bool, able bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := n.Decode(to); err != nil {
			return fmt.Errorf("%q is not true or false", n.Value)
		}
		if *to && !able {
			return errors.New("Davit cannot do this, so it can only be false")
		}
		return nil
	}
}
