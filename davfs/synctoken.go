package davfs

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"davit/store"
)

// syncToken stands for a state of a folder (RFC 6578, section 4): all changes up to a number. If the answer
// that it ends was cut, it also says what is left to tell: the names behind a position.
type syncToken struct {
	epoch  string
	number int64

	cut        bool
	from       int64  // the number that the client had before, or syncAll
	collection string // that was asked about
	position   string // in it: the last name that the client was told of
}

// syncAll is the from of a client that had nothing.
const syncAll = -1

// syncTokens is how all of our tokens begin, and no lock's.
const syncTokens = "urn:davit:sync:"

// errSyncToken refuses a token that is not ours, or not good any more: the client begins anew.
var errSyncToken = &statusError{Status: http.StatusForbidden, Condition: "valid-sync-token", Text: "the sync token is not valid any more; begin with an empty one"}

func (t syncToken) append(b []byte) []byte {
	b = append(append(append(b, syncTokens...), t.epoch...), ':')
	b = strconv.AppendInt(b, t.number, 10)
	if !t.cut {
		return b
	}
	b = append(b, ':')
	if t.from == syncAll {
		b = append(b, "all"...)
	} else {
		b = strconv.AppendInt(b, t.from, 10)
	}
	return base64.RawURLEncoding.AppendEncode(append(b, ':'), []byte(t.collection+"//"+t.position)) // no name has two slashes
}

func parseSyncToken(s string) (t syncToken, ok bool) {
	rest, ok := strings.CutPrefix(s, syncTokens)
	if !ok {
		return t, false
	}
	parts := strings.SplitN(rest, ":", 4)
	if len(parts) != 2 && len(parts) != 4 {
		return t, false
	}
	t.epoch = parts[0]
	if t.number, ok = parseNumber(parts[1]); !ok || len(parts) == 2 {
		return t, ok
	}
	t.cut = true
	if parts[2] == "all" {
		t.from = syncAll
	} else if t.from, ok = parseNumber(parts[2]); !ok || t.from > t.number {
		return t, false
	}
	names, err := base64.RawURLEncoding.DecodeString(parts[3])
	t.collection, t.position, ok = strings.Cut(string(names), "//")
	return t, err == nil && ok && t.position != "" && !strings.Contains(t.position, "//")
}

func parseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && s[0] != '+' && s[0] != '-'
}

// token is the journal that a token belongs to; errSyncToken if the folder does not have it.
func (f *folder) token(text string) (syncToken, *journal, error) {
	t, ok := parseSyncToken(text)
	j := f.journal.Load()
	if !ok || !j.running() || t.epoch != j.epoch || t.number > j.last() {
		return t, nil, errSyncToken
	}
	return t, j, nil
}

// appendSyncToken appends the token of the state as it is; ok is false if nobody follows the folder.
func (f *folder) appendSyncToken(b []byte) (_ []byte, ok bool) {
	j := f.journal.Load()
	if !j.running() {
		return b, false
	}
	return syncToken{epoch: j.epoch, number: j.last()}.append(b), true
}

// unchanged says whether a token in an If header matches (RFC 6578, section 5): nothing in the collection has
// changed since it was given.
func (f *folder) unchanged(ctx context.Context, name, token string) (bool, error) {
	t, j, err := f.token(token)
	if err != nil || t.cut {
		return false, nil
	}
	if i, err := f.fs.Lstat(name); err != nil || !i.Dir {
		return false, nil
	}
	if t.number == j.last() {
		return true, nil
	}
	changes, err := f.since(ctx, j, t.number)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, c := range changes {
		if c.Path == name || inside(c.Path, name) || inside(name, c.Path) && c.Kind != store.Changed {
			return false, err
		}
	}
	return err == nil, err
}
