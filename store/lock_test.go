package store_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"davit/store"
)

// BenchmarkSaveLock is LOCK and UNLOCK as 8 clients do them; cpu-µs/op is the
// processor time of the whole process for one of the two.
func BenchmarkSaveLock(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Path: filepath.Join(b.TempDir(), "db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	u, err := s.CreateUser(b.Context(), store.User{Name: "ann"})
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.CreateFolder(b.Context(), store.NewFolder{Folder: store.Folder{OwnerID: u.ID, Title: "docs"}})
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(8) // times GOMAXPROCS
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		id := n.Add(1)
		l := store.Lock{FolderID: f.ID, UserID: u.ID, OwnerXML: "<D:href>ann</D:href>", Timeout: time.Hour,
			Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		for i := 0; pb.Next(); i++ {
			if i%2 == 1 {
				if err := s.DeleteLocks(b.Context(), l.Token); err != nil {
					b.Error(err)
				}
				continue
			}
			l.Token = fmt.Sprintf("urn:uuid:%08x-0000-7000-8000-%012x", id, i)
			l.Path = fmt.Sprintf("dir/file-%d-%d.odt", id, i)
			if err := s.SaveLock(b.Context(), l); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
