package server

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"davit/store"
)

// administrator makes an administrator and gives a token of his, which is his password here.
func (h *house) administrator() *caller {
	h.t.Helper()
	u, err := h.store.CreateUser(h.t.Context(), store.User{Name: "root", Admin: true})
	if err != nil {
		h.t.Fatal(err)
	}
	c := &caller{house: h, user: u}
	c.token = c.newToken("", false)
	return c
}

var (
	metricHead   = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	metricSample = regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})? ([0-9.e+-]+)$`)
)

// metrics gives all samples by name and labels, and checks the form of the text.
func (c *caller) metrics() map[string]float64 {
	c.t.Helper()
	a := c.call("GET", "/metrics", "")
	if a.status != 200 || a.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		c.t.Fatalf("metrics: %d %v", a.status, a.header)
	}
	kinds, all := map[string]string{}, map[string]float64{}
	for line := range strings.Lines(a.body) {
		line = strings.TrimSuffix(line, "\n")
		if head := metricHead.FindStringSubmatch(line); head != nil {
			if head[1] == "TYPE" {
				kinds[head[2]] = head[3]
			}
			continue
		}
		sample := metricSample.FindStringSubmatch(line)
		if sample == nil {
			c.t.Fatalf("not in the format: %q", line)
		}
		family := sample[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if kind := kinds[strings.TrimSuffix(sample[1], suffix)]; kind == "histogram" || kind == "summary" {
				family = strings.TrimSuffix(sample[1], suffix)
			}
		}
		if kinds[family] == "" {
			c.t.Errorf("no TYPE before %q", line)
		}
		v, err := strconv.ParseFloat(sample[3], 64)
		if err != nil {
			c.t.Errorf("%q: %v", line, err)
		}
		if _, twice := all[sample[1]+sample[2]]; twice {
			c.t.Errorf("twice: %q", line)
		}
		all[sample[1]+sample[2]] = v
	}
	return all
}

func TestPER6_Metrics(t *testing.T) {
	h := newHouse(t)
	ann, root := h.caller("ann"), h.administrator()
	if a := h.do(h.request("GET", "/metrics", "")); a.status != 401 {
		t.Errorf("without credentials: %d", a.status)
	}
	if a := ann.call("GET", "/metrics", ""); a.status != 403 {
		t.Errorf("to a user: %d", a.status)
	}
	id := ann.limited("docs", 1000, 10)
	before := root.metrics()
	for key, want := range map[string]float64{
		`davit_requests_total{method="GET",status="401"}`: 1, `davit_requests_total{method="GET",status="403"}`: 1,
		`davit_requests_total{method="PUT",status="201"}`: 0,
	} {
		if before[key] != want {
			t.Errorf("%s is %v, want %v", key, before[key], want)
		}
	}

	ann.call("PUT", "/dav/"+id+"/a", strings.Repeat("x", 400))
	ann.call("PUT", "/dav/"+id+"/b", strings.Repeat("x", 700)) // 507
	ann.call("GET", "/dav/"+id+"/a", "")
	ann.call("LOCK", "/dav/"+id+"/a", `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`)
	ann.call("BREW", "/dav/"+id+"/a", "")
	if err := os.WriteFile(filepath.Join(h.dir, "files", id, "bad\xff"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, depth := range []string{"1", "0", "1"} {
		r := h.request("PROPFIND", "/dav/"+id+"/", "")
		r.SetBasicAuth("ann", ann.token)
		r.Header.Set("Depth", depth)
		if a := h.do(r); a.status != 207 {
			t.Fatal(a)
		}
	}
	ann.begin(100, meta("folder", id, "path", "u"))
	if a := ann.tus("POST", uploadsPath, "", "Upload-Length: 5000", "Upload-Metadata: "+meta("folder", id, "path", "v")); a.status != 507 {
		t.Fatal(a)
	}
	body, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err := http.NewRequestWithContext(t.Context(), "PUT", h.url+"/dav/"+id+"/slow", body)
		if err != nil {
			t.Error(err)
			return
		}
		r.SetBasicAuth("ann", ann.token)
		if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
			res.Body.Close()
		}
	}()
	io.WriteString(writer, "some")
	eventually(t, "an upload runs", func() bool { return root.metrics()["davit_uploads_running"] == 1 })
	writer.Close()
	<-done

	// The server counts a request after its answer.
	var now map[string]float64
	eventually(t, "all is counted", func() bool {
		now = root.metrics()
		return now["davit_listing_duration_seconds_count"] == 2 && now[`davit_requests_total{method="PUT",status="201"}`] == 2
	})
	for key, want := range map[string]float64{
		`davit_requests_total{method="PUT",status="507"}`:                1,
		`davit_requests_total{method="PROPFIND",status="207"}`:           3,
		`davit_requests_total{method="POST",status="201"}`:               1,
		`davit_requests_total{method="POST",status="507"}`:               1,
		`davit_requests_total{method="other",status="501"}`:              1,
		`davit_request_duration_seconds_count{method="PROPFIND"}`:        3,
		`davit_request_duration_seconds_bucket{method="PUT",le="+Inf"}`:  3,
		`davit_request_duration_seconds_bucket{method="LOCK",le="60"}`:   1,
		`davit_request_duration_seconds_bucket{method="LOCK",le="+Inf"}`: 1,
		`davit_door_requests_total{door="webdav",class="5xx"}`:           2,
		`davit_door_requests_total{door="webdav",class="2xx"}`:           now[`davit_requests_total{method="PROPFIND",status="207"}`] + 4,
		`davit_door_requests_total{door="server",class="4xx"}`:           2,
		"davit_folders":              1,
		"davit_quota_refusals_total": 2,
		"davit_uploads_running":      0,
		"davit_uploads_unfinished":   1,
		"davit_locks":                1,
		"davit_folders_open":         1,
	} {
		if now[key] != want {
			t.Errorf("%s is %v, want %v", key, now[key], want)
		}
	}
	if n := now["davit_unlistable_names_total"]; n < 1 {
		t.Errorf("%v names could not be listed, want at least 1", n)
	}
	if n := now["davit_received_bytes_total"]; n < 404 || n > 3000 {
		t.Errorf("%v bytes came", n)
	}
	if n := now["davit_sent_bytes_total"] - before["davit_sent_bytes_total"]; n < 400 {
		t.Errorf("%v bytes went", n)
	}
	for _, key := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes", "process_open_fds",
		fmt.Sprintf("davit_build_info{version=%q,goversion=%q}", Version(), runtime.Version())} {
		if now[key] <= 0 {
			t.Errorf("%s is %v", key, now[key])
		}
	}
	if a := h.do(h.request("OPTIONS", "/metrics", "")); a.header.Get("DAV") != "" {
		t.Errorf("OPTIONS: %v", a.header)
	}
	// A token of the administrator that is narrowed shows nothing.
	narrow := root.request("GET", "/metrics", "")
	narrow.Header.Set("Authorization", "Bearer "+root.newToken("", true))
	if a := h.do(narrow); a.status != 403 {
		t.Errorf("with a token for reading: %d", a.status)
	}
	narrow.Header.Set("Authorization", "Bearer "+root.token)
	if a := h.do(narrow); a.status != 200 {
		t.Errorf("Bearer: %d", a.status)
	}
}

// Counting must not cost what serving does.
func TestPER6_CountingAllocatesNothing(t *testing.T) {
	var m metrics
	r := &http.Request{Method: "PROPFIND", Header: http.Header{"Depth": {"1"}}}
	w := &response{status: 207, bytes: 1234}
	start := time.Now()
	if n := testing.AllocsPerRun(100, func() { m.request(r, w, true, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPER6_Count(b *testing.B) {
	var m metrics
	r := &http.Request{Method: "PROPFIND", Header: http.Header{"Depth": {"1"}}}
	w := &response{status: 207, bytes: 1234}
	start := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		m.request(r, w, true, start)
	}
}
