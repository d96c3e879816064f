package davfs

import "sync"

// syncGroup lets changes of one directory that wait for the disk at the same time share a sync: one that
// begins after a change makes it durable, whoever asked for it. The zero value is ready; it is safe for
// concurrent use.
type syncGroup struct {
	mu   sync.Mutex
	runs map[string]*syncRun // the newest of each directory
}

// syncRun is one call of fsync, under way or soon.
type syncRun struct {
	waiting bool // for the one before it to end; guarded by syncGroup.mu
	done    chan struct{}
	err     error // after done
}

// do returns when a sync of dir has ended that began after do was called.
func (g *syncGroup) do(dir string, fsync func() error) error {
	g.mu.Lock()
	last := g.runs[dir]
	if last != nil && last.waiting {
		g.mu.Unlock()
		<-last.done
		return last.err
	}
	run := &syncRun{waiting: last != nil, done: make(chan struct{})}
	if g.runs == nil {
		g.runs = make(map[string]*syncRun)
	}
	g.runs[dir] = run
	g.mu.Unlock()
	if last != nil {
		<-last.done
		g.mu.Lock()
		run.waiting = false
		g.mu.Unlock()
	}
	run.err = fsync()
	g.mu.Lock()
	if g.runs[dir] == run {
		delete(g.runs, dir)
	}
	g.mu.Unlock()
	close(run.done)
	return run.err
}
