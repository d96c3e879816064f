package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"davit/server/servertest"
)

// Benchmarks of the requirements about time, with the program as people run it:
//
//	go test -run '^$' -bench PER -benchtime 5x ./server

// fillByHand puts count empty files into a new collection of a folder.
func (s *process) fillByHand(folder, dir string, count int) {
	s.T.Helper()
	at := filepath.Join(s.Data, "files", folder, dir)
	if err := os.Mkdir(at, 0o755); err != nil {
		s.T.Fatal(err)
	}
	for n := range count {
		if err := os.WriteFile(filepath.Join(at, fmt.Sprintf("file-%06d.txt", n)), nil, 0o644); err != nil {
			s.T.Fatal(err)
		}
	}
}

// memory is a line of the server's /proc/PID/status, such as VmHWM, in bytes.
func (s *process) memory(field string) float64 {
	s.T.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		s.T.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field+":")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		s.T.Fatal(err)
	}
	return float64(kib) * 1024
}

// cpu is the processor time that the server has taken so far.
func (s *process) cpu() time.Duration {
	s.T.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Cmd.Process.Pid))
	if err != nil {
		s.T.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(field)
		if err != nil {
			s.T.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Listings of 10,000 and 100,000 files, that are not in memory: until the first byte of the answer, until
// its end, and how much memory the server took at most.
func BenchmarkPER2_Listing(b *testing.B) {
	for _, count := range []int{10_000, 100_000} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			s := newProcess(b, "--default-max-files", "0")
			folder := s.folder("Listing")
			s.fillByHand(folder, "many", count)
			before := s.memory("VmHWM")
			var first, whole time.Duration
			b.ResetTimer()
			for range b.N {
				time.Sleep(1100 * time.Millisecond) // a listing is kept for a second
				r, err := http.NewRequest("PROPFIND", s.URL+"/dav/"+folder+"/many/", nil)
				if err != nil {
					b.Fatal(err)
				}
				r.SetBasicAuth("admin", servertest.AdminPassword)
				r.Header.Set("Depth", "1")
				start := time.Now()
				a, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				body := bufio.NewReader(a.Body)
				if _, err := body.ReadByte(); err != nil {
					b.Fatal(err)
				}
				first += time.Since(start)
				n, err := io.Copy(io.Discard, body)
				whole += time.Since(start)
				a.Body.Close()
				if err != nil || n < int64(count)*100 {
					b.Fatalf("%d bytes, %v", n, err)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(first.Seconds()*1000/float64(b.N), "ms-first-byte")
			b.ReportMetric(whole.Seconds()*1000/float64(b.N), "ms-whole")
			b.ReportMetric((s.memory("VmHWM")-before)/1e6, "MB-more-at-peak")
		})
	}
}

// A transfer of 512 MiB beside the same one with nothing but net/http and a file, in turns.
func BenchmarkPER4_GET7_LargeFiles(b *testing.B) {
	const size = 512 << 20
	s := newProcess(b, "--default-max-bytes", "0", "--sync", "none")
	target := s.URL + "/dav/" + s.folder("Large") + "/large"
	file := filepath.Join(b.TempDir(), "plain")
	plain := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			http.ServeFile(w, r, file)
			return
		}
		f, err := os.Create(file)
		if err == nil {
			_, err = io.Copy(struct{ io.Writer }{f}, r.Body)
			f.Close()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go plain.Serve(l)
	defer plain.Close()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	took := map[string]time.Duration{}
	for range b.N {
		for name, url := range map[string]string{"davit": target, "plain": "http://" + l.Addr().String() + "/"} {
			for _, method := range []string{"PUT", "GET"} {
				var body io.Reader
				if method == "PUT" {
					body = io.LimitReader(&repeating{block: block}, size)
				}
				r, err := http.NewRequest(method, url, body)
				if err != nil {
					b.Fatal(err)
				}
				r.ContentLength = 0
				if method == "PUT" {
					r.ContentLength = size
				}
				r.SetBasicAuth("admin", servertest.AdminPassword)
				start := time.Now()
				a, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, a.Body)
				a.Body.Close()
				if err != nil || a.StatusCode/100 != 2 || method == "GET" && n != size {
					b.Fatalf("%s %s: %s, %d bytes, %v", name, method, a.Status, n, err)
				}
				took[name+method] += time.Since(start)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, method := range []string{"PUT", "GET"} {
		b.ReportMetric(float64(b.N)*size/1e6/took["davit"+method].Seconds(), "MB/s-"+method)
		b.ReportMetric(took["plain"+method].Seconds()/took["davit"+method].Seconds(), "of-plain-"+method)
	}
}

// repeating is a block over and over.
type repeating struct {
	block []byte
	at    int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

// Durable uploads of 4 KiB by one client and by 64, and how often the disk can sync such a file.
func BenchmarkPER4_DurableUploads(b *testing.B) {
	s := newProcess(b, "--default-max-bytes", "0", "--default-max-files", "0", "--max-connections", "0")
	target := s.URL + "/dav/" + s.folder("Durable") + "/"
	dir := b.TempDir()
	body := bytes.Repeat([]byte("x"), 4096)
	var names atomic.Int64
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	upload := func() error {
		r, err := http.NewRequest("PUT", target+strconv.FormatInt(names.Add(1), 10), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.SetBasicAuth("admin", servertest.AdminPassword)
		a, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		a.Body.Close()
		if a.StatusCode != http.StatusCreated {
			return fmt.Errorf("PUT: %s", a.Status)
		}
		return nil
	}
	sync1 := func() error {
		f, err := os.Create(filepath.Join(dir, strconv.FormatInt(names.Add(1), 10)))
		if err != nil {
			return err
		}
		f.Write(body)
		err = f.Sync()
		f.Close()
		return err
	}
	// rate is how often work is done a second by that many at once.
	rate := func(clients int, work func() error) float64 {
		var done atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for range clients {
			wg.Go(func() {
				for time.Since(start) < time.Second {
					if err := work(); err != nil {
						b.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
		return float64(done.Load()) / time.Since(start).Seconds()
	}
	var one, many, disk1, disk float64
	for range b.N {
		disk1 += rate(1, sync1)
		one += rate(1, upload)
		many += rate(64, upload)
		disk += rate(64, sync1)
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(one/n, "1-client/s")
	b.ReportMetric(many/n, "64-clients/s")
	b.ReportMetric(many/one, "times-one-client")
	b.ReportMetric(disk1/n, "syncs/s-by-1")
	b.ReportMetric(disk/n, "syncs/s-by-64")
}

// A directory of 100,000 files for a page that shows it: the listing of the API, plain and packed, beside PROPFIND with the
// four properties that say the same.
func BenchmarkListing(b *testing.B) {
	const count = 100_000
	s := newProcess(b, "--default-max-files", "0")
	folder := s.folder("Listing")
	s.fillByHand(folder, "many", count)
	dav, api := s.URL+"/dav/"+folder+"/many/", s.URL+"/api/davit/folders/"+folder+"/files?path=/many"
	for _, c := range []struct{ name, method, url, body, accept string }{
		{"propfind", "PROPFIND", dav, `<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>`, "identity"},
		{"listing", "GET", api, "", "identity"},
		{"listing packed", "GET", api, "", "gzip"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var first, whole time.Duration
			var size int64
			cpu := s.cpu()
			for range b.N {
				time.Sleep(1100 * time.Millisecond) // PROPFIND keeps a listing for a second
				r, err := http.NewRequest(c.method, c.url, strings.NewReader(c.body))
				if err != nil {
					b.Fatal(err)
				}
				r.SetBasicAuth("admin", servertest.AdminPassword)
				r.Header.Set("Depth", "1")
				r.Header.Set("Accept-Encoding", c.accept)
				start := time.Now()
				a, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				body := bufio.NewReader(a.Body)
				if _, err := body.ReadByte(); err != nil {
					b.Fatal(err)
				}
				first += time.Since(start)
				size, err = io.Copy(io.Discard, body)
				whole += time.Since(start)
				a.Body.Close()
				if err != nil || size < count*5 {
					b.Fatalf("%d bytes, %v", size, err)
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(first.Seconds()*1000/float64(b.N), "ms-first-byte")
			b.ReportMetric(whole.Seconds()*1000/float64(b.N), "ms-whole")
			b.ReportMetric((s.cpu()-cpu).Seconds()*1000/float64(b.N), "ms-CPU")
			b.ReportMetric(float64(size)/1e6, "MB")
		})
	}
}
