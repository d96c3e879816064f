package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"davit/server/servertest"
)

// TestD10_KillWorkspace kills the server while many write to the folders of one workspace, at its quota and on two file
// systems, and while a file goes from one to the other and back. Never is there more than the quota, the account is what is on
// the disks, and the file is in one place.
func TestD10_KillWorkspace(t *testing.T) {
	const quota = 200_000
	kills := 8
	if servertest.Long {
		kills = 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	disk, err := os.MkdirTemp("/dev/shm", "davit-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(disk) })
	file := filepath.Join(t.TempDir(), "davit.yaml")
	text := "products:\n- {id: std, category: all}\n- {id: fast, category: all, volume: " + disk + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newProcess(t, "--config", file)
	if code, _, errs := s.Run("user", "quota", "admin", fmt.Sprint(quota)); code != 0 {
		t.Fatal(errs)
	}
	ids := []string{s.folder("one", "--max-bytes", "0", "--max-files", "0"), s.folder("two", "--max-bytes", "0", "--max-files", "0"),
		s.folder("three", "--product", "fast", "--max-bytes", "0", "--max-files", "0")}
	traveller := strings.Repeat("0123456789", 2000)
	servertest.Within(t, 5*time.Second, "the quota holds", func() bool {
		return strings.Contains(s.must(200, "GET", "/api/davit/workspaces/me/quota", "", nil).body, fmt.Sprintf(`"maxBytes":%d`, quota))
	})
	servertest.Within(t, 5*time.Second, "the folders are there", func() bool {
		return s.do("PUT", "/dav/"+ids[0]+"/traveller", traveller, nil).status < 300 && s.do("PUT", "/dav/"+ids[2]+"/x", "", nil).status < 300 &&
			s.do("PUT", "/dav/"+ids[1]+"/x", "", nil).status < 300
	})
	var mu sync.Mutex
	counts := map[int]int{}
	for n := range kills {
		var load sync.WaitGroup
		for i := range 6 {
			load.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(1000*n+i)))
				for {
					name := fmt.Sprint("/dav/", ids[rnd.IntN(3)], "/", rnd.IntN(5))
					var r response
					var err error
					switch rnd.IntN(6) {
					case 0:
						r, err = s.send(t.Context(), "DELETE", name, strings.NewReader(""))
					case 1:
						to := fmt.Sprint("/dav/", ids[rnd.IntN(3)], "/", rnd.IntN(5))
						r, err = s.send(t.Context(), "MOVE", name, strings.NewReader(""), "Destination", s.URL+to)
					default:
						r, err = s.send(t.Context(), "PUT", name, strings.NewReader(strings.Repeat("x", rnd.IntN(40_000))))
					}
					if err != nil {
						return // killed
					}
					mu.Lock()
					counts[r.status]++
					mu.Unlock()
				}
			})
		}
		load.Go(func() {
			for i := 0; ; i++ {
				from, to := "/dav/"+ids[0]+"/traveller", "/dav/"+ids[2]+"/traveller"
				if i%2 == 1 {
					from, to = to, from
				}
				if _, err := s.send(t.Context(), "MOVE", from, strings.NewReader(""), "Destination", s.URL+to); err != nil {
					return
				}
			}
		})
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		s.Kill()
		load.Wait()
		s.Start()
		held, places := int64(0), 0
		for _, id := range ids {
			dir := filepath.Join(s.Data, "files", id)
			if id == ids[2] {
				dir = filepath.Join(disk, "files", id)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil {
					t.Fatal(err)
				}
				held += info.Size()
				if e.Name() == "traveller" {
					places++
					if got, err := os.ReadFile(filepath.Join(dir, e.Name())); err != nil || string(got) != traveller {
						t.Errorf("the file that travels has %d bytes, %v", len(got), err)
					}
				}
			}
		}
		if held > quota {
			t.Errorf("%d bytes on the disks, the quota is %d", held, quota)
		}
		if places != 1 {
			t.Errorf("the file that travels is in %d places", places)
		}
		servertest.Within(t, 10*time.Second, "the account is what is on the disks", func() bool {
			return strings.Contains(s.must(200, "GET", "/api/davit/workspaces/me/quota", "", nil).body, fmt.Sprintf(`"usedBytes":%d,"reservedBytes":0,`, held))
		})
		if t.Failed() {
			t.Fatalf("after kill %d of %d", n+1, kills)
		}
	}
	t.Logf("answers %v", counts)
	if counts[507] == 0 || counts[201]+counts[204] < 10*kills {
		t.Errorf("answers %v: that is no load at the limit", counts)
	}
	s.Stop()
	if code, out, errs := s.Run("check"); code != 0 {
		t.Errorf("davit check: exit %d\n%s%s", code, out, errs)
	}
}
