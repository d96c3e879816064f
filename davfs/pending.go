package davfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"davit/store"
)

// A pending upload is a file that is received over several requests, perhaps with
// restarts in between (PAR-2). Its bytes lie in the volume's staging, its room is
// reserved in the folder's ledger from its beginning to its end (D10), and when the
// last byte is there it is published as any other upload.
//
// The file's size is the truth about how far it is; rows follow. What was acknowledged
// is in the file, as durable as Options.Sync says.
//
// Beside this file: chunk.go receives what a request sends to it, pendingturn.go says whose turn to send
// it is, keptuploads.go keeps all of them, and ends those that nobody goes on with.

// Errors of pending uploads, besides those of a Tree.
var (
	// ErrExpired: the upload was given up because no byte came for long.
	ErrExpired = errors.New("the upload has expired")
	// ErrWriting: another request is sending to the upload.
	ErrWriting = errors.New("another request is sending to this upload")
	// ErrChecksum: what came is not what the client meant to send; it was dropped.
	ErrChecksum = errors.New("the checksum does not match what came; it was dropped")
	// ErrTooLong: more bytes than the upload has, or than a file may have; what came was dropped.
	ErrTooLong = errors.New("more bytes than announced, or than a file may have")
	// ErrBroken: the body ended early, or came too slowly; what came is kept.
	ErrBroken = errors.New("the body ended early or came too slowly; what came is kept")
	// ErrLength: the upload has another length already.
	ErrLength = errors.New("the length differs from what was said before")
)

// OffsetError is an attempt to go on elsewhere than where the upload stands.
type OffsetError struct{ Offset int64 }

func (e *OffsetError) Error() string {
	return fmt.Sprintf("the upload goes on at byte %d", e.Offset)
}

// NewPending is a pending upload to be made.
type NewPending struct {
	// Path is the file's name in the folder, or a collection that is there, or "": then Filename
	// is its last segment.
	Path, Filename string
	Length         int64     // bytes; -1: not yet known
	MTime          time.Time // that the client gives, in whole seconds; zero: none
	IfMatch        []string  // lines of the headers; asked now and at the end
	IfNoneMatch    []string
	Metadata       string // kept for the client as it is

	// Conflict says what becomes of the upload if its name is taken, now or at the end; nil: the conditions
	// alone do, and a file is replaced.
	Conflict *Conflict
}

// Pending is a pending upload as its owner may see it.
type Pending struct {
	ID       string
	FolderID string
	Path     string
	Length   int64 // -1: not yet known
	Offset   int64 // bytes that are there
	Done     bool  // it has become a file
	Metadata string
	Created  time.Time
	Expires  time.Time
	Conflict *Conflict
}

// pending is one of them. Whoever changes it, but for the turn itself, has the turn.
type pending struct {
	id, folderID, userID string
	vol                  *volume // of the folder

	mu       sync.Mutex
	row      store.Upload
	size     int64       // bytes that count; while a chunk with a checksum comes, those before it
	reserved store.Usage // that the folder's ledger holds for it
	promised int64       // bytes of the volume, see volume.promised
	turn     *pendingTurn
	over     bool // complete, dropped or expired
}

// view is u as its owner sees it.
func (u *pending) view() Pending {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.row
	return Pending{ID: r.ID, FolderID: r.FolderID, Path: r.Path, Length: r.Length, Offset: u.size,
		Metadata: r.Metadata, Created: r.Created, Expires: r.Expires, Conflict: conflictOf(r)}
}

// conflictOf is what an upload does with a name that is taken; nil if its conditions tell.
func conflictOf(row store.Upload) *Conflict {
	if row.Conflict == 0 {
		return nil
	}
	c := Conflict(row.Conflict - 1)
	return &c
}

// pendingClaim are the conditions of the upload's beginning. No lock tokens: the APIs submit none (D21).
func pendingClaim(row store.Upload) Claim {
	how := conflictOf(row)
	if row.IfMatch == "" && row.IfNoneMatch == "" && how == nil {
		return Claim{}
	}
	return Claim{Check: func(exists bool, cur Info) error {
		if exists && how != nil && *how != Replace {
			return fs.ErrExist // who renames tries another name
		}
		etag := ""
		if exists {
			etag = cur.ETag()
		}
		if row.IfMatch != "" && !etagListed([]string{row.IfMatch}, etag, exists, false) {
			return conditionFailed("If-Match")
		}
		if row.IfNoneMatch != "" && etagListed([]string{row.IfNoneMatch}, etag, exists, true) {
			return conditionFailed("If-None-Match")
		}
		return nil
	}}
}

// BeginPending begins an upload that outlives its request. All that refuses an upload refuses
// this; its room is reserved when it returns. Too many of one user are store.ErrTooMany. The names in n are
// legal ones.
func (t *Tree) BeginPending(ctx context.Context, n NewPending) (Pending, error) {
	if err := t.may(store.Write); err != nil {
		return Pending{}, err
	}
	name := t.Resolve(n.Path)
	cur, exists, err := t.lookToMake(name)
	if err == nil && n.Filename != "" && (name == "" || exists && cur.Dir) {
		name = t.Resolve(member(name, n.Filename))
		cur, exists, err = t.lookToMake(name)
	}
	if err != nil {
		return Pending{}, err
	}
	asked := name
	if n.Conflict != nil && n.Conflict.renames() && exists {
		if name, err = t.free(name, false, func(string) error { return nil }); err != nil {
			return Pending{}, err
		}
		exists = false
	}
	d := t.f.d
	now := d.now().UTC().Truncate(time.Microsecond)
	row := store.Upload{
		ID: rand.Text(), FolderID: t.f.id, UserID: t.p.UserID, Path: asked, Length: n.Length, Fresh: !exists, MTime: -1,
		IfMatch: strings.Join(n.IfMatch, ","), IfNoneMatch: strings.Join(n.IfNoneMatch, ","), Metadata: n.Metadata,
		Solid: -1, Created: now, Expires: now.Add(d.o.UploadExpiry),
	}
	if n.Conflict != nil {
		row.Conflict = 1 + int64(*n.Conflict)
	}
	if exists {
		row.Base = cur.Size
		if row.Length >= 0 {
			row.Base = min(row.Base, row.Length)
		}
	}
	if !n.MTime.IsZero() {
		row.MTime = n.MTime.Unix()
	}
	if err := t.mayPut(name, pendingClaim(row), exists, cur); err != nil {
		return Pending{}, err
	}
	if !d.kept.enter(row.UserID) {
		return Pending{}, fmt.Errorf("you have %d unfinished uploads: %w", maxPending, store.ErrTooMany)
	}
	p, err := t.beginPending(ctx, row)
	if err != nil {
		d.kept.mu.Lock()
		d.kept.leave(row.UserID)
		d.kept.mu.Unlock()
		return Pending{}, err
	}
	if t.f.gone.Load() { // a deletion that did not see it
		return Pending{}, errors.Join(t.f.errGone(""), d.endPending(p, nil, nil))
	}
	return p.view(), nil
}

func newPending(row store.Upload, vol *volume) *pending {
	return &pending{id: row.ID, folderID: row.FolderID, userID: row.UserID, vol: vol, row: row}
}

func (t *Tree) beginPending(ctx context.Context, row store.Upload) (_ *pending, err error) {
	d := t.f.d
	if err := t.f.begin(ctx); err != nil {
		return nil, err
	}
	defer t.f.end()
	var files store.Usage
	if row.Fresh {
		files.Files = 1
	}
	if err := t.f.ledger.reserve(files); err != nil {
		return nil, err
	}
	row.Base = d.kept.lend(row.FolderID, row.Base, t.f.ledger.current().Bytes)
	p := newPending(row, t.f.root.vol)
	p.reserved = files
	defer func() {
		if err != nil {
			t.f.ledger.release(p.reserved)
			d.kept.mu.Lock()
			d.kept.payBack(row.FolderID, row.Base)
			d.kept.mu.Unlock()
			p.over = true
			p.promise()
		}
	}()
	if err := p.reserve(t.f.ledger, row.Length); err != nil {
		return nil, err
	}
	if err := d.promiseRest(p, row.Length); err != nil {
		return nil, err
	}
	// The file first: without its row it is cleared at the next start.
	s, _, err := t.f.fs.Keep(row.ID, true)
	if err != nil {
		return nil, err
	}
	if err = s.file.Close(); err == nil && d.o.Sync != SyncNone {
		err = s.dir.Sync()
	}
	s.file = nil
	if err == nil {
		err = d.st.AddUpload(ctx, row)
	}
	if err != nil {
		return nil, errors.Join(err, s.drop())
	}
	d.kept.mu.Lock()
	d.kept.all[row.ID] = p
	d.kept.mu.Unlock()
	return p, nil
}

// promiseRest has the volume promise what is still to come of an upload of length bytes: a *LimitError if it does not
// have that. An unknown length (-1) needs no promise. Until the row has the length the caller sees to it that promise is called.
func (d *FS) promiseRest(u *pending, length int64) error {
	d.kept.mu.Lock() // of two at once, each sees what the other was promised
	defer d.kept.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	rest := max(0, length-u.size)
	if free, err := u.vol.free(); err == nil && free < rest {
		return &LimitError{Kind: LimitVolume, Limit: free, Wanted: rest}
	}
	u.vol.promised.Add(rest - u.promised)
	u.promised = rest
	return nil
}

// promise tells the volume how many bytes are still to come. The caller holds u.mu, or is alone.
func (u *pending) promise() {
	n := int64(0)
	if !u.over {
		n = max(0, u.row.Length-u.size)
	}
	u.vol.promised.Add(n - u.promised)
	u.promised = n
}

// reserve makes the reservation what a file of total bytes needs.
func (u *pending) reserve(l *ledger, total int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	more := max(0, total-u.row.Base) - u.reserved.Bytes
	if more > 0 {
		if err := l.reserve(store.Usage{Bytes: more}); err != nil {
			return err
		}
	} else {
		l.release(store.Usage{Bytes: -more})
	}
	u.reserved.Bytes += more
	return nil
}

// pending finds one that the tree's principal began in this folder.
func (t *Tree) pending(id string) (*pending, error) {
	if err := t.may(store.Write); err != nil {
		return nil, err
	}
	k := &t.f.d.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if u := k.all[id]; u != nil && u.userID == t.p.UserID && u.folderID == t.f.id {
		return u, nil
	}
	return nil, &fs.PathError{Op: "upload", Path: id, Err: fs.ErrNotExist}
}

// savePending writes what changed in the row.
func (d *FS) savePending(ctx context.Context, u *pending, row store.Upload, sure bool) error {
	if err := d.st.SaveUpload(context.WithoutCancel(ctx), row, sure); err != nil {
		return fmt.Errorf("note upload: %w", err)
	}
	u.mu.Lock()
	u.row = row
	u.promise()
	u.mu.Unlock()
	return nil
}

// DropPending gives an upload up. One that has become a file is only forgotten. fs.ErrNotExist.
func (t *Tree) DropPending(ctx context.Context, id string) error {
	d := t.f.d
	was, err := d.Pending(t.p, id)
	if err != nil {
		return err
	}
	if err := t.may(store.Write); err != nil {
		return err
	}
	if was.Done {
		d.kept.mu.Lock()
		delete(d.kept.past, id)
		d.kept.mu.Unlock()
		return nil
	}
	u, err := t.pending(id)
	if err != nil {
		return err
	}
	mine, err := u.take(ctx, func() {}, true)
	if err != nil {
		return err
	}
	defer u.release(mine)
	return d.endPending(u, t.f, nil)
}
