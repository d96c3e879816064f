package server

import (
	"errors"
	"strconv"
	"strings"

	"davit/davfs"
	"davit/store"

	"github.com/labstack/echo/v4"
)

// Changes in the API of files come in bulk. All items are looked at before anything is changed, and the worst that
// is found is told (D5). Then they are done one after the other; the first that fails ends the call, and the
// answer says which it was: what came before it has happened.

// maxBulk is how many items a bulk may have.
const maxBulk = 1000

// maxFileBulk is what the body of a bulk may have: two paths in an item, and paths may be 4 KiB long.
const maxFileBulk = 16 << 20

// fileBulk is a bulk, as far as it was looked at.
type fileBulk struct {
	*fileTrees
	in      *object
	items   []*object
	refused refusals
	touched []fileAt // what the items looked at so far will change
}

// fileBulk reads a bulk. Close it.
func (s *Server) fileBulk(c echo.Context, p store.Principal) (*fileBulk, error) {
	body, err := readWhole(c.Response(), c.Request(), maxFileBulk)
	if err != nil {
		return nil, err
	}
	in, err := lenientObject(body)
	if err != nil {
		return nil, err
	}
	b := &fileBulk{fileTrees: s.fileTrees(c, p), in: in, items: bulkIn(in)}
	return b, in.bad()
}

// file reads the path of an item. What is against it is kept: look at refusal when all items are read. ok says
// that there is nothing yet.
func (b *fileBulk) file(n int, field string, need store.Rights) (f fileAt, ok bool) {
	item := b.items[n]
	text := item.text(field)
	if b.in.bad() != nil {
		return f, false
	}
	f, err := b.at(item.at+field, text, need)
	if wrong := (*paramError)(nil); errors.As(err, &wrong) {
		item.refuse(field, "%s", wrong.what)
	} else if err != nil {
		b.refused.add(n, err)
	}
	return f, err == nil
}

// refuse notes what is against an item's file, if anything is.
func (b *fileBulk) refuse(n int, f fileAt, err error) {
	if err != nil {
		b.refused.add(n, f.fault(err))
	}
}

// refusal is why nothing may be done.
func (b *fileBulk) refusal() error {
	if err := b.in.bad(); err != nil {
		return err
	}
	if item := (*store.ItemError)(nil); errors.As(b.refused.err, &item) {
		return item.Err // it names the item already
	}
	return b.refused.err
}

// broken answers that an item failed after those before it were done.
func (b *fileBulk) broken(first int, err error) error {
	b.c.Response().Header().Set("Davit-Items-Done", strconv.Itoa(first))
	return err
}

// settled says whether no item before changes what is at, above or below a file: then what is there now tells what
// the item will find.
func (b *fileBulk) settled(f fileAt) bool {
	for _, t := range b.touched {
		if t.tree == f.tree && (below(f.name, t.name) || below(t.name, f.name)) {
			return false
		}
	}
	return true
}

// below says whether name is dir or lies below it.
func below(name, dir string) bool {
	return dir == "" || name == dir || strings.HasPrefix(name, dir) && name[len(dir)] == '/'
}

// conflictIn reads what becomes of names that are taken.
func conflictIn(in *object) davfs.Conflict {
	text, given := in.optText("conflictPolicy")
	if !given {
		return davfs.Reject
	}
	for name, c := range map[string]davfs.Conflict{
		"REJECT": davfs.Reject, "RENAME": davfs.Rename, "REPLACE": davfs.Replace, "MERGE_RENAME": davfs.Merge,
	} {
		if strings.EqualFold(text, name) {
			return c
		}
	}
	in.refuse("conflictPolicy", "must be REJECT, RENAME, REPLACE or MERGE_RENAME")
	return davfs.Reject
}

// doneJSON says that a change is complete, and what the file is called now.
type doneJSON struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

func done(f fileAt, name string) doneJSON {
	return doneJSON{"complete", fileID(f.mount.Folder.ID, name)}
}
