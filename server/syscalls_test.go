package server_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"davit/server/servertest"
)

// traced is the program under strace.
type traced struct {
	*process
	log   string
	marks int
}

func newTraced(t *testing.T, args ...string) *traced {
	t.Helper()
	s := &traced{process: &process{servertest.Prepare(t, args...)}, log: filepath.Join(t.TempDir(), "calls")}
	s.Under = []string{servertest.Need(t, "strace", "strace"), "-f", "-qq", "-s", "200", "-o", s.log, "-e",
		"trace=statx,newfstatat,fstat,open,openat,openat2,getdents64,read,pread64,fcntl,sendfile,fsync,fdatasync"}
	t.Cleanup(func() {
		// strace that is killed leaves the program behind.
		pid := s.Cmd.Process.Pid
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				syscall.Kill(n, syscall.SIGKILL)
			}
		}
		if s.Exited != nil {
			<-s.Exited
		}
	})
	s.Start()
	return s
}

// mark asks for a missing file, so that a place in the log can be found again.
func (s *traced) mark(id string) string {
	s.T.Helper()
	s.marks++
	name := fmt.Sprintf("marker-%d", s.marks)
	s.must(404, "HEAD", "/dav/"+id+"/"+name, "", nil)
	return name
}

var call = regexp.MustCompile(`^\d+ +(\w+)\((.*)`)

// calls gives the arguments of the system calls between two marks, by the calls' names.
func (s *traced) calls(from, to string) map[string][]string {
	s.T.Helper()
	var found map[string][]string
	servertest.Within(s.T, 30*time.Second, "strace has written its log", func() bool {
		found = nil
		f, err := os.Open(s.log)
		if err != nil {
			return false
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			m := call.FindStringSubmatch(lines.Text())
			switch {
			case m == nil: // the rest of a call that was interrupted in the log
			case strings.Contains(m[2], `"`+from+`"`):
				found = map[string][]string{}
			case strings.Contains(m[2], `"`+to+`"`):
				return found != nil
			case found != nil:
				found[m[1]] = append(found[m[1]], m[2])
			}
		}
		return false
	})
	return found
}

// TestPER1_PER3_SystemCalls counts what a listing and a look for a missing name cost: PROPFIND with Depth 1 of
// N files, as the listing of the API, is one reading of the directory, at most one statx an entry, and nothing opened; the database is
// asked a number of times that does not depend on N. A missing name costs one look-up.
func TestPER1_PER3_SystemCalls(t *testing.T) {
	s := newTraced(t)
	id := s.folder("Home", "--max-files", "0")
	const few, many = 10, 1000
	for name, n := range map[string]int{"few": few, "many": many} {
		dir := filepath.Join(s.Data, "files", id, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%04d.txt", name, i)), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func(name, body string) map[string][]string {
		from := s.mark(id)
		var got int
		if body == "listing" {
			a := s.must(200, "GET", "/api/davit/folders/"+id+"/files?path=/"+name, "", nil)
			got = strings.Count(a.body, `"type":"file"`)
		} else {
			a := s.must(207, "PROPFIND", "/dav/"+id+"/"+name+"/", body, map[string]string{"Depth": "1"})
			got = strings.Count(a.body, "<D:response>") - 1
		}
		if got != map[string]int{"few": few, "many": many}[name] {
			t.Fatalf("%s: %d members", name, got)
		}
		return s.calls(from, s.mark(id))
	}
	opens := func(calls map[string][]string) []string {
		return append(append(calls["open"], calls["openat"]...), calls["openat2"]...)
	}
	database := func(calls map[string][]string) int { return len(calls["pread64"]) + len(calls["fcntl"]) }
	for name, body := range map[string]string{
		"allprop":     "",
		"listing API": "listing",
		"named": `<propfind xmlns="DAV:"><prop><getetag/><getcontenttype/><lockdiscovery/><quota-used-bytes/><owner/>` +
			`<executable xmlns="http://apache.org/dav/props/"/><permissions xmlns="http://owncloud.org/ns"/><dead xmlns="x:"/></prop></propfind>`,
	} {
		small, large := list("few", body), list("many", body)
		stats := map[string]int{}
		total := len(large["statx"]) + len(large["newfstatat"])
		for _, arg := range append(large["statx"], large["newfstatat"]...) {
			if m := regexp.MustCompile(`"(many-\d+\.txt)"`).FindStringSubmatch(arg); m != nil {
				stats[m[1]]++
			}
		}
		for file, n := range stats {
			if n > 1 {
				t.Errorf("%s: %d looks at %s", name, n, file)
			}
		}
		if t.Logf("%s: %d looks, %d readings of the directory, %d opened, %d calls for the database", name, total, len(large["getdents64"]), len(opens(large)), database(large)); total > many+5 || len(stats) != many {
			t.Errorf("%s: %d looks for %d entries", name, total, many)
		}
		if n := len(large["getdents64"]); n == 0 || n > 3 {
			t.Errorf("%s: the directory was read in %d calls", name, n)
		}
		for _, arg := range opens(large) {
			if strings.Contains(arg, "many-") {
				t.Errorf("%s: opened %s", name, arg)
			}
		}
		if n := len(opens(large)); n > len(opens(small))+1 {
			t.Errorf("%s: %d files opened: %q", name, n, opens(large))
		}
		// Each query takes and gives back a lock on the file. The server looks for changes by others once a
		// second, hence not the same number.
		if n := database(large) - database(small); n > 60 {
			t.Errorf("%s: the listing of %d files makes %d more calls for the database than one of %d", name, many, n, few)
		}
	}
	for _, method := range []string{"HEAD", "GET", "PROPFIND"} {
		for _, name := range []string{"._many", ".hidden", "desktop.ini"} {
			from := s.mark(id)
			s.must(404, method, "/dav/"+id+"/"+name, "", map[string]string{"Depth": "0"})
			calls := s.calls(from, s.mark(id))
			looks := 0
			for _, arg := range append(append(calls["statx"], calls["newfstatat"]...), opens(calls)...) {
				if strings.Contains(arg, `"`+name+`"`) {
					looks++
				}
			}
			if looks != 1 {
				t.Errorf("%s of the missing %s looks %d times", method, name, looks)
			}
		}
	}
}
