package davfs

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"davit/store"
)

// Many hands begin, continue, complete and drop uploads to the same names while files come and go, uploads expire and
// folders are closed and opened. Used and reserved never pass the limit, and in the end nothing is reserved.
func TestPAR2_ReservationsUnderLoad(t *testing.T) {
	var shift atomic.Int64
	w := newWorld(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }, UploadExpiry: time.Hour})
	w.FS.mostOpen = 0 // a folder at rest is closed: what is reserved must come back with it
	const maxBytes, maxFiles = 60_000, 12
	f := w.folder(t, maxBytes, maxFiles)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	expected := func(err error) bool {
		var offset *OffsetError
		for _, known := range []error{store.ErrQuota, store.ErrChanged, fs.ErrNotExist, ErrWriting, ErrExpired, ErrTooLong, ErrChecksum, ErrLength} {
			if errors.Is(err, known) {
				return true
			}
		}
		return errors.As(err, &offset)
	}
	var completed, expired atomic.Int64
	var hands sync.WaitGroup
	for hand := range 6 {
		hands.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(hand)))
			p := store.Principal{UserID: w.user.ID, UserName: "ann"}
			var mine []string
			for range 300 {
				tree, err := w.Tree(t.Context(), p, store.Mount{Folder: f, Rights: store.RightsAll})
				if err != nil {
					t.Error(err)
					return
				}
				name := fmt.Sprint("f", r.IntN(8))
				switch op := r.IntN(12); {
				case op < 3:
					n := NewPending{Path: name, Length: int64(r.IntN(12_000))}
					if r.IntN(4) == 0 {
						n.Length = -1
					}
					if r.IntN(4) == 0 {
						n.IfNoneMatch = []string{"*"}
					}
					var up Pending
					if up, err = tree.BeginPending(t.Context(), n); err == nil {
						mine = append(mine, up.ID)
					}
				case op < 9 && len(mine) > 0:
					id := mine[r.IntN(len(mine))]
					var up Pending
					if up, err = w.Pending(p, id); err != nil {
						break
					}
					body := make([]byte, r.IntN(5000))
					if up.Length >= 0 && up.Length-up.Offset < int64(len(body)) {
						body = body[:up.Length-up.Offset]
					}
					c := Chunk{Offset: up.Offset, Length: -1, Announced: int64(len(body)), Body: bytes.NewReader(body), Stop: func() {}}
					if up.Length < 0 && r.IntN(3) == 0 {
						c.Length = up.Offset + int64(len(body))
					}
					if r.IntN(3) == 0 {
						c.Hash = sha1.New()
						sum := sha1.Sum(body)
						c.Sum = sum[:]
						c.Sum[0] ^= byte(r.IntN(2)) // now and then a wrong one
					}
					if up, err = tree.AppendPending(t.Context(), id, c); err == nil && up.Done {
						completed.Add(1)
					}
				case op == 9 && len(mine) > 0:
					i := r.IntN(len(mine))
					err = tree.DropPending(t.Context(), mine[i])
					mine = append(mine[:i], mine[i+1:]...)
				case op == 10:
					var up *Upload
					if up, err = tree.Create(t.Context(), name, Claim{}, int64(r.IntN(4000))); err == nil {
						up.Write(make([]byte, r.IntN(4000)))
						_, _, err = up.Commit(t.Context(), time.Time{})
					}
				case op == 11:
					err = tree.Remove(t.Context(), name, Claim{})
				}
				if err != nil && !expected(err) {
					t.Errorf("%v", err)
				}
				tree.Close()
				if u, err := w.Usage(t.Context(), f); err != nil || u.Bytes+u.ReservedBytes > maxBytes || u.Files+u.ReservedFiles > maxFiles ||
					u.ReservedBytes < 0 || u.ReservedFiles < 0 {
					t.Errorf("usage %+v, %v", u, err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var aside sync.WaitGroup
	aside.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			before := len(w.PendingOf(w.user.ID))
			shift.Add(int64(5 * time.Minute))
			w.expireKept()
			if len(w.PendingOf(w.user.ID)) < before {
				expired.Add(1)
			}
			if err := w.Reconcile(t.Context()); err != nil {
				t.Error(err)
			}
			if err := w.flush(t.Context(), true); err != nil { // so that the folder comes to rest
				t.Error(err)
			}
		}
	})
	hands.Wait()
	close(stop)
	aside.Wait()
	t.Logf("%d uploads completed, expiry seen %d times", completed.Load(), expired.Load())
	if completed.Load() == 0 {
		t.Error("no upload was completed: that is no load")
	}
	var reserved store.Usage
	for _, up := range w.PendingOf(w.user.ID) {
		u := w.kept.all[up.ID]
		reserved = plus(reserved, u.reserved)
	}
	if u, err := w.Usage(t.Context(), f); err != nil || u.ReservedBytes != reserved.Bytes || u.ReservedFiles != reserved.Files {
		t.Errorf("usage %+v, %v; want %+v reserved", u, err, reserved)
	}
	shift.Add(int64(2 * time.Hour))
	w.expireKept()
	u, err := w.Usage(t.Context(), f)
	if err != nil || u.ReservedBytes != 0 || u.ReservedFiles != 0 || u.Usage != onDisk(t, filepath.Join(w.dir, "files", f.ID)) {
		t.Errorf("in the end: usage %+v, %v; on disk %+v", u, err, onDisk(t, filepath.Join(w.dir, "files", f.ID)))
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "staging", "kept")); err != nil || len(left) != 0 {
		t.Errorf("in staging: %v, %v", left, err)
	}
	if rows, err := w.st.Uploads(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("rows: %v, %v", rows, err)
	}
	if len(w.kept.count) != 0 {
		t.Errorf("counts: %v", w.kept.count)
	}
}
