package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

const (
	smallSize = 4 << 10
	rangeSize = 64 << 10
	bigSize   = 512 << 20
)

// block is what all bodies are made of. A big one is block over and over.
var block = func() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// A row is one kind of work, done by conns clients at once for the length of a
// cell. An operation may be several requests; it is counted and timed as one.
type row struct {
	key, title string
	conns      int
	writes     bool  // changes something on the disk
	size       int64 // of the body that one operation moves, if that is what counts

	// before makes what the operations need, if it is not there. It is not measured.
	before func(*worker) error
	// op is one operation. It checks the answers.
	op func(*worker) error
	// verify looks, after the cell, at what a worker's last operation left.
	verify func(*worker) error
}

// A worker is one client with one connection. n counts its operations.
type worker struct {
	*conn
	base string // path of the folder, ends with a slash
	dir  string // collection for what this cell changes, below base, ends with a slash
	id   int
	n    int

	lost  int  // locks that could not be given back
	fresh bool // the file to lock next is not there yet

	off     int64 // where in the file the next part of the body belongs
	differs bool
	listing int64 // length of the last listing that was counted
	page    []byte
}

// A statusError is an answer with a status that the row does not take.
type statusError struct {
	method string
	status int
}

func (e *statusError) Error() string { return fmt.Sprintf("%d to %s", e.status, e.method) }

// ask sends a request for a name below the worker's collection and wants one of
// the statuses.
func (w *worker) ask(q request, sink func([]byte), want ...int) (answer, error) {
	q.name = w.base + q.name
	a, err := w.do(q, sink)
	if err != nil {
		return a, err
	}
	if !slices.Contains(want, a.status) {
		return a, &statusError{q.method, a.status}
	}
	return a, nil
}

// put uploads body, repeat times over. Servers disagree about the status of an
// upload over a file that is there.
func (w *worker) put(name string, body []byte, repeat int) error {
	_, err := w.ask(request{method: "PUT", name: name, body: body, repeat: repeat}, nil, 201, 204, 200)
	return err
}

func (w *worker) mkcol(name string) error {
	_, err := w.ask(request{method: "MKCOL", name: name}, nil, 201, 405)
	return err
}

// get reads length bytes of a file from offset and compares each of them.
func (w *worker) get(name, header string, offset, length int64, status int) error {
	w.off, w.differs = offset, false
	a, err := w.ask(request{method: "GET", name: name, header: header}, w.compare, status)
	if err != nil {
		return err
	}
	if a.length != length || w.differs {
		return fmt.Errorf("GET %s: not the bytes that were put", name)
	}
	return nil
}

func (w *worker) compare(p []byte) {
	for len(p) > 0 {
		want := block[w.off%int64(len(block)):]
		n := min(len(p), len(want))
		if !bytes.Equal(p[:n], want[:n]) {
			w.differs = true
		}
		w.off += int64(n)
		p = p[n:]
	}
}

func (w *worker) getSmall(name string) error { return w.get(name, "", 0, smallSize, 200) }

const (
	namedProps = `<?xml version="1.0" encoding="utf-8"?>` +
		`<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/>` +
		`<D:getlastmodified/><D:getetag/><D:getcontenttype/></D:prop></D:propfind>`
	allProps = `<?xml version="1.0" encoding="utf-8"?>` +
		`<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`
	lockInfo = `<?xml version="1.0" encoding="utf-8"?>` +
		`<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
		`<D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>`
	xmlType = "Content-Type: application/xml\r\n"
)

// propfind asks for a listing and wants that many responses in it. To count them
// costs the client much, so a listing as long as the last counted one passes.
func (w *worker) propfind(name string, depth int, body string, responses int) error {
	w.page = w.page[:0]
	a, err := w.ask(request{
		method: "PROPFIND", name: name, body: []byte(body),
		header: "Depth: " + strconv.Itoa(depth) + "\r\n" + xmlType,
	}, w.keep, 207)
	if err != nil || a.length == w.listing {
		return err
	}
	if got := countResponses(w.page); got != responses {
		return fmt.Errorf("PROPFIND: %d responses, want %d", got, responses)
	}
	w.listing = a.length
	return nil
}

func (w *worker) keep(p []byte) { w.page = append(w.page, p...) }

// countResponses counts the end tags of response elements of a multistatus,
// whatever prefix stands for the namespace.
func countResponses(page []byte) int {
	n := 0
	for {
		_, rest, ok := bytes.Cut(page, []byte("</"))
		if !ok {
			return n
		}
		end := bytes.IndexByte(rest, '>')
		if end < 0 {
			return n
		}
		if tag := rest[:end]; string(tag) == "response" || bytes.HasSuffix(tag, []byte(":response")) {
			n++
		}
		page = rest[end:]
	}
}

// fill makes a collection of count small files.
func fill(name string, count int) func(*worker) error {
	return func(w *worker) error {
		if err := w.propfind(name, 1, namedProps, count+1); err == nil {
			return nil
		}
		if err := w.mkcol(name); err != nil {
			return err
		}
		for i := range count {
			if err := w.put(fmt.Sprintf("%sfile-%05d.txt", name, i), block[:64], 1); err != nil {
				return err
			}
		}
		return nil
	}
}

func smallFile(w *worker) error {
	if w.getSmall("file.txt") == nil {
		return nil
	}
	return w.put("file.txt", block[:smallSize], 1)
}

func bigFile(w *worker) error {
	if w.getRange(0) == nil {
		return nil
	}
	return w.putBig()
}

func (w *worker) putBig() error { return w.put("big.bin", block, bigSize/len(block)) }

func (w *worker) getRange(offset int64) error {
	header := fmt.Sprintf("Range: bytes=%d-%d\r\n", offset, offset+rangeSize-1)
	return w.get("big.bin", header, offset, rangeSize, 206)
}

// ownCollection makes the collection that a cell writes into. Nothing is removed
// while servers are measured: ext4 does not use an inode again for minutes after
// its file was deleted, and searches past all of those for each new file.
func ownCollection(w *worker) error { return w.mkcol(w.dir) }

// lockUnlock locks a file of the worker's own and gives the lock back. If that
// fails the file may stay locked, so the next operation takes another one.
func (w *worker) lockUnlock() error {
	name := fmt.Sprintf("%s%d-%d.txt", w.dir, w.id, w.lost)
	if w.fresh {
		if err := w.put(name, block[:smallSize], 1); err != nil {
			return err
		}
		w.fresh = false
	}
	a, err := w.ask(request{
		method: "LOCK", name: name, body: []byte(lockInfo),
		header: "Depth: 0\r\nTimeout: Second-600\r\n" + xmlType,
	}, nil, 200)
	if err == nil {
		_, err = w.ask(request{
			method: "UNLOCK", name: name, header: "Lock-Token: " + a.lockToken + "\r\n",
		}, nil, 204)
	}
	if err != nil {
		w.lost++
		w.fresh = true
	}
	return err
}

// list is the operation of the rows that read a listing.
func list(name string, depth int, body string, responses int) func(*worker) error {
	return func(w *worker) error { return w.propfind(name, depth, body, responses) }
}

// putNew is a row of uploads to new names.
func putNew(key, title string, conns int) row {
	return row{
		key: key, title: title, conns: conns, writes: true,
		before: ownCollection,
		op: func(w *worker) error {
			return w.put(fmt.Sprintf("%s%d-%d.txt", w.dir, w.id, w.n), block[:smallSize], 1)
		},
		verify: func(w *worker) error {
			return w.getSmall(fmt.Sprintf("%s%d-%d.txt", w.dir, w.id, w.n-1))
		},
	}
}

// rows are the rows of the table, in its order. But for one, workers never share a name that
// they change: what is measured is many clients, not their quarrels.
func rows() []row {
	return []row{
		putNew("put-new", "PUT new 4 KiB", 8),
		putNew("put-new-1", "PUT new 4 KiB, 1 client", 1),
		putNew("put-new-64", "PUT new 4 KiB, 64 clients", 64),
		{
			key: "put-over", title: "PUT over 4 KiB", conns: 8, writes: true,
			before: ownCollection,
			op: func(w *worker) error {
				return w.put(fmt.Sprintf("%s%d.txt", w.dir, w.id), block[:smallSize], 1)
			},
			verify: func(w *worker) error { return w.getSmall(fmt.Sprintf("%s%d.txt", w.dir, w.id)) },
		},
		{
			key: "put-same", title: "PUT over 4 KiB, the same 4 names", conns: 8, writes: true,
			before: ownCollection,
			op: func(w *worker) error {
				return w.put(fmt.Sprintf("%s%d.txt", w.dir, w.n%4), block[:smallSize], 1)
			},
			verify: func(w *worker) error { return w.getSmall(fmt.Sprintf("%s%d.txt", w.dir, w.id%4)) },
		},
		{
			key: "get", title: "GET 4 KiB", conns: 8,
			before: smallFile,
			op:     func(w *worker) error { return w.getSmall("file.txt") },
		},
		{
			key: "propfind-0", title: "PROPFIND Depth 0, 5 properties", conns: 8,
			before: smallFile,
			op:     list("file.txt", 0, namedProps, 1),
		},
		{
			key: "list-1000", title: "PROPFIND Depth 1, 1,000 files, 5 properties", conns: 8,
			before: fill("thousand/", 1000),
			op:     list("thousand/", 1, namedProps, 1001),
		},
		{
			key: "allprop-1000", title: "PROPFIND Depth 1, 1,000 files, allprop", conns: 8,
			before: fill("thousand/", 1000),
			op:     list("thousand/", 1, allProps, 1001),
		},
		{
			key: "list-10000", title: "PROPFIND Depth 1, 10,000 files, 5 properties", conns: 8,
			before: fill("tenthousand/", 10000),
			op:     list("tenthousand/", 1, namedProps, 10001),
		},
		{
			key: "lock", title: "LOCK + UNLOCK", conns: 8, writes: true,
			before: ownCollection,
			op:     (*worker).lockUnlock,
		},
		{
			key: "put-move-delete", title: "PUT + MOVE + DELETE", conns: 8, writes: true,
			before: ownCollection,
			op: func(w *worker) error {
				from, to := fmt.Sprintf("%s%d-a.txt", w.dir, w.id), fmt.Sprintf("%s%d-b.txt", w.dir, w.id)
				if err := w.put(from, block[:smallSize], 1); err != nil {
					return err
				}
				_, err := w.ask(request{
					method: "MOVE", name: from,
					header: "Destination: http://" + w.addr + w.base + to + "\r\n",
				}, nil, 201, 204)
				if err != nil {
					return err
				}
				_, err = w.ask(request{method: "DELETE", name: to}, nil, 204, 200)
				return err
			},
			verify: func(w *worker) error {
				for _, end := range []string{"a", "b"} {
					q := request{method: "GET", name: fmt.Sprintf("%s%d-%s.txt", w.dir, w.id, end)}
					if _, err := w.ask(q, nil, 404); err != nil {
						return err
					}
				}
				return nil
			},
		},
		{
			key: "put-big", title: "PUT 512 MiB", conns: 1, writes: true, size: bigSize,
			before: bigFile,
			op:     (*worker).putBig,
			verify: func(w *worker) error { return w.get("big.bin", "", 0, bigSize, 200) },
		},
		{
			key: "get-big", title: "GET 512 MiB", conns: 1, size: bigSize,
			before: bigFile,
			op:     func(w *worker) error { return w.get("big.bin", "", 0, bigSize, 200) },
		},
		{
			key: "range", title: "GET 64 KiB range of 512 MiB", conns: 8,
			before: bigFile,
			op: func(w *worker) error {
				const step = 1<<20 + 4096 // not always the same pages, not always a page that is cold
				return w.getRange(int64(w.id*w.n) * step % (bigSize - rangeSize))
			},
		},
	}
}
