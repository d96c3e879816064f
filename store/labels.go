package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// The bounds of the labels of one folder.
const (
	maxLabels     = 100
	maxLabelKey   = 256 // characters
	maxLabelValue = 4096
)

// FolderLabels are the labels that a folder shall have, in place of all that it has.
type FolderLabels struct {
	ID     string
	Labels map[string]string // keys are put into lower case
}

// SetLabels replaces the labels of folders, in their order: all, or none and the error is an
// *ItemError, of fs.ErrNotExist (also for a deleted folder) or fs.ErrInvalid, which says what is wrong with
// them.
func (s *Store) SetLabels(ctx context.Context, all []FolderLabels) error {
	texts := make([]string, len(all))
	for i, n := range all {
		labels, err := checkLabels(n.Labels)
		if err != nil {
			return &ItemError{i, err}
		}
		if texts[i], err = labelsText(labels); err != nil {
			return &ItemError{i, err}
		}
	}
	return s.write(ctx, announced, func(t tx) error {
		for i, n := range all {
			t.touch(TouchFolder, n.ID)
			if err := oneRow(t.exec(`UPDATE folders SET labels = $2 WHERE id = $1 AND deleted = 0`, n.ID, texts[i])); err != nil {
				return &ItemError{i, named(convert(err), "folder", n.ID)}
			}
			if err := t.note(ctx, event{action: "folder.labels", folder: n.ID, detail: json.RawMessage(texts[i])}); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkLabels returns labels with their keys in lower case, nil for none; fs.ErrInvalid for
// what no label may be.
func checkLabels(labels map[string]string) (map[string]string, error) {
	if len(labels) > maxLabels {
		return nil, explain(fs.ErrInvalid, "labels: %d are too many, at most %d", len(labels), maxLabels)
	}
	var lower map[string]string
	for key, value := range labels {
		k := strings.ToLower(key)
		_, twice := lower[k]
		switch {
		case k == "":
			return nil, explain(fs.ErrInvalid, "labels: a key is empty")
		case !utf8.ValidString(key) || !utf8.ValidString(value) || strings.Contains(key+value, "\x00"):
			return nil, explain(fs.ErrInvalid, "labels: key or value of %q is not text", key)
		case utf8.RuneCountInString(k) > maxLabelKey:
			return nil, explain(fs.ErrInvalid, "labels: a key is longer than %d characters", maxLabelKey)
		case utf8.RuneCountInString(value) > maxLabelValue:
			return nil, explain(fs.ErrInvalid, "labels: the value of %q is longer than %d characters", key, maxLabelValue)
		case twice:
			return nil, explain(fs.ErrInvalid, "labels: the key %q is given twice, but for its case", k)
		}
		if lower == nil {
			lower = make(map[string]string, len(labels))
		}
		lower[k] = value
	}
	return lower, nil
}

// labelsText is labels as their column has them.
func labelsText(labels map[string]string) (string, error) {
	if len(labels) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(labels)
	return string(text), err
}

// scanLabels is a destination for Scan: the column of labels into a map.
type scanLabels struct{ m *map[string]string }

func (d scanLabels) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("labels are a %T", v)
	}
	*d.m = nil
	if text == "{}" {
		return nil // most folders have none
	}
	return json.Unmarshal([]byte(text), d.m)
}
