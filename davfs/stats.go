package davfs

import "sync/atomic"

// Stats are numbers about the folders for those who watch the server (PER-6).
type Stats struct {
	Received      int64 // bytes of request bodies, since the start
	QuotaRefusals int64 // WebDAV requests that a folder's limit refused, since the start
	Unlistable    int64 // names that listings left out because no URL can have them (URL-6), each time
	Uploads       int64 // files that are being received
	Pending       int64 // unfinished uploads that outlive their requests
	Folders       int64 // that are open
	Locks         int64 // in open folders; one with locks stays open
}

// counters are the numbers that nothing else knows.
type counters struct {
	received, quotaRefusals, uploads atomic.Int64
}

// Stats gives the numbers of this moment.
func (d *FS) Stats() Stats {
	s := Stats{
		Received: d.counters.received.Load(), QuotaRefusals: d.counters.quotaRefusals.Load(), Unlistable: d.volumes.unlistable(),
		Uploads: d.counters.uploads.Load() + d.kept.writing.Load(),
	}
	d.kept.mu.Lock()
	s.Pending = int64(len(d.kept.all))
	d.kept.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Folders = int64(len(d.folders))
	for _, f := range d.folders {
		s.Locks += int64(f.locks.held.Load())
	}
	return s
}
