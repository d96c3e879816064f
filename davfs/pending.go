package davfs

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"davit/store"
)

// A pending upload is a file that is received over several requests, perhaps with
// restarts in between (PAR-2). Its bytes lie in the volume's staging, its room is
// reserved in the folder's ledger from its beginning to its end (D10), and when the
// last byte is there it is published as any other upload.
//
// The file's size is the truth about how far it is; rows follow. What was acknowledged
// is in the file, as durable as Options.Sync says.

// Errors of pending uploads, besides those of a Tree.
var (
	ErrNoParent     = errNoParent
	ErrIsCollection = errIsDir

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

// maxPending is how many unfinished uploads one user may have.
const maxPending = 1000

// staleAfter is how long a request that sends to an upload may be silent before another one,
// probably of the same client on a new connection, takes over; shorter silences make the
// other wait for graceAfter, then refuse it.
const (
	staleAfter = 2 * time.Second
	graceAfter = 250 * time.Millisecond
)

// maxPast bounds how many uploads that have ended are remembered, maxPastMetadata what of them.
const (
	maxPast         = 4096
	maxPastMetadata = 1 << 10
)

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
}

// Chunk is what one request sends to a pending upload.
type Chunk struct {
	Offset    int64
	Length    int64 // of the whole upload, if the client tells it now; else -1
	Announced int64 // bytes in Body; -1: not known
	Body      io.Reader
	Stop      func()    // makes a Read of Body that waits return, soon; called from other goroutines
	Hash      hash.Hash // with Sum, the checksum of Body; nil: none
	Sum       []byte
	Max       int64 // bytes that a file may have; 0: any
}

// pending is one of them. Whoever changes it, but for the turn itself, has the turn.
type pending struct {
	id, folderID, userID string

	mu       sync.Mutex
	row      store.Upload
	size     int64       // bytes that count; while a chunk with a checksum comes, those before it
	reserved store.Usage // that the folder's ledger holds for it
	promised int64       // bytes of the volume, see volume.promised
	turn     *pendingTurn
	over     bool // complete, dropped or expired
}

// pendingTurn is one request's use of a pending upload.
type pendingTurn struct {
	last  atomic.Int64 // when a byte came, ns since 1970
	taken atomic.Bool  // somebody else wants it
	stop  func()
	ended chan struct{}
}

// keptUploads are the pending uploads of all folders, and for a while those that have ended.
type keptUploads struct {
	mu      sync.Mutex
	all     map[string]*pending
	count   map[string]int // by user, those that begin right now too
	past    map[string]pastUpload
	writing atomic.Int64 // requests that send right now
}

type pastUpload struct {
	Pending
	userID string
	until  time.Time
}

// view is u as its owner sees it.
func (u *pending) view() Pending {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.row
	return Pending{ID: r.ID, FolderID: r.FolderID, Path: r.Path, Length: r.Length, Offset: u.size,
		Metadata: r.Metadata, Created: r.Created, Expires: r.Expires}
}

// pendingClaim are the conditions of the upload's beginning. No lock tokens: the APIs submit none (D21).
func pendingClaim(row store.Upload) Claim {
	if row.IfMatch == "" && row.IfNoneMatch == "" {
		return Claim{}
	}
	return Claim{Check: func(exists bool, cur Info) error {
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

// LegalName says whether name can be a slash name inside a folder, without a slash at its ends.
func LegalName(name string) bool {
	for seg := range strings.SplitSeq(name, "/") {
		if !legalSegment(seg) {
			return false
		}
	}
	return true
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
	d := t.f.d
	now := d.now().UTC().Truncate(time.Microsecond)
	row := store.Upload{
		ID: rand.Text(), FolderID: t.f.id, UserID: t.p.UserID, Path: name, Length: n.Length, Fresh: !exists, MTime: -1,
		IfMatch: strings.Join(n.IfMatch, ","), IfNoneMatch: strings.Join(n.IfNoneMatch, ","), Metadata: n.Metadata,
		Solid: -1, Created: now, Expires: now.Add(d.o.UploadExpiry),
	}
	if exists {
		row.Base = cur.Size
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
		d.kept.leave(row.UserID)
		return Pending{}, err
	}
	if t.f.gone.Load() { // a deletion that did not see it
		return Pending{}, errors.Join(t.f.errGone(""), d.endPending(p, nil, nil))
	}
	return p.view(), nil
}

func newPending(row store.Upload) *pending {
	return &pending{id: row.ID, folderID: row.FolderID, userID: row.UserID, row: row}
}

func (t *Tree) beginPending(ctx context.Context, row store.Upload) (_ *pending, err error) {
	d := t.f.d
	if err := t.f.begin(ctx); err != nil {
		return nil, err
	}
	defer t.f.end()
	p := newPending(row)
	if row.Fresh {
		p.reserved.Files = 1
	}
	if err := t.f.ledger.reserve(p.reserved); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.f.ledger.release(p.reserved)
			p.over = true
			p.promise(d.volume)
		}
	}()
	if err := p.reserve(t.f.ledger, row.Length); err != nil {
		return nil, err
	}
	d.kept.mu.Lock() // of two that begin at once, each sees what the other was promised
	free, err := d.volume.free()
	if err == nil && free >= row.Length {
		p.promise(d.volume)
	}
	d.kept.mu.Unlock()
	if err == nil && free < row.Length {
		return nil, &VolumeError{Free: free, Wanted: row.Length}
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

// promise tells the volume how many bytes are still to come. The caller holds u.mu, or is alone.
func (u *pending) promise(v *volume) {
	n := int64(0)
	if !u.over {
		n = max(0, u.row.Length-u.size)
	}
	v.promised.Add(n - u.promised)
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

func (k *keptUploads) enter(userID string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count[userID] >= maxPending {
		return false
	}
	k.count[userID]++
	return true
}

func (k *keptUploads) leave(userID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.count[userID]--; k.count[userID] == 0 {
		delete(k.count, userID)
	}
}

// Pending describes an upload that p began. One that became a file is remembered for a while,
// for clients that did not get the last answer. fs.ErrNotExist, ErrExpired.
func (d *FS) Pending(p store.Principal, id string) (Pending, error) {
	d.kept.mu.Lock()
	u := d.kept.all[id]
	past, ok := d.kept.past[id]
	d.kept.mu.Unlock()
	now := d.now()
	switch {
	case u != nil && u.userID == p.UserID:
		v := u.view()
		if now.Before(v.Expires) || !d.expirePending(u, now) {
			return v, nil
		}
		return Pending{}, ErrExpired
	case ok && past.userID == p.UserID && now.Before(past.until):
		if past.Done {
			return past.Pending, nil
		}
		return past.Pending, ErrExpired
	}
	return Pending{}, &fs.PathError{Op: "upload", Path: id, Err: fs.ErrNotExist}
}

// PendingOf lists the unfinished uploads of a user, oldest first.
func (d *FS) PendingOf(userID string) []Pending {
	now := d.now()
	var all []Pending
	for _, u := range d.kept.list(func(u *pending) bool { return u.userID == userID }) {
		if v := u.view(); now.Before(v.Expires) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b Pending) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// list gives the uploads that match.
func (k *keptUploads) list(match func(*pending) bool) []*pending {
	k.mu.Lock()
	defer k.mu.Unlock()
	var some []*pending
	for _, u := range k.all {
		if match(u) {
			some = append(some, u)
		}
	}
	return some
}

// MayWrite says whether the tree's principal may change anything: fs.ErrPermission, fs.ErrNotExist.
func (t *Tree) MayWrite() error { return t.may(store.Write) }

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

// take gets the turn. A request that has it is waited for a little; if it is silent, or force is
// set, it is made to end. ErrWriting; fs.ErrNotExist if the upload is over.
func (u *pending) take(ctx context.Context, stop func(), force bool) (*pendingTurn, error) {
	mine := &pendingTurn{stop: stop, ended: make(chan struct{})}
	mine.last.Store(time.Now().UnixNano())
	begun := time.Now()
	for {
		u.mu.Lock()
		if u.over {
			u.mu.Unlock()
			return nil, &fs.PathError{Op: "upload", Path: u.id, Err: fs.ErrNotExist}
		}
		cur := u.turn
		if cur == nil {
			u.turn = mine
			u.mu.Unlock()
			return mine, nil
		}
		u.mu.Unlock()
		waited := time.Since(begun)
		silent := time.Since(time.Unix(0, cur.last.Load())) > staleAfter
		switch {
		case force || silent && waited < 10*time.Second:
			cur.taken.Store(true)
			u.mu.Lock()
			if u.turn == cur { // else its connection may serve another request already
				cur.stop() // again and again: its body's pacing may have set a new deadline meanwhile
			}
			u.mu.Unlock()
		case waited >= graceAfter:
			return nil, ErrWriting
		}
		wait := time.NewTimer(graceAfter / 5)
		select {
		case <-cur.ended:
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		}
		wait.Stop()
	}
}

func (u *pending) release(mine *pendingTurn) {
	u.mu.Lock()
	u.turn = nil
	u.mu.Unlock()
	close(mine.ended)
}

// AppendPending takes a chunk of an upload that the tree's principal began. With the last byte the
// file is published; if that is refused the upload stays as it is, and a chunk of no bytes at
// its end tries again. Errors, besides those of Upload.Commit: fs.ErrNotExist, ErrExpired, ErrWriting,
// ErrLength, ErrTooLong, ErrChecksum, ErrBroken, *OffsetError.
func (t *Tree) AppendPending(ctx context.Context, id string, c Chunk) (Pending, error) {
	if was, err := t.f.d.Pending(t.p, id); err != nil {
		return Pending{}, err
	} else if was.Done {
		return was, t.again(was, c)
	}
	u, err := t.pending(id)
	if err != nil {
		return Pending{}, err
	}
	mine, err := u.take(ctx, c.Stop, false)
	if errors.Is(err, fs.ErrNotExist) { // it was completed while we waited
		if was, err := t.f.d.Pending(t.p, id); err == nil && was.Done {
			return was, t.again(was, c)
		}
	}
	if err != nil {
		return Pending{}, err
	}
	t.f.d.kept.writing.Add(1)
	defer t.f.d.kept.writing.Add(-1)
	defer u.release(mine)
	return t.append(ctx, u, mine, c)
}

// again answers a chunk for an upload that is complete: nothing more can come.
func (t *Tree) again(was Pending, c Chunk) error {
	if err := t.may(store.Write); err != nil {
		return err
	}
	if c.Offset != was.Offset {
		return &OffsetError{was.Offset}
	}
	if c.Announced != 0 {
		return ErrTooLong
	}
	return nil
}

// append does the work of AppendPending, in turn.
func (t *Tree) append(ctx context.Context, u *pending, mine *pendingTurn, c Chunk) (Pending, error) {
	d := t.f.d
	if c.Offset != u.size {
		return u.view(), &OffsetError{u.size}
	}
	changed := u.row
	if c.Length >= 0 && c.Length != changed.Length {
		if changed.Length >= 0 || c.Length < u.size {
			return u.view(), ErrLength
		}
		if c.Max > 0 && c.Length > c.Max {
			return u.view(), ErrTooLong
		}
		if err := u.reserve(t.f.ledger, c.Length); err != nil {
			return u.view(), err
		}
		changed.Length = c.Length
		if err := d.savePending(ctx, u, changed, d.o.Sync != SyncNone); err != nil {
			return u.view(), err
		}
	}
	most := c.Max // that the file may have when this chunk is in; 0: any
	if changed.Length >= 0 {
		most = changed.Length
	}
	bounded := c.Max > 0 || changed.Length >= 0
	if bounded && c.Announced > most-u.size {
		return u.view(), ErrTooLong
	}
	s, size, err := t.f.fs.Keep(changed.ID, false)
	if err != nil {
		return u.view(), err
	}
	defer func() {
		if s.file != nil {
			s.file.Close()
		}
	}()
	if size != u.size { // a chunk that broke off left a rest behind what counts
		if err := s.file.Truncate(u.size); err != nil {
			return u.view(), err
		}
	}
	if !bounded {
		most = math.MaxInt64
	}
	fault := t.receivePending(ctx, u, mine, s, c, most)
	if mine.taken.Load() && fault != nil {
		fault = ErrWriting
	}
	full := u.size == u.row.Length
	if full && fault == nil {
		return t.complete(ctx, u, s)
	}
	return u.view(), fault
}

// savePending writes what changed in the row.
func (d *FS) savePending(ctx context.Context, u *pending, row store.Upload, sure bool) error {
	if err := d.st.SaveUpload(context.WithoutCancel(ctx), row, sure); err != nil {
		return fmt.Errorf("note upload: %w", err)
	}
	u.mu.Lock()
	u.row = row
	u.promise(d.volume)
	u.mu.Unlock()
	return nil
}

// receivePending takes the body, until most bytes are there, and makes durable what it keeps of it.
func (t *Tree) receivePending(ctx context.Context, u *pending, mine *pendingTurn, s *staged, c Chunk, most int64) (fault error) {
	d := t.f.d
	start, size := u.size, u.size
	sure := d.o.Sync != SyncNone
	row := u.row
	if c.Hash != nil && c.Announced != 0 {
		// Were the server to end amid the chunk, the file's size would count bytes that nobody has checked.
		row.Solid = start
		if err := d.savePending(ctx, u, row, sure); err != nil {
			return err
		}
	}
	if _, err := s.file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	buf := uploadBuffers.Get().(*[]byte)
	defer uploadBuffers.Put(buf)
	for fault == nil && c.Announced != 0 {
		n, err := c.Body.Read(*buf)
		mine.last.Store(time.Now().UnixNano())
		if mine.taken.Load() || t.f.gone.Load() {
			fault = ErrWriting
			break
		}
		part := (*buf)[:n]
		switch {
		case int64(n) > most-size:
			fault = ErrTooLong
		case n > 0:
			if row.Length < 0 {
				if fault = u.reserve(t.f.ledger, size+int64(n)); fault != nil {
					break
				}
			}
			if c.Hash != nil {
				c.Hash.Write(part)
			}
			var wrote int
			wrote, fault = s.file.Write(part)
			size += int64(wrote)
			if c.Hash == nil {
				u.mu.Lock()
				u.size = size
				u.promise(t.f.d.volume)
				u.mu.Unlock()
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil && fault == nil {
			fault = ErrBroken
		}
	}
	if c.Announced >= 0 && size-start != c.Announced && fault == nil {
		fault = ErrBroken
	}
	keep := size
	switch {
	case errors.Is(fault, ErrTooLong):
		keep = start
	case c.Hash == nil:
	case fault != nil:
		keep = start
	case subtle.ConstantTimeCompare(c.Hash.Sum(nil), c.Sum) != 1:
		fault, keep = ErrChecksum, start
	}
	if keep < size {
		if err := s.file.Truncate(keep); err != nil {
			return errors.Join(fault, err)
		}
	}
	if row.Length < 0 {
		if err := u.reserve(t.f.ledger, keep); err != nil { // it shrinks or stays
			return errors.Join(fault, err)
		}
	}
	if full := keep == row.Length && fault == nil; keep > start && sure && (!full || c.Hash != nil) { // else its commit syncs it
		if err := s.file.Sync(); err != nil {
			return errors.Join(fault, err)
		}
	}
	u.mu.Lock()
	u.size = keep
	u.promise(d.volume)
	u.mu.Unlock()
	if keep > start || row.Solid >= 0 {
		wasSolid := row.Solid >= 0
		row.Solid = -1
		if keep > start {
			row.Expires = d.now().UTC().Truncate(time.Microsecond).Add(d.o.UploadExpiry)
		}
		if err := d.savePending(ctx, u, row, sure && wasSolid); err != nil {
			return errors.Join(fault, err)
		}
	}
	return fault
}

// complete publishes an upload whose last byte is there. s is its file, open.
func (t *Tree) complete(ctx context.Context, u *pending, s *staged) (Pending, error) {
	ctx = context.WithoutCancel(ctx) // whether the client still listens no longer matters
	d := t.f.d
	name := t.Resolve(u.row.Path)
	cur, exists, err := t.lookToMake(name)
	if err != nil {
		if d.o.Sync != SyncNone { // else finish would
			err = errors.Join(err, s.file.Sync())
		}
		return u.view(), err
	}
	mode := uint32(t.f.root.modes.File.Perm())
	if exists {
		mode = cur.Mode // PUT-8
	}
	var mtime time.Time
	if u.row.MTime >= 0 {
		mtime = time.Unix(u.row.MTime, 0)
	}
	up := &Upload{t: t, name: name, claim: pendingClaim(u.row),
		receiving: &receiving{q: t.f.fs, staged: s, reserved: u.reserved, base: u.row.Base, size: u.size}}
	made, err := up.finish(d.o.Sync, mode, t.f.stamp(mtime))
	if err != nil {
		return u.view(), err
	}
	_, err = up.place(ctx, &made)
	if err != nil && up.staged != nil {
		return u.view(), err // nothing was changed
	}
	u.mu.Lock()
	u.reserved = up.reserved // settled
	u.mu.Unlock()
	v := u.view()
	v.Done = true
	past := &v
	if err != nil {
		past = nil // the file is there, but perhaps not for good: nobody may be told that all is well
	}
	if rowErr := d.endPending(u, nil, past); rowErr != nil {
		d.log.Error("forget upload", "upload", v.ID, "error", rowErr) // the next start does it
	}
	return v, err
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

// endPending ends an upload; the caller has the turn, or knows that nobody else can. f is its folder,
// whose ledger gets the reservation back; nil if there is none. past, if set, is what is told about it for a while.
func (d *FS) endPending(u *pending, f *folder, past *Pending) error {
	d.kept.mu.Lock()
	if d.kept.all[u.id] == u {
		delete(d.kept.all, u.id)
		if d.kept.count[u.userID]--; d.kept.count[u.userID] == 0 {
			delete(d.kept.count, u.userID)
		}
	}
	if past != nil {
		for id := range d.kept.past {
			if len(d.kept.past) < maxPast {
				break
			}
			delete(d.kept.past, id)
		}
		was := pastUpload{*past, u.userID, d.now().Add(d.o.UploadExpiry)}
		if len(was.Metadata) > maxPastMetadata {
			was.Metadata = ""
		}
		d.kept.past[u.id] = was
	}
	d.kept.mu.Unlock()
	u.mu.Lock()
	u.over = true
	u.promise(d.volume)
	reserved := u.reserved
	u.reserved = store.Usage{}
	u.mu.Unlock()
	err := d.volume.dropKept(u.id)
	d.sweepSoon()
	if f != nil {
		f.ledger.release(reserved)
	}
	return errors.Join(err, d.st.DeleteUpload(context.Background(), u.id))
}

// dropKept removes the bytes of an upload, if there are any.
func (v *volume) dropKept(id string) error {
	err := renameat2(int(v.kept.dir.Fd()), id, int(v.trashDir.Fd()), tempName(), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return pathError("drop upload", id, err)
}

// expirePending ends an upload whose time has come, if nobody sends to it. It says whether the
// upload is over.
func (d *FS) expirePending(u *pending, now time.Time) bool {
	mine := &pendingTurn{stop: func() {}, ended: make(chan struct{})}
	u.mu.Lock()
	if u.over {
		u.mu.Unlock()
		return true
	}
	if u.turn != nil || now.Before(u.row.Expires) {
		u.mu.Unlock()
		return false
	}
	u.turn = mine
	u.mu.Unlock()
	defer u.release(mine)
	v := u.view()
	d.endInFolder(u, &v)
	return true
}

// endInFolder is endPending where the folder is not at hand. Opening it is the way to its ledger:
// what is loaded later no longer finds the upload.
func (d *FS) endInFolder(u *pending, past *Pending) {
	f, err := d.open(d.ctx, u.folderID)
	if err == nil {
		defer f.release()
	}
	if err := d.endPending(u, f, past); err != nil && d.ctx.Err() == nil {
		d.log.Error("end upload", "upload", u.id, "folder", u.folderID, "error", err)
	}
}

// expireKept ends what has expired, and forgets what ended long ago.
func (d *FS) expireKept() {
	now := d.now()
	n := 0
	for _, u := range d.kept.list(func(u *pending) bool { return true }) {
		if v := u.view(); !now.Before(v.Expires) && d.expirePending(u, now) {
			n++
		}
	}
	if n > 0 {
		d.log.Info("uploads expired", "uploads", n)
	}
	d.kept.mu.Lock()
	defer d.kept.mu.Unlock()
	for id, past := range d.kept.past {
		if !now.Before(past.until) {
			delete(d.kept.past, id)
		}
	}
}

// dropPendings ends all uploads to a folder that is gone.
func (d *FS) dropPendings(ctx context.Context, folderID string) {
	for _, u := range d.kept.list(func(u *pending) bool { return u.folderID == folderID }) {
		mine, err := u.take(ctx, func() {}, true)
		if err != nil {
			continue // it ended by itself
		}
		if err := d.endPending(u, nil, nil); err != nil {
			d.log.Error("end upload", "upload", u.id, "folder", folderID, "error", err)
		}
		u.release(mine)
	}
}

// followKept ends the uploads whose rows went with their user, or with a folder.
func (d *FS) followKept(ctx context.Context) error {
	all := d.kept.list(func(*pending) bool { return true })
	if len(all) == 0 {
		return nil
	}
	rows, err := d.st.Uploads(ctx) // after the list: whose row is new is not in it
	if err != nil {
		return fmt.Errorf("reconcile: %w", err)
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		known[row.ID] = true
	}
	for _, u := range all {
		if known[u.id] {
			continue
		}
		mine, err := u.take(ctx, func() {}, true)
		if err != nil {
			continue
		}
		d.endInFolder(u, nil)
		u.release(mine)
	}
	return nil
}

// keptReserve is what the pending uploads to a folder reserve.
func (d *FS) keptReserve(folderID string) store.Usage {
	var sum store.Usage
	for _, u := range d.kept.list(func(u *pending) bool { return u.folderID == folderID }) {
		u.mu.Lock()
		sum = plus(sum, u.reserved)
		u.mu.Unlock()
	}
	return sum
}

// loadKept takes over the uploads of the last run. A row without its file is complete, or was
// dropped; a file without its row is one that nobody heard of. Nothing runs yet.
func (d *FS) loadKept(ctx context.Context) error {
	rows, err := d.st.Uploads(ctx)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(rows))
	for _, row := range rows {
		size, err := d.volume.keptSize(row)
		if errors.Is(err, fs.ErrNotExist) {
			if err := d.st.DeleteUpload(ctx, row.ID); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		known[row.ID] = true
		u := newPending(row)
		u.size = size
		if row.Solid >= 0 {
			u.row.Solid = -1
			if err := d.st.SaveUpload(ctx, u.row, true); err != nil {
				return err
			}
		}
		if row.Fresh {
			u.reserved.Files = 1
		}
		u.reserved.Bytes = max(0, max(row.Length, size)-row.Base)
		u.promise(d.volume)
		d.kept.all[row.ID] = u
		d.kept.count[row.UserID]++
	}
	onDisk, err := names(d.volume.kept.root.FS())
	if err != nil {
		return err
	}
	for _, name := range onDisk {
		if !known[name] {
			if err := d.volume.dropKept(name); err != nil {
				return fmt.Errorf("clear staging: %w", err)
			}
		}
	}
	if len(known) > 0 {
		d.log.Info("unfinished uploads", "uploads", len(known))
	}
	return nil
}

// keptSize is how many bytes of an upload are there, once what does not count is cut off.
func (v *volume) keptSize(row store.Upload) (int64, error) {
	f, err := v.kept.root.OpenFile(row.ID, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := i.Size()
	if row.Length >= 0 {
		size = min(size, row.Length)
	}
	if row.Solid >= 0 {
		size = min(size, row.Solid)
	}
	if size < i.Size() {
		if err := f.Truncate(size); err != nil {
			return 0, err
		}
		return size, f.Sync()
	}
	return size, nil
}
