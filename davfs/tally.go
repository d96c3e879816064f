package davfs

import (
	"context"
	"sync"
	"time"

	"davit/store"
)

// tally counts the changes of files for the audit, which has one entry for what one user did in one
// folder, from one address through one door, in a minute. Counting is a look into a map.
type tally struct {
	mu  sync.Mutex
	all map[tallyKey]*tallied
}

type tallyKey struct{ user, folder, address, door string }

type tallied struct {
	by                     store.Actor
	since                  time.Time
	writes, deletes, moves int64
}

const (
	tallyFor  = time.Minute
	mostTally = 10_000 // entries at a time; beyond that addresses, then users and folders are not told apart
)

// add counts changes.
func (y *tally) add(by store.Actor, folderID string, now time.Time, writes, deletes, moves int64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	k := tallyKey{by.UserID, folderID, by.Address, by.Door}
	n := y.all[k]
	if n == nil && len(y.all) >= mostTally {
		k.address, by.Address = "", ""
		if n = y.all[k]; n == nil {
			k, by = tallyKey{door: by.Door}, store.Actor{Door: by.Door}
			n = y.all[k]
		}
	}
	if n == nil {
		if y.all == nil {
			y.all = make(map[tallyKey]*tallied)
		}
		n = &tallied{by: by, since: now}
		y.all[k] = n
	}
	n.writes += writes
	n.deletes += deletes
	n.moves += moves
}

// take removes what has been counted for long enough, or everything.
func (y *tally) take(now time.Time, everything bool) []store.FileChanges {
	y.mu.Lock()
	defer y.mu.Unlock()
	var done []store.FileChanges
	for k, n := range y.all {
		if everything || now.Sub(n.since) >= tallyFor || now.Before(n.since) {
			done = append(done, store.FileChanges{Actor: n.by, FolderID: k.folder, Since: n.since, Writes: n.writes, Deletes: n.deletes, Moves: n.moves})
			delete(y.all, k)
		}
	}
	return done
}

// saveTally writes what is due; what cannot be written is counted once more.
func (d *FS) saveTally(ctx context.Context, everything bool) error {
	due := d.tally.take(d.now(), everything)
	err := d.st.NoteFileChanges(ctx, due)
	if err != nil {
		for _, c := range due {
			d.tally.add(c.Actor, c.FolderID, c.Since, c.Writes, c.Deletes, c.Moves)
		}
	}
	return err
}

// count tells the audit of changes in t, which the actor of ctx made if it was not WebDAV.
func (t *Tree) count(ctx context.Context, writes, deletes, moves int64) {
	by := t.by
	if by == nil {
		a := store.ActorOf(ctx)
		by = &a
	}
	t.f.d.tally.add(*by, t.f.id, t.f.d.now(), writes, deletes, moves)
}
