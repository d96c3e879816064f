package server

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	runtimemetrics "runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"davit/store"

	"github.com/labstack/echo/v4"
)

// countedMethods are the methods that have numbers of their own; all others share one.
var countedMethods = [...]string{"other", "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH",
	"MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT"}

// methodNumber is the place of a method in countedMethods.
func methodNumber(method string) int { return max(0, slices.Index(countedMethods[:], method)) }

// countedDoors are the doors that requests are counted by: the audit's names, and what is no API.
var countedDoors = [...]string{"webdav", "collections", "files", "vfolders", "davit", "auth", "page", "server"}

const (
	doorWebDAV   = 0
	doorVFolders = 3
	doorPage     = 6
	doorServer   = 7
)

// doorNumber is the place of the door that a request came to in countedDoors.
func doorNumber(r *http.Request, dav bool) int {
	if dav {
		return doorWebDAV
	}
	path := r.URL.Path
	switch {
	case path == "/" || strings.HasPrefix(path, "/assets/"):
		return doorPage
	case path == "/livez" || path == "/readyz" || path == "/metrics" || strings.HasPrefix(path, "/openapi"):
		return doorServer
	}
	if i := slices.Index(countedDoors[:], doorOf(path)); i >= 0 {
		return i
	}
	return doorVFolders
}

// durations are the upper bounds of the histogram's buckets; one more has no bound.
var durations = [...]time.Duration{time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond,
	500 * time.Millisecond, 2 * time.Second, 10 * time.Second, time.Minute}

// metrics count requests (PER-6). A request costs a few additions and nothing else; all that can be
// asked for elsewhere is asked for when somebody wants to see it.
type metrics struct {
	methods       [len(countedMethods)]methodMetrics
	doors         [len(countedDoors)][6]atomic.Int64 // by class of the status: 1 is 1xx
	sent          atomic.Int64                       // bytes of answers
	received      atomic.Int64                       // bytes of the API's bodies, as announced; davfs counts the others
	listings      atomic.Int64                       // PROPFINDs of Depth 1
	listingNanos  atomic.Int64
	quotaRefusals atomic.Int64 // by the API; davfs counts the others
}

type methodMetrics struct {
	status [600]atomic.Int64
	bucket [len(durations) + 1]atomic.Int64
	nanos  atomic.Int64
}

// request counts a request that has ended.
func (m *metrics) request(r *http.Request, w *response, dav bool, start time.Time) {
	took := time.Since(start)
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	if status >= len(m.methods[0].status) {
		status = 0
	}
	m.doors[doorNumber(r, dav)][min(status/100, 5)].Add(1)
	of := &m.methods[methodNumber(r.Method)]
	of.status[status].Add(1)
	i := 0
	for i < len(durations) && took > durations[i] {
		i++
	}
	of.bucket[i].Add(1)
	of.nanos.Add(int64(took))
	if w.bytes > 0 {
		m.sent.Add(w.bytes)
	}
	if !dav && r.ContentLength > 0 && !strings.HasPrefix(r.URL.Path, uploadsPath) {
		m.received.Add(r.ContentLength)
	}
	if status == http.StatusMultiStatus && r.Method == "PROPFIND" {
		if depth := r.Header["Depth"]; len(depth) == 1 && depth[0] == "1" {
			m.listings.Add(1)
			m.listingNanos.Add(int64(took))
		}
	}
}

// showMetrics answers GET /metrics in the text format of Prometheus, to administrators.
func (s *Server) showMetrics(c echo.Context, p store.Principal) error {
	if !p.Admin {
		return fmt.Errorf("metrics are for administrators: %w", fs.ErrPermission)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", []byte(s.exposition(c.Request().Context())))
}

// exposition is all metrics as text.
func (s *Server) exposition(ctx context.Context) string {
	m := &s.metrics
	files := s.files.Stats()
	var b strings.Builder
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	one := func(name, kind, help string, value any) {
		family(name, kind, help)
		fmt.Fprintf(&b, "%s %v\n", name, value)
	}
	seconds := func(nanos int64) string { return strconv.FormatFloat(float64(nanos)/1e9, 'g', -1, 64) }

	family("davit_build_info", "gauge", "The program that answers.")
	fmt.Fprintf(&b, "davit_build_info{version=%q,goversion=%q} 1\n", Version(), runtime.Version())
	family("davit_requests_total", "counter", "Requests by method and status.")
	for i, method := range countedMethods {
		for status := range m.methods[i].status {
			if n := m.methods[i].status[status].Load(); n > 0 {
				fmt.Fprintf(&b, "davit_requests_total{method=%q,status=\"%d\"} %d\n", method, status, n)
			}
		}
	}
	family("davit_door_requests_total", "counter", "Requests by door and class of the status.")
	for i, door := range countedDoors {
		for class := range m.doors[i] {
			if n := m.doors[i][class].Load(); n > 0 {
				fmt.Fprintf(&b, "davit_door_requests_total{door=%q,class=\"%dxx\"} %d\n", door, class, n)
			}
		}
	}
	family("davit_request_duration_seconds", "histogram", "Time from the head of a request to the end of its answer.")
	for i, method := range countedMethods {
		of, sum := &m.methods[i], int64(0)
		var n [len(durations) + 1]int64
		for j := range n {
			sum += of.bucket[j].Load()
			n[j] = sum
		}
		if sum == 0 {
			continue
		}
		for j, bound := range durations {
			fmt.Fprintf(&b, "davit_request_duration_seconds_bucket{method=%q,le=%q} %d\n", method, seconds(int64(bound)), n[j])
		}
		fmt.Fprintf(&b, "davit_request_duration_seconds_bucket{method=%q,le=\"+Inf\"} %d\n", method, sum)
		fmt.Fprintf(&b, "davit_request_duration_seconds_sum{method=%q} %s\n", method, seconds(of.nanos.Load()))
		fmt.Fprintf(&b, "davit_request_duration_seconds_count{method=%q} %d\n", method, sum)
	}
	family("davit_listing_duration_seconds", "summary", "Time of PROPFIND with Depth 1.")
	fmt.Fprintf(&b, "davit_listing_duration_seconds_sum %s\n", seconds(m.listingNanos.Load()))
	fmt.Fprintf(&b, "davit_listing_duration_seconds_count %d\n", m.listings.Load())
	one("davit_received_bytes_total", "counter", "Bytes of request bodies.", files.Received+m.received.Load())
	one("davit_sent_bytes_total", "counter", "Bytes of answers, without their heads.", m.sent.Load())
	one("davit_quota_refusals_total", "counter", "Requests that the limit of a folder refused.", files.QuotaRefusals+m.quotaRefusals.Load())
	one("davit_unlistable_names_total", "counter", "Names on the disk that listings left out because no URL can have them; each time counts.", files.Unlistable)
	one("davit_uploads_running", "gauge", "Files that are being received.", files.Uploads)
	one("davit_uploads_unfinished", "gauge", "Resumable uploads that are not complete.", files.Pending)
	one("davit_locks", "gauge", "WebDAV locks in open folders.", files.Locks)
	one("davit_folders_open", "gauge", "Folders that are open.", files.Folders)

	if t, err := s.folderSums(ctx); err == nil {
		one("davit_folders", "gauge", "Living folders.", t.Folders)
		one("davit_folders_full", "gauge", "Living folders at or above a limit.", t.Full)
		one("davit_stored_bytes", "gauge", "Bytes of the files in living folders.", t.Bytes)
		one("davit_stored_files", "gauge", "Files and collections in living folders.", t.Files)
	} else if ctx.Err() == nil {
		s.log.Warn("metrics", "what", "sums of folders", "error", err)
	}

	family("davit_volume_free_bytes", "gauge", "Bytes that a volume of folders has left; the data directory is \"\".")
	volumes := s.files.Volumes()
	for _, v := range volumes {
		fmt.Fprintf(&b, "davit_volume_free_bytes{volume=%q} %d\n", v.Dir, v.Free)
	}
	family("davit_volume_promised_bytes", "gauge", "Bytes of unfinished uploads to a volume that are still to come.")
	for _, v := range volumes {
		fmt.Fprintf(&b, "davit_volume_promised_bytes{volume=%q} %d\n", v.Dir, v.Promised)
	}

	one("go_goroutines", "gauge", "Goroutines that exist.", runtime.NumGoroutine())
	memory := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	if runtimemetrics.Read(memory); memory[0].Value.Kind() == runtimemetrics.KindUint64 {
		one("go_memstats_heap_alloc_bytes", "gauge", "Bytes of objects on the heap.", memory[0].Value.Uint64())
	}
	if n, ok := residentBytes(); ok {
		one("process_resident_memory_bytes", "gauge", "Memory of the process.", n)
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		one("process_open_fds", "gauge", "Open file descriptors.", len(open)-1) // without that of the listing
	}
	return b.String()
}

// To sum over all folders reads all rows, and several may be watching: the sums may be of sumsAge ago, and older if
// that is what keeps the work of it to a part in sumsPart of the time.
const (
	sumsAge  = 2 * time.Second
	sumsPart = 20
)

// folderSums are sums over all folders, of a moment ago.
func (s *Server) folderSums(ctx context.Context) (store.FolderSums, error) {
	s.sums.Lock()
	defer s.sums.Unlock()
	if begin := time.Now(); begin.After(s.sums.until) {
		got, err := s.store.FolderSums(ctx, s.files.Products(), s.defaults)
		if err != nil {
			return got, err
		}
		end := time.Now()
		s.sums.until, s.sums.last = end.Add(max(sumsAge, sumsPart*end.Sub(begin))), got
	}
	return s.sums.last, nil
}

// residentBytes is the memory that the process takes, as Linux counts it.
func residentBytes() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
